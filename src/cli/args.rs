//! What can be written on the command line. Every flag of `run` has an environment variable `FLEETSIM_…`.

use super::emit::Emit;
use super::precision::PrecisionArguments;
use super::sharding::ShardArguments;
use crate::units::SimDuration;
use crate::workload::Distribution;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Cost and waits of GitLab CI runner fleets on Amazon EKS with Karpenter.
#[derive(Debug, Parser)]
#[command(name = "fleetsim", version, propagate_version = true, max_term_width = 110)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say less: no progress, no notes.
    #[arg(short, long, global = true, env = "FLEETSIM_QUIET")]
    pub quiet: bool,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", env = "FLEETSIM_COLOR")]
    pub color: When,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Simulate the fleets of a scenario and compare them.
    Run(RunArguments),
    /// Write a manifest that shares a run or a sweep out over the machines of an engine.
    Shards(super::shards::ShardsArguments),
    /// Put the part files of `run --shard` together: the same results as one run, or what is missing.
    Merge(super::merge::MergeArguments),
    /// Simulate a scenario with many values of some keys.
    Sweep(super::sweep::SweepArguments),
    /// Find the cheapest configuration that keeps the objectives.
    Recommend(super::recommend::RecommendArguments),
    /// Compare fleets of scenarios and of earlier results, all differences judged together.
    Compare(super::compare::CompareArguments),
    /// Say what energy and emissions the nodes of fleets cause, and how doubtful that is.
    Carbon(super::carbon::CarbonArguments),
    /// Find the Savings Plan or Reserved Instances that pay for what fleets run on demand.
    Commit(super::commit::CommitArguments),
    /// The gate for pipelines: objectives kept, and no worse than a baseline? Exit codes 10, 11 and 12 say what is not.
    Check(super::check::CheckArguments),
    /// Keep the values of every replication, to compare with later.
    #[command(subcommand)]
    Baseline(super::baseline::BaselineCommand),
    /// Check scenarios: every mistake at once; with --lint every costly surprise too.
    Validate(ValidateArguments),
    /// Say why: of a job, a node, a decision, waits, costs; or what a code, a metric or a key means.
    Explain(super::explain::ExplainArguments),
    /// Write a commented starter scenario.
    Init(InitArguments),
    /// Turn what people have into scenario text or a trace: NodePools, runner configurations, Helm values and pipelines
    /// as they are, exports of GitLab, GitHub and others by a subcommand.
    Import(super::import::ImportArguments),
    /// Describe a trace as a synthetic workload, in a scenario that runs at once.
    Fit(super::fit::FitArguments),
    /// Compare the waits of a recorded trace with those that its fleet has in the simulation.
    Calibrate(super::calibrate::CalibrateArguments),
    /// Show what the embedded price catalogue knows.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Print the JSON Schema of scenarios, for editors.
    Schema,
    /// Print a part of the reference as Markdown: what stands in `docs/reference`.
    Reference {
        /// The part.
        part: super::reference::ReferencePart,
    },
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `run`.
#[derive(Args, Debug)]
pub(super) struct RunArguments {
    /// Scenario file.
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Change a key, as `--set node_pool.ci.disruption.consolidate_after=5m`; `fleet.NAME.KEY` changes one fleet.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random draws, in place of the scenario's.
    #[arg(long, env = "FLEETSIM_SEED")]
    pub seed: Option<u64>,
    /// Replications per fleet, in place of the scenario's.
    #[arg(long, visible_alias = "replications", value_name = "N", env = "FLEETSIM_REPS",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reps: Option<u32>,
    /// Threads; default is one per processor. The results do not depend on it.
    #[arg(short, long, value_name = "N", env = "FLEETSIM_JOBS",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write all results into DIR/SCENARIO.
    #[arg(short, long, value_name = "DIR", env = "FLEETSIM_OUT", default_value = "reports")]
    pub out: PathBuf,
    /// Write no files: the answer on the terminal only.
    #[arg(long, env = "FLEETSIM_NO_FILES")]
    pub no_files: bool,
    /// Leave out `jobs.csv` and `nodes.csv`, which hold every job and node of the first replication.
    #[arg(long, env = "FLEETSIM_NO_DETAIL")]
    pub no_detail: bool,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", env = "FLEETSIM_FLEET", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Put the charts of an earlier `fleetsim sweep`, as a tornado of assumptions, on the page too: its result folder.
    #[arg(long, value_name = "DIR", env = "FLEETSIM_SWEEP", conflicts_with = "no_files")]
    pub sweep: Option<PathBuf>,
    /// Say how long each part took.
    #[arg(long, env = "FLEETSIM_TIMINGS")]
    pub timings: bool,
    /// How to show progress.
    #[arg(long, value_name = "HOW", default_value = "auto", env = "FLEETSIM_PROGRESS")]
    pub progress: Progress,
    /// Show pending jobs, running jobs and nodes of each fleet while its runs go on, before the answer.
    #[arg(long, env = "FLEETSIM_LIVE", conflicts_with = "progress")]
    pub live: bool,
    /// How to print the answer.
    #[arg(long, value_name = "FORMAT", default_value = "table", env = "FLEETSIM_FORMAT")]
    pub format: Format,
    /// Files for CI, as `--emit junit=junit.xml,note=note.md`: junit, metrics, codequality, dotenv, annotations, note; or
    /// `all=DIR`.
    #[arg(long, value_name = "KIND=FILE", env = "FLEETSIM_EMIT", value_delimiter = ',')]
    pub emit: Vec<Emit>,
    /// How sure.
    #[command(flatten)]
    pub precision: PrecisionArguments,
    /// Which share.
    #[command(flatten)]
    pub sharing: ShardArguments,
}

/// `validate`.
#[derive(Args, Debug)]
pub(super) struct ValidateArguments {
    /// Scenario files; NodePools, runner `config.toml` and Helm values too, together as one fleet with typical jobs.
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print the scenario with every default filled in.
    #[arg(long)]
    pub resolved: bool,
    /// Look for costly surprises too: a short simulation of each fleet says what is there and what its repair is worth.
    #[arg(long)]
    pub lint: bool,
    /// As --lint, and end with exit code 13 if there is a surprise.
    #[arg(long)]
    pub strict: bool,
    /// A Code Quality report of the mistakes and surprises for GitLab: `--emit codequality=codequality.json`.
    #[arg(long, value_name = "codequality=FILE", env = "FLEETSIM_EMIT_CODEQUALITY", value_parser = super::validate::code_quality_file)]
    pub emit: Option<PathBuf>,
}

/// `init`.
#[derive(Args, Debug)]
pub(super) struct InitArguments {
    /// Folder to write into; created where it does not exist.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Overwrite files that exist.
    #[arg(long)]
    pub force: bool,
}

/// `import`.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Job exports of any kind into a trace; the kind is found out for each file.
    Jobs(ImportJobsArguments),
    /// Jobs of GitLab's API or of its webhooks into a trace.
    GitlabJobs(ImportJobsArguments),
    /// Answers of GitHub's `actions/runs/*/jobs` into a trace.
    GithubJobs(ImportJobsArguments),
    /// Builds of Buildkite's API into a trace.
    Buildkite(ImportJobsArguments),
    /// `kubectl get pods -o json` into a trace.
    K8sPods(ImportJobsArguments),
    /// A log in the Standard Workload Format into a trace.
    Swf(ImportJobsArguments),
    /// A trace with fleetsim's own columns into another one, to map or to anonymise it.
    Csv(ImportJobsArguments),
}

/// `import jobs` and its kin.
#[derive(Args, Debug)]
pub(super) struct ImportJobsArguments {
    /// Exports, plain or gzip, `-` for standard input; several are pages of one export and may overlap.
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Trace to write, compressed where it ends in .gz; default is standard output.
    #[arg(short, long, value_name = "TRACE")]
    pub out: Option<PathBuf>,
    /// TOML with [[rule]] tables that say what jobs need, by their names, stages, pipelines and tags.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Replace names and numbers by keyed hashes and shift all times by whole weeks. Tags, stages and states stay.
    #[arg(long)]
    pub anonymize: bool,
    /// Secret key of the hashes.
    #[arg(
        long,
        value_name = "KEY",
        requires = "anonymize",
        env = "FLEETSIM_ANONYMIZE_KEY",
        hide_env_values = true
    )]
    pub anonymize_key: Option<String>,
    /// What recorded durations hold beside the script (the wait for the pod, image pulls), as `20s,90s`: it is drawn for each
    /// job and taken off, because the simulation adds its own.
    #[arg(long, value_name = "P50,P95", value_parser = observed_startup)]
    pub observed_startup: Option<Distribution>,
    /// What happens to records that cannot be used.
    #[arg(long, value_name = "WHAT", default_value = "drop")]
    pub bad_rows: BadRowsChoice,
    /// Overwrite a trace that exists.
    #[arg(long)]
    pub force: bool,
}

/// Median and 95th percentile of a span, as `20s,90s`.
fn observed_startup(text: &str) -> Result<Distribution, String> {
    let expected = || "expected the median and the 95th percentile, such as 20s,90s".to_owned();
    let (p50, p95) = text.split_once(',').ok_or_else(expected)?;
    let span = |text: &str| text.trim().parse::<SimDuration>().map_err(|_| expected());
    Distribution::log_normal(span(p50)?, span(p95)?).map_err(|error| error.to_string())
}

/// What happens to records that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BadRowsChoice {
    /// The first is an error.
    Refuse,
    /// They are left out and counted.
    Drop,
}

/// `catalog`.
#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// Everything about one instance type.
    Show {
        /// Instance type, such as m7g.xlarge.
        instance_type: String,
        /// AWS region.
        #[arg(long, default_value = "eu-central-1", env = "FLEETSIM_REGION")]
        region: String,
        /// How to print it.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: Format,
    },
    /// The instance types of a region.
    List(ListArguments),
    /// In what the embedded catalogue differs from files that AWS gives to everybody.
    Diff(super::catalog_files::DownloadArguments),
    /// Look for slips and old figures in the embedded catalogue.
    Verify(super::catalog_files::VerifyArguments),
    /// Turn files that AWS gives to everybody into prices for scenarios.
    Refresh(super::catalog_files::RefreshArguments),
}

/// `catalog list`.
#[derive(Args, Debug)]
pub(super) struct ListArguments {
    /// AWS region.
    #[arg(long, default_value = "eu-central-1", env = "FLEETSIM_REGION")]
    pub region: String,
    /// Only this architecture.
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<ArchName>,
    /// Only these families.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    pub family: Vec<String>,
    /// At least so many vCPUs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_vcpus: u32,
    /// At most so many vCPUs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_vcpus: u32,
    /// Bare metal and unusual families too.
    #[arg(long)]
    pub all: bool,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// An architecture on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ArchName {
    /// x86-64.
    #[value(alias = "x86", alias = "x86_64")]
    Amd64,
    /// Graviton.
    #[value(alias = "graviton", alias = "aarch64")]
    Arm64,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On terminals, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// A bar on terminals, else nothing.
    Auto,
    /// A line now and then.
    Plain,
    /// Jobs and nodes of each fleet, as `run --live`.
    Live,
    /// Nothing.
    None,
}

/// How to print an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people.
    Table,
    /// JSON.
    Json,
    /// Comma separated values.
    Csv,
    /// A Markdown table.
    Md,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

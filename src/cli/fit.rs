//! `fleetsim fit`: a trace as a synthetic workload in a scenario that runs at once.

use super::args::BadRowsChoice;
use super::exit::{Exit, Failed};
use super::files::write_file;
use super::import_jobs::{bad_rows, import_options, open};
use super::terminal::{Terminal, answer};
use crate::engine::Streams;
use crate::report::import_account_text;
use crate::scenario::import::{Check, fitted_scenario};
use crate::scenario::{self, import_problem};
use crate::units::SimDuration;
use crate::workload::{FitOptions, GroupBy, ImportKind, TraceFit, WorkloadFigures, import_jobs};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Synthetic runs that a fit is compared with.
const CHECKS: u32 = 10;

/// Shown below the options by `--help`.
const HELP: &str = "\
Describes a trace by what a synthetic workload needs, with how well it describes it, and writes a scenario with a fleet \
to begin with:

  fleetsim fit jobs.json.gz --map map.toml --time-zone Europe/Berlin -o fitted.toml
  fleetsim run fitted.toml

What is fitted:

- Arrivals of pipelines per hour of the week. Where data are thin, an hour is drawn towards day times hour of the day, \
  and these towards the mean (empirical Bayes), so that three weeks of a small project do not become 168 random numbers.

- Burstiness: the coefficient of variation of the hourly rate around the profile, from the variance of the hourly counts.

- Pipelines: a few shapes, each with stages and so many jobs of each class. Where the trace names no pipelines, jobs \
  that come close together are taken for one batch, if gaps between jobs are clearly of two kinds.

- Durations of each class of jobs: constant, lognormal, a mixture of up to three lognormals (by Bayes' information \
  criterion), or quantiles as measured where these do not hold. Every second job is fitted and the others are tested.

- Requests, failure share, tags and architecture of each class; what the trace does not say is assumed and marked.

The heading of the scenario has all figures, and compares the trace with synthetic runs of its length.";

/// `fit`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct FitArguments {
    /// Traces or job exports, plain or gzip, `-` for standard input; several are pages of one export and may overlap.
    #[arg(required = true, value_name = "TRACE")]
    pub inputs: Vec<PathBuf>,
    /// Scenario to write; default is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Overwrite the file of `--out`.
    #[arg(long)]
    pub force: bool,
    /// What the files are; found out for each where it is not given.
    #[arg(long, value_name = "FORMAT", visible_alias = "kind")]
    pub format: Option<FormatName>,
    /// TOML with [[rule]] tables that say what jobs need, by their names, stages, pipelines and tags.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// What happens to records that cannot be used.
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub bad_rows: BadRowsChoice,
    /// By what jobs are told apart.
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    pub by: ByName,
    /// Most classes of jobs; the most similar ones of a stage are joined.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub classes: u16,
    /// Most shapes of pipelines.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub shapes: u16,
    /// Time zone of the weekly profile: that of the people who start the pipelines.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub time_zone: String,
}

/// The kind of a job export on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FormatName {
    /// GitLab's jobs API, or its job webhooks.
    GitlabJobs,
    /// GitHub's `actions/runs/*/jobs`.
    GithubJobs,
    /// Buildkite's builds API.
    Buildkite,
    /// `kubectl get pods -o json`.
    K8sPods,
    /// The Standard Workload Format.
    Swf,
    /// A trace with fleetsim's own columns.
    #[value(alias = "trace")]
    Csv,
}

/// By what jobs are told apart, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ByName {
    /// The class of --map, else the name, else tags, else the stage.
    Auto,
    /// The class of --map.
    Class,
    /// The name, without number of a parallel copy and matrix values.
    Name,
    /// The runner tags.
    Tags,
    /// The stage.
    Stage,
    /// Not at all: one class per stage and architecture.
    All,
}

/// Fits and writes the scenario; its heading also goes to the terminal.
pub(super) fn fit(arguments: &FitArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let zone = TimeZone::get(&arguments.time_zone)
        .map_err(|error| Failed::Usage(format!("--time-zone `{}`: {error}", arguments.time_zone)))?;
    let kind = arguments.format.map(|format| match format {
        FormatName::GitlabJobs => ImportKind::GitlabJobs,
        FormatName::GithubJobs => ImportKind::GithubJobs,
        FormatName::Buildkite => ImportKind::Buildkite,
        FormatName::K8sPods => ImportKind::K8sPods,
        FormatName::Swf => ImportKind::Swf,
        FormatName::Csv => ImportKind::Trace,
    });
    let options = import_options(kind, arguments.map.as_deref(), bad_rows(arguments.bad_rows))?;
    let names: Vec<String> = arguments.inputs.iter().map(|path| path.display().to_string()).collect();
    let files = names.iter().zip(&arguments.inputs).map(|(name, path)| (name.as_str(), open(path)));
    let (table, account) =
        import_jobs(files, &options).map_err(|error| Failed::Input(vec![import_problem(&error)]))?;
    if terminal.verbose > 0 {
        terminal.detail(import_account_text(&account).trim_end());
    }
    let options = FitOptions {
        by: match arguments.by {
            ByName::Auto => GroupBy::Auto,
            ByName::Class => GroupBy::Class,
            ByName::Name => GroupBy::Name,
            ByName::Tags => GroupBy::Tags,
            ByName::Stage => GroupBy::Stage,
            ByName::All => GroupBy::All,
        },
        most_classes: usize::from(arguments.classes),
        most_shapes: usize::from(arguments.shapes),
        time_zone: zone,
    };
    let fit = TraceFit::of(&table, &options)
        .map_err(|error| Failed::Unreadable(format!("{}: {error}", names.join(", "))))?;
    let name = names.join(", ");
    let check = checked(&fit, &fitted_scenario(&fit, &name, None))?;
    let text = fitted_scenario(&fit, &name, Some(&check));
    match &arguments.out {
        Some(path) => {
            write_file(path, text.as_bytes(), arguments.force)?;
            let heading = text.lines().take_while(|line| line.starts_with('#'));
            let heading: Vec<&str> =
                heading.map(|line| line.strip_prefix("# ").unwrap_or_default()).collect();
            terminal.note(&format!("{}\n\nfleetsim run {}", heading.join("\n"), path.display()));
        }
        None => answer(&text)?,
    }
    Ok(Exit::Success)
}

/// What the fitted workload makes of itself over as long as the trace has been.
fn checked(fit: &TraceFit, text: &str) -> Result<Check, Failed> {
    let hours = (fit.arrivals.weeks * 168.0).ceil().max(1.0) as u64;
    let set = [format!("horizon={hours}h")];
    let mut files = |_: &str| Err("a fitted scenario names no file".to_owned());
    let scenario = scenario::resolve_with(text, "fitted.toml", &set, &mut files).map_err(Failed::Input)?;
    let failed = |error: &dyn std::fmt::Display| Failed::Output(error.to_string());
    let mut runs = Vec::new();
    for run in 0..CHECKS {
        let arrivals =
            scenario.fleets[0].arrivals(Streams::new(scenario.seed, run)).map_err(|error| failed(&error))?;
        let until = SimDuration::from_hours(hours);
        runs.push(WorkloadFigures::of_arrivals(arrivals, until).map_err(|error| failed(&error))?);
    }
    Ok(Check { synthetic: WorkloadFigures::mean_of(&runs), runs: CHECKS })
}

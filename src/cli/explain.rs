//! `fleetsim explain`: a deterministic re-run of one replication that says why, and what codes, metrics and keys mean.

use super::args::{Format, Progress};
use super::exit::{Exit, Failed};
use super::explain_groups::{self, GroupName};
use super::explain_topic::topic;
use super::interrupt;
use super::results::{names, slowest};
use super::run::read;
use super::simulate::{How, simulate_all};
use super::terminal::{Terminal, answer, width};
use super::what_if::{self, Change};
use crate::engine::Streams;
use crate::experiment::{Confidence, ExperimentSummary, Units, summarise};
use crate::metrics::{GaugeKey, RunOutcome, WaitCause};
use crate::report::{
    CostSide, ExplainedRun, ExplanationFormat, WaitFacts, WhatIf, chosen_fleet, explain_cost,
    explain_decision, explain_job, explain_node, explain_wait, idlest_node, longest_wait,
};
use crate::scenario::{Fleet, Scenario};
use crate::simulation::{Explained, FinishedRun, Keep, simulate_explained};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `explain`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ExplainArguments {
    /// What is to be explained.
    #[command(subcommand)]
    pub what: Option<ExplainCommand>,
    /// A code such as FS0004, a metric such as wait_p95, or a key such as node_pool.disruption.consolidate_after.
    #[arg(required = true, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// How to print the answer.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// What is explained by a run.
#[derive(Debug, Subcommand)]
pub(super) enum ExplainCommand {
    /// A job's life line: what happened to it, when, and why it waited.
    Job {
        /// Number of the job, as in the column `job` of jobs.csv, or `longest`.
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: RunOf,
    },
    /// What jobs wait for, on average and in the tail, and what would shorten the tail.
    Wait {
        #[command(flatten)]
        of: RunOf,
        /// Replications.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
        reps: u32,
        /// Try no changes of the fleet.
        #[arg(long)]
        no_what_if: bool,
    },
    /// Why one fleet costs more than another.
    Cost {
        /// Scenario file.
        #[arg(value_name = "SCENARIO")]
        scenario: PathBuf,
        /// The two fleets; default are the baseline and the one that a run would choose.
        #[arg(long, value_name = "FROM,TO", value_delimiter = ',')]
        fleet: Vec<String>,
        /// For whom the fleet's money is paid instead: its bill by class, team, project, pipeline, arch or capacity type. By class and
        /// with two fleets: the speed at which each class breaks even.
        #[arg(long, value_enum, value_name = "GROUP")]
        by: Option<GroupName>,
        /// Replications.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
        reps: u32,
        /// Change a key, as in `run`.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// How to print the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: Format,
    },
    /// A node's life line: why it was launched, why it stood, why it went.
    Node {
        /// Number of the node, as in the column `node` of nodes.csv, or `idlest`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        of: RunOf,
        /// Why was it there then? A span since the start (1d10h30m), or "Mon 10:30".
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// A decision: why Karpenter took this type or removes these nodes, why kube-scheduler preempts, why Cluster Autoscaler
    /// enlarges this group.
    Decision {
        /// Number of the decision, as life lines of jobs and nodes show it.
        #[arg(value_name = "N")]
        number: usize,
        #[command(flatten)]
        of: RunOf,
    },
}

/// Which run.
#[derive(Args, Debug)]
pub(super) struct RunOf {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// The fleet; default is the baseline.
    #[arg(long, value_name = "NAME")]
    pub fleet: Option<String>,
    /// The replication, as in jobs.csv: 0 is the first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub rep: u32,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How to print the answer. JSON and CSV carry their schema, fleetsim.explanation/1.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// How the report is to write an answer.
fn written(format: Format) -> ExplanationFormat {
    match format {
        Format::Table => ExplanationFormat::Text(width()),
        Format::Md => ExplanationFormat::Markdown,
        Format::Json => ExplanationFormat::Json,
        Format::Csv => ExplanationFormat::Csv,
    }
}

/// Explains.
pub(super) fn explain(arguments: &ExplainArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let text = match (&arguments.what, &arguments.topic) {
        (None, Some(topic_name)) => topic(topic_name, written(arguments.format)).map_err(Failed::Usage)?,
        (Some(ExplainCommand::Job { id, of }), _) => explained(of, |run| {
            let build = match id.as_str() {
                "longest" => longest_wait(run).ok_or("no job's script started")?,
                id => id.parse().map_err(|_| format!("`{id}` is no number of a job, nor `longest`"))?,
            };
            explain_job(run, build, written(of.format))
        })?,
        (Some(ExplainCommand::Node { name, of, at }), _) => explained(of, |run| {
            let node = match name.as_str() {
                "idlest" => idlest_node(run).ok_or("there was no node")?,
                name => name.parse().map_err(|_| format!("`{name}` is no number of a node, nor `idlest`"))?,
            };
            let at = at.as_deref().map(|text| run.instant(text)).transpose()?;
            explain_node(run, node, at, written(of.format))
        })?,
        (Some(ExplainCommand::Decision { number, of }), _) => {
            explained(of, |run| explain_decision(run, *number, written(of.format)))?
        }
        (Some(ExplainCommand::Wait { of, reps, no_what_if }), _) => wait(of, *reps, !no_what_if, terminal)?,
        (Some(ExplainCommand::Cost { scenario, fleet, by, reps, set, format }), _) => {
            let scenario = with_reps(read(scenario, set, &[])?, *reps);
            match by {
                Some(by) => explain_groups::cost_by(scenario, fleet, *by, written(*format), terminal)?,
                None => cost(scenario, fleet, written(*format), terminal)?,
            }
        }
        (None, None) => return Err(Failed::Usage("what is to be explained?".to_owned())),
    };
    answer(&text)?;
    Ok(Exit::Success)
}

fn with_reps(mut scenario: Scenario, reps: u32) -> Scenario {
    scenario.replications = reps;
    scenario
}

/// The scenario with the one fleet that is asked for, else with its baseline.
fn of_one_fleet(of: &RunOf) -> Result<Scenario, Failed> {
    let mut scenario = read(&of.scenario, &of.set, &[])?;
    let name = of.fleet.clone().unwrap_or_else(|| scenario.fleets[scenario.baseline].name.clone());
    scenario.keep_fleets(&[name]).map_err(Failed::Usage)?;
    Ok(scenario)
}

/// Runs one replication again, with reasons, and lets `say` word what is asked for.
fn explained(
    of: &RunOf,
    say: impl FnOnce(&ExplainedRun<'_>) -> Result<String, String>,
) -> Result<String, Failed> {
    let scenario = of_one_fleet(of)?;
    with_explained(&scenario, &scenario.fleets[0], of.rep, |run| say(run).map_err(Failed::Usage))
}

fn with_explained<T>(
    scenario: &Scenario,
    fleet: &Fleet,
    replication: u32,
    then: impl FnOnce(&ExplainedRun<'_>) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let (run, reasons) = run_explained(scenario, fleet, replication)?;
    then(&ExplainedRun {
        fleet: &fleet.name,
        replication,
        start: &scenario.start,
        plan: &fleet.plan,
        names: &names(fleet),
        run: &run,
        reasons: &reasons,
    })
}

/// One replication of a fleet with every job, node and reason.
pub(super) fn run_explained(
    scenario: &Scenario,
    fleet: &Fleet,
    replication: u32,
) -> Result<(FinishedRun, Vec<Explained>), Failed> {
    let streams = Streams::new(scenario.seed, replication);
    let keep = Keep { jobs: true, nodes: true };
    fleet
        .arrivals(streams)
        .and_then(|arrivals| simulate_explained(&fleet.plan, streams, arrivals, keep))
        .map_err(|error| Failed::Output(error.to_string()))
}

/// How many of the slowest jobs are listed.
const SLOWEST: usize = 5;

fn wait(of: &RunOf, reps: u32, is_to_try: bool, terminal: Terminal) -> Result<String, Failed> {
    let scenario = with_reps(of_one_fleet(of)?, reps);
    let name = scenario.fleets[0].name.clone();
    let changes = if is_to_try { what_if::shorter_waits(&of.scenario, &of.set, &name)? } else { Vec::new() };
    let (summary, tried) = what_if::compared(&of.scenario, &of.set, scenario.clone(), &changes, terminal)?;
    let slowest_jobs = with_explained(&scenario, &scenario.fleets[0], 0, |run| Ok(slow_jobs(run)))?;
    let path = of.scenario.display();
    let facts = WaitFacts {
        fleet: &summary.fleets[0],
        start: &scenario.start,
        slowest: slowest_jobs,
        ask: format!("fleetsim explain job ID {path} --fleet {name}"),
    };
    let what_ifs: Vec<WhatIf<'_>> = tried
        .iter()
        .zip(&summary.fleets[1..])
        .map(|(change, fleet): (&Change, _)| WhatIf { change: change.words.clone(), fleet })
        .collect();
    Ok(explain_wait(&facts, &what_ifs, written(of.format)))
}

type SlowJob = (u32, String, crate::units::SimDuration, WaitCause, crate::units::SimDuration);

fn slow_jobs(run: &ExplainedRun<'_>) -> Vec<SlowJob> {
    let of = |job: &crate::metrics::JobRecord| {
        let cause =
            WaitCause::ALL.into_iter().max_by_key(|cause| job.wait.of(*cause)).expect("there are causes");
        let class = run.run.classes.get(job.class as usize).cloned().unwrap_or_default();
        (job.ordinal, class, job.wait.total(), cause, job.wait.of(cause))
    };
    slowest(&run.run.outcome, SLOWEST).into_iter().map(of).collect()
}

fn cost(
    mut scenario: Scenario,
    fleets: &[String],
    format: ExplanationFormat,
    terminal: Terminal,
) -> Result<String, Failed> {
    let baseline = scenario.fleets[scenario.baseline].name.clone();
    let (from, to) = match fleets {
        [] => (baseline, None),
        [to] => (baseline, Some(to.clone())),
        [from, to] => (from.clone(), Some(to.clone())),
        _ => return Err(Failed::Usage("--fleet takes two fleets: FROM,TO".to_owned())),
    };
    if let Some(to) = &to {
        scenario.keep_fleets(&[from.clone(), to.clone()]).map_err(Failed::Usage)?;
    }
    let at = |scenario: &Scenario, name: &str| scenario.fleets.iter().position(|fleet| fleet.name == name);
    scenario.baseline = at(&scenario, &from).unwrap_or(0);
    let (summary, units) = summarised(&scenario, terminal)?;
    let other = match &to {
        Some(to) => at(&scenario, to).unwrap_or(0),
        None => chosen_fleet(&summary, &scenario.objectives),
    };
    if other == scenario.baseline {
        let known: Vec<&str> = scenario.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
        return Err(Failed::Usage(format!(
            "there is nothing to compare {from} with; name two of {} with --fleet FROM,TO",
            known.join(", ")
        )));
    }
    let cpu = [scenario.baseline, other].map(|fleet| cpu_hours(&units, fleet));
    Ok(explain_cost(&summary, other, cpu, format))
}

/// Every fleet in every replication, summarised.
pub(super) fn summarised(
    scenario: &Scenario,
    terminal: Terminal,
) -> Result<(ExperimentSummary, Units<RunOutcome>), Failed> {
    let cancel = interrupt::flag()?;
    let how = How { detail: false, jobs: None, progress: Progress::Auto };
    let units = simulate_all(scenario, how, cancel, terminal)?;
    let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let summary = summarise(&names, &units, scenario.baseline, Confidence::default())
        .ok_or_else(|| Failed::Output("interrupted: there is nothing to explain".to_owned()))?;
    Ok((summary, units))
}

fn cpu_hours(units: &Units<RunOutcome>, fleet: usize) -> CostSide {
    let hours = |key: GaugeKey| {
        let area: i128 = units.of_fleet(fleet).map(|run| run.timeline.counted_area(key)).sum();
        area as f64 / 1000.0 / 3_600_000.0
    };
    CostSide {
        requested_hours: hours(GaugeKey::RequestedMillicores),
        provisioned_hours: hours(GaugeKey::ProvisionedMillicores),
    }
}

//! Runs of a scenario's fleets of which the nodes count, for `commit` and `carbon`: their common arguments, and the replications
//! of one fleet after the other.

use super::exit::Failed;
use super::run::{read, with_seed_and_reps};
use super::simulate::threads;
use super::terminal::Terminal;
use crate::engine::Streams;
use crate::metrics::NodeRecord;
use crate::scenario::Fleet;
use crate::simulation::{Keep, simulate};
use crate::units::SimTime;
use clap::Args;
use rayon::prelude::*;
use std::path::PathBuf;

/// Which runs.
#[derive(Args, Debug)]
pub(super) struct NodeRuns {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Replications per fleet, in place of the scenario's.
    #[arg(long, visible_alias = "replications", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reps: Option<u32>,
    /// Seed of all random draws, in place of the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Threads; default is one per processor.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// The nodes of a run, and from when until when its hours count.
pub(super) struct Run {
    pub nodes: Vec<NodeRecord>,
    /// Jobs that count.
    pub jobs: u64,
    pub span: (SimTime, SimTime),
}

impl NodeRuns {
    /// Simulates the fleets and hands each with its replications, in their order, to `take`.
    pub(super) fn each_fleet(
        &self,
        terminal: Terminal,
        mut take: impl FnMut(&Fleet, &[Run]) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let set = with_seed_and_reps(&self.set, self.seed, self.reps);
        let scenario = read(&self.scenario, &set, &self.fleet)?;
        let pool = threads(self.jobs)?;
        for fleet in &scenario.fleets {
            terminal.detail(&format!("{}: {} replications", fleet.name, scenario.replications));
            let run = |replication: u32| nodes_of(fleet, Streams::new(scenario.seed, replication));
            let runs: Result<Vec<Run>, Failed> =
                pool.install(|| (0..scenario.replications).into_par_iter().map(run).collect());
            take(fleet, &runs?)?;
        }
        Ok(())
    }
}

/// Simulates one replication, keeping its nodes.
fn nodes_of(fleet: &Fleet, streams: Streams) -> Result<Run, Failed> {
    let keep = Keep { jobs: false, nodes: true };
    let finished = fleet
        .arrivals(streams)
        .and_then(|arrivals| simulate(&fleet.plan, streams, arrivals, keep))
        .map_err(|error| Failed::Output(error.to_string()))?;
    let outcome = finished.outcome;
    let (span, jobs) = ((outcome.warmup, outcome.end), outcome.jobs.jobs());
    Ok(Run { jobs, nodes: outcome.node_records.unwrap_or_default(), span })
}

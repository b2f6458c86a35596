//! Runs of a scenario's fleets of which the nodes count, for `commit` and `carbon`: their common arguments, and the replications
//! of one fleet after the other.

use super::args::Progress;
use super::exit::{Exit, Failed};
use super::interrupt;
use super::progress::Display;
use super::results::old_prices;
use super::run::{read, with_seed_and_reps};
use super::simulate::threads;
use super::terminal::{Terminal, say};
use crate::engine::Streams;
use crate::experiment::run_units;
use crate::metrics::NodeRecord;
use crate::report::wrapped;
use crate::scenario::Fleet;
use crate::simulation::{Keep, simulate};
use crate::units::SimTime;
use clap::Args;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

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
    /// How to show progress.
    #[arg(long, value_name = "HOW", default_value = "auto", env = "FLEETSIM_PROGRESS")]
    pub progress: Progress,
}

/// The nodes of a run, and from when until when its hours count.
pub(super) struct Run {
    pub nodes: Vec<NodeRecord>,
    /// Jobs that count.
    pub jobs: u64,
    pub span: (SimTime, SimTime),
}

impl NodeRuns {
    /// Simulates the fleets and hands each with its replications, in their order, to `take`; of what Ctrl-C left unfinished the
    /// replications that every fleet has finished. Returns how the command ends.
    pub(super) fn each_fleet(
        &self,
        terminal: Terminal,
        mut take: impl FnMut(&Fleet, &[&Run]) -> Result<(), Failed>,
    ) -> Result<Exit, Failed> {
        let set = with_seed_and_reps(&self.set, self.seed, self.reps);
        let scenario = read(&self.scenario, &set, &self.fleet)?;
        let cancel = interrupt::flag()?;
        // What a live view shows of runs is not kept here.
        let how = if self.progress == Progress::Live { Progress::Auto } else { self.progress };
        let display = Display::new(how, terminal, &scenario);
        let broken: Mutex<Option<Failed>> = Mutex::new(None);
        let run = |fleet: usize, replication: usize| {
            let streams = Streams::new(scenario.seed, replication as u32);
            let run = nodes_of(&scenario.fleets[fleet], streams);
            run.map_err(|failed| {
                cancel.store(true, Ordering::Relaxed);
                broken.lock().expect("no run panics while it reports an error").get_or_insert(failed);
            })
            .ok()
        };
        let (fleets, replications) = (scenario.fleets.len(), scenario.replications as usize);
        let units = threads(self.jobs)?
            .install(|| run_units(fleets, replications, cancel, |done| display.show(done), run));
        display.end();
        if let Some(failed) = broken.into_inner().expect("all runs have ended") {
            return Err(failed);
        }
        if units.replications() == 0 {
            say("interrupted before every fleet had finished one replication: there is no result");
            return Ok(Exit::Interrupted);
        }
        if units.is_partial() {
            let done = units.replications();
            terminal.note(&format!("interrupted: the result rests on {done} of {replications} replications"));
        }
        for (index, fleet) in scenario.fleets.iter().enumerate() {
            take(fleet, &units.of_fleet(index).collect::<Vec<_>>())?;
        }
        if let Some(old) = old_prices(&scenario) {
            terminal.note(wrapped(&format!("prices as of {old}")).trim_end());
        }
        Ok(if units.is_partial() { Exit::Interrupted } else { Exit::Success })
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

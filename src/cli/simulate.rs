//! Runs units of a scenario on as many threads as asked for, and continues what a killed process had begun.

use super::args::Progress;
use super::exit::Failed;
use super::parts::{PartFile, this_program};
use super::progress::Display;
use super::terminal::Terminal;
use crate::engine::Streams;
use crate::experiment::{self, PART_SCHEMA, PartCommand, PartHeader, Shard, Units, for_each_unit};
use crate::metrics::RunOutcome;
use crate::scenario::Scenario;
use crate::simulation::{Keep, Watch, simulate_watched};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How runs are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Whether jobs and nodes of the first replication are kept.
    pub detail: bool,
    /// Threads; none for one per processor.
    pub jobs: Option<u16>,
    /// How to show progress.
    pub progress: Progress,
}

/// A scenario and how its runs are made.
#[derive(Clone, Copy)]
pub(super) struct Simulator<'a> {
    pub scenario: &'a Scenario,
    pub how: How,
    pub cancel: &'a AtomicBool,
    pub terminal: Terminal,
}

impl Simulator<'_> {
    /// The run of one unit, counted replication by replication.
    pub(super) fn run(&self, unit: usize) -> Result<RunOutcome, Failed> {
        self.shown(unit, None)
    }

    /// As [`Self::run`]; a display that wants to is told how far the run is.
    fn shown(&self, unit: usize, display: Option<&Display>) -> Result<RunOutcome, Failed> {
        let fleets = self.scenario.fleets.len();
        let (plan, replication) = (&self.scenario.fleets[unit % fleets], unit / fleets);
        let streams = Streams::new(self.scenario.seed, replication as u32);
        let is_kept = self.how.detail && replication == 0;
        let keep = Keep { jobs: is_kept, nodes: is_kept };
        let mut tell = |levels| {
            if let Some(display) = display {
                display.sampled(unit % fleets, replication, levels);
            }
        };
        let step = display.and_then(Display::step);
        let watch = step.map(|every| Watch::new(every, &mut tell));
        let finished = plan
            .arrivals(streams)
            .and_then(|arrivals| simulate_watched(&plan.plan, streams, arrivals, keep, watch));
        finished.map(|finished| finished.outcome).map_err(|error| Failed::Output(error.to_string()))
    }

    /// Runs `units`, counted replication by replication, and hands each outcome to `take` as soon as it is there. An
    /// early end (Ctrl-C) leaves some out.
    pub(super) fn each(
        &self,
        units: &[usize],
        start: experiment::Progress,
        take: impl Fn(usize, RunOutcome) -> Result<(), Failed> + Sync,
    ) -> Result<(), Failed> {
        let broken: Mutex<Option<Failed>> = Mutex::new(None);
        let display = Display::new(self.how.progress, self.terminal, self.scenario);
        let fleets = self.scenario.fleets.len();
        let run = |unit: usize| match self.shown(unit, Some(&display)).and_then(|outcome| {
            display.ended(unit % fleets, unit / fleets, &outcome);
            take(unit, outcome)
        }) {
            Ok(()) => true,
            Err(failed) => {
                self.cancel.store(true, Ordering::Relaxed);
                broken.lock().expect("no run panics while it reports an error").get_or_insert(failed);
                false
            }
        };
        threads(self.how.jobs)?
            .install(|| for_each_unit(units, start, self.cancel, |done| display.show(done), run));
        display.end();
        broken.into_inner().expect("all runs have ended").map_or(Ok(()), Err)
    }

    /// Fills the gaps among `outcomes`, which are in the order of the units. What `journal` is given can be taken over
    /// later; runs that keep every job and node are not worth their space there and are made again.
    pub(super) fn fill(
        &self,
        outcomes: Vec<Option<RunOutcome>>,
        journal: Option<&PartFile>,
    ) -> Result<Vec<Option<RunOutcome>>, Failed> {
        let missing: Vec<usize> = (0..outcomes.len()).filter(|unit| outcomes[*unit].is_none()).collect();
        let start = experiment::Progress { done: outcomes.len() - missing.len(), total: outcomes.len() };
        let fleets = self.scenario.fleets.len();
        let outcomes = Mutex::new(outcomes);
        self.each(&missing, start, |unit, outcome| {
            if let Some(journal) = journal.filter(|_| outcome.job_records.is_none()) {
                journal.append(unit % fleets, unit / fleets, &outcome)?;
            }
            outcomes.lock().expect("no run panics while it stores its outcome")[unit] = Some(outcome);
            Ok(())
        })?;
        Ok(outcomes.into_inner().expect("all runs have ended"))
    }

    /// From what a part with units of this scenario comes.
    pub(super) fn header(&self, shard: Option<Shard>, command: PartCommand) -> PartHeader {
        PartHeader {
            schema: PART_SCHEMA.to_owned(),
            fleetsim: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: format!("{:016x}", self.scenario.hash()),
            seed: self.scenario.seed,
            replications: self.scenario.replications as usize,
            fleets: self.scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect(),
            shard,
            command,
            program: this_program(),
        }
    }

    /// Opens the journal at `path` and takes over the outcomes that a killed run left there. Without a journal where
    /// another process writes it, or where none can be written.
    pub(super) fn resume(
        &self,
        path: &Path,
        command: PartCommand,
        fresh: bool,
    ) -> Result<(Option<PartFile>, Vec<Option<RunOutcome>>), Failed> {
        let header = self.header(None, command);
        let mut outcomes: Vec<Option<RunOutcome>> = (0..header.units()).map(|_| None).collect();
        let Some((journal, finished)) = PartFile::open(path, &header, fresh)? else {
            return Ok((None, outcomes));
        };
        for (fleet, replication, place) in finished {
            let unit = replication * header.fleets.len() + fleet;
            if let Some(outcome) = outcomes.get_mut(unit) {
                *outcome = Some(journal.outcome(place)?);
            }
        }
        let done = outcomes.iter().flatten().count();
        if done > 0 {
            let total = outcomes.len();
            self.terminal.note(&format!(
                "{}: {done} of {total} runs were finished before and are taken over (--fresh runs them again)",
                self.scenario.name
            ));
        }
        Ok((Some(journal), outcomes))
    }
}

/// Every fleet in every replication.
pub(super) fn simulate_all(
    scenario: &Scenario,
    how: How,
    cancel: &AtomicBool,
    terminal: Terminal,
) -> Result<Units<RunOutcome>, Failed> {
    let fleets = scenario.fleets.len();
    let nothing = (0..fleets * scenario.replications as usize).map(|_| None).collect();
    let outcomes = Simulator { scenario, how, cancel, terminal }.fill(nothing, None)?;
    Ok(Units::from_results(fleets, outcomes))
}

/// A pool of so many threads; none for one per processor.
pub(super) fn threads(jobs: Option<u16>) -> Result<rayon::ThreadPool, Failed> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs.map_or(0, usize::from))
        .build()
        .map_err(|error| Failed::Output(format!("no threads to simulate on: {error}")))
}

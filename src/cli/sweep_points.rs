//! The points of a sweep on all processors: threads take run after run, of whichever point; a point that is complete is
//! written down and forgotten, so memory holds only points that are being run.

use super::exit::Failed;
use super::parts::PartFile;
use super::progress::Display;
use super::simulate::{How, Simulator, threads};
use super::sweep::Sweep;
use super::terminal::Terminal;
use crate::experiment::{MetricRow, PointOutcome, Progress, for_each_unit, metric_row};
use crate::scenario::Scenario;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How the points of a sweep are run.
pub(super) struct Points<'a> {
    pub sweep: &'a Sweep,
    pub how: How,
    pub cancel: &'a AtomicBool,
    pub terminal: Terminal,
}

/// A point some of whose runs have begun.
struct Begun {
    /// Read by the first thread that needs it; nothing where it could not be.
    scenario: Arc<OnceLock<Option<Scenario>>>,
    rows: Vec<Option<MetricRow>>,
}

/// Points that have begun, and the first thing that went wrong.
#[derive(Default)]
struct State {
    begun: Mutex<BTreeMap<usize, Begun>>,
    broken: Mutex<Option<Failed>>,
}

impl Points<'_> {
    /// Runs `points`, of which there are `total` with those that were finished before, and appends each to `part`.
    pub(super) fn run(&self, points: &[usize], total: usize, part: &PartFile) -> Result<(), Failed> {
        let base = &self.sweep.base;
        let per_point = base.fleets.len() * base.replications as usize;
        let units: Vec<usize> = (0..points.len() * per_point).collect();
        let start = Progress { done: (total - points.len()) * per_point, total: total * per_point };
        let display = Display::new(self.how.progress, self.terminal, base);
        let state = State::default();
        let run = |unit: usize| match self.unit(points[unit / per_point], unit % per_point, &state, part) {
            Ok(()) => true,
            Err(failed) => {
                self.cancel.store(true, Ordering::Relaxed);
                state.broken.lock().expect("no run panics while it reports").get_or_insert(failed);
                false
            }
        };
        threads(self.how.jobs)?
            .install(|| for_each_unit(&units, start, self.cancel, |done| display.show(done), run));
        display.end();
        state.broken.into_inner().expect("all runs have ended").map_or(Ok(()), Err)
    }

    /// One run of a point. Whoever ends the last one writes the point down.
    fn unit(&self, point: usize, unit: usize, state: &State, part: &PartFile) -> Result<(), Failed> {
        let base = &self.sweep.base;
        let fleets = base.fleets.len();
        let lock = || state.begun.lock().expect("no run panics while it stores its row");
        let scenario = {
            let mut begun = lock();
            let point = begun.entry(point).or_insert_with(|| Begun {
                scenario: Arc::new(OnceLock::new()),
                rows: vec![None; fleets * base.replications as usize],
            });
            Arc::clone(&point.scenario)
        };
        let mut problem = None;
        let scenario = scenario.get_or_init(|| match self.sweep.scenario_at(point) {
            Ok(scenario) => Some(scenario),
            Err(failed) => {
                problem = Some(failed);
                None
            }
        });
        if let Some(failed) = problem {
            return Err(failed);
        }
        let Some(scenario) = scenario else {
            return Err(Failed::Output(format!("point {} cannot be read", point + 1)));
        };
        let simulator = Simulator { scenario, how: self.how, cancel: self.cancel, terminal: self.terminal };
        let row = metric_row(&simulator.run(unit)?);
        let complete = {
            let mut begun = lock();
            let is_complete = begun.get_mut(&point).is_some_and(|begun| {
                begun.rows[unit] = Some(row);
                begun.rows.iter().all(Option::is_some)
            });
            if is_complete { begun.remove(&point) } else { None }
        };
        match complete {
            None => Ok(()),
            Some(begun) => {
                let rows = begun.rows.into_iter().flatten().collect();
                part.append(0, point, &PointOutcome::of_rows(fleets, rows))
            }
        }
    }
}

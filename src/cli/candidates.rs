//! Candidates of a recommendation, that is every fleet at every point, and their runs on demand.

use super::exit::Failed;
use super::progress::Display;
use super::simulate::{How, Simulator, threads};
use super::sweep::Sweep;
use super::terminal::Terminal;
use crate::experiment::{
    FleetValues, Metric, MetricRow, Observed, Observer, Progress, Selection, Term, for_each_unit, metric_row,
    pareto_front,
};
use crate::metrics::JobOutcome;
use crate::report::{Measured, Unserved};
use crate::scenario::Scenario;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Scenarios of so many points are kept between calls.
const KEPT: usize = 256;

/// What is to be small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Goal {
    pub metric: Metric,
    /// USD for an hour that a job waits, for 1,000 jobs added to the metric.
    pub wait_price: f64,
}

impl Goal {
    fn of(self, row: &MetricRow) -> Option<f64> {
        let mut goal = value(row, self.metric)?;
        if self.wait_price > 0.0 {
            // 1,000 jobs wait a thousand times the mean of one.
            goal += 1000.0 * self.wait_price * value(row, Metric::WaitMean)? / 3_600_000.0;
        }
        Some(goal)
    }
}

fn value(row: &MetricRow, metric: Metric) -> Option<f64> {
    row[metric.index()].map(|term| match term {
        Term::Value(value) => value,
        Term::Ratio(top, bottom) => top / bottom,
    })
}

/// What is summed of every run, whatever the goal: cost, wait and the jobs that the wait does not tell of.
const SUMMED: [Metric; 7] = [
    Metric::CostPerThousandJobs,
    Metric::WaitP95,
    Metric::Jobs,
    Metric::JobsLost,
    Metric::JobsTimedOut,
    Metric::JobsEnded(JobOutcome::Canceled),
    Metric::JobsEnded(JobOutcome::StillWaiting),
];

/// Sums of [`SUMMED`] over so many runs.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    of: [f64; SUMMED.len()],
    runs: usize,
}

impl Sums {
    /// A run without a value of cost or wait is the worst there can be.
    fn add(&mut self, row: &MetricRow) {
        for (sum, metric) in self.of.iter_mut().zip(SUMMED) {
            *sum += value(row, metric).unwrap_or(f64::INFINITY);
        }
        self.runs += 1;
    }

    fn means(&self) -> Measured {
        let mean = |metric: Metric| {
            let place = SUMMED.iter().position(|one| *one == metric)?;
            Some(self.of[place] / self.runs as f64).filter(|mean| mean.is_finite())
        };
        let or_worst = |metric| mean(metric).unwrap_or(f64::INFINITY);
        Measured {
            cost: or_worst(Metric::CostPerThousandJobs),
            wait_ms: or_worst(Metric::WaitP95),
            unserved: Unserved::of_means(mean),
            replications: self.runs,
        }
    }
}

type Read = Arc<OnceLock<Option<Scenario>>>;

/// Every fleet at every point.
pub(super) struct Candidates<'a> {
    sweep: &'a Sweep,
    goal: Goal,
    how: How,
    cancel: &'a AtomicBool,
    terminal: Terminal,
    scenarios: BTreeMap<usize, Read>,
    /// By candidate.
    sums: BTreeMap<usize, Sums>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(
        sweep: &'a Sweep,
        goal: Goal,
        how: How,
        cancel: &'a AtomicBool,
        terminal: Terminal,
    ) -> Self {
        Self { sweep, goal, how, cancel, terminal, scenarios: BTreeMap::new(), sums: BTreeMap::new() }
    }

    fn fleets(&self) -> usize {
        self.sweep.base.fleets.len()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.sweep.points.len() * self.fleets()
    }

    /// What each run says of every metric, by candidate, then replication.
    fn rows(
        &mut self,
        candidates: &[usize],
        replications: Range<usize>,
    ) -> Result<Vec<Vec<MetricRow>>, Failed> {
        let fleets = self.fleets();
        let keeps = candidates.len() <= KEPT;
        self.scenarios.retain(|point, _| keeps && candidates.iter().any(|c| c / fleets == *point));
        if keeps {
            for candidate in candidates {
                self.scenarios.entry(candidate / fleets).or_default();
            }
        }
        let units: Vec<usize> = (0..candidates.len() * replications.len()).collect();
        let rows: Mutex<Vec<Option<MetricRow>>> = Mutex::new(vec![None; units.len()]);
        let broken: Mutex<Option<Failed>> = Mutex::new(None);
        let display = Display::new(self.how.progress, self.terminal, &self.sweep.base);
        let run = |unit: usize| {
            // Replications first, so that the candidates of one go on together.
            let (candidate, replication) = (unit % candidates.len(), unit / candidates.len());
            match self.run(candidates[candidate], replications.start + replication) {
                Ok(row) => {
                    let place = candidate * replications.len() + replication;
                    rows.lock().expect("no run panics while it stores its row")[place] = Some(row);
                    true
                }
                Err(failed) => {
                    self.cancel.store(true, Ordering::Relaxed);
                    broken.lock().expect("no run panics while it reports").get_or_insert(failed);
                    false
                }
            }
        };
        let start = Progress { done: 0, total: units.len() };
        threads(self.how.jobs)?
            .install(|| for_each_unit(&units, start, self.cancel, |done| display.show(done), run));
        display.end();
        if let Some(failed) = broken.into_inner().expect("all runs have ended") {
            return Err(failed);
        }
        let rows: Option<Vec<MetricRow>> =
            rows.into_inner().expect("all runs have ended").into_iter().collect();
        let rows = rows.ok_or_else(|| Failed::Output("interrupted: nothing is recommended".into()))?;
        Ok(rows.chunks(replications.len()).map(<[MetricRow]>::to_vec).collect())
    }

    fn run(&self, candidate: usize, replication: usize) -> Result<MetricRow, Failed> {
        let (point, fleet) = (candidate / self.fleets(), candidate % self.fleets());
        let own = Read::default();
        let read = self.scenarios.get(&point).unwrap_or(&own);
        let mut problem = None;
        let scenario = read.get_or_init(|| match self.sweep.scenario_at(point) {
            Ok(scenario) => Some(scenario),
            Err(failed) => {
                problem = Some(failed);
                None
            }
        });
        let Some(scenario) = scenario else {
            return Err(problem.unwrap_or_else(|| Failed::Output(format!("point {point} cannot be read"))));
        };
        self.run_of(scenario, fleet, replication)
    }

    fn run_of(&self, scenario: &Scenario, fleet: usize, replication: usize) -> Result<MetricRow, Failed> {
        let simulator = Simulator { scenario, how: self.how, cancel: self.cancel, terminal: self.terminal };
        Ok(metric_row(&simulator.run(replication * self.fleets() + fleet)?))
    }

    /// The scenario's own baseline and the pick on replications that had no part in picking it.
    pub(super) fn anew(
        &mut self,
        pick: usize,
        replications: Range<usize>,
    ) -> Result<Vec<FleetValues>, Failed> {
        let baseline = self.sweep.base.baseline;
        let base: Result<Vec<MetricRow>, Failed> =
            replications.clone().map(|r| self.run_of(&self.sweep.base, baseline, r)).collect();
        let picked = self.rows(&[pick], replications)?.remove(0);
        let values = |name: &str, replications: Vec<MetricRow>| FleetValues {
            name: name.to_owned(),
            work: vec![Vec::new(); replications.len()],
            replications,
        };
        let name = format!("{} as it is", self.sweep.base.fleets[baseline].name);
        Ok(vec![values(&name, base?), values("the pick", picked)])
    }

    /// Cost and wait of every candidate that was run.
    pub(super) fn measured(&self) -> BTreeMap<usize, Measured> {
        self.sums.iter().map(|(candidate, sums)| (*candidate, sums.means())).collect()
    }

    /// Candidates that no other one beats in both cost and wait, from the cheapest on; those that clearly miss an objective
    /// are left out.
    pub(super) fn front(&self, selection: &Selection) -> Vec<usize> {
        let measured = self.measured();
        let is_possible = |candidate: &usize| {
            selection.candidates[*candidate].state != crate::experiment::ObjectiveState::Missed
        };
        let places: Vec<usize> = measured.keys().copied().filter(is_possible).collect();
        let points: Vec<(f64, f64)> =
            places.iter().map(|candidate| (measured[candidate].cost, measured[candidate].wait_ms)).collect();
        pareto_front(&points).into_iter().map(|index| places[index]).collect()
    }
}

impl Observer<Failed> for Candidates<'_> {
    fn observe(
        &mut self,
        candidates: &[usize],
        replications: Range<usize>,
    ) -> Result<Vec<Vec<Observed>>, Failed> {
        let rows = self.rows(candidates, replications)?;
        for (candidate, rows) in candidates.iter().zip(&rows) {
            let sums = self.sums.entry(*candidate).or_default();
            rows.iter().for_each(|row| sums.add(row));
        }
        let objectives = &self.sweep.base.objectives;
        let observed = |row: &MetricRow| Observed {
            goal: self.goal.of(row),
            limits: objectives.iter().map(|objective| value(row, objective.metric)).collect(),
        };
        Ok(rows.iter().map(|rows| rows.iter().map(observed).collect()).collect())
    }
}

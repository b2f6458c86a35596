//! Runs every unit (fleet × replication) in parallel and puts its result where it belongs, whatever finishes first.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How far the units are. Handed to the progress callback after each unit; units may finish in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Units that have ended.
    pub done: usize,
    /// All units.
    pub total: usize,
}

/// Results of the units, by fleet and replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units<T> {
    fleets: usize,
    /// Complete replications in ascending order; each holds one result per fleet.
    replications: Vec<Vec<T>>,
    planned: usize,
}

impl<T> Units<T> {
    /// Takes complete replications out of `results`, which are in the order of replication, then fleet. A replication
    /// in which a fleet is missing is left out, so that every fleet has met the same replications.
    #[must_use]
    pub fn from_results(fleets: usize, results: Vec<Option<T>>) -> Self {
        let planned = results.len().checked_div(fleets).unwrap_or(0);
        let mut results = results.into_iter();
        let replications = (0..planned)
            .filter_map(|_| results.by_ref().take(fleets).collect::<Vec<_>>().into_iter().collect())
            .collect();
        Self { fleets, replications, planned }
    }

    /// Number of fleets.
    #[must_use]
    pub fn fleets(&self) -> usize {
        self.fleets
    }

    /// Replications in which every fleet was run.
    #[must_use]
    pub fn replications(&self) -> usize {
        self.replications.len()
    }

    /// Whether some replication that was asked for is missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.replications.len() < self.planned
    }

    /// The results of one fleet, by replication.
    pub fn of_fleet(&self, fleet: usize) -> impl Iterator<Item = &T> + '_ {
        self.replications.iter().map(move |row| &row[fleet])
    }
}

/// Runs `run(fleet, replication)` for every fleet and replication on the current rayon pool.
///
/// Units start in the order of replication, then fleet, so that an early end leaves as many complete replications as
/// possible. After `cancel` is set no further unit starts; a running unit may look at the flag itself and return
/// `None`. The result is the same for any number of threads. Replications are counted from zero.
pub fn run_units<T, R, P>(
    fleets: usize,
    replications: usize,
    cancel: &AtomicBool,
    progress: P,
    run: R,
) -> Units<T>
where
    T: Send,
    R: Fn(usize, usize) -> Option<T> + Sync,
    P: Fn(Progress) + Sync,
{
    let total = fleets * replications;
    let units: Vec<usize> = (0..total).collect();
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..total).map(|_| None).collect());
    let start = Progress { done: 0, total };
    for_each_unit(&units, start, cancel, progress, |unit| {
        let Some(result) = run(unit % fleets, unit / fleets) else { return false };
        results.lock().expect("no unit panics while it stores its result")[unit] = Some(result);
        true
    });
    Units::from_results(fleets, results.into_inner().expect("no unit panics while it stores its result"))
}

/// Runs `run` for each of `units`, in their order, on the current rayon pool; each thread takes the next one as soon as
/// it is free. `run` says whether its unit has ended; `progress` counts on from `start`. After `cancel` is set no
/// further unit starts.
pub fn for_each_unit<R, P>(units: &[usize], start: Progress, cancel: &AtomicBool, progress: P, run: R)
where
    R: Fn(usize) -> bool + Sync,
    P: Fn(Progress) + Sync,
{
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(start.done);
    rayon::broadcast(|_| {
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            if cancel.load(Ordering::Relaxed) {
                return;
            }
            if run(*unit) {
                progress(Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, total: start.total });
            }
        }
    });
}

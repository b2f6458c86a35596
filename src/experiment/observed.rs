//! Observed waits of a trace's jobs and the simulated waits of the same jobs. Runs nothing.

use rustc_hash::FxHashMap;

use crate::metrics::JobRecord;
use crate::units::{SimDuration, SimTime};
use crate::workload::{ArrivalKind, Arrivals, TraceError};

/// Until when a wait counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitUntil {
    /// Until a runner manager picked the job: what GitLab calls `queued_duration`.
    Picked,
    /// Until the script started: what the start of a pod's container shows.
    ScriptStarted,
}

/// A job's wait in the simulation and in reality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WaitPair {
    /// When it became pending in the simulation.
    pub pending_at: SimTime,
    /// Its simulated wait in seconds.
    pub simulated_s: f64,
    /// Its real wait in seconds.
    pub observed_s: f64,
}

/// The observed waits of one replication's jobs, by pipeline and place in it.
#[derive(Clone, Debug, Default)]
pub struct ObservedWaits {
    waits: FxHashMap<(u64, u32), SimDuration>,
}

impl ObservedWaits {
    /// Takes the observed waits out of all `arrivals`.
    ///
    /// # Errors
    /// A row of a trace that cannot be used.
    pub fn of(mut arrivals: Arrivals) -> Result<Self, TraceError> {
        let mut waits = FxHashMap::default();
        while let Some(arrival) = arrivals.next_arrival()? {
            match &arrival.kind {
                ArrivalKind::Job(job) => {
                    waits.extend(job.observed_wait().map(|wait| ((arrival.ordinal, 0), wait)));
                }
                ArrivalKind::Recorded(_, jobs) => {
                    let of_jobs = jobs.iter().zip(0_u32..);
                    let observed = |(job, place): (&crate::workload::JobSpec, u32)| {
                        Some(((arrival.ordinal, place), job.observed_wait()?))
                    };
                    waits.extend(of_jobs.filter_map(observed));
                }
                ArrivalKind::Pipeline(_) => {}
            }
        }
        Ok(Self { waits })
    }

    /// How many jobs have an observed wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether no job has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// The waits of the first attempts that became pending at or after `from` and whose
    /// simulated wait ended, in the order of `records`.
    #[must_use]
    pub fn pairs(&self, records: &[JobRecord], from: SimTime, until: WaitUntil) -> Vec<WaitPair> {
        let pair = |record: &JobRecord| {
            let end = match until {
                WaitUntil::Picked => record.picked_at,
                WaitUntil::ScriptStarted => record.script_started_at,
            };
            let counts = record.attempt == 0 && record.pending_at >= from && end != SimTime::NEVER;
            let observed = self.waits.get(&(record.pipeline, record.pipeline_job)).filter(|_| counts)?;
            let simulated = end.saturating_since(record.pending_at);
            Some(WaitPair {
                pending_at: record.pending_at,
                simulated_s: simulated.as_secs_f64(),
                observed_s: observed.as_secs_f64(),
            })
        };
        records.iter().filter_map(pair).collect()
    }
}

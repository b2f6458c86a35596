//! The server's side of a request: how long it takes, whether it is held, what it is answered.

use crate::gitlab::config::{Fault, GitlabConfig, ServerConfig};
use crate::gitlab::queue::JobQueue;
use crate::units::SimDuration;

/// Attempts of one request, the first included (GitLab Runner 19.4, `network/retry_requester.go`).
pub(super) const MAX_ATTEMPTS: u8 = 5;
/// First pause before a retry without a header (GitLab Runner 19.4, `network/retry_requester.go`); doubled each time.
const FIRST_BACKOFF: u64 = 100;
/// Longest pause before a retry without a header.
const LONGEST_BACKOFF: u64 = 60_000;

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) queue: JobQueue,
    pub(super) config: ServerConfig,
    /// Runner → version of its queue: changes with every job that becomes pending for it.
    versions: Vec<u64>,
    /// Runner → requests so far.
    attempts: Vec<u32>,
    /// Runner → faults not reached yet.
    faults_left: Vec<u32>,
    seed: u64,
}

/// What kind of round trip is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trip {
    Request,
    Running,
    Trace,
    Final,
    /// No round trip: whether an answer is 409.
    Conflict,
}

/// How an attempt is treated when it reaches the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reception {
    /// The queue is asked.
    Regular,
    /// Held until the queue changes or the time is over.
    Held,
    /// Answered with another status: the fault with this index.
    Fault(u32),
}

impl Server {
    pub(super) fn new(config: &GitlabConfig) -> Self {
        let mut faults_left = vec![0; config.runners.len()];
        for fault in &config.server.faults {
            faults_left[fault.runner as usize] += 1;
        }
        Self {
            queue: JobQueue::new(&config.runners, config.server.fair),
            config: config.server.clone(),
            versions: vec![0; config.runners.len()],
            attempts: vec![0; config.runners.len()],
            faults_left,
            seed: config.seed,
        }
    }

    /// Whether requests may be held.
    pub(super) fn is_long_polling(&self) -> bool {
        self.config.long_poll > SimDuration::ZERO
    }

    /// Whether some requests are answered out of the ordinary.
    pub(super) fn has_faults(&self) -> bool {
        !self.config.faults.is_empty()
    }

    pub(super) fn version(&self, runner: u32) -> u64 {
        self.versions[runner as usize]
    }

    /// A job of `class` has become pending.
    pub(super) fn queue_changed(&mut self, class: u32) {
        for runner in self.queue.runners_of(class) {
            self.versions[*runner as usize] += 1;
        }
    }

    /// An attempt of `runner`, which last saw version `last_update` of its queue, reaches the server.
    pub(super) fn receive(&mut self, runner: u32, last_update: Option<u64>) -> Reception {
        let attempts = &mut self.attempts[runner as usize];
        *attempts += 1;
        if self.faults_left[runner as usize] > 0 {
            let is_met = |fault: &&Fault| fault.runner == runner && fault.attempt == *attempts;
            if let Some(fault) = self.config.faults.iter().position(|fault| is_met(&fault)) {
                self.faults_left[runner as usize] -= 1;
                return Reception::Fault(fault as u32);
            }
        }
        let is_unchanged = last_update == Some(self.versions[runner as usize]);
        if self.is_long_polling() && is_unchanged { Reception::Held } else { Reception::Regular }
    }

    /// The round trip `trip` of request number `sequence` of `manager`.
    pub(super) fn round_trip(&self, trip: Trip, manager: u32, sequence: u64) -> SimDuration {
        let of = match trip {
            Trip::Request => &self.config.request_rtt,
            Trip::Running | Trip::Final => &self.config.update_rtt,
            Trip::Trace | Trip::Conflict => &self.config.trace_rtt,
        };
        of.draw(|| self.key(trip as u64, manager, sequence))
    }

    /// Whether another runner took the job that request number `sequence` of `manager` would have got.
    pub(super) fn is_conflict(&self, manager: u32, sequence: u64) -> bool {
        let share = u64::from(self.config.conflicts.0);
        share > 0 && ((self.key(Trip::Conflict as u64, manager, sequence) >> 32) * 1_000_000) >> 32 < share
    }

    /// From the end of a job to the final update's last answer: trace, update, and what answers 202 add
    /// (GitLab Runner 19.4, `network/trace.go finalUpdate`).
    pub(super) fn final_update(&self, manager: u32, sequence: u64) -> SimDuration {
        let update = self.round_trip(Trip::Final, manager, sequence);
        let again = self.config.final_202;
        self.round_trip(Trip::Trace, manager, sequence)
            + update
            + (again.interval + update) * u64::from(again.times)
    }

    /// How long the runner waits before it repeats an attempt that `fault` met; `tries` were made.
    pub(super) fn backoff(&self, fault: &Fault, tries: u8, manager: u32, sequence: u64) -> SimDuration {
        if let Some(after) = fault.retry_after {
            return after;
        }
        let doubled = (FIRST_BACKOFF << (tries - 1)).min(LONGEST_BACKOFF);
        // Jitter: evenly between the first pause and the doubled one.
        let draw = self.key(5 + u64::from(tries), manager, sequence) >> 32;
        SimDuration::from_ms(FIRST_BACKOFF + (((doubled - FIRST_BACKOFF) * draw) >> 32))
    }

    fn key(&self, kind: u64, manager: u32, sequence: u64) -> u64 {
        // SplitMix64's finalizer over the coordinates of the draw.
        let mut z = self.seed
            ^ (u64::from(manager) << 40)
            ^ (kind << 36)
            ^ sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Whether the HTTP layer repeats a request after this status (GitLab Runner 19.4, `network/retry_requester.go`).
pub(super) fn is_retriable(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504) || status >= 512
}

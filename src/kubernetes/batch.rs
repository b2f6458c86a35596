//! Pods of one shape that failed alike: how long they back off, and when time alone has them tried again. Not the order of
//! the queue.

use std::collections::VecDeque;

use super::PodKey;
use super::pending::TrialKey;
use crate::units::{SimDuration, SimTime};

/// How long a pod stays untried without any event (`podMaxInUnschedulablePodsDuration`, default 5 min) …
const FLUSH_AFTER: SimDuration = SimDuration::from_mins(5);
/// … and how often that is looked at (`scheduling_queue.go` `Run`).
const FLUSH_EVERY_MS: u64 = 30_000;
/// First back-off (`podInitialBackoffSeconds`), doubled with every failure …
const FIRST_BACKOFF_MS: u64 = 1000;
/// … up to this (`podMaxBackoffSeconds`).
const LONGEST_BACKOFF_MS: u64 = 10_000;
/// After so many failures the back-off grows no more.
const MOST_FAILURES: u8 = 5;
/// A pod in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Unique: tells a pod from a later one with the same key.
    pub(super) stamp: u64,
    pub(super) pod: PodKey,
}

/// Pods of one shape that are tried one after another; all have been told `message`.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) shape: u32,
    pub(super) pods: VecDeque<Entry>,
    pub(super) failures: Failures,
    pub(super) failed_at: SimTime,
    /// Orders batches by the time of the last failure.
    pub(super) order: u64,
    /// Plugins that refused nodes at the last failure, as reasons; 0 = there were no nodes at all.
    pub(super) rejectors: u8,
    pub(super) message: u64,
    /// Its key in the heap, where it is to be tried.
    pub(super) queued: Option<TrialKey>,
}

/// What sets a pod's back-off (`UnschedulableCount`, `ConsecutiveErrorsCount`); neither is counted beyond [`MOST_FAILURES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    refusals: u8,
    /// Since the last refusal. To find no node at all is an error.
    errors: u8,
}

impl Failures {
    pub(super) fn and(self, rejectors: u8) -> Self {
        if rejectors == 0 {
            Self { errors: (self.errors + 1).min(MOST_FAILURES), ..self }
        } else {
            Self { refusals: (self.refusals + 1).min(MOST_FAILURES), errors: 0 }
        }
    }

    pub(super) fn none(self) -> bool {
        self == Self::default()
    }

    fn backoff(self) -> SimDuration {
        let count = if self.errors > 0 { self.errors } else { self.refusals };
        let doubled = FIRST_BACKOFF_MS << count.saturating_sub(1);
        SimDuration::from_ms(doubled.min(LONGEST_BACKOFF_MS))
    }
}

impl Batch {
    /// The second in which the back-off ends: the pods back off until it is over.
    pub(super) fn backoff_ends(&self) -> SimTime {
        (self.failed_at + self.failures.backoff()).floor_to_second()
    }

    pub(super) fn is_backing_off(&self, now: SimTime) -> bool {
        !self.failures.none() && self.backoff_ends() >= now.floor_to_second()
    }

    /// When time alone moves its pods. Without nodes a pod fails with an error, not with a refusal, and then waits in
    /// `backoffQ`'s part for errors.
    pub(super) fn due(&self) -> SimTime {
        if self.rejectors == 0 {
            self.backoff_ends() + SimDuration::from_secs(1)
        } else {
            flush_time(self.failed_at)
        }
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        let of = |batch: &Self| (batch.failures, batch.failed_at, batch.rejectors, batch.message);
        of(self) == of(other) && self.queued.is_none() && other.queued.is_none()
    }
}

/// When the queue's own look finds pods that failed at `failed_at` too long untried.
fn flush_time(failed_at: SimTime) -> SimTime {
    SimTime::from_ms((failed_at + FLUSH_AFTER).as_ms() / FLUSH_EVERY_MS * FLUSH_EVERY_MS + FLUSH_EVERY_MS)
}

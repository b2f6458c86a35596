//! The room as the loop sees it: jobs go in, picks come out at the times the real runner managers would make them.

use crate::gitlab::config::GitlabConfig;
use crate::gitlab::tags::{TagSetId, TagSets};
use crate::units::SimTime;

/// A job that has become pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedJob {
    /// The loop's key of the job; may be used again once the job was picked, cancelled or dropped.
    pub job: u32,
    /// GitLab's build id, the order of the queue; unique among the pending jobs.
    pub build_id: u64,
    /// The job's tags.
    pub tags: TagSetId,
    /// The job's project, a dense number.
    pub project: u32,
    /// Whether the job's ref is protected.
    pub protected: bool,
}

/// A job slot (worker) of a manager while it is taken by a job: from [`Pick`] to [`Gitlab::finish`]. Numbers are used
/// again after the slot was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// A job assigned to a runner manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The job.
    pub job: u32,
    /// Index of the manager in [`GitlabConfig::managers`].
    pub manager: u32,
    /// Index of its `[[runners]]` entry.
    pub entry: u32,
    /// The slot that the job holds until [`Gitlab::finish`] and the final update after it.
    pub slot: Slot,
    /// When the manager last changed from having no slot for this entry (`concurrent` or `limit` used up) to having one.
    pub slot_since: SimTime,
    /// When the manager sent the request that brought the job.
    pub requested_at: SimTime,
    /// When GitLab answered 201: `started_at`.
    pub at: SimTime,
    /// When the update "running" was answered: the executor starts.
    pub run_at: SimTime,
}

/// Why a pending job was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// No runner matches it: dropped after one hour (`stuck_or_timeout_failure`).
    Stuck,
    /// Pending for 24 hours (`stuck_or_timeout_failure`).
    PendingTooLong,
}

/// What [`Gitlab::wake`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A manager took a job.
    Picked(Pick),
    /// GitLab gave a pending job up.
    Dropped {
        /// The job.
        job: u32,
        /// Why.
        reason: DropReason,
    },
    /// The manager process was terminated: the job failed with `runner_interrupted`; do not call [`Gitlab::finish`].
    Interrupted {
        /// The job.
        job: u32,
        /// Its slot, freed by this.
        slot: Slot,
    },
}

/// Job queue, server and runner managers.
#[derive(Clone, Debug)]
pub struct Gitlab {
    tags: TagSets,
}

impl Gitlab {
    /// The room for `config`, before anything has happened.
    ///
    /// # Panics
    /// Where an entry names a runner that does not exist, a manager has no entries, or `concurrent` is 0.
    #[must_use]
    pub fn new(config: &GitlabConfig) -> Self {
        let _ = config;
        Self { tags: TagSets::new() }
    }

    /// The id of this set of job tags; order and repetition do not matter.
    pub fn tag_set<'a>(&mut self, tags: impl IntoIterator<Item = &'a str>) -> TagSetId {
        self.tags.intern(tags)
    }

    /// A job has become pending at `now`.
    pub fn enqueue(&mut self, now: SimTime, job: QueuedJob) {
        let _ = (now, job);
    }

    /// A pending job is cancelled. Returns whether it was pending (otherwise nothing happens).
    pub fn cancel(&mut self, job: u32) -> bool {
        let _ = job;
        false
    }

    /// When [`Gitlab::wake`] has something to do next. Managers that would only poll in vain ask for no wake-up.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        SimTime::NEVER
    }

    /// Does everything that is due at `now` or before. Waking too early is harmless.
    pub fn wake(&mut self, now: SimTime, out: &mut Vec<Outcome>) {
        let _ = (now, out);
    }

    /// The job in `slot` has ended and the executor has cleaned up. The last trace bytes and the final update follow by
    /// themselves; returns when the slot is free.
    pub fn finish(&mut self, now: SimTime, slot: Slot) -> SimTime {
        let _ = slot;
        now
    }

    /// How many jobs are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        0
    }
}

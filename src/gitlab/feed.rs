//! The room as the loop sees it: jobs go in, picks come out at the times the real runner managers would make them.

use crate::gitlab::config::GitlabConfig;
use crate::gitlab::manager::Manager;
use crate::gitlab::process;
use crate::gitlab::server::Server;
use crate::gitlab::tags::TagSetId;
use crate::gitlab::wakeups::Wakeups;
use crate::units::{SimDuration, SimTime};

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
///
/// A manager's own events (feed ticks, answers) are worked off only when one of them can show: when a job that it may
/// take is pending. Until then its state lags behind and is caught up by arithmetic.
#[derive(Clone, Debug)]
pub struct Gitlab {
    server: Server,
    managers: Vec<Manager>,
    /// Class of jobs → the managers with an entry that may take them.
    managers_of: Vec<Vec<u32>>,
    wakeups: Wakeups,
    /// What happened since the last wake-up.
    outcomes: Vec<Outcome>,
}

impl Gitlab {
    /// The room for `config`, before anything has happened.
    ///
    /// # Panics
    /// Where an entry or a fault names a runner that does not exist, a manager has no entries, or `concurrent` is 0.
    #[must_use]
    pub fn new(config: &GitlabConfig) -> Self {
        for entry in config.managers.iter().flat_map(|manager| &manager.entries) {
            assert!((entry.runner as usize) < config.runners.len(), "an entry names a runner that exists");
        }
        assert!(config.managers.len() < 1 << (32 - process::WORK_BITS), "there are fewer than 4096 managers");
        let server = Server::new(config);
        let managers: Vec<Manager> =
            (0..).zip(&config.managers).map(|(number, manager)| Manager::new(number, manager)).collect();
        let mut wakeups = Wakeups::new(managers.len());
        for (number, manager) in managers.iter().enumerate() {
            wakeups.set(number, manager.next_wakeup(&server));
        }
        Self { server, managers, managers_of: Vec::new(), wakeups, outcomes: Vec::new() }
    }

    /// The id of this set of job tags; order and repetition do not matter.
    pub fn tag_set<'a>(&mut self, tags: impl IntoIterator<Item = &'a str>) -> TagSetId {
        self.server.queue.tags.intern(tags)
    }

    /// A job has become pending at `now`. What was due before is done first.
    ///
    /// # Panics
    /// Where the job is pending already or its tag set was not interned here.
    pub fn enqueue(&mut self, now: SimTime, job: QueuedJob) {
        self.run_before(now);
        let class = self.server.queue.class_of(&job);
        self.meet_class(class);
        let is_news = self.server.queue.is_class_empty(class) || self.server.is_long_polling();
        if is_news {
            for manager in &self.managers_of[class as usize] {
                self.managers[*manager as usize].advance(now, &mut self.server, &mut self.outcomes);
            }
        }
        self.server.queue.push(now, class, &job);
        if is_news {
            self.tell_managers(now, class);
        }
    }

    /// A pending job is cancelled. Returns whether it was pending (otherwise nothing happens).
    pub fn cancel(&mut self, job: u32) -> bool {
        self.server.queue.cancel(job)
    }

    /// When [`Gitlab::wake`] has something to do next. Managers that would only poll in vain ask for no wake-up.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        if !self.outcomes.is_empty() {
            return SimTime::ZERO;
        }
        self.wakeups.first_at().min(self.server.queue.next_drop())
    }

    /// Does everything that is due at `now` or before. Waking too early is harmless.
    pub fn wake(&mut self, now: SimTime, out: &mut Vec<Outcome>) {
        self.run_before(process::just_after(now));
        while let Some((job, reason)) = self.server.queue.drop_due(now) {
            self.outcomes.push(Outcome::Dropped { job, reason });
        }
        out.append(&mut self.outcomes);
    }

    /// The job in `slot` ends at `now`, and the executor will have cleaned up `cleanup` later. The last trace bytes and the
    /// final update follow by themselves; returns when the slot is free.
    ///
    /// # Panics
    /// Where no job is in the slot.
    pub fn finish(&mut self, now: SimTime, cleanup: SimDuration, slot: Slot) -> SimTime {
        let (number, work) = process::split(slot);
        let manager = &mut self.managers[number];
        if manager.is_updating(work) {
            // The manager lags behind: the update "running" was answered before the job ended.
            manager.advance(now, &mut self.server, &mut self.outcomes);
        }
        let free_at = manager.finish(now + cleanup, work, &mut self.server);
        let wakeup = self.managers[number].next_wakeup(&self.server);
        self.wakeups.set(number, wakeup);
        free_at
    }

    /// Whether a job runs in `slot`, as far as the manager was simulated.
    #[must_use]
    pub fn is_running(&self, slot: Slot) -> bool {
        let (number, work) = process::split(slot);
        !self.managers[number].is_updating(work)
    }

    /// How many events of their own the managers worked off: offers, answers, updates. Polls in vain that were skipped
    /// count as one.
    #[must_use]
    pub fn manager_events(&self) -> u64 {
        self.managers.iter().map(|manager| manager.handled).sum()
    }

    /// How many jobs are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.server.queue.len()
    }

    /// The value of `concurrent` that manager `manager` has in force, as far as it was simulated.
    #[must_use]
    pub fn concurrent(&self, manager: u32) -> u32 {
        self.managers[manager as usize].concurrent
    }

    /// Does everything due before `until`, managers in the order of their times.
    fn run_before(&mut self, until: SimTime) {
        while self.wakeups.first_at() < until {
            let at = self.wakeups.first_at();
            let number = self.wakeups.first();
            let manager = &mut self.managers[number];
            manager.advance(process::just_after(at), &mut self.server, &mut self.outcomes);
            self.wakeups.set(number, manager.next_wakeup(&self.server));
        }
    }

    /// Works out which managers may take jobs of a class met for the first time.
    fn meet_class(&mut self, class: u32) {
        while self.managers_of.len() <= class as usize {
            let runners = self.server.queue.runners_of(self.managers_of.len() as u32);
            let may_take =
                |manager: &&Manager| manager.entries.iter().any(|entry| runners.contains(&entry.runner));
            self.managers_of
                .push(self.managers.iter().filter(may_take).map(|manager| manager.number).collect());
        }
    }

    /// A job of `class` has become pending: held requests are released, and managers that slept have to look.
    fn tell_managers(&mut self, now: SimTime, class: u32) {
        if self.server.is_long_polling() {
            self.server.queue_changed(class);
        }
        for number in &self.managers_of[class as usize] {
            let manager = &mut self.managers[*number as usize];
            if self.server.is_long_polling() {
                manager.release_held(now, self.server.queue.runners_of(class));
            }
            self.wakeups.set(*number as usize, manager.next_wakeup(&self.server));
        }
    }
}

//! The pending jobs themselves: records by index, found by job key, and linked by age so that the oldest is at hand.

use crate::gitlab::feed::QueuedJob;
use crate::gitlab::fifo::Place;
use crate::gitlab::queue::FairQueue;
use crate::units::SimTime;

const NONE: u32 = u32::MAX;

/// A pending job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) job: u32,
    pub(super) class: u32,
    pub(super) project: u32,
    pub(super) build_id: u64,
    pub(super) fair_queue: FairQueue,
    since: SimTime,
    list: AgeList,
    older: u32,
    newer: u32,
}

/// Which of the two lists by age a job is in: they are given up after different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgeList {
    /// Some runner may take the job.
    Matched,
    /// No runner may.
    Stuck,
}

impl Pending {
    pub(super) fn new(job: &QueuedJob, class: u32, since: SimTime) -> Self {
        Self {
            job: job.job,
            class,
            project: job.project,
            build_id: job.build_id,
            fair_queue: FairQueue::default(),
            since,
            list: AgeList::Matched,
            older: NONE,
            newer: NONE,
        }
    }
}

/// All pending jobs. Indexes are used again.
#[derive(Clone, Debug)]
pub(super) struct PendingJobs {
    records: Vec<Pending>,
    /// Build id of each record, `u64::MAX` for a free one: what stale places in queues are recognised by.
    builds: Vec<u64>,
    free: Vec<u32>,
    /// Job key → record.
    by_job: Vec<u32>,
    /// Oldest and newest record of each list.
    ends: [(u32, u32); 2],
}

impl Default for PendingJobs {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            builds: Vec::new(),
            free: Vec::new(),
            by_job: Vec::new(),
            ends: [(NONE, NONE); 2],
        }
    }
}

impl PendingJobs {
    pub(super) fn len(&self) -> usize {
        self.records.len() - self.free.len()
    }

    pub(super) fn is_pending(&self, place: Place) -> bool {
        self.builds[place.1 as usize] == place.0
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Pending {
        &mut self.records[index as usize]
    }

    pub(super) fn index_of(&self, job: u32) -> Option<u32> {
        self.by_job.get(job as usize).copied().filter(|index| *index != NONE)
    }

    /// The oldest job of `list`: since when it is pending, and its index.
    pub(super) fn oldest(&self, list: AgeList) -> Option<(SimTime, u32)> {
        let index = self.ends[list as usize].0;
        (index != NONE).then(|| (self.records[index as usize].since, index))
    }

    pub(super) fn insert(&mut self, mut pending: Pending, list: AgeList) -> u32 {
        let newest = self.ends[list as usize].1;
        pending.list = list;
        pending.older = newest;
        let index = self.free.pop().unwrap_or(self.records.len() as u32);
        if index as usize == self.records.len() {
            self.records.push(pending);
            self.builds.push(pending.build_id);
        } else {
            self.records[index as usize] = pending;
            self.builds[index as usize] = pending.build_id;
        }
        if newest == NONE {
            self.ends[list as usize].0 = index;
        } else {
            self.records[newest as usize].newer = index;
        }
        self.ends[list as usize].1 = index;
        let job = pending.job as usize;
        if self.by_job.len() <= job {
            self.by_job.resize(job + 1, NONE);
        }
        assert!(self.by_job[job] == NONE, "job {job} is pending already");
        self.by_job[job] = index;
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Pending {
        let pending = self.records[index as usize];
        let ends = &mut self.ends[pending.list as usize];
        if pending.older == NONE {
            ends.0 = pending.newer;
        } else {
            self.records[pending.older as usize].newer = pending.newer;
        }
        if pending.newer == NONE {
            ends.1 = pending.older;
        } else {
            self.records[pending.newer as usize].older = pending.older;
        }
        self.builds[index as usize] = u64::MAX;
        self.by_job[pending.job as usize] = NONE;
        self.free.push(index);
        pending
    }
}

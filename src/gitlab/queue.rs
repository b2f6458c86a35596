//! GitLab's queue of pending jobs: which runner may take which job, in which order, and when a job is given up. Jobs
//! that the same runners may take are one class, so a pick costs the same however many jobs wait.
//!
//! GitLab examines at most 45 candidates per request (`MAX_QUEUE_DEPTH`); it filters them in the database first, so
//! without conflicting requests the first candidate is always taken and the bound never shows.

use crate::gitlab::config::{PENDING_DROP_AFTER, RunnerConfig, RunnerScope, STUCK_DROP_AFTER};
use crate::gitlab::fairness::{Fairness, QueueId};
use crate::gitlab::feed::{DropReason, QueuedJob};
use crate::gitlab::fifo::Fifo;
use crate::gitlab::pending::{AgeList, Pending, PendingJobs};
use crate::gitlab::tags::{TagSetId, TagSets};
use crate::units::SimTime;

/// Marks a class that was not worked out yet.
const UNKNOWN: u32 = u32::MAX;

/// A job given to a runner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) job: u32,
    pub(super) project: u32,
    /// Whether it counts as running on an instance runner.
    pub(super) counts: bool,
}

#[derive(Clone, Debug)]
pub(super) struct JobQueue {
    pub(super) tags: TagSets,
    runners: Vec<RunnerConfig>,
    /// Runner → whether it takes jobs in fair order.
    is_fair: Vec<bool>,
    /// Runner → the classes it may take jobs of.
    classes_of: Vec<Vec<u32>>,
    classes: Vec<Class>,
    /// Class → build id of its first job, `u64::MAX` while it is empty or kept in fair order only.
    heads: Vec<u64>,
    /// Class → pending jobs.
    lengths: Vec<u32>,
    /// Scope → tag set and protection → class.
    class_table: Vec<Vec<u32>>,
    /// Scope → runner → whether it sees the projects of that scope.
    scopes: Vec<Vec<bool>>,
    /// Project → scope.
    scope_of: Vec<u32>,
    fairness: Fairness,
    jobs: PendingJobs,
}

/// Jobs that the same runners may take.
#[derive(Clone, Debug)]
struct Class {
    runners: Vec<u32>,
    fifo: Fifo,
    /// Whether some runner takes these jobs first in first out, and whether some takes them in fair order.
    has_fifo: bool,
    has_fair: bool,
}

impl JobQueue {
    pub(super) fn new(runners: &[RunnerConfig], fair: bool) -> Self {
        let is_fair = runners.iter().map(|runner| fair && runner.scope == RunnerScope::Instance).collect();
        Self {
            tags: TagSets::new(),
            runners: runners.to_vec(),
            is_fair,
            classes_of: vec![Vec::new(); runners.len()],
            classes: Vec::new(),
            heads: Vec::new(),
            lengths: Vec::new(),
            class_table: Vec::new(),
            scopes: Vec::new(),
            scope_of: Vec::new(),
            fairness: Fairness::default(),
            jobs: PendingJobs::default(),
        }
    }

    /// How many jobs are pending.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether no pending job is for `runner`.
    pub(super) fn is_empty_for(&self, runner: u32) -> bool {
        self.classes_of[runner as usize].iter().all(|class| self.lengths[*class as usize] == 0)
    }

    /// The runners that may take jobs of `class`.
    pub(super) fn runners_of(&self, class: u32) -> &[u32] {
        &self.classes[class as usize].runners
    }

    /// Whether no job of `class` is pending.
    pub(super) fn is_class_empty(&self, class: u32) -> bool {
        self.lengths[class as usize] == 0
    }

    /// The class of a job with these properties.
    pub(super) fn class_of(&mut self, job: &QueuedJob) -> u32 {
        let scope = self.scope_of(job.project) as usize;
        let key = job.tags.0 as usize * 2 + usize::from(job.protected);
        if let Some(&class) = self.class_table[scope].get(key)
            && class != UNKNOWN
        {
            return class;
        }
        assert!((job.tags.0 as usize) < self.tags.len(), "tag set {} was interned here", job.tags.0);
        let class = self.intern_class(scope, job.tags, job.protected);
        let row = &mut self.class_table[scope];
        if row.len() <= key {
            row.resize(key + 1, UNKNOWN);
        }
        row[key] = class;
        class
    }

    /// Adds a pending job of `class`.
    pub(super) fn push(&mut self, now: SimTime, class: u32, job: &QueuedJob) {
        let of = &self.classes[class as usize];
        let list = if of.runners.is_empty() { AgeList::Stuck } else { AgeList::Matched };
        let (has_fifo, has_fair) = (of.has_fifo, of.has_fair);
        let index = self.jobs.insert(Pending::new(job, class, now), list);
        let place = (job.build_id, index);
        if has_fair {
            self.jobs.get_mut(index).fair_queue = self.fairness.push(class, job.project, place);
        }
        if has_fifo {
            self.classes[class as usize].fifo.push(place);
            let head = &mut self.heads[class as usize];
            *head = job.build_id.min(*head);
        }
        self.lengths[class as usize] += 1;
    }

    /// Gives `runner` its next job, if there is one for it.
    pub(super) fn take(&mut self, runner: u32) -> Option<Taken> {
        let classes = &self.classes_of[runner as usize];
        let counts = self.is_fair[runner as usize];
        let index = if counts {
            classes.iter().filter_map(|class| self.fairness.first(*class)).min()?.1.1
        } else {
            let class = *classes.iter().min_by_key(|class| self.heads[**class as usize])?;
            let jobs = &self.jobs;
            self.classes[class as usize].fifo.head(|place| jobs.is_pending(place))?.1
        };
        let pending = self.remove(index);
        if counts {
            self.fairness.started(pending.project);
        }
        Some(Taken { job: pending.job, project: pending.project, counts })
    }

    /// A job that was taken has ended.
    pub(super) fn ended(&mut self, taken: Taken) {
        if taken.counts {
            self.fairness.ended(taken.project);
        }
    }

    /// Takes a pending job out; returns whether it was pending.
    pub(super) fn cancel(&mut self, job: u32) -> bool {
        let Some(index) = self.jobs.index_of(job) else { return false };
        self.remove(index);
        true
    }

    /// When the next pending job has to be given up.
    pub(super) fn next_drop(&self) -> SimTime {
        let due = |list, after| self.jobs.oldest(list).map_or(SimTime::NEVER, |(since, _)| since + after);
        due(AgeList::Matched, PENDING_DROP_AFTER).min(due(AgeList::Stuck, STUCK_DROP_AFTER))
    }

    /// Gives up the job whose time it is by `now`.
    pub(super) fn drop_due(&mut self, now: SimTime) -> Option<(u32, DropReason)> {
        for (list, after, reason) in [
            (AgeList::Stuck, STUCK_DROP_AFTER, DropReason::Stuck),
            (AgeList::Matched, PENDING_DROP_AFTER, DropReason::PendingTooLong),
        ] {
            if let Some((since, index)) = self.jobs.oldest(list)
                && since + after <= now
            {
                return Some((self.remove(index).job, reason));
            }
        }
        None
    }

    fn remove(&mut self, index: u32) -> Pending {
        let pending = self.jobs.remove(index);
        let class = pending.class as usize;
        self.lengths[class] -= 1;
        let jobs = &self.jobs;
        if self.heads[class] == pending.build_id {
            let head = self.classes[class].fifo.head(|place| jobs.is_pending(place));
            self.heads[class] = head.map_or(u64::MAX, |place| place.0);
        }
        if self.classes[class].has_fair {
            let place = (pending.build_id, index);
            self.fairness.removed(pending.fair_queue, place, |place| jobs.is_pending(place));
        }
        pending
    }

    fn scope_of(&mut self, project: u32) -> u32 {
        let project_index = project as usize;
        if self.scope_of.len() <= project_index {
            self.scope_of.resize(project_index + 1, UNKNOWN);
        }
        if self.scope_of[project_index] == UNKNOWN {
            let sees = |runner: &RunnerConfig| match &runner.scope {
                RunnerScope::Instance | RunnerScope::AllFifo => true,
                RunnerScope::Projects(projects) => projects.contains(&project),
            };
            let scope: Vec<bool> = self.runners.iter().map(sees).collect();
            let known = self.scopes.iter().position(|known| *known == scope);
            self.scope_of[project_index] = known.unwrap_or_else(|| {
                self.scopes.push(scope);
                self.class_table.push(Vec::new());
                self.scopes.len() - 1
            }) as u32;
        }
        self.scope_of[project_index]
    }

    fn intern_class(&mut self, scope: usize, tags: TagSetId, protected: bool) -> u32 {
        let may_take = |(index, runner): &(usize, &RunnerConfig)| {
            self.scopes[scope][*index] && (protected || !runner.protected) && self.tags.matches(tags, runner)
        };
        let runners: Vec<u32> =
            self.runners.iter().enumerate().filter(may_take).map(|(index, _)| index as u32).collect();
        if let Some(known) = self.classes.iter().position(|class| class.runners == runners) {
            return known as u32;
        }
        let class = self.classes.len() as u32;
        for runner in &runners {
            self.classes_of[*runner as usize].push(class);
        }
        let has_fair = runners.iter().any(|runner| self.is_fair[*runner as usize]);
        let has_fifo = runners.iter().any(|runner| !self.is_fair[*runner as usize]);
        self.classes.push(Class { runners, fifo: Fifo::default(), has_fifo, has_fair });
        self.heads.push(u64::MAX);
        self.lengths.push(0);
        class
    }
}

/// Where a pending job stands in the fair order; of no meaning in a class without one.
pub(super) type FairQueue = QueueId;

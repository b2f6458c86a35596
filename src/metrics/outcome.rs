//! Everything one run leaves. Plain data; nothing here is computed.

use super::distribution::Distribution;
use super::gauge::Timeline;
use super::groups::GroupLedger;
use super::job::{JobOutcome, JobRecord, WaitCause};
use super::ledger::{CostLedger, WasteLedger};
use super::node::{NodeEnd, NodeRecord};
use super::wait_profile::WaitProfile;
use crate::catalog::{Arch, CapacityType};
use crate::units::{SimDuration, SimTime};
use std::borrow::Cow;

/// The names behind the ids of records, in order of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Job classes.
    pub classes: Vec<String>,
    /// Node pools.
    pub pools: Vec<String>,
    /// Instance types.
    pub instance_types: Vec<String>,
    /// Zones.
    pub zones: Vec<String>,
}

/// How many jobs ended in which way. Only jobs that started waiting after the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobCounts {
    by_outcome: [u64; JobOutcome::ALL.len()],
    /// Attempts that were followed by another one, by how they ended.
    retried: [u64; JobOutcome::ALL.len()],
}

impl JobCounts {
    /// Counts one attempt.
    pub(super) fn count(&mut self, record: &JobRecord) {
        let counts = if record.retried { &mut self.retried } else { &mut self.by_outcome };
        counts[record.outcome.index()] += 1;
    }

    /// Jobs whose last attempt ended so.
    #[must_use]
    pub fn ended(&self, outcome: JobOutcome) -> u64 {
        self.by_outcome[outcome.index()]
    }

    /// Jobs, each counted once however often it was tried. Skipped ones are none: they never asked for a machine, and a
    /// fleet is not cheaper by the job for failing what they needed.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.by_outcome.iter().sum::<u64>() - self.ended(JobOutcome::Skipped)
    }

    /// Attempts after the first.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retried.iter().sum()
    }

    /// Attempts that ended so, the last ones included.
    #[must_use]
    pub fn attempts_ended(&self, outcome: JobOutcome) -> u64 {
        self.by_outcome[outcome.index()] + self.retried[outcome.index()]
    }

    /// Jobs without a result because of the fleet: last attempt interrupted, pod too late, dropped, runner failure.
    #[must_use]
    pub fn lost(&self) -> u64 {
        JobOutcome::ALL.iter().filter(|outcome| outcome.is_fleet_failure()).map(|o| self.ended(*o)).sum()
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.by_outcome.iter_mut().zip(other.by_outcome) {
            *mine += theirs;
        }
        for (mine, theirs) in self.retried.iter_mut().zip(other.retried) {
            *mine += theirs;
        }
    }
}

/// Waits of jobs whose script started. Read them beside [`JobCounts`]: jobs that never started are not in here
/// (survivors' bias), they are counted as dropped, pod timeouts and still waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WaitStatistics {
    /// From the start of waiting until the script of the last attempt started: what people feel.
    pub wait: Distribution,
    /// The same per job class, by class id.
    pub wait_by_class: Vec<Distribution>,
    /// From pending until picked, per attempt: GitLab's `queued_duration`.
    pub queue: Distribution,
    /// From picked until the script started, per attempt.
    pub pod_start: Distribution,
    /// Milliseconds of `wait` by [`WaitCause::index`]; they sum to the sum of `wait`.
    pub causes_ms: [u128; WaitCause::ALL.len()],
    /// Milliseconds waited by jobs whose script never started, by [`WaitCause::index`].
    pub never_started_causes_ms: [u128; WaitCause::ALL.len()],
    /// The waits of `wait` by length and cause, and by the hour of the week.
    #[serde(default)]
    pub profile: WaitProfile,
}

impl WaitStatistics {
    /// Adds the waits of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.wait.merge(&other.wait);
        self.queue.merge(&other.queue);
        self.pod_start.merge(&other.pod_start);
        self.profile.merge(&other.profile);
        let classes = self.wait_by_class.len().max(other.wait_by_class.len());
        self.wait_by_class.resize_with(classes, Distribution::default);
        for (mine, theirs) in self.wait_by_class.iter_mut().zip(&other.wait_by_class) {
            mine.merge(theirs);
        }
        for index in 0..WaitCause::ALL.len() {
            self.causes_ms[index] += other.causes_ms[index];
            self.never_started_causes_ms[index] += other.never_started_causes_ms[index];
        }
    }
}

/// Nodes of the whole run in numbers, the warm-up included where not said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NodeTotals {
    /// Nodes launched after the warm-up, by `2 × arch + capacity type`, those in reservations by architecture behind them.
    pub launches: [u64; 6],
    /// Nodes that ended after the warm-up, by place in [`NodeEnd::ALL`].
    pub ends: [u64; NodeEnd::ALL.len()],
    /// Pods of jobs that ran on nodes.
    pub pods_run: u64,
}

impl NodeTotals {
    pub(super) const fn place(arch: Arch, capacity: CapacityType) -> usize {
        match capacity {
            CapacityType::Reserved => 4 + arch as usize,
            _ => 2 * arch as usize + capacity as usize,
        }
    }

    /// Nodes launched after the warm-up of one kind.
    #[must_use]
    pub fn launched(&self, arch: Arch, capacity: CapacityType) -> u64 {
        self.launches[Self::place(arch, capacity)]
    }

    /// Nodes that ended after the warm-up for one reason.
    #[must_use]
    pub fn ended(&self, end: NodeEnd) -> u64 {
        self.ends[end as usize]
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.launches.iter_mut().zip(other.launches) {
            *mine += theirs;
        }
        for (mine, theirs) in self.ends.iter_mut().zip(other.ends) {
            *mine += theirs;
        }
        self.pods_run += other.pods_run;
    }
}

/// Deterministic counts of work done by the simulator (events, heap operations, probes), in a fixed order by name. A name
/// that ends in `_peak` is a highest level: of several runs the highest counts, not the sum. A name that begins with
/// `kube_scheduler_` counts what the modelled kube-scheduler did to pods that wait: its rules and the share of jobs that
/// wait say how often, not how the simulator goes about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WorkCounters {
    counters: Vec<(Cow<'static, str>, u64)>,
}

impl WorkCounters {
    /// Adds to the counter `name`, which starts at zero.
    pub fn add(&mut self, name: &'static str, count: u64) {
        self.add_named(Cow::Borrowed(name), count);
    }

    fn add_named(&mut self, name: Cow<'static, str>, count: u64) {
        match self.counters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => self.counters.push((name, count)),
        }
    }

    /// Every counter, in the order in which they were first added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> + '_ {
        self.counters.iter().map(|(name, count)| (name.as_ref(), *count))
    }

    /// Whether the counter `name` is a highest level, not a sum.
    #[must_use]
    pub fn is_peak(name: &str) -> bool {
        name.ends_with("_peak")
    }

    /// Whether the counter `name` says what a modelled component did, beside the simulator's own work.
    #[must_use]
    pub fn is_modelled(name: &str) -> bool {
        name.starts_with("kube_scheduler_")
    }

    /// Adds the counters of `other`; of peaks the higher stays.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.counters {
            match self.counters.iter_mut().find(|(known, _)| Self::is_peak(name) && known == name) {
                Some((_, peak)) => *peak = (*count).max(*peak),
                None => self.add_named(name.clone(), *count),
            }
        }
    }
}

/// Everything one run (one fleet, one replication) leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunOutcome {
    /// Jobs that started waiting before this are not counted, and cost before it is not either.
    pub warmup: SimTime,
    /// End of the run.
    pub end: SimTime,
    /// How jobs ended.
    pub jobs: JobCounts,
    /// How long they waited.
    pub waits: WaitStatistics,
    /// What was paid after the warm-up.
    pub costs: CostLedger,
    /// What each resource's cost was paid for.
    pub waste: WasteLedger,
    /// For whom it was paid, and for which machines.
    #[serde(default)]
    pub groups: GroupLedger,
    /// Nodes.
    pub nodes: NodeTotals,
    /// Levels over time, from time zero.
    pub timeline: Timeline,
    /// Every job attempt in order of its end, where per-job output was asked for; the warm-up included.
    pub job_records: Option<Vec<JobRecord>>,
    /// Every node in order of its end, where per-node output was asked for; the warm-up included.
    pub node_records: Option<Vec<NodeRecord>>,
    /// Work of the simulator, the warm-up included.
    pub work: WorkCounters,
}

impl RunOutcome {
    /// The time that counts: from the warm-up until the end.
    #[must_use]
    pub fn window(&self) -> SimDuration {
        self.end.saturating_since(self.warmup)
    }
}

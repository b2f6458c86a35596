//! The one thing the event loop tells: jobs that ended, levels that changed, time that was billed. It only listens.

use super::distribution::{Distribution, Histogram};
use super::gauge::{GaugeKey, Gauges};
use super::groups::{Account, CpuShare, GroupMeter, Machine};
use super::job::{JobRecord, WaitCause};
use super::ledger::{CostKind, CostLedger, WasteKind, WasteLedger};
use super::node::NodeRecord;
use super::outcome::{JobCounts, NodeTotals, RunOutcome, WaitStatistics, WorkCounters};
use super::usage::UsedFor;
use super::wait_profile::WaitProfile;
use crate::units::{CostMeter, HourlyPrice, SimDuration, SimTime};

/// What is recorded of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSettings {
    /// Jobs that start waiting before this are not counted; cost accrues from here on.
    pub warmup: SimTime,
    /// Expected length of the run: sets the width of the timeline's buckets. A longer run is recorded all the same.
    pub horizon: SimDuration,
    /// Buckets of the timeline.
    pub buckets: usize,
    /// Number of job classes.
    pub classes: usize,
    /// Whether every job attempt is kept. Memory then grows with the number of jobs.
    pub keep_jobs: bool,
    /// Whether every node is kept.
    pub keep_nodes: bool,
}

impl RecorderSettings {
    /// Settings for a run of length `horizon` without warm-up, one class, no records kept, 500 buckets.
    #[must_use]
    pub fn new(horizon: SimDuration) -> Self {
        Self { warmup: SimTime::ZERO, horizon, buckets: 500, classes: 1, keep_jobs: false, keep_nodes: false }
    }
}

/// Folds what happens in one run into a [`RunOutcome`].
#[derive(Clone, Debug)]
pub struct Recorder {
    warmup: SimTime,
    gauges: Gauges,
    jobs: JobCounts,
    wait_by_class: Vec<Histogram>,
    queue: Histogram,
    pod_start: Histogram,
    causes_ms: [u64; WaitCause::ALL.len()],
    never_started_causes_ms: [u64; WaitCause::ALL.len()],
    profile: WaitProfile,
    costs: CostLedger,
    waste: WasteLedger,
    groups: GroupMeter,
    nodes: NodeTotals,
    job_records: Option<Vec<JobRecord>>,
    node_records: Option<Vec<NodeRecord>>,
}

impl Recorder {
    /// A recorder at time zero.
    #[must_use]
    pub fn new(settings: RecorderSettings) -> Self {
        Self {
            warmup: settings.warmup,
            gauges: Gauges::new(settings.warmup, settings.horizon, settings.buckets),
            jobs: JobCounts::default(),
            wait_by_class: vec![Histogram::default(); settings.classes],
            queue: Histogram::default(),
            pod_start: Histogram::default(),
            causes_ms: [0; WaitCause::ALL.len()],
            never_started_causes_ms: [0; WaitCause::ALL.len()],
            profile: WaitProfile::default(),
            costs: CostLedger::default(),
            waste: WasteLedger::default(),
            groups: GroupMeter::default(),
            nodes: NodeTotals::default(),
            job_records: settings.keep_jobs.then(Vec::new),
            node_records: settings.keep_nodes.then(Vec::new),
        }
    }

    /// From `now` on the level of `key` is `delta` higher.
    pub fn gauge(&mut self, now: SimTime, key: GaugeKey, delta: i64) {
        self.gauges.add(now, key, delta);
    }

    /// What a level is now.
    #[must_use]
    pub fn level(&self, key: GaugeKey) -> i64 {
        self.gauges.level(key)
    }

    /// A job attempt ended, or the run ended before it did. To be called once per attempt.
    ///
    /// # Panics
    /// In debug builds: where the causes do not sum to the wait.
    pub fn job_ended(&mut self, record: &JobRecord) {
        if let Some(records) = &mut self.job_records {
            records.push(*record);
        }
        if record.wait_since < self.warmup {
            return;
        }
        self.jobs.count(record);
        if record.picked_at != SimTime::NEVER {
            self.queue.record((record.picked_at - record.pending_at).as_ms());
            if record.has_started() {
                self.pod_start.record((record.script_started_at - record.picked_at).as_ms());
            }
        }
        if record.retried {
            // Its wait is part of the next attempt's.
            return;
        }
        let causes = if record.has_started() {
            let wait = record.script_started_at - record.wait_since;
            debug_assert_eq!(
                record.wait.total(),
                wait,
                "wait causes of build {} sum to its wait",
                record.ordinal
            );
            // A trace may bring classes that were unknown at the start.
            if record.class as usize >= self.wait_by_class.len() {
                self.wait_by_class.resize_with(record.class as usize + 1, Histogram::default);
            }
            self.wait_by_class[record.class as usize].record(wait.as_ms());
            self.profile.record(record.wait_since, &record.wait);
            &mut self.causes_ms
        } else {
            &mut self.never_started_causes_ms
        };
        for (sum, cause) in causes.iter_mut().zip(WaitCause::ALL) {
            *sum += record.wait.of(cause).as_ms();
        }
    }

    /// Something that runs whether jobs do or not was billed at `price` from `from` until `until`. Returns the part that
    /// counts, after the warm-up.
    pub fn bill(&mut self, kind: CostKind, price: HourlyPrice, from: SimTime, until: SimTime) -> CostMeter {
        let cost = CostMeter::of(price, until.saturating_since(from.max(self.warmup)).as_ms());
        self.bill_used(kind, &UsedFor::only(WasteKind::Standing, cost));
        cost
    }

    /// A bill that was reckoned elsewhere (minimum times, waived hours), without what fell before the warm-up, and of which no job
    /// is nearer to than another.
    pub fn bill_used(&mut self, kind: CostKind, used: &UsedFor) {
        let machine = match kind {
            CostKind::Instance(arch, capacity) => Machine::Instance(arch, capacity),
            _ => Machine::Standing,
        };
        self.enter(kind, machine, used);
        self.groups.common(used);
    }

    /// The same for what one job of `account` had for itself, on which it requested so many millicore-milliseconds.
    pub fn bill_job(
        &mut self,
        (kind, machine): (CostKind, Machine),
        used: &UsedFor,
        account: u32,
        core_ms: u64,
    ) {
        self.enter(kind, machine, used);
        self.groups.paid_for(account, used, core_ms);
    }

    /// The same for a node: its instance and its volume. [`Recorder::share_out`] says for whom.
    pub fn bill_node(&mut self, kind: CostKind, instance: &UsedFor, volume: &UsedFor) {
        let CostKind::Instance(arch, capacity) = kind else { unreachable!("a node is an instance") };
        let machine = Machine::Instance(arch, capacity);
        self.enter(kind, machine, instance);
        self.enter(CostKind::RootVolume, machine, volume);
    }

    /// What was billed for a node, or for a part of its life, goes to the accounts of the jobs that were on it.
    pub fn share_out(&mut self, used: &UsedFor, shares: &[CpuShare]) {
        self.groups.share_out(used, shares);
    }

    /// Jobs of `account` requested so many millicore-milliseconds of what counts.
    pub fn cpu_requested(&mut self, account: u32, core_ms: u64) {
        self.groups.requested(account, core_ms);
    }

    fn enter(&mut self, kind: CostKind, machine: Machine, used: &UsedFor) {
        self.costs.add(kind, used.total());
        self.waste.add(kind, used);
        self.groups.machine(machine, used);
    }

    /// A node ended, or the run ended before it did. To be called once per node, after its bills.
    pub fn node_ended(&mut self, record: &NodeRecord) {
        if record.launched_at >= self.warmup {
            self.nodes.launches[NodeTotals::place(record.arch, record.capacity)] += 1;
        }
        if record.terminated_at >= self.warmup {
            self.nodes.ends[record.end as usize] += 1;
        }
        self.nodes.pods_run += u64::from(record.pods_run);
        if let Some(records) = &mut self.node_records {
            records.push(*record);
        }
    }

    /// The outcome of the run that ended at `end`; `accounts` are named by their numbers.
    #[must_use]
    pub fn finish(self, end: SimTime, work: WorkCounters, accounts: &[Account]) -> RunOutcome {
        // Waits of all jobs are those of all classes; counting them once per job is enough.
        let wait_by_class: Vec<Distribution> = self.wait_by_class.iter().map(Histogram::finish).collect();
        let mut wait = Distribution::default();
        for class in &wait_by_class {
            wait.merge(class);
        }
        RunOutcome {
            warmup: self.warmup,
            end,
            jobs: self.jobs,
            waits: WaitStatistics {
                wait,
                wait_by_class,
                queue: self.queue.finish(),
                pod_start: self.pod_start.finish(),
                causes_ms: self.causes_ms.map(u128::from),
                never_started_causes_ms: self.never_started_causes_ms.map(u128::from),
                profile: self.profile,
            },
            costs: self.costs,
            waste: self.waste,
            groups: self.groups.finish(accounts),
            nodes: self.nodes,
            timeline: self.gauges.finish(end),
            job_records: self.job_records,
            node_records: self.node_records,
            work,
        }
    }
}

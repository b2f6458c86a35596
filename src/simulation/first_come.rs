//! Fleets without nodes: jobs start strictly in the order in which they become pending (the head of the queue holds up all behind
//! it), pipelines progress as elsewhere, and every build leaves its record. What a job holds, how fast it runs and what is paid
//! is the supply's (`fifo`, `per_job`).

use std::collections::VecDeque;

use crate::catalog::Arch;
use crate::engine::{EventQueue, Id, Slab, Streams};
use crate::gitlab::{PendingJob, PipelineId, PipelineStep, Pipelines};
use crate::metrics::{
    FailureReason as RecordedFailure, GaugeKey, JobOutcome, JobRecord, Recorder, RecorderSettings, WaitCause,
    WaitSplit, WorkCounters,
};
use crate::units::{SimDuration, SimTime};
use crate::workload::{Arrivals, FailureReason, JobNumber, JobSampler, TraceError};

use super::accounts::Accounts;
use super::arrivals;
use super::pipeline_steps::{PipelineHost, PipelineSide, arch_of};
use super::plan::Plan;
use super::supply::{Started, Starting, Supply};
use super::{FinishedRun, Keep};

/// A build that is pending or has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build<H> {
    pub pending: PendingJob,
    /// What it holds of the supply once it has started.
    pub held: H,
    pub picked_at: SimTime,
    /// Never where it has not started, or never will.
    pub script_at: SimTime,
    /// Whether it was cancelled and is only waited for by an event or in the queue.
    is_gone: bool,
    ordinal: u64,
    /// For whom it runs.
    account: u32,
}

/// The queue before a supply.
struct FirstCome<'p, S: Supply> {
    plan: &'p Plan,
    supply: S,
    arrivals: Arrivals,
    sampler: JobSampler,
    pipelines: Pipelines,
    recorder: Recorder,
    events: EventQueue<Event<S::Held>>,
    builds: Slab<Build<S::Held>>,
    waiting: VecDeque<Id<Build<S::Held>>>,
    steps: Vec<PipelineStep>,
    accounts: Accounts,
    now: SimTime,
    started: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event<H> {
    /// The build is pending now.
    Pending(Id<Build<H>>),
    /// Its script has ended, or its time is over.
    Ended(Id<Build<H>>),
    /// The wait of a `when: delayed` job is over.
    DelayOver(PipelineId, u32),
}

/// Simulates jobs on `supply` over one replication; `provided` millicores of it are there from the start.
pub(super) fn simulate<S: Supply>(
    plan: &Plan,
    (supply, provided): (S, u64),
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
) -> Result<FinishedRun, TraceError> {
    let recorder = Recorder::new(RecorderSettings {
        warmup: plan.warmup,
        classes: arrivals.classes().len(),
        keep_jobs: keep.jobs,
        keep_nodes: keep.nodes,
        ..RecorderSettings::new(plan.horizon)
    });
    let mut queue = FirstCome {
        plan,
        supply,
        arrivals,
        sampler: JobSampler::new(streams),
        pipelines: Pipelines::new(plan.pipeline_latency),
        recorder,
        events: EventQueue::new(),
        builds: Slab::new(),
        waiting: VecDeque::new(),
        steps: Vec::new(),
        accounts: Accounts::default(),
        now: SimTime::ZERO,
        started: 0,
    };
    if provided > 0 {
        queue.recorder.gauge(SimTime::ZERO, GaugeKey::ProvisionedMillicores, provided as i64);
    }
    let end = queue.run()?;
    Ok(queue.finish(end))
}

impl<S: Supply> FirstCome<'_, S> {
    fn run(&mut self) -> Result<SimTime, TraceError> {
        let horizon = SimTime::ZERO + self.plan.horizon;
        let limit = if self.plan.drain { SimTime::NEVER } else { horizon };
        loop {
            let arrival_at =
                Some(self.arrivals.next_at()).filter(|at| *at < horizon).unwrap_or(SimTime::NEVER);
            let at = arrival_at.min(self.events.next_at().unwrap_or(SimTime::NEVER));
            if at >= limit {
                return Ok(if limit == SimTime::NEVER { self.now } else { limit });
            }
            self.supply.pass(at);
            self.now = at;
            // What ends gives back what it held before what comes at the same instant asks for it.
            if self.events.next_at() == Some(at) {
                let (_, event) = self.events.pop().expect("an event is due");
                match event {
                    Event::Pending(build) => self.wait(build),
                    Event::Ended(build) => self.end(build),
                    Event::DelayOver(pipeline, node) => {
                        self.advance_pipelines(|side, steps| {
                            side.pipelines.delay_over(pipeline, node, at, steps)
                        });
                    }
                }
            } else {
                let arrival = self.arrivals.next_arrival()?.expect("an arrival is due");
                self.start_pipeline(arrival);
            }
            self.start_what_may();
        }
    }

    fn wait(&mut self, build: Id<Build<S::Held>>) {
        if self.builds[build].is_gone {
            self.builds.remove(build);
            return;
        }
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, 1);
        self.waiting.push_back(build);
    }

    /// Starts jobs from the head of the queue; the first that may not start holds up all behind it.
    fn start_what_may(&mut self) {
        while let Some(&id) = self.waiting.front() {
            if self.builds[id].is_gone {
                self.waiting.pop_front();
                self.builds.remove(id);
                continue;
            }
            if !self.supply.may_start(self.builds[id].held) {
                return;
            }
            self.waiting.pop_front();
            self.start(id);
        }
    }

    fn start(&mut self, id: Id<Build<S::Held>>) {
        let now = self.now;
        self.started += 1;
        self.recorder.gauge(now, GaugeKey::PendingJobs, -1);
        let build = &mut self.builds[id];
        let (pending, spec) = (build.pending, build.pending.spec);
        self.pipelines.job_started(self.arrivals.templates(), pending.pipeline, pending.node);
        let class = &self.arrivals.classes()[spec.class];
        let number = JobNumber::new(build.ordinal, pending.node);
        let Started { held, script_at, whole_ms } =
            self.supply.start(&Starting { now, spec, class, number }, build.held);
        let failure = self.sampler.script_failure(class.failure_probability, number, pending.attempt);
        let length = SimDuration::from_ms(failure.map_or(whole_ms, |share| share.of(whole_ms)));
        let ends_at = if script_at == SimTime::NEVER { script_at } else { script_at + length };
        self.events.push(ends_at.min(now + class.timeout), Event::Ended(id));
        build.held = held;
        build.picked_at = now;
        build.script_at = script_at;
        let build = *build;
        self.level(&build, 1);
    }

    /// Counts a running build in or out.
    fn level(&mut self, build: &Build<S::Held>, step: i64) {
        self.recorder.gauge(self.now, GaugeKey::RunningJobs(self.arch(build)), step);
        self.supply.level(&mut self.recorder, self.now, build, step);
    }

    fn arch(&self, build: &Build<S::Held>) -> Arch {
        self.supply.arch(build.held).unwrap_or_else(|| arch_of(&self.arrivals, build.pending.spec.class))
    }

    fn end(&mut self, id: Id<Build<S::Held>>) {
        let build = self.builds.remove(id);
        if build.is_gone {
            return;
        }
        self.leave(&build);
        let class = &self.arrivals.classes()[build.pending.spec.class];
        let number = JobNumber::new(build.ordinal, build.pending.node);
        let failure = self.sampler.script_failure(class.failure_probability, number, build.pending.attempt);
        let (outcome, reason) = if self.now >= build.picked_at + class.timeout {
            (JobOutcome::TimedOut, Some(FailureReason::JobExecutionTimeout))
        } else if failure.is_some() {
            (JobOutcome::Failed(RecordedFailure::Script), Some(FailureReason::ScriptFailure))
        } else {
            (JobOutcome::Success, None)
        };
        self.conclude(&build, outcome, reason);
    }

    /// The build gives back what it held.
    fn leave(&mut self, build: &Build<S::Held>) {
        self.level(build, -1);
        self.bill(build, self.now);
    }

    /// What the build had until then is billed to its account.
    fn bill(&mut self, build: &Build<S::Held>, until: SimTime) {
        let core_ms = self.supply.requested(build, until);
        match self.supply.paid_for(build, until) {
            Some((kind, machine, used)) => {
                self.recorder.bill_job((kind, machine), &used, build.account, core_ms);
            }
            None => self.recorder.cpu_requested(build.account, core_ms),
        }
    }

    /// Tells the pipeline how the build ended, and writes its record.
    fn conclude(&mut self, build: &Build<S::Held>, outcome: JobOutcome, reason: Option<FailureReason>) {
        let now = self.now;
        let class = &self.arrivals.classes()[build.pending.spec.class];
        let number = JobNumber::new(build.ordinal, build.pending.node);
        let result = arrivals::result_of(class, &self.sampler, (number, build.pending.attempt), reason);
        let place: (PipelineId, u32) = (build.pending.pipeline, build.pending.node);
        let retried = self.advance_pipelines(|side, steps| {
            side.pipelines.job_ended(side.arrivals.templates(), place, result, now, steps)
        });
        let mut record = self.record_of(build, outcome, now);
        record.retried = retried;
        record.failure = reason;
        if record.has_started() {
            record.script_ended_at = now;
            record.slot_freed_at = now;
        }
        self.recorder.job_ended(&record);
    }

    /// The record of a build as it stands at `until`.
    fn record_of(&self, build: &Build<S::Held>, outcome: JobOutcome, until: SimTime) -> JobRecord {
        let Build { pending, picked_at, script_at, .. } = *build;
        let mut wait = WaitSplit::default();
        let (pending_by, picked_by) = (pending.at.min(until), picked_at.min(until));
        wait.add(WaitCause::RetryAfterInterruption, pending_by - pending.wait_since);
        wait.add(WaitCause::GitlabQueue, picked_by.saturating_since(pending_by));
        wait.add(WaitCause::NodeStart, script_at.min(until).saturating_since(picked_by));
        let class = pending.spec.class.raw();
        JobRecord {
            attempt: u16::from(pending.attempt),
            pipeline_job: pending.node,
            outcome,
            wait_since: pending.wait_since,
            picked_at,
            pod_created_at: picked_at,
            bound_at: script_at,
            script_started_at: if script_at <= until { script_at } else { SimTime::NEVER },
            wait,
            ..JobRecord::pending(pending.build.0 as u32, class, build.ordinal, self.arch(build), pending.at)
        }
    }

    fn finish(mut self, end: SimTime) -> FinishedRun {
        // A retry on its way into the queue is all that is left of its job; others have not begun to wait.
        let is_open =
            |build: &Build<S::Held>| !build.is_gone && (build.pending.at <= end || build.pending.attempt > 0);
        let open: Vec<_> =
            self.builds.iter().map(|(_, build)| *build).filter(|build| is_open(build)).collect();
        for build in open {
            let is_running = build.script_at <= end;
            let outcome = if is_running { JobOutcome::StillRunning } else { JobOutcome::StillWaiting };
            if build.picked_at != SimTime::NEVER {
                self.bill(&build, end);
            }
            let record = self.record_of(&build, outcome, end);
            self.recorder.job_ended(&record);
        }
        if let Some((kind, used)) = self.supply.paid_for_all(end) {
            self.recorder.bill_used(kind, &used);
        }
        for (kind, cost) in &self.plan.standing {
            self.recorder.bill(*kind, cost.hourly, SimTime::ZERO, end);
        }
        let mut work = WorkCounters::default();
        let queue = self.events.work();
        for (name, count) in [
            ("builds", self.started),
            ("heap_pushes", queue.pushes),
            ("heap_pops", queue.pops),
            ("heap_peak", queue.peak),
        ] {
            work.add(name, count);
        }
        let accounts = self.accounts.named(&self.arrivals);
        FinishedRun::of(self.recorder.finish(end, work, &accounts), &self.arrivals, Vec::new())
    }
}

impl<S: Supply> PipelineHost for FirstCome<'_, S> {
    fn side(&mut self) -> PipelineSide<'_> {
        PipelineSide {
            now: self.now,
            arrivals: &self.arrivals,
            sampler: self.sampler,
            pipelines: &mut self.pipelines,
            recorder: &mut self.recorder,
        }
    }

    fn steps(&mut self) -> &mut Vec<PipelineStep> {
        &mut self.steps
    }

    fn create_build(&mut self, pending: &PendingJob) {
        let template = self.pipelines.template(pending.pipeline);
        let build = self.builds.insert(Build {
            account: self.accounts.of(pending.spec.class, template),
            pending: *pending,
            held: self.supply.wanted(pending.spec.requests),
            picked_at: SimTime::NEVER,
            script_at: SimTime::NEVER,
            is_gone: false,
            ordinal: self.pipelines.ordinal(pending.pipeline),
        });
        self.pipelines.set_key(pending.pipeline, pending.node, build.raw());
        if pending.at <= self.now {
            self.wait(build);
        } else {
            self.events.push(pending.at, Event::Pending(build));
        }
    }

    fn delay(&mut self, pipeline: PipelineId, node: u32, until: SimTime) {
        self.events.push(until, Event::DelayOver(pipeline, node));
    }

    /// A build that is pending or running was cancelled: it ends at once.
    fn cancel(&mut self, pipeline: PipelineId, node: u32) {
        let id = Id::new(self.pipelines.key(pipeline, node));
        self.builds[id].is_gone = true;
        let build = self.builds[id];
        if build.picked_at != SimTime::NEVER {
            self.leave(&build);
        } else if build.pending.at <= self.now {
            self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        }
        self.conclude(&build, JobOutcome::Canceled, None);
    }
}

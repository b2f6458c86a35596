//! A fleet in which every job gets a machine of its own, made for it and gone after it: hosted runners, Fargate pods. No node, no
//! scheduler; jobs start first in first out, as many at once as allowed. Pipelines progress as elsewhere.

use std::collections::VecDeque;

use crate::catalog::Arch;
use crate::engine::{EventQueue, Id, Purpose, Slab, Streams};
use crate::gitlab::{PendingJob, PipelineId, PipelineStep, Pipelines};
use crate::metrics::{
    BilledSpan, FailureReason as RecordedFailure, GaugeKey, JobOutcome, JobRecord, NodeShape, Recorder,
    RecorderSettings, Usage, UsedFor, WaitCause, WaitSplit, WorkCounters,
};
use crate::scaling::{MachineSize, size_for};
use crate::units::{SimDuration, SimTime};
use crate::workload::{Arrivals, FailureReason, JobNumber, JobSampler, TraceError};

use super::arrivals;
use super::per_job_plan::PerJobPlan;
use super::pipeline_steps::{PipelineHost, PipelineSide, arch_of};
use super::plan::Plan;
use super::{FinishedRun, Keep};

const MACHINE_START: Purpose = Purpose::named("per-job machine start");

/// A build that is pending or has its machine.
#[derive(Clone, Copy, Debug)]
struct Build {
    pending: PendingJob,
    /// Whether it was cancelled and is only waited for by an event or in the queue.
    is_gone: bool,
    ordinal: u64,
    size: Option<MachineSize>,
    picked_at: SimTime,
    script_at: SimTime,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The build is pending now.
    Pending(Id<Build>),
    /// Its script has ended, or its time is over.
    Ended(Id<Build>),
    /// The wait of a `when: delayed` job is over.
    DelayOver(PipelineId, u32),
}

struct Machines<'p> {
    plan: &'p Plan,
    machines: &'p PerJobPlan,
    streams: Streams,
    arrivals: Arrivals,
    sampler: JobSampler,
    pipelines: Pipelines,
    recorder: Recorder,
    events: EventQueue<Event>,
    builds: Slab<Build>,
    waiting: VecDeque<Id<Build>>,
    steps: Vec<PipelineStep>,
    now: SimTime,
    running: u32,
    started: u64,
}

/// Simulates `machines` over one replication.
pub(super) fn simulate(
    plan: &Plan,
    machines: &PerJobPlan,
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
    let mut world = Machines {
        plan,
        machines,
        streams,
        arrivals,
        sampler: JobSampler::new(streams),
        pipelines: Pipelines::new(plan.pipeline_latency),
        recorder,
        events: EventQueue::new(),
        builds: Slab::new(),
        waiting: VecDeque::new(),
        steps: Vec::new(),
        now: SimTime::ZERO,
        running: 0,
        started: 0,
    };
    let end = world.run()?;
    Ok(world.finish(end))
}

impl Machines<'_> {
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
            self.now = at;
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

    fn wait(&mut self, build: Id<Build>) {
        if self.builds[build].is_gone {
            self.builds.remove(build);
            return;
        }
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, 1);
        self.waiting.push_back(build);
    }

    fn start_what_may(&mut self) {
        while let Some(&id) = self.waiting.front() {
            if self.builds[id].is_gone {
                self.waiting.pop_front();
                self.builds.remove(id);
                continue;
            }
            if self.machines.concurrent.is_some_and(|most| self.running >= most) {
                return;
            }
            self.waiting.pop_front();
            self.start(id);
        }
    }

    /// The job gets its machine.
    fn start(&mut self, id: Id<Build>) {
        let now = self.now;
        self.started += 1;
        self.running += 1;
        self.recorder.gauge(now, GaugeKey::PendingJobs, -1);
        let Build { pending, ordinal, .. } = self.builds[id];
        let spec = pending.spec;
        self.pipelines.job_started(self.arrivals.templates(), pending.pipeline, pending.node);
        let class = &self.arrivals.classes()[spec.class];
        let number = JobNumber::new(ordinal, pending.node);
        let requests = spec.requests + self.machines.overhead;
        let size = size_for(&self.machines.sizes, |arch| class.arch.allows(arch), requests).copied();
        let mut random = self.streams.entity(MACHINE_START, number.as_u64());
        let script_at = now + self.machines.start.draw(&mut random);
        let work = spec.work.as_ms();
        let computed = class.cpu_bound.of(work);
        let speed = u128::from(self.machines.speed.0.max(1));
        let whole = (work - computed) + (u128::from(computed) * 1_000_000 / speed) as u64;
        let failure = self.sampler.script_failure(class.failure_probability, number, pending.attempt);
        let length = SimDuration::from_ms(failure.map_or(whole, |share| share.of(whole)));
        // A machine that nobody sells: the job never starts, and ends by its time-out.
        let ends_at = if size.is_some() { script_at + length } else { SimTime::NEVER };
        self.events.push(ends_at.min(now + class.timeout), Event::Ended(id));
        let build = &mut self.builds[id];
        build.size = size;
        build.picked_at = now;
        build.script_at = if size.is_some() { script_at } else { SimTime::NEVER };
        self.level(id, 1);
    }

    /// Counts the machine in or out.
    fn level(&mut self, id: Id<Build>, step: i64) {
        let Build { pending, size, .. } = self.builds[id];
        let arch = self.arch(&self.builds[id]);
        let requested = i64::from((pending.spec.requests + self.machines.overhead).cpu.0);
        let provided = size.map_or(0, |size| i64::from(size.whole.cpu.0));
        self.recorder.gauge(self.now, GaugeKey::RunningJobs(arch), step);
        self.recorder.gauge(self.now, GaugeKey::RequestedMillicores, step * requested);
        self.recorder.gauge(self.now, GaugeKey::ProvisionedMillicores, step * provided);
    }

    fn arch(&self, build: &Build) -> Arch {
        build.size.map_or_else(|| arch_of(&self.arrivals, build.pending.spec.class), |size| size.arch)
    }

    fn end(&mut self, id: Id<Build>) {
        if self.builds[id].is_gone {
            self.builds.remove(id);
            return;
        }
        self.leave(id);
        let build = self.builds.remove(id);
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

    /// The machine is gone, and billed.
    fn leave(&mut self, id: Id<Build>) {
        self.running -= 1;
        self.level(id, -1);
        let used = self.used_for(&self.builds[id], self.now);
        self.recorder.bill_used(self.machines.kind, &used);
    }

    /// What a machine that ended (or is looked at) at `until` was paid for, after the warm-up.
    fn used_for(&self, build: &Build, until: SimTime) -> UsedFor {
        let Some(size) = build.size else { return UsedFor::default() };
        let script_at = build.script_at.min(until);
        let (start, ran) = (script_at - build.picked_at, until - script_at);
        let billed = &self.machines.billed;
        let from = if billed.with_start { build.picked_at } else { script_at };
        let warmup = self.plan.warmup;
        let has_begun = until > from;
        if until < warmup || !has_begun {
            return UsedFor::default();
        }
        let billed_until = from + billed.of(start, ran);
        let counted = |from: SimTime, until: SimTime| until.saturating_since(from.max(warmup)).as_ms();
        let cpu = build.pending.spec.requests.cpu.0 + self.machines.overhead.cpu.0;
        let usage = Usage {
            start_up_ms: if billed.with_start { counted(build.picked_at, script_at) } else { 0 },
            empty_ms: counted(until.max(from), billed_until),
            busy_core_ms: counted(script_at, until) * u64::from(cpu.min(size.whole.cpu.0)),
            ..Usage::default()
        };
        let span = BilledSpan { ms: counted(from, billed_until), price: size.hourly, usage };
        UsedFor::of_node(std::iter::once(span), &NodeShape { cpu: size.whole.cpu, ..NodeShape::default() })
    }

    /// Tells the pipeline how the build ended, and writes its record.
    fn conclude(&mut self, build: &Build, outcome: JobOutcome, reason: Option<FailureReason>) {
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
    fn record_of(&self, build: &Build, outcome: JobOutcome, until: SimTime) -> JobRecord {
        let has_started = build.script_at <= until;
        let mut wait = WaitSplit::default();
        let pending_at = build.pending.at.min(until);
        let picked_at = build.picked_at.min(until);
        wait.add(WaitCause::RetryAfterInterruption, pending_at - build.pending.wait_since);
        wait.add(WaitCause::GitlabQueue, picked_at.saturating_since(pending_at));
        wait.add(WaitCause::NodeStart, build.script_at.min(until).saturating_since(picked_at));
        let class = build.pending.spec.class.raw();
        JobRecord {
            attempt: u16::from(build.pending.attempt),
            pipeline_job: build.pending.node,
            outcome,
            wait_since: build.pending.wait_since,
            picked_at: build.picked_at,
            pod_created_at: build.picked_at,
            bound_at: build.script_at,
            script_started_at: if has_started { build.script_at } else { SimTime::NEVER },
            wait,
            ..JobRecord::pending(
                build.pending.build.0 as u32,
                class,
                build.ordinal,
                self.arch(build),
                build.pending.at,
            )
        }
    }

    fn finish(mut self, end: SimTime) -> FinishedRun {
        self.now = end;
        // A retry on its way into the queue is all that is left of its job; others have not begun to wait.
        let is_open =
            |build: &Build| !build.is_gone && (build.pending.at <= end || build.pending.attempt > 0);
        let open: Vec<Build> =
            self.builds.iter().map(|(_, build)| *build).filter(|build| is_open(build)).collect();
        for build in open {
            let is_running = build.script_at <= end;
            let outcome = if is_running { JobOutcome::StillRunning } else { JobOutcome::StillWaiting };
            if build.picked_at != SimTime::NEVER {
                let used = self.used_for(&build, end);
                self.recorder.bill_used(self.machines.kind, &used);
            }
            let record = self.record_of(&build, outcome, end);
            self.recorder.job_ended(&record);
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
        FinishedRun::of(self.recorder.finish(end, work), &self.arrivals, Vec::new())
    }
}

impl PipelineHost for Machines<'_> {
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
        let build = self.builds.insert(Build {
            pending: *pending,
            is_gone: false,
            ordinal: self.pipelines.ordinal(pending.pipeline),
            size: None,
            picked_at: SimTime::NEVER,
            script_at: SimTime::NEVER,
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
            self.leave(id);
        } else if build.pending.at <= self.now {
            self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        }
        self.conclude(&build, JobOutcome::Canceled, None);
    }
}

//! A fleet that is a pure FIFO pool: so many cores, jobs strictly in order of becoming pending (head-of-line blocking), no
//! runner, no node, no start-up. Pipelines progress as elsewhere; work runs at the speed of the reference CPU.

use std::collections::VecDeque;

use crate::catalog::{Arch, CapacityType};
use crate::engine::{EventQueue, Id, Slab, Streams};
use crate::gitlab::{PendingJob, PipelineId, PipelineStep, Pipelines};
use crate::metrics::{
    CostKind, FailureReason as RecordedFailure, GaugeKey, JobOutcome, JobRecord, NodeMeter, NodeShape,
    Recorder, RecorderSettings, UsedFor, WaitCause, WaitSplit, WorkCounters,
};
use crate::units::{HourlyPrice, Millicores, SimTime};
use crate::workload::{Arrivals, FailureReason, JobNumber, JobSampler, TraceError};

use super::arrivals;
use super::pipeline_steps::{PipelineHost, PipelineSide, arch_of};
use super::plan::Plan;
use super::{FinishedRun, Keep};

/// A build in the pool's hands.
#[derive(Clone, Copy, Debug)]
struct Build {
    pending: PendingJob,
    /// Whether it was cancelled and is only waited for by an event or in the queue.
    is_gone: bool,
    cores_milli: u64,
    ordinal: u64,
    started_at: SimTime,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The build is pending now.
    Pending(Id<Build>),
    /// Its script has ended.
    Ended(Id<Build>),
    /// The wait of a `when: delayed` job is over.
    DelayOver(PipelineId, u32),
}

struct Pool<'p> {
    plan: &'p Plan,
    arrivals: Arrivals,
    sampler: JobSampler,
    pipelines: Pipelines,
    recorder: Recorder,
    events: EventQueue<Event>,
    builds: Slab<Build>,
    waiting: VecDeque<Id<Build>>,
    steps: Vec<PipelineStep>,
    capacity_milli: u64,
    free_milli: u64,
    now: SimTime,
    started: u64,
    /// How the cores were used.
    meter: NodeMeter,
    is_warming_up: bool,
}

/// Simulates the pool of `cores_milli` at `price` per hour over one replication.
pub(super) fn simulate(
    plan: &Plan,
    (capacity_milli, price): (u64, HourlyPrice),
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
    let mut pool = Pool {
        plan,
        arrivals,
        sampler: JobSampler::new(streams),
        pipelines: Pipelines::new(plan.pipeline_latency),
        recorder,
        events: EventQueue::new(),
        builds: Slab::new(),
        waiting: VecDeque::new(),
        steps: Vec::new(),
        capacity_milli,
        free_milli: capacity_milli,
        now: SimTime::ZERO,
        started: 0,
        meter: NodeMeter::start(SimTime::ZERO),
        is_warming_up: plan.warmup > SimTime::ZERO,
    };
    pool.meter.ready(SimTime::ZERO);
    pool.recorder.gauge(SimTime::ZERO, GaugeKey::ProvisionedMillicores, capacity_milli as i64);
    let end = pool.run()?;
    Ok(pool.finish(end, price))
}

impl Pool<'_> {
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
            self.warm_up_until(at);
            self.now = at;
            // What ends frees its cores before what comes at the same instant asks for them.
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
            self.start_what_fits();
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

    /// Starts jobs from the head of the queue; the first that does not fit holds up all behind it.
    fn start_what_fits(&mut self) {
        while let Some(&id) = self.waiting.front() {
            if self.builds[id].is_gone {
                self.waiting.pop_front();
                self.builds.remove(id);
                continue;
            }
            let cores = self.builds[id].cores_milli;
            if cores > self.free_milli {
                return;
            }
            self.waiting.pop_front();
            self.free_milli -= cores;
            self.started += 1;
            let now = self.now;
            let build = &mut self.builds[id];
            build.started_at = now;
            let spec = build.pending.spec;
            self.pipelines.job_started(self.arrivals.templates(), build.pending.pipeline, build.pending.node);
            let arch = arch_of(&self.arrivals, spec.class);
            let class = &self.arrivals.classes()[spec.class];
            let number = JobNumber::new(build.ordinal, build.pending.node);
            let whole = spec.work.as_ms();
            let failure =
                self.sampler.script_failure(class.failure_probability, number, build.pending.attempt);
            let length = failure.map_or(whole, |share| share.of(whole)).min(class.timeout.as_ms());
            self.events.push(now + crate::units::SimDuration::from_ms(length), Event::Ended(id));
            self.recorder.gauge(now, GaugeKey::PendingJobs, -1);
            self.recorder.gauge(now, GaugeKey::RunningJobs(arch), 1);
            self.recorder.gauge(now, GaugeKey::RequestedMillicores, cores as i64);
            self.meter.pod_bound(now, Millicores(cores as u32));
        }
    }

    fn end(&mut self, id: Id<Build>) {
        let now = self.now;
        let build = self.builds.remove(id);
        if build.is_gone {
            return;
        }
        self.leave(&build);
        let class = &self.arrivals.classes()[build.pending.spec.class];
        let number = JobNumber::new(build.ordinal, build.pending.node);
        let failure = self.sampler.script_failure(class.failure_probability, number, build.pending.attempt);
        let (outcome, reason) = if now >= build.started_at + class.timeout {
            (JobOutcome::TimedOut, Some(FailureReason::JobExecutionTimeout))
        } else if failure.is_some() {
            (JobOutcome::Failed(RecordedFailure::Script), Some(FailureReason::ScriptFailure))
        } else {
            (JobOutcome::Success, None)
        };
        self.conclude(&build, outcome, reason);
    }

    /// The build no longer takes part of the pool.
    fn leave(&mut self, build: &Build) {
        let now = self.now;
        self.free_milli += build.cores_milli;
        let arch = arch_of(&self.arrivals, build.pending.spec.class);
        self.recorder.gauge(now, GaugeKey::RunningJobs(arch), -1);
        self.recorder.gauge(now, GaugeKey::RequestedMillicores, -(build.cores_milli as i64));
        self.meter.pod_left(now, Millicores(build.cores_milli as u32));
    }

    /// Tells the pipeline how the build ended, and writes its record.
    fn conclude(&mut self, build: &Build, outcome: JobOutcome, reason: Option<FailureReason>) {
        let now = self.now;
        let arch = arch_of(&self.arrivals, build.pending.spec.class);
        let class = &self.arrivals.classes()[build.pending.spec.class];
        let number = JobNumber::new(build.ordinal, build.pending.node);
        let result = arrivals::result_of(class, &self.sampler, (number, build.pending.attempt), reason);
        let place: (PipelineId, u32) = (build.pending.pipeline, build.pending.node);
        let retried = self.advance_pipelines(|side, steps| {
            side.pipelines.job_ended(side.arrivals.templates(), place, result, now, steps)
        });
        let mut record = record_of(build, arch, outcome, now);
        record.retried = retried;
        record.failure = reason;
        if build.started_at != SimTime::NEVER {
            record.script_ended_at = now;
            record.slot_freed_at = now;
        }
        self.recorder.job_ended(&record);
    }

    /// What the pool was paid for: cores that jobs had, cores that were left beside them, and time without a job.
    fn use_of_the_pool(&mut self, end: SimTime, price: HourlyPrice) -> UsedFor {
        if end < self.plan.warmup {
            return UsedFor::default();
        }
        self.warm_up_until(end);
        let shape = NodeShape { cpu: Millicores(self.capacity_milli as u32), ..NodeShape::default() };
        UsedFor::of_node(self.meter.spans(end, price), &shape)
    }

    /// Where the warm-up ends at or before `at`, what was metered until then does not count.
    fn warm_up_until(&mut self, at: SimTime) {
        if self.is_warming_up && at >= self.plan.warmup {
            self.is_warming_up = false;
            self.meter.cut(self.plan.warmup, HourlyPrice::default(), false);
        }
    }

    fn finish(mut self, end: SimTime, price: HourlyPrice) -> FinishedRun {
        // A retry on its way into the queue is all that is left of its job; others have not begun to wait.
        let is_open =
            |build: &Build| !build.is_gone && (build.pending.at <= end || build.pending.attempt > 0);
        for (_, build) in self.builds.iter().filter(|(_, build)| is_open(build)) {
            let started = build.started_at != SimTime::NEVER;
            let outcome = if started { JobOutcome::StillRunning } else { JobOutcome::StillWaiting };
            let arch = arch_of(&self.arrivals, build.pending.spec.class);
            self.recorder.job_ended(&record_of(build, arch, outcome, end));
        }
        let used = self.use_of_the_pool(end, price);
        self.recorder.bill_used(CostKind::Instance(Arch::Amd64, CapacityType::OnDemand), &used);
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

impl PipelineHost for Pool<'_> {
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
            // A job that wants more than there is takes the whole pool.
            cores_milli: u64::from(pending.spec.requests.cpu.0).min(self.capacity_milli),
            ordinal: self.pipelines.ordinal(pending.pipeline),
            started_at: SimTime::NEVER,
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
        if build.started_at != SimTime::NEVER {
            self.leave(&build);
        } else if build.pending.at <= self.now {
            self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        }
        self.conclude(&build, JobOutcome::Canceled, None);
    }
}

/// The record of a build that waited until it started, or until `until`.
fn record_of(build: &Build, arch: Arch, outcome: JobOutcome, until: SimTime) -> JobRecord {
    let started_at = build.started_at;
    let mut wait = WaitSplit::default();
    wait.add(WaitCause::RetryAfterInterruption, build.pending.at.min(until) - build.pending.wait_since);
    wait.add(WaitCause::GitlabQueue, started_at.min(until).saturating_since(build.pending.at));
    let class = build.pending.spec.class.raw();
    JobRecord {
        attempt: u16::from(build.pending.attempt),
        pipeline_job: build.pending.node,
        outcome,
        wait_since: build.pending.wait_since,
        picked_at: started_at,
        pod_created_at: started_at,
        bound_at: started_at,
        script_started_at: started_at,
        wait,
        ..JobRecord::pending(build.pending.build.0 as u32, class, build.ordinal, arch, build.pending.at)
    }
}

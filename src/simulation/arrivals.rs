//! Stage 1: pipelines arrive, and builds become pending as what they need has ended.

use crate::catalog::Arch;
use crate::engine::Id;
use crate::fleet::{Job, JobId, JobPhase};
use crate::gitlab::{JobResult, PendingJob, PipelineId, PipelineStep, QueuedJob};
use crate::metrics::{GaugeKey, JobOutcome, JobRecord, WaitCause, WaitSplit};
use crate::units::{SimDuration, SimTime};
use crate::workload::{Arrival, ArrivalKind, Class, ClassId, FailureReason, JobNumber, JobSampler};

use super::event::Event;
use super::kinds::NO_KIND;
use super::plan::PodSource;
use super::world::World;

impl World<'_> {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        self.register_new_classes();
        let (now, ordinal) = (self.now, arrival.ordinal);
        let mut steps = std::mem::take(&mut self.scratch.steps);
        match arrival.kind {
            ArrivalKind::Job(spec) => {
                let retry = self.arrivals.classes()[spec.class].retry;
                self.pipelines.start_single(spec, retry, ordinal, now, &mut steps);
            }
            ArrivalKind::Pipeline(template) => {
                let sampler = self.sampler;
                let written = &self.arrivals.templates()[template];
                let spec = |node| sampler.node(self.arrivals.classes(), written, ordinal, node);
                let templates = self.arrivals.templates();
                let id = self.pipelines.start(templates, template, ordinal, now, spec, &mut steps);
                if let Some(push) = sampler.push(written, ordinal).filter(|_| self.pipelines.is_alive(id)) {
                    self.pipelines.pushed(templates, id, push, now, &mut steps);
                }
            }
            ArrivalKind::Recorded(template, specs) => {
                let spec = |node: u32| specs[node as usize];
                self.pipelines.start(self.arrivals.templates(), template, ordinal, now, spec, &mut steps);
            }
        }
        self.apply_steps(&mut steps);
        self.scratch.steps = steps;
    }

    /// Applies what a pipeline's progress asks for; `steps` is empty afterwards.
    fn apply_steps(&mut self, steps: &mut Vec<PipelineStep>) {
        let mut index = 0;
        while index < steps.len() {
            match steps[index] {
                PipelineStep::Pending(pending) => self.create_build(&pending),
                PipelineStep::Delayed { pipeline, node, until } => {
                    self.delayed_jobs += 1;
                    self.queue.push(until, Event::DelayOver { pipeline: pipeline.raw(), node });
                }
                PipelineStep::Skipped { ordinal, node, class, build } => {
                    self.record_skipped((ordinal, node), class, build.0 as u32);
                }
                PipelineStep::Blocked { pipeline } => {
                    // Nobody plays manual jobs here: what waits for one is given up.
                    self.pipelines.cancel(self.arrivals.templates(), pipeline, self.now, steps);
                }
                PipelineStep::Cancel { pipeline, node } => self.cancel_build(pipeline, node),
                PipelineStep::Canceled { ordinal, node, class, build, attempt, wait_since } => {
                    let record = JobRecord {
                        pipeline_job: node,
                        attempt: u16::from(attempt),
                        ..canceled(build.0 as u32, class, ordinal, wait_since, self.arch_of(class), self.now)
                    };
                    self.recorder.job_ended(&record);
                }
                PipelineStep::Manual { .. } | PipelineStep::Done { .. } => {}
            }
            index += 1;
        }
        steps.clear();
    }

    fn create_build(&mut self, pending: &PendingJob) {
        let spec = pending.spec;
        self.builds = self.builds.max(pending.build.0 as u32 + 1);
        let job = self.jobs.insert(Job {
            build: pending.build.0 as u32,
            phase: JobPhase::Created,
            attempt: pending.attempt,
            has_pod: false,
            awaits_karpenter: false,
            pipeline: pending.pipeline.raw(),
            pipeline_node: pending.node,
            ordinal: self.pipelines.ordinal(pending.pipeline),
            class: spec.class.raw(),
            kind: NO_KIND,
            requests: spec.requests,
            work: spec.work,
            slot: u32::MAX,
            node: None,
            wait_since: pending.wait_since,
            pending_at: pending.at,
            picked_at: SimTime::NEVER,
            pod_created_at: SimTime::NEVER,
            planned_at: SimTime::NEVER,
            bound_at: SimTime::NEVER,
            image_pull: SimDuration::ZERO,
            script_at: SimTime::NEVER,
            ends_at: SimTime::NEVER,
            slot_free_at: SimTime::NEVER,
        });
        self.pipelines.set_key(pending.pipeline, pending.node, job.raw());
        if pending.at <= self.now {
            self.enqueue(job);
        } else {
            self.queue.push(pending.at, Event::Pending(job));
        }
    }

    /// The build enters GitLab's queue.
    pub(super) fn enqueue(&mut self, id: JobId) {
        let job = &mut self.jobs[id];
        if job.phase == JobPhase::Ended {
            // Cancelled on its way into the queue.
            self.jobs.remove(id);
            return;
        }
        job.phase = JobPhase::Pending;
        let class = &self.classes[job.class as usize];
        let queued = QueuedJob {
            job: id.raw(),
            build_id: u64::from(job.build),
            tags: class.tags,
            project: class.project,
            protected: self.pipelines.is_protected(Id::new(job.pipeline)),
        };
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, 1);
        match self.plan.executor.pod_source {
            PodSource::RunnerManagers => self.gitlab.enqueue(self.now, queued),
            PodSource::Direct => self.becomes_pod(id),
        }
    }

    pub(super) fn delay_over(&mut self, pipeline: u32, node: u32) {
        self.delayed_jobs -= 1;
        let mut steps = std::mem::take(&mut self.scratch.steps);
        self.pipelines.delay_over(Id::new(pipeline), node, self.now, &mut steps);
        self.apply_steps(&mut steps);
        self.scratch.steps = steps;
    }

    /// GitLab learns at `at` how a build ended: retries and later jobs follow. Returns whether it is tried again.
    pub(super) fn report_result(&mut self, id: JobId, result: JobResult, at: SimTime) -> bool {
        let job = &self.jobs[id];
        let place: (PipelineId, u32) = (Id::new(job.pipeline), job.pipeline_node);
        let mut steps = std::mem::take(&mut self.scratch.steps);
        let is_retried = self.pipelines.job_ended(self.arrivals.templates(), place, result, at, &mut steps);
        self.apply_steps(&mut steps);
        self.scratch.steps = steps;
        is_retried
    }

    fn record_skipped(&mut self, (pipeline, node): (u64, u32), class: ClassId, build: u32) {
        let mut record = JobRecord::pending(build, class.raw(), pipeline, self.arch_of(class), self.now);
        record.pipeline_job = node;
        record.outcome = JobOutcome::Skipped;
        self.recorder.job_ended(&record);
    }

    fn arch_of(&self, class: ClassId) -> Arch {
        let arch = self.arrivals.classes()[class].arch;
        if arch.allows(Arch::Amd64) { Arch::Amd64 } else { Arch::Arm64 }
    }
}

/// The record of a job that was cancelled at `now`, before it was pending.
pub(super) fn canceled(
    build: u32,
    class: ClassId,
    pipeline: u64,
    wait_since: SimTime,
    arch: Arch,
    now: SimTime,
) -> JobRecord {
    let wait_since = wait_since.min(now);
    let mut wait = WaitSplit::default();
    wait.add(WaitCause::RetryAfterInterruption, now - wait_since);
    JobRecord {
        outcome: JobOutcome::Canceled,
        wait_since,
        pending_at: SimTime::NEVER,
        wait,
        ..JobRecord::pending(build, class.raw(), pipeline, arch, now)
    }
}

/// What GitLab learns of a build of `class` that ended with `reason`, or without one.
pub(super) fn result_of(
    class: &Class,
    sampler: &JobSampler,
    (number, attempt): (JobNumber, u8),
    reason: Option<FailureReason>,
) -> JobResult {
    match reason {
        None => JobResult::Success,
        Some(FailureReason::ScriptFailure)
            if sampler.has_listed_exit_code(class.listed_exit_codes, number, attempt) =>
        {
            JobResult::FailedListed
        }
        Some(reason) => JobResult::Failed(reason),
    }
}

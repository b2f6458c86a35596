//! Stage 1: pipelines arrive, and builds become pending as what they need has ended.

use crate::engine::Id;
use crate::fleet::{Job, JobId, JobPhase};
use crate::gitlab::{JobResult, PendingJob, PipelineId, PipelineStep};
use crate::metrics::GaugeKey;
use crate::units::{SimDuration, SimTime};
use crate::workload::{Arrival, Class, FailureReason, JobNumber, JobSampler};

use super::event::Event;
use super::kinds::NO_KIND;
use super::pipeline_steps::{PipelineHost, PipelineSide};
use super::plan::PodSource;
use super::world::World;

impl World<'_> {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        self.register_new_classes();
        self.start_pipeline(arrival);
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
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, 1);
        match self.plan.executor.pod_source {
            PodSource::RunnerManagers => self.offer(id),
            PodSource::Direct => self.becomes_pod(id),
        }
    }

    pub(super) fn delay_over(&mut self, pipeline: u32, node: u32) {
        self.delayed_jobs -= 1;
        self.advance_pipelines(|side, steps| {
            side.pipelines.delay_over(Id::new(pipeline), node, side.now, steps)
        });
    }

    /// GitLab learns at `at` how a build ended: retries and later jobs follow. Returns whether it is tried again.
    pub(super) fn report_result(&mut self, id: JobId, result: JobResult, at: SimTime) -> bool {
        let job = &self.jobs[id];
        let place: (PipelineId, u32) = (Id::new(job.pipeline), job.pipeline_node);
        self.advance_pipelines(|side, steps| {
            side.pipelines.job_ended(side.arrivals.templates(), place, result, at, steps)
        })
    }
}

impl PipelineHost for World<'_> {
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
        &mut self.scratch.steps
    }

    fn create_build(&mut self, pending: &PendingJob) {
        let spec = pending.spec;
        self.builds = self.builds.max(pending.build.0 as u32 + 1);
        let account = self.accounts.of(spec.class, self.pipelines.template(pending.pipeline));
        let job = self.jobs.insert(Job {
            build: pending.build.0 as u32,
            phase: JobPhase::Created,
            attempt: pending.attempt,
            has_pod: false,
            is_ready: false,
            awaits_karpenter: false,
            pipeline: pending.pipeline.raw(),
            pipeline_node: pending.node,
            ordinal: self.pipelines.ordinal(pending.pipeline),
            class: spec.class.raw(),
            account,
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

    fn delay(&mut self, pipeline: PipelineId, node: u32, until: SimTime) {
        self.delayed_jobs += 1;
        self.queue.push(until, Event::DelayOver { pipeline: pipeline.raw(), node });
    }

    fn cancel(&mut self, pipeline: PipelineId, node: u32) {
        self.cancel_build(pipeline, node);
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

//! Stage 2: runner managers pick builds, and their executors create pods.

use crate::engine::Id;
use crate::fleet::{JobId, JobPhase};
use crate::gitlab::{Outcome, Pick};
use crate::metrics::{self, GaugeKey, JobOutcome};
use crate::workload::FailureReason;

use super::event::Event;
use super::world::World;

impl World<'_> {
    /// Lets the managers do what is due.
    pub(super) fn pick_jobs(&mut self) {
        let mut picks = std::mem::take(&mut self.scratch.picks);
        self.gitlab.wake(self.now, &mut picks);
        for outcome in picks.drain(..) {
            match outcome {
                Outcome::Picked(pick) => self.picked(&pick),
                Outcome::Dropped { job, .. } => self.dropped(Id::new(job)),
                Outcome::Interrupted { job, .. } => self.manager_gone(Id::new(job)),
            }
        }
        self.scratch.picks = picks;
    }

    fn picked(&mut self, pick: &Pick) {
        let id: JobId = Id::new(pick.job);
        let executor = self.executors.of(pick.manager, pick.entry);
        self.executor_chosen(id, executor);
        let job = &mut self.jobs[id];
        assert_eq!(job.phase, JobPhase::Pending, "only a pending build is picked");
        job.phase = JobPhase::Picked;
        job.picked_at = pick.at;
        job.slot = pick.slot.0;
        self.pause_pod_job_picked(id, pick.manager, pick.entry);
        let job = &self.jobs[id];
        let (pipeline, node) = (Id::new(job.pipeline), job.pipeline_node);
        self.pipelines.job_started(self.arrivals.templates(), pipeline, node);
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        let create_at = pick.run_at + self.executors.get(executor).pod_creation;
        if create_at <= self.now {
            self.create_pod(id);
        } else {
            let build = self.jobs[id].build;
            self.queue.push(create_at, Event::CreatePod { job: id, build });
        }
    }

    /// What the build's pod is like follows from its executor.
    fn executor_chosen(&mut self, id: JobId, executor: u32) {
        let (class, requests) = (Id::new(self.jobs[id].class), self.jobs[id].requests);
        let kind = self.kind_of(class, requests, executor);
        let job = &mut self.jobs[id];
        job.kind = kind;
        job.requests = self.kinds.get(kind).requests;
    }

    /// Nobody stands between GitLab and Kubernetes: the pending build is a pod at once.
    pub(super) fn becomes_pod(&mut self, id: JobId) {
        self.executor_chosen(id, 0);
        let job = &mut self.jobs[id];
        job.phase = JobPhase::Picked;
        job.picked_at = self.now;
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        self.create_pod(id);
    }

    /// The executor has prepared the build, unless its manager was stopped meanwhile.
    pub(super) fn pod_prepared(&mut self, id: JobId, build: u32) {
        if self.jobs.get(id).is_some_and(|job| job.build == build && job.phase == JobPhase::Picked) {
            self.create_pod(id);
        }
    }

    /// Whether the build's own requests are larger than its runner lets jobs ask for (gitlab-runner 19.4,
    /// `executors/kubernetes/overwrites.go`: a configuration error, for which nothing is tried again).
    fn is_refused(&self, id: JobId) -> bool {
        let kind = self.kinds.get(self.jobs[id].kind);
        let executor = self.executors.get(kind.executor);
        let above = |asked: u32, helpers: u32, most: u32| asked > helpers.saturating_add(most);
        let (asked, helpers) = (kind.requests, executor.overhead);
        executor.largest_cpu.is_some_and(|most| above(asked.cpu.0, helpers.cpu.0, most.0))
            || executor.largest_memory.is_some_and(|most| above(asked.memory.0, helpers.memory.0, most.0))
    }

    /// The executor creates the pod: kube-scheduler sees it.
    fn create_pod(&mut self, id: JobId) {
        if self.is_refused(id) {
            let outcome = JobOutcome::Failed(metrics::FailureReason::RunnerSystem);
            self.stop_build(id, outcome, FailureReason::RunnerConfigurationError, true);
            return;
        }
        let job = &mut self.jobs[id];
        job.pod_created(self.now);
        self.recorder.gauge(self.now, GaugeKey::PendingPods, 1);
        self.offer_pod(id);
    }

    /// GitLab gave a pending build up.
    fn dropped(&mut self, id: JobId) {
        let job = &mut self.jobs[id];
        job.phase = JobPhase::Ended;
        job.ends_at = self.now;
        self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
        self.conclude(id, JobOutcome::Dropped, Some(FailureReason::StuckOrTimeoutFailure), self.now);
        self.forget_if_over(id);
    }

    /// The manager process was stopped: its jobs fail.
    fn manager_gone(&mut self, id: JobId) {
        self.stop_build(id, JobOutcome::Interrupted, FailureReason::RunnerInterrupted, false);
    }
}

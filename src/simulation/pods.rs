//! Stages 4, 7 and 8: pods bind, start, run their script, and leave.

use crate::catalog::Arch;
use crate::engine::{Id, Purpose};
use crate::fleet::{Job, JobId, JobPhase, NodeId, NodePhase};
use crate::gitlab::Slot;
use crate::gitlab::executor::PodWait;
use crate::kubernetes::{Image, ImageId, SchedulingOutcome};
use crate::metrics::{GaugeKey, JobOutcome, JobRecord};
use crate::units::{SimDuration, SimTime};
use crate::workload::{FailureReason, JobNumber};

use super::arrivals;
use super::event::Event;
use super::plan::ExecutorPlan;
use super::world::World;

const POD_START: Purpose = Purpose::named("pod start");

/// How a pod's start divides.
struct PodStart {
    image_pull: SimDuration,
    start: SimDuration,
}

impl World<'_> {
    /// Lets kube-scheduler do what is due.
    pub(super) fn bind_pods(&mut self) {
        let mut outcomes = std::mem::take(&mut self.scratch.bindings);
        self.scheduler.wake(self.now, &mut outcomes);
        for outcome in outcomes.drain(..) {
            match outcome {
                SchedulingOutcome::Bound { pod, node, .. } => self.bound(Id::new(pod.0), Id::new(node.0)),
                SchedulingOutcome::Unschedulable { pod, changed, nominated, .. } => {
                    self.unschedulable(Id::new(pod.0), changed, nominated.is_some());
                }
            }
        }
        self.scratch.bindings = outcomes;
        self.delete_preempted();
    }

    /// The executor of a build that was picked.
    fn executor_of(&self, job: &Job) -> &ExecutorPlan {
        self.executors.get(self.kinds.get(job.kind).executor)
    }

    pub(super) fn pod_wait(&self, job: &Job) -> PodWait {
        let executor = self.executor_of(job);
        PodWait::with(executor.poll_interval, executor.poll_timeout)
    }

    /// When the job's time-out strikes: GitLab's clock runs from the pick, the wait for the pod included.
    pub(super) fn times_out_at(&self, job: &Job) -> SimTime {
        job.picked_at + self.arrivals.classes()[Id::new(job.class)].timeout
    }

    /// The pod waits for a node: the executor's patience is timed, and Karpenter hears of it, unless others make room for it.
    fn unschedulable(&mut self, id: JobId, changed: bool, is_nominated: bool) {
        let job = &self.jobs[id];
        if job.phase != JobPhase::Unbound {
            return;
        }
        if !changed && !job.is_pause_pod() {
            let over_at = (job.pod_created_at + self.pod_wait(job).fails_after()).min(self.times_out_at(job));
            let build = job.build;
            self.queue.push(over_at.max(self.now), Event::PodWaitOver { job: id, build });
        }
        if is_nominated {
            self.leave_to_preemption(id);
        } else {
            self.needs_node(id);
        }
    }

    /// The kubelet of `node` starts the pod; when the executor will see that is known at once.
    pub(super) fn bound(&mut self, id: JobId, node_id: NodeId) {
        let now = self.now;
        if self.jobs[id].is_pause_pod() {
            return self.pause_pod_bound(id, node_id);
        }
        let node = &mut self.nodes[node_id];
        assert!(node.phase == NodePhase::Ready, "pods bind to ready nodes");
        node.pods.push(id);
        node.active_pods += 1;
        let arch = node.arch;
        self.jobs[id].bound(now, node_id);
        let job = self.jobs[id];
        let pod_start = self.pod_start(node_id, &job);
        self.facts[node_id.index()].meter.pod_bound(now, job.requests.cpu);
        self.recorder.gauge(now, GaugeKey::PendingPods, -1);
        self.recorder.gauge(now, GaugeKey::RunningJobs(arch), 1);
        self.recorder.gauge(now, GaugeKey::RequestedMillicores, i64::from(job.requests.cpu.0));
        self.karpenter_pod_bound(id, node_id);
        let ready_at = now + pod_start.image_pull + pod_start.start;
        self.karpenter_pod_runs_from(id, node_id, ready_at);
        self.await_readiness(id, ready_at);
        let wait = self.pod_wait(&job);
        let build = job.build;
        let times_out_at = self.times_out_at(&job);
        self.jobs[id].image_pull = pod_start.image_pull;
        let seen_after = wait.seen_after(ready_at - job.pod_created_at);
        let seen_at = seen_after.map(|after| job.pod_created_at + after).filter(|at| *at < times_out_at);
        let Some(script_at) = seen_at else {
            let over_at = (job.pod_created_at + wait.fails_after()).min(times_out_at).max(now);
            self.queue.push(over_at, Event::PodWaitOver { job: id, build });
            return;
        };
        self.jobs[id].script_at = script_at;
        if self.sharing.is_some() {
            self.queue.push(script_at, Event::ScriptStarts { job: id, build });
            return;
        }
        let ends_at = self.script_end(node_id, id, script_at);
        let job = &mut self.jobs[id];
        job.ends_at = ends_at;
        self.queue.push(ends_at, Event::ScriptEnded { job: id, build });
    }

    /// How long the pod takes to start on the node: images that the node lacks are pulled first.
    fn pod_start(&mut self, node: NodeId, job: &Job) -> PodStart {
        let kubernetes = &self.plan.kubernetes;
        let image = ImageId(self.arrivals.classes()[Id::new(job.class)].image.0);
        let image_pull = match kubernetes.images.get(image.0 as usize) {
            Some(what) => {
                let what = Image { compressed_mb: what.compressed_mb, layers: what.layers };
                let (span, is_pull) = self.images[node.index()].pull(image, what, &self.pull_speed);
                if is_pull {
                    let ordinal = self.nodes[node].ordinal;
                    self.queue.push(self.now + span, Event::PullEnded { node, ordinal, image: image.0 });
                }
                span
            }
            None => SimDuration::ZERO,
        };
        let mut random =
            self.streams.entity(POD_START, JobNumber::new(job.ordinal, job.pipeline_node).as_u64());
        PodStart { image_pull, start: kubernetes.pod_start.draw(&mut random) }
    }

    /// A pull is over: pods that come later find the image on the node.
    pub(super) fn pull_ended(&mut self, node: NodeId, image: u32) {
        self.images[node.index()].pull_ended(ImageId(image), true);
    }

    /// When the script that starts at `script_at` on `node` ends: done, failed by itself, or cut off by the time-out.
    fn script_end(&self, node: NodeId, id: JobId, script_at: SimTime) -> SimTime {
        let job = &self.jobs[id];
        let class = &self.arrivals.classes()[Id::new(job.class)];
        let facts = &self.facts[node.index()];
        let emulated = self.kinds.get(job.kind).emulated && self.nodes[node].arch == Arch::Amd64;
        let whole = self.speed.execution_time_slowed(
            job.work,
            Id::new(job.class),
            facts.generation,
            emulated,
            facts.slowdown,
        );
        let number = JobNumber::new(job.ordinal, job.pipeline_node);
        let length = match self.sampler.script_failure(class.failure_probability, number, job.attempt) {
            Some(share) => SimDuration::from_ms(share.of(whole.as_ms())),
            None => whole,
        };
        (script_at + length).min(self.times_out_at(job))
    }

    /// The script ended by itself or by the job's time-out.
    pub(super) fn script_ended(&mut self, id: JobId, build: u32) {
        let Some(job) = self.jobs.get_mut(id).filter(|job| job.build == build && job.is_on_its_way()) else {
            return;
        };
        job.phase = JobPhase::Running;
        job.ends_at = self.now;
        let class = &self.arrivals.classes()[Id::new(job.class)];
        let timed_out = job.ends_at >= job.picked_at + class.timeout;
        let number = JobNumber::new(job.ordinal, job.pipeline_node);
        let failed = self.sampler.script_failure(class.failure_probability, number, job.attempt).is_some();
        let (outcome, reason) = if timed_out {
            (JobOutcome::TimedOut, Some(FailureReason::JobExecutionTimeout))
        } else if failed {
            (JobOutcome::Failed(crate::metrics::FailureReason::Script), Some(FailureReason::ScriptFailure))
        } else {
            (JobOutcome::Success, None)
        };
        self.end_build(id, outcome, reason, true);
    }

    /// The pod did not start before the executor's patience or the job's time was over, unless it did.
    pub(super) fn pod_wait_over(&mut self, id: JobId, build: u32) {
        let is_late = |job: &Job| {
            job.build == build
                && match job.phase {
                    JobPhase::Unbound => true,
                    JobPhase::Starting => job.script_at == SimTime::NEVER,
                    _ => false,
                }
        };
        if let Some(job) = self.jobs.get(id).filter(|job| is_late(job)) {
            let (outcome, reason) = if self.now >= self.times_out_at(job) {
                (JobOutcome::TimedOut, FailureReason::JobExecutionTimeout)
            } else {
                (JobOutcome::PodTimeout, FailureReason::RunnerSystemFailure)
            };
            self.end_build(id, outcome, Some(reason), true);
        }
    }

    /// A build that is under way is stopped from outside: eviction, lost node, stopped manager.
    pub(super) fn stop_build(
        &mut self,
        id: JobId,
        outcome: JobOutcome,
        reason: FailureReason,
        has_slot: bool,
    ) {
        if self.jobs[id].is_pause_pod() {
            self.remove_pause_pod(id);
        } else if matches!(
            self.jobs[id].phase,
            JobPhase::Picked | JobPhase::Unbound | JobPhase::Starting | JobPhase::Running
        ) {
            if outcome == JobOutcome::Interrupted
                && let Some(node) = self.jobs[id].node
            {
                let (job, now) = (&self.jobs[id], self.now);
                let meter = &mut self.facts[node.index()].meter;
                meter.work_lost(job.account, (job.bound_at, now), job.requests.cpu);
            }
            self.end_build(id, outcome, Some(self.reason_seen(id, reason)), has_slot);
        }
    }

    /// As what GitLab sees the loss of a build's node: now and then the script notices first.
    fn reason_seen(&self, id: JobId, reason: FailureReason) -> FailureReason {
        let job = &self.jobs[id];
        let share = self.arrivals.classes()[Id::new(job.class)].loss_reported_as_system_failure;
        let number = JobNumber::new(job.ordinal, job.pipeline_node);
        let is_system = reason != FailureReason::RunnerSystemFailure
            || self.sampler.is_lost_as_system_failure(share, number, job.attempt);
        if is_system { reason } else { FailureReason::ScriptFailure }
    }

    /// The build is over: its pod is deleted, the executor cleans up and reports.
    pub(super) fn end_build(
        &mut self,
        id: JobId,
        outcome: JobOutcome,
        reason: Option<FailureReason>,
        has_slot: bool,
    ) {
        let now = self.now;
        let job = &mut self.jobs[id];
        // Whatever a cancelled build did until its runner heard of it.
        let is_canceling = self.pipelines.is_canceling(Id::new(job.pipeline), job.pipeline_node);
        let (outcome, reason) = if is_canceling { (JobOutcome::Canceled, None) } else { (outcome, reason) };
        let was_unbound = job.phase == JobPhase::Unbound;
        job.phase = JobPhase::Ended;
        job.ends_at = now;
        let job = *job;
        let (slot, build, has_pod, node) = (job.slot, job.build, job.has_pod, job.node);
        let executor = self.executor_of(&job);
        let teardown = executor.teardown;
        let cleanup = executor.cleanup + self.unseen_for(&job, outcome);
        if was_unbound {
            self.recorder.gauge(now, GaugeKey::PendingPods, -1);
            self.delete_pod(id);
        } else if let (true, Some(node)) = (has_pod, node) {
            let arch = self.nodes[node].arch;
            self.recorder.gauge(now, GaugeKey::RunningJobs(arch), -1);
            self.leave_cores(id, node);
            self.nodes[node].active_pods -= 1;
            self.karpenter_pod_terminating(id, node);
            self.queue.push(now + teardown, Event::PodGone { job: id, build });
        }
        let free_at =
            if has_slot && slot != u32::MAX { self.gitlab.finish(now, cleanup, Slot(slot)) } else { now };
        self.jobs[id].slot_free_at = free_at;
        self.pause_pod_job_ends(id, free_at);
        self.conclude(id, outcome, reason, free_at);
        self.forget_if_over(id);
    }

    /// Writes the build's record, and tells its pipeline how it ended once GitLab knows.
    pub(super) fn conclude(
        &mut self,
        id: JobId,
        outcome: JobOutcome,
        reason: Option<FailureReason>,
        at: SimTime,
    ) {
        let job = &self.jobs[id];
        let number = JobNumber::new(job.ordinal, job.pipeline_node);
        let class = &self.arrivals.classes()[Id::new(job.class)];
        let result = arrivals::result_of(class, &self.sampler, (number, job.attempt), reason);
        // A pipeline's state is nobody else's business: it may learn now what GitLab learns at `at`. Only a retry takes
        // a new build id, which must be given in order of time.
        let retried = self.report_result(id, result, at);
        let record = JobRecord { failure: reason, ..self.record_of(id, outcome, retried) };
        self.recorder.job_ended(&record);
    }

    /// The pod object is gone.
    pub(super) fn pod_gone(&mut self, id: JobId, build: u32) {
        if self.jobs.get(id).is_some_and(|job| job.build == build && job.has_pod) {
            self.delete_pod(id);
            self.forget_if_over(id);
        }
    }

    /// Removes the pod object from the scheduler, its node and Karpenter.
    pub(super) fn delete_pod(&mut self, id: JobId) {
        let now = self.now;
        let job = &mut self.jobs[id];
        job.has_pod = false;
        let (node, cpu, is_pause_pod) = (job.node, job.requests.cpu, job.is_pause_pod());
        let (account, bound_at) = (job.account, job.bound_at);
        self.pod_object_gone(id);
        let Some(node_id) = node else {
            self.forget_pending_pod(id);
            return;
        };
        let node = &mut self.nodes[node_id];
        // A node holds a few pods: finding one costs less than telling the one that moves of its new place.
        let place = node.pods.iter().position(|pod| *pod == id).expect("a bound pod is on its node");
        node.pods.swap_remove(place);
        if node.pods.is_empty() {
            node.empty_at = now;
        }
        let meter = &mut self.facts[node_id.index()].meter;
        if is_pause_pod {
            meter.room_left(now, cpu);
        } else {
            meter.pod_left(now, cpu);
            meter.worked_for(account, (bound_at, now), cpu);
            self.recorder.gauge(now, GaugeKey::RequestedMillicores, -i64::from(cpu.0));
        }
        self.pod_left_node(id, node_id);
    }

    /// A build is forgotten once its pod is gone; the slot is accounted by the manager.
    pub(super) fn forget_if_over(&mut self, id: JobId) {
        let job = &self.jobs[id];
        if job.phase == JobPhase::Ended && !job.has_pod {
            self.jobs.remove(id);
        }
    }
}

//! Records of builds: how long each waited and for what, and how it ended.

use crate::catalog::Arch;
use crate::engine::Id;
use crate::fleet::{Job, JobId, JobPhase};
use crate::metrics::{JobOutcome, JobRecord, WaitCause, WaitSplit};
use crate::units::{SimDuration, SimTime};

use super::world::World;

impl World<'_> {
    /// How long the executor does not see that a build's pod is lost. With an informer it hears at once; by polling it sees
    /// at the first look at which the pod is gone (gitlab-runner 19.4, `executors/kubernetes/internal/watchers/pod.go` and
    /// `kubernetes.go` `watchPodStatus`).
    pub(super) fn unseen_for(&self, job: &Job, outcome: JobOutcome) -> SimDuration {
        let executor = self.executors.get(self.kinds.get(job.kind).executor);
        if executor.has_informer || outcome != JobOutcome::Interrupted || job.node.is_none() {
            return SimDuration::ZERO;
        }
        let looks_since = if job.script_at <= self.now { job.script_at } else { job.pod_created_at };
        let gone_at = self.now + executor.teardown;
        let interval = executor.poll_interval.as_ms().max(1);
        let since_look = gone_at.saturating_since(looks_since).as_ms() % interval;
        executor.teardown + SimDuration::from_ms((interval - since_look) % interval)
    }

    /// Builds that the end of the run found under way.
    pub(super) fn record_unfinished_builds(&mut self) {
        let open: Vec<JobId> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.phase != JobPhase::Ended && !job.is_pause_pod())
            .map(|(id, _)| id)
            .collect();
        for id in open {
            let job = &self.jobs[id];
            // A retry on its way into the queue is all that is left of its job; others have not begun to wait.
            if job.phase == JobPhase::Created && job.attempt == 0 {
                continue;
            }
            let started = job.is_on_its_way() && job.script_at <= self.now;
            let outcome = if started { JobOutcome::StillRunning } else { JobOutcome::StillWaiting };
            let record = self.record_of(id, outcome, false);
            self.recorder.job_ended(&record);
        }
    }

    pub(super) fn record_of(&self, id: JobId, outcome: JobOutcome, retried: bool) -> JobRecord {
        let job = &self.jobs[id];
        let class = &self.arrivals.classes()[Id::new(job.class)];
        let node = job.node.and_then(|node| self.nodes.get(node));
        let wanted = if class.arch.allows(Arch::Amd64) { Arch::Amd64 } else { Arch::Arm64 };
        let arch = node.map_or(wanted, |node| node.arch);
        let ended = job.phase == JobPhase::Ended;
        let waited_until = job.script_at.min(if ended { job.ends_at } else { self.now });
        let has_started = job.script_at <= waited_until;
        JobRecord {
            attempt: u16::from(job.attempt),
            retried,
            capacity: node.map(|node| node.capacity),
            outcome,
            node: node.map(|node| node.ordinal),
            wait_since: job.wait_since,
            picked_at: job.picked_at,
            pod_created_at: job.pod_created_at,
            bound_at: job.bound_at,
            script_started_at: if has_started { job.script_at } else { SimTime::NEVER },
            script_ended_at: if has_started && ended { job.ends_at } else { SimTime::NEVER },
            slot_freed_at: job.slot_free_at,
            wait: wait_split(job, waited_until),
            pipeline_job: job.pipeline_node,
            ..JobRecord::pending(job.build, job.class, job.ordinal, arch, job.pending_at)
        }
    }
}

/// The wait until `until` by cause: each instant at which the cause changed is in the build.
fn wait_split(job: &Job, until: SimTime) -> WaitSplit {
    let mut split = WaitSplit::default();
    let mut from = job.wait_since;
    let pulled_at = if job.bound_at == SimTime::NEVER { job.bound_at } else { job.bound_at + job.image_pull };
    for (cause, ends_at) in [
        (WaitCause::RetryAfterInterruption, job.pending_at),
        (WaitCause::GitlabQueue, job.picked_at),
        (WaitCause::PodStart, job.pod_created_at),
        (WaitCause::PodUnschedulable, job.planned_at.min(job.bound_at)),
        (WaitCause::NodeStart, job.bound_at),
        (WaitCause::ImagePull, pulled_at),
        (WaitCause::PodStart, SimTime::NEVER),
    ] {
        let ends_at = ends_at.clamp(from, until.max(from));
        split.add(cause, ends_at - from);
        from = ends_at;
    }
    split
}

//! A build (one attempt of a job) with its pod, from pending to gone. Its life in three sentences: it waits in GitLab's
//! queue until a manager picks it; its pod waits for a node, starts and runs the script; then the slot is freed and the
//! pod is torn down, in either order, and the build is forgotten.

use crate::engine::Id;
use crate::units::{Resources, SimDuration, SimTime};

use super::NodeId;

/// A build in flight. Ids are used again once a build is forgotten; events also carry [`Job::build`] to recognise that.
pub type JobId = Id<Job>;

/// How far a build has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobPhase {
    /// Created: what it needs has not ended, or GitLab has not processed that yet.
    Created,
    /// In GitLab's queue.
    Pending,
    /// A manager has it; its pod is not created yet.
    Picked,
    /// Its pod waits for a node.
    Unbound,
    /// Its pod starts on a node; the executor sees it running at `script_at`.
    Starting,
    /// Its script runs until `ends_at`, unless something happens before.
    Running,
    /// Over: the slot or the pod may still be held.
    Ended,
}

/// One build.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// GitLab's id of the build, in order of creation in the run.
    pub build: u32,
    /// How far it has come.
    pub phase: JobPhase,
    /// 0 for the first attempt.
    pub attempt: u8,
    /// Whether the pod object still exists (its resources are taken until it does not).
    pub has_pod: bool,
    /// Whether the pod is Ready: its containers run.
    pub is_ready: bool,
    /// whether whoever provides nodes was told that the pod waits for one.
    pub awaits_karpenter: bool,
    /// The running pipeline it belongs to.
    pub pipeline: u32,
    /// Its node in the pipeline's template.
    pub pipeline_node: u32,
    /// Number of the pipeline in the workload, the key of its draws.
    pub ordinal: u64,
    /// Its class.
    pub class: u32,
    /// For whom it runs, as the loop numbers that.
    pub account: u32,
    /// Its pod kind: requests, selectors and tolerations. Known from the pick on.
    pub kind: u32,
    /// What its build container requests; from the pick on what its pod requests, the executor's containers included.
    pub requests: Resources,
    /// Work on the reference CPU.
    pub work: SimDuration,
    /// The manager's slot while it is held.
    pub slot: u32,
    /// The node its pod is bound to.
    pub node: Option<NodeId>,
    /// From when on the wait counts: of the first attempt.
    pub wait_since: SimTime,
    /// When it became pending.
    pub pending_at: SimTime,
    /// When GitLab answered the manager (`started_at`); the job's time-out runs from here.
    pub picked_at: SimTime,
    /// When the pod was created.
    pub pod_created_at: SimTime,
    /// When Karpenter first planned the pod onto a node that was on its way; never where it bound without.
    pub planned_at: SimTime,
    /// When the pod was bound.
    pub bound_at: SimTime,
    /// How long images were pulled.
    pub image_pull: SimDuration,
    /// When the executor sees the pod running and starts the script.
    pub script_at: SimTime,
    /// When the script ends, as far as is known.
    pub ends_at: SimTime,
    /// When the slot is free again.
    pub slot_free_at: SimTime,
}

impl Job {
    /// [`Self::pipeline`] of a pause pod, which belongs to no pipeline: it holds room until a build's pod pushes it away.
    pub const NO_PIPELINE: u32 = u32::MAX;

    /// Whether this is a pause pod of a runner and not a build.
    #[must_use]
    pub const fn is_pause_pod(&self) -> bool {
        self.pipeline == Self::NO_PIPELINE
    }

    /// The pod was created.
    ///
    /// # Panics
    /// Where the build was not picked just before.
    pub fn pod_created(&mut self, now: SimTime) {
        assert_eq!(self.phase, JobPhase::Picked, "only a picked build creates its pod");
        self.phase = JobPhase::Unbound;
        self.has_pod = true;
        self.pod_created_at = now;
    }

    /// The pod was bound to `node`.
    ///
    /// # Panics
    /// Where the pod was not waiting for a node.
    pub fn bound(&mut self, now: SimTime, node: NodeId) {
        assert_eq!(self.phase, JobPhase::Unbound, "only an unbound pod is bound");
        self.phase = JobPhase::Starting;
        self.bound_at = now;
        self.node = Some(node);
    }

    /// Whether the pod sits on a node or waits for one, and the script may still run.
    #[must_use]
    pub fn is_on_its_way(&self) -> bool {
        matches!(self.phase, JobPhase::Unbound | JobPhase::Starting | JobPhase::Running)
    }
}

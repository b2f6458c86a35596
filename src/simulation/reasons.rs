//! Why Karpenter, kube-scheduler's preemption and Cluster Autoscaler decided as they did, in their own classes of reasons. It
//! only listens, and only where a run is asked to explain.

use crate::catalog::{CapacityType, TypeId, ZoneId};
use crate::ec2::LaunchOverride;
use crate::engine::Id;
use crate::fleet::{JobId, NodeId};
use crate::karpenter::cluster;
use crate::karpenter::disruption::{Decision, Reason, Refusal, Skip};
use crate::karpenter::launch::LaunchFilters;
use crate::karpenter::pods::PodId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::solver;
use crate::kubernetes::Preemption;
use crate::scaling::{ScaleOption, ScanDecision};
use crate::units::SimTime;

use super::karpenter_side::KarpenterSide;
use super::world::World;

/// A reason and its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// When.
    pub at: SimTime,
    /// What.
    pub what: Explanation,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// A batch closed while a NodeClaim was not launched: no pass ran.
    BatchDropped,
    /// A pass found no place for the pod of a build: what each NodePool said, in the order tried. Empty: no pool has any
    /// type to offer.
    PodUnplaced {
        /// The build.
        build: u32,
        /// NodePool by number, and its reason.
        refusals: Vec<(u32, solver::Refusal)>,
    },
    /// A pass expects the pod of a build on a node that exists, or is on its way.
    PodPlaced {
        /// The build.
        build: u32,
        /// The node.
        node: u32,
    },
    /// An instance was asked for: what each filter left of the claim's types, and what EC2 chose; `None` where nothing was to
    /// be had.
    Launched {
        /// The node.
        node: u32,
        /// NodePool by number.
        pool: u32,
        /// How many pods the claim was made for.
        pods: u32,
        /// Builds of those pods that still exist.
        builds: Vec<u32>,
        /// What they request together, the daemon sets of the node included.
        requests: Amounts,
        /// Types that the pass left in the claim: those that all its pods fit.
        claim_types: u32,
        /// The provider's filters; `None` where no type was left to filter.
        filters: Option<LaunchFilters>,
        /// The types that EC2 was asked for, each once.
        sent: Vec<TypeId>,
        /// What EC2 took.
        chosen: Option<(TypeId, ZoneId, CapacityType)>,
    },
    /// EC2 refused to launch a node for another reason than capacity: the claim tries again, until its five minutes are over.
    LaunchFailed {
        /// The node.
        node: u32,
        /// NodePool by number.
        pool: u32,
        /// Builds of the claim's pods that still exist.
        builds: Vec<u32>,
        /// How often it has failed so far.
        failures: u32,
        /// When it is tried again.
        again_at: SimTime,
    },
    /// A disruption command started.
    Commanded {
        /// Why.
        reason: Reason,
        /// How.
        decision: Decision,
        /// The nodes that go.
        nodes: Vec<u32>,
    },
    /// kube-scheduler makes room on a node for a pod of higher priority: these pods are deleted.
    Preempted {
        /// The build that gets the room; none where it is a pause pod that does.
        build: Option<u32>,
        /// The node.
        node: u32,
        /// Builds whose pods go.
        victims: Vec<u32>,
        /// How many pause pods go.
        pause_pods: u32,
    },
    /// A static pool has more nodes than replicas: these go.
    StaticPoolShrinks {
        /// NodePool by number.
        pool: u32,
        /// How many it is to have.
        replicas: u32,
        /// The nodes that go.
        nodes: Vec<u32>,
    },
    /// Cluster Autoscaler enlarges a group.
    GroupEnlarged {
        /// The group by number.
        group: u32,
        /// By how many nodes.
        by: u32,
        /// Its size then.
        size: u32,
        /// Builds of the pods that wait; some may have room already on nodes that are on their way.
        waiting: Vec<u32>,
        /// What could have been enlarged.
        options: Vec<ScaleOption>,
    },
    /// Cluster Autoscaler takes empty nodes away.
    GroupsShrink {
        /// The nodes that go.
        nodes: Vec<u32>,
    },
    /// A node is left alone from now on for another reason than before; `None`: nothing speaks against it.
    NodeKept {
        /// The node.
        node: u32,
        /// Why.
        why: Option<Kept>,
    },
    /// A pool's budgets let no node go for a reason (`true`), or do again.
    PoolBlocked {
        /// NodePool by number.
        pool: u32,
        /// What for.
        reason: Reason,
        /// Whether it is blocked.
        is_blocked: bool,
    },
}

/// Why a node is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is no candidate (Karpenter's event `DisruptionBlocked`, or `Unconsolidatable` where its pool does not want it).
    Refused(Refusal),
    /// It was looked at and nothing came of it (Karpenter's event `Unconsolidatable`).
    Skipped(Skip),
}

/// The log, with what was said last so that only changes are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct ReasonLog {
    pub said: Vec<Explained>,
    /// By node: its ordinal and the reason that it has.
    kept: Vec<Option<(u32, Kept)>>,
    /// By pool and reason.
    blocked: Vec<[bool; 3]>,
}

const REASONS: [Reason; 3] = [Reason::Empty, Reason::Underutilized, Reason::Drifted];

impl World<'_> {
    /// Keeps a reason, if the run is to explain itself. `what` is only made then.
    pub(super) fn explain(&mut self, what: impl FnOnce() -> Explanation) {
        let at = self.now;
        if let Some(log) = &mut self.reasons {
            log.said.push(Explained { at, what: what() });
        }
    }

    /// The build of a pod; a pause pod has none.
    pub(super) fn explained_build(&self, pod: PodId) -> Option<u32> {
        self.jobs.get(Id::new(pod.0)).filter(|job| !job.is_pause_pod()).map(|job| job.build)
    }

    /// The builds of pods, where the run is to explain itself; else nothing.
    pub(super) fn explained_builds(&self, pods: &[PodId]) -> Vec<u32> {
        let build = |pod: &PodId| self.explained_build(*pod);
        if self.reasons.is_some() { pods.iter().filter_map(build).collect() } else { Vec::new() }
    }

    /// A pass places a pod on a node; `None` is a new one, of which the launch tells.
    pub(super) fn explain_placed(&mut self, pod: PodId, node: Option<NodeId>) {
        let Some(node) = node.filter(|_| self.reasons.is_some()) else { return };
        let job = self.explained_build(pod);
        let node = self.nodes.get(node).map(|node| node.ordinal);
        if let (Some(build), Some(node)) = (job, node) {
            self.explain(|| Explanation::PodPlaced { build, node });
        }
    }

    /// Pods give way to others, of which those for one pod come one after the other.
    pub(super) fn explain_preemptions(&mut self, found: &[Preemption]) {
        if self.reasons.is_none() {
            return;
        }
        for room in found.chunk_by(|a, b| a.by == b.by && a.node == b.node) {
            let Some(node) = self.nodes.get(Id::new(room[0].node.0)).map(|node| node.ordinal) else {
                continue;
            };
            let build = self.explained_build(PodId(room[0].by.0));
            let victims: Vec<u32> =
                room.iter().filter_map(|one| self.explained_build(PodId(one.victim.0))).collect();
            let pause_pods = (room.len() - victims.len()) as u32;
            self.explain(|| Explanation::Preempted { build, node, victims, pause_pods });
        }
    }

    /// Karpenter takes nodes of a static pool away.
    pub(super) fn explain_static(&mut self, pool: u32, replicas: u32, going: &[cluster::NodeId]) {
        if self.reasons.is_some() && !going.is_empty() {
            let ordinal = |id: &cluster::NodeId| self.nodes.get(Id::new(id.0)).map(|node| node.ordinal);
            let nodes = going.iter().filter_map(ordinal).collect();
            self.explain(|| Explanation::StaticPoolShrinks { pool, replicas, nodes });
        }
    }

    /// What a scan of Cluster Autoscaler decides; `size` is that of a group by number, before the scan.
    pub(super) fn explain_scan(
        &mut self,
        decision: &ScanDecision,
        waiting: &[(JobId, u32)],
        size: impl Fn(u32) -> u32,
    ) {
        if self.reasons.is_none() {
            return;
        }
        if let Some((group, by)) = decision.scale_up {
            let is_build =
                |(job, _): &&(JobId, u32)| self.jobs.get(*job).is_some_and(|job| !job.is_pause_pod());
            let waiting = waiting.iter().filter(is_build).map(|(_, build)| *build).collect();
            let (size, options) = (size(group) + by, decision.options.clone());
            self.explain(|| Explanation::GroupEnlarged { group, by, size, waiting, options });
        }
        if !decision.delete.is_empty() {
            let nodes = decision.delete.clone();
            self.explain(|| Explanation::GroupsShrink { nodes });
        }
    }

    /// A disruption command starts.
    pub(super) fn explain_command(&mut self, reason: Reason, decision: Decision, ids: &[cluster::NodeId]) {
        if self.reasons.is_some() {
            let ordinal = |id: &cluster::NodeId| self.nodes.get(Id::new(id.0)).map(|node| node.ordinal);
            let nodes = ids.iter().filter_map(ordinal).collect();
            self.explain(|| Explanation::Commanded { reason, decision, nodes });
        }
    }

    /// After a pass of the disruption loop: which nodes are left alone and why, as far as that changed.
    pub(super) fn explain_disruption(&mut self, side: &KarpenterSide) {
        if self.reasons.is_none() {
            return;
        }
        let now = self.now;
        let mut kept: Vec<Option<Kept>> = vec![None; self.facts.len()];
        for (id, skip) in side.disruption.last_skipped() {
            kept[id.0 as usize] = Some(Kept::Skipped(*skip));
        }
        for (id, refusal) in side.disruption.refusals(Reason::Underutilized, now, &side.cluster) {
            kept[id.0 as usize] = Some(Kept::Refused(refusal));
        }
        for (index, why) in kept.into_iter().enumerate() {
            self.note_kept(cluster::NodeId(index as u32), why);
        }
        for reason in REASONS {
            let left = side.disruption.allowed(reason, now);
            for (pool, allowed) in (0..).zip(left) {
                self.note_blocked(pool, reason, allowed == Some(0));
            }
        }
    }

    fn note_kept(&mut self, id: cluster::NodeId, why: Option<Kept>) {
        let Some(node) = self.nodes.get(Id::new(id.0)).map(|node| node.ordinal) else { return };
        let Some(log) = &mut self.reasons else { return };
        let index = id.0 as usize;
        if index >= log.kept.len() {
            log.kept.resize(index + 1, None);
        }
        let before = log.kept[index].filter(|(ordinal, _)| *ordinal == node).map(|(_, kept)| kept);
        log.kept[index] = why.map(|why| (node, why));
        if before != why {
            log.said.push(Explained { at: self.now, what: Explanation::NodeKept { node, why } });
        }
    }

    fn note_blocked(&mut self, pool: u32, reason: Reason, is_blocked: bool) {
        let Some(log) = &mut self.reasons else { return };
        let index = pool as usize;
        if index >= log.blocked.len() {
            log.blocked.resize(index + 1, [false; 3]);
        }
        let before = std::mem::replace(&mut log.blocked[index][reason as usize], is_blocked);
        if before != is_blocked {
            let what = Explanation::PoolBlocked { pool, reason, is_blocked };
            log.said.push(Explained { at: self.now, what });
        }
    }
}

/// The types of a CreateFleet call, each once.
pub(super) fn sent_types(overrides: &[LaunchOverride]) -> Vec<TypeId> {
    let mut types: Vec<TypeId> = overrides.iter().map(|one| one.instance_type).collect();
    types.sort_unstable();
    types.dedup();
    types
}

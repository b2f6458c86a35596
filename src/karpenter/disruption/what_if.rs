//! The question behind consolidation: where would the pods go if these nodes were gone?

use super::super::cluster::{Cluster, NodeId, NodeStage};
use super::super::pods::PodId;
use super::super::solver::{PassInput, PassPod, PassResults, PodOrigin};
use super::nodes::{Node, Nodes, PodPdb};
use super::settings::Version;
use super::surroundings::Surroundings;
use crate::units::SimTime;

/// What the pass said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every pod that is not pending finds a place; `WhatIf::results` say where.
    Fits,
    /// Some pod that is not pending finds none.
    PodsDoNotFit,
    /// A moved pod would land on a node that is not initialized.
    UninitializedDestination,
}

/// The what-if with its buffers.
#[derive(Clone, Debug, Default)]
pub(super) struct WhatIf {
    /// The pods that are to be placed whatever is asked: pending ones and those of nodes being deleted.
    displaced: Vec<PassPod>,
    pods: Vec<PassPod>,
    pub(super) results: PassResults,
    /// How often a pass was asked.
    pub(super) runs: u64,
}

impl WhatIf {
    /// Gathers the pods that every question of this instant includes.
    pub(super) fn begin(
        &mut self,
        now: SimTime,
        nodes: &Nodes,
        fully_blocking: &[bool],
        surroundings: &Surroundings<'_>,
    ) {
        self.displaced.clear();
        self.displaced.extend_from_slice(surroundings.pending);
        for &id in surroundings.cluster.marked() {
            if let Some(node) = nodes.get(id) {
                add_pods(node, now, fully_blocking, PodOrigin::DeletingNode, &mut self.displaced);
            }
        }
        // In the order of the queue, so that no question has to sort them.
        self.displaced.sort_by_key(|pod| surroundings.cluster.queue_order(pod));
    }

    /// Whether the pods that every question includes need several new nodes by themselves: no consolidation launches
    /// more than one (core `disruption/consolidation.go` `computeConsolidation`, v1.15.0).
    pub(super) fn is_hopeless(&mut self, now: SimTime, surroundings: &mut Surroundings<'_>) -> bool {
        let input = PassInput { now, pods: &self.displaced, excluded: &[], is_consolidation: true };
        surroundings.solver.needs_several_claims(surroundings.cluster, &input, &mut self.results)
    }

    /// Asks where the pods go without the nodes `without` (core `disruption/helpers.go` `SimulateScheduling`, v1.15.0).
    pub(super) fn ask(&mut self, question: &Question<'_>, surroundings: &mut Surroundings<'_>) -> Verdict {
        self.runs += 1;
        self.pods.clear();
        self.pods.extend_from_slice(&self.displaced);
        for &id in question.without {
            let node = question.nodes.live(id);
            add_pods(node, question.now, question.fully_blocking, PodOrigin::Candidate, &mut self.pods);
        }
        let input = PassInput {
            now: question.now,
            pods: &self.pods,
            excluded: question.without,
            is_consolidation: question.is_consolidation && question.version >= Version::V1_15,
        };
        let cluster = surroundings.cluster;
        surroundings.solver.solve(cluster, &input, &mut self.results);
        surroundings.solver.drop_unsendable(cluster, &mut self.results);
        let pods = &self.pods;
        let origin =
            |id: PodId| pods.iter().find(|pod| pod.pod == id).map_or(PodOrigin::Pending, |pod| pod.origin);
        // The candidates' own pods come last; most pods may be pending ones that wait for nodes on their way.
        let own = &pods[self.displaced.len()..];
        let is_premature = |(pod, node): &(PodId, NodeId)| {
            is_uninitialized(cluster, *node) && own.iter().any(|one| one.pod == *pod)
        };
        if self.results.placements.iter().any(is_premature) {
            return Verdict::UninitializedDestination;
        }
        if self.results.errors.iter().any(|error| origin(error.pod) != PodOrigin::Pending) {
            return Verdict::PodsDoNotFit;
        }
        Verdict::Fits
    }
}

/// One question.
pub(super) struct Question<'a> {
    pub(super) now: SimTime,
    pub(super) nodes: &'a Nodes,
    pub(super) fully_blocking: &'a [bool],
    pub(super) version: Version,
    pub(super) without: &'a [NodeId],
    /// Whether consolidation asks, which moves no running pod onto a node inside its `consolidateAfter`.
    pub(super) is_consolidation: bool,
}

impl Question<'_> {
    /// The same asked by drift.
    pub(super) fn of_drift(mut self) -> Self {
        self.is_consolidation = false;
        self
    }
}

fn is_uninitialized(cluster: &Cluster, id: NodeId) -> bool {
    cluster.node(id).is_some_and(|node| node.stage < NodeStage::Initialized)
}

/// Adds the node's pods that are to find another place: not those that protect themselves from being moved
/// (core `utils/pdb/pdb.go` `IsCurrentlyReschedulable`, v1.15.0). Those that do not run yet are told apart, since any node
/// takes them (core `scheduling/scheduler.go` `addToExistingNode`: the phase counts, not whether a pod is bound).
fn add_pods(node: &Node, now: SimTime, fully_blocking: &[bool], origin: PodOrigin, out: &mut Vec<PassPod>) {
    for pod in &node.pods {
        let is_blocked = pod.is_evictable(now)
            && match pod.facts.pdb {
                PodPdb::None => false,
                PodPdb::One(pdb) => fully_blocking.get(usize::from(pdb)).is_some_and(|blocks| *blocks),
                PodPdb::Several => true,
            };
        let protects_itself = pod.is_active() && pod.facts.do_not_disrupt.is_active(pod.started_at, now);
        if pod.is_reschedulable() && !protects_itself && !is_blocked {
            let is_starting = origin == PodOrigin::Candidate && now < pod.runs_from;
            let origin = if is_starting { PodOrigin::StartingCandidate } else { origin };
            out.push(PassPod {
                pod: pod.id,
                class: pod.class,
                created_at: pod.created_at,
                uid: u64::from(pod.id.0),
                origin,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nodes::{BoundPod, NodeFacts, PodFacts};
    use super::super::settings::PoolDisruption;
    use super::*;
    use crate::karpenter::pods::PodClassId;

    #[test]
    fn a_pod_whose_images_are_still_pulled_is_not_yet_a_running_pod_of_its_node() {
        let mut nodes = Nodes::new(vec![PoolDisruption::default()], false);
        nodes.add(NodeId(0), NodeFacts::default());
        let pod = BoundPod {
            id: PodId(3),
            class: PodClassId(0),
            created_at: SimTime::ZERO,
            facts: PodFacts::default(),
            started_at: None,
            runs_from: SimTime::from_ms(20_000),
            is_terminal: false,
            is_terminating: false,
            is_cost_forgotten: false,
        };
        nodes.change_pods(NodeId(0), |pods| pods.push(pod));
        let origin_at = |ms, origin| {
            let mut out = Vec::new();
            add_pods(nodes.live(NodeId(0)), SimTime::from_ms(ms), &[], origin, &mut out);
            out[0].origin
        };
        assert_eq!(origin_at(19_999, PodOrigin::Candidate), PodOrigin::StartingCandidate);
        assert_eq!(origin_at(20_000, PodOrigin::Candidate), PodOrigin::Candidate);
        assert_eq!(origin_at(19_999, PodOrigin::DeletingNode), PodOrigin::DeletingNode);
    }
}

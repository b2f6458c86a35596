//! Stage 9: what Karpenter's disruption decides is carried out: taints, replacements, drains, terminated instances.

use crate::engine::{Id, Purpose};
use crate::fleet::{JobId, NodeId, NodePhase};
use crate::karpenter::cluster;
use crate::karpenter::disruption::{Outcome, Reason, Surroundings};
use crate::kubernetes::NodeKey;
use crate::metrics::{JobOutcome, NodeEnd};
use crate::units::SimDuration;
use crate::workload::FailureReason;

use super::event::{Event, NodeStage};
use super::world::World;

/// Least time between the first drain attempt and TerminateInstances (core `node/termination/controller.go`, v1.10+).
const MINIMUM_DRAIN: SimDuration = SimDuration::from_secs(5);
const TERMINATION: Purpose = Purpose::named("ec2 termination");

impl World<'_> {
    pub(super) fn wake_disruption(&mut self) {
        let now = self.now;
        let mut side = self.karpenter.take().expect("Karpenter is awake");
        let mut outcomes = std::mem::take(&mut side.disrupted);
        let mut surroundings = Surroundings {
            cluster: &side.cluster,
            solver: &mut side.solver,
            pending: side.provisioner.pending(),
        };
        side.disruption.wake(now, &mut surroundings, &mut outcomes);
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::CommandStarted { .. } => {}
                Outcome::Taint { node } => {
                    self.scheduler.cordon(now, NodeKey(node.0));
                    side.provisioner.node_disrupted(now, node);
                }
                Outcome::Untaint { node } => {
                    self.scheduler.uncordon(now, NodeKey(node.0));
                    side.provisioner.node_settled(node);
                }
                Outcome::CreateReplacement { command, claim } => {
                    self.create_claim(&mut side, claim, Some(command))
                }
                Outcome::MarkForDeletion { node } => side.cluster.mark_for_deletion(node),
                Outcome::UnmarkForDeletion { node } => side.cluster.unmark_for_deletion(node),
                Outcome::Nominate { node, .. } => side.cluster.nominate(now, node),
                Outcome::DeleteClaim { node, reason, .. } => {
                    let end = if reason == Reason::Empty { NodeEnd::Empty } else { NodeEnd::Consolidated };
                    self.karpenter = Some(side);
                    self.delete_claim(Id::new(node.0), end);
                    side = self.karpenter.take().expect("put there just before");
                }
            }
        }
        side.disrupted = outcomes;
        self.karpenter = Some(side);
    }

    /// The NodeClaim is deleted: cordon, evict, and terminate the instance once the pods are gone.
    pub(super) fn delete_claim(&mut self, id: NodeId, end: NodeEnd) {
        let now = self.now;
        if self.nodes[id].phase >= NodePhase::Draining {
            return;
        }
        let had_joined = self.nodes[id].phase >= NodePhase::Registered;
        let node_id = cluster::NodeId(id.raw());
        let pool = self.nodes[id].pool;
        if had_joined {
            self.scheduler.cordon(now, NodeKey(id.raw()));
        }
        if let Some(side) = &mut self.karpenter {
            side.cluster.mark_for_deletion(node_id);
            side.disruption.claim_deleting(now, node_id);
            side.emptiness.node_removed(pool, node_id);
            side.provisioner.node_disrupted(now, node_id);
        }
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Draining);
        let ordinal = node.ordinal;
        self.facts[id.index()].end = end;
        let wait = if had_joined { MINIMUM_DRAIN } else { SimDuration::ZERO };
        self.queue.push(now + wait, Event::Node { node: id, ordinal, stage: NodeStage::DrainedEnough });
        self.facts[id.index()].drained_at = now + wait;
        self.evict_pods(id);
    }

    /// Evicts every pod that may be evicted; those with `do-not-disrupt` hold the drain until they end.
    fn evict_pods(&mut self, id: NodeId) {
        let pods: Vec<JobId> = self.nodes[id].pods.clone();
        for pod in pods {
            let class = &self.arrivals.classes()[Id::new(self.jobs[pod].class)];
            if !(self.plan.executor.do_not_disrupt || class.do_not_disrupt) {
                self.stop_build(pod, JobOutcome::Interrupted, FailureReason::RunnerSystemFailure, true);
            }
        }
    }

    /// A pod left a node, or its minimum drain is over: the instance is terminated once both have happened.
    pub(super) fn drain_progress(&mut self, id: NodeId) {
        let facts = &self.facts[id.index()];
        let node = &self.nodes[id];
        if node.phase == NodePhase::Draining && node.pods.is_empty() && facts.drained_at <= self.now {
            self.terminate(id);
        }
    }

    /// TerminateInstances: billing ends here.
    fn terminate(&mut self, id: NodeId) {
        let now = self.now;
        let end = self.facts[id.index()].end;
        let ordinal = self.nodes[id].ordinal;
        self.close_node(id, end);
        self.nodes[id].phase = NodePhase::Terminated;
        if let Some(side) = &mut self.karpenter {
            side.disruption.instance_terminating(cluster::NodeId(id.raw()));
        }
        let mut random = self.streams.entity(TERMINATION, u64::from(ordinal));
        let gone_at = now + self.plan.ec2.termination.draw(&mut random);
        self.queue.push(gone_at, Event::Node { node: id, ordinal, stage: NodeStage::Gone });
    }

    /// Whatever still runs on the node comes to nothing.
    pub(super) fn lose_pods(&mut self, id: NodeId) {
        let lost: Vec<JobId> = self.nodes[id].pods.clone();
        for pod in lost {
            self.stop_build(pod, JobOutcome::Interrupted, FailureReason::RunnerSystemFailure, true);
        }
    }

    /// The instance is gone: the node object and its claim go with it, and so do pods that were still there.
    pub(super) fn node_gone(&mut self, id: NodeId) {
        let now = self.now;
        self.lose_pods(id);
        let left: Vec<JobId> = self.nodes[id].pods.clone();
        for pod in left {
            if self.jobs.get(pod).is_some_and(|job| job.has_pod) {
                self.delete_pod(pod);
                self.forget_if_over(pod);
            }
        }
        if self.nodes[id].registered_at != crate::units::SimTime::NEVER {
            self.scheduler.remove_node(now, NodeKey(id.raw()));
        }
        let pool = self.nodes[id].pool;
        if let Some(side) = &mut self.karpenter {
            let node_id = cluster::NodeId(id.raw());
            if let Some(command) = side.claims[id.index()].take().and_then(|claim| claim.replaces_for) {
                side.disruption.replacement_lost(command);
            }
            side.provisioner.node_settled(node_id);
            side.cluster.remove(node_id);
            side.disruption.node_removed(now, node_id);
            side.emptiness.node_removed(pool, node_id);
        }
        self.nodes.remove(id);
    }
}

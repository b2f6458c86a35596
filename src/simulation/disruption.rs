//! Stage 9: what Karpenter's disruption decides is carried out: taints, replacements, deleted claims. The removal of a node is
//! `removal`'s.

use crate::engine::Id;
use crate::fleet::{JobId, NodeId};
use crate::karpenter::cluster;
use crate::karpenter::disruption::{Outcome, Reason, Surroundings};
use crate::kubernetes::NodeKey;
use crate::metrics::{JobOutcome, NodeEnd};
use crate::workload::FailureReason;

use super::decisions::Decision;
use super::world::World;

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
        side.disruption.keep_skipped(self.reasons.is_some());
        let passes = side.disruption.work().passes;
        side.disruption.wake(now, &mut surroundings, &mut outcomes);
        if side.disruption.work().passes > passes {
            self.explain_disruption(&side);
        }
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::CommandStarted { reason, decision, nodes, .. } => {
                    self.explain_command(reason, decision, &nodes);
                    let nodes = nodes.len() as u32;
                    self.note_decision(Decision::Command { reason, decision, nodes });
                }
                Outcome::Taint { node } => {
                    self.scheduler.cordon(now, NodeKey(node.0));
                    side.provisioner.node_disrupted(now, node);
                }
                Outcome::Untaint { node } => {
                    self.scheduler.uncordon(now, NodeKey(node.0));
                    side.provisioner.node_settled(node);
                }
                Outcome::CreateReplacement { command, claim } => {
                    // No claim is created beyond a limit that is exceeded already; the command is rolled back.
                    if side.cluster.exceeds_limits(claim.pool) {
                        side.disruption.replacement_lost(command);
                    } else {
                        self.create_claim(&mut side, claim, Some(command));
                    }
                }
                Outcome::MarkForDeletion { node } => side.cluster.mark_for_deletion(node),
                Outcome::UnmarkForDeletion { node } => side.cluster.unmark_for_deletion(node),
                Outcome::Nominate { node, .. } => side.cluster.nominate(now, node),
                Outcome::DeleteClaim { node, reason, .. } => {
                    let end = self.end_by(Id::new(node.0), reason);
                    self.karpenter = Some(side);
                    self.delete_claim(Id::new(node.0), end);
                    side = self.karpenter.take().expect("put there just before");
                }
            }
        }
        side.disrupted = outcomes;
        self.karpenter = Some(side);
    }

    /// How a node ends that goes for `reason`. Karpenter of old replaced what expired as it does what drifts today.
    fn end_by(&self, id: NodeId, reason: Reason) -> NodeEnd {
        let pool = self.nodes[id].pool;
        match reason {
            Reason::Empty => NodeEnd::Empty,
            Reason::Underutilized => NodeEnd::Consolidated,
            Reason::Drifted if self.karpenter_plan().pools[pool as usize].ttl_until_expired.is_some() => {
                NodeEnd::Expired
            }
            Reason::Drifted => NodeEnd::Drifted,
        }
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
        self.machine_gone(id);
        self.lose_pods(id);
        let left: Vec<JobId> = self.nodes[id].pods.clone();
        for pod in left {
            if self.jobs.get(pod).is_some_and(|job| job.has_pod) {
                self.delete_pod(pod);
                self.forget_if_over(pod);
            }
        }
        let is_registered = self.nodes[id].registered_at != crate::units::SimTime::NEVER;
        if is_registered && self.machines.is_none() {
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
        self.removals[id.index()] = None;
        self.nodes.remove(id);
    }
}

//! Launches that come to nothing: no capacity, errors that are tried again, time-outs.

use crate::engine::Id;
use crate::fleet::NodeId;
use crate::karpenter::cluster;
use crate::karpenter::lifecycle::{LaunchAnswer, LaunchStep, after_launch, launch_deadline};
use crate::units::SimTime;

use super::event::{Event, NodeStage};
use super::reasons::Explanation;
use super::world::World;

impl World<'_> {
    /// Arms the time-out of a launch that is answered too late for it.
    pub(super) fn limit_launch(&mut self, id: NodeId, answered_at: SimTime) {
        let node = &self.nodes[id];
        let (ordinal, deadline) = (node.ordinal, launch_deadline(node.requested_at));
        if answered_at > deadline {
            self.queue.push(deadline, Event::Node { node: id, ordinal, stage: NodeStage::LaunchTimeout });
        }
    }

    /// Whether EC2 answers the launch with an error that is none of capacity: the call is made again later, as long as the claim
    /// has time.
    pub(super) fn launch_failed(&mut self, id: NodeId) -> bool {
        let now = self.now;
        if !self.plan.ec2.launch_stress.fails(now) {
            return false;
        }
        let Some(claim) = self.karpenter.as_mut().and_then(|side| side.claims[id.index()].as_mut()) else {
            return false;
        };
        let LaunchStep::RetryAt(at) = after_launch(now, LaunchAnswer::OtherError, claim.failures) else {
            return false;
        };
        claim.failures += 1;
        let (failures, is_first) = (claim.failures, claim.failures == 1);
        let pods = if self.reasons.is_some() { claim.request.pods.clone() } else { Vec::new() };
        let builds = self.explained_builds(&pods);
        let (node, pool) = (self.nodes[id].ordinal, self.nodes[id].pool);
        self.explain(|| Explanation::LaunchFailed { node, pool, builds, failures, again_at: at });
        let answered_at = self.answered_again(at, node, failures);
        self.queue.push(answered_at, Event::Node { node: id, ordinal: node, stage: NodeStage::Launched });
        if is_first {
            self.limit_launch(id, SimTime::NEVER);
        }
        true
    }

    /// The claim is deleted; its pods trigger again within 10 s, with what is unavailable left out.
    pub(super) fn claim_lost(&mut self, id: NodeId) {
        let pool = self.nodes[id].pool;
        if let Some(side) = &mut self.karpenter {
            let claim = side.claims[id.index()].take().expect("a claim in flight");
            if let Some(command) = claim.replaces_for {
                side.disruption.replacement_lost(command);
            }
            for pod in &claim.request.pods {
                if let Some(job) = self.jobs.get_mut(Id::new(pod.0))
                    && job.bound_at == SimTime::NEVER
                {
                    job.planned_at = SimTime::NEVER;
                }
            }
            side.cluster.remove(cluster::NodeId(id.raw()));
            self.nodes.remove(id);
        }
        self.static_pool_changed(pool);
    }
}

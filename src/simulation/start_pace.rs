//! Nodes that become ready one after another, where a plan says what the control plane takes for each. Not when they would
//! be ready by themselves.

use crate::engine::Purpose;
use crate::fleet::NodeId;
use crate::karpenter::lifecycle::initialized_at;

use super::event::{Event, NodeStage};
use super::plan::CapacityPlan;
use super::world::World;

const NODE_START: Purpose = Purpose::named("node start pace");

impl World<'_> {
    /// Whether the node that would be ready now has to wait until the control plane is done with those before it; then it
    /// comes again. Without a pace nobody waits.
    pub(super) fn waits_its_turn(&mut self, id: NodeId) -> bool {
        let CapacityPlan::Karpenter(plan) = &self.plan.capacity else { return false };
        let (Some(pace), Some(side)) = (&plan.node_start_pace, &mut self.karpenter) else { return false };
        let (now, ordinal) = (self.now, self.nodes[id].ordinal);
        let mut stage = |at, stage| self.queue.push(at, Event::Node { node: id, ordinal, stage });
        let has_to_wait = side.starts_busy_until > now;
        if has_to_wait {
            stage(side.starts_busy_until, NodeStage::Ready);
        } else {
            let mut random = self.streams.entity(NODE_START, u64::from(ordinal));
            side.starts_busy_until = now + pace.draw(&mut random);
            stage(initialized_at(now), NodeStage::Initialized);
        }
        has_to_wait
    }
}

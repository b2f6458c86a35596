//! Stage 7's bad end: EC2 takes Spot instances back, with a notice of two minutes.

use crate::catalog::{CapacityType, TypeId, ZoneId};
use crate::ec2::{CapacityPool, EndReason};
use crate::fleet::{NodeId, NodePhase};
use crate::metrics::NodeEnd;

use super::event::{Event, NodeStage};
use super::launches::mark_unavailable;
use super::world::World;

impl World<'_> {
    pub(super) fn pool_of(&self, id: NodeId) -> CapacityPool {
        let node = &self.nodes[id];
        CapacityPool {
            instance_type: TypeId::new(node.instance_type),
            zone: ZoneId(node.zone),
            capacity_type: node.capacity,
        }
    }

    /// Draws when EC2 takes the instance back that starts to run now.
    pub(super) fn schedule_interruption(&mut self, id: NodeId, launch: u64) {
        let (ordinal, capacity) = (self.nodes[id].ordinal, self.nodes[id].capacity);
        if capacity != CapacityType::Spot {
            return;
        }
        let pool = self.pool_of(id);
        if let Some(interruption) = self.spot.interruption(pool, self.now, launch, &self.streams) {
            let mut stage = |at, stage| self.queue.push(at, Event::Node { node: id, ordinal, stage });
            stage(interruption.notice_at, NodeStage::InterruptionNotice);
            stage(interruption.reclaim_at, NodeStage::Reclaimed);
        }
    }

    /// The notice: Karpenter, where it listens, drains the node at once and avoids its pool for three minutes.
    pub(super) fn interruption_notice(&mut self, id: NodeId) {
        let now = self.now;
        if !self.plan.ec2.interruption_queue || self.karpenter.is_none() {
            return;
        }
        let pool = self.pool_of(id);
        if let Some(side) = &mut self.karpenter {
            mark_unavailable(side, now, pool);
        }
        self.delete_claim(id, NodeEnd::Interrupted);
    }

    /// EC2 takes the instance: whatever still runs on it is lost.
    pub(super) fn reclaimed(&mut self, id: NodeId) {
        if self.nodes[id].phase == NodePhase::Terminated {
            return;
        }
        let was_leaving = self.nodes[id].phase >= NodePhase::Draining;
        self.facts[id.index()].end_reason = EndReason::SpotReclaimed;
        // Before the books of the node are closed: the work that is lost is on its bill.
        self.lose_pods(id);
        self.close_node(id, NodeEnd::Interrupted);
        let pool = self.nodes[id].pool;
        self.node_gone(id);
        if !was_leaving {
            self.replace_in_group(pool);
        }
    }
}

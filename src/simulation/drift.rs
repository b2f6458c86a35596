//! Changes of what Karpenter's nodes should look like, as events of the scenario.

use crate::fleet::{NodeId, NodePhase};
use crate::karpenter::cluster;
use crate::karpenter::lifecycle::DRIFT_CHECK;
use crate::units::SimTime;

use super::event::{Event, NodeStage};
use super::karpenter_plan::DriftNotice;
use super::world::World;

impl World<'_> {
    /// Arms the changes that the plan names.
    pub(super) fn arm_drift(&mut self) {
        if self.karpenter.is_none() {
            return;
        }
        let drifts: Vec<SimTime> = self.karpenter_plan().drifts.iter().map(|drift| drift.at).collect();
        for (number, at) in (0..).zip(drifts) {
            self.queue.push(at, Event::Drift { number });
        }
    }

    /// A NodePool or its image changed: every node that was asked for before differs from now on.
    pub(super) fn drift(&mut self, number: u32) {
        let now = self.now;
        let drift = &self.karpenter_plan().drifts[number as usize];
        let (notice, pools) = (drift.notice, drift.pools.clone());
        let concerns = |pool: u32| pools.is_empty() || pools.contains(&pool);
        let nodes: Vec<NodeId> = self.nodes.iter().map(|(id, _)| id).collect();
        for id in nodes {
            let node = &self.nodes[id];
            if node.phase >= NodePhase::Draining || !concerns(node.pool) {
                continue;
            }
            let age = now.saturating_since(node.requested_at).as_ms();
            let at = match notice {
                // The NodePool's change makes the controller look at all claims at once.
                DriftNotice::NodePool if node.phase >= NodePhase::Launched => now,
                // Nobody tells it of a new image: it looks at each claim every five minutes.
                _ => node.requested_at + DRIFT_CHECK * (age / DRIFT_CHECK.as_ms() + 1),
            };
            // A claim whose instance is not launched gets the new image, but keeps the old pool's template.
            if node.phase >= NodePhase::Launched || notice == DriftNotice::NodePool {
                let ordinal = node.ordinal;
                self.queue.push(at, Event::Node { node: id, ordinal, stage: NodeStage::Drifted });
            }
        }
    }

    /// Karpenter notes that the node drifted.
    pub(super) fn node_drifted(&mut self, id: NodeId) {
        let now = self.now;
        if let Some(side) = &mut self.karpenter {
            side.disruption.node_drifted(now, cluster::NodeId(id.raw()));
        }
    }
}

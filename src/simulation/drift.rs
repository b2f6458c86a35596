//! Changes of what Karpenter's nodes should look like, as events of the scenario, and static pools kept at their size.

use crate::engine::Id;
use crate::fleet::{NodeId, NodePhase};
use crate::karpenter::cluster;
use crate::karpenter::lifecycle::{DRIFT_CHECK, static_claims_wanted};
use crate::karpenter::node_pools::PoolId;
use crate::units::{SimDuration, SimTime};

use super::event::{Event, NodeStage};
use super::karpenter_plan::DriftNotice;
use super::world::World;

/// A static pool that got no claim looks again then (core `static/provisioning/controller.go`, v1.15.0).
const STATIC_POOL_LOOKS_AGAIN: SimDuration = SimDuration::from_mins(1);

impl World<'_> {
    /// Arms the events that the plan names, and fills static pools at the start.
    pub(super) fn arm_drift(&mut self) {
        if self.karpenter.is_none() {
            return;
        }
        let plan = self.karpenter_plan();
        let drifts: Vec<SimTime> = plan.drifts.iter().map(|drift| drift.at).collect();
        let is_static: Vec<bool> = plan.pools.iter().map(|pool| pool.replicas.is_some()).collect();
        for (number, at) in (0..).zip(drifts) {
            self.queue.push(at, Event::Drift { number });
        }
        for (pool, _) in (0..).zip(is_static).filter(|(_, is_static)| *is_static) {
            self.queue.push(SimTime::ZERO, Event::StaticPool { pool });
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

    /// A static pool may lack nodes.
    pub(super) fn static_pool_changed(&mut self, pool: u32) {
        let is_static =
            self.karpenter.is_some() && self.karpenter_plan().pools[pool as usize].replicas.is_some();
        if is_static {
            self.queue.push(self.now, Event::StaticPool { pool });
        }
    }

    /// Creates the claims that a static pool lacks.
    pub(super) fn fill_static_pool(&mut self, pool: u32) {
        let Some(replicas) = self.karpenter_plan().pools[pool as usize].replicas else { return };
        let Some(mut side) = self.karpenter.take() else { return };
        let pool_id = PoolId(pool as u16);
        let (mut active, mut leaving, mut deleting) = (0, 0, 0);
        for (id, node) in side.cluster.nodes().filter(|(_, node)| node.pool == Some(pool_id)) {
            let is_deleting =
                self.nodes.get(Id::new(id.0)).is_none_or(|node| node.phase >= NodePhase::Draining);
            match (node.is_marked_for_deletion, is_deleting) {
                (false, _) => active += 1,
                (true, false) => leaving += 1,
                (true, true) => deleting += 1,
            }
        }
        let limit = side.cluster.pool(pool_id).spec.limits.nodes;
        let wanted = static_claims_wanted(replicas, active, leaving, deleting, limit);
        let mut created = 0;
        while created < wanted {
            let Some(request) = side.solver.template_request(&side.cluster, pool_id) else { break };
            self.create_claim(&mut side, request, None);
            created += 1;
        }
        if created < wanted || active + leaving + wanted < replicas {
            self.queue.push(self.now + STATIC_POOL_LOOKS_AGAIN, Event::StaticPool { pool });
        }
        self.karpenter = Some(side);
    }
}

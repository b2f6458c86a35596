//! Static NodePools kept at their number of replicas, and changes of that number as events of the scenario.

use crate::engine::Id;
use crate::fleet::NodePhase;
use crate::karpenter::lifecycle::static_claims_wanted;
use crate::karpenter::node_pools::PoolId;
use crate::metrics::NodeEnd;
use crate::units::{SimDuration, SimTime};

use super::event::Event;
use super::karpenter_side::KarpenterSide;
use super::world::World;

/// A static pool that has too few or too many nodes still is looked at again then (core `static/provisioning/controller.go` and
/// `static/deprovisioning/controller.go`, v1.15.0).
const STATIC_POOL_LOOKS_AGAIN: SimDuration = SimDuration::from_mins(1);

impl World<'_> {
    /// Fills static pools at the start, and arms the changes of their size.
    pub(super) fn arm_static_pools(&mut self) {
        let Some(side) = &self.karpenter else { return };
        for (pool, _) in (0..).zip(&side.replicas).filter(|(_, replicas)| replicas.is_some()) {
            self.queue.push(SimTime::ZERO, Event::StaticPool { pool });
        }
        let scales: Vec<SimTime> = self.karpenter_plan().scales.iter().map(|scale| scale.at).collect();
        for (number, at) in (0..).zip(scales) {
            self.queue.push(at, Event::Scale { number });
        }
    }

    /// A static pool gets another number of replicas.
    pub(super) fn scale_static_pool(&mut self, number: u32) {
        let scale = self.karpenter_plan().scales[number as usize];
        if let Some(side) = &mut self.karpenter {
            side.replicas[scale.pool as usize] = Some(scale.replicas);
            side.disruption.set_replicas(PoolId(scale.pool as u16), scale.replicas);
        }
        self.fill_static_pool(scale.pool);
    }

    /// A static pool may lack nodes.
    pub(super) fn static_pool_changed(&mut self, pool: u32) {
        let is_static = |side: &KarpenterSide| side.replicas[pool as usize].is_some();
        if self.karpenter.as_deref().is_some_and(is_static) {
            self.queue.push(self.now, Event::StaticPool { pool });
        }
    }

    /// Creates the claims that a static pool lacks.
    pub(super) fn fill_static_pool(&mut self, pool: u32) {
        let Some(mut side) = self.karpenter.take() else { return };
        let replicas = side.replicas[pool as usize].expect("a static pool");
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
        if active > replicas {
            self.shrink_static_pool(pool, active - replicas);
        }
    }

    /// Deletes claims of a static pool that has too many.
    fn shrink_static_pool(&mut self, pool: u32, count: u32) {
        let now = self.now;
        let Some(side) = &mut self.karpenter else { return };
        let going =
            side.disruption.static_nodes_to_go(now, PoolId(pool as u16), count as usize, &side.cluster);
        let replicas = side.replicas[pool as usize].unwrap_or(0);
        self.explain_static(pool, replicas, &going.launched);
        for node in going.launched {
            let id = Id::new(node.0);
            let end = if self.nodes[id].active_pods == 0 { NodeEnd::Empty } else { NodeEnd::Consolidated };
            self.delete_claim(id, end);
        }
        if going.in_flight > 0 {
            self.queue.push(now + STATIC_POOL_LOOKS_AGAIN, Event::StaticPool { pool });
        }
    }
}

//! What is left of the NodePools' limits during a pass.

use crate::karpenter::cluster::{Cluster, NodeId};
use crate::karpenter::instance_types::InstanceTypes;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::type_set::TypeSet;

/// What is left of one pool's limits; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remaining {
    cpu: Option<i64>,
    memory: Option<i64>,
    nodes: Option<i64>,
    /// Types within what is left, once worked out.
    within: Option<TypeSet>,
}

impl Remaining {
    /// The limits less the capacity of the pool's nodes that stay.
    pub(super) fn of(cluster: &Cluster, pool: PoolId, excluded: &[NodeId]) -> Self {
        let limits = cluster.pool(pool).spec.limits;
        let mut usage = cluster.usage(pool);
        let counts = |id: &&NodeId| {
            cluster.node(**id).is_some_and(|node| node.pool == Some(pool) && node.takes_pods())
        };
        for id in excluded.iter().filter(counts) {
            usage.capacity -= cluster.node(*id).expect("it counts").capacity;
            usage.nodes -= 1;
        }
        Self {
            cpu: limits.cpu.map(|most| most - usage.capacity.cpu),
            memory: limits.memory.map(|most| most - usage.capacity.memory),
            nodes: limits.nodes.map(|most| most - usage.nodes),
            within: None,
        }
    }

    /// Whether the node limit is reached exactly. Beyond it, no type is within what is left.
    pub(super) fn has_no_node_left(&self) -> bool {
        self.nodes == Some(0)
    }

    /// The types whose capacity does not exceed what is left; `None` where nothing is limited.
    pub(super) fn within(&mut self, types: &InstanceTypes) -> Option<TypeSet> {
        if self.cpu.is_none() && self.memory.is_none() && self.nodes.is_none() {
            return None;
        }
        let (cpu, memory, nodes) = (self.cpu, self.memory, self.nodes);
        let is_within = |capacity: &Amounts| {
            cpu.is_none_or(|left| capacity.cpu <= left)
                && memory.is_none_or(|left| capacity.memory <= left)
                && nodes.is_none_or(|left| left >= 0)
        };
        Some(*self.within.get_or_insert_with(|| {
            types.iter().filter(|(_, one)| is_within(&one.capacity)).map(|(id, _)| id).collect()
        }))
    }

    /// Takes off the largest capacity that a new claim may turn out to have. Nodes are not taken off: upstream's
    /// types have no such resource (core `scheduler.go` `subtractMax`, v1.15.0).
    pub(super) fn subtract_largest(&mut self, set: &TypeSet, types: &InstanceTypes) {
        if self.cpu.is_none() && self.memory.is_none() {
            return;
        }
        let largest = set.iter().map(|id| types.get(id).capacity).fold(Amounts::ZERO, Amounts::max);
        self.cpu = self.cpu.map(|left| left - largest.cpu);
        self.memory = self.memory.map(|left| left - largest.memory);
        self.within = None;
    }
}

//! Capacity that comes in groups of equal nodes or machines: the groups by their numbers, whoever sets their sizes.

use crate::catalog::TypeId;

use super::plan::{CapacityPlan, FixedNodes};

impl CapacityPlan {
    /// The group of nodes or machines with this number, where capacity comes in groups.
    #[must_use]
    pub fn group(&self, index: u32) -> Option<&FixedNodes> {
        let index = index as usize;
        match self {
            Self::FixedNodes(groups) => groups.get(index),
            Self::NodeGroups(plan) => plan.groups.get(index).map(|group| &group.nodes),
            Self::Machines(plan) => plan.groups.get(index).map(|group| &group.nodes),
            Self::Karpenter(_) | Self::PerJob(_) | Self::FifoPool { .. } => None,
        }
    }

    /// Types that a group may launch beside its first.
    pub(super) fn more_types(&self, index: u32) -> impl Iterator<Item = TypeId> + '_ {
        let types: &[TypeId] = match self {
            Self::NodeGroups(plan) => &plan.groups[index as usize].more_types,
            Self::Machines(plan) => &plan.groups[index as usize].more_types,
            _ => &[],
        };
        types.iter().copied()
    }

    /// Names of NodePools or groups, by the numbers in nodes' records.
    #[must_use]
    pub fn pool_names(&self) -> Vec<String> {
        match self {
            Self::Karpenter(karpenter) => karpenter.pools.iter().map(|pool| pool.spec.name.clone()).collect(),
            _ => (0..).map_while(|index| self.group(index)).map(|group| group.name.clone()).collect(),
        }
    }
}

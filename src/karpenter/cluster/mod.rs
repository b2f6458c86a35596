//! The cluster as Karpenter remembers it: claims and nodes with what runs on them, pools and their usage, pod classes.
//!
//! The loop reports what happens; nothing here decides. `solver` and `disruption` read it. A node is in one of four
//! stages (created, launched, registered, initialized), and beside that it may be marked for deletion: it then takes
//! no pods, does not count against limits, and its pods are to be placed again.

mod accounting;
mod names;
mod node;
mod node_labels;
mod reserved;
mod stages;

pub use node::{BoundPod, Node, NodeId, NodeStage, PodState, UnmanagedNode};
pub use stages::LaunchedAs;

use rustc_hash::FxHashMap;

use super::instance_types::{InstanceTypeSpec, InstanceTypes};
use super::labels::Vocabulary;
use super::node_pools::{DaemonSet, DaemonSetSpec, NodePool, NodePoolSpec, PoolId};
use super::pod_classes::{PodClass, PodClasses, PreferencePolicy, Relaxation};
use super::pods::{PodClassId, PodClassSpec};
use super::price_overlay::PriceOverlay;
use super::requirements::Requirements;
use super::resources::Amounts;
use super::taints::{Taint, TaintEffect};
use crate::engine::Streams;

/// Labels and effective taints, equal for many nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeShape {
    pub(crate) labels: Requirements,
    pub(crate) taints: Vec<Taint>,
}

/// An interned [`NodeShape`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeShapeId(pub(crate) u32);

/// What a NodePool's nodes that are not marked for deletion have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUsage {
    /// Their capacity.
    pub capacity: Amounts,
    /// Their number.
    pub nodes: i64,
}

/// What Karpenter knows. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Nodes touched since `changes_epoch` last moved.
    changes: Vec<NodeId>,
    changes_epoch: u64,
    claims_created: u64,
    classes: PodClasses,
    daemon_sets: Vec<DaemonSet>,
    fully_blocking_pdbs: Vec<bool>,
    instance_types: InstanceTypes,
    /// Nodes marked for deletion, in the order in which they were marked.
    marked: Vec<NodeId>,
    nodes: Vec<Option<Node>>,
    /// Nodes that take pods, initialized ones first, then by name.
    order: Vec<NodeId>,
    order_version: u64,
    /// NodeOverlays' prices, the one that wins first.
    pub(super) overlays: Vec<(Requirements, PriceOverlay)>,
    pools: Vec<NodePool>,
    /// Pools, heaviest first, equal weights by name descending.
    pools_by_weight: Vec<PoolId>,
    relaxation: Relaxation,
    repelling_pods: usize,
    shape_ids: FxHashMap<NodeShape, NodeShapeId>,
    shapes: Vec<NodeShape>,
    streams: Streams,
    unlaunched: usize,
    usage: Vec<PoolUsage>,
    vocabulary: Vocabulary,
}

impl Cluster {
    /// A cluster without nodes. `streams` gives nodes their names.
    #[must_use]
    pub fn new(
        types: &[InstanceTypeSpec],
        pools: Vec<NodePoolSpec>,
        daemon_sets: &[DaemonSetSpec],
        policy: PreferencePolicy,
        streams: Streams,
    ) -> Self {
        let mut vocabulary = Vocabulary::new();
        let instance_types = InstanceTypes::new(types, &mut vocabulary);
        let tolerates_prefer_no_schedule = pools
            .iter()
            .filter(|pool| !pool.is_static)
            .flat_map(|pool| &pool.taints)
            .any(|taint| taint.effect == TaintEffect::PreferNoSchedule);
        let pools: Vec<NodePool> =
            pools.into_iter().map(|spec| NodePool::new(spec, &mut vocabulary)).collect();
        let mut pools_by_weight: Vec<PoolId> = (0..pools.len() as u16).map(PoolId).collect();
        pools_by_weight.sort_by(|a, b| {
            let key = |id: &PoolId| {
                let spec = &pools[usize::from(id.0)].spec;
                (spec.weight, spec.name.as_str())
            };
            key(b).cmp(&key(a))
        });
        Self {
            changes: Vec::new(),
            changes_epoch: 0,
            claims_created: 0,
            classes: PodClasses::default(),
            daemon_sets: daemon_sets.iter().map(|spec| DaemonSet::new(spec, &mut vocabulary)).collect(),
            fully_blocking_pdbs: Vec::new(),
            instance_types,
            marked: Vec::new(),
            nodes: Vec::new(),
            order: Vec::new(),
            order_version: 0,
            overlays: Vec::new(),
            usage: vec![PoolUsage::default(); pools.len()],
            pools,
            pools_by_weight,
            relaxation: Relaxation { policy, tolerates_prefer_no_schedule },
            repelling_pods: 0,
            shape_ids: FxHashMap::default(),
            shapes: Vec::new(),
            streams,
            unlaunched: 0,
            vocabulary,
        }
    }

    /// The class of pods that look like `spec`. Call it once per kind of pod and keep the id: it compares texts.
    pub fn register_pod_class(&mut self, spec: PodClassSpec) -> PodClassId {
        self.classes.register(spec, self.relaxation, &mut self.vocabulary)
    }

    /// A registered pod class.
    #[must_use]
    pub fn pod_class(&self, id: PodClassId) -> &PodClass {
        self.classes.get(id)
    }

    /// All pod classes.
    #[must_use]
    pub fn pod_classes(&self) -> &PodClasses {
        &self.classes
    }

    /// The instance types with prices and availability as Karpenter believes them.
    #[must_use]
    pub fn instance_types(&self) -> &InstanceTypes {
        &self.instance_types
    }

    /// The instance types, to set prices; availability is best set through [`IceCache`](super::IceCache).
    pub fn instance_types_mut(&mut self) -> &mut InstanceTypes {
        &mut self.instance_types
    }

    /// Label keys and values.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// A NodePool.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> &NodePool {
        &self.pools[usize::from(id.0)]
    }

    /// All NodePools with their ids.
    pub fn pools(&self) -> impl ExactSizeIterator<Item = (PoolId, &NodePool)> {
        self.pools.iter().enumerate().map(|(index, pool)| (PoolId(index as u16), pool))
    }

    /// The pools in the order in which new claims try them: heaviest first, equal weights by name descending.
    #[must_use]
    pub fn pools_by_weight(&self) -> &[PoolId] {
        &self.pools_by_weight
    }

    /// What the pool's nodes that are not marked for deletion have together.
    #[must_use]
    pub fn usage(&self, pool: PoolId) -> PoolUsage {
        self.usage[usize::from(pool.0)]
    }

    /// Whether the pool's usage already exceeds one of its limits: then no claim is created for it
    /// (core `provisioner.go` `Create`, `Limits.ExceededBy`, v1.15.0: strictly more).
    #[must_use]
    pub fn exceeds_limits(&self, pool: PoolId) -> bool {
        let (limits, usage) = (&self.pool(pool).spec.limits, self.usage(pool));
        limits.cpu.is_some_and(|most| usage.capacity.cpu > most)
            || limits.memory.is_some_and(|most| usage.capacity.memory > most)
            || limits.nodes.is_some_and(|most| usage.nodes > most)
    }

    /// Whether every claim has been launched. Until then neither provisioning nor disruption acts.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.unlaunched == 0
    }

    /// A claim or node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize).and_then(Option::as_ref)
    }

    /// All claims and nodes with their ids, by id. Costs the largest id ever used.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| Some((NodeId(index as u32), node.as_ref()?)))
    }

    /// The nodes that take pods (launched, not marked for deletion) in the order in which a pass tries them.
    #[must_use]
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// The nodes marked for deletion, in the order in which they were marked.
    #[must_use]
    pub fn marked(&self) -> &[NodeId] {
        &self.marked
    }

    pub(super) fn types_and_vocabulary(&mut self) -> (&mut InstanceTypes, &mut Vocabulary) {
        (&mut self.instance_types, &mut self.vocabulary)
    }

    pub(super) fn vocabulary_mut(&mut self) -> &mut Vocabulary {
        &mut self.vocabulary
    }

    pub(crate) fn order_version(&self) -> u64 {
        self.order_version
    }

    pub(crate) fn shape(&self, id: NodeShapeId) -> &NodeShape {
        &self.shapes[id.0 as usize]
    }

    pub(crate) fn daemon_sets(&self) -> &[DaemonSet] {
        &self.daemon_sets
    }

    /// Whether some running pod keeps others away.
    pub(crate) fn has_repelling_pods(&self) -> bool {
        self.repelling_pods > 0
    }

    /// Counts how often the list of changes was begun anew.
    pub(crate) fn changes_epoch(&self) -> u64 {
        self.changes_epoch
    }

    /// Nodes touched since `changes_epoch` last moved, oldest first, possibly several times.
    pub(crate) fn changes(&self) -> &[NodeId] {
        &self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_pool_with_a_soft_taint_makes_no_pod_tolerate_it() {
        let tolerates = |is_static| {
            let taints = vec![Taint::new("soft", "", TaintEffect::PreferNoSchedule)];
            let pool = NodePoolSpec { name: "ci".into(), taints, is_static, ..NodePoolSpec::default() };
            let streams = Streams::new(1, 0);
            let cluster = Cluster::new(&[], vec![pool], &[], PreferencePolicy::Respect, streams);
            cluster.relaxation.tolerates_prefer_no_schedule
        };
        assert!(tolerates(false) && !tolerates(true));
    }
}

//! Existing nodes as the pass sees them: free room and labels in first-fit order, kept from pass to pass and put back
//! after each.

use super::requirement_sets::{RequirementSets, SetId};
use crate::karpenter::cluster::{Cluster, NodeId, NodeShapeId, NodeStage};
use crate::karpenter::pod_classes::ShapeId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::taints::are_tolerated;
use crate::units::{SimDuration, SimTime};

/// Nodes are skipped in blocks of this many when none of them can have the room.
const BLOCK: usize = 32;

const NO_PLACE: u32 = u32::MAX;

/// The nodes that take pods, in the order in which a pass tries them.
#[derive(Clone, Debug, Default)]
pub(super) struct ExistingNodes {
    block_room: Vec<Amounts>,
    /// `Cluster::changes_epoch` to which `seen_changes` belongs.
    epoch: Option<u64>,
    excluded: Vec<bool>,
    free: Vec<Amounts>,
    ids: Vec<NodeId>,
    /// By node id: what it has free in the cluster, and its shape.
    known: Vec<(Amounts, NodeShapeId)>,
    /// Blocks whose `block_room` is to be worked out.
    loose_blocks: Vec<bool>,
    order_version: Option<u64>,
    places: Vec<u32>,
    seen_changes: usize,
    sets: Vec<SetId>,
    shape_sets: Vec<Option<SetId>>,
    shapes: Vec<NodeShapeId>,
    tolerated: Vec<Vec<Option<bool>>>,
    undo: Vec<(usize, Amounts, SetId)>,
}

impl ExistingNodes {
    /// Catches up with the cluster: what changed on nodes, and where nodes came, went or changed places their order.
    pub(super) fn refresh(&mut self, cluster: &Cluster, sets: &mut RequirementSets) {
        let changes = cluster.changes();
        let is_in_order = self.order_version == Some(cluster.order_version());
        if self.epoch != Some(cluster.changes_epoch()) {
            self.epoch = Some(cluster.changes_epoch());
            for &id in cluster.order() {
                self.learn(cluster, id);
            }
        } else {
            for &id in &changes[self.seen_changes..] {
                self.learn(cluster, id);
                if is_in_order && let Some(place) = self.place(id) {
                    self.load(cluster, place, sets);
                    self.loose_blocks[place / BLOCK] = true;
                }
            }
        }
        self.seen_changes = changes.len();
        if !is_in_order {
            self.rebuild(cluster, sets);
        }
        for block in 0..self.loose_blocks.len() {
            if std::mem::take(&mut self.loose_blocks[block]) {
                self.tighten(block);
            }
        }
    }

    /// Notes what a node has free. Kept by id and close together: a pass in a large fleet reads it of every node.
    fn learn(&mut self, cluster: &Cluster, id: NodeId) {
        let Some(node) = cluster.node(id) else { return };
        let index = id.0 as usize;
        if index >= self.known.len() {
            self.known.resize(index + 1, (Amounts::ZERO, NodeShapeId::default()));
        }
        self.known[index] = (node.free(), node.shape);
    }

    fn rebuild(&mut self, cluster: &Cluster, sets: &mut RequirementSets) {
        self.order_version = Some(cluster.order_version());
        for &id in &self.ids {
            self.places[id.0 as usize] = NO_PLACE;
        }
        self.ids.clear();
        self.ids.extend_from_slice(cluster.order());
        let count = self.ids.len();
        self.excluded.clear();
        self.excluded.resize(count, false);
        self.free.resize(count, Amounts::ZERO);
        self.sets.resize(count, SetId(0));
        self.shapes.resize(count, NodeShapeId::default());
        self.block_room.resize(count.div_ceil(BLOCK), Amounts::ZERO);
        self.loose_blocks.clear();
        self.loose_blocks.resize(count.div_ceil(BLOCK), true);
        for place in 0..count {
            let id = self.ids[place].0 as usize;
            if id >= self.places.len() {
                self.places.resize(id + 1, NO_PLACE);
            }
            self.places[id] = place as u32;
            self.load(cluster, place, sets);
        }
    }

    fn load(&mut self, cluster: &Cluster, place: usize, sets: &mut RequirementSets) {
        let (free, node_shape) = self.known[self.ids[place].0 as usize];
        self.free[place] = free;
        self.shapes[place] = node_shape;
        let shape = node_shape.0 as usize;
        if shape >= self.shape_sets.len() {
            self.shape_sets.resize(shape + 1, None);
        }
        let set = self.shape_sets[shape]
            .get_or_insert_with(|| sets.intern(cluster.shape(node_shape).labels.clone()));
        self.sets[place] = *set;
    }

    /// Works out the most room that any node of a block has.
    fn tighten(&mut self, block: usize) {
        let start = block * BLOCK;
        let end = (start + BLOCK).min(self.free.len());
        let most = self.free[start..end].iter().copied().reduce(Amounts::max);
        self.block_room[block] = most.unwrap_or(Amounts::ZERO);
    }

    /// Leaves nodes out until [`Self::restore`].
    pub(super) fn exclude(&mut self, ids: &[NodeId], is_excluded: bool) {
        for &id in ids {
            if let Some(place) = self.place(id) {
                self.excluded[place] = is_excluded;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, place: usize) -> NodeId {
        self.ids[place]
    }

    /// What it has free now.
    pub(super) fn free(&self, place: usize) -> Amounts {
        self.free[place]
    }

    pub(super) fn set(&self, place: usize) -> SetId {
        self.sets[place]
    }

    fn place(&self, id: NodeId) -> Option<usize> {
        self.places.get(id.0 as usize).filter(|place| **place != NO_PLACE).map(|place| *place as usize)
    }

    /// The first place from `from` on with room for `requests`, by room alone.
    pub(super) fn next_with_room(&self, from: usize, requests: &Amounts) -> Option<usize> {
        let mut place = from;
        while place < self.free.len() {
            let block = place / BLOCK;
            if place.is_multiple_of(BLOCK) && !requests.fits(&self.block_room[block].or_zero()) {
                place += BLOCK;
                continue;
            }
            let end = ((block + 1) * BLOCK).min(self.free.len());
            while place < end {
                if requests.fits(&self.free[place]) && !self.excluded[place] {
                    return Some(place);
                }
                place += 1;
            }
        }
        None
    }

    /// The CPU that nodes with room for `least` have left, of each the largest multiple of `unit`.
    pub(super) fn cpu_in_units(&self, least: i64, unit: i64) -> i64 {
        let usable = self.free.iter().filter(|free| free.cpu >= least && free.memory >= 0 && free.pods > 0);
        usable.map(|free| free.cpu / unit * unit).sum()
    }

    /// What the node's labels become with a pod of this shape; `None` where taints or labels keep it away.
    pub(super) fn admits(
        &mut self,
        cluster: &Cluster,
        place: usize,
        shape: ShapeId,
        sets: &mut RequirementSets,
    ) -> Option<SetId> {
        if !self.is_tolerated(cluster, self.shapes[place], shape) {
            return None;
        }
        if let Some(hostname) = &cluster.pod_classes().shape(shape).hostname {
            let node = cluster.node(self.ids[place]).expect("a node in the order is known");
            if !hostname.has(node.hostname, cluster.vocabulary()) {
                return None;
            }
        }
        sets.onto_node(cluster, self.sets[place], shape)
    }

    fn is_tolerated(&mut self, cluster: &Cluster, node: NodeShapeId, shape: ShapeId) -> bool {
        let (row, column) = (shape.0 as usize, node.0 as usize);
        if row >= self.tolerated.len() {
            self.tolerated.resize_with(row + 1, Vec::new);
        }
        let row = &mut self.tolerated[row];
        if column >= row.len() {
            row.resize(column + 1, None);
        }
        *row[column].get_or_insert_with(|| {
            are_tolerated(&cluster.shape(node).taints, &cluster.pod_classes().shape(shape).tolerations)
        })
    }

    /// Puts a pod on a node until [`Self::restore`].
    pub(super) fn take(&mut self, place: usize, requests: Amounts, set: SetId) {
        let (before, most) = (self.free[place], self.block_room[place / BLOCK]);
        self.undo.push((place, before, self.sets[place]));
        self.free[place] -= requests;
        self.sets[place] = set;
        if before.cpu == most.cpu || before.memory == most.memory || before.pods == most.pods {
            self.tighten(place / BLOCK);
        }
    }

    /// Puts everything back as the cluster has it.
    pub(super) fn restore(&mut self) {
        while let Some((place, free, set)) = self.undo.pop() {
            self.free[place] = free;
            self.sets[place] = set;
            self.block_room[place / BLOCK] = self.block_room[place / BLOCK].max(free);
        }
    }

    /// Whether a node has had a pod event so recently that a consolidation may not move running pods onto it
    /// (core `utils/disruption` `IsUnderConsolidateAfter`, v1.15.0).
    pub(super) fn is_under_consolidate_after(&self, cluster: &Cluster, place: usize, now: SimTime) -> bool {
        let node = cluster.node(self.ids[place]).expect("a node in the order is known");
        let Some(pool) = node.pool else { return false };
        let spec = &cluster.pool(pool).spec;
        // The pass does not know static pools, so their nodes are never inside it.
        let after = spec.consolidate_after.filter(|_| !spec.is_static).unwrap_or(SimDuration::ZERO);
        if node.stage < NodeStage::Initialized {
            return false;
        }
        let since = node.last_pod_event_at.or(node.initialized_at).unwrap_or(SimTime::ZERO);
        now.saturating_since(since) < after
    }
}

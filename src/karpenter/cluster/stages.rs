//! How claims and nodes come, advance, are marked and go.

use super::{Cluster, Node, NodeId, NodeShape, NodeShapeId, NodeStage, UnmanagedNode};
use crate::catalog::CapacityType;
use crate::karpenter::instance_types::{TypeId, ZoneId};
use crate::karpenter::labels;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::requirements::{Requirement, Requirements, UndefinedLabels};
use crate::karpenter::resources::Amounts;
use crate::karpenter::taints::{Taint, are_tolerated};
use crate::units::{HourlyPrice, SimTime};

/// What EC2 launched for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchedAs {
    /// Instance type.
    pub type_id: TypeId,
    /// Zone.
    pub zone: ZoneId,
    /// Capacity type.
    pub capacity_type: CapacityType,
}

impl Cluster {
    /// A NodeClaim was created, with the requirements that its pass or command gave it.
    ///
    /// # Panics
    /// Where `id` is in use.
    pub fn claim_created(&mut self, now: SimTime, id: NodeId, pool: PoolId, requirements: &Requirements) {
        let serial = self.claims_created;
        self.claims_created += 1;
        self.unlaunched += 1;
        let name = self.claim_name(pool, serial);
        let mut node = self.blank(name, now);
        node.pool = Some(pool);
        node.serial = serial;
        node.claim_requirements = requirements.clone();
        self.put(id, node);
    }

    /// EC2 launched the claim's instance: from now on it is capacity, with what its type is predicted to have.
    ///
    /// # Panics
    /// Where the claim is not waiting for its launch.
    pub fn claim_launched(&mut self, now: SimTime, id: NodeId, launched: LaunchedAs) {
        let LaunchedAs { type_id, zone, capacity_type } = launched;
        let instance_type = self.instance_types.get(type_id);
        let (capacity, allocatable) = (instance_type.capacity, instance_type.allocatable);
        let offering = self.instance_types.offering(type_id, zone, capacity_type);
        let pool = self.live_ref(id).pool;
        let of_pool = |one| pool.map(|pool| self.instance_types.price(pool, type_id, one));
        let price = offering.and_then(of_pool);
        let node = self.live(id);
        assert_eq!(node.stage, NodeStage::Created, "a claim is launched once");
        node.stage = NodeStage::Launched;
        node.launched_at = Some(now);
        node.type_id = Some(type_id);
        node.zone = Some(zone);
        node.capacity_type = Some(capacity_type);
        node.price = price.unwrap_or(HourlyPrice(0));
        node.capacity = capacity;
        node.allocatable = allocatable;
        self.unlaunched -= 1;
        self.reshape(id);
        self.enter(id);
    }

    /// The Node object appeared; passes know the node by its own name from now on.
    pub fn node_registered(&mut self, now: SimTime, id: NodeId) {
        let name = self.node_name(self.live_ref(id).serial);
        let hostname = self.vocabulary.value(&name);
        self.reorder(id, |node| {
            node.stage = NodeStage::Registered;
            node.registered_at = Some(now);
            node.name = name;
            node.hostname = hostname;
        });
        self.reshape(id);
    }

    /// The node is ready, without startup taints, and Karpenter has noticed.
    pub fn node_initialized(&mut self, now: SimTime, id: NodeId) {
        self.reorder(id, |node| {
            node.stage = NodeStage::Initialized;
            node.initialized_at = Some(now.floor_to_second());
        });
        self.reshape(id);
    }

    /// Marks a node for deletion: a disruption command took it, or its claim is being deleted.
    pub fn mark_for_deletion(&mut self, id: NodeId) {
        if !self.live_ref(id).is_marked_for_deletion {
            self.leave(id);
            self.live(id).is_marked_for_deletion = true;
            self.marked.push(id);
        }
    }

    /// Takes the mark off again (a disruption command was rolled back).
    pub fn unmark_for_deletion(&mut self, id: NodeId) {
        if self.live_ref(id).is_marked_for_deletion {
            self.live(id).is_marked_for_deletion = false;
            self.marked.retain(|other| *other != id);
            self.enter(id);
        }
    }

    /// The claim and node are gone; the id may be used again.
    pub fn remove(&mut self, id: NodeId) {
        self.leave(id);
        let node = self.nodes[id.0 as usize].take().expect("only a live node is removed");
        if node.stage == NodeStage::Created {
            self.unlaunched -= 1;
        }
        if node.is_marked_for_deletion {
            self.marked.retain(|other| *other != id);
        }
        if let Some(reservation) = node.reservation {
            self.instance_types.count_reserved(reservation, 1);
        }
        self.repelling_pods -= node.repelling_pods as usize;
    }

    /// A node that Karpenter did not make, such as a managed node group's.
    pub fn add_unmanaged(&mut self, now: SimTime, id: NodeId, unmanaged: UnmanagedNode) {
        let mut node = self.blank(unmanaged.name.as_str().into(), now);
        node.stage = NodeStage::Initialized;
        node.initialized_at = Some(now.floor_to_second());
        node.capacity = unmanaged.capacity;
        node.allocatable = unmanaged.allocatable;
        node.own_labels = unmanaged.labels;
        node.own_taints = Some(unmanaged.taints);
        self.put(id, node);
        self.reshape(id);
        self.enter(id);
    }

    /// Sets a node's name, where the caller knows it better than the drawn one.
    pub fn rename(&mut self, id: NodeId, name: &str) {
        let hostname = self.vocabulary.value(name);
        self.reorder(id, |node| {
            node.name = name.into();
            node.hostname = hostname;
        });
    }

    /// Sets the taints that are on a node now, in place of its pool's.
    pub fn set_taints(&mut self, id: NodeId, taints: Vec<Taint>) {
        self.live(id).own_taints = Some(taints);
        self.reshape(id);
    }

    /// Sets labels of a node beyond those of its type and pool.
    pub fn set_labels(&mut self, id: NodeId, labels: Vec<(String, String)>) {
        self.live(id).own_labels = labels;
        self.reshape(id);
    }

    /// Sets what a node has, where it is not what its type is predicted to have.
    pub fn set_resources(&mut self, id: NodeId, capacity: Amounts, allocatable: Amounts) {
        let counts = self.live_ref(id).takes_pods();
        if counts {
            self.leave(id);
        }
        let node = self.live(id);
        node.capacity = capacity;
        node.allocatable = allocatable;
        if counts {
            self.enter(id);
        }
    }

    fn blank(&mut self, name: Box<str>, now: SimTime) -> Node {
        let hostname = self.vocabulary.value(&name);
        Node {
            pool: None,
            name,
            stage: NodeStage::Created,
            is_marked_for_deletion: false,
            type_id: None,
            zone: None,
            capacity_type: None,
            reservation: None,
            price: HourlyPrice(0),
            capacity: Amounts::ZERO,
            allocatable: Amounts::ZERO,
            requested: Amounts::ZERO,
            pods: Vec::new(),
            created_at: now,
            launched_at: None,
            registered_at: None,
            initialized_at: None,
            last_pod_event_at: None,
            nominated_until: SimTime::ZERO,
            shape: NodeShapeId::default(),
            daemons_expected: Amounts::ZERO,
            daemons_bound: Amounts::ZERO,
            claim_requirements: Requirements::new(),
            hostname,
            repelling_pods: 0,
            own_taints: None,
            own_labels: Vec::new(),
            serial: 0,
        }
    }

    fn put(&mut self, id: NodeId, node: Node) {
        let index = id.0 as usize;
        if index >= self.nodes.len() {
            self.nodes.resize_with(index + 1, || None);
        }
        assert!(self.nodes[index].is_none(), "node {index} is in use");
        self.nodes[index] = Some(node);
    }

    pub(super) fn live(&mut self, id: NodeId) -> &mut Node {
        self.note_change(id);
        self.nodes[id.0 as usize].as_mut().expect("the node is known")
    }

    /// Remembers that a node changed; where too much has changed since, everything counts as changed.
    pub(super) fn note_change(&mut self, id: NodeId) {
        if self.changes.len() > self.order.len() * 4 + 64 {
            self.changes.clear();
            self.changes_epoch += 1;
            self.order_version += 1;
        }
        self.changes.push(id);
    }

    pub(super) fn live_ref(&self, id: NodeId) -> &Node {
        self.nodes[id.0 as usize].as_ref().expect("the node is known")
    }

    fn place(&self, id: NodeId) -> Result<usize, usize> {
        let key = |id: NodeId| {
            let node = self.live_ref(id);
            (node.stage < NodeStage::Initialized, &node.name, id)
        };
        self.order.binary_search_by(|other| key(*other).cmp(&key(id)))
    }

    /// Puts a node among those that take pods and counts it against its pool's limits.
    fn enter(&mut self, id: NodeId) {
        let node = self.live_ref(id);
        if !node.takes_pods() {
            return;
        }
        let (pool, capacity) = (node.pool, node.capacity);
        if let Err(place) = self.place(id) {
            self.order.insert(place, id);
            self.order_version += 1;
            if let Some(pool) = pool {
                let usage = &mut self.usage[usize::from(pool.0)];
                usage.capacity += capacity;
                usage.nodes += 1;
            }
        }
    }

    fn leave(&mut self, id: NodeId) {
        let node = self.live_ref(id);
        let (pool, capacity) = (node.pool, node.capacity);
        if let Ok(place) = self.place(id) {
            self.order.remove(place);
            self.order_version += 1;
            if let Some(pool) = pool {
                let usage = &mut self.usage[usize::from(pool.0)];
                usage.capacity -= capacity;
                usage.nodes -= 1;
            }
        }
    }

    fn reorder(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let counts = self.live_ref(id).takes_pods();
        if counts {
            self.leave(id);
        }
        change(self.live(id));
        if counts {
            self.enter(id);
        }
    }

    /// Works out the labels, effective taints and daemonsets of a node after one of its causes changed.
    pub(super) fn reshape(&mut self, id: NodeId) {
        let (labels, taints) = (self.labels_of(id), self.effective_taints(id));
        let mut daemons = Amounts::ZERO;
        for daemon_set in &self.daemon_sets {
            if are_tolerated(&taints, &daemon_set.tolerations)
                && labels.is_compatible(&daemon_set.terms[0], UndefinedLabels::Deny, &self.vocabulary)
            {
                daemons += daemon_set.requests;
            }
        }
        let shape = NodeShape { labels, taints };
        let next = NodeShapeId(self.shapes.len() as u32);
        let shape_id = *self.shape_ids.entry(shape.clone()).or_insert(next);
        if shape_id == next {
            self.shapes.push(shape);
        }
        let node = self.live(id);
        node.shape = shape_id;
        node.daemons_expected = daemons;
    }

    fn labels_of(&mut self, id: NodeId) -> Requirements {
        let node = self.nodes[id.0 as usize].as_ref().expect("the node is known");
        let mut all = Requirements::new();
        if let (Some(type_id), Some(zone), Some(kind)) = (node.type_id, node.zone, node.capacity_type) {
            let instance_type = self.instance_types.get(type_id);
            for one in instance_type.requirements.iter().filter(|one| one.values.len() == 1) {
                all.replace(one.clone());
            }
            all.replace(Requirement::is(labels::ZONE, self.instance_types.zone_label(zone)));
            if let Some(zone_id) = self.instance_types.zone_id_label(zone) {
                all.replace(Requirement::is(labels::ZONE_ID, zone_id));
            }
            let kind = self.instance_types.capacity_type_label(kind);
            all.replace(Requirement::is(labels::CAPACITY_TYPE, kind));
            for label in
                node.reservation.iter().flat_map(|id| self.instance_types.reservation_requirements(*id))
            {
                all.replace(label);
            }
        }
        if let Some(pool) = node.pool {
            let spec = self.pools[usize::from(pool.0)].spec.clone();
            all.replace(Requirement::is(labels::NODE_POOL, self.vocabulary.value(&spec.name)));
            all.replace(Requirement::is(labels::NODE_CLASS, self.vocabulary.value("default")));
            let custom: Vec<Requirement> = node.claim_requirements.iter().cloned().collect();
            for requirement in custom {
                if let Some(value) = self.custom_label(&requirement) {
                    all.replace(Requirement::is(requirement.key, value));
                }
            }
            let pool_labels = Requirements::from_labels(&spec.labels, &mut self.vocabulary);
            for label in pool_labels.iter() {
                all.replace(label.clone());
            }
        }
        let node = self.nodes[id.0 as usize].as_ref().expect("the node is known");
        let own = Requirements::from_labels(&node.own_labels, &mut self.vocabulary);
        for label in own.iter() {
            all.replace(label.clone());
        }
        all.remove(labels::HOSTNAME);
        all
    }

    /// The taints that count for pods: until a node is initialized, those that it is expected to lose do not.
    fn effective_taints(&self, id: NodeId) -> Vec<Taint> {
        let node = self.live_ref(id);
        let Some(pool) = node.pool else { return node.own_taints.clone().unwrap_or_default() };
        let spec = &self.pool(pool).spec;
        let mut taints = match &node.own_taints {
            Some(taints) if node.stage >= NodeStage::Registered => taints.clone(),
            _ => spec.taints.clone(),
        };
        if node.stage < NodeStage::Initialized {
            taints.retain(|taint| {
                !taint.is_ephemeral() && !spec.startup_taints.iter().any(|other| other.matches(taint))
            });
        }
        taints
    }
}

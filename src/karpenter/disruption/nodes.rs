//! What disruption remembers of every node, with the indexes that spare a pass the scan over all of them.

use super::super::cluster::NodeId;
use super::super::node_pools::PoolId;
use super::super::pods::{PodClassId, PodId};
use super::idle_clock::IdleClock;
use super::pod_cost::{DoNotDisrupt, PodOwner};
use super::settings::PoolDisruption;
use crate::units::{SimDuration, SimTime};

/// What is known of a node claim when its instance is launched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its NodePool.
    pub pool: PoolId,
    /// When the NodeClaim was created.
    pub created_at: SimTime,
    /// `expireAfter` of the claim; `None` = `Never`. Only v1.8 uses it here.
    pub expire_after: Option<SimDuration>,
    /// The node's annotation `karpenter.sh/do-not-disrupt: "true"`.
    pub do_not_disrupt: bool,
    /// Whether its claim has a `terminationGracePeriod`.
    pub has_termination_grace_period: bool,
}

/// The PodDisruptionBudgets that select a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PodPdb {
    /// None.
    #[default]
    None,
    /// The one with this number, see [`Disruption::set_pdb`](super::Disruption::set_pdb).
    One(u16),
    /// More than one, which the eviction API refuses.
    Several,
}

/// A pod when it is bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewPod {
    /// The loop's number.
    pub pod: PodId,
    /// Its class, for the scheduling pass.
    pub class: PodClassId,
    /// When it was created.
    pub created_at: SimTime,
    /// What disruption looks at.
    pub facts: PodFacts,
}

/// What disruption needs to know of a pod on a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PodFacts {
    /// Who made it.
    pub owner: PodOwner,
    /// Its annotation `karpenter.sh/do-not-disrupt`.
    pub do_not_disrupt: DoNotDisrupt,
    /// What evicting it costs, see [`eviction_cost`](super::eviction_cost); 1 for a plain pod.
    pub eviction_cost: f64,
    /// Which PodDisruptionBudgets select it.
    pub pdb: PodPdb,
    /// Whether it tolerates the taint `karpenter.sh/disrupted`: such pods are never evicted.
    pub tolerates_disrupted_taint: bool,
}

impl Default for PodFacts {
    /// A bare pod without annotations, priority and PodDisruptionBudget: a GitLab job.
    fn default() -> Self {
        Self {
            owner: PodOwner::Bare,
            do_not_disrupt: DoNotDisrupt::No,
            eviction_cost: 1.0,
            pdb: PodPdb::None,
            tolerates_disrupted_taint: false,
        }
    }
}

/// A pod object that is bound to a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundPod {
    pub(super) id: PodId,
    pub(super) class: PodClassId,
    pub(super) created_at: SimTime,
    pub(super) facts: PodFacts,
    pub(super) started_at: Option<SimTime>,
    /// From when on its phase is no longer `Pending`.
    pub(super) runs_from: SimTime,
    pub(super) is_terminal: bool,
    pub(super) is_terminating: bool,
    /// Whether the cluster state forgot its cost, see [`Node::known_disruption_cost`].
    pub(super) is_cost_forgotten: bool,
}

impl BoundPod {
    /// Neither finished nor being deleted.
    pub(super) fn is_active(&self) -> bool {
        !self.is_terminal && !self.is_terminating
    }

    /// Whether it would have to find another node (core `utils/pod/scheduling.go` `IsReschedulable`, v1.15.0).
    pub(super) fn is_reschedulable(&self) -> bool {
        let lives_on = self.is_active() || self.facts.owner == PodOwner::StatefulSet && self.is_terminating;
        lives_on && !matches!(self.facts.owner, PodOwner::DaemonSet | PodOwner::Node)
    }

    /// Whether a drain would call the eviction API for it (`IsEvictable`).
    pub(super) fn is_evictable(&self, now: SimTime) -> bool {
        self.is_active()
            && !self.facts.tolerates_disrupted_taint
            && self.facts.owner != PodOwner::Node
            && !self.facts.do_not_disrupt.is_active(self.started_at, now)
    }
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) facts: NodeFacts,
    pub(super) clock: IdleClock,
    pub(super) is_ready: bool,
    pub(super) is_marked: bool,
    /// Whether its claim is being deleted, which no roll-back takes back.
    pub(super) is_deleting: bool,
    pub(super) is_instance_terminating: bool,
    pub(super) is_in_command: bool,
    /// When its condition `Drifted` became true, in whole seconds.
    pub(super) drifted_at: Option<SimTime>,
    pub(super) pods: Vec<BoundPod>,
    /// Reschedulable pods that keep the node from being empty.
    holding: u32,
    /// Place in the list of empty or of busy nodes.
    place: u32,
    is_listed_empty: bool,
}

impl Node {
    /// One plus the positive eviction costs of the pods that would have to move (core `types.go`, v1.14 and later).
    pub(super) fn reschedule_disruption_cost(&self) -> f64 {
        self.pods
            .iter()
            .filter(|pod| pod.is_reschedulable())
            .fold(1.0, |sum, pod| sum + pod.facts.eviction_cost.max(0.0))
    }

    /// The cost as the cluster state knows it for a node that is no candidate: pods whose cost was dropped by an update of the
    /// NodeClaim count nothing (core `state/cluster.go` `newStateFromNodeClaim` carries no costs over, v1.14 and v1.15).
    pub(super) fn known_disruption_cost(&self) -> f64 {
        let counts = |pod: &&BoundPod| {
            !pod.is_terminal && !pod.is_cost_forgotten && pod.facts.owner != PodOwner::DaemonSet
        };
        self.pods.iter().filter(counts).fold(1.0, |sum, pod| sum + pod.facts.eviction_cost.max(0.0))
    }

    /// Whether no pod holds it: none that would move and costs more than nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.holding == 0
    }

    fn counts_for_budget(&self) -> bool {
        self.clock.is_initialized() && !self.is_instance_terminating
    }

    fn is_disrupting(&self) -> bool {
        self.counts_for_budget() && (!self.is_ready || self.is_marked)
    }
}

/// A pool's settings and its part in budgets.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) settings: PoolDisruption,
    /// Initialized nodes whose instance is not terminating.
    pub(super) total: u32,
    /// Those of them that are not ready or marked for deletion.
    pub(super) disrupting: u32,
    /// `replicas` of a static pool.
    pub(super) replicas: Option<u32>,
}

/// All nodes.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    pub(super) pools: Vec<Pool>,
    slots: Vec<Option<Node>>,
    empty: Vec<NodeId>,
    busy: Vec<NodeId>,
    /// Whether v1.8 decides emptiness: then every reschedulable pod holds a node, whatever it costs.
    any_pod_holds: bool,
}

impl Nodes {
    pub(super) fn new(pools: Vec<PoolDisruption>, any_pod_holds: bool) -> Self {
        let pools = pools
            .into_iter()
            .map(|settings| Pool { settings, total: 0, disrupting: 0, replicas: None })
            .collect();
        Self { pools, slots: Vec::new(), empty: Vec::new(), busy: Vec::new(), any_pod_holds }
    }

    pub(super) fn add(&mut self, id: NodeId, facts: NodeFacts) {
        let index = id.0 as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, None);
        }
        assert!(self.slots[index].is_none(), "node {index} is added once");
        self.slots[index] = Some(Node {
            facts,
            clock: IdleClock::default(),
            is_ready: true,
            is_marked: false,
            is_deleting: false,
            is_instance_terminating: false,
            is_in_command: false,
            drifted_at: None,
            pods: Vec::new(),
            holding: 0,
            place: self.empty.len() as u32,
            is_listed_empty: true,
        });
        self.empty.push(id);
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Node> {
        let node = self.slots.get_mut(id.0 as usize)?.take()?;
        self.unlist(&node);
        let pool = &mut self.pools[usize::from(node.facts.pool.0)];
        pool.total -= u32::from(node.counts_for_budget());
        pool.disrupting -= u32::from(node.is_disrupting());
        Some(node)
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The node that the caller knows to exist.
    pub(super) fn live(&self, id: NodeId) -> &Node {
        self.get(id).expect("the node exists")
    }

    pub(super) fn pool_of(&self, node: &Node) -> &Pool {
        &self.pools[usize::from(node.facts.pool.0)]
    }

    pub(super) fn len(&self) -> usize {
        self.empty.len() + self.busy.len()
    }

    /// The nodes that no pod holds, in no particular order.
    pub(super) fn empty(&self) -> &[NodeId] {
        &self.empty
    }

    /// The nodes that some pod holds, in no particular order.
    pub(super) fn busy(&self) -> &[NodeId] {
        &self.busy
    }

    /// All nodes in id order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        let with_id = |(index, node): (usize, &'_ Option<Node>)| node.as_ref().map(|_| NodeId(index as u32));
        self.slots.iter().enumerate().filter_map(with_id).map(|id| (id, self.live(id)))
    }

    /// Changes a node's flags and keeps its pool's counts right. Nothing happens where the node is gone.
    pub(super) fn change<R>(&mut self, id: NodeId, change: impl FnOnce(&mut Node) -> R) -> Option<R> {
        let node = self.slots.get_mut(id.0 as usize)?.as_mut()?;
        let before = (node.counts_for_budget(), node.is_disrupting());
        let result = change(node);
        let pool = &mut self.pools[usize::from(node.facts.pool.0)];
        pool.total = pool.total + u32::from(node.counts_for_budget()) - u32::from(before.0);
        pool.disrupting = pool.disrupting + u32::from(node.is_disrupting()) - u32::from(before.1);
        Some(result)
    }

    /// Changes a node's pods and keeps it in the right list. Nothing happens where the node is gone.
    pub(super) fn change_pods<R>(
        &mut self,
        id: NodeId,
        change: impl FnOnce(&mut PodsOfNode) -> R,
    ) -> Option<R> {
        let node = self.slots.get_mut(id.0 as usize)?.as_mut()?;
        let mut pods = PodsOfNode { node, any_pod_holds: self.any_pod_holds };
        let result = change(&mut pods);
        if node.is_listed_empty != node.is_empty() {
            let (place, was_empty) = (node.place, node.is_listed_empty);
            self.move_between_lists(id, place, was_empty);
        }
        Some(result)
    }

    fn move_between_lists(&mut self, id: NodeId, place: u32, was_empty: bool) {
        self.take_out(place, was_empty);
        let list = if was_empty { &mut self.busy } else { &mut self.empty };
        let new_place = list.len() as u32;
        list.push(id);
        let node = self.slots[id.0 as usize].as_mut().expect("the node exists");
        (node.place, node.is_listed_empty) = (new_place, !was_empty);
    }

    fn unlist(&mut self, node: &Node) {
        self.take_out(node.place, node.is_listed_empty);
    }

    fn take_out(&mut self, place: u32, from_empty: bool) {
        let list = if from_empty { &mut self.empty } else { &mut self.busy };
        list.swap_remove(place as usize);
        if let Some(&moved) = list.get(place as usize) {
            self.slots[moved.0 as usize].as_mut().expect("listed nodes exist").place = place;
        }
    }
}

/// The pods of one node, whose changes keep the count of those that hold it.
pub(super) struct PodsOfNode<'a> {
    pub(super) node: &'a mut Node,
    any_pod_holds: bool,
}

impl PodsOfNode<'_> {
    pub(super) fn push(&mut self, pod: BoundPod) {
        self.node.holding += u32::from(self.holds(&pod));
        self.node.pods.push(pod);
    }

    /// Changes the pod; says whether it is there.
    pub(super) fn change(&mut self, id: PodId, change: impl FnOnce(&mut BoundPod)) -> bool {
        let Some(index) = self.node.pods.iter().position(|pod| pod.id == id) else { return false };
        let held = self.holds(&self.node.pods[index]);
        change(&mut self.node.pods[index]);
        let holds = self.holds(&self.node.pods[index]);
        self.node.holding = self.node.holding + u32::from(holds) - u32::from(held);
        true
    }

    pub(super) fn remove(&mut self, id: PodId) -> bool {
        let Some(index) = self.node.pods.iter().position(|pod| pod.id == id) else { return false };
        let pod = self.node.pods.remove(index);
        self.node.holding -= u32::from(self.holds(&pod));
        true
    }

    fn holds(&self, pod: &BoundPod) -> bool {
        pod.is_reschedulable() && (self.any_pod_holds || pod.facts.eviction_cost > 0.0)
    }
}

//! One claim or node in Karpenter's memory.

use super::NodeShapeId;
use crate::catalog::CapacityType;
use crate::karpenter::instance_types::{TypeId, ZoneId};
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::pods::{PodClassId, PodId};
use crate::karpenter::requirements::Requirements;
use crate::karpenter::reservations::ReservationId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::taints::Taint;
use crate::units::{HourlyPrice, SimTime};

/// The loop's number of a node claim, the same for the node that it becomes; unmanaged nodes have one too.
/// May be used again after [`Cluster::remove`](super::Cluster::remove).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// How far a claim has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeStage {
    /// The NodeClaim exists; nothing is launched.
    Created,
    /// EC2 has launched an instance: type, zone and price are known.
    Launched,
    /// The Node object exists.
    Registered,
    /// The node is ready and without startup taints. Unmanaged nodes are always in this stage.
    Initialized,
}

/// Whether a bound pod still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodState {
    /// It runs or starts.
    Active,
    /// It is being deleted; it holds its requests but no longer makes a node non-empty.
    Terminating,
}

/// A pod bound to a node that is not terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundPod {
    /// The loop's number.
    pub pod: PodId,
    /// Its class: requests, priority, deletion cost, do-not-disrupt.
    pub class: PodClassId,
    /// Whether it still counts.
    pub state: PodState,
    /// When it was created.
    pub created_at: SimTime,
    /// When it was bound, which is when the kubelet takes it on (its `startTime`).
    pub started_at: SimTime,
}

/// A node that Karpenter did not make, as the loop describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnmanagedNode {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// What the machine has.
    pub capacity: Amounts,
    /// What pods may use.
    pub allocatable: Amounts,
}

/// A claim or node.
#[derive(Clone, Debug)]
pub struct Node {
    /// NodePool; `None` for an unmanaged node.
    pub pool: Option<PoolId>,
    /// Name by which a pass orders nodes: the claim's until the node registers, then the node's.
    pub name: Box<str>,
    /// How far it has come.
    pub stage: NodeStage,
    /// Whether it is marked for deletion: a disruption command runs, or the claim is being deleted.
    pub is_marked_for_deletion: bool,
    /// Instance type, once launched.
    pub type_id: Option<TypeId>,
    /// Zone, once launched.
    pub zone: Option<ZoneId>,
    /// Capacity type, once launched.
    pub capacity_type: Option<CapacityType>,
    /// The capacity reservation in which it runs, once launched into one and until that ends.
    pub reservation: Option<ReservationId>,
    /// Price at launch (what Karpenter believed).
    pub price: HourlyPrice,
    /// What the machine has.
    pub capacity: Amounts,
    /// What pods may use.
    pub allocatable: Amounts,
    /// Requests of all bound pods that are not terminal, daemonset pods included.
    pub requested: Amounts,
    /// Bound pods that are not terminal, without daemonset pods, in no particular order.
    pub pods: Vec<BoundPod>,
    /// When the claim was created.
    pub created_at: SimTime,
    /// When the instance was launched.
    pub launched_at: Option<SimTime>,
    /// When the Node object appeared.
    pub registered_at: Option<SimTime>,
    /// When it became initialized, in whole seconds as conditions are.
    pub initialized_at: Option<SimTime>,
    /// `status.lastPodEventTime`: last pod bound, terminal or terminating; whole seconds, and left as it is where it
    /// is less than 10 s old (core `nodeclaim/podevents`, v1.15.0).
    pub last_pod_event_at: Option<SimTime>,
    /// Until when a pass expects pods to come here; such nodes are not disrupted.
    pub nominated_until: SimTime,
    pub(crate) shape: NodeShapeId,
    /// Requests of the daemonset pods that belong on it.
    pub(crate) daemons_expected: Amounts,
    /// Requests of the daemonset pods that are on it.
    pub(crate) daemons_bound: Amounts,
    pub(crate) claim_requirements: Requirements,
    /// Its own name as a label value, for pods that name a host.
    pub(crate) hostname: crate::karpenter::labels::LabelValue,
    pub(crate) repelling_pods: u32,
    /// The taints that are on it now, where the loop said so; else those of its pool.
    pub(crate) own_taints: Option<Vec<Taint>>,
    pub(crate) own_labels: Vec<(String, String)>,
    /// Number of the claim among all ever created, which its names are drawn by.
    pub(crate) serial: u64,
}

impl Node {
    /// What a pass can still put here: allocatable less bound pods less daemonset pods that are still to come.
    #[must_use]
    pub fn free(&self) -> Amounts {
        self.allocatable - self.requested - (self.daemons_expected - self.daemons_bound).or_zero()
    }

    /// Whether Karpenter made it.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.pool.is_some()
    }

    /// Whether a pass expects pods to come here.
    #[must_use]
    pub fn is_nominated(&self, now: SimTime) -> bool {
        self.nominated_until > now
    }

    /// Whether a pass may put pods here.
    #[must_use]
    pub fn takes_pods(&self) -> bool {
        self.stage >= NodeStage::Launched && !self.is_marked_for_deletion
    }
}

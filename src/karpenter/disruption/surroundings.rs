//! What the controller reads of the rest of Karpenter when it wakes: the cluster, the scheduling pass, the pending pods.

use super::super::cluster::{Cluster, NodeId};
use super::super::solver::{PassPod, Solver};
use crate::units::SimTime;

/// The rest of Karpenter as the controller sees it. It only reads the cluster; what it decides comes back as outcomes.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Nodes, pods, instance types with prices.
    pub cluster: &'a Cluster,
    /// The scheduling pass, asked "what if these nodes were gone".
    pub solver: &'a mut Solver,
    /// The pending pods, [`Provisioner::pending`](super::super::Provisioner::pending).
    pub pending: &'a [PassPod],
}

/// What the node costs by Karpenter's price list, in dollars per hour; `None` where its offering is gone
/// (core `disruption/types.go` `resolveNodePrice`, v1.15.0).
pub(super) fn node_price(cluster: &Cluster, id: NodeId) -> Option<f64> {
    let node = cluster.node(id)?;
    let (kind, zone, bought_as) = (node.type_id?, node.zone?, node.capacity_type?);
    let types = cluster.instance_types();
    let offering = types.offering(kind, zone, bought_as)?;
    Some(node.pool.map_or(offering.price, |pool| types.price(pool, kind, offering)).as_dollars())
}

/// Whether a pass expects pods on the node.
pub(super) fn is_nominated(cluster: &Cluster, id: NodeId, now: SimTime) -> bool {
    cluster.node(id).is_some_and(|node| node.is_nominated(now))
}

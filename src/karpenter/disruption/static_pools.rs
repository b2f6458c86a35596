//! Which nodes a static pool gives up when it is to have fewer. How many it has is the loop's.

use super::super::cluster::{Cluster, NodeId, NodeStage};
use super::super::node_pools::PoolId;
use super::candidate;
use super::controller::Disruption;
use super::nodes::Node;
use super::pod_cost::PodOwner;
use crate::units::SimTime;

/// What a static pool with too many claims gives up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticNodesToGo {
    /// Claims without an instance, which would go first. They are launched first here and looked at again a minute later.
    pub in_flight: usize,
    /// Nodes to be deleted now.
    pub launched: Vec<NodeId>,
}

impl Disruption {
    /// The `count` claims of a pool that go: those without an instance, empty nodes, then those without protected pods, the cheapest
    /// to disrupt first (core `static/deprovisioning/controller.go`, v1.15.0). Ties are arbitrary upstream; here the lower id
    /// is first.
    #[must_use]
    pub fn static_nodes_to_go(
        &self,
        now: SimTime,
        pool: PoolId,
        count: usize,
        cluster: &Cluster,
    ) -> StaticNodesToGo {
        let staying =
            cluster.nodes().filter(|(_, node)| node.pool == Some(pool) && !node.is_marked_for_deletion);
        let mut in_flight = 0;
        let mut launched: Vec<(bool, bool, f64, NodeId)> = Vec::new();
        for (id, node) in staying {
            match self.nodes.get(id).filter(|_| node.stage >= NodeStage::Launched) {
                Some(known) => {
                    let cost = candidate::appraise(id, known, cluster, now).disruption_cost;
                    launched.push((!is_unused(known), is_protected(known, now), cost, id));
                }
                None => in_flight += 1,
            }
        }
        let in_flight = in_flight.min(count);
        launched.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then(a.3.cmp(&b.3))
        });
        launched.truncate(count - in_flight);
        StaticNodesToGo { in_flight, launched: launched.into_iter().map(|one| one.3).collect() }
    }
}

/// Whether only pods of DaemonSets are on it.
fn is_unused(node: &Node) -> bool {
    node.pods.iter().all(|pod| pod.is_terminal || pod.facts.owner == PodOwner::DaemonSet)
}

fn is_protected(node: &Node, now: SimTime) -> bool {
    node.pods.iter().any(|pod| pod.is_active() && pod.facts.do_not_disrupt.is_active(pod.started_at, now))
}

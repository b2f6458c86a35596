//! The historical emptiness of NodePools that ask for it: which nodes are told to it, and what it decides.

use crate::fleet::NodeId;
use crate::karpenter::cluster::{self, Cluster};
use crate::karpenter::disruption::TtlAfterEmpty;
use crate::metrics::NodeEnd;
use crate::units::SimTime;

use super::karpenter_plan::PoolPlan;
use super::world::World;

/// `ttl_seconds_after_empty` of the pools that have it. Nodes of other pools are not looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct HistoricalEmptiness {
    /// By pool; empty where no pool has it.
    pools: Vec<Option<TtlAfterEmpty>>,
    decided: Vec<cluster::NodeId>,
}

impl HistoricalEmptiness {
    /// Polls every 10 s from `first_pass_at` on.
    pub(super) fn new(plans: &[PoolPlan], first_pass_at: SimTime) -> Self {
        let mut pools: Vec<Option<TtlAfterEmpty>> = plans
            .iter()
            .map(|pool| pool.ttl_after_empty.map(|ttl| TtlAfterEmpty::new(ttl, first_pass_at)))
            .collect();
        if pools.iter().all(Option::is_none) {
            pools.clear();
        }
        Self { pools, decided: Vec::new() }
    }

    pub(super) fn next_wakeup(&self) -> SimTime {
        self.pools.iter().flatten().map(TtlAfterEmpty::next_wakeup).min().unwrap_or(SimTime::NEVER)
    }

    /// The emptiness of a pool, where it has the historical one.
    fn of(&mut self, pool: u32) -> Option<&mut TtlAfterEmpty> {
        self.pools.get_mut(pool as usize).and_then(Option::as_mut)
    }

    pub(super) fn node_initialized(
        &mut self,
        now: SimTime,
        pool: u32,
        id: cluster::NodeId,
        cluster: &Cluster,
    ) {
        if let Some(emptiness) = self.of(pool) {
            emptiness.node_initialized(now, id, is_nominated(cluster, now, id));
        }
    }

    pub(super) fn pod_bound(&mut self, pool: u32, id: cluster::NodeId) {
        if let Some(emptiness) = self.of(pool) {
            emptiness.pod_bound(id);
        }
    }

    pub(super) fn pod_over(&mut self, now: SimTime, pool: u32, id: cluster::NodeId, cluster: &Cluster) {
        if let Some(emptiness) = self.of(pool) {
            emptiness.pod_over(now, id, is_nominated(cluster, now, id));
        }
    }

    pub(super) fn node_removed(&mut self, pool: u32, id: cluster::NodeId) {
        if let Some(emptiness) = self.of(pool) {
            emptiness.node_removed(id);
        }
    }
}

fn is_nominated(cluster: &Cluster, now: SimTime, id: cluster::NodeId) -> bool {
    cluster.node(id).is_some_and(|node| node.is_nominated(now))
}

impl World<'_> {
    /// Deletes the claims of the nodes whose time to live is over: all at once, whatever the budgets say.
    pub(super) fn wake_historical_emptiness(&mut self) {
        let now = self.now;
        let Some(side) = &mut self.karpenter else { return };
        let mut decided = std::mem::take(&mut side.emptiness.decided);
        for emptiness in side.emptiness.pools.iter_mut().flatten() {
            emptiness.wake(now, |id| is_nominated(&side.cluster, now, id), &mut decided);
        }
        for node in decided.drain(..) {
            self.delete_claim(NodeId::new(node.0), NodeEnd::Empty);
        }
        if let Some(side) = &mut self.karpenter {
            side.emptiness.decided = decided;
        }
    }
}

//! The Balanced policy: a move's share of its pool's cost must be at least half its share of the pool's disruption.

use super::super::cluster::Cluster;
use super::candidate::{self, Candidate, PdbsAllowed};
use super::nodes::Nodes;
use super::settings::ConsolidationPolicy;
use super::surroundings::node_price;
use crate::units::SimTime;

/// A move is approved from a score of one half on (core `apis/v1` `BalancedK` = 2, v1.15.0).
const LOWEST_SCORE: f64 = 1.0 / 2.0;

/// What a pool's moves are measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PoolTotals {
    /// Prices of all its nodes, in dollars per hour.
    pub cost: f64,
    /// Disruption costs of all its nodes, those that are no candidates included.
    pub disruption_cost: f64,
}

/// The totals by pool; `None` for pools without a node that may be disrupted (core `disruption/balanced.go`
/// `computeNodePoolTotals`, v1.15.0).
pub(super) fn pool_totals(
    nodes: &Nodes,
    cluster: &Cluster,
    pdbs: &PdbsAllowed,
    now: SimTime,
) -> Vec<Option<PoolTotals>> {
    let mut totals = vec![PoolTotals::default(); nodes.pools.len()];
    let mut has_candidate = vec![false; nodes.pools.len()];
    for (id, node) in nodes.iter() {
        let pool = usize::from(node.facts.pool.0);
        let is_candidate = candidate::refusal(id, node, cluster, pdbs, now).is_none();
        has_candidate[pool] |= is_candidate;
        totals[pool].cost += node_price(cluster, id).unwrap_or(0.0);
        totals[pool].disruption_cost +=
            if is_candidate { node.reschedule_disruption_cost() } else { node.known_disruption_cost() };
    }
    totals.into_iter().zip(has_candidate).map(|(totals, has)| has.then_some(totals)).collect()
}

/// Whether any pool has the policy: else nothing needs to be added up.
pub(super) fn is_used(nodes: &Nodes) -> bool {
    nodes.pools.iter().any(|pool| pool.settings.consolidation_policy == ConsolidationPolicy::Balanced)
}

fn is_balanced(nodes: &Nodes, candidate: &Candidate) -> bool {
    let pool = &nodes.pools[usize::from(candidate.pool.0)];
    pool.settings.consolidation_policy == ConsolidationPolicy::Balanced
}

fn is_approved(savings: f64, disruption_cost: f64, totals: PoolTotals) -> bool {
    if totals.cost <= 0.0 || totals.disruption_cost <= 0.0 {
        return false;
    }
    let (saved, disrupted) = (savings / totals.cost, disruption_cost / totals.disruption_cost);
    saved > 0.0 && (disrupted == 0.0 || saved / disrupted >= LOWEST_SCORE)
}

/// Whether deleting the node without any replacement would be approved: if not, no move of it is.
pub(super) fn can_pass(nodes: &Nodes, candidate: &Candidate, totals: &[Option<PoolTotals>]) -> bool {
    match totals.get(usize::from(candidate.pool.0)) {
        Some(Some(totals)) if is_balanced(nodes, candidate) && totals.cost > 0.0 => {
            is_approved(candidate.price, candidate.reschedule_disruption_cost, *totals)
        }
        _ => true,
    }
}

/// Whether every Balanced pool among the candidates approves the move. Savings across pools are split by source price.
pub(super) fn approves(
    nodes: &Nodes,
    candidates: &[Candidate],
    savings: f64,
    totals: &[Option<PoolTotals>],
) -> bool {
    let source: f64 = candidates.iter().map(|candidate| candidate.price).sum();
    let mut pools: Vec<_> = candidates.iter().map(|candidate| candidate.pool).collect();
    pools.sort_unstable();
    pools.dedup();
    let is_pool_content = |pool: &super::super::node_pools::PoolId| {
        let own = || candidates.iter().filter(|candidate| candidate.pool == *pool);
        if !own().next().is_some_and(|candidate| is_balanced(nodes, candidate)) {
            return true;
        }
        let disruption_cost = own().map(|candidate| candidate.reschedule_disruption_cost).sum();
        let own_price: f64 = own().map(|candidate| candidate.price).sum();
        let share = if source > 0.0 && pools.len() > 1 { savings * (own_price / source) } else { savings };
        let totals = totals.get(usize::from(pool.0)).copied().flatten().unwrap_or_default();
        is_approved(share, disruption_cost, totals)
    };
    pools.iter().all(is_pool_content)
}

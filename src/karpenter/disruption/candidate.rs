//! Which nodes may be disrupted, what that costs, and in which order they are taken.

use super::super::cluster::{Cluster, NodeId};
use super::super::node_pools::PoolId;
use super::budget::{Calendar, Reason, allowed_disruptions};
use super::nodes::{Node, Nodes, PodPdb};
use super::settings::{ConsolidationPolicy, Version};
use super::surroundings::{is_nominated, node_price};
use crate::catalog::CapacityType;
use crate::units::SimTime;

/// Why a node may not be disrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Not initialized.
    Uninitialized,
    /// Being deleted, or taken by a command.
    MarkedForDeletion,
    /// A pass expects pods on it.
    Nominated,
    /// The node's annotation `karpenter.sh/do-not-disrupt`.
    NodeDoNotDisrupt,
    /// An active pod's annotation `karpenter.sh/do-not-disrupt`.
    PodDoNotDisrupt,
    /// A PodDisruptionBudget that allows no disruption now.
    Pdb,
    /// A pod selected by more than one PodDisruptionBudget.
    MultiplePdbs,
    /// Its pool says `consolidateAfter: Never`.
    ConsolidateAfterNever,
    /// It has pods, and its pool consolidates empty nodes only.
    PolicyWhenEmpty,
}

impl Refusal {
    /// Whether it is a pod that refuses, and not its node: such nodes still drift where a grace period ends their drain.
    #[must_use]
    pub const fn is_of_a_pod(self) -> bool {
        matches!(self, Self::PodDoNotDisrupt | Self::Pdb | Self::MultiplePdbs)
    }
}

/// A node that may be disrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Its pool.
    pub pool: PoolId,
    /// How it was bought, where known.
    pub capacity_type: Option<CapacityType>,
    /// Whether its instance type is no longer offered that way in its zone, so that its price is unknown and taken as 0.
    pub is_offering_missing: bool,
    /// What it costs by Karpenter's price list, in dollars per hour; 0 where its offering is gone.
    pub price: f64,
    /// One plus the positive eviction costs of the pods that would move.
    pub reschedule_disruption_cost: f64,
    /// Eviction costs of all its pods, scaled by what is left of its life. Orders candidates up to v1.13.
    pub disruption_cost: f64,
}

impl Candidate {
    /// Dollars per hour saved per disruption: the order of candidates from v1.14 on.
    #[must_use]
    pub fn savings_ratio(&self) -> f64 {
        self.price / self.reschedule_disruption_cost
    }
}

/// PodDisruptionBudgets by number: how many disruptions each allows now.
pub(super) type PdbsAllowed = [u32];

/// Why the node is no candidate at `now` for any method (core `NewCandidate`, `ValidateNodeDisruptable`,
/// `ValidatePodsDisruptable`, v1.15.0); `None` where it is one.
pub(super) fn refusal(
    id: NodeId,
    node: &Node,
    cluster: &Cluster,
    pdbs: &PdbsAllowed,
    now: SimTime,
) -> Option<Refusal> {
    if !node.clock.is_initialized() {
        return Some(Refusal::Uninitialized);
    }
    if node.is_marked || node.is_in_command {
        return Some(Refusal::MarkedForDeletion);
    }
    if is_nominated(cluster, id, now) {
        return Some(Refusal::Nominated);
    }
    if node.facts.do_not_disrupt {
        return Some(Refusal::NodeDoNotDisrupt);
    }
    let protects = |pod: &super::nodes::BoundPod| {
        pod.is_active() && pod.facts.do_not_disrupt.is_active(pod.started_at, now)
    };
    if node.pods.iter().any(protects) {
        return Some(Refusal::PodDoNotDisrupt);
    }
    node.pods.iter().filter(|pod| pod.is_evictable(now)).find_map(|pod| match pod.facts.pdb {
        PodPdb::Several => Some(Refusal::MultiplePdbs),
        PodPdb::One(pdb) if pdbs.get(usize::from(pdb)).is_some_and(|allowed| *allowed == 0) => {
            Some(Refusal::Pdb)
        }
        _ => None,
    })
}

/// Why a candidate is not one for the method with this reason, where Karpenter says so. Nodes of the wrong kind (busy ones for
/// emptiness, empty ones for consolidation) and nodes that are not consolidatable yet are passed over without a word.
pub(super) fn method_refusal(
    nodes: &Nodes,
    node: &Node,
    reason: Reason,
    version: Version,
) -> Option<Refusal> {
    let settings = &nodes.pool_of(node).settings;
    if settings.consolidate_after.is_none() {
        return Some(Refusal::ConsolidateAfterNever);
    }
    let is_allowed = match (version, settings.consolidation_policy) {
        _ if reason == Reason::Empty => true,
        (Version::V1_8, policy) => policy == ConsolidationPolicy::WhenEmptyOrUnderutilized,
        (Version::V1_15, policy) => node.is_empty() || policy != ConsolidationPolicy::WhenEmpty,
    };
    (!is_allowed).then_some(Refusal::PolicyWhenEmpty)
}

/// Whether the method with this reason takes the node: of its kind, consolidatable, its pool allows it.
pub(super) fn suits(nodes: &Nodes, node: &Node, reason: Reason, version: Version, now: SimTime) -> bool {
    let consolidate_after = nodes.pool_of(node).settings.consolidate_after;
    // v1.8 sorts empty nodes out of consolidation only when it goes through the candidates.
    let is_of_its_kind =
        node.is_empty() == (reason == Reason::Empty) || version == Version::V1_8 && reason != Reason::Empty;
    is_of_its_kind
        && nodes.pool_of(node).replicas.is_none()
        && method_refusal(nodes, node, reason, version).is_none()
        && node.clock.consolidatable_at(consolidate_after) <= now
}

/// The lists of nodes among which the candidates of the methods with this reason are: none where no pool takes nodes for it.
pub(super) fn lists(nodes: &Nodes, reason: Reason, version: Version) -> [&[NodeId]; 2] {
    let is_taken = |pool: &super::nodes::Pool| match (version, pool.settings.consolidation_policy) {
        (Version::V1_8, policy) => policy == ConsolidationPolicy::WhenEmptyOrUnderutilized,
        (Version::V1_15, policy) => policy != ConsolidationPolicy::WhenEmpty,
    };
    match (reason, version) {
        (Reason::Empty, _) => [nodes.empty(), &[]],
        _ if !nodes.pools.iter().any(is_taken) => [&[], &[]],
        (_, Version::V1_8) => [nodes.busy(), nodes.empty()],
        _ => [nodes.busy(), &[]],
    }
}

/// What a candidate costs.
pub(super) fn appraise(id: NodeId, node: &Node, cluster: &Cluster, now: SimTime) -> Candidate {
    let price = node_price(cluster, id);
    Candidate {
        node: id,
        pool: node.facts.pool,
        capacity_type: cluster.node(id).and_then(|node| node.capacity_type),
        is_offering_missing: price.is_none(),
        price: price.unwrap_or(0.0),
        reschedule_disruption_cost: node.reschedule_disruption_cost(),
        disruption_cost: node.pods.iter().fold(0.0, |sum, pod| sum + pod.facts.eviction_cost)
            * lifetime_remaining(node, now),
    }
}

/// The share of the node's life until its expiration, from 0 to 1; 1 without one (core `utils/disruption`, v1.15.0).
fn lifetime_remaining(node: &Node, now: SimTime) -> f64 {
    let Some(life) = node.facts.expire_after else { return 1.0 };
    let age = now.saturating_since(node.facts.created_at.floor_to_second()).as_secs_f64();
    ((life.as_secs_f64() - age) / life.as_secs_f64()).clamp(0.0, 1.0)
}

/// Puts candidates in the order in which they are taken. Upstream goes through a Go map first, so those that tie are in
/// another order whenever it looks; `tie` says in which (core `state/cluster.go` `DeepCopyNodes`, v1.15.0).
pub(super) fn sort(candidates: &mut [Candidate], version: Version, tie: impl Fn(NodeId) -> u64) {
    candidates.sort_unstable_by(|a, b| {
        let by_key = match version {
            Version::V1_8 => a.disruption_cost.total_cmp(&b.disruption_cost),
            Version::V1_15 => b.savings_ratio().total_cmp(&a.savings_ratio()),
        };
        by_key.then_with(|| tie(a.node).cmp(&tie(b.node))).then(a.node.cmp(&b.node))
    });
}

/// How many more nodes of each pool may be disrupted for `reason` at `now`.
pub(super) fn remaining_budgets(nodes: &Nodes, calendar: Calendar, reason: Reason, now: SimTime) -> Vec<u32> {
    let unix_ms = calendar.unix_ms(now);
    let remaining = |pool: &super::nodes::Pool| {
        let allowed = allowed_disruptions(&pool.settings.budgets, unix_ms, pool.total, reason);
        (allowed - i64::from(pool.disrupting)).max(0) as u32
    };
    nodes.pools.iter().map(remaining).collect()
}

/// How many nodes of each pool may be disrupted for `reason` at `now`; `None` for a pool without nodes.
pub(super) fn allowed(nodes: &Nodes, calendar: Calendar, reason: Reason, now: SimTime) -> Vec<Option<i64>> {
    let unix_ms = calendar.unix_ms(now);
    let of_pool = |pool: &super::nodes::Pool| {
        let allowed = || allowed_disruptions(&pool.settings.budgets, unix_ms, pool.total, reason);
        (pool.total > 0).then(allowed)
    };
    nodes.pools.iter().map(of_pool).collect()
}

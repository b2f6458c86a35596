//! What a NodePool says about disruption, and which Karpenter applies it.

use super::budget::Budget;
use crate::units::SimDuration;

/// The disruption behaviour of a Karpenter release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// As v1.8.2 (2025): candidates in ascending order of disruption cost.
    V1_8,
    /// As v1.15.0 (2026): candidates in descending order of price per disruption cost, Balanced policy.
    #[default]
    V1_15,
}

/// Which nodes consolidation may touch (`consolidationPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConsolidationPolicy {
    /// Empty nodes only.
    WhenEmpty,
    /// Empty nodes, and nodes whose pods fit elsewhere or on something cheaper. Karpenter's default.
    #[default]
    WhenEmptyOrUnderutilized,
    /// As `WhenEmptyOrUnderutilized`, where the savings' share of the pool's cost is at least half of the disruption's share
    /// (from v1.14).
    Balanced,
}

/// The disruption block of one NodePool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDisruption {
    /// Which nodes may be consolidated.
    pub consolidation_policy: ConsolidationPolicy,
    /// How long after its last pod event a node becomes consolidatable; `None` = `Never`.
    pub consolidate_after: Option<SimDuration>,
    /// How many nodes may be disrupted at once.
    pub budgets: Vec<Budget>,
}

impl Default for PoolDisruption {
    /// Karpenter v1's defaults: `WhenEmptyOrUnderutilized`, `0s`, one budget of 10 %.
    fn default() -> Self {
        Self {
            consolidation_policy: ConsolidationPolicy::default(),
            consolidate_after: Some(SimDuration::ZERO),
            budgets: vec![Budget::ten_percent()],
        }
    }
}

/// Settings of the whole controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whose behaviour.
    pub version: Version,
    /// Feature gate `SpotToSpotConsolidation`, off by default: whether a spot node may be replaced by a cheaper spot node.
    pub spot_to_spot_consolidation: bool,
}

//! Karpenter's part of a plan: pools with their disruption blocks, and the controller's settings.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::ec2::Delay;
use crate::karpenter::batcher::BatchWindow;
use crate::karpenter::disruption::{Calendar, PoolDisruption, Settings};
use crate::karpenter::node_pools::NodePoolSpec;
use crate::karpenter::pod_classes::PreferencePolicy;
use crate::karpenter::price_overlay::NodeOverlay;
use crate::karpenter::solver::PassOptions;
use crate::units::{SimDuration, SimTime};

/// How Karpenter runs in one fleet.
#[derive(Clone, Debug)]
pub struct KarpenterPlan {
    /// NodePools.
    pub pools: Vec<PoolPlan>,
    /// When a batch closes.
    pub batch: BatchWindow,
    /// The scheduling pass.
    pub pass: PassOptions,
    /// Whether preferences are tried.
    pub preferences: PreferencePolicy,
    /// The disruption controller.
    pub disruption: Settings,
    /// What the calendar says at the start of the run, for budgets with a schedule.
    pub calendar: Calendar,
    /// Names of the instance types EC2 offers to Karpenter; empty for every type the region sells.
    pub instance_types: Vec<String>,
    /// Whether a node has the name of its NodeClaim, as with Karpenter's kwok provider, and not one of EC2's. Passes try
    /// nodes in the order of names.
    pub nodes_keep_claim_names: bool,
    /// NodeOverlays with prices.
    pub overlays: Vec<NodeOverlay>,
    /// The price list that Karpenter reads at the start, where it is not what EC2 bills.
    pub list_prices: Option<Arc<Catalog>>,
    /// How often Karpenter reads the price list (aws `controllers/providers/pricing/controller.go`, v1.15.0: 12 h).
    pub price_refresh: SimDuration,
    /// Changes of NodePools and images that make nodes drift.
    pub drifts: Vec<DriftPlan>,
    /// Changes of the replicas of static pools.
    pub scales: Vec<ScalePlan>,
    /// When the disruption controller looks for the first time. Karpenter looks from its start on, every 10 s where it
    /// finds nothing (core `disruption/controller.go`, v1.15.0); default 10 s.
    pub first_disruption_pass: SimTime,
    /// What the control plane takes for each node that becomes ready, one after another, so that nodes of one burst come up
    /// some time apart. `None`: nothing, as EC2's own start-up times spread far wider.
    pub node_start_pace: Option<Delay>,
}

/// A change after which nodes differ from what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftPlan {
    /// When it changes.
    pub at: SimTime,
    /// What changes.
    pub notice: DriftNotice,
    /// Numbers of the pools that it concerns; empty for all.
    pub pools: Vec<u32>,
}

/// A static pool gets another number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalePlan {
    /// When.
    pub at: SimTime,
    /// Number of the pool.
    pub pool: u32,
    /// How many nodes it has from then on.
    pub replicas: u32,
}

/// What changes, which decides when Karpenter notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftNotice {
    /// The NodePool's template: noticed at once.
    NodePool,
    /// The image that its NodeClass selects: noticed when each claim is next looked at, every five minutes.
    Image,
}

/// One NodePool.
#[derive(Clone, Debug, Default)]
pub struct PoolPlan {
    /// What its nodes look like.
    pub spec: NodePoolSpec,
    /// Its disruption block.
    pub disruption: PoolDisruption,
    /// `expireAfter`; none is `Never`.
    pub expire_after: Option<SimDuration>,
    /// `terminationGracePeriod`: the longest drain of its nodes; none waits for as long as it takes.
    pub termination_grace_period: Option<SimDuration>,
    /// `replicas` of a static pool: so many nodes whatever pods there are.
    pub replicas: Option<u32>,
    /// `ttlSecondsUntilExpired` of Karpenter v0.2x: nodes of that age are replaced one at a time, their replacement first.
    pub ttl_until_expired: Option<SimDuration>,
    /// `ttlSecondsAfterEmpty` of Karpenter v0.2x: empty nodes go after so long, without validation and budget. The pool's
    /// disruption block should then consolidate nothing.
    pub ttl_after_empty: Option<SimDuration>,
}

impl KarpenterPlan {
    /// Karpenter 1.15 with these pools and default settings.
    #[must_use]
    pub fn new(pools: Vec<PoolPlan>) -> Self {
        Self {
            pools,
            batch: BatchWindow::default(),
            pass: PassOptions::default(),
            preferences: PreferencePolicy::Respect,
            disruption: Settings::default(),
            calendar: Calendar { start_unix_ms: 0 },
            instance_types: Vec::new(),
            nodes_keep_claim_names: false,
            overlays: Vec::new(),
            list_prices: None,
            price_refresh: SimDuration::from_hours(12),
            drifts: Vec::new(),
            scales: Vec::new(),
            first_disruption_pass: SimTime::from_ms(10_000),
            node_start_pace: None,
        }
    }
}

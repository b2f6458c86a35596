//! The account: what was paid by kind, and what the instances' part was paid for. Exact integers; parts sum to totals.

use super::node::NodeRecord;
use crate::catalog::{Arch, CapacityType};
use crate::units::CostMeter;

/// What money is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CostKind {
    /// EC2 instances of the fleet.
    Instance(Arch, CapacityType),
    /// Root volumes (EBS) of the fleet's instances.
    RootVolume,
    /// Machines on which the runner managers and Karpenter stand.
    Managers,
    /// The EKS control plane.
    ControlPlane,
    /// Fargate pods.
    Fargate,
    /// Hosted minutes (GitLab's own runners).
    HostedMinutes,
}

impl CostKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 9] = [
        Self::Instance(Arch::Amd64, CapacityType::OnDemand),
        Self::Instance(Arch::Amd64, CapacityType::Spot),
        Self::Instance(Arch::Arm64, CapacityType::OnDemand),
        Self::Instance(Arch::Arm64, CapacityType::Spot),
        Self::RootVolume,
        Self::Managers,
        Self::ControlPlane,
        Self::Fargate,
        Self::HostedMinutes,
    ];

    /// Its place in [`CostKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Instance(arch, capacity) => 2 * (arch as usize) + capacity as usize,
            Self::RootVolume => 4,
            Self::Managers => 5,
            Self::ControlPlane => 6,
            Self::Fargate => 7,
            Self::HostedMinutes => 8,
        }
    }

    /// The word in CSV files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Instance(Arch::Amd64, CapacityType::OnDemand) => "instances_amd64_on_demand",
            Self::Instance(Arch::Amd64, CapacityType::Spot) => "instances_amd64_spot",
            Self::Instance(Arch::Arm64, CapacityType::OnDemand) => "instances_arm64_on_demand",
            Self::Instance(Arch::Arm64, CapacityType::Spot) => "instances_arm64_spot",
            Self::RootVolume => "root_volumes",
            Self::Managers => "managers",
            Self::ControlPlane => "control_plane",
            Self::Fargate => "fargate",
            Self::HostedMinutes => "hosted_minutes",
        }
    }
}

/// Cost by kind. The total is the sum of every billed segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CostLedger([CostMeter; CostKind::ALL.len()]);

impl CostLedger {
    /// Enters a cost.
    pub fn add(&mut self, kind: CostKind, cost: CostMeter) {
        self.0[kind.index()] += cost;
    }

    /// What was paid for `kind`.
    #[must_use]
    pub fn of(&self, kind: CostKind) -> CostMeter {
        self.0[kind.index()]
    }

    /// What was paid.
    #[must_use]
    pub fn total(&self) -> CostMeter {
        self.0.iter().copied().sum()
    }

    /// Enters everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// What a node's bill was paid for. The kinds share it out completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WasteKind {
    /// CPU requested by jobs whose work counted.
    UsefulWork,
    /// CPU requested by jobs whose work was lost.
    LostWork,
    /// From launch until the node was ready.
    StartUp,
    /// Ready without a job's pod.
    Idle,
    /// Allocatable CPU that nobody requested while pods were on the node.
    Fragmentation,
    /// CPU kept back for the kubelet, the system and daemon sets while pods were on the node.
    Reserved,
}

impl WasteKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 6] =
        [Self::UsefulWork, Self::LostWork, Self::StartUp, Self::Idle, Self::Fragmentation, Self::Reserved];

    /// The word in CSV files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UsefulWork => "useful_work",
            Self::LostWork => "lost_work",
            Self::StartUp => "start_up",
            Self::Idle => "idle",
            Self::Fragmentation => "fragmentation",
            Self::Reserved => "reserved",
        }
    }
}

/// The instances' cost by what it was paid for. Sums to the instances' cost exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WasteLedger([CostMeter; WasteKind::ALL.len()]);

impl WasteLedger {
    /// Shares out the cost of one node in proportion to its core-milliseconds; what integer division leaves goes to
    /// fragmentation. A cost cut by the warm-up is shared in the same proportion.
    pub fn add_node(&mut self, node: &NodeRecord) {
        let cores = u128::from(node.cpu.0.max(1));
        let whole = u128::from(node.lifetime_ms().max(1)) * cores;
        let occupied_ms = node.lifetime_ms().saturating_sub(node.start_up_ms + node.empty_ms);
        let reserved = u128::from(node.cpu.0.saturating_sub(node.allocatable.0)) * u128::from(occupied_ms);
        let shares = [
            (WasteKind::UsefulWork, u128::from(node.busy_core_ms.saturating_sub(node.lost_core_ms))),
            (WasteKind::LostWork, u128::from(node.lost_core_ms)),
            (WasteKind::StartUp, u128::from(node.start_up_ms) * cores),
            (WasteKind::Idle, u128::from(node.empty_ms) * cores),
            (WasteKind::Reserved, reserved),
        ];
        let mut left = node.cost.0;
        for (kind, share) in shares {
            let part = multiply_divide(node.cost.0, share, whole).min(left);
            left -= part;
            self.0[kind as usize] += CostMeter(part);
        }
        self.0[WasteKind::Fragmentation as usize] += CostMeter(left);
    }

    /// What was paid for `kind`.
    #[must_use]
    pub fn of(&self, kind: WasteKind) -> CostMeter {
        self.0[kind as usize]
    }

    /// What was paid for instances.
    #[must_use]
    pub fn total(&self) -> CostMeter {
        self.0.iter().copied().sum()
    }

    /// Enters everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// `a × b / c` rounded down, without overflow where `b <= c < 2^64`: first the whole part of `a / c`, then the rest.
fn multiply_divide(a: u128, b: u128, c: u128) -> u128 {
    a / c * b + a % c * b / c
}

/// A node on which tests build.
#[cfg(test)]
pub(super) fn example_node() -> NodeRecord {
    use super::node::NodeEnd;
    use crate::units::{Millicores, SimTime};
    NodeRecord {
        ordinal: 0,
        pool: 0,
        instance_type: 0,
        zone: 0,
        arch: Arch::Arm64,
        capacity: CapacityType::Spot,
        end: NodeEnd::Empty,
        cpu: Millicores(4000),
        allocatable: Millicores(3500),
        launched_at: SimTime::ZERO,
        registered_at: SimTime::from_ms(20),
        ready_at: SimTime::from_ms(30),
        empty_at: SimTime::from_ms(80),
        terminated_at: SimTime::from_ms(100),
        billed_ms: 100,
        cost: CostMeter(1_000_003),
        pods_run: 1,
        busy_core_ms: 3000 * 40,
        lost_core_ms: 1000 * 40,
        start_up_ms: 30,
        empty_ms: 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_know_their_place() {
        for (index, kind) in CostKind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), index);
        }
        for (index, kind) in WasteKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn the_shares_of_a_node_sum_to_its_cost() {
        let node = example_node();
        let mut waste = WasteLedger::default();
        waste.add_node(&node);
        assert_eq!(waste.total(), node.cost);
        // 4,000 mc × 100 ms = 400,000: useful 80,000, lost 40,000, start-up 120,000, idle 80,000, reserved 25,000.
        assert_eq!(waste.of(WasteKind::UsefulWork), CostMeter(200_000));
        assert_eq!(waste.of(WasteKind::LostWork), CostMeter(100_000));
        assert_eq!(waste.of(WasteKind::StartUp), CostMeter(300_000));
        assert_eq!(waste.of(WasteKind::Reserved), CostMeter(62_500));
        assert_eq!(
            waste.of(WasteKind::Fragmentation),
            CostMeter(1_000_003 - 200_000 - 100_000 - 300_000 - 200_000 - 62_500)
        );
    }
}

//! The account: what was paid by kind of resource, and what each was paid for. Exact integers; parts sum to totals.

use super::usage::UsedFor;
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
    /// Minutes of hosted runners.
    HostedMinutes,
    /// What stood unused of capacity reservations.
    UnusedReservations,
    /// Traffic, as far as its volume is given: NAT gateways, between zones, to the internet.
    Traffic,
    /// CloudWatch, where its price is given.
    CloudWatch,
}

impl CostKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 14] = [
        Self::Instance(Arch::Amd64, CapacityType::OnDemand),
        Self::Instance(Arch::Amd64, CapacityType::Spot),
        Self::Instance(Arch::Arm64, CapacityType::OnDemand),
        Self::Instance(Arch::Arm64, CapacityType::Spot),
        Self::RootVolume,
        Self::Managers,
        Self::ControlPlane,
        Self::Fargate,
        Self::HostedMinutes,
        Self::Instance(Arch::Amd64, CapacityType::Reserved),
        Self::Instance(Arch::Arm64, CapacityType::Reserved),
        Self::UnusedReservations,
        Self::Traffic,
        Self::CloudWatch,
    ];

    /// Its place in [`CostKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Instance(arch, CapacityType::Reserved) => 9 + arch as usize,
            Self::Instance(arch, capacity) => 2 * (arch as usize) + capacity as usize,
            Self::RootVolume => 4,
            Self::Managers => 5,
            Self::ControlPlane => 6,
            Self::Fargate => 7,
            Self::HostedMinutes => 8,
            Self::UnusedReservations => 11,
            Self::Traffic => 12,
            Self::CloudWatch => 13,
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
            Self::Instance(Arch::Amd64, CapacityType::Reserved) => "instances_amd64_reserved",
            Self::Instance(Arch::Arm64, CapacityType::Reserved) => "instances_arm64_reserved",
            Self::RootVolume => "root_volumes",
            Self::Managers => "managers",
            Self::ControlPlane => "control_plane",
            Self::Fargate => "fargate",
            Self::HostedMinutes => "hosted_minutes",
            Self::UnusedReservations => "unused_reservations",
            Self::Traffic => "traffic",
            Self::CloudWatch => "cloudwatch",
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

/// What something billed was paid for. Every billed millisecond belongs to exactly one kind, or is shared out among several
/// by the CPU that each took of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WasteKind {
    /// CPU requested by jobs whose work counted.
    UsefulWork,
    /// CPU requested by jobs whose work was lost: they were interrupted.
    LostWork,
    /// From launch until the node was ready.
    StartUp,
    /// Ready without a job's pod; also what is billed beyond the life of the instance (the
    /// minimum of 60 s), and what stood unused of capacity reservations.
    Idle,
    /// CPU that nobody requested while pods were on the node.
    Fragmentation,
    /// CPU kept back for the kubelet and the system while pods were on the node.
    Reserved,
    /// CPU requested by daemon sets while pods were on the node.
    DaemonSets,
    /// Ready without a job's pod, on order: nodes of static pools, room that pause pods keep, idle
    /// machines that an autoscaler holds ready.
    Headroom,
    /// What runs whether jobs do or not: managers, control plane.
    Standing,
}

impl WasteKind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 9] = [
        Self::UsefulWork,
        Self::LostWork,
        Self::StartUp,
        Self::Idle,
        Self::Fragmentation,
        Self::Reserved,
        Self::DaemonSets,
        Self::Headroom,
        Self::Standing,
    ];

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
            Self::DaemonSets => "daemon_sets",
            Self::Headroom => "headroom",
            Self::Standing => "standing",
        }
    }
}

/// The whole bill by resource and by what it was paid for. Sums to [`CostLedger`] exactly, resource by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WasteLedger([UsedFor; CostKind::ALL.len()]);

impl WasteLedger {
    /// Enters what `resource` was paid for.
    pub fn add(&mut self, resource: CostKind, used: &UsedFor) {
        self.0[resource.index()].merge(used);
    }

    /// What was paid of the instances' bill for `kind`.
    #[must_use]
    pub fn of(&self, kind: WasteKind) -> CostMeter {
        self.instances().map(|used| used.of(kind)).sum()
    }

    /// What was paid for instances.
    #[must_use]
    pub fn total(&self) -> CostMeter {
        self.instances().map(UsedFor::total).sum()
    }

    /// What `resource` was paid for.
    #[must_use]
    pub fn of_resource(&self, resource: CostKind) -> &UsedFor {
        &self.0[resource.index()]
    }

    /// Enters everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }

    fn instances(&self) -> impl Iterator<Item = &UsedFor> {
        let is_instance = |kind: &CostKind| matches!(kind, CostKind::Instance(..));
        CostKind::ALL.into_iter().filter(is_instance).map(|kind| &self.0[kind.index()])
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
    fn the_instances_part_leaves_other_resources_out() {
        let mut waste = WasteLedger::default();
        let spot = CostKind::Instance(Arch::Arm64, CapacityType::Spot);
        waste.add(spot, &UsedFor::only(WasteKind::Idle, CostMeter(5)));
        waste.add(CostKind::Managers, &UsedFor::only(WasteKind::Standing, CostMeter(7)));
        let mut twice = waste.clone();
        twice.merge(&waste);
        assert_eq!((twice.of(WasteKind::Idle), twice.total()), (CostMeter(10), CostMeter(10)));
        assert_eq!(twice.of_resource(CostKind::Managers).of(WasteKind::Standing), CostMeter(14));
    }
}

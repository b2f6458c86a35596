//! The arithmetic of filter and score for one pod on one node: `NodeResourcesFit` and
//! `NodeResourcesBalancedAllocation`. No choice among nodes, no taints and labels.
//!
//! Checked against recordings of the real scheduler (`tests/oracle_scheduler.rs`). The fast path avoids divisions:
//! it multiplies by reciprocals kept with the node and divides only where the rounding could matter, so it gives the
//! same integers as the real `int64` and `float64` arithmetic.

use super::shape::Footprint;
use crate::units::Resources;

/// `NodeResourcesFit` scoring strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoringStrategy {
    /// Emptiest node first: the default of kube-scheduler.
    #[default]
    LeastAllocated,
    /// Fullest node first.
    MostAllocated,
}

/// The formula of `NodeResourcesBalancedAllocation`, which changed between releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BalanceFormula {
    /// Up to Kubernetes 1.35: how balanced the node is with the pod.
    UpTo135,
    /// From Kubernetes 1.36: how much the pod changes the balance.
    #[default]
    From136,
}

/// Why a node refuses a pod: the parts of "0/N nodes are available: …" as flags of one byte.
pub(super) mod reason {
    /// `Insufficient cpu`.
    pub(in super::super) const CPU: u8 = 1;
    /// `Insufficient memory`.
    pub(in super::super) const MEMORY: u8 = 1 << 1;
    /// `Too many pods`.
    pub(in super::super) const PODS: u8 = 1 << 2;
    /// Would not fit the empty node either: "Preemption is not helpful for scheduling".
    pub(in super::super) const TOO_BIG: u8 = 1 << 3;
    /// `node(s) had untolerated taint(s)`.
    pub(in super::super) const TAINT: u8 = 1 << 4;
    /// `node(s) didn't match Pod's node affinity/selector`.
    pub(in super::super) const AFFINITY: u8 = 1 << 5;
    /// `node(s) were unschedulable`.
    pub(in super::super) const UNSCHEDULABLE: u8 = 1 << 6;
    /// Everything that `NodeResourcesFit` says.
    pub(in super::super) const FIT: u8 = CPU | MEMORY | PODS;
    /// How many different reasons there are.
    pub(in super::super) const COUNT: usize = 7;
}

/// What is used of a node and what there is, with the reciprocals that scoring needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeLoad {
    allocatable: Resources,
    used: Footprint,
    pods_allocatable: u32,
    pods: u32,
    /// 1 / allocatable.
    inverse: [f64; 2],
    /// Balance score of the node as it is, 50 to 100.
    balance: u8,
}

/// Larger than the error of a product with a reciprocal (2^-45), smaller than the distance of any inexact
/// quotient by a 32-bit number to the next integer.
const QUOTIENT_SLACK: f64 = 1.0 / (1_u64 << 33) as f64;
/// Nearer than this to an integer the balance is computed by division, as the real one.
const BALANCE_SLACK: f64 = 1e-9;

impl NodeLoad {
    pub(super) fn new(allocatable: Resources, pods_allocatable: u32, used: Footprint, pods: u32) -> Self {
        let inverse = [1.0 / f64::from(allocatable.cpu.0), 1.0 / f64::from(allocatable.memory.0)];
        let mut load = Self { allocatable, used, pods_allocatable, pods, inverse, balance: 0 };
        load.balance = balance(load.used.plain, allocatable) as u8;
        load
    }

    /// Takes one pod on.
    pub(super) fn add(&mut self, pod: Footprint) {
        self.used += pod;
        self.pods += 1;
        self.balance = self.balance_with(0, 0) as u8;
    }

    /// Lets one pod go.
    pub(super) fn remove(&mut self, pod: Footprint) {
        self.used.plain -= pod.plain;
        self.used.for_score -= pod.for_score;
        self.pods -= 1;
        self.balance = self.balance_with(0, 0) as u8;
    }

    /// Plugin `NodeResourcesFit` as a filter: 0 if the pod fits, else [`reason`]s.
    pub(super) fn refusal(&self, pod: Footprint) -> u8 {
        let (cpu, memory) = (pod.plain.cpu.0, pod.plain.memory.0);
        let (has_cpu, has_memory) = (self.allocatable.cpu.0, self.allocatable.memory.0);
        let short_cpu = cpu > 0 && self.used.plain.cpu.0 + cpu > has_cpu;
        let short_memory = memory > 0 && self.used.plain.memory.0 + memory > has_memory;
        let too_big = cpu > has_cpu || memory > has_memory;
        u8::from(short_cpu) * reason::CPU
            | u8::from(short_memory) * reason::MEMORY
            | u8::from(self.pods >= self.pods_allocatable) * reason::PODS
            | u8::from(too_big) * reason::TOO_BIG
    }

    /// Whether the pod would fit if nothing ran there.
    pub(super) fn fits_empty(&self, pod: Footprint) -> bool {
        pod.plain.fits_in(self.allocatable) && self.pods_allocatable > 0
    }

    /// Score of `NodeResourcesFit`, 0 to 100.
    pub(super) fn fit_score(&self, pod: Footprint, strategy: ScoringStrategy) -> u32 {
        let used = [
            (self.used.for_score.cpu.0 + pod.for_score.cpu.0, self.allocatable.cpu.0, self.inverse[0]),
            (
                self.used.for_score.memory.0 + pod.for_score.memory.0,
                self.allocatable.memory.0,
                self.inverse[1],
            ),
        ];
        let share = |(used, has, inverse): (u32, u32, f64)| {
            let counted = match strategy {
                ScoringStrategy::LeastAllocated => has.saturating_sub(used),
                ScoringStrategy::MostAllocated => used.min(has),
            };
            (f64::from(counted) * 100.0 * inverse + QUOTIENT_SLACK) as u32
        };
        (share(used[0]) + share(used[1])) / 2
    }

    /// Score of `NodeResourcesBalancedAllocation`, 0 to 100; 0 where the plugin skips itself.
    pub(super) fn balance_score(&self, pod: Footprint, formula: BalanceFormula) -> u32 {
        if pod.plain == Resources::ZERO {
            return 0;
        }
        let after = self.balance_with(pod.plain.cpu.0, pod.plain.memory.0);
        match formula {
            BalanceFormula::UpTo135 => after,
            BalanceFormula::From136 => 50 + (50 + after - u32::from(self.balance)) / 2,
        }
    }

    fn balance_with(&self, cpu: u32, memory: u32) -> u32 {
        let used = Resources::new(self.used.plain.cpu.0 + cpu, self.used.plain.memory.0 + memory);
        let cpu_share = (f64::from(used.cpu.0) * self.inverse[0]).min(1.0);
        let memory_share = (f64::from(used.memory.0) * self.inverse[1]).min(1.0);
        let nearly = (1.0 - (cpu_share - memory_share).abs() / 2.0) * 100.0;
        let below = (nearly - BALANCE_SLACK) as u32;
        if below == (nearly + BALANCE_SLACK) as u32 { below } else { balance(used, self.allocatable) }
    }
}

/// How alike the used shares of CPU and memory are, 50 to 100, in the real one's floating point steps.
fn balance(used: Resources, allocatable: Resources) -> u32 {
    let cpu = (f64::from(used.cpu.0) / f64::from(allocatable.cpu.0)).min(1.0);
    let memory = (f64::from(used.memory.0) / f64::from(allocatable.memory.0)).min(1.0);
    ((1.0 - ((cpu - memory) / 2.0).abs()) * 100.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(allocatable: Resources, used: Resources) -> NodeLoad {
        NodeLoad::new(allocatable, 110, Footprint::of(used), 3)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn reciprocals_give_the_integers_of_division(
            has in (1_u32..200_000, 1_u32..1_600_000),
            used in (0_u32..250_000, 0_u32..2_000_000),
            round in prop::bool::ANY,
        ) {
            let (has, used) = if round {
                ((has.0.div_ceil(1000) * 1000, has.1.div_ceil(1024) * 1024), (used.0 / 500 * 500, used.1 / 512 * 512))
            } else {
                (has, used)
            };
            let node = load(Resources::new(has.0, has.1), Resources::new(used.0, used.1));
            let share = |used: u32, has: u32| u64::from(has.saturating_sub(used)) * 100 / u64::from(has);
            let most = |used: u32, has: u32| u64::from(used.min(has)) * 100 / u64::from(has);
            let nothing = Footprint::default();
            prop_assert_eq!(
                u64::from(node.fit_score(nothing, ScoringStrategy::LeastAllocated)),
                (share(used.0, has.0) + share(used.1, has.1)) / 2
            );
            prop_assert_eq!(
                u64::from(node.fit_score(nothing, ScoringStrategy::MostAllocated)),
                (most(used.0, has.0) + most(used.1, has.1)) / 2
            );
            prop_assert_eq!(
                node.balance_with(0, 0),
                balance(Resources::new(used.0, used.1), Resources::new(has.0, has.1))
            );
        }
    }

    #[test]
    fn a_full_node_says_which_resource_is_short() {
        let node = load(Resources::new(4000, 8192), Resources::new(3500, 1024));
        assert_eq!(node.refusal(Footprint::of(Resources::new(500, 512))), 0);
        assert_eq!(node.refusal(Footprint::of(Resources::new(501, 512))), reason::CPU);
        assert_eq!(
            node.refusal(Footprint::of(Resources::new(501, 9000))),
            reason::CPU | reason::MEMORY | reason::TOO_BIG
        );
    }
}

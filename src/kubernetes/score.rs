//! The arithmetic of filter and score for one pod on one node: `NodeResourcesFit` and
//! `NodeResourcesBalancedAllocation`. No choice among nodes, no taints and labels.
//!
//! Checked against recordings of the real scheduler (`tests/oracle_scheduler.rs`). Divisions are multiplications with
//! reciprocals kept with the node; only where rounding could matter the balance is divided out, so the integers are
//! those of the real `int64` and `float64` arithmetic.

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
    /// Other pods keep it off: ports, spread, affinity.
    pub(in super::super) const NEIGHBOURS: u8 = 1 << 7;
    /// Everything that `NodeResourcesFit` says.
    pub(in super::super) const FIT: u8 = CPU | MEMORY | PODS;
    /// How many different reasons rows count.
    pub(in super::super) const COUNT: usize = 7;
}

/// What is used of a node and what there is, with the reciprocals that scoring needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeLoad {
    allocatable: Resources,
    used: Footprint,
    pods_allocatable: u32,
    pods: u32,
    /// 2^64 / allocatable of CPU and memory, rounded up.
    inverse: [u64; 2],
    /// Balance score of the node as it is, 50 to 100.
    balance: u8,
}

/// Allocatable amounts are below this (268,435 cores, 256 TiB): then `n * 100 * (2^64 / a)` never rounds across an integer.
const LARGEST: u32 = 1 << 28;
/// Fifty times the error of a difference of two shares in units of 2^-56, doubled to be safe.
const BALANCE_SLACK: u64 = 1 << 35;

fn inverse(allocatable: u32) -> u64 {
    u64::MAX / u64::from(allocatable.max(1)) + u64::from(allocatable > 1)
}

/// `part * 100 / whole` for `part <= whole`, given the reciprocal of `whole`.
fn percent(part: u32, inverse: u64) -> u32 {
    // The reciprocal of 1 lacks its last unit in 64 bits; making up for it never reaches the next integer otherwise.
    ((u128::from(part) * 100 * u128::from(inverse) + 100) >> 64) as u32
}

/// `used / has` in units of 2^-64, at most 1.
fn share(used: u32, has: u32, inverse: u64) -> u64 {
    if used >= has { u64::MAX } else { u64::from(used) * inverse }
}

impl NodeLoad {
    pub(super) fn new(allocatable: Resources, pods_allocatable: u32, used: Footprint, pods: u32) -> Self {
        let inverse = [inverse(allocatable.cpu.0), inverse(allocatable.memory.0)];
        assert!(
            allocatable.cpu.0.max(allocatable.memory.0) < LARGEST,
            "{allocatable} is more than a node can have"
        );
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
        let full = self.pods >= self.pods_allocatable;
        [
            (short_cpu, reason::CPU),
            (short_memory, reason::MEMORY),
            (full, reason::PODS),
            (too_big, reason::TOO_BIG),
        ]
        .into_iter()
        .fold(0, |all, (given, reason)| all | if given { reason } else { 0 })
    }

    /// As [`Self::refusal`], with room kept for so many other pods.
    pub(super) fn refusal_beside(mut self, others: Footprint, count: u32, pod: Footprint) -> u8 {
        self.used += others;
        self.pods += count;
        self.refusal(pod)
    }

    /// Whether the pod would fit if nothing ran there.
    pub(super) fn fits_empty(&self, pod: Footprint) -> bool {
        pod.plain.fits_in(self.allocatable) && self.pods_allocatable > 0
    }

    /// Score of `NodeResourcesFit`, 0 to 100.
    pub(super) fn fit_score(&self, pod: Footprint, strategy: ScoringStrategy) -> u32 {
        let score = |used: u32, has: u32, inverse: u64| match strategy {
            ScoringStrategy::LeastAllocated => percent(has.saturating_sub(used), inverse),
            ScoringStrategy::MostAllocated => percent(used.min(has), inverse),
        };
        let (used, has) = (self.used.for_score, self.allocatable);
        let cpu = score(used.cpu.0 + pod.for_score.cpu.0, has.cpu.0, self.inverse[0]);
        let memory = score(used.memory.0 + pod.for_score.memory.0, has.memory.0, self.inverse[1]);
        u32::midpoint(cpu, memory)
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
        let cpu_share = share(used.cpu.0, self.allocatable.cpu.0, self.inverse[0]);
        let memory_share = share(used.memory.0, self.allocatable.memory.0, self.inverse[1]);
        let lost = 50 * (cpu_share.abs_diff(memory_share) >> 8);
        // Far enough from an integer the rounding of the real computation does not show.
        if (lost.wrapping_add(BALANCE_SLACK) << 8) >> 8 > 2 * BALANCE_SLACK {
            99 - (lost >> 56) as u32
        } else {
            balance(used, self.allocatable)
        }
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

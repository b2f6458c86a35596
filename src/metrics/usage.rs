//! How a span of billed time was used, and the sharing out of its cost. No price list and no decision.

use super::ledger::WasteKind;
use crate::units::{CostMeter, HourlyPrice, Millicores};

/// How a node's time was used from an instant on, cumulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Milliseconds before the node was ready.
    pub start_up_ms: u64,
    /// Milliseconds ready without a job's pod.
    pub empty_ms: u64,
    /// Millicore-milliseconds requested by jobs on the ready node.
    pub busy_core_ms: u64,
    /// Millicore-milliseconds of those whose work was lost.
    pub lost_core_ms: u64,
    /// Milliseconds of [`Self::empty_ms`] during which pause pods kept the node.
    pub kept_ms: u64,
    /// Millicore-milliseconds that pause pods requested beside jobs.
    pub kept_core_ms: u64,
}

impl Usage {
    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            start_up_ms: self.start_up_ms - earlier.start_up_ms,
            empty_ms: self.empty_ms - earlier.empty_ms,
            busy_core_ms: self.busy_core_ms - earlier.busy_core_ms,
            lost_core_ms: self.lost_core_ms.saturating_sub(earlier.lost_core_ms),
            kept_ms: self.kept_ms - earlier.kept_ms,
            kept_core_ms: self.kept_core_ms - earlier.kept_core_ms,
        }
    }
}

/// A span of a node's life that was billed at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BilledSpan {
    /// How long, milliseconds.
    pub ms: u64,
    /// At what price.
    pub price: HourlyPrice,
    /// How it was used.
    pub usage: Usage,
}

/// What a node's CPU divides into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeShape {
    /// CPU of the instance.
    pub cpu: Millicores,
    /// CPU kept back for the kubelet and the system.
    pub reserved: Millicores,
    /// CPU that daemon sets request.
    pub daemons: Millicores,
    /// Whether it stands on order, with or without jobs: its empty time is headroom.
    pub is_held: bool,
}

/// A cost by what it was paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UsedFor([CostMeter; WasteKind::ALL.len()]);

impl UsedFor {
    /// All of `cost` for one thing.
    #[must_use]
    pub fn only(kind: WasteKind, cost: CostMeter) -> Self {
        let mut used = Self::default();
        used.add(kind, cost);
        used
    }

    /// The cost of `spans` of a node. Start-up and empty time take the whole node; while pods are on it each part of its CPU
    /// takes its share, and what nobody requested, with what integer division leaves, is fragmentation.
    #[must_use]
    pub fn of_node(spans: impl Iterator<Item = BilledSpan>, shape: &NodeShape) -> Self {
        let mut used = Self::default();
        for span in spans {
            used.add_span(&span, shape);
        }
        used
    }

    fn add_span(&mut self, span: &BilledSpan, shape: &NodeShape) {
        let cores = u128::from(shape.cpu.0.max(1));
        let whole = u128::from(span.ms.max(1)) * cores;
        let usage = &span.usage;
        let occupied_ms = u128::from(span.ms.saturating_sub(usage.start_up_ms + usage.empty_ms));
        let lost = usage.lost_core_ms.min(usage.busy_core_ms);
        let empty = if shape.is_held { WasteKind::Headroom } else { WasteKind::Idle };
        let cost = CostMeter::of(span.price, span.ms).0;
        let mut left = cost;
        for (kind, share) in [
            (WasteKind::UsefulWork, u128::from(usage.busy_core_ms - lost)),
            (WasteKind::LostWork, u128::from(lost)),
            (WasteKind::StartUp, u128::from(usage.start_up_ms) * cores),
            (empty, u128::from(usage.empty_ms - usage.kept_ms) * cores),
            (WasteKind::Headroom, u128::from(usage.kept_ms) * cores + u128::from(usage.kept_core_ms)),
            (WasteKind::Reserved, u128::from(shape.reserved.0) * occupied_ms),
            (WasteKind::DaemonSets, u128::from(shape.daemons.0) * occupied_ms),
        ] {
            let part = multiply_divide(cost, share, whole).min(left);
            left -= part;
            self.add(kind, CostMeter(part));
        }
        self.add(WasteKind::Fragmentation, CostMeter(left));
    }

    /// Adds to one kind.
    pub fn add(&mut self, kind: WasteKind, cost: CostMeter) {
        self.0[kind as usize] += cost;
    }

    /// Takes from one kind what is in it.
    pub(super) fn take(&mut self, kind: WasteKind, cost: CostMeter) {
        self.0[kind as usize].0 -= cost.0;
    }

    /// What was paid for `kind`.
    #[must_use]
    pub fn of(&self, kind: WasteKind) -> CostMeter {
        self.0[kind as usize]
    }

    /// What was paid.
    #[must_use]
    pub fn total(&self) -> CostMeter {
        self.0.iter().copied().sum()
    }

    /// What is left of it without `part`, which is a part of it.
    #[must_use]
    pub fn less(&self, part: &Self) -> Self {
        let mut left = *self;
        for (mine, theirs) in left.0.iter_mut().zip(part.0) {
            mine.0 -= theirs.0;
        }
        left
    }

    /// Adds everything of `other`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_span_are_those_of_its_cpu_and_sum_to_its_cost() {
        let shape = NodeShape {
            cpu: Millicores(4000),
            reserved: Millicores(500),
            daemons: Millicores(250),
            is_held: false,
        };
        let usage = Usage {
            start_up_ms: 30,
            empty_ms: 20,
            busy_core_ms: 3000 * 40,
            lost_core_ms: 1000 * 40,
            ..Usage::default()
        };
        let span = BilledSpan { ms: 100, price: HourlyPrice(10_007), usage };
        let used = UsedFor::of_node(std::iter::once(span), &shape);
        assert_eq!(used.total(), CostMeter(1_000_700));
        // 4,000 mc × 100 ms = 400,000: useful 80,000, lost 40,000, start-up 120,000, idle 80,000, reserved 25,000,
        // daemon sets 12,500; of 1,000,700 nano-dollar-milliseconds.
        assert_eq!(used.of(WasteKind::UsefulWork), CostMeter(200_140));
        assert_eq!(used.of(WasteKind::LostWork), CostMeter(100_070));
        assert_eq!(used.of(WasteKind::StartUp), CostMeter(300_210));
        assert_eq!(used.of(WasteKind::Idle), CostMeter(200_140));
        assert_eq!(used.of(WasteKind::Reserved), CostMeter(62_543));
        assert_eq!(used.of(WasteKind::DaemonSets), CostMeter(31_271));
        assert_eq!(used.of(WasteKind::Fragmentation), CostMeter(106_326));
        let held = UsedFor::of_node(std::iter::once(span), &NodeShape { is_held: true, ..shape });
        assert_eq!(
            (held.of(WasteKind::Idle), held.of(WasteKind::Headroom)),
            (CostMeter::ZERO, CostMeter(200_140))
        );
    }
}

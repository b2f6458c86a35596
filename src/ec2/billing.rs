//! The billing meter of one instance: exact, per millisecond, with EC2's minimum and its free first Spot hour.
//!
//! EC2 bills Linux instances per second while they are in the state `running`, at least 60 seconds (AWS What's New,
//! 2017-10-02; EC2 user guide, instance life cycle). Simulated time has milliseconds; they are billed as such, which
//! differs from whole seconds by less than a second per instance and keeps every interval additive.

use crate::units::{CostMeter, HourlyPrice, SimDuration, SimTime};

/// EC2's rules for the bill of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingRules {
    /// Least time that is billed (default 60 s).
    pub minimum: SimDuration,
    /// Whether a Spot instance reclaimed by EC2 within its first hour is free (default yes; EC2 user guide,
    /// "Billing for interrupted Spot Instances", Linux).
    pub early_reclaim_free: bool,
}

impl Default for BillingRules {
    fn default() -> Self {
        Self { minimum: SimDuration::from_secs(60), early_reclaim_free: true }
    }
}

/// Who ended the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// The user: TerminateInstances, also after an interruption notice.
    Terminated,
    /// EC2 took the Spot capacity back.
    SpotReclaimed,
}

/// The final bill of one instance or volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceBill {
    /// For the time it ran.
    pub used: CostMeter,
    /// Added to reach the minimum.
    pub minimum_top_up: CostMeter,
    /// Of both, not billed after all (early Spot reclaim).
    pub waived: CostMeter,
    /// How long it ran.
    pub ran: SimDuration,
}

impl InstanceBill {
    /// What is paid.
    #[must_use]
    pub fn total(&self) -> CostMeter {
        CostMeter(self.used.0 + self.minimum_top_up.0 - self.waived.0)
    }
}

/// Accrues the cost of one instance from running to terminated. A change of price closes a segment. Also meters
/// volumes (from created to deleted) and Fargate pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceMeter {
    running_at: SimTime,
    segment_at: SimTime,
    price: HourlyPrice,
    closed: CostMeter,
}

impl InstanceMeter {
    /// The instance runs from `running_at` on.
    #[must_use]
    pub const fn start(running_at: SimTime, price: HourlyPrice) -> Self {
        Self { running_at, segment_at: running_at, price, closed: CostMeter::ZERO }
    }

    /// When billing began.
    #[must_use]
    pub const fn running_at(&self) -> SimTime {
        self.running_at
    }

    /// The price of the open segment.
    #[must_use]
    pub const fn price(&self) -> HourlyPrice {
        self.price
    }

    /// From `now` on another price holds. Instants before the open segment count as its start.
    pub fn change_price(&mut self, now: SimTime, price: HourlyPrice) {
        self.closed = self.used_until(now);
        self.segment_at = now.max(self.segment_at);
        self.price = price;
    }

    /// What the time until `now` costs, without minimum. Additive over intervals.
    #[must_use]
    pub fn used_until(&self, now: SimTime) -> CostMeter {
        self.closed + CostMeter::of(self.price, now.saturating_since(self.segment_at).as_ms())
    }

    /// The bill of an instance that ended at `now`. An instance that never ran (`now` before running) costs nothing
    /// but is never asked for: do not start a meter before the instance runs.
    #[must_use]
    pub fn finish(&self, now: SimTime, reason: EndReason, rules: &BillingRules) -> InstanceBill {
        let ran = now.saturating_since(self.running_at);
        let used = self.used_until(now);
        let missing = rules.minimum.saturating_sub(ran);
        let minimum_top_up = CostMeter::of(self.price, missing.as_ms());
        let free = reason == EndReason::SpotReclaimed
            && rules.early_reclaim_free
            && ran < SimDuration::from_hours(1);
        let waived = if free { used + minimum_top_up } else { CostMeter::ZERO };
        InstanceBill { used, minimum_top_up, waived, ran }
    }
}

/// Hours that AWS reckons to a month.
pub(super) const HOURS_PER_MONTH: u64 = 730;

/// Hourly price of a gp3 volume of `gib` GiB with `iops` and `throughput_mibs` MiB/s (3,000 and 125 are included), at
/// us-east-1 prices: $0.08 per GB-month, $0.005 per IOPS-month, $0.04 per MiB/s-month, 730 hours to the month,
/// rounded to the nearest nano-dollar.
#[must_use]
pub fn gp3_hourly(gib: u32, iops: u32, throughput_mibs: u32) -> HourlyPrice {
    const STORAGE: u64 = 80_000_000;
    const IOPS: u64 = 5_000_000;
    const THROUGHPUT: u64 = 40_000_000;
    let monthly = u64::from(gib) * STORAGE
        + u64::from(iops.saturating_sub(3000)) * IOPS
        + u64::from(throughput_mibs.saturating_sub(125)) * THROUGHPUT;
    HourlyPrice((monthly + HOURS_PER_MONTH / 2) / HOURS_PER_MONTH)
}

/// The root volume of every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootVolume {
    /// Its type.
    pub kind: VolumeKind,
    /// Size in GiB.
    pub gib: u32,
    /// IOPS; gp3 only, of which 3,000 are included.
    pub iops: u32,
    /// MiB/s; gp3 only, of which 125 are included.
    pub throughput_mibs: u32,
    /// Price of a GiB for a month in nano-dollars, in place of the list's.
    pub nanos_per_gib_month: Option<u64>,
}

/// Type of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    /// General Purpose SSD, third generation.
    Gp3,
    /// General Purpose SSD, second generation: performance comes with size, at no price of its own.
    Gp2,
}

impl Default for RootVolume {
    /// What Karpenter gives an AL2023 node: 20 GiB of gp3 with what is included.
    fn default() -> Self {
        Self { kind: VolumeKind::Gp3, gib: 20, iops: 3000, throughput_mibs: 125, nanos_per_gib_month: None }
    }
}

impl RootVolume {
    /// Price per hour at us-east-1 prices: as [`gp3_hourly`], gp2 at $0.10 per GB-month (`other_prices.tsv`).
    #[must_use]
    pub fn hourly(&self) -> HourlyPrice {
        const GP2: u64 = 100_000_000;
        let per_month = |nanos: u64| (u64::from(self.gib) * nanos + HOURS_PER_MONTH / 2) / HOURS_PER_MONTH;
        match (self.kind, self.nanos_per_gib_month) {
            (VolumeKind::Gp3, None) => gp3_hourly(self.gib, self.iops, self.throughput_mibs),
            (VolumeKind::Gp3, Some(own)) => {
                HourlyPrice(per_month(own) + gp3_hourly(0, self.iops, self.throughput_mibs).0)
            }
            (VolumeKind::Gp2, own) => HourlyPrice(per_month(own.unwrap_or(GP2))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::other_price;
    use crate::units::Money;
    use proptest::prelude::*;

    const M6I_XLARGE: HourlyPrice = HourlyPrice(192_000_000);

    #[test]
    fn ninety_minutes_of_a_dollar_price_cost_one_and_a_half_of_it() {
        let meter = InstanceMeter::start(SimTime::from_ms(11_000), M6I_XLARGE);
        let bill = meter.finish(
            SimTime::from_ms(11_000 + 5_400_000),
            EndReason::Terminated,
            &BillingRules::default(),
        );
        assert_eq!(bill.total().read(), Money(288_000_000));
        assert_eq!(bill.minimum_top_up, CostMeter::ZERO);
    }

    #[test]
    fn ten_seconds_are_billed_as_sixty() {
        let meter = InstanceMeter::start(SimTime::ZERO, M6I_XLARGE);
        let bill = meter.finish(SimTime::from_ms(10_000), EndReason::Terminated, &BillingRules::default());
        // 0.192 / 60 = 0.0032; 10 s of it are 0.000533333.
        assert_eq!(bill.total().read(), Money(3_200_000));
        assert_eq!(bill.used.read(), Money(533_333));
    }

    #[test]
    fn a_spot_instance_reclaimed_in_its_first_hour_is_free_and_later_is_not() {
        let meter = InstanceMeter::start(SimTime::ZERO, HourlyPrice(100_000_000));
        let rules = BillingRules::default();
        let end = |ms, reason, rules: &BillingRules| {
            meter.finish(SimTime::from_ms(ms), reason, rules).total().read()
        };
        assert_eq!(end(3_599_999, EndReason::SpotReclaimed, &rules), Money::ZERO);
        assert_eq!(end(3_600_000, EndReason::SpotReclaimed, &rules), Money(100_000_000));
        assert_eq!(end(1_800_000, EndReason::Terminated, &rules), Money(50_000_000));
        let strict = BillingRules { early_reclaim_free: false, ..rules };
        assert_eq!(end(1_800_000, EndReason::SpotReclaimed, &strict), Money(50_000_000));
    }

    #[test]
    fn a_price_change_closes_a_segment() {
        let mut meter = InstanceMeter::start(SimTime::ZERO, HourlyPrice(100_000_000));
        meter.change_price(SimTime::from_ms(1_800_000), HourlyPrice(300_000_000));
        let bill = meter.finish(SimTime::from_ms(3_600_000), EndReason::Terminated, &BillingRules::default());
        assert_eq!(bill.total().read(), Money(200_000_000));
    }

    #[test]
    fn a_hundred_gibibytes_of_gp3_cost_eight_dollars_a_month() {
        let month = CostMeter::of(gp3_hourly(100, 3000, 125), 730 * 3_600_000).read();
        assert!((month.as_dollars() - 8.0).abs() < 1e-6, "{month}");
        // 100 GiB + 3,000 more IOPS ($15) + 125 more MiB/s ($5).
        let fast = CostMeter::of(gp3_hourly(100, 6000, 250), 730 * 3_600_000).read();
        assert!((fast.as_dollars() - 28.0).abs() < 1e-6, "{fast}");
    }

    #[test]
    fn a_root_volume_costs_what_its_type_size_and_speed_do() {
        let month = |volume: RootVolume| CostMeter::of(volume.hourly(), 730 * 3_600_000).read().as_dollars();
        let near =
            |seen: f64, dollars: f64| assert!((seen - dollars).abs() < 1e-5, "{seen}, by hand {dollars}");
        let usual = RootVolume::default();
        near(month(usual), 1.6);
        near(month(RootVolume { gib: 100, iops: 6000, throughput_mibs: 250, ..usual }), 8.0 + 15.0 + 5.0);
        near(month(RootVolume { gib: 100, kind: VolumeKind::Gp2, ..usual }), 10.0);
        let own = RootVolume { gib: 100, nanos_per_gib_month: Some(95_200_000), ..usual };
        near(month(own), 9.52);
        near(month(RootVolume { iops: 4000, ..own }), 9.52 + 5.0);
    }

    #[test]
    fn prices_of_volumes_are_those_of_the_embedded_list() {
        let month = |volume: RootVolume| CostMeter::of(volume.hourly(), 730 * 3_600_000).read().as_dollars();
        let of = |item: &str| other_price(item).expect("a listed price").nanos as f64 / 1e9;
        let none = RootVolume { gib: 0, ..RootVolume::default() };
        for (volume, amount, item) in [
            (RootVolume { gib: 1000, ..none }, 1000.0, "ebs.gp3.storage"),
            (RootVolume { gib: 1000, kind: VolumeKind::Gp2, ..none }, 1000.0, "ebs.gp2.storage"),
            (RootVolume { iops: 4000, ..none }, 1000.0, "ebs.gp3.iops_over_3000"),
            (RootVolume { throughput_mibs: 1125, ..none }, 1000.0, "ebs.gp3.throughput_over_125"),
        ] {
            assert!((month(volume) - amount * of(item)).abs() < 1e-4, "{item}");
        }
    }

    proptest! {
        #[test]
        fn splitting_an_interval_never_changes_its_cost(
            start in 0_u64..1_000_000_000,
            price in 0_u64..100_000_000_000,
            mut cuts in proptest::collection::vec(0_u64..10_000_000_000, 1..20),
        ) {
            cuts.sort_unstable();
            let end = SimTime::from_ms(start + cuts.last().copied().unwrap_or(0));
            let whole = InstanceMeter::start(SimTime::from_ms(start), HourlyPrice(price));
            let mut split = whole;
            for cut in &cuts {
                split.change_price(SimTime::from_ms(start + cut), HourlyPrice(price));
            }
            let rules = BillingRules::default();
            prop_assert_eq!(
                whole.finish(end, EndReason::Terminated, &rules),
                split.finish(end, EndReason::Terminated, &rules)
            );
        }
    }
}

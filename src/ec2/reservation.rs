//! Capacity reservations (ODCR): what is reserved, and the bill for what stands unused.
//!
//! EC2 bills a reservation at the on-demand price from its creation until it ends, whether instances run in it or not; those
//! that do are billed as what they are, and the rest as unused (EC2 user guide, "Capacity Reservation pricing and billing",
//! 2026-08).

use crate::catalog::{TypeId, ZoneId};
use crate::units::{CostMeter, HourlyPrice, SimTime};

/// An On-Demand Capacity Reservation that stands from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityReservation {
    /// Its id, `cr-…`.
    pub id: String,
    /// Instance type.
    pub instance_type: TypeId,
    /// Zone.
    pub zone: ZoneId,
    /// How many instances it reserves.
    pub count: u32,
    /// When it ends, if it does: instances in it go on as on-demand ones.
    pub ends_at: Option<SimTime>,
    /// Names of the NodePools that select it; empty for all.
    pub pools: Vec<String>,
}

/// Meters what a reservation costs beyond the instances that run in it.
#[derive(Clone, Copy, Debug)]
pub struct UnusedMeter {
    unused: u32,
    price: HourlyPrice,
    since: SimTime,
    cost: CostMeter,
}

impl UnusedMeter {
    /// `count` instances stand unused from the start; what counts are costs after `warmup`.
    #[must_use]
    pub const fn start(count: u32, price: HourlyPrice, warmup: SimTime) -> Self {
        Self { unused: count, price, since: warmup, cost: CostMeter::ZERO }
    }

    fn advance(&mut self, now: SimTime) {
        let ms = now.saturating_since(self.since).as_ms();
        self.cost += CostMeter::of(self.price, ms * u64::from(self.unused));
        self.since = self.since.max(now);
    }

    /// An instance runs in it from now on.
    pub fn taken(&mut self, now: SimTime) {
        self.advance(now);
        self.unused = self.unused.saturating_sub(1);
    }

    /// An instance in it ended.
    pub fn freed(&mut self, now: SimTime) {
        self.advance(now);
        self.unused += 1;
    }

    /// EC2 bills another price from now on.
    pub fn change_price(&mut self, now: SimTime, price: HourlyPrice) {
        self.advance(now);
        self.price = price;
    }

    /// What stood unused until `now` costs this. Nothing is metered any more once the reservation has ended.
    pub fn read(&mut self, now: SimTime) -> CostMeter {
        self.advance(now);
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_instances_cost_their_price_and_used_ones_nothing() {
        let at = |seconds: u64| SimTime::from_ms(seconds * 1000);
        let dollar = HourlyPrice::from_dollars(1.0);
        let mut meter = UnusedMeter::start(3, dollar, at(600));
        meter.taken(at(300));
        meter.taken(at(1200));
        meter.freed(at(2400));
        meter.change_price(at(3000), HourlyPrice::from_dollars(2.0));
        // 2 x 10 min, 1 x 20 min, 2 x 10 min at a dollar; 2 x 10 min at two dollars.
        let dollars = meter.read(at(3600)).read().as_dollars();
        assert!((dollars - (20.0 + 20.0 + 20.0 + 40.0) / 60.0).abs() < 1e-9, "{dollars}");
    }
}

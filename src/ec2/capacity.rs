//! Capacity pools and when they are empty (insufficient capacity): by schedule, or by chance per pool and stretch of time.

use crate::catalog::{CapacityType, TypeId, ZoneId};
use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimDuration, SimTime};
use rand::Rng;

use super::pool_filter::PoolFilter;

const SHORTAGE: Purpose = Purpose::named("ec2 capacity shortage");

/// Where capacity runs out together: one type in one zone, on-demand and Spot apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapacityPool {
    /// Which type.
    pub instance_type: TypeId,
    /// Where.
    pub zone: ZoneId,
    /// How.
    pub capacity_type: CapacityType,
}

impl CapacityPool {
    /// A number that names the pool in random streams, free of the fleet that asks.
    #[must_use]
    pub fn key(self) -> u64 {
        u64::from(self.instance_type.raw()) << 9
            | u64::from(self.zone.0) << 1
            | u64::from(self.capacity_type == CapacityType::Spot)
    }
}

/// A stretch of time in which pools answer insufficient capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Which pools.
    pub pools: PoolFilter,
    /// First instant without capacity.
    pub from: SimTime,
    /// First instant with capacity again.
    pub until: SimTime,
}

impl Outage {
    fn covers(&self, pool: CapacityPool, now: SimTime) -> bool {
        self.from <= now && now < self.until && self.pools.covers(pool)
    }
}

/// When pools are empty. The default is never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityLimits {
    /// Planned outages.
    pub outages: Vec<Outage>,
    /// Share of time in which an on-demand pool is empty.
    pub on_demand_shortage: Ppm,
    /// Share of time in which a Spot pool is empty.
    pub spot_shortage: Ppm,
    /// The same for some pools alone, whichever comes first.
    pub pool_shortages: Vec<(PoolFilter, Ppm)>,
    /// How long one random shortage lasts: every pool draws anew at multiples of this. Default 10 min, about the
    /// median gap in the r5.16xlarge traces of skypilot-org/spot-traces (7–9 min, 2023-05).
    pub shortage_period: SimDuration,
}

impl Default for CapacityLimits {
    fn default() -> Self {
        Self {
            outages: Vec::new(),
            on_demand_shortage: Ppm::ZERO,
            spot_shortage: Ppm::ZERO,
            pool_shortages: Vec::new(),
            shortage_period: SimDuration::from_mins(10),
        }
    }
}

impl CapacityLimits {
    /// Whether the pool can give one instance at `now`. Every fleet of a replication sees the same answer.
    #[must_use]
    pub fn has_capacity(&self, pool: CapacityPool, now: SimTime, streams: &Streams) -> bool {
        // A reservation is there for those that pay for it.
        if pool.capacity_type == CapacityType::Reserved {
            return true;
        }
        if self.outages.iter().any(|outage| outage.covers(pool, now)) {
            return false;
        }
        let own = self.pool_shortages.iter().find(|(pools, _)| pools.covers(pool)).map(|(_, share)| *share);
        let shortage = own.unwrap_or(match pool.capacity_type {
            CapacityType::OnDemand | CapacityType::Reserved => self.on_demand_shortage,
            CapacityType::Spot => self.spot_shortage,
        });
        if shortage == Ppm::ZERO {
            return true;
        }
        let period = now.as_ms() / self.shortage_period.as_ms().max(1);
        let draw = streams.entity(SHORTAGE, pool.key() << 24 ^ period).next_u64() % 1_000_000;
        draw >= u64::from(shortage.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(kind: u32, capacity_type: CapacityType) -> CapacityPool {
        CapacityPool { instance_type: TypeId::new(kind), zone: ZoneId(0), capacity_type }
    }

    #[test]
    fn an_outage_holds_from_its_first_to_before_its_last_instant_for_what_it_names() {
        let limits = CapacityLimits {
            outages: vec![Outage {
                pools: PoolFilter::default().zones([ZoneId(0)]).bought(CapacityType::Spot),
                from: SimTime::from_ms(10),
                until: SimTime::from_ms(20),
            }],
            ..CapacityLimits::default()
        };
        let streams = Streams::new(1, 0);
        let spot = |ms| limits.has_capacity(pool(3, CapacityType::Spot), SimTime::from_ms(ms), &streams);
        assert_eq!([spot(9), spot(10), spot(19), spot(20)], [true, false, false, true]);
        assert!(limits.has_capacity(pool(3, CapacityType::OnDemand), SimTime::from_ms(10), &streams));
    }

    #[test]
    fn random_shortages_last_a_period_and_take_the_given_share_of_time() {
        let limits = CapacityLimits { spot_shortage: Ppm(100_000), ..CapacityLimits::default() };
        let streams = Streams::new(7, 1);
        let mut empty = 0;
        for slot in 0..20_000_u64 {
            let start = SimTime::from_ms(slot * 600_000);
            let at_start = limits.has_capacity(pool(1, CapacityType::Spot), start, &streams);
            let later = start + SimDuration::from_ms(599_999);
            assert_eq!(at_start, limits.has_capacity(pool(1, CapacityType::Spot), later, &streams));
            empty += u32::from(!at_start);
        }
        // 3 standard errors of a share of 10 % over 20,000 draws.
        assert!(empty.abs_diff(2000) < 128, "{empty}");
    }

    #[test]
    fn a_pool_may_have_a_share_of_its_own() {
        let own = |kind: u32, share| (PoolFilter::default().types([TypeId::new(kind)]), Ppm(share));
        let limits = CapacityLimits {
            on_demand_shortage: Ppm(1_000_000),
            pool_shortages: vec![own(3, 0), own(5, 1_000_000)],
            ..CapacityLimits::default()
        };
        let streams = Streams::new(7, 1);
        let has = |kind, capacity| limits.has_capacity(pool(kind, capacity), SimTime::ZERO, &streams);
        assert!(has(3, CapacityType::OnDemand) && !has(4, CapacityType::OnDemand));
        assert!(has(4, CapacityType::Spot) && !has(5, CapacityType::Spot));
    }
}

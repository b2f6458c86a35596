//! Spot prices that wander: day by day, each pool by itself.
//!
//! Default is that they stand still: since AWS gave up bidding (2017) they barely change (SpotLake, IISWC 2022) and do not
//! announce interruptions. Where they move, the logarithm of a pool's deviation from its catalogue price is an autoregressive
//! process of first order with a step a day; a price never exceeds on-demand's.

use crate::engine::{Purpose, Streams, normal_quantile};
use crate::units::{HourlyPrice, Ppm};

use super::capacity::CapacityPool;
use super::delay::open_uniform;

const STEP: Purpose = Purpose::named("ec2 spot price step");

/// How Spot prices wander.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotPriceProcess {
    /// Standard deviation of a day's step in the logarithm (0.015 is 1.5 %).
    pub volatility: Ppm,
    /// Share of a deviation that is left after a day.
    pub persistence: Ppm,
}

impl SpotPriceProcess {
    /// The logarithm of the deviation of `pool` on `day`, from that of the day before.
    #[must_use]
    pub fn next(&self, before: f64, pool: CapacityPool, day: u64, streams: &Streams) -> f64 {
        let mut random = streams.entity(STEP, pool.key() << 20 ^ day);
        let step = normal_quantile(open_uniform(&mut random)).clamp(-4.0, 4.0);
        self.persistence.as_f64().min(1.0) * before + self.volatility.as_f64() * step
    }

    /// What `price` becomes when the deviation goes from `before` to `after`; at most `on_demand`.
    #[must_use]
    pub fn moved(price: HourlyPrice, before: f64, after: f64, on_demand: HourlyPrice) -> HourlyPrice {
        let moved = (price.0 as f64 * libm::exp(after - before)).round() as u64;
        HourlyPrice(moved.min(on_demand.0.max(price.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CapacityType, TypeId, ZoneId};

    #[test]
    fn deviations_have_the_spread_and_the_memory_that_were_asked_for() {
        let process = SpotPriceProcess { volatility: Ppm(15_000), persistence: Ppm(900_000) };
        let streams = Streams::new(5, 0);
        let (mut now, mut lagged, mut squares, mut count) = (0.0, 0.0, 0.0, 0.0);
        for zone in 0..4 {
            let pool = CapacityPool {
                instance_type: TypeId::new(7),
                zone: ZoneId(zone),
                capacity_type: CapacityType::Spot,
            };
            for day in 0..10_000 {
                let next = process.next(now, pool, day, &streams);
                (lagged, squares, count) = (lagged + now * next, squares + next * next, count + 1.0);
                now = next;
            }
        }
        // Stationary: 0.015 / sqrt(1 - 0.81) = 0.0344.
        let spread = libm::sqrt(squares / count);
        assert!((spread - 0.0344).abs() < 0.0015, "{spread}");
        assert!((lagged / squares - 0.9).abs() < 0.01, "{}", lagged / squares);
    }

    #[test]
    fn a_price_moves_with_its_deviation_and_stays_below_on_demand() {
        let price = HourlyPrice(40_000_000);
        let on_demand = HourlyPrice(100_000_000);
        assert_eq!(SpotPriceProcess::moved(price, 0.0, 0.0, on_demand), price);
        let up = SpotPriceProcess::moved(price, 0.0, 0.1, on_demand);
        assert_eq!(up, HourlyPrice(44_206_837));
        assert_eq!(SpotPriceProcess::moved(up, 0.1, 5.0, on_demand), on_demand);
    }
}

//! What CreateFleet answers: the pool that a launch request is served from, and the pools found empty on the way.

use crate::catalog::{CapacityType, Catalog, TypeId, ZoneId};
use crate::engine::{Purpose, Streams};
use crate::units::{HourlyPrice, Ppm, SimTime};
use rand::Rng;

use super::capacity::{CapacityLimits, CapacityPool};
use super::spot_market::SpotMarket;

const SPOT_CHOICE: Purpose = Purpose::named("ec2 spot pool choice");

/// A type in a zone that the request allows. Karpenter sends at most 60 types times the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaunchOverride {
    /// Which type.
    pub instance_type: TypeId,
    /// Where.
    pub zone: ZoneId,
}

/// How EC2 picks among the overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllocationStrategy {
    /// `lowest-price`: what Karpenter sends for on-demand.
    LowestPrice,
    /// `price-capacity-optimized`: what Karpenter sends for Spot. See [`PoolWeights`] for the model.
    PriceCapacityOptimized,
}

impl AllocationStrategy {
    /// The strategy that Karpenter's AWS provider (v1.15, `pkg/providers/instance/instance.go`) sends.
    #[must_use]
    pub const fn of(capacity_type: CapacityType) -> Self {
        match capacity_type {
            CapacityType::OnDemand | CapacityType::Reserved => Self::LowestPrice,
            CapacityType::Spot => Self::PriceCapacityOptimized,
        }
    }
}

/// One CreateFleet call for one instance.
#[derive(Clone, Copy, Debug)]
pub struct LaunchRequest<'a> {
    /// One capacity type per call.
    pub capacity_type: CapacityType,
    /// How to pick.
    pub strategy: AllocationStrategy,
    /// Allowed pools, in any order.
    pub overrides: &'a [LaunchOverride],
    /// Number of the launch within its fleet, counted from 0.
    pub ordinal: u64,
    /// When.
    pub now: SimTime,
}

/// The instance that was launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its type.
    pub instance_type: TypeId,
    /// Its zone.
    pub zone: ZoneId,
    /// How it is bought.
    pub capacity_type: CapacityType,
    /// What it is billed per hour.
    pub price: HourlyPrice,
}

/// Chances of Spot pools under `price-capacity-optimized`.
///
/// AWS does not publish depths or the rule. Model assumption: a pool is picked with a chance proportional to
/// `rating × sqrt(2 / vCPUs) × price^-power`. A rarely interrupted pool is taken to be deep, a large size shallow,
/// and among pools of similar depth the cheaper is preferred: at power 4 a pool twice as dear is taken 16 times
/// less often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolWeights {
    /// Depth of a pool by interruption rating, rarest interruptions first.
    pub rating: [Ppm; 5],
    /// Power of the price; 0 ignores price.
    pub price_power: u32,
}

impl Default for PoolWeights {
    fn default() -> Self {
        Self {
            rating: [Ppm(1_000_000), Ppm(700_000), Ppm(500_000), Ppm(350_000), Ppm(200_000)],
            price_power: 4,
        }
    }
}

/// Prices, depths and capacity of all pools of a region. Built once per simulation.
#[derive(Clone, Debug)]
pub struct Market {
    zones: usize,
    /// Hourly price by (type, zone, capacity type); zero = not sold.
    prices: Vec<HourlyPrice>,
    /// One over the chance of the Spot pool by (type, zone), in arbitrary units; the mean of its race time.
    spot_means: Vec<f64>,
    price_power: u32,
    limits: CapacityLimits,
    shocks: Option<SpotMarket>,
}

impl Market {
    /// The market of `catalog`'s region.
    #[must_use]
    pub fn new(catalog: &Catalog, weights: &PoolWeights, limits: CapacityLimits) -> Self {
        let zones = catalog.zones().len();
        let mut prices = Vec::with_capacity(catalog.types().len() * zones * 2);
        let mut spot_means = Vec::with_capacity(catalog.types().len() * zones);
        for id in catalog.type_ids() {
            let depth = pool_depth(catalog, id, weights);
            for zone in (0..zones as u8).map(ZoneId) {
                let [on_demand, spot] = [CapacityType::OnDemand, CapacityType::Spot]
                    .map(|capacity_type| catalog.price(id, zone, capacity_type).unwrap_or_default());
                prices.extend([on_demand, spot]);
                let mut mean = 1.0 / depth;
                for _ in 0..weights.price_power {
                    mean *= spot.as_dollars();
                }
                spot_means.push(mean);
            }
        }
        Self { zones, prices, spot_means, price_power: weights.price_power, limits, shocks: None }
    }

    /// The same market, whose Spot pools also run empty after the shocks of `spot`.
    #[must_use]
    pub fn with_shocks(self, spot: &SpotMarket) -> Self {
        Self { shocks: Some(spot.clone()), ..self }
    }

    fn has_capacity(&self, pool: CapacityPool, now: SimTime, streams: &Streams) -> bool {
        self.limits.has_capacity(pool, now, streams)
            && self.shocks.as_ref().is_none_or(|spot| !spot.recovering(pool, now, streams))
    }

    fn place(&self, id: TypeId, zone: ZoneId) -> usize {
        id.index() * self.zones + zone.index()
    }

    /// What EC2 bills for the pool, `None` where it is not sold; for reserved capacity what on-demand instances cost.
    #[must_use]
    pub fn price(&self, pool: CapacityPool) -> Option<HourlyPrice> {
        let spot = usize::from(pool.capacity_type == CapacityType::Spot);
        let price = self.prices[self.place(pool.instance_type, pool.zone) * 2 + spot];
        (price.0 > 0).then_some(price)
    }

    /// From now on EC2 bills `price` for the pool, and prefers it accordingly. Nothing happens where the pool is not sold.
    pub fn set_price(&mut self, pool: CapacityPool, price: HourlyPrice) {
        let place = self.place(pool.instance_type, pool.zone);
        let is_spot = pool.capacity_type == CapacityType::Spot;
        let known = &mut self.prices[place * 2 + usize::from(is_spot)];
        if known.0 == 0 {
            return;
        }
        let ratio = price.as_dollars() / known.as_dollars();
        *known = price;
        if is_spot {
            for _ in 0..self.price_power {
                self.spot_means[place] *= ratio;
            }
        }
    }

    /// Serves the request from one pool; `None` where all of them are empty or not sold.
    ///
    /// Pools are tried in the strategy's order: on-demand by price, type name, zone; Spot by an exponential race in
    /// which every pool draws for itself from (launch ordinal, pool), so that a pool more or less in the request
    /// changes the answer only where that pool wins. Those found empty before the one that serves are added to
    /// `insufficient`, as the errors of an instant fleet name them.
    pub fn choose(
        &self,
        request: &LaunchRequest<'_>,
        streams: &Streams,
        insufficient: &mut Vec<CapacityPool>,
    ) -> Option<Chosen> {
        let mut after = None;
        loop {
            let (rank, pool) = self.best(request, streams, after)?;
            if self.has_capacity(pool, request.now, streams) {
                let price = self.price(pool)?;
                let CapacityPool { instance_type, zone, capacity_type } = pool;
                return Some(Chosen { instance_type, zone, capacity_type, price });
            }
            insufficient.push(pool);
            after = Some((rank, pool));
        }
    }

    /// The first pool in the strategy's order behind `after`.
    fn best(
        &self,
        request: &LaunchRequest<'_>,
        streams: &Streams,
        after: Option<(u64, CapacityPool)>,
    ) -> Option<(u64, CapacityPool)> {
        let mut best: Option<(u64, CapacityPool)> = None;
        for allowed in request.overrides {
            let LaunchOverride { instance_type, zone } = *allowed;
            let pool = CapacityPool { instance_type, zone, capacity_type: request.capacity_type };
            let bound = best.map_or(u64::MAX, |(rank, _)| rank);
            let Some(rank) = self.rank(pool, request, streams, bound) else { continue };
            let candidate = (rank, pool);
            if after.is_none_or(|after| candidate > after) && best.is_none_or(|best| candidate < best) {
                best = Some(candidate);
            }
        }
        best
    }

    /// Place of the pool in the strategy's order, lowest first; `None` where it is not sold or surely above `bound`.
    fn rank(
        &self,
        pool: CapacityPool,
        request: &LaunchRequest<'_>,
        streams: &Streams,
        bound: u64,
    ) -> Option<u64> {
        let price = self.price(pool)?;
        if request.strategy == AllocationStrategy::LowestPrice || request.capacity_type != CapacityType::Spot
        {
            return Some(price.0);
        }
        let mean = self.spot_means[self.place(pool.instance_type, pool.zone)];
        let mut draw = streams.entity(SPOT_CHOICE, request.ordinal << 32 ^ pool.key());
        let uniform = ((draw.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        // -ln(u) >= 1 - u: spares the logarithm where the pool cannot win. One step of slack for the rounding.
        if race_time((1.0 - uniform) * mean) > bound.saturating_add(1) {
            return None;
        }
        Some(race_time(-libm::log(uniform) * mean))
    }
}

/// A positive race time as a whole number in the same order, cut to 36 binary digits.
fn race_time(time: f64) -> u64 {
    time.to_bits() >> 16
}

fn pool_depth(catalog: &Catalog, id: TypeId, weights: &PoolWeights) -> f64 {
    let Some(spot) = catalog.prices(id).and_then(|prices| prices.spot) else { return 1e-6 };
    let rating = weights.rating[spot.rating as usize].as_f64().max(1e-6);
    rating * libm::sqrt(2.0 / f64::from(catalog.get(id).vcpus.max(1)))
}

//! What offerings cost in Karpenter's eyes: the price list, and what each NodePool believes instead; the order by price.

use rustc_hash::FxHashMap;

use super::instance_types::{InstanceTypes, Offering, OfferingSet, TypeId, ZoneId};
use super::node_pools::PoolId;
use super::reservations::reserved_price;
use super::type_set::TypeSet;
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// Prices of one pool by type and place of the offering.
pub(super) type PoolPrices = FxHashMap<(TypeId, usize), HourlyPrice>;

impl InstanceTypes {
    /// What a pool believes that an offering of the type costs: its NodeOverlays' price, or that of the list.
    #[must_use]
    pub fn price(&self, pool: PoolId, id: TypeId, offering: &Offering) -> HourlyPrice {
        let Some(prices) = self.pool_prices.get(usize::from(pool.0)) else { return offering.price };
        prices.get(&(id, offering.place())).copied().unwrap_or(offering.price)
    }

    /// Sets the price that one pool believes; `None` is the list's.
    pub(super) fn set_pool_price(
        &mut self,
        pool: PoolId,
        (id, place): (TypeId, usize),
        price: Option<HourlyPrice>,
    ) {
        let pool = usize::from(pool.0);
        if self.pool_prices.len() <= pool {
            self.pool_prices.resize_with(pool + 1, PoolPrices::default);
        }
        let before = match price {
            Some(price) => self.pool_prices[pool].insert((id, place), price),
            None => self.pool_prices[pool].remove(&(id, place)),
        };
        self.offerings_version += u32::from(before != price);
    }

    /// Sets the price on the list that Karpenter reads (every 12 h); reserved instances follow on-demand ones.
    pub fn set_price(&mut self, id: TypeId, zone: ZoneId, capacity_type: CapacityType, price: HourlyPrice) {
        for offering in &mut self.types[usize::from(id.0)].offerings {
            let price = match (offering.capacity_type, capacity_type) {
                (CapacityType::Reserved, CapacityType::OnDemand) => reserved_price(price),
                (known, changed) if known == changed => price,
                _ => continue,
            };
            if offering.zone == zone && offering.price != price {
                offering.price = price;
                self.offerings_version += 1;
            }
        }
    }

    /// The cheapest price at which a pool may have a type through one of `allowed`.
    #[must_use]
    pub fn cheapest(&self, pool: PoolId, id: TypeId, allowed: OfferingSet) -> Option<HourlyPrice> {
        let usable = |offering: &&Offering| offering.is_available && allowed.allows(offering);
        self.get(id).offerings.iter().filter(usable).map(|offering| self.price(pool, id, offering)).min()
    }

    /// The types in the order in which Karpenter sends them: cheapest allowed offering first, equal prices by name
    /// (upstream sorts unstably there, so any order among equals is as right). Types not to be had come last.
    pub fn by_price(
        &self,
        pool: PoolId,
        types: &TypeSet,
        allowed: OfferingSet,
        out: &mut Vec<(TypeId, Option<HourlyPrice>)>,
    ) {
        let mut ranked: Vec<(u64, u16, TypeId)> = types
            .iter()
            .map(|id| {
                let price = self.cheapest(pool, id, allowed).map_or(u64::MAX, |price| price.0);
                (price, self.get(id).name_rank, id)
            })
            .collect();
        ranked.sort_unstable();
        out.clear();
        let price = |nanos| (nanos != u64::MAX).then_some(HourlyPrice(nanos));
        out.extend(ranked.into_iter().map(|(nanos, _, id)| (id, price(nanos))));
    }
}

//! The two price books: what EC2 bills from an instant on, and what Karpenter believes once it has looked at the price list
//! again.

use crate::catalog::{CapacityType, TypeId, ZoneId};
use crate::ec2::{CapacityPool, SpotPriceProcess, discounted};
use crate::engine::Id;
use crate::fleet::{NodeId, NodePhase};
use crate::karpenter::instance_types;
use crate::units::{SimDuration, SimTime};

use super::event::Event;
use super::plan::PriceChange;
use super::world::World;

impl World<'_> {
    /// Arms the price changes of the plan, and Karpenter's looks at the price list after them.
    pub(super) fn arm_price_changes(&mut self) {
        let plan = self.plan;
        for (number, change) in (0..).zip(&plan.ec2.price_changes) {
            self.queue.push(change.at, Event::PriceChange { number });
        }
        if self.karpenter.is_none() {
            return;
        }
        let every = self.karpenter_plan().price_refresh.as_ms().max(1);
        let mut looks: Vec<SimTime> = plan
            .ec2
            .price_changes
            .iter()
            .map(|change| SimTime::from_ms(change.at.as_ms().div_ceil(every) * every))
            .collect();
        looks.sort_unstable();
        looks.dedup();
        for at in looks {
            self.queue.push(at, Event::PriceRefresh);
        }
    }

    /// EC2 bills another price from now on, running instances included.
    pub(super) fn price_changed(&mut self, number: u32) {
        let change = &self.plan.ec2.price_changes[number as usize];
        for pool in pools_of(change, self.plan.ec2.catalog.zones().len()) {
            self.market.set_price(pool, change.price);
            self.reprice_reservations(pool, change.price);
        }
        let is_billed_so = |zone: u8| change.zone.is_none_or(|only| only.0 == zone);
        // Instances in a reservation are billed as on-demand ones.
        let is_bought_so = |capacity| match capacity {
            CapacityType::Reserved => change.capacity == CapacityType::OnDemand,
            capacity => capacity == change.capacity,
        };
        let concerned = self.nodes.iter().filter(|(_, node)| {
            node.instance_type == change.instance_type.raw()
                && is_bought_so(node.capacity)
                && is_billed_so(node.zone)
                && node.running_at != SimTime::NEVER
                && node.phase != NodePhase::Terminated
        });
        let concerned: Vec<NodeId> = concerned.map(|(id, _)| id).collect();
        for id in concerned {
            let price = discounted(change.price, self.fixed_discount(id));
            self.close_span(id);
            self.facts[id.index()].bill.change_price(self.now, price);
        }
    }

    /// Arms the first step of Spot prices that wander.
    pub(super) fn arm_spot_prices(&mut self) {
        if self.plan.ec2.spot_prices.is_some() {
            let catalog = &self.plan.ec2.catalog;
            self.deviations = vec![0.0; catalog.types().len() * catalog.zones().len()];
            self.queue.push(SimTime::ZERO, Event::SpotPrices { day: 0 });
        }
    }

    /// Spot prices take the step of `day`, running instances are billed so, and Karpenter hears of it at its next look.
    pub(super) fn spot_prices_move(&mut self, day: u32) {
        let Some(process) = self.plan.ec2.spot_prices else { return };
        let (catalog, zones) = (&self.plan.ec2.catalog, self.plan.ec2.catalog.zones().len());
        for (place, deviation) in self.deviations.iter_mut().enumerate() {
            let pool = CapacityPool {
                instance_type: Id::new((place / zones) as u32),
                zone: ZoneId((place % zones) as u8),
                capacity_type: CapacityType::Spot,
            };
            let Some(price) = self.market.price(pool) else { continue };
            let before = *deviation;
            *deviation = process.next(before, pool, u64::from(day), &self.streams);
            let on_demand = catalog.price(pool.instance_type, pool.zone, CapacityType::OnDemand);
            let on_demand = on_demand.unwrap_or(price);
            self.market.set_price(pool, SpotPriceProcess::moved(price, before, *deviation, on_demand));
        }
        let billed = self.nodes.iter().filter(|(_, node)| node.is_billed());
        let billed: Vec<NodeId> =
            billed.filter(|(_, node)| node.capacity == CapacityType::Spot).map(|(id, _)| id).collect();
        for id in billed {
            if let Some(price) = self.market.price(self.pool_of(id)) {
                self.close_span(id);
                self.facts[id.index()].bill.change_price(self.now, price);
            }
        }
        self.queue.push(self.now + SimDuration::from_hours(24), Event::SpotPrices { day: day + 1 });
        if self.karpenter.is_some() {
            let every = self.karpenter_plan().price_refresh.as_ms().max(1);
            let look = SimTime::from_ms(self.now.as_ms().div_ceil(every) * every);
            self.queue.push(look, Event::PriceRefresh);
        }
    }

    /// Karpenter reads the price list: what changed since its last look is believed from now on.
    pub(super) fn refresh_prices(&mut self) {
        let now = self.now;
        let (changes, zones) = (&self.plan.ec2.price_changes, self.plan.ec2.catalog.zones().len());
        let Some(side) = &mut self.karpenter else { return };
        for change in changes.iter().filter(|change| change.at <= now) {
            let Some(index) = side.types.iter().position(|known| *known == change.instance_type) else {
                continue;
            };
            let kind = instance_types::TypeId(index as u16);
            for pool in pools_of(change, zones) {
                let zone = instance_types::ZoneId(pool.zone.0);
                side.cluster.set_list_price(kind, zone, change.capacity, change.price);
            }
        }
        if self.deviations.is_empty() {
            return;
        }
        for (index, id) in (0..).zip(&side.types) {
            for zone in (0..zones as u8).map(ZoneId) {
                let pool = CapacityPool { instance_type: *id, zone, capacity_type: CapacityType::Spot };
                if let Some(price) = self.market.price(pool) {
                    let (kind, zone) = (instance_types::TypeId(index), instance_types::ZoneId(zone.0));
                    side.cluster.set_list_price(kind, zone, CapacityType::Spot, price);
                }
            }
        }
    }
}

fn pools_of(change: &PriceChange, zones: usize) -> impl Iterator<Item = CapacityPool> + use<> {
    let (instance_type, capacity_type): (TypeId, _) = (Id::new(change.instance_type.raw()), change.capacity);
    let only = change.zone;
    (0..zones as u8)
        .map(ZoneId)
        .filter(move |zone| only.is_none_or(|only| only == *zone))
        .map(move |zone| CapacityPool { instance_type, zone, capacity_type })
}

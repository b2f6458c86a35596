//! The two price books: what EC2 bills from an instant on, and what Karpenter believes once it has looked at the price list
//! again.

use crate::catalog::{TypeId, ZoneId};
use crate::ec2::{CapacityPool, discounted};
use crate::engine::Id;
use crate::fleet::{NodeId, NodePhase};
use crate::karpenter::instance_types;
use crate::units::SimTime;

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
        }
        let is_billed_so = |zone: u8| change.zone.is_none_or(|only| only.0 == zone);
        let concerned = self.nodes.iter().filter(|(_, node)| {
            node.instance_type == change.instance_type.raw()
                && node.capacity == change.capacity
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

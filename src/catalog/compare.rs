//! Two catalogs side by side, and one catalog against common sense: for own prices and own types, which are typed by hand.

use crate::units::HourlyPrice;

use super::builtin::Catalog;
use super::instance_type::{InstanceType, TypeId};
use super::kinds::CapacityType;
use super::region::ZoneId;

/// One thing in which two catalogs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The type is in the first catalog only.
    Removed(String),
    /// The type is in the second catalog only.
    Added(String),
    /// The type is in both with other facts.
    Changed(String),
    /// The type is in both at another price, or offered in one only.
    Price {
        /// The type.
        name: String,
        /// The zone's name.
        zone: String,
        /// On-demand or Spot.
        capacity_type: CapacityType,
        /// Price in the first catalog.
        before: Option<HourlyPrice>,
        /// Price in the second catalog.
        after: Option<HourlyPrice>,
    },
}

/// Something in a catalog that is probably a slip.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Spot dearer than on-demand.
    #[error("`{name}` in {zone}: Spot costs more than on-demand")]
    SpotAboveOnDemand {
        /// The type.
        name: String,
        /// The zone's name.
        zone: String,
    },
    /// Far from the price per vCPU of its family.
    #[error("`{name}` costs {percent} % of what its family costs per vCPU")]
    OffTheFamily {
        /// The type.
        name: String,
        /// On-demand price per vCPU in percent of the family's median.
        percent: u64,
    },
    /// The kubelet would leave pods nothing.
    #[error("`{0}` has no memory left for pods")]
    NoRoom(String),
}

const CAPACITY_TYPES: [CapacityType; 2] = [CapacityType::OnDemand, CapacityType::Spot];

impl Catalog {
    /// What is different in `after`, in name order. Prices are compared zone by zone, in this catalog's zones.
    #[must_use]
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let (mut old, mut new) = (self.type_ids().peekable(), after.type_ids().peekable());
        loop {
            match (old.peek().copied(), new.peek().copied()) {
                (None, None) => return found,
                (Some(id), other) if other.is_none_or(|other| self.get(id).name < after.get(other).name) => {
                    found.push(Difference::Removed(self.get(id).name.to_string()));
                    old.next();
                }
                (other, Some(id)) if other.is_none_or(|other| after.get(id).name < self.get(other).name) => {
                    found.push(Difference::Added(after.get(id).name.to_string()));
                    new.next();
                }
                (Some(before), Some(now)) => {
                    self.compare_type(before, after, now, &mut found);
                    old.next();
                    new.next();
                }
                (Some(_), None) => {
                    old.next();
                }
                (None, Some(_)) => {
                    new.next();
                }
            }
        }
    }

    fn compare_type(&self, id: TypeId, after: &Self, now: TypeId, found: &mut Vec<Difference>) {
        let kind = self.get(id);
        if kind != after.get(now) {
            found.push(Difference::Changed(kind.name.to_string()));
        }
        for (index, zone) in self.zones.iter().enumerate() {
            let there = after.zone(&zone.name);
            for capacity_type in CAPACITY_TYPES {
                let before = self.price(id, ZoneId(index as u8), capacity_type);
                let price = there.and_then(|there| after.price(now, there, capacity_type));
                if before != price {
                    found.push(Difference::Price {
                        name: kind.name.to_string(),
                        zone: zone.name.clone(),
                        capacity_type,
                        before,
                        after: price,
                    });
                }
            }
        }
    }

    /// What looks like a slip: Spot above on-demand, a price below half or above double of what the family costs per
    /// vCPU, no room for pods. The embedded catalogs raise no doubt.
    #[must_use]
    pub fn doubts(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        for id in self.type_ids().filter(|id| self.prices(*id).is_some()) {
            let kind = self.get(id);
            for (index, zone) in self.zones.iter().enumerate() {
                let [on_demand, spot] =
                    CAPACITY_TYPES.map(|capacity_type| self.price(id, ZoneId(index as u8), capacity_type));
                if on_demand.zip(spot).is_some_and(|(on_demand, spot)| spot > on_demand) {
                    doubts.push(Doubt::SpotAboveOnDemand {
                        name: kind.name.to_string(),
                        zone: zone.name.clone(),
                    });
                }
            }
            if let Some(percent) = self.percent_of_family(id).filter(|percent| !(50..=200).contains(percent))
            {
                doubts.push(Doubt::OffTheFamily { name: kind.name.to_string(), percent });
            }
            if has_no_room(kind) {
                doubts.push(Doubt::NoRoom(kind.name.to_string()));
            }
        }
        doubts
    }

    /// On-demand price per vCPU in percent of the median of the other sizes; `None` with fewer than two others.
    /// Left out are burstable and exotic families (their sizes differ in credits, or as `hpc` in nothing but vCPUs)
    /// and bare metal, whose list prices are off.
    fn percent_of_family(&self, id: TypeId) -> Option<u64> {
        let kind = self.get(id);
        let per_vcpu = |id: TypeId| Some(self.prices(id)?.on_demand.0 / u64::from(self.get(id).vcpus.max(1)));
        if kind.burstable || kind.exotic || kind.bare_metal {
            return None;
        }
        // Names are in order: those that begin with the family and its dot are next to each other.
        let prefix = format!("{}.", kind.family());
        let first = self.types.partition_point(|other| *other.name < *prefix);
        let mut others: Vec<u64> = self.types[first..]
            .iter()
            .zip(first as u32..)
            .take_while(|(other, _)| other.family() == kind.family())
            .filter(|(other, _)| other.name != kind.name)
            .filter_map(|(_, raw)| per_vcpu(TypeId::new(raw)))
            .collect();
        others.sort_unstable();
        let median = *others.get(others.len() / 2).filter(|_| others.len() > 1)?;
        Some(per_vcpu(id)? * 100 / median.max(1))
    }
}

fn has_no_room(kind: &InstanceType) -> bool {
    kind.allocatable().memory.0 == 0 && !kind.burstable
}

//! Which capacity pools something concerns: by type, zone and way of buying.

use crate::catalog::{CapacityType, TypeId, ZoneId};

use super::capacity::CapacityPool;

/// A set of capacity pools. The default holds all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolFilter {
    /// By type index, whether it belongs; `None` is every type.
    types: Option<Vec<bool>>,
    /// Zones that belong; empty is all.
    zones: Vec<ZoneId>,
    /// On-demand or Spot only.
    capacity_type: Option<CapacityType>,
}

impl PoolFilter {
    /// Only these types.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = TypeId>) -> Self {
        let mut belong = Vec::new();
        for id in types {
            if id.index() >= belong.len() {
                belong.resize(id.index() + 1, false);
            }
            belong[id.index()] = true;
        }
        self.types = Some(belong);
        self
    }

    /// Only these zones; none given are all.
    #[must_use]
    pub fn zones(mut self, zones: impl IntoIterator<Item = ZoneId>) -> Self {
        self.zones = zones.into_iter().collect();
        self
    }

    /// Only what is bought so.
    #[must_use]
    pub fn bought(mut self, capacity_type: CapacityType) -> Self {
        self.capacity_type = Some(capacity_type);
        self
    }

    /// Whether the pool belongs.
    #[must_use]
    pub fn covers(&self, pool: CapacityPool) -> bool {
        let type_belongs =
            |types: &Vec<bool>| types.get(pool.instance_type.index()).copied().unwrap_or(false);
        self.capacity_type.is_none_or(|capacity_type| capacity_type == pool.capacity_type)
            && (self.zones.is_empty() || self.zones.contains(&pool.zone))
            && self.types.as_ref().is_none_or(type_belongs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_belongs_where_type_zone_and_way_of_buying_do() {
        let pool = |kind, zone, capacity_type| CapacityPool {
            instance_type: TypeId::new(kind),
            zone: ZoneId(zone),
            capacity_type,
        };
        assert!(PoolFilter::default().covers(pool(7, 2, CapacityType::Spot)));
        let some = PoolFilter::default()
            .types([TypeId::new(3), TypeId::new(5)])
            .zones([ZoneId(1)])
            .bought(CapacityType::Spot);
        assert!(some.covers(pool(5, 1, CapacityType::Spot)));
        for other in [
            pool(4, 1, CapacityType::Spot),
            pool(9, 1, CapacityType::Spot),
            pool(5, 0, CapacityType::Spot),
            pool(5, 1, CapacityType::OnDemand),
        ] {
            assert!(!some.covers(other), "{other:?}");
        }
    }
}

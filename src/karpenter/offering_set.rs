//! Zones, capacity types and sets of their pairs: the ways in which an instance type can be bought.

use crate::catalog::CapacityType;

/// A zone by its place in [`InstanceTypes`](super::instance_types::InstanceTypes) (zones are numbered in name order).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u8);

/// Most zones of a region.
pub const MAX_ZONES: usize = 8;

/// A set of (zone, capacity type) pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OfferingSet(u16);

impl OfferingSet {
    /// Puts a pair in.
    pub fn insert(&mut self, zone: ZoneId, capacity_type: CapacityType) {
        self.0 |= 1 << slot(zone, capacity_type);
    }

    /// Whether the pair at that place is in it.
    pub(super) const fn has_slot(self, slot: usize) -> bool {
        self.0 >> slot & 1 == 1
    }

    /// Whether the pair is in it.
    #[must_use]
    pub fn contains(self, zone: ZoneId, capacity_type: CapacityType) -> bool {
        self.0 >> slot(zone, capacity_type) & 1 == 1
    }
}

/// The place of a pair among all pairs.
pub(super) const fn slot(zone: ZoneId, capacity_type: CapacityType) -> usize {
    zone.0 as usize * 2 + capacity_type as usize
}

/// Both capacity types.
pub const CAPACITY_TYPES: [CapacityType; 2] = [CapacityType::OnDemand, CapacityType::Spot];

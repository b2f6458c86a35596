//! Zones, capacity types, reservations and sets of them: the ways in which an instance type can be bought.

use super::instance_types::Offering;
use super::reservations::{MAX_RESERVATIONS, ReservationId};
use crate::catalog::CapacityType;

/// A zone by its place in [`InstanceTypes`](super::instance_types::InstanceTypes) (zones are numbered in name order).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u8);

/// Most zones of a region.
pub const MAX_ZONES: usize = 8;

/// Where the reservations begin among the places of a set.
const RESERVATIONS_FROM: usize = MAX_ZONES * 2;

const _: () = assert!(RESERVATIONS_FROM + MAX_RESERVATIONS <= u64::BITS as usize);

/// A set of (zone, capacity type) pairs on demand or Spot, and of capacity reservations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OfferingSet(u64);

impl OfferingSet {
    /// Puts a pair in. There is no pair for reserved capacity, which is told apart by reservation.
    pub fn insert(&mut self, zone: ZoneId, capacity_type: CapacityType) {
        if capacity_type != CapacityType::Reserved {
            self.0 |= 1 << slot(zone, capacity_type);
        }
    }

    /// Puts a reservation in.
    pub fn insert_reservation(&mut self, reservation: ReservationId) {
        self.0 |= 1 << (RESERVATIONS_FROM + usize::from(reservation.0));
    }

    /// Whether the pair at that place is in it.
    pub(super) const fn has_slot(self, slot: usize) -> bool {
        self.0 >> slot & 1 == 1
    }

    /// Whether the pair is in it; never for reserved capacity, see [`OfferingSet::allows`].
    #[must_use]
    pub fn contains(self, zone: ZoneId, capacity_type: CapacityType) -> bool {
        capacity_type != CapacityType::Reserved && self.has_slot(slot(zone, capacity_type))
    }

    /// Whether an offering is in it: its reservation, or its pair.
    #[must_use]
    pub fn allows(self, offering: &Offering) -> bool {
        self.has_slot(offering.place())
    }

    /// The reservations in it.
    pub(super) const fn reservations(self) -> ReservationSet {
        ReservationSet(self.0 >> RESERVATIONS_FROM)
    }
}

/// A set of capacity reservations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ReservationSet(u64);

impl ReservationSet {
    /// Whether there are none.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is in it.
    pub(super) const fn contains(self, reservation: ReservationId) -> bool {
        self.0 >> reservation.0 & 1 == 1
    }

    /// Puts one in.
    pub(super) fn insert(&mut self, reservation: ReservationId) {
        self.0 |= 1 << reservation.0;
    }

    /// Those that are not in `other`.
    pub(super) const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Its members in order.
    pub(super) fn iter(self) -> impl Iterator<Item = ReservationId> {
        (0..MAX_RESERVATIONS as u8).map(ReservationId).filter(move |one| self.contains(*one))
    }
}

impl Offering {
    /// Its place among all ways to buy a type in a region.
    pub(super) fn place(&self) -> usize {
        match self.reservation {
            Some(reservation) => RESERVATIONS_FROM + usize::from(reservation.0),
            None => slot(self.zone, self.capacity_type),
        }
    }
}

/// The place of a pair on demand or Spot among all pairs.
pub(super) const fn slot(zone: ZoneId, capacity_type: CapacityType) -> usize {
    zone.0 as usize * 2 + capacity_type as usize
}

/// All capacity types.
pub const CAPACITY_TYPES: [CapacityType; 3] =
    [CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved];

//! Capacity reservations as Karpenter sees them: which pools may use which, how many instances each still has, and the
//! offerings that they are. Not what they cost.

use super::instance_types::{InstanceTypes, Offering, OfferingSet, TypeId, ZoneId};
use super::labels::{self, LabelValue, Vocabulary};
use super::requirements::{Requirement, Requirements};
use super::type_set::TypeSet;
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// A capacity reservation by its place in the list given to [`Cluster::set_reservations`](super::Cluster::set_reservations).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(pub u8);

/// Most capacity reservations of a region.
pub const MAX_RESERVATIONS: usize = 48;

/// A reserved instance counts as almost free, in the order of on-demand prices: Karpenter takes the on-demand price over ten
/// million (aws `offering/reserved_capacity_resolver.go`, v1.15.0). A price here is a whole number of nano-dollars, so a
/// hundred times as much, which keeps prices of four decimals apart and is still below every price of Spot.
const PRICE_PART: u64 = 100_000;

/// A capacity reservation (ODCR) that pools select with `capacityReservationSelectorTerms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservationSpec {
    /// Its id, `cr-…`.
    pub id: String,
    /// Instance type.
    pub instance_type: String,
    /// Zone.
    pub zone: String,
    /// How many instances it reserves.
    pub count: u32,
    /// Names of the NodePools that may use it; empty for all.
    pub pools: Vec<String>,
}

/// A capacity reservation, read.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    id: LabelValue,
    /// The type and zone; none where they are not offered.
    place: Option<(TypeId, ZoneId)>,
    /// The `karpenter.sh/nodepool` labels of the pools that may use it; `None` for all.
    pools: Option<Vec<LabelValue>>,
    /// Instances that it still has, as far as Karpenter knows.
    pub(super) left: u32,
    is_active: bool,
}

impl Reservation {
    /// Its instance type, where that is offered.
    pub(super) fn type_id(&self) -> Option<TypeId> {
        self.place.map(|(type_id, _)| type_id)
    }
}

impl InstanceTypes {
    /// Adds capacity reservations: offerings of their types. Call it once, before anything is decided. Those of types or zones
    /// that are not offered are kept out of use.
    ///
    /// # Panics
    /// Beyond [`MAX_RESERVATIONS`].
    pub(super) fn set_reservations(&mut self, specs: &[ReservationSpec], vocabulary: &mut Vocabulary) {
        assert!(
            specs.len() <= MAX_RESERVATIONS,
            "there are at most {MAX_RESERVATIONS} capacity reservations"
        );
        self.reservation_labels = ["default", "false"].map(|text| vocabulary.value(text));
        for (spec, number) in specs.iter().zip(0..) {
            let known = self.id_of(&spec.instance_type).zip(self.zone_of(&spec.zone, vocabulary));
            let pools = spec.pools.iter().map(|name| vocabulary.value(name)).collect();
            self.reservations.push(Reservation {
                id: vocabulary.value(&spec.id),
                place: known,
                pools: (!spec.pools.is_empty()).then_some(pools),
                left: spec.count,
                is_active: known.is_some(),
            });
            if let Some(place) = known {
                self.add_reserved_offering(ReservationId(number), place, spec.count > 0);
            }
        }
        self.offerings_version += 1;
    }

    fn add_reserved_offering(
        &mut self,
        id: ReservationId,
        (type_id, zone): (TypeId, ZoneId),
        is_available: bool,
    ) {
        let on_demand = self.offering(type_id, zone, CapacityType::OnDemand).map_or(0, |one| one.price.0);
        let reserved = self.capacity_type_label(CapacityType::Reserved);
        let instance_type = &mut self.types[usize::from(type_id.0)];
        instance_type.offerings.push(Offering {
            zone,
            capacity_type: CapacityType::Reserved,
            price: reserved_price(HourlyPrice(on_demand)),
            is_available,
            reservation: Some(id),
        });
        instance_type.offerings.sort_by_key(|one| (one.zone, one.capacity_type));
        let kinds = instance_type.requirements.get(labels::CAPACITY_TYPE);
        let mut kinds = kinds.map_or_else(Vec::new, |one| one.values.clone());
        kinds.push(reserved);
        instance_type.requirements.replace(Requirement::one_of(labels::CAPACITY_TYPE, kinds));
    }

    /// Whether there are any reservations.
    #[must_use]
    pub fn has_reservations(&self) -> bool {
        !self.reservations.is_empty()
    }

    /// How many instances a reservation still has, as far as Karpenter knows.
    #[must_use]
    pub fn reservation_left(&self, id: ReservationId) -> u32 {
        self.reservations[usize::from(id.0)].left
    }

    /// The label values that a node in the reservation has, with their keys.
    pub(super) fn reservation_requirements(&self, id: ReservationId) -> [Requirement; 3] {
        let [kind, interruptible] = self.reservation_labels;
        [
            Requirement::is(labels::RESERVATION_ID, self.reservation_label(id)),
            Requirement::is(labels::RESERVATION_TYPE, kind),
            Requirement::is(labels::RESERVATION_INTERRUPTIBLE, interruptible),
        ]
    }

    pub(super) fn reservation_label(&self, id: ReservationId) -> LabelValue {
        self.reservations[usize::from(id.0)].id
    }

    /// Karpenter counts one instance less (launched) or more (terminated) in a reservation
    /// (aws `capacityreservation/types.go` `MarkLaunched`, `MarkTerminated`, v1.15.0).
    pub(super) fn count_reserved(&mut self, id: ReservationId, delta: i32) {
        let reservation = &mut self.reservations[usize::from(id.0)];
        reservation.left = reservation.left.saturating_add_signed(delta);
        self.refresh_reserved_offering(id);
    }

    /// The reservation ended: nothing is launched into it any more.
    pub(super) fn end_reservation(&mut self, id: ReservationId) {
        self.reservations[usize::from(id.0)].is_active = false;
        self.refresh_reserved_offering(id);
    }

    fn refresh_reserved_offering(&mut self, id: ReservationId) {
        let reservation = &self.reservations[usize::from(id.0)];
        let is_available = reservation.is_active && reservation.left > 0;
        let Some((type_id, _)) = reservation.place else { return };
        let offerings = &mut self.types[usize::from(type_id.0)].offerings;
        for one in offerings.iter_mut().filter(|one| one.reservation == Some(id)) {
            if one.is_available != is_available {
                one.is_available = is_available;
                self.offerings_version += 1;
            }
        }
    }

    pub(super) fn is_reservation_available(&self, id: ReservationId) -> bool {
        let reservation = &self.reservations[usize::from(id.0)];
        reservation.is_active && reservation.left > 0
    }

    /// Adds the reservations that requirements allow: of their pool, in an allowed zone, by id (aws
    /// `offering/reserved_capacity_resolver.go`, v1.15.0).
    pub(super) fn allow_reservations(
        &self,
        requirements: &Requirements,
        vocabulary: &Vocabulary,
        allowed: &mut OfferingSet,
    ) {
        let reserved = self.capacity_type_label(CapacityType::Reserved);
        if !requirements.allows(labels::CAPACITY_TYPE, reserved, vocabulary) {
            return;
        }
        for (id, reservation) in self.all_reservations() {
            let Some((_, zone)) = reservation.place else { continue };
            let is_of_pool = reservation.pools.as_ref().is_none_or(|pools| {
                pools.iter().any(|pool| requirements.allows(labels::NODE_POOL, *pool, vocabulary))
            });
            let has_labels = self
                .reservation_requirements(id)
                .iter()
                .all(|label| requirements.allows(label.key, label.values[0], vocabulary));
            if is_of_pool && has_labels && self.is_zone_allowed(requirements, zone, vocabulary) {
                allowed.insert_reservation(id);
            }
        }
    }

    /// Adds the types to be had through the reservations of a set.
    pub(super) fn add_reserved(&self, allowed: OfferingSet, types: &mut TypeSet) {
        for id in allowed.reservations().iter().filter(|id| self.is_reservation_available(*id)) {
            if let Some(type_id) = self.reservations[usize::from(id.0)].type_id() {
                types.insert(type_id);
            }
        }
    }

    pub(super) fn all_reservations(&self) -> impl Iterator<Item = (ReservationId, &Reservation)> {
        self.reservations.iter().zip(0..).map(|(one, number)| (ReservationId(number), one))
    }
}

/// What Karpenter takes a reserved instance to cost.
pub(super) fn reserved_price(on_demand: HourlyPrice) -> HourlyPrice {
    HourlyPrice(on_demand.0 / PRICE_PART)
}

impl super::Cluster {
    /// Adds the capacity reservations that pools select. Call it once, before anything is decided.
    ///
    /// # Panics
    /// Beyond [`MAX_RESERVATIONS`].
    pub fn set_reservations(&mut self, specs: &[ReservationSpec]) {
        let (types, vocabulary) = self.types_and_vocabulary();
        types.set_reservations(specs, vocabulary);
    }

    /// A reservation ended: its offering is gone. Its nodes go on as on-demand ones, which Karpenter notes on its next round
    /// ([`Cluster::demote_reserved`](super::Cluster::demote_reserved)).
    pub fn reservation_ended(&mut self, id: ReservationId) {
        self.instance_types_mut().end_reservation(id);
    }
}

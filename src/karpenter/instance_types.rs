//! Instance types as Karpenter sees them: labels, capacity, allocatable and offerings with price and availability.

use rustc_hash::FxHashMap;

use super::labels::{self, LabelValue, Vocabulary};
use super::offering_prices::PoolPrices;
use super::offering_set::slot;
pub use super::offering_set::{CAPACITY_TYPES, MAX_ZONES, OfferingSet, ZoneId};
use super::requirements::{Requirement, Requirements};
use super::reservations::{Reservation, ReservationId};
use super::resources::Amounts;
use super::type_set::{MAX_TYPES, TypeSet};
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// An instance type by its place in [`InstanceTypes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u16);

/// An instance type as the loop describes it from the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceTypeSpec {
    /// Name, such as `m6i.large`.
    pub name: String,
    /// What the machine has (counts against NodePool limits).
    pub capacity: Amounts,
    /// What pods may use.
    pub allocatable: Amounts,
    /// Label keys with the values the type can have. A well-known key that is missing does not exist on the type.
    /// The type's name, zones and capacity types are added from the other fields.
    pub labels: Vec<(String, Vec<String>)>,
    /// Where and how it can be bought.
    pub offerings: Vec<OfferingSpec>,
}

/// A way to buy an instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferingSpec {
    /// Zone name.
    pub zone: String,
    /// Zone id (`use1-az1`), where known.
    pub zone_id: Option<String>,
    /// On demand or Spot.
    pub capacity_type: CapacityType,
    /// Price that Karpenter believes.
    pub price: HourlyPrice,
    /// Whether it is to be had.
    pub is_available: bool,
}

/// A way to buy an instance type, with interned zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Zone.
    pub zone: ZoneId,
    /// How.
    pub capacity_type: CapacityType,
    /// Price that Karpenter believes.
    pub price: HourlyPrice,
    /// Whether it is to be had.
    pub is_available: bool,
    /// The capacity reservation that it is, if it is one.
    pub reservation: Option<ReservationId>,
}

/// An instance type.
#[derive(Clone, Debug)]
pub struct InstanceType {
    /// Name.
    pub name: Box<str>,
    /// What the machine has.
    pub capacity: Amounts,
    /// What pods may use.
    pub allocatable: Amounts,
    /// Whether it is exotic for the launch filter: bare metal.
    pub is_metal: bool,
    /// What its labels can be.
    pub requirements: Requirements,
    /// Where and how it can be bought, by zone, on demand before Spot before reserved.
    pub offerings: Vec<Offering>,
    /// Its place in the order of names.
    pub name_rank: u16,
}

#[derive(Clone, Debug)]
struct Zone {
    name: LabelValue,
    zone_id: Option<LabelValue>,
}

/// All instance types of the account and region. Prices and availability change; the rest does not.
#[derive(Clone, Debug)]
pub struct InstanceTypes {
    available: [TypeSet; MAX_ZONES * 2],
    capacity_type_labels: [LabelValue; CAPACITY_TYPES.len()],
    ids: FxHashMap<Box<str>, TypeId>,
    pub(super) offerings_version: u32,
    /// By pool: what it believes that offerings cost, where that is not the list price.
    pub(super) pool_prices: Vec<PoolPrices>,
    /// Values of the labels for the type of a reservation and for whether it is interruptible.
    pub(super) reservation_labels: [LabelValue; 2],
    pub(super) reservations: Vec<Reservation>,
    pub(super) types: Vec<InstanceType>,
    zones: Vec<Zone>,
}

impl InstanceTypes {
    /// The instance types described.
    ///
    /// # Panics
    /// Beyond [`MAX_TYPES`] types or [`MAX_ZONES`] zones.
    #[must_use]
    pub fn new(specs: &[InstanceTypeSpec], vocabulary: &mut Vocabulary) -> Self {
        assert!(specs.len() <= MAX_TYPES, "Karpenter's room holds at most {MAX_TYPES} instance types");
        let mut zones: Vec<(&str, Option<&str>)> = specs
            .iter()
            .flat_map(|spec| &spec.offerings)
            .map(|offering| (offering.zone.as_str(), offering.zone_id.as_deref()))
            .collect();
        zones.sort_unstable();
        zones.dedup_by_key(|zone| zone.0);
        assert!(zones.len() <= MAX_ZONES, "Karpenter's room holds at most {MAX_ZONES} zones");
        let mut all = Self {
            available: [TypeSet::EMPTY; MAX_ZONES * 2],
            capacity_type_labels: CAPACITY_TYPES.map(|kind| vocabulary.value(kind.label())),
            ids: FxHashMap::default(),
            offerings_version: 0,
            pool_prices: Vec::new(),
            reservation_labels: [LabelValue(0); 2],
            reservations: Vec::new(),
            types: Vec::with_capacity(specs.len()),
            zones: zones
                .iter()
                .map(|(name, zone_id)| Zone {
                    name: vocabulary.value(name),
                    zone_id: zone_id.map(|text| vocabulary.value(text)),
                })
                .collect(),
        };
        let mut by_name: Vec<usize> = (0..specs.len()).collect();
        by_name.sort_unstable_by_key(|index| &specs[*index].name);
        let mut ranks = vec![0_u16; specs.len()];
        for (rank, index) in by_name.into_iter().enumerate() {
            ranks[index] = rank as u16;
        }
        for (spec, rank) in specs.iter().zip(ranks) {
            all.add(spec, rank, &zones, vocabulary);
        }
        all
    }

    fn add(
        &mut self,
        spec: &InstanceTypeSpec,
        name_rank: u16,
        zones: &[(&str, Option<&str>)],
        vocabulary: &mut Vocabulary,
    ) {
        let id = TypeId(self.types.len() as u16);
        let mut offerings: Vec<Offering> = spec
            .offerings
            .iter()
            .map(|offering| Offering {
                zone: ZoneId(zones.partition_point(|zone| zone.0 < offering.zone.as_str()) as u8),
                capacity_type: offering.capacity_type,
                price: offering.price,
                is_available: offering.is_available,
                reservation: None,
            })
            .collect();
        offerings.sort_unstable_by_key(|offering| (offering.zone, offering.capacity_type));
        for offering in offerings.iter().filter(|offering| offering.is_available) {
            self.available[slot(offering.zone, offering.capacity_type)].insert(id);
        }
        let requirements = self.type_requirements(spec, &offerings, vocabulary);
        let is_metal = requirements
            .get(labels::INSTANCE_SIZE)
            .is_some_and(|size| size.values.iter().any(|value| vocabulary.text(*value).contains("metal")));
        self.types.push(InstanceType {
            name: spec.name.as_str().into(),
            capacity: spec.capacity,
            allocatable: spec.allocatable,
            is_metal,
            requirements,
            offerings,
            name_rank,
        });
        self.ids.insert(spec.name.as_str().into(), id);
    }

    fn type_requirements(
        &self,
        spec: &InstanceTypeSpec,
        offerings: &[Offering],
        vocabulary: &mut Vocabulary,
    ) -> Requirements {
        let mut all = Requirements::new();
        for key in vocabulary.type_keys() {
            all.replace(Requirement::nothing(key, None));
        }
        for (key, values) in &spec.labels {
            let key = vocabulary.key(key);
            let values = values.iter().map(|text| vocabulary.value(text)).collect();
            all.replace(Requirement::one_of(key, values));
        }
        all.replace(Requirement::is(labels::INSTANCE_TYPE, vocabulary.value(&spec.name)));
        let zones = offerings.iter().map(|offering| self.zone_label(offering.zone)).collect();
        all.replace(Requirement::one_of(labels::ZONE, zones));
        let kinds =
            offerings.iter().map(|offering| self.capacity_type_label(offering.capacity_type)).collect();
        all.replace(Requirement::one_of(labels::CAPACITY_TYPE, kinds));
        let zone_ids: Vec<LabelValue> = offerings
            .iter()
            .filter_map(|offering| self.zones[usize::from(offering.zone.0)].zone_id)
            .collect();
        if !zone_ids.is_empty() {
            all.replace(Requirement::one_of(labels::ZONE_ID, zone_ids));
        }
        all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The type.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &InstanceType {
        &self.types[usize::from(id.0)]
    }

    /// All types with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &InstanceType)> {
        self.types.iter().enumerate().map(|(index, one)| (TypeId(index as u16), one))
    }

    /// The type's name as a label value.
    #[must_use]
    pub fn name_label(&self, id: TypeId) -> LabelValue {
        let name = self.get(id).requirements.get(labels::INSTANCE_TYPE).expect("every type has its name");
        name.values[0]
    }

    /// The type of that name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<TypeId> {
        self.ids.get(name).copied()
    }

    /// How many zones there are.
    #[must_use]
    pub fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// The zone of that name.
    #[must_use]
    pub fn zone_of(&self, name: &str, vocabulary: &Vocabulary) -> Option<ZoneId> {
        let value = vocabulary.known_value(name)?;
        self.zones.iter().position(|zone| zone.name == value).map(|index| ZoneId(index as u8))
    }

    /// The label value of a zone.
    #[must_use]
    pub fn zone_label(&self, zone: ZoneId) -> LabelValue {
        self.zones[usize::from(zone.0)].name
    }

    /// The zone id (`use1-az1`) of a zone, where known.
    #[must_use]
    pub fn zone_id_label(&self, zone: ZoneId) -> Option<LabelValue> {
        self.zones[usize::from(zone.0)].zone_id
    }

    /// The label value of a capacity type.
    #[must_use]
    pub fn capacity_type_label(&self, capacity_type: CapacityType) -> LabelValue {
        self.capacity_type_labels[capacity_type as usize]
    }

    /// The offering of a type in a zone.
    #[must_use]
    pub fn offering(&self, id: TypeId, zone: ZoneId, capacity_type: CapacityType) -> Option<&Offering> {
        self.get(id)
            .offerings
            .iter()
            .find(|offering| offering.zone == zone && offering.capacity_type == capacity_type)
    }

    /// Counts up with every change of a price or an availability.
    #[must_use]
    pub fn offerings_version(&self) -> u32 {
        self.offerings_version
    }

    /// Marks an offering as to be had or not. Says whether that changed anything.
    pub fn set_available(
        &mut self,
        id: TypeId,
        zone: ZoneId,
        capacity_type: CapacityType,
        is_available: bool,
    ) -> bool {
        let offerings = &mut self.types[usize::from(id.0)].offerings;
        let found = offerings
            .iter_mut()
            .find(|offering| offering.zone == zone && offering.capacity_type == capacity_type)
            .filter(|offering| offering.is_available != is_available);
        let Some(offering) = found else { return false };
        offering.is_available = is_available;
        let set = &mut self.available[slot(zone, capacity_type)];
        if is_available {
            set.insert(id);
        } else {
            set.remove(id);
        }
        self.offerings_version += 1;
        true
    }

    /// The (zone, capacity type) pairs that requirements allow.
    #[must_use]
    pub fn allowed_offerings(&self, requirements: &Requirements, vocabulary: &Vocabulary) -> OfferingSet {
        let mut allowed = OfferingSet::default();
        if labels::RESERVATION_KEYS
            .iter()
            .all(|key| requirements.get(*key).is_none_or(Requirement::allows_absence))
        {
            for zone in (0..self.zones.len() as u8).map(ZoneId) {
                let is_zone_allowed = self.is_zone_allowed(requirements, zone, vocabulary);
                for kind in [CapacityType::OnDemand, CapacityType::Spot] {
                    let label = self.capacity_type_label(kind);
                    if is_zone_allowed && requirements.allows(labels::CAPACITY_TYPE, label, vocabulary) {
                        allowed.insert(zone, kind);
                    }
                }
            }
        }
        self.allow_reservations(requirements, vocabulary, &mut allowed);
        allowed
    }

    pub(super) fn is_zone_allowed(
        &self,
        requirements: &Requirements,
        zone: ZoneId,
        vocabulary: &Vocabulary,
    ) -> bool {
        let zone = &self.zones[usize::from(zone.0)];
        requirements.allows(labels::ZONE, zone.name, vocabulary)
            && zone.zone_id.is_none_or(|id| requirements.allows(labels::ZONE_ID, id, vocabulary))
    }

    /// The types that are to be had through one of `allowed`.
    #[must_use]
    pub fn available_through(&self, allowed: OfferingSet) -> TypeSet {
        let mut types = TypeSet::EMPTY;
        for (index, set) in self.available[..self.zones.len() * 2].iter().enumerate() {
            if allowed.has_slot(index) {
                types = types.or(set);
            }
        }
        self.add_reserved(allowed, &mut types);
        types
    }
}

//! What a scenario adds: its own instance types and prices.

use crate::engine::Id;
use crate::units::{HourlyPrice, Mebibytes, Ppm};
use std::borrow::Cow;

use super::builtin::Catalog;
use super::instance_type::{CpuManufacturer, InstanceType, TypeId};
use super::kinds::{Arch, CapacityType};
use super::offering::PriceTable;
use super::price::{InterruptionRating, PriceBasis, SpotBasis, SpotFacts, TypePrices, spot_digits};
use super::region::ZoneId;

/// An instance type that a scenario defines. A name of the embedded catalog replaces that type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomType {
    /// Full name; `family.size` gives the labels family and size.
    pub name: String,
    /// CPU architecture.
    pub arch: Arch,
    /// vCPUs, at least 1.
    pub vcpus: u32,
    /// Advertised memory, at least 1 MiB.
    pub memory: Mebibytes,
    /// Name of a CPU generation of the catalog. Default: that of the family where it is known, else
    /// `intel-skylake-cascadelake` on amd64 and `graviton2` on arm64.
    pub cpu_generation: Option<String>,
    /// Most pods on the node. Default: 110 (kubelet's own).
    pub max_pods: Option<u32>,
    /// Local NVMe storage in GB, 0 without.
    pub local_nvme_gb: u32,
    /// Baseline network bandwidth in Mbit/s, 0 where unknown.
    pub network_mbps: u32,
}

/// A price that a scenario gives, for a type of its own or an embedded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomPrice {
    /// Name of the type.
    pub instance_type: String,
    /// Zone name; every zone where `None`.
    pub zone: Option<String>,
    /// On-demand or Spot.
    pub capacity_type: CapacityType,
    /// Dollars per hour; zero withdraws the offering.
    pub price: HourlyPrice,
    /// How often Spot capacity is interrupted. Default: the catalog's rating, 10-15 % for own types.
    pub rating: Option<InterruptionRating>,
}

/// Why custom types or prices were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    /// A type without vCPUs or memory.
    #[error("instance type `{0}` has no vCPUs or no memory")]
    Empty(String),
    /// Two custom types of one name.
    #[error("instance type `{0}` is defined twice")]
    Duplicate(String),
    /// The generation's name is unknown.
    #[error("instance type `{name}`: unknown cpu_generation `{generation}`; known are {known}")]
    UnknownGeneration {
        /// The type.
        name: String,
        /// What was written.
        generation: String,
        /// The names that exist.
        known: String,
    },
    /// The architecture of the generation is another one.
    #[error("instance type `{name}` is {arch}, but cpu_generation `{generation}` is not")]
    WrongArch {
        /// The type.
        name: String,
        /// Its architecture.
        arch: Arch,
        /// The generation.
        generation: String,
    },
    /// A price for a type that does not exist.
    #[error("price for unknown instance type `{0}`")]
    UnknownType(String),
    /// A price for a zone that does not exist.
    #[error("price of `{name}`: region {region} has no zone `{zone}`")]
    UnknownZone {
        /// The type.
        name: String,
        /// What was written.
        zone: String,
        /// The catalog's region.
        region: String,
    },
    /// Nobody could ever launch it, or savings have nothing to be measured against.
    #[error("instance type `{0}` has no on-demand price")]
    NoPrice(String),
}

impl Catalog {
    /// This catalog with a scenario's own types and prices. Ids are handed out anew: take none from before.
    /// Later prices win over earlier ones and over the catalog's.
    ///
    /// # Errors
    /// See [`CustomError`].
    pub fn with_custom(mut self, types: &[CustomType], prices: &[CustomPrice]) -> Result<Self, CustomError> {
        let mut own: Vec<InstanceType> = Vec::with_capacity(types.len());
        for kind in types {
            let built = self.build(kind)?;
            if own.iter().any(|other| other.name == built.name) {
                return Err(CustomError::Duplicate(kind.name.clone()));
            }
            own.push(built);
        }
        self.merge(own);
        for price in prices {
            self.apply(price)?;
        }
        for kind in types {
            if self.find(&kind.name).is_none_or(|id| self.prices(id).is_none()) {
                return Err(CustomError::NoPrice(kind.name.clone()));
            }
        }
        Ok(self)
    }

    /// This catalog with every Spot price set to on-demand less `discount`, in every zone alike; interruption ratings
    /// stay. Types without Spot stay without.
    #[must_use]
    pub fn with_spot_discount(mut self, discount: Ppm) -> Self {
        let kept = Ppm(1_000_000 - discount.0.min(999_999));
        for id in self.type_ids() {
            let Some(facts) = &mut self.prices[id.index()] else { continue };
            let Some(spot) = &mut facts.spot else { continue };
            spot.savings_percent = discount.0 / 10_000;
            spot.basis = SpotBasis::Scenario;
            let price = spot_digits(kept.of(facts.on_demand.0)).min(facts.on_demand);
            for zone in (0..self.zones.len() as u8).map(ZoneId) {
                if self.table.get(id, zone, CapacityType::Spot).is_some() {
                    self.table.set(id, zone, CapacityType::Spot, price);
                }
            }
        }
        self
    }

    fn build(&self, kind: &CustomType) -> Result<InstanceType, CustomError> {
        if kind.vcpus == 0 || kind.memory.0 == 0 {
            return Err(CustomError::Empty(kind.name.clone()));
        }
        let family = kind.name.split_once('.').map_or(&*kind.name, |(family, _)| family);
        let generation = match &kind.cpu_generation {
            Some(name) => self.find_generation(name).ok_or_else(|| CustomError::UnknownGeneration {
                name: kind.name.clone(),
                generation: name.clone(),
                known: self.generations.iter().map(|known| known.name).collect::<Vec<_>>().join(", "),
            })?,
            None => self.default_generation(family, kind.arch),
        };
        let facts = &self.generations[generation.index()];
        if facts.arch != kind.arch {
            return Err(CustomError::WrongArch {
                name: kind.name.clone(),
                arch: kind.arch,
                generation: facts.name.to_owned(),
            });
        }
        let category_len = family.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(family.len());
        let digits: String =
            family[category_len..].chars().take_while(char::is_ascii_digit).take(6).collect();
        Ok(InstanceType {
            arch: kind.arch,
            vcpus: kind.vcpus,
            memory: kind.memory,
            cpu_manufacturer: manufacturer(facts.name),
            cpu_generation: generation,
            threads_per_core: facts.threads_per_core.min(kind.vcpus),
            clock_mhz: 0,
            category: Cow::Owned(family[..category_len].to_owned()),
            generation: digits.parse().unwrap_or(0),
            local_nvme_gb: kind.local_nvme_gb,
            max_enis: 0,
            ipv4_per_eni: 0,
            max_pods: kind.max_pods.unwrap_or(110),
            network_mbps: kind.network_mbps,
            network_peak_mbps: kind.network_mbps,
            bare_metal: false,
            burstable: false,
            flex: false,
            current_generation: true,
            exotic: false,
            name: Cow::Owned(kind.name.clone()),
        })
    }

    fn default_generation(&self, family: &str, arch: Arch) -> Id<super::CpuGeneration> {
        let of_family = self
            .families
            .binary_search_by(|candidate| candidate.family.cmp(family))
            .ok()
            .map(|index| self.families[index].generation)
            .filter(|generation| self.generations[generation.index()].arch == arch);
        of_family.unwrap_or_else(|| {
            let name = if arch == Arch::Arm64 { "graviton2" } else { "intel-skylake-cascadelake" };
            self.find_generation(name).expect("cpu_generations.csv holds the two defaults")
        })
    }

    /// Puts `own` into the name order, replacing types of the same name together with their prices.
    fn merge(&mut self, own: Vec<InstanceType>) {
        if own.is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.types);
        let mut rows: Vec<(InstanceType, Option<usize>)> = old
            .into_iter()
            .enumerate()
            .filter(|(_, kind)| own.iter().all(|mine| mine.name != kind.name))
            .map(|(index, kind)| (kind, Some(index)))
            .collect();
        rows.extend(own.into_iter().map(|kind| (kind, None)));
        rows.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        let mut table = PriceTable::empty(rows.len(), self.zones.len());
        let mut prices = Vec::with_capacity(rows.len());
        for (index, (kind, before)) in rows.into_iter().enumerate() {
            if let Some(before) = before {
                table.copy_row(Id::new(index as u32), &self.table, Id::new(before as u32));
            }
            prices.push(before.and_then(|before| self.prices[before]));
            self.types.push(kind);
        }
        self.table = table;
        self.prices = prices;
    }

    fn apply(&mut self, custom: &CustomPrice) -> Result<(), CustomError> {
        let name = &custom.instance_type;
        let id = self.find(name).ok_or_else(|| CustomError::UnknownType(name.clone()))?;
        let zones: Vec<ZoneId> = match &custom.zone {
            None => (0..self.zones.len() as u8).map(ZoneId).collect(),
            Some(zone) => vec![self.zone(zone).ok_or_else(|| CustomError::UnknownZone {
                name: name.clone(),
                zone: zone.clone(),
                region: self.region.clone(),
            })?],
        };
        for zone in zones {
            if custom.capacity_type != CapacityType::Reserved {
                self.table.set(id, zone, custom.capacity_type, custom.price);
            }
        }
        self.describe(id, custom)
    }

    /// Keeps the facts beside the table in step with a custom price.
    fn describe(&mut self, id: TypeId, custom: &CustomPrice) -> Result<(), CustomError> {
        let facts = &mut self.prices[id.index()];
        match (custom.capacity_type, facts) {
            (CapacityType::OnDemand, Some(facts)) => {
                facts.on_demand = custom.price;
                facts.basis = PriceBasis::Scenario;
            }
            (CapacityType::OnDemand, facts @ None) => {
                *facts =
                    Some(TypePrices { on_demand: custom.price, basis: PriceBasis::Scenario, spot: None });
            }
            // A reservation has no price of its own: it is billed as on-demand instances are.
            (CapacityType::Reserved, _) => {}
            (CapacityType::Spot, None) => return Err(CustomError::NoPrice(custom.instance_type.clone())),
            (CapacityType::Spot, Some(facts)) => {
                let before = facts.spot.map_or(InterruptionRating::From10To15, |spot| spot.rating);
                let saved = facts.on_demand.0.saturating_sub(custom.price.0);
                facts.spot = Some(SpotFacts {
                    savings_percent: (u128::from(saved) * 100 / u128::from(facts.on_demand.0.max(1))) as u32,
                    rating: custom.rating.unwrap_or(before),
                    basis: SpotBasis::Scenario,
                });
            }
        }
        Ok(())
    }
}

fn manufacturer(generation: &str) -> CpuManufacturer {
    match generation.split('-').next() {
        Some("intel") => CpuManufacturer::Intel,
        Some("amd") => CpuManufacturer::Amd,
        _ => CpuManufacturer::Aws,
    }
}

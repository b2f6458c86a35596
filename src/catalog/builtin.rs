//! The catalog of one region: types in name order, their prices, zones, and the look-ups over them.

use crate::engine::Id;
use crate::units::{HourlyPrice, Mebibytes};
use std::borrow::Cow;

use super::cpu::{CpuGeneration, FamilySpeed, builtin_families, builtin_generations};
use super::instance_type::{CpuManufacturer, InstanceType, TypeId};
use super::kinds::{Arch, CapacityType};
use super::offering::{Offering, PriceTable};
use super::price::{TypePrices, parse_line};
use super::region::{RegionData, UnknownRegion, Zone, ZoneId};
use super::text::{Fields, data_lines};

const INSTANCE_TYPES: &str = include_str!("data/instance_types.csv");

/// Everything known about the instance types of one region. Plain data; built once, then only read.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(super) region: String,
    pub(super) zones: Vec<Zone>,
    pub(super) types: Vec<InstanceType>,
    /// Parallel to `types`; `None` where the region does not sell the type.
    pub(super) prices: Vec<Option<TypePrices>>,
    pub(super) table: PriceTable,
    pub(super) generations: Vec<CpuGeneration>,
    pub(super) families: Vec<FamilySpeed>,
}

impl Catalog {
    /// The embedded catalog of `region`. Reads the instance types and the prices of this region only.
    ///
    /// # Errors
    /// Where no prices are embedded for the region; the error lists those that are.
    pub fn builtin(region: &str) -> Result<Self, UnknownRegion> {
        let data = RegionData::of(region)?;
        let mut catalog = Self::of_zones(region.to_owned(), data.zones());
        let mut index = 0;
        // Both files are in name order: one walk joins them.
        for (name, prices) in data_lines(data.prices).filter_map(parse_line) {
            while index < catalog.types.len() && *catalog.types[index].name < *name {
                index += 1;
            }
            if index < catalog.types.len() && catalog.types[index].name == name {
                catalog.prices[index] = Some(prices);
            }
        }
        catalog.table = PriceTable::list_prices(&catalog.types, &catalog.prices, &catalog.zones);
        Ok(catalog)
    }

    /// The instance types without any price, for a region whose prices the scenario gives itself. Zones `a`, `b`, `c`.
    #[must_use]
    pub fn without_prices(region: &str) -> Self {
        let zones = ["a", "b", "c"]
            .iter()
            .enumerate()
            .map(|(index, letter)| Zone {
                name: format!("{region}{letter}"),
                zone_id: format!("{region}-az{}", index + 1),
            })
            .collect();
        Self::of_zones(region.to_owned(), zones)
    }

    fn of_zones(region: String, zones: Vec<Zone>) -> Self {
        let generations = builtin_generations();
        let families = builtin_families(&generations);
        let types = builtin_types(&families);
        let prices = vec![None; types.len()];
        let table = PriceTable::empty(types.len(), zones.len());
        Self { region, zones, types, prices, table, generations, families }
    }

    /// The region's name.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The region's zones, in name order; [`ZoneId`]s index this.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The zone with this name or zone id.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        self.zones
            .iter()
            .position(|zone| zone.name == name || zone.zone_id == name)
            .map(|index| ZoneId(index as u8))
    }

    /// All types, in name order; [`TypeId`]s index this. Types that the region does not sell are among them.
    #[must_use]
    pub fn types(&self) -> &[InstanceType] {
        &self.types
    }

    /// All type ids, in name order.
    pub fn type_ids(&self) -> impl ExactSizeIterator<Item = TypeId> + use<> {
        (0..self.types.len() as u32).map(Id::new)
    }

    /// The facts of a type.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &InstanceType {
        &self.types[id.index()]
    }

    /// The type called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TypeId> {
        self.types.binary_search_by(|kind| (*kind.name).cmp(name)).ok().map(|index| Id::new(index as u32))
    }

    /// Names that look like `name`, nearest first, at most three: for "did you mean".
    #[must_use]
    pub fn similar_names(&self, name: &str) -> Vec<&str> {
        let mut near: Vec<(usize, &str)> = self
            .types
            .iter()
            .map(|kind| (strsim::damerau_levenshtein(&kind.name, name), &*kind.name))
            .filter(|(distance, _)| *distance <= 3)
            .collect();
        near.sort_unstable();
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }

    /// Prices of a type, with their standing; `None` where the region does not sell it.
    #[must_use]
    pub fn prices(&self, id: TypeId) -> Option<&TypePrices> {
        self.prices[id.index()].as_ref()
    }

    /// What the type costs in the zone, `None` where it is not offered. Constant time.
    #[must_use]
    pub fn price(&self, id: TypeId, zone: ZoneId, capacity_type: CapacityType) -> Option<HourlyPrice> {
        self.table.get(id, zone, capacity_type)
    }

    /// The offerings of a type: every zone and capacity type with a price, in zone order, on-demand first.
    pub fn offerings(&self, id: TypeId) -> impl Iterator<Item = Offering> + '_ {
        (0..self.zones.len() as u8).map(ZoneId).flat_map(move |zone| {
            [CapacityType::OnDemand, CapacityType::Spot].into_iter().filter_map(move |capacity_type| {
                let price = self.table.get(id, zone, capacity_type)?;
                Some(Offering { instance_type: id, zone, capacity_type, price })
            })
        })
    }

    /// CPU generations; their [`Id`]s index this.
    #[must_use]
    pub fn generations(&self) -> &[CpuGeneration] {
        &self.generations
    }

    /// The CPU generation called `name`.
    #[must_use]
    pub fn find_generation(&self, name: &str) -> Option<Id<CpuGeneration>> {
        self.generations
            .iter()
            .position(|generation| generation.name == name)
            .map(|index| Id::new(index as u32))
    }

    /// The CPU generation of every family, in name order, with its basis.
    #[must_use]
    pub fn families(&self) -> &[FamilySpeed] {
        &self.families
    }
}

/// The embedded types, in name order.
fn builtin_types(families: &[FamilySpeed]) -> Vec<InstanceType> {
    let mut types = Vec::with_capacity(1300);
    for line in data_lines(INSTANCE_TYPES) {
        types.push(parse_type(line, families));
    }
    types
}

fn parse_type(line: &'static str, families: &[FamilySpeed]) -> InstanceType {
    let mut fields = Fields::of(line);
    let name = fields.text();
    let family = name.split_once('.').map_or(name, |(family, _)| family);
    let known = families
        .binary_search_by(|candidate| candidate.family.cmp(family))
        .expect("families.csv holds every family of instance_types.csv");
    let mut kind = InstanceType {
        name: Cow::Borrowed(name),
        arch: if fields.text() == "a" { Arch::Arm64 } else { Arch::Amd64 },
        vcpus: fields.number(),
        memory: Mebibytes(fields.number()),
        cpu_manufacturer: match fields.text() {
            "i" => CpuManufacturer::Intel,
            "a" => CpuManufacturer::Amd,
            _ => CpuManufacturer::Aws,
        },
        cpu_generation: families[known].generation,
        category: Cow::Borrowed(fields.text()),
        generation: fields.number(),
        local_nvme_gb: fields.number(),
        max_enis: fields.number(),
        ipv4_per_eni: fields.number(),
        max_pods: fields.number(),
        network_mbps: fields.number(),
        network_peak_mbps: fields.number(),
        threads_per_core: fields.number(),
        clock_mhz: fields.number(),
        bare_metal: false,
        burstable: false,
        flex: false,
        current_generation: true,
        exotic: false,
    };
    for flag in fields.text().bytes() {
        match flag {
            b'm' => kind.bare_metal = true,
            b'b' => kind.burstable = true,
            b'f' => kind.flex = true,
            b'p' => kind.current_generation = false,
            _ => kind.exotic = true,
        }
    }
    kind
}

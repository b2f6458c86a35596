//! Rows for `catalog list` and `catalog show`: what to print, not how.

use crate::units::{HourlyPrice, Ppm, Resources};

use super::builtin::Catalog;
use super::cpu::SpeedBasis;
use super::instance_type::TypeId;
use super::kinds::{Arch, CapacityType};
use super::price::{InterruptionRating, PriceBasis, SpotBasis};

/// Which types to list. The default lists what the region sells for CI: no bare metal, no exotic family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeFilter {
    /// Only this architecture.
    pub arch: Option<Arch>,
    /// Only these families; empty means all.
    pub families: Vec<String>,
    /// At least this many vCPUs.
    pub min_vcpus: u32,
    /// At most this many vCPUs; 0 means no limit.
    pub max_vcpus: u32,
    /// Also bare metal and exotic families.
    pub all: bool,
}

/// One type as `catalog list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The id.
    pub id: TypeId,
    /// Full name.
    pub name: String,
    /// CPU architecture.
    pub arch: Arch,
    /// vCPUs.
    pub vcpus: u32,
    /// Advertised memory in MiB.
    pub memory_mib: u32,
    /// What pods may use.
    pub allocatable: Resources,
    /// Local NVMe storage in GB, 0 without.
    pub local_nvme_gb: u32,
    /// Most pods.
    pub max_pods: u32,
    /// Name of the CPU generation.
    pub cpu_generation: &'static str,
    /// Single-thread speed, m5 = 1.0.
    pub speed: Ppm,
    /// Whether the speed was measured on this family.
    pub speed_basis: Option<SpeedBasis>,
    /// On-demand price.
    pub on_demand: HourlyPrice,
    /// How it is known.
    pub price_basis: PriceBasis,
    /// Lowest Spot price over the zones.
    pub spot: Option<HourlyPrice>,
    /// How often Spot capacity is interrupted.
    pub rating: Option<InterruptionRating>,
    /// How savings and rating are known.
    pub spot_basis: Option<SpotBasis>,
}

impl TypeFilter {
    fn admits(&self, catalog: &Catalog, id: TypeId) -> bool {
        let kind = catalog.get(id);
        self.arch.is_none_or(|arch| arch == kind.arch)
            && (self.families.is_empty() || self.families.iter().any(|family| family == kind.family()))
            && kind.vcpus >= self.min_vcpus
            && (self.max_vcpus == 0 || kind.vcpus <= self.max_vcpus)
            && (self.all || !self.families.is_empty() || !(kind.bare_metal || kind.exotic))
    }
}

impl Catalog {
    /// The types that the region sells and `filter` admits, in name order.
    #[must_use]
    pub fn list(&self, filter: &TypeFilter) -> Vec<CatalogRow> {
        self.type_ids().filter(|id| filter.admits(self, *id)).filter_map(|id| self.row(id)).collect()
    }

    /// One type; `None` where the region does not sell it.
    #[must_use]
    pub fn row(&self, id: TypeId) -> Option<CatalogRow> {
        let kind = self.get(id);
        let prices = self.prices(id)?;
        let generation = &self.generations[kind.cpu_generation.index()];
        let family = self.families.binary_search_by(|known| known.family.cmp(kind.family())).ok();
        Some(CatalogRow {
            id,
            name: kind.name.to_string(),
            arch: kind.arch,
            vcpus: kind.vcpus,
            memory_mib: kind.memory.0,
            allocatable: kind.allocatable(),
            local_nvme_gb: kind.local_nvme_gb,
            max_pods: kind.max_pods,
            cpu_generation: generation.name,
            speed: generation.single_thread,
            speed_basis: family.map(|index| self.families[index].basis),
            on_demand: prices.on_demand,
            price_basis: prices.basis,
            spot: self
                .offerings(id)
                .filter(|offering| offering.capacity_type == CapacityType::Spot)
                .map(|offering| offering.price)
                .min(),
            rating: prices.spot.map(|spot| spot.rating),
            spot_basis: prices.spot.map(|spot| spot.basis),
        })
    }
}

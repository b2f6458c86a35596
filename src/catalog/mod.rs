//! EC2 facts, embedded and dated: instance types, CPU generations, prices, Spot ratings, the allocatable formula.
//!
//! [`Catalog::builtin`] reads the types and one region's prices; [`Catalog::with_custom`] adds what a scenario defines.
//! Where the figures come from, their dates and licences stand at the head of every file under `data/`.

mod builtin;
mod carbon;
mod compare;
mod cpu;
mod custom;
mod download;
mod instance_type;
mod kinds;
mod labels;
mod listing;
mod offering;
mod other_prices;
mod price;
mod region;
mod text;

pub use builtin::Catalog;
pub use carbon::{
    CARBON_CAVEATS, CARBON_DATE, MEMORY_WATTS_PER_GB, POWER_USAGE_EFFECTIVENESS, VcpuPower, grid_kg_per_kwh,
    vcpu_power,
};
pub use compare::{Difference, Doubt};
pub use cpu::{CpuGeneration, FamilySpeed, SpeedBasis};
pub use custom::{CustomError, CustomPrice, CustomType};
pub use download::{Download, DownloadError, DownloadKind, prices_csv, read_download};
pub use instance_type::{CpuManufacturer, InstanceType, TypeId, eni_limited_pods};
pub use kinds::{Arch, CapacityType};
pub use labels::TypeLabel;
pub use listing::{CatalogRow, TypeFilter};
pub use offering::Offering;
pub use other_prices::{
    Confidence, OtherPrice, ReservedDiscount, fargate_prices, other_price, other_prices, reserved_discounts,
};
pub use price::{InterruptionRating, PriceBasis, SpotBasis, SpotFacts, TypePrices};
pub use region::{UnknownRegion, Zone, ZoneId, known_regions, prices_date};

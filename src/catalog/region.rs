//! Regions and their zones.

use super::text::newest_date;
use std::fmt;

/// The day of the newest prices of a region: the latest date that the head of its embedded file gives (`YYYY-MM-DD`).
/// `None` where the region has none.
#[must_use]
pub fn prices_date(region: &str) -> Option<&'static str> {
    newest_date(REGIONS.iter().find(|data| data.name == region)?.prices)
}

/// One availability zone of a catalog: its position among the region's zones (0 = `a`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u8);

impl ZoneId {
    /// The position as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Name and id of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Label `topology.kubernetes.io/zone`, such as `us-east-1a`.
    pub name: String,
    /// Label `topology.k8s.aws/zone-id`, such as `use1-az1`. Which id an account sees behind which name differs; the
    /// ids here are in ascending order, as in the recordings.
    pub zone_id: String,
}

/// A region without embedded prices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no prices for region `{region}`; there are prices for {}", known_regions().join(", "))]
pub struct UnknownRegion {
    /// What was asked for.
    pub region: String,
}

/// What is embedded for one region.
pub(super) struct RegionData {
    pub(super) name: &'static str,
    zone_prefix: &'static str,
    zone_numbers: [u8; 3],
    pub(super) prices: &'static str,
}

/// The regions with prices. Zone ids of us-east-1 as in the recorded launches; ap-northeast-1 has no `az3` for new
/// accounts.
const REGIONS: [RegionData; 7] = [
    RegionData {
        name: "ap-northeast-1",
        zone_prefix: "apne1",
        zone_numbers: [1, 2, 4],
        prices: include_str!("data/regions/ap-northeast-1.csv"),
    },
    RegionData {
        name: "ap-southeast-2",
        zone_prefix: "apse2",
        zone_numbers: [1, 2, 3],
        prices: include_str!("data/regions/ap-southeast-2.csv"),
    },
    RegionData {
        name: "eu-central-1",
        zone_prefix: "euc1",
        zone_numbers: [1, 2, 3],
        prices: include_str!("data/regions/eu-central-1.csv"),
    },
    RegionData {
        name: "eu-west-1",
        zone_prefix: "euw1",
        zone_numbers: [1, 2, 3],
        prices: include_str!("data/regions/eu-west-1.csv"),
    },
    RegionData {
        name: "us-east-1",
        zone_prefix: "use1",
        zone_numbers: [1, 2, 4],
        prices: include_str!("data/regions/us-east-1.csv"),
    },
    RegionData {
        name: "us-east-2",
        zone_prefix: "use2",
        zone_numbers: [1, 2, 3],
        prices: include_str!("data/regions/us-east-2.csv"),
    },
    RegionData {
        name: "us-west-2",
        zone_prefix: "usw2",
        zone_numbers: [1, 2, 3],
        prices: include_str!("data/regions/us-west-2.csv"),
    },
];

impl RegionData {
    /// The embedded data of `region`.
    pub(super) fn of(region: &str) -> Result<&'static Self, UnknownRegion> {
        REGIONS
            .iter()
            .find(|data| data.name == region)
            .ok_or_else(|| UnknownRegion { region: region.to_owned() })
    }

    /// The zones `a`, `b`, `c`.
    pub(super) fn zones(&self) -> Vec<Zone> {
        ['a', 'b', 'c']
            .iter()
            .zip(self.zone_numbers)
            .map(|(letter, number)| Zone {
                name: format!("{}{letter}", self.name),
                zone_id: format!("{}-az{number}", self.zone_prefix),
            })
            .collect()
    }
}

/// The regions that [`super::Catalog::builtin`] knows, in name order.
#[must_use]
pub fn known_regions() -> Vec<&'static str> {
    REGIONS.iter().map(|data| data.name).collect()
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

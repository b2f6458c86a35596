//! What a type costs in a region: on-demand price, Spot savings and rating, and how far each figure can be trusted.

use crate::units::{HourlyPrice, Ppm};

use super::text::{Fields, decimal_price};

/// How an on-demand price is known. See `data/regions/*.csv` for the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceBasis {
    /// From a published price table.
    Exact,
    /// Listed for this region, type and date.
    Listed,
    /// The us-east-1 price times the family's regional factor.
    Scaled,
    /// The us-east-1 price times the regional factor of a sibling family.
    Sibling,
    /// Bare metal: Karpenter's table asks for dedicated tenancy, up to 10 % above the shared price.
    BareMetal,
    /// Given by the scenario.
    Scenario,
}

impl PriceBasis {
    /// Source and date, for people.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Exact => "price table of Karpenter, 2026-07-20",
            Self::Listed => "price list of Apache Libcloud, 2022-05 to 2025-03",
            Self::Scaled => "us-east-1 of 2026-07-20 times the family's regional factor",
            Self::Sibling => "us-east-1 of 2026-07-20 times the regional factor of a sibling family",
            Self::BareMetal => "bare metal, from dedicated tenancy of 2026-07-20: up to 10 % too high",
            Self::Scenario => "given by the scenario",
        }
    }
}

/// How savings and rating of a Spot offering are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpotBasis {
    /// AWS Spot Instance Advisor, 2025-06-28.
    Advisor,
    /// The Advisor's figure for the nearest size of this family or of the family it succeeds.
    Sibling,
    /// No figure at all: median savings of the region, middle rating.
    Typical,
    /// Given by the scenario.
    Scenario,
}

impl SpotBasis {
    /// Source and date, for people.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Advisor => "AWS Spot Instance Advisor, 2025-06-28",
            Self::Sibling => "AWS Spot Instance Advisor, 2025-06-28, nearest size or preceding family",
            Self::Typical => "no figure exists: median savings of the region, middle rating",
            Self::Scenario => "given by the scenario",
        }
    }
}

/// Share of capacity interrupted in a month, in the five bands of the AWS Spot Instance Advisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterruptionRating {
    /// Below 5 %.
    Below5,
    /// 5 to 10 %.
    From5To10,
    /// 10 to 15 %.
    From10To15,
    /// 15 to 20 %.
    From15To20,
    /// Above 20 %.
    Above20,
}

impl InterruptionRating {
    /// All five, rarest interruptions first.
    pub const ALL: [Self; 5] =
        [Self::Below5, Self::From5To10, Self::From10To15, Self::From15To20, Self::Above20];

    /// The rating of the Advisor's bucket 0 to 4; higher numbers count as 4.
    #[must_use]
    pub const fn from_bucket(bucket: u32) -> Self {
        match bucket {
            0 => Self::Below5,
            1 => Self::From5To10,
            2 => Self::From10To15,
            3 => Self::From15To20,
            _ => Self::Above20,
        }
    }

    /// The text of the Advisor.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Below5 => "<5%",
            Self::From5To10 => "5-10%",
            Self::From10To15 => "10-15%",
            Self::From15To20 => "15-20%",
            Self::Above20 => ">20%",
        }
    }

    /// The band's middle; 30 % for the open one (an assumption).
    #[must_use]
    pub const fn middle(self) -> Ppm {
        Ppm(match self {
            Self::Below5 => 25_000,
            Self::From5To10 => 75_000,
            Self::From10To15 => 125_000,
            Self::From15To20 => 175_000,
            Self::Above20 => 300_000,
        })
    }
}

/// Spot facts of a type in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotFacts {
    /// Savings against on-demand in percent.
    pub savings_percent: u32,
    /// How often its capacity was interrupted.
    pub rating: InterruptionRating,
    /// How both are known.
    pub basis: SpotBasis,
}

/// Prices of a type in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypePrices {
    /// On-demand price.
    pub on_demand: HourlyPrice,
    /// How it is known.
    pub basis: PriceBasis,
    /// Spot, where the type is sold as such.
    pub spot: Option<SpotFacts>,
}

impl TypePrices {
    /// The price implied by the savings, to the tenth of a milli-dollar as EC2 publishes Spot prices, at least that.
    #[must_use]
    pub fn spot_list_price(&self) -> Option<HourlyPrice> {
        let facts = self.spot?;
        Some(spot_digits(self.on_demand.0 * u64::from(100 - facts.savings_percent.min(100)) / 100))
    }
}

/// Rounds nano-dollars to the four decimals of a Spot price; never down to nothing.
pub(super) fn spot_digits(nanos: u64) -> HourlyPrice {
    const STEP: u64 = 100_000;
    HourlyPrice((nanos + STEP / 2).max(STEP) / STEP * STEP)
}

/// Name and prices of one line of a region's file; `None` where the price cannot be read.
pub(super) fn parse_line(line: &'static str) -> Option<(&'static str, TypePrices)> {
    let mut fields = Fields::of(line);
    let name = fields.text();
    let on_demand = decimal_price(fields.text())?;
    let basis = match fields.text() {
        "e" => PriceBasis::Exact,
        "l" => PriceBasis::Listed,
        "c" => PriceBasis::Scaled,
        "s" => PriceBasis::Sibling,
        _ => PriceBasis::BareMetal,
    };
    let savings_percent = fields.number();
    let rating = InterruptionRating::from_bucket(fields.number());
    let spot_basis = match fields.text() {
        "a" => SpotBasis::Advisor,
        "s" => SpotBasis::Sibling,
        _ => SpotBasis::Typical,
    };
    let spot = Some(SpotFacts { savings_percent, rating, basis: spot_basis });
    Some((name, TypePrices { on_demand, basis, spot }))
}

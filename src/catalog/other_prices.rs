//! What else costs money around the fleet: control plane, Fargate, volumes, commitments; each with source and confidence.

use crate::units::{HourlyPrice, Ppm};

use super::text::{Fields, data_lines, decimal_ppm, decimal_scaled};

/// How well a figure is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// AWS's own text, or a copy of it.
    VendorText,
    /// Computed from a published table.
    Computed,
    /// A third party's page.
    Secondary,
    /// Rounded by its source.
    Approximate,
    /// Sources disagree.
    Conflicting,
    /// General knowledge, no source found.
    Unsourced,
}

/// A price or discount other than an instance's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherPrice {
    /// Such as `eks.control_plane.standard`.
    pub item: &'static str,
    /// What the value is per.
    pub unit: &'static str,
    /// Value in billionths: nano-dollars per unit, or billionths of one for a discount.
    pub nanos: u64,
    /// Where it is from.
    pub source: &'static str,
    /// When it was valid.
    pub date: &'static str,
    /// How well it is founded.
    pub confidence: Confidence,
}

/// Discount of a one-year all-upfront Standard Reserved Instance on a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedDiscount {
    /// Such as `m6g`.
    pub family: &'static str,
    /// Share of the on-demand price that is saved.
    pub discount: Ppm,
}

const OTHER: &str = include_str!("data/other_prices.tsv");
const RESERVED: &str = include_str!("data/reserved_discounts.csv");

impl OtherPrice {
    /// The value as a price per hour, for items per hour.
    #[must_use]
    pub const fn hourly(&self) -> HourlyPrice {
        HourlyPrice(self.nanos)
    }

    /// The value as a share, for discounts.
    #[must_use]
    pub const fn share(&self) -> Ppm {
        Ppm((self.nanos / 1000) as u32)
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or("");
        Some(Self {
            item: next(),
            unit: next(),
            nanos: decimal_scaled(next(), 9)?,
            source: next(),
            date: next(),
            confidence: match next() {
                "vendor-text" => Confidence::VendorText,
                "computed" => Confidence::Computed,
                "secondary" => Confidence::Secondary,
                "approximate" => Confidence::Approximate,
                "conflicting" => Confidence::Conflicting,
                _ => Confidence::Unsourced,
            },
        })
    }
}

/// All of them, in file order. Reads the embedded file; keep the result.
pub fn other_prices() -> impl Iterator<Item = OtherPrice> {
    data_lines(OTHER).filter_map(OtherPrice::parse)
}

/// The one called `item`. Reads the embedded file; keep the result.
#[must_use]
pub fn other_price(item: &str) -> Option<OtherPrice> {
    other_prices().find(|price| price.item == item)
}

/// Fargate prices per vCPU-hour and GB-hour, Linux on x86, us-east-1 (EKS Fargate has no arm64).
///
/// # Panics
/// Never: the embedded file holds both.
#[must_use]
pub fn fargate_prices() -> (HourlyPrice, HourlyPrice) {
    let hourly = |item| other_price(item).expect("other_prices.tsv holds the Fargate prices").hourly();
    (hourly("fargate.linux_x86.vcpu"), hourly("fargate.linux_x86.memory"))
}

/// Reserved Instance discounts by family, in name order.
pub fn reserved_discounts() -> impl Iterator<Item = ReservedDiscount> {
    data_lines(RESERVED).map(|line| {
        let mut fields = Fields::of(line);
        ReservedDiscount { family: fields.text(), discount: decimal_ppm(fields.text()) }
    })
}

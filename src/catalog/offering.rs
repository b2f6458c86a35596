//! Offerings: a type in a zone as on-demand or Spot, and the table of their prices.

use crate::units::HourlyPrice;

use super::instance_type::{InstanceType, TypeId};
use super::kinds::CapacityType;
use super::price::{TypePrices, spot_digits};
use super::region::{Zone, ZoneId};

/// One way to buy one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Which type.
    pub instance_type: TypeId,
    /// Where.
    pub zone: ZoneId,
    /// How.
    pub capacity_type: CapacityType,
    /// For how much.
    pub price: HourlyPrice,
}

/// Prices by type, zone and capacity type. Zero means "not offered".
#[derive(Clone, Debug)]
pub(super) struct PriceTable {
    zones: usize,
    cells: Vec<HourlyPrice>,
}

impl PriceTable {
    /// Nothing offered.
    pub(super) fn empty(types: usize, zones: usize) -> Self {
        Self { zones, cells: vec![HourlyPrice(0); types * zones * 2] }
    }

    /// On-demand equal in every zone, Spot list price times the zone's factor.
    pub(super) fn list_prices(types: &[InstanceType], prices: &[Option<TypePrices>], zones: &[Zone]) -> Self {
        let mut table = Self::empty(types.len(), zones.len());
        for (index, (kind, prices)) in types.iter().zip(prices).enumerate() {
            if let Some(prices) = prices {
                table.set_list_prices(TypeId::new(index as u32), kind, prices, zones);
            }
        }
        table
    }

    /// The list prices of one type into its row.
    pub(super) fn set_list_prices(
        &mut self,
        id: TypeId,
        kind: &InstanceType,
        prices: &TypePrices,
        zones: &[Zone],
    ) {
        let spot = prices.spot_list_price();
        for (zone_index, zone) in zones.iter().enumerate() {
            let zone_id = ZoneId(zone_index as u8);
            self.set(id, zone_id, CapacityType::OnDemand, prices.on_demand);
            if let Some(spot) = spot {
                let price = spot_price_in_zone(spot, prices.on_demand, &kind.name, &zone.name);
                self.set(id, zone_id, CapacityType::Spot, price);
            }
        }
    }

    /// A reservation is billed as what it reserves: on-demand instances.
    fn cell(&self, id: TypeId, zone: ZoneId, capacity_type: CapacityType) -> usize {
        (id.index() * self.zones + zone.index()) * 2 + usize::from(capacity_type == CapacityType::Spot)
    }

    pub(super) fn get(&self, id: TypeId, zone: ZoneId, capacity_type: CapacityType) -> Option<HourlyPrice> {
        let price = self.cells[self.cell(id, zone, capacity_type)];
        (price.0 > 0).then_some(price)
    }

    pub(super) fn set(&mut self, id: TypeId, zone: ZoneId, capacity_type: CapacityType, price: HourlyPrice) {
        let cell = self.cell(id, zone, capacity_type);
        self.cells[cell] = price;
    }

    /// Copies the row of `from` in `other` to the row of `to` here. Both tables have the same zones.
    pub(super) fn copy_row(&mut self, to: TypeId, other: &Self, from: TypeId) {
        let width = self.zones * 2;
        let (to, from) = (to.index() * width, from.index() * width);
        self.cells[to..to + width].copy_from_slice(&other.cells[from..from + width]);
    }
}

/// Spot price of a type in one zone: the region's list price times a fixed factor in [0.94, 1.06], which follows from
/// the names of type and zone alone, to four decimals, never above on-demand.
///
/// The factor is a model assumption: no per-zone price history is embedded. Its width follows the zone samples of
/// 2025 (skypilot catalog: m8i.large 0.0450 to 0.0484 in us-east-1).
fn spot_price_in_zone(list: HourlyPrice, on_demand: HourlyPrice, kind: &str, zone: &str) -> HourlyPrice {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in kind.bytes().chain([b'/']).chain(zone.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV's low bits mix better after one more fold.
    let spread = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let factor_ppm = 940_000 + spread * 120_001 / (1 << 24);
    let price = (u128::from(list.0) * u128::from(factor_ppm) / 1_000_000) as u64;
    spot_digits(price).min(on_demand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_differ_in_spot_price_by_at_most_six_percent_and_never_exceed_on_demand() {
        let list = HourlyPrice::from_dollars(1.0);
        let roof = HourlyPrice::from_dollars(2.0);
        let mut sum = 0;
        for size in 0..1000 {
            for zone in ["us-east-1a", "us-east-1b", "us-east-1c"] {
                let price = spot_price_in_zone(list, roof, &format!("m7g.{size}xlarge"), zone);
                assert!((940_000_000..=1_060_000_000).contains(&price.0), "{price:?}");
                assert_eq!(price.0 % 100_000, 0);
                sum += price.0;
            }
        }
        assert!(sum.abs_diff(3_000_000_000_000) < 15_000_000_000, "the factor averages one: {sum}");
        assert_eq!(spot_price_in_zone(list, HourlyPrice(900_000_000), "a", "b"), HourlyPrice(900_000_000));
    }
}

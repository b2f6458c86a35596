//! What costs money whether jobs run or not: control plane, always-on runner managers, traffic of known volume.

use crate::catalog::{CapacityType, Catalog, ZoneId, other_price};
use crate::units::{HourlyPrice, Ppm};

use super::billing::gp3_hourly;

/// A cost per hour from the first to the last simulated millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingCost {
    /// What for.
    pub name: String,
    /// How much.
    pub hourly: HourlyPrice,
}

/// What is known of the traffic of a fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrafficVolumes {
    /// NAT gateways that stand all the time.
    pub nat_gateways: u32,
    /// GB a day through them.
    pub nat_gb_per_day: f64,
    /// GB a day from one zone to another.
    pub cross_zone_gb_per_day: f64,
    /// GB a day to the internet.
    pub internet_gb_per_day: f64,
}

/// The traffic of a fleet as what it costs per hour: gateways by the hour and GB by the day, traffic between zones billed on either
/// side, the internet's at the first tier (`other_prices.tsv`, 2026-02 to 2026-05). `None` where nothing is given.
///
/// # Panics
/// Never: the embedded prices hold all of them.
#[must_use]
pub fn traffic(volumes: &TrafficVolumes) -> Option<StandingCost> {
    let price = |item: &str| other_price(item).expect("other_prices.tsv holds the traffic").nanos as f64;
    let per_day = volumes.nat_gb_per_day * price("nat_gateway.data")
        + volumes.cross_zone_gb_per_day * 2.0 * price("data_transfer.cross_az")
        + volumes.internet_gb_per_day * price("data_transfer.internet_out.tier_10TB");
    let gateways = f64::from(volumes.nat_gateways) * price("nat_gateway.hour");
    let hourly = HourlyPrice((gateways + per_day / 24.0).round() as u64);
    (hourly.0 > 0).then(|| StandingCost { name: "traffic".to_owned(), hourly })
}

/// `price` less `discount`, rounded to the nearest nano-dollar: a Savings Plan or Reserved Instance on something that
/// runs all the time.
#[must_use]
pub fn discounted(price: HourlyPrice, discount: Ppm) -> HourlyPrice {
    HourlyPrice(Ppm(1_000_000 - discount.0.min(1_000_000)).of(price.0))
}

/// The EKS control plane: $0.10 per cluster-hour, $0.60 in extended support (AWS containers blog, 2024-01).
///
/// # Panics
/// Never: the embedded prices hold both.
#[must_use]
pub fn control_plane(extended_support: bool) -> StandingCost {
    let item = if extended_support { "eks.control_plane.extended" } else { "eks.control_plane.standard" };
    let hourly = other_price(item).expect("other_prices.tsv holds the control plane").hourly();
    StandingCost { name: "EKS control plane".to_owned(), hourly }
}

/// A runner manager that always runs: an on-demand instance less `discount`, with a gp3 root volume of `root_gib`
/// (which no plan discounts). `None` where the region does not sell the type.
#[must_use]
pub fn manager(catalog: &Catalog, instance_type: &str, discount: Ppm, root_gib: u32) -> Option<StandingCost> {
    let id = catalog.find(instance_type)?;
    let zones = 0..catalog.zones().len() as u8;
    let price = zones.map(ZoneId).find_map(|zone| catalog.price(id, zone, CapacityType::OnDemand))?;
    let hourly = HourlyPrice(discounted(price, discount).0 + gp3_hourly(root_gib, 3000, 125).0);
    Some(StandingCost { name: format!("runner manager {instance_type}"), hourly })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_manager_costs_what_the_price_list_says() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        // t4g.micro 0.0084, t3.micro 0.0104, t3a.micro 0.0094 per hour; 8 GiB gp3 0.64 per month.
        for (name, nanos) in [("t4g.micro", 8_400_000), ("t3.micro", 10_400_000), ("t3a.micro", 9_400_000)] {
            let plain = manager(&catalog, name, Ppm::ZERO, 0).unwrap();
            assert_eq!(plain.hourly, HourlyPrice(nanos), "{name}");
        }
        let planned = manager(&catalog, "t4g.micro", Ppm(270_000), 8).unwrap();
        assert_eq!(planned.hourly, HourlyPrice(6_132_000 + 876_712));
        assert_eq!(manager(&catalog, "t9z.micro", Ppm::ZERO, 8), None);
    }

    #[test]
    fn traffic_costs_what_its_gigabytes_do() {
        assert_eq!(traffic(&TrafficVolumes::default()), None);
        // Two gateways at 0.045 an hour; 240 GB at 0.045, 120 GB at 0.02 and 24 GB at 0.09 a day: 10.8 + 2.4 + 2.16 in 24 hours.
        let volumes = TrafficVolumes {
            nat_gateways: 2,
            nat_gb_per_day: 240.0,
            cross_zone_gb_per_day: 120.0,
            internet_gb_per_day: 24.0,
        };
        assert_eq!(traffic(&volumes).unwrap().hourly, HourlyPrice(90_000_000 + 640_000_000));
    }

    #[test]
    fn the_control_plane_costs_ten_cents_an_hour() {
        assert_eq!(control_plane(false).hourly, HourlyPrice(100_000_000));
        assert_eq!(control_plane(true).hourly, HourlyPrice(600_000_000));
    }
}

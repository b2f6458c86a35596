//! What costs money whether jobs run or not: control plane, always-on runner managers; and what is not priced at all.

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

/// Costs of a real cluster that do not depend on the fleet configuration, or not enough to be modelled. Reports name
/// them so that nobody takes a total for an invoice.
pub const NOT_PRICED: [&str; 7] = [
    "NAT gateways",
    "data transfer (cross-zone, internet, registry)",
    "public IPv4 addresses",
    "CloudWatch logs and metrics",
    "S3 and ECR storage",
    "EBS snapshots",
    "support plans and taxes",
];

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
    fn the_control_plane_costs_ten_cents_an_hour() {
        assert_eq!(control_plane(false).hourly, HourlyPrice(100_000_000));
        assert_eq!(control_plane(true).hourly, HourlyPrice(600_000_000));
    }
}

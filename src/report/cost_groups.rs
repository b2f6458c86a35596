//! `cost_groups.csv`: the whole bill by class, team, project, pipeline, architecture and capacity type.

use std::io::Write;

use super::csv::estimate_columns;
use super::money::apportion;
use crate::experiment::{Estimate, GroupBy, GroupCost};
use crate::metrics::WasteKind;
use crate::units::Money;

/// The bill of one fleet in every grouping.
#[derive(Clone, Debug)]
pub struct FleetGroups {
    /// Name of the fleet.
    pub fleet: String,
    /// Replications that are summed.
    pub replications: usize,
    /// By each of [`GroupBy::ALL`], in their order.
    pub groups: Vec<(GroupBy, Vec<GroupCost>)>,
}

/// `cost_groups.csv`: a row per fleet, grouping, group and use that cost something, one per group with the use `total`, and one
/// per grouping with both. The rows of a grouping sum to its total, and that is the fleet's bill of `costs.csv`, to the
/// micro-dollar.
///
/// # Errors
/// Where `out` cannot be written.
pub fn cost_groups_csv<W: Write>(out: W, fleets: &[FleetGroups]) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "fleet",
        "by",
        "group",
        "category",
        "cost_usd",
        "share_of_bill",
        "mean_usd",
        "lower_usd",
        "upper_usd",
        "replications",
    ])?;
    for fleet in fleets {
        for (by, groups) in &fleet.groups {
            let uses = WasteKind::ALL.len();
            let cells = groups.iter().flat_map(|group| WasteKind::ALL.map(|kind| group.used.of(kind)));
            let (printed, total) = apportion(cells);
            let mut row = |group: &str, category: &str, cost: Money, estimate: Option<Estimate>| {
                let bill = total.as_dollars();
                let share = if bill > 0.0 { cost.as_dollars() / bill } else { 0.0 };
                let [mean, lower, upper] = estimate_columns(estimate);
                csv.write_record([
                    &fleet.fleet,
                    by.label(),
                    group,
                    category,
                    &cost.to_string(),
                    &format!("{share:.6}"),
                    &mean,
                    &lower,
                    &upper,
                    &fleet.replications.to_string(),
                ])
            };
            for (group, costs) in groups.iter().zip(printed.chunks(uses)) {
                for ((kind, cost), estimate) in WasteKind::ALL.iter().zip(costs).zip(&group.by_use) {
                    if group.used.of(*kind).0 > 0 {
                        row(&group.group, kind.label(), *cost, Some(*estimate))?;
                    }
                }
                row(&group.group, "total", costs.iter().copied().sum(), Some(group.cost))?;
            }
            row("total", "total", total, None)?;
        }
    }
    Ok(csv.flush()?)
}

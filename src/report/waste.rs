//! `waste.csv`: the whole bill by resource and by what it was paid for.

use std::io::Write;

use super::money::apportion;
use crate::experiment::ExperimentSummary;
use crate::metrics::{CostKind, WasteKind};

/// `waste.csv`: every billed millisecond of every resource in exactly one category, in dollars summed over all replications.
/// A row per fleet, resource and category that cost something, and the share of the fleet's bill. The rows of a fleet sum to
/// its total, and that to the total in `costs.csv`, to the micro-dollar.
///
/// # Errors
/// Where `out` cannot be written.
pub fn waste_csv<W: Write>(out: W, summary: &ExperimentSummary) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["fleet", "resource", "category", "cost_usd", "share_of_bill", "replications"])?;
    for fleet in &summary.fleets {
        let cells: Vec<(&str, &str, _)> = CostKind::ALL
            .iter()
            .flat_map(|resource| {
                let used = fleet.waste.of_resource(*resource);
                WasteKind::ALL.iter().map(|kind| (resource.label(), kind.label(), used.of(*kind)))
            })
            .collect();
        let (parts, total) = apportion(cells.iter().map(|(.., cost)| *cost));
        let bill = total.as_dollars();
        let replications = fleet.replications.to_string();
        let mut row = |resource: &str, category: &str, cost: crate::units::Money| {
            let share = if bill > 0.0 { cost.as_dollars() / bill } else { 0.0 };
            csv.write_record([
                &fleet.name,
                resource,
                category,
                &cost.to_string(),
                &format!("{share:.6}"),
                &replications,
            ])
        };
        for ((resource, category, cost), part) in cells.iter().zip(parts) {
            if cost.0 > 0 {
                row(resource, category, part)?;
            }
        }
        row("total", "total", total)?;
    }
    Ok(csv.flush()?)
}

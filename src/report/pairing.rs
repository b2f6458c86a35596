//! How much the common random numbers helped: by which factor they cut the variance of each difference to the baseline.

use super::table::wrapped;
use crate::experiment::{ExperimentSummary, Metric};

/// Metrics of which it is told.
const TOLD: [(Metric, &str); 2] = [(Metric::CostPerThousandJobs, "cost"), (Metric::WaitP95, "wait p95")];

/// One line per fleet that is compared, or nothing where there is none: what common random numbers divided the variance
/// of its differences by. Below 1 they would do harm.
#[must_use]
pub fn pairing_text(summary: &ExperimentSummary) -> String {
    let mut lines = String::new();
    for (index, fleet) in summary.fleets.iter().enumerate() {
        if index == summary.baseline {
            continue;
        }
        let factors: Vec<String> = TOLD
            .iter()
            .filter_map(|(metric, name)| {
                let factor = fleet.difference(*metric)?.variance_reduction?;
                Some(format!("{name} {}", times(factor)))
            })
            .collect();
        if !factors.is_empty() {
            lines.push_str(&format!("  {}: {}\n", fleet.name, factors.join(", ")));
        }
    }
    if lines.is_empty() {
        return lines;
    }
    let baseline = &summary.fleets[summary.baseline].name;
    let head = wrapped(&format!(
        "Same random numbers in every fleet: variance of the difference to {baseline} cut by"
    ));
    head + &lines
}

/// A factor with as many digits as it deserves.
pub(super) fn times(factor: f64) -> String {
    match factor {
        f if f >= 9.95 => format!("{f:.0}×"),
        f => format!("{f:.1}×"),
    }
}

//! OpenMetrics text as GitLab's metrics report reads it: a line splitter that cuts at `#`, splits at blanks outside quotes
//! and compares values as text. So labels hold neither `#` nor quotes nor blanks, nothing follows the value, and decimals
//! are fixed. Few lines, or the widget cannot be read.

use super::ArtifactFacts;
use crate::experiment::{ExperimentSummary, Metric};

/// Most samples: what a widget can show.
const SAMPLES: usize = 20;

/// Name, help, metric, factor to the unit of the name, decimals; the most important first.
const FAMILIES: [(&str, &str, Metric, f64, usize); 3] = [
    ("fleetsim_cost_per_1000_jobs_usd", "what 1000 jobs cost", Metric::CostPerThousandJobs, 1.0, 2),
    ("fleetsim_wait_p95_seconds", "wait that 95 % of jobs do not exceed", Metric::WaitP95, 1e-3, 1),
    ("fleetsim_jobs_lost_ratio", "jobs without a result because of the fleet", Metric::JobsLost, 1.0, 5),
];

/// As many families as fit, at least one, for every fleet of every scenario. A family's samples stand together, as the format
/// wants it.
pub(super) fn of_all(all: &[(&ExperimentSummary, &ArtifactFacts)]) -> String {
    let fleets: usize = all.iter().map(|(summary, _)| summary.fleets.len()).sum();
    let families = (SAMPLES / fleets.max(1)).clamp(1, FAMILIES.len());
    let scenarios = labels(all.iter().map(|(_, facts)| facts.scenario.as_str()));
    let mut out = String::new();
    for (name, help, metric, factor, decimals) in &FAMILIES[..families] {
        out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for ((summary, _), scenario) in all.iter().zip(&scenarios) {
            let fleets = labels(summary.fleets.iter().map(|fleet| fleet.name.as_str()));
            for (fleet, own) in summary.fleets.iter().zip(&fleets) {
                let Some(estimate) = fleet.estimate(*metric) else { continue };
                out.push_str(&format!(
                    "{name}{{scenario=\"{scenario}\",fleet=\"{own}\"}} {:.decimals$}\n",
                    estimate.mean * factor
                ));
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

/// Label values of fleets, none twice: a sample that is there twice is an error.
fn labels<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for name in names {
        let own = label(name);
        let mut distinct = own.clone();
        let mut count = 1;
        while labels.contains(&distinct) {
            count += 1;
            distinct = format!("{own}_{count}");
        }
        labels.push(distinct);
    }
    labels
}

/// A label value without anything that a line splitter trips over.
fn label(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-._/:".contains(c);
    text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

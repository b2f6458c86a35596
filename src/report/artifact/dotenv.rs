//! Variables for later jobs (GitLab's `artifacts:reports:dotenv`, 2026): `KEY=VALUE` lines, no blank lines, comments or
//! line breaks in values, below 5 KB and 20 variables.

use super::ArtifactFacts;
use crate::experiment::{ExperimentSummary, Metric, Objective, ObjectiveState};
use crate::report::verdict::{chosen_fleet, worst_state};

/// Longest value, in bytes.
const LONGEST: usize = 200;

/// The chosen fleet in numbers.
pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let fleet = &summary.fleets[chosen_fleet(summary, objectives)];
    let value = |metric: Metric, factor: f64, decimals: usize| {
        fleet.estimate(metric).map(|estimate| format!("{:.decimals$}", estimate.mean * factor))
    };
    let state = match worst_state(fleet, objectives) {
        ObjectiveState::Met => "met",
        ObjectiveState::Missed => "missed",
        ObjectiveState::Unclear => "unclear",
    };
    let change = fleet.difference(Metric::CostPerThousandJobs).and_then(|difference| difference.relative);
    let lines = [
        ("SCENARIO", Some(facts.scenario.clone())),
        ("BASELINE", Some(summary.fleets[summary.baseline].name.clone())),
        ("FLEET", Some(fleet.name.clone())),
        ("OBJECTIVES", Some(state.to_owned())),
        ("COST_PER_1000_JOBS_USD", value(Metric::CostPerThousandJobs, 1.0, 2)),
        ("COST_PER_MONTH_USD", value(Metric::CostPerMonth, 1.0, 0)),
        ("COST_CHANGE_PERCENT", change.map(|change| format!("{:.1}", 100.0 * change.mean))),
        ("WAIT_P50_SECONDS", value(Metric::WaitP50, 1e-3, 1)),
        ("WAIT_P95_SECONDS", value(Metric::WaitP95, 1e-3, 1)),
        ("JOBS_LOST_PERCENT", value(Metric::JobsLost, 100.0, 3)),
        ("REPLICATIONS", Some(fleet.replications.to_string())),
        ("PARTIAL", Some(summary.is_partial.to_string())),
    ];
    lines
        .into_iter()
        .filter_map(|(key, value)| Some(format!("FLEETSIM_{key}={}\n", one_line(&value?))))
        .collect()
}

/// The text on one line and not too long. `$` goes as well: GitLab expands variables in such values (`raw: false`,
/// `app/services/ci/parse_dotenv_artifact_service.rb`, 2026).
fn one_line(text: &str) -> String {
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() || c == '$' { '_' } else { c }).collect();
    while line.len() > LONGEST {
        line.pop();
    }
    line.trim().to_owned()
}

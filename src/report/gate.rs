//! What the gate found, and what a baseline holds, as lines for people.

use super::format::{plain, plus_minus, shown_unit};
use super::pairing::times;
use super::replications::Replications;
use super::table::wrapped;
use super::verdict::words;
use crate::experiment::{Bound, Confidence, GateLine, GateTest, Metric};

/// One line per test: verdict, fleet, what was tested and what was found.
#[must_use]
pub fn gate_text(lines: &[GateLine]) -> String {
    let mut out = String::new();
    for line in lines {
        let value = |factor: f64, unit: &str| {
            let value = line.found.map_or_else(|| "no value".to_owned(), |found| plus_minus(&found, factor));
            format!("{value}\u{a0}{unit}").trim_end().to_owned()
        };
        let text = match &line.test {
            GateTest::Objective(objective) => {
                let (factor, unit) = shown_unit(objective.metric.unit());
                let sign = if objective.bound == Bound::AtMost { "≤" } else { "≥" };
                let (name, limit) = (words(&objective.metric.key()), plain(objective.limit * factor));
                format!("{name} {sign} {limit}\u{a0}{unit}: {}", value(factor, unit))
            }
            GateTest::Regression(metric) => {
                let factor = line
                    .variance_reduction
                    .map_or_else(String::new, |factor| format!(", CRN {}", times(factor)));
                format!("{} against the baseline: {}{factor}", words(&metric.key()), value(100.0, "%"))
            }
            GateTest::Work(counter) => format!("work, {}: {}", words(counter), value(100.0, "%")),
        };
        out.push_str(&format!("{:<12} {}: {text}\n", line.verdict.label(), line.fleet));
    }
    let regressions = lines.iter().filter(|line| matches!(line.test, GateTest::Regression(_))).count();
    if regressions > 1 {
        out.push_str(&wrapped(&format!(
            "Each interval holds with 95\u{a0}% by itself; a FAIL against the baseline is so sure that all {regressions} \
             comparisons together give a false one in at most 5\u{a0}% (Bonferroni). CRN: by what common random numbers \
             divide the variance of a change."
        )));
    }
    if lines.is_empty() {
        out.push_str("nothing to judge: the scenario has no objective and no baseline was given\n");
    }
    out
}

/// The headline metrics of every fleet of a baseline.
#[must_use]
pub fn baseline_text(baseline: &Replications, confidence: Confidence) -> String {
    let mut out = format!("scenario {}, seed {}\n", baseline.scenario, baseline.seed);
    for fleet in &baseline.fleets {
        let n = fleet.replications.len();
        out.push_str(&format!("{}, {n} replications\n", fleet.name));
        for metric in [
            Metric::CostPerThousandJobs,
            Metric::WaitMean,
            Metric::WaitP95,
            Metric::JobsLost,
            Metric::JobsTimedOut,
        ] {
            let Some(sample) = fleet.sample(metric, n) else { continue };
            let (factor, unit) = shown_unit(metric.unit());
            let value = plus_minus(&sample.estimate(confidence), factor);
            out.push_str(&format!("  {}: {value}\u{a0}{unit}\n", words(&metric.key())));
        }
    }
    out
}

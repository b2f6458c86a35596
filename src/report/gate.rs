//! What the gate found, and what a baseline holds, as lines for people.

use super::format::{plain, plus_minus, shown_unit};
use super::pairing::times;
use super::replications::Replications;
use super::table::wrapped;
use super::verdict::words;
use crate::experiment::{Bound, Confidence, GateLine, GateTest, GateVerdict, Metric};

/// One line per test: verdict, fleet, what was tested and what was found.
#[must_use]
pub fn gate_text(lines: &[GateLine]) -> String {
    let mut out = String::new();
    for line in lines {
        let (what, found) = (tested(&line.test), found(line));
        out.push_str(&format!("{:<12} {}: {what}: {found}\n", line.verdict.label(), line.fleet));
    }
    out.extend(together(lines.iter()).map(|sentence| wrapped(&sentence)));
    if lines.is_empty() {
        out.push_str("nothing to judge: the scenario has no objective and no baseline was given\n");
    }
    out
}

/// How sure failures are where several comparisons are judged together.
pub(super) fn together<'a>(lines: impl Iterator<Item = &'a GateLine>) -> Option<String> {
    let regressions = lines.filter(|line| matches!(line.test, GateTest::Regression(_))).count();
    (regressions > 1).then(|| {
        format!(
            "Each interval holds with 95\u{a0}% by itself; a FAIL against the baseline is so sure that all {regressions} \
             comparisons together give a false one in at most 5\u{a0}% (Bonferroni). CRN: by what common random numbers \
             divide the variance of a change."
        )
    })
}

/// What is tested, in words.
pub(super) fn tested(test: &GateTest) -> String {
    match test {
        GateTest::Objective(objective) => {
            let (factor, unit) = shown_unit(objective.metric.unit());
            let sign = if objective.bound == Bound::AtMost { "≤" } else { "≥" };
            let (name, limit) = (words(&objective.metric.key()), plain(objective.limit * factor));
            format!("{name} {sign} {limit}\u{a0}{unit}")
        }
        GateTest::Regression(metric) => format!("{} against the baseline", words(&metric.key())),
        GateTest::Work(counter) => format!("work, {}", words(counter)),
    }
}

/// By what the found value is multiplied, and its unit.
pub(super) fn unit_of(test: &GateTest) -> (f64, &'static str) {
    match test {
        GateTest::Objective(objective) => shown_unit(objective.metric.unit()),
        _ => (100.0, "%"),
    }
}

/// What was found: the value or the change, and what common random numbers were worth.
pub(super) fn found(line: &GateLine) -> String {
    let (factor, unit) = unit_of(&line.test);
    let value = line.found.map_or_else(|| "no value".to_owned(), |found| plus_minus(&found, factor));
    let value = format!("{value}\u{a0}{unit}").trim_end().to_owned();
    match (&line.test, line.variance_reduction) {
        (GateTest::Regression(_), Some(factor)) => format!("{value}, CRN {}", times(factor)),
        _ => value,
    }
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GateCount {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) inconclusive: usize,
}

impl GateCount {
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a GateLine>) -> Self {
        let mut count = Self::default();
        for line in lines {
            *match line.verdict {
                GateVerdict::Pass => &mut count.passed,
                GateVerdict::Fail => &mut count.failed,
                GateVerdict::Inconclusive => &mut count.inconclusive,
            } += 1;
        }
        count
    }

    /// `passed`, `failed` or `inconclusive`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self { failed: 1.., .. } => "failed",
            Self { inconclusive: 1.., .. } => "inconclusive",
            _ => "passed",
        }
    }

    /// The verdict in a sentence.
    pub(super) fn sentence(self) -> String {
        let all = self.passed + self.failed + self.inconclusive;
        match self {
            _ if all == 0 => "Nothing was judged: no objective, and no baseline.".to_owned(),
            Self { failed: 0, inconclusive: 0, .. } => format!("The gate passed: all {all} tests do."),
            Self { failed, inconclusive, .. } => {
                format!(
                    "The gate {}: of {all} tests {failed} failed, {inconclusive} {} inconclusive.",
                    if failed > 0 { "failed" } else { "is inconclusive" },
                    if inconclusive == 1 { "is" } else { "are" }
                )
            }
        }
    }
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

//! The gate: whether a fleet keeps its objectives and is no worse than a kept baseline, as far as the intervals can tell.

use super::metric::{Direction, Metric};
use super::objective::{Objective, ObjectiveState};
use super::statistics::{Confidence, Estimate};
#[cfg(doc)]
use super::summary::Difference;
use super::values::FleetValues;

/// What the gate says of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVerdict {
    /// The whole interval is within the tolerance.
    Pass,
    /// The whole interval, made so wide that all tests fail together by chance no more often than one does, is worse
    /// than the tolerance.
    Fail,
    /// The interval contains the tolerance, or there is none.
    Inconclusive,
}

impl GateVerdict {
    /// The word in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What is tested.
#[derive(Clone, Debug, PartialEq)]
pub enum GateTest {
    /// An objective of the scenario.
    Objective(Objective),
    /// A metric against the baseline.
    Regression(Metric),
    /// A work counter of the simulator against the baseline; deterministic, so there is no interval.
    Work(String),
}

/// One test of one fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct GateLine {
    /// Name of the fleet.
    pub fleet: String,
    /// What is tested.
    pub test: GateTest,
    /// What was found: the metric, or its change as a share where the baseline is not zero.
    pub found: Option<Estimate>,
    /// By what common random numbers divide the variance of the change, as in [`Difference::variance_reduction`]; none for
    /// what is no comparison.
    pub variance_reduction: Option<f64>,
    /// What that means.
    pub verdict: GateVerdict,
}

/// How much worse than the baseline is still good enough.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRules {
    /// Metrics that are compared with the baseline.
    pub metrics: Vec<Metric>,
    /// By which share a metric may be worse.
    pub tolerance: f64,
    /// By which share a work counter may be higher; none if they are not looked at.
    pub work_tolerance: Option<f64>,
    /// How sure the intervals are.
    pub confidence: Confidence,
    /// How many regressions are judged together, of all fleets and scenarios: metrics times fleets.
    pub together: usize,
}

impl GateRules {
    /// How sure an interval has to be for a failure. The gate fails where any of its tests does, so each may do so by
    /// chance only as often that all together stay below the chance to be wrong (Bonferroni; one side of an interval
    /// misses half as often as both, so two tests need no more than one interval gives). Passing needs no such care: the
    /// gate passes only where every test does, and then the chance to pass wrongly is that of one (intersection-union).
    fn sure_to_fail(&self) -> Confidence {
        let miss = 1.0 - self.confidence.share();
        Confidence::new(1.0 - miss * 2.0 / self.together.max(2) as f64).unwrap_or(self.confidence)
    }
}

/// Judges the objectives of every fleet.
#[must_use]
pub fn gate_objectives(
    fleets: &[FleetValues],
    objectives: &[Objective],
    confidence: Confidence,
) -> Vec<GateLine> {
    let mut lines = Vec::new();
    for fleet in fleets {
        for objective in objectives {
            let sample = fleet.sample(objective.metric, fleet.replications.len());
            let found = sample.map(|sample| sample.estimate(confidence));
            let verdict = match objective.judge(found) {
                ObjectiveState::Met => GateVerdict::Pass,
                ObjectiveState::Missed => GateVerdict::Fail,
                ObjectiveState::Unclear => GateVerdict::Inconclusive,
            };
            let test = GateTest::Objective(*objective);
            lines.push(GateLine {
                fleet: fleet.name.clone(),
                test,
                found,
                variance_reduction: None,
                verdict,
            });
        }
    }
    lines
}

/// Compares one fleet with its values of the baseline, replication by replication, over those that both have.
#[must_use]
pub fn gate_regressions(now: &FleetValues, baseline: &FleetValues, rules: &GateRules) -> Vec<GateLine> {
    let n = now.replications.len().min(baseline.replications.len());
    let mut lines: Vec<GateLine> = rules
        .metrics
        .iter()
        .map(|metric| {
            let (found, verdict) = regression(now, baseline, *metric, n, rules);
            let samples = now.sample(*metric, n).zip(baseline.sample(*metric, n));
            let variance_reduction = samples.and_then(|(mine, base)| mine.variance_reduction(&base));
            let test = GateTest::Regression(*metric);
            GateLine { fleet: now.name.clone(), test, found, variance_reduction, verdict }
        })
        .collect();
    if let Some(tolerance) = rules.work_tolerance {
        lines.extend(work(now, baseline, n, tolerance));
    }
    lines
}

fn regression(
    now: &FleetValues,
    baseline: &FleetValues,
    metric: Metric,
    n: usize,
    rules: &GateRules,
) -> (Option<Estimate>, GateVerdict) {
    let (mine, base) = (now.sample(metric, n), baseline.sample(metric, n));
    let (Some(mine), Some(base)) = (mine, base) else {
        return (None, GateVerdict::Inconclusive);
    };
    let is_identical =
        (0..n).all(|i| now.replications[i][metric.index()] == baseline.replications[i][metric.index()]);
    let change = mine.paired_change(&base);
    // A share has no change where the baseline is zero: then any clear difference is one too many.
    let tolerance = if change.is_some() { rules.tolerance } else { 0.0 };
    let sample = change.unwrap_or_else(|| mine.paired_difference(&base));
    let found = sample.estimate(rules.confidence);
    if is_identical {
        return (Some(found), GateVerdict::Pass);
    }
    let surely = sample.estimate(rules.sure_to_fail());
    let Some((interval, surely)) = found.interval.zip(surely.interval) else {
        return (Some(found), GateVerdict::Inconclusive);
    };
    let (best, worst) = (best_and_worst(surely, metric).0, best_and_worst(interval, metric).1);
    let verdict = if best > tolerance {
        GateVerdict::Fail
    } else if worst <= tolerance {
        GateVerdict::Pass
    } else {
        GateVerdict::Inconclusive
    };
    (Some(found), verdict)
}

/// By how much a metric is worse than the baseline at the good and at the bad end of an interval.
fn best_and_worst((lower, upper): (f64, f64), metric: Metric) -> (f64, f64) {
    match metric.direction() {
        Direction::LowerIsBetter => (lower, upper),
        Direction::HigherIsBetter => (-upper, -lower),
        Direction::Neutral => (if lower > 0.0 { lower } else { -upper }, upper.max(-lower)),
    }
}

/// Work counters that grew by more than `tolerance`, and one line that says pass where none did.
fn work(now: &FleetValues, baseline: &FleetValues, n: usize, tolerance: f64) -> Vec<GateLine> {
    let before = baseline.work_totals(n);
    let line = |name: &str, change: f64, verdict| GateLine {
        fleet: now.name.clone(),
        test: GateTest::Work(name.to_owned()),
        found: Some(Estimate { mean: change, interval: None, n }),
        variance_reduction: None,
        verdict,
    };
    let mut lines = Vec::new();
    let mut largest = 0.0_f64;
    for (name, count) in now.work_totals(n) {
        let Some((_, old)) = before.iter().find(|(known, _)| *known == name) else { continue };
        let change = count as f64 / (*old).max(1) as f64 - 1.0;
        largest = largest.max(change);
        if change > tolerance {
            lines.push(line(&name, change, GateVerdict::Fail));
        }
    }
    if lines.is_empty() {
        lines.push(line("every counter", largest, GateVerdict::Pass));
    }
    lines
}

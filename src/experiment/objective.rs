//! Service level objectives: a limit on a metric, and whether a fleet keeps it, as far as its interval can tell.

use super::metric::Metric;
use super::statistics::Estimate;

/// A limit that a metric must not exceed (or, where more is better, fall below).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// What is limited.
    pub metric: Metric,
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// Whether the metric must stay at or below the limit, or at or above it.
    pub bound: Bound,
}

/// On which side of its limit a metric must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At or below.
    AtMost,
    /// At or above.
    AtLeast,
}

/// Whether an objective is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectiveState {
    /// The whole interval keeps it.
    Met,
    /// The whole interval misses it.
    Missed,
    /// The interval contains the limit, or there is none: more replications are needed.
    Unclear,
}

impl Objective {
    /// Judges an estimate. A metric without value is unclear.
    #[must_use]
    pub fn judge(&self, estimate: Option<Estimate>) -> ObjectiveState {
        let Some((lower, upper)) = estimate.and_then(|estimate| estimate.interval) else {
            return ObjectiveState::Unclear;
        };
        let (met, missed) = match self.bound {
            Bound::AtMost => (upper <= self.limit, lower > self.limit),
            Bound::AtLeast => (lower >= self.limit, upper < self.limit),
        };
        match (met, missed) {
            (true, _) => ObjectiveState::Met,
            (_, true) => ObjectiveState::Missed,
            _ => ObjectiveState::Unclear,
        }
    }
}

//! What a sweep says: the best point in a sentence, the best points as a table, and what each single change moves.

use super::text_table::text_table;
use std::ops::Range;

use comfy_table::ColumnConstraint;

use super::format::{plus_minus, three_digits};
use super::sweep_csv::state;
use super::table::wrapped;
use super::unserved::Unserved;
use super::verdict::{chosen_fleet, worst_state};
use crate::experiment::{
    Estimate, ExperimentSummary, Metric, Objective, ObjectiveState, Point, PointSummary,
};

/// Heading of what stands beside a wait.
const UNSERVED: &str = "unserved %";
/// How many points the terminal shows.
const SHOWN: usize = 12;

/// What all points share.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFacts {
    /// Keys that vary.
    pub keys: Vec<String>,
    /// Names of the fleets.
    pub fleets: Vec<String>,
    /// Replications per fleet and point.
    pub replications: usize,
    /// What has to be kept.
    pub objectives: Vec<Objective>,
    /// Whether the first point is the scenario as it is and each other one a single change.
    pub is_one_at_a_time: bool,
}

/// What a chart shows of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Dollars per 1,000 jobs.
    Cost,
    /// Seconds that 95 % of jobs do not wait longer than.
    Wait,
}

impl Measure {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost in $ per 1000 jobs",
            Self::Wait => "wait that 95 % of jobs do not exceed, in s",
        }
    }

    /// The estimate of one fleet, in the unit of the name.
    pub(super) fn of(self, point: &PointSummary, fleet: usize) -> Option<Estimate> {
        let (estimate, factor) = match self {
            Self::Cost => (point.costs[fleet]?, 1.0),
            Self::Wait => (point.waits[fleet]?, 1e-3),
        };
        Some(Estimate {
            mean: estimate.mean * factor,
            interval: estimate.interval.map(|(lower, upper)| (lower * factor, upper * factor)),
            n: estimate.n,
        })
    }
}

/// What tables and charts need to know of a point whose fleets are summarised in `summary`.
#[must_use]
pub fn point_summary(
    number: usize,
    point: &Point,
    summary: &ExperimentSummary,
    objectives: &[Objective],
) -> PointSummary {
    let chosen = chosen_fleet(summary, objectives);
    let all = |metric: Metric| summary.fleets.iter().map(|fleet| fleet.estimate(metric)).collect();
    PointSummary {
        number,
        point: point.clone(),
        chosen,
        state: worst_state(&summary.fleets[chosen], objectives),
        costs: all(Metric::CostPerThousandJobs),
        waits: all(Metric::WaitP95),
        unserved: summary.fleets.iter().map(|fleet| Unserved::of(fleet).shares()).collect(),
    }
}

/// The points from best to worst: objectives kept, then unclear, then missed; the cheaper first.
pub(super) fn ranked(points: &[PointSummary]) -> Vec<&PointSummary> {
    let mut ranked: Vec<&PointSummary> = points.iter().collect();
    let cost = |point: &PointSummary| point.costs[point.chosen].map_or(f64::INFINITY, |cost| cost.mean);
    let order = |state| match state {
        ObjectiveState::Met => 0,
        ObjectiveState::Unclear => 1,
        ObjectiveState::Missed => 2,
    };
    ranked.sort_by(|a, b| order(a.state).cmp(&order(b.state)).then(cost(a).total_cmp(&cost(b))));
    ranked
}

/// A point in words: `consolidate_after = 2m, concurrent = 100`. Keys are told by their last part.
pub(super) fn point_words(facts: &SweepFacts, point: &PointSummary) -> String {
    let values = facts.keys.iter().zip(&point.point);
    let told: Vec<String> =
        values.filter_map(|(key, value)| Some(format!("{} = {}", short_key(key), value.as_ref()?))).collect();
    if told.is_empty() { "the scenario as it is".to_owned() } else { told.join(", ") }
}

/// The last part of a dotted key.
pub(super) fn short_key(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The best point in a sentence without full stop.
pub(super) fn finding(facts: &SweepFacts, points: &[PointSummary]) -> String {
    let Some(best) = ranked(points).first().copied() else { return "No point".to_owned() };
    let cost = best.costs[best.chosen].map_or_else(|| "?".to_owned(), |cost| plus_minus(&cost, 1.0));
    let lead = match best.state {
        ObjectiveState::Met => "Cheapest",
        ObjectiveState::Unclear => "Cheapest of those that may keep the objectives",
        ObjectiveState::Missed => "No point keeps the objectives; the cheapest",
    };
    let fleet =
        if facts.fleets.len() > 1 { format!(" with {}", facts.fleets[best.chosen]) } else { String::new() };
    format!("{lead}: {}{fleet}, {cost}\u{a0}$ per 1000 jobs", point_words(facts, best))
}

/// The answer on the terminal; `files` are named at its end.
#[must_use]
pub fn sweep_text(facts: &SweepFacts, points: &[PointSummary], files: &[String]) -> String {
    let mut out = wrapped(&format!("{}.", finding(facts, points))) + "\n";
    out.push_str(&best_points(facts, points));
    if points.len() > SHOWN {
        out.push_str(&format!("… and {} more points in points.csv.\n", points.len() - SHOWN));
    }
    out.push_str(&format!(
        "{} points × {} fleets × {} replications on the same random numbers.\n\
         ±: 95\u{a0}% intervals, each for itself: of many, some miss by chance.\n\
         {UNSERVED}: jobs that no wait tells of, lost/canceled/timed out/still waiting.\n",
        points.len(),
        facts.fleets.len(),
        facts.replications
    ));
    if facts.is_one_at_a_time {
        out.push_str(&single_changes(facts, points));
    }
    for file in files {
        out.push_str(&format!("{file}\n"));
    }
    out
}

fn best_points(facts: &SweepFacts, points: &[PointSummary]) -> String {
    let mut header: Vec<&str> = facts.keys.iter().map(|key| short_key(key)).collect();
    let is_chosen_shown = facts.fleets.len() > 1;
    if is_chosen_shown {
        header.push("fleet");
    }
    let texts = header.len();
    header.extend(["$/1000 jobs", "p95 s", UNSERVED, "objectives"]);
    let rows = ranked(points).into_iter().take(SHOWN).map(|point| {
        let mut row: Vec<String> =
            point.point.iter().map(|value| value.clone().unwrap_or_else(|| "–".to_owned())).collect();
        if is_chosen_shown {
            row.push(facts.fleets[point.chosen].clone());
        }
        let show = |estimate: Option<Estimate>, factor: f64| {
            estimate.map_or_else(|| "–".to_owned(), |estimate| plus_minus(&estimate, factor))
        };
        row.push(show(point.costs[point.chosen], 1.0));
        row.push(show(point.waits[point.chosen], 1e-3));
        row.push(Unserved::of_shares(point.unserved[point.chosen]).cell());
        row.push(state(point.state).to_owned());
        row
    });
    let is_text = |index: usize| index < texts || index == texts + 3;
    let constraint = |_, is_text: bool| (!is_text).then_some(ColumnConstraint::ContentWidth);
    text_table(&header, rows, is_text, constraint)
}

/// A sentence, with a space before it, on the jobs that the waits of a sweep do not tell of; nothing where there are none.
/// Looked at are the `fleets` of a point that the chart shows.
pub(super) fn left_out(points: &[PointSummary], fleets: impl Fn(&PointSummary) -> Range<usize>) -> String {
    let of = |point: &PointSummary, fleet: usize| point.unserved[fleet].iter().flatten().sum::<f64>();
    let of_point = |point| fleets(point).map(|fleet| of(point, fleet)).fold(0.0, f64::max);
    let most = points.iter().map(of_point).fold(0.0, f64::max);
    if most == 0.0 {
        return String::new();
    }
    let most = format!("{}\u{a0}%", three_digits(100.0 * most));
    format!(
        " Waits do not tell of jobs that were lost, canceled, timed out or still waiting: up to {most} of a point's jobs."
    )
}

/// What the values of one key do to a measure of the fleet that is recommended for the scenario as it is.
pub(super) struct Sensitivity {
    /// Place of the key.
    pub(super) key: usize,
    /// Lowest and highest mean with the value that gives it.
    pub(super) low: (f64, String),
    pub(super) high: (f64, String),
    /// Values at which another fleet is recommended or the objectives are kept no more, with what happens.
    pub(super) flips: Vec<String>,
}

/// The mean of the scenario as it is, and the keys from the most to the least that they move it. None where it has none.
pub(super) fn sensitivities(
    facts: &SweepFacts,
    points: &[PointSummary],
    measure: Measure,
) -> Option<(f64, Vec<Sensitivity>)> {
    let base = points.first()?;
    let start = measure.of(base, base.chosen)?.mean;
    let mut found = Vec::new();
    for key in 0..facts.keys.len() {
        let mut sensitivity =
            Sensitivity { key, low: (start, String::new()), high: (start, String::new()), flips: Vec::new() };
        for point in points {
            let Some(value) = &point.point[key] else { continue };
            if let Some(estimate) = measure.of(point, base.chosen) {
                if estimate.mean < sensitivity.low.0 {
                    sensitivity.low = (estimate.mean, value.clone());
                }
                if estimate.mean > sensitivity.high.0 {
                    sensitivity.high = (estimate.mean, value.clone());
                }
            }
            if point.chosen != base.chosen {
                sensitivity.flips.push(format!("{} at {value}", facts.fleets[point.chosen]));
            } else if point.state != base.state && point.state == ObjectiveState::Missed {
                sensitivity.flips.push(format!("objectives missed at {value}"));
            }
        }
        found.push(sensitivity);
    }
    found.sort_by(|a, b| (b.high.0 - b.low.0).total_cmp(&(a.high.0 - a.low.0)));
    Some((start, found))
}

fn single_changes(facts: &SweepFacts, points: &[PointSummary]) -> String {
    let Some((start, found)) = sensitivities(facts, points, Measure::Cost) else { return String::new() };
    let mut out = format!("What each key moves ({} $ per 1000 jobs as it is):\n", three_digits(start));
    for sensitivity in found {
        let end = |(value, at): &(f64, String)| {
            let at = if at.is_empty() { "as it is" } else { at };
            format!("{} ({at})", three_digits(*value))
        };
        let flips = match sensitivity.flips.as_slice() {
            [] => "changes nothing of the recommendation".to_owned(),
            flips => format!("FLIPS it: {}", flips.join(", ")),
        };
        out.push_str(&wrapped(&format!(
            "  {}: {} to {}; {flips}",
            facts.keys[sensitivity.key],
            end(&sensitivity.low),
            end(&sensitivity.high)
        )));
    }
    out
}

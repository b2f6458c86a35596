//! The page of a sweep: the best point, how points trade cost against wait, what each key moves and what flips the
//! recommendation, and every point with its intervals.

use super::PageError;
use super::model::{DataTable, names};
use super::sheet::{Lead, Part, SheetFacts, sheet_html};
use crate::experiment::{Estimate, PointSummary};
use crate::report::chart::Chart;
use crate::report::format::{plus_minus, three_digits};
use crate::report::sweep::{
    Measure, SweepFacts, finding, left_out, point_words, ranked, sensitivities, short_key,
};
use crate::report::sweep_csv::state;
use crate::report::unserved::Unserved;

/// Most rows of a table; the files have all of them.
const ROWS: usize = 400;

/// The page of the `points` of a sweep, with the charts that were drawn of them.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn sweep_html(
    sweep: &SweepFacts,
    points: &[PointSummary],
    charts: &[Chart],
    facts: &SheetFacts,
) -> Result<String, PageError> {
    let lead = Lead {
        kicker: format!(
            "sweep · {} points × {} fleets × {} replications on the same random numbers",
            points.len(),
            sweep.fleets.len(),
            sweep.replications
        ),
        verdict: format!("{}.", finding(sweep, points)),
        lines: if sweep.is_one_at_a_time { flips(sweep, points) } else { Vec::new() },
        remarks: remarks(sweep, points),
    };
    let numbers = |chart: &Chart| match chart.name.as_str() {
        "tornado_cost" => sensitivity_table(sweep, points, Measure::Cost),
        "tornado_wait" => sensitivity_table(sweep, points, Measure::Wait),
        "sweep" => fleets_table(sweep, points),
        "trade_off" => points_table(sweep, points),
        _ => map_table(sweep, points, &chart.name),
    };
    let mut parts: Vec<Part> = charts.iter().map(|chart| Part::chart(chart, numbers(chart))).collect();
    parts.push(Part::table("points", Vec::new(), points_table(sweep, points)));
    if sweep.fleets.len() > 1 {
        parts.push(Part::table("fleets", Vec::new(), fleets_table(sweep, points)));
    }
    sheet_html(lead, None, parts, facts)
}

fn remarks(sweep: &SweepFacts, points: &[PointSummary]) -> Vec<String> {
    let mut remarks = Vec::new();
    let told = |point: &PointSummary| {
        let wait = Measure::Wait.of(point, point.chosen);
        let wait = wait.map_or_else(
            || "no job waited".to_owned(),
            |wait| format!("95\u{a0}% of its jobs wait at most {}\u{a0}s", plus_minus(&wait, 1.0)),
        );
        format!("{}: {wait}; objectives: {}", point_words(sweep, point), state(point.state))
    };
    remarks.extend(ranked(points).first().map(|best| format!("Best point, {}.", told(best))));
    remarks.push(
        "Intervals are 95\u{a0}%, each for itself: of many points, some lie outside by chance, and the best of many looks \
         better than it is. fleetsim recommend picks with a stated chance to be wrong."
            .to_owned(),
    );
    let left_out = left_out(points, |point| point.chosen..point.chosen + 1);
    remarks.extend((!left_out.is_empty()).then(|| left_out.trim().to_owned()));
    remarks
}

/// What each key does to the recommendation.
fn flips(sweep: &SweepFacts, points: &[PointSummary]) -> Vec<String> {
    let Some((_, found)) = sensitivities(sweep, points, Measure::Cost) else { return Vec::new() };
    let line = |one: crate::report::sweep::Sensitivity| {
        let key = &sweep.keys[one.key];
        match one.flips.as_slice() {
            [] => format!("{key}: does not change the recommendation"),
            flips => format!("{key}: flips the recommendation: {}", flips.join(", ")),
        }
    };
    found.into_iter().map(line).collect()
}

/// Mean, lower and upper end.
fn ends(estimate: Option<Estimate>) -> [String; 3] {
    let none = || "–".to_owned();
    let Some(estimate) = estimate else { return [none(), none(), none()] };
    let ends = estimate.interval.map(|(lower, upper)| [three_digits(lower), three_digits(upper)]);
    let [lower, upper] = ends.unwrap_or_else(|| [none(), none()]);
    [three_digits(estimate.mean), lower, upper]
}

fn values(point: &PointSummary) -> impl Iterator<Item = String> + '_ {
    point.point.iter().map(|value| value.clone().unwrap_or_else(|| "as it is".to_owned()))
}

const MEASURED: [&str; 6] = ["$ per 1000 jobs", "lower", "upper", "wait p95, s", "lower", "upper"];

fn measured(point: &PointSummary, fleet: usize) -> impl Iterator<Item = String> {
    let unserved = Unserved::of_shares(point.unserved[fleet]).in_per_cent();
    let [cost, wait] = [Measure::Cost, Measure::Wait].map(|measure| ends(measure.of(point, fleet)));
    cost.into_iter().chain(wait).chain(unserved)
}

fn head(sweep: &SweepFacts, more: &[&str]) -> Vec<String> {
    let mut head = names(&["point"]);
    head.extend(sweep.keys.iter().map(|key| short_key(key).to_owned()));
    head.extend(names(more));
    head.extend(names(&MEASURED));
    head.extend(Unserved::NAMES.map(|name| format!("{name}, %")));
    head
}

fn cut(rows: usize, file: &str) -> String {
    if rows > ROWS {
        format!("The first {ROWS} of {rows} rows; {file} has all of them.")
    } else {
        String::new()
    }
}

/// Every point with the fleet that is recommended there, the best first.
fn points_table(sweep: &SweepFacts, points: &[PointSummary]) -> DataTable {
    let rows = ranked(points).into_iter().take(ROWS).map(|point| {
        let mut row = vec![(point.number + 1).to_string()];
        row.extend(values(point));
        row.extend([sweep.fleets[point.chosen].clone(), state(point.state).to_owned()]);
        row.extend(measured(point, point.chosen));
        row
    });
    DataTable {
        title: "The points, the best first".to_owned(),
        note: cut(points.len(), "points.csv"),
        head: head(sweep, &["recommended", "objectives"]),
        rows: rows.collect(),
    }
}

/// Every fleet at every point.
fn fleets_table(sweep: &SweepFacts, points: &[PointSummary]) -> DataTable {
    let all = points.iter().flat_map(|point| (0..sweep.fleets.len()).map(move |fleet| (point, fleet)));
    let rows = all.take(ROWS).map(|(point, fleet)| {
        let mut row = vec![(point.number + 1).to_string()];
        row.extend(values(point));
        row.push(sweep.fleets[fleet].clone());
        row.extend(measured(point, fleet));
        row
    });
    DataTable {
        title: "Every fleet at every point".to_owned(),
        note: cut(points.len() * sweep.fleets.len(), "sweep.csv"),
        head: head(sweep, &["fleet"]),
        rows: rows.collect(),
    }
}

/// The two keys of a map with cost and wait.
fn map_table(sweep: &SweepFacts, points: &[PointSummary], chart: &str) -> DataTable {
    let keys: Vec<usize> =
        chart.split('_').filter_map(|part| part.parse::<usize>().ok()).map(|number| number - 1).collect();
    let mut head = names(&["point"]);
    head.extend(keys.iter().map(|key| short_key(&sweep.keys[*key]).to_owned()));
    head.extend(names(&["recommended", "$ per 1000 jobs", "wait p95, s"]));
    let rows = points.iter().take(ROWS).map(|point| {
        let mut row = vec![(point.number + 1).to_string()];
        row.extend(keys.iter().map(|key| point.point[*key].clone().unwrap_or_else(|| "as it is".to_owned())));
        row.push(sweep.fleets[point.chosen].clone());
        row.extend([Measure::Cost, Measure::Wait].map(|measure| {
            let estimate = measure.of(point, point.chosen);
            estimate.map_or_else(|| "–".to_owned(), |estimate| plus_minus(&estimate, 1.0))
        }));
        row
    });
    DataTable { title: String::new(), note: cut(points.len(), "points.csv"), head, rows: rows.collect() }
}

/// What each key moves.
fn sensitivity_table(sweep: &SweepFacts, points: &[PointSummary], measure: Measure) -> DataTable {
    let found = sensitivities(sweep, points, measure);
    let (start, found) = found.map_or((0.0, Vec::new()), |(start, found)| (start, found));
    let rows = found.into_iter().map(|one| {
        let at = |value: &str| if value.is_empty() { "as it is".to_owned() } else { value.to_owned() };
        let flips = if one.flips.is_empty() { "nothing".to_owned() } else { one.flips.join(", ") };
        vec![
            sweep.keys[one.key].clone(),
            three_digits(one.low.0),
            at(&one.low.1),
            three_digits(one.high.0),
            at(&one.high.1),
            flips,
        ]
    });
    DataTable {
        title: String::new(),
        note: format!("As it is: {}, {}.", three_digits(start), measure.name()),
        head: names(&["key", "lowest", "at", "highest", "at", "flips"]),
        rows: rows.collect(),
    }
}

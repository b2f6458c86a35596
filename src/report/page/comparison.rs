//! The page of a comparison: which fleet, how sure, each metric with differences whose intervals hold together, and the jobs
//! that no wait tells of.

use super::PageError;
use super::model::{DataTable, capitalised, comparison, names};
use super::parts::cause_bars;
use super::sheet::{Lead, Part, SheetFacts, sheet_html};
use super::tables::{ends_table_of_means, intervals_table};
use crate::experiment::{
    ComparisonRules, Difference, Direction, Estimate, ExperimentSummary, FleetSummary, Metric, Objective,
    Verdict,
};
use crate::report::chart::Chart;
use crate::report::comparison::{confidence_sentence, is_wait};
use crate::report::format::{shown_unit, three_digits};
use crate::report::pairing::times;
use crate::report::unserved::Unserved;
use crate::report::verdict::{chosen_fleet, missing_results, objective_lines, verdict_sentence, words};

/// The page for fleets that were compared by `rules` in `metrics`, with the charts that were drawn of them.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn comparison_html(
    summary: &ExperimentSummary,
    metrics: &[Metric],
    rules: ComparisonRules,
    objectives: &[Objective],
    charts: &[Chart],
    facts: &SheetFacts,
) -> Result<String, PageError> {
    let replications = summary.fleets.first().map_or(0, |fleet| fleet.replications);
    let baseline = &summary.fleets[summary.baseline].name;
    let mut remarks = vec![format!(
        "Against {baseline}, replication by replication. {}",
        confidence_sentence(summary, rules)
    )];
    if objectives.is_empty() {
        remarks
            .push("No objective is given: the verdict rests on cost and on what is left undone.".to_owned());
    }
    remarks.extend(missing_results(summary));
    let lead = Lead {
        kicker: format!("comparison · {replications} replications · differences paired"),
        verdict: verdict_sentence(summary, objectives),
        lines: objective_lines(summary, objectives),
        remarks,
    };
    let note = format!("Second line: difference to {baseline}, paired, with an adjusted interval.");
    let fleets = comparison(summary, chosen_fleet(summary, objectives), &note);
    let mut parts: Vec<Part> = Vec::new();
    for chart in charts {
        let numbers = match chart.name.as_str() {
            "cost_and_wait" => intervals_table(summary),
            _ => differences_table(summary, metrics),
        };
        parts.push(Part::chart(chart, numbers));
    }
    let of_metric = |metric: &Metric| {
        let table = metric_table(summary, *metric);
        Part::table(&metric.key(), vec![capitalised(better(*metric))], table)
    };
    parts.extend(metrics.iter().map(of_metric));
    parts.push(Part::bars(cause_bars(summary)));
    parts.push(Part::table("ends", Vec::new(), ends_table_of_means(summary)));
    sheet_html(lead, Some(fleets), parts, facts)
}

const fn better(metric: Metric) -> &'static str {
    match metric.direction() {
        Direction::LowerIsBetter => "less is better",
        Direction::HigherIsBetter => "more is better",
        Direction::Neutral => "it only describes",
    }
}

/// Mean, lower and upper end.
fn interval(estimate: Option<&Estimate>, factor: f64) -> [String; 3] {
    let shown = |value: f64| three_digits(value * factor);
    let none = || "–".to_owned();
    let Some(estimate) = estimate else { return [none(), none(), none()] };
    let ends = estimate.interval.map(|(lower, upper)| [shown(lower), shown(upper)]);
    let [lower, upper] = ends.unwrap_or_else(|| [none(), none()]);
    [shown(estimate.mean), lower, upper]
}

fn told(fleet: &FleetSummary, metric: Metric) -> Option<Difference> {
    fleet.difference(metric).filter(|difference| difference.verdict != Verdict::Reference)
}

/// Difference and change with their intervals, the word, and what pairing was worth.
fn difference_cells(fleet: &FleetSummary, metric: Metric, factor: f64) -> Vec<String> {
    let difference = told(fleet, metric);
    let mut cells = interval(difference.as_ref().map(|told| &told.absolute), factor).to_vec();
    let relative = difference.as_ref().and_then(|told| told.relative.as_ref());
    cells.extend(interval(relative, 100.0));
    let word = fleet.difference(metric).map_or("no value", |difference| difference.verdict.label());
    cells.push(word.to_owned());
    let factor = difference.and_then(|told| told.variance_reduction);
    cells.push(factor.map_or_else(|| "–".to_owned(), times));
    cells
}

const DIFFERENCE: [&str; 8] =
    ["difference", "lower", "upper", "change, %", "lower", "upper", "verdict", "variance cut by pairing"];

fn named(metric: Metric) -> String {
    let (_, unit) = shown_unit(metric.unit());
    let name = words(&metric.key());
    if unit.is_empty() || name.ends_with("per 1000 jobs") { name } else { format!("{name}, {unit}") }
}

/// One metric of every fleet; beside a wait the jobs that it does not tell of.
fn metric_table(summary: &ExperimentSummary, metric: Metric) -> DataTable {
    let (factor, _) = shown_unit(metric.unit());
    let mut head = names(&["fleet", "value", "lower", "upper"]);
    head.extend(DIFFERENCE.map(str::to_owned));
    if is_wait(metric) {
        head.extend(Unserved::NAMES.map(|name| format!("{name}, %")));
    }
    let rows = summary.fleets.iter().map(|fleet| {
        let mut row = vec![fleet.name.clone()];
        row.extend(interval(fleet.estimate(metric).as_ref(), factor));
        row.extend(difference_cells(fleet, metric, factor));
        if is_wait(metric) {
            row.extend(Unserved::of(fleet).in_per_cent());
        }
        row
    });
    let note = if is_wait(metric) {
        "Only jobs whose script started have a wait; the last four columns are the jobs that it does not tell of. A fleet that \
         sheds jobs looks fast."
    } else {
        ""
    };
    DataTable { title: capitalised(&named(metric)), note: note.to_owned(), head, rows: rows.collect() }
}

/// Every difference of the chart.
fn differences_table(summary: &ExperimentSummary, metrics: &[Metric]) -> DataTable {
    let mut head = names(&["fleet", "metric"]);
    head.extend(DIFFERENCE.map(str::to_owned));
    let mut rows = Vec::new();
    for metric in metrics {
        let (factor, _) = shown_unit(metric.unit());
        for (_, fleet) in summary.fleets.iter().enumerate().filter(|(index, _)| *index != summary.baseline) {
            let mut row = vec![fleet.name.clone(), named(*metric)];
            row.extend(difference_cells(fleet, *metric, factor));
            rows.push(row);
        }
    }
    DataTable { title: String::new(), note: String::new(), head, rows }
}

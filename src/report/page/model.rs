//! The page as plain values for the template: words and shares, in the order in which they are read.

use serde::Serialize;

use super::assumptions::{ASSUMPTIONS, DEFINITIONS, Entry, NOT_PRICED};
use super::heat_map::{HeatMap, heat_maps};
use super::parts::{Bars, cost_bars, tail_bars, wait_bars, waste_bars};
use super::tables::{
    ends_table, intervals_table, levels_table, load_table, node_hours_table, nodes_table, quantiles_table,
    savings_table, slowest_table,
};
use super::teams::{classes_table, teams_table};
use super::{PageFacts, SweepShown};
use crate::experiment::{Estimate, ExperimentSummary, FleetSummary, Metric, MetricUnit, Objective, Verdict};
use crate::report::chart::{Chart, Savings, TIME};
use crate::report::format::{plus_minus, shown_unit};
use crate::report::verdict::{
    biggest_causes, chosen_fleet, missing_results, objective_lines, short_verdict, verdict_sentence,
};

/// Everything that the template shows.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    kicker: String,
    question: String,
    verdict: String,
    objectives: Vec<String>,
    remarks: Vec<String>,
    comparison: Comparison,
    charts: Vec<Figure>,
    sweep: Option<Sensitivity>,
    bars: Vec<Bars>,
    heat_maps: Vec<HeatMap>,
    zone: String,
    tables: Vec<DataTable>,
    definitions: Vec<Entry>,
    assumptions: Vec<Entry>,
    not_priced: Vec<Entry>,
    provenance: Vec<(String, String)>,
    command: String,
    resolved: Vec<(String, String)>,
}

/// The table of fleets and metrics.
#[derive(Serialize)]
pub(super) struct Comparison {
    note: String,
    head: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    fleet: String,
    is_baseline: bool,
    is_chosen: bool,
    verdict: String,
    cells: Vec<Cell>,
}

/// A value with its interval, and the difference to the baseline below it.
#[derive(Serialize)]
struct Cell {
    text: String,
    /// The mean, for sorting.
    sort: String,
    difference: String,
    /// `better`, `worse`, `unclear` or nothing: how the difference is set.
    tone: &'static str,
}

/// A chart and the numbers behind it.
#[derive(Serialize)]
struct Figure {
    name: String,
    title: String,
    svg: String,
    data: DataTable,
    /// Of a chart of one fleet over time: its name, and where hours lie on the drawing.
    time: Option<TimeAxis>,
}

/// Hours 0 to `hours` lie between `start` and `end` percent of the drawing's width.
#[derive(Serialize)]
struct TimeAxis {
    fleet: String,
    hours: String,
    start: String,
    end: String,
}

/// Charts of an earlier sweep.
#[derive(Serialize)]
struct Sensitivity {
    folder: String,
    charts: Vec<(String, String)>,
    data: DataTable,
}

/// A plain table.
#[derive(Serialize)]
pub(super) struct DataTable {
    pub title: String,
    pub note: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Columns of the comparison.
const COLUMNS: [(Metric, &str); 13] = [
    (Metric::CostPerThousandJobs, "$ per 1000 jobs"),
    (Metric::CostPerMonth, "$ per month"),
    (Metric::WaitMean, "wait mean, s"),
    (Metric::WaitP50, "wait p50, s"),
    (Metric::WaitP95, "wait p95, s"),
    (Metric::WaitP99, "wait p99, s"),
    (Metric::JobsLost, "lost, %"),
    (Metric::JobsTimedOut, "timed out, %"),
    (Metric::Retries, "retries per 1000"),
    (Metric::NodeInterruptions, "node interruptions"),
    (Metric::Utilisation, "CPU requested, %"),
    (Metric::Waste, "waste, %"),
    (Metric::NodeHours, "node hours"),
];

impl Page {
    pub(super) fn of(
        summary: &ExperimentSummary,
        objectives: &[Objective],
        charts: &[Chart],
        facts: &PageFacts,
    ) -> Self {
        let chosen = chosen_fleet(summary, objectives);
        let mut remarks: Vec<String> = missing_results(summary).into_iter().collect();
        remarks.push(capitalised(&biggest_causes(&summary.fleets[chosen])));
        remarks.retain(|remark| !remark.is_empty());
        let replications = summary.fleets.first().map_or(0, |fleet| fleet.replications);
        Self {
            title: format!("{}: fleets compared by fleetsim", facts.scenario),
            kicker: format!(
                "fleetsim · {} · {replications} replications · 95\u{a0}% intervals, differences paired",
                facts.scenario
            ),
            question: facts.question.clone(),
            verdict: verdict_sentence(summary, objectives),
            objectives: objective_lines(summary, objectives),
            remarks,
            comparison: comparison(
                summary,
                chosen,
                "Second line: difference to the baseline with its paired 95\u{a0}% interval.",
            ),
            charts: charts.iter().map(|chart| figure(summary, facts, chosen, chart)).collect(),
            sweep: facts.sweep.as_ref().map(sensitivity),
            bars: vec![waste_bars(summary), wait_bars(summary), tail_bars(summary)],
            heat_maps: facts
                .start
                .as_ref()
                .map(|start| heat_maps(summary, chosen, start))
                .unwrap_or_default(),
            zone: facts
                .start
                .as_ref()
                .and_then(|start| start.time_zone().iana_name())
                .unwrap_or("UTC")
                .to_owned(),
            tables: vec![
                slowest_table(&facts.slowest),
                nodes_table(summary),
                node_hours_table(&facts.node_hours),
                ends_table(summary),
                classes_table(summary, &facts.classes),
                teams_table(summary, &facts.classes),
            ],
            definitions: DEFINITIONS.to_vec(),
            assumptions: ASSUMPTIONS.to_vec(),
            not_priced: NOT_PRICED.to_vec(),
            provenance: facts.provenance.clone(),
            command: facts.command.clone(),
            resolved: vec![("The scenario with every default".to_owned(), facts.resolved.clone())],
        }
    }
}

pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The table of fleets; `note` says what the differences' intervals are.
pub(super) fn comparison(summary: &ExperimentSummary, chosen: usize, note: &str) -> Comparison {
    let rows = summary.fleets.iter().enumerate().map(|(index, fleet)| Row {
        fleet: fleet.name.clone(),
        is_baseline: index == summary.baseline,
        is_chosen: index == chosen,
        verdict: short_verdict(fleet),
        cells: COLUMNS.iter().map(|(metric, _)| cell(fleet, *metric)).collect(),
    });
    let head = COLUMNS.iter().map(|(_, name)| (*name).to_owned());
    Comparison { note: note.to_owned(), head: head.collect(), rows: rows.collect() }
}

fn cell(fleet: &FleetSummary, metric: Metric) -> Cell {
    let (factor, _) = shown_unit(metric.unit());
    let Some(estimate) = fleet.estimate(metric) else {
        return Cell { text: "–".to_owned(), sort: String::new(), difference: String::new(), tone: "" };
    };
    let (difference, tone) = difference(fleet, metric, factor);
    Cell { text: plus_minus(&estimate, factor), sort: format!("{:e}", estimate.mean), difference, tone }
}

/// Costs differ by a share, everything else by an amount.
fn difference(fleet: &FleetSummary, metric: Metric, factor: f64) -> (String, &'static str) {
    let Some(difference) = fleet.difference(metric) else { return (String::new(), "") };
    let tone = match difference.verdict {
        Verdict::Reference | Verdict::Unknown => return (String::new(), ""),
        Verdict::Identical => return ("identical".to_owned(), "unclear"),
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Different => "different",
        Verdict::NoClearDifference | Verdict::WithinTolerance => "unclear",
    };
    let is_money = matches!(metric.unit(), MetricUnit::UsdPerThousandJobs | MetricUnit::UsdPerMonth);
    let signed = |estimate: &Estimate, factor: f64, unit: &str| {
        let sign = if estimate.mean > 0.0 { "+" } else { "" };
        format!("{sign}{}{unit}", plus_minus(estimate, factor))
    };
    let text = match difference.relative.filter(|_| is_money) {
        Some(change) => signed(&change, 100.0, "\u{a0}%"),
        None => signed(&difference.absolute, factor, ""),
    };
    (text, tone)
}

fn figure(summary: &ExperimentSummary, facts: &PageFacts, chosen: usize, chart: &Chart) -> Figure {
    let number = chart.name.strip_prefix("levels_").and_then(|number| number.parse::<usize>().ok());
    let mut data = match chart.name.as_str() {
        "cost_and_wait" => intervals_table(summary),
        "savings" => savings_table(Savings::of(summary, &facts.fleets, chosen).as_ref()),
        "waits" => quantiles_table(summary),
        "costs" => cost_bars(summary).as_table(),
        "load_duration" => load_table(summary),
        _ => match number {
            Some(number) => levels_table(&summary.fleets[number - 1]),
            None => {
                DataTable { title: String::new(), note: String::new(), head: Vec::new(), rows: Vec::new() }
            }
        },
    };
    data.title = format!("The numbers behind: {}", chart.title);
    let time = number.map(|number| time_axis(summary, &summary.fleets[number - 1]));
    Figure { name: chart.name.clone(), title: chart.title.clone(), svg: inline(&chart.svg), data, time }
}

fn time_axis(summary: &ExperimentSummary, fleet: &FleetSummary) -> TimeAxis {
    let hours = summary
        .fleets
        .iter()
        .map(|fleet| fleet.timeline.starts_at(fleet.timeline.len()).as_ms() as f64 / 3_600_000.0);
    let percent = |pixel: f64| format!("{:.3}", pixel / 9.6);
    TimeAxis {
        fleet: fleet.name.clone(),
        hours: format!("{:.3}", hours.fold(0.0, f64::max)),
        start: percent(TIME.0),
        end: percent(TIME.1),
    }
}

fn sensitivity(sweep: &SweepShown) -> Sensitivity {
    Sensitivity {
        folder: sweep.folder.clone(),
        charts: sweep.charts.iter().map(|(title, svg)| (title.clone(), inline(svg))).collect(),
        data: DataTable {
            title: "The points of the sweep".to_owned(),
            note: String::new(),
            head: sweep.head.clone(),
            rows: sweep.rows.clone(),
        },
    }
}

/// The drawing as an element of the page: without the line that makes it a document, at the page's width.
pub(super) fn inline(svg: &str) -> String {
    svg.find("<svg").map_or_else(String::new, |start| svg[start..].trim_end().to_owned())
}

pub(super) fn names(head: &[&str]) -> Vec<String> {
    head.iter().map(|name| (*name).to_owned()).collect()
}

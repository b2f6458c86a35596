//! The page as plain values for the template: words and shares, in the order in which they are read.

use serde::Serialize;

use super::PageFacts;
use super::assumptions::{DEFINITIONS, Entry, NOT_PRICED};
use super::parts::{Bars, cost_bars, wait_bars, waste_bars};
use crate::experiment::{Estimate, ExperimentSummary, FleetSummary, Metric, MetricUnit, Objective, Verdict};
use crate::metrics::{Distribution, GaugeKey, JobOutcome, NodeEnd};
use crate::report::chart::Chart;
use crate::report::format::{number, plus_minus, shown_unit, three_digits};
use crate::report::verdict::{
    biggest_causes, chosen_fleet, missing_results, objective_lines, short_verdict, verdict_sentence, words,
};

/// Everything that the template shows.
#[derive(Serialize)]
pub(super) struct Page {
    scenario: String,
    question: String,
    verdict: String,
    objectives: Vec<String>,
    remarks: Vec<String>,
    replications: usize,
    comparison: Comparison,
    charts: Vec<Figure>,
    bars: Vec<Bars>,
    tables: Vec<DataTable>,
    definitions: Vec<Entry>,
    not_priced: Vec<Entry>,
    provenance: Vec<(String, String)>,
    command: String,
    resolved: String,
}

/// The table of fleets and metrics.
#[derive(Serialize)]
struct Comparison {
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
        Self {
            scenario: facts.scenario.clone(),
            question: facts.question.clone(),
            verdict: verdict_sentence(summary, objectives),
            objectives: objective_lines(summary, objectives),
            remarks,
            replications: summary.fleets.first().map_or(0, |fleet| fleet.replications),
            comparison: comparison(summary, chosen),
            charts: charts.iter().map(|chart| figure(summary, chart)).collect(),
            bars: vec![waste_bars(summary), wait_bars(summary)],
            tables: vec![nodes_table(summary), ends_table(summary), classes_table(summary, &facts.classes)],
            definitions: DEFINITIONS.to_vec(),
            not_priced: NOT_PRICED.to_vec(),
            provenance: facts.provenance.clone(),
            command: facts.command.clone(),
            resolved: facts.resolved.clone(),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn comparison(summary: &ExperimentSummary, chosen: usize) -> Comparison {
    let rows = summary.fleets.iter().enumerate().map(|(index, fleet)| Row {
        fleet: fleet.name.clone(),
        is_baseline: index == summary.baseline,
        is_chosen: index == chosen,
        verdict: short_verdict(fleet),
        cells: COLUMNS.iter().map(|(metric, _)| cell(fleet, *metric)).collect(),
    });
    Comparison { head: COLUMNS.iter().map(|(_, name)| (*name).to_owned()).collect(), rows: rows.collect() }
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
        Verdict::NoClearDifference => "unclear",
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

fn figure(summary: &ExperimentSummary, chart: &Chart) -> Figure {
    let data = match chart.name.as_str() {
        "cost_and_wait" => intervals_table(summary),
        "waits" => quantiles_table(summary),
        "costs" => cost_bars(summary).as_table(),
        name => match name.strip_prefix("levels_").and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => levels_table(&summary.fleets[number - 1]),
            None => {
                DataTable { title: String::new(), note: String::new(), head: Vec::new(), rows: Vec::new() }
            }
        },
    };
    Figure { name: chart.name.clone(), title: chart.title.clone(), svg: inline(&chart.svg), data }
}

/// The drawing as an element of the page: without the line that makes it a document, at the page's width.
fn inline(svg: &str) -> String {
    svg.find("<svg").map_or_else(String::new, |start| svg[start..].trim_end().to_owned())
}

fn names(head: &[&str]) -> Vec<String> {
    head.iter().map(|name| (*name).to_owned()).collect()
}

fn intervals_table(summary: &ExperimentSummary) -> DataTable {
    let bounds = |fleet: &FleetSummary, metric: Metric, factor: f64| {
        let shown = |value: f64| three_digits(value * factor);
        match fleet.estimate(metric) {
            Some(estimate) => {
                let (lower, upper) = estimate
                    .interval
                    .map_or_else(|| ("–".to_owned(), "–".to_owned()), |(l, u)| (shown(l), shown(u)));
                [shown(estimate.mean), lower, upper]
            }
            None => ["–"; 3].map(str::to_owned),
        }
    };
    let rows = summary.fleets.iter().map(|fleet| {
        let mut row = vec![fleet.name.clone()];
        row.extend(bounds(fleet, Metric::CostPerThousandJobs, 1.0));
        row.extend(bounds(fleet, Metric::WaitP95, 1e-3));
        row
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: String::new(),
        head: names(&["fleet", "$ per 1000 jobs", "lower", "upper", "wait p95, s", "lower", "upper"]),
        rows: rows.collect(),
    }
}

const QUANTILES: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

fn quantiles(waits: &Distribution) -> impl Iterator<Item = String> + '_ {
    QUANTILES.iter().map(|q| seconds(waits.quantile_ms(*q)))
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "–".to_owned(), |ms| number(ms as f64 / 1000.0, 1))
}

fn quantile_head(first: &str) -> Vec<String> {
    let mut head = names(&[first, "jobs"]);
    head.extend(QUANTILES.iter().map(|q| format!("p{} s", crate::report::format::plain(q * 100.0))));
    head
}

fn quantiles_table(summary: &ExperimentSummary) -> DataTable {
    let rows = summary.fleets.iter().map(|fleet| {
        let wait = &fleet.waits.wait;
        [fleet.name.clone(), number(wait.count() as f64, 0)].into_iter().chain(quantiles(wait)).collect()
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: "All replications together.".to_owned(),
        head: quantile_head("fleet"),
        rows: rows.collect(),
    }
}

/// At most so many rows of a timeline are shown; the files have all of them.
const TIMELINE_ROWS: usize = 28;

fn levels_table(fleet: &FleetSummary) -> DataTable {
    let timeline = &fleet.timeline;
    let step = timeline.len().div_ceil(TIMELINE_ROWS).max(1);
    let mut head = names(&["hours since the start"]);
    head.extend(GaugeKey::ALL.iter().map(|key| words(key.label())));
    let rows = (0..timeline.len()).step_by(step).map(|bucket| {
        let hours = timeline.starts_at(bucket).as_ms() as f64 / 3_600_000.0;
        let level = |key: &GaugeKey| number(timeline.band(*key).median[bucket], 1);
        std::iter::once(number(hours, 1)).chain(GaugeKey::ALL.iter().map(level)).collect()
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: "Medians of the replications at some instants; timeline.csv has all of them.".to_owned(),
        head,
        rows: rows.collect(),
    }
}

fn per_replication(count: u64, fleet: &FleetSummary) -> String {
    three_digits(count as f64 / fleet.replications.max(1) as f64)
}

fn nodes_table(summary: &ExperimentSummary) -> DataTable {
    let mut head = names(&["fleet", "launched"]);
    head.extend(NodeEnd::ALL.iter().map(|end| format!("ended: {}", words(end.label()))));
    head.extend(names(&["pods run", "node hours", "share on Spot, %"]));
    let rows = summary.fleets.iter().map(|fleet| {
        let mut row = vec![fleet.name.clone(), per_replication(fleet.nodes.launches.iter().sum(), fleet)];
        row.extend(NodeEnd::ALL.iter().map(|end| per_replication(fleet.nodes.ended(*end), fleet)));
        row.push(per_replication(fleet.nodes.pods_run, fleet));
        let of = |metric: Metric, factor: f64| {
            fleet.estimate(metric).map_or_else(|| "–".to_owned(), |estimate| plus_minus(&estimate, factor))
        };
        row.extend([of(Metric::NodeHours, 1.0), of(Metric::SpotShare, 100.0)]);
        row
    });
    DataTable {
        title: "Nodes".to_owned(),
        note: "Means per replication.".to_owned(),
        head,
        rows: rows.collect(),
    }
}

fn ends_table(summary: &ExperimentSummary) -> DataTable {
    let mut head = names(&["fleet", "jobs"]);
    head.extend(JobOutcome::ALL.iter().map(|outcome| words(outcome.label())));
    let rows = summary.fleets.iter().map(|fleet| {
        let ends = JobOutcome::ALL.iter().map(|outcome| per_replication(fleet.jobs.ended(*outcome), fleet));
        [fleet.name.clone(), per_replication(fleet.jobs.jobs(), fleet)].into_iter().chain(ends).collect()
    });
    DataTable {
        title: "How jobs ended".to_owned(),
        note: "Means per replication, the last attempt of each job; skipped jobs are not among the jobs."
            .to_owned(),
        head,
        rows: rows.collect(),
    }
}

/// Most job classes that the page lists per fleet, those with most jobs first; traces may bring thousands.
const CLASSES: usize = 12;

fn classes_table(summary: &ExperimentSummary, names: &[Vec<String>]) -> DataTable {
    let mut rows = Vec::new();
    for (fleet, names) in summary.fleets.iter().zip(names) {
        let mut classes: Vec<(usize, &Distribution)> =
            fleet.waits.wait_by_class.iter().enumerate().filter(|(_, waits)| waits.count() > 0).collect();
        classes.sort_by_key(|(class, waits)| (std::cmp::Reverse(waits.count()), *class));
        for (class, waits) in classes.into_iter().take(CLASSES) {
            let name = names.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
            let mut row = vec![fleet.name.clone(), name, number(waits.count() as f64, 0)];
            row.extend(quantiles(waits));
            rows.push(row);
        }
    }
    let mut head = quantile_head("class");
    head.insert(0, "fleet".to_owned());
    DataTable {
        title: "Waits by job class".to_owned(),
        note: format!(
            "All replications together; at most {CLASSES} classes per fleet, those with most jobs."
        ),
        head,
        rows,
    }
}

//! The comparison of fleets as a table: for people at 80 columns, as Markdown, JSON or CSV.

use super::csv::summary_csv;
use super::format::{mean, plus_minus};
use super::markdown::escaped;
use super::text_table::{COLUMNS, name_lines, name_room, text_table};
use comfy_table::ColumnConstraint;

use super::verdict::{
    biggest_causes, chosen_fleet, missing_results, objective_lines, short_verdict, verdict_sentence,
};
use crate::experiment::{Estimate, ExperimentSummary, FleetSummary, Metric, Objective};

/// The version of the JSON document, to be raised when a field changes its meaning or goes away.
pub const SUMMARY_SCHEMA: &str = "fleetsim.summary/1";

/// How a summary is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SummaryFormat {
    /// A table for people, at most 80 columns wide.
    #[default]
    Table,
    /// Markdown, as for a merge request note.
    Markdown,
    /// JSON of [`SUMMARY_SCHEMA`].
    Json,
    /// As `summary.csv`.
    Csv,
}

/// The answer in one of the formats, with a line break at the end.
#[must_use]
pub fn summary_text(
    summary: &ExperimentSummary,
    objectives: &[Objective],
    files: &[String],
    format: SummaryFormat,
) -> String {
    match format {
        SummaryFormat::Table => for_people(summary, objectives, files),
        SummaryFormat::Markdown => markdown(summary, objectives),
        SummaryFormat::Json => {
            let mut text = serde_json::to_string_pretty(&json(summary, objectives))
                .expect("a summary has only text keys and finite numbers");
            text.push('\n');
            text
        }
        SummaryFormat::Csv => {
            let mut bytes = Vec::new();
            summary_csv(&mut bytes, summary).expect("memory can be written");
            String::from_utf8(bytes).expect("fields are text")
        }
    }
}

/// Width of a verdict of which no word is broken.
const WORDS: usize = 12;

/// Columns of the comparison; `p50` and `p95` are quantiles of the wait.
const HEADER: [&str; 7] = ["fleet", "$/1000 jobs", "$/month", "p50 s", "p95 s", "lost", "cost, wait p95"];

fn for_people(summary: &ExperimentSummary, objectives: &[Objective], files: &[String]) -> String {
    let mut out = wrapped(&verdict_sentence(summary, objectives));
    out.push('\n');
    let mut rows: Vec<Vec<String>> = summary.fleets.iter().map(|fleet| row(fleet).into()).collect();
    let room = name_room(&HEADER, &rows, WORDS);
    rows.iter_mut().for_each(|row| row[0] = name_lines(&row[0], room));
    // Neither a name nor a number is broken by the table; the words of the last column are.
    let constraint = |index, _| (index != 6).then_some(ColumnConstraint::ContentWidth);
    out.push_str(&text_table(&HEADER, rows, |index| index == 0 || index == 6, constraint));
    out.push_str(&footnote(summary));
    out.extend(missing_results(summary).map(|line| wrapped(&line)));
    for line in objective_lines(summary, objectives) {
        out.push_str(&wrapped(&format!("SLO {line}")));
    }
    let causes = biggest_causes(&summary.fleets[chosen_fleet(summary, objectives)]);
    if !causes.is_empty() {
        out.push_str(&wrapped(&causes));
    }
    for file in files {
        out.push_str(&format!("{file}\n"));
    }
    out
}

fn footnote(summary: &ExperimentSummary) -> String {
    let replications = summary.fleets.first().map_or(0, |fleet| fleet.replications);
    let share = 100.0 * summary.confidence.share();
    if replications < 2 {
        return "One replication: no intervals. Run more (--reps) before deciding.\n".to_owned();
    }
    format!("±: {share:.0}\u{a0}% intervals over {replications} replications; p50, p95: wait.\n")
}

fn row(fleet: &FleetSummary) -> [String; 7] {
    let of = |metric: Metric, show: fn(&Estimate, f64) -> String, factor: f64| {
        fleet.estimate(metric).map_or_else(|| "–".to_owned(), |estimate| show(&estimate, factor))
    };
    [
        fleet.name.clone(),
        of(Metric::CostPerThousandJobs, plus_minus, 1.0),
        of(Metric::CostPerMonth, mean, 1.0),
        of(Metric::WaitP50, mean, 1e-3),
        of(Metric::WaitP95, plus_minus, 1e-3),
        of(Metric::JobsLost, |estimate, _| percent(estimate.mean), 1.0),
        short_verdict(fleet),
    ]
}

fn percent(share: f64) -> String {
    if share == 0.0 { "0\u{a0}%".to_owned() } else { format!("{:.2}\u{a0}%", 100.0 * share) }
}

/// Text broken into lines of at most 80 characters, with a line break at the end. Where it is set in, further lines are set
/// in by two more.
#[must_use]
pub fn wrapped(text: &str) -> String {
    let rest = text.trim_start_matches(' ');
    let indent = text.len() - rest.len();
    let further = if indent > 0 { indent + 2 } else { 0 };
    let mut out = " ".repeat(indent);
    let mut width = indent;
    let mut starts_line = true;
    for word in rest.split(' ') {
        let length = word.chars().count();
        if !starts_line && width + 1 + length > usize::from(COLUMNS) {
            out.push('\n');
            out.push_str(&" ".repeat(further));
            width = further;
        } else if !starts_line {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
        starts_line = width == 0;
    }
    out.push('\n');
    out
}

fn markdown(summary: &ExperimentSummary, objectives: &[Objective]) -> String {
    let mut out = format!("**{}**\n\n", escaped(&verdict_sentence(summary, objectives)));
    out.push_str(&format!("| {} |\n|:--|--:|--:|--:|--:|--:|:--|\n", HEADER.join(" | ")));
    for fleet in &summary.fleets {
        let cells = row(fleet).map(|cell| escaped(&cell));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out.push_str(&format!("\n{}", footnote(summary)));
    out.extend(missing_results(summary).map(|line| format!("\n{}\n", escaped(&line))));
    for line in objective_lines(summary, objectives) {
        out.push_str(&format!("\n- SLO {}", escaped(&line)));
    }
    if !objectives.is_empty() {
        out.push('\n');
    }
    out
}

fn json(summary: &ExperimentSummary, objectives: &[Objective]) -> serde_json::Value {
    use serde_json::{Map, Value, json};
    let interval = |estimate: &Estimate| match estimate.interval {
        Some((lower, upper)) => json!({"mean": estimate.mean, "lower": lower, "upper": upper}),
        None => json!({"mean": estimate.mean, "lower": null, "upper": null}),
    };
    let fleets: Vec<Value> = summary
        .fleets
        .iter()
        .map(|fleet| {
            let mut metrics = Map::new();
            for metric in Metric::all() {
                let Some(estimate) = fleet.estimate(metric) else { continue };
                let mut value = interval(&estimate);
                value["unit"] = metric.unit().label().into();
                if let Some(difference) = fleet.difference(metric) {
                    value["difference"] = interval(&difference.absolute);
                    value["change"] = difference.relative.as_ref().map_or(Value::Null, interval);
                    value["verdict"] = difference.verdict.label().into();
                }
                metrics.insert(metric.key(), value);
            }
            json!({"name": fleet.name, "replications": fleet.replications, "metrics": metrics})
        })
        .collect();
    json!({
        "schema": SUMMARY_SCHEMA,
        "verdict": verdict_sentence(summary, objectives),
        "objectives": objective_lines(summary, objectives),
        "baseline": summary.fleets[summary.baseline].name,
        "confidence": summary.confidence.share(),
        "partial": summary.is_partial,
        "fleets": fleets,
    })
}

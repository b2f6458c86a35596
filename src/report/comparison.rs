//! Fleets against a baseline, metric by metric: value, difference, what the interval says of it, and what became of the
//! jobs that a wait does not tell of.

use super::text_table::{COLUMNS, name_lines, text_table};
use comfy_table::{ColumnConstraint, Width};

use super::format::{plus_minus, shown_unit};
use super::markdown::escaped;
use super::pairing::times;
use super::unserved::Unserved;
use super::verdict::words;
use crate::experiment::{ComparisonRules, Direction, ExperimentSummary, FleetSummary, Metric, MetricUnit};

/// Least width of a verdict: its longest word, and the blank behind it.
const VERDICT: u16 = 11;

/// A table per metric, for people or as Markdown.
#[must_use]
pub fn comparison_text(
    summary: &ExperimentSummary,
    metrics: &[Metric],
    rules: ComparisonRules,
    is_markdown: bool,
) -> String {
    let mut out = head(summary, metrics, rules);
    if is_markdown {
        // Each line a paragraph of its own.
        out = out.lines().map(|line| format!("{}\n\n", escaped(line))).collect();
    }
    for metric in metrics {
        let header = header(*metric);
        let rows: Vec<Vec<String>> = summary.fleets.iter().map(|fleet| row(fleet, *metric)).collect();
        let (_, unit) = shown_unit(metric.unit());
        let better = match metric.direction() {
            Direction::LowerIsBetter => ", less is better",
            Direction::HigherIsBetter => ", more is better",
            Direction::Neutral => "",
        };
        let unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
        let title = format!("{}{unit}{better}", words(&metric.key()));
        out.push_str(&if is_markdown {
            format!("\n**{}**\n\n{}", escaped(&title), markdown(&header, &rows))
        } else {
            format!("\n{title}\n{}", for_people(&header, &rows))
        });
    }
    out
}

fn head(summary: &ExperimentSummary, metrics: &[Metric], rules: ComparisonRules) -> String {
    let replications = summary.fleets.first().map_or(0, |fleet| fleet.replications);
    let baseline = &summary.fleets[summary.baseline].name;
    let mut text =
        format!("Against {baseline}, replication by replication, over {replications} replications.\n");
    if replications < 2 {
        text.push_str("One replication has no interval: nothing can be told apart.\n");
        return text;
    }
    text.push_str(&sure(summary, rules).join("\n"));
    text.push('\n');
    text.push_str("CRN: by what common random numbers divide the variance of the difference.\n");
    if metrics.iter().any(|metric| is_wait(*metric)) {
        text.push_str(&format!(
            "{UNSERVED}: jobs that no wait tells of, lost/canceled/timed out/still waiting.\n"
        ));
    }
    text
}

/// How sure the intervals are, and which change does not matter.
fn sure(summary: &ExperimentSummary, rules: ComparisonRules) -> Vec<String> {
    let sure = 100.0 * rules.confidence.share();
    let mut lines = vec![match summary.fleets.len() - 1 {
        0 | 1 => format!("Intervals hold with {sure:.0}\u{a0}%."),
        many => {
            format!("Of a metric, all {many} intervals hold together with {sure:.0}\u{a0}% (Bonferroni).")
        }
    }];
    if rules.tolerance > 0.0 {
        lines.push(format!("Tolerance: {}\u{a0}% either way.", 100.0 * rules.tolerance));
    }
    lines
}

/// The same as one sentence, or that one replication tells nothing apart.
pub(super) fn confidence_sentence(summary: &ExperimentSummary, rules: ComparisonRules) -> String {
    if summary.fleets.iter().any(|fleet| fleet.replications < 2) {
        return "One replication has no interval: nothing can be told apart.".to_owned();
    }
    sure(summary, rules).join(" ")
}

/// Heading of what stands beside a wait.
const UNSERVED: &str = "unserved %";

/// Whether it is a time that jobs wait, which says nothing of jobs that never started.
pub(super) const fn is_wait(metric: Metric) -> bool {
    matches!(metric.unit(), MetricUnit::Milliseconds)
}

fn header(metric: Metric) -> Vec<&'static str> {
    let mut header = vec!["fleet", "value", "difference", "change %", "verdict", "CRN"];
    if is_wait(metric) {
        // Too wide for all: the change of a wait says little, since waits may be near zero.
        header.remove(3);
        header.push(UNSERVED);
    }
    header
}

fn row(fleet: &FleetSummary, metric: Metric) -> Vec<String> {
    let (factor, _) = shown_unit(metric.unit());
    let none = || "–".to_owned();
    let difference = fleet.difference(metric);
    let told = difference.filter(|difference| difference.verdict != crate::experiment::Verdict::Reference);
    let signed = |text: String| if text.starts_with(['−', '0']) { text } else { format!("+{text}") };
    let mut row = vec![
        fleet.name.clone(),
        fleet.estimate(metric).map_or_else(none, |estimate| plus_minus(&estimate, factor)),
        told.map_or_else(none, |told| signed(plus_minus(&told.absolute, factor))),
        told.and_then(|told| told.relative).map_or_else(none, |change| signed(plus_minus(&change, 100.0))),
        difference.map_or_else(|| "no value".to_owned(), |difference| difference.verdict.label().to_owned()),
        told.and_then(|told| told.variance_reduction).map_or_else(none, times),
    ];
    if is_wait(metric) {
        row.remove(3);
        row.push(Unserved::of(fleet).cell());
    }
    row
}

fn for_people(header: &[&str], rows: &[Vec<String>]) -> String {
    let is_text = |index: usize| matches!(header[index], "fleet" | "verdict");
    let others = (1..header.len()).filter(|index| !is_text(*index)).map(|index| {
        let cells = rows.iter().map(|row| row[index].chars().count());
        cells.chain([header[index].chars().count()]).max().unwrap_or(0) + 1
    });
    let taken = others.sum::<usize>() + usize::from(VERDICT);
    let room = usize::from(COLUMNS).saturating_sub(taken).max(12);
    let rows = rows.iter().map(|row| {
        let mut row = row.clone();
        row[0] = name_lines(&row[0], room);
        row
    });
    // Neither a name nor a number is broken by the table; verdicts are, between words, where there is no room.
    text_table(header, rows, is_text, |index, is_text| match header[index] {
        "verdict" => Some(ColumnConstraint::LowerBoundary(Width::Fixed(VERDICT))),
        _ => (!is_text || index == 0).then_some(ColumnConstraint::ContentWidth),
    })
}

fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("| {} |\n|:--{}|\n", header.join(" | "), "|--:".repeat(header.len() - 1));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_full_of_numbers_breaks_a_verdict_between_its_words() {
        let header = ["fleet", "value", "difference", "verdict", "CRN", "unserved %"];
        let row = |cells: [&str; 6]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["peak#x86-on-demand", "7.54 ±0.04", "–", "reference", "–", "0/0/<0.01/<0.01"]),
            row([
                "peak#graviton-on-demand",
                "7.53 ±0.03",
                "−0.010 ±0.019",
                "no clear difference",
                "6.6×",
                "0/0/<0.01/<0.01",
            ]),
        ];
        let text = for_people(&header, &rows);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.contains(&"difference") && !text.contains("differenc\n"), "{text}");
        assert_eq!(words.iter().filter(|word| **word == "difference").count(), 2, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{text}");
    }
}

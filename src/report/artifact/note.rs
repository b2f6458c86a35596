//! A Markdown note for a merge request or a step summary: verdict, short table, a chart that GitLab and GitHub draw
//! themselves (Mermaid), the rest folded. Opens with a hidden mark, so that whoever posts it can find and replace it.

use super::ArtifactFacts;
use crate::experiment::{ExperimentSummary, FleetSummary, Metric, Objective};
use crate::report::format::{mean, plus_minus};
use crate::report::table::{SummaryFormat, summary_text};
use crate::report::verdict::{
    biggest_causes, chosen_fleet, objective_lines, short_verdict, verdict_sentence,
};

/// Longest note in bytes. GitHub cuts comments at 64 KB.
const LONGEST: usize = 60_000;
/// Most rows of the table that is not folded, and bars of the chart.
const ROWS: usize = 8;

pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let chosen = chosen_fleet(summary, objectives);
    let shown = shown(summary, chosen);
    let mut head = format!("<!-- fleetsim:{} -->\n", facts.scenario.replace("--", "- -"));
    head.push_str(&format!("**{}**\n\n", escaped(&verdict_sentence(summary, objectives))));
    for line in objective_lines(summary, objectives) {
        head.push_str(&format!("- {}\n", escaped(&line)));
    }
    head.push_str("\n| fleet | $/1000 jobs | wait p95, s | lost | cost, wait |\n|:--|--:|--:|--:|:--|\n");
    for fleet in &shown {
        head.push_str(&row(fleet));
    }
    if shown.len() < summary.fleets.len() {
        head.push_str(&format!("\n{} more fleets below.\n", summary.fleets.len() - shown.len()));
    }
    head.push_str(&chart(&shown));
    let causes = biggest_causes(&summary.fleets[chosen]);
    if !causes.is_empty() {
        head.push_str(&format!("\n{}\n", escaped(&causes)));
    }
    if !facts.report_url.is_empty() {
        head.push_str(&format!("\n[The whole report]({})\n", facts.report_url));
    }
    let rest = format!(
        "\n<details><summary>Every fleet</summary>\n\n{}\n</details>\n",
        summary_text(summary, objectives, &[], SummaryFormat::Markdown)
    );
    if head.len() + rest.len() <= LONGEST { head + &rest } else { cut(head) }
}

/// The baseline and the chosen fleet first, then the others as long as there is room.
fn shown(summary: &ExperimentSummary, chosen: usize) -> Vec<&FleetSummary> {
    let mut order = vec![summary.baseline];
    order.extend((0..summary.fleets.len()).filter(|index| *index == chosen && *index != summary.baseline));
    order.extend((0..summary.fleets.len()).filter(|index| *index != chosen && *index != summary.baseline));
    order.into_iter().take(ROWS).map(|index| &summary.fleets[index]).collect()
}

fn row(fleet: &FleetSummary) -> String {
    let of = |metric: Metric, factor: f64, show: fn(&crate::experiment::Estimate, f64) -> String| {
        fleet.estimate(metric).map_or_else(|| "–".to_owned(), |estimate| show(&estimate, factor))
    };
    format!(
        "| {} | {} | {} | {}\u{a0}% | {} |\n",
        escaped(&fleet.name),
        of(Metric::CostPerThousandJobs, 1.0, plus_minus),
        of(Metric::WaitP95, 1e-3, plus_minus),
        of(Metric::JobsLost, 100.0, mean),
        short_verdict(fleet)
    )
}

fn chart(fleets: &[&FleetSummary]) -> String {
    let names: Vec<String> =
        fleets.iter().map(|fleet| format!("\"{}\"", fleet.name.replace('"', "'"))).collect();
    let costs = fleets.iter().map(|fleet| {
        fleet
            .estimate(Metric::CostPerThousandJobs)
            .map_or_else(|| "0".to_owned(), |e| format!("{:.2}", e.mean))
    });
    format!(
        "\n```mermaid\nxychart-beta horizontal\n  title \"Cost of 1000 jobs\"\n  x-axis [{}]\n  y-axis \"$\"\n  bar [{}]\n```\n",
        names.join(", ").replace(['\n', '`', '[', ']'], " "),
        costs.collect::<Vec<_>>().join(", ")
    )
}

/// Text that is neither markup nor the end of a table cell.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', " ")
}

fn cut(mut text: String) -> String {
    const SAYS_SO: &str = "\n\n(cut: too long for a note)\n";
    while text.len() + SAYS_SO.len() > LONGEST {
        text.pop();
    }
    text + SAYS_SO
}

//! A Markdown note for a merge request or a step summary: verdict, short table, a chart that GitLab and GitHub draw
//! themselves (Mermaid), the rest folded. Opens with a hidden mark, so that whoever posts it can find and replace it.

use super::ArtifactFacts;
use crate::experiment::{ExperimentSummary, FleetSummary, Metric, Objective};
use crate::report::format::{mean, plus_minus};
use crate::report::markdown::{escaped, quoted_names, shortened};
use crate::report::table::{SummaryFormat, summary_text};
use crate::report::verdict::{
    biggest_causes, chosen_fleet, objective_lines, short_verdict, verdict_sentence,
};

/// Longest note in bytes. GitHub cuts comments at 64 KB.
const LONGEST: usize = 60_000;
/// Most rows of the table that is not folded, and bars of the chart.
const ROWS: usize = 8;

/// Most characters of a sentence in which fleets are named, and of a name in the table.
const SENTENCE: usize = 1500;
const NAME: usize = 80;

pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let mut all = vec![format!("<!-- fleetsim:{} -->\n", mark(&facts.scenario))];
    all.extend(parts(summary, objectives, facts));
    as_many_as_fit(all)
}

/// The note without its mark, in parts that are left out whole where there is no room.
pub(super) fn parts(
    summary: &ExperimentSummary,
    objectives: &[Objective],
    facts: &ArtifactFacts,
) -> Vec<String> {
    let chosen = chosen_fleet(summary, objectives);
    let shown = shown(summary, chosen);
    let mut parts = vec![format!("**{}**\n\n", sentence(&verdict_sentence(summary, objectives)))];
    let lines = objective_lines(summary, objectives);
    parts.extend(lines.iter().map(|line| format!("- {}\n", sentence(line))));
    parts.extend([format!("\n{}", table(summary, &shown)), chart(&shown)]);
    let causes = biggest_causes(&summary.fleets[chosen]);
    if !causes.is_empty() {
        parts.push(format!("\n{}\n", sentence(&causes)));
    }
    if !facts.report_url.is_empty() {
        parts.push(format!("\n[The whole report]({})\n", address(&facts.report_url)));
    }
    parts.push(format!(
        "\n<details><summary>Every fleet</summary>\n\n{}\n</details>\n",
        summary_text(summary, objectives, &[], SummaryFormat::Markdown)
    ));
    parts
}

/// The parts one after the other; one that does not fit is left out whole, so that no table or chart is cut in two.
pub(super) fn as_many_as_fit(parts: Vec<String>) -> String {
    const SAYS_SO: &str = "\n(Shortened: the whole of it is too long for a note.)\n";
    let mut text = String::new();
    let mut is_short = false;
    for part in parts {
        if text.len() + part.len() + SAYS_SO.len() > LONGEST {
            is_short = true;
        } else {
            text.push_str(&part);
        }
    }
    if is_short { text + SAYS_SO } else { text }
}

/// The name of a scenario within a comment of HTML, which `--` and `>` would end.
pub(super) fn mark(scenario: &str) -> String {
    let plain = |letter: char| if letter.is_control() || "<>".contains(letter) { ' ' } else { letter };
    let mut mark: String = shortened(scenario, NAME).chars().map(plain).collect();
    while mark.contains("--") {
        mark = mark.replace("--", "- -");
    }
    mark.trim_end_matches('-').to_owned()
}

fn sentence(text: &str) -> String {
    escaped(&shortened(text, SENTENCE))
}

/// An address within the brackets of a link, percent-encoded where it would end them (RFC 3986, section 2.1).
fn address(url: &str) -> String {
    let mut out = String::new();
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !b"<>()\"\\`|{}^".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn table(summary: &ExperimentSummary, shown: &[&FleetSummary]) -> String {
    let mut text =
        "| fleet | $/1000 jobs | wait p95, s | lost | cost, wait |\n|:--|--:|--:|--:|:--|\n".to_owned();
    for fleet in shown {
        text.push_str(&row(fleet));
    }
    if shown.len() < summary.fleets.len() {
        text.push_str(&format!("\n{} more fleets below.\n", summary.fleets.len() - shown.len()));
    }
    text
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
        escaped(&shortened(&fleet.name, NAME)),
        of(Metric::CostPerThousandJobs, 1.0, plus_minus),
        of(Metric::WaitP95, 1e-3, plus_minus),
        of(Metric::JobsLost, 100.0, mean),
        short_verdict(fleet)
    )
}

fn chart(fleets: &[&FleetSummary]) -> String {
    let names = quoted_names(fleets.iter().map(|fleet| fleet.name.as_str()));
    let costs = fleets.iter().map(|fleet| {
        let cost = fleet.estimate(Metric::CostPerThousandJobs);
        cost.map_or_else(|| "0".to_owned(), |cost| format!("{:.2}", cost.mean))
    });
    format!(
        "\n```mermaid\nxychart-beta horizontal\n  title \"Cost of 1000 jobs\"\n  x-axis [{}]\n  y-axis \"$\"\n  bar [{}]\n```\n",
        names.join(", "),
        costs.collect::<Vec<_>>().join(", ")
    )
}

//! The page of a recommendation: the pick, how sure it is, what it costs on fresh replications, and every candidate.

use super::PageError;
use super::model::{DataTable, comparison, names};
use super::sheet::{Lead, Part, SheetFacts, sheet_html};
use crate::report::chart::Chart;
use crate::report::format::three_digits;
use crate::report::recommend::{Recommendation, fate, recommendation_text};
use crate::report::sweep_csv::state;
use crate::report::unserved::Unserved;

/// Most candidates in the table; the CSV file has all of them.
const ROWS: usize = 400;

/// The page of what was recommended, with the charts that were drawn of the candidates.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn recommendation_html(
    found: &Recommendation,
    charts: &[Chart],
    facts: &SheetFacts,
) -> Result<String, PageError> {
    let verdict = found.selection.pick.map_or_else(
        || recommendation_text(found).trim().to_owned(),
        |pick| format!("Recommended: {}.", found.name(pick)),
    );
    let lead = Lead {
        kicker: format!(
            "recommendation · {} candidates · {} runs",
            found.selection.candidates.len(),
            found.selection.runs
        ),
        verdict,
        lines: found.evidence(),
        remarks: vec![
            "Candidates were compared on the same random numbers; the pick is estimated anew on replications that had no part in \
             picking it."
                .to_owned(),
        ],
    };
    let fleets = found.fresh.as_ref().map(|summary| {
        let note = "On fresh replications. Second line: paired difference with its 95\u{a0}% interval.";
        comparison(summary, 1, note)
    });
    let mut parts: Vec<Part> = charts.iter().map(|chart| Part::chart(chart, front_table(found))).collect();
    parts.push(Part::table("candidates", Vec::new(), candidates_table(found)));
    sheet_html(lead, fleets, parts, facts)
}

fn measured(found: &Recommendation, candidate: usize) -> Vec<String> {
    let measured = found.measured.get(&candidate);
    let none = || "–".to_owned();
    let mut cells = vec![
        measured.map_or_else(none, |one| three_digits(one.cost)),
        measured.map_or_else(none, |one| three_digits(one.wait_ms / 1000.0)),
    ];
    cells.extend(measured.map_or_else(Unserved::default, |one| one.unserved).in_per_cent());
    cells
}

fn head(first: &[&str]) -> Vec<String> {
    let mut head = names(first);
    head.extend(names(&["$ per 1000 jobs", "wait p95, s"]));
    head.extend(Unserved::NAMES.map(|name| format!("{name}, %")));
    head
}

/// Candidates that nothing beats in both cost and wait.
fn front_table(found: &Recommendation) -> DataTable {
    let row = |candidate: &usize| {
        let mut row = vec![found.name(*candidate)];
        row.extend(measured(found, *candidate));
        row
    };
    DataTable {
        title: String::new(),
        note: "The front. Means so far, of different numbers of replications: the selection spends runs where it is close.".to_owned(),
        head: head(&["candidate"]),
        rows: found.front.iter().map(row).collect(),
    }
}

/// Every candidate, the recommended one first.
fn candidates_table(found: &Recommendation) -> DataTable {
    let mut order: Vec<usize> = (0..found.selection.candidates.len()).collect();
    let goal = |index: usize| found.selection.candidates[index].goal;
    order.sort_by(|a, b| {
        let is_pick = |index: usize| found.selection.pick == Some(index);
        is_pick(*b).cmp(&is_pick(*a)).then(goal(*a).total_cmp(&goal(*b)))
    });
    let all = order.len();
    let row = |index: usize| {
        let candidate = &found.selection.candidates[index];
        let mut row = vec![
            found.name(index),
            fate(candidate.fate).to_owned(),
            state(candidate.state).to_owned(),
            three_digits(candidate.goal),
            candidate.replications.to_string(),
        ];
        row.extend(measured(found, index));
        row
    };
    DataTable {
        title: "Every candidate".to_owned(),
        note: if all > ROWS {
            format!("The first {ROWS} of {all}; candidates.csv has all.")
        } else {
            String::new()
        },
        head: head(&["candidate", "what became of it", "objectives", "goal", "replications"]),
        rows: order.into_iter().take(ROWS).map(row).collect(),
    }
}

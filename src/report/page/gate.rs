//! The page of the gate: the verdict, every test with its interval, and the fleets as they are now.

use super::PageError;
use super::model::{DataTable, comparison, names};
use super::sheet::{Lead, Part, SheetFacts, sheet_html};
use super::tables::intervals_table;
use crate::experiment::{GateLine, GateTest, GateVerdict};
use crate::report::artifact::Gated;
use crate::report::chart::Chart;
use crate::report::format::three_digits;
use crate::report::gate::{GateCount, tested, together, unit_of};
use crate::report::pairing::times;
use crate::report::verdict::{chosen_fleet, missing_results};

/// The page of everything that was judged together. `charts` are those of the only scenario, or none.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn gate_html(gated: &[Gated<'_>], charts: &[Chart], facts: &SheetFacts) -> Result<String, PageError> {
    let lines = || gated.iter().flat_map(|one| one.lines);
    let failed: Vec<String> = told(gated, GateVerdict::Fail).collect();
    let unclear: Vec<String> = told(gated, GateVerdict::Inconclusive).collect();
    let list = |word: &str, tests: Vec<String>| {
        (!tests.is_empty()).then(|| format!("{word}: {}.", tests.join("; ")))
    };
    let mut remarks: Vec<String> = gated.iter().filter_map(|one| missing_results(one.summary)).collect();
    remarks.extend(together(lines()));
    let lead = Lead {
        kicker: format!("gate · {} tests of {} scenarios", lines().count(), gated.len()),
        verdict: GateCount::of(lines()).sentence(),
        lines: list("✗ Failed", failed).into_iter().chain(list("? Inconclusive", unclear)).collect(),
        remarks,
    };
    let mut parts = vec![Part::table("tests", Vec::new(), tests_table(gated))];
    let fleets = match gated {
        [one] => {
            parts.extend(charts.iter().map(|chart| Part::chart(chart, intervals_table(one.summary))));
            let note = "Second line: difference to the scenario's own baseline with its paired interval.";
            Some(comparison(one.summary, chosen_fleet(one.summary, one.objectives), note))
        }
        _ => None,
    };
    sheet_html(lead, fleets, parts, facts)
}

fn name(gated: &[Gated<'_>], one: &Gated<'_>, fleet: &str) -> String {
    if gated.len() > 1 { format!("{}#{fleet}", one.facts.scenario) } else { fleet.to_owned() }
}

fn told<'a>(gated: &'a [Gated<'a>], verdict: GateVerdict) -> impl Iterator<Item = String> + 'a {
    gated.iter().flat_map(move |one| {
        let lines = one.lines.iter().filter(move |line| line.verdict == verdict);
        lines.map(move |line| format!("{} ({})", tested(&line.test), name(gated, one, &line.fleet)))
    })
}

fn tests_table(gated: &[Gated<'_>]) -> DataTable {
    let row = |one: &Gated<'_>, line: &GateLine| {
        let (factor, unit) = unit_of(&line.test);
        let shown = |value: f64| three_digits(value * factor);
        let none = || "–".to_owned();
        let ends = line.found.and_then(|found| found.interval);
        vec![
            name(gated, one, &line.fleet),
            line.verdict.label().to_owned(),
            tested(&line.test),
            if unit.is_empty() { none() } else { unit.to_owned() },
            line.found.map_or_else(none, |found| shown(found.mean)),
            ends.map_or_else(none, |(lower, _)| shown(lower)),
            ends.map_or_else(none, |(_, upper)| shown(upper)),
            match line.test {
                GateTest::Regression(_) => line.variance_reduction.map_or_else(none, times),
                _ => none(),
            },
        ]
    };
    let rows = gated.iter().flat_map(|one| one.lines.iter().map(move |line| row(one, line)));
    DataTable {
        title: "What was judged".to_owned(),
        note:
            "Objectives by their value, regressions and work by the change against the baseline in per cent."
                .to_owned(),
        head: names(&[
            "fleet",
            "verdict",
            "test",
            "unit",
            "found",
            "lower",
            "upper",
            "variance cut by pairing",
        ]),
        rows: rows.collect(),
    }
}

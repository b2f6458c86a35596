//! A page that is a sequence of parts: what comparisons, sweeps, recommendations and the gate have in common. Chooses nothing
//! of what is said.

use serde::Serialize;

use super::assumptions::{ASSUMPTIONS, DEFINITIONS, Entry, NOT_PRICED};
use super::model::{Comparison, DataTable, inline};
use super::parts::Bars;
use super::{PageError, render};
use crate::report::chart::Chart;

const TEMPLATE: &str = include_str!("sheet.html");

/// What such a page says besides the results, as told by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetFacts {
    /// Names of the scenarios or result folders.
    pub scenario: String,
    /// The question that the scenario asks; may be empty.
    pub question: String,
    /// Command that gives the same page again.
    pub command: String,
    /// Where the numbers come from: name and value.
    pub provenance: Vec<(String, String)>,
    /// Scenarios with every default: a heading and the TOML of each.
    pub resolved: Vec<(String, String)>,
}

/// What stands at the top.
#[derive(Clone, Debug, Default)]
pub(super) struct Lead {
    /// What kind of answer this is, in how many runs.
    pub kicker: String,
    /// The answer in a sentence.
    pub verdict: String,
    /// Objectives, or other single findings.
    pub lines: Vec<String>,
    /// Sentences below.
    pub remarks: Vec<String>,
}

/// A chart with its numbers, a table, or bars.
#[derive(Serialize)]
pub(super) struct Part {
    id: String,
    title: String,
    notes: Vec<String>,
    svg: String,
    table: Option<DataTable>,
    bars: Option<Bars>,
}

impl Part {
    /// A chart with the table behind it.
    pub(super) fn chart(chart: &Chart, mut numbers: DataTable) -> Self {
        numbers.title = format!("The numbers behind the chart: {}", chart.title);
        Self {
            id: chart.name.clone(),
            title: String::new(),
            notes: Vec::new(),
            svg: inline(&chart.svg),
            table: Some(numbers),
            bars: None,
        }
    }

    /// A table under its own title.
    pub(super) fn table(id: &str, notes: Vec<String>, table: DataTable) -> Self {
        Self {
            id: id.to_owned(),
            title: table.title.clone(),
            notes,
            svg: String::new(),
            table: Some(table),
            bars: None,
        }
    }

    /// Bars with the table behind them.
    pub(super) fn bars(bars: Bars) -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            notes: Vec::new(),
            svg: String::new(),
            table: None,
            bars: Some(bars),
        }
    }
}

/// Everything that the template shows.
#[derive(Serialize)]
struct Sheet<'a> {
    title: String,
    kicker: String,
    verdict: String,
    question: &'a str,
    objectives: Vec<String>,
    remarks: Vec<String>,
    comparison: Option<Comparison>,
    parts: Vec<Part>,
    definitions: &'a [Entry],
    assumptions: &'a [Entry],
    not_priced: &'a [Entry],
    provenance: &'a [(String, String)],
    command: &'a str,
    resolved: &'a [(String, String)],
}

/// The page of `parts`, below the table of fleets where there is one.
pub(super) fn sheet_html(
    lead: Lead,
    comparison: Option<Comparison>,
    parts: Vec<Part>,
    facts: &SheetFacts,
) -> Result<String, PageError> {
    let what = lead.kicker.split(" · ").next().unwrap_or_default();
    render(
        TEMPLATE,
        &Sheet {
            title: format!("{}: {what} by fleetsim", facts.scenario),
            kicker: format!("fleetsim · {} · {}", facts.scenario, lead.kicker),
            verdict: lead.verdict,
            question: &facts.question,
            objectives: lead.lines,
            remarks: lead.remarks,
            comparison,
            parts,
            definitions: &DEFINITIONS,
            assumptions: &ASSUMPTIONS,
            not_priced: &NOT_PRICED,
            provenance: &facts.provenance,
            command: &facts.command,
            resolved: &facts.resolved,
        },
    )
}

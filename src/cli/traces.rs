//! What became of the files that a scenario names, said to people and written down: rows of traces read, kept and left out,
//! and why; keys of other tools' files that were not used.

use super::import::account_lines;
use super::terminal::Terminal;
use crate::report::{TraceRows, import_account_text};
use crate::scenario::Scenario;
use crate::workload::TraceReport;
use std::fmt::Write;

/// Says on standard error what became of the files that the scenario names: the accounts that `fleetsim import` prints of
/// runner configurations, node pools and job exports, then of the rows of each trace, with examples where details are
/// wanted.
pub(super) fn say_inputs(scenario: &Scenario, terminal: Terminal) {
    for import in &scenario.imports {
        terminal.note(&format!("{}:", import.files.join(", ")));
        for line in account_lines(&import.remarks, &import.unused, false) {
            terminal.note(&format!("  {line}"));
        }
    }
    for (file, account) in &scenario.exports {
        terminal.note(&format!("{file}:"));
        for line in import_account_text(account).lines() {
            terminal.note(&format!("  {line}"));
        }
    }
    for (file, report) in scenario.traces() {
        terminal.note(&line(file, report));
        for text in details(report) {
            terminal.detail(&text);
        }
    }
}

/// The same figures for `provenance.json`.
pub(super) fn trace_rows(scenario: &Scenario) -> Vec<TraceRows> {
    let rows = |(file, report): (&str, &TraceReport)| TraceRows {
        file: file.to_owned(),
        rows: report.rows,
        jobs: report.jobs,
        never_ran: report.never_ran,
        before_window: report.before_window,
        thinned: report.thinned,
        matched_no_rule: report.unmapped_rows,
        dropped: report
            .dropped
            .iter()
            .map(|(problem, (count, _))| (problem.label().to_owned(), *count))
            .collect(),
    };
    scenario.traces().into_iter().map(rows).collect()
}

fn line(file: &str, report: &TraceReport) -> String {
    let mut text = format!("{file}: {} rows read, {} jobs", report.rows, report.jobs);
    let bad = report.dropped.iter().map(|(problem, (count, _))| (*count, problem.label()));
    let left_out: Vec<String> = [
        (report.never_ran, "never ran"),
        (report.before_window, "before the window"),
        (report.thinned, "thinned out by `scale`"),
    ]
    .into_iter()
    .chain(bad)
    .filter(|(count, _)| *count > 0)
    .map(|(count, why)| format!("{count} {why}"))
    .collect();
    if !left_out.is_empty() {
        let _ = write!(text, "; left out: {}", left_out.join(", "));
    }
    if report.unmapped_rows > 0 {
        let _ = write!(text, "; {} matched no rule", report.unmapped_rows);
    }
    text
}

fn details(report: &TraceReport) -> Vec<String> {
    let dropped = report.bad_rows.iter().map(|error| format!("  left out: {error}"));
    let unmapped = report.unmapped.iter().map(|example| {
        format!("  no rule for `{}` with tags `{}`: {} rows", example.name, example.tags, example.rows)
    });
    dropped.chain(unmapped).collect()
}

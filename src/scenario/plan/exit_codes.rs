//! `retry:exit_codes`: how often a failing script of a class ends with a code that is tried again.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use crate::units::Ppm;

/// The share of failing scripts of the job in `table` whose exit code `retry_exit_codes` lists.
pub(super) fn listed(table: &Table, problems: &mut Problems) -> Ppm {
    let listed: Vec<i64> = table
        .list("retry_exit_codes")
        .iter()
        .filter_map(|code| if let Value::Integer(code) = code.value { Some(code) } else { None })
        .collect();
    let codes = exit_codes(table, problems);
    let total: f64 = codes.iter().map(|(_, weight)| weight).sum();
    let met: f64 = codes.iter().filter(|(code, _)| listed.contains(code)).map(|(_, weight)| weight).sum();
    if total > 0.0 { Ppm::from_f64(met / total) } else { Ppm::ZERO }
}

/// Exit codes with their weights; a shell ends with 1 where nothing else is written.
fn exit_codes(table: &Table, problems: &mut Problems) -> Vec<(i64, f64)> {
    let Some(Value::Table(written)) = table.get("exit_codes").map(|item| &item.value) else {
        return vec![(1, 1.0)];
    };
    let mut codes = Vec::new();
    for entry in &written.entries {
        let weight = match entry.item.value {
            Value::Integer(weight) => weight as f64,
            Value::Float(weight) => weight,
            _ => continue,
        };
        match entry.key.parse::<u8>() {
            Ok(code) if code > 0 => codes.push((i64::from(code), weight)),
            _ => problems.push(
                Diagnostic::new(
                    Code::Range,
                    entry.key_span.clone(),
                    format!("`{}` is not the exit code of a failure", entry.key),
                    "expected a whole number from 1 to 255",
                )
                .help("exit_codes = { 1 = 9, 137 = 1 }"),
            ),
        }
    }
    codes
}

//! Job exports named by scenarios: turned into the rows of a trace, and their mistakes into diagnostics.

use super::diagnostic::{Code, Diagnostic};
use super::source::{Source, Span};
use crate::workload::{BadRows, Detected, ImportError, ImportOptions, detect, import_jobs};
use std::io::Cursor;

/// Lines that a diagnostic may skip at most, so that it stays small.
const MOST_LINES: u64 = 10_000_000;

/// A mistake in a job export or a map, shown in the line it is in.
#[must_use]
pub fn import_problem(error: &ImportError) -> Diagnostic {
    let (line, column) = &error.excerpt;
    let blank = "\n".repeat(error.line.saturating_sub(1).min(MOST_LINES) as usize);
    let source = Source::new(&error.file, &format!("{blank}{line}"));
    let start = blank.len() + column - 1;
    let message = if error.column > 0 && error.column != *column {
        format!("{} (column {})", error.message, error.column)
    } else {
        error.message.clone()
    };
    let label = if error.line == 0 { "this file" } else { "here" };
    let problem = Diagnostic::new(Code::Row, Span::new(&source, start..start + 1), message, label);
    if error.hint.is_empty() { problem } else { problem.help(error.hint.as_str()) }
}

/// `bytes` as a trace: themselves where they are a table, else what the export in them says.
pub(super) fn as_trace(path: &str, bytes: Vec<u8>, bad_rows: BadRows) -> Result<Vec<u8>, ImportError> {
    if matches!(detect(&bytes), Detected::Table | Detected::Empty) {
        return Ok(bytes);
    }
    let options = ImportOptions { bad_rows, ..ImportOptions::default() };
    let (table, _) = import_jobs([(path, Ok(Cursor::new(bytes)))], &options)?;
    let mut csv = Vec::new();
    table.write_csv(&mut csv).map_err(|error| ImportError::at(path, (0, 0), error.to_string(), ""))?;
    Ok(csv)
}

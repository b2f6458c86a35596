//! Job exports named by scenarios: turned into the rows of a trace, and their mistakes into diagnostics.

use super::diagnostic::{Code, Diagnostic};
use super::source::{Source, Span};
use crate::workload::{
    BadRows, Detected, ImportAccount, ImportError, ImportOptions, decompressed, detect, import_jobs,
};
use std::io::{self, Cursor, Read};

/// Lines that a diagnostic may skip at most, so that it stays small.
const MOST_LINES: u64 = 10_000_000;

/// And columns; a place further on is told in words.
const MOST_COLUMNS: usize = 1_000_000;

/// So much of a file decides what it is.
const HEAD_BYTES: u64 = 1 << 16;

/// A mistake in a job export or a map, shown in the line it is in.
#[must_use]
pub fn import_problem(error: &ImportError) -> Diagnostic {
    let (line, column) = &error.excerpt;
    let blank = "\n".repeat(error.line.saturating_sub(1).min(MOST_LINES) as usize);
    // The excerpt begins somewhere within a long line: blanks stand for what is before it.
    let before = error.column.saturating_sub(*column);
    let before = if before <= MOST_COLUMNS { " ".repeat(before) } else { String::new() };
    let source = Source::new(&error.file, &format!("{blank}{before}{line}"));
    let start = blank.len() + before.len() + column - 1;
    let message = if error.column > before.len() + column {
        format!("{} (column {})", error.message, error.column)
    } else {
        error.message.clone()
    };
    let label = if error.line == 0 { "this file" } else { "here" };
    let problem = Diagnostic::new(Code::Row, Span::new(&source, start..start + 1), message, label);
    if error.hint.is_empty() { problem } else { problem.help(error.hint.as_str()) }
}

/// The rows of a trace, and the account of the job export that they were made from, if they were.
pub(super) struct Rows {
    /// CSV.
    pub csv: Box<dyn Read + Send>,
    /// What `fleetsim import` says of the export.
    pub account: Option<ImportAccount>,
}

/// `input`, decompressed, as a trace: itself where it is a table, else what the export in it says.
pub(super) fn as_trace(
    path: &str,
    input: Box<dyn Read + Send>,
    bad_rows: BadRows,
) -> Result<Rows, ImportError> {
    let failed = |reason: String| ImportError::at(path, (0, 0), reason, "");
    let damaged = |error: io::Error| failed(format!("`{path}` cannot be read: {error}"));
    let mut plain = decompressed(input).map_err(damaged)?;
    let mut head = Vec::new();
    let looked_at = plain.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
    let found = detect(&head);
    // What is damaged further on is found, and placed, where its rows are read.
    let input = Cursor::new(head).chain(plain);
    if matches!(found, Detected::Table | Detected::Empty) {
        return match (found, looked_at) {
            (Detected::Empty, Err(error)) => Err(damaged(error)),
            _ => Ok(Rows { csv: Box::new(input), account: None }),
        };
    }
    let options = ImportOptions { bad_rows, ..ImportOptions::default() };
    let (table, account) = import_jobs([(path, Ok(input))], &options)?;
    let mut csv = Vec::new();
    table.write_csv(&mut csv).map_err(|error| failed(error.to_string()))?;
    Ok(Rows { csv: Box::new(Cursor::new(csv)), account: Some(account) })
}

//! What can be wrong with a job export, and where. Prints nothing.

use std::fmt;

use crate::workload::{Place, RowProblem};

/// Characters of the offending line that are kept for showing it.
const EXCERPT_CHARS: usize = 160;

/// A job export that cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: u64,
    /// Column in bytes, from 1; 0 where the line as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The line itself (cut where it is long) and the column (from 1) at which the mistake is in it.
    pub excerpt: (String, usize),
}

impl ImportError {
    /// A mistake at a place.
    #[must_use]
    pub fn at(
        file: &str,
        (line, column): (u64, usize),
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (file, excerpt) = (file.to_owned(), (String::new(), 1));
        Self { file, line, column, message: message.into(), hint: hint.into(), excerpt }
    }

    /// The same, showing the part of `text` around byte `at` that lies on one line.
    pub(super) fn showing(mut self, text: &[u8], at: usize) -> Self {
        let at = at.min(text.len());
        let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let start = start.max(at.saturating_sub(EXCERPT_CHARS / 2));
        let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |len| at + len);
        let end = end.min(start + EXCERPT_CHARS);
        let line = String::from_utf8_lossy(&text[start..end]).replace(char::is_control, " ");
        self.excerpt = (line, at - start + 1);
        self
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

impl std::error::Error for ImportError {}

/// Why a record of an export did not become a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// It never got a runner: no start.
    NeverStarted,
    /// It had not ended when the export was made.
    NotEnded,
    /// It was skipped by its conditions.
    Skipped,
    /// It is not work for a runner: a wait step, a manual step, a trigger.
    NotWork,
    /// A part of a job that the same file also lists as a whole.
    PartOfJob,
    /// The same job again, as overlapping pages have it.
    Repeated,
    /// The same id again with other content; the first that was read is kept.
    Conflicting,
    /// It cannot be used.
    Bad(RowProblem),
    /// A value has another type than its API gives it.
    WrongType,
}

impl Dropped {
    /// Whether the record should have been a job, had it been written properly.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Bad(_) | Self::WrongType)
    }
}

impl Dropped {
    /// The reason in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NeverStarted => "never started",
            Self::NotEnded => "not ended yet when the export was made",
            Self::Skipped => "skipped",
            Self::NotWork => "no work for a runner (wait, manual or trigger step)",
            Self::PartOfJob => "part of a job that is also there as a whole",
            Self::Repeated => "the same job again (overlapping pages)",
            Self::Conflicting => "the same id with other content (the first is kept)",
            Self::WrongType => "a value is of another type than its API has there",
            Self::Bad(RowProblem::Missing) => "a value that is needed is missing",
            Self::Bad(RowProblem::NotATime) => "a time cannot be read",
            Self::Bad(RowProblem::NotANumber) => "a number cannot be read",
            Self::Bad(RowProblem::Negative) => "a number is negative",
            Self::Bad(RowProblem::TooLarge) => "a number is too large",
            Self::Bad(RowProblem::FinishedBeforeStarted) => "the order of its times is impossible",
            Self::Bad(RowProblem::UnknownArch) => "an architecture that EC2 does not offer",
            Self::Bad(RowProblem::OutOfOrder) => "out of order",
            Self::Bad(RowProblem::TooFewFields) => "too few fields",
        }
    }
}

/// What is wrong with a record: the problem, the key it concerns and the text found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) problem: RowProblem,
    pub(super) key: &'static str,
    pub(super) found: String,
}

impl Fault {
    pub(super) fn new(problem: RowProblem, key: &'static str, found: impl Into<String>) -> Self {
        Self { problem, key, found: found.into() }
    }

    /// The message and the hint.
    pub(super) fn texts(&self) -> (String, String) {
        let Self { key, found, .. } = self;
        let found: String = found.chars().take(60).collect();
        let message = match self.problem {
            RowProblem::Missing => format!("a job without `{key}`"),
            RowProblem::FinishedBeforeStarted => format!("`{key}` is impossible: {found}"),
            _ => format!("`{key}` cannot be `{found}`"),
        };
        let expected = match self.problem {
            RowProblem::NotATime => "a time with its offset such as 2026-03-09T08:14:02.311Z",
            RowProblem::NotANumber => "a number such as 12.5",
            RowProblem::FinishedBeforeStarted => "creation, start and end in this order",
            RowProblem::TooFewFields => {
                "18 numbers in a workload log, in a table as many fields as the header"
            }
            other => other.expected(),
        };
        (message, format!("expected {expected}; --bad-rows drop leaves such jobs out and counts them"))
    }
}

/// Where something is, for the account of drops.
pub(super) fn place(file: &str, line: u64) -> Place {
    Place { file: file.to_owned(), line, column: None }
}

//! What can be wrong with a trace, and where.

use std::fmt;

/// What is wrong with a row; also the heading under which dropped rows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowProblem {
    /// A column that is needed is empty.
    Missing,
    /// Neither seconds nor an RFC 3339 time, or not what the first row has.
    NotATime,
    /// Not a number.
    NotANumber,
    /// Below zero.
    Negative,
    /// Larger than fleetsim counts.
    TooLarge,
    /// It ended before it started.
    FinishedBeforeStarted,
    /// Not an architecture that EC2 offers.
    UnknownArch,
    /// Earlier than a row that is already past the re-order window.
    OutOfOrder,
    /// Fewer fields than the header.
    TooFewFields,
}

impl RowProblem {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Missing,
        Self::NotATime,
        Self::NotANumber,
        Self::Negative,
        Self::TooLarge,
        Self::FinishedBeforeStarted,
        Self::UnknownArch,
        Self::OutOfOrder,
        Self::TooFewFields,
    ];

    /// What is wrong, in a few words behind a number of rows.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "without a needed value",
            Self::NotATime => "with an unreadable time",
            Self::NotANumber => "with an unreadable number",
            Self::Negative => "with a negative number",
            Self::TooLarge => "with too large a number",
            Self::FinishedBeforeStarted => "ended before they started",
            Self::UnknownArch => "of an unknown architecture",
            Self::OutOfOrder => "out of order",
            Self::TooFewFields => "with too few fields",
        }
    }

    /// What was expected instead.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Missing => "a value",
            Self::NotATime => {
                "seconds such as `12.5` or a time such as `2026-03-09T08:14:02.311Z`, as in the first row"
            }
            Self::NotANumber => "a number such as `12.5`",
            Self::Negative => "zero or more",
            Self::TooLarge => "a smaller number",
            Self::FinishedBeforeStarted => "an end after the start",
            Self::UnknownArch => "`amd64` or `arm64`, or nothing where it is unknown",
            Self::OutOfOrder => "rows sorted by submit time (or a larger re-order window)",
            Self::TooFewFields => "as many fields as the header has",
        }
    }
}

/// A trace that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A row.
    #[error("{at}: expected {}, found `{found}`", problem.expected())]
    Row {
        /// Where.
        at: Place,
        /// What is wrong.
        problem: RowProblem,
        /// The text that is there, shortened.
        found: String,
    },
    /// The header lacks a column.
    #[error("{file}:1: no column for the {what}; one of {accepted} is needed")]
    NoColumn {
        /// Name of the trace.
        file: String,
        /// What is missing.
        what: &'static str,
        /// The spellings that are understood.
        accepted: String,
    },
    /// The file cannot be read on: damaged compression, a broken disk.
    #[error("{file}: cannot be read beyond line {line}: {reason}")]
    Unreadable {
        /// Name of the trace.
        file: String,
        /// The last line that was read.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// A place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the trace, as the scenario gives it.
    pub file: String,
    /// Line in the (uncompressed) file, the header being line 1.
    pub line: u64,
    /// Column number from 1 and its header.
    pub column: Option<(usize, String)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match &self.column {
            Some((number, name)) => write!(f, ": column {number} (`{name}`)"),
            None => Ok(()),
        }
    }
}

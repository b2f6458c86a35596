//! Recorded jobs: CSV (plain or gzip) read row by row, mapped to classes, in time order. Opens no file.

mod error;

pub use error::{Place, RowProblem, TraceError};

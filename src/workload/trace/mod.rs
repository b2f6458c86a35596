//! Recorded jobs: CSV (plain or gzip) read row by row, mapped to classes, in time order. Opens no file.

mod columns;
mod error;
mod mapping;
pub(in crate::workload) mod number;
mod options;
mod order;
mod packed;
mod reader;
mod replay;
mod row;
mod stages;

pub use columns::trace_columns;
pub use error::{Place, RowProblem, TraceError};
pub use mapping::{Field, MapRule, Pattern, Unmapped};
pub use options::{BadRows, Replay, TraceInstant, TraceOptions, TraceReport, TraceRequests, TraceTags};
pub use packed::PackedTrace;
pub use reader::decompressed;
pub use replay::TraceReplay;

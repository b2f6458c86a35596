//! How a trace is replayed, and what was found while reading it.

use std::collections::BTreeMap;

use crate::units::{Ppm, SimDuration};
use crate::workload::ClassId;

use super::{MapRule, RowProblem, TraceError, Unmapped};

/// How a trace is replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// Name of the trace in messages.
    pub file: String,
    /// Rules in order, the first that matches decides.
    pub rules: Vec<MapRule>,
    /// Class of rows that no rule matches.
    pub otherwise: ClassId,
    /// Whether the row's tags replace those of its class; else they only serve the rules.
    pub tags: TraceTags,
    /// Whether the row's CPU and memory replace those of its class, where it has them.
    pub requests: TraceRequests,
    /// How many jobs each row makes on average: below one rows are drawn out, above one doubled, each by its own seeded
    /// draw; two is the trace laid over itself.
    pub scale: Ppm,
    /// Instants are multiplied by it: a half makes the same jobs arrive in half the time.
    pub time_scale: Ppm,
    /// First instant that is replayed; it becomes the start of the simulation. `None`: see `start`.
    pub from: Option<TraceInstant>,
    /// No row at or after it is replayed.
    pub to: Option<TraceInstant>,
    /// What becomes the start of the simulation where `from` is not given: an instant of the trace's own clock, or (`None`)
    /// its first job.
    pub start: Option<TraceInstant>,
    /// How many rows are held back to put slightly unsorted ones in order.
    pub reorder_rows: usize,
    /// What happens to rows that cannot be used.
    pub bad_rows: BadRows,
    /// Whether pipelines follow their recorded submit times or their stages.
    pub replay: Replay,
}

impl TraceOptions {
    /// Replays everything as recorded, from the first job on; every row of class `otherwise`, with its own tags and
    /// requests; bad rows are errors.
    #[must_use]
    pub fn new(file: &str, otherwise: ClassId) -> Self {
        Self {
            file: file.to_owned(),
            rules: Vec::new(),
            otherwise,
            tags: TraceTags::OfRow,
            requests: TraceRequests::OfRow,
            scale: Ppm::ONE,
            time_scale: Ppm::ONE,
            from: None,
            to: None,
            start: None,
            reorder_rows: 1024,
            bad_rows: BadRows::Refuse,
            replay: Replay::AsRecorded,
        }
    }
}

/// An instant of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceInstant {
    /// This long after the first job.
    AfterFirst(SimDuration),
    /// On the trace's own clock: ms since 1970 where it has times, else its seconds × 1000.
    At(i64),
}

/// Whose tags a traced job has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceTags {
    /// The row's where it has any, else the class's.
    OfRow,
    /// The class's.
    OfClass,
}

/// Whose requests a traced job has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceRequests {
    /// The row's where it has them, else the class's.
    OfRow,
    /// The class's.
    OfClass,
}

/// What happens to rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// The first is an error.
    Refuse,
    /// They are left out, counted and explained in the report.
    Drop,
}

/// How the jobs of a recorded pipeline follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Every job arrives when it was submitted.
    AsRecorded,
    /// A pipeline arrives with its first job; each later stage follows when the earlier ones have ended.
    ByStage {
        /// Rows of one pipeline later than this after its first begin a new one. Rows are held back that long (in the
        /// trace's time), so memory grows with it.
        within: SimDuration,
        /// Stages in order; others follow by earliest submit time, then by name.
        stages: Vec<String>,
    },
}

/// What was found in a trace so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceReport {
    /// Rows read, whatever became of them.
    pub rows: u64,
    /// Jobs that arrived.
    pub jobs: u64,
    /// Rows before the window or before the start.
    pub before_window: u64,
    /// Rows of jobs that never ran (cancelled, skipped, manual: no duration, no end).
    pub never_ran: u64,
    /// Rows drawn out by a scale below one.
    pub thinned: u64,
    /// Rows that no rule matched (where there are rules).
    pub unmapped_rows: u64,
    /// Examples of them, at most 100 texts.
    pub unmapped: Vec<Unmapped>,
    /// Rows left out because they cannot be used: how many of each kind, and the first of them.
    pub dropped: BTreeMap<RowProblem, (u64, TraceError)>,
    /// The first 20 of them, in the order of the file.
    pub bad_rows: Vec<TraceError>,
}

//! Records of a run folded into waits and their causes, the cost ledger, waste, timelines. Never influences the run.
//!
//! One [`Recorder`] per run (one fleet, one replication) is called by the event loop and leaves one [`RunOutcome`].
//! Its memory grows with the number of distinct waits and nodes in one run at most, not with the number of jobs, unless
//! per-job output is asked for.

mod distribution;
mod gauge;
mod groups;
mod job;
mod ledger;
mod node;
mod outcome;
mod recorder;
mod usage;
mod wait_profile;

pub use distribution::{Distribution, Histogram};
pub use gauge::{GaugeKey, Gauges, Timeline, TimelineSeries};
pub use groups::{Account, CpuShare, GroupLedger, Machine};
pub use job::{FailureReason, JobOutcome, JobRecord, WaitCause, WaitClock, WaitSplit};
pub use ledger::{CostKind, CostLedger, WasteKind, WasteLedger};
pub use node::{NodeEnd, NodeMeter, NodeRecord};
pub use outcome::{JobCounts, Names, NodeTotals, RunOutcome, WaitStatistics, WorkCounters};
pub use recorder::{Recorder, RecorderSettings};
pub use usage::{BilledSpan, NodeShape, Usage, UsedFor};
pub use wait_profile::{WEEK_HOURS, WaitProfile, WaitTail};

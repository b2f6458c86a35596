//! Which jobs arrive when and what they need: traces (streamed), pipelines, synthetic arrivals. Never sees the fleet.

mod arrivals;
mod class;
mod distribution;
mod expand;
mod failure;
mod fit;
mod gamma;
mod import;
mod job;
mod profile;
mod synthetic;
mod template;
mod trace;

pub use arrivals::{Arrivals, Workload};
pub use class::{ArchChoice, Class, ClassId, ClassOverride, Emulation, ImageId, SpeedOverride};
pub use distribution::{Distribution, DistributionError};
pub use failure::{FailureReason, ReasonSet, Retry, UnknownReason};
pub use fit::{
    ArrivalFit, ClassFit, DurationFit, DurationShape, FitError, FitOptions, GoodnessOfFit, GroupBy, Grouping,
    ShapeFit, TraceFit, WEEK_HOURS, WorkloadFigures,
};
pub use import::{
    Anonymizer, DEFAULT_ANONYMIZE_KEY, Dependencies, Detected, Dropped, Identifier, ImportAccount,
    ImportError, ImportKind, ImportOptions, JobMap, JobRow, JobTable, Note, SpanQuantiles, TRACE_HEADER,
    detect, import_jobs,
};
pub use job::{Arrival, ArrivalKind, JobNumber, JobSampler, JobSpec, Push};
pub use profile::{Profile, ProfileError, WeekClock};
pub use synthetic::{ArrivalTimes, Makes, Synthetic};
pub use template::{
    JobDraft, MatrixAxis, MatrixValue, Need, OnNewCommit, Parallel, ProcessMode, PushedRefs, ResourceGroup,
    Template, TemplateDraft, TemplateError, TemplateId, TemplateNode, When,
};
pub use trace::{
    BadRows, Field, MapRule, PackedTrace, Pattern, Place, Replay, RowProblem, TraceError, TraceInstant,
    TraceOptions, TraceReplay, TraceReport, TraceRequests, TraceTags, Unmapped, decompressed, trace_columns,
};

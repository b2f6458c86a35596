//! GitLab and its runner: job queue, tag matching, runner managers, the Kubernetes executor. Never sees a node.

mod config;
pub mod executor;
mod fairness;
mod feed;
mod fifo;
mod idle;
mod manager;
mod pending;
mod pipeline;
mod plan;
mod process;
mod queue;
mod request;
mod round_trip;
mod server;
mod tags;
mod token;
mod wakeups;

pub use config::{
    CHECK_INTERVAL, EntryConfig, Fault, Final202, GitlabConfig, LongPollRelease, ManagerConfig,
    PENDING_DROP_AFTER, RELOAD_CONFIG_INTERVAL, Reconfigure, RunnerConfig, RunnerScope, STUCK_DROP_AFTER,
    ServerConfig, Signal, Stop,
};
pub use feed::{DropReason, Gitlab, Outcome, Pick, QueuedJob, Slot};
pub use pipeline::{
    BuildId, JobResult, PendingJob, Pipeline, PipelineId, PipelineStatus, PipelineStep, Pipelines,
};
pub use round_trip::RoundTrip;
pub use tags::TagSetId;

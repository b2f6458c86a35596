//! What the GitLab room is told: runners as the server knows them, manager processes with their `config.toml`, the
//! server's pace and its faults. Plain data; reading TOML text belongs to `runner_toml` and to the scenario room.

use crate::gitlab::round_trip::RoundTrip;
use crate::units::{Ppm, SimDuration, SimTime};

/// `check_interval` where the file says nothing, or zero or less (GitLab Runner 19.4, `common/consts.go`).
pub const CHECK_INTERVAL: SimDuration = SimDuration::from_secs(3);
/// How often a manager looks at its `config.toml` (GitLab Runner 19.4, `common/consts.go ReloadConfigInterval`).
pub const RELOAD_CONFIG_INTERVAL: SimDuration = SimDuration::from_secs(3);
/// Jobs pending longer than this are dropped (GitLab, `stuck_builds/drop_pending_service.rb`).
pub const PENDING_DROP_AFTER: SimDuration = SimDuration::from_hours(24);
/// Jobs that no runner can run are dropped after this long (GitLab, `stuck_builds/drop_pending_service.rb`).
pub const STUCK_DROP_AFTER: SimDuration = SimDuration::from_hours(1);

/// Everything the room needs to know.
#[derive(Clone, Debug, Default)]
pub struct GitlabConfig {
    /// Runners as registered on the server, one per token. [`EntryConfig::runner`] is an index into this list.
    pub runners: Vec<RunnerConfig>,
    /// Manager processes, one element per process: a Helm release with `replicas` is that many elements.
    pub managers: Vec<ManagerConfig>,
    /// How the server answers.
    pub server: ServerConfig,
    /// Key of the draws of round trips (same key, same draws).
    pub seed: u64,
}

/// A runner on the server: one token, its tags and which jobs it may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerConfig {
    /// Tags; a job matches if its tags are a subset of these.
    pub tags: Vec<String>,
    /// Whether jobs without tags match too. A runner without tags takes only those, whatever this says.
    pub run_untagged: bool,
    /// Whether only jobs of protected refs match (`ref_protected`).
    pub protected: bool,
    /// Whose jobs the runner sees, and hence the order in which it gets them.
    pub scope: RunnerScope,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self { tags: Vec::new(), run_untagged: true, protected: false, scope: RunnerScope::AllFifo }
    }
}

/// Whose jobs a runner sees (GitLab, `ci/queue/pending_builds_strategy.rb`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerScope {
    /// An instance runner: all projects; fair between them while [`ServerConfig::fair`] says so.
    Instance,
    /// All projects, first in first out by build id: a group runner at the top group.
    AllFifo,
    /// A group or project runner: only these projects (sorted or not), first in first out by build id.
    Projects(Vec<u32>),
}

/// One manager process: the global part of a `config.toml` and its `[[runners]]` entries.
#[derive(Clone, Debug)]
pub struct ManagerConfig {
    /// `concurrent`: job slots of the process, shared by all entries. At least 1.
    pub concurrent: u32,
    /// `check_interval`; zero means [`CHECK_INTERVAL`].
    pub check_interval: SimDuration,
    /// When the process is up and asks for the first time.
    pub start_at: SimTime,
    /// `[[runners]]` in file order, at least one.
    pub entries: Vec<EntryConfig>,
    /// New values of `concurrent` written into the file, by time.
    pub reconfigure: Vec<Reconfigure>,
    /// A signal that stops the process.
    pub stop: Option<Stop>,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            concurrent: 1,
            check_interval: CHECK_INTERVAL,
            start_at: SimTime::ZERO,
            entries: vec![EntryConfig::default()],
            reconfigure: Vec::new(),
            stop: None,
        }
    }
}

/// One `[[runners]]` entry. Entries of one manager that name the same runner (token) share its counters.
#[derive(Clone, Debug)]
pub struct EntryConfig {
    /// Index into [`GitlabConfig::runners`].
    pub runner: u32,
    /// `limit`: most builds of the token at once, requests in flight included; 0 is no limit.
    pub limit: u32,
    /// `request_concurrency`: most requests of the token at once; values below 1 mean 1.
    pub request_concurrency: u32,
    /// `strict_check_interval`: at most one job per check interval.
    pub strict_check_interval: bool,
    /// Feature flag `FF_USE_ADAPTIVE_REQUEST_CONCURRENCY` (on unless switched off in `[runners.feature_flags]`).
    pub adaptive: bool,
    /// `unhealthy_requests_limit`: refused requests in a row that switch the entry off.
    pub unhealthy_requests_limit: u32,
    /// `unhealthy_interval`: for how long.
    pub unhealthy_interval: SimDuration,
}

impl Default for EntryConfig {
    /// The defaults of GitLab Runner 19.4 (`common/config.go`).
    fn default() -> Self {
        Self {
            runner: 0,
            limit: 0,
            request_concurrency: 1,
            strict_check_interval: false,
            adaptive: true,
            unhealthy_requests_limit: 3,
            unhealthy_interval: SimDuration::from_hours(1),
        }
    }
}

/// `concurrent` rewritten in the file. The process notices within [`RELOAD_CONFIG_INTERVAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconfigure {
    /// When the file is written.
    pub at: SimTime,
    /// The new value, at least 1.
    pub concurrent: u32,
}

/// A signal sent to a manager process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When.
    pub at: SimTime,
    /// Which.
    pub signal: Signal,
}

/// How a manager process is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGQUIT: no new jobs, running jobs end normally.
    Quit,
    /// SIGTERM: running jobs fail at once with `runner_interrupted`.
    Terminate,
}

/// How the server answers.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Round trip of `POST /jobs/request`; the job is chosen at its end.
    pub request_rtt: RoundTrip,
    /// Round trip of `PUT /jobs/:id`.
    pub update_rtt: RoundTrip,
    /// Round trip of `PATCH /jobs/:id/trace`.
    pub trace_rtt: RoundTrip,
    /// How often a runner sends the trace of a running job, and so hears that it was cancelled
    /// (`X-GitLab-Trace-Update-Interval`: 60 s unless somebody watches the job; gitlab `lib/gitlab/ci/trace.rb`).
    pub trace_update_interval: SimDuration,
    /// How long a request is held while the runner's queue is unchanged; zero is off (`-apiCiLongPollingDuration`).
    pub long_poll: SimDuration,
    /// What a held request gets when the queue changes.
    pub long_poll_release: LongPollRelease,
    /// Whether instance runners serve the project with the fewest running jobs first; otherwise first in first out.
    pub fair: bool,
    /// Share of requests answered 409 although a job waits: another runner took the one that GitLab had chosen. Each
    /// costs the runner one feed (gitlab `app/services/ci/register_job_service.rb`, 18.x).
    pub conflicts: Ppm,
    /// Final updates answered 202 before one is accepted.
    pub final_202: Final202,
    /// Answers other than the regular one, for outages.
    pub faults: Vec<Fault>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            request_rtt: RoundTrip::constant(SimDuration::from_ms(250)),
            update_rtt: RoundTrip::constant(SimDuration::from_ms(150)),
            trace_rtt: RoundTrip::constant(SimDuration::from_ms(150)),
            trace_update_interval: SimDuration::from_secs(60),
            long_poll: SimDuration::ZERO,
            long_poll_release: LongPollRelease::NextFeed,
            fair: true,
            conflicts: Ppm::ZERO,
            final_202: Final202::default(),
            faults: Vec::new(),
        }
    }
}

/// What a held request gets when the runner's queue changes (workhorse, `internal/builds/register.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongPollRelease {
    /// 204 at once: the runner asks again at its next feed.
    #[default]
    NextFeed,
    /// It is passed on to the queue, as if it had just come in.
    Proxy,
}

/// How often the final update of each job is answered 202, "not yet" (GitLab Runner 19.4, `network/trace.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Final202 {
    /// Answers 202 per job.
    pub times: u32,
    /// `X-GitLab-Trace-Update-Interval`; without the header the runner waits 3 s.
    pub interval: SimDuration,
}

impl Default for Final202 {
    fn default() -> Self {
        Self { times: 0, interval: SimDuration::from_secs(3) }
    }
}

/// An answer other than the regular one to the n-th HTTP attempt of one runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index into [`GitlabConfig::runners`].
    pub runner: u32,
    /// Number of the attempt among all `POST /jobs/request` of the runner, from 1.
    pub attempt: u32,
    /// HTTP status; 0 is a broken connection.
    pub status: u16,
    /// `Retry-After` of the answer.
    pub retry_after: Option<SimDuration>,
}

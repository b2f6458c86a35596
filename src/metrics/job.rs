//! What is kept of one job attempt: how it ended, its instants, and its wait split by cause. No aggregation.
//!
//! A record is one *build* of GitLab, that is one attempt: it becomes pending, is picked by a runner manager, gets a
//! pod, waits for the pod to start, runs its script and frees its slot. Every build ends in exactly one
//! [`JobOutcome`], also where the run ends before it does.

use crate::catalog::{Arch, CapacityType};
use crate::units::{SimDuration, SimTime};
use crate::workload;

/// Why a job failed although nothing took its machine away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum FailureReason {
    /// The script returned an error (GitLab's `script_failure`).
    Script,
    /// The runner could not do its work (GitLab's `runner_system_failure`), except for a pod that started too late.
    RunnerSystem,
}

/// How a job attempt ended. Every attempt ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum JobOutcome {
    /// The script succeeded.
    Success,
    /// It failed by itself.
    Failed(FailureReason),
    /// The script ran longer than the job's timeout (GitLab's `job_execution_timeout`).
    TimedOut,
    /// Its node was taken away while the pod was there: Spot interruption, eviction, node failure.
    Interrupted,
    /// The pod did not start within the executor's `poll_timeout`.
    PodTimeout,
    /// GitLab dropped it because no runner picked it in time (`stuck_or_timeout_failure`).
    Dropped,
    /// GitLab skipped it, or left it behind a manual job that nobody played: it never became pending, and is no job that a
    /// fleet ran.
    Skipped,
    /// The run ended before the script started.
    StillWaiting,
    /// The run ended while the script ran.
    StillRunning,
    /// It was cancelled: a newer push made its pipeline redundant.
    Canceled,
}

impl JobOutcome {
    /// Every outcome, in the order in which reports list them.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Failed(FailureReason::Script),
        Self::Failed(FailureReason::RunnerSystem),
        Self::TimedOut,
        Self::Interrupted,
        Self::PodTimeout,
        Self::Dropped,
        Self::Skipped,
        Self::StillWaiting,
        Self::StillRunning,
        Self::Canceled,
    ];

    /// Its place in [`JobOutcome::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Success => 0,
            Self::Failed(FailureReason::Script) => 1,
            Self::Failed(FailureReason::RunnerSystem) => 2,
            Self::TimedOut => 3,
            Self::Interrupted => 4,
            Self::PodTimeout => 5,
            Self::Dropped => 6,
            Self::Skipped => 7,
            Self::StillWaiting => 8,
            Self::StillRunning => 9,
            Self::Canceled => 10,
        }
    }

    /// The word in CSV files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed(FailureReason::Script) => "script_failure",
            Self::Failed(FailureReason::RunnerSystem) => "runner_system_failure",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::PodTimeout => "pod_timeout",
            Self::Dropped => "dropped",
            Self::Skipped => "skipped",
            Self::StillWaiting => "still_waiting",
            Self::StillRunning => "still_running",
            Self::Canceled => "canceled",
        }
    }

    /// Whether the fleet, not the job itself, is the reason that the job has no result: it is lost unless retried. A
    /// time-out is not among these, since a script that hangs has one on every fleet; it is counted by itself.
    #[must_use]
    pub const fn is_fleet_failure(self) -> bool {
        matches!(
            self,
            Self::Failed(FailureReason::RunnerSystem) | Self::Interrupted | Self::PodTimeout | Self::Dropped
        )
    }
}

/// What a job waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitCause {
    /// Pending in GitLab: no free slot, or the manager had not polled yet.
    GitlabQueue,
    /// The pod was unschedulable and no node was on its way: batch window, limits, no capacity.
    PodUnschedulable,
    /// A node was on its way for the pod, from the launch request until the pod was bound.
    NodeStart,
    /// Image pull on the node.
    ImagePull,
    /// The rest of the pod's start: sandbox, helper, executor polls.
    PodStart,
    /// Earlier attempts that were interrupted or failed for the fleet's sake, and the way back into the queue.
    RetryAfterInterruption,
    /// Jobs of the pipeline that had to end first.
    Dependency,
}

impl WaitCause {
    /// Every cause, in the order in which reports list them.
    pub const ALL: [Self; 7] = [
        Self::GitlabQueue,
        Self::PodUnschedulable,
        Self::NodeStart,
        Self::ImagePull,
        Self::PodStart,
        Self::RetryAfterInterruption,
        Self::Dependency,
    ];

    /// Its place in [`WaitCause::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word in CSV column names.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::GitlabQueue => "gitlab_queue",
            Self::PodUnschedulable => "pod_unschedulable",
            Self::NodeStart => "node_start",
            Self::ImagePull => "image_pull",
            Self::PodStart => "pod_start",
            Self::RetryAfterInterruption => "retry_after_interruption",
            Self::Dependency => "dependency",
        }
    }
}

/// A wait split by cause; the parts sum to the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WaitSplit([SimDuration; WaitCause::ALL.len()]);

impl WaitSplit {
    /// Adds time waited for `cause`.
    pub fn add(&mut self, cause: WaitCause, time: SimDuration) {
        self.0[cause.index()] += time;
    }

    /// The time waited for `cause`.
    #[must_use]
    pub fn of(&self, cause: WaitCause) -> SimDuration {
        self.0[cause.index()]
    }

    /// The whole wait.
    #[must_use]
    pub fn total(&self) -> SimDuration {
        self.0.iter().copied().sum()
    }
}

/// Splits a wait while it happens: at each instant exactly one cause is counted, so the parts sum to the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitClock {
    since: SimTime,
    cause: WaitCause,
    split: WaitSplit,
}

impl WaitClock {
    /// Starts waiting for `cause` at `now`.
    #[must_use]
    pub fn start(now: SimTime, cause: WaitCause) -> Self {
        Self { since: now, cause, split: WaitSplit::default() }
    }

    /// From `now` on the job waits for `cause` instead.
    ///
    /// # Panics
    /// Where `now` lies before the last switch.
    pub fn switch(&mut self, now: SimTime, cause: WaitCause) {
        self.split.add(self.cause, now - self.since);
        self.since = now;
        self.cause = cause;
    }

    /// What is being waited for.
    #[must_use]
    pub fn cause(&self) -> WaitCause {
        self.cause
    }

    /// The wait until `now`, split by cause.
    ///
    /// # Panics
    /// Where `now` lies before the last switch.
    #[must_use]
    pub fn stop(mut self, now: SimTime) -> WaitSplit {
        self.switch(now, self.cause);
        self.split
    }
}

/// One attempt of one job. Instants that never came are [`SimTime::NEVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobRecord {
    /// Build id: the order of creation in the run.
    pub ordinal: u32,
    /// Class (job template) id; names are in [`crate::metrics::Names`].
    pub class: u32,
    /// Number of its pipeline in the workload, the same in every fleet.
    pub pipeline: u64,
    /// Which of the pipeline's jobs it is, in GitLab's order; 0 for a single job.
    pub pipeline_job: u32,
    /// 0 for the first attempt.
    pub attempt: u16,
    /// Whether a further attempt follows. Such a record counts as an attempt, not as a job.
    pub retried: bool,
    /// Architecture of the node, or the one asked for where it never ran.
    pub arch: Arch,
    /// Capacity type of the node; none where the pod was never bound or the place has no such thing.
    pub capacity: Option<CapacityType>,
    /// How it ended.
    pub outcome: JobOutcome,
    /// GitLab's own reason where it failed, as the jobs API and `retry: when` name it.
    pub failure: Option<workload::FailureReason>,
    /// Node ordinal it was bound to, as in [`crate::metrics::NodeRecord::ordinal`].
    pub node: Option<u32>,
    /// From when on the wait counts: `pending_at`, or, for a retry, the `wait_since` of the first attempt.
    pub wait_since: SimTime,
    /// When this attempt became pending in GitLab; never for a job that was cancelled before.
    pub pending_at: SimTime,
    /// When a manager picked it (GitLab's `started_at`).
    pub picked_at: SimTime,
    /// When the executor created the pod.
    pub pod_created_at: SimTime,
    /// When the pod was bound to a node.
    pub bound_at: SimTime,
    /// When the script started: the end of the wait.
    pub script_started_at: SimTime,
    /// When the script ended.
    pub script_ended_at: SimTime,
    /// When the manager's slot was free again.
    pub slot_freed_at: SimTime,
    /// The wait from `wait_since` until the script started (or the attempt ended without), by cause.
    pub wait: WaitSplit,
}

impl JobRecord {
    /// A build that became pending at `now` and has not come any further: outcome [`JobOutcome::StillWaiting`].
    #[must_use]
    pub fn pending(ordinal: u32, class: u32, pipeline: u64, arch: Arch, now: SimTime) -> Self {
        Self {
            ordinal,
            class,
            pipeline,
            pipeline_job: 0,
            attempt: 0,
            retried: false,
            arch,
            capacity: None,
            outcome: JobOutcome::StillWaiting,
            failure: None,
            node: None,
            wait_since: now,
            pending_at: now,
            picked_at: SimTime::NEVER,
            pod_created_at: SimTime::NEVER,
            bound_at: SimTime::NEVER,
            script_started_at: SimTime::NEVER,
            script_ended_at: SimTime::NEVER,
            slot_freed_at: SimTime::NEVER,
            wait: WaitSplit::default(),
        }
    }

    /// Whether the script started.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.script_started_at != SimTime::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn outcomes_and_causes_know_their_place() {
        for (index, outcome) in JobOutcome::ALL.iter().enumerate() {
            assert_eq!(outcome.index(), index);
        }
        for (index, cause) in WaitCause::ALL.iter().enumerate() {
            assert_eq!(cause.index(), index);
        }
    }

    #[test]
    fn a_clock_gives_every_millisecond_to_one_cause() {
        let mut clock = WaitClock::start(SimTime::from_ms(10), WaitCause::GitlabQueue);
        clock.switch(SimTime::from_ms(25), WaitCause::PodUnschedulable);
        clock.switch(SimTime::from_ms(25), WaitCause::NodeStart);
        clock.switch(SimTime::from_ms(60), WaitCause::GitlabQueue);
        let split = clock.stop(SimTime::from_ms(61));
        assert_eq!(split.total().as_ms(), 51);
        assert_eq!(split.of(WaitCause::GitlabQueue).as_ms(), 16);
        assert_eq!(split.of(WaitCause::NodeStart).as_ms(), 35);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_wait_always_sum_to_it(
            switches in prop::collection::vec((0u64..100_000, 0usize..7), 0..20),
            last in 0u64..100_000,
        ) {
            let mut clock = WaitClock::start(SimTime::from_ms(17), WaitCause::Dependency);
            let mut now = 17;
            for (step, cause) in switches {
                now += step;
                clock.switch(SimTime::from_ms(now), WaitCause::ALL[cause]);
            }
            let split = clock.stop(SimTime::from_ms(now + last));
            prop_assert_eq!(split.total().as_ms(), now + last - 17);
        }
    }
}

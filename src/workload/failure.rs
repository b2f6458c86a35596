//! Why a job failed, in GitLab's own names, and which failures a job's `retry` rule tries again. No waiting, no queue.

use std::fmt;
use std::str::FromStr;

/// GitLab's `failure_reason` of a job (gitlab `app/models/concerns/enums/ci/commit_status.rb`, version 19.2; the last
/// four are reported by runners since 18.x).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
#[allow(missing_docs)] // The names are GitLab's; they say what they mean.
pub enum FailureReason {
    UnknownFailure,
    ScriptFailure,
    ApiFailure,
    StuckOrTimeoutFailure,
    RunnerSystemFailure,
    MissingDependencyFailure,
    RunnerUnsupported,
    StaleSchedule,
    JobExecutionTimeout,
    ArchivedFailure,
    UnmetPrerequisites,
    SchedulerFailure,
    DataIntegrityFailure,
    ForwardDeploymentFailure,
    UserBlocked,
    ProjectDeleted,
    CiQuotaExceeded,
    PipelineLoopDetected,
    NoMatchingRunner,
    TraceSizeExceeded,
    BuildsDisabled,
    EnvironmentCreationFailure,
    RunnerProvisioningTimeout,
    RunnerConfigurationError,
    RunnerExternalDependencyFailure,
    RunnerInterrupted,
    ImagePullFailure,
}

const NAMES: [(FailureReason, &str); 27] = [
    (FailureReason::UnknownFailure, "unknown_failure"),
    (FailureReason::ScriptFailure, "script_failure"),
    (FailureReason::ApiFailure, "api_failure"),
    (FailureReason::StuckOrTimeoutFailure, "stuck_or_timeout_failure"),
    (FailureReason::RunnerSystemFailure, "runner_system_failure"),
    (FailureReason::MissingDependencyFailure, "missing_dependency_failure"),
    (FailureReason::RunnerUnsupported, "runner_unsupported"),
    (FailureReason::StaleSchedule, "stale_schedule"),
    (FailureReason::JobExecutionTimeout, "job_execution_timeout"),
    (FailureReason::ArchivedFailure, "archived_failure"),
    (FailureReason::UnmetPrerequisites, "unmet_prerequisites"),
    (FailureReason::SchedulerFailure, "scheduler_failure"),
    (FailureReason::DataIntegrityFailure, "data_integrity_failure"),
    (FailureReason::ForwardDeploymentFailure, "forward_deployment_failure"),
    (FailureReason::UserBlocked, "user_blocked"),
    (FailureReason::ProjectDeleted, "project_deleted"),
    (FailureReason::CiQuotaExceeded, "ci_quota_exceeded"),
    (FailureReason::PipelineLoopDetected, "pipeline_loop_detected"),
    (FailureReason::NoMatchingRunner, "no_matching_runner"),
    (FailureReason::TraceSizeExceeded, "trace_size_exceeded"),
    (FailureReason::BuildsDisabled, "builds_disabled"),
    (FailureReason::EnvironmentCreationFailure, "environment_creation_failure"),
    (FailureReason::RunnerProvisioningTimeout, "runner_provisioning_timeout"),
    (FailureReason::RunnerConfigurationError, "runner_configuration_error"),
    (FailureReason::RunnerExternalDependencyFailure, "runner_external_dependency_failure"),
    (FailureReason::RunnerInterrupted, "runner_interrupted"),
    (FailureReason::ImagePullFailure, "image_pull_failure"),
];

impl FailureReason {
    /// GitLab's name, as in the jobs API and in `retry: when`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Every reason, in the order of the enum.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        NAMES.iter().map(|(reason, _)| *reason)
    }

    /// Whether GitLab refuses to retry it whatever the rule says (gitlab `lib/gitlab/ci/build/auto_retry.rb`,
    /// `RETRY_OVERRIDES`).
    #[must_use]
    pub const fn is_never_retried(self) -> bool {
        matches!(
            self,
            Self::CiQuotaExceeded
                | Self::MissingDependencyFailure
                | Self::ForwardDeploymentFailure
                | Self::NoMatchingRunner
                | Self::EnvironmentCreationFailure
        )
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no failure reason of GitLab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a failure reason of GitLab; write one such as `runner_system_failure` or `always`")]
pub struct UnknownReason(pub String);

impl FromStr for FailureReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(reason, _)| *reason).ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

/// A set of failure reasons: `retry: when`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReasonSet(u32);

impl ReasonSet {
    /// `always`, GitLab's default.
    pub const ALWAYS: Self = Self(u32::MAX);
    /// No reason at all.
    pub const EMPTY: Self = Self(0);

    /// This set and `reason`.
    #[must_use]
    pub const fn with(self, reason: FailureReason) -> Self {
        Self(self.0 | 1 << reason as u32)
    }

    /// Whether `reason` is in the set.
    #[must_use]
    pub const fn contains(self, reason: FailureReason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// The set written as names; `always` is every reason.
    ///
    /// # Errors
    /// The first name that GitLab does not know.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownReason> {
        names.into_iter().try_fold(Self::EMPTY, |set, name| {
            if name == "always" { Ok(Self::ALWAYS) } else { Ok(set.with(name.parse()?)) }
        })
    }
}

/// A job's `retry` keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retry {
    /// `retry: max`, 0 to 2 attempts beyond the first. `None`: the keyword is absent, only GitLab's own defaults apply.
    pub max: Option<u8>,
    /// `retry: when`.
    pub when: ReasonSet,
}

impl Default for Retry {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl Retry {
    /// No `retry` keyword: GitLab still retries `scheduler_failure` twice, and nothing else.
    pub const ABSENT: Self = Self { max: None, when: ReasonSet::ALWAYS };
    /// The most attempts beyond the first that GitLab accepts.
    pub const MAX: u8 = 2;

    /// `retry: max` for every reason.
    #[must_use]
    pub const fn always(max: u8) -> Self {
        Self { max: Some(max), when: ReasonSet::ALWAYS }
    }

    /// Whether a job that failed for `reason` and was already retried `retries` times is tried again.
    ///
    /// Rule of gitlab `lib/gitlab/ci/build/auto_retry.rb`: `max` counts where `when` lists the reason; else, and where
    /// `max` is absent, `scheduler_failure` has two retries and everything else none.
    #[must_use]
    pub fn allows(self, reason: FailureReason, retries: u8) -> bool {
        let built_in = if reason == FailureReason::SchedulerFailure { 2 } else { 0 };
        let own = self.max.filter(|_| self.when.contains(reason));
        !reason.is_never_retried() && retries < own.unwrap_or(built_in)
    }

    /// Whether a script that failed with an exit code of `retry:exit_codes` and was retried `retries` times is tried
    /// again: `when` is not asked, the two are alternatives (gitlab docs `ci/yaml`, `retry:exit_codes`, 17.0).
    #[must_use]
    pub fn allows_exit_code(self, retries: u8) -> bool {
        retries < self.max.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_stand_in_the_order_of_the_enum() {
        for (index, reason) in FailureReason::all().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(reason.name().parse(), Ok(reason));
        }
        assert!("spot_gone".parse::<FailureReason>().is_err());
    }

    #[test]
    fn only_scheduler_failures_are_retried_without_a_rule() {
        let retried: Vec<_> =
            FailureReason::all().filter(|reason| Retry::ABSENT.allows(*reason, 1)).collect();
        assert_eq!(retried, [FailureReason::SchedulerFailure]);
        assert!(!Retry::ABSENT.allows(FailureReason::SchedulerFailure, 2));
    }

    #[test]
    fn a_rule_counts_its_retries_and_keeps_to_its_reasons() {
        let when = ReasonSet::parse(["runner_system_failure"]).unwrap();
        let rule = Retry { max: Some(2), when };
        assert!(rule.allows(FailureReason::RunnerSystemFailure, 1));
        assert!(!rule.allows(FailureReason::RunnerSystemFailure, 2));
        assert!(!rule.allows(FailureReason::ScriptFailure, 0));
        assert!(
            rule.allows(FailureReason::SchedulerFailure, 1),
            "the built-in rule stays for unlisted reasons"
        );
        assert!(!Retry::always(0).allows(FailureReason::SchedulerFailure, 0));
        assert!(!Retry::always(2).allows(FailureReason::NoMatchingRunner, 0));
        assert!(Retry::always(1).allows(FailureReason::ScriptFailure, 0));
    }
}

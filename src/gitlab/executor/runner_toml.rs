//! A runner's `config.toml` as the runner understands it: values after its own getters, or why the file does not load.
//! `loader` reads the text; imports may fill this struct from elsewhere.

use std::collections::BTreeMap;

use crate::gitlab::executor::kubernetes_config::KubernetesConfig;
use crate::gitlab::executor::overwrites::Variables;
use crate::units::SimDuration;

/// The global keys and all entries.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerToml {
    /// `concurrent` as written; below 1 the process ends at start.
    pub concurrent: i64,
    /// `check_interval`, 3 s where it is missing, zero or negative.
    pub check_interval: SimDuration,
    /// `shutdown_timeout`, 30 s where it is missing, zero or negative.
    pub shutdown_timeout: SimDuration,
    /// `[[runners]]` in file order.
    pub runners: Vec<RunnerEntry>,
}

/// One `[[runners]]` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerEntry {
    /// `name`.
    pub name: String,
    /// `executor` as written.
    pub executor: String,
    /// `token` with variables of the environment taken as unset, blanks trimmed; an entry without one never asks.
    pub token: String,
    /// `limit`; 0 is none.
    pub limit: i64,
    /// `request_concurrency`, at least 1.
    pub request_concurrency: i64,
    /// `strict_check_interval`.
    pub strict_check_interval: bool,
    /// `unhealthy_requests_limit`, 3 where it is missing or below 1.
    pub unhealthy_requests_limit: i64,
    /// `unhealthy_interval`, one hour where it is missing. An integer counts nanoseconds.
    pub unhealthy_interval: SimDuration,
    /// `environment`: `NAME=value`.
    pub environment: Vec<String>,
    /// `[runners.feature_flags]`; `None` where the table is missing.
    pub feature_flags: Option<BTreeMap<String, bool>>,
    /// `[runners.kubernetes]`.
    pub kubernetes: Option<KubernetesConfig>,
}

impl Default for RunnerEntry {
    fn default() -> Self {
        Self {
            name: String::new(),
            executor: String::new(),
            token: String::new(),
            limit: 0,
            request_concurrency: 1,
            strict_check_interval: false,
            unhealthy_requests_limit: 3,
            unhealthy_interval: SimDuration::from_hours(1),
            environment: Vec::new(),
            feature_flags: None,
            kubernetes: None,
        }
    }
}

impl RunnerEntry {
    /// Whether the adaptive request concurrency is on. Only the table counts; `environment` has no effect on the loop
    /// (GitLab Runner 19.4, `common/config.go RunnerSettings.IsFeatureFlagOn`).
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        let flags = self.feature_flags.as_ref();
        flags.and_then(|flags| flags.get("FF_USE_ADAPTIVE_REQUEST_CONCURRENCY")).copied().unwrap_or(true)
    }

    /// A feature flag as a job sees it: the table, else the variables; a text that Go takes for no boolean is none
    /// (GitLab Runner 19.4, `common/build_settings.go populateFeatureFlags`).
    pub(super) fn feature_flag(&self, name: &str, variables: &Variables) -> Option<bool> {
        let table = self.feature_flags.as_ref().and_then(|flags| flags.get(name)).copied();
        table.or_else(|| match variables.get(name) {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        })
    }
}

impl RunnerToml {
    /// Whether the process ends at start although the file loads.
    #[must_use]
    pub fn is_fatal_at_start(&self) -> bool {
        self.concurrent < 1
    }
}

/// Why a file does not load. At start the process ends; on a reload the old configuration stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LoadError {
    /// What kind of mistake it is.
    pub class: LoadErrorClass,
    /// Line, from 1; 0 where the mistake is not in one place.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Kinds of mistakes that keep a file from loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadErrorClass {
    /// A value of another type than the key has.
    WrongType,
    /// A key or table twice.
    DuplicateKey,
    /// No TOML.
    Syntax,
    /// An integer beyond 64 bits.
    OutOfRange,
    /// A text that is no Go duration.
    BadDuration,
    /// A section whose own check fails: periods of docker machine autoscaling.
    Section,
}

//! `[runners.kubernetes]` as plain data: as much of it as decides where a pod can run and how long it is waited for.

use std::collections::BTreeMap;

use crate::gitlab::executor::resources::ContainerResources;

/// `[runners.kubernetes]` of GitLab Runner 19.4 with the keys of the original. Texts are as written; empty is "not set".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KubernetesConfig {
    /// `namespace`; empty means `default`.
    pub namespace: String,
    /// `namespace_overwrite_allowed`, a regular expression.
    pub namespace_overwrite_allowed: String,
    /// `namespace_per_job`.
    pub namespace_per_job: bool,
    /// `image`, for jobs without one.
    pub image: String,
    /// Keys without prefix: the build container.
    pub build: ContainerResources,
    /// `helper_*`: the helper container and the init container.
    pub helper: ContainerResources,
    /// `service_*`: each service container.
    pub service: ContainerResources,
    /// `pod_*`: the pod as a whole.
    pub pod: ContainerResources,
    /// `node_selector`; `None` where the key is missing.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// `node_selector_overwrite_allowed`, a regular expression on `key=value`.
    pub node_selector_overwrite_allowed: String,
    /// `node_tolerations`: `key=value` or `key` to effect.
    pub node_tolerations: Option<BTreeMap<String, String>>,
    /// `node_tolerations_overwrite_allowed`, a regular expression.
    pub node_tolerations_overwrite_allowed: String,
    /// `pod_annotations`.
    pub pod_annotations: Option<BTreeMap<String, String>>,
    /// `pod_annotations_overwrite_allowed`, a regular expression.
    pub pod_annotations_overwrite_allowed: String,
    /// `pod_labels`.
    pub pod_labels: Option<BTreeMap<String, String>>,
    /// `pod_labels_overwrite_allowed`, a regular expression.
    pub pod_labels_overwrite_allowed: String,
    /// `affinity.node_affinity`, required terms only: any of the terms, all requirements of it.
    pub required_node_affinity: Vec<Vec<RequirementTerm>>,
    /// `service_account`.
    pub service_account: String,
    /// `service_account_overwrite_allowed`, a regular expression.
    pub service_account_overwrite_allowed: String,
    /// `priority_class_name`.
    pub priority_class_name: String,
    /// `scheduler_name`.
    pub scheduler_name: String,
    /// `runtime_class_name`.
    pub runtime_class_name: String,
    /// `pod_termination_grace_period_seconds`.
    pub pod_termination_grace_period_seconds: Option<i64>,
    /// `pod_disruption_budget`.
    pub pod_disruption_budget: bool,
    /// `poll_interval` in seconds; zero and less mean 3.
    pub poll_interval: i64,
    /// `poll_timeout` in seconds; zero and less mean 180.
    pub poll_timeout: i64,
    /// `pull_policy`, in order of preference.
    pub pull_policy: Vec<String>,
    /// `allowed_pull_policies`; empty: those of `pull_policy`.
    pub allowed_pull_policies: Vec<String>,
    /// `[[runners.kubernetes.services]]`.
    pub services: Vec<ServiceConfig>,
    /// `[[runners.kubernetes.pod_spec]]`; used with the feature flag `FF_USE_ADVANCED_POD_SPEC_CONFIGURATION`.
    pub pod_spec: Vec<PodSpecPatch>,
    /// `autoscaler.max_pause_pods`.
    pub max_pause_pods: Option<i64>,
    /// The rest of `autoscaler`, where there is one.
    pub autoscaler: Option<AutoscalerConfig>,
}

/// `[runners.kubernetes.autoscaler]` beside `max_pause_pods`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoscalerConfig {
    /// `pause_pod_priority_class_name`.
    pub priority_class_name: String,
    /// `[[…policy]]`.
    pub policies: Vec<PausePolicyConfig>,
}

/// `[[runners.kubernetes.autoscaler.policy]]` as written; zero and empty are "not set".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PausePolicyConfig {
    /// `periods`.
    pub periods: Vec<String>,
    /// `timezone`.
    pub timezone: String,
    /// `idle_count`.
    pub idle_count: i64,
    /// `idle_time` in nanoseconds.
    pub idle_time_ns: i64,
    /// `scale_factor`.
    pub scale_factor: f64,
    /// `scale_factor_limit`.
    pub scale_factor_limit: i64,
}

/// A service that every job of the runner gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Image; an empty one is no service.
    pub name: String,
    /// Aliases, separated by commas or blanks.
    pub alias: String,
    /// `environment`: `NAME=value`, the service's own variables.
    pub environment: Vec<String>,
}

/// A patch of the pod's specification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSpecPatch {
    /// `patch`: JSON.
    pub patch: String,
    /// `patch_type`: `merge`, `strategic` (the default) or `json` (not supported here: left alone).
    pub patch_type: String,
}

/// One requirement of a node selector term.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementTerm {
    /// Label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
    pub operator: String,
    /// Values.
    pub values: Vec<String>,
}

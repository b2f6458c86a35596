//! The Kubernetes executor of GitLab Runner: which pod a job gets, how long the executor waits for it, and what its
//! part of a `config.toml` says. Knows no cluster.

mod admission;
mod kubernetes_config;
mod loader;
mod overwrites;
mod pattern;
mod pause_pods;
mod pod;
mod pod_wait;
mod quantity;
mod resources;
mod runner_toml;
mod toml_fields;

pub use kubernetes_config::{
    AutoscalerConfig, KubernetesConfig, PausePolicyConfig, PodSpecPatch, RequirementTerm, ServiceConfig,
};
pub use loader::load;
pub use overwrites::Variables;
pub use pause_pods::{PAUSE_POD_INTERVAL, PAUSE_POD_PRIORITY, PausePodTarget, PausePods, PausePolicy};
pub use pod::{Container, ContainerRole, JobService, Pod, PodError, PodJob, Toleration, compose};
pub use pod_wait::PodWait;
pub use quantity::{Quantity, QuantityTextError};
pub use resources::{ContainerResources, ResourceList, ResourceTexts};
pub use runner_toml::{LoadError, LoadErrorClass, RunnerEntry, RunnerToml};

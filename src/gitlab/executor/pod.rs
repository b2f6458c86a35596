//! The pod of a job: containers with requests and limits, where it may run, or why there is none (GitLab Runner 19.4,
//! `executors/kubernetes/kubernetes.go`). What the scheduler sees of it follows the Kubernetes API's defaulting.

use std::collections::BTreeMap;

use crate::gitlab::executor::kubernetes_config::{KubernetesConfig, PodSpecPatch, RequirementTerm};
use crate::gitlab::executor::overwrites::{self, Evaluated, Split, Variables};
use crate::gitlab::executor::quantity::QuantityTextError;
use crate::gitlab::executor::resources::ResourceList;
use crate::gitlab::executor::runner_toml::RunnerEntry;
use crate::units::SimDuration;

/// What the job brings.
#[derive(Clone, Debug, Default)]
pub struct PodJob {
    /// `image`; empty: the runner's.
    pub image: String,
    /// The job's timeout.
    pub timeout: SimDuration,
    /// Job variables in order.
    pub variables: Vec<(String, String)>,
    /// `services`.
    pub services: Vec<JobService>,
}

/// A service of the job.
#[derive(Clone, Debug, Default)]
pub struct JobService {
    /// Image; an empty one is no service.
    pub name: String,
    /// Aliases, separated by commas or blanks.
    pub alias: String,
    /// The service's own variables.
    pub variables: Vec<(String, String)>,
}

/// A pod as the runner asks Kubernetes for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Build, helper, services by name, then the init containers in order.
    pub containers: Vec<Container>,
    /// Pod-level resources as asked for (Kubernetes 1.34).
    pub requests: ResourceList,
    /// Pod-level limits as asked for.
    pub limits: ResourceList,
    /// `nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations, by key.
    pub tolerations: Vec<Toleration>,
    /// Required node affinity: any of the terms, all requirements of it.
    pub required_node_affinity: Vec<Vec<RequirementTerm>>,
    /// Annotations, the runner's own about the job left out.
    pub annotations: BTreeMap<String, String>,
    /// Service account.
    pub service_account: String,
    /// Priority class.
    pub priority_class_name: String,
    /// Scheduler; empty is the default one.
    pub scheduler_name: String,
    /// Runtime class.
    pub runtime_class_name: String,
    /// `terminationGracePeriodSeconds`; `None`: Kubernetes' 30 s.
    pub termination_grace_period_s: Option<i64>,
    /// `activeDeadlineSeconds`: the job's timeout and a second.
    pub active_deadline_s: Option<u64>,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// What it is for.
    pub role: ContainerRole,
    /// Requests as asked for.
    pub requests: ResourceList,
    /// Limits as asked for.
    pub limits: ResourceList,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerRole {
    /// Runs the script.
    Build,
    /// Fetches sources, caches, artifacts.
    Helper,
    /// A service.
    Service,
    /// Runs before the others.
    Init,
}

/// A toleration. Without a key it tolerates every taint (of the effect).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Toleration {
    /// Taint key; empty: all.
    pub key: String,
    /// `Some` for the operator `Equal`, `None` for `Exists`.
    pub value: Option<String>,
    /// Effect; empty: all.
    pub effect: String,
}

/// Why there is no pod. All are configuration errors: the job fails at once, without another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// A variable asks for more than is allowed.
    #[error("`{variable}` asks for {value}, more than the allowed {max}")]
    OverwriteTooHigh {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
        /// `*_overwrite_max_allowed`.
        max: String,
    },
    /// A variable does not match the pattern of what is allowed.
    #[error("the value `{value}` does not match `{pattern}`")]
    OverwritePattern {
        /// The variable's value.
        value: String,
        /// The pattern.
        pattern: String,
    },
    /// A pattern of the configuration is no regular expression.
    #[error("`{pattern}` is not a regular expression")]
    BadRegexp {
        /// The pattern.
        pattern: String,
    },
    /// A configured or overwritten amount is no quantity.
    #[error("`{value}` is no amount of {resource}: {reason}")]
    BadQuantity {
        /// The resource.
        resource: String,
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: QuantityTextError,
    },
    /// A variable that may overwrite an amount, or the bound for it, is no quantity.
    #[error("`{value}` is no amount: {reason}")]
    BadOverwriteQuantity {
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: QuantityTextError,
    },
    /// Neither the job nor the runner names an image.
    #[error("no image specified and no default set in config")]
    NoImage,
    /// `pull_policy` or `allowed_pull_policies` has one that is none of `always`, `if-not-present`, `never`.
    #[error("unsupported pull policy `{0}`")]
    PullPolicy(String),
    /// None of `pull_policy` is among `allowed_pull_policies`.
    #[error("none of the pull policies is allowed")]
    PullPolicyNotAllowed,
}

impl PodError {
    pub(super) fn overwrite_pattern(value: &str, pattern: &str) -> Self {
        Self::OverwritePattern { value: value.to_owned(), pattern: pattern.to_owned() }
    }
}

/// Composes the pod of `job` on a runner with this entry.
///
/// # Errors
/// Where the configuration or the job's variables do not allow one; the checks come in the runner's order.
pub fn compose(runner: &RunnerEntry, job: &PodJob) -> Result<Pod, PodError> {
    let missing = KubernetesConfig::default();
    let config = runner.kubernetes.as_ref().unwrap_or(&missing);
    let all = Variables::expanded(pairs(&runner.environment).chain(job.variables.clone()).collect());
    // The overwrites expand variables that are expanded already (`overwrites.go createOverwrites`).
    let variables = all.expanded_again();
    let mut pod = placement(config, &variables, &Variables::plain(job.variables.clone()))?;

    let build = overwrites::resources(&config.build, &variables, "")?;
    let service = overwrites::resources(&config.service, &variables, "SERVICE_")?;
    let helper = overwrites::resources(&config.helper, &variables, "HELPER_")?;
    let whole = overwrites::resources(&config.pod, &variables, "POD_")?;
    let services = services(config, job, &all, service)?;
    if all.expand(&job.image).is_empty() && all.expand(&config.image).is_empty() {
        return Err(PodError::NoImage);
    }
    check_pull_policies(config)?;

    let is_on = |flag: &str, default: bool| runner.feature_flag(flag, &all).unwrap_or(default);
    pod.containers = vec![
        container("build", ContainerRole::Build, build),
        container("helper", ContainerRole::Helper, helper),
    ];
    pod.containers.extend(services);
    if is_on("FF_DISABLE_UMASK_FOR_KUBERNETES_EXECUTOR", false) {
        pod.containers.push(container("init-build-uid-gid-collector", ContainerRole::Init, build));
    }
    let is_attached = !is_on("FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY", false);
    if is_attached || is_on("FF_USE_DUMB_INIT_WITH_KUBERNETES_EXECUTOR", false) {
        pod.containers.push(container("init-permissions", ContainerRole::Init, helper));
    }
    (pod.requests, pod.limits) = (whole.requests, whole.limits);
    // One second more than the job has, so that GitLab's timeout comes first.
    let deadline = job.timeout.as_ms() / 1000 + 1;
    pod.active_deadline_s = is_on("FF_USE_POD_ACTIVE_DEADLINE_SECONDS", true).then_some(deadline);
    if is_on("FF_USE_ADVANCED_POD_SPEC_CONFIGURATION", false) {
        config.pod_spec.iter().for_each(|patch| apply(patch, &mut pod));
    }
    Ok(pod)
}

/// The variables of an `environment`: what has no `=` is none.
fn pairs(environment: &[String]) -> impl Iterator<Item = (String, String)> {
    let pair = |text: &String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    environment.iter().filter_map(pair)
}

/// The runner's own policies must be known and one of them allowed; without any, the empty one counts as named
/// (`kubernetes.go preparePullManager`, `helpers/pull_policies`).
fn check_pull_policies(config: &KubernetesConfig) -> Result<(), PodError> {
    let (wanted, allowed) = (&config.pull_policy, &config.allowed_pull_policies);
    let is_known = |policy: &&String| matches!(policy.as_str(), "" | "always" | "if-not-present" | "never");
    if let Some(unknown) = allowed.iter().chain(wanted).find(|policy| !is_known(policy)) {
        return Err(PodError::PullPolicy(unknown.clone()));
    }
    let is_allowed = |policy: &str| allowed.iter().any(|allowed| allowed == policy);
    let is_any =
        if wanted.is_empty() { is_allowed("") } else { wanted.iter().any(|policy| is_allowed(policy)) };
    if allowed.is_empty() || is_any { Ok(()) } else { Err(PodError::PullPolicyNotAllowed) }
}

/// The parts of the pod that decide where it may run. Values of annotations see the job's variables as they came
/// (`kubernetes.go buildPodAnnotations`).
fn placement(config: &KubernetesConfig, variables: &Variables, of_job: &Variables) -> Result<Pod, PodError> {
    let namespace = overwrites::text(
        &config.namespace,
        &config.namespace_overwrite_allowed,
        variables.get("KUBERNETES_NAMESPACE_OVERWRITE"),
    )?;
    let service_account = overwrites::text(
        &config.service_account,
        &config.service_account_overwrite_allowed,
        variables.get("KUBERNETES_SERVICE_ACCOUNT_OVERWRITE"),
    )?;
    let map = |configured: &Option<_>, allowed: &str, prefix: &str, split| {
        overwrites::map(configured.as_ref(), allowed, variables, prefix, split)
    };
    // Labels place nothing, but a variable that they do not allow fails the job.
    map(&config.pod_labels, &config.pod_labels_overwrite_allowed, "KUBERNETES_POD_LABELS_", Split::KeyValue)?;
    let annotations = map(
        &config.pod_annotations,
        &config.pod_annotations_overwrite_allowed,
        "KUBERNETES_POD_ANNOTATIONS_",
        Split::KeyValue,
    )?;
    let node_selector = map(
        &config.node_selector,
        &config.node_selector_overwrite_allowed,
        "KUBERNETES_NODE_SELECTOR_",
        Split::KeyValue,
    )?;
    let tolerations = map(
        &config.node_tolerations,
        &config.node_tolerations_overwrite_allowed,
        "KUBERNETES_NODE_TOLERATIONS_",
        Split::Toleration,
    )?;
    let toleration = |(pair, effect): (String, String)| {
        let (key, value) =
            pair.split_once('=').map_or((pair.as_str(), None), |(key, value)| (key, Some(value)));
        Toleration { key: key.to_owned(), value: value.map(str::to_owned), effect }
    };
    let mut tolerations: Vec<Toleration> = tolerations.into_iter().map(toleration).collect();
    tolerations.sort();
    Ok(Pod {
        namespace: if namespace.is_empty() { "default".to_owned() } else { namespace },
        node_selector,
        tolerations,
        required_node_affinity: config.required_node_affinity.clone(),
        annotations: annotations.into_iter().map(|(key, value)| (key, of_job.expand(&value))).collect(),
        service_account,
        priority_class_name: config.priority_class_name.clone(),
        scheduler_name: config.scheduler_name.clone(),
        runtime_class_name: config.runtime_class_name.clone(),
        termination_grace_period_s: config.pod_termination_grace_period_seconds,
        ..Pod::default()
    })
}

/// The service containers, sorted by name: the runner's services first get their names, then the job's. Of two that
/// end up with one name the later counts (`kubernetes.go prepareOptions`).
fn services(
    config: &KubernetesConfig,
    job: &PodJob,
    variables: &Variables,
    base: Evaluated,
) -> Result<Vec<Container>, PodError> {
    let of_runner = (config.services.iter())
        .map(|service| (&service.name, &service.alias, pairs(&service.environment).collect::<Vec<_>>()));
    let of_job =
        job.services.iter().map(|service| (&service.name, &service.alias, service.variables.clone()));
    let mut used: Vec<String> = Vec::new();
    let mut unnamed = 0;
    let mut named = BTreeMap::new();
    for (image, aliases, own) in of_runner.chain(of_job) {
        if variables.expand(image).is_empty() {
            continue;
        }
        let aliases = variables.expand(aliases).replace(',', " ");
        let mut name = None;
        for alias in aliases.split_whitespace() {
            if used.iter().any(|used| used == alias) {
                continue;
            }
            used.push(alias.to_owned());
            if is_dns_label(alias) {
                name = Some(alias.to_owned());
                break;
            }
        }
        let name = name.unwrap_or_else(|| {
            unnamed += 1;
            format!("svc-{}", unnamed - 1)
        });
        named.insert(name, Variables::plain(own));
    }
    let evaluate = |(name, own): (String, Variables)| {
        Ok(container(&name, ContainerRole::Service, overwrites::service(base, &config.service, &own)?))
    };
    named.into_iter().map(evaluate).collect()
}

fn container(name: &str, role: ContainerRole, resources: Evaluated) -> Container {
    Container { name: name.to_owned(), role, requests: resources.requests, limits: resources.limits }
}

/// Whether Kubernetes takes `text` as a container's name (RFC 1123 label).
fn is_dns_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(is_inner)
}

/// Merges the keys of a patch that matter here into the pod.
fn apply(patch: &PodSpecPatch, pod: &mut Pod) {
    let Ok(serde_json::Value::Object(keys)) = serde_json::from_str(&patch.patch) else { return };
    if patch.patch_type == "json" {
        return;
    }
    let text = |key: &str, field: &mut String| {
        if let Some(value) = keys.get(key) {
            *field = value.as_str().unwrap_or_default().to_owned();
        }
    };
    text("priorityClassName", &mut pod.priority_class_name);
    text("schedulerName", &mut pod.scheduler_name);
    text("runtimeClassName", &mut pod.runtime_class_name);
    text("serviceAccountName", &mut pod.service_account);
    if let Some(value) = keys.get("terminationGracePeriodSeconds") {
        pod.termination_grace_period_s = value.as_i64();
    }
    if let Some(value) = keys.get("activeDeadlineSeconds") {
        pod.active_deadline_s = value.as_u64();
    }
    if keys.get("nodeSelector").is_some_and(serde_json::Value::is_null) {
        pod.node_selector.clear();
    }
    for (label, value) in
        keys.get("nodeSelector").and_then(serde_json::Value::as_object).into_iter().flatten()
    {
        match value.as_str() {
            Some(value) => pod.node_selector.insert(label.clone(), value.to_owned()),
            None => pod.node_selector.remove(label),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::executor::{Quantity, load};

    /// The pod of a job with these variables on a runner with these lines under `[[runners]]`.
    fn pod(lines: &str, variables: &[(&str, &str)]) -> Result<Pod, PodError> {
        let file = load(&format!("[[runners]]\n{lines}")).expect("the file loads");
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(owned).collect();
        compose(&file.runners[0], &PodJob { image: "alpine".to_owned(), variables, ..PodJob::default() })
    }

    #[test]
    fn overwrites_expand_variables_that_are_expanded_already() {
        // `common/build.go GetAllVariables` expands, `overwrites.go createOverwrites` once more.
        let lines = "[runners.kubernetes]\ncpu_request_overwrite_max_allowed = \"9\"";
        let chain = [("A", "$B"), ("B", "$C"), ("C", "2"), ("KUBERNETES_CPU_REQUEST", "$B")];
        let cpu = |variables: &[_]| Ok::<_, PodError>(pod(lines, variables)?.containers[0].requests.cpu);
        assert_eq!(cpu(&chain).map(|cpu| cpu.map(Quantity::milli)), Ok(Some(2000)));
        let deeper = [("A", "$B"), ("B", "$C"), ("C", "2"), ("KUBERNETES_CPU_REQUEST", "$A")];
        assert_eq!(cpu(&deeper).map(|cpu| cpu.map(Quantity::milli)), Ok(Some(2000)));
        let too_deep = [&deeper[..2], &[("C", "$D"), ("D", "2"), deeper[3]]].concat();
        assert!(matches!(cpu(&too_deep), Err(PodError::BadOverwriteQuantity { .. })));
    }

    #[test]
    fn annotations_see_the_variables_of_the_job_as_they_came() {
        // `kubernetes.go buildPodAnnotations`.
        let lines = "environment = [\"RUNNER=r\"]\n[runners.kubernetes.pod_annotations]\na = \"$A-$RUNNER\"";
        let annotations = pod(lines, &[("A", "$B"), ("B", "b")]).map(|pod| pod.annotations["a"].clone());
        assert_eq!(annotations, Ok("$B-".to_owned()));
    }

    #[test]
    fn labels_that_are_not_allowed_fail_the_job() {
        let lines = "[runners.kubernetes]\npod_labels_overwrite_allowed = \"^team=\"";
        let label = |value| pod(lines, &[("KUBERNETES_POD_LABELS_1", value)]).map(|_| ());
        assert_eq!(label("team=ci"), Ok(()));
        assert!(matches!(label("app=ci"), Err(PodError::OverwritePattern { .. })));
    }

    #[test]
    fn one_of_the_pull_policies_must_be_allowed() {
        let with = |keys: &str| pod(&format!("[runners.kubernetes]\n{keys}"), &[]).map(|_| ());
        assert_eq!(
            with("pull_policy = [\"always\", \"never\"]\nallowed_pull_policies = [\"never\"]"),
            Ok(())
        );
        assert_eq!(
            with("pull_policy = \"always\"\nallowed_pull_policies = [\"never\"]"),
            Err(PodError::PullPolicyNotAllowed)
        );
        assert_eq!(with("allowed_pull_policies = [\"always\"]"), Err(PodError::PullPolicyNotAllowed));
        assert!(matches!(with("allowed_pull_policies = [\"sometimes\"]"), Err(PodError::PullPolicy(_))));
    }

    #[test]
    fn services_of_the_runner_bring_variables_and_names_are_taken_over() {
        // `common/config.go Service.ToImageDefinition`, `kubernetes.go prepareOptions`.
        let lines = r#"
            [runners.kubernetes]
            service_cpu_request_overwrite_max_allowed = "4"
            [[runners.kubernetes.services]]
            name = "$DB"
            alias = "db	$ALIAS"
            environment = ["KUBERNETES_SERVICE_CPU_REQUEST=3"]
            [[runners.kubernetes.services]]
            name = "$NONE"
            [[runners.kubernetes.services]]
            name = "redis"
            [[runners.kubernetes.services]]
            name = "redis"
            alias = "svc-0"
        "#;
        let pod = pod(lines, &[("DB", "postgres"), ("ALIAS", "x")]).expect("a pod");
        let services: Vec<_> = (pod.containers.iter().filter(|own| own.role == ContainerRole::Service))
            .map(|own| (own.name.as_str(), own.requests.cpu.map(Quantity::whole)))
            .collect();
        assert_eq!(services, [("db", Some(3)), ("svc-0", None)]);
    }

    #[test]
    fn a_flag_that_is_no_boolean_keeps_its_default() {
        let deadline = |value| {
            let flags = [("FF_USE_POD_ACTIVE_DEADLINE_SECONDS", value)];
            pod("[runners.kubernetes]", &flags).map(|pod| pod.active_deadline_s)
        };
        assert_eq!((deadline("maybe"), deadline("f")), (Ok(Some(1)), Ok(None)));
    }
}

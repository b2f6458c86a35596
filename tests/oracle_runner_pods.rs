//! Compares the Kubernetes executor with recordings of GitLab Runner 19.4: the pod of a job (`runner/pods.json`), the
//! wait for it (`runner/waits.json`) and what the loader makes of a `config.toml` (`runner/config.json`).

#![allow(clippy::print_stdout)] // how many cases agree is for whoever runs the test

mod support;

use std::collections::BTreeMap;

use fleetsim::gitlab::executor::{
    self, ContainerRole, JobService, KubernetesConfig, LoadErrorClass, Pod, PodError, PodJob, PodWait,
    Quantity, ResourceList, RunnerEntry, RunnerToml,
};
use fleetsim::units::SimDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Furthest a look may be from the recorded one.
const WAIT_TOLERANCE_MS: u64 = 50;

#[derive(Deserialize)]
struct PodCase {
    id: String,
    family: String,
    config_toml: String,
    variables: Option<Vec<(String, String)>>,
    services: Option<Vec<Service>>,
    job_image: Option<String>,
    job_timeout_s: u64,
    pod_ready_after_ms: Option<u64>,
    result: Value,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    alias: Option<String>,
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct ConfigCase {
    id: String,
    family: String,
    config_toml: String,
    loaded: bool,
    error_class: Option<String>,
    error_line: Option<usize>,
    fatal_at_start: Option<String>,
    config: Option<Value>,
}

fn cases<T: for<'de> Deserialize<'de>>(relative: &str) -> Vec<T> {
    serde_json::from_str(&support::read(relative)).expect("a recording is an array of cases")
}

/// Counts agreement per family, prints it, and fails with the differences.
#[derive(Default)]
struct Tally {
    families: BTreeMap<String, (usize, usize)>,
    differences: Vec<String>,
}

impl Tally {
    fn add(&mut self, id: &str, family: &str, mine: &Value, real: &Value) {
        let of = self.families.entry(family.to_owned()).or_default();
        of.1 += 1;
        if mine == real {
            of.0 += 1;
        } else {
            self.differences.push(format!("{id}:\n  here     {mine}\n  recorded {real}"));
        }
    }

    fn report(&self) {
        for (family, (agreed, all)) in &self.families {
            println!("{family:<20} {agreed:>3} of {all:>3}");
        }
        assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
    }
}

impl PodCase {
    fn runner(&self) -> RunnerEntry {
        let file = executor::load(&self.config_toml).expect("the file of a pod case loads");
        file.runners.into_iter().next().expect("it has one entry")
    }

    fn job(&self) -> PodJob {
        let service = |service: &Service| JobService {
            name: service.name.clone(),
            alias: service.alias.clone().unwrap_or_default(),
            variables: service.variables.clone().unwrap_or_default().into_iter().collect(),
        };
        PodJob {
            image: self.job_image.clone().unwrap_or_default(),
            timeout: SimDuration::from_secs(self.job_timeout_s),
            variables: self.variables.clone().unwrap_or_default(),
            services: self.services.iter().flatten().map(service).collect(),
        }
    }
}

fn amounts(list: &ResourceList) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put =
        |key: &str, amount: Option<i64>| amount.map(|amount| map.insert(key.to_owned(), amount.into()));
    put("cpu_milli", list.cpu.map(Quantity::milli));
    put("memory_bytes", list.memory.map(Quantity::whole));
    put("ephemeral_storage_bytes", list.ephemeral_storage.map(Quantity::whole));
    map
}

fn pod_json(pod: &Pod) -> Value {
    let container = |container: &executor::Container| {
        let role = match container.role {
            ContainerRole::Build => "build",
            ContainerRole::Helper => "helper",
            ContainerRole::Service => "service",
            ContainerRole::Init => "init",
        };
        let (requests, limits) = (amounts(&container.requests), amounts(&container.limits));
        json!({ "name": container.name, "role": role, "requests": requests, "limits": limits })
    };
    let toleration = |toleration: &executor::Toleration| {
        let mut map = Map::new();
        let operator = if toleration.value.is_some() { "Equal" } else { "Exists" };
        map.insert("operator".to_owned(), operator.into());
        let fields = [
            ("key", Some(&toleration.key)),
            ("value", toleration.value.as_ref()),
            ("effect", Some(&toleration.effect)),
        ];
        for (key, value) in fields {
            value
                .filter(|value| !value.is_empty())
                .map(|value| map.insert(key.to_owned(), value.as_str().into()));
        }
        Value::Object(map)
    };
    let mut containers: Vec<Value> = pod.containers.iter().map(container).collect();
    containers.sort_by_key(|container| container["name"].to_string());
    let mut tolerations: Vec<Value> = pod.tolerations.iter().map(toleration).collect();
    tolerations.sort_by_key(Value::to_string);
    let mut json = json!({
        "namespace": pod.namespace,
        "containers": containers,
        "pod_level_requests": amounts(&pod.requests),
        "pod_level_limits": amounts(&pod.limits),
        "scheduled_request": amounts(&pod.scheduled_request()),
        "api_server_rejects": pod.rejections(),
        "node_selector": pod.node_selector,
        "tolerations": tolerations,
        "annotations": pod.annotations,
        "priority_class_name": pod.priority_class_name,
        "scheduler_name": pod.scheduler_name,
        "runtime_class_name": pod.runtime_class_name,
        "termination_grace_period_s": pod.termination_grace_period_s,
        "active_deadline_s": pod.active_deadline_s,
        "restart_policy": "Never",
        "service_account": pod.service_account,
    });
    if !pod.required_node_affinity.is_empty() {
        let requirement = |of: &executor::RequirementTerm| json!({ "key": of.key, "operator": of.operator, "values": of.values });
        let term = |term: &Vec<executor::RequirementTerm>| json!({ "matchExpressions": term.iter().map(requirement).collect::<Vec<_>>() });
        let terms: Vec<Value> = pod.required_node_affinity.iter().map(term).collect();
        json["affinity"] = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } });
    }
    json
}

/// The recorded pod without the canonical spelling of its amounts, and with its lists sorted as ours.
fn recorded_pod(mut pod: Value) -> Value {
    let strip = |list: &mut Value| {
        list.as_object_mut().map(|amounts| amounts.remove("as_sent"));
    };
    strip(&mut pod["pod_level_requests"]);
    strip(&mut pod["pod_level_limits"]);
    for container in pod["containers"].as_array_mut().into_iter().flatten() {
        strip(&mut container["requests"]);
        strip(&mut container["limits"]);
    }
    if let Some(containers) = pod["containers"].as_array_mut() {
        containers.sort_by_key(|container| container["name"].to_string());
    }
    if let Some(tolerations) = pod["tolerations"].as_array_mut() {
        tolerations.sort_by_key(Value::to_string);
    }
    pod
}

fn pod_error_class(error: &PodError) -> &'static str {
    match error {
        PodError::OverwriteTooHigh { .. } => "overwrite_too_high",
        PodError::OverwritePattern { .. } => "overwrite_pattern",
        PodError::BadRegexp { .. } => "bad_regexp",
        PodError::BadQuantity { .. } => "bad_quantity",
        PodError::BadOverwriteQuantity { .. } => "bad_quantity_in_overwrite",
        PodError::NoImage => "no_image",
        PodError::PullPolicy(_) | PodError::PullPolicyNotAllowed => "pull_policy",
    }
}

fn poll_json(config: &KubernetesConfig) -> Value {
    let (interval, timeout) = PodWait::seconds(config);
    json!([interval, timeout, PodWait::new(config).attempts])
}

#[test]
fn oracle_runner_pods_are_composed_as_the_real_executor_does() {
    let mut tally = Tally::default();
    for case in cases::<PodCase>("runner/pods.json") {
        let runner = case.runner();
        let mine = match executor::compose(&runner, &case.job()) {
            Ok(pod) => {
                json!([pod_json(&pod), poll_json(runner.kubernetes.as_ref().expect("a kubernetes section"))])
            }
            // All of these are configuration errors, which the runner does not try again.
            Err(error) => json!([pod_error_class(&error), "runner_configuration_error", 1]),
        };
        let recorded = &case.result;
        let real = if recorded["outcome"] == "pod" {
            let poll =
                json!([recorded["poll_interval_s"], recorded["poll_timeout_s"], recorded["poll_attempts"]]);
            json!([recorded_pod(recorded["pod"].clone()), poll])
        } else {
            json!([recorded["error_class"], recorded["failure_reason"], recorded["preparations"]])
        };
        tally.add(&case.id, &case.family, &mine, &real);
    }
    tally.report();
}

#[test]
fn oracle_runner_waits_for_pods_as_long_as_the_real_executor_does() {
    let mut differences = Vec::new();
    let mut looks = 0;
    let all = cases::<PodCase>("runner/waits.json");
    for case in &all {
        let wait = PodWait::new(case.runner().kubernetes.as_ref().expect("a kubernetes section"));
        let recorded = &case.result["wait"];
        let polls: Vec<u64> =
            recorded["polls_ms"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let is_near = |mine: u64, real: u64| mine.abs_diff(real) <= WAIT_TOLERANCE_MS;
        let expected: Vec<u64> = (0..=wait.attempts).map(|look| wait.interval.as_ms() * look).collect();
        let agrees = if let Some(ready) = case.pod_ready_after_ms {
            let seen = wait.seen_after(SimDuration::from_ms(ready)).map(SimDuration::as_ms);
            seen == expected.iter().copied().find(|look| *look >= ready)
                && seen.is_some_and(|seen| polls.iter().any(|poll| is_near(seen, *poll)))
        } else {
            let ended = recorded["ended_ms"].as_u64().unwrap_or_default();
            polls.len() == expected.len()
                && polls.iter().zip(&expected).all(|(real, mine)| is_near(*mine, *real))
                && is_near(wait.fails_after().as_ms(), ended)
                && wait.seen_after(wait.fails_after()).is_none()
        };
        looks += polls.len();
        if !agrees {
            differences.push(format!("{} ({}): {polls:?}, expected {expected:?}", case.id, case.family));
        }
    }
    println!("{} of {} waits, {looks} looks", all.len() - differences.len(), all.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn kubernetes_json(config: &KubernetesConfig) -> Value {
    let (interval, timeout) = PodWait::seconds(config);
    let services: Vec<&str> = config.services.iter().map(|service| service.name.as_str()).collect();
    json!({
        "namespace": config.namespace,
        "image": config.image,
        "cpu_request": config.build.requests.cpu,
        "cpu_limit": config.build.limits.cpu,
        "memory_request": config.build.requests.memory,
        "memory_limit": config.build.limits.memory,
        "helper_cpu_request": config.helper.requests.cpu,
        "helper_memory_request": config.helper.requests.memory,
        "service_cpu_request": config.service.requests.cpu,
        "service_memory_request": config.service.requests.memory,
        "pod_cpu_request": config.pod.requests.cpu,
        "pod_memory_request": config.pod.requests.memory,
        "cpu_request_overwrite_max_allowed": config.build.requests_max.cpu,
        "memory_request_overwrite_max_allowed": config.build.requests_max.memory,
        "node_selector": config.node_selector,
        "node_tolerations": config.node_tolerations,
        "pod_annotations": config.pod_annotations,
        "node_selector_overwrite_allowed": config.node_selector_overwrite_allowed,
        "effective_poll_interval_s": interval,
        "effective_poll_timeout_s": timeout,
        "effective_poll_attempts": PodWait::new(config).attempts,
        "pull_policy": config.pull_policy,
        "priority_class_name": config.priority_class_name,
        "pod_termination_grace_period_seconds": config.pod_termination_grace_period_seconds,
        "pod_disruption_budget": config.pod_disruption_budget,
        "services": services,
        "autoscaler_max_pause_pods": config.max_pause_pods,
    })
}

fn config_json(file: &RunnerToml) -> Value {
    let runner = |runner: &RunnerEntry| {
        json!({
            "name": runner.name,
            "executor": runner.executor,
            "has_token": !runner.token.is_empty(),
            "limit": runner.limit,
            "effective_request_concurrency": runner.request_concurrency,
            "strict_check_interval": runner.strict_check_interval,
            "adaptive_request_concurrency": runner.is_adaptive(),
            "effective_unhealthy_requests_limit": runner.unhealthy_requests_limit,
            "effective_unhealthy_interval_ms": runner.unhealthy_interval.as_ms(),
            "environment": runner.environment,
            "feature_flags": runner.feature_flags,
            "kubernetes": runner.kubernetes.as_ref().map(kubernetes_json),
        })
    };
    json!({
        "concurrent": file.concurrent,
        "effective_check_interval_ms": file.check_interval.as_ms(),
        "effective_shutdown_timeout_ms": file.shutdown_timeout.as_ms(),
        "runners": file.runners.iter().map(runner).collect::<Vec<_>>(),
    })
}

#[test]
fn oracle_runner_config_files_load_as_in_the_real_loader() {
    let mut tally = Tally::default();
    let (mut lines, mut errors) = (0, 0);
    for case in cases::<ConfigCase>("runner/config.json") {
        let mine = match executor::load(&case.config_toml) {
            Ok(file) => {
                let fatal = file.is_fatal_at_start().then_some("concurrent_below_1");
                json!([true, fatal, config_json(&file)])
            }
            Err(error) => {
                errors += 1;
                lines += usize::from(case.error_line.unwrap_or(0) == error.line);
                let class = match error.class {
                    LoadErrorClass::WrongType => "wrong_type",
                    LoadErrorClass::DuplicateKey => "duplicate_key",
                    LoadErrorClass::Syntax => "syntax",
                    LoadErrorClass::OutOfRange => "out_of_range",
                    LoadErrorClass::BadDuration => "bad_duration",
                    LoadErrorClass::Section => "section",
                };
                json!([false, class])
            }
        };
        let real = if case.loaded {
            json!([true, case.fatal_at_start, case.config])
        } else {
            json!([false, case.error_class])
        };
        tally.add(&case.id, &case.family, &mine, &real);
    }
    println!("errors on the recorded line: {lines} of {errors}");
    tally.report();
}

//! Loads the text of a runner's `config.toml` with the semantics of the runner's own loader (GitLab Runner 19.4,
//! `common/config.go`; recorded in `config.json`).

use toml::de::DeTable;

use crate::gitlab::executor::kubernetes_config::{
    AutoscalerConfig, KubernetesConfig, PausePolicyConfig, PodSpecPatch, RequirementTerm, ServiceConfig,
};
use crate::gitlab::executor::resources::{ContainerResources, ResourceTexts};
use crate::gitlab::executor::runner_toml::{LoadError, LoadErrorClass, RunnerEntry, RunnerToml};
use crate::gitlab::executor::toml_fields::{Fields, check_numbers, line_of};
use crate::units::SimDuration;

/// Keys with texts that are of no use here, but must be texts.
const OTHER_TEXTS: [&str; 12] = [
    "url",
    "tls-ca-file",
    "tls-cert-file",
    "tls-key-file",
    "builds_dir",
    "cache_dir",
    "clone_url",
    "pre_get_sources_script",
    "post_get_sources_script",
    "pre_build_script",
    "post_build_script",
    "shell",
];
/// The same in `[runners.kubernetes]`.
const OTHER_KUBERNETES_TEXTS: [&str; 13] = [
    "host",
    "context",
    "cert_file",
    "key_file",
    "ca_file",
    "bearer_token",
    "helper_image",
    "helper_image_flavor",
    "suspend_pvc_size",
    "suspend_pvc_storage_class",
    "dns_policy",
    "logs_base_dir",
    "scripts_base_dir",
];

/// Loads `text`.
///
/// # Errors
/// Where the runner would not load the file.
pub fn load(text: &str) -> Result<RunnerToml, LoadError> {
    let document = DeTable::parse(text).map_err(|error| syntax_error(text, &error))?;
    check_numbers(text, document.get_ref())?;
    let fields = Fields::new(text, document.get_ref());
    let seconds = |key: &str, default: u64| {
        let value = fields.integer(key)?.filter(|value| *value > 0);
        // Go counts nanoseconds in 64 bits.
        let whole = value.map(|value| value.wrapping_mul(1_000_000_000).max(0) as u64 / 1_000_000);
        Ok(whole.map_or(SimDuration::from_secs(default), SimDuration::from_ms))
    };
    let file = RunnerToml {
        concurrent: fields.integer("concurrent")?.unwrap_or(1),
        check_interval: seconds("check_interval", 3)?,
        shutdown_timeout: seconds("shutdown_timeout", 30)?,
        runners: fields.tables("runners")?.iter().map(runner).collect::<Result<_, _>>()?,
    };
    for key in ["listen_address", "user", "log_level", "log_format", "sentry_dsn"] {
        fields.string(key)?;
    }
    fields.duration_ns("connection_max_age")?;
    for entry in fields.tables("runners")? {
        check_machine(&entry)?;
    }
    Ok(file)
}

fn syntax_error(text: &str, error: &toml::de::Error) -> LoadError {
    let message = error.message().to_owned();
    let class =
        if message.contains("duplicate key") { LoadErrorClass::DuplicateKey } else { LoadErrorClass::Syntax };
    LoadError { class, line: error.span().map_or(0, |span| line_of(text, span.start)), message }
}

fn runner(fields: &Fields<'_>) -> Result<RunnerEntry, LoadError> {
    for key in OTHER_TEXTS {
        fields.string(key)?;
    }
    for key in ["id", "output_limit", "job_status_final_update_retry_limit"] {
        fields.integer(key)?;
    }
    for key in [
        "debug_trace_disabled",
        "use_slot_cgroups",
        "proxy_exec",
        "safe_directory_checkout",
        "clean_git_config",
    ] {
        fields.boolean(key)?;
    }
    for key in ["prepare_timeout", "get_sources_timeout"] {
        fields.duration_ns(key)?;
    }
    let defaults = RunnerEntry::default();
    let limit = fields.integer("unhealthy_requests_limit")?.filter(|limit| *limit > 0);
    let interval = fields.duration_ns("unhealthy_interval")?;
    Ok(RunnerEntry {
        name: fields.string("name")?,
        executor: fields.string("executor")?,
        token: without_variables(&fields.string("token")?).trim().to_owned(),
        limit: fields.integer("limit")?.unwrap_or(0),
        request_concurrency: fields.integer("request_concurrency")?.unwrap_or(1).max(1),
        strict_check_interval: fields.boolean("strict_check_interval")?,
        unhealthy_requests_limit: limit.unwrap_or(defaults.unhealthy_requests_limit),
        unhealthy_interval: interval
            .map_or(defaults.unhealthy_interval, |ns| SimDuration::from_ms(ns.max(0) as u64 / 1_000_000)),
        environment: fields.strings("environment")?,
        feature_flags: fields.boolean_map("feature_flags")?,
        kubernetes: fields.table("kubernetes")?.as_ref().map(kubernetes).transpose()?,
    })
}

/// `text` with references to variables of the environment taken out: they are unset here.
fn without_variables(text: &str) -> String {
    crate::gitlab::executor::Variables::default().expand(text)
}

fn kubernetes(fields: &Fields<'_>) -> Result<KubernetesConfig, LoadError> {
    check_other_keys(fields)?;
    let service = |service: &Fields<'_>| {
        Ok(ServiceConfig {
            name: service.string("name")?,
            alias: service.string("alias")?,
            environment: service.strings("environment")?,
        })
    };
    let patch = |patch: &Fields<'_>| {
        Ok(PodSpecPatch { patch: patch.string("patch")?, patch_type: patch.string("patch_type")? })
    };
    let autoscaler = fields.table("autoscaler")?;
    Ok(KubernetesConfig {
        namespace: fields.string("namespace")?,
        namespace_overwrite_allowed: fields.string("namespace_overwrite_allowed")?,
        namespace_per_job: fields.boolean("namespace_per_job")?,
        image: fields.string("image")?,
        build: resources(fields, "")?,
        helper: resources(fields, "helper_")?,
        service: resources(fields, "service_")?,
        pod: resources(fields, "pod_")?,
        node_selector: fields.string_map("node_selector")?,
        node_selector_overwrite_allowed: fields.string("node_selector_overwrite_allowed")?,
        node_tolerations: fields.string_map("node_tolerations")?,
        node_tolerations_overwrite_allowed: fields.string("node_tolerations_overwrite_allowed")?,
        pod_annotations: fields.string_map("pod_annotations")?,
        pod_annotations_overwrite_allowed: fields.string("pod_annotations_overwrite_allowed")?,
        pod_labels: fields.string_map("pod_labels")?,
        pod_labels_overwrite_allowed: fields.string("pod_labels_overwrite_allowed")?,
        required_node_affinity: required_node_affinity(fields)?,
        service_account: fields.string("service_account")?,
        service_account_overwrite_allowed: fields.string("service_account_overwrite_allowed")?,
        priority_class_name: fields.string("priority_class_name")?,
        scheduler_name: fields.string("scheduler_name")?,
        runtime_class_name: fields.string("runtime_class_name")?,
        pod_termination_grace_period_seconds: fields.integer("pod_termination_grace_period_seconds")?,
        pod_disruption_budget: fields.boolean("pod_disruption_budget")?,
        poll_interval: fields.integer("poll_interval")?.unwrap_or(0),
        poll_timeout: fields.integer("poll_timeout")?.unwrap_or(0),
        pull_policy: fields.string_or_strings("pull_policy")?,
        allowed_pull_policies: fields.strings("allowed_pull_policies")?,
        services: fields.tables("services")?.iter().map(service).collect::<Result<_, _>>()?,
        pod_spec: fields.tables("pod_spec")?.iter().map(patch).collect::<Result<_, _>>()?,
        max_pause_pods: autoscaler
            .as_ref()
            .map(|autoscaler| autoscaler.integer("max_pause_pods"))
            .transpose()?
            .flatten(),
        autoscaler: autoscaler.as_ref().map(pause_pods).transpose()?,
    })
}

/// The types of keys of `[runners.kubernetes]` that are of no use here.
fn check_other_keys(fields: &Fields<'_>) -> Result<(), LoadError> {
    for key in OTHER_KUBERNETES_TEXTS {
        fields.string(key)?;
    }
    for key in [
        "privileged",
        "allow_privilege_escalation",
        "bearer_token_overwrite_allowed",
        "use_service_account_image_pull_secrets",
        "helper_image_autoset_arch_and_os",
        "automount_service_account_token",
        "print_pod_warning_events",
    ] {
        fields.boolean(key)?;
    }
    for key in ["cleanup_grace_period_seconds", "resource_availability_check_max_attempts", "retry_limit"] {
        fields.integer(key)?;
    }
    for key in [
        "allowed_images",
        "allowed_services",
        "allowed_users",
        "allowed_groups",
        "image_pull_secrets",
        "cap_add",
        "cap_drop",
    ] {
        fields.strings(key)?;
    }
    fields.duration_ns("cleanup_resources_timeout").map(drop)
}

fn pause_pods(autoscaler: &Fields<'_>) -> Result<AutoscalerConfig, LoadError> {
    autoscaler.string("pause_pod_image")?;
    let policy = |policy: &Fields<'_>| {
        Ok(PausePolicyConfig {
            periods: policy.strings("periods")?,
            timezone: policy.string("timezone")?,
            idle_count: policy.integer("idle_count")?.unwrap_or(0),
            idle_time_ns: policy.duration_ns("idle_time")?.unwrap_or(0),
            scale_factor: policy.number("scale_factor")?,
            scale_factor_limit: policy.integer("scale_factor_limit")?.unwrap_or(0),
        })
    };
    Ok(AutoscalerConfig {
        priority_class_name: autoscaler.string("pause_pod_priority_class_name")?,
        policies: autoscaler.tables("policy")?.iter().map(policy).collect::<Result<_, _>>()?,
    })
}

fn resources(fields: &Fields<'_>, prefix: &str) -> Result<ContainerResources, LoadError> {
    let texts = |what: &str, suffix: &str| {
        let text = |resource: &str| fields.string(&format!("{prefix}{resource}_{what}{suffix}"));
        // The pod as a whole has no key for ephemeral storage.
        let ephemeral_storage = if prefix == "pod_" { String::new() } else { text("ephemeral_storage")? };
        Ok(ResourceTexts { cpu: text("cpu")?, memory: text("memory")?, ephemeral_storage })
    };
    Ok(ContainerResources {
        requests: texts("request", "")?,
        limits: texts("limit", "")?,
        requests_max: texts("request", "_overwrite_max_allowed")?,
        limits_max: texts("limit", "_overwrite_max_allowed")?,
    })
}

fn required_node_affinity(fields: &Fields<'_>) -> Result<Vec<Vec<RequirementTerm>>, LoadError> {
    let Some(affinity) = fields.table("affinity")? else { return Ok(Vec::new()) };
    let Some(nodes) = affinity.table("node_affinity")? else { return Ok(Vec::new()) };
    let Some(required) = nodes.table("required_during_scheduling_ignored_during_execution")? else {
        return Ok(Vec::new());
    };
    let requirement = |fields: &Fields<'_>| {
        Ok(RequirementTerm {
            key: fields.string("key")?,
            operator: fields.string("operator")?,
            values: fields.strings("values")?,
        })
    };
    let term = |term: &Fields<'_>| term.tables("match_expressions")?.iter().map(requirement).collect();
    required.tables("node_selector_terms")?.iter().map(term).collect()
}

/// The check of docker machine's autoscaling periods: cron expressions of five to seven fields.
fn check_machine(entry: &Fields<'_>) -> Result<(), LoadError> {
    let Some(machine) = entry.table("machine")? else { return Ok(()) };
    for autoscaling in machine.tables("autoscaling")? {
        for period in autoscaling.strings("Periods")? {
            if period.split_whitespace().count() < 5 {
                let message = format!("`{period}` is no time period");
                return Err(LoadError { class: LoadErrorClass::Section, line: 0, message });
            }
        }
    }
    Ok(())
}

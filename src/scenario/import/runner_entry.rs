//! One `[[runners]]` entry of a runner configuration as a `[[runner]]` of a scenario.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::source::Span;
use super::config_text::{ConfigText, PLACEHOLDER, leaves_of, table, tables, value};
use super::fragment::{Block, line_of, map, one_line, quoted};
use super::pause_pods;
use super::pool_draft::Sourced;
use super::reading::{Findings, placeholder};
use crate::gitlab::executor::{ContainerResources, KubernetesConfig, Quantity, RunnerEntry};
use crate::units::{Mebibytes, Millicores};
use std::collections::BTreeMap;

/// What an entry uses; everything else is listed.
const USED: &[&str] = &[
    "name",
    "executor",
    "limit",
    "request_concurrency",
    "strict_check_interval",
    "kubernetes.cpu_request",
    "kubernetes.cpu_limit",
    "kubernetes.memory_request",
    "kubernetes.memory_limit",
    "kubernetes.helper_cpu_request",
    "kubernetes.helper_cpu_limit",
    "kubernetes.helper_memory_request",
    "kubernetes.helper_memory_limit",
    "kubernetes.service_cpu_request",
    "kubernetes.service_cpu_limit",
    "kubernetes.service_memory_request",
    "kubernetes.service_memory_limit",
    "kubernetes.pod_cpu_request",
    "kubernetes.pod_memory_request",
    "kubernetes.cpu_request_overwrite_max_allowed",
    "kubernetes.memory_request_overwrite_max_allowed",
    "kubernetes.poll_interval",
    "kubernetes.poll_timeout",
    "kubernetes.node_selector",
    "kubernetes.node_tolerations",
    "kubernetes.pod_annotations",
    "kubernetes.services",
    "kubernetes.autoscaler.max_pause_pods",
    "kubernetes.autoscaler.pause_pod_priority_class_name",
    "kubernetes.autoscaler.policy",
];

/// Keys of `[runners.kubernetes]` that were taken out of the runner long ago and give nothing.
const FORMER: &[&str] = &["cpus", "memory", "service_cpus", "service_memory", "helper_cpus", "helper_memory"];

/// Tables of `[runners.kubernetes]` (GitLab Runner 19.4, `common/config.go KubernetesConfig`); another one is a mistake.
const KNOWN_TABLES: &[&str] = &[
    "affinity",
    "autoscaler",
    "build_container_security_context",
    "container_lifecycle",
    "dns_config",
    "helper_container_security_context",
    "host_aliases",
    "init_permissions_container_security_context",
    "node_selector",
    "node_tolerations",
    "pod_annotations",
    "pod_labels",
    "pod_security_context",
    "pod_spec",
    "service_container_security_context",
    "services",
    "volumes",
];

/// An entry under way.
pub(super) struct Entry<'a> {
    /// As loaded.
    pub runner: &'a RunnerEntry,
    /// Its tree.
    pub tree: &'a Table,
    /// Its text.
    pub text: &'a ConfigText,
}

impl Entry<'_> {
    /// Adds everything the entry says to `block`; the manager's keys are there already.
    pub(super) fn add(&self, block: &mut Block, findings: &mut Findings) {
        let executor = self.runner.executor.as_str();
        if !matches!(executor, "" | "kubernetes" | PLACEHOLDER) {
            let span = self.span("executor");
            let text = format!("executor `{executor}` is not Kubernetes: its machines are not imported");
            findings.remark(&span, &text);
            block.about(text);
        }
        if self.runner.limit > 0 {
            block.taken("limit", self.runner.limit.to_string(), &self.span("limit"));
        }
        if self.runner.request_concurrency > 1 {
            let span = self.span("request_concurrency");
            block.taken("request_concurrency", self.runner.request_concurrency.to_string(), &span);
        }
        if self.runner.strict_check_interval {
            block.taken("strict_check_interval", "true", &self.span("strict_check_interval"));
        }
        let none = KubernetesConfig::default();
        let kubernetes = self.runner.kubernetes.as_ref().unwrap_or(&none);
        self.polls(kubernetes, block);
        self.requests(kubernetes, block, findings);
        self.maps(kubernetes, block, findings);
        pause_pods::add(kubernetes, |path| self.span(path), block, findings);
        self.special(block, findings);
        self.unused(block, findings);
    }

    /// The place of a key of the entry (`a.b` for one of a table below), or of the first line.
    fn span(&self, path: &str) -> Span {
        let mut at = self.tree;
        let mut found = None;
        for key in path.split('.') {
            found = value(at, key);
            match found.map(|item| &item.value) {
                Some(Value::Table(below)) => at = below,
                _ => break,
            }
        }
        found.map_or_else(|| self.text.line(1), |item| self.text.place(&item.span))
    }

    fn polls(&self, kubernetes: &KubernetesConfig, block: &mut Block) {
        for (key, seconds, default) in [
            ("poll_interval", kubernetes.poll_interval, "3s"),
            ("poll_timeout", kubernetes.poll_timeout, "180s"),
        ] {
            if seconds > 0 {
                let span = self.span(&format!("kubernetes.{key}"));
                block.taken(key, quoted(&format!("{seconds}s")), &span);
            } else {
                block.defaulted(key, quoted(default), "GitLab Runner");
            }
        }
    }

    fn requests(&self, kubernetes: &KubernetesConfig, block: &mut Block, findings: &mut Findings) {
        let services = kubernetes.services.iter().filter(|service| !service.name.is_empty()).count() as u32;
        let pod = &kubernetes.pod.requests;
        let whole_pod = !pod.cpu.is_empty() || !pod.memory.is_empty();
        if whole_pod {
            block.about("pod_* requests hold for the pod as a whole, in place of the sum of its containers");
        }
        for (prefix, container, copies) in [
            ("", &kubernetes.build, 1),
            ("helper_", &kubernetes.helper, 1),
            ("service_", &kubernetes.service, services),
        ] {
            for memory in [false, true] {
                let pod_text = if memory { &pod.memory } else { &pod.cpu };
                let key = format!("{prefix}{}_request", if memory { "memory" } else { "cpu" });
                if pod_text.is_empty() {
                    self.request(&key, container, memory, copies, block, findings);
                } else if prefix.is_empty() {
                    let of_pod = format!("pod_{key}");
                    let amount = self.quantity(&of_pod, pod_text, memory, findings).unwrap_or(0);
                    block.taken(&key, shown(amount, memory), &self.span(&format!("kubernetes.{of_pod}")));
                } else {
                    block.noted(&key, shown(0, memory), "the pod's own request holds");
                }
            }
        }
        for (key, text, memory) in [
            ("cpu_request_overwrite_max_allowed", &kubernetes.build.requests_max.cpu, false),
            ("memory_request_overwrite_max_allowed", &kubernetes.build.requests_max.memory, true),
        ] {
            if let Some(amount) = self.quantity(key, text, memory, findings) {
                block.taken(key, shown(amount, memory), &self.span(&format!("kubernetes.{key}")));
            }
        }
    }

    /// One request: what is asked for, else the limit (the API server's default), else nothing; `copies` times.
    fn request(
        &self,
        key: &str,
        container: &ContainerResources,
        memory: bool,
        copies: u32,
        block: &mut Block,
        findings: &mut Findings,
    ) {
        let pick = |texts: &crate::gitlab::executor::ResourceTexts| {
            if memory { texts.memory.clone() } else { texts.cpu.clone() }
        };
        let limit_key = key.replace("_request", "_limit");
        let (request, limit) = (pick(&container.requests), pick(&container.limits));
        let own = self.quantity(key, &request, memory, findings);
        let of_limit = self.quantity(&limit_key, &limit, memory, findings);
        let (amount, from, remark) = match (own, of_limit) {
            (Some(own), _) => (own, key, ""),
            (None, Some(limit)) => (limit, limit_key.as_str(), ", a limit without a request is the request"),
            (None, None) => {
                block.defaulted(key, shown(0, memory), "no request, so 0");
                return;
            }
        };
        let place = self.span(&format!("kubernetes.{from}"));
        let mut remark = format!("{}{remark}", line_of(&place));
        if key.starts_with("service_") {
            let each = shown(amount, memory);
            remark +=
                &format!(", {copies} configured services of {each}; each service of a job adds as much");
        }
        block.noted_at(key, shown(amount.saturating_mul(copies), memory), remark, Some(&place));
    }

    /// Millicores or mebibytes of a text, rounded up; nothing for an empty one.
    fn quantity(&self, key: &str, text: &str, memory: bool, findings: &mut Findings) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        let span = self.span(&format!("kubernetes.{key}"));
        if text.contains(PLACEHOLDER) || placeholder(text).is_some() {
            let original = placeholder(span.text()).unwrap_or(text).to_owned();
            findings.remark(&span, format!("`{original}` must be replaced: it decides `{key}`"));
            return None;
        }
        let amount = Quantity::parse(text).ok().filter(|quantity| !quantity.is_negative()).map(|quantity| {
            if memory { (quantity.whole() as u64).div_ceil(1 << 20) } else { quantity.milli().unsigned_abs() }
        });
        let small = amount.and_then(|amount| u32::try_from(amount).ok());
        if small.is_none() {
            findings.problems.push(
                Diagnostic::new(
                    Code::Quantity,
                    span,
                    format!("`{key}`: `{}` is not a Kubernetes quantity: every job fails", one_line(text)),
                    "expected a quantity such as \"500m\" or \"2Gi\"",
                )
                .help("memory is written \"512Mi\" or \"4Gi\", CPU \"500m\" or \"2\""),
            );
        }
        small
    }

    fn maps(&self, kubernetes: &KubernetesConfig, block: &mut Block, findings: &mut Findings) {
        let mut add = |key: &str, pairs: &Option<BTreeMap<String, String>>| {
            let Some(pairs) = pairs.as_ref().filter(|pairs| !pairs.is_empty()) else { return };
            let span = self.span(&format!("kubernetes.{key}"));
            for (name, text) in pairs {
                if text.contains(PLACEHOLDER) || (key != "pod_annotations" && placeholder(text).is_some()) {
                    findings.remark(&span, format!("the placeholder of `{key}` `{name}` must be replaced"));
                }
            }
            let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            block.taken(key, map(pairs), &span);
        };
        add("node_selector", &kubernetes.node_selector);
        add("node_tolerations", &kubernetes.node_tolerations);
        add("pod_annotations", &kubernetes.pod_annotations);
    }

    /// Things that people expect to matter and that do not, or not here.
    fn special(&self, block: &mut Block, findings: &mut Findings) {
        let Some(kubernetes) = table(self.tree, "kubernetes") else { return };
        for entry in &kubernetes.entries {
            let span = self.text.place(&entry.key_span);
            let key = entry.key.to_ascii_lowercase();
            let is_table = matches!(&entry.item.value, Value::Table(_))
                || matches!(&entry.item.value, Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))));
            if FORMER.contains(&key.as_str()) {
                findings.remark(
                    &span,
                    format!("the runner no longer knows `{key}`: it gives no request, use {key}'s *_request"),
                );
            } else if is_table && !KNOWN_TABLES.contains(&key.as_str()) {
                findings.remark(&span, format!("`[runners.kubernetes.{key}]` is not a runner key"));
            }
            if key == "helper_image"
                && let Value::Text(image) = &entry.item.value
                && image.contains("arm64")
            {
                findings.remark(
                    &span,
                    "helper image for arm64: pods must get arm64 nodes, by a selector or by the pools",
                );
            }
        }
        for volume in table(kubernetes, "volumes").map(|own| tables(own, "empty_dir")).unwrap_or_default() {
            let text = |key: &str| match value(volume, key).map(|item| &item.value) {
                Some(Value::Text(text)) => text.as_str(),
                _ => "",
            };
            if text("medium") == "Memory" {
                block.about(format!(
                    "in-memory volume `{}` counts as memory use of the pod, not as a request",
                    text("name")
                ));
            }
        }
        self.anti_affinity(kubernetes, findings);
    }

    fn anti_affinity(&self, kubernetes: &Table, findings: &mut Findings) {
        let Some(affinity) = table(kubernetes, "affinity") else { return };
        let Some(anti) = table(affinity, "pod_anti_affinity") else {
            findings.remark(
                &self.span("kubernetes.affinity"),
                "affinity of job pods is not taken over: write it as pod_affinity or preferred_node_affinity",
            );
            return;
        };
        for term in tables(anti, "preferred_during_scheduling_ignored_during_execution") {
            let weight = value(term, "weight").map(|item| item.span.text().to_owned()).unwrap_or_default();
            let inner = table(term, "pod_affinity_term");
            let topology = inner.and_then(|inner| value(inner, "topology_key"));
            let topology = topology.map(|item| item.span.text().to_owned()).unwrap_or_default();
            let selector = inner.and_then(|inner| table(inner, "label_selector"));
            let labels: Vec<String> = selector
                .map(|selector| tables(selector, "match_expressions"))
                .unwrap_or_default()
                .iter()
                .map(|own| {
                    let text =
                        |key: &str| value(own, key).map(|item| item.span.text().trim_matches('"').to_owned());
                    let parts = [text("key"), text("operator"), text("values")];
                    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
                })
                .collect();
            let place = self.span("kubernetes.affinity.pod_anti_affinity");
            findings.remark(
                &place,
                format!(
                    "preferred pod anti-affinity, weight {weight}, over {topology}, {}: job pods spread over \
                     nodes; not taken over: write it as pod_anti_affinity",
                    labels.join(", ")
                ),
            );
        }
    }

    /// Whether another key holds in place of this one: the request beside its limit, the pod's own before its containers'.
    fn is_overruled(&self, path: &str) -> bool {
        let Some(key) = path.strip_prefix("kubernetes.") else { return false };
        let has = |key: &str| table(self.tree, "kubernetes").is_some_and(|own| value(own, key).is_some());
        let resource = if key.contains("memory") { "memory" } else { "cpu" };
        let (is_limit, is_request) = (key.ends_with("_limit"), key.ends_with("_request"));
        let of_pod = (is_limit || is_request) && !key.starts_with("pod_");
        is_limit && has(&key.replace("_limit", "_request"))
            || of_pod && has(&format!("pod_{resource}_request"))
    }

    fn unused(&self, block: &mut Block, findings: &mut Findings) {
        let mut leaves = Vec::new();
        leaves_of(self.tree, "", &mut leaves);
        for (path, shown, span) in leaves {
            let is_used = USED.iter().any(|used| path == *used || path.starts_with(&format!("{used}.")));
            if is_used && !self.is_overruled(&path) {
                continue;
            }
            let place = self.text.place(&span);
            let secret = ["token", "secret", "password", "key"].iter().any(|word| path.contains(word));
            let value = if secret { "…".to_owned() } else { shown };
            block.about(format!("not modelled: {path} = {value} ({})", line_of(&place)));
            findings.unused.push((format!("runners.{path}"), place));
        }
    }
}

/// Millicores or mebibytes as a TOML quantity.
pub(super) fn shown(amount: u32, memory: bool) -> String {
    quoted(&if memory { Mebibytes(amount).to_string() } else { Millicores(amount).to_string() })
}

/// What the manager of an entry says, with origins.
#[derive(Clone, Debug, Default)]
pub(super) struct ManagerFacts {
    /// Comment lines.
    pub about: Vec<String>,
    /// Keys of `[[runner]]` with TOML values.
    pub keys: Vec<(&'static str, Sourced)>,
    /// Name of the runner where the entry has none.
    pub name: String,
}

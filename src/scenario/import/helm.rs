//! Values of the gitlab-runner Helm chart (defaults of chart 0.69.0), plain, below another key, or in a Flux HelmRelease.

use super::super::source::Span;
use super::config_text::ConfigText;
use super::fragment::{Block, line_of, list, quoted};
use super::pool_draft::{Origin, Sourced};
use super::reading::Findings;
use super::runner_config::of_chart;
use super::runner_entry::ManagerFacts;
use super::yaml::{Entry, Node, Yaml};
use std::fmt::Write;

const CHART: &str = "gitlab-runner chart 0.69.0";

/// Values and releases, as met.
#[derive(Debug, Default)]
pub(super) struct Charts {
    /// Plain values files, merged in the order given, as `helm -f a -f b` does.
    values: Option<Node>,
    /// Releases by name, merged as overlays.
    releases: Vec<(String, Node)>,
}

/// Whether a map looks like values of the chart.
pub(super) fn is_values(node: &Node) -> bool {
    let known = ["gitlabUrl", "runners", "concurrent", "checkInterval", "runnerToken"];
    let hits = known.iter().filter(|key| node.peek(key).is_some()).count();
    let config = node.peek("runners").is_some_and(|runners| !runners.entries().is_empty());
    hits >= 2 || (hits == 1 && (config || node.peek("gitlabUrl").is_some()))
}

/// The values themselves: at the top, or below the alias of the chart as a dependency.
fn values_of(node: &Node) -> Option<(&str, &Node)> {
    let below = node.entries().iter().find(|entry| is_values(&entry.node));
    if let Some(entry) = below {
        entry.used.set(true);
        return Some((entry.key.as_str(), &entry.node));
    }
    is_values(node).then_some(("", node))
}

/// Whether a document holds values of the chart somewhere.
pub(super) fn holds_values(node: &Node) -> bool {
    values_of(node).is_some()
}

/// `over` laid over `base`: maps are merged key by key, anything else is replaced.
pub(super) fn merged(base: Node, over: &Node) -> Node {
    let (Yaml::Map(mut entries), Yaml::Map(own)) = (base.value.clone(), &over.value) else {
        return over.clone();
    };
    for entry in own {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                let node = merged(known.node.clone(), &entry.node);
                *known = Entry { key_span: entry.key_span.clone(), node, ..entry.clone() };
            }
            None => entries.push(entry.clone()),
        }
    }
    Node { value: Yaml::Map(entries), ..base }
}

impl Charts {
    /// Adds a values file.
    pub(super) fn add_values(&mut self, values: &Node) {
        self.values = Some(match self.values.take() {
            Some(base) => merged(base, values),
            None => values.clone(),
        });
    }

    /// Adds a HelmRelease; one of the same name is overlaid. The one with a chart is the base.
    pub(super) fn add_release(&mut self, object: &Node) {
        let name = object.at("metadata.name").and_then(Node::text).unwrap_or_default().to_owned();
        let has_chart = object.peek("spec").is_some_and(|spec| spec.peek("chart").is_some());
        match self.releases.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                *known =
                    if has_chart { merged(object.clone(), known) } else { merged(known.clone(), object) };
            }
            None => self.releases.push((name, object.clone())),
        }
    }

    /// The runners of all of them.
    pub(super) fn blocks(self, findings: &mut Findings) -> Vec<Block> {
        let mut blocks = Vec::new();
        if let Some(values) = &self.values
            && let Some((below, own)) = values_of(values)
        {
            let about = if below.is_empty() { String::new() } else { format!(", below `{below}`") };
            let title = format!("Helm values of {}{about}", own.span.source.name);
            blocks.extend(runners(own, "gitlab-runner", title, findings));
            values.unused("", &mut findings.unused);
        }
        for (name, object) in &self.releases {
            blocks.extend(release(name, object, findings));
            object.unused("", &mut findings.unused);
        }
        blocks
    }
}

fn release(name: &str, object: &Node, findings: &mut Findings) -> Vec<Block> {
    for key in ["apiVersion", "kind"] {
        object.get(key);
    }
    let chart = object.at("spec.chart.spec.chart").and_then(Node::text);
    let version = object.at("spec.chart.spec.version").and_then(Node::text);
    if chart.is_none() {
        findings.remark(
            &object.span,
            format!("release `{name}` has no chart here: this is an overlay, give its base too"),
        );
    }
    if chart.is_some_and(|chart| !chart.contains("gitlab-runner")) {
        let shown = chart.unwrap_or_default();
        findings.remark(&object.span, format!("release `{name}` is of chart `{shown}`: not imported"));
        return Vec::new();
    }
    let title = format!(
        "HelmRelease `{name}` of {}: chart {} {}",
        object.span.source.name,
        chart.unwrap_or("not said"),
        version.map(|version| format!("\"{version}\"")).unwrap_or_default()
    );
    let Some(values) = object.at("spec.values") else {
        findings.remark(&object.span, format!("release `{name}` has no `spec.values`"));
        return Vec::new();
    };
    if values.peek("gitlabUrl").is_none() {
        findings.remark(
            &values.span,
            format!("release `{name}` has no gitlabUrl: are its values split over more files?"),
        );
    }
    runners(values, name, title, findings)
}

fn runners(values: &Node, name: &str, title: String, findings: &mut Findings) -> Vec<Block> {
    if !findings.is_map(values, "values") {
        return Vec::new();
    }
    let mut facts = ManagerFacts { about: vec![title], keys: Vec::new(), name: name.to_owned() };
    let number = |key: &str, low: i64, findings: &mut Findings| {
        let node = values.get(key)?;
        findings.integer(node, key, low, 1_000_000).map(|number| (number, node.span.clone()))
    };
    facts.keys.push((
        "concurrent",
        number("concurrent", 1, findings).map_or_else(
            || Sourced::defaulted("10", CHART),
            |(number, span)| Sourced::taken(number.to_string(), &span),
        ),
    ));
    let interval = number("checkInterval", 0, findings).filter(|(seconds, _)| *seconds > 0);
    facts.keys.push((
        "check_interval",
        interval.map_or_else(
            || Sourced::defaulted(quoted("3s"), "gitlab-runner chart 0.69.0; older charts said 30"),
            |(seconds, span)| Sourced::taken(quoted(&format!("{seconds}s")), &span),
        ),
    ));
    replicas(values, &mut facts, findings);
    registration(values, &mut facts, findings);
    manager_pod(values, &mut facts, findings);
    let config = values.at("runners.config");
    let legacy = legacy(values, findings);
    match config {
        Some(node) => {
            let Some(text) = findings.text(node, "runners.config") else { return Vec::new() };
            let above = key_span(values, node).unwrap_or_else(|| node.span.clone());
            let source = &node.span.source;
            let text = ConfigText::within(source, &above, text);
            if !legacy.is_empty() {
                findings.remark(&node.span, "legacy keys beside runners.config: the chart ignores them");
            }
            of_chart(&text, &facts, findings)
        }
        None => {
            facts.about.push("no runners.config: the chart's own, without requests".to_owned());
            let text = format!("[[runners]]\n[runners.kubernetes]\n{legacy}");
            let source = super::super::source::Source::new(&values.span.source.name, &text);
            of_chart(&ConfigText::whole(&source), &facts, findings)
        }
    }
}

/// Where the key of `runners.config` stands: the text begins on the next line.
fn key_span(values: &Node, config: &Node) -> Option<Span> {
    let runners = values.peek("runners")?;
    runners
        .entries()
        .iter()
        .find(|entry| entry.key == "config" && entry.node.span == config.span)
        .map(|entry| entry.key_span.clone())
}

fn replicas(values: &Node, facts: &mut ManagerFacts, findings: &mut Findings) {
    let own = values.get("replicas");
    let hpa = values.at("hpa.minReplicas");
    if let Some(hpa) = hpa {
        findings.remark(&hpa.span, "the number of managers follows load (hpa): its minimum is taken");
    }
    if let Some(node) = own.or(hpa)
        && let Some(count) = findings.integer(node, "replicas", 1, 1000)
    {
        facts.keys.push(("replicas", Sourced::taken(count.to_string(), &node.span)));
    }
}

/// `runners.tags` and the like: registration settings that hold with old tokens only.
fn registration(values: &Node, facts: &mut ManagerFacts, findings: &mut Findings) {
    let Some(runners) = values.get("runners") else { return };
    if let Some(name) = runners.get("name").and_then(Node::text) {
        name.clone_into(&mut facts.name);
    }
    match runners.get("tags") {
        Some(tags) => {
            let texts = findings.texts(tags, "runners.tags");
            let all: Vec<&str> = texts
                .iter()
                .flat_map(|text| text.split(','))
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .collect();
            facts.keys.push(("tags", Sourced::taken(list(all), &tags.span)));
        }
        None => facts.about.push("tags are not in the file: they live on the GitLab server".to_owned()),
    }
    let has_tags = facts.keys.iter().any(|(key, tags)| *key == "tags" && tags.text != "[]");
    match runners.get("runUntagged").and_then(|node| Some((node.flag()?, node))) {
        Some((flag, node)) => {
            facts.keys.push(("run_untagged", Sourced::taken(flag.to_string(), &node.span)));
        }
        None if has_tags => {
            let whom = "gitlab-runner register: a runner with tags takes no untagged jobs";
            facts.keys.push(("run_untagged", Sourced::defaulted("false", whom)));
        }
        None => {}
    }
    if let Some(node) = runners.get("protected")
        && node.flag() == Some(true)
    {
        facts.keys.push(("protected", Sourced::taken("true", &node.span)));
        findings.remark(
            &node.span,
            "a protected runner takes jobs of protected branches only: give pipelines a default_branch_share",
        );
    }
    if let Some(executor) = runners.get("executor").and_then(Node::text)
        && executor != "kubernetes"
    {
        findings.remark(&runners.span, format!("executor `{executor}` is not Kubernetes"));
    }
}

/// `resources`, `nodeSelector`, `tolerations` at the top are of the manager pod, not of jobs.
fn manager_pod(values: &Node, facts: &mut ManagerFacts, findings: &mut Findings) {
    let mut host = String::from("{ kind = \"pod\"");
    let mut from = None;
    for (key, memory) in [("cpu", false), ("memory", true)] {
        let request = values.at(&format!("resources.requests.{key}"));
        let node = request.or_else(|| values.at(&format!("resources.limits.{key}")));
        let Some(node) = node else { continue };
        let amount = if memory { findings.memory(node, key) } else { findings.cpu(node, key) };
        if let Some(amount) = amount {
            let _ = write!(host, ", {key} = {}", quoted(&amount));
            from.get_or_insert_with(|| node.span.clone());
        }
    }
    host.push_str(" }");
    let origin = from.map_or(Origin::Defaulted("resources of the manager pod"), |span| {
        Origin::Converted(span, "resources of the manager pod, not of jobs")
    });
    facts.keys.push(("host", Sourced { text: host, origin }));
    for key in ["nodeSelector", "tolerations", "affinity"] {
        if let Some(node) = values.peek(key)
            && (!node.entries().is_empty() || !node.items().is_empty())
        {
            facts
                .about
                .push(format!("{key} ({}) is of the manager pod, not of the jobs", line_of(&node.span)));
        }
    }
}

/// Keys of charts before 0.23 as the TOML that they became.
fn legacy(values: &Node, findings: &mut Findings) -> String {
    let mut text = String::new();
    let Some(runners) = values.get("runners") else { return text };
    for (section, prefix) in [("builds", ""), ("helpers", "helper_"), ("services", "service_")] {
        for (old, new) in [
            ("cpuRequests", "cpu_request"),
            ("memoryRequests", "memory_request"),
            ("cpuLimit", "cpu_limit"),
            ("memoryLimit", "memory_limit"),
        ] {
            if let Some(node) = runners.at(&format!("{section}.{old}"))
                && let Some(amount) = findings.text(node, old)
            {
                findings.remark(&node.span, format!("{section}.{old} is a key of charts before 0.23"));
                let _ = writeln!(text, "{prefix}{new} = {}", quoted(amount));
            }
        }
    }
    if let Some(node) = runners.get("pollTimeout")
        && let Some(seconds) = findings.integer(node, "pollTimeout", 0, 1_000_000)
    {
        let _ = writeln!(text, "poll_timeout = {seconds}");
    }
    if let Some(node) = runners.get("nodeSelector") {
        node.use_all();
        let pairs: Vec<(&str, &str)> = node
            .entries()
            .iter()
            .filter_map(|entry| Some((entry.key.as_str(), entry.node.text()?)))
            .collect();
        if !pairs.is_empty() {
            let _ = writeln!(text, "node_selector = {}", super::fragment::map(pairs));
        }
    }
    text
}

//! Karpenter NodePools, v1 and v1beta1 (`karpenter.sh`, `pkg/apis`), and what all versions share: requirements, taints,
//! labels, limits.

use super::fragment::quoted;
use super::pool_draft::{BudgetDraft, Origin, PoolDraft, Requirement, Sourced, TaintDraft};
use super::reading::{Findings, placeholder};
use super::yaml::Node;

const V1: &str = "Karpenter v1";
const V1BETA1: &str = "Karpenter v1beta1";

/// A NodePool of `karpenter.sh/v1` or `/v1beta1`.
pub(super) fn read(object: &Node, beta: bool, findings: &mut Findings) -> Option<PoolDraft> {
    let version = if beta { "v1beta1" } else { "v1" };
    let name = object_name(object, findings)?;
    let Some(spec) = object.get("spec") else {
        findings.grammar(object, format!("NodePool `{name}` has no `spec`"), "a `spec`", "");
        return None;
    };
    let template = spec.get("template");
    let node = template.and_then(|template| template.get("spec"));
    let mut draft = PoolDraft {
        name,
        kind: format!("NodePool (karpenter.sh/{version})"),
        span: object.span.clone(),
        disabled: None,
        weight: weight(spec, findings),
        requirements: node.map(|node| requirements(node, findings)).unwrap_or_default(),
        labels: Vec::new(),
        labels_span: None,
        taints: node.map(|node| taints(node, findings)).unwrap_or_default(),
        limits: spec.get("limits").map(|limits| self::limits(limits, findings)).unwrap_or_default(),
        policy: Sourced::defaulted("WhenEmptyOrUnderutilized", if beta { V1BETA1 } else { V1 }),
        consolidate_after: Sourced::defaulted("0s", if beta { V1BETA1 } else { V1 }),
        budgets: Vec::new(),
        expire_after: Sourced::defaulted("720h", if beta { V1BETA1 } else { V1 }),
        node_class: String::new(),
        not_modelled: Vec::new(),
        replicas: None,
        termination_grace_period: None,
    };
    if let Some(labels) = template.and_then(|template| template.at("metadata.labels")) {
        self::labels(&mut draft, labels, findings);
    }
    if let Some(node) = node {
        node_class_ref(&mut draft, node, beta, findings);
        not_modelled(&mut draft, node, findings);
    }
    disruption(&mut draft, spec, node, beta, findings);
    static_pool(&mut draft, spec, findings);
    after_reading(&mut draft, findings);
    Some(draft)
}

/// `metadata.name`.
pub(super) fn object_name(object: &Node, findings: &mut Findings) -> Option<String> {
    let name = object.at("metadata.name").and_then(Node::text);
    if name.is_none() {
        findings.grammar(object, "this object has no `metadata.name`".to_owned(), "`metadata.name`", "");
    }
    name.map(str::to_owned)
}

/// `spec.weight`.
pub(super) fn weight(spec: &Node, findings: &mut Findings) -> Option<Sourced> {
    let node = spec.get("weight")?;
    findings.integer(node, "weight", 0, 100).map(|weight| Sourced::taken(weight.to_string(), &node.span))
}

/// `requirements` below `node`.
pub(super) fn requirements(node: &Node, findings: &mut Findings) -> Vec<Requirement> {
    let Some(all) = node.get("requirements") else { return Vec::new() };
    let items = findings.items(all, "requirements");
    items.iter().filter_map(|item| requirement(item, findings)).collect()
}

fn requirement(item: &Node, findings: &mut Findings) -> Option<Requirement> {
    if !findings.is_map(item, "requirements") {
        return None;
    }
    let (Some(key), Some(operator)) = (item.get("key"), item.get("operator")) else {
        findings.grammar(
            item,
            "this requirement lacks `key` or `operator`".to_owned(),
            "`key`, `operator` and `values`",
            "",
        );
        return None;
    };
    let key = findings.text(key, "key")?.to_owned();
    let word = findings.text(operator, "operator")?;
    let known = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"];
    if !known.contains(&word) {
        findings.grammar(operator, format!("`{word}` is not an operator"), &known.join(", "), "");
        return None;
    }
    let mut values: Vec<String> = Vec::new();
    let listed = item.get("values");
    let nodes = listed.map(|node| findings.items(node, "values")).unwrap_or_default();
    for node in nodes {
        let Some(value) = findings.text(node, "values") else { continue };
        if let Some(name) = placeholder(value) {
            let text = format!("`{name}` must be replaced: it decides `{key}`; this value is left out");
            findings.remark(&node.span, text);
        } else {
            values.push(value.to_owned());
        }
    }
    if values.is_empty() && listed.is_some_and(|node| !node.items().is_empty()) {
        return None;
    }
    let needs_number = matches!(word, "Gt" | "Lt" | "Gte" | "Lte");
    if needs_number && (values.len() != 1 || values[0].parse::<u32>().is_err())
        || matches!(word, "In" | "NotIn") && values.is_empty()
    {
        let expected = if needs_number { "one whole number" } else { "at least one value" };
        findings.grammar(item, format!("operator {word} of `{key}` has no usable values"), expected, "");
        return None;
    }
    let least = item.get("minValues").and_then(|node| findings.integer(node, "minValues", 1, 50));
    Some(Requirement {
        key,
        operator: word.to_owned(),
        values,
        min_values: least,
        origin: Origin::Taken(item.span.clone()),
    })
}

/// `taints` below `node`.
pub(super) fn taints(node: &Node, findings: &mut Findings) -> Vec<TaintDraft> {
    let Some(all) = node.get("taints") else { return Vec::new() };
    let mut drafts = Vec::new();
    for item in findings.items(all, "taints") {
        let text = |key: &str| item.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let draft = TaintDraft {
            key: text("key"),
            value: text("value"),
            effect: text("effect"),
            span: item.span.clone(),
        };
        if draft.key.is_empty()
            || !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&draft.effect.as_str())
        {
            findings.grammar(
                item,
                "this taint lacks a key or a known effect".to_owned(),
                "`key` and `effect`: NoSchedule, PreferNoSchedule or NoExecute",
                "",
            );
        } else {
            drafts.push(draft);
        }
    }
    drafts
}

/// The labels of the nodes.
pub(super) fn labels(draft: &mut PoolDraft, labels: &Node, findings: &mut Findings) {
    if !findings.is_map(labels, "labels") {
        return;
    }
    labels.use_all();
    let pairs = labels.entries().iter();
    draft.labels = pairs
        .filter_map(|entry| Some((entry.key.clone(), findings.text(&entry.node, "labels")?.to_owned())))
        .collect();
    draft.labels_span = Some(labels.span.clone());
}

/// `limits`: CPU, memory and nodes; anything else is not modelled.
pub(super) fn limits(limits: &Node, findings: &mut Findings) -> Vec<(&'static str, Sourced)> {
    let mut all = Vec::new();
    if !findings.is_map(limits, "limits") {
        return all;
    }
    for entry in limits.entries() {
        let node = &entry.node;
        let value = match entry.key.as_str() {
            "cpu" => findings.cpu(node, "limits.cpu").map(|cpu| ("cpu", quoted(&cpu))),
            "memory" => findings.memory(node, "limits.memory").map(|memory| ("memory", quoted(&memory))),
            "nodes" => {
                findings.integer(node, "limits.nodes", 0, 1_000_000).map(|nodes| ("nodes", nodes.to_string()))
            }
            other => {
                findings.remark(&entry.key_span, format!("a limit on `{other}` is not modelled"));
                continue;
            }
        };
        entry.used.set(true);
        if let Some((key, value)) = value {
            if key != "nodes" && matches!(value.as_str(), "\"0\"" | "\"0Mi\"") {
                findings.remark(&node.span, format!("limit {key} 0: the pool never makes a node"));
            }
            all.push((key, Sourced::taken(value, &node.span)));
        }
    }
    all
}

fn node_class_ref(draft: &mut PoolDraft, node: &Node, beta: bool, findings: &mut Findings) {
    let Some(reference) = node.get("nodeClassRef") else { return };
    let name = reference.get("name").and_then(Node::text).unwrap_or("default");
    name.clone_into(&mut draft.node_class);
    for key in ["group", "kind"] {
        reference.get(key);
    }
    if let Some(old) = reference.get("apiVersion")
        && !beta
    {
        findings.remark(
            &old.span,
            "nodeClassRef has `apiVersion` where karpenter.sh/v1 wants `group`: the API refuses it",
        );
    }
}

fn not_modelled(draft: &mut PoolDraft, node: &Node, findings: &mut Findings) {
    if let Some(period) = node.get("terminationGracePeriod")
        && let Some(text) = findings.duration(period, "terminationGracePeriod")
    {
        draft.termination_grace_period = Some(Sourced::taken(text, &period.span));
    }
    for key in ["startupTaints", "kubelet"] {
        if let Some(value) = node.peek(key) {
            let shown = value.text().map(|text| format!(" {text}")).unwrap_or_default();
            let (line, _) = value.span.line_and_column();
            draft.not_modelled.push(format!("{key}{shown} (line {line})"));
            findings.remark(&value.span, format!("`{key}`{shown} is not modelled"));
        }
    }
}

fn disruption(draft: &mut PoolDraft, spec: &Node, node: Option<&Node>, beta: bool, findings: &mut Findings) {
    let own = spec.get("disruption").filter(|own| findings.is_map(own, "disruption"));
    if let Some(policy) = own.and_then(|own| own.get("consolidationPolicy")) {
        match findings.text(policy, "consolidationPolicy") {
            Some("WhenUnderutilized") => {
                draft.policy = Sourced {
                    text: "WhenEmptyOrUnderutilized".to_owned(),
                    origin: Origin::Converted(policy.span.clone(), "WhenUnderutilized of v1beta1"),
                };
                if !beta {
                    let text = "WhenUnderutilized is v1beta1: karpenter.sh/v1 refuses it; read as \
                                WhenEmptyOrUnderutilized";
                    findings.remark(&policy.span, text);
                }
            }
            Some(word @ ("WhenEmpty" | "WhenEmptyOrUnderutilized" | "Balanced")) => {
                draft.policy = Sourced::taken(word, &policy.span);
            }
            Some(word) => findings.grammar(
                policy,
                format!("`{word}` is not a consolidation policy"),
                "WhenEmpty or WhenEmptyOrUnderutilized",
                "",
            ),
            None => {}
        }
    }
    if let Some(after) = own.and_then(|own| own.get("consolidateAfter"))
        && let Some(text) = findings.duration(after, "consolidateAfter")
    {
        draft.consolidate_after = Sourced::taken(text, &after.span);
    }
    let expire = if beta { own } else { node }.and_then(|place| place.get("expireAfter"));
    let misplaced = if beta { node } else { own }.and_then(|place| place.get("expireAfter"));
    if let Some(expire) = expire.or(misplaced) {
        if misplaced.is_some() {
            findings.remark(&expire.span, "`expireAfter` stands where the other API version has it");
        }
        if let Some(text) = findings.duration(expire, "expireAfter") {
            draft.expire_after = Sourced::taken(text, &expire.span);
        }
    }
    let budgets = own.and_then(|own| own.get("budgets"));
    draft.budgets = budgets.map_or_else(
        || {
            vec![BudgetDraft {
                nodes: "10%".to_owned(),
                window: None,
                reasons: Vec::new(),
                origin: Origin::Defaulted(if beta { V1BETA1 } else { V1 }),
            }]
        },
        |all| findings.items(all, "budgets").iter().filter_map(|item| budget(item, findings)).collect(),
    );
}

fn budget(item: &Node, findings: &mut Findings) -> Option<BudgetDraft> {
    let Some(nodes) = item.get("nodes") else {
        findings.grammar(item, "a budget without `nodes`".to_owned(), "`nodes`: \"5\" or \"10%\"", "");
        return None;
    };
    let text = findings.text(nodes, "nodes")?;
    if text.strip_suffix('%').unwrap_or(text).parse::<u32>().is_err() {
        findings.grammar(nodes, format!("`{text}` is not the size of a budget"), "\"5\" or \"10%\"", "");
        return None;
    }
    let schedule = item.get("schedule").and_then(|node| findings.text(node, "schedule"));
    let duration = item.get("duration").and_then(|node| findings.duration(node, "duration"));
    if let Some(cron) = schedule
        && let Err(error) = cron.parse::<crate::karpenter::disruption::Cron>()
    {
        findings.grammar(item, error.to_string(), "five cron fields in UTC", "");
        return None;
    }
    if schedule.is_some() != duration.is_some() {
        let message = "a budget needs `schedule` and `duration` together".to_owned();
        findings.grammar(item, message, "both or none", "");
        return None;
    }
    let mut reasons = Vec::new();
    for reason in item.get("reasons").map(|node| findings.texts(node, "reasons")).unwrap_or_default() {
        if ["Empty", "Underutilized", "Drifted"].contains(&reason) {
            reasons.push(reason.to_owned());
        } else {
            findings.remark(&item.span, format!("`{reason}` is not a reason of disruption; left out"));
        }
    }
    let window =
        schedule.zip(duration).map(|(schedule, duration)| (schedule.to_owned(), duration.to_owned()));
    Some(BudgetDraft { nodes: text.to_owned(), window, reasons, origin: Origin::Taken(item.span.clone()) })
}

fn static_pool(draft: &mut PoolDraft, spec: &Node, findings: &mut Findings) {
    let Some(replicas) = spec.get("replicas") else { return };
    let Some(count) = findings.integer(replicas, "replicas", 0, 1_000_000) else { return };
    draft.replicas = Some(Sourced::taken(count.to_string(), &replicas.span));
}

/// What is the same for all versions once everything is read: values the catalogue or the scenario does not know.
pub(super) fn after_reading(draft: &mut PoolDraft, findings: &mut Findings) {
    let name = draft.name.clone();
    draft.requirements.retain_mut(|own| {
        let span = match &own.origin {
            Origin::Taken(span) | Origin::Converted(span, _) => span.clone(),
            Origin::Defaulted(_) => draft.span.clone(),
        };
        let aws = own.key.starts_with("karpenter.k8s.aws/") || own.key.starts_with("karpenter.sh/");
        if aws && !super::super::plan::KNOWN_LABELS.contains(&own.key.as_str()) {
            findings.remark(&span, format!("instances have no label `{}` here: left out", own.key));
            draft.not_modelled.push(format!("requirement on {}", own.key));
            return false;
        }
        if own.key == "karpenter.sh/capacity-type" && own.values.iter().any(|value| value == "reserved") {
            let text = "reserved capacity is taken before on-demand, but its size is not in the file: \
                        not modelled";
            findings.remark(&span, text);
            draft.not_modelled.push("capacity type reserved: its size is not in the file".to_owned());
            own.values.retain(|value| value != "reserved");
            if own.values.is_empty() {
                draft.disabled = Some("only reserved capacity: not modelled".to_owned());
                return false;
            }
        }
        if own.key == "kubernetes.io/os" && own.values.iter().any(|value| value == "windows") {
            findings.remark(&span, format!("windows nodes of `{name}` are not modelled: switched off"));
            draft.disabled = Some("windows: not modelled".to_owned());
        }
        if own.operator == "Exists" && !own.key.contains("k8s.aws/") && !own.key.contains("kubernetes.io/") {
            let text = format!("pods must choose a value of `{}`, others get an arbitrary one", own.key);
            findings.remark(&span, text);
        }
        true
    });
}

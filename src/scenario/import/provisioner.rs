//! Karpenter's historical Provisioner, `karpenter.sh/v1alpha5` (until v0.32), read by the rules of its own version.

use super::node_pool::{after_reading, labels, limits, object_name, requirements, taints, weight};
use super::pool_draft::{BudgetDraft, Origin, PoolDraft, Requirement, Sourced};
use super::reading::Findings;
use super::yaml::Node;

const V1ALPHA5: &str = "Karpenter v1alpha5";

/// A Provisioner.
pub(super) fn read(object: &Node, findings: &mut Findings) -> Option<PoolDraft> {
    let name = object_name(object, findings)?;
    let Some(spec) = object.get("spec") else {
        findings.grammar(object, format!("Provisioner `{name}` has no `spec`"), "a `spec`", "");
        return None;
    };
    let mut draft = PoolDraft {
        name,
        kind: "Provisioner (karpenter.sh/v1alpha5)".to_owned(),
        span: object.span.clone(),
        disabled: None,
        weight: weight(spec, findings),
        requirements: requirements(spec, findings),
        labels: Vec::new(),
        labels_span: None,
        taints: taints(spec, findings),
        limits: Vec::new(),
        policy: Sourced::defaulted("WhenEmpty", V1ALPHA5),
        consolidate_after: Sourced::defaulted("Never", V1ALPHA5),
        // Budgets came with v1beta1.
        budgets: vec![BudgetDraft {
            nodes: "100%".to_owned(),
            window: None,
            reasons: Vec::new(),
            origin: Origin::Defaulted("Karpenter v1alpha5 had no budgets"),
        }],
        expire_after: Sourced::defaulted("Never", V1ALPHA5),
        node_class: spec.at("providerRef.name").and_then(Node::text).unwrap_or_default().to_owned(),
        not_modelled: Vec::new(),
        replicas: None,
        termination_grace_period: None,
    };
    if let Some(all) = spec.get("limits")
        && findings.is_map(all, "limits")
    {
        draft.limits = all.get("resources").map(|own| limits(own, findings)).unwrap_or_default();
    }
    if let Some(own) = spec.get("labels") {
        labels(&mut draft, own, findings);
    }
    ttls(&mut draft, spec, findings);
    defaults(&mut draft);
    after_reading(&mut draft, findings);
    Some(draft)
}

fn ttls(draft: &mut PoolDraft, spec: &Node, findings: &mut Findings) {
    if let Some(node) = spec.get("ttlSecondsAfterEmpty")
        && let Some(seconds) = findings.integer(node, "ttlSecondsAfterEmpty", 0, 1_000_000)
    {
        let origin = Origin::Converted(node.span.clone(), "ttlSecondsAfterEmpty");
        draft.policy = Sourced { text: "WhenEmpty".to_owned(), origin: origin.clone() };
        draft.consolidate_after = Sourced { text: seconds_text(seconds), origin };
    }
    if let Some(node) = spec.at("consolidation.enabled")
        && node.flag() == Some(true)
    {
        let origin = Origin::Converted(node.span.clone(), "consolidation.enabled");
        draft.policy = Sourced { text: "WhenEmptyOrUnderutilized".to_owned(), origin: origin.clone() };
        draft.consolidate_after = Sourced { text: "0s".to_owned(), origin };
    }
    if let Some(node) = spec.get("ttlSecondsUntilExpired")
        && let Some(seconds) = findings.integer(node, "ttlSecondsUntilExpired", 0, 1_000_000_000)
    {
        let origin = Origin::Converted(node.span.clone(), "ttlSecondsUntilExpired");
        draft.expire_after = Sourced { text: seconds_text(seconds), origin };
    }
    for key in ["startupTaints", "kubeletConfiguration", "provider"] {
        if let Some(value) = spec.peek(key) {
            let (line, _) = value.span.line_and_column();
            draft.not_modelled.push(format!("{key} (line {line})"));
            findings.remark(&value.span, format!("`{key}` is not modelled"));
        }
    }
}

fn seconds_text(seconds: i64) -> String {
    if seconds >= 3600 && seconds % 3600 == 0 {
        format!("{}h", seconds / 3600)
    } else {
        format!("{seconds}s")
    }
}

/// What the webhook of the AWS provider added (karpenter v0.31, `pkg/apis/v1alpha5/provisioner.go`).
fn defaults(draft: &mut PoolDraft) {
    let has = |key: &str| draft.requirements.iter().any(|own| own.key == key);
    let mut added = Vec::new();
    for (key, value) in [
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("karpenter.sh/capacity-type", "on-demand"),
    ] {
        if !has(key) {
            added.push(Requirement::defaulted(key, "In", &[value], V1ALPHA5));
        }
    }
    let (category, generation) =
        ("karpenter.k8s.aws/instance-category", "karpenter.k8s.aws/instance-generation");
    let chooses = ["node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family"];
    if !has(category) && !has(generation) && !chooses.iter().any(|key| has(key)) {
        added.push(Requirement::defaulted(category, "In", &["c", "m", "r"], V1ALPHA5));
        added.push(Requirement::defaulted(generation, "Gt", &["2"], V1ALPHA5));
    }
    draft.requirements.extend(added);
}

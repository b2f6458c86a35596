//! `[runners.kubernetes.autoscaler]` of a runner entry as `autoscaler` of a `[[runner]]`.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::fragment::{Block, list, quoted};
use super::reading::Findings;
use crate::gitlab::executor::{KubernetesConfig, PausePolicyConfig};

/// The PriorityClass that the runner makes itself.
const OWN_CLASS: &str = "gitlab-runner-idle-capacity";

/// Adds what `kubernetes` says of pause pods to `block`; `span` finds the place of a key of the entry.
pub(super) fn add(
    kubernetes: &KubernetesConfig,
    span: impl Fn(&str) -> Span,
    block: &mut Block,
    findings: &mut Findings,
) {
    let Some(autoscaler) = &kubernetes.autoscaler else { return };
    let place = |key: &str| span(&format!("kubernetes.autoscaler.{key}"));
    if autoscaler.policies.is_empty() {
        findings.remark(&place("max_pause_pods"), "an autoscaler without a policy keeps no pause pods");
        return;
    }
    if let Some(most) = kubernetes.max_pause_pods.filter(|most| *most > 0) {
        let most = count(most, "max_pause_pods", &place("max_pause_pods"), findings);
        block.taken("autoscaler.max_pause_pods", most.to_string(), &place("max_pause_pods"));
    }
    let class = autoscaler.priority_class_name.as_str();
    if !matches!(class, "" | OWN_CLASS) {
        let at = place("pause_pod_priority_class_name");
        findings.remark(
            &at,
            format!("the value of the PriorityClass `{class}` is not in this file: pause pods have -1, change `pause_pod_priority` if it is another"),
        );
        block.noted_at("autoscaler.pause_pod_priority", "-1", format!("PriorityClass {class}"), Some(&at));
    }
    if kubernetes.build.requests.cpu.is_empty() && kubernetes.build.requests.memory.is_empty() {
        findings.remark(
            &place("policy"),
            "pause pods request what `cpu_request` and `memory_request` say, which is nothing: they hold no room",
        );
    }
    let at = place("policy");
    block.raw("autoscaler.policy = [", "");
    for policy in &autoscaler.policies {
        block.raw_at(element(policy, &at, findings), super::fragment::line_of(&at), Some(&at));
    }
    block.raw("]", "");
}

fn element(policy: &PausePolicyConfig, at: &Span, findings: &mut Findings) -> String {
    let mut parts = Vec::new();
    if !policy.periods.is_empty() {
        parts.push(format!("periods = {}", list(policy.periods.iter().map(String::as_str))));
    }
    if !policy.timezone.is_empty() {
        parts.push(format!("timezone = {}", quoted(&policy.timezone)));
    } else if !policy.periods.is_empty() {
        findings.remark(at, "`periods` without `timezone` are of the manager's own clock: UTC is assumed");
    }
    parts.push(format!("idle_count = {}", count(policy.idle_count, "idle_count", at, findings)));
    // Shorter spans than a millisecond are of no use to a look every ten seconds.
    if policy.idle_time_ns > 0 {
        parts.push(format!("idle_time = \"{}ms\"", policy.idle_time_ns / 1_000_000));
    }
    let factor = policy.scale_factor;
    if !(0.0..=1000.0).contains(&factor) {
        refuse(&format!("`scale_factor` is `{factor}`"), at, "expected a number from 0 to 1000", findings);
    } else if factor > 0.0 {
        parts.push(format!("scale_factor = {factor:?}"));
    }
    if policy.scale_factor_limit > 0 {
        let limit = count(policy.scale_factor_limit, "scale_factor_limit", at, findings);
        parts.push(format!("scale_factor_limit = {limit}"));
    }
    format!("  {{ {} }},", parts.join(", "))
}

fn count(number: i64, key: &str, at: &Span, findings: &mut Findings) -> u32 {
    if !(0..=1_000_000).contains(&number) {
        refuse(&format!("`{key}` is `{number}`"), at, "expected a whole number from 0 to 1000000", findings);
        return 0;
    }
    number as u32
}

fn refuse(message: &str, at: &Span, expected: &str, findings: &mut Findings) {
    let problem = Diagnostic::new(Code::Range, at.clone(), message.to_owned(), expected.to_owned());
    findings.problems.push(problem.help("pause pods are counted"));
}

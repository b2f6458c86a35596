//! Constraints of pod specifications: spread, affinity to pods and nodes, host ports.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::job::line_of;
use super::karpenter::requirement;
use crate::karpenter::pods::{PodAffinityTerm, PreferredTerm, SpreadConstraint};
use crate::simulation::Placement;

/// Short topology keys and the label they stand for.
const SHORT: [(&str, &str); 2] =
    [("zone", "topology.kubernetes.io/zone"), ("hostname", "kubernetes.io/hostname")];

/// What a job or a runner says of the place of its pods.
pub(super) fn placement(table: &Table, problems: &mut Problems) -> Placement {
    Placement {
        labels: labels(table, "pod_labels"),
        spread: spread(table, problems),
        affinity: terms(table, "pod_affinity"),
        anti_affinity: terms(table, "pod_anti_affinity"),
        preferred_nodes: preferred_nodes(table, problems),
        host_ports: host_ports(table, problems),
    }
}

fn labels(table: &Table, key: &str) -> Vec<(String, String)> {
    let mut all: Vec<_> = table.map(key).map(|(key, value, _)| (key.to_owned(), value.to_owned())).collect();
    all.sort();
    all
}

fn topology_key(table: &Table) -> String {
    let written = table.text("topology_key");
    SHORT.iter().find(|(short, _)| *short == written).map_or(written, |(_, label)| label).to_owned()
}

fn spread(table: &Table, problems: &mut Problems) -> Vec<SpreadConstraint> {
    let mut all = Vec::new();
    for (own, _) in table.tables("topology_spread_constraints") {
        let is_soft = own.text("when_unsatisfiable") == "ScheduleAnyway";
        if is_soft && own.get("min_domains").is_some() {
            let message = "`min_domains` of a constraint that may be broken";
            let label = "expected when_unsatisfiable = \"DoNotSchedule\"";
            problems.push(Diagnostic::new(Code::Conflict, own.span("min_domains"), message, label));
        }
        all.push(SpreadConstraint {
            key: topology_key(own),
            max_skew: own.integer("max_skew") as i64,
            is_soft,
            match_labels: labels(own, "match_labels"),
            min_domains: own.integer_if("min_domains").map(|count| count as usize),
        });
    }
    all
}

fn terms(table: &Table, key: &str) -> Vec<PodAffinityTerm> {
    let term = |own: &Table| PodAffinityTerm {
        key: topology_key(own),
        match_labels: labels(own, "match_labels"),
        weight: own.integer_if("weight").map(|weight| weight as i32),
    };
    table.tables(key).map(|(own, _)| term(own)).collect()
}

fn preferred_nodes(table: &Table, problems: &mut Problems) -> Vec<PreferredTerm> {
    let mut all = Vec::new();
    for (own, span) in table.tables("preferred_node_affinity") {
        let expressions = own.tables("match_expressions");
        let requirements: Vec<_> =
            expressions.filter_map(|(one, at)| requirement(one, at, problems)).collect();
        if own.list("match_expressions").is_empty() {
            let message = "a preference for no nodes in particular";
            let label = "expected at least one expression";
            problems.push(Diagnostic::new(Code::Missing, line_of(span), message, label));
        }
        all.push(PreferredTerm { weight: own.integer("weight") as i32, requirements });
    }
    all
}

fn host_ports(table: &Table, problems: &mut Problems) -> Vec<u16> {
    let mut ports: Vec<u16> = Vec::new();
    for item in table.list("host_ports") {
        let Value::Integer(number) = item.value else { continue };
        let port = number as u16;
        if ports.contains(&port) {
            let message = format!("host port {port} stands twice");
            problems.push(Diagnostic::new(
                Code::Conflict,
                item.span.clone(),
                message,
                "expected each port once",
            ));
            continue;
        }
        ports.push(port);
    }
    ports
}

//! Replays the recorded decisions of real Karpenter's provisioning and launch (`provisioning/` of the recordings).
#![allow(clippy::print_stdout)] // the agreement per family is what these tests report

mod support;

use std::collections::BTreeMap;

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{Cluster, LaunchedAs, NodeId, UnmanagedNode};
use fleetsim::karpenter::disruption::DoNotDisrupt;
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec};
use fleetsim::karpenter::launch::launch_request;
use fleetsim::karpenter::node_pools::{DaemonSetSpec, Limits, NodePoolSpec, PoolId, SIMULATED_LABELS};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{
    InitContainer, PodAffinityTerm, PodClassSpec, PodId, PreferredTerm, SpreadConstraint, effective_requests,
};
use fleetsim::karpenter::provisioner::displaced_pods;
use fleetsim::karpenter::requirements::{Operator, Requirement, RequirementSpec, Requirements};
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{
    ClaimRequest, MinValuesPolicy, PassInput, PassOptions, PassPod, PassResults, PodOrigin, Solver,
};
use fleetsim::karpenter::taints::{Taint, TaintEffect, Toleration};
use fleetsim::units::{HourlyPrice, Resources, SimTime};
use serde::Deserialize;

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Amount {
    cpu_milli: i64,
    memory_mib: i64,
    pods: i64,
}

#[derive(Deserialize)]
struct TypeFile {
    types: Vec<TypeRecord>,
}

#[derive(Deserialize, Clone)]
struct TypeRecord {
    name: String,
    capacity: Amount,
    allocatable: Amount,
    labels: BTreeMap<String, Vec<String>>,
    offerings: Vec<OfferingRecord>,
}

#[derive(Deserialize, Clone)]
struct OfferingRecord {
    zone: String,
    capacity_type: String,
    price: f64,
    available: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pattern {
    instance_type: String,
    zone: String,
    capacity_type: String,
    price: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    preference_policy: String,
    min_values_policy: String,
    max_instance_types: Option<usize>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct TaintRecord {
    key: String,
    value: String,
    effect: String,
}

#[derive(Deserialize, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(default)]
struct RequirementRecord {
    key: String,
    operator: String,
    values: Vec<String>,
    min_values: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LimitRecord {
    cpu_milli: Option<i64>,
    memory_mib: Option<i64>,
    nodes: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PoolRecord {
    name: String,
    weight: u32,
    labels: BTreeMap<String, String>,
    taints: Vec<TaintRecord>,
    startup_taints: Vec<TaintRecord>,
    requirements: Vec<RequirementRecord>,
    limits: LimitRecord,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct ContainerRecord {
    cpu_milli: u32,
    memory_mib: u32,
    restart_always: bool,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct TolerationRecord {
    key: String,
    operator: String,
    value: String,
    effect: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DaemonRecord {
    name: String,
    containers: Vec<ContainerRecord>,
    node_selector: BTreeMap<String, String>,
    tolerations: Vec<TolerationRecord>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct PreferredRecord {
    weight: i32,
    exprs: Vec<RequirementRecord>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct SpreadRecord {
    key: String,
    max_skew: i64,
    when_unsatisfiable: String,
    match_labels: BTreeMap<String, String>,
    min_domains: Option<usize>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct AntiRecord {
    key: String,
    match_labels: BTreeMap<String, String>,
    weight: Option<i32>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct PodRecord {
    name: String,
    uid: String,
    created_s: u64,
    labels: BTreeMap<String, String>,
    containers: Vec<ContainerRecord>,
    init_containers: Vec<ContainerRecord>,
    node_selector: BTreeMap<String, String>,
    tolerations: Vec<TolerationRecord>,
    required_node_affinity: Vec<Vec<RequirementRecord>>,
    preferred_node_affinity: Vec<PreferredRecord>,
    spread: Vec<SpreadRecord>,
    anti_affinity: Vec<AntiRecord>,
    daemon_set: Option<String>,
    phase: String,
    do_not_disrupt: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeRecord {
    name: String,
    state: String,
    nodepool: String,
    instance_type: String,
    zone: String,
    capacity_type: String,
    labels: BTreeMap<String, String>,
    taints: Vec<TaintRecord>,
    startup_taints: Vec<TaintRecord>,
    capacity: Amount,
    allocatable: Amount,
    deleting: bool,
    pods: Vec<PodRecord>,
}

#[derive(Deserialize, Default, Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct PlacementRecord {
    pod: String,
    node: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ClaimRecord {
    nodepool: String,
    pods: Vec<String>,
    requests: Amount,
    types: Vec<String>,
    prices: Vec<f64>,
    sent_count: usize,
    requirements: Vec<RequirementRecord>,
    zones: Vec<String>,
    capacity_types: Vec<String>,
    arch: Vec<String>,
    min_values_relaxed: bool,
}

#[derive(Deserialize, Default, Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
#[serde(default)]
struct ErrorRecord {
    pod: String,
    classes: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OverrideRecord {
    instance_type: String,
    zone: String,
    price: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Expect {
    placements: Vec<PlacementRecord>,
    claims: Vec<ClaimRecord>,
    errors: Vec<ErrorRecord>,
    created: usize,
    error: String,
    capacity_type: String,
    allocation_strategy: String,
    type_count: usize,
    candidate_count: usize,
    overrides: Vec<OverrideRecord>,
    tie_at_cut: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Case {
    id: String,
    only_types: Vec<String>,
    unavailable: Vec<Pattern>,
    prices: Vec<Pattern>,
    options: Options,
    nodepools: Vec<PoolRecord>,
    daemonsets: Vec<DaemonRecord>,
    nodes: Vec<NodeRecord>,
    pods: Vec<PodRecord>,
    requirements: Vec<RequirementRecord>,
    requests: Amount,
    expect: Expect,
}

fn amounts(record: &Amount) -> Amounts {
    Amounts { cpu: record.cpu_milli, memory: record.memory_mib, pods: record.pods }
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn kind(text: &str) -> CapacityType {
    if text == "spot" { CapacityType::Spot } else { CapacityType::OnDemand }
}

fn effect(text: &str) -> TaintEffect {
    match text {
        "NoSchedule" => TaintEffect::NoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        other => panic!("unknown effect {other}"),
    }
}

fn taints(records: &[TaintRecord]) -> Vec<Taint> {
    records.iter().map(|one| Taint::new(&one.key, &one.value, effect(&one.effect))).collect()
}

fn tolerations(records: &[TolerationRecord]) -> Vec<Toleration> {
    let read = |one: &TolerationRecord| Toleration {
        key: (!one.key.is_empty()).then(|| one.key.clone()),
        value: (one.operator != "Exists").then(|| one.value.clone()),
        effect: (!one.effect.is_empty()).then(|| effect(&one.effect)),
    };
    records.iter().map(read).collect()
}

fn requirement(record: &RequirementRecord) -> RequirementSpec {
    let operator = match record.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        "Gte" => Operator::Gte,
        "Lte" => Operator::Lte,
        other => panic!("unknown operator {other}"),
    };
    let RequirementRecord { key, values, min_values, .. } = record.clone();
    RequirementSpec { key, operator, values, min_values }
}

fn requirements(records: &[RequirementRecord]) -> Vec<RequirementSpec> {
    records.iter().map(requirement).collect()
}

fn requests(pod: &PodRecord) -> Resources {
    let one = |container: &ContainerRecord| Resources::new(container.cpu_milli, container.memory_mib);
    let containers: Vec<Resources> = pod.containers.iter().map(one).collect();
    let init: Vec<InitContainer> = pod
        .init_containers
        .iter()
        .map(|container| InitContainer { requests: one(container), is_sidecar: container.restart_always })
        .collect();
    effective_requests(&containers, &init)
}

fn pod_class(pod: &PodRecord) -> PodClassSpec {
    let preferred = |term: &PreferredRecord| PreferredTerm {
        weight: term.weight,
        requirements: requirements(&term.exprs),
    };
    let spread = |one: &SpreadRecord| SpreadConstraint {
        key: one.key.clone(),
        max_skew: one.max_skew,
        is_soft: one.when_unsatisfiable == "ScheduleAnyway",
        match_labels: pairs(&one.match_labels),
        min_domains: one.min_domains,
    };
    let anti = |one: &AntiRecord| PodAffinityTerm {
        key: one.key.clone(),
        match_labels: pairs(&one.match_labels),
        weight: one.weight,
    };
    PodClassSpec {
        requests: requests(pod),
        labels: pairs(&pod.labels),
        node_selector: pairs(&pod.node_selector),
        required_terms: pod.required_node_affinity.iter().map(|term| requirements(term)).collect(),
        preferred_terms: pod.preferred_node_affinity.iter().map(preferred).collect(),
        tolerations: tolerations(&pod.tolerations),
        spread: pod.spread.iter().map(spread).collect(),
        anti_affinity: pod.anti_affinity.iter().map(anti).collect(),
        do_not_disrupt: if pod.do_not_disrupt { DoNotDisrupt::Always } else { DoNotDisrupt::No },
        ..PodClassSpec::default()
    }
}

fn type_specs(types: &[TypeRecord], case: &Case) -> Vec<InstanceTypeSpec> {
    let matches = |pattern: &Pattern, one: &TypeRecord, offering: &OfferingRecord| {
        let is = |wanted: &str, have: &str| wanted == "*" || wanted == have;
        is(&pattern.instance_type, &one.name)
            && is(&pattern.zone, &offering.zone)
            && is(&pattern.capacity_type, &offering.capacity_type)
    };
    let spec = |one: &TypeRecord| {
        let zones = &one.labels["topology.kubernetes.io/zone"];
        let zone_ids = one.labels.get("topology.k8s.aws/zone-id");
        let offering = |offering: &OfferingRecord| {
            let price = case.prices.iter().rev().find(|pattern| matches(pattern, one, offering));
            let index = zones.iter().position(|zone| *zone == offering.zone);
            OfferingSpec {
                zone: offering.zone.clone(),
                zone_id: zone_ids.zip(index).map(|(ids, index)| ids[index].clone()),
                capacity_type: kind(&offering.capacity_type),
                price: HourlyPrice(in_order(price.map_or(offering.price, |pattern| pattern.price))),
                is_available: offering.available
                    && !case.unavailable.iter().any(|pattern| matches(pattern, one, offering)),
            }
        };
        InstanceTypeSpec {
            name: one.name.clone(),
            capacity: amounts(&one.capacity),
            allocatable: amounts(&one.allocatable),
            labels: one.labels.iter().map(|(key, values)| (key.clone(), values.clone())).collect(),
            offerings: one.offerings.iter().map(offering).collect(),
        }
    };
    let exists = |one: &TypeRecord| case.only_types.is_empty() || case.only_types.contains(&one.name);
    let mut specs: Vec<InstanceTypeSpec> = types.iter().filter(|one| exists(one)).map(spec).collect();
    // A node may be of a type that is no longer offered: known, but not to be had.
    let is_used = |one: &&TypeRecord| case.nodes.iter().any(|node| node.instance_type == one.name);
    for one in types.iter().filter(|one| !exists(one)).filter(is_used) {
        specs.push(InstanceTypeSpec { offerings: Vec::new(), ..spec(one) });
    }
    specs
}

fn daemon_specs(case: &Case) -> Vec<DaemonSetSpec> {
    let spec = |one: &DaemonRecord| DaemonSetSpec {
        name: one.name.clone(),
        requests: requests(&PodRecord { containers: one.containers.clone(), ..PodRecord::default() }),
        node_selector: pairs(&one.node_selector),
        required_terms: Vec::new(),
        tolerations: tolerations(&one.tolerations),
    };
    case.daemonsets.iter().map(spec).collect()
}

fn pool_specs(case: &Case) -> Vec<NodePoolSpec> {
    let spec = |one: &PoolRecord| NodePoolSpec {
        name: one.name.clone(),
        weight: one.weight,
        labels: pairs(&one.labels),
        taints: taints(&one.taints),
        startup_taints: taints(&one.startup_taints),
        requirements: requirements(&one.requirements),
        limits: Limits { cpu: one.limits.cpu_milli, memory: one.limits.memory_mib, nodes: one.limits.nodes },
        ..NodePoolSpec::default()
    };
    case.nodepools.iter().map(spec).collect()
}

/// A recorded case as the room sees it, with the names behind its numbers.
struct Replay {
    cluster: Cluster,
    pods: Vec<PassPod>,
    pod_names: Vec<String>,
}

fn replay(types: &[TypeRecord], case: &Case) -> Replay {
    let policy = match case.options.preference_policy.as_str() {
        "Ignore" => PreferencePolicy::Ignore,
        _ => PreferencePolicy::Respect,
    };
    let specs = type_specs(types, case);
    let cluster = Cluster::new(&specs, pool_specs(case), &daemon_specs(case), policy, Streams::new(1, 0));
    let mut replay = Replay { cluster, pods: Vec::new(), pod_names: Vec::new() };
    let mut uids: Vec<&str> = Vec::new();
    for pod in case.nodes.iter().flat_map(|node| &node.pods).chain(&case.pods) {
        uids.push(&pod.uid);
    }
    uids.sort_unstable();
    let rank = |uid: &str| uids.partition_point(|other| *other < uid) as u64;
    let mut uid_of: Vec<u64> = Vec::new();
    for (node, id) in case.nodes.iter().zip(0..) {
        add_node(&mut replay, case, node, NodeId(id));
        for pod in &node.pods {
            add_running(&mut replay, case, pod, NodeId(id), &mut uid_of, rank(&pod.uid));
        }
        if node.deleting {
            replay.cluster.mark_for_deletion(NodeId(id));
        }
    }
    for pod in &case.pods {
        let class = replay.cluster.register_pod_class(pod_class(pod));
        replay.pods.push(PassPod {
            pod: PodId(replay.pod_names.len() as u32),
            class,
            created_at: SimTime::from_ms(pod.created_s * 1000),
            uid: rank(&pod.uid),
            origin: PodOrigin::Pending,
        });
        replay.pod_names.push(pod.name.clone());
        uid_of.push(rank(&pod.uid));
    }
    let pending = replay.pods.len();
    displaced_pods(SimTime::ZERO, &replay.cluster, &mut replay.pods);
    for pod in &mut replay.pods[pending..] {
        pod.uid = uid_of[pod.pod.0 as usize];
    }
    replay
}

fn add_node(replay: &mut Replay, case: &Case, node: &NodeRecord, id: NodeId) {
    let now = SimTime::ZERO;
    let cluster = &mut replay.cluster;
    let types = cluster.instance_types();
    let type_id = types.id_of(&node.instance_type);
    if node.state == "unmanaged" {
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        if let Some(type_id) = type_id {
            for one in types.get(type_id).requirements.iter().filter(|one| one.values.len() == 1) {
                let vocabulary = cluster.vocabulary();
                let (key, value) = (vocabulary.key_text(one.key), vocabulary.text(one.values[0]));
                labels.insert(key.to_owned(), value.to_owned());
            }
        }
        let vocabulary = cluster.vocabulary();
        let zone = types.zone_of(&node.zone, vocabulary);
        if let Some(zone_id) = zone.and_then(|zone| types.zone_id_label(zone)) {
            labels.insert("topology.k8s.aws/zone-id".into(), vocabulary.text(zone_id).to_owned());
        }
        labels.insert("topology.kubernetes.io/zone".into(), node.zone.clone());
        labels.insert("karpenter.sh/capacity-type".into(), node.capacity_type.clone());
        if let Some(pool) = case.nodepools.iter().find(|pool| pool.name == node.nodepool) {
            labels.extend(pool.labels.clone());
        }
        labels.extend(node.labels.clone());
        let unmanaged = UnmanagedNode {
            name: node.name.clone(),
            labels: pairs(&labels),
            taints: taints(&node.taints),
            capacity: amounts(&node.capacity),
            allocatable: amounts(&node.allocatable),
        };
        cluster.add_unmanaged(now, id, unmanaged);
        return;
    }
    let pool = case.nodepools.iter().position(|pool| pool.name == node.nodepool).expect("a node has a pool");
    let zone = types.zone_of(&node.zone, cluster.vocabulary()).expect("the zone exists");
    let capacity_type = kind(&node.capacity_type);
    let type_id = type_id.expect("the type exists");
    cluster.claim_created(now, id, PoolId(pool as u16), &Requirements::new());
    cluster.claim_launched(now, id, LaunchedAs { type_id, zone, capacity_type });
    if node.state != "launched" {
        cluster.node_registered(now, id);
    }
    if node.state == "initialized" {
        cluster.node_initialized(now, id);
    }
    cluster.rename(id, &node.name);
    cluster.set_resources(id, amounts(&node.capacity), amounts(&node.allocatable));
    cluster.set_labels(id, pairs(&node.labels));
    if node.state == "initialized" {
        cluster.set_taints(id, taints(&node.taints));
    }
    let _ = &node.startup_taints; // uninitialized nodes ignore those of their pool
}

fn add_running(
    replay: &mut Replay,
    case: &Case,
    pod: &PodRecord,
    node: NodeId,
    uid_of: &mut Vec<u64>,
    uid: u64,
) {
    let id = PodId(replay.pod_names.len() as u32);
    replay.pod_names.push(pod.name.clone());
    uid_of.push(uid);
    let is_terminal = pod.phase == "Succeeded" || pod.phase == "Failed";
    if pod.daemon_set.is_some() {
        if !is_terminal {
            let own = DaemonSetSpec { requests: requests(pod), ..DaemonSetSpec::default() };
            replay.cluster.daemon_bound(&own, node);
        }
        return;
    }
    let _ = case;
    let class = replay.cluster.register_pod_class(pod_class(pod));
    let created_at = SimTime::from_ms(pod.created_s * 1000);
    replay.cluster.pod_bound(SimTime::ZERO, id, class, created_at, node);
    if is_terminal {
        replay.cluster.pod_terminal(SimTime::ZERO, id, node);
    }
}

/// The requirements that a NodeClaim carries, in the recording's form.
fn written(cluster: &Cluster, claim: &ClaimRequest) -> Vec<RequirementRecord> {
    let vocabulary = cluster.vocabulary();
    let mut all = Vec::new();
    for one in claim.requirements.iter() {
        let key = vocabulary.key_text(one.key).to_owned();
        let is_type = key == "node.kubernetes.io/instance-type";
        if key == "karpenter.sh/nodepool"
            || key == "karpenter.k8s.aws/ec2nodeclass"
            || SIMULATED_LABELS.contains(&key.as_str())
            || (is_type && one.min_values.is_none())
        {
            continue;
        }
        all.extend(written_as(one, &key, is_type, vocabulary));
    }
    all.sort();
    all
}

fn written_as(
    one: &Requirement,
    key: &str,
    is_type: bool,
    vocabulary: &fleetsim::karpenter::labels::Vocabulary,
) -> Vec<RequirementRecord> {
    let record = |operator: &str, values: Vec<String>| RequirementRecord {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values,
        min_values: one.min_values,
    };
    let mut bounds = Vec::new();
    if let Some(least) = one.at_least {
        bounds.push(record("Gte", vec![least.to_string()]));
    }
    if let Some(most) = one.at_most {
        bounds.push(record("Lte", vec![most.to_string()]));
    }
    if !bounds.is_empty() {
        return bounds;
    }
    let mut values: Vec<String> = one.values.iter().map(|value| vocabulary.text(*value).to_owned()).collect();
    values.sort();
    if is_type {
        values.clear();
    }
    let operator = match one.operator() {
        Operator::In => "In",
        Operator::NotIn => "NotIn",
        Operator::Exists => "Exists",
        _ => "DoesNotExist",
    };
    vec![record(operator, values)]
}

/// A number that is less than another where the price is: the real code compares floats, and prices that a recording made by
/// multiplying differ by less than the nano-dollar of [`HourlyPrice`] (0.204 and 0.20400000000000001). Here they are compared
/// only.
fn in_order(price: f64) -> u64 {
    price.max(0.0).to_bits()
}

/// What differs from the recording, by field.
fn check_pass(types: &[TypeRecord], case: &Case) -> Vec<String> {
    let mut replay = replay(types, case);
    let options = PassOptions {
        min_values_policy: match case.options.min_values_policy.as_str() {
            "BestEffort" => MinValuesPolicy::BestEffort,
            _ => MinValuesPolicy::Strict,
        },
        max_instance_types: case.options.max_instance_types.unwrap_or(600),
        ..PassOptions::default()
    };
    let mut solver = Solver::new(options);
    let mut results = PassResults::default();
    let input = PassInput { now: SimTime::ZERO, pods: &replay.pods, excluded: &[], is_consolidation: false };
    // The second pass must not see anything of the first.
    let mut first = PassResults::default();
    solver.solve(&replay.cluster, &input, &mut first);
    solver.solve(&replay.cluster, &input, &mut results);
    let mut wrong = Vec::new();
    if first != results {
        wrong.push("second pass".to_owned());
    }
    solver.drop_unsendable(&replay.cluster, &mut results);
    let name = |pod: PodId| replay.pod_names[pod.0 as usize].clone();
    let mut placements: Vec<PlacementRecord> = results
        .placements
        .iter()
        .map(|(pod, node)| PlacementRecord {
            pod: name(*pod),
            node: case.nodes[node.0 as usize].name.clone(),
        })
        .collect();
    placements.sort();
    let mut expected = case.expect.placements.clone();
    expected.sort();
    if placements != expected {
        wrong.push("placements".to_owned());
    }
    check_errors(&replay, case, &results, &mut wrong);
    let mut claims: Vec<ClaimRequest> =
        results.claims.iter().map(|claim| solver.claim_request(&replay.cluster, claim)).collect();
    let created = claims.iter().filter(|claim| !replay.cluster.exceeds_limits(claim.pool)).count();
    if created != case.expect.created {
        wrong.push(format!("created {created} for {}", case.expect.created));
    }
    claims.sort_by_key(|claim| name(claim.pods[0]));
    if claims.len() == case.expect.claims.len() {
        let all: Vec<_> = results.claims.iter().map(|claim| (claim.pods.clone(), claim.types)).collect();
        for (claim, expected) in claims.iter().zip(&case.expect.claims) {
            let full = all.iter().find(|(pods, _)| *pods == claim.pods).map_or(0, |(_, types)| types.len());
            check_claim(&replay, case, claim, full, expected, &mut wrong);
        }
    } else {
        wrong.push(format!("{} claims for {}", claims.len(), case.expect.claims.len()));
    }
    let _ = &mut replay;
    wrong.sort();
    wrong.dedup();
    wrong
}

fn check_errors(replay: &Replay, case: &Case, results: &PassResults, wrong: &mut Vec<String>) {
    let mut errors: Vec<ErrorRecord> = results
        .errors
        .iter()
        .map(|error| ErrorRecord {
            pod: replay.pod_names[error.pod.0 as usize].clone(),
            classes: match error.refusals.as_slice() {
                [] => vec!["no_nodepool".to_owned()],
                refusals => refusals.iter().map(|(_, refusal)| refusal.class().to_owned()).collect(),
            },
        })
        .collect();
    errors.sort();
    let mut expected = case.expect.errors.clone();
    expected.sort();
    let pods = |errors: &[ErrorRecord]| errors.iter().map(|error| error.pod.clone()).collect::<Vec<_>>();
    if pods(&errors) != pods(&expected) {
        wrong.push("error pods".to_owned());
    } else if errors != expected {
        let first = errors.iter().zip(&expected).find(|(a, b)| a != b);
        wrong.push(format!("error classes {first:?}"));
    }
}

fn check_claim(
    replay: &Replay,
    case: &Case,
    claim: &ClaimRequest,
    full: usize,
    expected: &ClaimRecord,
    wrong: &mut Vec<String>,
) {
    let cluster = &replay.cluster;
    let types = cluster.instance_types();
    let mut check = |field: &str, is_equal: bool| {
        if !is_equal {
            wrong.push(field.to_owned());
        }
    };
    let pods: Vec<String> = claim.pods.iter().map(|pod| replay.pod_names[pod.0 as usize].clone()).collect();
    check("pods", pods == expected.pods);
    check("pool", cluster.pool(claim.pool).spec.name == expected.nodepool);
    check("requests", claim.requests == amounts(&expected.requests));
    let sent = expected.sent_count;
    let names: Vec<&str> = claim.types.iter().map(|(id, _)| &*types.get(*id).name).collect();
    check("type count", full == expected.types.len() && names.len() == sent);
    if case.expect.tie_at_cut {
        check("type count at a tie", names.len() == sent);
    } else {
        check("types", names == expected.types[..sent.min(expected.types.len())]);
    }
    let prices: Vec<u64> = claim.types.iter().filter_map(|(_, price)| price.map(|one| one.0)).collect();
    let wanted: Vec<u64> = expected.prices.iter().take(sent).map(|price| in_order(*price)).collect();
    check("prices", prices == wanted);
    check("min_values_relaxed", claim.are_min_values_relaxed == expected.min_values_relaxed);
    let mut wanted: Vec<RequirementRecord> = expected.requirements.clone();
    for one in &mut wanted {
        one.values.sort();
        if one.key == "node.kubernetes.io/instance-type" {
            one.values.clear();
        }
    }
    wanted.sort();
    check("requirements", written(cluster, claim) == wanted);
    let allowed = types.allowed_offerings(&claim.requirements, cluster.vocabulary());
    let (mut zones, mut kinds, mut archs) = (Vec::new(), Vec::new(), Vec::new());
    for (id, _) in &claim.types {
        for one in &types.get(*id).offerings {
            if one.is_available && allowed.contains(one.zone, one.capacity_type) {
                zones.push(cluster.vocabulary().text(types.zone_label(one.zone)).to_owned());
                kinds.push(one.capacity_type.label().to_owned());
                let arch =
                    types.get(*id).requirements.get(fleetsim::karpenter::labels::ARCH).expect("has one");
                archs.push(cluster.vocabulary().text(arch.values[0]).to_owned());
            }
        }
    }
    for (field, found, wanted) in [
        ("zones", &mut zones, &expected.zones),
        ("capacity_types", &mut kinds, &expected.capacity_types),
        ("arch", &mut archs, &expected.arch),
    ] {
        found.sort();
        found.dedup();
        check(field, found == wanted);
    }
}

fn check_launch(types: &[TypeRecord], case: &Case) -> Vec<String> {
    let mut pool = NodePoolSpec { name: "ci".into(), ..NodePoolSpec::default() };
    pool.requirements = requirements(&case.requirements);
    let specs = type_specs(types, case);
    let cluster = Cluster::new(&specs, vec![pool], &[], PreferencePolicy::Respect, Streams::new(1, 0));
    let mut own = cluster.pool(PoolId(0)).requirements.clone();
    for key in SIMULATED_LABELS {
        let found = own.iter().find(|one| cluster.vocabulary().key_text(one.key) == key).map(|one| one.key);
        found.map(|key| own.remove(key));
    }
    let expect = &case.expect;
    let mut wrong = Vec::new();
    let mut check = |field: &str, is_equal: bool| {
        if !is_equal {
            wrong.push(field.to_owned());
        }
    };
    match launch_request(&cluster, PoolId(0), &own, amounts(&case.requests), MinValuesPolicy::Strict) {
        Err(error) => {
            check("error", expect.error == "insufficient_capacity");
            check("candidate_count", error.candidate_count == expect.candidate_count);
        }
        Ok(request) => {
            check("error", expect.error.is_empty());
            check("capacity_type", request.capacity_type.label() == expect.capacity_type);
            check("allocation_strategy", request.strategy.label() == expect.allocation_strategy);
            check("type_count", request.type_count == expect.type_count);
            check("candidate_count", request.candidate_count == expect.candidate_count);
            let types = cluster.instance_types();
            let found: Vec<(u64, &str, &str)> = request
                .overrides
                .iter()
                .map(|one| {
                    let zone = cluster.vocabulary().text(types.zone_label(one.zone));
                    (one.price.0, &*types.get(one.type_id).name, zone)
                })
                .collect();
            let mut wanted: Vec<(u64, &str, &str)> = expect
                .overrides
                .iter()
                .map(|one| (in_order(one.price), one.instance_type.as_str(), one.zone.as_str()))
                .collect();
            wanted.sort_unstable();
            check("overrides", expect.tie_at_cut || found == wanted);
        }
    }
    wrong
}

fn run(family: &str, check: fn(&[TypeRecord], &Case) -> Vec<String>) {
    let path = format!("provisioning/{family}.jsonl");
    if support::open(&path).is_none() {
        println!("{family}: no recording");
        return;
    }
    let mut files: BTreeMap<String, Vec<TypeRecord>> = BTreeMap::new();
    let (mut agree, mut total) = (0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for line in support::lines(&path) {
        let case: Case = serde_json::from_str(&line).expect("a case is readable");
        let file = "types-us-east-1.json".to_owned();
        let types = files.entry(file).or_insert_with_key(|file| {
            let text = support::read(&format!("provisioning/{file}"));
            serde_json::from_str::<TypeFile>(&text).expect("the types are readable").types
        });
        total += 1;
        let wrong = check(types, &case);
        if wrong.is_empty() {
            agree += 1;
        } else {
            println!("{family} {}: {}", case.id, wrong.join(", "));
            wrong.into_iter().for_each(|reason| *reasons.entry(reason).or_default() += 1);
        }
    }
    println!("{family}: {agree} of {total} cases agree in every field {reasons:?}");
    assert_eq!(agree, total, "{family}");
}

#[test]
fn oracle_single_pool() {
    run("a_single_pool", check_pass);
}

#[test]
fn oracle_many_pools() {
    run("b_many_pools", check_pass);
}

#[test]
fn oracle_existing_nodes() {
    run("c_existing_nodes", check_pass);
}

#[test]
fn oracle_capacity_and_preferences() {
    run("d_capacity_and_preferences", check_pass);
}

#[test]
fn oracle_zonal_spread() {
    run("d2_zonal_spread", check_pass);
}

#[test]
fn oracle_hand_made() {
    run("e_hand_made", check_pass);
}

#[test]
fn oracle_large() {
    run("g_large", check_pass);
}

#[test]
fn oracle_launch() {
    run("f_launch", check_launch);
}

#[test]
fn oracle_launch_hand_made() {
    run("f2_launch_hand_made", check_launch);
}

//! Recordings of the real kube-scheduler (see the `scheduler` folder of the oracle): filters, scores, the set of best
//! nodes; and the scheduler's fast path against a plain reading of the recorded rules.
#![expect(
    clippy::print_stdout,
    reason = "the agreement per family is what the reader of the test wants to see"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    BalanceFormula, ContainerRequests, Footprint, LabelOperator, LabelRequirement, NodeClass, NodeHold,
    NodeInfo, NodeKey, NodeVerdict, PodKey, PodShape, PreferredTerm, Scheduler, SchedulerConfig,
    SchedulingOutcome, ScoringStrategy, ShapeId, Taint, TaintEffect, Toleration,
};
use fleetsim::units::{Mebibytes, Millicores, Resources, SimTime};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    family: String,
    scoring: String,
    nodes: Vec<RecordedNode>,
    pod: RecordedPod,
    result: Vec<RecordedResult>,
    best_nodes: Vec<String>,
}

#[derive(Deserialize)]
struct RecordedNode {
    name: String,
    cpu_allocatable_millis: u32,
    memory_allocatable_mib: u32,
    pods_allocatable: u32,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    taints: Option<Vec<RecordedTaint>>,
    #[serde(default)]
    unschedulable: bool,
    running_pods: Option<Vec<RecordedPod>>,
}

#[derive(Deserialize)]
struct RecordedTaint {
    key: String,
    #[serde(default)]
    value: String,
    effect: String,
}

#[derive(Deserialize)]
struct RecordedPod {
    #[serde(default)]
    cpu_millis: u32,
    #[serde(default)]
    memory_mib: u32,
    #[serde(default)]
    has_cpu_request: bool,
    #[serde(default)]
    has_memory_request: bool,
    #[serde(default)]
    init_cpu_millis: u32,
    #[serde(default)]
    init_memory_mib: u32,
    node_selector: Option<BTreeMap<String, String>>,
    tolerations: Option<Vec<RecordedToleration>>,
    preferred_node_affinity: Option<Vec<RecordedPreference>>,
}

#[derive(Deserialize)]
struct RecordedToleration {
    key: Option<String>,
    operator: Option<String>,
    value: Option<String>,
    effect: Option<String>,
}

#[derive(Deserialize)]
struct RecordedPreference {
    weight: u32,
    key: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct RecordedResult {
    node: String,
    feasible: bool,
    infeasible_plugin: Option<String>,
    weighted_scores: Option<BTreeMap<String, u32>>,
    total: Option<u32>,
}

fn effect(text: &str) -> TaintEffect {
    match text {
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => TaintEffect::NoSchedule,
    }
}

impl RecordedPod {
    fn shape(&self) -> PodShape {
        let main = ContainerRequests {
            cpu: self.has_cpu_request.then_some(Millicores(self.cpu_millis)),
            memory: self.has_memory_request.then_some(Mebibytes(self.memory_mib)),
        };
        let init = ContainerRequests {
            cpu: (self.init_cpu_millis > 0).then_some(Millicores(self.init_cpu_millis)),
            memory: (self.init_memory_mib > 0).then_some(Mebibytes(self.init_memory_mib)),
        };
        let toleration = |recorded: &RecordedToleration| Toleration {
            key: recorded.key.clone().filter(|key| !key.is_empty()),
            value: (recorded.operator.as_deref() != Some("Exists"))
                .then(|| recorded.value.clone().unwrap_or_default()),
            effect: recorded.effect.as_deref().map(effect),
        };
        let preference = |recorded: &RecordedPreference| PreferredTerm {
            weight: recorded.weight,
            requirements: vec![LabelRequirement {
                key: recorded.key.clone(),
                operator: LabelOperator::In,
                values: recorded.values.clone(),
            }],
        };
        PodShape {
            containers: vec![main],
            init_containers: if init == ContainerRequests::default() { vec![] } else { vec![init] },
            node_selector: self.node_selector.clone().unwrap_or_default().into_iter().collect(),
            tolerations: self.tolerations.iter().flatten().map(toleration).collect(),
            preferred_affinity: self.preferred_node_affinity.iter().flatten().map(preference).collect(),
            ..PodShape::default()
        }
    }
}

fn scheduler_of(case: &Case, balance: BalanceFormula, seed: u64) -> (Scheduler, ShapeId) {
    let strategy = match case.scoring.as_str() {
        "MostAllocated" => ScoringStrategy::MostAllocated,
        _ => ScoringStrategy::LeastAllocated,
    };
    let config = SchedulerConfig { strategy, balance, ..SchedulerConfig::default() };
    let mut scheduler = Scheduler::new(config, Streams::new(seed, 0));
    let shape = scheduler.register_shape(case.pod.shape());
    for (index, node) in case.nodes.iter().enumerate() {
        let taint = |taint: &RecordedTaint| Taint {
            key: taint.key.clone(),
            value: taint.value.clone(),
            effect: effect(&taint.effect),
        };
        let class = scheduler.register_node_class(NodeClass {
            labels: node.labels.clone().into_iter().collect(),
            taints: node.taints.iter().flatten().map(taint).collect(),
        });
        let mut used = Footprint::default();
        for pod in node.running_pods.iter().flatten() {
            used += pod.shape().footprint();
        }
        let info = NodeInfo {
            class,
            zone: index as u16 % 3,
            allocatable: Resources::new(node.cpu_allocatable_millis, node.memory_allocatable_mib),
            pods: node.pods_allocatable,
            daemons: used,
            daemon_pods: node.running_pods.as_ref().map_or(0, Vec::len) as u32,
            hold: if node.unschedulable { NodeHold::UNSCHEDULABLE } else { NodeHold::NONE },
        };
        scheduler.add_node(SimTime::ZERO, NodeKey(index as u32), info);
    }
    (scheduler, shape)
}

/// What differs between the recorded and our verdict on one node.
fn difference(recorded: &RecordedResult, ours: &NodeVerdict) -> Option<String> {
    let scores = match ours.scores {
        Err(plugin) => {
            let same = !recorded.feasible && recorded.infeasible_plugin.as_deref() == Some(plugin.name());
            return (!same).then(|| format!("{}: we say {plugin:?}", recorded.node));
        }
        Ok(scores) if recorded.feasible => scores,
        Ok(_) => {
            return Some(format!("{}: we say feasible, not {:?}", recorded.node, recorded.infeasible_plugin));
        }
    };
    let theirs = recorded.weighted_scores.clone().unwrap_or_default();
    let ours = [
        ("NodeResourcesFit", Some(scores.fit)),
        ("NodeResourcesBalancedAllocation", scores.balance),
        ("TaintToleration", Some(scores.taints)),
        ("NodeAffinity", scores.affinity),
    ];
    let wrong = ours.iter().find(|(plugin, score)| theirs.get(*plugin).copied() != *score);
    match wrong {
        Some((plugin, score)) => {
            Some(format!("{}: {plugin} {score:?}, recorded {:?}", recorded.node, theirs.get(*plugin)))
        }
        None if recorded.total != Some(scores.total()) => {
            Some(format!("{}: total {}", recorded.node, scores.total()))
        }
        None => None,
    }
}

/// The nodes that the scheduler itself binds the pod to, over many seeds.
fn bound_nodes(case: &Case, balance: BalanceFormula) -> BTreeSet<String> {
    let mut bound = BTreeSet::new();
    for seed in 0..48 * case.best_nodes.len().max(1) as u64 {
        let (mut scheduler, shape) = scheduler_of(case, balance, seed);
        scheduler.pod_created(SimTime::ZERO, PodKey(0), shape);
        let mut out = Vec::new();
        scheduler.wake(SimTime::ZERO, &mut out);
        match out[..] {
            [SchedulingOutcome::Bound { node, .. }] => bound.insert(case.nodes[node.0 as usize].name.clone()),
            [SchedulingOutcome::Unschedulable { changed: false, .. }] => false,
            ref other => panic!("{}: {other:?}", case.name),
        };
    }
    bound
}

fn compare(file: &str, balance: BalanceFormula) {
    let cases: Vec<Case> = serde_json::from_str(&support::read(file)).expect("the recording is JSON");
    let mut families: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut differences = Vec::new();
    for case in &cases {
        let (scheduler, shape) = scheduler_of(case, balance, 1);
        let verdicts = scheduler.verdicts(shape);
        let mut wrong: Vec<String> = case
            .result
            .iter()
            .zip(&verdicts)
            .filter_map(|(recorded, ours)| difference(recorded, ours))
            .collect();
        let best: BTreeSet<String> = case.best_nodes.iter().cloned().collect();
        let bound = bound_nodes(case, balance);
        if bound != best {
            wrong.push(format!("bound to {bound:?}, recorded {best:?}"));
        }
        let family = families.entry(case.family.clone()).or_default();
        family.1 += 1;
        family.0 += usize::from(wrong.is_empty());
        if !wrong.is_empty() {
            differences.push(format!("{} ({}): {}", case.name, case.family, wrong.join("; ")));
        }
    }
    println!("{file}:");
    for (family, (agree, all)) in &families {
        println!("  {family:<12} {agree} of {all}");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(!cases.is_empty());
}

#[test]
fn oracle_scoring_from_kubernetes_1_36() {
    compare("scheduler/scoring-v1.37.json", BalanceFormula::From136);
}

#[test]
fn oracle_scoring_up_to_kubernetes_1_35() {
    compare("scheduler/scoring-v1.35.json", BalanceFormula::UpTo135);
}

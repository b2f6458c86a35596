//! Whole clusters, binding by binding: given the nodes and pods recorded up to then, does our kube-scheduler choose the node
//! that the real one chose, or one that it holds equally good?
//!
//! Only bindings that stand alone are asked: in a burst the recording does not tell in which order the scheduler saw nodes and
//! pods, for what it decided in a millisecond is seen some later.

#![allow(clippy::print_stdout)] // says how many recorded bindings agree

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/plans.rs"]
mod plans;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use cluster::{list, number, text};
use fleetsim::catalog::Catalog;
use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    Footprint, NodeClass, NodeHold, NodeInfo, NodeKey, PodKey, PodShape, Scheduler, SchedulerConfig,
    SchedulingOutcome, ScoringStrategy,
};
use fleetsim::units::{Resources, SimTime};
use serde_json::Value;

/// Nothing else changed for so long before the binding: on the busiest machine one is seen 0.2 s after its decision …
const BEFORE_MS: i64 = 300;
/// … nor so shortly after, for changes are seen out of order.
const AFTER_MS: i64 = 30;
/// So often a tie is drawn.
const DRAWS: u64 = 60;

#[test]
fn oracle_cluster_every_binding_that_stands_alone() {
    let (mut bindings, mut with_choice, mut wrong) = (0, 0, Vec::new());
    for recorded in cluster::recorded_cases() {
        let catalog = cluster::catalog(&recorded.case);
        for run in &recorded.runs {
            for pod in standing_alone(run) {
                let (feasible, best) = choices(&recorded.case, run, &catalog, pod);
                let pod = &list(&run["pods"])[pod];
                bindings += 1;
                with_choice += usize::from(feasible > 1);
                if !best.contains(text(&pod["node"])) {
                    wrong.push(format!(
                        "{} run {}: {} on {} of {feasible}, ours {best:?}",
                        text(&recorded.case["name"]),
                        run["run"],
                        pod["job"],
                        pod["node"]
                    ));
                }
            }
        }
    }
    println!("bindings: {} of {bindings} agree, {with_choice} with a choice", bindings - wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn instant(value: &Value) -> Option<i64> {
    value.as_i64().filter(|ms| *ms >= 0)
}

/// The pods before whose binding nothing changed for a while but their own creation.
fn standing_alone(run: &Value) -> Vec<usize> {
    let pods = list(&run["pods"]);
    let mut changes: Vec<i64> = Vec::new();
    for pod in pods {
        changes.extend(["bound_ms", "gone_ms"].iter().filter_map(|field| instant(&pod[*field])));
    }
    for node in list(&run["nodes"]) {
        changes.extend(
            ["node_ready_ms", "disrupted_ms", "node_gone_ms"]
                .iter()
                .filter_map(|field| instant(&node[*field])),
        );
    }
    changes.sort_unstable();
    let is_alone = |pod: &Value| {
        instant(&pod["bound_ms"]).is_some_and(|bound| {
            let first = changes.partition_point(|at| *at < bound - BEFORE_MS);
            changes[first..].iter().take_while(|at| **at <= bound + AFTER_MS).count() == 1
        })
    };
    (0..pods.len()).filter(|pod| is_alone(&pods[*pod])).collect()
}

/// How many nodes take the pod at its binding, and those that our scheduler chooses.
fn choices<'a>(
    case: &Value,
    run: &'a Value,
    catalog: &Arc<Catalog>,
    pod: usize,
) -> (usize, BTreeSet<&'a str>) {
    let (jobs, pods, nodes) = (list(&case["jobs"]), list(&run["pods"]), list(&run["nodes"]));
    let bound = number(&pods[pod]["bound_ms"]);
    let requests =
        |job: &Value| Resources::new(number(&job["cpu_millis"]) as u32, number(&job["memory_mib"]) as u32);
    let strategy = match text(&case["scheduler_scoring"]) {
        "MostAllocated" => ScoringStrategy::MostAllocated,
        _ => ScoringStrategy::LeastAllocated,
    };
    let up_to = |value: &Value| instant(value).is_some_and(|ms| ms < bound);
    let mut infos = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        if !up_to(&node["node_ready_ms"]) || up_to(&node["disrupted_ms"]) || up_to(&node["node_gone_ms"]) {
            continue;
        }
        let kind = catalog.get(catalog.find(text(&node["instance_type"])).expect("a type of the case"));
        let wants = jobs[pod]["arch"].as_str();
        if wants.is_some_and(|arch| arch != kind.arch.to_string()) {
            continue;
        }
        let there = |other: &&Value| {
            other["node"] == node["name"] && up_to(&other["bound_ms"]) && !up_to(&other["gone_ms"])
        };
        let mut used = Resources::ZERO;
        let mut count = 0;
        for (other, job) in pods.iter().zip(jobs) {
            if there(&other) {
                used += requests(job);
                count += 1;
            }
        }
        infos.push((index, kind.allocatable(), kind.max_pods, used, count));
    }
    let fits = |(_, allocatable, most, used, count): &&(usize, Resources, u32, Resources, u32)| {
        (*used + requests(&jobs[pod])).fits_in(*allocatable) && count < most
    };
    let feasible = infos.iter().filter(fits).count();
    let mut best = BTreeSet::new();
    for draw in 0..if feasible > 1 { DRAWS } else { 1 } {
        let mut scheduler =
            Scheduler::new(SchedulerConfig { strategy, ..SchedulerConfig::default() }, Streams::new(draw, 0));
        let class = scheduler.register_node_class(NodeClass::default());
        for (index, allocatable, most, used, count) in &infos {
            let info = NodeInfo {
                class,
                zone: 0,
                allocatable: *allocatable,
                pods: *most,
                daemons: Footprint::of(*used),
                daemon_pods: *count,
                hold: NodeHold::NONE,
            };
            scheduler.add_node(SimTime::ZERO, NodeKey(*index as u32), info);
        }
        let shape = scheduler.register_shape(PodShape::of(requests(&jobs[pod])));
        scheduler.pod_created(SimTime::ZERO, PodKey(0), shape);
        let mut outcomes = Vec::new();
        scheduler.wake(SimTime::ZERO, &mut outcomes);
        best.extend(outcomes.iter().filter_map(|outcome| match outcome {
            SchedulingOutcome::Bound { node, .. } => Some(text(&nodes[node.0 as usize]["name"])),
            SchedulingOutcome::Unschedulable { .. } => None,
        }));
    }
    (feasible, best)
}

//! `recommend`'s selection on simulated fleets: how often it finds what trying everything finds, and with how many runs.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

use fleetsim::engine::Streams;
use fleetsim::experiment::{
    Bound, Metric, MetricRow, Objective, Observed, SelectionRules, Term, metric_row, select,
};
use fleetsim::scenario::resolve_with;
use fleetsim::simulation::{Keep, simulate};
use rayon::prelude::*;
use std::convert::Infallible;
use std::ops::Range;

/// Two keys of eight values each. More slots: shorter waits, dearer nodes; longer idling: dearer, and shorter waits.
const SLOTS: [u32; 8] = [2, 3, 4, 5, 6, 8, 10, 14];
const IDLE: [&str; 8] = ["10s", "30s", "1m", "2m", "4m", "8m", "15m", "30m"];
/// Simulated replications of each point. An experiment draws its own from them, so that their means are its truth.
const POOL: u32 = 120;
const REPEATS: u64 = 200;

const FLEET: &str = r#"
horizon = "3h"
[[workload.class]]
name = "unit"
arrivals = { per_hour = 40 }
duration = { median = "2m", p95 = "5m" }
[[runner]]
name = "eks"
concurrent = 30
poll_timeout = "10m"
[[node_pool]]
name = "ci"
arch = ["amd64"]
capacity_type = ["on-demand"]
instance_category = ["m"]
requirements = [{ key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4"] }]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "30s", budgets = [{ nodes = "100%" }] }
[fleet.today]
"#;

fn value(row: &MetricRow, metric: Metric) -> f64 {
    match row[metric.index()].unwrap() {
        Term::Value(value) => value,
        Term::Ratio(top, bottom) => top / bottom,
    }
}

/// Cost per 1,000 jobs and mean wait of every replication of one point.
fn simulated(point: usize) -> Vec<(f64, f64)> {
    let set = [
        format!("runner.eks.concurrent={}", SLOTS[point % 8]),
        format!("node_pool.ci.disruption.consolidate_after={}", IDLE[point / 8]),
    ];
    let mut nothing = |_: &str| Err("no file".to_owned());
    let scenario = resolve_with(FLEET, "t.toml", &set, &mut nothing).unwrap();
    let fleet = &scenario.fleets[0];
    let run = |replication| {
        let streams = Streams::new(scenario.seed, replication);
        let arrivals = fleet.arrivals(streams).unwrap();
        let row = metric_row(&simulate(&fleet.plan, streams, arrivals, Keep::default()).unwrap().outcome);
        (value(&row, Metric::CostPerThousandJobs), value(&row, Metric::WaitMean))
    };
    (0..POOL).map(run).collect()
}

/// Which simulated replication an experiment takes as its `replication`, the same for every point (SplitMix64).
fn drawn(repeat: u64, replication: usize) -> usize {
    let mut z = ((repeat << 32) | replication as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % u64::from(POOL)) as usize
}

#[test]
fn of_64_simulated_points_the_best_is_found_with_a_fifth_of_the_runs_that_trying_all_takes() {
    let runs: Vec<Vec<(f64, f64)>> = (0..64_usize).into_par_iter().map(simulated).collect();
    let mean =
        |point: usize, of: fn(&(f64, f64)) -> f64| runs[point].iter().map(of).sum::<f64>() / f64::from(POOL);
    let limit = 45_000.0;
    let is_feasible = |point: &usize| mean(*point, |run| run.1) <= limit;
    let best =
        (0..64).filter(is_feasible).map(|point| mean(point, |run| run.0)).fold(f64::INFINITY, f64::min);
    let is_good = |point: usize| is_feasible(&point) && mean(point, |run| run.0) <= best * 1.01;
    let good: Vec<usize> = (0..64).filter(|point| is_good(*point)).collect();
    let objective = Objective { metric: Metric::WaitMean, limit, bound: Bound::AtMost };
    let (mut right, mut spent, mut brute_right, mut decided) = (0, 0, 0, 0);
    let brute = 50;
    for repeat in 0..REPEATS {
        let mut observe = |points: &[usize], replications: Range<usize>| {
            let run = |point: usize, replication: usize| {
                let (cost, wait) = runs[point][drawn(repeat, replication)];
                Observed { goal: Some(cost), limits: vec![Some(wait)] }
            };
            let of = |point: &usize| replications.clone().map(|r| run(*point, r)).collect();
            Ok::<_, Infallible>(points.iter().map(of).collect::<Vec<Vec<Observed>>>())
        };
        let selection = select(64, &[objective], &SelectionRules::default(), &mut observe).unwrap();
        spent += selection.runs;
        decided += u32::from(selection.is_decided);
        right += u32::from(selection.pick.is_some_and(is_good));
        let tried = |point: usize, of: fn(&(f64, f64)) -> f64| {
            (0..brute).map(|r| of(&runs[point][drawn(repeat, r)])).sum::<f64>() / brute as f64
        };
        let pick = (0..64)
            .filter(|point| tried(*point, |run| run.1) <= limit)
            .min_by(|a, b| tried(*a, |run| run.0).total_cmp(&tried(*b, |run| run.0)));
        brute_right += u32::from(pick.is_some_and(is_good));
    }
    let (mean_spent, all) = (spent / REPEATS as usize, 64 * brute);
    println!(
        "right in {right} of 200 with {mean_spent} runs ({decided} decided); all with {all} runs: right in {brute_right}; \
         {} of 64 are good",
        good.len()
    );
    for y in 0..8 {
        let row: Vec<String> = (0..8)
            .map(|x| format!("{:.1}/{:.0}", mean(8 * y + x, |r| r.0), mean(8 * y + x, |r| r.1 / 1000.0)))
            .collect();
        println!("{}", row.join(" "));
    }
    assert!(right >= 190, "{right} of 200 (trying all: {brute_right})");
    assert!(5 * mean_spent <= all, "{mean_spent} of {all} runs");
}

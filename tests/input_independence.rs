//! Common random numbers hold: what is added to a scenario, a fleet, a class or a cause of further draws, changes nothing
//! of what the others meet.

use fleetsim::engine::Streams;
use fleetsim::metrics::{JobOutcome, RunOutcome};
use fleetsim::scenario::{Scenario, resolve};
use fleetsim::simulation::{Keep, simulate};
use proptest::prelude::*;

const UNIT: &str = r#"
[[workload.class]]
name = "unit"
tags = ["linux"]
arrivals = { per_hour = 50 }
cpu_bound = 0.0
duration = { median = "2m", p95 = "5m" }
"#;

/// A source of another kind, which also draws what each of its jobs needs.
const PIPELINE: &str = r#"
[[workload.pipeline]]
name = "request"
stages = ["build", "test"]
arrivals = { per_hour = 20, burstiness = 0.4 }
[[workload.pipeline.job]]
name = "build"
stage = "build"
tags = ["linux"]
cpu_bound = 0.0
duration = { median = "2m", p95 = "5m" }
[[workload.pipeline.job]]
name = "test"
stage = "test"
tags = ["linux"]
cpu_bound = 0.0
duration = { median = "1m", p95 = "3m" }
"#;

/// The class of its first job.
const BUILD: &str = "request:build";

/// A class with runner and nodes of its own.
const OTHER_CLASS: &str = r#"
[[workload.class]]
name = "other"
tags = ["other"]
arrivals = { per_hour = 80 }
duration = { median = "3m", p95 = "9m" }
"#;

const REST: &str = r#"
[[runner]]
name = "eks"
tags = ["linux"]
concurrent = 40
poll_timeout = "10m"
[[runner]]
name = "other"
tags = ["other"]
concurrent = 40
poll_timeout = "10m"
[[node_pool]]
name = "ci"
arch = ["amd64"]
capacity_type = ["on-demand"]
instance_category = ["m"]
requirements = [{ key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4"] }]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "1m" }
[fleet.a]
"#;

/// Fleets that draw more than `a`: interruptions, another order of events, another workload.
const OTHER_FLEETS: &str = r#"
[fleet.spot]
"node_pool.ci.capacity_type" = ["spot"]
[fleet.slow]
"runner.eks.concurrent" = 5
"#;

fn read(parts: &[&str]) -> Scenario {
    let text = format!("horizon = \"4h\"\n{}", parts.concat());
    let mut nothing = |_: &str| Err("no file".to_owned());
    resolve(&text, "t.toml", &mut nothing).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn run(scenario: &Scenario, fleet: &str, seed: u64, replication: u32) -> RunOutcome {
    let fleet = scenario.fleets.iter().find(|one| one.name == fleet).unwrap();
    let streams = Streams::new(seed, replication);
    let arrivals = fleet.arrivals(streams).unwrap();
    simulate(&fleet.plan, streams, arrivals, Keep { jobs: true, nodes: true }).unwrap().outcome
}

/// When a job came, and how long its script ran where it ended by itself.
type Met = (u64, Option<u64>);

/// When each job of a class came and how long its script runs by itself, in the order in which they came; nothing is said
/// of the length where the job did not end by itself.
fn met(scenario: &Scenario, class: &str, run: &RunOutcome) -> Vec<Met> {
    let workload = &scenario.fleets[0].workload;
    let classes: Vec<&str> = workload.classes.as_slice().iter().map(|class| class.name.as_str()).collect();
    let records = run.job_records.as_ref().unwrap().iter();
    let mut jobs: Vec<(u64, u64, Option<u64>)> = records
        .filter(|job| job.attempt == 0 && classes[job.class as usize] == class)
        .map(|job| {
            let work = (job.script_ended_at - job.script_started_at).as_ms();
            let is_whole = job.outcome == JobOutcome::Success;
            (job.pending_at.as_ms(), job.pipeline, is_whole.then_some(work))
        })
        .collect();
    jobs.sort_unstable();
    jobs.into_iter().map(|(at, _, work)| (at, work)).collect()
}

/// The same jobs; lengths agree wherever both are known, which is nearly always.
fn same(a: &[Met], b: &[Met]) -> bool {
    let both = a.iter().zip(b).filter(|(a, b)| a.1.is_some() && b.1.is_some()).count();
    let agree = |(a, b): (&Met, &Met)| a.0 == b.0 && (a.1.is_none() || b.1.is_none() || a.1 == b.1);
    a.len() == b.len() && both * 2 > a.len() && a.iter().zip(b).all(agree)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_added_changes_nothing_that_others_meet(seed in 0u64..1_000_000, replication in 0u32..50) {
        let alone = read(&[UNIT, PIPELINE, REST]);
        let reference = run(&alone, "a", seed, replication);
        let jobs = met(&alone, "unit", &reference);
        // When the second stage comes depends on the fleet; the first comes with the pipeline.
        let builds = met(&alone, BUILD, &reference);
        prop_assert!(jobs.len() > 100 && builds.len() > 30);

        // A fleet more: not a byte of the others moves.
        let fleets = read(&[UNIT, PIPELINE, REST, OTHER_FLEETS]);
        prop_assert_eq!(&run(&fleets, "a", seed, replication), &reference);
        // And the further fleets meet the same jobs, whatever else they draw.
        for other in ["spot", "slow"] {
            let other = run(&fleets, other, seed, replication);
            prop_assert!(same(&met(&fleets, "unit", &other), &jobs));
            prop_assert!(same(&met(&fleets, BUILD, &other), &builds));
        }

        // A class more.
        let with = read(&[UNIT, OTHER_CLASS, PIPELINE, REST]);
        let outcome = run(&with, "a", seed, replication);
        prop_assert!(met(&with, "other", &outcome).len() > 150);
        prop_assert!(same(&met(&with, "unit", &outcome), &jobs));
        prop_assert!(same(&met(&with, BUILD, &outcome), &builds));

        // A draw more per job: whether its script fails.
        let failing = UNIT.replace("cpu_bound", "failure = 0.2\ncpu_bound");
        let failing = read(&[&failing, PIPELINE, REST]);
        let outcome = run(&failing, "a", seed, replication);
        prop_assert!(same(&met(&failing, "unit", &outcome), &jobs));
        prop_assert!(same(&met(&failing, BUILD, &outcome), &builds));
    }
}

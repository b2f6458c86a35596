//! Launches that fail for other reasons than capacity, in the whole loop, one rule per test.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::ec2::{Outage, PoolFilter, Strike, Throttle};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::metrics::{JobOutcome, NodeEnd};
use fleetsim::simulation::{CapacityPlan, Decision, Explanation};
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, ReasonSet, Retry};
use plans::{Case, hours, mins, secs};

/// One job for a node of Karpenter's; EC2 fails every launch for so long.
fn failing_for(span: SimDuration) -> Case {
    let case = Case::new().at_once().manager(5).pool(&["m6i.large"], "on-demand", Some(secs(30)));
    let case = case.class("test", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |_| {});
    let case = case.change(|plan| {
        plan.executor.poll_timeout = mins(60);
        plan.ec2.launch_stress.failures = vec![(SimTime::ZERO, SimTime::ZERO + span)];
    });
    case.job(secs(0), "test", mins(1))
}

/// When claims were opened by passes.
fn claims(run: &plans::Run) -> Vec<u64> {
    let opened = run.finished.decisions.iter().filter_map(|one| match one.what {
        Decision::Pass { claims: 1.., .. } => Some(one.at.as_ms() / 1000),
        _ => None,
    });
    opened.collect()
}

#[test]
fn a_launch_that_fails_is_tried_again_after_one_second_then_two_up_to_a_minute() {
    let run = failing_for(secs(90)).run();
    let (_, reasons) = failing_for(secs(90)).explained();
    let failed: Vec<(u64, u64)> = reasons
        .iter()
        .filter_map(|one| match &one.what {
            Explanation::LaunchFailed { again_at, builds, .. } if builds[..] == [0] => {
                Some((one.at.as_ms(), again_at.as_ms() - one.at.as_ms()))
            }
            _ => None,
        })
        .collect();
    let waits: Vec<u64> = failed.iter().map(|(_, wait)| wait / 1000).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60], "{failed:?}");
    let node = run.nodes()[0];
    assert_eq!(
        (claims(&run).len(), node.launched_at.as_ms()),
        (1, failed[0].0 + 123_000),
        "the claim is the same"
    );
    assert_eq!(run.job(0).outcome, JobOutcome::Success);
}

#[test]
fn a_claim_that_is_not_launched_within_five_minutes_is_deleted_and_its_pod_packed_anew() {
    let run = failing_for(mins(12)).run();
    let opened = claims(&run);
    assert_eq!(opened.len(), 3, "{opened:?}");
    for pair in opened.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((300..=312).contains(&apart), "the pod triggers again within ten seconds: {apart}");
    }
    let node = run.nodes()[0];
    assert!(
        node.launched_at >= SimTime::ZERO + mins(12) && node.launched_at <= SimTime::ZERO + mins(13),
        "{node:?}"
    );
    assert_eq!((run.nodes().len(), run.job(0).outcome), (1, JobOutcome::Success));
}

#[test]
fn a_launch_that_waits_longer_than_five_minutes_for_its_answer_is_given_up_too() {
    let throttle = Throttle { from: SimTime::ZERO, until: SimTime::ZERO + mins(8), spacing: mins(7) };
    let case =
        failing_for(SimDuration::ZERO).change(|plan| plan.ec2.launch_stress.throttles = vec![throttle]);
    // The first call is taken up at once; the second job comes later and needs a node of its own.
    let run = case.job(secs(20), "test", mins(30)).job(secs(20), "test", mins(30)).run();
    assert!(run.jobs().iter().all(|job| job.outcome == JobOutcome::Success));
    let late = run.nodes().iter().filter(|node| node.launched_at >= SimTime::ZERO + mins(7)).count();
    assert!(late >= 1 && claims(&run).iter().any(|at| (300..=345).contains(at)), "{:?}", claims(&run));
}

#[test]
fn a_node_that_never_registers_is_deleted_after_fifteen_minutes_and_its_pod_gets_another() {
    let case = failing_for(SimDuration::ZERO).change(|plan| plan.ec2.startup.hang = Ppm::ONE);
    let run = case.until(mins(40)).run();
    let nodes = run.nodes();
    let timed_out = nodes.iter().filter(|node| node.end == NodeEnd::NeverRegistered).count();
    assert_eq!((timed_out, nodes.len()), (2, 3), "{nodes:?}");
    for pair in nodes.windows(2) {
        let apart = (pair[1].launched_at - pair[0].launched_at).as_ms() / 1000;
        assert!((900..=925).contains(&apart), "{apart}");
    }
}

#[test]
fn a_pass_whose_minute_is_over_leaves_the_other_pods_to_the_next_one() {
    let claims_of_passes = |most_tries: Option<u64>| {
        let mut case = failing_for(SimDuration::ZERO).change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            karpenter.pass.most_tries = most_tries;
        });
        for _ in 0..4 {
            case = case.job(secs(0), "test", mins(5));
        }
        let opened = case.run().finished.decisions.clone().into_iter().filter_map(|one| match one.what {
            Decision::Pass { claims, .. } if claims > 0 => Some(claims),
            _ => None,
        });
        opened.collect::<Vec<_>>()
    };
    assert_eq!(claims_of_passes(None), [5]);
    assert_eq!(claims_of_passes(Some(2)), [2, 2, 1]);
}

/// Five jobs that fill a Spot node of any of these types each.
fn burst(types: &[&str]) -> Case {
    let case = Case::new().at_once().manager(50).pool(types, "spot", Some(secs(30)));
    let mut case = case.class("test", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |_| {});
    for _ in 0..5 {
        case = case.job(secs(0), "test", mins(1));
    }
    case.change(|plan| plan.executor.poll_timeout = mins(60))
}

fn calls(run: &plans::Run) -> u64 {
    let mut work = run.finished.outcome.work.iter();
    work.find(|(name, _)| *name == "create_fleet_calls").map_or(0, |(_, count)| count)
}

const SMALL: [&str; 4] = ["m6i.large", "m5.large", "m6a.large", "m7i.large"];

#[test]
fn equal_launches_of_a_pass_are_one_call_and_all_its_instances_come_from_one_pool() {
    let mut pools = Vec::new();
    for seed in 0..12 {
        let run = burst(&SMALL).seed(seed).run();
        let mut places: Vec<(u32, u16)> =
            run.nodes().iter().map(|node| (node.instance_type, node.zone)).collect();
        places.dedup();
        assert_eq!((run.nodes().len(), places.len(), calls(&run)), (5, 1, 1), "seed {seed}");
        pools.extend(places);
    }
    pools.sort_unstable();
    pools.dedup();
    assert!(pools.len() > 1, "another call may be served from another pool");
}

#[test]
fn launches_that_differ_in_what_ec2_may_choose_from_are_calls_of_their_own() {
    // Both kinds fill a node. Only types with 16 GiB take the larger one, any type the other.
    let large = |case: Case| {
        let nothing = Distribution::Constant(SimDuration::ZERO);
        let case = case.class("large", 1500, 12_000, nothing, |_| {});
        case.job(secs(0), "large", mins(1)).job(secs(0), "large", mins(1))
    };
    let run = large(burst(&["m6i.large", "r6i.large", "r5.large"])).run();
    assert_eq!((run.nodes().len(), calls(&run)), (7, 2));
}

#[test]
fn a_throttled_api_counts_equal_launches_once() {
    let throttle = Throttle { from: SimTime::ZERO, until: SimTime::ZERO + mins(30), spacing: secs(20) };
    let run = burst(&SMALL).change(|plan| plan.ec2.launch_stress.throttles = vec![throttle]).run();
    let first = run.nodes()[0].launched_at;
    assert!(run.nodes().iter().all(|node| node.launched_at == first), "{:?}", run.nodes());
}

#[test]
fn what_ec2_has_not_is_left_out_for_three_minutes_though_it_is_back_sooner() {
    let case = Case::new().at_once().manager(50).pool(&["m6i.large", "m6a.large"], "on-demand", None);
    let case = case.class("test", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |_| {});
    let run = case
        .change(|plan| {
            let cheap = plan.ec2.catalog.find("m6a.large").expect("an instance type");
            let pools = PoolFilter::default().types([cheap]);
            plan.ec2.capacity.outages =
                vec![Outage { pools, from: SimTime::ZERO, until: SimTime::ZERO + secs(10) }];
        })
        .job(secs(0), "test", mins(30))
        .job(secs(60), "test", mins(30))
        .job(secs(240), "test", mins(30))
        .run();
    let catalog = fleetsim::catalog::Catalog::builtin("us-east-1").expect("embedded");
    let name = |node: &fleetsim::metrics::NodeRecord| {
        catalog.get(fleetsim::catalog::TypeId::new(node.instance_type)).name.to_string()
    };
    let names: Vec<String> = run.nodes().iter().map(name).collect();
    assert_eq!(names, ["m6i.large", "m6i.large", "m6a.large"]);
}

#[test]
fn a_spot_pool_that_warns_of_an_interruption_is_left_out_for_three_minutes() {
    let lost = ReasonSet::parse(["runner_system_failure"]).expect("a reason");
    let case = Case::new().at_once().manager(50).pool(&["m6i.large"], "spot", None).change(|plan| {
        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!("a pool was added") };
        let zone = "topology.kubernetes.io/zone";
        let one_zone = RequirementSpec::new(zone, Operator::In, &["us-east-1a"]);
        karpenter.pools[0].spec.requirements.push(one_zone);
        plan.executor.poll_timeout = mins(60);
        plan.ec2.spot.scale = Ppm::ZERO;
        let (at, pools) = (SimTime::ZERO + mins(20), PoolFilter::default());
        plan.ec2.spot.strikes = vec![Strike { at, pools, share: Ppm::ONE, spread: SimDuration::ZERO }];
    });
    let case = case.class("test", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |class| {
        class.retry = Retry { max: Some(2), when: lost };
    });
    let run = case.job(secs(0), "test", hours(1)).run();
    let again = run.nodes()[1].launched_at.saturating_since(SimTime::ZERO + mins(20));
    assert!(again >= mins(3) && again < mins(3) + secs(25), "{again:?}");
}

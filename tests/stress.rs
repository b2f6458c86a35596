//! What a scenario makes happen on a schedule, in the whole loop, and how it is read.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::{CapacityType, ZoneId};
use fleetsim::ec2::{CapacityPool, Outage, PoolFilter, SlowBoot, SpotPriceProcess, Strike, Throttle};
use fleetsim::engine::Streams;
use fleetsim::metrics::{JobOutcome, NodeEnd};
use fleetsim::scenario::{Scenario, resolve};
use fleetsim::simulation::{DrainPlan, Plan};
use fleetsim::units::{CostMeter, Money, Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, ReasonSet, Retry};
use plans::{Case, at_secs, hours, mins, secs};

/// Jobs of a core and a half that are tried again when the fleet loses them.
fn case() -> Case {
    let lost = ReasonSet::parse(["runner_system_failure"]).expect("a reason");
    let duration = Distribution::Constant(SimDuration::ZERO);
    Case::new().at_once().manager(10).class("test", 1500, 1024, duration, |class| {
        class.retry = Retry { max: Some(2), when: lost };
    })
}

/// Every Spot instance is taken after an hour, and there is none for half an hour.
fn spot_outage(plan: &mut Plan) {
    let (at, pools) = (SimTime::ZERO + hours(1), PoolFilter::default().bought(CapacityType::Spot));
    plan.executor.poll_timeout = hours(1);
    plan.ec2.spot.scale = Ppm::ZERO;
    plan.ec2.spot.strikes =
        vec![Strike { at, pools: pools.clone(), share: Ppm::ONE, spread: SimDuration::ZERO }];
    plan.ec2.capacity.outages = vec![Outage { pools, from: at, until: at + mins(30) }];
}

#[test]
fn a_spot_outage_takes_the_job_at_the_notice_and_its_retry_waits_for_capacity() {
    let case = case().pool(&["m6i.large"], "spot", Some(mins(5))).change(spot_outage);
    let run = case.job(mins(30), "test", hours(1)).run();
    let jobs = run.jobs();
    let outcomes: Vec<JobOutcome> = jobs.iter().map(|job| job.outcome).collect();
    assert_eq!(outcomes, [JobOutcome::Interrupted, JobOutcome::Success]);
    // Karpenter hears of it and drains: the job is lost within seconds, not after two minutes.
    assert!(jobs[0].script_ended_at.saturating_since(SimTime::ZERO + hours(1)) < secs(15), "{jobs:?}");
    // EC2 has Spot again at 1 h 30; Karpenter asks as its marks of three minutes end.
    let bound_at = jobs[1].bound_at.saturating_since(SimTime::ZERO + mins(90));
    assert!(bound_at > SimDuration::ZERO && bound_at < mins(5), "{bound_at:?}");
}

#[test]
fn without_an_interruption_queue_the_job_runs_on_until_the_instance_is_gone() {
    let case = case().pool(&["m6i.large"], "spot", Some(mins(5))).change(|plan| {
        spot_outage(plan);
        plan.ec2.interruption_queue = false;
    });
    let run = case.job(mins(30), "test", hours(1)).run();
    assert_eq!(run.jobs()[0].script_ended_at, SimTime::ZERO + mins(62));
    assert_eq!(run.jobs()[0].outcome, JobOutcome::Interrupted);
}

#[test]
fn a_fixed_spot_node_taken_in_its_first_hour_is_free_and_one_taken_later_is_not() {
    // m6i.large Spot in the first zone; the outage strikes after 30 min, and the second node after 100 min of its life.
    let run = |at: SimDuration| {
        let case = case().spot_nodes(1, "m6i.large").change(|plan| {
            spot_outage(plan);
            plan.ec2.spot.strikes[0].at = SimTime::ZERO + at;
            plan.ec2.capacity.outages.clear();
        });
        let price = case
            .plan
            .ec2
            .catalog
            .find("m6i.large")
            .and_then(|id| case.plan.ec2.catalog.price(id, ZoneId(0), CapacityType::Spot));
        (case.until(hours(2)).run().nodes()[0], price.expect("a Spot price"))
    };
    let (early, _) = run(mins(30));
    assert_eq!((early.end, early.cost, early.billed_ms), (NodeEnd::Interrupted, CostMeter::ZERO, 0));
    let (late, price) = run(mins(100));
    // 100 minutes and the notice of two: 1.7 hours.
    let expected = Money(i128::from(price.0) * 17 / 10);
    assert!((late.cost.read().as_dollars() - expected.as_dollars()).abs() < 1e-8);
}

#[test]
fn on_demand_takes_over_where_a_pool_allows_both() {
    let spot = case().pool(&["m6i.large"], "spot", Some(mins(5))).change(|plan| {
        spot_outage(plan);
        let fleetsim::simulation::CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
            unreachable!("a pool was added")
        };
        karpenter.pools[0].spec.requirements[1].values = vec!["spot".to_owned(), "on-demand".to_owned()];
    });
    let run = spot.job(mins(30), "test", hours(1)).run();
    let retry = run.jobs()[1];
    assert_eq!(retry.capacity, Some(CapacityType::OnDemand));
    assert!(retry.bound_at.saturating_since(SimTime::ZERO + hours(1)) < mins(1), "{retry:?}");
}

#[test]
fn nothing_is_launched_while_on_demand_is_short() {
    let case = case().pool(&["m6i.large"], "on-demand", Some(mins(5))).change(|plan| {
        let pools = PoolFilter::default().bought(CapacityType::OnDemand);
        plan.executor.poll_timeout = hours(2);
        plan.ec2.capacity.outages = vec![Outage { pools, from: at_secs(0), until: at_secs(1800) }];
    });
    let run = case.job(secs(60), "test", mins(5)).run();
    let bound_at = run.jobs()[0].bound_at;
    assert!(bound_at > at_secs(1800) && bound_at < at_secs(1800 + 300), "{bound_at:?}");
}

#[test]
fn a_throttled_api_takes_up_one_launch_after_the_other() {
    let mut case = case().pool(&["m6i.large"], "on-demand", Some(mins(5))).change(|plan| {
        let (from, until) = (at_secs(0), at_secs(3600));
        plan.executor.poll_timeout = hours(1);
        plan.ec2.launch_stress.throttles = vec![Throttle { from, until, spacing: secs(90) }];
    });
    // Passes of their own (the next one waits until what is asked for is launched): equal calls of one pass go out as one.
    for number in 0..4 {
        case = case.job(secs(60 + 40 * number), "test", mins(30));
    }
    let mut launched: Vec<u64> = case.run().nodes().iter().map(|node| node.launched_at.as_ms()).collect();
    launched.sort_unstable();
    assert_eq!(launched.len(), 4);
    assert!(launched.windows(2).all(|pair| pair[1] - pair[0] == 90_000), "{launched:?}");
}

#[test]
fn instances_boot_slowly_while_they_are_said_to() {
    let ready_after = |percent: Option<u64>| {
        let case = Case::new().manager(1).pool(&["m6i.large"], "on-demand", Some(mins(5))).change(|plan| {
            plan.ec2.startup.hang = Ppm::ZERO;
            let slow = |percent| SlowBoot { from: at_secs(0), until: at_secs(600), percent };
            plan.ec2.launch_stress.slow_boots = percent.map(slow).into_iter().collect();
        });
        let duration = Distribution::Constant(mins(1));
        let case = case.class("test", 1000, 512, duration, |_| {}).job(secs(10), "test", mins(1));
        let node = case.run().nodes()[0];
        (node.ready_at - node.launched_at).as_ms()
    };
    // Each of the two delays behind the launch is rounded to a millisecond.
    assert!((ready_after(Some(300))).abs_diff(3 * ready_after(None)) <= 4);
}

#[test]
fn a_drained_group_loses_its_jobs_and_gets_new_nodes() {
    let at = SimTime::ZERO + mins(30);
    let drained = |case: Case| {
        case.change(|plan| plan.stress.drains = vec![DrainPlan { at, pools: vec![0] }])
            .job(secs(0), "test", hours(1))
            .run()
    };
    for run in [
        drained(case().nodes(1, "m6i.large")),
        drained(case().pool(&["m6i.large"], "on-demand", Some(mins(5)))),
    ] {
        let outcomes: Vec<JobOutcome> = run.jobs().iter().map(|job| job.outcome).collect();
        assert_eq!(outcomes, [JobOutcome::Interrupted, JobOutcome::Success]);
        assert!(run.jobs()[0].script_ended_at.saturating_since(at) < secs(15));
        let ends: Vec<NodeEnd> = run.nodes().iter().map(|node| node.end).collect();
        assert_eq!((ends.len(), ends[0]), (2, NodeEnd::Drained), "{ends:?}");
    }
}

#[test]
fn a_gitlab_outage_holds_up_what_is_pending_and_not_what_runs() {
    let (from, until) = (SimTime::ZERO + mins(10), SimTime::ZERO + mins(40));
    let case = case()
        .nodes(1, "m6i.large")
        .change(|plan| plan.stress.gitlab_outages = vec![(from, until)])
        .job(secs(0), "test", mins(20))
        .job(mins(15), "test", mins(5))
        .job(mins(50), "test", mins(5));
    let jobs = case.run().jobs();
    assert!(jobs.iter().all(|job| job.outcome == JobOutcome::Success));
    assert!(jobs[0].script_ended_at < SimTime::ZERO + mins(21), "what runs goes on");
    let waited = jobs[1].picked_at.saturating_since(until);
    assert!(jobs[1].picked_at >= until && waited < secs(3), "{waited:?}");
    assert_eq!(jobs[1].pending_at, SimTime::ZERO + mins(15));
    assert!(jobs[2].picked_at.saturating_since(SimTime::ZERO + mins(50)) < secs(3));
}

#[test]
fn jobs_that_wait_when_gitlab_goes_away_wait_until_it_is_back() {
    let (from, until) = (SimTime::ZERO + mins(10), SimTime::ZERO + mins(40));
    let mut case = Case::new().at_once().manager(1).nodes(1, "m6i.large");
    case = case.class("test", 500, 256, Distribution::Constant(SimDuration::ZERO), |_| {});
    // One slot: the second job is pending when the outage begins, though the slot is free at 20 min.
    let case = case.change(|plan| plan.stress.gitlab_outages = vec![(from, until)]);
    let jobs = case.job(secs(0), "test", mins(20)).job(secs(5), "test", mins(5)).run().jobs();
    assert!(jobs[1].picked_at >= until && jobs[1].picked_at.saturating_since(until) < secs(3), "{jobs:?}");
}

#[test]
fn spot_prices_that_wander_are_billed_day_by_day() {
    let process = SpotPriceProcess { volatility: Ppm(50_000), persistence: Ppm(900_000) };
    let case = case().spot_nodes(1, "m6i.large").change(|plan| {
        plan.ec2.spot.scale = Ppm::ZERO;
        plan.ec2.spot_prices = Some(process);
    });
    let catalog = case.plan.ec2.catalog.clone();
    let instance_type = catalog.find("m6i.large").expect("a type");
    let pool = CapacityPool { instance_type, zone: ZoneId(0), capacity_type: CapacityType::Spot };
    let of = |capacity| catalog.price(instance_type, ZoneId(0), capacity).expect("a price");
    let node = case.until(hours(72)).run().nodes()[0];
    let (mut price, mut deviation, mut cost) = (of(CapacityType::Spot), 0.0, CostMeter::ZERO);
    for day in 0..3 {
        let next = process.next(deviation, pool, day, &Streams::new(1, 0));
        price = SpotPriceProcess::moved(price, deviation, next, of(CapacityType::OnDemand));
        deviation = next;
        cost += CostMeter::of(price, 24 * 3_600_000);
    }
    assert_eq!(node.cost, cost);
    assert_ne!(cost, CostMeter::of(of(CapacityType::Spot), 72 * 3_600_000));
}

const SCENARIO: &str = r#"
[[workload.class]]
name = "unit"
cpu = "1"
memory = "1Gi"
arrivals = { per_day = 100 }
duration = "3m"
[[runner]]
name = "eks"
[[node_pool]]
name = "ci"
arch = ["amd64"]
instance_category = ["m"]
[ec2.spot]
price_volatility = 0.015
shocks = { enabled = true, kill_mean = 0.67 }
[ec2.capacity]
on_demand_shortage = 0.01
[[event]]
name = "outage"
kind = "spot-outage"
at = "1d"
for = "30m"
zones = ["eu-central-1a"]
families = ["m7g", "m6i"]
[[event]]
name = "dear"
kind = "price-rise"
at = "2d"
for = "1d"
factor = 1.5
capacity_type = "spot"
instance_types = ["m6i.large"]
[[event]]
name = "short"
kind = "on-demand-shortage"
at = "2d"
for = "1h"
[[event]]
name = "throttled"
kind = "launch-throttling"
at = "1h"
for = "1h"
per_minute = 20.0
[[event]]
name = "slow"
kind = "slow-boot"
at = "3h"
for = "1h"
factor = 2.5
[[event]]
name = "spike"
kind = "load-spike"
at = "12h"
for = "2h"
factor = 4.0
[[event]]
name = "upgrade"
kind = "drain"
at = "3d"
pools = ["ci"]
[[event]]
name = "gitlab"
kind = "gitlab-outage"
at = "4d"
for = "45m"
[fleet.all]
[fleet.calm]
"event.gitlab.enabled" = false
"#;

fn scenario(text: &str) -> Scenario {
    let mut files = |_: &str| Err("there is no such file".to_owned());
    resolve(text, "stress.toml", &mut files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[test]
fn events_of_a_scenario_reach_the_rooms_they_concern() {
    let scenario = scenario(SCENARIO);
    let fleet = &scenario.fleets[0];
    let (plan, ec2) = (&fleet.plan, &fleet.plan.ec2);
    let day = |days: u64| SimTime::ZERO + hours(24 * days);
    assert_eq!(ec2.spot.strikes.len(), 1);
    assert_eq!(ec2.capacity.outages.len(), 2);
    assert_eq!(ec2.capacity.on_demand_shortage, Ppm(10_000));
    let pool = |name: &str, zone| CapacityPool {
        instance_type: ec2.catalog.find(name).expect("a type"),
        zone: ZoneId(zone),
        capacity_type: CapacityType::Spot,
    };
    let strike = &ec2.spot.strikes[0];
    assert_eq!((strike.at, strike.share), (day(1), Ppm::ONE));
    let covered = [pool("m7g.large", 0), pool("m6i.xlarge", 0), pool("m7g.large", 1), pool("c7g.large", 0)];
    assert_eq!(covered.map(|pool| strike.pools.covers(pool)), [true, true, false, false]);
    let usual = ec2.catalog.price(covered[1].instance_type, ZoneId(0), CapacityType::Spot);
    assert!(usual.is_some());
    let zones = ec2.catalog.zones().len();
    assert_eq!(ec2.price_changes.len(), 2 * zones, "up and down again in every zone");
    let (up, down) = (&ec2.price_changes[0], &ec2.price_changes[zones]);
    assert_eq!((up.at, down.at, up.price.0), (day(2), day(3), down.price.0 * 3 / 2));
    assert_eq!(ec2.launch_stress.throttles[0].spacing, secs(3));
    assert_eq!(ec2.launch_stress.slow_boots[0].percent, 250);
    assert_eq!(plan.stress.drains, [DrainPlan { at: day(3), pools: vec![0] }]);
    assert_eq!(plan.stress.gitlab_outages, [(day(4), day(4) + mins(45))]);
    assert!(scenario.fleets[1].plan.stress.gitlab_outages.is_empty());
    let spike = fleet.workload.synthetic.last().expect("the spike's own source");
    assert!((spike.per_day - 300.0).abs() < 1e-9);
    assert_eq!((spike.from, spike.until), (SimTime::ZERO + hours(12), SimTime::ZERO + hours(14)));
    assert_eq!(ec2.spot.shocks.as_ref().expect("shocks").kill_mean, Ppm(670_000));
    assert_eq!(ec2.spot_prices.expect("a process").volatility, Ppm(15_000));
}

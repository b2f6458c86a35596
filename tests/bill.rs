//! The bill and what it was paid for in the whole loop, against dollars reckoned by hand.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::CapacityType;
use fleetsim::metrics::{CostKind, NodeRecord, WasteKind};
use fleetsim::simulation::{CapacityPlan, DaemonSet, PriceChange};
use fleetsim::units::{HourlyPrice, Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Retry};
use plans::{Case, Run, at_secs, hours, mins, secs};

/// A manager and jobs of a core and a half that take what is written.
fn case() -> Case {
    let duration = Distribution::Constant(SimDuration::ZERO);
    Case::new().at_once().manager(10).class("test", 1500, 1024, duration, |class| {
        class.retry = Retry::always(2);
    })
}

/// Dollars of the instances' bill that went to `kind`.
fn paid_for(run: &Run, kind: WasteKind) -> f64 {
    run.finished.outcome.waste.of(kind).read().as_dollars()
}

fn assert_dollars(seen: f64, expected: f64) {
    assert!((seen - expected).abs() < 1e-6, "{seen} dollars, by hand {expected}");
}

#[test]
fn an_hour_of_a_node_divides_as_its_cores_and_its_time_do() {
    // m6i.xlarge: 4 cores at 0.192 dollars an hour, 80 millicores kept back; a daemon set of 120; one job of 1.5 cores
    // from minute 15 to 45 (to the second: a manager asks every second).
    let run = case()
        .nodes(1, "m6i.xlarge")
        .change(|plan| {
            plan.kubernetes.daemon_sets =
                vec![DaemonSet { name: "agent".to_owned(), requests: Resources::new(120, 64) }];
        })
        .job(mins(15), "test", mins(30))
        .until(hours(1))
        .run();
    let job = run.jobs()[0];
    let busy = (job.script_ended_at - job.bound_at).as_ms() as f64 / 3.6e6;
    assert!((busy - 0.5).abs() < 0.001);
    assert_dollars(paid_for(&run, WasteKind::Idle), 0.192 * (1.0 - busy));
    assert_dollars(paid_for(&run, WasteKind::UsefulWork), 0.192 * busy * 1.5 / 4.0);
    assert_dollars(paid_for(&run, WasteKind::Reserved), 0.192 * busy * 0.08 / 4.0);
    assert_dollars(paid_for(&run, WasteKind::DaemonSets), 0.192 * busy * 0.12 / 4.0);
    assert_dollars(paid_for(&run, WasteKind::Fragmentation), 0.192 * busy * 2.3 / 4.0);
    assert_dollars(run.finished.outcome.waste.total().read().as_dollars(), 0.192);
}

#[test]
fn a_node_of_twenty_seconds_is_billed_for_sixty_and_forty_of_them_were_for_nothing() {
    // m6i.large at 0.096 dollars an hour: 60 s are 0.0016 dollars, two thirds of it beyond the end of the run. The
    // volume, 20 GiB of gp3 at 1.60 dollars per month of 730 hours, has the same minimum.
    let run = case().nodes(1, "m6i.large").until(secs(20)).run();
    let outcome = &run.finished.outcome;
    assert_dollars(outcome.waste.total().read().as_dollars(), 0.0016);
    assert_dollars(paid_for(&run, WasteKind::Idle), 0.0016);
    assert_eq!(run.nodes()[0].billed_ms, 60_000);
    assert_dollars(outcome.costs.of(CostKind::RootVolume).read().as_dollars(), 1.6 / 730.0 / 60.0);
}

#[test]
fn a_price_that_trebles_makes_the_later_half_of_the_work_dearer() {
    // A job from 0 to 60 min on a node of 0.096 dollars an hour that costs 0.288 from minute 30 on: 0.75 of its two
    // cores are the job's, and 0.192 dollars are paid in that hour; then an hour idle at 0.288.
    let run = case()
        .nodes(1, "m6i.large")
        .change(|plan| {
            let instance_type = plan.ec2.catalog.find("m6i.large").expect("a type");
            plan.ec2.price_changes = vec![PriceChange {
                at: SimTime::ZERO + mins(30),
                instance_type,
                zone: None,
                capacity: CapacityType::OnDemand,
                price: HourlyPrice(288_000_000),
            }];
        })
        .job(secs(0), "test", mins(60))
        .until(hours(2))
        .run();
    let job = run.jobs()[0];
    let lag = job.bound_at.as_ms() as f64 / 3.6e6;
    let after = (job.script_ended_at.as_ms() as f64 / 3.6e6) - 0.5;
    assert_dollars(paid_for(&run, WasteKind::Idle), lag * 0.096 + (1.5 - after) * 0.288);
    assert_dollars(paid_for(&run, WasteKind::UsefulWork), 0.75 * ((0.5 - lag) * 0.096 + after * 0.288));
    assert_dollars(run.finished.outcome.waste.total().read().as_dollars(), 0.5 * 0.096 + 1.5 * 0.288);
}

#[test]
fn what_ec2_takes_back_in_the_first_hour_is_free_and_its_volume_is_not() {
    // Spot nodes that live for minutes: each reclaimed one costs nothing, whatever ran on it, and 20 GiB of gp3 go on.
    let run = case()
        .spot_nodes(1, "m6i.large")
        .change(|plan| plan.ec2.spot.scale = Ppm(4_000_000_000))
        .job(secs(0), "test", mins(50))
        .until(hours(3))
        .run();
    let nodes = run.nodes();
    let (free, billed): (Vec<NodeRecord>, Vec<_>) = nodes.iter().partition(|node| node.billed_ms == 0);
    assert!(!free.is_empty());
    assert!(free.iter().all(|node| (node.terminated_at - node.launched_at) < hours(1) && node.cost.0 == 0));
    let outcome = &run.finished.outcome;
    let billed: u128 = billed.iter().map(|node| node.cost.0).sum();
    assert_eq!(outcome.waste.total().0, billed);
    let ms = |node: &NodeRecord| (node.terminated_at - node.launched_at).as_ms().max(60_000) as f64;
    let hours: f64 = nodes.iter().map(ms).sum::<f64>() / 3.6e6;
    assert_dollars(outcome.costs.of(CostKind::RootVolume).read().as_dollars(), 1.6 / 730.0 * hours);
}

#[test]
fn nodes_of_a_static_pool_without_jobs_are_headroom() {
    let case = case().pool(&["m6i.large"], "on-demand", Some(secs(30))).change(|plan| {
        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!("a pool was added") };
        karpenter.pools[0].replicas = Some(2);
    });
    let run = case.until(hours(1)).run();
    assert!(paid_for(&run, WasteKind::Headroom) > 0.19);
    assert_dollars(paid_for(&run, WasteKind::Idle), 0.0);
}

#[test]
fn the_warm_up_is_left_out_of_every_category() {
    // Ready from the start, busy from 0 to 30 min, idle until 60; the first 20 min do not count.
    let job = |case: Case| case.nodes(1, "m6i.large").job(secs(0), "test", mins(30)).until(hours(1)).run();
    let (whole, counted) = (job(case()), job(case().warmed_up(mins(20))));
    let twenty_minutes = 0.096 / 3.0;
    let lag = counted.jobs()[0].bound_at.saturating_since(at_secs(0)).as_ms() as f64 / 3.6e6;
    let lost = 0.75 * (twenty_minutes - lag * 0.096);
    assert_dollars(paid_for(&whole, WasteKind::UsefulWork) - paid_for(&counted, WasteKind::UsefulWork), lost);
    assert_dollars(paid_for(&whole, WasteKind::Idle) - paid_for(&counted, WasteKind::Idle), lag * 0.096);
}

#[test]
fn a_node_is_paid_for_by_the_jobs_on_it_as_their_cpu_time_is() {
    // Two classes on a node of 0.192 dollars and a volume of 1.60 dollars per month: 1.5 cores for 40 minutes and 1 core for 30,
    // from the same second on. Of 60 + 30 core minutes the first has two thirds, of work and of all that is left over.
    let run = case()
        .class("other", 1000, 1024, Distribution::Constant(SimDuration::ZERO), |_| ())
        .nodes(1, "m6i.xlarge")
        .change(|plan| plan.executor.teardown = SimDuration::ZERO)
        .job(mins(15), "test", mins(40))
        .job(mins(15), "other", mins(30))
        .until(hours(1))
        .run();
    let minutes = |job: usize| {
        let job = run.jobs().into_iter().find(|record| record.class == job as u32).unwrap();
        (job.script_ended_at - job.bound_at).as_ms() as f64 / 60_000.0
    };
    let (first, second) = (minutes(0) * 1.5, minutes(1));
    assert!((first - 60.0).abs() < 0.2 && (second - 30.0).abs() < 0.2, "{first} and {second}");
    let groups = &run.finished.outcome.groups;
    let of = |class: &str| {
        let (_, used) = groups.accounts().iter().find(|(account, _)| account.class == class).unwrap();
        used.total().read().as_dollars()
    };
    let whole = run.finished.outcome.costs.total().read().as_dollars();
    assert_dollars(whole, 0.192 + 1.6 / 730.0);
    assert_dollars(of("test"), whole * first / (first + second));
    assert_dollars(of("other"), whole * second / (first + second));
}

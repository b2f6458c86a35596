//! Fixed nodes, Cluster Autoscaler and machines of runner managers: timelines worked out by hand, to the millisecond.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::{CapacityType, ZoneId};
use fleetsim::ec2::{Delay, StartupModel};
use fleetsim::metrics::{CostKind, JobOutcome, NodeEnd};
use fleetsim::scaling::{AutoscalerConfig, IdleTarget, MachinePolicy};
use fleetsim::simulation::{
    CapacityPlan, DrainPlan, FixedNodes, MachineGroup, MachinesPlan, NodeGroup, NodeGroupsPlan, PodSource,
    ScheduledPolicy,
};
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Retry};
use plans::{Case, Run, at_secs, mins, secs};

/// Nothing takes time but what the test says: pods are there as jobs arrive, instances run 10 s after the request, register after 30 s
/// and are ready after 40 s, and EC2 answers after 2 s. Jobs are `small` (0.9 cores), `big` (1.5) or `huge` (3).
fn case() -> Case {
    let mut case = Case::new().at_once().change(|plan| {
        plan.executor.pod_source = PodSource::Direct;
        plan.executor.poll_timeout = mins(60);
        plan.ec2.launch_answer = Delay::Constant(secs(2));
        plan.ec2.startup = StartupModel {
            request_to_running: Delay::Constant(secs(10)),
            running_to_registered: Delay::Constant(secs(20)),
            registered_to_ready: Delay::Constant(secs(10)),
            hang: Ppm::ZERO,
        };
    });
    for (name, cpu) in [("small", 900), ("big", 1500), ("huge", 3000)] {
        case = case.class(name, cpu, 1024, Distribution::Constant(SimDuration::ZERO), |class| {
            class.retry = Retry::always(1);
        });
    }
    case
}

fn nodes_of(case: &Case, instance_type: &str) -> FixedNodes {
    FixedNodes {
        name: instance_type.to_owned(),
        count: 0,
        instance_type: case.plan.ec2.catalog.find(instance_type).expect("known"),
        zones: vec![ZoneId(0)],
        capacity: CapacityType::OnDemand,
        discount: Ppm::ZERO,
        labels: Vec::new(),
        taints: Vec::new(),
    }
}

fn autoscaled(instance_types: &[&str]) -> Case {
    let case = case();
    let group = |name: &&str| NodeGroup {
        nodes: nodes_of(&case, name),
        more_types: Vec::new(),
        min: 0,
        max: 10,
        priority: 0,
    };
    let groups = instance_types.iter().map(group).collect();
    let plan = NodeGroupsPlan { config: AutoscalerConfig::default(), groups };
    case.change(|own| own.capacity = CapacityPlan::NodeGroups(Box::new(plan))).until(mins(60))
}

fn machines(policy: MachinePolicy) -> Case {
    let case = case();
    let group = MachineGroup {
        nodes: nodes_of(&case, "m6i.large"),
        more_types: Vec::new(),
        policy,
        scheduled: Vec::new(),
    };
    let plan = MachinesPlan { groups: vec![group] };
    case.change(|own| own.capacity = CapacityPlan::Machines(Box::new(plan))).until(mins(60))
}

/// The same with another policy from `from` until `until`.
fn machines_at_times(policy: MachinePolicy, then: MachinePolicy, (from, until): (u64, u64)) -> Case {
    machines(policy).change(|own| {
        let CapacityPlan::Machines(plan) = &mut own.capacity else { unreachable!("machines were planned") };
        let at = |seconds| SimTime::ZERO + secs(seconds);
        plan.groups[0].scheduled =
            vec![ScheduledPolicy { active: vec![(at(from), at(until))], policy: then }];
    })
}

fn fleeting() -> MachinePolicy {
    MachinePolicy {
        slots: 1,
        uses: 0,
        most: 0,
        growth: 0,
        idle: IdleTarget::Fleeting { count: 0, factor: Ppm::ZERO, limit: 0 },
        idle_time: mins(5),
        ready_first: false,
    }
}

/// When scripts started and ended, by build, in milliseconds.
fn scripts(run: &Run) -> Vec<(u64, u64)> {
    run.jobs().iter().map(|job| (job.script_started_at.as_ms(), job.script_ended_at.as_ms())).collect()
}

/// When nodes ran, were ready and ended, in seconds; and why they ended.
fn lives(run: &Run) -> Vec<(u64, u64, u64, NodeEnd)> {
    let secs = |at: SimTime| at.as_ms() / 1000;
    let life = |node: &fleetsim::metrics::NodeRecord| {
        assert_eq!(node.terminated_at.as_ms() % 1000, 0, "to the millisecond");
        (secs(node.launched_at), secs(node.ready_at), secs(node.terminated_at), node.end)
    };
    run.nodes().iter().map(life).collect()
}

#[test]
fn fixed_a_third_job_starts_in_the_millisecond_in_which_the_first_leaves() {
    let run = case().nodes(1, "m6i.large");
    let run = run
        .job(secs(0), "small", secs(100))
        .job(secs(1), "small", secs(200))
        .job(secs(2), "small", secs(50))
        .run();
    // Two of 0.9 cores fit on 1.93; the third waits for the first.
    assert_eq!(scripts(&run), [(0, 100_000), (1000, 201_000), (100_000, 150_000)]);
}

#[test]
fn fixed_a_pod_is_torn_down_before_the_next_one_binds_and_the_executor_looks_every_three_seconds() {
    let run = case().nodes(1, "m6i.large").change(|plan| {
        plan.executor.poll_interval = secs(3);
        plan.executor.teardown = secs(5);
        plan.kubernetes.pod_start = Delay::Constant(secs(2));
    });
    let run = run.job(secs(0), "big", secs(61)).job(secs(10), "big", secs(60)).run();
    // Ready at 2 s, seen at 3 s; script until 64 s, pod gone at 69 s. The other binds then, is ready at 71 s, and is looked at
    // 3, 6, … 63 s after its creation at 10 s.
    assert_eq!(scripts(&run), [(3000, 64_000), (73_000, 133_000)]);
    assert_eq!(run.job(1).bound_at, at_secs(69));
}

#[test]
fn fixed_a_drained_node_is_replaced_and_its_job_starts_anew_on_the_new_one() {
    let drain = DrainPlan { at: at_secs(100), pools: Vec::new() };
    let run = case().nodes(1, "m6i.large").change(|plan| plan.stress.drains.push(drain)).until(mins(10));
    let run = run.job(secs(40), "big", secs(200)).run();
    assert_eq!(run.job(0).outcome, JobOutcome::Interrupted);
    // Asked for at 100 s, ready 40 s later.
    assert_eq!(scripts(&run), [(40_000, 100_000), (140_000, 340_000)]);
    assert_eq!(lives(&run), [(0, 0, 100, NodeEnd::Drained), (110, 140, 600, NodeEnd::RunEnd)]);
}

#[test]
fn autoscaled_a_node_comes_with_the_next_scan_and_goes_ten_minutes_after_it_was_found_empty() {
    let run = autoscaled(&["m6i.large"]).job(SimDuration::from_ms(3500), "small", secs(61)).run();
    // Scan at 10 s; ready at 50 s; empty at 111 s, found so at 120 s; tainted at 720 s, terminated 5 s later.
    assert_eq!(scripts(&run), [(50_000, 111_000)]);
    assert_eq!(lives(&run), [(20, 50, 725, NodeEnd::Empty)]);
    let hourly = run.nodes()[0].cost.read().as_dollars() * 3600.0 / 705.0;
    let catalog = &autoscaled(&["m6i.large"]).plan.ec2.catalog;
    let kind = catalog.find("m6i.large").expect("known");
    let price = catalog.price(kind, ZoneId(0), CapacityType::OnDemand).expect("sold").as_dollars();
    assert!((hourly - price).abs() < 1e-6, "{hourly}");
}

#[test]
fn autoscaled_pods_younger_than_two_seconds_wait_for_another_scan_and_share_the_nodes_it_brings() {
    let run = autoscaled(&["m6i.large"])
        .job(secs(9), "small", secs(30))
        .job(SimDuration::from_ms(9500), "small", secs(41))
        .job(secs(10), "small", secs(50))
        .run();
    // At 10 s the oldest is 1 s old. At 20 s: two nodes, two pods on one of them, all at 60 s.
    assert_eq!(scripts(&run), [(60_000, 90_000), (60_000, 101_000), (60_000, 110_000)]);
    let mut ends: Vec<u64> = lives(&run).iter().map(|life| life.2).collect();
    ends.sort_unstable();
    assert_eq!(lives(&run).iter().map(|life| (life.0, life.1)).collect::<Vec<_>>(), [(30, 60), (30, 60)]);
    // kube-scheduler spreads: which two share a node decides when the nodes are empty.
    let (first, second) = (ends[0], ends[1]);
    assert!([705, 715].contains(&first) && [715, 725].contains(&second), "{first} {second}");
}

#[test]
fn autoscaled_nothing_is_removed_for_ten_minutes_after_any_group_grew() {
    let run = autoscaled(&["m6i.large", "m6i.xlarge"])
        .job(secs(3), "big", secs(31))
        .job(secs(303), "huge", secs(3000))
        .run();
    // The first node is empty at 81 s, found so at 90 s, and would go at 690 s; but the other group grew at 310 s.
    assert_eq!(scripts(&run)[0], (50_000, 81_000));
    assert_eq!(lives(&run), [(20, 50, 915, NodeEnd::Empty), (320, 350, 3600, NodeEnd::RunEnd)]);
}

#[test]
fn autoscaled_an_instance_that_never_joins_is_given_up_after_a_quarter_of_an_hour_and_its_group_rests() {
    let run = autoscaled(&["m6i.large"])
        .change(|plan| plan.ec2.startup.hang = Ppm::ONE)
        .job(secs(3), "small", secs(10))
        .run();
    // Asked for at 10 s, given up at 910 s; five minutes' rest, next try with the scan at 1210 s, ten minutes' rest after 2110 s.
    let asked: Vec<(u64, u64)> = run
        .nodes()
        .iter()
        .map(|node| (node.launched_at.as_ms() / 1000, node.terminated_at.as_ms() / 1000))
        .collect();
    assert_eq!(asked, [(20, 910), (1220, 2110), (2720, 3600)]);
}

#[test]
fn fleeting_makes_a_machine_for_a_job_and_removes_it_when_it_was_idle_for_long() {
    let run = machines(fleeting()).job(secs(5), "small", secs(60)).run();
    assert_eq!(scripts(&run), [(45_000, 105_000)]);
    assert_eq!(lives(&run), [(15, 45, 405, NodeEnd::Empty)]);
    // No kubelet keeps anything for itself.
    assert_eq!(run.nodes()[0].allocatable, run.nodes()[0].cpu);
    let once = machines(MachinePolicy { uses: 1, ..fleeting() }).job(secs(5), "small", secs(60)).run();
    assert_eq!(lives(&once), [(15, 45, 105, NodeEnd::Empty)]);
}

#[test]
fn docker_machine_keeps_idle_machines_and_a_third_job_waits_for_the_next() {
    let idle = IdleTarget::DockerMachine { count: 2, factor: Ppm::ZERO, least: 0 };
    let policy = MachinePolicy { idle, ready_first: true, ..fleeting() };
    let run = machines(policy);
    let run = run
        .job(secs(60), "small", secs(500))
        .job(secs(61), "small", secs(500))
        .job(secs(62), "small", secs(500))
        .run();
    // Two from the start, ready at 40 s. With the first job a third is asked for, with the second a fourth, with the third a fifth.
    assert_eq!(scripts(&run), [(60_000, 560_000), (61_000, 561_000), (100_000, 600_000)]);
    let ready: Vec<u64> = lives(&run).iter().map(|life| life.1).collect();
    assert_eq!(ready, [40, 40, 100, 101, 140]);
    assert_eq!(run.finished.outcome.costs.of(CostKind::ControlPlane).0, 0);
}

#[test]
fn idle_machines_come_when_their_period_begins_and_go_when_it_ends() {
    // Office hours from minute 10 to 30: two idle machines, asked for at 600 s, running at 610 s and ready at 640 s. Idle for more
    // than a minute, they go in the millisecond in which the period ends.
    let idle = |count| IdleTarget::DockerMachine { count, factor: Ppm::ZERO, least: 0 };
    let night = MachinePolicy { idle: idle(0), idle_time: mins(1), ..fleeting() };
    let office = MachinePolicy { idle: idle(2), ready_first: true, ..night };
    let run = machines_at_times(night, office, (600, 1800)).run();
    assert_eq!(lives(&run), [(610, 640, 1800, NodeEnd::Empty), (610, 640, 1800, NodeEnd::Empty)]);
    // A job in the period finds its machine; another is made in its place. With the job's end there are three idle ones, of which the
    // oldest has been idle for two minutes and goes at once; the others wait for the period's end.
    let run = machines_at_times(night, office, (600, 1800)).job(secs(700), "small", secs(60)).run();
    assert_eq!(scripts(&run), [(700_000, 760_000)]);
    let mut ends: Vec<u64> = lives(&run).iter().map(|life| life.2).collect();
    ends.sort_unstable();
    assert_eq!(ends, [760, 1800, 1800]);
    // An idle time of half an hour that began within the period ends after it.
    let patient = MachinePolicy { idle_time: mins(30), ..night };
    let run = machines_at_times(patient, MachinePolicy { idle_time: mins(30), ..office }, (600, 1800)).run();
    assert_eq!(lives(&run).iter().map(|life| life.2).collect::<Vec<_>>(), [2440, 2440]);
}

#[test]
fn jobs_beyond_the_last_slot_wait_and_share_machines_as_slots_allow() {
    let run = machines(MachinePolicy { slots: 2, most: 1, ..fleeting() });
    let run = run
        .job(secs(5), "small", secs(60))
        .job(secs(6), "small", secs(30))
        .job(secs(7), "small", secs(10))
        .run();
    assert_eq!(scripts(&run), [(45_000, 105_000), (45_000, 75_000), (75_000, 85_000)]);
    assert_eq!(lives(&run), [(15, 45, 405, NodeEnd::Empty)]);
}

//! A machine for each job: hosted minutes and Fargate pods, against dollars reckoned by hand, and as a scenario names them.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::Arch;
use fleetsim::ec2::Delay;
use fleetsim::metrics::{CostKind, JobOutcome, WasteKind};
use fleetsim::scaling::{TimeBilled, github_sizes, gitlab_minute, gitlab_sizes};
use fleetsim::scenario::{Scenario, resolve};
use fleetsim::simulation::{CapacityPlan, PerJobPlan};
use fleetsim::units::{Ppm, Resources, SimDuration};
use fleetsim::workload::Distribution;
use plans::{Case, Run, mins, secs};

fn github() -> PerJobPlan {
    PerJobPlan {
        kind: CostKind::HostedMinutes,
        sizes: github_sizes(),
        billed: TimeBilled { with_start: false, minimum: SimDuration::ZERO, step: mins(1) },
        start: Delay::Constant(secs(10)),
        overhead: Resources::ZERO,
        concurrent: None,
        speed: Ppm::ONE,
    }
}

fn case(machines: PerJobPlan) -> Case {
    Case::new().change(|plan| plan.capacity = CapacityPlan::PerJob(Box::new(machines))).class(
        "test",
        1000,
        2048,
        Distribution::Constant(SimDuration::ZERO),
        |_| {},
    )
}

fn dollars(run: &Run, kind: CostKind) -> f64 {
    run.finished.outcome.costs.of(kind).read().as_dollars()
}

#[test]
fn github_rounds_each_job_up_to_whole_minutes() {
    // Two jobs of 90 s on two cores of 0.006 dollars a minute: two minutes each, a quarter of the time for nothing.
    let run = case(github()).job(secs(0), "test", secs(90)).job(secs(5), "test", secs(90)).run();
    assert!((dollars(&run, CostKind::HostedMinutes) - 0.024).abs() < 1e-9);
    let used = *run.finished.outcome.waste.of_resource(CostKind::HostedMinutes);
    assert!((used.of(WasteKind::Idle).read().as_dollars() - 0.006).abs() < 1e-9);
    // One of two cores was asked for.
    assert!((used.of(WasteKind::UsefulWork).read().as_dollars() - 0.009).abs() < 1e-9);
    let job = run.jobs()[0];
    assert_eq!((job.script_started_at - job.pending_at, job.outcome), (secs(10), JobOutcome::Success));
    assert_eq!(job.script_ended_at - job.script_started_at, secs(90));
}

#[test]
fn gitlab_bills_seconds_by_the_cost_factor_and_arm_where_the_job_needs_it() {
    let billed = TimeBilled { step: secs(1), ..github().billed };
    let machines = PerJobPlan { sizes: gitlab_sizes(gitlab_minute()), billed, ..github() };
    let mut case = case(machines);
    case = case.class("big", 6000, 8192, Distribution::Constant(SimDuration::ZERO), |class| {
        class.arch = fleetsim::workload::ArchChoice::Arm64;
    });
    let run = case.job(secs(0), "big", secs(90)).run();
    // Large, factor 3: 90 s are 4.5 compute minutes of 0.01 dollars.
    assert!((dollars(&run, CostKind::HostedMinutes) - 0.045).abs() < 1e-9);
    assert_eq!(run.jobs()[0].arch, Arch::Arm64);
}

#[test]
fn no_more_than_so_many_jobs_run_and_the_others_wait_in_order() {
    let mut case = case(PerJobPlan { concurrent: Some(2), ..github() });
    for number in 0..4 {
        case = case.job(secs(number), "test", secs(50));
    }
    let starts: Vec<u64> = case.run().jobs().iter().map(|job| job.script_started_at.as_ms() / 1000).collect();
    assert_eq!(starts, [10, 11, 70, 71]);
}

#[test]
fn a_faster_machine_shortens_only_what_computes() {
    let mut case = case(PerJobPlan { speed: Ppm(2_000_000), ..github() });
    let (class, _) = case.workload.classes.iter().next().expect("a class");
    case.workload.classes[class].cpu_bound = Ppm(600_000);
    let job = case.job(secs(0), "test", secs(100)).run().jobs()[0];
    assert_eq!(job.script_ended_at - job.script_started_at, secs(70));
}

const SCENARIO: &str = r#"
horizon = "2h"
[[workload.class]]
name = "unit"
cpu = "1"
memory = "2Gi"
arch = ["amd64"]
arrivals = { per_hour = 60 }
duration = "3m"
[[runner]]
name = "eks"
helper_cpu_request = "100m"
helper_memory_request = "128Mi"
[[node_pool]]
name = "ci"
arch = ["amd64"]
instance_category = ["m"]
[fleet.fargate]
kind = "fargate"
[fleet.gitlab]
kind = "hosted"
[fleet.github]
kind = "hosted"
"hosted.provider" = "github"
"#;

#[test]
fn a_scenario_names_them_by_kind() {
    let mut files = |_: &str| Err("there is no such file".to_owned());
    let scenario: Scenario = resolve(SCENARIO, "hosted.toml", &mut files).expect("a scenario");
    let plan = |index: usize| match &scenario.fleets[index].plan.capacity {
        CapacityPlan::PerJob(machines) => machines.as_ref(),
        other => panic!("{other:?}"),
    };
    assert_eq!(plan(0).overhead, Resources::new(100, 128));
    assert!(plan(0).billed.with_start && plan(0).kind == CostKind::Fargate);
    let standing: Vec<&str> = scenario.fleets[0].plan.standing.iter().map(|(_, cost)| &*cost.name).collect();
    assert_eq!(
        standing.len(),
        3,
        "control plane, CoreDNS and the manager stay, Karpenter does not: {standing:?}"
    );
    assert!(standing.iter().all(|name| !name.contains("karpenter")), "{standing:?}");
    assert!(scenario.fleets[1].plan.standing.is_empty());
    assert_eq!(plan(2).billed.step, mins(1));
    let too_big = SCENARIO.replace("cpu = \"1\"", "cpu = \"100\"");
    let mistakes = resolve(&too_big, "hosted.toml", &mut files).expect_err("no size holds it");
    assert!(mistakes.iter().all(|mistake| mistake.code.id() == "FS0012"), "{mistakes:#?}");
}

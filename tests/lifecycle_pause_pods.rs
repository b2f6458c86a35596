//! Pause pods in the whole loop: room that is ready before jobs come, who takes it, and what it costs.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::gitlab::executor::{PAUSE_POD_PRIORITY, PausePods, PausePolicy};
use fleetsim::metrics::{JobOutcome, WasteKind};
use fleetsim::simulation::{ExecutorPlan, PausePodsPlan};
use fleetsim::units::{Mebibytes, Millicores, Resources, SimDuration, SimTime};
use fleetsim::workload::Distribution;
use plans::{Case, Run, at_secs, mins, secs};

/// One pod fills a node, a job's or a pause pod.
const CPU: u32 = 1500;

fn policy(idle_count: u32) -> PausePolicy {
    PausePolicy { active: vec![(SimTime::ZERO, SimTime::NEVER)], idle_count, ..PausePolicy::default() }
}

/// A Karpenter fleet whose nodes take a minute to be ready, and a runner with these policies.
fn kept_warm(policies: Vec<PausePolicy>) -> Case {
    Case::new()
        .manager(10)
        .class("job", CPU, 1024, Distribution::Constant(SimDuration::ZERO), |_| {})
        .pool(&["m6i.large"], "on-demand", Some(SimDuration::from_mins(10)))
        .change(|plan| {
            let executor = ExecutorPlan { priority: PAUSE_POD_PRIORITY, ..plan.executor.clone() };
            plan.horizon = SimDuration::from_hours(2);
            plan.kubernetes.pause_pods = vec![PausePodsPlan {
                manager: 0,
                entry: 0,
                wanted: PausePods { max: 0, policies },
                requests: Resources { cpu: Millicores(CPU), memory: Mebibytes(1024) },
                executor,
            }];
        })
}

/// From pending to the pod's node.
fn to_node(run: &Run, job: u32) -> SimDuration {
    run.job(job).bound_at - run.job(job).pending_at
}

#[test]
fn a_job_takes_the_room_of_a_pause_pod_at_once_and_another_node_comes_for_the_next() {
    let case =
        |policies| kept_warm(policies).job(mins(10), "job", mins(30)).job(mins(20), "job", mins(5)).run();
    let (cold, warm) = (case(Vec::new()), case(vec![policy(1)]));
    assert!(to_node(&cold, 0) > secs(20), "{:?}", to_node(&cold, 0));
    for job in 0..2 {
        assert!(to_node(&warm, job) < secs(10), "{:?}", to_node(&warm, job));
        assert_eq!(warm.job(job).outcome, JobOutcome::Success);
    }
    // The pod that the first job pushed away has its node ready before the second comes; the second pushes it again.
    assert_eq!((cold.nodes().len(), warm.nodes().len()), (2, 3));
    let first = warm.nodes().iter().map(|node| node.ready_at).min().unwrap();
    assert!(first < at_secs(5 * 60), "the first node is there before any job: {first:?}");
}

#[test]
fn what_pause_pods_hold_is_headroom_on_the_bill() {
    let run = kept_warm(vec![policy(1)]).job(mins(10), "job", mins(5)).run();
    let used = |kind| run.nodes().iter().map(|node| node.used_for.of(kind).0).sum::<u128>();
    assert!(used(WasteKind::Headroom) > 0);
    assert!(used(WasteKind::Headroom) > used(WasteKind::UsefulWork), "ten minutes before a job of five");
    let cold = kept_warm(Vec::new()).job(mins(10), "job", mins(5)).run();
    assert!(cold.nodes().iter().all(|node| node.used_for.of(WasteKind::Headroom).0 == 0));
}

#[test]
fn pause_pods_follow_the_running_jobs_and_leave_when_they_are_over() {
    let scaled = PausePolicy { scale_factor: 1.0, scale_factor_limit: 2, ..policy(0) };
    let mut case = kept_warm(vec![scaled]);
    for number in 0..3 {
        case = case.job(secs(600 + number), "job", mins(20));
    }
    let run = case.job(mins(25), "job", mins(1)).job(mins(25), "job", mins(1)).run();
    assert_eq!(run.count(JobOutcome::Success), 5);
    // Nobody waited for the nodes of the last two: two pods held room beside the three that ran.
    for job in 3..5 {
        assert!(to_node(&run, job) < secs(10), "{:?}", to_node(&run, job));
    }
    // Before the first job there is nothing.
    assert!(run.nodes().iter().all(|node| node.launched_at >= at_secs(600)));
}

#[test]
fn a_run_ends_with_its_jobs_although_pause_pods_remain() {
    let run = kept_warm(vec![policy(3)]).job(mins(10), "job", mins(5)).run();
    assert_eq!(run.count(JobOutcome::Success), 1);
    assert!(run.finished.outcome.end < at_secs(20 * 60), "{:?}", run.finished.outcome.end);
}

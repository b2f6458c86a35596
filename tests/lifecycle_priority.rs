//! Preemption by priority in the whole loop: who gives way, to whom, and that Karpenter launches nothing for it.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::gitlab::{EntryConfig, ManagerConfig, RunnerConfig};
use fleetsim::kubernetes::{DisruptionLimit, PodShare};
use fleetsim::metrics::JobOutcome;
use fleetsim::simulation::{OwnExecutor, PodDisruptionBudget};
use fleetsim::units::SimDuration;
use fleetsim::workload::Distribution;
use plans::{Case, at_secs, mins, secs};

/// Two runners; the pods of the second, which takes jobs with the tag `urgent`, have this priority. One job fills a node.
fn with_priority(priority: i32) -> Case {
    let tags = vec!["urgent".to_owned()];
    let second = RunnerConfig { tags: tags.clone(), run_untagged: false, ..RunnerConfig::default() };
    let entry = EntryConfig { runner: 1, request_concurrency: 10, ..EntryConfig::default() };
    let manager = ManagerConfig { concurrent: 10, entries: vec![entry], ..ManagerConfig::default() };
    let nothing = || Distribution::Constant(SimDuration::ZERO);
    Case::new()
        .manager(10)
        .manager_as(manager)
        .change(|plan| {
            plan.gitlab.runners.push(second);
            let mut executor = plan.executor.clone();
            executor.priority = priority;
            executor.poll_timeout = mins(60);
            plan.own_executors.push(OwnExecutor { manager: 1, entry: 0, executor });
        })
        .class("usual", 1500, 1024, nothing(), |_| {})
        .class("urgent", 1500, 1024, nothing(), |class| class.tags = tags)
}

#[test]
fn a_pod_of_higher_priority_pushes_another_off_its_node_and_waits_for_it_to_be_gone() {
    let case = |priority| with_priority(priority).nodes(1, "m6i.large");
    let run = case(100).job(secs(0), "usual", mins(20)).job(secs(60), "urgent", mins(1)).run();
    let (pushed, urgent) = (run.job(0), run.job(1));
    assert_eq!((pushed.outcome, urgent.outcome), (JobOutcome::Interrupted, JobOutcome::Success));
    assert!(pushed.script_ended_at >= urgent.pod_created_at);
    // The pod is torn down in five seconds, and what it held is free then.
    assert_eq!(urgent.bound_at, pushed.script_ended_at + secs(5));
    let equal = case(0).job(secs(0), "usual", mins(20)).job(secs(60), "urgent", mins(1)).run();
    assert_eq!(equal.count(JobOutcome::Success), 2);
    assert!(equal.job(1).bound_at >= equal.job(0).script_ended_at);
}

#[test]
fn karpenter_launches_no_node_for_a_pod_that_others_make_room_for() {
    let case = |priority| {
        // The victim takes longer to go than a batch stays open: long enough to launch a node for the pod that waits.
        let case = with_priority(priority).at_once().change(|plan| plan.executor.teardown = secs(30));
        let case = case.pool(&["m6i.large"], "on-demand", None);
        case.job(secs(0), "usual", mins(20)).job(mins(5), "urgent", mins(10)).run()
    };
    let preempting = case(100);
    assert_eq!((preempting.nodes().len(), preempting.count(JobOutcome::Interrupted)), (1, 1));
    let bound_at = preempting.job(1).bound_at;
    assert!(bound_at >= at_secs(5 * 60 + 30) && bound_at < at_secs(5 * 60 + 40), "{bound_at:?}");
    let patient = case(0);
    assert_eq!((patient.nodes().len(), patient.count(JobOutcome::Interrupted)), (2, 0));
}

#[test]
fn a_disruption_budget_spares_its_pods_where_others_can_make_room() {
    // Both nodes are full; the younger job would go, but its budget lets none of its pods go.
    let run = with_priority(100)
        .nodes(2, "m6i.large")
        .class("kept", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |_| {})
        .change(|plan| {
            plan.kubernetes.disruption_budgets.push(PodDisruptionBudget {
                name: "kept".into(),
                classes: vec!["kept".into()],
                limit: DisruptionLimit::MinAvailable(PodShare::Pods(1)),
            });
        })
        .job(secs(0), "usual", mins(20))
        .job(secs(60), "kept", mins(20))
        .job(secs(120), "urgent", mins(1))
        .run();
    assert_eq!(run.job(0).outcome, JobOutcome::Interrupted);
    assert_eq!((run.job(1).outcome, run.job(2).outcome), (JobOutcome::Success, JobOutcome::Success));
}

#[test]
fn a_runner_that_polls_holds_the_slot_of_a_lost_pod_until_it_looks_again() {
    let case = |has_informer| {
        let case =
            with_priority(100).nodes(1, "m6i.large").change(|plan| plan.executor.has_informer = has_informer);
        case.job(secs(0), "usual", mins(20)).job(secs(60), "urgent", mins(1)).run()
    };
    let (heard, polled) = (case(true).job(0), case(false).job(0));
    assert_eq!((heard.outcome, polled.outcome), (JobOutcome::Interrupted, JobOutcome::Interrupted));
    let held = |job: &fleetsim::metrics::JobRecord| job.slot_freed_at - job.script_ended_at;
    let longer = held(&polled).saturating_sub(held(&heard));
    // The pod takes five seconds to go, and the executor looks every three.
    assert!(longer >= secs(5) && longer < secs(8), "{longer:?}");
    let looked_at = polled.script_ended_at + longer - polled.script_started_at;
    assert_eq!(looked_at.as_ms() % 3000, 0);
}

//! Rules of GitLab and its runner as the whole loop shows them: what a failure is called, and what is tried again.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::InterruptionRating;
use fleetsim::ec2::hourly_hazard;

use fleetsim::metrics::{FailureReason as Failed, JobOutcome};
use fleetsim::units::{Ppm, SimDuration};
use fleetsim::workload::{Distribution, FailureReason, ReasonSet, Retry};
use plans::{Case, mins, secs};

fn nothing() -> Distribution {
    Distribution::Constant(SimDuration::ZERO)
}

fn small(slots: u32) -> Case {
    Case::new().nodes(2, "m6i.xlarge").manager(slots)
}

#[test]
fn a_failure_carries_gitlabs_own_name() {
    let run = small(2)
        .class("flaky", 1000, 1024, nothing(), |class| class.failure_probability = Ppm::ONE)
        .class("slow", 1000, 1024, nothing(), |class| class.timeout = mins(5))
        .class("huge", 900_000, 1024, nothing(), |_| {})
        .class("gpu", 1000, 1024, nothing(), |class| class.tags = vec!["gpu".to_owned()])
        .class("fine", 1000, 1024, nothing(), |_| {})
        .job(secs(0), "flaky", mins(1))
        .job(secs(1), "slow", mins(10))
        .job(secs(2), "huge", mins(1))
        .job(secs(3), "gpu", mins(1))
        .job(secs(4), "fine", mins(1))
        .run();
    let reasons: Vec<Option<FailureReason>> = run.jobs().iter().map(|job| job.failure).collect();
    assert_eq!(
        reasons,
        [
            Some(FailureReason::ScriptFailure),
            Some(FailureReason::JobExecutionTimeout),
            Some(FailureReason::RunnerSystemFailure),
            Some(FailureReason::StuckOrTimeoutFailure),
            None,
        ]
    );
}

#[test]
fn an_exit_code_that_retry_lists_is_tried_again_whatever_when_says() {
    let with = |listed: Ppm, when: ReasonSet| {
        small(1)
            .class("flaky", 1000, 1024, nothing(), |class| {
                class.failure_probability = Ppm::ONE;
                class.retry = Retry { max: Some(2), when };
                class.listed_exit_codes = listed;
            })
            .job(secs(0), "flaky", mins(1))
            .run()
            .count(JobOutcome::Failed(Failed::Script))
    };
    assert_eq!(with(Ppm::ONE, ReasonSet::EMPTY), 3, "the exit code alone is enough");
    assert_eq!(with(Ppm::ZERO, ReasonSet::EMPTY), 1);
    assert_eq!(with(Ppm::ZERO, ReasonSet::EMPTY.with(FailureReason::ScriptFailure)), 3, "so is the reason");
}

#[test]
fn only_some_losses_of_a_node_are_seen_as_system_failures() {
    let mut case =
        Case::new().manager(20).spot_nodes(20, "m6i.large").class("test", 1500, 1024, nothing(), |class| {
            class.loss_reported_as_system_failure = Ppm(500_000)
        });
    case = case.change(|plan| {
        let kind = plan.ec2.catalog.find("m6i.large").expect("known");
        plan.ec2.spot.ratings.push((kind, InterruptionRating::Above20));
        let usual = hourly_hazard(InterruptionRating::Above20, plan.ec2.spot.natural_lifetime, Ppm::ONE);
        plan.ec2.spot.scale = Ppm((1e6 / usual) as u32);
    });
    for number in 0..40 {
        case = case.job(secs(number), "test", mins(180));
    }
    let run = case.run();
    let reasons = |reason| run.jobs().iter().filter(|job| job.failure == Some(reason)).count();
    let (system, script) =
        (reasons(FailureReason::RunnerSystemFailure), reasons(FailureReason::ScriptFailure));
    assert!(system > 3 && script > 3, "{system} and {script}");
    assert_eq!(system + script, run.count(JobOutcome::Interrupted));
}

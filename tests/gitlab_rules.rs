//! Rules of GitLab and its runner as the whole loop shows them: what a failure is called, and what is tried again.

#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeMap;

use fleetsim::catalog::InterruptionRating;
use fleetsim::ec2::hourly_hazard;

use fleetsim::engine::Streams;
use fleetsim::metrics::{FailureReason as Failed, JobOutcome, JobRecord, RunOutcome};
use fleetsim::scenario::resolve;
use fleetsim::simulation::{Keep, simulate};
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Arrivals, Distribution, FailureReason, ReasonSet, Retry};
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
            class.loss_reported_as_system_failure = Ppm(500_000);
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

/// Runs the first fleet of a scenario.
fn run_outcome(text: &str) -> RunOutcome {
    let mut no_files = |name: &str| Err(format!("there is no {name}"));
    let scenario =
        resolve(text, "rules.toml", &mut no_files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let fleet = &scenario.fleets[0];
    let streams = Streams::new(7, 0);
    let until = SimTime::ZERO + fleet.plan.horizon;
    let arrivals = Arrivals::new(&fleet.workload, Vec::new(), streams, until).expect("no traces");
    simulate(&fleet.plan, streams, arrivals, Keep { jobs: true, nodes: false }).expect("no traces").outcome
}

/// The job records of the first fleet of a scenario.
fn run_scenario(text: &str) -> Vec<JobRecord> {
    let mut jobs = run_outcome(text).job_records.expect("jobs are kept");
    jobs.sort_by_key(|job| job.ordinal);
    jobs
}

fn pushed_pipelines(fleet: &str, pipeline: &str, job: &str) -> Vec<JobRecord> {
    run_scenario(&format!(
        r#"
horizon = "12h"
drain = true
{fleet}
[[runner]]
name = "eks"
concurrent = 100
[[node_pool]]
name = "ci"
instance_types = ["m7i.2xlarge"]
[[workload.pipeline]]
name = "main"
stages = ["build"]
arrivals = {{ per_hour = 30 }}
{pipeline}
[[workload.pipeline.job]]
name = "build"
stage = "build"
cpu = "1"
memory = "2Gi"
duration = "20m"
{job}
"#
    ))
}

fn canceled(jobs: &[JobRecord]) -> usize {
    jobs.iter().filter(|job| job.outcome == JobOutcome::Canceled).count()
}

#[test]
fn pushes_to_few_branches_cancel_what_runs_and_the_runner_hears_of_it_within_a_minute() {
    for kind in KINDS {
        let busy = pushed_pipelines(kind, "branches = 4", "interruptible = true");
        assert!(canceled(&busy) * 4 > busy.len(), "{} of {}", canceled(&busy), busy.len());
        assert!(busy.iter().all(|job| job.failure.is_none()));
        assert_eq!(canceled(&pushed_pipelines(kind, "", "interruptible = true")), 0);
        // What may not be interrupted is spared once it has started; before that it goes.
        let started = pushed_pipelines(kind, "branches = 4", "");
        let gone = started.iter().filter(|job| job.outcome == JobOutcome::Canceled);
        let times: Vec<_> = gone.map(|job| (job.pending_at, job.picked_at)).collect();
        assert!(times.iter().all(|(_, picked)| *picked == SimTime::NEVER), "{times:?}");
        assert!(times.len() * 10 < started.len(), "{} of {}", times.len(), started.len());
        let none = "branches = 4\nauto_cancel = \"none\"";
        assert_eq!(canceled(&pushed_pipelines(kind, none, "interruptible = true")), 0);
    }
}

#[test]
fn of_a_resource_group_one_job_is_pending_or_running_at_a_time() {
    for kind in KINDS {
        let jobs = pushed_pipelines(kind, "", "resource_group = \"production\"");
        assert!(jobs.len() > 300);
        let mut spans: Vec<_> = jobs.iter().map(|job| (job.pending_at, job.script_ended_at)).collect();
        spans.sort_unstable();
        assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0), "two jobs of the group at once");
    }
}

#[test]
fn a_protected_runner_takes_jobs_of_the_default_branch_only() {
    let jobs = run_scenario(
        r#"
horizon = "12h"
drain = true
[[runner]]
name = "safe"
protected = true
[[node_pool]]
name = "ci"
instance_types = ["m7i.2xlarge"]
[[workload.pipeline]]
name = "main"
stages = ["build"]
arrivals = { per_hour = 30 }
default_branch_share = 0.5
[[workload.pipeline.job]]
name = "build"
stage = "build"
cpu = "1"
memory = "2Gi"
duration = "2m"
"#,
    );
    let dropped = jobs.iter().filter(|job| job.outcome == JobOutcome::Dropped).count();
    let share = dropped as f64 / jobs.len() as f64;
    assert!((0.4..0.6).contains(&share), "{dropped} of {} find no runner", jobs.len());
    // Besides them only pipelines go unpicked that a newer push made redundant before the next poll.
    let unpicked = jobs.iter().filter(|job| job.picked_at == SimTime::NEVER);
    let canceled = unpicked.filter(|job| job.outcome != JobOutcome::Dropped).collect::<Vec<_>>();
    assert!(canceled.iter().all(|job| job.outcome == JobOutcome::Canceled), "{canceled:?}");
    assert!(canceled.len() < jobs.len() / 20, "{} of {} are redundant", canceled.len(), jobs.len());
}

#[test]
fn a_request_that_meets_a_conflict_costs_one_check_interval() {
    let wait = |conflicts: Ppm| {
        let mut case = small(1)
            .class("test", 1000, 1024, nothing(), |_| {})
            .change(|plan| plan.gitlab.server.conflicts = conflicts);
        for number in 0..400 {
            case = case.job(mins(5 * number), "test", secs(30));
        }
        let jobs = case.drained_after(SimDuration::from_hours(48)).run().jobs();
        let total: u64 = jobs.iter().map(|job| (job.picked_at - job.pending_at).as_ms()).sum();
        total as f64 / jobs.len() as f64
    };
    let (without, with) = (wait(Ppm::ZERO), wait(Ppm(500_000)));
    // The manager asks every second; the number of conflicts before a job is geometric with mean 1.
    assert!((with - without - 1000.0).abs() < 200.0, "{without} and {with} ms");
}

/// A FIFO pool beside Karpenter: pipelines are GitLab's on every kind of fleet.
const KINDS: [&str; 2] = ["", "kind = \"fifo\"\n[fifo]\ncpu = \"64\"\nusd_per_hour = 1.0"];

/// Pipelines of a build, a second job written as `second` in stage `second`, and a last job.
fn three_stages(fleet: &str, second: &str) -> (RunOutcome, Vec<Vec<JobRecord>>) {
    let outcome = run_outcome(&format!(
        r#"
horizon = "6h"
drain = true
{fleet}
[[runner]]
name = "eks"
concurrent = 100
[[node_pool]]
name = "ci"
instance_types = ["m7i.2xlarge"]
capacity_type = ["on-demand"]
[node_pool.disruption]
consolidation_policy = "WhenEmpty"
[[workload.pipeline]]
name = "main"
stages = ["build", "second", "last"]
arrivals = {{ per_hour = 20 }}
[[workload.pipeline.job]]
name = "build"
stage = "build"
duration = {{ exponential = "4m" }}
[[workload.pipeline.job]]
name = "second"
stage = "second"
duration = "3m"
{second}
[[workload.pipeline.job]]
name = "last"
stage = "last"
duration = {{ mean = "2m" }}
"#
    ));
    let records = outcome.job_records.clone().expect("jobs are kept");
    let mut pipelines: BTreeMap<u64, Vec<JobRecord>> = BTreeMap::new();
    for job in records {
        pipelines.entry(job.pipeline).or_default().push(job);
    }
    let mut pipelines: Vec<Vec<JobRecord>> = pipelines.into_values().collect();
    for jobs in &mut pipelines {
        jobs.sort_by_key(|job| job.pipeline_job);
        let nodes: Vec<u32> = jobs.iter().map(|job| job.pipeline_job).collect();
        assert_eq!(nodes, [0, 1, 2], "every job ends in exactly one way");
    }
    assert!(pipelines.len() > 60);
    (outcome, pipelines)
}

fn outcomes(jobs: &[JobRecord]) -> Vec<JobOutcome> {
    jobs.iter().map(|job| job.outcome).collect()
}

#[test]
fn what_a_manual_job_that_nobody_plays_holds_up_is_skipped_and_no_job_that_a_fleet_ran() {
    use JobOutcome::{Skipped, Success};
    for kind in KINDS {
        let (outcome, pipelines) = three_stages(kind, "when = \"manual\"\nallow_failure = false");
        for jobs in &pipelines {
            assert_eq!(outcomes(jobs), [Success, Skipped, Skipped]);
        }
        let count = pipelines.len() as u64;
        let jobs = &outcome.jobs;
        assert_eq!(
            (jobs.jobs(), jobs.ended(Skipped), jobs.ended(JobOutcome::Canceled)),
            (count, 2 * count, 0)
        );
        assert_eq!(jobs.lost(), 0);
        assert_eq!(outcome.waits.wait.count(), count, "only what ran has waited");
        assert_eq!(outcome.waits.never_started_causes_ms.iter().sum::<u128>(), 0);
    }
}

#[test]
fn a_manual_job_may_be_left_out_unless_it_says_otherwise() {
    use JobOutcome::{Skipped, Success};
    for kind in KINDS {
        let (outcome, pipelines) = three_stages(kind, "when = \"manual\"");
        for jobs in &pipelines {
            assert_eq!(outcomes(jobs), [Success, Skipped, Success]);
        }
        assert_eq!(outcome.jobs.jobs(), 2 * pipelines.len() as u64);
    }
}

#[test]
fn a_delayed_job_is_pending_its_delay_after_it_could_have_started() {
    for kind in KINDS {
        let (_, pipelines) = three_stages(kind, "when = \"delayed\"\nstart_in = \"30m\"");
        for jobs in &pipelines {
            assert_eq!(outcomes(jobs), [JobOutcome::Success; 3]);
            // GitLab learns of an end within seconds, and processes the pipeline a second later.
            let delay = jobs[1].pending_at - jobs[0].script_ended_at;
            assert!(delay >= SimDuration::from_mins(30) && delay < SimDuration::from_mins(31), "{delay:?}");
            assert_eq!(jobs[1].wait_since, jobs[1].pending_at, "a delay is no wait");
            assert!(jobs[2].pending_at >= jobs[1].script_ended_at);
        }
    }
}

#[test]
fn an_exponential_duration_has_its_mean_and_its_median_in_every_spelling() {
    for kind in KINDS {
        let (_, pipelines) = three_stages(kind, "");
        for (node, mean) in [(0, 240.0), (2, 120.0)] {
            let mut runs: Vec<f64> = pipelines
                .iter()
                .map(|jobs| (jobs[node].script_ended_at - jobs[node].script_started_at).as_secs_f64())
                .collect();
            runs.sort_by(f64::total_cmp);
            let count = runs.len() as f64;
            let measured = runs.iter().sum::<f64>() / count;
            // Three standard errors: a mean's is mean / sqrt(n), and so is the median's. Nodes here run at 0.9-1.5
            // times the reference speed.
            let (low, high) = (mean * (0.6 - 3.0 / count.sqrt()), mean * (1.1 + 3.0 / count.sqrt()));
            assert!(measured > low && measured < high, "{kind}: mean {measured} of {mean}");
            let median = runs[runs.len() / 2] / measured;
            assert!((median - 0.693).abs() < 3.0 / count.sqrt(), "{kind}: median at {median} of the mean");
        }
    }
}

#[test]
fn runners_of_a_group_or_project_take_its_jobs_only() {
    let jobs = run_scenario(
        r#"
horizon = "6h"
drain = true
[[node_pool]]
name = "ci"
instance_types = ["m7i.2xlarge"]
capacity_type = ["on-demand"]
[[runner]]
name = "of-web"
scope = "project"
projects = ["web"]
concurrent = 1
[[runner]]
name = "of-others"
projects = ["api"]
concurrent = 100
[workload.class.web]
project = "web"
arrivals = { per_hour = 60 }
duration = "3m"
do_not_disrupt = true
[workload.class.api]
project = "api"
arrivals = { per_hour = 60 }
duration = "3m"
do_not_disrupt = true
"#,
    );
    // One slot serves 20 jobs of three minutes in an hour: only the project that has no other runner waits for it.
    let longest = |class: u32| {
        let own = jobs.iter().filter(|job| job.class == class);
        own.map(|job| job.picked_at.saturating_since(job.pending_at)).max().expect("jobs")
    };
    assert!(longest(0) > mins(60), "{:?}", longest(0));
    assert!(longest(1) < secs(30), "{:?}", longest(1));
}

//! Same plan and seed, same run, down to the last integer: across repetitions, threads, build profiles and machines; and
//! fleets of one replication meet the same jobs.

#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use fleetsim::experiment::run_units;
use fleetsim::metrics::JobOutcome;
use fleetsim::simulation::{FinishedRun, Keep};
use fleetsim::units::Ppm;
use fleetsim::workload::{Distribution, JobDraft, Retry, TemplateDraft};
use plans::{Case, digest, hours, mins, secs};

const ALL: Keep = Keep { jobs: true, nodes: true };

/// Jobs of two kinds for two managers, some of which fail and are retried; no nodes yet.
fn load() -> Case {
    Case::new()
        .seed(42)
        .drained_after(hours(4))
        .manager(12)
        .manager(8)
        .class("test", 1000, 1024, Distribution::log_normal_mean_cv(mins(4), 1.2), |class| {
            class.failure_probability = Ppm(50_000);
            class.retry = Retry::always(1);
            class.cpu_bound = Ppm(700_000);
        })
        .class("build", 3000, 6000, Distribution::Exponential { mean: mins(6) }, |class| {
            class.retry = Retry::always(2);
        })
        .arriving("test", 1.5)
        .arriving("build", 0.5)
}

fn fixed() -> Case {
    load().nodes(4, "m6i.xlarge").nodes(1, "m5.2xlarge")
}

fn karpenter_on_spot() -> Case {
    load().pool(&["m6i.xlarge", "m5.xlarge", "m6i.2xlarge"], "spot", Some(secs(60))).change(|plan| {
        plan.ec2.spot.scale = Ppm(300_000_000);
        plan.ec2.instance_noise = true;
    })
}

fn pipelines_on_karpenter() -> Case {
    let mut case = load().pool(&["m6i.xlarge", "c6i.2xlarge"], "on-demand", Some(secs(30)));
    let ids: Vec<_> = case.workload.classes.ids().collect();
    let job = |name, stage, class: usize| JobDraft::new(name, stage, ids[class]);
    let draft = TemplateDraft {
        name: "merge request".to_owned(),
        stages: ["build", "test", "deploy"].map(str::to_owned).to_vec(),
        jobs: vec![
            job("compile", "build", 1),
            job("lint", "build", 0),
            job("unit", "test", 0),
            job("system", "test", 1),
            job("deploy", "deploy", 0),
        ],
    };
    let template = draft.expand(&mut case.workload.classes).expect("a pipeline");
    let template = case.workload.templates.push(template);
    case.pipelines_arriving(template, 0.2)
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    for case in [fixed(), karpenter_on_spot(), pipelines_on_karpenter()] {
        let once = digest(&case.replication(0, ALL));
        assert_eq!(once, digest(&case.replication(0, ALL)));
        assert_ne!(once, digest(&case.replication(1, ALL)));
        assert_ne!(once, digest(&case.clone().seed(43).replication(0, ALL)));
    }
}

/// Any machine, any profile. Where a rule of the simulation is changed on purpose, these change with it: the failing
/// assertion shows the new numbers.
#[test]
fn three_small_plans_have_the_digests_they_always_had() {
    let digests = [fixed(), karpenter_on_spot(), pipelines_on_karpenter()]
        .map(|case| digest(&case.replication(0, ALL)));
    assert_eq!(digests, PINNED);
}

const PINNED: [u64; 3] = [15_200_260_363_915_419_839, 10_031_665_722_304_178_254, 5_654_070_796_533_772_403];

#[test]
fn what_is_kept_of_a_run_does_not_change_it() {
    for case in [fixed(), karpenter_on_spot()] {
        let mut all = case.replication(0, ALL).outcome;
        let totals = case.replication(0, Keep::default()).outcome;
        (all.job_records, all.node_records) = (None, None);
        assert_eq!(all, totals);
    }
}

#[test]
fn one_thread_and_two_threads_give_the_same_results() {
    let fleets = [fixed(), karpenter_on_spot()];
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let run = |fleet: usize, replication: usize| {
            Some(digest(&fleets[fleet].replication(replication as u32, ALL)))
        };
        pool.install(|| run_units(fleets.len(), 4, &AtomicBool::new(false), |_| {}, run))
    };
    assert_eq!(on(1), on(2));
}

/// Pending time, class and (where it succeeded at once) running time of every single job.
fn jobs_met(run: &FinishedRun) -> BTreeMap<u64, (u64, u32, Option<u64>)> {
    let records = run.outcome.job_records.as_ref().expect("jobs are kept");
    let first = records.iter().filter(|job| job.attempt == 0);
    let work = |job: &fleetsim::metrics::JobRecord| {
        (job.outcome == JobOutcome::Success).then(|| (job.script_ended_at - job.script_started_at).as_ms())
    };
    first.map(|job| (job.pipeline, (job.pending_at.as_ms(), job.class, work(job)))).collect()
}

#[test]
fn fleets_of_one_replication_meet_the_same_jobs() {
    let jobs_of = |mut case: Case| {
        // Work that does not depend on the CPU can be read off the record.
        let ids: Vec<_> = case.workload.classes.ids().collect();
        ids.into_iter().for_each(|id| case.workload.classes[id].cpu_bound = Ppm::ZERO);
        jobs_met(&case.replication(3, ALL))
    };
    let reference = jobs_of(fixed());
    assert!(reference.len() > 300);
    let slower = fixed().change(|plan| plan.gitlab.managers[0].concurrent = 3);
    for other in [slower, karpenter_on_spot(), load().nodes(9, "m6i.2xlarge")] {
        let other = jobs_of(other);
        assert_eq!(other.len(), reference.len());
        for (pipeline, (pending_at, class, work)) in &reference {
            let (other_at, other_class, other_work) = other[pipeline];
            assert_eq!((*pending_at, *class), (other_at, other_class), "job {pipeline}");
            if let (Some(work), Some(other_work)) = (work, other_work) {
                assert_eq!(*work, other_work, "work of job {pipeline}");
            }
        }
    }
}

//! What happens to a job and to a node, one sentence per test, through the whole loop.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::{Arch, CapacityType, InterruptionRating};
use fleetsim::ec2::{Delay, hourly_hazard};
use fleetsim::gitlab::{EntryConfig, ManagerConfig, RunnerConfig, Signal, Stop};
use fleetsim::kubernetes::{Taint, TaintEffect, Toleration};
use fleetsim::metrics::{FailureReason, JobOutcome, JobRecord, NodeEnd, NodeRecord, WaitCause, WasteKind};
use fleetsim::simulation::{CapacityPlan, DaemonSet, ExecutorPlan, Image, OwnExecutor};
use fleetsim::units::{Millicores, Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{ArchChoice, Distribution, Emulation, ImageId, Retry};
use plans::{Case, at_secs, hours, mins, secs};

/// One node of two cores, one manager with `slots` slots, jobs of one core.
fn small(slots: u32) -> Case {
    Case::new().manager(slots).nodes(1, "m6i.large").class("test", 1000, 1024, nothing(), |_| {})
}

/// Jobs written with their work need no distribution.
fn nothing() -> Distribution {
    Distribution::Constant(SimDuration::ZERO)
}

/// Karpenter with on-demand nodes of two cores, removed `after` they are empty; nothing else takes time.
fn karpenter(after: SimDuration) -> Case {
    Case::new().at_once().manager(10).pool(&["m6i.large"], "on-demand", Some(after)).class(
        "test",
        1000,
        1024,
        nothing(),
        |_| {},
    )
}

/// Spot instances of every type get a reclaim `per_hour` times an hour.
fn with_hazard(case: Case, per_hour: f64) -> Case {
    case.change(|plan| {
        let kind = plan.ec2.catalog.find("m6i.large").expect("known");
        plan.ec2.spot.ratings.push((kind, InterruptionRating::Above20));
        let usual = hourly_hazard(InterruptionRating::Above20, plan.ec2.spot.natural_lifetime, Ppm::ONE);
        plan.ec2.spot.scale = Ppm((per_hour / usual * 1e6) as u32);
    })
}

/// When the attempt was over.
fn over_at(job: &JobRecord) -> SimTime {
    if job.has_started() { job.script_ended_at } else { job.wait_since + job.wait.total() }
}

/// The time-out of every class.
fn with_timeout(mut case: Case, timeout: SimDuration) -> Case {
    let ids: Vec<_> = case.workload.classes.ids().collect();
    for id in ids {
        case.workload.classes[id].timeout = timeout;
    }
    case
}

#[test]
fn a_job_runs_for_its_work_and_its_slot_is_free_after_clean_up_and_update() {
    let run = small(1).job(secs(10), "test", secs(42)).run();
    let job = run.job(0);
    assert_eq!((job.outcome, job.pending_at), (JobOutcome::Success, at_secs(10)));
    assert_eq!(job.script_ended_at - job.script_started_at, secs(42));
    let after = job.slot_freed_at - job.script_ended_at;
    assert!(after >= SimDuration::from_ms(200 + 150) && after < secs(1), "{after:?}");
    // A pod that starts within 2 s is seen at the executor's next look, 3 s after it was created.
    assert_eq!(job.script_started_at - job.pod_created_at, secs(3));
}

#[test]
fn a_pod_is_created_once_gitlab_knows_that_the_job_runs_and_the_executor_is_prepared() {
    let job = small(1).job(secs(10), "test", secs(42)).run().job(0);
    // 150 ms for the update "running", 500 ms of preparation.
    assert_eq!(job.pod_created_at - job.picked_at, SimDuration::from_ms(650));
}

#[test]
fn helper_and_services_are_requested_beside_the_job() {
    let case = small(1).job(secs(0), "test", secs(30));
    assert_eq!(case.run().job(0).outcome, JobOutcome::Success);
    let with_services = case.change(|plan| plan.executor.overhead = Resources::new(1000, 0));
    assert_eq!(with_services.run().job(0).outcome, JobOutcome::PodTimeout);
}

#[test]
fn a_job_that_asks_for_more_than_its_runner_allows_fails_as_soon_as_it_is_prepared() {
    let limited = |most: u32| {
        let case = small(1).job(secs(10), "test", secs(42));
        case.change(|plan| plan.executor.largest_cpu = Some(Millicores(most))).run().job(0)
    };
    assert_eq!(limited(1000).outcome, JobOutcome::Success, "as much as is allowed");
    let job = limited(999);
    assert_eq!(job.failure, Some(fleetsim::workload::FailureReason::RunnerConfigurationError));
    assert!(!job.has_started() && job.outcome == JobOutcome::Failed(FailureReason::RunnerSystem), "{job:?}");
    let held = job.slot_freed_at - job.picked_at;
    assert!(held >= SimDuration::from_ms(650) && held < secs(2), "the slot is free soon: {held:?}");
}

#[test]
fn a_node_runs_registers_and_is_ready_in_its_own_time_and_takes_pods_from_then_on() {
    let run = karpenter(secs(30))
        .change(|plan| {
            plan.ec2.startup.request_to_running = Delay::Constant(secs(7));
            plan.ec2.startup.running_to_registered = Delay::Constant(secs(20));
            plan.ec2.startup.registered_to_ready = Delay::Constant(secs(5));
        })
        .job(secs(10), "test", mins(1))
        .run();
    let (job, node) = (run.job(0), run.nodes()[0]);
    assert_eq!(node.registered_at - node.launched_at, secs(20));
    assert_eq!(node.ready_at - node.registered_at, secs(5));
    assert_eq!(node.start_up_ms, 25_000);
    // kube-scheduler tries again once its back-off after the attempts before is over.
    assert!(job.bound_at >= node.ready_at && job.bound_at - node.ready_at < secs(5), "{job:?} {node:?}");
}

#[test]
fn an_interrupted_job_with_retry_starts_over_and_its_wait_counts_from_the_first_attempt() {
    let mut case = Case::new().manager(20).spot_nodes(20, "m6i.large");
    case = case.class("test", 1500, 1024, nothing(), |class| class.retry = Retry::always(2));
    case = with_hazard(case, 1.0);
    for number in 0..20 {
        case = case.job(secs(number), "test", hours(1));
    }
    let run = case.run();
    let jobs = run.jobs();
    let again: Vec<&JobRecord> = jobs.iter().filter(|job| job.attempt == 1).collect();
    assert!(!again.is_empty());
    for second in again {
        let is_first = |job: &&JobRecord| job.pipeline == second.pipeline && job.attempt == 0;
        let first = jobs.iter().find(is_first).expect("a first attempt");
        assert_eq!((first.outcome, first.retried), (JobOutcome::Interrupted, true));
        assert_eq!(second.wait_since, first.pending_at);
        assert!(second.ordinal > first.ordinal && second.pending_at > first.script_ended_at);
        assert_eq!(second.wait.of(WaitCause::RetryAfterInterruption), second.pending_at - first.pending_at);
        if second.outcome == JobOutcome::Success {
            assert_eq!(
                second.script_ended_at - second.script_started_at,
                hours(1),
                "all the work is done again"
            );
        }
    }
    assert_eq!(run.finished.outcome.jobs.jobs(), 20, "each job counts once");
}

#[test]
fn an_interrupted_job_without_retry_is_lost_and_so_is_its_work() {
    let mut case =
        Case::new().manager(20).spot_nodes(20, "m6i.large").class("test", 1500, 1024, nothing(), |_| {});
    case = with_hazard(case, 1.0);
    for number in 0..20 {
        case = case.job(secs(number), "test", hours(3));
    }
    let run = case.run();
    let lost = run.count(JobOutcome::Interrupted);
    assert!(lost > 5);
    assert_eq!(run.jobs().len(), 20);
    assert_eq!(run.finished.outcome.jobs.lost(), lost as u64);
    let lost_core_ms: u64 = run.nodes().iter().map(|node| node.lost_core_ms).sum();
    let held: u64 = run
        .jobs()
        .iter()
        .filter(|job| job.outcome == JobOutcome::Interrupted)
        .map(|job| (over_at(job) - job.bound_at).as_ms() * 1500)
        .sum();
    assert_eq!(lost_core_ms, held);
    assert!(run.finished.outcome.waste.of(WasteKind::LostWork).0 > 0);
}

#[test]
fn a_pod_that_fits_nowhere_fails_after_183_seconds_and_holds_its_slot_meanwhile() {
    let run = small(1)
        .class("huge", 4000, 1024, nothing(), |_| {})
        .job(secs(10), "huge", mins(1))
        .job(secs(11), "test", mins(1))
        .run();
    let (huge, test) = (run.job(0), run.job(1));
    assert_eq!(huge.outcome, JobOutcome::PodTimeout);
    assert_eq!(over_at(&huge) - huge.pod_created_at, secs(183));
    assert_eq!(test.outcome, JobOutcome::Success);
    assert!(test.picked_at >= huge.slot_freed_at && huge.slot_freed_at >= over_at(&huge));
}

#[test]
fn a_second_slot_does_not_wait_for_a_pod_that_fits_nowhere() {
    let run = small(2)
        .class("huge", 4000, 1024, nothing(), |_| {})
        .job(secs(10), "huge", mins(1))
        .job(secs(11), "test", mins(1))
        .run();
    assert!(run.job(1).picked_at < at_secs(20));
}

#[test]
fn the_job_time_out_counts_from_the_pick_with_the_wait_for_the_pod() {
    // The node has room for one; the second pod waits 100 s and has 50 s of its 150 left.
    let case = small(2).job(secs(0), "test", secs(100)).job(secs(0), "test", secs(100));
    let mut case = with_timeout(case, secs(150));
    case.workload.classes[fleetsim::engine::Id::new(0)].requests = Resources::new(1500, 1024);
    let run = case.run();
    let late = run.job(1);
    assert_eq!(run.job(0).outcome, JobOutcome::Success);
    assert_eq!(late.outcome, JobOutcome::TimedOut);
    assert_eq!(late.script_ended_at - late.picked_at, secs(150));
    assert!(late.script_started_at - late.picked_at > secs(100));
}

#[test]
fn the_job_time_out_strikes_also_while_the_pod_waits() {
    let case = Case::new().manager(1).nodes(1, "m6i.large").class("huge", 4000, 1024, nothing(), |_| {});
    let run = with_timeout(case.job(secs(0), "huge", mins(1)), secs(60)).run();
    let job = run.job(0);
    assert_eq!((job.outcome, over_at(&job) - job.picked_at), (JobOutcome::TimedOut, secs(60)));
    assert!(!job.has_started());
}

#[test]
fn a_script_that_fails_is_tried_as_often_as_retry_says() {
    let run = small(1)
        .class("flaky", 1000, 1024, nothing(), |class| {
            class.failure_probability = Ppm::ONE;
            class.retry = Retry::always(2);
        })
        .job(secs(0), "flaky", mins(1))
        .run();
    let failed = JobOutcome::Failed(FailureReason::Script);
    assert_eq!((run.count(failed), run.finished.outcome.jobs.ended(failed)), (3, 1));
    assert_eq!(run.finished.outcome.jobs.retries(), 2);
}

#[test]
fn a_late_stage_overtakes_newer_pipelines() {
    let mut case = small(1).change(|plan| plan.pipeline_latency = SimDuration::ZERO);
    for (number, pipeline) in ["a", "b", "c"].into_iter().enumerate() {
        let at = secs(10 * number as u64);
        case = case.job_in((pipeline, "build"), at, "test", mins(1)).job_in(
            (pipeline, "test"),
            at,
            "test",
            mins(1),
        );
    }
    let run = case.run();
    // Build ids are given pipeline by pipeline, and the queue is in their order.
    let mut picked: Vec<JobRecord> = run.jobs();
    picked.sort_by_key(|job| job.picked_at);
    let builds: Vec<u32> = picked.iter().map(|job| job.ordinal).collect();
    assert_eq!(builds, [0, 1, 2, 3, 4, 5]);
    assert!(run.job(1).pending_at > run.job(2).pending_at, "the second pipeline had waited longer");
}

#[test]
fn a_stage_starts_when_the_whole_stage_before_has_ended_and_gitlab_has_noticed() {
    let run = small(2)
        .job_in(("a", "build"), secs(0), "test", secs(30))
        .job_in(("a", "build"), secs(0), "test", secs(60))
        .job_in(("a", "test"), secs(0), "test", secs(10))
        .run();
    let slowest = run.job(0).slot_freed_at.max(run.job(1).slot_freed_at);
    assert_eq!(run.job(2).pending_at, slowest + secs(1));
    assert_eq!(run.job(2).wait_since, run.job(2).pending_at);
}

#[test]
fn a_job_whose_stage_before_failed_is_skipped_and_not_counted_as_a_job() {
    let run = small(1)
        .class("flaky", 1000, 1024, nothing(), |class| class.failure_probability = Ppm::ONE)
        .job_in(("a", "build"), secs(0), "flaky", secs(30))
        .job_in(("a", "test"), secs(0), "test", secs(10))
        .run();
    let (build, test) = (run.job(0), run.job(1));
    assert_eq!((test.outcome, test.pipeline, test.pipeline_job), (JobOutcome::Skipped, build.pipeline, 1));
    let counts = &run.finished.outcome.jobs;
    assert_eq!((counts.jobs(), counts.ended(JobOutcome::Skipped)), (1, 1));
}

#[test]
fn a_job_that_no_runner_may_take_is_dropped_after_an_hour() {
    let run = small(1)
        .class("gpu", 1000, 1024, nothing(), |class| class.tags = vec!["gpu".to_owned()])
        .job(secs(5), "gpu", mins(1))
        .run();
    let job = run.job(0);
    assert_eq!(job.outcome, JobOutcome::Dropped);
    assert!(over_at(&job) - job.pending_at >= hours(1) && over_at(&job) - job.pending_at <= hours(2));
}

#[test]
fn a_terminated_manager_fails_its_jobs_at_once_and_a_quitting_one_lets_them_end() {
    for (signal, outcome) in
        [(Signal::Terminate, JobOutcome::Interrupted), (Signal::Quit, JobOutcome::Success)]
    {
        let stop = Some(Stop { at: at_secs(60), signal });
        let run = Case::new()
            .nodes(1, "m6i.large")
            .manager_as(ManagerConfig { concurrent: 1, stop, ..ManagerConfig::default() })
            .class("test", 1000, 1024, nothing(), |_| {})
            .until(hours(1))
            .job(secs(0), "test", mins(10))
            .job(secs(1), "test", mins(10))
            .run();
        let job = run.job(0);
        assert_eq!(job.outcome, outcome);
        if signal == Signal::Terminate {
            assert_eq!(job.script_ended_at, at_secs(60));
        }
        assert_eq!(run.job(1).outcome, JobOutcome::StillWaiting, "nobody takes new jobs");
    }
}

#[test]
fn an_emulated_arm64_build_takes_ten_times_as_long_on_amd64() {
    let case = small(2)
        .class("arm64", 1000, 1024, nothing(), |_| {})
        .change(|plan| plan.executor.emulate_arm64 = true);
    let mut case = case.job(secs(0), "test", mins(1)).job(secs(0), "arm64", mins(1));
    for (id, arch) in [(0, ArchChoice::Amd64), (1, ArchChoice::Arm64)] {
        let class = &mut case.workload.classes[fleetsim::engine::Id::new(id)];
        (class.arch, class.cpu_bound, class.emulation) = (arch, Ppm::ONE, Emulation::Compile);
    }
    let run = case.run();
    let took = |build| {
        let job = run.job(build);
        assert_eq!(job.outcome, JobOutcome::Success);
        (job.script_ended_at - job.script_started_at).as_ms() as f64
    };
    let ratio = took(1) / took(0);
    assert!((ratio - 10.0).abs() < 0.01, "{ratio}");
}

#[test]
fn an_image_is_pulled_once_per_node() {
    let mut case = small(2).change(|plan| {
        plan.kubernetes.images = vec![Image { name: "ci".to_owned(), compressed_mb: 1000, layers: 1 }];
    });
    // Two nodes' worth of pods at once, then one more on a node that has the image.
    case = case.nodes(1, "m6i.large").class("big", 1500, 1024, nothing(), |class| class.image = ImageId(0));
    let run =
        case.job(secs(0), "big", mins(2)).job(secs(0), "big", mins(2)).job(mins(5), "big", mins(2)).run();
    let pulled = |build| run.job(build).wait.of(WaitCause::ImagePull);
    assert_ne!(run.job(0).node, run.job(1).node);
    assert!(pulled(0) >= secs(10) && pulled(1) == pulled(0), "{:?} {:?}", pulled(0), pulled(1));
    assert!(pulled(2) < secs(1), "only looked for: {:?}", pulled(2));
}

#[test]
fn daemon_sets_take_their_part_of_every_node() {
    let case = Case::new().manager(1).nodes(1, "m6i.large").class("test", 1900, 1024, nothing(), |_| {});
    let case = case.job(secs(0), "test", mins(1));
    assert_eq!(case.run().job(0).outcome, JobOutcome::Success);
    let with_agent = case.change(|plan| {
        let requests = Resources::new(100, 100);
        plan.kubernetes.daemon_sets = vec![DaemonSet { name: "agent".to_owned(), requests }];
    });
    assert_eq!(with_agent.run().job(0).outcome, JobOutcome::PodTimeout);
}

#[test]
fn a_spot_instance_that_ec2_takes_in_its_first_hour_costs_nothing() {
    let case =
        Case::new().manager(1).spot_nodes(20, "m6i.large").class("test", 1000, 1024, nothing(), |_| {});
    let run = with_hazard(case, 1.0).until(hours(6)).run();
    let taken: Vec<_> = run.nodes().into_iter().filter(|node| node.end == NodeEnd::Interrupted).collect();
    let (early, late): (Vec<NodeRecord>, Vec<NodeRecord>) =
        taken.into_iter().partition(|node| node.lifetime_ms() < 3_600_000);
    assert!(!early.is_empty() && !late.is_empty());
    assert!(early.iter().all(|node| node.cost.0 == 0 && node.billed_ms == 0));
    assert!(late.iter().all(|node| node.cost.0 > 0 && node.billed_ms == node.lifetime_ms()));
    assert!(run.nodes().len() > 20, "what is taken is replaced");
}

#[test]
fn a_job_that_finds_no_room_gets_a_node_and_waits_for_its_start() {
    let run = karpenter(secs(30)).job(secs(10), "test", mins(1)).run();
    let (job, nodes) = (run.job(0), run.nodes());
    assert_eq!((job.outcome, nodes.len()), (JobOutcome::Success, 1));
    // The batch closes a second after the first pod, then EC2 is asked.
    let waited = job.bound_at - job.pod_created_at;
    assert!(waited >= secs(1) && waited < secs(4), "{waited:?}");
    let split = job.wait.of(WaitCause::PodUnschedulable) + job.wait.of(WaitCause::NodeStart);
    assert_eq!(split, waited);
    assert_eq!(job.bound_at.max(nodes[0].ready_at), job.bound_at);
}

#[test]
fn an_idle_node_goes_after_consolidate_after_then_a_poll_validation_and_drain() {
    // A second job keeps the run going until the node is long gone.
    let run = karpenter(mins(2)).job(secs(10), "test", mins(1)).job(mins(10), "test", mins(1)).run();
    let (job, node) = (run.job(0), run.nodes()[0]);
    assert_eq!(node.end, NodeEnd::Empty);
    let idle = (node.terminated_at - job.script_ended_at).as_ms();
    // API times have seconds; a pass comes every 10 s; validation takes 15 s and the drain at least 5 s.
    let fixed = 120_000 + 15_000 + 5_000;
    assert!((fixed - 1000..=fixed + 11_000).contains(&idle), "{idle}");
    assert_eq!(run.nodes().len(), 2);
}

/// Karpenter of 2023 with nodes of two cores, removed `ttl` after they are empty.
fn karpenter_of_2023(ttl: SimDuration) -> Case {
    Case::new().at_once().manager(10).pool(&["m6i.large"], "on-demand", None).change(|plan| {
        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!() };
        karpenter.pools[0].ttl_after_empty = Some(ttl);
    })
}

#[test]
fn a_time_to_live_removes_an_empty_node_at_the_next_poll_without_validation() {
    let case = karpenter_of_2023(secs(30)).class("test", 1500, 1024, nothing(), |_| {});
    let run = case.job(secs(10), "test", mins(1)).job(mins(10), "test", mins(1)).run();
    let (job, node) = (run.job(0), run.nodes()[0]);
    assert_eq!(node.end, NodeEnd::Empty);
    // The stamp has whole seconds, polls come every 10 s, and the drain takes 5 s.
    let due = job.script_ended_at.floor_to_second() + secs(30);
    let poll = due.as_ms() / 10_000 * 10_000 + 10_000;
    assert_eq!(node.terminated_at, SimTime::from_ms(poll) + secs(5));
    assert_eq!(run.nodes().len(), 2, "the later job needs a new one");
}

#[test]
fn a_time_to_live_removes_many_nodes_at_once_and_spares_those_in_use() {
    let mut case = karpenter_of_2023(secs(30)).class("test", 1500, 1024, nothing(), |_| {});
    for _ in 0..6 {
        case = case.job(secs(10), "test", secs(60));
    }
    let run = case.job(secs(10), "test", mins(20)).run();
    let nodes = run.nodes();
    let ends: Vec<SimTime> =
        nodes.iter().filter(|node| node.end == NodeEnd::Empty).map(|node| node.terminated_at).collect();
    assert_eq!((nodes.len(), ends.len()), (7, 6));
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    assert_eq!(run.count(JobOutcome::Success), 7);
}

#[test]
fn a_job_in_time_keeps_a_node_from_its_time_to_live() {
    let case = karpenter_of_2023(mins(2)).class("test", 1500, 1024, nothing(), |_| {});
    let run = case.job(secs(10), "test", mins(1)).job(secs(150), "test", mins(1)).run();
    assert_eq!(run.nodes().len(), 1);
    assert_eq!(run.job(1).node, run.job(0).node);
}

#[test]
fn a_node_is_billed_for_a_minute_at_least() {
    let run =
        karpenter(SimDuration::ZERO).job(secs(10), "test", secs(1)).job(mins(10), "test", secs(1)).run();
    let node = run.nodes()[0];
    assert!(node.lifetime_ms() < 60_000, "{node:?}");
    let (kind, zone) =
        (fleetsim::catalog::TypeId::new(node.instance_type), fleetsim::catalog::ZoneId(node.zone as u8));
    let case = karpenter(SimDuration::ZERO);
    let price = case.plan.ec2.catalog.price(kind, zone, CapacityType::OnDemand).expect("sold");
    assert_eq!((node.billed_ms, node.cost.0), (60_000, u128::from(price.0) * 60_000));
}

#[test]
fn do_not_disrupt_holds_the_drain_of_an_expired_node_and_other_jobs_are_evicted() {
    for is_protected in [true, false] {
        let mut case = karpenter(secs(30)).change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!() };
            karpenter.pools[0].expire_after = Some(mins(5));
        });
        case.workload.classes[fleetsim::engine::Id::new(0)].do_not_disrupt = is_protected;
        let run = case.job(secs(0), "test", mins(20)).job(mins(30), "test", secs(1)).run();
        let (job, node) = (run.job(0), run.nodes()[0]);
        assert_eq!(node.end, NodeEnd::Expired);
        if is_protected {
            assert_eq!(job.outcome, JobOutcome::Success);
            assert!(node.terminated_at >= job.script_ended_at);
        } else {
            assert_eq!(job.outcome, JobOutcome::Interrupted);
            assert!(job.script_ended_at <= at_secs(5 * 60 + 30), "{job:?}");
        }
    }
}

#[test]
fn karpenter_drains_at_the_notice_and_without_its_queue_the_job_runs_until_ec2_takes_the_node() {
    let case = |listens: bool| {
        let mut case = Case::new()
            .at_once()
            .manager(20)
            .pool(&["m6i.large"], "spot", Some(secs(30)))
            .class("test", 1500, 1024, nothing(), |_| {})
            .change(|plan| plan.ec2.interruption_queue = listens);
        for _ in 0..20 {
            case = case.job(secs(0), "test", mins(50));
        }
        with_hazard(case, 2.0).run()
    };
    let (listening, deaf) = (case(true), case(false));
    let taken = |run: &plans::Run| {
        let nodes = run.nodes().into_iter().filter(|node| node.end == NodeEnd::Interrupted);
        nodes.map(|node| (node.ordinal, node)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (drained, reclaimed) = (taken(&listening), taken(&deaf));
    assert!(!drained.is_empty() && !reclaimed.is_empty());
    assert!(drained.values().all(|node| node.billed_ms > 0), "Karpenter ended them, so they are paid for");
    assert!(reclaimed.values().all(|node| node.billed_ms == 0), "EC2 took them within the hour");
    // The same market: an instance that both fleets lose goes two minutes later where nobody listens, less the drain.
    let first = drained.keys().find(|ordinal| reclaimed.contains_key(ordinal)).expect("a node lost in both");
    let later = reclaimed[first].terminated_at - drained[first].terminated_at;
    assert!(later >= secs(110) && later <= secs(116), "{later:?}");
}

#[test]
fn costs_before_the_warm_up_are_not_counted() {
    let case = || Case::new().manager(1).nodes(3, "m6i.large").until(hours(4));
    let (whole, part) = (case().run(), case().warmed_up(hours(1)).run());
    let (whole, part) = (whole.finished.outcome.costs.total().0, part.finished.outcome.costs.total().0);
    assert_eq!(part * 4, whole * 3);
}

#[test]
fn a_run_that_ends_at_its_horizon_says_what_still_ran_and_waited() {
    let run = small(1).until(mins(10)).job(secs(0), "test", mins(30)).job(secs(1), "test", mins(1)).run();
    let outcomes: Vec<JobOutcome> = run.jobs().iter().map(|job| job.outcome).collect();
    assert_eq!(outcomes, [JobOutcome::StillRunning, JobOutcome::StillWaiting]);
    assert_eq!(run.finished.outcome.end, SimTime::ZERO + mins(10));
}

/// Two runners told apart by the tag `b`, each with a manager of ten slots; the second has an executor of its own.
fn two_runners(own: impl FnOnce(&mut ExecutorPlan)) -> Case {
    let second = RunnerConfig { tags: vec!["b".to_owned()], run_untagged: false, ..RunnerConfig::default() };
    let entry = EntryConfig { runner: 1, request_concurrency: 10, ..EntryConfig::default() };
    let manager = ManagerConfig { concurrent: 10, entries: vec![entry], ..ManagerConfig::default() };
    Case::new().manager(10).manager_as(manager).change(|plan| {
        plan.gitlab.runners.push(second);
        let mut executor = plan.executor.clone();
        own(&mut executor);
        plan.own_executors.push(OwnExecutor { manager: 1, entry: 0, executor });
    })
}

/// A class for each of the two runners.
fn classes_of_two(case: Case, cpu: u32) -> Case {
    case.class("a", cpu, 1024, nothing(), |_| {})
        .class("b", cpu, 1024, nothing(), |class| class.tags = vec!["b".to_owned()])
}

#[test]
fn each_runner_waits_for_a_pod_with_its_own_patience_and_looks_in_its_own_rhythm() {
    let case = two_runners(|executor| (executor.poll_timeout, executor.poll_interval) = (secs(60), secs(10)));
    let case = classes_of_two(case.nodes(1, "m6i.large"), 4000).class("small a", 100, 100, nothing(), |_| {});
    let case = case.class("small b", 100, 100, nothing(), |class| class.tags = vec!["b".to_owned()]);
    let case = case.job(secs(0), "a", mins(1)).job(secs(0), "b", mins(1));
    let run = case.job(secs(0), "small a", mins(1)).job(secs(0), "small b", mins(1)).run();
    let waited = |build| {
        let job = run.job(build);
        assert_eq!(job.outcome, JobOutcome::PodTimeout);
        over_at(&job) - job.pod_created_at
    };
    assert_eq!((waited(0), waited(1)), (secs(183), secs(70)));
    let seen_after = |build| run.job(build).script_started_at - run.job(build).pod_created_at;
    assert_eq!((seen_after(2), seen_after(3)), (secs(3), secs(10)));
}

#[test]
fn helpers_and_services_of_a_runner_take_room_beside_its_own_jobs_only() {
    let case = two_runners(|executor| executor.overhead = Resources::new(500, 256));
    let run = classes_of_two(case.nodes(1, "m6i.large"), 900)
        .job(secs(0), "a", mins(1))
        .job(secs(0), "a", mins(1))
        .job(mins(10), "b", mins(1))
        .job(mins(10), "b", mins(1))
        .run();
    // Two pods of 900m fit beside each other, two of 1400m do not.
    let pods_at_once = |first, second| {
        let (first, second) = (run.job(first), run.job(second));
        first.bound_at.max(second.bound_at) < first.script_ended_at.min(second.script_ended_at)
    };
    assert!(pods_at_once(0, 1) && !pods_at_once(2, 3));
    assert_eq!(run.count(JobOutcome::Success), 4);
}

#[test]
fn only_the_runner_that_tolerates_a_taint_uses_its_nodes() {
    let taint = Taint { key: "ci".to_owned(), value: "b".to_owned(), effect: TaintEffect::NoSchedule };
    let case = two_runners(|executor| {
        executor.tolerations = vec![Toleration { key: Some("ci".to_owned()), value: None, effect: None }];
    });
    let case = classes_of_two(case.nodes(1, "m6i.large"), 1000).change(|plan| {
        let CapacityPlan::FixedNodes(groups) = &mut plan.capacity else { unreachable!() };
        groups[0].taints = vec![taint];
    });
    let run = case.job(secs(0), "a", mins(1)).job(secs(0), "b", mins(1)).run();
    assert_eq!((run.job(0).outcome, run.job(1).outcome), (JobOutcome::PodTimeout, JobOutcome::Success));
}

#[test]
fn a_job_for_any_architecture_runs_where_its_runner_selects() {
    let case = two_runners(|executor| executor.arch = Some(Arch::Arm64));
    let case = case.nodes(1, "m6i.large").nodes(1, "m6g.large").class("b", 100, 100, nothing(), |class| {
        (class.tags, class.arch) = (vec!["b".to_owned()], ArchChoice::Either);
    });
    let run = case.job(secs(0), "b", mins(1)).job(secs(1), "b", mins(1)).run();
    assert!(run.jobs().iter().all(|job| job.arch == Arch::Arm64 && job.outcome == JobOutcome::Success));
}

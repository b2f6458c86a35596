//! What must hold in every run, whatever the plan: random fleets and workloads, checked record by record.

#[path = "support/plans.rs"]
mod plans;

use std::collections::{BTreeMap, BTreeSet};

use fleetsim::catalog::{CapacityType, TypeId, ZoneId};
use fleetsim::ec2::{
    AmiPreset, CapacityReservation, Delay, ShockParameters, StartupModel, control_plane, gp3_hourly,
};
use fleetsim::engine::Streams;
use fleetsim::gitlab::{EntryConfig, ManagerConfig, RunnerConfig, Signal, Stop};
use fleetsim::karpenter::disruption::ConsolidationPolicy;
use fleetsim::karpenter::price_overlay::{NodeOverlay, PriceOverlay};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::metrics::{
    CostKind, FailureReason, GaugeKey, JobOutcome, JobRecord, NodeEnd, NodeRecord, WaitCause, WasteKind,
};
use fleetsim::scaling::{AutoscalerConfig, IdleTarget, MachinePolicy, TimeBilled, github_sizes};
use fleetsim::simulation::{
    CapacityPlan, DaemonSet, FixedNodes, Image, MachineGroup, MachinesPlan, NodeGroup, NodeGroupsPlan,
    PerJobPlan, Plan,
};
use fleetsim::units::{CostMeter, Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{
    ArrivalKind, Arrivals, Distribution, ImageId, JobDraft, Need, Parallel, Retry, TemplateDraft, When,
};
use plans::{Case, Run, mins, ms, secs};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

/// A class as drawn: CPU, memory, mean work in seconds, time-out in seconds, retries, failures in percent, flags.
type DrawnClass = (u32, u32, u64, u64, Option<u8>, u32, u8);
/// A job of the pipeline as drawn: stage, class, needs (a bit per earlier job) if any, `when`, copies, forgiven.
type DrawnNode = (u8, u8, Option<u8>, u8, u16, bool);
/// A manager as drawn: `concurrent`, check interval in ms, `limit`, `request_concurrency`, when and how it is stopped.
type DrawnManager = (u32, u64, u32, u32, Option<(u64, bool)>);

/// Everything drawn for one run, as plain numbers, so that a failure shrinks to a small run.
#[derive(Clone, Debug)]
struct Drawn {
    seed: u64,
    classes: Vec<DrawnClass>,
    pipeline: Vec<DrawnNode>,
    jobs_per_minute: f64,
    pipelines_per_minute: f64,
    managers: Vec<DrawnManager>,
    fleet: DrawnFleet,
    /// Minutes of arrivals, whether the run is drained, minutes of warm-up.
    span: (u64, bool, u64),
    /// Tear-down, clean-up, pod creation in ms, poll time-out in s.
    executor: (u64, u64, u64, u64),
    daemons: u32,
}

/// Architecture, capacity type, idle time, CPU limit and expiry of a random pool.
type PoolParts = (u8, bool, Option<u64>, u8, Option<u64>);

#[derive(Clone, Debug)]
enum DrawnFleet {
    /// Nodes by type, how many, and whether Spot; a scale of the hazard.
    Fixed(Vec<(u8, u32, bool)>, u32),
    /// NodePools: type, Spot, `consolidate_after` in s, policy, `expire_after` in min; a scale; boot at once; shocks.
    Karpenter(Vec<PoolParts>, u32, bool, bool),
}

const TYPES: [&str; 4] = ["m6i.large", "m6i.xlarge", "c6i.2xlarge", "m6g.xlarge"];

fn drawn() -> impl Strategy<Value = Drawn> {
    let class = (
        50_u32..5000,
        50_u32..12_000,
        0_u64..900,
        prop_oneof![Just(3600), 30_u64..1200],
        prop::option::of(0_u8..3),
        prop_oneof![Just(0), 0_u32..60],
        any::<u8>(),
    );
    let node = (0_u8..3, any::<u8>(), prop::option::of(any::<u8>()), 0_u8..6, 1_u16..4, any::<bool>());
    let manager = (
        1_u32..12,
        100_u64..30_000,
        0_u32..5,
        1_u32..6,
        prop::option::weighted(0.15, (0_u64..3600, any::<bool>())),
    );
    let fixed = (prop::collection::vec((0_u8..4, 0_u32..4, any::<bool>()), 1..4), 0_u32..4000)
        .prop_map(|(groups, scale)| DrawnFleet::Fixed(groups, scale));
    let pool = (
        0_u8..4,
        any::<bool>(),
        prop::option::of(0_u64..300),
        0_u8..3,
        prop::option::weighted(0.3, 5_u64..60),
    );
    let karpenter = (prop::collection::vec(pool, 1..4), 0_u32..4000, any::<bool>(), any::<bool>())
        .prop_map(|(pools, scale, at_once, shocks)| DrawnFleet::Karpenter(pools, scale, at_once, shocks));
    (
        (any::<u64>(), prop::collection::vec(class, 1..5), prop::collection::vec(node, 0..6)),
        (0.0..4.0, 0.0..1.0),
        prop::collection::vec(manager, 1..4),
        prop_oneof![fixed, karpenter],
        (1_u64..120, any::<bool>(), prop_oneof![Just(0), 0_u64..60]),
        (0_u64..20_000, 0_u64..2000, 0_u64..2000, 10_u64..900),
        0_u32..300,
    )
        .prop_map(
            |((seed, classes, pipeline), (jobs, pipelines), managers, fleet, span, executor, daemons)| {
                Drawn {
                    seed,
                    classes,
                    pipeline,
                    jobs_per_minute: jobs,
                    pipelines_per_minute: pipelines,
                    managers,
                    fleet,
                    span,
                    executor,
                    daemons,
                }
            },
        )
}

impl Drawn {
    fn case(&self) -> Case {
        let (minutes, is_drained, warmup) = self.span;
        let mut case = Case::new().seed(self.seed).warmed_up(mins(warmup));
        case = if is_drained { case.drained_after(mins(minutes)) } else { case.until(mins(minutes)) };
        for (number, class) in self.classes.iter().enumerate() {
            case = with_class(case, number, *class);
        }
        case = case.arriving("class 0", self.jobs_per_minute);
        case = case.arriving(&format!("class {}", self.classes.len() - 1), self.jobs_per_minute / 3.0);
        case = with_pipelines(case, self);
        for manager in &self.managers {
            case = with_manager(case, *manager);
        }
        let (teardown, cleanup, creation, patience) = self.executor;
        case.change(|plan| {
            plan.gitlab.runners = vec![
                RunnerConfig::default(),
                RunnerConfig { tags: vec!["big".to_owned()], ..RunnerConfig::default() },
            ];
            let executor = &mut plan.executor;
            (executor.teardown, executor.cleanup, executor.pod_creation) =
                (ms(teardown), ms(cleanup), ms(creation));
            executor.poll_timeout = secs(patience);
            plan.kubernetes.images = vec![
                Image { name: "small".to_owned(), compressed_mb: 50, layers: 1 },
                Image { name: "large".to_owned(), compressed_mb: 2000, layers: 3 },
            ];
            if self.daemons > 0 {
                let requests = Resources::new(self.daemons, self.daemons);
                plan.kubernetes.daemon_sets = vec![DaemonSet { name: "agent".to_owned(), requests }];
            }
            // Works here are all waits, so they take as long whatever their nodes' load.
            plan.ec2.follow_load = self.seed % 2 == 1;
            plan.standing = vec![(CostKind::ControlPlane, control_plane(false))];
        })
        .fleet(&self.fleet)
        .with_beliefs(self.seed)
    }
}

fn with_class(case: Case, number: usize, drawn: DrawnClass) -> Case {
    let (cpu, memory, mean, timeout, retries, failing, flags) = drawn;
    let duration = match flags % 3 {
        0 => Distribution::Constant(secs(mean)),
        1 => Distribution::Exponential { mean: secs(mean) },
        _ => Distribution::log_normal_mean_cv(secs(mean.max(1)), 1.2),
    };
    case.class(&format!("class {number}"), cpu, memory, duration, |class| {
        class.timeout = secs(timeout);
        class.retry = retries.map_or(Retry::ABSENT, Retry::always);
        class.failure_probability = Ppm(failing * 10_000);
        class.do_not_disrupt = flags & 8 != 0;
        class.image = ImageId(u32::from(flags >> 4 & 3));
        if flags & 64 != 0 {
            class.tags = vec!["big".to_owned()];
        }
        if flags & 128 != 0 {
            class.arch = fleetsim::workload::ArchChoice::Either;
        }
    })
}

fn with_pipelines(mut case: Case, drawn: &Drawn) -> Case {
    if drawn.pipeline.is_empty() {
        return case;
    }
    let classes: Vec<_> = case.workload.classes.ids().collect();
    let mut jobs: Vec<JobDraft> = Vec::new();
    for (number, (stage, class, needs, when, copies, is_forgiven)) in drawn.pipeline.iter().enumerate() {
        let class = classes[usize::from(*class) % classes.len()];
        let mut job = JobDraft::new(&format!("job {number}"), &format!("stage {stage}"), class);
        job.needs = needs.map(|bits| {
            let needed = jobs
                .iter()
                .enumerate()
                .filter(|(index, other)| bits >> index & 1 == 1 && other.stage <= job.stage);
            needed
                .map(|(_, other)| Need { job: other.name.clone(), optional: false, matrix: Vec::new() })
                .collect()
        });
        job.when = match when {
            0 => When::Always,
            1 => When::OnFailure,
            2 => When::Delayed(secs(20)),
            _ => When::OnSuccess,
        };
        job.parallel = if *copies > 1 { Parallel::Copies(*copies) } else { Parallel::One };
        job.allow_failure = Some(*is_forgiven);
        jobs.push(job);
    }
    let stages = (0..3).map(|stage| format!("stage {stage}")).collect();
    let draft = TemplateDraft { name: "pipeline".to_owned(), stages, jobs };
    let template = draft.expand(&mut case.workload.classes).expect("needs point to earlier jobs");
    let template = case.workload.templates.push(template);
    case.pipelines_arriving(template, drawn.pipelines_per_minute)
}

fn with_manager(case: Case, (concurrent, interval, limit, requests, stop): DrawnManager) -> Case {
    let entry =
        |runner| EntryConfig { runner, limit, request_concurrency: requests, ..EntryConfig::default() };
    let signal = |is_hard| if is_hard { Signal::Terminate } else { Signal::Quit };
    case.manager_as(ManagerConfig {
        concurrent,
        check_interval: ms(interval),
        entries: vec![entry(0), entry(1)],
        stop: stop.map(|(at, is_hard)| Stop { at: SimTime::from_ms(at * 1000), signal: signal(is_hard) }),
        ..ManagerConfig::default()
    })
}

impl Case {
    fn fleet(self, fleet: &DrawnFleet) -> Self {
        let (mut case, scale) = match fleet {
            DrawnFleet::Fixed(groups, scale) => {
                let with = |case: Case, (kind, count, is_spot): &(u8, u32, bool)| {
                    let name = TYPES[usize::from(*kind)];
                    if *is_spot { case.spot_nodes(*count, name) } else { case.nodes(*count, name) }
                };
                (groups.iter().fold(self, with), *scale)
            }
            DrawnFleet::Karpenter(pools, scale, at_once, shocks) => {
                let mut case = self;
                for (number, (kind, is_spot, after, policy, expires)) in pools.iter().enumerate() {
                    let capacity = if *is_spot { "spot" } else { "on-demand" };
                    case = case.pool(&[TYPES[usize::from(*kind)]], capacity, after.map(secs));
                    case = case.change(|plan| {
                        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!() };
                        let pool = karpenter.pools.last_mut().expect("just added");
                        pool.spec.name = format!("pool-{number}");
                        pool.expire_after = expires.map(mins);
                        pool.disruption.consolidation_policy = match policy {
                            0 => ConsolidationPolicy::WhenEmpty,
                            1 => ConsolidationPolicy::WhenEmptyOrUnderutilized,
                            _ => ConsolidationPolicy::Balanced,
                        };
                    });
                }
                case = case.change(|plan| {
                    if *at_once {
                        plan.ec2.startup = StartupModel::preset(AmiPreset::Instant);
                    }
                    plan.ec2.spot.shocks = shocks.then(ShockParameters::default);
                });
                (case, *scale)
            }
        };
        // Up to thousands of times the usual hazard: reclaims within minutes.
        case.plan.ec2.spot.scale = Ppm(scale * 1_000_000);
        case
    }
}

impl Case {
    /// NodeOverlays and a capacity reservation of one type, as the bits of `seed` say.
    fn with_beliefs(self, seed: u64) -> Self {
        self.change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { return };
            let overlay = |name: &str, weight, key: &str, value: &str, price| NodeOverlay {
                name: name.to_owned(),
                weight,
                requirements: vec![RequirementSpec::new(key, Operator::In, &[value])],
                price,
            };
            if seed & 2 != 0 {
                let weight = (seed >> 8) as u32 % 3;
                let cheap = PriceOverlay::Share(-500_000);
                let dear = PriceOverlay::Add(100_000_000);
                karpenter.overlays = vec![
                    overlay("cheap-spot", 1, "karpenter.sh/capacity-type", "spot", cheap),
                    overlay("dear-pool", weight, "karpenter.sh/nodepool", "pool-0", dear),
                ];
            }
            if seed & 4 != 0 {
                let name = TYPES[(seed >> 4) as usize % TYPES.len()];
                plan.ec2.reservations = vec![CapacityReservation {
                    id: "cr-1".to_owned(),
                    instance_type: plan.ec2.catalog.find(name).expect("an instance type"),
                    zone: ZoneId(0),
                    count: (seed >> 6) as u32 % 3 + 1,
                    ends_at: (seed & 8 != 0).then_some(SimTime::ZERO + mins(30)),
                    pools: Vec::new(),
                }];
                for own in karpenter.pools.iter_mut().flat_map(|pool| &mut pool.spec.requirements) {
                    if own.key == "karpenter.sh/capacity-type" {
                        own.values.push("reserved".to_owned());
                    }
                }
            }
        })
    }
}

/// When an attempt was over, or the run.
fn over_at(job: &JobRecord, end: SimTime) -> SimTime {
    match job.outcome {
        JobOutcome::StillWaiting | JobOutcome::StillRunning => end,
        _ if job.has_started() => job.script_ended_at,
        _ => job.wait_since + job.wait.total(),
    }
}

/// The most that `steps` (time, change) ever sum to; at one instant falls come first.
fn peak(mut steps: Vec<(SimTime, i64)>) -> i64 {
    steps.sort_unstable();
    let mut level = 0;
    steps
        .into_iter()
        .map(|(_, step)| {
            level += step;
            level
        })
        .max()
        .unwrap_or(0)
}

fn every_job_ends_exactly_once(case: &Case, drawn: &Drawn, run: &Run) {
    let mut attempts: BTreeMap<(u64, u32), Vec<JobRecord>> = BTreeMap::new();
    let mut builds = Vec::new();
    for job in run.jobs() {
        builds.push(job.ordinal);
        attempts.entry((job.pipeline, job.pipeline_job)).or_default().push(job);
    }
    let count = builds.len();
    builds.dedup();
    assert_eq!(builds.len(), count, "a build is recorded once");
    for (place, attempts) in &attempts {
        for (number, job) in attempts.iter().enumerate() {
            assert_eq!(usize::from(job.attempt), number, "{place:?}: attempts are numbered without gaps");
            assert_eq!(job.retried, number + 1 < attempts.len(), "{place:?}: all but the last are retried");
            assert_eq!(
                job.wait_since, attempts[0].pending_at,
                "{place:?}: the wait counts from the first attempt"
            );
        }
    }
    // Whatever arrived is there, and nothing else.
    let streams = Streams::new(drawn.seed, 0);
    let mut arrivals =
        Arrivals::new(&case.workload, Vec::new(), streams, SimTime::ZERO + case.plan.horizon).unwrap();
    let mut expected = 0;
    while let Some(arrival) = arrivals.next_arrival().unwrap() {
        let (nodes, is_pipeline) = match arrival.kind {
            ArrivalKind::Job(_) => (1, false),
            ArrivalKind::Pipeline(template) => (arrivals.templates()[template].nodes.len() as u32, true),
            ArrivalKind::Recorded(..) => unreachable!("no traces"),
        };
        for node in 0..nodes {
            let is_there = attempts.contains_key(&(arrival.ordinal, node));
            // At a horizon, later and delayed jobs of a pipeline have not begun to wait.
            let may_miss = is_pipeline && !case.plan.drain;
            assert!(is_there || may_miss, "job {node} of pipeline {} is gone", arrival.ordinal);
            expected += usize::from(is_there);
        }
    }
    assert_eq!(attempts.len(), expected, "nothing ran that had not arrived");
    let is_open =
        |job: &&JobRecord| matches!(job.outcome, JobOutcome::StillWaiting | JobOutcome::StillRunning);
    assert!(
        !case.plan.drain || !attempts.values().flatten().any(|job| is_open(&job)),
        "a drained run leaves no job"
    );
}

fn jobs_wait_for_what_they_need(case: &Case, drawn: &Drawn, run: &Run) {
    let end = run.finished.outcome.end;
    // First and last attempt of each job.
    let mut places: BTreeMap<(u64, u32), (JobRecord, JobRecord)> = BTreeMap::new();
    for job in run.jobs() {
        places.entry((job.pipeline, job.pipeline_job)).or_insert((job, job)).1 = job;
    }
    let streams = Streams::new(drawn.seed, 0);
    let mut arrivals =
        Arrivals::new(&case.workload, Vec::new(), streams, SimTime::ZERO + case.plan.horizon).unwrap();
    while let Some(arrival) = arrivals.next_arrival().unwrap() {
        let ArrivalKind::Pipeline(template) = arrival.kind else { continue };
        let template = &arrivals.templates()[template];
        let place = |node: u32| places.get(&(arrival.ordinal, node));
        for (later, written) in (0..).zip(&template.nodes) {
            let is_before = |node: &u32| match written.has_needs {
                true => template.dependents(*node).contains(&(later as u16)),
                false => template.nodes[*node as usize].stage < written.stage,
            };
            let before: Vec<u32> = (0..template.nodes.len() as u32).filter(is_before).collect();
            let Some((first, _)) = place(later).filter(|(first, _)| first.outcome != JobOutcome::Skipped)
            else {
                continue;
            };
            assert!(first.pending_at >= arrival.at);
            // A need that is skipped decides at once; others are not waited for then.
            let is_skipped =
                |node: &u32| place(*node).is_some_and(|(_, last)| last.outcome == JobOutcome::Skipped);
            if written.has_needs && before.iter().any(is_skipped) {
                continue;
            }
            for node in before.into_iter().filter(|node| !is_skipped(node)) {
                let (_, last) = place(node).expect("what came before was there");
                assert!(first.pending_at >= over_at(last, end), "{first:?} did not wait for {last:?}");
            }
        }
    }
}

fn instants_are_in_order(case: &Case, run: &Run) {
    let end = run.finished.outcome.end;
    for job in run.jobs() {
        let chain = [
            job.pending_at,
            job.picked_at,
            job.pod_created_at,
            job.bound_at,
            job.script_started_at,
            job.script_ended_at,
        ];
        assert!(chain.is_sorted(), "{job:?}");
        assert!(job.wait_since <= job.pending_at);
        assert!(!job.has_started() || job.bound_at < SimTime::NEVER);
        if job.picked_at != SimTime::NEVER && job.outcome != JobOutcome::StillRunning {
            assert!(
                job.slot_freed_at >= over_at(&job, end) || job.outcome == JobOutcome::StillWaiting,
                "{job:?}"
            );
        }
        let waited_until = if job.has_started() { job.script_started_at } else { over_at(&job, end) };
        assert_eq!(
            job.wait.total(),
            waited_until.saturating_since(job.wait_since),
            "causes sum to the wait: {job:?}"
        );
        let timeout = case.workload.classes.as_slice()[job.class as usize].timeout;
        if job.picked_at != SimTime::NEVER {
            assert!(over_at(&job, end) <= job.picked_at + timeout, "no job outlives its time-out: {job:?}");
        }
        if job.attempt == 0 {
            assert_eq!(job.wait.of(WaitCause::RetryAfterInterruption), SimDuration::ZERO);
        }
    }
    for node in run.nodes() {
        let chain = [node.launched_at, node.registered_at, node.ready_at];
        assert!(chain.is_sorted(), "{node:?}");
        assert!(node.launched_at <= node.terminated_at && node.terminated_at <= end, "{node:?}");
        assert!(node.ready_at <= node.terminated_at || node.ready_at == SimTime::NEVER, "{node:?}");
    }
}

fn nodes_hold_no_more_than_they_have(case: &Case, run: &Run) {
    let plan = &case.plan;
    let end = run.finished.outcome.end;
    let daemons = plan.kubernetes.daemon_requests();
    let mut on_node: BTreeMap<u32, Vec<JobRecord>> = BTreeMap::new();
    for job in run.jobs() {
        if let Some(node) = job.node {
            on_node.entry(node).or_default().push(job);
        }
    }
    let mut bound = 0;
    for node in run.nodes() {
        let Some(jobs) = on_node.get(&node.ordinal) else { continue };
        bound += jobs.len();
        assert_eq!(node.pods_run as usize, jobs.len(), "node {} counts its pods", node.ordinal);
        let kind = plan.ec2.catalog.get(TypeId::new(node.instance_type));
        let room = kind.allocatable();
        let taken = |of: &dyn Fn(Resources) -> i64| {
            let steps = jobs.iter().flat_map(|job| {
                let requests = case.workload.classes.as_slice()[job.class as usize].requests;
                let gone_at = (over_at(job, end) + plan.executor.teardown).min(node.terminated_at);
                [(job.bound_at, of(requests)), (gone_at, -of(requests))]
            });
            peak(steps.collect())
        };
        assert!(taken(&|requests| i64::from(requests.cpu.0)) <= i64::from(room.cpu.0 - daemons.cpu.0));
        assert!(
            taken(&|requests| i64::from(requests.memory.0)) <= i64::from(room.memory.0 - daemons.memory.0)
        );
        assert!(taken(&|_| 1) <= i64::from(kind.max_pods) - plan.kubernetes.daemon_sets.len() as i64);
        for job in jobs {
            assert!(
                node.ready_at <= job.bound_at && job.bound_at <= node.terminated_at,
                "{job:?} on {node:?}"
            );
            assert!(
                over_at(job, end) <= node.terminated_at,
                "a job ends before its node: {job:?} on {node:?}"
            );
            assert_eq!((Some(node.capacity), node.arch), (job.capacity, job.arch));
        }
    }
    assert_eq!(bound, on_node.values().map(Vec::len).sum::<usize>(), "every node that ran a pod is recorded");
}

fn slots_and_limits_are_kept(case: &Case, drawn: &Drawn, run: &Run) {
    let held = |holds: &dyn Fn(&JobRecord) -> bool| {
        let jobs = run.jobs();
        let picked = jobs.iter().filter(|job| job.picked_at != SimTime::NEVER && holds(job));
        peak(picked.flat_map(|job| [(job.picked_at, 1), (job.slot_freed_at, -1)]).collect())
    };
    let slots: u32 = drawn.managers.iter().map(|manager| manager.0).sum();
    assert!(held(&|_| true) <= i64::from(slots), "more jobs than slots");
    let is_tagged = |job: &JobRecord| !case.workload.classes.as_slice()[job.class as usize].tags.is_empty();
    if drawn.managers.iter().all(|manager| manager.2 > 0) {
        let limit: u32 = drawn.managers.iter().map(|manager| manager.2).sum();
        assert!(
            held(&is_tagged) <= i64::from(limit),
            "more jobs of the runner with tags than its limits allow"
        );
        assert!(held(&|_| true) <= 2 * i64::from(limit), "more jobs than the limits allow");
    }
}

/// What the node must have cost, from its record and the price list alone.
fn bill(plan: &Plan, node: &NodeRecord) -> (u128, u128) {
    let price =
        plan.ec2.catalog.price(TypeId::new(node.instance_type), ZoneId(node.zone as u8), node.capacity);
    let volume = gp3_hourly(plan.ec2.root_volume.gib, 3000, 125);
    let ran = node.terminated_at.as_ms() - node.launched_at.as_ms();
    // A reservation is paid for in any case, so nothing is added for short lives in it.
    let least = if node.capacity == CapacityType::Reserved { 0 } else { 60_000 };
    let before = plan.warmup.as_ms().saturating_sub(node.launched_at.as_ms());
    let counted = |least: u64| match plan.warmup > SimTime::ZERO && node.terminated_at <= plan.warmup {
        true => 0,
        false => u128::from(ran.max(least) - before),
    };
    let price = u128::from(price.expect("a sold type").0);
    let is_free = node.billed_ms == 0;
    if is_free {
        assert!(
            node.end == NodeEnd::Interrupted && node.capacity == CapacityType::Spot && ran < 3_600_000,
            "{node:?}"
        );
    } else {
        assert_eq!(node.billed_ms, ran.max(least));
    }
    let used = if is_free { 0 } else { price * counted(least) };
    (used, u128::from(volume.0) * counted(60_000))
}

/// The milliseconds before a node was ready, as far as they count, at its price.
fn start_up_is_paid_for_as_such(plan: &Plan, node: &NodeRecord) {
    if node.cost == CostMeter::ZERO {
        return;
    }
    let price =
        plan.ec2.catalog.price(TypeId::new(node.instance_type), ZoneId(node.zone as u8), node.capacity);
    let ready_at = node.ready_at.min(node.terminated_at);
    let ms = ready_at.saturating_since(node.launched_at.max(plan.warmup)).as_ms();
    let cost = CostMeter::of(price.expect("a sold type"), ms);
    assert_eq!(node.used_for.of(WasteKind::StartUp), cost, "{node:?}");
}

/// What stood unused of the reservation, if there is one: its count for as long as it stood, less what ran in it.
fn unused(plan: &Plan, run: &Run) -> u128 {
    let end = run.finished.outcome.end;
    let cost = |one: &CapacityReservation| {
        let until = one.ends_at.unwrap_or(SimTime::NEVER).min(end);
        let counted =
            |from: SimTime, to: SimTime| to.min(until).saturating_since(from.max(plan.warmup)).as_ms();
        let nodes = run.nodes();
        let reserved = || nodes.iter().filter(|node| node.capacity == CapacityType::Reserved);
        let steps = reserved().flat_map(|node| [(node.launched_at, 1), (node.terminated_at, -1)]);
        assert!(peak(steps.collect()) <= i64::from(one.count), "{nodes:?}");
        let used: u64 = reserved().map(|node| counted(node.launched_at, node.terminated_at)).sum();
        let price = plan.ec2.catalog.price(one.instance_type, one.zone, CapacityType::OnDemand);
        let whole = counted(SimTime::ZERO, until) * u64::from(one.count);
        u128::from(price.expect("a sold type").0) * u128::from(whole - used)
    };
    plan.ec2.reservations.iter().map(cost).sum()
}

fn money_is_accounted(case: &Case, run: &Run) {
    let outcome = &run.finished.outcome;
    let mut by_kind = [0_u128; CostKind::ALL.len()];
    let mut instances = 0;
    for node in run.nodes() {
        let (used, volume) = bill(&case.plan, &node);
        assert_eq!(node.cost.0, used, "{node:?}");
        assert_eq!(node.used_for.total(), node.cost, "{node:?}");
        start_up_is_paid_for_as_such(&case.plan, &node);
        by_kind[CostKind::Instance(node.arch, node.capacity).index()] += used;
        by_kind[CostKind::RootVolume.index()] += volume;
        instances += used;
        assert!(node.start_up_ms + node.empty_ms <= node.lifetime_ms());
        assert!(node.lost_core_ms <= node.busy_core_ms);
        assert!(node.busy_core_ms <= u64::from(node.allocatable.0) * node.lifetime_ms());
    }
    for (kind, cost) in &case.plan.standing {
        by_kind[kind.index()] += u128::from(cost.hourly.0) * u128::from(outcome.window().as_ms());
    }
    by_kind[CostKind::UnusedReservations.index()] = unused(&case.plan, run);
    for kind in CostKind::ALL {
        assert_eq!(outcome.costs.of(kind).0, by_kind[kind.index()], "{kind:?}");
        let uses = WasteKind::ALL.map(|used| outcome.waste.of_resource(kind).of(used).0);
        assert_eq!(uses.iter().sum::<u128>(), by_kind[kind.index()], "{kind:?} is in categories, all of it");
    }
    assert_eq!(outcome.costs.total().0, by_kind.iter().sum::<u128>());
    assert_eq!(outcome.waste.total().0, instances, "the waste shares out the instances' bill");
}

/// The levels over time are the sums of what the records say, so all are back at zero where nothing is left.
fn gauges_agree_with_records(case: &Case, run: &Run) {
    let outcome = &run.finished.outcome;
    let (from, end) = (case.plan.warmup.min(outcome.end), outcome.end);
    let jobs = run.jobs();
    let spent = |start: SimTime, stop: SimTime| {
        let (start, stop) = (start.clamp(from, end), stop.clamp(from, end));
        i128::from(stop.saturating_since(start).as_ms())
    };
    let area = |key: GaugeKey| outcome.timeline.series[key.index()].counted_area;
    let pending = jobs.iter().filter(|job| job.outcome != JobOutcome::Skipped);
    let pending: i128 = pending.map(|job| spent(job.pending_at, job.picked_at.min(over_at(job, end)))).sum();
    assert_eq!(area(GaugeKey::PendingJobs), pending, "pending jobs");
    let pods =
        jobs.iter().map(|job| spent(job.pod_created_at, job.bound_at.min(over_at(job, end)))).sum::<i128>();
    assert_eq!(area(GaugeKey::PendingPods), pods, "pending pods");
    for arch in [fleetsim::catalog::Arch::Amd64, fleetsim::catalog::Arch::Arm64] {
        let on_arch = jobs.iter().filter(|job| job.arch == arch);
        let running: i128 = on_arch.map(|job| spent(job.bound_at, over_at(job, end))).sum();
        assert_eq!(area(GaugeKey::RunningJobs(arch)), running, "running jobs on {arch:?}");
        for capacity in [CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved] {
            let nodes = run.nodes();
            let of_kind = nodes.iter().filter(|node| node.arch == arch && node.capacity == capacity);
            let stood: i128 = of_kind.map(|node| spent(node.launched_at, node.terminated_at)).sum();
            assert_eq!(area(GaugeKey::Nodes(arch, capacity)), stood, "nodes");
        }
    }
    if from == SimTime::ZERO {
        let busy: i128 = run.nodes().iter().map(|node| i128::from(node.busy_core_ms)).sum();
        assert_eq!(area(GaugeKey::RequestedMillicores), busy, "requested millicores");
    }
}

fn counts_agree_with_records(case: &Case, run: &Run) {
    let outcome = &run.finished.outcome;
    let jobs = run.jobs();
    let counted = || jobs.iter().filter(|job| job.wait_since >= case.plan.warmup);
    for kind in JobOutcome::ALL {
        let ended = counted().filter(|job| job.outcome == kind && !job.retried).count() as u64;
        assert_eq!(outcome.jobs.ended(kind), ended, "{kind:?}");
    }
    let started = || counted().filter(|job| job.has_started() && !job.retried);
    assert_eq!(outcome.waits.wait.count(), started().count() as u64);
    for cause in WaitCause::ALL {
        let waited: u128 = started().map(|job| u128::from(job.wait.of(cause).as_ms())).sum();
        assert_eq!(outcome.waits.causes_ms[cause.index()], waited, "{cause:?}");
    }
}

fn check(drawn: &Drawn) -> Run {
    let case = drawn.case();
    let run = case.run();
    every_job_ends_exactly_once(&case, drawn, &run);
    jobs_wait_for_what_they_need(&case, drawn, &run);
    instants_are_in_order(&case, &run);
    nodes_hold_no_more_than_they_have(&case, &run);
    slots_and_limits_are_kept(&case, drawn, &run);
    money_is_accounted(&case, &run);
    gauges_agree_with_records(&case, &run);
    counts_agree_with_records(&case, &run);
    run
}

fn config(seed: u64) -> ProptestConfig {
    // The same cases everywhere; PROPTEST_CASES asks for more of them.
    ProptestConfig { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(1))]
    #[test]
    fn every_run_keeps_its_books(drawn in drawn()) {
        check(&drawn);
    }
}

/// The same workload on what people run instead of Karpenter.
fn instead(drawn: &Drawn, kind: u8) -> Case {
    let case = drawn.case();
    let nodes = |name: &str, plan: &Plan| FixedNodes {
        name: name.to_owned(),
        count: 0,
        instance_type: plan.ec2.catalog.find(name).expect("known"),
        zones: vec![ZoneId(0), ZoneId(1)],
        capacity: if drawn.seed & 4 == 0 { CapacityType::OnDemand } else { CapacityType::Spot },
        discount: Ppm::ZERO,
        labels: Vec::new(),
        taints: Vec::new(),
    };
    let types = ["m6i.xlarge", "c6i.2xlarge", "m6g.xlarge"];
    case.change(|plan| {
        plan.capacity = match kind {
            0 => {
                let group = |name: &&str| NodeGroup {
                    nodes: nodes(name, plan),
                    more_types: Vec::new(),
                    min: 0,
                    max: 4,
                    priority: 0,
                };
                let groups = types.iter().map(group).collect();
                let config = AutoscalerConfig { unneeded_time: mins(3), ..AutoscalerConfig::default() };
                CapacityPlan::NodeGroups(Box::new(NodeGroupsPlan { config, groups }))
            }
            1 => {
                plan.kubernetes.daemon_sets.clear();
                let policy = MachinePolicy {
                    slots: 1 + (drawn.seed % 3) as u32,
                    uses: (drawn.seed / 3 % 4) as u32,
                    most: 8,
                    growth: 3,
                    idle: IdleTarget::Fleeting {
                        count: (drawn.seed / 12 % 3) as u32,
                        factor: Ppm(100_000),
                        limit: 2,
                    },
                    idle_time: mins(2),
                    ready_first: false,
                };
                let group = |name: &&str| MachineGroup {
                    nodes: nodes(name, plan),
                    more_types: Vec::new(),
                    policy,
                    scheduled: Vec::new(),
                };
                let groups = types.iter().map(group).collect();
                CapacityPlan::Machines(Box::new(MachinesPlan { groups }))
            }
            _ => CapacityPlan::PerJob(Box::new(PerJobPlan {
                kind: CostKind::HostedMinutes,
                sizes: github_sizes(),
                billed: TimeBilled { with_start: drawn.seed & 1 == 0, minimum: secs(20), step: secs(60) },
                start: Delay::Constant(secs(drawn.seed % 30)),
                overhead: Resources::ZERO,
                concurrent: Some(3 + (drawn.seed % 40) as u32),
                speed: Ppm(1_400_000),
            })),
        };
    })
}

/// Every kind of resource is in categories, all of it.
fn the_ledger_is_the_bill(run: &Run) {
    let outcome = &run.finished.outcome;
    let mut total = 0;
    for kind in CostKind::ALL {
        let cost = outcome.costs.of(kind).0;
        let uses = WasteKind::ALL.map(|used| outcome.waste.of_resource(kind).of(used).0);
        assert_eq!(uses.iter().sum::<u128>(), cost, "{kind:?}");
        total += cost;
    }
    assert_eq!(outcome.costs.total().0, total);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..config(3) })]
    #[test]
    fn the_waste_ledger_sums_to_the_bill_over_a_thousand_random_fleets_without_kubernetes(drawn in drawn(), kind in 1_u8..3) {
        let case = instead(&drawn, kind);
        let run = case.run();
        the_ledger_is_the_bill(&run);
        every_job_ends_exactly_once(&case, &drawn, &run);
        if kind != 2 {
            money_is_accounted(&case, &run);
        }
        counts_agree_with_records(&case, &run);
    }
}

#[test]
fn time_runs_forward_where_short_jobs_end_before_the_manager_heard_that_they_run() {
    check(&Drawn {
        seed: 15_450_033_938_343_646_757,
        classes: vec![(50, 6692, 0, 3600, None, 0, 64), (50, 2231, 102, 62, Some(1), 0, 55)],
        pipeline: vec![
            (0, 110, None, 3, 2, true),
            (1, 157, Some(65), 2, 3, false),
            (0, 6, Some(7), 3, 2, false),
            (0, 19, None, 3, 1, false),
        ],
        jobs_per_minute: 3.559_077_049_359_682,
        pipelines_per_minute: 0.617_512_053_798_548_3,
        managers: vec![(1, 10_688, 0, 1, None), (7, 12_858, 4, 1, None)],
        fleet: DrawnFleet::Fixed(vec![(0, 3, false)], 0),
        span: (20, true, 0),
        executor: (0, 1522, 1995, 591),
        daemons: 212,
    });
}

/// The random runs are worth their name: between them they meet every ending of a job and of a node, and every wait.
#[test]
fn random_runs_meet_every_ending_and_every_cause_of_waiting() {
    let seed = RngSeed::Fixed(2);
    let mut runner =
        TestRunner::new(ProptestConfig { rng_seed: seed, failure_persistence: None, ..Default::default() });
    let (mut outcomes, mut ends, mut causes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..200 {
        let run = check(&drawn().new_tree(&mut runner).expect("nothing is rejected").current());
        for job in run.jobs() {
            outcomes.insert(job.outcome);
            causes.extend(WaitCause::ALL.into_iter().filter(|cause| job.wait.of(*cause) > SimDuration::ZERO));
        }
        ends.extend(run.nodes().iter().map(|node| node.end));
    }
    // In these plans the runner itself never fails, no newer push cancels a pipeline and no node is drained by hand; waits for earlier
    // jobs are not counted, and few boots hang.
    let missing: Vec<_> = JobOutcome::ALL.into_iter().filter(|outcome| !outcomes.contains(outcome)).collect();
    assert_eq!(
        missing,
        [JobOutcome::Failed(FailureReason::RunnerSystem), JobOutcome::Canceled],
        "{outcomes:?}"
    );
    assert_eq!(causes.len(), WaitCause::ALL.len() - 1, "{causes:?}");
    let missing: Vec<_> = NodeEnd::ALL.into_iter().filter(|end| !ends.contains(end)).collect();
    assert_eq!(missing, [NodeEnd::Drained], "{ends:?}");
}

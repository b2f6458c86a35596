//! Small plans for tests, built in sentences: one builder, used by the tests of the whole loop.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::io::Cursor;
use std::sync::Arc;

use fleetsim::catalog::{CapacityType, Catalog, ZoneId};
use fleetsim::ec2::{AmiPreset, Delay, StartupModel};
use fleetsim::engine::Streams;
use fleetsim::gitlab::{EntryConfig, GitlabConfig, ManagerConfig, RoundTrip, RunnerConfig};
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, PoolDisruption};
use fleetsim::karpenter::node_pools::NodePoolSpec;
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::metrics::{CostKind, GaugeKey, JobOutcome, JobRecord, NodeRecord, WaitCause, WasteKind};
use fleetsim::simulation::{
    CapacityPlan, Ec2Plan, ExecutorPlan, Explained, FinishedRun, FixedNodes, KarpenterPlan, Keep,
    KubernetesPlan, Plan, PoolPlan, simulate, simulate_explained,
};
use fleetsim::units::{Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{
    ArchChoice, Arrivals, Class, ClassId, Distribution, Field, Makes, MapRule, Pattern, Profile, Replay,
    Synthetic, TemplateId, TraceInstant, TraceOptions, TraceReplay, Workload,
};

/// Milliseconds.
pub const fn ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

/// Seconds.
pub const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// Minutes.
pub const fn mins(mins: u64) -> SimDuration {
    SimDuration::from_mins(mins)
}

/// Hours.
pub const fn hours(hours: u64) -> SimDuration {
    SimDuration::from_hours(hours)
}

/// Seconds after the start of the run.
pub const fn at_secs(secs: u64) -> SimTime {
    SimTime::from_ms(secs * 1000)
}

/// A job given by its instant, not by chance: `(submitted, class, work, pipeline and stage)`.
#[derive(Clone, Debug)]
struct Written {
    submitted: SimDuration,
    class: usize,
    work: SimDuration,
    stage: Option<(String, String)>,
}

/// A plan with its workload, being built.
#[must_use]
#[derive(Clone, Debug)]
pub struct Case {
    /// The plan so far; tests may change what no sentence covers.
    pub plan: Plan,
    /// The workload so far.
    pub workload: Workload,
    written: Vec<Written>,
    stages: Vec<String>,
    seed: u64,
}

impl Case {
    /// GitLab, one runner, no managers, no nodes, no jobs, a day that is drained; every default of the real components.
    pub fn new() -> Self {
        let catalog = Arc::new(Catalog::builtin("us-east-1").expect("embedded"));
        let gitlab = GitlabConfig {
            runners: vec![RunnerConfig::default()],
            managers: Vec::new(),
            ..GitlabConfig::default()
        };
        Self {
            plan: Plan {
                horizon: hours(24),
                drain: true,
                warmup: SimTime::ZERO,
                gitlab,
                pipeline_latency: secs(1),
                executor: ExecutorPlan::default(),
                own_executors: Vec::new(),
                kubernetes: KubernetesPlan::default(),
                capacity: CapacityPlan::FixedNodes(Vec::new()),
                ec2: Ec2Plan::new(catalog),
                standing: Vec::new(),
                stress: Default::default(),
            },
            workload: Workload::default(),
            written: Vec::new(),
            stages: Vec::new(),
            seed: 1,
        }
    }

    /// Everything beside GitLab's own clock is at once: no round trips, no pod start, no clean-up, no boot. The manager
    /// asks every 10 ms, so its slots are servers of a queue.
    pub fn at_once(self) -> Self {
        self.change(|plan| {
            let server = &mut plan.gitlab.server;
            server.request_rtt = RoundTrip::constant(SimDuration::ZERO);
            server.update_rtt = RoundTrip::constant(SimDuration::ZERO);
            server.trace_rtt = RoundTrip::constant(SimDuration::ZERO);
            plan.pipeline_latency = SimDuration::ZERO;
            let executor = &mut plan.executor;
            executor.poll_interval = ms(1);
            executor.pod_creation = SimDuration::ZERO;
            executor.cleanup = SimDuration::ZERO;
            executor.teardown = SimDuration::ZERO;
            plan.kubernetes.pod_start = Delay::Constant(SimDuration::ZERO);
            plan.ec2.startup = StartupModel::preset(AmiPreset::Instant);
            plan.ec2.launch_answer = Delay::Constant(SimDuration::ZERO);
            plan.ec2.termination = Delay::Constant(SimDuration::ZERO);
        })
    }

    /// No pod waits for anything but its node, and round trips take no time; polls and clean-up stay as they are.
    pub fn without_pod_start(self) -> Self {
        self.change(|plan| plan.kubernetes.pod_start = Delay::Constant(SimDuration::ZERO))
    }

    /// Changes what no sentence covers.
    pub fn change(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self
    }

    /// Another key of all draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The run ends after `horizon`, whatever runs then.
    pub fn until(self, horizon: SimDuration) -> Self {
        self.change(|plan| (plan.horizon, plan.drain) = (horizon, false))
    }

    /// Arrivals end after `horizon`; the run goes on until all jobs have ended.
    pub fn drained_after(self, horizon: SimDuration) -> Self {
        self.change(|plan| (plan.horizon, plan.drain) = (horizon, true))
    }

    /// What happens before `warmup` is not counted.
    pub fn warmed_up(self, warmup: SimDuration) -> Self {
        self.change(|plan| plan.warmup = SimTime::ZERO + warmup)
    }

    /// A manager of the one runner with `concurrent` slots that asks every second.
    pub fn manager(self, concurrent: u32) -> Self {
        self.manager_that_asks_every(secs(1), concurrent)
    }

    /// A manager with `concurrent` slots.
    pub fn manager_that_asks_every(self, check_interval: SimDuration, concurrent: u32) -> Self {
        let entry = EntryConfig { request_concurrency: concurrent.min(64), ..EntryConfig::default() };
        self.manager_as(ManagerConfig {
            concurrent,
            check_interval,
            entries: vec![entry],
            ..Default::default()
        })
    }

    /// A manager as given.
    pub fn manager_as(self, manager: ManagerConfig) -> Self {
        self.change(|plan| plan.gitlab.managers.push(manager))
    }

    /// `count` nodes that always run.
    pub fn nodes(self, count: u32, instance_type: &str) -> Self {
        self.node_group(count, instance_type, CapacityType::OnDemand)
    }

    /// `count` Spot nodes that are replaced as EC2 takes them.
    pub fn spot_nodes(self, count: u32, instance_type: &str) -> Self {
        self.node_group(count, instance_type, CapacityType::Spot)
    }

    fn node_group(self, count: u32, instance_type: &str, capacity: CapacityType) -> Self {
        self.change(|plan| {
            let group = FixedNodes {
                name: instance_type.to_owned(),
                count,
                instance_type: plan.ec2.catalog.find(instance_type).expect("an instance type"),
                zones: vec![ZoneId(0)],
                capacity,
                discount: Ppm::ZERO,
                labels: Vec::new(),
                taints: Vec::new(),
            };
            match &mut plan.capacity {
                CapacityPlan::FixedNodes(groups) => groups.push(group),
                other => *other = CapacityPlan::FixedNodes(vec![group]),
            }
        })
    }

    /// A NodePool of Karpenter's that launches `instance_types` of `capacity` and removes empty nodes `after` they are.
    pub fn pool(self, instance_types: &[&str], capacity: &str, after: Option<SimDuration>) -> Self {
        let spec = NodePoolSpec {
            name: format!("{capacity}-{}", instance_types.join("-")),
            requirements: vec![
                RequirementSpec::new("node.kubernetes.io/instance-type", Operator::In, instance_types),
                RequirementSpec::new("karpenter.sh/capacity-type", Operator::In, &[capacity]),
            ],
            consolidate_after: after,
            ..NodePoolSpec::default()
        };
        let disruption = PoolDisruption {
            consolidation_policy: ConsolidationPolicy::WhenEmpty,
            consolidate_after: after,
            budgets: vec![Budget::new("100%", None, None, None)],
        };
        self.pool_as(PoolPlan { spec, disruption, ..PoolPlan::default() }).change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            karpenter.instance_types.extend(instance_types.iter().map(|name| (*name).to_owned()));
        })
    }

    /// A NodePool as given.
    pub fn pool_as(self, pool: PoolPlan) -> Self {
        self.change(|plan| match &mut plan.capacity {
            CapacityPlan::Karpenter(karpenter) => karpenter.pools.push(pool),
            other => *other = CapacityPlan::Karpenter(Box::new(KarpenterPlan::new(vec![pool]))),
        })
    }

    /// A class of jobs with these requests; `change` says what else is special. Its work takes as long on every CPU.
    pub fn class(
        mut self,
        name: &str,
        cpu: u32,
        memory: u32,
        duration: Distribution,
        change: impl FnOnce(&mut Class),
    ) -> Self {
        let mut class = Class::new(name, Resources::new(cpu, memory), duration);
        class.cpu_bound = Ppm::ZERO;
        class.arch = ArchChoice::Amd64;
        class.timeout = hours(24 * 365);
        change(&mut class);
        self.workload.classes.push(class);
        self
    }

    /// Jobs of the class called `class` arrive by chance, `per_minute` of them on average.
    pub fn arriving(self, class: &str, per_minute: f64) -> Self {
        let id = self.class_id(class);
        let name = format!("jobs of {class}");
        self.source(&name, Makes::Jobs(id), per_minute)
    }

    /// Pipelines of a template arrive by chance.
    pub fn pipelines_arriving(self, template: TemplateId, per_minute: f64) -> Self {
        let name = format!("pipelines {}", template.raw());
        self.source(&name, Makes::Pipelines(template), per_minute)
    }

    fn source(mut self, name: &str, makes: Makes, per_minute: f64) -> Self {
        self.workload.synthetic.push(Synthetic {
            name: name.to_owned(),
            makes,
            per_day: per_minute * 1440.0,
            profile: Profile::from_weights(&[1.0; 168]).expect("a flat week"),
            burstiness: Ppm::ZERO,
            from: SimTime::ZERO,
            until: SimTime::NEVER,
        });
        self
    }

    /// One job of `class` becomes pending at `at` and works for `work`.
    pub fn job(mut self, at: SimDuration, class: &str, work: SimDuration) -> Self {
        let class = self.class_id(class).index();
        self.written.push(Written { submitted: at, class, work, stage: None });
        self
    }

    /// One job of `stage` in `pipeline`, which arrives at `at`; stages follow each other in the order in which they are
    /// named first. Once one job has a stage, all need one.
    pub fn job_in(
        mut self,
        (pipeline, stage): (&str, &str),
        at: SimDuration,
        class: &str,
        work: SimDuration,
    ) -> Self {
        let class = self.class_id(class).index();
        if !self.stages.iter().any(|known| known == stage) {
            self.stages.push(stage.to_owned());
        }
        let stage = Some((pipeline.to_owned(), stage.to_owned()));
        self.written.push(Written { submitted: at, class, work, stage });
        self
    }

    fn class_id(&self, name: &str) -> ClassId {
        let found = self.workload.classes.iter().find(|(_, class)| class.name == name);
        found.unwrap_or_else(|| panic!("no class {name}")).0
    }

    fn trace(&self) -> Vec<TraceReplay> {
        if self.written.is_empty() {
            return Vec::new();
        }
        let mut jobs = self.written.clone();
        jobs.sort_by_key(|job| job.submitted.as_ms());
        let mut text = "submitted_ms,duration_ms,name,pipeline,stage\n".to_owned();
        for job in &jobs {
            let (pipeline, stage) = job.stage.clone().unwrap_or_default();
            text += &format!(
                "{},{},class {}.,{pipeline},{stage}\n",
                job.submitted.as_ms(),
                job.work.as_ms(),
                job.class
            );
        }
        let rule = |(id, _): (ClassId, &Class)| MapRule {
            patterns: vec![(Field::Name, Pattern::new(&format!("class {}.", id.index())))],
            class: id,
        };
        let options = TraceOptions {
            rules: self.workload.classes.iter().map(rule).collect(),
            start: Some(TraceInstant::At(0)),
            replay: if self.stages.is_empty() {
                Replay::AsRecorded
            } else {
                Replay::ByStage { within: hours(24), stages: self.stages.clone() }
            },
            ..TraceOptions::new("written", ClassId::new(0))
        };
        vec![TraceReplay::open(Cursor::new(text.into_bytes()), options).expect("a readable trace")]
    }

    /// One run of replication `replication`, with what is kept of it.
    pub fn replication(&self, replication: u32, keep: Keep) -> FinishedRun {
        let streams = Streams::new(self.seed, replication);
        let arrivals =
            Arrivals::new(&self.workload, self.trace(), streams, SimTime::NEVER).expect("a usable trace");
        simulate(&self.plan, streams, arrivals, keep).expect("a usable trace")
    }

    /// One run with every record, and the reasons of Karpenter's decisions.
    pub fn explained(&self) -> (FinishedRun, Vec<Explained>) {
        let streams = Streams::new(self.seed, 0);
        let arrivals =
            Arrivals::new(&self.workload, self.trace(), streams, SimTime::NEVER).expect("a usable trace");
        let keep = Keep { jobs: true, nodes: true };
        simulate_explained(&self.plan, streams, arrivals, keep).expect("a usable trace")
    }

    /// One run with every record.
    pub fn run(&self) -> Run {
        Run { finished: self.replication(0, Keep { jobs: true, nodes: true }) }
    }
}

/// A run with every record.
pub struct Run {
    /// What it left.
    pub finished: FinishedRun,
}

impl Run {
    /// Every attempt, in the order of build ids.
    pub fn jobs(&self) -> Vec<JobRecord> {
        let mut jobs = self.finished.outcome.job_records.clone().expect("jobs are kept");
        jobs.sort_by_key(|job| job.ordinal);
        jobs
    }

    /// The attempt with build id `build`.
    pub fn job(&self, build: u32) -> JobRecord {
        *self.jobs().iter().find(|job| job.ordinal == build).unwrap_or_else(|| panic!("no build {build}"))
    }

    /// Every node, in the order of creation.
    pub fn nodes(&self) -> Vec<NodeRecord> {
        let mut nodes = self.finished.outcome.node_records.clone().expect("nodes are kept");
        nodes.sort_by_key(|node| node.ordinal);
        nodes
    }

    /// How often an attempt ended so.
    pub fn count(&self, outcome: JobOutcome) -> usize {
        self.jobs().iter().filter(|job| job.outcome == outcome).count()
    }
}

/// A number that depends on every integer of every record and total of a run, and on nothing else: FNV-1a, 64 bit.
pub fn digest(run: &FinishedRun) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |value: u128| {
        for byte in value.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    let outcome = &run.outcome;
    for job in outcome.job_records.iter().flatten() {
        let node = job.node.map_or(u64::MAX, u64::from);
        let capacity = job.capacity.map_or(2, |capacity| capacity as u64);
        let (retried, arch, ended) = (u64::from(job.retried), job.arch as u64, job.outcome.index() as u64);
        for value in [u64::from(job.ordinal), u64::from(job.class), job.pipeline, u64::from(job.pipeline_job)]
        {
            add(u128::from(value));
        }
        for value in [u64::from(job.attempt), retried, arch, capacity, ended, node] {
            add(u128::from(value));
        }
        for at in [job.wait_since, job.pending_at, job.picked_at, job.pod_created_at, job.bound_at] {
            add(u128::from(at.as_ms()));
        }
        for at in [job.script_started_at, job.script_ended_at, job.slot_freed_at] {
            add(u128::from(at.as_ms()));
        }
        for cause in WaitCause::ALL {
            add(u128::from(job.wait.of(cause).as_ms()));
        }
    }
    for node in outcome.node_records.iter().flatten() {
        for value in [node.ordinal, node.pool, node.instance_type, u32::from(node.zone), node.pods_run] {
            add(u128::from(value));
        }
        for value in [node.arch as u64, node.capacity as u64, node.end as u64, node.billed_ms] {
            add(u128::from(value));
        }
        for at in [node.launched_at, node.registered_at, node.ready_at, node.empty_at, node.terminated_at] {
            add(u128::from(at.as_ms()));
        }
        for value in [node.busy_core_ms, node.lost_core_ms, node.start_up_ms, node.empty_ms] {
            add(u128::from(value));
        }
        add(node.cost.0);
    }
    // What came to the ledger later counts where it is paid for: runs without it keep their numbers.
    let is_later = |kind: &CostKind| {
        use CapacityType::Reserved;
        use CostKind::{CloudWatch, HostedMinutes, Instance, Traffic, UnusedReservations};
        matches!(kind, HostedMinutes | Instance(_, Reserved) | UnusedReservations | Traffic | CloudWatch)
    };
    let is_counted = |kind: &CostKind| !is_later(kind) || outcome.costs.of(*kind).0 > 0;
    for kind in CostKind::ALL.into_iter().filter(is_counted) {
        add(outcome.costs.of(kind).0);
    }
    for kind in WasteKind::ALL {
        add(outcome.waste.of(kind).0);
    }
    let levels = outcome.timeline.series.iter().zip(GaugeKey::ALL);
    for (series, key) in levels {
        if !matches!(key, GaugeKey::Nodes(_, CapacityType::Reserved)) || series.counted_area > 0 {
            add(series.counted_area as u128);
        }
    }
    add(u128::from(outcome.end.as_ms()));
    hash
}

//! The load of the speed goals: single jobs, mean 2 vCPU and 5 min, over a day with a peak, on nodes of 16 vCPU.
#![allow(unreachable_pub, dead_code)] // shared by benches, each of which uses its own part

use std::sync::Arc;

use fleetsim::catalog::{CapacityType, Catalog, ZoneId};
use fleetsim::ec2::{Delay, StandingCost};
use fleetsim::engine::Streams;
use fleetsim::gitlab::{EntryConfig, GitlabConfig, ManagerConfig, RunnerConfig};
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, PoolDisruption};
use fleetsim::karpenter::node_pools::NodePoolSpec;
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::kubernetes::SchedulerConfig;
use fleetsim::metrics::CostKind;
use fleetsim::simulation::{
    CapacityPlan, Ec2Plan, ExecutorPlan, FinishedRun, FixedNodes, KarpenterPlan, Keep, KubernetesPlan, Plan,
    PoolPlan, simulate, simulate_explained,
};
use fleetsim::units::{Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{Arrivals, Class, Distribution, Makes, Profile, Synthetic, WeekClock, Workload};

/// Where the load runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fleet {
    /// Karpenter, about 130 nodes at peak, empty nodes removed after 30 s.
    Nodes130,
    /// Karpenter, about 6,000 nodes at peak.
    Nodes6000,
    /// 130 nodes that always run.
    Fixed130,
    /// As `Nodes130`, with nodes that are underutilized consolidated too.
    Consolidating130,
}

impl Fleet {
    /// All of them.
    pub(crate) const ALL: [Self; 4] =
        [Self::Nodes130, Self::Nodes6000, Self::Fixed130, Self::Consolidating130];

    /// Name in the bench's report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nodes130 => "karpenter_130_nodes",
            Self::Nodes6000 => "karpenter_6000_nodes",
            Self::Fixed130 => "fixed_130_nodes",
            Self::Consolidating130 => "consolidating_130_nodes",
        }
    }

    /// Nodes of 16 vCPU that the peak needs.
    pub(crate) fn peak_nodes(self) -> f64 {
        if self == Self::Nodes6000 { 6000.0 } else { 130.0 }
    }
}

/// How many jobs: `FLEETSIM_BENCH_JOBS`, else a million.
pub(crate) fn jobs() -> u64 {
    std::env::var("FLEETSIM_BENCH_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// A load and a fleet, ready to run.
pub(crate) struct Load {
    plan: Plan,
    workload: Workload,
}

/// A part of the week.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hours {
    /// The hour of the week at which it begins.
    start: usize,
    length: SimDuration,
}

impl Hours {
    /// The part of the week in which about `jobs` jobs come to `peak_nodes` nodes.
    pub(crate) fn bringing(jobs: u64, peak_nodes: f64) -> Self {
        let profile = Profile::office_week();
        let (start, length) = window(&profile, jobs_per_day(&profile, peak_nodes) / 24.0, jobs as f64);
        Self { start, length }
    }
}

/// Jobs a day, on average over the week, that need `peak_nodes` nodes in its busiest hour.
fn jobs_per_day(profile: &Profile, peak_nodes: f64) -> f64 {
    // Requests of 1, 2 and 4 vCPU with weights 2:2:1 are 2 on average; with 5 min each, n nodes of 16 vCPU (15.89
    // allocatable) serve about 7.5 jobs each. The built-in office week peaks at 2.4 times its mean.
    let peak_jobs = peak_nodes * 7.0;
    peak_jobs / 5.0 * 1440.0 / profile.peak()
}

impl Load {
    /// About `jobs` jobs on `fleet`, in as many hours as that takes.
    pub(crate) fn new(fleet: Fleet, jobs: u64) -> Self {
        let peak_nodes = fleet.peak_nodes();
        Self::over(Hours::bringing(jobs, peak_nodes), fleet, peak_nodes)
    }

    /// The jobs of some hours on a fleet like `fleet` that has `peak_nodes` nodes when it is busiest.
    pub(crate) fn over(hours: Hours, fleet: Fleet, peak_nodes: f64) -> Self {
        let profile = Profile::office_week();
        let per_day = jobs_per_day(&profile, peak_nodes);
        let Hours { start, length: horizon } = hours;
        let clock = WeekClock::starting(start as u64 / 24, start as u64 % 24);
        let mut workload = Workload { clock, ..Workload::default() };
        let shapes = [(1000, 2048, 0.4), (2000, 4096, 0.3), (2000, 3072, 0.1), (4000, 8192, 0.2)];
        for (index, (cpu, memory, share)) in shapes.into_iter().enumerate() {
            let duration = Distribution::log_normal_mean_cv(SimDuration::from_mins(5), 1.0);
            let mut class = Class::new(&format!("class-{index}"), Resources::new(cpu, memory), duration);
            class.arch = fleetsim::workload::ArchChoice::Amd64;
            class.cpu_bound = Ppm::ZERO;
            let class = workload.classes.push(class);
            workload.synthetic.push(Synthetic {
                name: format!("source-{index}"),
                makes: Makes::Jobs(class),
                per_day: per_day * share,
                profile: profile.clone(),
                burstiness: Ppm::ZERO,
                from: SimTime::ZERO,
                until: SimTime::NEVER,
            });
        }
        Self { plan: plan(fleet, horizon), workload }
    }

    /// One run.
    pub(crate) fn run(&self) -> FinishedRun {
        let streams = Streams::new(1, 0);
        let arrivals = Arrivals::new(&self.workload, Vec::new(), streams, SimTime::NEVER).expect("no trace");
        simulate(&self.plan, streams, arrivals, Keep::default()).expect("no trace")
    }

    /// The same run, asked for the reasons of Karpenter's decisions.
    pub(crate) fn run_explained(&self) -> FinishedRun {
        let streams = Streams::new(1, 0);
        let arrivals = Arrivals::new(&self.workload, Vec::new(), streams, SimTime::NEVER).expect("no trace");
        simulate_explained(&self.plan, streams, arrivals, Keep::default()).expect("no trace").0
    }
}

/// The hour of the week at which the run starts, and how long it is: the latest start from which `jobs` jobs have come
/// within a quarter of the week's first busiest hour, and the time it takes them to come. So also a run of a few hours
/// goes from quiet times to the peak.
fn window(profile: &Profile, per_hour: f64, jobs: f64) -> (usize, SimDuration) {
    let of = |hour: usize| per_hour * profile.over_mean(hour);
    let busiest =
        (0..168).find(|hour| profile.over_mean(*hour) == profile.peak()).expect("some hour is busiest");
    let (mut start, mut hours, mut come) = (busiest, 0.25, of(busiest) * 0.25);
    while come < jobs {
        start = (start + 167) % 168;
        hours += 1.0;
        come += of(start);
    }
    let too_many = (come - jobs) / of(busiest);
    (start, SimDuration::from_secs_f64_rounded((hours - too_many) * 3600.0))
}

fn plan(fleet: Fleet, horizon: SimDuration) -> Plan {
    let catalog = Arc::new(Catalog::builtin("us-east-1").expect("embedded"));
    let managers = if fleet == Fleet::Nodes6000 { 8 } else { 2 };
    let gitlab = GitlabConfig {
        runners: vec![RunnerConfig { run_untagged: true, ..RunnerConfig::default() }],
        managers: vec![
            ManagerConfig {
                concurrent: 6000,
                check_interval: SimDuration::from_secs(1),
                entries: vec![EntryConfig { request_concurrency: 20, ..EntryConfig::default() }],
                ..ManagerConfig::default()
            };
            managers
        ],
        ..GitlabConfig::default()
    };
    let capacity = match fleet {
        Fleet::Fixed130 => CapacityPlan::FixedNodes(vec![FixedNodes {
            name: "fixed".to_owned(),
            count: 130,
            instance_type: catalog.find("m6i.4xlarge").expect("a common type"),
            zones: vec![ZoneId(0), ZoneId(1), ZoneId(2)],
            capacity: CapacityType::OnDemand,
            discount: Ppm::ZERO,
            labels: Vec::new(),
            taints: Vec::new(),
        }]),
        Fleet::Nodes130 | Fleet::Nodes6000 => karpenter(ConsolidationPolicy::WhenEmpty),
        Fleet::Consolidating130 => karpenter(ConsolidationPolicy::WhenEmptyOrUnderutilized),
    };
    // 6,000 nodes take 140 bindings a second, more than the default client of kube-scheduler may send.
    let scheduler =
        SchedulerConfig { client_burst: 300, client_per_second: 300, ..SchedulerConfig::default() };
    let mut ec2 = Ec2Plan::new(catalog);
    ec2.launch_answer = Delay::Constant(SimDuration::from_secs(2));
    Plan {
        horizon,
        drain: false,
        warmup: SimTime::ZERO,
        gitlab,
        pipeline_latency: SimDuration::from_secs(1),
        executor: ExecutorPlan { poll_timeout: SimDuration::from_mins(10), ..ExecutorPlan::default() },
        own_executors: Vec::new(),
        kubernetes: KubernetesPlan { scheduler, ..KubernetesPlan::default() },
        capacity,
        ec2,
        standing: Vec::<(CostKind, StandingCost)>::new(),
        stress: Default::default(),
    }
}

fn karpenter(consolidation_policy: ConsolidationPolicy) -> CapacityPlan {
    let spec = NodePoolSpec {
        name: "ci".to_owned(),
        requirements: vec![
            RequirementSpec::new(
                "node.kubernetes.io/instance-type",
                Operator::In,
                &["m6i.4xlarge", "m5.4xlarge", "m6a.4xlarge", "m7i.4xlarge"],
            ),
            RequirementSpec::new("karpenter.sh/capacity-type", Operator::In, &["on-demand"]),
        ],
        ..NodePoolSpec::default()
    };
    let disruption = PoolDisruption {
        consolidation_policy,
        consolidate_after: Some(SimDuration::from_secs(30)),
        budgets: vec![Budget::new("10%", None, None, None)],
    };
    let pool = PoolPlan { spec, disruption, ..PoolPlan::default() };
    CapacityPlan::Karpenter(Box::new(KarpenterPlan::new(vec![pool])))
}

//! What one fleet's run is made of: the validated plan, composed of the rooms' own settings. Nothing here is read from text.

use std::sync::Arc;

use crate::catalog::{Arch, CapacityType, Catalog, TypeId, ZoneId};
use crate::ec2::{
    AllocationStrategy, BillingRules, CapacityLimits, CapacityReservation, Delay, Emulation, LaunchStress,
    Occupancy, PoolWeights, RootVolume, SpotParameters, SpotPriceProcess, StandingCost, StartupModel,
};
use crate::gitlab::GitlabConfig;
use crate::gitlab::executor::PausePods;
use crate::karpenter::disruption::DoNotDisrupt;
use crate::kubernetes::{DisruptionLimit, PullSpeed, SchedulerConfig, Taint, Toleration};
use crate::metrics::CostKind;
use crate::units::{HourlyPrice, Mebibytes, Millicores, Ppm, Resources, SimDuration, SimTime};

use super::karpenter_plan::KarpenterPlan;
use super::machines::MachinesPlan;
use super::node_groups::NodeGroupsPlan;
use super::per_job_plan::PerJobPlan;
use super::placement::{ClassPlacement, Placement};

/// Everything [`super::simulate`] needs beside the arrivals and the seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Length of the run. Arrivals after it are not read.
    pub horizon: SimDuration,
    /// Whether the run goes on until every job has ended, instead of ending at the horizon.
    pub drain: bool,
    /// Jobs and costs before this are simulated, not counted.
    pub warmup: SimTime,
    /// Runner managers, queue and server.
    pub gitlab: GitlabConfig,
    /// From a job's end until what needed it is pending.
    pub pipeline_latency: SimDuration,
    /// The Kubernetes executor of every runner entry that has none of its own.
    pub executor: ExecutorPlan,
    /// Runner entries whose executor is another one.
    pub own_executors: Vec<OwnExecutor>,
    /// kube-scheduler, kubelet, daemon sets.
    pub kubernetes: KubernetesPlan,
    /// Where pods run.
    pub capacity: CapacityPlan,
    /// Instance types, prices, start-up, Spot, speed, billing.
    pub ec2: Ec2Plan,
    /// What costs money whether jobs run or not.
    pub standing: Vec<(CostKind, StandingCost)>,
    /// What happens on a schedule.
    pub stress: StressPlan,
}

/// Stress on a schedule that is neither the market's nor the launches'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StressPlan {
    /// Nodes that are drained.
    pub drains: Vec<DrainPlan>,
    /// From when until when GitLab answers nobody.
    pub gitlab_outages: Vec<(SimTime, SimTime)>,
}

/// All nodes of some pools or groups are drained: their pods are evicted, and they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainPlan {
    /// When.
    pub at: SimTime,
    /// Of which NodePools or fixed groups; none given are all.
    pub pools: Vec<u32>,
}

/// Who makes pods of builds that are pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodSource {
    /// Runner managers pick builds and create their pods.
    #[default]
    RunnerManagers,
    /// Nobody in between: a pending build is a pod at once, without queue, slot and round trips. This is what a cluster
    /// without GitLab looks like.
    Direct,
}

/// The executor of one `[[runners]]` entry of one manager process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnExecutor {
    /// Index of the process in [`GitlabConfig::managers`].
    pub manager: u32,
    /// Index of the entry in [`crate::gitlab::ManagerConfig::entries`].
    pub entry: u32,
    /// How it runs jobs.
    pub executor: ExecutorPlan,
}

/// A Kubernetes executor of a runner manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorPlan {
    /// Who makes pods of builds.
    pub pod_source: PodSource,
    /// `poll_interval`: how often it looks at a starting pod.
    pub poll_interval: SimDuration,
    /// `poll_timeout`: how long a pod may take to start.
    pub poll_timeout: SimDuration,
    /// From "running" being reported until the pod is created.
    pub pod_creation: SimDuration,
    /// From the script's end until the executor has cleaned up.
    pub cleanup: SimDuration,
    /// From the pod's deletion until its resources are free.
    pub teardown: SimDuration,
    /// Added to every job's requests: helper and services.
    pub overhead: Resources,
    /// The largest CPU request of a build container that it accepts, if it has a limit
    /// (`cpu_request_overwrite_max_allowed`): a job that asks for more fails as soon as it is prepared.
    pub largest_cpu: Option<Millicores>,
    /// The same for memory.
    pub largest_memory: Option<Mebibytes>,
    /// `node_selector` of every pod, beside the job's architecture.
    pub node_selector: Vec<(String, String)>,
    /// The architecture that its node selector asks for; jobs that leave it open follow it.
    pub arch: Option<Arch>,
    /// Whether the selector `kubernetes.io/arch` is set from the job's architecture.
    pub select_arch: bool,
    /// Tolerations of every pod.
    pub tolerations: Vec<Toleration>,
    /// Annotation `karpenter.sh/do-not-disrupt` of every pod whose class has none of its own.
    pub do_not_disrupt: DoNotDisrupt,
    /// Priority of every pod: the value of the PriorityClass that `priority_class_name` names.
    pub priority: i32,
    /// Whether it may list and watch pods, and so hears at once of one that is lost; else it sees that when it looks again.
    pub has_informer: bool,
    /// Whether arm64 jobs run on amd64 nodes under emulation (no arm64 capacity in this fleet).
    pub emulate_arm64: bool,
    /// Where every pod may go beside: `affinity` of the runner, and constraints of its pod specification.
    pub placement: Placement,
}

/// kube-scheduler, kubelet and daemon sets.
#[derive(Clone, Debug)]
pub struct KubernetesPlan {
    /// kube-scheduler.
    pub scheduler: SchedulerConfig,
    /// Sandbox, network and containers, once images are there.
    pub pod_start: Delay,
    /// Compressed size of the images, by [`crate::workload::ImageId`]; pulls are timed from it.
    pub images: Vec<Image>,
    /// How fast nodes pull them.
    pub pull_speed: PullSpeed,
    /// Daemon sets on every node.
    pub daemon_sets: Vec<DaemonSet>,
    /// PodDisruptionBudgets that select job pods.
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// Where pods of some classes may go beside what their runner says.
    pub placements: Vec<ClassPlacement>,
    /// Pause pods that runners keep.
    pub pause_pods: Vec<PausePodsPlan>,
}

/// Pause pods of one `[[runners]]` entry of one manager process (`[runners.kubernetes.autoscaler]`).
#[derive(Clone, Debug, PartialEq)]
pub struct PausePodsPlan {
    /// Index of the process in [`GitlabConfig::managers`].
    pub manager: u32,
    /// Index of the entry in [`crate::gitlab::ManagerConfig::entries`].
    pub entry: u32,
    /// How many there are when.
    pub wanted: PausePods,
    /// What one requests: the entry's `cpu_request` and `memory_request`.
    pub requests: Resources,
    /// The entry's executor, of which they have the node selector, the tolerations and no more, with the priority of
    /// `pause_pod_priority_class_name`.
    pub executor: ExecutorPlan,
}

/// A PodDisruptionBudget of job pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodDisruptionBudget {
    /// Name.
    pub name: String,
    /// Names of the classes whose pods it selects; empty selects all.
    pub classes: Vec<String>,
    /// What it asks for.
    pub limit: DisruptionLimit,
}

/// A container image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Name, for reports.
    pub name: String,
    /// Compressed megabytes.
    pub compressed_mb: u32,
    /// Layers of notable size.
    pub layers: u32,
}

/// A daemon set on every node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSet {
    /// Name.
    pub name: String,
    /// Requests of one pod.
    pub requests: Resources,
}

/// Where pods run.
#[derive(Clone, Debug)]
pub enum CapacityPlan {
    /// Karpenter launches and removes nodes.
    Karpenter(Box<KarpenterPlan>),
    /// Nodes that always run.
    FixedNodes(Vec<FixedNodes>),
    /// Cluster Autoscaler sets the sizes of node groups.
    NodeGroups(Box<NodeGroupsPlan>),
    /// Runner managers start machines for jobs; there is no Kubernetes.
    Machines(Box<MachinesPlan>),
    /// Every job gets a machine of its own.
    PerJob(Box<PerJobPlan>),
    /// No nodes and no runners: jobs are served first in first out by a number of cores.
    FifoPool {
        /// Capacity in whole millicores.
        cores_milli: u64,
        /// Price of the whole pool.
        price: HourlyPrice,
    },
}

/// A group of equal nodes that always run.
#[derive(Clone, Debug)]
pub struct FixedNodes {
    /// Name of the group.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Instance type.
    pub instance_type: TypeId,
    /// Zones, used in turn.
    pub zones: Vec<ZoneId>,
    /// On-demand or Spot (which is replaced as it is reclaimed).
    pub capacity: CapacityType,
    /// Commitment discount on the on-demand price.
    pub discount: Ppm,
    /// Labels beside those of the type.
    pub labels: Vec<(String, String)>,
    /// Taints.
    pub taints: Vec<Taint>,
}

/// EC2 bills another price from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// When.
    pub at: SimTime,
    /// For which type.
    pub instance_type: TypeId,
    /// In which zone; `None` is all.
    pub zone: Option<ZoneId>,
    /// Bought how.
    pub capacity: CapacityType,
    /// How much.
    pub price: HourlyPrice,
}

/// EC2 as the fleet meets it.
#[derive(Clone, Debug)]
pub struct Ec2Plan {
    /// Types, and the prices billed at the start.
    pub catalog: Arc<Catalog>,
    /// Changes of what is billed.
    pub price_changes: Vec<PriceChange>,
    /// Node start-up.
    pub startup: StartupModel,
    /// From the launch request until EC2 answers.
    pub launch_answer: Delay,
    /// From TerminateInstances until the instance is gone. Nothing is billed meanwhile.
    pub termination: Delay,
    /// How CreateFleet picks among Spot pools; Karpenter sends `price-capacity-optimized`.
    pub spot_strategy: AllocationStrategy,
    /// Preference of Spot pools.
    pub pool_weights: PoolWeights,
    /// Spot reclaims.
    pub spot: SpotParameters,
    /// How Spot prices wander; `None` lets them stand still.
    pub spot_prices: Option<SpotPriceProcess>,
    /// When pools are empty.
    pub capacity: CapacityLimits,
    /// Capacity reservations, which stand from the start.
    pub reservations: Vec<CapacityReservation>,
    /// Throttled and slow launches.
    pub launch_stress: LaunchStress,
    /// Whether Karpenter hears of interruptions (`INTERRUPTION_QUEUE`).
    pub interruption_queue: bool,
    /// Billing rules.
    pub billing: BillingRules,
    /// Root volume of every node.
    pub root_volume: RootVolume,
    /// Speed under emulation.
    pub emulation: Emulation,
    /// How busy nodes are taken to be for speed.
    pub occupancy: Occupancy,
    /// Whether the speed of every script follows how busy its node is from moment to moment; `occupancy` then says how busy
    /// the node was on which works were measured.
    pub follow_load: bool,
    /// Whether instances of one type differ in speed.
    pub instance_noise: bool,
}

impl Default for ExecutorPlan {
    /// The defaults of GitLab Runner 19.4, and a pod tear-down of 5 s (reference figures, gitlab 2.5).
    fn default() -> Self {
        Self {
            pod_source: PodSource::default(),
            poll_interval: SimDuration::from_secs(3),
            poll_timeout: SimDuration::from_secs(180),
            pod_creation: SimDuration::from_ms(500),
            cleanup: SimDuration::from_ms(200),
            teardown: SimDuration::from_secs(5),
            overhead: Resources::ZERO,
            largest_cpu: None,
            largest_memory: None,
            node_selector: Vec::new(),
            arch: None,
            select_arch: true,
            tolerations: Vec::new(),
            do_not_disrupt: DoNotDisrupt::No,
            priority: 0,
            has_informer: true,
            emulate_arm64: false,
            placement: Placement::default(),
        }
    }
}

impl Default for KubernetesPlan {
    /// kube-scheduler 1.37; 2 s pod start, 50 MB/s pulls (reference figures, section 9).
    fn default() -> Self {
        Self {
            scheduler: SchedulerConfig::default(),
            pod_start: Delay::Constant(SimDuration::from_secs(2)),
            images: Vec::new(),
            pull_speed: PullSpeed::default(),
            daemon_sets: Vec::new(),
            disruption_budgets: Vec::new(),
            placements: Vec::new(),
            pause_pods: Vec::new(),
        }
    }
}

impl KubernetesPlan {
    /// What the daemon sets take of one node.
    #[must_use]
    pub fn daemon_requests(&self) -> Resources {
        self.daemon_sets.iter().fold(Resources::ZERO, |sum, set| sum + set.requests)
    }
}

impl Ec2Plan {
    /// EC2 with the embedded catalog and the defaults of the reference figures.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            price_changes: Vec::new(),
            startup: StartupModel::preset(crate::ec2::AmiPreset::Al2023),
            launch_answer: Delay::Constant(SimDuration::from_secs(2)),
            termination: Delay::Constant(SimDuration::from_secs(30)),
            spot_strategy: AllocationStrategy::PriceCapacityOptimized,
            pool_weights: PoolWeights::default(),
            spot: SpotParameters::default(),
            spot_prices: None,
            capacity: CapacityLimits::default(),
            reservations: Vec::new(),
            launch_stress: LaunchStress::default(),
            interruption_queue: true,
            billing: BillingRules::default(),
            root_volume: RootVolume::default(),
            emulation: Emulation::default(),
            occupancy: Occupancy::Full,
            follow_load: false,
            instance_noise: false,
        }
    }
}

//! Everything that can happen at an instant, apart from arrivals and from the rooms' own timers. Events carry the number of
//! the build or node they were armed for, so that stale ones are recognised from state.

use crate::fleet::{JobId, NodeId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// GitLab has processed what came before: the build is pending now.
    Pending(JobId),
    /// The delay of a `when: delayed` job is over.
    DelayOver { pipeline: u32, node: u32 },
    /// The executor has prepared the picked build: it creates the pod.
    CreatePod { job: JobId, build: u32 },
    /// The containers of a pod run: a PodDisruptionBudget counts it from now on.
    PodReady { job: JobId, build: u32 },
    /// The executor's patience with a starting pod is over.
    PodWaitOver { job: JobId, build: u32 },
    /// The runner hears that the build was cancelled.
    CancelHeard { job: JobId, build: u32 },
    /// The executor sees the pod running: where speed follows the load, the script joins its node's cores now.
    ScriptStarts { job: JobId, build: u32 },
    /// A script on a node may have ended, where speed follows the load.
    CoresDue { node: NodeId, ordinal: u32 },
    /// The script has ended, or the job's time-out struck.
    ScriptEnded { job: JobId, build: u32 },
    /// The pod object is gone: what it requested is free.
    PodGone { job: JobId, build: u32 },
    /// A node has pulled an image.
    PullEnded { node: NodeId, ordinal: u32, image: u32 },
    /// The warm-up is over: what is billed counts from now on.
    WarmUpOver,
    /// EC2 bills another price.
    PriceChange { number: u32 },
    /// Karpenter reads the price list.
    PriceRefresh,
    /// CreateFleet calls that were gathered may be due.
    FleetCallsDue,
    /// A capacity reservation ends.
    ReservationEnds { number: u32 },
    /// Karpenter notices that a capacity reservation has ended.
    ReservationGone { number: u32 },
    /// NodePools or images change: nodes drift from then on.
    Drift { number: u32 },
    /// Nodes of some pools are drained.
    DrainNodes { number: u32 },
    /// GitLab answers nobody from now on.
    GitlabAway,
    /// GitLab is back: a build that was pending meanwhile can be picked.
    Requeue { job: JobId, build: u32 },
    /// Spot prices take the step of a day.
    SpotPrices { day: u32 },
    /// A static pool may lack nodes.
    StaticPool { pool: u32 },
    /// A static pool gets another number of replicas.
    Scale { number: u32 },
    /// A runner looks at how many pause pods it should have.
    PausePodLook { deployment: u32 },
    /// A deployment of pause pods may have too few or too many.
    PausePods { deployment: u32 },
    /// A job of a runner with pause pods has freed its slot.
    PausePodJobOver { deployment: u32 },
    /// Cluster Autoscaler looks at the cluster.
    AutoscalerScan,
    /// A group of machines whose launch failed tries again.
    MachineRetry { group: u32 },
    /// Other idle figures of a group of machines hold from now on.
    MachinePolicy { group: u32 },
    /// A node reached a stage of its life.
    Node { node: NodeId, ordinal: u32, stage: NodeStage },
}

/// Stages of a node that are timed by the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeStage {
    /// EC2 has answered.
    Launched,
    /// The instance runs: billing starts.
    Running,
    /// The kubelet has registered the node.
    Registered,
    /// The node is ready and takes pods.
    Ready,
    /// Karpenter has noted that the node is initialized.
    Initialized,
    /// EC2 has not launched it in time: its claim is deleted.
    LaunchTimeout,
    /// It has not registered in time: its claim is deleted.
    RegistrationTimeout,
    /// Karpenter looks at its removal again.
    RemovalDue,
    /// The terminated instance is gone.
    InstanceGone,
    /// EC2 announces that it takes the Spot instance back.
    InterruptionNotice,
    /// EC2 takes the Spot instance back.
    Reclaimed,
    /// The node has reached its maximum age.
    Expired,
    /// Karpenter notes that the node is no longer as it should be.
    Drifted,
    /// Cluster Autoscaler's taint has stood long enough: the group terminates the instance.
    GroupShrinks,
    /// The machine may have been idle for long.
    IdleTooLong,
}

//! What people run instead of Karpenter: Cluster Autoscaler, machines that runner managers start, a machine for each job, a plain
//! FIFO pool. (Fixed nodes need no decision: they are a plan of the loop.)

mod cluster_autoscaler;
mod fifo_pool;
mod fifo_pool_waits;
mod machines;
mod per_job;

pub use cluster_autoscaler::{
    AutoscalerConfig, ClusterAutoscaler, EmptyNode, Expander, GroupTemplate, NodeRoom, PendingPod,
    ScaleOption, ScanDecision, ScanView,
};

pub use fifo_pool::{FifoJob, FifoOutcome, FifoPool, FifoStart, WhenFull};
pub use fifo_pool_waits::WaitHistogram;
pub use machines::{IdleTarget, MachineCount, MachinePolicy};
pub use per_job::{MachineSize, TimeBilled, github_sizes, gitlab_minute, gitlab_sizes, size_for};

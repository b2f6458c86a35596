//! kube-scheduler and kubelet: binding pods to ready nodes, pod start, eviction. Never launches anything.

mod scheduler;
mod shape;

pub use scheduler::{
    BalanceFormula, NodeHold, NodeInfo, NodeKey, PodKey, Scheduler, SchedulerConfig, SchedulerWork,
    SchedulingOutcome, ScoringStrategy,
};
pub use scheduler::{NodeClassId, ShapeId};
pub use shape::{
    Compatibility, ContainerRequests, DEFAULT_CPU_REQUEST, DEFAULT_MEMORY_REQUEST, Footprint, LabelOperator,
    LabelRequirement, NodeClass, PodShape, PreferredTerm, Taint, TaintEffect, Toleration,
};

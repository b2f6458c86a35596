//! kube-scheduler and kubelet: binding pods to ready nodes, pod start, eviction. Never launches anything.

mod batch;
mod calls;
mod choice;
mod client;
mod cluster;
mod disruption_budget;
mod interface;
mod kubelet;
mod neighbour_events;
mod neighbour_removal;
mod neighbour_rules;
mod neighbours;
mod order;
mod pending;
mod placement;
mod preemption;
mod retry;
mod row;
mod scheduler;
mod score;
mod search;
mod shape;
mod verdict;

pub use crate::fleet::{Taint, TaintEffect, Toleration};
pub use disruption_budget::{DisruptionLimit, PodShare};
pub use interface::{
    CallLatency, NodeClassId, NodeHold, NodeInfo, NodeKey, PodKey, SchedulerConfig, SchedulerWork,
    SchedulingOutcome, ShapeId,
};
pub use kubelet::{Image, ImageId, NodeImages, PodTimes, PullSpeed};
pub use placement::{NeighbourRules, PodTerm, SpreadConstraint};
pub use preemption::Preemption;
pub use scheduler::Scheduler;
pub use score::{BalanceFormula, ScoringStrategy};
pub use shape::{
    Compatibility, ContainerRequests, DEFAULT_CPU_REQUEST, DEFAULT_MEMORY_REQUEST, Footprint, LabelOperator,
    LabelRequirement, NodeClass, PodShape, PreferredTerm,
};
pub use verdict::{FilterPlugin, NodeVerdict, PluginScores};

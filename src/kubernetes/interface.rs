//! The scheduler's vocabulary: keys, settings, nodes as they join, outcomes. No behaviour.

use std::sync::Arc;

use rand::Rng;

use super::score::{BalanceFormula, ScoringStrategy};
use super::shape::Footprint;
use crate::engine::{Purpose, Streams};
use crate::units::{Resources, SimDuration, SimTime};

const CALL: Purpose = Purpose::named("kube-scheduler call");

/// The caller's number of a pod; may be used again after deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey(pub u32);
/// The caller's number of a node; may be used again after removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey(pub u32);
/// A registered [`super::PodShape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(pub u32);
/// A registered [`super::NodeClass`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeClassId(pub u32);

/// Settings of the scheduler; the defaults are those of kube-scheduler 1.37.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// Which nodes are filled first.
    pub strategy: ScoringStrategy,
    /// Which release's balance score.
    pub balance: BalanceFormula,
    /// API calls its client makes at once after a rest (`clientConnection.burst`, default 100).
    pub client_burst: u32,
    /// API calls per second after that (`clientConnection.qps`, default 50).
    pub client_per_second: u32,
    /// From the decision to the outcome where the client is not throttled (default 0).
    pub call_latency: CallLatency,
    /// What it works on a pod that it places, before it takes the next one (default 0). With some time each, pods of a burst
    /// spread over the nodes that become ready meanwhile.
    pub placing_time: SimDuration,
}

/// How long an API call takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallLatency {
    /// Always so long.
    Constant(SimDuration),
    /// As long as one of these that were seen, drawn for every call; none seen: no time. Two calls a few milliseconds apart
    /// decide whether a batch takes in one more pod, so runs of a real control plane part where latencies do.
    Observed(Arc<[SimDuration]>),
}

impl CallLatency {
    /// That of call number `number`.
    pub(super) fn of(&self, number: u64, streams: &Streams) -> SimDuration {
        match self {
            Self::Constant(latency) => *latency,
            Self::Observed(seen) if seen.is_empty() => SimDuration::ZERO,
            Self::Observed(seen) => {
                seen[(streams.entity(CALL, number).next_u64() % seen.len() as u64) as usize]
            }
        }
    }
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            strategy: ScoringStrategy::default(),
            balance: BalanceFormula::default(),
            client_burst: 100,
            client_per_second: 50,
            call_latency: CallLatency::Constant(SimDuration::ZERO),
            placing_time: SimDuration::ZERO,
        }
    }
}

/// Why a single node takes no pods at the moment, apart from the taints of its class: a small set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeHold(pub(super) u8);

impl NodeHold {
    /// Takes pods.
    pub const NONE: Self = Self(0);
    /// `node.kubernetes.io/not-ready:NoSchedule` (and start-up taints): the node registered but is not ready.
    pub const NOT_READY: Self = Self(1);
    /// `karpenter.sh/disrupted:NoSchedule`.
    pub const DISRUPTED: Self = Self(2);
    /// `spec.unschedulable` (kubectl cordon, Cluster Autoscaler).
    pub const UNSCHEDULABLE: Self = Self(4);
}

/// A node as it joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its labels and lasting taints.
    pub class: NodeClassId,
    /// Zone, any small number: above 100 nodes the scheduler goes through nodes zone by zone in turn.
    pub zone: u16,
    /// Allocatable CPU and memory.
    pub allocatable: Resources,
    /// Allocatable pods.
    pub pods: u32,
    /// What daemon sets take of it, summed.
    pub daemons: Footprint,
    /// How many daemon pods there are.
    pub daemon_pods: u32,
    /// `NodeHold::NOT_READY` for a node that only registered (it is counted in "0/N nodes are available" from then
    /// on, as in the real thing), `NodeHold::NONE` for one that takes pods at once.
    pub hold: NodeHold,
}

/// What the scheduler's API calls said. Every outcome is due at the `now` of the `wake` that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulingOutcome {
    /// The pod is bound: the kubelet of `node` may start it.
    Bound {
        /// Which pod.
        pod: PodKey,
        /// Where.
        node: NodeKey,
        /// When.
        at: SimTime,
    },
    /// The pod got its condition PodScheduled=False/Unschedulable, or a new message in it. Either is an event of the pod
    /// which triggers Karpenter at once (recorded whole-cluster runs, measured rules 1 and 3).
    Unschedulable {
        /// Which pod.
        pod: PodKey,
        /// When.
        at: SimTime,
        /// False the first time, true where an earlier message changed, or the node that it is nominated to.
        changed: bool,
        /// The node on which pods of lower priority are deleted to make room for it (`status.nominatedNodeName`).
        nominated: Option<NodeKey>,
    },
}

/// Deterministic counters of work done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedulerWork {
    /// Scheduling attempts that searched the nodes.
    pub attempts: u64,
    /// Calls that told a pod that it is unschedulable, or told it anew with another message. Not the simulator's work but
    /// kube-scheduler's traffic, one call after another and at most as many per second as `call_latency` allows, whatever
    /// the fleet's size: where one node's reason changes, every pod that waits has another message coming.
    pub messages_sent: u64,
    /// Retries that left a pod with the message it has, those of pods that are alike counted once: what kube-scheduler does when
    /// requests become free. No node is searched for them; what changed on nodes is in `scores_computed`.
    pub retries_in_vain: u64,
    /// Pods bound.
    pub bindings: u64,
    /// Nodes looked at to choose among (cached scores read).
    pub nodes_considered: u64,
    /// Scores computed.
    pub scores_computed: u64,
}

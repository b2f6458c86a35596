//! A node from launch request to terminated instance. Its life in three sentences: the instance is requested, runs and
//! registers; it becomes ready and takes pods; it is drained or taken away, and its billing ends.

use crate::catalog::{Arch, CapacityType};
use crate::engine::Id;
use crate::units::{Resources, SimTime};

use super::JobId;

/// A node in flight. Ids are used again once a node is forgotten; events also carry [`Node::ordinal`].
pub type NodeId = Id<Node>;

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodePhase {
    /// The launch is requested; nothing is billed.
    Requested,
    /// EC2 has answered: type, zone and price are known.
    Launched,
    /// The node object exists, not ready.
    Registered,
    /// It takes pods.
    Ready,
    /// Its claim is deleted: it drains.
    Draining,
    /// The instance is gone or going: no billing any more.
    Terminated,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Order of creation in the run.
    pub ordinal: u32,
    /// How far it has come.
    pub phase: NodePhase,
    /// Index of the node pool (or of the fixed group).
    pub pool: u32,
    /// Index of the instance type in the catalog.
    pub instance_type: u32,
    /// Index of the zone.
    pub zone: u8,
    /// Architecture.
    pub arch: Arch,
    /// How it is bought.
    pub capacity: CapacityType,
    /// What pods may request on it, daemon sets included.
    pub allocatable: Resources,
    /// When the launch was requested.
    pub requested_at: SimTime,
    /// When the instance runs: billing starts; never where it does not (yet).
    pub running_at: SimTime,
    /// When the node registered.
    pub registered_at: SimTime,
    /// When it took pods.
    pub ready_at: SimTime,
    /// When its last pod left.
    pub empty_at: SimTime,
    /// Job pods bound to it, in no order.
    pub pods: Vec<JobId>,
    /// How many of them have a script that runs or is to run: a pod being torn down is not among them.
    pub active_pods: u32,
}

impl Node {
    /// Moves on to `phase`.
    ///
    /// # Panics
    /// Where the node has been there already.
    pub fn enter(&mut self, phase: NodePhase) {
        assert!(self.phase < phase, "node {} goes from {:?} to {phase:?}", self.ordinal, self.phase);
        self.phase = phase;
    }

    /// Whether its instance is billed.
    #[must_use]
    pub fn is_billed(&self) -> bool {
        self.running_at != SimTime::NEVER && self.phase < NodePhase::Terminated
    }
}

//! What the disruption controller decides, as plain values that the loop carries out in their order.

use super::super::cluster::NodeId;
use super::super::solver::ClaimRequest;
use super::budget::Reason;

/// A disruption command in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u32);

/// What a command does with its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Their pods fit elsewhere, or there are none.
    Delete,
    /// One new, cheaper node takes what fits nowhere else.
    Replace,
}

/// One thing for the loop to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A command starts; the outcomes that follow with the same id carry it out.
    CommandStarted {
        /// The command.
        command: CommandId,
        /// Why.
        reason: Reason,
        /// How.
        decision: Decision,
        /// The nodes that go.
        nodes: Vec<NodeId>,
    },
    /// Put the taint `karpenter.sh/disrupted:NoSchedule` on the node: the scheduler binds nothing there any more.
    Taint {
        /// The node.
        node: NodeId,
    },
    /// Take the taint off again: the command was rolled back.
    Untaint {
        /// The node.
        node: NodeId,
    },
    /// Create this NodeClaim and report what becomes of it under `command` with
    /// [`Disruption::replacement_initialized`](super::Disruption::replacement_initialized) or
    /// [`Disruption::replacement_lost`](super::Disruption::replacement_lost).
    CreateReplacement {
        /// The command.
        command: CommandId,
        /// What to launch.
        claim: ClaimRequest,
    },
    /// The node is marked for deletion: passes no longer count on it, and its pods are to be placed again.
    MarkForDeletion {
        /// The node.
        node: NodeId,
    },
    /// The mark is taken off again.
    UnmarkForDeletion {
        /// The node.
        node: NodeId,
    },
    /// Pods of disrupted nodes are expected on this node: nominate it (20 s).
    Nominate {
        /// The node.
        node: NodeId,
    },
    /// Delete the NodeClaim: the node is drained and its instance terminated.
    DeleteClaim {
        /// The node.
        node: NodeId,
        /// The command.
        command: CommandId,
        /// Why.
        reason: Reason,
    },
}

//! The log of what Karpenter decided in a run. It only listens.

use crate::karpenter::disruption;
use crate::units::SimTime;

use super::world::World;

/// A decision of Karpenter's and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When.
    pub at: SimTime,
    /// What.
    pub what: Decision,
}

/// A decision of Karpenter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A provisioning pass ran.
    Pass {
        /// Pods that it was to place.
        pods: u32,
        /// Pods that it put on existing nodes.
        placed: u32,
        /// Claims that it opened.
        claims: u32,
    },
    /// A disruption command started.
    Command {
        /// Why.
        reason: disruption::Reason,
        /// How.
        decision: disruption::Decision,
        /// How many nodes go.
        nodes: u32,
    },
}

impl World<'_> {
    pub(super) fn note_decision(&mut self, what: Decision) {
        if let Some(decisions) = &mut self.decisions {
            decisions.push(Decided { at: self.now, what });
        }
    }
}

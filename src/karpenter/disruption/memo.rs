//! The memo "nothing to consolidate": a method that found nothing waits until the cluster changes or five minutes pass.

use crate::units::{SimDuration, SimTime};

/// After so long without a change the state counts as changed (core `state/cluster.go` `ConsolidationState`, v1.15.0).
const EXPIRY: SimDuration = SimDuration::from_mins(5);

/// Counts the changes of the cluster that could make a node consolidatable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClusterChanges {
    count: u64,
    last_at: SimTime,
}

impl ClusterChanges {
    /// Something changed.
    pub(super) fn mark(&mut self, now: SimTime) {
        self.count += 1;
        self.last_at = now;
    }

    /// The state as a method sees it now. Looking counts as a change where the last one is five minutes old.
    pub(super) fn state(&mut self, now: SimTime) -> u64 {
        if self.count == 0 || now.saturating_since(self.last_at) >= EXPIRY {
            self.mark(now);
        }
        self.count
    }
}

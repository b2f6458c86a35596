//! The idle clock of a node: its last pod event, and from when on it is consolidatable.

use crate::units::{SimDuration, SimTime};

/// A later pod event is ignored while the recorded one is younger than this (core `nodeclaim/podevents`, v1.15.0).
pub const POD_EVENT_DEDUPE: SimDuration = SimDuration::from_secs(10);

/// The two times of a NodeClaim that consolidation waits on. Both have one-second resolution, as API times do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleClock {
    initialized_at: Option<SimTime>,
    last_pod_event_at: Option<SimTime>,
    not_before: SimTime,
}

impl IdleClock {
    /// The node was initialized.
    pub fn initialized(&mut self, at: SimTime) {
        self.initialized_at = Some(at.floor_to_second());
    }

    /// A pod that belongs to no DaemonSet was bound to the node, became terminal or started to terminate there. Says whether
    /// the time was recorded: events within 10 s of the recorded second are dropped.
    pub fn pod_event(&mut self, now: SimTime) -> bool {
        let is_recorded =
            self.last_pod_event_at.is_none_or(|last| now.saturating_since(last) >= POD_EVENT_DEDUPE);
        if is_recorded {
            self.last_pod_event_at = Some(now.floor_to_second());
        }
        is_recorded
    }

    /// Sets the recorded time, whatever it was.
    pub fn set_last_pod_event(&mut self, at: Option<SimTime>) {
        self.last_pod_event_at = at.map(SimTime::floor_to_second);
    }

    /// The condition is not written before then, whatever the times say: its controller lags.
    pub fn hold_condition(&mut self, until: SimTime) {
        self.not_before = until;
    }

    /// The recorded time of the last pod event.
    #[must_use]
    pub fn last_pod_event_at(&self) -> Option<SimTime> {
        self.last_pod_event_at
    }

    /// Whether the node is initialized.
    #[must_use]
    pub fn is_initialized(&self) -> bool {
        self.initialized_at.is_some()
    }

    /// From when on the condition `Consolidatable` is true: `consolidate_after` past the last pod event, or past the
    /// initialization where there was none. Never for a node that is not initialized or a pool that says `Never`.
    #[must_use]
    pub fn consolidatable_at(&self, consolidate_after: Option<SimDuration>) -> SimTime {
        match (self.initialized_at, consolidate_after) {
            // Zero does not look at the times at all.
            (Some(_), Some(SimDuration::ZERO)) => self.not_before,
            (Some(initialized), Some(after)) => {
                self.not_before.max(self.last_pod_event_at.unwrap_or(initialized) + after)
            }
            _ => SimTime::NEVER,
        }
    }

    /// Whether running pods must not be moved here yet at `now`: the node is inside its own `consolidate_after` (checked by
    /// consolidation simulations from v1.14 on). `Never` and zero do not protect.
    #[must_use]
    pub fn is_fresh(&self, consolidate_after: Option<SimDuration>, now: SimTime) -> bool {
        let ends_at = |after| Some(self.last_pod_event_at.or(self.initialized_at)? + after);
        self.is_initialized() && consolidate_after.and_then(ends_at).is_some_and(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_recorded_by_the_second_and_deduplicated_against_it() {
        let at = SimTime::from_ms;
        let after = Some(SimDuration::from_secs(30));
        let mut clock = IdleClock::default();
        assert_eq!(clock.consolidatable_at(after), SimTime::NEVER);
        clock.initialized(at(1_700));
        assert_eq!(clock.consolidatable_at(after), at(31_000));
        assert!(clock.pod_event(at(40_900)));
        assert!(!clock.pod_event(at(49_999)));
        assert_eq!(clock.consolidatable_at(after), at(70_000));
        // 9.1 s later, but 10 s after the recorded second.
        assert!(clock.pod_event(at(50_000)));
        assert_eq!(clock.consolidatable_at(None), SimTime::NEVER);
        assert!(
            clock.is_fresh(after, at(79_999))
                && !clock.is_fresh(after, at(80_000))
                && !clock.is_fresh(None, at(50_001))
        );
    }
}

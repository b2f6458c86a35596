//! The batch window: it closes 1 s after the last new trigger and at most 10 s after the first.

use rustc_hash::FxHashSet;

use crate::units::{SimDuration, SimTime};

/// When a batch window closes (`BATCH_IDLE_DURATION`, `BATCH_MAX_DURATION`; core `batcher.go`, v1.15.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchWindow {
    /// After the last new trigger.
    pub idle: SimDuration,
    /// After the first trigger at the latest.
    pub max: SimDuration,
}

impl Default for BatchWindow {
    fn default() -> Self {
        Self { idle: SimDuration::from_secs(1), max: SimDuration::from_secs(10) }
    }
}

/// Gathers triggers into windows. A trigger that the window already has does not extend it.
#[derive(Clone, Debug)]
pub struct Batcher {
    window: BatchWindow,
    closes_at: SimTime,
    opened_at: SimTime,
    triggered: FxHashSet<u64>,
}

impl Batcher {
    /// No window open.
    #[must_use]
    pub fn new(window: BatchWindow) -> Self {
        Self { window, closes_at: SimTime::NEVER, opened_at: SimTime::ZERO, triggered: FxHashSet::default() }
    }

    /// Something wants a pass; `key` says what, such as a pod's number.
    pub fn trigger(&mut self, now: SimTime, key: u64) {
        if !self.triggered.insert(key) {
            return;
        }
        if self.closes_at == SimTime::NEVER {
            self.opened_at = now;
        }
        self.closes_at = (now + self.window.idle).min(self.opened_at + self.window.max);
    }

    /// When the open window closes; [`SimTime::NEVER`] where none is open.
    #[must_use]
    pub fn closes_at(&self) -> SimTime {
        self.closes_at
    }

    /// Closes the window if it is time; says whether it was.
    pub fn close_if_due(&mut self, now: SimTime) -> bool {
        let is_due = self.closes_at <= now;
        if is_due {
            self.closes_at = SimTime::NEVER;
            self.triggered.clear();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::from_ms(seconds * 1000)
    }

    #[test]
    fn only_a_new_trigger_extends_the_window() {
        // Upstream's own case: idle 5 s, max 10 s; the same pod again at 3 s does not extend, a new one does.
        let window = BatchWindow { idle: SimDuration::from_secs(5), max: SimDuration::from_secs(10) };
        let mut batcher = Batcher::new(window);
        batcher.trigger(at(0), 1);
        batcher.trigger(at(3), 1);
        assert_eq!(batcher.closes_at(), at(5));
        batcher.trigger(at(3), 2);
        assert_eq!(batcher.closes_at(), at(8));
        batcher.trigger(at(7), 3);
        assert_eq!(batcher.closes_at(), at(10));
        assert!(!batcher.close_if_due(at(9)) && batcher.close_if_due(at(10)));
        assert_eq!(batcher.closes_at(), SimTime::NEVER);
    }
}

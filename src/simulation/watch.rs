//! A look at a run while it goes on: levels at regular instants of simulated time, told to whoever watches. Looking changes
//! nothing of the run and costs one comparison an event where nobody does.

use crate::metrics::{GaugeKey, Recorder};
use crate::units::{SimDuration, SimTime};

/// What stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// When, in simulated time.
    pub at: SimTime,
    /// Jobs pending in GitLab.
    pub pending: i64,
    /// Jobs whose script runs.
    pub running: i64,
    /// Nodes from launch until terminated.
    pub nodes: i64,
}

/// Somebody who is told the levels of a run.
pub struct Watch<'a> {
    every: SimDuration,
    next: SimTime,
    tell: &'a mut dyn FnMut(Levels),
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("every", &self.every).field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'a> Watch<'a> {
    /// `tell` hears of the levels `every` so much simulated time, at least each millisecond.
    pub fn new(every: SimDuration, tell: &'a mut dyn FnMut(Levels)) -> Self {
        let every = every.max(SimDuration::from_ms(1));
        Self { every, next: SimTime::ZERO + every, tell }
    }

    /// When it looks next.
    pub(super) const fn next(&self) -> SimTime {
        self.next
    }

    /// Looks at every instant that is due before something happens at `until`, and returns when it looks next.
    pub(super) fn look(&mut self, until: SimTime, recorder: &Recorder) -> SimTime {
        let sum = |is_meant: fn(&GaugeKey) -> bool| {
            GaugeKey::ALL.iter().filter(|key| is_meant(key)).map(|key| recorder.level(*key)).sum()
        };
        while self.next <= until {
            (self.tell)(Levels {
                at: self.next,
                pending: recorder.level(GaugeKey::PendingJobs),
                running: sum(|key| matches!(key, GaugeKey::RunningJobs(_))),
                nodes: sum(|key| matches!(key, GaugeKey::Nodes(..))),
            });
            self.next += self.every;
        }
        self.next
    }
}

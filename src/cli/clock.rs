//! Wall time: what each part of a command took. The only place that looks at the machine's clock.

use std::time::Instant;

/// A stop watch.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    last: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Clock {
    /// Starts now.
    pub(super) fn start() -> Self {
        let now = now();
        Self { started: now, last: now, laps: Vec::new() }
    }

    /// What was done since the last lap was `name`.
    pub(super) fn lap(&mut self, name: &'static str) {
        let now = now();
        self.laps.push((name, (now - self.last).as_secs_f64()));
        self.last = now;
    }

    /// Seconds by part.
    pub(super) fn laps(&self) -> &[(&'static str, f64)] {
        &self.laps
    }

    /// Seconds since the start.
    pub(super) fn total(&self) -> f64 {
        (now() - self.started).as_secs_f64()
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the program itself takes is wall time")]
fn now() -> Instant {
    Instant::now()
}

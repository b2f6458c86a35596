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

/// The machine's day, for the age of prices.
pub(super) fn today() -> jiff::civil::Date {
    let days = now_in_days();
    jiff::civil::Date::constant(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
}

/// Days since 1970, in UTC.
#[expect(clippy::disallowed_methods, reason = "the age of prices depends on the day")]
fn now_in_days() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| (since.as_secs() / 86_400) as i64)
}

#[expect(clippy::disallowed_methods, reason = "how long the program itself takes is wall time")]
fn now() -> Instant {
    Instant::now()
}

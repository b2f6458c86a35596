//! Simulated time in whole milliseconds: instants and durations, with Go-style text (`1h30m`, `250ms`, `7d`).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

/// An instant of simulated time: milliseconds since the start of the simulation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct SimTime(u64);

/// A span of simulated time in milliseconds, never negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of the simulation.
    pub const ZERO: Self = Self(0);
    /// Later than every event: "never".
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `ms` milliseconds after the start.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The span since `earlier`, or zero where `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// This instant with its milliseconds cut off: Kubernetes API times have one-second resolution
    /// (recorded in the whole-cluster runs, measured rule 5).
    #[must_use]
    pub const fn floor_to_second(self) -> Self {
        Self(self.0 / 1000 * 1000)
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than every run: "never".
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `ms` milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// A span of `s` seconds.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1000)
    }

    /// A span of `min` minutes.
    #[must_use]
    pub const fn from_mins(min: u64) -> Self {
        Self(min * 60_000)
    }

    /// A span of `h` hours.
    #[must_use]
    pub const fn from_hours(h: u64) -> Self {
        Self(h * 3_600_000)
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The span in seconds, for statistics and display only.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// A span from real-valued seconds, rounded to the nearest millisecond. Negative values, NaN and values beyond
    /// the range are clamped to it.
    #[must_use]
    pub fn from_secs_f64_rounded(seconds: f64) -> Self {
        Self((seconds * 1000.0).round().max(0.0) as u64)
    }

    /// The difference, or zero where `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    /// Saturates at [`SimTime::NEVER`].
    fn add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    /// # Panics
    /// Where `earlier` is later than `self`: time would run backwards.
    fn sub(self, earlier: Self) -> SimDuration {
        assert!(earlier.0 <= self.0, "time runs forward: {earlier} is after {self}");
        SimDuration(self.0 - earlier.0)
    }
}

impl Add for SimDuration {
    type Output = Self;
    /// Saturates at [`SimDuration::MAX`].
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Sum for SimDuration {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("a duration is empty; write one such as \"30s\", \"5m\", \"1h30m\" or \"7d\"")]
    Empty,
    /// A bare number: the unit is missing.
    #[error("`{0}` has no unit; write \"{0}s\" for seconds, \"{0}m\" for minutes")]
    NoUnit(String),
    /// Negative spans do not exist here.
    #[error("`{0}` is negative; a duration is zero or more")]
    Negative(String),
    /// Not readable as number and unit.
    #[error("`{0}` is not a duration; write one such as \"30s\", \"5m\", \"1h30m\" or \"7d\"")]
    Malformed(String),
    /// Does not fit in 64-bit milliseconds.
    #[error("`{0}` is longer than fleetsim can count")]
    TooLong(String),
}

impl std::str::FromStr for SimDuration {
    type Err = DurationError;

    /// Reads Go and Karpenter style durations: one or more numbers with a unit out of `ms`, `s`, `m`, `h`, `d`, `w`,
    /// such as `30s`, `1h30m`, `1.5h`, `250ms`, `7d`. A bare `0` is accepted as in Go. Fractions are rounded to
    /// the nearest millisecond.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(DurationError::Empty);
        }
        if trimmed.starts_with('-') {
            return Err(DurationError::Negative(trimmed.to_owned()));
        }
        if trimmed == "0" {
            return Ok(Self::ZERO);
        }
        let mut rest = trimmed;
        let mut total_ms = 0.0_f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
            let (unit, remaining) = after.split_at(unit_len);
            let value: f64 = number.parse().map_err(|_| DurationError::Malformed(trimmed.to_owned()))?;
            let factor = match unit.trim() {
                "ms" => 1.0,
                "s" => 1000.0,
                "m" | "min" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                "w" => 604_800_000.0,
                "" => return Err(DurationError::NoUnit(trimmed.to_owned())),
                _ => return Err(DurationError::Malformed(trimmed.to_owned())),
            };
            total_ms += value * factor;
            rest = remaining;
        }
        // 2^53 ms are 285,000 years; beyond that the sum above would no longer be exact.
        if total_ms > 9.0e15 {
            return Err(DurationError::TooLong(trimmed.to_owned()));
        }
        Ok(Self(total_ms.round() as u64))
    }
}

impl fmt::Display for SimDuration {
    /// The shortest exact text: `0s`, `250ms`, `1m30s`, `7d`, `1.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAX {
            return f.write_str("Never");
        }
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 1000 {
            return write!(f, "{}ms", self.0);
        }
        let (days, hours) = (self.0 / 86_400_000, self.0 / 3_600_000 % 24);
        let (minutes, ms) = (self.0 / 60_000 % 60, self.0 % 60_000);
        for (count, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        match (ms / 1000, ms % 1000) {
            (0, 0) => Ok(()),
            (s, 0) => write!(f, "{s}s"),
            (s, fraction) => write!(f, "{}s", format!("{s}.{fraction:03}").trim_end_matches('0')),
        }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.write_str("never") } else { write!(f, "t+{}", SimDuration(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_what_people_write_and_print_it_back() {
        for (text, ms) in [
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("250ms", 250),
            ("1.5s", 1500),
            ("0", 0),
        ] {
            let parsed: SimDuration = text.parse().unwrap();
            assert_eq!(parsed.as_ms(), ms, "{text}");
            assert_eq!(parsed.to_string().parse::<SimDuration>().unwrap(), parsed, "{text}");
        }
        assert_eq!(SimDuration::from_ms(1500).to_string(), "1.5s");
        assert_eq!(SimDuration::from_ms(90_000).to_string(), "1m30s");
        assert_eq!(SimDuration::from_mins(5).to_string(), "5m");
    }

    #[test]
    fn durations_without_unit_or_with_a_sign_say_what_to_write() {
        assert_eq!("30".parse::<SimDuration>(), Err(DurationError::NoUnit("30".into())));
        assert_eq!("-5s".parse::<SimDuration>(), Err(DurationError::Negative("-5s".into())));
        assert_eq!("5 parsecs".parse::<SimDuration>(), Err(DurationError::Malformed("5 parsecs".into())));
        assert_eq!("".parse::<SimDuration>(), Err(DurationError::Empty));
        assert_eq!("1..5s".parse::<SimDuration>(), Err(DurationError::Malformed("1..5s".into())));
    }
}

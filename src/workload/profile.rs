//! When work arrives in the course of a week: 168 hourly weights, and which local hour it is (time zone and DST right).

use std::io::Read;

use crate::units::SimTime;

const HOURS: usize = 168;
const HOUR_MS: u64 = 3_600_000;
const WEEK_MS: u64 = HOURS as u64 * HOUR_MS;

/// Relative arrival rate per local hour of the week, Monday 00:00 first; only ratios matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Rate over the weekly mean.
    over_mean: Vec<f64>,
}

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// Wrong number of hours.
    #[error("a profile has 168 hourly weights (Monday 00:00 first), not {0}")]
    Hours(usize),
    /// A weight that is no rate.
    #[error("weight {value} of hour {hour} is not a rate; write zero or a positive number")]
    Weight {
        /// Hour of the week, 0 = Monday 00:00.
        hour: usize,
        /// As read.
        value: String,
    },
    /// All zero.
    #[error("a profile needs at least one hour above zero")]
    AllZero,
    /// The peak cannot be that high or low.
    #[error("a peak of {0} times the mean cannot be reached by this profile")]
    Peak(f64),
    /// Unreadable CSV.
    #[error("cannot read the profile: {0}")]
    Csv(String),
    /// An hour is given twice or outside the week.
    #[error("line {line}: expected weekday 0 to 6 (Monday 0), hour 0 to 23 and a rate, each hour once")]
    Cell {
        /// Line of the file.
        line: u64,
    },
}

/// Weekday shape of `office-week`: figures of the reference, section 6 (2026-11): peak 2.2 times the daily mean, night
/// a tenth of the peak; weekends a fifth of weekdays.
const OFFICE_DAY: [f64; 24] = [
    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.55, 0.85, 1.0, 0.95, 0.8, 0.9, 0.95, 0.95, 0.85, 0.75, 0.5,
    0.25, 0.2, 0.15, 0.1, 0.1,
];
const WEEKEND_SHARE: f64 = 0.2;

impl Profile {
    /// Names that [`Profile::named`] knows.
    pub const NAMES: [&'static str; 4] = ["flat", "office-week", "nightly", "release-spike"];

    /// The built-in profile called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "flat" => Some(Self::flat()),
            "office-week" => Some(Self::office_week()),
            "nightly" => Some(Self::nightly()),
            "release-spike" => Some(Self::release_spike()),
            _ => None,
        }
    }

    /// The same rate in every hour.
    #[must_use]
    pub fn flat() -> Self {
        Self::made(|_, _| 1.0)
    }

    /// Office hours on weekdays, little at night, a fifth at weekends.
    #[must_use]
    pub fn office_week() -> Self {
        Self::made(|day, hour| if day < 5 { OFFICE_DAY[hour] } else { OFFICE_DAY[hour] * WEEKEND_SHARE })
    }

    /// Scheduled work: most of it from 01:00 to 05:00 every night.
    #[must_use]
    pub fn nightly() -> Self {
        Self::made(|_, hour| if (1..5).contains(&hour) { 1.0 } else { 0.05 })
    }

    /// An office week with a release: Tuesday 13:00 to 17:00 at three times its usual rate.
    #[must_use]
    pub fn release_spike() -> Self {
        let office = Self::office_week();
        Self::made(|day, hour| {
            office.over_mean[day * 24 + hour] * if day == 1 && (13..17).contains(&hour) { 3.0 } else { 1.0 }
        })
    }

    fn made(weight: impl Fn(usize, usize) -> f64) -> Self {
        let weights: Vec<f64> = (0..HOURS).map(|hour| weight(hour / 24, hour % 24)).collect();
        Self::normalised(weights)
    }

    fn normalised(mut weights: Vec<f64>) -> Self {
        let mean = weights.iter().sum::<f64>() / HOURS as f64;
        weights.iter_mut().for_each(|weight| *weight /= mean);
        Self { over_mean: weights }
    }

    /// The profile with these 168 weights, Monday 00:00 first.
    ///
    /// # Errors
    /// Unless there are 168, none negative or infinite, one positive.
    pub fn from_weights(weights: &[f64]) -> Result<Self, ProfileError> {
        if weights.len() != HOURS {
            return Err(ProfileError::Hours(weights.len()));
        }
        if let Some(hour) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(ProfileError::Weight { hour, value: weights[hour].to_string() });
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err(ProfileError::AllZero);
        }
        Ok(Self::normalised(weights.to_vec()))
    }

    /// Reads a CSV of 168 rows `weekday (Monday 0), hour, rate` under a header line, in any order.
    ///
    /// # Errors
    /// An unreadable file, a cell that is missing, doubled or no rate.
    pub fn from_csv(reader: impl Read) -> Result<Self, ProfileError> {
        let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
        let mut weights = vec![f64::NAN; HOURS];
        let mut count = 0;
        for row in rows.records() {
            let row = row.map_err(|error| ProfileError::Csv(error.to_string()))?;
            let line = row.position().map_or(0, csv::Position::line);
            let field = |index: usize| row.get(index).unwrap_or("");
            let cell = match (field(0).parse::<usize>(), field(1).parse::<usize>(), field(2).parse::<f64>()) {
                (Ok(day), Ok(hour), Ok(rate)) if day < 7 && hour < 24 => Some((day * 24 + hour, rate)),
                _ => None,
            };
            let free = cell.filter(|(hour, _)| weights[*hour].is_nan());
            let (hour, rate) = free.ok_or(ProfileError::Cell { line })?;
            weights[hour] = rate;
            count += 1;
        }
        if count == HOURS { Self::from_weights(&weights) } else { Err(ProfileError::Hours(count)) }
    }

    /// The same shape made steeper or flatter, so that its busiest hour is `peak` times the mean: weights are raised
    /// to a power, which keeps their order.
    ///
    /// # Errors
    /// Where no power up to 64 gets there: below 1, or above what the number of busiest hours allows.
    pub fn with_peak(&self, peak: f64) -> Result<Self, ProfileError> {
        let raised = |power: f64| {
            Self::normalised(
                self.over_mean.iter().map(|w| if *w == 0.0 { 0.0 } else { libm::pow(*w, power) }).collect(),
            )
        };
        let (mut low, mut high) = (0.0, 64.0);
        if !peak.is_finite() || peak < raised(low).peak() - 1e-9 || peak > raised(high).peak() + 1e-9 {
            return Err(ProfileError::Peak(peak));
        }
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if raised(middle).peak() < peak { low = middle } else { high = middle }
        }
        Ok(raised(high))
    }

    /// The rate of `hour` (0 = Monday 00:00) over the weekly mean.
    #[must_use]
    pub fn over_mean(&self, hour: usize) -> f64 {
        self.over_mean[hour % HOURS]
    }

    /// The busiest hour's rate over the weekly mean.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.over_mean.iter().copied().fold(0.0, f64::max)
    }
}

/// Which local hour of the week it is at a simulated instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekClock {
    /// From each instant on, local time of the week at that instant in ms; the first at zero, ascending.
    pieces: Vec<(u64, u64)>,
}

impl Default for WeekClock {
    /// The simulation starts on Monday 00:00.
    fn default() -> Self {
        Self::starting(0, 0)
    }
}

impl WeekClock {
    /// The simulation starts on `weekday` (Monday 0) at `hour`; no DST.
    #[must_use]
    pub fn starting(weekday: u64, hour: u64) -> Self {
        Self { pieces: vec![(0, (weekday * 24 + hour) * HOUR_MS % WEEK_MS)] }
    }

    /// The simulation starts at `start` and runs until `end`; changes of the zone's offset in between are kept, so
    /// office hours stay at the same local time.
    #[must_use]
    pub fn from_zoned(start: &jiff::ZonedDateTime, end: SimTime) -> Self {
        let origin = start.timestamp().as_millisecond();
        let local = |offset: jiff::tz::Offset, at_ms: i64| {
            // The Unix epoch was a Thursday: three days into the week.
            let since_monday = at_ms + i64::from(offset.seconds()) * 1000 + 3 * 24 * HOUR_MS as i64;
            since_monday.rem_euclid(WEEK_MS as i64) as u64
        };
        let mut pieces = vec![(0, local(start.offset(), origin))];
        for change in start.time_zone().following(start.timestamp()) {
            let at = change.timestamp().as_millisecond();
            let since_start = (at - origin).max(0) as u64;
            if since_start >= end.as_ms() || pieces.len() > 10_000 {
                break;
            }
            pieces.push((since_start, local(change.offset(), at)));
        }
        Self { pieces }
    }

    /// The hour of the week (0 = Monday 00:00 to 01:00) at `at_ms`, and the instant at which the next begins.
    #[must_use]
    pub fn hour_at(&self, at: SimTime) -> (usize, SimTime) {
        let at_ms = at.as_ms();
        let next = self.pieces.partition_point(|(from, _)| *from <= at_ms);
        let (from, local) = self.pieces[next - 1];
        let week_ms = (local + (at_ms - from)) % WEEK_MS;
        let hour_end = at_ms - week_ms % HOUR_MS + HOUR_MS;
        let piece_end = self.pieces.get(next).map_or(u64::MAX, |(from, _)| *from);
        ((week_ms / HOUR_MS) as usize, SimTime::from_ms(hour_end.min(piece_end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_week_has_the_peak_and_the_quiet_times_of_the_reference() {
        let office = Profile::office_week();
        let weekday_mean = (0..24).map(|hour| office.over_mean(hour)).sum::<f64>() / 24.0;
        assert!((office.peak() / weekday_mean - 2.2).abs() < 0.03);
        assert!((office.over_mean(3) / office.peak() - 0.1).abs() < 1e-9);
        assert!((office.over_mean(5 * 24 + 10) / office.peak() - 0.2).abs() < 1e-9);
        for name in Profile::NAMES {
            let profile = Profile::named(name).unwrap();
            assert!(
                ((0..168).map(|hour| profile.over_mean(hour)).sum::<f64>() - 168.0).abs() < 1e-9,
                "{name}"
            );
        }
    }

    #[test]
    fn the_peak_can_be_set_and_keeps_the_order_of_hours() {
        let steep = Profile::office_week().with_peak(2.6).unwrap();
        assert!((steep.peak() - 2.6).abs() < 1e-6);
        assert!(steep.over_mean(10) > steep.over_mean(9));
        assert!(Profile::flat().with_peak(2.0).is_err());
        assert!(Profile::office_week().with_peak(f64::NAN).is_err());
    }

    #[test]
    fn csv_profiles_name_what_is_wrong() {
        let mut text = String::from("dow_mon0,hour_utc,rate_over_mean\n");
        for hour in 0..168 {
            text += &format!("{},{},{}\n", hour / 24, hour % 24, 1 + hour % 2);
        }
        let profile = Profile::from_csv(text.as_bytes()).unwrap();
        assert!((profile.over_mean(1) / profile.over_mean(0) - 2.0).abs() < 1e-12);
        let doubled = text.clone() + "0,0,1\n";
        assert_eq!(Profile::from_csv(doubled.as_bytes()), Err(ProfileError::Cell { line: 170 }));
        assert_eq!(Profile::from_csv("a,b,c\n0,0,1\n".as_bytes()), Err(ProfileError::Hours(1)));
        assert!(matches!(
            Profile::from_csv(text.replace("6,23,2", "6,23,-2").as_bytes()),
            Err(ProfileError::Weight { .. })
        ));
    }

    #[test]
    fn local_hours_follow_the_zone_through_a_change_to_winter_time() {
        // Sunday 2026-10-25 03:00 CEST becomes 02:00 CET in Berlin: the local hour from 2 to 3 comes twice.
        let start: jiff::ZonedDateTime = "2026-10-25T00:00[Europe/Berlin]".parse().unwrap();
        let clock = WeekClock::from_zoned(&start, SimTime::from_ms(WEEK_MS));
        let hour = |h: u64| clock.hour_at(SimTime::from_ms(h * HOUR_MS)).0 % 24;
        assert_eq!([hour(0), hour(1), hour(2), hour(3), hour(4)], [0, 1, 2, 2, 3]);
        let (hour, next) = clock.hour_at(SimTime::from_ms(HOUR_MS + 5));
        assert_eq!((hour, next.as_ms()), (6 * 24 + 1, 2 * HOUR_MS));
        assert_eq!(WeekClock::starting(6, 23).hour_at(SimTime::from_ms(HOUR_MS)).0, 0);
    }
}

//! Made-up arrivals: a Poisson process whose rate follows the hour of the week, and bursts of whole hours.

use rand_chacha::ChaCha8Rng;

use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimTime};

use super::distribution::unit;
use super::gamma::gamma;
use super::{ClassId, Profile, TemplateId, WeekClock};

const BURST: Purpose = Purpose::named("hourly burst");
const HOUR_MS: u64 = 3_600_000;
const DAY_HOURS: f64 = 24.0;

/// What a synthetic source makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Single jobs of a class.
    Jobs(ClassId),
    /// Pipelines of a template.
    Pipelines(TemplateId),
}

/// A source of synthetic arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// Name, unique in a scenario: its arrivals depend on the seed and on it.
    pub name: String,
    /// What arrives.
    pub makes: Makes,
    /// Arrivals per day, averaged over the week of the profile.
    pub per_day: f64,
    /// How they spread over the week.
    pub profile: Profile,
    /// Coefficient of variation of the hourly rate around the profile: each hour's rate is multiplied by a gamma
    /// variate of mean 1. Zero: plain Poisson. A 1,000-project aggregate has 0.38 (travis-hour-of-week, 2014-15).
    pub burstiness: Ppm,
    /// First instant.
    pub from: SimTime,
    /// No arrival at or after this instant.
    pub until: SimTime,
}

/// The instants of one source, in order; memory does not grow.
///
/// The rate is constant within a local hour, so one exponential draw per arrival is spent along the hours: exact,
/// nothing is thrown away.
#[derive(Clone, Debug)]
pub struct ArrivalTimes {
    profile: Profile,
    clock: WeekClock,
    per_hour: f64,
    burst_variance: f64,
    streams: Streams,
    source: u64,
    rng: ChaCha8Rng,
    now_ms: f64,
    hour_end: SimTime,
    rate_per_ms: f64,
    until: SimTime,
}

impl Synthetic {
    /// The instants at which it makes something, until `until` at the latest. `source` numbers it in the workload.
    #[must_use]
    pub fn times(&self, clock: &WeekClock, streams: Streams, source: u32, until: SimTime) -> ArrivalTimes {
        let per_hour = if self.per_day.is_finite() { self.per_day.max(0.0) / DAY_HOURS } else { 0.0 };
        let cv = self.burstiness.as_f64();
        let mut times = ArrivalTimes {
            profile: self.profile.clone(),
            clock: clock.clone(),
            per_hour,
            burst_variance: cv * cv,
            streams,
            source: u64::from(source),
            rng: streams.stream(Purpose::named(&format!("arrivals of {}", self.name))),
            now_ms: self.from.as_ms() as f64,
            hour_end: self.from,
            rate_per_ms: 0.0,
            until: if per_hour > 0.0 { self.until.min(until) } else { SimTime::ZERO },
        };
        times.enter_hour();
        times
    }
}

impl ArrivalTimes {
    /// Begins the local hour at `hour_end`.
    fn enter_hour(&mut self) {
        let start = self.hour_end;
        let (hour, end) = self.clock.hour_at(start);
        let mut rate = self.per_hour * self.profile.over_mean(hour) / HOUR_MS as f64;
        if self.burst_variance > 0.0 {
            let mut rng = self.streams.entity(BURST, (self.source << 40) + start.as_ms() / HOUR_MS);
            rate *= gamma(1.0 / self.burst_variance, &mut rng) * self.burst_variance;
        }
        self.rate_per_ms = rate;
        self.hour_end = end;
    }
}

impl Iterator for ArrivalTimes {
    type Item = SimTime;

    fn next(&mut self) -> Option<SimTime> {
        let mut left = -libm::log(unit(&mut self.rng));
        loop {
            let end_ms = self.hour_end.as_ms() as f64;
            let hazard = self.rate_per_ms * (end_ms - self.now_ms);
            if left < hazard {
                self.now_ms += left / self.rate_per_ms;
                break;
            }
            left -= hazard;
            self.now_ms = end_ms;
            if self.hour_end >= self.until {
                return None;
            }
            self.enter_hour();
        }
        let at = SimTime::from_ms(self.now_ms as u64);
        (at < self.until).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Id;

    fn source(per_day: f64, profile: Profile, burstiness: Ppm) -> Synthetic {
        Synthetic {
            name: "unit tests".into(),
            makes: Makes::Jobs(Id::new(0)),
            per_day,
            profile,
            burstiness,
            from: SimTime::ZERO,
            until: SimTime::NEVER,
        }
    }

    fn hourly(source: &Synthetic, hours: usize) -> Vec<f64> {
        let end = SimTime::from_ms(hours as u64 * HOUR_MS);
        let mut counts = vec![0.0; hours];
        for at in source.times(&WeekClock::default(), Streams::new(11, 0), 0, end) {
            counts[(at.as_ms() / HOUR_MS) as usize] += 1.0;
        }
        counts
    }

    fn mean_and_dispersion(counts: &[f64]) -> (f64, f64) {
        let n = counts.len() as f64;
        let mean = counts.iter().sum::<f64>() / n;
        (mean, counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / (n - 1.0) / mean)
    }

    #[test]
    fn a_flat_source_is_poisson() {
        let hours = 168 * 40;
        let (mean, dispersion) =
            mean_and_dispersion(&hourly(&source(240.0, Profile::flat(), Ppm::ZERO), hours));
        assert!((mean - 10.0).abs() < 3.0 * (10.0 / hours as f64).sqrt(), "mean {mean}");
        // The variance over mean of n Poisson counts has a standard error of sqrt(2 / n).
        assert!((dispersion - 1.0).abs() < 3.0 * (2.0 / hours as f64).sqrt(), "dispersion {dispersion}");
    }

    #[test]
    fn bursts_keep_the_mean_and_raise_the_dispersion_as_the_gamma_mixture_says() {
        let hours = 168 * 40;
        let (mean, dispersion) =
            mean_and_dispersion(&hourly(&source(240.0, Profile::flat(), Ppm(500_000)), hours));
        assert!((mean - 10.0).abs() < 3.0 * (35.0 / hours as f64).sqrt(), "mean {mean}");
        assert!((dispersion - 3.5).abs() < 0.35, "dispersion {dispersion}"); // 1 + mean × CV²
    }

    #[test]
    fn hours_of_the_week_get_their_share() {
        let weeks = 200;
        let profile = Profile::office_week();
        let counts = hourly(&source(2400.0, profile.clone(), Ppm::ZERO), 168 * weeks);
        for hour in 0..168 {
            let sum: f64 = counts.iter().skip(hour).step_by(168).sum();
            let expected = 100.0 * profile.over_mean(hour) * weeks as f64;
            assert!((sum - expected).abs() < 4.5 * expected.sqrt(), "hour {hour}: {sum} for {expected}");
        }
    }

    #[test]
    fn nothing_arrives_without_a_rate_or_outside_the_window() {
        let streams = Streams::new(1, 0);
        let clock = WeekClock::default();
        assert_eq!(
            source(0.0, Profile::flat(), Ppm::ZERO).times(&clock, streams, 0, SimTime::NEVER).count(),
            0
        );
        assert_eq!(
            source(f64::NAN, Profile::flat(), Ppm::ZERO).times(&clock, streams, 0, SimTime::NEVER).count(),
            0
        );
        let mut windowed = source(24_000.0, Profile::flat(), Ppm::ZERO);
        (windowed.from, windowed.until) = (SimTime::from_ms(1_000_000), SimTime::from_ms(2_000_000));
        let times: Vec<u64> =
            windowed.times(&clock, streams, 0, SimTime::NEVER).map(SimTime::as_ms).collect();
        assert!(
            times.len() > 200
                && times.is_sorted()
                && times.iter().all(|at| (1_000_000..2_000_000).contains(at))
        );
    }
}

//! How long a request to GitLab takes: a constant, or a distribution cut into equally likely steps.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::units::SimDuration;

/// Steps a distribution is cut into.
const STEPS: usize = 256;

/// The round-trip time of one kind of request.
///
/// A draw depends on nothing but its key, so polls that were never simulated one by one can be skipped without moving
/// the draws of later ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// Equally likely values, ascending; one element is a constant.
    steps: Vec<SimDuration>,
}

impl RoundTrip {
    /// Always `span`.
    #[must_use]
    pub fn constant(span: SimDuration) -> Self {
        Self { steps: vec![span] }
    }

    /// A log-normal distribution with this median and 95th percentile, in 256 steps of equal probability. Equal values
    /// (or a percentile below the median) give a constant.
    #[must_use]
    pub fn log_normal(median: SimDuration, p95: SimDuration) -> Self {
        if median == SimDuration::ZERO || p95 <= median {
            return Self::constant(median);
        }
        let normal = Normal::standard();
        let sigma = libm::log(p95.as_secs_f64() / median.as_secs_f64()) / normal.inverse_cdf(0.95);
        let step = |index: usize| {
            let z = normal.inverse_cdf((index as f64 + 0.5) / STEPS as f64);
            SimDuration::from_secs_f64_rounded(median.as_secs_f64() * libm::exp(sigma * z))
        };
        Self { steps: (0..STEPS).map(step).collect() }
    }

    /// The longest draw.
    #[must_use]
    pub fn longest(&self) -> SimDuration {
        self.steps[self.steps.len() - 1]
    }

    /// The draw for `key`, a number whose bits are well mixed; a constant does not ask for it.
    #[must_use]
    pub fn draw(&self, key: impl FnOnce() -> u64) -> SimDuration {
        // The top byte picks one of 256 steps.
        if let [constant] = self.steps[..] {
            constant
        } else {
            self.steps[(key() >> 56) as usize % self.steps.len()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_round_trip_keeps_its_median_and_95th_percentile() {
        let trip = RoundTrip::log_normal(SimDuration::from_ms(400), SimDuration::from_ms(1000));
        let at = |share: f64| trip.steps[(share * STEPS as f64) as usize].as_ms();
        assert!((398..=405).contains(&at(0.5)), "{}", at(0.5));
        assert!((970..=1030).contains(&at(0.95)), "{}", at(0.95));
        assert_eq!(trip.draw(|| u64::MAX), trip.longest());
    }

    #[test]
    fn a_constant_is_the_same_for_every_key() {
        let trip = RoundTrip::constant(SimDuration::from_ms(100));
        assert_eq!(
            (trip.draw(|| 0), trip.draw(|| u64::MAX)),
            (SimDuration::from_ms(100), SimDuration::from_ms(100))
        );
        assert_eq!(RoundTrip::log_normal(SimDuration::ZERO, SimDuration::ZERO).longest(), SimDuration::ZERO);
    }
}

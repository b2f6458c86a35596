//! Distributions of a delay, and the uniform draw that they are made from.

use crate::engine::{EntityRng, normal_quantile};
use crate::units::SimDuration;
use rand::Rng;

/// The normal quantile of 0.95.
const Z95: f64 = 1.644_853_626_951_472_2;

/// How long something takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Always the same.
    Constant(SimDuration),
    /// Lognormal, given by two quantiles. A `p95` below the median counts as the median.
    LogNormal {
        /// Half of the draws are below.
        median: SimDuration,
        /// 95 % of the draws are below.
        p95: SimDuration,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: SimDuration,
    },
    /// One of the measured values, each as likely, in ascending order (so that comparisons stay monotone).
    Empirical(Vec<SimDuration>),
}

impl Delay {
    /// One of the measured values, each as likely.
    #[must_use]
    pub fn empirical(mut values: Vec<SimDuration>) -> Self {
        values.sort_unstable();
        Self::Empirical(values)
    }

    /// The delay at `quantile` in (0, 1), in whole milliseconds. No measured values at all give zero.
    #[must_use]
    pub fn at(&self, quantile: f64) -> SimDuration {
        match self {
            Self::Constant(value) => *value,
            Self::LogNormal { median, p95 } => {
                if *p95 <= *median || median.as_ms() == 0 {
                    return *median;
                }
                let sigma = libm::log(p95.as_ms() as f64 / median.as_ms() as f64) / Z95;
                let ms = median.as_ms() as f64 * libm::exp(sigma * normal_quantile(quantile));
                SimDuration::from_ms(ms.round() as u64)
            }
            Self::Exponential { mean } => {
                let ms = -(mean.as_ms() as f64) * libm::log1p(-quantile);
                SimDuration::from_ms(ms.round() as u64)
            }
            Self::Empirical(values) => {
                let index = (quantile * values.len() as f64) as usize;
                values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
            }
        }
    }

    /// One draw: exactly one number is taken from `random`, whatever the distribution.
    pub fn draw(&self, random: &mut EntityRng) -> SimDuration {
        self.at(open_uniform(random))
    }

    /// The same distribution, stretched by `percent` / 100.
    #[must_use]
    pub fn stretched(&self, percent: u64) -> Self {
        let stretch = |value: SimDuration| SimDuration::from_ms((value.as_ms() * percent + 50) / 100);
        match self {
            Self::Constant(value) => Self::Constant(stretch(*value)),
            Self::LogNormal { median, p95 } => {
                Self::LogNormal { median: stretch(*median), p95: stretch(*p95) }
            }
            Self::Exponential { mean } => Self::Exponential { mean: stretch(*mean) },
            Self::Empirical(values) => Self::Empirical(values.iter().map(|value| stretch(*value)).collect()),
        }
    }
}

/// A uniform draw in the open interval (0, 1), 53 bits.
pub(super) fn open_uniform(random: &mut EntityRng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_delay_has_the_quantiles_of_its_mean() {
        let delay = Delay::Exponential { mean: SimDuration::from_secs(100) };
        assert_eq!(delay.at(0.5).as_ms(), 69_315);
        assert_eq!(delay.stretched(200).at(0.5).as_ms(), 138_629);
    }

    #[test]
    fn a_lognormal_delay_meets_both_of_its_quantiles() {
        let delay = Delay::LogNormal { median: SimDuration::from_secs(20), p95: SimDuration::from_secs(33) };
        assert_eq!(delay.at(0.5), SimDuration::from_secs(20));
        assert_eq!(delay.at(0.95), SimDuration::from_secs(33));
        let flat = Delay::LogNormal { median: SimDuration::from_secs(20), p95: SimDuration::from_secs(5) };
        assert_eq!(flat.at(0.99), SimDuration::from_secs(20));
    }

    #[test]
    fn measured_values_come_back_each_as_likely() {
        let delay = Delay::empirical([30, 10, 20].map(SimDuration::from_secs).to_vec());
        assert_eq!([0.1, 0.5, 0.99].map(|q| delay.at(q).as_ms()), [10_000, 20_000, 30_000]);
        assert_eq!(Delay::Empirical(Vec::new()).at(0.5), SimDuration::ZERO);
    }
}

//! Distributions of durations, given the way people know them (median and p95), drawn in whole milliseconds.

use rand::Rng;

use crate::units::{Ppm, SimDuration};

use super::normal::normal_quantile;

/// The standard normal quantile of 95 %.
const Z95: f64 = 1.644_853_626_951_472_2;

/// How long something takes. Every draw uses a fixed number of random words per variant, and rises with the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Always the same.
    Constant(SimDuration),
    /// Evenly between both, including them.
    Uniform {
        /// Shortest.
        low: SimDuration,
        /// Longest.
        high: SimDuration,
    },
    /// Memoryless.
    Exponential {
        /// Mean.
        mean: SimDuration,
    },
    /// The logarithm is normal: CI durations, one kind of job at a time.
    LogNormal {
        /// Half are shorter.
        median: SimDuration,
        /// Standard deviation of the logarithm.
        sigma: Ppm,
    },
    /// One of several by weight: set-up jobs and tests in one class.
    Mixture(Vec<(Ppm, Distribution)>),
    /// Linear between measured quantiles at equal steps of probability, from minimum to maximum; at least one.
    Empirical(Vec<SimDuration>),
}

/// Why a distribution does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// The p95 is below the median, or the median is zero.
    #[error("a lognormal needs 0 < median <= p95, not median {median} and p95 {p95}")]
    MedianAboveP95 {
        /// The median given.
        median: SimDuration,
        /// The p95 given.
        p95: SimDuration,
    },
    /// Upside down.
    #[error("a uniform duration runs from the shorter to the longer, not from {0} to {1}")]
    LowAboveHigh(SimDuration, SimDuration),
    /// Nothing to draw from.
    #[error("an empirical distribution or a mixture needs at least one part of positive weight")]
    Empty,
}

impl Distribution {
    /// The lognormal with this median and 95th percentile.
    ///
    /// # Errors
    /// Unless 0 < median <= p95.
    pub fn log_normal(median: SimDuration, p95: SimDuration) -> Result<Self, DistributionError> {
        if median == SimDuration::ZERO || p95 < median {
            return Err(DistributionError::MedianAboveP95 { median, p95 });
        }
        let sigma = Ppm::from_f64(libm::log(p95.as_ms() as f64 / median.as_ms() as f64) / Z95);
        Ok(Self::LogNormal { median, sigma })
    }

    /// The lognormal with this mean and coefficient of variation (standard deviation over mean).
    #[must_use]
    pub fn log_normal_mean_cv(mean: SimDuration, cv: f64) -> Self {
        let variance = libm::log1p(cv * cv);
        let median = mean.as_secs_f64() * libm::exp(-variance / 2.0);
        let sigma = Ppm::from_f64(variance.sqrt());
        Self::LogNormal { median: SimDuration::from_secs_f64_rounded(median), sigma }
    }

    /// Evenly from `low` to `high`.
    ///
    /// # Errors
    /// Where `low` is longer than `high`.
    pub fn uniform(low: SimDuration, high: SimDuration) -> Result<Self, DistributionError> {
        if low > high {
            Err(DistributionError::LowAboveHigh(low, high))
        } else {
            Ok(Self::Uniform { low, high })
        }
    }

    /// One of `parts` by weight (any scale).
    ///
    /// # Errors
    /// Without a part of positive weight.
    pub fn mixture(parts: Vec<(Ppm, Self)>) -> Result<Self, DistributionError> {
        let weighs = parts.iter().any(|(weight, _)| *weight > Ppm::ZERO);
        if weighs { Ok(Self::Mixture(parts)) } else { Err(DistributionError::Empty) }
    }

    /// The distribution of `observed` durations, interpolated between them.
    ///
    /// # Errors
    /// Where nothing was observed.
    pub fn empirical(mut observed: Vec<SimDuration>) -> Result<Self, DistributionError> {
        observed.sort_unstable();
        if observed.is_empty() { Err(DistributionError::Empty) } else { Ok(Self::Empirical(observed)) }
    }

    /// One draw, in whole milliseconds.
    pub fn sample(&self, rng: &mut impl Rng) -> SimDuration {
        match self {
            Self::Constant(span) => *span,
            Self::Uniform { low, high } => {
                let width = u128::from(high.as_ms() - low.as_ms()) + 1;
                let offset = (u128::from(rng.next_u64()) * width) >> 64;
                SimDuration::from_ms(low.as_ms() + offset as u64)
            }
            Self::Exponential { mean } => rounded(-(mean.as_ms() as f64) * libm::log1p(-unit(rng))),
            Self::LogNormal { median, sigma } => {
                let z = normal_quantile(unit(rng));
                rounded(median.as_ms() as f64 * libm::exp(sigma.as_f64() * z))
            }
            Self::Mixture(parts) => {
                let total: u64 = parts.iter().map(|(weight, _)| u64::from(weight.0)).sum();
                let mut left = ((u128::from(rng.next_u64()) * u128::from(total)) >> 64) as u64;
                for (weight, part) in parts {
                    if left < u64::from(weight.0) {
                        return part.sample(rng);
                    }
                    left -= u64::from(weight.0);
                }
                SimDuration::ZERO
            }
            Self::Empirical(sorted) => interpolate(sorted, unit(rng)),
        }
    }
}

/// A real number strictly between 0 and 1, from the upper 53 bits of one word.
pub(super) fn unit(rng: &mut impl Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

fn rounded(ms: f64) -> SimDuration {
    SimDuration::from_ms((ms + 0.5) as u64)
}

fn interpolate(sorted: &[SimDuration], probability: f64) -> SimDuration {
    let position = probability * (sorted.len() - 1) as f64;
    let below = position as usize;
    let (low, high) =
        (sorted[below].as_ms() as f64, sorted[(below + 1).min(sorted.len() - 1)].as_ms() as f64);
    rounded(low + (high - low) * (position - below as f64))
}

//! Distributions of durations, given the way people know them (median and p95), drawn in whole milliseconds.

use rand::Rng;

use crate::units::{Ppm, SimDuration};

use crate::engine::normal_quantile;

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

    /// The mean in milliseconds: for lints and offered load.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        match self {
            Self::Constant(span) | Self::Exponential { mean: span } => span.as_ms() as f64,
            Self::Uniform { low, high } => (low.as_ms() as f64 + high.as_ms() as f64) / 2.0,
            Self::LogNormal { median, sigma } => {
                median.as_ms() as f64 * libm::exp(sigma.as_f64() * sigma.as_f64() / 2.0)
            }
            Self::Mixture(parts) => {
                let total: f64 = parts.iter().map(|(weight, _)| weight.as_f64()).sum();
                parts.iter().map(|(weight, part)| weight.as_f64() * part.mean_ms()).sum::<f64>() / total
            }
            Self::Empirical(sorted) => match sorted.len() {
                1 => sorted[0].as_ms() as f64,
                // Linear between the points: the trapezium rule is exact.
                n => {
                    let sum: f64 = sorted.iter().map(|span| span.as_ms() as f64).sum();
                    let ends = (sorted[0].as_ms() as f64 + sorted[n - 1].as_ms() as f64) / 2.0;
                    (sum - ends) / (n - 1) as f64
                }
            },
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Streams};

    fn minutes(min: u64) -> SimDuration {
        SimDuration::from_mins(min)
    }

    #[test]
    fn draws_have_the_mean_that_is_promised() {
        let log_normal = Distribution::log_normal(minutes(4), minutes(14)).unwrap();
        let uniform = Distribution::uniform(minutes(1), minutes(3)).unwrap();
        let empirical = Distribution::empirical(vec![minutes(9), minutes(1), minutes(2)]).unwrap();
        let mixture = vec![(Ppm(250_000), uniform.clone()), (Ppm(750_000), log_normal.clone())];
        let all = [
            Distribution::Constant(minutes(5)),
            uniform,
            Distribution::Exponential { mean: minutes(4) },
            log_normal,
            Distribution::mixture(mixture).unwrap(),
            empirical,
            Distribution::log_normal_mean_cv(minutes(4), 1.5),
        ];
        let streams = Streams::new(3, 0);
        for distribution in all {
            let draws: Vec<f64> = (0..100_000)
                .map(|n| distribution.sample(&mut streams.entity(Purpose::named("mean"), n)).as_ms() as f64)
                .collect();
            let mean = draws.iter().sum::<f64>() / 1e5;
            let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / 1e5;
            let error = (variance / 1e5).sqrt();
            let promised = distribution.mean_ms();
            assert!((mean - promised).abs() <= 3.0 * error + 0.5, "{distribution:?}: {mean} for {promised}");
        }
    }

    #[test]
    fn a_lognormal_has_the_median_and_the_p95_it_was_made_from() {
        let distribution = Distribution::log_normal(minutes(4), minutes(14)).unwrap();
        let mut rng = Streams::new(5, 0).stream(Purpose::named("quantiles"));
        let mut draws: Vec<u64> = (0..100_001).map(|_| distribution.sample(&mut rng).as_ms()).collect();
        draws.sort_unstable();
        assert!((draws[50_000] as f64 / 240_000.0 - 1.0).abs() < 0.015);
        assert!((draws[95_000] as f64 / 840_000.0 - 1.0).abs() < 0.03);
        assert!(Distribution::log_normal(minutes(4), minutes(3)).is_err());
        assert!(Distribution::log_normal(SimDuration::ZERO, minutes(3)).is_err());
    }
}

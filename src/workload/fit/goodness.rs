//! How well a distribution describes observed durations: Kolmogorov and Smirnov's distance, its p-value, errors of
//! quantiles. Fits nothing.

use crate::engine::normal_cdf;
use crate::units::SimDuration;
use crate::workload::Distribution;

/// How well a distribution describes what was observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoodnessOfFit {
    /// Largest distance of the two distribution functions, from 0 to 1 (Kolmogorov and Smirnov).
    pub distance: f64,
    /// How probable a distance of that size or more is on values that took no part in the fit, if the distribution is
    /// right: every other job is fitted, the others are tested. Only the number of parts of a mixture was chosen with all of
    /// them, which makes it a little too large. None where there are too few.
    pub p_value: Option<f64>,
    /// Mean of the relative errors of the quantiles 5 %, 10 % … 95 %: 0.1 says that they are off by a tenth.
    pub quantile_error: f64,
    /// Mean of the distribution over the observed mean, less one.
    pub mean_error: f64,
}

/// The share of durations of `distribution` of at most `ms`.
pub(super) fn share_within(distribution: &Distribution, ms: f64) -> f64 {
    match distribution {
        Distribution::Constant(span) => f64::from(u8::from(ms >= span.as_ms() as f64)),
        Distribution::Uniform { low, high } => {
            let (low, high) = (low.as_ms() as f64, high.as_ms() as f64);
            if high > low {
                ((ms - low) / (high - low)).clamp(0.0, 1.0)
            } else {
                f64::from(u8::from(ms >= low))
            }
        }
        Distribution::Exponential { mean } => -libm::expm1(-ms.max(0.0) / mean.as_ms() as f64),
        Distribution::LogNormal { median, sigma } if ms > 0.0 => {
            let z = libm::log(ms / median.as_ms() as f64);
            if sigma.0 == 0 { f64::from(u8::from(z >= 0.0)) } else { normal_cdf(z / sigma.as_f64()) }
        }
        Distribution::LogNormal { .. } => 0.0,
        Distribution::Mixture(parts) => {
            let total: f64 = parts.iter().map(|(weight, _)| weight.as_f64()).sum();
            parts.iter().map(|(weight, part)| weight.as_f64() * share_within(part, ms)).sum::<f64>() / total
        }
        Distribution::Empirical(points) => within_points(points, ms),
    }
}

fn within_points(points: &[SimDuration], ms: f64) -> f64 {
    let above = points.partition_point(|point| point.as_ms() as f64 <= ms);
    if above == points.len() {
        return 1.0;
    }
    if above == 0 {
        return 0.0;
    }
    let (low, high) = (points[above - 1].as_ms() as f64, points[above].as_ms() as f64);
    ((above - 1) as f64 + (ms - low) / (high - low)) / (points.len() - 1) as f64
}

/// The largest distance between `distribution` and the `sorted` values, which were recorded in steps of `unit_ms`: a
/// recorded value stands for everything that is nearer to it than to another step.
pub(super) fn distance(distribution: &Distribution, sorted: &[u64], unit_ms: u64) -> f64 {
    let (n, half) = (sorted.len() as f64, unit_ms as f64 / 2.0);
    let (mut largest, mut at) = (0.0_f64, 0);
    while at < sorted.len() {
        let value = sorted[at];
        let below = at as f64 / n;
        at += sorted[at..].partition_point(|other| *other == value);
        let low = share_within(distribution, value as f64 - half);
        let high = share_within(distribution, value as f64 + half);
        largest = largest.max((below - low).abs()).max((at as f64 / n - high).abs());
    }
    largest
}

/// The probability of at least `distance` among `n` values (Kolmogorov's limit with Stephens's correction for small n,
/// *EDF statistics for goodness of fit*, JASA 69, 1974).
pub(super) fn p_value(distance: f64, n: usize) -> f64 {
    let root = (n as f64).sqrt();
    let x = (root + 0.12 + 0.11 / root) * distance;
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * libm::exp(-2.0 * f64::from(k * k) * x * x)
    };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// The duration in ms that `share` of the distribution do not exceed, by halving.
pub(super) fn quantile_of(distribution: &Distribution, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while share_within(distribution, high) < share && high < 1e15 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if share_within(distribution, middle) < share { low = middle } else { high = middle }
    }
    high
}

/// The mean relative error of the quantiles 5 % to 95 %; differences below a step of recording do not count.
pub(super) fn quantile_error(distribution: &Distribution, sorted: &[u64], unit_ms: u64) -> f64 {
    let error = |twentieth: usize| {
        let place = (sorted.len() * twentieth).div_ceil(20).clamp(1, sorted.len());
        let observed = (sorted[place - 1] as f64).max(unit_ms as f64 / 2.0);
        let made = quantile_of(distribution, twentieth as f64 / 20.0);
        let apart = ((made - observed).abs() - unit_ms as f64 / 2.0).max(0.0);
        apart / observed
    };
    (1..20).map(error).sum::<f64>() / 19.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_table() {
        // Critical values of large samples: 1.358 at 5 %, 1.628 at 1 % (any table of the test).
        for (x, p) in [(1.358, 0.05), (1.628, 0.01), (1.224, 0.10)] {
            assert!((p_value(x / 1000.0, 1_000_000) - p).abs() < 0.001, "{x}");
        }
        assert_eq!(p_value(0.0, 50), 1.0);
    }

    #[test]
    fn the_distance_of_quantiles_is_small_and_of_something_else_is_not() {
        let values: Vec<u64> = (1..=1000).map(|second| second * 1000).collect();
        let points = [0, 250, 500, 750, 1000].map(SimDuration::from_secs).to_vec();
        let even = Distribution::Empirical(points);
        assert!(distance(&even, &values, 1000) < 0.001);
        let constant = Distribution::Constant(SimDuration::from_secs(500));
        assert!((distance(&constant, &values, 1000) - 0.5).abs() < 0.01);
        assert!((quantile_of(&even, 0.3) / 300_000.0 - 1.0).abs() < 1e-9);
        assert!(quantile_error(&even, &values, 1000) < 1e-3);
    }
}

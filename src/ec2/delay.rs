//! Distributions of a delay, and the two transformations of a uniform draw that this room needs.

use crate::engine::EntityRng;
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
            Self::Empirical(values) => Self::Empirical(values.iter().map(|value| stretch(*value)).collect()),
        }
    }
}

/// A uniform draw in the open interval (0, 1), 53 bits.
pub(super) fn open_uniform(random: &mut EntityRng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// The standard normal quantile, by P. J. Acklam's rational approximation (2003), relative error below 1.2e-9.
pub(super) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const LOW: f64 = 0.024_25;
    if p < LOW {
        let q = libm::sqrt(-2.0 * libm::log(p));
        polynomial(&C, q) / polynomial(&D, q)
    } else if p > 1.0 - LOW {
        let q = libm::sqrt(-2.0 * libm::log(1.0 - p));
        -polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / polynomial(&B, r)
    }
}

/// Highest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_meets_the_printed_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.95, Z95),
            (0.975, 1.959_963_984_540_054),
            (0.99, 2.326_347_874_040_841),
            (0.001, -3.090_232_306_167_813),
            (0.01, -2.326_347_874_040_841),
        ] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}: {}", normal_quantile(p));
        }
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

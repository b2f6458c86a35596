//! Gamma draws, built on normal ones; from `libm` alone, so that platforms agree.

use rand::Rng;

use super::distribution::unit;
use crate::engine::normal_quantile;

/// A gamma variate of shape `shape` > 0 and scale 1: Marsaglia and Tsang, ACM TOMS 26 (2000), with the boost below 1.
pub(super) fn gamma(shape: f64, rng: &mut impl Rng) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, rng) * libm::pow(unit(rng), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal_quantile(unit(rng));
        let v = 1.0 + c * z;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(unit(rng)) < 0.5 * z * z + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Streams};

    #[test]
    fn gamma_draws_have_mean_and_variance_of_their_shape() {
        let mut rng = Streams::new(7, 0).stream(Purpose::named("gamma test"));
        for shape in [0.4, 1.0, 6.925] {
            let draws: Vec<f64> = (0..200_000).map(|_| gamma(shape, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / 2e5;
            let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 2e5;
            assert!((mean / shape - 1.0).abs() < 0.02, "shape {shape}: mean {mean}");
            assert!((variance / shape - 1.0).abs() < 0.05, "shape {shape}: variance {variance}");
        }
    }
}

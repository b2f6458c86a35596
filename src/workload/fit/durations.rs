//! The distribution of the durations of one class: the simplest one that describes them. Groups nothing.

use super::goodness::{GoodnessOfFit, distance, p_value, quantile_error};
use super::lognormal::{Component, LogPoints};
use crate::units::{Ppm, SimDuration};
use crate::workload::Distribution;

/// Fewer values are too few for a shape: they are taken as measured.
const FEWEST: usize = 20;
/// A shape holds if the values that were not fitted do not speak against it more clearly than this …
const ACCEPTED_P: f64 = 0.01;
/// … or if it is off by so little that no decision about a fleet depends on it.
const ACCEPTED_DISTANCE: f64 = 0.03;
/// In either case its mean, which decides how many nodes there are, is off by no more than this.
const ACCEPTED_MEAN: f64 = 0.05;
const MOST_PARTS: usize = 3;
/// Narrowest part: about the rounding of a minute to whole seconds.
const NARROWEST: f64 = 0.02;

/// Which kind of distribution was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationShape {
    /// All values are the same, but for rounding.
    Constant,
    /// One lognormal, or a mixture of so many.
    LogNormal(u8),
    /// Nothing of that holds: quantiles as measured.
    Quantiles,
    /// Too few values for anything but themselves.
    Measured,
}

/// Durations of a class, described.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationFit {
    /// The distribution.
    pub distribution: Distribution,
    /// Its kind.
    pub shape: DurationShape,
    /// How many durations were seen.
    pub count: u64,
    /// How well it describes them.
    pub goodness: GoodnessOfFit,
    /// What the best mixture of lognormals would have had, where quantiles stand in its place.
    pub refused: Option<GoodnessOfFit>,
}

/// Describes `values` in ms in the order in which the jobs came; at least one.
pub(super) fn describe(values: &[u64]) -> DurationFit {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let unit_ms = unit_of(&sorted);
    let fitted = |distribution: Distribution, shape, p_value, refused| DurationFit {
        goodness: goodness(&distribution, &sorted, unit_ms, p_value),
        distribution,
        shape,
        count: values.len() as u64,
        refused,
    };
    let at = |share: usize| sorted[((sorted.len() - 1) * share).div_ceil(100)];
    if at(99) - at(1) <= (2 * unit_ms).max(at(50) / 100) || sorted.len() == 1 {
        let constant = Distribution::Constant(SimDuration::from_ms(at(50)));
        return fitted(constant, DurationShape::Constant, None, None);
    }
    if sorted.len() < FEWEST {
        let spans = sorted.iter().map(|ms| SimDuration::from_ms(*ms)).collect();
        return fitted(Distribution::Empirical(spans), DurationShape::Measured, None, None);
    }
    let points = LogPoints::of(&sorted, unit_ms, NARROWEST);
    let candidates = (1..=MOST_PARTS).map(|parts| {
        let (components, likelihood) = points.mixture(parts);
        (points.criterion(parts, likelihood), components)
    });
    let best = candidates.reduce(|best, next| if next.0 < best.0 { next } else { best });
    let components = best.map_or_else(Vec::new, |(_, components)| components);
    let mixture = distribution_of(&components);
    let p = held_out(values, components.len(), unit_ms);
    let own = goodness(&mixture, &sorted, unit_ms, Some(p));
    let holds = p >= ACCEPTED_P || own.distance <= ACCEPTED_DISTANCE;
    if holds && own.mean_error.abs() <= ACCEPTED_MEAN {
        return fitted(mixture, DurationShape::LogNormal(components.len() as u8), Some(p), None);
    }
    fitted(quantiles(&sorted), DurationShape::Quantiles, None, Some(own))
}

fn goodness(
    distribution: &Distribution,
    sorted: &[u64],
    unit_ms: u64,
    p_value: Option<f64>,
) -> GoodnessOfFit {
    let mean = sorted.iter().sum::<u64>() as f64 / sorted.len() as f64;
    GoodnessOfFit {
        distance: distance(distribution, sorted, unit_ms),
        p_value,
        quantile_error: quantile_error(distribution, sorted, unit_ms),
        mean_error: if mean > 0.0 { distribution.mean_ms() / mean - 1.0 } else { 0.0 },
    }
}

/// The step in which the values were recorded: whole seconds, or ms.
fn unit_of(sorted: &[u64]) -> u64 {
    if sorted.iter().all(|ms| ms % 1000 == 0) { 1000 } else { 1 }
}

fn distribution_of(components: &[Component]) -> Distribution {
    let part = |component: &Component| Distribution::LogNormal {
        median: SimDuration::from_ms((libm::exp(component.mean) + 0.5).max(1.0) as u64),
        sigma: Ppm::from_f64(component.sigma),
    };
    match components {
        [one] => part(one),
        _ => Distribution::Mixture(
            components.iter().map(|own| (Ppm::from_f64(own.weight), part(own))).collect(),
        ),
    }
}

/// The p-value of every second value under the mixture of the others.
fn held_out(values: &[u64], parts: usize, unit_ms: u64) -> f64 {
    let half = |first: usize| {
        let mut own: Vec<u64> = values.iter().skip(first).step_by(2).copied().collect();
        own.sort_unstable();
        own
    };
    let (fitted, tested) = (half(0), half(1));
    let (components, _) = LogPoints::of(&fitted, unit_ms, NARROWEST).mixture(parts);
    p_value(distance(&distribution_of(&components), &tested, unit_ms), tested.len())
}

/// Quantiles in steps of 5 % up to 90 %, of 1 % up to 99 % and of a thousandth above, where the long jobs are. The longest
/// gives way so that the mean is the observed one.
fn quantiles(sorted: &[u64]) -> Distribution {
    let at = |thousandth: usize| {
        let place = (sorted.len() - 1) as f64 * thousandth as f64 / 1000.0;
        let below = place as usize;
        let (low, high) = (sorted[below] as f64, sorted[(below + 1).min(sorted.len() - 1)] as f64);
        SimDuration::from_ms((low + (high - low) * (place - below as f64) + 0.5) as u64)
    };
    let part = |places: &mut dyn Iterator<Item = usize>| Distribution::Empirical(places.map(at).collect());
    let body = part(&mut (0..=900).step_by(50));
    let tail = part(&mut (900..=990).step_by(10));
    let mut longest: Vec<SimDuration> = (990..=1000).map(at).collect();
    let mean = sorted.iter().map(|ms| *ms as f64).sum::<f64>() / sorted.len() as f64;
    let of_longest = (mean - 0.9 * body.mean_ms() - 0.09 * tail.mean_ms()) / 0.01;
    let last = longest.len() - 1;
    // Trapezium rule: the last point counts half.
    let others: f64 = longest[..last].iter().map(|span| span.as_ms() as f64).sum();
    let first = longest[0].as_ms() as f64 / 2.0;
    let wanted = 2.0 * (of_longest * last as f64 - (others - first));
    longest[last] = SimDuration::from_ms((wanted + 0.5).max(0.0) as u64).max(longest[last - 1]);
    Distribution::Mixture(vec![
        (Ppm(900_000), body),
        (Ppm(90_000), tail),
        (Ppm(10_000), Distribution::Empirical(longest)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Streams};

    fn draws(distribution: &Distribution, count: usize) -> Vec<u64> {
        let mut rng = Streams::new(9, 0).stream(Purpose::named("describe"));
        // Whole seconds, as exports have them.
        (0..count).map(|_| (distribution.sample(&mut rng).as_ms() + 500) / 1000 * 1000).collect()
    }

    #[test]
    fn a_lognormal_is_found_again_from_whole_seconds() {
        let made =
            Distribution::log_normal(SimDuration::from_secs(120), SimDuration::from_secs(400)).unwrap();
        let fit = describe(&draws(&made, 4000));
        assert_eq!(fit.shape, DurationShape::LogNormal(1));
        assert!(fit.goodness.p_value.unwrap() > 0.01 && fit.goodness.distance < 0.02, "{fit:?}");
        assert!(fit.goodness.quantile_error < 0.02 && fit.goodness.mean_error.abs() < 0.05, "{fit:?}");
    }

    #[test]
    fn what_is_no_mixture_of_lognormals_is_taken_as_measured() {
        // Three sharp steps and an even stretch: nothing smooth describes it.
        let values: Vec<u64> = (0..4000_u64)
            .map(|n| [1_000, 61_000, 62_000, 600_000 + (n % 997) * 1_000, 2_000_000][(n % 5) as usize])
            .collect();
        let fit = describe(&values);
        assert_eq!(fit.shape, DurationShape::Quantiles);
        assert!(fit.refused.is_some() && fit.goodness.mean_error.abs() < 0.05, "{fit:?}");
    }

    #[test]
    fn equal_values_are_constant_and_few_values_are_themselves() {
        assert_eq!(describe(&[5_000; 40]).shape, DurationShape::Constant);
        assert_eq!(describe(&[5_000]).shape, DurationShape::Constant);
        let few = describe(&[5_000, 90_000, 20_000]);
        assert_eq!((few.shape, few.count), (DurationShape::Measured, 3));
        assert_eq!(describe(&[0; 9]).distribution.mean_ms(), 0.0);
    }
}

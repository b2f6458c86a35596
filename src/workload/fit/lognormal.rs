//! Mixtures of lognormals by expectation and maximisation, on weighted values. Chooses nothing and tests nothing.

/// Values that are kept apart at most; beyond, they are put into bins of equal width on the logarithmic scale.
const MOST_POINTS: usize = 4096;
const MOST_ITERATIONS: usize = 300;
const LN_SQRT_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// A part of a mixture, in logarithms of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Component {
    /// Share of the values.
    pub weight: f64,
    /// Mean of the logarithm.
    pub mean: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
}

/// Logarithms of observed values with how often each was seen, ascending.
#[derive(Clone, Debug)]
pub(super) struct LogPoints {
    points: Vec<(f64, f64)>,
    total: f64,
    narrowest: f64,
}

impl LogPoints {
    /// Of `sorted` values in ms; a zero stands for half of `unit_ms`, the step in which they were recorded. No component
    /// becomes narrower than `narrowest`: equal values would else be a spike of infinite likelihood.
    pub(super) fn of(sorted: &[u64], unit_ms: u64, narrowest: f64) -> Self {
        let log = |value: u64| libm::log(if value == 0 { unit_ms as f64 / 2.0 } else { value as f64 });
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut last = None;
        for value in sorted {
            match points.last_mut() {
                Some(point) if last == Some(*value) => point.1 += 1.0,
                _ => points.push((log(*value), 1.0)),
            }
            last = Some(*value);
        }
        if points.len() > MOST_POINTS {
            points = binned(&points);
        }
        Self { total: sorted.len() as f64, points, narrowest }
    }

    /// The mixture of `parts` components of the highest likelihood found, and the logarithm of that; components by mean.
    pub(super) fn mixture(&self, parts: usize) -> (Vec<Component>, f64) {
        // Equal parts find components of like weight; the others a small one at either end.
        let starts: &[&[f64]] = match parts {
            1 => &[&[]],
            2 => &[&[0.5], &[0.1], &[0.9]],
            _ => &[&[0.33, 0.67], &[0.1, 0.9], &[0.1, 0.5], &[0.5, 0.9]],
        };
        let found = starts.iter().map(|cuts| self.improved(self.cut(cuts)));
        let best = found.reduce(|best, next| if next.1 > best.1 + 1e-9 { next } else { best });
        let (mut components, likelihood) = best.unwrap_or_default();
        components.sort_by(|one, other| one.mean.total_cmp(&other.mean));
        (components, likelihood)
    }

    /// Bayes' information criterion of a mixture with `parts` components: smaller is better.
    pub(super) fn criterion(&self, parts: usize, likelihood: f64) -> f64 {
        (3 * parts - 1) as f64 * libm::log(self.total) - 2.0 * likelihood
    }

    /// One component per range between the quantiles `cuts`.
    fn cut(&self, cuts: &[f64]) -> Vec<Component> {
        let mut components = Vec::new();
        let (mut seen, mut from) = (0.0, 0);
        for cut in cuts.iter().copied().chain([1.0]) {
            let mut to = from;
            while to < self.points.len() && (seen < cut * self.total || to == from) {
                seen += self.points[to].1;
                to += 1;
            }
            if to > from {
                components.push(self.component(&self.points[from..to], |_| 1.0));
            }
            from = to;
        }
        components
    }

    fn improved(&self, mut components: Vec<Component>) -> (Vec<Component>, f64) {
        let mut likelihood = f64::NEG_INFINITY;
        let mut shares = vec![0.0; components.len() * self.points.len()];
        for _ in 0..MOST_ITERATIONS {
            let next = self.expect(&components, &mut shares);
            if next - likelihood <= 1e-8 * self.total {
                return (components, next);
            }
            likelihood = next;
            for (part, found) in components.iter_mut().enumerate() {
                let own = &shares[part * self.points.len()..][..self.points.len()];
                *found = self.component(&self.points, |at| own[at]);
            }
        }
        (components, likelihood)
    }

    /// Which share of each point belongs to each component; the logarithm of the likelihood.
    fn expect(&self, components: &[Component], shares: &mut [f64]) -> f64 {
        let n = self.points.len();
        let mut likelihood = 0.0;
        for (at, (x, count)) in self.points.iter().enumerate() {
            let mut highest = f64::NEG_INFINITY;
            for (part, own) in components.iter().enumerate() {
                let z = (x - own.mean) / own.sigma;
                let log = libm::log(own.weight) - libm::log(own.sigma) - LN_SQRT_TWO_PI - z * z / 2.0;
                shares[part * n + at] = log;
                highest = highest.max(log);
            }
            let mut sum = 0.0;
            for part in 0..components.len() {
                let share = libm::exp(shares[part * n + at] - highest);
                shares[part * n + at] = share;
                sum += share;
            }
            for part in 0..components.len() {
                shares[part * n + at] /= sum;
            }
            likelihood += count * (highest + libm::log(sum));
        }
        likelihood
    }

    /// The component whose share of each point is `share`.
    fn component(&self, points: &[(f64, f64)], share: impl Fn(usize) -> f64) -> Component {
        let (mut weight, mut sum) = (0.0, 0.0);
        for (at, (x, count)) in points.iter().enumerate() {
            weight += count * share(at);
            sum += count * share(at) * x;
        }
        if weight <= 0.0 {
            return Component { weight: 1e-12, mean: points[0].0, sigma: 1.0 };
        }
        let mean = sum / weight;
        let squares: f64 = points
            .iter()
            .enumerate()
            .map(|(at, (x, count))| count * share(at) * (x - mean) * (x - mean))
            .sum();
        Component {
            weight: (weight / self.total).max(1e-12),
            mean,
            sigma: (squares / weight).sqrt().max(self.narrowest),
        }
    }
}

fn binned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (low, high) = (points[0].0, points[points.len() - 1].0);
    let width = (high - low) / MOST_POINTS as f64;
    let mut bins: Vec<(f64, f64)> = Vec::with_capacity(MOST_POINTS);
    let mut current = usize::MAX;
    for (x, count) in points {
        let bin = ((x - low) / width) as usize;
        match bins.last_mut() {
            Some(last) if bin == current => {
                last.0 += count * x;
                last.1 += count;
            }
            _ => bins.push((count * x, *count)),
        }
        current = bin;
    }
    bins.into_iter().map(|(sum, count)| (sum / count, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Streams};
    use crate::units::{Ppm, SimDuration};
    use crate::workload::Distribution;

    #[test]
    fn the_parts_of_a_mixture_are_found_again() {
        let part = |median, sigma| Distribution::LogNormal {
            median: SimDuration::from_secs(median),
            sigma: Ppm::from_f64(sigma),
        };
        let made = Distribution::mixture(vec![(Ppm(300_000), part(10, 0.4)), (Ppm(700_000), part(300, 0.6))])
            .unwrap();
        let mut rng = Streams::new(5, 0).stream(Purpose::named("mixture test"));
        let mut values: Vec<u64> = (0..20_000).map(|_| made.sample(&mut rng).as_ms()).collect();
        values.sort_unstable();
        let points = LogPoints::of(&values, 1, 0.02);
        let (found, likelihood) = points.mixture(2);
        for (component, (weight, median, sigma)) in found.iter().zip([(0.3, 10.0, 0.4), (0.7, 300.0, 0.6)]) {
            assert!((component.weight - weight).abs() < 0.01, "{component:?}");
            assert!((libm::exp(component.mean) / 1e3 / median - 1.0_f64).abs() < 0.03, "{component:?}");
            assert!((component.sigma - sigma).abs() < 0.02, "{component:?}");
        }
        let (_, single) = points.mixture(1);
        let (_, triple) = points.mixture(3);
        assert!(points.criterion(2, likelihood) < points.criterion(1, single));
        assert!(points.criterion(2, likelihood) < points.criterion(3, triple));
    }
}

//! Simulated against observed waits: how far apart they are, before anyone trusts a forecast. Pure arithmetic.

/// Quantiles that are compared, as shares.
pub const CALIBRATION_SHARES: [f64; 5] = [0.50, 0.75, 0.90, 0.95, 0.99];

/// Points of the quantile plot.
const PLOT_POINTS: usize = 101;

/// A distribution of waits in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitDistribution {
    /// How many waits.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// The quantiles of [`CALIBRATION_SHARES`].
    pub quantiles: [f64; CALIBRATION_SHARES.len()],
}

/// What only pairs of waits of the same jobs tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedErrors {
    /// Mean of |simulated - observed| in seconds.
    pub mean_absolute_error: f64,
    /// Mean of simulated - observed in seconds: above zero, the simulator is too pessimistic.
    pub mean_error: f64,
    /// Pearson's correlation; none where one side is constant.
    pub pearson: Option<f64>,
    /// Spearman's rank correlation, ties having their mean rank; none where one side is constant.
    pub spearman: Option<f64>,
    /// Mean of |observed - median observed| in seconds: the mean absolute error of the best constant guess.
    pub constant_guess_error: f64,
}

/// A comparison of simulated with observed waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// What was simulated.
    pub simulated: WaitDistribution,
    /// What was observed.
    pub observed: WaitDistribution,
    /// How single jobs differ; none where only the distributions are known.
    pub paired: Option<PairedErrors>,
    /// Largest vertical distance of the two distribution functions (Kolmogorov and Smirnov), from 0 to 1.
    pub distance: f64,
    /// (observed, simulated) at shares from 0 to 1 in steps of a hundredth: on the diagonal, both are the same.
    pub quantile_pairs: Vec<(f64, f64)>,
}

impl Calibration {
    /// From (simulated, observed) waits of the same jobs, in seconds; none without jobs or with waits that are no numbers.
    #[must_use]
    pub fn of_pairs(pairs: &[(f64, f64)]) -> Option<Self> {
        let (simulated, observed): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let count = pairs.len() as f64;
        let errors = PairedErrors {
            mean_absolute_error: pairs.iter().map(|(one, other)| (one - other).abs()).sum::<f64>() / count,
            mean_error: pairs.iter().map(|(one, other)| one - other).sum::<f64>() / count,
            pearson: correlation(&simulated, &observed),
            spearman: correlation(&ranks(&simulated), &ranks(&observed)),
            constant_guess_error: 0.0,
        };
        let found = Self::of_distributions(simulated, observed)?;
        let median = found.observed.quantiles[0];
        let apart = pairs.iter().map(|(_, observed)| (observed - median).abs()).sum::<f64>() / count;
        Some(Self { paired: Some(PairedErrors { constant_guess_error: apart, ..errors }), ..found })
    }

    /// From two sets of waits in seconds, of different jobs or of jobs that cannot be told apart; none where one is empty
    /// or has waits that are no numbers.
    #[must_use]
    pub fn of_distributions(mut simulated: Vec<f64>, mut observed: Vec<f64>) -> Option<Self> {
        for waits in [&mut simulated, &mut observed] {
            if waits.is_empty() || waits.iter().any(|wait| !wait.is_finite()) {
                return None;
            }
            waits.sort_unstable_by(f64::total_cmp);
        }
        let pair = |point: usize| {
            let share = point as f64 / (PLOT_POINTS - 1) as f64;
            (quantile(&observed, share), quantile(&simulated, share))
        };
        Some(Self {
            simulated: distribution(&simulated),
            observed: distribution(&observed),
            paired: None,
            distance: distance(&simulated, &observed),
            quantile_pairs: (0..PLOT_POINTS).map(pair).collect(),
        })
    }

    /// By which factor a simulated quantile is typically too long or too short, at least 1: the geometric mean over the
    /// quantiles 1 % to 99 %. A second is added to both waits, so that the shortest ones do not decide.
    #[must_use]
    pub fn typical_factor(&self) -> f64 {
        let inner = &self.quantile_pairs[1..PLOT_POINTS - 1];
        let apart =
            |(observed, simulated): &(f64, f64)| libm::log((simulated + 1.0) / (observed + 1.0)).abs();
        libm::exp(inner.iter().map(apart).sum::<f64>() / inner.len() as f64)
    }

    /// Relative error of the simulated quantile at [`CALIBRATION_SHARES`]`[index]`; none where zero was observed.
    #[must_use]
    pub fn quantile_error(&self, index: usize) -> Option<f64> {
        let (simulated, observed) = (self.simulated.quantiles[index], self.observed.quantiles[index]);
        (observed > 0.0).then(|| simulated / observed - 1.0)
    }
}

fn distribution(sorted: &[f64]) -> WaitDistribution {
    WaitDistribution {
        count: sorted.len(),
        mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        quantiles: CALIBRATION_SHARES.map(|share| quantile(sorted, share)),
    }
}

/// The value at place ceil(share × n), as in all of fleetsim's results.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

fn distance(one: &[f64], other: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < one.len() && j < other.len() {
        let at = one[i].min(other[j]);
        while i < one.len() && one[i] <= at {
            i += 1;
        }
        while j < other.len() && other[j] <= at {
            j += 1;
        }
        largest = largest.max((i as f64 / one.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    largest
}

/// Pearson's correlation, summed around the means.
fn correlation(one: &[f64], other: &[f64]) -> Option<f64> {
    let count = one.len() as f64;
    let (mean_one, mean_other) = (one.iter().sum::<f64>() / count, other.iter().sum::<f64>() / count);
    let (mut both, mut square_one, mut square_other) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        let (x, y) = (x - mean_one, y - mean_other);
        both += x * y;
        square_one += x * x;
        square_other += y * y;
    }
    let scale = (square_one * square_other).sqrt();
    (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0))
}

/// Ranks from 1; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let end = start + order[start..].iter().take_while(|index| values[**index] <= value).count().max(1);
        let rank = (start + 1 + end) as f64 / 2.0;
        for index in &order[start..end] {
            ranks[*index] = rank;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_perfect_simulator_has_no_error() {
        let pairs: Vec<(f64, f64)> = (0..100).map(|wait| (f64::from(wait), f64::from(wait))).collect();
        let calibration = Calibration::of_pairs(&pairs).unwrap();
        let paired = calibration.paired.unwrap();
        assert_eq!((paired.mean_absolute_error, paired.mean_error, calibration.distance), (0.0, 0.0, 0.0));
        assert!((paired.pearson.unwrap() - 1.0).abs() < 1e-12);
        assert!(calibration.quantile_pairs.iter().all(|(observed, simulated)| observed == simulated));
        assert_eq!((calibration.typical_factor(), paired.constant_guess_error), (1.0, 25.0));
        assert_eq!(calibration.observed.quantiles, [49.0, 74.0, 89.0, 94.0, 98.0]);
    }

    #[test]
    fn known_figures_come_out() {
        // Spearman with ties: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
        let calibration =
            Calibration::of_pairs(&[(10.0, 1.0), (20.0, 2.0), (20.0, 3.0), (100.0, 4.0)]).unwrap();
        let paired = calibration.paired.unwrap();
        assert_eq!((paired.mean_absolute_error, paired.mean_error), (35.0, 35.0));
        assert!((paired.spearman.unwrap() - 0.948_683_298).abs() < 1e-9);
        assert!((paired.pearson.unwrap() - 0.831_261_247).abs() < 1e-9);
        assert_eq!(calibration.distance, 1.0);
        assert_eq!(calibration.quantile_error(0), Some(9.0));
    }

    #[test]
    fn constant_waits_have_no_correlation_and_nothing_has_no_calibration() {
        let paired = Calibration::of_pairs(&[(1.0, 2.0), (1.0, 5.0)]).unwrap().paired.unwrap();
        assert_eq!((paired.pearson, paired.spearman), (None, None));
        assert!(Calibration::of_pairs(&[]).is_none());
        assert!(Calibration::of_distributions(vec![1.0], vec![f64::NAN]).is_none());
    }

    proptest! {
        #[test]
        fn measures_stay_in_their_ranges(pairs in prop::collection::vec((0.0..1e6_f64, 0.0..1e6_f64), 1..200)) {
            let calibration = Calibration::of_pairs(&pairs).unwrap();
            let paired = calibration.paired.unwrap();
            prop_assert!((0.0..=1.0).contains(&calibration.distance));
            prop_assert!(paired.mean_absolute_error >= paired.mean_error.abs() - 1e-6);
            for correlation in [paired.pearson, paired.spearman].into_iter().flatten() {
                prop_assert!((-1.0..=1.0).contains(&correlation));
            }
            prop_assert!(calibration.quantile_pairs.is_sorted());
        }
    }
}

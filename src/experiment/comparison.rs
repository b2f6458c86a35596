//! Fleets compared by what is kept of their replications, with all intervals of a metric holding together.

use super::metric::Metric;
use super::statistics::{Confidence, Sample};
use super::summary::{ExperimentSummary, FleetSummary, Verdict, compare, possible};
use super::values::FleetValues;

/// How sure a comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ComparisonRules {
    /// How sure the intervals of one metric are: all differences to the baseline together, each estimate by itself.
    pub confidence: Confidence,
    /// A change of at most this share, either way, does not matter.
    pub tolerance: f64,
}

impl ComparisonRules {
    /// How sure each of so many intervals has to be, for all to hold together (Bonferroni: `1 - α / comparisons`). It
    /// holds however much the differences depend on each other, as they do by the baseline and the random numbers that
    /// they share.
    ///
    /// # Panics
    /// Never: a confidence lies between 0 and 1, and so does this one.
    #[must_use]
    pub fn each_of(self, comparisons: usize) -> Confidence {
        let miss = (1.0 - self.confidence.share()) / comparisons.max(1) as f64;
        Confidence::new(1.0 - miss).expect("a smaller chance to miss lies between 0 and 1")
    }
}

/// Compares fleets with one of them, over the replications that all have. Means and ratios are those of a summary of the
/// runs; a quantile is the mean of the replications' quantiles, since no more is kept of them.
///
/// # Panics
/// Where there is no such baseline.
#[must_use]
pub fn summarise_values(
    fleets: &[FleetValues],
    baseline: usize,
    rules: ComparisonRules,
) -> ExperimentSummary {
    assert!(baseline < fleets.len(), "the baseline is one of the fleets");
    let n = fleets.iter().map(|fleet| fleet.replications.len()).min().unwrap_or(0);
    let adjusted = rules.each_of(fleets.len() - 1);
    let base: Vec<Option<Sample>> = Metric::all().iter().map(|m| fleets[baseline].sample(*m, n)).collect();
    let summaries = fleets.iter().enumerate().map(|(index, fleet)| {
        let mut summary = FleetSummary::named(&fleet.name, n);
        for (metric, base) in Metric::all().into_iter().zip(&base) {
            let mine = fleet.sample(metric, n);
            summary.estimates.push(mine.as_ref().map(|sample| possible(sample, metric, rules.confidence)));
            summary.differences.push(mine.as_ref().zip(base.as_ref()).map(|(mine, base)| {
                let mut difference = compare(mine, base, metric.direction(), adjusted);
                let is_within = difference
                    .relative
                    .and_then(|change| change.interval)
                    .is_some_and(|(lower, upper)| lower >= -rules.tolerance && upper <= rules.tolerance);
                if index == baseline {
                    difference.verdict = Verdict::Reference;
                } else if is_within && difference.verdict != Verdict::Identical {
                    difference.verdict = Verdict::WithinTolerance;
                }
                difference
            }));
        }
        summary
    });
    ExperimentSummary {
        fleets: summaries.collect(),
        baseline,
        confidence: rules.confidence,
        is_partial: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::Term;
    use super::*;

    fn fleet(name: &str, costs: &[f64]) -> FleetValues {
        let row = |cost: &f64| {
            let mut row = vec![None; Metric::all().len()];
            row[Metric::CostTotal.index()] = Some(Term::Value(*cost));
            row
        };
        let replications: Vec<_> = costs.iter().map(row).collect();
        FleetValues { name: name.to_owned(), work: vec![Vec::new(); replications.len()], replications }
    }

    #[test]
    fn words_follow_from_the_interval_and_the_tolerance() {
        let base = [100.0, 104.0, 97.0, 101.0, 99.0];
        let shifted = |by: f64, noise: f64| -> Vec<f64> {
            base.iter().enumerate().map(|(i, x)| x + by + noise * [1.0, -1.0, 0.5, -0.5, 0.0][i]).collect()
        };
        let fleets = [
            fleet("base", &base),
            fleet("same", &base),
            fleet("cheaper", &shifted(-10.0, 0.1)),
            fleet("dearer", &shifted(10.0, 0.1)),
            fleet("about", &shifted(0.5, 0.1)),
            fleet("noise", &shifted(0.5, 9.0)),
        ];
        let rules = ComparisonRules { tolerance: 0.02, ..ComparisonRules::default() };
        let summary = summarise_values(&fleets, 0, rules);
        let verdict = |fleet: usize| summary.fleets[fleet].difference(Metric::CostTotal).unwrap().verdict;
        let words: Vec<&str> = (0..6).map(|fleet| verdict(fleet).label()).collect();
        assert_eq!(
            words,
            ["reference", "identical", "better", "worse", "within tolerance", "no clear difference"]
        );
        // Five comparisons: each interval is that of 99 %.
        let difference = summary.fleets[2].difference(Metric::CostTotal).unwrap().absolute;
        let alone = fleets[2].sample(Metric::CostTotal, 5).unwrap();
        let base = fleets[0].sample(Metric::CostTotal, 5).unwrap();
        let one = alone.paired_difference(&base).estimate(Confidence::new(0.99).unwrap());
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let ((a, b), (c, d)) = (difference.interval.unwrap(), one.interval.unwrap());
        assert!(close(a, c) && close(b, d));
    }
}

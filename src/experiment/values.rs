//! What each replication says of every metric, small enough to be kept in a file and compared much later.

use super::metric::Metric;
use super::statistics::Sample;
use super::units::Units;
use crate::metrics::RunOutcome;

/// What one run says of one metric. In text a value is the shortest number that reads back as the same, a ratio two of
/// them with a slash between.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Term {
    /// A value of its own.
    Value(f64),
    /// Numerator and denominator of a ratio of sums.
    Ratio(f64, f64),
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        match term {
            Term::Value(value) => value.to_string(),
            Term::Ratio(top, bottom) => format!("{top}/{bottom}"),
        }
    }
}

impl TryFrom<String> for Term {
    type Error = std::num::ParseFloatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once('/') {
            Some((top, bottom)) => Ok(Self::Ratio(top.parse()?, bottom.parse()?)),
            None => text.parse().map(Self::Value),
        }
    }
}

/// What one run says of every metric, by [`Metric::index`].
#[must_use]
pub fn metric_row(run: &RunOutcome) -> Vec<Option<Term>> {
    Metric::all().into_iter().map(|metric| metric.term(run)).collect()
}

/// One fleet, replication by replication.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetValues {
    /// Name of the fleet.
    pub name: String,
    /// By replication, then by [`Metric::index`]; none where the run has no value.
    pub replications: Vec<Vec<Option<Term>>>,
    /// By replication: the simulator's work counters by name.
    pub work: Vec<Vec<(String, u64)>>,
}

impl FleetValues {
    /// The values of the runs of one fleet.
    #[must_use]
    pub fn of<'a>(name: &str, runs: impl Iterator<Item = &'a RunOutcome>) -> Self {
        let mut values = Self { name: name.to_owned(), ..Self::default() };
        for run in runs {
            values.replications.push(metric_row(run));
            values.work.push(run.work.iter().map(|(name, count)| (name.to_owned(), count)).collect());
        }
        values
    }

    /// The values of every fleet.
    #[must_use]
    pub fn of_all(names: &[String], units: &Units<RunOutcome>) -> Vec<Self> {
        names.iter().enumerate().map(|(fleet, name)| Self::of(name, units.of_fleet(fleet))).collect()
    }

    /// The metric over the first `n` replications: means and ratios as in [`Metric::sample`], a quantile as the mean of
    /// the replications' quantiles. None where a replication has no value.
    #[must_use]
    pub fn sample(&self, metric: Metric, n: usize) -> Option<Sample> {
        let terms: Vec<Term> =
            self.replications.iter().take(n).map(|row| row[metric.index()]).collect::<Option<_>>()?;
        let ratios: Option<Vec<(f64, f64)>> = terms
            .iter()
            .map(|term| match term {
                Term::Ratio(top, bottom) => Some((*top, *bottom)),
                Term::Value(_) => None,
            })
            .collect();
        if let Some(ratios) = ratios.filter(|ratios| !ratios.is_empty()) {
            return Sample::of_ratio(&ratios);
        }
        let values = terms.into_iter().map(|term| match term {
            Term::Value(value) => value,
            Term::Ratio(top, bottom) => top / bottom,
        });
        Sample::of_means(values.collect())
    }

    /// The sum of each work counter over the first `n` replications, in the order of the first one.
    #[must_use]
    pub fn work_totals(&self, n: usize) -> Vec<(String, u64)> {
        let mut totals: Vec<(String, u64)> = Vec::new();
        for (name, count) in self.work.iter().take(n).flatten() {
            match totals.iter_mut().find(|(known, _)| known == name) {
                Some((_, total)) => *total += count,
                None => totals.push((name.clone(), *count)),
            }
        }
        totals
    }
}

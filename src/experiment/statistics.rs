//! Estimates with Student t intervals over replications, for means, ratios and quantiles alike.
//!
//! Every estimator is brought into one form, a [`Sample`]: a point estimate, one *part* per replication, and the centre
//! from which the parts' deviations are taken. The interval is `point ± t(n-1) × sqrt(Σ (part - centre)² / (n (n-1)))`.
//! - **mean**: the parts are the replications' values, point and centre their mean (the classical t interval);
//! - **ratio of sums**: the parts are jackknife pseudo-values, the centre their mean, the point the ratio of sums, which
//!   a reader can recompute (Tukey's jackknife; Quenouille 1956, Tukey 1958);
//! - **quantile**: the parts are the replications' quantiles, point *and* centre the quantile of all values together
//!   (sectioning; Asmussen & Glynn, *Stochastic Simulation*, III.5a): deviations from the pooled quantile also cover
//!   the bias of the small sections.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// How sure an interval is, as a share.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Default for Confidence {
    fn default() -> Self {
        Self(0.95)
    }
}

impl Confidence {
    /// A confidence such as 0.95; none outside of the open interval from 0 to 1.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// The share.
    #[must_use]
    pub fn share(self) -> f64 {
        self.0
    }
}

/// The factor `t` of a two-sided interval with `degrees` degrees of freedom.
///
/// # Panics
/// Where `degrees` is zero.
#[must_use]
pub fn student_t(confidence: Confidence, degrees: usize) -> f64 {
    let t = StudentsT::new(0.0, 1.0, degrees as f64).expect("at least one degree of freedom");
    t.inverse_cdf(0.5 + confidence.0 / 2.0)
}

/// A point estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The point estimate.
    pub mean: f64,
    /// Lower and upper end of the interval; none with fewer than two replications.
    pub interval: Option<(f64, f64)>,
    /// Replications behind it.
    pub n: usize,
}

impl Estimate {
    /// The same estimate with its interval cut to the values that are possible at all, as from 0 to 1 for a share.
    #[must_use]
    pub fn within(mut self, lowest: f64, highest: f64) -> Self {
        self.interval = self.interval.map(|(lower, upper)| (lower.max(lowest), upper.min(highest)));
        self
    }

    /// How far the interval reaches from the mean: to its farther end, so that cutting one end does not make it look
    /// narrower.
    #[must_use]
    pub fn margin(&self) -> Option<f64> {
        self.interval.map(|(lower, upper)| (upper - self.mean).max(self.mean - lower))
    }
}

/// A point estimate and its parts by replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The point estimate.
    pub point: f64,
    /// One part per replication; empty where some replication has no value, so that nothing can be said of the spread.
    pub parts: Vec<f64>,
    /// From where deviations of parts are taken.
    pub centre: f64,
    /// Replications behind it.
    pub n: usize,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Sample {
    /// The mean of one value per replication; none without replications.
    #[must_use]
    pub fn of_means(values: Vec<f64>) -> Option<Self> {
        let (point, n) = (mean(&values), values.len());
        (n > 0).then_some(Self { point, parts: values, centre: point, n })
    }

    /// The ratio of sums of (numerator, denominator) per replication, with jackknife pseudo-values
    /// `n R - (n-1) R(without this replication)`; none where the denominators sum to zero.
    #[must_use]
    pub fn of_ratio(terms: &[(f64, f64)]) -> Option<Self> {
        let n = terms.len() as f64;
        let (top, bottom) = terms.iter().fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
        if bottom == 0.0 {
            return None;
        }
        let point = top / bottom;
        let parts: Vec<f64> =
            terms.iter().map(|(a, b)| n * point - (n - 1.0) * ((top - a) / (bottom - b))).collect();
        if terms.len() < 2 || parts.iter().any(|part| !part.is_finite()) {
            return Some(Self { point, parts: Vec::new(), centre: point, n: terms.len() });
        }
        let centre = mean(&parts);
        Some(Self { point, parts, centre, n: terms.len() })
    }

    /// The pooled quantile with the quantile of each replication (sectioning); parts are left out where a replication
    /// has no value.
    #[must_use]
    pub fn of_sections(pooled: Option<f64>, sections: &[Option<f64>]) -> Option<Self> {
        let point = pooled?;
        let parts = sections.iter().copied().collect::<Option<Vec<f64>>>().unwrap_or_default();
        Some(Self { point, parts, centre: point, n: sections.len() })
    }

    /// The estimate with its interval.
    #[must_use]
    pub fn estimate(&self, confidence: Confidence) -> Estimate {
        let interval = self.standard_error().map(|error| {
            let half = student_t(confidence, self.parts.len() - 1) * error;
            (self.point - half, self.point + half)
        });
        Estimate { mean: self.point, interval, n: self.n }
    }

    /// Variance of the point estimate; none with fewer than two parts.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let n = self.parts.len() as f64;
        if self.parts.len() < 2 {
            return None;
        }
        let squares: f64 = self.parts.iter().map(|part| (part - self.centre) * (part - self.centre)).sum();
        Some(squares / (n * (n - 1.0)))
    }

    /// Square root of the variance.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// `self - other`, paired by replication.
    #[must_use]
    pub fn paired_difference(&self, other: &Self) -> Self {
        self.combine(other, self.point - other.point, |a, b| a - b)
    }

    /// How often the variance of the difference without pairing (Var A + Var B) is that with pairing: what common random
    /// numbers are worth. None without spread.
    #[must_use]
    pub fn variance_reduction(&self, other: &Self) -> Option<f64> {
        let (mine, theirs) = (self.variance()?, other.variance()?);
        let paired = self.paired_difference(other).variance()?;
        (paired > 0.0).then(|| (mine + theirs) / paired)
    }

    /// `self / other - 1`, paired by replication, by the delta method: each part is the ratio's linearisation at the
    /// point estimates. None where `other` is zero.
    #[must_use]
    pub fn paired_change(&self, other: &Self) -> Option<Self> {
        let ratio = self.point / other.point;
        (other.point != 0.0)
            .then(|| self.combine(other, ratio - 1.0, |a, b| ratio - 1.0 + (a - ratio * b) / other.point))
    }

    fn combine(&self, other: &Self, point: f64, with: impl Fn(f64, f64) -> f64) -> Self {
        let parts: Vec<f64> = if self.parts.len() == other.parts.len() {
            self.parts.iter().zip(&other.parts).map(|(a, b)| with(*a, *b)).collect()
        } else {
            Vec::new()
        };
        Self { point, parts, centre: with(self.centre, other.centre), n: self.n.min(other.n) }
    }
}

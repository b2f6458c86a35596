//! Fleets summarised over their replications and compared with a baseline, replication by replication.

use super::band::TimelineBand;
use super::metric::{Direction, Metric, MetricUnit};
use super::statistics::{Confidence, Estimate, Sample};
use super::units::Units;
use crate::metrics::{
    CostLedger, JobCounts, NodeTotals, RunOutcome, WaitStatistics, WasteLedger, WorkCounters,
};

/// What an interval says about a difference to the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the baseline.
    Reference,
    /// Every replication gave the same value.
    Identical,
    /// The whole interval lies on the good side of zero.
    Better,
    /// The whole interval lies on the bad side of zero.
    Worse,
    /// The whole interval lies on one side of zero, for a metric that only describes.
    Different,
    /// The whole interval lies within the tolerance that was given, on whichever side.
    WithinTolerance,
    /// The interval contains zero.
    NoClearDifference,
    /// There is no interval: too few replications, or no value.
    Unknown,
}

impl Verdict {
    /// The word in tables and files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Identical => "identical",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::WithinTolerance => "within tolerance",
            Self::NoClearDifference => "no clear difference",
            Self::Unknown => "unknown",
        }
    }
}

/// The difference of one fleet to the baseline in one metric. Each interval holds by itself; with many fleets and
/// metrics some of them miss by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Fleet minus baseline, in the metric's unit.
    pub absolute: Estimate,
    /// Fleet over baseline minus one; none where the baseline is zero.
    pub relative: Option<Estimate>,
    /// How often the variance without pairing (Var A + Var B) is that with pairing. Above one: the common random numbers
    /// help. None where it cannot be told.
    pub variance_reduction: Option<f64>,
    /// What the interval of the absolute difference says.
    pub verdict: Verdict,
}

/// One fleet over its replications. What is summed is over all replications; [`FleetSummary::replications`] says how many.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetSummary {
    /// Name of the fleet.
    pub name: String,
    /// Number of replications.
    pub replications: usize,
    /// By [`Metric::index`]; none where the metric is not defined.
    pub estimates: Vec<Option<Estimate>>,
    /// To the baseline, by [`Metric::index`]; none where one of both is not defined.
    pub differences: Vec<Option<Difference>>,
    /// Jobs of all replications.
    pub jobs: JobCounts,
    /// Waits of all replications.
    pub waits: WaitStatistics,
    /// Costs of all replications.
    pub costs: CostLedger,
    /// What instances were paid for in all replications.
    pub waste: WasteLedger,
    /// Nodes of all replications.
    pub nodes: NodeTotals,
    /// Work of the simulator in all replications.
    pub work: WorkCounters,
    /// Levels over time.
    pub timeline: TimelineBand,
}

impl FleetSummary {
    /// Nothing is known yet but the name and the number of replications.
    pub(super) fn named(name: &str, replications: usize) -> Self {
        Self {
            name: name.to_owned(),
            replications,
            estimates: Vec::new(),
            differences: Vec::new(),
            jobs: JobCounts::default(),
            waits: WaitStatistics::default(),
            costs: CostLedger::default(),
            waste: WasteLedger::default(),
            nodes: NodeTotals::default(),
            work: WorkCounters::default(),
            timeline: TimelineBand::default(),
        }
    }

    /// The estimate of a metric.
    #[must_use]
    pub fn estimate(&self, metric: Metric) -> Option<Estimate> {
        self.estimates[metric.index()]
    }

    /// The difference of a metric to the baseline.
    #[must_use]
    pub fn difference(&self, metric: Metric) -> Option<Difference> {
        self.differences[metric.index()]
    }
}

/// All fleets of one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentSummary {
    /// By fleet.
    pub fleets: Vec<FleetSummary>,
    /// With which fleet the others are compared.
    pub baseline: usize,
    /// How sure the intervals are.
    pub confidence: Confidence,
    /// Whether replications are missing that were asked for.
    pub is_partial: bool,
}

/// Summarises the runs of fleets with the given names. None where no replication is complete.
///
/// # Panics
/// Where there are not as many names as fleets, or no such baseline.
#[must_use]
pub fn summarise(
    names: &[String],
    units: &Units<RunOutcome>,
    baseline: usize,
    confidence: Confidence,
) -> Option<ExperimentSummary> {
    assert_eq!(names.len(), units.fleets(), "every fleet has a name");
    assert!(baseline < names.len(), "the baseline is one of the fleets");
    if units.replications() == 0 {
        return None;
    }
    let samples: Vec<Vec<Option<Sample>>> = (0..names.len())
        .map(|fleet| {
            let runs: Vec<&RunOutcome> = units.of_fleet(fleet).collect();
            Metric::all().iter().map(|metric| metric.sample(&runs)).collect()
        })
        .collect();
    let fleets = names.iter().enumerate().map(|(fleet, name)| {
        let mut summary = summarise_fleet(name, units.of_fleet(fleet).collect());
        for (index, metric) in Metric::all().into_iter().enumerate() {
            let (mine, base) = (&samples[fleet][index], &samples[baseline][index]);
            summary.estimates.push(mine.as_ref().map(|sample| possible(sample, metric, confidence)));
            summary.differences.push(mine.as_ref().zip(base.as_ref()).map(|(mine, base)| {
                let mut difference = compare(mine, base, metric.direction(), confidence);
                if fleet == baseline {
                    difference.verdict = Verdict::Reference;
                }
                difference
            }));
        }
        summary
    });
    Some(ExperimentSummary { fleets: fleets.collect(), baseline, confidence, is_partial: units.is_partial() })
}

/// The estimate with its interval cut to what is possible.
pub(super) fn possible(sample: &Sample, metric: Metric, confidence: Confidence) -> Estimate {
    let highest = if metric.unit() == MetricUnit::Share { 1.0 } else { f64::INFINITY };
    sample.estimate(confidence).within(0.0, highest)
}

fn summarise_fleet(name: &str, runs: Vec<&RunOutcome>) -> FleetSummary {
    let mut summary = FleetSummary::named(name, runs.len());
    summary.timeline = TimelineBand::of(&runs);
    for run in runs {
        summary.jobs.merge(&run.jobs);
        summary.waits.merge(&run.waits);
        summary.costs.merge(&run.costs);
        summary.waste.merge(&run.waste);
        summary.nodes.merge(&run.nodes);
        summary.work.merge(&run.work);
    }
    summary
}

/// Compares two samples of the same replications.
pub(super) fn compare(
    mine: &Sample,
    base: &Sample,
    direction: Direction,
    confidence: Confidence,
) -> Difference {
    let difference = mine.paired_difference(base);
    let absolute = difference.estimate(confidence);
    let identical = !mine.parts.is_empty() && mine.parts == base.parts && mine.point == base.point;
    Difference {
        absolute,
        relative: mine.paired_change(base).map(|change| change.estimate(confidence)),
        variance_reduction: mine.variance_reduction(base),
        verdict: if identical { Verdict::Identical } else { verdict(&absolute, direction) },
    }
}

fn verdict(difference: &Estimate, direction: Direction) -> Verdict {
    let Some((lower, upper)) = difference.interval else { return Verdict::Unknown };
    if lower <= 0.0 && upper >= 0.0 {
        return Verdict::NoClearDifference;
    }
    match (direction, upper < 0.0) {
        (Direction::LowerIsBetter, true) | (Direction::HigherIsBetter, false) => Verdict::Better,
        (Direction::LowerIsBetter, false) | (Direction::HigherIsBetter, true) => Verdict::Worse,
        (Direction::Neutral, _) => Verdict::Different,
    }
}

/// Places of the points that no other point beats in both coordinates (less is better), in ascending order of the
/// first. Of equal points the first counts.
#[must_use]
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (points[*a], points[*b]);
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut best = f64::INFINITY;
    order.retain(|index| {
        let is_on_front = points[*index].1 < best;
        best = best.min(points[*index].1);
        is_on_front
    });
    order
}

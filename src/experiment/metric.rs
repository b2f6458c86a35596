//! Every number a fleet is judged by: its key, unit, direction, and how it is estimated from runs.

use super::statistics::Sample;
use super::values::Term;
use crate::catalog::{Arch, CapacityType};
use crate::metrics::{
    CostKind, Distribution, GaugeKey, JobOutcome, NodeEnd, RunOutcome, WaitCause, WasteKind,
};

/// Hours in an average month, as AWS' own calculator counts (365 × 24 / 12).
const HOURS_PER_MONTH: f64 = 730.0;
const MS_PER_HOUR: f64 = 3_600_000.0;

/// In what a metric is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// US dollars.
    Usd,
    /// US dollars per 1,000 jobs.
    UsdPerThousandJobs,
    /// US dollars per month of 730 hours.
    UsdPerMonth,
    /// Milliseconds.
    Milliseconds,
    /// A share from 0 to 1.
    Share,
    /// A number per 1,000 jobs.
    PerThousandJobs,
    /// Hours.
    Hours,
    /// A plain number.
    Count,
}

impl MetricUnit {
    /// The word in CSV files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::UsdPerThousandJobs => "usd_per_1000_jobs",
            Self::UsdPerMonth => "usd_per_month",
            Self::Milliseconds => "ms",
            Self::Share => "share",
            Self::PerThousandJobs => "per_1000_jobs",
            Self::Hours => "h",
            Self::Count => "count",
        }
    }
}

/// Which way a metric is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Less is better.
    LowerIsBetter,
    /// More is better.
    HigherIsBetter,
    /// It only describes.
    Neutral,
}

/// How a metric is estimated from the replications.
#[derive(Clone, Copy)]
enum Estimator {
    /// Mean over replications of one value per run.
    Mean(fn(&RunOutcome) -> f64),
    /// Ratio of sums over replications of (numerator, denominator) per run.
    Ratio(fn(&RunOutcome) -> (f64, f64)),
    /// A quantile of all values of a distribution.
    Quantile(f64, fn(&RunOutcome) -> &Distribution),
}

/// A number by which fleets are judged. All count from the end of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// What the run cost.
    CostTotal,
    /// What 1,000 jobs cost.
    CostPerThousandJobs,
    /// The cost projected to a month of 730 hours.
    CostPerMonth,
    /// Mean wait of jobs whose script started.
    WaitMean,
    /// Median wait.
    WaitP50,
    /// The wait that 95 % of jobs do not exceed.
    WaitP95,
    /// The wait that 99 % of jobs do not exceed.
    WaitP99,
    /// Mean time from pending until picked (GitLab's `queued_duration`).
    QueueMean,
    /// Its 95 % quantile.
    QueueP95,
    /// Mean time from picked until the script started.
    PodStartMean,
    /// Its 95 % quantile.
    PodStartP95,
    /// Share of jobs without a result because of the fleet.
    JobsLost,
    /// Share of jobs that hit their time-out.
    JobsTimedOut,
    /// Attempts after the first, per 1,000 jobs.
    Retries,
    /// Nodes taken back by EC2.
    NodeInterruptions,
    /// Job attempts that lost their node.
    JobInterruptions,
    /// Share of provisioned CPU that jobs requested.
    Utilisation,
    /// Share of the instances' cost that was not paid for useful work.
    Waste,
    /// Hours of all nodes.
    NodeHours,
    /// Share of node hours on Spot.
    SpotShare,
    /// Nodes launched.
    Launches,
    /// Jobs, without skipped ones.
    Jobs,
    /// Jobs whose last attempt ended so.
    JobsEnded(JobOutcome),
    /// Mean wait for one cause.
    WaitFor(WaitCause),
}

/// Every way in which nodes are bought.
const CAPACITY_TYPES: [CapacityType; 3] =
    [CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved];

fn ms(value: u64) -> f64 {
    value as f64
}

fn cost(run: &RunOutcome) -> f64 {
    run.costs.total().read().as_dollars()
}

fn instance_cost(run: &RunOutcome) -> f64 {
    let kinds = CostKind::ALL.iter().filter(|kind| matches!(kind, CostKind::Instance(..)));
    kinds.map(|kind| run.costs.of(*kind).read().as_dollars()).sum()
}

fn node_ms(run: &RunOutcome, capacities: &[CapacityType]) -> f64 {
    let mut sum = 0;
    for arch in [Arch::Amd64, Arch::Arm64] {
        for &capacity in capacities {
            sum += run.timeline.counted_area(GaugeKey::Nodes(arch, capacity));
        }
    }
    sum as f64
}

fn mean_of(values: &Distribution) -> (f64, f64) {
    (values.sum_ms() as f64, values.count() as f64)
}

impl Metric {
    /// Every metric, in the order in which reports list them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Self::HEADLINES.to_vec();
        all.extend(JobOutcome::ALL.map(Self::JobsEnded));
        all.extend(WaitCause::ALL.map(Self::WaitFor));
        all
    }

    const HEADLINES: [Self; 22] = [
        Self::CostTotal,
        Self::CostPerThousandJobs,
        Self::CostPerMonth,
        Self::WaitMean,
        Self::WaitP50,
        Self::WaitP95,
        Self::WaitP99,
        Self::QueueMean,
        Self::QueueP95,
        Self::PodStartMean,
        Self::PodStartP95,
        Self::JobsLost,
        Self::JobsTimedOut,
        Self::Retries,
        Self::NodeInterruptions,
        Self::JobInterruptions,
        Self::Utilisation,
        Self::Waste,
        Self::NodeHours,
        Self::SpotShare,
        Self::Launches,
        Self::Jobs,
    ];

    /// Its place in [`Metric::all`].
    #[must_use]
    pub fn index(self) -> usize {
        let headlines = Self::HEADLINES.len();
        match self {
            Self::JobsEnded(outcome) => headlines + outcome.index(),
            Self::WaitFor(cause) => headlines + JobOutcome::ALL.len() + cause.index(),
            _ => Self::HEADLINES.iter().position(|metric| *metric == self).expect("a headline is listed"),
        }
    }

    /// The metric with this key; none where there is no such metric.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::all().into_iter().find(|metric| metric.key() == key)
    }

    /// The stable name in files and objectives.
    #[must_use]
    pub fn key(self) -> String {
        let key = match self {
            Self::CostTotal => "cost_total",
            Self::CostPerThousandJobs => "cost_per_1000_jobs",
            Self::CostPerMonth => "cost_per_month",
            Self::WaitMean => "wait_mean",
            Self::WaitP50 => "wait_p50",
            Self::WaitP95 => "wait_p95",
            Self::WaitP99 => "wait_p99",
            Self::QueueMean => "queue_mean",
            Self::QueueP95 => "queue_p95",
            Self::PodStartMean => "pod_start_mean",
            Self::PodStartP95 => "pod_start_p95",
            Self::JobsLost => "jobs_lost_share",
            Self::JobsTimedOut => "jobs_timed_out_share",
            Self::Retries => "retries",
            Self::NodeInterruptions => "node_interruptions",
            Self::JobInterruptions => "job_interruptions",
            Self::Utilisation => "utilisation",
            Self::Waste => "waste_share",
            Self::NodeHours => "node_hours",
            Self::SpotShare => "spot_share",
            Self::Launches => "launches",
            Self::Jobs => "jobs",
            Self::JobsEnded(outcome) => return format!("jobs_{}", outcome.label()),
            Self::WaitFor(cause) => return format!("wait_for_{}", cause.label()),
        };
        key.to_owned()
    }

    /// In what it is counted.
    #[must_use]
    pub const fn unit(self) -> MetricUnit {
        match self {
            Self::CostTotal => MetricUnit::Usd,
            Self::CostPerThousandJobs => MetricUnit::UsdPerThousandJobs,
            Self::CostPerMonth => MetricUnit::UsdPerMonth,
            Self::WaitMean | Self::WaitP50 | Self::WaitP95 | Self::WaitP99 | Self::WaitFor(_) => {
                MetricUnit::Milliseconds
            }
            Self::QueueMean | Self::QueueP95 | Self::PodStartMean | Self::PodStartP95 => {
                MetricUnit::Milliseconds
            }
            Self::JobsLost | Self::JobsTimedOut | Self::Utilisation | Self::Waste | Self::SpotShare => {
                MetricUnit::Share
            }
            Self::Retries => MetricUnit::PerThousandJobs,
            Self::NodeHours => MetricUnit::Hours,
            Self::NodeInterruptions | Self::JobInterruptions | Self::Launches => MetricUnit::Count,
            Self::Jobs | Self::JobsEnded(_) => MetricUnit::Count,
        }
    }

    /// Which way it is good.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Utilisation | Self::JobsEnded(JobOutcome::Success) => Direction::HigherIsBetter,
            Self::NodeHours | Self::SpotShare | Self::Launches | Self::Jobs => Direction::Neutral,
            Self::JobsEnded(JobOutcome::Skipped | JobOutcome::StillRunning | JobOutcome::Failed(_)) => {
                Direction::Neutral
            }
            _ => Direction::LowerIsBetter,
        }
    }

    /// How it is estimated; none for the families, which carry a parameter.
    fn estimator(self) -> Option<Estimator> {
        use Estimator::{Mean, Quantile, Ratio};
        Some(match self {
            Self::CostTotal => Mean(cost),
            Self::CostPerThousandJobs => Ratio(|run| (1000.0 * cost(run), run.jobs.jobs() as f64)),
            Self::CostPerMonth => {
                Mean(|run| cost(run) * HOURS_PER_MONTH * MS_PER_HOUR / ms(run.window().as_ms()).max(1.0))
            }
            Self::WaitMean => Ratio(|run| mean_of(&run.waits.wait)),
            Self::WaitP50 => Quantile(0.5, |run| &run.waits.wait),
            Self::WaitP95 => Quantile(0.95, |run| &run.waits.wait),
            Self::WaitP99 => Quantile(0.99, |run| &run.waits.wait),
            Self::QueueMean => Ratio(|run| mean_of(&run.waits.queue)),
            Self::QueueP95 => Quantile(0.95, |run| &run.waits.queue),
            Self::PodStartMean => Ratio(|run| mean_of(&run.waits.pod_start)),
            Self::PodStartP95 => Quantile(0.95, |run| &run.waits.pod_start),
            Self::JobsLost => Ratio(|run| (run.jobs.lost() as f64, run.jobs.jobs() as f64)),
            Self::JobsTimedOut => {
                Ratio(|run| (run.jobs.ended(JobOutcome::TimedOut) as f64, run.jobs.jobs() as f64))
            }
            Self::Retries => Ratio(|run| (1000.0 * run.jobs.retries() as f64, run.jobs.jobs() as f64)),
            Self::NodeInterruptions => Mean(|run| run.nodes.ended(NodeEnd::Interrupted) as f64),
            Self::JobInterruptions => Mean(|run| run.jobs.attempts_ended(JobOutcome::Interrupted) as f64),
            Self::Utilisation => Ratio(|run| {
                let area = |key| run.timeline.counted_area(key) as f64;
                (area(GaugeKey::RequestedMillicores), area(GaugeKey::ProvisionedMillicores))
            }),
            Self::Waste => Ratio(|run| {
                // A pool without nodes has a bill that nobody shares out: no waste is known, rather than nothing else.
                if run.waste.total().0 == 0 {
                    return (0.0, 0.0);
                }
                let useful = run.waste.of(WasteKind::UsefulWork).read().as_dollars();
                (instance_cost(run) - useful, instance_cost(run))
            }),
            Self::NodeHours => Mean(|run| node_ms(run, &CAPACITY_TYPES) / MS_PER_HOUR),
            Self::SpotShare => {
                Ratio(|run| (node_ms(run, &[CapacityType::Spot]), node_ms(run, &CAPACITY_TYPES)))
            }
            Self::Launches => Mean(|run| run.nodes.launches.iter().sum::<u64>() as f64),
            Self::Jobs => Mean(|run| run.jobs.jobs() as f64),
            Self::JobsEnded(_) | Self::WaitFor(_) => return None,
        })
    }

    /// What one run says of it; none where it says nothing (no job waited, nothing was provisioned).
    pub(super) fn term(self, run: &RunOutcome) -> Option<Term> {
        let ratio = |(top, bottom): (f64, f64)| (bottom != 0.0).then_some(Term::Ratio(top, bottom));
        match (self, self.estimator()) {
            (_, Some(Estimator::Mean(value))) => Some(Term::Value(value(run))),
            (_, Some(Estimator::Ratio(terms))) => ratio(terms(run)),
            (_, Some(Estimator::Quantile(q, values))) => values(run).quantile_ms(q).map(ms).map(Term::Value),
            (Self::JobsEnded(outcome), None) => Some(Term::Value(run.jobs.ended(outcome) as f64)),
            (Self::WaitFor(cause), None) => {
                ratio((run.waits.causes_ms[cause.index()] as f64, run.waits.wait.count() as f64))
            }
            (_, None) => None,
        }
    }

    /// The metric over replications of one fleet; none where it is not defined (no job waited, nothing provisioned).
    #[must_use]
    pub fn sample(self, runs: &[&RunOutcome]) -> Option<Sample> {
        match (self, self.estimator()) {
            (_, Some(Estimator::Mean(value))) => {
                Sample::of_means(runs.iter().map(|run| value(run)).collect())
            }
            (_, Some(Estimator::Ratio(terms))) => {
                Sample::of_ratio(&runs.iter().map(|run| terms(run)).collect::<Vec<_>>())
            }
            (_, Some(Estimator::Quantile(q, values))) => quantile_sample(q, runs, values),
            (Self::JobsEnded(outcome), None) => {
                Sample::of_means(runs.iter().map(|run| run.jobs.ended(outcome) as f64).collect())
            }
            (Self::WaitFor(cause), None) => {
                let terms = |run: &&RunOutcome| {
                    (run.waits.causes_ms[cause.index()] as f64, run.waits.wait.count() as f64)
                };
                Sample::of_ratio(&runs.iter().map(terms).collect::<Vec<_>>())
            }
            (_, None) => None,
        }
    }
}

fn quantile_sample(q: f64, runs: &[&RunOutcome], values: fn(&RunOutcome) -> &Distribution) -> Option<Sample> {
    let mut pooled = Distribution::default();
    for run in runs {
        pooled.merge(values(run));
    }
    let sections: Vec<_> = runs.iter().map(|run| values(run).quantile_ms(q).map(ms)).collect();
    Sample::of_sections(pooled.quantile_ms(q).map(ms), &sections)
}

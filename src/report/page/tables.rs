//! The page's plain tables: numbers behind charts, nodes, ends of jobs, classes, slowest jobs.

use super::model::{DataTable, names};
use super::{NodeHours, SlowJobs};
use crate::experiment::{ExperimentSummary, FleetSummary, Metric};
use crate::metrics::{Distribution, GaugeKey, JobOutcome, NodeEnd, WaitCause};
use crate::report::chart::{Savings, Step, at_share, load_duration, signed};
use crate::report::format::{number, plus_minus, three_digits};
use crate::report::verdict::words;

pub(super) fn intervals_table(summary: &ExperimentSummary) -> DataTable {
    let bounds = |fleet: &FleetSummary, metric: Metric, factor: f64| {
        let shown = |value: f64| three_digits(value * factor);
        match fleet.estimate(metric) {
            Some(estimate) => {
                let (lower, upper) = estimate
                    .interval
                    .map_or_else(|| ("–".to_owned(), "–".to_owned()), |(l, u)| (shown(l), shown(u)));
                [shown(estimate.mean), lower, upper]
            }
            None => ["–"; 3].map(str::to_owned),
        }
    };
    let rows = summary.fleets.iter().map(|fleet| {
        let mut row = vec![fleet.name.clone()];
        row.extend(bounds(fleet, Metric::CostPerThousandJobs, 1.0));
        row.extend(bounds(fleet, Metric::WaitP95, 1e-3));
        row
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: String::new(),
        head: names(&["fleet", "$ per 1000 jobs", "lower", "upper", "wait p95, s", "lower", "upper"]),
        rows: rows.collect(),
    }
}

const QUANTILES: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

pub(super) fn quantiles(waits: &Distribution) -> impl Iterator<Item = String> + '_ {
    QUANTILES.iter().map(|q| seconds(waits.quantile_ms(*q)))
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "–".to_owned(), |ms| number(ms as f64 / 1000.0, 1))
}

pub(super) fn quantile_head(first: &str) -> Vec<String> {
    let mut head = names(&[first, "jobs"]);
    head.extend(QUANTILES.iter().map(|q| format!("p{} s", crate::report::format::plain(q * 100.0))));
    head
}

pub(super) fn quantiles_table(summary: &ExperimentSummary) -> DataTable {
    let rows = summary.fleets.iter().map(|fleet| {
        let wait = &fleet.waits.wait;
        [fleet.name.clone(), number(wait.count() as f64, 0)].into_iter().chain(quantiles(wait)).collect()
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: "All replications together.".to_owned(),
        head: quantile_head("fleet"),
        rows: rows.collect(),
    }
}

/// At most so many rows of a timeline are shown; the files have all of them.
const TIMELINE_ROWS: usize = 56;

pub(super) fn levels_table(fleet: &FleetSummary) -> DataTable {
    let timeline = &fleet.timeline;
    let step = timeline.len().div_ceil(TIMELINE_ROWS).max(1);
    let mut head = names(&["hours since the start"]);
    head.extend(GaugeKey::ALL.iter().map(|key| words(key.label())));
    let rows = (0..timeline.len()).step_by(step).map(|bucket| {
        let hours = timeline.starts_at(bucket).as_ms() as f64 / 3_600_000.0;
        let level = |key: &GaugeKey| number(timeline.band(*key).median[bucket], 1);
        std::iter::once(number(hours, 1)).chain(GaugeKey::ALL.iter().map(level)).collect()
    });
    DataTable {
        title: "Numbers".to_owned(),
        note: "Medians of the replications at some instants; timeline.csv has all of them.".to_owned(),
        head,
        rows: rows.collect(),
    }
}

fn per_replication(count: u64, fleet: &FleetSummary) -> String {
    three_digits(count as f64 / fleet.replications.max(1) as f64)
}

pub(super) fn nodes_table(summary: &ExperimentSummary) -> DataTable {
    let mut head = names(&["fleet", "launched"]);
    head.extend(NodeEnd::ALL.iter().map(|end| format!("ended: {}", words(end.label()))));
    head.extend(names(&["pods run", "node hours", "share on Spot, %"]));
    let rows = summary.fleets.iter().map(|fleet| {
        let mut row = vec![fleet.name.clone(), per_replication(fleet.nodes.launches.iter().sum(), fleet)];
        row.extend(NodeEnd::ALL.iter().map(|end| per_replication(fleet.nodes.ended(*end), fleet)));
        row.push(per_replication(fleet.nodes.pods_run, fleet));
        let of = |metric: Metric, factor: f64| {
            fleet.estimate(metric).map_or_else(|| "–".to_owned(), |estimate| plus_minus(&estimate, factor))
        };
        row.extend([of(Metric::NodeHours, 1.0), of(Metric::SpotShare, 100.0)]);
        row
    });
    DataTable {
        title: "Nodes".to_owned(),
        note: "Means per replication.".to_owned(),
        head,
        rows: rows.collect(),
    }
}

pub(super) fn ends_table(summary: &ExperimentSummary) -> DataTable {
    let mut head = names(&["fleet", "jobs"]);
    head.extend(JobOutcome::ALL.iter().map(|outcome| words(outcome.label())));
    let rows = summary.fleets.iter().map(|fleet| {
        let ends = JobOutcome::ALL.iter().map(|outcome| per_replication(fleet.jobs.ended(*outcome), fleet));
        [fleet.name.clone(), per_replication(fleet.jobs.jobs(), fleet)].into_iter().chain(ends).collect()
    });
    DataTable {
        title: "How jobs ended".to_owned(),
        note: "Means per replication, the last attempt of each job; skipped jobs are not among the jobs."
            .to_owned(),
        head,
        rows: rows.collect(),
    }
}

/// The same from means of replications, where nothing else is kept.
pub(super) fn ends_table_of_means(summary: &ExperimentSummary) -> DataTable {
    let mut head = names(&["fleet", "jobs"]);
    head.extend(JobOutcome::ALL.iter().map(|outcome| words(outcome.label())));
    let rows = summary.fleets.iter().map(|fleet| {
        let of = |metric: Metric| {
            fleet.estimate(metric).map_or_else(|| "–".to_owned(), |estimate| three_digits(estimate.mean))
        };
        let ends = JobOutcome::ALL.iter().map(|outcome| of(Metric::JobsEnded(*outcome)));
        [fleet.name.clone(), of(Metric::Jobs)].into_iter().chain(ends).collect()
    });
    DataTable {
        title: "How jobs ended".to_owned(),
        note: "Means per replication, the last attempt of each job; skipped jobs are not among the jobs."
            .to_owned(),
        head,
        rows: rows.collect(),
    }
}

/// Shares of the time of which the load-duration table tells.
const SHARES: [f64; 8] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0];

pub(super) fn load_table(summary: &ExperimentSummary) -> DataTable {
    let rows = summary.fleets.iter().map(|fleet| {
        let levels = load_duration(fleet);
        let at = |share: &f64| number(at_share(&levels, *share), 1);
        std::iter::once(fleet.name.clone()).chain(SHARES.iter().map(at)).collect()
    });
    let mut head = names(&["fleet", "peak"]);
    head.extend(SHARES[1..].iter().map(|share| format!("{} % of the time", number(100.0 * share, 0))));
    DataTable {
        title: "vCPU that are there for at least a share of the time".to_owned(),
        note: "Means over the replications, warm-up included.".to_owned(),
        head,
        rows: rows.collect(),
    }
}

pub(super) fn slowest_table(slow: &SlowJobs) -> DataTable {
    let rows = slow.jobs.iter().map(|(job, class)| {
        let seconds = |ms: u64| number(ms as f64 / 1000.0, 1);
        let cause = WaitCause::ALL.into_iter().max_by_key(|cause| job.wait.of(*cause));
        let cause = cause.unwrap_or(WaitCause::GitlabQueue);
        vec![
            job.ordinal.to_string(),
            class.clone(),
            seconds(job.wait.total().as_ms()),
            words(cause.label()),
            seconds(job.wait.of(cause).as_ms()),
        ]
    });
    DataTable {
        title: format!("The slowest jobs of {}", slow.fleet),
        note: format!("First replication. The life line of one of them: {}", slow.command),
        head: names(&["job", "class", "wait, s", "largest cause", "of that, s"]),
        rows: rows.collect(),
    }
}

/// The steps of the way from the baseline's cost to another fleet's.
pub(super) fn savings_table(savings: Option<&Savings>) -> DataTable {
    let ends = |step: &Step| {
        let ends = step.change.and_then(|change| change.interval);
        let none = || ("–".to_owned(), "–".to_owned());
        ends.map_or_else(none, |(lower, upper)| (signed(lower), signed(upper)))
    };
    let row = |step: &Step| {
        vec![
            step.name.clone(),
            number(step.from, 2),
            signed(step.to - step.from),
            ends(step).0,
            ends(step).1,
            number(step.to, 2),
            if step.settings.is_empty() { "–".to_owned() } else { step.settings.join("; ") },
        ]
    };
    DataTable {
        title: "Numbers".to_owned(),
        note: savings.map_or_else(String::new, |way| {
            format!(
                "From {} ({}\u{a0}$) to {} ({}\u{a0}$). Lower and upper: the 95\u{a0}% interval of each change by itself, paired by replication; steps depend on each other, so these do not add up to the interval of the whole difference, which stands in the comparison.",
                way.baseline,
                number(way.from, 2),
                way.fleet,
                number(way.to, 2)
            )
        }),
        head: names(&["step", "before, $ per 1000 jobs", "change", "lower", "upper", "after", "settings that it adds"]),
        rows: savings.map(|way| way.steps.iter().map(row).collect()).unwrap_or_default(),
    }
}

pub(super) fn node_hours_table(nodes: &[NodeHours]) -> DataTable {
    let row = |kind: &NodeHours| {
        vec![
            kind.fleet.clone(),
            kind.instance_type.clone(),
            kind.arch.label().to_owned(),
            kind.capacity.label().to_owned(),
            kind.zones.join(", "),
            number(kind.nodes as f64, 0),
            number(kind.hours, 1),
        ]
    };
    DataTable {
        title: "Node hours by type".to_owned(),
        note: "First replication, after the warm-up; of each fleet the types with most hours.".to_owned(),
        head: names(&["fleet", "type", "architecture", "bought", "zones", "nodes", "hours"]),
        rows: nodes.iter().map(row).collect(),
    }
}

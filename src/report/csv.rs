//! Tables for other programs. Columns carry units in their names; their order is a contract, additions go to the end.
//!
//! Writers stream into whatever they are given, so that a file of millions of jobs is never held in memory.

use std::io::Write;

use super::money::apportion;
use crate::experiment::{Difference, Estimate, ExperimentSummary, FleetSummary, Metric, TimelineBand};
use crate::metrics::{CostKind, GaugeKey, JobOutcome, JobRecord, Names, NodeRecord, WaitCause, WasteKind};
use crate::units::{Money, SimDuration, SimTime};

/// A real number in a CSV field: the shortest text that reads back as the same number rounded to nine decimals.
pub(super) fn real(value: f64) -> String {
    let text = format!("{value:.9}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

pub(super) fn lower_upper(estimate: &Estimate) -> [String; 2] {
    estimate.interval.map_or_else(Default::default, |(lower, upper)| [real(lower), real(upper)])
}

fn instant(at: SimTime) -> String {
    if at == SimTime::NEVER { String::new() } else { at.as_ms().to_string() }
}

fn name(names: &[String], id: u32) -> String {
    names.get(id as usize).cloned().unwrap_or_else(|| id.to_string())
}

/// What is told of a fleet and a metric, in `summary.csv` and in `sweep.csv`.
pub(super) const METRIC_COLUMNS: [&str; 15] = [
    "fleet",
    "metric",
    "unit",
    "mean",
    "lower",
    "upper",
    "n",
    "difference",
    "difference_lower",
    "difference_upper",
    "change_share",
    "change_lower",
    "change_upper",
    "variance_reduction",
    "verdict",
];

/// One row of [`METRIC_COLUMNS`].
pub(super) fn metric_row(fleet: &FleetSummary, metric: Metric) -> Vec<String> {
    let mut row = vec![fleet.name.clone(), metric.key(), metric.unit().label().to_owned()];
    row.extend(estimate_columns(fleet.estimate(metric)));
    row.push(fleet.replications.to_string());
    row.extend(difference_columns(fleet.difference(metric)));
    row
}

/// Mean, lower and upper end; empty where there is no estimate.
pub(super) fn estimate_columns(estimate: Option<Estimate>) -> [String; 3] {
    let Some(estimate) = estimate else { return Default::default() };
    let [lower, upper] = lower_upper(&estimate);
    [real(estimate.mean), lower, upper]
}

/// `summary.csv`: one row per fleet and metric, with the interval and the difference to the baseline.
///
/// # Errors
/// Where `out` cannot be written.
pub fn summary_csv<W: Write>(out: W, summary: &ExperimentSummary) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(METRIC_COLUMNS)?;
    for fleet in &summary.fleets {
        for metric in Metric::all() {
            csv.write_record(metric_row(fleet, metric))?;
        }
    }
    Ok(csv.flush()?)
}

pub(super) fn difference_columns(difference: Option<Difference>) -> [String; 8] {
    let Some(difference) = difference else { return Default::default() };
    let [lower, upper] = lower_upper(&difference.absolute);
    let [change_lower, change_upper] = difference.relative.as_ref().map(lower_upper).unwrap_or_default();
    [
        real(difference.absolute.mean),
        lower,
        upper,
        difference.relative.map(|change| real(change.mean)).unwrap_or_default(),
        change_lower,
        change_upper,
        difference.variance_reduction.map(real).unwrap_or_default(),
        difference.verdict.label().to_owned(),
    ]
}

/// `costs.csv`: what was paid, by kind, and what the instances' part was paid for, summed over all replications. The
/// rows of an account sum to its total to the micro-dollar.
///
/// # Errors
/// Where `out` cannot be written.
pub fn costs_csv<W: Write>(out: W, summary: &ExperimentSummary) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["fleet", "account", "item", "cost_usd", "replications"])?;
    for fleet in &summary.fleets {
        let kinds = CostKind::ALL.map(|kind| (kind.label(), fleet.costs.of(kind)));
        let uses = WasteKind::ALL.map(|kind| (kind.label(), fleet.waste.of(kind)));
        for (account, items) in [("paid_for", &kinds[..]), ("instances_used_for", &uses[..])] {
            let (parts, total) = apportion(items.iter().map(|(_, cost)| *cost));
            for ((item, _), cost) in items.iter().zip(parts) {
                cost_row(&mut csv, fleet, account, item, cost)?;
            }
            cost_row(&mut csv, fleet, account, "total", total)?;
        }
    }
    Ok(csv.flush()?)
}

fn cost_row<W: Write>(
    csv: &mut csv::Writer<W>,
    fleet: &FleetSummary,
    account: &str,
    item: &str,
    cost: Money,
) -> csv::Result<()> {
    csv.write_record([&fleet.name, account, item, &cost.to_string(), &fleet.replications.to_string()])
}

/// `timeline.csv`: levels per fleet and bucket: mean, low and high of the replications, and the highest level.
///
/// # Errors
/// Where `out` cannot be written.
pub fn timeline_csv<W: Write>(out: W, summary: &ExperimentSummary) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let mut header = vec!["fleet".to_owned(), "start_ms".to_owned(), "width_ms".to_owned()];
    for key in GaugeKey::ALL {
        header.extend(["mean", "low", "high", "max"].map(|what| format!("{}_{what}", key.label())));
    }
    csv.write_record(header)?;
    for fleet in &summary.fleets {
        for bucket in 0..fleet.timeline.len() {
            csv.write_record(timeline_row(&fleet.name, &fleet.timeline, bucket))?;
        }
    }
    Ok(csv.flush()?)
}

fn timeline_row(fleet: &str, timeline: &TimelineBand, bucket: usize) -> Vec<String> {
    let start = timeline.starts_at(bucket).as_ms();
    let mut row = vec![fleet.to_owned(), start.to_string(), timeline.bucket.as_ms().to_string()];
    for key in GaugeKey::ALL {
        let band = timeline.band(key);
        row.extend([band.mean[bucket], band.low[bucket], band.high[bucket]].map(|v| format!("{v:.3}")));
        row.push(band.max[bucket].to_string());
    }
    row
}

/// What an hour of the node was billed at after the warm-up; the mean, where its price changed.
fn hourly(node: &NodeRecord) -> String {
    match node.billed_after_warmup_ms {
        0 => String::new(),
        ms => real(node.cost.0 as f64 / ms as f64 / 1e9),
    }
}

/// `jobs.csv`: writes the header, then rows of as many runs as are given to it.
#[derive(Debug)]
pub struct JobsCsv<W: Write>(csv::Writer<W>);

impl<W: Write> JobsCsv<W> {
    /// A file with its header.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(out: W) -> csv::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        let mut header: Vec<String> = [
            "fleet",
            "replication",
            "job",
            "class",
            "pipeline",
            "attempt",
            "retried",
            "arch",
            "capacity_type",
            "outcome",
            "node",
            "wait_since_ms",
            "pending_at_ms",
            "picked_at_ms",
            "pod_created_at_ms",
            "bound_at_ms",
            "script_started_at_ms",
            "script_ended_at_ms",
            "slot_freed_at_ms",
            "wait_ms",
        ]
        .map(str::to_owned)
        .to_vec();
        header.extend(WaitCause::ALL.map(|cause| format!("wait_for_{}_ms", cause.label())));
        header.push("failure_reason".to_owned());
        csv.write_record(header)?;
        Ok(Self(csv))
    }

    /// Adds one run. Instants that never came are empty fields, and so is the wait of a skipped job, which never became
    /// pending; its `wait_since_ms` says when it was skipped.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn run(
        &mut self,
        fleet: &str,
        replication: usize,
        names: &Names,
        jobs: &[JobRecord],
    ) -> csv::Result<()> {
        for job in jobs {
            let is_skipped = job.outcome == JobOutcome::Skipped;
            let wait = |time: SimDuration| if is_skipped { String::new() } else { time.as_ms().to_string() };
            self.0.write_field(fleet)?;
            self.0.write_field(replication.to_string())?;
            self.0.write_field(job.ordinal.to_string())?;
            self.0.write_field(name(&names.classes, job.class))?;
            self.0.write_field(job.pipeline.to_string())?;
            self.0.write_field(job.attempt.to_string())?;
            self.0.write_field(if job.retried { "true" } else { "false" })?;
            self.0.write_field(job.arch.label())?;
            self.0.write_field(job.capacity.map_or("", |capacity| capacity.label()))?;
            self.0.write_field(job.outcome.label())?;
            self.0.write_field(job.node.map(|node| node.to_string()).unwrap_or_default())?;
            for at in [
                job.wait_since,
                if is_skipped { SimTime::NEVER } else { job.pending_at },
                job.picked_at,
                job.pod_created_at,
                job.bound_at,
                job.script_started_at,
                job.script_ended_at,
                job.slot_freed_at,
            ] {
                self.0.write_field(instant(at))?;
            }
            self.0.write_field(wait(job.wait.total()))?;
            for cause in WaitCause::ALL {
                self.0.write_field(wait(job.wait.of(cause)))?;
            }
            self.0.write_field(job.failure.map_or("", |reason| reason.name()))?;
            self.0.write_record(None::<&[u8]>)?;
        }
        Ok(self.0.flush()?)
    }
}

/// `nodes.csv`: writes the header, then rows of as many runs as are given to it. `billed_ms` is the whole bill; `cost_usd` is
/// `billed_after_warmup_ms` times `usd_per_hour`, and summed over the nodes it is what `costs.csv` says that instances cost.
#[derive(Debug)]
pub struct NodesCsv<W: Write>(csv::Writer<W>);

impl<W: Write> NodesCsv<W> {
    /// A file with its header.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(out: W) -> csv::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "fleet",
            "replication",
            "node",
            "pool",
            "instance_type",
            "zone",
            "arch",
            "capacity_type",
            "end",
            "cpu_millicores",
            "allocatable_millicores",
            "launched_at_ms",
            "registered_at_ms",
            "ready_at_ms",
            "empty_at_ms",
            "terminated_at_ms",
            "billed_ms",
            "cost_usd",
            "pods_run",
            "busy_millicore_ms",
            "lost_millicore_ms",
            "start_up_ms",
            "idle_ms",
            "billed_after_warmup_ms",
            "usd_per_hour",
        ])?;
        Ok(Self(csv))
    }

    /// Adds one run. Instants that never came are empty fields.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn run(
        &mut self,
        fleet: &str,
        replication: usize,
        names: &Names,
        nodes: &[NodeRecord],
    ) -> csv::Result<()> {
        for node in nodes {
            self.0.write_record([
                fleet,
                &replication.to_string(),
                &node.ordinal.to_string(),
                &name(&names.pools, node.pool),
                &name(&names.instance_types, node.instance_type),
                &name(&names.zones, u32::from(node.zone)),
                node.arch.label(),
                node.capacity.label(),
                node.end.label(),
                &node.cpu.0.to_string(),
                &node.allocatable.0.to_string(),
                &instant(node.launched_at),
                &instant(node.registered_at),
                &instant(node.ready_at),
                &instant(node.empty_at),
                &instant(node.terminated_at),
                &node.billed_ms.to_string(),
                &node.cost.read().to_string(),
                &node.pods_run.to_string(),
                &node.busy_core_ms.to_string(),
                &node.lost_core_ms.to_string(),
                &node.start_up_ms.to_string(),
                &node.empty_ms.to_string(),
                &node.billed_after_warmup_ms.to_string(),
                &hourly(node),
            ])?;
        }
        Ok(self.0.flush()?)
    }
}

//! `sweep.csv` and `points.csv`: a sweep for other programs, written point by point.

use std::io::Write;

use super::csv::{METRIC_COLUMNS, estimate_columns, metric_row, real};
use crate::experiment::{ExperimentSummary, Metric, ObjectiveState, Point, PointSummary};

fn values(point: &Point) -> impl Iterator<Item = String> + '_ {
    point.iter().map(|value| value.clone().unwrap_or_default())
}

/// One row per point, fleet and metric: the point's values (empty where the scenario's own holds), then the columns of
/// `summary.csv`.
#[derive(Debug)]
pub struct SweepCsv<W: Write>(csv::Writer<W>);

impl<W: Write> SweepCsv<W> {
    /// A file with its header; `keys` are what varies.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(out: W, keys: &[String]) -> csv::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        let before = ["point"].into_iter().chain(keys.iter().map(String::as_str));
        csv.write_record(before.chain(METRIC_COLUMNS))?;
        Ok(Self(csv))
    }

    /// Adds a point, counted from 1 in the file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn point(&mut self, number: usize, point: &Point, summary: &ExperimentSummary) -> csv::Result<()> {
        for fleet in &summary.fleets {
            for metric in Metric::all() {
                let mut row = vec![(number + 1).to_string()];
                row.extend(values(point));
                row.extend(metric_row(fleet, metric));
                self.0.write_record(row)?;
            }
        }
        Ok(())
    }

    /// Writes out what is still held back.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn end(mut self) -> csv::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// One row per point: its values, the fleet that is recommended there with cost, wait and the jobs that no wait tells of, and whether it keeps the
/// objectives.
#[derive(Debug)]
pub struct PointsCsv<'a, W: Write> {
    csv: csv::Writer<W>,
    fleets: &'a [String],
}

impl<'a, W: Write> PointsCsv<'a, W> {
    /// A file with its header; `keys` are what varies.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(out: W, keys: &[String], fleets: &'a [String]) -> csv::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        let before = ["point"].into_iter().chain(keys.iter().map(String::as_str));
        csv.write_record(before.chain([
            "recommended_fleet",
            "objectives",
            "cost_per_1000_jobs_usd",
            "cost_lower",
            "cost_upper",
            "wait_p95_ms",
            "wait_lower",
            "wait_upper",
            "jobs_lost_share",
            "jobs_canceled_share",
            "jobs_timed_out_share",
            "jobs_still_waiting_share",
        ]))?;
        Ok(Self { csv, fleets })
    }

    /// Adds a point, counted from 1 in the file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn point(&mut self, point: &PointSummary) -> csv::Result<()> {
        let mut row = vec![(point.number + 1).to_string()];
        row.extend(values(&point.point));
        row.extend([self.fleets[point.chosen].clone(), state(point.state).to_owned()]);
        row.extend(estimate_columns(point.costs[point.chosen]));
        row.extend(estimate_columns(point.waits[point.chosen]));
        row.extend(point.unserved[point.chosen].map(|share| share.map(real).unwrap_or_default()));
        self.csv.write_record(row)
    }

    /// Writes out what is still held back.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn end(mut self) -> csv::Result<()> {
        Ok(self.csv.flush()?)
    }
}

/// The word for whether objectives are kept.
pub(super) const fn state(state: ObjectiveState) -> &'static str {
    match state {
        ObjectiveState::Met => "kept",
        ObjectiveState::Missed => "missed",
        ObjectiveState::Unclear => "unclear",
    }
}

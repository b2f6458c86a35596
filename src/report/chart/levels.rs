//! Jobs and nodes of one fleet over time: medians of the replications with their band, in two panels with one time axis.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, nice_step, up_to};
use super::canvas::{Align, Canvas, Dash, NAME, Place, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::catalog::{Arch, CapacityType};
use crate::experiment::{Band, ExperimentSummary, FleetSummary};
use crate::metrics::GaugeKey;
use crate::report::format::number;

const MS_PER_HOUR: f64 = 3_600_000.0;

/// A level with its name, colour and dash. Orange is Spot and blue on-demand; arm64 is dashed.
type Line = (GaugeKey, &'static str, RGBColor, Dash);

const JOBS: [Line; 3] = [
    (GaugeKey::RunningJobs(Arch::Amd64), "running, amd64", colour::BLACK, Dash::Solid),
    (GaugeKey::RunningJobs(Arch::Arm64), "running, arm64", colour::BLACK, Dash::Dashed),
    (GaugeKey::PendingJobs, "pending", colour::PURPLE, Dash::Solid),
];
const NODES: [Line; 4] = [
    (GaugeKey::Nodes(Arch::Amd64, CapacityType::OnDemand), "on-demand, amd64", colour::BLUE, Dash::Solid),
    (GaugeKey::Nodes(Arch::Arm64, CapacityType::OnDemand), "on-demand, arm64", colour::BLUE, Dash::Dashed),
    (GaugeKey::Nodes(Arch::Amd64, CapacityType::Spot), "spot, amd64", colour::ORANGE, Dash::Solid),
    (GaugeKey::Nodes(Arch::Arm64, CapacityType::Spot), "spot, arm64", colour::ORANGE, Dash::Dashed),
];

/// How far the axes reach: time over all fleets, so that days stand below each other; heights of the fleet itself, so that
/// a small fleet fills its panels as a large one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Highest {
    jobs: f64,
    nodes: f64,
    hours: f64,
}

impl Highest {
    /// Of `fleet` among those of `summary`.
    pub(super) fn of(summary: &ExperimentSummary, fleet: &FleetSummary) -> Self {
        let of = |lines: &[Line]| {
            let shown = lines.iter().filter(|_| !fleet.timeline.is_empty());
            let bands = shown.map(|line| fleet.timeline.band(line.0));
            bands.flat_map(|band| band.high.iter().copied()).fold(0.0, f64::max)
        };
        let hours = summary.fleets.iter().map(|fleet| {
            let timeline = &fleet.timeline;
            timeline.starts_at(timeline.len()).as_ms() as f64 / MS_PER_HOUR
        });
        Self { jobs: of(&JOBS), nodes: of(&NODES), hours: hours.fold(0.0, f64::max) }
    }
}

/// The chart of one fleet.
pub(super) struct Levels<'a> {
    pub(super) fleet: &'a FleetSummary,
    pub(super) highest: Highest,
}

impl Levels<'_> {
    fn frame<'b>(&self, top: f64, bottom: f64, highest: f64, x_name: &'b str, y_name: &'b str) -> Frame<'b> {
        let hours = if self.highest.hours > 0.0 { self.highest.hours } else { 1.0 };
        let in_days = hours > 48.0;
        let span = if in_days { hours / 24.0 } else { hours };
        let x = Axis { from: 0.0, to: span, start: 70.0, end: 785.0, spread: Spread::Linear };
        let y = Axis { from: 0.0, to: up_to(highest, 4), start: bottom, end: top, spread: Spread::Linear };
        let step = match span {
            span if in_days && span <= 10.0 => 1.0,
            span if !in_days && span > 12.0 && span <= 48.0 => 4.0,
            span => nice_step(span / 8.0),
        };
        Frame { x_ticks: x.linear_ticks(step), y_ticks: y.ticks(4), x, y, x_name, y_name }
    }

    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        lines: &[Line],
    ) -> Drawn<DB> {
        frame.draw(canvas)?;
        let timeline = &self.fleet.timeline;
        if timeline.is_empty() {
            return Ok(());
        }
        let shown: Vec<(&Line, &Band)> = lines
            .iter()
            .map(|line| (line, timeline.band(line.0)))
            .filter(|(_, band)| band.high.iter().any(|level| *level > 0.0))
            .collect();
        for (line, band) in &shown {
            let upper = self.places(frame, &band.high);
            let lower = self.places(frame, &band.low);
            let around: Vec<Place> = upper.into_iter().chain(lower.into_iter().rev()).collect();
            canvas.area(&around, line.2.mix(0.18))?;
        }
        let mut labels = Vec::new();
        for (line, band) in &shown {
            let places = self.places(frame, &band.median);
            canvas.line(&places, Stroke::solid(line.2, 1.6).dashed(line.3))?;
            labels.push((places.last().map_or(frame.y.start, |place| place.1), *line));
        }
        draw_labels(canvas, frame, labels)
    }

    /// Buckets as steps would be too restless: each value stands in the middle of its bucket.
    fn places(&self, frame: &Frame<'_>, values: &[f64]) -> Vec<Place> {
        let timeline = &self.fleet.timeline;
        let unit = if self.highest.hours > 48.0 { 24.0 * MS_PER_HOUR } else { MS_PER_HOUR };
        let middle = |bucket: usize| {
            (timeline.starts_at(bucket).as_ms() as f64 + timeline.bucket.as_ms() as f64 / 2.0) / unit
        };
        values.iter().enumerate().map(|(bucket, value)| frame.place(middle(bucket), *value)).collect()
    }
}

/// Labels beside the ends of their lines, pushed apart, each with a piece of its line.
fn draw_labels<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    frame: &Frame<'_>,
    mut labels: Vec<(f64, &Line)>,
) -> Drawn<DB> {
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = frame.y.start;
    for label in labels.iter_mut().rev() {
        label.0 = label.0.min(lowest);
        lowest = label.0 - 18.0;
    }
    for (y, line) in labels {
        let start = frame.x.end + 10.0;
        canvas.line(&[(start, y), (start + 22.0, y)], Stroke::solid(line.2, 2.0).dashed(line.3))?;
        canvas.text(line.1, (start + 28.0, y), Type { size: 13.0, ..NAME }, Align::Left)?;
    }
    Ok(())
}

impl Drawing for Levels<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 640)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = match self.fleet.replications {
            1 => "One replication.".to_owned(),
            n if n < 20 => format!("Median of {n} replications; band: lowest to highest."),
            n => format!("Median of {n} replications; band: 5 to 95 % of them."),
        };
        let top = canvas.title(&self.title(), &below, 925.0)? + 34.0;
        let middle = f64::midpoint(top, 580.0);
        let x_name = if self.highest.hours > 48.0 { "days since the start" } else { "hours since the start" };
        let jobs = self.frame(top, middle - 22.0, self.highest.jobs, "", "jobs");
        self.draw_panel(canvas, &jobs, &JOBS)?;
        let nodes = self.frame(middle + 34.0, 585.0, self.highest.nodes, x_name, "nodes");
        self.draw_panel(canvas, &nodes, &NODES)
    }
}

impl Titled for Levels<'_> {
    fn title(&self) -> String {
        let timeline = &self.fleet.timeline;
        if timeline.is_empty() {
            return format!("{}: nothing ran", self.fleet.name);
        }
        let peak = |lines: &[Line]| {
            let sum =
                |bucket: usize| lines.iter().map(|line| timeline.band(line.0).mean[bucket]).sum::<f64>();
            (0..timeline.len()).map(sum).fold(0.0, f64::max)
        };
        let (jobs, nodes) = (peak(&JOBS[..2]), peak(&NODES));
        // Levels are means of a bucket: more may have run for a moment.
        let minutes = timeline.bucket.as_ms() as f64 / 60_000.0;
        format!(
            "{}: in the busiest {} minutes {} jobs run on average, on up to {} nodes",
            self.fleet.name,
            number(minutes, 0),
            number(jobs, 0),
            number(nodes, 0)
        )
    }
}

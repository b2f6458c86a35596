//! Jobs, nodes and CPU of one fleet over time: medians of the replications with their band, in panels with one time axis. Slots
//! stand as a line beside the jobs, interruptions as ticks below the nodes.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, nice_step, up_to};
use super::canvas::{Align, Canvas, Dash, NAME, Place, Stroke, Type};
use super::{Drawing, Drawn, FleetFacts, Titled, colour};
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
const NODES: [Line; 6] = [
    (GaugeKey::Nodes(Arch::Amd64, CapacityType::OnDemand), "on-demand, amd64", colour::BLUE, Dash::Solid),
    (GaugeKey::Nodes(Arch::Arm64, CapacityType::OnDemand), "on-demand, arm64", colour::BLUE, Dash::Dashed),
    (GaugeKey::Nodes(Arch::Amd64, CapacityType::Spot), "spot, amd64", colour::ORANGE, Dash::Solid),
    (GaugeKey::Nodes(Arch::Arm64, CapacityType::Spot), "spot, arm64", colour::ORANGE, Dash::Dashed),
    (GaugeKey::Nodes(Arch::Amd64, CapacityType::Reserved), "reserved, amd64", colour::GREEN, Dash::Solid),
    (GaugeKey::Nodes(Arch::Arm64, CapacityType::Reserved), "reserved, arm64", colour::GREEN, Dash::Dashed),
];

const CPU: [Line; 2] = [
    (GaugeKey::ProvisionedMillicores, "provisioned", colour::DARK_GREY, Dash::Solid),
    (GaugeKey::RequestedMillicores, "requested", colour::BLACK, Dash::Solid),
];

/// Where time starts and ends on the page, in logical pixels.
pub(in crate::report) const TIME: (f64, f64) = (70.0, 785.0);

/// Most places of a line: more would be closer together than a screen's pixels.
const PLACES: usize = 260;

/// A line of slots that is so many times as high as the jobs would flatten them; it is told in words.
const FAR_ABOVE: f64 = 2.0;

/// How far the axes reach: time over all fleets, so that days stand below each other; heights of the fleet itself, so that
/// a small fleet fills its panels as a large one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Highest {
    jobs: f64,
    nodes: f64,
    millicores: f64,
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
        Self { jobs: of(&JOBS), nodes: of(&NODES), millicores: of(&CPU), hours: hours.fold(0.0, f64::max) }
    }
}

/// The chart of one fleet.
pub(super) struct Levels<'a> {
    pub(super) fleet: &'a FleetSummary,
    pub(super) facts: &'a FleetFacts,
    pub(super) highest: Highest,
}

impl Levels<'_> {
    fn frame<'b>(&self, top: f64, bottom: f64, highest: f64, x_name: &'b str, y_name: &'b str) -> Frame<'b> {
        let hours = if self.highest.hours > 0.0 { self.highest.hours } else { 1.0 };
        let in_days = hours > 48.0;
        let span = if in_days { hours / 24.0 } else { hours };
        let x = Axis { from: 0.0, to: span, start: TIME.0, end: TIME.1, spread: Spread::Linear };
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
        unit: f64,
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
            let upper = self.places(frame, &band.high, unit);
            let lower = self.places(frame, &band.low, unit);
            let around: Vec<Place> = upper.into_iter().chain(lower.into_iter().rev()).collect();
            canvas.area(&around, line.2.mix(0.18))?;
        }
        let mut labels = Vec::new();
        for (line, band) in &shown {
            let places = self.places(frame, &band.median, unit);
            canvas.line(&places, Stroke::solid(line.2, 1.6).dashed(line.3))?;
            labels.push((places.last().map_or(frame.y.start, |place| place.1), *line));
        }
        draw_labels(canvas, frame, labels)
    }

    /// The slots of all runner managers as a line, or in words where they are far above.
    fn draw_slots<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn<DB> {
        let slots = self.facts.slots as f64;
        if slots <= 0.0 {
            return Ok(());
        }
        let words = format!("concurrent {}", number(slots, 0));
        let small = Type { size: 13.0, ..NAME };
        if slots > frame.y.to {
            let place = (frame.x.start + 6.0, frame.y.end + 10.0);
            return canvas.text(&format!("↑ {words}: above the panel"), place, small, Align::Left);
        }
        let y = frame.y.at(slots);
        let line = [(frame.x.start, y), (frame.x.end, y)];
        canvas.line(&line, Stroke::solid(colour::VERMILLION, 1.6).dashed(Dash::Dotted))?;
        canvas.text(&words, (frame.x.start + 6.0, y + 10.0), small, Align::Left)
    }

    /// A tick for each node that was interrupted in the first replication.
    fn draw_interruptions<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
    ) -> Drawn<DB> {
        let unit = if self.highest.hours > 48.0 { 24.0 * MS_PER_HOUR } else { MS_PER_HOUR };
        let (top, bottom) = (frame.y.end, frame.y.end + 9.0);
        for at in &self.facts.interruptions {
            let x = frame.x.at(at.as_ms() as f64 / unit);
            canvas.line(&[(x, top), (x, bottom)], Stroke::solid(colour::VERMILLION, 1.4))?;
        }
        if self.facts.interruptions.is_empty() {
            return Ok(());
        }
        let words = format!("{} interrupted", self.facts.interruptions.len());
        let start = frame.x.end + 10.0;
        canvas
            .line(&[(start + 11.0, top), (start + 11.0, bottom)], Stroke::solid(colour::VERMILLION, 1.4))?;
        canvas.text(&words, (start + 28.0, top + 5.0), Type { size: 13.0, ..NAME }, Align::Left)
    }

    /// The area between what is requested and what is provisioned.
    fn draw_gap<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn<DB> {
        let timeline = &self.fleet.timeline;
        if timeline.is_empty() {
            return Ok(());
        }
        let of = |key: GaugeKey| self.places(frame, &timeline.band(key).median, 1000.0);
        let (upper, lower) = (of(GaugeKey::ProvisionedMillicores), of(GaugeKey::RequestedMillicores));
        let around: Vec<Place> = upper.into_iter().chain(lower.into_iter().rev()).collect();
        canvas.area(&around, colour::GREY.mix(0.45))
    }

    /// How high the panel of jobs reaches: up to the slots where that leaves the jobs readable.
    fn jobs_height(&self) -> f64 {
        let slots = self.facts.slots as f64;
        if slots <= FAR_ABOVE * self.highest.jobs { slots.max(self.highest.jobs) } else { self.highest.jobs }
    }

    /// Buckets as steps would be too restless: each value stands in the middle of its bucket. Neighbouring buckets are one place
    /// where there are more of them than the page has room for.
    fn places(&self, frame: &Frame<'_>, values: &[f64], per: f64) -> Vec<Place> {
        let timeline = &self.fleet.timeline;
        let unit = if self.highest.hours > 48.0 { 24.0 * MS_PER_HOUR } else { MS_PER_HOUR };
        let together = values.len().div_ceil(PLACES).max(1);
        let width = timeline.bucket.as_ms() as f64 * together as f64;
        let place = |(index, part): (usize, &[f64])| {
            let middle = timeline.starts_at(index * together).as_ms() as f64 + width / 2.0;
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            frame.place(middle / unit, mean / per)
        };
        values.chunks(together).enumerate().map(place).collect()
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
        (960, 860)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = match self.fleet.replications {
            1 => "One replication.".to_owned(),
            n if n < 20 => format!("Median of {n} replications; band: lowest to highest."),
            n => format!("Median of {n} replications; band: 5 to 95 % of them."),
        };
        let ticks = match self.facts.interruptions.len() {
            0 => "",
            _ => " Ticks: nodes interrupted in the first replication.",
        };
        let below = format!("{below}{ticks} Grey area: CPU that is paid for and not requested.");
        let top = canvas.title(&self.title(), &below, 925.0)? + 34.0;
        let height = (868.0 - top) / 3.0;
        let panel = |index: f64| (top + height * index, top + height * (index + 1.0) - 56.0);
        let x_name = if self.highest.hours > 48.0 { "days since the start" } else { "hours since the start" };
        let jobs = self.frame(panel(0.0).0, panel(0.0).1, self.jobs_height(), "", "jobs");
        self.draw_panel(canvas, &jobs, &JOBS, 1.0)?;
        self.draw_slots(canvas, &jobs)?;
        let nodes = self.frame(panel(1.0).0, panel(1.0).1, self.highest.nodes, "", "nodes");
        self.draw_panel(canvas, &nodes, &NODES, 1.0)?;
        self.draw_interruptions(canvas, &nodes)?;
        let cpu = self.frame(panel(2.0).0, panel(2.0).1, self.highest.millicores / 1000.0, x_name, "vCPU");
        self.draw_gap(canvas, &cpu)?;
        self.draw_panel(canvas, &cpu, &CPU, 1000.0)
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

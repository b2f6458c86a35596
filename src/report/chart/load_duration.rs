//! How much CPU a fleet has for how much of the time: what is always there is what a commitment can be bought for.

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::axis::{Axis, Frame, Spread, up_to};
use super::canvas::{Align, Canvas, NAME, Place};
use super::wait_curves::{drawn_fleets, stroke};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{ExperimentSummary, FleetSummary};
use crate::metrics::GaugeKey;
use crate::report::format::number;

/// vCPU that the nodes of a fleet could give to pods, per bucket of the timeline, largest first.
pub(in crate::report) fn load_duration(fleet: &FleetSummary) -> Vec<f64> {
    let band = fleet.timeline.band(GaugeKey::ProvisionedMillicores);
    let mut levels: Vec<f64> = band.mean.iter().map(|millicores| millicores / 1000.0).collect();
    levels.sort_by(|a, b| b.total_cmp(a));
    levels
}

/// The level that is there for at least `share` of the time.
pub(in crate::report) fn at_share(levels: &[f64], share: f64) -> f64 {
    let place = (levels.len() as f64 * share).ceil().max(1.0) as usize;
    levels.get(place.min(levels.len().max(1)) - 1).copied().unwrap_or(0.0)
}

fn vcpus(level: f64) -> String {
    number(level, usize::from(level > 0.0 && level < 9.95))
}

/// The chart.
pub(super) struct LoadDuration<'a> {
    fleets: Vec<(&'a FleetSummary, Vec<f64>)>,
    left_out: usize,
    title: String,
}

impl<'a> LoadDuration<'a> {
    /// The chart of all fleets that ran jobs.
    pub(super) fn of(summary: &'a ExperimentSummary, chosen: usize) -> Self {
        let (fleets, left_out) = drawn_fleets(summary, chosen);
        let fleets: Vec<_> = fleets.into_iter().map(|fleet| (fleet, load_duration(fleet))).collect();
        let levels = load_duration(&summary.fleets[chosen]);
        let vcpu = |share: f64| vcpus(at_share(&levels, share));
        let title = format!(
            "{} has at least {} vCPU for 95\u{a0}% of the time, {} for half of it and {} at its peak",
            summary.fleets[chosen].name,
            vcpu(0.95),
            vcpu(0.5),
            vcpu(0.0)
        );
        Self { fleets, left_out, title }
    }

    fn draw_legend<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn<DB> {
        let row = |(fleet, levels): &(&FleetSummary, Vec<f64>)| {
            format!("{} · {} for 95 % of the time", fleet.name, vcpus(at_share(levels, 0.95)))
        };
        let rows: Vec<String> = self.fleets.iter().map(row).collect();
        let width = rows.iter().map(|row| canvas.width_of(row, NAME)).fold(0.0, f64::max);
        let left = frame.x.end - width - 62.0;
        let top = frame.y.end + 8.0;
        let bottom = top + 22.0 * rows.len() as f64 + 4.0;
        canvas.fill((left - 8.0, top - 4.0), (frame.x.end, bottom), colour::WHITE.mix(0.85))?;
        for (index, row) in rows.iter().enumerate() {
            let y = top + 11.0 + 22.0 * index as f64;
            canvas.line(&[(left, y), (left + 44.0, y)], stroke(index))?;
            canvas.text(row, (left + 54.0, y), NAME, Align::Left)?;
        }
        Ok(())
    }
}

impl Drawing for LoadDuration<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 520)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let left_out = match self.left_out {
            0 => String::new(),
            n => format!(" Fleets not drawn: {n}."),
        };
        let below = format!(
            "Each curve is the timeline sorted from most to least; what never falls below a level could be a commitment.{left_out}"
        );
        let top = canvas.title(&self.title, &below, 925.0)?;
        let highest =
            self.fleets.iter().filter_map(|(_, levels)| levels.first()).fold(0.0, |a: f64, b| a.max(*b));
        let x = Axis { from: 0.0, to: 100.0, start: 70.0, end: 930.0, spread: Spread::Linear };
        let y =
            Axis { from: 0.0, to: up_to(highest, 5), start: 465.0, end: top + 34.0, spread: Spread::Linear };
        let frame = Frame {
            x_ticks: x.linear_ticks(10.0),
            y_ticks: y.ticks(5),
            x,
            y,
            x_name: "share of the time, in %",
            y_name: "vCPU provisioned for pods, at least",
        };
        frame.draw(canvas)?;
        for (index, (_, levels)) in self.fleets.iter().enumerate().rev() {
            let step = 100.0 / levels.len().max(1) as f64;
            let mut places: Vec<Place> = Vec::with_capacity(2 * levels.len());
            for (bucket, level) in levels.iter().enumerate() {
                places.push(frame.place(step * bucket as f64, *level));
                places.push(frame.place(step * (bucket + 1) as f64, *level));
            }
            canvas.line(&places, stroke(index))?;
        }
        self.draw_legend(canvas, &frame)
    }
}

impl Titled for LoadDuration<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

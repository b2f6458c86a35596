//! The share of jobs that waited at most so long, one curve per fleet over a logarithmic axis.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, round_down, round_up};
use super::canvas::{Align, Canvas, Dash, LABEL, NAME, Place, Stroke};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{ExperimentSummary, FleetSummary, Metric};
use crate::report::format::mean;
use crate::report::verdict::wait_finding;

/// Colour and dash by place in the legend: both differ, so that either is enough.
const LINES: [(RGBColor, Dash); 8] = [
    (colour::BLACK, Dash::Solid),
    (colour::GREEN, Dash::Dashed),
    (colour::PURPLE, Dash::Solid),
    (colour::VERMILLION, Dash::Mixed),
    (colour::SKY, Dash::Solid),
    (colour::GREY, Dash::Dotted),
    (colour::ORANGE, Dash::Dashed),
    (colour::BLUE, Dash::Mixed),
];
/// Points of a curve.
const POINTS: usize = 400;

/// The chart.
pub(super) struct WaitCurves<'a> {
    /// At most as many as there are lines: the baseline first, then the chosen fleet, then by cost.
    fleets: Vec<&'a FleetSummary>,
    left_out: usize,
    title: String,
}

impl<'a> WaitCurves<'a> {
    /// The chart of fleets in which a job waited.
    pub(super) fn of(summary: &'a ExperimentSummary, chosen: usize) -> Self {
        let (fleets, left_out) = drawn_fleets(summary, chosen);
        Self { fleets, left_out, title: wait_finding(summary, chosen) }
    }

    fn frame(&self, top: f64) -> Frame<'static> {
        let waits = || self.fleets.iter().map(|fleet| &fleet.waits.wait);
        let seconds = |ms: Option<u64>| ms.unwrap_or(0) as f64 / 1000.0;
        // Few waits are shorter than the shortest 1 %, and a logarithmic axis has no zero, where a fleet's waits may start.
        let low = waits().map(|wait| seconds(wait.quantile_ms(0.01))).filter(|low| *low > 0.0);
        let low = low.fold(f64::INFINITY, f64::min);
        let high = waits().map(|wait| seconds(wait.quantile_ms(0.9995))).fold(0.0, f64::max);
        let low = if low.is_finite() { low.max(0.1) } else { 0.1 };
        let from = round_down(low);
        let to = round_up(high.max(from * 10.0));
        let x = Axis { from, to, start: 70.0, end: 930.0, spread: Spread::Logarithmic };
        let y = Axis { from: 0.0, to: 100.0, start: 545.0, end: top, spread: Spread::Linear };
        Frame {
            x_ticks: x.ticks(8),
            y_ticks: y.linear_ticks(20.0),
            x,
            y,
            x_name: "wait in s (logarithmic axis)",
            y_name: "share of started jobs that waited at most so long, in %",
        }
    }

    fn draw_curve<DB: DrawingBackend>(
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        fleet: &FleetSummary,
        stroke: Stroke,
    ) -> Drawn<DB> {
        let mut places: Vec<Place> = Vec::with_capacity(4 * POINTS);
        let mut level = frame.y.at(0.0);
        for (ms, share) in fleet.waits.wait.ecdf(POINTS) {
            let place = frame.place(ms as f64 / 1000.0, 100.0 * share);
            // What lies left of the axis only lifts the start.
            if place.0 <= frame.x.start {
                places.clear();
                level = place.1;
            }
            // A share stays what it is until the next wait.
            places.push((place.0, level));
            places.push(place);
            level = place.1;
        }
        canvas.line(&places, stroke)
    }

    /// The legend in the lower right, where curves that have risen leave room.
    fn draw_legend<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn<DB> {
        let rows: Vec<String> = self
            .fleets
            .iter()
            .map(|fleet| {
                let p95 =
                    fleet.estimate(Metric::WaitP95).map_or_else(|| "–".to_owned(), |p95| mean(&p95, 1e-3));
                format!("{} · 95 % within {p95} s", fleet.name)
            })
            .collect();
        let width = rows.iter().map(|row| canvas.width_of(row, NAME)).fold(0.0, f64::max);
        let left = frame.x.end - width - 62.0;
        let top = frame.y.start - 14.0 - 22.0 * rows.len() as f64;
        canvas.fill((left - 8.0, top - 4.0), (frame.x.end, frame.y.start - 8.0), colour::WHITE.mix(0.85))?;
        for (index, row) in rows.iter().enumerate() {
            let y = top + 11.0 + 22.0 * index as f64;
            canvas.line(&[(left, y), (left + 44.0, y)], stroke(index))?;
            canvas.text(row, (left + 54.0, y), NAME, Align::Left)?;
        }
        Ok(())
    }
}

/// The fleets in which a job waited, at most as many as there are lines: the baseline first, then the chosen one, then by cost;
/// and how many are left out.
pub(super) fn drawn_fleets(summary: &ExperimentSummary, chosen: usize) -> (Vec<&FleetSummary>, usize) {
    let mut order: Vec<usize> = (0..summary.fleets.len()).collect();
    let cost = |fleet: usize| {
        summary.fleets[fleet].estimate(Metric::CostPerThousandJobs).map_or(f64::INFINITY, |cost| cost.mean)
    };
    order.sort_by(|a, b| {
        let rank = |fleet: usize| (fleet != summary.baseline, fleet != chosen);
        rank(*a).cmp(&rank(*b)).then(cost(*a).total_cmp(&cost(*b)))
    });
    let mut fleets: Vec<_> = order.into_iter().map(|fleet| &summary.fleets[fleet]).collect();
    fleets.retain(|fleet| fleet.waits.wait.count() > 0);
    let left_out = fleets.len().saturating_sub(LINES.len());
    fleets.truncate(LINES.len());
    (fleets, left_out)
}

/// The line of a place in the legend.
pub(super) fn stroke(index: usize) -> Stroke {
    let (ink, dash) = LINES[index];
    Stroke::solid(ink, 2.2).dashed(dash)
}

impl Drawing for WaitCurves<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 600)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let left_out = match self.left_out {
            0 => String::new(),
            1 => " 1 more fleet is not drawn.".to_owned(),
            n => format!(" {n} more fleets are not drawn."),
        };
        let below = format!(
            "Higher and further left is better. Jobs that never started are not in the curves.{left_out}"
        );
        let top = canvas.title(&self.title, &below, 925.0)?;
        let frame = self.frame(top + 34.0);
        frame.draw(canvas)?;
        let y = frame.y.at(95.0);
        canvas.line(
            &[(frame.x.start, y), (frame.x.end, y)],
            Stroke::solid(colour::GREY, 1.0).dashed(Dash::Dotted),
        )?;
        canvas.text("95", (frame.x.start - 7.0, y), LABEL, Align::Right)?;
        for (index, fleet) in self.fleets.iter().enumerate().rev() {
            Self::draw_curve(canvas, &frame, fleet, stroke(index))?;
        }
        self.draw_legend(canvas, &frame)
    }
}

impl Titled for WaitCurves<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

//! Cost and wait over the only key that varies: one line per fleet, with intervals.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{Axis, Frame, Spread, spanning};
use super::canvas::{Align, Canvas, Dash, LABEL, NAME, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::PointSummary;
use crate::report::sweep::{Measure, SweepFacts, finding, left_out, short_key};

/// Lines are told apart by colour and by dash.
const INKS: [(RGBColor, Dash); 6] = [
    (colour::BLACK, Dash::Solid),
    (colour::BLUE, Dash::Dashed),
    (colour::VERMILLION, Dash::Mixed),
    (colour::GREEN, Dash::Dotted),
    (colour::PURPLE, Dash::Solid),
    (colour::SKY, Dash::Dashed),
];
const PANEL: f64 = 250.0;

/// The chart.
pub(super) struct SweepLines<'a> {
    facts: &'a SweepFacts,
    points: &'a [PointSummary],
    title: String,
}

impl<'a> SweepLines<'a> {
    pub(super) fn of(facts: &'a SweepFacts, points: &'a [PointSummary]) -> Self {
        Self { facts, points, title: finding(facts, points) }
    }

    fn frame(&self, measure: Measure, top: f64) -> Frame<'_> {
        let fleets = 0..self.facts.fleets.len();
        let all = || {
            let points = self.points.iter();
            points.flat_map(|point| fleets.clone().filter_map(move |fleet| measure.of(point, fleet)))
        };
        let low = all().map(|estimate| estimate.interval.map_or(estimate.mean, |ends| ends.0));
        let low = low.filter(|low| *low > 0.0).fold(f64::INFINITY, f64::min);
        let high = all().map(|estimate| estimate.interval.map_or(estimate.mean, |ends| ends.1));
        let y = spanning((low, high.fold(0.0, f64::max)), top + PANEL, top);
        let last = (self.points.len().max(2) - 1) as f64;
        let x = Axis { from: -0.3, to: last + 0.3, start: 80.0, end: 740.0, spread: Spread::Linear };
        let text = |point: &PointSummary| point.point[0].clone().unwrap_or_default();
        let x_ticks = self.points.iter().enumerate().map(|(i, point)| (i as f64, text(point))).collect();
        let y_ticks = y.ticks(5);
        Frame { x, y, x_ticks, y_ticks, x_name: short_key(&self.facts.keys[0]), y_name: measure.name() }
    }

    fn draw_fleet<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        measure: Measure,
        fleet: usize,
    ) -> Drawn<DB> {
        let (ink, dash) = INKS[fleet % INKS.len()];
        let mut line = Vec::new();
        for (index, point) in self.points.iter().enumerate() {
            let Some(estimate) = measure.of(point, fleet) else { continue };
            // Intervals of several fleets at one value stand side by side.
            let x = index as f64 + 0.03 * (fleet as f64 - (self.facts.fleets.len() - 1) as f64 / 2.0);
            let place = frame.place(x, estimate.mean);
            if let Some((lower, upper)) = estimate.interval {
                canvas.line(&[frame.place(x, lower), frame.place(x, upper)], Stroke::solid(ink, 1.3))?;
            }
            canvas.dot(place, 3.5, Stroke::solid(ink, 1.0), true)?;
            line.push(place);
        }
        canvas.line(&line, Stroke::solid(ink, 1.6).dashed(dash))
    }
}

impl Drawing for SweepLines<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 800)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let left_out = left_out(self.points, |_| 0..self.facts.fleets.len());
        let below = format!("Upright lines: 95 % intervals. Lower is better.{left_out}");
        let mut top = canvas.title(&self.title, &below, 925.0)? + 34.0;
        for (panel, measure) in [Measure::Cost, Measure::Wait].into_iter().enumerate() {
            let frame = self.frame(measure, top);
            frame.draw(canvas)?;
            for fleet in 0..self.facts.fleets.len() {
                self.draw_fleet(canvas, &frame, measure, fleet)?;
                if panel == 0 {
                    let (ink, dash) = INKS[fleet % INKS.len()];
                    let y = top + 10.0 + 22.0 * fleet as f64;
                    canvas.line(&[(760.0, y), (790.0, y)], Stroke::solid(ink, 1.8).dashed(dash))?;
                    canvas.text(&self.facts.fleets[fleet], (797.0, y), NAME, Align::Left)?;
                }
            }
            top += PANEL + 80.0;
        }
        let note = format!("{} replications", self.facts.replications);
        canvas.text(&note, (940.0, 765.0), Type { size: 12.0, ..LABEL }, Align::Right)
    }
}

impl Titled for SweepLines<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

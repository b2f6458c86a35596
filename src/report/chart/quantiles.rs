//! Quantiles of simulated waits over those of the observed ones: on the diagonal, both are the same.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, Frame, Spread, round_up};
use super::canvas::{Align, Canvas, Dash, LABEL, NAME, Stroke};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{CALIBRATION_SHARES, Calibration};

/// Where both axes start: shorter waits are shown there.
const SHORTEST_S: f64 = 1.0;

/// The chart of one fleet.
pub(super) struct Quantiles<'a> {
    pub(super) calibration: &'a Calibration,
    pub(super) title: String,
}

impl Quantiles<'_> {
    fn frame(&self, top: f64) -> Frame<'static> {
        let pairs = &self.calibration.quantile_pairs;
        let highest = pairs.iter().map(|(observed, simulated)| observed.max(*simulated)).fold(0.0, f64::max);
        let to = round_up(highest.max(SHORTEST_S * 100.0));
        let axis = |start, end| Axis { from: SHORTEST_S, to, start, end, spread: Spread::Logarithmic };
        let (x, y) = (axis(70.0, 690.0), axis(top + 620.0, top));
        Frame {
            x_ticks: x.ticks(8),
            y_ticks: y.ticks(8),
            x,
            y,
            x_name: "observed wait in s (logarithmic axis)",
            y_name: "simulated wait in s (logarithmic axis), at the same quantile",
        }
    }

    /// The line on which the simulation has `factor` times the observed wait.
    fn draw_factor<DB: DrawingBackend>(
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        factor: f64,
        stroke: Stroke,
    ) -> Drawn<DB> {
        let (from, to) = (frame.x.from, frame.x.to);
        let start = from.max(from / factor);
        let end = to.min(to / factor);
        canvas.line(&[frame.place(start, start * factor), frame.place(end, end * factor)], stroke)
    }
}

impl Drawing for Quantiles<'_> {
    fn size(&self) -> (u32, u32) {
        (720, 820)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = "Each ring is one percent of the jobs. On the line both waits are equal; dashed: twice and half as long. \
                     Waits below 1 s are drawn at 1 s.";
        let top = canvas.title(&self.title, below, 690.0)?;
        let frame = self.frame(top + 34.0);
        frame.draw(canvas)?;
        Self::draw_factor(canvas, &frame, 1.0, Stroke::solid(colour::DARK_GREY, 1.4))?;
        for factor in [0.5, 2.0] {
            let dashed = Stroke::solid(colour::GREY, 1.0).dashed(Dash::Dashed);
            Self::draw_factor(canvas, &frame, factor, dashed)?;
        }
        for (observed, simulated) in &self.calibration.quantile_pairs {
            let place = frame.place(*observed, *simulated);
            canvas.dot(place, 3.5, Stroke::solid(colour::BLUE, 1.3), false)?;
        }
        let mut last: Option<(f64, f64)> = None;
        for (index, share) in CALIBRATION_SHARES.iter().enumerate() {
            let (observed, simulated) =
                (self.calibration.observed.quantiles[index], self.calibration.simulated.quantiles[index]);
            let place = frame.place(observed, simulated);
            canvas.dot(place, 5.5, Stroke::solid(colour::VERMILLION, 1.0), true)?;
            // A label that would cover the one before is left out; the dot stays.
            if last.is_some_and(|(x, y)| (x - place.0).abs() < 44.0 && (y - place.1).abs() < 18.0) {
                continue;
            }
            let text = format!("p{:.0}", share * 100.0);
            // Below and beside the dot, where no ring of a curve that rises can be.
            let (at, align) = if place.0 > frame.x.end - 60.0 {
                ((place.0 - 10.0, place.1 - 15.0), Align::Right)
            } else {
                ((place.0 + 10.0, place.1 + 15.0), Align::Left)
            };
            canvas.text(&text, at, NAME, align)?;
            last = Some(place);
        }
        let jobs = format!("{} jobs", self.calibration.observed.count);
        canvas.text(&jobs, (frame.x.start + 8.0, frame.y.end + 12.0), LABEL, Align::Left)
    }
}

impl Titled for Quantiles<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

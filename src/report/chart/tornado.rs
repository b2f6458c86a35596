//! Tornado: how far each key, changed alone, moves a measure, and where that changes the recommendation.

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::axis::{Axis, Frame, Spread, up_to};
use super::canvas::{Align, Canvas, Dash, LABEL, NAME, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::PointSummary;
use crate::report::format::three_digits;
use crate::report::sweep::{Measure, Sensitivity, SweepFacts, left_out, sensitivities};

const ROW: f64 = 52.0;

/// The chart.
pub(super) struct Tornado<'a> {
    facts: &'a SweepFacts,
    measure: Measure,
    /// The measure of the scenario as it is.
    start: f64,
    bars: Vec<Sensitivity>,
    title: String,
    /// The jobs that a wait does not tell of.
    left_out: String,
}

impl<'a> Tornado<'a> {
    /// None where the scenario as it is has no such value.
    pub(super) fn of(facts: &'a SweepFacts, points: &[PointSummary], measure: Measure) -> Option<Self> {
        let (start, bars) = sensitivities(facts, points, measure)?;
        let flips: Vec<&str> =
            bars.iter().filter(|bar| !bar.flips.is_empty()).map(|bar| facts.keys[bar.key].as_str()).collect();
        let what = if measure == Measure::Cost { "The cost" } else { "The wait" };
        let most = bars
            .first()
            .map_or_else(String::new, |bar| format!("{what} depends most on {}", facts.keys[bar.key]));
        let title = match flips.as_slice() {
            [] => format!("{most}; no single change flips the recommendation"),
            flips => format!("{most}; the recommendation flips with {}", flips.join(", ")),
        };
        let shown = points.first()?.chosen;
        let left_out =
            if measure == Measure::Wait { left_out(points, |_| shown..shown + 1) } else { String::new() };
        Some(Self { facts, measure, start, bars, title, left_out })
    }
}

impl Drawing for Tornado<'_> {
    fn size(&self) -> (u32, u32) {
        (960, (180.0 + ROW * self.bars.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = format!(
            "Each key alone, everything else as it is (upright line). Hatched: another fleet is recommended, or an objective is \
             missed, at the values named.{}",
            self.left_out
        );
        let top = canvas.title(&self.title, &below, 925.0)? + 20.0;
        let bottom = top + ROW * self.bars.len() as f64;
        let highest = self.bars.iter().map(|bar| bar.high.0).fold(self.start, f64::max);
        let x = Axis {
            from: 0.0,
            to: up_to(highest * 1.15, 6),
            start: 110.0,
            end: 930.0,
            spread: Spread::Linear,
        };
        let y = Axis { from: 0.0, to: 1.0, start: bottom, end: top, spread: Spread::Linear };
        let frame =
            Frame { x_ticks: x.ticks(7), y_ticks: Vec::new(), x, y, x_name: self.measure.name(), y_name: "" };
        frame.draw(canvas)?;
        for (row, bar) in self.bars.iter().enumerate() {
            let y = top + ROW * row as f64;
            let (low, high) = (x.at(bar.low.0), x.at(bar.high.0));
            let (from, to) = ((low, y + 22.0), (high.max(low + 1.0), y + 42.0));
            let ink = if bar.flips.is_empty() { colour::SKY } else { colour::ORANGE };
            canvas.fill(from, to, ink.mix(0.9))?;
            let mut name = self.facts.keys[bar.key].clone();
            if !bar.flips.is_empty() {
                canvas.hatch(from, to, colour::ON_LIGHT)?;
                name.push_str(&format!(": {}", bar.flips.join(", ")));
            }
            let kind = Type { is_bold: !bar.flips.is_empty(), ..NAME };
            // Nothing runs through a name: neither the grid nor the line of the scenario as it is.
            let end = 20.0 + canvas.width_of(&name, kind);
            canvas.fill((14.0, y + 1.0), (end, y + 19.0), colour::WHITE.to_rgba())?;
            canvas.text(&name, (16.0, y + 10.0), kind, Align::Left)?;
            let end = |(value, at): &(f64, String)| format!("{} ({at})", three_digits(*value));
            if !bar.low.1.is_empty() {
                canvas.text(&end(&bar.low), (low - 6.0, y + 32.0), LABEL, Align::Right)?;
            }
            if !bar.high.1.is_empty() {
                canvas.text(&end(&bar.high), (high + 6.0, y + 32.0), LABEL, Align::Left)?;
            }
            let line = [(x.at(self.start), y + 20.0), (x.at(self.start), y + 44.0)];
            canvas.line(&line, Stroke::solid(colour::BLACK, 1.4).dashed(Dash::Solid))?;
        }
        Ok(())
    }
}

impl Titled for Tornado<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

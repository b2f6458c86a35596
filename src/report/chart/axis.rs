//! Axes: where a value lies, which ticks are drawn, and the frame of a panel with its grid.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, LABEL, Place, Stroke};
use super::{Drawn, colour};
use crate::report::format::number;

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Linear,
    Logarithmic,
}

/// One axis: values `from` to `to` over logical pixels `start` to `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) spread: Spread,
}

impl Axis {
    /// Where a value lies; values outside are held at the border.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.spread {
            Spread::Linear => (value - self.from) / (self.to - self.from),
            Spread::Logarithmic => {
                let log = |value: f64| libm::log10(value.max(self.from));
                (log(value) - log(self.from)) / (log(self.to) - log(self.from))
            }
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Values at which ticks are drawn, with their text. Steps are 1, 2 or 5 times a power of ten.
    pub(super) fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        match self.spread {
            Spread::Linear => self.linear_ticks(nice_step((self.to - self.from) / about as f64)),
            Spread::Logarithmic => self.logarithmic_ticks(),
        }
    }

    /// Ticks at multiples of `step`.
    pub(super) fn linear_ticks(&self, step: f64) -> Vec<(f64, String)> {
        let decimals = (-libm::floor(libm::log10(step) + 1e-9)).clamp(0.0, 6.0) as usize;
        let first = (self.from / step - 1e-9).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|tick| {
                let value = tick as f64 * step;
                (value, number(value, decimals))
            })
            .collect()
    }

    fn logarithmic_ticks(&self) -> Vec<(f64, String)> {
        let decades = libm::log10(self.to / self.from);
        let digits: &[f64] = if decades > 4.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let mut ticks = Vec::new();
        let mut exponent = libm::floor(libm::log10(self.from) + 1e-9);
        while libm::pow(10.0, exponent) <= self.to * 1.000_001 {
            for digit in digits {
                let value = digit * libm::pow(10.0, exponent);
                if value >= self.from * 0.999_999 && value <= self.to * 1.000_001 {
                    ticks.push((value, number(value, (-exponent).max(0.0) as usize)));
                }
            }
            exponent += 1.0;
        }
        ticks
    }
}

/// The power of ten at or below.
fn decade(value: f64) -> f64 {
    libm::pow(10.0, libm::floor(libm::log10(value) + 1e-9))
}

/// The largest of 1, 2 or 5 times a power of ten that is at most `value`: where a logarithmic axis starts.
pub(super) fn round_down(value: f64) -> f64 {
    let power = decade(value);
    [5.0, 2.0, 1.0].map(|digit| digit * power).into_iter().find(|nice| *nice <= value).unwrap_or(power)
}

/// The smallest of 1, 2 or 5 times a power of ten that is at least `value`: where a logarithmic axis ends.
pub(super) fn round_up(value: f64) -> f64 {
    let power = decade(value);
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|nice| *nice >= value).unwrap_or(value)
}

/// Values further apart than this share no linear axis: the lower ones would lie on its end.
const WIDE: f64 = 20.0;

/// An axis for values from `low` to `high`, with some room for labels: from zero, or logarithmic where they are far apart.
pub(super) fn spanning((low, high): (f64, f64), start: f64, end: f64) -> Axis {
    if low > 0.0 && high > WIDE * low {
        let (from, to) = (round_down(low * 0.9), round_up(high * 1.08));
        return Axis { from, to, start, end, spread: Spread::Logarithmic };
    }
    Axis { from: 0.0, to: up_to(high * 1.08, 6), start, end, spread: Spread::Linear }
}

/// The smallest of 1, 2 or 5 times a power of ten that is at least `step`.
pub(super) fn nice_step(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(step.max(1e-9))));
    [1.0, 2.0, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|nice| *nice >= step * 0.999_999)
        .unwrap_or(10.0 * power)
}

/// A range from zero that contains `highest` and ends at a tick.
pub(super) fn up_to(highest: f64, about: usize) -> f64 {
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let step = nice_step(highest / about as f64);
    (highest / step - 1e-9).ceil() * step
}

/// The frame of a panel: ticks, thin grid and axis names. The name of the upright axis stands level above it.
pub(super) struct Frame<'a> {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_ticks: Vec<(f64, String)>,
    pub(super) y_ticks: Vec<(f64, String)>,
    pub(super) x_name: &'a str,
    pub(super) y_name: &'a str,
}

impl Frame<'_> {
    /// Where a pair of values lies.
    pub(super) fn place(&self, x: f64, y: f64) -> Place {
        (self.x.at(x), self.y.at(y))
    }

    /// Draws it.
    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let (left, right, bottom, top) = (self.x.start, self.x.end, self.y.start, self.y.end);
        for (value, text) in &self.y_ticks {
            let y = self.y.at(*value);
            canvas.line(&[(left, y), (right, y)], Stroke::solid(colour::GRID, 1.0))?;
            canvas.text(text, (left - 7.0, y), LABEL, Align::Right)?;
        }
        let mut free_from = f64::NEG_INFINITY;
        for (value, text) in &self.x_ticks {
            let x = self.x.at(*value);
            let half = canvas.width_of(text, LABEL) / 2.0;
            canvas.line(&[(x, top), (x, bottom + 4.0)], Stroke::solid(colour::GRID, 1.0))?;
            // A label that would run into the last one is left out; its line stays.
            if x - half >= free_from {
                canvas.text(text, (x, bottom + 14.0), LABEL, Align::Centre)?;
                free_from = x + half + 6.0;
            }
        }
        canvas.line(&[(left, bottom), (right, bottom)], Stroke::solid(colour::DARK_GREY, 1.0))?;
        canvas.text(self.y_name, (16.0, top - 15.0), LABEL, Align::Left)?;
        canvas.text(self.x_name, (right, bottom + 34.0), LABEL, Align::Right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_round_values() {
        let linear = Axis { from: 0.0, to: 83.0, start: 0.0, end: 100.0, spread: Spread::Linear };
        let texts: Vec<String> = linear.ticks(5).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0", "20", "40", "60", "80"]);
        let log = Axis { from: 0.5, to: 20.0, start: 0.0, end: 100.0, spread: Spread::Logarithmic };
        let texts: Vec<String> = log.ticks(5).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(
            (round_down(0.7), round_down(5.0), round_up(83.0), round_up(1000.0)),
            (0.5, 5.0, 100.0, 1000.0)
        );
        let wide = spanning((4.0, 3000.0), 0.0, 1.0);
        assert_eq!((wide.spread, wide.from, wide.to), (Spread::Logarithmic, 2.0, 5000.0));
        assert_eq!(spanning((4.0, 70.0), 0.0, 1.0).spread, Spread::Linear);
        assert!((up_to(83.0, 5) - 100.0).abs() < 1e-9 && (up_to(0.0, 5) - 1.0).abs() < 1e-9);
    }
}

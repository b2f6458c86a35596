//! Differences to the baseline with intervals that hold together: a row per fleet, a panel per metric, and zero.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Spread, nice_step};
use super::canvas::{Align, Canvas, Dash, LABEL, NAME, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{Difference, ExperimentSummary, Metric, MetricUnit, Verdict};
use crate::report::format::{plus_minus, shown_unit};
use crate::report::verdict::words;

const ROW: f64 = 27.0;
/// Above and below the rows of a panel.
const ABOVE: f64 = 34.0;
const BELOW: f64 = 34.0;
const RIGHT: f64 = 690.0;

struct Panel {
    name: String,
    unit: &'static str,
    /// Name of the fleet, its difference in the shown unit.
    rows: Vec<(String, Option<Difference>)>,
}

/// The chart.
pub(super) struct Differences {
    title: String,
    baseline: String,
    panels: Vec<Panel>,
}

impl Differences {
    /// None where there is nothing to compare.
    pub(super) fn of(summary: &ExperimentSummary, metrics: &[Metric]) -> Option<Self> {
        let others = || summary.fleets.iter().enumerate().filter(|(index, _)| *index != summary.baseline);
        if others().count() == 0 || metrics.is_empty() {
            return None;
        }
        let panel = |metric: &Metric| Panel {
            name: words(&metric.key()),
            unit: if is_change(*metric) { "%" } else { shown_unit(metric.unit()).1 },
            rows: others()
                .map(|(_, fleet)| (fleet.name.clone(), shown(fleet.difference(*metric), *metric)))
                .collect(),
        };
        let baseline = summary.fleets[summary.baseline].name.clone();
        let panels: Vec<Panel> = metrics.iter().map(panel).collect();
        Some(Self { title: finding(&panels, &baseline), baseline, panels })
    }
}

/// Money differs by a share, everything else by an amount.
const fn is_change(metric: Metric) -> bool {
    matches!(metric.unit(), MetricUnit::Usd | MetricUnit::UsdPerThousandJobs | MetricUnit::UsdPerMonth)
}

/// The difference in the unit that is drawn.
fn shown(difference: Option<Difference>, metric: Metric) -> Option<Difference> {
    let difference = difference?;
    let (factor, estimate) = if is_change(metric) {
        (100.0, difference.relative?)
    } else {
        (shown_unit(metric.unit()).0, difference.absolute)
    };
    let absolute = crate::experiment::Estimate {
        mean: estimate.mean * factor,
        interval: estimate.interval.map(|(lower, upper)| (lower * factor, upper * factor)),
        n: estimate.n,
    };
    Some(Difference { absolute, ..difference })
}

/// How many fleets are better and worse, metric by metric.
fn finding(panels: &[Panel], baseline: &str) -> String {
    let told = panels.iter().take(2).map(|panel| {
        let count = |wanted: Verdict| {
            panel.rows.iter().filter(|(_, row)| row.is_some_and(|row| row.verdict == wanted)).count()
        };
        let (better, worse, all) = (count(Verdict::Better), count(Verdict::Worse), panel.rows.len());
        let rest = all - better - worse;
        let mut parts = vec![format!("{better} better"), format!("{worse} worse")];
        if rest > 0 {
            parts.push(format!("{rest} not clear"));
        }
        format!("{}: {}", panel.name, parts.join(", "))
    });
    format!("Against {baseline}, by {}", told.collect::<Vec<_>>().join("; "))
}

impl Panel {
    fn height(&self) -> f64 {
        ABOVE + ROW * self.rows.len() as f64 + BELOW
    }

    /// Everything that is drawn, and zero.
    fn axis(&self, left: f64) -> Axis {
        let ends = || {
            let rows = self.rows.iter().filter_map(|(_, row)| row.as_ref());
            rows.map(|row| row.absolute.interval.unwrap_or((row.absolute.mean, row.absolute.mean)))
        };
        let low = ends().map(|ends| ends.0).fold(0.0, f64::min);
        let high = ends().map(|ends| ends.1).fold(0.0, f64::max);
        let span = if high > low { high - low } else { 1.0 };
        let step = nice_step(span / 6.0);
        let (from, to) = (libm::floor(low / step - 0.1) * step, libm::ceil(high / step + 0.1) * step);
        Axis { from, to, start: left, end: RIGHT, spread: Spread::Linear }
    }
}

/// Colour by meaning; the word stands beside it, and what is clear is filled.
const fn ink(verdict: Verdict) -> (RGBColor, bool) {
    match verdict {
        Verdict::Better => (colour::BLUE, true),
        Verdict::Worse => (colour::VERMILLION, true),
        Verdict::Different | Verdict::Identical => (colour::BLACK, true),
        _ => (colour::GREY, false),
    }
}

impl Drawing for Differences {
    fn size(&self) -> (u32, u32) {
        (960, (120.0 + self.panels.iter().map(Panel::height).sum::<f64>()) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = "Lines: intervals that hold together for all fleets of a metric. Filled: clearly on one side of zero.";
        let mut top = canvas.title(&self.title, below, 925.0)? + 8.0;
        let names = self.panels.iter().flat_map(|panel| panel.rows.iter().map(|(name, _)| name.as_str()));
        let left = names.map(|name| canvas.width_of(name, NAME)).fold(90.0, f64::max).min(330.0) + 30.0;
        for panel in &self.panels {
            self.draw_panel(canvas, panel, left, top)?;
            top += panel.height();
        }
        Ok(())
    }
}

impl Differences {
    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        panel: &Panel,
        left: f64,
        top: f64,
    ) -> Drawn<DB> {
        let axis = panel.axis(left);
        let unit = if panel.unit.is_empty() { String::new() } else { format!(" in {}", panel.unit) };
        let heading = format!("{}, difference to {}{unit}", panel.name, self.baseline);
        canvas.text(&heading, (16.0, top + 14.0), Type { is_bold: true, ..NAME }, Align::Left)?;
        let (first, last) = (top + ABOVE - 4.0, top + ABOVE + ROW * panel.rows.len() as f64);
        for (value, text) in axis.linear_ticks(nice_step((axis.to - axis.from) / 6.0)) {
            let x = axis.at(value);
            let stroke = if value == 0.0 {
                Stroke::solid(colour::DARK_GREY, 1.4)
            } else {
                Stroke::solid(colour::GRID, 1.0)
            };
            canvas.line(&[(x, first), (x, last)], stroke)?;
            canvas.text(&text, (x, last + 11.0), LABEL, Align::Centre)?;
        }
        for (index, (name, difference)) in panel.rows.iter().enumerate() {
            let y = top + ABOVE + ROW * (index as f64 + 0.5) - 2.0;
            canvas.text(name, (left - 12.0, y), NAME, Align::Right)?;
            let Some(difference) = difference else {
                canvas.text("no value", (RIGHT + 14.0, y), LABEL, Align::Left)?;
                continue;
            };
            let (ink, is_clear) = ink(difference.verdict);
            let stroke = Stroke::solid(ink, 2.0);
            let at = (axis.at(difference.absolute.mean), y);
            if let Some((lower, upper)) = difference.absolute.interval {
                let stroke = if is_clear { stroke } else { stroke.dashed(Dash::Dashed) };
                canvas.line(&[(axis.at(lower), y), (axis.at(upper), y)], stroke)?;
            }
            canvas.fill((at.0 - 5.0, y - 5.0), (at.0 + 5.0, y + 5.0), colour::WHITE.to_rgba())?;
            canvas.dot(at, 5.0, stroke, is_clear)?;
            let sign = if difference.absolute.mean > 0.0 { "+" } else { "" };
            let text = format!("{sign}{}", plus_minus(&difference.absolute, 1.0));
            let kind = Type { colour: colour::BLACK, ..LABEL };
            canvas.text(&text, (RIGHT + 14.0, y), kind, Align::Left)?;
            canvas.text(difference.verdict.label(), (RIGHT + 120.0, y), kind, Align::Left)?;
        }
        Ok(())
    }
}

impl Titled for Differences {
    fn title(&self) -> String {
        self.title.clone()
    }
}

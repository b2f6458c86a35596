//! Cost against the 95 % wait, one cross of intervals per fleet, with the front of fleets that nothing beats.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, spanning};
use super::canvas::{Align, Canvas, Dash, NAME, Place, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{Bound, Estimate, ExperimentSummary, Metric, Objective, pareto_front};
use crate::report::format::plain;
use crate::report::{chosen_fleet, verdict_sentence};

struct Point<'a> {
    name: &'a str,
    cost: Estimate,
    wait: Estimate,
    is_on_front: bool,
    is_baseline: bool,
    is_chosen: bool,
}

/// The chart.
pub(super) struct CostWait<'a> {
    points: Vec<Point<'a>>,
    front: Vec<usize>,
    /// Highest wait allowed, in seconds.
    wait_limit: Option<f64>,
    title: String,
}

fn seconds(estimate: Estimate) -> Estimate {
    Estimate {
        mean: estimate.mean / 1000.0,
        interval: estimate.interval.map(|(lower, upper)| (lower / 1000.0, upper / 1000.0)),
        n: estimate.n,
    }
}

fn ends(estimate: &Estimate) -> (f64, f64) {
    estimate.interval.unwrap_or((estimate.mean, estimate.mean))
}

impl<'a> CostWait<'a> {
    /// The chart of fleets that have both a cost and a wait.
    pub(super) fn of(summary: &'a ExperimentSummary, objectives: &[Objective]) -> Self {
        let chosen = chosen_fleet(summary, objectives);
        let mut points: Vec<Point<'a>> = Vec::new();
        for (index, fleet) in summary.fleets.iter().enumerate() {
            let cost = fleet.estimate(Metric::CostPerThousandJobs);
            if let Some((cost, wait)) = cost.zip(fleet.estimate(Metric::WaitP95)) {
                points.push(Point {
                    name: &fleet.name,
                    cost,
                    wait: seconds(wait),
                    is_on_front: false,
                    is_baseline: index == summary.baseline,
                    is_chosen: index == chosen,
                });
            }
        }
        let coordinates: Vec<_> = points.iter().map(|point| (point.cost.mean, point.wait.mean)).collect();
        let front = pareto_front(&coordinates);
        for index in &front {
            points[*index].is_on_front = true;
        }
        let limit = objectives
            .iter()
            .find(|objective| objective.metric == Metric::WaitP95 && objective.bound == Bound::AtMost);
        Self {
            points,
            front,
            wait_limit: limit.map(|objective| objective.limit / 1000.0),
            title: verdict_sentence(summary, objectives).trim_end_matches('.').to_owned(),
        }
    }

    fn frame(&self, top: f64) -> Frame<'static> {
        let range = |value: fn(&Point<'_>) -> Estimate| {
            let values = || self.points.iter().map(move |point| value(point));
            // A fleet without waits lies on the end of a logarithmic axis.
            let low = values().map(|value| ends(&value).0).filter(|low| *low > 0.0);
            let low = low.fold(f64::INFINITY, f64::min);
            let high = values().map(|value| ends(&value).1.max(value.mean)).fold(0.0, f64::max);
            (low, high)
        };
        let x = spanning(range(|point| point.cost), 70.0, 930.0);
        let (low, high) = range(|point| point.wait);
        let limit = self.wait_limit;
        let y = spanning((low.min(limit.unwrap_or(low)), high.max(limit.unwrap_or(0.0))), 545.0, top);
        let named = |axis: &Axis, linear, logarithmic| {
            if axis.spread == Spread::Linear { linear } else { logarithmic }
        };
        Frame {
            x_ticks: x.ticks(6),
            y_ticks: y.ticks(6),
            x_name: named(&x, "cost in $ per 1000 jobs", "cost in $ per 1000 jobs (logarithmic axis)"),
            y_name: named(
                &y,
                "wait that 95 % of jobs do not exceed, in s",
                "wait that 95 % of jobs do not exceed, in s (logarithmic axis)",
            ),
            x,
            y,
        }
    }

    fn draw_limit<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame<'_>) -> Drawn<DB> {
        let Some(limit) = self.wait_limit else { return Ok(()) };
        let y = frame.y.at(limit);
        canvas.fill((frame.x.start, frame.y.end), (frame.x.end, y), colour::VERMILLION.mix(0.07))?;
        canvas.line(
            &[(frame.x.start, y), (frame.x.end, y)],
            Stroke::solid(colour::VERMILLION, 1.2).dashed(Dash::Dashed),
        )?;
        let text = format!("objective missed above {} s", plain(limit));
        let kind = Type { colour: colour::VERMILLION, size: 13.0, is_bold: false };
        canvas.text(&text, (frame.x.start + 6.0, y - 10.0), kind, Align::Left)
    }

    fn draw_point<DB: DrawingBackend>(
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        point: &Point<'_>,
    ) -> Drawn<DB> {
        let ink = point.ink();
        let stroke = Stroke::solid(ink, 1.5);
        let (left, right) = ends(&point.cost);
        let (low, high) = ends(&point.wait);
        canvas.line(&[frame.place(left, point.wait.mean), frame.place(right, point.wait.mean)], stroke)?;
        canvas.line(&[frame.place(point.cost.mean, low), frame.place(point.cost.mean, high)], stroke)?;
        let at = frame.place(point.cost.mean, point.wait.mean);
        if point.is_on_front {
            canvas.dot(at, 5.0, stroke, true)
        } else {
            canvas.dot(at, 5.0, Stroke::solid(colour::WHITE, 1.0), true)?;
            canvas.dot(at, 5.0, stroke, false)
        }
    }
}

impl Point<'_> {
    fn ink(&self) -> RGBColor {
        if self.is_on_front { colour::BLACK } else { colour::GREY }
    }

    fn label(&self) -> String {
        if self.is_baseline { format!("{} (reference)", self.name) } else { self.name.to_owned() }
    }
}

/// A box by its corners: left, top, right, bottom.
type Bounds = (f64, f64, f64, f64);

fn overlap(a: &Bounds, b: &Bounds) -> f64 {
    let width = a.2.min(b.2) - a.0.max(b.0);
    let height = a.3.min(b.3) - a.1.max(b.1);
    width.max(0.0) * height.max(0.0)
}

/// Puts a label of this width near a point, where it covers the least of what is taken.
fn label_bounds(at: Place, width: f64, frame: &Frame<'_>, taken: &[Bounds]) -> Bounds {
    let (half, height) = (width / 2.0, 18.0);
    let mut best = (f64::INFINITY, (0.0, 0.0, 0.0, 0.0));
    for ring in 1..5 {
        let away = 11.0 * f64::from(ring);
        let sides = [
            (at.0 + away, at.1 - away),
            (at.0 - away - width, at.1 - away),
            (at.0 + away, at.1 + away),
            (at.0 - away - width, at.1 + away),
            (at.0 - half, at.1 - away - 8.0),
            (at.0 - half, at.1 + away + 8.0),
        ];
        for (x, y) in sides {
            let bounds = (x, y - height / 2.0, x + width, y + height / 2.0);
            let page = (frame.x.start, frame.y.end - 8.0, frame.x.end + 24.0, frame.y.start);
            let outside = width * height - overlap(&bounds, &page);
            let covered: f64 = taken.iter().map(|other| overlap(&bounds, other)).sum();
            let price = covered + 10.0 * outside + f64::from(ring);
            if price < best.0 {
                best = (price, bounds);
            }
        }
    }
    best.1
}

impl Drawing for CostWait<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 600)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = "Crosses: intervals. Filled: no fleet is both cheaper and faster. Bold: the fleet of the title. Lower left is better.";
        let top = canvas.title(&self.title, below, 925.0)?;
        let frame = self.frame(top + 34.0);
        frame.draw(canvas)?;
        self.draw_limit(canvas, &frame)?;
        let front: Vec<Place> = self
            .front
            .iter()
            .map(|index| frame.place(self.points[*index].cost.mean, self.points[*index].wait.mean))
            .collect();
        canvas.line(&front, Stroke::solid(colour::BLACK, 1.0).dashed(Dash::Dotted))?;
        let mut taken: Vec<Bounds> = Vec::new();
        for point in &self.points {
            Self::draw_point(canvas, &frame, point)?;
            let (x, y) = frame.place(point.cost.mean, point.wait.mean);
            let (left, right) = ends(&point.cost);
            let (low, high) = ends(&point.wait);
            taken.push((frame.x.at(left), y - 2.0, frame.x.at(right), y + 2.0));
            taken.push((x - 2.0, frame.y.at(high), x + 2.0, frame.y.at(low)));
            taken.push((x - 6.0, y - 6.0, x + 6.0, y + 6.0));
        }
        for point in &self.points {
            let at = frame.place(point.cost.mean, point.wait.mean);
            let ink = if point.is_on_front { colour::BLACK } else { colour::DARK_GREY };
            let kind = Type { colour: ink, is_bold: point.is_chosen, ..NAME };
            let label = point.label();
            let bounds = label_bounds(at, canvas.width_of(&label, kind), &frame, &taken);
            canvas.text(&label, (bounds.0, (bounds.1 + bounds.3) / 2.0), kind, Align::Left)?;
            taken.push(bounds);
        }
        Ok(())
    }
}

impl Titled for CostWait<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

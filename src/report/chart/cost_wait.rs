//! Cost against the 95 % wait, one cross of intervals per fleet, with the front of fleets that nothing beats.

use std::borrow::Cow;

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, spanning};
use super::canvas::{Align, Canvas, Dash, NAME, Place, Stroke, Type};
use super::labels::{Bounds, Crowd};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{Bound, Estimate, ExperimentSummary, Metric, Objective, PointSummary, pareto_front};
use crate::report::format::{plain, plus_minus};
use crate::report::recommend::Recommendation;
use crate::report::sweep::{Measure, SweepFacts, point_words, ranked};
use crate::report::{chosen_fleet, verdict_sentence};

/// Of more points than this only the front, the reference and the chosen one are named.
const NAMED: usize = 24;

struct Point<'a> {
    name: Cow<'a, str>,
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
    /// What is set in bold.
    bold: &'static str,
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
                    name: Cow::Borrowed(&fleet.name),
                    cost,
                    wait: seconds(wait),
                    is_on_front: false,
                    is_baseline: index == summary.baseline,
                    is_chosen: index == chosen,
                });
            }
        }
        let title = verdict_sentence(summary, objectives).trim_end_matches('.').to_owned();
        Self::with(points, objectives, title, "the fleet of the title")
    }

    /// The chart of a sweep: each point with the fleet that is recommended there.
    pub(super) fn of_points(facts: &SweepFacts, all: &'a [PointSummary]) -> Self {
        let best = ranked(all).first().map(|point| point.number);
        let point = |point: &'a PointSummary| {
            Some(Point {
                name: Cow::Owned(point_words(facts, point)),
                cost: Measure::Cost.of(point, point.chosen)?,
                wait: Measure::Wait.of(point, point.chosen)?,
                is_on_front: false,
                is_baseline: facts.is_one_at_a_time && point.number == 0,
                is_chosen: Some(point.number) == best,
            })
        };
        let points: Vec<Point<'a>> = all.iter().filter_map(point).collect();
        let mut chart =
            Self::with(points, &facts.objectives, String::new(), "the cheapest that keeps the objectives");
        chart.title = chart.trade_off();
        chart
    }

    /// The chart of the candidates of a recommendation that were run; their means so far have no intervals.
    pub(super) fn of_candidates(found: &Recommendation) -> Self {
        let points = found.measured.iter().map(|(candidate, measured)| {
            let estimate = |mean: f64| Estimate { mean, interval: None, n: measured.replications };
            Point {
                name: Cow::Owned(found.name(*candidate)),
                cost: estimate(measured.cost),
                wait: estimate(measured.wait_ms / 1000.0),
                is_on_front: false,
                is_baseline: false,
                is_chosen: found.selection.pick == Some(*candidate),
            }
        });
        let bold = "the recommended one";
        let mut chart = Self::with(points.collect(), &found.objectives, String::new(), bold);
        chart.title = chart.trade_off();
        chart
    }

    fn with(mut points: Vec<Point<'a>>, objectives: &[Objective], title: String, bold: &'static str) -> Self {
        let coordinates: Vec<_> = points.iter().map(|point| (point.cost.mean, point.wait.mean)).collect();
        let front = pareto_front(&coordinates);
        for index in &front {
            points[*index].is_on_front = true;
        }
        let limit = objectives
            .iter()
            .find(|objective| objective.metric == Metric::WaitP95 && objective.bound == Bound::AtMost);
        let wait_limit = limit.map(|objective| objective.limit / 1000.0);
        Self { points, front, wait_limit, title, bold }
    }

    /// Between which points one has to choose.
    fn trade_off(&self) -> String {
        let told = |index: usize| {
            let point = &self.points[index];
            let [cost, wait] = [&point.cost, &point.wait].map(|estimate| plus_minus(estimate, 1.0));
            format!("{} ({cost}\u{a0}$, {wait}\u{a0}s)", point.name)
        };
        match self.front.as_slice() {
            [] => "No point has both a cost and a wait".to_owned(),
            [only] => format!("Nothing is cheaper or faster than {}", told(*only)),
            [first, .., last] => format!(
                "{} of {} points are beaten by none in both cost and wait: {} to {}",
                self.front.len(),
                self.points.len(),
                told(*first),
                told(*last)
            ),
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

impl CostWait<'_> {
    /// The names off the crosses of all points, the front, and the line of the objective.
    fn draw_names<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        front: &[Place],
    ) -> Drawn<DB> {
        let mut taken: Vec<Bounds> = Vec::new();
        for point in &self.points {
            let (x, y) = frame.place(point.cost.mean, point.wait.mean);
            let (left, right) = ends(&point.cost);
            let (low, high) = ends(&point.wait);
            taken.push((frame.x.at(left), y - 2.0, frame.x.at(right), y + 2.0));
            taken.push((x - 2.0, frame.y.at(high), x + 2.0, frame.y.at(low)));
            taken.push((x - 6.0, y - 6.0, x + 6.0, y + 6.0));
        }
        let mut lines: Vec<(Place, Place)> = front.windows(2).map(|pair| (pair[0], pair[1])).collect();
        if let Some(limit) = self.wait_limit {
            let y = frame.y.at(limit);
            lines.push(((frame.x.start, y), (frame.x.end, y)));
            taken.push((frame.x.start, y - 19.0, frame.x.start + 240.0, y));
        }
        let named: Vec<&Point<'_>> =
            self.points.iter().filter(|point| self.points.len() <= NAMED || point.is_told()).collect();
        let points: Vec<(Place, f64)> = named
            .iter()
            .map(|point| {
                let at = frame.place(point.cost.mean, point.wait.mean);
                (at, canvas.width_of(&point.label(), point.kind()))
            })
            .collect();
        let page = (frame.x.start, frame.y.end - 8.0, frame.x.end + 24.0, frame.y.start);
        let labels = Crowd { page, points: &points, taken: &taken, lines: &lines }.labels();
        for (point, label) in named.iter().zip(&labels) {
            if let Some((from, to)) = label.leader {
                canvas.line(&[from, to], Stroke::solid(colour::GREY, 1.0))?;
            }
            let at = (label.bounds.0, f64::midpoint(label.bounds.1, label.bounds.3));
            canvas.text(&point.label(), at, point.kind(), Align::Left)?;
        }
        Ok(())
    }
}

impl Point<'_> {
    /// Whether it is named where there are too many to name all.
    const fn is_told(&self) -> bool {
        self.is_on_front || self.is_baseline || self.is_chosen
    }

    fn kind(&self) -> Type {
        let ink = if self.is_on_front { colour::BLACK } else { colour::DARK_GREY };
        Type { colour: ink, is_bold: self.is_chosen, ..NAME }
    }

    fn ink(&self) -> RGBColor {
        if self.is_on_front { colour::BLACK } else { colour::GREY }
    }

    fn label(&self) -> String {
        if self.is_baseline { format!("{} (reference)", self.name) } else { self.name.to_string() }
    }
}

impl Drawing for CostWait<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 600)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = format!(
            "Crosses: intervals. Filled: none is both cheaper and faster. Bold: {}. Lower left is better.",
            self.bold
        );
        let top = canvas.title(&self.title, &below, 925.0)?;
        let frame = self.frame(top + 34.0);
        frame.draw(canvas)?;
        self.draw_limit(canvas, &frame)?;
        let front: Vec<Place> = self
            .front
            .iter()
            .map(|index| frame.place(self.points[*index].cost.mean, self.points[*index].wait.mean))
            .collect();
        canvas.line(&front, Stroke::solid(colour::BLACK, 1.0).dashed(Dash::Dotted))?;
        for point in &self.points {
            Self::draw_point(canvas, &frame, point)?;
        }
        self.draw_names(canvas, &frame, &front)
    }
}

impl Titled for CostWait<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

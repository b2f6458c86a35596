//! What 1,000 jobs cost, by kind of cost: one bar per fleet, labelled directly.

use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Frame, Spread, up_to};
use super::canvas::{Align, Canvas, LABEL, NAME, Place, Stroke, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::catalog::{Arch, CapacityType};
use crate::experiment::{ExperimentSummary, FleetSummary, Metric};
use crate::metrics::CostKind;
use crate::report::format::{mean, number, plus_minus, three_digits};

/// Colour of a kind and whether it is hatched. Orange is Spot and blue on-demand; arm64 is hatched.
fn look(kind: CostKind) -> (RGBColor, bool, &'static str) {
    match kind {
        CostKind::Instance(Arch::Amd64, CapacityType::OnDemand) => (colour::BLUE, false, "on-demand, amd64"),
        CostKind::Instance(Arch::Arm64, CapacityType::OnDemand) => (colour::BLUE, true, "on-demand, arm64"),
        CostKind::Instance(Arch::Amd64, CapacityType::Spot) => (colour::ORANGE, false, "spot, amd64"),
        CostKind::Instance(Arch::Arm64, CapacityType::Spot) => (colour::ORANGE, true, "spot, arm64"),
        CostKind::Instance(Arch::Amd64, CapacityType::Reserved) => (colour::GREEN, false, "reserved, amd64"),
        CostKind::Instance(Arch::Arm64, CapacityType::Reserved) => (colour::GREEN, true, "reserved, arm64"),
        CostKind::UnusedReservations => (colour::VERMILLION, false, "unused reservations"),
        CostKind::RootVolume => (colour::GREY, false, "root volumes"),
        CostKind::Managers => (colour::DARK_GREY, false, "managers"),
        CostKind::ControlPlane => (colour::LIGHT_GREY, false, "control plane"),
        CostKind::Fargate => (colour::GREEN, false, "Fargate"),
        CostKind::HostedMinutes => (colour::PURPLE, false, "hosted minutes"),
        CostKind::Traffic => (colour::GREY, true, "traffic"),
        CostKind::CloudWatch => (colour::DARK_GREY, true, "CloudWatch"),
    }
}

/// The chart.
pub(super) struct CostByKind<'a> {
    summary: &'a ExperimentSummary,
    title: String,
}

impl<'a> CostByKind<'a> {
    /// The chart of every fleet.
    pub(super) fn of(summary: &'a ExperimentSummary, chosen: usize) -> Self {
        let fleet = &summary.fleets[chosen];
        let total = fleet.costs.total().0;
        let largest = CostKind::ALL.into_iter().max_by_key(|kind| fleet.costs.of(*kind));
        let title = match (fleet.estimate(Metric::CostPerThousandJobs), largest) {
            (Some(cost), Some(kind)) if total > 0 => format!(
                "1000 jobs cost {}\u{a0}$ with {}; {}\u{a0}% of that is {}",
                mean(&cost, 1.0),
                fleet.name,
                number(100.0 * fleet.costs.of(kind).0 as f64 / total as f64, 0),
                look(kind).2
            ),
            _ => "Cost by kind".to_owned(),
        };
        Self { summary, title }
    }

    /// The kinds that cost anything, with what 1,000 jobs cost of each.
    fn parts(fleet: &FleetSummary) -> Vec<(CostKind, f64)> {
        let per_thousand = fleet.estimate(Metric::CostPerThousandJobs).map_or(0.0, |cost| cost.mean);
        let total = fleet.costs.total().0;
        CostKind::ALL
            .into_iter()
            .filter(|kind| fleet.costs.of(*kind).0 > 0)
            .map(|kind| (kind, per_thousand * (fleet.costs.of(kind).0 as f64 / total as f64)))
            .collect()
    }

    fn kinds(&self) -> Vec<CostKind> {
        let has = |kind: &CostKind| self.summary.fleets.iter().any(|fleet| fleet.costs.of(*kind).0 > 0);
        CostKind::ALL.into_iter().filter(has).collect()
    }

    /// Swatches in lines from `top` on. Returns where they end.
    fn draw_legend<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        top: f64,
    ) -> Result<f64, plotters::drawing::DrawingAreaErrorKind<DB::ErrorType>> {
        let (mut x, mut y) = (16.0, top + 12.0);
        for kind in self.kinds() {
            let name = look(kind).2;
            let width = canvas.width_of(name, NAME) + 44.0;
            if x + width > 950.0 {
                (x, y) = (16.0, y + 24.0);
            }
            draw_box(canvas, (x, y - 8.0), (x + 20.0, y + 8.0), kind)?;
            canvas.text(name, (x + 26.0, y), NAME, Align::Left)?;
            x += width + 8.0;
        }
        Ok(y + 14.0)
    }

    fn draw_bar<DB: DrawingBackend>(
        canvas: &Canvas<'_, DB>,
        axis: &Axis,
        (top, bottom): (f64, f64),
        fleet: &FleetSummary,
    ) -> Drawn<DB> {
        let middle = f64::midpoint(top, bottom);
        let mut sum = 0.0;
        for (kind, cost) in Self::parts(fleet) {
            let (from, to) = (axis.at(sum), axis.at(sum + cost));
            draw_box(canvas, (from, top), (to, bottom), kind)?;
            canvas.line(&[(to, top), (to, bottom)], Stroke::solid(colour::WHITE, 1.0))?;
            let text = three_digits(cost);
            let width = canvas.width_of(&text, LABEL);
            if to - from > width + 16.0 {
                draw_inside(canvas, &text, (f64::midpoint(from, to), middle), width, kind)?;
            }
            sum += cost;
        }
        let total = fleet.estimate(Metric::CostPerThousandJobs);
        let text =
            total.map_or_else(|| "no jobs".to_owned(), |total| format!("{} $", plus_minus(&total, 1.0)));
        canvas.text(&text, (axis.at(sum) + 8.0, middle), NAME, Align::Left)
    }
}

fn draw_box<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    from: Place,
    to: Place,
    kind: CostKind,
) -> Drawn<DB> {
    let (ink, is_hatched, _) = look(kind);
    if !is_hatched {
        return canvas.fill(from, to, ink.to_rgba());
    }
    canvas.fill(from, to, ink.mix(0.35))?;
    canvas.hatch(from, to, ink)?;
    let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
    canvas.line(&corners, Stroke::solid(ink, 1.0))
}

/// An amount inside of its part: white on dark, black on light, on a light ground where there are hatches.
fn draw_inside<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    text: &str,
    at: Place,
    width: f64,
    kind: CostKind,
) -> Drawn<DB> {
    let (ink, is_hatched, _) = look(kind);
    if is_hatched {
        let half = width / 2.0 + 3.0;
        canvas.fill((at.0 - half, at.1 - 9.0), (at.0 + half, at.1 + 9.0), colour::WHITE.mix(0.85))?;
    }
    let luminance = 0.299 * f64::from(ink.0) + 0.587 * f64::from(ink.1) + 0.114 * f64::from(ink.2);
    let colour = match (is_hatched, luminance < 130.0) {
        (true, _) => colour::BLACK,
        (false, true) => colour::WHITE,
        (false, false) => colour::ON_LIGHT,
    };
    let kind = Type { colour, ..LABEL };
    canvas.text(text, at, kind, Align::Centre)
}

impl Drawing for CostByKind<'_> {
    fn size(&self) -> (u32, u32) {
        (960, 250 + 56 * self.summary.fleets.len() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = "Cost in $ per 1000 jobs with the interval of its sum. Parts sum to the bill.";
        let top = canvas.title(&self.title, below, 925.0)?;
        let top = self.draw_legend(canvas, top)? + 10.0;
        let names = self.summary.fleets.iter().map(|fleet| canvas.width_of(&fleet.name, NAME));
        let left = names.fold(60.0, f64::max).min(330.0) + 28.0;
        let bottom = f64::from(self.size().1) - 52.0;
        let costs =
            self.summary.fleets.iter().map(|fleet| Self::parts(fleet).iter().map(|(_, cost)| cost).sum());
        let highest: f64 = costs.fold(0.0, f64::max);
        let x = Axis { from: 0.0, to: up_to(highest, 6), start: left, end: 820.0, spread: Spread::Linear };
        let y = Axis { from: 0.0, to: 1.0, start: bottom, end: top, spread: Spread::Linear };
        let frame =
            Frame { x_ticks: x.ticks(6), y_ticks: Vec::new(), x, y, x_name: "$ per 1000 jobs", y_name: "" };
        frame.draw(canvas)?;
        let height = (bottom - top) / self.summary.fleets.len() as f64;
        for (index, fleet) in self.summary.fleets.iter().enumerate() {
            let start = top + height * index as f64;
            let (from, to) = (start + 0.18 * height, start + 0.82 * height);
            canvas.text(&fleet.name, (left - 10.0, f64::midpoint(from, to)), NAME, Align::Right)?;
            Self::draw_bar(canvas, &frame.x, (from, to), fleet)?;
        }
        Ok(())
    }
}

impl Titled for CostByKind<'_> {
    fn title(&self) -> String {
        self.title.clone()
    }
}

//! Charts, each drawn by one function for both SVG and PNG. Colours are fixed by meaning; nothing is told by colour
//! alone, so that a greyscale print can be read.

mod axis;
mod canvas;
mod cost_by_kind;
mod cost_wait;
mod differences;
mod image;
mod labels;
mod levels;
mod load_duration;
mod quantiles;
mod sweep_lines;
mod sweep_map;
mod tornado;
mod wait_curves;
mod waterfall;

pub use self::image::ChartError;
pub(super) use self::levels::TIME;
pub(super) use self::load_duration::{at_share, load_duration};
pub(super) use self::waterfall::{Savings, Step, signed};

use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use self::canvas::Canvas;
use super::recommend::Recommendation;
use super::sweep::{Measure, SweepFacts};
use crate::experiment::{Calibration, CostUses, ExperimentSummary, Metric, Objective, PointSummary};
use crate::units::SimTime;

/// Okabe & Ito, *Color Universal Design* (2008): told apart by nearly everyone.
mod colour {
    use super::RGBColor;

    pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
    /// Spot.
    pub(super) const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
    /// On-demand.
    pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
    pub(super) const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
    pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
    pub(super) const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
    pub(super) const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
    /// Waste and what is not the fleet itself.
    pub(super) const GREY: RGBColor = RGBColor(0x8C, 0x8C, 0x8C);
    pub(super) const DARK_GREY: RGBColor = RGBColor(0x4D, 0x4D, 0x4D);
    pub(super) const LIGHT_GREY: RGBColor = RGBColor(0xC4, 0xC4, 0xC4);
    pub(super) const GRID: RGBColor = RGBColor(0xE3, 0xE3, 0xE3);
    /// The page.
    pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
    /// Where darker is more, and text on it. A page in the dark turns black, white and greys around and lightens blue; these
    /// three stay, so that darker stays more.
    pub(super) const MAP: RGBColor = RGBColor(0, 0x72, 0xB3);
    pub(super) const ON_LIGHT: RGBColor = RGBColor(1, 1, 1);
    pub(super) const ON_DARK: RGBColor = RGBColor(254, 254, 254);
}

/// What drawing gives: nothing, or why the backend could not.
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Something that can be drawn on any backend.
trait Drawing {
    /// Width and height in logical pixels.
    fn size(&self) -> (u32, u32);
    /// Draws on a white page of that size.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB>;
}

/// One chart in both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// File name without extension.
    pub name: String,
    /// The finding that the chart shows; its title and the text for those who do not see it.
    pub title: String,
    /// Vector graphics. Text refers to the family `sans-serif`; nothing is embedded.
    pub svg: String,
    /// Twice the size of the vector graphics, for slides.
    pub png: Vec<u8>,
}

/// What charts show of a fleet besides its results, as told by the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetFacts {
    /// Job slots (`concurrent`) of all runner managers together; 0 where nobody told.
    pub slots: u64,
    /// When nodes were interrupted in the first replication.
    pub interruptions: Vec<SimTime>,
    /// What the fleet sets, as `KEY = VALUE`.
    pub settings: Vec<String>,
    /// What its money was used for, replication by replication; without it steps between fleets have no intervals.
    pub uses: Option<CostUses>,
}

/// Every chart of an experiment: cost against wait, the way from the baseline's cost to the chosen fleet's, curves of waits,
/// costs by kind, CPU by share of the time, and levels over time for each fleet. `facts` are in the order of the fleets; where
/// they are missing less is shown.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn charts(
    summary: &ExperimentSummary,
    objectives: &[Objective],
    facts: &[FleetFacts],
) -> Result<Vec<Chart>, ChartError> {
    let chosen = crate::report::chosen_fleet(summary, objectives);
    let mut charts = vec![render("cost_and_wait", &cost_wait::CostWait::of(summary, objectives))?];
    if let Some(savings) = Savings::of(summary, facts, chosen) {
        charts.push(render("savings", &savings)?);
    }
    charts.extend([
        render("waits", &wait_curves::WaitCurves::of(summary, chosen))?,
        render("costs", &cost_by_kind::CostByKind::of(summary, chosen))?,
        render("load_duration", &load_duration::LoadDuration::of(summary, chosen))?,
    ]);
    let nothing = FleetFacts::default();
    for (number, fleet) in summary.fleets.iter().enumerate() {
        let facts = facts.get(number).unwrap_or(&nothing);
        let highest = levels::Highest::of(summary, fleet);
        charts.push(render(&format!("levels_{}", number + 1), &levels::Levels { fleet, facts, highest })?);
    }
    Ok(charts)
}

/// Charts of a comparison, of which nothing but the values of replications is known: cost against wait, and every difference
/// in `metrics` with its interval.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn comparison_charts(
    summary: &ExperimentSummary,
    metrics: &[Metric],
    objectives: &[Objective],
) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![trade_off_chart(summary, objectives)?];
    if let Some(differences) = differences::Differences::of(summary, metrics) {
        charts.push(render("differences", &differences)?);
    }
    Ok(charts)
}

/// Cost against wait alone.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn trade_off_chart(summary: &ExperimentSummary, objectives: &[Objective]) -> Result<Chart, ChartError> {
    render("cost_and_wait", &cost_wait::CostWait::of(summary, objectives))
}

/// Cost against wait of all candidates of a recommendation that were run.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn recommendation_charts(found: &Recommendation) -> Result<Vec<Chart>, ChartError> {
    Ok(vec![render("trade_off", &cost_wait::CostWait::of_candidates(found))?])
}

/// Charts of a sweep: cost against wait of every point, curves over the only key, or a map for each pair of keys; of one change at a time a tornado each for
/// cost and wait.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn sweep_charts(facts: &SweepFacts, points: &[PointSummary]) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![render("trade_off", &cost_wait::CostWait::of_points(facts, points))?];
    if facts.is_one_at_a_time {
        for (name, measure) in [("tornado_cost", Measure::Cost), ("tornado_wait", Measure::Wait)] {
            if let Some(tornado) = tornado::Tornado::of(facts, points, measure) {
                charts.push(render(name, &tornado)?);
            }
        }
        return Ok(charts);
    }
    if facts.keys.len() == 1 {
        charts.push(render("sweep", &sweep_lines::SweepLines::of(facts, points))?);
    }
    for x in 0..facts.keys.len() {
        for y in x + 1..facts.keys.len() {
            let name = format!("sweep_{}_{}", x + 1, y + 1);
            charts.push(render(&name, &sweep_map::SweepMap::of(facts, points, x, y))?);
        }
    }
    Ok(charts)
}

/// Quantiles of simulated over observed waits, under `title`.
pub(super) fn calibration_quantiles(calibration: &Calibration, title: String) -> Result<Chart, ChartError> {
    render("calibration", &quantiles::Quantiles { calibration, title })
}

fn render(name: &str, drawing: &(impl Drawing + Titled)) -> Result<Chart, ChartError> {
    Ok(Chart {
        name: name.to_owned(),
        title: drawing.title(),
        svg: image::svg(drawing, &drawing.title())?,
        png: image::png(drawing)?,
    })
}

/// A drawing that states its finding.
trait Titled {
    fn title(&self) -> String;
}

//! `report.html`: the whole answer on one self-contained page. No network, readable without JavaScript, in print and in
//! the dark. Chooses and words what is shown; computes no metric.

mod assumptions;
mod comparison;
mod gate;
mod heat_map;
mod model;
mod parts;
mod recommendation;
mod sheet;
mod sweep;
mod tables;
mod teams;

pub use comparison::comparison_html;
pub use gate::gate_html;
pub use recommendation::recommendation_html;
pub use sheet::SheetFacts;
pub use sweep::sweep_html;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use jiff::ZonedDateTime;

use super::chart::{Chart, FleetFacts};
use crate::catalog::{Arch, CapacityType};
use crate::experiment::{ExperimentSummary, Objective};
use crate::metrics::JobRecord;

/// What the page says besides the results, as told by the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageFacts {
    /// Name of the scenario.
    pub scenario: String,
    /// The question that it asks; may be empty.
    pub question: String,
    /// Command that gives the same page again.
    pub command: String,
    /// Where the numbers come from: name and value.
    pub provenance: Vec<(String, String)>,
    /// The job classes of each fleet, by class id.
    pub classes: Vec<Vec<ClassFacts>>,
    /// What charts show of each fleet besides its results.
    pub fleets: Vec<FleetFacts>,
    /// Nodes of the first replication by type and how they were bought.
    pub node_hours: Vec<NodeHours>,
    /// An earlier sweep whose charts belong on the page.
    pub sweep: Option<SweepShown>,
    /// The scenario with every default, as TOML.
    pub resolved: String,
    /// When simulated time starts; without it hours of the week are not told.
    pub start: Option<ZonedDateTime>,
    /// The slowest jobs of one run.
    pub slowest: SlowJobs,
}

/// A job class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassFacts {
    /// Its name.
    pub name: String,
    /// The GitLab project, which stands for the team; empty where the jobs name none.
    pub team: String,
    /// Core hours that its jobs requested in the counted time of the first replication; 0 where its jobs were not kept.
    pub core_hours: f64,
}

/// The nodes of one kind of one fleet in the counted time of the first replication.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeHours {
    /// Name of the fleet.
    pub fleet: String,
    /// Instance type.
    pub instance_type: String,
    /// Architecture.
    pub arch: Arch,
    /// How it is bought.
    pub capacity: CapacityType,
    /// Names of the zones.
    pub zones: Vec<String>,
    /// Nodes.
    pub nodes: u64,
    /// Hours that were billed.
    pub hours: f64,
}

/// An earlier sweep: its charts and the values of its points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepShown {
    /// Where it lies.
    pub folder: String,
    /// Titles and SVG text of its charts.
    pub charts: Vec<(String, String)>,
    /// Names of the columns of its points.
    pub head: Vec<String>,
    /// Its points.
    pub rows: Vec<Vec<String>>,
}

/// The slowest jobs of the first replication of one fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowJobs {
    /// Name of the fleet.
    pub fleet: String,
    /// Command that tells the life line of a job; `ID` stands for its number.
    pub command: String,
    /// The jobs with their classes, the slowest first.
    pub jobs: Vec<(JobRecord, String)>,
}

/// Why a page could not be put together.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be put together: {0}")]
pub struct PageError(#[from] minijinja::Error);

const HEAD: &str = include_str!("head.html");
const TEMPLATE: &str = include_str!("page.html");
const FOOT: &str = include_str!("foot.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page for an experiment with the charts that were drawn of it.
///
/// # Errors
/// Where the template cannot be rendered, which a test rules out for every scenario that comes with fleetsim.
pub fn page_html(
    summary: &ExperimentSummary,
    objectives: &[Objective],
    charts: &[Chart],
    facts: &PageFacts,
) -> Result<String, PageError> {
    render(TEMPLATE, &model::Page::of(summary, objectives, charts, facts))
}

/// A page of `body` between the head and the foot that all pages share.
fn render(body: &str, page: &impl Serialize) -> Result<String, PageError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_test("words", |value: &str| value.starts_with(|first: char| first.is_alphabetic()));
    environment.add_template_owned("page.html", [HEAD, body, FOOT].concat())?;
    let mut html = environment.get_template("page.html")?.render(context! {
        page => Value::from(Serde(page)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
    })?;
    html.push('\n');
    Ok(html)
}

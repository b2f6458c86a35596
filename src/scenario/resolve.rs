//! A scenario read whole: what is compared, over which time, and one complete configuration per fleet.

use super::check::Problems;
use super::diagnostic::{Diagnostic, sorted_once};
use super::document::{Entry, Table};
use super::layers::{self, FileProvider, unknown_fleet};
use super::resolved;
use crate::units::SimDuration;
use jiff::ZonedDateTime;

/// A validated scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name, from the text or the file.
    pub name: String,
    /// The question it answers, or nothing.
    pub question: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Replications per fleet, at least 1.
    pub replications: u32,
    /// Simulated time, warm-up included.
    pub horizon: SimDuration,
    /// Time that is simulated but not counted.
    pub warmup: SimDuration,
    /// When simulated time starts.
    pub start: ZonedDateTime,
    /// Index of the fleet the others are compared with.
    pub baseline: usize,
    /// The fleets, at least one.
    pub fleets: Vec<Fleet>,
    base: Table,
    overlays: Vec<(Entry, Table)>,
}

/// One fleet of a scenario.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Name.
    pub name: String,
}

/// Reads the scenario `text`, known as `name` (its path).
///
/// # Errors
/// Every mistake in the text and in the files it names, in order.
pub fn resolve(text: &str, name: &str, files: &mut dyn FileProvider) -> Result<Scenario, Vec<Diagnostic>> {
    resolve_with(text, name, &[], files)
}

/// [`resolve`] with settings `KEY=VALUE` laid over everything the text says.
///
/// # Errors
/// Every mistake in the text, the settings and the files, in order.
pub fn resolve_with(
    text: &str,
    name: &str,
    set: &[String],
    files: &mut dyn FileProvider,
) -> Result<Scenario, Vec<Diagnostic>> {
    let layers = layers::read(text, name, set, files)?;
    let mut problems = Problems::new();
    let base = &layers.base;
    let baseline = baseline(&layers, &mut problems);
    let start = start(base);
    if !problems.is_empty() {
        return Err(sorted_once(problems));
    }
    Ok(Scenario {
        name: base.text_if("name").map_or_else(|| stem(name), str::to_owned),
        question: base.text("question").to_owned(),
        seed: base.integer("seed"),
        replications: base.integer("replications") as u32,
        horizon: base.duration("horizon"),
        warmup: base.duration("warmup"),
        start,
        baseline,
        fleets: layers.fleets.iter().map(|fleet| Fleet { name: fleet.name.clone() }).collect(),
        base: layers.base,
        overlays: layers.overlays,
    })
}

impl Scenario {
    /// The scenario with every default filled in, readable again with the same result.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let overlays = self.overlays.iter().map(|(entry, table)| (entry.key.as_str(), table));
        resolved::to_toml(&self.base, overlays, "Every value that held in this run, defaults included.")
    }
}

fn start(base: &Table) -> ZonedDateTime {
    base.text("start").parse().unwrap_or_else(|_| panic!("the key check reads every `start`"))
}

/// The scenario's name where the text gives none: the file name without folder and ending.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("scenario").to_owned()
}

fn baseline(layers: &layers::Layers, problems: &mut Problems) -> usize {
    let Some(wanted) = layers.base.text_if("baseline") else { return 0 };
    let found = layers.fleets.iter().position(|fleet| fleet.name == wanted);
    found.unwrap_or_else(|| {
        let known = layers.fleets.iter().map(|fleet| fleet.name.as_str());
        problems.push(unknown_fleet(wanted, &layers.base.span("baseline"), known));
        0
    })
}

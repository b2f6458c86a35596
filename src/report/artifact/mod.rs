//! What CI systems show beside a merge request: JUnit, OpenMetrics, Code Quality, dotenv, annotations and a note. Each
//! is written for the parser that reads it, whose rules stand in its file.

mod annotations;
mod code_quality;
mod dotenv;
mod gate;
mod junit;
mod note;
mod open_metrics;

pub use code_quality::{PlaceFinding, places_code_quality};
pub use gate::{Gated, gate_artifact};

use super::format::{plain, plus_minus, shown_unit};
use super::verdict::words;
use crate::experiment::{Bound, Estimate, ExperimentSummary, FleetSummary, Objective};

/// A kind of file for CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// JUnit XML: a test case per fleet and objective.
    Junit,
    /// OpenMetrics text, as GitLab's metrics report reads it.
    Metrics,
    /// Code Quality JSON: missed objectives.
    CodeQuality,
    /// Variables for later jobs.
    Dotenv,
    /// Links on GitLab's job page.
    Annotations,
    /// Markdown for a merge request or a GitHub step summary.
    Note,
}

impl Artifact {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Junit, Self::Metrics, Self::CodeQuality, Self::Dotenv, Self::Annotations, Self::Note];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Metrics => "metrics",
            Self::CodeQuality => "codequality",
            Self::Dotenv => "dotenv",
            Self::Annotations => "annotations",
            Self::Note => "note",
        }
    }

    /// Its usual file name.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Junit => "junit.xml",
            Self::Metrics => "metrics.txt",
            Self::CodeQuality => "codequality.json",
            Self::Dotenv => "fleetsim.env",
            Self::Annotations => "annotations.json",
            Self::Note => "note.md",
        }
    }
}

/// What artifacts say besides the results, as told by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactFacts {
    /// Name of the scenario.
    pub scenario: String,
    /// The scenario file, relative to the repository.
    pub file: String,
    /// Line of that file where the objectives stand, from 1.
    pub objectives_line: usize,
    /// Where the page can be opened; empty where that is not known.
    pub report_url: String,
}

/// The text of an artifact.
#[must_use]
pub fn artifact(
    kind: Artifact,
    summary: &ExperimentSummary,
    objectives: &[Objective],
    facts: &ArtifactFacts,
) -> String {
    match kind {
        Artifact::Junit => junit::text(summary, objectives, facts),
        Artifact::Metrics => open_metrics::of_all(&[(summary, facts)]),
        Artifact::CodeQuality => code_quality::text(summary, objectives, facts),
        Artifact::Dotenv => dotenv::text(summary, objectives, facts),
        Artifact::Annotations => annotations::of_all(std::iter::once(facts)),
        Artifact::Note => note::text(summary, objectives, facts),
    }
}

/// An objective without any measured value: `wait p95 <= 60 s`. The same in every run of a scenario.
fn objective_name(objective: &Objective) -> String {
    let (factor, unit) = shown_unit(objective.metric.unit());
    let sign = if objective.bound == Bound::AtMost { "<=" } else { ">=" };
    format!("{} {sign} {} {unit}", words(&objective.metric.key()), plain(objective.limit * factor))
        .trim_end()
        .replace('\u{a0}', " ")
}

/// What was measured against an objective.
fn measured(fleet: &FleetSummary, objective: &Objective) -> String {
    measured_by(fleet.estimate(objective.metric), objective, fleet.replications)
}

fn measured_by(estimate: Option<Estimate>, objective: &Objective, replications: usize) -> String {
    let (factor, unit) = shown_unit(objective.metric.unit());
    let value = estimate.map_or_else(
        || "no value".to_owned(),
        |estimate| format!("{} {unit}", plus_minus(&estimate, factor)).trim_end().to_owned(),
    );
    format!("measured {value} over {replications} replications").replace('\u{a0}', " ")
}

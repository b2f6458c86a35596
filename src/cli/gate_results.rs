//! What the gate leaves: files for CI, and a folder with its page.

use super::emit::{Emit, artifact_facts, emit_gate};
use super::exit::Failed;
use super::files::ResultFolder;
use super::sheets::{sheet_facts, undrawn, write_charts};
use crate::experiment::{ComparisonRules, ExperimentSummary, GateLine, summarise_values};
use crate::report::{Gated, Replications, gate_html, trade_off_chart};
use crate::scenario::Scenario;
use std::path::{Path, PathBuf};

/// Where files go.
pub(super) struct GateFiles<'a> {
    pub emit: &'a [Emit],
    /// Files of the scenarios, in their order.
    pub paths: &'a [PathBuf],
    /// Folder of the page, if there is to be one.
    pub target: Option<&'a Path>,
}

/// A scenario with its values and what was found of it.
type Judged<'a> = (&'a Scenario, &'a Replications, &'a [GateLine]);

/// The name of the folder: of its scenarios.
pub(super) fn folder_name<'a>(scenarios: impl IntoIterator<Item = &'a str>) -> String {
    let name = super::compare_results::folder_name(scenarios);
    format!("{}-check", name.trim_end_matches("-compare"))
}

impl GateFiles<'_> {
    /// Writes everything that was asked for, and says which page people look at.
    pub(super) fn write(
        &self,
        judged: &[Judged<'_>],
        folder: Option<ResultFolder>,
        command: impl Fn() -> String,
    ) -> Result<String, Failed> {
        if self.emit.is_empty() && folder.is_none() {
            return Ok(String::new());
        }
        let summary = |(scenario, now, _): &Judged<'_>| {
            summarise_values(&now.fleets, scenario.baseline, ComparisonRules::default())
        };
        let summaries: Vec<ExperimentSummary> = judged.iter().map(summary).collect();
        let place = self.target.map(|target| target.display().to_string()).unwrap_or_default();
        let gated: Vec<Gated<'_>> = judged
            .iter()
            .zip(&summaries)
            .zip(self.paths)
            .map(|(((scenario, _, lines), summary), path)| Gated {
                facts: artifact_facts(scenario, path, &place),
                summary,
                objectives: &scenario.objectives,
                lines,
            })
            .collect();
        emit_gate(self.emit, &gated)?;
        let Some(folder) = folder else { return Ok(String::new()) };
        let charts = match gated.as_slice() {
            [one] => vec![trade_off_chart(one.summary, one.objectives).map_err(|error| undrawn(&error))?],
            _ => Vec::new(),
        };
        let scenarios: Vec<&Scenario> = judged.iter().map(|(scenario, ..)| *scenario).collect();
        let page = gate_html(&gated, &charts, &sheet_facts(&scenarios, command()))
            .map_err(|error| undrawn(&error))?;
        folder.write("report.html", page.as_bytes())?;
        write_charts(&folder, &charts)?;
        Ok(format!("{}\n", folder.publish()?.join("report.html").display()))
    }
}

//! The result folder of a comparison: its page, the numbers, charts, from where it all comes.

use super::exit::Failed;
use super::files::ResultFolder;
use super::results::{csv_bytes, provenance_of};
use super::sheets::{sheet_facts, undrawn, write_charts};
use crate::experiment::{ComparisonRules, ExperimentSummary, Metric, Objective};
use crate::report::{
    Replications, comparison_charts, comparison_html, comparison_text, provenance_json, summary_csv,
};
use crate::scenario::Scenario;

/// What was compared.
pub(super) struct Compared<'a> {
    pub summary: &'a ExperimentSummary,
    pub metrics: &'a [Metric],
    pub rules: ComparisonRules,
    /// Scenarios that were simulated, or whose text lies beside the results that were read.
    pub scenarios: Vec<&'a Scenario>,
    /// Results that were read: what they are called, and their values.
    pub kept: Vec<(&'a str, &'a Replications)>,
    pub command: String,
    pub seconds: f64,
}

/// What all sources ask of their fleets; nothing where they do not agree or one does not say.
fn objectives<'a>(compared: &Compared<'a>) -> &'a [Objective] {
    let told = |scenario: &&&'a Scenario| scenario.objectives.as_slice();
    let Some(first) = compared.scenarios.first().copied() else { return &[] };
    let has_scenario = |(_, values): &(&str, &Replications)| {
        compared.scenarios.iter().any(|scenario| format!("{:016x}", scenario.hash()) == values.scenario)
    };
    let is_shared =
        compared.scenarios.iter().map(|scenario| told(&scenario)).all(|own| own == first.objectives)
            && compared.kept.iter().all(has_scenario);
    if is_shared { &first.objectives } else { &[] }
}

/// The name of the folder: of its sources.
pub(super) fn folder_name<'a>(sources: impl IntoIterator<Item = &'a str>) -> String {
    const TOLD: usize = 3;
    let mut names: Vec<String> = Vec::new();
    for source in sources {
        let name = source.strip_suffix(".csv").unwrap_or(source);
        let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = name.chars().map(plain).collect();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let rest = names.len().saturating_sub(TOLD);
    names.truncate(TOLD);
    let more = if rest > 0 { format!("-and-{rest}-more") } else { String::new() };
    format!("{}{more}-compare", names.join("-"))
}

/// Writes everything into `folder`, publishes it and returns the paths of the files people look at first.
pub(super) fn write_comparison(folder: ResultFolder, compared: &Compared<'_>) -> Result<Vec<String>, Failed> {
    let (summary, metrics, objectives) = (compared.summary, compared.metrics, objectives(compared));
    let mut facts = sheet_facts(&compared.scenarios, compared.command.clone());
    let mut names: Vec<String> = compared.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
    for (name, values) in &compared.kept {
        names.push((*name).to_owned());
        let text = format!("scenario {}, seed {}", values.scenario, values.seed);
        facts.provenance.push((format!("results {name}"), text));
    }
    names.dedup();
    facts.scenario = names.join(", ");
    let charts = comparison_charts(summary, metrics, objectives).map_err(|error| undrawn(&error))?;
    let page = comparison_html(summary, metrics, compared.rules, objectives, &charts, &facts)
        .map_err(|error| undrawn(&error))?;
    folder.write("report.html", page.as_bytes())?;
    write_charts(&folder, &charts)?;
    folder.write("summary.csv", &csv_bytes(|out| summary_csv(out, summary))?)?;
    folder.write("comparison.md", comparison_text(summary, metrics, compared.rules, true).as_bytes())?;
    if let Some(scenario) = compared.scenarios.first() {
        let mut provenance = provenance_of(scenario, compared.seconds, summary.is_partial);
        provenance.fleets = summary.fleets.iter().map(|fleet| fleet.name.clone()).collect();
        folder.write("provenance.json", provenance_json(&provenance).as_bytes())?;
    }
    let published = folder.publish()?;
    Ok(["report.html", "summary.csv", "charts"]
        .map(|name| published.join(name).display().to_string())
        .to_vec())
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn a_folder_is_called_by_its_sources() {
        assert_eq!(folder_name(["peak", "peak"]), "peak-compare");
        assert_eq!(folder_name(["before.csv", "af ter"]), "before-af-ter-compare");
        assert_eq!(folder_name(["a", "b", "c", "d", "e"]), "a-b-c-and-2-more-compare");
    }
}

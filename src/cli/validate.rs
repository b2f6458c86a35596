//! `fleetsim validate`: every mistake of every file, and with `--lint` every costly surprise with what its repair is worth.

use super::args::ValidateArguments;
use super::exit::{Exit, Failed};
use super::explain::{run_explained, summarised};
use super::files::{beside, scenario_text, write_file};
use super::run::read;
use super::terminal::{Terminal, answer, say};
use super::traces::say_inputs;
use super::validate_files::sorted;
use crate::experiment::{FleetSummary, Metric, Verdict};
use crate::metrics::RunOutcome;
use crate::report::{PlaceFinding, places_code_quality, worth_text};
use crate::scenario::{self, Diagnostic, Finding, Scenario};
use std::path::{Path, PathBuf};

/// The FILE of `codequality=FILE`.
pub(super) fn code_quality_file(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("codequality", file)) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err("expected codequality=FILE".to_owned()),
    }
}

/// Checks all files; the mistakes of all of them are reported together.
pub(super) fn validate(arguments: &ValidateArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let (mut mistakes, mut findings) = (Vec::new(), Vec::new());
    let files = sorted(&arguments.scenarios)?;
    let around = files.around.as_ref().map(|around| (&around.scenario, around.prefix.as_str()));
    for (path, prefix) in files.scenarios.iter().map(|path| (path, "")).chain(around) {
        let text = scenario_text(path)?;
        let name = path.display().to_string();
        let is_given = prefix.is_empty();
        match scenario::resolve_with(&text, &name, &arguments.set, &mut beside(path)) {
            Ok(resolved) => {
                if arguments.resolved && is_given {
                    answer(&resolved.to_toml())?;
                }
                if is_given {
                    terminal.note(&format!("{name}: no mistakes"));
                    say_inputs(&resolved, terminal);
                } else {
                    terminal.note("runner configurations and NodePools: no mistakes");
                }
                if arguments.lint || arguments.strict {
                    findings.extend(lint(path, prefix, &arguments.set, &resolved, terminal)?);
                }
            }
            Err(diagnostics) => mistakes.extend(diagnostics.iter().map(|one| without(one, prefix))),
        }
    }
    if let Some(file) = &arguments.emit {
        let places = mistakes.iter().map(mistake).chain(findings.iter().cloned());
        write_file(file, places_code_quality(&places.collect::<Vec<_>>()).as_bytes(), true)?;
    }
    if !mistakes.is_empty() {
        return Err(Failed::Input(mistakes));
    }
    Ok(if arguments.strict && !findings.is_empty() { Exit::Linted } else { Exit::Success })
}

/// The mistake with the names of files as they were given.
fn without(mistake: &Diagnostic, prefix: &str) -> Diagnostic {
    let mut mistake = mistake.clone();
    if !prefix.is_empty() {
        let source = &mistake.span.source;
        let source = scenario::Source::new(&source.name.replace(prefix, ""), &source.text);
        mistake.span = scenario::Span::new(&source, mistake.span.range.clone());
        mistake.message = mistake.message.replace(prefix, "");
    }
    mistake
}

/// A mistake as a place for Code Quality.
fn mistake(diagnostic: &Diagnostic) -> PlaceFinding {
    PlaceFinding {
        code: diagnostic.code.id().to_owned(),
        description: diagnostic.message.clone(),
        is_mistake: true,
        path: diagnostic.span.source.name.clone(),
        line: diagnostic.span.line_and_column().0,
        about: diagnostic.message.clone(),
    }
}

/// Prints the costly surprises of a scenario and returns them. Of a scenario around other files only
/// those are told that stand in these; `prefix` is left out of their names.
fn lint(
    path: &Path,
    prefix: &str,
    set: &[String],
    scenario: &Scenario,
    terminal: Terminal,
) -> Result<Vec<PlaceFinding>, Failed> {
    let text = scenario_text(path)?;
    let name = path.display().to_string();
    let runs: Vec<RunOutcome> = scenario
        .fleets
        .iter()
        .map(|fleet| run_explained(scenario, fleet, 0).map(|(run, _)| run.outcome))
        .collect::<Result<_, _>>()?;
    let mut findings =
        scenario::lint(scenario, (&text, &name), set, &mut beside(path), &runs).map_err(Failed::Input)?;
    let is_around = !prefix.is_empty();
    findings.retain(|finding| !is_around || finding.span.source.name != name);
    let mut told = Vec::new();
    for finding in &findings {
        let worth = worth(path, set, scenario, finding, terminal)?;
        let text = finding.render(worth.as_deref(), true);
        say(&format!("{}\n", if is_around { text.replace(prefix, "") } else { text }));
        told.push(surprise(finding, worth.as_deref(), prefix));
    }
    let plural = if findings.len() == 1 { "" } else { "s" };
    let name = if is_around { "given files" } else { &name };
    say(&format!("{name}: {} costly surprise{plural}; fleetsim explain CODE says more", findings.len()));
    Ok(told)
}

/// A costly surprise as a place for Code Quality.
fn surprise(finding: &Finding, worth: Option<&str>, prefix: &str) -> PlaceFinding {
    let worth = worth.map_or_else(String::new, |worth| format!("; {worth}"));
    let key = finding.set.first().and_then(|set| set.split('=').next()).unwrap_or(finding.title);
    let name = &finding.span.source.name;
    PlaceFinding {
        code: finding.code.to_owned(),
        description: format!("{}: {}; do: {}{worth}", finding.title, finding.evidence, finding.fix),
        is_mistake: false,
        path: if prefix.is_empty() { name.clone() } else { name.replace(prefix, "") },
        line: finding.span.line_and_column().0,
        about: key.to_owned(),
    }
}

/// Replications of the short simulation.
const REPLICATIONS: u32 = 2;

/// What the repair is worth for the first fleet that has the finding: the fleet against itself with the repair.
fn worth(
    path: &Path,
    set: &[String],
    scenario: &Scenario,
    finding: &Finding,
    terminal: Terminal,
) -> Result<Option<String>, Failed> {
    if finding.set.is_empty() {
        return Ok(None);
    }
    let name = &finding.fleets[0];
    let all: Vec<String> = set.iter().chain(&finding.set).cloned().collect();
    let Ok(repaired) = read(path, &all, std::slice::from_ref(name)) else { return Ok(None) };
    let mut pair = scenario.clone();
    pair.keep_fleets(std::slice::from_ref(name)).map_err(Failed::Usage)?;
    pair.fleets.extend(repaired.fleets);
    pair.replications = REPLICATIONS;
    let quiet = Terminal { quiet: true, ..terminal };
    let (summary, _) = summarised(&pair, quiet)?;
    let fleet: &FleetSummary = &summary.fleets[1];
    let is_same = [Metric::CostPerThousandJobs, Metric::WaitP95, Metric::JobsLost]
        .iter()
        .all(|metric| fleet.difference(*metric).is_some_and(|found| found.verdict == Verdict::Identical));
    Ok(Some(if is_same {
        format!("worth nothing in {name}: no difference")
    } else {
        worth_text(name, fleet)
    }))
}

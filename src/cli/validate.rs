//! `fleetsim validate`: every mistake of every file, and with `--lint` every costly surprise with what its repair is worth.

use super::args::ValidateArguments;
use super::exit::{Exit, Failed};
use super::explain::{run_explained, summarised};
use super::files::{beside, scenario_text};
use super::run::read;
use super::terminal::{Terminal, answer, say};
use super::traces::say_inputs;
use crate::experiment::{FleetSummary, Metric, Verdict};
use crate::metrics::RunOutcome;
use crate::report::worth_text;
use crate::scenario::{self, Finding, Scenario};
use std::path::Path;

/// Checks all scenarios; the mistakes of all files are reported together.
pub(super) fn validate(arguments: &ValidateArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let mut mistakes = Vec::new();
    let mut findings = 0;
    for path in &arguments.scenarios {
        let text = scenario_text(path)?;
        let name = path.display().to_string();
        match scenario::resolve_with(&text, &name, &arguments.set, &mut beside(path)) {
            Ok(resolved) => {
                if arguments.resolved {
                    answer(&resolved.to_toml())?;
                }
                terminal.note(&format!("{name}: no mistakes"));
                say_inputs(&resolved, terminal);
                if arguments.lint || arguments.strict {
                    findings += lint(path, &arguments.set, &resolved, terminal)?;
                }
            }
            Err(diagnostics) => mistakes.extend(diagnostics),
        }
    }
    if !mistakes.is_empty() {
        return Err(Failed::Input(mistakes));
    }
    Ok(if arguments.strict && findings > 0 { Exit::Linted } else { Exit::Success })
}

/// Prints the costly surprises of a scenario and returns how many there are.
fn lint(path: &Path, set: &[String], scenario: &Scenario, terminal: Terminal) -> Result<usize, Failed> {
    let text = scenario_text(path)?;
    let name = path.display().to_string();
    let runs: Vec<RunOutcome> = scenario
        .fleets
        .iter()
        .map(|fleet| run_explained(scenario, fleet, 0).map(|(run, _)| run.outcome))
        .collect::<Result<_, _>>()?;
    let findings =
        scenario::lint(scenario, (&text, &name), set, &mut beside(path), &runs).map_err(Failed::Input)?;
    for finding in &findings {
        let worth = worth(path, set, scenario, finding, terminal)?;
        say(&format!("{}\n", finding.render(worth.as_deref(), true)));
    }
    let plural = if findings.len() == 1 { "" } else { "s" };
    say(&format!("{name}: {} costly surprise{plural}; fleetsim explain CODE says more", findings.len()));
    Ok(findings.len())
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

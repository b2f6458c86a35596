//! `fleetsim run`: read, simulate, print, write.

use super::args::RunArguments;
use super::exit::{Exit, Failed};
use super::files::{beside, scenario_text};
use super::terminal::Terminal;
use crate::scenario;

/// Simulates the fleets of all scenarios.
pub(super) fn run(arguments: &RunArguments, terminal: Terminal) -> Result<Exit, Failed> {
    for path in &arguments.scenarios {
        let text = scenario_text(path)?;
        let name = path.display().to_string();
        let scenario = scenario::resolve_with(&text, &name, &settings(arguments), &mut beside(path))
            .map_err(Failed::Input)?;
        terminal.detail(&format!("{name}: {} fleets", scenario.fleets.len()));
    }
    Ok(Exit::Success)
}

/// Flags of `run` that stand for keys of the scenario.
fn settings(arguments: &RunArguments) -> Vec<String> {
    let mut set = arguments.set.clone();
    set.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    set.extend(arguments.reps.map(|reps| format!("replications={reps}")));
    set
}

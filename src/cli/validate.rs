//! `fleetsim validate`: every mistake of every file, nothing simulated.

use super::args::ValidateArguments;
use super::exit::{Exit, Failed};
use super::files::{beside, scenario_text};
use super::terminal::{Terminal, answer};
use super::traces::say_inputs;
use crate::scenario;

/// Checks all scenarios; the mistakes of all files are reported together.
pub(super) fn validate(arguments: &ValidateArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let mut mistakes = Vec::new();
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
            }
            Err(diagnostics) => mistakes.extend(diagnostics),
        }
    }
    if mistakes.is_empty() { Ok(Exit::Success) } else { Err(Failed::Input(mistakes)) }
}

//! `fleetsim init`: a starter scenario and the schema for the editor.

use super::args::InitArguments;
use super::exit::{Exit, Failed};
use super::files::write_file;
use super::terminal::Terminal;
use crate::scenario;

/// Writes the starter files and says what to do next.
pub(super) fn init(arguments: &InitArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let scenario = arguments.folder.join("fleet.toml");
    write_file(&scenario, scenario::starter().as_bytes(), arguments.force)?;
    let schema = arguments.folder.join("fleetsim.schema.json");
    write_file(&schema, scenario::json_schema().as_bytes(), true)?;
    terminal.note(&format!("wrote {} and {}", scenario.display(), schema.display()));
    terminal.note(&format!("next: fleetsim run {}", scenario.display()));
    Ok(Exit::Success)
}

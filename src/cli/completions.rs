//! `fleetsim completions`.

use super::args::Arguments;
use super::exit::{Exit, Failed};
use super::terminal::answer;
use clap::CommandFactory;

/// Prints the completion script of `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "fleetsim", &mut script);
    answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

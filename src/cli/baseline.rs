//! `fleetsim baseline`: keeps the values of every replication in a file, shows them, and compares two such files.

use super::args::Progress;
use super::check::{compared, verdict_exit};
use super::exit::{Exit, Failed};
use super::files::{reason, write_file};
use super::interrupt;
use super::results::{csv_bytes, replications};
use super::run::read;
use super::simulate::{How, simulate_all};
use super::terminal::{Terminal, answer};
use crate::experiment::Confidence;
use crate::report::{Replications, baseline_text, gate_text};
use clap::Subcommand;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// `baseline`.
#[derive(Debug, Subcommand)]
pub(super) enum BaselineCommand {
    /// Simulate a scenario and keep the values of every replication.
    Save {
        /// Scenario file.
        #[arg(value_name = "SCENARIO")]
        scenario: PathBuf,
        /// File to write; an older one is replaced.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        /// Change a key, as in `run`.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// What a baseline holds: headline metrics of each fleet.
    Show {
        /// Baseline, or the result folder of a run.
        #[arg(value_name = "BASELINE")]
        baseline: PathBuf,
    },
    /// Compare a newer baseline with an older one, as `check` does.
    Diff {
        /// The older baseline or result folder.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer baseline or result folder.
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
}

/// Saves, shows or compares.
pub(super) fn baseline(command: &BaselineCommand, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        BaselineCommand::Save { scenario, out, set } => save(scenario, out, set, terminal),
        BaselineCommand::Show { baseline } => {
            answer(&baseline_text(&load(baseline)?, Confidence::default()))?;
            Ok(Exit::Success)
        }
        BaselineCommand::Diff { old, new } => {
            let lines = compared(&load(new)?, &load(old)?, &super::check::default_rules())?;
            answer(&gate_text(&lines))?;
            Ok(verdict_exit(&lines))
        }
    }
}

fn save(path: &Path, out: &Path, set: &[String], terminal: Terminal) -> Result<Exit, Failed> {
    let cancel = interrupt::flag()?;
    let scenario = read(path, set, &[])?;
    let how = How { detail: false, jobs: None, progress: Progress::Auto };
    let units = simulate_all(&scenario, how, cancel, terminal)?;
    if cancel.load(Ordering::Relaxed) {
        terminal.note("interrupted: no baseline was written");
        return Ok(Exit::Interrupted);
    }
    let bytes = csv_bytes(|out| replications(&scenario, &units).write(out))?;
    write_file(out, &bytes, true)?;
    Ok(Exit::Success)
}

/// A baseline, or the `replications.csv` of a result folder.
pub(super) fn load(path: &Path) -> Result<Replications, Failed> {
    let file = if path.is_dir() { path.join("replications.csv") } else { path.to_path_buf() };
    let cannot = |why: &str| Failed::Incompatible(format!("`{}` is no baseline: {why}", file.display()));
    let open = File::open(&file).map_err(|error| cannot(&reason(&error)))?;
    Replications::read(open).map_err(|why| cannot(&why))
}

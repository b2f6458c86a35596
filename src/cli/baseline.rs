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
    /// Simulate scenarios and keep the values of every replication.
    Save {
        /// Scenario files.
        #[arg(required = true, value_name = "SCENARIO")]
        scenarios: Vec<PathBuf>,
        /// File to write, or of several scenarios the folder for one file each; older ones are replaced.
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
        BaselineCommand::Save { scenarios, out, set } => save(scenarios, out, set, terminal),
        BaselineCommand::Show { baseline } => {
            answer(&baseline_text(&load(baseline)?, Confidence::default()))?;
            Ok(Exit::Success)
        }
        BaselineCommand::Diff { old, new } => {
            let (old, new) = (load(old)?, load(new)?);
            let mut rules = super::check::default_rules();
            rules.together = new.fleets.len() * rules.metrics.len();
            let lines = compared(&new, &old, &rules)?;
            answer(&gate_text(&lines))?;
            Ok(verdict_exit(&lines))
        }
    }
}

fn save(paths: &[PathBuf], out: &Path, set: &[String], terminal: Terminal) -> Result<Exit, Failed> {
    let cancel = interrupt::flag()?;
    let scenarios = paths.iter().map(|path| read(path, set, &[])).collect::<Result<Vec<_>, _>>()?;
    for scenario in &scenarios {
        let how = How { detail: false, jobs: None, progress: Progress::Auto };
        let units = simulate_all(scenario, how, cancel, terminal)?;
        if cancel.load(Ordering::Relaxed) {
            terminal.note("interrupted: no baseline was written");
            return Ok(Exit::Interrupted);
        }
        let bytes = csv_bytes(|out| replications(scenario, &units).write(out))?;
        if scenarios.len() == 1 {
            write_file(out, &bytes, true)?;
        } else {
            write_file(&out.join(format!("{}.csv", scenario.name)), &bytes, true)?;
        }
    }
    Ok(Exit::Success)
}

/// The baseline of the scenario called `name`: `path` itself, where it `is_alone`, or what is called so in the folder
/// `path`, as `baseline save` and `run` leave it.
pub(super) fn load_of(path: &Path, name: &str, is_alone: bool) -> Result<Replications, Failed> {
    let inside = [path.join(format!("{name}.csv")), path.join(name)];
    match inside.iter().find(|one| one.exists()) {
        Some(found) if path.is_dir() => load(found),
        _ if is_alone => load(path),
        _ => Err(Failed::Incompatible(format!("`{}` has no baseline of `{name}`", path.display()))),
    }
}

/// A baseline, or the `replications.csv` of a result folder.
pub(super) fn load(path: &Path) -> Result<Replications, Failed> {
    let file = if path.is_dir() { path.join("replications.csv") } else { path.to_path_buf() };
    let cannot = |why: &str| Failed::Incompatible(format!("`{}` is no baseline: {why}", file.display()));
    let open = File::open(&file).map_err(|error| cannot(&reason(&error)))?;
    Replications::read(open).map_err(|why| cannot(&why))
}

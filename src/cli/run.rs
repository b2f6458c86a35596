//! `fleetsim run`: read, simulate, print, write.

use super::args::{Progress, RunArguments};
use super::clock::Clock;
use super::conclude::{Answer, conclude};
use super::exit::{Exit, Failed};
use super::files::{ResultFolder, beside, scenario_text};
use super::interrupt;
use super::parts::PartFile;
use super::precision::{Warmup, mser_warmup, until_precise};
use super::sharding::run_shard;
use super::simulate::{How, Simulator};
use super::terminal::Terminal;
use super::traces::say_inputs;
use crate::experiment::{PartCommand, Units};
use crate::metrics::RunOutcome;
use crate::scenario::{self, Scenario};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Simulates the fleets of all scenarios, one scenario after the other.
pub(super) fn run(arguments: &RunArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let cancel = interrupt::flag()?;
    let mut exit = Exit::Success;
    for path in &arguments.scenarios {
        if cancel.load(Ordering::Relaxed) {
            break;
        }
        exit = one(path, arguments, cancel, terminal)?;
    }
    Ok(if cancel.load(Ordering::Relaxed) { Exit::Interrupted } else { exit })
}

fn one(
    path: &Path,
    arguments: &RunArguments,
    cancel: &AtomicBool,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let mut clock = Clock::start();
    let how = How {
        detail: !arguments.no_files && !arguments.no_detail,
        jobs: arguments.jobs,
        progress: if arguments.live { Progress::Live } else { arguments.progress },
    };
    let mut settings = settings(arguments);
    let mut scenario = read(path, &settings, &arguments.fleet)?;
    if arguments.precision.warmup == Some(Warmup::Mser)
        && let Some(warmup) = mser_warmup(&scenario, how, cancel, terminal)?
    {
        settings.push(format!("warmup={warmup}"));
        scenario = read(path, &settings, &arguments.fleet)?;
    }
    let command = PartCommand {
        name: "run".to_owned(),
        scenario: path.display().to_string(),
        set: settings.clone(),
        fleet: arguments.fleet.clone(),
        more: Vec::new(),
        detail: how.detail,
    };
    let target = arguments.out.join(&scenario.name);
    if let Some(shard) = arguments.sharing.shard(terminal)? {
        let part = arguments.sharing.part(shard, &arguments.out, &scenario.name);
        let simulator = Simulator { scenario: &scenario, how, cancel, terminal };
        return run_shard(&simulator, shard, &part, command, arguments.sharing.fresh);
    }
    // A folder that cannot be written is found out before hours of simulation, not after.
    let folder = (!arguments.no_files).then(|| ResultFolder::prepare(&target)).transpose()?;
    clock.lap("read");
    say_what_is_run(&scenario, terminal);
    let (units, journal) =
        simulate(&Simulator { scenario: &scenario, how, cancel, terminal }, arguments, command)?;
    if units.replications() > 0 && arguments.precision.until_ci.is_some() {
        // From here on everything is as if this number of replications had been asked for.
        settings.push(format!("replications={}", units.replications()));
        scenario = read(path, &settings, &arguments.fleet)?;
    }
    clock.lap("simulate");
    let answer = Answer {
        path,
        format: arguments.format,
        emit: &arguments.emit,
        timings: arguments.timings,
        sweep: arguments.sweep.as_deref(),
    };
    let exit = conclude(&scenario, &units, folder, &answer, &mut clock, terminal)?;
    if let Some(journal) = journal
        && !units.is_partial()
    {
        journal.remove();
    }
    Ok(exit)
}

fn say_what_is_run(scenario: &Scenario, terminal: Terminal) {
    terminal.detail(&format!(
        "{}: {} fleets x {} replications of {} from {}",
        scenario.name,
        scenario.fleets.len(),
        scenario.replications,
        scenario.horizon,
        scenario.start
    ));
    say_inputs(scenario, terminal);
}

/// Runs all units. What a killed process has finished of the same experiment is taken over from its journal, a hidden file
/// beside the results, which is handed back to be removed once the results are written.
fn simulate(
    simulator: &Simulator<'_>,
    arguments: &RunArguments,
    command: PartCommand,
) -> Result<(Units<RunOutcome>, Option<PartFile>), Failed> {
    let scenario = simulator.scenario;
    let fleets = scenario.fleets.len();
    let (journal, known) = if arguments.no_files {
        (None, (0..fleets * scenario.replications as usize).map(|_| None).collect())
    } else {
        let journal = arguments.out.join(format!(".{}.units.jsonl", scenario.name));
        simulator.resume(&journal, command, arguments.sharing.fresh)?
    };
    let outcomes = match arguments.precision.precision()? {
        Some(precision) => until_precise(simulator, &precision, journal.as_ref(), known)?,
        None => simulator.fill(known, journal.as_ref())?,
    };
    Ok((Units::from_results(fleets, outcomes), journal))
}

/// The scenario with settings laid over it; of its fleets only the named ones, or all where none is named.
pub(super) fn read(path: &Path, set: &[String], fleets: &[String]) -> Result<Scenario, Failed> {
    let text = scenario_text(path)?;
    let name = path.display().to_string();
    let mut scenario = scenario::resolve_with(&text, &name, set, &mut beside(path)).map_err(Failed::Input)?;
    if !fleets.is_empty() {
        scenario.keep_fleets(fleets).map_err(Failed::Usage)?;
    }
    Ok(scenario)
}

/// `--set`, then what `--seed` and `--reps` set.
pub(super) fn with_seed_and_reps(set: &[String], seed: Option<u64>, reps: Option<u32>) -> Vec<String> {
    let mut set = set.to_vec();
    set.extend(seed.map(|seed| format!("seed={seed}")));
    set.extend(reps.map(|reps| format!("replications={reps}")));
    set
}

/// Flags of `run` that stand for keys of the scenario.
fn settings(arguments: &RunArguments) -> Vec<String> {
    let mut set = with_seed_and_reps(&arguments.set, arguments.seed, arguments.reps);
    set.extend(arguments.precision.settings());
    set
}

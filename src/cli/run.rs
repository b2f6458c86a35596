//! `fleetsim run`: read, simulate, print, write.

use super::args::{Format, Progress, RunArguments};
use super::clock::Clock;
use super::emit::emit;
use super::exit::{Exit, Failed};
use super::files::{ResultFolder, beside, scenario_text};
use super::interrupt;
use super::progress::Display;
use super::results::{Finished, write_results};
use super::terminal::{Terminal, answer, say};
use super::traces::say_inputs;
use crate::engine::Streams;
use crate::experiment::{Confidence, Units, run_units, summarise};
use crate::metrics::RunOutcome;
use crate::report::{SummaryFormat, summary_text, timings_text};
use crate::scenario::{self, Scenario};
use crate::simulation::{Keep, simulate};
use std::path::Path;
use std::sync::Mutex;
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
    let scenario = read(path, &settings(arguments), &arguments.fleet)?;
    // A folder that cannot be written is found out before hours of simulation, not after.
    let target = arguments.out.join(&scenario.name);
    let folder = (!arguments.no_files).then(|| ResultFolder::prepare(&target)).transpose()?;
    clock.lap("read");
    terminal.detail(&format!(
        "{}: {} fleets x {} replications of {} from {}",
        scenario.name,
        scenario.fleets.len(),
        scenario.replications,
        scenario.horizon,
        scenario.start
    ));
    say_inputs(&scenario, terminal);
    let how = How {
        detail: !arguments.no_files && !arguments.no_detail,
        jobs: arguments.jobs,
        progress: arguments.progress,
    };
    let units = simulate_all(&scenario, how, cancel, terminal)?;
    clock.lap("simulate");
    let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let Some(summary) = summarise(&names, &units, scenario.baseline, Confidence::default()) else {
        say("interrupted before every fleet had finished one replication: there is no result");
        return Ok(Exit::Interrupted);
    };
    clock.lap("summarise");
    let mut files = Vec::new();
    if let Some(folder) = folder {
        let finished =
            Finished { scenario: &scenario, summary: &summary, units: &units, seconds: clock.total() };
        files = write_results(folder, &finished)?;
        clock.lap("write");
    }
    emit(&arguments.emit, &scenario, path, &summary)?;
    if summary.is_partial {
        terminal.note("interrupted: the result rests on the replications that were finished");
    }
    if arguments.format == Format::Table && !scenario.question.is_empty() {
        answer(&format!("{}\n\n", scenario.question))?;
    }
    answer(&summary_text(&summary, &scenario.objectives, &files, format(arguments.format)))?;
    if arguments.timings {
        say(&timings_text(clock.laps(), &summary));
    }
    Ok(Exit::Success)
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

/// Flags of `run` that stand for keys of the scenario.
fn settings(arguments: &RunArguments) -> Vec<String> {
    let mut set = arguments.set.clone();
    set.extend(arguments.seed.map(|seed| format!("seed={seed}")));
    set.extend(arguments.reps.map(|reps| format!("replications={reps}")));
    set
}

const fn format(format: Format) -> SummaryFormat {
    match format {
        Format::Table => SummaryFormat::Table,
        Format::Json => SummaryFormat::Json,
        Format::Csv => SummaryFormat::Csv,
        Format::Md => SummaryFormat::Markdown,
    }
}

/// How runs are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Whether jobs and nodes of the first replication are kept.
    pub detail: bool,
    /// Threads; none for one per processor.
    pub jobs: Option<u16>,
    /// How to show progress.
    pub progress: Progress,
}

/// Every fleet in every replication, on as many threads as asked for.
pub(super) fn simulate_all(
    scenario: &Scenario,
    how: How,
    cancel: &AtomicBool,
    terminal: Terminal,
) -> Result<Units<RunOutcome>, Failed> {
    let detail = how.detail;
    let broken: Mutex<Option<String>> = Mutex::new(None);
    let run = |fleet: usize, replication: usize| {
        let plan = &scenario.fleets[fleet];
        let streams = Streams::new(scenario.seed, replication as u32);
        let keep = Keep { jobs: detail && replication == 0, nodes: detail && replication == 0 };
        let finished =
            plan.arrivals(streams).and_then(|arrivals| simulate(&plan.plan, streams, arrivals, keep));
        match finished {
            Ok(finished) => Some(finished.outcome),
            Err(error) => {
                cancel.store(true, Ordering::Relaxed);
                broken.lock().expect("no run panics while it reports an error").replace(error.to_string());
                None
            }
        }
    };
    let threads = how.jobs.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failed::Output(format!("no threads to simulate on: {error}")))?;
    let display = Display::new(how.progress, terminal, &scenario.name);
    let (fleets, replications) = (scenario.fleets.len(), scenario.replications as usize);
    let units =
        pool.install(|| run_units(fleets, replications, cancel, |progress| display.show(progress), run));
    display.end();
    match broken.into_inner().expect("all runs have ended") {
        Some(error) => Err(Failed::Output(error)),
        None => Ok(units),
    }
}

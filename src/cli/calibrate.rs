//! `fleetsim calibrate`: the waits of a recorded trace against those that its fleet has in the simulation.

use super::exit::{Exit, Failed};
use super::files::{beside, reason, scenario_text, write_file, write_file_with};
use super::terminal::{Terminal, answer};
use crate::engine::Streams;
use crate::experiment::{
    Calibration, Constant, FoundConstants, ObservedWaits, WaitPair, WaitUntil, constants_as_settings,
    find_constants,
};
use crate::report::{calibration_chart, calibration_csv, calibration_text, constants_text};
use crate::scenario::{self, Fleet, Scenario};
use crate::simulation::{Keep, simulate};
use crate::units::SimTime;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Shown below the options by `--help`.
const HELP: &str = "\
Replays the observed jobs through the fleet of a scenario and compares each job's simulated wait with its real one: mean \
and quantiles, mean absolute error, correlation, and how far a constant guess would have been off. Jobs without an \
observed wait are simulated and not compared.

  fleetsim calibrate fleet.toml --observed jobs.json.gz --plot waits

What is not known of the real fleet can be looked for within a range, with `--fit KEY=LOW..HIGH` (several times for \
several keys). The first half of the jobs is fitted; the error on the second half, which was not, is what a forecast \
should be trusted with:

  fleetsim calibrate pool.toml --observed jobs.csv --fit fifo.cpu=64..2048

  fleetsim calibrate eks.toml --observed pods.json --wait script --fit runner.eks.concurrent=10..200

The keys of a distribution are fitted together, as `--fit kubernetes.pod_start.median=1s..30s --fit \
kubernetes.pod_start.p95=31s..10m`.";

/// `calibrate`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct CalibrateArguments {
    /// Scenario of the fleet that was observed.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Trace or job export with observed waits, in place of the scenario's own trace.
    #[arg(long, value_name = "TRACE")]
    pub observed: Option<PathBuf>,
    /// Until when a wait counts.
    #[arg(long, value_name = "UNTIL", default_value = "queue")]
    pub wait: WaitChoice,
    /// Look for the value of a key that makes the waits most alike, as `--fit fifo.cpu=8..512`.
    #[arg(long, value_name = "KEY=LOW..HIGH")]
    pub fit: Vec<Constant>,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Write the quantile pairs of the fleet as CSV.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw the quantile plot of the fleet as NAME.svg and NAME.png.
    #[arg(long, value_name = "NAME")]
    pub plot: Option<PathBuf>,
}

/// Until when a wait counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WaitChoice {
    /// Until a runner picks the job, as GitLab's `queued_duration`.
    Queue,
    /// Until the script starts, as pods show it.
    Script,
}

impl WaitChoice {
    const fn until(self) -> WaitUntil {
        match self {
            Self::Queue => WaitUntil::Picked,
            Self::Script => WaitUntil::ScriptStarted,
        }
    }
}

/// Simulates every fleet on the observed jobs and says how far its waits are from the observed ones.
pub(super) fn calibrate(arguments: &CalibrateArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let set = settings(arguments)?;
    let scenario = read(arguments, &set)?;
    let chosen = |fleet: &&Fleet| arguments.fleet.is_empty() || arguments.fleet.contains(&fleet.name);
    let fleets: Vec<&Fleet> = scenario.fleets.iter().filter(chosen).collect();
    if fleets.is_empty() {
        return Err(Failed::Usage("--fleet names no fleet of the scenario".to_owned()));
    }
    if (arguments.out.is_some() || arguments.plot.is_some()) && fleets.len() > 1 {
        return Err(Failed::Usage("--out and --plot hold one fleet; choose it with --fleet".to_owned()));
    }
    for fleet in fleets {
        terminal.detail(&format!("{}: {} replications", fleet.name, scenario.replications));
        let mut text = format!("{}\n", fleet.name);
        let pairs = if arguments.fit.is_empty() {
            pairs_of(&scenario, fleet, arguments.wait)?
        } else {
            let (found, pairs) = fitted(arguments, &set, &fleet.name)?;
            let [first, second] = halves(&pairs).map(|half| compared(&half, &fleet.name));
            text += &constants_text(&arguments.fit, &found, &first?, &second?);
            pairs
        };
        let calibration = compared(&pairs, &fleet.name)?;
        answer(&format!("{text}{}\n", calibration_text(&calibration)))?;
        if let Some(path) = &arguments.out {
            write_file_with(path, true, |out| Ok(calibration_csv(out, &calibration)?))?;
        }
        if let Some(path) = &arguments.plot {
            let chart = calibration_chart(&calibration, &fleet.name)
                .map_err(|error| Failed::Output(error.to_string()))?;
            let named = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
            write_file(&named("svg"), chart.svg.as_bytes(), true)?;
            write_file(&named("png"), &chart.png, true)?;
        }
    }
    Ok(Exit::Success)
}

/// What is set over the scenario: `--set`, and the observed trace.
fn settings(arguments: &CalibrateArguments) -> Result<Vec<String>, Failed> {
    let mut set = arguments.set.clone();
    if let Some(trace) = &arguments.observed {
        let cannot =
            |error| Failed::Usage(format!("`{}` cannot be read: {}", trace.display(), reason(&error)));
        // Scenarios look beside themselves; a path on the command line is meant from here.
        let trace = Path::new(trace).canonicalize().map_err(cannot)?;
        set.push(format!("workload.trace={:?}", trace.display().to_string()));
    }
    Ok(set)
}

fn read(arguments: &CalibrateArguments, set: &[String]) -> Result<Scenario, Failed> {
    let path = &arguments.scenario;
    let name = path.display().to_string();
    scenario::resolve_with(&scenario_text(path)?, &name, set, &mut beside(path)).map_err(Failed::Input)
}

/// The constants that make the waits of the first half most alike, and all pairs with them.
fn fitted(
    arguments: &CalibrateArguments,
    set: &[String],
    fleet: &str,
) -> Result<(FoundConstants, Vec<WaitPair>), Failed> {
    let with = |values: &[f64]| -> Result<Vec<WaitPair>, Failed> {
        let own = constants_as_settings(&arguments.fit, values);
        let set: Vec<String> = set.iter().cloned().chain(own).collect();
        let scenario = read(arguments, &set)?;
        let found = scenario.fleets.iter().find(|own| own.name == fleet);
        let fleet =
            found.ok_or_else(|| Failed::Usage("--fit must not change which fleets there are".to_owned()))?;
        pairs_of(&scenario, fleet, arguments.wait)
    };
    let found = find_constants(&arguments.fit, |values| {
        let [first, _] = halves(&with(values)?);
        Ok::<f64, Failed>(compared(&first, fleet)?.typical_factor())
    })?;
    let pairs = with(&found.values)?;
    Ok((found, pairs))
}

/// Pairs of jobs that became pending in the first and in the second half.
fn halves(pairs: &[WaitPair]) -> [Vec<WaitPair>; 2] {
    let mut times: Vec<SimTime> = pairs.iter().map(|pair| pair.pending_at).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or(SimTime::ZERO);
    let (first, second) = pairs.iter().partition(|pair| pair.pending_at < middle);
    [first, second]
}

/// The pairs of all replications together: each is one possible course of the same days.
fn pairs_of(scenario: &Scenario, fleet: &Fleet, wait: WaitChoice) -> Result<Vec<WaitPair>, Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed::Output(error.to_string());
    let mut pairs = Vec::new();
    for replication in 0..scenario.replications {
        let streams = Streams::new(scenario.seed, replication);
        let arrivals = || fleet.arrivals(streams).map_err(|error| failed(&error));
        let observed = ObservedWaits::of(arrivals()?).map_err(|error| failed(&error))?;
        if observed.is_empty() {
            let message = "no job of the trace has an observed wait (column `observed_wait_s`): there is nothing to compare \
                           the simulated waits with";
            return Err(Failed::Usage(message.to_owned()));
        }
        let keep = Keep { jobs: true, nodes: false };
        let finished = simulate(&fleet.plan, streams, arrivals()?, keep).map_err(|error| failed(&error))?;
        let records = finished.outcome.job_records.unwrap_or_default();
        pairs.extend(observed.pairs(&records, SimTime::ZERO + scenario.warmup, wait.until()));
    }
    Ok(pairs)
}

fn compared(pairs: &[WaitPair], fleet: &str) -> Result<Calibration, Failed> {
    let waits: Vec<(f64, f64)> = pairs.iter().map(|pair| (pair.simulated_s, pair.observed_s)).collect();
    Calibration::of_pairs(&waits).ok_or_else(|| {
        Failed::Usage(format!("no job with an observed wait started in the simulation of `{fleet}`"))
    })
}

//! `fleetsim sweep`: a scenario at many points, that is with many values of some of its keys.

use super::args::Progress;
use super::clock::Clock;
use super::exit::{Exit, Failed};
use super::files::ResultFolder;
use super::interrupt;
use super::parts::{PartFile, this_program};
use super::precision::Percent;
use super::run::{read, with_seed_and_reps};
use super::sharding::ShardArguments;
use super::simulate::How;
use super::sweep_points::Points;
use super::sweep_results::conclude_sweep;
use super::terminal::Terminal;
use crate::experiment::{
    Axis, Design, PART_SCHEMA, PartCommand, PartHeader, Point, PointOutcome, Shard, design_points,
};
use crate::scenario::Scenario;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shown below the options by `--help`.
const HELP: &str = "\
  fleetsim sweep peak.toml --vary node_pool.ci.disruption.consolidate_after=30s,2m,5m,Never \\
                           --vary runner.linux.concurrent=100..400:100

Values of --vary:
  A,B,C            each of these
  LOW..HIGH:STEP   from LOW to HIGH in steps: 100..400:50, 30s..5m:30s, 10%..50%:10%
  LOW..HIGH:logN   N values, each as many times the one before: 1..1000:log4
  LOW..HIGH        any value between, for --design lhs:N; LOW..HIGH:log is drawn evenly by ratio

Designs: `grid` is every value of each key with every value of the others; `one-at-a-time` is the scenario as it is and each \
single change (with a tornado of what each key moves, and whether it changes the recommended fleet); `lhs:N` is a Latin \
hypercube of N points.

All points meet the same random numbers. Written are report.html, sweep.csv (a row per point, fleet and metric), points.csv \
(a row per point) and a chart for each pair of keys. A sweep that is killed is continued by the same command; --shard shares out the \
points.";

/// `sweep`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct SweepArguments {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// A key and its values; several times for several keys.
    #[arg(long, required = true, value_name = "KEY=VALUES")]
    pub vary: Vec<Axis>,
    /// Which points are simulated: grid, one-at-a-time or lhs:N.
    #[arg(long, value_name = "DESIGN", default_value = "grid")]
    pub design: Design,
    /// Change a key at every point, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random draws, in place of the scenario's.
    #[arg(long, env = "FLEETSIM_SEED")]
    pub seed: Option<u64>,
    /// Replications per fleet and point, in place of the scenario's.
    #[arg(long, value_name = "N", env = "FLEETSIM_REPS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reps: Option<u32>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", env = "FLEETSIM_FLEET", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Differences to the baseline of at most so much do not matter.
    #[arg(long, value_name = "PERCENT", env = "FLEETSIM_TOLERANCE")]
    pub tolerance: Option<Percent>,
    /// Threads; default is one per processor. The results do not depend on it.
    #[arg(short, long, value_name = "N", env = "FLEETSIM_JOBS",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write all results into DIR/SCENARIO-sweep.
    #[arg(short, long, value_name = "DIR", env = "FLEETSIM_OUT", default_value = "reports")]
    pub out: PathBuf,
    /// How to show progress.
    #[arg(long, value_name = "HOW", default_value = "auto", env = "FLEETSIM_PROGRESS")]
    pub progress: Progress,
    /// Which share.
    #[command(flatten)]
    pub sharing: ShardArguments,
}

/// What is simulated.
pub(super) struct Sweep {
    /// Scenario file.
    pub path: PathBuf,
    /// Settings of every point.
    pub settings: Vec<String>,
    /// Fleets that were asked for.
    pub only: Vec<String>,
    /// What varies.
    pub axes: Vec<Axis>,
    /// How points were chosen.
    pub design: Design,
    /// Every point.
    pub points: Vec<Point>,
    /// The scenario without any of the points' settings.
    pub base: Scenario,
    /// Change that does not matter, as a share.
    pub tolerance: f64,
    command: PartCommand,
}

impl Sweep {
    /// Reads the scenario and makes the points; every value of every axis is checked.
    pub(super) fn prepare(arguments: &SweepArguments) -> Result<Self, Failed> {
        let settings = with_seed_and_reps(&arguments.set, arguments.seed, arguments.reps);
        let base = read(&arguments.scenario, &settings, &arguments.fleet)?;
        for axis in &arguments.vary {
            let is_taken =
                |key: &str| matches!(key, "seed" | "replications" | "name" | "baseline" | "schema");
            let twice = arguments.vary.iter().filter(|other| other.key == axis.key).count() > 1;
            if is_taken(&axis.key) || twice {
                return Err(Failed::Usage(format!("`{}` cannot be varied, or is varied twice", axis.key)));
            }
        }
        let points = design_points(&arguments.vary, arguments.design, base.seed).map_err(Failed::Usage)?;
        let command = PartCommand {
            name: "sweep".to_owned(),
            scenario: arguments.scenario.display().to_string(),
            set: settings.clone(),
            fleet: arguments.fleet.clone(),
            more: design_words(arguments),
            detail: false,
        };
        let sweep = Self {
            path: arguments.scenario.clone(),
            settings,
            only: arguments.fleet.clone(),
            axes: arguments.vary.clone(),
            design: arguments.design,
            points,
            base,
            tolerance: arguments.tolerance.map_or(0.0, |Percent(share)| share),
            command,
        };
        sweep.check_values()?;
        Ok(sweep)
    }

    /// A mistake in a value is found before hours of simulation, not after.
    fn check_values(&self) -> Result<(), Failed> {
        for axis in &self.axes {
            let values = match axis.listed() {
                Ok(values) => values.to_vec(),
                Err(_) => vec![axis.at(0.0), axis.at(1.0)],
            };
            for value in values {
                let scenario = self.scenario_with(&[format!("{}={value}", axis.key)])?;
                let names = |scenario: &Scenario| -> Vec<String> {
                    scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect()
                };
                if names(&scenario) != names(&self.base) {
                    return Err(Failed::Usage(format!(
                        "`{}={value}` changes which fleets there are",
                        axis.key
                    )));
                }
            }
        }
        Ok(())
    }

    fn scenario_with(&self, more: &[String]) -> Result<Scenario, Failed> {
        let settings: Vec<String> = self.settings.iter().chain(more).cloned().collect();
        read(&self.path, &settings, &self.only)
    }

    /// The scenario at a point.
    pub(super) fn scenario_at(&self, point: usize) -> Result<Scenario, Failed> {
        let values = self.axes.iter().zip(&self.points[point]);
        let set = values.filter_map(|(axis, value)| Some(format!("{}={}", axis.key, value.as_ref()?)));
        self.scenario_with(&set.collect::<Vec<_>>())
    }

    /// The command that makes the same page again, wherever the scenario lies.
    pub(super) fn words(&self) -> Vec<String> {
        let name = format!("{}.toml", self.base.name);
        let mut words = vec!["fleetsim".to_owned(), "sweep".to_owned(), name];
        words.extend(self.command.more.iter().cloned());
        words.extend(self.settings.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
        words.extend(self.only.iter().flat_map(|fleet| ["--fleet".to_owned(), fleet.clone()]));
        words
    }

    /// From what a part with points of this sweep comes: a point is a unit.
    pub(super) fn header(&self, shard: Option<Shard>) -> PartHeader {
        PartHeader {
            schema: PART_SCHEMA.to_owned(),
            fleetsim: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: format!("{:016x}", self.base.hash()),
            seed: self.base.seed,
            replications: self.points.len(),
            fleets: vec!["point".to_owned()],
            shard,
            command: self.command.clone(),
            program: this_program(),
        }
    }
}

/// The arguments that make a design what it is, and the tolerance, which decides on words.
fn design_words(arguments: &SweepArguments) -> Vec<String> {
    let varied = arguments.vary.iter().flat_map(|axis| ["--vary".to_owned(), axis.text.clone()]);
    let mut words: Vec<String> = varied.collect();
    words.extend(["--design".to_owned(), arguments.design.to_string()]);
    if let Some(Percent(share)) = arguments.tolerance {
        words.extend(["--tolerance".to_owned(), format!("{}%", 100.0 * share)]);
    }
    words
}

/// Simulates every point, or one machine's share of them.
pub(super) fn sweep(arguments: &SweepArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let (clock, cancel) = (Clock::start(), interrupt::flag()?);
    let shard = arguments.sharing.shard(terminal)?;
    let sweep = Sweep::prepare(arguments)?;
    let how = How { detail: false, jobs: arguments.jobs, progress: arguments.progress };
    let name = format!("{}-sweep", sweep.base.name);
    let fresh = arguments.sharing.fresh;
    if let Some(shard) = shard {
        let path = arguments.sharing.part(shard, &arguments.out, &name);
        let own: Vec<usize> = shard.units(sweep.points.len()).collect();
        let (part, _) = simulate(&sweep, &path, Some(shard), &own, fresh, (how, cancel, terminal))?;
        drop(part);
        if cancel.load(Ordering::Relaxed) {
            terminal.note("interrupted: the same command continues");
            return Ok(Exit::Interrupted);
        }
        terminal.note(&format!("{}: {} of {} points", path.display(), own.len(), sweep.points.len()));
        return Ok(Exit::Success);
    }
    let folder = ResultFolder::prepare(&arguments.out.join(&name))?;
    let journal = arguments.out.join(format!(".{name}.units.jsonl"));
    let all: Vec<usize> = (0..sweep.points.len()).collect();
    let (part, _) = simulate(&sweep, &journal, None, &all, fresh, (how, cancel, terminal))?;
    if cancel.load(Ordering::Relaxed) {
        terminal.note("interrupted: the same command continues with the points that are missing");
        return Ok(Exit::Interrupted);
    }
    drop(part);
    // Once more from the start of the file: it holds all points now.
    let (part, places) = reopen(&journal, &sweep)?;
    let exit = conclude_sweep(&sweep, folder, &clock, |point| {
        let place = places.get(&point).ok_or_else(|| Failed::Output(format!("point {point} is missing")))?;
        part.outcome::<PointOutcome>(*place)
    })?;
    part.remove();
    Ok(exit)
}

type Places = BTreeMap<usize, super::parts::LinePlace>;

fn reopen(path: &std::path::Path, sweep: &Sweep) -> Result<(PartFile, Places), Failed> {
    let opened = PartFile::open(path, &sweep.header(None), false)?;
    let (part, finished) = opened.ok_or_else(|| being_written(path))?;
    Ok((part, finished.into_iter().map(|(_, point, place)| (point, place)).collect()))
}

fn being_written(path: &std::path::Path) -> Failed {
    Failed::Output(format!("`{}` is being written by another fleetsim", path.display()))
}

/// Simulates those of `own` that the part at `path` does not have yet.
fn simulate(
    sweep: &Sweep,
    path: &std::path::Path,
    shard: Option<Shard>,
    own: &[usize],
    fresh: bool,
    (how, cancel, terminal): (How, &AtomicBool, Terminal),
) -> Result<(PartFile, usize), Failed> {
    let opened = PartFile::open(path, &sweep.header(shard), fresh)?;
    let (part, finished) = opened.ok_or_else(|| being_written(path))?;
    let mut has = vec![false; sweep.points.len()];
    for (_, point, _) in finished {
        if let Some(known) = has.get_mut(point) {
            *known = true;
        }
    }
    let missing: Vec<usize> = own.iter().copied().filter(|point| !has[*point]).collect();
    let taken_over = own.len() - missing.len();
    if taken_over > 0 {
        terminal.note(&format!(
            "{}: {taken_over} of {} points were finished before and are taken over (--fresh runs them again)",
            sweep.base.name,
            own.len()
        ));
    }
    Points { sweep, how, cancel, terminal }.run(&missing, own.len(), &part)?;
    Ok((part, taken_over))
}

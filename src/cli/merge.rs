//! `fleetsim merge`: the parts of a sharded experiment put together into the results that one machine would have made.

use super::args::{Arguments, Command, Format};
use super::clock::Clock;
use super::conclude::{Answer, conclude};
use super::emit::Emit;
use super::exit::{Exit, Failed};
use super::files::{ResultFolder, reason};
use super::parts::{LinePlace, PartReader, read_outcome};
use super::run::read;
use super::sweep::Sweep;
use super::sweep_results::conclude_sweep;
use super::terminal::Terminal;
use crate::experiment::{PartHeader, PartSet, Units};
use crate::metrics::RunOutcome;
use crate::scenario::Scenario;
use clap::{Args, Parser};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Shown below the options by `--help`.
const HELP: &str = "\
  fleetsim run peak.toml --shard 1/3      on three machines, with 2/3 and 3/3
  fleetsim merge reports/peak.parts       anywhere, once the three part files are in one folder

The results are those of one `run` of the same scenario, byte for byte (but for provenance.json, which names command and \
day). Parts may come twice, and of different numbers of shards, as long as they agree. A missing run, a part of another \
scenario, seed or version, and two parts that say different things of one run end with exit code 4 and the command that \
fills the gap.";

/// `merge`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct MergeArguments {
    /// Part files, or folders with part files (*.jsonl).
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// Scenario file, where it is not where the parts say it was.
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Write all results into DIR/SCENARIO.
    #[arg(short, long, value_name = "DIR", env = "FLEETSIM_OUT", default_value = "reports")]
    pub out: PathBuf,
    /// Write no files: the answer on the terminal only.
    #[arg(long, env = "FLEETSIM_NO_FILES")]
    pub no_files: bool,
    /// How to print the answer.
    #[arg(long, value_name = "FORMAT", default_value = "table", env = "FLEETSIM_FORMAT")]
    pub format: Format,
    /// Files for CI, as in `run`.
    #[arg(long, value_name = "KIND=FILE", env = "FLEETSIM_EMIT", value_delimiter = ',')]
    pub emit: Vec<Emit>,
}

/// Puts the parts together and concludes as `run` does.
pub(super) fn merge(arguments: &MergeArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let mut clock = Clock::start();
    let parts = Parts::read(&arguments.parts)?;
    let header = parts.set.header();
    if header.command.name == "sweep" {
        return merge_sweep(&parts, arguments, &clock);
    }
    let path = arguments.scenario.clone().unwrap_or_else(|| PathBuf::from(&header.command.scenario));
    let scenario = scenario_of(header, &path)?;
    if let Some(gap) = parts.set.gap() {
        return Err(Failed::Incompatible(gap));
    }
    let folder = (!arguments.no_files)
        .then(|| ResultFolder::prepare(&arguments.out.join(&scenario.name)))
        .transpose()?;
    clock.lap("read");
    let outcomes = (0..header.units())
        .map(|unit| parts.outcome(unit))
        .collect::<Result<Vec<Option<RunOutcome>>, _>>()?;
    let units = Units::from_results(header.fleets.len(), outcomes);
    clock.lap("merge");
    let answer =
        Answer { path: &path, format: arguments.format, emit: &arguments.emit, timings: false, sweep: None };
    conclude(&scenario, &units, folder, &answer, &mut clock, terminal)
}

/// Points of a sweep: everything about it is asked for again as its parts were.
fn merge_sweep(parts: &Parts, arguments: &MergeArguments, clock: &Clock) -> Result<Exit, Failed> {
    let header = parts.set.header();
    let command = &header.command;
    let path = arguments.scenario.as_ref().map(|path| path.display().to_string());
    let mut words = vec!["fleetsim".to_owned(), "sweep".to_owned()];
    words.push(path.unwrap_or_else(|| command.scenario.clone()));
    words.extend(command.set.iter().map(|set| format!("--set={set}")));
    words.extend(command.fleet.iter().map(|fleet| format!("--fleet={fleet}")));
    words.extend(command.more.iter().cloned());
    let parsed = Arguments::try_parse_from(words);
    let Ok(Arguments { command: Command::Sweep(asked), .. }) = parsed else {
        return Err(Failed::Incompatible(
            "the parts come from a command that this version does not know".into(),
        ));
    };
    let sweep = Sweep::prepare(&asked)?;
    sweep.header(None).same_experiment(header).map_err(|why| {
        Failed::Incompatible(format!(
            "`{}` is not the scenario of the parts: {why}",
            asked.scenario.display()
        ))
    })?;
    if let Some(gap) = parts.set.gap() {
        return Err(Failed::Incompatible(gap));
    }
    let folder = ResultFolder::prepare(&arguments.out.join(format!("{}-sweep", sweep.base.name)))?;
    conclude_sweep(&sweep, folder, clock, |point| {
        let outcome = parts.outcome(point)?;
        outcome.ok_or_else(|| Failed::Incompatible(format!("point {} is missing", point + 1)))
    })
}

/// The scenario of the parts.
///
/// # Errors
/// It is not there, or has changed since.
pub(super) fn scenario_of(header: &PartHeader, path: &Path) -> Result<Scenario, Failed> {
    let scenario = read(path, &header.command.set, &header.command.fleet)?;
    let hash = format!("{:016x}", scenario.hash());
    if hash != header.scenario {
        return Err(Failed::Incompatible(format!(
            "`{}` is not the scenario of the parts: its hash is {hash}, theirs {} (has it changed since? another file is \
             named by --scenario)",
            path.display(),
            header.scenario
        )));
    }
    Ok(scenario)
}

/// Open part files and which units they hold.
pub(super) struct Parts {
    files: Vec<(PathBuf, File)>,
    pub set: PartSet<(usize, LinePlace)>,
}

impl Parts {
    /// Reads where every unit lies.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failed> {
        let mut files = Vec::new();
        let mut set: Option<PartSet<(usize, LinePlace)>> = None;
        for path in part_files(paths)? {
            let (reader, header) = PartReader::open(&path)?;
            let known = set.get_or_insert_with(|| PartSet::new(header.clone()));
            known.header().same_experiment(&header).map_err(|why| {
                Failed::Incompatible(format!("`{}` is of another experiment: {why}", path.display()))
            })?;
            let index = files.len();
            let file = reader.units(|fleet, replication, line, place| {
                known.add(fleet, replication, line, (index, place))
            })?;
            files.push((path, file));
        }
        let set = set.ok_or_else(|| Failed::Usage("there is no part file (*.jsonl)".into()))?;
        Ok(Self { files, set })
    }

    /// The outcome of a unit; none where it is missing.
    pub(super) fn outcome<T: serde::de::DeserializeOwned>(&self, unit: usize) -> Result<Option<T>, Failed> {
        let Some((file, place)) = self.set.place(unit) else { return Ok(None) };
        let (path, file) = &self.files[*file];
        read_outcome(file, path, *place).map(Some)
    }
}

/// The part files that `paths` name, those of a folder in the order of their names.
fn part_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path)
            .map_err(|error| Failed::Incompatible(format!("`{}`: {}", path.display(), reason(&error))))?;
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        inside.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

//! `fleetsim compare`: fleets of one or several scenarios and of earlier results, paired and judged together.

use super::args::{Format, Progress};
use super::baseline::load;
use super::clock::Clock;
use super::compare_results::{Compared, folder_name, write_comparison};
use super::exit::{Exit, Failed};
use super::files::ResultFolder;
use super::interrupt;
use super::precision::Percent;
use super::results::replications;
use super::run::{read, with_seed_and_reps};
use super::sheets::{option_words, typed};
use super::simulate::{How, simulate_all};
use super::terminal::{Terminal, answer};
use crate::experiment::{
    ComparisonRules, Confidence, ExperimentSummary, FleetValues, Metric, summarise_values,
};
use crate::report::{Replications, SummaryFormat, comparison_text, summary_text};
use crate::scenario::Scenario;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Shown below the options by `--help`.
const HELP: &str = "\
  fleetsim compare peak.toml                                the fleets of one scenario
  fleetsim compare peak.toml#x86-spot idle.toml#never       single fleets of several scenarios
  fleetsim compare reports/before reports/after             results of earlier runs, without simulating again

Fleets are compared replication by replication. A difference is called better, worse or different where its whole interval \
lies on one side of zero, within tolerance where it lies inside of --tolerance, and otherwise no clear difference. The \
intervals of one metric hold together for all fleets (Bonferroni). Of results of different seeds nothing is shared, so \
their intervals are wider. Every wait stands beside the shares of jobs that it does not tell of: lost with the fleet, \
canceled, timed out, still waiting at the end.

Written are report.html, summary.csv and charts, into a folder that is called by the sources.";

/// `compare`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct CompareArguments {
    /// Scenario files, result folders or baselines, each with all its fleets or with one: SOURCE#FLEET.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Fleet that the others are compared with; default is the baseline of the first source.
    #[arg(long, value_name = "FLEET")]
    pub baseline: Option<String>,
    /// Metrics that are compared.
    #[arg(
        long,
        value_name = "KEY",
        value_delimiter = ',',
        default_value = "cost_per_1000_jobs,wait_mean,wait_p95"
    )]
    pub metric: Vec<String>,
    /// A change of at most so much, either way, does not matter.
    #[arg(long, value_name = "PERCENT", env = "FLEETSIM_TOLERANCE")]
    pub tolerance: Option<Percent>,
    /// Change a key of every scenario, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random draws, in place of the scenarios'.
    #[arg(long, env = "FLEETSIM_SEED")]
    pub seed: Option<u64>,
    /// Replications per fleet, in place of the scenarios'.
    #[arg(long, value_name = "N", env = "FLEETSIM_REPS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reps: Option<u32>,
    /// Threads; default is one per processor.
    #[arg(short, long, value_name = "N", env = "FLEETSIM_JOBS",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write the page, the numbers and charts into DIR/SOURCE-compare.
    #[arg(short, long, value_name = "DIR", env = "FLEETSIM_OUT", default_value = "reports")]
    pub out: PathBuf,
    /// Write no files: the answer on the terminal only.
    #[arg(long, env = "FLEETSIM_NO_FILES")]
    pub no_files: bool,
    /// How to print the answer. CSV has every metric.
    #[arg(long, value_name = "FORMAT", default_value = "table", env = "FLEETSIM_FORMAT")]
    pub format: Format,
}

/// One source, read and, where it is a scenario, simulated.
struct Source {
    /// What its fleets are called by, where there are several sources.
    name: String,
    /// What is typed to name it, without the folder.
    typed: String,
    values: Replications,
    baseline: usize,
    /// The scenario, or that beside the results.
    scenario: Option<Scenario>,
    is_result: bool,
}

/// Compares.
pub(super) fn compare(arguments: &CompareArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let clock = Clock::start();
    let metric = |key: &String| {
        Metric::from_key(key).ok_or_else(|| Failed::Usage(format!("there is no metric `{key}`")))
    };
    let metrics = arguments.metric.iter().map(metric).collect::<Result<Vec<_>, _>>()?;
    let cancel = interrupt::flag()?;
    // What is wrong with any source, or with the folder, is found out before hours of simulation.
    let mut sources =
        arguments.sources.iter().map(|source| one(source, arguments)).collect::<Result<Vec<_>, _>>()?;
    let target = arguments.out.join(folder_name(sources.iter().map(|source| source.name.as_str())));
    let folder = (!arguments.no_files).then(|| ResultFolder::prepare(&target)).transpose()?;
    for source in &mut sources {
        let Some(scenario) = source.scenario.as_ref().filter(|_| !source.is_result) else { continue };
        let how = How { detail: false, jobs: arguments.jobs, progress: Progress::Auto };
        let units = simulate_all(scenario, how, cancel, terminal)?;
        if cancel.load(Ordering::Relaxed) {
            terminal.note("interrupted: nothing was compared");
            return Ok(Exit::Interrupted);
        }
        source.values = replications(scenario, &units);
    }
    if sources.iter().any(|source| source.values.seed != sources[0].values.seed) {
        terminal.note("the sources have different seeds: they share no random numbers, intervals are wider");
    }
    let (fleets, first) = named(&sources);
    let baseline = match &arguments.baseline {
        None => first,
        Some(wanted) => fleets.iter().position(|fleet| fleet.name == *wanted).ok_or_else(|| {
            let known: Vec<&str> = fleets.iter().map(|fleet| fleet.name.as_str()).collect();
            Failed::Usage(format!("there is no fleet `{wanted}`; fleets are {}", known.join(", ")))
        })?,
    };
    if fleets.len() < 2 {
        return Err(Failed::Usage("one fleet alone cannot be compared".into()));
    }
    let tolerance = arguments.tolerance.map_or(0.0, |Percent(share)| share);
    let rules = ComparisonRules { confidence: Confidence::default(), tolerance };
    let summary = summarise_values(&fleets, baseline, rules);
    let files = match folder {
        None => Vec::new(),
        Some(folder) => {
            let compared = Compared {
                summary: &summary,
                metrics: &metrics,
                rules,
                scenarios: sources.iter().filter_map(|source| source.scenario.as_ref()).collect(),
                kept: sources
                    .iter()
                    .filter(|source| source.is_result)
                    .map(|source| (source.name.as_str(), &source.values))
                    .collect(),
                command: command(arguments, &sources),
                seconds: clock.total(),
            };
            write_comparison(folder, &compared)?
        }
    };
    answer(&text(arguments.format, &summary, &metrics, rules, &files))?;
    Ok(Exit::Success)
}

fn text(
    format: Format,
    summary: &ExperimentSummary,
    metrics: &[Metric],
    rules: ComparisonRules,
    files: &[String],
) -> String {
    match format {
        Format::Table => {
            let files: String = files.iter().map(|file| format!("{file}\n")).collect();
            comparison_text(summary, metrics, rules, false) + &files
        }
        Format::Md => comparison_text(summary, metrics, rules, true),
        Format::Csv => summary_text(summary, &[], &[], SummaryFormat::Csv),
        Format::Json => summary_text(summary, &[], &[], SummaryFormat::Json),
    }
}

/// The command that gives the same page again, wherever the files lie.
fn command(arguments: &CompareArguments, sources: &[Source]) -> String {
    let words = ["fleetsim".to_owned(), "compare".to_owned()].into_iter();
    let words = words.chain(sources.iter().map(|source| source.typed.clone()));
    let words = words.chain(option_words("--baseline", arguments.baseline.clone()));
    let words = words.chain(option_words("--metric", [arguments.metric.join(",")]));
    let tolerance = arguments.tolerance.map(|Percent(share)| format!("{}%", 100.0 * share));
    let words = words.chain(option_words("--tolerance", tolerance));
    let words = words.chain(option_words("--set", arguments.set.iter().cloned()));
    let words = words.chain(option_words("--seed", arguments.seed.map(|seed| seed.to_string())));
    typed(words.chain(option_words("--reps", arguments.reps.map(|reps| reps.to_string()))))
}

/// Reads a source; the runs of a scenario are still missing.
fn one(source: &str, arguments: &CompareArguments) -> Result<Source, Failed> {
    let (path, fleet) = match source.rsplit_once('#') {
        Some((path, fleet)) if !Path::new(source).exists() => (Path::new(path), Some(fleet.to_owned())),
        _ => (Path::new(source), None),
    };
    let name = path.file_name().map_or_else(|| source.into(), |name| name.to_string_lossy().into_owned());
    let typed = fleet.as_ref().map_or_else(|| name.clone(), |fleet| format!("{name}#{fleet}"));
    let is_result = path.is_dir() || path.extension().is_some_and(|extension| extension == "csv");
    if is_result {
        let mut values = load(path)?;
        if let Some(fleet) = fleet {
            values.fleets.retain(|known| known.name == fleet);
            if values.fleets.is_empty() {
                return Err(Failed::Usage(format!("`{}` has no fleet `{fleet}`", path.display())));
            }
        }
        // Where it is still the scenario that the results come from, the page can say more.
        let beside = read(&path.join("scenario.resolved.toml"), &[], &[]).ok();
        let scenario = beside.filter(|scenario| format!("{:016x}", scenario.hash()) == values.scenario);
        return Ok(Source { name, typed, values, baseline: 0, scenario, is_result });
    }
    let set = with_seed_and_reps(&arguments.set, arguments.seed, arguments.reps);
    let only: Vec<String> = fleet.into_iter().collect();
    let scenario = read(path, &set, &only)?;
    Ok(Source {
        name: scenario.name.clone(),
        typed,
        values: Replications::default(),
        baseline: scenario.baseline,
        scenario: Some(scenario),
        is_result,
    })
}

/// All fleets, called by their source as well where there are several, and which of them is the first one's baseline.
fn named(sources: &[Source]) -> (Vec<FleetValues>, usize) {
    let first = sources.first().map_or(0, |source| source.baseline);
    let mut fleets: Vec<FleetValues> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for fleet in &source.values.fleets {
            let mut fleet = fleet.clone();
            if sources.len() > 1 {
                fleet.name = format!("{}#{}", source.name, fleet.name);
                if fleets.iter().any(|known| known.name == fleet.name) {
                    fleet.name.push_str(&format!(" ({})", number + 1));
                }
            }
            fleets.push(fleet);
        }
    }
    (fleets, first)
}

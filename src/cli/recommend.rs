//! `fleetsim recommend`: the cheapest of many configurations that keeps the objectives, with few runs and a stated chance
//! to be wrong.

use super::args::Progress;
use super::candidates::{Candidates, Goal};
use super::exit::{Exit, Failed};
use super::files::{ResultFolder, write_file};
use super::interrupt;
use super::precision::Percent;
use super::results::csv_bytes;
use super::sharding::ShardArguments;
use super::sheets::{option_words, sheet_facts, typed, undrawn, write_charts};
use super::simulate::How;
use super::sweep::{Sweep, SweepArguments};
use super::terminal::{Terminal, answer};
use crate::experiment::{
    Axis, ComparisonRules, Confidence, Design, FEWEST_REPLICATIONS, FleetValues, Metric, SelectionRules,
    select, summarise_values,
};
use crate::report::{
    Recommendation, recommendation_charts, recommendation_csv, recommendation_html, recommendation_text,
};
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Shown below the options by `--help`.
const HELP: &str = "\
  fleetsim recommend peak.toml --vary node_pool.ci.disruption.consolidate_after=30s,2m,5m,15m \\
             --vary runner.linux.concurrent=100..400:100 --subject-to 'wait_p95<=60s' --subject-to 'jobs_lost_share<=0.1%'

Every fleet at every point of the axes is a candidate (values of --vary as in `sweep`). Many candidates are first halved \
again and again on few replications (no guarantee); the last 8 meet Kim and Nelson's sequential test with common random \
numbers, on new replications: with 95 % the pick is the best of them, or less than the indifference zone worse. Only \
candidates that are sure to keep all objectives can drop others. The pick is then estimated anew on replications that had \
no part in picking it, beside the scenario's own baseline.

Exit code 10 where every candidate misses an objective, 12 where --max-reps ended the test.";

/// `recommend`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct RecommendArguments {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// A key and its values; several times for several keys. Without it the scenario's fleets are the candidates.
    #[arg(long, value_name = "KEY=VALUES")]
    pub vary: Vec<Axis>,
    /// Which points are candidates: grid, one-at-a-time or lhs:N.
    #[arg(long, value_name = "DESIGN", default_value = "grid")]
    pub design: Design,
    /// Metric that is to be small.
    #[arg(long, value_name = "KEY", default_value = "cost_per_1000_jobs")]
    pub minimize: String,
    /// Price of an hour that a job waits, in USD, added to the goal for every job (with a goal per 1000 jobs).
    #[arg(long, value_name = "USD", env = "FLEETSIM_WAIT_PRICE")]
    pub wait_price: Option<f64>,
    /// Objective in place of the scenario's, such as `wait_p95<=60s`; several times for several.
    #[arg(long, value_name = "METRIC<=VALUE")]
    pub subject_to: Vec<String>,
    /// A goal that is worse by at most so much is as good.
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    pub indifference: Percent,
    /// Most replications of the sequential test.
    #[arg(long, value_name = "N", default_value_t = 200, env = "FLEETSIM_MAX_REPS",
          value_parser = clap::value_parser!(u32).range(FEWEST_REPLICATIONS as i64..=10_000))]
    pub max_reps: u32,
    /// Change a key of every candidate, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random draws, in place of the scenario's.
    #[arg(long, env = "FLEETSIM_SEED")]
    pub seed: Option<u64>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", env = "FLEETSIM_FLEET", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Threads; default is one per processor. The results do not depend on it.
    #[arg(short, long, value_name = "N", env = "FLEETSIM_JOBS",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write report.html, candidates.csv and a chart into DIR/SCENARIO-recommend.
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write every candidate and what became of it as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// Replications on which the pick is estimated anew.
const FRESH: usize = 20;

/// Selects, estimates anew, tells.
pub(super) fn recommend(arguments: &RecommendArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let cancel = interrupt::flag()?;
    let goal = goal(arguments)?;
    let sweep = Sweep::prepare(&as_sweep(arguments)?)?;
    let target = arguments.out.as_ref().map(|out| out.join(format!("{}-recommend", sweep.base.name)));
    let folder = target.as_deref().map(ResultFolder::prepare).transpose()?;
    let how = How { detail: false, jobs: arguments.jobs, progress: Progress::Auto };
    let mut candidates = Candidates::new(&sweep, goal, how, cancel, terminal);
    let rules = SelectionRules {
        confidence: Confidence::default(),
        indifference: arguments.indifference.0,
        cap: arguments.max_reps as usize,
    };
    let objectives = &sweep.base.objectives;
    terminal.note(&format!("{}: {} candidates", sweep.base.name, candidates.count()));
    let selection = select(candidates.count(), objectives, &rules, &mut candidates)?;
    if cancel.load(Ordering::Relaxed) {
        terminal.note("interrupted: nothing is recommended");
        return Ok(Exit::Interrupted);
    }
    let fresh = match selection.pick {
        None => None,
        Some(pick) => {
            let fresh = candidates.anew(pick, selection.replications..selection.replications + FRESH)?;
            let summary = |fleets: &[FleetValues]| summarise_values(fleets, 0, ComparisonRules::default());
            Some(summary(&fresh))
        }
    };
    let recommendation = Recommendation {
        keys: sweep.axes.iter().map(|axis| axis.key.clone()).collect(),
        fleets: sweep.base.fleets.iter().map(|fleet| fleet.name.clone()).collect(),
        points: sweep.points.clone(),
        scenario: sweep.path.display().to_string(),
        settings: sweep.settings.clone(),
        baseline: sweep.base.baseline,
        goal: arguments.minimize.clone(),
        wait_price: arguments.wait_price,
        objectives: objectives.clone(),
        confidence: rules.confidence.share(),
        share: rules.indifference,
        front: candidates.front(&selection),
        measured: candidates.measured(),
        selection,
        fresh,
    };
    if let Some(path) = &arguments.csv {
        let bytes = csv_bytes(|out| recommendation_csv(out, &recommendation))?;
        write_file(path, &bytes, true)?;
    }
    let files = folder.map(|folder| write_page(folder, &recommendation, &sweep, arguments)).transpose()?;
    answer(&(recommendation_text(&recommendation) + &files.unwrap_or_default()))?;
    Ok(match recommendation.selection.pick {
        None => Exit::ObjectiveMissed,
        Some(_) if recommendation.selection.is_decided => Exit::Success,
        Some(_) => Exit::Inconclusive,
    })
}

/// Writes the folder and says which page people look at.
fn write_page(
    folder: ResultFolder,
    found: &Recommendation,
    sweep: &Sweep,
    arguments: &RecommendArguments,
) -> Result<String, Failed> {
    let words =
        ["fleetsim".to_owned(), "recommend".to_owned(), format!("{}.toml", sweep.base.name)].into_iter();
    let words = words.chain(option_words("--vary", arguments.vary.iter().map(|axis| axis.text.clone())));
    let words = words.chain(option_words("--design", [arguments.design.to_string()]));
    let words = words.chain(option_words("--minimize", [arguments.minimize.clone()]));
    let price = arguments.wait_price.map(|price| price.to_string());
    let words = words.chain(option_words("--wait-price", price));
    let words = words.chain(option_words("--subject-to", arguments.subject_to.iter().cloned()));
    let words =
        words.chain(option_words("--indifference", [format!("{}%", 100.0 * arguments.indifference.0)]));
    let words = words.chain(option_words("--max-reps", [arguments.max_reps.to_string()]));
    let words = words.chain(option_words("--set", arguments.set.iter().cloned()));
    let words = words.chain(option_words("--seed", arguments.seed.map(|seed| seed.to_string())));
    let command = typed(words.chain(option_words("--fleet", arguments.fleet.iter().cloned())));
    let charts = recommendation_charts(found).map_err(|error| undrawn(&error))?;
    let page = recommendation_html(found, &charts, &sheet_facts(&[&sweep.base], command));
    folder.write("report.html", page.map_err(|error| undrawn(&error))?.as_bytes())?;
    folder.write("candidates.csv", &csv_bytes(|out| recommendation_csv(out, found))?)?;
    write_charts(&folder, &charts)?;
    Ok(format!("{}\n", folder.publish()?.join("report.html").display()))
}

fn goal(arguments: &RecommendArguments) -> Result<Goal, Failed> {
    let metric = Metric::from_key(&arguments.minimize)
        .ok_or_else(|| Failed::Usage(format!("there is no metric `{}`", arguments.minimize)))?;
    if arguments.wait_price.is_some() && metric != Metric::CostPerThousandJobs {
        return Err(Failed::Usage("--wait-price goes with --minimize cost_per_1000_jobs".into()));
    }
    if arguments.wait_price.is_some_and(|price| !price.is_finite() || price < 0.0) {
        return Err(Failed::Usage("a price is negative".into()));
    }
    Ok(Goal { metric, wait_price: arguments.wait_price.unwrap_or(0.0) })
}

/// The same field of points as a sweep has.
fn as_sweep(arguments: &RecommendArguments) -> Result<SweepArguments, Failed> {
    let mut set = arguments.set.clone();
    if !arguments.subject_to.is_empty() {
        let objectives = arguments.subject_to.iter().map(|text| objective(text));
        set.push(format!("objective=[{}]", objectives.collect::<Result<Vec<_>, _>>()?.join(", ")));
    }
    Ok(SweepArguments {
        scenario: arguments.scenario.clone(),
        vary: arguments.vary.clone(),
        design: arguments.design,
        set,
        seed: arguments.seed,
        reps: None,
        fleet: arguments.fleet.clone(),
        tolerance: None,
        jobs: arguments.jobs,
        out: PathBuf::new(),
        progress: Progress::Auto,
        sharing: ShardArguments { shard: None, part: None, fresh: false },
    })
}

/// `wait_p95<=60s` as the scenario writes it; the scenario checks metric and value.
fn objective(text: &str) -> Result<String, Failed> {
    let found = [("<=", "at_most"), (">=", "at_least")].into_iter().find_map(|(sign, key)| {
        text.split_once(sign).map(|(metric, value)| (metric.trim(), key, value.trim()))
    });
    let Some((metric, key, value)) =
        found.filter(|(metric, _, value)| !(metric.is_empty() || value.is_empty()))
    else {
        return Err(Failed::Usage(format!("`{text}` is no objective such as wait_p95<=60s")));
    };
    let quoted = |word: &str| format!("\"{}\"", word.replace(['"', '\\'], ""));
    Ok(format!("{{ metric = {}, {key} = {} }}", quoted(metric), quoted(value)))
}

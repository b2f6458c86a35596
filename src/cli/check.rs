//! `fleetsim check`: simulates one or several scenarios, judges objectives and regressions, and ends with the exit code that says what was found.

use super::args::Progress;
use super::baseline::load_of;
use super::emit::Emit;
use super::exit::{Exit, Failed};
use super::files::ResultFolder;
use super::gate_results::{GateFiles, folder_name};
use super::interrupt;
use super::results::replications;
use super::run::read;
use super::sheets::{option_words, typed};
use super::simulate::{How, simulate_all};
use super::terminal::{Terminal, answer};
use crate::experiment::{
    Confidence, GateLine, GateRules, GateTest, GateVerdict, Metric, gate_objectives, gate_regressions,
};
use crate::report::{Replications, gate_text};
use crate::scenario::Scenario;
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// `check`.
#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// Scenario files; several are judged together.
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Baseline of `baseline save`, or the result folder of a run; of several scenarios the folder that holds them, by
    /// name. Without it only objectives are judged.
    #[arg(long, value_name = "FILE", env = "FLEETSIM_BASELINE")]
    pub baseline: Option<PathBuf>,
    /// By how many per cent a metric may be worse than the baseline.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0, env = "FLEETSIM_TOLERANCE")]
    pub tolerance: f64,
    /// By how many per cent the simulator's work counters may be higher; not looked at where this is not given.
    #[arg(long, value_name = "PERCENT", env = "FLEETSIM_WORK_TOLERANCE")]
    pub work_tolerance: Option<f64>,
    /// Metrics that are compared with the baseline.
    #[arg(
        long,
        value_name = "KEY",
        value_delimiter = ',',
        default_value = "cost_per_1000_jobs,wait_p95,jobs_lost_share"
    )]
    pub metric: Vec<String>,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Files for CI with the verdict, as `--emit junit=junit.xml,note=note.md`: junit, metrics, codequality, dotenv, annotations,
    /// note; or all=FOLDER.
    #[arg(long, value_name = "KIND=FILE", value_delimiter = ',')]
    pub emit: Vec<Emit>,
    /// Write the page of the gate and a chart into DIR/SCENARIO-check.
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads; default is one per processor.
    #[arg(short, long, value_name = "N", env = "FLEETSIM_JOBS",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// Metrics, tolerance and confidence where nothing else is asked for.
pub(super) fn default_rules() -> GateRules {
    GateRules {
        metrics: vec![Metric::CostPerThousandJobs, Metric::WaitP95, Metric::JobsLost],
        tolerance: 0.02,
        work_tolerance: None,
        confidence: Confidence::default(),
        together: 1,
    }
}

/// One scenario, what it is held against, and what was found of it.
struct Checked {
    scenario: Scenario,
    baseline: Option<Replications>,
    now: Replications,
    /// What was found, by fleet.
    lines: Vec<GateLine>,
}

/// Simulates scenarios and judges them all together.
pub(super) fn check(arguments: &CheckArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let mut rules = rules(arguments)?;
    let cancel = interrupt::flag()?;
    let mut checked = Vec::new();
    // Scenarios that are wrong and a baseline that cannot be used are found out before anything is simulated.
    for path in &arguments.scenarios {
        let scenario = read(path, &arguments.set, &arguments.fleet)?;
        let is_alone = arguments.scenarios.len() == 1;
        let baseline = arguments.baseline.as_deref();
        let baseline = baseline.map(|baseline| load_of(baseline, &scenario.name, is_alone)).transpose()?;
        checked.push(Checked { scenario, baseline, now: Replications::default(), lines: Vec::new() });
    }
    let name = folder_name(checked.iter().map(|one| one.scenario.name.as_str()));
    let target = arguments.out.as_ref().map(|out| out.join(&name));
    let folder = target.as_deref().map(ResultFolder::prepare).transpose()?;
    for one in &mut checked {
        let how = How { detail: false, jobs: arguments.jobs, progress: Progress::Auto };
        let units = simulate_all(&one.scenario, how, cancel, terminal)?;
        if cancel.load(Ordering::Relaxed) {
            terminal.note("interrupted: nothing was judged");
            return Ok(Exit::Interrupted);
        }
        one.now = replications(&one.scenario, &units);
    }
    let compared_fleets: usize =
        checked.iter().filter(|one| one.baseline.is_some()).map(|one| one.now.fleets.len()).sum();
    rules.together = compared_fleets * rules.metrics.len();
    let mut lines = Vec::new();
    for one in &mut checked {
        let mut own = gate_objectives(&one.now.fleets, &one.scenario.objectives, rules.confidence);
        if let Some(baseline) = &one.baseline {
            own.extend(compared(&one.now, baseline, &rules)?);
        }
        one.lines.clone_from(&own);
        if arguments.scenarios.len() > 1 {
            own.iter_mut().for_each(|line| line.fleet = format!("{}#{}", one.scenario.name, line.fleet));
        }
        lines.extend(own);
    }
    let files = GateFiles { emit: &arguments.emit, paths: &arguments.scenarios, target: target.as_deref() };
    let judged =
        checked.iter().map(|one| (&one.scenario, &one.now, one.lines.as_slice())).collect::<Vec<_>>();
    let written = files.write(&judged, folder, || command(arguments))?;
    answer(&(gate_text(&lines) + &written))?;
    Ok(verdict_exit(&lines))
}

/// The command that gives the same page again, wherever the files lie.
fn command(arguments: &CheckArguments) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let words = ["fleetsim".to_owned(), "check".to_owned()].into_iter();
    let words = words.chain(arguments.scenarios.iter().map(name));
    let words = words.chain(option_words("--baseline", arguments.baseline.as_ref().map(name)));
    let words = words.chain(option_words("--tolerance", [arguments.tolerance.to_string()]));
    let work = arguments.work_tolerance.map(|percent| percent.to_string());
    let words = words.chain(option_words("--work-tolerance", work));
    let words = words.chain(option_words("--metric", [arguments.metric.join(",")]));
    let words = words.chain(option_words("--set", arguments.set.iter().cloned()));
    typed(words.chain(option_words("--fleet", arguments.fleet.iter().cloned())))
}

fn rules(arguments: &CheckArguments) -> Result<GateRules, Failed> {
    let metric = |key: &String| {
        Metric::from_key(key).ok_or_else(|| Failed::Usage(format!("there is no metric `{key}`")))
    };
    let share = |percent: f64| {
        if percent >= 0.0 {
            Ok(percent / 100.0)
        } else {
            Err(Failed::Usage("a tolerance is negative".into()))
        }
    };
    Ok(GateRules {
        metrics: arguments.metric.iter().map(metric).collect::<Result<_, _>>()?,
        tolerance: share(arguments.tolerance)?,
        work_tolerance: arguments.work_tolerance.map(share).transpose()?,
        confidence: Confidence::default(),
        together: 1,
    })
}

/// Every fleet that both have, compared.
///
/// # Errors
/// The seeds differ, so that nothing is paired, or a fleet has no counterpart.
pub(super) fn compared(
    now: &Replications,
    baseline: &Replications,
    rules: &GateRules,
) -> Result<Vec<GateLine>, Failed> {
    if now.seed != baseline.seed {
        return Err(Failed::Incompatible(format!(
            "the baseline has seed {}, this run {}: replications are not paired",
            baseline.seed, now.seed
        )));
    }
    let mut lines = Vec::new();
    for fleet in &now.fleets {
        let Some(base) = baseline.fleets.iter().find(|base| base.name == fleet.name) else {
            return Err(Failed::Incompatible(format!("the baseline has no fleet `{}`", fleet.name)));
        };
        lines.extend(gate_regressions(fleet, base, rules));
    }
    Ok(lines)
}

/// Missed objectives come before regressions, and both before what is not clear.
pub(super) fn verdict_exit(lines: &[GateLine]) -> Exit {
    let failed = |is_objective: bool| {
        lines.iter().any(|line| {
            line.verdict == GateVerdict::Fail && matches!(line.test, GateTest::Objective(_)) == is_objective
        })
    };
    if failed(true) {
        Exit::ObjectiveMissed
    } else if failed(false) {
        Exit::Regression
    } else if lines.iter().any(|line| line.verdict == GateVerdict::Inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Success
    }
}

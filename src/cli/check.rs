//! `fleetsim check`: simulates, judges objectives and regressions, and ends with the exit code that says what was found.

use super::args::Progress;
use super::baseline::load;
use super::exit::{Exit, Failed};
use super::interrupt;
use super::results::replications;
use super::run::read;
use super::simulate::{How, simulate_all};
use super::terminal::{Terminal, answer};
use crate::experiment::{
    Confidence, GateLine, GateRules, GateTest, GateVerdict, Metric, gate_objectives, gate_regressions,
};
use crate::report::{Replications, gate_text};
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// `check`.
#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Baseline of `baseline save`, or the result folder of a run. Without it only objectives are judged.
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
    }
}

/// Simulates one scenario and judges it.
pub(super) fn check(arguments: &CheckArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let rules = rules(arguments)?;
    // A baseline that cannot be used is found out before anything is simulated.
    let baseline = arguments.baseline.as_deref().map(load).transpose()?;
    let cancel = interrupt::flag()?;
    let scenario = read(&arguments.scenario, &arguments.set, &arguments.fleet)?;
    let how = How { detail: false, jobs: arguments.jobs, progress: Progress::Auto };
    let units = simulate_all(&scenario, how, cancel, terminal)?;
    if cancel.load(Ordering::Relaxed) {
        terminal.note("interrupted: nothing was judged");
        return Ok(Exit::Interrupted);
    }
    let now = replications(&scenario, &units);
    let mut lines = gate_objectives(&now.fleets, &scenario.objectives, rules.confidence);
    if let Some(baseline) = &baseline {
        lines.extend(compared(&now, baseline, &rules)?);
    }
    answer(&gate_text(&lines))?;
    Ok(verdict_exit(&lines))
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

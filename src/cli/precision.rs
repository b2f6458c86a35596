//! `run --until-ci` and `--warmup`: as many replications as the intervals need, and a warm-up found from the runs.

use super::exit::Failed;
use super::parts::PartFile;
use super::simulate::{How, Simulator};
use super::terminal::Terminal;
use crate::experiment::{
    Confidence, FEWEST_REPLICATIONS, Metric, Precision, Sample, Units, WarmupFound, find_warmup,
};
use crate::metrics::RunOutcome;
use crate::scenario::Scenario;
use crate::units::SimDuration;
use clap::Args;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags that say how sure the answer has to be.
#[derive(Args, Clone, Debug)]
pub(super) struct PrecisionArguments {
    /// Add replications until the 95 % intervals of every fleet reach at most so far, as a share of the value: `2%`. At
    /// least 10 replications; --max-reps is the cap, and reaching it is said.
    #[arg(long, value_name = "PERCENT", conflicts_with_all = ["reps", "shard"], env = "FLEETSIM_UNTIL_CI",
          help_heading = "Precision")]
    pub until_ci: Option<Percent>,
    /// Metrics that `--until-ci` looks at.
    #[arg(
        long,
        value_name = "KEY",
        value_delimiter = ',',
        default_value = "cost_per_1000_jobs,wait_p95",
        help_heading = "Precision"
    )]
    pub until_metric: Vec<String>,
    /// Most replications of `--until-ci`.
    #[arg(long, value_name = "N", default_value_t = 200, env = "FLEETSIM_MAX_REPS", help_heading = "Precision",
          value_parser = clap::value_parser!(u32).range(FEWEST_REPLICATIONS as i64..=10_000))]
    pub max_reps: u32,
    /// Time that is simulated but not counted, in place of the scenario's: a duration, or `mser` to find by MSER-5 where
    /// the start ends, from pilot runs.
    #[arg(long, value_name = "TIME", env = "FLEETSIM_WARMUP", help_heading = "Precision")]
    pub warmup: Option<Warmup>,
}

/// A share written in per cent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        let share = number.map(|percent| percent / 100.0).filter(|share| *share > 0.0 && *share < 1.0);
        share.map(Self).ok_or_else(|| format!("`{text}` is not a percentage such as 2%"))
    }
}

/// A warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmup {
    /// Found by MSER-5.
    Mser,
    /// So long.
    Fixed(SimDuration),
}

impl FromStr for Warmup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "mser" {
            return Ok(Self::Mser);
        }
        text.parse().map(Self::Fixed).map_err(|_| format!("`{text}` is neither a duration nor `mser`"))
    }
}

impl PrecisionArguments {
    /// Settings of the scenario that these flags stand for, as far as no run is needed to know them.
    pub(super) fn settings(&self) -> Vec<String> {
        let mut set = Vec::new();
        if self.until_ci.is_some() {
            set.push(format!("replications={}", self.max_reps));
        }
        if let Some(Warmup::Fixed(warmup)) = self.warmup {
            set.push(format!("warmup={warmup}"));
        }
        set
    }

    /// The precision that was asked for.
    pub(super) fn precision(&self) -> Result<Option<Precision>, Failed> {
        let Some(Percent(relative)) = self.until_ci else { return Ok(None) };
        let metric = |key: &String| {
            Metric::from_key(key).ok_or_else(|| Failed::Usage(format!("there is no metric `{key}`")))
        };
        let metrics = self.until_metric.iter().map(metric).collect::<Result<_, _>>()?;
        let (confidence, cap) = (Confidence::default(), self.max_reps as usize);
        Ok(Some(Precision { metrics, relative, confidence, cap }))
    }
}

/// Replications of the pilot that a warm-up is looked for in.
const PILOT: u32 = 5;

/// Runs a pilot without warm-up and says where MSER-5 sees the end of the start; says what was found. None where there is
/// no such place, or after Ctrl-C.
pub(super) fn mser_warmup(
    scenario: &Scenario,
    how: How,
    cancel: &AtomicBool,
    terminal: Terminal,
) -> Result<Option<SimDuration>, Failed> {
    let fleets = scenario.fleets.len();
    let replications = scenario.replications.min(PILOT) as usize;
    let how = How { detail: false, ..how };
    let nothing = (0..fleets * replications).map(|_| None).collect();
    let outcomes = Simulator { scenario, how, cancel, terminal }.fill(nothing, None)?;
    if cancel.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let units: Units<RunOutcome> = Units::from_results(fleets, outcomes);
    let mut longest = SimDuration::ZERO;
    for (fleet, named) in scenario.fleets.iter().enumerate() {
        let runs: Vec<&RunOutcome> = units.of_fleet(fleet).collect();
        match find_warmup(&runs) {
            WarmupFound::After(time, level) => {
                terminal.note(&format!("MSER-5, {}: the start ends after {time} ({level})", named.name));
                longest = longest.max(time);
            }
            WarmupFound::Nowhere(level) => {
                terminal.note(&format!(
                    "MSER-5, {}: no end of the start within half of the run ({level}): the load changes too slowly for \
                     this horizon; the scenario's warm-up of {} holds",
                    named.name, scenario.warmup
                ));
                return Ok(None);
            }
        }
    }
    Ok(Some(longest))
}

/// Adds replications until every interval is as narrow as asked for, or the cap is reached, and says which.
pub(super) fn until_precise(
    simulator: &Simulator<'_>,
    precision: &Precision,
    journal: Option<&PartFile>,
    mut known: Vec<Option<RunOutcome>>,
) -> Result<Vec<Option<RunOutcome>>, Failed> {
    let fleets = simulator.scenario.fleets.len();
    let mut replications = FEWEST_REPLICATIONS.min(precision.cap);
    let mut outcomes = Vec::new();
    loop {
        outcomes.extend(known.drain(..(replications * fleets - outcomes.len()).min(known.len())));
        outcomes.resize_with(replications * fleets, || None);
        outcomes = simulator.fill(outcomes, journal)?;
        if simulator.cancel.load(Ordering::Relaxed) {
            return Ok(outcomes);
        }
        let samples = |metric: &Metric| -> Vec<Sample> {
            let of_fleet = |fleet: usize| {
                let runs: Vec<&RunOutcome> = outcomes.iter().skip(fleet).step_by(fleets).flatten().collect();
                metric.sample(&runs)
            };
            (0..fleets).filter_map(of_fleet).collect()
        };
        let all: Vec<Sample> = precision.metrics.iter().flat_map(samples).collect();
        match precision.next(&all, replications) {
            Some(more) => replications = more,
            None => {
                say_precision(simulator.terminal, precision, &all, replications);
                return Ok(outcomes);
            }
        }
    }
}

fn say_precision(terminal: Terminal, precision: &Precision, samples: &[Sample], replications: usize) {
    let wanted = 100.0 * precision.relative;
    let widest = 100.0 * precision.widest(samples);
    terminal.note(&if precision.is_reached(samples) {
        format!("{replications} replications: every interval is within {wanted} % (the widest ±{widest:.2} %)")
    } else {
        format!(
            "the cap of {replications} replications is reached and the widest interval is ±{widest:.2} %, not ±{wanted} %"
        )
    });
}

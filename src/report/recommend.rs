//! A recommendation in words and as a table: the pick, how sure it is, what it costs on fresh replications, what else lies
//! on the front, and how many runs that took.

use std::collections::BTreeMap;
use std::io::Write;

use super::csv::real;
use super::format::{plain, plus_minus, shown_unit, three_digits};
use super::pairing::times;
use super::sweep::short_key;
use super::sweep_csv::state;
use super::table::wrapped;
use super::unserved::Unserved;
use super::verdict::words;
use crate::experiment::{
    Bound, ExperimentSummary, Fate, Metric, Objective, ObjectiveState, Point, Selection,
};

/// What the runs of one candidate say on average, whatever the goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// USD per 1,000 jobs.
    pub cost: f64,
    /// The wait that 95 % of jobs do not exceed, in milliseconds.
    pub wait_ms: f64,
    /// Jobs that the wait does not tell of.
    pub unserved: Unserved,
    /// Replications behind it.
    pub replications: usize,
}

/// Everything that was found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// Keys that vary.
    pub keys: Vec<String>,
    /// Names of the fleets; candidate `c` is fleet `c % fleets` at point `c / fleets`.
    pub fleets: Vec<String>,
    /// Every point.
    pub points: Vec<Point>,
    /// Scenario file.
    pub scenario: String,
    /// Settings of every candidate.
    pub settings: Vec<String>,
    /// The scenario's own baseline.
    pub baseline: usize,
    /// Key of the metric that is to be small.
    pub goal: String,
    /// USD for an hour that a job waits, as a part of the goal.
    pub wait_price: Option<f64>,
    /// What has to be kept.
    pub objectives: Vec<Objective>,
    /// How sure the pick had to be, as a share.
    pub confidence: f64,
    /// The indifference zone as a share.
    pub share: f64,
    /// Candidates that nothing beats in both cost and wait.
    pub front: Vec<usize>,
    /// By candidate that was run.
    pub measured: BTreeMap<usize, Measured>,
    /// What was selected.
    pub selection: Selection,
    /// The scenario's baseline and the pick on fresh replications; none without a pick.
    pub fresh: Option<ExperimentSummary>,
}

/// How many candidates of the front are told.
const TOLD: usize = 10;

impl Recommendation {
    pub(super) fn name(&self, candidate: usize) -> String {
        let (point, fleet) = (&self.points[candidate / self.fleets.len()], candidate % self.fleets.len());
        let values = self.keys.iter().zip(point);
        let mut told: Vec<String> = values
            .filter_map(|(key, value)| Some(format!("{} = {}", short_key(key), value.as_ref()?)))
            .collect();
        if self.fleets.len() > 1 || told.is_empty() {
            told.push(format!("fleet {}", self.fleets[fleet]));
        }
        told.join(", ")
    }

    /// How sure the pick is, and the command that runs it alone, as single sentences.
    pub(super) fn evidence(&self) -> Vec<String> {
        let Some(pick) = self.selection.pick else { return Vec::new() };
        let mut lines: Vec<String> = how_sure(self, pick).lines().map(str::to_owned).collect();
        lines.push(format!("Run it: {}", self.command(pick)));
        lines
    }

    /// The command that runs a candidate alone.
    fn command(&self, candidate: usize) -> String {
        let (point, fleet) = (&self.points[candidate / self.fleets.len()], candidate % self.fleets.len());
        let own = self.keys.iter().zip(point).filter_map(|(key, value)| {
            let value = value.as_ref()?;
            Some(format!("{key}={value}"))
        });
        let settings = self.settings.iter().cloned().chain(own);
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let mut command = format!("fleetsim run {} --fleet {}", self.scenario, self.fleets[fleet]);
        settings.for_each(|setting| command.push_str(&format!(" --set {}", quoted(&setting))));
        command
    }
}

/// The answer on the terminal.
#[must_use]
pub fn recommendation_text(found: &Recommendation) -> String {
    let selection = &found.selection;
    let Some(pick) = selection.pick else {
        return format!(
            "No candidate keeps the objectives: all {} miss one clearly ({} runs).\n",
            selection.candidates.len(),
            selection.runs
        );
    };
    let mut out = wrapped(&format!("Recommended: {}", found.name(pick)));
    for line in fresh(found).lines().chain(how_sure(found, pick).lines()).chain(front(found, pick).lines()) {
        out.push_str(&wrapped(line));
    }
    out.push_str(&format!("Run it: {}\n", found.command(pick)));
    out
}

fn fresh(found: &Recommendation) -> String {
    let Some(summary) = &found.fresh else { return String::new() };
    let (base, pick) = (&summary.fleets[0], &summary.fleets[1]);
    let mut out = format!("On {} fresh replications, beside {}:\n", pick.replications, base.name);
    let mut metrics = vec![Metric::CostPerThousandJobs, Metric::WaitP95];
    metrics.extend(Metric::from_key(&found.goal));
    metrics.extend(found.objectives.iter().map(|objective| objective.metric));
    let mut told: Vec<Metric> = Vec::new();
    for metric in metrics {
        if told.contains(&metric) {
            continue;
        }
        told.push(metric);
        let (factor, unit) = shown_unit(metric.unit());
        let value = |fleet: &crate::experiment::FleetSummary| {
            let estimate = fleet.estimate(metric);
            estimate.map_or_else(|| "–".to_owned(), |estimate| plus_minus(&estimate, factor))
        };
        let difference = pick.difference(metric);
        let change = difference.and_then(|difference| difference.relative);
        let change = change.filter(|change| change.mean != 0.0).map_or_else(String::new, |change| {
            let sign = if change.mean > 0.0 { "+" } else { "" };
            let factor = difference.and_then(|difference| difference.variance_reduction);
            let factor = factor.map_or_else(String::new, |factor| format!(", CRN {}", times(factor)));
            format!(" ({sign}{}\u{a0}%{factor})", plus_minus(&change, 100.0))
        });
        out.push_str(&format!(
            "  {}: {}\u{a0}{unit}, before {}{change}\n",
            words(&metric.key()),
            value(pick),
            value(base)
        ));
    }
    out.push_str("  CRN: by what common random numbers divide the variance of the change.\n");
    out.push_str(&format!("  no wait tells of: {}\n", Unserved::of(pick).sentence()));
    out.push_str(&format!("    before: {}\n", Unserved::of(base).sentence()));
    for objective in &found.objectives {
        let (factor, unit) = shown_unit(objective.metric.unit());
        let sign = if objective.bound == Bound::AtMost { "≤" } else { "≥" };
        let judged = objective.judge(pick.estimate(objective.metric));
        out.push_str(&format!(
            "  objective {} {sign} {}\u{a0}{unit}: {}\n",
            words(&objective.metric.key()),
            plain(objective.limit * factor),
            state(judged)
        ));
    }
    out
}

fn how_sure(found: &Recommendation, pick: usize) -> String {
    let selection = &found.selection;
    let zone = format!("{} ({}\u{a0}%)", three_digits(selection.indifference), plain(100.0 * found.share));
    let goal = match found.wait_price {
        Some(price) => format!("{} and {}\u{a0}$ per hour waited", words(&found.goal), plain(price)),
        None => words(&found.goal),
    };
    let mut out = if selection.is_decided {
        format!(
            "With {}\u{a0}% it has the lowest {goal} of the {} finalists, or is less than {zone} above it.\n",
            plain(100.0 * found.confidence),
            selection.finalists
        )
    } else if selection.candidates[pick].state == ObjectiveState::Met {
        format!(
            "NOT DECIDED: --max-reps ended the test; others may have a {goal} lower by more than {zone}.\n"
        )
    } else {
        "NOT DECIDED: whether it keeps the objectives cannot be told with so few replications (--max-reps).\n"
            .to_owned()
    };
    let count = |fate: Fate| selection.candidates.iter().filter(|one| one.fate == fate).count();
    let all = selection.candidates.len() * selection.candidates[pick].replications;
    out.push_str(&format!(
        "{} candidates: {} left in the halving (no guarantee), {} miss an objective, {} beaten, {} undecided.\n",
        selection.candidates.len(),
        count(Fate::Halved),
        count(Fate::Infeasible),
        count(Fate::Beaten),
        count(Fate::NotPicked)
    ));
    out.push_str(&format!(
        "{} runs; every candidate with as many replications as the pick would take {all}.\n",
        selection.runs
    ));
    out
}

fn front(found: &Recommendation, pick: usize) -> String {
    let mut out = String::from(
        "Nothing is both cheaper and faster (means so far: $ per 1000 jobs, wait p95 in s, % of\n\
             jobs lost/canceled/timed out/still waiting):\n",
    );
    for candidate in found.front.iter().take(TOLD) {
        let measured = found.measured[candidate];
        let mark = if *candidate == pick { " ← recommended" } else { "" };
        out.push_str(&format!(
            "  {}, {}, {}: {} ({} runs){mark}\n",
            three_digits(measured.cost),
            three_digits(measured.wait_ms / 1000.0),
            measured.unserved.cell(),
            found.name(*candidate),
            measured.replications
        ));
    }
    if found.front.len() > TOLD {
        out.push_str(&format!("  … and {} more\n", found.front.len() - TOLD));
    }
    out
}

pub(super) const fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Halved => "left in the halving",
        Fate::Infeasible => "misses an objective",
        Fate::Beaten => "beaten",
        Fate::NotPicked => "undecided",
        Fate::Picked => "recommended",
    }
}

/// Every candidate: its values and fleet, what became of it, its goal, cost and wait so far, whether it is on the front.
///
/// # Errors
/// Where `out` cannot be written.
pub fn recommendation_csv<W: Write>(out: W, found: &Recommendation) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let keys = found.keys.iter().map(String::as_str);
    csv.write_record(["candidate"].into_iter().chain(keys).chain([
        "fleet",
        "fate",
        "goal_mean",
        "replications",
        "objectives",
        "cost_per_1000_jobs_usd",
        "wait_p95_ms",
        "on_front",
        "jobs_lost_share",
        "jobs_canceled_share",
        "jobs_timed_out_share",
        "jobs_still_waiting_share",
    ]))?;
    for (index, candidate) in found.selection.candidates.iter().enumerate() {
        let mut row = vec![(index + 1).to_string()];
        let point = &found.points[index / found.fleets.len()];
        row.extend(point.iter().map(|value| value.clone().unwrap_or_default()));
        row.push(found.fleets[index % found.fleets.len()].clone());
        row.extend([
            fate(candidate.fate).to_owned(),
            real(candidate.goal),
            candidate.replications.to_string(),
        ]);
        row.push(state(candidate.state).to_owned());
        let measured = found.measured.get(&index);
        row.push(measured.map(|measured| real(measured.cost)).unwrap_or_default());
        row.push(measured.map(|measured| real(measured.wait_ms)).unwrap_or_default());
        row.push(found.front.contains(&index).to_string());
        let unserved = measured.map_or_else(Unserved::default, |measured| measured.unserved);
        row.extend(unserved.shares().map(|share| share.map(real).unwrap_or_default()));
        csv.write_record(row)?;
    }
    Ok(csv.flush()?)
}

//! What an experiment says, in sentences: used by the terminal and as titles of charts.

use super::format::{mean, number, plain, plus_minus, shown_unit};
use crate::experiment::{
    Bound, Difference, ExperimentSummary, FleetSummary, Metric, Objective, ObjectiveState, Verdict,
};
use crate::metrics::{FailureReason, JobOutcome, WaitCause, WasteKind};

/// The fleet that the report speaks of: of those that keep the objectives best (met before unclear before missed), the
/// one with the lowest cost per 1,000 jobs. A fleet that is not clearly cheaper than the baseline does not displace it
/// where the baseline keeps the objectives as well. Fleets that leave clearly more jobs without a result than others are
/// passed over, however cheap that makes them.
#[must_use]
pub fn chosen_fleet(summary: &ExperimentSummary, objectives: &[Objective]) -> usize {
    let states: Vec<ObjectiveState> =
        summary.fleets.iter().map(|fleet| worst_state(fleet, objectives)).collect();
    let best = [ObjectiveState::Met, ObjectiveState::Unclear, ObjectiveState::Missed]
        .into_iter()
        .find(|state| states.contains(state));
    let mut candidates: Vec<usize> = (0..states.len()).filter(|fleet| Some(states[*fleet]) == best).collect();
    let without = |fleet: &usize| without_result(&summary.fleets[*fleet]);
    let fewest = candidates.iter().map(without).fold(f64::INFINITY, f64::min);
    candidates.retain(|fleet| without(fleet) <= fewest + MORE_WITHOUT_RESULT);
    let cost = |fleet: &usize| {
        summary.fleets[*fleet].estimate(Metric::CostPerThousandJobs).map_or(f64::INFINITY, |cost| cost.mean)
    };
    let cheapest = candidates.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b)));
    let cheapest = cheapest.unwrap_or(summary.baseline);
    let is_clear = difference(summary, cheapest, Metric::CostPerThousandJobs)
        .is_some_and(|difference| matches!(difference.verdict, Verdict::Better | Verdict::Unknown));
    if is_clear || !candidates.contains(&summary.baseline) { cheapest } else { summary.baseline }
}

/// So much larger a share of jobs without a result is more than a nuisance.
const MORE_WITHOUT_RESULT: f64 = 0.01;

/// So large a share of time-outs is told.
const TOLD_TIME_OUTS: f64 = 0.001;

/// Share of jobs that ended so; of skipped ones, which are no jobs that ran, their share of all that were created.
fn share_ended(fleet: &FleetSummary, outcome: JobOutcome) -> f64 {
    let count = |metric| fleet.estimate(metric).map_or(0.0, |estimate| estimate.mean);
    let ended = count(Metric::JobsEnded(outcome));
    let skipped = if outcome == JobOutcome::Skipped { ended } else { 0.0 };
    let jobs = count(Metric::Jobs) + skipped;
    if jobs > 0.0 { ended / jobs } else { 0.0 }
}

/// Share of jobs that hit their time-out, where it is large enough to be told.
fn told_time_outs(fleet: &FleetSummary) -> Option<f64> {
    Some(share_ended(fleet, JobOutcome::TimedOut)).filter(|share| *share > TOLD_TIME_OUTS)
}

/// What the sentence adds for a fleet that times jobs out: jobs that are cut short wait, cost and hold up less.
fn time_out_phrase(summary: &ExperimentSummary, fleet: usize) -> String {
    let Some(share) = told_time_outs(&summary.fleets[fleet]) else { return String::new() };
    let mut phrase = format!(", and {:.1}\u{a0}% of its jobs hit their time-out", 100.0 * share);
    if fleet != summary.baseline {
        let baseline = &summary.fleets[summary.baseline];
        let share = share_ended(baseline, JobOutcome::TimedOut);
        phrase.push_str(&format!(" ({:.1}\u{a0}% with {})", 100.0 * share, baseline.name));
    }
    phrase
}

/// Share of jobs without a result: lost with the fleet, timed out, or never run because an earlier job was.
fn without_result(fleet: &FleetSummary) -> f64 {
    WITHOUT_RESULT.into_iter().map(|outcome| share_ended(fleet, outcome)).sum()
}

const WITHOUT_RESULT: [JobOutcome; 6] = [
    JobOutcome::Interrupted,
    JobOutcome::PodTimeout,
    JobOutcome::TimedOut,
    JobOutcome::Dropped,
    JobOutcome::Failed(FailureReason::RunnerSystem),
    JobOutcome::Skipped,
];

/// Which fleets leave more than a nuisance of their jobs without a result or time more than a few out, and how those
/// ended: time-outs and skipped jobs make a fleet look cheap and are in no other column. `None` where jobs only fail by themselves.
#[must_use]
pub(super) fn missing_results(summary: &ExperimentSummary) -> Option<String> {
    // What is skipped on every fleet follows scripts that fail by themselves.
    let skipped = summary.fleets.iter().map(|fleet| share_ended(fleet, JobOutcome::Skipped));
    let least_skipped = skipped.fold(f64::INFINITY, f64::min);
    let shares = |fleet: &FleetSummary| {
        let mut parts: Vec<(f64, &str)> = WITHOUT_RESULT
            .into_iter()
            .map(|outcome| match outcome {
                JobOutcome::Skipped => (share_ended(fleet, outcome) - least_skipped, "more skipped"),
                _ => (share_ended(fleet, outcome), outcome.label()),
            })
            .filter(|(share, _)| *share >= 0.000_5)
            .collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let text = |(share, label): &(f64, &str)| format!("{:.1}\u{a0}% {}", 100.0 * share, words(label));
        parts.iter().map(text).collect::<Vec<_>>().join(", ")
    };
    let is_to_blame = |fleet: &&FleetSummary| {
        told_time_outs(fleet).is_some()
            || without_result(fleet) - share_ended(fleet, JobOutcome::Skipped) >= MORE_WITHOUT_RESULT / 2.0
    };
    let fleets: Vec<String> = summary
        .fleets
        .iter()
        .filter(is_to_blame)
        .map(|fleet| format!("{} {}", fleet.name, shares(fleet)))
        .collect();
    (!fleets.is_empty()).then(|| format!("Jobs without a result: {}", fleets.join("; ")))
}

/// Missed where one objective is missed, else unclear where one is unclear.
pub(super) fn worst_state(fleet: &FleetSummary, objectives: &[Objective]) -> ObjectiveState {
    let states: Vec<ObjectiveState> =
        objectives.iter().map(|objective| objective.judge(fleet.estimate(objective.metric))).collect();
    [ObjectiveState::Missed, ObjectiveState::Unclear]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(ObjectiveState::Met)
}

fn difference(summary: &ExperimentSummary, fleet: usize, metric: Metric) -> Option<Difference> {
    summary.fleets[fleet].difference(metric)
}

/// One sentence: which fleet, how much cheaper, what it does to waits, and how sure that is.
#[must_use]
pub fn verdict_sentence(summary: &ExperimentSummary, objectives: &[Objective]) -> String {
    let chosen = chosen_fleet(summary, objectives);
    let sentence = if chosen == summary.baseline {
        baseline_sentence(summary)
    } else {
        format!(
            "{} {} than {} {}",
            summary.fleets[chosen].name,
            cost_phrase(summary, chosen),
            summary.fleets[summary.baseline].name,
            wait_phrase(summary, chosen)
        )
    };
    let caution = match worst_state(&summary.fleets[chosen], objectives) {
        ObjectiveState::Met => "",
        ObjectiveState::Unclear => "; whether it keeps every objective is not clear yet",
        ObjectiveState::Missed => "; every fleet misses an objective",
    };
    let time_outs = time_out_phrase(summary, chosen);
    let partial = if summary.is_partial { " (ended early: not all replications ran)" } else { "" };
    format!("{sentence}{time_outs}{caution}{partial}.")
}

fn baseline_sentence(summary: &ExperimentSummary) -> String {
    let baseline = &summary.fleets[summary.baseline];
    let of = |metric: Metric| {
        let (factor, _) = shown_unit(metric.unit());
        baseline.estimate(metric).map_or_else(|| "?".to_owned(), |estimate| plus_minus(&estimate, factor))
    };
    let lead = if summary.fleets.len() > 1 { "No fleet is clearly cheaper and good enough: " } else { "" };
    format!(
        "{lead}{} costs {}\u{a0}$ per 1000 jobs, and 95\u{a0}% of its jobs wait at most {}\u{a0}s",
        baseline.name,
        of(Metric::CostPerThousandJobs),
        of(Metric::WaitP95)
    )
}

fn cost_phrase(summary: &ExperimentSummary, fleet: usize) -> String {
    let change = difference(summary, fleet, Metric::CostPerThousandJobs).and_then(|d| d.relative);
    change.map_or_else(
        || "is no cheaper".to_owned(),
        |change| {
            let word = if change.mean <= 0.0 { "cheaper" } else { "dearer" };
            let sign = if change.mean <= 0.0 { -100.0 } else { 100.0 };
            format!("is {}\u{a0}% {word}", plus_minus(&change, sign))
        },
    )
}

fn wait_phrase(summary: &ExperimentSummary, fleet: usize) -> String {
    let Some(wait) = difference(summary, fleet, Metric::WaitP95) else { return "(no job waited)".to_owned() };
    let sign = if wait.absolute.mean < 0.0 { "" } else { "+" };
    let amount = format!("{sign}{}\u{a0}s\u{a0}p95", plus_minus(&wait.absolute, 1e-3));
    match wait.verdict {
        Verdict::Better => format!("with shorter waits ({amount})"),
        Verdict::Worse => format!("but its jobs wait longer ({amount})"),
        Verdict::Identical => "with identical waits".to_owned(),
        Verdict::Unknown => format!("at a wait of {amount} (one replication: no interval)"),
        _ => format!("at no clear change of waits ({amount})"),
    }
}

/// Cost and wait of a fleet against the baseline in a few words: `−54 %, slower`; `≈` where no difference is clear. A
/// fleet that times clearly more jobs out is not simply faster: that is said as well.
#[must_use]
pub fn short_verdict(fleet: &FleetSummary) -> String {
    let difference = |metric: Metric| fleet.difference(metric);
    let Some(cost) = difference(Metric::CostPerThousandJobs) else { return "no jobs".to_owned() };
    if cost.verdict == Verdict::Reference {
        return "reference".to_owned();
    }
    let cost = match (cost.verdict, cost.relative) {
        (Verdict::NoClearDifference | Verdict::Identical, _) | (_, None) => "cost ≈".to_owned(),
        (_, Some(change)) => {
            let text = number(100.0 * change.mean, 0);
            let sign = if change.mean > 0.0 && text != "0" { "+" } else { "" };
            format!("{sign}{text}\u{a0}%")
        }
    };
    let wait = match difference(Metric::WaitP95).map(|wait| wait.verdict) {
        Some(Verdict::Better) => "faster",
        Some(Verdict::Worse) => "slower",
        Some(Verdict::NoClearDifference | Verdict::Identical) => "wait ≈",
        _ => "wait ?",
    };
    let time_outs = difference(Metric::JobsTimedOut).filter(|_| told_time_outs(fleet).is_some());
    let has_more = time_outs.is_some_and(|more| match more.verdict {
        Verdict::Unknown => more.absolute.mean > TOLD_TIME_OUTS,
        verdict => verdict == Verdict::Worse,
    });
    let time_outs = if has_more { ", more time-outs" } else { "" };
    format!("{cost}, {wait}{time_outs}")
}

/// One line per objective: which fleets keep it, by mark and word, with their values where they differ.
#[must_use]
pub fn objective_lines(summary: &ExperimentSummary, objectives: &[Objective]) -> Vec<String> {
    objectives.iter().map(|objective| objective_line(summary, objective)).collect()
}

fn objective_line(summary: &ExperimentSummary, objective: &Objective) -> String {
    let (factor, unit) = shown_unit(objective.metric.unit());
    let sign = if objective.bound == Bound::AtMost { "≤" } else { "≥" };
    let limit = plain(objective.limit * factor);
    let mut line =
        format!("{} {sign} {limit}\u{a0}{unit}: ", words(&objective.metric.key())).replace("\u{a0}:", ":");
    let mut groups = Vec::new();
    for (state, text) in [
        (ObjectiveState::Met, "✓\u{a0}met by"),
        (ObjectiveState::Missed, "✗\u{a0}missed by"),
        (ObjectiveState::Unclear, "?\u{a0}unclear for"),
    ] {
        let fleets: Vec<&FleetSummary> = summary
            .fleets
            .iter()
            .filter(|fleet| objective.judge(fleet.estimate(objective.metric)) == state)
            .collect();
        if fleets.len() == summary.fleets.len() && fleets.len() > 1 {
            groups.push(format!("{text} every fleet"));
        } else if !fleets.is_empty() {
            let value = |fleet: &&FleetSummary| {
                let estimate = fleet.estimate(objective.metric);
                let value = estimate.map_or_else(|| "no value".to_owned(), |e| plus_minus(&e, factor));
                format!("{} ({value})", fleet.name)
            };
            groups.push(format!("{text} {}", fleets.iter().map(value).collect::<Vec<_>>().join(", ")));
        }
    }
    line.push_str(&groups.join("; "));
    line
}

/// The largest causes: `Biggest wait cause: node start 61 % · biggest waste: idle 31 %`, for one fleet.
#[must_use]
pub fn biggest_causes(fleet: &FleetSummary) -> String {
    let mut parts = Vec::new();
    let waits: f64 = fleet.waits.causes_ms.iter().map(|ms| *ms as f64).sum();
    let cause = WaitCause::ALL.into_iter().max_by_key(|cause| fleet.waits.causes_ms[cause.index()]);
    if let Some(cause) = cause.filter(|_| waits > 0.0) {
        let share = fleet.waits.causes_ms[cause.index()] as f64 / waits;
        parts.push(format!("biggest wait cause: {} {:.0}\u{a0}%", words(cause.label()), 100.0 * share));
    }
    let total = fleet.waste.total().0 as f64;
    let waste = WasteKind::ALL.into_iter().filter(|kind| *kind != WasteKind::UsefulWork);
    if let Some(kind) = waste.max_by_key(|kind| fleet.waste.of(*kind)).filter(|_| total > 0.0) {
        let share = fleet.waste.of(kind).0 as f64 / total;
        parts.push(format!("biggest waste: {} {:.0}\u{a0}%", words(kind.label()), 100.0 * share));
    }
    if parts.is_empty() { String::new() } else { format!("{}: {}", fleet.name, parts.join(" · ")) }
}

/// A label as words.
pub(super) fn words(label: &str) -> String {
    label.replace('_', " ")
}

/// A sentence about the 95 % wait of the baseline and the chosen fleet, as title of the chart of waits.
pub(super) fn wait_finding(summary: &ExperimentSummary, chosen: usize) -> String {
    let of = |fleet: usize| {
        let fleet = &summary.fleets[fleet];
        let wait = fleet.estimate(Metric::WaitP95).map_or_else(|| "?".to_owned(), |wait| mean(&wait, 1e-3));
        format!("{wait}\u{a0}s with {}", fleet.name)
    };
    let baseline = of(summary.baseline);
    if chosen == summary.baseline {
        return format!("95\u{a0}% of jobs wait at most {baseline}");
    }
    format!("95\u{a0}% of jobs wait at most {baseline}, {}", of(chosen))
}

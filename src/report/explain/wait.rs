//! What the jobs of a fleet wait for, on average and in the tail, when it is worst, and what would shorten it.

use jiff::ZonedDateTime;

use super::sheet::{ExplanationFormat, Sheet};
use super::words::{cause_meaning, count, remedy, share, span};
use crate::experiment::{Estimate, FleetSummary, Metric, Verdict};
use crate::metrics::{WEEK_HOURS, WaitCause};
use crate::report::format::{number, plus_minus};
use crate::report::verdict::words;
use crate::units::SimDuration;

/// The share of jobs that make up the tail.
const TAIL: f64 = 0.05;
/// Fewer jobs in an hour say nothing about its p95.
const FEWEST_JOBS: u64 = 20;

/// A fleet's waits and what is known beside them.
#[derive(Clone, Debug)]
pub struct WaitFacts<'a> {
    /// The fleet over its replications.
    pub fleet: &'a FleetSummary,
    /// When simulated time starts.
    pub start: &'a ZonedDateTime,
    /// The slowest jobs of one replication: number, class, wait, largest cause and its part.
    pub slowest: Vec<(u32, String, SimDuration, WaitCause, SimDuration)>,
    /// How to ask about one of them; `ID` stands for its number.
    pub ask: String,
}

/// The fleet with one thing changed, against itself on the same jobs.
#[derive(Clone, Debug)]
pub struct WhatIf<'a> {
    /// What was changed.
    pub change: String,
    /// The changed fleet, its differences being those to the fleet as it is.
    pub fleet: &'a FleetSummary,
}

/// What the jobs of a fleet wait for, and what would shorten the p95 most.
#[must_use]
pub fn explain_wait(facts: &WaitFacts<'_>, what_ifs: &[WhatIf<'_>], format: ExplanationFormat) -> String {
    let mut sheet = Sheet::new(format);
    sheet.fact("fleet", facts.fleet.name.as_str());
    sheet.fact("replications", facts.fleet.replications);
    for metric in [Metric::WaitMean, Metric::WaitP95] {
        if let Some(estimate) = facts.fleet.estimate(metric) {
            sheet.fact(&format!("{}_ms", metric.key()), estimate.mean);
        }
    }
    for cause in WaitCause::ALL {
        let ms = facts.fleet.waits.causes_ms[cause.index()] as f64;
        let jobs = (facts.fleet.waits.wait.count() as f64).max(1.0);
        sheet.fact(&format!("mean_{}_ms", cause.label()), ms / jobs);
    }
    heading(facts, &mut sheet);
    causes(facts, &mut sheet);
    hours(facts, &mut sheet);
    slowest(facts, &mut sheet);
    changes(what_ifs, &mut sheet);
    sheet.finish()
}

fn heading(facts: &WaitFacts<'_>, sheet: &mut Sheet) {
    let of = |metric: Metric| {
        facts.fleet.estimate(metric).map_or_else(|| "?".to_owned(), |one| plus_minus(&one, 1e-3))
    };
    sheet.paragraph(&format!(
        "Jobs of {} wait {}\u{a0}s on average and {}\u{a0}s at p95 ({}).",
        facts.fleet.name,
        of(Metric::WaitMean),
        of(Metric::WaitP95),
        count(facts.fleet.replications, "replication")
    ));
}

fn causes(facts: &WaitFacts<'_>, sheet: &mut Sheet) {
    let waits = &facts.fleet.waits;
    let (jobs, sum) = (waits.wait.count() as f64, waits.wait.sum_ms() as f64);
    let Some(tail) = waits.profile.slowest(TAIL).filter(|_| jobs > 0.0) else { return };
    let at = |cause: WaitCause| (waits.causes_ms[cause.index()] as f64, tail.mean_ms[cause.index()]);
    let mut found: Vec<WaitCause> = WaitCause::ALL.into_iter().filter(|cause| at(*cause).0 > 0.0).collect();
    found.sort_by(|a, b| at(*b).1.total_cmp(&at(*a).1));
    let Some(first) = found.first().copied() else { return };
    sheet.paragraph(&format!(
        "The slowest 5\u{a0}% wait {}\u{a0}s on average; the largest part of that is {}, {}: {}.",
        seconds(tail.mean()),
        words(first.label()),
        share(at(first).1, tail.mean()),
        cause_meaning(first)
    ));
    sheet.blank();
    let head = ["waiting for", "mean", "", "slowest 5\u{a0}%", "", ""].map(str::to_owned).to_vec();
    let row = |cause: &WaitCause| {
        let (all, slow) = at(*cause);
        let bar = "█".repeat((20.0 * slow / tail.mean().max(1.0)).round() as usize);
        let slow_share = share(slow, tail.mean());
        vec![
            words(cause.label()),
            format!("{}\u{a0}s", seconds(all / jobs)),
            share(all, sum),
            format!("{}\u{a0}s", seconds(slow)),
            slow_share,
            bar,
        ]
    };
    let mut rows = vec![head];
    rows.extend(found.iter().map(row));
    sheet.rows(&rows);
    sheet.paragraph(&format!("Shorter with: {}.", remedy(first)));
}

fn seconds(ms: f64) -> String {
    number(ms / 1000.0, if ms < 9_950.0 { 2 } else { 1 })
}

/// The hours of the week with the longest p95.
fn hours(facts: &WaitFacts<'_>, sheet: &mut Sheet) {
    let profile = &facts.fleet.waits.profile;
    let mut found: Vec<(u64, usize)> = (0..WEEK_HOURS)
        .filter(|hour| profile.jobs_in_hour(*hour) >= FEWEST_JOBS)
        .filter_map(|hour| Some((profile.quantile_in_hour(hour, 0.95)?, hour)))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    if found.len() < 4 {
        return;
    }
    let shown: Vec<String> = found[..3]
        .iter()
        .map(|(p95, hour)| format!("{} {}", hour_name(facts.start, *hour), span(SimDuration::from_ms(*p95))))
        .collect();
    sheet.blank();
    sheet.paragraph(&format!("Longest p95 by the hour in which jobs began to wait: {}.", shown.join(", ")));
}

/// `Mon 10:00`: the weekday and hour, local time, that lies so many hours after the start.
pub(in crate::report) fn hour_name(start: &ZonedDateTime, hour: usize) -> String {
    start
        .checked_add(jiff::SignedDuration::from_hours(hour as i64))
        .map_or_else(|_| format!("hour {hour}"), |local| local.strftime("%a %H:%M").to_string())
}

fn slowest(facts: &WaitFacts<'_>, sheet: &mut Sheet) {
    if facts.slowest.is_empty() {
        return;
    }
    sheet.blank();
    sheet.paragraph("The slowest jobs of the first replication:");
    let row = |(job, class, wait, cause, part): &(u32, String, SimDuration, WaitCause, SimDuration)| {
        let of_it = share(part.as_secs_f64(), wait.as_secs_f64());
        vec![job.to_string(), class.clone(), span(*wait), format!("{of_it} {}", words(cause.label()))]
    };
    sheet.rows(&facts.slowest.iter().map(row).collect::<Vec<_>>());
    sheet.paragraph(&format!("Their life lines: {}", facts.ask));
}

fn changes(what_ifs: &[WhatIf<'_>], sheet: &mut Sheet) {
    let difference = |one: &WhatIf<'_>| one.fleet.difference(Metric::WaitP95).map(|found| found.absolute);
    let mut known: Vec<(&WhatIf<'_>, Estimate)> =
        what_ifs.iter().filter_map(|one| Some((one, difference(one)?))).collect();
    if known.is_empty() {
        return;
    }
    known.sort_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    sheet.blank();
    let (best, by) = &known[0];
    let is_clear =
        best.fleet.difference(Metric::WaitP95).is_some_and(|found| found.verdict == Verdict::Better);
    if is_clear {
        sheet.paragraph(&format!(
            "What would shorten p95 most, of the changes tried: {}, {}\u{a0}s at {} cost.",
            best.change,
            signed(by, 1e-3),
            cost(best)
        ));
    } else {
        sheet.paragraph(
            "None of the changes tried shortens p95 clearly; more replications (--reps) make the intervals narrower.",
        );
    }
    let row = |(one, by): &(&WhatIf<'_>, Estimate)| {
        let verdict = one.fleet.difference(Metric::WaitP95).map(|found| found.verdict);
        let unclear = match verdict {
            Some(Verdict::NoClearDifference) => " (no clear difference)",
            Some(Verdict::Identical) => " (no difference)",
            _ => "",
        };
        vec![
            format!("{}\u{a0}s p95", signed(by, 1e-3)),
            format!("{} cost", cost(one)),
            format!("{}{unclear}", one.change),
        ]
    };
    sheet.rows(&known.iter().map(row).collect::<Vec<_>>());
}

/// A difference with its sign, and its interval where that does not contain zero.
fn signed(by: &Estimate, factor: f64) -> String {
    let sign = if by.mean > 0.0 { "+" } else { "" };
    if by.mean == 0.0 { "±0".to_owned() } else { format!("{sign}{}", plus_minus(by, factor)) }
}

fn cost(one: &WhatIf<'_>) -> String {
    let relative = one.fleet.difference(Metric::CostPerThousandJobs).and_then(|found| found.relative);
    relative.map_or_else(|| "unknown".to_owned(), |by| format!("{}\u{a0}%", signed(&by, 100.0)))
}

/// What a changed fleet is worth against itself: `worth in ci: −$0.42 per 1000 jobs (−3.1 %), −4.2 s p95`.
#[must_use]
pub fn worth_text(name: &str, changed: &FleetSummary) -> String {
    let of = |metric: Metric| changed.difference(metric).map(|found| found.absolute);
    let mut parts = Vec::new();
    if let Some(by) = of(Metric::CostPerThousandJobs) {
        let share = changed.difference(Metric::CostPerThousandJobs).and_then(|found| found.relative);
        let share = share.map_or_else(String::new, |by| format!(" ({}\u{a0}%)", sign(by.mean * 100.0, 1)));
        parts.push(format!("{}\u{a0}$ per 1000 jobs{share}", sign(by.mean, 2)));
    }
    parts.extend(of(Metric::WaitP95).map(|by| format!("{}\u{a0}s p95", sign(by.mean / 1000.0, 1))));
    let lost = of(Metric::JobsLost).filter(|by| by.mean.abs() >= 5e-5);
    parts.extend(lost.map(|by| format!("{}\u{a0}% lost jobs", sign(by.mean * 100.0, 2))));
    let replications = count(changed.replications, "replication");
    format!("worth in {name}: {} ({replications})", parts.join(", "))
}

fn sign(value: f64, decimals: usize) -> String {
    format!("{}{}", if value > 0.0 { "+" } else { "" }, number(value, decimals))
}

//! Hour by hour of the week: the wait that 95 % of the jobs do not exceed which began to wait in it, one table per fleet, all
//! at one scale of colours.

use jiff::ZonedDateTime;
use serde::Serialize;

use crate::experiment::{ExperimentSummary, FleetSummary};
use crate::metrics::WEEK_HOURS;
use crate::report::format::{number, three_digits};

/// Shades of the scale.
const LEVELS: usize = 8;
/// Cells with fewer jobs are hatched: their p95 is little more than their longest wait.
const FEW_JOBS: u64 = 20;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// One fleet's week.
#[derive(Serialize)]
pub(super) struct HeatMap {
    pub fleet: String,
    /// The finding: when waits are longest.
    pub title: String,
    pub is_open: bool,
    pub rows: Vec<HeatRow>,
}

#[derive(Serialize)]
pub(super) struct HeatRow {
    pub day: &'static str,
    pub cells: Vec<HeatCell>,
}

#[derive(Clone, Default, Serialize)]
pub(super) struct HeatCell {
    /// p95 in whole seconds; empty without jobs.
    pub text: String,
    pub level: usize,
    pub jobs: String,
    pub is_few: bool,
}

/// What one hour of the week says: p95 in milliseconds, and how many jobs of all replications.
type Hour = Option<(u64, u64)>;

/// The hours of the week by weekday and hour, local time. Where the clock was changed within the run, hours after it are those
/// before the change.
fn week(fleet: &FleetSummary, start: &ZonedDateTime) -> Vec<Hour> {
    let profile = &fleet.waits.profile;
    let mut week = vec![None; WEEK_HOURS];
    let first = start.weekday().to_monday_zero_offset() as usize * 24 + start.hour() as usize;
    for hour in 0..WEEK_HOURS {
        let p95 = profile.quantile_in_hour(hour, 0.95);
        week[(first + hour) % WEEK_HOURS] = p95.map(|p95| (p95, profile.jobs_in_hour(hour)));
    }
    week
}

/// The weeks of all fleets, the chosen one open; none where fewer than two hours have jobs.
pub(super) fn heat_maps(summary: &ExperimentSummary, chosen: usize, start: &ZonedDateTime) -> Vec<HeatMap> {
    let weeks: Vec<Vec<Hour>> = summary.fleets.iter().map(|fleet| week(fleet, start)).collect();
    let known = || weeks.iter().flatten().flatten().map(|(p95, _)| (*p95).max(1000) as f64);
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(0.0, f64::max));
    if known().count() < 2 {
        return Vec::new();
    }
    let level = |p95: u64| {
        let span = libm::log(high / low).max(1e-9);
        let place = libm::log((p95.max(1000) as f64 / low).max(1.0)) / span;
        ((place * LEVELS as f64) as usize).min(LEVELS - 1)
    };
    let maps = summary.fleets.iter().zip(&weeks).enumerate().map(|(index, (fleet, week))| HeatMap {
        fleet: fleet.name.clone(),
        title: finding(&fleet.name, week),
        is_open: index == chosen,
        rows: (0..7)
            .map(|day| HeatRow {
                day: DAYS[day],
                cells: (0..24).map(|hour| cell(week[24 * day + hour], level)).collect(),
            })
            .filter(|row| row.cells.iter().any(|cell| !cell.text.is_empty()))
            .collect(),
    });
    maps.collect()
}

fn cell(hour: Hour, level: impl Fn(u64) -> usize) -> HeatCell {
    hour.map_or_else(HeatCell::default, |(p95, jobs)| HeatCell {
        text: if p95 < 9_950 { number(p95 as f64 / 1000.0, 1) } else { number(p95 as f64 / 1000.0, 0) },
        level: level(p95),
        jobs: number(jobs as f64, 0),
        is_few: jobs < FEW_JOBS,
    })
}

fn finding(fleet: &str, week: &[Hour]) -> String {
    let enough = week.iter().enumerate().filter_map(|(hour, found)| {
        found.filter(|(_, jobs)| *jobs >= FEW_JOBS).map(|(p95, _)| (p95, std::cmp::Reverse(hour)))
    });
    enough.max().map_or_else(
        || fleet.to_owned(),
        |(p95, std::cmp::Reverse(hour))| {
            let seconds = three_digits(p95 as f64 / 1000.0);
            format!("{fleet}: longest {} at {:02}:00, p95 {seconds}\u{a0}s", DAYS[hour / 24], hour % 24)
        },
    )
}

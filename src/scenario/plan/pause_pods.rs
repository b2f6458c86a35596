//! Pause pods of runners (`[runner.autoscaler]`): their policies' periods become spans of the run.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Item, Table, Value};
use super::Run;
use super::gitlab::Runner;
use crate::gitlab::GitlabConfig;
use crate::gitlab::executor::{PausePods, PausePolicy};
use crate::karpenter::disruption::Cron;
use crate::simulation::{ExecutorPlan, PausePodsPlan};
use crate::units::{SimDuration, SimTime};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const MINUTE_MS: i64 = 60_000;
/// Clocks are put forward and back at a quarter of an hour.
const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// Jobs that began before the run's end are over by then.
const BEYOND_THE_END: SimDuration = SimDuration::from_hours(48);

/// The pause pods of every entry of every manager process.
pub(super) fn deployments(
    runners: &[Runner<'_>],
    executors: &[ExecutorPlan],
    gitlab: &GitlabConfig,
    run: &Run<'_>,
    problems: &mut Problems,
) -> Vec<PausePodsPlan> {
    let wanted: Vec<Option<PausePods>> = runners
        .iter()
        .map(|runner| {
            runner
                .table
                .get("autoscaler")
                .map(|_| pause_pods(runner.table.section("autoscaler"), run, problems))
        })
        .collect();
    let mut all = Vec::new();
    for (manager, process) in (0..).zip(&gitlab.managers) {
        for (number, entry) in (0..).zip(&process.entries) {
            let index = entry.runner as usize;
            // Without a policy the runner makes no deployment (gitlab-runner 19.4, `provider.go` `ensureManager`).
            let Some(wanted) = wanted[index].clone().filter(|wanted| !wanted.policies.is_empty()) else {
                continue;
            };
            let priority = runners[index].table.section("autoscaler").signed("pause_pod_priority") as i32;
            all.push(PausePodsPlan {
                manager,
                entry: number,
                wanted,
                requests: runners[index].default_requests,
                executor: ExecutorPlan { priority, ..executors[index].clone() },
            });
        }
    }
    all
}

fn pause_pods(table: &Table, run: &Run<'_>, problems: &mut Problems) -> PausePods {
    PausePods {
        max: table.integer("max_pause_pods") as u32,
        policies: table.tables("policy").map(|(own, _)| policy(own, run, problems)).collect(),
    }
}

fn policy(table: &Table, run: &Run<'_>, problems: &mut Problems) -> PausePolicy {
    PausePolicy {
        active: active_spans(table, run, problems),
        idle_count: table.integer("idle_count") as u32,
        idle_time: table.duration("idle_time"),
        scale_factor: table.number("scale_factor"),
        scale_factor_limit: table.integer("scale_factor_limit") as u32,
    }
}

/// The spans of the run in which the `periods` of a policy hold.
pub(super) fn active_spans(table: &Table, run: &Run<'_>, problems: &mut Problems) -> Vec<(SimTime, SimTime)> {
    let zone = table.text("timezone");
    let zone = TimeZone::get(zone).unwrap_or_else(|_| {
        let message = format!("`{zone}` is not a time zone");
        let wrong = Diagnostic::new(
            Code::Choice,
            table.span("timezone"),
            message,
            "expected a name of the IANA list",
        );
        problems.push(wrong.help("for example \"UTC\" or \"Europe/Berlin\""));
        TimeZone::UTC
    });
    let periods: Vec<Cron> = table.list("periods").iter().filter_map(|item| period(item, problems)).collect();
    active(&periods, &zone, run)
}

/// A cron expression; Sunday may be 7 here. Of seven fields, as docker+machine writes them, the first (seconds) and the last (years)
/// are left out.
fn period(item: &Item, problems: &mut Problems) -> Option<Cron> {
    let Value::Text(text) = &item.value else { return None };
    let mut fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if fields.len() == 7 {
        fields = fields[1..6].to_vec();
    }
    if let [_, _, _, _, week] = fields.as_mut_slice() {
        let day = |part: &str| match part.strip_suffix("-7") {
            Some("7") => "0".to_owned(),
            Some(first) => format!("{first}-6,0"),
            None if part == "7" => "0".to_owned(),
            None => part.to_owned(),
        };
        *week = week.split(',').map(day).collect::<Vec<_>>().join(",");
    }
    match fields.join(" ").parse() {
        Ok(cron) => Some(cron),
        Err(_) => {
            let message = format!("`{text}` is not a period");
            let wrong = Diagnostic::new(
                Code::Grammar,
                item.span.clone(),
                message,
                "expected five cron fields, or seven",
            );
            problems
                .push(wrong.help("every minute that matches is in the period, as in \"* 8-17 * * mon-fri\""));
            None
        }
    }
}

/// The spans of the run in which a minute of the zone's clock matches one of `periods`.
fn active(periods: &[Cron], zone: &TimeZone, run: &Run<'_>) -> Vec<(SimTime, SimTime)> {
    let always: Cron = "* * * * *".parse().expect("five fields");
    if periods.contains(&always) {
        return vec![(SimTime::ZERO, SimTime::NEVER)];
    }
    let start = run.start.timestamp().as_millisecond();
    let end = start.saturating_add_unsigned((run.horizon + BEYOND_THE_END).as_ms());
    let at = |unix_ms: i64| SimTime::ZERO + SimDuration::from_ms(unix_ms.saturating_sub(start).max(0) as u64);
    let mut spans: Vec<(SimTime, SimTime)> = Vec::new();
    let mut quarter = start.div_euclid(QUARTER_MS) * QUARTER_MS;
    while quarter < end {
        let offset = Timestamp::from_millisecond(quarter).map_or(0, |at| zone.to_offset(at).seconds());
        for minute in (0..15).map(|number| quarter + number * MINUTE_MS) {
            let local = minute + i64::from(offset) * 1000;
            if periods.iter().any(|period| period.next_after(local - 1) == Some(local)) {
                let (from, until) = (at(minute), at(minute + MINUTE_MS));
                match spans.last_mut() {
                    Some(last) if last.1 == from => last.1 = until,
                    _ if until > from => spans.push((from, until)),
                    _ => {}
                }
            }
        }
        quarter += QUARTER_MS;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(periods: &[&str], zone: &str, start: &str, days: u64) -> Vec<(u64, u64)> {
        let start = start.parse().unwrap();
        let (horizon, warmup) = (SimDuration::from_hours(24 * days), SimDuration::ZERO);
        let run = Run { seed: 1, horizon, warmup, drain: false, start: &start };
        let periods: Vec<Cron> = periods.iter().map(|text| text.parse().unwrap()).collect();
        let minutes = |at: SimTime| at.as_ms() / 60_000;
        let spans = active(&periods, &TimeZone::get(zone).unwrap(), &run);
        spans.into_iter().map(|(from, until)| (minutes(from), minutes(until))).collect()
    }

    #[test]
    fn working_hours_are_those_of_the_policys_clock() {
        let monday = "2026-11-02T00:00[UTC]";
        let hour = 60;
        let weekdays = spans(&["* 8-17 * * mon-fri"], "UTC", monday, 1);
        let day = |number: u64| (number * 24 * hour + 8 * hour, number * 24 * hour + 18 * hour);
        assert_eq!(weekdays, [day(0), day(1), day(2)]);
        let berlin = spans(&["* 8-17 * * mon-fri"], "Europe/Berlin", monday, 1);
        assert_eq!(berlin[0], (7 * hour, 17 * hour));
        // On 25 October 2026 Berlin's clocks go back an hour.
        let changing = spans(&["* 8-17 * * *"], "Europe/Berlin", "2026-10-24T00:00[UTC]", 1);
        assert_eq!(changing[0], (6 * hour, 16 * hour));
        assert_eq!(changing[1], ((24 + 7) * hour, (24 + 17) * hour));
    }

    #[test]
    fn a_run_that_starts_within_a_period_starts_with_it() {
        let spans = spans(&["* 8-17 * * *"], "UTC", "2026-11-02T12:00:30[UTC]", 1);
        assert_eq!(spans[0].0, 0);
    }
}

//! Surprises of runner managers: time-outs, slots, requests, polls.

use super::super::document::Table;
use super::{Found, Subject, at, elements, percent};
use crate::catalog::Arch;
use crate::engine::Streams;
use crate::metrics::{GaugeKey, JobOutcome, WaitCause};
use crate::simulation::CapacityPlan;
use crate::units::SimDuration;

/// Settings of a key that belongs to the process: of every runner that shares the manager of the one called `name`.
fn of_process(subject: &Subject<'_>, name: &str, key: &str, value: &str) -> Vec<String> {
    let manager = |runner: &Table| runner.text("manager").to_owned();
    let own = elements(subject.table, "runner").find(|(other, _)| *other == name);
    let own = own.map(|(_, runner)| manager(runner)).unwrap_or_default();
    elements(subject.table, "runner")
        .filter(|(other, runner)| *other == name || (!own.is_empty() && manager(runner) == own))
        .map(|(other, _)| format!("runner.{other}.{key}={value}"))
        .collect()
}

/// Launches that are drawn for the tail of the start-up.
const LAUNCHES: u64 = 2000;

/// FS0101: pods are given up before a slow node is there.
pub(super) fn poll_timeout(subject: &Subject<'_>, found: &mut Vec<Found>) {
    if !matches!(subject.fleet.plan.capacity, CapacityPlan::Karpenter(_)) {
        return;
    }
    let streams = Streams::new(0, 0);
    let startup = &subject.fleet.plan.ec2.startup;
    let mut ready: Vec<SimDuration> = (0..LAUNCHES)
        .map(|launch| startup.draw(&streams, launch).node.map_or(SimDuration::MAX, |node| node.ready_after))
        .collect();
    ready.sort_unstable();
    let come: Vec<SimDuration> = ready.iter().copied().filter(|ready| *ready != SimDuration::MAX).collect();
    let hang = 1.0 - come.len() as f64 / ready.len() as f64;
    let Some(slow) = come.get(come.len() * 99 / 100) else { return };
    // Batch window, CreateFleet, image pull and container start come on top.
    let needed = *slow + SimDuration::from_secs(60);
    for (name, runner) in elements(subject.table, "runner") {
        let timeout = runner.duration("poll_timeout");
        let given_up = subject.run.jobs.attempts_ended(JobOutcome::PodTimeout);
        if timeout >= needed && (hang == 0.0 || timeout >= SimDuration::from_mins(7) || given_up == 0) {
            continue;
        }
        let median = come[come.len() / 2];
        let lost = if hang > 0.0 {
            format!(
                " {} of launches never become a node; Karpenter tries anew after five minutes.",
                percent(hang)
            )
        } else {
            String::new()
        };
        found.push(Found {
            code: "FS0101",
            span: at(runner, runner.span("poll_timeout")),
            evidence: format!(
                "poll_timeout of runner {name} is {timeout}; a node takes pods {median} after the request in half of the launches and {slow} in 99 %.{lost} In a run {given_up} attempts were given up"
            ),
            fix: format!("runner.{name}.poll_timeout = \"10m\""),
            set: vec![format!("runner.{name}.poll_timeout=10m")],
        });
    }
}

/// FS0102: all slots are taken while jobs wait.
pub(super) fn slots(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let slots: u64 =
        subject.fleet.plan.gitlab.managers.iter().map(|manager| u64::from(manager.concurrent)).sum();
    let timeline = &subject.run.timeline;
    let running = |bucket: usize| {
        [Arch::Amd64, Arch::Arm64]
            .map(|arch| timeline.maximum(GaugeKey::RunningJobs(arch), bucket))
            .iter()
            .sum::<i64>()
    };
    let full = |bucket: &usize| {
        running(*bucket) as f64 >= 0.85 * slots as f64
            && timeline.average(GaugeKey::PendingJobs, *bucket) >= 1.0
    };
    let buckets = timeline.len();
    let times_full = (0..buckets).filter(full).count();
    if times_full == 0 || subject.share_of(WaitCause::GitlabQueue) < 0.2 {
        return;
    }
    let (code, most) = ("FS0102", (0..buckets).map(running).max().unwrap_or(0));
    for (name, runner) in elements(subject.table, "runner") {
        let concurrent = runner.integer("concurrent");
        found.push(Found {
            code,
            span: at(runner, runner.span("concurrent")),
            evidence: format!(
                "up to {most} jobs run at once and {slots} are allowed; in {} of the time all slots are taken while jobs wait, {:.1} s per job on average",
                percent(times_full as f64 / buckets as f64),
                subject.mean_of(WaitCause::GitlabQueue)
            ),
            fix: format!("runner.{name}.concurrent = {}", 2 * concurrent),
            set: of_process(subject, name, "concurrent", &(2 * concurrent).to_string()),
        });
    }
}

/// FS0103: a held request keeps other runners of the process from asking. Of the runner's own warnings at its start
/// (`checkConfigConcurrency` in `commands/multi.go`, GitLab Runner 18.5 to 19.4) the first two: fewer slots than runners, and one
/// request at a time, of which this says something only where jobs wait for it.
pub(super) fn starving(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let long_poll = subject.table.section("gitlab").duration("long_poll");
    let runners: Vec<_> = elements(subject.table, "runner").collect();
    for (name, runner) in &runners {
        let manager = runner.text("manager");
        let together = runners
            .iter()
            .filter(|(_, other)| !manager.is_empty() && other.text("manager") == manager)
            .count();
        let concurrent = runner.integer("concurrent");
        let (share, mean) =
            (subject.share_of(WaitCause::GitlabQueue), subject.mean_of(WaitCause::GitlabQueue));
        let is_single = runner.integer("request_concurrency") == 1;
        let is_held = long_poll > SimDuration::ZERO && is_single;
        let is_starved = is_held || (is_single && share >= 0.2 && mean >= 1.0);
        if !is_starved && together as u64 <= concurrent {
            continue;
        }
        let why = if is_held {
            format!(
                "runner {name} may have one request open and GitLab holds it for {long_poll}: a job that it could run waits until that is answered"
            )
        } else if is_starved {
            format!("runner {name} may have one request open: jobs of a burst come one by one")
        } else {
            format!("{together} runners share {concurrent} slots of manager {manager}")
        };
        let evidence = format!(
            "{why}; GitLab Runner warns of it at its start; jobs wait {mean:.1} s in GitLab's queue, {} of all waits",
            percent(share)
        );
        let mut set = vec![format!("runner.{name}.request_concurrency=4")];
        if together as u64 > concurrent {
            set.extend(of_process(subject, name, "concurrent", &together.to_string()));
        }
        found.push(Found {
            code: "FS0103",
            span: at(runner, runner.span(if is_starved { "request_concurrency" } else { "concurrent" })),
            evidence,
            fix: format!(
                "runner.{name}.request_concurrency = 4, and concurrent of at least the number of runners"
            ),
            set,
        });
    }
}

/// FS0121 and FS0122: jobs wait in GitLab although slots are free, because of how often and how much a manager asks.
pub(super) fn queueing(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let (share, mean) = (subject.share_of(WaitCause::GitlabQueue), subject.mean_of(WaitCause::GitlabQueue));
    if share < 0.2 || mean < 1.0 {
        return;
    }
    for (name, runner) in elements(subject.table, "runner") {
        let interval = runner.duration("check_interval");
        if interval > SimDuration::from_secs(1) {
            found.push(Found {
                code: "FS0121",
                span: at(runner, runner.span("check_interval")),
                evidence: format!(
                    "jobs wait {mean:.1} s in GitLab's queue, {} of all waits; a manager asks every {interval}, and of the slots that come free in between only the first gets work at once",
                    percent(share)
                ),
                fix: format!("runner.{name}.check_interval = \"1s\""),
                set: of_process(subject, name, "check_interval", "1s"),
            });
        }
        let requests = runner.integer("request_concurrency");
        if requests > 1 && requests < 50 && mean > 3.0 {
            found.push(Found {
                code: "FS0122",
                span: at(runner, runner.span("request_concurrency")),
                evidence: format!(
                    "jobs wait {mean:.1} s in GitLab's queue; request_concurrency is {requests}, but GitLab Runner starts at 1 and grows with success (FF_USE_ADAPTIVE_REQUEST_CONCURRENCY)"
                ),
                fix: format!("runner.{name}.request_concurrency = 50, or switch the feature flag off"),
                set: vec![format!("runner.{name}.request_concurrency=50")],
            });
        }
    }
}

/// FS0125: the last of the runner's own warnings about long polling (`checkConfigConcurrency` in `commands/multi.go`, GitLab
/// Runner 18.5 to 19.4): a limit of one or two with one request at a time.
pub(super) fn small_limit(subject: &Subject<'_>, found: &mut Vec<Found>) {
    for (name, runner) in elements(subject.table, "runner") {
        let (limit, requests) = (runner.integer("limit"), runner.integer("request_concurrency"));
        if !(1..=2).contains(&limit) || requests != 1 {
            continue;
        }
        let slots = runner.integer("concurrent");
        let more = slots.max(4);
        found.push(Found {
            code: "FS0125",
            span: at(runner, runner.span("limit")),
            evidence: format!(
                "runner {name} has limit = {limit}, request_concurrency = 1 and {slots} slots: GitLab Runner warns of it at its start; jobs wait {:.1} s in GitLab's queue, {} of all waits",
                subject.mean_of(WaitCause::GitlabQueue),
                percent(subject.share_of(WaitCause::GitlabQueue))
            ),
            fix: format!("runner.{name}.limit = {more} and request_concurrency = 4"),
            set: vec![format!("runner.{name}.limit={more}"), format!("runner.{name}.request_concurrency=4")],
        });
    }
}

/// FS0128: a limit that `concurrent` never lets a runner reach, of which `gitlab-runner register` warns.
pub(super) fn limit_above_concurrent(subject: &Subject<'_>, found: &mut Vec<Found>) {
    for (name, runner) in elements(subject.table, "runner") {
        let (limit, slots) = (runner.integer("limit"), runner.integer("concurrent"));
        if limit <= slots {
            continue;
        }
        found.push(Found {
            code: "FS0128",
            span: at(runner, runner.span("limit")),
            evidence: format!(
                "runner {name} may run {limit} jobs, but its process has {slots} slots: the limit is never reached; jobs wait {:.1} s in GitLab's queue, {} of all waits",
                subject.mean_of(WaitCause::GitlabQueue),
                percent(subject.share_of(WaitCause::GitlabQueue))
            ),
            fix: format!("runner.{name}.concurrent = {limit}"),
            set: of_process(subject, name, "concurrent", &limit.to_string()),
        });
    }
}

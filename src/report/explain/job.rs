//! The life line of one job: what happened to it, when, and why it waited.

use super::ExplainedRun;
use super::sheet::Sheet;
use super::words::{cause_meaning, count, ended, node_end, pass_refusal, remedy, share, span};
use crate::karpenter::solver::Refusal;
use crate::metrics::{JobOutcome, JobRecord, WaitCause};
use crate::report::verdict::words;
use crate::simulation::Explanation;
use crate::units::{SimDuration, SimTime};

/// The build that waited longest until its script started; none where no script did.
#[must_use]
pub fn longest_wait(run: &ExplainedRun<'_>) -> Option<u32> {
    let started = run.jobs().iter().filter(|job| job.has_started() && !job.retried);
    started.max_by_key(|job| (job.wait.total(), std::cmp::Reverse(job.ordinal))).map(|job| job.ordinal)
}

/// What happened to the job that the build belongs to, all its attempts included, at most `width` columns wide.
///
/// # Errors
/// There is no such build in the run.
pub fn explain_job(run: &ExplainedRun<'_>, build: u32, width: usize) -> Result<String, String> {
    let job = run.jobs().iter().find(|job| job.ordinal == build);
    let job = job.ok_or_else(|| {
        format!(
            "there is no job {build} in {}; jobs.csv lists them, `longest` is the one that waited longest",
            run.of_run()
        )
    })?;
    let mut attempts: Vec<&JobRecord> = run
        .jobs()
        .iter()
        .filter(|one| one.pipeline == job.pipeline && one.pipeline_job == job.pipeline_job)
        .filter(|one| one.class == job.class)
        .collect();
    attempts.sort_by_key(|one| one.ordinal);
    let last = attempts.last().copied().unwrap_or(job);
    let mut sheet = Sheet::new(width);
    sheet.paragraph(&format!(
        "Job {build} is {} of pipeline {} ({}).",
        run.class_name(job.class),
        job.pipeline,
        run.of_run()
    ));
    sheet.paragraph(&summary(last));
    sheet.blank();
    let lines = life_line(run, &attempts);
    for (at, text) in lines {
        let waited = span(at.saturating_since(job.wait_since));
        sheet.hanging(&format!("{}  {waited:>12}  ", run.clock(at)), &text);
    }
    sheet.blank();
    causes(&mut sheet, last);
    Ok(sheet.finish())
}

fn biggest(job: &JobRecord) -> WaitCause {
    let order = |cause: &WaitCause| (job.wait.of(*cause), std::cmp::Reverse(cause.index()));
    WaitCause::ALL.into_iter().max_by_key(order).expect("there are causes")
}

fn summary(job: &JobRecord) -> String {
    let wait = job.wait.total();
    if wait == SimDuration::ZERO {
        return format!("It did not wait; it {}.", ended(job.outcome));
    }
    let cause = biggest(job);
    let of_it = job.wait.of(cause);
    let most = format!(
        "the largest part is {}, {} ({})",
        words(cause.label()),
        span(of_it),
        share(of_it.as_secs_f64(), wait.as_secs_f64())
    );
    if job.has_started() {
        format!("It waited {} until its script started; {most}.", span(wait))
    } else {
        format!("Its script never started: after {} it {}; {most}.", span(wait), ended(job.outcome))
    }
}

fn causes(sheet: &mut Sheet, job: &JobRecord) {
    let wait = job.wait.total();
    if wait == SimDuration::ZERO {
        return;
    }
    sheet.paragraph("What it waited for:");
    let waited = WaitCause::ALL.into_iter().filter(|cause| job.wait.of(*cause) > SimDuration::ZERO);
    let mut causes: Vec<WaitCause> = waited.collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(job.wait.of(*cause)));
    let row = |cause: &WaitCause| {
        let of_it = job.wait.of(*cause);
        let part = share(of_it.as_secs_f64(), wait.as_secs_f64());
        vec![words(cause.label()), span(of_it), part, cause_meaning(*cause).to_owned()]
    };
    sheet.rows(&causes.iter().map(row).collect::<Vec<_>>());
    sheet.paragraph(&format!("Shorter with: {}.", remedy(causes[0])));
}

/// Everything that happened to the attempts, in order.
fn life_line(run: &ExplainedRun<'_>, attempts: &[&JobRecord]) -> Vec<(SimTime, String)> {
    let mut lines = Vec::new();
    for job in attempts {
        pending(job, attempts.len(), &mut lines);
        if job.pod_created_at != SimTime::NEVER {
            lines.push((job.pod_created_at, "its pod is created".to_owned()));
            until_bound(run, job, &mut lines);
        }
        start_and_end(run, job, &mut lines);
    }
    lines.retain(|(at, _)| *at != SimTime::NEVER);
    lines.sort_by_key(|(at, _)| *at);
    lines
}

fn pending(job: &JobRecord, attempts: usize, lines: &mut Vec<(SimTime, String)>) {
    let attempt = if attempts > 1 { format!("attempt {} ", job.attempt + 1) } else { String::new() };
    lines.push((job.pending_at, format!("{attempt}pending in GitLab")));
    if job.picked_at != SimTime::NEVER {
        let queued = span(job.picked_at - job.pending_at);
        lines.push((job.picked_at, format!("picked by a runner manager, after {queued} in GitLab's queue")));
    }
}

/// Passes that found no place, one after the other with the same refusals.
struct Unplaced<'a> {
    first: SimTime,
    last: SimTime,
    passes: usize,
    refusals: &'a [(u32, Refusal)],
}

/// What Karpenter did about the pod until it was bound.
fn until_bound(run: &ExplainedRun<'_>, job: &JobRecord, lines: &mut Vec<(SimTime, String)>) {
    let mut unplaced: Option<Unplaced<'_>> = None;
    let mut expected: Option<u32> = None;
    for one in run.reasons.iter().filter(|one| one.at >= job.pod_created_at && one.at <= job.bound_at) {
        match &one.what {
            Explanation::PodUnplaced { build, refusals } if *build == job.ordinal => match &mut unplaced {
                Some(said) if said.refusals == &refusals[..] => {
                    said.last = one.at;
                    said.passes += 1;
                }
                _ => {
                    lines.extend(unplaced.take().map(|found| unplaced_line(run, &found)));
                    unplaced = Some(Unplaced { first: one.at, last: one.at, passes: 1, refusals });
                }
            },
            Explanation::PodPlaced { build, node } if *build == job.ordinal && expected != Some(*node) => {
                expected = Some(*node);
                placed_lines(run, job, *node, one.at, lines);
            }
            Explanation::LaunchFailed { node, builds, failures, again_at, .. }
                if builds.contains(&job.ordinal) =>
            {
                let again = run.clock(*again_at);
                let times = count(*failures as usize, "time");
                lines.push((
                    one.at,
                    format!("EC2 refuses to launch node {node} for it, {times} now: again at {again}"),
                ));
            }
            _ => {}
        }
    }
    lines.extend(unplaced.map(|found| unplaced_line(run, &found)));
    let mut named = None;
    for (number, one) in run.decisions() {
        let Explanation::Launched { node, builds, chosen, sent, .. } = &one.what else { continue };
        if !builds.contains(&job.ordinal) {
            continue;
        }
        let others = match builds.len() {
            1 => String::new(),
            n => format!(" and {} more", count(n - 1, "pod")),
        };
        lines.push(match chosen {
            Some(chosen) => {
                named = Some(*node);
                let kind = run.offering(*chosen);
                (one.at, format!("EC2 launches node {node} for it{others}: {kind} (decision {number})"))
            }
            None => {
                let types = count(sent.len(), "type");
                (one.at, format!("EC2 has no capacity of {types}{others} (decision {number})"))
            }
        });
    }
    node_start(run, job, named, lines);
}

/// A pass counts on a node; and if that node goes before the pod is bound, its end.
fn placed_lines(
    run: &ExplainedRun<'_>,
    job: &JobRecord,
    ordinal: u32,
    at: SimTime,
    lines: &mut Vec<(SimTime, String)>,
) {
    let Some(node) = run.node(ordinal) else {
        lines.push((at, format!("Karpenter's pass expects it on node {ordinal}, which never runs")));
        return;
    };
    let how = if node.ready_at <= at { "which is there" } else { "which is on its way" };
    lines.push((at, format!("Karpenter's pass expects it on node {ordinal}, {how}")));
    if node.terminated_at <= job.bound_at {
        let why = node_end(node.end);
        lines.push((node.terminated_at, format!("node {ordinal} is gone: {why}")));
    }
}

fn unplaced_line(run: &ExplainedRun<'_>, found: &Unplaced<'_>) -> (SimTime, String) {
    let said: Vec<String> = found
        .refusals
        .iter()
        .map(|(pool, refusal)| format!("pool {}: {}", run.pool_name(*pool), pass_refusal(*refusal)))
        .collect();
    let said = if said.is_empty() { "no pool has any type to offer".to_owned() } else { said.join("; ") };
    let again = match found.passes {
        1 => String::new(),
        passes => format!(" ({passes} passes until {})", run.clock(found.last)),
    };
    (found.first, format!("Karpenter's pass finds no place{again}: {said}"))
}

/// The stages of the node that it was bound to, as far as the pod waited for them.
fn node_start(
    run: &ExplainedRun<'_>,
    job: &JobRecord,
    named: Option<u32>,
    lines: &mut Vec<(SimTime, String)>,
) {
    let Some(node) = job.node.and_then(|ordinal| run.node(ordinal)) else { return };
    let waited = |at: SimTime| at != SimTime::NEVER && at >= job.pod_created_at && at <= job.bound_at;
    let number = node.ordinal;
    if waited(node.launched_at) {
        lines.push((node.launched_at, format!("the instance of node {number} runs; billing starts")));
    }
    if waited(node.registered_at) {
        lines.push((node.registered_at, format!("node {number} joins the cluster")));
    }
    if waited(node.ready_at) {
        lines.push((node.ready_at, format!("node {number} takes pods")));
    }
    let how = match named {
        _ if !waited(node.ready_at) => "which was there already",
        Some(named) if named == number => "which was launched for it",
        _ => "which was on its way already",
    };
    let kind = run.offering_of(node);
    lines.push((job.bound_at, format!("bound to node {number} ({kind}), {how}")));
}

fn start_and_end(run: &ExplainedRun<'_>, job: &JobRecord, lines: &mut Vec<(SimTime, String)>) {
    if job.has_started() {
        let (pull, start) = (job.wait.of(WaitCause::ImagePull), job.wait.of(WaitCause::PodStart));
        let pulled = match pull {
            SimDuration::ZERO => "its images are on the node".to_owned(),
            pull => format!("{} of pulling images", span(pull)),
        };
        let text = format!("its script starts: {pulled}, {} of pod start", span(start));
        lines.push((job.script_started_at, text));
    }
    let (end, ran) = match (job.script_ended_at, job.has_started()) {
        (SimTime::NEVER, _) => (job.slot_freed_at, String::new()),
        (end, true) => (end, format!(" after {} of script", span(end - job.script_started_at))),
        (end, false) => (end, String::new()),
    };
    let end = if end == SimTime::NEVER { run.run.outcome.end } else { end };
    let again = if job.retried { "; it is tried again" } else { "" };
    let outcome =
        if job.outcome == JobOutcome::Success && ran.is_empty() { "ended" } else { ended(job.outcome) };
    lines.push((end, format!("it {outcome}{ran}{again}")));
}

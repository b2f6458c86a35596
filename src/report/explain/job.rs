//! The life line of one job: what happened to it, when, and why it waited.

use super::ExplainedRun;
use super::placed::{Line, expected_nodes, merged};
use super::sheet::{ExplanationFormat, Sheet};
use super::words::{cause_meaning, count, ended, pass_refusal, remedy, share, span};
use crate::karpenter::solver::Refusal;
use crate::metrics::{JobOutcome, JobRecord, WaitCause};
use crate::report::verdict::words;
use crate::simulation::{Explained, Explanation};
use crate::units::{SimDuration, SimTime};

/// The build that waited longest until its script started; none where no script did.
#[must_use]
pub fn longest_wait(run: &ExplainedRun<'_>) -> Option<u32> {
    let started = run.jobs().iter().filter(|job| job.has_started() && !job.retried);
    started.max_by_key(|job| (job.wait.total(), std::cmp::Reverse(job.ordinal))).map(|job| job.ordinal)
}

/// What happened to the job that the build belongs to, all its attempts included.
///
/// # Errors
/// There is no such build in the run.
pub fn explain_job(run: &ExplainedRun<'_>, build: u32, format: ExplanationFormat) -> Result<String, String> {
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
    let mut sheet = Sheet::new(format);
    facts(run, last, &mut sheet);
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

/// What a program asks first.
fn facts(run: &ExplainedRun<'_>, job: &JobRecord, sheet: &mut Sheet) {
    sheet.fact("fleet", run.fleet);
    sheet.fact("replication", run.replication);
    sheet.fact("job", job.ordinal);
    sheet.fact("class", run.class_name(job.class));
    sheet.fact("outcome", job.outcome.label());
    sheet.fact("pending_at_ms", job.pending_at.as_ms());
    sheet.fact("wait_ms", job.wait.total().as_ms());
    for cause in WaitCause::ALL {
        sheet.fact(&format!("{}_ms", cause.label()), job.wait.of(cause).as_ms());
    }
    if let Some(node) = job.node {
        sheet.fact("node", node);
    }
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
            lines.push((job.pod_created_at, Line::Text("its pod is created".to_owned())));
            until_bound(run, job, &mut lines);
        }
        start_and_end(run, job, &mut lines);
    }
    lines.retain(|(at, _)| *at != SimTime::NEVER);
    lines.sort_by_key(|(at, _)| *at);
    merged(run, lines)
}

fn pending(job: &JobRecord, attempts: usize, lines: &mut Vec<(SimTime, Line)>) {
    let attempt = if attempts > 1 { format!("attempt {} ", job.attempt + 1) } else { String::new() };
    lines.push((job.pending_at, Line::Text(format!("{attempt}pending in GitLab"))));
    if job.picked_at != SimTime::NEVER {
        let queued = span(job.picked_at - job.pending_at);
        let text = format!("picked by a runner manager, after {queued} in GitLab's queue");
        lines.push((job.picked_at, Line::Text(text)));
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
fn until_bound(run: &ExplainedRun<'_>, job: &JobRecord, lines: &mut Vec<(SimTime, Line)>) {
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
                lines.push((one.at, Line::Expected(*node)));
            }
            Explanation::Preempted { build: Some(build), node, victims, pause_pods }
                if *build == job.ordinal =>
            {
                let gone = super::words::given_way(victims, *pause_pods);
                lines.push((
                    one.at,
                    Line::Text(format!("kube-scheduler makes room for it on node {node}: {gone}")),
                ));
            }
            Explanation::LaunchFailed { node, builds, failures, again_at, .. }
                if builds.contains(&job.ordinal) =>
            {
                let again = run.clock(*again_at);
                let times = count(*failures as usize, "time");
                let text = format!("EC2 refuses to launch node {node} for it, {times} now: again at {again}");
                lines.push((one.at, Line::Text(text)));
            }
            _ => {}
        }
    }
    lines.extend(unplaced.map(|found| unplaced_line(run, &found)));
    let mut named = None;
    for (number, one) in run.decisions() {
        group_lines(run, job, (number, one), lines);
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
                let text = format!("EC2 launches node {node} for it{others}: {kind} (decision {number})");
                (one.at, Line::Text(text))
            }
            None => {
                let types = count(sent.len(), "type");
                let text = format!("EC2 has no capacity of {types}{others} (decision {number})");
                (one.at, Line::Text(text))
            }
        });
    }
    expected_nodes(run, job, lines);
    node_start(run, job, named, lines);
}

/// What Cluster Autoscaler did while the pod waited.
fn group_lines(
    run: &ExplainedRun<'_>,
    job: &JobRecord,
    (number, one): (usize, &Explained),
    lines: &mut Vec<(SimTime, Line)>,
) {
    let Explanation::GroupEnlarged { group, by, size, waiting, .. } = &one.what else { return };
    if waiting.contains(&job.ordinal) && one.at >= job.pod_created_at && one.at <= job.bound_at {
        let (group, nodes) = (run.pool_name(*group), count(*by as usize, "node"));
        let text =
            format!("Cluster Autoscaler enlarges group {group} by {nodes} to {size} (decision {number})");
        lines.push((one.at, Line::Text(text)));
    }
}

fn unplaced_line(run: &ExplainedRun<'_>, found: &Unplaced<'_>) -> (SimTime, Line) {
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
    (found.first, Line::Text(format!("Karpenter's pass finds no place{again}: {said}")))
}

/// The stages of the node that it was bound to, as far as the pod waited for them.
fn node_start(run: &ExplainedRun<'_>, job: &JobRecord, named: Option<u32>, lines: &mut Vec<(SimTime, Line)>) {
    let Some(node) = job.node.and_then(|ordinal| run.node(ordinal)) else { return };
    let waited = |at: SimTime| at != SimTime::NEVER && at >= job.pod_created_at && at <= job.bound_at;
    let number = node.ordinal;
    if waited(node.launched_at) {
        let text = format!("the instance of node {number} runs; billing starts");
        lines.push((node.launched_at, Line::Text(text)));
    }
    if waited(node.registered_at) {
        lines.push((node.registered_at, Line::Text(format!("node {number} joins the cluster"))));
    }
    if waited(node.ready_at) {
        lines.push((node.ready_at, Line::Text(format!("node {number} takes pods"))));
    }
    let how = match named {
        _ if !waited(node.ready_at) && waits_for_room(job) => "which was there already: room came free on it",
        _ if !waited(node.ready_at) => "which was there already",
        Some(named) if named == number => "which was launched for it",
        _ => "which was on its way already",
    };
    let kind = run.offering_of(node);
    lines.push((job.bound_at, Line::Text(format!("bound to node {number} ({kind}), {how}"))));
}

/// Whether the pod was not bound at kube-scheduler's first look, which takes a second at most.
fn waits_for_room(job: &JobRecord) -> bool {
    job.bound_at.saturating_since(job.pod_created_at) > SimDuration::from_secs(1)
}

fn start_and_end(run: &ExplainedRun<'_>, job: &JobRecord, lines: &mut Vec<(SimTime, Line)>) {
    if job.has_started() {
        let (pull, start) = (job.wait.of(WaitCause::ImagePull), job.wait.of(WaitCause::PodStart));
        let pulled = match pull {
            SimDuration::ZERO => "its images are on the node".to_owned(),
            pull => format!("{} of pulling images", span(pull)),
        };
        let text = format!("its script starts: {pulled}, {} of pod start", span(start));
        lines.push((job.script_started_at, Line::Text(text)));
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
    lines.push((end, Line::Text(format!("it {outcome}{ran}{again}{}", preempted(run, job)))));
}

/// Whose pod took its place, where it was preempted.
fn preempted(run: &ExplainedRun<'_>, job: &JobRecord) -> String {
    let found = run.decisions().find_map(|(number, one)| match &one.what {
        Explanation::Preempted { build, victims, .. } if victims.contains(&job.ordinal) => {
            Some((number, *build))
        }
        _ => None,
    });
    match found {
        None => String::new(),
        Some((number, Some(by))) => {
            format!(": its pod gave way to that of job {by}, which has a higher priority (decision {number})")
        }
        Some((number, None)) => format!(": its pod gave way to one of a higher priority (decision {number})"),
    }
}

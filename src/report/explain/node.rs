//! The life line of one node: why it was launched, what it carried, why it was left standing, why it went.

use super::ExplainedRun;
use super::sheet::Sheet;
use super::words::{count, disruption, kept, node_end, share, span};
use crate::karpenter::disruption::{ConsolidationPolicy, Decision, Reason, Refusal};
use crate::metrics::{JobRecord, NodeRecord};
use crate::report::format::number;
use crate::simulation::{Explanation, Kept, PoolPlan};
use crate::units::{SimDuration, SimTime};

/// The node that stood ready without a pod for longest; none where no node was kept.
#[must_use]
pub fn idlest_node(run: &ExplainedRun<'_>) -> Option<u32> {
    run.nodes()
        .iter()
        .max_by_key(|node| (node.empty_ms, std::cmp::Reverse(node.ordinal)))
        .map(|node| node.ordinal)
}

/// What happened to a node and why it stood, with its state at an instant where one is given.
///
/// # Errors
/// There is no such node in the run.
pub fn explain_node(
    run: &ExplainedRun<'_>,
    ordinal: u32,
    at: Option<SimTime>,
    width: usize,
) -> Result<String, String> {
    let node = run.node(ordinal).ok_or_else(|| {
        format!(
            "there is no node {ordinal} in {}; nodes.csv lists them, `idlest` stood empty longest",
            run.of_run()
        )
    })?;
    let pods = pods_of(run, node);
    let mut sheet = Sheet::new(width);
    let pool = run.pool_name(node.pool);
    sheet.paragraph(&format!(
        "Node {ordinal} is {} of pool {pool} ({}).",
        run.offering_of(node),
        run.of_run()
    ));
    sheet.paragraph(&account(node));
    if let Some(at) = at {
        sheet.blank();
        sheet.paragraph(&standing(run, node, &pods, at));
    }
    sheet.blank();
    for (at, text) in life_line(run, node, &pods) {
        sheet.hanging(&format!("{}  ", run.clock(at)), &text);
    }
    Ok(sheet.finish())
}

fn account(node: &NodeRecord) -> String {
    let life = SimDuration::from_ms(node.lifetime_ms());
    let busy = node.lifetime_ms().saturating_sub(node.start_up_ms + node.empty_ms);
    let part = |ms: u64, what: &str| {
        let part = SimDuration::from_ms(ms);
        format!("{} {what} ({})", span(part), share(part.as_secs_f64(), life.as_secs_f64()))
    };
    format!(
        "It stood {} and cost ${} in the counted time: {}, {}, {}. {} ran on it.",
        span(life),
        number(node.cost.read().as_dollars(), 4),
        part(node.start_up_ms, "starting"),
        part(busy, "with pods"),
        part(node.empty_ms, "empty"),
        count(node.pods_run as usize, "pod"),
    )
}

/// From when until when each build had its pod on the node, in order. A pod leaves a few seconds after its build's slot is free.
fn pods_of<'a>(run: &ExplainedRun<'a>, node: &NodeRecord) -> Vec<(SimTime, SimTime, &'a JobRecord)> {
    let mut pods: Vec<_> = run
        .jobs()
        .iter()
        .filter(|job| job.node == Some(node.ordinal) && job.bound_at != SimTime::NEVER)
        .map(|job| (job.bound_at, job.slot_freed_at.min(node.terminated_at), job))
        .collect();
    pods.sort_by_key(|(bound, ..)| *bound);
    pods
}

/// Times with pods: from, until, how many pods, most at once. Gaps of less than half a minute are none.
fn busy_times(pods: &[(SimTime, SimTime, &JobRecord)]) -> Vec<(SimTime, SimTime, usize, usize)> {
    let mut times: Vec<(SimTime, SimTime, usize, usize)> = Vec::new();
    for (index, (from, until, _)) in pods.iter().enumerate() {
        let at_once = pods[..=index].iter().filter(|(_, end, _)| end > from).count();
        match times.last_mut() {
            Some((_, end, pods, most)) if *from <= *end + SimDuration::from_secs(30) => {
                *end = (*end).max(*until);
                *pods += 1;
                *most = (*most).max(at_once);
            }
            _ => times.push((*from, *until, 1, 1)),
        }
    }
    times
}

/// How many busy times are shown at the beginning and at the end of a long life.
const SHOWN: usize = 5;

fn busy_lines(
    run: &ExplainedRun<'_>,
    times: &[(SimTime, SimTime, usize, usize)],
    lines: &mut Vec<(SimTime, String)>,
) {
    let is_long = times.len() > 2 * SHOWN + 1;
    for (index, (from, until, pods, most)) in times.iter().enumerate() {
        if is_long && (SHOWN..times.len() - SHOWN).contains(&index) {
            continue;
        }
        let at_once = if *pods > 1 { format!(", at most {most} at once") } else { String::new() };
        lines.push((*from, format!("busy until {}: {}{at_once}", run.clock(*until), count(*pods, "pod"))));
    }
    if is_long {
        let hidden = &times[SHOWN..times.len() - SHOWN];
        let pods = hidden.iter().map(|(.., pods, _)| pods).sum();
        let until = hidden.last().map_or(SimTime::ZERO, |(_, until, ..)| *until);
        let gap =
            times.windows(2).map(|pair| pair[1].0.saturating_since(pair[0].1)).max().unwrap_or_default();
        lines.push((
            hidden[0].0,
            format!(
                "busy {} more until {} with {}, never empty for longer than {}",
                count(hidden.len(), "time"),
                run.clock(until),
                count(pods, "pod"),
                span(gap)
            ),
        ));
    }
}

fn life_line(
    run: &ExplainedRun<'_>,
    node: &NodeRecord,
    pods: &[(SimTime, SimTime, &JobRecord)],
) -> Vec<(SimTime, String)> {
    let mut lines = Vec::new();
    if let Some((decision, one)) = run.launch_of(node.ordinal)
        && let Explanation::Launched { pods, .. } = one.what
    {
        lines.push((
            one.at,
            format!("launched for {} that fitted nowhere (decision {decision})", count(pods as usize, "pod")),
        ));
    }
    lines.push((node.launched_at, "its instance runs; billing starts".to_owned()));
    lines.push((node.registered_at, "joins the cluster".to_owned()));
    lines.push((node.ready_at, "takes pods".to_owned()));
    busy_lines(run, &busy_times(pods), &mut lines);
    disruption_lines(run, node, &mut lines);
    lines.push((node.terminated_at, format!("gone: {}", node_end(node.end))));
    lines.retain(|(at, _)| *at != SimTime::NEVER);
    lines.sort_by_key(|(at, _)| *at);
    lines
}

/// What a node meets all the time, so that a life line need not say it.
const fn is_everyday(why: Kept) -> bool {
    matches!(
        why,
        Kept::Refused(
            Refusal::PolicyWhenEmpty
                | Refusal::Nominated
                | Refusal::Uninitialized
                | Refusal::MarkedForDeletion
        )
    )
}

/// What the disruption controller said about the node and its pool, each reason once.
fn disruption_lines(run: &ExplainedRun<'_>, node: &NodeRecord, lines: &mut Vec<(SimTime, String)>) {
    let mut said: Vec<Kept> = Vec::new();
    for one in run.reasons.iter().filter(|one| one.at >= node.launched_at && one.at <= node.terminated_at) {
        match &one.what {
            Explanation::NodeKept { node: of, why: Some(why) }
                if *of == node.ordinal && !said.contains(why) && !is_everyday(*why) =>
            {
                lines.push((one.at, format!("Karpenter leaves it alone: {}", kept(*why))));
                said.push(*why);
            }
            Explanation::PoolBlocked { pool, reason, is_blocked } if *pool == node.pool => {
                let no = if *is_blocked { "no" } else { "some" };
                lines.push((one.at, format!("the pool's budgets let {no} {} go", disruption(*reason))));
            }
            _ => {}
        }
    }
    for (number, one) in run.decisions() {
        let Explanation::Commanded { reason, decision, nodes } = &one.what else { continue };
        if nodes.contains(&node.ordinal) {
            let others = match nodes.len() {
                1 => String::new(),
                n => format!(", with {}", count(n - 1, "other node")),
            };
            let how = if *decision == Decision::Delete { "deletes" } else { "replaces" };
            lines.push((one.at, format!("Karpenter {how} it{others}: {reason} (decision {number})")));
        }
    }
}

/// Why the node was there at an instant.
fn standing(
    run: &ExplainedRun<'_>,
    node: &NodeRecord,
    pods: &[(SimTime, SimTime, &JobRecord)],
    at: SimTime,
) -> String {
    let when = run.clock(at);
    if at < node.launched_at || at >= node.terminated_at {
        let (from, until) = (run.clock(node.launched_at), run.clock(node.terminated_at));
        return format!("At {when} it was not there: it stood from {from} until {until}.");
    }
    if at < node.ready_at {
        let until =
            if node.ready_at == SimTime::NEVER { "never".to_owned() } else { run.clock(node.ready_at) };
        return format!("At {when} it was still starting; it takes pods from {until} on.");
    }
    let on_it: Vec<&JobRecord> =
        pods.iter().filter(|(from, until, _)| *from <= at && at < *until).map(|(.., job)| *job).collect();
    if !on_it.is_empty() {
        let shown: Vec<String> = on_it
            .iter()
            .take(4)
            .map(|job| format!("{} ({})", job.ordinal, run.class_name(job.class)))
            .collect();
        let more = if on_it.len() > 4 { " and more" } else { "" };
        let jobs = if on_it.len() == 1 { "job" } else { "jobs" };
        return format!(
            "At {when} it is still there because it has {}: {jobs} {}{more}.{}",
            count(on_it.len(), "pod"),
            shown.join(", "),
            busy_reason(run, node, at)
        );
    }
    empty_reason(run, node, pods, at)
}

/// What Karpenter said last about a busy node.
fn busy_reason(run: &ExplainedRun<'_>, node: &NodeRecord, at: SimTime) -> String {
    let mut last: Option<Kept> = None;
    for one in run.reasons.iter().take_while(|one| one.at <= at) {
        if let Explanation::NodeKept { node: of, why } = one.what
            && of == node.ordinal
        {
            last = why;
        }
    }
    let policy = run.pool(node.pool).map(|pool| pool.disruption.consolidation_policy);
    match (last, policy) {
        (Some(why), _) => format!(" Karpenter leaves it alone: {}.", kept(why)),
        (None, Some(ConsolidationPolicy::WhenEmpty)) => {
            " Its pool removes empty nodes only (consolidationPolicy: WhenEmpty).".to_owned()
        }
        _ => String::new(),
    }
}

fn empty_reason(
    run: &ExplainedRun<'_>,
    node: &NodeRecord,
    pods: &[(SimTime, SimTime, &JobRecord)],
    at: SimTime,
) -> String {
    let when = run.clock(at);
    let since =
        pods.iter().map(|(_, until, _)| *until).filter(|until| *until <= at).max().unwrap_or(node.ready_at);
    let empty = format!("At {when} it is empty, for {}", span(at.saturating_since(since)));
    let Some(pool) = run.pool(node.pool) else {
        return format!("{empty}: a fixed node is never removed.");
    };
    let after = pool.ttl_after_empty.or(pool.disruption.consolidate_after);
    let Some(after) = after else {
        return format!("{empty}. Its pool says consolidateAfter: Never, so it stays.");
    };
    let due = since + after;
    let next_pod = pods.iter().map(|(from, ..)| *from).find(|from| *from > at);
    let rule = rule_name(pool);
    let then = match next_pod {
        Some(pod) => format!(" Before it went, a pod came at {}.", run.clock(pod)),
        None => format!(" It went at {}: {}.", run.clock(node.terminated_at), node_end(node.end)),
    };
    if at < due {
        let left = span(due.saturating_since(at));
        return format!(
            "{empty}. It is still there because {rule} of {} is over only in {left}, at {}.{then}",
            span(after),
            run.clock(due)
        );
    }
    let blocked = blocked_since(run, node.pool, at);
    let why = match blocked {
        Some(from) => format!("the pool's budgets let no empty node go since {}", run.clock(from)),
        None => {
            "Karpenter looks every 10\u{a0}s, checks again 15\u{a0}s later, and then drains and terminates"
                .to_owned()
        }
    };
    format!(
        "{empty}; {rule} of {} was over at {}. It is still there because {why}.{then}",
        span(after),
        run.clock(due)
    )
}

const fn rule_name(pool: &PoolPlan) -> &'static str {
    if pool.ttl_after_empty.is_some() { "ttlSecondsAfterEmpty" } else { "consolidateAfter" }
}

/// Since when the pool's budgets let no empty node go, if they do not at `at`.
fn blocked_since(run: &ExplainedRun<'_>, of: u32, at: SimTime) -> Option<SimTime> {
    let mut since = None;
    for one in run.reasons.iter().take_while(|one| one.at <= at) {
        if let Explanation::PoolBlocked { pool, reason: Reason::Empty, is_blocked } = one.what
            && pool == of
        {
            since = is_blocked.then_some(one.at);
        }
    }
    since
}

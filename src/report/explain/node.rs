//! The life line of one node: why it was launched, what it carried, why it was left standing, why it went.

use super::ExplainedRun;
use super::sheet::{ExplanationFormat, Sheet};
use super::standing::standing;
use super::words::{count, disruption, given_way, kept, node_end, share, span};
use crate::karpenter::disruption::{Decision, Refusal};
use crate::metrics::{JobRecord, NodeRecord};
use crate::report::format::number;
use crate::simulation::{Explanation, Kept};
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
    format: ExplanationFormat,
) -> Result<String, String> {
    let node = run.node(ordinal).ok_or_else(|| {
        format!(
            "there is no node {ordinal} in {}; nodes.csv lists them, `idlest` stood empty longest",
            run.of_run()
        )
    })?;
    let pods = pods_of(run, node);
    let mut sheet = Sheet::new(format);
    facts(run, node, &mut sheet);
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

/// What a program asks first.
fn facts(run: &ExplainedRun<'_>, node: &NodeRecord, sheet: &mut Sheet) {
    sheet.fact("fleet", run.fleet);
    sheet.fact("replication", run.replication);
    sheet.fact("node", node.ordinal);
    sheet.fact("pool", run.pool_name(node.pool));
    sheet.fact("capacity_type", node.capacity.label());
    sheet.fact("launched_at_ms", node.launched_at.as_ms());
    sheet.fact("lifetime_ms", node.lifetime_ms());
    sheet.fact("start_up_ms", node.start_up_ms);
    sheet.fact("empty_ms", node.empty_ms);
    sheet.fact("cost_usd", node.cost.read().as_dollars());
    sheet.fact("end", node.end.label());
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
        let whom = match run.replicas(node.pool) {
            Some(replicas) => {
                format!("because its static pool is to have {}", count(replicas as usize, "node"))
            }
            None if pods == 0 => "in place of a node that is to go".to_owned(),
            None => format!("for {} that fitted nowhere", count(pods as usize, "pod")),
        };
        lines.push((one.at, format!("launched {whom} (decision {decision})")));
    }
    group_line(run, node, &mut lines);
    lines.push((node.launched_at, "its instance runs; billing starts".to_owned()));
    lines.push((node.registered_at, "joins the cluster".to_owned()));
    lines.push((node.ready_at, "takes pods".to_owned()));
    busy_lines(run, &busy_times(pods), &mut lines);
    disruption_lines(run, node, &mut lines);
    lines.push((node.terminated_at, format!("gone: {}", why_gone(run, node))));
    lines.retain(|(at, _)| *at != SimTime::NEVER);
    lines.sort_by_key(|(at, _)| *at);
    lines
}

/// Why it went. Karpenter has no reason of its own for the nodes that a static pool has too many.
fn why_gone(run: &ExplainedRun<'_>, node: &NodeRecord) -> &'static str {
    let is_too_many = run.decisions().any(|(_, one)| {
        matches!(&one.what, Explanation::StaticPoolShrinks { nodes, .. } if nodes.contains(&node.ordinal))
    });
    if is_too_many { "its static pool was made smaller" } else { node_end(node.end) }
}

/// The scan of Cluster Autoscaler that enlarged the node's group for it: the last one before its instance ran.
fn group_line(run: &ExplainedRun<'_>, node: &NodeRecord, lines: &mut Vec<(SimTime, String)>) {
    let scans = run.decisions().filter(|(_, one)| {
        matches!(one.what, Explanation::GroupEnlarged { group, .. } if group == node.pool)
            && one.at <= node.launched_at
    });
    // Nodes that stand from the start were launched by nobody.
    if node.launched_at > SimTime::ZERO
        && let Some((number, one)) = scans.last()
        && let Explanation::GroupEnlarged { by, .. } = &one.what
    {
        let nodes = count(*by as usize, "node");
        lines.push((one.at, format!("Cluster Autoscaler enlarges its group by {nodes} (decision {number})")));
    }
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
        match &one.what {
            Explanation::Preempted { build, node: on, victims, pause_pods } if *on == node.ordinal => {
                let whom = build.map_or_else(|| "a pause pod".to_owned(), |build| format!("job {build}"));
                let gone = given_way(victims, *pause_pods);
                lines.push((
                    one.at,
                    format!("kube-scheduler makes room for {whom}: {gone} (decision {number})"),
                ));
            }
            Explanation::StaticPoolShrinks { replicas, nodes, .. } if nodes.contains(&node.ordinal) => {
                let wanted = count(*replicas as usize, "node");
                lines.push((
                    one.at,
                    format!("its static pool is to have {wanted} only: it goes (decision {number})"),
                ));
            }
            Explanation::GroupsShrink { nodes } if nodes.contains(&node.ordinal) => {
                lines.push((
                    one.at,
                    format!("Cluster Autoscaler removes it: it is empty (decision {number})"),
                ));
            }
            _ => {}
        }
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

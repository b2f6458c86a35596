//! Why a node is there at an instant: what is on it, which rule keeps it, when that is over.

use super::words::{count, kept, node_end, span};
use super::{ExplainedRun, static_pool_text};
use crate::karpenter::disruption::{ConsolidationPolicy, Reason};
use crate::metrics::{JobRecord, NodeRecord};
use crate::simulation::{CapacityPlan, Explanation, Kept, PoolPlan};
use crate::units::SimTime;

/// Why the node was there at an instant.
pub(super) fn standing(
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
        return format!("{empty}{}", without_karpenter(run, node, since, at));
    };
    if let Some(replicas) = pool.replicas {
        return format!("{empty}. {}", static_pool_text(&run.pool_name(node.pool), replicas));
    }
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

/// Why an empty node that Karpenter has nothing to do with is still there.
fn without_karpenter(run: &ExplainedRun<'_>, node: &NodeRecord, since: SimTime, at: SimTime) -> String {
    let CapacityPlan::NodeGroups(groups) = &run.plan.capacity else {
        return ": a fixed node is never removed.".to_owned();
    };
    let (config, group) = (&groups.config, &groups.groups[node.pool as usize]);
    if !config.scale_down {
        return ". Cluster Autoscaler removes nothing (scale_down is off).".to_owned();
    }
    let went = format!(" It went at {}: {}.", run.clock(node.terminated_at), node_end(node.end));
    let unneeded = since + config.unneeded_time;
    let rule = span(config.unneeded_time);
    if at < unneeded {
        return format!(
            ". It is still there because Cluster Autoscaler removes a node only after {rule} without a job pod \
             (scale_down_unneeded_time), at {} at the soonest.{went}",
            run.clock(unneeded)
        );
    }
    let added = run.decisions().filter(|(_, one)| one.at <= at);
    let added = added.filter(|(_, one)| matches!(one.what, Explanation::GroupEnlarged { .. })).last();
    if let Some((number, one)) = added.filter(|(_, one)| at < one.at + config.delay_after_add) {
        return format!(
            ", longer than {rule} (scale_down_unneeded_time). It is still there because a group was enlarged at {} \
             (decision {number}): for {} after that Cluster Autoscaler removes nothing (scale_down_delay_after_add).{went}",
            run.clock(one.at),
            span(config.delay_after_add)
        );
    }
    format!(
        ", longer than {rule} (scale_down_unneeded_time). It is still there because its group is to have at least {} \
         (min), or because {} at most go in one scan.{went}",
        count(group.min as usize, "node"),
        count(config.scale_down_parallelism as usize, "node")
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

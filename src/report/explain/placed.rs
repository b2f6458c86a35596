//! Where Karpenter's passes expect a pod, and what became of these nodes: the part of a job's life line that tells why a node
//! that was launched for it was not the one it got.

use super::ExplainedRun;
use super::words::{count, node_end, span};
use crate::metrics::{JobRecord, NodeRecord};
use crate::simulation::Explanation;
use crate::units::{SimDuration, SimTime};

/// A line of a job's life.
pub(super) enum Line {
    /// As it is said.
    Text(String),
    /// A pass expects the pod on this node.
    Expected(u32),
}

/// The lines as they are said: passes that follow each other are one line, since every pass packs all that waits anew.
pub(super) fn merged(run: &ExplainedRun<'_>, lines: Vec<(SimTime, Line)>) -> Vec<(SimTime, String)> {
    let mut said: Vec<(SimTime, String)> = Vec::new();
    let mut passes: Vec<(SimTime, u32)> = Vec::new();
    for (at, line) in lines {
        match line {
            Line::Expected(node) => passes.push((at, node)),
            Line::Text(text) => {
                said.extend(expected_line(run, &std::mem::take(&mut passes)));
                said.push((at, text));
            }
        }
    }
    said.extend(expected_line(run, &passes));
    said
}

/// Most nodes that are named one after the other.
const NAMED: usize = 4;

fn expected_line(run: &ExplainedRun<'_>, passes: &[(SimTime, u32)]) -> Option<(SimTime, String)> {
    let (&(first, node), &(last, _)) = (passes.first()?, passes.last()?);
    if passes.len() == 1 {
        let how = match run.node(node) {
            None => "which never runs",
            Some(node) if node.ready_at <= first => "which is there",
            Some(_) => "which is on its way",
        };
        return Some((first, format!("Karpenter's pass expects it on node {node}, {how}")));
    }
    let shown: Vec<String> = passes.iter().take(NAMED).map(|(_, node)| node.to_string()).collect();
    let more = if passes.len() > NAMED { " and so on" } else { "" };
    let (until, times) = (run.clock(last), count(passes.len(), "time"));
    let nodes = shown.join(", then ");
    let text = format!(
        "Karpenter packs what waits anew, {times} until {until}, and expects it on node {nodes}{more}"
    );
    Some((first, text))
}

/// What became of the nodes that the pod was expected on, but for the one it got.
pub(super) fn expected_nodes(run: &ExplainedRun<'_>, job: &JobRecord, lines: &mut Vec<(SimTime, Line)>) {
    let mut expected: Vec<(u32, SimTime)> = Vec::new();
    for one in run.reasons.iter().filter(|one| one.at >= job.pod_created_at && one.at <= job.bound_at) {
        let node = match &one.what {
            Explanation::PodPlaced { build, node } if *build == job.ordinal => *node,
            Explanation::Launched { node, builds, chosen: Some(_), .. } if builds.contains(&job.ordinal) => {
                *node
            }
            _ => continue,
        };
        if Some(node) != job.node && !expected.iter().any(|(known, _)| *known == node) {
            expected.push((node, one.at));
        }
    }
    let mut starting = Vec::new();
    for (ordinal, since) in expected {
        let Some(node) = run.node(ordinal) else { continue };
        if node.terminated_at <= job.bound_at {
            let text = format!("node {ordinal} is gone: {}", node_end(node.end));
            lines.push((node.terminated_at, Line::Text(text)));
        } else if node.ready_at > job.bound_at {
            starting.push((ordinal, since, node));
        } else if node.ready_at > since {
            lines.push((node.ready_at, Line::Text(taken_by_others(run, job, node))));
        }
    }
    if job.bound_at != SimTime::NEVER {
        lines.extend(starting.into_iter().filter_map(|(ordinal, since, node)| {
            let waited = job.bound_at.saturating_since(since);
            // Nodes start within a minute or so: only what takes longer explains anything.
            let is_slow = waited > SimDuration::from_secs(60);
            is_slow.then(|| (job.bound_at, Line::Text(still_starting(run, ordinal, waited, node))))
        }));
    }
}

/// The node is ready, and its room goes to others before the pod is bound.
fn taken_by_others(run: &ExplainedRun<'_>, job: &JobRecord, node: &NodeRecord) -> String {
    let is_other = |one: &&JobRecord| {
        one.node == Some(node.ordinal) && one.bound_at >= node.ready_at && one.bound_at <= job.bound_at
    };
    let others = run.jobs().iter().filter(is_other).count();
    match others {
        0 => format!("node {} takes pods", node.ordinal),
        others => {
            let pods = count(others, "other pod");
            let first = if others == 1 { "is bound to it" } else { "are bound to it" };
            format!("node {} takes pods; {pods} {first} before this one", node.ordinal)
        }
    }
}

fn still_starting(run: &ExplainedRun<'_>, ordinal: u32, waited: SimDuration, node: &NodeRecord) -> String {
    let after = span(waited);
    if node.ready_at == SimTime::NEVER {
        let given_up = run.clock(node.terminated_at);
        return format!(
            "node {ordinal} has not become ready within {after}; it never does and is given up at {given_up}"
        );
    }
    format!(
        "node {ordinal} has not become ready within {after}; it takes pods only at {}",
        run.clock(node.ready_at)
    )
}

//! A command of Karpenter's disruption: why these nodes go, and why the others were left alone.

use super::ExplainedRun;
use super::decision::standing_rows;
use super::sheet::Sheet;
use super::words::{count, kept};
use crate::karpenter::disruption::{Decision, Reason};
use crate::simulation::{Explanation, Kept};
use crate::units::SimTime;

/// Why nodes are deleted or replaced, and why not the others.
pub(super) fn command(
    run: &ExplainedRun<'_>,
    at: SimTime,
    (reason, decision, nodes): (Reason, Decision, &[u32]),
    head: &str,
    sheet: &mut Sheet,
) {
    sheet.fact("kind", if decision == Decision::Delete { "delete" } else { "replace" });
    sheet.fact("reason", reason.to_string());
    sheet.fact("nodes", nodes.to_vec());
    let how = if decision == Decision::Delete { "deleted" } else { "replaced" };
    let are = if nodes.len() == 1 { "is" } else { "are" };
    sheet.paragraph(&format!("{head}{} {are} {how}, reason {reason}.", count(nodes.len(), "node")));
    sheet.blank();
    sheet.paragraph(match (reason, decision) {
        (Reason::Empty, _) => {
            "No pod was on them for as long as consolidateAfter says, their pool's budgets let them go, and 15\u{a0}s later that still held."
        }
        (Reason::Underutilized, Decision::Delete) => {
            "Their pods fit on other nodes. 15\u{a0}s later that still held; the pods are evicted, and builds of theirs that run are lost unless do-not-disrupt protects them."
        }
        (Reason::Underutilized, Decision::Replace) => {
            "Their pods fit on other nodes and one new, cheaper one. 15\u{a0}s later that still held; once it is ready the pods are evicted, and builds of theirs that run are lost unless do-not-disrupt protects them."
        }
        (Reason::Drifted, _) => "They differ from what their pool asks for; replacements come first.",
    });
    standing_rows(run, at, nodes, sheet);
    left_alone(run, at, nodes, sheet);
}

/// The other nodes that stood at that instant, by why they were left alone.
fn left_alone(run: &ExplainedRun<'_>, at: SimTime, going: &[u32], sheet: &mut Sheet) {
    let mut last: Vec<(u32, Kept)> = Vec::new();
    for one in run.reasons.iter().take_while(|one| one.at <= at) {
        if let Explanation::NodeKept { node, why } = one.what {
            last.retain(|(known, _)| *known != node);
            last.extend(why.map(|why| (node, why)));
        }
    }
    let stands = |ordinal: u32| {
        run.node(ordinal).is_some_and(|node| node.launched_at <= at && at < node.terminated_at)
    };
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for (node, why) in last {
        if !stands(node) || going.contains(&node) {
            continue;
        }
        let words = kept(why);
        match reasons.iter_mut().find(|(known, _)| *known == words) {
            Some((_, nodes)) => *nodes += 1,
            None => reasons.push((words, 1)),
        }
    }
    if reasons.is_empty() {
        return;
    }
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sheet.blank();
    sheet.paragraph("Why not the other nodes, as last said:");
    sheet.rows(&reasons.into_iter().map(|(words, nodes)| vec![nodes.to_string(), words]).collect::<Vec<_>>());
}

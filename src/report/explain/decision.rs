//! One decision: Karpenter's launches and disruption commands, kube-scheduler's preemptions, Cluster Autoscaler's scans.

use super::command::command;
use super::launch::launch;
use super::sheet::{ExplanationFormat, Sheet};
use super::words::{count, given_way, span};
use super::{ExplainedRun, static_pool_text};
use crate::report::format::number;
use crate::scaling::{Expander, ScaleOption};
use crate::simulation::{CapacityPlan, Explained, Explanation, NodeGroupsPlan};
use crate::units::SimTime;

/// Why a decision was made as it was. Decisions are numbered from 1.
///
/// # Errors
/// There is no such decision in the run.
pub fn explain_decision(
    run: &ExplainedRun<'_>,
    wanted: usize,
    format: ExplanationFormat,
) -> Result<String, String> {
    let last = run.decisions().map(|(number, _)| number).last().unwrap_or(0);
    let found = run.decisions().find(|(number, _)| *number == wanted);
    let (_, one) = found.ok_or_else(|| {
        format!("there is no decision {wanted} in {}: it has {}", run.of_run(), count(last, "decision"))
    })?;
    let mut sheet = Sheet::new(format);
    sheet.fact("fleet", run.fleet);
    sheet.fact("replication", run.replication);
    sheet.fact("decision", wanted);
    sheet.fact("at_ms", one.at.as_ms());
    let head = format!("Decision {wanted} of {last}, {} ({}): ", run.clock(one.at), run.of_run());
    match &one.what {
        Explanation::Launched { .. } => launch(run, one, &head, &mut sheet),
        Explanation::Commanded { reason, decision, nodes } => {
            command(run, one.at, (*reason, *decision, nodes), &head, &mut sheet);
        }
        Explanation::Preempted { build, node, victims, pause_pods } => {
            preempted(run, (*build, *node), (victims, *pause_pods), &head, &mut sheet);
        }
        Explanation::StaticPoolShrinks { pool, replicas, nodes } => {
            sheet.fact("kind", "static_pool_shrinks");
            let going = count(nodes.len(), "node");
            sheet.paragraph(&format!("{head}{going} of pool {} go.", run.pool_name(*pool)));
            sheet.blank();
            sheet.paragraph(&static_pool_text(&run.pool_name(*pool), *replicas));
            standing_rows(run, one.at, nodes, &mut sheet);
        }
        Explanation::GroupEnlarged { .. } => enlarged(run, one, &head, &mut sheet),
        Explanation::GroupsShrink { nodes } => shrunk(run, one.at, nodes, &head, &mut sheet),
        _ => {}
    }
    Ok(sheet.finish())
}

fn preempted(
    run: &ExplainedRun<'_>,
    (build, node): (Option<u32>, u32),
    (victims, pause_pods): (&[u32], u32),
    head: &str,
    sheet: &mut Sheet,
) {
    sheet.fact("kind", "preemption");
    sheet.fact("node", node);
    sheet.fact("victims", victims.to_vec());
    let whom = build.map_or_else(|| "a pause pod".to_owned(), |build| format!("job {build}"));
    sheet.paragraph(&format!("{head}kube-scheduler makes room for {whom} on node {node}."));
    sheet.blank();
    sheet.paragraph(&format!(
        "The pod fitted on no node and has a higher priority (priorityClassName) than pods that run: {}. Of the nodes \
         where that would be enough kube-scheduler takes the one whose victims have the lowest priority, then the fewest \
         (PodDisruptionBudgets are kept where it can). Karpenter opens no node for a pod that room is made for.",
        given_way(victims, pause_pods)
    ));
    let rows: Vec<Vec<String>> = victims
        .iter()
        .filter_map(|victim| run.jobs().iter().find(|job| job.ordinal == *victim))
        .map(|job| {
            let again = if job.retried { "is tried again" } else { "is not tried again" };
            vec![format!("job {}", job.ordinal), run.class_name(job.class), again.to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        sheet.rows(&rows);
    }
}

fn groups<'a>(run: &ExplainedRun<'a>) -> Option<&'a NodeGroupsPlan> {
    match &run.plan.capacity {
        CapacityPlan::NodeGroups(groups) => Some(groups),
        _ => None,
    }
}

fn enlarged(run: &ExplainedRun<'_>, one: &Explained, head: &str, sheet: &mut Sheet) {
    let Explanation::GroupEnlarged { group, by, size, waiting, options } = &one.what else { return };
    let Some(groups) = groups(run) else { return };
    let name = run.pool_name(*group);
    sheet.fact("kind", "group_enlarged");
    sheet.fact("group", name.as_str());
    sheet.fact("nodes", *by);
    sheet.fact("size", *size);
    let nodes = count(*by as usize, "node");
    sheet.paragraph(&format!("{head}Cluster Autoscaler enlarges group {name} by {nodes} to {size}."));
    sheet.blank();
    sheet.paragraph(&format!(
        "Its scan, every {}, found {} that kube-scheduler had no node for; what fits on nodes that are on their way \
         needs no more.",
        span(groups.config.scan_interval),
        count(waiting.len(), "pod")
    ));
    sheet.blank();
    let why = match (options.len(), groups.config.expander) {
        (1, _) => {
            "It is the only group that would help: others are full, too small, backed off after a failed launch, or their labels and taints exclude the pods."
        }
        (_, Expander::LeastWaste) => {
            "Of the groups that would help it takes the one whose new nodes leave the least CPU and memory unrequested (--expander=least-waste):"
        }
        (_, Expander::MostPods) => {
            "Of the groups that would help it takes the one that holds the most pods (--expander=most-pods):"
        }
        (_, Expander::Priority) => {
            "Of the groups that would help it takes the one with the highest priority (--expander=priority):"
        }
        (_, Expander::Random) => "Of the groups that would help it takes any (--expander=random):",
    };
    sheet.paragraph(why);
    let row = |option: &ScaleOption| {
        let plan = &groups.groups[option.group as usize];
        let kind = run.plan.ec2.catalog.get(plan.nodes.instance_type);
        let used = |requested: u32, each: u32| {
            100.0 * f64::from(requested) / (f64::from(each) * f64::from(option.nodes)).max(1.0)
        };
        let has = kind.capacity();
        let priority = match groups.config.expander {
            Expander::Priority => format!(", priority {}", plan.priority),
            _ => String::new(),
        };
        let taken = if option.group == *group { "  ← taken" } else { "" };
        vec![
            run.pool_name(option.group),
            kind.name.to_string(),
            count(option.nodes as usize, "node"),
            count(option.pods as usize, "pod"),
            format!(
                "requested {}\u{a0}% of CPU, {}\u{a0}% of memory{priority}{taken}",
                number(used(option.requested.cpu.0, has.cpu.0), 0),
                number(used(option.requested.memory.0, has.memory.0), 0)
            ),
        ]
    };
    sheet.rows(&options.iter().map(row).collect::<Vec<_>>());
}

fn shrunk(run: &ExplainedRun<'_>, at: SimTime, nodes: &[u32], head: &str, sheet: &mut Sheet) {
    let Some(groups) = groups(run) else { return };
    sheet.fact("kind", "groups_shrink");
    sheet.fact("nodes", nodes.to_vec());
    let are = if nodes.len() == 1 { "is" } else { "are" };
    sheet.paragraph(&format!(
        "{head}Cluster Autoscaler removes {}, which {are} empty.",
        count(nodes.len(), "node")
    ));
    sheet.blank();
    sheet.paragraph(&format!(
        "No job pod was there for {} (scale_down_unneeded_time), no group was enlarged for {} \
         (scale_down_delay_after_add), and no group becomes smaller than its min. Job pods have no controller, so \
         Cluster Autoscaler never drains a node that has one.",
        span(groups.config.unneeded_time),
        span(groups.config.delay_after_add)
    ));
    standing_rows(run, at, nodes, sheet);
}

/// The nodes of a decision, what they are and how old.
pub(super) fn standing_rows(run: &ExplainedRun<'_>, at: SimTime, nodes: &[u32], sheet: &mut Sheet) {
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .filter_map(|ordinal| run.node(*ordinal))
        .map(|node| {
            let age = at.saturating_since(node.launched_at);
            vec![format!("node {}", node.ordinal), run.offering_of(node), format!("{} old", span(age))]
        })
        .collect();
    if !rows.is_empty() {
        sheet.rows(&rows);
    }
}

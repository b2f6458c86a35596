//! One decision of Karpenter's: why this instance type, why these nodes and not the others.

use super::ExplainedRun;
use super::sheet::Sheet;
use super::words::{count, kept, span};
use crate::catalog::{CapacityType, InstanceType, TypeId, ZoneId};
use crate::karpenter::disruption::{Decision, Reason};
use crate::karpenter::launch::LaunchFilters;
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::resources::Amounts;
use crate::report::format::number;
use crate::simulation::{CapacityPlan, Explained, Explanation, Kept, PoolPlan};
use crate::units::{HourlyPrice, SimTime};

/// How many of the types that were sent are listed.
const SHOWN: usize = 6;

/// Why a decision was made as it was. Decisions are launches and disruption commands, numbered from 1.
///
/// # Errors
/// There is no such decision in the run.
pub fn explain_decision(run: &ExplainedRun<'_>, wanted: usize, width: usize) -> Result<String, String> {
    let last = run.decisions().map(|(number, _)| number).last().unwrap_or(0);
    let found = run.decisions().find(|(number, _)| *number == wanted);
    let (_, one) = found.ok_or_else(|| {
        format!("there is no decision {wanted} in {}: it has {}", run.of_run(), count(last, "decision"))
    })?;
    let mut sheet = Sheet::new(width);
    let head = format!("Decision {wanted} of {last}, {} ({}): ", run.clock(one.at), run.of_run());
    match &one.what {
        Explanation::Launched { .. } => launch(run, one, &head, &mut sheet),
        Explanation::Commanded { reason, decision, nodes } => {
            command(run, one.at, (*reason, *decision, nodes), &head, &mut sheet);
        }
        _ => {}
    }
    Ok(sheet.finish())
}

fn launch(run: &ExplainedRun<'_>, one: &Explained, head: &str, sheet: &mut Sheet) {
    let Explanation::Launched { node, pool, pods, builds, requests, claim_types, filters, sent, chosen } =
        &one.what
    else {
        return;
    };
    let asked = pool_spec(run, *pool);
    let pool = run.pool_name(*pool);
    sheet.paragraph(&format!("{head}a node of pool {pool} is launched, node {node}."));
    sheet.blank();
    let shown: Vec<String> = builds.iter().take(12).map(u32::to_string).collect();
    let more = if builds.len() > 12 { " and more" } else { "" };
    let jobs = match shown.len() {
        0 => String::new(),
        1 => format!(", of job {}", shown[0]),
        _ => format!(", of jobs {}{more}", shown.join(", ")),
    };
    let replicas = asked.and_then(|pool| pool.replicas);
    if let (Some(replicas), 0) = (replicas, *pods) {
        sheet.paragraph(&format!(
            "For whom: nobody in particular. The pool is static and had fewer nodes than its replicas ({replicas} at the start), so it gets one more, whatever pods there are.",
        ));
    } else {
        sheet.paragraph(&for_whom(*pods, requests, &jobs));
    }
    sheet.blank();
    sheet.paragraph("Which types were left, filter by filter:");
    let mut rows = vec![vec![
        claim_types.to_string(),
        "meet pool and pods, have room for all, were to be had in the pass".to_owned(),
    ]];
    let has_reservations = !run.plan.ec2.reservations.is_empty();
    rows.extend(filters.iter().flat_map(|filters| filter_rows(filters, has_reservations)));
    sheet.rows(&rows);
    sheet.blank();
    match chosen {
        Some(chosen) => {
            taken(run, sent, *chosen, sheet);
            if let Some(asked) = asked {
                fallback(run, asked, sent.len(), chosen.2, sheet);
            }
        }
        None => sheet.paragraph(
            "EC2 had none of them: the claim is deleted, what is unavailable is left out for three minutes, and its pods are packed anew.",
        ),
    }
}

fn for_whom(pods: u32, requests: &Amounts, jobs: &str) -> String {
    format!(
        "For whom: {} that fitted on no node and no other new one{jobs}. With the node's daemon sets they request {}\u{a0}CPU and {}\u{a0}GiB.",
        count(pods as usize, "pod"),
        number(requests.cpu as f64 / 1000.0, 2),
        number(requests.memory as f64 / 1024.0, 1),
    )
}

/// The NodePool with that number, as the plan has it.
fn pool_spec<'r>(run: &ExplainedRun<'r>, number: u32) -> Option<&'r PoolPlan> {
    match &run.plan.capacity {
        CapacityPlan::Karpenter(karpenter) => karpenter.pools.get(number as usize),
        _ => None,
    }
}

/// Whether the pool's requirements allow capacity of this kind.
fn allows(pool: &PoolPlan, kind: CapacityType) -> bool {
    let on_it = |one: &&RequirementSpec| one.key == "karpenter.sh/capacity-type";
    pool.spec.requirements.iter().filter(on_it).all(|one| {
        let is_listed = one.values.iter().any(|value| value == kind.label());
        match one.operator {
            Operator::In => is_listed,
            Operator::NotIn => !is_listed,
            Operator::DoesNotExist => false,
            _ => true,
        }
    })
}

/// What the pool would have liked better than what EC2 was asked for: reserved, then Spot, then on demand
/// (aws `instance.go` `getCapacityType`, `checkODFallback`, v1.15.0).
fn fallback(run: &ExplainedRun<'_>, pool: &PoolPlan, sent: usize, taken: CapacityType, sheet: &mut Sheet) {
    let is_for_it = |pools: &[String]| pools.is_empty() || pools.contains(&pool.spec.name);
    let has_reservations = run.plan.ec2.reservations.iter().any(|one| is_for_it(&one.pools));
    let mut words = Vec::new();
    if taken != CapacityType::Reserved && has_reservations && allows(pool, CapacityType::Reserved) {
        words.push(
            "No capacity reservation that the pool may use had an instance left for these pods, so this is the fallback.".to_owned(),
        );
    }
    if taken == CapacityType::OnDemand && allows(pool, CapacityType::Spot) {
        words.push("The pool allows Spot, but no Spot offering of these types was to be had: each was left out after a launch error or an interruption, or is dearer than on demand.".to_owned());
        if sent < 5 {
            words.push(format!(
                "Karpenter warns of that where fewer than 5 types are left to choose from; here {} {}.",
                if sent == 1 { "is" } else { "are" },
                count(sent, "type"),
            ));
        }
    }
    if !words.is_empty() {
        sheet.blank();
        sheet.paragraph(&words.join(" "));
    }
}

fn filter_rows(filters: &LaunchFilters, has_reservations: bool) -> Vec<Vec<String>> {
    let row = |left: u32, words: &str| vec![left.to_string(), words.to_owned()];
    let mut rows = vec![
        row(filters.available, "were to be had when the launch was put together"),
        row(filters.fitting, "have room for what the claim requests"),
    ];
    if has_reservations {
        rows.push(row(filters.reserved, "are in a capacity reservation with an instance left, where any is"));
    }
    rows.extend([
        row(filters.not_exotic, "are no bare metal or accelerated type"),
        row(filters.not_dearer_than_on_demand, "are not dearer on Spot than on demand"),
        row(filters.sent, "are sent to EC2: the 60 cheapest"),
    ]);
    rows
}

/// The cheapest price of a type bought one way, in dollars per hour.
fn price(run: &ExplainedRun<'_>, kind: TypeId, capacity: CapacityType) -> Option<f64> {
    let catalog = &run.plan.ec2.catalog;
    let zones = (0..catalog.zones().len()).map(|zone| ZoneId(zone as u8));
    zones.filter_map(|zone| catalog.price(kind, zone, capacity)).min().map(HourlyPrice::as_dollars)
}

fn dollars(price: f64) -> String {
    format!("${}", number(price, 4))
}

fn taken(
    run: &ExplainedRun<'_>,
    sent: &[TypeId],
    (kind, zone, capacity): (TypeId, ZoneId, CapacityType),
    sheet: &mut Sheet,
) {
    let catalog = &run.plan.ec2.catalog;
    let mut priced: Vec<(f64, TypeId)> =
        sent.iter().filter_map(|kind| Some((price(run, *kind, capacity)?, *kind))).collect();
    priced.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let rank = priced.iter().position(|(_, one)| *one == kind).map_or(0, |place| place + 1);
    let paid = catalog.price(kind, zone, capacity).map_or(0.0, HourlyPrice::as_dollars);
    let why = match (capacity, rank) {
        (CapacityType::OnDemand, _) => {
            "on demand EC2 takes the cheapest type that it has (lowest-price)".to_owned()
        }
        (CapacityType::Reserved, _) => {
            "an instance of a capacity reservation costs nothing more, so no other is asked for; EC2 takes the type with the lowest on-demand price (lowest-price)".to_owned()
        }
        (CapacityType::Spot, 1) => {
            "on Spot EC2 weighs price and depth of the pool (price-capacity-optimized); here the cheapest type is also deep enough".to_owned()
        }
        (CapacityType::Spot, rank) => format!(
            "on Spot EC2 weighs price and depth of the pool (price-capacity-optimized): it is number {rank} by price, and deeper pools outweigh small differences"
        ),
    };
    sheet.paragraph(&format!(
        "EC2 took {} at {} an hour: {why}.",
        run.offering((kind, zone, capacity)),
        dollars(paid)
    ));
    sheet.blank();
    sheet.paragraph(&format!(
        "The cheapest of the {} sent, {}, each in its cheapest zone:",
        count(sent.len(), "type"),
        capacity.label()
    ));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (place, (price, one)) in priced.iter().enumerate() {
        if place < SHOWN || *one == kind {
            rows.push(type_row(place + 1, catalog.get(*one), *price, *one == kind));
        }
    }
    sheet.rows(&rows);
}

fn type_row(place: usize, kind: &InstanceType, price: f64, is_taken: bool) -> Vec<String> {
    vec![
        format!("{place}."),
        kind.name.to_string(),
        format!("{}\u{a0}vCPU", kind.vcpus),
        format!("{}\u{a0}GiB", number(f64::from(kind.memory.0) / 1024.0, 0)),
        dollars(price),
        if is_taken { "← taken".to_owned() } else { String::new() },
    ]
}

fn command(
    run: &ExplainedRun<'_>,
    at: SimTime,
    (reason, decision, nodes): (Reason, Decision, &[u32]),
    head: &str,
    sheet: &mut Sheet,
) {
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
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .filter_map(|ordinal| run.node(*ordinal))
        .map(|node| {
            let age = at.saturating_since(node.launched_at);
            vec![format!("node {}", node.ordinal), run.offering_of(node), format!("{} old", span(age))]
        })
        .collect();
    sheet.rows(&rows);
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

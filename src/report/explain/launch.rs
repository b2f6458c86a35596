//! A launch: for whom, which types each filter left, and why EC2 took the one it took.

use super::ExplainedRun;
use super::sheet::Sheet;
use super::words::count;
use crate::catalog::{CapacityType, InstanceType, TypeId, ZoneId};
use crate::karpenter::launch::LaunchFilters;
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::resources::Amounts;
use crate::report::format::number;
use crate::simulation::{Explained, Explanation, PoolPlan};
use crate::units::HourlyPrice;

/// How many of the types that were sent are listed.
const SHOWN: usize = 6;

/// Why a node was launched, of which types, and why EC2 took this one.
pub(super) fn launch(run: &ExplainedRun<'_>, one: &Explained, head: &str, sheet: &mut Sheet) {
    let Explanation::Launched { node, pool, pods, builds, requests, claim_types, filters, sent, chosen } =
        &one.what
    else {
        return;
    };
    let (asked, replicas) = (run.pool(*pool), run.replicas(*pool));
    let pool = run.pool_name(*pool);
    sheet.fact("kind", "launch");
    sheet.fact("node", *node);
    sheet.fact("pods", *pods);
    sheet.fact("types_sent", sent.len());
    sheet.paragraph(&format!("{head}a node of pool {pool} is launched, node {node}."));
    sheet.blank();
    let shown: Vec<String> = builds.iter().take(12).map(u32::to_string).collect();
    let more = if builds.len() > 12 { " and more" } else { "" };
    let jobs = match shown.len() {
        0 => String::new(),
        1 => format!(", of job {}", shown[0]),
        _ => format!(", of jobs {}{more}", shown.join(", ")),
    };
    match replicas {
        Some(replicas) if *pods == 0 => sheet.paragraph(&format!(
            "For whom: nobody in particular. The pool is static and had fewer nodes than its replicas ({replicas} at the start), so it gets one more, whatever pods there are.",
        )),
        _ => sheet.paragraph(&for_whom(*pods, requests, &jobs)),
    }
    sheet.blank();
    sheet.paragraph("Which types were left, filter by filter, as far as one took any away:");
    let first = "meet pool and pods, have room for all, were to be had in the pass";
    let has_reservations = !run.plan.ec2.reservations.is_empty();
    let mut left = vec![(*claim_types, first)];
    for (number, words) in filters.iter().flat_map(|filters| filter_rows(filters, has_reservations)) {
        let is_last = words.starts_with("are sent");
        if is_last || left.last().is_some_and(|(before, _)| *before != number) {
            left.push((number, words));
        }
    }
    let rows: Vec<Vec<String>> =
        left.into_iter().map(|(number, words)| vec![number.to_string(), words.to_owned()]).collect();
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
    let whom = match pods {
        0 => "In place of a node that is to go. With the node's daemon sets it is to hold".to_owned(),
        pods => format!(
            "For whom: {} that fitted on no node and no other new one{jobs}. With the node's daemon sets they request",
            count(pods as usize, "pod")
        ),
    };
    format!(
        "{whom} {}\u{a0}CPU and {}\u{a0}GiB.",
        number(requests.cpu as f64 / 1000.0, 2),
        number(requests.memory as f64 / 1024.0, 1)
    )
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

fn filter_rows(filters: &LaunchFilters, has_reservations: bool) -> Vec<(u32, &'static str)> {
    let mut rows = vec![
        (filters.available, "were to be had when the launch was put together"),
        (filters.fitting, "have room for what the claim requests"),
    ];
    if has_reservations {
        rows.push((filters.reserved, "are in a capacity reservation with an instance left, where any is"));
    }
    rows.extend([
        (filters.not_exotic, "are no bare metal or accelerated type"),
        (filters.not_dearer_than_on_demand, "are not dearer on Spot than on demand"),
        (filters.sent, "are sent to EC2: the 60 cheapest"),
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
    sheet.fact("instance_type", catalog.get(kind).name.to_string());
    sheet.fact("capacity_type", capacity.label());
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
    sheet.fact("usd_per_hour", paid);
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

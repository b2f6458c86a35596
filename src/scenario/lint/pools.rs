//! Surprises of NodePools: capacity types, zones, limits, consolidation, budgets.

use super::super::document::{Item, Table, Value};
use super::super::resolved::inline;
use super::super::source::Span;
use super::{Found, Subject, at, elements, percent, place};
use crate::metrics::{GaugeKey, JobOutcome, NodeEnd, WaitCause, WasteKind};
use crate::units::SimDuration;

/// The values that a pool allows for a label: of its short key and of `In` requirements.
fn allowed<'t>(pool: &'t Table, short: &'t str, label: &str) -> Vec<&'t str> {
    let mut values: Vec<&str> = pool.texts(short).collect();
    for (requirement, _) in pool.tables("requirements") {
        if requirement.text("key") == label && requirement.text("operator") == "In" {
            values.extend(requirement.texts("values"));
        }
    }
    values
}

/// Where a pool says what it allows for a label: in a requirement, else in the short key, else anywhere.
fn place_of(pool: &Table, short: &str, label: &str) -> Span {
    let own = pool.tables("requirements").find(|(requirement, _)| requirement.text("key") == label);
    own.map_or_else(|| at(pool, place(pool, &[short, "requirements", "name"])), |(_, span)| span.clone())
}

/// Settings that let a pool allow `values` for a label, in place of its requirements on it.
fn allowing(name: &str, pool: &Table, (short, label): (&str, &str), values: &str) -> Vec<String> {
    let mut set = vec![format!("node_pool.{name}.{short}={values}")];
    let is_on_it = |item: &Item| matches!(&item.value, Value::Table(own) if own.text("key") == label);
    let requirements = pool.list("requirements");
    if requirements.iter().any(is_on_it) {
        let others: Vec<String> = requirements.iter().filter(|item| !is_on_it(item)).map(inline).collect();
        set.push(format!("node_pool.{name}.requirements=[{}]", others.join(", ")));
    }
    set
}

const CAPACITY: (&str, &str) = ("capacity_type", "karpenter.sh/capacity-type");
const ZONES: (&str, &str) = ("zones", "topology.kubernetes.io/zone");

fn capacities(pool: &Table) -> Vec<&str> {
    allowed(pool, "capacity_type", "karpenter.sh/capacity-type")
}

fn archs(pool: &Table) -> Vec<&str> {
    let found = allowed(pool, "arch", "kubernetes.io/arch");
    if found.is_empty() { vec!["amd64", "arm64"] } else { found }
}

/// Whether Karpenter makes the nodes of this fleet.
fn has_karpenter(subject: &Subject<'_>) -> bool {
    matches!(subject.fleet.plan.capacity, crate::simulation::CapacityPlan::Karpenter(_))
}

fn pools<'t>(subject: &Subject<'t>) -> Vec<(&'t str, &'t Table)> {
    if has_karpenter(subject) { elements(subject.table, "node_pool").collect() } else { Vec::new() }
}

/// FS0105: Spot alone, and nothing to fall back on.
pub(super) fn spot_only(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let pools = pools(subject);
    for (name, pool) in &pools {
        let is_spot_only = |pool: &Table| {
            let capacities = capacities(pool);
            !capacities.is_empty() && capacities.iter().all(|capacity| *capacity == "spot")
        };
        let covers = |other: &Table| {
            !is_spot_only(other) && archs(pool).iter().any(|arch| archs(other).contains(arch))
        };
        if !is_spot_only(pool) || pools.iter().any(|(_, other)| covers(other)) {
            continue;
        }
        found.push(Found {
            code: "FS0105",
            span: place_of(pool, CAPACITY.0, CAPACITY.1),
            evidence: format!("pool {name} allows Spot only and no other pool of its architecture has on-demand: where Spot has no capacity, pods stay pending; in a run jobs waited {:.1} s on average for a node to be had at all, and Spot took {} nodes back", subject.mean_of(WaitCause::PodUnschedulable), interrupted(subject)),
            fix: format!("node_pool.{name}.capacity_type = [\"spot\", \"on-demand\"], or a second pool of lower weight"),
            set: allowing(name, pool, CAPACITY, "[\"spot\", \"on-demand\"]"),
        });
    }
}

/// How many nodes EC2 took back.
fn interrupted(subject: &Subject<'_>) -> usize {
    let nodes = subject.run.node_records.iter().flatten();
    nodes.filter(|node| node.end == NodeEnd::Interrupted).count()
}

/// What nodes cost in a run while no pod was on them, in dollars.
fn idle_dollars(subject: &Subject<'_>) -> f64 {
    subject.run.waste.of(WasteKind::Idle).read().as_dollars()
}

/// FS0107: one zone.
pub(super) fn one_zone(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let ec2 = subject.table.section("ec2");
    if ec2.texts("zones").count() == 1 && has_karpenter(subject) {
        found.push(Found {
            code: "FS0107",
            span: place(ec2, &["zones"]),
            evidence: "[ec2] has one zone: its Spot pools and its failures are everything's".to_owned(),
            fix: "leave ec2.zones out, or name two or three".to_owned(),
            set: vec![format!("ec2.zones={}", zones(subject))],
        });
    }
    for (name, pool) in pools(subject) {
        if allowed(pool, "zones", "topology.kubernetes.io/zone").len() == 1 {
            found.push(Found {
                code: "FS0107",
                span: place_of(pool, ZONES.0, ZONES.1),
                evidence: format!("pool {name} is in one zone: a third of the Spot pools, and no fallback where that zone lacks capacity"),
                fix: format!("leave node_pool.{name}.zones out, or name two or three"),
                set: allowing(name, pool, ZONES, &zones(subject)),
            });
        }
    }
}

/// The zones of the region as a list of TOML.
fn zones(subject: &Subject<'_>) -> String {
    let zones = subject.fleet.plan.ec2.catalog.zones();
    let quoted: Vec<String> = zones.iter().map(|zone| format!("\"{}\"", zone.name)).collect();
    format!("[{}]", quoted.join(", "))
}

/// FS0108: consolidation kills jobs.
pub(super) fn consolidation(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let consolidated: Vec<u32> = subject
        .run
        .node_records
        .iter()
        .flatten()
        .filter(|node| matches!(node.end, NodeEnd::Consolidated | NodeEnd::Drifted | NodeEnd::Expired))
        .map(|node| node.ordinal)
        .collect();
    let killed = subject
        .run
        .job_records
        .iter()
        .flatten()
        .filter(|job| {
            job.outcome == JobOutcome::Interrupted
                && job.node.is_some_and(|node| consolidated.contains(&node))
        })
        .count();
    for (name, pool) in pools(subject) {
        let disruption = pool.section("disruption");
        let is_protected = subject.table.tables("runner").all(|(runner, _)| {
            runner.map("pod_annotations").any(|(key, ..)| key == "karpenter.sh/do-not-disrupt")
        });
        if disruption.text("consolidation_policy") == "WhenEmpty" || is_protected {
            continue;
        }
        let after = disruption.duration_if("consolidate_after").unwrap_or(SimDuration::MAX);
        if killed == 0 && after > SimDuration::from_mins(5) {
            continue;
        }
        let set = subject.table.tables("runner").map(|(runner, _)| {
            format!(
                "runner.{}.pod_annotations={{ \"karpenter.sh/do-not-disrupt\" = \"true\" }}",
                runner.text("name")
            )
        });
        found.push(Found {
            code: "FS0108",
            span: at(pool, disruption.span("consolidation_policy")),
            evidence: format!("pool {name} consolidates busy nodes {after} after their last pod came or went and job pods do not carry karpenter.sh/do-not-disrupt: in a run {killed} jobs lost their node to it"),
            fix: "pod_annotations = { \"karpenter.sh/do-not-disrupt\" = \"true\" } on every runner, or consolidation_policy = \"WhenEmpty\"".to_owned(),
            set: set.collect(),
        });
    }
}

/// FS0109: Spot is replaced by Spot only with 15 cheaper types to choose from.
pub(super) fn spot_to_spot(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let karpenter = subject.table.section("karpenter");
    if !karpenter.flag("spot_to_spot_consolidation") {
        return;
    }
    for (name, pool) in pools(subject) {
        let types = allowed(pool, "instance_type", "node.kubernetes.io/instance-type").len();
        if (1..15).contains(&types) && capacities(pool).contains(&"spot") {
            found.push(Found {
                code: "FS0109",
                span: at(pool, place(pool, &["instance_type", "requirements"])),
                evidence: format!("pool {name} allows {types} types; Karpenter replaces a Spot node by Spot only where 15 cheaper types are left"),
                fix: "allow more types, or switch spot_to_spot_consolidation off and save its work".to_owned(),
                set: vec!["karpenter.spot_to_spot_consolidation=false".to_owned()],
            });
        }
    }
}

/// FS0112: a CPU limit that is reached.
pub(super) fn limits(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let timeline = &subject.run.timeline;
    let most =
        (0..timeline.len()).map(|bucket| timeline.maximum(GaugeKey::ProvisionedMillicores, bucket)).max();
    let pools = pools(subject);
    let limited: u64 = pools
        .iter()
        .filter_map(|(_, pool)| pool.section("limits").cpu_if("cpu"))
        .map(|cpu| u64::from(cpu.0))
        .sum();
    for (name, pool) in &pools {
        let limits = pool.section("limits");
        let Some(cpu) = limits.cpu_if("cpu") else { continue };
        if most.unwrap_or(0) < (limited as f64 * 0.8) as i64 {
            continue;
        }
        let twice = u64::from(cpu.0) / 500;
        found.push(Found {
            code: "FS0112",
            span: at(pool, place(limits, &["cpu"])),
            evidence: format!(
                "nodes for pods reach {:.0} CPU and the pools' limits are {:.0} together: pods wait for room in pool {name}",
                most.unwrap_or(0) as f64 / 1000.0,
                limited as f64 / 1000.0
            ),
            fix: format!("node_pool.{name}.limits.cpu = \"{twice}\""),
            set: vec![format!("node_pool.{name}.limits.cpu={twice}")],
        });
    }
}

/// FS0123: Karpenter's default budget makes minutes of a short idle time-out.
pub(super) fn budgets(subject: &Subject<'_>, found: &mut Vec<Found>) {
    for (name, pool) in pools(subject) {
        let disruption = pool.section("disruption");
        let mut budgets = disruption.tables("budgets");
        let is_default =
            matches!((budgets.next(), budgets.next()), (Some((one, _)), None) if one.text("nodes") == "10%");
        let after = disruption.duration_if("consolidate_after").unwrap_or(SimDuration::MAX);
        let launched: u64 = subject.run.nodes.launches.iter().sum();
        if !is_default || after > SimDuration::from_mins(2) || launched < 10 {
            continue;
        }
        let kept = "[{ nodes = \"100%\", reasons = [\"Empty\"] }, { nodes = \"10%\", reasons = [\"Underutilized\", \"Drifted\"] }]";
        found.push(Found {
            code: "FS0123",
            span: at(pool, disruption.span("budgets")),
            evidence: format!("pool {name} takes empty nodes away after {after}, but its budget of 10 % lets one node of up to ten go at a time, each about 25 s after the last; idle nodes cost $ {:.2} in a run", idle_dollars(subject)),
            fix: format!("node_pool.{name}.disruption.budgets = {kept}"),
            set: vec![format!("node_pool.{name}.disruption.budgets={kept}")],
        });
    }
}

/// FS0126: Spot and on-demand in one pool.
pub(super) fn mixed_capacity(subject: &Subject<'_>, found: &mut Vec<Found>) {
    for (name, pool) in pools(subject) {
        let capacities = capacities(pool);
        if !capacities.contains(&"spot") || !capacities.contains(&"on-demand") {
            continue;
        }
        let launches = &subject.run.nodes.launches;
        let (spot, all) = (launches[1] + launches[3], launches.iter().sum::<u64>());
        found.push(Found {
            code: "FS0126",
            span: place_of(pool, CAPACITY.0, CAPACITY.1),
            evidence: format!(
                "pool {name} is open to Spot and on-demand: of a claim's types only those stay whose Spot price is below the cheapest on-demand one, so few Spot pools are left to choose from; {} of nodes were Spot",
                percent(spot as f64 / (all.max(1)) as f64)
            ),
            fix: "two pools: one of Spot with the higher weight, one of on-demand".to_owned(),
            set: allowing(name, pool, CAPACITY, "[\"spot\"]"),
        });
    }
}

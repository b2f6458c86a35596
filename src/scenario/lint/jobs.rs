//! Surprises that jobs meet: long jobs on Spot, emulation, nodes without jobs, half-empty nodes, old prices.

use super::super::document::Table;
use super::{Found, Subject, elements, percent};
use crate::catalog::{CapacityType, prices_date};
use crate::metrics::{CostKind, JobOutcome, WasteKind};
use crate::simulation::CapacityPlan;

/// FS0106: attempts that Spot takes and nobody makes again, or long ones that it takes again and again.
pub(super) fn long_on_spot(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let jobs = subject
        .run
        .job_records
        .iter()
        .flatten()
        .filter(|job| job.outcome == JobOutcome::Interrupted && job.capacity == Some(CapacityType::Spot));
    let (mut attempts, mut lost, mut longest) = (0u64, 0u64, 0u64);
    for job in jobs {
        attempts += 1;
        lost += u64::from(!job.retried);
        if job.has_started() {
            longest = longest.max(job.slot_freed_at.saturating_since(job.script_started_at).as_ms());
        }
    }
    let share = attempts as f64 / (subject.run.jobs.jobs().max(1)) as f64;
    if attempts == 0 || (lost == 0 && share < 0.01) {
        return;
    }
    found.push(Found {
        code: "FS0106",
        span: subject.table.span("workload"),
        evidence: format!(
            "Spot took the node of {attempts} attempts ({:.1} % of jobs), the longest after {:.0} min of script; {lost} jobs were not tried again",
            100.0 * share,
            longest as f64 / 60_000.0
        ),
        fix: "retry = 2 with retry_when = [\"runner_system_failure\"], and an on-demand pool for the longest jobs".to_owned(),
        set: retries(subject.table),
    });
}

/// Settings that let every kind of job be tried again after a failure of the system.
fn retries(table: &Table) -> Vec<String> {
    let workload = table.section("workload");
    let classes = elements(workload, "class").map(|(name, _)| format!("workload.class.{name}"));
    let jobs = elements(workload, "pipeline").flat_map(|(pipeline, table)| {
        elements(table, "job").map(move |(name, _)| format!("workload.pipeline.{pipeline}.job.{name}"))
    });
    classes
        .chain(jobs)
        .flat_map(|job| [format!("{job}.retry=2"), format!("{job}.retry_when=[\"runner_system_failure\"]")])
        .collect()
}

/// FS0110: the scenario starts long after the day of the prices.
pub(super) fn old_prices(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let ec2 = subject.table.section("ec2");
    let has_own = ec2.text_if("prices").is_some() || !ec2.list("price").is_empty();
    let Some(day) = prices_date(ec2.text("region")) else { return };
    let Ok(of) = format!("{day}T00:00:00Z").parse::<jiff::Timestamp>() else { return };
    let days = (subject.start.timestamp().as_second() - of.as_second()) / 86_400;
    if has_own || days <= 90 {
        return;
    }
    found.push(Found {
        code: "FS0110",
        span: ec2.span("region"),
        evidence: format!(
            "the scenario starts {days} days after the newest prices of the catalogue ({day}); Spot discounts are older. If instances were 10 % dearer, 1000 jobs would cost $ {:.2} more and wait as long",
            tenth_of_instances(subject)
        ),
        fix: "[ec2] prices = \"prices.csv\" with today's prices of the types that matter".to_owned(),
        set: Vec::new(),
    });
}

/// A tenth of what the instances of 1,000 jobs cost, in dollars: what prices that are so far off would move.
fn tenth_of_instances(subject: &Subject<'_>) -> f64 {
    let of = |kind: &CostKind| subject.run.costs.of(*kind).read().as_dollars();
    let instances: f64 =
        CostKind::ALL.iter().filter(|kind| matches!(kind, CostKind::Instance(..))).map(of).sum();
    100.0 * instances / subject.run.jobs.jobs().max(1) as f64
}

/// FS0111: jobs for arm64 under emulation.
pub(super) fn emulated(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let kubernetes = subject.table.section("kubernetes");
    if !kubernetes.flag("emulate_arm64") {
        return;
    }
    let timed_out = subject.run.jobs.ended(JobOutcome::TimedOut);
    found.push(Found {
        code: "FS0111",
        span: kubernetes.span("emulate_arm64"),
        evidence: format!("jobs for arm64 run emulated on amd64, several times as long; {timed_out} jobs hit their time-out in a run"),
        fix: "a NodePool with arch = [\"arm64\"] and a runner for it".to_owned(),
        set: native(subject),
    });
}

/// Settings that switch emulation off and open every NodePool to both architectures.
fn native(subject: &Subject<'_>) -> Vec<String> {
    let pools = elements(subject.table, "node_pool")
        .map(|(name, _)| format!("node_pool.{name}.arch=[\"amd64\", \"arm64\"]"));
    std::iter::once("kubernetes.emulate_arm64=false".to_owned()).chain(pools).collect()
}

/// FS0124: nodes that no job ever runs on.
pub(super) fn nodes_without_jobs(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let CapacityPlan::Karpenter(karpenter) = &subject.fleet.plan.capacity else { return };
    let nodes: Vec<_> = subject.run.node_records.iter().flatten().collect();
    let unused: Vec<_> = nodes.iter().filter(|node| node.pods_run == 0).collect();
    let share = unused.len() as f64 / (nodes.len().max(1)) as f64;
    if unused.len() < 5 || share < 0.03 {
        return;
    }
    let cost: f64 = unused.iter().map(|node| node.cost.read().as_dollars()).sum();
    let section = subject.table.section("karpenter");
    found.push(Found {
        code: "FS0124",
        span: section.span("batch_idle_duration"),
        evidence: format!(
            "{} of {} nodes never ran a job ($ {cost:.2} in a run): Karpenter packs anew every 10 s while pods wait for nodes that start, and opens nodes for what is left over; batches close after {}",
            unused.len(),
            nodes.len(),
            karpenter.batch.idle
        ),
        fix: "karpenter.batch_idle_duration = \"5s\": fewer, larger passes".to_owned(),
        set: vec!["karpenter.batch_idle_duration=5s".to_owned()],
    });
}

/// FS0127: LeastAllocated spreads pods over nodes that could be empty.
pub(super) fn spread_thin(subject: &Subject<'_>, found: &mut Vec<Found>) {
    let kubernetes = subject.table.section("kubernetes");
    let waste = &subject.run.waste;
    let share = waste.of(WasteKind::Fragmentation).0 as f64 / (waste.total().0.max(1)) as f64;
    if kubernetes.text("scoring") != "LeastAllocated" || share < 0.3 {
        return;
    }
    if !matches!(subject.fleet.plan.capacity, CapacityPlan::Karpenter(_)) {
        return;
    }
    found.push(Found {
        code: "FS0127",
        span: kubernetes.span("scoring"),
        evidence: format!(
            "{} of the instances' cost is CPU that nobody requested on nodes with pods: LeastAllocated puts each pod on the emptiest node, so large nodes hardly ever become empty",
            percent(share)
        ),
        fix: "kubernetes.scoring = \"MostAllocated\" (a second scheduler profile for job pods)".to_owned(),
        set: vec!["kubernetes.scoring=MostAllocated".to_owned()],
    });
}

//! Where pods run: Karpenter, fixed nodes, or a plain pool; and whether every pod fits somewhere there.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::layers::FleetDocument;
use super::Run;
use super::alternatives;
use super::ec2::{type_at, zones};
use super::fit::{self, Surroundings};
use super::job::Described;
use super::karpenter::{self, Pool};
use super::karpenter_events;
use super::reservations;
use crate::catalog::{CapacityType, Catalog};
use crate::karpenter::batcher::BatchWindow;
use crate::karpenter::disruption::{Calendar, ConsolidationPolicy, PoolDisruption, Settings, Version};
use crate::karpenter::solver::PassOptions;
use crate::simulation::{
    CapacityPlan, ExecutorPlan, FixedNodes, KarpenterPlan, KubernetesPlan, MachineGroup, PoolPlan,
};
use crate::units::{HourlyPrice, Ppm};
use std::sync::Arc;

/// What is asked for.
pub(super) struct Request<'a> {
    pub fleet: &'a FleetDocument,
    pub catalog: &'a Catalog,
    /// What Karpenter believes that things cost, where that is not the catalogue's prices.
    pub list_prices: Option<&'a Arc<Catalog>>,
    /// By runner.
    pub executors: &'a [ExecutorPlan],
    pub kubernetes: &'a KubernetesPlan,
    pub run: &'a Run<'a>,
    /// Jobs that all runner managers together may have at once.
    pub slots: u64,
}

/// The capacity of a fleet; pods that fit nowhere are reported.
pub(super) fn plan(
    request: &Request<'_>,
    described: &[Described],
    problems: &mut Problems,
) -> Option<CapacityPlan> {
    let fleet = &request.fleet.table;
    let around: Vec<Surroundings<'_>> = request
        .executors
        .iter()
        .map(|executor| Surroundings {
            catalog: request.catalog,
            daemons: request.kubernetes.daemon_requests(),
            executor,
        })
        .collect();
    let before = problems.len();
    let (capacity, rooms) = match fleet.text("kind") {
        "fifo" => return Some(fifo(fleet)),
        "fixed" => {
            let groups = fixed(request, problems);
            let of = |around| groups.iter().map(|group| fit::room(group.instance_type, around)).collect();
            let rooms = around.iter().map(of).collect();
            (CapacityPlan::FixedNodes(groups), rooms)
        }
        "cluster-autoscaler" => {
            let plan = alternatives::node_groups(request, problems);
            let types = || plan.groups.iter().map(|group| group.nodes.instance_type);
            let of = |around| types().map(|kind| fit::room(kind, around)).collect();
            let rooms = around.iter().map(of).collect();
            (CapacityPlan::NodeGroups(Box::new(plan)), rooms)
        }
        "docker-autoscaler" | "docker-machine" => {
            let plan = alternatives::machines(request, problems);
            let room = |group: &MachineGroup| {
                alternatives::room_of_machine(group.nodes.instance_type, request.catalog)
            };
            let rooms = around.iter().map(|_| plan.groups.iter().map(room).collect()).collect();
            (CapacityPlan::Machines(Box::new(plan)), rooms)
        }
        "fargate" | "hosted" => {
            let plan = alternatives::per_job(request);
            let rooms = around.iter().map(|_| alternatives::rooms_of_sizes(&plan.sizes)).collect();
            (CapacityPlan::PerJob(Box::new(plan)), rooms)
        }
        _ => {
            let pools = karpenter::pools(fleet, &request.fleet.span, problems);
            let reserved = reservations::reserved_types(fleet.section("ec2"), request.catalog);
            let rooms = fit::rooms_of_pools(&pools, &reserved, &around, problems);
            let types = fit::admitted_types(&pools, &reserved, request.catalog);
            let drifts = karpenter_events::drifts(fleet.section("karpenter"), &pools, problems);
            let scales = karpenter_events::scales(fleet.section("karpenter"), &pools, problems);
            let overlays = karpenter_events::overlays(fleet.section("karpenter"), &pools, problems);
            reservations::check_pools(fleet.section("ec2"), &pools, problems);
            let list_prices = request.list_prices.cloned();
            let plan = KarpenterPlan {
                drifts,
                scales,
                overlays,
                list_prices,
                ..karpenter_plan(fleet, pools, types, request.run)
            };
            (CapacityPlan::Karpenter(Box::new(plan)), rooms)
        }
    };
    if problems.len() == before {
        fit::check(described, &rooms, &around, problems);
    }
    Some(capacity)
}

fn fifo(fleet: &Table) -> CapacityPlan {
    let table = fleet.section("fifo");
    CapacityPlan::FifoPool {
        cores_milli: table.cpu_if("cpu").map_or(0, |cpu| u64::from(cpu.0)),
        price: HourlyPrice::from_dollars(table.number("usd_per_hour")),
    }
}

fn karpenter_plan(fleet: &Table, pools: Vec<Pool>, types: Vec<String>, run: &Run<'_>) -> KarpenterPlan {
    let table = fleet.section("karpenter");
    KarpenterPlan {
        batch: BatchWindow {
            idle: table.duration("batch_idle_duration"),
            max: table.duration("batch_max_duration"),
        },
        disruption: Settings {
            version: if table.text("version") == "v1.8" { Version::V1_8 } else { Version::V1_15 },
            spot_to_spot_consolidation: table.flag("spot_to_spot_consolidation"),
        },
        pass: PassOptions {
            most_tries: table.number_if("pods_per_second").map(|pace| (pace * 60.0) as u64),
            ..PassOptions::default()
        },
        price_refresh: table.duration("price_refresh"),
        calendar: Calendar { start_unix_ms: run.start.timestamp().as_millisecond() / 1000 * 1000 },
        instance_types: types,
        ..KarpenterPlan::new(pools.into_iter().map(pool_plan).collect())
    }
}

/// A pool with `ttl_seconds_after_empty` has Karpenter v0.2x's emptiness instead of a disruption block: the two excluded
/// each other (core v0.25.0, 2023-02).
fn pool_plan(mut pool: Pool) -> PoolPlan {
    if pool.ttl_after_empty.is_some() {
        pool.disruption = PoolDisruption {
            consolidation_policy: ConsolidationPolicy::WhenEmpty,
            consolidate_after: None,
            budgets: Vec::new(),
        };
        pool.spec.consolidate_after = None;
    }
    PoolPlan {
        spec: pool.spec,
        disruption: pool.disruption,
        expire_after: pool.expire_after.filter(|_| pool.ttl_until_expired.is_none()),
        replicas: pool.replicas,
        ttl_until_expired: pool.ttl_until_expired,
        termination_grace_period: pool.termination_grace_period,
        ttl_after_empty: pool.ttl_after_empty,
    }
}

fn fixed(request: &Request<'_>, problems: &mut Problems) -> Vec<FixedNodes> {
    let fleet = &request.fleet.table;
    let everywhere = zones(fleet.section("ec2"), request.catalog);
    let table = fleet.section("fixed");
    let mut groups = Vec::new();
    for (index, (own, _)) in table.tables("nodes").enumerate() {
        let Some(instance_type) = type_at(own, "instance_type", request.catalog, problems) else { continue };
        let named: Vec<_> = own.texts("zones").filter_map(|zone| request.catalog.zone(zone)).collect();
        groups.push(FixedNodes {
            name: own.text_if("name").map_or_else(|| format!("fixed-{}", index + 1), str::to_owned),
            count: own.integer("count") as u32,
            instance_type,
            zones: if named.is_empty() { everywhere.clone() } else { named },
            capacity: if own.text("capacity_type") == "spot" {
                CapacityType::Spot
            } else {
                CapacityType::OnDemand
            },
            discount: Ppm::from_f64(own.number("savings_plan")),
            labels: own.map("labels").map(|(key, value, _)| (key.to_owned(), value.to_owned())).collect(),
            taints: Vec::new(),
        });
    }
    if groups.is_empty() && table.list("nodes").is_empty() {
        problems.push(
            Diagnostic::new(
                Code::Missing,
                request.fleet.span.clone(),
                "a fixed fleet without nodes",
                "expected `fixed.nodes`",
            )
            .help("fixed.nodes = [{ instance_type = \"m7g.2xlarge\", count = 10 }]"),
        );
    }
    groups
}

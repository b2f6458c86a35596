//! What people run instead of Karpenter, as a scenario describes it.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::source::Span;
use super::capacity::Request;
use super::ec2::zones;
use super::fit::Room;
use super::pause_pods::active_spans;
use super::spread::delay;
use crate::catalog::{Arch, CapacityType, Catalog, TypeId};
use crate::ec2::{Delay, FargatePrices, FargateSize};
use crate::metrics::CostKind;
use crate::scaling::{
    AutoscalerConfig, Expander, IdleTarget, MachinePolicy, MachineSize, TimeBilled, github_sizes,
    gitlab_sizes,
};
use crate::simulation::{
    ExecutorPlan, FixedNodes, MachineGroup, MachinesPlan, NodeGroup, NodeGroupsPlan, PerJobPlan,
    ScheduledPolicy,
};
use crate::units::{HourlyPrice, Ppm, Resources, SimDuration};

/// Kinds of fleets without Kubernetes: helper containers request nothing there, and no selector or toleration matters.
pub(super) fn is_without_kubernetes(kind: &str) -> bool {
    matches!(kind, "docker-autoscaler" | "docker-machine" | "hosted")
}

/// The executors of a fleet without Kubernetes.
pub(super) fn docker_executors(fleet: &Table, executors: &[ExecutorPlan]) -> Vec<ExecutorPlan> {
    let patience = fleet
        .section("docker_autoscaler")
        .tables("group")
        .map(|(group, _)| group.duration("instance_acquire_timeout"))
        .max();
    let docker = |own: &ExecutorPlan| ExecutorPlan {
        overhead: Resources::ZERO,
        node_selector: Vec::new(),
        select_arch: false,
        tolerations: Vec::new(),
        emulate_arm64: false,
        // Nobody polls a pod here: the job goes on as soon as its machine is there.
        poll_interval: SimDuration::from_ms(1),
        poll_timeout: patience.unwrap_or(SimDuration::from_hours(24)),
        ..own.clone()
    };
    executors.iter().map(docker).collect()
}

/// Cluster Autoscaler's groups.
pub(super) fn node_groups(request: &Request<'_>, problems: &mut Problems) -> NodeGroupsPlan {
    let fleet = &request.fleet.table;
    let table = fleet.section("cluster_autoscaler");
    let mut groups = Vec::new();
    for (number, (own, span)) in (1..).zip(table.tables("node_group")) {
        let Some((mut nodes, more_types)) = group(request, own, &format!("group-{number}"), problems) else {
            continue;
        };
        let (min, max) = (own.integer("min") as u32, own.integer("max") as u32);
        nodes.count = own.integer_if("desired").map_or(min, |desired| desired as u32);
        nodes.labels = own.map("labels").map(|(key, value, _)| (key.to_owned(), value.to_owned())).collect();
        if !(min..=max).contains(&nodes.count) {
            let message = format!("node group `{}` has {} nodes at the start", nodes.name, nodes.count);
            let label = format!("expected {min} to {max}, its min and max");
            problems.push(Diagnostic::new(Code::Range, span.clone(), message, label));
        }
        let priority = own.signed("priority") as i32;
        groups.push(NodeGroup { nodes, more_types, min, max, priority });
    }
    if groups.is_empty() && table.list("node_group").is_empty() {
        let help = "cluster_autoscaler.node_group = [{ instance_types = [\"m7i.2xlarge\"], max = 50 }]";
        problems.push(without_groups(
            &request.fleet.span,
            "Cluster Autoscaler without node groups",
            "cluster_autoscaler.node_group",
            help,
        ));
    }
    if groups.len() > 64 {
        let message = format!("{} node groups", groups.len());
        problems.push(Diagnostic::new(Code::Range, table.span("node_group"), message, "expected at most 64"));
        groups.truncate(64);
    }
    let config = AutoscalerConfig {
        scan_interval: table.duration("scan_interval").max(SimDuration::from_ms(1)),
        new_pod_scale_up_delay: table.duration("new_pod_scale_up_delay"),
        expander: match table.text("expander") {
            "most-pods" => Expander::MostPods,
            "priority" => Expander::Priority,
            "random" => Expander::Random,
            _ => Expander::LeastWaste,
        },
        scale_down: table.flag("scale_down_enabled"),
        unneeded_time: table.duration("scale_down_unneeded_time"),
        delay_after_add: table.duration("scale_down_delay_after_add"),
        delay_after_delete: table.duration("scale_down_delay_after_delete"),
        scale_down_parallelism: table.integer("max_scale_down_parallelism") as u32,
        max_node_provision_time: table.duration("max_node_provision_time"),
        delete_delay_after_taint: table.duration("node_delete_delay_after_taint"),
    };
    NodeGroupsPlan { config, groups }
}

/// Machines that runner managers start.
pub(super) fn machines(request: &Request<'_>, problems: &mut Problems) -> MachinesPlan {
    let fleet = &request.fleet.table;
    let is_fleeting = fleet.text("kind") == "docker-autoscaler";
    let name = if is_fleeting { "docker_autoscaler" } else { "docker_machine" };
    let table = fleet.section(name);
    let mut groups = Vec::new();
    for (number, (own, _)) in (1..).zip(table.tables("group")) {
        let Some((nodes, more_types)) = group(request, own, &format!("machines-{number}"), problems) else {
            continue;
        };
        let policy = if is_fleeting { fleeting(own) } else { docker_machine(own) };
        let scheduled =
            own.tables(if is_fleeting { "policy" } else { "autoscaling" }).map(|(at_times, _)| {
                let (idle, ready_first) =
                    if is_fleeting { fleeting_idle(at_times) } else { docker_machine_idle(at_times) };
                let then =
                    MachinePolicy { idle, ready_first, idle_time: at_times.duration("idle_time"), ..policy };
                ScheduledPolicy { active: active_spans(at_times, request.run, problems), policy: then }
            });
        let scheduled = scheduled.collect();
        groups.push(MachineGroup { nodes, more_types, policy, scheduled });
    }
    if groups.is_empty() && table.list("group").is_empty() {
        let help = format!("{name}.group = [{{ instance_types = [\"m7i.large\"] }}]");
        problems.push(without_groups(
            &request.fleet.span,
            "a fleet of machines without any",
            &format!("{name}.group"),
            &help,
        ));
    }
    MachinesPlan { groups }
}

fn without_groups(at: &Span, message: &str, expected: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::Missing, at.clone(), message, format!("expected `{expected}`")).help(help)
}

/// The idle target, and whether jobs wait for its instances.
fn fleeting_idle(own: &Table) -> (IdleTarget, bool) {
    let count = own.integer("idle_count") as u32;
    let idle = IdleTarget::Fleeting {
        count,
        factor: Ppm::from_f64(own.number("scale_factor")),
        limit: own.integer("scale_factor_limit") as u32,
    };
    (idle, own.flag_if("preemptive_mode").unwrap_or(count > 0))
}

/// The idle target, and whether jobs wait for its machines.
fn docker_machine_idle(own: &Table) -> (IdleTarget, bool) {
    let count = own.integer("idle_count") as u32;
    let idle = IdleTarget::DockerMachine {
        count,
        factor: Ppm::from_f64(own.number("idle_scale_factor")),
        least: own.integer("idle_count_min") as u32,
    };
    (idle, count > 0)
}

fn fleeting(own: &Table) -> MachinePolicy {
    let (idle, ready_first) = fleeting_idle(own);
    MachinePolicy {
        slots: own.integer("capacity_per_instance") as u32,
        uses: own.integer("max_use_count") as u32,
        most: own.integer("max_instances") as u32,
        growth: 0,
        idle,
        idle_time: own.duration("idle_time"),
        ready_first,
    }
}

fn docker_machine(own: &Table) -> MachinePolicy {
    let (idle, ready_first) = docker_machine_idle(own);
    MachinePolicy {
        slots: 1,
        uses: own.integer("max_builds") as u32,
        most: own.integer("limit") as u32,
        growth: own.integer("max_growth_rate") as u32,
        idle,
        idle_time: own.duration("idle_time"),
        ready_first,
    }
}

/// A group of equal nodes or machines, and the types that it may launch beside the first.
fn group(
    request: &Request<'_>,
    own: &Table,
    unnamed: &str,
    problems: &mut Problems,
) -> Option<(FixedNodes, Vec<TypeId>)> {
    let catalog = request.catalog;
    let types: Vec<TypeId> =
        own.texts("instance_types").filter_map(|name| known_type(own, name, catalog, problems)).collect();
    let named: Vec<_> = own.texts("zones").filter_map(|zone| catalog.zone(zone)).collect();
    let everywhere = zones(request.fleet.table.section("ec2"), catalog);
    let nodes = FixedNodes {
        name: own.text_if("name").unwrap_or(unnamed).to_owned(),
        count: 0,
        instance_type: *types.first()?,
        zones: if named.is_empty() { everywhere } else { named },
        capacity: if own.text("capacity_type") == "spot" {
            CapacityType::Spot
        } else {
            CapacityType::OnDemand
        },
        discount: Ppm::from_f64(own.number("savings_plan")),
        labels: Vec::new(),
        taints: Vec::new(),
    };
    Some((nodes, types[1..].to_vec()))
}

fn known_type(own: &Table, name: &str, catalog: &Catalog, problems: &mut Problems) -> Option<TypeId> {
    let found = catalog.find(name).filter(|id| catalog.prices(*id).is_some());
    if found.is_none() {
        let message = format!("{} sells no instance type `{name}`", catalog.region());
        let at = own.span("instance_types");
        let diagnostic = Diagnostic::new(Code::Catalog, at, message, "expected types of the catalogue");
        let near = catalog.similar_names(name).join(", ");
        problems.push(if near.is_empty() {
            diagnostic
        } else {
            diagnostic.help(format!("similar names: {near}"))
        });
    }
    found
}

/// Hosted runners, or Fargate pods for jobs.
pub(super) fn per_job(request: &Request<'_>) -> PerJobPlan {
    let fleet = &request.fleet.table;
    let ten_seconds = Delay::Constant(SimDuration::from_secs(10));
    if fleet.text("kind") == "fargate" {
        let table = fleet.section("fargate");
        let concurrent: u64 = request.slots;
        return PerJobPlan {
            kind: CostKind::Fargate,
            sizes: fargate_sizes(),
            // From the image's download on, at least a minute, by the second (aws.amazon.com/fargate/pricing, 2026-11).
            billed: TimeBilled {
                with_start: true,
                minimum: SimDuration::from_mins(1),
                step: SimDuration::from_secs(1),
            },
            start: delay(table, "start").unwrap_or(ten_seconds),
            overhead: request.executors[0].overhead,
            concurrent: u32::try_from(concurrent).ok().filter(|slots| *slots > 0),
            speed: Ppm::from_f64(table.number("speed")),
        };
    }
    let table = fleet.section("hosted");
    let is_github = table.text("provider") == "github";
    let minute = HourlyPrice::from_dollars(table.number("usd_per_1000_minutes") * 0.06);
    PerJobPlan {
        kind: CostKind::HostedMinutes,
        sizes: if is_github { github_sizes() } else { gitlab_sizes(minute) },
        billed: TimeBilled {
            with_start: false,
            minimum: SimDuration::ZERO,
            step: if is_github { SimDuration::from_mins(1) } else { SimDuration::from_secs(1) },
        },
        start: delay(table, "start").unwrap_or(ten_seconds),
        overhead: Resources::ZERO,
        concurrent: table.integer_if("concurrent").map(|most| most as u32),
        speed: Ppm::from_f64(table.number("speed")),
    }
}

fn fargate_sizes() -> Vec<MachineSize> {
    let prices = FargatePrices::default();
    let of = |size: FargateSize| MachineSize {
        arch: Arch::Amd64,
        room: size.room(),
        whole: Resources { cpu: size.cpu, memory: size.memory },
        hourly: size.hourly(&prices),
    };
    FargateSize::all().map(of).collect()
}

/// Machines for jobs as rooms that a job must fit.
pub(super) fn rooms_of_sizes(sizes: &[MachineSize]) -> Vec<Room> {
    let of = |size: &MachineSize| Room {
        arch: size.arch,
        free: size.room,
        instance_type: format!("one of {}", size.whole),
    };
    sizes.iter().map(of).collect()
}

/// A whole machine as a room that a job must fit: nothing is kept for a kubelet.
pub(super) fn room_of_machine(id: TypeId, catalog: &Catalog) -> Room {
    let kind = catalog.get(id);
    Room { arch: kind.arch, free: kind.capacity(), instance_type: kind.name.to_string() }
}

//! What costs money whether jobs run or not: the control plane, Fargate pods and the runner managers.

use super::super::check::Problems;
use super::super::document::Table;
use super::alternatives::is_without_kubernetes;
use super::ec2::type_at;
use super::gitlab::{Runner, manager_name};
use crate::catalog::{CapacityType, Catalog, ZoneId};
use crate::ec2::{FargatePrices, FargateSize, StandingCost, TrafficVolumes, control_plane, manager, traffic};
use crate::metrics::CostKind;
use crate::units::{HourlyPrice, Ppm, Resources};

/// Root volume of a manager's instance, GiB: the smallest that Amazon Linux 2023 is shipped with.
const MANAGER_VOLUME_GIB: u32 = 8;

/// Hours in a month, as AWS reckons.
const HOURS_PER_MONTH: f64 = 730.0;

fn traffic_of(table: &Table) -> Option<StandingCost> {
    traffic(&TrafficVolumes {
        nat_gateways: table.integer("nat_gateways") as u32,
        nat_gb_per_day: table.number("nat_gb_per_day"),
        cross_zone_gb_per_day: table.number("cross_zone_gb_per_day"),
        internet_gb_per_day: table.number("internet_gb_per_day"),
    })
}

/// All standing costs of a fleet.
pub(super) fn costs(
    fleet: &Table,
    runners: &[Runner<'_>],
    catalog: &Catalog,
    problems: &mut Problems,
) -> Vec<(CostKind, StandingCost)> {
    let mut costs = Vec::new();
    if matches!(fleet.text("kind"), "fifo" | "hosted") {
        return costs;
    }
    let has_cluster = !is_without_kubernetes(fleet.text("kind"));
    match fleet.section("ec2").section("billing").text("control_plane") {
        "none" => {}
        support if has_cluster => costs.push((CostKind::ControlPlane, control_plane(support == "extended"))),
        _ => {}
    }
    costs.extend(traffic_of(fleet.section("ec2").section("traffic")).map(|cost| (CostKind::Traffic, cost)));
    let watching = fleet.section("ec2").section("billing").number("cloudwatch_usd_per_month");
    if watching > 0.0 {
        let hourly = HourlyPrice::from_dollars(watching / HOURS_PER_MONTH);
        costs.push((CostKind::CloudWatch, StandingCost { name: "CloudWatch".to_owned(), hourly }));
    }
    let has_karpenter = !matches!(fleet.text("kind"), "cluster-autoscaler" | "fargate");
    if fleet.text("kind") == "cluster-autoscaler" {
        costs.extend(cluster_autoscaler().map(|cost| (CostKind::Fargate, cost)));
    }
    let runs = |pod: &Table| has_cluster && (has_karpenter || pod.text("name") != "karpenter");
    for (pod, _) in fleet.section("kubernetes").tables("fargate").filter(|(pod, _)| runs(pod)) {
        let requests = Resources {
            cpu: pod.cpu_if("cpu").unwrap_or_default(),
            memory: pod.memory_if("memory").unwrap_or_default(),
        };
        let replicas = pod.integer("replicas");
        if let Some(size) = FargateSize::of(requests) {
            let hourly = HourlyPrice(size.hourly(&FargatePrices::default()).0 * replicas);
            let name = format!("{}: {replicas} x Fargate", pod.text("name"));
            costs.push((CostKind::Fargate, StandingCost { name, hourly }));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for runner in runners {
        let name = manager_name(runner);
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        if let Some(cost) = host(runner.table.section("host"), catalog, problems) {
            let replicas = runner.table.integer("replicas");
            let hourly = HourlyPrice(cost.hourly.0 * replicas);
            let name = format!("{name}: {replicas} x {}", cost.name);
            costs.push((CostKind::Managers, StandingCost { name, hourly }));
        }
    }
    costs
}

/// Cluster Autoscaler's own pod, with the requests of its example manifest (100m and 600Mi, kubernetes/autoscaler
/// `cloudprovider/aws/examples`, 2026-08).
fn cluster_autoscaler() -> Option<StandingCost> {
    let size = FargateSize::of(Resources::new(100, 600))?;
    let hourly = size.hourly(&FargatePrices::default());
    Some(StandingCost { name: "cluster-autoscaler: 1 x Fargate".to_owned(), hourly })
}

fn host(host: &Table, catalog: &Catalog, problems: &mut Problems) -> Option<StandingCost> {
    let requests = Resources {
        cpu: host.cpu_if("cpu").unwrap_or_default(),
        memory: host.memory_if("memory").unwrap_or_default(),
    };
    let discount = Ppm::from_f64(host.number("savings_plan"));
    let name = host.text("instance_type");
    match host.text("kind") {
        "free" => None,
        "fargate" => FargateSize::of(requests).map(|size| StandingCost {
            name: "runner manager on Fargate".to_owned(),
            hourly: size.hourly(&FargatePrices::default()),
        }),
        "pod" => {
            let id = type_at(host, "instance_type", catalog, problems)?;
            let zones = 0..catalog.zones().len() as u8;
            let price = zones.map(ZoneId).find_map(|zone| catalog.price(id, zone, CapacityType::OnDemand))?;
            let node = catalog.get(id).allocatable();
            let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
            let share =
                share(requests.cpu.0, node.cpu.0).max(share(requests.memory.0, node.memory.0)).min(1.0);
            let whole = crate::ec2::discounted(price, discount);
            let hourly = HourlyPrice(Ppm::from_f64(share).of(whole.0));
            Some(StandingCost { name: format!("runner manager pod on {name}"), hourly })
        }
        _ => {
            type_at(host, "instance_type", catalog, problems)?;
            manager(catalog, name, discount, MANAGER_VOLUME_GIB)
        }
    }
}

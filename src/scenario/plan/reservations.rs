//! `[[ec2.capacity_reservation]]`: On-Demand Capacity Reservations.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::ec2::type_at;
use super::job::line_of;
use super::karpenter::Pool;
use super::karpenter_events::named_pools;
use crate::catalog::{Catalog, TypeId};
use crate::ec2::CapacityReservation;
use crate::karpenter::reservations::MAX_RESERVATIONS;
use crate::units::SimTime;

/// The reservations of a fleet. Names of NodePools are looked at where the pools are known.
pub(super) fn reservations(
    ec2: &Table,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Vec<CapacityReservation> {
    let mut all: Vec<CapacityReservation> = Vec::new();
    for (table, span) in ec2.tables("capacity_reservation") {
        let Some(instance_type) = type_at(table, "instance_type", catalog, problems) else { continue };
        let name = table.text("zone");
        let Some(zone) = catalog.zone(name) else {
            let known: Vec<&str> = catalog.zones().iter().map(|zone| &*zone.name).collect();
            let message = format!("{} has no zone `{name}`", catalog.region());
            let at = table.span("zone");
            problems.push(
                Diagnostic::new(Code::Catalog, at, message, "expected a zone of the region")
                    .help(format!("zones are {}", known.join(", "))),
            );
            continue;
        };
        let id = table.text_if("id").map_or_else(|| format!("cr-{}", all.len() + 1), str::to_owned);
        if all.iter().any(|one| one.id == id) {
            let message = format!("there are two capacity reservations `{id}`");
            problems.push(Diagnostic::new(
                Code::Duplicate,
                line_of(span),
                message,
                "expected an `id` of its own",
            ));
            continue;
        }
        if all.len() == MAX_RESERVATIONS {
            let message = format!("there are more than {MAX_RESERVATIONS} capacity reservations");
            problems.push(Diagnostic::new(Code::Conflict, line_of(span), message, "expected no more"));
            break;
        }
        let pools = table.list("node_pools").iter().filter_map(|item| match &item.value {
            Value::Text(name) => Some(name.clone()),
            _ => None,
        });
        all.push(CapacityReservation {
            id,
            instance_type,
            zone,
            count: table.integer("count") as u32,
            ends_at: table.duration_if("ends").map(|after| SimTime::ZERO + after),
            pools: pools.collect(),
        });
    }
    all
}

/// The types of which some reservation has instances.
pub(super) fn reserved_types(ec2: &Table, catalog: &Catalog) -> Vec<TypeId> {
    let name = |table: &Table| catalog.find(table.text("instance_type"));
    ec2.tables("capacity_reservation").filter_map(|(table, _)| name(table)).collect()
}

/// Reports reservations of NodePools that the fleet does not have.
pub(super) fn check_pools(ec2: &Table, pools: &[Pool], problems: &mut Problems) {
    for (table, _) in ec2.tables("capacity_reservation") {
        named_pools(table, "node_pools", pools, problems);
    }
}

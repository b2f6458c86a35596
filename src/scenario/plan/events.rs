//! What happens on a schedule: `[[event]]`, sorted to the rooms that it concerns.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::keys::nearest_word;
use super::super::source::Span;
use super::job::line_of;
use super::pool_filter;
use crate::catalog::{CapacityType, Catalog};
use crate::ec2::{CapacityPool, LaunchStress, Outage, PoolFilter, SlowBoot, Strike, Throttle};
use crate::simulation::{CapacityPlan, DrainPlan, PriceChange, StressPlan};
use crate::units::{HourlyPrice, Ppm, SimDuration, SimTime};
use crate::workload::Synthetic;

/// The events of a fleet.
#[derive(Default)]
pub(super) struct Stress {
    pub plan: StressPlan,
    pub launches: LaunchStress,
    pub outages: Vec<Outage>,
    pub strikes: Vec<Strike>,
    pub price_changes: Vec<PriceChange>,
}

/// An event's span of time.
#[derive(Clone, Copy)]
struct Lasting {
    from: SimTime,
    until: SimTime,
}

/// Reads everything but load spikes.
pub(super) fn stress(
    fleet: &Table,
    catalog: &Catalog,
    capacity: &CapacityPlan,
    problems: &mut Problems,
) -> Stress {
    let mut stress = Stress::default();
    for (table, span) in fleet.tables("event") {
        let pools = pool_filter::read(table, catalog, problems);
        if table.text("kind") == "drain" {
            let pools = named_pools(table, capacity, problems);
            stress.plan.drains.push(DrainPlan { at: at(table), pools });
            continue;
        }
        let Some(lasting) = lasting(table, span, problems) else { continue };
        let Lasting { from, until } = lasting;
        match table.text("kind") {
            "spot-outage" => {
                let pools = pools.bought(CapacityType::Spot);
                stress.outages.push(Outage { pools: pools.clone(), from, until });
                stress.strikes.push(Strike {
                    at: from,
                    pools,
                    share: Ppm::from_f64(table.number("share")),
                    spread: table.duration("spread"),
                });
            }
            "on-demand-shortage" => {
                stress.outages.push(Outage { pools: pools.bought(CapacityType::OnDemand), from, until });
            }
            "price-rise" => {
                if let Some(factor) = needed(table, "factor", span, problems) {
                    stress.price_changes.extend(price_rise(table, &pools, lasting, factor, catalog));
                }
            }
            "launch-throttling" => {
                if let Some(per_minute) = needed(table, "per_minute", span, problems) {
                    let spacing = SimDuration::from_ms((60_000.0 / per_minute).round() as u64);
                    stress.launches.throttles.push(Throttle { from, until, spacing });
                }
            }
            "launch-failure" => stress.launches.failures.push((from, until)),
            "slow-boot" => {
                if let Some(factor) = needed(table, "factor", span, problems) {
                    let percent = (factor * 100.0).round() as u64;
                    stress.launches.slow_boots.push(SlowBoot { from, until, percent });
                }
            }
            "gitlab-outage" => stress.plan.gitlab_outages.push((from, until)),
            _ => {}
        }
    }
    stress
}

/// Adds what load spikes bring: more of everything that is generated, for a while.
pub(super) fn add_spikes(fleet: &Table, synthetic: &mut Vec<Synthetic>, problems: &mut Problems) {
    for (table, span) in fleet.tables("event").filter(|(table, _)| table.text("kind") == "load-spike") {
        let factor = needed(table, "factor", span, problems);
        let (Some(Lasting { from, until }), Some(factor)) = (lasting(table, span, problems), factor) else {
            continue;
        };
        if factor < 1.0 {
            let message = "a load spike brings more, not less";
            let at = table.span("factor");
            problems.push(Diagnostic::new(Code::Range, at, message, "expected a factor of at least 1"));
            continue;
        }
        let usual: Vec<Synthetic> =
            synthetic.iter().filter(|source| source.from < until && source.until > from).cloned().collect();
        for source in usual {
            synthetic.push(Synthetic {
                name: format!("{} in the spike after {}", source.name, from.saturating_since(SimTime::ZERO)),
                per_day: source.per_day * (factor - 1.0),
                from: source.from.max(from),
                until: source.until.min(until),
                ..source
            });
        }
    }
}

fn at(table: &Table) -> SimTime {
    SimTime::ZERO + table.duration_if("at").unwrap_or_default()
}

fn lasting(table: &Table, span: &Span, problems: &mut Problems) -> Option<Lasting> {
    let Some(lasts) = table.duration_if("for") else {
        let message = format!("how long the event `{}` lasts is missing", table.text("kind"));
        let label = "expected `for`, a duration";
        problems.push(Diagnostic::new(Code::Missing, line_of(span), message, label).help("for = \"45m\""));
        return None;
    };
    Some(Lasting { from: at(table), until: at(table) + lasts })
}

fn needed(table: &Table, key: &str, span: &Span, problems: &mut Problems) -> Option<f64> {
    let given = table.number_if(key);
    if given.is_none() {
        let message = format!("`{key}` of the event `{}` is missing", table.text("kind"));
        let label = format!("expected `{key}`, a number");
        problems
            .push(Diagnostic::new(Code::Missing, line_of(span), message, label).help(format!("{key} = 2.0")));
    }
    given
}

/// Every price that rises, and its return at the end.
fn price_rise(
    table: &Table,
    pools: &PoolFilter,
    Lasting { from, until }: Lasting,
    factor: f64,
    catalog: &Catalog,
) -> Vec<PriceChange> {
    let bought: &[CapacityType] = match table.text_if("capacity_type") {
        Some("spot") => &[CapacityType::Spot],
        Some(_) => &[CapacityType::OnDemand],
        None => &[CapacityType::OnDemand, CapacityType::Spot],
    };
    let mut changes = Vec::new();
    for instance_type in catalog.type_ids() {
        for zone in (0..catalog.zones().len() as u8).map(crate::catalog::ZoneId) {
            for capacity in bought.iter().copied() {
                let pool = CapacityPool { instance_type, zone, capacity_type: capacity };
                let Some(price) = catalog.price(instance_type, zone, capacity) else { continue };
                if !pools.covers(pool) {
                    continue;
                }
                let change = |at, price| PriceChange { at, instance_type, zone: Some(zone), capacity, price };
                let risen = HourlyPrice((price.0 as f64 * factor).round() as u64);
                changes.extend([change(from, risen), change(until, price)]);
            }
        }
    }
    changes
}

/// The numbers of the NodePools or groups listed at `pools`.
fn named_pools(table: &Table, capacity: &CapacityPlan, problems: &mut Problems) -> Vec<u32> {
    let owned = capacity.pool_names();
    let names: Vec<&str> = owned.iter().map(String::as_str).collect();
    let mut numbers = Vec::new();
    for name in table.texts("pools") {
        if let Some(number) = names.iter().position(|known| *known == name) {
            numbers.push(number as u32);
            continue;
        }
        let message = format!("there is no pool `{name}` to drain");
        let diagnostic = Diagnostic::new(
            Code::Reference,
            table.span("pools"),
            message,
            "expected names of NodePools or groups of fixed nodes",
        );
        problems.push(match nearest_word(names.iter().copied(), name) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("pools are {}", names.join(", "))),
        });
    }
    numbers
}

//! Puts decisions in the recording's terms and compares.

#![allow(unreachable_pub, dead_code)] // each test binary uses its own part

use fleetsim::catalog::CapacityType;
use fleetsim::karpenter::instance_types::{OfferingSet, TypeId};
use fleetsim::karpenter::labels::{self, LabelKey};
use fleetsim::karpenter::solver::ClaimRequest;
use fleetsim::units::HourlyPrice;
use serde_json::{Value, json};

use super::World;

pub fn claim_value(world: &World, claim: &ClaimRequest) -> Value {
    let types = world.cluster.instance_types();
    let allowed = types.allowed_offerings(&claim.requirements, world.cluster.vocabulary());
    let options: Vec<Value> = claim
        .types
        .iter()
        .map(|(id, price)| {
            json!({"instance_type": &*types.get(*id).name, "cheapest_price": price.map(HourlyPrice::as_dollars),
                "worst_launch_price": worst_launch_price(world, *id, allowed).map(HourlyPrice::as_dollars)})
        })
        .collect();
    let mut pods: Vec<&str> = claim.pods.iter().map(|pod| world.pod_name(*pod)).collect();
    pods.sort_unstable();
    json!({
        "node_pool": world.pools[usize::from(claim.pool.0)],
        "capacity_types": values_of(world, claim, labels::CAPACITY_TYPE),
        "zones": values_of(world, claim, labels::ZONE),
        "archs": values_of(world, claim, labels::ARCH),
        "pods": pods,
        "request_cpu_millis": claim.requests.cpu,
        "request_memory_mib": claim.requests.memory,
        "request_pods": claim.requests.pods,
        "instance_types": options,
    })
}

/// The dearest spot offering to be had, or on-demand where there is no spot.
fn worst_launch_price(world: &World, id: TypeId, allowed: OfferingSet) -> Option<HourlyPrice> {
    let offerings = &world.cluster.instance_types().get(id).offerings;
    let dearest = |kind| {
        let is_usable = |one: &&fleetsim::karpenter::instance_types::Offering| {
            one.is_available && one.capacity_type == kind && allowed.contains(one.zone, kind)
        };
        offerings.iter().filter(is_usable).map(|one| one.price).max()
    };
    dearest(CapacityType::Spot).or_else(|| dearest(CapacityType::OnDemand))
}

fn values_of(world: &World, claim: &ClaimRequest, key: LabelKey) -> Vec<String> {
    let mut values: Vec<String> = claim.requirements.get(key).map_or_else(Vec::new, |requirement| {
        requirement.values.iter().map(|value| world.cluster.vocabulary().text(*value).to_owned()).collect()
    });
    values.sort_unstable();
    values
}

pub fn is_close(ours: f64, recorded: &Value) -> bool {
    recorded.as_f64().is_some_and(|recorded| (ours - recorded).abs() <= 2e-9)
}

/// Whether everything in `recorded` that `ours` knows is equal, floats to their ninth decimal.
pub fn same(what: &str, ours: &Value, recorded: &Value) -> Result<(), String> {
    let differs = || Err(format!("{what}: {ours}, recorded {recorded}"));
    match (ours, recorded) {
        (Value::Number(number), Value::Number(_)) => {
            if is_close(number.as_f64().unwrap(), recorded) {
                Ok(())
            } else {
                differs()
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).try_for_each(|(ours, theirs)| same(what, ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => ours.iter().try_for_each(|(key, value)| {
            same(&format!("{what}.{key}"), value, theirs.get(key).unwrap_or(&Value::Null))
        }),
        _ if ours == recorded => Ok(()),
        _ => differs(),
    }
}

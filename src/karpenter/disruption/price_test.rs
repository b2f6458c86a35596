//! The price test: whether nodes can go, and which cheaper instance types may take what fits nowhere else.

use super::super::cluster::{Cluster, NodeId};
use super::super::instance_types::{InstanceTypes, OfferingSet, TypeId};
use super::super::labels;
use super::super::min_values::{satisfies_min_values, types_needed};
use super::super::node_pools::PoolId;
use super::super::pods::PodId;
use super::super::requirements::Requirement;
use super::super::solver::{NewClaim, PassResults};
use super::candidate::Candidate;
use super::settings::{Settings, Version};
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// A single spot node is replaced by spot only with so many cheaper types, and by the cheapest of them
/// (core `disruption/consolidation.go` `MinInstanceTypesForSpotToSpotConsolidation`, v1.15.0).
const SPOT_TO_SPOT_TYPES: usize = 15;

/// Why a node that was looked at stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Some pod finds no other place.
    PodsDoNotFit,
    /// A pod would land on a node that is not initialized.
    UninitializedDestination,
    /// It would take so many new nodes, more than one.
    NeedsSeveralNewNodes(u32),
    /// No replacement is cheaper.
    NotCheaper,
    /// A spot node would be replaced by spot, which the feature gate forbids.
    SpotToSpotGateOff,
    /// So many cheaper spot types were found, fewer than 15.
    SpotToSpotNeeds15(u32),
    /// The price of a candidate is unknown (v1.8 only; later its price is 0).
    CandidateOfferingMissing,
}

/// A replacement with its types in price order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Replacement {
    pub(super) claim: NewClaim,
    /// The types that remain, in the order in which they were priced before capacity types were pinned.
    pub(super) types: Vec<TypeId>,
}

/// A move that passes the price test.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move {
    pub(super) placements: Vec<(PodId, NodeId)>,
    pub(super) replacement: Option<Replacement>,
}

/// Tests a what-if that fits (core `computeConsolidation` and `computeSpotToSpotConsolidation`, v1.15.0).
pub(super) fn test(
    cluster: &Cluster,
    settings: Settings,
    candidates: &[Candidate],
    results: &PassResults,
) -> Result<Move, Skip> {
    let placements = results.placements.clone();
    let claim = match &results.claims[..] {
        [] => return Ok(Move { placements, replacement: None }),
        [claim] => claim,
        several => return Err(Skip::NeedsSeveralNewNodes(several.len() as u32)),
    };
    if settings.version == Version::V1_8 && candidates.iter().any(|candidate| candidate.is_offering_missing) {
        return Err(Skip::CandidateOfferingMissing);
    }
    let price: f64 = candidates.iter().map(|candidate| candidate.price).sum();
    let allows = |claim: &NewClaim, kind| {
        let label = cluster.instance_types().capacity_type_label(kind);
        claim.requirements.allows(labels::CAPACITY_TYPE, label, cluster.vocabulary())
    };
    let allows_spot = allows(claim, CapacityType::Spot);
    let are_all_spot = candidates.iter().all(|candidate| candidate.capacity_type == Some(CapacityType::Spot));
    if allows_spot && are_all_spot && !settings.spot_to_spot_consolidation {
        return Err(Skip::SpotToSpotGateOff);
    }
    let mut replacement = in_price_order(cluster, claim.clone());
    if allows_spot && are_all_spot {
        return spot_to_spot(cluster, candidates.len(), price, replacement)
            .map(|replacement| Move { placements, replacement: Some(replacement) });
    }
    keep_cheaper_than(cluster, price, &mut replacement)?;
    if allows_spot && allows(&replacement.claim, CapacityType::OnDemand) {
        // The price filter assumed that spot will launch, so nothing dearer must.
        pin_to_spot(cluster, &mut replacement);
    }
    Ok(Move { placements, replacement: Some(replacement) })
}

fn spot_to_spot(
    cluster: &Cluster,
    candidates: usize,
    price: f64,
    mut replacement: Replacement,
) -> Result<Replacement, Skip> {
    pin_to_spot(cluster, &mut replacement);
    let (types, allowed) = priced(cluster, &replacement);
    let pool = replacement.claim.pool;
    replacement.types.retain(|id| types.cheapest(pool, *id, allowed).is_some());
    keep_cheaper_than(cluster, price, &mut replacement)?;
    if candidates == 1 {
        if replacement.types.len() < SPOT_TO_SPOT_TYPES {
            return Err(Skip::SpotToSpotNeeds15(replacement.types.len() as u32));
        }
        let requirements = &replacement.claim.requirements;
        let has_minimum = requirements.has_min_values();
        let needed = has_minimum.then(|| types_needed(cluster, requirements, &replacement.types)).flatten();
        replacement.types.truncate(SPOT_TO_SPOT_TYPES.max(needed.unwrap_or(0)));
        replacement.claim.types = replacement.types.iter().copied().collect();
    }
    Ok(replacement)
}

fn in_price_order(cluster: &Cluster, claim: NewClaim) -> Replacement {
    let types = cluster.instance_types();
    let allowed = types.allowed_offerings(&claim.requirements, cluster.vocabulary());
    let mut priced = Vec::new();
    types.by_price(claim.pool, &claim.types, allowed, &mut priced);
    Replacement { claim, types: priced.into_iter().map(|(id, _)| id).collect() }
}

fn pin_to_spot(cluster: &Cluster, replacement: &mut Replacement) {
    let spot = cluster.instance_types().capacity_type_label(CapacityType::Spot);
    replacement.claim.requirements.add(Requirement::is(labels::CAPACITY_TYPE, spot), cluster.vocabulary());
}

fn priced<'a>(cluster: &'a Cluster, replacement: &Replacement) -> (&'a InstanceTypes, OfferingSet) {
    let types = cluster.instance_types();
    (types, types.allowed_offerings(&replacement.claim.requirements, cluster.vocabulary()))
}

/// Keeps the types whose worst launch price is below `price`; an error where none or too few for `minValues` remain.
pub(super) fn keep_cheaper_than(
    cluster: &Cluster,
    price: f64,
    replacement: &mut Replacement,
) -> Result<(), Skip> {
    let (types, allowed) = priced(cluster, replacement);
    let pool = replacement.claim.pool;
    replacement.types.retain(|id| worst_launch_price(types, pool, *id, allowed) < price);
    replacement.claim.types = replacement.types.iter().copied().collect();
    let requirements = &replacement.claim.requirements;
    let is_enough = !requirements.has_min_values()
        || satisfies_min_values(cluster, requirements, &replacement.claim.types);
    if replacement.types.is_empty() || !is_enough { Err(Skip::NotCheaper) } else { Ok(()) }
}

/// The dearest offering of the capacity type that would be bought: reserved where any is to be had, else spot, else on demand.
/// Without any offering it is beyond every price (core `cloudprovider/types.go` `WorstLaunchPrice`, v1.15.0).
fn worst_launch_price(types: &InstanceTypes, pool: PoolId, id: TypeId, allowed: OfferingSet) -> f64 {
    let dearest = |kind| {
        let usable = types.get(id).offerings.iter().filter(|offering| {
            offering.is_available && offering.capacity_type == kind && allowed.allows(offering)
        });
        usable.map(|offering| types.price(pool, id, offering)).max()
    };
    dearest(CapacityType::Reserved)
        .or_else(|| dearest(CapacityType::Spot))
        .or_else(|| dearest(CapacityType::OnDemand))
        .map_or(f64::MAX, HourlyPrice::as_dollars)
}

/// What the move saves per hour: the candidates' prices less the cheapest launchable offering of the replacement's first type
/// (core `disruption/types.go` `EstimatedSavings`, v1.15.0).
pub(super) fn estimated_savings(
    cluster: &Cluster,
    candidates: &[Candidate],
    replacement: Option<&Replacement>,
) -> f64 {
    let source: f64 = candidates.iter().map(|candidate| candidate.price).sum();
    let cheapest = |replacement: &Replacement| {
        let (types, allowed) = priced(cluster, replacement);
        types.cheapest(replacement.claim.pool, *replacement.types.first()?, allowed)
    };
    source - replacement.and_then(cheapest).map_or(0.0, HourlyPrice::as_dollars)
}

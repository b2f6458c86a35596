//! The AWS launch: which offerings of a NodeClaim are sent to EC2 Fleet, and as what capacity type.

use super::cluster::Cluster;
use super::instance_types::{InstanceTypes, MAX_ZONES, Offering, OfferingSet, TypeId, ZoneId};
use super::labels;
use super::min_values::satisfies_min_values;
use super::node_pools::PoolId;
use super::offering_set::ReservationSet;
use super::requirements::{Requirements, UndefinedLabels};
use super::reservations::ReservationId;
use super::resources::Amounts;
use super::solver::{ClaimRequest, MinValuesPolicy};
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// Most instance types in one CreateFleet call (aws `instance.go` `maxInstanceTypes`, v1.15.0).
pub const MAX_TYPES_PER_LAUNCH: usize = 60;

/// How EC2 Fleet chooses among the overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocationStrategy {
    /// On demand: the cheapest.
    LowestPrice,
    /// Spot: cheap and deep pools.
    PriceCapacityOptimized,
    /// On demand where a NodeOverlay changes a price: the lowest priority, which is the price that Karpenter believes.
    Prioritized,
    /// Spot where a NodeOverlay changes a price: deep pools, by priority as far as that goes.
    CapacityOptimizedPrioritized,
}

impl AllocationStrategy {
    /// The name in the EC2 API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LowestPrice => "lowest-price",
            Self::PriceCapacityOptimized => "price-capacity-optimized",
            Self::Prioritized => "prioritized",
            Self::CapacityOptimizedPrioritized => "capacity-optimized-prioritized",
        }
    }
}

/// A CreateFleet call for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchRequest {
    /// Reserved, Spot or on demand: one call asks for one kind only.
    pub capacity_type: CapacityType,
    /// How EC2 chooses.
    pub strategy: AllocationStrategy,
    /// What EC2 may choose from.
    pub overrides: Vec<Override>,
    /// How many types are left after all filters and the cut to 60, those without an override included.
    pub type_count: usize,
    /// How many types met the claim and were to be had, before the other filters.
    pub candidate_count: usize,
    /// What each filter left.
    pub filters: LaunchFilters,
}

/// How many types each filter of a launch left, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaunchFilters {
    /// Met the claim and were to be had.
    pub available: u32,
    /// Have room for what the claim requests.
    pub fitting: u32,
    /// Are in a capacity reservation with an instance left, if any is.
    pub reserved: u32,
    /// Are no bare metal, unless all are.
    pub not_exotic: u32,
    /// Have an offering left once Spot dearer than on demand is dropped.
    pub not_dearer_than_on_demand: u32,
    /// Are among the 60 cheapest.
    pub sent: u32,
}

/// One type in one zone that EC2 may launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Override {
    /// Price that Karpenter believes.
    pub price: HourlyPrice,
    /// Instance type.
    pub type_id: TypeId,
    /// Zone.
    pub zone: ZoneId,
    /// The capacity reservation that the launch template of this override targets.
    pub reservation: Option<ReservationId>,
}

/// Nothing that the claim allows is to be had: the claim is deleted and its pods are packed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all requested instance types were unavailable during launch")]
pub struct InsufficientCapacity {
    /// How many types met the claim and were to be had, before the other filters.
    pub candidate_count: usize,
}

/// A type, and which of its offerings are left after the filters.
struct Candidate {
    type_id: TypeId,
    spot_limit: Option<(PoolId, HourlyPrice)>,
    /// The reservations that are left, one a zone; where there are any, all other offerings are gone.
    reserved: ReservationSet,
}

/// What a NodeClaim asks for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    pool: PoolId,
    requirements: &'a Requirements,
    requests: Amounts,
}

/// The CreateFleet call for a NodeClaim of a pass: as [`launch_request`], without asking again which types meet the
/// claim's requirements, since the pass has found that out.
///
/// # Errors
/// Where nothing that the claim allows is to be had.
pub fn launch_request_for(
    cluster: &Cluster,
    claim: &ClaimRequest,
    policy: MinValuesPolicy,
) -> Result<LaunchRequest, InsufficientCapacity> {
    let allowed = cluster.instance_types().allowed_offerings(&claim.requirements, cluster.vocabulary());
    let mut types: Vec<TypeId> = claim.types.iter().map(|(id, _)| *id).collect();
    types.sort_unstable();
    let candidates = available(cluster, types.into_iter(), allowed);
    let wanted = Wanted { pool: claim.pool, requirements: &claim.requirements, requests: claim.requests };
    filtered(cluster, wanted, policy, (allowed, candidates))
}

/// The CreateFleet call for a NodeClaim with these requirements and requests, by availability and prices as Karpenter
/// believes them now (aws `instance.go` `filterInstanceTypes`, `getCapacityType`; v1.15.0).
///
/// # Errors
/// Where nothing that the claim allows is to be had.
pub fn launch_request(
    cluster: &Cluster,
    pool: PoolId,
    requirements: &Requirements,
    requests: Amounts,
    policy: MinValuesPolicy,
) -> Result<LaunchRequest, InsufficientCapacity> {
    let types = cluster.instance_types();
    let allowed = types.allowed_offerings(requirements, cluster.vocabulary());
    let vocabulary = cluster.vocabulary();
    let meets = |id: &TypeId| {
        requirements.is_compatible(&types.get(*id).requirements, UndefinedLabels::AllowWellKnown, vocabulary)
    };
    let candidates = available(cluster, types.iter().map(|(id, _)| id).filter(meets), allowed);
    filtered(cluster, Wanted { pool, requirements, requests }, policy, (allowed, candidates))
}

/// The call for the candidates that meet the claim and are to be had.
fn filtered(
    cluster: &Cluster,
    Wanted { pool, requirements, requests }: Wanted<'_>,
    policy: MinValuesPolicy,
    (allowed, mut candidates): (OfferingSet, Vec<Candidate>),
) -> Result<LaunchRequest, InsufficientCapacity> {
    let types = cluster.instance_types();
    let candidate_count = candidates.len();
    candidates.retain(|one| requests.fits(&types.get(one.type_id).allocatable));
    let count = |left: &Vec<Candidate>| left.len() as u32;
    let mut filters = LaunchFilters {
        available: candidate_count as u32,
        fitting: count(&candidates),
        ..Default::default()
    };
    keep_reserved(types, allowed, &mut candidates);
    filters.reserved = count(&candidates);
    if !requirements.has_min_values() {
        drop_exotic(cluster, &mut candidates);
        filters.not_exotic = count(&candidates);
        drop_expensive_spot(cluster, (pool, requirements), allowed, &mut candidates);
    } else {
        filters.not_exotic = filters.reserved;
    }
    filters.not_dearer_than_on_demand = count(&candidates);
    let failure = InsufficientCapacity { candidate_count };
    if candidates.is_empty() {
        return Err(failure);
    }
    let price = |candidate: &Candidate| {
        let offerings = usable(types, candidate, allowed);
        offerings.map(|one| types.price(pool, candidate.type_id, one).0).min().unwrap_or(u64::MAX)
    };
    candidates.sort_by_cached_key(|one| (price(one), types.get(one.type_id).name_rank));
    candidates.truncate(MAX_TYPES_PER_LAUNCH);
    filters.sent = count(&candidates);
    let sent = candidates.iter().map(|one| one.type_id).collect();
    if policy == MinValuesPolicy::Strict && !satisfies_min_values(cluster, requirements, &sent) {
        return Err(failure);
    }
    let can_be = |kind| {
        let is = |offering: &Offering| offering.capacity_type == kind;
        candidates.iter().any(|one| usable(types, one, allowed).any(is))
    };
    let preferred = [CapacityType::Reserved, CapacityType::Spot].into_iter().find(|kind| can_be(*kind));
    let capacity_type = preferred.unwrap_or(CapacityType::OnDemand);
    // aws `instance/types.go` `CreateFleetInputBuilder`, v1.15.0.
    let is_overlaid = candidates.iter().any(|one| cluster.is_overlaid(pool, one.type_id));
    let strategy = match (capacity_type, is_overlaid) {
        (CapacityType::Spot, false) => AllocationStrategy::PriceCapacityOptimized,
        (CapacityType::Spot, true) => AllocationStrategy::CapacityOptimizedPrioritized,
        (_, false) => AllocationStrategy::LowestPrice,
        (_, true) => AllocationStrategy::Prioritized,
    };
    let mut overrides: Vec<Override> = Vec::new();
    for candidate in &candidates {
        let bought =
            usable(types, candidate, allowed).filter(|offering| offering.capacity_type == capacity_type);
        overrides.extend(bought.map(|offering| Override {
            price: types.price(pool, candidate.type_id, offering),
            type_id: candidate.type_id,
            zone: offering.zone,
            reservation: offering.reservation,
        }));
    }
    let rank = |one: &Override| types.get(one.type_id).name_rank;
    overrides.sort_unstable_by_key(|one| (one.price, rank(one), one.zone));
    let type_count = candidates.len();
    Ok(LaunchRequest { capacity_type, strategy, overrides, type_count, candidate_count, filters })
}

/// The offerings of a candidate that are left, available or not.
fn left<'a>(types: &'a InstanceTypes, candidate: &Candidate) -> impl Iterator<Item = &'a Offering> + use<'a> {
    let &Candidate { type_id: id, spot_limit: limit, reserved } = candidate;
    let is_left = move |one: &&Offering| {
        if !reserved.is_empty() {
            return one.reservation.is_some_and(|reservation| reserved.contains(reservation));
        }
        one.capacity_type != CapacityType::Spot
            || limit.is_none_or(|(pool, most)| types.price(pool, id, one) <= most)
    };
    types.get(candidate.type_id).offerings.iter().filter(is_left)
}

fn usable<'a>(
    types: &'a InstanceTypes,
    candidate: &Candidate,
    allowed: OfferingSet,
) -> impl Iterator<Item = &'a Offering> + use<'a> {
    let is_usable = move |one: &&Offering| one.is_available && allowed.allows(one);
    left(types, candidate).filter(is_usable)
}

/// Those of `ids` that are to be had.
fn available(cluster: &Cluster, ids: impl Iterator<Item = TypeId>, allowed: OfferingSet) -> Vec<Candidate> {
    let types = cluster.instance_types();
    ids.map(|type_id| Candidate { type_id, spot_limit: None, reserved: ReservationSet::default() })
        .filter(|candidate| usable(types, candidate, allowed).next().is_some())
        .collect()
}

/// Keeps reserved offerings alone where there are any, of each type and zone that with most instances left: a call names one
/// offering per pool (aws `filter/filter.go` `capacityReservationTypeFilter`, `reservedOfferingFilter`, v1.15.0).
fn keep_reserved(types: &InstanceTypes, allowed: OfferingSet, candidates: &mut Vec<Candidate>) {
    if allowed.reservations().is_empty() {
        return;
    }
    for candidate in candidates.iter_mut() {
        let mut best: [Option<ReservationId>; MAX_ZONES] = [None; MAX_ZONES];
        for offering in usable(types, candidate, allowed) {
            let Some(reservation) = offering.reservation else { continue };
            let place = &mut best[usize::from(offering.zone.0)];
            let left = |id| types.reservation_left(id);
            if place.is_none_or(|known| left(reservation) > left(known)) {
                *place = Some(reservation);
            }
        }
        best.into_iter().flatten().for_each(|reservation| candidate.reserved.insert(reservation));
    }
    if candidates.iter().any(|one| !one.reserved.is_empty()) {
        candidates.retain(|one| !one.reserved.is_empty());
    }
}

/// Drops bare metal unless nothing else is left.
fn drop_exotic(cluster: &Cluster, candidates: &mut Vec<Candidate>) {
    let is_metal = |one: &Candidate| cluster.instance_types().get(one.type_id).is_metal;
    if candidates.iter().any(|one| !is_metal(one)) {
        candidates.retain(|one| !is_metal(one));
    }
}

/// Drops Spot offerings dearer than the cheapest on-demand offering of all types. A type whose Spot offerings all go
/// stays through its on-demand offerings, even unavailable ones, and keeps its place among the 60.
fn drop_expensive_spot(
    cluster: &Cluster,
    (pool, requirements): (PoolId, &Requirements),
    allowed: OfferingSet,
    candidates: &mut Vec<Candidate>,
) {
    let types = cluster.instance_types();
    let allows = |kind| {
        let label = types.capacity_type_label(kind);
        requirements.allows(labels::CAPACITY_TYPE, label, cluster.vocabulary())
    };
    if !allows(CapacityType::OnDemand) || !allows(CapacityType::Spot) {
        return;
    }
    let of = |candidate: &Candidate| {
        let id = candidate.type_id;
        usable(types, candidate, allowed).map(move |one| (one.capacity_type, types.price(pool, id, one)))
    };
    let all = || candidates.iter().flat_map(of);
    let has_spot = all().any(|(kind, _)| kind == CapacityType::Spot);
    let on_demand = all().filter(|(kind, _)| *kind == CapacityType::OnDemand);
    let (true, Some(cheapest)) = (has_spot, on_demand.map(|(_, price)| price).min()) else { return };
    for candidate in candidates.iter_mut() {
        candidate.spot_limit = Some((pool, cheapest));
    }
    candidates.retain(|one| left(types, one).next().is_some());
}

//! From the claims of a pass to the NodeClaims that are created: price order, cut, narrowed capacity types.

use super::Solver;
use super::results::{ClaimRequest, MinValuesPolicy, NewClaim, PassResults, PodError, Refusal};
use crate::catalog::CapacityType;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::instance_types::{CAPACITY_TYPES, TypeId};
use crate::karpenter::labels;
use crate::karpenter::min_values::satisfies_min_values;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::offering_set::ReservationSet;
use crate::karpenter::requirements::{Requirement, Requirements};
use crate::karpenter::resources::Amounts;
use crate::units::HourlyPrice;

/// A claim that keeps instances in reservations is launched into one of them or not at all
/// (core `scheduling/nodeclaim.go` `FinalizeScheduling`, v1.15.0).
fn pin_to_reservations(cluster: &Cluster, reserved: ReservationSet, requirements: &mut Requirements) {
    if reserved.is_empty() {
        return;
    }
    let types = cluster.instance_types();
    let kind = types.capacity_type_label(CapacityType::Reserved);
    requirements.replace(Requirement::is(labels::CAPACITY_TYPE, kind));
    let ids = reserved.iter().map(|id| types.reservation_label(id)).collect();
    requirements.add(Requirement::one_of(labels::RESERVATION_ID, ids), cluster.vocabulary());
}

impl Solver {
    /// Hands over the claims of the pass, with what daemonsets ask for on top of their pods.
    pub(super) fn finish(&mut self, cluster: &Cluster, out: &mut PassResults) {
        let (templates, sets) = (&self.templates, &self.sets);
        // Claims of a pool share the annotation that notes a lowered minimum: what the last one opened wrote holds for
        // all of them (core `scheduler.go` `addToNewNodeClaim`, v1.15.0).
        let relaxed: Vec<bool> =
            (0..templates.len()).map(|template| self.open.was_last_relaxed(template)).collect();
        out.claims.extend(self.open.drain().map(|claim| {
            let template = &templates[claim.template];
            let mut requirements = sets.get(claim.set).clone();
            pin_to_reservations(cluster, claim.reserved, &mut requirements);
            NewClaim {
                pool: template.pool,
                pods: claim.pods,
                requests: claim.requests + template.least_daemon_overhead(&claim.types),
                requirements,
                types: claim.types,
                are_min_values_relaxed: relaxed[claim.template],
            }
        }));
    }

    /// Drops claims whose types, cut to the most that a NodeClaim may carry, have too few values for `minValues`;
    /// their pods become errors (core `scheduler.go` `TruncateInstanceTypes`, v1.15.0).
    pub fn drop_unsendable(&self, cluster: &Cluster, results: &mut PassResults) {
        if self.options.min_values_policy == MinValuesPolicy::BestEffort {
            return;
        }
        let PassResults { claims, errors, .. } = results;
        let mut priced = Vec::new();
        claims.retain(|claim| {
            if !claim.requirements.has_min_values() || claim.types.len() <= self.options.max_instance_types {
                return true;
            }
            self.price_order(cluster, claim, &mut priced);
            let sent = priced.iter().map(|(id, _)| *id).collect();
            let is_enough = satisfies_min_values(cluster, &claim.requirements, &sent);
            if !is_enough {
                let refusals = vec![(claim.pool, Refusal::MinValues)];
                errors.extend(claim.pods.iter().map(|&pod| PodError { pod, refusals: refusals.clone() }));
            }
            is_enough
        });
    }

    /// The NodeClaim as it is created: types by price and cut, capacity types narrowed to what these offer.
    #[must_use]
    pub fn claim_request(&self, cluster: &Cluster, claim: &NewClaim) -> ClaimRequest {
        let types = cluster.instance_types();
        let vocabulary = cluster.vocabulary();
        let mut priced = Vec::new();
        self.price_order(cluster, claim, &mut priced);
        let allowed = types.allowed_offerings(&claim.requirements, vocabulary);
        let mut kinds = Vec::new();
        for kind in CAPACITY_TYPES {
            let offers = |id: TypeId| {
                let offerings = &types.get(id).offerings;
                offerings
                    .iter()
                    .any(|one| one.is_available && one.capacity_type == kind && allowed.allows(one))
            };
            if priced.iter().any(|(id, _)| offers(*id)) {
                kinds.push(types.capacity_type_label(kind));
            }
        }
        let mut requirements = claim.requirements.clone();
        if !kinds.is_empty() {
            requirements.add(Requirement::one_of(labels::CAPACITY_TYPE, kinds), vocabulary);
        }
        let mut names = Requirement::one_of(
            labels::INSTANCE_TYPE,
            priced.iter().map(|(id, _)| types.name_label(*id)).collect(),
        );
        names.min_values = requirements.get(labels::INSTANCE_TYPE).and_then(|one| one.min_values);
        requirements.add(names, vocabulary);
        ClaimRequest {
            pool: claim.pool,
            pods: claim.pods.clone(),
            requests: claim.requests,
            requirements,
            types: priced,
            are_min_values_relaxed: claim.are_min_values_relaxed,
        }
    }

    /// A NodeClaim of a pool as its template is, for no pod in particular: what a static pool keeps `replicas` of
    /// (core `static/provisioning`, v1.15.0). `None` where no type of the pool is to be had.
    #[must_use]
    pub fn template_request(&mut self, cluster: &Cluster, pool: PoolId) -> Option<ClaimRequest> {
        let set = self.sets.intern(cluster.pool(pool).requirements.clone());
        let types = self.sets.masks(cluster, set).usable;
        let claim = NewClaim {
            pool,
            pods: Vec::new(),
            requests: Amounts::ZERO,
            requirements: cluster.pool(pool).requirements.clone(),
            types,
            are_min_values_relaxed: false,
        };
        (!types.is_empty()).then(|| self.claim_request(cluster, &claim))
    }

    fn price_order(&self, cluster: &Cluster, claim: &NewClaim, out: &mut Vec<(TypeId, Option<HourlyPrice>)>) {
        let types = cluster.instance_types();
        let allowed = types.allowed_offerings(&claim.requirements, cluster.vocabulary());
        types.by_price(claim.pool, &claim.types, allowed, out);
        out.truncate(self.options.max_instance_types);
    }
}

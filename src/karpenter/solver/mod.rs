//! The scheduling pass: existing nodes first, then claims opened in this pass, then a new claim by NodePool weight.

mod results;

pub use results::{
    ClaimRequest, MinValuesPolicy, NewClaim, NoType, PassInput, PassOptions, PassPod, PassResults, PodError,
    PodOrigin, Refusal,
};

use super::cluster::Cluster;
use super::instance_types::{CAPACITY_TYPES, TypeId};
use super::labels;
use super::min_values::satisfies_min_values;
use super::requirements::Requirement;
use crate::units::HourlyPrice;

/// The scheduling pass with its caches. One is enough for provisioning and for the what-ifs of disruption; it never
/// changes the cluster.
#[derive(Clone, Debug, Default)]
pub struct Solver {
    options: PassOptions,
}

impl Solver {
    /// A solver with these options.
    #[must_use]
    pub fn new(options: PassOptions) -> Self {
        Self { options }
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> PassOptions {
        self.options
    }

    /// Runs a pass over `input.pods` on the cluster as it stands, without changing it, and puts the answer in `out`.
    pub fn solve(&mut self, _cluster: &Cluster, input: &PassInput<'_>, out: &mut PassResults) {
        out.clear();
        out.errors.extend(input.pods.iter().map(|pod| PodError { pod: pod.pod, refusals: Vec::new() }));
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
                types.get(id).offerings.iter().any(|one| {
                    one.is_available && one.capacity_type == kind && allowed.contains(one.zone, kind)
                })
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

    fn price_order(&self, cluster: &Cluster, claim: &NewClaim, out: &mut Vec<(TypeId, Option<HourlyPrice>)>) {
        let types = cluster.instance_types();
        let allowed = types.allowed_offerings(&claim.requirements, cluster.vocabulary());
        types.by_price(&claim.types, allowed, out);
        out.truncate(self.options.max_instance_types);
    }
}

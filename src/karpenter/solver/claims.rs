//! Pods on claims of this pass: joining one that is open, or opening one.

use super::Solver;
use super::limits::Remaining;
use super::open_claims::OpenClaim;
use super::pass::Try;
use super::requirement_sets::SetId;
use super::results::{MinValuesPolicy, NoType, Refusal};
use super::topology::claim_host;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::instance_types::TypeId;
use crate::karpenter::min_values::shortfalls;
use crate::karpenter::offering_set::ReservationSet;
use crate::karpenter::pod_classes::ShapeId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::type_set::TypeSet;

/// What a claim becomes with a pod.
struct Joined {
    set: SetId,
    types: TypeSet,
    are_min_values_relaxed: bool,
}

impl Solver {
    /// Tries the open claims, fewest pods first.
    pub(super) fn place_on_open(&mut self, cluster: &Cluster, attempt: &Try<'_>) -> bool {
        self.open.sort();
        let mut from = 0;
        while let Some(position) = self.open.next_with_room(from, &attempt.requests) {
            if self.join_open(cluster, attempt, position) {
                return true;
            }
            from = position + 1;
        }
        false
    }

    fn join_open(&mut self, cluster: &Cluster, attempt: &Try<'_>, position: usize) -> bool {
        let (number, claim) = self.open.at(position);
        let (template, set, types, held) = (claim.template, claim.set, claim.types, claim.reserved);
        let total = claim.requests + attempt.requests;
        let Ok(joined_set) = self.meet(cluster, attempt, template, set, number) else { return false };
        let usable = self.sets.masks(cluster, joined_set).usable;
        let fit = &self.templates[template].fit;
        let left = fit.fitting(&types.and(&usable), &total);
        if left.is_empty() {
            return false;
        }
        if self.sets.has_min_values(joined_set) {
            let left: Vec<TypeId> = left.iter().collect();
            if !shortfalls(cluster, self.sets.get(joined_set), &left).is_empty() {
                return false;
            }
        }
        let Ok(reserved) = self.reservable(cluster, joined_set, &left, held) else { return false };
        if joined_set != set {
            self.work.narrowings += 1;
        }
        if reserved != held {
            self.reserve(held, reserved);
            self.open.reserve(position, reserved);
        }
        let fit = &self.templates[template].fit;
        self.open.join(position, attempt.pod.pod, total, left, joined_set, fit);
        self.record_on_claim(cluster, attempt, joined_set, claim_host(number));
        true
    }

    /// Taints, labels and topology: what the claim's requirements become with the pod.
    fn meet(
        &mut self,
        cluster: &Cluster,
        attempt: &Try<'_>,
        template: usize,
        set: SetId,
        number: usize,
    ) -> Result<SetId, Refusal> {
        let shape = attempt.stage.shape;
        if !self.templates[template].is_tolerated(cluster, shape) {
            return Err(Refusal::Taint);
        }
        if !may_be_anywhere(cluster, shape) {
            return Err(Refusal::Requirements);
        }
        let joined = self.sets.onto_claim(cluster, set, shape).ok_or(Refusal::Requirements)?;
        self.constrain_on_claim(cluster, attempt, joined, number)
    }

    /// Opens a claim in the heaviest NodePool that takes the pod; leaves the refusals of all where none does.
    pub(super) fn place_on_new(&mut self, cluster: &Cluster, attempt: &Try<'_>) -> bool {
        self.work.refusals.clear();
        for template in 0..self.templates.len() {
            if self.templates[template].usable.is_empty() {
                continue;
            }
            match self.open_new(cluster, attempt, template) {
                Ok(()) => return true,
                Err(refusal) => {
                    self.work.refusals.push((self.templates[template].pool, refusal));
                    if refusal == Refusal::ReservedOffering {
                        break;
                    }
                }
            }
        }
        false
    }

    fn open_new(&mut self, cluster: &Cluster, attempt: &Try<'_>, template: usize) -> Result<(), Refusal> {
        let types = cluster.instance_types();
        let mut eligible = self.templates[template].usable;
        let remaining: &mut Remaining = &mut self.remaining[template];
        if remaining.has_no_node_left() {
            return Err(Refusal::NodeLimit);
        }
        if let Some(within) = remaining.within(types) {
            eligible = eligible.and(&within);
            if eligible.is_empty() {
                return Err(Refusal::Limits);
            }
        }
        let number = self.open.len();
        let set = self.meet(cluster, attempt, template, self.templates[template].set, number)?;
        let joined = self.filter_new(cluster, set, template, &eligible, &attempt.requests)?;
        let reserved = self.reservable(cluster, joined.set, &joined.types, ReservationSet::default())?;
        self.reserve(ReservationSet::default(), reserved);
        self.remaining[template].subtract_largest(&joined.types, types);
        let claim = OpenClaim {
            template,
            set: joined.set,
            types: joined.types,
            requests: attempt.requests,
            pods: vec![attempt.pod.pod],
            are_min_values_relaxed: joined.are_min_values_relaxed,
            reserved,
            largest: Default::default(),
        };
        self.open.open(claim, &self.templates[template].fit);
        self.work.narrowings += 1;
        self.record_on_claim(cluster, attempt, joined.set, claim_host(number));
        Ok(())
    }

    /// The types for a first pod, or which test left none (core `nodeclaim.go` `filterInstanceTypesByRequirements`,
    /// v1.15.0).
    fn filter_new(
        &mut self,
        cluster: &Cluster,
        set: SetId,
        template: usize,
        eligible: &TypeSet,
        requests: &Amounts,
    ) -> Result<Joined, Refusal> {
        let masks = self.sets.masks(cluster, set);
        let (matching, offered) = (masks.matching, masks.offered);
        let fitting = self.templates[template].fit.fitting(&eligible.and(&offered), requests);
        let types = fitting.and(&matching);
        if types.is_empty() {
            let met = eligible.and(&matching);
            return Err(Refusal::NoType(why_no_type(&met, &fitting, &eligible.and(&offered))));
        }
        let mut joined = Joined { set, types, are_min_values_relaxed: false };
        if self.sets.has_min_values(set) {
            let listed: Vec<TypeId> = types.iter().collect();
            let short = shortfalls(cluster, self.sets.get(set), &listed);
            if !short.is_empty() {
                if self.options.min_values_policy == MinValuesPolicy::Strict {
                    return Err(Refusal::MinValues);
                }
                let mut relaxed = self.sets.get(set).clone();
                for (key, found) in short {
                    let mut lower = relaxed.get(key).cloned().expect("the key asked for a minimum");
                    lower.min_values = Some(found);
                    relaxed.replace(lower);
                }
                joined.set = self.sets.intern(relaxed);
                joined.are_min_values_relaxed = true;
            }
        }
        Ok(joined)
    }
}

/// Whether the pod's requirement on a hostname, if any, allows a node that does not exist yet.
fn may_be_anywhere(cluster: &Cluster, shape: ShapeId) -> bool {
    let hostname = &cluster.pod_classes().shape(shape).hostname;
    hostname.as_ref().is_none_or(|one| one.has(claim_host(0), cluster.vocabulary()))
}

/// Upstream counts a type as fitting only if it is also to be had.
fn why_no_type(met: &TypeSet, fitting: &TypeSet, offered: &TypeSet) -> NoType {
    match (met.is_empty(), fitting.is_empty(), offered.is_empty()) {
        (true, true, true) => NoType::MeetsNorFitsNorOffered,
        (true, true, false) => NoType::MeetsNorFits,
        (true, false, true) => NoType::MeetsNorOffered,
        (false, true, true) => NoType::FitsNorOffered,
        (true, false, false) => NoType::Meets,
        (false, true, false) => NoType::Fits,
        (false, false, true) => NoType::Offered,
        (false, false, false) if !fitting.minus(met).is_empty() => NoType::FittingLackRequirements,
        (false, false, false) if !met.and(offered).minus(fitting).is_empty() => NoType::MatchingLackRoom,
        (false, false, false) => NoType::AllThree,
    }
}

//! What a scheduling pass is asked and what it answers.

use crate::karpenter::cluster::NodeId;
use crate::karpenter::instance_types::TypeId;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::pods::{PodClassId, PodId};
use crate::karpenter::requirements::Requirements;
use crate::karpenter::resources::Amounts;
use crate::karpenter::type_set::TypeSet;
use crate::units::{HourlyPrice, SimTime};

/// A pod that the pass is to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassPod {
    /// The loop's number.
    pub pod: PodId,
    /// Its class.
    pub class: PodClassId,
    /// When it was created; whole seconds count.
    pub created_at: SimTime,
    /// Order among pods of equal requests and creation second, as UIDs order them: a random number.
    pub uid: u64,
    /// Where it comes from.
    pub origin: PodOrigin,
}

/// Where a pod of a pass comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodOrigin {
    /// It is pending.
    Pending,
    /// It runs on a node that is marked for deletion.
    DeletingNode,
    /// It runs on a node that a what-if takes away.
    Candidate,
    /// It is bound to such a node, but does not run there yet: its phase is still `Pending`.
    StartingCandidate,
}

/// The question to a pass.
#[derive(Clone, Copy, Debug)]
pub struct PassInput<'a> {
    /// Now.
    pub now: SimTime,
    /// The pods to place.
    pub pods: &'a [PassPod],
    /// Nodes to leave out, beside those marked for deletion: the candidates of a what-if.
    pub excluded: &'a [NodeId],
    /// Whether this is a consolidation's what-if: nodes inside their `consolidateAfter` then take no running pods
    /// (core `scheduler.go` `addToExistingNode`, v1.14 and later).
    pub is_consolidation: bool,
}

impl PassInput<'_> {
    /// Whether a pod waits for reserved capacity that others of its pass have taken, in place of falling back to another:
    /// in provisioning, but not in a what-if (core `provisioner.go` `DisableReservedCapacityFallback`, v1.15.0).
    pub(super) fn waits_for_reserved(&self) -> bool {
        !self.is_consolidation && self.excluded.is_empty()
    }

    /// Whether nodes inside their `consolidateAfter` take the pod not.
    pub(super) fn stays_put(&self, pod: PassPod) -> bool {
        self.is_consolidation && pod.origin == PodOrigin::Candidate
    }
}

/// Options of the pass, by default Karpenter's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassOptions {
    /// What to do when `minValues` cannot be met.
    pub min_values_policy: MinValuesPolicy,
    /// Most instance types on a NodeClaim (600 since core v1.7).
    pub max_instance_types: usize,
    /// How many pods a provisioning pass has tried when its minute is over; the others wait for the next one. `None`: it takes
    /// no time at all (core `provisioning/provisioner.go` `Schedule`, v1.15.0).
    pub most_tries: Option<u64>,
}

impl Default for PassOptions {
    fn default() -> Self {
        Self { min_values_policy: MinValuesPolicy::Strict, max_instance_types: 600, most_tries: None }
    }
}

/// What to do when `minValues` cannot be met (`MIN_VALUES_POLICY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinValuesPolicy {
    /// The claim does not open.
    Strict,
    /// A claim opens with a lower minimum.
    BestEffort,
}

/// Why a NodePool could not take a pod on a new claim (names as in the recordings).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The pod does not tolerate the pool's taints.
    Taint,
    /// Labels asked for and labels given exclude each other.
    Requirements,
    /// Every type would exceed what is left of the limits.
    Limits,
    /// The node limit is used up.
    NodeLimit,
    /// No domain is left under a topology spread constraint.
    TopologySpread,
    /// The pods to be near to are in no domain that is left.
    Affinity,
    /// Anti-affinity leaves no domain.
    AntiAffinity,
    /// Another pod has one of its host ports.
    HostPort,
    /// The types left have too few values.
    MinValues,
    /// It could run in a capacity reservation, but claims of this pass have all that is left: it waits for a later pass, and
    /// lighter pools are not tried (core `scheduling/nodeclaim.go` `ReservedOfferingError`, v1.15.0).
    ReservedOffering,
    /// Which of the three tests left no instance type.
    NoType(NoType),
}

/// Which of the three tests on instance types (meets the requirements, fits, is to be had) left nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoType {
    /// No type meets the requirements, and none fits, and none is to be had.
    MeetsNorFitsNorOffered,
    /// No type meets the requirements, and none fits.
    MeetsNorFits,
    /// No type meets the requirements, and none is to be had.
    MeetsNorOffered,
    /// No type fits, and none is to be had.
    FitsNorOffered,
    /// No type meets the requirements.
    Meets,
    /// No type fits.
    Fits,
    /// No type is to be had.
    Offered,
    /// Types that fit and are to be had do not meet the requirements.
    FittingLackRequirements,
    /// Types that meet the requirements and are to be had do not fit.
    MatchingLackRoom,
    /// Each pair of tests leaves some type, all three leave none.
    AllThree,
}

impl Refusal {
    /// A short name of the reason, stable for reports. For types: `m` meets the requirements, `f` fits, `o` is to be
    /// had.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Taint => "taint",
            Self::Requirements => "requirements",
            Self::Limits => "limits",
            Self::NodeLimit => "node_limit",
            Self::TopologySpread => "topology_spread",
            Self::Affinity => "pod_affinity",
            Self::AntiAffinity => "anti_affinity",
            Self::HostPort => "host_port",
            Self::MinValues => "min_values",
            Self::ReservedOffering => "reserved_offering",
            Self::NoType(NoType::MeetsNorFitsNorOffered) => "no_type_m_nor_f_nor_o",
            Self::NoType(NoType::MeetsNorFits) => "no_type_m_nor_f",
            Self::NoType(NoType::MeetsNorOffered) => "no_type_m_nor_o",
            Self::NoType(NoType::FitsNorOffered) => "no_type_f_nor_o",
            Self::NoType(NoType::Meets) => "no_type_m",
            Self::NoType(NoType::Fits) => "no_type_f",
            Self::NoType(NoType::Offered) => "no_type_o",
            Self::NoType(NoType::FittingLackRequirements) => "fo_lacks_m",
            Self::NoType(NoType::MatchingLackRoom) => "mo_lacks_f",
            Self::NoType(NoType::AllThree) => "no_type_all_three",
        }
    }
}

/// A pod that found no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodError {
    /// The pod.
    pub pod: PodId,
    /// What each NodePool said, in the order tried. Empty: no pool has any usable instance type.
    pub refusals: Vec<(PoolId, Refusal)>,
}

/// A claim that the pass would create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaim {
    /// NodePool.
    pub pool: PoolId,
    /// Its pods, in the order in which they were placed.
    pub pods: Vec<PodId>,
    /// Pods and daemonset pods together, as the NodeClaim states it.
    pub requests: Amounts,
    /// What the claim requires; without hostname, not yet narrowed to types and capacity types.
    pub requirements: Requirements,
    /// The instance types that can hold all its pods.
    pub types: TypeSet,
    /// Whether a minimum of values was lowered.
    pub are_min_values_relaxed: bool,
}

/// The answer of a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassResults {
    /// Pods on existing nodes, in the order placed.
    pub placements: Vec<(PodId, NodeId)>,
    /// Claims to create, in the order in which the pass left its list.
    pub claims: Vec<NewClaim>,
    /// Pods without a place.
    pub errors: Vec<PodError>,
}

impl PassResults {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.placements.clear();
        self.claims.clear();
        self.errors.clear();
    }
}

/// A NodeClaim as it is created: the types to choose from, cheapest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// NodePool.
    pub pool: PoolId,
    /// The pods it is meant for, in the order in which they were placed.
    pub pods: Vec<PodId>,
    /// Pods and daemonset pods together.
    pub requests: Amounts,
    /// What it requires, capacity types narrowed to what is to be had.
    pub requirements: Requirements,
    /// The types sent, in price order with the price each was ordered by.
    pub types: Vec<(TypeId, Option<HourlyPrice>)>,
    /// Whether a minimum of values was lowered.
    pub are_min_values_relaxed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_that_run_on_a_candidate_stay_away_from_nodes_inside_consolidate_after() {
        let stays_put = |origin, is_consolidation| {
            let pod =
                PassPod { pod: PodId(0), class: PodClassId(0), created_at: SimTime::ZERO, uid: 0, origin };
            let input = PassInput { now: SimTime::ZERO, pods: &[pod], excluded: &[], is_consolidation };
            input.stays_put(pod)
        };
        assert!(stays_put(PodOrigin::Candidate, true) && !stays_put(PodOrigin::Candidate, false));
        for exempt in [PodOrigin::StartingCandidate, PodOrigin::DeletingNode, PodOrigin::Pending] {
            assert!(!stays_put(exempt, true));
        }
    }
}

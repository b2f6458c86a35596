//! Pods as Karpenter sees them: what a class of equal pods asks for, and the effective requests of its containers.

use super::disruption::{DoNotDisrupt, PodPdb};
use super::requirements::RequirementSpec;
use super::taints::Toleration;
use crate::units::Resources;

/// The loop's number of a pod. May be used again after the pod is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(pub u32);

/// A class of pods that are equal in everything Karpenter looks at, except age and UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodClassId(pub u32);

/// Everything Karpenter looks at in a pod, except age and UID. Lists that are absent in the pod are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodClassSpec {
    /// Effective requests, see [`effective_requests`].
    pub requests: Resources,
    /// Labels, which spread and anti-affinity terms select by.
    pub labels: Vec<(String, String)>,
    /// `nodeSelector`.
    pub node_selector: Vec<(String, String)>,
    /// `requiredDuringSchedulingIgnoredDuringExecution` of the node affinity: terms are alternatives, the
    /// requirements of one term hold together.
    pub required_terms: Vec<Vec<RequirementSpec>>,
    /// `preferredDuringSchedulingIgnoredDuringExecution` of the node affinity.
    pub preferred_terms: Vec<PreferredTerm>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// Topology spread constraints.
    pub spread: Vec<SpreadConstraint>,
    /// Pod affinity terms.
    pub affinity: Vec<PodAffinityTerm>,
    /// Pod anti-affinity terms.
    pub anti_affinity: Vec<PodAffinityTerm>,
    /// `hostPort`s of its containers (TCP, on all addresses): no two pods of a node may have the same.
    pub host_ports: Vec<u16>,
    /// Annotation `karpenter.sh/do-not-disrupt`.
    pub do_not_disrupt: DoNotDisrupt,
    /// Which PodDisruptionBudgets select it.
    pub pdb: PodPdb,
    /// Annotation `controller.kubernetes.io/pod-deletion-cost`, 0 where absent.
    pub deletion_cost: i32,
    /// Priority, 0 where absent.
    pub priority: i32,
}

/// A preferred node affinity term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferredTerm {
    /// 1 to 100.
    pub weight: i32,
    /// Requirements that hold together.
    pub requirements: Vec<RequirementSpec>,
}

/// A topology spread constraint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpreadConstraint {
    /// Topology key.
    pub key: String,
    /// Largest allowed difference.
    pub max_skew: i64,
    /// Whether the constraint is dropped when it cannot be met (`ScheduleAnyway`).
    pub is_soft: bool,
    /// Labels that counted pods have (all of them).
    pub match_labels: Vec<(String, String)>,
    /// Fewer domains than this make the global minimum 0.
    pub min_domains: Option<usize>,
}

/// A term of a pod's affinity to other pods, or of its anti-affinity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodAffinityTerm {
    /// Topology key.
    pub key: String,
    /// Labels of the pods to be near to, or to keep away from (all of them).
    pub match_labels: Vec<(String, String)>,
    /// Weight of a preferred term; `None` is required.
    pub weight: Option<i32>,
}

/// An init container's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitContainer {
    /// Requests.
    pub requests: Resources,
    /// Whether it is a sidecar (`restartPolicy: Always`), which goes on running beside the containers.
    pub is_sidecar: bool,
}

/// What a pod reserves on a node: its containers and sidecars together, or the peak of its init phase if larger
/// (Kubernetes `component-helpers/resource` `PodRequests`, v1.37; KEP-753).
#[must_use]
pub fn effective_requests(containers: &[Resources], init_containers: &[InitContainer]) -> Resources {
    let mut running = containers.iter().fold(Resources::ZERO, |sum, one| sum + *one);
    let mut sidecars = Resources::ZERO;
    let mut init_peak = Resources::ZERO;
    for init in init_containers {
        if init.is_sidecar {
            running += init.requests;
            sidecars += init.requests;
            init_peak = init_peak.max(sidecars);
        } else {
            init_peak = init_peak.max(init.requests + sidecars);
        }
    }
    running.max(init_peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_adds_to_the_containers_and_to_later_init_containers() {
        let init = |cpu, is_sidecar| InitContainer { requests: Resources::new(cpu, 100), is_sidecar };
        let containers = [Resources::new(500, 1000)];
        assert_eq!(effective_requests(&containers, &[init(2000, false)]), Resources::new(2000, 1000));
        assert_eq!(
            effective_requests(&containers, &[init(300, true), init(2000, false)]),
            Resources::new(2300, 1100)
        );
    }
}

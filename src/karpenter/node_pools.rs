//! NodePools and daemonsets: what a pool's new nodes look like and what every node carries besides.

use super::labels::{self, Vocabulary};
use super::requirements::{Requirement, RequirementSpec, Requirements};
use super::resources::Amounts;
use super::taints::{Taint, TaintEffect, Toleration};
use crate::units::{Resources, SimDuration};

/// A NodePool by its place in the list given to [`Cluster::new`](super::Cluster::new).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u16);

/// A NodePool as written, as far as provisioning goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePoolSpec {
    /// Name.
    pub name: String,
    /// `weight`; heavier pools are tried first. None written is 0.
    pub weight: u32,
    /// Labels of its nodes.
    pub labels: Vec<(String, String)>,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    /// Taints that its nodes lose while they start.
    pub startup_taints: Vec<Taint>,
    /// Requirements on its nodes.
    pub requirements: Vec<RequirementSpec>,
    /// Limits on the capacity of all its nodes together.
    pub limits: Limits,
    /// Whether it is static (`replicas` is set): passes open no claims in it.
    pub is_static: bool,
    /// `consolidateAfter`; `None` is `Never`. Nodes inside it take no running pods in a consolidation's what-if.
    pub consolidate_after: Option<SimDuration>,
}

/// Limits of a NodePool; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Millicores.
    pub cpu: Option<i64>,
    /// Mebibytes.
    pub memory: Option<i64>,
    /// Nodes.
    pub nodes: Option<i64>,
}

/// A DaemonSet as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonSetSpec {
    /// Name.
    pub name: String,
    /// Effective requests of one pod.
    pub requests: Resources,
    /// `nodeSelector` of its pods.
    pub node_selector: Vec<(String, String)>,
    /// Required node affinity of its pods: alternatives.
    pub required_terms: Vec<Vec<RequirementSpec>>,
    /// Tolerations of its pods.
    pub tolerations: Vec<Toleration>,
}

/// A NodePool, read.
#[derive(Clone, Debug)]
pub struct NodePool {
    /// As written.
    pub spec: NodePoolSpec,
    /// What a new claim of the pool starts from (without a hostname).
    pub requirements: Requirements,
    /// The requirements and labels as written, which say what topology domains the pool adds.
    pub(crate) domains: Requirements,
    /// What NodeOverlays select the pool by.
    pub(crate) overlay_labels: Requirements,
}

/// A DaemonSet, read.
#[derive(Clone, Debug)]
pub(crate) struct DaemonSet {
    pub(crate) requests: Amounts,
    /// Alternatives, at least one; the first is what counts for existing nodes.
    pub(crate) terms: Vec<Requirements>,
    pub(crate) tolerations: Vec<Toleration>,
}

impl NodePool {
    pub(crate) fn new(spec: NodePoolSpec, vocabulary: &mut Vocabulary) -> Self {
        let mut domains = Requirements::from_specs(&spec.requirements, vocabulary);
        domains.add_all(&Requirements::from_labels(&spec.labels, vocabulary), vocabulary);
        let mut requirements = domains.clone();
        let name = Requirement::is(labels::NODE_POOL, vocabulary.value(&spec.name));
        let mut overlay_labels = Requirements::from_labels(&spec.labels, vocabulary);
        overlay_labels.add(name.clone(), vocabulary);
        let mut fixed = vec![name, Requirement::is(labels::NODE_CLASS, vocabulary.value("default"))];
        // So that daemonsets that wait for these labels are counted (core `nodeclaimtemplate.go`, v1.15.0).
        for key in SIMULATED_LABELS {
            fixed.push(Requirement::is(vocabulary.key(key), vocabulary.value("true")));
        }
        for requirement in fixed {
            requirements.add(requirement, vocabulary);
        }
        Self { spec, requirements, domains, overlay_labels }
    }
}

/// Labels that the pass takes as given on new nodes but that the NodeClaim does not carry.
pub const SIMULATED_LABELS: [&str; 2] = ["karpenter.sh/registered", "karpenter.sh/initialized"];

impl DaemonSet {
    pub(crate) fn new(spec: &DaemonSetSpec, vocabulary: &mut Vocabulary) -> Self {
        let selector = Requirements::from_labels(&spec.node_selector, vocabulary);
        let mut terms: Vec<Requirements> = spec
            .required_terms
            .iter()
            .map(|term| {
                let mut all = selector.clone();
                all.add_all(&Requirements::from_specs(term, vocabulary), vocabulary);
                all
            })
            .collect();
        if terms.is_empty() {
            terms.push(selector);
        }
        // Preferences do not keep daemonsets away: not from new nodes, and so, since upstream adds the toleration to the pod
        // that it then tries on existing nodes, not from these (core `scheduler.go` `isDaemonPodCompatible`, v1.15.0).
        let mut tolerations = spec.tolerations.clone();
        tolerations.push(Toleration::of_effect(TaintEffect::PreferNoSchedule));
        Self { requests: Amounts::new(spec.requests.cpu, spec.requests.memory, 1), terms, tolerations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karpenter::taints::are_tolerated;

    #[test]
    fn a_daemonset_minds_no_preference_but_every_other_taint() {
        let daemon_set = DaemonSet::new(&DaemonSetSpec::default(), &mut Vocabulary::new());
        let lands = |effect| are_tolerated(&[Taint::new("soft", "", effect)], &daemon_set.tolerations);
        assert!(lands(TaintEffect::PreferNoSchedule));
        assert!(!lands(TaintEffect::NoSchedule) && !lands(TaintEffect::NoExecute));
    }
}

//! What a pod asks of the pods around it: spread, affinity, anti-affinity, host ports. Declares, decides nothing.

/// Constraints that depend on where other pods are. All lists empty: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NeighbourRules {
    /// The pod's own labels, by which the rules of others select it.
    pub labels: Vec<(String, String)>,
    /// Topology spread constraints.
    pub spread: Vec<SpreadConstraint>,
    /// Pods to be near to.
    pub affinity: Vec<PodTerm>,
    /// Pods to keep away from.
    pub anti_affinity: Vec<PodTerm>,
    /// `hostPort`s (TCP, on all addresses).
    pub host_ports: Vec<u16>,
}

/// A topology spread constraint, with the node inclusion policies that are the default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpreadConstraint {
    /// Topology key: a node label.
    pub key: String,
    /// Largest allowed difference, at least 1.
    pub max_skew: u32,
    /// `ScheduleAnyway`: it only scores.
    pub is_soft: bool,
    /// Labels that counted pods have (all of them).
    pub match_labels: Vec<(String, String)>,
    /// Fewer domains than this make the least count 0.
    pub min_domains: Option<u32>,
}

/// A term of pod affinity or anti-affinity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodTerm {
    /// Topology key: a node label.
    pub key: String,
    /// Labels of the pods that are meant (all of them).
    pub match_labels: Vec<(String, String)>,
    /// Weight of a preferred term, 1 to 100; `None` is required.
    pub weight: Option<u32>,
}

impl NeighbourRules {
    /// Whether the pod asks for anything; labels alone ask for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spread.is_empty()
            && self.affinity.is_empty()
            && self.anti_affinity.is_empty()
            && self.host_ports.is_empty()
    }

    /// Whether the pod has all of `match_labels`.
    #[must_use]
    pub fn has(&self, match_labels: &[(String, String)]) -> bool {
        match_labels.iter().all(|wanted| self.labels.contains(wanted))
    }
}

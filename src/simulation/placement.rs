//! Where pods of a class or a runner may go beside what their requests, selectors and tolerations say, and the translation
//! for kube-scheduler and Karpenter. Each of them has rules of its own for it.

use crate::karpenter::pods::{PodAffinityTerm, PreferredTerm, SpreadConstraint};
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::kubernetes::{self, LabelOperator, LabelRequirement, NeighbourRules, PodTerm};

use super::plan::{ExecutorPlan, Plan};

/// The label that every pod has where placement matters: the name of its class.
pub const CLASS_LABEL: &str = "class";

/// Node preferences and rules about other pods. All lists empty: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Labels of the pods, beside [`CLASS_LABEL`].
    pub labels: Vec<(String, String)>,
    /// Topology spread constraints. Without `match_labels` they count the pods of the own class; so do the terms below.
    pub spread: Vec<SpreadConstraint>,
    /// Pods to be near to.
    pub affinity: Vec<PodAffinityTerm>,
    /// Pods to keep away from.
    pub anti_affinity: Vec<PodAffinityTerm>,
    /// Preferred node affinity.
    pub preferred_nodes: Vec<PreferredTerm>,
    /// Host ports, TCP.
    pub host_ports: Vec<u16>,
}

/// The placement of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassPlacement {
    /// Name of the class.
    pub class: String,
    /// What its pods have beside that of their runner.
    pub placement: Placement,
}

impl Placement {
    /// Whether any pod is chosen a place for by where other pods are.
    fn looks_at_pods(&self) -> bool {
        !(self.spread.is_empty()
            && self.affinity.is_empty()
            && self.anti_affinity.is_empty()
            && self.host_ports.is_empty())
    }

    /// Puts that of a class over that of its runner: labels replace, rules add up.
    fn joined(&self, own: Option<&Self>) -> Self {
        let mut all = self.clone();
        if let Some(own) = own {
            all.labels.retain(|(key, _)| own.labels.iter().all(|(other, _)| other != key));
            all.labels.extend(own.labels.iter().cloned());
            all.spread.extend(own.spread.iter().cloned());
            all.affinity.extend(own.affinity.iter().cloned());
            all.anti_affinity.extend(own.anti_affinity.iter().cloned());
            all.preferred_nodes.extend(own.preferred_nodes.iter().cloned());
            all.host_ports.extend(&own.host_ports);
        }
        all
    }

    /// Terms that name no pods mean those of the class.
    fn of_class(mut self, class: &str) -> Self {
        let own = vec![(CLASS_LABEL.to_owned(), class.to_owned())];
        self.labels.extend(own.iter().cloned());
        let spread = self.spread.iter_mut().map(|rule| &mut rule.match_labels);
        let terms = self.affinity.iter_mut().chain(&mut self.anti_affinity);
        for labels in spread.chain(terms.map(|term| &mut term.match_labels)) {
            if labels.is_empty() {
                labels.clone_from(&own);
            }
        }
        self
    }

    /// As kube-scheduler takes the rules about other pods.
    pub(super) fn neighbours(&self) -> NeighbourRules {
        let term = |own: &PodAffinityTerm| PodTerm {
            key: own.key.clone(),
            match_labels: own.match_labels.clone(),
            weight: own.weight.map(|weight| weight as u32),
        };
        let spread = self.spread.iter().map(|own| kubernetes::SpreadConstraint {
            key: own.key.clone(),
            max_skew: own.max_skew as u32,
            is_soft: own.is_soft,
            match_labels: own.match_labels.clone(),
            min_domains: own.min_domains.map(|count| count as u32),
        });
        NeighbourRules {
            labels: self.labels.clone(),
            spread: spread.collect(),
            affinity: self.affinity.iter().map(term).collect(),
            anti_affinity: self.anti_affinity.iter().map(term).collect(),
            host_ports: self.host_ports.clone(),
        }
    }

    /// As kube-scheduler takes the node preferences.
    pub(super) fn preferences(&self) -> Vec<kubernetes::PreferredTerm> {
        let term = |own: &PreferredTerm| kubernetes::PreferredTerm {
            weight: own.weight as u32,
            requirements: own.requirements.iter().map(requirement).collect(),
        };
        self.preferred_nodes.iter().map(term).collect()
    }
}

/// Node affinity knows neither `Gte` nor `Lte`; whole numbers have the same as `Gt` and `Lt` of the next.
fn requirement(own: &RequirementSpec) -> LabelRequirement {
    let next = |by: i64| {
        own.values
            .iter()
            .map(move |value| value.parse::<i64>().map_or_else(|_| value.clone(), |it| (it + by).to_string()))
    };
    let (operator, values) = match own.operator {
        Operator::In => (LabelOperator::In, own.values.clone()),
        Operator::NotIn => (LabelOperator::NotIn, own.values.clone()),
        Operator::Exists => (LabelOperator::Exists, Vec::new()),
        Operator::DoesNotExist => (LabelOperator::DoesNotExist, Vec::new()),
        Operator::Gt => (LabelOperator::Gt, own.values.clone()),
        Operator::Lt => (LabelOperator::Lt, own.values.clone()),
        Operator::Gte => (LabelOperator::Gt, next(-1).collect()),
        Operator::Lte => (LabelOperator::Lt, next(1).collect()),
    };
    LabelRequirement { key: own.key.clone(), operator, values }
}

/// Whether any pod of the run has rules about other pods: else their labels matter to nobody.
pub(super) fn looks_at_pods(plan: &Plan) -> bool {
    let own = plan.own_executors.iter().map(|own| &own.executor.placement);
    let classes = plan.kubernetes.placements.iter().map(|own| &own.placement);
    std::iter::once(&plan.executor.placement).chain(own).chain(classes).any(Placement::looks_at_pods)
}

/// The placement of the pods of `class` under an executor.
pub(super) fn of(plan: &Plan, executor: &ExecutorPlan, class: &str, labels_matter: bool) -> Placement {
    let own = plan.kubernetes.placements.iter().find(|own| own.class == class);
    let joined = executor.placement.joined(own.map(|own| &own.placement));
    if labels_matter { joined.of_class(class) } else { Placement { labels: Vec::new(), ..joined } }
}

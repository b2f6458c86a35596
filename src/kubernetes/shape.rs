//! What the scheduler knows of a pod and of a kind of node as far as it does not change: requests, labels, taints,
//! and whether the two go together. Not the load of a node, not the choice.

use super::placement::NeighbourRules;
use crate::fleet::{Taint, TaintEffect, Toleration};
use crate::units::{Mebibytes, Millicores, Resources};

/// CPU taken for a container without a CPU request, in scores only (kube-scheduler `util.DefaultMilliCPURequest`).
pub const DEFAULT_CPU_REQUEST: Millicores = Millicores(100);
/// Memory taken for a container without a memory request, in scores only (`util.DefaultMemoryRequest`).
pub const DEFAULT_MEMORY_REQUEST: Mebibytes = Mebibytes(200);

/// The requests of one container. `None` is "no request", which scores otherwise than a request of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerRequests {
    /// CPU request.
    pub cpu: Option<Millicores>,
    /// Memory request.
    pub memory: Option<Mebibytes>,
}

impl ContainerRequests {
    /// A container that requests both.
    #[must_use]
    pub const fn of(resources: Resources) -> Self {
        Self { cpu: Some(resources.cpu), memory: Some(resources.memory) }
    }

    /// What the filter counts: nothing where nothing is requested.
    fn plain(self) -> Resources {
        Resources { cpu: self.cpu.unwrap_or_default(), memory: self.memory.unwrap_or_default() }
    }

    /// What `NodeResourcesFit` scores with: defaults where nothing is requested.
    fn for_score(self) -> Resources {
        Resources {
            cpu: self.cpu.unwrap_or(DEFAULT_CPU_REQUEST),
            memory: self.memory.unwrap_or(DEFAULT_MEMORY_REQUEST),
        }
    }
}

/// The two ways in which the scheduler counts one pod (or the sum of several).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Footprint {
    /// Requests as written, missing = 0: the filter and `NodeResourcesBalancedAllocation`.
    pub plain: Resources,
    /// Requests with defaults for missing ones: the score of `NodeResourcesFit`.
    pub for_score: Resources,
}

impl Footprint {
    /// A pod all of whose containers request both resources.
    #[must_use]
    pub const fn of(resources: Resources) -> Self {
        Self { plain: resources, for_score: resources }
    }
}

impl std::ops::AddAssign for Footprint {
    fn add_assign(&mut self, other: Self) {
        self.plain += other.plain;
        self.for_score += other.for_score;
    }
}

/// Everything that decides where a pod may and should go. Pods of equal shape are interchangeable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodShape {
    /// Requests of the containers that run side by side (build, helper, services): they add up.
    pub containers: Vec<ContainerRequests>,
    /// Requests of init containers, run one after another: each sets a floor under the sum.
    pub init_containers: Vec<ContainerRequests>,
    /// `nodeSelector`: all must hold.
    pub node_selector: Vec<(String, String)>,
    /// `requiredDuringScheduling` node affinity: one of the terms must hold (none = no condition).
    pub required_affinity: Vec<Vec<LabelRequirement>>,
    /// `preferredDuringScheduling` node affinity.
    pub preferred_affinity: Vec<PreferredTerm>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// Priority: higher first, and may preempt lower.
    pub priority: i32,
    /// What it asks of the pods around it.
    pub neighbours: NeighbourRules,
    /// The PodDisruptionBudgets that select it, by number: preemption heeds them.
    pub budgets: Vec<u16>,
}

impl PodShape {
    /// A pod of one container that requests `resources` and runs anywhere.
    #[must_use]
    pub fn of(resources: Resources) -> Self {
        Self { containers: vec![ContainerRequests::of(resources)], ..Self::default() }
    }

    /// What a pod of this shape takes on a node: the sum over containers, or an init container where that is more.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let mut sum = Footprint::default();
        for container in &self.containers {
            sum += Footprint { plain: container.plain(), for_score: container.for_score() };
        }
        for init in &self.init_containers {
            sum.plain = sum.plain.max(init.plain());
            sum.for_score = sum.for_score.max(init.for_score());
        }
        sum
    }

    /// Whether this shape can run on nodes of `class`, and how much it would like to.
    #[must_use]
    pub fn compatibility(&self, class: &NodeClass) -> Compatibility {
        let selected = self.node_selector.iter().all(|(key, value)| class.label(key) == Some(value));
        let affine = self.required_affinity.is_empty()
            || self.required_affinity.iter().any(|term| class.satisfies(term));
        let tolerates = |taint: &Taint| self.tolerations.iter().any(|toleration| toleration.tolerates(taint));
        let hard = |taint: &&Taint| taint.effect != TaintEffect::PreferNoSchedule;
        let preference = self.preferred_affinity.iter().filter(|term| class.satisfies(&term.requirements));
        Compatibility {
            affinity: selected && affine,
            taints: class.taints.iter().filter(hard).all(tolerates),
            soft_taints: class.taints.iter().filter(|taint| !hard(taint) && !tolerates(taint)).count() as u16,
            preference: preference.map(|term| term.weight).sum(),
        }
    }

    /// Whether the pod tolerates `taint`.
    #[must_use]
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|toleration| toleration.tolerates(taint))
    }
}

/// How a shape and a class of nodes go together: the part of filter and score that no load changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Plugin `NodeAffinity` lets it pass.
    pub affinity: bool,
    /// Plugin `TaintToleration` lets it pass.
    pub taints: bool,
    /// `PreferNoSchedule` taints that are not tolerated.
    pub soft_taints: u16,
    /// Sum of the weights of the preferred terms that match.
    pub preference: u32,
}

/// Labels and taints of a kind of node, without those that single nodes carry for a time (not ready, disrupted).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeClass {
    /// Labels, in any order. Leave out the host name: it would make every node a class of its own.
    pub labels: Vec<(String, String)>,
    /// Taints.
    pub taints: Vec<Taint>,
}

impl NodeClass {
    fn label(&self, key: &str) -> Option<&String> {
        self.labels.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    fn satisfies(&self, requirements: &[LabelRequirement]) -> bool {
        requirements.iter().all(|requirement| requirement.holds(self.label(&requirement.key)))
    }
}

/// One `matchExpressions` entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelRequirement {
    /// Label key.
    pub key: String,
    /// How the values are meant.
    pub operator: LabelOperator,
    /// Values; one integer for `Gt` and `Lt`, none for `Exists` and `DoesNotExist`.
    pub values: Vec<String>,
}

/// Operators of node affinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelOperator {
    /// The label is there and has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The label is an integer above the value.
    Gt,
    /// The label is an integer below the value.
    Lt,
}

impl LabelRequirement {
    fn holds(&self, label: Option<&String>) -> bool {
        let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
        let compared = || Some((number(label)?, number(self.values.first())?));
        match self.operator {
            LabelOperator::In => label.is_some_and(|label| self.values.contains(label)),
            LabelOperator::NotIn => label.is_none_or(|label| !self.values.contains(label)),
            LabelOperator::Exists => label.is_some(),
            LabelOperator::DoesNotExist => label.is_none(),
            LabelOperator::Gt => compared().is_some_and(|(label, value)| label > value),
            LabelOperator::Lt => compared().is_some_and(|(label, value)| label < value),
        }
    }
}

/// A preferred node affinity term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreferredTerm {
    /// 1 to 100. Only its share of the best node's sum counts.
    pub weight: u32,
    /// All must hold for the term to count.
    pub requirements: Vec<LabelRequirement>,
}

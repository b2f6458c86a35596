//! The registry of pod classes: each class as a chain of ever less constrained stages that the pass tries in turn.

use rustc_hash::FxHashMap;

use super::labels::{self, LabelKey, Vocabulary};
use super::pod_validation::is_passed_over;
use super::pods::{PodAffinityTerm, PodClassId, PodClassSpec, SpreadConstraint};
use super::requirements::{Requirement, Requirements};
use super::resources::Amounts;
use super::taints::{TaintEffect, Toleration, are_tolerated, disrupted_taint};

/// What the pass does with preferences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreferencePolicy {
    /// They are requirements at first and are dropped one by one.
    #[default]
    Respect,
    /// They are not looked at.
    Ignore,
}

/// The constraints of a pod that do not depend on its requests: equal for many classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShapeId(pub(crate) u32);

/// Node constraints of a pod at some stage of relaxation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) requirements: Requirements,
    /// A requirement on the hostname, kept apart because it differs on every node.
    pub(crate) hostname: Option<Requirement>,
    pub(crate) tolerations: Vec<Toleration>,
}

/// A topology constraint that holds at some stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TopologyTerm {
    Spread(SpreadTerm),
    Affinity(PodTerm),
    AntiAffinity(PodTerm),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SpreadTerm {
    pub(crate) key: LabelKey,
    pub(crate) max_skew: i64,
    pub(crate) match_labels: Vec<(String, String)>,
    pub(crate) min_domains: Option<usize>,
    /// Which nodes count: those that meet one of these.
    pub(crate) node_filter: Vec<Requirements>,
    pub(crate) tolerations: Vec<Toleration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PodTerm {
    pub(crate) key: LabelKey,
    pub(crate) match_labels: Vec<(String, String)>,
}

/// A pod class at some stage of relaxation.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) shape: ShapeId,
    /// Requirements without preferences, which say where a spread pod may go at all.
    pub(crate) strict: Requirements,
    pub(crate) topology: Vec<TopologyTerm>,
}

/// A registered pod class.
#[derive(Clone, Debug)]
pub struct PodClass {
    /// As registered.
    pub spec: PodClassSpec,
    /// Requests, with the pod's own slot.
    pub requests: Amounts,
    pub(crate) stages: Vec<Stage>,
    /// Labels, and one of our own for each host port: a port is a required anti-affinity to the pods that have it.
    pub(crate) labels: Vec<(String, String)>,
    /// Required anti-affinity, which also keeps other pods away from this one.
    pub(crate) repels: Vec<PodTerm>,
    /// Whether provisioning passes it over while it is pending.
    pub(crate) is_ignored: bool,
    /// Whether it tolerates `karpenter.sh/disrupted`, so that no drain evicts it.
    pub(crate) stays: bool,
}

/// All pod classes.
#[derive(Clone, Debug, Default)]
pub struct PodClasses {
    classes: Vec<PodClass>,
    ids: FxHashMap<u64, Vec<PodClassId>>,
    shape_ids: FxHashMap<Shape, ShapeId>,
    shapes: Vec<Shape>,
}

impl PodClasses {
    /// The class.
    #[must_use]
    pub fn get(&self, id: PodClassId) -> &PodClass {
        &self.classes[id.0 as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    pub(crate) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// The class of pods that look like `spec`, registered at the first call.
    pub(crate) fn register(
        &mut self,
        spec: PodClassSpec,
        relaxation: Relaxation,
        vocabulary: &mut Vocabulary,
    ) -> PodClassId {
        let bucket = self.ids.entry(fingerprint(&spec)).or_default();
        if let Some(&id) = bucket.iter().find(|id| self.classes[id.0 as usize].spec == spec) {
            return id;
        }
        let id = PodClassId(self.classes.len() as u32);
        bucket.push(id);
        let stages = self.stages(&spec, relaxation, vocabulary);
        let required = spec.anti_affinity.iter().filter(|term| term.weight.is_none());
        let terms = required.map(|term| pod_term(term, vocabulary)).collect::<Vec<_>>().into_iter();
        let repels = terms.chain(spec.host_ports.iter().map(|port| port_term(*port))).collect();
        let ports = spec.host_ports.iter().map(|port| port_label(*port));
        let labels = spec.labels.iter().cloned().chain(ports).collect();
        let is_ignored = is_passed_over(&spec, vocabulary);
        let requests = Amounts::new(spec.requests.cpu, spec.requests.memory, 1);
        let stays = are_tolerated(&[disrupted_taint()], &spec.tolerations);
        self.classes.push(PodClass { spec, requests, stages, labels, repels, is_ignored, stays });
        id
    }

    fn stages(
        &mut self,
        spec: &PodClassSpec,
        relaxation: Relaxation,
        vocabulary: &mut Vocabulary,
    ) -> Vec<Stage> {
        let mut rest = Rest::new(spec);
        let mut stages = Vec::new();
        loop {
            let stage = self.stage(&rest, relaxation.policy, vocabulary);
            stages.push(stage);
            if !rest.relax(relaxation.tolerates_prefer_no_schedule) {
                return stages;
            }
        }
    }

    fn stage(&mut self, rest: &Rest, policy: PreferencePolicy, vocabulary: &mut Vocabulary) -> Stage {
        let selector = Requirements::from_labels(rest.selector, vocabulary);
        let mut strict = selector.clone();
        if let Some(term) = rest.required.first() {
            strict.add_all(&Requirements::from_specs(term, vocabulary), vocabulary);
        }
        let mut requirements = strict.clone();
        if policy == PreferencePolicy::Respect
            && let Some(term) = rest.preferred.first()
        {
            requirements.add_all(&Requirements::from_specs(&term.requirements, vocabulary), vocabulary);
        }
        let topology = rest.topology(&selector, policy, vocabulary);
        let hostname = requirements.remove(labels::HOSTNAME);
        let shape = Shape { requirements, hostname, tolerations: rest.tolerations.clone() };
        Stage { shape: self.intern(shape), strict, topology }
    }

    fn intern(&mut self, shape: Shape) -> ShapeId {
        let next = ShapeId(self.shapes.len() as u32);
        let id = *self.shape_ids.entry(shape.clone()).or_insert(next);
        if id == next {
            self.shapes.push(shape);
        }
        id
    }
}

/// What decides how a pod is relaxed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relaxation {
    pub(crate) policy: PreferencePolicy,
    /// Whether some NodePool has a `PreferNoSchedule` taint.
    pub(crate) tolerates_prefer_no_schedule: bool,
}

/// What is left of a pod's constraints while they are dropped one by one (core `scheduling/preferences.go`, v1.15.0).
struct Rest<'a> {
    selector: &'a [(String, String)],
    required: &'a [Vec<super::requirements::RequirementSpec>],
    preferred: Vec<&'a super::pods::PreferredTerm>,
    spread: Vec<&'a SpreadConstraint>,
    affinity: Vec<&'a PodAffinityTerm>,
    anti_affinity: Vec<&'a PodAffinityTerm>,
    host_ports: &'a [u16],
    tolerations: Vec<Toleration>,
}

impl<'a> Rest<'a> {
    fn new(spec: &'a PodClassSpec) -> Self {
        let mut preferred: Vec<_> = spec.preferred_terms.iter().collect();
        preferred.sort_by_key(|term| std::cmp::Reverse(term.weight));
        Self {
            selector: &spec.node_selector,
            required: &spec.required_terms,
            preferred,
            spread: spec.spread.iter().collect(),
            affinity: by_weight(&spec.affinity),
            anti_affinity: by_weight(&spec.anti_affinity),
            host_ports: &spec.host_ports,
            tolerations: spec.tolerations.clone(),
        }
    }

    /// Drops one thing; `false` where nothing is left to drop.
    fn relax(&mut self, tolerate_prefer_no_schedule: bool) -> bool {
        if self.required.len() > 1 {
            self.required = &self.required[1..];
            return true;
        }
        for terms in [&mut self.affinity, &mut self.anti_affinity] {
            if let Some(index) = terms.iter().position(|term| term.weight.is_some()) {
                terms.remove(index);
                return true;
            }
        }
        if !self.preferred.is_empty() {
            self.preferred.remove(0);
            return true;
        }
        if let Some(index) = self.spread.iter().position(|constraint| constraint.is_soft) {
            self.spread.swap_remove(index);
            return true;
        }
        let toleration = Toleration::of_effect(TaintEffect::PreferNoSchedule);
        if tolerate_prefer_no_schedule && !self.tolerations.contains(&toleration) {
            self.tolerations.push(toleration);
            return true;
        }
        false
    }

    fn topology(
        &self,
        selector: &Requirements,
        policy: PreferencePolicy,
        vocabulary: &mut Vocabulary,
    ) -> Vec<TopologyTerm> {
        let mut node_filter = Vec::new();
        for term in self.required {
            let mut all = selector.clone();
            all.add_all(&Requirements::from_specs(term, vocabulary), vocabulary);
            node_filter.push(all);
        }
        if node_filter.is_empty() {
            node_filter.push(selector.clone());
        }
        let respects = policy == PreferencePolicy::Respect;
        let mut terms = Vec::new();
        for constraint in self.spread.iter().filter(|constraint| respects || !constraint.is_soft) {
            terms.push(TopologyTerm::Spread(SpreadTerm {
                key: vocabulary.key(&constraint.key),
                max_skew: constraint.max_skew,
                match_labels: constraint.match_labels.clone(),
                min_domains: constraint.min_domains,
                node_filter: node_filter.clone(),
                tolerations: self.tolerations.clone(),
            }));
        }
        let holds = |term: &&&PodAffinityTerm| respects || term.weight.is_none();
        for term in self.affinity.iter().filter(holds) {
            terms.push(TopologyTerm::Affinity(pod_term(term, vocabulary)));
        }
        for term in self.anti_affinity.iter().filter(holds) {
            terms.push(TopologyTerm::AntiAffinity(pod_term(term, vocabulary)));
        }
        terms.extend(self.host_ports.iter().map(|port| TopologyTerm::AntiAffinity(port_term(*port))));
        terms
    }
}

/// Required terms first and for good; then the preferred ones, heaviest first.
fn by_weight(terms: &[PodAffinityTerm]) -> Vec<&PodAffinityTerm> {
    let mut sorted: Vec<_> = terms.iter().collect();
    sorted.sort_by_key(|term| (term.weight.is_some(), std::cmp::Reverse(term.weight)));
    sorted
}

/// A label that no pod can be given by name.
const HOST_PORT: &str = ":host-port";

fn port_label(port: u16) -> (String, String) {
    (HOST_PORT.to_owned(), port.to_string())
}

/// A host port is free where no pod has it (core `scheduling/hostportusage.go`, v1.15.0).
fn port_term(port: u16) -> PodTerm {
    PodTerm { key: labels::HOSTNAME, match_labels: vec![port_label(port)] }
}

impl PodTerm {
    /// Whether it stands for a host port.
    pub(crate) fn is_host_port(&self) -> bool {
        self.match_labels.first().is_some_and(|(key, _)| key == HOST_PORT)
    }
}

fn pod_term(term: &PodAffinityTerm, vocabulary: &mut Vocabulary) -> PodTerm {
    PodTerm { key: vocabulary.key(&term.key), match_labels: term.match_labels.clone() }
}

/// A hash by the fields that differ most, to find equal classes without comparing all of them.
fn fingerprint(spec: &PodClassSpec) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    (spec.requests, &spec.labels, &spec.node_selector, &spec.tolerations, &spec.host_ports).hash(&mut hasher);
    (spec.do_not_disrupt, spec.pdb, spec.deletion_cost, spec.priority).hash(&mut hasher);
    hasher.finish()
}

/// Whether a pod with `labels` has all of `match_labels`.
pub(crate) fn selects(match_labels: &[(String, String)], labels: &[(String, String)]) -> bool {
    match_labels.iter().all(|wanted| labels.contains(wanted))
}

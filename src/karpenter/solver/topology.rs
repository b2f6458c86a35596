//! Topology spread, pod affinity and anti-affinity during one pass: groups of pods, counted per domain.

use rustc_hash::FxHashMap;

use super::domains::{Domains, HOST_TO_BE, Rule, single};
use super::results::{PassPod, Refusal};
use crate::karpenter::cluster::{Cluster, Node, NodeId, NodeStage, PodState};
use crate::karpenter::labels::{self, LabelKey, LabelValue};
use crate::karpenter::pod_classes::{PodTerm, TopologyTerm, selects};
use crate::karpenter::pods::PodClassId;
use crate::karpenter::requirements::{Requirement, Requirements, UndefinedLabels};

/// Where a pod would go: an existing node or a claim of this pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    /// What counts as its hostname.
    pub(super) name: LabelValue,
    /// Whether labels may be missing there.
    pub(super) undefined: UndefinedLabels,
}

/// A spread, affinity or anti-affinity group: pods that share the constraint.
#[derive(Clone, Debug)]
struct Group {
    term: TopologyTerm,
    domains: Domains,
}

/// What makes two constraints one group. Of a node filter only the keys count, as upstream hashes it
/// (core `topologygroup.go` `Hash`: the values are unexported fields, which `hashstructure` leaves out; v1.15.0). Lists are
/// hashed as sets there, by an exclusive or of their elements: see [`odd_ones`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct GroupKey {
    key: LabelKey,
    is_affinity: bool,
    max_skew: Option<i64>,
    match_labels: Vec<(String, String)>,
    filter_keys: Vec<Vec<LabelKey>>,
    tolerations: Vec<crate::karpenter::taints::Toleration>,
}

/// All groups of one pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    batch: rustc_hash::FxHashSet<u32>,
    excluded: Vec<NodeId>,
    group_ids: FxHashMap<GroupKey, usize>,
    groups: Vec<Group>,
    inverse: Vec<Inverse>,
    stage_groups: FxHashMap<(PodClassId, usize), Vec<usize>>,
}

/// Pods that keep others away, counted where they are.
#[derive(Clone, Debug)]
struct Inverse {
    term: PodTerm,
    domains: Domains,
}

impl Topology {
    /// The groups for a pass; `None` where no pod is constrained by where others are.
    pub(super) fn new(cluster: &Cluster, pods: &[PassPod], excluded: &[NodeId]) -> Option<Self> {
        let is_constrained = |pod: &PassPod| {
            let class = cluster.pod_class(pod.class);
            !class.repels.is_empty() || class.stages.iter().any(|stage| !stage.topology.is_empty())
        };
        if !cluster.has_repelling_pods() && !pods.iter().any(is_constrained) {
            return None;
        }
        let mut all = Self {
            batch: pods.iter().map(|pod| pod.pod.0).collect(),
            excluded: excluded.to_vec(),
            ..Self::default()
        };
        all.note_running_repellers(cluster);
        for pod in pods {
            for term in &cluster.pod_class(pod.class).repels {
                all.inverse_of(cluster, term);
            }
            all.enter_stage(cluster, pod.class, 0);
        }
        Some(all)
    }

    fn note_running_repellers(&mut self, cluster: &Cluster) {
        if !cluster.has_repelling_pods() {
            return;
        }
        for (_, node) in cluster.nodes().filter(|(_, node)| node.repelling_pods > 0) {
            for bound in &node.pods {
                if self.batch.contains(&bound.pod.0) {
                    continue;
                }
                for term in &cluster.pod_class(bound.class).repels {
                    let index = self.inverse_of(cluster, term);
                    if let Some(domain) = domain_of(cluster, node, term.key) {
                        self.inverse[index].domains.count(domain, cluster.vocabulary());
                    }
                }
            }
        }
    }

    fn inverse_of(&mut self, cluster: &Cluster, term: &PodTerm) -> usize {
        self.inverse.iter().position(|inverse| inverse.term == *term).unwrap_or_else(|| {
            let domains = Domains::universe(cluster, term.key);
            self.inverse.push(Inverse { term: term.clone(), domains });
            self.inverse.len() - 1
        })
    }

    /// Makes the groups of a class at a stage, where they do not exist yet. A group first needed in mid-pass does not
    /// count the pods that the pass has placed before.
    pub(super) fn enter_stage(&mut self, cluster: &Cluster, class: PodClassId, stage: usize) {
        if self.stage_groups.contains_key(&(class, stage)) {
            return;
        }
        let terms = &cluster.pod_class(class).stages[stage].topology;
        let groups = terms.iter().map(|term| self.group_of(cluster, term)).collect();
        self.stage_groups.insert((class, stage), groups);
    }

    fn group_of(&mut self, cluster: &Cluster, term: &TopologyTerm) -> usize {
        let key = group_key(term);
        if let Some(&index) = self.group_ids.get(&key) {
            return index;
        }
        let mut group = Group { domains: Domains::universe(cluster, key.key), term: term.clone() };
        self.count_existing(cluster, &mut group);
        self.groups.push(group);
        let index = self.groups.len() - 1;
        self.group_ids.insert(key, index);
        index
    }

    /// Registers the domains of the nodes and counts the running pods that the group selects.
    fn count_existing(&self, cluster: &Cluster, group: &mut Group) {
        let (key, match_labels) = (group.key(), group.match_labels().to_vec());
        for (id, node) in cluster.nodes() {
            if node.stage < NodeStage::Registered {
                continue;
            }
            let Some(domain) = domain_of(cluster, node, key) else { continue };
            if !group.counts_node(cluster, &cluster.shape(node.shape).labels, node.hostname) {
                continue;
            }
            if node.takes_pods() && !self.excluded.contains(&id) {
                group.domains.register(domain, cluster.vocabulary());
            }
            for bound in node.pods.iter().filter(|bound| bound.state == PodState::Active) {
                let labels = &cluster.pod_class(bound.class).labels;
                if selects(&match_labels, labels) && !self.batch.contains(&bound.pod.0) {
                    group.domains.count(domain, cluster.vocabulary());
                }
            }
        }
    }

    /// Narrows what a host offers to the domains that the pod's groups allow; `None` where nothing is narrowed.
    pub(super) fn constrain(
        &self,
        cluster: &Cluster,
        class: PodClassId,
        stage: usize,
        requirements: &Requirements,
        host: Host,
    ) -> Result<Option<Requirements>, Refusal> {
        let vocabulary = cluster.vocabulary();
        let labels = &cluster.pod_class(class).labels;
        let strict = &cluster.pod_class(class).stages[stage].strict;
        let mut chosen: Vec<Requirement> = Vec::new();
        let mut choose = |key: LabelKey, domains: &Domains, rule: Rule<'_>| {
            let anything = Requirement::anything(key);
            let pod = strict.get(key).unwrap_or(&anything);
            if key == labels::HOSTNAME {
                let is_open = domains.host_is_open(host.name, rule, pod, vocabulary);
                return if is_open { Ok(()) } else { Err(rule.refusal()) };
            }
            let node = requirements.get(key).unwrap_or(&anything);
            let options = domains.options(rule, pod, node, vocabulary);
            if options.is_empty() {
                return Err(rule.refusal());
            }
            chosen.push(Requirement::one_of(key, options));
            Ok(())
        };
        for &index in &self.stage_groups[&(class, stage)] {
            let group = &self.groups[index];
            let selects_itself = selects(group.match_labels(), labels);
            let rule = match &group.term {
                TopologyTerm::Spread(term) => Rule::Spread(term, selects_itself),
                TopologyTerm::Affinity(_) => Rule::Near(selects_itself),
                TopologyTerm::AntiAffinity(term) => Rule::Apart(term),
            };
            choose(group.key(), &group.domains, rule)?;
        }
        for inverse in self.inverse.iter().filter(|inverse| selects(&inverse.term.match_labels, labels)) {
            choose(inverse.term.key, &inverse.domains, Rule::Apart(&inverse.term))?;
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        let mut narrowed = requirements.clone();
        for requirement in chosen {
            narrowed.add(requirement, vocabulary);
        }
        if !requirements.is_compatible(&narrowed, host.undefined, vocabulary) {
            return Err(Refusal::Requirements);
        }
        Ok(Some(narrowed))
    }

    /// Counts a pod that was put on a host which now has these requirements.
    pub(super) fn record(
        &mut self,
        cluster: &Cluster,
        class: PodClassId,
        requirements: &Requirements,
        host: LabelValue,
    ) {
        let vocabulary = cluster.vocabulary();
        let class = cluster.pod_class(class);
        let values = |key: LabelKey| -> &[LabelValue] {
            requirements.get(key).map_or(&[], |requirement| &requirement.values)
        };
        for group in &mut self.groups {
            if !selects(group.match_labels(), &class.labels)
                || !group.counts_node(cluster, requirements, host)
            {
                continue;
            }
            let key = group.key();
            let is_anti = matches!(group.term, TopologyTerm::AntiAffinity(_));
            if key == labels::HOSTNAME {
                group.domains.count(host, vocabulary);
            } else if is_anti {
                values(key).iter().for_each(|value| group.domains.count(*value, vocabulary));
            } else if let Some(only) = single(requirements, key) {
                group.domains.count(only, vocabulary);
            }
        }
        for inverse in &mut self.inverse {
            if !class.repels.contains(&inverse.term) {
                continue;
            }
            if inverse.term.key == labels::HOSTNAME {
                inverse.domains.count(host, vocabulary);
            } else {
                values(inverse.term.key).iter().for_each(|value| inverse.domains.count(*value, vocabulary));
            }
        }
    }
}

impl Group {
    fn key(&self) -> LabelKey {
        match &self.term {
            TopologyTerm::Spread(term) => term.key,
            TopologyTerm::Affinity(term) | TopologyTerm::AntiAffinity(term) => term.key,
        }
    }

    fn match_labels(&self) -> &[(String, String)] {
        match &self.term {
            TopologyTerm::Spread(term) => &term.match_labels,
            TopologyTerm::Affinity(term) | TopologyTerm::AntiAffinity(term) => &term.match_labels,
        }
    }

    /// Whether a host with these requirements counts for the group. Upstream allows no missing label here, not even
    /// on new claims (core `topologynodefilter.go` `Matches`, v1.15.0).
    fn counts_node(&self, cluster: &Cluster, requirements: &Requirements, host: LabelValue) -> bool {
        let TopologyTerm::Spread(term) = &self.term else { return true };
        term.node_filter.iter().any(|filter| {
            let matches =
                |all: &Requirements| all.is_compatible(filter, UndefinedLabels::Deny, cluster.vocabulary());
            if filter.get(labels::HOSTNAME).is_none() {
                return matches(requirements);
            }
            let mut with_host = requirements.clone();
            with_host.replace(Requirement::is(labels::HOSTNAME, host));
            matches(&with_host)
        })
    }
}

fn group_key(term: &TopologyTerm) -> GroupKey {
    let sorted = |match_labels: &[(String, String)]| {
        let mut all = match_labels.to_vec();
        all.sort();
        all
    };
    match term {
        TopologyTerm::Spread(term) => {
            let keys = |filter: &Requirements| filter.iter().map(|one| one.key).collect::<Vec<_>>();
            GroupKey {
                key: term.key,
                is_affinity: false,
                max_skew: Some(term.max_skew),
                match_labels: sorted(&term.match_labels),
                filter_keys: odd_ones(term.node_filter.iter().map(keys).collect()),
                tolerations: odd_ones(term.tolerations.clone()),
            }
        }
        TopologyTerm::Affinity(own) | TopologyTerm::AntiAffinity(own) => GroupKey {
            key: own.key,
            is_affinity: matches!(term, TopologyTerm::Affinity(_)),
            max_skew: None,
            match_labels: sorted(&own.match_labels),
            filter_keys: Vec::new(),
            tolerations: Vec::new(),
        },
    }
}

/// The elements that are there an odd number of times, sorted: what an exclusive or of their hashes leaves. So a pod with two
/// alternatives over the same keys shares its group with any other such pod (core `topologygroup.go` `Hash` with
/// `SlicesAsSets`, v1.15.0; `hashstructure` issue 36).
fn odd_ones<T: Ord + Clone>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    let alike = list.chunk_by(T::eq);
    alike.filter(|alike| alike.len() % 2 == 1).map(|alike| alike[0].clone()).collect()
}

fn domain_of(cluster: &Cluster, node: &Node, key: LabelKey) -> Option<LabelValue> {
    if key == labels::HOSTNAME {
        return Some(node.hostname);
    }
    cluster.shape(node.shape).labels.get(key).and_then(|label| label.values.first().copied())
}

/// The hostname of the claim numbered `index` in this pass, which no label has.
pub(super) fn claim_host(index: usize) -> LabelValue {
    LabelValue(HOST_TO_BE - index as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_over_the_same_keys_cancel_out_in_pairs() {
        let (zone, arch) = (vec![labels::ZONE], vec![labels::ARCH]);
        let none: Vec<Vec<LabelKey>> = Vec::new();
        assert_eq!(odd_ones(vec![zone.clone(), zone.clone()]), none);
        assert_eq!(odd_ones(vec![arch.clone(), zone.clone(), arch.clone()]), std::slice::from_ref(&zone));
        assert_eq!(odd_ones(vec![arch.clone(), zone.clone()]), [zone, arch]);
    }
}

//! The domains of one topology key with the pods counted in each.

use rustc_hash::FxHashMap;

use super::results::Refusal;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::labels::{self, LabelKey, LabelValue, Vocabulary};
use crate::karpenter::pod_classes::{PodTerm, SpreadTerm};
use crate::karpenter::requirements::{Requirement, Requirements};

/// What a group asks of the domain of a pod. The flag says whether the group selects the pod itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule<'a> {
    /// Pods are spread.
    Spread(&'a SpreadTerm, bool),
    /// Pods are near others.
    Near(bool),
    /// Pods are apart from others.
    Apart(&'a PodTerm),
}

impl Rule<'_> {
    /// Why a pod is refused where no domain is left.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Spread(..) => Refusal::TopologySpread,
            Self::Near(_) => Refusal::Affinity,
            Self::Apart(term) if term.is_host_port() => Refusal::HostPort,
            Self::Apart(_) => Refusal::AntiAffinity,
        }
    }
}

/// Hostnames of claims count down from here, where no label value ever comes.
pub(super) const HOST_TO_BE: u32 = u32::MAX;

/// Counts per domain. Hosts are only ever looked up; other domains are few and kept in name order, because among
/// equally good ones upstream takes a random one and we the first by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Domains {
    hosts: FxHashMap<LabelValue, i64>,
    is_host: bool,
    named: Vec<(LabelValue, i64)>,
}

impl Domains {
    /// The domains that pools and types can have for `key`, all empty (core `topology.go` `buildDomainGroups`, v1.15.0).
    pub(super) fn universe(cluster: &Cluster, key: LabelKey) -> Self {
        let mut all = Self { is_host: key == labels::HOSTNAME, ..Self::default() };
        if all.is_host {
            return all;
        }
        let vocabulary = cluster.vocabulary();
        // Static pools are left out of passes altogether (core `provisioner.go` `NewScheduler`).
        for (_, pool) in cluster.pools().filter(|(_, pool)| !pool.spec.is_static) {
            let own = pool.domains.get(key);
            for (_, one) in cluster.instance_types().iter() {
                let both = match (own, one.requirements.get(key)) {
                    (Some(own), Some(label)) => own.intersection(label, vocabulary),
                    (Some(only), None) | (None, Some(only)) => only.clone(),
                    (None, None) => continue,
                };
                both.values.iter().for_each(|value| all.register(*value, vocabulary));
            }
            if let Some(own) = own.filter(|own| !own.is_complement) {
                own.values.iter().for_each(|value| all.register(*value, vocabulary));
            }
        }
        all
    }

    fn slot(&mut self, domain: LabelValue, vocabulary: &Vocabulary) -> &mut i64 {
        if self.is_host {
            return self.hosts.entry(domain).or_insert(0);
        }
        let text = vocabulary.text(domain);
        let index = match self.named.binary_search_by(|(other, _)| vocabulary.text(*other).cmp(text)) {
            Ok(index) => index,
            Err(index) => {
                self.named.insert(index, (domain, 0));
                index
            }
        };
        &mut self.named[index].1
    }

    /// Makes a domain known.
    pub(super) fn register(&mut self, domain: LabelValue, vocabulary: &Vocabulary) {
        self.slot(domain, vocabulary);
    }

    /// Counts a pod in a domain.
    pub(super) fn count(&mut self, domain: LabelValue, vocabulary: &Vocabulary) {
        *self.slot(domain, vocabulary) += 1;
    }

    /// Whether a host may take another pod. A new host can always be made, so the least count of hosts is 0.
    pub(super) fn host_is_open(
        &self,
        host: LabelValue,
        rule: Rule<'_>,
        pod: &Requirement,
        vocabulary: &Vocabulary,
    ) -> bool {
        let count = self.hosts.get(&host).copied().unwrap_or(0);
        match rule {
            Rule::Spread(term, selects_itself) => count + i64::from(selects_itself) <= term.max_skew,
            Rule::Apart(_) => count == 0,
            Rule::Near(selects_itself) => {
                let is_free = || selects_itself && !self.any_for(pod, vocabulary);
                pod.has(host, vocabulary) && (count > 0 || is_free())
            }
        }
    }

    /// The domains that are left to a pod on a node.
    pub(super) fn options(
        &self,
        rule: Rule<'_>,
        pod: &Requirement,
        node: &Requirement,
        vocabulary: &Vocabulary,
    ) -> Vec<LabelValue> {
        match rule {
            Rule::Spread(term, selects_itself) => {
                self.next_spread(term, selects_itself, pod, node, vocabulary)
            }
            Rule::Near(selects_itself) => self.near(selects_itself, pod, node, vocabulary),
            Rule::Apart(_) => self.empty_ones(pod, node, vocabulary),
        }
    }

    /// Whether pods are counted in any domain that the pod may be in.
    fn any_for(&self, pod: &Requirement, vocabulary: &Vocabulary) -> bool {
        let has_pods = |domain: LabelValue, count: i64| count > 0 && pod.has(domain, vocabulary);
        self.named.iter().any(|(domain, count)| has_pods(*domain, *count))
            || self.hosts.iter().any(|(domain, count)| has_pods(*domain, *count))
    }

    /// The domains with pods to be near to. Where there are none for the pod and it is one of the kind itself, it goes
    /// first: into one that the node offers, for which upstream takes a random one.
    fn near(
        &self,
        selects_itself: bool,
        pod: &Requirement,
        node: &Requirement,
        vocabulary: &Vocabulary,
    ) -> Vec<LabelValue> {
        let fits = |domain: LabelValue| pod.has(domain, vocabulary) && node.has(domain, vocabulary);
        let taken = self.named.iter().filter(|(domain, count)| *count > 0 && fits(*domain));
        let taken: Vec<LabelValue> = taken.map(|(domain, _)| *domain).collect();
        if !taken.is_empty() || !selects_itself || self.any_for(pod, vocabulary) {
            return taken;
        }
        let first = self.named.iter().find(|(domain, _)| fits(*domain));
        let first = first.or_else(|| self.named.iter().find(|(domain, _)| pod.has(*domain, vocabulary)));
        first.map(|(domain, _)| *domain).into_iter().collect()
    }

    /// The domain with the fewest pods among those that keep the skew, as a list of at most one.
    fn next_spread(
        &self,
        term: &SpreadTerm,
        selects_itself: bool,
        pod: &Requirement,
        node: &Requirement,
        vocabulary: &Vocabulary,
    ) -> Vec<LabelValue> {
        let supported = || self.named.iter().filter(|(domain, _)| pod.has(*domain, vocabulary));
        let mut least = supported().map(|(_, count)| *count).min().unwrap_or(i64::from(i32::MAX));
        if term.min_domains.is_some_and(|wanted| supported().count() < wanted) {
            least = 0;
        }
        let own = i64::from(selects_itself);
        let keeps_skew = |entry: &&(LabelValue, i64)| {
            node.has(entry.0, vocabulary) && entry.1 + own - least <= term.max_skew
        };
        let best = self.named.iter().filter(keeps_skew).min_by_key(|(_, count)| *count);
        best.map(|(domain, _)| *domain).into_iter().collect()
    }

    /// The domains without any pod.
    fn empty_ones(&self, pod: &Requirement, node: &Requirement, vocabulary: &Vocabulary) -> Vec<LabelValue> {
        let is_open = |entry: &&(LabelValue, i64)| {
            entry.1 == 0 && node.has(entry.0, vocabulary) && pod.has(entry.0, vocabulary)
        };
        self.named.iter().filter(is_open).map(|(domain, _)| *domain).collect()
    }
}

/// Whether requirements leave a key to a single value.
pub(super) fn single(requirements: &Requirements, key: LabelKey) -> Option<LabelValue> {
    requirements.get(key).filter(|one| !one.is_complement && one.values.len() == 1).map(|one| one.values[0])
}

//! Pods counted where they are, as far as the rules of some pods ask for it: ports, spread, affinity. What follows from the
//! counts is `neighbour_rules`'.
//!
//! Only shapes that have such rules, or that the rules of others select, pay for them: each of their attempts adds the
//! counts up over all nodes, as the real plugins do (kubernetes `pkg/scheduler/framework/plugins`, v1.37).

use super::neighbour_rules::Attempt;
use super::placement::{NeighbourRules, PodTerm};
use super::row::Node;
use super::shape::{NodeClass, PodShape};

/// `kubernetes.io/hostname`: every node is a domain of its own. Kept as the first key.
const HOSTNAME: &str = "kubernetes.io/hostname";
pub(super) const HOST: usize = 0;
/// Weight of a required affinity of a placed pod in the score of others (`hardPodAffinityWeight`).
const HARD_AFFINITY_WEIGHT: i64 = 1;
const NO_DOMAIN: u32 = u32::MAX;

/// Which pods a counter counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Counted {
    /// Those with these labels.
    Labelled(Vec<(String, String)>),
    /// Those with these labels that are not being deleted.
    Staying(Vec<(String, String)>),
    /// Those that have this port.
    Port(u16),
    /// Those with this term in their affinity (`true`) or anti-affinity.
    Owning(PodTerm, bool),
}

#[derive(Clone, Debug)]
struct Counter {
    counted: Counted,
    by_slot: Vec<u32>,
}

/// A counter over the domains of a topology key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) key: usize,
    pub(super) counter: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SpreadRule {
    pub(super) tally: Tally,
    pub(super) max_skew: i64,
    pub(super) selects_itself: bool,
    pub(super) min_domains: Option<u32>,
}

/// What concerns pods of one shape.
#[derive(Clone, Debug, Default)]
pub(super) struct ShapeView {
    /// Counters that count its pods.
    pub(super) counters: Vec<usize>,
    /// Pods with its host ports.
    pub(super) ports: Vec<usize>,
    pub(super) hard: Vec<SpreadRule>,
    pub(super) soft: Vec<SpreadRule>,
    /// Pods that it must be near to.
    pub(super) near: Vec<Tally>,
    /// It is near to itself, where there is none of those yet.
    pub(super) may_start: bool,
    /// Pods that it keeps away from, or that keep away from it.
    pub(super) apart: Vec<Tally>,
    /// Pods that it prefers to be near to, or that prefer it, with weights; negative ones keep away.
    pub(super) pulls: Vec<(Tally, i64)>,
}

/// All rules in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    pub(super) attempt: Attempt,
    class_domains: Vec<Vec<u32>>,
    counters: Vec<Counter>,
    /// By key: the values that nodes have.
    pub(super) domains: Vec<Vec<String>>,
    has_rules: bool,
    keys: Vec<String>,
    pub(super) views: Vec<ShapeView>,
}

impl Neighbours {
    /// Works out anew what concerns whom. `true`: there are rules, and placed pods are to be counted anew.
    pub(super) fn learn_shapes(&mut self, shapes: &[PodShape], classes: &[NodeClass]) -> bool {
        self.has_rules = shapes.iter().any(|shape| !shape.neighbours.is_empty());
        if !self.has_rules {
            return false;
        }
        self.counters.clear();
        self.keys = vec![HOSTNAME.to_owned()];
        let mut views: Vec<ShapeView> = shapes.iter().map(|shape| self.view(shape, shapes)).collect();
        for (view, shape) in views.iter_mut().zip(shapes) {
            let counts = |counter: &Counter| counter.counted.is_of(&shape.neighbours);
            view.counters = (0..self.counters.len()).filter(|id| counts(&self.counters[*id])).collect();
        }
        self.views = views;
        self.class_domains = vec![Vec::new(); self.keys.len()];
        self.domains = vec![Vec::new(); self.keys.len()];
        classes.iter().for_each(|class| self.learn_class(class));
        true
    }

    /// Learns one more class of nodes.
    pub(super) fn learn_class(&mut self, class: &NodeClass) {
        for (key, name) in self.keys.iter().enumerate() {
            let Some((_, value)) = class.labels.iter().find(|(label, _)| label == name) else {
                self.class_domains[key].push(NO_DOMAIN);
                continue;
            };
            let domains = &mut self.domains[key];
            let known = domains.iter().position(|domain| domain == value).unwrap_or_else(|| {
                domains.push(value.clone());
                domains.len() - 1
            });
            self.class_domains[key].push(known as u32);
        }
    }

    fn view(&mut self, shape: &PodShape, shapes: &[PodShape]) -> ShapeView {
        let own = &shape.neighbours;
        let mut view = ShapeView::default();
        for port in &own.host_ports {
            view.ports.push(self.counter(Counted::Port(*port)));
        }
        for rule in &own.spread {
            let spread = SpreadRule {
                tally: self.tally(&rule.key, Counted::Staying(rule.match_labels.clone())),
                max_skew: i64::from(rule.max_skew),
                selects_itself: own.has(&rule.match_labels),
                min_domains: rule.min_domains,
            };
            if rule.is_soft { &mut view.soft } else { &mut view.hard }.push(spread);
        }
        // A pod to be near to matches all required terms together (`podMatchesAllAffinityTerms`).
        let required = || own.affinity.iter().filter(|term| term.weight.is_none());
        let all: Vec<_> = required().flat_map(|term| term.match_labels.iter().cloned()).collect();
        view.may_start = own.has(&all);
        for term in required() {
            view.near.push(self.tally(&term.key, Counted::Labelled(all.clone())));
        }
        for (terms, sign) in [(&own.affinity, 1), (&own.anti_affinity, -1)] {
            for term in terms {
                let tally =
                    |this: &mut Self| this.tally(&term.key, Counted::Labelled(term.match_labels.clone()));
                match term.weight {
                    Some(weight) => view.pulls.push((tally(self), sign * i64::from(weight))),
                    None if sign < 0 => view.apart.push(tally(self)),
                    None => {}
                }
            }
        }
        for other in shapes {
            self.of_others(own, &other.neighbours, &mut view);
        }
        view
    }

    /// What the rules of another shape mean for pods with the rules `own`.
    fn of_others(&mut self, own: &NeighbourRules, other: &NeighbourRules, view: &mut ShapeView) {
        for (terms, is_near) in [(&other.affinity, true), (&other.anti_affinity, false)] {
            for term in terms.iter().filter(|term| own.has(&term.match_labels)) {
                let tally = self.tally(&term.key, Counted::Owning(term.clone(), is_near));
                let weight = match (term.weight, is_near) {
                    (None, false) => {
                        if !view.apart.contains(&tally) {
                            view.apart.push(tally);
                        }
                        continue;
                    }
                    (None, true) => HARD_AFFINITY_WEIGHT,
                    (Some(weight), true) => i64::from(weight),
                    (Some(weight), false) => -i64::from(weight),
                };
                if !view.pulls.iter().any(|(known, _)| *known == tally) {
                    view.pulls.push((tally, weight));
                }
            }
        }
    }

    fn tally(&mut self, key: &str, counted: Counted) -> Tally {
        let key = self.keys.iter().position(|known| known == key).unwrap_or_else(|| {
            self.keys.push(key.to_owned());
            self.keys.len() - 1
        });
        Tally { key, counter: self.counter(counted) }
    }

    fn counter(&mut self, counted: Counted) -> usize {
        self.counters.iter().position(|known| known.counted == counted).unwrap_or_else(|| {
            self.counters.push(Counter { counted, by_slot: Vec::new() });
            self.counters.len() - 1
        })
    }

    /// Whether no pod has rules.
    pub(super) fn is_idle(&self) -> bool {
        !self.has_rules
    }

    /// Whether pods of the shape must be placed with regard to others.
    pub(super) fn concern(&self, shape: usize) -> bool {
        self.has_rules && self.views[shape].is_concerned()
    }

    /// Whether pods of `shape` may find a place, or lose it, where one of `other` comes or goes.
    pub(super) fn feels(&self, shape: usize, other: usize) -> bool {
        let counted = &self.views[other].counters;
        self.views[shape].tallies().any(|counter| counted.contains(&counter))
    }

    /// A pod of `shape` is placed on a node.
    pub(super) fn add(&mut self, slot: u32, shape: usize) {
        self.change(slot, shape, |_| true, 1);
    }

    /// A placed pod is being deleted.
    pub(super) fn stop(&mut self, slot: u32, shape: usize) {
        self.change(slot, shape, Counted::is_of_staying, u32::MAX);
    }

    /// A pod leaves its node; `was_staying`: it was not being deleted before.
    pub(super) fn remove(&mut self, slot: u32, shape: usize, was_staying: bool) {
        self.change(slot, shape, |counted| was_staying || !counted.is_of_staying(), u32::MAX);
    }

    fn change(&mut self, slot: u32, shape: usize, which: impl Fn(&Counted) -> bool, by: u32) {
        if !self.has_rules {
            return;
        }
        for id in &self.views[shape].counters {
            let counter = &mut self.counters[*id];
            if which(&counter.counted) {
                if counter.by_slot.len() <= slot as usize {
                    counter.by_slot.resize(slot as usize + 1, 0);
                }
                let count = &mut counter.by_slot[slot as usize];
                *count = count.wrapping_add(by);
            }
        }
    }

    /// The node is gone with its pods.
    pub(super) fn clear(&mut self, slot: u32) {
        for counter in &mut self.counters {
            if let Some(count) = counter.by_slot.get_mut(slot as usize) {
                *count = 0;
            }
        }
    }

    /// How many pods a counter has on a node.
    pub(super) fn count(&self, counter: usize, slot: u32) -> i64 {
        self.counters[counter].by_slot.get(slot as usize).map_or(0, |count| i64::from(*count))
    }

    /// The domain of a node under a key.
    pub(super) fn domain(&self, key: usize, slot: u32, node: &Node) -> Option<usize> {
        if key == HOST {
            return Some(slot as usize);
        }
        let domain = self.class_domains[key][node.class as usize];
        (domain != NO_DOMAIN).then_some(domain as usize)
    }
}

impl ShapeView {
    fn is_concerned(&self) -> bool {
        self.tallies().next().is_some()
    }

    /// The counters that decide about its pods.
    fn tallies(&self) -> impl Iterator<Item = usize> + '_ {
        let spread = self.hard.iter().chain(&self.soft).map(|rule| rule.tally.counter);
        let terms = self.near.iter().chain(&self.apart).map(|tally| tally.counter);
        let pulls = self.pulls.iter().map(|(tally, _)| tally.counter);
        self.ports.iter().copied().chain(spread).chain(terms).chain(pulls)
    }
}

impl Counted {
    fn is_of(&self, rules: &NeighbourRules) -> bool {
        match self {
            Self::Labelled(labels) => rules.has(labels),
            // A selector that says nothing counts no pod (`podtopologyspread/common.go countPodsMatchSelector`).
            Self::Staying(labels) => !labels.is_empty() && rules.has(labels),
            Self::Port(port) => rules.host_ports.contains(port),
            Self::Owning(term, true) => rules.affinity.contains(term),
            Self::Owning(term, false) => rules.anti_affinity.contains(term),
        }
    }

    fn is_of_staying(&self) -> bool {
        matches!(self, Self::Staying(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_selector_counts_no_pod_for_a_spread_and_every_pod_for_an_affinity() {
        // Kubernetes v1.37.2, `podtopologyspread/common.go countPodsMatchSelector`, `framework/types.go AffinityTerm.Matches`.
        let pod = NeighbourRules::default();
        assert!(!Counted::Staying(Vec::new()).is_of(&pod));
        assert!(Counted::Labelled(Vec::new()).is_of(&pod));
    }
}

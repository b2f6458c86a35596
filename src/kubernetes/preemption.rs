//! Preemption by priority: which pods make room for one that fits nowhere. Not their eviction.
//!
//! The rules of kube-scheduler's `DefaultPreemption` (1.37): on every node take all pods of lower priority away, put back first
//! those whose PodDisruptionBudget allows no deletion, then the others, the most important first, as long as that leaves
//! room, and choose the node whose victims matter least. What keeps a pod off may be requests, but also host ports, a spread
//! constraint or an anti-affinity, its own or another pod's. Budgets are respected as far as that goes: where nothing else
//! helps, their pods are deleted too. Beyond 100 nodes that could help, nodes are looked at in a random order until a tenth
//! of them, at least 100, has been found to help. The room is kept for the pod until it is placed, there or elsewhere,
//! against pods of no higher priority.

use super::cluster::Cluster;
use super::neighbour_removal::{Around, Lowest};
use super::row::Reserved;
use super::scheduler::{Pod, PodState, Scheduler};
use super::score::{NodeLoad, reason};
use super::shape::PodShape;
use super::{NodeKey, PodKey};
use crate::engine::Purpose;
use crate::units::SimTime;
use rand::Rng;

const SAMPLE: Purpose = Purpose::named("kube-scheduler preemption candidates");
/// Nodes found to help after which no more are looked at, at the least (`minCandidateNodesAbsolute`) …
const FEWEST_CANDIDATES: usize = 100;
/// … and as a share of those that could (`minCandidateNodesPercentage`).
const CANDIDATES_PERCENT: usize = 10;

/// A pod that is to be deleted (with its grace period) to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preemption {
    /// The pod to be deleted.
    pub victim: PodKey,
    /// The node it is on.
    pub node: NodeKey,
    /// The pod it gives way to, which stays pending until the victims are gone.
    pub by: PodKey,
    /// When the scheduler's call is through.
    pub at: SimTime,
}

/// A pod that preempted others, and the node whose room is kept for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nomination {
    pod: PodKey,
    pub(super) slot: u32,
    shape: u32,
    priority: i32,
}

/// A placed pod of lower priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lesser {
    slot: u32,
    priority: i32,
    /// Counts up with creation: the larger, the younger.
    ordinal: u64,
    pod: PodKey,
    shape: u32,
}

/// What nodes are compared by; the smallest wins (`pickOneNodeForPreemption`): victims against their budget, the highest
/// priority among the victims, the sum of their priorities, their number, the age of the oldest of the highest priority
/// (younger is better).
type Harm = (usize, i32, i64, usize, u64);

/// The order of importance: higher priority, then older.
fn importance(pod: &Lesser) -> (i64, u64) {
    (-i64::from(pod.priority), pod.ordinal)
}

/// What a search for victims reads.
struct Search<'a> {
    cluster: &'a Cluster,
    shapes: &'a [PodShape],
    /// Disruptions that each budget allows.
    allowed: &'a [u32],
    /// Shape of the pod that needs room.
    shape: usize,
    /// The lowest counts of its spread constraints.
    lowest: Vec<Lowest>,
}

/// What is left of a node while pods are taken off it and put back.
struct Rest {
    load: NodeLoad,
    /// Where the pod has regard to others.
    around: Option<Around>,
}

impl Search<'_> {
    /// Whether only pods of the node are in the way: else no victim would help (`nodesWherePreemptionMightHelp`).
    fn could_help(&self, slot: u32) -> bool {
        let node = &self.cluster.nodes[slot as usize];
        let (score, refusal) = self.cluster.rows[self.shape].evaluate(node, self.cluster.rules());
        if score == 0 {
            return refusal & reason::FIT != 0 && refusal & reason::TOO_BIG == 0;
        }
        let neighbours = &self.cluster.neighbours;
        neighbours.concern(self.shape) && neighbours.may_yield(self.shape, slot, node)
    }

    /// The victims among `lesser`, which is reordered. `draw` tells where a node comes in the order of looking.
    fn victims(&self, lesser: &mut [Lesser], draw: impl Fn(u32) -> u64) -> Vec<Lesser> {
        lesser.sort_unstable_by_key(|pod| (pod.slot, importance(pod)));
        let mut nodes: Vec<&[Lesser]> = lesser
            .chunk_by(|one, other| one.slot == other.slot)
            .filter(|on| self.could_help(on[0].slot))
            .collect();
        let mut enough = usize::MAX;
        if nodes.len() > FEWEST_CANDIDATES {
            let slots = 0..self.cluster.nodes.len() as u32;
            let alive = |slot: &u32| self.cluster.nodes[*slot as usize].alive;
            let could = slots.filter(alive).filter(|slot| self.could_help(*slot)).count();
            enough = FEWEST_CANDIDATES.max(could * CANDIDATES_PERCENT / 100);
            nodes.sort_by_cached_key(|on_node| draw(on_node[0].slot));
        }
        let mut best: Option<(Harm, Vec<Lesser>)> = None;
        let (mut found, mut spares_budgets) = (0, false);
        for on_node in nodes {
            let Some((harm, victims)) = self.on_node(on_node) else { continue };
            found += 1;
            spares_budgets |= harm.0 == 0;
            if best.as_ref().is_none_or(|(least, _)| harm < *least) {
                best = Some((harm, victims));
            }
            if found >= enough && spares_budgets {
                break;
            }
        }
        best.map(|(_, victims)| victims).unwrap_or_default()
    }

    /// The fewest pods of one node, given in order of importance, whose end makes room (`SelectVictimsOnNode`).
    fn on_node(&self, on_node: &[Lesser]) -> Option<(Harm, Vec<Lesser>)> {
        let (cluster, row) = (self.cluster, &self.cluster.rows[self.shape]);
        let node = &cluster.nodes[on_node[0].slot as usize];
        let neighbours = &cluster.neighbours;
        let around = if neighbours.concern(self.shape) {
            Some(neighbours.around(self.shape, on_node[0].slot, node, &self.lowest)?)
        } else {
            None
        };
        let mut rest = Rest { load: node.load, around };
        let takes = |rest: &Rest| {
            row.load_refusal(rest.load, node.reserved) == 0
                && !rest.around.as_ref().is_some_and(|around| neighbours.would_refuse(self.shape, around))
        };
        on_node.iter().for_each(|pod| self.shift(&mut rest, pod, false));
        if !takes(&rest) {
            return None;
        }
        let protected = self.protected(on_node);
        let (mut victims, mut violations) = (Vec::new(), 0);
        for is_protected in [true, false] {
            for (pod, _) in on_node.iter().zip(&protected).filter(|(_, one)| **one == is_protected) {
                self.shift(&mut rest, pod, true);
                if !takes(&rest) {
                    self.shift(&mut rest, pod, false);
                    victims.push(*pod);
                    violations += usize::from(is_protected);
                }
            }
        }
        victims.sort_unstable_by_key(importance);
        let first = victims.first()?;
        // As the real sum: every priority is shifted to be positive, so that fewer victims weigh less.
        let sum = victims.iter().map(|pod| i64::from(pod.priority) + i64::from(i32::MAX) + 1).sum();
        Some(((violations, first.priority, sum, victims.len(), u64::MAX - first.ordinal), victims))
    }

    /// A pod is put back, or taken off.
    fn shift(&self, rest: &mut Rest, pod: &Lesser, comes_back: bool) {
        let footprint = self.cluster.rows[pod.shape as usize].footprint;
        if comes_back {
            rest.load.add(footprint);
        } else {
            rest.load.remove(footprint);
        }
        if let Some(around) = &mut rest.around {
            let by = if comes_back { 1 } else { -1 };
            self.cluster.neighbours.shift(around, self.shape, pod.shape as usize, by);
        }
    }

    /// Which of the pods a budget protects, if all of them were to go in this order (`filterPodsWithPDBViolation`).
    fn protected(&self, on_node: &[Lesser]) -> Vec<bool> {
        let mut left: Vec<i64> = self.allowed.iter().map(|allowed| i64::from(*allowed)).collect();
        let is_protected = |pod: &Lesser| {
            let mut is_protected = false;
            for budget in &self.shapes[pod.shape as usize].budgets {
                if let Some(left) = left.get_mut(usize::from(*budget)) {
                    *left -= 1;
                    is_protected |= *left < 0;
                }
            }
            is_protected
        };
        on_node.iter().map(is_protected).collect()
    }
}

impl Scheduler {
    /// How many more pods a PodDisruptionBudget lets go now (`status.disruptionsAllowed`); it selects pods by their shape.
    pub fn set_budget(&mut self, budget: u16, disruptions_allowed: u32) {
        let index = usize::from(budget);
        if index >= self.budgets.len() {
            self.budgets.resize(index + 1, 0);
        }
        self.budgets[index] = disruptions_allowed;
    }

    /// A victim is gone: the pods it gave way to wait for one less.
    pub(super) fn mourn(&mut self, victim: PodKey) {
        let pods = &mut self.pods;
        self.doomed.retain(|(doomed, by)| {
            if *doomed == victim {
                let victims = &mut pods[by.0 as usize].victims;
                *victims = victims.saturating_sub(1);
            }
            *doomed != victim
        });
    }

    /// Whether pods of lower priority than the shape's may exist.
    pub(super) fn outranks_some(&self, shape: u32) -> bool {
        self.priorities.len() > 1
            && self.priorities.first().is_some_and(|lowest| *lowest < self.shapes[shape as usize].priority)
    }

    /// The node whose room is kept for the pod.
    pub(super) fn nomination(&self, pod: PodKey) -> Option<NodeKey> {
        let own = self.nominations.iter().find(|nomination| nomination.pod == pod)?;
        Some(self.cluster.nodes[own.slot as usize].key)
    }

    /// The place that the pod is nominated to, where it fits now (`evaluateNominatedNode`).
    pub(super) fn nominated_place(&mut self, pod: PodKey) -> Option<u32> {
        let own = *self.nominations.iter().find(|nomination| nomination.pod == pod)?;
        let reserved = self.reserved(own.slot, Some(pod));
        self.cluster.takes(own.shape as usize, own.slot, reserved).then_some(own.slot)
    }

    /// What is kept on a node for all pods but one.
    fn reserved(&self, slot: u32, but: Option<PodKey>) -> Reserved {
        let mut sum = Reserved { priority: i32::MAX, ..Reserved::default() };
        for one in self.nominations.iter().filter(|one| one.slot == slot && Some(one.pod) != but) {
            sum.footprint += self.cluster.rows[one.shape as usize].footprint;
            sum.pods += 1;
            sum.priority = sum.priority.min(one.priority);
        }
        sum
    }

    /// No room is kept for the pod any more.
    pub(super) fn withdraw(&mut self, pod: PodKey) {
        if let Some(place) = self.nominations.iter().position(|nomination| nomination.pod == pod) {
            let slot = self.nominations.swap_remove(place).slot;
            self.cluster.reserve(slot, self.reserved(slot, None));
        }
    }

    /// Room is kept on the node for the pod; nominations of lower priority there are taken back (`prepareCandidate`).
    fn nominate(&mut self, pod: PodKey, shape: u32, slot: u32) {
        let priority = self.shapes[shape as usize].priority;
        self.nominations.retain(|one| one.slot != slot || one.priority >= priority);
        self.nominations.push(Nomination { pod, slot, shape, priority });
        self.cluster.reserve(slot, self.reserved(slot, None));
    }

    /// Looks for pods of lower priority that can make room, unless the pod waits for earlier victims still.
    pub(super) fn preempt(&mut self, now: SimTime, shape: u32, by: PodKey) {
        if !self.outranks_some(shape) || self.pods[by.0 as usize].victims > 0 {
            return;
        }
        self.withdraw(by);
        if !self.cluster.worth_preempting(shape as usize) {
            return;
        }
        let mut lesser = self.lesser_pods(self.shapes[shape as usize].priority);
        let search = Search {
            cluster: &self.cluster,
            shapes: &self.shapes,
            allowed: &self.budgets,
            shape: shape as usize,
            lowest: self.cluster.lowest_counts(shape as usize),
        };
        let (streams, ordinal) = (&self.streams, self.pods[by.0 as usize].ordinal);
        let draw = |slot: u32| streams.entity(SAMPLE, (ordinal << 24) | u64::from(slot)).next_u64();
        let victims = search.victims(&mut lesser, draw);
        let Some(slot) = victims.first().map(|victim| victim.slot) else {
            self.cluster.note_futile(shape as usize);
            return;
        };
        self.nominate(by, shape, slot);
        let node = self.cluster.nodes[slot as usize].key;
        for victim in victims {
            self.doomed.push((victim.pod, by));
            self.pods[by.0 as usize].victims += 1;
            // One that gives way to another pod already is not deleted twice.
            if !std::mem::replace(&mut self.pods[victim.pod.0 as usize].doomed, true) {
                let at = self.call(now);
                self.preemptions.push(Preemption { victim: victim.pod, node, by, at });
            }
        }
    }

    /// All placed pods of a priority below `priority`.
    fn lesser_pods(&self, priority: i32) -> Vec<Lesser> {
        let nodes = &self.cluster.nodes;
        let on_its_node = |pod: &Pod| {
            nodes[pod.slot as usize].alive && nodes[pod.slot as usize].generation == pod.generation
        };
        let mut lesser: Vec<Lesser> = Vec::new();
        for (key, pod) in self.pods.iter().enumerate() {
            let its_priority = self.shapes.get(pod.shape as usize).map_or(i32::MAX, |shape| shape.priority);
            if pod.state == PodState::Placed && its_priority < priority && on_its_node(pod) {
                let (slot, ordinal, shape) = (pod.slot, pod.ordinal, pod.shape);
                lesser.push(Lesser { slot, priority: its_priority, ordinal, pod: PodKey(key as u32), shape });
            }
        }
        lesser
    }

    /// Pods to be deleted for pods of higher priority, since the last call; none where all pods have one priority.
    /// To be asked after every [`Self::wake`]. Their places count as taken until `pod_deleted`.
    pub fn take_preemptions(&mut self) -> std::vec::Drain<'_, Preemption> {
        self.preemptions.drain(..)
    }
}

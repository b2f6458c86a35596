//! Preemption by priority: which pods make room for one that fits nowhere. Not their eviction.
//!
//! The rules of kube-scheduler's `DefaultPreemption` for pods without disruption budgets: on every node take all pods of
//! lower priority away, put back the most important ones that still leave room, and choose the node whose victims
//! matter least. The room is kept for the pod until it is placed, there or elsewhere, against pods of no higher priority.
//! Left out: the random sample of candidate nodes in large clusters, and PodDisruptionBudgets of the victims, which the real one
//! respects as far as it can.

use super::cluster::Cluster;
use super::row::Reserved;
use super::scheduler::{Pod, PodState, Scheduler};
use super::score::reason;
use super::{NodeKey, PodKey};
use crate::units::SimTime;

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

/// What nodes are compared by; the smallest wins (`pickOneNodeForPreemption`): the highest priority among the victims,
/// the sum of their priorities, their number, the age of the oldest of the highest priority (younger is better).
type Harm = (i32, i64, usize, u64);

/// The victims for a pod of `shape` among `lesser`, which is reordered.
fn choose_victims(cluster: &Cluster, shape: usize, lesser: &mut [Lesser]) -> Vec<Lesser> {
    let row = &cluster.rows[shape];
    // By node, on each the most important first: higher priority, then older.
    lesser.sort_unstable_by_key(|pod| (pod.slot, -i64::from(pod.priority), pod.ordinal));
    let mut best: Option<(Harm, Vec<Lesser>)> = None;
    for on_node in lesser.chunk_by(|one, other| one.slot == other.slot) {
        let node = &cluster.nodes[on_node[0].slot as usize];
        let refusal = row.evaluate(node, cluster.rules()).1;
        if refusal & reason::FIT == 0 || refusal & reason::TOO_BIG != 0 {
            continue; // Taints, labels or sheer size: no victim would help.
        }
        if cluster.is_kept_off(shape, on_node[0].slot) {
            continue; // Most likely by pods that are no victims.
        }
        let mut load = node.load;
        on_node.iter().for_each(|pod| load.remove(cluster.rows[pod.shape as usize].footprint));
        if row.load_refusal(load, node.reserved) != 0 {
            continue;
        }
        let mut victims = Vec::new();
        for pod in on_node {
            let mut with = load;
            with.add(cluster.rows[pod.shape as usize].footprint);
            if row.load_refusal(with, node.reserved) == 0 {
                load = with;
            } else {
                victims.push(*pod);
            }
        }
        let Some(first) = victims.first() else { continue };
        // As the real sum: every priority is shifted to be positive, so that fewer victims weigh less.
        let sum = victims.iter().map(|pod| i64::from(pod.priority) + i64::from(i32::MAX) + 1).sum();
        let harm = (first.priority, sum, victims.len(), u64::MAX - first.ordinal);
        if best.as_ref().is_none_or(|(least, _)| harm < *least) {
            best = Some((harm, victims));
        }
    }
    best.map(|(_, victims)| victims).unwrap_or_default()
}

impl Scheduler {
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
        let victims = choose_victims(&self.cluster, shape as usize, &mut lesser);
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
                let at = self.client.call(now) + self.config.call_latency;
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

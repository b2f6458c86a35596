//! Preemption by priority: which pods make room for one that fits nowhere. Not their eviction.
//!
//! The rules of kube-scheduler's `DefaultPreemption` for pods without disruption budgets: on every node take all pods of
//! lower priority away, put back the most important ones that still leave room, and choose the node whose victims
//! matter least. Left out: the random sample of candidate nodes in large clusters, and that the preemptor's
//! nominated node is held free for it against pods of lower priority that come up before it.

use super::cluster::Cluster;
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
        let mut load = node.load;
        on_node.iter().for_each(|pod| load.remove(cluster.rows[pod.shape as usize].footprint));
        if load.refusal(row.footprint) != 0 {
            continue;
        }
        let mut victims = Vec::new();
        for pod in on_node {
            let mut with = load;
            with.add(cluster.rows[pod.shape as usize].footprint);
            if with.refusal(row.footprint) == 0 {
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
    /// A victim is gone: the pod it gave way to waits for one less.
    pub(super) fn mourn(&mut self, victim: PodKey) {
        if let Some(place) = self.doomed.iter().position(|(doomed, _)| *doomed == victim) {
            let (_, by) = self.doomed.swap_remove(place);
            let pod = &mut self.pods[by.0 as usize];
            pod.victims = pod.victims.saturating_sub(1);
        }
    }

    /// Looks for pods of lower priority that can make room, unless the pod waits for earlier victims still.
    pub(super) fn preempt(&mut self, now: SimTime, shape: u32, by: PodKey) {
        let priority = self.shapes[shape as usize].priority;
        let alone = self.priorities.first().is_none_or(|lowest| *lowest >= priority);
        if alone || self.pods[by.0 as usize].victims > 0 || !self.cluster.worth_preempting(shape as usize) {
            return;
        }
        let nodes = &self.cluster.nodes;
        let on_its_node = |pod: &Pod| {
            nodes[pod.slot as usize].alive && nodes[pod.slot as usize].generation == pod.generation
        };
        let mut lesser: Vec<Lesser> = Vec::new();
        for (key, pod) in self.pods.iter().enumerate() {
            let its_priority = self.shapes.get(pod.shape as usize).map_or(i32::MAX, |shape| shape.priority);
            if pod.state == PodState::Placed && !pod.doomed && its_priority < priority && on_its_node(pod) {
                let (slot, ordinal, shape) = (pod.slot, pod.ordinal, pod.shape);
                lesser.push(Lesser { slot, priority: its_priority, ordinal, pod: PodKey(key as u32), shape });
            }
        }
        let victims = choose_victims(&self.cluster, shape as usize, &mut lesser);
        if victims.is_empty() {
            self.cluster.note_futile(shape as usize);
        }
        for victim in victims {
            let at = self.client.call(now) + self.config.call_latency;
            let node = self.cluster.nodes[victim.slot as usize].key;
            self.preemptions.push(Preemption { victim: victim.pod, node, by, at });
            self.doomed.push((victim.pod, by));
            self.pods[victim.pod.0 as usize].doomed = true;
            self.pods[by.0 as usize].victims += 1;
        }
    }

    /// Pods to be deleted for pods of higher priority, since the last call; none where all pods have one priority.
    /// To be asked after every [`Self::wake`]. Their places count as taken until `pod_deleted`.
    pub fn take_preemptions(&mut self) -> std::vec::Drain<'_, Preemption> {
        self.preemptions.drain(..)
    }
}

//! What the scheduler does when pods come to nodes and leave them that others are placed by: counts, and retries of the
//! pods that wait for it (the queueing hints of `NodePorts`, `PodTopologySpread` and `InterPodAffinity`).

use super::PodKey;
use super::scheduler::{Pod, PodState, Scheduler};
use super::score::reason;
use crate::units::SimTime;

impl Scheduler {
    /// A bound pod is being deleted: spread constraints no longer count it (`countPodsMatchSelector`).
    pub fn pod_terminating(&mut self, pod: PodKey) {
        if self.cluster.neighbours.is_idle() {
            return;
        }
        let Some(record) = self.pods.get_mut(pod.0 as usize) else { return };
        let is_there = self.cluster.nodes.get(record.slot as usize).is_some_and(|node| {
            node.alive && node.generation == record.generation && record.state == PodState::Placed
        });
        if is_there && !std::mem::replace(&mut record.terminating, true) {
            self.cluster.neighbours.stop(record.slot, record.shape as usize);
        }
    }

    /// Learns the rules of the shapes anew, one more than before, and counts the placed pods.
    pub(super) fn learn_neighbours(&mut self) {
        if !self.cluster.neighbours.learn_shapes(&self.shapes, &self.classes) {
            return;
        }
        for pod in self.pods.iter().filter(|pod| pod.state == PodState::Placed) {
            let node = &self.cluster.nodes[pod.slot as usize];
            if node.alive && node.generation == pod.generation {
                self.cluster.neighbours.add(pod.slot, pod.shape as usize);
                if pod.terminating {
                    self.cluster.neighbours.stop(pod.slot, pod.shape as usize);
                }
            }
        }
    }

    /// A placed pod left its node.
    pub(super) fn neighbour_left(&mut self, now: SimTime, pod: &Pod) {
        self.cluster.neighbours.remove(pod.slot, pod.shape as usize, !pod.terminating);
        self.tell_neighbours(now, pod.shape);
    }

    /// The binding of a pod is through.
    pub(super) fn neighbour_came(&mut self, now: SimTime, shape: u32) {
        self.tell_neighbours(now, shape);
    }

    fn tell_neighbours(&mut self, now: SimTime, of: u32) {
        let neighbours = &self.cluster.neighbours;
        if neighbours.is_idle() {
            return;
        }
        self.pending.wake_up(now, |shape, rejectors| {
            rejectors & reason::NEIGHBOURS != 0 && neighbours.feels(shape as usize, of as usize)
        });
        self.note_work(now);
    }
}

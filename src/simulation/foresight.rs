//! Fetches from memory together what the events of the next second are about. Decides nothing and changes nothing.
//!
//! In a large fleet what belongs to one job lies in a dozen places that were last used minutes ago. A handler meets them one
//! after the other and waits for memory each time. Read for many jobs in one go the waits overlap, and the handlers find
//! everything in the processor's cache.

use std::hint::black_box;

use crate::fleet::JobId;
use crate::gitlab::Slot;
use crate::karpenter::cluster;
use crate::kubernetes::PodKey;

use super::event::Event;
use super::world::World;

/// With fewer jobs in flight everything stays in the cache by itself.
const MANY_JOBS: usize = 4096;

impl World<'_> {
    /// Looks ahead, where events have come near.
    pub(super) fn foresee(&mut self) {
        let mut events = std::mem::take(&mut self.scratch.arrived);
        self.queue.take_arrived(&mut events);
        if self.jobs.len() >= MANY_JOBS {
            self.fetch(&events);
        }
        events.clear();
        self.scratch.arrived = events;
    }

    fn fetch(&mut self, events: &[Event]) {
        let mut ids = std::mem::take(&mut self.scratch.foreseen);
        let mut sum = 0;
        for event in events {
            let (Event::ScriptEnded { job: id, .. } | Event::PodGone { job: id, .. }) = *event else {
                continue;
            };
            if let Some(job) = self.jobs.get(id) {
                // One field of each cache line.
                let times = job.ordinal ^ job.pending_at.as_ms() ^ job.bound_at.as_ms() ^ job.ends_at.as_ms();
                sum ^= times ^ u64::from(job.requests.cpu.0 ^ job.build ^ u32::from(job.attempt));
                ids.push(id);
            }
        }
        for id in ids.drain(..) {
            sum ^= self.fetch_surroundings(id);
        }
        black_box(sum);
        self.scratch.foreseen = ids;
    }

    /// What the end of the job will need beside the job.
    fn fetch_surroundings(&self, id: JobId) -> u64 {
        let job = &self.jobs[id];
        let Some(node) = job.node else { return 0 };
        let mut sum = u64::from(self.scheduler.node_of(PodKey(id.raw())).map_or(0, |node| node.0));
        if let Some(node) = self.nodes.get(node) {
            sum ^= u64::from(node.active_pods) ^ u64::from(node.pods.first().map_or(0, |pod| pod.raw()));
            sum ^= u64::from(self.facts[job.node.map_or(0, crate::engine::Id::index)].slowdown.0);
        }
        if let Some(side) = &self.karpenter {
            let node = cluster::NodeId(node.raw());
            let pods = side.cluster.node(node).map_or(&[][..], |node| &node.pods);
            sum ^= pods.iter().fold(0, |sum, bound| sum ^ u64::from(bound.pod.0));
            sum ^= side.disruption.active_pods(node) as u64;
        }
        if job.slot_free_at == crate::units::SimTime::NEVER && job.slot != u32::MAX {
            sum ^= u64::from(self.gitlab.is_running(Slot(job.slot)));
            sum ^= u64::from(self.pipelines.is_alive(crate::engine::Id::new(job.pipeline)));
        }
        sum
    }
}

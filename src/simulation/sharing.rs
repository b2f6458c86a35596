//! Stage 7 where speed follows the load: scripts join their node's cores, and end when the changing load lets them.

use crate::catalog::{Arch, TypeId};
use crate::ec2::{NodeSpeed, Occupancy, SharedCores, busy_cpu};
use crate::engine::Id;
use crate::fleet::{JobId, JobPhase, NodeId};
use crate::units::{Ppm, SimDuration, SimTime};
use crate::workload::JobNumber;

use super::event::Event;
use super::world::World;

/// The cores of all nodes, by node id.
#[derive(Default)]
pub(super) struct Sharing {
    nodes: Vec<Option<Shared>>,
    ended: Vec<u32>,
}

struct Shared {
    /// Of which node: ids are used again.
    ordinal: u32,
    cores: SharedCores,
    /// When the loop will look at it next.
    armed_at: SimTime,
}

impl World<'_> {
    /// The executor sees the pod running: the script joins the node's cores, for as long as the time-out allows.
    pub(super) fn script_starts(&mut self, id: JobId, build: u32) {
        let is_awaited = |job: &&mut crate::fleet::Job| job.build == build && job.phase == JobPhase::Starting;
        let Some(job) = self.jobs.get_mut(id).filter(is_awaited) else { return };
        job.phase = JobPhase::Running;
        let job = *job;
        let node_id = job.node.expect("a starting pod has its node");
        let (now, class) = (self.now, &self.arrivals.classes()[Id::new(job.class)]);
        let number = JobNumber::new(job.ordinal, job.pipeline_node);
        let work = match self.sampler.script_failure(class.failure_probability, number, job.attempt) {
            Some(share) => SimDuration::from_ms(share.of(job.work.as_ms())),
            None => job.work,
        };
        let generation = self.facts[node_id.index()].generation;
        let emulated = self.kinds.get(job.kind).emulated && self.nodes[node_id].arch == Arch::Amd64;
        let parts = self.speed.parts(Id::new(job.class), generation, emulated);
        let busy = busy_cpu(class.threads, class.parallel_share, class.cpu_bound);
        self.queue.push(self.times_out_at(&job), Event::ScriptEnded { job: id, build });
        self.shared(node_id).cores.join(now, id.raw(), work, parts, busy);
        self.arm_cores(node_id);
    }

    /// The next script on the node may have ended.
    pub(super) fn cores_due(&mut self, node_id: NodeId) {
        let now = self.now;
        let mut ended = std::mem::take(&mut self.sharing.as_mut().expect("speed follows the load").ended);
        let shared = self.shared(node_id);
        if shared.armed_at <= now {
            shared.armed_at = SimTime::NEVER;
        }
        shared.cores.take_ended(now, &mut ended);
        for id in ended.drain(..).map(Id::new) {
            let build = self.jobs[id].build;
            self.script_ended(id, build);
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.ended = ended;
        }
        self.arm_cores(node_id);
    }

    /// A build that is over no longer takes part of its node's cores.
    pub(super) fn leave_cores(&mut self, id: JobId, node: NodeId) {
        let now = self.now;
        if self.sharing.is_some() {
            self.shared(node).cores.leave(now, id.raw());
            self.arm_cores(node);
        }
    }

    /// An event that comes early is harmless, so only an earlier end is armed anew.
    fn arm_cores(&mut self, node: NodeId) {
        let shared = self.shared(node);
        let (at, ordinal) = (shared.cores.next_end(), shared.ordinal);
        if at < shared.armed_at {
            shared.armed_at = at;
            self.queue.push(at, Event::CoresDue { node, ordinal });
        }
    }

    fn shared(&mut self, id: NodeId) -> &mut Shared {
        let node = &self.nodes[id];
        let sharing = self.sharing.as_mut().expect("speed follows the load");
        if id.index() >= sharing.nodes.len() {
            sharing.nodes.resize_with(id.index() + 1, || None);
        }
        let place = &mut sharing.nodes[id.index()];
        if place.as_ref().is_none_or(|shared| shared.ordinal != node.ordinal) {
            let kind = self.plan.ec2.catalog.get(TypeId::new(node.instance_type));
            let generation = &self.plan.ec2.catalog.generations()[kind.cpu_generation.index()];
            let speed = NodeSpeed::of(kind, generation);
            let measured_at = match self.plan.ec2.occupancy {
                Occupancy::Full => speed.full_slowdown(),
                Occupancy::Alone => Ppm::ONE,
            };
            let cores = SharedCores::new(self.now, speed, self.facts[id.index()].slowdown, measured_at);
            *place = Some(Shared { ordinal: node.ordinal, cores, armed_at: SimTime::NEVER });
        }
        place.as_mut().expect("made just before")
    }
}

//! What a scenario makes happen at an instant: nodes drained, GitLab away; and launches that are throttled or slow.

use crate::ec2::{EndReason, Startup};
use crate::engine::{Id, Purpose};
use crate::fleet::{JobId, JobPhase, NodeId, NodePhase};
use crate::gitlab::QueuedJob;
use crate::metrics::NodeEnd;
use crate::units::{SimDuration, SimTime};

use super::event::Event;
use super::world::World;

const ANSWER_AGAIN: Purpose = Purpose::named("ec2 launch answer again");

impl World<'_> {
    /// Arms what the plan names.
    pub(super) fn arm_stress(&mut self) {
        let stress = &self.plan.stress;
        for (number, drain) in (0..).zip(&stress.drains) {
            self.queue.push(drain.at, Event::DrainNodes { number });
        }
        for (from, _) in &stress.gitlab_outages {
            self.queue.push(*from, Event::GitlabAway);
        }
    }

    /// The nodes of some pools are drained: Karpenter's claims are deleted, fixed nodes are replaced by their group.
    pub(super) fn drain_nodes(&mut self, number: u32) {
        let pools = &self.plan.stress.drains[number as usize].pools;
        let concerned = self.nodes.iter().filter(|(_, node)| {
            node.phase < NodePhase::Draining && (pools.is_empty() || pools.contains(&node.pool))
        });
        // A launch that EC2 has not answered yet is not a node that anyone could drain.
        let concerned = concerned.filter(|(_, node)| node.phase > NodePhase::Requested);
        let concerned: Vec<NodeId> = concerned.map(|(id, _)| id).collect();
        for id in concerned {
            match self.plan.capacity.group(self.nodes[id].pool) {
                Some(_) => self.drain_fixed(id),
                None => self.delete_claim(id, NodeEnd::Drained),
            }
        }
    }

    fn drain_fixed(&mut self, id: NodeId) {
        let group = self.nodes[id].pool;
        self.facts[id.index()].end_reason = EndReason::Terminated;
        self.lose_pods(id);
        self.close_node(id, NodeEnd::Drained);
        self.node_gone(id);
        self.replace_in_group(group);
    }

    /// Until when GitLab is away, if it is.
    pub(super) fn gitlab_back_at(&self) -> Option<SimTime> {
        let outages = &self.plan.stress.gitlab_outages;
        outages.iter().find(|(from, until)| *from <= self.now && self.now < *until).map(|(_, until)| *until)
    }

    /// GitLab answers nobody for a while: what is pending cannot be picked. Jobs that run go on; their runners repeat their
    /// last update until it is heard, which is left out here.
    pub(super) fn gitlab_away(&mut self) {
        let Some(back_at) = self.gitlab_back_at() else { return };
        let pending = self.jobs.iter().filter(|(_, job)| job.phase == JobPhase::Pending);
        let pending: Vec<JobId> = pending.map(|(id, _)| id).collect();
        for id in pending {
            if self.gitlab.cancel(id.raw()) {
                self.queue.push(back_at, Event::Requeue { job: id, build: self.jobs[id].build });
            }
        }
    }

    /// A pending build can be picked again.
    pub(super) fn requeue(&mut self, id: JobId, build: u32) {
        let is_pending = |job: &crate::fleet::Job| job.build == build && job.phase == JobPhase::Pending;
        if self.jobs.get(id).is_some_and(is_pending) {
            self.offer(id);
        }
    }

    /// The pending build is in GitLab's queue, or will be when GitLab is back.
    pub(super) fn offer(&mut self, id: JobId) {
        if let Some(back_at) = self.gitlab_back_at() {
            self.queue.push(back_at, Event::Requeue { job: id, build: self.jobs[id].build });
            return;
        }
        let job = &self.jobs[id];
        let class = &self.classes[job.class as usize];
        let queued = QueuedJob {
            job: id.raw(),
            build_id: u64::from(job.build),
            tags: class.tags,
            project: class.project,
            protected: self.pipelines.is_protected(Id::new(job.pipeline)),
        };
        self.gitlab.enqueue(self.now, queued);
    }

    /// When EC2 answers a request that reaches it at `now` and that it works on for `answer`.
    pub(super) fn answered_at(&mut self, now: SimTime, answer: SimDuration) -> SimTime {
        self.plan.ec2.launch_stress.taken_up_at(now, &mut self.launch_queue) + answer
    }

    /// When EC2 answers a call that is made again at `at`, after so many failures.
    pub(super) fn answered_again(&mut self, at: SimTime, ordinal: u32, failures: u32) -> SimTime {
        let draw = u64::from(ordinal) << 16 | u64::from(failures);
        let answer = self.plan.ec2.launch_answer.draw(&mut self.streams.entity(ANSWER_AGAIN, draw));
        self.answered_at(at, answer)
    }

    /// The start-up of the launch numbered `ordinal`, asked for at `requested_at`.
    pub(super) fn startup_of(&self, ordinal: u32, requested_at: SimTime) -> Startup {
        let (ec2, ordinal) = (&self.plan.ec2, u64::from(ordinal));
        match ec2.launch_stress.boot_percent(requested_at) {
            Some(percent) => ec2.startup.stretched(percent).draw(&self.streams, ordinal),
            None => ec2.startup.draw(&self.streams, ordinal),
        }
    }
}

//! Cancelled builds: one that waits leaves the queue at once, one that runs goes on until its runner hears of it.

use crate::engine::Id;
use crate::fleet::{JobId, JobPhase};
use crate::gitlab::PipelineId;
use crate::metrics::{GaugeKey, JobOutcome};
use crate::units::SimTime;

use super::event::Event;
use super::world::World;

impl World<'_> {
    /// A build that is pending or running was cancelled.
    pub(super) fn cancel_build(&mut self, pipeline: PipelineId, node: u32) {
        let id: JobId = Id::new(self.pipelines.key(pipeline, node));
        let job = &self.jobs[id];
        match job.phase {
            JobPhase::Created => self.withdraw(id),
            JobPhase::Pending => {
                let was_offered = self.gitlab.cancel(id.raw());
                assert!(was_offered || self.gitlab_back_at().is_some(), "a pending build is in the queue");
                self.recorder.gauge(self.now, GaugeKey::PendingJobs, -1);
                self.withdraw(id);
                self.forget_if_over(id);
            }
            JobPhase::Picked | JobPhase::Unbound | JobPhase::Starting | JobPhase::Running => {
                let (at, build) = (self.heard_at(job.picked_at), job.build);
                self.queue.push(at, Event::CancelHeard { job: id, build });
            }
            JobPhase::Ended => {}
        }
    }

    /// When the runner that took a job at `picked_at` sends its trace next: the answer tells it to stop.
    fn heard_at(&self, picked_at: SimTime) -> SimTime {
        let interval = self.plan.gitlab.server.trace_update_interval;
        let before = self.now.saturating_since(picked_at).as_ms() / interval.as_ms().max(1);
        picked_at + interval * (before + 1)
    }

    /// The build ends without having run.
    fn withdraw(&mut self, id: JobId) {
        let job = &mut self.jobs[id];
        job.phase = JobPhase::Ended;
        job.ends_at = self.now;
        self.conclude(id, JobOutcome::Canceled, None, self.now);
    }

    /// The runner hears that its job was cancelled, unless the job has ended meanwhile.
    pub(super) fn cancel_heard(&mut self, id: JobId, build: u32) {
        if self.jobs.get(id).is_some_and(|job| job.build == build && job.phase != JobPhase::Ended) {
            self.end_build(id, JobOutcome::Canceled, None, true);
        }
    }
}

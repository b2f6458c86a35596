//! Pipelines that wait for a person: a manual job that may not be left out holds up all that comes after it.

use crate::engine::Arena;
use crate::units::SimTime;
use crate::workload::Template;

use super::state::Status;
use super::{PipelineId, PipelineStep, Pipelines};

impl Pipelines {
    /// Nobody will ever play what a pipeline waits for, after [`PipelineStep::Blocked`]. GitLab keeps its jobs `manual` and
    /// `created` for good, never pending (`lib/gitlab/ci/status/composite.rb`, 19.2); here they end as
    /// [`PipelineStep::Skipped`], and the pipeline with them.
    ///
    /// # Panics
    /// Where the pipeline has a job that is pending, running or delayed.
    pub fn leave_unplayed(
        &mut self,
        templates: &Arena<Template>,
        pipeline: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let run = self.pool.run_mut(pipeline);
        assert!(run.active == 0, "only a pipeline that waits for a person is left so");
        run.is_unplayed = true;
        let (ordinal, order, nodes) = (run.ordinal, run.order, run.nodes);
        let template = &templates[run.template];
        for node in 0..nodes {
            let state = self.pool.node_mut(pipeline, node);
            if state.settled {
                continue;
            }
            let was_upcoming = state.status == Status::Created;
            state.status = Status::Skipped;
            let (class, build, group) = (state.spec.class, state.build, state.group);
            out.push(PipelineStep::Skipped { ordinal, node, class, build });
            self.ended.push(node);
            if let Some(group) = group.filter(|_| was_upcoming) {
                self.leave_upcoming(group, order, now, out);
            }
        }
        self.settle(template, pipeline, now, out);
    }
}

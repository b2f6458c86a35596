//! Auto-cancel of redundant pipelines: a push to a ref cancels what still runs for older commits of it
//! (gitlab `app/services/ci/pipeline_creation/cancel_redundant_pipelines_service.rb`, 18.x).

use rustc_hash::FxHashMap;

use crate::engine::Arena;
use crate::units::{SimDuration, SimTime};
use crate::workload::{OnNewCommit, Push, Template, TemplateId};

use super::single::is_single;
use super::state::Status;
use super::{PipelineId, PipelineStep, Pipelines};

/// Older pipelines than this are left alone (`pipelines_created_after`).
const OLDEST: SimDuration = SimDuration::from_hours(7 * 24);

/// The pipelines of each ref that may still run: id and number, because ids are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Refs(FxHashMap<(TemplateId, u32), Vec<(PipelineId, u64)>>);

impl Pipelines {
    /// The pipeline was started by a push. Older pipelines of the branch are
    /// cancelled as their template's `on_new_commit` says; their pending and running jobs are reported as
    /// [`PipelineStep::Cancel`].
    ///
    /// # Panics
    /// Where the pipeline does not run.
    pub fn pushed(
        &mut self,
        templates: &Arena<Template>,
        pipeline: PipelineId,
        push: Push,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let run = self.pool.run_mut(pipeline);
        run.is_protected = push.is_protected;
        let (id, ordinal) = (run.template, run.ordinal);
        let Some(branch) = push.branch else { return };
        let mut older = std::mem::take(self.refs.0.entry((id, branch)).or_default());
        older.retain(|(pipeline, ordinal)| {
            self.pool.get(*pipeline).is_some_and(|run| run.unfinished > 0 && run.ordinal == *ordinal)
        });
        let template = &templates[id];
        for (pipeline, _) in &older {
            self.cancel_redundant(template, *pipeline, now, out);
        }
        older.push((pipeline, ordinal));
        self.refs.0.insert((id, branch), older);
    }

    fn cancel_redundant(
        &mut self,
        template: &Template,
        pipeline: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let run = self.pool.run(pipeline);
        if now.saturating_since(run.created_at) > OLDEST {
            return;
        }
        match template.on_new_commit {
            OnNewCommit::None => return,
            OnNewCommit::Conservative if run.has_started_uninterruptible => return,
            OnNewCommit::Conservative => self.stop(pipeline, now, out, |_| true),
            OnNewCommit::Interruptible => {
                self.stop(pipeline, now, out, |node| template.nodes[node as usize].interruptible);
            }
        }
        self.settle(template, pipeline, now, out);
    }

    /// A runner has taken the job: from then on it counts as started.
    pub fn job_started(&mut self, templates: &Arena<Template>, pipeline: PipelineId, node: u32) {
        if is_single(pipeline) {
            return;
        }
        let run = self.pool.run_mut(pipeline);
        run.has_started_uninterruptible |= !templates[run.template].nodes[node as usize].interruptible;
    }

    /// The caller's key of a pending or running job, as given to [`Pipelines::set_key`].
    #[must_use]
    pub fn key(&self, pipeline: PipelineId, node: u32) -> u32 {
        self.singles.get(pipeline).map_or_else(|| self.pool.node(pipeline, node).key, |single| single.key)
    }

    /// Whether a pending or running job was cancelled: whatever it still does, it ends as cancelled.
    #[must_use]
    pub fn is_canceling(&self, pipeline: PipelineId, node: u32) -> bool {
        match self.singles.get(pipeline) {
            Some(single) => single.canceled,
            None => self.pool.node(pipeline, node).is_canceling,
        }
    }

    /// Whether the ref of a pipeline is protected.
    #[must_use]
    pub fn is_protected(&self, pipeline: PipelineId) -> bool {
        !is_single(pipeline) && self.pool.run(pipeline).is_protected
    }

    /// Keeps the caller's key of a pending job: who it is when [`PipelineStep::Cancel`] comes.
    pub fn set_key(&mut self, pipeline: PipelineId, node: u32, key: u32) {
        match self.singles.get_mut(pipeline) {
            Some(single) => single.key = key,
            None => self.pool.node_mut(pipeline, node).key = key,
        }
    }

    /// Cancels those jobs of a pipeline that `is_meant` names: what has not started ends, pending and running jobs are
    /// reported.
    pub(super) fn stop(
        &mut self,
        id: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
        is_meant: impl Fn(u32) -> bool,
    ) {
        let (ordinal, order, nodes) = {
            let run = self.pool.run(id);
            (run.ordinal, run.order, run.nodes)
        };
        for node in (0..nodes).filter(|node| is_meant(*node)) {
            let state = self.pool.node_mut(id, node);
            let (before, group) = (state.status, state.group);
            match before {
                Status::Active if !state.is_canceling => {
                    state.is_canceling = true;
                    out.push(PipelineStep::Cancel { pipeline: id, node });
                    continue;
                }
                Status::Created | Status::Scheduled | Status::Manual | Status::Waiting if !state.settled => {}
                _ => continue,
            }
            state.status = Status::Canceled;
            let (class, build, attempt, wait_since) =
                (state.spec.class, state.build, state.attempt, state.wait_since);
            if matches!(before, Status::Scheduled | Status::Waiting) {
                self.pool.run_mut(id).active -= 1;
            }
            match (group, before) {
                (Some(group), Status::Waiting) => self.resources.forget(group, id, node),
                (Some(group), Status::Created | Status::Scheduled) => {
                    self.leave_upcoming(group, order, now, out);
                }
                _ => {}
            }
            out.push(PipelineStep::Canceled { ordinal, node, class, build, attempt, wait_since });
            self.ended.push(node);
        }
    }
}

//! What a job's end means for the others, as gitlab `ProcessPipelineService`, `ProcessBuildService` and the composite
//! status decide it (gitlab `lib/gitlab/ci/status/composite.rb`, `app/services/ci/process_build_service.rb`, 19.2).

use crate::units::SimTime;
use crate::workload::{ResourceGroup, Template, When};

use super::resources::Waiting;
use super::single::is_single;
use super::state::{Status, Tally};
use super::{BuildId, JobResult, PendingJob, PipelineId, PipelineStatus, PipelineStep, Pipelines};

/// The composite status of everything before a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Success,
    Failed,
    Canceled,
    Skipped,
}

impl Tally {
    fn composite(self) -> Before {
        match self {
            Self { failed: true, .. } => Before::Failed,
            Self { canceled: true, .. } => Before::Canceled,
            Self { ran: false, skipped: true, .. } => Before::Skipped,
            _ => Before::Success,
        }
    }
}

/// Whether a job starts after `before`; with `needs`, a skipped need keeps all but
/// `always` jobs from running.
fn starts(when: When, before: Before, has_needs: bool) -> bool {
    match when {
        When::OnSuccess | When::Manual | When::Delayed(_) => {
            before == Before::Success || (before == Before::Skipped && !has_needs)
        }
        When::OnFailure => before == Before::Failed,
        When::Always => before != Before::Canceled,
    }
}

impl Pipelines {
    /// The first jobs of a new pipeline: those of the first stage, and those with empty `needs` of any stage.
    pub(super) fn open(
        &mut self,
        template: &Template,
        id: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        self.pool.run_mut(id).gate_left = template.stage(0).len() as u16;
        for (index, node) in template.nodes.iter().enumerate() {
            if node.needs == 0 && (node.has_needs || node.stage == 0) {
                self.begin(template, id, index as u32, Before::Success, (now, now), out);
            }
        }
        if template.stage(0).is_empty() {
            self.open_next_stages(template, id, now, out);
        }
        self.settle(template, id, now, out);
    }

    pub(super) fn end(
        &mut self,
        template: &Template,
        id: PipelineId,
        node: u32,
        result: JobResult,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        let written = &template.nodes[node as usize];
        let (forgiven, retry) = (written.allow_failure, written.retry);
        let canceled = self.pool.run(id).canceled;
        let latency = self.latency;
        let state = self.pool.node_mut(id, node);
        assert!(state.status == Status::Active, "only a pending or running job ends");
        // GitLab no longer listens to a job that it has told to stop.
        let result = if state.is_canceling { JobResult::Canceled } else { result };
        let group = state.group;
        state.status = match result {
            JobResult::Success => Status::Success,
            _ if !canceled && result.is_retried(retry, state.attempt) => {
                state.attempt += 1;
                state.build = BuildId(self.next_build);
                self.next_build += 1;
                self.pool.run_mut(id).active -= 1;
                self.make_pending(id, node, now + latency, out);
                self.release_resource(group, now, out);
                return true;
            }
            JobResult::Failed(_) | JobResult::FailedListed | JobResult::Canceled if forgiven => {
                Status::Warned
            }
            JobResult::Failed(_) | JobResult::FailedListed => Status::Failed,
            JobResult::Canceled => Status::Canceled,
        };
        self.pool.run_mut(id).active -= 1;
        self.ended.push(node);
        self.settle(template, id, now, out);
        self.release_resource(group, now, out);
        false
    }

    /// Draws the consequences of all jobs that just ended, in the order in which they ended.
    pub(super) fn settle(
        &mut self,
        template: &Template,
        id: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let mut at = 0;
        while at < self.ended.len() {
            let node = self.ended[at];
            at += 1;
            let state = self.pool.node_mut(id, node);
            state.settled = true;
            let (status, stage) = (state.status, state.stage);
            let run = self.pool.run_mut(id);
            run.unfinished -= 1;
            run.total.add(status);
            for needing in template.dependents(node) {
                self.need_ended(template, id, u32::from(*needing), status, now, out);
            }
            let run = self.pool.run_mut(id);
            if stage == run.gate {
                run.gate_left -= 1;
                if run.gate_left == 0 {
                    self.open_next_stages(template, id, now, out);
                }
            }
        }
        self.ended.clear();
        self.conclude(id, out);
    }

    fn need_ended(
        &mut self,
        template: &Template,
        id: PipelineId,
        node: u32,
        status: Status,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let times = (now, now + self.latency);
        let state = self.pool.node_mut(id, node);
        if state.status != Status::Created {
            return;
        }
        // A need that will not run decides at once; others are waited for.
        if matches!(status, Status::Skipped | Status::Manual) {
            self.begin(template, id, node, Before::Skipped, times, out);
            return;
        }
        state.needs.add(status);
        state.unmet -= 1;
        if state.unmet == 0 {
            let before = state.needs.composite();
            self.begin(template, id, node, before, times, out);
        }
    }

    /// Opens stages after the gate until one has jobs to wait for.
    fn open_next_stages(
        &mut self,
        template: &Template,
        id: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        let times = (now, now + self.latency);
        while self.pool.run(id).gate < template.stages() {
            let gate = self.pool.run(id).gate;
            for node in template.stage(gate) {
                let status = self.pool.node(id, u32::from(node)).status;
                self.pool.run_mut(id).before.add(status);
            }
            self.pool.run_mut(id).gate = gate + 1;
            if gate + 1 == template.stages() {
                return;
            }
            let nodes = template.stage(gate + 1);
            let left = nodes.clone().filter(|node| !self.pool.node(id, u32::from(*node)).settled).count();
            self.pool.run_mut(id).gate_left = left as u16;
            let before = self.pool.run(id).before.composite();
            for node in nodes {
                let waits = self.pool.node(id, u32::from(node)).status == Status::Created;
                if waits && !template.nodes[usize::from(node)].has_needs {
                    self.begin(template, id, u32::from(node), before, times, out);
                }
            }
            if left > 0 {
                return;
            }
        }
    }

    /// Everything before a job has ended: it starts, waits for a person or its delay, or is skipped.
    fn begin(
        &mut self,
        template: &Template,
        id: PipelineId,
        node: u32,
        before: Before,
        (now, pending_at): (SimTime, SimTime),
        out: &mut Vec<PipelineStep>,
    ) {
        let written = &template.nodes[node as usize];
        let ordinal = self.pool.run(id).ordinal;
        let state = self.pool.node_mut(id, node);
        if !starts(written.when, before, written.has_needs) {
            state.status = Status::Skipped;
            let (class, build) = (state.spec.class, state.build);
            out.push(PipelineStep::Skipped { ordinal, node, class, build });
            self.ended.push(node);
            self.no_longer_upcoming(id, node, now, out);
            return;
        }
        match written.when {
            When::Manual => {
                state.status = Status::Manual;
                out.push(PipelineStep::Manual { pipeline: id, node });
                if written.allow_failure {
                    self.ended.push(node); // Optional: nothing waits for it.
                }
                self.no_longer_upcoming(id, node, now, out);
            }
            When::Delayed(start_in) => {
                state.status = Status::Scheduled;
                self.pool.run_mut(id).active += 1;
                out.push(PipelineStep::Delayed { pipeline: id, node, until: now + start_in });
            }
            When::OnSuccess | When::OnFailure | When::Always => {
                self.make_pending(id, node, pending_at, out);
                self.no_longer_upcoming(id, node, now, out);
            }
        }
    }

    /// A job that may start is pending, or waits for the resource of its group.
    fn make_pending(&mut self, id: PipelineId, node: u32, at: SimTime, out: &mut Vec<PipelineStep>) {
        let run = self.pool.run_mut(id);
        run.active += 1;
        let order = run.order;
        let state = self.pool.node_mut(id, node);
        let Some(group) = state.group else { return self.enter_queue(id, node, at, out) };
        state.status = Status::Waiting;
        let build = state.build.0;
        self.resources.wait(group, (order, build), Waiting { pipeline: id, node, since: at });
        self.assign_resource(group, at, out);
    }

    fn enter_queue(&mut self, id: PipelineId, node: u32, at: SimTime, out: &mut Vec<PipelineStep>) {
        let state = self.pool.node_mut(id, node);
        state.status = Status::Active;
        state.wait_since = state.wait_since.min(at);
        let (attempt, build, spec) = (state.attempt, state.build, state.spec);
        let wait_since = state.wait_since;
        out.push(PipelineStep::Pending(PendingJob {
            at,
            pipeline: id,
            node,
            attempt,
            build,
            wait_since,
            spec,
        }));
    }

    /// The group's resource goes to the job whose turn it is, from `at` on.
    fn assign_resource(&mut self, group: ResourceGroup, at: SimTime, out: &mut Vec<PipelineStep>) {
        if let Some(next) = self.resources.assign(group) {
            self.enter_queue(next.pipeline, next.node, next.since.max(at), out);
        }
    }

    /// The job that had the group's resource has ended: GitLab assigns it anew in the background.
    fn release_resource(&mut self, group: Option<ResourceGroup>, now: SimTime, out: &mut Vec<PipelineStep>) {
        if let Some(group) = group {
            self.resources.release(group);
            self.assign_resource(group, now + self.latency, out);
        }
    }

    /// A job of a group waits for its resource by now, or will not want it: others need not wait for it.
    fn no_longer_upcoming(&mut self, id: PipelineId, node: u32, now: SimTime, out: &mut Vec<PipelineStep>) {
        if let Some(group) = self.pool.node(id, node).group {
            self.leave_upcoming(group, self.pool.run(id).order, now, out);
        }
    }

    pub(super) fn leave_upcoming(
        &mut self,
        group: ResourceGroup,
        order: u64,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        self.resources.remove_upcoming(group, order);
        self.assign_resource(group, now + self.latency, out);
    }

    /// Makes a job that waits as `waits` says pending.
    pub(super) fn release(
        &mut self,
        id: PipelineId,
        node: u32,
        waits: Status,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        let Some(run) = self.pool.get(id).filter(|_| !is_single(id)) else { return false };
        let gate = run.gate;
        if node >= run.nodes || self.pool.node(id, node).status != waits {
            return false;
        }
        let state = self.pool.node_mut(id, node);
        let (reopened, stage) = (state.settled, state.stage);
        state.settled = false;
        let run = self.pool.run_mut(id);
        if waits == Status::Scheduled {
            run.active -= 1;
        }
        if reopened {
            run.unfinished += 1;
            run.gate_left += u16::from(stage == gate);
        }
        self.make_pending(id, node, now, out);
        if waits == Status::Scheduled {
            self.no_longer_upcoming(id, node, now, out);
        }
        true
    }

    fn conclude(&mut self, id: PipelineId, out: &mut Vec<PipelineStep>) {
        let run = self.pool.run(id);
        if run.unfinished > 0 {
            if run.active == 0 {
                out.push(PipelineStep::Blocked { pipeline: id });
            }
            return;
        }
        let (nodes, ordinal) = (run.nodes, run.ordinal);
        for node in 0..nodes {
            let state = self.pool.node(id, node);
            // An optional manual job that nobody played.
            if state.status == Status::Manual {
                let (class, build) = (state.spec.class, state.build);
                out.push(PipelineStep::Skipped { ordinal, node, class, build });
            }
        }
        let run = self.pool.remove(id);
        let status = match run.total.composite() {
            _ if run.is_unplayed => PipelineStatus::Manual,
            Before::Success => PipelineStatus::Success,
            Before::Failed => PipelineStatus::Failed,
            Before::Canceled => PipelineStatus::Canceled,
            Before::Skipped => PipelineStatus::Skipped,
        };
        let (ordinal, created_at) = (run.ordinal, run.created_at);
        out.push(PipelineStep::Done { pipeline: id, ordinal, status, created_at });
    }
}

//! What the pipelines' progress asks of a loop, applied in one place for the cluster and for fleets without nodes. Holds no rule
//! of GitLab.

use crate::catalog::Arch;
use crate::gitlab::{PendingJob, PipelineId, PipelineStep, Pipelines};
use crate::metrics::{JobOutcome, JobRecord, Recorder, WaitCause, WaitSplit};
use crate::units::SimTime;
use crate::workload::{Arrival, ArrivalKind, Arrivals, ClassId, JobSampler};

/// What a loop lends while its pipelines move on.
pub(super) struct PipelineSide<'a> {
    pub now: SimTime,
    pub arrivals: &'a Arrivals,
    pub sampler: JobSampler,
    pub pipelines: &'a mut Pipelines,
    pub recorder: &'a mut Recorder,
}

/// A loop whose jobs come from pipelines.
pub(super) trait PipelineHost {
    /// Its parts that pipelines need.
    fn side(&mut self) -> PipelineSide<'_>;

    /// A buffer that is empty between calls.
    fn steps(&mut self) -> &mut Vec<PipelineStep>;

    /// A job is pending from `pending.at` on.
    fn create_build(&mut self, pending: &PendingJob);

    /// The wait of a `when: delayed` job ends at `until`.
    fn delay(&mut self, pipeline: PipelineId, node: u32, until: SimTime);

    /// A job that is pending or running was cancelled.
    fn cancel(&mut self, pipeline: PipelineId, node: u32);

    /// Lets `change` move pipelines on and does what they then ask for.
    fn advance_pipelines<R>(
        &mut self,
        change: impl FnOnce(PipelineSide<'_>, &mut Vec<PipelineStep>) -> R,
    ) -> R {
        // What is done for one step may move pipelines on itself: the buffer stays out of its hands.
        let mut steps = std::mem::take(self.steps());
        let result = change(self.side(), &mut steps);
        let mut index = 0;
        while index < steps.len() {
            match steps[index] {
                PipelineStep::Pending(pending) => self.create_build(&pending),
                PipelineStep::Delayed { pipeline, node, until } => self.delay(pipeline, node, until),
                PipelineStep::Cancel { pipeline, node } => self.cancel(pipeline, node),
                other => self.side().note(&other, &mut steps),
            }
            index += 1;
        }
        steps.clear();
        *self.steps() = steps;
        result
    }

    /// A pipeline, or a job alone, arrives now.
    fn start_pipeline(&mut self, arrival: Arrival) {
        self.advance_pipelines(|side, steps| side.start(arrival, steps));
    }
}

impl PipelineSide<'_> {
    fn start(self, arrival: Arrival, steps: &mut Vec<PipelineStep>) {
        let Self { now, arrivals, sampler, pipelines, .. } = self;
        let (ordinal, templates) = (arrival.ordinal, arrivals.templates());
        match arrival.kind {
            ArrivalKind::Job(spec) => {
                let retry = arrivals.classes()[spec.class].retry;
                pipelines.start_single(spec, retry, ordinal, now, steps);
            }
            ArrivalKind::Pipeline(template) => {
                let written = &templates[template];
                let spec = |node| sampler.node(arrivals.classes(), written, ordinal, node);
                let id = pipelines.start(templates, template, ordinal, now, spec, steps);
                if let Some(push) = sampler.push(written, ordinal).filter(|_| pipelines.is_alive(id)) {
                    pipelines.pushed(templates, id, push, now, steps);
                }
            }
            ArrivalKind::Recorded(template, specs) => {
                let spec = |node: u32| specs[node as usize];
                pipelines.start(templates, template, ordinal, now, spec, steps);
            }
        }
    }

    /// Writes the record of a job that never ran, and ends a pipeline that waits for a person.
    fn note(self, step: &PipelineStep, steps: &mut Vec<PipelineStep>) {
        let now = self.now;
        match *step {
            PipelineStep::Skipped { ordinal, node, class, build } => {
                let arch = arch_of(self.arrivals, class);
                let mut record = JobRecord::pending(build.0 as u32, class.raw(), ordinal, arch, now);
                record.pipeline_job = node;
                record.outcome = JobOutcome::Skipped;
                self.recorder.job_ended(&record);
            }
            PipelineStep::Canceled { ordinal, node, class, build, attempt, wait_since } => {
                let wait_since = wait_since.min(now);
                let mut wait = WaitSplit::default();
                wait.add(WaitCause::RetryAfterInterruption, now - wait_since);
                let arch = arch_of(self.arrivals, class);
                self.recorder.job_ended(&JobRecord {
                    pipeline_job: node,
                    attempt: u16::from(attempt),
                    outcome: JobOutcome::Canceled,
                    wait_since,
                    pending_at: SimTime::NEVER,
                    wait,
                    ..JobRecord::pending(build.0 as u32, class.raw(), ordinal, arch, now)
                });
            }
            PipelineStep::Blocked { pipeline } => {
                // Nobody plays manual jobs here.
                self.pipelines.leave_unplayed(self.arrivals.templates(), pipeline, now, steps);
            }
            PipelineStep::Pending(_)
            | PipelineStep::Delayed { .. }
            | PipelineStep::Cancel { .. }
            | PipelineStep::Manual { .. }
            | PipelineStep::Done { .. } => {}
        }
    }
}

/// The architecture that a job which never ran is counted under.
pub(super) fn arch_of(arrivals: &Arrivals, class: ClassId) -> Arch {
    let wanted = arrivals.classes()[class].arch;
    if wanted.allows(Arch::Amd64) { Arch::Amd64 } else { Arch::Arm64 }
}

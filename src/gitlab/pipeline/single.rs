//! Pipelines of one job, as a trace's row and a single synthetic job are: all there is to know fits into one record.

use crate::engine::{Id, Slab};
use crate::units::SimTime;
use crate::workload::{JobSpec, Retry};

use super::{BuildId, JobResult, PendingJob, PipelineId, PipelineStatus, PipelineStep, Pipelines};

/// Marks the ids of single jobs among those of pipelines.
const MARK: u32 = 1 << 31;

/// The one job of a running pipeline; it is pending or running.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single {
    pub(super) spec: JobSpec,
    pub(super) ordinal: u64,
    created_at: SimTime,
    build: BuildId,
    retry: Retry,
    attempt: u8,
    pub(super) canceled: bool,
    /// When its first attempt was pending.
    wait_since: SimTime,
    /// The caller's key of it.
    pub(super) key: u32,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Singles(Slab<Single>);

impl Singles {
    /// The pipeline `id`, if it is one of these.
    pub(super) fn get(&self, id: PipelineId) -> Option<&Single> {
        if id.raw() & MARK == 0 { None } else { self.0.get(Id::new(id.raw() & !MARK)) }
    }

    pub(super) fn get_mut(&mut self, id: PipelineId) -> Option<&mut Single> {
        if id.raw() & MARK == 0 { None } else { self.0.get_mut(Id::new(id.raw() & !MARK)) }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.bound()
    }
}

impl Single {
    fn pending(&self, at: SimTime, pipeline: PipelineId) -> PipelineStep {
        let (attempt, build, wait_since, spec) = (self.attempt, self.build, self.wait_since, self.spec);
        PipelineStep::Pending(PendingJob { at, pipeline, node: 0, attempt, build, wait_since, spec })
    }
}

/// Whether the id is of a pipeline of one job.
pub(super) fn is_single(id: PipelineId) -> bool {
    id.raw() & MARK != 0
}

impl Pipelines {
    /// Creates a pipeline of one job, as a trace's row is: it is pending at once.
    ///
    /// # Panics
    /// Beyond 2^31 at once.
    pub fn start_single(
        &mut self,
        spec: JobSpec,
        retry: Retry,
        ordinal: u64,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> PipelineId {
        let build = BuildId(self.next_build);
        self.next_build += 1;
        let single = Single {
            spec,
            ordinal,
            created_at: now,
            build,
            retry,
            attempt: 0,
            canceled: false,
            wait_since: now,
            key: u32::MAX,
        };
        let index = self.singles.0.insert(single).raw();
        assert!(index < MARK, "fewer than 2^31 single jobs are in flight");
        let id = Id::new(index | MARK);
        out.push(single.pending(now, id));
        id
    }

    /// The job ended: it is tried again, or its pipeline is done.
    pub(super) fn end_single(
        &mut self,
        id: PipelineId,
        result: JobResult,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        let place = Id::new(id.raw() & !MARK);
        let single = self.singles.0.get_mut(place).expect("only a running pipeline changes");
        let status = match result {
            JobResult::Success => PipelineStatus::Success,
            _ if !single.canceled && result.is_retried(single.retry, single.attempt) => {
                single.attempt += 1;
                single.build = BuildId(self.next_build);
                self.next_build += 1;
                out.push(single.pending(now + self.latency, id));
                return true;
            }
            JobResult::Failed(_) | JobResult::FailedListed => PipelineStatus::Failed,
            JobResult::Canceled => PipelineStatus::Canceled,
        };
        let Single { ordinal, created_at, .. } = self.singles.0.remove(place);
        out.push(PipelineStep::Done { pipeline: id, ordinal, status, created_at });
        false
    }

    /// Nothing is retried any more; the job is reported.
    pub(super) fn cancel_single(&mut self, id: PipelineId, out: &mut Vec<PipelineStep>) {
        let single = self.singles.0.get_mut(Id::new(id.raw() & !MARK));
        single.expect("only a running pipeline changes").canceled = true;
        out.push(PipelineStep::Cancel { pipeline: id, node: 0 });
    }
}

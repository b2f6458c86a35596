//! Progress of running pipelines: which jobs become pending when others end, and which are retried or skipped.
//! Plain state; it neither queues jobs nor knows runners.

use crate::engine::{Arena, Id};
use crate::units::{SimDuration, SimTime};
use crate::workload::{ClassId, FailureReason, JobSpec, Retry, Template, TemplateId};

mod blocked;
mod progress;
mod redundant;
mod resources;
mod single;
mod state;

use redundant::Refs;
use resources::Resources;
use single::{Singles, is_single};
use state::{Pool, Run};

/// Marks ids of running pipelines.
#[derive(Debug)]
pub struct Pipeline;

/// A running pipeline. Ids are used again after [`PipelineStep::Done`].
pub type PipelineId = Id<Pipeline>;

/// GitLab's id of one job (build): counts up in the order of creation, which is the order of the queue. All jobs of a
/// pipeline get theirs when the pipeline is created; a retry is a new job with a new, higher id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(pub u64);

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobResult {
    /// Exit code zero.
    Success,
    /// It failed; GitLab may retry it.
    Failed(FailureReason),
    /// Its script failed with an exit code that its `retry:exit_codes` lists.
    FailedListed,
    /// Somebody or a newer pipeline cancelled it.
    Canceled,
}

impl JobResult {
    /// Whether `retry` tries such a job again after so many retries.
    fn is_retried(self, retry: Retry, retries: u8) -> bool {
        match self {
            Self::Success | Self::Canceled => false,
            Self::Failed(reason) => retry.allows(reason, retries),
            Self::FailedListed => retry.allows_exit_code(retries),
        }
    }
}

/// How a pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStatus {
    /// Every job succeeded, was skipped, or was forgiven its failure.
    Success,
    /// A job failed.
    Failed,
    /// A job was cancelled and none failed.
    Canceled,
    /// No job ran.
    Skipped,
    /// It waited for a manual job that nobody played (GitLab shows it as blocked).
    Manual,
}

/// A job that can be picked by a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingJob {
    /// From when it can be picked (GitLab's `queued_at`): now plus the pipeline processing latency.
    pub at: SimTime,
    /// Its pipeline.
    pub pipeline: PipelineId,
    /// Its node in the template (0 for a single job).
    pub node: u32,
    /// 0 for the first try, then 1, 2.
    pub attempt: u8,
    /// GitLab's id.
    pub build: BuildId,
    /// From when on the job's wait counts: when its first attempt was pending.
    pub wait_since: SimTime,
    /// What it is.
    pub spec: JobSpec,
}

/// What follows from a pipeline's start or from a job's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStep {
    /// A job became pending; `attempt` > 0 is a retry.
    Pending(PendingJob),
    /// A `when: delayed` job starts its wait: call [`Pipelines::delay_over`] at `until`.
    Delayed {
        /// Its pipeline.
        pipeline: PipelineId,
        /// Its node.
        node: u32,
        /// When to call.
        until: SimTime,
    },
    /// A `when: manual` job can be played: [`Pipelines::play`].
    Manual {
        /// Its pipeline.
        pipeline: PipelineId,
        /// Its node.
        node: u32,
    },
    /// A job will never run: what it needs failed, or nobody played it or a manual job before it.
    Skipped {
        /// Number of its pipeline, as it arrived: the pipeline itself may be gone already.
        ordinal: u64,
        /// Its node.
        node: u32,
        /// Its class.
        class: ClassId,
        /// Its id.
        build: BuildId,
    },
    /// This job was cancelled while it was pending or running: stop it, then report its end.
    Cancel {
        /// Its pipeline.
        pipeline: PipelineId,
        /// Its node.
        node: u32,
    },
    /// A job was cancelled before it was pending: it is over.
    Canceled {
        /// Number of its pipeline, as it arrived: the pipeline itself may be gone already.
        ordinal: u64,
        /// Its node.
        node: u32,
        /// Its class.
        class: ClassId,
        /// Its id.
        build: BuildId,
        /// 0 for the first try.
        attempt: u8,
        /// From when on its wait counts, [`SimTime::NEVER`] where it never began.
        wait_since: SimTime,
    },
    /// Nothing runs and a manual job that may not be left out waits: without [`Pipelines::play`],
    /// [`Pipelines::leave_unplayed`] or [`Pipelines::cancel`] the pipeline stays so.
    Blocked {
        /// The pipeline.
        pipeline: PipelineId,
    },
    /// Every job ended. The pipeline's id is free from now on.
    Done {
        /// The pipeline.
        pipeline: PipelineId,
        /// Its number, as it arrived.
        ordinal: u64,
        /// How.
        status: PipelineStatus,
        /// When it was created.
        created_at: SimTime,
    },
}

/// All running pipelines. Memory follows the jobs in flight; nothing is allocated per pipeline once sizes repeat.
#[derive(Clone, Debug, Default)]
pub struct Pipelines {
    /// From a job's end to its successors being pending (GitLab processes pipelines in the background).
    latency: SimDuration,
    next_build: u64,
    pool: Pool,
    singles: Singles,
    resources: Resources,
    refs: Refs,
    /// Nodes that just ended and whose consequences are not drawn yet; empty between calls.
    ended: Vec<u32>,
}

impl Pipelines {
    /// No pipelines; successors become pending `latency` after what they wait for ended.
    #[must_use]
    pub fn new(latency: SimDuration) -> Self {
        Self { latency, ..Self::default() }
    }

    /// Creates the pipeline numbered `ordinal` from `template`; `spec_of` says what each node is. Jobs without
    /// anything before them are pending at once.
    pub fn start(
        &mut self,
        templates: &Arena<Template>,
        template: TemplateId,
        ordinal: u64,
        now: SimTime,
        mut spec_of: impl FnMut(u32) -> JobSpec,
        out: &mut Vec<PipelineStep>,
    ) -> PipelineId {
        let nodes = &templates[template].nodes;
        let first_build = self.next_build;
        let run = Run::new(template, ordinal, now, first_build, nodes.len() as u32);
        self.next_build += nodes.len() as u64;
        let id = self.pool.insert(run, |node| (spec_of(node), &nodes[node as usize]));
        for group in nodes.iter().filter_map(|node| node.resource_group) {
            self.resources.add_upcoming(group, first_build);
        }
        self.open(&templates[template], id, now, out);
        id
    }

    /// A pending or running job ended: a retry, newly pending or skipped jobs and the pipeline's end follow. Returns
    /// whether it is tried again.
    ///
    /// # Panics
    /// Where the job is neither pending nor running.
    pub fn job_ended(
        &mut self,
        templates: &Arena<Template>,
        job: (PipelineId, u32),
        result: JobResult,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        let (pipeline, node) = job;
        if is_single(pipeline) {
            return self.end_single(pipeline, result, now, out);
        }
        let template = &templates[self.pool.run(pipeline).template];
        self.end(template, pipeline, node, result, now, out)
    }

    /// Somebody plays a manual job; without effect (false) unless it waits for that.
    pub fn play(
        &mut self,
        pipeline: PipelineId,
        node: u32,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        self.release(pipeline, node, state::Status::Manual, now, out)
    }

    /// The wait of a delayed job is over; without effect (false) where it was cancelled meanwhile.
    pub fn delay_over(
        &mut self,
        pipeline: PipelineId,
        node: u32,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) -> bool {
        self.release(pipeline, node, state::Status::Scheduled, now, out)
    }

    /// Cancels a pipeline: what has not started ends at once, pending and running jobs are reported as
    /// [`PipelineStep::Cancel`] and end when the caller says so. Nothing is retried any more.
    pub fn cancel(
        &mut self,
        templates: &Arena<Template>,
        pipeline: PipelineId,
        now: SimTime,
        out: &mut Vec<PipelineStep>,
    ) {
        if is_single(pipeline) {
            return self.cancel_single(pipeline, out);
        }
        let template = &templates[self.pool.run(pipeline).template];
        self.pool.run_mut(pipeline).canceled = true;
        self.stop(pipeline, now, out, |_| true);
        self.settle(template, pipeline, now, out);
    }

    /// How many pipelines run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pool.len() + self.singles.len()
    }

    /// Whether none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many job nodes were ever held at once: memory is proportional to it.
    #[must_use]
    pub fn node_capacity(&self) -> usize {
        self.pool.node_capacity() + self.singles.capacity()
    }

    /// The specification of a job of a running pipeline.
    #[must_use]
    pub fn spec(&self, pipeline: PipelineId, node: u32) -> &JobSpec {
        match self.singles.get(pipeline) {
            Some(single) => &single.spec,
            None => &self.pool.node(pipeline, node).spec,
        }
    }

    /// Whether the pipeline runs.
    #[must_use]
    pub fn is_alive(&self, pipeline: PipelineId) -> bool {
        if is_single(pipeline) {
            self.singles.get(pipeline).is_some()
        } else {
            self.pool.get(pipeline).is_some_and(|run| run.unfinished > 0)
        }
    }

    /// From which template a running pipeline was made; none for a single job.
    #[must_use]
    pub fn template(&self, pipeline: PipelineId) -> Option<TemplateId> {
        (!is_single(pipeline)).then(|| self.pool.run(pipeline).template)
    }

    /// The number of a running pipeline, as it arrived.
    #[must_use]
    pub fn ordinal(&self, pipeline: PipelineId) -> u64 {
        self.singles.get(pipeline).map_or_else(|| self.pool.run(pipeline).ordinal, |single| single.ordinal)
    }
}

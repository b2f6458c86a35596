//! The memory of running pipelines: one run each, and blocks of job nodes that are used again by size.

use crate::engine::{Id, Slab};
use crate::units::SimTime;
use crate::workload::{JobSpec, ResourceGroup, TemplateId, TemplateNode};

use super::{BuildId, PipelineId};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Waits for what is before it.
    Created,
    /// Waits to be played.
    Manual,
    /// Waits for its delay.
    Scheduled,
    /// Waits for the resource of its group.
    Waiting,
    /// Pending or running.
    Active,
    Success,
    /// Failed or cancelled, and forgiven.
    Warned,
    Failed,
    Canceled,
    Skipped,
}

/// Which ends were seen among some jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) failed: bool,
    pub(super) canceled: bool,
    pub(super) ran: bool,
    pub(super) skipped: bool,
}

impl Tally {
    pub(super) fn add(&mut self, status: Status) {
        match status {
            Status::Success | Status::Warned => self.ran = true,
            Status::Failed => self.failed = true,
            Status::Canceled => self.canceled = true,
            Status::Skipped | Status::Manual => self.skipped = true,
            Status::Created | Status::Scheduled | Status::Waiting | Status::Active => {
                unreachable!("only ended jobs are counted")
            }
        }
    }
}

/// One job of a running pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) spec: JobSpec,
    pub(super) build: BuildId,
    /// Needs that have not ended.
    pub(super) unmet: u16,
    pub(super) stage: u16,
    pub(super) attempt: u8,
    pub(super) status: Status,
    /// How the needs ended.
    pub(super) needs: Tally,
    /// Whether the consequences of its end were drawn.
    pub(super) settled: bool,
    /// Whether it was cancelled while it was pending or running.
    pub(super) is_canceling: bool,
    /// The caller's key of it while it is pending or running.
    pub(super) key: u32,
    pub(super) group: Option<ResourceGroup>,
    /// When its first attempt was pending.
    pub(super) wait_since: SimTime,
}

/// One running pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) template: TemplateId,
    pub(super) ordinal: u64,
    pub(super) created_at: SimTime,
    /// Build id of its first job: the order of creation among pipelines.
    pub(super) order: u64,
    pub(super) nodes: u32,
    first: u32,
    /// Jobs that are not settled.
    pub(super) unfinished: u32,
    /// Jobs that are pending, running or delayed, or wait for their resource.
    pub(super) active: u32,
    /// The stage that is open; later stages wait for it.
    pub(super) gate: u16,
    /// Unsettled jobs of that stage.
    pub(super) gate_left: u16,
    pub(super) canceled: bool,
    /// Whether nobody will play the manual jobs that it waits for.
    pub(super) is_unplayed: bool,
    /// Whether its ref is protected.
    pub(super) is_protected: bool,
    /// Whether a job that is not `interruptible` was taken by a runner.
    pub(super) has_started_uninterruptible: bool,
    /// Ends of all stages before the open one.
    pub(super) before: Tally,
    /// Ends of all jobs.
    pub(super) total: Tally,
}

impl Run {
    pub(super) fn new(
        template: TemplateId,
        ordinal: u64,
        created_at: SimTime,
        order: u64,
        nodes: u32,
    ) -> Self {
        Self {
            template,
            ordinal,
            created_at,
            order,
            nodes,
            first: 0,
            unfinished: nodes,
            active: 0,
            gate: 0,
            gate_left: 0,
            canceled: false,
            is_unplayed: false,
            is_protected: false,
            has_started_uninterruptible: false,
            before: Tally::default(),
            total: Tally::default(),
        }
    }
}

/// Runs and their nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    runs: Slab<Run>,
    nodes: Vec<Node>,
    /// First nodes of free blocks, by block size.
    free: Vec<Vec<u32>>,
}

impl Pool {
    /// Puts `run` in; node `n` gets the id `order + n` and is what `node_of(n)` says.
    pub(super) fn insert<'a>(
        &mut self,
        mut run: Run,
        mut node_of: impl FnMut(u32) -> (JobSpec, &'a TemplateNode),
    ) -> PipelineId {
        let size = run.nodes as usize;
        if self.free.len() <= size {
            self.free.resize_with(size + 1, Vec::new);
        }
        let reused = self.free[size].pop();
        run.first = reused.unwrap_or(self.nodes.len() as u32);
        for index in 0..run.nodes {
            let (spec, written) = node_of(index);
            let node = Node {
                spec,
                build: BuildId(run.order + u64::from(index)),
                unmet: written.needs,
                stage: written.stage,
                attempt: 0,
                status: Status::Created,
                needs: Tally::default(),
                settled: false,
                is_canceling: false,
                key: u32::MAX,
                group: written.resource_group,
                wait_since: SimTime::NEVER,
            };
            if reused.is_some() {
                self.nodes[(run.first + index) as usize] = node;
            } else {
                self.nodes.push(node);
            }
        }
        Id::new(self.runs.insert(run).raw())
    }

    pub(super) fn remove(&mut self, id: PipelineId) -> Run {
        let run = self.runs.remove(Id::new(id.raw()));
        self.free[run.nodes as usize].push(run.first);
        run
    }

    pub(super) fn get(&self, id: PipelineId) -> Option<&Run> {
        self.runs.get(Id::new(id.raw()))
    }

    pub(super) fn run(&self, id: PipelineId) -> &Run {
        self.get(id).expect("only a running pipeline is asked")
    }

    pub(super) fn run_mut(&mut self, id: PipelineId) -> &mut Run {
        self.runs.get_mut(Id::new(id.raw())).expect("only a running pipeline changes")
    }

    pub(super) fn node(&self, id: PipelineId, node: u32) -> &Node {
        let run = self.run(id);
        assert!(node < run.nodes, "a node belongs to its pipeline");
        &self.nodes[(run.first + node) as usize]
    }

    pub(super) fn node_mut(&mut self, id: PipelineId, node: u32) -> &mut Node {
        let run = self.run(id);
        assert!(node < run.nodes, "a node belongs to its pipeline");
        let index = run.first + node;
        &mut self.nodes[index as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn node_capacity(&self) -> usize {
        self.nodes.len()
    }
}

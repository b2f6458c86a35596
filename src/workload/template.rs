//! Pipelines as they are written (stages, `needs`, `parallel`, matrix) and as they run: a graph of jobs, made once.

use crate::engine::Id;
use crate::units::{Ppm, SimDuration};

use super::{ClassId, ClassOverride, JobNumber, Retry};

/// Which pipeline template: an index into the table of templates.
pub type TemplateId = Id<Template>;

/// GitLab's `when`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum When {
    /// After everything before it went well.
    #[default]
    OnSuccess,
    /// After something before it failed.
    OnFailure,
    /// Whatever happened before it.
    Always,
    /// When somebody plays it.
    Manual,
    /// This long after it could have started (`start_in`).
    Delayed(SimDuration),
}

/// `process_mode` of a resource group (gitlab `app/models/ci/resource_group.rb`, 18.x).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ProcessMode {
    /// Whichever job waits; here the one that has waited longest, where GitLab's database decides.
    #[default]
    Unordered,
    /// The oldest pipeline first: its jobs are waited for even where they cannot start yet.
    OldestFirst,
    /// The newest pipeline first, likewise.
    NewestFirst,
    /// The newest pipeline among those whose job waits already.
    NewestReadyFirst,
}

/// A `resource_group`: at most one of its jobs is pending or running at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResourceGroup {
    /// Which: a dense number of project and name.
    pub id: u32,
    /// Who gets the resource next.
    pub mode: ProcessMode,
}

/// `workflow:auto_cancel:on_new_commit`: what a newer push to the same ref does to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnNewCommit {
    /// It is cancelled, unless a job without `interruptible` has started.
    #[default]
    Conservative,
    /// Its `interruptible` jobs are cancelled.
    Interruptible,
    /// Nothing.
    None,
}

/// Which branches the pipelines of a template are pushed to. Every push is to one of `branches` branches of equal
/// likelihood, or to the default branch, which is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PushedRefs {
    /// How many branches are pushed to at a time; 0: every push is to a branch of its own.
    pub branches: u32,
    /// Share of pushes to the default branch.
    pub default_branch: Ppm,
}

/// One entry of `needs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Name of the needed job as written; all its parallel copies are needed.
    pub job: String,
    /// `optional: true`: the job may be missing.
    pub optional: bool,
    /// `parallel: matrix` of the need: only copies having these axis values; empty = all.
    pub matrix: Vec<(String, String)>,
}

/// `parallel`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Parallel {
    /// One job.
    #[default]
    One,
    /// `parallel: n`, 1 to 200 copies called `job i/n`.
    Copies(u16),
    /// `parallel: matrix`: the product of the axes of each entry, entries after each other; copies are called
    /// `job: [a, b]`.
    Matrix(Vec<Vec<MatrixAxis>>),
}

/// One variable of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixAxis {
    /// Variable name, such as `ARCH`.
    pub key: String,
    /// Its values.
    pub values: Vec<MatrixValue>,
}

/// One value of a matrix variable and what it changes about the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixValue {
    /// The value, such as `arm64`.
    pub value: String,
    /// What it changes.
    pub sets: ClassOverride,
}

/// A job of a pipeline as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDraft {
    /// Name, unique in the pipeline.
    pub name: String,
    /// Name of its stage.
    pub stage: String,
    /// Class of its jobs.
    pub class: ClassId,
    /// `needs`: `None` waits for all earlier stages, an empty list starts with the pipeline.
    pub needs: Option<Vec<Need>>,
    /// `parallel`.
    pub parallel: Parallel,
    /// `when`.
    pub when: When,
    /// `allow_failure`; `None`: as the class says, and true for manual jobs (GitLab's default).
    pub allow_failure: Option<bool>,
    /// `retry`; `None`: as the class says.
    pub retry: Option<Retry>,
    /// `interruptible`.
    pub interruptible: bool,
    /// `resource_group`.
    pub resource_group: Option<ResourceGroup>,
}

impl JobDraft {
    /// A plain job: waits for earlier stages, one copy, on success.
    #[must_use]
    pub fn new(name: &str, stage: &str, class: ClassId) -> Self {
        Self {
            name: name.to_owned(),
            stage: stage.to_owned(),
            class,
            needs: None,
            parallel: Parallel::One,
            when: When::OnSuccess,
            allow_failure: None,
            retry: None,
            interruptible: false,
            resource_group: None,
        }
    }
}

/// A pipeline as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateDraft {
    /// Name, unique in a scenario.
    pub name: String,
    /// `stages` in order; may be empty only if every job has `needs`.
    pub stages: Vec<String>,
    /// Its jobs in the order written.
    pub jobs: Vec<JobDraft>,
}

/// A pipeline as it runs. Nodes stand in stage order and, within a stage, as written; GitLab numbers jobs so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Name.
    pub name: String,
    /// The jobs.
    pub nodes: Vec<TemplateNode>,
    /// `workflow:auto_cancel:on_new_commit`.
    pub on_new_commit: OnNewCommit,
    /// The branches it is pushed to.
    pub refs: PushedRefs,
    /// First node of each stage, and at the end the number of nodes.
    pub stage_starts: Vec<u16>,
    /// Nodes that name a node in their `needs`, for all nodes after each other; see [`Template::dependents`].
    pub(super) dependents: Vec<u16>,
}

/// One job of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateNode {
    /// Its class.
    pub class: ClassId,
    /// Name including its copy: `rspec 3/8`, `build: [arm64, debug]`.
    pub name: String,
    /// Index of its stage.
    pub stage: u16,
    /// `when`.
    pub when: When,
    /// Whether its failure is forgiven.
    pub allow_failure: bool,
    /// `retry`.
    pub retry: Retry,
    /// `interruptible`.
    pub interruptible: bool,
    /// `resource_group`.
    pub resource_group: Option<ResourceGroup>,
    /// Whether it has `needs`; without, it waits for all earlier stages.
    pub has_needs: bool,
    /// How many nodes it needs.
    pub needs: u16,
    /// Its part of [`Template::dependents`].
    pub(super) dependents: (u32, u32),
}

impl Template {
    /// The nodes that need `node`, in node order.
    #[must_use]
    pub fn dependents(&self, node: u32) -> &[u16] {
        let (from, to) = self.nodes[node as usize].dependents;
        &self.dependents[from as usize..to as usize]
    }

    /// The nodes of `stage`.
    #[must_use]
    pub fn stage(&self, stage: u16) -> std::ops::Range<u16> {
        self.stage_starts[usize::from(stage)]..self.stage_starts[usize::from(stage) + 1]
    }

    /// How many stages there are.
    #[must_use]
    pub fn stages(&self) -> u16 {
        (self.stage_starts.len() - 1) as u16
    }
}

/// Why a pipeline cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Two jobs of one name.
    #[error("job `{0}` is written twice")]
    DuplicateJob(String),
    /// `stage` names nothing.
    #[error("job `{job}` is in stage `{stage}`, which `stages` does not list")]
    UnknownStage {
        /// The job.
        job: String,
        /// The stage it names.
        stage: String,
    },
    /// `needs` names nothing.
    #[error("job `{job}` needs `{need}`, which does not exist; mark it `optional` if it may be missing")]
    UnknownNeed {
        /// The job.
        job: String,
        /// What it needs.
        need: String,
    },
    /// A job of a later stage is needed.
    #[error("job `{job}` needs `{need}`, which is in a later stage")]
    NeedInLaterStage {
        /// The job.
        job: String,
        /// What it needs.
        need: String,
    },
    /// Jobs that wait for each other.
    #[error("the needs of job `{0}` form a circle")]
    Circle(String),
    /// More `needs` than GitLab takes.
    #[error("job `{job}` has {count} needs; GitLab takes at most {max}", max = Template::MAX_NEEDS)]
    TooManyNeeds {
        /// The job.
        job: String,
        /// How many it has.
        count: usize,
    },
    /// `parallel` out of range.
    #[error("job `{job}` has {count} parallel copies; GitLab takes 1 to {max}", max = Template::MAX_COPIES)]
    Copies {
        /// The job.
        job: String,
        /// How many.
        count: usize,
    },
    /// No job at all.
    #[error("a pipeline needs at least one job")]
    Empty,
    /// More than can be numbered.
    #[error("a pipeline has at most {max} jobs, not {0}", max = JobNumber::MAX_NODES)]
    TooManyJobs(usize),
}

impl Template {
    /// Most `needs` of a job (gitlab `ci_needs_size_limit`, default 50).
    pub const MAX_NEEDS: usize = 50;
    /// Most copies of a job (`parallel` 1 to 200; a matrix has at most 200 permutations).
    pub const MAX_COPIES: usize = 200;
}

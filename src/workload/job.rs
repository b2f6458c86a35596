//! One job as it arrives, compact enough to be copied about, and the draws that belong to it alone.

use crate::engine::{Arena, Purpose, Streams};
use crate::units::{Ppm, Resources, SimDuration, SimTime};

use super::{Class, ClassId, PushedRefs, Template, TemplateId};

const WORK: Purpose = Purpose::named("job work");
const FAILURE: Purpose = Purpose::named("job failure");
const EXIT_CODE: Purpose = Purpose::named("exit code");
const REF: Purpose = Purpose::named("pushed ref");
const LOSS: Purpose = Purpose::named("lost job");
const UNKNOWN_WAIT: u32 = u32::MAX;

/// What the fleet must know of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// Its class; everything that is equal for many jobs is there.
    pub class: ClassId,
    observed_wait_ms: u32,
    /// How long it runs on the reference CPU (m5 = 1) with its own request, or as long as was observed.
    pub work: SimDuration,
    /// Kubernetes requests: of the trace's row where it gives them, else of the class.
    pub requests: Resources,
}

impl JobSpec {
    /// A job of `class` with `work` and `requests`, its real wait unknown.
    #[must_use]
    pub const fn new(class: ClassId, work: SimDuration, requests: Resources) -> Self {
        Self { class, observed_wait_ms: UNKNOWN_WAIT, work, requests }
    }

    /// The same job, which really waited `wait` (trace column `observed_wait_s`; at most 49 days are kept).
    #[must_use]
    pub fn with_observed_wait(self, wait: SimDuration) -> Self {
        let observed_wait_ms = u32::try_from(wait.as_ms()).unwrap_or(UNKNOWN_WAIT).min(UNKNOWN_WAIT - 1);
        Self { observed_wait_ms, ..self }
    }

    /// How long it really waited, where the trace says so: for calibration.
    #[must_use]
    pub fn observed_wait(&self) -> Option<SimDuration> {
        (self.observed_wait_ms != UNKNOWN_WAIT)
            .then(|| SimDuration::from_ms(u64::from(self.observed_wait_ms)))
    }
}

/// Something that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: SimTime,
    /// The number of the pipeline: the source in the upper bits (counted by kind: class, pipeline, trace), counted within
    /// it below. Unique in a run, and the same in every fleet.
    pub ordinal: u64,
    /// What.
    pub kind: ArrivalKind,
}

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrivalKind {
    /// A single job: a pipeline of one.
    Job(JobSpec),
    /// A pipeline; its jobs are drawn by [`JobSampler::job`].
    Pipeline(TemplateId),
    /// A recorded pipeline replayed by its stages: the template gives the order, one specification per node the rest.
    Recorded(TemplateId, Box<[JobSpec]>),
}

/// The push that started a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push {
    /// The branch, a number of its template's own; `None` is one that nobody else pushes to.
    pub branch: Option<u32>,
    /// Whether the branch is protected.
    pub is_protected: bool,
}

/// Which job: pipeline and node. The key of its own draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobNumber(u64);

impl JobNumber {
    /// Most nodes of a pipeline (12 bits).
    pub const MAX_NODES: usize = 1 << 12;

    /// The job at `node` of the pipeline numbered `ordinal`.
    #[must_use]
    pub const fn new(ordinal: u64, node: u32) -> Self {
        Self((ordinal << 12) + node as u64)
    }

    /// As one number, for draws in other rooms.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The draws that belong to one job: the same in every fleet, whatever else happens.
#[derive(Clone, Copy, Debug)]
pub struct JobSampler {
    streams: Streams,
}

impl JobSampler {
    /// The draws of one replication.
    #[must_use]
    pub const fn new(streams: Streams) -> Self {
        Self { streams }
    }

    /// A job of `class`: its work drawn, its requests as the class says. A retry has the same work as the first try.
    #[must_use]
    pub fn job(&self, classes: &Arena<Class>, class: ClassId, number: JobNumber) -> JobSpec {
        let data = &classes[class];
        let work = data.duration.sample(&mut self.streams.entity(WORK, number.0));
        JobSpec::new(class, work, data.requests)
    }

    /// The job at `node` of the pipeline numbered `ordinal` made from `template`.
    #[must_use]
    pub fn node(&self, classes: &Arena<Class>, template: &Template, ordinal: u64, node: u32) -> JobSpec {
        self.job(classes, template.nodes[node as usize].class, JobNumber::new(ordinal, node))
    }

    /// Where the pipeline numbered `ordinal` is pushed to, where its template says anything about that.
    #[must_use]
    pub fn push(&self, template: &Template, ordinal: u64) -> Option<Push> {
        let PushedRefs { branches, default_branch } = template.refs;
        if branches == 0 && default_branch == Ppm::ZERO {
            return None;
        }
        let word = rand::Rng::next_u64(&mut self.streams.entity(REF, ordinal));
        if share(word >> 32) < default_branch.0 {
            return Some(Push { branch: Some(0), is_protected: true });
        }
        let branch = (branches > 0).then(|| 1 + (((word & 0xffff_ffff) * u64::from(branches)) >> 32) as u32);
        Some(Push { branch, is_protected: false })
    }

    /// Whether the script of attempt `attempt` (0 = first) fails by itself, and after which share of its work.
    #[must_use]
    pub fn script_failure(&self, probability: Ppm, number: JobNumber, attempt: u8) -> Option<Ppm> {
        if probability == Ppm::ZERO {
            return None;
        }
        let word = self.word_of_attempt(FAILURE, number, attempt);
        (share(word >> 32) < probability.0).then(|| Ppm(share(word & 0xffff_ffff)))
    }

    /// Whether the failing script of that attempt ends with an exit code that `retry:exit_codes` lists; `listed` is the
    /// share of failures that do ([`Class::listed_exit_codes`]).
    #[must_use]
    pub fn has_listed_exit_code(&self, listed: Ppm, number: JobNumber, attempt: u8) -> bool {
        listed > Ppm::ZERO && share(self.word_of_attempt(EXIT_CODE, number, attempt) >> 32) < listed.0
    }

    /// Whether GitLab sees the loss of that attempt's node as a system failure; `as_system` is the share of losses for
    /// which it does ([`Class::loss_reported_as_system_failure`]).
    #[must_use]
    pub fn is_lost_as_system_failure(&self, as_system: Ppm, number: JobNumber, attempt: u8) -> bool {
        as_system >= Ppm::ONE || share(self.word_of_attempt(LOSS, number, attempt) >> 32) < as_system.0
    }

    fn word_of_attempt(&self, purpose: Purpose, number: JobNumber, attempt: u8) -> u64 {
        let mut rng = self.streams.entity(purpose, number.0);
        let mut word = 0;
        for _ in 0..=attempt {
            word = rand::Rng::next_u64(&mut rng);
        }
        word
    }
}

/// 32 random bits as parts per million.
const fn share(bits: u64) -> u32 {
    ((bits * 1_000_000) >> 32) as u32
}

//! On what jobs run in fleets without nodes: what a job holds of it, how fast it runs there, and what that costs. No queue.

use crate::catalog::Arch;
use crate::metrics::{CostKind, Machine, Recorder, UsedFor};
use crate::units::{Resources, SimTime};
use crate::workload::{Class, JobNumber, JobSpec};

use super::first_come::Build;

/// A job that starts now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Starting<'a> {
    pub now: SimTime,
    pub spec: JobSpec,
    pub class: &'a Class,
    pub number: JobNumber,
}

/// How a job starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started<H> {
    pub held: H,
    /// Never where nothing can hold the job: it ends by its time-out.
    pub script_at: SimTime,
    /// How long the whole script takes here.
    pub whole_ms: u64,
}

/// On what jobs run.
pub(super) trait Supply {
    /// What a build holds of it.
    type Held: Copy;

    /// What a pending job is known to want.
    fn wanted(&self, requests: Resources) -> Self::Held;

    /// Whether a job that wants this may start now.
    fn may_start(&self, wanted: Self::Held) -> bool;

    /// A job that may start does.
    fn start(&mut self, job: &Starting<'_>, wanted: Self::Held) -> Started<Self::Held>;

    /// The architecture of what is held, where that says it.
    fn arch(&self, held: Self::Held) -> Option<Arch>;

    /// Counts what `build` holds in (`step` 1) or out (-1), beside the running job itself.
    fn level(&mut self, recorder: &mut Recorder, now: SimTime, build: &Build<Self::Held>, step: i64);

    /// What a build that ends, or is looked at, at `until` costs by itself, and on what it ran.
    fn paid_for(&self, build: &Build<Self::Held>, until: SimTime) -> Option<(CostKind, Machine, UsedFor)>;

    /// The millicore-milliseconds that it requested until then, after the warm-up.
    fn requested(&self, build: &Build<Self::Held>, until: SimTime) -> u64;

    /// What all costs that runs until `end`, whoever used it.
    fn paid_for_all(&mut self, end: SimTime) -> Option<(CostKind, UsedFor)>;

    /// Time goes on until `at`.
    fn pass(&mut self, at: SimTime);
}

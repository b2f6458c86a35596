//! What all jobs of one class have in common: a plain table that the scenario fills and every room reads.

use crate::catalog::Arch;
use crate::engine::{Arena, Id};
use crate::units::{Mebibytes, Millicores, Ppm, Resources, SimDuration};

use super::{Distribution, Retry};

/// Which class a job belongs to: an index into the table of classes.
pub type ClassId = Id<Class>;

/// Which container image a job runs in; images are cached per node. Numbered by the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u32);

/// On which CPU architectures a job may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ArchChoice {
    /// Only `amd64`.
    Amd64,
    /// Only `arm64`.
    Arm64,
    /// Both: multi-architecture image, no selector.
    #[default]
    Either,
}

impl ArchChoice {
    /// Whether a node of `arch` may run it.
    #[must_use]
    pub const fn allows(self, arch: Arch) -> bool {
        matches!((self, arch), (Self::Either, _) | (Self::Amd64, Arch::Amd64) | (Self::Arm64, Arch::Arm64))
    }

    /// The choice that allows exactly what `allowed` lists; `None` for an empty list.
    #[must_use]
    pub fn of(allowed: &[Arch]) -> Option<Self> {
        match (allowed.contains(&Arch::Amd64), allowed.contains(&Arch::Arm64)) {
            (true, true) => Some(Self::Either),
            (true, false) => Some(Self::Amd64),
            (false, true) => Some(Self::Arm64),
            (false, false) => None,
        }
    }
}

/// What kind of work a job does where it runs a foreign architecture under emulation (QEMU user mode).
/// Slow-down of the reference figures, section 9: compile 10, mixed 3, network 1 (2026-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Emulation {
    /// The job runs natively everywhere it may run.
    #[default]
    Native,
    /// Emulated compiler work.
    Compile,
    /// Emulated mixed work.
    Mixed,
    /// Mostly waiting for the network.
    Network,
}

impl Emulation {
    /// How many times longer the CPU-bound part takes.
    #[must_use]
    pub const fn slow_down(self) -> Ppm {
        match self {
            Self::Native | Self::Network => Ppm::ONE,
            Self::Compile => Ppm(10_000_000),
            Self::Mixed => Ppm(3_000_000),
        }
    }
}

/// A measured speed of this class on some instances, in place of the catalog's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedOverride {
    /// Architecture label, generation, family or instance type, as the scenario wrote it: `arm64`, `m7g`, `m7g.*`.
    pub instances: String,
    /// Speed relative to the reference CPU (m5 = 1).
    pub speed: Ppm,
}

/// One class of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name, unique in a scenario; classes derived from it (by a trace's tags, by a matrix) keep it.
    pub name: String,
    /// Its GitLab project, as a dense number: instance runners are fair between projects.
    pub project: u32,
    /// Kubernetes requests of the build pod (all containers).
    pub requests: Resources,
    /// Where it may run.
    pub arch: ArchChoice,
    /// Runner tags that a runner must have (gitlab: job tags are a subset of the runner's).
    pub tags: Vec<String>,
    /// Work on the reference CPU, where no trace gives it.
    pub duration: Distribution,
    /// Share of the work that gets faster with the CPU; the rest is network and disk.
    pub cpu_bound: Ppm,
    /// Most CPU it can use at once; more idle CPU on the node does not help.
    pub threads: Millicores,
    /// Share of the CPU-bound work that runs in parallel (Amdahl).
    pub parallel_share: Ppm,
    /// What it does under emulation.
    pub emulation: Emulation,
    /// Image that must be on the node.
    pub image: ImageId,
    /// GitLab's job timeout (default 60 min); the runner may cap it.
    pub timeout: SimDuration,
    /// `retry`.
    pub retry: Retry,
    /// `allow_failure`.
    pub allow_failure: bool,
    /// How often the script itself fails, per attempt.
    pub failure_probability: Ppm,
    /// Share of failing scripts whose exit code is one of `retry:exit_codes`: those are tried again whatever
    /// `retry:when` says.
    pub listed_exit_codes: Ppm,
    /// Carries Karpenter's `karpenter.sh/do-not-disrupt: "true"`.
    pub do_not_disrupt: bool,
    /// Carries `karpenter.sh/do-not-disrupt` with a duration: it protects the pod for so long after its start only.
    pub do_not_disrupt_for: Option<SimDuration>,
    /// Extra share of lost work that is detected by GitLab as a system failure (and not as a script failure) when the
    /// node is taken away.
    pub loss_reported_as_system_failure: Ppm,
    /// Measured speeds, first match wins.
    pub speed_overrides: Vec<SpeedOverride>,
}

impl Class {
    /// A class called `name` with requests `requests` and the defaults of the reference figures (section 9, 2026-11):
    /// 70 % CPU-bound, 70 % of that parallel, threads as requested, 60 min timeout, nothing retried, never failing.
    #[must_use]
    pub fn new(name: &str, requests: Resources, duration: Distribution) -> Self {
        Self {
            name: name.to_owned(),
            project: 0,
            requests,
            arch: ArchChoice::Either,
            tags: Vec::new(),
            duration,
            cpu_bound: Ppm(700_000),
            threads: Millicores(requests.cpu.0.max(1000)),
            parallel_share: Ppm(700_000),
            emulation: Emulation::Native,
            image: ImageId(0),
            timeout: SimDuration::from_mins(60),
            retry: Retry::ABSENT,
            allow_failure: false,
            failure_probability: Ppm::ZERO,
            listed_exit_codes: Ppm::ZERO,
            do_not_disrupt: false,
            do_not_disrupt_for: None,
            loss_reported_as_system_failure: Ppm::ONE,
            speed_overrides: Vec::new(),
        }
    }
}

/// What a matrix value or a trace row changes about a class; `None` keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassOverride {
    /// Another architecture choice.
    pub arch: Option<ArchChoice>,
    /// Another CPU request.
    pub cpu: Option<Millicores>,
    /// Another memory request.
    pub memory: Option<Mebibytes>,
    /// Another duration.
    pub duration: Option<Distribution>,
    /// Another kind of emulated work.
    pub emulation: Option<Emulation>,
    /// Another image.
    pub image: Option<ImageId>,
    /// Other tags, in place of the class's.
    pub tags: Option<Vec<String>>,
}

impl ClassOverride {
    /// The id of `base` with this applied: `base` itself where nothing changes, else an equal class of the table, else
    /// a new one at its end.
    pub fn derive(&self, base: ClassId, classes: &mut Arena<Class>) -> ClassId {
        let mut derived = classes[base].clone();
        if let Some(arch) = self.arch {
            derived.arch = arch;
        }
        if let Some(cpu) = self.cpu {
            derived.requests.cpu = cpu;
        }
        if let Some(memory) = self.memory {
            derived.requests.memory = memory;
        }
        if let Some(duration) = &self.duration {
            derived.duration = duration.clone();
        }
        if let Some(emulation) = self.emulation {
            derived.emulation = emulation;
        }
        if let Some(image) = self.image {
            derived.image = image;
        }
        if let Some(tags) = &self.tags {
            derived.tags.clone_from(tags);
        }
        let equal = classes.iter().find(|(_, class)| **class == derived).map(|(id, _)| id);
        equal.unwrap_or_else(|| classes.push(derived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deriving_twice_gives_one_class_and_changing_nothing_gives_the_base() {
        let mut classes = Arena::new();
        let constant = Distribution::Constant(SimDuration::from_mins(1));
        let base = classes.push(Class::new("unit", Resources::new(1000, 1024), constant));
        let arm = ClassOverride { arch: Some(ArchChoice::Arm64), ..ClassOverride::default() };
        let first = arm.derive(base, &mut classes);
        assert_eq!(first, arm.derive(base, &mut classes));
        assert_eq!(base, ClassOverride::default().derive(base, &mut classes));
        assert_eq!((classes.len(), classes[first].arch), (2, ArchChoice::Arm64));
        assert!(!classes[first].arch.allows(Arch::Amd64));
    }
}

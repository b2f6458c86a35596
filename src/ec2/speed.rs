//! How long work takes on which CPU: speed of the generation, busy neighbours, emulation of a foreign architecture.
//!
//! Work is measured as the time it takes on an otherwise idle m5 (Skylake/Cascade Lake). Only its CPU-bound share
//! scales with the CPU: `time = work × ((1 - share) + share × emulation / speed × slowdown)`.

use crate::catalog::{CpuGeneration, InstanceType};
use crate::engine::{Id, Purpose, Streams};
use crate::units::{Ppm, SimDuration};

use super::delay::open_uniform;
use crate::engine::normal_quantile;

const NOISE: Purpose = Purpose::named("ec2 instance speed noise");
const ONE: u64 = 1_000_000;

/// What the CPU-bound part of a job mostly does; decides how much QEMU user-mode emulation slows it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseKind {
    /// Compiling, compressing: pure computation.
    Compile,
    /// Installing and unpacking packages, tests.
    Mixed,
    /// Waiting for the network.
    Network,
}

/// Slow-down by emulation per kind of phase.
///
/// Defaults 10, 3, 1: ten projects' reports of 2022–2026 range over 5–20 for compiling and 1.5–5 for unpacking (for
/// example kitsudaiki/ainari#772, 2025-12: 12.5; 7xuanlu/wenlan PR 185, 2026-05: 5–10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emulation {
    /// Factor of [`PhaseKind::Compile`].
    pub compile: Ppm,
    /// Factor of [`PhaseKind::Mixed`].
    pub mixed: Ppm,
    /// Factor of [`PhaseKind::Network`].
    pub network: Ppm,
}

impl Default for Emulation {
    fn default() -> Self {
        Self { compile: Ppm(10_000_000), mixed: Ppm(3_000_000), network: Ppm::ONE }
    }
}

impl Emulation {
    const fn of(&self, phase: PhaseKind) -> Ppm {
        match phase {
            PhaseKind::Compile => self.compile,
            PhaseKind::Mixed => self.mixed,
            PhaseKind::Network => self.network,
        }
    }
}

/// A class of jobs of equal speed behaviour. The id is its position in the list given to [`SpeedModel::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedClass {
    /// Share of the reference time that scales with the CPU (default 0.7, plausible 0.4–0.95; a judgement).
    pub cpu_bound_share: Ppm,
    /// What that share does.
    pub phase: PhaseKind,
    /// Speeds measured by the user for this class, m5 = 1.0; they replace the generation's own.
    pub speeds: Vec<(Id<CpuGeneration>, Ppm)>,
}

impl Default for SpeedClass {
    fn default() -> Self {
        Self { cpu_bound_share: Ppm(700_000), phase: PhaseKind::Mixed, speeds: Vec::new() }
    }
}

/// Id of a [`SpeedClass`].
pub type SpeedClassId = Id<SpeedClass>;

/// Which speed of a generation counts while the number of busy threads is not followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occupancy {
    /// One thread alone (`s1`).
    #[default]
    Alone,
    /// All vCPUs busy: throughput per vCPU relative to a fully busy m5. Favours CPUs with a core per vCPU.
    Full,
}

/// Parts per million of the reference time: what stays, and what scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkParts {
    /// Network and disk.
    pub fixed: u32,
    /// The CPU-bound part, on a CPU generation and emulated or not.
    pub cpu: u32,
}

/// Execution times for all (class, generation, emulated) triples, ready to multiply.
#[derive(Clone, Debug)]
pub struct SpeedModel {
    factors: Vec<WorkParts>,
    generations: usize,
    emulation: Emulation,
    occupancy: Occupancy,
}

impl SpeedModel {
    /// The model for the catalog's `generations` and the given `classes`; a missing class never occurs.
    #[must_use]
    pub fn new(
        generations: &[CpuGeneration],
        classes: &[SpeedClass],
        emulation: &Emulation,
        occupancy: Occupancy,
    ) -> Self {
        let mut model =
            Self { factors: Vec::new(), generations: generations.len(), emulation: *emulation, occupancy };
        for class in classes {
            model.add_class(generations, class);
        }
        model
    }

    /// Adds a class; its id is the next number. `generations` are those that the model was made for.
    pub fn add_class(&mut self, generations: &[CpuGeneration], class: &SpeedClass) {
        for (index, generation) in generations.iter().enumerate() {
            let own = class.speeds.iter().find(|(id, _)| id.index() == index).map(|(_, speed)| *speed);
            let speed = own.unwrap_or_else(|| generation_speed(generation, self.occupancy));
            for slow in [Ppm::ONE, self.emulation.of(class.phase)] {
                self.factors.push(WorkParts::new(class.cpu_bound_share, speed, slow));
            }
        }
    }

    /// How long `work` of `class` takes on `generation`, in whole milliseconds, rounded to the nearest.
    #[inline]
    #[must_use]
    pub fn execution_time(
        &self,
        work: SimDuration,
        class: SpeedClassId,
        generation: Id<CpuGeneration>,
        emulated: bool,
    ) -> SimDuration {
        let factor = self.parts(class, generation, emulated);
        let ppm = u64::from(factor.fixed) + u64::from(factor.cpu);
        SimDuration::from_ms(scaled(work.as_ms(), ppm))
    }

    /// The same with the CPU-bound part slowed down further by `slowdown` (busy neighbours, instance noise).
    #[inline]
    #[must_use]
    pub fn execution_time_slowed(
        &self,
        work: SimDuration,
        class: SpeedClassId,
        generation: Id<CpuGeneration>,
        emulated: bool,
        slowdown: Ppm,
    ) -> SimDuration {
        let factor = self.parts(class, generation, emulated);
        let ppm = u64::from(factor.fixed) + slowdown.of(u64::from(factor.cpu));
        SimDuration::from_ms(scaled(work.as_ms(), ppm))
    }

    /// What `class` divides into on `generation`.
    #[must_use]
    pub fn parts(&self, class: SpeedClassId, generation: Id<CpuGeneration>, emulated: bool) -> WorkParts {
        self.factors[(class.index() * self.generations + generation.index()) * 2 + usize::from(emulated)]
    }
}

impl WorkParts {
    fn new(share: Ppm, speed: Ppm, emulation: Ppm) -> Self {
        let share = u64::from(share.0).min(ONE);
        let cpu = share * u64::from(emulation.0) / u64::from(speed.0.max(1));
        Self { fixed: (ONE - share) as u32, cpu: u32::try_from(cpu).unwrap_or(u32::MAX) }
    }
}

/// `whole` × `ppm`, rounded half up; in 64 bits where it fits.
#[inline]
fn scaled(whole: u64, ppm: u64) -> u64 {
    match whole.checked_mul(ppm) {
        Some(product) => product.saturating_add(ONE / 2) / ONE,
        None => u64::try_from(u128::from(whole) * u128::from(ppm) / u128::from(ONE)).unwrap_or(u64::MAX),
    }
}

/// At which speed (m5 = 1) jobs would cost as much as elsewhere: they now run at `speed`, a share `cpu_bound` of their work is
/// computing, and elsewhere they cost `ratio` times what they cost here. Cost goes with the time that a job takes; what waits for
/// network and disk takes as long at any speed. `None` where no speed is enough.
#[must_use]
pub fn break_even_speed(cpu_bound: f64, speed: f64, ratio: f64) -> Option<f64> {
    let waits = 1.0 - cpu_bound;
    let may_compute = (waits + cpu_bound / speed) * ratio - waits;
    (may_compute > 0.0 && cpu_bound > 0.0).then(|| cpu_bound / may_compute)
}

/// Speed of a generation where nobody measured another.
#[must_use]
pub fn generation_speed(generation: &CpuGeneration, occupancy: Occupancy) -> Ppm {
    match occupancy {
        Occupancy::Alone => generation.single_thread,
        Occupancy::Full => {
            // Relative to a fully busy m5, whose eta is 0.61.
            let full = u64::from(generation.single_thread.0) * u64::from(generation.all_core.0);
            Ppm((full / 610_000) as u32)
        }
    }
}

/// Throughput of one instance type by the number of its busy hardware threads.
///
/// Model (fitted to Geekbench 6 Clang by Spare Cores, 2026-08, and AWS's OpenSSL build sweep, aws-graviton-getting-started
/// 2026-07): with two threads per core and C cores, `X(n) = s1 × [min(n, C) + max(0, n - C) × (2η - 1)]`; with one
/// thread per core the loss to shared caches and memory grows linearly, `X(n) = s1 × n × [1 - (1 - η)(n - 1)/(C - 1)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSpeed {
    cores: u64,
    threads: u64,
    smt: bool,
    all_core: u64,
    single: u64,
}

impl NodeSpeed {
    /// The curve of a type. A type that uses one thread per core of a CPU with two (`hpc6a`) has whole cores: η 0.97.
    #[must_use]
    pub fn of(kind: &InstanceType, generation: &CpuGeneration) -> Self {
        let smt = kind.threads_per_core > 1;
        let whole_cores_of_smt = !smt && generation.threads_per_core > 1;
        let all_core = if whole_cores_of_smt { 970_000 } else { u64::from(generation.all_core.0) };
        Self {
            cores: u64::from(kind.cores()),
            threads: u64::from(kind.vcpus.max(1)),
            smt,
            all_core,
            single: u64::from(generation.single_thread.0),
        }
    }

    /// Work done per unit of time by `busy` threads, in single threads of m5. Threads beyond the vCPUs add nothing.
    #[must_use]
    pub fn throughput(&self, busy: u32) -> Ppm {
        let per_thread = self.units(u64::from(busy) * 1000);
        Ppm((u128::from(self.single) * u128::from(per_thread) / u128::from(ONE)) as u32)
    }

    /// How much longer one of `busy` equal jobs takes than alone on the node: one where fewer than two are busy.
    #[must_use]
    pub fn slowdown(&self, busy: u32) -> Ppm {
        self.slowdown_at(u64::from(busy) * 1000)
    }

    /// The same where `busy_milli` thousandths of a thread are busy.
    #[must_use]
    pub fn slowdown_at(&self, busy_milli: u64) -> Ppm {
        if busy_milli <= 1000 {
            return Ppm::ONE;
        }
        let alone = u128::from(busy_milli) * u128::from(ONE / 1000);
        Ppm((alone * u128::from(ONE) / u128::from(self.units(busy_milli))) as u32)
    }

    /// The slowdown where every vCPU is busy.
    #[must_use]
    pub fn full_slowdown(&self) -> Ppm {
        self.slowdown_at(self.threads * 1000)
    }

    /// Throughput in millionths of one undisturbed thread of this very CPU.
    fn units(&self, busy_milli: u64) -> u64 {
        const MILLIONTHS: u64 = ONE / 1000;
        let busy = busy_milli.min(self.threads * 1000);
        let cores = self.cores * 1000;
        if self.smt {
            let second = busy.saturating_sub(cores);
            busy.min(cores) * MILLIONTHS + second * (2 * self.all_core).saturating_sub(ONE) / 1000
        } else if self.cores > 1 && busy > 1000 {
            let loss = (ONE - self.all_core.min(ONE)) * (busy - 1000) / (cores - 1000);
            busy * (ONE - loss.min(ONE)) / 1000
        } else {
            busy * MILLIONTHS
        }
    }
}

/// How much slower (above one) or faster this very instance is than its generation: lognormal with the generation's
/// sigma, cut at three sigma; one draw per launch ordinal.
#[must_use]
pub fn instance_slowdown(generation: &CpuGeneration, streams: &Streams, ordinal: u64) -> Ppm {
    let z = normal_quantile(open_uniform(&mut streams.entity(NOISE, ordinal))).clamp(-3.0, 3.0);
    Ppm::from_f64(libm::exp(generation.instance_noise.as_f64() * z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn node(catalog: &Catalog, name: &str) -> NodeSpeed {
        let kind = catalog.get(catalog.find(name).unwrap());
        NodeSpeed::of(kind, &catalog.generations()[kind.cpu_generation.index()])
    }

    #[test]
    fn a_busy_graviton_keeps_its_speed_and_a_busy_hyper_threaded_node_does_not() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        let (graviton, intel) = (node(&catalog, "c7g.2xlarge"), node(&catalog, "c6i.2xlarge"));
        // AWS's OpenSSL sweep: 96 % and 63 % of the single-build rate at 8 of 8.
        let kept = |node: &NodeSpeed| 100.0 / node.slowdown(8).as_f64();
        assert!((kept(&graviton) - 96.0).abs() <= 1.01, "{}", kept(&graviton));
        assert!((kept(&intel) - 63.0).abs() <= 2.01, "{}", kept(&intel));
        // Per-job rates are level (within 5 %) up to 5 busy vCPUs and not above.
        for busy in 1..=8 {
            let rate = |node: &NodeSpeed| f64::from(node.throughput(busy).0) / f64::from(busy);
            let ahead = rate(&intel) / rate(&graviton);
            assert_eq!(ahead > 0.95, busy <= 5, "{busy} busy: {ahead}");
        }
    }

    #[test]
    fn throughput_never_falls_as_threads_become_busy() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        for kind in catalog.types() {
            let node = NodeSpeed::of(kind, &catalog.generations()[kind.cpu_generation.index()]);
            let mut before = 0;
            for busy in 0..=kind.vcpus.min(64) + 1 {
                let now = node.throughput(busy).0;
                assert!(now >= before, "{} at {busy}", kind.name);
                assert!(node.slowdown(busy) >= Ppm::ONE);
                before = now;
            }
        }
    }

    #[test]
    fn only_the_cpu_bound_share_scales() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        let id = |name| catalog.find_generation(name).unwrap();
        let classes = [
            SpeedClass::default(),
            SpeedClass {
                cpu_bound_share: Ppm::ONE,
                phase: PhaseKind::Compile,
                speeds: vec![(id("graviton3"), Ppm(2_000_000))],
            },
            SpeedClass { phase: PhaseKind::Network, ..SpeedClass::default() },
        ];
        let model = SpeedModel::new(catalog.generations(), &classes, &Emulation::default(), Occupancy::Alone);
        let ten_minutes = SimDuration::from_mins(10);
        let ms = |class, generation, emulated| {
            model.execution_time(ten_minutes, Id::new(class), id(generation), emulated).as_ms()
        };
        assert_eq!(ms(0, "intel-skylake-cascadelake", false), 600_000, "m5 is the reference");
        // 0.3 × 600 s + 0.7 × 600 s / 1.21
        assert_eq!(ms(0, "graviton3", false), 527_107);
        assert_eq!(ms(1, "graviton3", false), 300_000, "the user's own measurement wins");
        assert_eq!(
            ms(1, "intel-skylake-cascadelake", true),
            6_000_000,
            "compiling under QEMU takes ten times as long"
        );
        assert_eq!(ms(0, "intel-skylake-cascadelake", true), 1_440_000, "0.3 + 0.7 × 3");
        assert_eq!(ms(2, "intel-skylake-cascadelake", true), 600_000);
        let slowed = model.execution_time_slowed(
            ten_minutes,
            Id::new(0),
            id("intel-skylake-cascadelake"),
            false,
            Ppm(2_000_000),
        );
        assert_eq!(slowed.as_ms(), 1_020_000, "0.3 + 0.7 × 2");
    }

    #[test]
    fn a_full_node_is_compared_with_a_full_m5() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        for (name, expected) in [("intel-skylake-cascadelake", 1.0), ("graviton3", 1.92), ("amd-zen5", 3.57)]
        {
            let generation = &catalog.generations()[catalog.find_generation(name).unwrap().index()];
            let full = generation_speed(generation, Occupancy::Full).as_f64();
            assert!((full - expected).abs() < 0.01, "{name}: {full}");
        }
    }

    #[test]
    fn at_its_break_even_speed_a_job_costs_as_much_as_elsewhere() {
        // Seven tenths computing at twice m5's speed take 0.3 + 0.35; what costs 20 % more elsewhere may take 0.78 here: computing
        // 0.48, at a speed of 0.7 / 0.48.
        let found = break_even_speed(0.7, 2.0, 1.2).unwrap();
        assert!((found - 0.7 / 0.48).abs() < 1e-12);
        assert!((break_even_speed(1.0, 1.9, 1.0 / 1.25).unwrap() - 1.9 * 1.25).abs() < 1e-12);
        // What mostly waits cannot be made half as dear by computing faster.
        assert_eq!(break_even_speed(0.2, 1.0, 0.5), None);
    }

    #[test]
    fn instances_of_a_generation_differ_by_its_noise() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        let generation = &catalog.generations()[catalog.find_generation("graviton3").unwrap().index()];
        let streams = Streams::new(5, 0);
        let logs: Vec<f64> = (0..20_000)
            .map(|ordinal| libm::log(instance_slowdown(generation, &streams, ordinal).as_f64()))
            .collect();
        let mean = logs.iter().sum::<f64>() / 20_000.0;
        let sigma = libm::sqrt(logs.iter().map(|x| x * x).sum::<f64>() / 20_000.0);
        assert!(mean.abs() < 0.0007 && (sigma - 0.03).abs() < 0.001, "{mean} {sigma}");
    }
}

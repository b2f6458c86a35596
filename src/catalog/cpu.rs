//! CPU generations and how fast they are, relative to one busy thread of m5.
//!
//! The factors are rounded from Spare Cores benchmark data (<https://sparecores.com>, CC BY-SA 4.0); see the head of
//! `data/cpu_generations.csv`. What a job gets out of them is computed by `ec2::SpeedModel`.

use crate::engine::Id;
use crate::units::Ppm;

use super::kinds::Arch;
use super::text::{Fields, data_lines, decimal_ppm};

/// Speed of one CPU generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuGeneration {
    /// Such as `graviton3` or `intel-icelake`.
    pub name: &'static str,
    /// CPU architecture.
    pub arch: Arch,
    /// Hardware threads per core on the measured types: 2 = a vCPU is a hyper-thread.
    pub threads_per_core: u32,
    /// Speed of one busy thread on an otherwise idle node; m5 = 1.0.
    pub single_thread: Ppm,
    /// Lowest single-thread factor over the metrics and types measured.
    pub single_thread_low: Ppm,
    /// Highest single-thread factor over the metrics and types measured.
    pub single_thread_high: Ppm,
    /// Throughput per vCPU with every vCPU busy, relative to `single_thread` (0.61 on Intel with hyper-threading,
    /// 0.97–0.99 with one core per vCPU).
    pub all_core: Ppm,
    /// Sigma of the lognormal difference between two instances of the generation.
    pub instance_noise: Ppm,
    /// The families it was measured on, separated by spaces.
    pub measured_on: &'static str,
}

/// How the generation of a family is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpeedBasis {
    /// The speed was measured on this very family.
    Measured,
    /// The nearest documented sibling stands in.
    Sibling,
}

/// The CPU generation of one instance family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySpeed {
    /// Such as `m7g`.
    pub family: &'static str,
    /// Its generation.
    pub generation: Id<CpuGeneration>,
    /// How that is known.
    pub basis: SpeedBasis,
}

const GENERATIONS: &str = include_str!("data/cpu_generations.csv");
const FAMILIES: &str = include_str!("data/families.csv");

/// All generations, in file order; [`Id`]s index this.
pub(super) fn builtin_generations() -> Vec<CpuGeneration> {
    data_lines(GENERATIONS)
        .map(|line| {
            let mut fields = Fields::of(line);
            CpuGeneration {
                name: fields.text(),
                arch: if fields.text() == "a" { Arch::Arm64 } else { Arch::Amd64 },
                threads_per_core: fields.number(),
                single_thread: decimal_ppm(fields.text()),
                single_thread_low: decimal_ppm(fields.text()),
                single_thread_high: decimal_ppm(fields.text()),
                all_core: decimal_ppm(fields.text()),
                instance_noise: Ppm(fields.number() * 1000),
                measured_on: fields.text(),
            }
        })
        .collect()
}

/// All families in name order.
pub(super) fn builtin_families(generations: &[CpuGeneration]) -> Vec<FamilySpeed> {
    data_lines(FAMILIES)
        .map(|line| {
            let mut fields = Fields::of(line);
            let (family, generation) = (fields.text(), fields.text());
            let index = generations.iter().position(|candidate| candidate.name == generation);
            FamilySpeed {
                family,
                generation: Id::new(
                    index.expect("families.csv names generations of cpu_generations.csv") as u32
                ),
                basis: if fields.text() == "m" { SpeedBasis::Measured } else { SpeedBasis::Sibling },
            }
        })
        .collect()
}

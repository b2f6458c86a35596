//! A machine for each job and nothing else: hosted runners and Fargate pods. Which size a job gets, and for how long it is billed.

use crate::catalog::Arch;
use crate::units::{HourlyPrice, Resources, SimDuration};

/// A size that can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineSize {
    /// Architecture.
    pub arch: Arch,
    /// What a job may request of it.
    pub room: Resources,
    /// What it has of CPU and memory.
    pub whole: Resources,
    /// What an hour costs.
    pub hourly: HourlyPrice,
}

/// How the time of one machine becomes the time that is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBilled {
    /// Whether the machine's start is billed too.
    pub with_start: bool,
    /// Least time.
    pub minimum: SimDuration,
    /// Time is rounded up to a multiple of it; zero does not round.
    pub step: SimDuration,
}

impl TimeBilled {
    /// What is billed for a machine that started for `start` and then ran its job for `ran`.
    #[must_use]
    pub fn of(&self, start: SimDuration, ran: SimDuration) -> SimDuration {
        let used = if self.with_start { start + ran } else { ran };
        let used = used.max(self.minimum).as_ms();
        let step = self.step.as_ms().max(1);
        SimDuration::from_ms(used.div_ceil(step) * step)
    }
}

/// The cheapest of `sizes` in which a job with `requests` fits; the first of equally cheap ones.
#[must_use]
pub fn size_for(
    sizes: &[MachineSize],
    allows: impl Fn(Arch) -> bool,
    requests: Resources,
) -> Option<&MachineSize> {
    sizes
        .iter()
        .filter(|size| allows(size.arch) && requests.fits_in(size.room))
        .min_by_key(|size| size.hourly)
}

/// An hour of GitLab.com compute minutes at cost factor 1: 60 minutes at 10 dollars per 1,000 (about.gitlab.com/pricing as quoted
/// by a secondary source, 2026-05).
#[must_use]
pub const fn gitlab_minute() -> HourlyPrice {
    HourlyPrice(600_000_000)
}

/// Hosted runners of GitLab.com for Linux (GitLab docs, `ci/runners/hosted_runners/linux.md` and
/// `ci/pipelines/compute_minutes.md`, 17.9, 2025-02): cost factors 1, 2, 3, 6, 12; arm64 up to large. `minute` is what an hour at
/// factor 1 costs.
#[must_use]
pub fn gitlab_sizes(minute: HourlyPrice) -> Vec<MachineSize> {
    let factors = [(2, 8, 1), (4, 16, 2), (8, 32, 3), (16, 64, 6), (32, 128, 12)];
    let of = |arch| {
        move |(cores, gib, factor): (u32, u32, u64)| size(arch, cores, gib, HourlyPrice(minute.0 * factor))
    };
    let arm = factors[..3].iter().copied().map(of(Arch::Arm64));
    factors.iter().copied().map(of(Arch::Amd64)).chain(arm).collect()
}

/// Hosted runners of GitHub for Linux, private repositories, prices from 2026-01-01 on (GitHub docs,
/// `billing/reference/actions-runner-pricing.md`), in thousandths of a dollar per minute. The one-core container runner is left out:
/// it has no Docker and ends jobs after 15 minutes.
#[must_use]
pub fn github_sizes() -> Vec<MachineSize> {
    const X64: [(u32, u32, u64); 7] =
        [(2, 8, 6), (4, 16, 12), (8, 32, 22), (16, 64, 42), (32, 128, 82), (64, 256, 162), (96, 384, 252)];
    const ARM: [(u32, u32, u64); 6] =
        [(2, 8, 5), (4, 16, 8), (8, 32, 14), (16, 64, 26), (32, 128, 50), (64, 208, 98)];
    let of = |arch| {
        move |(cores, gib, mills): (u32, u32, u64)| size(arch, cores, gib, HourlyPrice(mills * 60_000_000))
    };
    X64.into_iter().map(of(Arch::Amd64)).chain(ARM.into_iter().map(of(Arch::Arm64))).collect()
}

fn size(arch: Arch, cores: u32, gib: u32, hourly: HourlyPrice) -> MachineSize {
    let whole = Resources::new(cores * 1000, gib * 1024);
    MachineSize { arch, room: whole, whole, hourly }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_rounded_up_to_the_step_and_to_the_minimum() {
        let secs = SimDuration::from_secs;
        let minutes = TimeBilled { with_start: false, minimum: SimDuration::ZERO, step: secs(60) };
        assert_eq!(minutes.of(secs(50), secs(60)), secs(60));
        assert_eq!(minutes.of(secs(50), SimDuration::from_ms(60_001)), secs(120));
        let fargate = TimeBilled { with_start: true, minimum: secs(60), step: secs(1) };
        assert_eq!(fargate.of(secs(20), secs(5)), secs(60));
        assert_eq!(fargate.of(secs(60), SimDuration::from_ms(30_400)), secs(91));
    }

    #[test]
    fn a_job_gets_the_cheapest_size_that_holds_it() {
        let sizes = gitlab_sizes(gitlab_minute());
        let price = |cpu, mib| {
            size_for(&sizes, |arch| arch == Arch::Amd64, Resources::new(cpu, mib)).map(|size| size.hourly.0)
        };
        assert_eq!(price(500, 1024), Some(600_000_000));
        assert_eq!(price(500, 9000), Some(1_200_000_000));
        assert_eq!(price(32_000, 1024), Some(7_200_000_000));
        assert_eq!(price(33_000, 1024), None);
        let arm = size_for(&sizes, |arch| arch == Arch::Arm64, Resources::new(9000, 1));
        assert_eq!(arm, None, "arm64 ends at large");
    }
}

//! Virtual machines that runner managers start for jobs: GitLab's docker-autoscaler (fleeting and taskscaler on an Auto Scaling group)
//! and the older docker+machine. How many machines there should be; no machine, no clock.
//!
//! Rules: gitlab-runner 19.4 `common/config.go` `AutoscalerConfig` and `executors/docker/machine/idle_limit_strategy.go`.

use crate::units::{Ppm, SimDuration};

/// How many free slots are kept beside the busy ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleTarget {
    /// fleeting's `idle_count` slots and `scale_factor` of the busy ones, of which at most `limit` (zero is no limit).
    Fleeting {
        /// `idle_count`.
        count: u32,
        /// `scale_factor`.
        factor: Ppm,
        /// `scale_factor_limit`.
        limit: u32,
    },
    /// docker+machine's `IdleCount`; with a factor that share of the machines in use, at least `least` and at most `count`.
    DockerMachine {
        /// `IdleCount`.
        count: u32,
        /// `IdleScaleFactor`.
        factor: Ppm,
        /// `IdleCountMin`.
        least: u32,
    },
}

impl IdleTarget {
    fn of(self, busy: u32) -> u32 {
        match self {
            Self::Fleeting { count, factor, limit } => {
                let share = (u64::from(busy) * u64::from(factor.0)).div_ceil(1_000_000) as u32;
                count + if limit > 0 { share.min(limit) } else { share }
            }
            Self::DockerMachine { count, factor: Ppm::ZERO, .. } => count,
            Self::DockerMachine { count, factor, least } => {
                let share = (u64::from(busy) * u64::from(factor.0) / 1_000_000) as u32;
                share.max(least.max(1)).min(count)
            }
        }
    }
}

/// The settings of one group of machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachinePolicy {
    /// Jobs at once on a machine (`capacity_per_instance`; one with docker+machine).
    pub slots: u32,
    /// Jobs in a machine's life (`max_use_count`, `MaxBuilds`); zero is no limit.
    pub uses: u32,
    /// Machines at once, those on their way included (`max_instances`, `limit`); zero is no limit.
    pub most: u32,
    /// Machines on their way at once (`MaxGrowthRate`); zero is no limit.
    pub growth: u32,
    /// Free slots beside the busy ones.
    pub idle: IdleTarget,
    /// How long a machine is idle before it may go (`idle_time`, `IdleTime`).
    pub idle_time: SimDuration,
    /// Whether machines are only made for the idle target and jobs wait for those (`preemptive_mode`; docker+machine with an
    /// `IdleCount`). Otherwise waiting jobs make machines too.
    pub ready_first: bool,
}

/// What there is of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineCount {
    /// Slots with a job.
    pub busy: u32,
    /// Jobs that wait for a slot.
    pub waiting: u32,
    /// Free slots of machines that are ready, as far as their uses go.
    pub free: u32,
    /// Machines on their way.
    pub creating: u32,
    /// All machines.
    pub machines: u32,
}

impl MachinePolicy {
    /// Jobs that a new machine can take at once.
    #[must_use]
    pub const fn new_slots(&self) -> u32 {
        if self.uses > 0 && self.uses < self.slots { self.uses } else { self.slots }
    }

    /// Slots that should be free or on their way.
    fn wanted(&self, count: &MachineCount) -> u32 {
        let waiting = if self.ready_first { 0 } else { count.waiting };
        waiting + self.idle.of(count.busy)
    }

    fn coming(&self, count: &MachineCount) -> u32 {
        count.free + count.creating * self.new_slots()
    }

    /// How many machines to make.
    #[must_use]
    pub fn to_create(&self, count: &MachineCount) -> u32 {
        let missing = self.wanted(count).saturating_sub(self.coming(count)).div_ceil(self.new_slots().max(1));
        let within = |limit: u32, have: u32| if limit > 0 { limit.saturating_sub(have) } else { u32::MAX };
        missing.min(within(self.most, count.machines)).min(within(self.growth, count.creating))
    }

    /// Whether a machine that has been idle for long and has `free` slots may go.
    #[must_use]
    pub fn may_remove(&self, count: &MachineCount, free: u32) -> bool {
        self.coming(count) >= self.wanted(count) + free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleeting(slots: u32, count: u32, factor: u32, limit: u32) -> MachinePolicy {
        MachinePolicy {
            slots,
            uses: 0,
            most: 0,
            growth: 0,
            idle: IdleTarget::Fleeting { count, factor: Ppm(factor), limit },
            idle_time: SimDuration::from_mins(5),
            ready_first: count > 0,
        }
    }

    #[test]
    fn fleeting_counts_idle_slots_and_rounds_up_to_machines() {
        let policy = fleeting(4, 6, 0, 0);
        assert_eq!(policy.to_create(&MachineCount::default()), 2);
        let some = MachineCount { busy: 3, free: 5, machines: 2, ..MachineCount::default() };
        assert_eq!(policy.to_create(&some), 1);
        // A fifth of 20 busy slots, at most 3, on top of the count.
        let policy = fleeting(1, 2, 200_000, 3);
        assert_eq!(policy.to_create(&MachineCount { busy: 20, machines: 20, ..MachineCount::default() }), 5);
    }

    #[test]
    fn without_an_idle_count_machines_are_made_for_jobs_that_wait_up_to_the_maximum() {
        let policy = MachinePolicy { most: 3, ..fleeting(2, 0, 0, 0) };
        let count = MachineCount { waiting: 5, creating: 1, machines: 1, ..MachineCount::default() };
        assert_eq!(policy.to_create(&count), 2);
        assert_eq!(policy.to_create(&MachineCount { machines: 2, ..count }), 1);
        let once = MachinePolicy { uses: 1, most: 0, ..policy };
        assert_eq!(once.to_create(&count), 4, "a machine that takes one job has one slot");
    }

    #[test]
    fn docker_machine_keeps_its_idle_machines_and_grows_no_faster_than_allowed() {
        let idle = IdleTarget::DockerMachine { count: 10, factor: Ppm::ZERO, least: 0 };
        let policy = MachinePolicy { idle, growth: 4, ready_first: true, ..fleeting(1, 0, 0, 0) };
        let count = MachineCount { busy: 50, waiting: 40, free: 1, creating: 2, machines: 53 };
        assert_eq!(policy.to_create(&count), 2);
        let factor = IdleTarget::DockerMachine { count: 10, factor: Ppm(100_000), least: 2 };
        assert_eq!([0, 50, 500].map(|busy| factor.of(busy)), [2, 5, 10]);
    }

    #[test]
    fn an_idle_machine_goes_only_where_its_slots_are_not_part_of_the_target() {
        let policy = fleeting(2, 4, 0, 0);
        let count = |free| MachineCount { free, machines: free / 2, ..MachineCount::default() };
        assert!(!policy.may_remove(&count(4), 2));
        assert!(policy.may_remove(&count(6), 2));
    }
}

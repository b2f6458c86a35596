//! Amounts that the pass compares: CPU, memory and pod slots, signed because an over-committed node has less than none.

use std::ops::{Add, AddAssign, Sub, SubAssign};

use crate::units::{Mebibytes, Millicores};

/// CPU in millicores, memory in MiB and pods, possibly negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amounts {
    /// Millicores.
    pub cpu: i64,
    /// Mebibytes.
    pub memory: i64,
    /// Pods.
    pub pods: i64,
}

impl Amounts {
    /// Nothing.
    pub const ZERO: Self = Self { cpu: 0, memory: 0, pods: 0 };

    /// `cpu` and `memory` and `pods` slots.
    #[must_use]
    pub const fn new(cpu: Millicores, memory: Mebibytes, pods: u32) -> Self {
        Self { cpu: cpu.0 as i64, memory: memory.0 as i64, pods: pods as i64 }
    }

    /// Whether this fits into `room`. A room with a negative amount takes nothing, not even a pod that does not ask
    /// for it (core `utils/resources` `Fits`, v1.15.0).
    #[must_use]
    pub const fn fits(&self, room: &Self) -> bool {
        room.cpu >= 0
            && room.memory >= 0
            && room.pods >= 0
            && self.cpu <= room.cpu
            && self.memory <= room.memory
            && self.pods <= room.pods
    }

    /// Each amount, but not less than zero.
    #[must_use]
    pub fn or_zero(self) -> Self {
        Self { cpu: self.cpu.max(0), memory: self.memory.max(0), pods: self.pods.max(0) }
    }

    /// The larger of each amount.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            pods: self.pods.max(other.pods),
        }
    }

    /// The smaller of each amount.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.min(other.cpu),
            memory: self.memory.min(other.memory),
            pods: self.pods.min(other.pods),
        }
    }
}

impl Add for Amounts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory, pods: self.pods + other.pods }
    }
}

impl Sub for Amounts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, memory: self.memory - other.memory, pods: self.pods - other.pods }
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Amounts {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_lacks_memory_takes_nothing_at_all() {
        let pod = Amounts { cpu: 100, memory: 0, pods: 1 };
        assert!(pod.fits(&Amounts { cpu: 100, memory: 0, pods: 1 }));
        assert!(!pod.fits(&Amounts { cpu: 100, memory: -1, pods: 1 }));
    }
}

//! EC2 facts, embedded and dated: instance types, CPU generations, prices, Spot ratings, the allocatable formula.

mod kinds;

pub use kinds::{Arch, CapacityType};

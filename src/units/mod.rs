//! Quantities: instants and durations, CPU and memory, money, ratios. Parsing, arithmetic, display; no import of ours.

mod money;
mod ratio;
mod resources;
mod time;

pub use money::{CostMeter, HourlyPrice, Money, NANOS_PER_DOLLAR};
pub use ratio::Ppm;
pub use resources::{Mebibytes, Millicores, QuantityError, Resources};
pub use time::{DurationError, SimDuration, SimTime};

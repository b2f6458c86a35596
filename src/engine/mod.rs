//! The kernel without a domain word: event queue, typed ids and arenas, random streams, the normal distribution.

mod arena;
mod normal;
mod queue;
mod random;

pub use arena::{Arena, Id, IdVec, Slab};
pub use normal::{normal_cdf, normal_quantile};
pub use queue::{EventQueue, QueueWork};
pub use random::{EntityRng, Purpose, Streams};

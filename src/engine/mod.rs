//! The kernel without a domain word: event queue, typed ids and arenas, random streams.

mod arena;
mod queue;
mod random;

pub use arena::{Arena, Id, IdVec, Slab};
pub use queue::{EventQueue, QueueWork};
pub use random::{EntityRng, Purpose, Streams};

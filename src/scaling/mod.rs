//! What people run instead of Karpenter: a fixed fleet, a plain FIFO pool.

mod fifo_pool;
mod fifo_pool_waits;

pub use fifo_pool::{FifoJob, FifoOutcome, FifoPool, FifoStart, WhenFull};
pub use fifo_pool_waits::WaitHistogram;

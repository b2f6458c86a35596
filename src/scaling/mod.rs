//! What people run instead of Karpenter: a fixed fleet, a plain FIFO pool.

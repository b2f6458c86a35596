//! The loop's nouns and their legal transitions: a job build with its pod, and a node. No flow of time, no randomness, no price rule.

mod job;
mod node;

pub use job::{Job, JobId, JobPhase};
pub use node::{Node, NodeId, NodePhase};

//! The loop's nouns and their legal transitions: a job build with its pod, and a node; taints. No flow of time, no randomness, no price rule.

mod job;
mod node;
mod taint;

pub use job::{Job, JobId, JobPhase};
pub use node::{Node, NodeId, NodePhase};
pub use taint::{Taint, TaintEffect, Toleration};

//! Karpenter: batching, packing, launch requests, claim life cycle, disruption, termination. Does not know who made a pod.
//!
//! The loop keeps one [`Cluster`] (what Karpenter remembers), one [`Solver`] (the scheduling pass, also asked "what
//! if" by disruption) and one [`Provisioner`] (when a pass runs). Everything is told to them by method calls and
//! comes back as plain values.

pub mod batcher;
pub mod cluster;
pub mod disruption;
pub mod ice;
pub mod instance_types;
pub mod labels;
pub mod launch;
pub mod lifecycle;
pub mod min_values;
pub mod node_pools;
mod offering_prices;
mod offering_set;
pub mod pod_classes;
mod pod_validation;
pub mod pods;
pub mod price_overlay;
pub mod provisioner;
pub mod requirements;
pub mod reservations;
pub mod resources;
pub mod solver;
pub mod taints;
pub mod termination;
pub mod type_set;

pub use cluster::Cluster;
pub use ice::IceCache;
pub use provisioner::Provisioner;
pub use solver::Solver;

//! fleetsim simulates GitLab CI runner fleets on Amazon EKS with Karpenter: what a fleet configuration
//! costs and how long jobs wait, with the uncertainty of both.
//!
//! `simulation::simulate` is a pure function of a validated configuration and a seed. Everything before it
//! turns text into that configuration, everything after it turns the outcome into bytes. The rooms (modules)
//! and the direction in which they may import each other are described in `ARCHITECTURE.md` and checked by
//! `tests/architecture.rs`.

pub mod catalog;
pub mod cli;
pub mod ec2;
pub mod engine;
pub mod experiment;
pub mod fleet;
pub mod gitlab;
pub mod karpenter;
pub mod kubernetes;
pub mod metrics;
pub mod report;
pub mod scaling;
pub mod scenario;
pub mod simulation;
pub mod units;
pub mod workload;

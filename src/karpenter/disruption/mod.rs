//! Disruption: which nodes Karpenter removes, when, and what replaces them. Removing them is `termination`'s.
//!
//! A node goes in four steps: it becomes consolidatable (`idle_clock`), a pass of the loop finds it and validates the
//! command 15 s later (`controller`, with one file per method), the command waits in the `queue` for its replacement, and its
//! NodeClaim is deleted. Rules and numbers are of `sigs.k8s.io/karpenter` v1.15.0, or v1.8.2 where [`Version`] says so; they
//! are checked against recordings of the real controllers in `tests/oracle_disruption.rs`.

mod balanced;
mod budget;
mod candidate;
mod consolidation;
mod controller;
mod cron;
mod drift;
mod emptiness;
mod idle_clock;
mod inputs;
mod memo;
mod methods;
mod nodes;
mod outcome;
mod pod_cost;
mod price_test;
mod queue;
mod settings;
mod static_pools;
mod surroundings;
mod ttl_after_empty;
mod what_if;

pub use balanced::PoolTotals;
pub use budget::{Budget, BudgetSize, BudgetWindow, Calendar, Reason, UNLIMITED, allowed_disruptions};
pub use candidate::{Candidate, Refusal};
pub use controller::{Disruption, DisruptionWork};
pub use cron::{Cron, CronError};
pub use idle_clock::{IdleClock, POD_EVENT_DEDUPE};
pub use methods::{Answer, Command, Method};
pub use nodes::{NewPod, NodeFacts, PodFacts, PodPdb};
pub use outcome::{CommandId, Decision, Outcome};
pub use pod_cost::{DoNotDisrupt, PodOwner, eviction_cost};
pub use price_test::Skip;
pub use settings::{ConsolidationPolicy, PoolDisruption, Settings, Version};
pub use static_pools::StaticNodesToGo;
pub use surroundings::Surroundings;
pub use ttl_after_empty::TtlAfterEmpty;

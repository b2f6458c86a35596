//! Why things happened, in sentences: life lines of jobs and nodes, single decisions, waits and costs. Words
//! what a run recorded; decides nothing and simulates nothing.

mod break_even;
mod command;
mod cost;
mod cost_by;
mod decision;
mod job;
mod launch;
mod node;
mod placed;
mod sheet;
mod standing;
mod topic;
mod wait;
mod words;

pub use break_even::{ClassBreakEven, explain_break_even};
pub use cost::{CostSide, explain_cost};
pub use cost_by::explain_cost_by;
pub use decision::explain_decision;
pub use job::{explain_job, longest_wait};
pub use node::{explain_node, idlest_node};
pub use sheet::{EXPLANATION_SCHEMA, ExplanationFormat};
pub(super) use topic::metric_meaning;
pub use topic::{metric_text, topic_text};
pub use wait::{WaitFacts, WhatIf, explain_wait, worth_text};

use jiff::ZonedDateTime;

use crate::catalog::{CapacityType, TypeId, ZoneId};
use crate::metrics::{JobRecord, Names, NodeRecord};
use crate::simulation::{CapacityPlan, Explained, Explanation, FinishedRun, Plan, PoolPlan};
use crate::units::{SimDuration, SimTime};

/// One run that can explain itself, with the words for it.
#[derive(Clone, Copy, Debug)]
pub struct ExplainedRun<'a> {
    /// Name of the fleet.
    pub fleet: &'a str,
    /// Which replication; 0 is the first.
    pub replication: u32,
    /// When simulated time starts.
    pub start: &'a ZonedDateTime,
    /// What was simulated.
    pub plan: &'a Plan,
    /// The names behind ids.
    pub names: &'a Names,
    /// What the run left, jobs and nodes kept.
    pub run: &'a FinishedRun,
    /// Why Karpenter decided as it did, in order.
    pub reasons: &'a [Explained],
}

impl<'a> ExplainedRun<'a> {
    fn jobs(&self) -> &'a [JobRecord] {
        self.run.outcome.job_records.as_deref().unwrap_or_default()
    }

    fn nodes(&self) -> &'a [NodeRecord] {
        self.run.outcome.node_records.as_deref().unwrap_or_default()
    }

    fn node(&self, ordinal: u32) -> Option<&'a NodeRecord> {
        self.nodes().iter().find(|node| node.ordinal == ordinal)
    }

    /// Decisions by number, from 1 on: what Karpenter launches and disrupts, what kube-scheduler preempts, and how Cluster
    /// Autoscaler sizes groups, in order.
    fn decisions(&self) -> impl Iterator<Item = (usize, &'a Explained)> + use<'a> {
        let is_decision = |one: &&Explained| {
            matches!(
                one.what,
                Explanation::Launched { .. }
                    | Explanation::Commanded { .. }
                    | Explanation::Preempted { .. }
                    | Explanation::StaticPoolShrinks { .. }
                    | Explanation::GroupEnlarged { .. }
                    | Explanation::GroupsShrink { .. }
            )
        };
        (1..).zip(self.reasons.iter().filter(is_decision))
    }

    /// The decision that launched a node.
    fn launch_of(&self, ordinal: u32) -> Option<(usize, &'a Explained)> {
        self.decisions().find(|(_, one)| {
            matches!(one.what, Explanation::Launched { node, chosen: Some(_), .. } if node == ordinal)
        })
    }

    fn pool(&self, pool: u32) -> Option<&'a PoolPlan> {
        match &self.plan.capacity {
            CapacityPlan::Karpenter(karpenter) => karpenter.pools.get(pool as usize),
            _ => None,
        }
    }

    /// How many nodes a static pool is to have; none where the pool is not static.
    fn replicas(&self, pool: u32) -> Option<u32> {
        self.pool(pool).and_then(|pool| pool.replicas)
    }

    fn pool_name(&self, pool: u32) -> String {
        self.names.pools.get(pool as usize).cloned().unwrap_or_else(|| pool.to_string())
    }

    fn class_name(&self, class: u32) -> String {
        self.run.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string())
    }

    fn offering(&self, (kind, zone, capacity): (TypeId, ZoneId, CapacityType)) -> String {
        let catalog = &self.plan.ec2.catalog;
        let zone = catalog.zones().get(usize::from(zone.0)).map_or("?", |zone| &zone.name);
        format!("{}, {}, {zone}", catalog.get(kind).name, capacity.label())
    }

    fn offering_of(&self, node: &NodeRecord) -> String {
        self.offering((TypeId::new(node.instance_type), ZoneId(node.zone as u8), node.capacity))
    }

    /// The local weekday and time; with the date in runs longer than a week.
    fn clock(&self, at: SimTime) -> String {
        let format =
            if self.plan.horizon > SimDuration::from_hours(170) { "%m-%d %H:%M:%S" } else { "%a %H:%M:%S" };
        self.start
            .checked_add(jiff::SignedDuration::from_millis(at.as_ms() as i64))
            .map_or_else(|_| at.to_string(), |local| local.strftime(format).to_string())
    }

    /// The instant of a text: a span since the start (`1d10h`), or the first `Mon 10:30` of the run.
    ///
    /// # Errors
    /// What may be written.
    pub fn instant(&self, text: &str) -> Result<SimTime, String> {
        if let Ok(span) = text.parse::<SimDuration>() {
            return Ok(SimTime::ZERO + span);
        }
        let wrong = || {
            format!("`{text}` is no instant: write a span since the start such as 1d10h30m, or \"Mon 10:30\"")
        };
        let (day, time) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let mut parts = time.split(':').map(str::parse::<u64>);
        let mut next = || parts.next().unwrap_or(Ok(0)).map_err(|_| wrong());
        let of_day = SimDuration::from_secs((next()? * 60 + next()?) * 60 + next()?);
        let start = self.start;
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = days.iter().position(|name| day.to_lowercase().starts_with(name)).ok_or_else(wrong)? as i64;
        let ahead = (day - i64::from(start.weekday().to_monday_zero_offset())).rem_euclid(7);
        let midnight = start.start_of_day().map_err(|_| wrong())?;
        let at = midnight
            .checked_add(jiff::Span::new().days(ahead))
            .and_then(|date| date.checked_add(jiff::SignedDuration::from_millis(of_day.as_ms() as i64)))
            .map_err(|_| wrong())?;
        let ms = at.timestamp().as_millisecond() - start.timestamp().as_millisecond();
        let ms = if ms < 0 { ms + 7 * 86_400_000 } else { ms };
        Ok(SimTime::from_ms(ms as u64))
    }

    fn of_run(&self) -> String {
        format!("fleet {}, replication {}", self.fleet, self.replication)
    }
}

/// What a static pool is.
fn static_pool_text(pool: &str, replicas: u32) -> String {
    let nodes = if replicas == 1 { "1\u{a0}node".to_owned() } else { format!("{replicas}\u{a0}nodes") };
    format!(
        "Pool {pool} is static (replicas): it is to have {nodes} whatever pods there are. Karpenter consolidates none of them; \
         nodes go only where there are more than replicas, those with the fewest pods first, or when they drift or expire."
    )
}

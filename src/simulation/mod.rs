//! The event loop: it asks the rooms below for decisions and applies them. Holds no rule of GitLab, Kubernetes, Karpenter or EC2.

mod arrivals;
mod disruption;
mod event;
mod interruptions;
mod karpenter_plan;
mod karpenter_side;
mod kinds;
mod nodes;
mod plan;
mod pods;
mod provisioning;
mod runners;
mod setup;
mod world;

pub use karpenter_plan::{KarpenterPlan, PoolPlan};
pub use plan::{CapacityPlan, DaemonSet, Ec2Plan, ExecutorPlan, FixedNodes, Image, KubernetesPlan, Plan};

use crate::engine::Streams;
use crate::metrics::RunOutcome;
use crate::units::SimTime;
use crate::workload::Arrival;

use world::World;

/// What is kept of a run beside its totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Every build; memory then grows with their number.
    pub jobs: bool,
    /// Every node.
    pub nodes: bool,
}

/// Simulates one fleet over one replication: a pure function of the plan, the arrivals and the streams.
///
/// `arrivals` are read one at a time, in order of time, as the run reaches them.
///
/// # Errors
/// The first error that `arrivals` gives; the run is then worthless.
///
/// # Panics
/// Where a rule of the simulation itself is broken; never because of the plan's numbers.
pub fn simulate<E>(
    plan: &Plan,
    streams: Streams,
    arrivals: impl Iterator<Item = Result<Arrival, E>>,
    keep: Keep,
) -> Result<RunOutcome, E> {
    let mut world = World::new(plan, streams, keep);
    let end = run(&mut world, arrivals)?;
    Ok(world.finish(end))
}

/// Runs until the end of the run and returns when that is.
fn run<E>(world: &mut World<'_>, arrivals: impl Iterator<Item = Result<Arrival, E>>) -> Result<SimTime, E> {
    let horizon = SimTime::ZERO + world.plan.horizon;
    let limit = if world.plan.drain { SimTime::NEVER } else { horizon };
    let mut arrivals = arrivals.take_while(|arrival| arrival.as_ref().map_or(true, |next| next.at < horizon));
    let mut next = arrivals.next().transpose()?;
    loop {
        if world.plan.drain && next.is_none() && world.jobs.is_empty() && !world.has_delayed_jobs() {
            return Ok(world.now);
        }
        let arrival_at = next.as_ref().map_or(SimTime::NEVER, |arrival| arrival.at);
        let at = arrival_at.min(world.next_at());
        if at >= limit {
            return Ok(if limit == SimTime::NEVER { world.now } else { limit });
        }
        world.advance_to(at);
        if world.queue.next_at() == Some(at) {
            while world.queue.next_at() == Some(at) {
                let (_, event) = world.queue.pop().expect("an event is due");
                world.handle(event);
            }
        } else if arrival_at == at {
            let arrival = next.take().expect("an arrival is due");
            world.arrive(arrival);
            next = arrivals.next().transpose()?;
        } else {
            world.wake_rooms(at);
        }
    }
}

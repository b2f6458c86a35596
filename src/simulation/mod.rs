//! The event loop: it asks the rooms below for decisions and applies them. Holds no rule of GitLab, Kubernetes, Karpenter or EC2.

mod accounts;
mod arrivals;
mod bills;
mod canceling;
mod capacity_groups;
mod decisions;
mod disruption;
mod drift;
mod emptiness;
mod event;
mod executors;
mod fifo;
mod first_come;
mod fleet_calls;
mod foresight;
mod interruptions;
mod karpenter_plan;
mod karpenter_side;
mod kinds;
mod launch_faults;
mod launches;
mod machines;
mod node_groups;
mod nodes;
mod pause_pods;
mod per_job;
mod per_job_plan;
mod pipeline_steps;
mod placement;
mod plan;
mod pod_budgets;
mod pods;
mod preemption;
mod prices;
mod provisioning;
mod reasons;
mod records;
mod removal;
mod reservations;
mod runners;
mod setup;
mod sharing;
mod start_pace;
mod static_pools;
mod stress;
mod supply;
mod watch;
mod world;

pub use decisions::{Decided, Decision};
pub use karpenter_plan::{DriftNotice, DriftPlan, KarpenterPlan, PoolPlan, ScalePlan};
pub use machines::{MachineGroup, MachinesPlan, ScheduledPolicy};
pub use node_groups::{NodeGroup, NodeGroupsPlan};
pub use per_job_plan::PerJobPlan;
pub use placement::{CLASS_LABEL, ClassPlacement, Placement};
pub use plan::{
    CapacityPlan, DaemonSet, DrainPlan, Ec2Plan, ExecutorPlan, FixedNodes, Image, KubernetesPlan,
    OwnExecutor, PausePodsPlan, Plan, PodDisruptionBudget, PodSource, PriceChange, StressPlan,
};
pub use reasons::{Explained, Explanation, Kept};
pub use setup::class_speed;
pub use watch::{Levels, Watch};

use crate::engine::Streams;
use crate::metrics::RunOutcome;
use crate::units::SimTime;
use crate::workload::{Arrivals, TraceError, TraceReport};

use world::World;

/// What is kept of a run beside its totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Every build; memory then grows with their number.
    pub jobs: bool,
    /// Every node, and what Karpenter decided.
    pub nodes: bool,
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// Everything measured.
    pub outcome: RunOutcome,
    /// Names of the classes, by the class number of the records. Traces may have added some.
    pub classes: Vec<String>,
    /// What was found in each trace.
    pub traces: Vec<TraceReport>,
    /// What Karpenter decided, in order, where nodes were kept.
    pub decisions: Vec<Decided>,
}

impl FinishedRun {
    /// What is left of a run whose books are closed: names and trace accounts come from its `arrivals`.
    fn of(outcome: RunOutcome, arrivals: &Arrivals, decisions: Vec<Decided>) -> Self {
        let classes = arrivals.classes().as_slice().iter().map(|class| class.name.clone()).collect();
        Self { outcome, classes, traces: arrivals.trace_reports(), decisions }
    }
}

/// Simulates one fleet over one replication: a pure function of the plan, the arrivals and the streams.
///
/// `arrivals` are read one at a time, in order of time, as the run reaches them.
///
/// # Errors
/// The first row of a trace that cannot be used; the run is then worthless.
///
/// # Panics
/// Where a rule of the simulation itself is broken; never because of the plan's numbers.
pub fn simulate(
    plan: &Plan,
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
) -> Result<FinishedRun, TraceError> {
    simulate_watched(plan, streams, arrivals, keep, None)
}

/// As [`simulate`], and tells `watch` of levels as the run goes on. Fleets that are not driven event by event (a FIFO pool,
/// machines per job) end before there would be anything to see.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_watched(
    plan: &Plan,
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
    watch: Option<Watch<'_>>,
) -> Result<FinishedRun, TraceError> {
    if let CapacityPlan::FifoPool { cores_milli, price } = plan.capacity {
        return fifo::simulate(plan, (cores_milli, price), streams, arrivals, keep);
    }
    if let CapacityPlan::PerJob(machines) = &plan.capacity {
        return per_job::simulate(plan, machines, streams, arrivals, keep);
    }
    let mut world = World::new(plan, arrivals, streams, keep);
    let end = run(&mut world, watch)?;
    Ok(world.finish(end).0)
}

/// As [`simulate`], and the reasons of Karpenter's decisions in order: why a pod stayed pending, why a type was launched, why
/// a node was not disrupted. Memory grows with what happens, and every pass of disruption looks at every node.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_explained(
    plan: &Plan,
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
) -> Result<(FinishedRun, Vec<Explained>), TraceError> {
    if let CapacityPlan::FifoPool { .. } | CapacityPlan::PerJob(_) = plan.capacity {
        return simulate(plan, streams, arrivals, keep).map(|run| (run, Vec::new()));
    }
    let mut world = World::new(plan, arrivals, streams, keep);
    world.reasons = Some(reasons::ReasonLog::default());
    let end = run(&mut world, None)?;
    Ok(world.finish(end))
}

/// Runs until the end of the run and returns when that is.
fn run(world: &mut World<'_>, mut watch: Option<Watch<'_>>) -> Result<SimTime, TraceError> {
    let horizon = SimTime::ZERO + world.plan.horizon;
    let limit = if world.plan.drain { SimTime::NEVER } else { horizon };
    let mut arrival_at = world.arrivals.next_at();
    let mut looks_at = watch.as_ref().map_or(SimTime::NEVER, Watch::next);
    loop {
        if arrival_at >= horizon {
            arrival_at = SimTime::NEVER;
        }
        if world.plan.drain && arrival_at == SimTime::NEVER && world.is_idle() {
            return Ok(world.now);
        }
        let at = arrival_at.min(world.next_at());
        if at >= limit {
            return Ok(if limit == SimTime::NEVER { world.now } else { limit });
        }
        if at >= looks_at {
            looks_at = watch.as_mut().map_or(SimTime::NEVER, |watch| watch.look(at, &world.recorder));
        }
        world.advance_to(at);
        if world.queue.next_at() == Some(at) {
            while world.queue.next_at() == Some(at) {
                let (_, event) = world.queue.pop().expect("an event is due");
                world.foresee();
                world.handle(event);
            }
        } else if arrival_at == at {
            let arrival = world.arrivals.next_arrival()?.expect("an arrival is due");
            world.arrive(arrival);
            arrival_at = world.arrivals.next_at();
        } else {
            world.wake_rooms(at);
        }
    }
}

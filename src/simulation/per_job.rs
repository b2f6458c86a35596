//! A fleet in which every job gets a machine of its own, made for it and gone after it: hosted runners, Fargate pods. No node, no
//! scheduler; as many at once as allowed.

use crate::catalog::Arch;
use crate::engine::{Purpose, Streams};
use crate::metrics::{BilledSpan, CostKind, GaugeKey, Machine, NodeShape, Recorder, Usage, UsedFor};
use crate::scaling::{MachineSize, size_for};
use crate::units::{Resources, SimTime};
use crate::workload::{Arrivals, TraceError};

use super::first_come::{self, Build};
use super::per_job_plan::PerJobPlan;
use super::plan::Plan;
use super::supply::{Started, Starting, Supply};
use super::{FinishedRun, Keep};

const MACHINE_START: Purpose = Purpose::named("per-job machine start");

struct Machines<'p> {
    machines: &'p PerJobPlan,
    streams: Streams,
    warmup: SimTime,
    running: u32,
}

/// Simulates `machines` over one replication.
pub(super) fn simulate(
    plan: &Plan,
    machines: &PerJobPlan,
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
) -> Result<FinishedRun, TraceError> {
    let supply = Machines { machines, streams, warmup: plan.warmup, running: 0 };
    first_come::simulate(plan, (supply, 0), streams, arrivals, keep)
}

impl Machines<'_> {
    fn requested_by(&self, build: &Build<Option<MachineSize>>) -> Resources {
        build.pending.spec.requests + self.machines.overhead
    }

    /// What a machine that ended (or is looked at) at `until` was paid for, after the warm-up.
    fn used_for(&self, build: &Build<Option<MachineSize>>, until: SimTime) -> UsedFor {
        let Some(size) = build.held else { return UsedFor::default() };
        let script_at = build.script_at.min(until);
        let (start, ran) = (script_at - build.picked_at, until - script_at);
        let billed = &self.machines.billed;
        let from = if billed.with_start { build.picked_at } else { script_at };
        let warmup = self.warmup;
        let has_begun = until > from;
        if until < warmup || !has_begun {
            return UsedFor::default();
        }
        let billed_until = from + billed.of(start, ran);
        let counted = |from: SimTime, until: SimTime| until.saturating_since(from.max(warmup)).as_ms();
        let cpu = self.requested_by(build).cpu.0;
        let usage = Usage {
            start_up_ms: if billed.with_start { counted(build.picked_at, script_at) } else { 0 },
            empty_ms: counted(until.max(from), billed_until),
            busy_core_ms: counted(script_at, until) * u64::from(cpu.min(size.whole.cpu.0)),
            ..Usage::default()
        };
        let span = BilledSpan { ms: counted(from, billed_until), price: size.hourly, usage };
        UsedFor::of_node(std::iter::once(span), &NodeShape { cpu: size.whole.cpu, ..NodeShape::default() })
    }
}

impl Supply for Machines<'_> {
    /// The size of the job's machine; none before it starts, and where nobody sells what it wants.
    type Held = Option<MachineSize>;

    fn wanted(&self, _: Resources) -> Option<MachineSize> {
        None
    }

    fn may_start(&self, _: Option<MachineSize>) -> bool {
        self.machines.concurrent.is_none_or(|most| self.running < most)
    }

    /// The job gets its machine.
    fn start(&mut self, job: &Starting<'_>, _: Option<MachineSize>) -> Started<Option<MachineSize>> {
        let requests = job.spec.requests + self.machines.overhead;
        let held = size_for(&self.machines.sizes, |arch| job.class.arch.allows(arch), requests).copied();
        let mut random = self.streams.entity(MACHINE_START, job.number.as_u64());
        let script_at = job.now + self.machines.start.draw(&mut random);
        let work = job.spec.work.as_ms();
        let computed = job.class.cpu_bound.of(work);
        let speed = u128::from(self.machines.speed.0.max(1));
        Started {
            held,
            script_at: if held.is_some() { script_at } else { SimTime::NEVER },
            whole_ms: (work - computed) + (u128::from(computed) * 1_000_000 / speed) as u64,
        }
    }

    fn arch(&self, held: Option<MachineSize>) -> Option<Arch> {
        held.map(|size| size.arch)
    }

    fn level(&mut self, recorder: &mut Recorder, now: SimTime, build: &Build<Self::Held>, step: i64) {
        if step > 0 {
            self.running += 1;
        } else {
            self.running -= 1;
        }
        let requested = i64::from(self.requested_by(build).cpu.0);
        let provided = build.held.map_or(0, |size| i64::from(size.whole.cpu.0));
        recorder.gauge(now, GaugeKey::RequestedMillicores, step * requested);
        recorder.gauge(now, GaugeKey::ProvisionedMillicores, step * provided);
    }

    /// The machine is gone, and billed.
    fn paid_for(&self, build: &Build<Self::Held>, until: SimTime) -> Option<(CostKind, Machine, UsedFor)> {
        let arch = build.held?.arch;
        let machine = match self.machines.kind {
            CostKind::Fargate => Machine::Fargate(arch),
            _ => Machine::Hosted(arch),
        };
        Some((self.machines.kind, machine, self.used_for(build, until)))
    }

    fn requested(&self, build: &Build<Self::Held>, until: SimTime) -> u64 {
        let cpu = self.requested_by(build).cpu.0;
        until.saturating_since(build.script_at.max(self.warmup)).as_ms() * u64::from(cpu)
    }

    fn paid_for_all(&mut self, _: SimTime) -> Option<(CostKind, UsedFor)> {
        None
    }

    fn pass(&mut self, _: SimTime) {}
}

//! A fleet that is a pure FIFO pool: so many cores, no runner, no node, no start-up. Work runs at the speed of the reference CPU.

use crate::catalog::{Arch, CapacityType};
use crate::engine::Streams;
use crate::metrics::{CostKind, GaugeKey, Machine, NodeMeter, NodeShape, Recorder, UsedFor};
use crate::units::{HourlyPrice, Millicores, Resources, SimTime};
use crate::workload::{Arrivals, TraceError};

use super::first_come::{self, Build};
use super::plan::Plan;
use super::supply::{Started, Starting, Supply};
use super::{FinishedRun, Keep};

struct Pool {
    capacity_milli: u64,
    free_milli: u64,
    price: HourlyPrice,
    warmup: SimTime,
    /// How the cores were used.
    meter: NodeMeter,
    is_warming_up: bool,
}

/// Simulates the pool of `cores_milli` at `price` per hour over one replication.
pub(super) fn simulate(
    plan: &Plan,
    (capacity_milli, price): (u64, HourlyPrice),
    streams: Streams,
    arrivals: Arrivals,
    keep: Keep,
) -> Result<FinishedRun, TraceError> {
    let mut meter = NodeMeter::start(SimTime::ZERO);
    meter.ready(SimTime::ZERO);
    let (free_milli, warmup) = (capacity_milli, plan.warmup);
    let is_warming_up = warmup > SimTime::ZERO;
    let pool = Pool { capacity_milli, free_milli, price, warmup, meter, is_warming_up };
    first_come::simulate(plan, (pool, capacity_milli), streams, arrivals, keep)
}

impl Supply for Pool {
    /// Millicores.
    type Held = u64;

    fn wanted(&self, requests: Resources) -> u64 {
        // A job that wants more than there is takes the whole pool.
        u64::from(requests.cpu.0).min(self.capacity_milli)
    }

    fn may_start(&self, wanted: u64) -> bool {
        wanted <= self.free_milli
    }

    fn start(&mut self, job: &Starting<'_>, wanted: u64) -> Started<u64> {
        Started { held: wanted, script_at: job.now, whole_ms: job.spec.work.as_ms() }
    }

    fn arch(&self, _: u64) -> Option<Arch> {
        None
    }

    fn level(&mut self, recorder: &mut Recorder, now: SimTime, build: &Build<u64>, step: i64) {
        let cores = Millicores(build.held as u32);
        recorder.gauge(now, GaugeKey::RequestedMillicores, step * build.held as i64);
        if step > 0 {
            self.free_milli -= build.held;
            self.meter.pod_bound(now, cores);
        } else {
            self.free_milli += build.held;
            self.meter.pod_left(now, cores);
        }
    }

    fn paid_for(&self, _: &Build<u64>, _: SimTime) -> Option<(CostKind, Machine, UsedFor)> {
        None
    }

    fn requested(&self, build: &Build<u64>, until: SimTime) -> u64 {
        until.saturating_since(build.picked_at.max(self.warmup)).as_ms() * build.held
    }

    /// Cores that jobs had, cores that were left beside them, and time without a job.
    fn paid_for_all(&mut self, end: SimTime) -> Option<(CostKind, UsedFor)> {
        let kind = CostKind::Instance(Arch::Amd64, CapacityType::OnDemand);
        if end < self.warmup {
            return Some((kind, UsedFor::default()));
        }
        self.pass(end);
        let shape = NodeShape { cpu: Millicores(self.capacity_milli as u32), ..NodeShape::default() };
        Some((kind, UsedFor::of_node(self.meter.spans(end, self.price), &shape)))
    }

    /// Where the warm-up ends at or before `at`, what was metered until then does not count.
    fn pass(&mut self, at: SimTime) {
        if self.is_warming_up && at >= self.warmup {
            self.is_warming_up = false;
            self.meter.cut(self.warmup, HourlyPrice::default(), false);
        }
    }
}

//! What is kept of one node, and the meter of how its time was used. No price and no decision.

use super::groups::CpuShare;
use super::usage::{BilledSpan, Usage, UsedFor};
use crate::catalog::{Arch, CapacityType};
use crate::units::{CostMeter, HourlyPrice, Millicores, SimTime};
use smallvec::SmallVec;

/// Why a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum NodeEnd {
    /// No pod was left on it (emptiness, or scale-down of other scalers).
    Empty,
    /// Its pods were moved elsewhere or onto a cheaper node.
    Consolidated,
    /// EC2 took the Spot instance back.
    Interrupted,
    /// It reached its maximum age.
    Expired,
    /// It did not join the cluster in time.
    NeverRegistered,
    /// The run ended; it still stood.
    RunEnd,
    /// It differed from what its pool asks for and was replaced.
    Drifted,
    /// People drained it, or what they run did.
    Drained,
}

impl NodeEnd {
    /// Every reason, in the order in which reports list them.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Consolidated,
        Self::Interrupted,
        Self::Expired,
        Self::Drifted,
        Self::NeverRegistered,
        Self::RunEnd,
        Self::Drained,
    ];

    /// The word in CSV files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Consolidated => "consolidated",
            Self::Interrupted => "interrupted",
            Self::Expired => "expired",
            Self::Drifted => "drifted",
            Self::NeverRegistered => "never_registered",
            Self::RunEnd => "run_end",
            Self::Drained => "drained",
        }
    }
}

/// How the time of one node was used. The loop keeps one per node and tells it of every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMeter {
    started_at: SimTime,
    since: SimTime,
    requested: u32,
    pods: u32,
    pods_run: u32,
    ready: bool,
    /// What pause pods request.
    kept: u32,
    usage: Usage,
    /// Ends of spans that were billed otherwise than what follows. Few nodes have any.
    cuts: Vec<Cut>,
    /// For whom it worked: by span and account, in this order.
    /// The first few lie in the meter itself: that is written to anyway when a pod leaves.
    shares: SmallVec<[(u32, CpuShare); 4]>,
}

/// The end of a span of one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    at: SimTime,
    price: HourlyPrice,
    is_counted: bool,
    /// Cumulated since the start.
    usage: Usage,
}

impl NodeMeter {
    /// A node whose instance starts (and is billed) at `now`.
    #[must_use]
    pub fn start(now: SimTime) -> Self {
        let usage = Usage {
            start_up_ms: 0,
            empty_ms: 0,
            busy_core_ms: 0,
            lost_core_ms: 0,
            kept_ms: 0,
            kept_core_ms: 0,
        };
        Self {
            started_at: now,
            since: now,
            requested: 0,
            pods: 0,
            pods_run: 0,
            ready: false,
            kept: 0,
            usage,
            cuts: Vec::new(),
            shares: SmallVec::new(),
        }
    }

    fn advance(&mut self, now: SimTime) {
        let ms = now.saturating_since(self.since).as_ms();
        self.since = self.since.max(now);
        if !self.ready {
            self.usage.start_up_ms += ms;
        } else if self.pods == 0 {
            self.usage.empty_ms += ms;
            self.usage.kept_ms += if self.kept > 0 { ms } else { 0 };
        } else {
            self.usage.busy_core_ms += ms * u64::from(self.requested);
            self.usage.kept_core_ms += ms * u64::from(self.kept);
        }
    }

    /// The node became ready for pods.
    pub fn ready(&mut self, now: SimTime) {
        self.advance(now);
        self.ready = true;
    }

    /// A job's pod that requests `cpu` was bound.
    pub fn pod_bound(&mut self, now: SimTime, cpu: Millicores) {
        self.advance(now);
        self.requested += cpu.0;
        self.pods += 1;
        self.pods_run += 1;
    }

    /// A job's pod that requests `cpu` left the node.
    pub fn pod_left(&mut self, now: SimTime, cpu: Millicores) {
        self.advance(now);
        self.requested -= cpu.0;
        self.pods -= 1;
    }

    /// A pause pod that requests `cpu` was bound: it keeps room for jobs.
    pub fn room_kept(&mut self, now: SimTime, cpu: Millicores) {
        self.advance(now);
        self.kept += cpu.0;
    }

    /// A pause pod that requests `cpu` left the node.
    pub fn room_left(&mut self, now: SimTime, cpu: Millicores) {
        self.advance(now);
        self.kept -= cpu.0;
    }

    /// A pod of `account` was on the node from `bound_at` until `now`. To be called once per pod, when it leaves or the node ends.
    pub fn worked_for(&mut self, account: u32, (bound_at, now): (SimTime, SimTime), cpu: Millicores) {
        self.credit(account, (bound_at, now), cpu, false);
    }

    fn credit(&mut self, account: u32, (from, until): (SimTime, SimTime), cpu: Millicores, is_loss: bool) {
        let mut since = from;
        for span in 0..=self.cuts.len() {
            let ends_at = self.cuts.get(span).map_or(until, |cut| cut.at.min(until));
            let core_ms = ends_at.saturating_since(since).as_ms() * u64::from(cpu.0);
            since = since.max(ends_at);
            if core_ms == 0 {
                continue;
            }
            let key = (span as u32, account);
            let place = self.shares.binary_search_by_key(&key, |(span, share)| (*span, share.account));
            let place = place.unwrap_or_else(|place| {
                self.shares.insert(place, (key.0, CpuShare { account, ..CpuShare::default() }));
                place
            });
            let share = &mut self.shares[place].1;
            *(if is_loss { &mut share.lost } else { &mut share.busy }) += core_ms;
        }
    }

    /// For whom it worked in the counted spans, span after span; several of one account where there are several.
    pub fn counted_shares(&self) -> impl Iterator<Item = CpuShare> + '_ {
        let is_counted = |span: u32| self.cuts.get(span as usize).is_none_or(|cut| cut.is_counted);
        self.shares.iter().filter(move |(span, _)| is_counted(*span)).map(|(_, share)| *share)
    }

    /// For whom it worked in the counted span of this place among all counted ones; where nobody was there in that, for whom it
    /// worked in all of them.
    #[must_use]
    pub fn shares(&self, counted: usize) -> Vec<CpuShare> {
        let is_counted = |span: &usize| self.cuts.get(*span).is_none_or(|cut| cut.is_counted);
        let span = (0..=self.cuts.len()).filter(is_counted).nth(counted);
        let own = self.shares.iter().filter(|(of, _)| Some(*of as usize) == span).map(|(_, share)| *share);
        let mut shares: Vec<CpuShare> = own.collect();
        if !shares.is_empty() {
            return shares;
        }
        for share in self.counted_shares() {
            match shares.iter_mut().find(|known| known.account == share.account) {
                Some(known) => {
                    known.busy += share.busy;
                    known.lost += share.lost;
                }
                None => shares.push(share),
            }
        }
        shares
    }

    /// Work done by a pod of `account` bound at `bound_at` came to nothing at `now`: it was interrupted.
    pub fn work_lost(&mut self, account: u32, (bound_at, now): (SimTime, SimTime), cpu: Millicores) {
        self.credit(account, (bound_at, now), cpu, true);
        let until = |at: SimTime| at.saturating_since(bound_at).as_ms() * u64::from(cpu.0);
        self.usage.lost_core_ms += until(now);
        for cut in &mut self.cuts {
            cut.usage.lost_core_ms += until(cut.at);
        }
    }

    /// The span that ends at `now` was billed at `price`, if it `is_counted`; what follows is billed otherwise.
    pub fn cut(&mut self, now: SimTime, price: HourlyPrice, is_counted: bool) {
        self.advance(now);
        self.cuts.push(Cut { at: now, price, is_counted, usage: self.usage });
    }

    /// The counted spans until `now`; the last one is billed at `price`.
    pub fn spans(&mut self, now: SimTime, price: HourlyPrice) -> impl Iterator<Item = BilledSpan> + '_ {
        self.advance(now);
        let last = Cut { at: now, price, is_counted: true, usage: self.usage };
        let mut before = Cut { at: self.started_at, usage: Usage::default(), ..last };
        self.cuts.iter().copied().chain(std::iter::once(last)).filter_map(move |cut| {
            let span = BilledSpan {
                ms: cut.at.saturating_since(before.at).as_ms(),
                price: cut.price,
                usage: cut.usage.since(&before.usage),
            };
            before = cut;
            cut.is_counted.then_some(span)
        })
    }

    /// Writes what was metered until `now` into `record`.
    pub fn stop(&mut self, now: SimTime, record: &mut NodeRecord) {
        self.advance(now);
        record.pods_run = self.pods_run;
        record.busy_core_ms = self.usage.busy_core_ms;
        record.start_up_ms = self.usage.start_up_ms;
        record.empty_ms = self.usage.empty_ms;
        record.lost_core_ms = self.usage.lost_core_ms.min(self.usage.busy_core_ms);
    }
}

/// One node of one run. Instants that never came are [`SimTime::NEVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NodeRecord {
    /// Order of creation in the run; job records refer to it.
    pub ordinal: u32,
    /// Node pool id; names are in [`crate::metrics::Names`].
    pub pool: u32,
    /// Instance type id; names are in [`crate::metrics::Names`].
    pub instance_type: u32,
    /// Zone id; names are in [`crate::metrics::Names`].
    pub zone: u16,
    /// Architecture.
    pub arch: Arch,
    /// How it was bought.
    pub capacity: CapacityType,
    /// Why it ended.
    pub end: NodeEnd,
    /// CPU of the instance.
    pub cpu: Millicores,
    /// CPU that pods may request (after kube and system reservation, daemon sets).
    pub allocatable: Millicores,
    /// When the instance was launched.
    pub launched_at: SimTime,
    /// When the node joined the cluster.
    pub registered_at: SimTime,
    /// When it was ready for pods.
    pub ready_at: SimTime,
    /// When it became empty for the last time.
    pub empty_at: SimTime,
    /// When the instance was gone (or the run ended).
    pub terminated_at: SimTime,
    /// Milliseconds billed, also before the warm-up ended; none where EC2 waives the bill.
    pub billed_ms: u64,
    /// Of these, the ones after the warm-up: what `cost` was paid for.
    pub billed_after_warmup_ms: u64,
    /// What was paid for its instance after the warm-up.
    pub cost: CostMeter,
    /// What that was paid for.
    pub used_for: UsedFor,
    /// Pods of jobs that were bound to it.
    pub pods_run: u32,
    /// Millicore-milliseconds requested by jobs on the ready node.
    pub busy_core_ms: u64,
    /// Millicore-milliseconds of those whose work was lost.
    pub lost_core_ms: u64,
    /// Milliseconds from launch until ready.
    pub start_up_ms: u64,
    /// Milliseconds ready without a job's pod.
    pub empty_ms: u64,
}

impl NodeRecord {
    /// Milliseconds from launch until the end.
    #[must_use]
    pub fn lifetime_ms(&self) -> u64 {
        self.terminated_at.saturating_since(self.launched_at).as_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_meter_tells_start_up_empty_and_busy_time_apart_in_every_span_of_one_price() {
        let at = SimTime::from_ms;
        let mut meter = NodeMeter::start(at(100));
        meter.ready(at(140));
        meter.cut(at(145), HourlyPrice(1), false);
        meter.pod_bound(at(150), Millicores(500));
        meter.pod_bound(at(160), Millicores(1000));
        meter.pod_left(at(170), Millicores(500));
        meter.cut(at(180), HourlyPrice(2), true);
        meter.work_lost(1, (at(160), at(190)), Millicores(1000));
        meter.pod_left(at(190), Millicores(1000));
        let spans: Vec<BilledSpan> = meter.spans(at(200), HourlyPrice(3)).collect();
        let usage = |empty_ms, busy_core_ms, lost_core_ms| Usage {
            start_up_ms: 0,
            empty_ms,
            busy_core_ms,
            lost_core_ms,
            ..Usage::default()
        };
        let counted = BilledSpan {
            ms: 35,
            price: HourlyPrice(2),
            usage: usage(5, 10 * 500 + 10 * 1500 + 10 * 1000, 20 * 1000),
        };
        let last = BilledSpan { ms: 20, price: HourlyPrice(3), usage: usage(10, 10 * 1000, 10 * 1000) };
        assert_eq!(spans, [counted, last]);
        meter.worked_for(0, (at(150), at(170)), Millicores(500));
        meter.worked_for(1, (at(160), at(190)), Millicores(1000));
        let share = |account, busy, lost| CpuShare { account, busy, lost };
        assert_eq!(meter.shares(0), [share(0, 20 * 500, 0), share(1, 20 * 1000, 20 * 1000)]);
        assert_eq!(meter.shares(1), [share(1, 10 * 1000, 10 * 1000)]);
        meter.cut(at(210), HourlyPrice(3), true);
        let whole = [share(0, 20 * 500, 0), share(1, 30 * 1000, 30 * 1000)];
        assert_eq!(meter.shares(2), whole, "nobody was there: those who were before");
    }
}

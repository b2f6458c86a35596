//! What the scheduler tells the API: calls on their way, and those that are through. Not their rate.

use super::SchedulingOutcome;
use super::scheduler::{PodState, Scheduler};
use crate::units::SimTime;

/// An API call on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The pod's, which tells it from a later one of its key.
    pub(super) ordinal: u64,
    pub(super) outcome: SchedulingOutcome,
}

impl Scheduler {
    /// When a call wanted at `now` is through.
    pub(super) fn call(&mut self, now: SimTime) -> SimTime {
        self.calls_made += 1;
        self.client.call(now) + self.config.call_latency.of(self.calls_made, &self.streams)
    }

    /// Puts a call on its way: behind those that are through no later.
    pub(super) fn send(&mut self, call: Call) {
        let place = self.calls.iter().rposition(|other| at(&other.outcome) <= at(&call.outcome));
        self.calls.insert(place.map_or(0, |last| last + 1), call);
    }

    /// Hands out the calls that are through, except those of pods that are gone and bindings to nodes that are gone:
    /// the pod of such a binding goes back into the queue.
    pub(super) fn deliver(&mut self, now: SimTime, out: &mut Vec<SchedulingOutcome>) {
        while let Some(call) = self.calls.pop_front_if(|call| at(&call.outcome) <= now) {
            let (SchedulingOutcome::Bound { pod: key, .. }
            | SchedulingOutcome::Unschedulable { pod: key, .. }) = call.outcome;
            let pod = &mut self.pods[key.0 as usize];
            if pod.ordinal != call.ordinal || !matches!(pod.state, PodState::Placed | PodState::Pending) {
                continue;
            }
            if let SchedulingOutcome::Bound { .. } = call.outcome {
                let node = &self.cluster.nodes[pod.slot as usize];
                if !node.alive || node.generation != pod.generation {
                    pod.state = PodState::Pending;
                    pod.stamp = self.pending.add(now, pod.shape, key);
                    self.work_since = now;
                    continue;
                }
                let shape = pod.shape;
                self.neighbour_came(now, shape);
            }
            out.push(call.outcome);
        }
    }
}

/// When the call is through.
pub(super) fn at(outcome: &SchedulingOutcome) -> SimTime {
    match outcome {
        SchedulingOutcome::Bound { at, .. } | SchedulingOutcome::Unschedulable { at, .. } => *at,
    }
}

//! kube-scheduler as the simulation drives it: its inputs (shapes, nodes, pods), its wake-ups and its outcomes. The
//! choice of a node is `cluster`'s, the order of pods `pending`'s.
//!
//! One attempt takes no time by itself. What takes time are the API calls: a binding is sent in the background,
//! but telling a pod that it is unschedulable holds the scheduler up until the call is through (`schedule_one.go`
//! `handleSchedulingFailure` → `updatePod`; `SchedulerAsyncAPICalls` is off by default up to 1.37). So a burst of
//! unschedulable pods delays the bindings behind it. A pod that failed again with the message it has costs no call.

use std::collections::VecDeque;

use rand::Rng;

use super::client::ApiClient;
use super::cluster::Cluster;
use super::pending::{Entry, Message, Pending};
use super::row::Rules;
use super::score::reason;
use super::shape::{NodeClass, PodShape};
use super::{
    NodeClassId, NodeHold, NodeInfo, NodeKey, PodKey, SchedulerConfig, SchedulerWork, SchedulingOutcome,
    ShapeId,
};
use crate::engine::{Purpose, Streams};
use crate::units::SimTime;

const TIE: Purpose = Purpose::named("kube-scheduler tie");

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PodState {
    #[default]
    Absent,
    /// In the queue.
    Pending,
    /// Counted on its node; the binding may still be on its way.
    Placed,
    /// Ended, the object is still there.
    Finished,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pod {
    state: PodState,
    attempts: u8,
    shape: u32,
    slot: u32,
    generation: u32,
    /// Stamp of its entry in the queue.
    stamp: u64,
    /// Counts pods as they are created: names the pod for the tie-break, and tells it from a later one of its key.
    ordinal: u64,
}

/// An API call on its way.
#[derive(Clone, Copy, Debug)]
struct Call {
    ordinal: u64,
    outcome: SchedulingOutcome,
}

/// The scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    streams: Streams,
    shapes: Vec<PodShape>,
    classes: Vec<NodeClass>,
    pub(super) cluster: Cluster,
    pending: Pending,
    pods: Vec<Pod>,
    created: u64,
    client: ApiClient,
    calls: VecDeque<Call>,
    held_up_until: SimTime,
    /// When the queue got something to try.
    work_since: SimTime,
    /// Requests became free since the queue was last told.
    freed: bool,
    attempts: u64,
    bindings: u64,
}

impl Scheduler {
    /// A scheduler without nodes; `streams` break ties between equally good nodes.
    #[must_use]
    pub fn new(config: SchedulerConfig, streams: Streams) -> Self {
        Self {
            config,
            streams,
            shapes: Vec::new(),
            classes: Vec::new(),
            cluster: Cluster::new(Rules { strategy: config.strategy, balance: config.balance }),
            pending: Pending::default(),
            pods: Vec::new(),
            created: 0,
            client: ApiClient::new(config.client_burst, config.client_per_second),
            calls: VecDeque::new(),
            held_up_until: SimTime::ZERO,
            work_since: SimTime::ZERO,
            freed: false,
            attempts: 0,
            bindings: 0,
        }
    }

    /// The id of `shape`; equal shapes get equal ids. Compares with every known shape: keep the id.
    pub fn register_shape(&mut self, shape: PodShape) -> ShapeId {
        if let Some(known) = self.shapes.iter().position(|known| *known == shape) {
            return ShapeId(known as u32);
        }
        self.cluster.learn_shape(&shape, &self.classes);
        self.pending.learn_shape(shape.priority);
        self.shapes.push(shape);
        ShapeId(self.shapes.len() as u32 - 1)
    }

    /// The id of `class`; equal classes get equal ids. Compares with every known class: keep the id.
    pub fn register_node_class(&mut self, class: NodeClass) -> NodeClassId {
        if let Some(known) = self.classes.iter().position(|known| *known == class) {
            return NodeClassId(known as u32);
        }
        for (row, shape) in self.cluster.rows.iter_mut().zip(&self.shapes) {
            row.learn_class(shape, &class);
        }
        self.classes.push(class);
        NodeClassId(self.classes.len() as u32 - 1)
    }

    /// A node object appears (ready or not, see [`NodeInfo::hold`]). Failed pods that the empty node would suit are
    /// tried again, be it ready or not: that may change their message.
    pub fn add_node(&mut self, now: SimTime, node: NodeKey, info: NodeInfo) {
        self.cluster.add(node, &info);
        let Some(slot) = self.cluster.slot(node) else { return };
        let (rows, load) = (&self.cluster.rows, &self.cluster.nodes[slot as usize].load);
        self.pending.wake_up(now, |shape, rejectors| {
            let row = &rows[shape as usize];
            let suits = [
                (reason::FIT, load.fits_empty(row.footprint)),
                (reason::TAINT, !row.is_tainted(info.class.0, info.hold)),
                (reason::AFFINITY, row.has_affinity(info.class.0)),
                (reason::UNSCHEDULABLE, info.hold.0 & NodeHold::UNSCHEDULABLE.0 == 0),
            ];
            suits.into_iter().any(|(plugin, suits)| suits && rejectors & plugin != 0)
        });
        self.note_work(now);
    }

    /// The node object is gone; pods still on it are forgotten with it (their later deletion is harmless).
    pub fn remove_node(&mut self, _now: SimTime, node: NodeKey) {
        if let Some(slot) = self.cluster.slot(node) {
            self.cluster.remove(slot);
        }
    }

    /// The node is ready and its start-up taints are gone.
    pub fn node_ready(&mut self, now: SimTime, node: NodeKey) {
        self.lift(now, node, NodeHold::NOT_READY);
    }

    /// The node gets the taint karpenter.sh/disrupted:NoSchedule.
    pub fn cordon(&mut self, _now: SimTime, node: NodeKey) {
        if let Some(slot) = self.cluster.slot(node) {
            let hold = self.cluster.nodes[slot as usize].hold;
            self.cluster.set_hold(slot, NodeHold(hold.0 | NodeHold::DISRUPTED.0));
        }
    }

    /// The taint karpenter.sh/disrupted is taken off again.
    pub fn uncordon(&mut self, now: SimTime, node: NodeKey) {
        self.lift(now, node, NodeHold::DISRUPTED);
    }

    fn lift(&mut self, now: SimTime, node: NodeKey, hold: NodeHold) {
        let Some(slot) = self.cluster.slot(node) else { return };
        let before = self.cluster.nodes[slot as usize];
        let left = NodeHold(before.hold.0 & !hold.0);
        self.cluster.set_hold(slot, left);
        let rows = &self.cluster.rows;
        self.pending.wake_up(now, |shape, rejectors| {
            let tainted = |hold| rows[shape as usize].is_tainted(before.class, hold);
            rejectors & reason::TAINT != 0 && tainted(before.hold) && !tainted(left)
        });
        self.note_work(now);
    }

    /// A pod without a node appears; it is tried at the next wake, which is due at once.
    pub fn pod_created(&mut self, now: SimTime, pod: PodKey, shape: ShapeId) {
        if self.pods.len() <= pod.0 as usize {
            self.pods.resize(pod.0 as usize + 1, Pod::default());
        }
        debug_assert_eq!(self.pods[pod.0 as usize].state, PodState::Absent, "a pod is created once");
        self.created += 1;
        self.pods[pod.0 as usize] = Pod {
            state: PodState::Pending,
            shape: shape.0,
            stamp: self.pending.add(now, shape.0, pod),
            ordinal: self.created,
            ..Pod::default()
        };
        self.note_work(now);
    }

    /// The pod reached a terminal phase: what it requested is free, though the object may stay.
    pub fn pod_finished(&mut self, now: SimTime, pod: PodKey) {
        self.leave(now, pod, PodState::Finished);
    }

    /// The pod object is gone, bound or not. Frees what it requested unless it had finished before.
    pub fn pod_deleted(&mut self, now: SimTime, pod: PodKey) {
        self.leave(now, pod, PodState::Absent);
    }

    fn leave(&mut self, now: SimTime, key: PodKey, state: PodState) {
        let Some(record) = self.pods.get_mut(key.0 as usize) else { return };
        let pod = *record;
        record.state = state;
        match pod.state {
            PodState::Pending => {
                let pods = &self.pods;
                self.pending.discard(pod.shape, |entry| is_live(pods, entry));
            }
            PodState::Placed if self.cluster.nodes[pod.slot as usize].generation == pod.generation => {
                if self.cluster.nodes[pod.slot as usize].alive {
                    self.cluster.release(pod.slot, self.cluster.rows[pod.shape as usize].footprint);
                    self.freed = true;
                    self.note_work(now);
                }
            }
            PodState::Placed | PodState::Absent | PodState::Finished => {}
        }
    }

    fn note_work(&mut self, now: SimTime) {
        self.work_since = self.work_since.max(now);
    }

    /// When [`Self::wake`] is to be called next; [`SimTime::NEVER`] if nothing is due.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        let call = self.calls.front().map_or(SimTime::NEVER, |call| at(&call.outcome));
        let work = if self.pending.has_work() || (self.freed && self.pending.any_waiting()) {
            self.work_since.max(self.held_up_until)
        } else {
            SimTime::NEVER
        };
        call.min(work).min(self.pending.timer().max(self.held_up_until))
    }

    /// Does everything due at `now` and appends what the API server learned at `now`.
    pub fn wake(&mut self, now: SimTime, out: &mut Vec<SchedulingOutcome>) {
        self.deliver(now, out);
        if std::mem::take(&mut self.freed) {
            self.pending.wake_up(now, |_, rejectors| rejectors & reason::FIT != 0);
        }
        self.pending.tick(now);
        while self.held_up_until <= now {
            let pods = &self.pods;
            let Some((shape, entry)) = self.pending.pop(now, |entry| is_live(pods, entry)) else { break };
            self.attempt(now, shape, entry);
        }
        self.deliver(now, out);
    }

    fn attempt(&mut self, now: SimTime, shape: u32, entry: Entry) {
        self.attempts += 1;
        let pod = &mut self.pods[entry.pod.0 as usize];
        pod.attempts = pod.attempts.saturating_add(1);
        let tie = (pod.ordinal << 8) | u64::from(pod.attempts);
        let streams = &self.streams;
        match self.cluster.choose(shape as usize, || streams.entity(TIE, tie).next_u64()) {
            Some(slot) => {
                let node = self.cluster.nodes[slot as usize];
                pod.state = PodState::Placed;
                pod.slot = slot;
                pod.generation = node.generation;
                let ordinal = pod.ordinal;
                self.bindings += 1;
                self.cluster.occupy(slot, self.cluster.rows[shape as usize].footprint);
                let at = self.client.call(now) + self.config.call_latency;
                let outcome = SchedulingOutcome::Bound { pod: entry.pod, node: node.key, at };
                self.calls.push_back(Call { ordinal, outcome });
            }
            None => self.refuse(now, shape, entry),
        }
    }

    fn refuse(&mut self, now: SimTime, shape: u32, entry: Entry) {
        let row = &self.cluster.rows[shape as usize];
        let message = row.message(self.cluster.order.len());
        let (stamp, told) = self.pending.fail(now, shape, entry, row.rejectors(), message);
        let pod = &mut self.pods[entry.pod.0 as usize];
        pod.stamp = stamp;
        if told == Message::Same {
            return;
        }
        let sent = self.client.call(now);
        self.held_up_until = sent;
        let outcome = SchedulingOutcome::Unschedulable {
            pod: entry.pod,
            at: sent + self.config.call_latency,
            changed: told == Message::Changed,
        };
        self.calls.push_back(Call { ordinal: pod.ordinal, outcome });
    }

    /// Hands out the calls that are through, except those of pods that are gone and bindings to nodes that are gone:
    /// the pod of such a binding goes back into the queue.
    fn deliver(&mut self, now: SimTime, out: &mut Vec<SchedulingOutcome>) {
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
            }
            out.push(call.outcome);
        }
    }

    /// Work done so far.
    #[must_use]
    pub fn work(&self) -> SchedulerWork {
        SchedulerWork {
            attempts: self.attempts,
            bindings: self.bindings,
            nodes_considered: self.cluster.considered,
            scores_computed: self.cluster.computed,
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &SchedulerConfig {
        &self.config
    }

    /// Whether pods of `shape` prefer some nodes: else plugin `NodeAffinity` skips its score.
    pub(super) fn has_preferences(&self, shape: ShapeId) -> bool {
        !self.shapes[shape.0 as usize].preferred_affinity.is_empty()
    }

    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.cluster.order.len()
    }
}

fn at(outcome: &SchedulingOutcome) -> SimTime {
    match outcome {
        SchedulingOutcome::Bound { at, .. } | SchedulingOutcome::Unschedulable { at, .. } => *at,
    }
}

/// Whether a queue entry is of a pod that is there and waits.
fn is_live(pods: &[Pod], entry: &Entry) -> bool {
    let pod = &pods[entry.pod.0 as usize];
    pod.state == PodState::Pending && pod.stamp == entry.stamp
}

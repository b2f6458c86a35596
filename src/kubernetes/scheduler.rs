//! kube-scheduler as the simulation drives it: its inputs (shapes, nodes, pods), its wake-ups and its outcomes. The
//! choice of a node is `cluster`'s, the order of pods `pending`'s.
//!
//! One attempt takes no time by itself. What takes time are the API calls: a binding is sent in the background,
//! but telling a pod that it is unschedulable holds the scheduler up until the call is through (`schedule_one.go`
//! `handleSchedulingFailure` → `updatePod`; `SchedulerAsyncAPICalls` is off by default up to 1.37). So a burst of
//! unschedulable pods delays the bindings behind it. A pod that failed again with the message it has costs no call.

use std::collections::VecDeque;

use rand::Rng;

use super::batch::Entry;
use super::calls::{Call, at};
use super::client::ApiClient;
use super::cluster::Cluster;
use super::pending::{Message, Pending, Trial};
use super::preemption::{Nomination, Preemption};
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
pub(super) enum PodState {
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
pub(super) struct Pod {
    pub(super) state: PodState,
    pub(super) attempts: u8,
    /// It is to be deleted for a pod of higher priority.
    pub(super) doomed: bool,
    /// It is being deleted.
    pub(super) terminating: bool,
    /// Victims this pod waits for.
    pub(super) victims: u16,
    pub(super) shape: u32,
    pub(super) slot: u32,
    pub(super) generation: u32,
    /// Stamp of its entry in the queue.
    pub(super) stamp: u64,
    /// Counts pods as they are created: names the pod for the tie-break, and tells it from a later one of its key.
    pub(super) ordinal: u64,
}

/// The scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub(super) config: SchedulerConfig,
    pub(super) streams: Streams,
    pub(super) shapes: Vec<PodShape>,
    pub(super) classes: Vec<NodeClass>,
    pub(super) cluster: Cluster,
    pub(super) pending: Pending,
    pub(super) pods: Vec<Pod>,
    created: u64,
    pub(super) client: ApiClient,
    pub(super) calls: VecDeque<Call>,
    pub(super) held_up_until: SimTime,
    /// When the queue got something to try.
    pub(super) work_since: SimTime,
    /// Requests became free since the queue was last told.
    freed: bool,
    pub(super) preemptions: Vec<Preemption>,
    /// Pods that room is being made for.
    pub(super) nominations: Vec<Nomination>,
    /// Who each doomed pod gives way to.
    pub(super) doomed: Vec<(PodKey, PodKey)>,
    /// Priorities in use, sorted: with one only nobody can be preempted.
    pub(super) priorities: Vec<i32>,
    /// Disruptions that each PodDisruptionBudget allows.
    pub(super) budgets: Vec<u32>,
    pub(super) calls_made: u64,
    messages_sent: u64,
    /// Those not even taken up (see `retry`) included.
    pub(super) retries_in_vain: u64,
    bindings: u64,
}

impl Scheduler {
    /// A scheduler without nodes; `streams` break ties between equally good nodes.
    #[must_use]
    pub fn new(config: SchedulerConfig, streams: Streams) -> Self {
        Self {
            client: ApiClient::new(config.client_burst, config.client_per_second),
            cluster: Cluster::new(Rules { strategy: config.strategy, balance: config.balance }),
            config,
            streams,
            shapes: Vec::new(),
            classes: Vec::new(),
            pending: Pending::default(),
            pods: Vec::new(),
            created: 0,
            calls: VecDeque::new(),
            held_up_until: SimTime::ZERO,
            work_since: SimTime::ZERO,
            freed: false,
            preemptions: Vec::new(),
            nominations: Vec::new(),
            doomed: Vec::new(),
            priorities: Vec::new(),
            budgets: Vec::new(),
            calls_made: 0,
            messages_sent: 0,
            retries_in_vain: 0,
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
        if let Err(place) = self.priorities.binary_search(&shape.priority) {
            self.priorities.insert(place, shape.priority);
        }
        self.shapes.push(shape);
        self.learn_neighbours();
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
        if !self.cluster.neighbours.is_idle() {
            self.cluster.neighbours.learn_class(&class);
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
                (reason::NEIGHBOURS, true),
            ];
            suits.into_iter().any(|(plugin, suits)| suits && rejectors & plugin != 0)
        });
        self.note_work(now);
    }

    /// The node object is gone; pods still on it are forgotten with it (their later deletion is harmless).
    pub fn remove_node(&mut self, _now: SimTime, node: NodeKey) {
        if let Some(slot) = self.cluster.slot(node) {
            self.nominations.retain(|nomination| nomination.slot != slot);
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
        record.doomed = false;
        if pod.doomed {
            self.mourn(key);
        }
        self.withdraw(key);
        match pod.state {
            PodState::Pending => {
                let pods = &self.pods;
                self.pending.discard(pod.shape, |entry| is_live(pods, entry));
            }
            PodState::Placed if self.cluster.nodes[pod.slot as usize].generation == pod.generation => {
                if self.cluster.nodes[pod.slot as usize].alive {
                    self.cluster.release(pod.slot, self.cluster.rows[pod.shape as usize].footprint);
                    self.freed = true;
                    self.neighbour_left(now, &pod);
                    self.note_work(now);
                }
            }
            PodState::Placed | PodState::Absent | PodState::Finished => {}
        }
    }

    pub(super) fn note_work(&mut self, now: SimTime) {
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
        if std::mem::take(&mut self.freed) && !self.would_all_fail_again(now) {
            self.pending.wake_up(now, |_, rejectors| rejectors & reason::FIT != 0);
        }
        self.pending.tick(now);
        while self.held_up_until <= now {
            let pods = &self.pods;
            let Some(trial) = self.pending.pop(now, |entry| is_live(pods, entry)) else { break };
            self.attempt(now, trial);
        }
        self.deliver(now, out);
    }

    fn attempt(&mut self, now: SimTime, trial: Trial) {
        let Trial { shape, entry, .. } = trial;
        let nominated = self.nominated_place(entry.pod);
        let pod = &mut self.pods[entry.pod.0 as usize];
        pod.attempts = pod.attempts.saturating_add(1);
        let tie = (pod.ordinal << 8) | u64::from(pod.attempts);
        let streams = &self.streams;
        let choose =
            |cluster: &mut Cluster| cluster.choose(shape as usize, || streams.entity(TIE, tie).next_u64());
        match nominated.or_else(|| choose(&mut self.cluster)) {
            Some(slot) => {
                let node = self.cluster.nodes[slot as usize];
                pod.state = PodState::Placed;
                pod.slot = slot;
                pod.generation = node.generation;
                let ordinal = pod.ordinal;
                self.bindings += 1;
                self.cluster.occupy(slot, self.cluster.rows[shape as usize].footprint);
                self.cluster.neighbours.add(slot, shape as usize);
                self.withdraw(entry.pod);
                let at = self.call(now);
                self.send(Call {
                    ordinal,
                    outcome: SchedulingOutcome::Bound { pod: entry.pod, node: node.key, at },
                });
                self.held_up_until = now + self.config.placing_time;
            }
            None => self.refuse(now, trial),
        }
    }

    fn refuse(&mut self, now: SimTime, trial: Trial) {
        let Trial { shape, entry, .. } = trial;
        // Every pod that may preempt is tried by itself: what one of them fails with, the next may not.
        let trial = if self.outranks_some(shape) { trial.alone() } else { trial };
        let (rejectors, message) = self.cluster.failure(shape as usize);
        let told = self.pending.fail(now, trial, rejectors, message);
        let before = self.nomination(entry.pod);
        self.preempt(now, shape, entry.pod);
        let nominated = self.nomination(entry.pod);
        if told == Message::Same && nominated == before {
            self.retries_in_vain += 1;
            return;
        }
        self.messages_sent += 1;
        let at = self.call(now);
        // The scheduler waits for the answer.
        self.held_up_until = at;
        let outcome = SchedulingOutcome::Unschedulable {
            pod: entry.pod,
            at,
            changed: told != Message::First,
            nominated,
        };
        self.send(Call { ordinal: self.pods[entry.pod.0 as usize].ordinal, outcome });
    }

    /// The node that the pod was placed on, be the binding through or not.
    #[must_use]
    pub fn node_of(&self, pod: PodKey) -> Option<NodeKey> {
        let pod = self.pods.get(pod.0 as usize)?;
        let node = self.cluster.nodes.get(pod.slot as usize)?;
        (pod.state == PodState::Placed && node.generation == pod.generation).then_some(node.key)
    }

    /// Work done so far.
    #[must_use]
    pub fn work(&self) -> SchedulerWork {
        SchedulerWork {
            attempts: self.cluster.searches,
            messages_sent: self.messages_sent,
            retries_in_vain: self.retries_in_vain,
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
}

/// Whether a queue entry is of a pod that is there and waits.
fn is_live(pods: &[Pod], entry: &Entry) -> bool {
    let pod = &pods[entry.pod.0 as usize];
    pod.state == PodState::Pending && pod.stamp == entry.stamp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::{CallLatency, Footprint, Taint, TaintEffect};
    use crate::units::Resources;

    struct World {
        scheduler: Scheduler,
        class: NodeClassId,
        out: Vec<SchedulingOutcome>,
    }

    fn at_ms(ms: u64) -> SimTime {
        SimTime::from_ms(ms)
    }

    impl World {
        fn new(config: SchedulerConfig) -> Self {
            let mut scheduler = Scheduler::new(config, Streams::new(7, 0));
            let class = scheduler.register_node_class(NodeClass::default());
            Self { scheduler, class, out: Vec::new() }
        }

        fn shape(&mut self, cpu: u32, memory: u32) -> ShapeId {
            self.scheduler.register_shape(PodShape::of(Resources::new(cpu, memory)))
        }

        fn node(&mut self, ms: u64, key: u32, cpu: u32, hold: NodeHold) {
            let info = NodeInfo {
                class: self.class,
                zone: 0,
                allocatable: Resources::new(cpu, cpu * 4),
                pods: 110,
                daemons: Footprint::default(),
                daemon_pods: 0,
                hold,
            };
            self.scheduler.add_node(at_ms(ms), NodeKey(key), info);
        }

        fn pods(&mut self, ms: u64, keys: std::ops::Range<u32>, shape: ShapeId) {
            keys.for_each(|key| self.scheduler.pod_created(at_ms(ms), PodKey(key), shape));
        }

        /// Everything due up to `ms`, in (time, pod, what) form.
        fn run(&mut self, ms: u64) -> Vec<(u64, u32, &'static str)> {
            self.out.clear();
            while self.scheduler.next_wakeup() <= at_ms(ms) {
                self.scheduler.wake(self.scheduler.next_wakeup(), &mut self.out);
            }
            let plain = |outcome: &SchedulingOutcome| match *outcome {
                SchedulingOutcome::Bound { pod, at, .. } => (at.as_ms(), pod.0, "bound"),
                SchedulingOutcome::Unschedulable { pod, at, changed: true, .. } => {
                    (at.as_ms(), pod.0, "changed")
                }
                SchedulingOutcome::Unschedulable { pod, at, .. } => (at.as_ms(), pod.0, "unschedulable"),
            };
            self.out.iter().map(plain).collect()
        }
    }

    #[test]
    fn a_burst_is_marked_as_fast_as_the_api_client_may_call() {
        let mut world = World::new(SchedulerConfig::default());
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 500, NodeHold::NONE);
        world.pods(0, 0..200, shape);
        let out = world.run(60_000);
        assert_eq!(out.len(), 200);
        assert!(out.iter().all(|outcome| outcome.2 == "unschedulable"));
        assert_eq!(
            (out[99], out[100], out[199].0),
            ((0, 99, "unschedulable"), (20, 100, "unschedulable"), 2000)
        );
    }

    #[test]
    fn failures_to_be_told_hold_up_the_bindings_behind_them() {
        let mut world = World::new(SchedulerConfig::default());
        let (big, small) = (world.shape(9000, 2000), world.shape(100, 200));
        world.node(0, 0, 8000, NodeHold::NONE);
        world.pods(0, 0..150, big);
        world.pods(0, 150..151, small);
        let out = world.run(60_000);
        assert_eq!(out[150], (1020, 150, "bound"));
    }

    #[test]
    fn a_freed_place_goes_to_the_pod_that_waits_longest_and_the_rest_costs_no_call() {
        let mut world = World::new(SchedulerConfig::default());
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 4000, NodeHold::NONE);
        world.pods(0, 0..5000, shape);
        let first = world.run(200_000);
        assert_eq!(first.iter().filter(|outcome| outcome.2 == "bound").count(), 4);
        let tried = |world: &World| {
            let work = world.scheduler.work();
            work.attempts + work.messages_sent + work.retries_in_vain
        };
        world.scheduler.pod_deleted(at_ms(200_000), PodKey(2));
        assert_eq!(world.run(200_000), [(200_000, 4, "bound")]);
        // Told one after another, they failed one after another; from then on together.
        let before = tried(&world);
        world.scheduler.pod_deleted(at_ms(201_000), PodKey(3));
        assert_eq!(world.run(201_000), [(201_000, 5, "bound")]);
        assert!(tried(&world) - before <= 2, "one pod fails for all of its batch");
    }

    #[test]
    fn a_node_that_registers_changes_the_message_and_its_readiness_binds() {
        let mut world = World::new(SchedulerConfig::default());
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 500, NodeHold::NONE);
        world.pods(0, 0..2, shape);
        assert_eq!(world.run(10), [(0, 0, "unschedulable"), (0, 1, "unschedulable")]);
        world.node(30_000, 1, 1500, NodeHold::NOT_READY);
        assert_eq!(world.run(30_000), [(30_000, 0, "changed"), (30_000, 1, "changed")]);
        world.scheduler.node_ready(at_ms(38_000), NodeKey(1));
        // Both are tried, the pod left over is told another reason at once (measured rule 3).
        assert_eq!(world.run(38_000), [(38_000, 0, "bound"), (38_000, 1, "changed")]);
    }

    #[test]
    fn without_any_node_a_pod_is_tried_again_after_its_back_off() {
        let mut world = World::new(SchedulerConfig::default());
        let shape = world.shape(1000, 2000);
        world.pods(300, 0..1, shape);
        assert_eq!(world.run(400), [(300, 0, "unschedulable")]);
        world.node(500, 0, 4000, NodeHold::NONE);
        assert_eq!(
            world.run(20_000),
            [(2000, 0, "bound")],
            "no event moves it, and the queue looks on whole seconds, after the one in which the back-off ended"
        );
    }

    #[test]
    fn higher_priority_goes_first_and_a_cordoned_node_takes_nobody() {
        let mut world = World::new(SchedulerConfig::default());
        let low = world.shape(1000, 2000);
        let urgent = PodShape { priority: 10, ..PodShape::of(Resources::new(1000, 2000)) };
        let high = world.scheduler.register_shape(urgent);
        world.node(0, 0, 1500, NodeHold::NONE);
        world.scheduler.cordon(at_ms(0), NodeKey(0));
        world.pods(0, 0..1, low);
        world.pods(0, 1..2, high);
        assert_eq!(world.run(0), [(0, 1, "unschedulable"), (0, 0, "unschedulable")]);
        world.scheduler.uncordon(at_ms(5000), NodeKey(0));
        assert_eq!(world.run(5000), [(5000, 1, "bound"), (5000, 0, "changed")]);
    }

    #[test]
    fn a_young_pod_overtakes_one_that_failed_often() {
        let mut world = World::new(SchedulerConfig::default());
        let (old, young) = (world.shape(1000, 2000), world.shape(900, 2000));
        let filler = world.shape(2000, 100);
        world.node(0, 0, 2100, NodeHold::NONE);
        world.node(0, 1, 300, NodeHold::NONE);
        world.pods(0, 0..1, filler);
        let blip = world.shape(300, 100);
        world.pods(0, 1..2, old);
        world.run(0);
        // The old pod fails at every deletion elsewhere and backs off longer each time.
        for (ms, key) in [(1000, 10), (4000, 11), (9000, 12)] {
            world.pods(ms, key..key + 1, blip);
            world.run(ms);
            world.scheduler.pod_deleted(at_ms(ms + 500), PodKey(key));
            world.run(ms + 500);
        }
        world.pods(10_000, 2..3, young);
        world.run(10_000);
        world.scheduler.pod_deleted(at_ms(13_000), PodKey(0));
        assert_eq!(world.run(13_000), [(13_000, 2, "bound"), (13_000, 1, "bound")]);
    }

    #[test]
    fn a_back_off_doubles_up_to_ten_seconds_and_the_one_that_ends_first_is_tried_first() {
        let mut world = World::new(SchedulerConfig::default());
        let (old, middle) = (world.shape(1000, 2000), world.shape(1100, 2000));
        let (filler, blip) = (world.shape(2000, 100), world.shape(300, 100));
        world.node(0, 0, 2000, NodeHold::NONE);
        world.node(0, 1, 300, NodeHold::NONE);
        world.pods(0, 0..1, filler);
        world.pods(0, 1..2, old);
        world.run(0);
        let fail = |world: &mut World, ms: u64| {
            world.pods(ms, 10..11, blip);
            world.run(ms);
            world.scheduler.pod_deleted(at_ms(ms + 500), PodKey(10));
            world.run(ms + 500);
        };
        fail(&mut world, 1000);
        world.pods(2000, 2..3, middle);
        world.run(2000);
        for ms in [8000, 20_000, 40_000] {
            fail(&mut world, ms);
        }
        // Five failures against four: ten seconds against eight, from the same instant on.
        world.scheduler.pod_deleted(at_ms(42_000), PodKey(0));
        assert_eq!(world.run(42_000)[0], (42_000, 2, "bound"));
    }

    #[test]
    fn placeholders_of_low_priority_give_way_to_a_job_but_no_more_of_them_than_needed() {
        let mut world = World::new(SchedulerConfig::default());
        let placeholder = PodShape { priority: -10, ..PodShape::of(Resources::new(1000, 1000)) };
        let placeholder = world.scheduler.register_shape(placeholder);
        let job = world.shape(2000, 2000);
        world.node(0, 0, 4000, NodeHold::NONE);
        world.pods(0, 0..4, placeholder);
        world.run(0);
        world.pods(0, 4..5, job);
        assert_eq!(world.run(0).last(), Some(&(0, 4, "unschedulable")));
        let victims: Vec<u32> =
            world.scheduler.take_preemptions().map(|preemption| preemption.victim.0).collect();
        assert_eq!(victims, [2, 3], "the youngest go");
        world.scheduler.pod_deleted(at_ms(1000), PodKey(2));
        assert_eq!(world.run(1000), [], "half is not enough, and nobody else has to go");
        assert_eq!(world.scheduler.take_preemptions().count(), 0);
        world.scheduler.pod_deleted(at_ms(2000), PodKey(3));
        assert_eq!(world.run(2000), [(2000, 4, "bound")]);
    }

    #[test]
    fn the_room_that_victims_leave_is_kept_from_pods_of_no_higher_priority() {
        let mut world = World::new(SchedulerConfig::default());
        let of = |cpu, priority| PodShape { priority, ..PodShape::of(Resources::new(cpu, 1000)) };
        let placeholder = world.scheduler.register_shape(of(1000, -10));
        let job = world.scheduler.register_shape(of(2000, 0));
        let urgent = world.scheduler.register_shape(of(1000, 5));
        world.node(0, 0, 4000, NodeHold::NONE);
        world.pods(0, 0..4, placeholder);
        world.run(0);
        world.pods(0, 4..5, job);
        world.run(0);
        let nominated = world.out.iter().any(|outcome| {
            matches!(outcome, SchedulingOutcome::Unschedulable { nominated: Some(NodeKey(0)), .. })
        });
        assert!(nominated);
        world.scheduler.take_preemptions();
        world.scheduler.pod_deleted(at_ms(1000), PodKey(3));
        world.pods(1000, 5..6, placeholder);
        assert_eq!(world.run(1000), [(1000, 5, "unschedulable")], "one core is free, but kept");
        world.pods(1500, 6..7, urgent);
        assert_eq!(world.run(1500), [(1500, 6, "bound")], "not from what is more important");
        world.scheduler.pod_deleted(at_ms(2000), PodKey(2));
        assert!(world.run(2000).iter().all(|outcome| outcome.2 != "bound"), "now a core is lacking");
        let more: Vec<u32> = world.scheduler.take_preemptions().map(|one| one.victim.0).collect();
        assert_eq!(more, [1]);
        world.scheduler.pod_deleted(at_ms(3000), PodKey(1));
        assert_eq!(world.run(3000)[0], (3000, 4, "bound"));
        assert!(world.scheduler.nominations.is_empty());
    }

    #[test]
    fn keys_may_be_used_again_and_what_was_on_a_removed_node_is_not_counted_on_the_next() {
        let mut world = World::new(SchedulerConfig::default());
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 1500, NodeHold::NONE);
        world.pods(0, 0..1, shape);
        world.run(0);
        world.scheduler.remove_node(at_ms(1), NodeKey(0));
        world.node(1, 0, 1500, NodeHold::NONE);
        world.scheduler.pod_deleted(at_ms(2), PodKey(0));
        world.pods(3, 0..2, shape);
        assert_eq!(world.run(3), [(3, 0, "bound"), (3, 1, "unschedulable")]);
        world.scheduler.pod_finished(at_ms(4), PodKey(0));
        assert_eq!(world.run(4), [(4, 1, "bound")], "a finished pod frees its place");
        world.scheduler.pod_deleted(at_ms(5), PodKey(0));
        world.pods(6, 0..1, shape);
        assert_eq!(world.run(6), [(6, 0, "unschedulable")], "and frees it once");
    }

    #[test]
    fn a_binding_on_its_way_to_a_node_that_goes_is_taken_back() {
        let latency = crate::units::SimDuration::from_ms(50);
        let mut world = World::new(SchedulerConfig {
            call_latency: CallLatency::Constant(latency),
            ..SchedulerConfig::default()
        });
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 1500, NodeHold::NONE);
        world.pods(0, 0..1, shape);
        assert_eq!(world.run(10), []);
        world.scheduler.remove_node(at_ms(20), NodeKey(0));
        world.node(30, 1, 1500, NodeHold::NONE);
        assert_eq!(world.run(200), [(100, 0, "bound")]);
    }

    #[test]
    fn bindings_whose_calls_take_longer_come_through_later_than_those_sent_after_them() {
        let seen = [2, 40].map(crate::units::SimDuration::from_ms);
        let call_latency = CallLatency::Observed(seen.into());
        let mut world = World::new(SchedulerConfig { call_latency, ..SchedulerConfig::default() });
        let shape = world.shape(10, 20);
        world.node(0, 0, 4000, NodeHold::NONE);
        world.pods(0, 0..40, shape);
        let out = world.run(1000);
        assert_eq!(out.len(), 40);
        let quick = out.iter().take_while(|outcome| outcome.0 == 2).count();
        assert!((10..=30).contains(&quick), "{quick} of 40 by the toss of a coin");
        assert!(out[quick..].iter().all(|outcome| outcome.0 == 40));
        assert!(
            out[..quick].is_sorted() && out[quick..].is_sorted(),
            "those of one instant as they were sent"
        );
    }

    #[test]
    fn pods_left_alone_are_tried_again_after_five_minutes() {
        let mut world = World::new(SchedulerConfig::default());
        let taint = Taint { key: "ci".into(), value: String::new(), effect: TaintEffect::NoSchedule };
        world.class = world.scheduler.register_node_class(NodeClass { labels: vec![], taints: vec![taint] });
        let shape = world.shape(1000, 2000);
        world.node(0, 0, 1500, NodeHold::NONE);
        world.pods(0, 0..1, shape);
        world.run(1000);
        let refused = world.scheduler.work().retries_in_vain;
        world.run(329_999);
        assert_eq!(world.scheduler.work().retries_in_vain, refused, "looked at every half minute");
        assert_eq!(world.run(330_000), [], "with the same message");
        assert_eq!(world.scheduler.work().retries_in_vain, refused + 1);
    }

    #[test]
    fn requests_that_become_free_where_no_waiting_pod_fits_cause_no_attempt() {
        let mut world = World::new(SchedulerConfig::default());
        let (small, big) = (world.shape(250, 500), world.shape(1500, 1000));
        world.node(0, 0, 2000, NodeHold::NONE);
        world.pods(0, 0..8, small);
        world.pods(0, 8..10, big);
        world.run(1000);
        let before = world.scheduler.work();
        for pod in 0..5 {
            world.scheduler.pod_deleted(at_ms(2000 + u64::from(pod)), PodKey(pod));
            assert_eq!(world.run(2000 + u64::from(pod)), []);
        }
        let after = world.scheduler.work();
        assert_eq!((after.attempts, after.messages_sent), (before.attempts, before.messages_sent));
        assert_eq!(after.retries_in_vain - before.retries_in_vain, 5, "one for each pod that left");
        world.scheduler.pod_deleted(at_ms(3000), PodKey(5));
        assert_eq!(world.run(3000), [(3000, 8, "bound")]);
    }
}

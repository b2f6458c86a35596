//! When a pass runs and what comes of it: triggers, the batch window, the sync gate, nominations, claims to create.

use std::collections::VecDeque;

use super::batcher::{BatchWindow, Batcher};
use super::cluster::{Cluster, NodeId, NodeStage};
use super::pods::{PodClassId, PodId};
use super::solver::{ClaimRequest, PassInput, PassPod, PassResults, PodError, PodOrigin, Solver};
use crate::units::{SimDuration, SimTime};

/// A pending pod triggers again this long after its last trigger, a disrupted node likewise
/// (core `provisioning/controller.go`, v1.15.0).
pub const TRIGGERS_AGAIN_AFTER: SimDuration = SimDuration::from_secs(10);

/// What a wake-up of the provisioner brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A batch closed while some claim was not launched yet: it is dropped, its pods trigger again by themselves.
    BatchDropped,
    /// A pass ran.
    PassRan {
        /// Pods that it was to place.
        pods: u32,
        /// Pods that it put on existing nodes.
        placed: u32,
        /// Claims that it opened.
        claims: u32,
    },
    /// Create this NodeClaim, launch it, and tell the cluster of it.
    CreateClaim(ClaimRequest),
    /// The pass expects this pending pod on this node.
    Nominated {
        /// The pod.
        pod: PodId,
        /// The node.
        node: NodeId,
    },
    /// The pass found no place for this pod.
    Unplaced(PodError),
}

/// Something that triggers: a pending pod or a node under disruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    Pod(PodId),
    Node(NodeId),
}

impl Trigger {
    /// A number that no other trigger has.
    const fn key(self) -> u64 {
        match self {
            Self::Pod(pod) => pod.0 as u64,
            Self::Node(node) => node.0 as u64 | 1 << 32,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Distinguishes this pod's queue entries from older ones under the same number.
    ticket: u64,
    /// Its place in `queue`.
    place: u32,
}

/// The provisioning controller.
#[derive(Clone, Debug)]
pub struct Provisioner {
    batcher: Batcher,
    /// Triggers in the order in which they come due again: all wait equally long, so the order is that of arrival.
    again: VecDeque<(SimTime, u64, Trigger)>,
    disrupted: Vec<Option<u64>>,
    next_ticket: u64,
    pending: Vec<Option<Pending>>,
    /// The pending pods, in no particular order; a pass sorts them.
    queue: Vec<PassPod>,
    results: PassResults,
    with_displaced: Vec<PassPod>,
    keeps_timers: bool,
}

impl Provisioner {
    /// Nothing pending.
    #[must_use]
    pub fn new(window: BatchWindow) -> Self {
        Self {
            batcher: Batcher::new(window),
            again: VecDeque::new(),
            disrupted: Vec::new(),
            next_ticket: 0,
            pending: Vec::new(),
            queue: Vec::new(),
            results: PassResults::default(),
            with_displaced: Vec::new(),
            keeps_timers: false,
        }
    }

    /// A pod that triggers between two of its repeats keeps the time of the next one, as in versions built on
    /// controller-runtime before 0.23 (Karpenter 1.8.2: 0.22.1), whose work queue keeps the earlier of two delays
    /// (client-go `delaying_queue.go`). Later ones (Karpenter 1.15: 0.24.1) take the waiting repeat itself at once, so that
    /// the next one is 10 s after the event (controller-runtime `priorityqueue.go`).
    #[must_use]
    pub fn keeping_timers(mut self) -> Self {
        self.keeps_timers = true;
        self
    }

    /// The kube-scheduler marked a pod unschedulable, or changed the message of a mark: the pod triggers at once and
    /// every 10 s until it is bound or gone. `uid` orders pods of equal requests and creation second.
    pub fn pod_unschedulable(
        &mut self,
        now: SimTime,
        pod: PodId,
        class: PodClassId,
        created_at: SimTime,
        uid: u64,
    ) {
        let index = pod.0 as usize;
        if index >= self.pending.len() {
            self.pending.resize(index + 1, None);
        }
        let ticket = self.ticket();
        if let Some(known) = &mut self.pending[index] {
            if self.keeps_timers {
                self.batcher.trigger(now, Trigger::Pod(pod).key());
            } else {
                known.ticket = ticket;
                self.trigger(now, ticket, Trigger::Pod(pod));
            }
            return;
        }
        self.pending[index] = Some(Pending { ticket, place: self.queue.len() as u32 });
        self.queue.push(PassPod { pod, class, created_at, uid, origin: PodOrigin::Pending });
        self.trigger(now, ticket, Trigger::Pod(pod));
    }

    /// A pod was bound or deleted: it no longer triggers. Nothing happens where it was not pending.
    pub fn pod_settled(&mut self, pod: PodId) {
        let Some(known) = self.pending.get_mut(pod.0 as usize).and_then(Option::take) else { return };
        self.queue.swap_remove(known.place as usize);
        if let Some(moved) = self.queue.get(known.place as usize) {
            let moved = moved.pod.0 as usize;
            self.pending[moved].as_mut().expect("a queued pod is pending").place = known.place;
        }
        self.forget_settled();
    }

    /// A node got the taint `karpenter.sh/disrupted`: it triggers at once and every 10 s until it is gone, so that
    /// its pods find a place elsewhere.
    pub fn node_disrupted(&mut self, now: SimTime, node: NodeId) {
        let index = node.0 as usize;
        if index >= self.disrupted.len() {
            self.disrupted.resize(index + 1, None);
        }
        if self.disrupted[index].is_none() {
            let ticket = self.ticket();
            self.disrupted[index] = Some(ticket);
            self.trigger(now, ticket, Trigger::Node(node));
        }
    }

    /// A node lost that taint or is gone.
    pub fn node_settled(&mut self, node: NodeId) {
        if let Some(entry) = self.disrupted.get_mut(node.0 as usize) {
            *entry = None;
        }
        self.forget_settled();
    }

    /// The pending pods, in no particular order.
    #[must_use]
    pub fn pending(&self) -> &[PassPod] {
        &self.queue
    }

    /// When something is due: a batch closes or something triggers again.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        let again = self.again.front().map_or(SimTime::NEVER, |entry| entry.0);
        again.min(self.batcher.closes_at())
    }

    /// Does what is due at `now`: repeats triggers, and where a batch closes runs a pass, nominates nodes in the
    /// cluster and says what is to be created.
    pub fn wake(&mut self, now: SimTime, cluster: &mut Cluster, solver: &mut Solver, out: &mut Vec<Outcome>) {
        while let Some(&(at, ticket, trigger)) = self.again.front() {
            if at > now {
                break;
            }
            self.again.pop_front();
            if self.is_current(ticket, trigger) {
                self.trigger(now, ticket, trigger);
            }
        }
        self.forget_settled();
        if !self.batcher.close_if_due(now) {
            return;
        }
        if cluster.is_synced() {
            self.pass(now, cluster, solver, out);
        } else {
            out.push(Outcome::BatchDropped);
        }
    }

    fn pass(&mut self, now: SimTime, cluster: &mut Cluster, solver: &mut Solver, out: &mut Vec<Outcome>) {
        self.with_displaced.clear();
        self.with_displaced.extend_from_slice(&self.queue);
        displaced_pods(now, cluster, &mut self.with_displaced);
        if self.with_displaced.is_empty() {
            return;
        }
        let pods = &self.with_displaced;
        let input = PassInput { now, pods, excluded: &[], is_consolidation: false };
        solver.solve(cluster, &input, &mut self.results);
        solver.drop_unsendable(cluster, &mut self.results);
        out.push(Outcome::PassRan {
            pods: pods.len() as u32,
            placed: self.results.placements.len() as u32,
            claims: self.results.claims.len() as u32,
        });
        for &(pod, node) in &self.results.placements {
            cluster.nominate(now, node);
            out.push(Outcome::Nominated { pod, node });
        }
        out.extend(self.results.errors.drain(..).map(Outcome::Unplaced));
        for claim in &self.results.claims {
            // Usage does not know the claims that this pass creates (core `provisioner.go` `Create`, v1.15.0).
            if !cluster.exceeds_limits(claim.pool) {
                out.push(Outcome::CreateClaim(solver.claim_request(cluster, claim)));
            }
        }
    }

    /// Drops repeats at the head of the queue whose pod or node is settled, so that nobody wakes up for them.
    fn forget_settled(&mut self) {
        while self.again.front().is_some_and(|&(_, ticket, trigger)| !self.is_current(ticket, trigger)) {
            self.again.pop_front();
        }
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn trigger(&mut self, now: SimTime, ticket: u64, trigger: Trigger) {
        self.batcher.trigger(now, trigger.key());
        self.again.push_back((now + TRIGGERS_AGAIN_AFTER, ticket, trigger));
    }

    fn is_current(&self, ticket: u64, trigger: Trigger) -> bool {
        match trigger {
            Trigger::Pod(pod) => self.pending[pod.0 as usize].is_some_and(|known| known.ticket == ticket),
            Trigger::Node(node) => self.disrupted[node.0 as usize] == Some(ticket),
        }
    }
}

/// Adds the pods of nodes marked for deletion that are to be placed again: active ones that neither
/// `do-not-disrupt` nor a PodDisruptionBudget without any disruptions holds
/// (core `state/statenode.go` `CurrentlyReschedulablePods`, v1.15.0).
pub fn displaced_pods(now: SimTime, cluster: &Cluster, out: &mut Vec<PassPod>) {
    for &node in cluster.marked() {
        let Some(node) = cluster.node(node) else { continue };
        if node.stage < NodeStage::Launched {
            continue;
        }
        for bound in node.pods.iter().filter(|bound| cluster.is_currently_reschedulable(bound, now)) {
            out.push(PassPod {
                pod: bound.pod,
                class: bound.class,
                created_at: bound.created_at,
                uid: u64::from(bound.pod.0),
                origin: PodOrigin::DeletingNode,
            });
        }
    }
}

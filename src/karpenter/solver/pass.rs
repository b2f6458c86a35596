//! One pass: the queue of pods, and where each of them is tried in turn.

use std::collections::VecDeque;

use super::Solver;
use super::results::{PassInput, PassPod, PassResults, PodError, PodOrigin, Refusal};
use super::topology::{Host, Topology, claim_host};
use crate::karpenter::cluster::Cluster;
use crate::karpenter::labels::LabelValue;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::pod_classes::Stage;
use crate::karpenter::requirements::UndefinedLabels;
use crate::karpenter::resources::Amounts;

/// What a pass remembers of a pod class, to not repeat what cannot have changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClassMemo {
    pass: u32,
    /// `Work::narrowings` when the places below were worked out.
    narrowings: u32,
    /// First existing node that can still take the class: pods that run elsewhere, and all others.
    first_place: [u32; 2],
    /// The refusals of the last pod of the class, and the state of the pass then.
    failed: Option<(u32, u32)>,
}

/// What a pass works with; kept to save allocations.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    failures: Vec<Option<u32>>,
    last_length: Vec<u32>,
    memos: Vec<ClassMemo>,
    /// Counts requirement sets that changed and claims opened: what may give a refused class another chance.
    pub(super) narrowings: u32,
    pass: u32,
    queue: VecDeque<u32>,
    refusal_lists: Vec<Vec<(PoolId, Refusal)>>,
    pub(super) refusals: Vec<(PoolId, Refusal)>,
    sorted: Vec<QueueKey>,
    pub(super) topology: Option<Topology>,
}

/// Biggest CPU first, then biggest memory, oldest (whole seconds), smallest UID.
type QueueOrder = (std::cmp::Reverse<(i64, i64)>, u64, u64);

/// With the pod's index.
type QueueKey = (QueueOrder, u32);

impl Cluster {
    /// Where a pod stands in the queue of a pass (core `scheduling/queue.go` `byCPUAndMemoryDescending`, v1.15.0).
    pub(in crate::karpenter) fn queue_order(&self, pod: &PassPod) -> QueueOrder {
        let requests = self.pod_class(pod.class).requests;
        let size = std::cmp::Reverse((requests.cpu, requests.memory));
        (size, pod.created_at.as_ms() / 1000, pod.uid)
    }
}

/// A pod at a stage of relaxation, as it is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try<'a> {
    pub(super) pod: PassPod,
    pub(super) requests: Amounts,
    pub(super) stage: &'a Stage,
    pub(super) stage_index: usize,
}

impl Solver {
    /// Runs the queue until it is empty or a whole round brought nothing (core `scheduling/queue.go`, v1.15.0).
    pub(super) fn run(&mut self, cluster: &Cluster, input: &PassInput<'_>, out: &mut PassResults) {
        self.fill_queue(cluster, input.pods);
        let is_what_if = input.is_consolidation || !input.excluded.is_empty();
        let mut tries_left = self.options.most_tries.filter(|_| !is_what_if).unwrap_or(u64::MAX);
        while let Some(&index) = self.work.queue.front() {
            let length = self.work.queue.len() as u32;
            if self.work.last_length[index as usize] == length || tries_left == 0 {
                break;
            }
            tries_left -= 1;
            self.work.queue.pop_front();
            self.work.failures[index as usize] = self.place(cluster, input, index as usize, out);
            if self.work.failures[index as usize].is_some() {
                self.work.queue.push_back(index);
                self.work.last_length[index as usize] = length;
            }
        }
        for &(_, index) in &self.work.sorted {
            if let Some(list) = self.work.failures[index as usize] {
                let refusals = self.work.refusal_lists[list as usize].clone();
                out.errors.push(PodError { pod: input.pods[index as usize].pod, refusals });
            }
        }
    }

    fn fill_queue(&mut self, cluster: &Cluster, pods: &[PassPod]) {
        let work = &mut self.work;
        work.pass += 1;
        work.narrowings = 0;
        work.refusal_lists.clear();
        work.failures.clear();
        work.failures.resize(pods.len(), None);
        work.last_length.clear();
        work.last_length.resize(pods.len(), 0);
        work.memos.resize(cluster.pod_classes().len(), ClassMemo::default());
        work.sorted.clear();
        for (pod, index) in pods.iter().zip(0..) {
            let class = cluster.pod_class(pod.class);
            if class.is_ignored && pod.origin == PodOrigin::Pending {
                continue;
            }
            work.sorted.push((cluster.queue_order(pod), index));
        }
        // Stable sorting is quick where most of the list is sorted already, as in a what-if.
        work.sorted.sort();
        work.queue.clear();
        work.queue.extend(work.sorted.iter().map(|key| key.1));
    }

    /// Tries a pod, dropping its preferences one by one. The answer is its refusals, where it found no place.
    fn place(
        &mut self,
        cluster: &Cluster,
        input: &PassInput<'_>,
        index: usize,
        out: &mut PassResults,
    ) -> Option<u32> {
        let pod = input.pods[index];
        let class = cluster.pod_class(pod.class);
        let memo = &mut self.work.memos[pod.class.0 as usize];
        if memo.pass != self.work.pass {
            *memo = ClassMemo { pass: self.work.pass, ..ClassMemo::default() };
        }
        if memo.narrowings != self.work.narrowings {
            *memo = ClassMemo { narrowings: self.work.narrowings, first_place: [0; 2], ..*memo };
        }
        if let Some((narrowings, list)) = memo.failed
            && narrowings == self.work.narrowings
            && self.work.topology.is_none()
        {
            return Some(list);
        }
        for (stage_index, stage) in class.stages.iter().enumerate() {
            if let Some(topology) = &mut self.work.topology {
                topology.enter_stage(cluster, pod.class, stage_index);
            }
            let attempt = Try { pod, requests: class.requests, stage, stage_index };
            self.probes += 1;
            if self.place_on_existing(cluster, input, &attempt, out)
                || self.place_on_open(cluster, &attempt)
                || self.place_on_new(cluster, &attempt)
            {
                return None;
            }
            // A pod that waits for reserved capacity keeps its preferences (core `scheduler.go` `trySchedule`, v1.15.0).
            if matches!(self.work.refusals.last(), Some((_, Refusal::ReservedOffering))) {
                break;
            }
        }
        if self.work.refusal_lists.last() != Some(&self.work.refusals) {
            self.work.refusal_lists.push(self.work.refusals.clone());
        }
        let list = self.work.refusal_lists.len() as u32 - 1;
        self.work.memos[pod.class.0 as usize].failed = Some((self.work.narrowings, list));
        Some(list)
    }

    /// First fit over the existing nodes. Without topology a node that refused a class refuses it for the rest of the
    /// pass, so each class goes on where it last stood.
    fn place_on_existing(
        &mut self,
        cluster: &Cluster,
        input: &PassInput<'_>,
        attempt: &Try<'_>,
        out: &mut PassResults,
    ) -> bool {
        let stays_put = input.stays_put(attempt.pod);
        let remembers = attempt.stage_index == 0 && self.work.topology.is_none();
        let (class, kind) = (attempt.pod.class.0 as usize, usize::from(stays_put));
        let mut from = if remembers { self.work.memos[class].first_place[kind] as usize } else { 0 };
        let mut is_placed = false;
        while let Some(place) = self.existing.next_with_room(from, &attempt.requests) {
            if !(stays_put && self.existing.is_under_consolidate_after(cluster, place, input.now))
                && self.take_existing(cluster, place, attempt)
            {
                out.placements.push((attempt.pod.pod, self.existing.id(place)));
                if remembers {
                    self.take_alike(input, attempt, place, out);
                }
                from = place;
                is_placed = true;
                break;
            }
            from = place + 1;
        }
        if remembers {
            let reached = if is_placed { from } else { self.existing.len() };
            self.work.memos[class].first_place[kind] = reached as u32;
        }
        is_placed
    }

    /// The next pods of the queue go where the last one went, as long as they are of its class and have room there: what
    /// admitted it admits them, and no node before it takes them.
    fn take_alike(&mut self, input: &PassInput<'_>, attempt: &Try<'_>, place: usize, out: &mut PassResults) {
        let (id, set) = (self.existing.id(place), self.existing.set(place));
        let mut room = self.existing.free(place);
        let mut total = Amounts::ZERO;
        while let Some(&index) = self.work.queue.front() {
            let pod = input.pods[index as usize];
            let is_alike = pod.class == attempt.pod.class
                && input.stays_put(pod) == input.stays_put(attempt.pod)
                && self.work.last_length[index as usize] == 0;
            if !is_alike || !attempt.requests.fits(&room) {
                break;
            }
            self.work.queue.pop_front();
            room -= attempt.requests;
            total += attempt.requests;
            out.placements.push((pod.pod, id));
        }
        if total != Amounts::ZERO {
            self.existing.take(place, total, set);
        }
    }

    fn take_existing(&mut self, cluster: &Cluster, place: usize, attempt: &Try<'_>) -> bool {
        self.probes += 1;
        let Some(mut set) = self.existing.admits(cluster, place, attempt.stage.shape, &mut self.sets) else {
            return false;
        };
        let node = cluster.node(self.existing.id(place)).expect("a node in the order is known");
        if let Some(topology) = &mut self.work.topology {
            let host = Host { name: node.hostname, undefined: UndefinedLabels::Deny };
            let requirements = self.sets.get(set);
            let class = attempt.pod.class;
            match topology.constrain(cluster, class, attempt.stage_index, requirements, host) {
                Err(_) => return false,
                Ok(None) => {}
                Ok(Some(narrowed)) => set = self.sets.intern(narrowed),
            }
            topology.record(cluster, class, self.sets.get(set), node.hostname);
        }
        if set != self.existing.set(place) {
            self.work.narrowings += 1;
        }
        self.existing.take(place, attempt.requests, set);
        true
    }

    /// What the pod's topology groups leave of a set on the claim numbered `claim`.
    pub(super) fn constrain_on_claim(
        &mut self,
        cluster: &Cluster,
        attempt: &Try<'_>,
        set: super::requirement_sets::SetId,
        claim: usize,
    ) -> Result<super::requirement_sets::SetId, Refusal> {
        let Some(topology) = &self.work.topology else { return Ok(set) };
        let host = Host { name: claim_host(claim), undefined: UndefinedLabels::AllowWellKnown };
        let requirements = self.sets.get(set);
        let narrowed =
            topology.constrain(cluster, attempt.pod.class, attempt.stage_index, requirements, host)?;
        Ok(narrowed.map_or(set, |narrowed| self.sets.intern(narrowed)))
    }

    /// Counts the pod in the topology groups, on the claim with that hostname.
    pub(super) fn record_on_claim(
        &mut self,
        cluster: &Cluster,
        attempt: &Try<'_>,
        set: super::requirement_sets::SetId,
        host: LabelValue,
    ) {
        if let Some(topology) = &mut self.work.topology {
            topology.record(cluster, attempt.pod.class, self.sets.get(set), host);
        }
    }
}

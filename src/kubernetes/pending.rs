//! The scheduling queue: pods never tried, pods that failed and wait for an event, and which is tried next. Not the
//! trying, not the nodes.
//!
//! The rules are those of kube-scheduler 1.37 (`pkg/scheduler/backend/queue`), pod by pod: `activeQ` goes by priority, then
//! by the time of the last failure (or of creation); an event moves a failed pod there, or into `backoffQ` while it
//! backs off (1 s after its first failure, doubled with each up to 10 s, counted in whole seconds), which goes by the
//! second in which the back-off ends and yields to `activeQ` only (`SchedulerPopFromBackoffQ`, on since 1.34). So a
//! young pod overtakes one that failed often. Failures for want of any node are counted apart.
//!
//! Pods of one shape that failed equally often and last failed together are one [`Batch`]: the others fail as its
//! first does, so an event costs one trial per batch, not per pod. Where a shape has many batches, neighbours that
//! have become alike are joined; only there the order between pods of different shapes may differ from the real one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::PodKey;
use super::batch::{Batch, Entry, Failures};
use crate::units::SimTime;

/// So many batches of a shape are kept apart whatever they are.
pub(super) const BATCHES_APART: usize = 8;

/// Order of trial, smallest first: 0 in `activeQ`, else the second in which the back-off ends; priority (higher first); time.
pub(super) type TrialKey = (u64, i64, u64);

const ACTIVE: u64 = 0;

#[derive(Clone, Debug, Default)]
pub(super) struct ShapeQueue {
    priority: i32,
    /// The batch of the pods never tried.
    fresh: u32,
    /// Batches of pods that failed, by `Batch::order`.
    pub(super) failed: VecDeque<u32>,
    /// Live entries of all.
    live: u32,
    /// Entries of all, some of them of pods that are gone.
    entries: u32,
    /// Whether it is in `Pending::waiting`.
    waits: bool,
    /// Whether every batch that failed is to be tried again already, so that no event moves one.
    all_queued: bool,
}

/// What comes of a failed trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The pod has it already: no API call.
    Same,
    /// The pod's first.
    First,
    /// Another than before.
    Changed,
}

/// A pod taken out of the queue to be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) shape: u32,
    pub(super) entry: Entry,
    /// Before this trial.
    failures: Failures,
    /// The message in its condition; 0 = none yet.
    message: u64,
    /// Its batch, unless that ended with it.
    batch: Option<u32>,
}

impl Trial {
    /// The trial of this pod only: what comes of it does not hold for the others of its batch.
    pub(super) fn alone(self) -> Self {
        Self { batch: None, ..self }
    }
}

/// All pods without a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    pub(super) shapes: Vec<ShapeQueue>,
    pub(super) batches: Vec<Batch>,
    unused: Vec<u32>,
    heap: BinaryHeap<Reverse<(TrialKey, u32)>>,
    /// The second to which the keys in the heap belong.
    second: SimTime,
    /// Shapes with failed pods.
    pub(super) waiting: Vec<u32>,
    counter: u64,
    /// Scratch of `fail_again`.
    pub(super) tried: Vec<(TrialKey, u32)>,
    /// When time alone moves pods; a lower bound.
    pub(super) timer: Option<SimTime>,
}

impl Pending {
    pub(super) fn learn_shape(&mut self, priority: i32) {
        let shape = self.shapes.len() as u32;
        let fresh = self.new_batch(Batch { shape, ..Batch::default() });
        self.shapes.push(ShapeQueue { priority, fresh, ..ShapeQueue::default() });
    }

    fn new_batch(&mut self, batch: Batch) -> u32 {
        match self.unused.pop() {
            Some(id) => {
                self.batches[id as usize] = batch;
                id
            }
            None => {
                self.batches.push(batch);
                self.batches.len() as u32 - 1
            }
        }
    }

    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Whether some pod is to be tried.
    pub(super) fn has_work(&self) -> bool {
        !self.heap.is_empty()
    }

    /// Whether some pod failed and waits.
    pub(super) fn any_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When pods are tried again without an event.
    pub(super) fn timer(&self) -> SimTime {
        self.timer.unwrap_or(SimTime::NEVER)
    }

    /// A new pod; returns its stamp.
    pub(super) fn add(&mut self, now: SimTime, shape: u32, pod: PodKey) -> u64 {
        let stamp = self.count();
        let queue = &mut self.shapes[shape as usize];
        queue.live += 1;
        queue.entries += 1;
        let fresh = queue.fresh;
        self.batches[fresh as usize].pods.push_back(Entry { stamp, pod });
        self.enqueue(now, fresh);
        stamp
    }

    /// A pod of `shape` is gone; its entry is skipped when it comes up.
    pub(super) fn discard(&mut self, shape: u32, is_live: impl Fn(&Entry) -> bool) {
        let queue = &mut self.shapes[shape as usize];
        queue.live -= 1;
        if queue.entries > 64 && queue.entries > 2 * queue.live {
            queue.entries = queue.live;
            for id in std::iter::once(&queue.fresh).chain(&queue.failed) {
                self.batches[*id as usize].pods.retain(&is_live);
            }
        }
    }

    pub(super) fn key(&self, now: SimTime, batch: &Batch) -> TrialKey {
        let first = batch.pods.front().map_or(0, |entry| entry.stamp);
        let order = if batch.failures.none() { first } else { batch.order };
        let turn = if batch.is_backing_off(now) { batch.backoff_ends().as_ms() + 1 } else { ACTIVE };
        (turn, -i64::from(self.shapes[batch.shape as usize].priority), order)
    }

    /// Puts a batch that is not empty into the heap.
    fn enqueue(&mut self, now: SimTime, id: u32) {
        let batch = &self.batches[id as usize];
        if batch.queued.is_none() && !batch.pods.is_empty() {
            let key = self.key(now, batch);
            self.batches[id as usize].queued = Some(key);
            self.heap.push(Reverse((key, id)));
        }
    }

    /// Pods whose back-off ended while others were tried go to `activeQ`.
    fn end_backoffs(&mut self, now: SimTime) {
        if self.second == now.floor_to_second() {
            return;
        }
        self.second = now.floor_to_second();
        if self.heap.iter().any(|Reverse((key, _))| key.0 != ACTIVE) {
            let ids: Vec<u32> = self.heap.drain().map(|Reverse((_, id))| id).collect();
            for id in ids {
                self.batches[id as usize].queued = None;
                self.enqueue(now, id);
            }
        }
    }

    /// Takes the pod to be tried next out of the queue.
    pub(super) fn pop(&mut self, now: SimTime, is_live: impl Fn(&Entry) -> bool) -> Option<Trial> {
        self.end_backoffs(now);
        loop {
            let Reverse((_, id)) = self.heap.pop()?;
            let batch = &mut self.batches[id as usize];
            batch.queued = None;
            let queue = &mut self.shapes[batch.shape as usize];
            let mut tried = None;
            while let Some(entry) = batch.pods.pop_front() {
                queue.entries = queue.entries.saturating_sub(1);
                if is_live(&entry) {
                    queue.live -= 1;
                    tried = Some(entry);
                    break;
                }
            }
            let (shape, failures, message) = (batch.shape, batch.failures, batch.message);
            if !batch.pods.is_empty() {
                self.enqueue(now, id);
            } else if !failures.none() {
                self.drop_batch(id);
            }
            let Some(entry) = tried else { continue };
            let batch = (!self.batches[id as usize].pods.is_empty()).then_some(id);
            return Some(Trial { shape, entry, failures, message, batch });
        }
    }

    /// None of the shape's failed pods is left, though their entries are.
    fn drop_dead(&mut self, shape: usize) {
        let queue = &mut self.shapes[shape];
        queue.entries = self.batches[queue.fresh as usize].pods.len() as u32;
        for id in std::mem::take(&mut queue.failed) {
            if self.batches[id as usize].queued.is_some() {
                self.shapes[shape].failed.push_back(id);
            } else {
                self.batches[id as usize].pods.clear();
                self.unused.push(id);
            }
        }
    }

    fn drop_batch(&mut self, id: u32) {
        let queue = &mut self.shapes[self.batches[id as usize].shape as usize];
        if let Some(place) = queue.failed.iter().position(|one| *one == id) {
            queue.failed.remove(place);
        }
        self.batches[id as usize].pods.clear();
        self.unused.push(id);
    }

    /// Puts a pod that failed back: `rejectors` and `message` say why. Returns what to tell the API.
    pub(super) fn fail(&mut self, now: SimTime, trial: Trial, rejectors: u8, message: u64) -> Message {
        let order = self.count();
        let shape = trial.shape as usize;
        self.shapes[shape].live += 1;
        self.shapes[shape].entries += 1;
        self.shapes[shape].all_queued = false;
        let told = match trial.message {
            0 => Message::First,
            same if same == message => Message::Same,
            _ => Message::Changed,
        };
        let failures = trial.failures.and(rejectors);
        let failed = Batch {
            shape: trial.shape,
            failures,
            failed_at: now,
            order,
            rejectors,
            message,
            ..Batch::default()
        };
        let due = failed.due();
        match (told, trial.batch) {
            (Message::Same, Some(id)) => {
                // The others of the batch fail likewise, and there is nothing to tell them.
                self.put_last(shape, id);
                let mut pods = std::mem::take(&mut self.batches[id as usize].pods);
                pods.push_front(trial.entry);
                self.unqueue(id);
                self.batches[id as usize] = Batch { pods, ..failed };
            }
            _ => self.fail_alone(trial.entry, failed),
        }
        if self.shapes[shape].failed.len() > BATCHES_APART {
            self.join_last(shape);
        }
        if !std::mem::replace(&mut self.shapes[shape].waits, true) {
            self.waiting.push(trial.shape);
        }
        self.timer = Some(self.timer.map_or(due, |timer| timer.min(due)));
        told
    }

    /// Takes a batch out of the heap. It was put there a moment ago, so it is at the top.
    fn unqueue(&mut self, id: u32) {
        if self.batches[id as usize].queued.take().is_some() {
            let top = self.heap.pop();
            debug_assert!(top.is_some_and(|Reverse((_, top))| top == id), "a batch is tried through");
        }
    }

    /// A pod that failed by itself joins the one before it, if nobody failed between the two and all else is alike.
    fn fail_alone(&mut self, entry: Entry, failed: Batch) {
        let shape = failed.shape as usize;
        if let Some(last) = self.shapes[shape].failed.back() {
            let last = &mut self.batches[*last as usize];
            if last.order + 1 == failed.order && last.is_like(&failed) {
                last.order = failed.order;
                last.pods.push_back(entry);
                return;
            }
        }
        let id = self.new_batch(failed);
        self.batches[id as usize].pods.push_back(entry);
        self.shapes[shape].failed.push_back(id);
    }

    /// Joins the batch that failed last with the one before it, if they do not differ any more.
    pub(super) fn join_last(&mut self, shape: usize) {
        let queue = &mut self.shapes[shape];
        let mut latest = queue.failed.iter().rev();
        let (Some(last), Some(before)) = (latest.next().copied(), latest.next().copied()) else { return };
        if !self.batches[before as usize].is_like(&self.batches[last as usize]) {
            return;
        }
        queue.failed.pop_back();
        let mut later = std::mem::take(&mut self.batches[last as usize].pods);
        let earlier = &mut self.batches[before as usize].pods;
        if earlier.len() >= later.len() {
            earlier.append(&mut later);
        } else {
            while let Some(entry) = earlier.pop_back() {
                later.push_front(entry);
            }
            *earlier = later;
        }
        self.unused.push(last);
    }

    /// An event: failed pods of every shape for which `moves(shape, rejectors)` are to be tried again.
    pub(super) fn wake_up(&mut self, now: SimTime, moves: impl Fn(u32, u8) -> bool) {
        self.move_where(now, |batch| batch.rejectors != 0 && moves(batch.shape, batch.rejectors));
    }

    /// The batch is the one of its shape that failed last.
    pub(super) fn put_last(&mut self, shape: usize, id: u32) {
        let batches = &mut self.shapes[shape].failed;
        let place = batches.iter().position(|one| *one == id);
        batches.remove(place.expect("a batch that failed is its shape's"));
        batches.push_back(id);
    }

    /// Moves pods whose time has come.
    pub(super) fn tick(&mut self, now: SimTime) {
        if self.timer.is_none_or(|timer| now < timer) {
            return;
        }
        self.move_where(now, |batch| batch.due() <= now);
        let waiting = self.waiting.iter().flat_map(|shape| &self.shapes[*shape as usize].failed);
        // A batch whose pods are all gone is not due: nothing would ever come of it.
        let waits = |batch: &&Batch| batch.queued.is_none() && !batch.pods.is_empty();
        self.timer = waiting.map(|id| &self.batches[*id as usize]).filter(waits).map(Batch::due).min();
    }

    pub(super) fn move_where(&mut self, now: SimTime, moves: impl Fn(&Batch) -> bool) {
        self.end_backoffs(now);
        let mut at = 0;
        while at < self.waiting.len() {
            let shape = self.waiting[at] as usize;
            if self.shapes[shape].live == 0 {
                self.drop_dead(shape);
            }
            let count = self.shapes[shape].failed.len();
            if count > 0 && self.shapes[shape].all_queued {
                at += 1;
                continue;
            }
            if count == 0 {
                self.shapes[shape].waits = false;
                self.waiting.swap_remove(at);
                continue;
            }
            let mut all_queued = true;
            for index in 0..count {
                let id = self.shapes[shape].failed[index];
                if self.batches[id as usize].queued.is_none() && moves(&self.batches[id as usize]) {
                    self.enqueue(now, id);
                }
                let batch = &self.batches[id as usize];
                all_queued &= batch.queued.is_some() || batch.pods.is_empty();
            }
            self.shapes[shape].all_queued = all_queued;
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_whose_pods_all_went_is_not_due_for_ever() {
        let (mut pending, now) = (Pending::default(), SimTime::from_ms(1000));
        pending.learn_shape(0);
        for pod in 0..100 {
            pending.add(now, 0, PodKey(pod));
        }
        // The first 70 fail for another reason than the others, so they are a batch of their own.
        for pod in 0..100 {
            let trial = pending.pop(now, |_| true).unwrap().alone();
            pending.fail(now, trial, 1, 1 + u64::from(pod >= 70));
        }
        for _ in 0..70 {
            pending.discard(0, |entry| entry.pod.0 >= 70);
        }
        let mut wakings = 0;
        let mut at = pending.timer();
        while at < SimTime::NEVER && wakings < 10 {
            pending.tick(at);
            assert!(pending.timer() > at, "due again at once");
            at = pending.timer();
            wakings += 1;
        }
        assert!(pending.has_work(), "the others are tried again");
    }
}

//! The scheduling queue: pods never tried, pods that failed and wait for an event, and which is tried next. Not the
//! trying, not the nodes.
//!
//! kube-scheduler has `activeQ` (by priority, then by time), `backoffQ` and `unschedulablePods`. Since 1.33
//! (`SchedulerPopFromBackoffQ`) a pod in `backoffQ` is tried as soon as `activeQ` is empty, so back-off only yields
//! to others. Pods of one shape fail alike, so they are kept together: when one of them fails and the others would get
//! the message they already have, all of them have been tried. Time and number of failures, which set the
//! back-off, are kept per shape rather than per pod; that orders shapes only while the scheduler is held up.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::PodKey;
use crate::units::{SimDuration, SimTime};

/// How long a pod stays untried without any event (`podMaxInUnschedulablePodsDuration`, default 5 min) …
const FLUSH_AFTER: SimDuration = SimDuration::from_mins(5);
/// … and how often that is looked at (`scheduling_queue.go` `Run`).
const FLUSH_EVERY_MS: u64 = 30_000;
/// First back-off (`podInitialBackoffSeconds`), doubled with every failure …
const FIRST_BACKOFF_MS: u64 = 1000;
/// … up to this (`podMaxBackoffSeconds`).
const LONGEST_BACKOFF_MS: u64 = 10_000;

/// A pod in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Orders pods by the time they came in; unique, so it also tells a pod from a later one with the same key.
    pub(super) stamp: u64,
    pub(super) pod: PodKey,
    /// The message in its condition; 0 = none yet.
    pub(super) message: u64,
    /// `ShapeQueue::mark` when its message was found to be the latest.
    mark: u32,
}

/// Order of trial: queue (active before back-off), priority (higher first), time.
type TrialKey = (u8, i64, u64);

const ACTIVE: u8 = 0;
const BACKOFF: u8 = 1;

#[derive(Clone, Debug, Default)]
struct ShapeQueue {
    priority: i32,
    fresh: VecDeque<Entry>,
    failed: VecDeque<Entry>,
    /// Live entries of both.
    live: u32,
    /// How many of `failed` are still to be tried since the last event.
    to_try: u32,
    /// Plugins that refused nodes at the last failure, as reasons; 0 = there were no nodes at all.
    rejectors: u8,
    failures: u32,
    failed_at: SimTime,
    /// Latest message of the shape, and how many of `failed` are known to have it.
    message: u64,
    mark: u32,
    with_message: usize,
    /// Smallest key of this shape in the heap.
    queued: Option<TrialKey>,
    /// Whether it is in `Pending::waiting`.
    waits: bool,
}

impl ShapeQueue {
    fn backoff(&self) -> SimDuration {
        let doubled = FIRST_BACKOFF_MS << self.failures.saturating_sub(1).min(8);
        SimDuration::from_ms(doubled.min(LONGEST_BACKOFF_MS))
    }

    /// End of the back-off, on the whole seconds at which the real queue looks.
    fn backs_off_until(&self) -> SimTime {
        (self.failed_at + self.backoff()).floor_to_second()
    }

    fn next_key(&self, now: SimTime) -> Option<TrialKey> {
        let priority = -i64::from(self.priority);
        let fresh = self.fresh.front().map(|entry| (ACTIVE, priority, entry.stamp));
        let failed = self.failed.front().filter(|_| self.to_try > 0).map(|entry| {
            (if now < self.backs_off_until() { BACKOFF } else { ACTIVE }, priority, entry.stamp)
        });
        fresh.into_iter().chain(failed).min()
    }
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

/// All pods without a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    shapes: Vec<ShapeQueue>,
    heap: BinaryHeap<Reverse<(TrialKey, u32)>>,
    /// Shapes with failed pods.
    waiting: Vec<u32>,
    next_stamp: u64,
    /// When time alone moves pods; a lower bound.
    timer: Option<SimTime>,
}

impl Pending {
    pub(super) fn learn_shape(&mut self, priority: i32) {
        self.shapes.push(ShapeQueue { priority, ..ShapeQueue::default() });
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
        self.next_stamp += 1;
        let queue = &mut self.shapes[shape as usize];
        queue.fresh.push_back(Entry { stamp: self.next_stamp, pod, message: 0, mark: 0 });
        queue.live += 1;
        self.enqueue(now, shape);
        self.next_stamp
    }

    /// A pod of `shape` is gone; its entry is skipped when it comes up.
    pub(super) fn discard(&mut self, shape: u32, is_live: impl Fn(&Entry) -> bool) {
        let queue = &mut self.shapes[shape as usize];
        queue.live -= 1;
        let entries = queue.fresh.len() + queue.failed.len();
        if entries > 64 && entries > 2 * queue.live as usize {
            queue.fresh.retain(&is_live);
            queue.failed.retain(&is_live);
            let mark = queue.mark;
            queue.with_message = queue.failed.iter().filter(|entry| entry.mark == mark).count();
            queue.to_try = queue.to_try.min(queue.failed.len() as u32);
        }
    }

    fn enqueue(&mut self, now: SimTime, shape: u32) {
        let queue = &mut self.shapes[shape as usize];
        if let Some(key) = queue.next_key(now)
            && queue.queued.is_none_or(|queued| key < queued)
        {
            queue.queued = Some(key);
            self.heap.push(Reverse((key, shape)));
        }
    }

    /// Takes the pod to be tried next out of the queue.
    pub(super) fn pop(&mut self, now: SimTime, is_live: impl Fn(&Entry) -> bool) -> Option<(u32, Entry)> {
        loop {
            let Reverse((key, shape)) = self.heap.pop()?;
            let queue = &mut self.shapes[shape as usize];
            if queue.queued != Some(key) {
                continue; // A smaller key took its place.
            }
            queue.queued = None;
            while queue.fresh.pop_front_if(|entry| !is_live(entry)).is_some() {}
            while let Some(dead) = queue.failed.pop_front_if(|entry| !is_live(entry)) {
                queue.with_message -= usize::from(dead.mark == queue.mark);
                queue.to_try = queue.to_try.saturating_sub(1);
            }
            let next = queue.next_key(now);
            if next == Some(key) {
                let entry = if queue.fresh.front().is_some_and(|entry| entry.stamp == key.2) {
                    queue.fresh.pop_front()
                } else {
                    queue.to_try -= 1;
                    queue.failed.pop_front()
                };
                let entry = entry?;
                queue.with_message -= usize::from(entry.message != 0 && entry.mark == queue.mark);
                queue.live -= 1;
                self.enqueue(now, shape);
                return Some((shape, entry));
            }
            self.enqueue(now, shape);
        }
    }

    /// Puts a pod that failed back: `rejectors` and `message` say why. Returns its new stamp and what to tell the API.
    pub(super) fn fail(
        &mut self,
        now: SimTime,
        shape: u32,
        mut entry: Entry,
        rejectors: u8,
        message: u64,
    ) -> (u64, Message) {
        let queue = &mut self.shapes[shape as usize];
        let told = match entry.message {
            0 => Message::First,
            same if same == message => Message::Same,
            _ => Message::Changed,
        };
        if queue.message != message {
            queue.message = message;
            queue.mark += 1;
            queue.with_message = 0;
        }
        // A newcomer does not put off those that wait already.
        if (told != Message::First || queue.failed.is_empty())
            && (queue.failed_at != now || queue.failures == 0)
        {
            queue.failures += 1;
            queue.failed_at = now;
        }
        queue.rejectors = rejectors;
        queue.live += 1;
        entry.message = message;
        entry.mark = queue.mark;
        if told == Message::Same && queue.with_message == queue.failed.len() {
            // All others have the message too: they are tried and done with it, in the same order as before.
            queue.to_try = 0;
            queue.failed.push_front(entry);
        } else {
            self.next_stamp += 1;
            entry.stamp = self.next_stamp;
            queue.failed.push_back(entry);
        }
        queue.with_message += 1;
        if !queue.waits {
            queue.waits = true;
            self.waiting.push(shape);
        }
        let due = if rejectors == 0 { queue.backs_off_until() } else { flush_time(queue.failed_at) };
        self.timer = Some(self.timer.map_or(due, |timer| timer.min(due)));
        (entry.stamp, told)
    }

    /// An event: failed pods of every shape for which `moves(shape, rejectors)` are to be tried again. Without nodes a
    /// pod fails with an error, not with a refusal; it then waits for its back-off and no event helps.
    pub(super) fn wake_up(&mut self, now: SimTime, moves: impl Fn(u32, u8) -> bool) {
        self.move_where(now, |shape, queue| queue.rejectors != 0 && moves(shape, queue.rejectors));
    }

    /// Forgets shapes none of whose failed pods is left.
    pub(super) fn forget_idle(&mut self, now: SimTime) {
        self.move_where(now, |_, _| false);
    }

    /// Shapes with failed pods; some may have gone meanwhile.
    pub(super) fn waiting(&self) -> &[u32] {
        &self.waiting
    }

    /// Whether an event that helps against one of the `reasons` moves the failed pods of `shape`.
    pub(super) fn waits_for(&self, shape: u32, reasons: u8) -> bool {
        self.shapes[shape as usize].rejectors & reasons != 0
    }

    /// Whether all failed pods of `shape` have this message already.
    pub(super) fn all_know(&self, shape: u32, message: u64) -> bool {
        let queue = &self.shapes[shape as usize];
        queue.message == message && queue.with_message == queue.failed.len()
    }

    /// The failed pods of `shape` were all tried again, in vain and with nothing new to tell. Says which of them came first;
    /// nothing happens where none is left.
    pub(super) fn failed_again(
        &mut self,
        now: SimTime,
        shape: u32,
        rejectors: u8,
        is_live: impl Fn(&Entry) -> bool,
    ) -> Option<PodKey> {
        let queue = &mut self.shapes[shape as usize];
        let first = queue.failed.iter().find(|entry| is_live(entry))?.pod;
        if queue.failed_at != now || queue.failures == 0 {
            queue.failures += 1;
            queue.failed_at = now;
        }
        queue.rejectors = rejectors;
        let due = flush_time(now);
        self.timer = Some(self.timer.map_or(due, |timer| timer.min(due)));
        Some(first)
    }

    /// Moves pods whose time has come.
    pub(super) fn tick(&mut self, now: SimTime) {
        if self.timer.is_none_or(|timer| now < timer) {
            return;
        }
        let due = |queue: &ShapeQueue| {
            if queue.rejectors == 0 { queue.backs_off_until() } else { flush_time(queue.failed_at) }
        };
        self.move_where(now, |_, queue| due(queue) <= now);
        let waiting = self.waiting.iter().map(|shape| &self.shapes[*shape as usize]);
        self.timer = waiting.filter(|queue| queue.to_try == 0).map(due).min();
    }

    fn move_where(&mut self, now: SimTime, moves: impl Fn(u32, &ShapeQueue) -> bool) {
        let mut at = 0;
        while at < self.waiting.len() {
            let shape = self.waiting[at];
            let queue = &mut self.shapes[shape as usize];
            if queue.live == 0 {
                *queue =
                    ShapeQueue { priority: queue.priority, queued: queue.queued, ..ShapeQueue::default() };
            }
            if queue.failed.is_empty() {
                queue.waits = false;
                queue.failures = 0;
                self.waiting.swap_remove(at);
                continue;
            }
            if moves(shape, queue) {
                queue.to_try = queue.failed.len() as u32;
                self.enqueue(now, shape);
            }
            at += 1;
        }
    }
}

/// When the queue's own look finds pods that failed at `failed_at` too long untried.
fn flush_time(failed_at: SimTime) -> SimTime {
    SimTime::from_ms((failed_at + FLUSH_AFTER).as_ms() / FLUSH_EVERY_MS * FLUSH_EVERY_MS + FLUSH_EVERY_MS)
}

//! The event queue: a four-ary heap ordered by (time, sequence number) and by nothing else.

use crate::units::SimTime;

/// Work done by an [`EventQueue`], for regression gates that need no quiet machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueWork {
    /// Events put in.
    pub pushes: u64,
    /// Events taken out.
    pub pops: u64,
    /// Most events that were waiting at once.
    pub peak: u64,
}

/// Events in the order of their time; events of one instant leave in the order in which they came in (FIFO).
///
/// A four-ary heap is one level in two shallower than a binary one, and its children share cache lines.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    heap: Vec<Entry<E>>,
    next_sequence: u64,
    work: QueueWork,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: SimTime,
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    fn before(&self, other: &Self) -> bool {
        (self.at, self.sequence) < (other.at, other.sequence)
    }
}

const ARITY: usize = 4;

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self { heap: Vec::new(), next_sequence: 0, work: QueueWork::default() }
    }

    /// Puts `event` in at `at`, behind everything already waiting for that instant.
    pub fn push(&mut self, at: SimTime, event: E) {
        let entry = Entry { at, sequence: self.next_sequence, event };
        self.next_sequence += 1;
        self.work.pushes += 1;
        self.heap.push(entry);
        self.sift_up(self.heap.len() - 1, entry);
        self.work.peak = self.work.peak.max(self.heap.len() as u64);
    }

    /// The time of the next event.
    #[must_use]
    pub fn next_at(&self) -> Option<SimTime> {
        self.heap.first().map(|entry| entry.at)
    }

    /// Takes out the next event.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        let last = self.heap.pop()?;
        self.work.pops += 1;
        let Some(first) = self.heap.first().copied() else {
            return Some((last.at, last.event));
        };
        self.sift_down(last);
        Some((first.at, first.event))
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The work done so far.
    #[must_use]
    pub fn work(&self) -> QueueWork {
        self.work
    }

    fn sift_up(&mut self, mut hole: usize, entry: Entry<E>) {
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if !entry.before(&self.heap[parent]) {
                break;
            }
            self.heap[hole] = self.heap[parent];
            hole = parent;
        }
        self.heap[hole] = entry;
    }

    fn sift_down(&mut self, entry: Entry<E>) {
        let mut hole = 0;
        loop {
            let first_child = hole * ARITY + 1;
            if first_child >= self.heap.len() {
                break;
            }
            let end = (first_child + ARITY).min(self.heap.len());
            let mut best = first_child;
            for child in first_child + 1..end {
                if self.heap[child].before(&self.heap[best]) {
                    best = child;
                }
            }
            if !self.heap[best].before(&entry) {
                break;
            }
            self.heap[hole] = self.heap[best];
            hole = best;
        }
        self.heap[hole] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_leave_by_time_and_within_an_instant_as_they_came(times in prop::collection::vec(0_u64..50, 0..300)) {
            let mut queue = EventQueue::new();
            for (index, time) in times.iter().enumerate() {
                queue.push(SimTime::from_ms(*time), index);
            }
            let mut expected: Vec<(u64, usize)> = times.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            let left: Vec<(u64, usize)> = std::iter::from_fn(|| queue.pop()).map(|(at, index)| (at.as_ms(), index)).collect();
            prop_assert_eq!(left, expected);
            prop_assert_eq!(queue.work().pops, times.len() as u64);
        }
    }
}

//! The event queue: a hierarchical timing wheel (Varghese and Lauck, 1987), ordered by (time, order of arrival) and by
//! nothing else.

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

/// Bits of a time that one level tells apart: 1,024 slots per level.
const BITS: u32 = 10;
const SLOTS: usize = 1 << BITS;
const NONE: u32 = u32::MAX;

/// Events in the order of their time; events of one instant leave in the order in which they came in (FIFO).
///
/// A level holds the events whose time first differs from the present one in its ten bits, a list per value of these
/// bits. The next event is therefore in the first slot in use of the lowest level in use; when it is taken out the
/// rest of its slot moves to lower levels, in the order in which it came in. Each event moves at most once per level,
/// so putting in and taking out cost the same however many events wait.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    entries: Vec<Entry<E>>,
    free: u32,
    levels: Vec<Level>,
    /// Levels in use, a bit each.
    levels_in_use: u64,
    /// The time of the event taken out last: nothing may be put in before it.
    present: u64,
    next_at: Option<SimTime>,
    waiting: usize,
    work: QueueWork,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: u64,
    next: u32,
    event: E,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    first: u32,
    last: u32,
}

const EMPTY: Slot = Slot { first: NONE, last: NONE };

/// Slots by the level's bits of the time, each a list in the order in which events came in.
#[derive(Clone, Debug)]
struct Level {
    slots: Vec<Slot>,
    /// Earliest time in each slot in use.
    earliest: Vec<u64>,
    in_use: [u64; SLOTS / 64],
    words_in_use: u16,
}

impl Level {
    fn new() -> Self {
        Self {
            slots: vec![EMPTY; SLOTS],
            earliest: vec![u64::MAX; SLOTS],
            in_use: [0; SLOTS / 64],
            words_in_use: 0,
        }
    }

    fn mark(&mut self, slot: usize) {
        self.in_use[slot / 64] |= 1 << (slot % 64);
        self.words_in_use |= 1 << (slot / 64);
    }

    fn unmark(&mut self, slot: usize) {
        let word = &mut self.in_use[slot / 64];
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            self.words_in_use &= !(1 << (slot / 64));
        }
    }

    fn first_in_use(&self) -> usize {
        let word = self.words_in_use.trailing_zeros() as usize % self.in_use.len();
        word * 64 + self.in_use[word].trailing_zeros() as usize
    }
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            levels: Vec::new(),
            levels_in_use: 0,
            present: 0,
            next_at: None,
            waiting: 0,
            work: QueueWork::default(),
        }
    }

    /// Puts `event` in at `at`, behind everything already waiting for that instant.
    ///
    /// # Panics
    /// Where `at` lies before the event that was taken out last, and beyond 2^32 events at once.
    pub fn push(&mut self, at: SimTime, event: E) {
        let time = at.as_ms();
        assert!(time >= self.present, "an event at {at} comes after the time has passed");
        let entry = Entry { at: time, next: NONE, event };
        let index = self.free;
        if index == NONE {
            assert!(self.entries.len() < NONE as usize, "fewer than 2^32 events wait");
            self.entries.push(entry);
            self.append(self.entries.len() as u32 - 1, time);
        } else {
            self.free = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            self.append(index, time);
        }
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
        self.waiting += 1;
        self.work.pushes += 1;
        self.work.peak = self.work.peak.max(self.waiting as u64);
    }

    /// The time of the next event.
    #[must_use]
    pub fn next_at(&self) -> Option<SimTime> {
        self.next_at
    }

    /// Takes out the next event.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        let at = self.next_at?;
        let lowest = self.levels_in_use.trailing_zeros();
        if lowest > 0 {
            self.bring_down(lowest, at.as_ms());
        }
        self.present = at.as_ms();
        let slot = self.present as usize % SLOTS;
        let level = &mut self.levels[0];
        let index = level.slots[slot].first;
        let Entry { event, next, .. } = self.entries[index as usize];
        self.entries[index as usize].next = self.free;
        self.free = index;
        level.slots[slot].first = next;
        if next == NONE {
            level.slots[slot].last = NONE;
            level.unmark(slot);
            if level.words_in_use == 0 {
                self.levels_in_use &= !1;
            }
            self.next_at = self.first_at();
        }
        self.waiting -= 1;
        self.work.pops += 1;
        Some((at, event))
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// The work done so far.
    #[must_use]
    pub fn work(&self) -> QueueWork {
        self.work
    }

    /// Puts entry `index`, due at `time`, at the end of its list.
    fn append(&mut self, index: u32, time: u64) {
        let differs = time ^ self.present;
        let number = (63 - (differs | 1).leading_zeros()) / BITS;
        let slot = (time >> (number * BITS)) as usize % SLOTS;
        while self.levels.len() <= number as usize {
            self.levels.push(Level::new());
        }
        self.levels_in_use |= 1 << number;
        let level = &mut self.levels[number as usize];
        let last = std::mem::replace(&mut level.slots[slot].last, index);
        if last == NONE {
            level.slots[slot].first = index;
            level.earliest[slot] = time;
            level.mark(slot);
        } else {
            self.entries[last as usize].next = index;
            level.earliest[slot] = level.earliest[slot].min(time);
        }
    }

    /// Makes `time`, the next event's, the present: the events of its slot move to lower levels.
    fn bring_down(&mut self, number: u32, time: u64) {
        let level = &mut self.levels[number as usize];
        let slot = (time >> (number * BITS)) as usize % SLOTS;
        let mut index = std::mem::replace(&mut level.slots[slot], EMPTY).first;
        level.unmark(slot);
        if level.words_in_use == 0 {
            self.levels_in_use &= !(1 << number);
        }
        self.present = time;
        while index != NONE {
            let Entry { at, next, .. } = self.entries[index as usize];
            self.entries[index as usize].next = NONE;
            self.append(index, at);
            index = next;
        }
    }

    /// The time of the first event, worked out.
    fn first_at(&self) -> Option<SimTime> {
        if self.levels_in_use == 0 {
            return None;
        }
        let level = &self.levels[self.levels_in_use.trailing_zeros() as usize];
        Some(SimTime::from_ms(level.earliest[level.first_in_use()]))
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

        #[test]
        fn the_order_holds_while_events_come_and_go(
            steps in prop::collection::vec((any::<bool>(), 0_u32..64, any::<u64>()), 0..400),
        ) {
            let mut queue = EventQueue::new();
            let mut plain: Vec<(u64, usize)> = Vec::new();
            let mut now = 0_u64;
            for (index, (pops, width, random)) in steps.into_iter().enumerate() {
                prop_assert_eq!(queue.next_at().map(SimTime::as_ms), plain.iter().min().map(|first| first.0));
                if pops {
                    let first = plain.iter().copied().min();
                    plain.retain(|waiting| Some(*waiting) != first);
                    let popped = queue.pop().map(|(at, event)| (at.as_ms(), event));
                    prop_assert_eq!(popped, first);
                    now = first.map_or(now, |first| first.0);
                } else {
                    // Ahead by a random number of bits, up to the end of time.
                    let at = now.saturating_add(random >> (63 - width));
                    queue.push(SimTime::from_ms(at), index);
                    plain.push((at, index));
                }
                prop_assert_eq!(queue.len(), plain.len());
            }
        }
    }
}

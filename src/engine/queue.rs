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
/// so putting in and taking out cost the same however many events wait. Only what is near (the lowest level) is linked;
/// what is far lies in plain lists, which are read and written in one go.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    near: Near<E>,
    far: Vec<Far<E>>,
    /// Far levels in use, a bit each.
    far_in_use: u64,
    /// Emptied lists, to be filled again; long ones are not kept.
    spare: Vec<Vec<(u64, E)>>,
    /// Events that became near when the last one was taken out.
    arrived: Vec<E>,
    /// The time of the event taken out last: nothing may be put in before it.
    present: u64,
    next_at: Option<SimTime>,
    waiting: usize,
    work: QueueWork,
}

/// Which of a level's slots are in use.
#[derive(Clone, Copy, Debug, Default)]
struct InUse {
    slots: [u64; SLOTS / 64],
    words: u16,
}

impl InUse {
    fn mark(&mut self, slot: usize) {
        self.slots[slot / 64] |= 1 << (slot % 64);
        self.words |= 1 << (slot / 64);
    }

    fn unmark(&mut self, slot: usize) {
        let word = &mut self.slots[slot / 64];
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            self.words &= !(1 << (slot / 64));
        }
    }

    fn first(&self) -> usize {
        let word = self.words.trailing_zeros() as usize % self.slots.len();
        word * 64 + self.slots[word].trailing_zeros() as usize
    }
}

/// The lowest level: each slot is one instant, with a linked list of its events.
#[derive(Clone, Debug)]
struct Near<E> {
    links: Vec<Link<E>>,
    free: u32,
    /// First and last link of each slot.
    slots: Vec<(u32, u32)>,
    in_use: InUse,
}

#[derive(Clone, Copy, Debug)]
struct Link<E> {
    event: E,
    next: u32,
}

impl<E: Copy> Near<E> {
    fn append(&mut self, slot: usize, event: E) {
        let link = Link { event, next: NONE };
        let index = self.free;
        let index = if index == NONE {
            assert!(self.links.len() < NONE as usize, "fewer than 2^32 events wait");
            self.links.push(link);
            self.links.len() as u32 - 1
        } else {
            self.free = std::mem::replace(&mut self.links[index as usize], link).next;
            index
        };
        let last = std::mem::replace(&mut self.slots[slot].1, index);
        if last == NONE {
            self.slots[slot].0 = index;
            self.in_use.mark(slot);
        } else {
            self.links[last as usize].next = index;
        }
    }

    /// The first event of a slot in use, and whether it was the slot's last.
    fn take(&mut self, slot: usize) -> (E, bool) {
        let index = self.slots[slot].0;
        let Link { event, next } = self.links[index as usize];
        self.links[index as usize].next = self.free;
        self.free = index;
        self.slots[slot].0 = next;
        if next == NONE {
            self.slots[slot].1 = NONE;
            self.in_use.unmark(slot);
        }
        (event, next == NONE)
    }
}

/// A higher level.
#[derive(Clone, Debug)]
struct Far<E> {
    slots: Vec<Vec<(u64, E)>>,
    /// Earliest time in each slot in use.
    earliest: Vec<u64>,
    in_use: InUse,
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
        let near = Near {
            links: Vec::new(),
            free: NONE,
            slots: vec![(NONE, NONE); SLOTS],
            in_use: InUse::default(),
        };
        Self {
            near,
            far: Vec::new(),
            far_in_use: 0,
            spare: Vec::new(),
            arrived: Vec::new(),
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
        assert!(at.as_ms() >= self.present, "an event at {at} comes after the time has passed");
        self.append(at.as_ms(), event);
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
        if self.near.in_use.words == 0 {
            self.bring_down(at.as_ms());
        }
        self.present = at.as_ms();
        let (event, was_last) = self.near.take(self.present as usize % SLOTS);
        if was_last {
            self.next_at = self.first_at();
        }
        self.waiting -= 1;
        self.work.pops += 1;
        Some((at, event))
    }

    /// Events that will be taken out within about the next second, each told once: those that became near lately, moved
    /// to `out`. What they are about can then be fetched from memory together.
    pub fn take_arrived(&mut self, out: &mut Vec<E>) {
        if !self.arrived.is_empty() {
            out.append(&mut self.arrived);
        }
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

    /// Puts an event due at `time` at the end of its list.
    fn append(&mut self, time: u64, event: E) {
        let differs = time ^ self.present;
        let number = (63 - (differs | 1).leading_zeros()) / BITS;
        let slot = (time >> (number * BITS)) as usize % SLOTS;
        let Some(number) = (number as usize).checked_sub(1) else {
            return self.near.append(slot, event);
        };
        while self.far.len() <= number {
            self.far.push(Far {
                slots: (0..SLOTS).map(|_| Vec::new()).collect(),
                earliest: vec![u64::MAX; SLOTS],
                in_use: InUse::default(),
            });
        }
        let level = &mut self.far[number];
        let list = &mut level.slots[slot];
        if list.is_empty() {
            if list.capacity() == 0 {
                *list = self.spare.pop().unwrap_or_default();
            }
            level.earliest[slot] = time;
            level.in_use.mark(slot);
            self.far_in_use |= 1 << number;
        } else {
            level.earliest[slot] = level.earliest[slot].min(time);
        }
        list.push((time, event));
    }

    /// Makes `time`, the next event's, the present: the events of its slot move to lower levels.
    fn bring_down(&mut self, time: u64) {
        let number = self.far_in_use.trailing_zeros();
        let level = &mut self.far[number as usize];
        let slot = (time >> ((number + 1) * BITS)) as usize % SLOTS;
        let mut list = std::mem::take(&mut level.slots[slot]);
        level.in_use.unmark(slot);
        if level.in_use.words == 0 {
            self.far_in_use &= !(1 << number);
        }
        self.present = time;
        self.arrived.clear();
        for (at, event) in list.drain(..) {
            self.append(at, event);
            if at ^ time < SLOTS as u64 {
                self.arrived.push(event);
            }
        }
        if list.capacity() <= SLOTS {
            self.spare.push(list);
        }
    }

    /// The time of the first event, worked out.
    fn first_at(&self) -> Option<SimTime> {
        if self.near.in_use.words != 0 {
            // The slot is the time's last bits.
            let time = self.present & !(SLOTS as u64 - 1) | self.near.in_use.first() as u64;
            return Some(SimTime::from_ms(time));
        }
        if self.far_in_use == 0 {
            return None;
        }
        let level = &self.far[self.far_in_use.trailing_zeros() as usize];
        Some(SimTime::from_ms(level.earliest[level.in_use.first()]))
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

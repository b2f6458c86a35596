//! What is due in one manager, in order. Spans of one kind are mostly equal, so things of one kind come in the order of
//! their times: each kind has a lane that is only appended to, and a heap takes what does not fit.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::units::SimTime;

/// Something due. The order (time, kind, number) does not depend on when it was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: SimTime,
    pub(super) kind: DueKind,
    /// The work it is for; of no meaning for a reload and a stop.
    pub(super) work: u32,
    /// Number of the request, or of the reconfiguration.
    pub(super) sequence: u64,
}

/// What is due; at one instant in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DueKind {
    /// The final update was answered.
    Freed,
    /// A request is answered.
    Answer,
    /// The update "running" was answered.
    Running,
    /// A held request's time is over or its queue has changed.
    HoldOver,
    /// An attempt is repeated.
    Retry,
    /// The file was rewritten and is looked at.
    Reload,
    /// A signal comes in.
    Stop,
}

/// Kinds with a lane: the first ones of [`DueKind`].
const LANES: usize = 3;

impl Due {
    /// Whether it comes before `other`; of one instant and kind the lower number does.
    fn before(&self, other: &Self) -> bool {
        (self.at, self.kind, self.sequence) < (other.at, other.kind, other.sequence)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    lanes: [VecDeque<Due>; LANES],
    others: BinaryHeap<Reverse<(SimTime, DueKind, u64, u32)>>,
}

impl Plan {
    pub(super) fn push(&mut self, due: Due) {
        if let Some(lane) = self.lanes.get_mut(due.kind as usize)
            && lane.back().is_none_or(|last| last.before(&due))
        {
            lane.push_back(due);
        } else {
            self.others.push(Reverse((due.at, due.kind, due.sequence, due.work)));
        }
    }

    /// The next thing due.
    pub(super) fn first(&self) -> Option<Due> {
        let mut first = self.others.peek().map(|entry| from_heap(entry.0));
        for front in self.lanes.iter().filter_map(VecDeque::front) {
            if first.is_none_or(|first| front.before(&first)) {
                first = Some(*front);
            }
        }
        first
    }

    /// Takes out what [`Plan::first`] returned.
    pub(super) fn remove_first(&mut self, first: Due) {
        if let Some(lane) = self.lanes.get_mut(first.kind as usize)
            && lane.front() == Some(&first)
        {
            lane.pop_front();
        } else {
            self.others.pop();
        }
    }

    /// Everything due, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Due> {
        self.lanes.iter().flatten().copied().chain(self.others.iter().map(|entry| from_heap(entry.0)))
    }

    /// Takes out all answers, in no order.
    pub(super) fn take_answers(&mut self, mut each: impl FnMut(Due)) {
        self.lanes[DueKind::Answer as usize].drain(..).for_each(&mut each);
        if self.others.iter().any(|entry| entry.0.1 == DueKind::Answer) {
            self.others.retain(|entry| {
                let is_answer = entry.0.1 == DueKind::Answer;
                if is_answer {
                    each(from_heap(entry.0));
                }
                !is_answer
            });
        }
    }
}

fn from_heap((at, kind, sequence, work): (SimTime, DueKind, u64, u32)) -> Due {
    Due { at, kind, work, sequence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn things_leave_by_time_kind_and_number(things in prop::collection::vec((0_u64..30, 0_usize..5), 0..80)) {
            const KINDS: [DueKind; 5] =
                [DueKind::Freed, DueKind::Answer, DueKind::Running, DueKind::Retry, DueKind::Reload];
            let mut plan = Plan::default();
            let mut expected = Vec::new();
            for (sequence, (at, kind)) in (0..).zip(things) {
                let due = Due { at: SimTime::from_ms(at), kind: KINDS[kind], work: 0, sequence };
                plan.push(due);
                expected.push(due);
            }
            expected.sort_by_key(|due| (due.at, due.kind, due.sequence));
            let mut left = Vec::new();
            while let Some(first) = plan.first() {
                plan.remove_first(first);
                left.push(first);
            }
            prop_assert_eq!(left, expected);
        }
    }
}

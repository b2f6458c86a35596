//! One queue of pending jobs by build id. Most jobs come in order and cost no more than a ring buffer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A place in a queue: build id, then the index of the pending job.
pub(super) type Place = (u64, u32);

/// Jobs by build id. Removed jobs stay as stale places until they come to the head; the caller knows which are stale.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    /// Jobs that came in the order of their build ids.
    in_order: VecDeque<Place>,
    /// Jobs that came after one with a higher build id: later stages of older pipelines.
    overtaking: BinaryHeap<Reverse<Place>>,
}

impl Fifo {
    pub(super) fn push(&mut self, place: Place) {
        if self.in_order.back().is_none_or(|last| *last < place) {
            self.in_order.push_back(place);
        } else {
            self.overtaking.push(Reverse(place));
        }
    }

    /// The first place that is not stale; stale ones before it are forgotten.
    pub(super) fn head(&mut self, is_pending: impl Fn(Place) -> bool) -> Option<Place> {
        while self.in_order.front().is_some_and(|place| !is_pending(*place)) {
            self.in_order.pop_front();
        }
        while self.overtaking.peek().is_some_and(|place| !is_pending(place.0)) {
            self.overtaking.pop();
        }
        let overtaking = self.overtaking.peek().map(|place| place.0);
        match (self.in_order.front().copied(), overtaking) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn jobs_leave_by_build_id_whatever_the_order_they_came_in(builds in prop::collection::vec((0_u64..200, prop::bool::ANY), 0..100)) {
            let mut fifo = Fifo::default();
            let mut pending = BTreeSet::new();
            for (index, (build, take)) in builds.into_iter().enumerate() {
                fifo.push((build, index as u32));
                pending.insert((build, index as u32));
                if take {
                    let head = fifo.head(|place| pending.contains(&place));
                    prop_assert_eq!(head, pending.first().copied());
                    pending.pop_first();
                }
            }
            while let Some(first) = pending.first().copied() {
                prop_assert_eq!(fifo.head(|place| pending.contains(&place)), Some(first));
                pending.pop_first();
            }
            prop_assert_eq!(fifo.head(|place| pending.contains(&place)), None);
        }
    }
}

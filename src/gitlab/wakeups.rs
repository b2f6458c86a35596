//! When each manager has to be woken, and which one is first: a winner tree, so that a change costs the logarithm of
//! the number of managers.

use crate::units::SimTime;

#[derive(Clone, Debug)]
pub(super) struct Wakeups {
    /// Inner nodes from 1, each with the earlier of its two children; then the leaves.
    tree: Vec<SimTime>,
    leaves: usize,
}

impl Wakeups {
    pub(super) fn new(managers: usize) -> Self {
        // At least two, so that the root is no leaf.
        let leaves = managers.next_power_of_two().max(2);
        Self { tree: vec![SimTime::NEVER; leaves * 2], leaves }
    }

    pub(super) fn set(&mut self, manager: usize, at: SimTime) {
        let mut node = self.leaves + manager;
        self.tree[node] = at;
        while node > 1 {
            node /= 2;
            let earlier = self.tree[node * 2].min(self.tree[node * 2 + 1]);
            if self.tree[node] == earlier {
                return;
            }
            self.tree[node] = earlier;
        }
    }

    /// The earliest time.
    pub(super) fn first_at(&self) -> SimTime {
        self.tree[1]
    }

    /// The manager with the earliest time; of several the one with the lowest number.
    pub(super) fn first(&self) -> usize {
        let mut node = 1;
        while node < self.leaves {
            node = node * 2 + usize::from(self.tree[node * 2] != self.tree[node]);
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_the_earliest_and_lowest(changes in prop::collection::vec((0_usize..5, 0_u64..20), 1..60)) {
            let mut wakeups = Wakeups::new(5);
            let mut plain = [SimTime::NEVER; 5];
            for (manager, at) in changes {
                wakeups.set(manager, SimTime::from_ms(at));
                plain[manager] = SimTime::from_ms(at);
                let (first_at, first) = plain.iter().copied().zip(0..).min().unwrap_or_default();
                prop_assert_eq!((wakeups.first_at(), wakeups.first()), (first_at, first));
            }
        }
    }
}

//! Which instance types have room for a total of requests, as bit sets by threshold.

use crate::karpenter::instance_types::TypeId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::type_set::TypeSet;

/// For one resource: the distinct amounts that types have, ascending, and the types that have at least each.
#[derive(Clone, Debug, Default)]
struct Thresholds {
    amounts: Vec<i64>,
    at_least: Vec<TypeSet>,
    /// Types by amount, largest first.
    descending: Vec<(i64, TypeId)>,
}

impl Thresholds {
    fn new(amounts: impl Iterator<Item = i64>) -> Self {
        let mut descending: Vec<(i64, TypeId)> =
            amounts.zip(0..).map(|(amount, index)| (amount, TypeId(index))).collect();
        descending.sort_unstable_by_key(|(amount, id)| (std::cmp::Reverse(*amount), *id));
        let mut all = Self { descending, ..Self::default() };
        let mut set = TypeSet::EMPTY;
        for &(amount, id) in &all.descending {
            set.insert(id);
            if all.amounts.last() == Some(&amount) {
                all.at_least.pop();
            } else {
                all.amounts.push(amount);
            }
            all.at_least.push(set);
        }
        all.amounts.reverse();
        all.at_least.reverse();
        all
    }

    fn with(&self, amount: i64) -> &TypeSet {
        let index = self.amounts.partition_point(|have| *have < amount);
        self.at_least.get(index).unwrap_or(&TypeSet::EMPTY)
    }

    /// The most that a type of `set` has, looking from `from` on; remembers where it was found, since sets only shrink.
    fn most(&self, set: &TypeSet, from: &mut u16) -> i64 {
        while let Some((amount, id)) = self.descending.get(usize::from(*from)) {
            if set.contains(*id) {
                return *amount;
            }
            *from += 1;
        }
        i64::MIN / 2
    }
}

/// What every type can hold of pods: its allocatable less its daemonset pods.
#[derive(Clone, Debug, Default)]
pub(super) struct FitIndex {
    cpu: Thresholds,
    memory: Thresholds,
    pods: Thresholds,
}

/// How far the search for the largest types of a shrinking set has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Largest([u16; 3]);

impl FitIndex {
    /// An index over what the types, by id, can hold.
    pub(super) fn new(room: &[Amounts]) -> Self {
        Self {
            cpu: Thresholds::new(room.iter().map(|one| one.cpu)),
            memory: Thresholds::new(room.iter().map(|one| one.memory)),
            pods: Thresholds::new(room.iter().map(|one| one.pods)),
        }
    }

    /// The types of `set` with room for `total`.
    pub(super) fn fitting(&self, set: &TypeSet, total: &Amounts) -> TypeSet {
        set.and(self.cpu.with(total.cpu)).and(self.memory.with(total.memory)).and(self.pods.with(total.pods))
    }

    /// The most that types of `set` have of each resource (of different types, perhaps).
    pub(super) fn largest(&self, set: &TypeSet, from: &mut Largest) -> Amounts {
        let [cpu, memory, pods] = &mut from.0;
        Amounts {
            cpu: self.cpu.most(set, cpu),
            memory: self.memory.most(set, memory),
            pods: self.pods.most(set, pods),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_the_least_they_must_hold() {
        let room = |cpu, memory| Amounts { cpu, memory, pods: 10 };
        let index = FitIndex::new(&[room(2, 4), room(4, 4), room(4, 16)]);
        let all = TypeSet::first(3);
        let fitting = |cpu, memory| {
            let total = Amounts { cpu, memory, pods: 1 };
            index.fitting(&all, &total).iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(fitting(0, 0), [0, 1, 2]);
        assert_eq!(fitting(3, 4), [1, 2]);
        assert_eq!(fitting(3, 5), [2]);
        assert_eq!(fitting(5, 1), [0_u16; 0]);
        let mut from = Largest::default();
        let first_two = TypeSet::first(2);
        assert_eq!(index.largest(&first_two, &mut from), Amounts { cpu: 4, memory: 4, pods: 10 });
    }
}

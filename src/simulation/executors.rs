//! The executors of a run: which one a picked build has, told from its manager and runner entry.

use super::plan::{ExecutorPlan, Plan};

/// Every different executor once, and the executor of each runner entry.
#[derive(Clone, Debug)]
pub(super) struct Executors<'p> {
    /// The first is that of every entry without one of its own.
    different: Vec<&'p ExecutorPlan>,
    /// By manager, then by entry; what lies beyond has the first.
    of_entry: Vec<Vec<u32>>,
}

impl<'p> Executors<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let mut different = vec![&plan.executor];
        let mut of_entry: Vec<Vec<u32>> = Vec::new();
        for own in &plan.own_executors {
            let known = different.iter().position(|known| **known == own.executor);
            let number = known.unwrap_or_else(|| {
                different.push(&own.executor);
                different.len() - 1
            });
            let (manager, entry) = (own.manager as usize, own.entry as usize);
            if of_entry.len() <= manager {
                of_entry.resize_with(manager + 1, Vec::new);
            }
            let entries = &mut of_entry[manager];
            if entries.len() <= entry {
                entries.resize(entry + 1, 0);
            }
            entries[entry] = number as u32;
        }
        Self { different, of_entry }
    }

    /// How many different ones there are.
    pub(super) fn len(&self) -> usize {
        self.different.len()
    }

    /// The number of the executor of an entry of a manager.
    pub(super) fn of(&self, manager: u32, entry: u32) -> u32 {
        let entries = self.of_entry.get(manager as usize);
        entries.and_then(|entries| entries.get(entry as usize)).copied().unwrap_or(0)
    }

    /// An executor.
    pub(super) fn get(&self, number: u32) -> &'p ExecutorPlan {
        self.different[number as usize]
    }
}

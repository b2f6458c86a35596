//! PodDisruptionBudgets of job pods in a run: which pods count, and Karpenter and the drain hearing of it.

use crate::fleet::JobId;
use crate::karpenter::disruption::PodPdb;
use crate::kubernetes::DisruptionLimit;

use super::plan::PodDisruptionBudget;
use super::world::World;

/// The budgets of a run with the pods that count for each.
#[derive(Clone, Debug, Default)]
pub(super) struct PodBudgets {
    limits: Vec<DisruptionLimit>,
    /// Bound pods that are not being deleted, by budget.
    healthy: Vec<u32>,
}

impl PodBudgets {
    pub(super) fn new(budgets: &[PodDisruptionBudget]) -> Self {
        Self { limits: budgets.iter().map(|budget| budget.limit).collect(), healthy: vec![0; budgets.len()] }
    }

    /// How many more pods of each budget the eviction API lets go.
    pub(super) fn allowed(&self) -> Vec<u32> {
        let allowed = |(limit, healthy): (&DisruptionLimit, &u32)| limit.disruptions_allowed(*healthy);
        self.limits.iter().zip(&self.healthy).map(allowed).collect()
    }
}

/// The budgets among `budgets` that select jobs of the class called `class`.
pub(super) fn selecting(budgets: &[PodDisruptionBudget], class: &str) -> PodPdb {
    let selects = |budget: &PodDisruptionBudget| {
        budget.classes.is_empty() || budget.classes.iter().any(|name| name == class)
    };
    let mut selecting = (0..).zip(budgets).filter(|(_, budget)| selects(budget)).map(|(number, _)| number);
    match (selecting.next(), selecting.next()) {
        (None, _) => PodPdb::None,
        (Some(only), None) => PodPdb::One(only),
        _ => PodPdb::Several,
    }
}

impl World<'_> {
    /// Tells Karpenter of the budgets before the first pod.
    pub(super) fn announce_pod_budgets(&mut self) {
        for number in 0..self.pod_budgets.limits.len() {
            self.report_pod_budget(number);
        }
    }

    /// A pod began to count for its budget, or stopped.
    pub(super) fn count_for_budget(&mut self, id: JobId, counts: bool) {
        if let PodPdb::One(number) = self.kinds.get(self.jobs[id].kind).pdb {
            let healthy = &mut self.pod_budgets.healthy[usize::from(number)];
            *healthy = if counts { *healthy + 1 } else { healthy.saturating_sub(1) };
            self.report_pod_budget(usize::from(number));
        }
    }

    fn report_pod_budget(&mut self, number: usize) {
        let limit = self.pod_budgets.limits[number];
        let allowed = limit.disruptions_allowed(self.pod_budgets.healthy[number]);
        if let Some(side) = &mut self.karpenter {
            side.disruption.set_pdb(number as u16, allowed, limit.is_fully_blocking());
            side.cluster.set_pdb(number as u16, limit.is_fully_blocking());
        }
    }
}

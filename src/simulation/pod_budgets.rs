//! PodDisruptionBudgets of job pods in a run: which pods count, and kube-scheduler, Karpenter and the drain hearing of it.

use crate::fleet::JobId;
use crate::karpenter::disruption::PodPdb;
use crate::kubernetes::DisruptionLimit;
use crate::units::SimTime;

use super::event::Event;
use super::plan::PodDisruptionBudget;
use super::world::World;

/// The budgets of a run with the pods that count for each.
#[derive(Clone, Debug, Default)]
pub(super) struct PodBudgets {
    limits: Vec<DisruptionLimit>,
    /// Ready pods that are not being deleted, by budget.
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

/// The numbers of the budgets among `budgets` that select jobs of the class called `class`.
pub(super) fn selecting(budgets: &[PodDisruptionBudget], class: &str) -> Vec<u16> {
    let selects = |budget: &PodDisruptionBudget| {
        budget.classes.is_empty() || budget.classes.iter().any(|name| name == class)
    };
    (0..).zip(budgets).filter(|(_, budget)| selects(budget)).map(|(number, _)| number).collect()
}

/// The same as Karpenter tells them apart.
pub(super) fn pdb(selecting: &[u16]) -> PodPdb {
    match selecting {
        [] => PodPdb::None,
        [only] => PodPdb::One(*only),
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

    /// A pod was bound whose containers will run at `at`. Only pods that a budget selects need to be told apart by that.
    pub(super) fn await_readiness(&mut self, id: JobId, at: SimTime) {
        let job = &self.jobs[id];
        if !matches!(self.kinds.get(job.kind).pdb, PodPdb::None) {
            let build = job.build;
            self.queue.push(at, Event::PodReady { job: id, build });
        }
    }

    /// The containers of a pod run.
    pub(super) fn pod_ready(&mut self, id: JobId, build: u32) {
        if let Some(job) = self.jobs.get_mut(id).filter(|job| job.build == build && job.is_on_its_way()) {
            job.is_ready = true;
            self.count_for_budget(id, true);
        }
    }

    /// A pod is being deleted.
    pub(super) fn no_longer_ready(&mut self, id: JobId) {
        if std::mem::take(&mut self.jobs[id].is_ready) {
            self.count_for_budget(id, false);
        }
    }

    /// A pod began to count for its budget, or stopped.
    fn count_for_budget(&mut self, id: JobId, counts: bool) {
        if let PodPdb::One(number) = self.kinds.get(self.jobs[id].kind).pdb {
            let healthy = &mut self.pod_budgets.healthy[usize::from(number)];
            *healthy = if counts { *healthy + 1 } else { healthy.saturating_sub(1) };
            self.report_pod_budget(usize::from(number));
        }
    }

    fn report_pod_budget(&mut self, number: usize) {
        let limit = self.pod_budgets.limits[number];
        let allowed = limit.disruptions_allowed(self.pod_budgets.healthy[number]);
        self.scheduler.set_budget(number as u16, allowed);
        if let Some(side) = &mut self.karpenter {
            side.disruption.set_pdb(number as u16, allowed, limit.is_fully_blocking());
            side.cluster.set_pdb(number as u16, limit.is_fully_blocking());
        }
    }
}

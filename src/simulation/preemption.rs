//! Preemption by kube-scheduler: victims are deleted, and Karpenter does not provide for a pod that room is made for.

use crate::engine::Id;
use crate::fleet::JobId;
use crate::karpenter::pods::PodId;
use crate::kubernetes::Preemption;
use crate::metrics::JobOutcome;
use crate::workload::FailureReason;

use super::world::World;

impl World<'_> {
    /// Deletes the pods that give way to pods of higher priority. Their room is free once they are gone.
    pub(super) fn delete_preempted(&mut self) {
        let victims: Vec<Preemption> = self.scheduler.take_preemptions().collect();
        self.explain_preemptions(&victims);
        for Preemption { victim, .. } in victims {
            let reason = FailureReason::RunnerSystemFailure;
            self.stop_build(Id::new(victim.0), JobOutcome::Interrupted, reason, true);
        }
    }

    /// A pod with a nominated node is not provisionable (core `utils/pod/scheduling.go` `IsProvisionable`, v1.15.0).
    pub(super) fn leave_to_preemption(&mut self, id: JobId) {
        if let Some(side) = &mut self.karpenter {
            side.provisioner.pod_settled(PodId(id.raw()));
        }
    }
}

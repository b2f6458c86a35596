//! The end of Karpenter's nodes: a deleted NodeClaim drains its node, terminates the instance and goes.

use crate::engine::{Id, Purpose};
use crate::fleet::{JobId, JobPhase, NodeId, NodePhase};
use crate::karpenter::cluster;
use crate::karpenter::disruption::PodPdb;
use crate::karpenter::pods::PodId;
use crate::karpenter::termination::{DrainGroup, DrainPod, Removal, RemovalOutcome};
use crate::kubernetes::NodeKey;
use crate::metrics::{JobOutcome, NodeEnd};
use crate::units::{SimDuration, SimTime};
use crate::workload::FailureReason;

use super::event::{Event, NodeStage};
use super::world::World;

const TERMINATION: Purpose = Purpose::named("ec2 termination");
/// `terminationGracePeriodSeconds` of job pods: Kubernetes' default, which the executor leaves alone.
const GRACE: SimDuration = SimDuration::from_secs(30);

impl World<'_> {
    /// The NodeClaim is deleted: the node takes no more pods, is drained, and its instance is terminated after that.
    pub(super) fn delete_claim(&mut self, id: NodeId, end: NodeEnd) {
        let now = self.now;
        if self.nodes[id].phase >= NodePhase::Draining {
            return;
        }
        let had_joined = self.nodes[id].phase >= NodePhase::Registered;
        let (node_id, pool) = (cluster::NodeId(id.raw()), self.nodes[id].pool);
        if let Some(side) = &mut self.karpenter {
            side.cluster.mark_for_deletion(node_id);
            side.disruption.claim_deleting(now, node_id);
            side.emptiness.node_removed(pool, node_id);
            side.provisioner.node_disrupted(now, node_id);
        }
        self.nodes[id].enter(NodePhase::Draining);
        self.static_pool_changed(pool);
        self.facts[id.index()].end = end;
        if had_joined {
            self.scheduler.cordon(now, NodeKey(id.raw()));
            self.removals[id.index()] = Some(self.removal_of(id));
            self.arm_removal(id);
        } else {
            // Without a Node object there is nothing to drain.
            self.terminate(id);
        }
    }

    fn removal_of(&self, id: NodeId) -> Removal {
        let pods = &self.nodes[id].pods;
        let drained = pods.iter().map(|pod| self.drain_pod(*pod)).collect();
        let pool = &self.karpenter_plan().pools[self.nodes[id].pool as usize];
        let mut removal = Removal::new(self.now, pool.termination_grace_period, drained);
        for pod in pods.iter().filter(|pod| self.jobs[**pod].phase == JobPhase::Ended) {
            removal.pod_terminating(self.now, PodId(pod.raw()), GRACE);
        }
        removal
    }

    fn drain_pod(&self, id: JobId) -> DrainPod {
        let job = &self.jobs[id];
        let kind = self.kinds.get(job.kind);
        let facts = self.karpenter.as_ref().map(|side| side.pod_facts[kind.karpenter_class as usize]);
        DrainPod {
            pod: PodId(id.raw()),
            group: DrainGroup::Plain,
            grace: if job.is_pause_pod() { SimDuration::ZERO } else { GRACE },
            do_not_disrupt: kind.do_not_disrupt,
            started_at: Some(job.bound_at).filter(|at| *at != SimTime::NEVER),
            stays: facts.is_some_and(|facts| facts.tolerates_disrupted_taint),
        }
    }

    fn arm_removal(&mut self, id: NodeId) {
        let Some(removal) = &self.removals[id.index()] else { return };
        let at = removal.next_wakeup();
        if at != SimTime::NEVER {
            let ordinal = self.nodes[id].ordinal;
            let stage = NodeStage::RemovalDue;
            self.queue.push(at.max(self.now), Event::Node { node: id, ordinal, stage });
        }
    }

    /// Karpenter looks at the removal, unless an earlier event brought it further meanwhile.
    pub(super) fn removal_due(&mut self, id: NodeId) {
        let now = self.now;
        let mut outcomes = Vec::new();
        let mut allowed = self.pod_budgets.allowed();
        let (jobs, kinds) = (&self.jobs, &self.kinds);
        // The eviction API counts what it accepts at once, before the pods are seen to terminate.
        let may_evict = |pod: PodId| match kinds.get(jobs[Id::new(pod.0)].kind).pdb {
            // Pods whose containers do not run yet are let go whatever their budgets say (kubernetes
            // `pkg/registry/core/pod/storage/eviction.go` `canIgnorePDB`, v1.37).
            _ if !jobs[Id::new(pod.0)].is_ready => true,
            PodPdb::None => true,
            PodPdb::Several => false,
            PodPdb::One(number) => {
                let left = &mut allowed[usize::from(number)];
                let may = *left > 0;
                *left -= u32::from(may);
                may
            }
        };
        match &mut self.removals[id.index()] {
            Some(removal) if removal.next_wakeup() <= now => removal.wake(now, may_evict, &mut outcomes),
            _ => return,
        }
        for outcome in outcomes {
            match outcome {
                RemovalOutcome::Evict(pod) | RemovalOutcome::ForceDelete(pod, _) => {
                    let reason = FailureReason::RunnerSystemFailure;
                    self.stop_build(Id::new(pod.0), JobOutcome::Interrupted, reason, true);
                }
                RemovalOutcome::TerminateInstance => self.terminate(id),
                RemovalOutcome::Gone => return self.node_gone(id),
            }
        }
        self.arm_removal(id);
    }

    /// A pod left a node: its removal, if there is one, goes on.
    pub(super) fn removal_pod_over(&mut self, id: NodeId, pod: JobId) {
        if let Some(removal) = &mut self.removals[id.index()] {
            removal.pod_over(self.now, PodId(pod.raw()));
            self.arm_removal(id);
        }
    }

    /// TerminateInstances: billing ends here.
    fn terminate(&mut self, id: NodeId) {
        let now = self.now;
        let end = self.facts[id.index()].end;
        let ordinal = self.nodes[id].ordinal;
        self.close_node(id, end);
        self.nodes[id].phase = NodePhase::Terminated;
        if let Some(side) = &mut self.karpenter {
            side.disruption.instance_terminating(cluster::NodeId(id.raw()));
        }
        let mut random = self.streams.entity(TERMINATION, u64::from(ordinal));
        let gone_at = now + self.plan.ec2.termination.draw(&mut random);
        self.queue.push(gone_at, Event::Node { node: id, ordinal, stage: NodeStage::InstanceGone });
    }

    /// EC2 no longer knows the instance: Karpenter notices when it looks, and Node and NodeClaim go.
    pub(super) fn instance_gone(&mut self, id: NodeId) {
        match &mut self.removals[id.index()] {
            Some(removal) => {
                removal.instance_gone(self.now);
                self.arm_removal(id);
            }
            None => self.node_gone(id),
        }
    }
}

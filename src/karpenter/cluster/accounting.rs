//! Pods on nodes: what they hold, and the pod events that a node's consolidation clock starts from.

use super::{BoundPod, Cluster, Node, NodeId, PodState};
use crate::karpenter::disruption::PodPdb;
use crate::karpenter::node_pools::DaemonSetSpec;
use crate::karpenter::pods::{PodClassId, PodId};
use crate::karpenter::resources::Amounts;
use crate::units::{SimDuration, SimTime};

/// A pod event less than this after the last one is not recorded (core `nodeclaim/podevents`, v1.15.0).
const POD_EVENT_DEDUPE: SimDuration = SimDuration::from_secs(10);

/// How long a node stays nominated: twice the longest batch (core `state/statenode.go`, v1.15.0).
const NOMINATION: SimDuration = SimDuration::from_secs(20);

impl Cluster {
    /// A pod was bound to a node.
    pub fn pod_bound(
        &mut self,
        now: SimTime,
        pod: PodId,
        class: PodClassId,
        created_at: SimTime,
        node: NodeId,
    ) {
        let requests = self.classes.get(class).requests;
        let repels = !self.classes.get(class).repels.is_empty();
        let entry = self.live(node);
        entry.requested += requests;
        entry.repelling_pods += u32::from(repels);
        entry.pods.push(BoundPod { pod, class, state: PodState::Active, created_at, started_at: now });
        note_pod_event(entry, now);
        self.repelling_pods += usize::from(repels);
    }

    /// A bound pod began to be deleted: it holds its requests but no longer keeps the node from being empty.
    /// Nothing happens where the pod is not on the node (it was terminal before).
    pub fn pod_terminating(&mut self, now: SimTime, pod: PodId, node: NodeId) {
        let entry = self.live(node);
        if let Some(bound) = entry.pods.iter_mut().find(|bound| bound.pod == pod)
            && bound.state == PodState::Active
        {
            bound.state = PodState::Terminating;
            note_pod_event(entry, now);
        }
    }

    /// A bound pod succeeded or failed: its requests are free at once.
    pub fn pod_terminal(&mut self, now: SimTime, pod: PodId, node: NodeId) {
        if self.take(pod, node) {
            note_pod_event(self.live(node), now);
        }
    }

    /// A bound pod's object is gone. Nothing happens where it was terminal before.
    pub fn pod_gone(&mut self, pod: PodId, node: NodeId) {
        self.take(pod, node);
    }

    /// A daemonset's pod was bound to a node; it no longer has to be reserved for.
    pub fn daemon_bound(&mut self, daemon_set: &DaemonSetSpec, node: NodeId) {
        let requests = Amounts::new(daemon_set.requests.cpu, daemon_set.requests.memory, 1);
        let entry = self.live(node);
        entry.requested += requests;
        entry.daemons_bound += requests;
    }

    /// A pass or command expects pods on this node.
    pub fn nominate(&mut self, now: SimTime, node: NodeId) {
        let until = now + NOMINATION;
        self.live(node).nominated_until = until;
    }

    /// Says whether a PodDisruptionBudget never allows a disruption: pods that it selects are not placed again while
    /// their node goes (core `utils/pdb/pdb.go` `IsCurrentlyReschedulable`, v1.15.0).
    pub fn set_pdb(&mut self, pdb: u16, is_fully_blocking: bool) {
        let index = usize::from(pdb);
        if index >= self.fully_blocking_pdbs.len() {
            self.fully_blocking_pdbs.resize(index + 1, false);
        }
        self.fully_blocking_pdbs[index] = is_fully_blocking;
    }

    /// Whether the pod of a node that goes would find a place elsewhere: no annotation protects it, no budget holds it.
    pub(crate) fn is_currently_reschedulable(&self, bound: &BoundPod, now: SimTime) -> bool {
        let class = self.classes.get(bound.class);
        let is_blocked = match class.spec.pdb {
            PodPdb::None => false,
            PodPdb::One(pdb) => self.fully_blocking_pdbs.get(usize::from(pdb)).is_some_and(|blocks| *blocks),
            PodPdb::Several => true,
        };
        bound.state == PodState::Active
            && !class.spec.do_not_disrupt.is_active(Some(bound.started_at), now)
            && (class.stays || !is_blocked)
    }

    fn take(&mut self, pod: PodId, node: NodeId) -> bool {
        let entry = self.nodes[node.0 as usize].as_mut().expect("the node is known");
        let Some(index) = entry.pods.iter().position(|bound| bound.pod == pod) else { return false };
        let bound = entry.pods.swap_remove(index);
        let class = self.classes.get(bound.class);
        entry.requested -= class.requests;
        if !class.repels.is_empty() {
            entry.repelling_pods -= 1;
            self.repelling_pods -= 1;
        }
        self.note_change(node);
        true
    }
}

/// The stored time has whole seconds, which is what the 10 s are counted from.
fn note_pod_event(node: &mut Node, now: SimTime) {
    if node.last_pod_event_at.is_none_or(|last| now.saturating_since(last) >= POD_EVENT_DEDUPE) {
        node.last_pod_event_at = Some(now.floor_to_second());
    }
}

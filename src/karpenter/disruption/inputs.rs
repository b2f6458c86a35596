//! What the loop reports to the disruption controller: nodes and pods that come, change and go.

use super::super::cluster::NodeId;
use super::super::pods::PodId;
use super::controller::Disruption;
use super::nodes::{BoundPod, NewPod, Node, NodeFacts};
use super::outcome::CommandId;
use super::pod_cost::PodOwner;
use crate::units::SimTime;

impl Disruption {
    /// The claim's instance was launched.
    ///
    /// # Panics
    /// Where the node exists.
    pub fn node_launched(&mut self, now: SimTime, id: NodeId, facts: NodeFacts) {
        self.resume(now);
        self.nodes.add(id, facts);
        self.changes.mark(now);
    }

    /// The node became initialized.
    pub fn node_initialized(&mut self, now: SimTime, id: NodeId) {
        if self.nodes.change(id, |node| node.clock.initialized(now)).is_some() {
            self.changes.mark(now);
        }
    }

    /// The node's condition `Ready` changed. Nodes count as ready until told otherwise.
    pub fn node_ready(&mut self, id: NodeId, is_ready: bool) {
        self.nodes.change(id, |node| node.is_ready = is_ready);
    }

    /// The node's NodeClaim is being deleted, whoever asked for it (interruption, expiration; a command's own deletions may be
    /// reported too).
    pub fn claim_deleting(&mut self, now: SimTime, id: NodeId) {
        let mark = |node: &mut Node| {
            node.is_deleting = true;
            std::mem::replace(&mut node.is_marked, true)
        };
        if self.nodes.change(id, mark) == Some(false) {
            self.changes.mark(now);
        }
    }

    /// The drain is over and the instance was told to terminate: the node leaves the budgets.
    pub fn instance_terminating(&mut self, id: NodeId) {
        self.nodes.change(id, |node| node.is_instance_terminating = true);
    }

    /// The node and its claim are gone, and its pods with it. Its id may be used again.
    pub fn node_removed(&mut self, now: SimTime, id: NodeId) {
        if self.nodes.remove(id).is_some() {
            self.changes.mark(now);
        }
    }

    /// A pod was bound to the node. Says whether the node's last pod event was set to this second.
    pub fn pod_bound(&mut self, now: SimTime, id: NodeId, new: NewPod) -> bool {
        let NewPod { pod, class, created_at, facts } = new;
        let bound = BoundPod {
            id: pod,
            class,
            created_at,
            facts,
            started_at: None,
            runs_from: now,
            is_terminal: false,
            is_terminating: false,
            is_cost_forgotten: false,
        };
        self.nodes.change_pods(id, |pods| pods.push(bound));
        self.changes.mark(now);
        facts.owner != PodOwner::DaemonSet && self.pod_event(now, id)
    }

    /// The kubelet took the pod on (its `startTime`), which timed do-not-disrupt annotations count from.
    pub fn pod_started(&mut self, now: SimTime, id: NodeId, pod: PodId) {
        self.nodes.change_pods(id, |pods| pods.change(pod, |pod| pod.started_at = Some(now)));
    }

    /// The pod's phase is `Pending` until then, as while its images are pulled; a pod of which nothing is said runs at once.
    pub fn pod_runs_from(&mut self, id: NodeId, pod: PodId, at: SimTime) {
        self.nodes.change_pods(id, |pods| pods.change(pod, |pod| pod.runs_from = at));
    }

    /// The pod got its deletion timestamp. Says whether the node's last pod event was set to this second.
    pub fn pod_terminating(&mut self, now: SimTime, id: NodeId, pod: PodId) -> bool {
        self.pod_ended(now, id, pod, |pod| std::mem::replace(&mut pod.is_terminating, true))
    }

    /// The pod succeeded or failed. Says whether the node's last pod event was set to this second.
    pub fn pod_terminal(&mut self, now: SimTime, id: NodeId, pod: PodId) -> bool {
        self.pod_ended(now, id, pod, |pod| std::mem::replace(&mut pod.is_terminal, true))
    }

    fn pod_ended(
        &mut self,
        now: SimTime,
        id: NodeId,
        pod: PodId,
        end: impl FnOnce(&mut BoundPod) -> bool,
    ) -> bool {
        let mut is_event = false;
        self.nodes.change_pods(id, |pods| {
            pods.change(pod, |pod| is_event = !end(pod) && pod.facts.owner != PodOwner::DaemonSet)
        });
        is_event && self.pod_event(now, id)
    }

    /// The pod object is gone from the node.
    pub fn pod_removed(&mut self, now: SimTime, id: NodeId, pod: PodId) {
        self.nodes.change_pods(id, |pods| pods.remove(pod));
        self.changes.mark(now);
    }

    /// A pod object that was bound to no node is gone.
    pub fn pending_pod_removed(&mut self, now: SimTime) {
        self.changes.mark(now);
    }

    /// Karpenter restarted: its first list reports every pod as created, so every node with a pod of no DaemonSet has its last
    /// pod event now. Calls `recorded` for each node whose time was set.
    pub fn karpenter_restarted(&mut self, now: SimTime, mut recorded: impl FnMut(NodeId)) {
        let has_pods = |node: &Node| node.pods.iter().any(|pod| pod.facts.owner != PodOwner::DaemonSet);
        let ids: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| has_pods(node)).map(|(id, _)| id).collect();
        for id in ids {
            if self.pod_event(now, id) {
                recorded(id);
            }
        }
    }

    /// The command's replacement is initialized.
    pub fn replacement_initialized(&mut self, command: CommandId) {
        self.queue.replacement_initialized(command);
    }

    /// The command's replacement was not created (limits), failed to launch or is gone: the command will be rolled back.
    pub fn replacement_lost(&mut self, command: CommandId) {
        self.queue.replacement_lost(command);
    }

    /// Sets how many disruptions a PodDisruptionBudget allows now (its status), and whether its spec never allows any
    /// (`maxUnavailable` 0 or 0 %, `minAvailable` 100 %).
    pub fn set_pdb(&mut self, pdb: u16, disruptions_allowed: u32, is_fully_blocking: bool) {
        let index = usize::from(pdb);
        if index >= self.pdbs.len() {
            self.pdbs.resize(index + 1, u32::MAX);
            self.fully_blocking_pdbs.resize(index + 1, false);
        }
        self.pdbs[index] = disruptions_allowed;
        self.fully_blocking_pdbs[index] = is_fully_blocking;
    }

    /// The cluster state saw the NodeClaim after the Node: it forgets what its pods cost until the Node is updated
    /// (a bug of v1.14 and v1.15 that moves Balanced's denominators).
    pub fn node_claim_updated(&mut self, id: NodeId) {
        self.nodes
            .change_pods(id, |pods| pods.node.pods.iter_mut().for_each(|pod| pod.is_cost_forgotten = true));
    }

    /// The node's condition `Consolidatable` is not written before then, whatever its times say: the controller lags.
    pub fn hold_condition(&mut self, id: NodeId, until: SimTime) {
        self.nodes.change(id, |node| node.clock.hold_condition(until));
    }

    /// Sets a node's recorded last pod event, whatever it was.
    pub fn set_last_pod_event(&mut self, id: NodeId, at: Option<SimTime>) {
        self.nodes.change(id, |node| node.clock.set_last_pod_event(at));
    }

    fn pod_event(&mut self, now: SimTime, id: NodeId) -> bool {
        self.nodes.change(id, |node| node.clock.pod_event(now)).unwrap_or(false)
    }
}

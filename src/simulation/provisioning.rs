//! Stage 5: Karpenter's passes, the claims they create, and the stages that their nodes reach. What EC2 answers to a
//! launch is in `launches`.

use crate::catalog::CapacityType;
use crate::engine::Id;
use crate::fleet::{JobId, Node, NodeId, NodePhase};
use crate::karpenter::cluster;
use crate::karpenter::disruption::{self, CommandId};
use crate::karpenter::pods::PodId;
use crate::karpenter::provisioner::Outcome;
use crate::karpenter::solver::{ClaimRequest, PodError};
use crate::kubernetes::PodKey;
use crate::units::{Resources, SimTime};

use super::decisions::Decision;
use super::event::NodeStage;
use super::karpenter_side::{Claim, KarpenterSide, type_index};
use super::plan::{CapacityPlan, Plan};
use super::reasons::Explanation;
use super::world::World;

impl World<'_> {
    /// Lets Karpenter's controllers do what is due.
    pub(super) fn wake_karpenter(&mut self) {
        let now = self.now;
        let mut side = self.karpenter.take().expect("Karpenter is awake");
        if side.ice.next_wakeup() <= now {
            side.ice.wake(now, side.cluster.instance_types_mut());
        }
        if side.provisioner.next_wakeup() <= now {
            let mut outcomes = std::mem::take(&mut side.provisioned);
            side.provisioner.wake(now, &mut side.cluster, &mut side.solver, &mut outcomes);
            for outcome in outcomes.drain(..) {
                match outcome {
                    Outcome::PassRan { pods, placed, claims } => {
                        side.passes += 1;
                        side.pods_in_passes += u64::from(pods);
                        self.note_decision(Decision::Pass { pods, placed, claims });
                    }
                    Outcome::CreateClaim(request) => self.create_claim(&mut side, request, None),
                    Outcome::Nominated { pod, node } => self.planned(pod, Some(Id::new(node.0))),
                    Outcome::BatchDropped => self.explain(|| Explanation::BatchDropped),
                    Outcome::Unplaced(error) => self.explain_unplaced(&error),
                }
            }
            side.provisioned = outcomes;
        }
        self.karpenter = Some(side);
        if self.karpenter.as_ref().is_some_and(|side| side.disruption.next_wakeup() <= now) {
            self.wake_disruption();
        }
        if self.karpenter.as_ref().is_some_and(|side| side.emptiness.next_wakeup() <= now) {
            self.wake_historical_emptiness();
        }
    }

    /// A pass found no place for a pod.
    fn explain_unplaced(&mut self, error: &PodError) {
        let Some(build) = self.explained_build(error.pod) else { return };
        self.explain(|| {
            let refusals = error.refusals.iter().map(|(pool, why)| (u32::from(pool.0), *why)).collect();
            Explanation::PodUnplaced { build, refusals }
        });
    }

    /// A pod was marked unschedulable, or marked anew: Karpenter hears of it.
    pub(super) fn trigger_provisioning(&mut self, id: JobId) {
        let now = self.now;
        let job = &self.jobs[id];
        let class = KarpenterSide::class(self.kinds.get(job.kind).karpenter_class);
        if let Some(side) = &mut self.karpenter {
            let uid = u64::from(job.build);
            side.provisioner.pod_unschedulable(now, PodId(id.raw()), class, job.pod_created_at, uid);
            self.jobs[id].awaits_karpenter = true;
        }
    }

    /// A pod was bound.
    pub(super) fn karpenter_pod_bound(&mut self, id: JobId, node: NodeId) {
        let now = self.now;
        let job = &self.jobs[id];
        let class = self.kinds.get(job.kind).karpenter_class;
        let pool = self.nodes[node].pool;
        let awaits_karpenter = job.awaits_karpenter;
        let created_at = job.pod_created_at;
        if let Some(side) = &mut self.karpenter {
            let (pod, node) = (PodId(id.raw()), cluster::NodeId(node.raw()));
            if awaits_karpenter {
                side.provisioner.pod_settled(pod);
            }
            let (facts, class) = (side.pod_facts[class as usize], KarpenterSide::class(class));
            side.cluster.pod_bound(now, pod, class, created_at, node);
            side.disruption.pod_bound(now, node, disruption::NewPod { pod, class, created_at, facts });
            if let disruption::DoNotDisrupt::For(_) = facts.do_not_disrupt {
                side.disruption.pod_started(now, node, pod);
            }
            side.emptiness.pod_bound(pool, node);
        }
    }

    /// A bound pod's containers start then.
    pub(super) fn karpenter_pod_runs_from(&mut self, id: JobId, node: NodeId, at: SimTime) {
        if let Some(side) = &mut self.karpenter {
            side.disruption.pod_runs_from(cluster::NodeId(node.raw()), PodId(id.raw()), at);
        }
    }

    /// A bound pod is being deleted.
    pub(super) fn karpenter_pod_terminating(&mut self, id: JobId, node: NodeId) {
        let now = self.now;
        self.no_longer_ready(id);
        self.scheduler.pod_terminating(PodKey(id.raw()));
        if let Some(side) = &mut self.karpenter {
            let (pod, node) = (PodId(id.raw()), cluster::NodeId(node.raw()));
            side.cluster.pod_terminating(now, pod, node);
            side.disruption.pod_terminating(now, node, pod);
        }
    }

    /// A bound pod's object is gone.
    pub(super) fn karpenter_pod_gone(&mut self, id: JobId, node: NodeId) {
        let now = self.now;
        let pool = self.nodes[node].pool;
        if let Some(side) = &mut self.karpenter {
            let (pod, place) = (PodId(id.raw()), cluster::NodeId(node.raw()));
            side.cluster.pod_gone(pod, place);
            side.disruption.pod_removed(now, place, pod);
            side.emptiness.pod_over(now, pool, place, &side.cluster);
        }
        self.removal_pod_over(node, id);
    }

    /// A pod that was bound to no node is gone.
    pub(super) fn forget_pending_pod(&mut self, id: JobId) {
        let now = self.now;
        if let Some(side) = &mut self.karpenter {
            side.provisioner.pod_settled(PodId(id.raw()));
            side.disruption.pending_pod_removed(now);
        }
    }

    /// Karpenter expects the pod on a node that is on its way.
    fn planned(&mut self, pod: PodId, node: Option<NodeId>) {
        let now = self.now;
        self.explain_placed(pod, node);
        let is_on_its_way =
            node.is_none_or(|node| self.nodes.get(node).is_some_and(|node| node.phase < NodePhase::Ready));
        if let Some(job) = self.jobs.get_mut(Id::new(pod.0))
            && is_on_its_way
        {
            job.planned_at = job.planned_at.min(now);
        }
    }

    /// A NodeClaim is created: EC2 will be asked for an instance.
    pub(super) fn create_claim(
        &mut self,
        side: &mut KarpenterSide,
        request: ClaimRequest,
        command: Option<CommandId>,
    ) {
        for pod in &request.pods {
            self.planned(*pod, None);
        }
        let now = self.now;
        let ordinal = self.next_node_ordinal();
        let first = side.types[type_index(request.types[0].0)];
        let node = Node {
            ordinal,
            phase: NodePhase::Requested,
            pool: u32::from(request.pool.0),
            instance_type: first.raw(),
            zone: 0,
            arch: self.plan.ec2.catalog.get(first).arch,
            capacity: CapacityType::OnDemand,
            allocatable: Resources::ZERO,
            requested_at: now,
            running_at: SimTime::NEVER,
            registered_at: SimTime::NEVER,
            ready_at: SimTime::NEVER,
            empty_at: SimTime::NEVER,
            pods: Vec::new(),
            active_pods: 0,
        };
        let id = self.insert_node(node);
        side.claims_created += 1;
        side.cluster.claim_created(now, cluster::NodeId(id.raw()), request.pool, &request.requirements);
        let claim = Claim { request, replaces_for: command, failures: 0, call: None, fleet: ordinal };
        side.keep_claim(id.index(), claim);
        self.gather_fleet_call(&mut side.fleet_calls, id, ordinal);
    }

    /// A node of Karpenter's reached a stage of its start.
    pub(super) fn karpenter_stage(&mut self, id: NodeId, stage: NodeStage) {
        let now = self.now;
        let node_id = cluster::NodeId(id.raw());
        match stage {
            NodeStage::Registered => {
                let of_claim = self.karpenter.as_mut().map(|side| side.cluster.labels_of_claim(node_id));
                let pool = &self.karpenter_plan().pools[self.nodes[id].pool as usize].spec;
                let mut labels = pool.labels.clone();
                let is_new = |(key, _): &(String, String)| pool.labels.iter().all(|(known, _)| known != key);
                labels.extend(of_claim.into_iter().flatten().filter(is_new));
                labels.push(("karpenter.sh/nodepool".to_owned(), pool.name.clone()));
                self.add_reservation_labels(id, &mut labels);
                let taints = pool.taints.clone();
                self.register_with_scheduler(id, &labels, &taints);
                let keeps_name = self.karpenter_plan().nodes_keep_claim_names;
                if let Some(side) = &mut self.karpenter {
                    let claim =
                        side.cluster.node(node_id).filter(|_| keeps_name).map(|node| node.name.clone());
                    side.cluster.node_registered(now, node_id);
                    if let Some(name) = claim {
                        side.cluster.rename(node_id, &name);
                    }
                }
            }
            NodeStage::Initialized => {
                let pool = self.nodes[id].pool;
                if let Some(side) = &mut self.karpenter {
                    side.cluster.node_initialized(now, node_id);
                    side.disruption.node_initialized(now, node_id);
                    side.emptiness.node_initialized(now, pool, node_id, &side.cluster);
                    if let Some(command) = side.claim(id.index()).and_then(|claim| claim.replaces_for) {
                        side.disruption.replacement_initialized(command);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn karpenter_plan(&self) -> &super::KarpenterPlan {
        karpenter_plan(self.plan)
    }
}

/// Karpenter's part of the plan.
pub(super) fn karpenter_plan(plan: &Plan) -> &super::KarpenterPlan {
    match &plan.capacity {
        CapacityPlan::Karpenter(karpenter) => karpenter,
        _ => unreachable!("only a fleet with Karpenter asks for its plan"),
    }
}

//! Stages 5 and 6: Karpenter's passes, the claims they create, and how claims become nodes.

use crate::catalog::{CapacityType, TypeId};
use crate::ec2::{AllocationStrategy, CapacityPool, Chosen, LaunchOverride, LaunchRequest};
use crate::engine::Id;
use crate::fleet::{JobId, Node, NodeId, NodePhase};
use crate::karpenter::cluster::{self, LaunchedAs};
use crate::karpenter::disruption::{self, CommandId};
use crate::karpenter::launch::{self, launch_request_for};
use crate::karpenter::lifecycle::{initialized_at, registration_deadline};
use crate::karpenter::pods::PodId;
use crate::karpenter::provisioner::Outcome;
use crate::karpenter::reservations::ReservationId;
use crate::karpenter::solver::{ClaimRequest, PodError};
use crate::kubernetes::PodKey;
use crate::units::{Resources, SimTime};

use super::decisions::Decision;
use super::event::{Event, NodeStage};
use super::karpenter_side::{Claim, KarpenterSide, type_index};
use super::plan::{CapacityPlan, Plan};
use super::reasons::{Explanation, sent_types};
use super::setup;
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

    /// EC2 answers the launch: an instance, or no capacity.
    pub(super) fn launched(&mut self, id: NodeId) {
        if self.launch_failed(id) {
            return;
        }
        let mut side = self.karpenter.take().expect("Karpenter launches");
        let chosen = self.choose_instance(&mut side, id);
        if let Some((chosen, reservation)) = &chosen {
            self.instance_chosen(&mut side, id, chosen, *reservation);
        }
        self.karpenter = Some(side);
        if chosen.is_none() {
            self.claim_lost(id);
        }
    }

    pub(super) fn choose_instance(
        &mut self,
        side: &mut KarpenterSide,
        id: NodeId,
    ) -> Option<(Chosen, Option<ReservationId>)> {
        let now = self.now;
        let claim = side.claims[id.index()].as_mut().expect("a claim in flight");
        // A call that is made again after an error is put together anew.
        let (known, draws_as) = (claim.call.take(), u64::from(claim.fleet));
        let request = &claim.request;
        let policy = self.karpenter_plan().pass.min_values_policy;
        let (ordinal, pool) = (self.nodes[id].ordinal, self.nodes[id].pool);
        let (pods, claim_types) = (request.pods.len() as u32, request.types.len() as u32);
        let requests = request.requests;
        let builds = self.explained_builds(&request.pods);
        let launched = |filters, sent: Vec<TypeId>, chosen: Option<&Chosen>| Explanation::Launched {
            node: ordinal,
            pool,
            pods,
            builds,
            requests,
            claim_types,
            filters,
            sent,
            chosen: chosen.map(|one| (one.instance_type, one.zone, one.capacity_type)),
        };
        let Some(mut call) = known.or_else(|| launch_request_for(&side.cluster, request, policy).ok()) else {
            self.explain(|| launched(None, Vec::new(), None));
            return None;
        };
        self.leave_out_ended(side, &mut call);
        let overrides: Vec<LaunchOverride> = call
            .overrides
            .iter()
            .map(|one| LaunchOverride {
                instance_type: side.types[type_index(one.type_id)],
                zone: crate::catalog::ZoneId(one.zone.0),
            })
            .collect();
        let fleet = LaunchRequest {
            capacity_type: call.capacity_type,
            strategy: match call.capacity_type {
                CapacityType::Spot => self.plan.ec2.spot_strategy,
                CapacityType::OnDemand | CapacityType::Reserved => AllocationStrategy::LowestPrice,
            },
            overrides: &overrides,
            ordinal: draws_as,
            now,
        };
        let mut insufficient = Vec::new();
        let chosen = if call.strategy == launch::AllocationStrategy::Prioritized {
            // The overrides are in the order of their priorities.
            fleet.overrides.iter().find_map(|one| {
                let alone = LaunchRequest { overrides: std::slice::from_ref(one), ..fleet };
                self.market.choose(&alone, &self.streams, &mut insufficient)
            })
        } else {
            self.market.choose(&fleet, &self.streams, &mut insufficient)
        };
        for pool in insufficient {
            mark_unavailable(side, now, pool);
        }
        self.explain(|| launched(Some(call.filters), sent_types(&overrides), chosen.as_ref()));
        let chosen = chosen?;
        let place = LaunchOverride { instance_type: chosen.instance_type, zone: chosen.zone };
        let number = overrides.iter().position(|one| *one == place)?;
        Some((chosen, call.overrides[number].reservation))
    }

    fn instance_chosen(
        &mut self,
        side: &mut KarpenterSide,
        id: NodeId,
        chosen: &Chosen,
        reservation: Option<ReservationId>,
    ) {
        let now = self.now;
        let kind = self.plan.ec2.catalog.get(chosen.instance_type);
        let karpenter_type = side.types.iter().position(|known| *known == chosen.instance_type);
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Launched);
        node.instance_type = chosen.instance_type.raw();
        node.zone = chosen.zone.0;
        node.arch = kind.arch;
        node.capacity = chosen.capacity_type;
        node.allocatable = setup::allocatable(kind);
        let (ordinal, pool, requested_at) = (node.ordinal, node.pool, node.requested_at);
        let node_id = cluster::NodeId(id.raw());
        let type_id = karpenter_type.expect("Karpenter's own type") as u16;
        let launched = LaunchedAs {
            type_id: crate::karpenter::instance_types::TypeId(type_id),
            zone: crate::karpenter::instance_types::ZoneId(chosen.zone.0),
            capacity_type: chosen.capacity_type,
        };
        self.tell_launched(side, id, launched, reservation);
        let plan = &self.karpenter_plan().pools[pool as usize];
        let (expire_after, ttl_until_expired) = (plan.expire_after, plan.ttl_until_expired);
        let takes_turns = self.karpenter_plan().node_start_pace.is_some();
        side.disruption.node_launched(
            now,
            node_id,
            disruption::NodeFacts {
                pool: crate::karpenter::node_pools::PoolId(pool as u16),
                created_at: requested_at,
                expire_after,
                do_not_disrupt: false,
                has_termination_grace_period: plan.termination_grace_period.is_some(),
            },
        );
        let startup = self.startup_of(ordinal, requested_at);
        let mut stage =
            |at: SimTime, stage| self.queue.push(at.max(now), Event::Node { node: id, ordinal, stage });
        stage(requested_at + startup.running_after, NodeStage::Running);
        match startup.node {
            Some(node) => {
                stage(requested_at + node.registered_after, NodeStage::Registered);
                let ready_at = requested_at + node.ready_after;
                stage(ready_at, NodeStage::Ready);
                if !takes_turns {
                    stage(initialized_at(ready_at), NodeStage::Initialized);
                }
            }
            None => stage(registration_deadline(requested_at), NodeStage::RegistrationTimeout),
        }
        if let Some(after) = expire_after {
            stage(requested_at + after, NodeStage::Expired);
        }
        if let Some(after) = ttl_until_expired {
            stage(requested_at + after, NodeStage::Drifted);
        }
    }

    /// A node of Karpenter's reached a stage of its start.
    pub(super) fn karpenter_stage(&mut self, id: NodeId, stage: NodeStage) {
        let now = self.now;
        let node_id = cluster::NodeId(id.raw());
        match stage {
            NodeStage::Registered => {
                let pool = &self.karpenter_plan().pools[self.nodes[id].pool as usize].spec;
                let mut labels = pool.labels.clone();
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

/// Karpenter learns that an offering is not to be had for the next three minutes.
pub(super) fn mark_unavailable(side: &mut KarpenterSide, now: SimTime, pool: CapacityPool) {
    let known = |id: TypeId| side.types.iter().position(|one| *one == id);
    if let Some(index) = known(pool.instance_type) {
        let type_id = crate::karpenter::instance_types::TypeId(index as u16);
        let zone = crate::karpenter::instance_types::ZoneId(pool.zone.0);
        side.ice.mark(now, type_id, zone, pool.capacity_type, side.cluster.instance_types_mut());
    }
}

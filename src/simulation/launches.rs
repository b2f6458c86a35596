//! Stage 6: what EC2 answers to the launch of a claim, and when the node will reach the stages of its start.

use crate::catalog::{CapacityType, TypeId};
use crate::ec2::{AllocationStrategy, CapacityPool, Chosen, LaunchOverride, LaunchRequest};
use crate::fleet::{NodeId, NodePhase};
use crate::karpenter::cluster::{self, LaunchedAs};
use crate::karpenter::disruption;
use crate::karpenter::launch::{self, launch_request_for};
use crate::karpenter::lifecycle::{initialized_at, registration_deadline};
use crate::karpenter::reservations::ReservationId;
use crate::units::SimTime;

use super::event::{Event, NodeStage};
use super::karpenter_side::{KarpenterSide, type_index};
use super::reasons::{Explanation, sent_types};
use super::setup;
use super::world::World;

impl World<'_> {
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

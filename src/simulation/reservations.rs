//! Capacity reservations in one run: what stands unused of them, nodes that run in them, and what happens when they end.

use crate::catalog::{CapacityType, Catalog};
use crate::ec2::{CapacityPool, CapacityReservation, UnusedMeter};
use crate::fleet::{Node, NodeId};
use crate::karpenter::cluster::{self, LaunchedAs};
use crate::karpenter::labels;
use crate::karpenter::launch::LaunchRequest;
use crate::karpenter::reservations::{ReservationId, ReservationSpec};
use crate::metrics::{CostKind, UsedFor, WasteKind};
use crate::units::{HourlyPrice, SimDuration, SimTime};

use super::event::{Event, NodeStage};
use super::karpenter_side::KarpenterSide;
use super::plan::Plan;
use super::world::World;

/// Karpenter asks EC2 for the reservations and for the instances in them so often
/// (aws `nodeclass/capacityreservation.go`, `capacityreservation/capacitytype/controller.go`, v1.15.0).
const LOOKS_EVERY: SimDuration = SimDuration::from_mins(1);

/// A meter for each reservation of the plan.
pub(super) fn meters(plan: &Plan) -> Vec<Option<UnusedMeter>> {
    let price = |one: &CapacityReservation| {
        let catalog = &plan.ec2.catalog;
        catalog.price(one.instance_type, one.zone, CapacityType::OnDemand).unwrap_or_default()
    };
    let meter = |one: &CapacityReservation| Some(UnusedMeter::start(one.count, price(one), plan.warmup));
    plan.ec2.reservations.iter().map(meter).collect()
}

/// The reservations as Karpenter is told of them.
pub(super) fn specs(reservations: &[CapacityReservation], catalog: &Catalog) -> Vec<ReservationSpec> {
    let spec = |one: &CapacityReservation| ReservationSpec {
        id: one.id.clone(),
        instance_type: catalog.get(one.instance_type).name.to_string(),
        zone: catalog.zones()[one.zone.index()].name.to_string(),
        count: one.count,
        pools: one.pools.clone(),
    };
    reservations.iter().map(spec).collect()
}

impl World<'_> {
    /// Arms the ends of reservations, and Karpenter's looks at them afterwards.
    pub(super) fn arm_reservations(&mut self) {
        let plan = self.plan;
        for (number, reservation) in (0..).zip(&plan.ec2.reservations) {
            let Some(at) = reservation.ends_at else { continue };
            self.queue.push(at, Event::ReservationEnds { number });
            let look = at.as_ms().next_multiple_of(LOOKS_EVERY.as_ms());
            self.queue.push(SimTime::from_ms(look), Event::ReservationGone { number });
        }
    }

    /// A node's instance runs: if it does so in a reservation, that stands unused no longer.
    pub(super) fn reservation_taken(&mut self, id: NodeId) {
        let now = self.now;
        if let Some(reservation) = self.facts[id.index()].reservation
            && let Some(meter) = &mut self.reservations[usize::from(reservation.0)]
        {
            meter.taken(now);
        }
    }

    /// A node's instance ends.
    pub(super) fn reservation_freed(&mut self, id: NodeId) {
        let now = self.now;
        if let Some(reservation) = self.facts[id.index()].reservation.take()
            && let Some(meter) = &mut self.reservations[usize::from(reservation.0)]
        {
            meter.freed(now);
        }
    }

    fn has_ended(&self, id: ReservationId) -> bool {
        let reservation = &self.plan.ec2.reservations[usize::from(id.0)];
        reservation.ends_at.is_some_and(|at| at <= self.now)
    }

    /// EC2 bills other prices from now on.
    pub(super) fn reprice_reservations(&mut self, pool: CapacityPool, price: HourlyPrice) {
        for (meter, one) in self.reservations.iter_mut().zip(&self.plan.ec2.reservations) {
            if (one.instance_type, one.zone) == (pool.instance_type, pool.zone)
                && pool.capacity_type == CapacityType::OnDemand
                && let Some(meter) = meter
            {
                meter.change_price(self.now, price);
            }
        }
    }

    /// A reservation ends: what stood unused of it is billed; its instances go on.
    pub(super) fn reservation_ends(&mut self, number: u32) {
        let Some(mut meter) = self.reservations[number as usize].take() else { return };
        let unused = meter.read(self.now);
        let used = UsedFor::only(WasteKind::Idle, unused);
        self.recorder.bill_used(CostKind::UnusedReservations, &used);
    }

    /// The run ends: what stood unused of reservations that still are is billed.
    pub(super) fn bill_reservations(&mut self) {
        for number in 0..self.reservations.len() as u32 {
            self.reservation_ends(number);
        }
    }

    /// Karpenter notices that a reservation is gone. Its nodes are on-demand ones now, and drift where their pool has no such.
    pub(super) fn reservation_gone(&mut self, number: u32) {
        let now = self.now;
        let Some(side) = &mut self.karpenter else { return };
        let id = ReservationId(number as u8);
        side.cluster.reservation_ended(id);
        for node in side.cluster.demote_reserved(id) {
            let pool = side.cluster.node(node).and_then(|node| node.pool);
            let is_allowed = pool.is_none_or(|pool| {
                let on_demand = side.cluster.instance_types().capacity_type_label(CapacityType::OnDemand);
                let requirements = &side.cluster.pool(pool).requirements;
                requirements.allows(labels::CAPACITY_TYPE, on_demand, side.cluster.vocabulary())
            });
            let node = crate::engine::Id::new(node.0);
            if !is_allowed && let Some(known) = self.nodes.get(node) {
                let ordinal = known.ordinal;
                self.queue.push(now, Event::Node { node, ordinal, stage: NodeStage::Drifted });
            }
        }
    }

    /// EC2 launches nothing into a reservation that has ended or is full; Karpenter learns the former from the error
    /// (`InvalidCapacityReservationState`, aws `pkg/errors/errors.go`, v1.15.0).
    pub(super) fn leave_out_ended(&self, side: &mut KarpenterSide, call: &mut LaunchRequest) {
        call.overrides.retain(|one| {
            let Some(reservation) = one.reservation else { return true };
            if self.has_ended(reservation) {
                side.cluster.reservation_ended(reservation);
                return false;
            }
            // Another instance of the same call may have taken the last one (`ReservationCapacityExceeded`).
            side.cluster.instance_types().reservation_left(reservation) > 0
        });
    }

    /// Tells Karpenter what EC2 launched for a claim.
    pub(super) fn tell_launched(
        &mut self,
        side: &mut KarpenterSide,
        id: NodeId,
        launched: LaunchedAs,
        reservation: Option<ReservationId>,
    ) {
        let node = cluster::NodeId(id.raw());
        self.facts[id.index()].reservation = reservation;
        match reservation {
            Some(reservation) => side.cluster.claim_launched_into(self.now, node, launched, reservation),
            None => side.cluster.claim_launched(self.now, node, launched),
        }
    }

    /// Labels of a node in a reservation, for kube-scheduler.
    pub(super) fn add_reservation_labels(&self, id: NodeId, labels: &mut Vec<(String, String)>) {
        let Some(reservation) = self.facts[id.index()].reservation else { return };
        let name = self.plan.ec2.reservations[usize::from(reservation.0)].id.clone();
        labels.push(("karpenter.k8s.aws/capacity-reservation-id".to_owned(), name));
        labels.push(("karpenter.k8s.aws/capacity-reservation-type".to_owned(), "default".to_owned()));
    }
}

/// Whether a node is billed to the second: the reservation is paid for whether it ran for a minute or not.
pub(super) fn has_no_minimum(node: &Node) -> bool {
    node.capacity == CapacityType::Reserved
}

//! Nodes in capacity reservations: how they come into one, and what becomes of them when it ends.

use super::stages::LaunchedAs;
use super::{Cluster, Node, NodeId};
use crate::catalog::CapacityType;
use crate::karpenter::reservations::ReservationId;
use crate::units::SimTime;

impl Cluster {
    /// EC2 launched the claim's instance into a capacity reservation.
    ///
    /// # Panics
    /// Where the claim is not waiting for its launch.
    pub fn claim_launched_into(
        &mut self,
        now: SimTime,
        id: NodeId,
        launched: LaunchedAs,
        reservation: ReservationId,
    ) {
        self.live(id).reservation = Some(reservation);
        self.instance_types.count_reserved(reservation, -1);
        self.claim_launched(now, id, launched);
    }

    /// Notes that the instances of a reservation that ended are on demand now; says which have become so
    /// (aws `capacityreservation/capacitytype/controller.go`, v1.15.0: once a minute).
    pub fn demote_reserved(&mut self, reservation: ReservationId) -> Vec<NodeId> {
        let is_in_it = |node: &Node| node.reservation == Some(reservation);
        let demoted: Vec<NodeId> =
            self.nodes().filter(|(_, node)| is_in_it(node)).map(|(id, _)| id).collect();
        for id in &demoted {
            let node = self.live(*id);
            node.reservation = None;
            node.capacity_type = Some(CapacityType::OnDemand);
            self.reshape(*id);
        }
        demoted
    }
}

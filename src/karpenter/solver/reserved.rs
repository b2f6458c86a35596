//! Instances of capacity reservations that the claims of a pass keep for themselves: each may be launched into any of them, so
//! it keeps one in each, and lets go of those that later pods rule out.

use super::Solver;
use super::requirement_sets::SetId;
use super::results::Refusal;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::offering_set::ReservationSet;
use crate::karpenter::type_set::TypeSet;

/// What is left of each reservation in a pass (core `scheduling/reservationmanager.go`, v1.15.0).
#[derive(Clone, Debug, Default)]
pub(super) struct ReservationCapacity {
    left: Vec<u32>,
    is_strict: bool,
}

impl ReservationCapacity {
    /// Begins a pass.
    pub(super) fn begin(&mut self, cluster: &Cluster, is_strict: bool) {
        self.is_strict = is_strict;
        self.left.clear();
        self.left.extend(cluster.instance_types().all_reservations().map(|(_, one)| one.left));
    }
}

impl Solver {
    /// The reservations in which a claim of this set, with these types, can keep an instance, having `held` so far. In a
    /// provisioning pass it is refused where it could use some but gets none, or would lose all that it has
    /// (core `scheduling/nodeclaim.go` `offeringsToReserve`, v1.15.0).
    pub(super) fn reservable(
        &mut self,
        cluster: &Cluster,
        set: SetId,
        types: &TypeSet,
        held: ReservationSet,
    ) -> Result<ReservationSet, Refusal> {
        let mut reserved = ReservationSet::default();
        if self.reservations.left.is_empty() {
            return Ok(reserved);
        }
        let allowed = self.sets.masks(cluster, set).allowed.reservations();
        let known = cluster.instance_types();
        let mut is_any_compatible = false;
        for (id, reservation) in known.all_reservations() {
            if !allowed.contains(id)
                || !known.is_reservation_available(id)
                || !reservation.type_id().is_some_and(|type_id| types.contains(type_id))
            {
                continue;
            }
            is_any_compatible = true;
            if held.contains(id) || self.reservations.left[usize::from(id.0)] > 0 {
                reserved.insert(id);
            }
        }
        let lacks_one = is_any_compatible || !held.is_empty();
        if self.reservations.is_strict && lacks_one && reserved.is_empty() {
            return Err(Refusal::ReservedOffering);
        }
        Ok(reserved)
    }

    /// A claim that kept instances in `held` keeps them in `reserved` now.
    pub(super) fn reserve(&mut self, held: ReservationSet, reserved: ReservationSet) {
        for id in reserved.minus(held).iter() {
            self.reservations.left[usize::from(id.0)] -= 1;
        }
        let released = held.minus(reserved);
        for id in released.iter() {
            self.reservations.left[usize::from(id.0)] += 1;
        }
        // What was let go may give a refused class another chance.
        self.work.narrowings += u32::from(!released.is_empty());
    }
}

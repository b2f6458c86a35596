//! The claims that a pass has opened, in the order in which pods try them: fewest pods first.

use super::fit::{FitIndex, Largest};
use super::go_sort::sort_as_go;
use super::requirement_sets::SetId;
use crate::karpenter::offering_set::ReservationSet;
use crate::karpenter::pods::PodId;
use crate::karpenter::resources::Amounts;
use crate::karpenter::type_set::TypeSet;

/// A claim under construction.
#[derive(Clone, Debug)]
pub(super) struct OpenClaim {
    /// Index of its template.
    pub(super) template: usize,
    pub(super) set: SetId,
    /// Types that can hold all its pods.
    pub(super) types: TypeSet,
    /// Requests of its pods, without daemonsets.
    pub(super) requests: Amounts,
    pub(super) pods: Vec<PodId>,
    pub(super) are_min_values_relaxed: bool,
    /// Reservations in which an instance is kept for it.
    pub(super) reserved: ReservationSet,
    pub(super) largest: Largest,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    pods: u32,
    claim: u32,
}

/// Claims by number of opening, and the list of them that upstream sorts in place before every pod.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenClaims {
    claims: Vec<OpenClaim>,
    is_unsorted: bool,
    list: Vec<Entry>,
    /// What each claim can at most still take, resource by resource.
    room: Vec<Amounts>,
}

impl OpenClaims {
    pub(super) fn clear(&mut self) {
        self.claims.clear();
        self.list.clear();
        self.room.clear();
        self.is_unsorted = false;
    }

    pub(super) fn len(&self) -> usize {
        self.claims.len()
    }

    /// Brings the list into the order that Go's sort would leave it in. A sorted list is left as it is, there too.
    pub(super) fn sort(&mut self) {
        if self.is_unsorted {
            sort_as_go(&mut self.list, |entry| entry.pods);
            self.is_unsorted = false;
        }
    }

    /// The first position from `from` on whose claim may have room, by the largest types alone.
    pub(super) fn next_with_room(&self, from: usize, requests: &Amounts) -> Option<usize> {
        let has_room = |entry: &Entry| requests.fits(&self.room[entry.claim as usize]);
        self.list[from..].iter().position(has_room).map(|offset| from + offset)
    }

    /// The claim at a position, with its number.
    pub(super) fn at(&self, position: usize) -> (usize, &OpenClaim) {
        let claim = self.list[position].claim as usize;
        (claim, &self.claims[claim])
    }

    /// Puts a pod on the claim at a position, which has `types` and `set` from now on.
    pub(super) fn join(
        &mut self,
        position: usize,
        pod: PodId,
        total: Amounts,
        types: TypeSet,
        set: SetId,
        fit: &FitIndex,
    ) {
        let entry = &mut self.list[position];
        entry.pods += 1;
        let pods = entry.pods;
        let index = entry.claim as usize;
        let claim = &mut self.claims[index];
        claim.pods.push(pod);
        claim.requests = total;
        claim.types = types;
        claim.set = set;
        self.room[index] = fit.largest(&claim.types, &mut claim.largest) - total;
        self.is_unsorted = self.list.get(position + 1).is_some_and(|next| next.pods < pods);
    }

    /// The claim at a position keeps instances in these reservations from now on.
    pub(super) fn reserve(&mut self, position: usize, reserved: ReservationSet) {
        let claim = self.list[position].claim as usize;
        self.claims[claim].reserved = reserved;
    }

    /// Opens a claim, at the end of the list.
    pub(super) fn open(&mut self, mut claim: OpenClaim, fit: &FitIndex) {
        let room = fit.largest(&claim.types, &mut claim.largest) - claim.requests;
        let entry = Entry { pods: claim.pods.len() as u32, claim: self.claims.len() as u32 };
        self.is_unsorted = self.list.last().is_some_and(|last| last.pods > entry.pods);
        self.claims.push(claim);
        self.room.push(room);
        self.list.push(entry);
    }

    /// Whether a minimum of values was lowered for the last claim opened from a template.
    pub(super) fn was_last_relaxed(&self, template: usize) -> bool {
        let last = self.claims.iter().rev().find(|claim| claim.template == template);
        last.is_some_and(|claim| claim.are_min_values_relaxed)
    }

    /// Hands the claims over in list order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = OpenClaim> {
        let mut claims: Vec<Option<OpenClaim>> = self.claims.drain(..).map(Some).collect();
        let order: Vec<Entry> = self.list.drain(..).collect();
        order.into_iter().filter_map(move |entry| claims[entry.claim as usize].take())
    }
}

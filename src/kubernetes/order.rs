//! The order in which the scheduler goes through nodes: zone by zone in turn, from a rotating start. Not their scores.

/// How many feasible nodes are enough (`schedule_one.go` `numFeasibleNodesToFind`, default percentage 0 = adaptive).
pub(super) fn enough_feasible(nodes: usize) -> usize {
    const MINIMUM: usize = 100;
    if nodes < MINIMUM {
        return nodes;
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(MINIMUM)
}

/// A node's place: which zone, and how many nodes of that zone come before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) zone: u32,
    pub(super) rank: u32,
}

/// Nodes (as slots) by zone in the order in which they were added, and the zones in the order in which they got their
/// first node: kube-scheduler's `nodeTree`. Rank by rank, one node of every zone, is the order of the whole.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeOrder {
    zones: Vec<Vec<u32>>,
    zone_ids: Vec<u16>,
    /// Zones that have nodes, in the order in which they got them.
    turn: Vec<u32>,
    places: Vec<Place>,
    nodes: usize,
    /// `nextStartNodeIndex`.
    start: usize,
    /// Rank and turn of `start`, where known.
    start_place: Option<(usize, usize)>,
}

impl NodeOrder {
    pub(super) fn len(&self) -> usize {
        self.nodes
    }

    /// Zones in turn.
    pub(super) fn turn(&self) -> &[u32] {
        &self.turn
    }

    /// How many zones were ever seen.
    pub(super) fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// The slots of a zone by rank.
    pub(super) fn zone(&self, zone: u32) -> &[u32] {
        &self.zones[zone as usize]
    }

    pub(super) fn place(&self, slot: u32) -> Place {
        self.places[slot as usize]
    }

    pub(super) fn add(&mut self, slot: u32, zone_id: u16) {
        self.start_place = None;
        let zone = self.zone_ids.iter().position(|known| *known == zone_id).unwrap_or_else(|| {
            self.zone_ids.push(zone_id);
            self.zones.push(Vec::new());
            self.zones.len() - 1
        });
        let slots = &mut self.zones[zone];
        if slots.is_empty() {
            self.turn.push(zone as u32);
        }
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, Place::default());
        }
        self.places[slot as usize] = Place { zone: zone as u32, rank: slots.len() as u32 };
        slots.push(slot);
        self.nodes += 1;
    }

    /// Takes a node out and returns the place it had; those behind it in its zone move up.
    pub(super) fn remove(&mut self, slot: u32) -> Place {
        self.start_place = None;
        let place = self.places[slot as usize];
        let slots = &mut self.zones[place.zone as usize];
        slots.remove(place.rank as usize);
        for behind in &slots[place.rank as usize..] {
            self.places[*behind as usize].rank -= 1;
        }
        if slots.is_empty() {
            self.turn.retain(|zone| *zone != place.zone);
        }
        self.nodes -= 1;
        place
    }

    /// The index at which the next search starts.
    pub(super) fn start(&self) -> usize {
        if self.nodes == 0 { 0 } else { self.start % self.nodes }
    }

    /// Rank and turn at which the next search starts; there must be nodes.
    pub(super) fn start_place(&self) -> (usize, usize) {
        self.start_place.unwrap_or_else(|| self.locate(self.start()))
    }

    /// Lets the next search start after the `looked_at` nodes of this one.
    pub(super) fn advance(&mut self, looked_at: usize) {
        if self.nodes == 0 {
            return;
        }
        if looked_at != self.nodes {
            self.start_place = None;
        }
        self.start = (self.start() + looked_at) % self.nodes;
    }

    /// As [`Self::advance`], where the place of the next start is known: its rank and turn.
    pub(super) fn advance_to(&mut self, looked_at: usize, place: (usize, usize)) {
        self.advance(looked_at);
        self.start_place = Some(place);
    }

    /// Where index `index` of the whole order lies: the rank, and how far into the turn.
    fn locate(&self, index: usize) -> (usize, usize) {
        let before = |rank: usize| {
            self.turn.iter().map(|zone| self.zones[*zone as usize].len().min(rank)).sum::<usize>()
        };
        let longest = self.turn.iter().map(|zone| self.zones[*zone as usize].len()).max().unwrap_or(0);
        // The last rank before which there are at most `index` nodes.
        let (mut low, mut high) = (0, longest);
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            if before(middle) <= index {
                low = middle;
            } else {
                high = middle;
            }
        }
        let mut left = index - before(low);
        for (at, zone) in self.turn.iter().enumerate() {
            if self.zones[*zone as usize].len() > low {
                if left == 0 {
                    return (low, at);
                }
                left -= 1;
            }
        }
        (low + 1, 0)
    }

    /// All slots in order from the rotating start, once around.
    pub(super) fn rotated(&self) -> impl Iterator<Item = u32> + '_ {
        let (rank, at) = if self.nodes == 0 { (0, 0) } else { self.start_place() };
        let longest = self.turn.iter().map(|zone| self.zones[*zone as usize].len()).max().unwrap_or(0);
        let of = move |rank: usize, turns: std::ops::Range<usize>| {
            self.turn[turns].iter().filter_map(move |zone| self.zones[*zone as usize].get(rank).copied())
        };
        let zones = self.turn.len();
        of(rank, at.min(zones)..zones)
            .chain((rank + 1..longest.max(rank + 1)).flat_map(move |rank| of(rank, 0..zones)))
            .chain((0..rank).flat_map(move |rank| of(rank, 0..zones)))
            .chain(of(rank, 0..at.min(zones)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_take_turns_by_zone_from_the_rotating_start() {
        let mut order = NodeOrder::default();
        for (slot, zone) in [(0, 7), (1, 7), (2, 7), (3, 9), (4, 5), (5, 5)] {
            order.add(slot, zone);
        }
        let all = |order: &NodeOrder| order.rotated().collect::<Vec<u32>>();
        assert_eq!(all(&order), [0, 3, 4, 1, 5, 2]);
        for start in 0..6 {
            let mut rotated = [0, 3, 4, 1, 5, 2];
            rotated.rotate_left(start);
            assert_eq!(all(&order), rotated, "from {start}");
            order.advance(1);
        }
        assert_eq!(order.remove(0), Place { zone: 0, rank: 0 });
        assert_eq!(all(&order), [1, 3, 4, 2, 5]);
        order.remove(3);
        order.add(3, 9);
        assert_eq!(all(&order), [1, 4, 3, 2, 5], "a zone that was empty comes back last");
    }

    #[test]
    fn the_adaptive_percentage_of_the_real_scheduler() {
        for (nodes, enough) in
            [(0, 0), (99, 99), (100, 100), (200, 100), (500, 230), (1000, 420), (5000, 500), (6000, 300)]
        {
            assert_eq!(enough_feasible(nodes), enough, "{nodes} nodes");
        }
    }
}

//! The choice of a node for a pod that is placed with regard to others: every node that it may take is filtered and scored
//! with the plugins of `neighbours` too, and scores are normalised over the feasible nodes.

use super::cluster::{Cluster, affinity_score, taint_score};
use super::neighbour_removal::Lowest;
use super::neighbour_rules::Plugin;
use super::order::enough_feasible;
use super::score::reason;
use super::search::draw_below;

/// A feasible node with its plain scores.
#[derive(Clone, Copy, Debug)]
struct Place {
    slot: u32,
    load: u32,
    soft_taints: u32,
    preference: u32,
    pull: i64,
}

impl Cluster {
    /// As [`Self::choose`], for a shape that others concern.
    pub(super) fn choose_among_neighbours(
        &mut self,
        shape: usize,
        draw: impl FnOnce() -> u64,
    ) -> Option<u32> {
        let enough = enough_feasible(self.order.len());
        self.refresh(shape);
        self.searches += 1;
        let row = &self.rows[shape];
        self.neighbours.prepare(shape, &self.nodes, &self.order, row);
        let mut places: Vec<Place> = Vec::new();
        let mut looked_at = 0;
        for slot in self.order.rotated() {
            let node = &self.nodes[slot as usize];
            let place = self.order.place(slot);
            let score = row.scores[place.zone as usize][place.rank as usize];
            let refusal = if score == 0 { None } else { self.neighbours.refusal(shape, slot, node) };
            match refusal {
                Some(plugin) => self.neighbours.note_refused(plugin),
                None if score != 0 && places.len() == enough => break,
                None if score != 0 => places.push(Place {
                    slot,
                    load: u32::from(score - 1),
                    soft_taints: u32::from(row.classes[node.class as usize].soft_taints),
                    preference: row.classes[node.class as usize].preference,
                    pull: self.neighbours.pull(shape, slot, node),
                }),
                None => {}
            }
            looked_at += 1;
        }
        self.considered += looked_at as u64;
        self.order.advance(looked_at);
        let totals = self.totals(shape, &places);
        let best = *totals.iter().max()?;
        let ties = || places.iter().zip(&totals).filter(|(_, total)| **total == best);
        let index = draw_below(ties().count() as u64, draw) as usize;
        ties().nth(index).map(|(place, _)| place.slot)
    }

    /// The weighted sums of all scores.
    fn totals(&self, shape: usize, places: &[Place]) -> Vec<i64> {
        let most_taints = places.iter().map(|place| place.soft_taints).max().unwrap_or(0);
        let most_preferred = places.iter().map(|place| place.preference).max().unwrap_or(0);
        let slots: Vec<u32> = places.iter().map(|place| place.slot).collect();
        let row = &self.rows[shape];
        let spread = self.neighbours.spread_scores(shape, &slots, &self.nodes, &self.order, row);
        let spread = spread.map_or_else(|| vec![0; places.len()], |plain| spread_score(&plain));
        let pulls = pull_score(places);
        let each = places.iter().zip(spread.iter().zip(&pulls)).map(|(place, (spread, pull))| {
            let fixed = place.load
                + taint_score(place.soft_taints, most_taints)
                + affinity_score(place.preference, most_preferred);
            i64::from(fixed) + 2 * spread + 2 * pull
        });
        each.collect()
    }

    /// The plugins that refused some node in the attempt just made, and the message that says so.
    pub(super) fn failure(&self, shape: usize) -> (u8, u64) {
        let row = &self.rows[shape];
        let (rejectors, message) = (row.rejectors(), row.message(self.order.len()));
        if !self.neighbours.concern(shape) {
            return (rejectors, message);
        }
        let refused = self.neighbours.refused();
        let mixed = refused.iter().fold(message, |hash, count| {
            (hash.rotate_left(7) ^ u64::from(*count)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let any = refused.iter().any(|count| *count > 0);
        (rejectors | if any { reason::NEIGHBOURS } else { 0 }, mixed)
    }

    /// The lowest counts of the spread constraints of `shape`, whose attempt was just made; none where it has no regard to
    /// other pods.
    pub(super) fn lowest_counts(&self, shape: usize) -> Vec<Lowest> {
        if self.neighbours.concern(shape) { self.neighbours.lowest(shape) } else { Vec::new() }
    }

    /// Whether other pods keep one of `shape`, whose attempt was just made, off a node.
    pub(super) fn is_kept_off(&self, shape: usize, slot: u32) -> bool {
        let refusal = |slot: u32| self.neighbours.refusal(shape, slot, &self.nodes[slot as usize]);
        self.neighbours.concern(shape)
            && matches!(refusal(slot), Some(Plugin::Ports | Plugin::Spread | Plugin::Affinity))
    }
}

/// `PodTopologySpread` (`NormalizeScore`): fewer pods are better; nodes without a key have 0.
fn spread_score(plain: &[Option<i64>]) -> Vec<i64> {
    let known = || plain.iter().flatten();
    let (least, most) = (known().min().copied().unwrap_or(0), known().max().copied().unwrap_or(0));
    let score = |one: &Option<i64>| match one {
        None => 0,
        Some(_) if most == 0 => 100,
        Some(own) => 100 * (most + least - own) / most,
    };
    plain.iter().map(score).collect()
}

/// `InterPodAffinity` (`NormalizeScore`): from 0 to 100 over the range that occurs.
fn pull_score(places: &[Place]) -> Vec<i64> {
    let pulls = || places.iter().map(|place| place.pull);
    let (least, most) = (pulls().min().unwrap_or(0), pulls().max().unwrap_or(0));
    let range = most - least;
    let score = |own: i64| if range > 0 { (100.0 * ((own - least) as f64 / range as f64)) as i64 } else { 0 };
    pulls().map(score).collect()
}

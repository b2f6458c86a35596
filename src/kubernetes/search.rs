//! Searching a row of scores: which part of the nodes is looked at, and one of the best in it. Passes over bytes, kept
//! in a form that compilers turn into vector instructions; no scoring.

use super::order::NodeOrder;
use super::row::Row;

/// Part of a zone: ranks `from` up to but without `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) zone: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// Ranks looked at together when the end of the search is looked for: many at first, fewer near the end.
const STRIDES: [usize; 3] = [64, 16, 4];

/// A number below `count` from a random word; nothing is drawn where there is no choice.
pub(super) fn draw_below(count: u64, draw: impl FnOnce() -> u64) -> u64 {
    if count <= 1 { 0 } else { ((u128::from(draw()) * u128::from(count)) >> 64) as u64 }
}

/// Scores of a part; a zone may have fewer ranks than the part.
fn scores<'a>(row: &'a Row, part: &Part) -> &'a [u8] {
    let zone = &row.scores[part.zone as usize];
    let to = (part.to as usize).min(zone.len());
    &zone[(part.from as usize).min(to)..to]
}

/// Bytes handled together: the width of the vectors of every x86-64 and aarch64.
const LANES: usize = 16;
/// Whole vectors, few enough for a sum of ones to stay below 256.
const RUN: usize = 15 * LANES;

/// How many bytes equal `value`. A sum in bytes over short runs is what compilers turn into vector instructions;
/// a sum in `usize` is not.
fn count_equal(bytes: &[u8], value: u8) -> usize {
    bytes
        .chunks(RUN)
        .map(|run| run.iter().fold(0_u8, |sum, byte| sum + u8::from(*byte == value)) as usize)
        .sum()
}

fn count_feasible(scores: &[u8]) -> usize {
    scores.len() - count_equal(scores, 0)
}

/// One of the best nodes of the parts, as zone and rank. `window` is scratch space: the parts behind one another,
/// filled up with infeasible nodes to whole vectors.
pub(super) fn pick(
    row: &Row,
    parts: &[Part],
    window: &mut Vec<u8>,
    draw: impl FnOnce() -> u64,
) -> (u32, usize) {
    window.clear();
    for part in parts {
        window.extend_from_slice(scores(row, part));
    }
    window.resize(window.len().next_multiple_of(LANES), 0);
    let best = window.iter().fold(0_u8, |best, score| best.max(*score));
    let mut left = draw_below(count_equal(window, best) as u64, draw) as usize;
    let mut at = 0;
    for vector in window.as_chunks::<LANES>().0 {
        let here = vector.iter().fold(0_u8, |sum, score| sum + u8::from(*score == best)) as usize;
        if left < here {
            at += vector
                .iter()
                .enumerate()
                .filter(|(_, score)| **score == best)
                .nth(left)
                .map_or(0, |(lane, _)| lane);
            break;
        }
        left -= here;
        at += LANES;
    }
    for part in parts {
        let length = scores(row, part).len();
        if at < length {
            return (part.zone, part.from as usize + at);
        }
        at -= length;
    }
    unreachable!("the drawn tie lies in one of the parts")
}

/// Finds the nodes that the search looks at: from the rotating start until one feasible node more than enough turns up
/// (that one is left to the next search). Puts them into `parts` and returns how many they are, and the rank and turn of the one left
/// over. There must be more than `enough` feasible nodes.
pub(super) fn find_window(
    order: &NodeOrder,
    row: &Row,
    enough: usize,
    parts: &mut Vec<Part>,
) -> (usize, (usize, usize)) {
    let (first_rank, first_turn) = order.start_place();
    let surplus = row.feasible as usize - enough;
    if surplus * 4 < enough {
        let (looked_at, last) = find_end_backward(order, row, surplus, (first_rank, first_turn));
        let wrapped = last <= (first_rank, first_turn);
        push_parts(order, (first_rank, first_turn), last, wrapped, parts);
        return (looked_at, last);
    }
    let mut search = Search { order, row, enough, found: 0, looked_at: 0 };
    let longest = order.turn().iter().map(|zone| order.zone(*zone).len()).max().unwrap_or(0);
    let zones = order.turn().len();
    let mut wrapped = false;
    let end = search
        .rank(first_rank, first_turn, zones)
        .or_else(|| search.ranks(first_rank + 1, longest))
        .or_else(|| {
            wrapped = true;
            search.ranks(0, first_rank)
        })
        .or_else(|| search.rank(first_rank, 0, first_turn));
    let last = end.unwrap_or((first_rank, first_turn));
    push_parts(order, (first_rank, first_turn), last, wrapped, parts);
    (search.looked_at, last)
}

/// The nodes from `first` (rank and turn) up to but without `last`, as parts of zones.
fn push_parts(
    order: &NodeOrder,
    first: (usize, usize),
    last: (usize, usize),
    wrapped: bool,
    parts: &mut Vec<Part>,
) {
    for (turn, zone) in order.turn().iter().enumerate() {
        let from = (first.0 + usize::from(turn < first.1)) as u32;
        let to = (last.0 + usize::from(turn < last.1)) as u32;
        if wrapped {
            parts.push(Part { zone: *zone, from, to: u32::MAX });
            parts.push(Part { zone: *zone, from: 0, to });
        } else {
            parts.push(Part { zone: *zone, from, to });
        }
    }
}

/// The same end of the search from behind, for when few feasible nodes are left over: the last `surplus` of them are not
/// looked at.
fn find_end_backward(
    order: &NodeOrder,
    row: &Row,
    surplus: usize,
    first: (usize, usize),
) -> (usize, (usize, usize)) {
    let longest = order.turn().iter().map(|zone| order.zone(*zone).len()).max().unwrap_or(0);
    let (mut rank, mut turn) = first;
    let (mut passed, mut left) = (0, surplus);
    while left > 0 {
        if turn == 0 {
            turn = order.turn().len();
            rank = if rank == 0 { longest } else { rank } - 1;
        }
        turn -= 1;
        if let Some(score) = row.scores[order.turn()[turn] as usize].get(rank) {
            passed += 1;
            left -= usize::from(*score != 0);
        }
    }
    (order.len() - passed, (rank, turn))
}

struct Search<'a> {
    order: &'a NodeOrder,
    row: &'a Row,
    enough: usize,
    found: usize,
    looked_at: usize,
}

impl Search<'_> {
    /// Goes through one rank, turns `from` to `to`; the place (rank, turn) of the node at which the search ends.
    fn rank(&mut self, rank: usize, from: usize, to: usize) -> Option<(usize, usize)> {
        for turn in from..to {
            let zone = self.order.turn()[turn] as usize;
            let Some(score) = self.row.scores[zone].get(rank) else { continue };
            if *score != 0 {
                if self.found == self.enough {
                    return Some((rank, turn));
                }
                self.found += 1;
            }
            self.looked_at += 1;
        }
        None
    }

    /// Goes through whole ranks, many at once until the end is near.
    fn ranks(&mut self, from: usize, to: usize) -> Option<(usize, usize)> {
        let mut rank = from;
        let mut strides = STRIDES.into_iter();
        let mut stride = strides.next()?;
        while rank < to {
            let stop = to.min(rank + stride);
            let (mut feasible, mut nodes) = (0, 0);
            for zone in self.order.turn() {
                let part = scores(self.row, &Part { zone: *zone, from: rank as u32, to: stop as u32 });
                feasible += count_feasible(part);
                nodes += part.len();
            }
            if self.found + feasible <= self.enough {
                self.found += feasible;
                self.looked_at += nodes;
                rank = stop;
            } else if let Some(shorter) = strides.next() {
                stride = shorter;
            } else {
                return (rank..stop).find_map(|rank| self.rank(rank, 0, self.order.turn().len()));
            }
        }
        None
    }
}

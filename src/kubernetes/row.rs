//! What one shape of pods thinks of every node: a dense array of scores per zone, kept up to date lazily.
//! Not the nodes themselves, not the choice.

use super::order::{NodeOrder, Place};
use super::score::{BalanceFormula, NodeLoad, ScoringStrategy, reason};
use super::shape::{Footprint, NodeClass, PodShape};
use super::{NodeHold, NodeKey};
use crate::fleet::{Taint, TaintEffect};

/// A node as the scheduler's cache holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) load: NodeLoad,
    /// Position in the change log of the latest change.
    pub(super) last_change: u64,
    pub(super) key: NodeKey,
    /// Counts the nodes that used this slot, so that a pod of a removed node is not taken for one of its successor.
    pub(super) generation: u32,
    pub(super) class: u32,
    pub(super) hold: NodeHold,
    pub(super) alive: bool,
    pub(super) reserved: Reserved,
}

/// Room that is kept on a node for pods that preempted others there. It holds against pods whose priority is no higher.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reserved {
    pub(super) footprint: Footprint,
    pub(super) pods: u32,
    /// The lowest priority among these pods: who preempts takes the nomination away from lower ones, so they rarely differ.
    pub(super) priority: i32,
}

/// A class of nodes as one shape sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassView {
    /// 0, or why no node of the class takes the shape.
    refusal: u8,
    pub(super) soft_taints: u16,
    pub(super) preference: u32,
}

/// The scores of one shape.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) footprint: Footprint,
    priority: i32,
    pub(super) classes: Vec<ClassView>,
    /// Flags of [`NodeHold`] that the shape does not tolerate.
    hold_mask: u8,
    /// Whether soft taints or preferences tell classes apart, so that scores must be normalised over the feasible.
    pub(super) soft: bool,
    /// Per zone and rank: 0 = infeasible, else 1 + the load-dependent score (at most 200).
    pub(super) scores: Vec<Vec<u8>>,
    /// Per zone and rank: why infeasible.
    reasons: Vec<Vec<u8>>,
    /// How many nodes are feasible.
    pub(super) feasible: u32,
    /// How many nodes give each reason.
    reason_counts: [u32; reason::COUNT],
    /// Up to where the change log is worked in.
    pub(super) cursor: u64,
    /// Not kept up to date at present: to be computed anew.
    pub(super) stale: bool,
    /// Nodes looked at without the row since it was last up to date.
    pub(super) bypassed: usize,
    /// End of the change log when no victims were found for the shape.
    pub(super) futile_at: Option<u64>,
}

/// The settings that scores depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) strategy: ScoringStrategy,
    pub(super) balance: BalanceFormula,
}

impl Row {
    pub(super) fn new(shape: &PodShape) -> Self {
        let tolerates = |key: &str| {
            let taint = Taint { key: key.into(), value: String::new(), effect: TaintEffect::NoSchedule };
            shape.tolerates(&taint)
        };
        let mut hold_mask = 0;
        for (key, hold) in [
            ("node.kubernetes.io/not-ready", NodeHold::NOT_READY),
            ("karpenter.sh/disrupted", NodeHold::DISRUPTED),
            ("node.kubernetes.io/unschedulable", NodeHold::UNSCHEDULABLE),
        ] {
            hold_mask |= if tolerates(key) { 0 } else { hold.0 };
        }
        Self {
            footprint: shape.footprint(),
            priority: shape.priority,
            classes: Vec::new(),
            hold_mask,
            soft: false,
            scores: Vec::new(),
            reasons: Vec::new(),
            feasible: 0,
            reason_counts: [0; reason::COUNT],
            cursor: 0,
            stale: true,
            bypassed: 0,
            futile_at: None,
        }
    }

    /// Learns one more class of nodes.
    pub(super) fn learn_class(&mut self, shape: &PodShape, class: &NodeClass) {
        let compatibility = shape.compatibility(class);
        let refusal = if !compatibility.taints {
            reason::TAINT
        } else if !compatibility.affinity {
            reason::AFFINITY
        } else {
            0
        };
        self.classes.push(ClassView {
            refusal,
            soft_taints: compatibility.soft_taints,
            preference: compatibility.preference,
        });
        self.soft |= compatibility.soft_taints > 0 || compatibility.preference > 0;
    }

    /// Filters and scores one node: (0, reasons) or (1 + score, 0). Filters in the order of the default profile; the
    /// first that refuses decides.
    #[inline]
    pub(super) fn evaluate(&self, node: &Node, rules: Rules) -> (u8, u8) {
        let hold = node.hold.0 & self.hold_mask;
        let class = self.classes[node.class as usize].refusal;
        if hold != 0 || class != 0 {
            let first = if hold & NodeHold::UNSCHEDULABLE.0 != 0 {
                reason::UNSCHEDULABLE
            } else if hold != 0 {
                reason::TAINT
            } else {
                class
            };
            return (0, first);
        }
        let refusal = self.load_refusal(node.load, node.reserved);
        if refusal != 0 {
            return (0, refusal);
        }
        let score = node.load.fit_score(self.footprint, rules.strategy)
            + node.load.balance_score(self.footprint, rules.balance);
        (1 + score as u8, 0)
    }

    /// What `NodeResourcesFit` says of a node with this load.
    #[inline]
    pub(super) fn load_refusal(&self, load: NodeLoad, reserved: Reserved) -> u8 {
        if reserved.pods == 0 || reserved.priority < self.priority {
            load.refusal(self.footprint)
        } else {
            load.refusal_beside(reserved.footprint, reserved.pods, self.footprint)
        }
    }

    /// Whether the shape could not be placed on the node for its taints, own or of its class.
    pub(super) fn is_tainted(&self, class: u32, hold: NodeHold) -> bool {
        let taints = NodeHold::NOT_READY.0 | NodeHold::DISRUPTED.0;
        hold.0 & self.hold_mask & taints != 0 || self.classes[class as usize].refusal == reason::TAINT
    }

    /// Whether selector and affinity match the class. Tainted classes count as matching: the real hint of
    /// `NodeAffinity` does not look at taints.
    pub(super) fn has_affinity(&self, class: u32) -> bool {
        self.classes[class as usize].refusal != reason::AFFINITY
    }

    /// Works the changes of the log behind the cursor in and returns how many scores that took.
    pub(super) fn catch_up(
        &mut self,
        nodes: &[Node],
        order: &NodeOrder,
        log: &[u32],
        base: u64,
        rules: Rules,
    ) -> u64 {
        let end = base + log.len() as u64;
        self.bypassed = 0;
        if self.stale || self.cursor < base || (end - self.cursor) as usize > order.len() + 16 {
            self.rebuild(nodes, order, rules);
            self.cursor = end;
            return order.len() as u64;
        }
        let mut computed = 0;
        for position in self.cursor..end {
            let slot = log[(position - base) as usize];
            let node = &nodes[slot as usize];
            if node.last_change != position || !node.alive {
                continue; // A later entry brings it up to date, or it is gone.
            }
            let place = order.place(slot);
            let new = self.evaluate(node, rules);
            self.set(place, new);
            computed += 1;
        }
        self.cursor = end;
        computed
    }

    fn rebuild(&mut self, nodes: &[Node], order: &NodeOrder, rules: Rules) {
        self.stale = false;
        self.feasible = 0;
        self.reason_counts = [0; reason::COUNT];
        self.scores.resize(order.zone_count(), Vec::new());
        self.reasons.resize(order.zone_count(), Vec::new());
        for zone in 0..order.zone_count() {
            let mut scores = std::mem::take(&mut self.scores[zone]);
            let mut reasons = std::mem::take(&mut self.reasons[zone]);
            scores.clear();
            reasons.clear();
            for slot in order.zone(zone as u32) {
                let (score, why) = self.evaluate(&nodes[*slot as usize], rules);
                scores.push(score);
                reasons.push(why);
                self.feasible += u32::from(score != 0);
                self.count_reasons(why, 1);
            }
            self.scores[zone] = scores;
            self.reasons[zone] = reasons;
        }
    }

    #[inline]
    fn set(&mut self, place: Place, (score, why): (u8, u8)) {
        let (zone, rank) = (place.zone as usize, place.rank as usize);
        if self.scores.len() <= zone {
            self.scores.resize(zone + 1, Vec::new());
            self.reasons.resize(zone + 1, Vec::new());
        }
        if self.scores[zone].len() <= rank {
            self.scores[zone].resize(rank + 1, 0);
            self.reasons[zone].resize(rank + 1, 0);
        }
        let old = std::mem::replace(&mut self.scores[zone][rank], score);
        if old != 0 && score != 0 {
            return;
        }
        self.feasible = self.feasible + u32::from(score != 0) - u32::from(old != 0);
        let was = std::mem::replace(&mut self.reasons[zone][rank], why);
        if was != why {
            self.count_reasons(was, u32::MAX);
            self.count_reasons(why, 1);
        }
    }

    fn count_reasons(&mut self, why: u8, add: u32) {
        if why == 0 {
            return;
        }
        for (bit, count) in self.reason_counts.iter_mut().enumerate() {
            if why & (1 << bit) != 0 {
                *count = count.wrapping_add(add);
            }
        }
    }

    /// The node at `place` leaves; those behind it in its zone move up.
    pub(super) fn forget(&mut self, place: Place) {
        let (zone, rank) = (place.zone as usize, place.rank as usize);
        if self.stale || self.scores.get(zone).is_none_or(|scores| scores.len() <= rank) {
            return;
        }
        let score = self.scores[zone].remove(rank);
        let why = self.reasons[zone].remove(rank);
        self.feasible -= u32::from(score != 0);
        self.count_reasons(why, u32::MAX);
    }

    /// The plugins that refused some node, as one reason each, with all of `NodeResourcesFit` together.
    pub(super) fn rejectors(&self) -> u8 {
        let any = |bits: u8| {
            self.reason_counts.iter().enumerate().any(|(bit, count)| bits & (1 << bit) != 0 && *count > 0)
        };
        [reason::FIT, reason::TAINT, reason::AFFINITY, reason::UNSCHEDULABLE]
            .into_iter()
            .filter(|bits| any(*bits))
            .fold(0, |all, bits| all | bits)
    }

    /// The message "0/N nodes are available: …" as a number: equal texts give equal numbers. The part about preemption
    /// in it depends on the same counts.
    pub(super) fn message(&self, nodes: usize) -> u64 {
        self.reason_counts.iter().fold(nodes as u64 + 1, |hash, count| {
            (hash.rotate_left(5) ^ u64::from(*count)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }
}

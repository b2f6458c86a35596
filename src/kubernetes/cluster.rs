//! The scheduler's view of the nodes, and its choice among them for one pod. Not the queue of pods.
//!
//! The cost of a choice is kept apart from the number of nodes: what a shape thinks of the nodes is a [`Row`] that is
//! brought up to date only where nodes changed since the shape was last asked, and the search itself is a linear pass
//! over bytes.

use super::neighbours::Neighbours;
use super::order::{NodeOrder, enough_feasible};
use super::row::{Node, Reserved, Row, Rules};
use super::score::NodeLoad;
use super::search::{Part, draw_below, find_window, pick};
use super::shape::{Footprint, NodeClass, PodShape};
use super::{NodeHold, NodeInfo, NodeKey};

/// Nodes, their order, and what every shape thinks of them.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    rules: Rules,
    pub(super) nodes: Vec<Node>,
    free: Vec<u32>,
    slots: Vec<u32>,
    pub(super) order: NodeOrder,
    pub(super) rows: Vec<Row>,
    pub(super) neighbours: Neighbours,
    log: Vec<u32>,
    log_base: u64,
    parts: Vec<Part>,
    window: Vec<u8>,
    candidates: Vec<Candidate>,
    pub(super) considered: u64,
    pub(super) computed: u64,
    /// Choices that went through nodes.
    pub(super) searches: u64,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    slot: u32,
    total: u32,
    soft_taints: u32,
    preference: u32,
}

const NO_SLOT: u32 = u32::MAX;
impl Cluster {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            nodes: Vec::new(),
            free: Vec::new(),
            slots: Vec::new(),
            order: NodeOrder::default(),
            rows: Vec::new(),
            neighbours: Neighbours::default(),
            log: Vec::new(),
            log_base: 0,
            parts: Vec::new(),
            window: Vec::new(),
            candidates: Vec::new(),
            considered: 0,
            computed: 0,
            searches: 0,
        }
    }

    pub(super) fn learn_shape(&mut self, shape: &PodShape, classes: &[NodeClass]) {
        let mut row = Row::new(shape);
        for class in classes {
            row.learn_class(shape, class);
        }
        self.rows.push(row);
    }

    /// The settings in force.
    pub(super) fn rules(&self) -> Rules {
        self.rules
    }

    /// The slot of a node that is there.
    pub(super) fn slot(&self, key: NodeKey) -> Option<u32> {
        self.slots.get(key.0 as usize).copied().filter(|slot| *slot != NO_SLOT)
    }

    pub(super) fn add(&mut self, key: NodeKey, info: &NodeInfo) {
        debug_assert!(self.slot(key).is_none(), "a node is added once");
        let slot = self.free.pop().unwrap_or(self.nodes.len() as u32);
        let generation = self.nodes.get(slot as usize).map_or(0, |node| node.generation + 1);
        let node = Node {
            load: NodeLoad::new(info.allocatable, info.pods, info.daemons, info.daemon_pods),
            last_change: 0,
            key,
            generation,
            class: info.class.0,
            hold: info.hold,
            alive: true,
            reserved: Reserved::default(),
        };
        if slot as usize == self.nodes.len() {
            self.nodes.push(node);
        } else {
            self.nodes[slot as usize] = node;
        }
        if self.slots.len() <= key.0 as usize {
            self.slots.resize(key.0 as usize + 1, NO_SLOT);
        }
        self.slots[key.0 as usize] = slot;
        self.order.add(slot, info.zone);
        self.touch(slot);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let node = &mut self.nodes[slot as usize];
        node.alive = false;
        self.neighbours.clear(slot);
        self.slots[node.key.0 as usize] = NO_SLOT;
        self.free.push(slot);
        let place = self.order.remove(slot);
        let end = self.log_base + self.log.len() as u64;
        for row in &mut self.rows {
            // A row nobody asked for so long is not worth keeping in step.
            row.stale |= end - row.cursor > self.order.len() as u64 + 16;
            row.forget(place);
        }
    }

    pub(super) fn set_hold(&mut self, slot: u32, hold: NodeHold) {
        self.nodes[slot as usize].hold = hold;
        self.touch(slot);
    }

    pub(super) fn occupy(&mut self, slot: u32, pod: Footprint) {
        self.nodes[slot as usize].load.add(pod);
        self.touch(slot);
    }

    pub(super) fn release(&mut self, slot: u32, pod: Footprint) {
        self.nodes[slot as usize].load.remove(pod);
        self.touch(slot);
    }

    /// Keeps this room on a node for pods that preempted others there.
    pub(super) fn reserve(&mut self, slot: u32, reserved: Reserved) {
        self.nodes[slot as usize].reserved = reserved;
        self.touch(slot);
    }

    /// Whether a pod of `shape` may go there while this room is kept for others.
    pub(super) fn takes(&mut self, shape: usize, slot: u32, reserved: Reserved) -> bool {
        if self.neighbours.concern(shape) {
            self.neighbours.prepare(shape, &self.nodes, &self.order, &self.rows[shape]);
        }
        let node = Node { reserved, ..self.nodes[slot as usize] };
        !self.is_kept_off(shape, slot) && self.rows[shape].evaluate(&node, self.rules).0 != 0
    }

    fn touch(&mut self, slot: u32) {
        self.nodes[slot as usize].last_change = self.log_base + self.log.len() as u64;
        self.log.push(slot);
        if self.log.len() > 4 * self.nodes.len() + 1024 {
            let half = self.log.len() / 2;
            self.log.drain(..half);
            self.log_base += half as u64;
        }
    }

    /// Brings the row of `shape` up to date.
    pub(super) fn refresh(&mut self, shape: usize) -> &Row {
        let row = &mut self.rows[shape];
        self.computed += row.catch_up(&self.nodes, &self.order, &self.log, self.log_base, self.rules);
        row
    }

    /// Whether anything changed since no victims were found for `shape`.
    pub(super) fn worth_preempting(&self, shape: usize) -> bool {
        self.rows[shape].futile_at != Some(self.log_base + self.log.len() as u64)
    }

    /// Notes that no victims were found for `shape`.
    pub(super) fn note_futile(&mut self, shape: usize) {
        self.rows[shape].futile_at = Some(self.log_base + self.log.len() as u64);
    }

    /// The node for a pod of `shape`: one of the best among those looked at, `draw` (any number) telling which. `None`
    /// if it fits nowhere; then the row is up to date and knows why.
    pub(super) fn choose(&mut self, shape: usize, draw: impl FnOnce() -> u64) -> Option<u32> {
        if self.neighbours.concern(shape) {
            return self.choose_among_neighbours(shape, draw);
        }
        let nodes = self.order.len();
        let enough = enough_feasible(nodes);
        if self.bypass(shape, enough) {
            self.searches += 1;
            if let Some(slot) = self.choose_among_candidates(shape, enough, false, draw) {
                return Some(slot);
            }
            self.refresh(shape);
            return None;
        }
        let row = self.refresh(shape);
        let feasible = row.feasible as usize;
        if feasible == 0 {
            self.order.advance(nodes);
            return None;
        }
        self.searches += 1;
        let row = &self.rows[shape];
        if row.soft {
            return self.choose_among_candidates(shape, enough, true, draw);
        }
        self.parts.clear();
        if feasible <= enough {
            for zone in self.order.turn() {
                let to = self.order.zone(*zone).len() as u32;
                self.parts.push(Part { zone: *zone, from: 0, to });
            }
            self.order.advance(nodes);
            self.considered += nodes as u64;
        } else {
            let (looked_at, next) = find_window(&self.order, &self.rows[shape], enough, &mut self.parts);
            self.order.advance_to(looked_at, next);
            self.considered += looked_at as u64;
        }
        let (zone, rank) = pick(&self.rows[shape], &self.parts, &mut self.window, draw);
        Some(self.order.zone(zone)[rank])
    }

    /// The message with which `shape` is refused everywhere; `None` where it is not, or where finding out is not cheap.
    pub(super) fn refusal(&mut self, shape: usize) -> Option<u64> {
        let nodes = self.order.len();
        let is_cheap = !self.neighbours.concern(shape) && !self.is_far_behind(shape, enough_feasible(nodes));
        if nodes == 0 || !is_cheap {
            return None;
        }
        let row = self.refresh(shape);
        let message = (row.feasible == 0).then(|| row.message(nodes))?;
        self.order.advance(nodes);
        Some(message)
    }

    /// Whether so much changed since the shape was last asked that looking only at the nodes needed is cheaper than
    /// bringing its row up to date (and that has not been done too often in a row).
    fn bypass(&mut self, shape: usize, enough: usize) -> bool {
        let is_bypassed = self.is_far_behind(shape, enough) && self.rows[shape].bypassed < self.order.len();
        if is_bypassed {
            self.rows[shape].bypassed += enough;
        }
        is_bypassed
    }

    fn is_far_behind(&self, shape: usize, enough: usize) -> bool {
        let (nodes, row) = (self.order.len(), &self.rows[shape]);
        let end = self.log_base + self.log.len() as u64;
        let behind = if row.stale { nodes } else { ((end - row.cursor) as usize).min(nodes) };
        behind > 2 * enough
    }

    /// The choice node by node: where scores are normalised over the feasible nodes, or the row is not up to date.
    fn choose_among_candidates(
        &mut self,
        shape: usize,
        enough: usize,
        cached: bool,
        draw: impl FnOnce() -> u64,
    ) -> Option<u32> {
        let row = &self.rows[shape];
        self.candidates.clear();
        let mut looked_at = 0;
        for slot in self.order.rotated() {
            let node = &self.nodes[slot as usize];
            let score = if cached {
                let place = self.order.place(slot);
                row.scores[place.zone as usize][place.rank as usize]
            } else {
                self.computed += 1;
                row.evaluate(node, self.rules).0
            };
            if score != 0 {
                if self.candidates.len() == enough {
                    break;
                }
                let class = &row.classes[node.class as usize];
                self.candidates.push(Candidate {
                    slot,
                    total: u32::from(score - 1),
                    soft_taints: u32::from(class.soft_taints),
                    preference: class.preference,
                });
            }
            looked_at += 1;
        }
        self.considered += looked_at as u64;
        self.order.advance(looked_at);
        let most_taints = self.candidates.iter().map(|candidate| candidate.soft_taints).max()?;
        let most_preferred = self.candidates.iter().map(|candidate| candidate.preference).max()?;
        for candidate in &mut self.candidates {
            candidate.total += taint_score(candidate.soft_taints, most_taints)
                + affinity_score(candidate.preference, most_preferred);
        }
        let best = self.candidates.iter().map(|candidate| candidate.total).max()?;
        let ties = || self.candidates.iter().filter(|candidate| candidate.total == best);
        let index = draw_below(ties().count() as u64, draw);
        ties().nth(index as usize).map(|candidate| candidate.slot)
    }
}

/// Weighted score of `TaintToleration`: 300 without `PreferNoSchedule` taints, less the more there are.
pub(super) fn taint_score(taints: u32, most: u32) -> u32 {
    3 * (100 - (100 * taints).checked_div(most).unwrap_or(0))
}

/// Weighted score of `NodeAffinity`: the share of the preferred weight that the best node matches.
pub(super) fn affinity_score(preference: u32, most: u32) -> u32 {
    2 * (100 * preference).checked_div(most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::{
        BalanceFormula, LabelOperator, LabelRequirement, NodeClassId, PreferredTerm, ScoringStrategy, Taint,
        TaintEffect,
    };
    use crate::units::Resources;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A node as the plain reading of the rules keeps it.
    #[derive(Clone, Debug)]
    struct PlainNode {
        key: u32,
        info: NodeInfo,
        pods: Vec<(u32, usize)>,
    }

    /// The recorded rules written down without any cache: zones in turn, a rotating start, integer division.
    #[derive(Default)]
    struct Plain {
        zones: Vec<(u16, Vec<PlainNode>)>,
        start: usize,
    }

    impl Plain {
        fn in_order(&self) -> Vec<&PlainNode> {
            let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
            (0..longest)
                .flat_map(|rank| self.zones.iter().filter_map(move |(_, nodes)| nodes.get(rank)))
                .collect()
        }

        fn node(&mut self, key: u32) -> Option<&mut PlainNode> {
            self.zones.iter_mut().flat_map(|(_, nodes)| nodes).find(|node| node.key == key)
        }

        fn base_score(node: &PlainNode, shapes: &[PodShape], shape: usize, rules: Rules) -> Option<u32> {
            let pod = shapes[shape].footprint();
            let mut used = node.info.daemons;
            for (_, other) in &node.pods {
                used += shapes[*other].footprint();
            }
            let has = node.info.allocatable;
            let mut after = used;
            after += pod;
            let full = node.pods.len() as u32 + node.info.daemon_pods >= node.info.pods;
            if node.info.hold != NodeHold::NONE || full || !after.plain.fits_in(has) {
                return None;
            }
            let share = |used: u32, has: u32| match rules.strategy {
                ScoringStrategy::LeastAllocated => u64::from(has.saturating_sub(used)) * 100 / u64::from(has),
                ScoringStrategy::MostAllocated => u64::from(used.min(has)) * 100 / u64::from(has),
            };
            let fit =
                (share(after.for_score.cpu.0, has.cpu.0) + share(after.for_score.memory.0, has.memory.0)) / 2;
            let balance = |used: Resources| {
                let part = |used: u32, has: u32| (f64::from(used) / f64::from(has)).min(1.0);
                let gap = (part(used.cpu.0, has.cpu.0) - part(used.memory.0, has.memory.0)) / 2.0;
                ((1.0 - gap.abs()) * 100.0) as u32
            };
            let balanced = match rules.balance {
                _ if pod.plain == Resources::ZERO => 0,
                BalanceFormula::UpTo135 => balance(after.plain),
                BalanceFormula::From136 => 50 + (50 + balance(after.plain) - balance(used.plain)) / 2,
            };
            Some(fit as u32 + balanced)
        }

        /// Keys of the best nodes among those looked at.
        fn best(
            &mut self,
            shapes: &[PodShape],
            classes: &[NodeClass],
            shape: usize,
            rules: Rules,
        ) -> Vec<u32> {
            let order = self.in_order();
            let count = order.len();
            let mut found: Vec<(u32, u32, u32, u32)> = Vec::new();
            let mut looked_at = 0;
            for step in 0..count {
                let node = order[(self.start + step) % count];
                let match_ = shapes[shape].compatibility(&classes[node.info.class.0 as usize]);
                if let Some(score) =
                    Self::base_score(node, shapes, shape, rules).filter(|_| match_.taints && match_.affinity)
                {
                    if found.len() == enough_feasible(count) {
                        break;
                    }
                    found.push((node.key, score, match_.soft_taints.into(), match_.preference));
                }
                looked_at += 1;
            }
            let taints = found.iter().map(|found| found.2).max().unwrap_or(0);
            let preference = found.iter().map(|found| found.3).max().unwrap_or(0);
            let total = |found: &(u32, u32, u32, u32)| {
                let soft = 100 - (100 * found.2).checked_div(taints).unwrap_or(0);
                found.1 + 3 * soft + 2 * (100 * found.3).checked_div(preference).unwrap_or(0)
            };
            let best = found.iter().map(total).max().unwrap_or(0);
            if count > 0 {
                self.start = (self.start + looked_at) % count;
            }
            found.iter().filter(|found| total(found) == best).map(|found| found.0).collect()
        }
    }

    fn classes() -> Vec<NodeClass> {
        let labels = |arch: &str| vec![("arch".to_owned(), arch.to_owned())];
        let spot = Taint { key: "spot".into(), value: String::new(), effect: TaintEffect::PreferNoSchedule };
        vec![
            NodeClass { labels: labels("amd64"), taints: vec![] },
            NodeClass { labels: labels("arm64"), taints: vec![] },
            NodeClass { labels: labels("amd64"), taints: vec![spot] },
        ]
    }

    fn shapes() -> Vec<PodShape> {
        let of = |cpu, memory| PodShape::of(Resources::new(cpu, memory));
        let arm = LabelRequirement {
            key: "arch".into(),
            operator: LabelOperator::In,
            values: vec!["arm64".into()],
        };
        vec![
            of(500, 1024),
            of(1000, 2000),
            of(333, 4096),
            PodShape { node_selector: vec![("arch".into(), "amd64".into())], ..of(1500, 512) },
            PodShape {
                preferred_affinity: vec![PreferredTerm { weight: 7, requirements: vec![arm] }],
                ..of(700, 1500)
            },
            PodShape { containers: vec![Default::default()], ..PodShape::default() },
            of(3900, 7000),
        ]
    }

    fn some_node(choice: u64, classes: u32) -> NodeInfo {
        let cpu = [1930, 3920, 7910][choice as usize % 3];
        NodeInfo {
            class: NodeClassId((choice >> 12) as u32 % classes),
            zone: (choice >> 20) as u16 % 3,
            allocatable: Resources::new(cpu, [3300, 7000, 15_000][(choice >> 4) as usize % 3]),
            pods: [4, 20, 58][(choice >> 16) as usize % 3],
            daemons: Footprint::of(Resources::new(150, 200)),
            daemon_pods: 2,
            hold: NodeHold::NONE,
        }
    }

    /// Runs `steps` (kind, choice) on both and compares every choice; `soft` allows the class with a soft taint.
    fn compare(start_nodes: u32, steps: &[(u8, u64)], rules: Rules, soft: bool) -> Result<(), TestCaseError> {
        let (classes, shapes) = (classes(), shapes());
        let usable = if soft { classes.len() } else { 2 };
        let classes = classes[..usable].to_vec();
        let mut cluster = Cluster::new(rules);
        for shape in &shapes {
            cluster.learn_shape(shape, &classes);
        }
        let mut plain = Plain::default();
        let mut next_key = 0;
        let mut placed: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
        let grow = (0..u64::from(start_nodes)).map(|node| (0, node.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for (number, (kind, choice)) in grow.chain(steps.iter().copied()).enumerate() {
            let keys: Vec<u32> = plain.in_order().iter().map(|node| node.key).collect();
            let some_key = keys.get((choice >> 8) as usize % keys.len().max(1)).copied();
            match (kind, some_key) {
                (0, _) => {
                    let info = some_node(choice, usable as u32);
                    cluster.add(NodeKey(next_key), &info);
                    let node = PlainNode { key: next_key, info, pods: Vec::new() };
                    match plain.zones.iter_mut().find(|(zone, _)| *zone == info.zone) {
                        Some((_, nodes)) => nodes.push(node),
                        None => plain.zones.push((info.zone, vec![node])),
                    }
                    next_key += 1;
                }
                (1, Some(key)) => {
                    let slot = cluster.slot(NodeKey(key)).unwrap();
                    cluster.remove(slot);
                    placed.retain(|_, (node, _)| *node != key);
                    plain.zones.iter_mut().for_each(|(_, nodes)| nodes.retain(|node| node.key != key));
                    plain.zones.retain(|(_, nodes)| !nodes.is_empty());
                }
                (2, Some(key)) => {
                    let hold = [NodeHold::NONE, NodeHold::DISRUPTED][choice as usize % 2];
                    cluster.set_hold(cluster.slot(NodeKey(key)).unwrap(), hold);
                    plain.node(key).unwrap().info.hold = hold;
                }
                (3, _) => {
                    let Some(pod) = placed.keys().nth(choice as usize % placed.len().max(1)).copied() else {
                        continue;
                    };
                    let (key, shape) = placed.remove(&pod).unwrap();
                    cluster.release(cluster.slot(NodeKey(key)).unwrap(), shapes[shape].footprint());
                    plain.node(key).unwrap().pods.retain(|(other, _)| *other != pod);
                }
                _ => {
                    let shape = choice as usize % shapes.len();
                    let best = plain.best(&shapes, &classes, shape, rules);
                    let chosen = cluster.choose(shape, || choice.wrapping_mul(0xd134_2543_de82_ef95));
                    let chosen = chosen.map(|slot| cluster.nodes[slot as usize].key.0);
                    prop_assert_eq!(chosen.is_none(), best.is_empty(), "step {} shape {}", number, shape);
                    prop_assert_eq!(cluster.order.start(), plain.start % keys.len().max(1));
                    if let Some(key) = chosen {
                        prop_assert!(best.contains(&key), "step {}: {} is not among {:?}", number, key, best);
                        cluster.occupy(cluster.slot(NodeKey(key)).unwrap(), shapes[shape].footprint());
                        plain.node(key).unwrap().pods.push((number as u32, shape));
                        placed.insert(number as u32, (key, shape));
                    }
                }
            }
        }
        Ok(())
    }

    fn steps(count: usize) -> impl Strategy<Value = Vec<(u8, u64)>> {
        let kind = prop_oneof![1 => Just(0_u8), 1 => Just(1), 1 => Just(2), 4 => Just(3), 8 => Just(4)];
        prop::collection::vec((kind, any::<u64>()), 0..count)
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let strategy =
            prop_oneof![Just(ScoringStrategy::LeastAllocated), Just(ScoringStrategy::MostAllocated)];
        let balance = prop_oneof![Just(BalanceFormula::From136), Just(BalanceFormula::UpTo135)];
        (strategy, balance).prop_map(|(strategy, balance)| Rules { strategy, balance })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_choice_is_among_the_best_by_the_plain_rules(steps in steps(300), rules in rules(), soft: bool) {
            compare(12, &steps, rules, soft)?;
        }

        #[test]
        fn above_a_hundred_nodes_the_same_nodes_are_looked_at(steps in steps(300), rules in rules(), soft: bool) {
            compare(118, &steps, rules, false)?;
            compare(260, &steps, rules, soft)?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn shapes_seldom_asked_choose_alike(steps in steps(900), rules in rules()) {
            compare(700, &steps, rules, false)?;
        }
    }
}

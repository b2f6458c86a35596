//! What the counted pods mean for one pod on one node: the filters and scores of `NodePorts`, `PodTopologySpread` and
//! `InterPodAffinity` (kubernetes `pkg/scheduler/framework/plugins`, v1.37). Not the choice among nodes.

use super::neighbours::{HOST, Neighbours, SpreadRule, Tally};
use super::order::NodeOrder;
use super::row::{Node, Row};

/// Which plugin keeps a pod off a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    Ports,
    Spread,
    Affinity,
}

/// Counts of one tally over its domains; -1 is a domain without a counted node.
pub(super) type Sums = Vec<i64>;

/// What was added up for the attempt under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt {
    pub(super) hard: Vec<Sums>,
    least: Vec<i64>,
    pub(super) near: Vec<Sums>,
    pub(super) near_total: i64,
    pub(super) apart: Vec<Sums>,
    pulls: Vec<Sums>,
    /// Nodes that each plugin refused.
    refused: [u32; 3],
}

impl Neighbours {
    fn has_all_keys(&self, rules: &[SpreadRule], slot: u32, node: &Node) -> bool {
        rules.iter().all(|rule| self.domain(rule.tally.key, slot, node).is_some())
    }

    fn sums(
        &self,
        tally: Tally,
        nodes: &[Node],
        order: &NodeOrder,
        includes: impl Fn(u32, &Node) -> bool,
    ) -> Sums {
        let domains = if tally.key == HOST { nodes.len() } else { self.domains[tally.key].len() };
        let mut sums = vec![-1; domains];
        for slot in order.rotated() {
            let node = &nodes[slot as usize];
            if let Some(domain) = self.domain(tally.key, slot, node)
                && includes(slot, node)
            {
                sums[domain] = sums[domain].max(0) + self.count(tally.counter, slot);
            }
        }
        sums
    }

    /// Adds up what the filters need for a pod of `shape` (`PreFilter`).
    pub(super) fn prepare(&mut self, shape: usize, nodes: &[Node], order: &NodeOrder, row: &Row) {
        let view = &self.views[shape];
        let mut attempt = Attempt::default();
        for rule in &view.hard {
            let counts = |slot: u32, node: &Node| {
                row.has_affinity(node.class) && self.has_all_keys(&view.hard, slot, node)
            };
            let sums = self.sums(rule.tally, nodes, order, counts);
            let seen = || sums.iter().filter(|count| **count >= 0);
            let is_short = rule.min_domains.is_some_and(|wanted| seen().count() < wanted as usize);
            let least = if is_short { 0 } else { seen().min().copied().unwrap_or(i64::from(i32::MAX)) };
            attempt.least.push(least);
            attempt.hard.push(sums);
        }
        let everywhere = |tally: Tally| self.sums(tally, nodes, order, |_, _| true);
        attempt.near = view.near.iter().map(|tally| everywhere(*tally)).collect();
        attempt.near_total = attempt.near.iter().flatten().filter(|count| **count > 0).sum();
        attempt.apart = view.apart.iter().map(|tally| everywhere(*tally)).collect();
        attempt.pulls = view.pulls.iter().map(|(tally, _)| everywhere(*tally)).collect();
        self.attempt = attempt;
    }

    /// The first plugin that keeps a pod of `shape`, which is prepared, off a node.
    pub(super) fn refusal(&self, shape: usize, slot: u32, node: &Node) -> Option<Plugin> {
        if self.is_idle() {
            return None;
        }
        let (view, attempt) = (&self.views[shape], &self.attempt);
        if view.ports.iter().any(|counter| self.count(*counter, slot) > 0) {
            return Some(Plugin::Ports);
        }
        for ((rule, sums), least) in view.hard.iter().zip(&attempt.hard).zip(&attempt.least) {
            let Some(domain) = self.domain(rule.tally.key, slot, node) else { return Some(Plugin::Spread) };
            if sums[domain].max(0) + i64::from(rule.selects_itself) - least > rule.max_skew {
                return Some(Plugin::Spread);
            }
        }
        let mut are_near = true;
        for (tally, sums) in view.near.iter().zip(&attempt.near) {
            let Some(domain) = self.domain(tally.key, slot, node) else { return Some(Plugin::Affinity) };
            are_near &= sums[domain] > 0;
        }
        let may_start = attempt.near_total == 0 && view.may_start;
        if !(are_near || may_start) {
            return Some(Plugin::Affinity);
        }
        let mut apart = view.apart.iter().zip(&attempt.apart);
        let is_close = |(tally, sums): (&Tally, &Sums)| {
            self.domain(tally.key, slot, node).is_some_and(|domain| sums[domain] > 0)
        };
        apart.any(is_close).then_some(Plugin::Affinity)
    }

    /// Notes that a plugin refused one more node of the attempt.
    pub(super) fn note_refused(&mut self, plugin: Plugin) {
        self.attempt.refused[plugin as usize] += 1;
    }

    /// How many nodes each plugin refused in the last attempt.
    pub(super) fn refused(&self) -> [u32; 3] {
        self.attempt.refused
    }

    /// The plain score of `InterPodAffinity` (`Score`).
    pub(super) fn pull(&self, shape: usize, slot: u32, node: &Node) -> i64 {
        let pulls = self.views[shape].pulls.iter().zip(&self.attempt.pulls);
        let each = pulls.map(|((tally, weight), sums)| {
            self.domain(tally.key, slot, node).map_or(0, |domain| weight * sums[domain].max(0))
        });
        each.sum()
    }

    /// The plain scores of `PodTopologySpread` on the feasible nodes, in their order; `None` for nodes without a key. No
    /// list at all where the plugin skips itself.
    pub(super) fn spread_scores(
        &self,
        shape: usize,
        feasible: &[u32],
        nodes: &[Node],
        order: &NodeOrder,
        row: &Row,
    ) -> Option<Vec<Option<i64>>> {
        let soft = &self.views[shape].soft;
        if soft.is_empty() {
            return None;
        }
        let node = |slot: u32| &nodes[slot as usize];
        let counted: Vec<u32> =
            feasible.iter().copied().filter(|slot| self.has_all_keys(soft, *slot, node(*slot))).collect();
        let mut tallies = Vec::new();
        for rule in soft {
            let key = rule.tally.key;
            let mut met: Vec<Option<usize>> =
                counted.iter().map(|slot| self.domain(key, *slot, node(*slot))).collect();
            met.sort_unstable();
            met.dedup();
            let size = if key == HOST { counted.len() } else { met.len() };
            let counts = |slot: u32, one: &Node| {
                key == HOST || row.has_affinity(one.class) && self.has_all_keys(soft, slot, one)
            };
            let weight = libm::log(size as f64 + 2.0);
            tallies.push((rule, weight, self.sums(rule.tally, nodes, order, counts)));
        }
        let score = |slot: u32| {
            let mut sum = 0.0;
            for (rule, weight, sums) in &tallies {
                let domain = self.domain(rule.tally.key, slot, node(slot))?;
                sum += sums[domain].max(0) as f64 * weight + (rule.max_skew - 1) as f64;
            }
            Some(libm::round(sum) as i64)
        };
        Some(feasible.iter().map(|slot| score(*slot)).collect())
    }
}

//! What the pods around would mean for one pod if some on its node were gone: what preemption asks of `NodePorts`,
//! `PodTopologySpread` and `InterPodAffinity` (their `AddPod` and `RemovePod`, kubernetes v1.37). Not who has to go.

use super::neighbour_rules::Plugin;
use super::neighbours::{Neighbours, SpreadRule};
use super::row::Node;

/// The two lowest counts of a spread constraint over its domains: what is least where one of them changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lowest {
    domain: usize,
    first: i64,
    second: i64,
    /// Too few domains: the least counts as 0.
    is_short: bool,
}

/// The counts that decide whether a node takes the pod, as they would be.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    ports: Vec<i64>,
    /// In the domain of the node, and the least in the others.
    hard: Vec<(i64, i64)>,
    near: Vec<i64>,
    near_total: i64,
    /// `None` where the node has no such domain.
    apart: Vec<Option<i64>>,
}

impl Neighbours {
    /// Whether deleting pods of the node may let a pod of `shape`, whose attempt was just made, come there. Not where the
    /// node lacks a label, or pods to be near to (`UnschedulableAndUnresolvable`).
    pub(super) fn may_yield(&self, shape: usize, slot: u32, node: &Node) -> bool {
        match self.refusal(shape, slot, node) {
            None => false,
            Some(Plugin::Ports) => true,
            Some(Plugin::Spread) => {
                self.views[shape].hard.iter().all(|rule| self.domain(rule.tally.key, slot, node).is_some())
            }
            Some(Plugin::Affinity) => {
                self.around(shape, slot, node, &[]).is_some_and(|around| self.is_near(shape, &around))
            }
        }
    }

    /// The lowest counts of the hard spread constraints of `shape`, whose attempt was just made.
    pub(super) fn lowest(&self, shape: usize) -> Vec<Lowest> {
        let of = |(place, rule): (usize, &SpreadRule)| {
            let (mut domain, mut first, mut second) = (usize::MAX, i64::MAX, i64::MAX);
            let mut seen = 0;
            for (index, count) in
                self.attempt.hard[place].iter().enumerate().filter(|(_, count)| **count >= 0)
            {
                seen += 1;
                if *count < first {
                    (domain, second, first) = (index, first, *count);
                } else {
                    second = second.min(*count);
                }
            }
            let is_short = rule.min_domains.is_some_and(|wanted| seen < wanted);
            Lowest { domain, first, second, is_short }
        };
        self.views[shape].hard.iter().enumerate().map(of).collect()
    }

    /// The counts as they are. `None` where the node has no domain that the pod asks for.
    pub(super) fn around(&self, shape: usize, slot: u32, node: &Node, lowest: &[Lowest]) -> Option<Around> {
        let (view, attempt) = (&self.views[shape], &self.attempt);
        let mut around = Around { near_total: attempt.near_total, ..Around::default() };
        around.ports.extend(view.ports.iter().map(|counter| self.count(*counter, slot)));
        for ((rule, sums), lowest) in view.hard.iter().zip(&attempt.hard).zip(lowest) {
            let domain = self.domain(rule.tally.key, slot, node)?;
            let others = if lowest.is_short {
                0
            } else if lowest.domain == domain {
                lowest.second
            } else {
                lowest.first
            };
            around.hard.push((sums[domain].max(0), others));
        }
        for (tally, sums) in view.near.iter().zip(&attempt.near) {
            around.near.push(sums[self.domain(tally.key, slot, node)?].max(0));
        }
        for (tally, sums) in view.apart.iter().zip(&attempt.apart) {
            around.apart.push(self.domain(tally.key, slot, node).map(|domain| sums[domain].max(0)));
        }
        Some(around)
    }

    /// So many more pods of the shape `other` are on the node.
    pub(super) fn shift(&self, around: &mut Around, shape: usize, other: usize, by: i64) {
        let (view, counted) = (&self.views[shape], &self.views[other].counters);
        let counts = |counter: usize| if counted.contains(&counter) { by } else { 0 };
        for (count, counter) in around.ports.iter_mut().zip(&view.ports) {
            *count += counts(*counter);
        }
        for ((count, _), rule) in around.hard.iter_mut().zip(&view.hard) {
            *count += counts(rule.tally.counter);
        }
        for (count, tally) in around.near.iter_mut().zip(&view.near) {
            *count += counts(tally.counter);
            around.near_total += counts(tally.counter);
        }
        for (count, tally) in around.apart.iter_mut().zip(&view.apart) {
            *count = count.map(|count| count + counts(tally.counter));
        }
    }

    /// Whether the pod would be kept off the node.
    pub(super) fn would_refuse(&self, shape: usize, around: &Around) -> bool {
        let skews = |((own, others), rule): (&(i64, i64), &SpreadRule)| {
            own + i64::from(rule.selects_itself) - (*own).min(*others) > rule.max_skew
        };
        around.ports.iter().any(|count| *count > 0)
            || around.hard.iter().zip(&self.views[shape].hard).any(skews)
            || !self.is_near(shape, around)
            || around.apart.iter().flatten().any(|count| *count > 0)
    }

    fn is_near(&self, shape: usize, around: &Around) -> bool {
        around.near.iter().all(|count| *count > 0) || around.near_total == 0 && self.views[shape].may_start
    }
}

//! Multi-node and single-node consolidation: which nodes to try, in which order, and what comes of it.

use super::super::cluster::{Cluster, NodeId};
use super::super::node_pools::PoolId;
use super::balanced::{self, PoolTotals};
use super::candidate::Candidate;
use super::nodes::Nodes;
use super::price_test::{self, Move, Skip, keep_cheaper_than};
use super::settings::Settings;
use super::surroundings::Surroundings;
use super::what_if::{Question, Verdict, WhatIf};
use crate::units::SimTime;

/// More candidates than this are cut; the cut is the index of the last node, so a command may hold 101
/// (core `disruption/multinodeconsolidation.go` `firstNConsolidationOption`, v1.15.0).
const MOST_PARALLEL: usize = 100;

/// What a search reads; the same for all its questions.
pub(super) struct Search<'a> {
    pub(super) now: SimTime,
    pub(super) nodes: &'a Nodes,
    pub(super) fully_blocking: &'a [bool],
    pub(super) settings: Settings,
    /// Whether every question would be answered with several new nodes, so that none has to be asked.
    pub(super) is_hopeless: bool,
    /// Balanced's denominators, empty where no pool has the policy.
    pub(super) totals: Vec<Option<PoolTotals>>,
}

/// A move with the nodes that go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) what: Move,
    pub(super) estimated_savings: f64,
}

/// What a search brought.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchResult {
    pub(super) found: Option<Found>,
    /// Nodes that single-node consolidation looked at and left.
    pub(super) skipped: Vec<(NodeId, Skip)>,
    /// Whether some candidate was passed over because its pool's budget is used up.
    pub(super) is_budget_short: bool,
    /// Whether the pass ended with an error (v1.8: the price of a candidate is unknown).
    pub(super) has_failed: bool,
}

impl Search<'_> {
    /// The largest prefix of the candidates, in their order and within budgets, that can go together.
    pub(super) fn multi_node(
        &self,
        candidates: Vec<Candidate>,
        budgets: &mut [u32],
        what_if: &mut WhatIf,
        surroundings: &mut Surroundings<'_>,
    ) -> SearchResult {
        let mut result = SearchResult::default();
        let mut disruptable = candidates;
        disruptable.retain(|candidate| {
            let left = &mut budgets[usize::from(candidate.pool.0)];
            if *left == 0 {
                result.is_budget_short = true;
                return false;
            }
            let is_busy = !self.nodes.live(candidate.node).is_empty();
            *left -= u32::from(is_busy);
            is_busy
        });
        if disruptable.len() < 2 {
            return result;
        }
        let (mut low, mut high) = (1, MOST_PARALLEL.min(disruptable.len() - 1));
        while low <= high {
            let middle = usize::midpoint(low, high);
            match self.several(&disruptable[..=middle], what_if, surroundings) {
                Ok(found) => {
                    result.found = Some(found);
                    low = middle + 1;
                }
                Err(Skip::CandidateOfferingMissing) => {
                    return SearchResult { has_failed: true, ..SearchResult::default() };
                }
                Err(_) => high = middle - 1,
            }
        }
        result
    }

    fn several(
        &self,
        candidates: &[Candidate],
        what_if: &mut WhatIf,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Found, Skip> {
        let mut what = self.compute(candidates, what_if, surroundings)?;
        drop_same_types(surroundings.cluster, candidates, &mut what)?;
        let found = self.found(candidates, what, surroundings.cluster);
        let is_approved = balanced::approves(self.nodes, candidates, found.estimated_savings, &self.totals);
        if is_approved { Ok(found) } else { Err(Skip::NotCheaper) }
    }

    /// The first candidate that can go, the pools taking turns.
    pub(super) fn single_node(
        &self,
        candidates: Vec<Candidate>,
        budgets: &[u32],
        what_if: &mut WhatIf,
        surroundings: &mut Surroundings<'_>,
    ) -> SearchResult {
        let mut result = SearchResult::default();
        for candidate in interleave(candidates, self.nodes.pools.len()) {
            if budgets[usize::from(candidate.pool.0)] == 0 {
                result.is_budget_short = true;
                continue;
            }
            let is_empty = self.nodes.live(candidate.node).is_empty();
            if is_empty || !balanced::can_pass(self.nodes, &candidate, &self.totals) {
                continue;
            }
            let alone = std::slice::from_ref(&candidate);
            match self.compute(alone, what_if, surroundings) {
                Ok(what) => {
                    let found = self.found(alone, what, surroundings.cluster);
                    if balanced::approves(self.nodes, alone, found.estimated_savings, &self.totals) {
                        result.found = Some(found);
                        return result;
                    }
                }
                Err(skip) => result.skipped.push((candidate.node, skip)),
            }
        }
        result
    }

    fn compute(
        &self,
        candidates: &[Candidate],
        what_if: &mut WhatIf,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Move, Skip> {
        if self.is_hopeless {
            return Err(Skip::NeedsSeveralNewNodes(2));
        }
        let without: Vec<NodeId> = candidates.iter().map(|candidate| candidate.node).collect();
        match what_if.ask(&self.question(&without), surroundings) {
            Verdict::PodsDoNotFit => Err(Skip::PodsDoNotFit),
            Verdict::UninitializedDestination => Err(Skip::UninitializedDestination),
            Verdict::Fits => {
                price_test::test(surroundings.cluster, self.settings, candidates, &what_if.results)
            }
        }
    }

    /// The question about these nodes.
    pub(super) fn question<'a>(&'a self, without: &'a [NodeId]) -> Question<'a> {
        let Self { now, nodes, fully_blocking, settings, .. } = *self;
        Question { now, nodes, fully_blocking, version: settings.version, without, is_consolidation: true }
    }

    fn found(&self, candidates: &[Candidate], what: Move, cluster: &Cluster) -> Found {
        let estimated_savings = price_test::estimated_savings(cluster, candidates, what.replacement.as_ref());
        Found { candidates: candidates.to_vec(), what, estimated_savings }
    }
}

/// Where the replacement could be of a type that goes, keeps only types cheaper than the cheapest such node: else keeping that
/// node and deleting the others does the same with fewer pods moved (core `filterOutSameInstanceType`, v1.15.0).
fn drop_same_types(cluster: &Cluster, candidates: &[Candidate], what: &mut Move) -> Result<(), Skip> {
    let Some(replacement) = &mut what.replacement else { return Ok(()) };
    let type_of = |candidate: &Candidate| cluster.node(candidate.node).and_then(|node| node.type_id);
    let mut limit = f64::MAX;
    for id in &replacement.types {
        let same = || candidates.iter().filter(|candidate| type_of(candidate) == Some(*id));
        if same().next().is_some() {
            let known =
                same().filter(|candidate| !candidate.is_offering_missing).map(|candidate| candidate.price);
            // Upstream reads a price that it did not find as 0.
            limit = limit.min(known.reduce(f64::min).unwrap_or(0.0));
        }
    }
    keep_cheaper_than(cluster, limit, replacement)
}

/// The first candidate of every pool, then the second of every pool and so on. The order of pools is arbitrary upstream
/// (Go map order in `shuffleCandidates`); here it is the pools' own.
fn interleave(candidates: Vec<Candidate>, pools: usize) -> Vec<Candidate> {
    let mut taken = vec![0_u32; pools];
    let mut turns: Vec<(u32, PoolId, Candidate)> = candidates
        .into_iter()
        .map(|candidate| {
            let turn = &mut taken[usize::from(candidate.pool.0)];
            *turn += 1;
            (*turn, candidate.pool, candidate)
        })
        .collect();
    turns.sort_unstable_by_key(|(turn, pool, _)| (*turn, *pool));
    turns.into_iter().map(|(_, _, candidate)| candidate).collect()
}

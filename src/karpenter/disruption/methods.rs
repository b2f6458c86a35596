//! The disruption methods: what each proposes now, and whether a proposal still holds 15 s later.

use super::super::cluster::{Cluster, NodeId};
use super::super::pods::PodId;
use super::super::solver::ClaimRequest;
use super::balanced::{self, PoolTotals};
use super::budget::Reason;
use super::candidate::{self, Candidate, Refusal};
use super::consolidation::{Found, Search, SearchResult};
use super::controller::Disruption;
use super::emptiness;
use super::outcome::Decision;
use super::price_test::{Move, Replacement, Skip};
use super::surroundings::Surroundings;
use super::what_if::Verdict;
use crate::engine::Purpose;
use crate::units::SimTime;
use rand::Rng;

const TIES: Purpose = Purpose::named("karpenter disruption order");

/// The disruption methods in the order in which a pass tries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Deletes empty nodes.
    Emptiness,
    /// Replaces drifted nodes of static pools.
    StaticDrift,
    /// Replaces drifted nodes of other pools.
    Drift,
    /// Removes several nodes at once, for at most one new one.
    MultiNode,
    /// Removes one node, for at most one new one.
    SingleNode,
}

/// All methods, in order.
pub(super) const METHODS: [Method; 5] =
    [Method::Emptiness, Method::StaticDrift, Method::Drift, Method::MultiNode, Method::SingleNode];

impl Method {
    /// The reason under which budgets count it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Emptiness => Reason::Empty,
            Self::StaticDrift | Self::Drift => Reason::Drifted,
            Self::MultiNode | Self::SingleNode => Reason::Underutilized,
        }
    }
}

/// A command as a method proposes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Its method.
    pub method: Method,
    /// The nodes that go, in the order in which they were taken.
    pub candidates: Vec<Candidate>,
    /// What replaces them, cheapest type first; several only where nodes drifted.
    pub replacements: Vec<ClaimRequest>,
    /// Where pods are expected on existing nodes.
    pub placements: Vec<(PodId, NodeId)>,
    /// Dollars per hour that it is meant to save.
    pub estimated_savings: f64,
}

impl Command {
    /// Whether it replaces or only deletes.
    #[must_use]
    pub fn decision(&self) -> Decision {
        if self.replacements.is_empty() { Decision::Delete } else { Decision::Replace }
    }
}

/// What a method answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The command, where it found one.
    pub command: Option<Command>,
    /// The nodes that single-node consolidation looked at and left, in order.
    pub skipped: Vec<(NodeId, Skip)>,
    /// Whether a node was passed over because its pool's budget is used up.
    pub is_budget_short: bool,
    /// Whether the pass ended with an error (v1.8: a candidate's offering is gone).
    pub has_failed: bool,
}

impl Disruption {
    /// What `method` would do at `now`, before validation. Changes nothing.
    pub fn ask(&mut self, method: Method, now: SimTime, surroundings: &mut Surroundings<'_>) -> Answer {
        let candidates = self.candidates_of(method, now, surroundings.cluster);
        if candidates.is_empty() {
            Answer::default()
        } else if method == Method::StaticDrift {
            let first = self.static_drift(candidates, now, surroundings).into_iter().next();
            Answer { command: first, ..Answer::default() }
        } else {
            self.search(method, candidates, now, surroundings)
        }
    }

    pub(super) fn search(
        &mut self,
        method: Method,
        candidates: Vec<Candidate>,
        now: SimTime,
        surroundings: &mut Surroundings<'_>,
    ) -> Answer {
        let mut budgets = self.remaining_budgets(method.reason(), now);
        if method == Method::Emptiness {
            let before = candidates.len();
            let chosen = emptiness::choose(candidates, &mut budgets);
            let is_budget_short = chosen.len() < before;
            return Answer { command: empty_command(chosen), is_budget_short, ..Answer::default() };
        }
        self.what_if.begin(now, &self.nodes, &self.fully_blocking_pdbs, surroundings);
        let is_hopeless = method != Method::Drift
            && !self.keeps_skipped
            && candidates.len() > 1
            && self.what_if.is_hopeless(now, surroundings);
        let search = Search {
            now,
            nodes: &self.nodes,
            fully_blocking: &self.fully_blocking_pdbs,
            settings: self.settings,
            is_hopeless,
            totals: if balanced::is_used(&self.nodes) {
                self.pool_totals(now, surroundings.cluster)
            } else {
                Vec::new()
            },
        };
        let result = match method {
            Method::Drift => {
                return search.drift(candidates, &budgets, &mut self.what_if, surroundings);
            }
            Method::MultiNode => search.multi_node(candidates, &mut budgets, &mut self.what_if, surroundings),
            _ => search.single_node(candidates, &budgets, &mut self.what_if, surroundings),
        };
        let SearchResult { found, skipped, is_budget_short, has_failed } = result;
        let command = found.map(|found| underutilized_command(method, found, surroundings));
        Answer { command, skipped, is_budget_short, has_failed }
    }

    /// What of the command still holds. Emptiness drops single nodes; consolidation stands or falls as a whole
    /// (core `disruption/validation.go`, v1.15.0).
    pub(super) fn validate(
        &mut self,
        now: SimTime,
        command: Command,
        surroundings: &mut Surroundings<'_>,
    ) -> Option<Command> {
        let (reason, version, cluster) =
            (command.method.reason(), self.settings.version, surroundings.cluster);
        let still_valid = |candidate: &Candidate| {
            let node = self.nodes.get(candidate.node)?;
            let is_valid = candidate::suits(&self.nodes, node, reason, version, now)
                && candidate::refusal(candidate.node, node, cluster, &self.pdbs, now).is_none();
            is_valid.then(|| candidate::appraise(candidate.node, node, cluster, now))
        };
        let valid: Vec<Candidate> = command.candidates.iter().filter_map(still_valid).collect();
        let wanted = valid.len();
        let mut budgets = self.remaining_budgets(reason, now);
        let is_whole = valid.len() == command.candidates.len();
        let chosen = emptiness::choose(valid, &mut budgets);
        if command.method == Method::Emptiness {
            return empty_command(chosen);
        }
        let holds = is_whole && chosen.len() == wanted && self.still_fits(now, &command, surroundings);
        holds.then_some(command)
    }

    /// Whether the pass still answers the same: no new node where none was planned, else one that all planned types suit.
    fn still_fits(&mut self, now: SimTime, command: &Command, surroundings: &mut Surroundings<'_>) -> bool {
        let without: Vec<NodeId> = command.candidates.iter().map(|candidate| candidate.node).collect();
        let search = Search {
            now,
            nodes: &self.nodes,
            fully_blocking: &self.fully_blocking_pdbs,
            settings: self.settings,
            is_hopeless: false,
            totals: Vec::new(),
        };
        self.what_if.begin(now, &self.nodes, &self.fully_blocking_pdbs, surroundings);
        if self.what_if.ask(&search.question(&without), surroundings) != Verdict::Fits {
            return false;
        }
        match (&command.replacements[..], &self.what_if.results.claims[..]) {
            ([], []) => true,
            ([planned], [claim]) => planned.types.iter().all(|(id, _)| claim.types.contains(*id)),
            _ => false,
        }
    }

    /// The candidates of a method at `now`, in the order in which they are taken.
    pub(super) fn candidates_of(
        &mut self,
        method: Method,
        now: SimTime,
        cluster: &Cluster,
    ) -> Vec<Candidate> {
        match method.reason() {
            Reason::Drifted => self.drifted_candidates(method, now, cluster),
            reason => self.candidates(reason, now, cluster),
        }
    }

    /// The candidates of emptiness or consolidation, by their reason, at `now`, in the order in which they are taken.
    #[must_use]
    pub fn candidates(&mut self, reason: Reason, now: SimTime, cluster: &Cluster) -> Vec<Candidate> {
        let version = self.settings.version;
        let lists = candidate::lists(&self.nodes, reason, version);
        let mut candidates = Vec::new();
        for &id in lists.into_iter().flatten() {
            self.work.nodes_looked_at += 1;
            let node = self.nodes.live(id);
            if candidate::suits(&self.nodes, node, reason, version, now)
                && candidate::refusal(id, node, cluster, &self.pdbs, now).is_none()
            {
                candidates.push(candidate::appraise(id, node, cluster, now));
            }
        }
        self.put_in_order(&mut candidates);
        candidates
    }

    /// Sorts candidates, ties anew whenever it is asked.
    pub(super) fn put_in_order(&mut self, candidates: &mut [Candidate]) {
        self.looks += 1;
        let (ties, looks) = (self.ties, self.looks);
        let tie = |node: NodeId| {
            ties.map_or(0, |streams| streams.entity(TIES, looks << 32 | u64::from(node.0)).next_u64())
        };
        candidate::sort(candidates, self.settings.version, tie);
    }

    /// How many more nodes of each pool may be disrupted for `reason` at `now`.
    #[must_use]
    pub fn remaining_budgets(&self, reason: Reason, now: SimTime) -> Vec<u32> {
        candidate::remaining_budgets(&self.nodes, self.calendar, reason, now)
    }

    /// How many nodes of each pool may be disrupted for `reason` at `now`, those that are already included; `None` for a pool
    /// without nodes, which blocks nothing.
    #[must_use]
    pub fn allowed(&self, reason: Reason, now: SimTime) -> Vec<Option<i64>> {
        candidate::allowed(&self.nodes, self.calendar, reason, now)
    }

    /// The nodes that the last pass looked at one by one and left, with the reason, in the order of looking.
    #[must_use]
    pub fn last_skipped(&self) -> &[(NodeId, Skip)] {
        &self.skipped
    }

    /// The nodes that Karpenter says it refuses for `reason` at `now`, and why, in id order. Looks at all nodes.
    #[must_use]
    pub fn refusals(&self, reason: Reason, now: SimTime, cluster: &Cluster) -> Vec<(NodeId, Refusal)> {
        let version = self.settings.version;
        let refused = |(id, node)| {
            let refusal = candidate::refusal(id, node, cluster, &self.pdbs, now)
                .or_else(|| candidate::method_refusal(&self.nodes, node, reason, version))?;
            Some((id, refusal))
        };
        self.nodes.iter().filter_map(refused).collect()
    }

    /// Balanced's denominators by pool; `None` for pools without a node that may be disrupted.
    #[must_use]
    pub fn pool_totals(&self, now: SimTime, cluster: &Cluster) -> Vec<Option<PoolTotals>> {
        balanced::pool_totals(&self.nodes, cluster, &self.pdbs, now)
    }
}

fn empty_command(candidates: Vec<Candidate>) -> Option<Command> {
    let estimated_savings = candidates.iter().map(|candidate| candidate.price).sum();
    (!candidates.is_empty()).then_some(Command {
        method: Method::Emptiness,
        candidates,
        replacements: Vec::new(),
        placements: Vec::new(),
        estimated_savings,
    })
}

fn underutilized_command(method: Method, found: Found, surroundings: &Surroundings<'_>) -> Command {
    let Found { candidates, what, estimated_savings } = found;
    let Move { placements, replacement } = what;
    let request = |one: Replacement| surroundings.solver.claim_request(surroundings.cluster, &one.claim);
    let replacements = replacement.into_iter().map(request).collect();
    Command { method, candidates, replacements, placements, estimated_savings }
}

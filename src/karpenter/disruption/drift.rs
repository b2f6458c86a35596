//! Drift: nodes that are no longer as their pool or its NodeClass asks for, replaced one at a time; and static drift, which
//! replaces nodes of static pools as many at a time as their budget allows.

use super::super::cluster::{Cluster, NodeId};
use super::super::node_pools::PoolId;
use super::super::solver::{ClaimRequest, PassResults};
use super::budget::Reason;
use super::candidate::{self, Candidate};
use super::consolidation::Search;
use super::controller::Disruption;
use super::methods::{Answer, Command, Method};
use super::nodes::{BoundPod, Node};
use super::price_test::Skip;
use super::surroundings::Surroundings;
use super::what_if::{Verdict, WhatIf};
use crate::units::SimTime;

impl Disruption {
    /// The node's condition `Drifted` became true. Nothing happens where it already was, or the node is gone.
    pub fn node_drifted(&mut self, now: SimTime, id: NodeId) {
        let set = |node: &mut Node| {
            let is_new = node.drifted_at.is_none();
            node.drifted_at.get_or_insert(now.floor_to_second());
            is_new
        };
        if self.nodes.change(id, set) == Some(true) {
            self.drifted.push(id);
        }
    }

    /// Makes a pool static with so many nodes: passes open no claims in it, and only drift touches its nodes.
    pub fn set_replicas(&mut self, pool: PoolId, replicas: u32) {
        self.nodes.pools[usize::from(pool.0)].replicas = Some(replicas);
    }

    /// The drifted nodes that may go, the longest drifted first.
    pub(super) fn drifted_candidates(
        &mut self,
        method: Method,
        now: SimTime,
        cluster: &Cluster,
    ) -> Vec<Candidate> {
        let nodes = &self.nodes;
        self.drifted.retain(|id| nodes.get(*id).is_some_and(|node| node.drifted_at.is_some()));
        let mut found: Vec<(SimTime, NodeId, Candidate)> = Vec::new();
        for &id in &self.drifted {
            self.work.nodes_looked_at += 1;
            let node = self.nodes.live(id);
            let is_static = self.nodes.pool_of(node).replicas.is_some();
            // A terminationGracePeriod lets drift take nodes whose pods would block it: they go in the end.
            let refusal = candidate::refusal(id, node, cluster, &self.pdbs, now);
            let is_lifted = node.facts.has_termination_grace_period
                && refusal.is_some_and(candidate::Refusal::is_of_a_pod);
            if is_static == (method == Method::StaticDrift) && (refusal.is_none() || is_lifted) {
                let since = node.drifted_at.expect("a drifted node");
                found.push((since, id, candidate::appraise(id, node, cluster, now)));
            }
        }
        found.sort_unstable_by_key(|(since, id, _)| (*since, *id));
        found.into_iter().map(|(_, _, candidate)| candidate).collect()
    }

    /// One command for each node of a static pool that its budget and node limit let go (core `staticdrift.go`, v1.15.0).
    pub(super) fn static_drift(
        &self,
        candidates: Vec<Candidate>,
        now: SimTime,
        surroundings: &mut Surroundings<'_>,
    ) -> Vec<Command> {
        let mut budgets = self.remaining_budgets(Reason::Drifted, now);
        for (number, left) in budgets.iter_mut().enumerate() {
            let pool = PoolId(number as u16);
            let Some(replicas) = self.nodes.pools[number].replicas else { continue };
            // Nothing is replaced before a scale-down is through.
            let (staying, all) = self.claims_of(pool, surroundings.cluster);
            if staying > replicas {
                *left = 0;
            }
            if let Some(limit) = surroundings.cluster.pool(pool).spec.limits.nodes {
                *left = (*left).min((limit - i64::from(all)).max(0) as u32);
            }
        }
        let mut commands = Vec::new();
        for candidate in candidates {
            let left = &mut budgets[usize::from(candidate.pool.0)];
            if *left == 0 {
                continue;
            }
            *left -= 1;
            let claim = surroundings.solver.template_request(surroundings.cluster, candidate.pool);
            commands.push(drift_command(Method::StaticDrift, candidate, claim.into_iter().collect(), None));
        }
        commands
    }

    /// The pool's claims that are not being deleted, and all of them.
    fn claims_of(&self, pool: PoolId, cluster: &Cluster) -> (u32, u32) {
        let mut counts = (0, 0);
        for (id, _) in cluster.nodes().filter(|(_, node)| node.pool == Some(pool)) {
            let is_deleting = self.nodes.get(id).is_some_and(|node| node.is_deleting);
            counts.0 += u32::from(!is_deleting);
            counts.1 += 1;
        }
        counts
    }
}

impl Search<'_> {
    /// The first drifted node whose pods find a place, empty ones before busy ones (core `drift.go`, v1.15.0).
    pub(super) fn drift(
        &self,
        candidates: Vec<Candidate>,
        budgets: &[u32],
        what_if: &mut WhatIf,
        surroundings: &mut Surroundings<'_>,
    ) -> Answer {
        let is_empty =
            |one: &Candidate| !self.nodes.live(one.node).pods.iter().any(BoundPod::is_reschedulable);
        let (empty, busy): (Vec<Candidate>, Vec<Candidate>) = candidates.into_iter().partition(is_empty);
        let mut answer = Answer::default();
        for candidate in empty.into_iter().chain(busy) {
            if budgets[usize::from(candidate.pool.0)] == 0 {
                answer.is_budget_short = true;
                continue;
            }
            match what_if.ask(&self.question(&[candidate.node]).of_drift(), surroundings) {
                Verdict::Fits => {
                    let claims = requests(&what_if.results, surroundings);
                    let results = Some(&what_if.results);
                    answer.command = Some(drift_command(Method::Drift, candidate, claims, results));
                    return answer;
                }
                Verdict::PodsDoNotFit => answer.skipped.push((candidate.node, Skip::PodsDoNotFit)),
                Verdict::UninitializedDestination => {
                    answer.skipped.push((candidate.node, Skip::UninitializedDestination));
                }
            }
        }
        answer
    }
}

/// Every claim that the pass would open: drift has no limit to one replacement and no price test.
fn requests(results: &PassResults, surroundings: &Surroundings<'_>) -> Vec<ClaimRequest> {
    let request = |claim| surroundings.solver.claim_request(surroundings.cluster, claim);
    results.claims.iter().map(request).collect()
}

fn drift_command(
    method: Method,
    candidate: Candidate,
    replacements: Vec<ClaimRequest>,
    results: Option<&PassResults>,
) -> Command {
    let placements = results.map(|results| results.placements.clone()).unwrap_or_default();
    Command { method, candidates: vec![candidate], replacements, placements, estimated_savings: 0.0 }
}

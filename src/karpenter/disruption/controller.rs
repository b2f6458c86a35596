//! The disruption loop: polls, validates what it found 15 s later, starts commands. Decides with the methods' files.

use super::super::cluster::{Cluster, NodeId};
use super::budget::{Calendar, Reason};
use super::candidate::{self, Candidate, Refusal};
use super::emptiness;
use super::memo::ClusterChanges;
use super::nodes::Nodes;
use super::outcome::{Decision, Outcome};
use super::queue::CommandQueue;
use super::settings::{PoolDisruption, Settings, Version};
use super::surroundings::{Surroundings, node_price};
use crate::units::{SimDuration, SimTime};

/// Pause after a pass that found nothing (core `disruption/controller.go`, v1.15.0).
const POLL: SimDuration = SimDuration::from_secs(10);
/// Pause while a NodeClaim is not launched.
const UNSYNCED_RETRY: SimDuration = SimDuration::from_secs(1);
/// From finding a command to checking that it still holds (`disruption/consolidation.go`). The loop waits meanwhile.
const VALIDATION_DELAY: SimDuration = SimDuration::from_secs(15);

/// The disruption methods in the order in which a pass tries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    /// Deletes empty nodes.
    Emptiness,
}

const METHODS: [Method; 1] = [Method::Emptiness];

impl Method {
    fn reason(self) -> Reason {
        match self {
            Self::Emptiness => Reason::Empty,
        }
    }
}

/// A command that was found and may still be dropped.
#[derive(Clone, Debug)]
struct Proposal {
    method: Method,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// The next pass starts then.
    Waiting(SimTime),
    /// The pass has found something and checks it then.
    Validating(SimTime, Proposal),
}

/// How much the controller did, for gates that need no quiet machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisruptionWork {
    /// Passes started, those that found claims unlaunched included.
    pub passes: u64,
    /// Nodes looked at as candidates.
    pub nodes_looked_at: u64,
}

/// The disruption controller with its command queue.
///
/// The loop reports what happens with the input methods, all inputs of an instant before the wake of that instant, and
/// calls [`Disruption::wake`] whenever [`Disruption::next_wakeup`] has come.
#[derive(Clone, Debug)]
pub struct Disruption {
    pub(super) calendar: Calendar,
    pub(super) changes: ClusterChanges,
    pub(super) nodes: Nodes,
    pub(super) pdbs: Vec<u32>,
    phase: Phase,
    pass_started_at: SimTime,
    pub(super) queue: CommandQueue,
    pub(super) settings: Settings,
    work: DisruptionWork,
}

impl Disruption {
    /// A controller over `pools` whose first pass starts at `first_pass_at`.
    #[must_use]
    pub fn new(
        settings: Settings,
        calendar: Calendar,
        pools: Vec<PoolDisruption>,
        first_pass_at: SimTime,
    ) -> Self {
        Self {
            calendar,
            changes: ClusterChanges::default(),
            nodes: Nodes::new(pools, settings.version == Version::V1_8),
            pdbs: Vec::new(),
            phase: Phase::Waiting(first_pass_at),
            pass_started_at: SimTime::ZERO,
            queue: CommandQueue::default(),
            settings,
            work: DisruptionWork::default(),
        }
    }

    /// When [`Disruption::wake`] has something to do. Passes over a cluster without nodes are skipped.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        let pass = match &self.phase {
            Phase::Waiting(_) if self.nodes.len() == 0 => SimTime::NEVER,
            Phase::Waiting(at) | Phase::Validating(at, _) => *at,
        };
        pass.min(self.queue.next_poll())
    }

    /// Does everything that is due at `now`. The loop carries out `out` in its order. After a command the next pass is due at
    /// once, but only in another wake: it must see what the command did.
    pub fn wake(&mut self, now: SimTime, surroundings: &mut Surroundings<'_>, out: &mut Vec<Outcome>) {
        if self.queue.poll(now, &mut self.nodes, out) {
            self.changes.mark(now);
        }
        match &self.phase {
            Phase::Waiting(at) if *at <= now => {
                self.pass_started_at = now;
                self.work.passes += 1;
                if surroundings.cluster.is_synced() {
                    self.try_methods(now, 0, surroundings);
                } else {
                    self.phase = Phase::Waiting(now + UNSYNCED_RETRY);
                }
            }
            Phase::Validating(at, proposal) if *at <= now => {
                let proposal = proposal.clone();
                let next = METHODS.partition_point(|method| *method <= proposal.method);
                match self.validate(now, proposal, surroundings) {
                    Some(valid) => {
                        self.start(now, valid, out);
                        self.phase = Phase::Waiting(now);
                    }
                    None => self.try_methods(now, next, surroundings),
                }
            }
            _ => {}
        }
    }

    /// Tries the methods from the `first` on; the first that finds something has it validated later.
    fn try_methods(&mut self, now: SimTime, first: usize, surroundings: &mut Surroundings<'_>) {
        for &method in &METHODS[first..] {
            let candidates = self.candidates(method.reason(), now, surroundings.cluster);
            if candidates.is_empty() {
                continue;
            }
            if let Some(proposal) = self.propose(method, candidates, now) {
                self.phase = Phase::Validating(now + VALIDATION_DELAY, proposal);
                return;
            }
        }
        self.phase = Phase::Waiting(now + POLL);
    }

    fn propose(&mut self, method: Method, candidates: Vec<Candidate>, now: SimTime) -> Option<Proposal> {
        let mut budgets = self.remaining_budgets(method.reason(), now);
        match method {
            Method::Emptiness => {
                let candidates = emptiness::choose(candidates, &mut budgets);
                (!candidates.is_empty()).then_some(Proposal { method, candidates })
            }
        }
    }

    fn validate(
        &mut self,
        now: SimTime,
        proposal: Proposal,
        surroundings: &mut Surroundings<'_>,
    ) -> Option<Proposal> {
        let reason = proposal.method.reason();
        let cluster = surroundings.cluster;
        let still_valid = |candidate: &Candidate| {
            let node = self.nodes.get(candidate.node)?;
            let is_valid = candidate::suits(&self.nodes, node, reason, now)
                && candidate::refusal(candidate.node, node, cluster, &self.pdbs, now).is_none();
            is_valid
                .then(|| candidate::appraise(candidate.node, node, node_price(cluster, candidate.node), now))
        };
        let candidates: Vec<Candidate> = proposal.candidates.iter().filter_map(still_valid).collect();
        match proposal.method {
            Method::Emptiness => self.propose(Method::Emptiness, candidates, now),
        }
    }

    fn start(&mut self, now: SimTime, proposal: Proposal, out: &mut Vec<Outcome>) {
        let nodes: Vec<NodeId> = proposal.candidates.iter().map(|candidate| candidate.node).collect();
        let reason = proposal.method.reason();
        let command = self.queue.start(now, reason, nodes.clone(), false);
        out.push(Outcome::CommandStarted {
            command,
            reason,
            decision: Decision::Delete,
            nodes: nodes.clone(),
        });
        out.extend(nodes.iter().map(|&node| Outcome::Taint { node }));
        for node in nodes {
            self.nodes.change(node, |node| {
                node.is_in_command = true;
                node.is_marked = true;
            });
            out.push(Outcome::MarkForDeletion { node });
        }
        self.changes.mark(now);
        self.queue.poll(now, &mut self.nodes, out);
    }

    /// The candidates of the methods with this reason at `now`, in the order in which they are taken.
    #[must_use]
    pub fn candidates(&mut self, reason: Reason, now: SimTime, cluster: &Cluster) -> Vec<Candidate> {
        let ids = if reason == Reason::Empty { self.nodes.empty() } else { self.nodes.busy() };
        let mut candidates = Vec::new();
        for &id in ids {
            let node = self.nodes.live(id);
            if candidate::suits(&self.nodes, node, reason, now)
                && candidate::refusal(id, node, cluster, &self.pdbs, now).is_none()
            {
                candidates.push(candidate::appraise(id, node, node_price(cluster, id), now));
            }
        }
        self.work.nodes_looked_at += ids.len() as u64;
        candidate::sort(&mut candidates, self.settings.version);
        candidates
    }

    /// How many more nodes of each pool may be disrupted for `reason` at `now`.
    #[must_use]
    pub fn remaining_budgets(&self, reason: Reason, now: SimTime) -> Vec<u32> {
        candidate::remaining_budgets(&self.nodes, self.calendar, reason, now)
    }

    /// The nodes that Karpenter says it refuses for `reason` at `now`, and why, in id order. Looks at all nodes.
    #[must_use]
    pub fn refusals(&self, reason: Reason, now: SimTime, cluster: &Cluster) -> Vec<(NodeId, Refusal)> {
        let refused = |(id, node)| {
            let refusal = candidate::refusal(id, node, cluster, &self.pdbs, now)
                .or_else(|| candidate::method_refusal(&self.nodes, node, reason))?;
            Some((id, refusal))
        };
        self.nodes.iter().filter_map(refused).collect()
    }

    /// From when on the node is consolidatable, [`SimTime::NEVER`] for a node that is not initialized or unknown.
    #[must_use]
    pub fn consolidatable_at(&self, id: NodeId) -> SimTime {
        let at = |node| {
            let settings = &self.nodes.pool_of(node).settings;
            node.clock.consolidatable_at(settings.consolidate_after)
        };
        self.nodes.get(id).map_or(SimTime::NEVER, at)
    }

    /// When the pass that runs, or the last one, started.
    #[must_use]
    pub fn pass_started_at(&self) -> SimTime {
        self.pass_started_at
    }

    /// The work done so far.
    #[must_use]
    pub fn work(&self) -> DisruptionWork {
        self.work
    }

    /// A first node after a time without any: skips the passes that would have found nothing.
    pub(super) fn resume(&mut self, now: SimTime) {
        if self.nodes.len() > 0 {
            return;
        }
        if let Phase::Waiting(at) = &mut self.phase
            && *at < now
        {
            let missed = now.saturating_since(*at).as_ms().div_ceil(POLL.as_ms());
            *at += POLL * missed;
        }
    }
}

//! The disruption loop: polls, validates what it found 15 s later, starts commands. Decides with the methods' files.

use super::super::cluster::NodeId;
use super::budget::{Calendar, Reason};
use super::candidate::Candidate;
use super::memo::ClusterChanges;
use super::methods::{Command, METHODS, Method};
use super::nodes::Nodes;
use super::outcome::Outcome;
use super::price_test::Skip;
use super::queue::CommandQueue;
use super::settings::{PoolDisruption, Settings, Version};
use super::surroundings::Surroundings;
use super::what_if::WhatIf;
use crate::engine::Streams;
use crate::units::{SimDuration, SimTime};

/// Pause after a pass that found nothing (core `disruption/controller.go`, v1.15.0).
const POLL: SimDuration = SimDuration::from_secs(10);
/// Pause while a NodeClaim is not launched.
const UNSYNCED_RETRY: SimDuration = SimDuration::from_secs(1);
/// From finding a command to checking that it still holds (`disruption/consolidation.go`). The loop waits meanwhile.
const VALIDATION_DELAY: SimDuration = SimDuration::from_secs(15);

#[derive(Clone, Debug)]
enum Phase {
    /// The next pass starts then.
    Waiting(SimTime),
    /// The pass has found something and checks it then.
    Validating(SimTime, Command),
}

/// How much the controller did, for gates that need no quiet machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisruptionWork {
    /// Passes started, those that found claims unlaunched included.
    pub passes: u64,
    /// Nodes looked at as candidates.
    pub nodes_looked_at: u64,
    /// Passes asked "what if".
    pub what_ifs: u64,
}

/// The disruption controller with its command queue.
///
/// The loop reports what happens with the input methods, all inputs of an instant before the wake of that instant, and
/// calls [`Disruption::wake`] whenever [`Disruption::next_wakeup`] has come.
#[derive(Clone, Debug)]
pub struct Disruption {
    pub(super) calendar: Calendar,
    pub(super) changes: ClusterChanges,
    /// Nodes that drifted, some of them perhaps gone.
    pub(super) drifted: Vec<NodeId>,
    pub(super) nodes: Nodes,
    pub(super) pdbs: Vec<u32>,
    /// Per method, the state of the cluster in which it found nothing.
    found_nothing_in: [Option<u64>; METHODS.len()],
    pub(super) fully_blocking_pdbs: Vec<bool>,
    phase: Phase,
    /// Whether `skipped` must say why.
    pub(super) keeps_skipped: bool,
    /// Nodes that the last pass looked at one by one and left.
    pub(super) skipped: Vec<(NodeId, Skip)>,
    pass_started_at: SimTime,
    pub(super) queue: CommandQueue,
    pub(super) settings: Settings,
    /// Where the order of candidates that tie is drawn; by id where it is not.
    pub(super) ties: Option<Streams>,
    /// How often candidates were put in order.
    pub(super) looks: u64,
    pub(super) what_if: WhatIf,
    pub(super) work: DisruptionWork,
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
            drifted: Vec::new(),
            nodes: Nodes::new(pools, settings.version == Version::V1_8),
            pdbs: Vec::new(),
            found_nothing_in: [None; METHODS.len()],
            fully_blocking_pdbs: Vec::new(),
            phase: Phase::Waiting(first_pass_at),
            keeps_skipped: true,
            skipped: Vec::new(),
            pass_started_at: SimTime::ZERO,
            queue: CommandQueue::default(),
            settings,
            ties: None,
            looks: 0,
            what_if: WhatIf::default(),
            work: DisruptionWork::default(),
        }
    }

    /// Draws the order of candidates that tie from `streams`, anew whenever candidates are looked for: upstream it is that
    /// of a Go map. Without it the lower id goes first.
    #[must_use]
    pub fn breaking_ties(mut self, streams: Streams) -> Self {
        self.ties = Some(streams);
        self
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

    /// Whether anybody asks for [`Disruption::last_skipped`]: where not, a pass does not look further at nodes of which it
    /// knows that none can go. It decides the same. Asked for by default.
    pub fn keep_skipped(&mut self, keeps: bool) {
        self.keeps_skipped = keeps;
    }

    /// How many pods on the node neither finished nor are being deleted; none on a node that is not known.
    #[must_use]
    pub fn active_pods(&self, id: NodeId) -> usize {
        self.nodes.get(id).map_or(0, |node| node.pods.iter().filter(|pod| pod.is_active()).count())
    }

    /// Does everything that is due at `now`. The loop carries out `out` in its order. After a command the next pass is due at
    /// once, but only in another wake: it must see what the command did.
    pub fn wake(&mut self, now: SimTime, surroundings: &mut Surroundings<'_>, out: &mut Vec<Outcome>) {
        self.queue.poll(now, &mut self.nodes, out);
        match &self.phase {
            Phase::Waiting(at) if *at <= now => {
                self.pass_started_at = now;
                self.work.passes += 1;
                if surroundings.cluster.is_synced() {
                    self.try_methods(now, 0, surroundings, out);
                } else {
                    self.phase = Phase::Waiting(now + UNSYNCED_RETRY);
                }
            }
            Phase::Validating(at, command) if *at <= now => {
                let command = command.clone();
                let next = METHODS.partition_point(|method| *method <= command.method);
                match self.validate(now, command, surroundings) {
                    Some(valid) => {
                        self.start(now, valid, out);
                        self.phase = Phase::Waiting(now);
                    }
                    None => self.try_methods(now, next, surroundings, out),
                }
            }
            _ => {}
        }
    }

    /// Tries the methods from the `first` on; the first that finds something has it validated later, or where nodes drifted
    /// starts it at once.
    fn try_methods(
        &mut self,
        now: SimTime,
        first: usize,
        surroundings: &mut Surroundings<'_>,
        out: &mut Vec<Outcome>,
    ) {
        self.phase = Phase::Waiting(now + POLL);
        let mut known: Option<Vec<Candidate>> = None;
        self.skipped.clear();
        for &method in &METHODS[first..] {
            // Both kinds of consolidation choose among the same candidates.
            let candidates = match known.take().filter(|_| method == Method::SingleNode) {
                Some(mut candidates) => {
                    self.put_in_order(&mut candidates);
                    candidates
                }
                None => self.candidates_of(method, now, surroundings.cluster),
            };
            if method == Method::MultiNode {
                known = Some(candidates.clone());
            }
            if candidates.is_empty() {
                continue;
            }
            if method.reason() == Reason::Drifted {
                let commands = match method {
                    Method::StaticDrift => self.static_drift(candidates, now, surroundings),
                    _ => {
                        let mut answer = self.search(method, candidates, now, surroundings);
                        self.skipped.append(&mut answer.skipped);
                        answer.command.into_iter().collect()
                    }
                };
                if commands.is_empty() {
                    continue;
                }
                for command in commands {
                    self.start(now, command, out);
                }
                self.phase = Phase::Waiting(now);
                return;
            }
            let memo = method as usize;
            if self.found_nothing_in[memo] == Some(self.changes.state(now)) {
                continue;
            }
            let mut answer = self.search(method, candidates, now, surroundings);
            self.skipped.append(&mut answer.skipped);
            if let Some(command) = answer.command {
                self.phase = Phase::Validating(now + VALIDATION_DELAY, command);
                return;
            }
            if answer.has_failed {
                return;
            }
            if !answer.is_budget_short {
                self.found_nothing_in[memo] = Some(self.changes.state(now));
            }
        }
    }

    /// Starts the command (core `disruption/queue.go` `StartCommand`, v1.15.0).
    fn start(&mut self, now: SimTime, command: Command, out: &mut Vec<Outcome>) {
        let (reason, decision) = (command.method.reason(), command.decision());
        let nodes: Vec<NodeId> = command.candidates.iter().map(|candidate| candidate.node).collect();
        let id = self.queue.start(now, reason, nodes.clone(), command.replacements.len());
        out.push(Outcome::CommandStarted { command: id, reason, decision, nodes: nodes.clone() });
        out.extend(nodes.iter().map(|&node| Outcome::Taint { node }));
        for claim in command.replacements {
            out.push(Outcome::CreateReplacement { command: id, claim });
        }
        for node in nodes {
            self.nodes.change(node, |node| {
                node.is_in_command = true;
                node.is_marked = true;
            });
            out.push(Outcome::MarkForDeletion { node });
        }
        // The mark itself is no change for the memo, nor is its removal (core `state/cluster.go` `MarkForDeletion`).
        let mut destinations: Vec<NodeId> = command.placements.iter().map(|(_, node)| *node).collect();
        destinations.sort_unstable();
        destinations.dedup();
        out.extend(destinations.into_iter().map(|node| Outcome::Nominate { node }));
        self.queue.poll(now, &mut self.nodes, out);
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
        DisruptionWork { what_ifs: self.what_if.runs, ..self.work }
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

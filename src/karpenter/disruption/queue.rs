//! The queue of disruption commands: each waits for its replacement, then deletes its nodes, or is rolled back.

use super::super::cluster::NodeId;
use super::budget::Reason;
use super::nodes::Nodes;
use super::outcome::{CommandId, Outcome};
use crate::units::{SimDuration, SimTime};

/// How often a command looks whether its replacement is initialized (core `disruption/queue.go`, v1.15.0).
const POLL: SimDuration = SimDuration::from_secs(1);
/// A command is given up after 80 ms per node in the queue, but not before ten minutes and not after an hour.
const GIVE_UP_PER_NODE: SimDuration = SimDuration::from_ms(80);
const GIVE_UP_EARLIEST: SimDuration = SimDuration::from_mins(10);
const GIVE_UP_LATEST: SimDuration = SimDuration::from_hours(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replacement {
    /// So many are not initialized yet.
    Pending(usize),
    /// One of them is gone.
    Lost,
}

#[derive(Clone, Debug)]
struct QueuedCommand {
    id: CommandId,
    reason: Reason,
    nodes: Vec<NodeId>,
    started_at: SimTime,
    poll_at: SimTime,
    replacement: Replacement,
}

/// Commands under way.
#[derive(Clone, Debug, Default)]
pub(super) struct CommandQueue {
    commands: Vec<QueuedCommand>,
    next_id: u32,
}

impl CommandQueue {
    /// A new command; it is looked at for the first time at once.
    pub(super) fn start(
        &mut self,
        now: SimTime,
        reason: Reason,
        nodes: Vec<NodeId>,
        replacements: usize,
    ) -> CommandId {
        let id = CommandId(self.next_id);
        self.next_id += 1;
        let replacement = Replacement::Pending(replacements);
        self.commands.push(QueuedCommand { id, reason, nodes, started_at: now, poll_at: now, replacement });
        id
    }

    pub(super) fn next_poll(&self) -> SimTime {
        self.commands.iter().map(|command| command.poll_at).min().unwrap_or(SimTime::NEVER)
    }

    pub(super) fn replacement_initialized(&mut self, id: CommandId) {
        self.set(id, |left| Replacement::Pending(left.saturating_sub(1)));
    }

    pub(super) fn replacement_lost(&mut self, id: CommandId) {
        self.set(id, |left| if left == 0 { Replacement::Pending(0) } else { Replacement::Lost });
    }

    fn set(&mut self, id: CommandId, state: impl Fn(usize) -> Replacement) {
        if let Some(command) = self.commands.iter_mut().find(|command| command.id == id)
            && let Replacement::Pending(left) = command.replacement
        {
            command.replacement = state(left);
        }
    }

    /// Looks at every command that is due.
    pub(super) fn poll(&mut self, now: SimTime, nodes: &mut Nodes, out: &mut Vec<Outcome>) {
        let mut index = 0;
        while index < self.commands.len() {
            if self.commands[index].poll_at > now {
                index += 1;
                continue;
            }
            let queued_nodes: usize = self.commands.iter().map(|command| command.nodes.len()).sum();
            let give_up = (GIVE_UP_PER_NODE * queued_nodes as u64).clamp(GIVE_UP_EARLIEST, GIVE_UP_LATEST);
            let command = &mut self.commands[index];
            let is_over = now.saturating_since(command.started_at) > give_up;
            match command.replacement {
                Replacement::Pending(0) => {
                    succeed(&self.commands.remove(index), nodes, out);
                }
                Replacement::Pending(_) if !is_over => {
                    command.poll_at += POLL;
                    index += 1;
                }
                Replacement::Pending(_) | Replacement::Lost => {
                    roll_back(&self.commands.remove(index), nodes, out);
                }
            }
        }
    }
}

fn succeed(command: &QueuedCommand, nodes: &mut Nodes, out: &mut Vec<Outcome>) {
    for &node in &command.nodes {
        // The mark stays: the claim is being deleted from now on. A node that is gone already needs nothing.
        if nodes.change(node, |node| node.is_in_command = false).is_some() {
            out.push(Outcome::DeleteClaim { node, command: command.id, reason: command.reason });
        }
    }
}

fn roll_back(command: &QueuedCommand, nodes: &mut Nodes, out: &mut Vec<Outcome>) {
    for &node in &command.nodes {
        let unmark = |node: &mut super::nodes::Node| {
            node.is_in_command = false;
            node.is_marked = node.is_deleting;
            node.is_deleting
        };
        if nodes.change(node, unmark) == Some(false) {
            out.push(Outcome::Untaint { node });
            out.push(Outcome::UnmarkForDeletion { node });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nodes::NodeFacts;
    use super::super::settings::PoolDisruption;
    use super::*;

    /// A command with so many replacements on one marked node, and what its polls bring until something comes of it.
    fn polled(
        replacements: usize,
        report: impl FnOnce(&mut CommandQueue, CommandId),
    ) -> (SimTime, Vec<Outcome>) {
        let mut nodes = Nodes::new(vec![PoolDisruption::default()], false);
        nodes.add(NodeId(7), NodeFacts::default());
        nodes.change(NodeId(7), |node| (node.is_in_command, node.is_marked) = (true, true));
        let mut queue = CommandQueue::default();
        let id = queue.start(SimTime::ZERO, Reason::Drifted, vec![NodeId(7)], replacements);
        let mut out = Vec::new();
        queue.poll(SimTime::ZERO, &mut nodes, &mut out);
        report(&mut queue, id);
        let mut now = SimTime::ZERO;
        while out.is_empty() {
            now = queue.next_poll();
            queue.poll(now, &mut nodes, &mut out);
        }
        assert_eq!(queue.next_poll(), SimTime::NEVER);
        (now, out)
    }

    #[test]
    fn a_command_waits_for_all_its_replacements() {
        let (now, out) = polled(2, |queue, id| {
            queue.replacement_initialized(id);
            queue.replacement_initialized(id);
        });
        assert_eq!(now, SimTime::from_ms(1_000));
        assert!(matches!(out[..], [Outcome::DeleteClaim { node: NodeId(7), .. }]), "{out:?}");
    }

    #[test]
    fn a_command_that_loses_a_replacement_or_waits_ten_minutes_is_rolled_back() {
        let rolled_back =
            [Outcome::Untaint { node: NodeId(7) }, Outcome::UnmarkForDeletion { node: NodeId(7) }];
        let lost = polled(2, |queue, id| {
            queue.replacement_initialized(id);
            queue.replacement_lost(id);
        });
        assert_eq!(lost, (SimTime::from_ms(1_000), rolled_back.to_vec()));
        let late = polled(2, CommandQueue::replacement_initialized);
        assert_eq!(late, (SimTime::from_ms(601_000), rolled_back.to_vec()));
    }
}

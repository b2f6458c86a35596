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
    NotNeeded,
    Pending,
    Initialized,
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
        is_replace: bool,
    ) -> CommandId {
        let id = CommandId(self.next_id);
        self.next_id += 1;
        let replacement = if is_replace { Replacement::Pending } else { Replacement::NotNeeded };
        self.commands.push(QueuedCommand { id, reason, nodes, started_at: now, poll_at: now, replacement });
        id
    }

    pub(super) fn next_poll(&self) -> SimTime {
        self.commands.iter().map(|command| command.poll_at).min().unwrap_or(SimTime::NEVER)
    }

    pub(super) fn replacement_initialized(&mut self, id: CommandId) {
        self.set(id, Replacement::Initialized);
    }

    pub(super) fn replacement_lost(&mut self, id: CommandId) {
        self.set(id, Replacement::Lost);
    }

    fn set(&mut self, id: CommandId, state: Replacement) {
        if let Some(command) = self.commands.iter_mut().find(|command| command.id == id)
            && command.replacement == Replacement::Pending
        {
            command.replacement = state;
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
                Replacement::NotNeeded | Replacement::Initialized => {
                    succeed(&self.commands.remove(index), nodes, out);
                }
                Replacement::Pending if !is_over => {
                    command.poll_at += POLL;
                    index += 1;
                }
                Replacement::Pending | Replacement::Lost => {
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

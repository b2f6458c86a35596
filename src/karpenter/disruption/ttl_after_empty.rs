//! The emptiness of Karpenter v0.2x (`ttlSecondsAfterEmpty`), which many figures from 2022 and 2023 were measured with.
//!
//! A node without pods gets a time stamp; the loop, which polls every 10 s, deletes all nodes whose stamp is older than
//! the time to live, at once, without budget and without validation (core v0.25.0, 2023-02: `node/emptiness.go` and
//! `deprovisioning/emptiness.go`). It excluded consolidation: busy nodes are never touched.

use std::collections::BTreeSet;

use super::super::cluster::NodeId;
use crate::units::{SimDuration, SimTime};

/// Pause between two passes of the loop.
const POLL: SimDuration = SimDuration::from_secs(10);
/// A node that was empty but nominated is looked at again after this.
const LOOKS_AGAIN_AFTER: SimDuration = SimDuration::from_mins(1);

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    is_initialized: bool,
    /// Pods of no DaemonSet that are not terminal, terminating ones included.
    pods: u32,
    /// The annotation `karpenter.sh/emptiness-timestamp`, in whole seconds.
    empty_since: Option<SimTime>,
    looks_again_at: Option<SimTime>,
}

/// The controllers that delete nodes a fixed time after their last pod.
#[derive(Clone, Debug)]
pub struct TtlAfterEmpty {
    ttl: SimDuration,
    first_pass_at: SimTime,
    nodes: Vec<Option<Node>>,
    stamped: BTreeSet<(SimTime, NodeId)>,
    to_look_at: BTreeSet<(SimTime, NodeId)>,
}

impl TtlAfterEmpty {
    /// Deletes nodes `ttl` after they became empty (`ttlSecondsAfterEmpty`), in passes every 10 s from `first_pass_at` on.
    #[must_use]
    pub fn new(ttl: SimDuration, first_pass_at: SimTime) -> Self {
        let (stamped, to_look_at) = (BTreeSet::new(), BTreeSet::new());
        Self { ttl, first_pass_at, nodes: Vec::new(), stamped, to_look_at }
    }

    /// The node became initialized. `is_nominated` says whether a pass expects pods on it.
    pub fn node_initialized(&mut self, now: SimTime, id: NodeId, is_nominated: bool) {
        self.entry(id).is_initialized = true;
        self.look(now, id, is_nominated);
    }

    /// A pod of no DaemonSet was bound to the node: the stamp goes.
    pub fn pod_bound(&mut self, id: NodeId) {
        self.entry(id).pods += 1;
        self.clear(id);
    }

    /// A pod of no DaemonSet is terminal or gone, whichever comes first. `is_nominated` says whether a pass expects pods on
    /// the node.
    pub fn pod_over(&mut self, now: SimTime, id: NodeId, is_nominated: bool) {
        let node = self.entry(id);
        node.pods = node.pods.saturating_sub(1);
        self.look(now, id, is_nominated);
    }

    /// The node is being deleted or gone.
    pub fn node_removed(&mut self, id: NodeId) {
        self.clear(id);
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            *node = None;
        }
    }

    /// When [`TtlAfterEmpty::wake`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        let due = self
            .stamped
            .first()
            .map_or(SimTime::NEVER, |(since, _)| self.first_pass_after(*since + self.ttl));
        due.min(self.to_look_at.first().map_or(SimTime::NEVER, |(at, _)| *at))
    }

    /// Does what is due at `now` and puts the nodes to delete in `out`.
    pub fn wake(&mut self, now: SimTime, is_nominated: impl Fn(NodeId) -> bool, out: &mut Vec<NodeId>) {
        while let Some((_, id)) = self.to_look_at.first().copied().filter(|(at, _)| *at <= now) {
            self.look(now, id, is_nominated(id));
        }
        while let Some((since, id)) = self.stamped.first().copied() {
            if self.first_pass_after(since + self.ttl) > now {
                return;
            }
            self.clear(id);
            out.push(id);
        }
    }

    /// The first pass strictly later than `at`.
    fn first_pass_after(&self, at: SimTime) -> SimTime {
        if at < self.first_pass_at {
            return self.first_pass_at;
        }
        let passes = at.saturating_since(self.first_pass_at).as_ms() / POLL.as_ms() + 1;
        self.first_pass_at + POLL * passes
    }

    fn look(&mut self, now: SimTime, id: NodeId, is_nominated: bool) {
        let node = *self.entry(id);
        if !node.is_initialized || node.pods > 0 || node.empty_since.is_some() {
            return;
        }
        self.clear(id);
        if is_nominated {
            self.entry(id).looks_again_at = Some(now + LOOKS_AGAIN_AFTER);
            self.to_look_at.insert((now + LOOKS_AGAIN_AFTER, id));
        } else {
            let since = now.floor_to_second();
            self.entry(id).empty_since = Some(since);
            self.stamped.insert((since, id));
        }
    }

    fn clear(&mut self, id: NodeId) {
        let node = self.entry(id);
        let (stamp, look) = (node.empty_since.take(), node.looks_again_at.take());
        if let Some(since) = stamp {
            self.stamped.remove(&(since, id));
        }
        if let Some(at) = look {
            self.to_look_at.remove(&(at, id));
        }
    }

    fn entry(&mut self, id: NodeId) -> &mut Node {
        let index = id.0 as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, None);
        }
        self.nodes[index].get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_go_together_at_the_first_poll_after_their_time_to_live() {
        let at = SimTime::from_ms;
        let mut emptiness = TtlAfterEmpty::new(SimDuration::from_secs(30), at(3_000));
        for id in [1, 2, 3].map(NodeId) {
            emptiness.node_initialized(at(500), id, false);
            emptiness.pod_bound(id);
        }
        assert_eq!(emptiness.next_wakeup(), SimTime::NEVER);
        emptiness.pod_over(at(12_700), NodeId(1), false);
        emptiness.pod_over(at(13_100), NodeId(2), false);
        emptiness.pod_over(at(14_000), NodeId(3), true);
        // 12 s + 30 s: the poll at 43 s; the second stamp is due at 43 s, which is not yet over then.
        let mut out = Vec::new();
        assert_eq!(emptiness.next_wakeup(), at(43_000));
        emptiness.wake(at(43_000), |_| false, &mut out);
        assert_eq!(out, [NodeId(1)]);
        emptiness.wake(emptiness.next_wakeup(), |_| false, &mut out);
        assert_eq!(out, [NodeId(1), NodeId(2)]);
        // The nominated one is looked at again a minute later, and then has its 30 s.
        assert_eq!(emptiness.next_wakeup(), at(74_000));
        emptiness.wake(at(74_000), |_| false, &mut out);
        assert_eq!(emptiness.next_wakeup(), at(113_000));
    }
}

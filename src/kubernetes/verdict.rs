//! What the scheduler thinks of every node for one shape, plugin by plugin: for tests, and for telling a user why a
//! pod went where it did. Computed from scratch; the scheduler itself does not use it.

use super::cluster::{affinity_score, taint_score};
use super::score::reason;
use super::{NodeKey, Scheduler, ShapeId};
use crate::units::Resources;

/// A filter plugin of the default profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPlugin {
    /// `spec.unschedulable`.
    NodeUnschedulable,
    /// Taints that are not tolerated.
    TaintToleration,
    /// Node selector and required node affinity.
    NodeAffinity,
    /// CPU, memory, number of pods.
    NodeResourcesFit,
}

impl FilterPlugin {
    /// The plugin's name in kube-scheduler's configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeUnschedulable => "NodeUnschedulable",
            Self::TaintToleration => "TaintToleration",
            Self::NodeAffinity => "NodeAffinity",
            Self::NodeResourcesFit => "NodeResourcesFit",
        }
    }
}

/// Weighted scores of one node; `None` where the plugin skips the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginScores {
    /// `NodeResourcesFit`, weight 1.
    pub fit: u32,
    /// `NodeResourcesBalancedAllocation`, weight 1.
    pub balance: Option<u32>,
    /// `TaintToleration`, weight 3.
    pub taints: u32,
    /// `NodeAffinity`, weight 2.
    pub affinity: Option<u32>,
}

impl PluginScores {
    /// What nodes are compared by.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.fit + self.balance.unwrap_or(0) + self.taints + self.affinity.unwrap_or(0)
    }
}

/// What the scheduler thinks of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeVerdict {
    /// Which node.
    pub node: NodeKey,
    /// The scores, normalised over all feasible nodes, or the first plugin that refused.
    pub scores: Result<PluginScores, FilterPlugin>,
}

impl Scheduler {
    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.cluster.order.len()
    }

    /// Whether pods of `shape` prefer some nodes: else plugin `NodeAffinity` skips its score.
    fn has_preferences(&self, shape: ShapeId) -> bool {
        !self.shapes[shape.0 as usize].preferred_affinity.is_empty()
    }

    /// The verdicts on all nodes for a pod of `shape`, by node key.
    #[must_use]
    pub fn verdicts(&self, shape: ShapeId) -> Vec<NodeVerdict> {
        let row = &self.cluster.rows[shape.0 as usize];
        let rules = self.cluster.rules();
        let prefers = self.has_preferences(shape);
        let nodes = || self.cluster.nodes.iter().filter(|node| node.alive);
        let feasible = || nodes().filter(|node| row.evaluate(node, rules).1 == 0);
        let class = |class: u32| &row.classes[class as usize];
        let most_taints = feasible().map(|node| u32::from(class(node.class).soft_taints)).max().unwrap_or(0);
        let most_preferred = feasible().map(|node| class(node.class).preference).max().unwrap_or(0);
        let verdict = |node: &super::row::Node| match row.evaluate(node, rules).1 {
            0 => Ok(PluginScores {
                fit: node.load.fit_score(row.footprint, rules.strategy),
                balance: (row.footprint.plain != Resources::ZERO)
                    .then(|| node.load.balance_score(row.footprint, rules.balance)),
                taints: taint_score(class(node.class).soft_taints.into(), most_taints),
                affinity: prefers.then(|| affinity_score(class(node.class).preference, most_preferred)),
            }),
            reason::UNSCHEDULABLE => Err(FilterPlugin::NodeUnschedulable),
            reason::TAINT => Err(FilterPlugin::TaintToleration),
            reason::AFFINITY => Err(FilterPlugin::NodeAffinity),
            _ => Err(FilterPlugin::NodeResourcesFit),
        };
        let mut all: Vec<NodeVerdict> =
            nodes().map(|node| NodeVerdict { node: node.key, scores: verdict(node) }).collect();
        all.sort_unstable_by_key(|verdict| verdict.node);
        all
    }
}

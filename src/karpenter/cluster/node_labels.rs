//! The labels that a node gets from the requirements of its claim on keys of the user's own.

use super::{Cluster, NodeId};
use crate::karpenter::labels::{self, LabelValue};
use crate::karpenter::node_pools::SIMULATED_LABELS;
use crate::karpenter::requirements::Requirement;

impl Cluster {
    /// The labels of the user's own keys that a node has when it registers (core `requirements.go` `Labels`, v1.15.0: one
    /// value of each requirement; what the NodePool's template sets wins over them).
    pub fn labels_of_claim(&mut self, id: NodeId) -> Vec<(String, String)> {
        let Some(node) = self.node(id) else { return Vec::new() };
        let requirements: Vec<Requirement> = node.claim_requirements.iter().cloned().collect();
        let mut found = Vec::new();
        for requirement in requirements {
            if let Some(value) = self.custom_label(&requirement) {
                let key = self.vocabulary.key_text(requirement.key).to_owned();
                found.push((key, self.vocabulary.text(value).to_owned()));
            }
        }
        found
    }

    /// The label that a claim's requirement on a key of the user's becomes: its first value by name, or for a
    /// requirement that only excludes, some number (core `requirement.go` `Any` draws one; here the smallest allowed).
    pub(super) fn custom_label(&mut self, requirement: &Requirement) -> Option<LabelValue> {
        let key = self.vocabulary.key_text(requirement.key);
        if self.vocabulary.is_well_known(requirement.key)
            || requirement.key == labels::HOSTNAME
            || SIMULATED_LABELS.contains(&key)
        {
            return None;
        }
        if requirement.is_complement {
            let number = requirement.at_least.unwrap_or(0).to_string();
            return Some(self.vocabulary.value(&number));
        }
        requirement.values.iter().copied().min_by_key(|value| self.vocabulary.text(*value))
    }
}

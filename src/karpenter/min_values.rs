//! `minValues`: whether the types of a claim have enough distinct values of the keys that ask for it.

use super::cluster::Cluster;
use super::instance_types::TypeId;
use super::labels::{LabelKey, LabelValue};
use super::requirements::{Requirement, Requirements};
use super::type_set::TypeSet;

/// Whether `types` have as many distinct allowed values as every requirement with `minValues` asks for.
#[must_use]
pub fn satisfies_min_values(cluster: &Cluster, requirements: &Requirements, types: &TypeSet) -> bool {
    // No type at all is no violation, as upstream: the caller notices the emptiness first.
    if types.is_empty() || !requirements.has_min_values() {
        return true;
    }
    let types: Vec<TypeId> = types.iter().collect();
    shortfalls(cluster, requirements, &types).is_empty()
}

/// The keys that have fewer distinct allowed values than asked for, with what they have
/// (core `cloudprovider/types.go` `SatisfiesMinValues`, v1.15.0, which counts only values that the claim allows).
#[must_use]
pub fn shortfalls(cluster: &Cluster, requirements: &Requirements, types: &[TypeId]) -> Vec<(LabelKey, u32)> {
    let mut short = Vec::new();
    for requirement in requirements.iter() {
        let Some(wanted) = requirement.min_values else { continue };
        let found = distinct_values(cluster, requirement, types, wanted);
        if found < wanted {
            short.push((requirement.key, found));
        }
    }
    short
}

/// How many of `types`, taken in order, are needed to meet every `minValues`; `None` where all together do not.
#[must_use]
pub fn types_needed(cluster: &Cluster, requirements: &Requirements, types: &[TypeId]) -> Option<usize> {
    if !requirements.has_min_values() {
        return Some(0);
    }
    (1..=types.len()).find(|count| shortfalls(cluster, requirements, &types[..*count]).is_empty())
}

fn distinct_values(cluster: &Cluster, requirement: &Requirement, types: &[TypeId], enough: u32) -> u32 {
    let mut seen: Vec<LabelValue> = Vec::new();
    for id in types {
        let Some(values) = cluster.instance_types().get(*id).requirements.get(requirement.key) else {
            continue;
        };
        for value in &values.values {
            if !seen.contains(value) && requirement.has(*value, cluster.vocabulary()) {
                seen.push(*value);
            }
        }
        if seen.len() >= enough as usize {
            break;
        }
    }
    seen.len() as u32
}

//! Interned requirement sets of claims and nodes: what a pod makes of one is worked out once, and so are the instance
//! types and offerings that each allows.

use rustc_hash::FxHashMap;

use crate::karpenter::cluster::Cluster;
use crate::karpenter::instance_types::{OfferingSet, TypeId};
use crate::karpenter::pod_classes::ShapeId;
use crate::karpenter::requirements::{Requirement, Requirements, UndefinedLabels};
use crate::karpenter::type_set::TypeSet;

/// An interned set of requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SetId(pub(super) u32);

const UNKNOWN: u32 = u32::MAX;
const INCOMPATIBLE: u32 = u32::MAX - 1;

#[derive(Clone, Debug)]
struct Set {
    requirements: Requirements,
    has_min_values: bool,
    masks: Option<Masks>,
}

/// What a set allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masks {
    pub(super) allowed: OfferingSet,
    offerings_version: u32,
    /// Types whose labels meet the requirements.
    pub(super) matching: TypeSet,
    /// Types with an available offering that meets them.
    pub(super) offered: TypeSet,
    /// Both.
    pub(super) usable: TypeSet,
}

/// All sets met so far. They outlive the pass: the same pods meet the same pools again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct RequirementSets {
    by_requirement: FxHashMap<Requirement, TypeSet>,
    ids: FxHashMap<Requirements, SetId>,
    onto_claims: Vec<Vec<u32>>,
    onto_nodes: Vec<Vec<u32>>,
    sets: Vec<Set>,
}

impl RequirementSets {
    /// The id of a set.
    pub(super) fn intern(&mut self, requirements: Requirements) -> SetId {
        if let Some(&id) = self.ids.get(&requirements) {
            return id;
        }
        let id = SetId(self.sets.len() as u32);
        self.ids.insert(requirements.clone(), id);
        let has_min_values = requirements.has_min_values();
        self.sets.push(Set { requirements, has_min_values, masks: None });
        id
    }

    /// The requirements of a set.
    pub(super) fn get(&self, id: SetId) -> &Requirements {
        &self.sets[id.0 as usize].requirements
    }

    /// Whether the set asks for a minimum of values.
    pub(super) fn has_min_values(&self, id: SetId) -> bool {
        self.sets[id.0 as usize].has_min_values
    }

    /// What the set becomes when a pod of this shape joins a claim that has it; `None` where it cannot.
    pub(super) fn onto_claim(&mut self, cluster: &Cluster, set: SetId, shape: ShapeId) -> Option<SetId> {
        let known = lookup(&mut self.onto_claims, set, shape);
        if known == UNKNOWN {
            let joined = self.join(cluster, set, shape, UndefinedLabels::AllowWellKnown);
            self.onto_claims[shape.0 as usize][set.0 as usize] = joined.map_or(INCOMPATIBLE, |id| id.0);
            return joined;
        }
        (known != INCOMPATIBLE).then_some(SetId(known))
    }

    /// As `onto_claim`, for an existing node, where no label may be missing.
    pub(super) fn onto_node(&mut self, cluster: &Cluster, set: SetId, shape: ShapeId) -> Option<SetId> {
        let known = lookup(&mut self.onto_nodes, set, shape);
        if known == UNKNOWN {
            let joined = self.join(cluster, set, shape, UndefinedLabels::Deny);
            self.onto_nodes[shape.0 as usize][set.0 as usize] = joined.map_or(INCOMPATIBLE, |id| id.0);
            return joined;
        }
        (known != INCOMPATIBLE).then_some(SetId(known))
    }

    fn join(
        &mut self,
        cluster: &Cluster,
        set: SetId,
        shape: ShapeId,
        undefined: UndefinedLabels,
    ) -> Option<SetId> {
        let vocabulary = cluster.vocabulary();
        let pod = &cluster.pod_classes().shape(shape).requirements;
        let requirements = self.get(set);
        if !requirements.is_compatible(pod, undefined, vocabulary) {
            return None;
        }
        let mut joined = requirements.clone();
        joined.add_all(pod, vocabulary);
        Some(self.intern(joined))
    }

    /// The instance types and offerings that a set allows, as available now.
    pub(super) fn masks(&mut self, cluster: &Cluster, id: SetId) -> &Masks {
        let types = cluster.instance_types();
        let version = types.offerings_version();
        let index = id.0 as usize;
        let masks = match self.sets[index].masks {
            Some(masks) if masks.offerings_version == version => masks,
            Some(masks) => {
                let offered = types.available_through(masks.allowed);
                let usable = masks.matching.and(&offered);
                Masks { offerings_version: version, offered, usable, ..masks }
            }
            None => {
                let allowed = types.allowed_offerings(self.get(id), cluster.vocabulary());
                let matching = self.matching(cluster, id);
                let offered = types.available_through(allowed);
                let usable = matching.and(&offered);
                Masks { allowed, offerings_version: version, matching, offered, usable }
            }
        };
        self.sets[index].masks.insert(masks)
    }

    /// Types whose labels intersect every requirement of the set.
    fn matching(&mut self, cluster: &Cluster, id: SetId) -> TypeSet {
        let types = cluster.instance_types();
        let mut all = TypeSet::first(types.len());
        for requirement in self.sets[id.0 as usize].requirements.iter() {
            // minValues says nothing about a single type, so sets that differ only there share the mask.
            let key = Requirement { min_values: None, ..requirement.clone() };
            let mask = self.by_requirement.entry(key).or_insert_with_key(|key| {
                let allows = |id: &TypeId| {
                    types.get(*id).requirements.get(key.key).is_none_or(|label| {
                        label.intersects(key, cluster.vocabulary())
                            || (label.allows_absence() && key.allows_absence())
                    })
                };
                types.iter().map(|(id, _)| id).filter(allows).collect()
            });
            all = all.and(mask);
        }
        all
    }
}

fn lookup(table: &mut Vec<Vec<u32>>, set: SetId, shape: ShapeId) -> u32 {
    let (row, column) = (shape.0 as usize, set.0 as usize);
    if row >= table.len() {
        table.resize_with(row + 1, Vec::new);
    }
    let row = &mut table[row];
    if column >= row.len() {
        row.resize((column + 1).next_power_of_two(), UNKNOWN);
    }
    row[column]
}

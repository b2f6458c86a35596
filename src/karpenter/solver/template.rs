//! What a NodePool can open a claim with: its requirements, the usable types and what daemonsets take of each.

use super::fit::FitIndex;
use super::requirement_sets::{RequirementSets, SetId};
use super::results::MinValuesPolicy;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::min_values::satisfies_min_values;
use crate::karpenter::node_pools::PoolId;
use crate::karpenter::pod_classes::ShapeId;
use crate::karpenter::requirements::UndefinedLabels;
use crate::karpenter::resources::Amounts;
use crate::karpenter::taints::are_tolerated;
use crate::karpenter::type_set::TypeSet;

/// A NodePool as the pass uses it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) pool: PoolId,
    pub(super) set: SetId,
    /// Types that the pool's requirements allow and that are to be had; empty where the pool is left out.
    pub(super) usable: TypeSet,
    pub(super) fit: FitIndex,
    /// Types by the daemonsets that land on them, with what these ask for together.
    daemon_groups: Vec<(TypeSet, Amounts)>,
    /// Types that can hold anything at all.
    sound: TypeSet,
    tolerated: Vec<Option<bool>>,
}

impl Template {
    pub(super) fn new(cluster: &Cluster, pool: PoolId, sets: &mut RequirementSets) -> Self {
        let types = cluster.instance_types();
        let mut daemon_groups: Vec<(Vec<usize>, TypeSet, Amounts)> = Vec::new();
        let mut room = Vec::with_capacity(types.len());
        let mut sound = TypeSet::EMPTY;
        for (id, one) in types.iter() {
            let (daemons, overhead) = daemons_on(cluster, pool, &one.requirements);
            match daemon_groups.iter_mut().find(|group| group.0 == daemons) {
                Some(group) => group.1.insert(id),
                None => daemon_groups.push((daemons, [id].into_iter().collect(), overhead)),
            }
            room.push(one.allocatable - overhead);
            if Amounts::ZERO.fits(&one.allocatable) {
                sound.insert(id);
            }
        }
        Self {
            pool,
            set: sets.intern(cluster.pool(pool).requirements.clone()),
            usable: TypeSet::EMPTY,
            fit: FitIndex::new(&room),
            daemon_groups: daemon_groups.into_iter().map(|(_, types, overhead)| (types, overhead)).collect(),
            sound,
            tolerated: Vec::new(),
        }
    }

    /// Works out the usable types after prices or availability changed.
    pub(super) fn refresh(&mut self, cluster: &Cluster, sets: &mut RequirementSets, policy: MinValuesPolicy) {
        self.usable = sets.masks(cluster, self.set).usable.and(&self.sound);
        if policy == MinValuesPolicy::Strict
            && !satisfies_min_values(cluster, sets.get(self.set), &self.usable)
        {
            self.usable = TypeSet::EMPTY;
        }
    }

    /// Whether pods of this shape tolerate the pool's taints.
    pub(super) fn is_tolerated(&mut self, cluster: &Cluster, shape: ShapeId) -> bool {
        let index = shape.0 as usize;
        if index >= self.tolerated.len() {
            self.tolerated.resize(index + 1, None);
        }
        *self.tolerated[index].get_or_insert_with(|| {
            let tolerations = &cluster.pod_classes().shape(shape).tolerations;
            are_tolerated(&cluster.pool(self.pool).spec.taints, tolerations)
        })
    }

    /// What the claim states for daemonset pods: the least over the groups that still have a type. Where some types
    /// get no daemonset pod, upstream states nothing or another group's share by chance; here nothing.
    pub(super) fn least_daemon_overhead(&self, types: &TypeSet) -> Amounts {
        self.daemon_groups
            .iter()
            .filter(|(group, _)| group.intersects(types))
            .map(|(_, overhead)| *overhead)
            .reduce(Amounts::min)
            .unwrap_or(Amounts::ZERO)
    }
}

/// The daemonsets that land on a type in a pool, and what they ask for together
/// (core `scheduler.go` `isDaemonPodCompatible`, v1.15.0).
fn daemons_on(
    cluster: &Cluster,
    pool: PoolId,
    labels: &crate::karpenter::requirements::Requirements,
) -> (Vec<usize>, Amounts) {
    let vocabulary = cluster.vocabulary();
    let pool = cluster.pool(pool);
    let mut landing = Vec::new();
    let mut overhead = Amounts::ZERO;
    for (index, daemon_set) in cluster.daemon_sets().iter().enumerate() {
        let meets = |term| {
            pool.requirements.is_compatible(term, UndefinedLabels::AllowWellKnown, vocabulary)
                && labels.intersects(term, vocabulary)
        };
        if are_tolerated(&pool.spec.taints, &daemon_set.tolerations) && daemon_set.terms.iter().any(meets) {
            landing.push(index);
            overhead += daemon_set.requests;
        }
    }
    (landing, overhead)
}

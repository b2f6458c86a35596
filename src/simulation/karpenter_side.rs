//! Karpenter's controllers of one run, and the translation between their numbers and the loop's.

use crate::catalog::{Catalog, TypeId, TypeLabel};
use crate::ec2::CapacityReservation;
use crate::engine::Streams;
use crate::karpenter::disruption::{self, Disruption, PodFacts};
use crate::karpenter::instance_types::{self, InstanceTypeSpec, OfferingSpec};
use crate::karpenter::launch::LaunchRequest;
use crate::karpenter::node_pools::{DaemonSetSpec, NodePoolSpec, PoolId};
use crate::karpenter::pods::{PodClassId, PodClassSpec};
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::resources::Amounts;
use crate::karpenter::solver::ClaimRequest;
use crate::karpenter::type_set::MAX_TYPES;
use crate::karpenter::{Cluster, IceCache, Provisioner, Solver, provisioner, taints};
use crate::units::SimTime;

use super::emptiness::HistoricalEmptiness;
use super::fleet_calls::FleetCalls;
use super::karpenter_plan::{KarpenterPlan, PoolPlan};
use super::plan::Plan;
use super::{reservations, setup};

/// Karpenter in one run.
pub(super) struct KarpenterSide {
    pub cluster: Cluster,
    pub solver: Solver,
    pub provisioner: Provisioner,
    pub disruption: Disruption,
    pub emptiness: HistoricalEmptiness,
    pub ice: IceCache,
    /// CreateFleet calls that wait for more like them.
    pub fleet_calls: FleetCalls,
    /// Catalog id of each of Karpenter's types.
    pub types: Vec<TypeId>,
    /// By node: its claim, and the disruption command that wants it as a replacement.
    pub claims: Vec<Option<Claim>>,
    pub pod_facts: Vec<PodFacts>,
    /// By pool: the replicas of static pools.
    pub replicas: Vec<Option<u32>>,
    version: disruption::Version,
    pub provisioned: Vec<provisioner::Outcome>,
    pub disrupted: Vec<disruption::Outcome>,
    pub passes: u64,
    pub pods_in_passes: u64,
    pub claims_created: u64,
    /// When the control plane is done with the nodes that became ready so far.
    pub starts_busy_until: SimTime,
}

/// A NodeClaim whose node is in flight.
pub(super) struct Claim {
    pub request: ClaimRequest,
    pub replaces_for: Option<disruption::CommandId>,
    /// How often its launch failed for another reason than capacity.
    pub failures: u32,
    /// What EC2 was asked for; none where it has not been, or where it is to be asked again.
    pub call: Option<LaunchRequest>,
    /// Ordinal of the launch whose draws are those of the whole call: its own, or that of an equal one.
    pub fleet: u32,
}

impl KarpenterSide {
    pub(super) fn new(plan: &Plan, karpenter: &KarpenterPlan, streams: Streams) -> Self {
        let catalog = karpenter.list_prices.as_ref().unwrap_or(&plan.ec2.catalog);
        let types = offered_types(catalog, karpenter, &plan.ec2.reservations);
        let specs: Vec<InstanceTypeSpec> = types.iter().map(|id| type_spec(catalog, *id)).collect();
        let daemon_sets: Vec<DaemonSetSpec> = plan
            .kubernetes
            .daemon_sets
            .iter()
            .map(|set| DaemonSetSpec {
                name: set.name.clone(),
                requests: set.requests,
                tolerations: vec![taints::Toleration { key: None, value: None, effect: None }],
                ..DaemonSetSpec::default()
            })
            .collect();
        let spec = |pool: &PoolPlan| NodePoolSpec { is_static: pool.replicas.is_some(), ..pool.spec.clone() };
        let pools = karpenter.pools.iter().map(spec).collect();
        let disruptions = karpenter.pools.iter().map(|pool| pool.disruption.clone()).collect();
        let mut disruption = Disruption::new(
            karpenter.disruption,
            karpenter.calendar,
            disruptions,
            karpenter.first_disruption_pass,
        )
        .breaking_ties(streams);
        for (number, pool) in karpenter.pools.iter().enumerate() {
            if let Some(replicas) = pool.replicas {
                disruption.set_replicas(PoolId(number as u16), replicas);
            }
        }
        let mut cluster = Cluster::new(&specs, pools, &daemon_sets, karpenter.preferences, streams);
        if !plan.ec2.reservations.is_empty() {
            cluster.set_reservations(&reservations::specs(&plan.ec2.reservations, &plan.ec2.catalog));
        }
        if !karpenter.overlays.is_empty() {
            cluster.set_overlays(&karpenter.overlays);
        }
        Self {
            cluster,
            solver: Solver::new(karpenter.pass),
            provisioner: match karpenter.disruption.version {
                disruption::Version::V1_8 => Provisioner::new(karpenter.batch).keeping_timers(),
                disruption::Version::V1_15 => Provisioner::new(karpenter.batch),
            },
            disruption,
            emptiness: HistoricalEmptiness::new(&karpenter.pools, karpenter.first_disruption_pass),
            ice: IceCache::new(),
            fleet_calls: FleetCalls::default(),
            types,
            claims: Vec::new(),
            pod_facts: Vec::new(),
            replicas: karpenter.pools.iter().map(|pool| pool.replicas).collect(),
            version: karpenter.disruption.version,
            provisioned: Vec::new(),
            disrupted: Vec::new(),
            passes: 0,
            pods_in_passes: 0,
            claims_created: 0,
            starts_busy_until: SimTime::ZERO,
        }
    }

    pub(super) fn next_wakeup(&self) -> SimTime {
        let disruption = self.disruption.next_wakeup().min(self.emptiness.next_wakeup());
        self.provisioner.next_wakeup().min(disruption).min(self.ice.next_wakeup())
    }

    /// The number under which Karpenter knows pods like this.
    pub(super) fn register_class(&mut self, spec: PodClassSpec) -> u32 {
        let disrupted = taints::disrupted_taint();
        let facts = PodFacts {
            do_not_disrupt: spec.do_not_disrupt,
            pdb: spec.pdb,
            eviction_cost: disruption::eviction_cost(None, None, Some(spec.priority), self.version),
            tolerates_disrupted_taint: spec.tolerations.iter().any(|one| one.tolerates(&disrupted)),
            ..PodFacts::default()
        };
        let id = self.cluster.register_pod_class(spec);
        if id.0 as usize >= self.pod_facts.len() {
            self.pod_facts.resize(id.0 as usize + 1, PodFacts::default());
        }
        self.pod_facts[id.0 as usize] = facts;
        id.0
    }

    /// Karpenter's class of a pod kind.
    pub(super) fn class(id: u32) -> PodClassId {
        PodClassId(id)
    }

    /// The claim of a node, where the node has one.
    pub(super) fn claim(&self, node: usize) -> Option<&Claim> {
        self.claims.get(node).and_then(Option::as_ref)
    }

    /// Keeps the claim of a new node.
    pub(super) fn keep_claim(&mut self, node: usize, claim: Claim) {
        if node >= self.claims.len() {
            self.claims.resize_with(node + 1, || None);
        }
        self.claims[node] = Some(claim);
    }
}

/// The types that Karpenter is told of: sold in the region, listed by the plan if it lists any, and not ruled out by every
/// pool. Types that no pool allows would never be launched; leaving them out saves the work of remembering that.
fn offered_types(
    catalog: &Catalog,
    karpenter: &KarpenterPlan,
    reservations: &[CapacityReservation],
) -> Vec<TypeId> {
    let names = &karpenter.instance_types;
    let mut types: Vec<TypeId> = catalog
        .type_ids()
        .filter(|id| catalog.offerings(*id).next().is_some())
        .filter(|id| names.is_empty() || names.iter().any(|name| **name == *catalog.get(*id).name))
        .collect();
    types.retain(|id| {
        let labels = match reservations.iter().any(|one| one.instance_type == *id) {
            true => catalog.labels_in_reservation(*id),
            false => catalog.labels(*id),
        };
        karpenter.pools.iter().any(|pool| pool.spec.requirements.iter().all(|one| may_satisfy(one, &labels)))
    });
    // The room's bit sets end there. What is cut are the dearest types, which are launched last.
    if types.len() > MAX_TYPES {
        let price = |id: &TypeId| catalog.prices(*id).map(|prices| prices.on_demand);
        types.sort_by_key(|id| (catalog.get(*id).bare_metal, price(id), *id));
        types.truncate(MAX_TYPES);
        types.sort_unstable();
    }
    types
}

/// Whether a type with these labels may satisfy the requirement; keys that are not the type's own always may.
fn may_satisfy(requirement: &RequirementSpec, labels: &[TypeLabel<'_>]) -> bool {
    let Some(label) = labels.iter().find(|label| label.key == requirement.key) else { return true };
    let listed = |value: &str| requirement.values.iter().any(|one| one == value);
    match requirement.operator {
        Operator::In => label.values.iter().any(|value| listed(value)),
        Operator::NotIn => label.values.iter().any(|value| !listed(value)),
        _ => true,
    }
}

fn type_spec(catalog: &Catalog, id: TypeId) -> InstanceTypeSpec {
    let kind = catalog.get(id);
    let capacity = kind.capacity();
    let allocatable = setup::allocatable(kind);
    let labels = catalog
        .labels(id)
        .into_iter()
        .map(|label| {
            (label.key.to_owned(), label.values.iter().map(|value| value.clone().into_owned()).collect())
        })
        .collect();
    let offerings = catalog
        .offerings(id)
        .map(|offering| OfferingSpec {
            zone: catalog.zones()[offering.zone.index()].name.clone(),
            zone_id: Some(catalog.zones()[offering.zone.index()].zone_id.clone()),
            capacity_type: offering.capacity_type,
            price: offering.price,
            is_available: true,
        })
        .collect();
    InstanceTypeSpec {
        name: kind.name.to_string(),
        capacity: Amounts::new(capacity.cpu, capacity.memory, kind.max_pods),
        allocatable: Amounts::new(allocatable.cpu, allocatable.memory, kind.max_pods),
        labels,
        offerings,
    }
}

/// Karpenter's type number of a catalog type is its place in the list that Karpenter was given.
pub(super) fn type_index(id: instance_types::TypeId) -> usize {
    usize::from(id.0)
}

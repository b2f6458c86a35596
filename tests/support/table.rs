//! Karpenter's rooms without the loop: instance types, nodes and pods on a table, for tests of single rules.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::collections::BTreeMap;

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    Answer, Budget, Calendar, Command, ConsolidationPolicy, Disruption, Method, NewPod, NodeFacts, PodFacts,
    PoolDisruption, Settings, Surroundings,
};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::launch::{LaunchRequest, launch_request_for};
use fleetsim::karpenter::node_pools::{DaemonSetSpec, NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodAffinityTerm, PodClassSpec, PodId};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec, Requirements};
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{
    ClaimRequest, MinValuesPolicy, NewClaim, PassInput, PassOptions, PassPod, PassResults, PodOrigin,
};
use fleetsim::karpenter::{Cluster, Solver};
use fleetsim::units::{HourlyPrice, Resources, SimDuration, SimTime};

/// When everything is asked: an hour after the nodes came.
pub const NOW: SimTime = SimTime::from_ms(3_600_000);

/// A zone, how it is bought, dollars an hour.
pub type Offer = (&'static str, CapacityType, f64);

/// An instance type with these offerings; a tenth of a core and 10 MiB of it are not for pods.
pub fn kind(name: &str, cpu: i64, memory: i64, pods: i64, offers: &[Offer]) -> InstanceTypeSpec {
    let offering = |(zone, capacity_type, dollars): &Offer| OfferingSpec {
        zone: (*zone).to_owned(),
        zone_id: None,
        capacity_type: *capacity_type,
        price: HourlyPrice::from_dollars(*dollars),
        is_available: true,
    };
    InstanceTypeSpec {
        name: name.to_owned(),
        capacity: Amounts { cpu, memory, pods },
        allocatable: Amounts { cpu: cpu - 100, memory: memory - 10, pods },
        labels: vec![
            ("kubernetes.io/arch".to_owned(), vec!["amd64".to_owned()]),
            ("node.kubernetes.io/instance-type".to_owned(), vec![name.to_owned()]),
        ],
        offerings: offers.iter().map(offering).collect(),
    }
}

/// As [`kind`], on demand in one zone.
pub fn on_demand(name: &str, cpu: i64, memory: i64, pods: i64, dollars: f64) -> InstanceTypeSpec {
    kind(name, cpu, memory, pods, &[("a", CapacityType::OnDemand, dollars)])
}

/// A pod of a bare job.
pub fn pod(cpu: u32, memory: u32) -> PodClassSpec {
    PodClassSpec { requests: Resources::new(cpu, memory), ..PodClassSpec::default() }
}

/// A pod that shares its host with no other pod of this kind.
pub fn lonely(cpu: u32, memory: u32) -> PodClassSpec {
    let labels = vec![("app".to_owned(), "lonely".to_owned())];
    let key = "kubernetes.io/hostname".to_owned();
    let term = PodAffinityTerm { key, match_labels: labels.clone(), weight: None };
    PodClassSpec { labels, anti_affinity: vec![term], ..pod(cpu, memory) }
}

/// A pool called `name` of these capacity types that consolidates whatever it can, without a budget.
pub fn pool(name: &str, capacity_types: &[&str]) -> (NodePoolSpec, PoolDisruption) {
    let requirements = vec![RequirementSpec::new("karpenter.sh/capacity-type", Operator::In, capacity_types)];
    let after = Some(SimDuration::from_secs(30));
    let spec = NodePoolSpec {
        name: name.to_owned(),
        requirements,
        consolidate_after: after,
        ..NodePoolSpec::default()
    };
    let disruption = PoolDisruption {
        consolidation_policy: ConsolidationPolicy::WhenEmptyOrUnderutilized,
        consolidate_after: after,
        budgets: vec![Budget::new("100%", None, None, None)],
    };
    (spec, disruption)
}

/// Types, nodes and pods, and the rooms that look at them.
pub struct Table {
    /// What Karpenter knows.
    pub cluster: Cluster,
    /// What disruption knows.
    pub disruption: Disruption,
    /// Pods that wait.
    pub pending: Vec<PassPod>,
    /// What is known of the nodes that come from now on, beside their pool.
    pub facts: NodeFacts,
    solver: Solver,
    requests: BTreeMap<PodId, Amounts>,
    next_pod: u32,
    next_node: u32,
}

impl Table {
    /// A table with one pool, of on-demand nodes.
    pub fn new(types: &[InstanceTypeSpec]) -> Self {
        Self::with(types, vec![pool("ci", &["on-demand"])], &[], Settings::default())
    }

    /// A table with these pools, daemon sets and settings.
    pub fn with(
        types: &[InstanceTypeSpec],
        pools: Vec<(NodePoolSpec, PoolDisruption)>,
        daemon_sets: &[DaemonSetSpec],
        settings: Settings,
    ) -> Self {
        let (specs, disruptions) = pools.into_iter().unzip();
        Self {
            cluster: Cluster::new(types, specs, daemon_sets, PreferencePolicy::Respect, Streams::new(1, 0)),
            disruption: Disruption::new(settings, Calendar::default(), disruptions, NOW),
            pending: Vec::new(),
            facts: NodeFacts::default(),
            solver: Solver::new(PassOptions::default()),
            requests: BTreeMap::new(),
            next_pod: 0,
            next_node: 0,
        }
    }

    fn pass_pod(&mut self, spec: &PodClassSpec, origin: PodOrigin) -> PassPod {
        let pod = PodId(self.next_pod);
        self.next_pod += 1;
        let class = self.cluster.register_pod_class(spec.clone());
        self.requests.insert(pod, self.cluster.pod_class(class).requests);
        PassPod { pod, class, created_at: SimTime::ZERO, uid: u64::from(pod.0), origin }
    }

    /// Pods that no node has taken yet.
    pub fn pending(&mut self, pods: &[PodClassSpec]) {
        for spec in pods {
            let pod = self.pass_pod(spec, PodOrigin::Pending);
            self.pending.push(pod);
        }
    }

    /// One pass over these pods. Nothing comes of it.
    pub fn pass(&mut self, pods: &[PodClassSpec]) -> PassResults {
        let pods: Vec<PassPod> = pods.iter().map(|spec| self.pass_pod(spec, PodOrigin::Pending)).collect();
        let mut results = PassResults::default();
        let input = PassInput { now: NOW, pods: &pods, excluded: &[], is_consolidation: false };
        self.solver.solve(&self.cluster, &input, &mut results);
        results
    }

    /// One pass over these pods; its claims become nodes of the type that EC2 would take on demand, all pods bind where they
    /// are expected. Says what the pass answered, and what was launched.
    pub fn provision(&mut self, pods: &[PodClassSpec]) -> (PassResults, Vec<String>) {
        let results = self.pass(pods);
        let mut homes: Vec<(PodId, NodeId)> = results.placements.clone();
        let mut launched = Vec::new();
        for claim in &results.claims {
            let call = self.launch(claim).expect("something is to be had");
            let first = call.overrides[0];
            let name = self.cluster.instance_types().get(first.type_id).name.to_string();
            let id = self.raise(claim.pool, first.type_id, first.zone, call.capacity_type);
            homes.extend(claim.pods.iter().map(|pod| (*pod, id)));
            launched.push(name);
        }
        let first = self.next_pod - pods.len() as u32;
        for (spec, number) in pods.iter().zip(first..) {
            if let Some((_, home)) = homes.iter().find(|(pod, _)| pod.0 == number) {
                self.bind(*home, PodId(number), spec);
            }
        }
        (results, launched)
    }

    /// The NodeClaim of a pass.
    pub fn request(&self, claim: &NewClaim) -> ClaimRequest {
        self.solver.claim_request(&self.cluster, claim)
    }

    /// The CreateFleet call for a claim of a pass; `None` where nothing is to be had.
    pub fn launch(&self, claim: &NewClaim) -> Option<LaunchRequest> {
        launch_request_for(&self.cluster, &self.request(claim), MinValuesPolicy::Strict).ok()
    }

    /// Names of the types of a claim, cheapest first.
    pub fn types_of(&self, claim: &ClaimRequest) -> Vec<&str> {
        claim.types.iter().map(|(id, _)| &*self.cluster.instance_types().get(*id).name).collect()
    }

    fn type_id(&self, name: &str) -> TypeId {
        self.cluster.instance_types().id_of(name).expect("a type of the table")
    }

    /// An initialized node of the first pool, on demand in the first zone, on which nothing happened for an hour.
    pub fn node(&mut self, name: &str, pods: &[PodClassSpec]) -> NodeId {
        self.node_as(PoolId(0), name, CapacityType::OnDemand, pods)
    }

    /// As [`Self::node`], of another pool or bought otherwise.
    pub fn node_as(
        &mut self,
        pool: PoolId,
        name: &str,
        capacity_type: CapacityType,
        pods: &[PodClassSpec],
    ) -> NodeId {
        let kind = self.type_id(name);
        let id = self.raise(pool, kind, ZoneId(0), capacity_type);
        for spec in pods {
            let pod = self.pass_pod(spec, PodOrigin::Candidate).pod;
            self.bind(id, pod, spec);
        }
        id
    }

    /// A node that has registered only.
    pub fn uninitialized_node(&mut self, name: &str) -> NodeId {
        let (id, kind) = (NodeId(self.next_node), self.type_id(name));
        self.next_node += 1;
        let launched = LaunchedAs { type_id: kind, zone: ZoneId(0), capacity_type: CapacityType::OnDemand };
        self.cluster.claim_created(SimTime::ZERO, id, PoolId(0), &Requirements::new());
        self.cluster.claim_launched(SimTime::ZERO, id, launched);
        self.cluster.node_registered(SimTime::ZERO, id);
        self.disruption.node_launched(SimTime::ZERO, id, NodeFacts::default());
        id
    }

    fn raise(&mut self, pool: PoolId, kind: TypeId, zone: ZoneId, capacity_type: CapacityType) -> NodeId {
        let id = NodeId(self.next_node);
        self.next_node += 1;
        self.cluster.claim_created(SimTime::ZERO, id, pool, &Requirements::new());
        self.cluster.claim_launched(SimTime::ZERO, id, LaunchedAs { type_id: kind, zone, capacity_type });
        self.cluster.node_registered(SimTime::ZERO, id);
        self.disruption.node_launched(SimTime::ZERO, id, NodeFacts { pool, ..self.facts });
        self.cluster.node_initialized(SimTime::ZERO, id);
        self.disruption.node_initialized(SimTime::ZERO, id);
        id
    }

    fn bind(&mut self, id: NodeId, pod: PodId, spec: &PodClassSpec) {
        self.bind_at(SimTime::ZERO, id, pod, spec);
    }

    fn bind_at(&mut self, at: SimTime, id: NodeId, pod: PodId, spec: &PodClassSpec) {
        let class = self.cluster.register_pod_class(spec.clone());
        let facts = PodFacts { do_not_disrupt: spec.do_not_disrupt, pdb: spec.pdb, ..PodFacts::default() };
        self.cluster.pod_bound(at, pod, class, at, id);
        self.disruption.pod_bound(at, id, NewPod { pod, class, created_at: at, facts });
    }

    /// A pod is bound to the node at an instant: both clocks of the node start anew.
    pub fn bind_new(&mut self, at: SimTime, id: NodeId, spec: &PodClassSpec) {
        let pod = self.pass_pod(spec, PodOrigin::Candidate).pod;
        self.bind_at(at, id, pod, spec);
    }

    /// The command that a method would give.
    pub fn ask(&mut self, method: Method) -> Option<Command> {
        self.answer(method).command
    }

    /// What a method answers.
    pub fn answer(&mut self, method: Method) -> Answer {
        self.answer_at(method, NOW)
    }

    /// What a method answers at an instant.
    pub fn answer_at(&mut self, method: Method, now: SimTime) -> Answer {
        let mut surroundings =
            Surroundings { cluster: &self.cluster, solver: &mut self.solver, pending: &self.pending };
        self.disruption.ask(method, now, &mut surroundings)
    }

    /// The nodes of a command are on their way out: they still count as disrupted.
    pub fn mark(&mut self, command: &Command) {
        for candidate in &command.candidates {
            self.cluster.mark_for_deletion(candidate.node);
            self.disruption.claim_deleting(NOW, candidate.node);
        }
    }

    /// The nodes that a command takes, in id order.
    pub fn taken(command: &Command) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = command.candidates.iter().map(|one| one.node).collect();
        nodes.sort_unstable();
        nodes
    }
}

//! Builds Karpenter's cluster and the disruption controller from a recorded case.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

pub mod compare;

use std::collections::BTreeMap;

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    Budget, Calendar, ConsolidationPolicy, Disruption, DoNotDisrupt, NewPod, NodeFacts, PodFacts, PodOwner,
    PodPdb, PoolDisruption, Reason, Settings, Surroundings, Version, eviction_cost,
};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec};
use fleetsim::karpenter::node_pools::{DaemonSetSpec, NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassSpec, PodId};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec, Requirements};
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{PassOptions, PassPod, PodOrigin};
use fleetsim::karpenter::{Cluster, Solver};
use fleetsim::units::{HourlyPrice, Mebibytes, Millicores, Resources, SimDuration, SimTime};
use serde_json::Value;

use crate::support;

/// Where recorded time 0 lies in simulated time: recorded times may be negative.
pub const START_MS: i64 = 100_000_000_000;

/// A recorded time, in ms.
pub fn at(ms: i64) -> SimTime {
    SimTime::from_ms((START_MS + ms) as u64)
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

pub fn span(value: &Value) -> Option<SimDuration> {
    value.as_u64().map(SimDuration::from_ms)
}

/// RFC 3339 in UTC, to ms since 1970.
pub fn unix_ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

pub fn reasons(value: &Value) -> Option<Vec<Reason>> {
    let reason = |name: &Value| match name.as_str() {
        Some("Empty") => Reason::Empty,
        Some("Underutilized") => Reason::Underutilized,
        _ => Reason::Drifted,
    };
    value.as_array().map(|names| names.iter().map(reason).collect())
}

pub fn budget(value: &Value) -> Budget {
    let schedule = value["schedule"].as_str();
    Budget::new(text(value, "nodes"), schedule, span(&value["duration_ms"]), reasons(&value["reasons"]))
}

fn capacity_type(value: &Value) -> CapacityType {
    if text(value, "capacity_type") == "spot" { CapacityType::Spot } else { CapacityType::OnDemand }
}

/// The instance types of a set, with `unavailable` offerings marked.
pub fn instance_types(set: &str, unavailable: &[Value]) -> Vec<InstanceTypeSpec> {
    let read: Value =
        serde_json::from_str(&support::read(&format!("disruption/types-{set}.json"))).expect("types");
    let amounts = |one: &Value, cpu: u64, memory: &str| {
        Amounts::new(
            Millicores(cpu as u32),
            Mebibytes(one[memory].as_u64().unwrap() as u32),
            one["pods"].as_u64().unwrap() as u32,
        )
    };
    let is_out = |one: &Value, offering: &Value| {
        unavailable.iter().any(|out| {
            text(out, "instance_type") == text(one, "name")
                && text(out, "zone") == text(offering, "zone")
                && text(out, "capacity_type") == text(offering, "capacity_type")
        })
    };
    list(&read, "types")
        .iter()
        .map(|one| InstanceTypeSpec {
            name: text(one, "name").to_owned(),
            capacity: amounts(one, one["vcpus"].as_u64().unwrap() * 1000, "memory_mib"),
            allocatable: amounts(
                one,
                one["allocatable_cpu_millis"].as_u64().unwrap(),
                "allocatable_memory_mib",
            ),
            labels: vec![
                ("kubernetes.io/arch".to_owned(), vec![text(one, "arch").to_owned()]),
                ("kubernetes.io/os".to_owned(), vec!["linux".to_owned()]),
            ],
            offerings: list(one, "offerings")
                .iter()
                .map(|offering| OfferingSpec {
                    zone: text(offering, "zone").to_owned(),
                    zone_id: None,
                    capacity_type: capacity_type(offering),
                    price: HourlyPrice::from_dollars(offering["price_usd_per_hour"].as_f64().unwrap()),
                    is_available: offering["available"].as_bool().unwrap_or(true) && !is_out(one, offering),
                })
                .collect(),
        })
        .collect()
}

fn requirement(value: &Value) -> RequirementSpec {
    let operator = match text(value, "operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        _ => Operator::Lt,
    };
    let values: Vec<&str> = list(value, "values").iter().filter_map(Value::as_str).collect();
    RequirementSpec::new(text(value, "key"), operator, &values)
}

/// An empty cluster with the case's pools, types and daemonsets.
fn cluster(case: &Value) -> Cluster {
    let spec = |pool: &Value| NodePoolSpec {
        name: text(pool, "name").to_owned(),
        weight: pool["weight"].as_u64().unwrap_or(0) as u32,
        requirements: list(pool, "requirements").iter().map(requirement).collect(),
        consolidate_after: span(&pool["consolidate_after_ms"]),
        ..NodePoolSpec::default()
    };
    let daemon_set = |one: &Value| DaemonSetSpec {
        name: text(one, "name").to_owned(),
        requests: requests(one),
        ..DaemonSetSpec::default()
    };
    let pools = list(case, "node_pools").iter().map(spec).collect();
    let daemon_sets: Vec<DaemonSetSpec> = list(case, "daemon_sets").iter().map(daemon_set).collect();
    let types = instance_types(text(case, "types"), list(case, "unavailable"));
    Cluster::new(&types, pools, &daemon_sets, PreferencePolicy::Respect, Streams::new(1, 0))
}

/// Karpenter's memory and the controller, as a case describes them.
pub struct World {
    pub cluster: Cluster,
    pub solver: Solver,
    pub disruption: Disruption,
    pub pending: Vec<PassPod>,
    pub pools: Vec<String>,
    pub node_names: Vec<String>,
    pub pod_ids: BTreeMap<String, PodId>,
    pub version: Version,
    pdbs: Vec<Value>,
}

impl World {
    /// The case at its time 0, for the Karpenter of `version`.
    pub fn new(case: &Value, version: Version, first_pass_at: SimTime) -> Self {
        let node_pools = list(case, "node_pools");
        let cluster = cluster(case);
        let settings = Settings {
            version,
            spot_to_spot_consolidation: case["gates"]["spot_to_spot_consolidation"]
                .as_bool()
                .unwrap_or(false),
        };
        let now = case["now"].as_str().or(case["t0"].as_str()).expect("the case has a time");
        let calendar = Calendar { start_unix_ms: unix_ms(now) - START_MS };
        let disruption = Disruption::new(
            settings,
            calendar,
            node_pools.iter().map(pool_disruption).collect(),
            first_pass_at,
        );
        let mut world = Self {
            cluster,
            solver: Solver::new(PassOptions::default()),
            disruption,
            pending: Vec::new(),
            pools: node_pools.iter().map(|pool| text(pool, "name").to_owned()).collect(),
            node_names: Vec::new(),
            pod_ids: BTreeMap::new(),
            version,
            pdbs: list(case, "pdbs").to_vec(),
        };
        for (index, pdb) in world.pdbs.iter().enumerate() {
            let is_blocking =
                matches!(text(pdb, "max_unavailable"), "0" | "0%") || text(pdb, "min_available") == "100%";
            world.disruption.set_pdb(
                index as u16,
                pdb["disruptions_allowed"].as_u64().unwrap() as u32,
                is_blocking,
            );
        }
        world.number_pods(case);
        let mut nodes: Vec<&Value> = list(case, "nodes").iter().collect();
        nodes.sort_by_key(|node| text(node, "name"));
        for node in nodes {
            world.add_node(case, node);
        }
        for pod in list(case, "pending_pods") {
            let id = world.pod_ids[text(pod, "name")];
            let class = world.cluster.register_pod_class(class_spec(pod));
            let created_at = at(pod["created_ms"].as_i64().unwrap());
            world.pending.push(PassPod {
                pod: id,
                class,
                created_at,
                uid: u64::from(id.0),
                origin: PodOrigin::Pending,
            });
        }
        world
    }

    /// Pods are numbered in name order, which is the order of their UIDs.
    fn number_pods(&mut self, case: &Value) {
        let of_nodes = list(case, "nodes").iter().flat_map(|node| list(node, "pods"));
        let names = of_nodes.chain(list(case, "pending_pods")).map(|pod| text(pod, "name"));
        let of_events = list(case, "events").iter().map(|event| text(event, "pod"));
        for name in names.chain(of_events) {
            self.pod_ids.insert(name.to_owned(), PodId(0));
        }
        for (index, id) in self.pod_ids.values_mut().enumerate() {
            *id = PodId(index as u32);
        }
    }

    fn add_node(&mut self, case: &Value, node: &Value) {
        let id = NodeId(self.node_names.len() as u32);
        self.node_names.push(text(node, "name").to_owned());
        let pool = self.pool_id(text(node, "node_pool"));
        let created = at(node["created_ms"].as_i64().unwrap());
        let launched = LaunchedAs {
            type_id: self
                .cluster
                .instance_types()
                .id_of(text(node, "instance_type"))
                .expect("a type of the set"),
            zone: self
                .cluster
                .instance_types()
                .zone_of(text(node, "zone"), self.cluster.vocabulary())
                .expect("a zone"),
            capacity_type: capacity_type(node),
        };
        self.cluster.claim_created(created, id, pool, &Requirements::new());
        self.cluster.claim_launched(created, id, launched);
        self.cluster.node_registered(created, id);
        self.cluster.rename(id, text(node, "name"));
        let facts = NodeFacts {
            pool,
            created_at: created,
            expire_after: span(&node["expire_after_ms"]),
            do_not_disrupt: node["do_not_disrupt"].as_bool().unwrap_or(false),
            ..NodeFacts::default()
        };
        self.disruption.node_launched(created, id, facts);
        let initialized = node["initialized_ms"].as_i64();
        if let Some(initialized) = initialized {
            self.cluster.node_initialized(at(initialized), id);
            self.disruption.node_initialized(at(initialized), id);
        }
        let last_event = node["last_pod_event_ms"].as_i64();
        let event_at = at(last_event.or(initialized).unwrap_or(0));
        for pod in list(node, "pods") {
            self.add_pod(event_at, id, pod);
        }
        if last_event.is_some() {
            self.note_event(event_at, id);
        }
        self.disruption.set_last_pod_event(id, last_event.map(at));
        self.force_condition(case, node, id);
        self.disruption.node_ready(id, node["ready"].as_bool().unwrap_or(true));
        if node["nominated"].as_bool() == Some(true) {
            self.cluster.nominate(at(0), id);
        }
        if node["marked_for_deletion"].as_bool() == Some(true) {
            self.cluster.mark_for_deletion(id);
            self.disruption.claim_deleting(at(0), id);
        }
        if case["node_claims_updated_last"].as_bool() == Some(true) {
            self.disruption.node_claim_updated(id);
        }
    }

    /// Gives the cluster's node a last pod event by a pod that comes and goes.
    fn note_event(&mut self, now: SimTime, id: NodeId) {
        let visitor = PodId(u32::MAX);
        let class = self.cluster.register_pod_class(PodClassSpec::default());
        self.cluster.pod_bound(now, visitor, class, now, id);
        self.cluster.pod_gone(visitor, id);
    }

    /// Families a-e and s state the condition itself.
    fn force_condition(&mut self, case: &Value, node: &Value, id: NodeId) {
        let is_stated = case["now"].is_string() && case["consolidatable_from_times"].as_bool() != Some(true);
        if is_stated && node["consolidatable"].as_bool() == Some(false) {
            self.disruption.hold_condition(id, at(1));
        }
    }

    pub fn add_pod(&mut self, now: SimTime, node: NodeId, pod: &Value) {
        let id = self.pod_ids[text(pod, "name")];
        let facts = self.pod_facts(pod);
        let class = self.cluster.register_pod_class(class_spec(pod));
        let created_at = at(pod["created_ms"].as_i64().unwrap_or(now.as_ms() as i64 - START_MS));
        self.disruption.pod_bound(now, node, NewPod { pod: id, class, created_at, facts });
        if let Some(started) = pod["started_ms"].as_i64() {
            self.disruption.pod_started(at(started), node, id);
        }
        let is_terminal = matches!(text(pod, "phase"), "Succeeded" | "Failed");
        if is_terminal {
            self.disruption.pod_terminal(now, node, id);
        } else if facts.owner == PodOwner::DaemonSet {
            let spec = DaemonSetSpec { requests: requests(pod), ..DaemonSetSpec::default() };
            self.cluster.daemon_bound(&spec, node);
        } else {
            self.cluster.pod_bound(now, id, class, created_at, node);
        }
        if pod["terminating"].as_bool() == Some(true) {
            self.disruption.pod_terminating(now, node, id);
            self.cluster.pod_terminating(now, id, node);
        }
    }

    pub fn pod_facts(&self, pod: &Value) -> PodFacts {
        let selects = |pdb: &Value| {
            let wanted = pdb["selector"].as_object().expect("a selector");
            wanted.iter().all(|(key, value)| pod["labels"][key.as_str()] == *value)
        };
        let mut selecting = (0..self.pdbs.len()).filter(|index| selects(&self.pdbs[*index]));
        let pdb = match (selecting.next(), selecting.next()) {
            (None, _) => PodPdb::None,
            (Some(one), None) => PodPdb::One(one as u16),
            _ => PodPdb::Several,
        };
        let priority = pod["priority"].as_i64().map(|priority| priority as i32);
        let (cost, deletion_cost) = (pod["disruption_cost"].as_str(), pod["pod_deletion_cost"].as_str());
        PodFacts {
            owner: owner(pod),
            do_not_disrupt: DoNotDisrupt::parse(text(pod, "do_not_disrupt"), self.version),
            eviction_cost: eviction_cost(cost, deletion_cost, priority, self.version),
            pdb,
            tolerates_disrupted_taint: false,
        }
    }

    pub fn pool_id(&self, name: &str) -> PoolId {
        PoolId(self.pools.iter().position(|pool| pool == name).expect("a pool of the case") as u16)
    }

    pub fn pod_name(&self, id: PodId) -> &str {
        self.pod_ids.iter().find(|(_, known)| **known == id).map_or("?", |(name, _)| name)
    }

    pub fn node_name(&self, id: NodeId) -> &str {
        &self.node_names[id.0 as usize]
    }

    /// The controller and what it reads.
    pub fn parts(&mut self) -> (&mut Disruption, Surroundings<'_>) {
        let Self { cluster, solver, disruption, pending, .. } = self;
        (disruption, Surroundings { cluster, solver, pending })
    }
}

pub fn owner(pod: &Value) -> PodOwner {
    match text(pod, "owner") {
        "daemonset" => PodOwner::DaemonSet,
        "node" => PodOwner::Node,
        "statefulset" => PodOwner::StatefulSet,
        "" => PodOwner::Bare,
        _ => PodOwner::Controller,
    }
}

fn requests(value: &Value) -> Resources {
    let number = |key: &str| value[key].as_u64().unwrap_or(0) as u32;
    Resources::new(number("cpu_millis"), number("memory_mib"))
}

pub fn class_spec(pod: &Value) -> PodClassSpec {
    let pairs = |key: &str| {
        let pair =
            |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
        pod[key].as_object().map(|all| all.iter().map(pair).collect()).unwrap_or_default()
    };
    PodClassSpec {
        requests: requests(pod),
        labels: pairs("labels"),
        node_selector: pairs("node_selector"),
        ..PodClassSpec::default()
    }
}

fn pool_disruption(pool: &Value) -> PoolDisruption {
    PoolDisruption {
        consolidation_policy: match text(pool, "consolidation_policy") {
            "WhenEmpty" => ConsolidationPolicy::WhenEmpty,
            "Balanced" => ConsolidationPolicy::Balanced,
            _ => ConsolidationPolicy::WhenEmptyOrUnderutilized,
        },
        consolidate_after: span(&pool["consolidate_after_ms"]),
        budgets: list(pool, "budgets").iter().map(budget).collect(),
    }
}

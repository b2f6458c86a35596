//! Recordings of a whole cluster: reads them, and turns a recorded case into a plan that the loop can run.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::sync::Arc;

use fleetsim::catalog::{Arch, CapacityType, Catalog, CustomPrice, CustomType, TypeId};
use fleetsim::ec2::{AllocationStrategy, BillingRules, Delay, StartupModel};
use fleetsim::engine::{Purpose, Streams};
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, PoolDisruption};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec};
use fleetsim::karpenter::node_pools::{Limits, NodePoolSpec};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::karpenter::resources::Amounts;
use fleetsim::kubernetes::ScoringStrategy;
use fleetsim::simulation::{CapacityPlan, PodSource, PoolPlan};
use fleetsim::units::{HourlyPrice, Mebibytes, Ppm, SimDuration, SimTime};
use fleetsim::workload::{ArchChoice, Distribution};
use rand::Rng;
use serde_json::Value;

use super::plans::{Case, hours, ms};
use super::support;

/// From a claim's creation to its node's being ready beyond the case's delays, where a pass opened one claim only: the
/// twentieths of 151 recorded ones, 22 to 351 ms, median 51.
const NODE_START_LAG: [u64; 20] =
    [25, 30, 33, 34, 37, 41, 43, 45, 47, 49, 52, 55, 61, 67, 72, 81, 95, 113, 130, 200];
/// In a burst each node is ready so long after the one before, in the mean of a run: the recorded bursts of four nodes and
/// more but those on a busy machine.
const NODE_START_PACE: [u64; 12] = [16, 19, 24, 26, 26, 29, 32, 34, 36, 40, 43, 60];
/// kube-scheduler's work on a pod that it places: 3.7 ms apart in d01, below the limit of its client.
const PLACING_TIME: [u64; 12] = [3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5];
/// A call of kube-scheduler's, on the same machines: pods of a burst below its client's limit are marked so far apart.
const CALL_LATENCY: [u64; 12] = [7, 7, 8, 8, 9, 9, 9, 10, 11, 12, 13, 14];

const FOLDER: &str = "cluster/trajectories";

/// A whole number of a recording.
pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a whole number, not {value}"))
}

fn optional(value: &Value) -> Option<u64> {
    value.as_u64()
}

/// A text of a recording.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

/// The entries of a list; none where it is absent.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All recorded runs of one case.
pub struct RecordedCase {
    /// The input.
    pub case: Value,
    /// The recordings.
    pub runs: Vec<Value>,
}

/// Every recorded case with its runs, grouped by equal input.
pub fn recorded_cases() -> Vec<RecordedCase> {
    let mut cases: Vec<RecordedCase> = Vec::new();
    for file in support::files(FOLDER, "", ".json") {
        let run: Value = serde_json::from_str(&support::read(&file)).expect("a trajectory");
        match cases.iter_mut().find(|known| known.case == run["case"]) {
            Some(known) => known.runs.push(run),
            None => cases.push(RecordedCase { case: run["case"].clone(), runs: vec![run] }),
        }
    }
    cases
}

/// The instance types of a case, with exactly its offerings.
pub fn catalog(case: &Value) -> Arc<Catalog> {
    let file = format!("cluster/{}", text(&case["types_file"]));
    let types: Vec<Value> = serde_json::from_str(&support::read(&file)).expect("instance types");
    let zone = text(&types[0]["offerings"][0]["zone"]);
    let known = Catalog::without_prices(&zone[..zone.len() - 1]);
    let mut own = Vec::new();
    let mut prices = Vec::new();
    for kind in &types {
        let name = text(&kind["instance_type"]);
        if known.find(name).is_none() {
            own.push(custom_type(kind));
        }
        let mut offerings: Vec<&Value> = list(&kind["offerings"]).iter().collect();
        offerings.retain(|offering| offering["available"] == true);
        // On-demand first: Spot is a saving against it.
        offerings.sort_by_key(|offering| text(&offering["capacity_type"]) == "spot");
        prices.extend(offerings.into_iter().map(|offering| CustomPrice {
            instance_type: name.to_owned(),
            zone: Some(text(&offering["zone"]).to_owned()),
            capacity_type: capacity_type(text(&offering["capacity_type"])),
            price: HourlyPrice::from_dollars(offering["usd_per_hour"].as_f64().expect("a price")),
            rating: None,
        }));
    }
    let catalog = known.with_custom(&own, &prices).expect("types and prices of the case");
    for kind in &types {
        let built = catalog.get(catalog.find(text(&kind["instance_type"])).expect("a type of the case"));
        let (capacity, allocatable) = (built.capacity(), built.allocatable());
        let recorded = |key: &str| number(&kind[key]);
        assert_eq!(
            [capacity.cpu.0, capacity.memory.0, allocatable.cpu.0, allocatable.memory.0, built.max_pods]
                .map(i64::from),
            [
                recorded("cpu_capacity_millis"),
                recorded("memory_capacity_mib"),
                recorded("cpu_allocatable_millis"),
                recorded("memory_allocatable_mib"),
                recorded("pods")
            ],
            "{}",
            built.name
        );
    }
    Arc::new(catalog)
}

fn custom_type(kind: &Value) -> CustomType {
    let memory = number(&kind["memory_capacity_mib"]) as u32;
    CustomType {
        name: text(&kind["instance_type"]).to_owned(),
        arch: arch(text(&kind["arch"])),
        vcpus: (number(&kind["cpu_capacity_millis"]) / 1000) as u32,
        // Karpenter takes 7.5 % of the advertised memory off.
        memory: Mebibytes((u64::from(memory) * 1000).div_ceil(925) as u32),
        cpu_generation: None,
        max_pods: Some(number(&kind["pods"]) as u32),
        local_nvme_gb: 0,
        network_mbps: 0,
    }
}

fn arch(label: &str) -> Arch {
    if label == "arm64" { Arch::Arm64 } else { Arch::Amd64 }
}

fn capacity_type(label: &str) -> CapacityType {
    if label == "spot" { CapacityType::Spot } else { CapacityType::OnDemand }
}

/// The NodePools of a case.
pub fn pools(case: &Value) -> Vec<PoolPlan> {
    list(&case["node_pools"]).iter().map(pool).collect()
}

fn pool(pool: &Value) -> PoolPlan {
    let mut requirements = Vec::new();
    for (field, key) in [
        ("arch", "kubernetes.io/arch"),
        ("capacity_types", "karpenter.sh/capacity-type"),
        ("families", "karpenter.k8s.aws/instance-family"),
        ("sizes", "karpenter.k8s.aws/instance-size"),
    ] {
        let values: Vec<&str> = list(&pool[field]).iter().map(text).collect();
        if !values.is_empty() {
            requirements.push(RequirementSpec::new(key, Operator::In, &values));
        }
    }
    let after = optional(&pool["consolidate_after_s"]).map(SimDuration::from_secs);
    let budgets: Vec<Budget> =
        list(&pool["budgets"]).iter().map(|nodes| Budget::new(text(nodes), None, None, None)).collect();
    PoolPlan {
        spec: NodePoolSpec {
            name: text(&pool["name"]).to_owned(),
            weight: optional(&pool["weight"]).unwrap_or(0) as u32,
            requirements,
            limits: Limits {
                cpu: pool["limit_cpu_millis"].as_i64().filter(|limit| *limit > 0),
                ..Limits::default()
            },
            consolidate_after: after,
            ..NodePoolSpec::default()
        },
        disruption: PoolDisruption {
            consolidation_policy: match text(&pool["consolidation_policy"]) {
                "WhenEmpty" => ConsolidationPolicy::WhenEmpty,
                _ => ConsolidationPolicy::WhenEmptyOrUnderutilized,
            },
            consolidate_after: after,
            budgets: if budgets.is_empty() { vec![Budget::ten_percent()] } else { budgets },
        },
        expire_after: None,
        ..PoolPlan::default()
    }
}

/// What differs between runs of one case beside names and ties.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// Everything happens so much later: the clock's seconds fall anywhere.
    pub later: SimDuration,
    /// When Karpenter's disruption controller looks for the first time.
    pub first_poll: SimDuration,
    /// How busy the machine is: any number.
    pub machine: u64,
    /// In which order workers get to the jobs of an instant: any number.
    pub workers: u64,
}

/// The jobs of a case in the order in which the recordings' driver creates their pods, with the instants: eight workers take
/// the jobs of one instant as they come, 25 ms each (recorded: 16 to 49), so a burst is some time apart and a little shuffled.
fn in_order_of_creation(jobs: &[Value], workers: u64) -> Vec<(u64, &Value)> {
    const WORKERS: usize = 8;
    const EACH: u64 = 25;
    let streams = Streams::new(workers, 0);
    let mut created = Vec::new();
    for burst in jobs.chunk_by(|one, next| one["at_ms"] == next["at_ms"]) {
        let at = number(&burst[0]["at_ms"]) as u64;
        for (place, job) in burst.iter().enumerate() {
            let mut random = streams.entity(Purpose::named("driver's workers"), created.len() as u64);
            let busy = (place / WORKERS) as u64 * EACH + random.next_u64() % EACH;
            created.push((if burst.len() > 1 { at + busy } else { at }, job));
        }
    }
    created.sort_by_key(|(at, _)| *at);
    created
}

/// The case as a plan.
pub fn plan(case: &Value, catalog: &Arc<Catalog>, chance: Chance) -> Case {
    let Chance { later, first_poll, machine, workers } = chance;
    let machine = machine as usize % NODE_START_PACE.len();
    let delay = |name: &str| ms(optional(&case["delays"][name]).unwrap_or(0));
    let constant = |name: &str| Delay::Constant(delay(name));
    // What the recorded control plane itself takes on top of the case's delays (README, measured rules).
    let lagging =
        |name: &str, lags: &[u64]| Delay::empirical(lags.iter().map(|lag| delay(name) + ms(*lag)).collect());
    let mut plan = Case::new().until(later + ms(number(&case["max_ms"]) as u64)).change(|plan| {
        plan.kubernetes.scheduler.call_latency = ms(CALL_LATENCY[machine]);
        plan.kubernetes.scheduler.placing_time = ms(PLACING_TIME[machine]);
        plan.executor.pod_source = PodSource::Direct;
        plan.executor.poll_interval = ms(1);
        plan.executor.poll_timeout = hours(10_000);
        plan.executor.teardown = delay("teardown_ms");
        plan.kubernetes.pod_start = constant("pod_start_ms");
        if text(&case["scheduler_scoring"]) == "MostAllocated" {
            plan.kubernetes.scheduler.strategy = ScoringStrategy::MostAllocated;
        }
        let ec2 = &mut plan.ec2;
        ec2.catalog = Arc::clone(catalog);
        ec2.startup = StartupModel {
            request_to_running: lagging("launch_ms", &NODE_START_LAG),
            running_to_registered: constant("register_ms"),
            registered_to_ready: constant("ready_ms"),
            hang: Ppm::ZERO,
        };
        ec2.launch_answer = constant("launch_ms");
        ec2.termination = constant("terminate_ms");
        ec2.spot_strategy = AllocationStrategy::LowestPrice;
        ec2.spot.scale = Ppm::ZERO;
        ec2.root_volume_gib = 0;
        ec2.billing = BillingRules { minimum: SimDuration::ZERO, ..ec2.billing };
    });
    for pool in pools(case) {
        plan = plan.pool_as(pool);
    }
    if let CapacityPlan::Karpenter(karpenter) = &mut plan.plan.capacity {
        karpenter.nodes_keep_claim_names = true;
        karpenter.first_disruption_pass = SimTime::ZERO + first_poll;
        let pace = NODE_START_PACE[machine];
        karpenter.node_start_pace =
            Some(Delay::empirical([20, 60, 100, 140, 180].map(|percent| ms(pace * percent / 100)).to_vec()));
    }
    let mut classes: Vec<String> = Vec::new();
    for (at, job) in in_order_of_creation(list(&case["jobs"]), workers) {
        let (cpu, memory) = (number(&job["cpu_millis"]) as u32, number(&job["memory_mib"]) as u32);
        let protected = job["do_not_disrupt"] == true;
        let arch = job["arch"].as_str();
        let name = format!("{cpu}-{memory}-{arch:?}-{protected}");
        if !classes.contains(&name) {
            plan = plan.class(&name, cpu, memory, Distribution::Constant(ms(1000)), |class| {
                class.do_not_disrupt = protected;
                class.arch = match arch {
                    Some("amd64") => ArchChoice::Amd64,
                    Some(_) => ArchChoice::Arm64,
                    None => ArchChoice::Either,
                };
            });
            classes.push(name.clone());
        }
        plan = plan.job(later + ms(at), &name, ms(number(&job["duration_ms"]) as u64));
    }
    plan
}

/// An instance type as Karpenter is told of it.
pub fn type_spec(catalog: &Catalog, id: TypeId) -> InstanceTypeSpec {
    let kind = catalog.get(id);
    let (capacity, allocatable) = (kind.capacity(), kind.allocatable());
    InstanceTypeSpec {
        name: kind.name.to_string(),
        capacity: Amounts::new(capacity.cpu, capacity.memory, kind.max_pods),
        allocatable: Amounts::new(allocatable.cpu, allocatable.memory, kind.max_pods),
        labels: catalog
            .labels(id)
            .into_iter()
            .map(|label| {
                let values = label.values.iter().map(|value| value.clone().into_owned()).collect();
                (label.key.to_owned(), values)
            })
            .collect(),
        offerings: catalog
            .offerings(id)
            .map(|offering| OfferingSpec {
                zone: catalog.zones()[offering.zone.index()].name.clone(),
                zone_id: None,
                capacity_type: offering.capacity_type,
                price: offering.price,
                is_available: true,
            })
            .collect(),
    }
}

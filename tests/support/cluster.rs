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
use fleetsim::kubernetes::{CallLatency, ScoringStrategy};
use fleetsim::simulation::{CapacityPlan, PodSource, PoolPlan};
use fleetsim::units::{HourlyPrice, Mebibytes, Ppm, SimDuration, SimTime};
use fleetsim::workload::{ArchChoice, Distribution};
use rand::Rng;
use serde_json::Value;

use super::plans::{Case, hours, ms};
use super::support;

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

/// What a recording met that no rule of Karpenter's and kube-scheduler's decides, read off the recording itself: when the
/// driver created the pods, where the wall clock stood, and how fast the machine was.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// When each job's pod was created.
    created: Vec<u64>,
    /// Milliseconds of the second in which the recording started, where they can be told.
    pub start_in_second: Option<u64>,
    /// From one failed attempt of kube-scheduler's to the next, a call between them: each as it was seen.
    calls: Vec<u64>,
    /// From a claim's creation to its node's being ready beyond the case's delays, the first node of every pass.
    start_lags: Vec<u64>,
    /// From node to node of one pass.
    start_gaps: Vec<u64>,
}

impl Surroundings {
    /// Those of a recorded run.
    pub fn of(case: &Value, run: &Value) -> Self {
        let (start_lags, start_gaps) = node_starts(case, run);
        Self {
            created: list(&run["pods"]).iter().map(|pod| number(&pod["created_ms"]) as u64).collect(),
            start_in_second: start_in_second(run),
            calls: calls(run),
            start_lags,
            start_gaps,
        }
    }

    /// The jobs in the order in which their pods were created; that of one millisecond is drawn.
    pub fn order_of_creation(&self, order: u64) -> Vec<usize> {
        let streams = Streams::new(order, 0);
        let tie = |place: &usize| {
            let mut random = streams.entity(Purpose::named("order of creation"), *place as u64);
            (self.created[*place], random.next_u64())
        };
        let mut places: Vec<usize> = (0..self.created.len()).collect();
        places.sort_by_cached_key(tie);
        places
    }

    /// kube-scheduler's work on a pod that it places: 3.7 ms in d01 below the limit of its client, where a call takes 12 ms.
    fn placing_time(&self) -> u64 {
        (self.calls.iter().sum::<u64>() / self.calls.len() as u64 * 3 / 10).max(3)
    }
}

/// How far into a second of the wall clock a recording started, in milliseconds: the condition `Consolidatable` comes true
/// on whole seconds, as the times that it is counted from have none but these, and is seen some milliseconds later.
fn start_in_second(run: &Value) -> Option<u64> {
    const LATENCY: i64 = 5;
    let mut flips: Vec<i64> = list(&run["events"])
        .iter()
        .filter(|event| event["kind"] == "consolidatable" && event["info"] == true)
        .map(|event| number(&event["ms"]) % 1000)
        .collect();
    flips.sort_unstable();
    // Most flips come within a tenth of a second of their second; a busy machine is late with some.
    let within = |from: i64| flips.iter().filter(|ms| (**ms - from).rem_euclid(1000) < 100).count();
    let earliest = flips.iter().copied().rev().max_by_key(|from| within(*from))?;
    Some((LATENCY - earliest).rem_euclid(1000) as u64)
}

/// How long kube-scheduler takes for a pod that it cannot place. Pods of a burst that it marks one right after another tell;
/// where too few do, the time from a pod's creation to its mark less two deliveries of a watch.
fn calls(run: &Value) -> Vec<u64> {
    const DELIVERIES: i64 = 3;
    // Beyond that many the client's own limit sets the pace.
    const BELOW_LIMIT: usize = 95;
    let mut marked: Vec<(i64, i64)> = list(&run["pods"])
        .iter()
        .map(|pod| (number(&pod["unschedulable_ms"]), number(&pod["created_ms"])))
        .filter(|(marked, _)| *marked >= 0)
        .collect();
    marked.sort_unstable();
    let apart: Vec<i64> = marked
        .windows(2)
        .take(BELOW_LIMIT)
        .filter(|pair| pair[1].1 < pair[0].0)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    let alone: Vec<i64> = marked.iter().map(|(marked, created)| marked - created - DELIVERIES).collect();
    let of = if apart.len() * 2 >= marked.len().min(BELOW_LIMIT) { apart } else { alone };
    if of.is_empty() { vec![1] } else { of.into_iter().map(|call| call.max(1) as u64).collect() }
}

/// The lag of the first node of each pass that was ready, and the gaps to the others.
fn node_starts(case: &Value, run: &Value) -> (Vec<u64>, Vec<u64>) {
    // Claims of one pass are created one right after another.
    const ONE_PASS: i64 = 400;
    let delays: i64 =
        ["launch_ms", "register_ms", "ready_ms"].iter().map(|delay| number(&case["delays"][delay])).sum();
    let mut nodes: Vec<(i64, i64)> = list(&run["nodes"])
        .iter()
        .map(|node| (number(&node["created_ms"]), number(&node["node_ready_ms"])))
        .filter(|(_, ready)| *ready >= 0)
        .collect();
    nodes.sort_unstable();
    let (mut lags, mut gaps) = (Vec::new(), Vec::new());
    for pass in nodes.chunk_by(|one, next| next.0 - one.0 < ONE_PASS) {
        let mut ready: Vec<i64> = pass.iter().map(|(_, ready)| *ready).collect();
        ready.sort_unstable();
        lags.push((ready[0] - pass[0].0 - delays).max(0) as u64);
        gaps.extend(ready.windows(2).map(|pair| (pair[1] - pair[0]) as u64));
    }
    (lags, gaps)
}

/// What differs between runs of one case beside names and ties.
#[derive(Clone, Copy, Debug)]
pub struct Chance<'a> {
    /// Everything happens so much later: the clock's seconds fall elsewhere.
    pub later: SimDuration,
    /// When Karpenter's disruption controller looks for the first time.
    pub first_poll: SimDuration,
    /// What one of the recordings met.
    pub surroundings: &'a Surroundings,
    /// In which order pods of one millisecond are created: any number.
    pub order: u64,
}

/// The case as a plan.
pub fn plan(case: &Value, catalog: &Arc<Catalog>, chance: Chance<'_>) -> Case {
    let Chance { later, first_poll, surroundings, order } = chance;
    let delay = |name: &str| ms(optional(&case["delays"][name]).unwrap_or(0));
    let constant = |name: &str| Delay::Constant(delay(name));
    // What the recorded control plane itself takes on top of the case's delays (README, measured rules).
    let lagging =
        |name: &str, lags: &[u64]| Delay::empirical(lags.iter().map(|lag| delay(name) + ms(*lag)).collect());
    let mut plan = Case::new().until(later + ms(number(&case["max_ms"]) as u64)).change(|plan| {
        plan.kubernetes.scheduler.call_latency =
            CallLatency::Observed(surroundings.calls.iter().map(|call| ms(*call)).collect());
        plan.kubernetes.scheduler.placing_time = ms(surroundings.placing_time());
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
            request_to_running: lagging("launch_ms", &surroundings.start_lags),
            running_to_registered: constant("register_ms"),
            registered_to_ready: constant("ready_ms"),
            hang: Ppm::ZERO,
        };
        ec2.launch_answer = constant("launch_ms");
        ec2.termination = constant("terminate_ms");
        ec2.spot_strategy = AllocationStrategy::LowestPrice;
        ec2.spot.scale = Ppm::ZERO;
        ec2.root_volume.gib = 0;
        ec2.billing = BillingRules { minimum: SimDuration::ZERO, ..ec2.billing };
    });
    for pool in pools(case) {
        plan = plan.pool_as(pool);
    }
    if let CapacityPlan::Karpenter(karpenter) = &mut plan.plan.capacity {
        karpenter.nodes_keep_claim_names = true;
        karpenter.first_disruption_pass = SimTime::ZERO + first_poll;
        if !surroundings.start_gaps.is_empty() {
            let gaps = surroundings.start_gaps.iter().map(|gap| ms(*gap)).collect();
            karpenter.node_start_pace = Some(Delay::empirical(gaps));
        }
    }
    let mut classes: Vec<String> = Vec::new();
    for place in surroundings.order_of_creation(order) {
        let (at, job) = (surroundings.created[place], &case["jobs"][place]);
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

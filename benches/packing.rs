//! Cost of a scheduling pass: pods a second, by how much the pods differ and how many nodes exist.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{Cluster, LaunchedAs, NodeId};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::node_pools::{NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassId, PodClassSpec, PodId};
use fleetsim::karpenter::requirements::Requirements;
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{PassInput, PassOptions, PassPod, PassResults, PodOrigin, Solver};
use fleetsim::units::{HourlyPrice, Resources, SimTime};

const PODS: u32 = 5_000;

/// A region of 400 types: 40 families of ten sizes, half of them arm64, three zones, both capacity types.
fn instance_types() -> Vec<InstanceTypeSpec> {
    let mut specs = Vec::new();
    for family in 0..40_i64 {
        let memory_per_cpu = [2048, 4096, 8192][family as usize % 3];
        let arch = ["amd64", "arm64"][family as usize % 2];
        for (size, cpus) in [1_i64, 2, 4, 8, 16, 32, 48, 64, 96, 192].into_iter().enumerate() {
            let memory = cpus * memory_per_cpu * 925 / 1000;
            let pods = (cpus * 15).clamp(8, 737);
            let capacity = Amounts { cpu: cpus * 1000, memory, pods };
            let reserved = Amounts { cpu: 50 + cpus * 2, memory: 355 + 11 * pods, pods: 0 };
            let labels = [
                ("kubernetes.io/arch", arch.to_owned()),
                ("kubernetes.io/os", "linux".to_owned()),
                ("karpenter.k8s.aws/instance-category", ["c", "m", "r"][family as usize % 3].to_owned()),
                ("karpenter.k8s.aws/instance-family", format!("f{family}")),
                ("karpenter.k8s.aws/instance-cpu", cpus.to_string()),
                ("karpenter.k8s.aws/instance-size", format!("s{size}")),
            ];
            specs.push(InstanceTypeSpec {
                name: format!("f{family}.s{size}"),
                capacity,
                allocatable: capacity - reserved,
                labels: labels.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect(),
                offerings: offerings(cpus as f64 * (0.04 + 0.001 * family as f64)),
            });
        }
    }
    specs
}

fn offerings(price: f64) -> Vec<OfferingSpec> {
    let mut all = Vec::new();
    for (index, zone) in ["a", "b", "c"].into_iter().enumerate() {
        for (capacity_type, share) in [(CapacityType::OnDemand, 1.0), (CapacityType::Spot, 0.3)] {
            all.push(OfferingSpec {
                zone: zone.to_owned(),
                zone_id: None,
                capacity_type,
                price: HourlyPrice::from_dollars(price * share * (1.0 + 0.01 * index as f64)),
                is_available: true,
            });
        }
    }
    all
}

fn cluster(nodes: u32) -> Cluster {
    let pool = NodePoolSpec { name: "ci".into(), ..NodePoolSpec::default() };
    let streams = Streams::new(1, 0);
    let mut cluster = Cluster::new(&instance_types(), vec![pool], &[], PreferencePolicy::Respect, streams);
    for index in 0..nodes {
        let id = NodeId(index);
        let launched = LaunchedAs {
            type_id: TypeId((index * 7 % 40 * 10 + 3 + index % 3) as u16),
            zone: ZoneId((index % 3) as u8),
            capacity_type: CapacityType::Spot,
        };
        cluster.claim_created(SimTime::ZERO, id, PoolId(0), &Requirements::new());
        cluster.claim_launched(SimTime::ZERO, id, launched);
        cluster.node_registered(SimTime::ZERO, id);
        cluster.node_initialized(SimTime::ZERO, id);
        // Most nodes are nearly full.
        let node = cluster.node(id).expect("it was just made");
        let (capacity, mut allocatable) = (node.capacity, node.allocatable);
        allocatable.cpu = allocatable.cpu * i64::from(index % 7) / 10;
        allocatable.memory = allocatable.memory * i64::from(index % 5) / 8;
        cluster.set_resources(id, capacity, allocatable);
    }
    cluster
}

/// Shapes of CI jobs: requests, and for most an architecture, for some a zone or a capacity type.
fn class(cluster: &mut Cluster, index: u32) -> PodClassId {
    let cpu = 250 + 250 * (index * 7 % 16) + index / 20;
    let requests = Resources::new(cpu, cpu * [1, 2, 3, 5][index as usize % 4]);
    let mut node_selector = Vec::new();
    if !index.is_multiple_of(4) {
        node_selector.push(("kubernetes.io/arch".into(), ["amd64", "arm64"][index as usize % 2].into()));
    }
    if index % 5 == 2 {
        node_selector
            .push(("topology.kubernetes.io/zone".into(), ["a", "b", "c"][index as usize % 3].into()));
    }
    if index % 6 == 1 {
        node_selector.push(("karpenter.sh/capacity-type".into(), "on-demand".into()));
    }
    cluster.register_pod_class(PodClassSpec { requests, node_selector, ..PodClassSpec::default() })
}

fn pods(cluster: &mut Cluster, classes: u32) -> Vec<PassPod> {
    let classes: Vec<PodClassId> = (0..classes).map(|index| class(cluster, index)).collect();
    (0..PODS)
        .map(|index| PassPod {
            pod: PodId(index),
            class: classes[index as usize % classes.len()],
            created_at: SimTime::from_ms(u64::from(index) * 7 % 10_000),
            uid: u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            origin: PodOrigin::Pending,
        })
        .collect()
}

fn packing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packing 5,000 pods");
    group.throughput(Throughput::Elements(u64::from(PODS)));
    group.sample_size(20);
    for (name, nodes, classes) in [
        ("identical", 0, 1),
        ("20 shapes", 0, 20),
        ("1,000 shapes", 0, 1_000),
        ("identical, 1,000 nodes", 1_000, 1),
        ("20 shapes, 1,000 nodes", 1_000, 20),
        ("1,000 shapes, 1,000 nodes", 1_000, 1_000),
    ] {
        let mut cluster = cluster(nodes);
        let pods = pods(&mut cluster, classes);
        let mut solver = Solver::new(PassOptions::default());
        let mut results = PassResults::default();
        let input = PassInput { now: SimTime::ZERO, pods: &pods, excluded: &[], is_consolidation: false };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                solver.solve(&cluster, black_box(&input), &mut results);
                results.claims.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, packing);
criterion_main!(benches);

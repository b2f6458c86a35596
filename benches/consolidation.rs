//! Cost of a consolidation pass that finds nothing, and of one that finds a command, by fleet size.

#![allow(clippy::print_stderr)] // the counters belong beside the times

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    Budget, Calendar, Disruption, Method, NewPod, NodeFacts, PodFacts, PoolDisruption, Settings, Surroundings,
};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::node_pools::{NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassSpec, PodId};
use fleetsim::karpenter::requirements::Requirements;
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::PassOptions;
use fleetsim::karpenter::{Cluster, Solver};
use fleetsim::units::{HourlyPrice, Mebibytes, Millicores, Resources, SimDuration, SimTime};

const HOUR: SimTime = SimTime::from_ms(3_600_000);

/// 60 types of five sizes in three zones, on demand and spot.
fn types() -> Vec<InstanceTypeSpec> {
    let one = |index: u32| {
        let (size, family) = (index % 5, index / 5);
        let cpu = 2000 << size;
        let price = 0.04 * f64::from(1_u32 << size) * (1.0 + 0.03 * f64::from(family));
        let offering = |(zone, kind): (u32, CapacityType)| OfferingSpec {
            zone: format!("us-east-1{}", char::from(b'a' + zone as u8)),
            zone_id: None,
            capacity_type: kind,
            price: HourlyPrice::from_dollars(if kind == CapacityType::Spot { price * 0.4 } else { price }),
            is_available: true,
        };
        let kinds = [CapacityType::OnDemand, CapacityType::Spot];
        InstanceTypeSpec {
            name: format!("t{family:02}.s{size}"),
            capacity: Amounts::new(Millicores(cpu), Mebibytes(cpu * 4), 58),
            allocatable: Amounts::new(Millicores(cpu - 90), Mebibytes(cpu * 4 - 900), 58),
            labels: Vec::new(),
            offerings: (0..3).flat_map(|zone| kinds.map(|kind| (zone, kind))).map(offering).collect(),
        }
    };
    (0..60).map(one).collect()
}

/// A fleet whose nodes are so full that no pod of one fits on another (`share` of their CPU is used).
fn fleet(nodes: u32, share: u32) -> (Cluster, Solver, Disruption) {
    let pools = vec![NodePoolSpec { name: "ci".to_owned(), ..NodePoolSpec::default() }];
    let mut cluster = Cluster::new(&types(), pools, &[], PreferencePolicy::Respect, Streams::new(1, 0));
    let pool = PoolDisruption {
        consolidate_after: Some(SimDuration::from_secs(30)),
        budgets: vec![Budget::new("100%", None, None, None)],
        ..PoolDisruption::default()
    };
    let mut disruption = Disruption::new(Settings::default(), Calendar::default(), vec![pool], SimTime::ZERO);
    let mut pod = 0;
    for index in 0..nodes {
        let (now, id) = (SimTime::ZERO, NodeId(index));
        let kind = TypeId((index % 60) as u16);
        let launched =
            LaunchedAs { type_id: kind, zone: ZoneId((index % 3) as u8), capacity_type: CapacityType::Spot };
        cluster.claim_created(now, id, PoolId(0), &Requirements::new());
        cluster.claim_launched(now, id, launched);
        cluster.node_registered(now, id);
        cluster.node_initialized(now, id);
        let facts = NodeFacts { pool: PoolId(0), created_at: now, ..NodeFacts::default() };
        disruption.node_launched(now, id, facts);
        disruption.node_initialized(now, id);
        let room = cluster.instance_types().get(kind).allocatable.cpu as u32;
        // Four kinds of jobs. In a full fleet none fits into what any other node has left.
        let request = if share == 100 { 950 + index % 4 } else { (room / 4).min(1800 + 100 * (index % 4)) };
        for _ in 0..room * share / 100 / request {
            let class = cluster.register_pod_class(PodClassSpec {
                requests: Resources::new(request, request * 2),
                ..PodClassSpec::default()
            });
            cluster.pod_bound(now, PodId(pod), class, now, id);
            disruption.pod_bound(
                now,
                id,
                NewPod { pod: PodId(pod), class, created_at: now, facts: PodFacts::default() },
            );
            pod += 1;
        }
    }
    (cluster, Solver::new(PassOptions::default()), disruption)
}

fn passes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("consolidation");
    group.sample_size(20);
    for (share, what) in [(100, "full"), (60, "loose")] {
        for nodes in [100, 1000] {
            let (cluster, mut solver, mut disruption) = fleet(nodes, share);
            let mut pass = |disruption: &mut Disruption| {
                let mut surroundings = Surroundings { cluster: &cluster, solver: &mut solver, pending: &[] };
                let multi = disruption.ask(Method::MultiNode, HOUR, &mut surroundings);
                if multi.command.is_some() {
                    multi
                } else {
                    disruption.ask(Method::SingleNode, HOUR, &mut surroundings)
                }
            };
            let answer = pass(&mut disruption);
            let gone = answer.command.map_or(0, |command| command.candidates.len());
            eprintln!("{what}, {nodes} nodes: {:?}, {gone} nodes go", disruption.work());
            group.bench_with_input(BenchmarkId::new(what, nodes), &(), |bencher, ()| {
                bencher.iter(|| black_box(pass(&mut disruption)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, passes);
criterion_main!(benches);

//! Cost of binding a pod and releasing another, by fleet size and number of shapes.

#![allow(clippy::print_stderr)] // the counters belong beside the times

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    Footprint, NodeClass, NodeClassId, NodeHold, NodeInfo, NodeKey, PodKey, PodShape, Scheduler,
    SchedulerConfig, SchedulingOutcome, ShapeId,
};
use fleetsim::units::{Resources, SimTime};

/// A fleet at a steady load of about two thirds, with one pod coming for every pod that goes.
struct Fleet {
    scheduler: Scheduler,
    shapes: Vec<ShapeId>,
    running: Vec<PodKey>,
    turn: usize,
    out: Vec<SchedulingOutcome>,
}

fn node(class: NodeClassId, index: u32) -> NodeInfo {
    let cpu = [7910, 15_890, 31_850][index as usize % 3];
    NodeInfo {
        class,
        zone: (index % 3) as u16,
        allocatable: Resources::new(cpu, cpu * 4),
        pods: 110,
        daemons: Footprint::of(Resources::new(180, 240)),
        daemon_pods: 4,
        hold: NodeHold::NONE,
    }
}

impl Fleet {
    fn new(nodes: u32, shapes: u32) -> Self {
        let config = SchedulerConfig { client_per_second: 0, ..SchedulerConfig::default() };
        let mut scheduler = Scheduler::new(config, Streams::new(1, 0));
        let class = scheduler.register_node_class(NodeClass::default());
        for index in 0..nodes {
            scheduler.add_node(SimTime::ZERO, NodeKey(index), node(class, index));
        }
        let shapes: Vec<ShapeId> = (0..shapes)
            .map(|index| {
                let cpu = 500 + 250 * (index % 8) + 10 * (index / 8);
                let memory = cpu * [2, 3, 4, 6][index as usize % 4];
                scheduler.register_shape(PodShape::of(Resources::new(cpu, memory)))
            })
            .collect();
        let mut fleet = Self { scheduler, shapes, running: Vec::new(), turn: 0, out: Vec::new() };
        for pod in 0..nodes * 7 {
            fleet.running.push(PodKey(pod));
            fleet.start(PodKey(pod));
        }
        fleet
    }

    fn start(&mut self, pod: PodKey) {
        self.turn += 1;
        let shape = self.shapes[self.turn * 7 % self.shapes.len()];
        self.scheduler.pod_created(SimTime::ZERO, pod, shape);
        self.out.clear();
        self.scheduler.wake(SimTime::ZERO, &mut self.out);
        assert_eq!(self.out.len(), 1);
    }

    fn replace_one(&mut self) {
        let pod = self.running[self.turn * 7919 % self.running.len()];
        self.scheduler.pod_deleted(SimTime::ZERO, pod);
        self.start(pod);
        black_box(&self.out);
    }
}

fn binding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bind and release");
    group.throughput(Throughput::Elements(1));
    for (nodes, shapes) in [(130, 8), (130, 200), (6000, 8), (6000, 200)] {
        let mut fleet = Fleet::new(nodes, shapes);
        let before = fleet.scheduler.work();
        group.bench_function(
            BenchmarkId::new(format!("{nodes} nodes"), format!("{shapes} shapes")),
            |bencher| {
                bencher.iter(|| fleet.replace_one());
            },
        );
        let work = fleet.scheduler.work();
        let per_binding = |count: u64| count as f64 / (work.bindings - before.bindings) as f64;
        eprintln!(
            "per binding: {:.1} nodes considered, {:.1} scores computed",
            per_binding(work.nodes_considered - before.nodes_considered),
            per_binding(work.scores_computed - before.scores_computed)
        );
    }
    group.finish();
}

fn node_churn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("node leaves and joins");
    for nodes in [130, 6000] {
        let mut fleet = Fleet::new(nodes, 8);
        let class = fleet.scheduler.register_node_class(NodeClass::default());
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
            bencher.iter(|| {
                turn = (turn + 7919) % nodes;
                fleet.scheduler.remove_node(SimTime::ZERO, NodeKey(turn));
                fleet.scheduler.add_node(SimTime::ZERO, NodeKey(turn), node(class, turn));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, binding, node_churn);
criterion_main!(benches);

//! When passes run, what they leave behind, and that the solver's caches never show.

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::batcher::BatchWindow;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::node_pools::{Limits, NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassId, PodClassSpec, PodId};
use fleetsim::karpenter::provisioner::Outcome;
use fleetsim::karpenter::requirements::Requirements;
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{PassInput, PassOptions, PassPod, PassResults, PodOrigin};
use fleetsim::karpenter::{Cluster, IceCache, Provisioner, Solver};
use fleetsim::units::{HourlyPrice, Resources, SimTime};
use proptest::prelude::*;

fn at(ms: u64) -> SimTime {
    SimTime::from_ms(ms)
}

/// Types of 2, 4 and 8 CPU in two zones.
fn types() -> Vec<InstanceTypeSpec> {
    let offering = |zone: &str, capacity_type, price| OfferingSpec {
        zone: zone.to_owned(),
        zone_id: None,
        capacity_type,
        price: HourlyPrice(price),
        is_available: true,
    };
    let spec = |cpu: i64| InstanceTypeSpec {
        name: format!("m5.{cpu}"),
        capacity: Amounts { cpu: cpu * 1000, memory: cpu * 4096, pods: 30 },
        allocatable: Amounts { cpu: cpu * 1000 - 100, memory: cpu * 4096 - 500, pods: 30 },
        labels: vec![("kubernetes.io/arch".into(), vec!["amd64".into()])],
        offerings: ["a", "b"]
            .into_iter()
            .flat_map(|zone| {
                let price = cpu as u64 * 1000;
                [offering(zone, CapacityType::OnDemand, price), offering(zone, CapacityType::Spot, price / 3)]
            })
            .collect(),
    };
    [2, 4, 8].map(spec).to_vec()
}

fn cluster() -> Cluster {
    let limited = Limits { cpu: Some(64_000), ..Limits::default() };
    let pools = vec![
        NodePoolSpec { name: "ci".into(), weight: 10, limits: limited, ..NodePoolSpec::default() },
        NodePoolSpec { name: "rest".into(), ..NodePoolSpec::default() },
    ];
    Cluster::new(&types(), pools, &[], PreferencePolicy::Respect, Streams::new(7, 0))
}

fn class(cluster: &mut Cluster, cpu: u32, zone: Option<&str>) -> PodClassId {
    let node_selector =
        zone.map(|zone| ("topology.kubernetes.io/zone".to_owned(), zone.to_owned())).into_iter().collect();
    let requests = Resources::new(cpu, 512);
    cluster.register_pod_class(PodClassSpec { requests, node_selector, ..PodClassSpec::default() })
}

fn launch(cluster: &mut Cluster, node: NodeId) {
    let launched = LaunchedAs { type_id: TypeId(2), zone: ZoneId(0), capacity_type: CapacityType::Spot };
    cluster.claim_launched(at(0), node, launched);
}

struct Controller {
    cluster: Cluster,
    out: Vec<Outcome>,
    provisioner: Provisioner,
    solver: Solver,
}

impl Controller {
    fn new() -> Self {
        Self {
            cluster: cluster(),
            out: Vec::new(),
            provisioner: Provisioner::new(BatchWindow::default()),
            solver: Solver::new(PassOptions::default()),
        }
    }

    /// Wakes up whenever something is due until `until`; says when passes ran and how many claims they opened.
    fn run(&mut self, until: SimTime) -> Vec<(u64, u32)> {
        let mut passes = Vec::new();
        while self.provisioner.next_wakeup() <= until {
            let now = self.provisioner.next_wakeup();
            let seen = self.out.len();
            self.provisioner.wake(now, &mut self.cluster, &mut self.solver, &mut self.out);
            for outcome in &self.out[seen..] {
                if let Outcome::PassRan { claims, .. } = outcome {
                    passes.push((now.as_ms(), *claims));
                }
            }
        }
        passes
    }
}

#[test]
fn a_pass_runs_a_second_after_the_last_new_pod_and_again_every_ten_seconds() {
    let mut controller = Controller::new();
    let small = class(&mut controller.cluster, 500, None);
    controller.provisioner.pod_unschedulable(at(0), PodId(1), small, at(0), 1);
    controller.provisioner.pod_unschedulable(at(700), PodId(2), small, at(0), 2);
    // Both pods fit on one claim, which is never created here, so every pass opens it again.
    assert_eq!(controller.run(at(25_000)), [(1_700, 1), (11_700, 1), (21_700, 1)]);
    controller.provisioner.pod_settled(PodId(1));
    controller.provisioner.pod_settled(PodId(2));
    assert_eq!(controller.provisioner.next_wakeup(), SimTime::NEVER);
}

#[test]
fn a_changed_message_triggers_at_once_and_the_ten_seconds_count_from_there() {
    let mut controller = Controller::new();
    let small = class(&mut controller.cluster, 500, None);
    controller.provisioner.pod_unschedulable(at(0), PodId(1), small, at(0), 1);
    assert_eq!(controller.run(at(5_000)), [(1_000, 1)]);
    controller.provisioner.pod_unschedulable(at(6_000), PodId(1), small, at(0), 1);
    assert_eq!(controller.run(at(20_000)), [(7_000, 1), (17_000, 1)]);
    controller.provisioner.pod_settled(PodId(1));
    assert_eq!(controller.provisioner.next_wakeup(), SimTime::NEVER);
}

#[test]
fn before_controller_runtime_0_23_the_ten_seconds_ran_on_over_a_changed_message() {
    let mut controller = Controller::new();
    controller.provisioner = Provisioner::new(BatchWindow::default()).keeping_timers();
    let small = class(&mut controller.cluster, 500, None);
    controller.provisioner.pod_unschedulable(at(0), PodId(1), small, at(0), 1);
    assert_eq!(controller.run(at(5_000)), [(1_000, 1)]);
    controller.provisioner.pod_unschedulable(at(6_000), PodId(1), small, at(0), 1);
    assert_eq!(controller.run(at(15_000)), [(7_000, 1), (11_000, 1)]);
}

#[test]
fn no_pass_runs_while_a_claim_is_not_launched_and_its_node_is_nominated_later() {
    let mut controller = Controller::new();
    let small = class(&mut controller.cluster, 500, None);
    controller.provisioner.pod_unschedulable(at(0), PodId(1), small, at(0), 1);
    controller.run(at(1_500));
    let Some(Outcome::CreateClaim(claim)) = controller.out.pop() else { panic!("a claim was wanted") };
    controller.cluster.claim_created(at(1_500), NodeId(0), claim.pool, &claim.requirements);
    assert_eq!(controller.run(at(12_000)), []);
    assert!(controller.out.contains(&Outcome::BatchDropped));
    launch(&mut controller.cluster, NodeId(0));
    assert_eq!(controller.run(at(22_000)), [(21_000, 0)]);
    assert!(controller.out.contains(&Outcome::Nominated { pod: PodId(1), node: NodeId(0) }));
    let node = controller.cluster.node(NodeId(0)).expect("it was launched");
    assert!(node.is_nominated(at(40_999)) && !node.is_nominated(at(41_000)));
}

#[test]
fn a_what_if_without_a_node_moves_its_pods_and_frees_its_share_of_the_limit() {
    let mut cluster = cluster();
    let mut solver = Solver::new(PassOptions::default());
    for node in [NodeId(0), NodeId(1)] {
        cluster.claim_created(at(0), node, PoolId(0), &Requirements::new());
        launch(&mut cluster, node);
        cluster.node_registered(at(1), node);
        cluster.node_initialized(at(2), node);
    }
    let class = class(&mut cluster, 6_000, None);
    for (pod, node) in [(PodId(0), NodeId(0)), (PodId(1), NodeId(1))] {
        cluster.pod_bound(at(3), pod, class, at(0), node);
    }
    let pod = PassPod { pod: PodId(0), class, created_at: at(0), uid: 0, origin: PodOrigin::Candidate };
    let mut results = PassResults::default();
    let excluded = [NodeId(0)];
    let input = PassInput { now: at(9), pods: &[pod], excluded: &excluded, is_consolidation: true };
    solver.solve(&cluster, &input, &mut results);
    assert_eq!((results.placements.len(), results.claims.len()), (0, 1));
    cluster.pod_gone(PodId(1), NodeId(1));
    solver.solve(&cluster, &input, &mut results);
    assert_eq!(results.placements, [(PodId(0), NodeId(1))]);
}

#[test]
fn a_pass_whose_minute_is_over_keeps_what_it_has_and_a_what_if_has_no_such_end() {
    let mut cluster = cluster();
    let class = class(&mut cluster, 500, None);
    let pod = |number| PassPod {
        pod: PodId(number),
        class,
        created_at: at(0),
        uid: u64::from(number),
        origin: PodOrigin::Pending,
    };
    let pods: Vec<PassPod> = (0..5).map(pod).collect();
    let mut results = PassResults::default();
    let mut solver = Solver::new(PassOptions { most_tries: Some(3), ..PassOptions::default() });
    let input = PassInput { now: at(0), pods: &pods, excluded: &[], is_consolidation: false };
    solver.solve(&cluster, &input, &mut results);
    assert_eq!(results.claims[0].pods, [PodId(0), PodId(1), PodId(2)]);
    assert!(results.errors.is_empty(), "nobody says why the others have to wait");
    solver.solve(&cluster, &PassInput { is_consolidation: true, ..input }, &mut results);
    assert_eq!(results.claims[0].pods.len(), 5);
}

/// Something that happens to the cluster between two passes.
#[derive(Clone, Debug)]
enum Step {
    Launch,
    Register(u32),
    Initialize(u32),
    Bind { node: u32, kind: usize },
    Unbind { node: u32 },
    Mark(u32),
    Unmark(u32),
    Remove(u32),
    Ice { zone: u8, size: u16 },
    Pass { pods: Vec<usize>, without: Option<u32> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = || 0..12_u32;
    let step = prop_oneof![
        3 => Just(Step::Launch),
        2 => node().prop_map(Step::Register),
        2 => node().prop_map(Step::Initialize),
        6 => (node(), 0..4_usize).prop_map(|(node, kind)| Step::Bind { node, kind }),
        3 => node().prop_map(|node| Step::Unbind { node }),
        1 => node().prop_map(Step::Mark),
        1 => node().prop_map(Step::Unmark),
        1 => node().prop_map(Step::Remove),
        1 => (0..2_u8, 0..3_u16).prop_map(|(zone, size)| Step::Ice { zone, size }),
        5 => (prop::collection::vec(0..4_usize, 0..30), prop::option::of(node()))
            .prop_map(|(pods, without)| Step::Pass { pods, without }),
    ];
    prop::collection::vec(step, 1..60)
}

fn apply(step: &Step, cluster: &mut Cluster, ice: &mut IceCache, kinds: &[PodClassId], next_pod: &mut u32) {
    let is_at_least = |cluster: &Cluster, node: u32, stage| {
        cluster.node(NodeId(node)).is_some_and(|one| one.stage >= stage)
    };
    use fleetsim::karpenter::cluster::NodeStage;
    match *step {
        Step::Launch => {
            let free = (0..12).find(|node| cluster.node(NodeId(*node)).is_none());
            if let Some(node) = free {
                cluster.claim_created(at(0), NodeId(node), PoolId(node as u16 % 2), &Requirements::new());
                launch(cluster, NodeId(node));
            }
        }
        Step::Register(node) if cluster.node(NodeId(node)).is_some() => {
            cluster.node_registered(at(1), NodeId(node));
        }
        Step::Initialize(node) if is_at_least(cluster, node, NodeStage::Registered) => {
            cluster.node_initialized(at(2), NodeId(node));
        }
        Step::Bind { node, kind } if cluster.node(NodeId(node)).is_some() => {
            cluster.pod_bound(at(3), PodId(*next_pod), kinds[kind], at(0), NodeId(node));
            *next_pod += 1;
        }
        Step::Unbind { node } => {
            let pod = cluster.node(NodeId(node)).and_then(|one| one.pods.first()).map(|bound| bound.pod);
            if let Some(pod) = pod {
                cluster.pod_gone(pod, NodeId(node));
            }
        }
        Step::Mark(node) if cluster.node(NodeId(node)).is_some() => cluster.mark_for_deletion(NodeId(node)),
        Step::Unmark(node) if cluster.node(NodeId(node)).is_some() => {
            cluster.unmark_for_deletion(NodeId(node));
        }
        Step::Remove(node) if cluster.node(NodeId(node)).is_some() => cluster.remove(NodeId(node)),
        Step::Ice { zone, size } => {
            let types = cluster.instance_types_mut();
            ice.mark(at(0), TypeId(size), ZoneId(zone), CapacityType::Spot, types);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_solver_that_has_seen_everything_answers_as_a_new_one(steps in steps()) {
        let mut cluster = cluster();
        let mut ice = IceCache::new();
        let kinds = [
            class(&mut cluster, 500, None),
            class(&mut cluster, 1_500, Some("a")),
            class(&mut cluster, 3_000, Some("b")),
            class(&mut cluster, 9_000, None),
        ];
        let mut old = Solver::new(PassOptions::default());
        let mut next_pod = 1_000;
        for step in &steps {
            let Step::Pass { pods, without } = step else {
                apply(step, &mut cluster, &mut ice, &kinds, &mut next_pod);
                continue;
            };
            let pods: Vec<PassPod> = pods
                .iter()
                .zip(0_u32..)
                .map(|(kind, index)| PassPod {
                    pod: PodId(index),
                    class: kinds[*kind],
                    created_at: at(0),
                    uid: u64::from(index),
                    origin: PodOrigin::Pending,
                })
                .collect();
            let excluded: Vec<NodeId> = without.iter().map(|node| NodeId(*node)).collect();
            let input = PassInput { now: at(9), pods: &pods, excluded: &excluded, is_consolidation: false };
            let (mut known, mut fresh) = (PassResults::default(), PassResults::default());
            old.solve(&cluster, &input, &mut known);
            Solver::new(PassOptions::default()).solve(&cluster, &input, &mut fresh);
            prop_assert_eq!(known, fresh);
        }
    }
}

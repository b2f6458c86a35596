//! Properties of disruption commands in random clusters: what no recording covers must still be valid.

use std::collections::{BTreeMap, BTreeSet};

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    Budget, Calendar, Command, ConsolidationPolicy, Disruption, Method, NewPod, NodeFacts, Outcome, PodFacts,
    PoolDisruption, Settings, Surroundings, Version,
};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::node_pools::{Limits, NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassSpec, PodId};
use fleetsim::karpenter::requirements::Requirements;
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::PassOptions;
use fleetsim::karpenter::{Cluster, Solver};
use fleetsim::units::{HourlyPrice, Mebibytes, Millicores, Resources, SimDuration, SimTime};
use proptest::prelude::*;

const NOW: SimTime = SimTime::from_ms(600_000);

/// A node by the numbers it is drawn with.
#[derive(Clone, Debug)]
struct DrawnNode {
    pool: u16,
    kind: u16,
    zone: u8,
    is_spot: bool,
    is_initialized: bool,
    is_marked: bool,
    last_event_s: u64,
    /// CPU requests in quarters of a core, as long as they fit.
    pods: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Drawn {
    nodes: Vec<DrawnNode>,
    policies: [u8; 2],
    budget: u32,
    limit_cores: Option<i64>,
    version: Version,
    spot_to_spot: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let node =
        (0..2_u16, 0..4_u16, 0..3_u8, any::<bool>(), prop::bool::weighted(0.9), prop::bool::weighted(0.1))
            .prop_flat_map(|(pool, kind, zone, is_spot, is_initialized, is_marked)| {
                let shape = (500..600_u64, prop::collection::vec(1..12_u32, 0..6));
                shape.prop_map(move |(last_event_s, pods)| DrawnNode {
                    pool,
                    kind,
                    zone,
                    is_spot,
                    is_initialized,
                    is_marked,
                    last_event_s,
                    pods,
                })
            });
    let nodes = prop::collection::vec(node, 1..25);
    let limit = prop::option::of(4..80_i64);
    (nodes, [0..3_u8, 0..3], 0..101_u32, limit, any::<bool>(), any::<bool>()).prop_map(
        |(nodes, policies, budget, limit_cores, is_old, spot_to_spot)| Drawn {
            nodes,
            policies,
            budget,
            limit_cores,
            version: if is_old { Version::V1_8 } else { Version::V1_15 },
            spot_to_spot,
        },
    )
}

fn types() -> Vec<InstanceTypeSpec> {
    let one = |size: u32| {
        let cpu = 1000 << size;
        let offering = |(zone, kind): (u32, CapacityType)| OfferingSpec {
            zone: format!("zone-{zone}"),
            zone_id: None,
            capacity_type: kind,
            price: HourlyPrice(
                u64::from(cpu)
                    * if kind == CapacityType::Spot { 15_000 + 1_000 * u64::from(zone) } else { 40_000 },
            ),
            is_available: (zone + size) % 4 != 3,
        };
        let kinds = [CapacityType::OnDemand, CapacityType::Spot];
        InstanceTypeSpec {
            name: format!("size-{size}"),
            capacity: Amounts::new(Millicores(cpu), Mebibytes(cpu * 2), 20),
            allocatable: Amounts::new(Millicores(cpu - 60), Mebibytes(cpu * 2 - 400), 20),
            labels: Vec::new(),
            offerings: (0..3).flat_map(|zone| kinds.map(|kind| (zone, kind))).map(offering).collect(),
        }
    };
    (0..4).map(one).collect()
}

struct World {
    cluster: Cluster,
    solver: Solver,
    disruption: Disruption,
    /// Pods that a command would move, by node.
    pods: BTreeMap<NodeId, Vec<(PodId, Amounts)>>,
}

fn build(drawn: &Drawn) -> World {
    let limits = Limits { cpu: drawn.limit_cores.map(|cores| cores * 1000), ..Limits::default() };
    let after = Some(SimDuration::from_secs(30));
    let pool = |name: &str| NodePoolSpec {
        name: name.to_owned(),
        limits,
        consolidate_after: after,
        ..NodePoolSpec::default()
    };
    let mut cluster = Cluster::new(
        &types(),
        vec![pool("a"), pool("b")],
        &[],
        PreferencePolicy::Respect,
        Streams::new(1, 0),
    );
    let policies = [
        ConsolidationPolicy::WhenEmpty,
        ConsolidationPolicy::WhenEmptyOrUnderutilized,
        ConsolidationPolicy::Balanced,
    ];
    let settings = Settings { version: drawn.version, spot_to_spot_consolidation: drawn.spot_to_spot };
    let pools = drawn.policies.iter().map(|policy| PoolDisruption {
        consolidation_policy: policies[usize::from(*policy)],
        consolidate_after: after,
        budgets: vec![Budget::new(&format!("{}%", drawn.budget), None, None, None)],
    });
    let mut disruption = Disruption::new(settings, Calendar::default(), pools.collect(), NOW);
    let mut pods = BTreeMap::new();
    let mut next_pod = 0;
    for (index, node) in drawn.nodes.iter().enumerate() {
        let (id, at) = (NodeId(index as u32), SimTime::from_ms(node.last_event_s * 1000));
        let capacity_type = if node.is_spot { CapacityType::Spot } else { CapacityType::OnDemand };
        let launched = LaunchedAs { type_id: TypeId(node.kind), zone: ZoneId(node.zone), capacity_type };
        cluster.claim_created(SimTime::ZERO, id, PoolId(node.pool), &Requirements::new());
        cluster.claim_launched(SimTime::ZERO, id, launched);
        cluster.node_registered(SimTime::ZERO, id);
        let facts = NodeFacts {
            pool: PoolId(node.pool),
            created_at: SimTime::ZERO,
            expire_after: None,
            ..NodeFacts::default()
        };
        disruption.node_launched(SimTime::ZERO, id, facts);
        if node.is_initialized {
            cluster.node_initialized(SimTime::ZERO, id);
            disruption.node_initialized(SimTime::ZERO, id);
        }
        let mut here = Vec::new();
        for quarters in &node.pods {
            let requests = Resources::new(quarters * 250, quarters * 300);
            let class = cluster.register_pod_class(PodClassSpec { requests, ..PodClassSpec::default() });
            let amounts = Amounts::new(requests.cpu, requests.memory, 1);
            if !amounts.fits(&cluster.node(id).expect("just created").free()) {
                continue;
            }
            let pod = PodId(next_pod);
            next_pod += 1;
            cluster.pod_bound(at, pod, class, at, id);
            disruption.pod_bound(at, id, NewPod { pod, class, created_at: at, facts: PodFacts::default() });
            here.push((pod, amounts));
        }
        if node.is_marked {
            cluster.mark_for_deletion(id);
            disruption.claim_deleting(at, id);
        }
        pods.insert(id, here);
    }
    World { cluster, solver: Solver::new(PassOptions::default()), disruption, pods }
}

/// The command takes no more nodes of a pool than its budget has left.
fn check_budget(world: &World, command: &Command) {
    let budgets = world.disruption.remaining_budgets(command.method.reason(), NOW);
    for (pool, left) in budgets.iter().enumerate() {
        let taken = command.candidates.iter().filter(|one| usize::from(one.pool.0) == pool).count();
        assert!(taken <= *left as usize, "{taken} nodes go, {left} may");
    }
    assert!(command.candidates.len() <= 101);
}

/// Every pod of the nodes that go has a place, on nodes that stay and have the room, or on the replacement.
fn check_places(world: &World, command: &Command) {
    let going: BTreeSet<NodeId> = command.candidates.iter().map(|one| one.node).collect();
    let amounts: BTreeMap<PodId, Amounts> = world.pods.values().flatten().copied().collect();
    let placed: BTreeMap<PodId, NodeId> = command.placements.iter().copied().collect();
    let replaced: BTreeSet<PodId> =
        command.replacements.iter().flat_map(|claim| claim.pods.iter().copied()).collect();
    for (pod, _) in going.iter().flat_map(|node| &world.pods[node]) {
        assert!(placed.contains_key(pod) != replaced.contains(pod), "{pod:?} has one place");
    }
    let mut load: BTreeMap<NodeId, Amounts> = BTreeMap::new();
    for (pod, node) in &placed {
        *load.entry(*node).or_default() += amounts[pod];
    }
    for (node, load) in load {
        assert!(!going.contains(&node), "{node:?} goes itself");
        assert!(load.fits(&world.cluster.node(node).expect("it exists").free()), "{node:?} has no room");
    }
    for claim in &command.replacements {
        let load = claim.pods.iter().fold(Amounts::ZERO, |sum, pod| sum + amounts[pod]);
        for (kind, _) in &claim.types {
            assert!(
                load.fits(&world.cluster.instance_types().get(*kind).allocatable),
                "{kind:?} is too small"
            );
        }
    }
}

/// Whatever of the replacement's offerings is launched costs less than what goes, and its pool's limit holds.
fn check_replacement(world: &World, drawn: &Drawn, command: &Command) {
    let Some(claim) = command.replacements.first() else { return };
    let types = world.cluster.instance_types();
    let before: f64 = command.candidates.iter().map(|one| one.price).sum();
    let allowed = types.allowed_offerings(&claim.requirements, world.cluster.vocabulary());
    for (kind, _) in &claim.types {
        for one in types.get(*kind).offerings.iter().filter(|one| one.is_available) {
            if allowed.contains(one.zone, one.capacity_type) {
                assert!(
                    one.price.as_dollars() < before,
                    "{kind:?} at {} replaces {before}",
                    one.price.as_dollars()
                );
            }
        }
        let going = |id: &NodeId| command.candidates.iter().any(|one| one.node == *id);
        let stays = world
            .cluster
            .nodes()
            .filter(|(id, node)| node.pool == Some(claim.pool) && !node.is_marked_for_deletion && !going(id));
        let used: i64 = stays.map(|(_, node)| node.capacity.cpu).sum();
        if let Some(cores) = drawn.limit_cores {
            assert!(used + types.get(*kind).capacity.cpu <= cores * 1000, "the limit is exceeded");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_command_has_room_budget_and_a_lower_price(drawn in drawn()) {
        let mut world = build(&drawn);
        for method in [Method::Emptiness, Method::MultiNode, Method::SingleNode] {
            let mut surroundings = Surroundings { cluster: &world.cluster, solver: &mut world.solver, pending: &[] };
            let answer = world.disruption.ask(method, NOW, &mut surroundings);
            if let Some(command) = answer.command {
                check_budget(&world, &command);
                check_places(&world, &command);
                check_replacement(&world, &drawn, &command);
            }
        }
    }

    #[test]
    fn waking_early_changes_nothing_and_commands_come_fifteen_seconds_after_their_pass(drawn in drawn()) {
        let run = |wakes_early: bool| {
            let mut world = build(&drawn);
            let mut log = Vec::new();
            let mut out = Vec::new();
            for _ in 0..20 {
                let now = world.disruption.next_wakeup();
                let mut surroundings = Surroundings { cluster: &world.cluster, solver: &mut world.solver, pending: &[] };
                if wakes_early && now > NOW {
                    let early = SimTime::from_ms(now.as_ms() - 1);
                    world.disruption.wake(early, &mut surroundings, &mut out);
                    assert!(out.is_empty());
                }
                let started_at = world.disruption.pass_started_at();
                world.disruption.wake(now, &mut surroundings, &mut out);
                for outcome in out.drain(..) {
                    if let Outcome::CommandStarted { .. } = outcome {
                        assert!(now >= started_at + SimDuration::from_secs(15));
                    }
                    if let Outcome::MarkForDeletion { node } = outcome {
                        world.cluster.mark_for_deletion(node);
                    }
                    log.push((now, outcome));
                }
            }
            log
        };
        prop_assert_eq!(run(false), run(true));
    }
}

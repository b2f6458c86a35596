//! Properties of disruption commands in random clusters: what no recording covers must still be valid.

use std::collections::{BTreeMap, BTreeSet};

use fleetsim::catalog::CapacityType;
use fleetsim::engine::Streams;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId, NodeStage};
use fleetsim::karpenter::disruption::{
    Budget, Calendar, Command, ConsolidationPolicy, Disruption, DoNotDisrupt, Method, NewPod, NodeFacts,
    Outcome, PodFacts, PodPdb, PoolDisruption, Reason, Settings, Surroundings, Version,
};
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, Offering, OfferingSpec, TypeId, ZoneId};
use fleetsim::karpenter::node_pools::{Limits, NodePoolSpec, PoolId};
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodAffinityTerm, PodClassId, PodClassSpec, PodId};
use fleetsim::karpenter::price_overlay::{NodeOverlay, PriceOverlay};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec, Requirements};
use fleetsim::karpenter::resources::Amounts;
use fleetsim::karpenter::solver::{PassOptions, PassPod, PodOrigin};
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
    /// What protects it: 0 its first pod's do-not-disrupt, 1 a used-up PodDisruptionBudget, 2 a nomination, 3 a budget that
    /// lets some pods go (which is no protection while it does); others nothing.
    protection: u8,
    is_drifted: bool,
    /// CPU requests in quarters of a core, as long as they fit, and whether the pod has its host for itself among its kind.
    pods: Vec<(u32, bool)>,
}

#[derive(Clone, Debug)]
struct Drawn {
    nodes: Vec<DrawnNode>,
    policies: [u8; 2],
    budget: u32,
    limit_cores: Option<i64>,
    version: Version,
    spot_to_spot: bool,
    /// CPU requests of pending pods in quarters of a core.
    pending: Vec<u32>,
    /// `replicas` of the second pool, where it is a static one, and its limit on nodes.
    replicas: Option<(u32, Option<i64>)>,
    /// A NodeOverlay: on which type, for which of the pools (both: none), in per cent of the price.
    overlay: Option<(u16, Option<u16>, i64)>,
    /// Disruptions that the budget of protection 3 allows.
    pdb_allows: u32,
}

/// The second pool, which may be static.
const PERHAPS_STATIC: PoolId = PoolId(1);

fn drawn() -> impl Strategy<Value = Drawn> {
    let node =
        (0..2_u16, 0..4_u16, 0..3_u8, any::<bool>(), prop::bool::weighted(0.9), prop::bool::weighted(0.1))
            .prop_flat_map(|(pool, kind, zone, is_spot, is_initialized, is_marked)| {
                let pods = prop::collection::vec((1..12_u32, prop::bool::weighted(0.2)), 0..6);
                let shape = (500..600_u64, 0..20_u8, prop::bool::weighted(0.15), pods);
                shape.prop_map(move |(last_event_s, protection, is_drifted, pods)| DrawnNode {
                    pool,
                    kind,
                    zone,
                    is_spot,
                    is_initialized,
                    is_marked,
                    last_event_s,
                    protection,
                    is_drifted,
                    pods,
                })
            });
    let nodes = prop::collection::vec(node, 1..25);
    let limit = prop::option::of(4..80_i64);
    let pending = prop::collection::vec(1..12_u32, 0..4);
    let replicas = prop::option::weighted(0.3, (0..12_u32, prop::option::of(0..20_i64)));
    let overlay = prop::option::of((0..4_u16, prop::option::of(0..2_u16), -80..80_i64));
    let settings = (0..101_u32, limit, any::<bool>(), any::<bool>());
    (nodes, [0..3_u8, 0..3], settings, pending, replicas, overlay, 0..3_u32).prop_map(
        |(nodes, policies, settings, pending, replicas, overlay, pdb_allows)| {
            let (budget, limit_cores, is_old, spot_to_spot) = settings;
            let version = if is_old { Version::V1_8 } else { Version::V1_15 };
            Drawn {
                nodes,
                policies,
                budget,
                limit_cores,
                version,
                spot_to_spot,
                pending,
                replicas,
                overlay,
                pdb_allows,
            }
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
            labels: vec![("node.kubernetes.io/instance-type".to_owned(), vec![format!("size-{size}")])],
            offerings: (0..3).flat_map(|zone| kinds.map(|kind| (zone, kind))).map(offering).collect(),
        }
    };
    (0..4).map(one).collect()
}

/// The drawn NodeOverlay, as Karpenter reads it.
fn overlays(drawn: &Drawn) -> Vec<NodeOverlay> {
    let overlay = |(kind, pool, percent): (u16, Option<u16>, i64)| {
        let only = |key: &str, value: String| RequirementSpec::new(key, Operator::In, &[&value]);
        let mut requirements = vec![only("node.kubernetes.io/instance-type", format!("size-{kind}"))];
        requirements
            .extend(pool.map(|pool| only("karpenter.sh/nodepool", ["a", "b"][usize::from(pool)].into())));
        let price = PriceOverlay::Share(percent * 10_000);
        NodeOverlay { name: "drawn".to_owned(), weight: 1, requirements, price }
    };
    drawn.overlay.map(overlay).into_iter().collect()
}

struct World {
    cluster: Cluster,
    solver: Solver,
    disruption: Disruption,
    pending: Vec<PassPod>,
    /// Nodes that no command may take.
    untouchable: BTreeSet<NodeId>,
    /// Pods that a command would move, by node; pending ones under a number of no node.
    pods: BTreeMap<NodeId, Vec<(PodId, Amounts)>>,
    /// Pods that share no host.
    lonely: BTreeSet<PodId>,
    next_pod: u32,
}

fn build(drawn: &Drawn) -> World {
    let limits = Limits { cpu: drawn.limit_cores.map(|cores| cores * 1000), ..Limits::default() };
    let after = Some(SimDuration::from_secs(30));
    let pool = |name: &str, is_static: bool| NodePoolSpec {
        name: name.to_owned(),
        limits: match drawn.replicas {
            Some((_, nodes)) if is_static => Limits { nodes, ..Limits::default() },
            _ => limits,
        },
        is_static,
        consolidate_after: after,
        ..NodePoolSpec::default()
    };
    let mut cluster = Cluster::new(
        &types(),
        vec![pool("a", false), pool("b", drawn.replicas.is_some())],
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
    if let Some((replicas, _)) = drawn.replicas {
        disruption.set_replicas(PERHAPS_STATIC, replicas);
    }
    cluster.set_overlays(&overlays(drawn));
    disruption.set_pdb(0, 0, true);
    cluster.set_pdb(0, true);
    disruption.set_pdb(1, drawn.pdb_allows, false);
    let mut world = World {
        cluster,
        solver: Solver::new(PassOptions::default()),
        disruption,
        pending: Vec::new(),
        untouchable: BTreeSet::new(),
        pods: BTreeMap::new(),
        lonely: BTreeSet::new(),
        next_pod: 0,
    };
    for (node, id) in drawn.nodes.iter().zip((0..).map(NodeId)) {
        world.add_node(id, node, drawn.pdb_allows);
    }
    for quarters in &drawn.pending {
        let (class, amounts) = world.class((*quarters, false), DoNotDisrupt::No, PodPdb::None);
        let pod = world.new_pod();
        let (created_at, uid) = (SimTime::ZERO, u64::from(pod.0));
        world.pending.push(PassPod { pod, class, created_at, uid, origin: PodOrigin::Pending });
        world.pods.entry(NodeId(u32::MAX)).or_default().push((pod, amounts));
    }
    world
}

impl World {
    fn add_node(&mut self, id: NodeId, node: &DrawnNode, pdb_allows: u32) {
        let at = SimTime::from_ms(node.last_event_s * 1000);
        let capacity_type = if node.is_spot { CapacityType::Spot } else { CapacityType::OnDemand };
        let launched = LaunchedAs { type_id: TypeId(node.kind), zone: ZoneId(node.zone), capacity_type };
        self.cluster.claim_created(SimTime::ZERO, id, PoolId(node.pool), &Requirements::new());
        self.cluster.claim_launched(SimTime::ZERO, id, launched);
        self.cluster.node_registered(SimTime::ZERO, id);
        let facts = NodeFacts { pool: PoolId(node.pool), ..NodeFacts::default() };
        self.disruption.node_launched(SimTime::ZERO, id, facts);
        if node.is_initialized {
            self.cluster.node_initialized(SimTime::ZERO, id);
            self.disruption.node_initialized(SimTime::ZERO, id);
        }
        self.bind_pods(id, node, at);
        let has_pods = !self.pods[&id].is_empty();
        if node.protection == 2 {
            self.cluster.nominate(NOW, id);
        }
        if node.is_drifted {
            self.disruption.node_drifted(at, id);
        }
        if node.is_marked {
            self.cluster.mark_for_deletion(id);
            self.disruption.claim_deleting(at, id);
        }
        let holds = node.protection < 2 || node.protection == 3 && pdb_allows == 0;
        let is_protected = node.protection == 2 || holds && has_pods;
        if is_protected || node.is_marked || !node.is_initialized {
            self.untouchable.insert(id);
        }
    }

    /// Binds the pods that fit; what protects the node protects the first of them.
    fn bind_pods(&mut self, id: NodeId, node: &DrawnNode, at: SimTime) {
        self.pods.insert(id, Vec::new());
        for shape in &node.pods {
            let is_first = self.pods[&id].is_empty();
            let has_lonely = self.pods[&id].iter().any(|(pod, _)| self.lonely.contains(pod));
            if shape.1 && has_lonely {
                continue;
            }
            let do_not_disrupt =
                if is_first && node.protection == 0 { DoNotDisrupt::Always } else { DoNotDisrupt::No };
            let pdb = match node.protection {
                1 if is_first => PodPdb::One(0),
                3 => PodPdb::One(1),
                _ => PodPdb::None,
            };
            let (class, amounts) = self.class(*shape, do_not_disrupt, pdb);
            if !amounts.fits(&self.cluster.node(id).expect("just created").free()) {
                continue;
            }
            let pod = self.new_pod();
            let facts = PodFacts { do_not_disrupt, pdb, ..PodFacts::default() };
            self.cluster.pod_bound(at, pod, class, at, id);
            self.disruption.pod_bound(at, id, NewPod { pod, class, created_at: at, facts });
            self.pods.get_mut(&id).expect("just put there").push((pod, amounts));
            if shape.1 {
                self.lonely.insert(pod);
            }
        }
    }

    fn class(
        &mut self,
        (quarters, is_lonely): (u32, bool),
        do_not_disrupt: DoNotDisrupt,
        pdb: PodPdb,
    ) -> (PodClassId, Amounts) {
        let requests = Resources::new(quarters * 250, quarters * 300);
        let mut spec = PodClassSpec { requests, do_not_disrupt, pdb, ..PodClassSpec::default() };
        if is_lonely {
            spec.labels = vec![("app".to_owned(), "lonely".to_owned())];
            let key = "kubernetes.io/hostname".to_owned();
            spec.anti_affinity =
                vec![PodAffinityTerm { key, match_labels: spec.labels.clone(), weight: None }];
        }
        (self.cluster.register_pod_class(spec), Amounts::new(requests.cpu, requests.memory, 1))
    }

    fn new_pod(&mut self) -> PodId {
        self.next_pod += 1;
        PodId(self.next_pod - 1)
    }
}

/// The command takes no more nodes of a pool than its budget has left.
fn check_budget(world: &World, command: &Command) {
    let budgets = world.disruption.remaining_budgets(command.method.reason(), NOW);
    for (pool, left) in budgets.iter().enumerate() {
        let taken = command.candidates.iter().filter(|one| usize::from(one.pool.0) == pool).count();
        assert!(taken <= *left as usize, "{taken} nodes go, {left} may");
    }
    assert!(command.candidates.len() <= 101);
    for candidate in &command.candidates {
        assert!(!world.untouchable.contains(&candidate.node), "{:?} may not go", candidate.node);
    }
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
    // A node that stays has one of the kind at most, those that it had included.
    let is_lonely = |pod: &PodId| world.lonely.contains(pod);
    for node in placed.iter().filter(|(pod, _)| is_lonely(pod)).map(|(_, node)| node) {
        let had = world.pods.get(node).into_iter().flatten().filter(|(pod, _)| is_lonely(pod)).count();
        let come = placed.iter().filter(|(pod, home)| *home == node && is_lonely(pod)).count();
        assert!(had + come <= 1, "{node:?} has {had} pods that share no host, and {come} come");
    }
    for claim in &command.replacements {
        assert!(claim.pods.iter().filter(|pod| is_lonely(pod)).count() <= 1, "a host for each");
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
    let types = world.cluster.instance_types();
    let before: f64 = command.candidates.iter().map(|one| one.price).sum();
    let going = |id: &NodeId| command.candidates.iter().any(|one| one.node == *id);
    let mut asked: BTreeMap<PoolId, i64> = BTreeMap::new();
    for claim in &command.replacements {
        let allowed = types.allowed_offerings(&claim.requirements, world.cluster.vocabulary());
        let offerings = claim
            .types
            .iter()
            .flat_map(|(kind, _)| types.get(*kind).offerings.iter().map(move |one| (*kind, one)));
        let is_had = |one: &Offering| one.is_available && allowed.contains(one.zone, one.capacity_type);
        for (kind, one) in offerings.filter(|(_, one)| is_had(one)) {
            // Drift replaces at any price.
            if command.method.reason() == Reason::Underutilized {
                // What the pool believes, NodeOverlays included.
                let price = types.price(claim.pool, kind, one).as_dollars();
                assert!(price < before, "{price} replaces {before}");
            }
        }
        let largest = claim.types.iter().map(|(kind, _)| types.get(*kind).capacity.cpu).max();
        *asked.entry(claim.pool).or_default() += largest.expect("a claim has a type");
    }
    let Some(cores) = drawn.limit_cores else { return };
    for (pool, asked) in asked {
        let stays = world
            .cluster
            .nodes()
            .filter(|(id, node)| node.pool == Some(pool) && !node.is_marked_for_deletion && !going(id));
        let used: i64 = stays.map(|(_, node)| node.capacity.cpu).sum();
        assert!(used + asked <= cores * 1000, "the limit is exceeded");
    }
}

/// Static pools keep their nodes, whatever they hold, and get none for pods.
fn check_static(drawn: &Drawn, command: &Command) {
    if drawn.replicas.is_some() {
        assert!(command.candidates.iter().all(|one| one.pool != PERHAPS_STATIC), "{command:?}");
        assert!(command.replacements.iter().all(|claim| claim.pool != PERHAPS_STATIC), "{command:?}");
    }
}

/// Static drift takes drifted nodes of a static pool, each for one new node, and never more nodes than its limit has room for.
fn check_static_drift(world: &World, drawn: &Drawn, command: &Command) {
    let (_, limit) = drawn.replicas.expect("only a static pool has static drift");
    assert!(command.candidates.iter().all(|one| one.pool == PERHAPS_STATIC));
    for candidate in &command.candidates {
        assert!(drawn.nodes[candidate.node.0 as usize].is_drifted, "{:?} has not drifted", candidate.node);
    }
    assert_eq!(command.replacements.len(), command.candidates.len());
    assert!(command.replacements.iter().all(|claim| claim.pool == PERHAPS_STATIC && claim.pods.is_empty()));
    if let Some(limit) = limit {
        let of_pool = world.cluster.nodes().filter(|(_, node)| node.pool == Some(PERHAPS_STATIC)).count();
        assert!((of_pool + command.replacements.len()) as i64 <= limit, "{of_pool} nodes, {limit} may be");
    }
}

/// Initialized nodes under disruption, by pool.
fn disrupting(world: &World) -> [i64; 2] {
    let mut counts = [0; 2];
    for (_, node) in world.cluster.nodes() {
        if node.is_marked_for_deletion && node.stage == NodeStage::Initialized {
            counts[usize::from(node.pool.expect("a managed node").0)] += 1;
        }
    }
    counts
}

/// The nodes of a command and those that were on their way before are no more than the budgets allow.
fn check_disrupting(world: &World, before: &[i64; 2], reason: Reason, nodes: &[NodeId], now: SimTime) {
    for (pool, allowed) in world.disruption.allowed(reason, now).into_iter().enumerate() {
        let is_of_pool =
            |id: &&NodeId| world.cluster.node(**id).and_then(|node| node.pool) == Some(PoolId(pool as u16));
        let taken = nodes.iter().filter(is_of_pool).count() as i64;
        if taken > 0 {
            let allowed = allowed.expect("the pool has nodes");
            assert!(before[pool] + taken <= allowed, "{} and {taken} go, {allowed} may", before[pool]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_command_has_room_budget_and_a_lower_price(drawn in drawn()) {
        let mut world = build(&drawn);
        for method in [Method::Emptiness, Method::StaticDrift, Method::Drift, Method::MultiNode, Method::SingleNode] {
            let mut surroundings = Surroundings { cluster: &world.cluster, solver: &mut world.solver, pending: &world.pending };
            let answer = world.disruption.ask(method, NOW, &mut surroundings);
            let Some(command) = answer.command else { continue };
            check_budget(&world, &command);
            if method == Method::StaticDrift {
                check_static_drift(&world, &drawn, &command);
            } else {
                check_places(&world, &command);
                check_replacement(&world, &drawn, &command);
                check_static(&drawn, &command);
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
                let disrupting = disrupting(&world);
                let mut surroundings = Surroundings { cluster: &world.cluster, solver: &mut world.solver, pending: &world.pending };
                if wakes_early && now > NOW {
                    let early = SimTime::from_ms(now.as_ms() - 1);
                    world.disruption.wake(early, &mut surroundings, &mut out);
                    assert!(out.is_empty());
                }
                let started_at = world.disruption.pass_started_at();
                world.disruption.wake(now, &mut surroundings, &mut out);
                for outcome in out.drain(..) {
                    if let Outcome::CommandStarted { reason, nodes, .. } = &outcome {
                        assert!(*reason == Reason::Drifted || now >= started_at + SimDuration::from_secs(15));
                        check_disrupting(&world, &disrupting, *reason, nodes, now);
                        let pool = |id: &NodeId| world.cluster.node(*id).and_then(|node| node.pool);
                        let is_static = drawn.replicas.is_some();
                        let takes_static = nodes.iter().any(|id| pool(id) == Some(PERHAPS_STATIC));
                        assert!(*reason == Reason::Drifted || !(is_static && takes_static));
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

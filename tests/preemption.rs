//! Preemption by kube-scheduler, asked without the loop: which pods go for one of higher priority.

use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    Footprint, NeighbourRules, NodeClass, NodeHold, NodeInfo, NodeKey, PodKey, PodShape, PodTerm, Scheduler,
    SchedulerConfig, SchedulingOutcome, ShapeId, SpreadConstraint,
};
use fleetsim::units::{Resources, SimTime};

struct World {
    scheduler: Scheduler,
    placed: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        Self { scheduler: Scheduler::new(SchedulerConfig::default(), Streams::new(seed, 0)), placed: 0 }
    }

    fn shape(&mut self, cpu: u32, priority: i32, budgets: &[u16]) -> ShapeId {
        let shape = PodShape::of(Resources::new(cpu, 100));
        self.scheduler.register_shape(PodShape { priority, budgets: budgets.to_vec(), ..shape })
    }

    /// A node of two cores that pods of these shapes fill, in the order of their creation.
    fn node(&mut self, shapes: &[ShapeId]) {
        let class = self.scheduler.register_node_class(NodeClass::default());
        let info = NodeInfo {
            class,
            zone: 0,
            allocatable: Resources::new(2000, 8000),
            pods: 110,
            daemons: Footprint::default(),
            daemon_pods: 0,
            hold: NodeHold::NONE,
        };
        let now = SimTime::ZERO;
        self.scheduler.add_node(now, NodeKey(self.placed), info);
        for shape in shapes {
            self.scheduler.pod_created(now, PodKey(self.placed), *shape);
            self.scheduler.wake(now, &mut Vec::new());
            self.placed += 1;
        }
    }

    /// A pod of a tenth of a core with rules about others.
    fn with_rules(&mut self, priority: i32, neighbours: NeighbourRules) -> ShapeId {
        let shape = PodShape::of(Resources::new(100, 100));
        self.scheduler.register_shape(PodShape { priority, neighbours, ..shape })
    }

    /// As [`Self::node`]; no pod goes elsewhere, though there be room.
    fn node_for(&mut self, shapes: &[ShapeId]) {
        let (now, others) = (SimTime::ZERO, 0..self.placed);
        others.clone().for_each(|node| self.scheduler.cordon(now, NodeKey(node)));
        self.node(shapes);
        others.for_each(|node| self.scheduler.uncordon(now, NodeKey(node)));
    }

    /// The victims of a pod that needs `cpu`.
    fn victims_for(&mut self, cpu: u32) -> Vec<u32> {
        let urgent = self.shape(cpu, 100, &[]);
        self.victims_of(urgent)
    }

    /// The victims of a pod that fits nowhere.
    fn victims_of(&mut self, urgent: ShapeId) -> Vec<u32> {
        let now = SimTime::from_ms(10_000);
        self.scheduler.pod_created(now, PodKey(self.placed), urgent);
        let mut out = Vec::new();
        self.scheduler.wake(now, &mut out);
        let own = PodKey(self.placed);
        let is_bound =
            |one: &SchedulingOutcome| matches!(one, SchedulingOutcome::Bound { pod, .. } if *pod == own);
        assert!(!out.iter().any(is_bound), "no room is free");
        self.scheduler.take_preemptions().map(|preemption| preemption.victim.0).collect()
    }
}

#[test]
fn a_victim_whose_budget_is_used_up_is_spared_though_it_matters_less() {
    let mut world = World::new(1);
    let (usual, protected) = (world.shape(1000, 0, &[]), world.shape(1000, -10, &[0]));
    world.scheduler.set_budget(0, 0);
    world.node(&[usual, protected]);
    assert_eq!(world.victims_for(1000), [0], "the more important one goes");
    let mut world = World::new(1);
    let (usual, protected) = (world.shape(1000, 0, &[]), world.shape(1000, -10, &[0]));
    world.scheduler.set_budget(0, 1);
    world.node(&[usual, protected]);
    assert_eq!(world.victims_for(1000), [1], "the budget lets one go");
}

#[test]
fn a_node_without_protected_victims_is_preferred_and_without_one_budgets_do_not_hold() {
    let mut world = World::new(1);
    let (usual, protected) = (world.shape(2000, 5, &[]), world.shape(2000, -10, &[0]));
    world.scheduler.set_budget(0, 0);
    world.node(&[protected]);
    world.node(&[usual]);
    assert_eq!(world.victims_for(2000), [1]);
    let mut world = World::new(1);
    let protected = world.shape(2000, -10, &[0]);
    world.scheduler.set_budget(0, 0);
    world.node(&[protected]);
    assert_eq!(world.victims_for(2000), [0]);
}

#[test]
fn a_budget_counts_the_pods_of_a_node_in_the_order_of_their_importance() {
    let mut world = World::new(1);
    let of = [1000, 500, 500].map(|cpu| world.shape(cpu, 0, &[0]));
    world.scheduler.set_budget(0, 1);
    world.node(&of);
    // The first may go, the other two may not, so these come back first.
    assert_eq!(world.victims_for(1000), [0]);
}

#[test]
fn in_a_large_cluster_a_random_hundred_of_the_nodes_that_help_are_compared() {
    let best_is_found = |nodes: u32, seed| {
        let mut world = World::new(seed);
        let usual = world.shape(2000, 0, &[]);
        (0..nodes).for_each(|_| world.node(&[usual]));
        world.victims_for(2000) == [nodes - 1]
    };
    assert!((0..5).all(|seed| best_is_found(100, seed)), "the youngest of all goes");
    let found = (0..40).filter(|seed| best_is_found(200, *seed)).count();
    assert!((8..=32).contains(&found), "{found} of 40: every second node is looked at");
}

#[test]
fn the_node_whose_most_important_victim_matters_least_is_chosen_though_more_pods_go_there() {
    let mut world = World::new(1);
    let (high, low) = (world.shape(2000, 10, &[]), world.shape(1000, 5, &[]));
    world.node(&[high]);
    world.node(&[low, low]);
    let mut victims = world.victims_for(2000);
    victims.sort_unstable();
    assert_eq!(victims, [1, 2]);
}

fn labelled(app: &str) -> Vec<(String, String)> {
    vec![("app".to_owned(), app.to_owned())]
}

/// Keeps its host free of pods with this label.
fn away_from(app: &str) -> Vec<PodTerm> {
    let key = "kubernetes.io/hostname".to_owned();
    vec![PodTerm { key, match_labels: labelled(app), weight: None }]
}

#[test]
fn the_pod_that_has_the_host_port_gives_it_up_though_requests_would_fit() {
    let mut world = World::new(1);
    let port = |number| NeighbourRules { host_ports: vec![number], ..NeighbourRules::default() };
    let (other, holder) = (world.with_rules(0, port(81)), world.with_rules(0, port(80)));
    world.node(&[other, holder]);
    let urgent = world.with_rules(100, port(80));
    assert_eq!(world.victims_of(urgent), [1]);
    let now = SimTime::from_ms(40_000);
    world.scheduler.pod_deleted(now, PodKey(1));
    let mut out = Vec::new();
    world.scheduler.wake(now, &mut out);
    let is_bound = |one: &SchedulingOutcome| matches!(one, SchedulingOutcome::Bound { pod: PodKey(2), .. });
    assert!(out.iter().any(is_bound), "{out:?}");
}

#[test]
fn pods_that_one_keeps_away_from_go_and_so_do_those_that_keep_it_away() {
    let web = NeighbourRules { labels: labelled("web"), ..NeighbourRules::default() };
    let mut world = World::new(1);
    let (plain, of_web) = (world.shape(100, 0, &[]), world.with_rules(0, web.clone()));
    let urgent = world
        .with_rules(100, NeighbourRules { anti_affinity: away_from("web"), ..NeighbourRules::default() });
    world.node(&[of_web, plain, of_web]);
    let mut victims = world.victims_of(urgent);
    victims.sort_unstable();
    assert_eq!(victims, [0, 2], "both of them, and nobody else");
    let mut world = World::new(1);
    let lonely =
        world.with_rules(0, NeighbourRules { anti_affinity: away_from("web"), ..NeighbourRules::default() });
    let plain = world.shape(100, 0, &[]);
    let urgent = world.with_rules(100, web);
    world.node(&[plain, lonely]);
    assert_eq!(world.victims_of(urgent), [1]);
}

#[test]
fn a_pod_that_would_skew_its_group_takes_the_place_of_one_of_the_group() {
    let rule = SpreadConstraint {
        key: "kubernetes.io/hostname".to_owned(),
        max_skew: 1,
        is_soft: false,
        match_labels: labelled("web"),
        min_domains: None,
    };
    let rules = NeighbourRules { labels: labelled("web"), spread: vec![rule], ..NeighbourRules::default() };
    let mut world = World::new(1);
    let (plain, of_web) = (world.shape(100, 0, &[]), world.with_rules(0, rules.clone()));
    let important = world.shape(2000, 100, &[]);
    let urgent = world.with_rules(100, rules);
    world.node_for(&[plain, of_web]);
    world.node_for(&[important]);
    // One there, none on the node that is full of what is as important: a second would be one too many.
    assert_eq!(world.victims_of(urgent), [1]);
}

#[test]
fn no_victim_brings_the_pods_that_one_wants_to_be_near() {
    let mut world = World::new(1);
    let plain = world.shape(2000, 0, &[]);
    let urgent =
        world.with_rules(100, NeighbourRules { affinity: away_from("web"), ..NeighbourRules::default() });
    world.node(&[plain]);
    assert_eq!(world.victims_of(urgent), [] as [u32; 0]);
}

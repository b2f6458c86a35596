//! Preemption by kube-scheduler, asked without the loop: which pods go for one of higher priority.

use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    Footprint, NodeClass, NodeHold, NodeInfo, NodeKey, PodKey, PodShape, Scheduler, SchedulerConfig,
    SchedulingOutcome, ShapeId,
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

    /// The victims of a pod that needs `cpu`.
    fn victims_for(&mut self, cpu: u32) -> Vec<u32> {
        let urgent = self.shape(cpu, 100, &[]);
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

//! Karpenter's own disruption scenarios (core `disruption/consolidation_test.go`, `emptiness_test.go`, `balanced_test.go`;
//! v1.15.0) told again, each named by the rule that it shows. What takes time is in `lifecycle_karpenter.rs`.

#[path = "support/table.rs"]
mod table;

use fleetsim::catalog::CapacityType;
use fleetsim::karpenter::cluster::NodeId;
use fleetsim::karpenter::disruption::{
    Budget, ConsolidationPolicy, DoNotDisrupt, Method, NodeFacts, PodPdb, Reason, Settings, Skip, Version,
};
use fleetsim::karpenter::instance_types::InstanceTypeSpec;
use fleetsim::karpenter::node_pools::{NodePoolSpec, PoolId};
use fleetsim::karpenter::pods::PodClassSpec;
use fleetsim::units::SimDuration;
use table::{NOW, Table, kind, on_demand, pod, pool};

/// A type of 32 cores.
fn only() -> [InstanceTypeSpec; 1] {
    [on_demand("only", 32_000, 131_072, 110, 1.5)]
}

/// A cheap and a dear type of equal size.
fn cheap_and_dear() -> [InstanceTypeSpec; 2] {
    [on_demand("cheap", 8000, 32_768, 58, 1.0), on_demand("dear", 8000, 32_768, 58, 3.0)]
}

/// Pools of on-demand nodes that may lose so many of them at a time.
fn budgeted(types: &[InstanceTypeSpec], pools: usize, nodes: &str) -> Table {
    let with_budget = |number: usize| {
        let (spec, mut disruption) = pool(&format!("pool-{number}"), &["on-demand"]);
        disruption.budgets = vec![Budget::new(nodes, None, None, None)];
        (spec, disruption)
    };
    Table::with(types, (0..pools).map(with_budget).collect(), &[], Settings::default())
}

/// How many nodes the method takes.
fn taken(table: &mut Table, method: Method) -> usize {
    table.ask(method).map_or(0, |command| command.candidates.len())
}

/// Why the node is left alone.
fn skip(table: &mut Table, node: NodeId) -> Option<Skip> {
    let answer = table.answer(Method::SingleNode);
    answer.skipped.into_iter().find(|(id, _)| *id == node).map(|(_, skip)| skip)
}

#[test]
fn empty_nodes_are_deleted_unless_the_node_says_do_not_disrupt() {
    let mut table = Table::new(&only());
    let empty = table.node("only", &[]);
    table.facts = NodeFacts { do_not_disrupt: true, ..NodeFacts::default() };
    table.node("only", &[]);
    let command = table.ask(Method::Emptiness).expect("a node is empty");
    assert_eq!((Table::taken(&command), command.replacements.len()), (vec![empty], 0));
}

#[test]
fn a_node_is_no_candidate_before_its_consolidate_after_is_over() {
    let mut table = Table::new(&only());
    let node = table.node("only", &[]);
    table.bind_new(NOW, node, &pod(100, 100));
    let soon = NOW + SimDuration::from_secs(29);
    assert!(table.disruption.candidates(Reason::Underutilized, soon, &table.cluster).is_empty());
    let late = NOW + SimDuration::from_secs(30);
    assert_eq!(table.disruption.candidates(Reason::Underutilized, late, &table.cluster).len(), 1);
}

#[test]
fn a_budget_says_how_many_of_ten_empty_nodes_go_at_a_time() {
    for (budget, expected) in [("30%", 3), ("100%", 10), ("0%", 0), ("1", 1)] {
        let mut table = budgeted(&only(), 1, budget);
        for _ in 0..10 {
            table.node("only", &[]);
        }
        assert_eq!(taken(&mut table, Method::Emptiness), expected, "{budget}");
    }
}

#[test]
fn budgets_are_per_pool_and_their_shares_round_up() {
    let mut table = budgeted(&only(), 10, "50%");
    for number in 0..30 {
        table.node_as(PoolId(number % 10), "only", CapacityType::OnDemand, &[]);
    }
    assert_eq!(taken(&mut table, Method::Emptiness), 20, "two of every three");
}

#[test]
fn several_busy_nodes_go_together_as_far_as_the_budget_lets_them() {
    let mut table = budgeted(&only(), 1, "30%");
    for _ in 0..10 {
        table.node("only", &[pod(100, 100)]);
    }
    assert_eq!(taken(&mut table, Method::MultiNode), 3, "nine could go");
}

#[test]
fn nodes_that_go_one_by_one_use_up_the_budget() {
    let mut table = budgeted(&only(), 1, "30%");
    for _ in 0..10 {
        table.node("only", &[pod(15_000, 100)]);
    }
    for _ in 0..3 {
        let command = table.ask(Method::SingleNode).expect("two of them fit on one node");
        assert_eq!(command.candidates.len(), 1);
        table.mark(&command);
    }
    assert!(table.ask(Method::SingleNode).is_none());
}

#[test]
fn of_two_equal_nodes_the_one_with_fewer_pods_goes_and_nothing_replaces_it() {
    let mut table = Table::new(&only());
    table.node("only", &[pod(100, 100), pod(100, 100)]);
    let light = table.node("only", &[pod(100, 100)]);
    assert!(table.ask(Method::MultiNode).is_none(), "a node of the same type for both would save no more");
    let command = table.ask(Method::SingleNode).expect("its pod fits on the other node");
    assert_eq!((Table::taken(&command), command.replacements.len()), (vec![light], 0));
}

#[test]
fn up_to_v1_13_the_node_whose_life_is_nearly_over_goes_first() {
    let settings = Settings { version: Version::V1_8, ..Settings::default() };
    let mut table = Table::with(&only(), vec![pool("ci", &["on-demand"])], &[], settings);
    table.facts.expire_after = Some(SimDuration::from_mins(61));
    let old = table.node("only", &[pod(100, 100), pod(100, 100)]);
    table.facts.expire_after = Some(SimDuration::from_hours(720));
    table.node("only", &[pod(100, 100)]);
    let command = table.ask(Method::SingleNode).expect("its pods fit on the other node");
    assert_eq!(Table::taken(&command), [old]);
}

#[test]
fn no_pod_is_moved_to_a_node_that_is_not_initialized() {
    let mut table = Table::new(&only());
    let node = table.node("only", &[pod(100, 100)]);
    table.uninitialized_node("only");
    assert_eq!(skip(&mut table, node), Some(Skip::UninitializedDestination));
}

#[test]
fn no_pod_is_moved_to_a_node_inside_its_own_consolidate_after() {
    let destination_of = |after: Option<SimDuration>| {
        let (spec, disruption) = pool("destination", &["on-demand"]);
        let spec = NodePoolSpec { consolidate_after: after, ..spec };
        let pools = vec![pool("source", &["on-demand"]), (spec, disruption)];
        let mut table = Table::with(&only(), pools, &[], Settings::default());
        let source = table.node("only", &[pod(100, 100)]);
        let destination = table.node_as(PoolId(1), "only", CapacityType::OnDemand, &[]);
        table.bind_new(NOW, destination, &pod(200, 200));
        (table, source)
    };
    let (mut fresh, source) = destination_of(Some(SimDuration::from_mins(1)));
    assert!(fresh.ask(Method::SingleNode).is_none());
    let later = fresh.answer_at(Method::SingleNode, NOW + SimDuration::from_mins(2)).command;
    assert!(later.is_some());
    let (mut never, other_source) = destination_of(None);
    assert_eq!(Table::taken(&never.ask(Method::SingleNode).expect("Never protects nothing")), [other_source]);
    assert_eq!(source, other_source);
}

#[test]
fn a_replacement_is_not_held_up_by_fresh_nodes() {
    let mut table = Table::new(&cheap_and_dear());
    table.node("dear", &[pod(5000, 100)]);
    let fresh = table.node("cheap", &[]);
    table.bind_new(NOW, fresh, &pod(7000, 100));
    let command = table.ask(Method::SingleNode).expect("a cheaper node does as well");
    assert_eq!(table.types_of(&command.replacements[0]), ["cheap"]);
}

#[test]
fn a_dear_node_is_replaced_by_cheaper_types_only() {
    let mut table = Table::new(&cheap_and_dear());
    let node = table.node("dear", &[pod(100, 100)]);
    let command = table.ask(Method::SingleNode).expect("there is a cheaper type");
    assert_eq!(Table::taken(&command), [node]);
    assert_eq!(table.types_of(&command.replacements[0]), ["cheap"]);
    let mut cheapest = Table::new(&cheap_and_dear());
    let node = cheapest.node("cheap", &[pod(100, 100)]);
    assert_eq!(skip(&mut cheapest, node), Some(Skip::NotCheaper));
}

#[test]
fn protected_pods_and_exhausted_disruption_budgets_keep_their_node() {
    let protected = PodClassSpec { do_not_disrupt: DoNotDisrupt::Always, ..pod(100, 100) };
    let budgeted = PodClassSpec { pdb: PodPdb::One(0), ..pod(100, 100) };
    let doubly = PodClassSpec { pdb: PodPdb::Several, ..pod(100, 100) };
    for held in [protected, budgeted, doubly] {
        let mut table = Table::new(&cheap_and_dear());
        table.disruption.set_pdb(0, 0, false);
        table.node("dear", &[held]);
        assert!(table.ask(Method::SingleNode).is_none());
    }
    let mut table = Table::new(&cheap_and_dear());
    table.disruption.set_pdb(0, 1, false);
    table.node("dear", &[PodClassSpec { pdb: PodPdb::One(0), ..pod(100, 100) }]);
    assert!(table.ask(Method::SingleNode).is_some(), "a budget with room does not hold");
}

/// A node of `current` at half a dollar on demand, and a type that might replace it.
fn repriced(offers: &[table::Offer], capacity_types: &[&str]) -> Option<Skip> {
    let types = [on_demand("current", 8000, 32_768, 58, 0.5), kind("other", 8000, 32_768, 58, offers)];
    let mut table = Table::with(&types, vec![pool("ci", capacity_types)], &[], Settings::default());
    let node = table.node("current", &[pod(100, 100)]);
    skip(&mut table, node)
}

#[test]
fn a_replacement_must_be_cheaper_in_every_zone_that_it_may_land_in() {
    let spot =
        |a, b, c| [("a", CapacityType::Spot, a), ("b", CapacityType::Spot, b), ("c", CapacityType::Spot, c)];
    let both = ["spot", "on-demand"];
    assert_eq!(repriced(&spot(1.0, 0.2, 0.4), &both), Some(Skip::NotCheaper));
    assert_eq!(repriced(&spot(0.49, 0.2, 0.4), &both), None, "it is replaced");
    let on_demand_dearer = [
        ("a", CapacityType::OnDemand, 0.6),
        ("b", CapacityType::OnDemand, 0.6),
        ("a", CapacityType::Spot, 0.2),
        ("b", CapacityType::Spot, 0.3),
    ];
    assert_eq!(repriced(&on_demand_dearer, &["on-demand"]), Some(Skip::NotCheaper));
}

/// Spot types whose prices rise by a tenth of a dollar; a node of the one numbered `current`.
fn spot_node(prices: &[f64], current: usize, gate: bool) -> (Table, NodeId) {
    let one = |(number, price): (usize, &f64)| {
        kind(&format!("it{number:02}"), 8000, 32_768, 58, &[("a", CapacityType::Spot, *price)])
    };
    let types: Vec<InstanceTypeSpec> = prices.iter().enumerate().map(one).collect();
    let settings = Settings { spot_to_spot_consolidation: gate, ..Settings::default() };
    let mut table = Table::with(&types, vec![pool("ci", &["spot"])], &[], settings);
    let node = table.node_as(PoolId(0), &format!("it{current:02}"), CapacityType::Spot, &[pod(100, 100)]);
    (table, node)
}

fn rising(count: usize) -> Vec<f64> {
    (0..count).map(|number| 1.0 + 0.1 * number as f64).collect()
}

#[test]
fn spot_is_replaced_by_spot_only_behind_its_gate_and_with_fifteen_cheaper_types() {
    let (mut table, node) = spot_node(&rising(18), 17, false);
    assert_eq!(skip(&mut table, node), Some(Skip::SpotToSpotGateOff));
    let (mut table, node) = spot_node(&rising(20), 1, true);
    assert_eq!(skip(&mut table, node), Some(Skip::SpotToSpotNeeds15(1)));
    let mut prices = rising(18);
    prices[16] = 0.001;
    let (mut table, _) = spot_node(&prices, 17, true);
    let command = table.ask(Method::SingleNode).expect("seventeen are cheaper");
    let sent = table.types_of(&command.replacements[0]);
    assert_eq!((sent.len(), sent[0], sent[14]), (15, "it16", "it13"), "the fifteen cheapest");
}

#[test]
fn three_dear_nodes_become_one_cheap_node() {
    let mut table = Table::new(&cheap_and_dear());
    for _ in 0..3 {
        table.node("dear", &[pod(1000, 100)]);
    }
    let command = table.ask(Method::MultiNode).expect("one node does for all");
    assert_eq!((command.candidates.len(), command.replacements.len()), (3, 1));
    assert_eq!(table.types_of(&command.replacements[0]), ["cheap"]);
}

#[test]
fn several_nodes_are_not_replaced_by_one_of_the_types_that_go_but_by_something_cheaper() {
    let sizes = |names: &[(&str, i64, f64)]| {
        names
            .iter()
            .map(|(name, cores, price)| on_demand(name, cores * 1000, 32_768, 58, *price))
            .collect::<Vec<_>>()
    };
    let types = sizes(&[("nano", 2, 0.5), ("small", 4, 1.0), ("xlarge", 8, 2.0), ("2xlarge", 16, 4.0)]);
    let mut table = Table::new(&types);
    for name in ["2xlarge", "2xlarge", "small"] {
        table.node(name, &[pod(500, 100)]);
    }
    // All three for one nano; xlarge and small are dearer than the cheapest node of a type that could come back.
    let command = table.ask(Method::MultiNode).expect("nano does for all");
    assert_eq!(table.types_of(&command.replacements[0]), ["nano"]);
}

#[test]
fn a_pending_pod_that_will_need_the_node_keeps_it() {
    let types = [on_demand("big", 64_000, 131_072, 110, 6.4), on_demand("small", 2000, 8192, 29, 0.2)];
    let mut table = Table::new(&types);
    let node = table.node("big", &[pod(1000, 100)]);
    table.pending(&[pod(62_000, 100)]);
    assert_eq!(skip(&mut table, node), Some(Skip::NotCheaper));
    table.pending.clear();
    assert!(table.ask(Method::SingleNode).is_some());
}

/// Three nodes that may not go, with two pods each, and one that may, with so many; all cost the same.
fn balanced(policy: ConsolidationPolicy, pods: usize) -> Table {
    let (spec, mut disruption) = pool("ci", &["on-demand"]);
    disruption.consolidation_policy = policy;
    let mut table = Table::with(&only(), vec![(spec, disruption)], &[], Settings::default());
    let protected = PodClassSpec { do_not_disrupt: DoNotDisrupt::Always, ..pod(100, 100) };
    for _ in 0..3 {
        table.node("only", &[protected.clone(), protected.clone()]);
    }
    table.node("only", &vec![pod(100, 100); pods]);
    table
}

#[test]
fn balanced_moves_pods_where_the_share_saved_is_half_the_share_disrupted() {
    // A quarter of the pool's cost; nine of eighteen, then ten of nineteen of its disruption.
    let half = balanced(ConsolidationPolicy::Balanced, 8).ask(Method::SingleNode);
    assert_eq!(half.map(|command| command.candidates.len()), Some(1));
    assert!(balanced(ConsolidationPolicy::Balanced, 9).ask(Method::SingleNode).is_none());
    let always = ConsolidationPolicy::WhenEmptyOrUnderutilized;
    assert!(balanced(always, 9).ask(Method::SingleNode).is_some());
    assert!(balanced(ConsolidationPolicy::WhenEmpty, 9).ask(Method::SingleNode).is_none());
}

//! Where pods go that ask for it, in the whole loop: spread, affinity to pods and nodes, host ports, one rule per test.

#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeMap;

use fleetsim::karpenter::pods::{PodAffinityTerm, PreferredTerm, SpreadConstraint};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::karpenter::solver::Refusal;
use fleetsim::simulation::{CapacityPlan, ClassPlacement, Explanation, Placement};
use fleetsim::units::SimDuration;
use fleetsim::workload::Distribution;
use plans::{Case, Run, mins, secs};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// Jobs of the classes `test` and `other`, half a core each.
fn jobs(case: Case) -> Case {
    let nothing = Distribution::Constant(SimDuration::ZERO);
    case.class("test", 500, 512, nothing.clone(), |_| {}).class("other", 500, 512, nothing, |_| {})
}

/// Karpenter with nodes of four cores in any zone.
fn karpenter() -> Case {
    jobs(Case::new().at_once().manager(40).pool(&["m6i.xlarge"], "on-demand", Some(secs(30))))
}

/// `count` nodes of four cores in one zone.
fn fixed(count: u32) -> Case {
    jobs(Case::new().at_once().manager(40).nodes(count, "m6i.xlarge"))
}

/// The fullest node is best for kube-scheduler, so that nothing spreads by itself.
fn filling(case: Case) -> Case {
    case.change(|plan| {
        plan.kubernetes.scheduler.strategy = fleetsim::kubernetes::ScoringStrategy::MostAllocated;
    })
}

fn placed(case: Case, class: &str, placement: Placement) -> Case {
    let class = class.to_owned();
    case.change(|plan| plan.kubernetes.placements.push(ClassPlacement { class, placement }))
}

fn spread(key: &str, is_soft: bool) -> Placement {
    let (key, match_labels) = (key.to_owned(), Vec::new());
    let rule = SpreadConstraint { key, max_skew: 1, is_soft, match_labels, min_domains: None };
    Placement { spread: vec![rule], ..Placement::default() }
}

fn near(key: &str, class: &str, weight: Option<i32>) -> PodAffinityTerm {
    let match_labels = vec![("class".to_owned(), class.to_owned())];
    PodAffinityTerm { key: key.to_owned(), match_labels, weight }
}

fn many(mut case: Case, count: u32, class: &str, work: SimDuration) -> Case {
    for _ in 0..count {
        case = case.job(secs(0), class, work);
    }
    case
}

/// How many jobs ran in each zone, and on how many nodes.
fn places(run: &Run) -> (BTreeMap<u16, usize>, BTreeMap<u32, usize>) {
    let (mut zones, mut nodes) = (BTreeMap::new(), BTreeMap::new());
    let of: BTreeMap<u32, u16> = run.nodes().iter().map(|node| (node.ordinal, node.zone)).collect();
    for node in run.jobs().iter().filter_map(|job| job.node) {
        *zones.entry(of[&node]).or_default() += 1;
        *nodes.entry(node).or_default() += 1;
    }
    (zones, nodes)
}

#[test]
fn pods_spread_over_zones_get_nodes_in_all_of_them_and_no_zone_has_two_more_than_another() {
    let packed = places(&many(karpenter(), 6, "test", mins(5)).run());
    assert_eq!((packed.0.len(), packed.1.len()), (1, 1), "they would all fit one node");
    let (zones, nodes) =
        places(&many(placed(karpenter(), "test", spread(ZONE, false)), 6, "test", mins(5)).run());
    assert!(zones.len() > 1 && nodes.len() == zones.len(), "{zones:?}");
    let (least, most) = (zones.values().min().unwrap(), zones.values().max().unwrap());
    assert!(most - least <= 1, "{zones:?}");
}

#[test]
fn pods_spread_over_hosts_wait_for_a_node_of_their_own() {
    let (_, nodes) =
        places(&many(placed(karpenter(), "test", spread(HOST, false)), 4, "test", mins(5)).run());
    assert_eq!(nodes.len(), 4);
    assert!(nodes.values().all(|count| *count == 1));
}

#[test]
fn kube_scheduler_binds_no_pod_that_would_skew_the_hosts_though_there_is_room() {
    let case = many(placed(filling(fixed(3)), "test", spread(HOST, false)), 6, "test", mins(5));
    let (_, nodes) = places(&case.run());
    assert_eq!(nodes.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_constraint_that_may_be_broken_spreads_pods_over_hosts_that_would_be_filled_otherwise() {
    let fill = |placement: Placement| {
        let case = placed(filling(fixed(3)), "test", placement);
        places(&many(case, 6, "test", mins(5)).run()).1.len()
    };
    assert_eq!((fill(Placement::default()), fill(spread(HOST, true))), (1, 3));
}

#[test]
fn pods_that_keep_apart_get_one_node_each_and_a_preference_to_gives_way_to_limits() {
    let apart =
        |weight| Placement { anti_affinity: vec![near(HOST, "test", weight)], ..Placement::default() };
    let run = |weight| {
        let case = placed(karpenter(), "test", apart(weight)).change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            karpenter.pools[0].spec.limits.cpu = Some(8000);
        });
        many(case, 3, "test", mins(5)).run()
    };
    let (required, preferred) = (run(None), run(Some(10)));
    assert_eq!(places(&required).1.into_values().max(), Some(1));
    let late = required.jobs().iter().filter(|job| job.bound_at.as_ms() > 300_000).count();
    assert_eq!(late, 1, "two nodes are all there may be, so the third pod waits for the first");
    assert!(preferred.jobs().iter().all(|job| job.bound_at.as_ms() < 60_000));
}

#[test]
fn a_pod_that_keeps_others_away_keeps_them_away_though_they_ask_for_nothing() {
    let wish = Placement { anti_affinity: vec![near(HOST, "other", None)], ..Placement::default() };
    for case in [filling(fixed(2)), karpenter()] {
        let case = placed(case, "test", wish.clone()).job(secs(0), "test", mins(10));
        let run = case.job(secs(60), "other", mins(5)).run();
        assert_ne!(run.job(0).node, run.job(1).node);
    }
}

#[test]
fn a_pod_goes_to_the_node_of_those_it_wants_to_be_near_and_waits_where_there_are_none() {
    let wish = Placement { affinity: vec![near(HOST, "other", None)], ..Placement::default() };
    for case in [karpenter(), fixed(4)] {
        let case = placed(case, "test", wish.clone());
        let case = many(case.job(secs(0), "other", mins(10)), 3, "test", mins(2));
        let run = case.run();
        let nodes: Vec<_> = run.jobs().iter().map(|job| job.node).collect();
        assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    }
    let alone = placed(karpenter(), "test", wish).job(secs(0), "test", mins(1)).until(mins(10));
    let (run, reasons) = alone.explained();
    assert!(run.outcome.node_records.is_some_and(|nodes| nodes.is_empty()));
    let is_said = |what: &Explanation| matches!(what, Explanation::PodUnplaced { refusals, .. } if refusals[..] == [(0, Refusal::Affinity)]);
    assert!(reasons.iter().any(|one| is_said(&one.what)), "{reasons:?}");
}

#[test]
fn the_first_pod_that_wants_to_be_near_its_own_kind_may_start_anywhere_and_the_others_follow_into_its_zone() {
    let wish = Placement { affinity: vec![near(ZONE, "test", None)], ..Placement::default() };
    let (zones, nodes) = places(&many(placed(karpenter(), "test", wish), 20, "test", mins(5)).run());
    assert!(zones.len() == 1 && nodes.len() > 1, "{zones:?} {nodes:?}");
}

#[test]
fn a_preferred_affinity_and_a_preferred_distance_move_the_score_of_a_node() {
    let wish = |weight: i32| {
        let term = near(HOST, "other", Some(weight.abs()));
        match weight > 0 {
            true => Placement { affinity: vec![term], ..Placement::default() },
            false => Placement { anti_affinity: vec![term], ..Placement::default() },
        }
    };
    for (weight, together) in [(5, true), (-5, false)] {
        let case = placed(fixed(2), "test", wish(weight)).job(secs(0), "other", mins(30));
        let run = many(case, 1, "test", mins(1)).job(secs(30), "test", mins(1)).run();
        let nodes: Vec<_> = run.jobs().iter().map(|job| job.node).collect();
        assert!(nodes[1..].iter().all(|node| (*node == nodes[0]) == together), "{weight}: {nodes:?}");
    }
}

#[test]
fn no_two_pods_of_a_node_have_the_same_host_port_and_the_next_is_bound_when_the_first_is_gone() {
    let port = Placement { host_ports: vec![8080], ..Placement::default() };
    let (_, nodes) = places(&many(placed(karpenter(), "test", port.clone()), 3, "test", mins(5)).run());
    assert_eq!(nodes.into_values().collect::<Vec<_>>(), [1, 1, 1]);
    let run = many(placed(fixed(1), "test", port), 2, "test", mins(2)).job(secs(0), "other", mins(1)).run();
    let mut bound: Vec<u64> = run.jobs().iter().map(|job| job.bound_at.as_ms() / 60_000).collect();
    bound.sort_unstable();
    assert_eq!(bound, [0, 0, 2], "the other class has no such port");
}

#[test]
fn a_preferred_node_is_launched_though_it_is_dearer_and_given_up_where_there_is_none() {
    let both =
        Case::new().at_once().manager(40).pool(&["m6i.xlarge", "m6i.2xlarge"], "on-demand", Some(secs(30)));
    let launched = |instance_type: &str| {
        let wants = RequirementSpec::new("node.kubernetes.io/instance-type", Operator::In, &[instance_type]);
        let preferred_nodes = vec![PreferredTerm { weight: 1, requirements: vec![wants] }];
        let case = placed(jobs(both.clone()), "test", Placement { preferred_nodes, ..Placement::default() });
        let run = many(case, 1, "test", mins(5)).run();
        run.nodes()[0].instance_type
    };
    let usual = many(jobs(both.clone()), 1, "test", mins(5)).run().nodes()[0].instance_type;
    assert_ne!(launched("m6i.2xlarge"), usual);
    assert_eq!(launched("m6i.metal"), usual);
}

//! Karpenter's own scheduling scenarios (core `provisioning/suite_test.go` and `scheduling/suite_test.go`, aws
//! `instance/filter/filter_test.go`; v1.15.0) told again, each named by the rule that it shows.

#[path = "support/table.rs"]
mod table;

use fleetsim::catalog::CapacityType;
use fleetsim::karpenter::disruption::Settings;
use fleetsim::karpenter::instance_types::{InstanceTypeSpec, ZoneId};
use fleetsim::karpenter::node_pools::{DaemonSetSpec, Limits};
use fleetsim::karpenter::pods::{
    InitContainer, PodAffinityTerm, PodClassSpec, PreferredTerm, effective_requests,
};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::karpenter::solver::{NoType, Refusal};
use fleetsim::karpenter::{IceCache, node_pools::NodePoolSpec};
use fleetsim::units::Resources;
use table::{NOW, Table, kind, lonely, on_demand, pod, pool};

/// A tenth of a dollar per core and per gigabyte.
fn fake(name: &str, cores: i64, memory: i64, pods: i64) -> InstanceTypeSpec {
    on_demand(name, cores * 1000, memory, pods, 0.1 * (cores as f64 + memory as f64 * 1.048_576e-3))
}

/// The small and the default type of Karpenter's fake cloud provider.
fn usual() -> Vec<InstanceTypeSpec> {
    vec![fake("default", 4, 4096, 5), fake("small", 2, 2048, 5)]
}

/// The pool with these limits.
fn limited(limits: Limits) -> Table {
    let (spec, disruption) = pool("ci", &["on-demand"]);
    let spec = NodePoolSpec { limits, ..spec };
    Table::with(&usual(), vec![(spec, disruption)], &[], Settings::default())
}

fn cpu_limit(cores: i64) -> Limits {
    Limits { cpu: Some(cores * 1000), ..Limits::default() }
}

#[test]
fn small_pods_share_the_smallest_type_that_holds_them() {
    let (_, launched) = Table::new(&usual()).provision(&vec![pod(0, 10); 5]);
    assert_eq!(launched, ["small"]);
}

#[test]
fn nodes_are_opened_when_those_at_hand_are_full() {
    let (results, launched) = Table::new(&usual()).provision(&vec![pod(0, 1717); 40]);
    assert_eq!(launched, vec!["default"; 20]);
    assert!(results.claims.iter().all(|claim| claim.pods.len() == 2));
}

#[test]
fn small_pods_fill_what_large_ones_leave_because_large_ones_come_first() {
    let mut pods = vec![pod(0, 381); 20];
    pods.extend(vec![pod(0, 1717); 40]);
    let (results, launched) = Table::new(&usual()).provision(&pods);
    assert_eq!(launched.len(), 20);
    assert!(results.claims.iter().all(|claim| claim.pods.len() == 3));
}

#[test]
fn each_claim_gets_the_tightest_types_of_its_own_pods() {
    let tight: Vec<InstanceTypeSpec> = (1..=5)
        .map(|cores| fake(&format!("fake-it-{}", cores - 1), cores, cores * 2048, cores * 10))
        .collect();
    let (_, launched) = Table::new(&tight).provision(&[pod(4500, 1), pod(1000, 1)]);
    assert_eq!(launched, ["fake-it-4", "fake-it-1"]);
}

#[test]
fn a_node_takes_no_more_pods_than_its_kubelet() {
    let (_, launched) = Table::new(&usual()).provision(&vec![pod(1, 1); 25]);
    assert_eq!(launched, vec!["small"; 5]);
}

#[test]
fn every_type_that_fits_is_sent_and_the_cheapest_launched_whatever_its_size() {
    let types = [
        on_demand("medium", 2000, 2048, 9, 3.0),
        on_demand("small", 1000, 1024, 9, 2.0),
        on_demand("large", 4000, 4096, 9, 1.0),
    ];
    let mut table = Table::new(&types);
    let results = table.pass(&[pod(1, 1)]);
    assert_eq!(table.types_of(&table.request(&results.claims[0])), ["large", "small", "medium"]);
    assert_eq!(table.provision(&[pod(1, 1)]).1, ["large"]);
}

#[test]
fn the_peak_of_init_containers_is_reserved() {
    let init = InitContainer { requests: Resources::new(2000, 1), is_sidecar: false };
    let requests = effective_requests(&[Resources::new(1000, 1)], &[init]);
    let (_, launched) = Table::new(&usual()).provision(&[pod(requests.cpu.0, requests.memory.0)]);
    assert_eq!(launched, ["default"], "the small type has 1.9 cores");
}

#[test]
fn what_is_in_flight_is_filled_before_a_node_is_opened() {
    let mut table = Table::new(&usual());
    table.provision(&[pod(10, 1)]);
    let (results, launched) = table.provision(&[pod(10, 1)]);
    assert_eq!((launched.len(), results.placements.len()), (0, 1));
    let mut table = Table::new(&[fake("small", 2, 2048, 5)]);
    table.provision(&[pod(1001, 1)]);
    assert_eq!(table.provision(&[pod(1000, 1)]).1.len(), 1, "1.9 cores hold one of them");
}

#[test]
fn after_ten_waves_no_more_than_one_node_has_room_for_a_pod() {
    let mut table = Table::new(&[on_demand("four", 4350, 8192, 4, 1.0)]);
    for wave in [3, 0, 9, 1, 5, 2, 7, 4, 6, 8] {
        table.provision(&vec![pod(1000, 1); wave]);
    }
    let with_room = table.cluster.nodes().filter(|(_, node)| node.free().cpu >= 1000).count();
    assert!(with_room <= 1, "{with_room}");
    assert_eq!(table.cluster.nodes().count(), 12, "45 pods, four to a node");
}

#[test]
fn types_are_ordered_by_the_offerings_that_the_pool_allows() {
    let offers =
        |on_demand, spot| [("a", CapacityType::OnDemand, on_demand), ("a", CapacityType::Spot, spot)];
    let types =
        [kind("it1", 2000, 2048, 9, &offers(1.0, 0.2)), kind("it2", 2000, 2048, 9, &offers(1.3, 0.1))];
    let mut table = Table::new(&types);
    let results = table.pass(&[pod(1, 1)]);
    assert_eq!(table.types_of(&table.request(&results.claims[0])), ["it1", "it2"]);
    let pools = vec![pool("spot", &["spot"])];
    let mut table = Table::with(&types, pools, &[], Settings::default());
    let results = table.pass(&[pod(1, 1)]);
    assert_eq!(table.types_of(&table.request(&results.claims[0])), ["it2", "it1"]);
}

#[test]
fn a_limit_leaves_out_types_that_would_exceed_it_and_then_every_type() {
    let mut table = limited(cpu_limit(2));
    assert_eq!(table.provision(&[pod(1750, 1)]).1, ["small"]);
    let full = table.pass(&[pod(1750, 1)]);
    assert_eq!(full.errors[0].refusals[0].1, Refusal::Limits);
    let too_large = limited(cpu_limit(2)).pass(&[pod(2100, 1)]);
    assert_eq!(too_large.errors[0].refusals[0].1, Refusal::NoType(NoType::Fits));
}

#[test]
fn claims_of_one_pass_count_against_the_limit_by_their_largest_type() {
    let mut table = limited(cpu_limit(3));
    let results = table.pass(&[lonely(1500, 1), lonely(1500, 1)]);
    assert_eq!((results.claims.len(), results.errors.len()), (1, 1));
    // Both could be small, but each may turn out to be of four cores.
    let mut table = limited(cpu_limit(7));
    let results = table.pass(&[lonely(1500, 1), lonely(1500, 1)]);
    assert_eq!(results.claims.len(), 2);
    let third = table.pass(&[lonely(1500, 1), lonely(1500, 1), lonely(1500, 1)]);
    assert_eq!((third.claims.len(), third.errors.len()), (2, 1));
}

#[test]
fn a_pool_beyond_its_limit_opens_nothing() {
    let mut table = limited(cpu_limit(20));
    for _ in 0..6 {
        table.node("default", &[pod(3900, 1)]);
    }
    assert_eq!(table.pass(&[pod(1, 1)]).errors[0].refusals[0].1, Refusal::Limits);
}

#[test]
fn a_limit_on_nodes_holds_from_one_pass_to_the_next() {
    let mut table = limited(Limits { nodes: Some(2), ..Limits::default() });
    table.provision(&[lonely(100, 1)]);
    table.provision(&[lonely(100, 1)]);
    assert_eq!(table.pass(&[lonely(100, 1)]).errors[0].refusals[0].1, Refusal::NodeLimit);
}

#[test]
fn daemon_sets_are_counted_on_every_new_node() {
    let requests = Resources::new(2000, 2048);
    let daemon = DaemonSetSpec { name: "agent".to_owned(), requests, ..DaemonSetSpec::default() };
    let pools = vec![pool("ci", &["on-demand"])];
    let mut table = Table::with(&usual(), pools, &[daemon], Settings::default());
    assert_eq!(table.provision(&[pod(1000, 1024)]).1, ["default"]);
}

#[test]
fn the_heaviest_pool_that_takes_the_pod_is_used_whatever_it_costs() {
    let offers = [("a", CapacityType::OnDemand, 1.0), ("a", CapacityType::Spot, 0.3)];
    let (dear, block) = pool("dear", &["on-demand"]);
    let dear = NodePoolSpec { weight: 10, ..dear };
    let pools = vec![pool("cheap", &["spot"]), (dear, block)];
    let mut table = Table::with(&[kind("it", 2000, 2048, 9, &offers)], pools, &[], Settings::default());
    let results = table.pass(&[pod(1, 1)]);
    assert_eq!(table.launch(&results.claims[0]).expect("offered").capacity_type, CapacityType::OnDemand);
}

#[test]
fn without_capacity_the_next_pass_takes_smaller_types_and_without_spot_on_demand() {
    let offers = [("a", CapacityType::OnDemand, 1.0), ("a", CapacityType::Spot, 0.3)];
    let cheap = [("a", CapacityType::OnDemand, 0.6), ("a", CapacityType::Spot, 0.2)];
    let types = [kind("m5.large", 2000, 8192, 29, &cheap), kind("m5.xlarge", 4000, 16_384, 58, &offers)];
    let mixed = vec![pool("ci", &["spot", "on-demand"])];
    let mut table = Table::with(&types, mixed, &[], Settings::default());
    let pods = [pod(1500, 1), pod(1500, 1)];
    let both = table.pass(&pods);
    assert_eq!(table.types_of(&table.request(&both.claims[0])), ["m5.xlarge"]);
    let mut ice = IceCache::new();
    let larger = table.cluster.instance_types().id_of("m5.xlarge").expect("known");
    for capacity_type in [CapacityType::Spot, CapacityType::OnDemand] {
        ice.mark(NOW, larger, ZoneId(0), capacity_type, table.cluster.instance_types_mut());
    }
    let apart = table.pass(&pods);
    assert_eq!(apart.claims.len(), 2);
    let smaller = table.cluster.instance_types().id_of("m5.large").expect("known");
    assert_eq!(table.launch(&apart.claims[0]).expect("offered").capacity_type, CapacityType::Spot);
    ice.mark(NOW, smaller, ZoneId(0), CapacityType::Spot, table.cluster.instance_types_mut());
    let fallback = table.pass(&pods);
    assert_eq!(table.launch(&fallback.claims[0]).expect("offered").capacity_type, CapacityType::OnDemand);
    ice.wake(ice.next_wakeup(), table.cluster.instance_types_mut());
    let back = table.pass(&pods);
    assert_eq!(table.launch(&back.claims[0]).expect("offered").capacity_type, CapacityType::Spot);
}

#[test]
fn spot_dearer_than_the_cheapest_on_demand_offering_is_not_asked_for() {
    let spot = |name: &str, prices: [f64; 2]| {
        let offers = [("a", CapacityType::Spot, prices[0]), ("b", CapacityType::Spot, prices[1])];
        kind(name, 2000, 2048, 9, &offers)
    };
    let types = [
        on_demand("base", 2000, 2048, 9, 5.0),
        spot("cheap", [1.0, 2.0]),
        spot("half", [1.0, 10.0]),
        spot("dear", [10.0, 15.0]),
    ];
    let mixed = vec![pool("ci", &["spot", "on-demand"])];
    let mut table = Table::with(&types, mixed, &[], Settings::default());
    let results = table.pass(&[pod(1, 1)]);
    let call = table.launch(&results.claims[0]).expect("offered");
    assert_eq!((call.capacity_type, call.type_count), (CapacityType::Spot, 3), "dear goes, base stays");
    assert_eq!(call.overrides.len(), 3, "half in one zone only");
}

#[test]
fn no_more_than_sixty_types_are_sent_and_they_are_the_cheapest() {
    let types: Vec<InstanceTypeSpec> =
        (0..80).map(|n| on_demand(&format!("it{n:02}"), 2000, 2048, 9, 2.0 - 0.01 * f64::from(n))).collect();
    let mut table = Table::new(&types);
    let results = table.pass(&[pod(1, 1)]);
    let call = table.launch(&results.claims[0]).expect("offered");
    assert_eq!((call.type_count, call.filters.not_dearer_than_on_demand), (60, 80));
    let dearest = call.overrides.iter().map(|one| one.price.as_dollars()).fold(0.0, f64::max);
    assert!((dearest - 1.8).abs() < 1e-9, "{dearest}");
}

#[test]
fn a_pod_gives_up_its_preferred_distance_before_its_preferred_node() {
    let (spec, disruption) = pool("ci", &["on-demand"]);
    let spec = NodePoolSpec { limits: cpu_limit(6), ..spec };
    let mut table = Table::with(&usual(), vec![(spec, disruption)], &[], Settings::default());
    let near = lonely(100, 1);
    let preferred = table.node("default", &[PodClassSpec { anti_affinity: Vec::new(), ..near.clone() }]);
    table.node("small", &[]);
    let wants = RequirementSpec::new("node.kubernetes.io/instance-type", Operator::In, &["default"]);
    let pod = PodClassSpec {
        anti_affinity: near
            .anti_affinity
            .iter()
            .cloned()
            .map(|term| PodAffinityTerm { weight: Some(9), ..term })
            .collect(),
        preferred_terms: vec![PreferredTerm { weight: 1, requirements: vec![wants] }],
        ..near
    };
    assert_eq!(table.pass(&[pod]).placements[0].1, preferred, "the other node is of the wrong type");
}

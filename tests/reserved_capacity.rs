//! Capacity reservations: who gets them in a pass, what is launched, what becomes of their nodes, and the bill. Worked by hand.

#[path = "support/plans.rs"]
mod plans;
#[path = "support/table.rs"]
mod table;

use fleetsim::catalog::{Arch, CapacityType, ZoneId};
use fleetsim::ec2::CapacityReservation;
use fleetsim::karpenter::Solver;
use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, Method, PoolDisruption, Settings};
use fleetsim::karpenter::launch::AllocationStrategy;
use fleetsim::karpenter::node_pools::{NodePoolSpec, PoolId};
use fleetsim::karpenter::pods::{PodClassSpec, PreferredTerm};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec, Requirements};
use fleetsim::karpenter::reservations::{ReservationId, ReservationSpec};
use fleetsim::karpenter::solver::{NewClaim, PassInput, PassOptions, PassResults, Refusal};
use fleetsim::metrics::{CostKind, JobOutcome, NodeEnd, NodeRecord};
use fleetsim::simulation::PoolPlan;
use fleetsim::units::{SimDuration, SimTime};
use fleetsim::workload::Distribution;
use plans::{Case, Run, hours, mins, secs};
use table::{NOW, Table, kind, lonely, pod, pool};

const ANY: [&str; 3] = ["reserved", "spot", "on-demand"];
const OD: CapacityType = CapacityType::OnDemand;

fn reservation(id: &str, instance_type: &str, count: u32) -> ReservationSpec {
    ReservationSpec {
        id: id.to_owned(),
        instance_type: instance_type.to_owned(),
        zone: "a".to_owned(),
        count,
        pools: Vec::new(),
    }
}

/// Two equal types, on demand and Spot in one zone, and a dear one.
fn table(pools: Vec<(NodePoolSpec, PoolDisruption)>, reservations: &[ReservationSpec]) -> Table {
    let of = |name, cpu: i64, dollars| {
        kind(name, cpu, cpu * 2, 20, &[("a", OD, dollars), ("a", CapacityType::Spot, dollars / 3.0)])
    };
    let types = [of("m.one", 4000, 0.2), of("m.two", 4000, 0.19), of("m.big", 16_000, 0.8)];
    let mut table = Table::with(&types, pools, &[], Settings::default());
    table.cluster.set_reservations(reservations);
    table
}

fn selecting(cpu: u32, instance_type: &str) -> PodClassSpec {
    let key = "node.kubernetes.io/instance-type".to_owned();
    PodClassSpec { node_selector: vec![(key, instance_type.to_owned())], ..pod(cpu, 100) }
}

/// The reservations that a claim is pinned to; none where it is not.
fn pinned(table: &Table, claim: &NewClaim) -> Vec<String> {
    let find =
        |key: &str| claim.requirements.iter().find(|one| table.cluster.vocabulary().key_text(one.key) == key);
    let text = |value| table.cluster.vocabulary().text(value).to_owned();
    let ids = find("karpenter.k8s.aws/capacity-reservation-id").map(|one| one.values.clone());
    let ids: Vec<String> = ids.unwrap_or_default().into_iter().map(text).collect();
    let kinds = find("karpenter.sh/capacity-type").map(|one| one.values.clone()).unwrap_or_default();
    let is_reserved_only = kinds.len() == 1 && text(kinds[0]) == "reserved";
    assert_eq!(is_reserved_only, !ids.is_empty(), "a claim with reservations is pinned to reserved capacity");
    ids
}

#[test]
fn claims_keep_the_instances_of_a_reservation_and_who_finds_none_left_waits_for_a_later_pass() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 2)]);
    let results = table.pass(&[lonely(1000, 100), lonely(1000, 100), lonely(1000, 100)]);
    let ids: Vec<Vec<String>> = results.claims.iter().map(|claim| pinned(&table, claim)).collect();
    assert_eq!(ids, [["cr-1"], ["cr-1"]]);
    assert_eq!(results.errors.len(), 1);
    assert_eq!(results.errors[0].refusals, [(PoolId(0), Refusal::ReservedOffering)]);
}

#[test]
fn a_what_if_falls_back_to_other_capacity_where_a_pass_waits() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 1)]);
    table.pending(&[lonely(1000, 100), lonely(1000, 100)]);
    let mut results = PassResults::default();
    let input = PassInput { now: NOW, pods: &table.pending, excluded: &[], is_consolidation: true };
    Solver::new(PassOptions::default()).solve(&table.cluster, &input, &mut results);
    let ids: Vec<Vec<String>> = results.claims.iter().map(|claim| pinned(&table, claim)).collect();
    assert_eq!(ids, [vec!["cr-1".to_owned()], Vec::new()]);
}

#[test]
fn a_claim_keeps_an_instance_of_every_reservation_that_it_may_use_until_a_pod_rules_one_out() {
    let both = [reservation("cr-1", "m.one", 1), reservation("cr-2", "m.two", 1)];
    let mut table = table(vec![pool("ci", &ANY)], &both);
    // One claim may use both, so nothing is left for the second.
    let results = table.pass(&[lonely(1000, 100), lonely(1000, 100)]);
    assert_eq!(results.claims.len(), 1);
    assert_eq!(pinned(&table, &results.claims[0]), ["cr-1", "cr-2"]);
    // The second pod narrows the claim to m.two; what it lets go of is the third one's.
    let results = table.pass(&[pod(1500, 100), selecting(1400, "m.two"), selecting(1300, "m.one")]);
    let mut ids: Vec<Vec<String>> = results.claims.iter().map(|claim| pinned(&table, claim)).collect();
    ids.sort();
    assert_eq!((ids, results.errors), (vec![vec!["cr-1".to_owned()], vec!["cr-2".to_owned()]], Vec::new()));
}

#[test]
fn a_pod_that_would_rule_out_the_last_reservation_of_a_claim_opens_another() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 1)]);
    // m.two is in no reservation, so the second pod must not join the first.
    let results = table.pass(&[pod(1500, 100), selecting(1400, "m.two")]);
    let ids: Vec<Vec<String>> = results.claims.iter().map(|claim| pinned(&table, claim)).collect();
    assert_eq!(ids, [vec!["cr-1".to_owned()], Vec::new()]);
}

#[test]
fn a_pod_that_waits_for_reserved_capacity_is_given_to_no_lighter_pool_and_keeps_its_preferences() {
    let heavy = |(spec, disruption)| (NodePoolSpec { weight: 10, ..spec }, disruption);
    let pools = vec![heavy(pool("first", &ANY)), pool("second", &["on-demand"])];
    let mut table = table(pools, &[reservation("cr-1", "m.one", 1)]);
    let prefers = |cpu| PodClassSpec {
        preferred_terms: vec![PreferredTerm {
            weight: 1,
            requirements: vec![RequirementSpec::new(
                "node.kubernetes.io/instance-type",
                Operator::In,
                &["m.one"],
            )],
        }],
        ..lonely(cpu, 100)
    };
    let results = table.pass(&[lonely(2000, 100), prefers(1000)]);
    assert_eq!(results.claims.len(), 1, "neither the second pool nor m.two takes the other pod");
    assert_eq!(results.errors[0].refusals, [(PoolId(0), Refusal::ReservedOffering)]);
}

#[test]
fn a_pod_that_waits_for_reserved_capacity_joins_no_claim_that_it_does_not_prefer() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 1)]);
    let prefers = PodClassSpec {
        preferred_terms: vec![PreferredTerm {
            weight: 1,
            requirements: vec![RequirementSpec::new(
                "node.kubernetes.io/instance-type",
                Operator::In,
                &["m.one"],
            )],
        }],
        ..pod(800, 100)
    };
    // The first has the reservation and no room; the second has room, but is of the other type.
    let results = table.pass(&[selecting(3500, "m.one"), selecting(3000, "m.two"), prefers]);
    assert_eq!((results.claims.len(), results.errors.len()), (2, 1));
    assert_eq!(results.errors[0].refusals, [(PoolId(0), Refusal::ReservedOffering)]);
}

#[test]
fn a_reservation_is_only_of_the_pools_that_select_it() {
    let mut own = reservation("cr-1", "m.one", 5);
    own.pools = vec!["owner".to_owned()];
    let mut table = table(vec![pool("zother", &ANY), pool("owner", &ANY)], &[own]);
    // Equal weights: the later in the alphabet is first.
    let results = table.pass(&[pod(1000, 100)]);
    assert_eq!((results.claims[0].pool, pinned(&table, &results.claims[0])), (PoolId(0), Vec::new()));
    let for_owner = PodClassSpec {
        node_selector: vec![("karpenter.sh/nodepool".to_owned(), "owner".to_owned())],
        ..pod(1000, 100)
    };
    let results = table.pass(&[for_owner]);
    assert_eq!(pinned(&table, &results.claims[0]), ["cr-1"]);
}

#[test]
fn a_reserved_launch_names_one_reservation_a_type_and_zone_the_one_with_most_left() {
    let all =
        [reservation("cr-1", "m.one", 1), reservation("cr-2", "m.one", 3), reservation("cr-3", "m.two", 1)];
    let mut table = table(vec![pool("ci", &ANY)], &all);
    let results = table.pass(&[pod(1000, 100)]);
    let call = table.launch(&results.claims[0]).expect("reserved capacity is to be had");
    assert_eq!(
        (call.capacity_type, call.strategy),
        (CapacityType::Reserved, AllocationStrategy::LowestPrice)
    );
    let named: Vec<Option<ReservationId>> = call.overrides.iter().map(|one| one.reservation).collect();
    // By price: m.two is cheaper on demand. The big type is in no reservation.
    assert_eq!(named, [Some(ReservationId(2)), Some(ReservationId(1))]);
    assert_eq!((call.filters.fitting, call.filters.reserved), (2, 2));
}

#[test]
fn a_launch_without_a_reservation_left_is_of_no_use_to_a_claim_that_is_pinned() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 1)]);
    let claim = table.pass(&[pod(1000, 100)]).claims.remove(0);
    take(&mut table, NodeId(90), "m.one");
    assert!(table.launch(&claim).is_none());
    let claim = table.pass(&[pod(1000, 100)]).claims.remove(0);
    assert_eq!(table.launch(&claim).expect("Spot").capacity_type, CapacityType::Spot);
    table.cluster.remove(NodeId(90));
    let claim = table.pass(&[pod(1000, 100)]).claims.remove(0);
    assert_eq!(pinned(&table, &claim), ["cr-1"], "a node that goes gives its instance back");
}

#[test]
fn a_reservation_that_ended_is_offered_no_more_and_its_nodes_are_on_demand() {
    let mut table = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 2)]);
    take(&mut table, NodeId(90), "m.one");
    table.cluster.reservation_ended(ReservationId(0));
    let claim = table.pass(&[lonely(1000, 100)]).claims.remove(0);
    assert_eq!(pinned(&table, &claim), Vec::<String>::new());
    assert_eq!(table.cluster.node(NodeId(90)).unwrap().capacity_type, Some(CapacityType::Reserved));
    assert_eq!(table.cluster.demote_reserved(ReservationId(0)), [NodeId(90)]);
    assert_eq!(table.cluster.node(NodeId(90)).unwrap().capacity_type, Some(OD));
}

/// An instance of the first reservation is launched for a new node.
fn take(table: &mut Table, id: NodeId, name: &str) {
    let type_id = table.cluster.instance_types().id_of(name).expect("a type of the table");
    let zone = fleetsim::karpenter::instance_types::ZoneId(0);
    let launched = LaunchedAs { type_id, zone, capacity_type: CapacityType::Reserved };
    table.cluster.claim_created(SimTime::ZERO, id, PoolId(0), &Requirements::new());
    table.cluster.claim_launched_into(SimTime::ZERO, id, launched, ReservationId(0));
    // Passes put no pods on it.
    table.cluster.mark_for_deletion(id);
}

#[test]
fn consolidation_takes_reserved_capacity_for_cheaper_than_any_other_and_never_the_other_way_round() {
    let single = Method::SingleNode;
    let mut paid = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 1)]);
    paid.node("m.one", &[pod(3000, 100)]);
    let command = paid.ask(single).expect("the same type in a reservation costs next to nothing");
    assert_eq!(pinned_request(&paid, &command.replacements[0].requirements), ["cr-1"]);
    let mut reserved = table(vec![pool("ci", &ANY)], &[reservation("cr-1", "m.one", 2)]);
    reserved.node_as(PoolId(0), "m.one", CapacityType::Reserved, &[pod(3000, 100)]);
    assert!(reserved.ask(single).is_none(), "nothing is cheaper than what is paid for anyway");
    let both = [reservation("cr-1", "m.big", 2), reservation("cr-2", "m.two", 1)];
    let mut big = table(vec![pool("ci", &ANY)], &both);
    big.node_as(PoolId(0), "m.big", CapacityType::Reserved, &[pod(3000, 100)]);
    let command = big.ask(single).expect("a smaller reserved instance counts as cheaper");
    assert!(pinned_request(&big, &command.replacements[0].requirements).contains(&"cr-2".to_owned()));
}

fn pinned_request(table: &Table, requirements: &Requirements) -> Vec<String> {
    let key = "karpenter.k8s.aws/capacity-reservation-id";
    let ids = requirements.iter().find(|one| table.cluster.vocabulary().key_text(one.key) == key);
    let text = |value: &_| table.cluster.vocabulary().text(*value).to_owned();
    ids.map(|one| one.values.iter().map(text).collect()).unwrap_or_default()
}

/// $0.096 an hour on demand in us-east-1.
const TYPE: &str = "m6i.large";
const DOLLARS: f64 = 0.096;

/// Jobs that fill a node of Karpenter's each; nothing but launches and batches takes time. `count` instances are reserved.
fn case(capacity_types: &[&str], count: u32, ends_at: Option<SimDuration>) -> Case {
    let spec = NodePoolSpec {
        name: "ci".to_owned(),
        requirements: vec![
            RequirementSpec::new("node.kubernetes.io/instance-type", Operator::In, &[TYPE]),
            RequirementSpec::new("karpenter.sh/capacity-type", Operator::In, capacity_types),
            RequirementSpec::new("topology.kubernetes.io/zone", Operator::In, &["us-east-1a"]),
        ],
        consolidate_after: Some(secs(30)),
        ..NodePoolSpec::default()
    };
    let disruption = PoolDisruption {
        consolidation_policy: ConsolidationPolicy::WhenEmpty,
        consolidate_after: Some(secs(30)),
        budgets: vec![Budget::new("100%", None, None, None)],
    };
    Case::new()
        .at_once()
        .manager(50)
        .pool_as(PoolPlan { spec, disruption, ..PoolPlan::default() })
        .class("test", 1500, 1024, Distribution::Constant(SimDuration::ZERO), |_| {})
        .change(|plan| {
            plan.ec2.root_volume.gib = 0;
            plan.executor.poll_timeout = mins(60);
            plan.ec2.reservations = vec![CapacityReservation {
                id: "cr-1".to_owned(),
                instance_type: plan.ec2.catalog.find(TYPE).expect("an instance type"),
                zone: ZoneId(0),
                count,
                ends_at: ends_at.map(|after| SimTime::ZERO + after),
                pools: Vec::new(),
            }];
        })
        .until(hours(1))
}

fn paid(run: &Run, kind: CostKind) -> f64 {
    run.finished.outcome.costs.of(kind).read().as_dollars()
}

const RESERVED: CostKind = CostKind::Instance(Arch::Amd64, CapacityType::Reserved);

fn assert_dollars(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-8, "{found} dollars, {expected} expected");
}

#[test]
fn two_of_three_jobs_run_in_the_reservation_and_the_third_is_given_an_on_demand_node_by_the_next_pass() {
    let mut case = case(&["reserved", "on-demand"], 2, None);
    for _ in 0..3 {
        case = case.job(secs(0), "test", mins(10));
    }
    let run = case.run();
    let nodes = run.nodes();
    let kinds: Vec<CapacityType> = nodes.iter().map(|node| node.capacity).collect();
    assert_eq!(kinds, [CapacityType::Reserved, CapacityType::Reserved, OD]);
    // The first pass refuses the third pod. kube-scheduler tries it again when the two nodes have come, its back-off of a second
    // over, and marks it anew: it triggers, and the batch is a second.
    let later = nodes[2].launched_at.as_ms() - nodes[0].launched_at.as_ms();
    assert_eq!(later, 2_000, "{nodes:?}");
    let used: u64 = nodes[..2].iter().map(NodeRecord::lifetime_ms).sum();
    assert_dollars(paid(&run, RESERVED), DOLLARS * used as f64 / 3.6e6);
    assert_dollars(paid(&run, CostKind::UnusedReservations), DOLLARS * (2.0 - used as f64 / 3.6e6));
    assert_dollars(paid(&run, RESERVED) + paid(&run, CostKind::UnusedReservations), 2.0 * DOLLARS);
    assert_dollars(
        paid(&run, CostKind::Instance(Arch::Amd64, OD)),
        DOLLARS * nodes[2].lifetime_ms() as f64 / 3.6e6,
    );
}

#[test]
fn a_reservation_that_nobody_uses_is_paid_for_as_long_as_it_stands_after_the_warm_up() {
    let unused = |warm_up, ends| {
        let run = case(&["reserved"], 3, ends).warmed_up(warm_up).run();
        assert_dollars(paid(&run, RESERVED), 0.0);
        paid(&run, CostKind::UnusedReservations)
    };
    assert_dollars(unused(SimDuration::ZERO, None), 3.0 * DOLLARS);
    assert_dollars(unused(mins(15), None), 3.0 * DOLLARS * 0.75);
    assert_dollars(unused(mins(15), Some(mins(45))), 3.0 * DOLLARS * 0.5);
    assert_dollars(unused(mins(15), Some(mins(10))), 0.0);
}

#[test]
fn a_node_of_a_reservation_is_paid_for_once_though_it_lives_less_than_a_minute() {
    let run = case(&["reserved"], 1, None).job(secs(0), "test", secs(1)).run();
    let node = run.nodes()[0];
    assert!(node.lifetime_ms() < 60_000 && node.billed_ms == node.lifetime_ms(), "{node:?}");
    assert_dollars(paid(&run, RESERVED) + paid(&run, CostKind::UnusedReservations), DOLLARS);
}

#[test]
fn when_a_reservation_ends_its_nodes_go_on_and_drift_only_where_their_pool_has_no_on_demand() {
    let ends = |kinds: &[&str]| case(kinds, 1, Some(mins(20))).job(secs(0), "test", mins(50)).run();
    let stays = ends(&["reserved", "on-demand"]);
    assert_eq!((stays.nodes().len(), stays.job(0).outcome), (1, JobOutcome::Success));
    // No replacement is to be had, so a node that drifted stays as long as its job does.
    let drifts = ends(&["reserved"]);
    assert_eq!((drifts.nodes().len(), drifts.job(0).outcome), (1, JobOutcome::Success));
    // Twenty minutes were reserved; what follows is on demand, at the same price.
    let node = stays.nodes()[0];
    assert_dollars(paid(&stays, RESERVED), DOLLARS * node.lifetime_ms() as f64 / 3.6e6);
    assert_dollars(
        paid(&stays, CostKind::UnusedReservations),
        DOLLARS * node.launched_at.as_ms() as f64 / 3.6e6,
    );
}

#[test]
fn nothing_is_launched_into_a_reservation_that_ended_before_karpenter_noticed() {
    let case = case(&["reserved", "on-demand"], 1, Some(secs(1210)));
    let run = case.job(secs(1212), "test", mins(5)).run();
    let kinds: Vec<CapacityType> = run.nodes().iter().map(|node| node.capacity).collect();
    assert_eq!((kinds, run.job(0).outcome), (vec![OD], JobOutcome::Success));
}

#[test]
fn an_empty_node_whose_reservation_ended_drifts_where_its_pool_is_only_reserved() {
    let decided = |kinds: &[&str]| {
        let case = case(kinds, 1, Some(mins(20))).job(secs(0), "test", mins(5));
        let keeps = |plan: &mut fleetsim::simulation::Plan| {
            let fleetsim::simulation::CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            karpenter.pools[0].disruption.consolidate_after = None;
            karpenter.pools[0].spec.consolidate_after = None;
        };
        case.change(keeps).run().nodes()[0].end
    };
    assert_eq!(decided(&["reserved"]), NodeEnd::Drifted);
    assert_eq!(decided(&["reserved", "on-demand"]), NodeEnd::RunEnd);
}

#[test]
fn whatever_comes_no_reservation_is_exceeded_and_its_whole_bill_is_its_count_times_the_time() {
    for seed in 0..24 {
        let count = (seed % 5 + 1) as u32;
        let case = case(&["reserved", "on-demand"], count, None)
            .class("short", 700, 512, Distribution::Exponential { mean: mins(4) }, |_| {})
            .arriving("short", 1.0 + seed as f64 / 8.0)
            .seed(seed);
        let run = case.run();
        let reserved: Vec<NodeRecord> =
            run.nodes().into_iter().filter(|node| node.capacity == CapacityType::Reserved).collect();
        let mut steps: Vec<(u64, i64)> = reserved
            .iter()
            .flat_map(|node| [(node.launched_at.as_ms(), 1), (node.terminated_at.as_ms(), -1)])
            .collect();
        steps.sort_unstable();
        let mut level = 0;
        let most = steps.iter().map(|(_, step)| {
            level += step;
            level
        });
        assert!(most.max().unwrap_or(0) <= i64::from(count), "seed {seed}: {reserved:?}");
        assert!(!reserved.is_empty(), "seed {seed}: what is paid for anyway is used first");
        let bill = paid(&run, RESERVED) + paid(&run, CostKind::UnusedReservations);
        assert_dollars(bill, DOLLARS * f64::from(count));
    }
}

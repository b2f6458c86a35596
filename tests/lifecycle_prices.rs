//! Two price books in the whole loop: what EC2 bills, and what Karpenter believes.

#[path = "support/plans.rs"]
mod plans;

use std::sync::Arc;

use fleetsim::catalog::{CapacityType, Catalog, CustomPrice};
use fleetsim::karpenter::disruption::{ConsolidationPolicy, Reason};
use fleetsim::karpenter::price_overlay::{NodeOverlay, PriceOverlay};
use fleetsim::karpenter::requirements::{Operator, RequirementSpec};
use fleetsim::simulation::{CapacityPlan, Decision, KarpenterPlan, PriceChange};
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Retry};
use plans::{Case, hours, mins, secs};

const DOLLAR: u64 = 1_000_000_000;

fn case(instance_types: &[&str], change: impl FnOnce(&mut KarpenterPlan)) -> Case {
    let case = Case::new().at_once().manager(20).pool(instance_types, "on-demand", Some(secs(30)));
    let duration = Distribution::Constant(SimDuration::ZERO);
    case.class("test", 1500, 1024, duration, |class| class.retry = Retry::always(2)).change(|plan| {
        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!("a pool was added") };
        karpenter.pools[0].disruption.consolidation_policy = ConsolidationPolicy::WhenEmptyOrUnderutilized;
        karpenter.pools[0].expire_after = None;
        change(karpenter);
    })
}

fn with_change(case: Case, at: SimDuration, instance_type: &str, price: HourlyPrice) -> Case {
    case.change(|plan| {
        let instance_type = plan.ec2.catalog.find(instance_type).expect("a type");
        let (at, capacity) = (SimTime::ZERO + at, CapacityType::OnDemand);
        plan.ec2.price_changes.push(PriceChange { at, instance_type, zone: None, capacity, price });
    })
}

/// When a command to save money started first.
fn first_saving(run: &plans::Run) -> Option<SimTime> {
    run.finished.decisions.iter().find_map(|one| match one.what {
        Decision::Command { reason: Reason::Underutilized, .. } => Some(one.at),
        _ => None,
    })
}

#[test]
fn a_price_that_changes_is_billed_from_that_instant_on_and_the_warm_up_is_left_out() {
    for warmup in [SimDuration::ZERO, mins(20), mins(80)] {
        let case = with_change(case(&["m6i.large"], |_| {}), hours(1), "m6i.large", HourlyPrice(DOLLAR));
        let run = case.warmed_up(warmup).job(secs(0), "test", hours(2)).run();
        let node = run.nodes()[0];
        let (changed_at, counted_from) = (SimTime::ZERO + hours(1), SimTime::ZERO + warmup);
        let before = changed_at.saturating_since(node.launched_at.max(counted_from)).as_ms();
        let after = (node.terminated_at - changed_at.max(counted_from)).as_ms();
        let expected = u128::from(before) * 96_000_000 + u128::from(after) * u128::from(DOLLAR);
        assert_eq!(node.cost.0, expected, "{warmup:?}");
    }
}

#[test]
fn karpenter_believes_the_old_price_until_it_reads_the_list_again_every_twelve_hours() {
    let cheap = HourlyPrice(DOLLAR / 100);
    let saved_at = |refresh: SimDuration| {
        let case = case(&["m6i.large", "m7i.large"], |karpenter| karpenter.price_refresh = refresh);
        let run = with_change(case, mins(90), "m7i.large", cheap).job(secs(0), "test", hours(20)).run();
        first_saving(&run).expect("the cheaper type replaces the node in the end")
    };
    // A fruitless search is remembered for five minutes, and a command is validated for 15 s.
    for (refresh, read_at) in [(hours(12), hours(12)), (hours(1), hours(2))] {
        let after = saved_at(refresh).saturating_since(SimTime::ZERO + read_at);
        assert!(saved_at(refresh) >= SimTime::ZERO + read_at && after <= mins(6), "{after:?}");
    }
}

#[test]
fn a_node_overlay_makes_karpenter_launch_what_it_is_told_is_cheap_and_ec2_bills_its_own_price() {
    let launched = |overlays: Vec<NodeOverlay>| {
        let case = case(&["m6i.large", "m7i.large"], |karpenter| karpenter.overlays = overlays);
        let run = case.job(secs(0), "test", hours(1)).run();
        (run.nodes()[0], Catalog::builtin("us-east-1").expect("embedded"))
    };
    let name_of = |(node, catalog): &(fleetsim::metrics::NodeRecord, Catalog)| {
        catalog.get(fleetsim::engine::Id::new(node.instance_type)).name.to_string()
    };
    assert_eq!(name_of(&launched(Vec::new())), "m6i.large");
    let adjusted = |name: &str, weight, text| NodeOverlay {
        name: format!("{name}-{weight}"),
        weight,
        requirements: vec![RequirementSpec::new("node.kubernetes.io/instance-type", Operator::In, &[name])],
        price: PriceOverlay::parse_adjustment(text).expect("an adjustment"),
    };
    // Of two overlays for one type the heavier wins.
    let told = launched(vec![adjusted("m7i.large", 1, "+50%"), adjusted("m7i.large", 2, "-50%")]);
    assert_eq!(name_of(&told), "m7i.large");
    let (node, catalog) = &told;
    let kind = catalog.find("m7i.large").expect("a type");
    let price = catalog.prices(kind).expect("sold").on_demand;
    assert_eq!(node.cost.0, u128::from(node.billed_ms) * u128::from(price.0));
}

#[test]
fn a_node_overlay_of_one_node_pool_leaves_the_prices_of_the_others_alone() {
    // The same pods, once through a pool that the overlay names and once through one that it does not.
    let launched = |by: RequirementSpec| {
        let mut overlay = NodeOverlay {
            name: "dear".to_owned(),
            weight: 1,
            requirements: vec![RequirementSpec::new(
                "node.kubernetes.io/instance-type",
                Operator::In,
                &["m6i.large"],
            )],
            price: PriceOverlay::parse_adjustment("+50%").expect("an adjustment"),
        };
        overlay.requirements.push(by);
        let case = case(&["m6i.large", "m7i.large"], |karpenter| {
            karpenter.overlays = vec![overlay];
            karpenter.pools[0].spec.name = "told".to_owned();
            karpenter.pools[0].spec.labels = vec![("team".to_owned(), "a".to_owned())];
            karpenter.pools[0].disruption.consolidation_policy = ConsolidationPolicy::WhenEmpty;
            let mut other = karpenter.pools[0].clone();
            other.spec.name = "other".to_owned();
            other.spec.labels = vec![("team".to_owned(), "b".to_owned())];
            karpenter.pools.push(other);
        });
        // Pools of equal weight are tried by name from behind: "told" takes two nodes' worth, "other" what is beyond its limit.
        let case = case.change(|plan| {
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            karpenter.pools[0].spec.limits.cpu = Some(2000);
        });
        let run = case.job(secs(0), "test", hours(1)).job(secs(0), "test", hours(1)).run();
        let catalog = Catalog::builtin("us-east-1").expect("embedded");
        let mut names: Vec<(u32, String)> = run
            .nodes()
            .iter()
            .map(|node| {
                (node.pool, catalog.get(fleetsim::engine::Id::new(node.instance_type)).name.to_string())
            })
            .collect();
        names.sort();
        names
    };
    let apart = [(0, "m7i.large".to_owned()), (1, "m6i.large".to_owned())];
    assert_eq!(launched(RequirementSpec::new("karpenter.sh/nodepool", Operator::In, &["told"])), apart);
    assert_eq!(
        launched(RequirementSpec::new("team", Operator::In, &["a"])),
        apart,
        "labels of the pool count too"
    );
    let both = launched(RequirementSpec::new("team", Operator::Exists, &[]));
    assert!(both.iter().all(|(_, name)| name == "m7i.large"), "{both:?}");
}

#[test]
fn a_price_that_falls_is_acted_on_late_and_billed_at_once() {
    let (dear, cheap) = (HourlyPrice(DOLLAR), HourlyPrice(DOLLAR / 100));
    let case = case(&["m6i.large", "m7i.large"], |_| {});
    // Karpenter's node becomes dear, the other type cheap; it hears of neither before its next look at the list.
    let case = with_change(with_change(case, hours(1), "m7i.large", cheap), hours(1), "m6i.large", dear);
    let run = case.job(secs(0), "test", hours(20)).run();
    let nodes = run.nodes();
    let catalog = Catalog::builtin("us-east-1").expect("embedded");
    let name = |node: &fleetsim::metrics::NodeRecord| {
        catalog.get(fleetsim::engine::Id::new(node.instance_type)).name.to_string()
    };
    assert_eq!(
        (name(&nodes[0]).as_str(), name(&nodes[1]).as_str(), nodes.len()),
        ("m6i.large", "m7i.large", 2)
    );
    assert!(nodes[0].terminated_at >= SimTime::ZERO + hours(12), "{:?}", nodes[0]);
    let old =
        u128::from((SimTime::ZERO + hours(1)).saturating_since(nodes[0].launched_at).as_ms()) * 96_000_000;
    let new = u128::from((nodes[0].terminated_at - (SimTime::ZERO + hours(1))).as_ms()) * u128::from(DOLLAR);
    assert_eq!(nodes[0].cost.0, old + new, "eleven hours at ten times what Karpenter believed");
    assert_eq!(nodes[1].cost.0, u128::from(nodes[1].billed_ms) * u128::from(cheap.0));
}

#[test]
fn karpenter_that_reads_the_list_knows_no_own_price_and_replaces_what_is_cheaper_in_truth() {
    let savings = |reads_list: bool| {
        let own = CustomPrice {
            instance_type: "m6i.large".to_owned(),
            zone: None,
            capacity_type: CapacityType::OnDemand,
            price: HourlyPrice(DOLLAR / 2),
            rating: None,
        };
        let builtin = || Catalog::builtin("us-east-1").expect("embedded");
        let list = reads_list.then(|| Arc::new(builtin()));
        let case = case(&["m6i.large", "m7i.large"], |karpenter| karpenter.list_prices = list);
        let case = case.change(|plan| {
            plan.ec2.catalog = Arc::new(builtin().with_custom(&[], &[own]).expect("a price"));
        });
        first_saving(&case.job(secs(0), "test", hours(1)).run())
    };
    assert!(savings(true).is_some(), "m6i.large is cheaper in the list");
    assert!(savings(false).is_none(), "m7i.large is what costs less");
}

//! The EC2 room asked from outside: which pool CreateFleet serves a launch from, and one instance from launch to bill.

use fleetsim::catalog::{CapacityType, Catalog, CustomPrice, ZoneId};
use fleetsim::ec2::{
    AllocationStrategy, AmiPreset, BillingRules, CapacityLimits, CapacityPool, Chosen, EndReason,
    InstanceMeter, LaunchOverride, LaunchRequest, Market, Outage, PoolFilter, PoolWeights, ShockParameters,
    SpotMarket, SpotParameters, StartupModel,
};
use fleetsim::engine::Streams;
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};

fn overrides(catalog: &Catalog, names: &[&str]) -> Vec<LaunchOverride> {
    let zones = 0..catalog.zones().len() as u8;
    names
        .iter()
        .flat_map(|name| {
            let instance_type = catalog.find(name).unwrap();
            zones.clone().map(move |zone| LaunchOverride { instance_type, zone: ZoneId(zone) })
        })
        .collect()
}

fn request(capacity_type: CapacityType, overrides: &[LaunchOverride], ordinal: u64) -> LaunchRequest<'_> {
    LaunchRequest {
        capacity_type,
        strategy: AllocationStrategy::of(capacity_type),
        overrides,
        ordinal,
        now: SimTime::ZERO,
    }
}

fn market(catalog: &Catalog, limits: CapacityLimits) -> Market {
    Market::new(catalog, &PoolWeights::default(), limits)
}

fn ask(market: &Market, request: &LaunchRequest<'_>) -> (Option<Chosen>, Vec<CapacityPool>) {
    let mut insufficient = Vec::new();
    let chosen = market.choose(request, &Streams::new(42, 0), &mut insufficient);
    (chosen, insufficient)
}

#[test]
fn on_demand_takes_the_cheapest_then_the_first_name_then_the_first_zone() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let market = market(&catalog, CapacityLimits::default());
    let mut pools = overrides(&catalog, &["m6g.xlarge", "c6g.xlarge", "m5.xlarge", "c6gd.xlarge"]);
    let cheapest = ask(&market, &request(CapacityType::OnDemand, &pools, 0)).0.unwrap();
    assert_eq!(catalog.get(cheapest.instance_type).name, "c6g.xlarge");
    assert_eq!((cheapest.zone, cheapest.price), (ZoneId(0), HourlyPrice::from_dollars(0.136)));
    pools.reverse();
    assert_eq!(ask(&market, &request(CapacityType::OnDemand, &pools, 7)).0.unwrap(), cheapest);
    // Same price, other name: m5.xlarge and m6i.xlarge are both 0.192.
    let ties = overrides(&catalog, &["m6i.xlarge", "m5.xlarge"]);
    let first = ask(&market, &request(CapacityType::OnDemand, &ties, 0)).0.unwrap();
    assert_eq!(catalog.get(first.instance_type).name, "m5.xlarge");
}

#[test]
fn empty_pools_are_named_and_the_next_one_serves() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let c6g = catalog.find("c6g.xlarge").unwrap();
    let outage = Outage {
        pools: PoolFilter::default().types([c6g]).bought(CapacityType::OnDemand),
        from: SimTime::ZERO,
        until: SimTime::from_ms(1),
    };
    let limits = CapacityLimits { outages: vec![outage], ..CapacityLimits::default() };
    let market = market(&catalog, limits);
    let pools = overrides(&catalog, &["m6g.xlarge", "c6g.xlarge"]);
    let (chosen, insufficient) = ask(&market, &request(CapacityType::OnDemand, &pools, 0));
    assert_eq!(catalog.get(chosen.unwrap().instance_type).name, "m6g.xlarge");
    let zones: Vec<_> = insufficient.iter().map(|pool| (pool.instance_type, pool.zone.0)).collect();
    assert_eq!(zones, [(c6g, 0), (c6g, 1), (c6g, 2)]);
    let only = overrides(&catalog, &["c6g.xlarge"]);
    let (none, all) = ask(&market, &request(CapacityType::OnDemand, &only, 0));
    assert_eq!((none, all.len()), (None, 3));
    assert!(ask(&market, &request(CapacityType::Spot, &only, 0)).0.is_some());
    let later = LaunchRequest { now: SimTime::from_ms(1), ..request(CapacityType::OnDemand, &only, 0) };
    assert!(ask(&market, &later).0.is_some());
}

#[test]
fn spot_pools_are_taken_in_proportion_to_depth_and_price() {
    // Two types of one size, the same rating, one twice as dear: 16 to 1 at power 4.
    let price = |name: &str, dollars| CustomPrice {
        instance_type: name.into(),
        zone: None,
        capacity_type: CapacityType::Spot,
        price: HourlyPrice::from_dollars(dollars),
        rating: Some(fleetsim::catalog::InterruptionRating::Below5),
    };
    let catalog = Catalog::builtin("us-east-1")
        .unwrap()
        .with_custom(&[], &[price("c6g.xlarge", 0.04), price("m6g.xlarge", 0.08)])
        .unwrap();
    let market = market(&catalog, CapacityLimits::default());
    let pools = overrides(&catalog, &["m6g.xlarge", "c6g.xlarge"]);
    let count = 30_000;
    let mut taken = [[0_u32; 3]; 2];
    for ordinal in 0..count {
        let chosen = ask(&market, &request(CapacityType::Spot, &pools, ordinal)).0.unwrap();
        taken[usize::from(catalog.get(chosen.instance_type).name == "m6g.xlarge")][chosen.zone.index()] += 1;
    }
    for (row, chance) in taken.iter().zip([16.0 / 51.0, 1.0 / 51.0]) {
        for hits in row {
            let error = 3.3 * (count as f64 * chance * (1.0 - chance)).sqrt();
            assert!((f64::from(*hits) - count as f64 * chance).abs() < error, "{taken:?}");
        }
    }
}

#[test]
fn a_further_pool_changes_a_spot_choice_only_where_it_wins() {
    let catalog = Catalog::builtin("eu-west-1").unwrap();
    let market = market(&catalog, CapacityLimits::default());
    let names = ["m6g.xlarge", "c6g.xlarge", "m7g.xlarge", "c7g.2xlarge", "r6g.xlarge"];
    let few = overrides(&catalog, &names[..4]);
    let mut many = overrides(&catalog, &names);
    many.reverse();
    let newcomer = catalog.find("r6g.xlarge").unwrap();
    let mut won = 0;
    for ordinal in 0..2000 {
        let before = ask(&market, &request(CapacityType::Spot, &few, ordinal)).0.unwrap();
        let after = ask(&market, &request(CapacityType::Spot, &many, ordinal)).0.unwrap();
        if after.instance_type == newcomer {
            won += 1;
        } else {
            assert_eq!(before, after, "launch {ordinal}");
        }
    }
    assert!((20..1500).contains(&won), "{won}");
}

#[test]
fn after_a_shock_its_pool_is_empty_and_others_serve() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let parameters = SpotParameters {
        scale: fleetsim::units::Ppm(30_000_000),
        shocks: Some(ShockParameters {
            spread: SimDuration::ZERO,
            share: fleetsim::units::Ppm::ONE,
            ..ShockParameters::default()
        }),
        ..SpotParameters::default()
    };
    let spot = SpotMarket::new(&catalog, &parameters);
    let market = market(&catalog, CapacityLimits::default()).with_shocks(&spot);
    let streams = Streams::new(42, 0);
    let pools = overrides(&catalog, &["m5.large"]);
    let pool = CapacityPool {
        instance_type: pools[0].instance_type,
        zone: ZoneId(0),
        capacity_type: CapacityType::Spot,
    };
    let struck = spot.interruption(pool, SimTime::ZERO, 0, &streams).unwrap().notice_at;
    let at = LaunchRequest {
        now: struck + SimDuration::from_ms(1),
        ..request(CapacityType::Spot, &pools[..1], 0)
    };
    assert_eq!(ask(&market, &at), (None, vec![pool]));
    let wider =
        LaunchRequest { overrides: &overrides(&catalog, &["m5.large", "c6g.large", "r6i.large"]), ..at };
    assert_ne!(
        ask(&market, &wider).0.map(|chosen| (chosen.instance_type, chosen.zone)),
        Some((pool.instance_type, pool.zone))
    );
    let next_day = LaunchRequest { now: struck + SimDuration::from_hours(24), ..at };
    let again = ask(&market, &next_day).0.is_some();
    assert_eq!(again, !spot.recovering(pool, next_day.now, &streams));
    assert!(!spot.recovering(
        CapacityPool { capacity_type: CapacityType::OnDemand, ..pool },
        at.now,
        &streams
    ));
}

#[test]
fn one_spot_instance_from_launch_to_bill() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let streams = Streams::new(1, 0);
    let market = market(&catalog, CapacityLimits::default());
    let pools = overrides(&catalog, &["c7g.2xlarge", "m7g.2xlarge"]);
    let chosen = ask(&market, &request(CapacityType::Spot, &pools, 3)).0.unwrap();
    let startup = StartupModel::preset(AmiPreset::Al2023).draw(&streams, 3);
    let running_at = SimTime::ZERO + startup.running_after;
    let pool = CapacityPool {
        instance_type: chosen.instance_type,
        zone: chosen.zone,
        capacity_type: chosen.capacity_type,
    };
    let spot = SpotMarket::new(&catalog, &SpotParameters::default());
    let end = spot.interruption(pool, running_at, 3, &streams).unwrap();
    assert_eq!(end.reclaim_at - end.notice_at, SimDuration::from_mins(2));
    let meter = InstanceMeter::start(running_at, chosen.price);
    let bill = meter.finish(
        running_at + SimDuration::from_hours(2),
        EndReason::Terminated,
        &BillingRules::default(),
    );
    assert_eq!(bill.total().read().0, i128::from(chosen.price.0) * 2);
    let reclaimed = meter.finish(
        running_at + SimDuration::from_mins(59),
        EndReason::SpotReclaimed,
        &BillingRules::default(),
    );
    assert_eq!(reclaimed.total().read().0, 0);
    assert!(reclaimed.waived.read().0 > 0, "the waived amount stays visible");
}

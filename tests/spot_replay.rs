//! A recorded availability of 16-node Spot pools, replayed: its losses come as they came. The recording
//! (skypilot-org/spot-traces) is not part of this repository: where `../shared/traces` is missing the test says so and passes.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fleetsim::catalog::{CapacityType, Catalog, TypeId, ZoneId};
use fleetsim::ec2::{
    AvailabilityReplay, AvailabilitySeries, CapacityPool, PoolFilter, SpotMarket, SpotParameters,
};
use fleetsim::engine::Streams;
use fleetsim::units::{SimDuration, SimTime};

const DAYS: u64 = 14;

/// Share of losses that are within three minutes of another one of the pool.
fn share_in_company(losses: &mut [(u64, f64)]) -> f64 {
    losses.sort_by_key(|(at, _)| *at);
    let near = |a: u64, b: u64| a.abs_diff(b) <= 180_000;
    let mut together = 0.0;
    for (index, (at, weight)) in losses.iter().enumerate() {
        let before = index > 0 && near(losses[index - 1].0, *at);
        let after = losses.get(index + 1).is_some_and(|next| near(next.0, *at));
        // A fall of two nodes or more at one instant is company in itself.
        if before || after || *weight > 1.5 {
            together += weight;
        }
    }
    together / losses.iter().map(|(_, weight)| weight).sum::<f64>()
}

/// Keeps 16 instances of the pool wanted for two weeks: each that is taken is asked for again until there is capacity.
fn replayed_losses(series: &Arc<AvailabilitySeries>, streams: &Streams) -> Vec<(u64, f64)> {
    let catalog = Catalog::builtin("us-east-1").expect("embedded");
    let pools = PoolFilter::default();
    let replays = vec![AvailabilityReplay { pools, series: Arc::clone(series) }];
    let market = SpotMarket::new(&catalog, &SpotParameters { replays, ..SpotParameters::default() });
    let pool =
        CapacityPool { instance_type: TypeId::new(0), zone: ZoneId(0), capacity_type: CapacityType::Spot };
    let mut losses = Vec::new();
    let mut ordinal = 0;
    for _ in 0..16 {
        let mut now = SimTime::ZERO;
        while now.as_ms() < DAYS * 86_400_000 {
            if market.recovering(pool, now, streams) {
                now += SimDuration::from_secs(30);
                continue;
            }
            ordinal += 1;
            let Some(end) = market.interruption(pool, now, ordinal, streams) else { break };
            losses.push((end.notice_at.as_ms(), 1.0));
            now = end.reclaim_at;
        }
    }
    losses.retain(|(at, _)| *at < DAYS * 86_400_000);
    losses
}

#[test]
fn a_replayed_pool_loses_instances_together_as_the_recorded_one_did() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/spot-availability.csv.gz");
    let Ok(packed) = std::fs::read(&path) else {
        println!("{} is not here: nothing was replayed", path.display());
        return;
    };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("a gzip file");
    for name in ["us-west-2a_v100_1", "us-west-2c_v100_1", "us-east-2b_v100_1"] {
        let name = format!("availability/16-node/aws-08-27-2023/{name}");
        let series = Arc::new(AvailabilitySeries::parse(&text, &name).expect("the series"));
        let falls = series.losses();
        let mut recorded: Vec<(u64, f64)> =
            falls.iter().map(|(at, share)| (at.as_ms(), share.as_f64() * 16.0)).collect();
        let own = share_in_company(&mut recorded);
        let mut replayed = replayed_losses(&series, &Streams::new(3, 0));
        let seen = share_in_company(&mut replayed);
        println!("{name}: {own:.3} of recorded losses in company, {seen:.3} of {} replayed", replayed.len());
        assert!(own > 0.95, "{own}");
        assert!((own - seen).abs() < 0.02, "{name}: {own} recorded, {seen} replayed");
    }
}

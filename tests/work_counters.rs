//! What a job costs does not depend on how large the fleet is: the work per job on two fleets, one 25 times the other, over the
//! same hours of the week. Counts, not times, so that no quiet machine is needed.

#[path = "../benches/load/mod.rs"]
mod load;

use std::collections::BTreeMap;

use fleetsim::metrics::WorkCounters;
use load::{Fleet, Hours, Load};

/// Most by which work per job may grow from the small fleet to the large one.
const MOST: f64 = 1.5;

/// Not bounded, because kube-scheduler's sampling rule says how many nodes are scored.
const ASIDE: [&str; 1] = ["nodes_considered"];

/// Work per job, by counter.
fn work_per_job(fleet: Fleet, peak_nodes: f64, hours: Hours) -> BTreeMap<String, f64> {
    let outcome = Load::over(hours, fleet, peak_nodes).run().outcome;
    let jobs = outcome.jobs.jobs() as f64;
    outcome.work.iter().map(|(name, count)| (name.to_owned(), count as f64 / jobs)).collect()
}

fn assert_work_per_job_does_not_grow(fleet: Fleet) {
    let hours = Hours::bringing(80_000, 1500.0);
    let small = work_per_job(fleet, 60.0, hours);
    let large = work_per_job(fleet, 1500.0, hours);
    let mut grown = Vec::new();
    for (name, of_large) in &large {
        let of_small = small[name];
        if *of_large > MOST * of_small + 0.001
            && !ASIDE.contains(&name.as_str())
            && !WorkCounters::is_modelled(name)
        {
            grown.push(format!("{name}: {of_small:.3} to {of_large:.3}"));
        }
    }
    assert!(grown.is_empty(), "{}: per job grows by more than {MOST}: {grown:?}", fleet.name());
}

#[test]
fn work_per_job_does_not_grow_with_the_fleet() {
    assert_work_per_job_does_not_grow(Fleet::Nodes130);
}

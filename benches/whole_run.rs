//! The whole run, arrivals included: a diurnal load of single jobs (mean 2 vCPU, mean 5 min) on nodes of 16 vCPU, at about 130
//! and about 6,000 nodes at peak. `FLEETSIM_BENCH_JOBS` sets the number of jobs (default 1,000,000).

#[path = "load/mod.rs"]
mod load;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn whole_run(criterion: &mut Criterion) {
    let jobs = load::jobs();
    let mut group = criterion.benchmark_group("whole_run");
    group.sample_size(10).throughput(Throughput::Elements(jobs));
    for fleet in load::Fleet::ALL {
        let scenario = load::Load::new(fleet, jobs);
        group.bench_function(fleet.name(), |bencher| bencher.iter(|| scenario.run()));
    }
    group.finish();
}

criterion_group!(benches, whole_run);
criterion_main!(benches);

//! Reading a million jobs: CSV plain and compressed, and drawing as many synthetic ones. The file is made in memory.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;
use std::io::{Cursor, Write};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fleetsim::engine::{Arena, Id, Streams};
use fleetsim::units::{Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{
    Arrivals, Class, Distribution, Makes, Profile, Synthetic, TraceOptions, TraceReplay, Workload,
};

const JOBS: u64 = 1_000_000;

/// A million rows of the canonical columns, about 30 bytes each.
fn csv() -> Arc<[u8]> {
    let mut text = Vec::with_capacity(32_000_000);
    text.extend_from_slice(b"submitted_s,duration_s,cpu_millis,memory_mib,arch,tags\n");
    for row in 0..JOBS {
        let (seconds, tenth) = (row / 2, row % 2 * 5);
        let tag = ["small", "large", "deploy"][(row % 3) as usize];
        let arch = ["amd64", "arm64"][(row % 5 / 4) as usize];
        writeln!(
            text,
            "{seconds}.{tenth},{},{},{},{arch},{tag}",
            30 + row * 7 % 900,
            500 + row % 4 * 500,
            2048
        )
        .expect("memory takes everything");
    }
    text.into()
}

fn workload() -> Workload {
    let duration = Distribution::log_normal(SimDuration::from_mins(4), SimDuration::from_mins(14));
    let duration = duration.expect("the median is below the p95");
    let mut classes = Arena::new();
    classes.push(Class::new("job", Resources::new(1000, 2048), duration));
    Workload { classes, ..Workload::default() }
}

fn drain(mut arrivals: Arrivals) -> u64 {
    let mut n = 0;
    while let Some(arrival) = arrivals.next_arrival().expect("the trace is sound") {
        n += 1;
        black_box(arrival);
    }
    n
}

fn reads(text: &Arc<[u8]>) -> u64 {
    let input = Cursor::new(Arc::clone(text));
    let trace =
        TraceReplay::open(input, TraceOptions::new("bench", Id::new(0))).expect("the header is sound");
    let streams = Streams::new(1, 0);
    drain(Arrivals::new(&workload(), vec![trace], streams, SimTime::NEVER).expect("the first row is sound"))
}

fn trace_reading(criterion: &mut Criterion) {
    let plain = csv();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&plain).expect("memory takes everything");
    let packed: Arc<[u8]> = packed.finish().expect("memory takes everything").into();
    let mut group = criterion.benchmark_group("trace");
    group.sample_size(10).throughput(Throughput::Elements(JOBS));
    group.bench_function(format!("csv, {} MB", plain.len() / 1_000_000), |bencher| {
        bencher.iter(|| assert_eq!(reads(&plain), JOBS));
    });
    group.bench_function(format!("csv.gz, {} MB", packed.len() / 1_000_000), |bencher| {
        bencher.iter(|| assert_eq!(reads(&packed), JOBS));
    });
    group.finish();
}

fn synthetic(criterion: &mut Criterion) {
    let mut made = workload();
    made.synthetic.push(Synthetic {
        name: "bench".into(),
        makes: Makes::Jobs(Id::new(0)),
        per_day: JOBS as f64 / 7.0,
        profile: Profile::office_week(),
        burstiness: Ppm(380_000),
        from: SimTime::ZERO,
        until: SimTime::NEVER,
    });
    let week = SimTime::ZERO + SimDuration::from_hours(168);
    let mut group = criterion.benchmark_group("synthetic");
    group.sample_size(10).throughput(Throughput::Elements(JOBS));
    group.bench_function("a week of lognormal jobs", |bencher| {
        bencher.iter_batched(
            || Arrivals::new(&made, Vec::new(), Streams::new(1, 0), week).expect("there is no trace"),
            drain,
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, trace_reading, synthetic);
criterion_main!(benches);

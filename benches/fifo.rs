//! The FIFO pool: a million jobs alone, and together with reading them from a CSV of 30 MB.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::io::{Cursor, Write};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fleetsim::engine::{Arena, Id, Streams};
use fleetsim::scaling::{FifoJob, FifoPool, WhenFull};
use fleetsim::units::{Resources, SimDuration, SimTime};
use fleetsim::workload::{ArrivalKind, Arrivals, Class, Distribution, TraceOptions, TraceReplay, Workload};

const JOBS: u64 = 1_000_000;

/// About two jobs a second of four minutes and one to two cores: 600 to 700 cores busy.
fn job(row: u64) -> FifoJob {
    let scattered = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    FifoJob {
        submitted_ms: row * 500 + scattered % 400,
        duration_ms: 30_000 + scattered % 420_000,
        cores: 1 + u32::from(scattered.is_multiple_of(3)),
    }
}

fn csv() -> Arc<[u8]> {
    let mut text = Vec::with_capacity(32_000_000);
    text.extend_from_slice(b"job_id,submitted_s,duration_s,cpu_millis,arch\n");
    for row in 0..JOBS {
        let job = job(row);
        let (submit, duration) = (job.submitted_ms, job.duration_ms);
        writeln!(
            text,
            "{row},{}.{:03},{}.{:03},{},",
            submit / 1000,
            submit % 1000,
            duration / 1000,
            duration % 1000,
            job.cores * 1000
        )
        .expect("memory takes everything");
    }
    text.into()
}

/// The single jobs of a trace, in whole cores.
fn jobs_of(mut arrivals: Arrivals) -> impl Iterator<Item = FifoJob> {
    std::iter::from_fn(move || {
        let arrival = arrivals.next_arrival().expect("the trace is sound")?;
        let ArrivalKind::Job(spec) = arrival.kind else { return None };
        Some(FifoJob {
            submitted_ms: arrival.at.as_ms(),
            duration_ms: spec.work.as_ms(),
            cores: spec.requests.cpu.0.div_ceil(1000),
        })
    })
}

fn fifo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fifo");
    group.sample_size(10).throughput(Throughput::Elements(JOBS));
    for cores in [640, 720, 20_000] {
        let pool = FifoPool { cores, when_full: WhenFull::Wait };
        group.bench_function(format!("{cores} cores, jobs made on the way"), |bencher| {
            bencher.iter(|| assert_eq!(pool.simulate((0..JOBS).map(job)).started, JOBS));
        });
    }
    let text = csv();
    let mut classes = Arena::new();
    let constant = Distribution::Constant(SimDuration::from_mins(4));
    classes.push(Class::new("job", Resources::new(1000, 1024), constant));
    let workload = Workload { classes, ..Workload::default() };
    let pool = FifoPool { cores: 720, when_full: WhenFull::Wait };
    group.bench_function(
        format!("720 cores, jobs read from {} MB of CSV", text.len() / 1_000_000),
        |bencher| {
            bencher.iter(|| {
                let input = Cursor::new(Arc::clone(&text));
                let trace =
                    TraceReplay::open(input, TraceOptions::new("bench", Id::new(0))).expect("a sound header");
                let arrivals = Arrivals::new(&workload, vec![trace], Streams::new(1, 0), SimTime::NEVER);
                assert_eq!(pool.simulate(jobs_of(arrivals.expect("a sound row"))).started, JOBS);
            });
        },
    );
    group.finish();
}

criterion_group!(benches, fifo);
criterion_main!(benches);

//! The event queue alone: one event out and one in while 1,000, 10,000 or 100,000 wait.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fleetsim::engine::EventQueue;
use fleetsim::units::{SimDuration, SimTime};

/// Events taken out and put in per iteration.
const TURNS: u64 = 10_000;

/// How far ahead an event is put in: a second for three of four, minutes for the others, as a job's are.
fn ahead(number: u64) -> SimDuration {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    SimDuration::from_ms(if number.is_multiple_of(4) { scattered % 600_000 } else { scattered % 2_000 })
}

fn event_queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event_queue");
    group.throughput(Throughput::Elements(TURNS));
    for waiting in [1_000_u64, 10_000, 100_000] {
        let mut queue = EventQueue::new();
        for number in 0..waiting {
            queue.push(SimTime::ZERO + ahead(number), number);
        }
        group.bench_function(format!("{waiting}_waiting"), |bencher| {
            bencher.iter(|| {
                for _ in 0..TURNS {
                    if let Some((at, number)) = queue.pop() {
                        queue.push(at + ahead(number + waiting), black_box(number + waiting));
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, event_queue);
criterion_main!(benches);

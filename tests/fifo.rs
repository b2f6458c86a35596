//! The FIFO pool, the arrivals and the durations against queueing theory: every figure within three standard errors.
//! Targets: reference figures, section 8 (Erlang B and C, Pollaczek-Khinchine, M/G/inf).

use fleetsim::engine::{Id, Purpose, Streams};
use fleetsim::scaling::{FifoJob, FifoPool, FifoStart, WhenFull};
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Makes, Profile, Synthetic, WeekClock};

const REPLICATIONS: u32 = 20;
const MINUTE: f64 = 60_000.0;
const WORK: Purpose = Purpose::named("service in a queueing test");

/// `n` jobs of one core: Poisson arrivals, `per_minute` of them, and `service`.
fn jobs(
    per_minute: f64,
    service: &Distribution,
    replication: u32,
    n: usize,
) -> impl Iterator<Item = FifoJob> {
    let source = Synthetic {
        name: "poisson".into(),
        makes: Makes::Jobs(Id::new(0)),
        per_day: per_minute * 1440.0,
        profile: Profile::flat(),
        burstiness: Ppm::ZERO,
        from: SimTime::ZERO,
        until: SimTime::NEVER,
    };
    let streams = Streams::new(20_261_125, replication);
    let times = source.times(&WeekClock::default(), streams, 0, SimTime::NEVER);
    times.take(n).zip(0_u64..).map(move |(at, number)| FifoJob {
        submitted_ms: at.as_ms(),
        duration_ms: service.sample(&mut streams.entity(WORK, number)).as_ms(),
        cores: 1,
    })
}

/// Means over replications of what `figure` makes of all jobs after the first tenth.
fn estimate<const N: usize>(
    pool: FifoPool,
    (per_minute, service): (f64, &Distribution),
    n: usize,
    figures: impl Fn(&[FifoStart]) -> [f64; N],
) -> [(f64, f64); N] {
    let runs: Vec<[f64; N]> = (0..REPLICATIONS)
        .map(|replication| {
            let mut starts = Vec::with_capacity(n);
            pool.simulate_each(jobs(per_minute, service, replication, n), |start| starts.push(start));
            figures(&starts[n / 10..])
        })
        .collect();
    let count = f64::from(REPLICATIONS);
    std::array::from_fn(|figure| {
        let mean = runs.iter().map(|run| run[figure]).sum::<f64>() / count;
        let squares = runs.iter().map(|run| (run[figure] - mean).powi(2)).sum::<f64>();
        (mean, (squares / (count - 1.0) / count).sqrt())
    })
}

fn assert_within(what: &str, (mean, error): (f64, f64), target: f64) {
    assert!(
        (mean - target).abs() <= 3.0 * error,
        "{what}: {mean} ± {error} (one standard error), theory says {target}"
    );
    assert!(error < 0.1 * target, "{what}: an error of {error} for {target} shows nothing");
}

fn wait_min(start: &FifoStart) -> f64 {
    (start.started_ms.unwrap() - start.job.submitted_ms) as f64 / MINUTE
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
}

fn share(starts: &[FifoStart], is: impl Fn(&FifoStart) -> bool) -> f64 {
    mean(starts.iter().map(|start| f64::from(u8::from(is(start)))))
}

fn p95(starts: &[FifoStart]) -> f64 {
    let mut waits: Vec<f64> = starts.iter().map(wait_min).collect();
    waits.sort_unstable_by(f64::total_cmp);
    waits[waits.len() * 95 / 100]
}

fn exponential(minutes: f64) -> Distribution {
    Distribution::Exponential { mean: SimDuration::from_secs_f64_rounded(minutes * 60.0) }
}

fn waiting(cores: u32) -> FifoPool {
    FifoPool { cores, when_full: WhenFull::Wait }
}

#[test]
fn erlang_b_jobs_that_find_all_cores_busy_are_lost() {
    for (cores, offered, target) in [(10, 8.0, 0.121_661), (20, 15.0, 0.045_593)] {
        // Erlang's formula holds for any service law: exponential and constant here.
        for service in [exponential(4.0), Distribution::Constant(SimDuration::from_mins(4))] {
            let pool = FifoPool { cores, when_full: WhenFull::Reject };
            let [lost] = estimate(pool, (offered / 4.0, &service), 60_000, |starts| {
                [share(starts, |start| start.started_ms.is_none())]
            });
            assert_within(&format!("B({cores}, {offered})"), lost, target);
        }
    }
}

#[test]
fn erlang_c_waits_of_m_m_c() {
    for (cores, minutes, targets) in [
        (10, 4.0, [0.409_180, 0.818_360, 0.248_180, 4.2043]),
        (16, 6.0, [0.204_574, 0.306_861, 0.105_032, 2.113_36]),
    ] {
        let found = estimate(waiting(cores), (2.0, &exponential(minutes)), 100_000, |starts| {
            [
                // A job that starts in the very millisecond of an end did wait in theory; it is one in 10^4.
                share(starts, |start| wait_min(start) > 0.0),
                mean(starts.iter().map(wait_min)),
                share(starts, |start| wait_min(start) > 1.0),
                p95(starts),
            ]
        });
        for ((found, target), what) in
            found.into_iter().zip(targets).zip(["P(wait)", "Wq", "P(W > 1)", "p95"])
        {
            assert_within(&format!("M/M/{cores} {what}"), found, target);
        }
    }
}

#[test]
fn one_server_waits_as_pollaczek_and_khinchine_say() {
    let lognormal = Distribution::log_normal_mean_cv(SimDuration::from_mins(4), 1.5);
    for (name, rate, service, n, target) in [
        ("M/M/1", 0.8, exponential(1.0), 150_000, 4.0),
        ("M/G/1 lognormal", 0.2, lognormal, 250_000, 26.0),
        ("M/D/1", 0.2, Distribution::Constant(SimDuration::from_mins(4)), 100_000, 8.0),
    ] {
        let [wait] = estimate(waiting(1), (rate, &service), n, |starts| [mean(starts.iter().map(wait_min))]);
        assert_within(name, wait, target);
    }
}

#[test]
fn without_a_limit_occupancy_is_poisson_for_any_service() {
    let service = Distribution::log_normal_mean_cv(SimDuration::from_mins(4), 1.5);
    let [mean_busy, variance, above] = estimate(waiting(u32::MAX), (2.0, &service), 100_000, |starts| {
        let busy = |start: &FifoStart| f64::from(start.busy_cores);
        let average = mean(starts.iter().map(busy));
        [
            average,
            mean(starts.iter().map(|start| (busy(start) - average).powi(2))),
            share(starts, |start| start.busy_cores > 12),
        ]
    });
    assert_within("M/G/inf mean", mean_busy, 8.0);
    assert_within("M/G/inf variance", variance, 8.0);
    assert_within("P(N > 12)", above, 0.063_797);
}

#[test]
fn littles_law_holds_to_the_millisecond() {
    let mut starts = Vec::new();
    let pool = waiting(10);
    let outcome = pool.simulate_each(jobs(2.0, &exponential(4.0), 0, 20_000), |start| starts.push(start));
    // The area under the number waiting, swept event by event, is the sum of all waits.
    let mut events: Vec<(u64, i64)> = Vec::new();
    let mut busy: Vec<(u64, i64)> = Vec::new();
    for start in &starts {
        let started = start.started_ms.unwrap();
        events.extend([(start.job.submitted_ms, 1), (started, -1)]);
        busy.extend([(started, 1), (started + start.job.duration_ms, -1)]);
    }
    let area = |mut events: Vec<(u64, i64)>| {
        events.sort_unstable();
        let (mut area, mut level, mut last) = (0_i128, 0_i64, 0);
        for (at, change) in events {
            area += i128::from(level) * i128::from(at - last);
            (level, last) = (level + change, at);
        }
        area.unsigned_abs()
    };
    assert_eq!(area(events), outcome.waits.sum_ms());
    assert_eq!(area(busy), outcome.busy_core_ms);
}

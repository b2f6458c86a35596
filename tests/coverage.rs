//! How often nominal 95 % intervals contain the truth, over 400 experiments with systems whose truth is known.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

#[path = "support/plans.rs"]
mod plans;

use fleetsim::experiment::{
    Confidence, Estimate, FEWEST_REPLICATIONS, FleetValues, Metric, Precision, Sample,
};
use fleetsim::metrics::RunOutcome;
use fleetsim::simulation::Keep;
use fleetsim::workload::Distribution;
use plans::{Case, mins, ms, secs};
use rayon::prelude::*;

const REPEATS: u32 = 400;
const REPLICATIONS: u32 = 10;

/// What one experiment of ten replications says, and what each of them does.
struct Experiment {
    estimates: Vec<Estimate>,
    terms: Vec<(f64, f64)>,
}

fn experiments(
    case: &Case,
    metrics: &[Metric],
    term: impl Fn(&RunOutcome) -> (f64, f64) + Sync,
) -> Vec<Experiment> {
    (0..REPEATS)
        .into_par_iter()
        .map(|repeat| {
            let own = repeat * REPLICATIONS..(repeat + 1) * REPLICATIONS;
            let runs: Vec<RunOutcome> = own.map(|r| case.replication(r, Keep::default()).outcome).collect();
            let runs: Vec<&RunOutcome> = runs.iter().collect();
            let estimate = |metric: &Metric| metric.sample(&runs).unwrap().estimate(Confidence::default());
            let kept = FleetValues::of("kept", runs.iter().copied());
            let of_kept =
                |metric: &Metric| kept.sample(*metric, runs.len()).unwrap().estimate(Confidence::default());
            Experiment {
                // As `run` makes them, then as `compare`, `sweep` and `check` do, who keep one value per replication.
                estimates: metrics.iter().map(estimate).chain(metrics.iter().map(of_kept)).collect(),
                terms: runs.iter().map(|run| term(run)).collect(),
            }
        })
        .collect()
}

/// The share of experiments whose interval contains the truth.
fn covered(experiments: &[Experiment], metric: usize, truth: f64) -> f64 {
    let hits = experiments.iter().filter(|experiment| {
        let (lower, upper) = experiment.estimates[metric].interval.unwrap();
        lower <= truth && truth <= upper
    });
    hits.count() as f64 / f64::from(REPEATS)
}

/// The share of sequential experiments whose last interval contains the truth, and their mean number of replications.
/// Each goes on, from a replication of its own, until its interval is as narrow as asked for.
fn covered_until_precise(terms: &[(f64, f64)], relative: f64, truth: f64) -> (f64, f64) {
    let confidence = Confidence::default();
    let precision = Precision { metrics: Vec::new(), relative, confidence, cap: 400 };
    let (mut hits, mut used) = (0, 0);
    for repeat in 0..REPEATS as usize {
        let from = repeat * REPLICATIONS as usize;
        let of = |n: usize| {
            let own: Vec<(f64, f64)> = terms.iter().cycle().skip(from).take(n).copied().collect();
            Sample::of_ratio(&own).unwrap()
        };
        let mut n = FEWEST_REPLICATIONS;
        while let Some(next) = precision.next(&[of(n)], n) {
            n = next;
        }
        let (lower, upper) = of(n).estimate(confidence).interval.unwrap();
        hits += u32::from(lower <= truth && truth <= upper);
        used += n;
    }
    (f64::from(hits) / f64::from(REPEATS), used as f64 / f64::from(REPEATS))
}

#[test]
fn intervals_of_ten_slots_with_exponential_work_contain_the_erlang_c_values() {
    // λ = 2 per minute, mean work 4 min, 10 slots: Wq = 0.818360 min, its 95 % quantile 4.2043 min; the manager asks every
    // 10 ms, which adds half of that to the wait of a job and nothing to that of one that waits.
    let (mean, p95) = (0.818_360 * 60_000.0 + 5.0, 4.2043 * 60_000.0 + 5.0);
    let case = Case::new()
        .at_once()
        .warmed_up(mins(250))
        .until(mins(1750))
        .manager_that_asks_every(ms(10), 10)
        .nodes(2, "m6i.32xlarge")
        .class("served", 1000, 1024, Distribution::Exponential { mean: mins(4) }, |_| {})
        .arriving("served", 2.0);
    let term = |run: &RunOutcome| (run.waits.queue.sum_ms() as f64, run.waits.queue.count() as f64);
    let experiments = experiments(&case, &[Metric::QueueMean, Metric::QueueP95], term);
    let terms: Vec<(f64, f64)> = experiments.iter().flat_map(|one| one.terms.clone()).collect();
    let (of_mean, of_p95) = (covered(&experiments, 0, mean), covered(&experiments, 1, p95));
    let (of_kept_mean, of_kept_p95) = (covered(&experiments, 2, mean), covered(&experiments, 3, p95));
    let (until, used) = covered_until_precise(&terms, 0.1, mean);
    println!(
        "M/M/10: mean {of_mean:.3}, p95 {of_p95:.3} (kept values {of_kept_mean:.3}, {of_kept_p95:.3}); until 10 %: \
         {until:.3} with {used:.0} replications"
    );
    assert!((0.93..=0.97).contains(&of_kept_mean), "mean of kept values: {of_kept_mean}");
    assert!(of_kept_p95 >= 0.92, "p95 of kept values: {of_kept_p95}");
    assert!((0.93..=0.97).contains(&of_mean), "mean: {of_mean}");
    assert!(of_p95 >= 0.92, "p95: {of_p95}");
    assert!(until >= 0.92, "until the interval is within 10 %: {until}");
}

#[test]
fn intervals_of_a_node_with_idle_time_out_contain_the_share_of_time_that_it_is_on() {
    let window = mins(2900);
    let case = Case::new()
        .at_once()
        .warmed_up(mins(100))
        .until(mins(3000))
        .manager_that_asks_every(ms(100), 64)
        .pool(&["m6i.32xlarge"], "on-demand", Some(secs(280)))
        .class("short", 1000, 1024, Distribution::Constant(mins(6)), |_| {})
        .arriving("short", 0.1);
    let hours = window.as_ms() as f64 / 3_600_000.0;
    let term = |run: &RunOutcome| {
        let runs = [run];
        (Metric::NodeHours.sample(&runs).unwrap().point, hours)
    };
    let experiments = experiments(&case, &[Metric::NodeHours], term);
    let terms: Vec<(f64, f64)> = experiments.iter().flat_map(|one| one.terms.clone()).collect();
    // The real idle time lies between two bounds (see tests/queueing_theory.rs); all 4,000 runs together, twenty times as
    // sure as one experiment, say where.
    let share = terms.iter().map(|(on, _)| on).sum::<f64>() / terms.len() as f64 / hours;
    let on = |idle: f64| 1.0 - libm::exp(-0.1 * (6.0 + idle / 60.0));
    assert!((on(299.0) - 2e-3..=on(311.0) + 2e-3).contains(&share), "P(on) {share}");
    let of_mean = covered(&experiments, 0, share * hours);
    let (until, used) = covered_until_precise(&terms, 0.02, share);
    println!(
        "idle time-out: P(on) {share:.4}, covered {of_mean:.3}; until 2 %: {until:.3} with {used:.0} replications"
    );
    assert!((0.93..=0.97).contains(&of_mean), "mean: {of_mean}");
    assert!(until >= 0.92, "until the interval is within 2 %: {until}");
}

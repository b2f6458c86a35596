//! The statistics against values computed by hand or published, and their coverage on made-up data.

use std::sync::atomic::{AtomicBool, Ordering};

use fleetsim::catalog::{Arch, CapacityType};
use fleetsim::experiment::{
    Bound, Confidence, Estimate, Metric, Objective, ObjectiveState, Sample, Units, Verdict, pareto_front,
    run_units, student_t, summarise,
};
use fleetsim::metrics::{
    CostKind, GaugeKey, JobOutcome, JobRecord, Recorder, RecorderSettings, RunOutcome, WaitCause, WaitClock,
    WorkCounters,
};
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b} ± {tolerance}");
}

fn means(values: &[f64]) -> Sample {
    Sample::of_means(values.to_vec()).unwrap()
}

/// Pseudo-random numbers, uniform from 0 to 1 (SplitMix64), enough for coverage on made-up data.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: the sum of twelve uniforms.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

#[test]
fn t_factors_are_those_of_the_table() {
    // Two-sided 95 %, any printed table of Student's t.
    for (degrees, t) in [(1, 12.706_205), (2, 4.302_653), (4, 2.776_445), (9, 2.262_157), (29, 2.045_230)] {
        close(student_t(Confidence::default(), degrees), t, 1e-5);
    }
    close(student_t(Confidence::new(0.99).unwrap(), 9), 3.249_836, 1e-5);
}

#[test]
fn the_interval_of_a_mean_is_the_textbook_one() {
    // Mean 5, deviations -3 -1 0 1 3: s² = 20/4 = 5, standard error = 1, t(4) = 2.776445.
    let estimate = means(&[2.0, 4.0, 5.0, 6.0, 8.0]).estimate(Confidence::default());
    assert_eq!((estimate.mean, estimate.n), (5.0, 5));
    let (lower, upper) = estimate.interval.unwrap();
    close(lower, 5.0 - 2.776_445, 1e-5);
    close(upper, 5.0 + 2.776_445, 1e-5);
    assert_eq!(means(&[7.0]).estimate(Confidence::default()).interval, None);
}

#[test]
fn the_jackknife_of_a_ratio_is_that_computed_by_hand() {
    // Sums 12 / 6 = 2. Left out in turn: 10/5, 8/4, 6/3 = 2 each; constant ratios have no spread.
    let constant = Sample::of_ratio(&[(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]).unwrap();
    close(constant.variance().unwrap(), 0.0, 1e-20);
    // Sums 9 / 6 = 1.5. Left out in turn: 8/5 = 1.6, 6/4 = 1.5, 4/3. Pseudo-values 3·1.5 - 2·that: 1.3, 1.5, 11/6.
    // Their mean is 139/90, their variance Σ/2 = 0.0725926, the variance of the mean a third of it.
    let sample = Sample::of_ratio(&[(1.0, 1.0), (3.0, 2.0), (5.0, 3.0)]).unwrap();
    close(sample.point, 1.5, 1e-12);
    for (part, by_hand) in sample.parts.iter().zip([1.3, 1.5, 11.0 / 6.0]) {
        close(*part, by_hand, 1e-12);
    }
    close(sample.centre, 139.0 / 90.0, 1e-12);
    let deviations = [1.3 - 139.0 / 90.0, 1.5 - 139.0 / 90.0, 11.0 / 6.0 - 139.0 / 90.0];
    close(sample.variance().unwrap(), deviations.iter().map(|d| d * d).sum::<f64>() / 6.0, 1e-12);
    assert!(Sample::of_ratio(&[(1.0, 0.0)]).is_none());
}

#[test]
fn sections_spread_around_the_pooled_quantile() {
    // Deviations from 10: -1, 1, 3 → squares 11, divided by 3·2.
    let sample = Sample::of_sections(Some(10.0), &[Some(9.0), Some(11.0), Some(13.0)]).unwrap();
    close(sample.variance().unwrap(), 11.0 / 6.0, 1e-12);
    let missing = Sample::of_sections(Some(10.0), &[Some(9.0), None]).unwrap();
    assert_eq!(missing.estimate(Confidence::default()), Estimate { mean: 10.0, interval: None, n: 2 });
}

#[test]
fn pairing_takes_out_what_both_fleets_share() {
    let mut random = Uniform(7);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let shared = 10.0 * random.normal();
        a.push(100.0 + shared + random.normal());
        b.push(98.0 + shared + random.normal());
    }
    let (a, b) = (means(&a), means(&b));
    let paired = a.paired_difference(&b);
    let unpaired = a.variance().unwrap() + b.variance().unwrap();
    assert!(unpaired > 20.0 * paired.variance().unwrap());
    let (lower, upper) = paired.estimate(Confidence::default()).interval.unwrap();
    assert!(lower < 2.0 && 2.0 < upper && lower > 0.0, "{lower} to {upper}");
    let change = a.paired_change(&b).unwrap();
    close(change.point, a.point / b.point - 1.0, 1e-12);
    // To first order the relative change spreads as the paired difference over the baseline.
    close(change.standard_error().unwrap(), paired.standard_error().unwrap() / b.point, 2e-3);
}

/// How many of `trials` intervals contain the truth.
fn covered(trials: usize, truth: f64, mut sample: impl FnMut() -> Sample) -> f64 {
    let hits = (0..trials).filter(|_| {
        let (lower, upper) = sample().estimate(Confidence::default()).interval.unwrap();
        lower <= truth && truth <= upper
    });
    hits.count() as f64 / trials as f64
}

#[test]
fn intervals_cover_the_truth_about_as_often_as_they_claim() {
    let mut random = Uniform(11);
    let mean = covered(2000, 3.0, || means(&(0..10).map(|_| 3.0 + random.normal()).collect::<Vec<_>>()));
    close(mean, 0.95, 0.015);
    // Ratio of sums: E = 2, numerator and denominator correlated as cost and jobs are.
    let ratio = covered(2000, 2.0, || {
        let term = |random: &mut Uniform| {
            let jobs = 100.0 + 10.0 * random.normal();
            (2.0 * jobs + 5.0 * random.normal(), jobs)
        };
        Sample::of_ratio(&(0..10).map(|_| term(&mut random)).collect::<Vec<_>>()).unwrap()
    });
    close(ratio, 0.95, 0.02);
    // Median of uniforms by sections of 101.
    let quantile = covered(500, 0.5, || {
        let mut all = Vec::new();
        let sections: Vec<_> = (0..10)
            .map(|_| {
                let mut section: Vec<f64> = (0..101).map(|_| random.next()).collect();
                all.extend(&section);
                section.sort_by(f64::total_cmp);
                Some(section[50])
            })
            .collect();
        all.sort_by(f64::total_cmp);
        Sample::of_sections(Some(all[505]), &sections).unwrap()
    });
    close(quantile, 0.95, 0.035);
}

/// A run in which job `i` waits `waits[i]` ms and that costs `dollars` in its one hour.
fn run(waits: &[u64], dollars: f64) -> RunOutcome {
    let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_hours(1)));
    for (ordinal, wait) in (0u32..).zip(waits) {
        let start = SimTime::from_ms(1000 * u64::from(ordinal));
        let started = start + SimDuration::from_ms(*wait);
        let mut record = JobRecord::pending(ordinal, 0, 0, Arch::Amd64, start);
        record.picked_at = start;
        record.script_started_at = started;
        record.outcome = JobOutcome::Success;
        record.wait = WaitClock::start(start, WaitCause::NodeStart).stop(started);
        recorder.job_ended(&record);
    }
    let end = SimTime::from_ms(3_600_000);
    recorder.gauge(SimTime::ZERO, GaugeKey::Nodes(Arch::Amd64, CapacityType::Spot), 2);
    let kind = CostKind::Instance(Arch::Amd64, CapacityType::Spot);
    recorder.bill(kind, HourlyPrice::from_dollars(dollars), SimTime::ZERO, end);
    recorder.finish(end, WorkCounters::default(), &[])
}

#[test]
fn metrics_of_an_experiment_are_those_computed_by_hand() {
    let runs = [run(&[10, 20], 1.0), run(&[10, 20], 0.5), run(&[30, 40, 50], 2.0), run(&[30, 40, 50], 1.0)];
    let units = Units::from_results(2, runs.into_iter().map(Some).collect());
    let names = ["a".to_owned(), "b".to_owned()];
    let summary = summarise(&names, &units, 0, Confidence::default()).unwrap();
    let of = |fleet: usize, metric| summary.fleets[fleet].estimate(metric).unwrap().mean;
    close(of(0, Metric::CostTotal), 1.5, 1e-12);
    close(of(0, Metric::CostPerThousandJobs), 3.0 / 5.0 * 1000.0, 1e-9);
    close(of(0, Metric::CostPerMonth), 1.5 * 730.0, 1e-9);
    close(of(0, Metric::WaitMean), 30.0, 1e-12);
    close(of(0, Metric::WaitP50), 30.0, 1e-12);
    close(of(0, Metric::WaitFor(WaitCause::NodeStart)), 30.0, 1e-12);
    close(of(0, Metric::NodeHours), 2.0, 1e-12);
    close(of(0, Metric::SpotShare), 1.0, 1e-12);
    close(of(0, Metric::JobsEnded(JobOutcome::Success)), 2.5, 1e-12);
    let cheaper = summary.fleets[1].difference(Metric::CostPerThousandJobs).unwrap();
    close(cheaper.relative.unwrap().mean, -0.5, 1e-12);
    assert_eq!(summary.fleets[1].difference(Metric::WaitP95).unwrap().verdict, Verdict::Identical);
    assert_eq!(summary.fleets[0].difference(Metric::WaitP95).unwrap().verdict, Verdict::Reference);
    assert!(summary.fleets[0].estimate(Metric::Utilisation).is_none(), "nothing was provisioned");
    for metric in Metric::all() {
        assert_eq!(Metric::from_key(&metric.key()), Some(metric));
        assert_eq!(Metric::all()[metric.index()], metric);
    }
}

#[test]
fn units_are_the_same_for_any_number_of_threads_and_an_early_end_leaves_whole_replications() {
    let never = AtomicBool::new(false);
    let value = |fleet: usize, replication: usize| Some(100 * fleet + replication);
    let run_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run_units(3, 40, &never, |_| {}, value))
    };
    let one = run_on(1);
    assert_eq!(one, run_on(4));
    assert_eq!(one.of_fleet(2).copied().collect::<Vec<_>>(), (200..240).collect::<Vec<_>>());

    let cancel = AtomicBool::new(false);
    let stop = |progress: fleetsim::experiment::Progress| {
        cancel.store(progress.done >= 50, Ordering::Relaxed);
    };
    let partial = run_units(3, 40, &cancel, stop, value);
    assert!(partial.is_partial() && partial.replications() >= 15 && partial.replications() < 40);
}

#[test]
fn an_objective_is_met_only_by_the_whole_interval() {
    let objective = Objective { metric: Metric::WaitP95, limit: 60.0, bound: Bound::AtMost };
    let state = |lower, upper| {
        objective.judge(Some(Estimate {
            mean: f64::midpoint(lower, upper),
            interval: Some((lower, upper)),
            n: 9,
        }))
    };
    assert_eq!(state(40.0, 59.0), ObjectiveState::Met);
    assert_eq!(state(61.0, 70.0), ObjectiveState::Missed);
    assert_eq!(state(55.0, 65.0), ObjectiveState::Unclear);
    assert_eq!(objective.judge(None), ObjectiveState::Unclear);
}

#[test]
fn the_pareto_front_keeps_what_nothing_beats() {
    let points = [(3.0, 1.0), (1.0, 3.0), (2.0, 2.0), (2.5, 2.5), (1.0, 4.0), (4.0, 1.0)];
    assert_eq!(pareto_front(&points), [1, 2, 0]);
}

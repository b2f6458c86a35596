//! The whole loop against closed forms of queueing theory: a fleet that is a textbook queue behaves like it.
//!
//! Each figure is a mean over replications with fixed seeds and must lie within three standard errors of the formula's
//! value, plus what the manager's 10 ms rhythm adds.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::catalog::InterruptionRating;
use fleetsim::ec2::{Delay, hourly_hazard};
use fleetsim::gitlab::ManagerConfig;
use fleetsim::metrics::{GaugeKey, JobOutcome, JobRecord};
use fleetsim::simulation::Keep;
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Retry};
use plans::{Case, hours, mins, ms, secs};

/// How long a manager's rhythm makes a job wait at most that would have started at once.
const RHYTHM_MIN: f64 = 0.020 / 60.0;

fn minutes(span: SimDuration) -> f64 {
    span.as_ms() as f64 / 60_000.0
}

/// Mean and standard error of replications.
fn estimate(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// The mean of `values` is `target` within three standard errors, which themselves are at most `precision` of it.
#[track_caller]
fn assert_mean(what: &str, values: &[f64], target: f64, slack: f64, precision: f64) {
    let (mean, error) = estimate(values);
    assert!(
        error <= precision * target,
        "{what}: standard error {error} is too large to say anything about {target}"
    );
    assert!(
        (mean - target).abs() <= 3.0 * error + slack,
        "{what}: {mean} ± {error} is not {target} (off by {:.1} standard errors)",
        (mean - target) / error
    );
}

/// A queue: Poisson arrivals, `servers` slots of one manager, nodes for all.
fn queue(per_minute: f64, service: Distribution, servers: u32, length: SimDuration) -> Case {
    Case::new()
        .at_once()
        .drained_after(length)
        .manager_that_asks_every(ms(10), servers)
        .nodes(2, "m6i.32xlarge")
        .class("served", 1000, 1024, service, |_| {})
        .arriving("served", per_minute)
}

/// The records of each replication, jobs of the first tenth of the time left out.
fn replications(case: &Case, count: u32) -> Vec<Vec<JobRecord>> {
    let warm = SimTime::from_ms(case.plan.horizon.as_ms() / 10);
    (0..count)
        .map(|replication| {
            let run = case.replication(replication, Keep { jobs: true, nodes: false });
            let jobs = run.outcome.job_records.expect("jobs are kept");
            let failed = jobs.iter().find(|job| job.outcome != JobOutcome::Success);
            assert!(failed.is_none(), "a job ends otherwise: {failed:?}");
            jobs.into_iter().filter(|job| job.pending_at >= warm).collect()
        })
        .collect()
}

fn waits(jobs: &[JobRecord]) -> Vec<f64> {
    jobs.iter().map(|job| minutes(job.picked_at - job.pending_at)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|value| holds(**value)).count() as f64 / values.len() as f64
}

fn mean_waits(case: &Case, count: u32) -> Vec<f64> {
    replications(case, count).iter().map(|jobs| mean(&waits(jobs))).collect()
}

fn check_erlang_c(case: &Case, wq: f64, delayed: f64, over_a_minute: f64, p95: f64) {
    let waits: Vec<Vec<f64>> = replications(case, 20).iter().map(|jobs| waits(jobs)).collect();
    let each = |of: &dyn Fn(&[f64]) -> f64| waits.iter().map(|one| of(one)).collect::<Vec<f64>>();
    assert_mean("mean wait", &each(&mean), wq, RHYTHM_MIN, 0.08);
    assert_mean("P(wait)", &each(&|one| share(one, |wait| wait > RHYTHM_MIN)), delayed, 1e-3, 0.05);
    assert_mean("P(wait > 1 min)", &each(&|one| share(one, |wait| wait > 1.0)), over_a_minute, 1e-3, 0.08);
    let quantile = |one: &[f64]| {
        let mut sorted = one.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() * 95 / 100]
    };
    assert_mean("p95 of the wait", &each(&quantile), p95, 0.01, 0.08);
}

#[test]
fn ten_slots_serve_as_the_erlang_c_formula_says() {
    let service = Distribution::Exponential { mean: mins(4) };
    let case = queue(2.0, service, 10, mins(8000));
    check_erlang_c(&case, 0.818_360, 0.409_180, 0.248_180, 4.2043);
}

#[test]
fn sixteen_slots_serve_as_the_erlang_c_formula_says() {
    let service = Distribution::Exponential { mean: mins(6) };
    let case = queue(2.0, service, 16, mins(8000));
    check_erlang_c(&case, 0.306_861, 0.204_574, 0.105_032, 2.113_36);
}

#[test]
fn one_slot_with_log_normal_work_waits_as_pollaczek_and_khinchine_say() {
    let service = Distribution::log_normal_mean_cv(mins(4), 1.5);
    assert_mean("M/G/1", &mean_waits(&queue(0.2, service, 1, mins(60_000)), 20), 26.0, 0.05, 0.08);
}

#[test]
fn one_slot_with_equal_jobs_waits_half_as_long_as_with_exponential_ones() {
    let equal = queue(0.2, Distribution::Constant(mins(4)), 1, mins(30_000));
    assert_mean("M/D/1", &mean_waits(&equal, 20), 8.0, 0.02, 0.05);
    let exponential = queue(0.2, Distribution::Exponential { mean: mins(4) }, 1, mins(30_000));
    assert_mean("M/M/1", &mean_waits(&exponential, 20), 16.0, 0.02, 0.08);
}

#[test]
fn ten_slots_with_log_normal_work_wait_about_as_long_as_the_approximation_says() {
    let service = Distribution::log_normal_mean_cv(mins(4), 1.5);
    let (wait, error) = estimate(&mean_waits(&queue(2.0, service, 10, mins(8000)), 10));
    assert!((wait - 1.33).abs() < 0.133 + 3.0 * error, "M/G/10: {wait} ± {error}");
}

#[test]
fn with_slots_for_all_the_number_of_running_jobs_is_poisson_for_any_law_of_work() {
    let service = Distribution::log_normal_mean_cv(mins(4), 1.5);
    let case = queue(2.0, service, 64, mins(8000));
    let (from, until) = (case.plan.horizon.as_ms() / 10, case.plan.horizon.as_ms());
    let (mut means, mut variances, mut empty, mut above) = (vec![], vec![], vec![], vec![]);
    for replication in 0..20 {
        let run = case.replication(replication, Keep { jobs: true, nodes: false });
        let mut steps: Vec<(u64, i64)> = Vec::new();
        for job in run.outcome.job_records.expect("jobs are kept") {
            steps.push((job.picked_at.as_ms(), 1));
            steps.push((job.slot_freed_at.as_ms(), -1));
        }
        steps.sort_unstable();
        // Time spent at each level, from the warm-up until arrivals end.
        let mut at_level = [0_u64; 65];
        let (mut level, mut since) = (0_i64, from);
        for (at, step) in steps {
            let now = at.clamp(since, until);
            at_level[level as usize] += now - since;
            (level, since) = (level + step, now);
        }
        let whole = (until - from) as f64;
        let weigh = |of: &dyn Fn(f64) -> f64| {
            at_level.iter().enumerate().map(|(level, ms)| of(level as f64) * *ms as f64).sum::<f64>() / whole
        };
        means.push(weigh(&|level| level));
        variances.push(weigh(&|level| (level - 8.0) * (level - 8.0)));
        empty.push(weigh(&|level| f64::from(u8::from(level == 0.0))));
        above.push(weigh(&|level| f64::from(u8::from(level > 12.0))));
    }
    assert_mean("mean number", &means, 8.0, 2.0 * RHYTHM_MIN, 0.01);
    assert_mean("its variance", &variances, 8.0, 0.01, 0.05);
    assert_mean("P(none)", &empty, 3.3546e-4, 0.0, 0.3);
    assert_mean("P(more than 12)", &above, 0.063_797, 1e-4, 0.06);
}

#[test]
fn littles_law_holds_exactly_in_every_stage_and_class() {
    let case = Case::new()
        .drained_after(hours(6))
        .manager(8)
        .manager(5)
        .nodes(3, "m6i.2xlarge")
        .class("small", 500, 512, Distribution::log_normal_mean_cv(mins(2), 1.0), |_| {})
        .class("large", 3000, 4096, Distribution::Exponential { mean: mins(3) }, |_| {})
        .arriving("small", 2.0)
        .arriving("large", 0.5);
    let run = case.run();
    let outcome = &run.finished.outcome;
    let jobs = run.jobs();
    assert!(jobs.len() > 600 && jobs.iter().all(|job| job.outcome == JobOutcome::Success));
    let area = |key: GaugeKey| outcome.timeline.series[key.index()].counted_area;
    let sum = |span: &dyn Fn(&JobRecord) -> SimDuration| {
        jobs.iter().map(|job| i128::from(span(job).as_ms())).sum::<i128>()
    };
    // The area under the number of jobs in a stage is the sum of the times that jobs spent there: L = λ W.
    assert_eq!(area(GaugeKey::PendingJobs), sum(&|job| job.picked_at - job.pending_at));
    assert_eq!(area(GaugeKey::PendingPods), sum(&|job| job.bound_at - job.pod_created_at));
    let running = GaugeKey::RunningJobs(fleetsim::catalog::Arch::Amd64);
    assert_eq!(area(running), sum(&|job| job.script_ended_at - job.bound_at));
    for class in 0..2 {
        let of_class = || jobs.iter().filter(|job| job.class == class);
        let waited: u64 = of_class().map(|job| (job.script_started_at - job.wait_since).as_ms()).sum();
        let counted = &outcome.waits.wait_by_class[class as usize];
        assert_eq!((counted.count(), counted.sum_ms()), (of_class().count() as u64, u128::from(waited)));
    }
    let millicores = |job: &JobRecord| if job.class == 0 { 500 } else { 3000 };
    let teardown = case.plan.executor.teardown;
    let requested: i128 = jobs
        .iter()
        .map(|job| {
            let gone_at = (job.script_ended_at + teardown).min(outcome.end);
            millicores(job) * i128::from((gone_at - job.bound_at).as_ms())
        })
        .sum();
    assert_eq!(area(GaugeKey::RequestedMillicores), requested);
}

#[test]
fn jobs_that_start_over_when_spot_is_taken_need_the_time_of_the_restart_law() {
    // At a hazard of one half per hour, an hour's work takes (e^0.5 - 1) / 0.5 hours of running, restarts included.
    let rating = InterruptionRating::ALL[InterruptionRating::ALL.len() - 1];
    let lifetime = hours(24);
    let scale = Ppm((0.5 / hourly_hazard(rating, lifetime, Ppm::ONE) * 1e6) as u32);
    let case = Case::new()
        .at_once()
        .drained_after(hours(24 * 60))
        .manager_as(ManagerConfig { concurrent: 30, check_interval: ms(10), ..ManagerConfig::default() })
        .spot_nodes(30, "m6i.large")
        .class("an hour", 1500, 1024, Distribution::Constant(hours(1)), |class| {
            class.retry = Retry::always(2);
        })
        .arriving("an hour", 1.0 / 10.0)
        .change(|plan| {
            let m6i = plan.ec2.catalog.find("m6i.large").expect("known");
            plan.ec2.spot.ratings.push((m6i, rating));
            plan.ec2.spot.natural_lifetime = lifetime;
            plan.ec2.spot.scale = scale;
            plan.ec2.spot.notice = SimDuration::ZERO;
        });
    let (mut interrupted, mut per_success, mut lost) = (vec![], vec![], vec![]);
    for replication in 0..10 {
        let run = case.replication(replication, Keep { jobs: true, nodes: false });
        let jobs = run.outcome.job_records.expect("jobs are kept");
        let count = |holds: &dyn Fn(&&JobRecord) -> bool| jobs.iter().filter(holds).count() as f64;
        let ran: f64 =
            jobs.iter().map(|job| minutes(job.script_ended_at - job.script_started_at) / 60.0).sum();
        interrupted.push(count(&|job| job.outcome == JobOutcome::Interrupted) / jobs.len() as f64);
        per_success.push(ran / count(&|job| job.outcome == JobOutcome::Success));
        lost.push(
            count(&|job| job.outcome == JobOutcome::Interrupted && !job.retried) / count(&|job| !job.retried),
        );
    }
    assert_mean("interrupted attempts", &interrupted, 1.0 - libm::exp(-0.5), 0.0, 0.02);
    assert_mean("running time per success", &per_success, 1.2974, 1e-3, 0.02);
    assert_mean("jobs lost after three attempts", &lost, (1.0 - libm::exp(-0.5)).powi(3), 0.0, 0.05);
}

/// One large node of Karpenter's takes every job; it goes some `after` its last pod, in the steps of the real controller.
fn one_node(service: Distribution, after: SimDuration, length: SimDuration) -> Case {
    Case::new()
        .at_once()
        .drained_after(length)
        .manager_that_asks_every(ms(100), 64)
        .pool(&["m6i.32xlarge"], "on-demand", Some(after))
        .class("short", 1000, 1024, service, |_| {})
        .arriving("short", 0.1)
}

#[test]
fn a_node_with_idle_time_out_is_on_as_often_as_the_formula_says() {
    // The real idle time: consolidate_after from a whole second on, a poll within 10 s, 15 s validation, 5 s drain.
    let (service, after) = (mins(6), secs(280));
    let (shortest, longest) = (280.0 - 1.0 + 20.0, 280.0 + 10.0 + 20.0 + 1.0);
    let case = one_node(Distribution::Constant(service), after, mins(15_000));
    let (mut on, mut launches) = (vec![], vec![]);
    for replication in 0..12 {
        let run = case.replication(replication, Keep { jobs: false, nodes: true });
        let mut nodes = run.outcome.node_records.expect("nodes are kept");
        nodes.sort_by_key(|node| node.launched_at);
        let whole = run.outcome.end.as_ms();
        let (mut covered, mut until) = (0, 0);
        for node in &nodes {
            covered += node.terminated_at.as_ms().saturating_sub(node.launched_at.as_ms().max(until));
            until = until.max(node.terminated_at.as_ms());
        }
        on.push(covered as f64 / whole as f64);
        launches.push(nodes.len() as f64 / (whole as f64 / 60_000.0));
    }
    // λ = 0.1 per minute, S = 6 min: with exactly 5 min it were 0.667129, and 0.0332871 launches per minute.
    let is_off = |idle: f64| libm::exp(-0.1 * (6.0 + idle / 60.0));
    let between = |what: &str, values: &[f64], low: f64, high: f64| {
        let (mean, error) = estimate(values);
        assert!(error < 0.02 * mean, "{what}: {error}");
        assert!(
            (low - 3.0 * error..=high + 3.0 * error).contains(&mean),
            "{what}: {mean} ± {error}, {low} to {high}"
        );
    };
    between("P(on)", &on, 1.0 - is_off(shortest), 1.0 - is_off(longest));
    between("launches per minute", &launches, 0.1 * is_off(longest), 0.1 * is_off(shortest));
}

#[test]
fn jobs_without_length_meet_a_cold_fleet_as_often_as_nobody_came_within_the_idle_time() {
    // A node takes pods until it is tainted: consolidate_after, a poll within 10 s, 15 s validation.
    let case = one_node(Distribution::Constant(ms(1)), secs(280), mins(15_000));
    let mut cold = vec![];
    for replication in 0..12 {
        let run = case.replication(replication, Keep { jobs: true, nodes: false });
        let jobs = run.outcome.job_records.expect("jobs are kept");
        let waited = jobs.iter().filter(|job| job.bound_at - job.pod_created_at > ms(500)).count();
        cold.push(waited as f64 / jobs.len() as f64);
    }
    let nobody = |idle: f64| libm::exp(-0.1 * idle / 60.0);
    let (mean, error) = estimate(&cold);
    assert!(error < 0.01, "{error}");
    // Pods that come while the node starts wait with the first: 0.1 per minute for about 2 s.
    let (low, high) = (nobody(280.0 + 10.0 + 15.0 + 1.0), nobody(280.0 - 1.0 + 15.0) + 0.003);
    assert!((low - 3.0 * error..=high + 3.0 * error).contains(&mean), "{mean} ± {error}, {low} to {high}");
}

#[test]
fn one_slot_whose_node_starts_anew_after_each_idle_time_waits_as_the_queue_with_set_up() {
    // M/G/1 with set-up D at the first arrival after an idle time:
    // Wq = λ E[S²] / 2(1 - ρ) + (2 D + λ D²) / 2(1 + λ D), here 2.5 + 9.1667 min.
    let case = Case::new()
        .at_once()
        .drained_after(mins(60_000))
        .manager_that_asks_every(ms(100), 1)
        .pool(&["m6i.large"], "on-demand", Some(SimDuration::ZERO))
        .class("served", 1000, 1024, Distribution::Exponential { mean: mins(10) }, |_| {})
        .arriving("served", 0.02)
        .change(|plan| {
            plan.ec2.startup.request_to_running = Delay::Constant(mins(10));
            plan.executor.poll_timeout = mins(30);
        });
    let waits: Vec<f64> = replications(&case, 12)
        .iter()
        .map(|jobs| {
            let waits: Vec<f64> =
                jobs.iter().map(|job| minutes(job.script_started_at - job.pending_at)).collect();
            mean(&waits)
        })
        .collect();
    // The node outlives its last job by up to 36 s, in which 1.2 % of idle times end: those spare the set-up.
    assert_mean("M/G/1 with set-up", &waits, 11.6667, 0.15, 0.03);
}

/// How many times longer every time is than in the textbook's row, so that what Karpenter, the scheduler and GitLab need
/// besides (a poll within 10 s, 15 s of validation, 1 s of batching) is small beside it.
const LONGER: f64 = 10.0;

/// Minutes of the textbook's row as the simulator has them.
const fn longer(minutes: u64) -> SimDuration {
    mins(minutes * LONGER as u64)
}

/// What an empty node lives longer than `consolidate_after`, on average: 5 s until the poll, 15 s of validation, and what the
/// last pod event is rounded down by. The drain takes 5 s more, in which the node takes no pod.
const UNTIL_TAINTED: SimDuration = ms(19_500);
const DRAIN: SimDuration = secs(5);

/// One large node of Karpenter's that takes pods until five minutes after the last, and a job every ten minutes: `LONGER`.
fn one_long_node(service: Distribution, after: SimDuration) -> Case {
    Case::new()
        .at_once()
        .drained_after(longer(15_000))
        .manager_that_asks_every(secs(1), 64)
        .pool(&["m6i.32xlarge"], "on-demand", Some(after))
        .class("short", 1000, 1024, service, |_| {})
        .arriving("short", 0.1 / LONGER)
}

#[test]
fn one_slot_whose_node_takes_an_exponential_time_to_set_up_waits_longer_by_its_mean() {
    // M/M/1 whose server goes when it idles and is set up anew at the next arrival: Wq = ρ / (μ - λ) + 1 / θ, with
    // λ = 0.2 and μ = 0.25 per minute and a set-up of one minute on average 16 + 1. What takes long is the way from
    // registration to readiness, on which Karpenter sets no limit. All times are four times longer, and no more: GitLab
    // drops jobs that are pending for a day.
    const TIMES: u64 = 4;
    let queue = |case: Case| {
        case.at_once()
            .drained_after(mins(TIMES * 15_000))
            .manager_that_asks_every(ms(100), 1)
            .class("served", 1000, 1024, Distribution::Exponential { mean: mins(TIMES * 4) }, |_| {})
            .arriving("served", 0.2 / TIMES as f64)
            .change(|plan| plan.executor.poll_timeout = hours(24 * 10))
    };
    let always_on = queue(Case::new().nodes(1, "m6i.large"));
    let set_up = queue(Case::new().pool(&["m6i.large"], "on-demand", Some(SimDuration::ZERO)))
        .change(|plan| plan.ec2.startup.registered_to_ready = Delay::Exponential { mean: mins(TIMES) });
    let row = |span: SimDuration| minutes(span) / TIMES as f64;
    let mean_wait = |jobs: &[JobRecord]| {
        mean(&jobs.iter().map(|job| row(job.picked_at - job.pending_at)).collect::<Vec<_>>())
    };
    let pod_wait = |job: &JobRecord| row(job.script_started_at - job.picked_at);
    let (mut plain, mut with, mut first) = (vec![], vec![], vec![]);
    for (on, anew) in replications(&always_on, 20).iter().zip(replications(&set_up, 20)) {
        plain.push(mean_wait(on));
        // The same jobs meet a server that is always on: what they wait there beside 16 minutes is taken off as noise.
        let waits = mean_wait(&anew) + mean(&anew.iter().map(pod_wait).collect::<Vec<f64>>());
        with.push(waits - mean_wait(on) + 16.0);
        // Who finds the server gone waits for the set-up alone, 2 s of batching and launching included.
        let cold = anew.iter().filter(|job| job.bound_at - job.pod_created_at > ms(500));
        first.push(mean(&cold.map(pod_wait).collect::<Vec<f64>>()));
    }
    assert_mean("M/M/1", &plain, 16.0, 0.01, 0.1);
    // The node takes pods for 20 s after its last, 15 s of validation after a poll within 10 s. In that time 1.65 % of
    // idle times end and spare the set-up; a set-up in a share q of cases adds q (1 + λ / θ) / (θ + λ q): 17.0 for q = 1.
    let q = libm::exp(-0.2 * 20.0 / 60.0 / TIMES as f64);
    let started_late = 2.0 / 60.0 / TIMES as f64;
    assert_mean("M/M/1 with set-up", &with, 16.0 + 1.2 * q / (1.0 + 0.2 * q), 0.01 + started_late, 0.01);
    assert_mean("the set-up of those who come first", &first, 1.0 + started_late, 0.005, 0.02);
}

#[test]
fn a_node_with_a_long_idle_time_out_is_on_exactly_as_often_as_the_formula_says() {
    // λ = 0.1 per minute, S = 6 min, τ = 5 min; P(on) = 1 - exp(-λ (S + τ)), for any law of S.
    for service in [Distribution::Constant(longer(6)), Distribution::Exponential { mean: longer(6) }] {
        let case = one_long_node(service, longer(5).saturating_sub(UNTIL_TAINTED));
        let (mut on, mut launches, mut periods) = (vec![], vec![], vec![]);
        for replication in 0..12 {
            let run = case.replication(replication, Keep { jobs: false, nodes: true });
            let nodes = run.outcome.node_records.expect("nodes are kept");
            let whole = minutes(run.outcome.end - SimTime::ZERO) / LONGER;
            let up = |node: &fleetsim::metrics::NodeRecord| {
                minutes((node.terminated_at - node.launched_at).saturating_sub(DRAIN)) / LONGER
            };
            let up: f64 = nodes.iter().map(up).sum();
            on.push(up / whole);
            periods.push(up / nodes.len() as f64);
            launches.push(nodes.len() as f64 / whole);
        }
        assert_mean("P(on)", &on, 0.667_129, 1e-3, 0.01);
        assert_mean("on-period", &periods, 20.041_66, 0.02, 0.03);
        assert_mean("launches per minute", &launches, 0.033_287_1, 2e-5, 0.02);
    }
}

#[test]
fn jobs_without_length_meet_a_cold_fleet_exactly_as_often_as_nobody_came_within_a_long_idle_time() {
    let case = one_long_node(Distribution::Constant(ms(1)), longer(5).saturating_sub(UNTIL_TAINTED));
    let mut cold = vec![];
    for replication in 0..12 {
        let run = case.replication(replication, Keep { jobs: true, nodes: false });
        let jobs = run.outcome.job_records.expect("jobs are kept");
        let waited = jobs.iter().filter(|job| job.bound_at - job.pod_created_at > ms(500)).count();
        cold.push(waited as f64 / jobs.len() as f64);
    }
    assert_mean("P(cold start)", &cold, 0.606_531, 1e-3, 0.01);
}

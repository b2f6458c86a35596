//! `fit`: what is known of a synthetic workload is found again from its trace, and a fleet cannot tell the two apart.
#![allow(clippy::print_stdout)] // the figures are the result

use std::fmt::Write;
use std::io::Cursor;

use assert_cmd::Command;
use fleetsim::engine::Streams;
use fleetsim::scenario::import::fitted_scenario;
use fleetsim::scenario::{Scenario, resolve};
use fleetsim::simulation::{Keep, simulate};
use fleetsim::workload::{
    ArrivalKind, DurationShape, FitError, FitOptions, Grouping, ImportOptions, JobNumber, JobTable, Profile,
    TraceFit, import_jobs,
};

const WEEKS: u64 = 6;

/// Two pipelines whose jobs are of three kinds: lognormal, a mixture of two, constant; one kind fails now and then.
const KNOWN: &str = r#"
schema = 1
name = "known"
seed = 7
replications = 6
horizon = "42d"
start = "2026-11-02T00:00[UTC]"

[[workload.pipeline]]
name = "merge-request"
stages = ["build", "test"]
arrivals = { per_day = 200, profile = "office-week", burstiness = 0.5 }

[[workload.pipeline.job]]
name = "compile"
stage = "build"
duration = { median = "4m", p95 = "9m" }
cpu = "2"
memory = "4Gi"

[[workload.pipeline.job]]
name = "rspec"
stage = "test"
parallel = 4
duration = { mixture = [
  { weight = 0.4, median = "20s", p95 = "40s" },
  { weight = 0.6, median = "5m", p95 = "12m" },
] }
cpu = "1"
memory = "2Gi"
failure = 0.06
allow_failure = true

[[workload.pipeline]]
name = "docs"
stages = ["build"]
arrivals = { per_day = 50, profile = "office-week", burstiness = 0.5 }

[[workload.pipeline.job]]
name = "pages"
stage = "build"
duration = "1m30s"
cpu = "500m"
memory = "1Gi"
"#;

const FLEETS: &str = r#"
[[runner]]
name = "eks"
concurrent = 150
request_concurrency = 10
poll_timeout = "30m"

[[node_pool]]
name = "ci"
arch = ["amd64"]
capacity_type = ["on-demand"]
instance_category = ["c", "m"]
requirements = [
  { key = "karpenter.k8s.aws/instance-generation", operator = "Gt", values = ["5"] },
  { key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4", "8"] },
]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "1m", budgets = [{ nodes = "100%" }] }

[ec2]
region = "eu-central-1"

[fleet.karpenter]

[fleet.pool]
kind = "fifo"
fifo.cpu = "16"
fifo.usd_per_hour = 1.5
"#;

fn scenario(text: &str) -> Scenario {
    let mut files = |_: &str| Err("no files".to_owned());
    resolve(text, "test.toml", &mut files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}"))
}

/// A trace of what the known workload makes, as an export has it: whole seconds, ids, states.
fn trace(known: &Scenario) -> String {
    let mut arrivals = known.fleets[0].arrivals(Streams::new(known.seed, 0)).unwrap();
    let sampler = arrivals.sampler();
    let began = known.start.timestamp().as_second();
    let mut csv = String::from(
        "job_id,submitted_s,duration_s,cpu_millis,memory_mib,arch,tags,pipeline,stage,name,observed_wait_s,status\n",
    );
    let mut id = 0;
    while let Some(arrival) = arrivals.next_arrival().unwrap() {
        let ArrivalKind::Pipeline(template) = arrival.kind else { panic!("only pipelines") };
        let template = &arrivals.templates()[template];
        for (number, node) in (0_u32..).zip(&template.nodes) {
            let class = &arrivals.classes()[node.class];
            let job = sampler.node(arrivals.classes(), template, arrival.ordinal, number);
            let failed =
                sampler.script_failure(class.failure_probability, JobNumber::new(arrival.ordinal, number), 0);
            let ms = failed.map_or(job.work.as_ms(), |share| share.of(job.work.as_ms()));
            // Later stages come when the earlier ones have ended.
            let at = began + arrival.at.as_ms() as i64 / 1000 + i64::from(node.stage) * 300;
            let (cpu, memory) = (job.requests.cpu.0, job.requests.memory.0);
            let stage = if node.stage == 0 { "build" } else { "test" };
            let status = if failed.is_some() { "failed" } else { "success" };
            id += 1;
            let _ = writeln!(
                csv,
                "{id},{at},{},{cpu},{memory},,,{},{stage},{},,{status}",
                (ms + 500) / 1000,
                arrival.ordinal,
                node.name
            );
        }
    }
    csv
}

fn table(csv: &str) -> JobTable {
    let input = Cursor::new(csv.to_owned().into_bytes());
    import_jobs([("trace.csv", Ok(input))], &ImportOptions::default()).unwrap().0
}

fn close(what: &str, found: f64, known: f64, tolerance: f64) {
    assert!((found / known - 1.0).abs() <= tolerance, "{what}: {found} for {known}, tolerance {tolerance}");
}

#[test]
fn the_parameters_of_a_known_workload_are_found_again() {
    let known = scenario(&format!("{KNOWN}{FLEETS}"));
    let fit = TraceFit::of(&table(&trace(&known)), &FitOptions::default()).unwrap();
    assert_eq!(fit.grouping, Grouping::Recorded);
    assert_eq!(fit.stages, ["build", "test"]);
    assert!((fit.arrivals.weeks - WEEKS as f64).abs() < 0.1, "{}", fit.arrivals.weeks);
    close("pipelines per week", fit.arrivals.per_week, 250.0 * 7.0, 0.05);
    let truth = Profile::office_week();
    let apart: f64 = (0..168).map(|hour| (fit.arrivals.hours[hour] - truth.over_mean(hour)).abs()).sum();
    assert!(apart / 168.0 < 0.13, "mean error of the profile: {}", apart / 168.0);

    let names: Vec<&str> = fit.classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(names, ["compile", "pages", "rspec"]);
    let [compile, pages, rspec] = fit.classes.as_slice() else { panic!("three classes") };
    assert_eq!(compile.duration.shape, DurationShape::LogNormal(1));
    assert_eq!(pages.duration.shape, DurationShape::Constant);
    assert_eq!(rspec.duration.shape, DurationShape::LogNormal(2));
    close("mean of compile", compile.duration.distribution.mean_ms(), 270.9e3, 0.03);
    close("mean of pages", pages.duration.distribution.mean_ms(), 90e3, 0.001);
    // Lognormal means: median × exp(σ² / 2) with σ = ln(p95 / median) / 1.645.
    close("mean of rspec", rspec.duration.distribution.mean_ms(), 0.4 * 21.86e3 + 0.6 * 345.8e3, 0.03);
    assert!(compile.duration.goodness.p_value.unwrap() > 0.01, "{compile:?}");
    assert!((rspec.failed.unwrap() - 0.06).abs() < 0.006, "{:?}", rspec.failed);
    assert_eq!((compile.cpu.unwrap().0, rspec.memory.unwrap().0), (2000, 2048));

    let shapes: Vec<Vec<(usize, u32)>> = fit.shapes.iter().map(|shape| shape.jobs.clone()).collect();
    assert_eq!(shapes, [vec![(0, 1), (2, 4)], vec![(1, 1)]]);
    close("share of docs", fit.shapes[1].per_week / fit.arrivals.per_week, 0.2, 0.08);
    close("burstiness", fit.shapes[0].burstiness, 0.5, 0.15);
}

/// Mean and standard error over replications.
struct Mean(f64, f64);

/// Mean wait in s, p95 wait in s and US dollars of a fleet.
fn result(scenario: &Scenario, fleet: usize) -> [Mean; 3] {
    let mut runs: [Vec<f64>; 3] = Default::default();
    for replication in 0..scenario.replications {
        let streams = Streams::new(scenario.seed, replication);
        let fleet = &scenario.fleets[fleet];
        let keep = Keep { jobs: false, nodes: false };
        let run = simulate(&fleet.plan, streams, fleet.arrivals(streams).unwrap(), keep).unwrap();
        let wait = &run.outcome.waits.wait;
        runs[0].push(wait.mean_ms().unwrap() / 1e3);
        runs[1].push(wait.quantile_ms(0.95).unwrap() as f64 / 1e3);
        runs[2].push(run.outcome.costs.total().0 as f64 / 3_600_000e9);
    }
    runs.map(|runs| {
        let n = runs.len() as f64;
        let mean = runs.iter().sum::<f64>() / n;
        let squares: f64 = runs.iter().map(|run| (run - mean) * (run - mean)).sum();
        Mean(mean, (squares / (n - 1.0) / n).sqrt())
    })
}

#[test]
fn a_fleet_has_the_same_waits_and_cost_on_the_fitted_workload() {
    let known = scenario(&format!("{KNOWN}{FLEETS}"));
    let fit = TraceFit::of(&table(&trace(&known)), &FitOptions::default()).unwrap();
    let text = fitted_scenario(&fit, "trace.csv", None);
    // As it is, with the fleet it brings.
    assert!(!scenario(&text).fleets.is_empty());
    let workload = text.split("\n# A fleet to begin with").next().unwrap();
    let other = workload.replace("\"7d\"", "\"42d\"").replace("replications = 5", "replications = 6");
    let fitted = scenario(&format!("{}{FLEETS}", other.replace("drain = true\n", "")));
    for fleet in 0..known.fleets.len() {
        let pairs = result(&known, fleet).into_iter().zip(result(&fitted, fleet));
        for ((known, fitted), what) in pairs.zip(["mean wait in s", "p95 wait in s", "US dollars"]) {
            println!(
                "fleet {fleet}, {what}: known {:.2} ± {:.2}, fitted {:.2} ± {:.2}",
                known.0, known.1, fitted.0, fitted.1
            );
            // One twentieth; the waits of a pool that a few bursts fill differ more than that from run to run.
            let allowed = (known.0 / 20.0).max(3.0 * known.1.hypot(fitted.1));
            assert!((known.0 - fitted.0).abs() <= allowed, "{what}: allowed are {allowed:.2}");
        }
    }
}

#[test]
fn a_fit_is_the_same_every_time_and_runs() {
    let place = tempfile::tempdir().unwrap();
    let known = scenario(&format!("{KNOWN}{FLEETS}").replace("\"42d\"", "\"14d\""));
    std::fs::write(place.path().join("jobs.csv"), trace(&known)).unwrap();
    let fleetsim = || {
        let mut command = Command::cargo_bin("fleetsim").unwrap();
        command.current_dir(place.path());
        command
    };
    let text = |arguments: &[&str]| {
        let output = fleetsim().args(arguments).assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = text(&["fit", "jobs.csv"]);
    assert_eq!(first, text(&["fit", "jobs.csv"]));
    assert!(first.contains("The trace against the mean of 10 synthetic runs"), "{first}");
    text(&["fit", "jobs.csv", "-o", "fitted.toml", "--time-zone", "Europe/Berlin"]);
    assert!(std::fs::read_to_string(place.path().join("fitted.toml")).unwrap().contains("[Europe/Berlin]"));
    let answer = text(&["run", "fitted.toml", "--reps", "1", "--no-files"]);
    assert!(answer.contains("What does the workload of jobs.csv cost"), "{answer}");
    fleetsim().args(["fit", "jobs.csv", "--time-zone", "Berlin"]).assert().code(2);
}

#[test]
fn what_cannot_be_described_is_refused() {
    let few = "submitted_s,duration_s\n0,5\n7200,5\n";
    assert_eq!(TraceFit::of(&table(few), &FitOptions::default()).unwrap_err(), FitError::TooFew(2));
    let mut short = String::from("submitted_s,duration_s\n");
    (0..40).for_each(|second| short += &format!("{second},5\n"));
    assert!(matches!(TraceFit::of(&table(&short), &FitOptions::default()), Err(FitError::TooShort(_))));
}

//! Four recorded workloads, each on several fleets: every job of the trace ends in exactly one way, every waited
//! millisecond has one cause, every dollar one purpose. The traces are not part of this repository: they are read from
//! `../shared/traces`, and where that is missing the tests say so and pass.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // the table of results, with the time that each run took

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fleetsim::engine::Streams;
use fleetsim::metrics::{CostKind, JobOutcome, NodeEnd, RunOutcome, WasteKind};
use fleetsim::scenario::{Scenario, resolve_with};
use fleetsim::simulation::{FinishedRun, Keep, simulate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

fn trace_file(name: &str) -> PathBuf {
    folder().join(format!("../../../shared/traces/{name}.csv.gz"))
}

fn scenario(name: &str, set: &[String]) -> Scenario {
    let path = folder().join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).unwrap();
    let mut files = |file: &str| fs::read(folder().join(file)).map_err(|error| error.to_string());
    resolve_with(&text, &path.display().to_string(), set, &mut files)
        .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Rows submitted less than `days` days after the first, counted without the simulator's own reader.
fn rows_within(name: &str, days: u64) -> u64 {
    let mut text = String::new();
    let file = fs::File::open(trace_file(name)).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let submitted = |line: &str| line.split(',').nth(1).unwrap().parse::<u64>().unwrap();
    let first = text.lines().nth(1).map(submitted).unwrap();
    text.lines().skip(1).filter(|line| submitted(line) < first + days * 86_400).count() as u64
}

/// Runs every fleet of the scenario `name` on the first `days` of its trace.
fn run(name: &str, days: u64) {
    if !trace_file(name).is_file() {
        println!("{name}: skipped, there is no {}", trace_file(name).display());
        return;
    }
    let set = [format!("workload.window.to={days}d"), "replications=1".to_owned()];
    let scenario = scenario(name, &set);
    assert!(scenario.fleets.len() >= 3, "{name}: at least three fleets");
    let rows = rows_within(name, days);
    println!("{name}: {rows} jobs of {days} days");
    let heads = ["fleet", "usd", "wait s", "p95 s", "lost", "retries", "node h", "jobs/s"];
    println!(
        "{:24}{:>10}{:>9}{:>9}{:>7}{:>9}{:>9}{:>9}",
        heads[0], heads[1], heads[2], heads[3], heads[4], heads[5], heads[6], heads[7]
    );
    for fleet in &scenario.fleets {
        let streams = Streams::new(scenario.seed, 0);
        let began = Instant::now();
        let arrivals = fleet.arrivals(streams).unwrap();
        let keep = Keep { jobs: true, nodes: true };
        let finished = simulate(&fleet.plan, streams, arrivals, keep).unwrap();
        print_row(&fleet.name, &finished.outcome, rows as f64 / began.elapsed().as_secs_f64());
        let what = format!("{name} on {}", fleet.name);
        every_job_ends_in_one_way(&what, &finished, rows);
        every_wait_has_its_causes(&what, &finished.outcome);
        every_dollar_has_its_purpose(&what, &finished.outcome);
    }
}

fn print_row(fleet: &str, outcome: &RunOutcome, jobs_per_second: f64) {
    let wait = &outcome.waits.wait;
    let nodes = outcome.node_records.iter().flatten();
    println!(
        "{fleet:24}{:>10.2}{:>9.1}{:>9.1}{:>7}{:>9}{:>9.0}{jobs_per_second:>9.0}",
        outcome.costs.total().0 as f64 / 3_600_000e9,
        wait.mean_ms().unwrap_or(0.0) / 1e3,
        wait.quantile_ms(0.95).unwrap_or(0) as f64 / 1e3,
        outcome.jobs.lost(),
        outcome.jobs.retries(),
        nodes.map(|node| node.lifetime_ms() as f64 / 3.6e6).sum::<f64>(),
    );
}

/// Rows read are jobs that arrived; each has exactly one last attempt, whose outcome is the job's.
fn every_job_ends_in_one_way(what: &str, finished: &FinishedRun, rows: u64) {
    let [trace] = finished.traces.as_slice() else { panic!("{what}: one trace") };
    assert_eq!(trace.jobs, rows, "{what}: every row of the window arrives");
    assert!(trace.dropped.is_empty() && trace.thinned == 0 && trace.never_ran == 0, "{what}: {trace:?}");
    let jobs = &finished.outcome.jobs;
    let ends: Vec<(&str, u64)> =
        JobOutcome::ALL.iter().map(|outcome| (outcome.label(), jobs.ended(*outcome))).collect();
    assert_eq!(ends.iter().map(|(_, count)| count).sum::<u64>(), rows, "{what}: {ends:?}");
    let records = finished.outcome.job_records.as_ref().unwrap();
    let mut last: Vec<(u64, u32)> = records
        .iter()
        .filter(|record| !record.retried)
        .map(|record| (record.pipeline, record.pipeline_job))
        .collect();
    last.sort_unstable();
    let attempts = last.len();
    last.dedup();
    assert_eq!((last.len() as u64, attempts as u64), (rows, rows), "{what}: one last attempt per job");
    for outcome in JobOutcome::ALL {
        let count = records.iter().filter(|record| !record.retried && record.outcome == outcome).count();
        assert_eq!(count as u64, jobs.ended(outcome), "{what}: {outcome:?}");
    }
}

/// Per attempt and in total.
fn every_wait_has_its_causes(what: &str, outcome: &RunOutcome) {
    for record in outcome.job_records.iter().flatten() {
        if record.has_started() {
            assert_eq!(
                record.wait.total(),
                record.script_started_at - record.wait_since,
                "{what}: {record:?}"
            );
        }
    }
    let waits = &outcome.waits;
    assert_eq!(waits.causes_ms.iter().sum::<u128>(), waits.wait.sum_ms(), "{what}");
}

/// Costs by kind sum to the total, the nodes' bills to the cost of instances, and that is shared out completely.
fn every_dollar_has_its_purpose(what: &str, outcome: &RunOutcome) {
    let (costs, waste) = (&outcome.costs, &outcome.waste);
    assert_eq!(CostKind::ALL.iter().map(|kind| costs.of(*kind).0).sum::<u128>(), costs.total().0, "{what}");
    let nodes = outcome.node_records.as_ref().unwrap();
    if nodes.is_empty() {
        return; // A pool of slots has a price and no nodes.
    }
    let instances: u128 = CostKind::ALL
        .iter()
        .filter(|kind| matches!(kind, CostKind::Instance(..)))
        .map(|kind| costs.of(*kind).0)
        .sum();
    assert_eq!(nodes.iter().map(|node| node.cost.0).sum::<u128>(), instances, "{what}");
    assert_eq!(WasteKind::ALL.iter().map(|kind| waste.of(*kind).0).sum::<u128>(), instances, "{what}");
    let ended: u64 = NodeEnd::ALL.iter().map(|end| outcome.nodes.ended(*end)).sum();
    assert_eq!(ended, nodes.len() as u64, "{what}: every node ends in one way too");
}

#[test]
fn a_month_of_linkerd2_ends_job_by_job() {
    run("gha-linkerd2", 32);
}

#[test]
fn eight_weeks_of_julia_builds_end_job_by_job() {
    run("buildkite-julia", 57);
}

#[test]
fn a_month_of_uneven_pods_ends_job_by_job() {
    run("k8s-alibaba-openb", 32);
}

/// Two of the eleven days: all of them are for a release build (`fleetsim run tests/traces/grid-lcg-2005.toml`).
#[test]
fn two_days_of_grid_jobs_end_job_by_job() {
    run("grid-lcg-2005", 2);
}

//! `calibrate` on the recorded traces: their waits against simulated ones, constants fitted to one half and judged on the
//! other. The traces are not part of this repository: where `../shared/traces` is missing the tests say so and pass.
#![allow(clippy::print_stdout)] // the figures are the result

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../shared/traces/{name}.csv.gz"));
    if !path.is_file() {
        println!("{name}: skipped, there is no {}", path.display());
        return None;
    }
    Some(path)
}

fn calibrate(scenario: &str, arguments: &[&str]) -> Command {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(scenario);
    let mut command = Command::cargo_bin("fleetsim").unwrap();
    command.arg("calibrate").arg(scenario).args(arguments);
    command
}

/// The factor by which a quantile of the second half, which was not fitted, is typically off.
fn held_out_factor(scenario: &str, arguments: &[&str]) -> f64 {
    let output = calibrate(scenario, arguments).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{scenario}\n{text}");
    let line = text.lines().find(|line| line.starts_with("typical error of a quantile")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn start_up_times_of_a_cluster_hold_for_the_weeks_that_were_not_fitted() {
    if trace("k8s-alibaba-openb").is_none() {
        return;
    }
    let fit = ["kubernetes.pod_start.median=100ms..30s", "kubernetes.pod_start.p95=31s..20m"];
    let arguments = ["--wait", "script", "--fit", fit[0], "--fit", fit[1]];
    let factor = held_out_factor("calibration/k8s-alibaba-openb.toml", &arguments);
    assert!(factor < 2.5, "{factor}");
}

/// Rows with the wait that follows from the Docker build before an integration test; see the scenario.
fn with_derived_waits(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let header = rows.remove(0).join(",");
    let seconds = |row: &[&str], column: usize| row[column].parse::<u64>().unwrap();
    let is_build = |row: &[&str]| row[9] == "KinD integration / Docker build" && row[11] == "success";
    let builds = rows.iter().filter(|row| is_build(row));
    let ends: Vec<u64> = builds.map(|row| seconds(row, 1) + seconds(row, 2)).collect();
    let mut out = Vec::with_capacity(rows.len());
    for row in &rows {
        let started = seconds(row, 1);
        let mut before = ends.iter().filter(|end| **end <= started && started - **end <= 600);
        let only = before.next().filter(|_| before.next().is_none());
        let end = only.filter(|_| row[9].starts_with("KinD integration / Integration tests"));
        let mut fields = row.clone();
        let (submitted, wait) = match end {
            Some(end) => (end.to_string(), (started - end).to_string()),
            None => (started.to_string(), String::new()),
        };
        (fields[1], fields[10]) = (submitted.as_str(), wait.as_str());
        out.push((submitted.parse::<u64>().unwrap(), fields.join(",")));
    }
    out.sort();
    out.iter().fold(header + "\n", |mut text, (_, row)| {
        let _ = writeln!(text, "{row}");
        text
    })
}

#[test]
fn start_up_times_of_hosted_runners_hold_for_the_weeks_that_were_not_fitted() {
    let Some(path) = trace("gha-linkerd2") else { return };
    let place = tempfile::tempdir().unwrap();
    let derived = place.path().join("derived.csv");
    fs::write(&derived, with_derived_waits(&path)).unwrap();
    let derived = derived.display().to_string();
    let fit = ["kubernetes.pod_start.median=1s..14s", "kubernetes.pod_start.p95=15s..5m"];
    let arguments = ["--observed", &derived, "--wait", "script", "--fit", fit[0], "--fit", fit[1]];
    let factor = held_out_factor("calibration/gha-linkerd2.toml", &arguments);
    assert!(factor < 1.3, "{factor}");
}

#[test]
fn traces_without_waits_are_refused_instead_of_compared_with_nothing() {
    for name in ["gha-linkerd2", "buildkite-julia", "grid-lcg-2005"] {
        if trace(name).is_none() {
            continue;
        }
        let output =
            calibrate(&format!("{name}.toml"), &["--fleet", "fifo"]).assert().code(2).get_output().clone();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("no job of the trace has an observed wait"), "{name}: {text}");
    }
}

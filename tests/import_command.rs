//! `import`, job exports in scenarios, and `calibrate`, as they are called.

#[path = "support/command.rs"]
mod command;

use assert_cmd::Command;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const SCENARIO: &str = r#"
replications = 1
horizon = "3h"
warmup = "0s"
[workload]
trace = "TRACE"
[workload.otherwise]
cpu = "1"
memory = "1Gi"
[[runner]]
name = "eks"
concurrent = 20
poll_timeout = "10m"
[[node_pool]]
name = "ci"
arch = ["amd64"]
instance_category = ["m"]
requirements = [{ key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4"] }]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "1m" }
[fleet.on-demand]
"#;

fn fleetsim(folder: &Path) -> Command {
    let mut command = command::fleetsim();
    command.current_dir(folder);
    command
}

/// An export of 60 jobs, newest first, a job each minute, waits of 1 to 60 s.
fn export() -> String {
    let mut text = "[".to_owned();
    for id in (1..=60_i64).rev() {
        let stamp = |ms: i64| jiff::Timestamp::from_millisecond(1_773_000_000_000 + ms).unwrap();
        let started = id * 60_000;
        let _ = write!(
            text,
            r#"{{"id":{id},"name":"unit","stage":"test","status":"success","tag_list":[],"pipeline":{{"id":{id}}},"started_at":"{}","finished_at":"{}","queued_duration":{id}}}"#,
            stamp(started),
            stamp(started + 120_000),
        );
        text.push(if id == 1 { ']' } else { ',' });
    }
    text
}

fn output_of(command: &mut Command) -> (String, String) {
    let output = command.assert().success().get_output().clone();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_export_becomes_a_trace_with_an_account_and_both_replay_alike() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::write(folder.join("jobs.json"), export()).unwrap();
    let arguments = ["import", "gitlab-jobs", "jobs.json", "--out", "trace.csv.gz"];
    let (account, _) = output_of(fleetsim(folder).args(arguments));
    for line in
        ["read       60 records of gitlab-jobs", "kept       60 jobs in 60 pipelines", "ran        mean 2m"]
    {
        assert!(account.contains(line), "{account}");
    }
    fleetsim(folder).args(arguments).assert().code(1);
    let (csv, account_aside) = output_of(fleetsim(folder).args(["import", "jobs", "jobs.json"]));
    assert!(csv.starts_with("job_id,submitted_s,") && csv.lines().count() == 61, "{csv}");
    assert!(account_aside.contains("60 jobs"), "{account_aside}");
    let mut answers = Vec::new();
    for trace in ["jobs.json", "trace.csv.gz"] {
        fs::write(folder.join("s.toml"), SCENARIO.replace("TRACE", trace)).unwrap();
        answers.push(output_of(fleetsim(folder).args(["run", "s.toml", "--format", "csv"])).0);
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn a_broken_export_is_an_input_mistake_with_its_place_wherever_it_is_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::write(folder.join("jobs.json"), export().replacen("\"status\"", "\n \"status", 1)).unwrap();
    fs::write(folder.join("s.toml"), SCENARIO.replace("TRACE", "jobs.json")).unwrap();
    for arguments in [["import", "jobs", "jobs.json"].as_slice(), &["validate", "s.toml"]] {
        let output = fleetsim(folder).args(arguments).assert().code(3).get_output().clone();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("jobs.json:"), "{stderr}");
        assert!(stderr.contains("help:"), "{stderr}");
    }
    let output = fleetsim(folder).args(["import", "jobs", "none.json"]).assert().code(3).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no such file"));
}

#[test]
fn a_calibration_pairs_every_observed_job_with_its_simulation() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::create_dir(folder.join("observed")).unwrap();
    fs::write(folder.join("observed/jobs.json"), export()).unwrap();
    fs::write(folder.join("none.csv"), "submitted_s,duration_s\n0,5\n").unwrap();
    fs::write(folder.join("s.toml"), SCENARIO.replace("TRACE", "none.csv")).unwrap();
    let arguments = ["calibrate", "s.toml", "--observed", "observed/jobs.json", "--out", "pairs.csv"];
    let (text, _) = output_of(fleetsim(folder).args(arguments));
    for part in ["on-demand", "mean", "30.5 s", "p95", "57.0 s", "mean absolute error", "rank correlation"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let pairs = fs::read_to_string(folder.join("pairs.csv")).unwrap();
    assert_eq!(pairs.lines().count(), 102);
    assert!(pairs.contains("\n0.50,30.000,"), "{pairs}");
    let output = fleetsim(folder).args(["calibrate", "s.toml"]).assert().code(2).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("observed_wait_s"));
}

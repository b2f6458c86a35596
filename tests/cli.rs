//! The program as people and pipelines meet it: exit codes, streams, files.

#[path = "support/command.rs"]
mod command;

use command::{fleetsim, scenario};
use std::fs;
use std::path::Path;

const SMALL: &str = r#"
replications = 2
horizon = "3h"
[[workload.class]]
name = "unit"
arrivals = { per_hour = 40 }
duration = { median = "2m", p95 = "5m" }
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
[fleet.spot]
"node_pool.ci.capacity_type" = ["spot"]
"#;

fn small(folder: &Path) -> String {
    scenario(folder, SMALL)
}

#[test]
fn a_run_prints_the_answer_and_writes_a_complete_folder() {
    let place = tempfile::tempdir().unwrap();
    let (scenario, out) = (small(place.path()), place.path().join("out"));
    let run = |jobs: &str| {
        let arguments =
            ["run", &scenario, "--out", &out.display().to_string(), "-j", jobs, "--format", "csv"];
        let output = fleetsim().args(arguments).assert().success().code(0).get_output().clone();
        (output.stdout, fs::read(out.join("small/summary.csv")).unwrap())
    };
    let one = run("1");
    assert_eq!(one, run("3"), "results do not depend on the number of threads");
    for file in [
        "scenario.resolved.toml",
        "provenance.json",
        "summary.json",
        "jobs.csv",
        "nodes.csv",
        "costs.csv",
        "waste.csv",
        "cost_groups.csv",
        "report.html",
        "summary.csv",
        "timeline.csv",
    ] {
        assert!(out.join("small").join(file).is_file(), "{file}");
    }
    let resolved = out.join("small/scenario.resolved.toml").display().to_string();
    let again = fleetsim()
        .args(["run", &resolved, "--format", "csv", "--no-files"])
        .assert()
        .success()
        .get_output()
        .clone();
    assert_eq!(again.stdout, one.0, "the resolved scenario gives the same result");
}

#[test]
fn a_broken_scenario_exits_with_3_and_writes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("broken.toml");
    fs::write(&path, "concurent = 5\n").unwrap();
    let out = place.path().join("out");
    let arguments = ["run", &path.display().to_string(), "--out", &out.display().to_string()];
    let output = fleetsim().args(arguments).assert().code(3).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("broken.toml:1:1") && stderr.contains("FS0002"), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "no colours where nobody sees them");
    assert!(output.stdout.is_empty() && !out.exists());
}

#[test]
fn usage_mistakes_exit_with_2() {
    let place = tempfile::tempdir().unwrap();
    let scenario = small(place.path());
    fleetsim().args(["run"]).assert().code(2);
    fleetsim().args(["run", &scenario, "--reps", "0"]).assert().code(2);
    fleetsim().args(["run", &scenario, "--fleet", "nobody"]).assert().code(2);
    fleetsim().args(["catalog", "show", "m7x.large"]).assert().code(2);
    fleetsim().args(["--version"]).assert().code(0);
}

#[test]
fn a_scenario_that_cannot_be_read_exits_with_3() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("binary.toml");
    fleetsim().args(["validate", &path.display().to_string()]).assert().code(3);
    fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    fleetsim().args(["validate", &path.display().to_string()]).assert().code(3);
}

#[test]
fn settings_and_the_environment_reach_the_scenario() {
    let place = tempfile::tempdir().unwrap();
    let scenario = small(place.path());
    let set = ["validate", &scenario, "--resolved", "--set", "node_pool.ci.disruption.consolidate_after=7m"];
    let text = fleetsim().args(set).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(text).unwrap().contains("consolidate_after = \"7m\""));
    let wrong = ["validate", &scenario, "--set", "node_pool.ci.disruption.consolidate_aftr=7m"];
    let stderr = fleetsim().args(wrong).assert().code(3).get_output().stderr.clone();
    assert!(String::from_utf8(stderr).unwrap().contains("--set:1:1"));
    let rows = |seed: &str| {
        let arguments = ["run", &scenario, "--format", "csv", "--fleet", "spot", "--no-files"];
        fleetsim().env("FLEETSIM_SEED", seed).args(arguments).assert().success().get_output().stdout.clone()
    };
    assert_eq!(rows("5"), rows("5"));
    assert_ne!(rows("5"), rows("6"));
}

#[test]
fn init_writes_a_scenario_that_is_valid_and_does_not_overwrite_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().display().to_string();
    fleetsim().args(["init", &folder]).assert().success();
    fleetsim().args(["init", &folder]).assert().code(1);
    let scenario = place.path().join("fleet.toml").display().to_string();
    fleetsim().args(["validate", &scenario]).assert().success();
}

#[test]
fn schema_completions_and_catalog_print_what_they_promise() {
    let text = |arguments: &[&str]| {
        String::from_utf8(fleetsim().args(arguments).assert().success().get_output().stdout.clone()).unwrap()
    };
    let schema: serde_json::Value = serde_json::from_str(&text(&["schema"])).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(schema["properties"]["node_pool"].is_object() && schema["properties"]["nodePool"].is_object());
    assert!(text(&["completions", "bash"]).contains("fleetsim"));
    let shown = text(&["catalog", "show", "m7gd.xlarge"]);
    for part in ["graviton3", "local NVMe GB", "237", "2025-06-28", "on-demand from"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let listed = text(&["catalog", "list", "--all"]);
    let widest = listed.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
    assert!(widest <= 80, "{widest} columns");
    assert!(text(&["-v", "catalog", "list", "--family", "m7g"]).contains("allocatable MiB"));
    let rows: serde_json::Value =
        serde_json::from_str(&text(&["catalog", "list", "--family", "m7g", "--format", "json"])).unwrap();
    assert!(rows["instance_types"].as_array().unwrap().len() > 5);
}

#[test]
fn a_setting_for_an_element_that_does_not_exist_is_a_mistake() {
    let place = tempfile::tempdir().unwrap();
    let scenario = small(place.path());
    for (set, near) in [("runner.eksx.concurrent=5", "`eks`"), ("fleet.spot.node_pool.cii.weight=5", "`ci`")]
    {
        let output =
            fleetsim().args(["validate", &scenario, "--set", set]).assert().code(3).get_output().clone();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("--set:1:1") && stderr.contains(near), "{stderr}");
    }
    let more = "runner=[{name=\"more\",poll_timeout=\"10m\"}]";
    fleetsim().args(["validate", &scenario, "--set", more]).assert().success();
}

#[test]
fn a_file_in_place_of_the_output_folder_is_found_before_anything_is_simulated() {
    let place = tempfile::tempdir().unwrap();
    let scenario = small(place.path());
    let file = place.path().join("out");
    fs::write(&file, "mine").unwrap();
    let arguments = ["run", &scenario, "--out", &file.display().to_string()];
    let output = fleetsim().args(arguments).assert().code(1).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("out` is a file"), "{stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// Eight jobs of one project come first, one of another project after them; two run at once.
const TWO_PROJECTS: &str = r#"
horizon = "2h"
[workload]
trace = "jobs.csv"
bad_rows = "drop"
rule = [{ class = "many", job = "many*", project = "busy" }]
otherwise = { project = "quiet" }
[[runner]]
name = "eks"
scope = "instance"
concurrent = 2
[[node_pool]]
name = "ci"
arch = ["amd64"]
instance_category = ["m"]
"#;

/// Runs [`TWO_PROJECTS`] with `set`; classes in the order in which their jobs were picked, notes, provenance.
fn two_projects(set: &str) -> (Vec<String>, String, serde_json::Value) {
    let place = tempfile::tempdir().unwrap();
    let (scenario, out) = (place.path().join("projects.toml"), place.path().join("out"));
    fs::write(&scenario, TWO_PROJECTS).unwrap();
    let many: String = (0..8).map(|number| format!("{number},600,many-{number}\n")).collect();
    let rows = format!("submit,duration,name\n{many}9,60,one\nlater,60,bad\n10,x,bad\n");
    fs::write(place.path().join("jobs.csv"), rows).unwrap();
    let (scenario, folder) = (scenario.display().to_string(), out.display().to_string());
    let arguments = ["run", "-v", &scenario, "--out", &folder, "--set", set];
    let output = fleetsim().args(arguments).assert().success().get_output().clone();
    let mut jobs = csv::Reader::from_path(out.join("projects/jobs.csv")).unwrap();
    let header = jobs.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (class, picked) = (column("class"), column("picked_at_ms"));
    let mut picks: Vec<(u64, String)> = jobs
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[picked].parse().unwrap(), row[class].to_owned()))
        .collect();
    picks.sort();
    let provenance = fs::read(out.join("projects/provenance.json")).unwrap();
    (
        picks.into_iter().map(|(_, class)| class).collect(),
        String::from_utf8(output.stderr).unwrap(),
        serde_json::from_slice(&provenance).unwrap(),
    )
}

#[test]
fn what_became_of_the_rows_of_a_trace_is_said_and_written_down() {
    let (_, notes, provenance) = two_projects("seed=1");
    for part in [
        "jobs.csv: 11 rows read, 9 jobs; left out: 1 with an unreadable time, 1 with an unreadable number",
        "1 matched no rule",
        "left out: jobs.csv:11",
        "no rule for `one`",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let trace = &provenance["traces"][0];
    assert_eq!((&trace["rows"], &trace["jobs"]), (&11.into(), &9.into()));
    assert_eq!(trace["dropped"]["with an unreadable time"], 1);
}

#[test]
fn instance_runners_serve_the_project_with_fewer_running_jobs_first() {
    let place_of = |picks: &[String]| picks.iter().position(|class| class == "trace").unwrap();
    assert_eq!(place_of(&two_projects("gitlab.fair=true").0), 2);
    assert_eq!(place_of(&two_projects("gitlab.fair=false").0), 8);
}

//! A transcript for every exit code that the README and `--help` promise, and for every way to print an answer.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Output, Stdio};
use std::time::Duration;

fn small() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

fn fleetsim(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("fleetsim").unwrap();
    command.env_clear().envs(environment.iter().copied()).current_dir(small()).args(arguments);
    told(&command.output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Arguments, the code that they end with, and what is said on standard output and on standard error.
fn transcripts(place: &Path) -> Vec<(Vec<String>, i32, &'static str, &'static str)> {
    let path = |name: &str| place.join(name).display().to_string();
    let own = |arguments: &[&str]| arguments.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    fs::write(place.join("broken.toml"), "concurent = 5\n").unwrap();
    fs::write(place.join("file"), "mine").unwrap();
    fs::write(place.join("no-baseline.csv"), "a,b\n").unwrap();
    let (broken, file, baseline) = (path("broken.toml"), path("file"), path("no-baseline.csv"));
    let limit = |limit: &str| format!("objective=[{{ metric = \"wait_p95\", at_most = \"{limit}\" }}]");
    let check = |set: String| own(&["check", "small.toml", "--fleet", "today", "--set", &set]);
    vec![
        (own(&["validate", "small.toml"]), 0, "", "small.toml: no mistakes"),
        (own(&["run", "small.toml", "-o", &file]), 1, "", "is a file; results are written into a folder"),
        (own(&["run", "small.toml", "--reps", "none"]), 2, "", "invalid value 'none' for '--reps <N>'"),
        (own(&["run", &broken, "--no-files"]), 3, "", "error[FS0002]"),
        (own(&["check", "small.toml", "--baseline", &baseline]), 4, "", "is no baseline"),
        (check(limit("10m")), 0, "pass", ""),
        (check(limit("1s")), 10, "FAIL", ""),
        // One replication has no interval: nothing is sure.
        ([check(limit("10m")), own(&["--set", "replications=1"])].concat(), 12, "inconclusive", ""),
        (own(&["validate", "--strict", "small.toml"]), 13, "", "costly surprise"),
    ]
}

/// Codes with a transcript of their own below.
const ELSEWHERE: [i32; 2] = [11, 130];

#[test]
fn every_exit_code_has_a_transcript() {
    let place = tempfile::tempdir().unwrap();
    let mut codes = ELSEWHERE.to_vec();
    for (arguments, code, on_out, on_err) in transcripts(place.path()) {
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (found, stdout, stderr) = fleetsim(&borrowed, &[]);
        assert_eq!(found, code, "{arguments:?}: {stdout}{stderr}");
        assert!(stdout.contains(on_out) && stderr.contains(on_err), "{arguments:?}: {stdout}{stderr}");
        assert!(!stderr.contains("panicked") && !stdout.contains('\u{1b}'));
        codes.push(code);
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table = readme.split("\n| code | meaning |").nth(1).unwrap().split("\n\n").next().unwrap();
    let promised: Vec<i32> = table.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    assert!(promised.len() >= 9, "{promised:?}");
    for code in promised {
        assert!(codes.contains(&code), "the README promises exit code {code}");
    }
}

#[test]
fn a_clear_regression_ends_with_11() {
    let place = tempfile::tempdir().unwrap();
    let baseline = place.path().join("baseline.csv").display().to_string();
    let (code, ..) = fleetsim(&["baseline", "save", "small.toml", "-o", &baseline], &[]);
    assert_eq!(code, 0);
    let dearer = "node_pool.ci.instance_type=[\"m6i.8xlarge\"]";
    let arguments =
        ["check", "small.toml", "--baseline", &baseline, "--set", dearer, "--metric", "cost_per_1000_jobs"];
    let (code, stdout, stderr) = fleetsim(&arguments, &[]);
    assert_eq!(code, 11, "{stdout}{stderr}");
    assert!(
        stdout.contains("FAIL") && stdout.contains("cost per 1000 jobs against the baseline"),
        "{stdout}"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_what_is_complete_and_ends_with_130() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().display().to_string();
    let program = assert_cmd::cargo::cargo_bin("fleetsim");
    let child = process::Command::new(program)
        .env_clear()
        .current_dir(small())
        .args(["run", "small.toml", "--reps", "10000", "-j", "1", "--no-detail", "--out", &out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let killed = process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let (code, stdout, stderr) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, 130, "{stdout}{stderr}");
    assert!(stderr.contains("finishing what runs"), "{stderr}");
}

/// Answers in every format, with the first words of each.
#[test]
fn every_format_prints_the_same_answer_for_its_reader() {
    let run = |format: &str, environment: &[(&str, &str)]| {
        let arguments = ["run", "small.toml", "--no-files", "-q", "--format", format];
        let (code, stdout, stderr) = fleetsim(&arguments, environment);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let json: serde_json::Value = serde_json::from_str(&run("json", &[])).unwrap();
    assert_eq!(json["schema"], "fleetsim.summary/1");
    let cost = json["fleets"][0]["metrics"]["cost_per_1000_jobs"]["mean"].as_f64().unwrap();
    let csv = run("csv", &[]);
    let row =
        csv.lines().find(|line| line.starts_with("today,cost_per_1000_jobs,usd_per_1000_jobs,")).unwrap();
    let in_csv: f64 = row.split(',').nth(3).unwrap().parse().unwrap();
    assert!((cost - in_csv).abs() < 1e-6, "{cost} {in_csv}");
    let markdown = run("md", &[]);
    assert!(markdown.contains("| today |") || markdown.contains("| today"), "{markdown}");
    for environment in [
        &[("NO_COLOR", "1"), ("COLUMNS", "80")][..],
        &[("COLUMNS", "120")],
        &[("NO_COLOR", "1"), ("TERM", "xterm")],
    ] {
        let table = run("table", environment);
        assert!(!table.contains('\u{1b}'), "no colours where nobody sees them, nor with NO_COLOR");
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }
    let colour = fleetsim(&["--color", "always", "validate", "../broken/typo-in-key.toml"], &[]);
    assert!(colour.2.contains('\u{1b}'), "colours where they are asked for");
    let plain =
        fleetsim(&["validate", "../broken/typo-in-key.toml"], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
    assert!(!plain.2.contains('\u{1b}'), "NO_COLOR comes first");
}

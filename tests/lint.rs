//! Lints: every costly surprise is found with evidence, a repair and its worth; a tidy scenario has none; exit code 13.

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use std::collections::BTreeSet;
use std::path::Path;

fn validated(arguments: &[&str]) -> (i32, String) {
    let mut command = fleetsim();
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint"));
    let output = command.arg("validate").args(arguments).output().unwrap();
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    // Lines of the scenario are shown as they are.
    for line in text.lines().filter(|line| !line.contains('|')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    (output.status.code().unwrap(), text)
}

fn codes(text: &str) -> BTreeSet<String> {
    text.split("warning[").skip(1).map(|rest| rest[..6].to_owned()).collect()
}

/// The part of the text that is about one code, on one line.
fn about(text: &str, code: &str) -> String {
    let part = text.split("warning[").find(|part| part.starts_with(code)).unwrap_or_default();
    let words = part.split_whitespace().filter(|word| *word != "|");
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_messy_scenario_is_told_all_its_surprises_with_what_repairs_are_worth() {
    let (exit, text) = validated(&["--strict", "messy.toml"]);
    assert_eq!(exit, 13, "{text}");
    let expected = [
        "FS0101", "FS0102", "FS0103", "FS0105", "FS0106", "FS0107", "FS0108", "FS0109", "FS0110", "FS0111",
        "FS0112", "FS0121", "FS0123", "FS0124", "FS0126",
    ];
    assert_eq!(codes(&text), expected.map(str::to_owned).into());
    for (code, part) in [
        ("FS0101", "poll_timeout of runner eks is 1m; a node takes pods 39.646s after the request in half"),
        ("FS0102", "messy.toml:16:14"),
        ("FS0102", "up to 12 jobs run at once and 12 are allowed"),
        ("FS0103", "GitLab holds it for 50s"),
        ("FS0105", "node_pool.ci.capacity_type = [\"spot\", \"on-demand\"]"),
        ("FS0108", "in a run 18 jobs lost their node to it"),
        ("FS0108", "worth in spot: −2.08 $ per 1000 jobs (−48.4 %)"),
        ("FS0109", "pool ci allows 3 types"),
        ("FS0110", "105 days after the newest prices"),
        ("FS0123", "lets one node of up to ten go at a time"),
        ("FS0124", "19 of 133 nodes never ran a job"),
        ("FS0126", "worth in mixed:"),
        ("FS0106", "worth in"),
        ("FS0107", "worth in spot:"),
        ("FS0109", "worth"),
        ("FS0110", "If instances were 10 % dearer, 1000 jobs would cost $"),
        // The pool's types are all x86, so there is nothing that arm64 would win here.
        ("FS0111", "worth nothing in spot: no difference"),
    ] {
        let about = about(&text, code).replace('\u{a0}', " ");
        assert!(about.contains(part), "{code}: {part}: {about}");
    }
    let (exit, again) = validated(&["--lint", "messy.toml"]);
    assert_eq!((exit, again), (0, text), "the same every time; only --strict makes it a failure");
}

#[test]
fn a_tidy_scenario_has_no_surprise_and_without_lint_nothing_is_simulated() {
    let (exit, text) = validated(&["--strict", "tidy.toml"]);
    assert_eq!((exit, codes(&text).len()), (0, 0), "{text}");
    let (exit, text) = validated(&["messy.toml"]);
    assert_eq!((exit, text.as_str()), (0, "messy.toml: no mistakes\n"));
}

#[test]
fn single_changes_bring_their_surprises() {
    for (set, code) in [
        ("runner.eks.limit=2", "FS0125"),
        ("runner.eks.limit=200", "FS0128"),
        ("node_pool.ci.zones=[\"eu-central-1a\"]", "FS0107"),
        ("runner.eks.poll_timeout=30s", "FS0101"),
        ("node_pool.ci.disruption.consolidation_policy=WhenEmptyOrUnderutilized", "FS0108"),
        ("start=2027-08-03T08:00[UTC]", "FS0110"),
        ("node_pool.ci.limits.cpu=8", "FS0112"),
        ("node_pool.ci.instance_type=[\"m6i.4xlarge\"]", "FS0127"),
    ] {
        let mut arguments = vec!["--lint", "tidy.toml", "--set", set];
        if code == "FS0108" {
            arguments.extend(["--set", "node_pool.ci.disruption.consolidate_after=1m"]);
        }
        if code == "FS0125" {
            arguments.extend(["--set", "runner.eks.request_concurrency=1"]);
        }
        let (exit, text) = validated(&arguments);
        assert!(exit == 0 && codes(&text).contains(code), "{set}: {text}");
    }
}

#[test]
fn every_code_of_a_lint_is_explained() {
    for code in (101..=112).chain(121..=128) {
        let code = format!("FS{code:04}");
        let output = fleetsim().args(["explain", &code]).assert().success().get_output().stdout.clone();
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with(&code) && text.contains("example") && text.contains("  do "), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn node_pools_and_runner_configurations_are_linted_at_their_own_lines() {
    let place = tempfile::tempdir().unwrap();
    let report = place.path().join("codequality.json");
    let emit = format!("codequality={}", report.display());
    let (exit, text) = validated(&["--strict", "nodepool.yaml", "config.toml", "--emit", &emit]);
    assert_eq!(exit, 13, "{text}");
    for (code, at) in [
        ("FS0101", "config.toml:11:"),
        ("FS0105", "nodepool.yaml:9:"),
        ("FS0107", "nodepool.yaml:15:"),
        ("FS0108", "nodepool.yaml:22:"),
        ("FS0123", "nodepool.yaml:"),
        ("FS0125", "config.toml:16:"),
        ("FS0128", "config.toml:7:"),
    ] {
        let about = about(&text, code);
        let about = about.replace('\u{a0}', " ");
        assert!(about.contains(&format!("--> {at}")) && about.contains("help: "), "{code} at {at}: {about}");
        assert!(about.contains("note: worth"), "what the repair of {code} is worth: {about}");
    }
    assert!(about(&text, "FS0108").contains("worth"), "{text}");
    assert!(!text.contains("around.toml"), "the scenario around the files is not told of: {text}");
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(findings.len(), text.matches("warning[").count());
    let mut prints = BTreeSet::new();
    for finding in &findings {
        let path = finding["location"]["path"].as_str().unwrap();
        assert!(["nodepool.yaml", "config.toml"].contains(&path), "{finding}");
        let line = finding["location"]["lines"]["begin"].as_u64().unwrap();
        assert!(text.contains(&format!("{path}:{line}:")), "{finding}");
        assert_eq!(finding["severity"], "major");
        assert!(prints.insert(finding["fingerprint"].as_str().unwrap().to_owned()), "{finding}");
    }
}

#[test]
fn mistakes_in_node_pools_and_runner_configurations_are_told_at_their_own_lines() {
    let place = tempfile::tempdir().unwrap();
    let report = place.path().join("codequality.json");
    let broken = place.path().join("nodepool.yaml");
    let yaml =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/nodepool.yaml"));
    std::fs::write(&broken, yaml.unwrap().replace("consolidateAfter: 30s", "consolidateAfter: 30")).unwrap();
    let emit = format!("codequality={}", report.display());
    let output = fleetsim()
        .current_dir(place.path())
        .args(["validate", "nodepool.yaml", "--emit", &emit])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("nodepool.yaml:23:") && !text.contains("around.toml"), "{text}");
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(findings[0]["severity"], "critical");
    assert_eq!(findings[0]["location"]["path"], "nodepool.yaml");
}

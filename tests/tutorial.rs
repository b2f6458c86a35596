//! The tutorial of the README, command by command, on files as people have them: `tests/tutorial/`.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

/// The commands of the first `sh` block under a heading of the README.
fn commands(heading: &str) -> Vec<Vec<String>> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).expect("the heading is there");
    let block = section.split("```sh\n").nth(1).expect("it has commands").split("```").next().unwrap();
    block.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn three_commands_lead_from_files_to_a_table() {
    let commands = commands("From your files to a decision");
    assert_eq!(commands.len(), 3);
    let place = tempfile::tempdir().unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tutorial");
    for file in ["config.toml", "nodepool.yaml", "jobs.json"] {
        fs::copy(files.join(file), place.path().join(file)).unwrap();
    }
    let mut said = Vec::new();
    for command in &commands {
        assert_eq!(command[0], "fleetsim");
        let output = Command::cargo_bin("fleetsim")
            .unwrap()
            .env_clear()
            .current_dir(place.path())
            .args(&command[1..])
            .assert()
            .success()
            .get_output()
            .clone();
        said.push((String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap()));
    }
    let fleet = fs::read_to_string(place.path().join("fleet.toml")).unwrap();
    for taken in [
        "concurrent = 40",
        "limit = 30",
        "cpu_request = \"1\"",
        "limits.cpu = \"400\"",
        "consolidate_after = \"30s\"",
    ] {
        assert!(fleet.contains(taken), "{taken} was taken over: {fleet}");
    }
    assert!(said[0].1.contains("config.toml:6:3: runners.url"), "what was not used is named: {}", said[0].1);
    let account = format!("{}{}", said[1].0, said[1].1);
    assert!(account.contains("kept       90 jobs in 30 pipelines"), "{account}");
    let table = &said[2].0;
    assert!(
        table.contains("$/1000 jobs") && table.lines().any(|line| line.starts_with("default ")),
        "{table}"
    );
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let page = fs::read_to_string(place.path().join("reports/fleet/report.html")).unwrap();
    assert!(page.contains("<h1>default costs "));
    let costs = fs::read_to_string(place.path().join("reports/fleet/costs.csv")).unwrap();
    assert!(costs.contains("instances_amd64_spot"), "{costs}");
}

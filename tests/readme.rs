//! Every command of the README that is not the tutorial's runs as it stands there.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The commands of the `sh` blocks under a heading, without their comments.
fn block(heading: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap();
    let lines = section.split("```sh\n").skip(1).flat_map(|rest| rest.split("```").next().unwrap().lines());
    lines
        .map(|line| line.split(" #").next().unwrap().split_whitespace().map(str::to_owned).collect())
        .filter(|words: &Vec<String>| !words.is_empty())
        .collect()
}

fn runs(folder: &Path, words: &[String]) {
    let mut command = Command::cargo_bin("fleetsim").unwrap();
    let output = command.env_clear().current_dir(folder).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "fleetsim {}: {said}", words.join(" "));
}

#[test]
fn the_commands_of_asking_ones_own_question_run_one_after_the_other() {
    let place = tempfile::tempdir().unwrap();
    for file in ["nodepool.yaml", "jobs.json"] {
        fs::copy(root().join("tests/tutorial").join(file), place.path().join(file)).unwrap();
    }
    let values = "concurrent: 40\nrunners:\n  config: |\n    [[runners]]\n      name = \"ci\"\n      [runners.kubernetes]\n        poll_timeout = 600\n";
    fs::write(place.path().join("values.yaml"), values).unwrap();
    let commands = block("Ask your own question");
    assert!(commands.len() >= 7, "{commands:?}");
    for words in commands {
        assert_eq!(words[0], "fleetsim", "{words:?}");
        runs(place.path(), &words[1..]);
    }
    assert!(place.path().join("reports/fleet/report.html").is_file());
}

/// The first command of the README, on less of the same scenario: one fleet, once, one day.
#[test]
fn the_first_command_runs_the_peak_scenario() {
    let commands = block("Run it");
    let words = &commands[0];
    assert_eq!(words[..4], ["cargo", "run", "--release", "--"].map(str::to_owned));
    let place = tempfile::tempdir().unwrap();
    let out = place.path().display().to_string();
    let less = ["--reps", "1", "--fleet", "x86-on-demand", "--set", "horizon=1d", "--out", &out];
    let words: Vec<String> = words[4..].iter().cloned().chain(less.map(str::to_owned)).collect();
    runs(root(), &words);
    assert!(place.path().join("peak/report.html").is_file());
}

#[test]
fn commands_within_sentences_run_too() {
    let readme = readme();
    let inline = readme.split('`').skip(1).step_by(2).filter(|code| code.starts_with("fleetsim "));
    let mut count = 0;
    for code in inline {
        let words: Vec<String> = code.split_whitespace().skip(1).map(str::to_owned).collect();
        // Files that only the tutorial has, and names without the argument that they need.
        let needs_more = ["fleet.toml", "show`", "explain"].iter().any(|part| code.contains(part));
        if needs_more || words == ["catalog", "show"].map(str::to_owned) {
            continue;
        }
        runs(root(), &words);
        count += 1;
    }
    assert!(count >= 2, "{count} commands");
}

//! `run --live`: what the view shows, and that the plain answer always follows it.

// Tests say what they skip.
#![allow(clippy::print_stdout)]

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use std::path::Path;
use std::process::Command;

fn told(arguments: &[&str], environment: &[(&str, &str)]) -> (String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let mut command = fleetsim();
    command.env_clear().envs(environment.iter().copied()).current_dir(folder);
    let output = command.args(["run", "small.toml", "--no-files"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_view_is_followed_by_the_plain_answer_at_any_width() {
    let (plain, _) = told(&[], &[]);
    for environment in
        [&[("COLUMNS", "80")][..], &[("COLUMNS", "120")], &[("COLUMNS", "120"), ("NO_COLOR", "1")]]
    {
        let (answer, view) = told(&["--live"], environment);
        assert_eq!(answer, plain, "the answer is the same, on standard output");
        let width: usize = environment[0].1.parse().unwrap();
        assert!(view.lines().all(|line| line.chars().count() <= width), "{view}");
        assert!(!view.contains('\u{1b}'), "no escapes where nobody sees them");
        for part in ["pending", "running", "nodes", "today", "█"] {
            assert!(view.contains(part), "{part}: {view}");
        }
        assert_eq!(view.matches("small: ").count(), 1, "only the last frame is written: {view}");
    }
    let (answer, view) = told(&["--live", "-q"], &[]);
    assert_eq!((answer, view), (plain, String::new()), "quiet is quiet");
}

/// What a terminal gets to see of a run of `peak.toml`, one fleet, once, several weeks long; none without `script`.
fn on_a_terminal(more: &str) -> Option<String> {
    let program = assert_cmd::cargo::cargo_bin("fleetsim");
    let line = format!(
        "{} run scenarios/peak.toml --fleet x86-on-demand --reps 1 --set horizon=42d --no-files -j 1 {more}",
        program.display()
    );
    let place = tempfile::tempdir().unwrap();
    let run = Command::new("script")
        .args(["-qec", &line])
        .arg(place.path().join("typescript"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output();
    let Ok(output) = run else {
        println!("skipped: there is no `script` to make a terminal");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

#[test]
fn on_a_terminal_a_run_is_seen_to_go_on() {
    let Some(text) = on_a_terminal("--live") else { return };
    let (frames, answer) = text.rsplit_once("\u{1b}[J").expect("frames are drawn over each other");
    let frames: Vec<&str> = frames.split("\u{1b}[J").collect();
    let under_way: Vec<&&str> = frames.iter().filter(|frame| frame.contains("0 of 1 runs")).collect();
    assert!(under_way.len() >= 2, "the one run is drawn several times before it ends: {text}");
    let bars = |frame: &str| frame.chars().filter(|c| ('▁'..='█').contains(c)).count();
    let grown: Vec<usize> = under_way.iter().map(|frame| bars(frame)).collect();
    assert!(grown.is_sorted() && grown.last() > grown.first(), "time goes from left to right: {grown:?}");
    assert!(under_way.iter().all(|frame| frame.contains("pending") && frame.contains("nodes")));
    // At most ten frames a second, by the seconds that the frames themselves say.
    let seconds = |frame: &str| {
        let (_, rest) = frame.split_once(" runs, ").unwrap();
        rest.split_once(" s").unwrap().0.parse::<f64>().unwrap()
    };
    assert!(frames.len() as f64 <= 10.0 * seconds(answer) + 2.0, "{} frames in {text}", frames.len());
    assert!(answer.contains("1 of 1 runs"), "the last frame is whole: {answer}");
    assert!(answer.contains("$/1000 jobs"), "the plain answer follows: {answer}");
    let colours = text.match_indices("\u{1b}[").filter(|(at, _)| {
        let rest = &text[at + 2..];
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    });
    assert_eq!(colours.count(), 0, "NO_COLOR");
}

#[test]
fn being_watched_changes_no_byte_of_the_results() {
    let place = tempfile::tempdir().unwrap();
    let scenario = command::scenario(place.path(), command::SMALL);
    let results = |name: &str, more: &[&str]| {
        let out = place.path().join(name);
        let mut run = fleetsim();
        run.args(["run", &scenario, "--reps", "2", "--out"]).arg(&out).args(more).assert().success();
        command::bytes_below(&out)
    };
    let (plain, watched) = (results("plain", &[]), results("watched", &["--live"]));
    assert!(plain.len() > 8);
    assert_eq!(command::differing(&plain, &watched), [""; 0].map(std::path::PathBuf::from));
}

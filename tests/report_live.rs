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

#[test]
fn on_a_terminal_frames_are_drawn_over_each_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let program = assert_cmd::cargo::cargo_bin("fleetsim");
    let line = format!("{} run small.toml --no-files --live -j 1 --reps 300", program.display());
    let run = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output();
    let Ok(output) = run else {
        println!("skipped: there is no `script` to make a terminal");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let (frames, answer) = text.rsplit_once("\u{1b}[J").expect("frames are drawn over each other");
    assert!(frames.contains("A\u{1b}[J") || frames.ends_with('A') || frames.contains("\u{1b}["), "{text}");
    assert!(
        answer.contains("600 of 600 runs") || answer.contains("300 of 300 runs"),
        "the last frame is whole: {answer}"
    );
    assert!(answer.contains("$/1000 jobs"), "the plain answer follows: {answer}");
    let colours = text.match_indices("\u{1b}[").filter(|(at, _)| {
        let rest = &text[at + 2..];
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    });
    assert_eq!(colours.count(), 0, "NO_COLOR");
}

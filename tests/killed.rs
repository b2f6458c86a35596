//! kill −9 at random moments: the result folder is the old or the new one, nothing in between, and the next start
//! continues to the same bytes.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Kills of each command.
const KILLS: u32 = 17;

/// Starts the program and kills it after `delay`, unless it has ended by then. Whether it was killed.
fn killed_after(arguments: &[&str], delay: Duration) -> bool {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("fleetsim"))
        .env_clear()
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sleep(delay);
    let is_alive = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    is_alive
}

#[expect(clippy::disallowed_methods, reason = "how long a process takes is wall time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Files that a start, a kill or an end has left beside the folders of results.
fn beside(out: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with('.'));
    names
}

/// Runs `old`, then kills `new` again and again at moments spread over its whole time; `folder` is where both write.
fn survives(out: &Path, folder: &Path, old: &[&str], new: &[&str]) {
    let complete = |arguments: &[&str]| {
        let (code, _, errors) = said(arguments, &[]);
        assert_eq!(code, 0, "{errors}");
        bytes_below(folder)
    };
    let started = now();
    let new_bytes = complete(new);
    let whole = started.elapsed();
    let old_bytes = complete(old);
    assert!(!differing(&old_bytes, &new_bytes).is_empty());
    let (mut killed, mut state) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    for round in 0..KILLS {
        // A moment of its own stretch of the time, by a congruential generator: every phase is met, none by design.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (f64::from(round) + (state >> 40) as f64 / (1_u64 << 24) as f64) / f64::from(KILLS);
        killed += u32::from(killed_after(new, whole.mul_f64(share)));
        let now = bytes_below(folder);
        let is_whole = now == old_bytes || now == new_bytes;
        assert!(
            is_whole,
            "after {share:.2} of the time the folder is neither: {:?}",
            differing(&now, &new_bytes)
        );
        if now == new_bytes {
            assert_eq!(complete(old), old_bytes);
        }
    }
    assert!(killed > KILLS / 3, "only {killed} of {KILLS} were killed before their end");
    // What has been finished by then is continued, and gives the same bytes.
    killed_after(new, whole.mul_f64(0.6));
    assert_eq!(complete(new), new_bytes);
    assert!(beside(out).is_empty(), "left behind: {:?}", beside(out));
}

#[test]
fn a_run_that_is_killed_leaves_the_old_results_or_the_new_ones() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), &SMALL.replace("replications = 6", "replications = 24"));
    let out = place.path().join("out");
    let text = out.display().to_string();
    let old = ["run", &small, "--out", &text, "--seed", "1", "-j", "2"];
    let new = ["run", &small, "--out", &text, "--seed", "2", "-j", "2"];
    survives(&out, &out.join("small"), &old, &new);
}

#[test]
fn a_merge_that_is_killed_leaves_the_old_results_or_the_new_ones() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out");
    let text = out.display().to_string();
    for seed in ["1", "2"] {
        let parts = place.path().join(seed).display().to_string();
        for shard in ["1/2", "2/2"] {
            let arguments = ["run", &small, "--out", &parts, "--seed", seed, "--shard", shard];
            assert_eq!(said(&arguments, &[]).0, 0);
        }
    }
    let parts = |seed: &str| place.path().join(seed).join("small.parts").display().to_string();
    let old = ["merge", &parts("1"), "--out", &text];
    let new = ["merge", &parts("2"), "--out", &text];
    survives(&out, &out.join("small"), &old, &new);
}

#[test]
fn a_sweep_that_is_killed_leaves_the_old_results_or_the_new_ones() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out");
    let text = out.display().to_string();
    let vary = "node_pool.ci.disruption.consolidate_after=30s,2m,10m";
    let slots = "runner.eks.concurrent=5,20";
    let old = ["sweep", &small, "--vary", vary, "--vary", slots, "--out", &text, "--seed", "1", "-j", "2"];
    let new = ["sweep", &small, "--vary", vary, "--vary", slots, "--out", &text, "--seed", "2", "-j", "2"];
    survives(&out, &out.join("small-sweep"), &old, &new);
}

#[test]
fn a_killed_run_and_a_killed_shard_go_on_where_they_were() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), &SMALL.replace("replications = 6", "replications = 60"));
    let at = |name: &str| place.path().join(name).display().to_string();
    let run = |out: &str, more: &[&str]| {
        said(&[&["run", small.as_str(), "--out", out, "-j", "1"][..], more].concat(), &[])
    };
    assert_eq!(run(&at("whole"), &[]).0, 0);
    let whole = bytes_below(&place.path().join("whole/small"));
    let journal = place.path().join("out/.small.units.jsonl");
    let lines = |path: &Path| std::fs::read_to_string(path).map_or(0, |text| text.lines().count());
    // The journal tells when it is a good moment.
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("fleetsim"))
        .env_clear()
        .args(["run", &small, "--out", &at("out"), "-j", "1"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while lines(&journal) < 5 && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lines(&journal) >= 5, "it was killed while it ran");
    let (code, _, errors) = run(&at("out"), &[]);
    assert!(code == 0 && errors.contains("runs were finished before and are taken over"), "{errors}");
    assert_eq!(bytes_below(&place.path().join("out/small")), whole);
    assert!(!journal.exists());
    // A shard continues its own part, and another scenario's journal is not taken for one's own.
    let shard = ["--shard", "1/1"];
    assert_eq!(run(&at("parts"), &shard).0, 0);
    let part = place.path().join("parts/small.parts/part-00001-of-00001.jsonl");
    let mut known: Vec<String> = std::fs::read_to_string(&part).unwrap().lines().map(str::to_owned).collect();
    known.sort();
    let text = std::fs::read_to_string(&part).unwrap();
    std::fs::write(&part, &text[..text.len() / 2]).unwrap();
    let (code, _, errors) = run(&at("parts"), &shard);
    assert!(code == 0 && errors.contains("runs were finished before"), "{errors}");
    let mut again: Vec<String> = std::fs::read_to_string(&part).unwrap().lines().map(str::to_owned).collect();
    again.sort();
    assert!(known == again, "the part has the same lines");
    let (code, _, errors) = run(&at("parts"), &["--shard", "1/1", "--seed", "3"]);
    assert!(code == 0 && !errors.contains("finished before"), "{errors}");
}

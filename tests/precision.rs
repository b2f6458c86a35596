//! `--until-ci` and `--warmup`: enough replications, said when they are not enough, and the same folder as if the number
//! had been asked for.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};

#[test]
fn replications_are_added_until_the_intervals_are_narrow_or_the_cap_is_reached() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let at = |name: &str| place.path().join(name).display().to_string();
    let out = at("until");
    let until = |percent: &str, more: &[&str]| {
        let arguments = [&["run", small.as_str(), "--out", &out, "--until-ci", percent][..], more];
        said(&arguments.concat(), &[])
    };
    let (code, answer, errors) = until("60%", &["--until-metric", "cost_per_1000_jobs"]);
    assert!(code == 0 && errors.contains("10 replications: every interval is within 60 %"), "{errors}");
    assert!(
        answer.contains("over 10 replications") && answer.contains("variance of the difference"),
        "{answer}"
    );
    let (code, _, errors) = until("3%", &["--until-metric", "cost_per_1000_jobs"]);
    assert!(code == 0 && errors.contains("every interval is within 3 %"), "{errors}");
    let reached: usize = errors.split_whitespace().next().unwrap().parse().unwrap();
    assert!((11..200).contains(&reached), "{errors}");
    let reps = reached.to_string();
    assert_eq!(said(&["run", &small, "--out", &at("asked"), "--reps", &reps], &[]).0, 0);
    let [until_ci, asked] = ["until/small", "asked/small"].map(|name| bytes_below(&place.path().join(name)));
    let differing = differing(&until_ci, &asked);
    assert!(differing.is_empty(), "{differing:?}");
    let (code, _, errors) = until("0.1%", &["--max-reps", "12"]);
    assert!(code == 0 && errors.contains("the cap of 12 replications is reached"), "{errors}");
    assert_eq!(until("5%", &["--reps", "3"]).0, 2);
    assert_eq!(until("nothing", &[]).0, 2);
    assert_eq!(until("5%", &["--until-metric", "wait_p77"]).0, 2);
}

#[test]
fn a_warm_up_is_found_where_a_steady_load_has_filled_the_fleet() {
    let place = tempfile::tempdir().unwrap();
    // Jobs of about an hour: the fleet needs a few of those until it is full.
    let steady = SMALL
        .replace("horizon = \"2h\"", "horizon = \"4d\"\nwarmup = \"0s\"")
        .replace("median = \"2m\", p95 = \"5m\"", "median = \"55m\", p95 = \"95m\"")
        .replace("concurrent = 20", "concurrent = 500");
    let small = scenario(place.path(), &steady);
    let run = |more: &[&str]| {
        said(
            &[&["run", small.as_str(), "--no-files", "--reps", "5", "--format", "csv"][..], more].concat(),
            &[],
        )
    };
    let (code, found, errors) = run(&["--warmup", "mser"]);
    assert!(code == 0 && errors.contains("MSER-5, on-demand: the start ends after"), "{errors}");
    let after = |line: &str| line.split(" after ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let times: Vec<String> = errors.lines().filter(|line| line.contains("MSER-5")).map(after).collect();
    let same = times.iter().any(|time| run(&["--warmup", time]).1 == found);
    assert!(same, "the longer of both starts is left out: {errors}");
    // A load that grows all the time has no end of its start.
    let cut = run(&["--warmup", "mser", "--set", "horizon=2h"]);
    assert!(cut.0 == 0 && cut.2.contains("no end of the start"), "{}", cut.2);
}

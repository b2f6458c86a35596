//! `sweep`: designs, tables, charts; the same bytes for any number of threads and shards; mistakes found at the start.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const IDLE: &str = "node_pool.ci.disruption.consolidate_after=30s,2m,10m";
const SLOTS: &str = "runner.eks.concurrent=5..20:15";

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut csv = csv::Reader::from_path(path).unwrap();
    csv.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn a_grid_has_a_row_for_every_point_fleet_and_metric_whatever_runs_it() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let at = |name: &str| place.path().join(name).display().to_string();
    let sweep = |out: &str, more: &[&str]| {
        let base = ["sweep", &small, "--vary", IDLE, "--vary", SLOTS, "--reps", "4", "--out", out];
        let (code, answer, errors) = said(&[&base[..], more].concat(), &[]);
        assert_eq!(code, 0, "{errors}");
        answer
    };
    let answer = sweep(&at("one"), &["-j", "1"]);
    assert!(
        answer.contains("Cheapest") && answer.contains("6 points × 2 fleets × 4 replications"),
        "{answer}"
    );
    assert!(
        answer.lines().all(|line| line.chars().count() <= 80 || line.contains("small-sweep")),
        "{answer}"
    );
    let one = bytes_below(&place.path().join("one/small-sweep"));
    sweep(&at("three"), &["-j", "3"]);
    assert!(differing(&one, &bytes_below(&place.path().join("three/small-sweep"))).is_empty());
    assert!(one.contains_key(Path::new("charts/sweep_1_2.svg")));
    // Each point is what a run with its settings is.
    let points = rows(&place.path().join("one/small-sweep/points.csv"));
    assert_eq!(points.len(), 6);
    let table = rows(&place.path().join("one/small-sweep/sweep.csv"));
    let cost = table
        .iter()
        .find(|row| row["point"] == "3" && row["fleet"] == "spot" && row["metric"] == "cost_per_1000_jobs");
    let cost = cost.unwrap();
    assert_eq!(
        (&*cost["node_pool.ci.disruption.consolidate_after"], &*cost["runner.eks.concurrent"]),
        ("2m", "5")
    );
    let alone = [
        "run",
        &small,
        "--no-files",
        "--format",
        "csv",
        "--reps",
        "4",
        "--set",
        "node_pool.ci.disruption.consolidate_after=2m",
        "--set",
        "runner.eks.concurrent=5",
    ];
    let run = said(&alone, &[]).1;
    let line = run.lines().find(|line| line.starts_with("spot,cost_per_1000_jobs,")).unwrap();
    assert_eq!(line.split(',').nth(3).unwrap(), cost["mean"]);
    // Shared out over three machines, one part lost at first.
    for shard in ["1/3", "2/3"] {
        sweep(&at("shards"), &["--shard", shard]);
    }
    let parts = at("shards/small-sweep.parts");
    let merge = ["merge", &parts, "--out", &at("shards")].map(str::to_owned);
    let merge: Vec<&str> = merge.iter().map(String::as_str).collect();
    let (code, _, errors) = said(&merge, &[]);
    assert!(code == 4 && errors.contains("2 of 6 units are missing: point 3, point 6"), "{errors}");
    assert!(errors.contains("--vary") && errors.contains("--shard 3/3"), "{errors}");
    sweep(&at("shards"), &["--shard", "3/3"]);
    let (code, merged, errors) = said(&merge, &[]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(merged.lines().next(), answer.lines().next());
    assert!(differing(&one, &bytes_below(&place.path().join("shards/small-sweep"))).is_empty());
}

#[test]
fn single_changes_make_a_tornado_that_says_what_flips_the_recommendation() {
    let place = tempfile::tempdir().unwrap();
    // As it is, Spot is recommended; with two slots jobs wait longer than the objective allows.
    let limited = format!("objective = [{{ metric = \"wait_p95\", at_most = \"10m\" }}]\n{SMALL}");
    let small = scenario(place.path(), &limited);
    let out = place.path().join("out").display().to_string();
    let slots = "runner.eks.concurrent=1,30";
    let arguments =
        ["sweep", &small, "--vary", slots, "--vary", IDLE, "--design", "one-at-a-time", "--out", &out];
    let (code, answer, errors) = said(&arguments, &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(answer.contains("What each key moves") && answer.contains("runner.eks.concurrent"), "{answer}");
    assert!(
        answer.lines().all(|line| line.chars().count() <= 80 || line.contains("small-sweep")),
        "{answer}"
    );
    let words = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("FLIPS it: objectives missed at 1"), "{answer}");
    assert!(words.contains("changes nothing of the recommendation"), "{answer}");
    for chart in ["tornado_cost", "tornado_wait"] {
        let svg =
            fs::read_to_string(place.path().join(format!("out/small-sweep/charts/{chart}.svg"))).unwrap();
        assert!(svg.contains("runner.eks.concurrent"), "{chart}");
    }
    let points = rows(&place.path().join("out/small-sweep/points.csv"));
    assert_eq!(points[0]["runner.eks.concurrent"], "", "the first point is the scenario as it is");
    assert_eq!(points[0]["recommended_fleet"], "spot");
}

#[test]
fn a_latin_hypercube_draws_values_between_and_one_key_gives_curves() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    let lhs = [
        "sweep",
        &small,
        "--vary",
        "runner.eks.concurrent=2..40",
        "--vary",
        "node_pool.ci.disruption.consolidate_after=30s..10m:log",
        "--design",
        "lhs:20",
        "--reps",
        "2",
        "--out",
        &out,
        "--fleet",
        "spot",
    ];
    let (code, _, errors) = said(&lhs, &[]);
    assert_eq!(code, 0, "{errors}");
    let points = rows(&place.path().join("out/small-sweep/points.csv"));
    assert_eq!(points.len(), 20);
    assert!(points.iter().any(|row| row["runner.eks.concurrent"] != points[0]["runner.eks.concurrent"]));
    let one = ["sweep", &small, "--vary", IDLE, "--reps", "2", "--out", &out];
    assert_eq!(said(&one, &[]).0, 0);
    assert!(place.path().join("out/small-sweep/charts/sweep.png").is_file());
}

#[test]
fn mistakes_are_found_before_anything_is_simulated() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    let sweep = |more: &[&str]| {
        let (code, _, errors) = said(&[&["sweep", &small, "--out", &out][..], more].concat(), &[]);
        assert!(!place.path().join("out/small-sweep").exists());
        (code, errors)
    };
    assert_eq!(sweep(&[]).0, 2);
    assert_eq!(sweep(&["--vary", "runner.eks.concurrent=1..9:0"]).0, 2);
    let (code, errors) = sweep(&["--vary", "runner.eks.concurrent=5,many"]);
    assert!(code == 3 && errors.contains("many"), "{errors}");
    assert_eq!(sweep(&["--vary", "runner.eks.concurent=5,6"]).0, 3);
    assert_eq!(sweep(&["--vary", "seed=5,6"]).0, 2);
    let (code, errors) = sweep(&["--vary", "runner.eks.concurrent=5..9"]);
    assert!(code == 2 && errors.contains("lhs:N"), "{errors}");
    assert_eq!(sweep(&["--vary", IDLE, "--design", "spiral"]).0, 2);
}

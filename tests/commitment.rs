//! `fleetsim commit`: the optimum against brute force over simulated hours, and the command's answer.

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use serde_json::Value;
use std::path::Path;

/// Dollars per hour with `commitment`, straight from the definition.
fn cost(hours: &[f64], commitment: f64, discount: f64) -> f64 {
    let of = |used: &f64| {
        let at_plan_prices = used * (1.0 - discount);
        let on_demand = if at_plan_prices > commitment { used - commitment / (1.0 - discount) } else { 0.0 };
        commitment + on_demand
    };
    hours.iter().map(of).sum::<f64>() / hours.len() as f64
}

/// The hours of the on-demand nodes of a fleet, from `nodes.csv` of its first replication.
fn hours(scenario: &str, fleet: &str, warmup_h: u64, horizon_h: u64) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    fleetsim()
        .args(["run", &path(scenario), "--reps", "1", "--out", &out, "--fleet", fleet, "-q"])
        .assert()
        .success();
    let file = folder.path().join(scenario).join("nodes.csv");
    let mut csv = csv::Reader::from_path(file).unwrap();
    let header = csv.headers().unwrap().clone();
    let at = |name: &str| {
        header.iter().position(|own| own == name).unwrap_or_else(|| panic!("{name} of {header:?}"))
    };
    let (capacity, launched, ended, price) =
        (at("capacity_type"), at("launched_at_ms"), at("terminated_at_ms"), at("usd_per_hour"));
    let mut used = vec![0.0; (horizon_h - warmup_h) as usize];
    for row in csv.records().map(|row| row.unwrap()).filter(|row| &row[capacity] == "on-demand") {
        // Nodes that ended in the warm-up have no price.
        if row[price].is_empty() {
            continue;
        }
        let number = |place: usize| row[place].parse::<f64>().unwrap() / 3.6e6 - warmup_h as f64;
        let (from, until, price) = (number(launched), number(ended), row[price].parse::<f64>().unwrap());
        for (hour, used) in used.iter_mut().enumerate() {
            let within = until.min(hour as f64 + 1.0) - from.max(hour as f64);
            *used += price * within.max(0.0);
        }
    }
    used
}

fn path(scenario: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{scenario}.toml")).display().to_string()
}

fn answer(scenario: &str, fleet: &str) -> Value {
    let arguments = ["commit", &path(scenario), "--reps", "1", "--fleet", fleet, "--format", "json", "-q"];
    let output = fleetsim().args(arguments).assert().success().get_output().clone();
    let text: Value = serde_json::from_slice(&output.stdout).unwrap();
    text["commitments"][0].clone()
}

#[test]
fn the_best_commitment_is_that_of_brute_force_over_200_points_in_three_scenarios() {
    for (scenario, fleet, warmup, horizon) in [
        ("peak", "x86-on-demand", 6, 168),
        ("graviton_migration", "x86", 6, 72),
        ("alternatives", "cluster-autoscaler", 6, 72),
    ] {
        let used = hours(scenario, fleet, warmup, horizon);
        let said = answer(scenario, fleet);
        let discount = said["discount"].as_f64().unwrap();
        let best = said["commitment_usd_per_hour"].as_f64().unwrap();
        let most = used.iter().copied().fold(0.0, f64::max) * (1.0 - discount);
        let grid: Vec<f64> = (0..200).map(|step| most * f64::from(step) / 199.0).collect();
        let cheapest = grid
            .iter()
            .copied()
            .min_by(|a, b| cost(&used, *a, discount).total_cmp(&cost(&used, *b, discount)));
        let cheapest = cheapest.unwrap();
        let (found, brute) = (cost(&used, best, discount), cost(&used, cheapest, discount));
        assert!(said["hours"].as_u64() == Some(horizon - warmup));
        // The optimum is no dearer than any point of the grid; a grid of this step comes within a step's cost of it.
        assert!(
            found <= brute * (1.0 + 1e-6),
            "{scenario}: {found} at {best}, brute force {brute} at {cheapest}"
        );
        assert!(
            brute - found <= most / 199.0,
            "{scenario}: {found} at {best}, brute force {brute} at {cheapest}"
        );
        let with = said["with_usd_per_hour"][0].as_f64().unwrap();
        assert!((with - found).abs() < 1e-4 * found, "{scenario}: {with} is not {found}");
    }
}

#[test]
fn commit_says_what_it_found_and_refuses_what_it_does_not_know() {
    let run = |more: &[&str]| {
        let mut arguments =
            vec!["commit".to_owned(), path("idle"), "--reps".to_owned(), "2".to_owned(), "-q".to_owned()];
        arguments.extend(more.iter().map(|part| (*part).to_owned()));
        fleetsim().args(&arguments).assert()
    };
    let output = run(&[]).success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("best commitment at 27 % off") || text.contains("no on-demand use"), "{text}");
    let output = run(&["--upfront", "all"]).failure().get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("--discount"));
    run(&["--plan", "reserved", "--upfront", "all"]).success();
    run(&["--discount", "1.5"]).failure();
}

#[test]
fn what_one_has_is_applied_in_awss_order_before_a_further_commitment_is_looked_for() {
    let run = |more: &[&str]| -> Value {
        let scenario = path("graviton_migration");
        let mut arguments = vec!["commit", scenario.as_str(), "--fleet", "x86", "--reps", "1", "-q"];
        arguments.extend(["--format", "json"]);
        arguments.extend(more);
        let output = fleetsim().args(&arguments).assert().success().get_output().stdout.clone();
        serde_json::from_slice(&output).unwrap()
    };
    let alone = &run(&[])["commitments"][0];
    let best = alone["commitment_usd_per_hour"].as_f64().unwrap();
    assert!(best > 0.0);
    // Whoever has the best Compute Savings Plan already needs no further one, and pays what the best was said to cost.
    let with = run(&["--own-compute-plan", &best.to_string()]);
    let (owned, further) = (&with["commitments"][0], &with["commitments"][1]);
    assert!(further["commitment_usd_per_hour"].as_f64().unwrap() < 1e-9, "{with}");
    let cost = |answer: &Value| answer["with_usd_per_hour"].as_f64().unwrap();
    let said = alone["with_usd_per_hour"][0].as_f64().unwrap();
    assert!((cost(owned) - said).abs() < 1e-6 * said, "{said}: {with}");
    // Reserved Instances of the family come first and take off more (37 % against 27 %): they leave less for the plan.
    let both = run(&["--own-compute-plan", &best.to_string(), "--own-reserved", "c7i=0.2"]);
    let both = &both["commitments"][0];
    assert!(both["coverage"].as_f64() >= owned["coverage"].as_f64());
    let difference =
        both["cost_usd_per_hour"].as_f64().unwrap() - owned["cost_usd_per_hour"].as_f64().unwrap();
    assert!((difference - 0.2).abs() < 1e-9);
    let scenario = path("graviton_migration");
    let wrong = ["commit", scenario.as_str(), "--fleet", "x86", "--reps", "1", "--own-reserved", "c9z=1"];
    let output = fleetsim().args(wrong).assert().failure().get_output().stderr.clone();
    assert!(String::from_utf8(output).unwrap().contains("c9z"));
}

//! The gate as a pipeline meets it: planted changes and the exit codes they must give, and how often it cries wolf.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

#[path = "support/command.rs"]
mod command;

use command::said;
use fleetsim::engine::Streams;
use fleetsim::experiment::{
    Confidence, FleetValues, GateLine, GateRules, GateVerdict, Metric, Term, gate_regressions,
};
use fleetsim::metrics::RunOutcome;
use fleetsim::scenario::{Scenario, resolve};
use fleetsim::simulation::{Keep, simulate};
use std::fs;
use std::path::Path;

const SMALL: &str = r#"
replications = 6
horizon = "8h"
[[workload.class]]
name = "unit"
arrivals = { per_hour = 30 }
duration = { median = "2m", p95 = "5m" }
[[runner]]
name = "eks"
concurrent = 30
poll_timeout = "10m"
[[node_pool]]
name = "ci"
arch = ["amd64"]
instance_category = ["m"]
requirements = [{ key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4"] }]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "30s", budgets = [{ nodes = "100%" }] }
[fleet.today]
"#;

fn fleetsim(arguments: &[&str]) -> (i32, String) {
    let (code, answer, notes) = said(arguments, &[]);
    (code, answer + &notes)
}

fn saved(folder: &Path) -> (String, String) {
    let scenario = folder.join("small.toml").display().to_string();
    let baseline = folder.join("baseline.csv").display().to_string();
    fs::write(&scenario, SMALL).unwrap();
    assert_eq!(fleetsim(&["baseline", "save", &scenario, "-o", &baseline]).0, 0);
    (scenario, baseline)
}

#[test]
fn planted_changes_are_told_from_none() {
    let place = tempfile::tempdir().unwrap();
    let (scenario, baseline) = saved(place.path());
    let check = |more: &[&str]| {
        let mut arguments = vec!["check", &scenario, "--baseline", &baseline];
        arguments.extend(more);
        fleetsim(&arguments)
    };
    let (code, text) = check(&["--work-tolerance", "1"]);
    assert_eq!(code, 0, "no change: {text}");
    let idle = "node_pool.ci.disruption.consolidate_after=5m";
    let (code, text) = check(&["--set", idle, "--metric", "cost_per_1000_jobs"]);
    assert_eq!(code, 11, "idle nodes stay five minutes: {text}");
    let (code, text) = check(&["--set", "objective=[{metric=\"wait_p95\",at_most=\"1s\"}]"]);
    assert_eq!(code, 10, "an objective that cannot be kept: {text}");
    let (code, text) = check(&["--set", "seed=2"]);
    assert_eq!(code, 4, "another seed is not paired: {text}");
    let (code, text) = check(&["--set", "replications=1", "--set", idle]);
    assert_eq!(code, 12, "one replication has no interval: {text}");
    let newer = place.path().join("newer.csv").display().to_string();
    assert_eq!(fleetsim(&["baseline", "save", &scenario, "-o", &newer]).0, 0);
    assert_eq!(fs::read(&baseline).unwrap(), fs::read(&newer).unwrap(), "the same run gives the same bytes");
    assert_eq!(fleetsim(&["baseline", "diff", &baseline, &newer]).0, 0);
    assert!(fleetsim(&["baseline", "show", &baseline]).1.contains("6 replications"));
    assert_eq!(fleetsim(&["baseline", "show", &scenario]).0, 4);
}

/// One instance type at a price of our own, so that its price alone can be changed.
fn priced(dollars: f64) -> String {
    format!("ec2.price=[{{ instance_type = \"m7i.xlarge\", on_demand = {dollars} }}]")
}

#[test]
fn a_table_of_planted_changes_has_the_verdicts_that_it_should() {
    let place = tempfile::tempdir().unwrap();
    let scenario = place.path().join("small.toml").display().to_string();
    let one_type = SMALL
        .replace("karpenter.k8s.aws/instance-cpu", "node.kubernetes.io/instance-type")
        .replace("[\"4\"]", "[\"m7i.xlarge\"]")
        .replace("instance_category", "capacity_type = [\"on-demand\"]\ninstance_category")
        .replace("replications = 6", "replications = 10");
    fs::write(&scenario, one_type).unwrap();
    let saved = |name: &str, more: &[&str]| {
        let path = place.path().join(name).display().to_string();
        let price = priced(0.2);
        let arguments = [&["baseline", "save", &scenario, "-o", &path, "--set", &price][..], more].concat();
        let (code, text) = fleetsim(&arguments);
        assert_eq!(code, 0, "{text}");
        path
    };
    let baseline = saved("baseline.csv", &[]);
    // Noise only: the same fleet on other random numbers, made to look like the same seed.
    let other = saved("other.csv", &["--set", "seed=2"]);
    let noise = place.path().join("noise.csv").display().to_string();
    fs::write(&noise, fs::read_to_string(&other).unwrap().replace(",2,today,", ",1,today,")).unwrap();
    let (same, dearer, bit) = (priced(0.2), priced(0.206), priced(0.202));
    let idle = "node_pool.ci.disruption.consolidate_after=5m";
    let slots = "runner.eks.concurrent=2";
    // (change, settings, baseline, metrics, exit codes that are right)
    type Row<'a> = (&'a str, Vec<&'a str>, &'a str, &'a str, &'a [i32]);
    let cost = "cost_per_1000_jobs";
    let table: [Row<'_>; 8] = [
        ("no change", vec![&same], &baseline, "cost_per_1000_jobs,wait_p95,jobs_lost_share", &[0]),
        ("price +3 %", vec![&dearer], &baseline, cost, &[11]),
        ("price +1 %", vec![&bit], &baseline, cost, &[0]),
        ("price +3 %, waits", vec![&dearer], &baseline, "wait_p95,jobs_lost_share", &[0]),
        ("consolidation 30 s to 5 min", vec![&same, idle], &baseline, cost, &[11]),
        ("two slots", vec![&same, slots], &baseline, "wait_p95", &[11]),
        ("noise only", vec![&same], &noise, cost, &[0, 12]),
        ("noise only, waits", vec![&same], &noise, "wait_p95", &[0, 12]),
    ];
    for (change, settings, baseline, metrics, right) in table {
        // Instances are less than half of this bill, so their price moves it by less than half as much.
        let mut arguments = vec!["check", &scenario, "--baseline", baseline, "--tolerance", "1"];
        arguments.extend(["--metric", metrics]);
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let (code, text) = fleetsim(&arguments);
        println!("{change}: exit code {code}");
        assert!(right.contains(&code), "{change}: {code}, not {right:?}: {text}");
    }
}

#[test]
fn several_scenarios_are_judged_together_against_a_folder_of_baselines() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).display().to_string();
    let (one, other, folder) = (at("one.toml"), at("other.toml"), at("baselines"));
    fs::write(&one, SMALL).unwrap();
    fs::write(&other, SMALL.replace("per_hour = 30", "per_hour = 20")).unwrap();
    let save = |out: &str| fleetsim(&["baseline", "save", &one, &other, "-o", out]).0;
    assert_eq!(save(&folder), 0);
    assert_eq!(save(&at("again")), 0);
    for name in ["one.csv", "other.csv"] {
        let bytes = |folder: &str| fs::read(place.path().join(folder).join(name)).unwrap();
        assert_eq!(bytes("baselines"), bytes("again"), "{name}");
    }
    let check = |metric: &str| {
        fleetsim(&["check", &one, &other, "--baseline", &folder, "--metric", metric, "--work-tolerance", "0"])
    };
    let all = "cost_per_1000_jobs,wait_p95,jobs_lost_share";
    let (code, text) = check(all);
    assert!(code == 0 && text.contains("all 6 comparisons together"), "{text}");
    assert!(text.contains("one#today") && text.contains("other#today"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    // One of them changes: the other one still passes, the whole does not.
    let idle = SMALL.replace("per_hour = 30", "per_hour = 20").replace("\"30s\"", "\"5m\"");
    fs::write(&other, idle).unwrap();
    let (code, text) = check("cost_per_1000_jobs");
    assert_eq!(code, 11, "{text}");
    let verdict = |of: &str| text.lines().find(|line| line.contains(of) && line.contains("cost")).unwrap();
    assert!(verdict("one#today").starts_with("pass") && verdict("other#today").starts_with("FAIL"), "{text}");
    fs::remove_file(place.path().join("baselines/other.csv")).unwrap();
    assert_eq!(check(all).0, 4);
}

#[test]
fn more_work_of_the_simulator_fails_the_gate_without_any_interval() {
    let place = tempfile::tempdir().unwrap();
    let (scenario, baseline) = saved(place.path());
    // As if the simulator had needed a tenth less work when the baseline was saved.
    let less = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        if !fields[4].starts_with("work.") {
            return line.to_owned();
        }
        let count: u64 = fields[6].parse().unwrap();
        [&fields[..6], &[&*(count - count / 10).to_string()], &fields[7..]].concat().join(",")
    };
    let text: Vec<String> = fs::read_to_string(&baseline).unwrap().lines().map(less).collect();
    fs::write(&baseline, text.join("\n") + "\n").unwrap();
    let check =
        |percent| fleetsim(&["check", &scenario, "--baseline", &baseline, "--work-tolerance", percent]);
    let (code, text) = check("5");
    assert!(code == 11 && text.contains("FAIL         today: work, "), "{text}");
    assert_eq!(check("15").0, 0);
}

/// The values of ten replications, from `first` on, of a small fleet.
fn simulated(scenario: &Scenario, first: u32) -> FleetValues {
    let fleet = &scenario.fleets[0];
    let runs: Vec<RunOutcome> = (first..first + 10)
        .map(|replication| {
            let streams = Streams::new(scenario.seed, replication);
            let arrivals = fleet.arrivals(streams).unwrap();
            simulate(&fleet.plan, streams, arrivals, Keep::default()).unwrap().outcome
        })
        .collect();
    FleetValues::of("today", runs.iter())
}

#[test]
fn of_200_pairs_of_runs_that_differ_by_noise_alone_the_gate_fails_at_most_one_of_twenty() {
    let mut nothing = |_: &str| Err("no file".to_owned());
    let scenario = resolve(&SMALL.replace("8h", "3h"), "small.toml", &mut nothing).unwrap();
    let metrics = vec![Metric::CostPerThousandJobs, Metric::WaitP95, Metric::JobsLost];
    let confidence = Confidence::default();
    let rules = GateRules { metrics, tolerance: 0.0, work_tolerance: None, confidence, together: 3 };
    let (mut alarms, mut by_line) = (0, [0; 3]);
    for pair in 0..200 {
        let (before, now) = (simulated(&scenario, 20 * pair), simulated(&scenario, 20 * pair + 10));
        let lines = gate_regressions(&now, &before, &rules);
        let failed = |line: &GateLine| line.verdict == GateVerdict::Fail;
        for (count, line) in by_line.iter_mut().zip(&lines) {
            *count += u32::from(failed(line));
        }
        alarms += u32::from(lines.iter().any(failed));
    }
    println!("false alarms of 200: {alarms} (cost, wait p95, lost: {by_line:?})");
    assert!(alarms <= 10, "{alarms} of 200");
}

/// Pseudo-random numbers, about normal (twelve uniforms of SplitMix64).
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            sum += ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        }
        sum
    }
}

/// Ten replications that cost about `factor` × 100, spread by 5 % of that.
fn fleet(normal: &mut Normal, factor: f64) -> FleetValues {
    let row = |cost: f64| {
        let mut row = vec![None; Metric::all().len()];
        row[Metric::CostTotal.index()] = Some(Term::Value(cost));
        row
    };
    let replications = (0..10).map(|_| row(factor * (100.0 + 5.0 * normal.next()))).collect();
    FleetValues { name: "a".to_owned(), replications, work: vec![Vec::new(); 10] }
}

fn verdict(now: &FleetValues, before: &FleetValues, tolerance: f64) -> GateVerdict {
    let metrics = vec![Metric::CostTotal];
    let confidence = Confidence::default();
    let rules = GateRules { metrics, tolerance, work_tolerance: None, confidence, together: 1 };
    gate_regressions(now, before, &rules)[0].verdict
}

#[test]
fn a_price_rise_of_three_per_cent_is_found_through_the_noise_that_both_share() {
    let before = fleet(&mut Normal(5), 1.0);
    assert_eq!(verdict(&fleet(&mut Normal(5), 1.03), &before, 0.02), GateVerdict::Fail);
    assert_eq!(verdict(&fleet(&mut Normal(5), 1.01), &before, 0.02), GateVerdict::Pass);
    assert_eq!(verdict(&before, &before, 0.0), GateVerdict::Pass);
}

#[test]
fn noise_alone_fails_the_gate_in_at_most_one_of_twenty() {
    let alarms = (0..200).filter(|seed| {
        let (before, now) = (fleet(&mut Normal(1000 + seed), 1.0), fleet(&mut Normal(9000 + seed), 1.0));
        verdict(&now, &before, 0.0) == GateVerdict::Fail
    });
    let alarms = alarms.count();
    assert!(alarms <= 10, "{alarms} of 200");
}

//! `recommend`: the cheapest fleet and point that keeps the objectives, by the command, on fresh replications.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, said, scenario};
use std::fs;

#[test]
fn the_cheapest_candidate_that_keeps_the_objective_is_recommended_with_its_evidence() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let csv = place.path().join("candidates.csv").display().to_string();
    let recommend = |more: &[&str]| said(&[&["recommend", &small][..], more].concat(), &[]);
    let vary = [
        "--vary",
        "node_pool.ci.disruption.consolidate_after=30s,10m,2h",
        "--vary",
        "runner.eks.concurrent=1,3,20",
    ];
    let arguments = [&vary[..], &["--subject-to", "wait_p95<=5m", "--csv", &csv]].concat();
    let (code, text, errors) = recommend(&arguments);
    assert!(code == 0 || code == 12, "{errors}{text}");
    // One or three slots make jobs wait; nodes that idle for hours cost more; Spot is cheaper.
    assert!(text.starts_with("Recommended: ") && text.contains("concurrent = 20, fleet spot"), "{text}");
    for word in [
        "fresh replications",
        "objective wait p95 ≤ 300\u{a0}s: kept",
        "18 candidates",
        "runs;",
        "← recommended",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(recommend(&arguments).1, text, "the same answer again");
    assert_eq!(recommend(&[&arguments[..], &["-j", "1"]].concat()).1, text, "on one thread too");
    // The command that it names runs.
    let line = text.lines().find(|line| line.starts_with("Run it: fleetsim run ")).unwrap();
    let words: Vec<String> =
        line["Run it: fleetsim ".len()..].split(' ').map(|word| word.trim_matches('\'').to_owned()).collect();
    assert!(words.contains(&"--fleet".to_owned()) && words.contains(&"spot".to_owned()));
    let table = fs::read_to_string(&csv).unwrap();
    assert_eq!(table.lines().count(), 19);
    assert_eq!(table.matches(",recommended,").count(), 1);
    assert!(table.contains(",misses an objective,") || table.contains(",left in the halving,"));
}

#[test]
fn where_nothing_keeps_the_objectives_that_is_the_answer() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let recommend = |more: &[&str]| said(&[&["recommend", &small][..], more].concat(), &[]);
    let (code, text, _) = recommend(&["--subject-to", "wait_p95<=1ms"]);
    assert!(code == 10 && text.starts_with("No candidate keeps the objectives"), "{text}");
    // Waiting has its price: at 10,000 $ an hour nobody saves slots.
    let slots = ["--vary", "runner.eks.concurrent=1,20", "--fleet", "on-demand"];
    let (code, text, errors) = recommend(&[&slots[..], &["--wait-price", "10000"]].concat());
    assert!(code == 0 && text.contains("Recommended: concurrent = 20"), "{errors}{text}");
    assert_eq!(recommend(&["--subject-to", "wait_p95=60s"]).0, 2);
    assert_eq!(recommend(&["--subject-to", "wait_p77<=60s"]).0, 3);
    assert_eq!(recommend(&["--minimize", "nothing"]).0, 2);
    assert_eq!(recommend(&["--minimize", "wait_p95", "--wait-price", "5"]).0, 2);
}

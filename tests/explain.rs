//! `fleetsim explain`: whole answers on a small scenario (`tests/explain/`), and that it answers at all on a real one.
//!
//! `FLEETSIM_BLESS=1` writes the answers anew.

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What `explain` answers, standing in `folder`; no line may be wider than `width`.
fn explained(folder: &Path, arguments: &[&str], width: usize) -> String {
    let mut command = fleetsim();
    command.env("COLUMNS", width.to_string()).current_dir(folder).arg("explain").args(arguments);
    let output = command.assert().success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= width, "{line}");
    }
    assert!(!text.contains('\u{1b}'), "no colours where nobody sees them");
    text
}

/// The answer is the one in `tests/explain/NAME.txt`.
fn is_as_written(name: &str, arguments: &[&str]) -> String {
    let text = explained(&root().join("tests/explain"), arguments, 80);
    let path = root().join(format!("tests/explain/{name}.txt"));
    if std::env::var_os("FLEETSIM_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, written, "{name}: FLEETSIM_BLESS=1 writes it anew");
    text.replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_life_line_of_a_job_says_what_it_waited_for() {
    let text = is_as_written("job", &["job", "longest", "small.toml"]);
    for sentence in [
        "It waited 52.9 s until its script started; the largest part is node start, 40.0 s (76 %).",
        "EC2 launches node 2 for it: m6i.large, on-demand, eu-central-1a (decision 5)",
        "bound to node 2 (m6i.large, on-demand, eu-central-1a), which was launched for it",
        "its script starts: 7.0 s of pulling images, 3.6 s of pod start",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
}

#[test]
fn a_node_says_why_it_is_still_there() {
    let text = is_as_written("node", &["node", "0", "small.toml", "--at", "Mon 09:05"]);
    let sentence = "At Mon 09:05:00 it is empty, for 2 min 29 s. It is still there because consolidateAfter of 5 min is over \
                    only in 2 min 31 s, at Mon 09:07:30. Before it went, a pod came at Mon 09:05:42.";
    assert!(text.contains(sentence), "{text}");
    let busy = explained(&root().join("tests/explain"), &["node", "0", "small.toml", "--at", "1m30s"], 80);
    let busy = busy.replace(['\u{a0}', '\n'], " ");
    assert!(busy.contains("it is still there because it has 1 pod: job 0 (trace)."), "{busy}");
}

#[test]
fn decisions_say_why_this_type_and_why_these_nodes() {
    let launch = is_as_written("launch", &["decision", "1", "small.toml"]);
    assert!(
        launch.contains(
            "EC2 took m6i.large, on-demand, eu-central-1a at $0.1150 an hour: on demand EC2 takes the cheapest type"
        ),
        "{launch}"
    );
    let delete = is_as_written("delete", &["decision", "4", "small.toml"]);
    assert!(delete.contains("1 node is deleted, reason Empty."), "{delete}");
}

#[test]
fn waits_and_costs_are_split_and_a_change_is_recommended() {
    let wait = is_as_written("wait", &["wait", "small.toml", "--reps", "2"]);
    assert!(wait.contains("the largest part of that is node start, 77 %"), "{wait}");
    assert!(
        wait.contains("What would shorten p95 most, of the changes tried: images pulled four times as fast"),
        "{wait}"
    );
    let cost = is_as_written("cost", &["cost", "small.toml", "--fleet", "today,quick"]);
    assert!(
        cost.contains("quick costs $9.51 less per 1000 jobs than today ($124.80 against $134.32, −7.1 %)."),
        "{cost}"
    );
    assert!(cost.contains("The largest part is the room: 98 % of the sum of all changes."), "{cost}");
}

/// The number after `$` or at the beginning of a cell.
fn dollars(cell: &str) -> f64 {
    cell.trim_start_matches('$').parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

#[test]
fn a_bill_is_told_by_those_it_was_paid_for() {
    let scenarios = root().join("scenarios");
    let by = |group: &str| {
        let arguments =
            ["cost", "graviton_migration.toml", "--by", group, "--fleet", "all-move", "--reps", "1"];
        explained(&scenarios, &arguments, 100).replace('\u{a0}', " ")
    };
    let by_class = by("class");
    let bill = by_class.split_whitespace().find(|word| word.starts_with('$')).map(dollars).unwrap();
    let costs: f64 = ["lint", "compile", "test"]
        .iter()
        .map(|class| {
            let row = by_class
                .lines()
                .find(|line| line.split_whitespace().next().is_some_and(|name| name.ends_with(class)));
            let row = row.unwrap_or_else(|| panic!("{class} is told: {by_class}"));
            dollars(row.split_whitespace().nth(1).unwrap())
        })
        .sum();
    assert!((costs - bill).abs() < 0.01 * bill, "{costs} of {bill}: {by_class}");
    assert!(by("pipeline").contains("merge-request") && by("team").contains("(no team)"));
    assert!(by("arch").contains("arm64") && by("capacity-type").contains("on-demand"));
}

#[test]
fn two_fleets_have_a_break_even_speed_for_each_class() {
    let scenarios = root().join("scenarios");
    let arguments =
        ["cost", "graviton_migration.toml", "--by", "class", "--fleet", "x86,all-move", "--reps", "1"];
    let text = explained(&scenarios, &arguments, 100);
    for class in ["lint", "compile", "test"] {
        let row = text
            .lines()
            .find(|line| line.split_whitespace().next().is_some_and(|name| name.ends_with(class)))
            .unwrap();
        let cells: Vec<&str> = row.split_whitespace().collect();
        let (before, after, speed) = (dollars(cells[1]), dollars(cells[2]), dollars(cells[3]));
        if cells[4] != "–" {
            assert_eq!(dollars(cells[4]) < speed, after < before, "{row}");
        }
    }
}

#[test]
fn codes_metrics_and_keys_are_explained() {
    is_as_written("code", &["FS0004"]);
    is_as_written("metric", &["wait_p95"]);
    is_as_written("key", &["node_pool.ci.disruption.consolidateAfter"]);
}

#[test]
fn the_demonstration_pipeline_explains_itself_at_80_and_120_columns() {
    for width in [80, 120] {
        for arguments in [
            &["job", "longest", "scenarios/multiarch.toml", "--rep", "1"][..],
            &["node", "idlest", "scenarios/multiarch.toml", "--fleet", "pair-on-demand"],
            &["decision", "3", "scenarios/multiarch.toml"],
            &["wait", "scenarios/multiarch.toml", "--reps", "1", "--no-what-if"],
            &["cost", "scenarios/multiarch.toml", "--reps", "1", "--fleet", "pair,x86-emulated"],
        ] {
            assert!(explained(&root(), arguments, width).lines().count() > 5, "{arguments:?}");
        }
    }
}

#[test]
fn what_does_not_exist_is_a_usage_mistake() {
    let place = root().join("tests/explain");
    for (arguments, part) in [
        (&["job", "99", "small.toml"][..], "there is no job 99 in fleet today, replication 0"),
        (&["job", "first", "small.toml"], "nor `longest`"),
        (&["node", "99", "small.toml"], "there is no node 99"),
        (&["node", "0", "small.toml", "--at", "soon"], "`soon` is no instant"),
        (&["decision", "99", "small.toml"], "it has 6"),
        (&["cost", "small.toml", "--fleet", "today,today"], "there is nothing to compare today with"),
        (&["wait", "small.toml", "--fleet", "nobody"], "there is no fleet `nobody`"),
        (&["FS9999"], "there is no code FS9999"),
        (&["no_such_key"], "there is no key `no_such_key`"),
        (&[], "Usage: fleetsim explain"),
    ] {
        let mut command = fleetsim();
        command.current_dir(&place).arg("explain").args(arguments);
        let stderr = command.assert().code(2).get_output().stderr.clone();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}

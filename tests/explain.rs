//! `fleetsim explain`: whole answers on a small scenario (`tests/explain/`), and that it answers at all on a real one.
//!
//! `FLEETSIM_BLESS=1` writes the answers anew.

#[path = "support/command.rs"]
mod command;
#[path = "support/markdown.rs"]
mod markdown;

use command::fleetsim;
use serde_json::{Value, json};
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

/// The first decision of a fleet of `kinds.toml` whose answer contains `part`, on one line.
fn decision_of(fleet: &str, part: &str) -> String {
    let place = root().join("tests/explain");
    for number in 1..60 {
        let number = number.to_string();
        let answer = explained(&place, &["decision", &number, "kinds.toml", "--fleet", fleet], 80);
        let answer = answer.replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        if answer.contains(part) {
            return answer;
        }
    }
    panic!("no decision of {fleet} tells of {part}");
}

/// The number after `words` in an answer.
fn number_after(answer: &str, words: &str) -> String {
    let (_, rest) = answer.split_once(words).unwrap_or_else(|| panic!("{words}: {answer}"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// A life line of `kinds.toml`, on one line.
fn life(what: &str, number: &str, fleet: &str, more: &[&str]) -> String {
    let arguments = [&[what, number, "kinds.toml", "--fleet", fleet][..], more].concat();
    let text = explained(&root().join("tests/explain"), &arguments, 80);
    text.replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn preemption_is_told_by_the_decision_the_pod_that_gets_room_the_one_that_goes_and_the_node() {
    let decision = decision_of("priority", "kube-scheduler makes room for job");
    let (job, node) = (number_after(&decision, "makes room for job "), number_after(&decision, " on node "));
    let victim = number_after(&decision, "the pod of job ");
    assert!(
        decision.contains("has a higher priority") && decision.contains("usual is tried again"),
        "{decision}"
    );
    let winner = life("job", &job, "priority", &[]);
    assert!(
        winner.contains(&format!("makes room for it on node {node}: the pod of job {victim} gives way")),
        "{winner}"
    );
    let loser = life("job", &victim, "priority", &[]);
    assert!(
        loser.contains(&format!("its pod gave way to that of job {job}, which has a higher priority")),
        "{loser}"
    );
    let node = life("node", &node, "priority", &[]);
    assert!(node.contains(&format!("kube-scheduler makes room for job {job}")), "{node}");
}

#[test]
fn nodes_of_a_static_pool_say_that_they_stand_for_no_pod_and_go_when_it_is_made_smaller() {
    let launch = decision_of("static", "is launched");
    assert!(
        launch.contains("The pool is static and had fewer nodes than its replicas (3 at the start)"),
        "{launch}"
    );
    let smaller = decision_of("static", "2 nodes of pool ci go");
    assert!(smaller.contains("it is to have 1 node whatever pods there are"), "{smaller}");
    let node = life("node", &number_after(&smaller, "or expire. node "), "static", &[]);
    for part in [
        "launched because its static pool is to have 3 nodes",
        "is to have 1 node only: it goes",
        "gone: its static pool was made smaller",
    ] {
        assert!(node.contains(part), "{part}: {node}");
    }
}

#[test]
fn cluster_autoscaler_says_why_this_group_and_why_a_node_still_stands() {
    let enlarged = decision_of("autoscaler", "enlarges group small by");
    for part in [
        "(--expander=least-waste): small m6i.large 1 node",
        "← taken large m6i.2xlarge 1 node",
        "Its scan, every 10.0 s, found",
    ] {
        assert!(enlarged.contains(part), "{part}: {enlarged}");
    }
    let removed = decision_of("autoscaler", "Cluster Autoscaler removes");
    assert!(removed.contains("for 10 min (scale_down_unneeded_time)"), "{removed}");
    let number = number_after(&removed, "never drains a node that has one. node ");
    let node = life("node", &number, "autoscaler", &[]);
    assert!(node.contains("Cluster Autoscaler enlarges its group by"), "{node}");
    assert!(node.contains("Cluster Autoscaler removes it: it is empty"), "{node}");
    // A minute before it went it was empty for nine minutes or more.
    let gone = node.split(" gone: ").next().unwrap();
    let at: Vec<&str> = gone.split(' ').rev().take(2).collect();
    let minute: u32 = at[0].split(':').nth(1).unwrap().parse().unwrap();
    let hour: u32 = at[0].split(':').next().unwrap().parse().unwrap();
    let before = hour * 60 + minute - 2;
    let at = format!("{} {:02}:{:02}", at[1], before / 60, before % 60);
    let standing = life("node", &number, "autoscaler", &["--at", &at]);
    assert!(
        standing.contains(
            "It is still there because Cluster Autoscaler removes a node only after 10 min without a job pod"
        ) || standing.contains("for 10 min after that Cluster Autoscaler removes nothing"),
        "{standing}"
    );
    let slowest = life("job", "longest", "autoscaler", &[]);
    assert!(slowest.contains("Cluster Autoscaler enlarges group small by"), "{slowest}");
}

/// `fleetsim.explanation/1`.
fn explanation_schema() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": "array", "items": text});
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["schema", "facts", "parts"],
        "additionalProperties": false,
        "properties": {
            "schema": {"const": "fleetsim.explanation/1"},
            "facts": {"type": "object", "additionalProperties": {"type": ["string", "number", "array"]}},
            "parts": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "oneOf": [
                        {"type": "object", "required": ["text"], "properties": {"text": text, "head": texts}, "additionalProperties": false},
                        {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": texts}}, "additionalProperties": false}
                    ]
                }
            }
        }
    })
}

#[test]
fn every_explanation_is_there_as_json_csv_and_markdown_too() {
    let validator = jsonschema::draft7::new(&explanation_schema()).unwrap();
    let place = root().join("tests/explain");
    for arguments in [
        &["job", "longest", "small.toml"][..],
        &["node", "0", "small.toml", "--at", "Mon 09:05"],
        &["decision", "1", "small.toml"],
        &["decision", "4", "small.toml"],
        &["wait", "small.toml", "--reps", "2"],
        &["cost", "small.toml", "--fleet", "today,quick"],
        &["FS0101"],
        &["wait_p95"],
        &["seed"],
    ] {
        let of = |format: &str| explained(&place, &[arguments, &["--format", format]].concat(), usize::MAX);
        let document: Value = serde_json::from_str(&of("json")).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?}");
        if arguments.len() > 1 {
            assert!(
                document["facts"]["fleet"] == "today" || document["facts"]["from"] == "today",
                "{document}"
            );
        }
        let csv = of("csv");
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), vec!["kind", "head", "text"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows[0], vec!["schema", "", "fleetsim.explanation/1"]);
        assert!(rows[1..].iter().all(|row| ["fact", "text", "line", "row"].contains(&&row[0])), "{csv}");
        let text = of("md");
        let read = markdown::read(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"));
        assert!(!read.paragraphs.is_empty());
    }
}

#[test]
fn comparisons_are_there_as_json_csv_and_markdown_too() {
    let place = root().join("tests/explain");
    let of = |format: &str| {
        let mut command = fleetsim();
        let run =
            command.current_dir(&place).args(["compare", "small.toml", "--no-files", "--format", format]);
        String::from_utf8(run.assert().success().get_output().stdout.clone()).unwrap()
    };
    let document: Value = serde_json::from_str(&of("json")).unwrap();
    assert_eq!(document["schema"], "fleetsim.summary/1");
    let cost = &document["fleets"][1]["metrics"]["cost_per_1000_jobs"];
    assert!(
        cost["unit"].is_string() && cost["difference"]["lower"].is_number() && cost["verdict"].is_string()
    );
    let csv = of("csv");
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    assert!(rows.iter().any(|row| &row[0] == "quick" && &row[1] == "wait_p95"));
    assert_eq!(markdown::read(&of("md")).unwrap().tables.len(), 3);
}

//! A corpus of broken scenarios: each file says in its first lines (`#! CODE line:column hint`) what must be reported.

use fleetsim::scenario::{Diagnostic, resolve};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

fn mistakes(path: &Path) -> Vec<Diagnostic> {
    let text = fs::read_to_string(path).unwrap();
    let folder = path.parent().unwrap().to_path_buf();
    let mut files = |name: &str| fs::read(folder.join(name)).map_err(|_| "there is no such file".to_owned());
    let name = path.file_name().unwrap().to_string_lossy();
    resolve(&text, &name, &mut files).map(|scenario| scenario.name).expect_err(&name)
}

/// Code, place and hint that a line `#! …` of a broken scenario asks for.
fn expected(line: &str) -> (String, String, String) {
    let mut parts = line.splitn(3, ' ');
    let mut next = || parts.next().unwrap_or("").to_owned();
    (next(), next(), next())
}

#[test]
fn every_broken_scenario_names_place_expectation_and_hint() {
    let mut wrong = Vec::new();
    for path in corpus() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let found = mistakes(&path);
        let rendered: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(false)).collect();
        for line in text.lines().filter_map(|line| line.strip_prefix("#! ")) {
            let (code, place, hint) = expected(line);
            let is_met = found.iter().zip(&rendered).any(|(diagnostic, rendered)| {
                let (line, column) = diagnostic.span.line_and_column();
                let own = format!("{line}:{column}");
                let full = format!("{}:{own}", diagnostic.span.source.name);
                diagnostic.code.id() == code
                    && (place == "-"
                        || own == place
                        || full.starts_with(&place)
                        || (place.ends_with(':') && own.starts_with(&place)))
                    && rendered.contains(&hint)
            });
            if !is_met {
                wrong.push(format!(
                    "{name}: expected {code} at {place} with `{hint}`, found\n{}",
                    rendered.join("\n")
                ));
            }
        }
        for (diagnostic, rendered) in found.iter().zip(&rendered) {
            if !(rendered.contains('^') && !diagnostic.message.is_empty() && !diagnostic.label.is_empty()) {
                wrong.push(format!("{name}: no caret or no text\n{rendered}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_corpus_has_at_least_forty_files() {
    assert!(corpus().len() >= 40, "{}", corpus().len());
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let text = "sed = 1\nhorizon = 7\nwarmup = \"-5m\"\n[[runner]]\nname = \"x86\"\nconcurent = 5\n[[workload.class]]\nname = \"a\"\n";
    let mut files = |_: &str| Err("there is no such file".to_owned());
    let found = resolve(text, "many.toml", &mut files).map(|scenario| scenario.name).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code.id()).collect();
    // No node pool, unknown key, no unit, negative, unknown key, two required keys of the class.
    assert_eq!(codes, ["FS0007", "FS0002", "FS0004", "FS0005", "FS0002", "FS0007", "FS0007"], "{found:?}");
}

fn codes(text: &str) -> Vec<String> {
    let mut files = |_: &str| Err("there is no such file".to_owned());
    let found = resolve(text, "t.toml", &mut files).map(|scenario| scenario.name).unwrap_err();
    let place =
        |diagnostic: &Diagnostic| format!("{} {}", diagnostic.code.id(), diagnostic.span.line_and_column().0);
    found.iter().map(place).collect()
}

/// Mistakes of both kinds in every section.
const EVERYWHERE: &str = r#"baseline = "nobody"
horizon = "1d"
warmup = "2d"
sed = 4
objective = [{ metric = "wait_p59", at_most = "60s" }]
[ec2]
region = "eu-central-1"
startup = "fast"
[[runner]]
name = "eks"
concurent = 50
check_interval = 3
tags = ["eks"]
[[node_pool]]
name = "ci"
instance_types = ["m77i.large"]
weight = 500
[[node_pool]]
name = "second"
zones = ["eu-central-1z"]
[node_pool.disruption]
budgets = [{ nodes = "10%", schedule = "every monday", duration = "8h" }]
[[workload.class]]
name = "lint"
arrivals = { per_day = 100 }
duration = "3"
tags = ["gpu"]
retry = 1
retry_when = ["whatever"]
[[workload.class]]
name = "unit"
arrivals = { per_day = 100, profile_file = "absent.csv" }
duration = { median = "4m", p95 = "2m" }
[[workload.pipeline]]
name = "main"
stages = ["build", "test"]
arrivals = { per_dya = 100 }
[[workload.pipeline.job]]
name = "build"
stage = "bulid"
duration = "5m"
[[workload.pipeline.job]]
name = "test"
needs = ["biuld"]
duration = "5m"
memory = "4GB"
[fleet.a]
[fleet.b]
"node_pool.cii.weight" = 5
"#;

#[test]
fn mistakes_of_form_and_of_meaning_come_in_one_pass() {
    let expected = [
        "FS0008 1",  // baseline
        "FS0005 3",  // warm-up beyond the horizon
        "FS0002 4",  // sed
        "FS0008 5",  // metric
        "FS0003 8",  // no table
        "FS0002 11", // concurent
        "FS0004 12", // no unit
        "FS0014 14", // type
        "FS0005 17", // weight
        "FS0014 18", // zone
        "FS0015 22", // cron
        "FS0004 26", // no unit
        "FS0008 27", // tag
        "FS0006 29", // failure reason
        "FS0010 32", // file
        "FS0005 33", // p95 below median
        "FS0002 37", // per_dya
        "FS0008 40", // stage
        "FS0008 44", // need
        "FS0004 46", // GB
        "FS0008 49", // no such pool
    ];
    assert_eq!(codes(EVERYWHERE), expected);
}

/// Lines of a scenario that can be replaced alone: `key = value`.
fn pairs(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate();
    let is_pair = |line: &str| {
        let is_key = line.starts_with(|first: char| first.is_ascii_lowercase() || first == '"');
        is_key && toml::from_str::<toml::Table>(line).is_ok_and(|table| !table.is_empty())
    };
    lines
        .filter(|(_, line)| is_pair(line))
        .map(|(at, line)| (at, line.split_once('=').unwrap().0.trim().to_owned()))
        .collect()
}

/// The scenario with line `at` replaced.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, old)| if number == at { line } else { old });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn one_mistake_of_form_never_brings_another_complaint_with_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (name, every) in [("multiarch.toml", 1), ("idle.toml", 1), ("peak.toml", 7)] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        for (at, key) in pairs(&text).into_iter().step_by(every) {
            for line in [
                format!("{key} = {{ nonsense = {{}} }}"),
                format!("\"qqxzzq{}\" = 7", key.trim_matches('"').replace('.', "_")),
            ] {
                let broken = with_line(&text, at, &line);
                let mut files = |path: &str| fs::read(folder.join(path)).map_err(|error| error.to_string());
                tried += 1;
                // Any text is a name, a question or an image.
                let Err(found) = resolve(&broken, name, &mut files) else { continue };
                let is_elsewhere = |one: &&Diagnostic| one.span.line_and_column().0 != at + 1;
                let others = found.iter().filter(is_elsewhere).filter(|one| one.code.id() != "FS0007");
                wrong.extend(others.map(|other| format!("{name}:{}: `{line}` brings {other}", at + 1)));
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

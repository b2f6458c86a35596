//! The files for CI, read back by the published rules of what reads them: GitLab's parsers and limits (gitlabhq, 2026:
//! `lib/gitlab/ci/parsers`, `app/services/ci/parse_*_artifact_service.rb`, `app/validators/json_schemas`, plan limits),
//! OpenMetrics 1.0, Markdown and Mermaid; with the names of fleets that such formats trip over.

#[path = "support/command.rs"]
mod command;
#[path = "support/made_up.rs"]
mod made_up;
#[path = "support/markdown.rs"]
mod markdown;

use fleetsim::experiment::{Bound, ComparisonRules, Confidence, Metric, Objective};
use fleetsim::report::{Artifact, ArtifactFacts, SummaryFormat, artifact, comparison_text, summary_text};
use made_up::summary;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Names that end cells, open markup, mention people, refer to issues, close comments or are very long.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "plain",
        "x86 # \"od\"",
        "graviton|spot",
        "graviton spot",
        "graviton_spot",
        "<arm & co> <script>alert(1)</script>",
        "`code` ```",
        "**bold** _it_ ~~no~~",
        "@all #12 !34 $5 %6 ~7 %\"x\"",
        "](https://example.com) [x](y)",
        "- list",
        "1. one",
        "--> %%{init: {}}%% -- x--",
        "%% a comment",
        "#35;#quot;",
        "$\\sqrt{2}$ \\",
        "größe 尺寸 🦀 \u{202e}x",
        "tab\tand\u{1}control",
        "`",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("long".repeat(75));
    names
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Met by the first fleets, missed by the last.
fn limits() -> Vec<Objective> {
    vec![
        Objective { metric: Metric::WaitP95, bound: Bound::AtMost, limit: 12_500.0 },
        Objective { metric: Metric::JobsLost, bound: Bound::AtMost, limit: 0.001 },
    ]
}

fn facts() -> ArtifactFacts {
    ArtifactFacts {
        scenario: "peak week".to_owned(),
        file: "./scenarios/peak.toml".to_owned(),
        objectives_line: 12,
        report_url: "https://gitlab.example.com/job/1/report.html".to_owned(),
    }
}

fn file(kind: Artifact, names: &[String], objectives: &[Objective]) -> String {
    artifact(kind, &summary(&borrowed(names)), objectives, &facts())
}

/// GitLab's JUnit parser: every `testcase` of every `testsuite`, keyed by class name and name; duplicates are dropped.
fn junit_cases(text: &str) -> Vec<(String, String, String)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut cases, mut open, mut suites) = (Vec::new(), None::<(String, String, String)>, 0);
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(element) | Event::Empty(element) if element.name().as_ref() == "testcase" => {
                assert_eq!(suites, 1, "a test case lies in a suite");
                let attribute = |name: &str| {
                    let found = element.try_get_attribute(name).unwrap().expect("the attribute is there");
                    found.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap().into_owned()
                };
                let case = (attribute("classname"), attribute("name"), "passed".to_owned());
                cases.extend(open.replace(case));
            }
            Event::Start(element) => match element.name().as_ref() {
                "testsuite" => suites += 1,
                kind @ ("failure" | "skipped") => {
                    open.as_mut().unwrap().2 = kind.to_owned();
                }
                _ => {}
            },
            Event::Text(text) if open.as_ref().is_some_and(|case| case.2 != "passed") => {
                let text = text.to_string();
                if let Some(case) = open.as_mut().filter(|_| !text.trim().is_empty()) {
                    case.2 = format!("{}: {text}", case.2);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    cases.extend(open);
    cases
}

#[test]
fn junit_names_every_fleet_and_objective_once_and_says_why_one_fails() {
    let names = hostile();
    let text = file(Artifact::Junit, &names, &limits());
    assert!(text.len() < 30 << 20, "files of 30 MB and more are not read");
    let cases = junit_cases(&text);
    let keys: BTreeSet<_> = cases.iter().map(|case| (&case.0, &case.1)).collect();
    assert_eq!(keys.len(), names.len() * 2, "of two cases of the same class and name one is dropped");
    assert!(cases.iter().any(|case| case.0 == "peak week.x86 # \"od\""), "names survive as they are");
    assert!(cases.iter().any(|case| case.2 == "passed"));
    let failed: Vec<_> = cases.iter().filter(|case| case.2.starts_with("failure: measured ")).collect();
    assert!(!failed.is_empty() && failed.iter().all(|case| case.1 == "slo wait p95 <= 12.5 s"), "{cases:?}");
    let measured: Vec<&str> = failed.iter().map(|case| case.2.as_str()).collect();
    assert!(
        cases.iter().all(|case| measured.iter().all(|text| !text.contains(&case.1))),
        "names stay the same"
    );
    let without = junit_cases(&file(Artifact::Junit, &names, &[]));
    assert_eq!(without.len(), names.len());
}

#[test]
fn junit_counts_what_it_holds_in_legal_letters() {
    let text = file(Artifact::Junit, &hostile(), &limits());
    // XML 1.0, section 2.2; the same when escaped.
    let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(is_legal) && !text.contains("&#1;") && !text.contains("&#x1;"));
    let cases = junit_cases(&text);
    let count = |state: &str| cases.iter().filter(|case| case.2.starts_with(state)).count();
    let suite = text.split("<testsuite ").nth(1).unwrap().split('>').next().unwrap();
    for (name, count) in
        [("tests", cases.len()), ("failures", count("failure")), ("skipped", count("skipped"))]
    {
        assert!(suite.contains(&format!("{name}=\"{count}\"")), "{suite}");
    }
    for time in text.split(" time=\"").skip(1) {
        assert!(time.split('"').next().unwrap().parse::<f64>().is_ok());
    }
}

/// How Ruby's `Shellwords.split` cuts a line: at blanks outside of quotes; a quote that is not closed is an error.
fn shell_split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    assert!(quote.is_none(), "an open quote: {line}");
    words.extend(word);
    words
}

/// Name, labels and value of a sample.
type Sample = (String, Vec<(String, String)>, f64);

/// The samples of OpenMetrics 1.0. Panics where the text is none.
fn open_metrics(text: &str) -> Vec<Sample> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with its end");
    let (mut families, mut samples) = (Vec::<String>::new(), Vec::new());
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (kind, rest) = rest.split_once(' ').expect("what is said of a family");
            let (name, said) = rest.split_once(' ').expect("a family has a name");
            assert!(kind == "HELP" || kind == "TYPE" && said == "gauge", "{line}");
            if families.last().is_none_or(|last| last != name) {
                assert!(!families.iter().any(|known| known == name), "a family in two places: {name}");
                families.push(name.to_owned());
            }
            continue;
        }
        let (name, rest) = line.split_once('{').expect("labels");
        assert_eq!(families.last().map(String::as_str), Some(name), "a sample stands with its family");
        let is_name = |text: &str| {
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !text.as_bytes()[0].is_ascii_digit()
        };
        let (labels, value) = rest.rsplit_once("} ").expect("a value");
        let labels: Vec<(String, String)> = labels
            .split("\",")
            .map(|label| {
                let (key, value) = label.split_once("=\"").expect("key=\"value\"");
                assert!(is_name(key) && !key.starts_with("__"), "{line}");
                (key.to_owned(), value.trim_end_matches('"').to_owned())
            })
            .collect();
        assert!(is_name(name));
        samples.push((name.to_owned(), labels, value.parse().expect("a number")));
    }
    samples
}

#[test]
fn metrics_survive_a_line_splitter() {
    assert_eq!(shell_split("a{b=\"c d\",e='f'}  1.5 rest"), ["a{b=c d,e=f}", "1.5", "rest"]);
    let many: Vec<String> = (0..30).map(|number| format!("fleet {number}")).collect();
    for names in [&hostile()[..], &many[..], &many[..2]] {
        let text = file(Artifact::Metrics, names, &[]);
        let mut seen = BTreeSet::new();
        for line in
            text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty())
        {
            let tokens = shell_split(line);
            assert_eq!(tokens.len(), 2, "{line}");
            assert!(!line.split_once('}').unwrap().0.contains(' '), "no blank within labels: {line}");
            assert!(tokens[1].parse::<f64>().is_ok() && tokens[1].contains('.'), "{line}");
            assert_eq!(line.matches('"').count(), 4, "{line}");
            assert!(seen.insert(tokens[0].to_owned()), "twice: {line}");
        }
        assert!(seen.len() >= names.len() && seen.len() <= names.len().max(20));
        let samples = open_metrics(&text);
        assert_eq!(samples.len(), seen.len());
        assert!(samples.iter().all(|(_, labels, value)| labels.len() == 2 && value.is_finite()));
    }
}

/// What `codeclimate.json` requires, and what the documentation of Code Quality adds.
fn code_quality_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "pattern": "^[^./][^\\\\]*$"},
                        "lines": {
                            "type": "object",
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}}
                        }
                    }
                }
            }
        }
    })
}

fn is_valid(schema: &Value, document: &Value) {
    jsonschema::draft7::meta::validate(schema).expect("the schema is one of draft-07");
    let validator = jsonschema::draft7::new(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn code_quality_findings_keep_the_schema_and_are_told_apart() {
    let found: Value = serde_json::from_str(&file(Artifact::CodeQuality, &hostile(), &limits())).unwrap();
    is_valid(&code_quality_schema(), &found);
    let findings = found.as_array().unwrap();
    assert!(findings.len() > 5);
    let prints: BTreeSet<&str> =
        findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), findings.len(), "equal fingerprints are shown once");
    assert!(findings.iter().all(|one| one["location"]["path"] == "scenarios/peak.toml"));
    // The same objective with another limit and other results is the same finding.
    let again: Value =
        serde_json::from_str(&file(Artifact::CodeQuality, &hostile(), &limits()[..1])).unwrap();
    assert!(
        again.as_array().unwrap().iter().all(|one| prints.contains(one["fingerprint"].as_str().unwrap()))
    );
    assert_eq!(file(Artifact::CodeQuality, &hostile(), &[]).trim(), "[]");
}

#[test]
fn what_validate_finds_keeps_the_schema_of_code_quality() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("codequality.json");
    let emit = format!("codequality={}", path.display());
    for (folder, files) in
        [("broken", &["typo-in-key.toml", "share-in-percent.toml"][..]), ("lint", &["messy.toml"])]
    {
        let mut run = command::fleetsim();
        run.current_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder));
        run.arg("validate").arg("--lint").args(files).args(["--emit", &emit]).output().unwrap();
        let found: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        is_valid(&code_quality_schema(), &found);
        let findings = found.as_array().unwrap();
        let prints: BTreeSet<&str> =
            findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap()).collect();
        assert!(prints.len() == findings.len() && findings.len() >= files.len());
    }
}

/// How GitLab reads dotenv: size, then line by line the shortest key before `=`; keys and count are limited.
fn dotenv(text: &str) -> Vec<(String, String)> {
    assert!(text.len() < 5 << 10, "{} bytes: 5 KB are too big", text.len());
    let variables: Vec<(String, String)> = text
        .split_inclusive('\n')
        .map(|line| {
            let (key, value) = line.split_once('=').expect("Invalid Format");
            let (key, value) = (key.trim(), value.trim());
            let is_key = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            assert!(!key.is_empty() && key.len() <= 255 && key.bytes().all(is_key), "{line}");
            // Nothing that a shell or GitLab would expand, and no quotes, which would be part of the value.
            assert!(!value.contains(['$', '\r']) && value.chars().all(|c| !c.is_control()), "{line}");
            (key.to_owned(), value.to_owned())
        })
        .collect();
    assert!(variables.len() <= 20, "the default limit of GitLab Self-Managed");
    let keys: BTreeSet<&String> = variables.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), variables.len(), "the last of two values of a key would win");
    variables
}

#[test]
fn dotenv_keeps_its_limits() {
    for names in [
        vec!["x".repeat(9000), "two\nlines".to_owned()],
        vec!["a $b ${c}".to_owned(), "é".repeat(300)],
        hostile(),
    ] {
        let variables = dotenv(&file(Artifact::Dotenv, &names, &limits()));
        assert!(variables.iter().all(|(key, value)| key.starts_with("FLEETSIM_") && !value.is_empty()));
        let objectives = variables.iter().find(|(key, _)| key == "FLEETSIM_OBJECTIVES").unwrap();
        assert!(["met", "missed", "unclear"].contains(&objectives.1.as_str()), "{variables:?}");
    }
}

/// `ci_job_annotation_data.json` and `ci_job_external_link_data.json` for each list; both keys of a link are required by the
/// documentation (`ci/yaml/artifacts_reports`), which also wants the address to be one.
fn annotations_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "maxProperties": 20,
        "propertyNames": {"minLength": 1, "maxLength": 255},
        "additionalProperties": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    "external_link": {
                        "type": "object",
                        "required": ["label", "url"],
                        "properties": {
                            "label": {"type": "string", "minLength": 1},
                            "url": {"type": "string", "pattern": "^https?://[!-~]+$"}
                        },
                        "additionalProperties": false
                    }
                },
                "additionalProperties": false
            }
        }
    })
}

#[test]
fn annotations_keep_the_schema_and_the_limit() {
    let text = file(Artifact::Annotations, &hostile(), &[]);
    assert!(text.len() <= 81_920, "the default limit is 80 KB");
    let links: Value = serde_json::from_str(&text).unwrap();
    is_valid(&annotations_schema(), &links);
    assert_eq!(links["fleetsim"][0]["external_link"]["url"], "https://gitlab.example.com/job/1/report.html");
    let nowhere = ArtifactFacts { report_url: String::new(), scenario: "x\n".repeat(50), ..facts() };
    let without: Value =
        serde_json::from_str(&artifact(Artifact::Annotations, &summary(&["a"]), &[], &nowhere)).unwrap();
    is_valid(&annotations_schema(), &without);
    for broken in [json!([]), json!({"a": [{"link": {}}]}), json!({"a": [{"external_link": {"label": "x"}}]})]
    {
        assert!(!jsonschema::draft7::new(&annotations_schema()).unwrap().is_valid(&broken), "{broken}");
    }
}

/// A name as it may be shown: on one line, without the blanks at its ends.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[test]
fn notes_show_every_name_as_it_is_and_nothing_of_it_becomes_markup() {
    for (number, baseline) in hostile().iter().enumerate().step_by(6) {
        let mut names = hostile();
        names.rotate_left(number);
        let text = file(Artifact::Note, &names, &limits());
        assert!(text.len() <= 60_000);
        let note = markdown::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(note.mark.as_deref(), Some("fleetsim:peak week"), "whoever posts it finds it by this");
        assert_eq!(note.links, [("The whole report".to_owned(), facts().report_url)]);
        assert_eq!(note.items.len(), 2 * limits().len(), "objectives above and within the fold");
        assert_eq!((note.tables.len(), note.charts.len(), note.folded.len()), (2, 1, 1));
        let rows = &note.tables[0];
        assert_eq!(rows[0], ["fleet", "$/1000 jobs", "wait p95, s", "lost", "cost, wait"]);
        assert_eq!(rows.len(), 1 + 8, "at most eight fleets are not folded");
        assert_eq!(note.charts[0].categories.len(), 8);
        let whole: BTreeSet<String> = note.tables[1][1..].iter().map(|row| row[0].clone()).collect();
        for name in &names {
            assert!(whole.contains(&shown(name)), "{name}: {whole:?}");
        }
        let first = shown(baseline);
        assert!(rows[1][0] == first || rows[1][0].ends_with('…'), "{} and {first}", rows[1][0]);
        // The bars are the costs of the table.
        for (row, bar) in rows[1..].iter().zip(&note.charts[0].bars) {
            let cost: f64 = row[1].split('\u{a0}').next().unwrap().parse().unwrap();
            assert!((cost - bar).abs() < 0.01 * cost, "{row:?} and {bar}");
        }
    }
}

#[test]
fn a_note_that_would_be_too_long_leaves_out_whole_parts() {
    let many: Vec<String> = (0..700).map(|number| format!("{number}-{}", "name ".repeat(30))).collect();
    let text = file(Artifact::Note, &many, &limits());
    assert!(text.len() <= 60_000, "GitHub cuts comments at 64 KB, and stops at summaries of 1 MB");
    let note = markdown::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!((note.tables.len(), note.charts.len(), note.folded.len()), (1, 1, 0), "the fold is left out");
    assert!(note.paragraphs.iter().any(|line| line.starts_with("(Shortened")));
    for scenario in ["a--b-->", "-->", "x\ny", "<!--"] {
        let facts =
            ArtifactFacts { scenario: scenario.to_owned(), report_url: "https://a.b/c d)".into(), ..facts() };
        let text = artifact(Artifact::Note, &summary(&["a", "b"]), &[], &facts);
        let note = markdown::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(note.links[0].1, "https://a.b/c%20d%29");
    }
}

#[test]
fn the_reader_of_notes_notices_what_it_is_for() {
    for (broken, part) in [
        ("| a | b |\n|--|--|\n| 1 |\n", "cells where"),
        ("| a|b | c |\n|--|--|\n", "cells where"),
        ("```mermaid\nxychart-beta horizontal\n  x-axis [\"a\", \"a\"]\n  bar [1, 2]\n```\n", "one bar"),
        ("```mermaid\nxychart-beta horizontal\n  x-axis [\"\"]\n  bar [1]\n```\n", "an empty text"),
        ("```mermaid\nxychart-beta horizontal\n  x-axis [a b]\n  bar [1]\n```\n", "between commas"),
        ("```mermaid\npie\n```\n", "no chart"),
        ("```mermaid\nxychart-beta horizontal\n", "a fence"),
        ("hello @all\n", "mentioned"),
        ("see #12\n", "a bare #"),
        ("**open\n", "left open"),
        ("<details><summary>x</summary>\n\n", "left open"),
        ("- 1. x\n", "a list within"),
    ] {
        let error = markdown::read(broken).expect_err(broken);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn answers_as_markdown_are_read_the_same_way() {
    let names = hostile();
    let summary = summary(&borrowed(&names));
    let answer = summary_text(&summary, &limits(), &[], SummaryFormat::Markdown);
    let read = markdown::read(&answer).unwrap_or_else(|error| panic!("{error}\n{answer}"));
    assert_eq!((read.tables.len(), read.tables[0].len()), (1, 1 + names.len()));
    let rules = ComparisonRules { confidence: Confidence::default(), tolerance: 0.01 };
    let metrics = [Metric::CostPerThousandJobs, Metric::WaitP95];
    let compared = comparison_text(&summary, &metrics, rules, true);
    let read = markdown::read(&compared).unwrap_or_else(|error| panic!("{error}\n{compared}"));
    assert_eq!(read.tables.len(), metrics.len());
    assert!(read.tables.iter().all(|table| table.len() == 1 + names.len()));
}

#[test]
fn what_the_program_writes_into_a_job_of_gitlab_is_read_by_all_of_them() {
    let place = tempfile::tempdir().unwrap();
    let scenario = command::scenario(place.path(), command::SMALL);
    let out = place.path().join("ci");
    let all = format!("all={}", out.display());
    let environment = [("CI_JOB_URL", "https://gitlab.example.com/group/project/-/jobs/42")];
    let (code, _, stderr) =
        command::said(&["run", &scenario, "--no-files", "--reps", "2", "--emit", &all], &environment);
    assert_eq!(code, 0, "{stderr}");
    let read = |kind: Artifact| std::fs::read_to_string(out.join(kind.file())).unwrap();
    assert_eq!(junit_cases(&read(Artifact::Junit)).len(), 2);
    assert_eq!(open_metrics(&read(Artifact::Metrics)).len(), 6);
    is_valid(&code_quality_schema(), &serde_json::from_str(&read(Artifact::CodeQuality)).unwrap());
    is_valid(&annotations_schema(), &serde_json::from_str(&read(Artifact::Annotations)).unwrap());
    assert!(dotenv(&read(Artifact::Dotenv)).len() > 8);
    let note = markdown::read(&read(Artifact::Note)).unwrap();
    assert!(note.links[0].1.starts_with("https://gitlab.example.com/group/project/-/jobs/42/artifacts/"));
    let (code, stdout, stderr) =
        command::said(&["compare", &scenario, "--no-files", "--reps", "2", "--format", "md"], &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(markdown::read(&stdout).unwrap().tables.len(), 3);
}

#[test]
fn what_the_gate_writes_is_read_by_all_of_them_too() {
    let place = tempfile::tempdir().unwrap();
    let scenario = command::scenario(place.path(), command::SMALL);
    let baseline = place.path().join("baseline.csv").display().to_string();
    let out = place.path().join("ci");
    let (all, two) = (format!("all={}", out.display()), ["--set", "replications=2"]);
    let environment = [("CI_JOB_URL", "https://gitlab.example.com/group/project/-/jobs/42")];
    let save = [&["baseline", "save", &scenario, "-o", &baseline][..], &two].concat();
    let check = [&["check", &scenario, "--baseline", &baseline, "--emit", &all][..], &two].concat();
    for arguments in [save, check] {
        let (code, _, stderr) = command::said(&arguments, &environment);
        assert_eq!(code, 0, "{stderr}");
    }
    let read = |kind: Artifact| std::fs::read_to_string(out.join(kind.file())).unwrap();
    let cases = junit_cases(&read(Artifact::Junit));
    let keys: BTreeSet<_> = cases.iter().map(|case| (&case.0, &case.1)).collect();
    assert!(keys.len() == cases.len() && cases.len() >= 2, "{cases:?}");
    assert!(open_metrics(&read(Artifact::Metrics)).len() >= 2);
    is_valid(&code_quality_schema(), &serde_json::from_str(&read(Artifact::CodeQuality)).unwrap());
    is_valid(&annotations_schema(), &serde_json::from_str(&read(Artifact::Annotations)).unwrap());
    assert!(dotenv(&read(Artifact::Dotenv)).len() > 2);
    let text = read(Artifact::Note);
    let note = markdown::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(note.mark.is_some_and(|mark| mark.starts_with("fleetsim:check:")) && !note.tables.is_empty());
}

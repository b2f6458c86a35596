//! `report.html` and the files for CI: whole, self-contained, and safe whatever names a scenario gives its fleets. The
//! files are read back by the rules of the parsers that GitLab uses.

use fleetsim::catalog::{Arch, CapacityType};
use fleetsim::experiment::{Bound, Confidence, ExperimentSummary, Metric, Objective, Units, summarise};
use fleetsim::metrics::{CostKind, JobOutcome, JobRecord, WaitCause, WaitClock};
use fleetsim::metrics::{Recorder, RecorderSettings, RunOutcome, WorkCounters};
use fleetsim::report::{
    Artifact, ArtifactFacts, ClassFacts, FleetFacts, PageFacts, artifact, charts, page_html,
};
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};

const HOUR_MS: u64 = 3_600_000;

fn run(dollars: f64, wait_s: u64, replication: usize) -> RunOutcome {
    let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_ms(24 * HOUR_MS)));
    for job in 0..200u64 {
        let pending = SimTime::from_ms(job * 60_000);
        let started = pending + SimDuration::from_ms(1000 * (wait_s + job % 7 + replication as u64));
        let mut record = JobRecord::pending(job as u32, 0, job, Arch::Arm64, pending);
        record.picked_at = pending;
        record.outcome = JobOutcome::Success;
        record.script_started_at = started;
        record.script_ended_at = started + SimDuration::from_ms(60_000);
        record.wait = WaitClock::start(pending, WaitCause::NodeStart).stop(started);
        recorder.job_ended(&record);
    }
    let kind = CostKind::Instance(Arch::Arm64, CapacityType::Spot);
    let price = HourlyPrice::from_dollars(dollars * (1.0 + 0.01 * replication as f64));
    recorder.bill(kind, price, SimTime::ZERO, SimTime::from_ms(24 * HOUR_MS));
    recorder.finish(SimTime::from_ms(24 * HOUR_MS), WorkCounters::default())
}

fn summary(names: &[&str]) -> ExperimentSummary {
    let dollars: Vec<f64> = (0..names.len()).map(|fleet| 1.0 + fleet as f64).collect();
    summary_at(names, &dollars)
}

/// Each fleet at its price.
fn summary_at(names: &[&str], dollars: &[f64]) -> ExperimentSummary {
    let units = (0..3).flat_map(|replication| {
        let of = move |(fleet, dollars): (usize, &f64)| Some(run(*dollars, 5 + fleet as u64, replication));
        dollars.iter().enumerate().map(of)
    });
    let runs = Units::from_results(names.len(), units.collect());
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    summarise(&names, &runs, 0, Confidence::default()).expect("every replication is complete")
}

fn page(names: &[&str]) -> String {
    let summary = summary(names);
    let objectives = [Objective { metric: Metric::WaitP95, bound: Bound::AtMost, limit: 60_000.0 }];
    let fleets: Vec<FleetFacts> = (0..names.len() as u64)
        .map(|fleet| FleetFacts {
            slots: 20 + fleet,
            interruptions: vec![SimTime::from_ms(3 * HOUR_MS)],
            settings: (0..fleet).map(|number| format!("key{number} = {number}")).collect(),
        })
        .collect();
    let drawn = charts(&summary, &objectives, &fleets).unwrap();
    let class = ClassFacts {
        name: "unit & \"integration\"".to_owned(),
        team: "shop/<web>".to_owned(),
        core_hours: 3.5,
    };
    let facts = PageFacts {
        scenario: "small".to_owned(),
        question: "Is it <b>cheap</b>?".to_owned(),
        command: "fleetsim run small.toml --seed 1 --reps 3".to_owned(),
        provenance: vec![("seed".to_owned(), "1".to_owned())],
        classes: vec![vec![class]; names.len()],
        fleets,
        resolved: "name = \"small\"\n".to_owned(),
        start: Some("2026-11-02T09:00[Europe/Berlin]".parse().unwrap()),
        ..PageFacts::default()
    };
    page_html(&summary, &objectives, &drawn, &facts).unwrap()
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = page(&["one", "two"]);
    // Names of XML namespaces are no addresses that anybody calls.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for reaching in [
        "http:",
        "https:",
        "src=",
        "href=",
        "url(",
        "@import",
        "<link",
        "fetch(",
        "XMLHttpRequest",
        "<iframe",
    ] {
        assert!(!page.contains(reaching), "the page contains {reaching}");
    }
}

#[test]
fn names_cannot_become_markup() {
    let page = page(&["<script>alert(1)</script>", "a\" onload=\"x & y"]);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("=\"a\" onload"), "a quote does not end an attribute");
    assert!(!page.contains("<b>cheap</b>") && page.contains("&lt;b&gt;cheap"));
    assert!(page.contains("unit &amp; &quot;integration&quot;"));
}

#[test]
fn every_fleet_and_every_chart_with_its_numbers_is_on_the_page_and_the_page_is_the_same_every_time() {
    let names = ["one", "two", "three"];
    let first = page(&names);
    for name in names {
        assert!(first.contains(&format!("<th scope=\"row\">{name}")), "{name} has a row");
    }
    assert_eq!(first.matches("<svg").count(), 5 + names.len(), "five charts and the levels of each fleet");
    assert!(first.contains("Waits and cost by team") && first.contains("&lt;web&gt;"));
    assert!(
        first.contains("concurrent 2") && first.contains("interrupted"),
        "slots and interruptions are drawn"
    );
    assert!(first.contains("; the largest part is "), "between two fleets uses of the money are the steps");
    assert_eq!(
        first.matches("role=\"img\"").count(),
        first.matches("<svg").count() + first.matches("class=\"track\"").count()
    );
    assert!(first.matches("numbers behind").count() > 3 + names.len());
    assert!(first.len() < 1_500_000);
    assert_eq!(first, page(&names));
}

#[test]
fn fleets_on_the_way_to_the_chosen_one_are_the_steps_of_the_waterfall() {
    let summary = summary_at(&["today", "spot", "one-zone", "spot-short-idle"], &[5.0, 2.0, 6.0, 1.0]);
    let settings = [&[][..], &["capacity = spot"], &["zones = 1"], &["capacity = spot", "after = 30s"]];
    let facts = settings.map(|own| FleetFacts {
        settings: own.iter().map(|setting| (*setting).to_owned()).collect(),
        ..FleetFacts::default()
    });
    let drawn = charts(&summary, &[], &facts).unwrap();
    let savings = drawn.iter().find(|chart| chart.name == "savings").unwrap();
    assert!(
        savings.title.starts_with("spot-short-idle costs ")
            && savings.title.contains("; the largest step is spot (−"),
        "{}",
        savings.title
    );
    assert!(!savings.svg.contains("one-zone"), "a fleet with other settings is not on the way");
}

const ODD: [&str; 4] = ["x86 # \"od\"", "graviton|spot", "<arm & co>", "plain"];

/// Met by the first fleets, missed by the last.
fn limits() -> Vec<Objective> {
    vec![
        Objective { metric: Metric::WaitP95, bound: Bound::AtMost, limit: 12_500.0 },
        Objective { metric: Metric::JobsLost, bound: Bound::AtMost, limit: 0.001 },
    ]
}

fn file(kind: Artifact, names: &[&str], objectives: &[Objective]) -> String {
    let facts = ArtifactFacts {
        scenario: "peak week".to_owned(),
        file: "./scenarios/peak.toml".to_owned(),
        objectives_line: 12,
        report_url: "https://gitlab.example.com/job/1/report.html".to_owned(),
    };
    artifact(kind, &summary(names), objectives, &facts)
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
    let cases = junit_cases(&file(Artifact::Junit, &ODD, &limits()));
    let mut keys: Vec<_> = cases.iter().map(|case| (&case.0, &case.1)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), ODD.len() * 2, "no key twice, none missing");
    assert!(cases.iter().any(|case| case.0 == "peak week.x86 # \"od\""), "names survive as they are");
    assert!(cases.iter().any(|case| case.2 == "passed"));
    let failed: Vec<_> = cases.iter().filter(|case| case.2.starts_with("failure: measured ")).collect();
    assert!(!failed.is_empty() && failed.iter().all(|case| case.1 == "slo wait p95 <= 12.5 s"), "{cases:?}");
    let without = junit_cases(&file(Artifact::Junit, &ODD, &[]));
    assert_eq!(without.len(), ODD.len());
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

#[test]
fn metrics_survive_a_line_splitter() {
    assert_eq!(shell_split("a{b=\"c d\",e='f'}  1.5 rest"), ["a{b=c d,e=f}", "1.5", "rest"]);
    let many: Vec<String> = (0..30).map(|number| format!("fleet {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for names in [&ODD[..], &many[..]] {
        let text = file(Artifact::Metrics, names, &[]);
        assert!(text.ends_with("# EOF\n"));
        let mut seen = std::collections::BTreeSet::new();
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
    }
}

#[test]
fn code_quality_findings_have_what_the_schema_requires() {
    let text = file(Artifact::CodeQuality, &ODD, &limits());
    let findings: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(!findings.is_empty());
    let mut fingerprints = std::collections::BTreeSet::new();
    for finding in &findings {
        assert!(finding["description"].is_string() && finding["check_name"].is_string());
        let severity = finding["severity"].as_str().unwrap();
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity));
        assert_eq!(finding["location"]["path"], "scenarios/peak.toml");
        assert_eq!(finding["location"]["lines"]["begin"], 12);
        assert!(fingerprints.insert(finding["fingerprint"].as_str().unwrap().to_owned()));
    }
    assert_eq!(file(Artifact::CodeQuality, &ODD, &[]).trim(), "[]");
}

#[test]
fn dotenv_keeps_its_limits() {
    let long = "x".repeat(9000);
    let text = file(Artifact::Dotenv, &[&long, "two\nlines"], &limits());
    assert!(text.len() <= 5120);
    assert!(text.lines().count() <= 20);
    for line in text.lines() {
        let (key, value) = line.split_once('=').expect("KEY=VALUE");
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        assert!(!value.is_empty());
    }
}

#[test]
fn annotations_and_the_note_fit() {
    let links: serde_json::Value = serde_json::from_str(&file(Artifact::Annotations, &ODD, &[])).unwrap();
    assert!(links["fleetsim"][0]["external_link"]["url"].as_str().unwrap().starts_with("https://"));
    let note = file(Artifact::Note, &ODD, &limits());
    assert!(note.starts_with("<!-- fleetsim:peak week -->\n"));
    assert!(
        note.contains("graviton\\|spot") && note.contains("&lt;arm &amp; co>") && note.contains("```mermaid")
    );
    let many: Vec<String> = (0..700).map(|number| format!("{number}-{}", "name ".repeat(30))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(file(Artifact::Note, &many, &limits()).len() <= 60_000);
}

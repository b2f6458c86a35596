//! JUnit XML as GitLab reads it (`lib/gitlab/ci/parsers/test/junit.rb`, 2026): suites are shown by `classname`; the key is
//! class name and name, so names are unique and carry no measured value; of a failure only the text counts.

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{ArtifactFacts, measured, objective_name};
use crate::experiment::{ExperimentSummary, Objective, ObjectiveState};

/// One test case.
pub(super) struct Case {
    pub class: String,
    pub name: String,
    /// The scenario file.
    pub file: String,
    /// Nothing where it passed; else `failure` or `skipped`, and why.
    pub verdict: Option<(&'static str, String)>,
}

/// A test case per fleet and objective; where there are no objectives, one per fleet that says that it ran.
pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let mut cases = Vec::new();
    for fleet in &summary.fleets {
        let case = |name: String, verdict| Case {
            class: format!("{}.{}", facts.scenario, fleet.name),
            name,
            file: facts.file.clone(),
            verdict,
        };
        if objectives.is_empty() {
            cases.push(case("simulated".to_owned(), None));
        }
        for objective in objectives {
            let verdict = match objective.judge(fleet.estimate(objective.metric)) {
                ObjectiveState::Met => None,
                ObjectiveState::Missed => Some(("failure", measured(fleet, objective))),
                ObjectiveState::Unclear => Some((
                    "skipped",
                    format!("not clear yet: {}; run more replications", measured(fleet, objective)),
                )),
            };
            cases.push(case(format!("slo {}", objective_name(objective)), verdict));
        }
    }
    document(&cases)
}

/// The document of `cases`.
pub(super) fn document(cases: &[Case]) -> String {
    let mut out = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
    let mut writer = Writer::new_with_indent(&mut out, b' ', 2);
    write(&mut writer, cases).expect("memory can be written");
    out.push(b'\n');
    String::from_utf8(out).expect("names and numbers are text")
}

type Out<'a> = Writer<&'a mut Vec<u8>>;

fn write(writer: &mut Out<'_>, cases: &[Case]) -> std::io::Result<()> {
    let count = |wanted: &str| {
        let told = cases.iter().filter(|case| case.verdict.as_ref().is_some_and(|(kind, _)| *kind == wanted));
        told.count().to_string()
    };
    let (tests, failures, skipped) = (cases.len().to_string(), count("failure"), count("skipped"));
    writer.create_element("testsuites").write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attributes([
            ("name", "fleetsim"),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("skipped", skipped.as_str()),
        ]);
        suite.write_inner_content(|writer| cases.iter().try_for_each(|one| case(writer, one)))?;
        Ok(())
    })?;
    Ok(())
}

fn case(writer: &mut Out<'_>, case: &Case) -> std::io::Result<()> {
    let [class, name, file] = [&case.class, &case.name, &case.file].map(|text| legal(text));
    let element = writer.create_element("testcase").with_attributes([
        ("classname", class.as_str()),
        ("name", name.as_str()),
        ("file", file.as_str()),
        ("time", "0"),
    ]);
    match &case.verdict {
        None => element.write_empty()?,
        Some((verdict, text)) => element.write_inner_content(|writer| {
            writer.create_element(*verdict).write_text_content(BytesText::new(&legal(text)))?;
            Ok(())
        })?,
    };
    Ok(())
}

/// Text without what XML 1.0 forbids even when escaped (section 2.2): control characters and two noncharacters.
fn legal(text: &str) -> String {
    let is_legal = |letter: char| !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|letter| if is_legal(letter) { letter } else { '\u{fffd}' }).collect()
}

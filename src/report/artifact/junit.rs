//! JUnit XML as GitLab reads it (`lib/gitlab/ci/parsers/test/junit.rb`, 2026): suites are shown by `classname`; the key is
//! class name and name, so names are unique and carry no measured value; of a failure only the text counts.

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{ArtifactFacts, measured, objective_name};
use crate::experiment::{ExperimentSummary, Objective, ObjectiveState};

/// A test case per fleet and objective; where there are no objectives, one per fleet that says that it ran.
pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let mut out = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
    let mut writer = Writer::new_with_indent(&mut out, b' ', 2);
    write(&mut writer, summary, objectives, facts).expect("memory can be written");
    out.push(b'\n');
    String::from_utf8(out).expect("names and numbers are text")
}

type Out<'a> = Writer<&'a mut Vec<u8>>;

fn write(
    writer: &mut Out<'_>,
    summary: &ExperimentSummary,
    objectives: &[Objective],
    facts: &ArtifactFacts,
) -> std::io::Result<()> {
    let count = |wanted: ObjectiveState| {
        let states = summary.fleets.iter().flat_map(|fleet| {
            objectives.iter().map(|objective| objective.judge(fleet.estimate(objective.metric)))
        });
        states.filter(|state| *state == wanted).count().to_string()
    };
    let tests = (summary.fleets.len() * objectives.len().max(1)).to_string();
    let (failures, skipped) = (count(ObjectiveState::Missed), count(ObjectiveState::Unclear));
    writer.create_element("testsuites").write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attributes([
            ("name", "fleetsim"),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("skipped", skipped.as_str()),
        ]);
        suite.write_inner_content(|writer| {
            for fleet in &summary.fleets {
                let class = format!("{}.{}", facts.scenario, fleet.name);
                if objectives.is_empty() {
                    case(writer, &class, "simulated", facts, None)?;
                }
                for objective in objectives {
                    let state = objective.judge(fleet.estimate(objective.metric));
                    let verdict = match state {
                        ObjectiveState::Met => None,
                        ObjectiveState::Missed => Some(("failure", measured(fleet, objective))),
                        ObjectiveState::Unclear => Some((
                            "skipped",
                            format!("not clear yet: {}; run more replications", measured(fleet, objective)),
                        )),
                    };
                    let name = format!("slo {}", objective_name(objective));
                    case(writer, &class, &name, facts, verdict)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn case(
    writer: &mut Out<'_>,
    class: &str,
    name: &str,
    facts: &ArtifactFacts,
    verdict: Option<(&str, String)>,
) -> std::io::Result<()> {
    let [class, name, file] = [class, name, facts.file.as_str()].map(legal);
    let case = writer.create_element("testcase").with_attributes([
        ("classname", class.as_str()),
        ("name", name.as_str()),
        ("file", file.as_str()),
        ("time", "0"),
    ]);
    match verdict {
        None => case.write_empty()?,
        Some((element, text)) => case.write_inner_content(|writer| {
            writer.create_element(element).write_text_content(BytesText::new(&legal(&text)))?;
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

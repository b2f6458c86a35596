//! Code Quality JSON (GitLab's `codeclimate.json`, 2026): an array of findings with description, check name, fingerprint,
//! severity and place. Equal fingerprints are shown once, so it is made of what is judged, not of what was measured.

use serde::Serialize;

use super::gate::{self, Gated, test_name};
use super::{ArtifactFacts, measured, objective_name};
use crate::experiment::{ExperimentSummary, GateTest, GateVerdict, Objective, ObjectiveState};
use std::collections::BTreeMap;

/// Something that `validate` says of a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceFinding {
    /// `FS0101`.
    pub code: String,
    /// What is said.
    pub description: String,
    /// Whether it is a mistake, not a costly surprise.
    pub is_mistake: bool,
    /// The file, relative to the repository.
    pub path: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// What tells it from others of its code in the file, whatever their lines: a key, a name.
    pub about: String,
}

/// Code Quality JSON of what `validate` found: mistakes are critical, costly surprises major. Fingerprints are made of code,
/// file and key; where that is not unique, of a count too.
#[must_use]
pub fn places_code_quality(findings: &[PlaceFinding]) -> String {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let findings: Vec<Finding> = findings
        .iter()
        .map(|finding| {
            let path = finding.path.trim_start_matches("./").to_owned();
            let mut print = fingerprint(&[&finding.code, &path, &finding.about]);
            let count = known.entry(print.clone()).or_default();
            *count += 1;
            if *count > 1 {
                print = fingerprint(&[&finding.code, &path, &finding.about, &count.to_string()]);
            }
            Finding {
                description: finding.description.clone(),
                check_name: format!("fleetsim/{}", finding.code),
                fingerprint: print,
                severity: if finding.is_mistake { "critical" } else { "major" },
                location: Location { path, lines: Lines { begin: finding.line.max(1) } },
            }
        })
        .collect();
    json(&findings)
}

fn json(findings: &[Finding]) -> String {
    let mut text = serde_json::to_string_pretty(findings).expect("findings are text and numbers");
    text.push('\n');
    text
}

/// One finding.
#[derive(Serialize)]
struct Finding {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// A finding per fleet and objective that is missed (major) or not clearly kept (minor).
pub(super) fn text(summary: &ExperimentSummary, objectives: &[Objective], facts: &ArtifactFacts) -> String {
    let mut findings = Vec::new();
    for fleet in &summary.fleets {
        for objective in objectives {
            let (check_name, severity, word) = match objective.judge(fleet.estimate(objective.metric)) {
                ObjectiveState::Met => continue,
                ObjectiveState::Missed => ("fleetsim/objective-missed", "major", "misses"),
                ObjectiveState::Unclear => ("fleetsim/objective-unclear", "minor", "does not clearly keep"),
            };
            let name = objective_name(objective);
            let description = format!("{} {word} {name}: {}", fleet.name, measured(fleet, objective));
            let about = [fleet.name.as_str(), &objective.metric.key()];
            findings.push(finding(check_name, severity, description, about, facts));
        }
    }
    json(&findings)
}

/// A finding where the objectives of the scenario stand, about a fleet and what is asked of it.
fn finding(
    check_name: &str,
    severity: &'static str,
    description: String,
    [fleet, asked]: [&str; 2],
    facts: &ArtifactFacts,
) -> Finding {
    Finding {
        description,
        check_name: check_name.to_owned(),
        fingerprint: fingerprint(&[check_name, &facts.file, fleet, asked]),
        severity,
        location: Location {
            path: facts.file.trim_start_matches("./").to_owned(),
            lines: Lines { begin: facts.objectives_line.max(1) },
        },
    }
}

/// A finding per test that the gate does not pass: failures major, what is not clear minor.
pub(super) fn of_gate(gated: &[Gated<'_>]) -> String {
    let mut findings = Vec::new();
    for one in gated {
        for line in one.lines {
            let is_objective = matches!(line.test, GateTest::Objective(_));
            let (check_name, severity, word) = match (line.verdict, is_objective) {
                (GateVerdict::Pass, _) => continue,
                (GateVerdict::Fail, true) => ("fleetsim/objective-missed", "major", "misses"),
                (GateVerdict::Fail, false) => ("fleetsim/regression", "major", "is worse than the"),
                (GateVerdict::Inconclusive, true) => {
                    ("fleetsim/objective-unclear", "minor", "does not clearly keep")
                }
                (GateVerdict::Inconclusive, false) => {
                    ("fleetsim/regression-unclear", "minor", "may be worse than the")
                }
            };
            let name = test_name(&line.test);
            let told = name.strip_prefix("slo ").unwrap_or(&name);
            let description = format!("{} {word} {told}: {}", line.fleet, gate::finding(one, line));
            // An objective is told by its metric, as in the files of a run, so that a finding keeps its fingerprint.
            let asked = match &line.test {
                GateTest::Objective(objective) => objective.metric.key(),
                _ => name.clone(),
            };
            findings.push(finding(check_name, severity, description, [&line.fleet, &asked], &one.facts));
        }
    }
    json(&findings)
}

/// FNV-1a (Fowler, Noll, Vo; 64 bits) over the parts, each closed by a byte that no text contains.
fn fingerprint(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

//! Code Quality JSON (GitLab's `codeclimate.json`, 2026): an array of findings with description, check name, fingerprint,
//! severity and place. Equal fingerprints are shown once, so it is made of what is judged, not of what was measured.

use serde::Serialize;

use super::{ArtifactFacts, measured, objective_name};
use crate::experiment::{ExperimentSummary, Objective, ObjectiveState};
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
            findings.push(Finding {
                description: format!("{} {word} {name}: {}", fleet.name, measured(fleet, objective)),
                check_name: check_name.to_owned(),
                fingerprint: fingerprint(&[check_name, &facts.file, &fleet.name, &objective.metric.key()]),
                severity,
                location: Location {
                    path: facts.file.trim_start_matches("./").to_owned(),
                    lines: Lines { begin: facts.objectives_line.max(1) },
                },
            });
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

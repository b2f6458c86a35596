//! Code Quality JSON (GitLab's `codeclimate.json`, 2026): an array of findings with description, check name, fingerprint,
//! severity and place. Equal fingerprints are shown once, so it is made of what is judged, not of what was measured.

use serde::Serialize;

use super::{ArtifactFacts, measured, objective_name};
use crate::experiment::{ExperimentSummary, Objective, ObjectiveState};

/// One finding.
#[derive(Serialize)]
struct Finding {
    description: String,
    check_name: &'static str,
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
                check_name,
                fingerprint: fingerprint(&[check_name, &facts.file, &fleet.name, &objective.metric.key()]),
                severity,
                location: Location {
                    path: facts.file.trim_start_matches("./").to_owned(),
                    lines: Lines { begin: facts.objectives_line.max(1) },
                },
            });
        }
    }
    let mut text = serde_json::to_string_pretty(&findings).expect("findings are text and numbers");
    text.push('\n');
    text
}

/// FNV-1a (Fowler, Noll, Vo; 64 bits) over the parts, each closed by a byte that no text contains.
fn fingerprint(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

//! The files for CI with what the gate found: a test case per objective and regression, a finding per failure, a note that
//! starts with the verdict.

use super::junit::{Case, document};
use super::{
    Artifact, ArtifactFacts, annotations, code_quality, dotenv, measured_by, note, objective_name,
    open_metrics,
};
use crate::experiment::{ExperimentSummary, GateLine, GateTest, GateVerdict, Objective};
use crate::report::gate::{GateCount, found, tested};
use crate::report::markdown::{escaped, shortened};
use crate::report::verdict::words;

/// A scenario that the gate judged.
#[derive(Clone, Debug)]
pub struct Gated<'a> {
    /// What files say besides the results.
    pub facts: ArtifactFacts,
    /// The fleets as they are now.
    pub summary: &'a ExperimentSummary,
    /// What was asked of them.
    pub objectives: &'a [Objective],
    /// What was found, by fleet.
    pub lines: &'a [GateLine],
}

/// The text of an artifact about everything that was judged together.
#[must_use]
pub fn gate_artifact(kind: Artifact, gated: &[Gated<'_>]) -> String {
    match kind {
        Artifact::Junit => document(&gated.iter().flat_map(cases).collect::<Vec<_>>()),
        Artifact::Metrics => {
            let all: Vec<_> = gated.iter().map(|one| (one.summary, &one.facts)).collect();
            open_metrics::of_all(&all)
        }
        Artifact::CodeQuality => code_quality::of_gate(gated),
        Artifact::Dotenv => variables(gated),
        Artifact::Annotations => annotations::of_all(gated.iter().map(|one| &one.facts)),
        Artifact::Note => note_text(gated),
    }
}

/// What is tested, without any measured value: the same in every run of a scenario.
pub(super) fn test_name(test: &GateTest) -> String {
    match test {
        GateTest::Objective(objective) => format!("slo {}", objective_name(objective)),
        GateTest::Regression(metric) => format!("baseline {}", words(&metric.key())),
        GateTest::Work(counter) => format!("work {}", words(counter)),
    }
}

/// What was found, as a sentence.
pub(super) fn finding(one: &Gated<'_>, line: &GateLine) -> String {
    match &line.test {
        GateTest::Objective(objective) => {
            let replications = one.summary.fleets.iter().find(|fleet| fleet.name == line.fleet);
            measured_by(line.found, objective, replications.map_or(0, |fleet| fleet.replications))
        }
        test => format!("{}: {}", tested(test), found(line)).replace('\u{a0}', " "),
    }
}

fn cases(one: &Gated<'_>) -> Vec<Case> {
    let case = |line: &GateLine| Case {
        class: format!("{}.{}", one.facts.scenario, line.fleet),
        name: test_name(&line.test),
        file: one.facts.file.clone(),
        verdict: match line.verdict {
            GateVerdict::Pass => None,
            GateVerdict::Fail => Some(("failure", finding(one, line))),
            GateVerdict::Inconclusive => {
                Some(("skipped", format!("inconclusive: {}; run more replications", finding(one, line))))
            }
        },
    };
    if one.lines.is_empty() {
        let simulated = |fleet: &crate::experiment::FleetSummary| Case {
            class: format!("{}.{}", one.facts.scenario, fleet.name),
            name: "simulated".to_owned(),
            file: one.facts.file.clone(),
            verdict: None,
        };
        return one.summary.fleets.iter().map(simulated).collect();
    }
    one.lines.iter().map(case).collect()
}

/// The verdict first; of a single scenario the fleet that is chosen as well.
fn variables(gated: &[Gated<'_>]) -> String {
    let count = GateCount::of(gated.iter().flat_map(|one| one.lines));
    let mut out = format!(
        "FLEETSIM_GATE={}\nFLEETSIM_GATE_FAILED={}\nFLEETSIM_GATE_INCONCLUSIVE={}\n",
        count.word(),
        count.failed,
        count.inconclusive
    );
    if let [one] = gated {
        out.push_str(&dotenv::text(one.summary, one.objectives, &one.facts));
    }
    out
}

/// Most tests that are not folded, and characters of a name.
const ROWS: usize = 8;
const NAME: usize = 80;

fn note_text(gated: &[Gated<'_>]) -> String {
    let names: Vec<&str> = gated.iter().map(|one| one.facts.scenario.as_str()).collect();
    let count = GateCount::of(gated.iter().flat_map(|one| one.lines));
    let mut rows: Vec<(GateVerdict, String)> = Vec::new();
    for one in gated {
        for line in one.lines {
            let fleet = if gated.len() > 1 {
                format!("{}: {}", one.facts.scenario, line.fleet)
            } else {
                line.fleet.clone()
            };
            let mark = match line.verdict {
                GateVerdict::Pass => "✓ pass",
                GateVerdict::Fail => "✗ **FAIL**",
                GateVerdict::Inconclusive => "? inconclusive",
            };
            let cells = [shortened(&fleet, NAME), tested(&line.test), found(line)].map(|text| escaped(&text));
            rows.push((line.verdict, format!("| {mark} | {} |\n", cells.join(" | "))));
        }
    }
    let rank = |verdict: GateVerdict| match verdict {
        GateVerdict::Fail => 0,
        GateVerdict::Inconclusive => 1,
        GateVerdict::Pass => 2,
    };
    rows.sort_by_key(|(verdict, _)| rank(*verdict));
    let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
    let head = "| verdict | fleet | test | found |\n|:--|:--|:--|--:|\n";
    let mut parts = vec![
        format!("<!-- fleetsim:check:{} -->\n", note::mark(&names.join(","))),
        format!("**{}**\n\n", escaped(&count.sentence())),
    ];
    if !rows.is_empty() {
        parts.push(format!("{head}{}", rows[..rows.len().min(ROWS)].concat()));
    }
    if rows.len() > ROWS {
        parts.push(format!(
            "\n<details><summary>{} more tests</summary>\n\n{head}{}\n</details>\n",
            rows.len() - ROWS,
            rows[ROWS..].concat()
        ));
    }
    for one in gated {
        parts.push("\n".to_owned());
        parts.extend(note::parts(one.summary, one.objectives, &one.facts));
    }
    note::as_many_as_fit(parts)
}

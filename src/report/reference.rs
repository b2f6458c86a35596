//! The reference as Markdown, made from the tables that the code itself follows: keys, metrics, columns, codes.

use std::fmt::Write;

use super::columns::FILES;
use super::explain::metric_meaning;
use super::format::shown_unit;
use crate::experiment::{Direction, Metric};
use crate::metrics::{CostKind, GaugeKey, JobOutcome, NodeEnd, WaitCause, WasteKind};

const GENERATED: &str =
    "<!-- Made by `fleetsim reference`; a test compares it with the code. Do not edit. -->\n";

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// A key of the scenario language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its name within its table.
    pub name: String,
    /// What may be written, with unit and range.
    pub expected: String,
    /// What holds without it.
    pub default: String,
    /// Other spellings besides camelCase.
    pub aliases: Vec<String>,
    /// What it means.
    pub meaning: String,
}

/// A table of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTable {
    /// Where it stands, such as `node_pool.disruption`; empty for the top level.
    pub path: String,
    /// What it means.
    pub meaning: String,
    /// Its keys.
    pub keys: Vec<KeyRow>,
}

/// Every scenario key, table by table.
#[must_use]
pub fn keys_reference(tables: &[KeyTable]) -> String {
    let mut out = format!("{GENERATED}# Scenario keys\n\n");
    out.push_str(
        "Keys are the originals' in snake_case; camelCase and kebab-case are read as the same. `fleetsim explain KEY` says the \
         same on the terminal, with the source of the default. Every `[fleet.NAME]` changes any of them.\n",
    );
    for table in tables {
        let title =
            if table.path.is_empty() { "Top level".to_owned() } else { format!("`[{}]`", table.path) };
        let _ = write!(out, "\n## {title}\n\n{}\n\n", table.meaning.replace('<', "&lt;"));
        out.push_str("| key | write | default | meaning |\n|:--|:--|:--|:--|\n");
        for key in &table.keys {
            let also = match key.aliases.as_slice() {
                [] => String::new(),
                aliases => format!(
                    " Also {}.",
                    aliases.iter().map(|alias| code(alias)).collect::<Vec<_>>().join(", ")
                ),
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {}{also} |",
                code(&key.name),
                cell(&key.expected),
                cell(&key.default),
                cell(&key.meaning)
            );
        }
    }
    out
}

/// Every metric with its unit, its good direction and its meaning.
#[must_use]
pub fn metrics_reference() -> String {
    let mut out = format!(
        "{GENERATED}# Metrics\n\nWhat `summary.csv`, objectives, `check`, `sweep` and `compare` name. All are counted from the \
         end of the warm-up; intervals are 95 % over replications, differences are paired.\n\n\
         | metric | unit | in files | good | meaning |\n|:--|:--|:--|:--|:--|\n"
    );
    for metric in Metric::all() {
        let (_, unit) = shown_unit(metric.unit());
        let good = match metric.direction() {
            Direction::LowerIsBetter => "less",
            Direction::HigherIsBetter => "more",
            Direction::Neutral => "–",
        };
        let unit = if unit.is_empty() { "a number" } else { unit };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {good} | {} |",
            code(&metric.key()),
            cell(unit),
            code(metric.unit().label()),
            cell(&metric_meaning(metric))
        );
    }
    out
}

/// Every column of every result file, and the words that stand in them.
#[must_use]
pub fn columns_reference() -> String {
    let mut out = format!(
        "{GENERATED}# Columns of the result files\n\nThe order of columns is kept; new ones come at the end. Times are \
         milliseconds of simulated time from the start, empty where the instant never came.\n"
    );
    for file in &FILES {
        let _ = write!(
            out,
            "\n## `{}`\n\nA row is {}.\n\n| column | meaning |\n|:--|:--|\n",
            file.file, file.row
        );
        for (name, meaning) in file.columns {
            let _ = writeln!(out, "| {} | {} |", code(name), cell(meaning));
        }
    }
    let lists: [(&str, Vec<&str>); 6] = [
        ("levels `{level}`", GaugeKey::ALL.iter().map(|key| key.label()).collect()),
        ("causes `{cause}`", WaitCause::ALL.iter().map(|cause| cause.label()).collect()),
        ("`outcome`", JobOutcome::ALL.iter().map(|outcome| outcome.label()).collect()),
        ("`end` of nodes", NodeEnd::ALL.iter().map(|end| end.label()).collect()),
        ("`resource`", CostKind::ALL.iter().map(|kind| kind.label()).collect()),
        ("`category`", WasteKind::ALL.iter().map(|kind| kind.label()).collect()),
    ];
    out.push_str("\n## Words\n\n| where | words |\n|:--|:--|\n");
    for (place, words) in lists {
        let words: Vec<String> = words.into_iter().map(code).collect();
        let _ = writeln!(out, "| {place} | {} |", words.join(", "));
    }
    out
}

/// Names of the columns of a file as its header has them.
#[must_use]
pub fn columns_of(file: &str) -> Vec<String> {
    let columns =
        FILES.iter().find(|known| known.file == file).map(|known| known.columns).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    let mut levels_done = false;
    for (name, _) in columns {
        if name.contains("{cause}") {
            names.extend(WaitCause::ALL.map(|cause| name.replace("{cause}", cause.label())));
        } else if name.contains("{level}") {
            if !levels_done {
                let of = |key: &GaugeKey| {
                    let suffixes = columns.iter().filter_map(|(name, _)| name.strip_prefix("{level}"));
                    suffixes.map(|suffix| format!("{}{suffix}", key.label())).collect::<Vec<_>>()
                };
                names.extend(GaugeKey::ALL.iter().flat_map(of));
                levels_done = true;
            }
        } else {
            names.push((*name).to_owned());
        }
    }
    names
}

/// A code with its title, meaning, example and repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRow {
    /// `FS0101`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// When it is said, and why that matters.
    pub meaning: &'static str,
    /// Text that has it.
    pub example: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Mistakes and costly surprises.
#[must_use]
pub fn codes_reference(codes: &[CodeRow]) -> String {
    let mut out = format!(
        "{GENERATED}# Codes of mistakes and costly surprises\n\nMistakes (`FS00xx`) stop a command with exit code 3. Costly \
         surprises (`FS01xx`) are found by `fleetsim validate --lint`, each with its evidence in a short simulation, a repair, \
         and what the repair is worth in dollars and seconds; with `--strict` they end with exit code 13. \
         `fleetsim explain FS0101` says the same on the terminal.\n"
    );
    for row in codes {
        let _ = write!(
            out,
            "\n## {}: {}\n\n{}\n\n```text\n{}\n```\n\nDo: {}\n",
            row.id,
            row.title,
            row.meaning.replace('<', "&lt;"),
            row.example,
            row.fix.replace('<', "&lt;")
        );
    }
    out
}

/// Exit codes: number and meaning.
#[must_use]
pub fn exits_reference(exits: &[(u8, &str)]) -> String {
    let mut out = format!("{GENERATED}# Exit codes\n\n| code | meaning |\n|--:|:--|\n");
    for (number, meaning) in exits {
        let _ = writeln!(out, "| {number} | {} |", cell(meaning));
    }
    out.push_str("\nGitLab's `allow_failure: exit_codes: [12]` turns an inconclusive gate into a warning.\n");
    out
}

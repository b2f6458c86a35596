//! The table of facts, `expected.txt`: read, checked against EXPECTED.md sentence by sentence, and against the imports.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fleetsim::scenario::import::{Imported, JobStart};
use toml::{Table, Value};

use crate::exports::Export;
use crate::facts::{accepted, folder, imported, look, texts};
use crate::pipelines;

const TABLE: &str = include_str!("expected.txt");

/// A line of the table that is no comment, with its number.
fn lines() -> impl Iterator<Item = (usize, &'static str)> {
    let numbered = TABLE.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.skip(8).filter(|(_, line)| !line.is_empty())
}

#[test]
fn every_sentence_of_the_expectations_has_a_row() {
    let Some(folder) = folder() else { return };
    let whole = fs::read_to_string(folder.join("EXPECTED.md")).unwrap();
    let (_, facts) = whole.split_once("Rules used by several files:").unwrap();
    let expected: Vec<&str> =
        facts.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("## ")).collect();
    let cited: Vec<String> = lines()
        .filter_map(|(_, line)| match line.strip_prefix("> ") {
            Some(cited) => Some(cited.replace(" | ", " ")),
            None => line.starts_with("### ").then(|| line.to_owned()),
        })
        .collect();
    for (one, other) in expected.iter().zip(&cited) {
        assert_eq!(one, other, "the table repeats EXPECTED.md line by line");
    }
    assert_eq!(expected.len(), cited.len());
    let (mut clauses, mut rows) = (0, 0);
    let mut open: Option<(usize, &str, BTreeSet<usize>)> = None;
    let mut close = |open: &mut Option<(usize, &str, BTreeSet<usize>)>| {
        let Some((number, cited, found)) = open.take() else { return };
        let count = cited.split(" | ").count();
        // A line that only names files.
        if found.is_empty() && count == 1 && !cited.contains(": ") {
            return;
        }
        clauses += count;
        let all: BTreeSet<usize> = (1..=count).collect();
        assert_eq!(found, all, "line {number} of the table: clauses with rows, and clauses: {cited}");
    };
    for (number, line) in lines() {
        if let Some(cited) = line.strip_prefix("> ") {
            close(&mut open);
            open = Some((number, cited, BTreeSet::new()));
        } else if line.starts_with("### ") {
            close(&mut open);
        } else if let Some((clause, _)) = line.split_once(' ')
            && let Ok(clause) = clause.parse()
        {
            rows += 1;
            open.as_mut().unwrap_or_else(|| panic!("line {number}: of what?")).2.insert(clause);
        } else {
            assert!(line.starts_with("@ "), "line {number}: {line}");
        }
    }
    close(&mut open);
    println!("{clauses} clauses of EXPECTED.md, {rows} facts");
}

/// What the files of one import gave.
enum Given {
    Scenario { imported: Box<Imported>, document: Value, all: String },
    Export { export: Box<Export>, all: String },
    Refused(String),
}

impl Given {
    fn of(files: &str, wrong: &mut Vec<String>) -> Self {
        let texts = texts(files).unwrap();
        if let [(name, text)] = &texts[..]
            && name.ends_with(".json")
        {
            return match Export::read(name, text) {
                Ok(export) => Self::Export { all: export.text(), export: Box::new(export) },
                Err(error) => Self::Refused(error.to_string()),
            };
        }
        let imported = match imported(&texts) {
            Ok(imported) => imported,
            Err(problems) => return Self::Refused(problems),
        };
        let starts = imported
            .pipeline
            .as_ref()
            .is_none_or(|pipeline| pipeline.jobs.iter().any(|job| job.start == JobStart::OnSuccess));
        if starts && let Err(problem) = accepted(&imported.toml) {
            let short: String = problem.chars().take(1500).collect();
            wrong.push(format!("{files}: not a scenario: {short}"));
        }
        let document = Value::Table(toml::from_str::<Table>(&imported.toml).unwrap());
        let remarks = imported.remarks.iter().map(|remark| format!("{:?}: {}\n", remark.span, remark.text));
        let unused = imported.unused.iter().map(|(path, _)| format!("unused {path}\n"));
        let all = imported.toml.clone() + &remarks.chain(unused).collect::<String>();
        Self::Scenario { imported: Box::new(imported), document, all }
    }

    /// What is found where `fact` says something else, else nothing.
    fn contradicts(&self, fact: &str) -> Option<String> {
        if let Some(text) = fact.strip_prefix("refused ") {
            return match self {
                Self::Refused(message) if message.contains(text) => None,
                Self::Refused(message) => Some(message.clone()),
                _ => Some("it was accepted".to_owned()),
            };
        }
        let all = match self {
            Self::Refused(message) => return Some(format!("it was refused: {message}")),
            Self::Scenario { all, .. } | Self::Export { all, .. } => all,
        };
        if let Some(text) = fact.strip_prefix("? ") {
            return (!all.contains(text)).then(|| format!("no such text in\n{all}"));
        }
        if let Some(text) = fact.strip_prefix("!? ") {
            return all.contains(text).then(|| format!("such a text in\n{all}"));
        }
        if let Some((count, text)) = fact.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) {
            let found = all.matches(text).count().to_string();
            return (found != count).then_some(found);
        }
        let (question, expected) =
            fact.split_once(" = ").or_else(|| Some((fact.strip_suffix(" =")?, ""))).unwrap_or((fact, "?"));
        let found = match self {
            Self::Export { export, .. } => match question.split_once(' ').unwrap() {
                ("raw", question) => export.raw(question),
                (_, question) => export.answer(question),
            },
            Self::Scenario { imported, document, .. } => match question.strip_prefix("p ") {
                Some(question) => pipelines::answer(imported.pipeline.as_ref().unwrap(), question),
                None => look(document, question),
            },
            Self::Refused(_) => String::new(),
        };
        (found != expected).then_some(found)
    }
}

#[test]
fn the_collected_files_import_with_the_facts_stated_of_them() {
    if folder().is_none() {
        println!("../shared/configs is absent: nothing is checked");
        return;
    }
    let known = names_of_tests(Path::new(env!("CARGO_MANIFEST_DIR")));
    let (mut agree, mut wrong) = (0, Vec::new());
    let mut files = "";
    let mut given = Given::Refused("no files".to_owned());
    for (number, line) in lines() {
        if let Some(named) = line.strip_prefix("@ ") {
            files = named;
            given = Given::of(files, &mut wrong);
        } else if let Some((clause, fact)) = line.split_once(' ')
            && clause.parse::<usize>().is_ok()
        {
            let found = match fact.strip_prefix("see ") {
                Some(name) => (!known.contains(name)).then(|| "no such test".to_owned()),
                None => given.contradicts(fact),
            };
            match found {
                None => agree += 1,
                Some(found) => {
                    let short: String = found.chars().take(6000).collect();
                    wrong.push(format!("line {number}: {files}: {fact}: found {short}"));
                }
            }
        }
    }
    println!("{agree} facts agree, {} do not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names of all functions in the tests and in the unit tests of the crate.
fn names_of_tests(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root.join("tests"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let found = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
                names.extend(found.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
            }
        }
    }
    names
}

#[test]
fn every_collected_file_is_imported_or_refused_with_its_place() {
    let Some(root) = folder() else { return };
    let (mut read, mut refused) = (0, Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if ["yaml", "yml", "toml"].contains(&kind) {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                match imported(&texts(&name).unwrap()) {
                    Ok(_) => read += 1,
                    Err(message) => {
                        assert!(message.contains(&format!("{name}:")), "{message}");
                        refused.push(name);
                    }
                }
            }
        }
    }
    println!("{read} imported alone, refused with a place: {refused:?}");
}

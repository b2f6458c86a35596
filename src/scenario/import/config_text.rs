//! The text of a runner's `config.toml`, alone or inside another file: Helm actions taken out, lines traced back.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{self, Item, Table, Value};
use super::super::source::{Source, Span};
use super::reading::Findings;
use super::template;
use crate::gitlab::executor::{LoadErrorClass, RunnerToml, load};
use std::sync::Arc;

/// Stands for a Helm action whose result is not known.
pub(super) const PLACEHOLDER: &str = "helm-placeholder";

/// A runner configuration in its file.
#[derive(Clone, Debug)]
pub(super) struct ConfigText {
    source: Arc<Source>,
    /// Line of the file that the first line of the text is on, from 1.
    first_line: usize,
    text: String,
}

/// The configuration as the runner loads it, and the tree with the places.
pub(super) struct Loaded {
    /// As the runner understands it.
    pub toml: RunnerToml,
    /// The same text as a tree, for places and for keys the runner does not know.
    pub tree: Table,
}

impl ConfigText {
    /// A file that is a `config.toml`.
    pub(super) fn whole(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), first_line: 1, text: source.text.clone() }
    }

    /// A text within a file; `above` is the line before its first. Helm actions become placeholders.
    pub(super) fn within(source: &Arc<Source>, above: &Span, text: &str) -> Self {
        let first_line = above.line_and_column().0 + 1;
        Self { source: Arc::clone(source), first_line, text: without_actions(text) }
    }

    /// The place of a line of the text, from 1, in the file.
    pub(super) fn line(&self, line: usize) -> Span {
        let wanted = self.first_line + line.max(1) - 2;
        let start: usize = self.source.text.split_inclusive('\n').take(wanted).map(str::len).sum();
        let length = self.source.text[start..].lines().next().map_or(0, str::len);
        let blank = self.source.text[start..start + length].len()
            - self.source.text[start..start + length].trim_start().len();
        Span::new(&self.source, start + blank..start + length)
    }

    /// The place in the file of a place in the tree.
    pub(super) fn place(&self, span: &Span) -> Span {
        self.line(span.line_and_column().0)
    }

    /// Loads it as GitLab Runner does; a text that does not load is a mistake.
    pub(super) fn load(&self, findings: &mut Findings) -> Option<Loaded> {
        if let Some(problem) = template::control_line(&self.source, self.first_line) {
            findings.problems.push(problem);
            return None;
        }
        let inner = Source::new(&self.source.name, self.text.strip_prefix('\u{feff}').unwrap_or(&self.text));
        let toml = match load(&self.text) {
            Ok(toml) => toml,
            Err(error) => {
                let span = if error.line == 0 { self.line(1) } else { self.line(error.line) };
                let directive = template::first_directive(&self.source, self.first_line);
                findings.problems.push(match (error.class, directive) {
                    (LoadErrorClass::Syntax, Some(directive)) => directive,
                    (class, _) => {
                        let code = match class {
                            LoadErrorClass::WrongType => Code::WrongType,
                            LoadErrorClass::DuplicateKey => Code::Duplicate,
                            LoadErrorClass::OutOfRange => Code::Range,
                            LoadErrorClass::Syntax => Code::Syntax,
                            _ => Code::Grammar,
                        };
                        let message = format!("GitLab Runner does not load this: {}", error.message);
                        Diagnostic::new(code, span, message, "expected TOML of a runner's config.toml")
                            .help("quantities stand in quotes (cpu_request = \"2\"), concurrent does not")
                    }
                });
                return None;
            }
        };
        match document::parse(&inner) {
            Ok(tree) => Some(Loaded { toml, tree }),
            Err(problems) => {
                let moved = problems
                    .into_iter()
                    .map(|problem| Diagnostic { span: self.place(&problem.span), ..problem });
                findings.problems.extend(moved);
                None
            }
        }
    }
}

/// Helm actions within lines become a placeholder.
fn without_actions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        out.push_str(PLACEHOLDER);
        rest = &rest[start + length + 2..];
    }
    out + rest
}

/// The value of `key`, whose case does not matter to the runner.
pub(super) fn value<'t>(table: &'t Table, key: &str) -> Option<&'t Item> {
    table.entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| &entry.item)
}

/// The tables of an array of tables.
pub(super) fn tables<'t>(table: &'t Table, key: &str) -> Vec<&'t Table> {
    let items = match value(table, key).map(|item| &item.value) {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Table(table) => Some(table),
            _ => None,
        })
        .collect()
}

/// The table at `key`.
pub(super) fn table<'t>(parent: &'t Table, key: &str) -> Option<&'t Table> {
    match value(parent, key).map(|item| &item.value) {
        Some(Value::Table(table)) => Some(table),
        _ => None,
    }
}

/// Every value that is no table, by lower-case path, with its first line as written.
pub(super) fn leaves_of(table: &Table, path: &str, found: &mut Vec<(String, String, Span)>) {
    for entry in &table.entries {
        let key = entry.key.to_ascii_lowercase();
        let own = if path.is_empty() { key } else { format!("{path}.{key}") };
        match &entry.item.value {
            Value::Table(below) => leaves_of(below, &own, found),
            Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
                for item in items {
                    if let Value::Table(below) = &item.value {
                        leaves_of(below, &own, found);
                    }
                }
            }
            _ => {
                let written = entry.item.span.text();
                let shown: String = written.lines().next().unwrap_or_default().chars().take(60).collect();
                found.push((own, shown, entry.key_span.clone()));
            }
        }
    }
}

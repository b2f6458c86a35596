//! Typed looks at YAML values, with complaints that say what was expected. Knows quantities and durations, no tool's keys.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::yaml::{Node, Yaml};
use crate::units::{Mebibytes, Millicores, SimDuration};

/// Something the person who imports should know; it stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub span: Span,
    /// One sentence.
    pub text: String,
}

/// What an import has to say: mistakes, which refuse the import, and remarks.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Mistakes.
    pub problems: Vec<Diagnostic>,
    /// Remarks, in the order found.
    pub remarks: Vec<Remark>,
    /// Whether a placeholder in a value that decides something refuses the text, instead of leaving the value out.
    pub refuse_placeholders: bool,
    /// Values written out for references so far.
    pub expanded: usize,
    /// Keys that were not used, by path.
    pub unused: Vec<(String, Span)>,
}

impl Findings {
    /// Adds a remark, once.
    pub(super) fn remark(&mut self, span: &Span, text: impl Into<String>) {
        let remark = Remark { span: first_line(span), text: text.into() };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Adds a mistake of type: `what` has `node`, but `expected` is due.
    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("`{what}` is {}", node.type_name());
        let label = format!("expected {expected}");
        self.problems.push(Diagnostic::new(Code::WrongType, first_line(&node.span), message, label));
    }

    /// Adds a mistake of grammar.
    pub(super) fn grammar(&mut self, node: &Node, message: String, expected: &str, help: &str) {
        let label = format!("expected {expected}");
        let diagnostic = Diagnostic::new(Code::Grammar, first_line(&node.span), message, label);
        self.problems.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// A scalar as text.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.wrong_type(node, what, "text");
        }
        text
    }

    /// A list of scalars; a lone scalar counts as a list of one.
    pub(super) fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n str> {
        match &node.value {
            Yaml::Scalar(text, _) => vec![text],
            Yaml::List(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            Yaml::Null => Vec::new(),
            Yaml::Map(_) => {
                self.wrong_type(node, what, "a list");
                Vec::new()
            }
        }
    }

    /// The elements of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if !matches!(node.value, Yaml::List(_) | Yaml::Null) {
            self.wrong_type(node, what, "a list");
        }
        node.items()
    }

    /// Whether `node` is a map; complains if not.
    pub(super) fn is_map(&mut self, node: &Node, what: &str) -> bool {
        let is = matches!(node.value, Yaml::Map(_));
        if !is {
            self.wrong_type(node, what, "a map of keys");
        }
        is
    }

    /// Whether `text` is a placeholder: says so, for the person to give the value.
    fn is_placeholder(&mut self, node: &Node, what: &str, text: &str) -> bool {
        let Some(name) = placeholder(text) else { return false };
        let message = format!("`{name}` must be replaced: it decides `{what}`");
        if self.refuse_placeholders {
            self.grammar(
                node,
                message,
                "the rendered value",
                "render the template first and import the result",
            );
        } else {
            self.remark(&node.span, message);
        }
        true
    }

    /// A whole number within `low..=high`.
    pub(super) fn integer(&mut self, node: &Node, what: &str, low: i64, high: i64) -> Option<i64> {
        let text = self.text(node, what)?;
        if self.is_placeholder(node, what, text) {
            return None;
        }
        match text.parse::<i64>() {
            Ok(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                let message = format!("`{what}` is `{}`", shortened(text));
                let label = format!("expected a whole number from {low} to {high}");
                self.problems.push(Diagnostic::new(Code::Range, first_line(&node.span), message, label));
                None
            }
        }
    }

    /// A Kubernetes quantity of CPU, as `500m` or `2`.
    pub(super) fn cpu(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if self.is_placeholder(node, what, text) {
            return None;
        }
        match text.parse::<Millicores>() {
            Ok(cpu) => Some(cpu.to_string()),
            Err(error) => self.quantity(node, what, &error.to_string()),
        }
    }

    /// A Kubernetes quantity of memory, as `512Mi` or `2Gi`.
    pub(super) fn memory(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if self.is_placeholder(node, what, text) {
            return None;
        }
        match text.parse::<Mebibytes>() {
            Ok(memory) => Some(memory.to_string()),
            Err(error) => self.quantity(node, what, &error.to_string()),
        }
    }

    fn quantity<T>(&mut self, node: &Node, what: &str, error: &str) -> Option<T> {
        self.refused(node, what, error, "expected a Kubernetes quantity")
    }

    fn refused<T>(&mut self, node: &Node, what: &str, error: &str, expected: &str) -> Option<T> {
        let (complaint, hint) = error.split_once("; ").unwrap_or((error, ""));
        let diagnostic = Diagnostic::new(
            Code::Quantity,
            first_line(&node.span),
            format!("`{what}`: {complaint}"),
            expected,
        );
        self.problems.push(if hint.is_empty() { diagnostic } else { diagnostic.help(hint) });
        None
    }

    /// A duration in the spelling of Go, or `Never`; the text as it stands.
    pub(super) fn duration<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.text(node, what)?;
        if self.is_placeholder(node, what, text) {
            return None;
        }
        if text == "Never" || text.parse::<SimDuration>().is_ok() {
            return Some(text);
        }
        let error = text.parse::<SimDuration>().err().map(|error| error.to_string()).unwrap_or_default();
        self.refused(node, what, &error, "expected a duration or Never")
    }
}

/// The placeholder in `text`, if it has one: `${X}`, `<<X>>`, `{{ x }}`, `###X###`.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    for (open, close) in [("${", "}"), ("<<", ">>"), ("{{", "}}"), ("###", "###"), ("%{", "}")] {
        if let Some(start) = text.find(open)
            && let Some(length) = text[start + open.len()..].find(close)
        {
            return Some(&text[start..start + open.len() + length + close.len()]);
        }
    }
    None
}

/// The first line of a place: diagnostics point at a line, not at a page.
pub(super) fn first_line(span: &Span) -> Span {
    let first = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.range.start..span.range.start + first)
}

/// At most 40 characters of `text`.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(39).chain(['…']).collect() }
}

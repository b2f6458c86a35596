//! What is wrong with an input and where: stable codes, place, hint, and the text shown to people. Prints nothing itself.

use super::source::Span;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;

/// The stable number of a kind of mistake. Numbers are never given a second meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// `FS0001`: the text is not TOML.
    Syntax,
    /// `FS0002`: no such key here.
    UnknownKey,
    /// `FS0003`: another type of value is due.
    WrongType,
    /// `FS0004`: a quantity without, or with a wrong, unit.
    Quantity,
    /// `FS0005`: outside the allowed range.
    Range,
    /// `FS0006`: not one of the allowed words.
    Choice,
    /// `FS0007`: a key that has no default is absent.
    Missing,
    /// `FS0008`: refers to something that is not there.
    Reference,
    /// `FS0009`: given twice.
    Duplicate,
    /// `FS0010`: a file cannot be read.
    File,
    /// `FS0011`: a row of a trace or price file cannot be used.
    Row,
    /// `FS0012`: a pod that no allowed instance type can hold.
    DoesNotFit,
    /// `FS0013`: keys that contradict each other.
    Conflict,
    /// `FS0014`: an instance type, region or zone the catalogue does not know.
    Catalog,
    /// `FS0015`: a text that does not follow its own grammar (cron, date, toleration, requirement).
    Grammar,
}

impl Code {
    /// The code as shown and documented.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Syntax => "FS0001",
            Self::UnknownKey => "FS0002",
            Self::WrongType => "FS0003",
            Self::Quantity => "FS0004",
            Self::Range => "FS0005",
            Self::Choice => "FS0006",
            Self::Missing => "FS0007",
            Self::Reference => "FS0008",
            Self::Duplicate => "FS0009",
            Self::File => "FS0010",
            Self::Row => "FS0011",
            Self::DoesNotFit => "FS0012",
            Self::Conflict => "FS0013",
            Self::Catalog => "FS0014",
            Self::Grammar => "FS0015",
        }
    }
}

/// One mistake in an input: what, where, what was expected, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind of mistake.
    pub code: Code,
    /// One sentence saying what is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Short text under the caret: what was expected there.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at `span`; `label` stands under the caret and says what was expected.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: label.into(), help: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The full text with source line and caret, with or without terminal colours.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let annotation = AnnotationKind::Primary.span(self.span.range.clone()).label(self.label.as_str());
        let snippet = Snippet::source(self.span.source.text.as_str())
            .path(self.span.source.name.as_str())
            .annotation(annotation);
        let title = Level::ERROR.primary_title(self.message.as_str()).id(self.code.id());
        let mut group = title.element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: message [code]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} [{}]", self.span, self.message, self.code.id())
    }
}

/// Diagnostics in order of file and place, each once: fleets that share a text repeat what is wrong with it.
#[must_use]
pub(super) fn sorted_once(mut all: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(all.len());
    all.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.span.source.name.clone(), d.span.range.start, d.span.range.end, d.code);
        key(a).cmp(&key(b))
    });
    for diagnostic in all {
        if !kept.contains(&diagnostic) {
            kept.push(diagnostic);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[test]
    fn a_diagnostic_shows_file_line_column_caret_and_hint() {
        let source = Source::new("peak.toml", "seed = 1\nconcurent = 5\n");
        let span = Span::new(&source, 9..18);
        let diagnostic = Diagnostic::new(Code::UnknownKey, span, "no key `concurent`", "not a key here")
            .help("did you mean `concurrent`?");
        let text = diagnostic.render(false);
        assert!(text.contains("error[FS0002]: no key `concurent`"), "{text}");
        assert!(text.contains("peak.toml:2:1"), "{text}");
        assert!(text.contains("^^^^^^^^^ not a key here"), "{text}");
        assert!(text.contains("did you mean `concurrent`?"), "{text}");
        assert_eq!(sorted_once(vec![diagnostic.clone(), diagnostic.clone()]).len(), 1);
        assert_eq!(diagnostic.to_string(), "peak.toml:2:1: no key `concurent` [FS0002]");
    }
}

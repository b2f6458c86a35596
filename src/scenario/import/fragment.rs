//! The scenario text that an import produces: keys with a comment that names the source line of each. Decides nothing.

use super::super::source::Span;
use std::fmt::Write;

/// One table of the scenario under construction.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Comment lines above the table.
    pub about: Vec<String>,
    /// `[[node_pool]]`, `[ec2]` …; empty for comments alone.
    pub header: String,
    lines: Vec<Line>,
}

/// One line of a table: its TOML, the remark behind it, and where its value stands in the source, if it does.
#[derive(Debug)]
struct Line {
    toml: String,
    remark: String,
    place: Option<Span>,
}

impl Block {
    /// An empty table.
    pub(super) fn new(header: &str) -> Self {
        Self { header: header.to_owned(), ..Self::default() }
    }

    /// A comment line above the table.
    pub(super) fn about(&mut self, text: impl Into<String>) {
        self.about.push(text.into());
    }

    /// A key taken from `span`; `value` is TOML.
    pub(super) fn taken(&mut self, key: &str, value: impl Into<String>, span: &Span) {
        self.noted_at(key, value, line_of(span), Some(span));
    }

    /// A key with any other remark.
    pub(super) fn noted(&mut self, key: &str, value: impl Into<String>, remark: impl Into<String>) {
        self.noted_at(key, value, remark, None);
    }

    /// A key with any other remark, whose value comes from `place`.
    pub(super) fn noted_at(
        &mut self,
        key: &str,
        value: impl Into<String>,
        remark: impl Into<String>,
        place: Option<&Span>,
    ) {
        self.raw_at(format!("{key} = {}", value.into()), remark, place);
    }

    /// A key with a value that knows its origin.
    pub(super) fn sourced(&mut self, key: &str, value: &super::pool_draft::Sourced) {
        self.noted_at(key, value.text.as_str(), value.remark(), value.place());
    }

    /// A key that the source leaves to a default of `whom`.
    pub(super) fn defaulted(&mut self, key: &str, value: impl Into<String>, whom: &str) {
        self.noted_at(key, value, format!("defaulted: {whom}"), None);
    }

    /// A line as it is, such as an element of a list that spans several lines.
    pub(super) fn raw(&mut self, line: impl Into<String>, remark: impl Into<String>) {
        self.raw_at(line, remark, None);
    }

    /// A line as it is, whose value comes from `place`.
    pub(super) fn raw_at(
        &mut self,
        line: impl Into<String>,
        remark: impl Into<String>,
        place: Option<&Span>,
    ) {
        self.lines.push(Line { toml: line.into(), remark: remark.into(), place: place.cloned() });
    }

    /// Adds the text of the table to `out`, and the place of each of its lines to `places`, which has one element per
    /// line of `out`. The header stands for the first place of the table.
    pub(super) fn write(&self, out: &mut String, places: &mut Vec<Option<Span>>) {
        let before = out.len();
        out.push('\n');
        for line in &self.about {
            let _ = writeln!(out, "# {}", one_line(line));
        }
        if !self.header.is_empty() {
            let _ = writeln!(out, "{}", self.header);
        }
        let first = self.lines.iter().find_map(|line| line.place.clone());
        places.extend(out[before..].lines().map(|_| first.clone()));
        let widths = self.lines.iter().map(|line| line.toml.chars().count()).filter(|width| *width <= 60);
        let column = widths.max().unwrap_or(0);
        for Line { toml, remark, place } in &self.lines {
            if remark.is_empty() {
                let _ = writeln!(out, "{toml}");
            } else {
                let _ = writeln!(out, "{toml:column$} # {}", one_line(remark));
            }
            places.push(place.clone());
        }
    }
}

/// `line 12`, as comments name a place within the file of their block.
pub(super) fn line_of(span: &Span) -> String {
    format!("line {}", span.line_and_column().0)
}

/// A comment must not end early: control characters become blanks.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Text as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Texts as a TOML list.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", parts.join(", "))
}

/// Pairs as an inline TOML table with quoted keys.
pub(super) fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let parts: Vec<String> =
        pairs.into_iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// `text` as a name of the scenario language: letters, digits, `-` and `_`, at most 100 of them.
pub(super) fn name(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' { letter } else { '-' }
    };
    let name: String = text.chars().take(100).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_toml_and_names_are_plain() {
        let text = "a\"b\\c\nd\u{7}ü";
        let document: toml::Table = toml::from_str(&format!("x = {}", quoted(text))).unwrap();
        assert_eq!(document["x"].as_str(), Some(text));
        assert_eq!(name("k8s.runner/1"), "k8s-runner-1");
    }
}

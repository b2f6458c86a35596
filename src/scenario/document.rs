//! A TOML document as a tree of values that know where they stand. Knows no key of ours.

use super::diagnostic::{Code, Diagnostic};
use super::source::{Source, Span};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A TOML value, owned.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Text; dates and times too, as written.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    Array(Vec<Item>),
    /// Keys and values.
    Table(Table),
}

/// Keys with their values, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    /// The entries; keys are unique.
    pub entries: Vec<Entry>,
    /// After checking: keys whose written values could not be used, and an empty name for a key that nobody knows. What
    /// stands there now is not what the user meant.
    pub doubts: Vec<&'static str>,
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key as written, or its canonical spelling after checking.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub item: Item,
}

impl Value {
    /// What a person calls this type of value.
    #[must_use]
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Table {
    /// A table of these entries.
    #[must_use]
    pub(super) const fn of(entries: Vec<Entry>) -> Self {
        Self { entries, doubts: Vec::new() }
    }

    /// The value of `key`.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.item)
    }

    /// The entry of `key`.
    #[must_use]
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Item> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.item)
    }

    /// Takes the entry of `key` out.
    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Sets `entry`, replacing the value of an equal key.
    pub(super) fn set(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }
}

/// Reads `source` as TOML. All syntax errors are reported, not just the first.
///
/// # Errors
/// One diagnostic per syntax error.
pub(super) fn parse(source: &Arc<Source>) -> Result<Table, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    match parse_on(source, &mut problems) {
        Some(table) if problems.is_empty() => Ok(table),
        _ => Err(problems),
    }
}

/// [`parse`] that goes on after what leaves the rest readable: keys given twice and numbers out of range. `None` where what
/// follows a mistake cannot be trusted.
pub(super) fn parse_on(source: &Arc<Source>, problems: &mut Vec<Diagnostic>) -> Option<Table> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let before = problems.len();
    problems.extend(errors.iter().map(|error| syntax(source, error)));
    if problems[before..].iter().any(|problem| problem.code != Code::Duplicate) {
        return None;
    }
    Some(convert_table(source, document.get_ref(), problems))
}

/// Reads one TOML value that stands in `source` from byte `offset` on; anything unreadable is text, as shells strip quotes.
#[must_use]
pub(super) fn parse_value(source: &Arc<Source>, offset: usize) -> Item {
    let text = &source.text[offset..];
    let whole = Span::new(source, offset..source.text.len());
    let as_text = || Item { value: Value::Text(text.to_owned()), span: whole.clone() };
    let Ok(value) = DeValue::parse(text) else { return as_text() };
    let standalone = Source::new(&source.name, text);
    let mut problems = Vec::new();
    let item = convert(&standalone, value.get_ref(), value.span(), &mut problems);
    if problems.is_empty() { Item { value: item.value, span: whole } } else { as_text() }
}

fn syntax(source: &Arc<Source>, error: &toml::de::Error) -> Diagnostic {
    let span = Span::new(source, error.span().unwrap_or(0..0));
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    if message.contains("duplicate key") {
        return Diagnostic::new(Code::Duplicate, span, message, "given a second time")
            .help("keep one of the two; a table is opened once, list elements with [[…]]");
    }
    let label = if expected.is_empty() { "here".to_owned() } else { format!("expected {expected}") };
    Diagnostic::new(Code::Syntax, span, format!("this is not TOML: {message}"), label)
        .help("a line reads `key = value`; text stands in quotes: \"30s\"")
}

fn convert_table(source: &Arc<Source>, table: &DeTable<'_>, problems: &mut Vec<Diagnostic>) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: Span::new(source, key.span()),
            item: convert(source, value.get_ref(), value.span(), problems),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.range.start);
    Table::of(entries)
}

fn convert(
    source: &Arc<Source>,
    value: &DeValue<'_>,
    range: std::ops::Range<usize>,
    problems: &mut Vec<Diagnostic>,
) -> Item {
    let span = Span::new(source, range);
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                problems.push(Diagnostic::new(
                    Code::Range,
                    span.clone(),
                    format!("`{number}` is out of range"),
                    "more than 64 bits",
                ));
                Value::Integer(0)
            }
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::Array(
            items.iter().map(|item| convert(source, item.get_ref(), item.span(), problems)).collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(source, table, problems)),
    };
    Item { value, span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places_and_keys_their_order() {
        let source = Source::new("a.toml", "z = 1\na = \"x\"\n[t]\nk = [1.5, true]\n");
        let table = parse(&source).unwrap();
        let keys: Vec<_> = table.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["z", "a", "t"]);
        assert_eq!(table.get("a").unwrap().span.line_and_column(), (2, 5));
        let Value::Table(inner) = &table.get("t").unwrap().value else { panic!("a table") };
        assert_eq!(inner.get("k").unwrap().span.text(), "[1.5, true]");
    }

    #[test]
    fn every_syntax_error_is_reported() {
        let source = Source::new("a.toml", "a = \nb = 1\nc = [1,\nd = = 2\n");
        let errors = parse(&source).unwrap_err();
        assert!(errors.len() >= 2, "{errors:?}");
        assert!(errors.iter().all(|error| error.code == Code::Syntax), "{errors:?}");
        let twice = parse(&Source::new("a.toml", "a = 1\na = 2\n")).unwrap_err();
        assert_eq!(twice[0].code, Code::Duplicate);
    }

    #[test]
    fn a_value_on_the_command_line_may_leave_out_its_quotes() {
        let source = Source::new("--set", "a.b=5m");
        assert_eq!(parse_value(&source, 4).value, Value::Text("5m".to_owned()));
        let list = Source::new("--set", "a=[1, 2]");
        assert!(matches!(parse_value(&list, 2).value, Value::Array(items) if items.len() == 2));
    }
}

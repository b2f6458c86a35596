//! Reads values out of a TOML table the way the runner's loader does: keys match without regard to case, unknown ones
//! are ignored, types must fit exactly.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::gitlab::executor::runner_toml::{LoadError, LoadErrorClass};

/// A table with the text it came from.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    text: &'a str,
    table: &'a DeTable<'a>,
}

type Found<'a> = (Range<usize>, &'a DeValue<'a>);

impl<'a> Fields<'a> {
    pub(super) fn new(text: &'a str, table: &'a DeTable<'a>) -> Self {
        Self { text, table }
    }

    /// The value of `key`: spelled exactly so, else without regard to case.
    fn find(&self, key: &str) -> Option<Found<'a>> {
        let found =
            |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| (name.span(), value.get_ref());
        let exact = self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key);
        let folded = || self.table.iter().find(|(name, _)| name.get_ref().eq_ignore_ascii_case(key));
        exact.or_else(folded).map(found)
    }

    pub(super) fn error(&self, class: LoadErrorClass, at: usize, message: String) -> LoadError {
        LoadError { class, line: line_of(self.text, at), message }
    }

    fn wrong_type(&self, key: &str, at: &Range<usize>, expected: &str) -> LoadError {
        self.error(LoadErrorClass::WrongType, at.start, format!("`{key}` must be {expected}"))
    }

    pub(super) fn string(&self, key: &str) -> Result<String, LoadError> {
        match self.find(key) {
            None => Ok(String::new()),
            Some((_, DeValue::String(text))) => Ok(text.to_string()),
            Some((at, _)) => Err(self.wrong_type(key, &at, "a string")),
        }
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, LoadError> {
        match self.find(key) {
            None => Ok(None),
            Some((at, DeValue::Integer(number))) => {
                let digits = number.as_str().replace('_', "");
                let range = |_| {
                    self.error(
                        LoadErrorClass::OutOfRange,
                        at.start,
                        format!("`{key}` does not fit into 64 bits"),
                    )
                };
                i64::from_str_radix(&digits, number.radix()).map(Some).map_err(range)
            }
            Some((at, _)) => Err(self.wrong_type(key, &at, "an integer")),
        }
    }

    /// A real number, which may be written as an integer; zero where it is absent.
    pub(super) fn number(&self, key: &str) -> Result<f64, LoadError> {
        match self.find(key) {
            Some((at, DeValue::Float(number))) => {
                number.as_str().replace('_', "").parse().map_err(|_| self.wrong_type(key, &at, "a number"))
            }
            _ => self.integer(key).map(|number| number.unwrap_or(0) as f64),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Result<bool, LoadError> {
        match self.find(key) {
            None => Ok(false),
            Some((_, DeValue::Boolean(value))) => Ok(*value),
            Some((at, _)) => Err(self.wrong_type(key, &at, "true or false")),
        }
    }

    /// A duration in nanoseconds: a Go duration, or an integer of them.
    pub(super) fn duration_ns(&self, key: &str) -> Result<Option<i64>, LoadError> {
        let Some((at, DeValue::String(text))) = self.find(key) else { return self.integer(key) };
        let bad = || self.error(LoadErrorClass::BadDuration, at.start, format!("`{text}` is no duration"));
        go_duration_ns(text).map(Some).ok_or_else(bad)
    }

    /// A list of strings.
    pub(super) fn strings(&self, key: &str) -> Result<Vec<String>, LoadError> {
        let Some((at, value)) = self.find(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong_type(key, &at, "a list of strings");
        let DeValue::Array(items) = value else { return Err(wrong()) };
        let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(wrong()),
        };
        items.iter().map(text).collect()
    }

    /// A string or a list of strings.
    pub(super) fn string_or_strings(&self, key: &str) -> Result<Vec<String>, LoadError> {
        match self.find(key) {
            Some((_, DeValue::String(text))) => Ok(vec![text.to_string()]),
            _ => self.strings(key),
        }
    }

    /// A table of strings; a value that is no table is ignored, as the runner's decoder does.
    pub(super) fn string_map(&self, key: &str) -> Result<Option<BTreeMap<String, String>>, LoadError> {
        self.map(key, |fields, name, at, value| match value {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(fields.wrong_type(name, at, "a string")),
        })
    }

    /// A table of booleans; a value that is no table is ignored.
    pub(super) fn boolean_map(&self, key: &str) -> Result<Option<BTreeMap<String, bool>>, LoadError> {
        self.map(key, |fields, name, at, value| match value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(fields.wrong_type(name, at, "true or false")),
        })
    }

    fn map<T>(
        &self,
        key: &str,
        read: impl Fn(&Self, &str, &Range<usize>, &DeValue<'_>) -> Result<T, LoadError>,
    ) -> Result<Option<BTreeMap<String, T>>, LoadError> {
        let Some((_, DeValue::Table(table))) = self.find(key) else { return Ok(None) };
        let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name_text: &std::borrow::Cow<'_, str> = name.get_ref();
            Ok((name_text.to_string(), read(self, name_text, &name.span(), value.get_ref())?))
        };
        table.iter().map(pair).collect::<Result<_, _>>().map(Some)
    }

    /// A table.
    pub(super) fn table(&self, key: &str) -> Result<Option<Self>, LoadError> {
        match self.find(key) {
            None => Ok(None),
            Some((_, DeValue::Table(table))) => Ok(Some(Self { table, ..*self })),
            Some((at, _)) => Err(self.wrong_type(key, &at, "a table")),
        }
    }

    /// An array of tables.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<Self>, LoadError> {
        let Some((at, value)) = self.find(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong_type(key, &at, "a list of tables");
        let DeValue::Array(items) = value else { return Err(wrong()) };
        let table = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::Table(table) => Ok(Self { table, ..*self }),
            _ => Err(wrong()),
        };
        items.iter().map(table).collect()
    }
}

/// The line, from 1, of the byte at `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// A duration as Go's `time.ParseDuration` reads it, in nanoseconds.
fn go_duration_ns(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let mut rest = unsigned;
    let mut total = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    (!unsigned.is_empty()).then_some((sign * total) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, ns) in
            [("0", 0), ("9m30s", 570_000_000_000), ("1.5h", 5_400_000_000_000), ("-2ms", -2_000_000)]
        {
            assert_eq!(go_duration_ns(text), Some(ns), "{text}");
        }
        for text in ["", "soon", "5", "1d", "s"] {
            assert_eq!(go_duration_ns(text), None, "{text}");
        }
    }
}

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

/// Numbers must fit into 64 bits under every key, known or not: the runner's parser reads them all before any key counts
/// (github.com/BurntSushi/toml v1.6.0, `parse.go valueInteger`, `valueFloat`).
pub(super) fn check_numbers(text: &str, table: &DeTable<'_>) -> Result<(), LoadError> {
    table.iter().try_for_each(|(_, value)| check_number(text, value))
}

fn check_number(text: &str, value: &Spanned<DeValue<'_>>) -> Result<(), LoadError> {
    let wrong = |class: LoadErrorClass, what: &str| {
        let message = format!("a number {what}");
        Err(LoadError { class, line: line_of(text, value.span().start), message })
    };
    let out_of_range = || wrong(LoadErrorClass::OutOfRange, "does not fit into 64 bits");
    match value.get_ref() {
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let mut unsigned = digits.trim_start_matches(['+', '-']).chars();
            match i64::from_str_radix(&digits, number.radix()) {
                Ok(_) => Ok(()),
                Err(_) if unsigned.all(|digit| digit.is_digit(number.radix())) => out_of_range(),
                Err(_) => wrong(LoadErrorClass::Syntax, "has other signs than digits"),
            }
        }
        DeValue::Float(number) => {
            let digits = number.as_str().replace('_', "");
            match digits.parse::<f64>() {
                Ok(number) if number.is_infinite() && !digits.ends_with("inf") => out_of_range(),
                Ok(_) => Ok(()),
                Err(_) => wrong(LoadErrorClass::Syntax, "has other signs than digits"),
            }
        }
        DeValue::Array(items) => items.iter().try_for_each(|item| check_number(text, item)),
        DeValue::Table(below) => check_numbers(text, below),
        _ => Ok(()),
    }
}

/// The line, from 1, of the byte at `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// A duration as Go's `time.ParseDuration` reads it, in nanoseconds: fractions are cut off, what does not fit is none.
fn go_duration_ns(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let mut rest = unsigned;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, tail) = digits(rest);
        let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let factor = match unit {
            "ns" => 1_u64,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole = if whole.is_empty() && !fraction.is_empty() { "0" } else { whole };
        let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
        // More digits than these do not reach a nanosecond of the longest unit.
        let fraction = &fraction[..fraction.len().min(18)];
        let part = u128::from(fraction.parse::<u64>().unwrap_or(0)) * u128::from(factor)
            / 10_u128.pow(fraction.len() as u32);
        total = total.checked_add(whole)?.checked_add(part as u64)?;
        rest = after;
    }
    let signed = if text.starts_with('-') { -i128::from(total) } else { i128::from(total) };
    i64::try_from(signed).ok().filter(|_| !unsigned.is_empty())
}

/// Leading digits of `text`, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_unknown_keys_must_fit_too() {
        let class = |text: &str| {
            let table = DeTable::parse(text).expect("it is TOML");
            check_numbers(text, table.get_ref()).err().map(|error| (error.class, error.line))
        };
        assert_eq!(class("a = 1\nb = [{ c = 99999999999999999999 }]"), Some((LoadErrorClass::OutOfRange, 2)));
        assert_eq!(class("a = 1e999"), Some((LoadErrorClass::OutOfRange, 1)));
        assert_eq!(class("a = inf\nb = -9223372036854775808\nc = 1_000.5"), None);
    }

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, ns) in [
            ("0", 0),
            ("9m30s", 570_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("-2ms", -2_000_000),
            ("2.3h", 8_280_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
        ] {
            assert_eq!(go_duration_ns(text), Some(ns), "{text}");
        }
        for text in ["", "soon", "5", "1d", "s", ".s", "2562048h", "9223372036854775808ns"] {
            assert_eq!(go_duration_ns(text), None, "{text}");
        }
    }
}

//! Typed access to a checked and completed document. The key reference promises type and presence.

use super::document::{Item, Table, Value};
use super::source::Span;
use crate::units::{Mebibytes, Millicores, SimDuration};

impl Table {
    /// The value of a key that the reference gives a default or requires.
    fn present(&self, key: &str) -> &Item {
        self.get(key).unwrap_or_else(|| panic!("the key reference gives `{key}` a default"))
    }

    /// Where `key` stands, or the value's own table if it was left out.
    pub(super) fn span(&self, key: &str) -> Span {
        self.present(key).span.clone()
    }

    /// Text; empty where the key is absent.
    pub(super) fn text(&self, key: &str) -> &str {
        match self.get(key).map(|item| &item.value) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Text, if given and not empty.
    pub(super) fn text_if(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    /// A flag; `false` where absent.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.flag_if(key).unwrap_or(false)
    }

    /// A flag, if given.
    pub(super) fn flag_if(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Boolean(flag) => Some(flag),
            _ => None,
        }
    }

    /// A whole number, if given. Most ranges of the reference admit no negative ones.
    pub(super) fn integer_if(&self, key: &str) -> Option<u64> {
        match self.get(key)?.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    /// A whole number that may be negative and has a default.
    pub(super) fn signed(&self, key: &str) -> i64 {
        match self.get(key).map(|item| &item.value) {
            Some(Value::Integer(number)) => *number,
            _ => panic!("the key reference gives `{key}` a default"),
        }
    }

    /// A whole number with a default.
    pub(super) fn integer(&self, key: &str) -> u64 {
        self.integer_if(key).unwrap_or_else(|| panic!("the key reference gives `{key}` a default"))
    }

    /// A number, if given.
    pub(super) fn number_if(&self, key: &str) -> Option<f64> {
        match self.get(key)?.value {
            Value::Float(number) => Some(number),
            Value::Integer(number) => Some(number as f64),
            _ => None,
        }
    }

    /// A number with a default.
    pub(super) fn number(&self, key: &str) -> f64 {
        self.number_if(key).unwrap_or_else(|| panic!("the key reference gives `{key}` a default"))
    }

    /// A duration, if given; `Never` is [`SimDuration::MAX`].
    pub(super) fn duration_if(&self, key: &str) -> Option<SimDuration> {
        duration(self.get(key)?)
    }

    /// A duration with a default.
    pub(super) fn duration(&self, key: &str) -> SimDuration {
        self.duration_if(key).unwrap_or_else(|| panic!("the key reference gives `{key}` a default"))
    }

    /// CPU, if given.
    pub(super) fn cpu_if(&self, key: &str) -> Option<Millicores> {
        self.text_if(key)?.parse().ok()
    }

    /// Memory, if given.
    pub(super) fn memory_if(&self, key: &str) -> Option<Mebibytes> {
        self.text_if(key)?.parse().ok()
    }

    /// The elements of a list; none where absent.
    pub(super) fn list(&self, key: &str) -> &[Item] {
        match self.get(key).map(|item| &item.value) {
            Some(Value::Array(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list; none where absent.
    pub(super) fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.list(key).iter().filter_map(|item| match &item.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The tables of a list, without those switched off by `enabled = false`.
    pub(super) fn tables(&self, key: &str) -> impl Iterator<Item = (&Self, &Span)> {
        self.list(key).iter().filter_map(|item| match &item.value {
            Value::Table(table) if table.flag_if("enabled") != Some(false) => Some((table, &item.span)),
            _ => None,
        })
    }

    /// A table that the reference promises.
    pub(super) fn section(&self, key: &str) -> &Self {
        match &self.present(key).value {
            Value::Table(table) => table,
            _ => panic!("the key reference makes `{key}` a table"),
        }
    }

    /// The text values of a map in the order of the text.
    pub(super) fn map(&self, key: &str) -> impl Iterator<Item = (&str, &str, &Span)> {
        let table = match self.get(key).map(|item| &item.value) {
            Some(Value::Table(table)) => table.entries.as_slice(),
            _ => &[],
        };
        table.iter().filter_map(|entry| match &entry.item.value {
            Value::Text(text) => Some((entry.key.as_str(), text.as_str(), &entry.key_span)),
            _ => None,
        })
    }
}

/// A duration value.
pub(super) fn duration(item: &Item) -> Option<SimDuration> {
    match &item.value {
        Value::Text(text) if text == "Never" => Some(SimDuration::MAX),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

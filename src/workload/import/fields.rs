//! Values as the APIs write them: texts borrowed from the record, identifiers, times and spans. Knows no API.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::Identifier;
use super::error::Fault;
use crate::workload::RowProblem;
use crate::workload::trace::number;

/// Longest duration and wait that are read: a hundred years, as in traces.
const LONGEST_MS: i64 = 100 * 366 * 86_400_000;

/// A text, borrowed where it has no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text that is there, or none.
pub(super) fn text<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", Text::as_str)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// An identifier: a whole number of zero or more, or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id<'a> {
    Number(u64),
    Text(Text<'a>),
}

impl Id<'_> {
    pub(super) fn identifier(&self) -> Identifier<'_> {
        match self {
            Self::Number(number) => Identifier::Number(*number),
            Self::Text(text) => Identifier::Text(text.as_str()),
        }
    }
}

/// The identifier that is there, or the empty text.
pub(super) fn identifier<'t>(id: Option<&'t Id<'_>>) -> Identifier<'t> {
    id.map_or(Identifier::Text(""), Id::identifier)
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a whole number of zero or more, or a text")
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Id<'de>, E> {
        Ok(Id::Number(number))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Id<'de>, E> {
        Ok(Id::Text(Text(Cow::Borrowed(text))))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Id<'de>, E> {
        Ok(Id::Text(Text(Cow::Owned(text.to_owned()))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// A time in ms since 1970; `None` where there is none.
pub(super) fn instant(text: Option<&Text<'_>>, key: &'static str) -> Result<Option<i64>, Fault> {
    let Some(text) = text.filter(|text| !text.as_str().is_empty()) else { return Ok(None) };
    let read = number::timestamp_ms(text.as_str().as_bytes());
    read.map(Some).map_err(|problem| Fault::new(problem, key, text.as_str()))
}

/// A span written as seconds, in ms.
pub(super) fn span_ms(seconds: f64, key: &'static str) -> Result<u64, Fault> {
    let fault = |problem| Fault::new(problem, key, seconds.to_string());
    let ms = (seconds * 1000.0).round();
    if ms < 0.0 {
        Err(fault(RowProblem::Negative))
    } else if ms > LONGEST_MS as f64 {
        Err(fault(RowProblem::TooLarge))
    } else {
        Ok(ms as u64)
    }
}

/// From one instant to another that must not be earlier.
pub(super) fn between(from: i64, to: i64, key: &'static str) -> Result<u64, Fault> {
    let ms = to - from;
    if ms < 0 {
        let found = format!("{} ms before the start", -ms);
        Err(Fault::new(RowProblem::FinishedBeforeStarted, key, found))
    } else if ms > LONGEST_MS {
        Err(Fault::new(RowProblem::TooLarge, key, format!("{ms} ms after the start")))
    } else {
        Ok(ms as u64)
    }
}

/// A wait as rows keep it: at most 49 days.
pub(super) fn wait(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

/// Tags as rows keep them.
pub(super) fn joined<'t>(tags: impl Iterator<Item = &'t str>, into: &mut String) {
    into.clear();
    for tag in tags.filter(|tag| !tag.is_empty()) {
        if !into.is_empty() {
            into.push(';');
        }
        into.push_str(tag);
    }
}

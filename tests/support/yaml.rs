//! YAML as plain values, for files that tests read: mappings, sequences and texts.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use saphyr_parser::{Event, Parser};

/// A value; every scalar is a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    /// A scalar.
    Text(String),
    /// A sequence.
    List(Vec<Self>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Self)>),
}

impl Yaml {
    /// The first document of `text`.
    pub fn parse(text: &str) -> Self {
        let mut open: Vec<(Self, Option<String>)> = Vec::new();
        let mut whole = None;
        for event in Parser::new_from_str(text) {
            let (event, _) = event.expect("it is YAML");
            let done = match event {
                Event::Scalar(text, ..) => Self::Text(text.into_owned()),
                Event::SequenceStart(..) => {
                    open.push((Self::List(Vec::new()), None));
                    continue;
                }
                Event::MappingStart(..) => {
                    open.push((Self::Map(Vec::new()), None));
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => open.pop().expect("it was opened").0,
                _ => continue,
            };
            match open.last_mut() {
                None => whole = whole.or(Some(done)),
                Some((Self::List(items), _)) => items.push(done),
                Some((Self::Map(entries), key)) => match (key.take(), done) {
                    (None, Self::Text(text)) => *key = Some(text),
                    (None, other) => panic!("a key is a text: {other:?}"),
                    (Some(name), value) => {
                        assert!(entries.iter().all(|(known, _)| *known != name), "{name} is there twice");
                        entries.push((name, value));
                    }
                },
                Some((Self::Text(_), _)) => unreachable!("texts are not open"),
            }
        }
        whole.expect("there is a document")
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| match value {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        })
    }

    /// The scalar at a path.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The texts of the sequence at a path.
    pub fn texts(&self, path: &[&str]) -> Vec<&str> {
        match self.at(path) {
            Some(Self::List(items)) => items
                .iter()
                .filter_map(|item| match item {
                    Self::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Keys of the mapping at a path.
    pub fn keys(&self, path: &[&str]) -> Vec<&str> {
        match self.at(path) {
            Some(Self::Map(entries)) => entries.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

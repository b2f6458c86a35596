//! A map from what jobs are called to what they need: `map.toml`, read with places, applied to every distinct job once.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use toml::Spanned;

use super::{ImportError, JobRow};
use crate::units::{Mebibytes, Millicores};
use crate::workload::{ArchChoice, Pattern, Unmapped};

/// Distinct jobs remembered at most; beyond, all are forgotten and decided again.
const REMEMBERED: usize = 1 << 16;
/// Unmatched jobs listed at most.
const EXAMPLES: usize = 100;

/// Rules for jobs whose export does not say what they need. The first rule that matches decides; what the export itself
/// says is never overwritten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobMap {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: Option<Pattern>,
    stage: Option<Pattern>,
    pipeline: Option<Pattern>,
    tags: Vec<Pattern>,
    class: String,
    cpu: Option<Millicores>,
    memory: Option<Mebibytes>,
    arch: Option<ArchChoice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapFile {
    #[serde(default)]
    rule: Vec<RuleKeys>,
}

/// The keys have the names of `[[workload.rule]]` in scenarios.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleKeys {
    #[serde(alias = "name", alias = "job_name")]
    job: Option<String>,
    stage: Option<String>,
    pipeline: Option<String>,
    #[serde(default, alias = "match_tags")]
    has_tags: Vec<String>,
    #[serde(default)]
    class: String,
    #[serde(alias = "cpu_request")]
    cpu: Option<Spanned<String>>,
    #[serde(alias = "memory_request")]
    memory: Option<Spanned<String>>,
    arch: Option<Spanned<Vec<String>>>,
}

impl JobMap {
    /// Reads a map from `text`, which people know as `file`.
    ///
    /// # Errors
    /// What is not TOML, keys that are not known, quantities and architectures that cannot be.
    pub fn parse(text: &str, file: &str) -> Result<Self, ImportError> {
        let wrong = |at: usize, message: String, hint: &str| {
            let before = &text.as_bytes()[..at.min(text.len())];
            let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
            ImportError::at(file, (line, column), message, hint).showing(text.as_bytes(), at)
        };
        let read: MapFile = toml::from_str(text).map_err(|error| {
            let hint = "a map is a list of [[rule]] with job, stage, pipeline, has_tags and class, cpu, memory, arch";
            wrong(error.span().map_or(0, |span| span.start), error.message().to_owned(), hint)
        })?;
        let mut rules = Vec::new();
        for keys in read.rule {
            let arch = match &keys.arch {
                None => None,
                Some(names) => Some(arch_of(names.get_ref()).ok_or_else(|| {
                    let message = "not a list of architectures".to_owned();
                    wrong(names.span().start, message, "expected [\"amd64\"], [\"arm64\"] or both")
                })?),
            };
            let cpu = keys.cpu.as_ref().map(|cpu| {
                let hint = "expected a Kubernetes quantity such as \"500m\"";
                cpu.get_ref().parse().map_err(|error| wrong(cpu.span().start, format!("{error}"), hint))
            });
            let memory = keys.memory.as_ref().map(|memory| {
                let hint = "expected a Kubernetes quantity such as \"4Gi\"";
                memory.get_ref().parse().map_err(|error| wrong(memory.span().start, format!("{error}"), hint))
            });
            let pattern = |text: Option<String>| text.map(|text| Pattern::new(&text));
            rules.push(Rule {
                name: pattern(keys.job),
                stage: pattern(keys.stage),
                pipeline: pattern(keys.pipeline),
                tags: keys.has_tags.iter().map(|tag| Pattern::new(tag)).collect(),
                class: keys.class,
                cpu: cpu.transpose()?,
                memory: memory.transpose()?,
                arch,
            });
        }
        Ok(Self { rules })
    }
}

fn arch_of(names: &[String]) -> Option<ArchChoice> {
    let (mut amd64, mut arm64) = (false, false);
    for name in names {
        match name.as_str() {
            "amd64" => amd64 = true,
            "arm64" => arm64 = true,
            _ => return None,
        }
    }
    match (amd64, arm64) {
        (true, true) => Some(ArchChoice::Either),
        (true, false) => Some(ArchChoice::Amd64),
        (false, true) => Some(ArchChoice::Arm64),
        (false, false) => None,
    }
}

/// A map at work.
#[derive(Debug)]
pub(super) struct Mapping {
    map: JobMap,
    known: FxHashMap<Box<str>, (Option<u32>, Option<u32>)>,
    uses_pipeline: bool,
    key: String,
    pub(super) unmatched: u64,
    pub(super) examples: Vec<Unmapped>,
}

impl Mapping {
    pub(super) fn new(map: JobMap) -> Self {
        let uses_pipeline = map.rules.iter().any(|rule| rule.pipeline.is_some());
        let (known, key) = (FxHashMap::default(), String::new());
        Self { map, known, uses_pipeline, key, unmatched: 0, examples: Vec::new() }
    }

    /// `row` with what it does not say itself filled in.
    pub(super) fn completed<'a>(&'a mut self, mut row: JobRow<'a>) -> JobRow<'a> {
        use std::fmt::Write;
        self.key.clear();
        let _ = write!(self.key, "{}\u{1f}{}\u{1f}{}", row.name, row.tags, row.stage);
        if self.uses_pipeline {
            let _ = write!(self.key, "\u{1f}{}", row.pipeline);
        }
        let (rule, example) = match self.known.get(self.key.as_str()) {
            Some(known) => *known,
            None => self.decide(&row),
        };
        let Some(rule) = rule else {
            self.unmatched += 1;
            if let Some(example) = example {
                self.examples[example as usize].rows += 1;
            }
            return row;
        };
        let rule = &self.map.rules[rule as usize];
        row.class = &rule.class;
        row.cpu_millis = row.cpu_millis.or(rule.cpu.map(|cpu| cpu.0));
        row.memory_mib = row.memory_mib.or(rule.memory.map(|memory| memory.0));
        row.arch = row.arch.or(rule.arch);
        row
    }

    fn decide(&mut self, row: &JobRow<'_>) -> (Option<u32>, Option<u32>) {
        let pipeline = row.pipeline.to_string();
        let fits = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text.as_bytes()))
        };
        let rule = self.map.rules.iter().position(|rule| {
            let has = |tag: &Pattern| row.tags.split(';').any(|of_row| tag.matches_tag(of_row.as_bytes()));
            fits(&rule.name, row.name)
                && fits(&rule.stage, row.stage)
                && fits(&rule.pipeline, &pipeline)
                && rule.tags.iter().all(has)
        });
        let lists = rule.is_none() && self.examples.len() < EXAMPLES;
        let example = lists.then(|| {
            self.examples.push(Unmapped { tags: row.tags.to_owned(), name: row.name.to_owned(), rows: 0 });
            self.examples.len() as u32 - 1
        });
        let decision = (rule.map(|rule| rule as u32), example);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(self.key.as_str().into(), decision);
        decision
    }
}

//! From what a row says (name, tags, stage, pipeline) to a class: ordered rules, remembered per distinct text.

use rustc_hash::FxHashMap;

use crate::engine::Arena;
use crate::workload::{ArchChoice, Class, ClassId, ClassOverride};

/// Which column a pattern looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The job's name.
    Name,
    /// Any one of its tags.
    Tags,
    /// Its stage.
    Stage,
    /// Its pipeline.
    Pipeline,
}

/// A pattern: with `*` or `?` it must match the whole text, without it is looked for anywhere (a tag must equal it).
/// Upper and lower case differ, as in GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<u8>,
    glob: bool,
}

impl Pattern {
    /// The pattern written as `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.as_bytes().to_vec(), glob: text.contains(['*', '?']) }
    }

    /// Whether `text` matches: as a whole where this has wildcards, else anywhere in it.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.glob { glob(&self.text, text) } else { contains(text, &self.text) }
    }

    pub(in crate::workload) fn matches_tag(&self, tag: &[u8]) -> bool {
        if self.glob { glob(&self.text, tag) } else { self.text == tag }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// `*` is any run of bytes, `?` any one byte; on a mismatch only the last `*` takes one more, so the cost is bounded.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            (p, t) = (star_p + 1, star_t + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// One rule: a row that matches all patterns is of the class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRule {
    /// All must match; none matches everything.
    pub patterns: Vec<(Field, Pattern)>,
    /// The class, with its requests, architecture, project and so on.
    pub class: ClassId,
}

/// What a row says of itself, as bytes of the file; empty = unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowTexts<'a> {
    pub(super) name: &'a [u8],
    pub(super) tags: &'a [u8],
    pub(super) stage: &'a [u8],
    pub(super) pipeline: &'a [u8],
    /// The class that a map gave it on import.
    pub(super) class: &'a [u8],
}

/// The tags of a row: separated by comma, semicolon, bar or blanks; brackets and quotes of a JSON list are dropped.
fn split_tags(tags: &[u8]) -> impl Iterator<Item = &[u8]> {
    let separates = |byte: &u8| matches!(byte, b',' | b';' | b'|' | b' ' | b'[' | b']' | b'"' | b'\'');
    tags.split(separates).filter(|tag| !tag.is_empty())
}

/// Applies rules to rows; every distinct text is decided once.
#[derive(Debug)]
pub(super) struct Mapper {
    rules: Vec<MapRule>,
    otherwise: ClassId,
    keeps_tags: bool,
    looks_at: [bool; 3],
    known: FxHashMap<Box<[u8]>, Decision>,
    key: Vec<u8>,
    pub(super) unmapped: Vec<Unmapped>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    pub(super) class: ClassId,
    pub(super) mapped: bool,
    example: Option<u32>,
}

/// Rows that no rule matched, by tags and name of the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// Tags of the first such row.
    pub tags: String,
    /// Its name.
    pub name: String,
    /// How many rows.
    pub rows: u64,
}

/// Distinct texts remembered at most; beyond, all are forgotten and decided again (with the same result).
const REMEMBERED: usize = 1 << 16;
/// Unmapped examples listed at most.
const EXAMPLES: usize = 100;

impl Mapper {
    pub(super) fn new(rules: Vec<MapRule>, otherwise: ClassId, keeps_tags: bool) -> Self {
        let uses = |field| rules.iter().any(|rule| rule.patterns.iter().any(|(used, _)| *used == field));
        let looks_at = [uses(Field::Name), uses(Field::Stage), uses(Field::Pipeline)];
        Self {
            rules,
            otherwise,
            keeps_tags,
            looks_at,
            known: FxHashMap::default(),
            key: Vec::new(),
            unmapped: Vec::new(),
        }
    }

    /// The class of a row on architecture `arch` (if it says so). Classes are derived where the row has an architecture
    /// or tags that the rule's class has not.
    pub(super) fn class_of(
        &mut self,
        texts: RowTexts<'_>,
        arch: Option<ArchChoice>,
        classes: &mut Arena<Class>,
    ) -> Decision {
        self.key.clear();
        self.key.push(arch.map_or(0, |arch| arch as u8 + 1));
        self.key.extend_from_slice(texts.tags);
        for (used, text) in self.looks_at.iter().zip([texts.name, texts.stage, texts.pipeline]) {
            if *used {
                self.key.push(0xff); // No byte of UTF-8 text: parts cannot run into each other.
                self.key.extend_from_slice(text);
            }
        }
        if !texts.class.is_empty() {
            self.key.push(0xfe);
            self.key.extend_from_slice(texts.class);
        }
        if let Some(decision) = self.known.get(self.key.as_slice()).copied() {
            if let Some(example) = decision.example {
                self.unmapped[example as usize].rows += 1;
            }
            return decision;
        }
        let decision = self.decide(texts, arch, classes);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(self.key.as_slice().into(), decision);
        decision
    }

    fn decide(
        &mut self,
        texts: RowTexts<'_>,
        arch: Option<ArchChoice>,
        classes: &mut Arena<Class>,
    ) -> Decision {
        // Who says of which class a job is has decided: patterns are for jobs of which nothing is said.
        let is_said =
            |rule: &&MapRule| !texts.class.is_empty() && classes[rule.class].name.as_bytes() == texts.class;
        let said = self.rules.iter().find(is_said);
        let rule = said.or_else(|| {
            self.rules
                .iter()
                .find(|rule| rule.patterns.iter().all(|(field, pattern)| matches(*field, pattern, texts)))
        });
        let mapped = rule.is_some();
        let base = rule.map_or(self.otherwise, |rule| rule.class);
        let own_tags = self.keeps_tags && split_tags(texts.tags).next().is_some();
        let tags = own_tags.then(|| split_tags(texts.tags).map(text_of).collect());
        let derived = ClassOverride { arch, tags, ..ClassOverride::default() };
        let class = derived.derive(base, classes);
        let lists = !mapped && !self.rules.is_empty() && self.unmapped.len() < EXAMPLES;
        let example = lists.then(|| {
            self.unmapped.push(Unmapped { tags: text_of(texts.tags), name: text_of(texts.name), rows: 1 });
            self.unmapped.len() as u32 - 1
        });
        Decision { class, mapped, example }
    }
}

fn matches(field: Field, pattern: &Pattern, texts: RowTexts<'_>) -> bool {
    match field {
        Field::Name => pattern.matches(texts.name),
        Field::Tags => split_tags(texts.tags).any(|tag| pattern.matches_tag(tag)),
        Field::Stage => pattern.matches(texts.stage),
        Field::Pipeline => pattern.matches(texts.pipeline),
    }
}

pub(super) fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_texts_with_wildcards_and_parts_without() {
        let yes = [
            ("rspec*", "rspec 1/8"),
            ("*arm64*", "build arm64 gcc"),
            ("a?c", "abc"),
            ("lint", "run lint now"),
            ("*", ""),
        ];
        for (pattern, text) in yes {
            assert!(Pattern::new(pattern).matches(text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in [("rspec*", "x rspec"), ("a?c", "ac"), ("lint", "Lint"), ("*b", "abc")] {
            assert!(!Pattern::new(pattern).matches(text.as_bytes()), "{pattern} {text}");
        }
        let tags: Vec<&[u8]> = split_tags(br#"["arm64","large"]"#).collect();
        assert_eq!(tags, [&b"arm64"[..], b"large"]);
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_with_any_part_starred(text in "[a-c]{0,12}", from in 0_usize..12, len in 0_usize..12) {
            let from = from.min(text.len());
            let to = (from + len).min(text.len());
            let starred = format!("{}*{}", &text[..from], &text[to..]);
            prop_assert!(Pattern::new(&starred).matches(text.as_bytes()));
        }
    }
}

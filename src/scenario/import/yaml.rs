//! YAML as a tree of values that know where they stand and whether anybody asked for them. Knows no key of any tool.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::{Source, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Deepest nesting that is read; real files stay below 20.
const MAX_DEPTH: usize = 100;
/// Most values of one text with every alias written out: keeps aliases of aliases from filling the memory.
const MAX_NODES: usize = 500_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The value.
    pub value: Yaml,
    /// Where it stands.
    pub span: Span,
    /// Local tag without its `!`, such as `reference`.
    pub tag: Option<String>,
}

/// A YAML value. Scalars are kept as text: what they mean depends on who reads them.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar and whether it stood there without quotes.
    Scalar(String, bool),
    /// A list.
    List(Vec<Node>),
    /// Keys and values.
    Map(Vec<Entry>),
}

/// One key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub node: Node,
    /// Whether an importer asked for it.
    pub used: Cell<bool>,
}

impl Node {
    /// The value of `key`, marked as used.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        entry.used.set(true);
        (!matches!(entry.node.value, Yaml::Null)).then_some(&entry.node)
    }

    /// The value at a path of keys separated by dots, each marked as used.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// The value of `key`, without marking it.
    pub(super) fn peek(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The entries of a map, else none.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Yaml::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list, else none.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Yaml::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let Yaml::Scalar(text, true) = &self.value else { return None };
        match text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// What a person calls this type of value.
    pub(super) const fn type_name(&self) -> &'static str {
        match self.value {
            _ if self.tag.is_some() => "a value with a tag",
            Yaml::Null => "nothing",
            Yaml::Scalar(..) => "text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a map",
        }
    }

    /// Adds the keys that nobody asked for, as `path.of.key` with their places. What lies below such a key is not listed.
    pub(super) fn unused(&self, path: &str, found: &mut Vec<(String, Span)>) {
        for (index, item) in self.items().iter().enumerate() {
            item.unused(&format!("{path}[{index}]"), found);
        }
        for entry in self.entries() {
            let own = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            if entry.used.get() {
                entry.node.unused(&own, found);
            } else {
                found.push((own, entry.key_span.clone()));
            }
        }
    }

    /// Marks everything below as used.
    pub(super) fn use_all(&self) {
        self.items().iter().for_each(Self::use_all);
        for entry in self.entries() {
            entry.used.set(true);
            entry.node.use_all();
        }
    }
}

/// The documents of a text; empty ones are left out.
///
/// Keys that stand twice in one map are added to `twice`, with the place of the first, which does not count.
///
/// # Errors
/// The first syntax error, an alias of itself, a key that is no text, or a text that grows without bound.
pub(super) fn documents(
    source: &Arc<Source>,
    twice: &mut Vec<(String, Span)>,
) -> Result<Vec<Node>, Diagnostic> {
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| builder.syntax(&error))?;
        let place = builder.span(span.start, span.end);
        builder.event(event, place)?;
    }
    twice.append(&mut builder.twice);
    Ok(builder.documents)
}

/// A list or map that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value is due.
    key: Option<(String, Span)>,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    /// Byte offset of each character.
    offsets: Vec<usize>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    documents: Vec<Node>,
    nodes: usize,
    /// Keys whose value a later one of the same map replaced.
    twice: Vec<(String, Span)>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>) -> Self {
        let offsets = source.text.char_indices().map(|(at, _)| at).chain([source.text.len()]).collect();
        Self {
            source,
            offsets,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            documents: Vec::new(),
            nodes: 0,
            twice: Vec::new(),
        }
    }

    fn offset(&self, mark: Marker) -> usize {
        self.offsets.get(mark.index()).copied().unwrap_or(self.source.text.len())
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        Span::new(self.source, self.offset(start)..self.offset(end))
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        // At the end of the file the last line is the place, not the empty one after it.
        let at = self.offset(*error.marker()).min(self.source.text.trim_end().len());
        let help = if error.info().contains("tab") {
            "YAML indents with blanks, never with tabs"
        } else {
            "check the indentation, the quotes and the brackets of this line and the one above"
        };
        let span = Span::new(self.source, at..at + 1);
        Diagnostic::new(Code::Syntax, span, format!("this is not YAML: {}", error.info()), "expected YAML")
            .help(help)
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let local = |tag: Option<std::borrow::Cow<'_, saphyr_parser::Tag>>| {
            tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.clone())
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Yaml::Null
                } else {
                    Yaml::Scalar(text.into_owned(), plain)
                };
                self.add(Node { value, span, tag: local(tag) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Node { value: Yaml::List(Vec::new()), span, tag: local(tag) }, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.start(Node { value: Yaml::Map(Vec::new()), span, tag: local(tag) }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { mut node, anchor, .. }) = self.open.pop() else { return Ok(()) };
                let end = span.range.end.max(node.span.range.end);
                node.span = Span::new(self.source, node.span.range.start..end);
                merge_keys(&mut node);
                self.add(node, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let copy = node.clone();
                    self.nodes += size(&copy);
                    self.add(copy, 0)
                }
                None => Err(Diagnostic::new(
                    Code::Reference,
                    span,
                    "this alias stands inside the value of its own anchor",
                    "expected an anchor that is complete",
                )
                .help("a value cannot contain itself; move the shared part to an anchor of its own")),
            },
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Diagnostic::new(
                Code::Range,
                node.span,
                format!("values are nested more than {MAX_DEPTH} deep"),
                "expected less nesting",
            ));
        }
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("with its aliases written out the text has more than {MAX_NODES} values");
            return Err(Diagnostic::new(Code::Range, node.span, message, "expected fewer aliases"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if !matches!(node.value, Yaml::Null) {
                self.documents.push(node);
            }
            return Ok(());
        };
        match (&mut parent.node.value, parent.key.take()) {
            (Yaml::List(items), _) => items.push(node),
            (Yaml::Map(entries), Some((key, key_span))) => {
                // As in Ruby and Go readers that tolerate it, the last of two equal keys counts.
                if key != "<<"
                    && let Some(at) = entries.iter().position(|entry| entry.key == key)
                {
                    self.twice.push((key.clone(), entries.remove(at).key_span));
                }
                entries.push(Entry { key, key_span, node, used: Cell::new(false) });
            }
            (Yaml::Map(_), None) => parent.key = Some(key_of(node)?),
            _ => {}
        }
        Ok(())
    }
}

fn key_of(node: Node) -> Result<(String, Span), Diagnostic> {
    match node.value {
        Yaml::Scalar(text, _) => Ok((text, node.span)),
        Yaml::Null => Ok((String::new(), node.span)),
        _ => {
            let braces = node.span.source.text[..node.span.range.start].ends_with('{');
            let message =
                if braces { "a placeholder `{{ … }}` stands here" } else { "this key is not text" };
            Err(Diagnostic::new(Code::Grammar, node.span, message, "expected a key, or the final value")
                .help("is this a template? render it first (`helm template`) and import the result"))
        }
    }
}

fn size(node: &Node) -> usize {
    1 + node.items().iter().map(size).sum::<usize>()
        + node.entries().iter().map(|entry| size(&entry.node)).sum::<usize>()
}

/// Resolves `<<`: keys of the merged maps hold where the map has none of its own (YAML 1.1 merge keys).
fn merge_keys(node: &mut Node) {
    let Yaml::Map(entries) = &mut node.value else { return };
    if !entries.iter().any(|entry| entry.key == "<<") {
        return;
    }
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.drain(..).partition(|entry| entry.key == "<<");
    for merge in merges {
        let maps = match merge.node.value {
            Yaml::List(items) => items,
            _ => vec![merge.node],
        };
        for map in maps {
            for entry in map.entries() {
                if !own.iter().any(|known| known.key == entry.key) {
                    own.push(entry.clone());
                }
            }
        }
    }
    *entries = own;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        documents(&Source::new("a.yaml", text), &mut Vec::new()).unwrap().remove(0)
    }

    #[test]
    fn values_know_their_place_and_merge_keys_are_resolved() {
        let node = one("# größe\nbase: &b {x: 1, y: 2}\njob:\n  <<: *b\n  y: 3\n  z: \"null\"\n");
        let job = node.get("job").unwrap();
        assert_eq!(job.get("x").unwrap().text(), Some("1"));
        let own = job.get("y").unwrap();
        assert_eq!((own.text(), own.span.line_and_column()), (Some("3"), (5, 6)));
        assert_eq!(job.get("z").unwrap().text(), Some("null"), "a quoted null is text");
    }

    #[test]
    fn what_nobody_asked_for_is_listed_with_its_path() {
        let node = one("a: {b: 1, c: 2}\nd: [{e: 1}]\nf: 1\n");
        node.at("a.b");
        node.get("d");
        let mut found = Vec::new();
        node.unused("", &mut found);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a.c", "d[0].e", "f"]);
    }

    #[test]
    fn endless_and_exploding_texts_are_refused() {
        let bomb: String = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
            format!("{text}a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1)
        });
        let deep = "- ".repeat(3000);
        for text in ["a: &x [*x]\n", "a:\n\t- b\n", "a: [1, 2\n", &bomb, &deep, "a: {{ .Values.x }}\n"] {
            let read = documents(&Source::new("a.yaml", text), &mut Vec::new());
            assert!(read.is_err(), "{}", &text[..text.len().min(40)]);
        }
        let nothing = documents(&Source::new("a.yaml", "---\n# nothing\n---\n"), &mut Vec::new());
        assert!(nothing.unwrap().is_empty());
    }
}

//! Files of other tools that a scenario names in place of its own tables: `[runner] config = "config.toml"` and
//! `[node_pool] manifest = "nodepool.yaml"`. Turns them into the tables they stand for, which keep their places in those
//! files. Knows the two keys; what the files mean is the business of `import`.

use super::check::{self, Problems};
use super::diagnostic::{Code, Diagnostic};
use super::document::{self, Entry, Item, Table, Value};
use super::import::{ImportKind, Imported, Input, Remark, import};
use super::keys::{self, Key, Kind, ROOT};
use super::layers::FileProvider;
use super::overlay::{merged, name_of};
use super::source::{Source, Span};
use std::sync::Arc;

/// The lists that can name files, and the key that does: the same in every spelling of the JSON Schema.
pub(super) const NAMING: &[(&str, &str)] = &[("runner", "config"), ("node_pool", "manifest")];

/// What is taken from a file whatever list names it; a chart and its pools may stand in one file.
const TAKEN: &[&str] = &["runner", "node_pool", "ec2"];

/// What an import that a scenario asks for has to say: the account that `fleetsim import` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImport {
    /// The files, as the scenario names them.
    pub files: Vec<String>,
    /// What the person should know, in the order of the files.
    pub remarks: Vec<Remark>,
    /// Keys of the files that were not used, with their places.
    pub unused: Vec<(String, Span)>,
}

/// Reads the files for one document.
pub(super) struct Expansion<'a> {
    /// Where files come from.
    pub files: &'a mut dyn FileProvider,
    /// Accounts so far.
    pub accounts: &'a mut Vec<NamedImport>,
    /// Mistakes so far.
    pub problems: &'a mut Problems,
}

impl Expansion<'_> {
    /// Replaces every element of `document` that names files by the tables of these files. Keys beside the name win, in the
    /// document's own `[ec2]` as well.
    pub(super) fn of(&mut self, document: &mut Table) {
        for (list, naming) in NAMING {
            let Some(at) = document.entries.iter().position(|entry| means(&entry.key, list, ROOT)) else {
                continue;
            };
            let entry = &document.entries[at];
            let Some(parts) = parts(&entry.item, naming, inner(list)) else { continue };
            let mut elements: Vec<Item> = Vec::new();
            let mut others: Vec<(&'static str, Item)> = Vec::new();
            for part in parts {
                match part {
                    Part::Own(item) => put(&mut elements, item, inner(list)),
                    Part::Named { files, beside } => {
                        let Some(mut found) = self.imported(&files, list) else {
                            document.doubts.push(list);
                            continue;
                        };
                        let own = elements_of(found.remove(list).map(|entry| entry.item));
                        let beside = self.without_name(beside, own.len(), list, &files);
                        for element in own {
                            let element = under(element, &beside, inner(list));
                            put(&mut elements, element, inner(list));
                        }
                        for name in TAKEN.iter().filter(|name| *name != list) {
                            others.extend(found.remove(name).map(|entry| (*name, entry.item)));
                        }
                    }
                }
            }
            document.entries[at].item.value = Value::Array(elements);
            for (name, item) in others {
                beneath(document, name, item);
            }
        }
    }

    /// `beside` without a name that would make one element of several.
    fn without_name(&mut self, mut beside: Table, count: usize, list: &str, files: &Item) -> Table {
        if count > 1
            && let Some(name) = beside.remove("name")
        {
            let message = format!("{} holds {count} elements of `{list}`", files.span.text());
            let label = "one name cannot be that of all";
            self.problems.push(
                Diagnostic::new(Code::Conflict, name.item.span, message, label)
                    .help(format!("name the files in [{list}] itself, and change one with [{list}.NAME]")),
            );
        }
        beside
    }

    /// The checked tables that `files` stand for.
    fn imported(&mut self, files: &Item, list: &str) -> Option<Table> {
        let names: Vec<&Item> = match &files.value {
            Value::Array(items) => items.iter().collect(),
            _ => vec![files],
        };
        let mut texts: Vec<(String, String)> = Vec::new();
        for item in names {
            let Value::Text(path) = &item.value else {
                self.problems.push(check::wrong_type(item, "a file name in quotes", "the file"));
                return None;
            };
            texts.push((path.clone(), text_of(path, &item.span, self.files, self.problems)?));
        }
        let inputs: Vec<Input<'_>> = texts.iter().map(|(name, text)| Input { name, text }).collect();
        let only_toml = list == "runner" && texts.iter().all(|(name, _)| name.ends_with(".toml"));
        match import(&inputs, only_toml.then_some(ImportKind::RunnerToml)) {
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
            Ok(found) => {
                let table = self.tables(&found, list, files);
                self.accounts.push(NamedImport {
                    files: texts.into_iter().map(|(name, _)| name).collect(),
                    remarks: found.remarks,
                    unused: found.unused,
                });
                table
            }
        }
    }

    fn tables(&mut self, found: &Imported, list: &str, files: &Item) -> Option<Table> {
        let source = Source::new(files.span.text().trim_matches('"'), &found.toml);
        let lines = Places::new(&source, &found.places, &files.span);
        let document = match document::parse(&source) {
            Ok(document) => lines.moved_table(document),
            Err(problems) => {
                let moved = problems.into_iter().map(|own| Diagnostic { span: lines.of(&own.span), ..own });
                self.problems.extend(moved);
                return None;
            }
        };
        if document.get(list).is_none() || found.pipeline.is_some() {
            let message = format!("{} holds nothing for `{list}`", files.span.text());
            let expected = match list {
                "runner" => "expected config.toml, values of the gitlab-runner chart or a HelmRelease",
                _ => "expected NodePools or Provisioners",
            };
            self.problems.push(
                Diagnostic::new(Code::Reference, files.span.clone(), message, expected)
                    .help("`fleetsim import FILE` shows what becomes of a file"),
            );
            return None;
        }
        let mut table = check::table(&document, ROOT, self.problems);
        // What the files leave open of `[ec2]` is left to the scenario.
        if let Some(Item { value: Value::Table(ec2), .. }) = table.get_mut("ec2") {
            keep_said(ec2, &source);
        }
        Some(table)
    }
}

/// An element of a list that may name files.
enum Part {
    /// An element as it stands.
    Own(Item),
    /// What the files give, with the keys beside their name laid over.
    Named { files: Item, beside: Table },
}

/// The parts of `item`, in canonical spelling of `naming`; `None` where no file is named.
fn parts(item: &Item, naming: &str, keys: &'static [Key]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    match &item.value {
        Value::Table(table) => {
            let mut rest = table.clone();
            let whole = take(&mut rest, naming);
            let (beside, named): (Vec<Entry>, Vec<Entry>) = match whole {
                Some(_) => rest.entries.into_iter().partition(|entry| {
                    keys::find(keys, &entry.key).is_some() || !matches!(entry.item.value, Value::Table(_))
                }),
                None => (Vec::new(), rest.entries),
            };
            parts.extend(whole.map(|files| Part::Named { files, beside: Table::of(beside) }));
            parts.extend(named.into_iter().map(|entry| by_name(entry, naming)));
        }
        Value::Array(items) => parts.extend(items.iter().map(|item| match &item.value {
            Value::Table(table) => {
                let mut beside = table.clone();
                match take(&mut beside, naming) {
                    Some(files) => Part::Named { files, beside },
                    None => Part::Own(item.clone()),
                }
            }
            _ => Part::Own(item.clone()),
        })),
        _ => {}
    }
    parts.iter().any(|part| matches!(part, Part::Named { .. })).then_some(parts)
}

/// `[runner.NAME]` as an element of the list.
fn by_name(entry: Entry, naming: &str) -> Part {
    let Value::Table(mut table) = entry.item.value.clone() else { return Part::Own(entry.item) };
    let files = take(&mut table, naming);
    let own = Item { value: Value::Text(entry.key), span: entry.key_span.clone() };
    table.entries.insert(0, Entry { key: "name".to_owned(), key_span: entry.key_span, item: own });
    match files {
        Some(files) => Part::Named { files, beside: table },
        None => Part::Own(Item { value: Value::Table(table), span: entry.item.span }),
    }
}

fn take(table: &mut Table, naming: &str) -> Option<Item> {
    let at = table.entries.iter().position(|entry| {
        keys::snake_case(&entry.key) == naming && matches!(entry.item.value, Value::Text(_) | Value::Array(_))
    })?;
    Some(table.entries.remove(at).item)
}

fn means(written: &str, name: &str, keys: &'static [Key]) -> bool {
    keys::find(keys, written).is_some_and(|key| key.name == name)
}

/// The keys of the elements of a list, or of a table, at the top.
fn inner(name: &str) -> &'static [Key] {
    ROOT.iter().find(|key| key.name == name).and_then(|key| key.kind.keys()).unwrap_or_default()
}

fn elements_of(item: Option<Item>) -> Vec<Item> {
    match item.map(|item| item.value) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// `element` with the keys of `beside` laid over it.
fn under(element: Item, beside: &Table, keys: &'static [Key]) -> Item {
    let Value::Table(table) = &element.value else { return element };
    let mut over = Table::of(beside.entries.iter().map(|entry| as_far_as_right(entry, keys)).collect());
    // The element keeps its name where it stands, so that nobody takes it for one that only a dotted key names.
    if over.get("name").map(|name| &name.value) == table.get("name").map(|name| &name.value) {
        over.remove("name");
    }
    Item { value: Value::Table(merged(table, &over, keys, None)), span: element.span }
}

/// `entry` in canonical form, or as it stands where it has a mistake: that is reported with the rest of the document.
fn as_far_as_right(entry: &Entry, keys: &'static [Key]) -> Entry {
    let mut own = Problems::new();
    let mut checked = check::table(&Table::of(vec![entry.clone()]), keys, &mut own);
    match checked.entries.pop() {
        Some(canonical) if own.is_empty() => canonical,
        _ => {
            let key = keys::find(keys, &entry.key).map_or(entry.key.as_str(), |key| key.name);
            Entry { key: key.to_owned(), ..entry.clone() }
        }
    }
}

/// Adds `item`, or lays it over the element of its name.
fn put(elements: &mut Vec<Item>, item: Item, keys: &'static [Key]) {
    let known = name_of(&item).and_then(|name| elements.iter().position(|own| name_of(own) == Some(name)));
    match (known, &item.value) {
        (Some(at), Value::Table(over)) => elements[at] = under(elements[at].clone(), over, keys),
        _ => elements.push(item),
    }
}

/// `item` below what the document says itself under `name`.
fn beneath(document: &mut Table, name: &'static str, item: Item) {
    let reference = ROOT.iter().find(|key| key.name == name).map(|key| &key.kind);
    let own = document.entries.iter_mut().find(|entry| means(&entry.key, name, ROOT));
    let Some(own) = own else {
        let key_span = item.span.clone();
        document.entries.push(Entry { key: name.to_owned(), key_span, item });
        return;
    };
    match (reference, &own.item.value, &item.value) {
        (Some(Kind::Table(keys)), Value::Table(over), Value::Table(_)) => {
            own.item = Item { span: own.item.span.clone(), ..under(item, over, keys) };
        }
        (Some(Kind::Named(keys)), _, Value::Array(below)) => {
            let mut elements = below.clone();
            let above = match &own.item.value {
                Value::Table(table) => {
                    table.entries.iter().cloned().map(|entry| by_name(entry, "")).collect()
                }
                Value::Array(items) => items.iter().cloned().map(Part::Own).collect(),
                _ => Vec::new(),
            };
            for part in above {
                if let Part::Own(item) = part {
                    put(&mut elements, item, keys);
                }
            }
            own.item.value = Value::Array(elements);
        }
        _ => {}
    }
}

/// Leaves in `table` only what a file says: everything else still stands in the text that the import made.
fn keep_said(table: &mut Table, made: &Arc<Source>) {
    table.entries.retain_mut(|entry| {
        if let Value::Table(below) = &mut entry.item.value {
            keep_said(below, made);
            return !below.entries.is_empty();
        }
        !Arc::ptr_eq(&entry.key_span.source, made)
    });
}

fn text_of(path: &str, at: &Span, files: &mut dyn FileProvider, problems: &mut Problems) -> Option<String> {
    let text = files
        .read(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned()));
    text.map_err(|reason| {
        problems.push(
            Diagnostic::new(
                Code::File,
                at.clone(),
                format!("`{path}` cannot be read: {reason}"),
                "expected a file",
            )
            .help("paths are relative to the folder of this file"),
        );
    })
    .ok()
}

/// From places in the text that an import made to places in the imported files.
struct Places<'a> {
    source: &'a Arc<Source>,
    /// First byte of each line.
    starts: Vec<usize>,
    places: &'a [Option<Span>],
    /// Stands for what no file says.
    naming: &'a Span,
}

impl<'a> Places<'a> {
    fn new(source: &'a Arc<Source>, places: &'a [Option<Span>], naming: &'a Span) -> Self {
        let ends = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Self { source, starts: std::iter::once(0).chain(ends).collect(), places, naming }
    }

    fn exact(&self, span: &Span) -> Option<Span> {
        let line = self.starts.partition_point(|start| *start <= span.range.start) - 1;
        self.places.get(line).cloned().flatten()
    }

    /// The place that decides `span`: in a file, else where the file is named.
    fn of(&self, span: &Span) -> Span {
        self.exact(span).unwrap_or_else(|| self.naming.clone())
    }

    fn moved_table(&self, table: Table) -> Table {
        let entries = table.entries.into_iter().map(|entry| {
            // A name keeps its key: that is how an element is told from one written by a dotted key.
            let key_span = match entry.key.as_str() {
                "name" => entry.key_span,
                _ => self.exact(&entry.key_span).unwrap_or(entry.key_span),
            };
            Entry { key: entry.key, key_span, item: self.moved(entry.item) }
        });
        Table::of(entries.collect())
    }

    fn moved(&self, item: Item) -> Item {
        debug_assert!(Arc::ptr_eq(&item.span.source, self.source));
        let span = self.of(&item.span);
        let value = match item.value {
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.moved(item)).collect()),
            Value::Table(table) => Value::Table(self.moved_table(table)),
            other => other,
        };
        Item { value, span }
    }
}

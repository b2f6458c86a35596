//! From text to one complete document per fleet: base file, scenario, fleet overlay, command line, in this order of
//! increasing weight. Reads files only through the caller.

use super::check::{self, Problems};
use super::defaults::{filled, without_gaps};
use super::diagnostic::{Code, Diagnostic, sorted_once};
use super::document::{self, Entry, Item, Table, Value};
use super::keys::{ROOT, nearest_word};
use super::named_imports::{Expansion, NamedImport};
use super::overlay::{merged, spread};
use super::source::{Source, Span};
use std::io::{Cursor, Read};
use std::sync::Arc;

/// Hands the bytes of a file to the scenario room, which reads none itself.
pub trait FileProvider {
    /// The content of `path`, which is relative to the scenario's folder.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String>;

    /// The same file to be read piece by piece: traces may be larger than memory.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn open(&mut self, path: &str) -> Result<Box<dyn Read + Send>, String> {
        self.read(path).map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>)
    }
}

impl<F: FnMut(&str) -> Result<Vec<u8>, String>> FileProvider for F {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self(path)
    }
}

/// The checked documents of a scenario.
pub(super) struct Layers {
    /// The scenario without any fleet's overlay, defaults filled in.
    pub base: Table,
    /// Overlays in canonical form, in the order of the text.
    pub overlays: Vec<(Entry, Table)>,
    /// One complete document per fleet. A scenario without fleets has one, called `default`.
    pub fleets: Vec<FleetDocument>,
    /// Mistakes of form. With any, something stands in for every value that cannot be used, and the doubts of its table
    /// say so: the documents are only of use for finding further mistakes.
    pub problems: Problems,
    /// Accounts of the files that the scenario names in place of tables.
    pub imports: Vec<NamedImport>,
}

/// The complete document of one fleet.
pub(super) struct FleetDocument {
    /// Name of the fleet.
    pub name: String,
    /// Where it is defined.
    pub span: Span,
    /// Every key with its value.
    pub table: Table,
}

/// Keys that hold for a whole comparison: fleets differ in configuration, not in what they are measured by.
const OF_THE_RUN: &[&str] = &[
    "schema",
    "name",
    "seed",
    "replications",
    "horizon",
    "warmup",
    "start",
    "baseline",
    "drain",
    "objective",
];

/// One parsed file: its own keys in canonical form and its fleets.
struct Parsed {
    base: Table,
    fleets: Vec<(Entry, Table)>,
}

/// Reads `text`, known as `name`, with `set` (`KEY=VALUE`) from the command line.
///
/// # Errors
/// Mistakes after which nothing more can be said: the text, or that of the file it extends, cannot be read.
pub(super) fn read(
    text: &str,
    name: &str,
    set: &[String],
    files: &mut dyn FileProvider,
) -> Result<Layers, Vec<Diagnostic>> {
    let source = Source::new(name, text);
    let mut problems = Problems::new();
    let Some(mut document) = document::parse_on(&source, &mut problems) else { return Err(problems) };
    let extends = document.remove("extends");
    let mut imports = Vec::new();
    expand(&mut document, &mut Expansion { files, accounts: &mut imports, problems: &mut problems });
    let own = parsed(document, &mut problems);
    let (mut base, mut overlays) = (own.base, Vec::new());
    if let Some(entry) = &extends {
        let mut expansion = Expansion { files, accounts: &mut imports, problems: &mut problems };
        let Some(lowest) = base_file(entry, &mut expansion) else { return Err(sorted_once(problems)) };
        base = merged(&lowest.base, &base, ROOT, Some(&mut problems));
        overlays = lowest.fleets;
    }
    for (entry, over) in own.fleets {
        match overlays.iter_mut().find(|(below, _)| below.key == entry.key) {
            Some((_, below)) => *below = merged(below, &over, ROOT, None),
            None => overlays.push((entry, over)),
        }
    }
    // An overlay changes defaults as it changes written values; what has no default may still be set.
    base = filled(&base, ROOT, &Span::start_of(&source), &mut Problems::new());
    let mut expansion = Expansion { files, accounts: &mut imports, problems: &mut problems };
    apply_settings(set, &mut base, &mut overlays, &mut expansion);
    Ok(Layers { imports, ..complete(base, overlays, &source, problems) })
}

/// Files named in place of tables, in the scenario and in its fleets.
fn expand(document: &mut Table, expansion: &mut Expansion<'_>) {
    expansion.of(document);
    for key in ["fleet", "fleets"] {
        let Some(Item { value: Value::Table(fleets), .. }) = document.get_mut(key) else { continue };
        for entry in &mut fleets.entries {
            if let Value::Table(overlay) = &mut entry.item.value {
                *overlay = spread(overlay);
                expansion.of(overlay);
            }
        }
    }
}

/// Lays each overlay over the base and fills in the defaults of what it adds.
fn complete(
    base: Table,
    overlays: Vec<(Entry, Table)>,
    source: &Arc<Source>,
    mut problems: Problems,
) -> Layers {
    let start = Span::start_of(source);
    let mut base = filled(&base, ROOT, &start, &mut Problems::new());
    let mut fleets = Vec::new();
    for (entry, over) in &overlays {
        let whole = merged(&base, over, ROOT, Some(&mut problems));
        let table = filled(&whole, ROOT, &entry.key_span, &mut problems);
        fleets.push(FleetDocument { name: entry.key.clone(), span: entry.key_span.clone(), table });
    }
    if overlays.is_empty() && !base.doubts.contains(&"fleet") {
        let table = filled(&base, ROOT, &start, &mut problems);
        fleets.push(FleetDocument { name: "default".to_owned(), span: start.clone(), table });
    }
    if !problems.is_empty() {
        base = without_gaps(&base, ROOT, &start);
        for fleet in &mut fleets {
            fleet.table = without_gaps(&fleet.table, ROOT, &fleet.span);
        }
    }
    Layers { base, overlays, fleets, problems, imports: Vec::new() }
}

fn parsed(mut document: Table, problems: &mut Problems) -> Parsed {
    let fleet = document.remove("fleet").or_else(|| document.remove("fleets"));
    let mut base = check::table(&document, ROOT, problems);
    let mut fleets = Vec::new();
    match fleet.map(|entry| entry.item) {
        None => {}
        Some(Item { value: Value::Table(found), .. }) => {
            for entry in found.entries {
                match overlay(&entry, problems) {
                    Some(over) => fleets.push((entry, over)),
                    None => base.doubts.push("fleet"),
                }
            }
        }
        Some(other) => {
            base.doubts.push("fleet");
            problems.push(
                check::wrong_type(&other, "a table per fleet", "fleet")
                    .help("write [fleet.NAME] above the keys it changes"),
            );
        }
    }
    Parsed { base, fleets }
}

fn overlay(entry: &Entry, problems: &mut Problems) -> Option<Table> {
    let Value::Table(found) = &entry.item.value else {
        problems.push(
            check::wrong_type(&entry.item, "a table", &format!("fleet.{}", entry.key))
                .help("write [fleet.NAME] above the keys it changes"),
        );
        return None;
    };
    let plain = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    if entry.key.is_empty() || !entry.key.chars().all(plain) {
        problems.push(
            Diagnostic::new(
                Code::Grammar,
                entry.key_span.clone(),
                format!("`{}` cannot be the name of a fleet", entry.key),
                "expected letters, digits, `-` and `_`",
            )
            .help("it becomes part of file names; dotted keys belong below the fleet's header"),
        );
        return None;
    }
    let over = check::table(&spread(found), ROOT, problems);
    for own in &over.entries {
        if OF_THE_RUN.contains(&own.key.as_str()) {
            let message = format!("`{}` holds for all fleets and cannot change in one", own.key);
            problems.push(
                Diagnostic::new(Code::Conflict, own.key_span.clone(), message, "not in an overlay")
                    .help("fleets are compared on the same jobs and random draws; set it at the top"),
            );
        }
    }
    Some(over)
}

/// The file named by `extends`, one level.
fn base_file(entry: &Entry, expansion: &mut Expansion<'_>) -> Option<Parsed> {
    let problems = &mut *expansion.problems;
    let Value::Text(path) = &entry.item.value else {
        problems.push(check::wrong_type(&entry.item, "a file name in quotes", "extends"));
        return None;
    };
    let text = expansion
        .files
        .read(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned()));
    let text = match text {
        Ok(text) => text,
        Err(reason) => {
            problems.push(
                Diagnostic::new(
                    Code::File,
                    entry.item.span.clone(),
                    format!("`{path}` cannot be read: {reason}"),
                    "expected a scenario file",
                )
                .help("paths are relative to the folder of this file"),
            );
            return None;
        }
    };
    let mut document = document::parse_on(&Source::new(path, &text), problems)?;
    if let Some(deeper) = document.remove("extends") {
        problems.push(
            Diagnostic::new(
                Code::Conflict,
                deeper.key_span,
                format!("`{path}` is extended and extends another file itself"),
                "one level only",
            )
            .help("name the lowest file here, or copy its keys"),
        );
    }
    expand(&mut document, expansion);
    Some(parsed(document, expansion.problems))
}

/// Lays `--set KEY=VALUE` over everything; `fleet.NAME.KEY` over one fleet only.
fn apply_settings(
    set: &[String],
    base: &mut Table,
    overlays: &mut [(Entry, Table)],
    expansion: &mut Expansion<'_>,
) {
    for setting in set {
        let source = Source::new("--set", setting);
        let Some((path, _)) = setting.split_once('=') else {
            expansion.problems.push(
                Diagnostic::new(
                    Code::Syntax,
                    Span::new(&source, 0..setting.len()),
                    format!("`{setting}` sets nothing"),
                    "expected KEY=VALUE",
                )
                .help("for example --set node_pool.ci.disruption.consolidate_after=5m"),
            );
            continue;
        };
        let item = document::parse_value(&source, path.len() + 1);
        let key_span = Span::new(&source, 0..path.len());
        let mut one = |key: &str| {
            let entry = Entry { key: key.trim().to_owned(), key_span: key_span.clone(), item: item.clone() };
            let mut own = spread(&Table::of(vec![entry]));
            expansion.of(&mut own);
            own
        };
        if let Some((fleet, key)) = path.strip_prefix("fleet.").and_then(|rest| rest.split_once('.')) {
            let own = one(key);
            let problems = &mut *expansion.problems;
            let over = check::table(&own, ROOT, problems);
            match overlays.iter_mut().find(|(entry, _)| entry.key == fleet) {
                Some((_, below)) => *below = merged(below, &over, ROOT, None),
                None => problems.push(unknown_fleet(
                    fleet,
                    &key_span,
                    overlays.iter().map(|(entry, _)| &*entry.key),
                )),
            }
            continue;
        }
        let own = one(path);
        let problems = &mut *expansion.problems;
        let over = check::table(&own, ROOT, problems);
        *base = merged(base, &over, ROOT, Some(&mut *problems));
        if !OF_THE_RUN.contains(&path) {
            for (_, below) in overlays.iter_mut() {
                *below = merged(below, &over, ROOT, None);
            }
        }
    }
}

/// "There is no such fleet".
pub(super) fn unknown_fleet<'a>(name: &str, span: &Span, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let names: Vec<&str> = known.collect();
    let help = match nearest_word(names.iter().copied(), name) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the scenario has no [fleet.NAME]".to_owned(),
        None => format!("fleets are {}", names.join(", ")),
    };
    Diagnostic::new(Code::Reference, span.clone(), format!("there is no fleet `{name}`"), "unknown fleet")
        .help(help)
}

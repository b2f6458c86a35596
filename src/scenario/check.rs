//! Checks a document against the key reference and brings it into canonical form: one spelling per key, one shape per
//! list. Goes on after every mistake, so that all are reported at once. Fills in no default.

use super::defaults::stand_in;
use super::diagnostic::{Code, Diagnostic};
use super::document::{Entry, Item, Table, Value};
use super::keys::{self, Key, Kind};
use super::leaf;
use super::source::Span;

/// What is wrong with the document so far.
pub(super) type Problems = Vec<Diagnostic>;

/// `table` in canonical form. Unknown keys and wrong values are reported; what was probably meant, or the default, stands in
/// for them, and the table's doubts name the key. Such a table is only of use for finding further mistakes.
pub(super) fn table(table: &Table, reference: &'static [Key], problems: &mut Problems) -> Table {
    let mut canonical = Table { entries: Vec::new(), doubts: table.doubts.clone() };
    for entry in &table.entries {
        let Some(key) = keys::find(reference, &entry.key) else {
            problems.push(unknown_key(entry, reference));
            match meant(entry, table, reference, problems) {
                Some(meant) => canonical.entries.push(meant),
                None => canonical.doubts.push(""),
            }
            continue;
        };
        if let Some(first) = canonical.entry(key.name) {
            let (line, _) = first.key_span.line_and_column();
            problems.push(
                Diagnostic::new(
                    Code::Duplicate,
                    entry.key_span.clone(),
                    format!("`{}` is given twice, the first time as `{}`", key.name, first.key_span.text()),
                    format!("also given on line {line}"),
                )
                .help("keep one of the two"),
            );
            continue;
        }
        let before = problems.len();
        let found = value(&entry.item, &key.kind, key.name, problems);
        // Tables with keys of ours have doubts of their own.
        if found.is_none() || (problems.len() > before && key.kind.keys().is_none()) {
            canonical.doubts.push(key.name);
        }
        // Something stands in the place of a wrong value, so that nobody reports it as missing too.
        if let Some(item) = found.or_else(|| in_place_of(key, &entry.item)) {
            let key_span = entry.key_span.clone();
            canonical.entries.push(Entry { key: key.name.to_owned(), key_span, item });
        }
    }
    canonical
}

/// A wrong name still is what others refer to; for other wrong values the default stands in.
fn in_place_of(key: &'static Key, wrong: &Item) -> Option<Item> {
    match wrong.value {
        Value::Text(_) if key.name == "name" => Some(wrong.clone()),
        _ => stand_in(key, &wrong.span),
    }
}

/// The key that `entry`, which is none, was probably meant to be, unless `table` has that one as well or the value does not
/// suit it.
fn meant(entry: &Entry, table: &Table, reference: &'static [Key], problems: &mut Problems) -> Option<Entry> {
    let key = keys::find(reference, keys::nearest(reference, &entry.key)?)?;
    let is_meant = |other: &Entry| keys::find(reference, &other.key).is_some_and(|own| own.name == key.name);
    if table.entries.iter().any(is_meant) {
        return None;
    }
    let mut own = Problems::new();
    let item = value(&entry.item, &key.kind, key.name, &mut own);
    if key.kind.keys().is_some() {
        // Mistakes inside a table are mistakes whatever its name.
        problems.append(&mut own);
    }
    let item = item.filter(|_| own.is_empty())?;
    Some(Entry { key: key.name.to_owned(), key_span: entry.key_span.clone(), item })
}

/// `item` as a value of `kind` in canonical form; `None` where it is none, after saying so.
pub(super) fn value(item: &Item, kind: &'static Kind, name: &str, problems: &mut Problems) -> Option<Item> {
    let canonical = match (kind, &item.value) {
        (Kind::Table(inner), Value::Table(found)) => Value::Table(table(found, inner, problems)),
        (Kind::Map(inner), Value::Table(found)) => Value::Table(map(found, inner, problems)),
        (Kind::Tables(inner), _) => Value::Array(tables(item, inner, name, problems)?),
        (Kind::Named(inner), _) => Value::Array(named(item, inner, name, problems)?),
        (Kind::List(inner), Value::Array(found)) => {
            Value::Array(found.iter().filter_map(|element| value(element, inner, name, problems)).collect())
        }
        // One element may be written without its brackets.
        (Kind::List(inner), Value::Text(_) | Value::Integer(_) | Value::Float(_)) => {
            Value::Array(vec![value(item, inner, name, problems)?])
        }
        (Kind::Distribution, Value::Table(_)) => {
            return super::shape::check(item, name, problems);
        }
        _ => return leaf::check(item, kind, name, problems),
    };
    Some(Item { value: canonical, span: item.span.clone() })
}

fn map(found: &Table, inner: &'static Kind, problems: &mut Problems) -> Table {
    let entries = found.entries.iter().filter_map(|entry| {
        let item = value(&entry.item, inner, &entry.key, problems)?;
        Some(Entry { key: entry.key.clone(), key_span: entry.key_span.clone(), item })
    });
    Table::of(entries.collect())
}

fn tables(item: &Item, inner: &'static [Key], name: &str, problems: &mut Problems) -> Option<Vec<Item>> {
    let found = match &item.value {
        Value::Array(found) => found.as_slice(),
        Value::Table(_) => std::slice::from_ref(item),
        _ => {
            problems.push(wrong_type(item, "a list of tables", name));
            return None;
        }
    };
    let elements = found.iter().filter_map(|element| match &element.value {
        Value::Table(found) => {
            Some(Item { value: Value::Table(table(found, inner, problems)), span: element.span.clone() })
        }
        _ => {
            problems.push(wrong_type(element, "a table", name));
            None
        }
    });
    Some(elements.collect())
}

/// A list of named tables, written as a list or as a table of tables by name.
fn named(item: &Item, inner: &'static [Key], name: &str, problems: &mut Problems) -> Option<Vec<Item>> {
    let mut elements = match &item.value {
        Value::Table(by_name) => from_names(by_name, inner, name, problems),
        _ => tables(item, inner, name, problems)?,
    };
    let mut seen: Vec<(String, Span)> = Vec::new();
    elements.retain_mut(|element| {
        let Value::Table(found) = &element.value else { return false };
        let is_doubtful = found.doubts.contains(&"name");
        let (own, span) = match found.get("name") {
            Some(Item { value: Value::Text(own), span }) if !(is_doubtful && own.is_empty()) => (own, span),
            _ => {
                if !is_doubtful {
                    problems.push(nameless(head(element), name));
                }
                name_somehow(element);
                return true;
            }
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| other == own) {
            let (line, _) = first.line_and_column();
            problems.push(
                Diagnostic::new(
                    Code::Duplicate,
                    span.clone(),
                    format!("two elements of `{name}` are called `{own}`"),
                    format!("the first is on line {line}"),
                )
                .help("give each a name of its own"),
            );
            return false;
        }
        seen.push((own.clone(), span.clone()));
        true
    });
    Some(elements)
}

fn nameless(at: Span, list: &str) -> Diagnostic {
    let message = format!("an element of `{list}` has no `name`");
    Diagnostic::new(Code::Missing, at, message, "`name` is missing here")
        .help("overlays and results refer to it by its name: name = \"…\"")
}

/// Gives an element without a name one that nobody refers to, so that the rest of it can be checked.
fn name_somehow(element: &mut Item) {
    let span = head(element);
    let Value::Table(table) = &mut element.value else { return };
    let name = Item { value: Value::Text("?".to_owned()), span: span.clone() };
    table.set(Entry { key: "name".to_owned(), key_span: span, item: name });
    table.doubts.push("name");
}

fn from_names(by_name: &Table, inner: &'static [Key], name: &str, problems: &mut Problems) -> Vec<Item> {
    // `[runner] name = "x"`: one element written as if it were the whole list.
    if let Some(own) = by_name.get("name")
        && matches!(own.value, Value::Text(_))
    {
        let span = own.span.clone();
        return vec![Item { value: Value::Table(table(by_name, inner, problems)), span }];
    }
    let mut elements = Vec::new();
    for entry in &by_name.entries {
        let Value::Table(found) = &entry.item.value else {
            let mut diagnostic = Diagnostic::new(
                Code::WrongType,
                entry.item.span.clone(),
                format!(
                    "`{name}.{}` is {}, but `{name}` holds named tables",
                    entry.key,
                    entry.item.value.type_name()
                ),
                "expected a table",
            );
            if keys::find(inner, &entry.key).is_some() {
                diagnostic = diagnostic.help(format!("say which one: `{name}.NAME.{}`", entry.key));
            }
            problems.push(diagnostic);
            continue;
        };
        let mut element = Table::default();
        let own = Item { value: Value::Text(entry.key.clone()), span: entry.key_span.clone() };
        element.entries.push(Entry { key: "name".to_owned(), key_span: entry.key_span.clone(), item: own });
        element.entries.extend(table(found, inner, problems).entries);
        elements.push(Item { value: Value::Table(element), span: entry.item.span.clone() });
    }
    elements
}

/// The first line of a table: what to point at when the table as a whole lacks something.
pub(super) fn head(item: &Item) -> Span {
    let text = item.span.text();
    let first_line = text.lines().next().map_or(0, str::len);
    Span::new(&item.span.source, item.span.range.start..item.span.range.start + first_line)
}

/// "X is of type Y".
pub(super) fn wrong_type(item: &Item, expected: &str, name: &str) -> Diagnostic {
    let message = format!("`{name}` is {}", item.value.type_name());
    Diagnostic::new(Code::WrongType, head(item), message, format!("expected {expected}"))
}

fn unknown_key(entry: &Entry, reference: &'static [Key]) -> Diagnostic {
    let written = &entry.key;
    let diagnostic = Diagnostic::new(
        Code::UnknownKey,
        entry.key_span.clone(),
        format!("there is no key `{written}` here"),
        "unknown key",
    );
    if let Some(near) = keys::nearest(reference, written) {
        return diagnostic.help(format!("did you mean `{near}`?"));
    }
    if let Some(home) = keys::home_of(written) {
        return diagnostic.help(format!("`{written}` is a key of `{home}`"));
    }
    let names: Vec<String> = reference.iter().map(|key| format!("`{}`", key.name)).collect();
    diagnostic.help(format!("keys here are {}", names.join(", ")))
}

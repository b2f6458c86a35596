//! `scenario.resolved.toml`: a scenario with every default filled in, readable again with the same result.

use super::document::{Item, Table, Value};
use super::keys::{Kind, ROOT};
use super::overlay::name_of;
use std::fmt::Write;

/// The resolved scenario as TOML: the base document, then each fleet's overlay.
pub(super) fn to_toml<'a>(
    base: &Table,
    overlays: impl Iterator<Item = (&'a str, &'a Table)>,
    heading: &str,
) -> String {
    let mut text = String::new();
    for line in heading.lines() {
        let _ = writeln!(text, "# {line}");
    }
    for entry in base.entries.iter().filter(|entry| !is_block(&entry.key, &entry.item)) {
        let _ = writeln!(text, "{} = {}", key(&entry.key), inline(&entry.item));
    }
    for entry in base.entries.iter().filter(|entry| is_block(&entry.key, &entry.item)) {
        block(&mut text, &entry.key, &entry.item);
    }
    for (name, overlay) in overlays {
        let _ = writeln!(text, "\n[fleet.{}]", key(name));
        for entry in &overlay.entries {
            let _ =
                writeln!(text, "{} = {}", key(&entry.key), inline(&by_name(base, &entry.key, &entry.item)));
        }
    }
    text
}

/// Whether a value gets headers of its own: sections and non-empty lists of named tables at the top.
fn is_block(key: &str, item: &Item) -> bool {
    let kind = ROOT.iter().find(|known| known.name == key).map(|known| &known.kind);
    match (kind, &item.value) {
        (Some(Kind::Table(_)), Value::Table(_)) => true,
        (Some(Kind::Named(_)), Value::Array(elements)) => !elements.is_empty(),
        _ => false,
    }
}

fn block(text: &mut String, name: &str, item: &Item) {
    let mut section = |header: String, table: &Table| {
        let _ = writeln!(text, "\n{header}");
        for entry in &table.entries {
            let _ = writeln!(text, "{} = {}", key(&entry.key), inline(&entry.item));
        }
    };
    match &item.value {
        Value::Table(table) => section(format!("[{name}]"), table),
        Value::Array(elements) => {
            for element in elements {
                if let Value::Table(table) = &element.value {
                    section(format!("[[{name}]]"), table);
                }
            }
        }
        _ => {}
    }
}

/// Overlay elements written by name, which is how a reader thinks of them, unless one of them is new: a name can only
/// address what `base` has.
fn by_name(base: &Table, key: &str, item: &Item) -> Item {
    let named = ROOT.iter().any(|known| known.name == key && matches!(known.kind, Kind::Named(_)));
    let Value::Array(elements) = &item.value else { return item.clone() };
    let is_new = |element: &Item| !base.list(key).iter().any(|below| name_of(below) == name_of(element));
    if !named || elements.is_empty() || elements.iter().any(is_new) {
        return item.clone();
    }
    let entries = elements.iter().filter_map(|element| {
        let Value::Table(table) = &element.value else { return None };
        let mut rest = table.clone();
        let own = rest.remove("name")?;
        let key = name_of(element)?.to_owned();
        Some(super::document::Entry {
            key,
            key_span: own.key_span,
            item: Item { value: Value::Table(rest), span: element.span.clone() },
        })
    });
    Item { value: Value::Table(Table::of(entries.collect())), span: item.span.clone() }
}

/// A value as TOML on one line.
pub(super) fn inline(item: &Item) -> String {
    match &item.value {
        Value::Text(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Table(table) if table.entries.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let parts: Vec<String> = table
                .entries
                .iter()
                .map(|entry| format!("{} = {}", key(&entry.key), inline(&entry.item)))
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

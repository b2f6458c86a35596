//! Fills defaults of the key reference into a checked document and reports keys that have none.

use super::check::{Problems, head, value};
use super::diagnostic::{Code, Diagnostic};
use super::document::{Entry, Item, Table, Value, parse_value};
use super::keys::{Absent, Key, Kind};
use super::source::{Source, Span};

/// `table` with every default of `reference` filled in. `at` is where the table stands.
pub(super) fn filled(table: &Table, reference: &'static [Key], at: &Span, problems: &mut Problems) -> Table {
    let mut result = Table { entries: Vec::new(), doubts: table.doubts.clone() };
    for key in reference {
        let (key_span, item) = match (table.entry(key.name), key.absent) {
            (Some(entry), _) => (entry.key_span.clone(), entry.item.clone()),
            (None, Absent::Nothing) => continue,
            (None, Absent::Section) => {
                (at.clone(), Item { value: Value::Table(Table::default()), span: at.clone() })
            }
            (None, Absent::Default(text)) => (at.clone(), default_of(key, text, at)),
            (None, Absent::Required) => {
                problems.push(
                    Diagnostic::new(
                        Code::Missing,
                        at.clone(),
                        format!("`{}` is missing", key.name),
                        format!("`{}` has no default: expected {}", key.name, key.kind.expected()),
                    )
                    .help(format!("{} {}", key.doc, example(key))),
                );
                continue;
            }
        };
        let item = inside(item, &key.kind, problems);
        result.entries.push(Entry { key: key.name.to_owned(), key_span, item });
    }
    result
}

fn inside(item: Item, kind: &'static Kind, problems: &mut Problems) -> Item {
    let at = head(&item);
    let value = match (kind, item.value) {
        (Kind::Table(keys), Value::Table(table)) => Value::Table(filled(&table, keys, &at, problems)),
        (Kind::Tables(keys) | Kind::Named(keys), Value::Array(elements)) => {
            let each = |element: Item, problems: &mut Problems| {
                let at = head(&element);
                match &element.value {
                    Value::Table(table) => Item {
                        value: Value::Table(filled(table, keys, &at, problems)),
                        span: element.span.clone(),
                    },
                    _ => element,
                }
            };
            Value::Array(elements.into_iter().map(|element| each(element, problems)).collect())
        }
        (_, value) => value,
    };
    Item { value, span: item.span }
}

/// The default of `key`, placed at `at` so that a complaint about it points at the table that leaves it out.
fn default_of(key: &'static Key, text: &str, at: &Span) -> Item {
    let written = parse_value(&Source::new("default", text), 0);
    let mut problems = Problems::new();
    let checked = value(&written, &key.kind, key.name, &mut problems).unwrap_or(written);
    moved(checked, at)
}

/// What stands at `at` in place of a value of `key` that cannot be used or is missing, so that the rest can be checked;
/// `None` where the key may be absent.
pub(super) fn stand_in(key: &'static Key, at: &Span) -> Option<Item> {
    match key.absent {
        Absent::Default(text) => Some(default_of(key, text, at)),
        Absent::Required => Some(Item { value: any_value(&key.kind, at), span: at.clone() }),
        Absent::Nothing | Absent::Section => None,
    }
}

fn any_value(kind: &'static Kind, at: &Span) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    match kind {
        Kind::Text | Kind::Name | Kind::Path => text(""),
        Kind::Zoned => text("2026-11-02T00:00:00+00:00[UTC]"),
        Kind::Boolean | Kind::SwitchOrDuration => Value::Boolean(false),
        Kind::Integer(low, _) => Value::Integer(*low),
        Kind::Number(low, _) => Value::Float(*low),
        Kind::Duration | Kind::DurationOrNever | Kind::Distribution => text("1m"),
        Kind::Cpu => text("1"),
        Kind::Memory => text("1Gi"),
        Kind::Choice(words) => text(words[0]),
        Kind::List(_) | Kind::Tables(_) | Kind::Named(_) => Value::Array(Vec::new()),
        Kind::Map(_) => Value::Table(Table::default()),
        Kind::Table(keys) => Value::Table(filled(&Table::default(), keys, at, &mut Problems::new())),
    }
}

/// `table`, which is [`filled`], with something in the place of every missing key, named by the doubts of its table.
pub(super) fn without_gaps(table: &Table, reference: &'static [Key], at: &Span) -> Table {
    let mut result = table.clone();
    for key in reference {
        match result.get_mut(key.name) {
            Some(item) => fill_gaps(item, &key.kind),
            None => {
                if key.absent != Absent::Required {
                    continue;
                }
                let Some(item) = stand_in(key, at) else { continue };
                result.doubts.push(key.name);
                result.entries.push(Entry { key: key.name.to_owned(), key_span: at.clone(), item });
            }
        }
    }
    result
}

fn fill_gaps(item: &mut Item, kind: &'static Kind) {
    let at = head(item);
    match (kind, &mut item.value) {
        (Kind::Table(keys), Value::Table(table)) => *table = without_gaps(table, keys, &at),
        (Kind::Tables(keys) | Kind::Named(keys), Value::Array(elements)) => {
            for element in elements {
                let at = head(element);
                if let Value::Table(table) = &mut element.value {
                    *table = without_gaps(table, keys, &at);
                }
            }
        }
        _ => {}
    }
}

fn moved(item: Item, at: &Span) -> Item {
    let value = match item.value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| moved(item, at)).collect()),
        Value::Table(table) => Value::Table(Table::of(
            table
                .entries
                .into_iter()
                .map(|entry| Entry { key: entry.key, key_span: at.clone(), item: moved(entry.item, at) })
                .collect(),
        )),
        other => other,
    };
    Item { value, span: at.clone() }
}

fn example(key: &Key) -> String {
    match key.kind {
        Kind::Distribution => format!("For example: {} = {{ median = \"4m\", p95 = \"14m\" }}", key.name),
        Kind::Choice(words) => format!("For example: {} = \"{}\"", key.name, words[0]),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::ROOT;
    use super::*;

    #[test]
    fn every_default_is_a_legal_value_of_its_key() {
        fn walk(keys: &'static [Key]) {
            for key in keys {
                if let Absent::Default(text) = key.absent {
                    let written = parse_value(&Source::new("default", text), 0);
                    let mut problems = Problems::new();
                    value(&written, &key.kind, key.name, &mut problems);
                    // An empty name stands for "derived from elsewhere".
                    assert_eq!(problems, [], "{}", key.name);
                }
                if let Some(inner) = key.kind.keys() {
                    walk(inner);
                }
            }
        }
        walk(ROOT);
    }
}

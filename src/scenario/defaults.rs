//! Fills defaults of the key reference into a checked document and reports keys that have none.

use super::check::{Problems, head, value};
use super::diagnostic::{Code, Diagnostic};
use super::document::{Entry, Item, Table, Value, parse_value};
use super::keys::{Absent, Key, Kind};
use super::source::{Source, Span};

/// `table` with every default of `reference` filled in. `at` is where the table stands.
pub(super) fn filled(table: &Table, reference: &'static [Key], at: &Span, problems: &mut Problems) -> Table {
    let mut result = Table::default();
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

fn moved(item: Item, at: &Span) -> Item {
    let value = match item.value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| moved(item, at)).collect()),
        Value::Table(table) => Value::Table(Table {
            entries: table
                .entries
                .into_iter()
                .map(|entry| Entry { key: entry.key, key_span: at.clone(), item: moved(entry.item, at) })
                .collect(),
        }),
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

//! Overlays: the keys of a fleet, of a base file's heir or of `--set` laid over a scenario. Works on canonical documents
//! and keeps places, so that a mistake in an overlay points at the overlay.

use super::document::{Entry, Item, Table, Value};
use super::keys::{Key, Kind};
use super::source::Span;

/// `over` laid over `base`: tables of the reference are merged, elements of named lists are found by their name (new
/// ones are added at the end), everything else is replaced.
#[must_use]
pub(super) fn merged(base: &Table, over: &Table, reference: &'static [Key]) -> Table {
    let mut result = base.clone();
    for entry in &over.entries {
        let kind = reference.iter().find(|key| key.name == entry.key).map(|key| &key.kind);
        let item = match (kind, result.get(&entry.key).map(|item| &item.value), &entry.item.value) {
            (Some(Kind::Table(inner)), Some(Value::Table(below)), Value::Table(above)) => {
                Item { value: Value::Table(merged(below, above, inner)), span: entry.item.span.clone() }
            }
            (Some(Kind::Named(inner)), Some(Value::Array(below)), Value::Array(above)) => Item {
                value: Value::Array(merged_by_name(below, above, inner)),
                span: entry.item.span.clone(),
            },
            _ => entry.item.clone(),
        };
        result.set(Entry { key: entry.key.clone(), key_span: entry.key_span.clone(), item });
    }
    result
}

fn merged_by_name(base: &[Item], over: &[Item], reference: &'static [Key]) -> Vec<Item> {
    let mut result = base.to_vec();
    for element in over {
        let Value::Table(above) = &element.value else { continue };
        match result.iter_mut().find(|below| name_of(below) == name_of(element)) {
            Some(below) => {
                if let Value::Table(found) = &below.value {
                    let value = Value::Table(merged(found, above, reference));
                    *below = Item { value, span: below.span.clone() };
                }
            }
            None => result.push(element.clone()),
        }
    }
    result
}

/// The key `name` of a table.
pub(super) fn name_of(item: &Item) -> Option<&str> {
    let Value::Table(table) = &item.value else { return None };
    match &table.get("name")?.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}

/// An overlay with its quoted dotted keys (`"node_pool.ci.limits.cpu" = 8`) spread into tables.
#[must_use]
pub(super) fn spread(overlay: &Table) -> Table {
    let mut result = Table::default();
    for entry in &overlay.entries {
        let mut parts = entry.key.split('.');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let item = rest.iter().rev().fold(entry.item.clone(), |item, part| wrap(part, &entry.key_span, item));
        put(&mut result, Entry { key: first.to_owned(), key_span: entry.key_span.clone(), item });
    }
    result
}

fn wrap(key: &str, key_span: &Span, item: Item) -> Item {
    let span = item.span.clone();
    let entries = vec![Entry { key: key.to_owned(), key_span: key_span.clone(), item }];
    Item { value: Value::Table(Table { entries }), span }
}

/// Adds `entry`, joining tables that both sides have.
fn put(table: &mut Table, entry: Entry) {
    match (table.get_mut(&entry.key).map(|item| &mut item.value), entry.item.value.clone()) {
        (Some(Value::Table(found)), Value::Table(new)) => {
            for inner in new.entries {
                put(found, inner);
            }
        }
        _ => table.set(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, document, keys::ROOT, source::Source};
    use super::*;

    fn canonical(text: &str) -> Table {
        let mut problems = Vec::new();
        let table =
            check::table(&spread(&document::parse(&Source::new("t", text)).unwrap()), ROOT, &mut problems);
        assert_eq!(problems, []);
        table
    }

    #[test]
    fn named_elements_are_met_by_name_and_other_lists_replaced() {
        let base = canonical(
            "[[node_pool]]\nname = \"ci\"\nweight = 5\nzones = [\"a\"]\n[[node_pool]]\nname = \"other\"\n",
        );
        let over = canonical(
            "\"node_pool.ci.zones\" = [\"b\", \"c\"]\n\"node_pool.ci.limits.cpu\" = 8\n[node_pool.new]\n",
        );
        let result = merged(&base, &over, ROOT);
        let Value::Array(pools) = &result.get("node_pool").unwrap().value else { panic!("a list") };
        let names: Vec<_> = pools.iter().filter_map(name_of).collect();
        assert_eq!(names, ["ci", "other", "new"]);
        let Value::Table(ci) = &pools[0].value else { panic!("a table") };
        assert_eq!(ci.get("weight").unwrap().value, Value::Integer(5));
        assert!(matches!(&ci.get("zones").unwrap().value, Value::Array(zones) if zones.len() == 2));
        assert!(ci.get("limits").is_some());
    }
}

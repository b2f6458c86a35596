//! Overlays: the keys of a fleet, of a base file's heir or of `--set` laid over a scenario. Works on canonical documents
//! and keeps places, so that a mistake in an overlay points at the overlay.

use super::check::Problems;
use super::diagnostic::{Code, Diagnostic};
use super::document::{Entry, Item, Table, Value};
use super::keys::{Key, Kind, nearest_word};
use super::source::Span;

/// `over` laid over `base`: tables of the reference are merged, elements of named lists are found by their name, everything
/// else is replaced.
///
/// A table addressed by its name (`[node_pool.ci]`, `node_pool.ci.weight = 5`) changes an element that is there: naming one
/// that `base` lacks is reported in `unknown` and left out. A new element is written with a `name` of its own below
/// `[[node_pool]]`, and stands at the end. Without `unknown` both are added, for an overlay whose base is not known yet.
#[must_use]
pub(super) fn merged(
    base: &Table,
    over: &Table,
    reference: &'static [Key],
    mut unknown: Option<&mut Problems>,
) -> Table {
    let mut result = base.clone();
    result.doubts.extend(&over.doubts);
    for entry in &over.entries {
        // What could not be read of `base` may have had any element.
        let mut unknown = unknown.as_deref_mut().filter(|_| !base.doubts.contains(&entry.key.as_str()));
        let kind = reference.iter().find(|key| key.name == entry.key).map(|key| &key.kind);
        let below = result.get(&entry.key).map(|item| &item.value);
        let value = match (kind, below, &entry.item.value) {
            (Some(Kind::Table(inner)), Some(Value::Table(below)), Value::Table(above)) => {
                Value::Table(merged(below, above, inner, unknown.as_deref_mut()))
            }
            (Some(Kind::Named(inner)), Some(Value::Array(below)), Value::Array(above)) => {
                Value::Array(merged_by_name(&entry.key, below, above, inner, unknown.as_deref_mut()))
            }
            (Some(Kind::Named(inner)), None, Value::Array(above)) => {
                Value::Array(merged_by_name(&entry.key, &[], above, inner, unknown))
            }
            _ => entry.item.value.clone(),
        };
        let item = Item { value, span: entry.item.span.clone() };
        result.set(Entry { key: entry.key.clone(), key_span: entry.key_span.clone(), item });
    }
    result
}

fn merged_by_name(
    list: &str,
    base: &[Item],
    over: &[Item],
    reference: &'static [Key],
    mut unknown: Option<&mut Problems>,
) -> Vec<Item> {
    let mut result = base.to_vec();
    for element in over {
        let Value::Table(above) = &element.value else { continue };
        match result.iter_mut().find(|below| name_of(below) == name_of(element)) {
            Some(below) => {
                if let Value::Table(found) = &below.value {
                    let value = Value::Table(merged(found, above, reference, unknown.as_deref_mut()));
                    *below = Item { value, span: below.span.clone() };
                }
            }
            None => match (&mut unknown, addressed(above)) {
                (Some(problems), Some(place)) => {
                    // It may be the one whose name cannot be read.
                    if !base.iter().any(has_doubtful_name) {
                        problems.push(no_such_element(list, name_of(element).unwrap_or(""), place, base));
                    }
                }
                _ => result.push(element.clone()),
            },
        }
    }
    result
}

/// Where the element is addressed by its name, unless it has a key `name` of its own, as below `[[runner]]`.
fn addressed(element: &Table) -> Option<&Span> {
    let span = &element.entry("name")?.key_span;
    (span.text().trim().trim_matches(['"', '\'']) != "name").then_some(span)
}

fn has_doubtful_name(element: &Item) -> bool {
    matches!(&element.value, Value::Table(table) if table.doubts.contains(&"name"))
}

fn no_such_element(list: &str, name: &str, place: &Span, known: &[Item]) -> Diagnostic {
    let known: Vec<&str> = known.iter().filter_map(name_of).collect();
    let hint = match nearest_word(known.iter().copied(), name) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the scenario has no `{list}`"),
        None => format!("`{list}` has {}", known.join(", ")),
    };
    Diagnostic::new(
        Code::Reference,
        place.clone(),
        format!("there is no `{list}` called `{name}`"),
        "a table addressed by its name changes what is there",
    )
    .help(format!("{hint} (to add one, write it below [[…{list}]] with name = \"{name}\")"))
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
    let mut result = Table { entries: Vec::new(), doubts: overlay.doubts.clone() };
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
    Item { value: Value::Table(Table::of(entries)), span }
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
        let over = canonical("\"node_pool.ci.zones\" = [\"b\", \"c\"]\n\"node_pool.ci.limits.cpu\" = 8\n");
        let over = merged(&over, &canonical("[[node_pool]]\nname = \"new\"\n"), ROOT, None);
        let mut problems = Problems::new();
        let result = merged(&base, &over, ROOT, Some(&mut problems));
        assert_eq!(problems, []);
        let Value::Array(pools) = &result.get("node_pool").unwrap().value else { panic!("a list") };
        let names: Vec<_> = pools.iter().filter_map(name_of).collect();
        assert_eq!(names, ["ci", "other", "new"]);
        let Value::Table(ci) = &pools[0].value else { panic!("a table") };
        assert_eq!(ci.get("weight").unwrap().value, Value::Integer(5));
        assert!(matches!(&ci.get("zones").unwrap().value, Value::Array(zones) if zones.len() == 2));
        assert!(ci.get("limits").is_some());
    }

    #[test]
    fn a_table_addressed_by_its_name_changes_what_is_there_and_never_makes_one() {
        let base = canonical("[[runner]]\nname = \"eks\"\n");
        let unknown = |text: &str| {
            let mut problems = Problems::new();
            let result = merged(&base, &canonical(text), ROOT, Some(&mut problems));
            let Value::Array(runners) = &result.get("runner").unwrap().value else { panic!("a list") };
            assert_eq!(runners.len() + problems.len(), 2, "{text}: added or reported");
            !problems.is_empty()
        };
        for text in [
            "\"runner.ekz.concurrent\" = 5\n",
            "runner.ekz.concurrent = 5\n",
            "[runner]\nekz.concurrent = 5\n",
            "[runner.b]\nconcurrent = 5\n",
            "\"runner.b\" = { concurrent = 5 }\n",
            "[runner]\nb = { concurrent = 5 }\n",
        ] {
            assert!(unknown(text), "{text}");
        }
        for text in
            ["[[runner]]\nname = \"b\"\n", "runner = [{ name = \"b\" }]\n", "[runner]\nname = \"b\"\n"]
        {
            assert!(!unknown(text), "{text}");
        }
    }
}

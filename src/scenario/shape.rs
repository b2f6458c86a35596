//! Distributions of durations as they are written: constant, median and p95, mean, range, quantiles, mixture.

use super::check::{Problems, head, value};
use super::diagnostic::{Code, Diagnostic};
use super::document::{Entry, Item, Table, Value};
use super::keys::{Key, Kind, find, nearest, snake_case};
use crate::units::SimDuration;

/// The keys of a distribution table. Which go together: see [`SHAPES`].
pub(super) const KEYS: &[Key] = &[
    Key::new("median", Kind::Duration, "Lognormal: half are shorter."),
    Key::new("p95", Kind::Duration, "Lognormal: 95 % are shorter."),
    Key::new("mean", Kind::Duration, "Exponential, or lognormal together with `cv`."),
    Key::new("cv", Kind::Number(0.0, 100.0), "Lognormal: standard deviation over mean."),
    Key::new("min", Kind::Duration, "Evenly between `min` and `max`."),
    Key::new("max", Kind::Duration, "Evenly between `min` and `max`."),
    Key::new(
        "values",
        Kind::List(&Kind::Duration),
        "Measured values: drawn between them, from least to greatest.",
    ),
    Key::new("mixture", Kind::List(&Kind::Distribution), "Several distributions, each with a `weight`."),
    Key::new("weight", Kind::Number(0.0, 1e6), "How often this part of a mixture is drawn."),
];

/// Which keys make a distribution together.
const SHAPES: &[&[&str]] =
    &[&["median", "p95"], &["mean"], &["mean", "cv"], &["min", "max"], &["values"], &["mixture"]];

/// A distribution table in canonical form; `None` where it is none, after saying so.
pub(super) fn check(item: &Item, name: &str, problems: &mut Problems) -> Option<Item> {
    let Value::Table(found) = &item.value else { return None };
    let found = &unwrapped(found);
    let before = problems.len();
    let mut canonical = Table::default();
    for entry in &found.entries {
        let Some(key) = find(KEYS, &entry.key) else {
            let near = nearest(KEYS, &entry.key).map_or_else(
                || "write { median, p95 }, { mean }, { min, max }, { values } or { mixture }".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("a distribution has no `{}`", entry.key);
            problems.push(
                Diagnostic::new(Code::UnknownKey, entry.key_span.clone(), message, "unknown key").help(near),
            );
            continue;
        };
        if let Some(item) = value(&entry.item, &key.kind, key.name, problems) {
            canonical.set(Entry { key: key.name.to_owned(), key_span: entry.key_span.clone(), item });
        }
    }
    if problems.len() > before {
        return None;
    }
    if let Some(problem) = inconsistent(&canonical, item, name) {
        problems.push(problem);
        return None;
    }
    Some(Item { value: Value::Table(canonical), span: item.span.clone() })
}

/// `{ lognormal = { … } }` and the like: the name of the shape is accepted around its keys;
/// `{ exponential = "100s" }` is its mean alone.
fn unwrapped(found: &Table) -> Table {
    let [only] = found.entries.as_slice() else { return found.clone() };
    match (&*snake_case(&only.key), &only.item.value) {
        ("lognormal" | "log_normal" | "exponential" | "uniform" | "empirical", Value::Table(inner)) => {
            inner.clone()
        }
        ("exponential", Value::Text(_)) => {
            let mean = Entry { key: "mean".to_owned(), ..only.clone() };
            Table::of(vec![mean])
        }
        _ => found.clone(),
    }
}

fn span_of(table: &Table, key: &str) -> Option<SimDuration> {
    match &table.get(key)?.value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn inconsistent(table: &Table, item: &Item, name: &str) -> Option<Diagnostic> {
    let mut given: Vec<&str> =
        table.entries.iter().map(|entry| entry.key.as_str()).filter(|key| *key != "weight").collect();
    given.sort_unstable();
    let matches = SHAPES.iter().any(|shape| {
        let mut shape = shape.to_vec();
        shape.sort_unstable();
        shape == given
    });
    if !matches {
        let message = format!("`{name}`: {} do not make a distribution", quoted(&given));
        return Some(
            Diagnostic::new(Code::Conflict, head(item), message, "expected keys that belong together").help(
                "write { median, p95 }, { mean }, { mean, cv }, { min, max }, { values } or { mixture }",
            ),
        );
    }
    let complain = |key: &str, message: String, label: &str| {
        let span = table.get(key).map_or_else(|| head(item), |found| found.span.clone());
        Some(Diagnostic::new(Code::Range, span, format!("`{name}`: {message}"), label))
    };
    if let (Some(median), Some(p95)) = (span_of(table, "median"), span_of(table, "p95")) {
        if median == SimDuration::ZERO {
            return complain("median", "a median of 0s has no spread".to_owned(), "expected more than 0s");
        }
        if p95 < median {
            let message = format!("p95 {p95} is below the median {median}");
            return complain("p95", message, "expected at least the median");
        }
    }
    if let (Some(low), Some(high)) = (span_of(table, "min"), span_of(table, "max"))
        && low > high
    {
        return complain("max", format!("max {high} is below min {low}"), "expected at least `min`");
    }
    for key in ["values", "mixture"] {
        if let Some(Item { value: Value::Array(parts), .. }) = table.get(key)
            && parts.is_empty()
        {
            return complain(key, format!("`{key}` is empty"), "expected at least one element");
        }
    }
    None
}

fn quoted(names: &[&str]) -> String {
    if names.is_empty() {
        return "no keys".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

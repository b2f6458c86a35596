//! Which findings about a document with mistakes of form are worth saying beside them, and which may only follow from them.
//! Knows how keys depend on each other, in outline; checks nothing itself.

use super::check::{Problems, head};
use super::diagnostic::{Code, Diagnostic};
use super::document::{Item, Table, Value};
use super::source::Span;

/// Keys by which parts of a scenario refer to each other, or that decide which parts there are.
const REFERRED: &[&str] = &[
    "",
    "enabled",
    "fleet",
    "job",
    "kind",
    "manifest",
    "config",
    "matrix",
    "name",
    "needs",
    "node_pool",
    "protected",
    "run_untagged",
    "runner",
    "stage",
    "stages",
    "tags",
    "trace",
];

/// Keys of `[ec2]` that decide which types, zones and prices there are.
const OF_THE_CATALOG: &[&str] = &["", "region", "zones", "prices", "instance_type", "price"];

/// Keys at the top that say nothing about jobs or fleets.
const OF_NO_FLEET: &[&str] = &["schema", "question", "seed", "replications", "baseline", "objective"];

/// What is in doubt in one document.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Places of the values that could not be used.
    own: Vec<Span>,
    /// Places of everything in an element or section with such a value.
    around: Vec<Span>,
    /// Whether parts may be missing that others refer to.
    may_lack_parts: bool,
    /// Whether anything is in doubt that says what a pod asks for or a node offers.
    may_change_fit: bool,
    /// Whether other types, zones or prices may have been meant.
    may_change_catalog: bool,
}

impl Doubts {
    /// The doubts about a whole document.
    #[must_use]
    pub(super) fn of(document: &Table) -> Self {
        let mut doubts = Self::default();
        for key in &document.doubts {
            doubts.about(document, key);
            doubts.may_change_fit |= !OF_NO_FLEET.contains(key);
            // The run's times limit each other.
            if ["horizon", "warmup", "start"].contains(key) {
                for other in ["horizon", "warmup"] {
                    doubts.own.extend(document.entry(other).map(|entry| entry.item.span.clone()));
                }
            }
        }
        if let Some(Item { value: Value::Table(ec2), .. }) = document.get("ec2") {
            doubts.may_change_catalog = ec2.doubts.iter().any(|key| OF_THE_CATALOG.contains(key))
                || ["instance_type", "price"].iter().any(|list| ec2.list(list).iter().any(is_doubtful));
        }
        for entry in &document.entries {
            let is_new = |doubts: &Self| (doubts.own.len(), doubts.around.len());
            let before = is_new(&doubts);
            doubts.within(&entry.item, false);
            if is_new(&doubts) != before {
                doubts.may_change_fit |= !OF_NO_FLEET.contains(&entry.key.as_str());
            }
        }
        doubts
    }

    /// The findings that hold whatever was meant in place of what is in doubt.
    pub(super) fn admitted(&self, found: Problems) -> impl Iterator<Item = Diagnostic> {
        found.into_iter().filter(|finding| self.admits(finding))
    }

    fn admits(&self, finding: &Diagnostic) -> bool {
        let is_at = |places: &[Span]| places.iter().any(|place| overlaps(place, &finding.span));
        if is_at(&self.own) {
            return false;
        }
        match finding.code {
            Code::DoesNotFit => !self.may_change_fit,
            Code::Reference => !self.may_lack_parts,
            Code::Catalog => !self.may_change_catalog,
            Code::Range | Code::Conflict | Code::Missing => !self.may_lack_parts && !is_at(&self.around),
            // About one value alone.
            _ => true,
        }
    }

    fn about(&mut self, table: &Table, key: &str) {
        self.may_lack_parts |= REFERRED.contains(&key);
        if let Some(entry) = table.entry(key) {
            self.own.push(entry.key_span.clone());
            places(&entry.item, true, &mut self.own);
        }
    }

    /// Doubts in and below `item`; what is in an element of a list is about that element alone.
    fn within(&mut self, item: &Item, is_element: bool) {
        match &item.value {
            Value::Table(table) => {
                for key in &table.doubts {
                    self.about(table, key);
                }
                if !table.doubts.is_empty() {
                    places(item, is_element, &mut self.around);
                }
                for entry in &table.entries {
                    self.within(&entry.item, is_element);
                }
            }
            Value::Array(items) => items.iter().for_each(|element| self.within(element, true)),
            _ => {}
        }
    }
}

fn is_doubtful(element: &Item) -> bool {
    matches!(&element.value, Value::Table(table) if !table.doubts.is_empty())
}

/// The places of all that `item` holds, with the elements of its lists of tables or without.
fn places(item: &Item, with_elements: bool, found: &mut Vec<Span>) {
    match &item.value {
        Value::Table(table) => {
            found.push(head(item));
            for entry in &table.entries {
                found.push(entry.key_span.clone());
                places(&entry.item, with_elements, found);
            }
        }
        Value::Array(items)
            if with_elements || !items.iter().any(|item| matches!(item.value, Value::Table(_))) =>
        {
            items.iter().for_each(|item| places(item, with_elements, found));
        }
        Value::Array(_) => {}
        _ => found.push(item.span.clone()),
    }
}

fn overlaps(one: &Span, other: &Span) -> bool {
    let (a, b) = (&one.range, &other.range);
    one.source.name == other.source.name && (a == b || (a.start < b.end && b.start < a.end))
}

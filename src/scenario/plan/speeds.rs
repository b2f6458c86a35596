//! Speeds that people measured: for all jobs and for those of one description.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;
use super::super::source::Span;
use super::job::Jobs;
use crate::catalog::{Arch, Catalog};
use crate::units::Ppm;
use crate::workload::SpeedOverride;

/// The speeds in the map at `key`, and where each is named.
pub(super) fn measured(table: &Table, key: &str) -> Vec<(SpeedOverride, Span)> {
    let Some(Value::Table(given)) = table.get(key).map(|item| &item.value) else { return Vec::new() };
    let of = |entry: &super::super::document::Entry| match entry.item.value {
        Value::Float(factor) => {
            let speed = SpeedOverride { instances: entry.key.clone(), speed: Ppm::from_f64(factor) };
            Some((speed, entry.key_span.clone()))
        }
        _ => None,
    };
    given.entries.iter().filter_map(of).collect()
}

/// Complains about speeds of what the catalogue does not know: they would silently do nothing.
pub(super) fn check(jobs: &Jobs<'_, '_>, catalog: &Catalog, problems: &mut Problems) {
    let arches = [Arch::Amd64, Arch::Arm64].map(Arch::label);
    let generations: Vec<&str> = catalog.generations().iter().map(|generation| generation.name).collect();
    for (name, span) in &jobs.speeds_named {
        let is_family = catalog.families().iter().any(|one| one.family == name.trim_end_matches(".*"));
        if is_family || arches.contains(&name.as_str()) || generations.contains(&name.as_str()) {
            continue;
        }
        let message = format!("`{name}` is no CPU generation, family or architecture");
        let diagnostic = Diagnostic::new(
            Code::Catalog,
            span.clone(),
            message,
            "expected a name such as `graviton3`, `m7g` or `arm64`",
        );
        let help = match nearest_word(generations.iter().copied(), name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("generations are {}", generations.join(", ")),
        };
        problems.push(diagnostic.help(help));
    }
}

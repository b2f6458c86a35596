//! What changes for Karpenter during a run: images and NodePools.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;
use super::karpenter::Pool;
use crate::simulation::{DriftNotice, DriftPlan};
use crate::units::SimTime;

/// `[[karpenter.drift]]`.
pub(super) fn drifts(karpenter: &Table, pools: &[Pool], problems: &mut Problems) -> Vec<DriftPlan> {
    let drift = |(table, _): (&Table, &super::super::source::Span)| DriftPlan {
        at: SimTime::ZERO + table.duration_if("at").unwrap_or_default(),
        notice: match table.text("change") {
            "node-pool" => DriftNotice::NodePool,
            _ => DriftNotice::Image,
        },
        pools: named_pools(table, "node_pools", pools, problems),
    };
    karpenter.tables("drift").map(drift).collect()
}

/// The numbers of the pools listed at `key`; a name of none is reported.
pub(super) fn named_pools(table: &Table, key: &str, pools: &[Pool], problems: &mut Problems) -> Vec<u32> {
    let mut numbers = Vec::new();
    for item in table.list(key) {
        let Value::Text(name) = &item.value else { continue };
        let names = || pools.iter().map(|pool| pool.spec.name.as_str());
        if let Some(number) = names().position(|known| known == name) {
            numbers.push(number as u32);
            continue;
        }
        let help = nearest_word(names(), name).map_or_else(
            || format!("pools are {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no node pool `{name}`");
        problems.push(
            Diagnostic::new(Code::Reference, item.span.clone(), message, "expected the name of a node pool")
                .help(help),
        );
    }
    numbers
}

//! What changes for Karpenter during a run, images and NodePools, and what NodeOverlays tell it of prices.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;
use super::job::line_of;
use super::karpenter::{Pool, requirement};
use crate::karpenter::price_overlay::{NodeOverlay, PriceOverlay};
use crate::simulation::{DriftNotice, DriftPlan, ScalePlan};
use crate::units::{HourlyPrice, SimTime};

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

/// `[[karpenter.scale]]`.
pub(super) fn scales(karpenter: &Table, pools: &[Pool], problems: &mut Problems) -> Vec<ScalePlan> {
    let mut scales = Vec::new();
    for (table, span) in karpenter.tables("scale") {
        let at = SimTime::ZERO + table.duration_if("at").unwrap_or_default();
        let replicas = table.integer_if("replicas").unwrap_or_default() as u32;
        for pool in named_pools(table, "node_pool", pools, problems) {
            if pools[pool as usize].replicas.is_none() {
                let name = &pools[pool as usize].spec.name;
                let message = format!("node pool `{name}` is not static");
                problems.push(
                    Diagnostic::new(
                        Code::Conflict,
                        line_of(span),
                        message,
                        "expected a pool with `replicas`",
                    )
                    .help("a pool becomes static by `replicas` of its own, and stays so"),
                );
            }
            scales.push(ScalePlan { at, pool, replicas });
        }
    }
    scales
}

/// `[[karpenter.node_overlay]]`.
pub(super) fn overlays(karpenter: &Table, pools: &[Pool], problems: &mut Problems) -> Vec<NodeOverlay> {
    let mut overlays = Vec::new();
    for (table, span) in karpenter.tables("node_overlay") {
        let mut requirements = Vec::new();
        for (own, own_span) in table.tables("requirements") {
            if own.text("key") == "karpenter.sh/nodepool" {
                named_pools(own, "values", pools, problems);
            }
            requirements.extend(requirement(own, own_span, problems));
        }
        let adjustment = table.text_if("price_adjustment");
        let price = match (table.number_if("price"), adjustment) {
            (Some(dollars), None) => Some(PriceOverlay::Price(HourlyPrice::from_dollars(dollars))),
            (None, Some(text)) => PriceOverlay::parse_adjustment(text),
            _ => {
                let label = "expected one of `price` and `price_adjustment`";
                let message = "a NodeOverlay gives one price";
                problems.push(Diagnostic::new(Code::Conflict, line_of(span), message, label));
                continue;
            }
        };
        let Some(price) = price else {
            let message = format!("`{}` is not a price adjustment", adjustment.unwrap_or_default());
            let at = table.span("price_adjustment");
            problems.push(
                Diagnostic::new(Code::Grammar, at, message, "expected a sign, a number and perhaps %")
                    .help("\"-15%\", \"+10%\", or \"-0.05\" in US dollars per hour"),
            );
            continue;
        };
        let (name, weight) = (table.text("name").to_owned(), table.integer("weight") as u32);
        overlays.push(NodeOverlay { name, weight, requirements, price });
    }
    overlays
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

//! Why one fleet costs more than another: by what is paid for, by what it is used for, and by work, room and price.

use super::sheet::{ExplanationFormat, Sheet};
use super::words::share;
use crate::experiment::{ExperimentSummary, FleetSummary, Metric, Verdict};
use crate::metrics::{CostKind, WasteKind};
use crate::report::format::{number, plus_minus, three_digits};
use crate::report::verdict::words;

/// What a fleet's CPU did in the counted time of all replications.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CostSide {
    /// Core hours that jobs requested.
    pub requested_hours: f64,
    /// Core hours that nodes could give to pods.
    pub provisioned_hours: f64,
}

/// Costs of one fleet per 1,000 jobs.
struct Side<'a> {
    fleet: &'a FleetSummary,
    cpu: CostSide,
}

impl Side<'_> {
    fn per_thousand(&self, dollars: f64) -> f64 {
        1000.0 * dollars / (self.fleet.jobs.jobs() as f64).max(1.0)
    }

    fn kind(&self, kind: CostKind) -> f64 {
        self.per_thousand(self.fleet.costs.of(kind).read().as_dollars())
    }

    fn used(&self, kind: WasteKind) -> f64 {
        self.per_thousand(self.fleet.waste.of(kind).read().as_dollars())
    }

    fn total(&self) -> f64 {
        self.per_thousand(self.fleet.costs.total().read().as_dollars())
    }

    fn instances(&self) -> f64 {
        self.per_thousand(self.fleet.waste.total().read().as_dollars())
    }
}

/// Why `fleet` costs more or less than the baseline of the experiment, `cpu` is of the baseline and of the fleet.
#[must_use]
pub fn explain_cost(
    summary: &ExperimentSummary,
    fleet: usize,
    cpu: [CostSide; 2],
    format: ExplanationFormat,
) -> String {
    let base = Side { fleet: &summary.fleets[summary.baseline], cpu: cpu[0] };
    let other = Side { fleet: &summary.fleets[fleet], cpu: cpu[1] };
    let mut sheet = Sheet::new(format);
    for (name, side) in [("from", &base), ("to", &other)] {
        sheet.fact(name, side.fleet.name.as_str());
        sheet.fact(&format!("{name}_usd_per_1000_jobs"), side.total());
        sheet.fact(&format!("{name}_instances_usd_per_1000_jobs"), side.instances());
    }
    heading(&base, &other, &mut sheet);
    let kinds = CostKind::ALL.map(|kind| (words(kind.label()), base.kind(kind), other.kind(kind)));
    parts("What is paid for, $ per 1000 jobs:", &kinds, &mut sheet);
    let uses = WasteKind::ALL.map(|kind| (words(kind.label()), base.used(kind), other.used(kind)));
    parts("What the instances are used for, $ per 1000 jobs:", &uses, &mut sheet);
    factors(&base, &other, &mut sheet);
    sheet.finish()
}

fn heading(base: &Side<'_>, other: &Side<'_>, sheet: &mut Sheet) {
    let difference = other.fleet.difference(Metric::CostPerThousandJobs);
    let by = difference.map_or_else(
        || three_digits((other.total() - base.total()).abs()),
        |found| plus_minus(&found.absolute, 1.0).trim_start_matches('−').to_owned(),
    );
    let more = if other.total() > base.total() { "more" } else { "less" };
    let unclear = match difference.map(|found| found.verdict) {
        Some(Verdict::NoClearDifference) => " The interval contains zero: no clear difference.",
        _ => "",
    };
    sheet.paragraph(&format!(
        "{} costs ${by} {more} per 1000 jobs than {} (${} against ${}, {}).{unclear}",
        other.fleet.name,
        base.fleet.name,
        number(other.total(), 2),
        number(base.total(), 2),
        percent(base.total(), other.total()),
    ));
}

fn percent(from: f64, to: f64) -> String {
    if from <= 0.0 {
        return "new".to_owned();
    }
    let change = 100.0 * (to / from - 1.0);
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{}\u{a0}%", number(change, usize::from(change.abs() < 10.0)))
}

fn signed(value: f64) -> String {
    format!("{}{}", if value > 0.0 { "+" } else { "" }, number(value, 2))
}

/// Items of an account, the largest difference first; what is in neither fleet is left out.
fn parts(title: &str, items: &[(String, f64, f64)], sheet: &mut Sheet) {
    let mut items: Vec<&(String, f64, f64)> = items.iter().filter(|(_, a, b)| a.max(*b) >= 0.005).collect();
    if items.is_empty() {
        return;
    }
    items.sort_by(|a, b| (b.2 - b.1).abs().total_cmp(&(a.2 - a.1).abs()));
    sheet.blank();
    sheet.paragraph(title);
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|(name, from, to)| {
            vec![
                name.clone(),
                signed(to - from),
                number(*from, 2),
                "→".to_owned(),
                number(*to, 2),
                String::new(),
            ]
        })
        .collect();
    sheet.rows(&rows);
}

/// The cost of instances is work × room × price; each factor takes the part of the difference that its logarithm has of the
/// logarithm of the whole (logarithmic mean Divisia index; Ang 2004), so that the parts sum to it.
fn factors(base: &Side<'_>, other: &Side<'_>, sheet: &mut Sheet) {
    let of = |side: &Side<'_>| {
        let (requested, provisioned) = (side.cpu.requested_hours, side.cpu.provisioned_hours);
        let dollars = side.fleet.waste.total().read().as_dollars();
        [side.per_thousand(requested), provisioned / requested, dollars / provisioned]
    };
    let (from, to) = (of(base), of(other));
    if from.iter().chain(&to).any(|value| !value.is_finite() || *value <= 0.0) {
        return;
    }
    let (before, after) = (base.instances(), other.instances());
    let whole = libm::log(after / before);
    let weight = if whole.abs() < 1e-12 { before } else { (after - before) / whole };
    let part = |index: usize| weight * libm::log(to[index] / from[index]);
    let names = [
        ("work", "CPU hours that 1000 jobs hold: speed, emulation, retries, time-outs"),
        ("room", "CPU provisioned per CPU requested: idle, start-up, fragmentation"),
        ("price", "dollars per CPU hour provisioned: architecture, Spot, type"),
    ];
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| part(*b).abs().total_cmp(&part(*a).abs()));
    sheet.blank();
    sheet.paragraph(&format!("Why the instances cost {} per 1000 jobs:", signed(after - before)));
    let row = |index: &usize| {
        let (name, meaning) = names[*index];
        let (a, b) = (three_digits(from[*index]), three_digits(to[*index]));
        vec![
            name.to_owned(),
            signed(part(*index)),
            percent(from[*index], to[*index]),
            format!("{meaning} ({a} → {b})"),
        ]
    };
    sheet.rows(&order.iter().map(row).collect::<Vec<_>>());
    let first = order[0];
    sheet.paragraph(&format!(
        "The largest part is the {}: {} of the sum of all changes.",
        names[first].0,
        share(part(first).abs(), (0..3).map(|index| part(index).abs()).sum())
    ));
}

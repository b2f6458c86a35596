//! For whom a fleet's money is paid: its bill by class, team, project, pipeline, architecture or capacity type.

use super::sheet::{ExplanationFormat, Sheet};
use super::words::share;
use crate::experiment::{Estimate, GroupBy, GroupCost};
use crate::metrics::{UsedFor, WasteKind};
use crate::report::format::{number, plus_minus, three_digits};

/// Groups that are told; the others are one row.
const ROWS: usize = 25;

/// The bill of `fleet` by group.
#[must_use]
pub fn explain_cost_by(fleet: &str, by: GroupBy, groups: &[GroupCost], format: ExplanationFormat) -> String {
    let mut sheet = Sheet::new(format);
    sheet.fact("fleet", fleet);
    sheet.fact("by", by.label());
    let bill: f64 = groups.iter().map(|group| group.cost.mean).sum();
    let n = groups.first().map_or(0, |group| group.cost.n);
    let what = by.label().replace('_', " ");
    sheet.paragraph(&format!(
        "{fleet} costs ${} per replication ({n} of them). By {what}, dollars per replication:",
        number(bill, 2)
    ));
    let told = if groups.len() > ROWS { ROWS - 1 } else { groups.len() };
    let mut rows = vec![
        ["", "$", "of the bill", "work", "lost", "start-up", "idle", "other"].map(str::to_owned).to_vec(),
    ];
    for group in &groups[..told] {
        rows.push(row(&group.group, cost(&group.cost), (&group.used, group.cost.mean), bill));
    }
    let rest = &groups[told..];
    if !rest.is_empty() {
        let mut used = UsedFor::default();
        rest.iter().for_each(|group| used.merge(&group.used));
        let mean = rest.iter().map(|group| group.cost.mean).sum();
        rows.push(row(&format!("{} others", rest.len()), three_digits(mean), (&used, mean), bill));
    }
    sheet.blank();
    sheet.rows(&rows);
    sheet.blank();
    sheet.paragraph(
        "A node is paid for by the jobs that were on it, by the CPU that they requested; what no job was on, and what stands \
         whether jobs run or not, by the CPU that all jobs requested. The shares of a row sum to the group's own cost.",
    );
    sheet.finish()
}

fn cost(estimate: &Estimate) -> String {
    if estimate.interval.is_some() { plus_minus(estimate, 1.0) } else { three_digits(estimate.mean) }
}

fn row(name: &str, cost: String, (used, mean): (&UsedFor, f64), bill: f64) -> Vec<String> {
    let all = used.total().read().as_dollars();
    let of = |kinds: &[WasteKind]| {
        let dollars: f64 = kinds.iter().map(|kind| used.of(*kind).read().as_dollars()).sum();
        share(dollars, all)
    };
    let other = [
        WasteKind::Fragmentation,
        WasteKind::Reserved,
        WasteKind::DaemonSets,
        WasteKind::Headroom,
        WasteKind::Standing,
    ];
    vec![
        name.to_owned(),
        cost,
        share(mean, bill),
        of(&[WasteKind::UsefulWork]),
        of(&[WasteKind::LostWork]),
        of(&[WasteKind::StartUp]),
        of(&[WasteKind::Idle]),
        of(&other),
    ]
}

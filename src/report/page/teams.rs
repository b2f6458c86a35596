//! Waits and cost by job class, and by team, for which the GitLab project stands.

use std::collections::BTreeMap;

use super::ClassFacts;
use super::model::DataTable;
use super::tables::{quantile_head, quantiles};
use crate::experiment::{ExperimentSummary, FleetSummary, Metric};
use crate::metrics::Distribution;
use crate::report::format::{number, three_digits};

/// Most rows per fleet, those with most jobs first; traces may bring thousands.
const ROWS: usize = 12;

/// What jobs of one name have in common.
#[derive(Clone, Debug, Default)]
struct Group {
    waits: Distribution,
    core_hours: f64,
}

/// The groups of a fleet by name, those with most jobs first.
fn groups(
    fleet: &FleetSummary,
    classes: &[ClassFacts],
    name: impl Fn(usize, Option<&ClassFacts>) -> String,
) -> Vec<(String, Group)> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (class, waits) in fleet.waits.wait_by_class.iter().enumerate() {
        let facts = classes.get(class);
        let group = groups.entry(name(class, facts)).or_default();
        group.waits.merge(waits);
        group.core_hours += facts.map_or(0.0, |facts| facts.core_hours);
    }
    let mut groups: Vec<(String, Group)> =
        groups.into_iter().filter(|(_, group)| group.waits.count() > 0).collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.waits.count()));
    groups
}

/// Waits by name, the share of the requested CPU, and the part of the bill that goes with it.
fn rows(fleet: &FleetSummary, groups: Vec<(String, Group)>, rows: &mut Vec<Vec<String>>) {
    let all: f64 = groups.iter().map(|(_, group)| group.core_hours).sum();
    let month = fleet.estimate(Metric::CostPerMonth).map(|cost| cost.mean);
    for (name, group) in groups.into_iter().take(ROWS) {
        let mut row = vec![fleet.name.clone(), name, number(group.waits.count() as f64, 0)];
        row.extend(quantiles(&group.waits));
        let share = (all > 0.0).then(|| group.core_hours / all);
        row.push(share.map_or_else(|| "–".to_owned(), |share| number(100.0 * share, 1)));
        let dollars = share.zip(month).map(|(share, month)| three_digits(share * month));
        row.push(dollars.unwrap_or_else(|| "–".to_owned()));
        rows.push(row);
    }
}

fn head(what: &str) -> Vec<String> {
    let mut head = quantile_head(what);
    head.insert(0, "fleet".to_owned());
    head.extend(["share of CPU requested, %", "$ per month by that share"].map(str::to_owned));
    head
}

const NOTE: &str = "Waits of all replications together; CPU of the first one. The whole bill, idle nodes and all, is shared out by requested CPU.";

/// By job class.
pub(super) fn classes_table(summary: &ExperimentSummary, classes: &[Vec<ClassFacts>]) -> DataTable {
    let mut all = Vec::new();
    for (fleet, classes) in summary.fleets.iter().zip(classes) {
        let name = |class: usize, facts: Option<&ClassFacts>| {
            facts.map_or_else(|| format!("class {class}"), |facts| facts.name.clone())
        };
        rows(fleet, groups(fleet, classes, name), &mut all);
    }
    let has_teams = classes.iter().flatten().any(|class| !class.team.is_empty());
    let teams = if has_teams { "" } else { " No job names a `project`, so there is no table by team." };
    DataTable {
        title: "Waits by job class".to_owned(),
        note: format!("{NOTE} At most {ROWS} classes per fleet, those with most jobs.{teams}"),
        head: head("class"),
        rows: all,
    }
}

/// By team; without rows where no job names a project.
pub(super) fn teams_table(summary: &ExperimentSummary, classes: &[Vec<ClassFacts>]) -> DataTable {
    let mut all = Vec::new();
    if classes.iter().flatten().any(|class| !class.team.is_empty()) {
        for (fleet, classes) in summary.fleets.iter().zip(classes) {
            let name = |_: usize, facts: Option<&ClassFacts>| match facts.map(|facts| facts.team.as_str()) {
                None | Some("") => "(no project)".to_owned(),
                Some(team) => team.to_owned(),
            };
            rows(fleet, groups(fleet, classes, name), &mut all);
        }
    }
    DataTable {
        title: "Waits and cost by team".to_owned(),
        note: format!("{NOTE} A team is a GitLab project; at most {ROWS} per fleet, those with most jobs."),
        head: head("team"),
        rows: all,
    }
}

//! What the page and the charts say besides the results: settings, slots, interruptions, teams, node hours, an earlier sweep.

use super::exit::Failed;
use super::results::{Finished, names};
use crate::experiment::{Units, cost_uses};
use crate::metrics::{JobRecord, NodeEnd, NodeRecord, RunOutcome};
use crate::report::{ClassFacts, FleetFacts, NodeHours, SweepShown};
use crate::scenario::{Fleet, Scenario};
use crate::units::SimTime;
use std::collections::BTreeMap;
use std::path::Path;

/// The first run of each fleet, if there is one.
fn first_runs(units: &Units<RunOutcome>, fleets: usize) -> impl Iterator<Item = Option<&RunOutcome>> {
    (0..fleets).map(|fleet| units.of_fleet(fleet).next())
}

/// What charts show of each fleet besides its results.
pub(super) fn fleet_facts(finished: &Finished<'_>) -> Vec<FleetFacts> {
    let scenario = finished.scenario;
    let table = resolved(scenario);
    let runs = first_runs(finished.units, scenario.fleets.len());
    let of = |(index, (fleet, run)): (usize, (&Fleet, Option<&RunOutcome>))| FleetFacts {
        slots: fleet.plan.gitlab.managers.iter().map(|manager| u64::from(manager.concurrent)).sum(),
        interruptions: run.map(interruptions).unwrap_or_default(),
        settings: settings(&table, &fleet.name),
        uses: cost_uses(finished.units, index),
    };
    scenario.fleets.iter().zip(runs).enumerate().map(of).collect()
}

fn interruptions(run: &RunOutcome) -> Vec<SimTime> {
    let nodes = run.node_records.iter().flatten();
    nodes.filter(|node| node.end == NodeEnd::Interrupted).map(|node| node.terminated_at).collect()
}

fn resolved(scenario: &Scenario) -> toml::Table {
    scenario.to_toml().parse().unwrap_or_default()
}

/// The leaves of `[fleet.NAME]`, as `KEY = VALUE`.
fn settings(table: &toml::Table, fleet: &str) -> Vec<String> {
    fn leaves(key: &str, value: &toml::Value, out: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) if !table.is_empty() => {
                for (name, value) in table {
                    leaves(&if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, value, out);
                }
            }
            value => out.push(format!("{key} = {value}")),
        }
    }
    let mut out = Vec::new();
    if let Some(own) = table.get("fleet").and_then(|fleets| fleets.get(fleet)) {
        leaves("", own, &mut out);
    }
    out.retain(|setting| !setting.starts_with(" = "));
    out
}

/// Classes of each fleet with their teams and the CPU that their jobs requested.
pub(super) fn class_facts(finished: &Finished<'_>) -> Vec<Vec<ClassFacts>> {
    let scenario = finished.scenario;
    let projects = projects(&resolved(scenario));
    let runs = first_runs(finished.units, scenario.fleets.len());
    let of = |(fleet, run): (&Fleet, Option<&RunOutcome>)| {
        let hours = run.map(|run| core_hours(fleet, run)).unwrap_or_default();
        let classes = fleet.workload.classes.as_slice().iter().enumerate();
        let facts = classes.map(|(index, class)| ClassFacts {
            name: class.name.clone(),
            team: match class.project {
                0 => String::new(),
                number => {
                    projects.get(number as usize - 1).cloned().unwrap_or_else(|| format!("project {number}"))
                }
            },
            core_hours: hours.get(index).copied().unwrap_or(0.0),
        });
        facts.collect()
    };
    scenario.fleets.iter().zip(runs).map(of).collect()
}

/// The projects that classes and pipelines name, in the order in which a plan numbers them from 1 on.
fn projects(table: &toml::Table) -> Vec<String> {
    let workload = table.get("workload");
    let list = |key: &str| workload.and_then(|workload| workload.get(key)).and_then(toml::Value::as_array);
    let mut found: Vec<String> = Vec::new();
    for one in ["class", "pipeline"].iter().filter_map(|key| list(key)).flatten() {
        let project = one.get("project").and_then(toml::Value::as_str).unwrap_or("");
        if !project.is_empty() && !found.iter().any(|known| known == project) {
            found.push(project.to_owned());
        }
    }
    found
}

/// Core hours that jobs of each class requested after the warm-up, from bound until the slot was free.
fn core_hours(fleet: &Fleet, run: &RunOutcome) -> Vec<f64> {
    let classes = fleet.workload.classes.as_slice();
    let mut core_ms = vec![0_u128; classes.len()];
    let bound = |job: &&JobRecord| job.bound_at != SimTime::NEVER;
    for job in run.job_records.iter().flatten().filter(bound) {
        let Some(class) = classes.get(job.class as usize) else { continue };
        let until = job.slot_freed_at.min(run.end);
        let held = until.saturating_since(job.bound_at.max(run.warmup)).as_ms();
        core_ms[job.class as usize] += u128::from(held) * u128::from(class.requests.cpu.0);
    }
    core_ms.into_iter().map(|ms| ms as f64 / 3.6e9).collect()
}

/// Kinds of nodes that are told of each fleet.
const KINDS: usize = 8;

/// Nodes of the first replications by type and how they were bought, those with most hours first.
pub(super) fn node_hours(finished: &Finished<'_>) -> Vec<NodeHours> {
    let fleets = &finished.scenario.fleets;
    let mut all = Vec::new();
    for (fleet, run) in fleets.iter().zip(first_runs(finished.units, fleets.len())) {
        let names = names(fleet);
        let name = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_default();
        let mut kinds: BTreeMap<(u32, crate::catalog::CapacityType), NodeHours> = BTreeMap::new();
        let billed = |node: &&NodeRecord| node.billed_after_warmup_ms > 0;
        for node in run.iter().flat_map(|run| run.node_records.iter().flatten()).filter(billed) {
            let kind = kinds.entry((node.instance_type, node.capacity)).or_insert_with(|| NodeHours {
                fleet: fleet.name.clone(),
                instance_type: name(&names.instance_types, node.instance_type as usize),
                arch: node.arch,
                capacity: node.capacity,
                zones: Vec::new(),
                nodes: 0,
                hours: 0.0,
            });
            kind.nodes += 1;
            kind.hours += node.billed_after_warmup_ms as f64 / 3_600_000.0;
            let zone = name(&names.zones, node.zone as usize);
            if !kind.zones.contains(&zone) {
                kind.zones.push(zone);
                kind.zones.sort_unstable();
            }
        }
        let mut kinds: Vec<NodeHours> = kinds.into_values().collect();
        kinds.sort_by(|a, b| b.hours.total_cmp(&a.hours).then(a.instance_type.cmp(&b.instance_type)));
        kinds.truncate(KINDS);
        all.extend(kinds);
    }
    all
}

/// Rows of a sweep that are shown at most; its files have all of them.
const POINTS: usize = 60;

/// The charts and points that `fleetsim sweep` left in `folder`.
///
/// # Errors
/// There is no sweep.
pub(super) fn sweep_shown(folder: &Path) -> Result<SweepShown, Failed> {
    let unreadable = |what: &Path, why: &dyn std::fmt::Display| {
        Failed::Unreadable(format!("`{}` cannot be read as the result of a sweep: {why}", what.display()))
    };
    let place = folder.join("charts");
    let listed = std::fs::read_dir(&place).map_err(|error| unreadable(&place, &error))?;
    let mut files: Vec<_> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "svg"));
    files.sort();
    let mut charts = Vec::new();
    for file in files {
        let svg = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        // What others wrote there could hold scripts; the charts of a sweep are drawn by fleetsim and hold none.
        let title = svg.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let Some((title, _)) = title.filter(|_| !svg.contains("<script")) else { continue };
        charts.push((unescaped(title), svg));
    }
    let points = folder.join("points.csv");
    let mut reader = csv::Reader::from_path(&points).map_err(|error| unreadable(&points, &error))?;
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let head = texts(reader.headers().map_err(|error| unreadable(&points, &error))?);
    let rows = reader.records().take(POINTS).map(|row| row.map(|row| texts(&row)));
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&points, &error))?;
    Ok(SweepShown { folder: folder.display().to_string(), charts, head, rows })
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

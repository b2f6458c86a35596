//! The result folder: tables, charts, the resolved scenario, where it all came from.

use super::catalog_files::{OLD_DAYS, age_in_days};
use super::exit::Failed;
use super::files::ResultFolder;
use super::page_facts::{class_facts, fleet_facts, node_hours};
use super::traces::trace_rows;
use crate::catalog::prices_date;
use crate::experiment::{ExperimentSummary, FleetValues, GroupBy, ProjectNames, Units, grouped};
use crate::metrics::{JobRecord, Names, RunOutcome};
use crate::report::{
    FleetFacts, FleetGroups, JobsCsv, NodesCsv, PageFacts, Provenance, Replications, SlowJobs, SummaryFormat,
    SweepShown, charts, chosen_fleet, cost_groups_csv, costs_csv, page_html, provenance_json, summary_csv,
    summary_text, timeline_csv, waste_csv,
};
use crate::scenario::{Fleet, Scenario};

/// What a scenario's runs left.
pub(super) struct Finished<'a> {
    pub scenario: &'a Scenario,
    pub summary: &'a ExperimentSummary,
    pub units: &'a Units<RunOutcome>,
    pub seconds: f64,
    /// An earlier sweep whose charts belong on the page.
    pub sweep: Option<SweepShown>,
}

/// Writes everything into `folder`, publishes it and returns the paths of the files people look at first.
pub(super) fn write_results(folder: ResultFolder, finished: &Finished<'_>) -> Result<Vec<String>, Failed> {
    let (scenario, summary) = (finished.scenario, finished.summary);
    let (resolved, provenance) = (scenario.to_toml(), provenance(finished));
    folder.write("scenario.resolved.toml", resolved.as_bytes())?;
    folder.write("provenance.json", provenance_json(&provenance).as_bytes())?;
    folder.write(
        "summary.json",
        summary_text(summary, &scenario.objectives, &[], SummaryFormat::Json).as_bytes(),
    )?;
    let mut markdown = summary_text(summary, &scenario.objectives, &[], SummaryFormat::Markdown);
    if let Some(old) = old_prices(scenario) {
        markdown.push_str(&format!("\nPrices as of {old}.\n"));
    }
    folder.write("summary.md", markdown.as_bytes())?;
    folder.write("summary.csv", &csv_bytes(|out| summary_csv(out, summary))?)?;
    folder.write("replications.csv", &csv_bytes(|out| replications(scenario, finished.units).write(out))?)?;
    folder.write("costs.csv", &csv_bytes(|out| costs_csv(out, summary))?)?;
    folder.write("waste.csv", &csv_bytes(|out| waste_csv(out, summary))?)?;
    folder.write("cost_groups.csv", &csv_bytes(|out| cost_groups_csv(out, &groups(finished)))?)?;
    folder.write("timeline.csv", &csv_bytes(|out| timeline_csv(out, summary))?)?;
    write_detail(&folder, finished)?;
    let fleets = fleet_facts(finished);
    let charts = charts(summary, &scenario.objectives, &fleets)
        .map_err(|error| Failed::Output(format!("a chart cannot be drawn: {error}")))?;
    for chart in &charts {
        folder.write(&format!("charts/{}.svg", chart.name), chart.svg.as_bytes())?;
        folder.write(&format!("charts/{}.png", chart.name), &chart.png)?;
    }
    let facts = page_facts(finished, fleets, &provenance, resolved);
    let page = page_html(summary, &scenario.objectives, &charts, &facts)
        .map_err(|error| Failed::Output(error.to_string()))?;
    folder.write("report.html", page.as_bytes())?;
    let published = folder.publish()?;
    Ok(["report.html", "summary.csv", "charts"]
        .map(|name| published.join(name).display().to_string())
        .to_vec())
}

/// The bill of every fleet in every grouping.
fn groups(finished: &Finished<'_>) -> Vec<FleetGroups> {
    let fleets = finished.scenario.fleets.iter().enumerate();
    let of = |(index, fleet): (usize, &Fleet)| {
        let runs: Vec<&RunOutcome> = finished.units.of_fleet(index).collect();
        let confidence = finished.summary.confidence;
        let by = |by| (by, grouped(&runs, by, project_names(fleet), confidence));
        FleetGroups {
            fleet: fleet.name.clone(),
            replications: runs.len(),
            groups: GroupBy::ALL.map(by).to_vec(),
        }
    };
    fleets.map(of).collect()
}

/// The names of a fleet's projects and teams.
pub(super) fn project_names(fleet: &Fleet) -> ProjectNames<'_> {
    ProjectNames { projects: &fleet.workload.projects, teams: &fleet.workload.teams }
}

/// The values of every replication.
pub(super) fn replications(scenario: &Scenario, units: &Units<RunOutcome>) -> Replications {
    let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let fleets = FleetValues::of_all(&names, units);
    Replications { scenario: format!("{:016x}", scenario.hash()), seed: scenario.seed, fleets }
}

pub(super) fn csv_bytes(write: impl FnOnce(&mut Vec<u8>) -> csv::Result<()>) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    write(&mut bytes).map_err(|error| unwritable(&error))?;
    Ok(bytes)
}

fn unwritable(error: &impl std::fmt::Display) -> Failed {
    Failed::Output(format!("a table cannot be written: {error}"))
}

/// `jobs.csv` and `nodes.csv` of the first replication, if its runs kept them; written row by row.
fn write_detail(folder: &ResultFolder, finished: &Finished<'_>) -> Result<(), Failed> {
    let fleets = finished.scenario.fleets.iter().enumerate();
    let runs: Vec<(&Fleet, &RunOutcome)> =
        fleets.filter_map(|(index, fleet)| Some((fleet, finished.units.of_fleet(index).next()?))).collect();
    if runs.iter().any(|(_, run)| run.job_records.is_some()) {
        folder.write_with("jobs.csv", |out| {
            let mut csv = JobsCsv::new(out)?;
            for (fleet, run) in &runs {
                csv.run(&fleet.name, 0, &names(fleet), run.job_records.as_deref().unwrap_or_default())?;
            }
            Ok(())
        })?;
    }
    if runs.iter().any(|(_, run)| run.node_records.is_some()) {
        folder.write_with("nodes.csv", |out| {
            let mut csv = NodesCsv::new(out)?;
            for (fleet, run) in &runs {
                csv.run(&fleet.name, 0, &names(fleet), run.node_records.as_deref().unwrap_or_default())?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The names behind the ids of a fleet's records.
pub(super) fn names(fleet: &Fleet) -> Names {
    let catalog = &fleet.plan.ec2.catalog;
    Names {
        classes: fleet.workload.classes.as_slice().iter().map(|class| class.name.clone()).collect(),
        pools: fleet.plan.capacity.pool_names(),
        instance_types: catalog.types().iter().map(|kind| kind.name.to_string()).collect(),
        zones: catalog.zones().iter().map(|zone| zone.name.to_string()).collect(),
    }
}

/// What the page says besides the results. No day, machine or path: the same scenario gives the same page.
fn page_facts(
    finished: &Finished<'_>,
    fleets: Vec<FleetFacts>,
    provenance: &Provenance,
    resolved: String,
) -> PageFacts {
    let scenario = finished.scenario;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let hash = &provenance.scenario_hash;
    let mut shown = vec![
        fact("fleetsim", provenance.fleetsim_version.clone()),
        fact("scenario", format!("{hash} (hash of the scenario with every default)")),
        fact("prices as of", with_age(scenario, &provenance.catalog_date)),
        fact("simulated", format!("{} from {}", scenario.horizon, scenario.start)),
        fact("seed", provenance.seed.to_string()),
    ];
    for rows in &provenance.traces {
        shown.push(fact("trace", format!("{}: {} rows read, {} jobs", rows.file, rows.rows, rows.jobs)));
    }
    PageFacts {
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        command: format!(
            "fleetsim run {}.toml --seed {} --reps {}",
            scenario.name, scenario.seed, scenario.replications
        ),
        provenance: shown,
        classes: class_facts(finished),
        fleets,
        node_hours: node_hours(finished),
        sweep: finished.sweep.clone(),
        resolved,
        start: Some(scenario.start.clone()),
        slowest: slow_jobs(finished),
    }
}

/// How many of the slowest jobs are shown.
const SLOWEST: usize = 10;

/// The slowest jobs of the chosen fleet, if its first replication kept its jobs.
fn slow_jobs(finished: &Finished<'_>) -> SlowJobs {
    let chosen = chosen_fleet(finished.summary, &finished.scenario.objectives);
    let fleet = &finished.scenario.fleets[chosen];
    let run = finished.units.of_fleet(chosen).next();
    let names = names(fleet);
    let jobs = run.map(|run| slowest(run, SLOWEST)).unwrap_or_default();
    SlowJobs {
        fleet: fleet.name.clone(),
        command: format!("fleetsim explain job ID {}.toml --fleet {}", finished.scenario.name, fleet.name),
        jobs: jobs
            .into_iter()
            .map(|job| (*job, names.classes.get(job.class as usize).cloned().unwrap_or_default()))
            .collect(),
    }
}

/// The jobs of a run that waited longest until their script started, the longest first.
pub(super) fn slowest(run: &RunOutcome, most: usize) -> Vec<&JobRecord> {
    let counted = |job: &&JobRecord| job.has_started() && !job.retried && job.wait_since >= run.warmup;
    let mut jobs: Vec<&JobRecord> = run.job_records.iter().flatten().filter(counted).collect();
    jobs.sort_by_key(|job| (std::cmp::Reverse(job.wait.total()), job.ordinal));
    jobs.truncate(most);
    jobs
}

fn provenance(finished: &Finished<'_>) -> Provenance {
    provenance_of(finished.scenario, finished.seconds, finished.summary.is_partial)
}

/// Where results of `scenario` come from that took so many seconds.
pub(super) fn provenance_of(scenario: &Scenario, seconds: f64, partial: bool) -> Provenance {
    let elapsed_ms = (seconds * 1000.0).round() as u64;
    let ended = jiff::Timestamp::now();
    let started = ended.checked_sub(jiff::SignedDuration::from_millis(elapsed_ms as i64)).unwrap_or(ended);
    Provenance {
        fleetsim_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario_hash: format!("{:016x}", scenario.hash()),
        catalog_date: prices_as_of(scenario),
        seed: scenario.seed,
        replications: scenario.replications as usize,
        fleets: scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect(),
        traces: trace_rows(scenario),
        command: std::env::args().collect(),
        started_at: started.to_string(),
        elapsed_ms,
        partial,
    }
}

/// The same where no price is old; otherwise how old they are when the simulated time starts.
pub(super) fn with_age(scenario: &Scenario, prices: &str) -> String {
    old_prices(scenario).unwrap_or_else(|| prices.to_owned())
}

/// The day of the embedded prices and how old they are when the simulated time starts, where that is more than 90 days.
pub(super) fn old_prices(scenario: &Scenario) -> Option<String> {
    let day = scenario.start.date();
    let ages = scenario.fleets.iter().filter_map(|fleet| prices_date(fleet.plan.ec2.catalog.region()));
    match ages.filter_map(|date| age_in_days(date, day)).max() {
        Some(days) if days > OLD_DAYS => Some(format!(
            "{}; {days} days before the simulated start, more than {OLD_DAYS}: look whether they still hold",
            prices_as_of(scenario)
        )),
        _ => None,
    }
}

/// The day of the embedded prices of each region that a fleet runs in.
pub(super) fn prices_as_of(scenario: &Scenario) -> String {
    let mut days: Vec<String> = Vec::new();
    for fleet in &scenario.fleets {
        let region = fleet.plan.ec2.catalog.region();
        let day = format!("{} ({region})", prices_date(region).unwrap_or("unknown"));
        if !days.contains(&day) {
            days.push(day);
        }
    }
    days.join(", ")
}

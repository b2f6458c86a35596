//! A scenario read whole: what is compared, over which time, and one complete configuration per fleet.

use super::check::Problems;
use super::diagnostic::{Code, Diagnostic, sorted_once};
use super::document::{Entry, Table};
use super::doubts::Doubts;
use super::layers::{self, FileProvider, Layers, unknown_fleet};
use super::named_imports::NamedImport;
use super::objectives::objectives;
use super::plan::{self, Ready, Run};
use super::resolved;
use crate::engine::Streams;
use crate::experiment::Objective;
use crate::simulation::Plan;
use crate::units::{SimDuration, SimTime};
use crate::workload::{Arrivals, ImportAccount, PackedTrace, TraceError, TraceReport, Workload};
use jiff::ZonedDateTime;
use std::sync::Arc;

/// A validated scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name, from the text or the file.
    pub name: String,
    /// The question it answers, or nothing.
    pub question: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Replications per fleet, at least 1.
    pub replications: u32,
    /// Simulated time, warm-up included.
    pub horizon: SimDuration,
    /// Time that is simulated but not counted.
    pub warmup: SimDuration,
    /// When simulated time starts.
    pub start: ZonedDateTime,
    /// Index of the fleet the others are compared with.
    pub baseline: usize,
    /// Limits that the fleets are judged by.
    pub objectives: Vec<Objective>,
    /// The fleets, at least one.
    pub fleets: Vec<Fleet>,
    /// Accounts of the files of other tools that the scenario names in place of tables.
    pub imports: Vec<NamedImport>,
    /// Job exports that it names as traces, each file once, with the account of their import.
    pub exports: Vec<(String, ImportAccount)>,
    base: Table,
    overlays: Vec<(Entry, Table)>,
}

/// One fleet of a scenario.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Name.
    pub name: String,
    /// What is simulated.
    pub plan: Plan,
    /// Classes, pipelines and synthetic arrivals; those of a trace are in it already.
    pub workload: Arc<Workload>,
    trace: Option<Arc<PackedTrace>>,
}

impl Fleet {
    /// The jobs of the replication with the draws of `streams`, until the horizon.
    ///
    /// # Errors
    /// Never for a scenario that was accepted: the trace was read when it was resolved.
    pub fn arrivals(&self, streams: Streams) -> Result<Arrivals, TraceError> {
        let traces = self.trace.iter().map(PackedTrace::replay).collect();
        Arrivals::new(&self.workload, traces, streams, SimTime::ZERO + self.plan.horizon)
    }
}

/// Reads the scenario `text`, known as `name` (its path).
///
/// # Errors
/// Every mistake in the text and in the files it names, in order.
pub fn resolve(text: &str, name: &str, files: &mut dyn FileProvider) -> Result<Scenario, Vec<Diagnostic>> {
    resolve_with(text, name, &[], files)
}

/// [`resolve`] with settings `KEY=VALUE` laid over everything the text says.
///
/// # Errors
/// Every mistake in the text, the settings and the files, in order.
pub fn resolve_with(
    text: &str,
    name: &str,
    set: &[String],
    files: &mut dyn FileProvider,
) -> Result<Scenario, Vec<Diagnostic>> {
    let mut layers = layers::read(text, name, set, files)?;
    let mut problems = std::mem::take(&mut layers.problems);
    let start = start(&layers.base);
    let mut own = Problems::new();
    let run = run(&layers, &start, &mut own);
    let objectives = objectives(&layers.base, &mut own);
    problems.extend(Doubts::of(&layers.base).admitted(own));
    let baseline = baseline(&layers, &mut problems);
    let mut read = plan::ReadAhead::default();
    let mut fleets = Vec::with_capacity(layers.fleets.len());
    for document in &layers.fleets {
        let mut own = Problems::new();
        let ready = plan::ready(document, &run, &mut read, files, &mut own);
        problems.extend(Doubts::of(&document.table).admitted(own));
        if let Some(Ready { plan, workload, trace }) = ready {
            fleets.push(Fleet { name: document.name.clone(), plan, workload, trace });
        }
    }
    if !problems.is_empty() {
        return Err(sorted_once(problems));
    }
    let (seed, horizon, warmup) = (run.seed, run.horizon, run.warmup);
    let base = layers.base;
    Ok(Scenario {
        name: base.text_if("name").map_or_else(|| stem(name), str::to_owned),
        question: base.text("question").to_owned(),
        seed,
        replications: base.integer("replications") as u32,
        horizon,
        warmup,
        start,
        baseline,
        objectives,
        fleets,
        imports: layers.imports,
        exports: read.exports,
        base,
        overlays: layers.overlays,
    })
}

fn run<'a>(layers: &Layers, start: &'a ZonedDateTime, problems: &mut Problems) -> Run<'a> {
    let base = &layers.base;
    let (horizon, warmup) = (base.duration("horizon"), base.duration("warmup"));
    if horizon == SimDuration::ZERO {
        problems.push(Diagnostic::new(
            Code::Range,
            base.span("horizon"),
            "the horizon is 0s",
            "expected more than 0s",
        ));
    } else if warmup >= horizon {
        let message = format!("the warm-up of {warmup} leaves nothing of the horizon of {horizon}");
        problems.push(
            Diagnostic::new(
                Code::Range,
                base.span("warmup"),
                message,
                format!("expected less than {horizon}"),
            )
            .help("results count only what happens after the warm-up"),
        );
    }
    Run { seed: base.integer("seed"), horizon, warmup, drain: base.flag("drain"), start }
}

impl Scenario {
    /// A number that changes with anything that can change the results: the resolved text and the rows of
    /// the traces (FNV-1a, 64 bits).
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut seen: Vec<&Arc<PackedTrace>> = Vec::new();
        let text = self.to_toml();
        let mut hash = text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        for trace in self.fleets.iter().filter_map(|fleet| fleet.trace.as_ref()) {
            if !seen.iter().any(|known| Arc::ptr_eq(known, trace)) {
                seen.push(trace);
                hash = (hash ^ trace.hash()).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash
    }

    /// The traces of the fleets, each once, with what became of their rows in the first replication, up to the horizon.
    #[must_use]
    pub fn traces(&self) -> Vec<(&str, &TraceReport)> {
        let mut found: Vec<(&str, &TraceReport)> = Vec::new();
        for trace in self.fleets.iter().filter_map(|fleet| fleet.trace.as_ref()) {
            let own = (trace.options().file.as_str(), trace.report());
            if !found.contains(&own) {
                found.push(own);
            }
        }
        found
    }

    /// Leaves only the fleets of these names, in the order of the scenario. The baseline stays if it is among them, else
    /// it is the first that stays.
    ///
    /// # Errors
    /// The first name that no fleet has, with what was perhaps meant.
    pub fn keep_fleets(&mut self, names: &[String]) -> Result<(), String> {
        for name in names {
            if !self.fleets.iter().any(|fleet| fleet.name == *name) {
                let known: Vec<&str> = self.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
                return Err(format!("there is no fleet `{name}`; fleets are {}", known.join(", ")));
            }
        }
        let baseline = self.fleets[self.baseline].name.clone();
        self.fleets.retain(|fleet| names.contains(&fleet.name));
        self.baseline = self.fleets.iter().position(|fleet| fleet.name == baseline).unwrap_or(0);
        Ok(())
    }

    /// The scenario with every default filled in, readable again with the same result.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let overlays = self.overlays.iter().map(|(entry, table)| (entry.key.as_str(), table));
        resolved::to_toml(&self.base, overlays, "Every value that held in this run, defaults included.")
    }
}

fn start(base: &Table) -> ZonedDateTime {
    base.text("start").parse().unwrap_or_else(|_| panic!("the key check reads every `start`"))
}

/// The scenario's name where the text gives none: the file name without folder and ending.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("scenario").to_owned()
}

fn baseline(layers: &Layers, problems: &mut Problems) -> usize {
    let Some(wanted) = layers.base.text_if("baseline") else { return 0 };
    if layers.base.doubts.contains(&"fleet") {
        return 0;
    }
    let found = layers.fleets.iter().position(|fleet| fleet.name == wanted);
    found.unwrap_or_else(|| {
        let known = layers.fleets.iter().map(|fleet| fleet.name.as_str());
        problems.push(unknown_fleet(wanted, &layers.base.span("baseline"), known));
        0
    })
}

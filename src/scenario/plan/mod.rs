//! From the complete document of a fleet to the plan that is simulated, with every check that needs to know a room.

mod capacity;
mod ec2;
mod fit;
mod gitlab;
mod job;
mod karpenter;
mod kubernetes;
mod pipeline;
mod pod_budgets;
mod prices;
mod spread;
mod standing;
mod trace;
mod workload;

use super::check::Problems;
use super::diagnostic::{Code, Diagnostic};
use super::document::Table;
use super::layers::{FileProvider, FleetDocument};
use super::source::Span;
use crate::ec2::Occupancy;
use crate::simulation::{Ec2Plan, Plan};
use crate::units::{SimDuration, SimTime};
use crate::workload::{WeekClock, Workload};
use jiff::ZonedDateTime;
use std::sync::Arc;

pub(super) use karpenter::KNOWN_LABELS;
pub(super) use trace::Trace;

/// What holds for all fleets of a scenario.
pub(super) struct Run<'a> {
    pub seed: u64,
    pub horizon: SimDuration,
    pub warmup: SimDuration,
    pub drain: bool,
    pub start: &'a ZonedDateTime,
}

/// One fleet, ready to be simulated.
pub(super) struct Ready {
    pub plan: Plan,
    pub workload: Arc<Workload>,
    pub trace: Option<Trace>,
}

/// Traces that were read already: fleets of equal workload need it once.
pub(super) type ReadAhead = Vec<(Workload, Trace, Workload)>;

/// Reads the complete document of one fleet. Mistakes are added to `problems`; the result is only of use without any.
pub(super) fn ready(
    fleet: &FleetDocument,
    run: &Run<'_>,
    read: &mut ReadAhead,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Option<Ready> {
    let table = &fleet.table;
    let runners = gitlab::runners(table, &fleet.span, problems);
    let mut jobs = job::Jobs::new(table, &runners);
    let section = table.section("workload");
    let mut workload = workload::synthetic(section, run.horizon, &mut jobs, files, problems);
    workload.clock = WeekClock::from_zoned(run.start, SimTime::ZERO + run.horizon);
    let mut trace = trace::trace(section, &mut workload, &mut jobs, files, problems);
    if workload.synthetic.is_empty() && section.text_if("trace").is_none() {
        problems.push(nothing_arrives(&fleet.span));
    }
    let gitlab = gitlab::config(table, &runners, run.seed, problems);
    let executors: Vec<_> = runners.iter().map(|runner| gitlab::executor(runner, problems)).collect();
    let catalog = Arc::new(ec2::catalog(table.section("ec2"), files, problems)?);
    let kubernetes = kubernetes::plan(table.section("kubernetes"), &jobs, problems);
    let executors = kubernetes::executors(table.section("kubernetes"), &executors);
    let capacity = capacity::plan(
        &capacity::Request { fleet, catalog: &catalog, executors: &executors, kubernetes: &kubernetes, run },
        &jobs.described,
        problems,
    );
    if let (Some(trace), true) = (&mut trace, problems.is_empty()) {
        read_ahead(trace, &mut workload, section, run, read, problems);
    }
    let plan = Plan {
        horizon: run.horizon,
        drain: run.drain,
        warmup: SimTime::ZERO + run.warmup,
        standing: standing::costs(table, &runners, &catalog, problems),
        pipeline_latency: table.section("gitlab").duration("pipeline_processing"),
        own_executors: kubernetes::own_executors(&gitlab, &executors),
        gitlab,
        executor: executors[0].clone(),
        kubernetes,
        ec2: ec2_plan(table, catalog, problems),
        capacity: capacity?,
    };
    Some(Ready { plan, workload: Arc::new(workload), trace })
}

fn read_ahead(
    trace: &mut Trace,
    workload: &mut Workload,
    section: &Table,
    run: &Run<'_>,
    read: &mut ReadAhead,
    problems: &mut Problems,
) {
    let same = |(before, known, _): &&(Workload, Trace, Workload)| {
        known.options == trace.options
            && before.synthetic == workload.synthetic
            && before.classes.as_slice() == workload.classes.as_slice()
            && before.templates.as_slice() == workload.templates.as_slice()
    };
    if let Some((_, known, after)) = read.iter().find(same) {
        *workload = after.clone();
        trace.report = known.report.clone();
        return;
    }
    let before = workload.clone();
    trace::read_ahead(trace, workload, run.seed, run.horizon, &section.span("trace"), problems);
    read.push((before, trace.clone(), workload.clone()));
}

fn nothing_arrives(at: &Span) -> Diagnostic {
    Diagnostic::new(
        Code::Missing,
        at.clone(),
        "no job ever arrives",
        "expected a trace, classes or pipelines under [workload]",
    )
    .help("[workload]\ntrace = \"jobs.csv.gz\"")
}

fn ec2_plan(fleet: &Table, catalog: Arc<crate::catalog::Catalog>, problems: &mut Problems) -> Ec2Plan {
    let (table, speed) = (fleet.section("ec2"), fleet.section("speed"));
    Ec2Plan {
        startup: ec2::startup(table),
        launch_answer: ec2::answer(table),
        spot: ec2::spot(table),
        interruption_queue: fleet.section("karpenter").flag("interruption_queue"),
        billing: ec2::billing(table),
        root_volume_gib: table.section("root_volume").integer("size_gib") as u32,
        emulation: ec2::emulation(speed, problems),
        occupancy: if speed.flag("busy_nodes") { Occupancy::Full } else { Occupancy::Alone },
        instance_noise: speed.flag("instance_noise"),
        ..Ec2Plan::new(catalog)
    }
}

//! From the complete document of a fleet to the plan that is simulated, with every check that needs to know a room.

mod alternatives;
mod capacity;
mod ec2;
mod events;
mod exit_codes;
mod fit;
mod gitlab;
mod job;
mod karpenter;
mod karpenter_events;
mod kubernetes;
mod pause_pods;
mod pipeline;
mod placement;
mod pod_budgets;
mod pool_filter;
mod prices;
mod reservations;
mod speeds;
mod spread;
mod standing;
mod teams;
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
use crate::workload::{ImportAccount, PackedTrace, TraceOptions, WeekClock, Workload};
use jiff::ZonedDateTime;
use std::sync::Arc;

pub(super) use karpenter::KNOWN_LABELS;

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
    pub trace: Option<Arc<PackedTrace>>,
}

/// Traces that were read already: fleets of equal workload need it once.
#[derive(Default)]
pub(super) struct ReadAhead {
    known: Vec<Known>,
    /// Job exports among them, each file once, with their accounts.
    pub exports: Vec<(String, ImportAccount)>,
}

struct Known {
    options: TraceOptions,
    before: Workload,
    after: Workload,
    /// Without it, its mistakes were reported.
    trace: Option<Arc<PackedTrace>>,
}

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
    let before = problems.len();
    let mut workload = workload::synthetic(section, run.horizon, &mut jobs, files, problems);
    // What cannot be read might arrive.
    let is_whole = problems.len() == before;
    events::add_spikes(table, &mut workload.synthetic, problems);
    workload.clock = WeekClock::from_zoned(run.start, SimTime::ZERO + run.horizon);
    let wanted = trace::wanted(section, &mut workload, &mut jobs, problems);
    let trace = wanted.and_then(|wanted| read.trace(&wanted, &mut workload, run, files, problems));
    if is_whole && workload.synthetic.is_empty() && section.text_if("trace").is_none() {
        problems.push(nothing_arrives(&fleet.span));
    }
    let gitlab = gitlab::config(table, &runners, &mut jobs, run.seed, problems);
    workload.projects = jobs.known_projects();
    workload.teams = teams::of(section, &workload.projects, problems);
    let executors: Vec<_> = runners.iter().map(|runner| gitlab::executor(runner, problems)).collect();
    let catalog = Arc::new(ec2::catalog(table.section("ec2"), files, problems)?);
    speeds::check(&jobs, &catalog, problems);
    let believes_list = table.section("karpenter").text("price_book") == "list";
    let list_prices = believes_list.then(|| ec2::list_catalog(table.section("ec2"))).flatten().map(Arc::new);
    let mut kubernetes = kubernetes::plan(table.section("kubernetes"), &jobs, problems);
    let mut executors = kubernetes::executors(table.section("kubernetes"), &executors);
    if alternatives::is_without_kubernetes(table.text("kind")) {
        executors = alternatives::docker_executors(table, &executors);
        kubernetes.daemon_sets.clear();
    } else {
        kubernetes.pause_pods = pause_pods::deployments(&runners, &executors, &gitlab, run, problems);
    }
    let capacity = capacity::plan(
        &capacity::Request {
            fleet,
            catalog: &catalog,
            list_prices: list_prices.as_ref(),
            executors: &executors,
            kubernetes: &kubernetes,
            run,
            slots: gitlab.managers.iter().map(|manager| u64::from(manager.concurrent)).sum(),
        },
        &jobs.described,
        problems,
    );
    let capacity = capacity?;
    let mut stress = events::stress(table, &catalog, &capacity, problems);
    let ec2 = ec2_plan(table, catalog, &mut stress, files, problems);
    let plan = Plan {
        horizon: run.horizon,
        drain: run.drain,
        warmup: SimTime::ZERO + run.warmup,
        standing: standing::costs(table, &runners, &ec2.catalog, problems),
        stress: stress.plan,
        pipeline_latency: table.section("gitlab").duration("pipeline_processing"),
        own_executors: kubernetes::own_executors(&gitlab, &executors),
        gitlab,
        executor: executors[0].clone(),
        kubernetes,
        ec2,
        capacity,
    };
    Some(Ready { plan, workload: Arc::new(workload), trace })
}

impl ReadAhead {
    fn trace(
        &mut self,
        wanted: &trace::Wanted,
        workload: &mut Workload,
        run: &Run<'_>,
        files: &mut dyn FileProvider,
        problems: &mut Problems,
    ) -> Option<Arc<PackedTrace>> {
        let same = |known: &&Known| {
            known.options == wanted.options
                && known.before.synthetic == workload.synthetic
                && known.before.classes.as_slice() == workload.classes.as_slice()
                && known.before.templates.as_slice() == workload.templates.as_slice()
        };
        if let Some(known) = self.known.iter().find(same) {
            workload.clone_from(&known.after);
            return known.trace.clone();
        }
        let before = workload.clone();
        let found = trace::read(wanted, workload, run.seed, run.horizon, files, problems);
        let (trace, account) = found.map_or((None, None), |(trace, account)| (Some(trace), account));
        let (options, after) = (wanted.options.clone(), workload.clone());
        if let Some(account) = account
            && self.exports.iter().all(|(file, _)| *file != options.file)
        {
            self.exports.push((options.file.clone(), account));
        }
        self.known.push(Known { options, before, after, trace: trace.clone() });
        trace
    }
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

fn ec2_plan(
    fleet: &Table,
    catalog: Arc<crate::catalog::Catalog>,
    stress: &mut events::Stress,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Ec2Plan {
    let (table, speed) = (fleet.section("ec2"), fleet.section("speed"));
    let mut price_changes = prices::changes(table, &catalog, problems);
    price_changes.append(&mut stress.price_changes);
    // Karpenter reads them in their order.
    price_changes.sort_by_key(|change| change.at);
    let mut spot = ec2::spot(table, &catalog, files, problems);
    spot.strikes = std::mem::take(&mut stress.strikes);
    let mut capacity = ec2::capacity(table, &catalog, problems);
    capacity.outages = std::mem::take(&mut stress.outages);
    Ec2Plan {
        reservations: reservations::reservations(table, &catalog, problems),
        price_changes,
        capacity,
        launch_stress: std::mem::take(&mut stress.launches),
        spot_prices: ec2::spot_prices(table),
        startup: ec2::startup(table),
        launch_answer: ec2::answer(table),
        spot,
        interruption_queue: fleet.section("karpenter").flag("interruption_queue"),
        billing: ec2::billing(table),
        root_volume: ec2::root_volume(table.section("root_volume"), problems),
        emulation: ec2::emulation(speed, problems),
        occupancy: if speed.flag("busy_nodes") { Occupancy::Full } else { Occupancy::Alone },
        follow_load: speed.flag("follow_load"),
        instance_noise: speed.flag("instance_noise"),
        ..Ec2Plan::new(catalog)
    }
}

//! A thousand random scenarios keep their books: what jobs waited for sums to how long they waited, and what the bill was paid
//! for sums to the bill, in the runs, in the summary and in the files that people read.

use fleetsim::engine::Streams;
use fleetsim::experiment::{Confidence, GroupBy, ProjectNames, Units, grouped, summarise};
use fleetsim::metrics::{CostKind, JobOutcome, RunOutcome, UsedFor, WaitCause, WasteKind};
use fleetsim::report::{FleetGroups, cost_groups_csv, costs_csv, waste_csv};
use fleetsim::scenario::{FileProvider, Fleet, Scenario, resolve};
use fleetsim::simulation::{Keep, simulate};
use fleetsim::units::SimTime;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;

/// How many scenarios are drawn.
const SCENARIOS: u64 = 1000;

/// Draws that follow from a number alone (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.next(of.len() as u64) as usize]
    }

    fn is(&mut self, percent: u64) -> bool {
        self.next(100) < percent
    }
}

/// A job's keys.
fn job(draw: &mut Draw) -> String {
    let cpu = draw.one(&["250m", "1", "1500m", "3"]);
    let memory = draw.one(&["512Mi", "2Gi", "5Gi"]);
    let duration = draw.one(&[
        "duration = { median = \"40s\", p95 = \"3m\" }",
        "duration = { median = \"6m\", p95 = \"25m\" }",
        "duration = { mixture = [{ weight = 0.7, median = \"1m\", p95 = \"2m\" }, { weight = 0.3, median = \"9m\", p95 = \"20m\" }] }",
    ]);
    let mut text = format!("cpu = \"{cpu}\"\nmemory = \"{memory}\"\n{duration}\n");
    if draw.is(60) {
        text.push_str("retry = 2\n");
        text.push_str(draw.one(&["", "retry_when = [\"runner_system_failure\"]\n"]));
    }
    text.push_str(draw.one(&["", "", "failure = 0.1\n", "timeout = \"8m\"\n", "allow_failure = true\n"]));
    text
}

fn workload(draw: &mut Draw) -> String {
    let mut text = String::new();
    for number in 0..=draw.next(2) {
        let rate = 5 + draw.next(40);
        let _ = write!(
            text,
            "[[workload.class]]\nname = \"class-{number}\"\narrivals = {{ per_hour = {rate}, burstiness = 0.{} }}\n{}",
            draw.next(9),
            job(draw)
        );
    }
    if draw.is(60) {
        let rate = 3 + draw.next(15);
        let _ = write!(
            text,
            "[[workload.pipeline]]\nname = \"merge\"\nstages = [\"build\", \"test\"]\narrivals = {{ per_hour = {rate} }}\n"
        );
        let copies = 1 + draw.next(3);
        for (name, stage, more) in
            [("compile", "build", String::new()), ("unit", "test", format!("parallel = {copies}\n"))]
        {
            let more = if copies == 1 { String::new() } else { more };
            let _ = write!(
                text,
                "[[workload.pipeline.job]]\nname = \"{name}\"\nstage = \"{stage}\"\n{more}{}",
                job(draw)
            );
        }
    }
    text
}

fn runner(draw: &mut Draw) -> String {
    format!(
        "[[runner]]\nname = \"eks\"\nconcurrent = {}\nrequest_concurrency = {}\ncheck_interval = \"{}s\"\npoll_timeout = \"{}\"\n{}{}",
        2 + draw.next(60),
        1 + draw.next(8),
        1 + draw.next(5),
        draw.one(&["45s", "180s", "10m"]),
        draw.one(&["", "limit = 7\n", "replicas = 2\n"]),
        draw.one(&["", "pod_annotations = { \"karpenter.sh/do-not-disrupt\" = \"true\" }\n"]),
    )
}

fn pool(draw: &mut Draw, name: &str, weight: u64) -> String {
    let types = draw.one(&[
        "instance_type = [\"m6i.xlarge\"]",
        "instance_type = [\"m6i.xlarge\", \"m6i.4xlarge\", \"c6i.2xlarge\"]",
        "instance_category = [\"c\", \"m\"]\nrequirements = [{ key = \"karpenter.k8s.aws/instance-cpu\", operator = \"In\", values = [\"4\", \"8\"] }]",
    ]);
    let capacity = draw.one(&["\"spot\"", "\"on-demand\"", "\"spot\", \"on-demand\""]);
    let policy = draw.one(&["WhenEmpty", "WhenEmptyOrUnderutilized"]);
    let after = draw.one(&["0s", "30s", "2m", "10m", "Never"]);
    let budgets = draw.one(&["", ", budgets = [{ nodes = \"100%\" }]"]);
    let limits = draw.one(&["", "", "limits = { cpu = \"24\" }\n"]);
    format!(
        "[[node_pool]]\nname = \"{name}\"\nweight = {weight}\narch = [\"amd64\"]\ncapacity_type = [{capacity}]\n{types}\n{limits}\
         disruption = {{ consolidation_policy = \"{policy}\", consolidate_after = \"{after}\"{budgets} }}\n"
    )
}

/// A scenario of one or two fleets and about an hour.
fn scenario(number: u64) -> String {
    let mut draw = Draw(number);
    let warmup = draw.one(&["0s", "0s", "20m"]);
    let mut text = format!(
        "seed = {number}\nreplications = 1\nhorizon = \"{}m\"\nwarmup = \"{warmup}\"\nstart = \"2026-08-03T{:02}:00[Europe/Berlin]\"\n",
        40 + draw.next(40),
        draw.next(24)
    );
    text += &workload(&mut draw);
    text += &runner(&mut draw);
    text += &pool(&mut draw, "ci", 10);
    if draw.is(40) {
        text += &pool(&mut draw, "more", 0);
    }
    if draw.is(40) {
        text += "[[kubernetes.daemonset]]\nname = \"agent\"\ncpu = \"100m\"\nmemory = \"200Mi\"\n";
    }
    let hazard = draw.one(&["0.0", "1.0", "300.0", "2000.0"]);
    let startup = draw.one(&["al2023", "instant", "heavy-custom"]);
    let hang = draw.one(&["0.0", "0.0", "0.1"]);
    let _ = write!(
        text,
        "[ec2.spot]\nhazard_scale = {hazard}\n[ec2.startup]\npreset = \"{startup}\"\nhang = {hang}\n"
    );
    text += &market(&mut draw);
    text += "[fleet.one]\n";
    // Every scenario has a Karpenter fleet and nine in ten one of another kind, each kind as often.
    text + &other_kind(&mut draw, number % 10)
}

/// Shocks, prices that move and change, and what happens on a schedule, in some scenarios.
fn market(draw: &mut Draw) -> String {
    let mut text = String::new();
    if draw.is(30) {
        text += "[ec2.spot.shocks]\nenabled = true\n";
    }
    if draw.is(20) {
        text += "[ec2]\nprice_change = [{ at = \"25m\", instance_type = \"m6i.xlarge\", on_demand = 0.31, spot = 0.11 }]\n";
    }
    if draw.is(20) {
        let kind = draw.one(&[
            "kind = \"spot-outage\"\nfor = \"10m\"",
            "kind = \"price-rise\"\nfor = \"15m\"\nfactor = 3.0",
            "kind = \"slow-boot\"\nfor = \"15m\"\nfactor = 4.0",
            "kind = \"drain\"",
            "kind = \"gitlab-outage\"\nfor = \"4m\"",
        ]);
        let _ = writeln!(text, "[[event]]\nname = \"stress\"\nat = \"{}m\"\n{kind}", 10 + draw.next(20));
    }
    text
}

/// A fleet of another kind, by its number; the first has none.
fn other_kind(draw: &mut Draw, kind: u64) -> String {
    let capacity = draw.one(&["spot", "on-demand"]);
    let group = format!("name = \"g\", instance_types = [\"m6i.xlarge\"], capacity_type = \"{capacity}\"");
    let idle = draw.next(3);
    let own = match kind {
        0 => return String::new(),
        1 => format!(
            "kind = \"fixed\"\nfixed.nodes = [{{ name = \"x\", instance_type = \"m6i.2xlarge\", count = 2, capacity_type = \"{capacity}\" }}]"
        ),
        2 | 3 => format!(
            "kind = \"cluster-autoscaler\"\ncluster_autoscaler.scale_down_unneeded_time = \"{}\"\ncluster_autoscaler.scale_down_delay_after_add = \"1m\"\ncluster_autoscaler.node_group = [{{ {group}, min = {idle}, max = 8 }}]",
            draw.one(&["30s", "5m"])
        ),
        4 => format!(
            "kind = \"docker-autoscaler\"\ndocker_autoscaler.group = [{{ {group}, max_instances = 12, idle_count = {idle}, idle_time = \"2m\", capacity_per_instance = {} }}]",
            1 + draw.next(2)
        ),
        5 => format!(
            "kind = \"docker-machine\"\ndocker_machine.group = [{{ {group}, limit = 12, idle_count = {idle}, idle_time = \"2m\", max_builds = {} }}]",
            draw.next(4)
        ),
        6 => "kind = \"fargate\"".to_owned(),
        7 => "kind = \"hosted\"".to_owned(),
        8 => "kind = \"hosted\"\nhosted.provider = \"github\"\nhosted.concurrent = 6".to_owned(),
        _ => "kind = \"fifo\"\nfifo = { cpu = \"12\", usd_per_hour = 0.5 }".to_owned(),
    };
    format!("[fleet.other]\n{own}\n")
}

struct NoFiles;

impl FileProvider for NoFiles {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("{path} is not there"))
    }

    fn open(&mut self, path: &str) -> Result<Box<dyn std::io::Read + Send>, String> {
        Err(format!("{path} is not there"))
    }
}

/// What must hold in the records of one run. Returns how many jobs it had.
fn waits_sum(run: &RunOutcome, number: u64) -> usize {
    let mut by_cause = [0_u128; WaitCause::ALL.len()];
    let mut whole = 0_u128;
    let jobs = run.job_records.as_deref().unwrap_or_default();
    for job in jobs {
        let causes: u64 = WaitCause::ALL.iter().map(|cause| job.wait.of(*cause).as_ms()).sum();
        assert_eq!(causes, job.wait.total().as_ms(), "scenario {number}: {job:?}");
        if !job.has_started() {
            continue;
        }
        let wait = (job.script_started_at - job.wait_since).as_ms();
        assert_eq!(causes, wait, "scenario {number}: the causes are the wait: {job:?}");
        if !job.retried && job.wait_since >= run.warmup {
            whole += u128::from(wait);
            for cause in WaitCause::ALL {
                by_cause[cause.index()] += u128::from(job.wait.of(cause).as_ms());
            }
        }
    }
    assert_eq!(run.waits.causes_ms, by_cause, "scenario {number}");
    assert_eq!(run.waits.wait.sum_ms(), whole, "scenario {number}");
    assert_eq!(run.waits.causes_ms.iter().sum::<u128>(), whole, "scenario {number}");
    jobs.len()
}

/// What must hold of the money of one run, to the nano-dollar millisecond.
fn waste_sums(run: &RunOutcome, number: u64) {
    for resource in CostKind::ALL {
        let used = run.waste.of_resource(resource);
        let parts: u128 = WasteKind::ALL.iter().map(|kind| used.of(*kind).0).sum();
        assert_eq!(parts, run.costs.of(resource).0, "scenario {number}: {resource:?}");
    }
    let instances = CostKind::ALL.iter().filter(|kind| matches!(kind, CostKind::Instance(..)));
    let instances: u128 = instances.map(|kind| run.costs.of(*kind).0).sum();
    assert_eq!(run.waste.total().0, instances, "scenario {number}");
    assert!(run.costs.total().0 > 0, "scenario {number} costs something");
}

/// For whom the money was paid: every grouping sums to the bill, use by use, to the nano-dollar millisecond.
fn groups_sum(run: &RunOutcome, number: u64) {
    let sum = |parts: &mut dyn Iterator<Item = &UsedFor>| {
        let mut sum = UsedFor::default();
        parts.for_each(|used| sum.merge(used));
        sum
    };
    let accounts = run.groups.accounts().iter().map(|(_, used)| used);
    let accounts = sum(&mut accounts.chain(std::iter::once(run.groups.nobody())));
    let machines = sum(&mut run.groups.machines().iter().map(|(_, used)| used));
    let bill = sum(&mut CostKind::ALL.iter().map(|kind| run.waste.of_resource(*kind)));
    assert_eq!(accounts, bill, "scenario {number}: by account");
    assert_eq!(machines, bill, "scenario {number}: by machine");
}

/// The same in the files, in micro-dollars: the rows of `waste.csv` and of `costs.csv` sum to one bill per fleet.
fn files_reconcile(scenario: &Scenario, runs: Vec<RunOutcome>, number: u64) {
    let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let units = Units::from_results(names.len(), runs.into_iter().map(Some).collect());
    let summary = summarise(&names, &units, 0, Confidence::default()).expect("a replication is complete");
    let micros = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<6.6}").parse::<i64>().unwrap()
    };
    let sums = |bytes: &[u8], fleet: &str, account: usize, of: &str, cost: usize| {
        let (mut sum, mut total) = (0, None);
        for row in csv::Reader::from_reader(bytes).records().map(Result::unwrap) {
            if &row[0] != fleet || (!of.is_empty() && &row[account] != of) {
                continue;
            }
            if &row[2] == "total" { total = Some(micros(&row[cost])) } else { sum += micros(&row[cost]) }
        }
        assert_eq!(Some(sum), total, "scenario {number}: {fleet} {of}");
        sum
    };
    let confidence = Confidence::default();
    let groups: Vec<FleetGroups> = (scenario.fleets.iter().enumerate())
        .map(|(index, fleet)| {
            let runs: Vec<&RunOutcome> = units.of_fleet(index).collect();
            let (projects, teams) = (&fleet.workload.projects, &fleet.workload.teams);
            let by = |by| (by, grouped(&runs, by, ProjectNames { projects, teams }, confidence));
            FleetGroups { fleet: fleet.name.clone(), replications: 1, groups: GroupBy::ALL.map(by).to_vec() }
        })
        .collect();
    let mut grouped = Vec::new();
    cost_groups_csv(&mut grouped, &groups).unwrap();
    let (mut waste, mut costs) = (Vec::new(), Vec::new());
    waste_csv(&mut waste, &summary).unwrap();
    costs_csv(&mut costs, &summary).unwrap();
    for name in &names {
        let used = sums(&waste, name, 1, "", 3);
        assert_eq!(used, sums(&costs, name, 1, "paid_for", 3), "scenario {number}: {name}");
        sums(&costs, name, 1, "instances_used_for", 3);
        for by in GroupBy::ALL {
            let (mut parts, mut totals, mut whole) = (0, 0, 0);
            for row in csv::Reader::from_reader(grouped.as_slice()).records().map(Result::unwrap) {
                if &row[0] != name || &row[1] != by.label() {
                    continue;
                }
                match (&row[2], &row[3]) {
                    ("total", "total") => whole += micros(&row[4]),
                    (_, "total") => totals += micros(&row[4]),
                    _ => parts += micros(&row[4]),
                }
            }
            assert_eq!((parts, totals, whole), (used, used, used), "scenario {number}: {name} by {by:?}");
        }
    }
}

/// What one scenario met, all its books in order.
#[derive(Default)]
struct Met {
    scenarios: u64,
    runs: u64,
    jobs: usize,
    outcomes: BTreeSet<JobOutcome>,
    causes: [u128; WaitCause::ALL.len()],
    used: [u128; WasteKind::ALL.len()],
}

impl Met {
    fn and(mut self, other: Self) -> Self {
        self.scenarios += other.scenarios;
        self.runs += other.runs;
        self.jobs += other.jobs;
        self.outcomes.extend(other.outcomes);
        self.causes.iter_mut().zip(other.causes).for_each(|(sum, more)| *sum += more);
        self.used.iter_mut().zip(other.used).for_each(|(sum, more)| *sum += more);
        self
    }
}

fn checked(number: u64) -> Met {
    let text = scenario(number);
    let scenario = resolve(&text, "random.toml", &mut NoFiles)
        .unwrap_or_else(|problems| panic!("scenario {number}: {problems:?}\n{text}"));
    let streams = Streams::new(scenario.seed, 0);
    let run = |fleet: &Fleet| {
        let arrivals = fleet.arrivals(streams).unwrap();
        simulate(&fleet.plan, streams, arrivals, Keep { jobs: true, nodes: true }).unwrap().outcome
    };
    let runs: Vec<RunOutcome> = scenario.fleets.iter().map(run).collect();
    let mut met = Met { scenarios: 1, ..Met::default() };
    for run in &runs {
        met.jobs += waits_sum(run, number);
        waste_sums(run, number);
        groups_sum(run, number);
        met.runs += 1;
        assert_eq!(run.end, SimTime::ZERO + scenario.horizon);
        met.outcomes
            .extend(JobOutcome::ALL.into_iter().filter(|outcome| run.jobs.attempts_ended(*outcome) > 0));
        for cause in WaitCause::ALL {
            met.causes[cause.index()] += run.waits.causes_ms[cause.index()];
        }
        for (sum, kind) in met.used.iter_mut().zip(WasteKind::ALL) {
            *sum += CostKind::ALL.iter().map(|cost| run.waste.of_resource(*cost).of(kind).0).sum::<u128>();
        }
    }
    files_reconcile(&scenario, runs, number);
    met
}

#[test]
fn a_thousand_random_scenarios_keep_their_books() {
    let met = (0..SCENARIOS).into_par_iter().map(checked).reduce(Met::default, Met::and);
    assert_eq!(met.scenarios, SCENARIOS);
    assert!(met.runs > SCENARIOS && met.jobs > 20_000, "{} runs, {} jobs", met.runs, met.jobs);
    // The scenarios are worth their number: between them they meet the ends, the causes and the uses that there are.
    let missing: Vec<_> = WaitCause::ALL.into_iter().filter(|cause| met.causes[cause.index()] == 0).collect();
    assert!(missing.iter().all(|cause| *cause == WaitCause::Dependency), "{missing:?}");
    for outcome in
        [JobOutcome::Success, JobOutcome::Interrupted, JobOutcome::PodTimeout, JobOutcome::TimedOut]
    {
        assert!(met.outcomes.contains(&outcome), "{:?}", met.outcomes);
    }
    let unused: Vec<_> = WasteKind::ALL.into_iter().zip(met.used).filter(|(_, sum)| *sum == 0).collect();
    assert!(unused.len() <= 2, "{unused:?}");
}

//! The report of a made-up experiment: files reconcile with the runs, text fits, charts are whole.

use std::path::Path;

use fleetsim::catalog::{Arch, CapacityType};
use fleetsim::experiment::{Bound, Confidence, ExperimentSummary, Metric, Objective, Units, summarise};
use fleetsim::metrics::{
    CostKind, GaugeKey, JobOutcome, JobRecord, Names, NodeEnd, NodeMeter, NodeRecord, NodeShape, Recorder,
    RecorderSettings, RunOutcome, UsedFor, WaitCause, WaitClock, WorkCounters,
};
use fleetsim::report::{
    JobsCsv, NodesCsv, Provenance, SummaryFormat, charts, costs_csv, provenance_json, summary_csv,
    summary_text, timeline_csv, timings_text, verdict_sentence, waste_csv,
};
use fleetsim::units::{CostMeter, HourlyPrice, Millicores, SimDuration, SimTime};

/// Pseudo-random numbers from 0 to 1 (SplitMix64).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A made-up fleet.
#[derive(Clone, Copy)]
struct Fleet {
    name: &'static str,
    arch: Arch,
    /// Share of nodes on Spot.
    spot: f64,
    price: f64,
    /// Seconds that a typical job waits.
    wait_s: f64,
}

const FLEETS: [Fleet; 5] = [
    Fleet { name: "baseline-m5", arch: Arch::Amd64, spot: 0.0, price: 0.40, wait_s: 9.0 },
    Fleet { name: "graviton-od", arch: Arch::Arm64, spot: 0.0, price: 0.32, wait_s: 9.4 },
    Fleet { name: "graviton-spot70", arch: Arch::Arm64, spot: 0.7, price: 0.30, wait_s: 12.0 },
    Fleet { name: "m5-spot-all-with-a-long-name", arch: Arch::Amd64, spot: 1.0, price: 0.36, wait_s: 14.0 },
    Fleet { name: "graviton-headroom", arch: Arch::Arm64, spot: 0.3, price: 0.35, wait_s: 6.0 },
];

const WEEK_MS: u64 = 7 * 86_400_000;

fn at(ms: u64) -> SimTime {
    SimTime::from_ms(ms)
}

/// A week with days and nights; every fleet of a replication meets the same jobs.
fn run(fleet: Fleet, replication: usize, keep: bool) -> RunOutcome {
    let mut random = Uniform(1000 + replication as u64);
    let mut settings = RecorderSettings::new(SimDuration::from_ms(WEEK_MS));
    settings.classes = 2;
    settings.keep_jobs = keep;
    settings.keep_nodes = keep;
    let mut recorder = Recorder::new(settings);
    let busy = 0.9 + 0.2 * random.next();
    let mut levels = Vec::new();
    for hour in 0..168u64 {
        let level = if hour % 24 > 7 && hour % 24 < 19 && hour < 120 { 10.0 } else { 1.5 };
        let nodes = (level * busy * (0.8 + 0.4 * random.next())) as u64 + 1;
        for node in 0..nodes {
            let start = hour * 3_600_000 + node * 120_000;
            nodes_and_jobs(&mut recorder, &mut levels, &mut random, fleet, start);
        }
    }
    levels.sort_by_key(|(ms, _, _)| *ms);
    for (ms, key, delta) in levels {
        recorder.gauge(at(ms), key, delta);
    }
    recorder.bill(CostKind::ControlPlane, HourlyPrice::from_dollars(0.10), at(0), at(WEEK_MS));
    recorder.bill(CostKind::Managers, HourlyPrice::from_dollars(0.085), at(0), at(WEEK_MS));
    let mut work = WorkCounters::default();
    work.add("events", 120_000);
    work.add("packing_probes", 7000);
    recorder.finish(at(WEEK_MS), work, &[])
}

/// One node for most of an hour, with ten jobs one after the other.
fn nodes_and_jobs(
    recorder: &mut Recorder,
    levels: &mut Vec<(u64, GaugeKey, i64)>,
    random: &mut Uniform,
    fleet: Fleet,
    start: u64,
) {
    let capacity = if random.next() < fleet.spot { CapacityType::Spot } else { CapacityType::OnDemand };
    let price = if capacity == CapacityType::Spot { fleet.price * 0.35 } else { fleet.price };
    let (cpu, ready, end) = (Millicores(1800), start + 40_000, start + 3_300_000);
    let key = GaugeKey::Nodes(fleet.arch, capacity);
    levels.push((start, key, 1));
    levels.push((start, GaugeKey::ProvisionedMillicores, 1900));
    let mut meter = NodeMeter::start(at(start));
    meter.ready(at(ready));
    let ordinal = (start / 1000) as u32;
    for job in 0..10u64 {
        let bound = ready + job * 310_000 + (random.next() * 50_000.0) as u64;
        let ended = bound + 100_000 + (random.next() * 150_000.0) as u64;
        let tail = if random.next() < 0.1 { 4.0 } else { 1.0 };
        let wait = (fleet.wait_s * 1000.0 * tail * (0.3 + 1.5 * random.next() * random.next())) as u64;
        let pending = bound.saturating_sub(wait / 2);
        let started = pending + wait;
        let mut record = JobRecord::pending(ordinal, (job % 2) as u32, 0, fleet.arch, at(pending));
        record.picked_at = at(pending + wait / 4);
        record.bound_at = at(bound);
        record.script_started_at = at(started);
        record.script_ended_at = at(ended);
        record.outcome =
            if random.next() < 0.004 * fleet.spot { JobOutcome::Interrupted } else { JobOutcome::Success };
        let mut clock = WaitClock::start(at(pending), WaitCause::GitlabQueue);
        clock.switch(at(pending + wait / 4), WaitCause::NodeStart);
        record.wait = clock.stop(at(started));
        recorder.job_ended(&record);
        meter.pod_bound(at(bound), cpu);
        meter.pod_left(at(ended), cpu);
        levels.push((pending, GaugeKey::PendingJobs, 1));
        levels.push((started, GaugeKey::PendingJobs, -1));
        levels.push((started, GaugeKey::RunningJobs(fleet.arch), 1));
        levels.push((ended, GaugeKey::RunningJobs(fleet.arch), -1));
    }
    levels.push((end, GaugeKey::ProvisionedMillicores, -1900));
    levels.push((end, key, -1));
    let kind = CostKind::Instance(fleet.arch, capacity);
    recorder.bill(CostKind::RootVolume, HourlyPrice::from_dollars(0.005), at(start), at(end));
    let mut node = NodeRecord {
        ordinal,
        pool: 0,
        instance_type: 1,
        zone: 0,
        arch: fleet.arch,
        capacity,
        end: NodeEnd::Empty,
        cpu: Millicores(2000),
        allocatable: Millicores(1900),
        launched_at: at(start),
        registered_at: SimTime::NEVER,
        ready_at: at(ready),
        empty_at: at(end - 30_000),
        terminated_at: at(end),
        billed_ms: end - start,
        billed_after_warmup_ms: end - start,
        cost: CostMeter::ZERO,
        used_for: UsedFor::default(),
        pods_run: 0,
        busy_core_ms: 0,
        lost_core_ms: 0,
        start_up_ms: 0,
        empty_ms: 0,
    };
    meter.stop(at(end), &mut node);
    let shape = NodeShape { cpu: node.cpu, reserved: Millicores(100), ..NodeShape::default() };
    node.used_for = UsedFor::of_node(meter.spans(at(end), HourlyPrice::from_dollars(price)), &shape);
    node.cost = node.used_for.total();
    recorder.bill_used(kind, &node.used_for);
    recorder.node_ended(&node);
}

fn experiment(fleets: &[Fleet], replications: usize) -> ExperimentSummary {
    let mut results = Vec::new();
    for replication in 0..replications {
        results.extend(fleets.iter().map(|fleet| Some(run(*fleet, replication, false))));
    }
    let names: Vec<String> = fleets.iter().map(|fleet| fleet.name.to_owned()).collect();
    summarise(&names, &Units::from_results(fleets.len(), results), 0, Confidence::default()).unwrap()
}

fn objectives() -> Vec<Objective> {
    vec![
        Objective { metric: Metric::WaitP95, limit: 60_000.0, bound: Bound::AtMost },
        Objective { metric: Metric::JobsLost, limit: 0.001, bound: Bound::AtMost },
    ]
}

fn rows(bytes: &[u8]) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(bytes).records().map(Result::unwrap).collect()
}

#[test]
fn charts_are_drawn_in_both_formats_and_are_the_same_every_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("charts");
    std::fs::create_dir_all(&folder).unwrap();
    let summary = experiment(&FLEETS, 12);
    let drawn = charts(&summary, &objectives(), &[]).unwrap();
    assert_eq!(drawn.len(), 5 + FLEETS.len());
    for chart in &drawn {
        std::fs::write(folder.join(format!("{}.png", chart.name)), &chart.png).unwrap();
        std::fs::write(folder.join(format!("{}.svg", chart.name)), &chart.svg).unwrap();
        assert!(chart.png.starts_with(b"\x89PNG\r\n\x1a\n") && chart.png.len() > 10_000);
        assert!(chart.svg.contains("<title>") && chart.svg.trim_end().ends_with("</svg>"));
        assert!(chart.svg.contains("sans-serif") && !chart.svg.contains("NaN"));
    }
    assert_eq!(drawn, charts(&summary, &objectives(), &[]).unwrap());
}

#[test]
fn charts_of_many_similar_fleets_leave_no_fleet_unnamed() {
    let names = ["a", "b-with-a-longer-name", "c", "d-spot", "e-spot-and-more", "f", "g-graviton", "h", "i"];
    let fleets: Vec<Fleet> = (0u32..)
        .zip(names)
        .map(|(n, name)| {
            let (price, wait_s) = (0.30 + 0.01 * f64::from(n % 3), 9.0 + 0.4 * f64::from(n % 4));
            Fleet { name, arch: Arch::Arm64, spot: 0.1 * f64::from(n), price, wait_s }
        })
        .collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("charts-crowded");
    std::fs::create_dir_all(&folder).unwrap();
    for chart in charts(&experiment(&fleets, 3), &[], &[]).unwrap() {
        std::fs::write(folder.join(format!("{}.png", chart.name)), &chart.png).unwrap();
        if chart.name == "cost_and_wait" || chart.name == "costs" {
            assert!(names.iter().all(|name| chart.svg.contains(name)), "{}", chart.name);
        }
        assert!(chart.name != "waits" || chart.svg.contains("1 more fleet is not drawn"));
    }
}

#[test]
fn charts_of_one_run_without_jobs_are_still_drawn() {
    let empty = Recorder::new(RecorderSettings::new(SimDuration::from_hours(1))).finish(
        at(3_600_000),
        WorkCounters::default(),
        &[],
    );
    let units = Units::from_results(1, vec![Some(empty)]);
    let summary = summarise(&["alone".to_owned()], &units, 0, Confidence::default()).unwrap();
    assert_eq!(charts(&summary, &[], &[]).unwrap().len(), 5);
    for format in [SummaryFormat::Table, SummaryFormat::Markdown, SummaryFormat::Json, SummaryFormat::Csv] {
        assert!(!summary_text(&summary, &[], &[], format).is_empty());
    }
}

/// A hundred jobs at a price, some of which time out.
fn hundred_jobs(dollars: f64, timed_out: u32) -> RunOutcome {
    let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_hours(1)));
    for job in 0..100 {
        let mut record = JobRecord::pending(job, 0, u64::from(job), Arch::Amd64, at(1000));
        record.script_started_at = at(6000);
        record.script_ended_at = at(9000);
        record.outcome = if job < timed_out { JobOutcome::TimedOut } else { JobOutcome::Success };
        record.wait = WaitClock::start(at(1000), WaitCause::GitlabQueue).stop(at(6000));
        recorder.job_ended(&record);
    }
    recorder.bill(CostKind::ControlPlane, HourlyPrice::from_dollars(dollars), at(0), at(3_600_000));
    recorder.finish(at(3_600_000), WorkCounters::default(), &[])
}

#[test]
fn a_fleet_is_not_cheap_because_it_leaves_jobs_undone() {
    let units = Units::from_results(2, vec![Some(hundred_jobs(1.0, 0)), Some(hundred_jobs(0.2, 12))]);
    let names = ["sound".to_owned(), "hasty".to_owned()];
    let summary = summarise(&names, &units, 0, Confidence::default()).unwrap();
    for format in [SummaryFormat::Table, SummaryFormat::Markdown] {
        let text = summary_text(&summary, &[], &[], format);
        assert!(text.contains("No fleet is clearly cheaper and good enough"), "{text}");
        assert!(text.contains("Jobs without a result: hasty 12.0\u{a0}% timed out"), "{text}");
    }
}

#[test]
fn a_fleet_that_times_jobs_out_is_not_simply_cheaper() {
    let units = Units::from_results(2, vec![Some(hundred_jobs(1.0, 0)), Some(hundred_jobs(0.2, 1))]);
    let names = ["sound".to_owned(), "emulated".to_owned()];
    let summary = summarise(&names, &units, 0, Confidence::default()).unwrap();
    let sentence = verdict_sentence(&summary, &[]);
    assert!(
        sentence.contains("1.0\u{a0}% of its jobs hit their time-out (0.0\u{a0}% with sound)"),
        "{sentence}"
    );
    let text = summary_text(&summary, &[], &[], SummaryFormat::Table);
    assert!(text.contains("Jobs without a result: emulated 1.0\u{a0}% timed out"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_terminal_answer_fits_into_80_columns() {
    let summary = experiment(&FLEETS, 8);
    let files = ["files: reports/peak/7c1e".to_owned()];
    let text = summary_text(&summary, &objectives(), &files, SummaryFormat::Table);
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("summary.txt"), &text).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.starts_with("graviton-"), "the chosen fleet comes first:\n{text}");
    for part in ["reference", "✓\u{a0}met by every fleet", "wait p95 ≤ 60\u{a0}s", "files: reports/peak/7c1e"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let single = experiment(&FLEETS[..1], 1);
    assert!(verdict_sentence(&single, &[]).starts_with("baseline-m5 costs"));
    assert!(summary_text(&single, &[], &[], SummaryFormat::Table).contains("no intervals"));
}

#[test]
fn the_documents_for_programs_read_back() {
    let summary = experiment(&FLEETS[..2], 4);
    let json: serde_json::Value =
        serde_json::from_str(&summary_text(&summary, &objectives(), &[], SummaryFormat::Json)).unwrap();
    assert_eq!(json["schema"], "fleetsim.summary/1");
    assert_eq!(json["fleets"][1]["metrics"]["wait_p95"]["unit"], "ms");
    assert!(json["fleets"][1]["metrics"]["cost_per_1000_jobs"]["change"]["upper"].as_f64().unwrap() < 0.0);

    let mut bytes = Vec::new();
    summary_csv(&mut bytes, &summary).unwrap();
    assert_eq!(rows(&bytes).len(), 2 * Metric::all().len());
    assert_eq!(summary_text(&summary, &[], &[], SummaryFormat::Csv).into_bytes(), bytes);

    let mut bytes = Vec::new();
    timeline_csv(&mut bytes, &summary).unwrap();
    assert_eq!(rows(&bytes).len(), 2 * summary.fleets[0].timeline.len());

    let provenance = Provenance { seed: 7, fleets: vec!["a".into()], ..Provenance::default() };
    let json: serde_json::Value = serde_json::from_str(&provenance_json(&provenance)).unwrap();
    assert_eq!(json["seed"], 7);
    let timings = timings_text(&[("simulate", 1.5), ("report", 0.25)], &summary);
    assert!(timings.contains("1.750 s") && timings.contains("packing_probes"), "{timings}");
}

#[test]
fn printed_costs_sum_to_the_printed_total() {
    let summary = experiment(&FLEETS[2..3], 3);
    let mut bytes = Vec::new();
    costs_csv(&mut bytes, &summary).unwrap();
    let mut by_use = Vec::new();
    waste_csv(&mut by_use, &summary).unwrap();
    let micros = |text: &str| text.replace('.', "").parse::<u64>().unwrap();
    for account in ["paid_for", "instances_used_for"] {
        let all: Vec<_> = rows(&bytes).into_iter().filter(|row| &row[1] == account).collect();
        let total = all.iter().find(|row| &row[2] == "total").map(|row| micros(&row[3])).unwrap();
        let parts: u64 = all.iter().filter(|row| &row[2] != "total").map(|row| micros(&row[3])).sum();
        assert!(total > 0);
        assert_eq!(parts, total, "{account}");
        if account == "paid_for" {
            let (whole, parts): (Vec<_>, Vec<_>) =
                rows(&by_use).into_iter().partition(|row| &row[1] == "total");
            assert_eq!(parts.iter().map(|row| micros(&row[3])).sum::<u64>(), total);
            assert_eq!(micros(&whole[0][3]), total);
            assert!(parts.iter().any(|row| &row[1] == "control_plane" && &row[2] == "standing"));
        }
    }
}

#[test]
fn per_job_and_per_node_files_reconcile_with_the_run() {
    let outcome = run(FLEETS[2], 0, true);
    let names = Names {
        classes: vec!["lint".into(), "unit".into()],
        pools: vec!["ci".into()],
        instance_types: vec!["m5.large".into(), "m7g.large".into()],
        zones: vec!["a".into()],
    };
    let (jobs, nodes) = (outcome.job_records.as_ref().unwrap(), outcome.node_records.as_ref().unwrap());
    let mut bytes = Vec::new();
    JobsCsv::new(&mut bytes).unwrap().run("fleet", 0, &names, jobs).unwrap();
    let table = rows(&bytes);
    assert_eq!(table.len() as u64, outcome.jobs.jobs());
    let sum =
        |row: &csv::StringRecord| (20..27).map(|column| row[column].parse::<u64>().unwrap()).sum::<u64>();
    assert!(table.iter().all(|row| sum(row) == row[19].parse::<u64>().unwrap() && row[14].is_empty()));
    let waits: u128 = table.iter().map(|row| row[19].parse::<u128>().unwrap()).sum();
    assert_eq!(waits, outcome.waits.wait.sum_ms());
    assert_eq!(outcome.waits.causes_ms.iter().sum::<u128>(), waits);

    let mut bytes = Vec::new();
    NodesCsv::new(&mut bytes).unwrap().run("fleet", 0, &names, nodes).unwrap();
    assert_eq!(&rows(&bytes)[0][4], "m7g.large");
    let by_node: CostMeter = nodes.iter().map(|node| node.cost).sum();
    assert_eq!(by_node, outcome.waste.total());
    let instances: CostMeter = [CapacityType::OnDemand, CapacityType::Spot]
        .map(|capacity| outcome.costs.of(CostKind::Instance(Arch::Arm64, capacity)))
        .into_iter()
        .sum();
    assert_eq!(by_node, instances);
}

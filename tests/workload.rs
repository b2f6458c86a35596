//! Traces and synthetic sources as arrivals: what is read, what is refused and where, and what stays in order.

#![allow(clippy::print_stdout)] // says what was absent

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use fleetsim::engine::{Arena, Id, Streams};
use fleetsim::units::{Ppm, Resources, SimDuration, SimTime};
use fleetsim::workload::{
    ArchChoice, Arrival, ArrivalKind, Arrivals, BadRows, Class, Distribution, Field, JobDraft, JobSpec,
    Makes, MapRule, Pattern, Profile, Replay, RowProblem, Synthetic, TemplateDraft, TraceError, TraceInstant,
    TraceOptions, TraceReplay, TraceReport, Workload,
};

fn workload() -> Workload {
    let constant = Distribution::Constant(SimDuration::from_mins(4));
    let mut classes = Arena::new();
    classes.push(Class::new("other", Resources::new(1000, 2048), constant.clone()));
    classes.push(Class::new("big", Resources::new(8000, 16_384), constant));
    Workload { classes, ..Workload::default() }
}

fn options() -> TraceOptions {
    TraceOptions::new("t.csv", Id::new(0))
}

fn arrivals_of(text: &str, options: TraceOptions) -> Result<Arrivals, TraceError> {
    let trace = TraceReplay::open(Cursor::new(text.as_bytes().to_vec()), options)?;
    Arrivals::new(&workload(), vec![trace], Streams::new(1, 0), SimTime::NEVER)
}

fn all(mut arrivals: Arrivals) -> Result<(Vec<Arrival>, Arrivals), TraceError> {
    let mut list = Vec::new();
    while let Some(arrival) = arrivals.next_arrival()? {
        list.push(arrival);
    }
    Ok((list, arrivals))
}

/// The jobs of a trace: (arrival in ms, specification).
fn read(text: &str, options: TraceOptions) -> Result<Vec<(u64, JobSpec)>, TraceError> {
    let (list, _) = all(arrivals_of(text, options)?)?;
    Ok(list
        .into_iter()
        .map(|arrival| match arrival.kind {
            ArrivalKind::Job(spec) => (arrival.at.as_ms(), spec),
            other => panic!("a job was expected, not {other:?}"),
        })
        .collect())
}

fn report_of(text: &str, options: TraceOptions) -> TraceReport {
    let (_, arrivals) = all(arrivals_of(text, options).unwrap()).unwrap();
    arrivals.trace_reports().remove(0)
}

fn shared_trace(name: &str) -> Option<File> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(name);
    let file = File::open(&path).ok();
    if file.is_none() {
        println!("{} is absent: nothing is checked with it", path.display());
    }
    file
}

#[test]
fn canonical_columns_are_read_and_unknown_values_come_from_the_class() {
    let text = "job_id,submitted_s,duration_s,cpu_millis,memory_mib,arch,tags,observed_wait_s\n\
                a,10,12.5,2000,4096,arm64,,3\n\
                b,10.25,1,,,,,\n";
    let jobs = read(text, options()).unwrap();
    assert_eq!(jobs[0].0, 0);
    assert_eq!(jobs[0].1.work, SimDuration::from_ms(12_500));
    assert_eq!(jobs[0].1.requests, Resources::new(2000, 4096));
    assert_eq!(jobs[0].1.observed_wait(), Some(SimDuration::from_secs(3)));
    assert_eq!(jobs[1].0, 250);
    assert_eq!(jobs[1].1.requests, Resources::new(1000, 2048));
    assert_eq!(jobs[1].1.observed_wait(), None);
    assert_ne!(jobs[0].1.class, jobs[1].1.class);
}

#[test]
fn gitlab_job_times_give_the_moment_of_queueing_and_skipped_jobs_are_counted() {
    let text = "\u{feff}id,name,stage,status,created_at,started_at,finished_at,duration,queued_duration,tag_list\n\
                1,build,build,success,2026-03-09T08:14:02Z,2026-03-09T08:14:12Z,2026-03-09T08:15:12Z,60,8,\"[\"\"arm64\"\"]\"\n\
                2,test,test,success,2026-03-09T08:14:02Z,2026-03-09T09:16:00.5+01:00,,30,1.5,\n\
                3,deploy,deploy,canceled,2026-03-09T08:14:02Z,,,,,\n";
    let jobs = read(text, options()).unwrap();
    assert_eq!(jobs.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 115_000]);
    assert_eq!(report_of(text, options()).never_ran, 1);
}

#[test]
fn a_duration_is_taken_from_start_and_end_where_it_is_not_given() {
    let text = "Submit Time,Start Time,End Time\n0,5,65.5\n";
    assert_eq!(read(text, options()).unwrap()[0].1.work, SimDuration::from_ms(60_500));
}

#[test]
fn gzip_is_recognised_by_its_content() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"submitted_s,duration_s\n0,1\n5,1\n").unwrap();
    let packed = packed.finish().unwrap();
    let open = |bytes: Vec<u8>| {
        let trace = TraceReplay::open(Cursor::new(bytes), options())?;
        all(Arrivals::new(&workload(), vec![trace], Streams::new(1, 0), SimTime::NEVER)?)
    };
    assert_eq!(open(packed.clone()).unwrap().0.len(), 2);
    let cut = packed[..packed.len() - 12].to_vec();
    assert!(matches!(open(cut), Err(TraceError::Unreadable { .. })));
}

#[test]
fn mistakes_name_file_line_column_and_what_was_expected() {
    let row = |row: &str| read(&format!("job_id,submitted_s,duration_s,arch\nx,0,1,\n{row}\n"), options());
    let message = row("y,1,fast,").unwrap_err().to_string();
    assert_eq!(message, "t.csv:3: column 3 (`duration_s`): expected a number such as `12.5`, found `fast`");
    for (bad, expected) in [
        ("y,,1,", RowProblem::Missing),
        ("y,1,,", RowProblem::Missing),
        ("y,soon,1,", RowProblem::NotATime),
        ("y,2026-03-09T08:14:02Z,1,", RowProblem::NotATime),
        ("y,NaN,1,", RowProblem::NotATime),
        ("y,1,NaN,", RowProblem::NotANumber),
        ("y,1,-1,", RowProblem::Negative),
        ("y,1,inf,", RowProblem::TooLarge),
        ("y,1,1e30,", RowProblem::TooLarge),
        ("y,1e300,1,", RowProblem::TooLarge),
        ("y,999999999999999999999999,1,", RowProblem::TooLarge),
        ("y,1,1,ppc64le", RowProblem::UnknownArch),
        ("y,1", RowProblem::TooFewFields),
    ] {
        let TraceError::Row { at, problem, .. } = row(bad).unwrap_err() else { panic!("{bad}") };
        assert_eq!((at.line, problem), (3, expected), "{bad}");
    }
    let backwards = "submitted,started,finished\n0,10,5\n";
    assert!(matches!(
        read(backwards, options()),
        Err(TraceError::Row { problem: RowProblem::FinishedBeforeStarted, .. })
    ));
    let columns = read("a,b\n1,2\n", options()).unwrap_err().to_string();
    assert!(columns.starts_with("t.csv:1: no column for the submit time; one of `submitted_s`"), "{columns}");
    assert!(matches!(read("", options()), Err(TraceError::NoColumn { .. })));
}

#[test]
fn bad_rows_can_be_dropped_and_are_counted_with_the_first_of_each_kind() {
    let text = "submitted_s,duration_s\n0,1\n1,x\n2,y\n-5,1\n3,1\n4,-2\n";
    let lenient = TraceOptions { bad_rows: BadRows::Drop, ..options() };
    assert_eq!(read(text, lenient.clone()).unwrap().len(), 3);
    let report = report_of(text, lenient);
    assert_eq!((report.rows, report.jobs), (6, 3));
    assert_eq!(report.dropped[&RowProblem::NotANumber].0, 2);
    assert!(report.dropped[&RowProblem::NotANumber].1.to_string().contains("t.csv:3"));
    assert_eq!(report.dropped[&RowProblem::Negative].0, 1);
}

#[test]
fn slight_disorder_is_put_right_and_more_is_refused() {
    let text = "submitted_s,duration_s\n0,1\n20,1\n10,1\n30,1\n5,1\n";
    let within = |reorder_rows| read(text, TraceOptions { reorder_rows, ..options() });
    let times: Vec<u64> = within(3).unwrap().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 5_000, 10_000, 20_000, 30_000]);
    let TraceError::Row { at, problem, .. } = within(1).unwrap_err() else { panic!("a row is refused") };
    assert_eq!((at.line, problem), (6, RowProblem::OutOfOrder));
}

#[test]
fn rules_decide_in_order_and_what_matches_nothing_is_counted() {
    let text = "submitted_s,duration_s,tags,name\n\
                0,1,large,test\n1,1,small,big-endian\n2,1,,lint\n3,1,small,other\n4,1,small,other\n";
    let rule = |field, pattern, class| MapRule {
        patterns: vec![(field, Pattern::new(pattern))],
        class: Id::new(class),
    };
    let rules =
        vec![rule(Field::Tags, "large", 1), rule(Field::Name, "big*", 1), rule(Field::Name, "lint", 0)];
    let mapped = TraceOptions { rules, ..options() };
    let requests: Vec<u32> =
        read(text, mapped.clone()).unwrap().iter().map(|(_, job)| job.requests.cpu.0).collect();
    assert_eq!(requests, [8000, 8000, 1000, 1000, 1000]);
    let report = report_of(text, mapped);
    assert_eq!(report.unmapped_rows, 2);
    assert_eq!((report.unmapped[0].tags.as_str(), report.unmapped[0].rows), ("small", 2));
}

#[test]
fn tags_and_architecture_of_rows_make_derived_classes_once() {
    let text = "submitted_s,duration_s,arch,tags\n0,1,arm64,a|b\n1,1,arm64,a|b\n2,1,x86_64,a|b\n3,1,,\n";
    let (list, arrivals) = all(arrivals_of(text, options()).unwrap()).unwrap();
    assert_eq!((list.len(), arrivals.classes().len()), (4, 4));
    let ArrivalKind::Job(first) = list[0].kind else { panic!("a job") };
    let class = &arrivals.classes()[first.class];
    assert_eq!(
        (class.arch, class.tags.as_slice()),
        (ArchChoice::Arm64, &["a".to_owned(), "b".to_owned()][..])
    );
}

#[test]
fn windows_starts_and_stretching_move_arrivals() {
    let text = "submitted_s,duration_s\n100,1\n200,1\n300,1\n400,1\n";
    let times = |changed: TraceOptions| -> Vec<u64> {
        read(text, changed).unwrap().iter().map(|(at, _)| at / 1000).collect()
    };
    let after = |s| Some(TraceInstant::AfterFirst(SimDuration::from_secs(s)));
    assert_eq!(times(TraceOptions { from: after(100), to: after(300), ..options() }), [0, 100]);
    assert_eq!(
        times(TraceOptions { start: Some(TraceInstant::At(50_000)), ..options() }),
        [50, 150, 250, 350]
    );
    assert_eq!(times(TraceOptions { time_scale: Ppm(500_000), ..options() }), [0, 50, 100, 150]);
    let report = report_of(text, TraceOptions { from: after(100), ..options() });
    assert_eq!((report.before_window, report.jobs), (1, 3));
}

#[test]
fn scaling_thins_and_doubles_by_the_seed() {
    let mut text = String::from("submitted_s,duration_s\n");
    (0..20_000).for_each(|row| text += &format!("{row},1\n"));
    let count = |scale| read(&text, TraceOptions { scale: Ppm(scale), ..options() }).unwrap().len() as f64;
    assert_eq!(count(2_000_000), 40_000.0);
    // Three standard errors of a binomial count.
    assert!((count(250_000) - 5_000.0).abs() < 3.0 * (20_000.0_f64 * 0.25 * 0.75).sqrt());
    assert!((count(1_500_000) - 30_000.0).abs() < 3.0 * (20_000.0_f64 * 0.25).sqrt());
    assert_eq!(count(250_000), count(250_000));
}

#[test]
fn pipelines_replayed_by_stage_arrive_with_their_first_job() {
    let text = "submitted_s,duration_s,pipeline,stage\n\
                0,60,p1,build\n5,70,p2,build\n60,10,p1,test\n61,11,p1,test\n80,12,p2,test\n81,13,p2,test\n90,5,,\n";
    let replay = Replay::ByStage { within: SimDuration::from_hours(1), stages: Vec::new() };
    let (list, arrivals) = all(arrivals_of(text, TraceOptions { replay, ..options() }).unwrap()).unwrap();
    let times: Vec<u64> = list.iter().map(|arrival| arrival.at.as_ms()).collect();
    assert_eq!(times, [0, 5_000, 90_000]);
    let ArrivalKind::Recorded(template, jobs) = &list[0].kind else { panic!("a pipeline") };
    assert_eq!(jobs.iter().map(|job| job.work.as_ms() / 1000).collect::<Vec<_>>(), [60, 10, 11]);
    assert_eq!(arrivals.templates()[*template].stage(1), 1..3);
    let ArrivalKind::Recorded(second, _) = &list[1].kind else { panic!("a pipeline") };
    assert_eq!(template, second, "pipelines of one shape share a template");
    assert_eq!(arrivals.trace_reports()[0].jobs, 7);
}

#[test]
fn jobs_without_a_stage_start_with_their_pipeline_and_hold_nothing_back() {
    let text = "submitted_s,duration_s,pipeline,stage\n0,90,p,\n0,60,p,build\n0,10,p,test\n9,5,q,\n9,6,q,\n";
    let replay = Replay::ByStage { within: SimDuration::from_hours(1), stages: Vec::new() };
    let (list, arrivals) = all(arrivals_of(text, TraceOptions { replay, ..options() }).unwrap()).unwrap();
    let ArrivalKind::Recorded(template, jobs) = &list[0].kind else { panic!("a pipeline") };
    assert_eq!(jobs.iter().map(|job| job.work.as_ms() / 1000).collect::<Vec<_>>(), [60, 10, 90]);
    let template = &arrivals.templates()[*template];
    assert_eq!((template.stages(), template.stage(0), template.stage(1)), (2, 0..1, 1..3));
    let free = &template.nodes[2];
    assert!(free.has_needs && free.needs == 0, "as with `needs: []`");
    let ArrivalKind::Recorded(template, _) = &list[1].kind else { panic!("a pipeline") };
    assert_eq!(arrivals.templates()[*template].stage(0), 0..2);
}

#[test]
fn sources_are_merged_by_time_and_repeat_for_a_seed() {
    let mut mixed = workload();
    let stages = vec!["build".to_owned(), "test".to_owned()];
    let jobs = vec![JobDraft::new("b", "build", Id::new(0)), JobDraft::new("t", "test", Id::new(1))];
    let template = TemplateDraft { name: "main".into(), stages, jobs }.expand(&mut mixed.classes).unwrap();
    let template = mixed.templates.push(template);
    for (name, makes) in [("jobs", Makes::Jobs(Id::new(1))), ("pipelines", Makes::Pipelines(template))] {
        mixed.synthetic.push(Synthetic {
            name: name.into(),
            makes,
            per_day: 5_000.0,
            profile: Profile::office_week(),
            burstiness: Ppm(300_000),
            from: SimTime::ZERO,
            until: SimTime::NEVER,
        });
    }
    let run_of = |workload: &Workload, seed| {
        let mut text = String::from("submitted_s,duration_s\n");
        (0..500).for_each(|row| text += &format!("{},7\n", row * 100));
        let trace = TraceReplay::open(Cursor::new(text.into_bytes()), options()).unwrap();
        let end = SimTime::from_ms(3 * 86_400_000);
        all(Arrivals::new(workload, vec![trace], Streams::new(seed, 0), end).unwrap()).unwrap().0
    };
    let run = |seed| run_of(&mixed, seed);
    let first = run(5);
    assert!(first.is_sorted_by_key(|arrival| arrival.at));
    assert_eq!(first, run(5));
    assert_ne!(first, run(6));
    let mut ordinals: Vec<u64> = first.iter().map(|arrival| arrival.ordinal).collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    assert_eq!(ordinals.len(), first.len());
    // A source of jobs more, after the others of its kind: what the others make is the same, to the last draw.
    let mut more = mixed.clone();
    more.synthetic.push(Synthetic { name: "more".into(), per_day: 3_000.0, ..mixed.synthetic[0].clone() });
    let with_more = run_of(&more, 5);
    assert!(with_more.len() > first.len() + 3_000);
    let numbers: BTreeSet<u64> = first.iter().map(|arrival| arrival.ordinal).collect();
    assert!(with_more.iter().filter(|arrival| numbers.contains(&arrival.ordinal)).eq(&first));
}

#[test]
fn the_shared_traces_are_read_whole() {
    for (name, rows) in [
        ("gha-linkerd2.csv.gz", 9_187),
        ("buildkite-julia.csv.gz", 8_190),
        ("k8s-alibaba-openb.csv.gz", 6_861),
        ("grid-lcg-2005.csv.gz", 188_041),
    ] {
        let Some(file) = shared_trace(name) else { continue };
        let strict = TraceOptions { file: name.into(), ..options() };
        let trace = TraceReplay::open(file, strict).unwrap();
        let arrivals = Arrivals::new(&workload(), vec![trace], Streams::new(1, 0), SimTime::NEVER);
        match arrivals.and_then(all) {
            Ok((list, arrivals)) => {
                println!("{name}: {} jobs, {} classes", list.len(), arrivals.classes().len());
                assert_eq!(list.len(), rows, "{name}");
                assert!(list.is_sorted_by_key(|arrival| arrival.at));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_shared_week_is_a_profile() {
    let Some(file) = shared_trace("travis-hour-of-week.csv") else { return };
    let profile = Profile::from_csv(file).unwrap();
    assert!((profile.over_mean(0) - 0.6773).abs() < 0.001);
}

//! Job exports as they come from GitLab, GitHub, Buildkite, Kubernetes and the workload archive: what becomes of every
//! record, what a broken file is answered with, and that nothing makes the importer panic.

#![allow(clippy::print_stdout)] // what was not tried is said

use std::io::Cursor;
use std::path::{Path, PathBuf};

use fleetsim::workload::{
    Anonymizer, ArchChoice, BadRows, Detected, Dropped, Identifier, ImportAccount, ImportError, ImportKind,
    ImportOptions, JobMap, JobRow, JobTable, Note, RowProblem, detect, import_jobs,
};
use proptest::prelude::*;

fn import_with(
    files: &[(&str, &[u8])],
    options: &ImportOptions,
) -> Result<(JobTable, ImportAccount), ImportError> {
    import_jobs(files.iter().map(|(name, bytes)| (*name, Ok(Cursor::new(*bytes)))), options)
}

fn import(text: &str) -> Result<(JobTable, ImportAccount), ImportError> {
    import_with(&[("jobs", text.as_bytes())], &ImportOptions::default())
}

fn csv_of(table: &JobTable) -> String {
    let mut csv = Vec::new();
    table.write_csv(&mut csv).expect("a Vec can be written");
    String::from_utf8(csv).expect("traces are text")
}

fn dropped(account: &ImportAccount, reason: Dropped) -> u64 {
    account.dropped.iter().find(|(found, ..)| *found == reason).map_or(0, |(_, count, _)| *count)
}

fn noted(account: &ImportAccount, note: Note) -> u64 {
    account.notes.iter().find(|(found, ..)| *found == note).map_or(0, |(_, count, _)| *count)
}

fn ms(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// A file of the collection of real exports; `None` (said once) where the collection is not here.
fn collected(relative: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("FLEETSIM_CONFIGS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/configs"), PathBuf::from);
    let bytes = std::fs::read(root.join(relative)).ok();
    if bytes.is_none() {
        println!("{relative} is not here: nothing was tried");
    }
    bytes
}

const SAMPLE: &str = r#"{"id":90210341,"status":"failed","stage":"test","name":"unit 3/8","ref":"topic/cache-keys",
 "allow_failure":false,"created_at":"2026-03-09T08:14:02.311Z","started_at":"2026-03-09T08:21:47.904Z",
 "finished_at":"2026-03-09T08:33:20.118Z","erased_at":null,"duration":692.214,"queued_duration":41.772,
 "failure_reason":"runner_system_failure","tag_list":["arm64","medium"],"user":{"id":412,"username":"mbell"},
 "pipeline":{"id":5510023,"iid":811,"created_at":"2026-03-09T08:14:02.101Z"},"new_key":[{"a":[1,{}]}],
 "runner_manager":{"id":902,"architecture":"arm64"}}"#;

fn job(id: u64, name: &str, pipeline: u64, started: &str) -> String {
    format!(
        r#"{{"id":{id},"name":"{name}","stage":"test","status":"success","created_at":"2026-03-09T08:00:00Z","started_at":"{started}","finished_at":"2026-03-09T12:00:00Z","queued_duration":5,"tag_list":[],"pipeline":{{"id":{pipeline}}}}}"#
    )
}

#[test]
fn a_gitlab_job_became_pending_when_its_queued_time_began() {
    let (table, account) = import(&format!("[{SAMPLE}]")).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!(row.id, Identifier::Number(90_210_341));
    assert_eq!(row.submitted_ms, ms("2026-03-09T08:21:06.132Z"));
    assert_eq!((row.duration_ms, row.observed_wait_ms), (692_214, Some(41_772)));
    assert_eq!((row.tags, row.stage, row.name, row.status), ("arm64;medium", "test", "unit 3/8", "failed"));
    assert_eq!(row.pipeline, Identifier::Number(5_510_023));
    // The architecture there is the manager's, not the job's.
    assert_eq!((row.cpu_millis, row.memory_mib, row.arch), (None, None, None));
    assert_eq!((account.rows, account.jobs, account.pipelines), (1, 1, 1));
    let csv = csv_of(&table);
    assert!(csv.ends_with(
        "\n90210341,1773044466.132,692.214,,,,arm64;medium,5510023,test,unit 3/8,41.772,failed\n"
    ));
}

#[test]
fn arrays_lines_pages_and_compressed_files_are_the_same() {
    let jobs: Vec<String> =
        (0..6).map(|id| job(id, "unit", id / 2, &format!("2026-03-09T0{}:00:00+02:00", 9 - id))).collect();
    let reference = csv_of(&import(&format!("[{}]", jobs.join(","))).unwrap().0);
    assert_eq!(reference.lines().count(), 7);
    let lines = jobs.join("\n");
    let pages = format!("[{}][{}]\n[]\n", jobs[..3].join(","), jobs[3..].join(" , "));
    let slurped = format!("\u{feff}[[{}],\r\n[{}],[]]", jobs[..4].join(","), jobs[4..].join(","));
    for text in [lines, pages, slurped, jobs.concat(), format!("\u{1e}{}", jobs.join("\n\u{1e}"))] {
        assert_eq!(csv_of(&import(&text).unwrap().0), reference, "{text}");
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, format!("[{}]", jobs.join(",")).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let (table, _) = import_with(&[("jobs.json.gz", &packed)], &ImportOptions::default()).unwrap();
    assert_eq!(csv_of(&table), reference);
}

#[test]
fn overlapping_pages_count_once_and_retries_count_as_jobs() {
    let (one, two) = (job(7, "build", 1, "2026-03-09T09:00:00Z"), job(8, "build", 1, "2026-03-09T10:00:00Z"));
    let files = [("a.json", format!("[{two},{one}]")), ("b.json", format!("[{one}]"))];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let (table, account) = import_with(&files, &ImportOptions::default()).unwrap();
    assert_eq!(table.len(), 2);
    assert_eq!((dropped(&account, Dropped::Repeated), account.retries, account.rows), (1, 1, 3));
    let other = job(7, "build", 1, "2026-03-09T09:30:00Z");
    let (table, account) = import(&format!("[{one},{other}]")).unwrap();
    assert_eq!((table.len(), dropped(&account, Dropped::Conflicting)), (1, 1));
    assert_eq!(table.rows().next().unwrap().submitted_ms, ms("2026-03-09T08:59:55Z"), "the first is kept");
}

#[test]
fn jobs_that_never_ran_do_not_become_jobs_of_length_zero() {
    let text = r#"[{"id":1,"status":"canceled","created_at":"2026-03-09T08:00:00Z","started_at":null,"finished_at":"2026-03-09T08:00:00Z"},
      {"id":2,"status":"skipped"},
      {"id":3,"status":"running","started_at":"2026-03-09T08:00:00Z","duration":4.5,"queued_duration":1}]"#;
    let (table, account) = import_with(
        &[("jobs", text.as_bytes())],
        &ImportOptions { kind: Some(ImportKind::GitlabJobs), ..ImportOptions::default() },
    )
    .unwrap();
    assert_eq!((table.len(), account.rows), (0, 3));
    for reason in [Dropped::NeverStarted, Dropped::Skipped, Dropped::NotEnded] {
        assert_eq!(dropped(&account, reason), 1, "{reason:?}");
    }
}

#[test]
fn a_workload_log_keeps_what_it_knows() {
    let text = "; Version: 2.2\n; UnixStartTime: 1000000000\n\
        1 10 5 83 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n\
        2 20 -1 -1 1 -1 -1 1 -1 -1 5 3 1 7 2 -1 -1 -1\n\
        3 30 0 9 1 -1 -1 2 -1 1024 0 3 1 -1 -1 4 -1 -1\n\
        3 30 0 5 1 -1 -1 2 -1 1024 2 3 1 -1 -1 4 -1 -1\n";
    let (table, account) = import(text).unwrap();
    let rows: Vec<JobRow<'_>> = table.rows().collect();
    assert_eq!(
        (rows[0].submitted_ms, rows[0].duration_ms, rows[0].observed_wait_ms),
        (1_000_000_010_000, 83_000, Some(5000))
    );
    assert_eq!((rows[0].cpu_millis, rows[0].memory_mib), (Some(4000), Some(8)));
    assert_eq!((rows[0].tags, rows[0].name, rows[0].status), ("queue-2", "application-7", "success"));
    assert_eq!((rows[1].tags, rows[1].memory_mib, rows[1].status), ("partition-4", Some(2), "failed"));
    assert_eq!((dropped(&account, Dropped::NeverStarted), dropped(&account, Dropped::PartOfJob)), (1, 1));
}

#[test]
fn a_workload_log_that_starts_at_an_impossible_time_has_no_clock() {
    for start in ["9222222222222222222", "-7773777777000007707", "222222222222", "soon"] {
        let text = format!("; UnixStartTime: {start}\n1 10 5 83 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n");
        let (table, account) = import(&text).unwrap();
        assert_eq!((table.len(), noted(&account, Note::NoClock)), (1, 1), "{start}");
    }
}

#[test]
fn one_instant_in_many_time_zones_is_one_instant() {
    let zones = ["2026-03-09T09:00:00Z", "2026-03-09T11:00:00+02:00", "2026-03-09T04:00:00.000-05:00"];
    let utc = zones.map(|created| {
        let row = job(1, "unit", 1, "2026-03-09T09:00:00Z").replace("2026-03-09T09:00:00Z", created);
        import(&row).map(|(table, _)| csv_of(&table)).unwrap()
    });
    assert_eq!(utc[0], utc[1]);
    assert_eq!(utc[0], utc[2]);
}

const PODS: &str = r#"{"apiVersion":"v1","items":[
 {"apiVersion":"v1","kind":"Pod","metadata":{"name":"runner-1","uid":"u1","creationTimestamp":"2026-03-09T08:00:00Z"},
  "spec":{"nodeSelector":{"kubernetes.io/arch":"arm64","pool":"ci"},
   "containers":[{"resources":{"requests":{"cpu":"500m","memory":"1Gi"}}},{"resources":{"limits":{"cpu":2,"memory":"512Mi"}}},{"resources":{}}],
   "initContainers":[{"resources":{"requests":{"cpu":"100m","memory":"4Gi"}}},{"restartPolicy":"Always","resources":{"requests":{"cpu":"200m"}}}]},
  "status":{"phase":"Succeeded","containerStatuses":[
   {"state":{"terminated":{"startedAt":"2026-03-09T08:00:40Z","finishedAt":"2026-03-09T08:10:00Z"}}},
   {"state":{"terminated":{"startedAt":"2026-03-09T08:00:41Z","finishedAt":"2026-03-09T08:09:00Z"}}}]}},
 {"kind":"Pod","metadata":{"name":"waiting","creationTimestamp":"2026-03-09T08:00:00Z"},"spec":{"containers":[]},"status":{"phase":"Pending"}},
 {"kind":"Pod","metadata":{"name":"evicted","creationTimestamp":"2026-03-09T08:00:00Z"},"spec":{"containers":[]},"status":{"phase":"Failed","reason":"Evicted"}},
 {"kind":"Pod","metadata":{"name":"now","creationTimestamp":"2026-03-09T08:00:00Z"},"spec":{"containers":[]},"status":{"phase":"Running"}}
],"kind":"List","metadata":{"resourceVersion":""}}"#;

#[test]
fn a_pod_has_the_request_that_the_scheduler_reserves() {
    let (table, account) = import(PODS).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!((row.cpu_millis, row.memory_mib), (Some(2700), Some(4096)));
    assert_eq!((row.arch, row.tags, row.name), (Some(ArchChoice::Arm64), "pool=ci", "runner-1"));
    assert_eq!((row.duration_ms, row.observed_wait_ms), (560_000, Some(40_000)));
    assert_eq!((account.rows, account.jobs), (4, 1));
    assert_eq!((dropped(&account, Dropped::NeverStarted), dropped(&account, Dropped::NotEnded)), (2, 1));
    // A single pod, and a list of pods without the page around it.
    let items = &PODS[PODS.find("[\n").unwrap()..PODS.find(",\"kind\":\"List\"").unwrap()];
    assert_eq!(import(items).unwrap().0.len(), 1);
}

#[test]
fn a_map_fills_in_what_is_unknown_and_lists_what_it_does_not_match() {
    let map = "[[rule]]\nhas_tags = [\"arm64\"]\njob = \"unit*\"\nclass = \"unit\"\ncpu = \"1500m\"\nmemory = \"3Gi\"\narch = [\"arm64\"]\n";
    let map = JobMap::parse(map, "map.toml").unwrap();
    let other = job(1, "deploy", 9, "2026-03-09T09:00:00Z");
    let text = format!("[{SAMPLE},{other},{}]", other.replace("\"id\":1", "\"id\":2"));
    let options = ImportOptions { map: Some(map), ..ImportOptions::default() };
    let (table, account) = import_with(&[("jobs", text.as_bytes())], &options).unwrap();
    let rows: Vec<JobRow<'_>> = table.rows().collect();
    assert_eq!(
        (rows[0].cpu_millis, rows[0].memory_mib, rows[0].arch, rows[0].class),
        (Some(1500), Some(3072), Some(ArchChoice::Arm64), "unit")
    );
    assert_eq!((rows[1].cpu_millis, rows[1].class), (None, ""));
    assert_eq!(account.unmatched, Some(2));
    assert_eq!(
        (account.unmatched_examples[0].name.as_str(), account.unmatched_examples[0].rows),
        ("deploy", 2)
    );
    assert!(csv_of(&table).lines().next().unwrap().ends_with(",status,class"));
    for (text, place) in [
        ("[[rule]]\njobs = \"x\"\n", (2, 1)),
        ("[[rule]]\ncpu = \"4 cores\"\n", (2, 7)),
        ("[[rule]]\narch = [\"mips\"]\n", (2, 8)),
        ("[[rule\n", (1, 7)),
    ] {
        let error = JobMap::parse(text, "map.toml").unwrap_err();
        assert_eq!((error.line, error.column), place, "{error}");
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn anonymous_exports_keep_hours_weekdays_and_what_belongs_together() {
    let jobs: Vec<String> = (0..4).map(|id| job(id, "secret-name", id / 2, "2026-03-09T09:00:00Z")).collect();
    let text = format!("[{}]", jobs.join(","));
    let plain = import(&text).unwrap().0;
    let under = |key: &str| {
        let options = ImportOptions { anonymizer: Some(Anonymizer::new(key)), ..ImportOptions::default() };
        import_with(&[("jobs", text.as_bytes())], &options).unwrap().0
    };
    let (one, same, other) = (under("a"), under("a"), under("b"));
    assert_eq!(csv_of(&one), csv_of(&same));
    assert_ne!(csv_of(&one), csv_of(&other));
    assert!(!csv_of(&one).contains("secret"));
    let week = 7 * 86_400_000;
    for (hidden, plain) in one.rows().zip(plain.rows()) {
        assert_eq!((plain.submitted_ms - hidden.submitted_ms) % week, 0);
        assert_eq!(hidden.duration_ms, plain.duration_ms);
        assert_ne!(hidden.pipeline, plain.pipeline);
        assert_ne!(hidden.id, plain.id);
    }
    let rows: Vec<JobRow<'_>> = one.rows().collect();
    assert_eq!(rows[0].pipeline, rows[1].pipeline);
    assert_ne!(rows[1].pipeline, rows[2].pipeline);
}

/// Broken files: what is in them, at which line and column the error is, and a word of its message.
fn broken() -> Vec<(String, (u64, usize), &'static str)> {
    let good = job(1, "unit", 1, "2026-03-09T09:00:00Z");
    let with = |from: &str, to: &str| format!("[\n {}\n]", good.replace(from, to));
    let at = |key: &str| good.find(&format!("\"{key}\"")).unwrap() + 2;
    vec![
        (String::new(), (0, 0), "empty"),
        ("\u{feff}\n \n".to_owned(), (0, 0), "empty"),
        ("{\"message\":\"401 Unauthorized\"}".to_owned(), (1, 1), "no known job export"),
        ("<html>503</html>\n".to_owned(), (1, 0), "columns"),
        (format!("[{good},\n {}", &good[..40]), (2, 2), "ends inside the record"),
        (format!("[{good},"), (1, good.len() + 3), "ends inside a list"),
        (format!("[{good},\n]"), (2, 1), "comma"),
        (format!("[{good}\n {good}]"), (2, 2), "no comma"),
        (format!("[\n4,{good}]"), (2, 1), "expected a job"),
        (format!("[{good}]\nnull"), (2, 1), "expected a job"),
        (with("\"queued_duration\":5", "\"queued_duration\":\"5 s\""), (2, 0), "invalid type"),
        (with("\"queued_duration\":5", "\"queued_duration\":1e400"), (2, 0), "number out of range"),
        (with("\"queued_duration\":5", "\"queued_duration\":1e18"), (2, at("queued_duration")), "cannot be"),
        (
            with("\"queued_duration\":5", "\"queued_duration\":-3"),
            (2, at("queued_duration")),
            "cannot be `-3`",
        ),
        (with("\"id\":1,", "\"id\":-1,"), (2, 0), "invalid"),
        (with("\"id\":1,", ""), (2, 2), "without `id`"),
        (with("12:00:00Z", "07:00:00Z"), (2, at("finished_at")), "before the start"),
        (with("12:00:00Z", "25:00:00Z"), (2, at("finished_at")), "cannot be"),
        (with("12:00:00Z", "12:00:00"), (2, at("finished_at")), "cannot be"),
        (with("\"status\":\"success\",", "\"status\":\"success\",,"), (2, 0), "key must be a string"),
        (with("\"tag_list\":[]", "\"tag_list\":[}"), (2, at("tag_list") + 12), "bracket"),
        (with("unit", "un\nit"), (3, 0), "control character"),
        (with("unit", "un\\qit"), (2, 0), "invalid escape"),
        ("; c\n1 0 0 5 1 -1 -1 1\n".to_owned(), (2, 1), "fields"),
        ("; c\n1 0 0 x 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n".to_owned(), (2, 7), "cannot be `x`"),
        (PODS.replace("\"500m\"", "\"500 m\""), (4, 0), "cannot be `500 m`"),
        (PODS.replace("\"arm64\"", "\"riscv64\""), (3, 0), "riscv64"),
        ("submitted_s,duration_s\n0,5\n1,-4\n".to_owned(), (3, 3), "cannot be `-4`"),
    ]
}

#[test]
fn broken_files_are_refused_with_place_and_hint() {
    let (own, others) = (broken().len(), 31);
    assert!(own + others >= 30, "with those of tests/import_pipeline.rs");
    for (text, (line, column), word) in broken() {
        let error = import(&text).map(|(table, _)| csv_of(&table)).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(word), "{shown}\n{text}");
        assert_eq!(error.line, line, "{shown}\n{text}");
        assert!(column == 0 || error.column == column, "{shown}\n{text}");
        assert!(!error.hint.is_empty(), "{shown}");
    }
}

#[test]
fn bad_records_can_be_dropped_and_are_counted_by_reason() {
    let good = job(1, "unit", 1, "2026-03-09T09:00:00Z");
    let ends_early = good.replace("\"id\":1", "\"id\":2").replace("12:00:00Z", "07:00:00Z");
    let negative = good.replace("\"queued_duration\":5", "\"queued_duration\":-3");
    let text = format!("[{ends_early},{good},{negative},{negative}]");
    let options = ImportOptions { bad_rows: BadRows::Drop, ..ImportOptions::default() };
    let (table, account) = import_with(&[("jobs", text.as_bytes())], &options).unwrap();
    assert_eq!((table.len(), account.rows), (1, 4));
    assert_eq!(dropped(&account, Dropped::Bad(RowProblem::FinishedBeforeStarted)), 1);
    assert_eq!(dropped(&account, Dropped::Bad(RowProblem::Negative)), 2);
}

#[test]
fn the_collected_gitlab_answer_gives_what_is_in_it() {
    let Some(bytes) = collected("apache-incubator-devlake/gitlab-api-jobs.json") else { return };
    let (table, account) = import_with(&[("gitlab", &bytes)], &ImportOptions::default()).unwrap();
    assert_eq!((account.rows, account.jobs, dropped(&account, Dropped::NeverStarted)), (75, 40, 35));
    let total: u64 = table.rows().map(|row| row.duration_ms).sum();
    assert!(total.abs_diff(149_901) <= 40, "rounded to ms one by one: {total}");
    assert_eq!(account.durations.max.as_ms(), 56_800);
    let longest = table.rows().max_by_key(|row| row.duration_ms).unwrap();
    assert_eq!(longest.id, Identifier::Number(120));
    assert_eq!(longest.submitted_ms % 86_400_000, ms("1970-01-01T02:09:56.912Z"));
    assert_eq!(longest.observed_wait_ms, Some(61_458));
    assert_eq!(noted(&account, Note::EndedAgainstState), 8);
    assert_eq!((noted(&account, Note::WaitSinceCreation), noted(&account, Note::NoTagList)), (40, 40));
    let submitted: Vec<i64> = table.rows().map(|row| row.submitted_ms).collect();
    assert!(submitted.is_sorted());
    assert_eq!(submitted[0], ms("2022-07-25T13:40:38.969Z"));
    assert_eq!(noted(&account, Note::WithoutStartUp), 0);
    // Of the states that GitLab gives, those that ended; the rest had a start and an end all the same.
    let count = |state: &str| {
        account.statuses.iter().find(|(found, _)| found == state).map_or(0, |(_, count)| *count)
    };
    assert_eq!([count("success"), count("failed"), count("canceled"), count("skipped")], [22, 10, 0, 1]);
}

#[test]
fn a_start_up_that_was_recorded_with_the_duration_is_taken_off_it() {
    let texts: Vec<String> =
        (1..=200).map(|id| job(id, "unit", id, &format!("2026-03-09T09:{:02}:00Z", id % 60))).collect();
    let startup = |p50, p95| {
        let span = fleetsim::units::SimDuration::from_secs;
        Some(fleetsim::workload::Distribution::log_normal(span(p50), span(p95)).unwrap())
    };
    let whole = import(&texts.join("\n")).unwrap().0;
    let options = ImportOptions { observed_startup: startup(20, 90), ..ImportOptions::default() };
    let (table, account) = import_with(&[("jobs", texts.join("\n").as_bytes())], &options).unwrap();
    let taken: Vec<u64> =
        table.rows().zip(whole.rows()).map(|(left, row)| row.duration_ms - left.duration_ms).collect();
    let median = {
        let mut sorted = taken.clone();
        sorted.sort_unstable();
        sorted[100]
    };
    assert!((15_000..26_000).contains(&median), "{median}");
    assert_eq!(noted(&account, Note::WithoutStartUp) + noted(&account, Note::OnlyStartUp), 200);
    // Nothing is left of jobs that were shorter than their start-up but a second.
    let options = ImportOptions { observed_startup: startup(900_000, 900_001), ..ImportOptions::default() };
    let (table, account) = import_with(&[("jobs", texts.join("\n").as_bytes())], &options).unwrap();
    assert!(table.rows().all(|row| row.duration_ms == 1000));
    assert_eq!(noted(&account, Note::OnlyStartUp), 200);
}

#[test]
fn a_class_that_a_map_gave_decides_before_the_rules_of_a_scenario() {
    let text = "submitted_s,duration_s,name,class\n0,60,unit,big\n1,60,unit,\n2,60,unit,unheard-of\n";
    let scenario = r#"
horizon = "1h"
[workload]
trace = "jobs.csv"
[[workload.rule]]
class = "small"
job = "unit"
cpu = "1"
memory = "1Gi"
[[workload.rule]]
class = "big"
job = "no name is like this"
cpu = "8"
memory = "16Gi"
[[runner]]
name = "all"
[[node_pool]]
name = "all"
"#;
    let mut files = |_: &str| Ok(text.as_bytes().to_vec());
    let resolved = fleetsim::scenario::resolve(scenario, "traced.toml", &mut files);
    let resolved = resolved.unwrap_or_else(|problems| panic!("{}", problems[0].render(false)));
    let fleet = &resolved.fleets[0];
    let arrivals = fleet.arrivals(fleetsim::engine::Streams::new(1, 0)).unwrap();
    let keep = fleetsim::simulation::Keep { jobs: true, nodes: false };
    let streams = fleetsim::engine::Streams::new(1, 0);
    let run = fleetsim::simulation::simulate(&fleet.plan, streams, arrivals, keep).unwrap();
    let mut jobs = run.outcome.job_records.clone().unwrap();
    jobs.sort_by_key(|job| job.ordinal);
    let names: Vec<&str> = jobs.iter().map(|job| run.classes[job.class as usize].as_str()).collect();
    assert_eq!(names, ["big", "small", "small"]);
}

#[test]
fn the_collected_github_answer_gives_what_is_in_it() {
    let Some(bytes) = collected("apache-incubator-devlake/github-api-jobs.json") else { return };
    let (table, account) = import_with(&[("github", &bytes)], &ImportOptions::default()).unwrap();
    assert_eq!((account.kinds.as_slice(), account.rows), (&[ImportKind::GithubJobs][..], 35));
    assert_eq!((account.jobs, dropped(&account, Dropped::Skipped)), (34, 1));
    assert_eq!(noted(&account, Note::NoCreation), 34);
    assert!(table.rows().all(|row| row.observed_wait_ms.is_none()), "unknown, never 0");
    let first = table.rows().find(|row| row.id == Identifier::Number(1_924_918_171)).unwrap();
    assert_eq!(
        (first.submitted_ms, first.duration_ms, first.status),
        (ms("2021-02-18T06:59:13Z"), 125_000, "cancelled")
    );
    let count = |status: &str| {
        account.statuses.iter().find(|(found, _)| found == status).map_or(0, |(_, count)| *count)
    };
    assert_eq!((count("success"), count("cancelled"), count("failure"), count("timed_out")), (12, 7, 3, 1));
    assert_eq!((noted(&account, Note::EndedAgainstState), noted(&account, Note::UnknownState)), (7, 0));
}

#[test]
fn the_collected_webhook_counts_its_wait_from_pending() {
    let Some(bytes) = collected("xanzy-go-gitlab/testdata/webhooks/job.json") else { return };
    let (table, account) = import_with(&[("webhook", &bytes)], &ImportOptions::default()).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!((row.duration_ms, row.observed_wait_ms), (49_504, Some(193)));
    assert_eq!(row.submitted_ms, ms("2023-01-10T13:50:04.807Z"));
    assert_eq!((row.status, row.tags, row.name), ("success", "linux;docker", "auto_deploy:start"));
    assert_eq!(row.pipeline, Identifier::Number(743_121_198));
    assert_eq!(noted(&account, Note::TagsOfRunner), 1);
}

#[test]
fn the_collected_buildkite_builds_are_read_or_refused_at_the_comma() {
    let folder = "buildkite-docs/pages/apis/rest_api";
    let Some(bytes) = collected(&format!("{folder}/builds-example-1.json")) else { return };
    let (table, account) = import_with(&[("builds", &bytes)], &ImportOptions::default()).unwrap();
    let row = table.rows().next().unwrap();
    assert_eq!((account.rows, row.name, row.tags, row.status), (1, "RSpec", "", "passed"));
    assert_eq!(row.submitted_ms, ms("2015-05-09T21:06:59.874Z"));
    assert_eq!((row.observed_wait_ms, row.duration_ms), (Some(60_000), 60_000));
    let Some(bytes) = collected(&format!("{folder}/builds-example-0-trailing-comma.json")) else { return };
    let error = import_with(&[("builds", &bytes)], &ImportOptions::default()).unwrap_err();
    assert_eq!((error.line, error.column), (112, 7), "{error}");
    assert!(error.message.contains("a comma before the closing"), "{error}");
}

type RowParts = (u32, i64, u64, Option<u32>, Option<u32>, u8, String, Option<u32>);

fn row_strategy() -> impl Strategy<Value = RowParts> {
    (
        any::<u32>(),
        0_i64..4_000_000_000_000,
        0_u64..1_000_000_000,
        proptest::option::of(0_u32..1_000_000),
        proptest::option::of(0_u32..1_000_000),
        0_u8..4,
        "[a-z\",;: \u{e9}\u{4e2d}-]{0,12}",
        proptest::option::of(0_u32..4_000_000_000),
    )
}

proptest! {
    #[test]
    fn a_trace_that_was_written_reads_as_the_same_rows(jobs in prop::collection::vec(row_strategy(), 1..40)) {
        let mut text = "job_id,submitted_s,duration_s,cpu_millis,memory_mib,arch,tags,pipeline,stage,name,observed_wait_s,status\n".to_owned();
        for (number, (pipeline, submitted, duration, cpu, memory, arch, name, wait)) in jobs.iter().enumerate() {
            let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
            let known = |value: &Option<u32>| value.map_or(String::new(), |value| value.to_string());
            text += &format!(
                "{number},{},{},{},{},{},a;b,{pipeline},s{},\"{}\",{},ok\n",
                seconds(*submitted), seconds(*duration as i64), known(cpu), known(memory),
                ["", "amd64", "arm64", "either"][usize::from(*arch)], pipeline % 3,
                name.trim().replace('"', "\"\""), wait.map_or(String::new(), |ms| seconds(i64::from(ms))),
            );
        }
        let (first, account) = import(&text).unwrap();
        prop_assert_eq!(account.jobs as usize, jobs.len());
        let written = csv_of(&first);
        let (second, _) = import(&written).unwrap();
        let (first, second): (Vec<_>, Vec<_>) = (first.rows().collect(), second.rows().collect());
        prop_assert_eq!(first, second);
    }

    #[test]
    fn gitlab_jobs_that_were_written_import_as_the_same_rows(
        jobs in prop::collection::vec((0_i64..2_000_000_000_000, 0_u64..10_000_000, 0_u64..10_000_000, "\\PC{0,10}"), 1..30)
    ) {
        let stamp = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
        let texts: Vec<String> = jobs.iter().enumerate().map(|(id, (pending, wait, duration, name))| {
            let started = pending + *wait as i64;
            serde_json::json!({
                "id": id, "name": name, "stage": "test", "status": "success", "tag_list": ["x"], "pipeline": {"id": 4},
                "started_at": stamp(started), "finished_at": stamp(started + *duration as i64),
                "queued_duration": *wait as f64 / 1000.0, "duration": *duration as f64 / 1000.0,
            }).to_string()
        }).collect();
        let (table, _) = import(&texts.join("\n")).unwrap();
        let mut expected: Vec<(i64, u64)> = jobs.iter().enumerate().map(|(id, job)| (job.0, id as u64)).collect();
        expected.sort_unstable();
        prop_assert_eq!(table.len(), expected.len());
        for (row, (submitted, id)) in table.rows().zip(expected) {
            let (_, wait, duration, name) = &jobs[id as usize];
            prop_assert_eq!((row.id, row.submitted_ms), (Identifier::Number(id), submitted));
            prop_assert_eq!((row.observed_wait_ms.map(u64::from), row.duration_ms), (Some(*wait), *duration));
            prop_assert_eq!(row.name, name.as_str());
        }
    }
}

/// A small generator, so that a hundred thousand files take seconds.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "the seeds are written out")]
fn a_hundred_thousand_mutated_files_are_answered_without_panic() {
    let seeds = [
        format!("[{SAMPLE},{}]", job(1, "unit", 1, "2026-03-09T09:00:00Z")),
        PODS.to_owned(),
        r#"{"total_count":1,"jobs":[{"id":1,"run_id":2,"status":"completed","conclusion":"success","started_at":"2021-02-18T06:59:13Z","completed_at":"2021-02-18T07:01:18Z","labels":["x"]}]}"#.to_owned(),
        r#"[{"id":"b","graphql_id":"x","state":"passed","jobs":[{"id":"j","type":"script","state":"passed","runnable_at":"2015-05-09T21:06:59.874Z","started_at":"2015-05-09T21:07:59.874Z","finished_at":"2015-05-09T21:08:59.874Z"}]}]"#.to_owned(),
        "; UnixStartTime: 5\n1 10 5 83 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n".to_owned(),
        "job_id,submitted_s,duration_s,cpu_millis,memory_mib,arch,tags\n1,2,3,4,5,arm64,\"a,b\"\n".to_owned(),
    ];
    let kinds = [
        None,
        Some(ImportKind::GitlabJobs),
        Some(ImportKind::GithubJobs),
        Some(ImportKind::K8sPods),
        Some(ImportKind::Buildkite),
        Some(ImportKind::Swf),
        Some(ImportKind::Trace),
    ];
    let pieces: [&[u8]; 12] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b",",
        b"-1",
        b"1e309",
        b"9999999999999999999999",
        b"\xff\xfe",
        b"null",
    ];
    let mut draws = Draws(1);
    let (mut read, mut refused) = (0, 0);
    for round in 0..100_000 {
        let seed = round % (seeds.len() + 1);
        let mut bytes = match seeds.get(seed) {
            Some(text) => text.clone().into_bytes(),
            None => (0..draws.below(64)).map(|_| draws.below(256) as u8).collect(),
        };
        for _ in 0..=draws.below(4) {
            let at = draws.below(bytes.len() + 1);
            let piece = pieces[draws.below(pieces.len())];
            match draws.below(5) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = draws.below(256) as u8,
                2 => bytes.splice(at..at, piece.iter().copied()).for_each(drop),
                3 => {
                    let end = (at + draws.below(30)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let end = (at + piece.len()).min(bytes.len());
                    bytes.splice(at..end, piece.iter().copied()).for_each(drop);
                }
            }
        }
        let bad_rows = if draws.below(2) == 0 { BadRows::Drop } else { BadRows::Refuse };
        // Two of three are read as what they were made from, the others as anything.
        let kind = if draws.below(3) > 0 { None } else { kinds[draws.below(kinds.len())] };
        let options = ImportOptions { kind, bad_rows, ..ImportOptions::default() };
        match import_with(&[("mutated", &bytes)], &options) {
            Ok((table, account)) => {
                let left_out: u64 = account.dropped.iter().map(|(_, count, _)| count).sum();
                assert_eq!(account.rows, table.len() as u64 + left_out, "every record is accounted for");
                assert!(!csv_of(&table).is_empty());
                read += 1;
            }
            Err(error) => {
                assert!(!error.message.is_empty());
                refused += 1;
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 5_000 && refused > 5_000, "{read} read, {refused} refused");
}

#[test]
fn a_file_is_known_by_its_first_bytes() {
    assert_eq!(detect(PODS.as_bytes()), Detected::Export(ImportKind::K8sPods));
    assert_eq!(detect(format!("[\n{SAMPLE}").as_bytes()), Detected::Export(ImportKind::GitlabJobs));
}

#[test]
fn a_record_of_the_wrong_type_is_dropped_with_its_line_and_a_file_of_nothing_else_is_refused() {
    let wrong =
        r#"{"id":1,"status":"success","stage":"a","started_at":"2026-03-09T09:00:00Z","duration":"long"}"#;
    let good = job(2, "unit", 1, "2026-03-09T09:00:00Z");
    let options = ImportOptions { bad_rows: BadRows::Drop, ..ImportOptions::default() };
    let text = format!("{wrong}\n{good}\n");
    let (table, account) = import_with(&[("a.json", text.as_bytes())], &options).unwrap();
    assert_eq!((table.len(), account.rows), (1, 2));
    assert_eq!(account.dropped[0].0, Dropped::WrongType);
    let (reason, example) = &account.examples[0];
    assert_eq!((*reason, example.line), (Dropped::WrongType, 1));
    assert!(example.message.contains("expected f64"), "{}", example.message);
    let error = import_with(&[("a.json", wrong.as_bytes())], &options).unwrap_err();
    assert_eq!(error.line, 1);
}

//! Pipelines: numbers of jobs and runs, tags, needs, timeouts, retries.

use crate::facts::{accepted, imported, texts};
use fleetsim::scenario::import::{JobStart, Pipeline};

/// (files, facts); a fact is a question of [`answer`] and its answer.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    (
        "GNOME-glib/.gitlab-ci.yml",
        &[
            ("jobs", "29"),
            ("runs", "29"),
            ("hidden", "16"),
            ("stages", "6"),
            ("first stage", "style-check"),
            ("interruptible", "29"),
            ("tagged win32-ps", "6"),
            ("tagged hurd", "1"),
            ("tagged freebsd-13", "1"),
            ("tagged macos", "1"),
            ("tagged arm64", "1"),
            ("untagged", "20"),
            ("needs nothing", "21"),
            ("needs of coverage", "fedora-x86_64,msys2-clang64"),
            ("needs of pages", "coverage"),
            (
                "retry of coverage",
                "1 runner_system_failure,stuck_or_timeout_failure,scheduler_failure,api_failure",
            ),
            ("says", "include of component"),
            ("says twice", "exit codes 77 only"),
        ],
    ),
    ("espressif-esp-idf/.gitlab-ci.yml", &[("jobs", "1"), ("times include of project", "4")]),
    (
        "espressif-esp-idf/.gitlab-ci.yml espressif-esp-idf/.gitlab/ci/rules.yml espressif-esp-idf/.gitlab/ci/common.yml espressif-esp-idf/.gitlab/ci/host-test.yml espressif-esp-idf/.gitlab/ci/build.yml",
        &[
            ("jobs", "40"),
            ("runs", "65"),
            ("stages", "13"),
            ("runs of test_efuse_table_on_host", "10"),
            ("runs of test_pytest_qemu", "3"),
            ("runs of pytest_build_system", "3"),
            ("tagged build", "36"),
            ("tagged shiny", "38"),
            (
                "says",
                "`build_docker` needs `manual_gate`, optional not in these files: it does not wait for it",
            ),
            ("needs of build_docker", ""),
            ("tags of build_docker", "shiny,dind"),
            ("tagged fast_run", "1"),
            ("timeout of test_nvs_coverage", "64800"),
            ("says", "extends `.macos-settings`, which is not in these files"),
            ("start of build_child_pipeline_buildv2", "Trigger"),
            ("says", "`build_child_pipeline_buildv2` starts another pipeline"),
        ],
    ),
    (
        "DataDog-dd-trace-py/.gitlab/package.yml",
        &[
            ("jobs", "20"),
            ("runs", "92"),
            ("runs of build linux", "28"),
            ("runs of build linux serverless", "28"),
            ("runs of build linux tagged arch:amd64", "14"),
            ("runs of build linux tagged arch:arm64", "14"),
            ("tags of build sdist", "arch:amd64"),
            ("cpu of build linux", "6"),
            ("memory of build linux", "10Gi"),
            ("runs of build windows", "12"),
            ("tags of build windows", "windows-v2:2022"),
            ("runs of build macos amd64", "2"),
            ("tags of build macos amd64", "macos:sonoma-amd64,specific:true"),
        ],
    ),
    (
        "DataDog-dd-trace-py/.gitlab-ci.yml",
        &[
            ("jobs", "28"),
            ("runs", "47"),
            ("runs of profiling_native", "20"),
            ("interruptible", "28"),
            ("cpu of codeql-scan", "10"),
            ("memory of codeql-scan", "96Gi"),
            ("timeout of codeql-scan", "1800"),
            ("tags of codeql-scan", "arch:amd64"),
            ("says", "extends `.testrunner`, which is not in these files"),
        ],
    ),
    (
        "xen-project-xen/.gitlab-ci.yml",
        &[
            ("jobs", "0"),
            ("stages", "4"),
            ("first stage", "containers"),
            ("times include of local automation/", "4"),
        ],
    ),
    (
        "xen-project-xen/automation/gitlab-ci/build.yaml",
        &[
            ("jobs", "80"),
            ("tagged x86_64", "51"),
            ("tagged arm64", "23"),
            ("tagged x86_32", "4"),
            ("tagged saas-macos-medium-m1", "2"),
            ("needs nothing", "80"),
            ("tags of debian-12-x86_64-gcc-cppcheck", "arm64"),
        ],
    ),
    (
        "xen-project-xen/automation/gitlab-ci/build.yaml xen-project-xen/automation/gitlab-ci/test.yaml",
        &[
            ("jobs", "149"),
            ("tags of adl-smoke-x86_64-gcc-debug", "qubes-hw2"),
            ("needs of adl-smoke-x86_64-gcc-debug", "alpine-3.24-x86_64-gcc-debug"),
            ("says", "of another project: ignored"),
            ("tags of xilinx-smoke-dom0less-arm64-gcc-debug", "xilinx-zynq-423"),
            ("needs of xilinx-smoke-dom0less-arm64-gcc-debug", "alpine-3.24-arm64-gcc-debug"),
        ],
    ),
    (
        "DataDog-dd-trace-java/.gitlab-ci.yml",
        &[
            ("jobs", "55"),
            ("runs", "996"),
            ("triggers", "2"),
            ("runs tagged docker-in-docker:amd64", "474"),
            ("runs tagged docker-in-docker:arm64", "456"),
            ("runs tagged arch:arm64", "3"),
            ("runs of test_base", "56"),
            ("runs of test_inst", "112"),
            ("runs of muzzle", "8"),
            ("runs of check_inst", "4"),
            ("cpu of test_base", "6"),
            ("memory of test_base", "16Gi"),
            ("cpu of test_smoke_graalvm", "10"),
            ("memory of test_smoke_graalvm", "20Gi"),
            ("retries of test_base", "2 6"),
            ("auto_cancel", "interruptible"),
            ("interruptible", "55"),
        ],
    ),
    (
        "DataDog-dd-trace-php/.gitlab-ci.yml",
        &[
            ("jobs", "9"),
            ("triggers", "7"),
            ("tags of generate-templates", "arch:amd64"),
            ("tags of merge-gate", "arch:amd64"),
            ("start of merge-gate", "Always"),
        ],
    ),
    (
        "DataDog-dd-trace-php/.gitlab/benchmarks.yml",
        &[
            ("jobs", "10"),
            ("runs", "11"),
            ("runs of macrobenchmarks", "2"),
            ("tags of macrobenchmarks", "runner:apm-k8s-same-cpu"),
            ("timeout of macrobenchmarks", "3600"),
            ("tags of benchmarks-tracer", "runner:apm-k8s-tweaked-metal"),
            ("timeout of benchmarks-tracer", "5400"),
            ("tags of benchmarks-profiler", "runner:apm-k8s-tweaked-metal"),
            ("timeout of benchmarks-profiler", "5400"),
            ("tags of benchmarks-appsec", "runner:apm-k8s-tweaked-metal"),
            ("timeout of benchmarks-appsec", "5400"),
            ("says", "package extension: [amd64, x86_64-unknown-linux-gnu]"),
        ],
    ),
    (
        "mendersoftware-mender-server/.gitlab-ci.yml",
        &[
            ("jobs", "29"),
            ("runs", "30"),
            ("tagged k8s", "14"),
            ("runs of test:backend:integration", "2"),
            ("group test_staging_e2e", "2"),
            ("group mender-helm", "1"),
            ("exit codes retried of test:backend:integration", "2,137,192"),
            ("start of test:staging-deployment:chrome", "Delayed"),
            ("start in of test:staging-deployment:firefox", "2400"),
            ("services of test:backend:unit", "1"),
            ("services of build:backend:docker", "1"),
            ("retry of test:backend:integration", "2 runner_system_failure,stuck_or_timeout_failure"),
            ("says", "!reference [.qa-common-default-runner, tags] is not in these files"),
            ("says", "!reference ["),
        ],
    ),
    (
        "fullstack-pw-infra/.gitlab-ci.yml",
        &[
            ("jobs", "3"),
            ("stages", "3"),
            ("tagged k8s-gitlab-runner", "3"),
            ("start of apply", "Manual"),
            ("needs of apply", "-"),
        ],
    ),
];

#[test]
fn pipelines_come_out_with_the_jobs_runs_and_tags_that_gitlab_makes() {
    let (mut agree, mut wrong) = (0, Vec::new());
    for (files, facts) in ROWS {
        let Some(texts) = texts(files) else {
            println!("pipelines: ../shared/configs is absent, nothing is checked");
            return;
        };
        let imported = match imported(&texts) {
            Ok(imported) => imported,
            Err(message) => {
                wrong.push(format!("{files}: refused: {message}"));
                continue;
            }
        };
        let pipeline = imported.pipeline.as_ref().unwrap();
        if pipeline.jobs.iter().any(|job| job.start == JobStart::OnSuccess)
            && let Err(problem) = accepted(&imported.toml)
        {
            let short: String = problem.chars().take(1500).collect();
            wrong.push(format!("{files}: not a scenario: {short}"));
        }
        let remarks: String = imported.remarks.iter().map(|remark| remark.text.clone() + "\n").collect();
        for (question, expected) in *facts {
            let found = match *question {
                "says" if remarks.contains(expected) => (*expected).to_owned(),
                _ if question.starts_with("times ") => {
                    remarks.matches(&question["times ".len()..]).count().to_string()
                }
                "says twice" if remarks.matches(expected).count() == 2 => (*expected).to_owned(),
                "says" | "says twice" => "no such remark".to_owned(),
                _ => answer(pipeline, question),
            };
            if found == *expected {
                agree += 1;
            } else {
                wrong.push(format!("{files}: {question}: expected {expected}, found {found}"));
            }
        }
    }
    println!("pipelines: {agree} facts agree, {} do not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn answer(pipeline: &Pipeline, question: &str) -> String {
    let jobs = &pipeline.jobs;
    let count = |number: usize| number.to_string();
    let job =
        |name: &str| jobs.iter().find(|job| job.name == name).unwrap_or_else(|| panic!("no job {name}"));
    let runs = || jobs.iter().flat_map(|job| &job.runs);
    match question {
        "jobs" => count(jobs.len()),
        "runs" => count(runs().count()),
        "hidden" => count(pipeline.hidden),
        "stages" => count(pipeline.stages.len()),
        "first stage" => pipeline.stages[0].clone(),
        "interruptible" => count(jobs.iter().filter(|job| job.interruptible).count()),
        "auto_cancel" => pipeline.auto_cancel.clone().unwrap_or_default(),
        "untagged" => count(jobs.iter().filter(|job| job.tags.is_empty()).count()),
        "needs nothing" => {
            count(jobs.iter().filter(|job| job.needs.as_ref().is_some_and(Vec::is_empty)).count())
        }
        "triggers" => count(jobs.iter().filter(|job| job.start == JobStart::Trigger).count()),
        _ => {
            let has = |tags: &[String], tag: &str| tags.iter().any(|own| own == tag);
            if let Some(tag) = question.strip_prefix("tagged ") {
                return count(jobs.iter().filter(|job| has(&job.runs[0].tags, tag)).count());
            }
            if let Some(tag) = question.strip_prefix("runs tagged ") {
                return count(runs().filter(|run| has(&run.tags, tag)).count());
            }
            if let Some(group) = question.strip_prefix("group ") {
                return count(jobs.iter().filter(|job| job.resource_group.as_deref() == Some(group)).count());
            }
            let (what, name) = question.split_once(" of ").unwrap();
            if let Some((name, tag)) = name.split_once(" tagged ") {
                return count(job(name).runs.iter().filter(|run| has(&run.tags, tag)).count());
            }
            let job = job(name);
            let first = &job.runs[0];
            match what {
                "runs" => count(job.runs.len()),
                "tags" => first.tags.join(","),
                "needs" => job.needs.as_ref().map_or("-".to_owned(), |needs| needs.join(",")),
                "start" => format!("{:?}", job.start),
                "cpu" => first.cpu.map(|cpu| cpu.to_string()).unwrap_or_default(),
                "memory" => first.memory.map(|memory| memory.to_string()).unwrap_or_default(),
                "exit codes retried" => {
                    job.retry_exit_codes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
                }
                "start in" => job.start_in.map(|span| (span.as_ms() / 1000).to_string()).unwrap_or_default(),
                "services" => count(job.services),
                "timeout" => job.timeout.map(|span| (span.as_ms() / 1000).to_string()).unwrap_or_default(),
                "retry" => job
                    .retry
                    .as_ref()
                    .map(|(max, reasons)| format!("{max} {}", reasons.join(",")))
                    .unwrap_or_default(),
                "retries" => job
                    .retry
                    .as_ref()
                    .map(|(max, reasons)| format!("{max} {}", reasons.len()))
                    .unwrap_or_default(),
                other => panic!("no question {other}"),
            }
        }
    }
}

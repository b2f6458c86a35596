//! GitLab, its runners and their managers, and what the Kubernetes executor adds to every pod.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;
use super::super::resolved::inline;
use super::super::source::Span;
use super::job::Jobs;
use super::placement::placement;
use super::spread::round_trip;
use crate::catalog::Arch;
use crate::gitlab::{
    EntryConfig, GitlabConfig, LongPollRelease, ManagerConfig, RunnerConfig, RunnerScope, ServerConfig,
};
use crate::karpenter::disruption::{DoNotDisrupt, Version};
use crate::simulation::Placement;
use crate::units::{Mebibytes, Millicores, Ppm, Resources, SimDuration, SimTime};

/// A runner as jobs see it.
pub(super) struct Runner<'a> {
    pub name: &'a str,
    pub tags: Vec<&'a str>,
    pub run_untagged: bool,
    /// The projects it serves; `None` is all.
    pub projects: Option<Vec<&'a str>>,
    /// Requests of the build container of a job that names none.
    pub default_requests: Resources,
    /// Architecture that its node selector asks for.
    pub arch: Option<Arch>,
    pub table: &'a Table,
}

impl Runner<'_> {
    /// Whether GitLab gives it jobs with `tags` (gitlab `app/services/ci/queue`: a subset of the runner's tags).
    pub(super) fn takes(&self, tags: &[String]) -> bool {
        if tags.is_empty() {
            return self.run_untagged || self.tags.is_empty();
        }
        tags.iter().all(|tag| self.tags.contains(&tag.as_str()))
    }

    /// Whether it is registered for `project` (gitlab `app/services/ci/register_job_service.rb`).
    pub(super) fn serves(&self, project: &str) -> bool {
        self.projects.as_ref().is_none_or(|own| own.contains(&project))
    }
}

const ARCH_LABELS: [&str; 2] = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];

/// The runners that are switched on.
pub(super) fn runners<'a>(fleet: &'a Table, at: &Span, problems: &mut Problems) -> Vec<Runner<'a>> {
    let runners: Vec<Runner<'_>> = fleet
        .tables("runner")
        .map(|(table, _)| Runner {
            name: table.text("name"),
            tags: table.texts("tags").collect(),
            run_untagged: table.flag("run_untagged"),
            projects: projects(table, problems),
            default_requests: Resources {
                cpu: table.cpu_if("cpu_request").unwrap_or_default(),
                memory: table.memory_if("memory_request").unwrap_or_default(),
            },
            arch: selected_arch(table, problems),
            table,
        })
        .collect();
    if runners.is_empty() && fleet.text("kind") != "fifo" {
        problems.push(
            Diagnostic::new(
                Code::Missing,
                at.clone(),
                "the fleet has no runner",
                "expected at least one [[runner]]",
            )
            .help("[[runner]]\nname = \"eks\"\nconcurrent = 100"),
        );
    }
    runners
}

fn projects<'a>(runner: &'a Table, problems: &mut Problems) -> Option<Vec<&'a str>> {
    let written = runner.get("projects");
    match (runner.text("scope"), written) {
        ("instance", Some(item)) => {
            let message =
                format!("runner `{}` is one of the instance, which serves all projects", runner.text("name"));
            let conflict = Diagnostic::new(Code::Conflict, item.span.clone(), message, "without effect");
            problems.push(conflict.help("write scope = \"group\" or \"project\", or leave `projects` out"));
            None
        }
        ("project", None) => {
            let message =
                format!("runner `{}` is one of projects, but not said of which", runner.text("name"));
            let missing = Diagnostic::new(
                Code::Missing,
                runner.span("scope"),
                message,
                "expected `projects` beside it",
            );
            problems.push(missing.help("projects = [\"group/app\"]"));
            None
        }
        _ => written.map(|_| runner.texts("projects").collect()),
    }
}

/// What GitLab lets a runner see.
fn scope(runner: &Runner<'_>, jobs: &mut Jobs<'_, '_>, problems: &mut Problems) -> RunnerScope {
    let Some(projects) = &runner.projects else {
        return if runner.table.text("scope") == "instance" {
            RunnerScope::Instance
        } else {
            RunnerScope::AllFifo
        };
    };
    let known = jobs.known_projects();
    for item in runner.table.list("projects") {
        let Value::Text(name) = &item.value else { continue };
        if !known.contains(name) {
            let others: Vec<&str> =
                known.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
            let help = nearest_word(others.iter().copied(), name).map_or_else(
                || {
                    format!(
                        "projects of the jobs are {}",
                        if others.is_empty() { "not named".to_owned() } else { others.join(", ") }
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("no job is of the project `{name}`");
            problems.push(
                Diagnostic::new(Code::Reference, item.span.clone(), message, "expected the project of a job")
                    .help(help),
            );
        }
    }
    RunnerScope::Projects(projects.iter().map(|name| jobs.project(name)).collect())
}

fn selected_arch(runner: &Table, problems: &mut Problems) -> Option<Arch> {
    let (_, value, span) = runner.map("node_selector").find(|(key, _, _)| ARCH_LABELS.contains(key))?;
    match value {
        "amd64" => Some(Arch::Amd64),
        "arm64" => Some(Arch::Arm64),
        other => {
            let message = format!("`{other}` is not an architecture of EC2");
            problems.push(Diagnostic::new(
                Code::Choice,
                span.clone(),
                message,
                "expected \"amd64\" or \"arm64\"",
            ));
            None
        }
    }
}

/// The GitLab room's settings: one process per manager and replica.
pub(super) fn config(
    fleet: &Table,
    runners: &[Runner<'_>],
    jobs: &mut Jobs<'_, '_>,
    seed: u64,
    problems: &mut Problems,
) -> GitlabConfig {
    let registered: Vec<RunnerConfig> = runners
        .iter()
        .map(|runner| RunnerConfig {
            tags: runner.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            run_untagged: runner.run_untagged,
            protected: runner.table.flag("protected"),
            scope: scope(runner, jobs, problems),
        })
        .collect();
    let mut managers: Vec<(&str, &Runner<'_>, Vec<EntryConfig>)> = Vec::new();
    for (index, runner) in runners.iter().enumerate() {
        let entry = EntryConfig {
            runner: index as u32,
            limit: runner.table.integer("limit") as u32,
            request_concurrency: runner.table.integer("request_concurrency") as u32,
            strict_check_interval: runner.table.flag("strict_check_interval"),
            unhealthy_requests_limit: runner.table.integer("unhealthy_requests_limit") as u32,
            unhealthy_interval: runner.table.duration("unhealthy_interval"),
            ..EntryConfig::default()
        };
        let manager = manager_name(runner);
        match managers.iter_mut().find(|(name, _, _)| *name == manager) {
            Some((_, first, entries)) => {
                agree(
                    first,
                    runner,
                    &["concurrent", "check_interval", "replicas", "host"],
                    "one manager process",
                    problems,
                );
                entries.push(entry);
            }
            None => managers.push((manager, runner, vec![entry])),
        }
    }
    let processes = managers.iter().flat_map(|(_, first, entries)| {
        let replicas = first.table.integer("replicas");
        let interval = first.table.duration("check_interval");
        (0..replicas).map(move |replica| ManagerConfig {
            concurrent: first.table.integer("concurrent") as u32,
            check_interval: interval,
            // Replicas do not ask in step.
            start_at: SimTime::from_ms(interval.as_ms() * replica / replicas),
            entries: entries.clone(),
            ..ManagerConfig::default()
        })
    });
    GitlabConfig {
        runners: registered,
        managers: processes.collect(),
        server: server(fleet.section("gitlab")),
        seed,
    }
}

/// Runners of one manager share its process; a runner without `manager` has one of its own.
pub(super) fn manager_name<'a>(runner: &Runner<'a>) -> &'a str {
    runner.table.text_if("manager").unwrap_or(runner.name)
}

fn server(gitlab: &Table) -> ServerConfig {
    let default = ServerConfig::default();
    ServerConfig {
        request_rtt: round_trip(gitlab, "request_latency").unwrap_or(default.request_rtt),
        update_rtt: round_trip(gitlab, "update_latency").unwrap_or(default.update_rtt),
        trace_update_interval: gitlab.duration("trace_update_interval"),
        conflicts: Ppm::from_f64(gitlab.number("request_conflicts")),
        long_poll: gitlab.duration("long_poll"),
        long_poll_release: match gitlab.text("long_poll_release") {
            "proxy" => LongPollRelease::Proxy,
            _ => LongPollRelease::NextFeed,
        },
        fair: gitlab.flag("fair"),
        ..ServerConfig::default()
    }
}

/// Reports keys in which `other` differs from `first` although both belong to `what`.
fn agree(first: &Runner<'_>, other: &Runner<'_>, keys: &[&str], what: &str, problems: &mut Problems) {
    for key in keys {
        let plain = |runner: &Runner<'_>| runner.table.get(key).map(inline);
        if plain(first) != plain(other) {
            let message = format!(
                "runners `{}` and `{}` belong to {what} and differ in `{key}`",
                first.name, other.name
            );
            let (line, _) = first.table.span(key).line_and_column();
            problems.push(
                Diagnostic::new(
                    Code::Conflict,
                    other.table.span(key),
                    message,
                    format!("`{}` says otherwise (line {line})", first.name),
                )
                .help(format!("write the same `{key}` for both")),
            );
        }
    }
}

/// What a runner's executor adds to every pod, and how long it waits for it.
pub(super) struct Executor {
    pub poll_interval: SimDuration,
    pub poll_timeout: SimDuration,
    pub overhead: Resources,
    pub largest_cpu: Option<Millicores>,
    pub largest_memory: Option<Mebibytes>,
    pub node_selector: Vec<(String, String)>,
    pub arch: Option<Arch>,
    pub tolerations: Vec<TolerationText>,
    pub do_not_disrupt: DoNotDisrupt,
    pub priority: i32,
    pub placement: Placement,
    pub has_informer: bool,
}

/// A toleration as GitLab Runner writes it: `"key=value" = "Effect"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TolerationText {
    pub key: Option<String>,
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; `None` covers all.
    pub effect: Option<String>,
}

/// The executor of a runner.
pub(super) fn executor(runner: &Runner<'_>, problems: &mut Problems) -> Executor {
    let table = runner.table;
    let sum = |cpu: &str, memory: &str| Resources {
        cpu: table.cpu_if(cpu).unwrap_or(Millicores(0)),
        memory: table.memory_if(memory).unwrap_or(Mebibytes(0)),
    };
    Executor {
        poll_interval: table.duration("poll_interval"),
        poll_timeout: table.duration("poll_timeout"),
        overhead: sum("helper_cpu_request", "helper_memory_request")
            + sum("service_cpu_request", "service_memory_request"),
        // The limit is for what a job asks for, never for what is configured.
        largest_cpu: table
            .cpu_if("cpu_request_overwrite_max_allowed")
            .map(|most| most.max(runner.default_requests.cpu)),
        largest_memory: table
            .memory_if("memory_request_overwrite_max_allowed")
            .map(|most| most.max(runner.default_requests.memory)),
        node_selector: other_selectors(runner),
        arch: runner.arch,
        tolerations: tolerations(table, problems),
        do_not_disrupt: do_not_disrupt(table, problems),
        priority: table.signed("priority") as i32,
        placement: placement(table, problems),
        has_informer: table.text_if("lost_pods") != Some("poll"),
    }
}

/// Selected labels beside the architecture.
fn other_selectors(runner: &Runner<'_>) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = runner
        .table
        .map("node_selector")
        .filter(|(key, _, _)| !ARCH_LABELS.contains(key))
        .map(|(key, value, _)| (key.to_owned(), value.to_owned()))
        .collect();
    // Karpenter and kube-scheduler take the zone of a bound volume as a requirement of the pod (core
    // `scheduling/volumetopology.go`, v1.15.0; plugin VolumeBinding).
    let zone = runner.table.text_if("volume_zone");
    labels.extend(zone.map(|zone| ("topology.kubernetes.io/zone".to_owned(), zone.to_owned())));
    labels.sort();
    labels
}

fn do_not_disrupt(runner: &Table, problems: &mut Problems) -> DoNotDisrupt {
    let Some((_, value, span)) =
        runner.map("pod_annotations").find(|(key, _, _)| *key == "karpenter.sh/do-not-disrupt")
    else {
        return DoNotDisrupt::No;
    };
    let protection = DoNotDisrupt::parse(value, Version::default());
    if protection == DoNotDisrupt::No && value != "false" {
        let message = format!("karpenter.sh/do-not-disrupt is \"{value}\"");
        problems.push(
            Diagnostic::new(
                Code::Choice,
                span.clone(),
                message,
                "expected \"true\", \"false\" or a duration such as \"30m\"",
            )
            .help("Karpenter ignores any other text"),
        );
    }
    protection
}

fn tolerations(runner: &Table, problems: &mut Problems) -> Vec<TolerationText> {
    let mut all = Vec::new();
    for (written, effect, span) in runner.map("node_tolerations") {
        if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute" | "") {
            let message = format!("`{effect}` is not the effect of a taint");
            problems.push(
                Diagnostic::new(
                    Code::Choice,
                    span.clone(),
                    message,
                    "expected \"NoSchedule\", \"PreferNoSchedule\" or \"NoExecute\"",
                )
                .help("GitLab Runner writes tolerations as \"key=value\" = \"Effect\""),
            );
            continue;
        }
        let (key, value) = match written.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (written, None),
        };
        all.push(TolerationText {
            key: Some(key.to_owned()).filter(|key| !key.is_empty()),
            value,
            effect: Some(effect.to_owned()).filter(|effect| !effect.is_empty()),
        });
    }
    all
}

//! What jobs need and do: classes, with what their runner gives them where they say nothing.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::keys::nearest_word;
use super::super::source::Span;
use super::exit_codes;
use super::gitlab::Runner;
use super::placement::placement;
use super::speeds;
use super::spread::distribution;
use crate::catalog::Arch;
use crate::simulation::{ClassPlacement, Placement};
use crate::units::{Millicores, Ppm, Resources, SimDuration};
use crate::workload::{ArchChoice, Class, Distribution, Emulation, ImageId, ReasonSet, Retry, SpeedOverride};

/// CPU-bound share of compiling and of network work; mixed work has the scenario's own (judgements, as the 0.7 of the
/// reference figures, section 9, 2026-11: plausible are 0.4 to 0.95).
const COMPILE_CPU_BOUND: f64 = 0.9;
const NETWORK_CPU_BOUND: f64 = 0.2;

/// What all jobs of a fleet are read with.
pub(super) struct Jobs<'a, 'r> {
    /// The runners.
    pub runners: &'a [Runner<'r>],
    /// Images met so far; the index is the image's id.
    pub images: Vec<String>,
    /// Projects met so far; the index is the project's number.
    projects: Vec<String>,
    /// Project of the pipeline whose jobs are described at the moment.
    pub pipeline_project: Option<String>,
    /// Project of the job that is described at the moment.
    project: String,
    /// Resource groups met so far, each of a project; the index is the group's number.
    resource_groups: Vec<(String, String)>,
    /// `[speed] cpu_bound`.
    pub cpu_bound: f64,
    /// `[speed] overrides`.
    pub speed_overrides: Vec<SpeedOverride>,
    /// Whose speed was measured, wherever that is written.
    pub speeds_named: Vec<(String, Span)>,
    /// `[gitlab] lost_as_system_failure`.
    pub lost_as_system_failure: Ppm,
    /// Where pods of classes go that say so.
    pub placements: Vec<ClassPlacement>,
    /// Classes whose pods must fit somewhere: index of the class, its name and where it is described.
    pub described: Vec<Described>,
}

/// Where a class is described, for complaints about it.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub name: String,
    pub requests: Resources,
    pub arch: ArchChoice,
    /// Indexes of the runners that may take its jobs.
    pub runners: Vec<usize>,
    /// Whether tags from variables decide which of them do.
    pub are_tags_open: bool,
    pub span: Span,
}

impl<'a, 'r> Jobs<'a, 'r> {
    /// Nothing read yet.
    pub(super) fn new(fleet: &Table, runners: &'a [Runner<'r>]) -> Self {
        let speed = fleet.section("speed");
        let overrides = speeds::measured(speed, "overrides");
        Self {
            runners,
            // Jobs without an image share one.
            images: vec![String::new()],
            // So do jobs that name no project.
            projects: vec![String::new()],
            pipeline_project: None,
            project: String::new(),
            resource_groups: Vec::new(),
            cpu_bound: speed.number("cpu_bound"),
            speeds_named: named(&overrides),
            speed_overrides: overrides.into_iter().map(|(measured, _)| measured).collect(),
            lost_as_system_failure: Ppm::from_f64(fleet.section("gitlab").number("lost_as_system_failure")),
            placements: Vec::new(),
            described: Vec::new(),
        }
    }

    fn image(&mut self, name: &str) -> ImageId {
        let found = self.images.iter().position(|known| known == name);
        let index = found.unwrap_or_else(|| {
            self.images.push(name.to_owned());
            self.images.len() - 1
        });
        ImageId(index as u32)
    }

    /// The number of the project called `name`, in order of appearance; 0 is the one without a name.
    pub(super) fn project(&mut self, name: &str) -> u32 {
        let found = self.projects.iter().position(|known| known == name);
        let index = found.unwrap_or_else(|| {
            self.projects.push(name.to_owned());
            self.projects.len() - 1
        });
        index as u32
    }

    /// The projects met so far.
    pub(super) fn known_projects(&self) -> Vec<String> {
        self.projects.clone()
    }

    /// The number of a resource group of a project.
    pub(super) fn resource_group(&mut self, project: &str, name: &str) -> u32 {
        let is_known = |(of, known): &(String, String)| of == project && known == name;
        let found = self.resource_groups.iter().position(is_known);
        let index = found.unwrap_or_else(|| {
            self.resource_groups.push((project.to_owned(), name.to_owned()));
            self.resource_groups.len() - 1
        });
        index as u32
    }

    /// The runners that take the job described at the moment if it has `tags`.
    pub(super) fn runners_for(&self, tags: &[String]) -> Vec<&'a Runner<'r>> {
        self.runners.iter().filter(|runner| runner.takes(tags) && runner.serves(&self.project)).collect()
    }

    /// The architectures on which the runners of `tags` start pods.
    pub(super) fn arch_of_runners(&self, tags: &[String]) -> ArchChoice {
        let runners = self.runners_for(tags);
        let allowed = [Arch::Amd64, Arch::Arm64]
            .into_iter()
            .filter(|arch| runners.iter().any(|runner| runner.arch.is_none_or(|own| own == *arch)));
        ArchChoice::of(&allowed.collect::<Vec<_>>()).unwrap_or(ArchChoice::Either)
    }

    /// Reports that nobody takes jobs with `tags`, if so.
    pub(super) fn require_runner(&self, tags: &[String], name: &str, span: &Span, problems: &mut Problems) {
        if self.runners.is_empty() || !self.runners_for(tags).is_empty() {
            return;
        }
        let known: Vec<&str> = self.runners.iter().flat_map(|runner| runner.tags.iter().copied()).collect();
        let missing = tags.iter().find(|tag| !known.contains(&tag.as_str()));
        let (message, help) = match missing {
            _ if self.runners.iter().any(|runner| runner.takes(tags)) => (
                format!("no runner that would take `{name}` serves its project `{}`", self.project),
                "add the project to `projects` of a runner, or leave that out for all projects".to_owned(),
            ),
            None if tags.is_empty() => (
                format!("no runner takes `{name}`, which has no tags"),
                "set run_untagged = true for a runner, or give the job tags".to_owned(),
            ),
            None => (
                format!("no single runner has all tags of `{name}`: {}", tags.join(", ")),
                "GitLab gives a job to a runner that has every one of its tags".to_owned(),
            ),
            Some(tag) => (
                format!("no runner has the tag `{tag}` of `{name}`"),
                nearest_word(known.iter().copied(), tag).map_or_else(
                    || {
                        format!(
                            "tags of the runners are {}",
                            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                ),
            ),
        };
        problems.push(
            Diagnostic::new(Code::Reference, span.clone(), message, "expected tags of a runner").help(help),
        );
    }
}

/// The class described by `table`.
pub(super) fn class(
    table: &Table,
    span: &Span,
    name: &str,
    jobs: &mut Jobs<'_, '_>,
    problems: &mut Problems,
) -> Class {
    jobs.project = jobs.pipeline_project.clone().unwrap_or_else(|| table.text("project").to_owned());
    let tags: Vec<String> = table.texts("tags").map(str::to_owned).collect();
    let templated = tags.iter().any(|tag| tag.contains('$'));
    let at = table.get("tags").map_or_else(|| line_of(span), |item| item.span.clone());
    if !templated {
        jobs.require_runner(&tags, name, &at, problems);
    }
    let may_take = |runner: &&Runner<'_>| (templated || runner.takes(&tags)) && runner.serves(&jobs.project);
    let runners: Vec<&Runner<'_>> = jobs.runners.iter().filter(may_take).collect();
    let takers = (0..jobs.runners.len()).filter(|index| may_take(&&jobs.runners[*index])).collect();
    let requests = requests(table, name, &runners, problems);
    let duration = distribution(table, "duration").unwrap_or(Distribution::Constant(SimDuration::ZERO));
    let mut class = Class::new(name, requests, duration);
    class.project = jobs.project(&jobs.project.clone());
    class.arch = arch(table, &tags, name, jobs, problems);
    class.image = jobs.image(table.text("image"));
    speed(table, &mut class, jobs);
    class.timeout = timeout(table, &runners);
    class.retry = retry(table, problems);
    class.listed_exit_codes = exit_codes::listed(table, problems);
    class.allow_failure = table.flag("allow_failure");
    class.failure_probability = Ppm::from_f64(table.number_if("failure").unwrap_or(0.0));
    class.do_not_disrupt = table.flag("do_not_disrupt");
    class.do_not_disrupt_for = table.duration_if("do_not_disrupt");
    class.loss_reported_as_system_failure = jobs.lost_as_system_failure;
    class.tags = tags;
    let placement = placement(table, problems);
    if placement != Placement::default() {
        jobs.placements.push(ClassPlacement { class: name.to_owned(), placement });
    }
    let place = table.get("cpu").or_else(|| table.get("memory"));
    let span = place.map_or_else(|| line_of(span), |item| item.span.clone());
    jobs.described.push(Described {
        name: name.to_owned(),
        requests,
        arch: class.arch,
        runners: takers,
        are_tags_open: templated,
        span,
    });
    class
}

/// The first line of a place.
pub(super) fn line_of(span: &Span) -> Span {
    let first = span.text().lines().next().map_or(0, str::len);
    Span::new(&span.source, span.range.start..span.range.start + first)
}

fn requests(table: &Table, name: &str, runners: &[&Runner<'_>], problems: &mut Problems) -> Resources {
    let default = runners.first().map_or(Resources::new(1000, 2048), |runner| runner.default_requests);
    let requests = Resources {
        cpu: table.cpu_if("cpu").unwrap_or(default.cpu),
        memory: table.memory_if("memory").unwrap_or(default.memory),
    };
    for runner in runners {
        let most_cpu = runner.table.cpu_if("cpu_request_overwrite_max_allowed");
        let most_memory = runner.table.memory_if("memory_request_overwrite_max_allowed");
        let mut refuse = |key: &str, wanted: String, most: String| {
            let message = format!("`{name}` asks for {wanted}, but runner `{}` allows {most}", runner.name);
            problems.push(
                Diagnostic::new(Code::Conflict, table.span(key), message, format!("expected at most {most}"))
                    .help(format!(
                        "GitLab Runner fails such jobs at once; raise {key}_request_overwrite_max_allowed"
                    )),
            );
        };
        if let (Some(most), true) = (most_cpu, table.get("cpu").is_some())
            && requests.cpu > most
        {
            refuse("cpu", requests.cpu.to_string(), most.to_string());
        }
        if let (Some(most), true) = (most_memory, table.get("memory").is_some())
            && requests.memory > most
        {
            refuse("memory", requests.memory.to_string(), most.to_string());
        }
    }
    requests
}

fn arch(
    table: &Table,
    tags: &[String],
    name: &str,
    jobs: &Jobs<'_, '_>,
    problems: &mut Problems,
) -> ArchChoice {
    let by_runner = jobs.arch_of_runners(tags);
    let own: Vec<Arch> =
        table.texts("arch").map(|word| if word == "arm64" { Arch::Arm64 } else { Arch::Amd64 }).collect();
    if own.is_empty() {
        return by_runner;
    }
    let both: Vec<Arch> = own.iter().copied().filter(|arch| by_runner.allows(*arch)).collect();
    ArchChoice::of(&both).unwrap_or_else(|| {
        let message =
            format!("`{name}` runs on {}, its runner selects nodes of another architecture", own[0]);
        problems.push(
            Diagnostic::new(
                Code::Conflict,
                table.span("arch"),
                message,
                "expected the architecture of its runner",
            )
            .help("change the job's `tags`, its `arch`, or the runner's node_selector"),
        );
        ArchChoice::of(&own).unwrap_or(by_runner)
    })
}

fn named(speeds: &[(SpeedOverride, Span)]) -> Vec<(String, Span)> {
    speeds.iter().map(|(measured, span)| (measured.instances.clone(), span.clone())).collect()
}

fn speed(table: &Table, class: &mut Class, jobs: &mut Jobs<'_, '_>) {
    // Parallel shares: reference figures, section 1.3 (fits to GitLab MR 28102 and BuildJet's Rust builds).
    let (emulation, share, parallel) = match table.text("speed_class") {
        "compile" => (Emulation::Compile, COMPILE_CPU_BOUND, 0.85),
        "network" => (Emulation::Network, NETWORK_CPU_BOUND, 0.2),
        _ => (Emulation::Mixed, jobs.cpu_bound, 0.7),
    };
    class.parallel_share = Ppm::from_f64(table.number_if("parallel_share").unwrap_or(parallel));
    class.emulation = emulation;
    class.cpu_bound = Ppm::from_f64(table.number_if("cpu_bound").unwrap_or(share));
    class.threads = table.cpu_if("threads").unwrap_or(Millicores(class.requests.cpu.0.max(1000)));
    let own = speeds::measured(table, "speed");
    jobs.speeds_named.extend(named(&own));
    class.speed_overrides = own.into_iter().map(|(measured, _)| measured).collect();
    class.speed_overrides.extend(jobs.speed_overrides.iter().cloned());
}

/// The job's timeout, capped by its runners (gitlab: the runner's maximum job timeout wins where it is shorter).
fn timeout(table: &Table, runners: &[&Runner<'_>]) -> SimDuration {
    let own = table.duration_if("timeout").unwrap_or(SimDuration::from_mins(60));
    let cap = runners.iter().filter_map(|runner| runner.table.duration_if("maximum_timeout")).min();
    cap.map_or(own, |cap| own.min(cap))
}

fn retry(table: &Table, problems: &mut Problems) -> Retry {
    let Some(max) = table.integer_if("retry") else {
        if let Some(item) = table.get("retry_when") {
            problems.push(
                Diagnostic::new(
                    Code::Conflict,
                    item.span.clone(),
                    "`retry_when` without `retry` retries nothing",
                    "expected `retry` beside it",
                )
                .help("retry = 2"),
            );
        }
        return Retry::ABSENT;
    };
    let names: Vec<&str> = table.texts("retry_when").collect();
    if names.is_empty() {
        let only_codes = !table.list("retry_exit_codes").is_empty();
        let when = if only_codes { ReasonSet::EMPTY } else { ReasonSet::ALWAYS };
        return Retry { max: Some(max as u8), when };
    }
    let when = ReasonSet::parse(names.iter().copied()).unwrap_or_else(|error| {
        let known: Vec<&str> =
            crate::workload::FailureReason::all().map(crate::workload::FailureReason::name).collect();
        let near = nearest_word(known.iter().copied().chain(["always"]), &error.0);
        let message = format!("`{}` is not a failure reason of GitLab", error.0);
        let diagnostic = Diagnostic::new(
            Code::Choice,
            table.span("retry_when"),
            message,
            "expected names such as \"runner_system_failure\" or \"always\"",
        );
        problems.push(match near {
            Some(near) => diagnostic.help(format!("did you mean \"{near}\"?")),
            None => diagnostic,
        });
        ReasonSet::ALWAYS
    });
    Retry { max: Some(max as u8), when }
}

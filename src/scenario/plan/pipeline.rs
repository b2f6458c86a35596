//! Pipelines: stages, needs, parallel copies and matrices, checked and expanded into their graph of jobs.

use super::super::check::{Problems, head};
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Item, Table, Value};
use super::super::keys::nearest_word;
use super::super::source::Span;
use super::job::{self, Jobs, line_of};
use crate::engine::Arena;
use crate::units::Ppm;
use crate::workload::{
    Class, ClassOverride, JobDraft, MatrixAxis, MatrixValue, Need, OnNewCommit, Parallel, ProcessMode,
    PushedRefs, ResourceGroup, Template, TemplateDraft, TemplateError, When,
};

/// The graph of the pipeline described by `table`; its classes are added to `classes`.
pub(super) fn template(
    table: &Table,
    span: &Span,
    classes: &mut Arena<Class>,
    jobs: &mut Jobs<'_, '_>,
    problems: &mut Problems,
) -> Option<Template> {
    let name = table.text("name");
    let before = problems.len();
    let mut draft = TemplateDraft {
        name: name.to_owned(),
        stages: table.texts("stages").map(str::to_owned).collect(),
        jobs: Vec::new(),
    };
    let names: Vec<&str> = table.tables("job").map(|(job, _)| job.text("name")).collect();
    jobs.pipeline_project = Some(table.text("project").to_owned());
    for (job, job_span) in table.tables("job") {
        check_stage(job, &draft.stages, job_span, problems);
        check_needs(job, &names, problems);
        draft.jobs.push(job_draft(job, job_span, (name, table.text("project")), classes, jobs, problems));
    }
    jobs.pipeline_project = None;
    if problems.len() > before {
        return None;
    }
    match draft.expand(classes) {
        Ok(mut template) => {
            (template.on_new_commit, template.refs) = (on_new_commit(table), refs(table));
            Some(template)
        }
        Err(error) => {
            problems.push(explained(&error, table, span));
            None
        }
    }
}

fn job_draft(
    table: &Table,
    span: &Span,
    (pipeline, project): (&str, &str),
    classes: &mut Arena<Class>,
    jobs: &mut Jobs<'_, '_>,
    problems: &mut Problems,
) -> JobDraft {
    let name = table.text("name");
    let class = job::class(table, span, &format!("{pipeline}:{name}"), jobs, problems);
    let parallel = parallel(table, &class, jobs, problems);
    let mut draft = JobDraft::new(name, table.text("stage"), classes.push(class));
    draft.needs = table.get("needs").is_some().then(|| {
        table
            .texts("needs")
            .map(|job| Need { job: job.to_owned(), optional: false, matrix: Vec::new() })
            .collect()
    });
    draft.parallel = parallel;
    draft.when = when(table, span, problems);
    draft.allow_failure = table.flag_if("allow_failure");
    draft.interruptible = table.flag("interruptible");
    draft.resource_group = resource_group(table, project, jobs);
    draft
}

fn when(job: &Table, span: &Span, problems: &mut Problems) -> When {
    let start_in = job.duration_if("start_in");
    let at = |key: &str| job.get(key).map_or_else(|| line_of(span), |item| item.span.clone());
    match (job.text("when"), start_in) {
        ("delayed", Some(start_in)) => When::Delayed(start_in),
        ("delayed", None) => {
            let message = format!("job `{}` is delayed, but not said for how long", job.text("name"));
            let missing =
                Diagnostic::new(Code::Missing, at("when"), message, "expected `start_in` beside it");
            problems.push(missing.help("start_in = \"30m\""));
            When::OnSuccess
        }
        (other, Some(_)) => {
            let message = format!("`start_in` delays a job whose `when` is \"{other}\"");
            let conflict = Diagnostic::new(Code::Conflict, at("start_in"), message, "without effect");
            problems.push(conflict.help("write when = \"delayed\", or leave `start_in` out"));
            When::OnSuccess
        }
        ("on_failure", None) => When::OnFailure,
        ("always", None) => When::Always,
        ("manual", None) => When::Manual,
        _ => When::OnSuccess,
    }
}

fn on_new_commit(pipeline: &Table) -> OnNewCommit {
    match pipeline.text("auto_cancel") {
        "interruptible" => OnNewCommit::Interruptible,
        "none" => OnNewCommit::None,
        _ => OnNewCommit::Conservative,
    }
}

fn refs(pipeline: &Table) -> PushedRefs {
    PushedRefs {
        branches: pipeline.integer("branches") as u32,
        default_branch: Ppm::from_f64(pipeline.number("default_branch_share")),
    }
}

/// The group of a job: a name means the same resource in all pipelines of a project.
fn resource_group(job: &Table, project: &str, jobs: &mut Jobs<'_, '_>) -> Option<ResourceGroup> {
    let name = job.text_if("resource_group")?;
    let mode = match job.text("process_mode") {
        "oldest_first" => ProcessMode::OldestFirst,
        "newest_first" => ProcessMode::NewestFirst,
        "newest_ready_first" => ProcessMode::NewestReadyFirst,
        _ => ProcessMode::Unordered,
    };
    Some(ResourceGroup { id: jobs.resource_group(project, name), mode })
}

fn check_stage(job: &Table, stages: &[String], span: &Span, problems: &mut Problems) {
    let stage = job.text("stage");
    if stages.iter().any(|known| known == stage) {
        return;
    }
    let at = job.get("stage").map_or_else(|| line_of(span), |item| item.span.clone());
    let message = format!("job `{}` is in stage `{stage}`, which `stages` does not list", job.text("name"));
    let help = nearest_word(stages.iter().map(String::as_str), stage).map_or_else(
        || format!("stages are {}", stages.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    problems
        .push(Diagnostic::new(Code::Reference, at, message, "expected a stage of the pipeline").help(help));
}

fn check_needs(job: &Table, names: &[&str], problems: &mut Problems) {
    for need in job.list("needs") {
        let Value::Text(wanted) = &need.value else { continue };
        if names.contains(&wanted.as_str()) {
            continue;
        }
        let message = format!("job `{}` needs `{wanted}`, which does not exist", job.text("name"));
        let help = nearest_word(names.iter().copied(), wanted).map_or_else(
            || format!("jobs are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        problems.push(
            Diagnostic::new(Code::Reference, need.span.clone(), message, "expected a job of the pipeline")
                .help(help),
        );
    }
}

fn parallel(table: &Table, class: &Class, jobs: &Jobs<'_, '_>, problems: &mut Problems) -> Parallel {
    match (table.integer_if("parallel"), table.get("matrix")) {
        (Some(_), Some(matrix)) => {
            let message = "`parallel` and `matrix` are both given";
            problems.push(Diagnostic::new(Code::Conflict, head(matrix), message, "expected one of the two"));
            Parallel::One
        }
        (Some(copies), None) => Parallel::Copies(copies as u16),
        (None, Some(_)) => {
            let entries = table.list("matrix").iter().map(|entry| axes(entry, table, class, jobs, problems));
            Parallel::Matrix(entries.collect())
        }
        (None, None) => Parallel::One,
    }
}

/// The axes of one entry of a matrix. A variable that stands in the job's tags changes them, copy by copy.
fn axes(
    entry: &Item,
    job: &Table,
    class: &Class,
    jobs: &Jobs<'_, '_>,
    problems: &mut Problems,
) -> Vec<MatrixAxis> {
    let Value::Table(variables) = &entry.value else { return Vec::new() };
    let in_tags = |variable: &str| {
        class
            .tags
            .iter()
            .any(|tag| tag.contains(&format!("${variable}")) || tag.contains(&format!("${{{variable}}}")))
    };
    let used: Vec<&str> =
        variables.entries.iter().map(|own| own.key.as_str()).filter(|key| in_tags(key)).collect();
    if used.len() > 1 {
        let message = format!("the tags of `{}` depend on {} variables", job.text("name"), used.len());
        problems.push(
            Diagnostic::new(Code::Conflict, job.span("tags"), message, "expected one variable in the tags")
                .help("join the two in one variable, or write one entry of `matrix` per combination"),
        );
    }
    let axis = |key: &str, values: &Item, problems: &mut Problems| MatrixAxis {
        key: key.to_owned(),
        values: texts(values)
            .map(|value| {
                let sets = if in_tags(key) {
                    tagged(key, value, job, class, jobs, problems)
                } else {
                    ClassOverride::default()
                };
                MatrixValue { value: value.to_owned(), sets }
            })
            .collect(),
    };
    variables.entries.iter().map(|own| axis(&own.key, &own.item, problems)).collect()
}

fn texts(item: &Item) -> impl Iterator<Item = &str> {
    let items = match &item.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(item),
    };
    items.iter().filter_map(|item| match &item.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// What a value changes: tags with the variable filled in, and the architecture of the runners that have them.
fn tagged(
    key: &str,
    value: &str,
    job: &Table,
    class: &Class,
    jobs: &Jobs<'_, '_>,
    problems: &mut Problems,
) -> ClassOverride {
    let fill = |tag: &String| tag.replace(&format!("${{{key}}}"), value).replace(&format!("${key}"), value);
    let tags: Vec<String> = class.tags.iter().map(fill).collect();
    jobs.require_runner(&tags, &format!("{}: [{value}]", job.text("name")), &job.span("tags"), problems);
    let arch = job.get("arch").is_none().then(|| jobs.arch_of_runners(&tags));
    ClassOverride { tags: Some(tags), arch, ..ClassOverride::default() }
}

fn explained(error: &TemplateError, table: &Table, span: &Span) -> Diagnostic {
    let job = match error {
        TemplateError::DuplicateJob(job) | TemplateError::Circle(job) => Some(job),
        TemplateError::UnknownStage { job, .. }
        | TemplateError::UnknownNeed { job, .. }
        | TemplateError::NeedInLaterStage { job, .. }
        | TemplateError::TooManyNeeds { job, .. }
        | TemplateError::Copies { job, .. } => Some(job),
        TemplateError::Empty | TemplateError::TooManyJobs(_) => None,
    };
    let found = job.and_then(|name| {
        let (own, own_span) = table.tables("job").find(|(own, _)| own.text("name") == name.as_str())?;
        let key = match error {
            TemplateError::Copies { .. } => own.get("matrix").or_else(|| own.get("parallel")),
            _ => own.get("needs"),
        };
        Some(key.map_or_else(|| line_of(own_span), head))
    });
    let at = found.unwrap_or_else(|| line_of(span));
    let text = error.to_string();
    let (message, hint) = text.split_once("; ").unwrap_or((&text, ""));
    let label = match error {
        TemplateError::Circle(_) => "part of the circle",
        TemplateError::NeedInLaterStage { .. } => "expected a job of this or an earlier stage",
        _ => "here",
    };
    let diagnostic = Diagnostic::new(Code::Conflict, at, message, label);
    if hint.is_empty() { diagnostic } else { diagnostic.help(hint) }
}

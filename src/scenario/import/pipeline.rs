//! A `.gitlab-ci.yml` as a pipeline class of a scenario.

use super::fragment::{Block, line_of, list, name, quoted};
use super::pipeline_file;
use super::pipeline_jobs::{self, JobStart, PipelineJob};
use super::pipeline_runs::{Matrix, MatrixEntry, Run};
use super::reading::Findings;
use super::yaml::Node;
use crate::units::SimDuration;

/// An imported pipeline, before it becomes text.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Stages in order.
    pub stages: Vec<String>,
    /// Jobs, hidden ones left out, in the order of the files.
    pub jobs: Vec<PipelineJob>,
    /// Number of hidden jobs.
    pub hidden: usize,
    /// `workflow:auto_cancel:on_new_commit`, if it is written.
    pub auto_cancel: Option<String>,
}

/// Reads `documents`, the main file first.
pub(super) fn read(documents: &[Node], findings: &mut Findings) -> Option<Pipeline> {
    let file = pipeline_file::read(documents, findings)?;
    let jobs = pipeline_jobs::read(&file, findings);
    let mut stages: Vec<String> = match file.root.get("stages") {
        Some(node) => findings.texts(node, "stages").into_iter().map(str::to_owned).collect(),
        None => ["build", "test", "deploy"].map(str::to_owned).to_vec(),
    };
    stages.retain(|stage| stage != ".pre" && stage != ".post");
    let mut known: Vec<String> = Vec::new();
    for stage in stages {
        if !known.contains(&stage) {
            known.push(stage);
        }
    }
    for job in &jobs {
        if job.start != JobStart::Never
            && !known.contains(&job.stage)
            && job.stage != ".pre"
            && job.stage != ".post"
        {
            let text = format!("stage `{}` of `{}` is not in `stages`: it is put last", job.stage, job.name);
            findings.remark(&job.span, text);
            known.push(job.stage.clone());
        }
    }
    if jobs.iter().any(|job| job.stage == ".pre") {
        known.insert(0, ".pre".to_owned());
    }
    if jobs.iter().any(|job| job.stage == ".post") {
        known.push(".post".to_owned());
    }
    let auto_cancel = file.root.get("workflow").and_then(|node| auto_cancel(node, findings));
    file.unused(&mut findings.unused);
    Some(Pipeline { stages: known, jobs, hidden: file.hidden, auto_cancel })
}

/// `auto_cancel:on_new_commit` of `workflow`. What its rules say of some pipelines is told, not modelled.
fn auto_cancel(workflow: &Node, findings: &mut Findings) -> Option<String> {
    for rule in workflow.peek("rules").map(Node::items).unwrap_or_default() {
        let own = rule.peek("auto_cancel").and_then(|own| own.peek("on_new_commit"));
        if let Some((node, word)) = own.and_then(|node| Some((node, node.text()?))) {
            let whom = rule.peek("if").and_then(Node::text).unwrap_or("some pipelines");
            let text =
                format!("on_new_commit is `{word}` where {whom}: not modelled, all pipelines are alike here");
            findings.remark(&node.span, text);
        }
    }
    let node = workflow.at("auto_cancel.on_new_commit")?;
    let word = findings.text(node, "on_new_commit")?;
    if !["conservative", "interruptible", "none"].contains(&word) {
        let text = format!("`{word}` is no value of on_new_commit: GitLab's default, conservative, is taken");
        findings.remark(&node.span, text);
        return None;
    }
    Some(word.to_owned())
}

impl Pipeline {
    /// Its tables in a scenario.
    pub(super) fn blocks(&self, file: &str, findings: &mut Findings) -> Vec<Block> {
        let mut block = Block::new("[[workload.pipeline]]");
        let runs: usize = self.jobs.iter().map(|job| job.runs.len()).sum();
        block.about(format!("pipeline of {file}: {} jobs, {runs} runs, before rules", self.jobs.len()));
        block.about(
            "a .gitlab-ci.yml says neither how long jobs take nor how often pipelines start: put that in",
        );
        let stem = file.rsplit('/').next().unwrap_or(file).trim_start_matches('.');
        block.noted("name", quoted(&name(stem.split('.').next().unwrap_or("pipeline"))), "of the file");
        block.noted("stages", list(self.stages.iter().map(String::as_str)), "");
        block.defaulted(
            "arrivals",
            "{ per_day = 50, profile = \"office-week\" }",
            "not in the file, put in your own",
        );
        if let Some(word) = &self.auto_cancel {
            block.noted("auto_cancel", quoted(word), "workflow:auto_cancel:on_new_commit");
        }
        if self.jobs.iter().any(|job| job.interruptible) {
            let whom = "not in the file: how many branches are pushed to; 0: no pipeline is redundant";
            block.defaulted("branches", "0", whom);
        }
        let mut blocks = vec![block];
        for job in &self.jobs {
            if matches!(job.start, JobStart::Trigger | JobStart::Never) {
                let what = if job.start == JobStart::Trigger {
                    "starts another pipeline and has no pod"
                } else {
                    "never starts"
                };
                let text = format!("`{}` {what}: left out", job.name);
                findings.remark(&job.span, &text);
                let mut note = Block::new("");
                note.about(format!("{text} ({})", line_of(&job.span)));
                blocks.push(note);
            } else {
                for group in groups(job) {
                    blocks.push(self.block(job, &group, findings));
                }
            }
        }
        blocks
    }

    fn block(&self, job: &PipelineJob, group: &Group<'_>, findings: &mut Findings) -> Block {
        let mut block = Block::new("[[workload.pipeline.job]]");
        block.taken("name", quoted(&group.name), &job.span);
        if !starts_alone(job) {
            block.noted("enabled", "false", format!("{:?}: does not start by itself", job.start));
        }
        block.noted("stage", quoted(&job.stage), "");
        if let Some(needs) = &job.needs {
            block.noted("needs", list(self.needed(job, needs, findings).iter().map(String::as_str)), "");
        }
        match job.start {
            JobStart::Always => block.noted("when", quoted("always"), ""),
            JobStart::OnFailure => block.noted("when", quoted("on_failure"), ""),
            JobStart::Manual => block.noted("when", quoted("manual"), ""),
            JobStart::Delayed => {
                block.noted("when", quoted("delayed"), "");
                let wait = job.start_in.unwrap_or(SimDuration::ZERO);
                block.noted("start_in", quoted(&wait.to_string()), "");
            }
            _ => {}
        }
        let tags = match group.matrix {
            Some(matrix) => {
                block.noted("matrix", matrix_toml(matrix), format!("{} copies", group.runs.len()));
                &job.tags
            }
            None => {
                if group.runs.len() > 1 {
                    block.noted("parallel", group.runs.len().to_string(), "");
                }
                &group.runs[0].tags
            }
        };
        if !tags.is_empty() {
            block.noted("tags", list(tags.iter().map(String::as_str)), "");
        }
        if let Some(cpu) = group.runs[0].cpu {
            block.noted("cpu", quoted(&cpu.to_string()), "KUBERNETES_CPU_*");
        }
        if let Some(memory) = group.runs[0].memory {
            block.noted("memory", quoted(&memory.to_string()), "KUBERNETES_MEMORY_*");
        }
        details(job, &mut block);
        block.defaulted(
            "duration",
            "{ median = \"3m\", p95 = \"8m\" }",
            "not in the file, put in what you measure",
        );
        block
    }

    /// Names of the tables that stand for `needs`: a job may have become several, or none.
    fn needed(&self, job: &PipelineJob, needs: &[String], findings: &mut Findings) -> Vec<String> {
        let mut all = Vec::new();
        for need in needs {
            let Some(other) = self.jobs.iter().find(|other| other.name == *need) else { continue };
            if matches!(other.start, JobStart::Trigger | JobStart::Never)
                || (!starts_alone(other) && starts_alone(job))
            {
                let text = format!(
                    "`{}` needs `{need}`, which has no pod or waits for a person: here it does not wait for it",
                    job.name
                );
                findings.remark(&job.span, text);
            } else {
                all.extend(groups(other).into_iter().map(|group| group.name));
            }
        }
        all
    }
}

/// Whether a job starts without a person.
fn starts_alone(job: &PipelineJob) -> bool {
    !matches!(job.start, JobStart::Manual | JobStart::Never)
}

fn details(job: &PipelineJob, block: &mut Block) {
    if let Some(image) = &job.image {
        block.noted("image", quoted(image), "");
    }
    if let Some(timeout) = job.timeout {
        block.noted("timeout", quoted(&timeout.to_string()), "");
    }
    if let Some((max, reasons)) = &job.retry {
        block.noted("retry", max.to_string(), "");
        if !reasons.is_empty() {
            block.noted("retry_when", list(reasons.iter().map(String::as_str)), "");
        }
    }
    if !job.retry_exit_codes.is_empty() {
        let codes: Vec<String> = job.retry_exit_codes.iter().map(u8::to_string).collect();
        let remark = "which codes scripts end with is not in the file: exit_codes = { 1 = 9, 137 = 1 }";
        block.noted("retry_exit_codes", format!("[{}]", codes.join(", ")), remark);
    }
    if job.interruptible {
        block.noted("interruptible", "true", "");
    }
    if job.allow_failure {
        block.noted("allow_failure", "true", "");
    }
    if job.services > 0 {
        let text = format!(
            "{} services: as many more containers in the pod, whose requests are the runner's service_*",
            job.services
        );
        block.about(text);
    }
    if let Some(group) = &job.resource_group {
        block.noted("resource_group", quoted(group), "one at a time; its process_mode is set on the server");
    }
}

/// Copies of a job that are alike, or all copies as a matrix.
struct Group<'a> {
    name: String,
    runs: Vec<&'a Run>,
    matrix: Option<&'a Matrix>,
}

/// A matrix is kept where at most one of its variables decides the tags and none decides the requests; else copies that
/// are alike become one table each.
fn groups(job: &PipelineJob) -> Vec<Group<'_>> {
    let first = &job.runs[0];
    let same_requests = job.runs.iter().all(|run| (run.cpu, run.memory) == (first.cpu, first.memory));
    let in_tags = |key: &str| {
        job.tags.iter().any(|tag| tag.contains(&format!("${key}")) || tag.contains(&format!("${{{key}}}")))
    };
    let fits = job.matrix.iter().all(|entry| {
        let deciding: Vec<&str> =
            entry.iter().map(|(key, _)| key.as_str()).filter(|key| in_tags(key)).collect();
        let ambiguous = deciding.iter().any(|key| {
            entry
                .iter()
                .any(|(other, _)| other != key && (other.starts_with(key) || key.starts_with(other.as_str())))
        });
        deciding.len() <= 1 && !ambiguous && covers(job, entry)
    });
    if !job.matrix.is_empty() && fits && same_requests {
        let runs = job.runs.iter().collect();
        return vec![Group { name: job.name.clone(), runs, matrix: Some(&job.matrix) }];
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in &job.runs {
        let like = |group: &&mut Group<'_>| {
            let known = group.runs[0];
            known.tags == run.tags && known.cpu == run.cpu && known.memory == run.memory
        };
        match groups.iter_mut().find(like) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { name: run.name.clone(), runs: vec![run], matrix: None }),
        }
    }
    if groups.len() == 1 {
        groups[0].name.clone_from(&job.name);
    }
    groups
}

/// Whether the scenario fills the tags in as GitLab does: only matrix variables may stand in them.
fn covers(job: &PipelineJob, entry: &[(String, Vec<String>)]) -> bool {
    job.tags.iter().all(|tag| {
        let mut rest = tag.clone();
        for (key, _) in entry {
            rest = rest.replace(&format!("${{{key}}}"), "").replace(&format!("${key}"), "");
        }
        !rest.contains('$')
    })
}

fn matrix_toml(matrix: &[MatrixEntry]) -> String {
    let entries: Vec<String> = matrix
        .iter()
        .map(|entry| {
            let axes: Vec<String> = entry
                .iter()
                .map(|(key, values)| format!("{} = {}", quoted(key), list(values.iter().map(String::as_str))))
                .collect();
            format!("{{ {} }}", axes.join(", "))
        })
        .collect();
    format!("[{}]", entries.join(", "))
}

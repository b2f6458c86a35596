//! What each job of a `.gitlab-ci.yml` says, `default` included (GitLab 18, `doc/ci/yaml`). Knows no scenario.

use super::super::source::Span;
use super::chronic::chronic;
use super::pipeline_file::File;
use super::pipeline_runs::{Run, Variables, runs};
use super::reading::Findings;
use super::yaml::{Node, Yaml};
use crate::units::SimDuration;

/// How a job starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStart {
    /// When its stage or its needs are done.
    OnSuccess,
    /// After a failure.
    OnFailure,
    /// In any case.
    Always,
    /// When a person says so.
    Manual,
    /// Some time later by itself.
    Delayed,
    /// Not at all.
    Never,
    /// It starts another pipeline and has no pod.
    Trigger,
}

/// A job of an imported pipeline.
#[derive(Clone, Debug)]
pub struct PipelineJob {
    /// Name.
    pub name: String,
    /// Where it is.
    pub span: Span,
    /// Stage.
    pub stage: String,
    /// How it starts.
    pub start: JobStart,
    /// Its copies by `parallel` or its matrix; one for a plain job.
    pub runs: Vec<Run>,
    /// Entries of its matrix, variable to values; empty without one.
    pub matrix: Vec<Vec<(String, Vec<String>)>>,
    /// Tags as written.
    pub tags: Vec<String>,
    /// Jobs of these files it needs; `None` where it waits for the stages before.
    pub needs: Option<Vec<String>>,
    /// `timeout`.
    pub timeout: Option<SimDuration>,
    /// `retry`: at most so often, for these reasons (empty: all).
    pub retry: Option<(u8, Vec<String>)>,
    /// `retry: exit_codes`.
    pub retry_exit_codes: Vec<u8>,
    /// `start_in` of a delayed job.
    pub start_in: Option<SimDuration>,
    /// `interruptible`.
    pub interruptible: bool,
    /// `allow_failure` for every exit code.
    pub allow_failure: bool,
    /// Image without variables.
    pub image: Option<String>,
    /// `resource_group`.
    pub resource_group: Option<String>,
    /// Number of services of its own.
    pub services: usize,
}

/// Reads all jobs.
pub(super) fn read(file: &File, findings: &mut Findings) -> Vec<PipelineJob> {
    let global = Variables::of(file.root.get("variables"));
    let default = file.root.get("default");
    let names: Vec<&str> = file.jobs.iter().map(|(name, _)| name.as_str()).collect();
    file.jobs
        .iter()
        .map(|(name, node)| {
            let reader = Reader { name, node, default, root: &file.root };
            reader.job(&global, &names, findings)
        })
        .collect()
}

struct Reader<'a> {
    name: &'a str,
    node: &'a Node,
    default: Option<&'a Node>,
    root: &'a Node,
}

impl<'a> Reader<'a> {
    /// The value of `key`: the job's, else that of `default` unless `inherit` says no.
    fn own_or_default(&self, key: &str) -> Option<&'a Node> {
        if self.node.peek(key).is_some() {
            return self.node.get(key);
        }
        let inherit = self.node.at("inherit.default");
        let inherits = match inherit.map(|node| &node.value) {
            Some(Yaml::List(items)) => items.iter().any(|item| item.text() == Some(key)),
            Some(_) => inherit.and_then(Node::flag) != Some(false),
            None => true,
        };
        if !inherits {
            return None;
        }
        // `image` and `services` at the top are the older spelling of `default`.
        let at_top = matches!(key, "image" | "services").then(|| self.root.get(key)).flatten();
        self.default.and_then(|default| default.get(key)).or(at_top)
    }

    fn job(&self, global: &Variables, names: &[&str], findings: &mut Findings) -> PipelineJob {
        let node = self.node;
        let start = self.start(findings);
        let tags: Vec<String> = match self.own_or_default("tags") {
            Some(tags) if start != JobStart::Trigger => {
                flattened(tags).into_iter().filter_map(Node::text).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let variables = self.inherited(global).with(node.get("variables"));
        variables.not_modelled(findings);
        let (runs, matrix) = runs(self.name, node.get("parallel"), &tags, &variables, findings);
        if start == JobStart::Never && self.lacks_script() {
            let text = format!("job `{}` has no script in these files, only overrides: left out", self.name);
            findings.remark(&node.span, text);
        }
        PipelineJob {
            name: self.name.to_owned(),
            span: node.span.clone(),
            stage: node.get("stage").and_then(Node::text).unwrap_or("test").to_owned(),
            start,
            runs,
            matrix,
            tags,
            needs: node.get("needs").map(|needs| self.needs(needs, names, findings)),
            timeout: self.timeout(findings),
            retry: self.retry(findings),
            retry_exit_codes: self.retry_exit_codes(findings),
            start_in: self.start_in(start, findings),
            interruptible: self.own_or_default("interruptible").and_then(Node::flag).unwrap_or(false),
            allow_failure: self.allow_failure(findings),
            image: self.image(),
            resource_group: node.get("resource_group").and_then(Node::text).map(str::to_owned),
            services: self.own_or_default("services").map_or(0, |services| flattened(services).len()),
        }
    }

    fn start(&self, findings: &mut Findings) -> JobStart {
        if self.node.get("trigger").is_some() {
            return JobStart::Trigger;
        }
        if self.lacks_script() {
            return JobStart::Never;
        }
        let own = self.node.get("when").and_then(Node::text);
        match self.when_of_rules(own, findings).or(own) {
            Some("manual") => JobStart::Manual,
            Some("delayed") => JobStart::Delayed,
            Some("never") => JobStart::Never,
            Some("always") => JobStart::Always,
            Some("on_failure") => JobStart::OnFailure,
            Some("on_success") | None => JobStart::OnSuccess,
            Some(word) => {
                let text = format!("`{word}` is no value of when: `{}` starts on success here", self.name);
                findings.remark(&self.node.span, text);
                JobStart::OnSuccess
            }
        }
    }

    /// Whether there is nothing to run. Where a parent is missing, the script may be there.
    fn lacks_script(&self) -> bool {
        let parents = self.node.peek("extends").map(flattened).unwrap_or_default();
        let whole =
            parents.iter().all(|parent| parent.text().is_some_and(|name| self.root.peek(name).is_some()));
        whole && ["script", "run", "trigger"].iter().all(|key| self.node.peek(key).is_none())
    }

    /// The variables of the pipeline that the job inherits: all, none, or those that `inherit:variables` lists.
    fn inherited(&self, global: &Variables) -> Variables {
        let inherit = self.node.at("inherit.variables");
        match inherit.map(|node| &node.value) {
            Some(Yaml::List(items)) => global.only(|name| items.iter().any(|item| item.text() == Some(name))),
            Some(_) if inherit.and_then(Node::flag) == Some(false) => global.only(|_| false),
            _ => global.clone(),
        }
    }

    fn needs(&self, needs: &Node, names: &[&str], findings: &mut Findings) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for need in flattened(needs) {
            let other = ["pipeline", "project"].iter().find(|key| need.peek(key).is_some());
            if let Some(key) = other {
                need.use_all();
                let job = need.peek("job").and_then(Node::text).unwrap_or("?");
                let text = format!(
                    "`{}` needs `{job}` of another {key}: ignored, it does not delay the job here",
                    self.name
                );
                findings.remark(&need.span, text);
                continue;
            }
            let Some(wanted) = need.text().or_else(|| need.get("job").and_then(Node::text)) else {
                if !matches!(need.value, Yaml::Null) {
                    findings.wrong_type(need, "needs", "the name of a job");
                }
                continue;
            };
            need.use_all();
            if need.peek("parallel").is_some() {
                let text = format!("`{}` needs some copies of `{wanted}`: here it waits for all", self.name);
                findings.remark(&need.span, text);
            }
            match names.iter().find(|name| **name == wanted).copied().or_else(|| copy_of(wanted, names)) {
                Some(name) => {
                    if name != wanted {
                        let text =
                            format!("`{}` needs one copy, `{wanted}`: here it waits for all", self.name);
                        findings.remark(&need.span, text);
                    }
                    if !found.iter().any(|known| known == name) {
                        found.push(name.to_owned());
                    }
                }
                None => {
                    let optional = need.peek("optional").and_then(Node::flag) == Some(true);
                    let kind = if optional { "optional" } else { "but" };
                    let text = format!(
                        "`{}` needs `{wanted}`, {kind} not in these files: it does not wait for it",
                        self.name
                    );
                    findings.remark(&need.span, text);
                }
            }
        }
        found
    }

    fn timeout(&self, findings: &mut Findings) -> Option<SimDuration> {
        chronic(self.own_or_default("timeout")?, "timeout", findings)
    }

    /// The rules of the job that let it start.
    fn starting_rules(&self) -> Vec<&'a Node> {
        let rules = self.node.peek("rules").map(flattened).unwrap_or_default();
        rules.into_iter().filter(|rule| rule.peek("when").and_then(Node::text) != Some("never")).collect()
    }

    /// The `when` that all these rules agree on, `own` where they say none: whichever applies, the job starts like that.
    /// Where they differ, the job is taken to start on success, and that is said.
    fn when_of_rules(&self, own: Option<&'a str>, findings: &mut Findings) -> Option<&'a str> {
        let all = self.node.peek("rules").filter(|rules| !flattened(rules).is_empty())?;
        let rules = self.starting_rules();
        let word = |rule: &&'a Node| rule.peek("when").and_then(Node::text).or(own).unwrap_or("on_success");
        let words: Vec<&'a str> = rules.iter().map(word).collect();
        let Some(first) = words.first() else { return Some("never") };
        if words.iter().all(|word| word == first) {
            return Some(first);
        }
        let mut different = words.clone();
        different.sort_unstable();
        different.dedup();
        let text = format!(
            "the rules of `{}` start it in different ways ({}): here it starts on success",
            self.name,
            different.join(", ")
        );
        findings.remark(&all.span, text);
        Some("on_success")
    }

    /// `start_in`, which GitLab wants beside `when: delayed`.
    fn start_in(&self, start: JobStart, findings: &mut Findings) -> Option<SimDuration> {
        let of_rules = || self.starting_rules().iter().find_map(|rule| rule.peek("start_in"));
        let own = self.node.get("start_in").or_else(of_rules);
        let found = own.and_then(|node| chronic(node, "start_in", findings));
        if start == JobStart::Delayed && found.is_none() {
            let text = format!("`{}` is delayed without `start_in`: it starts at once here", self.name);
            findings.remark(&self.node.span, text);
        }
        found.filter(|_| start == JobStart::Delayed)
    }

    fn retry(&self, findings: &mut Findings) -> Option<(u8, Vec<String>)> {
        let node = self.own_or_default("retry")?;
        let (max, when) = match &node.value {
            Yaml::Map(_) => (node.get("max"), node.get("when")),
            _ => (Some(node), None),
        };
        let max = max.map_or(Some(2), |node| findings.integer(node, "retry", 0, 2))? as u8;
        let words = when.map(|node| findings.texts(node, "retry:when")).unwrap_or_default();
        if words.contains(&"always") {
            return Some((max, Vec::new()));
        }
        let mut reasons = Vec::new();
        for reason in &words {
            if crate::workload::FailureReason::all().any(|own| own.name() == *reason) {
                reasons.push((*reason).to_owned());
            } else {
                findings
                    .remark(&node.span, format!("retry for `{reason}`: the simulation has no such failure"));
            }
        }
        // No reason left is not every reason.
        if reasons.is_empty() && !words.is_empty() { None } else { Some((max, reasons)) }
    }

    fn retry_exit_codes(&self, findings: &mut Findings) -> Vec<u8> {
        let codes = self.own_or_default("retry").and_then(|node| node.get("exit_codes"));
        let Some(codes) = codes else { return Vec::new() };
        let mut all = Vec::new();
        for code in flattened(codes) {
            match code.text().and_then(|text| text.parse::<u8>().ok()) {
                Some(code) => all.push(code),
                None => findings.remark(&code.span, "an exit code is a number from 0 to 255: left out"),
            }
        }
        all
    }

    fn allow_failure(&self, findings: &mut Findings) -> bool {
        let Some(node) = self.node.get("allow_failure") else { return false };
        if let Some(codes) = node.get("exit_codes") {
            let shown = codes.text().map(str::to_owned).unwrap_or_else(|| {
                codes.items().iter().filter_map(Node::text).collect::<Vec<_>>().join(", ")
            });
            let text = format!("`{}` may fail with exit codes {shown} only: not modelled", self.name);
            findings.remark(&codes.span, text);
        }
        node.flag().unwrap_or(false)
    }

    fn image(&self) -> Option<String> {
        let node = self.own_or_default("image")?;
        let text = node.text().or_else(|| node.get("name").and_then(Node::text))?;
        (!text.contains('$') && !text.is_empty()).then(|| text.to_owned())
    }
}

/// Elements of a list with lists within written out; a lone value counts as a list of one.
fn flattened(node: &Node) -> Vec<&Node> {
    match &node.value {
        Yaml::List(items) => items.iter().flat_map(flattened).collect(),
        Yaml::Null => Vec::new(),
        _ => vec![node],
    }
}

/// The job that `wanted` is a copy of: `job: [a, b]` or `job 2/5`.
fn copy_of<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let of_matrix = wanted.split_once(": [").map(|(name, _)| name);
    let numbered = wanted
        .rsplit_once(' ')
        .filter(|(_, copy)| {
            copy.split_once('/').is_some_and(|(a, b)| a.parse::<u16>().is_ok() && b.parse::<u16>().is_ok())
        })
        .map(|(name, _)| name);
    [of_matrix, numbered]
        .into_iter()
        .flatten()
        .find_map(|base| names.iter().find(|name| **name == base).copied())
}

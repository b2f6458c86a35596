//! Imports of the files people have: NodePools, runner configurations, pipelines, turned into scenario text with a comment
//! per line. Takes texts and names; reads no file.

mod chronic;
mod config_text;
mod fitted;
mod fitted_about;
mod fitted_fleet;
mod fragment;
mod helm;
mod karpenter;
mod node_class;
mod node_pool;
mod pause_pods;
mod pipeline;
mod pipeline_file;
mod pipeline_jobs;
mod pipeline_runs;
mod pool_draft;
mod provisioner;
mod reading;
mod runner_config;
mod runner_entry;
mod template;
mod yaml;

pub use fitted::fitted_scenario;
pub use fitted_about::Check;
pub use pipeline::Pipeline;
pub use pipeline_jobs::{JobStart, PipelineJob};
pub use pipeline_runs::Run;
pub use reading::Remark;

use super::diagnostic::{Diagnostic, sorted_once};
use super::source::{Source, Span};
use config_text::ConfigText;
use fragment::Block;
use reading::Findings;
use std::sync::Arc;
use yaml::Node;

/// A text to import.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The name people know it by: its path.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// What a text is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// Kubernetes objects: NodePool, EC2NodeClass, Provisioner, AWSNodeTemplate, HelmRelease, ConfigMap.
    Kubernetes,
    /// A runner's `config.toml`.
    RunnerToml,
    /// Values of the gitlab-runner Helm chart.
    HelmValues,
    /// `.gitlab-ci.yml`; of several the first is the main file.
    Pipeline,
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Scenario text with comments.
    pub toml: String,
    /// For each line of the text the place in the files that its value comes from; nothing for defaults and comments.
    pub places: Vec<Option<Span>>,
    /// The pipeline, if there was one.
    pub pipeline: Option<Pipeline>,
    /// What the person should know, in the order of the files.
    pub remarks: Vec<Remark>,
    /// Keys of the files that were not used, with their places.
    pub unused: Vec<(String, Span)>,
}

/// Imports all texts together: objects are joined by name across files.
///
/// # Errors
/// Every mistake in the texts, in order.
pub fn import(inputs: &[Input<'_>], kind: Option<ImportKind>) -> Result<Imported, Vec<Diagnostic>> {
    let mut gathered = Gathered::default();
    let mut findings = Findings::default();
    for input in inputs {
        let source = Source::new(input.name, input.text);
        match template::terraform(&source) {
            Some(problem) => findings.problems.push(problem),
            None => gathered.add(&source, kind, &mut findings),
        }
    }
    let pipeline = pipeline::read(&gathered.pipelines, &mut findings);
    let mut blocks = gathered.blocks(&mut findings);
    if let Some((pipeline, first)) = pipeline.as_ref().zip(inputs.first()) {
        blocks.extend(pipeline.blocks(first.name, &mut findings));
    }
    if !findings.problems.is_empty() {
        return Err(sorted_once(findings.problems));
    }
    let (toml, places) = written(inputs, &blocks);
    Ok(Imported { toml, places, pipeline, remarks: findings.remarks, unused: findings.unused })
}

/// Everything found in the texts so far.
#[derive(Default)]
struct Gathered {
    karpenter: karpenter::Objects,
    charts: helm::Charts,
    runners: Vec<Block>,
    pipelines: Vec<Node>,
}

impl Gathered {
    fn add(&mut self, source: &Arc<Source>, kind: Option<ImportKind>, findings: &mut Findings) {
        let as_toml = match kind {
            Some(kind) => kind == ImportKind::RunnerToml,
            None => looks_like_toml(&source.text),
        };
        if as_toml {
            self.runners.extend(runner_config::of_file(&ConfigText::whole(source), findings));
            return;
        }
        let mut twice = Vec::new();
        let documents = match yaml::documents(source, &mut twice) {
            Ok(documents) => documents,
            Err(problem) => {
                findings.problems.push(template::explained(source, problem));
                return;
            }
        };
        for (key, span) in twice {
            let text = format!("`{key}` stands twice in one map: the last counts, this one is lost");
            findings.remark(&span, text);
        }
        if documents.is_empty() {
            findings.remark(&Span::start_of(source), "the text is empty: nothing to import");
        }
        for document in &documents {
            self.document(document, kind, findings);
        }
    }

    fn document(&mut self, document: &Node, kind: Option<ImportKind>, findings: &mut Findings) {
        let text = |key: &str| document.get(key).and_then(Node::text).unwrap_or_default();
        let (api_version, object) = (text("apiVersion"), text("kind"));
        if pipeline_file::is_header(document) {
            let text = "inputs of a component: `$[[ inputs.… ]]` below is not filled in";
            findings.remark(&document.span, text);
            document.unused("", &mut findings.unused);
        } else if kind == Some(ImportKind::Pipeline) {
            self.pipelines.push(document.clone());
        } else if kind == Some(ImportKind::HelmValues) {
            self.charts.add_values(document);
        } else if karpenter::Objects::takes(api_version, object) {
            self.karpenter.add(document, findings);
            document.unused("", &mut findings.unused);
        } else if object == "HelmRelease" {
            self.charts.add_release(document);
        } else if object == "ConfigMap" {
            self.runners.extend(config_map(document, findings));
            document.unused("", &mut findings.unused);
        } else if !api_version.is_empty() && !object.is_empty() {
            findings.remark(&document.span, format!("an object of kind `{object}` is not imported"));
        } else if helm::holds_values(document) {
            self.charts.add_values(document);
        } else if pipeline_file::is_pipeline(document) {
            self.pipelines.push(document.clone());
        } else {
            findings.grammar(
                document,
                "this is none of the files that can be imported".to_owned(),
                "NodePool, EC2NodeClass, Provisioner, config.toml, Helm values or a pipeline",
                "--kind says what it is, if you know better",
            );
        }
    }

    fn blocks(self, findings: &mut Findings) -> Vec<Block> {
        findings.refuse_placeholders = true;
        let mut blocks = self.runners;
        blocks.extend(self.charts.blocks(findings));
        blocks.extend(self.karpenter.blocks(findings));
        blocks
    }
}

/// `config.toml` in the data of a ConfigMap.
fn config_map(object: &Node, findings: &mut Findings) -> Vec<Block> {
    let found = object.get("data").and_then(|data| {
        data.get("config.toml");
        data.entries().iter().find(|entry| entry.key == "config.toml")
    });
    let Some(entry) = found else {
        findings.remark(&object.span, "a ConfigMap without config.toml is not imported");
        return Vec::new();
    };
    let Some(text) = findings.text(&entry.node, "config.toml") else { return Vec::new() };
    runner_config::of_file(&ConfigText::within(&entry.node.span.source, &entry.key_span, text), findings)
}

/// Whether the first line that says something is TOML: a table header, or a key with `=`.
fn looks_like_toml(text: &str) -> bool {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let first = lines.into_iter().find(|line| {
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("%{") && !line.starts_with("{{")
    });
    first.is_some_and(|line| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        line.starts_with("[[")
            || (line.starts_with('[') && line.ends_with(']') && !line.contains(','))
            || (line.contains('=') && !key.is_empty() && key.chars().all(plain))
    })
}

fn written(inputs: &[Input<'_>], blocks: &[Block]) -> (String, Vec<Option<Span>>) {
    let names: Vec<&str> = inputs.iter().map(|input| input.name).collect();
    let mut toml = format!("# Imported by fleetsim from {}.\n", fragment::one_line(&names.join(", ")));
    let mut places = vec![None];
    for block in blocks {
        block.write(&mut toml, &mut places);
    }
    (toml, places)
}

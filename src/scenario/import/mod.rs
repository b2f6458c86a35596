//! Imports of the files people have: NodePools, runner configurations, pipelines, turned into scenario text with a comment
//! per line. Takes texts and names; reads no file.

mod fragment;
mod karpenter;
mod node_class;
mod node_pool;
mod pool_draft;
mod provisioner;
mod reading;
mod template;
mod yaml;

pub use reading::Remark;

use super::diagnostic::{Diagnostic, sorted_once};
use super::source::{Source, Span};
use fragment::Block;
use reading::Findings;
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
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Scenario text with comments.
    pub toml: String,
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
    let _ = kind;
    let mut findings = Findings::default();
    let mut karpenter = karpenter::Objects::default();
    for input in inputs {
        let source = Source::new(input.name, input.text);
        if let Some(problem) = template::terraform(&source) {
            findings.problems.push(problem);
            continue;
        }
        match yaml::documents(&source) {
            Ok(documents) => {
                for object in &documents {
                    take(object, &mut karpenter, &mut findings);
                    object.unused("", &mut findings.unused);
                }
            }
            Err(problem) => findings.problems.push(template::explained(&source, problem)),
        }
    }
    let blocks = karpenter.blocks(&mut findings);
    if !findings.problems.is_empty() {
        return Err(sorted_once(findings.problems));
    }
    let toml = written(inputs, &blocks);
    Ok(Imported { toml, remarks: findings.remarks, unused: findings.unused })
}

fn take(object: &Node, karpenter: &mut karpenter::Objects, findings: &mut Findings) {
    let api_version = object.get("apiVersion").and_then(Node::text).unwrap_or_default();
    let kind = object.get("kind").and_then(Node::text).unwrap_or_default();
    if karpenter::Objects::takes(api_version, kind) {
        karpenter.add(object, findings);
    } else {
        findings.remark(&object.span, format!("an object of kind `{kind}` is not imported"));
    }
}

fn written(inputs: &[Input<'_>], blocks: &[Block]) -> String {
    let names: Vec<&str> = inputs.iter().map(|input| input.name).collect();
    let mut toml = format!("# Imported by fleetsim from {}.\n", fragment::one_line(&names.join(", ")));
    for block in blocks {
        block.write(&mut toml);
    }
    toml
}

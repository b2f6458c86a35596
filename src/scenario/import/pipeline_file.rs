//! The text level of `.gitlab-ci.yml`: several files as one, `extends`, `!reference`, which keys are jobs. GitLab 18
//! (`lib/gitlab/ci/config`): files are merged, then `extends`, then references.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::helm::merged;
use super::reading::{Findings, first_line};
use super::yaml::{Entry, Node, Yaml};
use std::collections::BTreeMap;

/// Keys at the top that are no jobs.
const GLOBAL: &[&str] = &[
    "default",
    "include",
    "stages",
    "types",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
];

/// GitLab's limit on the depth of `extends`, and of references within references.
const MAX_DEPTH: usize = 11;

/// Most values of a pipeline with every reference written out.
const MAX_EXPANDED: usize = 1_000_000;

/// Whether a document looks like a pipeline.
pub(super) fn is_pipeline(node: &Node) -> bool {
    let known = ["stages", "include", "workflow", "default"];
    let of_job = ["script", "extends", "trigger", "stage", "rules", "needs", "run"];
    let shared = ["variables", "image", "services", "before_script", "after_script", "cache"];
    let entries = node.entries();
    let says_so = entries.iter().any(|entry| {
        known.contains(&entry.key.as_str()) || of_job.iter().any(|key| entry.node.peek(key).is_some())
    });
    // A file of templates alone, as others include it.
    let hidden = |key: &str| key.starts_with('.');
    let templates = entries.iter().any(|entry| hidden(&entry.key))
        && entries.iter().all(|entry| hidden(&entry.key) || shared.contains(&entry.key.as_str()));
    node.peek("apiVersion").is_none() && (says_so || templates)
}

/// Whether a document is the header of a component: `spec: inputs:` above the pipeline itself.
pub(super) fn is_header(node: &Node) -> bool {
    matches!(node.entries(), [only] if only.key == "spec" && only.node.peek("inputs").is_some())
}

/// All files as one text, and its jobs.
pub(super) struct File {
    /// The merged document.
    pub root: Node,
    /// Jobs with everything inherited by `extends`, hidden ones left out, in the order of the files.
    pub jobs: Vec<(String, Node)>,
    /// Number of hidden jobs.
    pub hidden: usize,
}

/// Reads `documents`, the main file first: its keys win over those of the files it includes.
pub(super) fn read(documents: &[Node], findings: &mut Findings) -> Option<File> {
    let (main, included) = documents.split_first()?;
    for document in documents {
        includes(document, findings);
    }
    let below = included.iter().skip(1).fold(included.first().cloned(), |base, over| {
        Some(match base {
            Some(base) => merged(base, over),
            None => over.clone(),
        })
    });
    let root = match below {
        Some(below) => merged(below, main),
        None => main.clone(),
    };
    let names: BTreeMap<&str, &Node> =
        root.entries().iter().map(|entry| (entry.key.as_str(), &entry.node)).collect();
    let mut extended: Vec<Entry> = Vec::new();
    for entry in root.entries() {
        let mut copy = entry.clone();
        if !GLOBAL.contains(&entry.key.as_str()) && matches!(entry.node.value, Yaml::Map(_)) {
            copy.node = extend(&entry.key, &entry.node, &names, &mut Vec::new(), findings)?;
        }
        extended.push(copy);
    }
    let whole = Node { value: Yaml::Map(extended), ..root.clone() };
    let resolved = resolve(&whole, &whole, 0, findings);
    let is_job =
        |entry: &&Entry| !GLOBAL.contains(&entry.key.as_str()) && matches!(entry.node.value, Yaml::Map(_));
    let hidden = resolved.entries().iter().filter(|entry| entry.key.starts_with('.')).count();
    let jobs = resolved
        .entries()
        .iter()
        .filter(is_job)
        .filter(|entry| !entry.key.starts_with('.'))
        .map(|entry| (entry.key.clone(), entry.node.clone()))
        .collect();
    Some(File { root: resolved, jobs, hidden })
}

impl File {
    /// Adds the keys that nobody asked for. What `extends`, anchors and references copy into several jobs counts once, by
    /// its place, and only where no copy of it was used.
    pub(super) fn unused(&self, found: &mut Vec<(String, Span)>) {
        let mut places = Places::new();
        for entry in self.root.entries() {
            let own = |(name, _): &&(String, Node)| *name == entry.key;
            match self.jobs.iter().find(own) {
                Some((name, node)) => below(node, name, &mut places),
                // A hidden job serves those that extend it: what is in it counts, not its name.
                None if entry.key.starts_with('.') || entry.used.get() => {
                    below(&entry.node, &entry.key, &mut places);
                }
                None => {
                    places.entry(place(&entry.key_span)).or_insert_with(|| unused(&entry.key, entry));
                }
            }
        }
        let unused = places.into_values().filter(|(_, _, used)| !used);
        found.extend(unused.map(|(path, span, _)| (path, span)));
    }
}

/// Keys by their place in the files: path, place, and whether any copy of it was used.
type Places = BTreeMap<(String, usize), (String, Span, bool)>;

fn place(span: &Span) -> (String, usize) {
    (span.source.name.clone(), span.range.start)
}

fn unused(path: &str, entry: &Entry) -> (String, Span, bool) {
    (path.to_owned(), entry.key_span.clone(), false)
}

fn below(node: &Node, path: &str, places: &mut Places) {
    for (index, item) in node.items().iter().enumerate() {
        below(item, &format!("{path}[{index}]"), places);
    }
    for entry in node.entries() {
        let own = format!("{path}.{}", entry.key);
        let known = places.entry(place(&entry.key_span)).or_insert_with(|| unused(&own, entry));
        known.2 |= entry.used.get();
        if entry.used.get() {
            below(&entry.node, &own, places);
        }
    }
}

fn includes(document: &Node, findings: &mut Findings) {
    let Some(include) = document.get("include") else { return };
    let whole = [include.clone()];
    let items = if include.items().is_empty() { &whole[..] } else { include.items() };
    for item in items {
        let shown = match &item.value {
            Yaml::Scalar(text, _) => text.clone(),
            _ => ["local", "project", "remote", "template", "component"]
                .iter()
                .find_map(|key| Some(format!("{key} {}", item.get(key)?.text().unwrap_or("…"))))
                .unwrap_or_else(|| "…".to_owned()),
        };
        item.use_all();
        findings.remark(
            &item.span,
            format!("include of {shown} is not followed: give the file too, if you have it"),
        );
    }
}

/// `node` with everything it inherits.
fn extend(
    name: &str,
    node: &Node,
    all: &BTreeMap<&str, &Node>,
    path: &mut Vec<String>,
    findings: &mut Findings,
) -> Option<Node> {
    let Some(extends) = node.get("extends") else { return Some(node.clone()) };
    if path.len() >= MAX_DEPTH || path.iter().any(|known| known == name) {
        let what = if path.iter().any(|known| known == name) { "a circle" } else { "too deep" };
        let chain = path.join(" -> ");
        findings.problems.push(
            Diagnostic::new(
                Code::Conflict,
                first_line(&extends.span),
                format!("`extends` of `{name}` is {what}: {chain} -> {name}"),
                "expected a job that does not lead back here",
            )
            .help("GitLab follows at most 11 levels"),
        );
        return None;
    }
    path.push(name.to_owned());
    let mut base: Option<Node> = None;
    for parent in findings.texts(extends, "extends") {
        match all.get(parent) {
            Some(found) => {
                let whole = extend(parent, found, all, path, findings)?;
                base = Some(match base {
                    Some(base) => merged(base, &whole),
                    None => whole,
                });
            }
            None => findings.remark(
                &extends.span,
                format!("`{name}` extends `{parent}`, which is not in these files: what it gives is missing"),
            ),
        }
    }
    path.pop();
    Some(match base {
        Some(base) => Node { span: node.span.clone(), ..merged(base, node) },
        None => node.clone(),
    })
}

/// `node` with each `!reference [job, key …]` replaced by what it names.
fn resolve(node: &Node, root: &Node, depth: usize, findings: &mut Findings) -> Node {
    findings.expanded += 1;
    if findings.expanded > MAX_EXPANDED {
        if findings.expanded == MAX_EXPANDED + 1 {
            findings.problems.push(Diagnostic::new(
                Code::Range,
                first_line(&node.span),
                format!("with its references written out the text has more than {MAX_EXPANDED} values"),
                "expected fewer references",
            ));
        }
        return Node { value: Yaml::Null, tag: None, span: node.span.clone() };
    }
    if node.tag.as_deref() == Some("reference") {
        return reference(node, root, depth, findings);
    }
    let value = match &node.value {
        Yaml::List(items) => {
            Yaml::List(items.iter().map(|item| resolve(item, root, depth, findings)).collect())
        }
        Yaml::Map(entries) => Yaml::Map(
            entries
                .iter()
                .map(|entry| Entry { node: resolve(&entry.node, root, depth, findings), ..entry.clone() })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { value, ..node.clone() }
}

fn reference(node: &Node, root: &Node, depth: usize, findings: &mut Findings) -> Node {
    let nothing = Node { value: Yaml::Null, tag: None, span: node.span.clone() };
    let path: Vec<&str> = node.items().iter().filter_map(Node::text).collect();
    let found = path.iter().try_fold(root, |at, key| at.get(key));
    match found {
        Some(found) if depth < MAX_DEPTH && !path.is_empty() => {
            Node { tag: None, ..resolve(found, root, depth + 1, findings) }
        }
        Some(_) => {
            findings.problems.push(Diagnostic::new(
                Code::Conflict,
                first_line(&node.span),
                format!("!reference [{}] leads back to itself", path.join(", ")),
                "expected a value without this reference",
            ));
            nothing
        }
        None => {
            let text = format!(
                "!reference [{}] is not in these files: nothing stands in its place",
                path.join(", ")
            );
            findings.remark(&node.span, text);
            nothing
        }
    }
}

//! The copies of a job: `parallel`, `parallel:matrix`, and what variables make of tags and requests in each.

use super::reading::Findings;
use super::yaml::{Node, Yaml};
use crate::units::{Mebibytes, Millicores};
use std::collections::BTreeMap;

/// GitLab's limit on the copies of a job.
const MAX_COPIES: usize = 200;

/// One copy of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `job`, `job 1/4` or `job: [a, b]`.
    pub name: String,
    /// Tags with variables filled in.
    pub tags: Vec<String>,
    /// CPU request of the build container by `KUBERNETES_CPU_REQUEST`, or its limit.
    pub cpu: Option<Millicores>,
    /// Memory request by `KUBERNETES_MEMORY_REQUEST`, or its limit.
    pub memory: Option<Mebibytes>,
}

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, (String, Option<super::super::source::Span>)>,
}

impl Variables {
    /// Those of a `variables` map; `{ value, description }` counts by its value.
    pub(super) fn of(node: Option<&Node>) -> Self {
        Self::default().with(node)
    }

    /// These with those of `node` over them.
    pub(super) fn with(&self, node: Option<&Node>) -> Self {
        let mut all = self.clone();
        for entry in node.map(Node::entries).unwrap_or_default() {
            entry.used.set(true);
            entry.node.use_all();
            let text = entry.node.text().or_else(|| entry.node.get("value").and_then(Node::text));
            all.values.insert(
                entry.key.clone(),
                (text.unwrap_or_default().to_owned(), Some(entry.node.span.clone())),
            );
        }
        all
    }

    /// Those of them whose names `keep` accepts.
    pub(super) fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let values = self.values.iter().filter(|(name, _)| keep(name));
        Self { values: values.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// Says which variables of the Kubernetes executor would change the pod but do not here (GitLab Runner 19.4,
    /// `executors/kubernetes/overwrites.go`).
    pub(super) fn not_modelled(&self, findings: &mut Findings) {
        for (name, (text, span)) in &self.values {
            let Some(rest) = name.strip_prefix("KUBERNETES_") else { continue };
            let of_container = ["HELPER_", "SERVICE_"].iter().any(|prefix| rest.starts_with(prefix));
            let why = match rest {
                "CPU_LIMIT" | "MEMORY_LIMIT" => {
                    if self.values.contains_key(&name.replace("_LIMIT", "_REQUEST")) {
                        "a pod is placed by its request"
                    } else {
                        "it is taken for the request, which the runner may set otherwise"
                    }
                }
                _ if of_container && !rest.contains("ACCOUNT") => "the runner's own value holds here",
                _ if rest.starts_with("NODE_SELECTOR_") => "the runner's node_selector holds here",
                _ if rest.starts_with("NODE_TOLERATIONS") => "the runner's node_tolerations hold here",
                _ if rest.contains("EPHEMERAL_STORAGE") => "pods have no request for disk here",
                _ => continue,
            };
            if let Some(span) = span {
                let shown = super::reading::shortened(text);
                findings.remark(span, format!("`{name}` = `{shown}` is not modelled: {why}"));
            }
        }
    }

    /// `text` with variables filled in, also those within values; unknown ones stay as they are.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for _ in 0..3 {
            if !filled.contains('$') || filled.len() > 10_000 {
                break;
            }
            filled = self.once(&filled);
        }
        filled
    }

    fn once(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('$') {
            out.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            let (name, used) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((name, _)) => (name, name.len() + 2),
                None => {
                    let length = after
                        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                        .unwrap_or(after.len());
                    (&after[..length], length)
                }
            };
            match self.values.get(name) {
                Some((value, _)) => out.push_str(value),
                None => out.push_str(&rest[start..start + 1 + used]),
            }
            rest = &after[used..];
        }
        out + rest
    }

    /// A request by variables: `names` in order of weight.
    fn request<T: std::str::FromStr>(&self, names: [&str; 2], findings: &mut Findings) -> Option<T> {
        let (name, (text, span)) =
            names.iter().find_map(|name| self.values.get(*name).map(|found| (name, found)))?;
        let filled = self.fill(text);
        if filled.is_empty() {
            return None;
        }
        let parsed = filled.parse().ok();
        if parsed.is_none()
            && let Some(span) = span
        {
            let shown = super::reading::shortened(&filled);
            findings
                .remark(span, format!("`{name}` is `{shown}`: no quantity, the runner's default is taken"));
        }
        parsed
    }

    fn run(&self, name: String, tags: &[String], findings: &mut Findings) -> Run {
        Run {
            name,
            tags: tags.iter().map(|tag| self.fill(tag)).collect(),
            cpu: self.request(["KUBERNETES_CPU_REQUEST", "KUBERNETES_CPU_LIMIT"], findings),
            memory: self.request(["KUBERNETES_MEMORY_REQUEST", "KUBERNETES_MEMORY_LIMIT"], findings),
        }
    }
}

/// One entry of a matrix: variables with their values.
pub(super) type MatrixEntry = Vec<(String, Vec<String>)>;
/// All entries of a matrix.
pub(super) type Matrix = Vec<MatrixEntry>;

/// The copies of the job `name`.
pub(super) fn runs(
    name: &str,
    parallel: Option<&Node>,
    tags: &[String],
    variables: &Variables,
    findings: &mut Findings,
) -> (Vec<Run>, Matrix) {
    let alone =
        |findings: &mut Findings| (vec![variables.run(name.to_owned(), tags, findings)], Matrix::new());
    let Some(parallel) = parallel else { return alone(findings) };
    if let Yaml::Scalar(..) = parallel.value {
        let Some(count) = findings.integer(parallel, "parallel", 1, MAX_COPIES as i64) else {
            return alone(findings);
        };
        let all = (1..=count).map(|copy| variables.run(format!("{name} {copy}/{count}"), tags, findings));
        return (all.collect(), Matrix::new());
    }
    let Some(entries) = parallel.get("matrix") else { return alone(findings) };
    entries.use_all();
    let mut matrix = Matrix::new();
    let mut all = Vec::new();
    for entry in flat(entries) {
        let axes: Vec<(String, Vec<String>)> = entry
            .entries()
            .iter()
            .map(|own| {
                (
                    own.key.clone(),
                    findings.texts(&own.node, "matrix").into_iter().map(str::to_owned).collect(),
                )
            })
            .collect();
        let copies: usize = axes.iter().fold(1, |all, (_, values)| all.saturating_mul(values.len()));
        if all.len() + copies > MAX_COPIES {
            findings.grammar(
                entry,
                format!("the matrix of `{name}` has more than {MAX_COPIES} copies"),
                "at most 200 copies",
                "",
            );
            return alone(findings);
        }
        for copy in 0..copies {
            let mut own = variables.clone();
            let mut shown = Vec::new();
            let mut rest = copy;
            let mut below = copies;
            for (key, values) in &axes {
                below /= values.len();
                let value = &values[rest / below];
                rest %= below;
                own.values.insert(key.clone(), (value.clone(), None));
                shown.push(value.as_str());
            }
            all.push(own.run(format!("{name}: [{}]", shown.join(", ")), tags, findings));
        }
        matrix.push(axes);
    }
    if all.is_empty() { alone(findings) } else { (all, matrix) }
}

fn flat(node: &Node) -> Vec<&Node> {
    match &node.value {
        Yaml::List(items) => items.iter().flat_map(flat).collect(),
        Yaml::Map(_) => vec![node],
        _ => Vec::new(),
    }
}

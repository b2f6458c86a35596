//! The key reference for people: what a key means, what holds without it, and where its default comes from; and the names of a
//! scenario's elements.

use super::diagnostic::Diagnostic;
use super::document::{Table, Value};
use super::keys::{Absent, Key, Kind, ROOT, find, nearest, snake_case};
use super::layers::{self, FileProvider};

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDoc {
    /// Where it stands, as `node_pool.disruption.consolidate_after`.
    pub path: String,
    /// What it means.
    pub meaning: &'static str,
    /// What may be written, with unit and range.
    pub expected: String,
    /// What holds without it.
    pub default: String,
    /// Other spellings.
    pub aliases: Vec<String>,
    /// Where default and rule come from.
    pub source: &'static str,
    /// The keys of a table: name and meaning.
    pub keys: Vec<(&'static str, &'static str)>,
}

/// What is known of a key, by its path or by its last part where that is unique. Names of fleets and of elements may stand in
/// the path, and every spelling that scenarios accept.
///
/// # Errors
/// There is no such key, or there are several; what was perhaps meant.
pub fn key_doc(written: &str) -> Result<KeyDoc, String> {
    let path =
        written.strip_prefix("fleet.").and_then(|rest| rest.split_once('.')).map_or(written, |rest| rest.1);
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    if let Some((path, key)) = walk(ROOT, &parts) {
        return Ok(doc_of(path, key));
    }
    let last = parts.last().copied().unwrap_or_default();
    let mut homes = Vec::new();
    search(ROOT, "", &snake_case(last), &mut homes);
    match homes.as_slice() {
        [(path, key)] if parts.len() == 1 => Ok(doc_of(path.clone(), key)),
        [] => {
            let hint = nearest(ROOT, last).map_or_else(
                || "`fleetsim schema` lists all keys".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(format!("there is no key `{written}`; {hint}"))
        }
        several => {
            let paths: Vec<&str> = several.iter().map(|(path, _)| path.as_str()).collect();
            Err(format!("there is no key `{written}`; keys of that name are {}", paths.join(", ")))
        }
    }
}

/// The key at a path; parts that name elements of lists are passed over.
fn walk(keys: &'static [Key], parts: &[&str]) -> Option<(String, &'static Key)> {
    let (first, rest) = parts.split_first()?;
    let key = find(keys, first)?;
    if rest.is_empty() {
        return Some((key.name.to_owned(), key));
    }
    let inner = key.kind.keys()?;
    let deeper = walk(inner, rest).or_else(|| match key.kind {
        Kind::Named(_) if rest.len() > 1 => walk(inner, &rest[1..]),
        _ => None,
    });
    deeper.map(|(path, found)| (format!("{}.{path}", key.name), found))
}

fn search(keys: &'static [Key], path: &str, snake: &str, found: &mut Vec<(String, &'static Key)>) {
    for key in keys {
        let own = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        if key.name == snake || key.aliases.contains(&snake) {
            found.push((own.clone(), key));
        }
        if let Some(inner) = key.kind.keys() {
            search(inner, &own, snake, found);
        }
    }
}

fn doc_of(path: String, key: &'static Key) -> KeyDoc {
    let default = match key.absent {
        Absent::Default(text) => text.to_owned(),
        Absent::Required => "none: it must be given".to_owned(),
        Absent::Nothing => "none: without it nothing is done".to_owned(),
        Absent::Section => "the defaults of its keys".to_owned(),
    };
    let mut aliases: Vec<String> = key.aliases.iter().map(|alias| (*alias).to_owned()).collect();
    let camel = camel_case(key.name);
    if camel != key.name {
        aliases.push(camel);
    }
    KeyDoc {
        meaning: key.doc,
        expected: key.kind.expected(),
        default,
        aliases,
        source: source(&path),
        keys: key.kind.keys().unwrap_or_default().iter().map(|key| (key.name, key.doc)).collect(),
        path,
    }
}

fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// Sources by the beginning of a path; the longest that fits counts.
const SOURCES: &[(&str, &str)] = &[
    ("", "fleetsim's own"),
    ("workload", "what your jobs are; defaults are fleetsim's own"),
    (
        "gitlab",
        "GitLab Runner 19.4 and GitLab's sources (2026-08); latencies are typical figures: measure yours",
    ),
    ("runner", "GitLab Runner 19.4, `common/config.go` and `executors/kubernetes` (2026-08)"),
    ("runner.host", "fleetsim's own; instance prices of the catalogue"),
    ("karpenter", "Karpenter v1.15.0, `pkg/operator/options` and `pkg/controllers`"),
    ("karpenter.drift", "Karpenter v1.15.0, `pkg/controllers/nodeclaim/disruption`"),
    ("node_pool", "Karpenter v1.15.0, `apis/v1/nodepool.go`"),
    ("node_pool.ttl_seconds_after_empty", "Karpenter v0.25, Provisioner v1alpha5"),
    ("node_pool.ttl_seconds_until_expired", "Karpenter v0.25, Provisioner v1alpha5"),
    ("kubernetes", "kube-scheduler and kubelet 1.37; start and pull figures are typical ones: measure yours"),
    ("kubernetes.daemonset", "Amazon EKS add-on manifests (2026-08)"),
    ("kubernetes.fargate", "Amazon EKS add-on CoreDNS; Karpenter's getting-started guide (v1)"),
    ("ec2", "price catalogue of fleetsim (`fleetsim catalog show` names dates and sources)"),
    ("ec2.spot", "Spot Instance Advisor of 2025-06; EC2 user guide on interruptions"),
    ("ec2.startup", "published boot times of EKS AMIs, as quoted in the reference figures: measure yours"),
    ("ec2.billing", "EC2 on-demand pricing (per second, 60 s least); Amazon EKS pricing (2026-07)"),
    ("speed", "Spare Cores benchmark data (sc-inspector-data, CC BY-SA 4.0), rounded"),
    ("fixed", "fleetsim's own"),
];

fn source(path: &str) -> &'static str {
    let fits = |start: &str| {
        start.is_empty()
            || path == start
            || path.strip_prefix(start).is_some_and(|rest| rest.starts_with('.'))
    };
    let found = SOURCES.iter().filter(|(start, _)| fits(start)).max_by_key(|(start, _)| start.len());
    found.map_or("", |(_, source)| source)
}

/// The names of the enabled elements of a list of named tables (`runner`, `node_pool`) in one fleet of a scenario.
///
/// # Errors
/// Every mistake of the text, as [`super::resolve_with`].
pub fn element_names(
    (text, name): (&str, &str),
    set: &[String],
    files: &mut dyn FileProvider,
    fleet: &str,
    list: &str,
) -> Result<Vec<String>, Vec<Diagnostic>> {
    let layers = layers::read(text, name, set, files)?;
    let found = layers.fleets.iter().find(|document| document.name == fleet);
    Ok(found.map_or_else(Vec::new, |document| names_in(&document.table, list)))
}

fn names_in(table: &Table, list: &str) -> Vec<String> {
    let Some(Value::Array(items)) = table.get(list).map(|item| &item.value) else { return Vec::new() };
    let name = |table: &Table| match (table.get("name").map(|item| &item.value), table.get("enabled")) {
        (_, Some(enabled)) if enabled.value == Value::Boolean(false) => None,
        (Some(Value::Text(name)), _) => Some(name.clone()),
        _ => None,
    };
    items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Table(table) => name(table),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_path_name_element_and_any_spelling() {
        for written in [
            "node_pool.disruption.consolidate_after",
            "node_pool.ci.disruption.consolidateAfter",
            "fleet.spot.node_pool.ci.disruption.consolidate-after",
            "consolidateAfter",
        ] {
            let doc = key_doc(written).unwrap();
            assert_eq!(doc.path, "node_pool.disruption.consolidate_after", "{written}");
            assert_eq!(doc.default, "\"0s\"");
            assert_eq!(doc.source, "Karpenter v1.15.0, `apis/v1/nodepool.go`");
        }
        assert!(key_doc("concurent").unwrap_err().contains("no key `concurent`"));
        assert!(key_doc("cpu").unwrap_err().contains("runner.host.cpu"));
        assert!(key_doc("runner").unwrap().keys.iter().any(|(name, _)| *name == "concurrent"));
    }

    #[test]
    fn every_key_of_the_language_can_be_explained() {
        fn all(keys: &'static [Key], path: &str, visit: &mut impl FnMut(String, &'static Key)) {
            for key in keys {
                let own = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                visit(own.clone(), key);
                if let Some(inner) = key.kind.keys() {
                    all(inner, &own, visit);
                }
            }
        }
        all(ROOT, "", &mut |path, key| {
            let doc = key_doc(&path).unwrap();
            assert_eq!((doc.path.as_str(), doc.meaning), (path.as_str(), key.doc));
            assert!(!doc.source.is_empty() && !doc.expected.is_empty() && !doc.default.is_empty());
        });
    }
}

//! How a fact is looked up in the scenario text of an import.

use fleetsim::scenario::import::{Imported, Input, import};
use fleetsim::scenario::resolve;
use fleetsim::units::{Mebibytes, Millicores};
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::{Table, Value};

pub(crate) fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/configs");
    folder.is_dir().then_some(folder)
}

/// The texts of `files`, or nothing where the folder is absent.
pub(crate) fn texts(files: &str) -> Option<Vec<(String, String)>> {
    let folder = folder()?;
    Some(
        files
            .split_whitespace()
            .map(|name| {
                let text = std::fs::read_to_string(folder.join(name));
                (name.to_owned(), text.unwrap_or_else(|error| panic!("{name}: {error}")))
            })
            .collect(),
    )
}

pub(crate) fn imported(texts: &[(String, String)]) -> Result<Imported, String> {
    let inputs: Vec<Input<'_>> = texts.iter().map(|(name, text)| Input { name, text }).collect();
    import(&inputs, None).map_err(|problems| {
        problems.iter().map(|problem| problem.render(false) + "\n").collect::<Vec<_>>().concat()
    })
}

/// The value at `path`, keys separated by `|`, as text; `-` where there is none.
pub(crate) fn look(document: &Value, path: &str) -> String {
    let mut at = document;
    for key in path.split('|') {
        if let Some(label) = key.strip_prefix("req:") {
            return requirement(at, label);
        }
        if let Some(label) = key.strip_prefix("fam:") {
            return families(at, label);
        }
        if let Some(resource) = key.strip_prefix("sum:") {
            return requested(at, resource);
        }
        if key == "#" {
            return at.as_array().map_or(0, Vec::len).to_string();
        }
        let next = match at {
            Value::Table(table) => table.get(key),
            Value::Array(items) => key.parse::<usize>().ok().map_or_else(
                || items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(key)),
                |index| items.get(index),
            ),
            _ => None,
        };
        let Some(next) = next else { return "-".to_owned() };
        at = next;
    }
    plain(at)
}

/// What a pod of the first runner requests: build, helper and configured services.
fn requested(document: &Value, resource: &str) -> String {
    let runner = &document["runner"][0];
    let keys = ["", "helper_", "service_"].map(|prefix| format!("{prefix}{resource}_request"));
    let parts = keys.iter().filter_map(|key| runner.get(key)?.as_str());
    if resource == "cpu" {
        let sum = parts.map(|text| text.parse::<Millicores>().unwrap().0).sum();
        Millicores(sum).to_string()
    } else {
        let sum = parts.map(|text| text.parse::<Mebibytes>().unwrap().0).sum();
        Mebibytes(sum).to_string()
    }
}

/// Families of the instance types of a requirement.
fn families(pool: &Value, label: &str) -> String {
    let all = pool.get("requirements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let own = all.iter().filter(|own| own["key"].as_str() == Some(label));
    let values = own.flat_map(|own| own["values"].as_array().unwrap());
    let families: BTreeSet<&str> =
        values.filter_map(|value| Some(value.as_str()?.split_once('.')?.0)).collect();
    families.into_iter().collect::<Vec<_>>().join(",")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Table(table) => {
            let parts = table.iter().map(|(key, value)| format!("{key}={}", plain(value)));
            parts.collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}

/// `In a,b` or `In a,b min 2`, several joined by ` & `; `N values` of long lists.
fn requirement(pool: &Value, label: &str) -> String {
    let all = pool.get("requirements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown = all.iter().filter(|own| own["key"].as_str() == Some(label)).map(|own| {
        let values = own["values"].as_array().unwrap();
        let text = if values.len() > 8 {
            format!("{} values", values.len())
        } else {
            values.iter().map(plain).collect::<Vec<_>>().join(",")
        };
        let least = own.get("min_values").map(|least| format!(" min {least}")).unwrap_or_default();
        format!("{} {text}{least}", plain(&own["operator"])).trim().replace("  ", " ")
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" & ") }
}

const JOB: &str = r#"
[[workload.class]]
name = "tiny"
cpu = "100m"
memory = "128Mi"
duration = "1m"
arrivals = { per_day = 1 }
TAGS
"#;

const RUNNER: &str = r#"
[[runner]]
name = "test-runner"
node_tolerations = { "" = "" }
"#;

const POOL: &str = r#"
[[node_pool]]
name = "test-pool"
"#;

/// Whether the fragment, completed with a job, a runner and a pool, is a scenario.
pub(crate) fn accepted(toml: &str) -> Result<(), String> {
    let document: Table = toml::from_str(toml).map_err(|error| error.to_string())?;
    let mut whole = toml.to_owned();
    let runner = document.get("runner").and_then(|runners| runners.get(0));
    let has_pipelines = document.contains_key("workload");
    if !has_pipelines {
        let tags = runner.and_then(|runner| runner.get("tags")).map(|tags| format!("tags = {tags}"));
        whole += &JOB.replace("TAGS", &tags.unwrap_or_default());
    }
    if runner.is_none() {
        whole += &format!("{RUNNER}tags = [{}]\n", tags_of_jobs(&document).join(", "));
    }
    whole += POOL;
    if let Some(labels) = runner.and_then(|runner| runner.get("node_selector")) {
        whole += &format!("labels = {labels}");
    }
    resolve(&whole, "import.toml", &mut |_: &str| Err("no file".to_owned()))
        .map(|_| ())
        .map_err(|problems| problems.iter().map(|problem| problem.render(false)).collect())
}

/// Every tag that the jobs of the pipelines ask for, as TOML, with the values of matrices filled in.
fn tags_of_jobs(document: &Table) -> Vec<String> {
    let mut all = Vec::new();
    let pipelines = document.get("workload").and_then(|workload| workload.get("pipeline"));
    for pipeline in pipelines.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let jobs = pipeline.get("job").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for job in jobs {
            let tags = job.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let entries = job.get("matrix").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for tag in tags.iter().filter_map(Value::as_str) {
                let mut filled = vec![tag.to_owned()];
                for (key, values) in entries.iter().filter_map(Value::as_table).flatten() {
                    for value in values.as_array().unwrap() {
                        let value = value.as_str().unwrap();
                        filled.push(
                            tag.replace(&format!("${{{key}}}"), value).replace(&format!("${key}"), value),
                        );
                    }
                }
                all.extend(filled.into_iter().map(|tag| Value::String(tag).to_string()));
            }
        }
    }
    all
}

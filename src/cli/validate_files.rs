//! NodePools, runner configurations and Helm values given to `validate`: a scenario is put around them, with jobs of a typical
//! team and with what they lack themselves.

use super::exit::Failed;
use super::files::{reason, scenario_text};
use std::fs;
use std::path::{Path, PathBuf};

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scenario,
    Runner,
    NodePools,
}

fn kind(path: &Path, text: &str) -> Kind {
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let has_objects = text.lines().any(|line| line.starts_with("kind:") || line.starts_with("apiVersion:"));
    match (is_toml, has_objects) {
        (true, _) if text.lines().any(|line| line.trim_start().starts_with("[[runners]]")) => Kind::Runner,
        (true, _) => Kind::Scenario,
        (false, true) => Kind::NodePools,
        (false, false)
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") =>
        {
            Kind::Runner
        }
        (false, false) => Kind::Scenario,
    }
}

/// Jobs of a typical team: 500 a day in office hours, 4 minutes long in the middle and 14 at p95.
const JOBS: &str = "horizon = \"2d\"\nreplications = 2\nstart = \"2026-08-03T00:00[UTC]\"\n\
    [[workload.class]]\nname = \"typical\"\narrivals = { per_day = 500, profile = \"office-week\" }\n\
    duration = { median = \"4m\", p95 = \"14m\" }\n";
const RUNNER: &str =
    "[[runner]]\nname = \"eks\"\nconcurrent = 100\nrequest_concurrency = 10\npoll_timeout = \"10m\"\n";
const NODE_POOL: &str = "[[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\n\
    disruption = { consolidation_policy = \"WhenEmpty\", consolidate_after = \"5m\", budgets = [{ nodes = \"100%\" }] }\n";

/// Scenarios as they were given, and one more around the other files. The folder of the latter lives as long as this.
pub(super) struct ToValidate {
    pub scenarios: Vec<PathBuf>,
    pub around: Option<Around>,
}

/// A scenario around files that are none.
pub(super) struct Around {
    pub scenario: PathBuf,
    /// What stands before names of files in messages and is left out.
    pub prefix: String,
    _folder: tempfile::TempDir,
}

/// Tells scenarios from other files.
pub(super) fn sorted(paths: &[PathBuf]) -> Result<ToValidate, Failed> {
    let (mut scenarios, mut runners, mut pools) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        match kind(path, &scenario_text(path)?) {
            Kind::Scenario => scenarios.push(path.clone()),
            Kind::Runner => runners.push(path),
            Kind::NodePools => pools.push(path),
        }
    }
    let around = (!runners.is_empty() || !pools.is_empty()).then(|| around(&runners, &pools)).transpose()?;
    Ok(ToValidate { scenarios, around })
}

fn around(runners: &[&PathBuf], pools: &[&PathBuf]) -> Result<Around, Failed> {
    let failed =
        |error: &std::io::Error| Failed::Output(format!("cannot write a scenario: {}", reason(error)));
    let here = std::env::current_dir().map_err(|error| failed(&error))?;
    let quoted = |paths: &[&PathBuf]| {
        let names = paths.iter().map(|path| format!("{:?}", here.join(path).display().to_string()));
        names.collect::<Vec<_>>().join(", ")
    };
    let mut text = JOBS.to_owned();
    match runners {
        [] => text.push_str(RUNNER),
        files => files
            .iter()
            .for_each(|file| text.push_str(&format!("[[runner]]\nconfig = {}\n", quoted(&[*file])))),
    }
    match pools {
        [] => text.push_str(NODE_POOL),
        files => text.push_str(&format!("[node_pool]\nmanifest = [{}]\n", quoted(files))),
    }
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let scenario = folder.path().join("around.toml");
    fs::write(&scenario, text).map_err(|error| failed(&error))?;
    Ok(Around { scenario, prefix: format!("{}/", here.display()), _folder: folder })
}

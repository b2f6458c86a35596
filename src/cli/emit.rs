//! `--emit`: files for CI beside the results.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::exit::Failed;
use super::files::write_file;
use crate::experiment::ExperimentSummary;
use crate::report::{Artifact, ArtifactFacts, Gated, artifact, gate_artifact};
use crate::scenario::Scenario;

/// `KIND=FILE`, or `all=FOLDER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Emit {
    files: Vec<(Artifact, PathBuf)>,
}

impl FromStr for Emit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = || Artifact::ALL.map(Artifact::name).join(", ");
        let Some((name, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            return Err(format!("expected KIND=FILE with a KIND of {}, or all=FOLDER", kinds()));
        };
        if name == "all" {
            let folder = Path::new(path);
            return Ok(Self { files: Artifact::ALL.map(|kind| (kind, folder.join(kind.file()))).to_vec() });
        }
        let kind = Artifact::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| format!("`{name}` is none of {}, all", kinds()))?;
        Ok(Self { files: vec![(kind, PathBuf::from(path))] })
    }
}

/// Writes what was asked for.
///
/// # Errors
/// A file cannot be written.
pub(super) fn emit(
    wanted: &[Emit],
    scenario: &Scenario,
    path: &Path,
    summary: &ExperimentSummary,
) -> Result<(), Failed> {
    if wanted.is_empty() {
        return Ok(());
    }
    let facts = artifact_facts(scenario, path, &format!("reports/{}", scenario.name));
    write(wanted, |kind| artifact(kind, summary, &scenario.objectives, &facts))
}

/// Writes what was asked for of what the gate judged.
///
/// # Errors
/// A file cannot be written.
pub(super) fn emit_gate(wanted: &[Emit], gated: &[Gated<'_>]) -> Result<(), Failed> {
    write(wanted, |kind| gate_artifact(kind, gated))
}

fn write(wanted: &[Emit], text: impl Fn(Artifact) -> String) -> Result<(), Failed> {
    for (kind, file) in wanted.iter().flat_map(|emit| &emit.files) {
        write_file(file, text(*kind).as_bytes(), true)?;
    }
    Ok(())
}

/// What files for CI say besides the results; the page lies in `folder`, or nowhere where that is empty.
pub(super) fn artifact_facts(scenario: &Scenario, path: &Path, folder: &str) -> ArtifactFacts {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line =
        text.lines().position(|line| line.trim_start().trim_start_matches('[').starts_with("objective"));
    ArtifactFacts {
        scenario: scenario.name.clone(),
        file: path.display().to_string(),
        objectives_line: line.map_or(1, |line| line + 1),
        report_url: report_url(folder),
    }
}

/// Where GitLab will show the page in `folder`, where a job of GitLab runs this: its job's artifacts. Artifacts lie within the
/// job's own folder, so another place has no address.
fn report_url(folder: &str) -> String {
    let job = std::env::var("CI_JOB_URL").unwrap_or_default();
    let is_inside = !folder.is_empty() && !folder.starts_with('/') && !folder.contains("..");
    if job.is_empty() || !is_inside {
        String::new()
    } else {
        format!("{job}/artifacts/file/{}/report.html", folder.trim_start_matches("./"))
    }
}

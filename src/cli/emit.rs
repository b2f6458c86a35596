//! `--emit`: files for CI beside the results.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::exit::Failed;
use super::files::write_file;
use crate::experiment::ExperimentSummary;
use crate::report::{Artifact, ArtifactFacts, artifact};
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
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().position(|line| line.trim_start().starts_with("[objectives"));
    let facts = ArtifactFacts {
        scenario: scenario.name.clone(),
        file: path.display().to_string(),
        objectives_line: line.map_or(1, |line| line + 1),
        report_url: report_url(&scenario.name),
    };
    for (kind, file) in wanted.iter().flat_map(|emit| &emit.files) {
        write_file(file, artifact(*kind, summary, &scenario.objectives, &facts).as_bytes(), true)?;
    }
    Ok(())
}

/// Where GitLab will show the page, where a job of GitLab runs this: its job's artifacts.
fn report_url(scenario: &str) -> String {
    let job = std::env::var("CI_JOB_URL").unwrap_or_default();
    if job.is_empty() {
        String::new()
    } else {
        format!("{job}/artifacts/file/reports/{scenario}/report.html")
    }
}

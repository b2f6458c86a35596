//! `fleetsim import`: other tools' files as scenario text, and an account of what of them was not used.

use super::args::ImportCommand;
use super::exit::{Exit, Failed};
use super::files::{scenario_text, write_file};
use super::terminal::{Terminal, answer, say};
use crate::scenario::Span;
use crate::scenario::import::{ImportKind, Input, Remark, import as read};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `import`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ImportArguments {
    /// Exports of jobs become a trace.
    #[command(subcommand)]
    pub jobs: Option<ImportCommand>,
    /// NodePools, runner `config.toml`, Helm values, HelmReleases, `.gitlab-ci.yml`; of several pipelines the main file first.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write the scenario text there instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Overwrite the file of `--out`.
    #[arg(long)]
    pub force: bool,
    /// What the files are, where their content does not tell.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<KindName>,
}

/// A kind of file on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum KindName {
    /// Karpenter objects, HelmReleases, ConfigMaps.
    Kubernetes,
    /// A runner's config.toml.
    RunnerToml,
    /// Values of the gitlab-runner chart.
    HelmValues,
    /// .gitlab-ci.yml.
    GitlabCi,
}

/// Imports all files together and says what was not used.
pub(super) fn import(arguments: &ImportArguments, terminal: Terminal) -> Result<Exit, Failed> {
    if let Some(command) = &arguments.jobs {
        return super::import_jobs::import(command, terminal);
    }
    let texts: Vec<(String, String)> = arguments
        .files
        .iter()
        .map(|path| Ok((path.display().to_string(), scenario_text(path)?)))
        .collect::<Result<_, Failed>>()?;
    let inputs: Vec<Input<'_>> = texts.iter().map(|(name, text)| Input { name, text }).collect();
    let kind = arguments.kind.map(|kind| match kind {
        KindName::Kubernetes => ImportKind::Kubernetes,
        KindName::RunnerToml => ImportKind::RunnerToml,
        KindName::HelmValues => ImportKind::HelmValues,
        KindName::GitlabCi => ImportKind::Pipeline,
    });
    let imported = read(&inputs, kind).map_err(Failed::Input)?;
    match &arguments.out {
        Some(path) => write_file(path, imported.toml.as_bytes(), arguments.force)?,
        None => answer(&imported.toml)?,
    }
    if !terminal.quiet {
        for line in account_lines(&imported.remarks, &imported.unused, imported.pipeline.is_some()) {
            say(&line);
        }
    }
    Ok(Exit::Success)
}

/// Remarks, then every key that was not used, a line each.
pub(super) fn account_lines(remarks: &[Remark], unused: &[(String, Span)], of_pipeline: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        remarks.iter().map(|remark| format!("{:?}: {}", remark.span, remark.text)).collect();
    if unused.is_empty() {
        lines.push("every key was used".to_owned());
        return lines;
    }
    lines.push(format!("{} keys were not used:", unused.len()));
    let mut groups: Vec<(&str, Vec<&(String, Span)>)> = Vec::new();
    for own in unused {
        // Jobs of a pipeline leave the same keys: `build.script` and `test.script` are one line.
        let of_job = own.0.split_once('.').filter(|_| of_pipeline);
        let key = of_job.map_or(own.0.as_str(), |(_, key)| key);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, places)) => places.push(own),
            None => groups.push((key, vec![own])),
        }
    }
    for (key, places) in groups {
        let (path, span) = places[0];
        lines.push(match places.len() {
            1 => format!("  {span:?}: {path}"),
            count => format!("  {span:?}: {key}, {count} times, first in {path}"),
        });
    }
    lines
}

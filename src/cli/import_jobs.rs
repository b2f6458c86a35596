//! `fleetsim import`: job exports into a trace.

use super::args::{BadRowsChoice, ImportCommand, ImportJobsArguments};
use super::exit::{Exit, Failed};
use super::files::{scenario_text, write_file_with};
use super::terminal::{Terminal, answer, say};
use crate::report::import_account_text;
use crate::scenario::import_problem;
use crate::workload::{
    Anonymizer, BadRows, DEFAULT_ANONYMIZE_KEY, ImportError, ImportKind, ImportOptions, JobMap, JobTable,
    import_jobs,
};
use flate2::{Compression, GzBuilder};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Runs one of the kinds of import.
pub(super) fn import(command: &ImportCommand, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        ImportCommand::Jobs(arguments) => jobs(None, arguments, terminal),
        ImportCommand::GitlabJobs(arguments) => jobs(Some(ImportKind::GitlabJobs), arguments, terminal),
        ImportCommand::GithubJobs(arguments) => jobs(Some(ImportKind::GithubJobs), arguments, terminal),
        ImportCommand::Buildkite(arguments) => jobs(Some(ImportKind::Buildkite), arguments, terminal),
        ImportCommand::K8sPods(arguments) => jobs(Some(ImportKind::K8sPods), arguments, terminal),
        ImportCommand::Swf(arguments) => jobs(Some(ImportKind::Swf), arguments, terminal),
        ImportCommand::Csv(arguments) => jobs(Some(ImportKind::Trace), arguments, terminal),
    }
}

fn jobs(
    kind: Option<ImportKind>,
    arguments: &ImportJobsArguments,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let input = |error: ImportError| Failed::Input(vec![import_problem(&error)]);
    if arguments.anonymize && arguments.anonymize_key.is_none() {
        terminal.note(
            "warning: without --anonymize-key the key is a public one, so guessed names can be checked by everybody",
        );
    }
    let key = arguments.anonymize_key.as_deref().unwrap_or(DEFAULT_ANONYMIZE_KEY);
    let options = ImportOptions {
        anonymizer: arguments.anonymize.then(|| Anonymizer::new(key)),
        observed_startup: arguments.observed_startup.clone(),
        ..import_options(kind, arguments.map.as_deref(), bad_rows(arguments.bad_rows))?
    };
    let names: Vec<String> = arguments.inputs.iter().map(|path| path.display().to_string()).collect();
    let files = names.iter().zip(&arguments.inputs).map(|(name, path)| (name.as_str(), open(path)));
    let (table, account) = import_jobs(files, &options).map_err(input)?;
    let text = import_account_text(&account);
    match &arguments.out {
        Some(path) => {
            write_file_with(path, arguments.force, |out| write_trace(&table, path, out))?;
            answer(&text)?;
        }
        None => {
            let mut csv = Vec::new();
            table.write_csv(&mut csv).map_err(|error| Failed::Output(error.to_string()))?;
            answer(&String::from_utf8_lossy(&csv))?;
            if !terminal.quiet {
                say(text.trim_end());
            }
        }
    }
    Ok(Exit::Success)
}

/// Options of an import with the map in the file `map`.
pub(super) fn import_options(
    kind: Option<ImportKind>,
    map: Option<&Path>,
    bad_rows: BadRows,
) -> Result<ImportOptions, Failed> {
    let input = |error: ImportError| Failed::Input(vec![import_problem(&error)]);
    let map = match map {
        None => None,
        Some(path) => Some(JobMap::parse(&scenario_text(path)?, &path.display().to_string()).map_err(input)?),
    };
    Ok(ImportOptions { kind, map, bad_rows, ..ImportOptions::default() })
}

/// As the workload names it.
pub(super) const fn bad_rows(choice: BadRowsChoice) -> BadRows {
    match choice {
        BadRowsChoice::Refuse => BadRows::Refuse,
        BadRowsChoice::Drop => BadRows::Drop,
    }
}

/// A file, or standard input for `-`.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(super::files::reason(&error)),
    }
}

/// Compressed where the name ends in `.gz`, without name and time, so that equal imports are equal files.
fn write_trace(table: &JobTable, path: &Path, out: &mut dyn Write) -> io::Result<()> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzBuilder::new().mtime(0).write(out, Compression::fast());
        table.write_csv(&mut encoder)?;
        encoder.finish().map(|_| ())
    } else {
        Ok(table.write_csv(out)?)
    }
}

//! Job exports (GitLab, GitHub Actions, Buildkite, Kubernetes pods, SWF) read one record at a time into the rows of a
//! trace. Opens no file.
//!
//! Only jobs that ran become rows; everything else is counted under its reason. Nothing is guessed: what an export does
//! not say stays unknown, unless a map says it.

mod account;
mod anonymize;
mod buildkite;
mod detect;
mod error;
mod fields;
mod framing;
mod github;
mod gitlab;
mod lines;
mod map;
mod pods;
mod scan;
mod sink;
mod table;

use std::io::{Cursor, Read};

pub use account::{Dependencies, ImportAccount, Note, SpanQuantiles};
pub use anonymize::{Anonymizer, DEFAULT_ANONYMIZE_KEY};
pub use detect::{Detected, detect};
pub use error::{Dropped, ImportError};
pub use map::JobMap;
pub use table::{Identifier, JobRow, JobTable, TRACE_HEADER};

use super::trace::decompressed;
use super::{BadRows, Distribution};
use error::Fault;
use framing::Records;
use map::Mapping;
use sink::{Sink, StartUp};

/// A kind of job export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportKind {
    /// GitLab's jobs API, or its job webhooks.
    GitlabJobs,
    /// GitHub's `actions/runs/*/jobs`.
    GithubJobs,
    /// The Standard Workload Format.
    Swf,
    /// `kubectl get pods -o json`.
    K8sPods,
    /// Buildkite's builds API.
    Buildkite,
    /// A trace with fleetsim's own columns.
    Trace,
}

impl ImportKind {
    /// Its name on the command line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::GitlabJobs => "gitlab-jobs",
            Self::GithubJobs => "github-jobs",
            Self::Swf => "swf",
            Self::K8sPods => "k8s-pods",
            Self::Buildkite => "buildkite",
            Self::Trace => "trace",
        }
    }

    /// Key of the array of records where a page is an object.
    const fn wrapper(self) -> Option<&'static str> {
        match self {
            Self::GithubJobs => Some("jobs"),
            Self::K8sPods => Some("items"),
            _ => None,
        }
    }
}

/// How exports are imported.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// The kind of all files; `None` finds out.
    pub kind: Option<ImportKind>,
    /// What jobs need where the export does not say.
    pub map: Option<JobMap>,
    /// Replaces names and shifts dates.
    pub anonymizer: Option<Anonymizer>,
    /// What happens to records that cannot be used.
    pub bad_rows: BadRows,
    /// What the recorded durations hold beside the script: the wait for the pod and its images. It is drawn for each job and
    /// taken off.
    pub observed_startup: Option<Distribution>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { kind: None, map: None, anonymizer: None, bad_rows: BadRows::Refuse, observed_startup: None }
    }
}

/// Imports `files` (name and content, plain or gzip) as one export: pages may overlap.
///
/// # Errors
/// A file that cannot be read or is of no known kind, damaged JSON, a record that cannot be used (unless such are
/// dropped), more than a thousand million jobs.
pub fn import_jobs<'f, R: Read + Send + 'f>(
    files: impl IntoIterator<Item = (&'f str, Result<R, String>)>,
    options: &ImportOptions,
) -> Result<(JobTable, ImportAccount), ImportError> {
    let mut sink = Sink {
        mapping: options.map.clone().map(Mapping::new),
        bad_rows: Some(options.bad_rows),
        startup: options.observed_startup.clone().map(StartUp::new),
        ..Sink::default()
    };
    let mut kinds = Vec::new();
    for (number, (file, input)) in files.into_iter().enumerate() {
        let whole = |message: String, hint: &str| ImportError::at(file, (0, 0), message, hint);
        let input = input.map_err(|reason| whole(format!("cannot be read: {reason}"), ""))?;
        (sink.file, sink.line) = (file, 0);
        kinds.extend(read_file(input, number, options.kind, &mut sink)?);
        if sink.table.len() > JobTable::MOST {
            return Err(whole("more than 1,073,741,823 jobs".to_owned(), "import it in parts"));
        }
    }
    kinds.dedup();
    // A file of which nothing can be used is no export of this kind.
    match sink.examples.first() {
        Some((_, first)) if sink.table.is_empty() && sink.dropped.keys().all(|reason| reason.is_bad()) => {
            Err(first.clone())
        }
        _ => Ok(finish(sink, kinds, options)),
    }
}

fn finish(mut sink: Sink<'_>, kinds: Vec<ImportKind>, options: &ImportOptions) -> (JobTable, ImportAccount) {
    let (repeated, conflicting) = sink.table.remove_repeated();
    let nowhere = error::place("", 0);
    for (reason, count) in [(Dropped::Repeated, repeated), (Dropped::Conflicting, conflicting)] {
        if count > 0 {
            sink.dropped.insert(reason, (count, nowhere.clone()));
        }
    }
    let retries = sink.table.count_retries();
    sink.table.sort();
    let mut account = ImportAccount::of(&mut sink, kinds, retries);
    if let (Some(anonymizer), Some((first, _))) = (&options.anonymizer, account.span_ms) {
        account.shifted_ms = Anonymizer::shift_ms(first);
        sink.table.anonymize(anonymizer, account.shifted_ms);
        for example in &mut account.unmatched_examples {
            example.name = anonymizer.name(&example.name);
        }
    }
    (sink.table, account)
}

/// Reads one file; returns its kind, if it has any record.
fn read_file<'f>(
    input: impl Read + Send + 'f,
    number: usize,
    kind: Option<ImportKind>,
    sink: &mut Sink<'f>,
) -> Result<Option<ImportKind>, ImportError> {
    let file = sink.file;
    let whole = |message: String, hint: &str| ImportError::at(file, (0, 0), message, hint);
    let damaged = |error: std::io::Error| {
        whole(format!("cannot be read: {error}"), "try `gzip -t` where it is compressed")
    };
    let mut input = decompressed(input).map_err(damaged)?;
    let mut head = Vec::new();
    (&mut input).take(detect::LOOKED_AT_BYTES as u64).read_to_end(&mut head).map_err(damaged)?;
    let kinds = "gitlab-jobs, github-jobs, buildkite, k8s-pods, swf, trace";
    let kind = match (kind, detect(&head)) {
        (_, Detected::Empty) => {
            return Err(whole("is empty".to_owned(), "was the download cut off, or the answer an error?"));
        }
        (Some(kind), _) | (None, Detected::Export(kind)) => kind,
        (None, Detected::NoRecords) => ImportKind::GitlabJobs,
        (None, Detected::Table) => ImportKind::Trace,
        (None, Detected::UnknownJson) => {
            let hint = format!("--kind says it, one of {kinds}; an error message of the API has no jobs");
            return Err(
                ImportError::at(file, (1, 1), "JSON that is no known job export", hint).showing(&head, 0)
            );
        }
    };
    let input = Cursor::new(head).chain(input);
    match kind {
        ImportKind::Swf => lines::read_swf(input, number, sink)?,
        ImportKind::Trace => lines::read_trace(input, sink)?,
        ImportKind::GitlabJobs => read_json(input, kind, gitlab::read, sink)?,
        ImportKind::GithubJobs => read_json(input, kind, github::read, sink)?,
        ImportKind::K8sPods => read_json(input, kind, pods::read, sink)?,
        ImportKind::Buildkite => read_json(input, kind, buildkite::read, sink)?,
    }
    Ok(Some(kind))
}

type ReadRecord = fn(&[u8], &mut Sink<'_>) -> serde_json::Result<Result<(), Fault>>;

fn read_json(
    input: impl Read,
    kind: ImportKind,
    read: ReadRecord,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let mut records = Records::new(input, sink.file, kind.wrapper());
    while let Some(record) = records.next_record()? {
        sink.line = record.line;
        match read(record.bytes, sink) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                let missing = fault.problem == super::RowProblem::Missing;
                let offset = if missing { None } else { scan::offset_of(record.bytes, fault.key) };
                let offset = offset.unwrap_or(0);
                let at = record.place(offset);
                sink.fault(&fault, at, record.bytes, offset)?;
            }
            // The brackets fit, so the next record can be read whatever is in this one.
            Err(error) if error.is_data() => {
                let error = wrong_json(&error, &record, sink.file);
                sink.bad(Dropped::WrongType, error)?;
            }
            Err(error) => return Err(wrong_json(&error, &record, sink.file)),
        }
    }
    Ok(())
}

/// A record that is not JSON, or has a value of another type than its kind has.
fn wrong_json(error: &serde_json::Error, record: &framing::Record<'_>, file: &str) -> ImportError {
    let offset = record.offset(error.line(), error.column());
    let text = error.to_string();
    let closing = record.bytes.get(offset).filter(|byte| matches!(byte, b'}' | b']'));
    let message = match closing {
        Some(closing) if record.bytes[..offset].trim_ascii_end().ends_with(b",") => {
            format!("a comma before the closing `{}`", char::from(*closing))
        }
        _ => text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned(),
    };
    let hint = if error.is_data() {
        "the value is not of the type that this API has there; --kind forces another kind of export"
    } else {
        "the file is not JSON from here on"
    };
    ImportError::at(file, record.place(offset), message, hint).showing(record.bytes, offset)
}

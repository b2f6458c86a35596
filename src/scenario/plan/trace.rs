//! Traces: rules to classes, and one whole reading beforehand, so that a bad row is a mistake in the input and not a run
//! that breaks off.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::job_export::{as_trace, import_problem};
use super::super::layers::FileProvider;
use super::super::source::{Source, Span};
use super::job::{self, Jobs, line_of};
use super::workload::unreadable;
use crate::engine::Streams;
use crate::units::{Ppm, SimDuration, SimTime};
use crate::workload::{
    Arrivals, BadRows, Field, MapRule, Pattern, Replay, TraceError, TraceInstant, TraceOptions, TraceReplay,
    TraceReport, TraceTags, Workload,
};
use std::io::{Cursor, Read};
use std::sync::Arc;

/// Stages of one recorded pipeline are looked for within this time.
const WITHIN: SimDuration = SimDuration::from_hours(6);

/// A trace in memory, ready to be replayed any number of times.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Trace {
    /// The CSV text, decompressed; of a job export, what the import makes of it.
    pub bytes: Arc<[u8]>,
    /// How it is replayed.
    pub options: TraceOptions,
    /// What became of its rows when it was read ahead.
    pub report: TraceReport,
}

impl Trace {
    /// A replay from the first row on.
    pub(in crate::scenario) fn replay(&self) -> Result<TraceReplay, TraceError> {
        TraceReplay::open(Cursor::new(Arc::clone(&self.bytes)), self.options.clone())
    }
}

/// The trace of `workload`, if it names one; classes of its rules are added to `result`.
pub(super) fn trace(
    workload: &Table,
    result: &mut Workload,
    jobs: &mut Jobs<'_, '_>,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Option<Trace> {
    let path = workload.text_if("trace")?;
    let span = workload.span("trace");
    let bytes = files.read(path).and_then(|bytes| decompressed(path, bytes));
    let options = options(path, workload, result, jobs, problems);
    match bytes {
        Ok(bytes) => match as_trace(path, bytes, options.bad_rows) {
            Ok(bytes) => Some(Trace { bytes: bytes.into(), options, report: TraceReport::default() }),
            Err(error) => {
                problems.push(import_problem(&error));
                None
            }
        },
        Err(reason) => {
            problems.push(unreadable(path, &reason, span));
            None
        }
    }
}

fn decompressed(path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut plain)
        .map_err(|error| format!("its compression is damaged ({error}); try `gzip -t {path}`"))?;
    Ok(plain)
}

fn options(
    path: &str,
    workload: &Table,
    result: &mut Workload,
    jobs: &mut Jobs<'_, '_>,
    problems: &mut Problems,
) -> TraceOptions {
    let mut rules = Vec::new();
    for (index, (rule, span)) in workload.tables("rule").enumerate() {
        let name = rule.text_if("class").map_or_else(|| format!("rule-{}", index + 1), str::to_owned);
        let class = job::class(rule, span, &name, jobs, problems);
        let mut patterns: Vec<(Field, Pattern)> = Vec::new();
        for (key, field) in [("job", Field::Name), ("stage", Field::Stage), ("pipeline", Field::Pipeline)] {
            patterns.extend(rule.text_if(key).map(|text| (field, Pattern::new(text))));
        }
        patterns.extend(rule.texts("has_tags").map(|tag| (Field::Tags, Pattern::new(tag))));
        rules.push(MapRule { patterns, class: result.classes.push(class) });
    }
    let nothing = Table::default();
    let (otherwise, at) = match workload.get("otherwise") {
        Some(item) => (workload.section("otherwise"), line_of(&item.span)),
        None => (&nothing, workload.span("trace")),
    };
    let before = jobs.described.len();
    let otherwise = job::class(otherwise, &at, "trace", jobs, problems);
    let otherwise = result.classes.push(otherwise);
    if workload.get("otherwise").is_none() {
        jobs.described.truncate(before);
    }
    let window = workload.section("window");
    let any_tags = jobs.runners.iter().any(|runner| !runner.tags.is_empty());
    let keeps = workload.flag_if("keep_tags").unwrap_or(any_tags);
    TraceOptions {
        rules,
        tags: if keeps { TraceTags::OfRow } else { TraceTags::OfClass },
        scale: Ppm::from_f64(workload.number("scale")),
        time_scale: Ppm::from_f64(workload.number("time_scale")),
        from: Some(window.duration("from"))
            .filter(|from| *from > SimDuration::ZERO)
            .map(TraceInstant::AfterFirst),
        to: window.duration_if("to").map(TraceInstant::AfterFirst),
        bad_rows: if workload.text("bad_rows") == "drop" { BadRows::Drop } else { BadRows::Refuse },
        replay: if workload.flag("by_stage") {
            Replay::ByStage { within: WITHIN, stages: Vec::new() }
        } else {
            Replay::AsRecorded
        },
        ..TraceOptions::new(path, otherwise)
    }
}

/// Reads the whole trace once: its classes and templates are then in the tables of `workload`.
pub(super) fn read_ahead(
    trace: &mut Trace,
    workload: &mut Workload,
    seed: u64,
    horizon: SimDuration,
    span: &Span,
    problems: &mut Problems,
) {
    let outcome = (|| {
        let streams = Streams::new(seed, 0);
        let mut arrivals = Arrivals::new(workload, vec![trace.replay()?], streams, SimTime::ZERO + horizon)?;
        let mut count: u64 = 0;
        while arrivals.next_arrival()?.is_some() {
            count += 1;
        }
        let report = arrivals.trace_reports().pop().unwrap_or_default();
        Ok((arrivals.classes().clone(), arrivals.templates().clone(), report, count))
    })();
    match outcome {
        Ok((_, _, _, 0)) => {
            problems.push(
                Diagnostic::new(
                    Code::Range,
                    span.clone(),
                    "no job arrives within the horizon",
                    "expected jobs",
                )
                .help("look at `window`, `scale` and `horizon`"),
            );
        }
        Ok((classes, templates, report, _)) => {
            workload.classes = classes;
            workload.templates = templates;
            trace.report = report;
        }
        Err(error) => problems.append(&mut all_explained(error, trace, workload, horizon, span)),
    }
}

/// Every row that cannot be used, up to the number a report lists; other mistakes stand alone.
fn all_explained(
    error: TraceError,
    trace: &Trace,
    workload: &Workload,
    horizon: SimDuration,
    span: &Span,
) -> Problems {
    let mut report = TraceReport::default();
    if matches!(error, TraceError::Row { .. }) {
        let mut lenient = trace.clone();
        lenient.options.bad_rows = BadRows::Drop;
        let until = SimTime::ZERO + horizon;
        let arrivals = lenient
            .replay()
            .and_then(|replay| Arrivals::new(workload, vec![replay], Streams::new(0, 0), until));
        if let Ok(mut arrivals) = arrivals {
            while let Ok(Some(_)) = arrivals.next_arrival() {}
            report = arrivals.trace_reports().pop().unwrap_or_default();
        }
    }
    if !report.bad_rows.contains(&error) {
        report.bad_rows = vec![error];
    }
    let mut problems: Problems = report.bad_rows.iter().map(|row| explained(row, trace, span)).collect();
    let count: u64 = report.dropped.values().map(|(count, _)| count).sum();
    let more = count.saturating_sub(problems.len() as u64);
    if let (Some(last), true) = (problems.last_mut(), more > 0) {
        last.help = last.help.take().map(|help| format!("{help} ({more} more rows are bad)"));
    }
    problems
}

/// The row that cannot be used, shown in the trace itself.
fn explained(error: &TraceError, trace: &Trace, span: &Span) -> Diagnostic {
    let text = String::from_utf8_lossy(&trace.bytes);
    match error {
        TraceError::Row { at, problem, found } => {
            let line_text = text.lines().nth(at.line.saturating_sub(1) as usize).unwrap_or("");
            // Only the row itself is kept: a diagnostic must not carry a whole trace.
            let source = padded(&at.file, at.line, line_text);
            let start = source.text.len() - line_text.len();
            let column = at.column.as_ref().map_or(1, |(number, _)| *number);
            let (from, to) = field(line_text, column);
            let name = at.column.as_ref().map_or("this row", |(_, name)| name.as_str());
            let message = format!("`{found}` cannot be the {name} of a job");
            Diagnostic::new(
                Code::Row,
                Span::new(&source, start + from..start + to),
                message,
                format!("expected {}", problem.expected()),
            )
            .help("correct the row, or leave such rows out with workload.bad_rows = \"drop\"")
        }
        TraceError::NoColumn { file, what, accepted } => {
            let header = text.lines().next().unwrap_or("");
            let source = Source::new(file, header);
            let message = format!("the trace has no column for the {what}");
            Diagnostic::new(
                Code::Row,
                Span::new(&source, 0..header.len()),
                message,
                format!("expected one of {accepted}"),
            )
            .help("the first line of a trace names its columns")
        }
        TraceError::Unreadable { .. } => {
            Diagnostic::new(Code::File, span.clone(), error.to_string(), "expected a CSV file")
        }
    }
}

/// A text whose line `line` is `text` and which is empty before.
fn padded(file: &str, line: u64, text: &str) -> Arc<Source> {
    let blank = "\n".repeat(line.saturating_sub(1).min(10_000_000) as usize);
    Source::new(file, &format!("{blank}{text}"))
}

/// First and last byte of the field numbered `column` (from 1) of a CSV line.
fn field(line: &str, column: usize) -> (usize, usize) {
    let (mut start, mut number, mut quoted) = (0, 1, false);
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                if number == column {
                    return (start, at);
                }
                number += 1;
                start = at + 1;
            }
            _ => {}
        }
    }
    if number == column { (start, line.len()) } else { (0, line.len()) }
}

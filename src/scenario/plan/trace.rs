//! Traces: rules to classes, and one whole reading beforehand, so that a bad row is a mistake in the input and not a run
//! that breaks off.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::job_export::{Rows, as_trace, import_problem};
use super::super::layers::FileProvider;
use super::super::source::{Source, Span};
use super::job::{self, Jobs, line_of};
use super::workload::unreadable;
use crate::engine::Streams;
use crate::units::{Ppm, SimDuration, SimTime};
use crate::workload::{
    BadRows, Field, ImportAccount, MapRule, PackedTrace, Pattern, Replay, TraceError, TraceInstant,
    TraceOptions, TraceTags, Workload,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

/// Stages of one recorded pipeline are looked for within this time.
const WITHIN: SimDuration = SimDuration::from_hours(6);

/// A trace that a fleet names, not read yet.
pub(super) struct Wanted {
    /// How it is replayed; its file is in there.
    pub options: TraceOptions,
    /// Where the scenario names it.
    pub span: Span,
}

/// The trace of `workload`, if it names one; classes of its rules are added to `result`.
pub(super) fn wanted(
    workload: &Table,
    result: &mut Workload,
    jobs: &mut Jobs<'_, '_>,
    problems: &mut Problems,
) -> Option<Wanted> {
    let path = workload.text_if("trace")?;
    Some(Wanted { options: options(path, workload, result, jobs, problems), span: workload.span("trace") })
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

/// A trace that was read, and the account of the job export that it is, if it is one.
pub(super) type WithAccount = (Arc<PackedTrace>, Option<ImportAccount>);

/// Reads the whole trace once: its classes and templates are then in the tables of `workload`.
pub(super) fn read(
    wanted: &Wanted,
    workload: &mut Workload,
    seed: u64,
    horizon: SimDuration,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Option<WithAccount> {
    let Wanted { options, span } = wanted;
    let Rows { csv, account } = opened(wanted, files, problems)?;
    let until = SimTime::ZERO + horizon;
    match PackedTrace::read(csv, options, workload, Streams::new(seed, 0), until) {
        Ok(trace) => {
            if trace.report().jobs == 0 && workload.synthetic.is_empty() {
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
            Some((Arc::new(trace), account))
        }
        Err((errors, count)) => {
            problems.append(&mut all_explained(&errors, count, wanted, files));
            None
        }
    }
}

/// The rows of the trace: its own, or those of the job export that it is.
fn opened(wanted: &Wanted, files: &mut dyn FileProvider, problems: &mut Problems) -> Option<Rows> {
    let path = &wanted.options.file;
    match files.open(path).map(|input| as_trace(path, input, wanted.options.bad_rows)) {
        Ok(Ok(rows)) => return Some(rows),
        Ok(Err(error)) => problems.push(import_problem(&error)),
        Err(reason) => problems.push(unreadable(path, &reason, wanted.span.clone())),
    }
    None
}

/// Every row that cannot be used, up to the number a report lists of `count`; other mistakes stand alone.
fn all_explained(
    errors: &[TraceError],
    count: u64,
    wanted: &Wanted,
    files: &mut dyn FileProvider,
) -> Problems {
    let lines = lines_of(errors, wanted, files);
    let mut problems: Problems = errors.iter().map(|error| explained(error, &lines, &wanted.span)).collect();
    let more = count.saturating_sub(problems.len() as u64);
    if let (Some(last), true) = (problems.last_mut(), more > 0) {
        last.help = last.help.take().map(|help| format!("{help} ({more} more rows are bad)"));
    }
    problems
}

/// The lines that `errors` speak of, by number from 1. A reading keeps no text, so the file is looked into once more.
fn lines_of(errors: &[TraceError], wanted: &Wanted, files: &mut dyn FileProvider) -> BTreeMap<u64, String> {
    let mut lines: BTreeMap<u64, String> = errors
        .iter()
        .filter_map(|error| match error {
            TraceError::Row { at, .. } => Some((at.line, String::new())),
            TraceError::NoColumn { .. } => Some((1, String::new())),
            TraceError::Unreadable { .. } => None,
        })
        .collect();
    let Some((&last, _)) = lines.last_key_value() else { return lines };
    let Some(rows) = opened(wanted, files, &mut Problems::new()) else { return lines };
    let mut input = BufReader::with_capacity(1 << 17, rows.csv);
    let mut bytes = Vec::new();
    for number in 1..=last {
        bytes.clear();
        if !matches!(input.read_until(b'\n', &mut bytes), Ok(1..)) {
            break;
        }
        if let Some(text) = lines.get_mut(&number) {
            let line = String::from_utf8_lossy(&bytes);
            line.trim_end_matches(['\n', '\r']).clone_into(text);
        }
    }
    lines
}

/// The row that cannot be used, shown in the trace itself.
fn explained(error: &TraceError, lines: &BTreeMap<u64, String>, span: &Span) -> Diagnostic {
    let line = |number: u64| lines.get(&number).map_or("", String::as_str);
    match error {
        TraceError::Row { at, problem, found } => {
            let line_text = line(at.line);
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
            let header = line(1);
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
        TraceError::Unreadable { file, .. } => {
            let problem = Diagnostic::new(Code::File, span.clone(), error.to_string(), "expected a CSV file");
            let zipped = file.to_lowercase().ends_with(".gz");
            if zipped { problem.help(format!("`gzip -t {file}` checks its compression")) } else { problem }
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

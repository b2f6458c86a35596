//! Formats of one job per line: the Standard Workload Format and fleetsim's own traces. Knows no JSON.
//!
//! Source of SWF: Parallel Workloads Archive, "The Standard Workload Format", version 2.2: 18 numbers per job, `;` begins
//! a comment, -1 is unknown.

use std::io::{BufRead, BufReader, Read};

use super::account::Note;
use super::error::{Dropped, Fault};
use super::fields::{joined, span_ms, wait};
use super::sink::Sink;
use super::table::TRACE_HEADER;
use super::{Identifier, ImportError, JobRow};
use crate::workload::trace::number::{self, TimeStyle};
use crate::workload::{ArchChoice, RowProblem};

/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 1 << 16;
const SWF_FIELDS: usize = 18;

/// The fields of SWF that are read, by place.
mod swf_field {
    pub(super) const JOB: usize = 0;
    pub(super) const SUBMIT: usize = 1;
    pub(super) const WAIT: usize = 2;
    pub(super) const RUN: usize = 3;
    pub(super) const ALLOCATED: usize = 4;
    pub(super) const USED_MEMORY: usize = 6;
    pub(super) const REQUESTED: usize = 7;
    pub(super) const REQUESTED_MEMORY: usize = 9;
    pub(super) const STATUS: usize = 10;
    pub(super) const EXECUTABLE: usize = 13;
    pub(super) const QUEUE: usize = 14;
    pub(super) const PARTITION: usize = 15;
}

/// Reads an SWF log.
pub(super) fn read_swf(input: impl Read, file_number: usize, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut input = BufReader::with_capacity(1 << 17, input);
    let mut line = Vec::new();
    let mut begin_ms = None;
    loop {
        sink.line += 1;
        line.clear();
        let mut limited = (&mut input).take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line).map_err(|error| {
            let hint = "is the file damaged? try `gzip -t` where it is compressed";
            ImportError::at(sink.file, (sink.line, 0), format!("cannot be read: {error}"), hint)
        })?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES {
            let at = (sink.line, 0);
            return Err(ImportError::at(sink.file, at, "a line of more than 64 KiB", "expected 18 numbers"));
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
        if let Some(comment) = text.strip_prefix(b";") {
            begin_ms = begin_ms.or_else(|| unix_start_ms(comment));
        } else if !text.is_empty()
            && let Err((fault, field)) = swf_job(text, begin_ms, file_number, sink)
        {
            let column = column_of(&line, field);
            sink.fault(&fault, (sink.line, column), &line, column - 1)?;
        }
    }
    if begin_ms.is_none() {
        sink.note(Note::NoClock);
    }
    Ok(())
}

/// `; UnixStartTime: 1130834052`.
fn unix_start_ms(comment: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(comment).ok()?.trim();
    let seconds: i64 = text.strip_prefix("UnixStartTime:")?.trim().parse().ok()?;
    // Only a number in this range can be multiplied.
    (0..=100_000_000_000).contains(&seconds).then(|| seconds * 1000)
}

/// The column (from 1) at which the field numbered `field` begins.
fn column_of(line: &[u8], field: usize) -> usize {
    let mut number = 0;
    let mut in_field = false;
    for (at, byte) in line.iter().enumerate() {
        match (byte.is_ascii_whitespace(), in_field) {
            (false, false) if number == field => return at + 1,
            (false, false) => in_field = true,
            (true, true) => (in_field, number) = (false, number + 1),
            _ => {}
        }
    }
    1
}

fn swf_job(
    line: &[u8],
    begin_ms: Option<i64>,
    file_number: usize,
    sink: &mut Sink<'_>,
) -> Result<(), (Fault, usize)> {
    use swf_field as field;
    let mut numbers = [0_i64; SWF_FIELDS];
    let mut count = 0;
    for text in line.split(u8::is_ascii_whitespace).filter(|text| !text.is_empty()).take(SWF_FIELDS) {
        let found = || String::from_utf8_lossy(text).into_owned();
        numbers[count] =
            number::thousandths(text).map_err(|problem| (Fault::new(problem, "field", found()), count))?;
        count += 1;
    }
    if count < SWF_FIELDS {
        return Err((Fault::new(RowProblem::TooFewFields, "row", format!("{count} fields")), 0));
    }
    // Thousandths; every negative number stands for -1.
    let known = |field: usize| (numbers[field] >= 0).then_some(numbers[field]);
    let whole = |field: usize| known(field).map(|value| value / 1000);
    if matches!(whole(field::STATUS), Some(2..=4)) {
        sink.drop(Dropped::PartOfJob);
        return Ok(());
    }
    let missing = |key, field| (Fault::new(RowProblem::Missing, key, ""), field);
    let job = whole(field::JOB).ok_or_else(|| missing("job number", field::JOB))?;
    let submit = known(field::SUBMIT).ok_or_else(|| missing("submit time", field::SUBMIT))?;
    let Some(run) = known(field::RUN) else {
        sink.drop(Dropped::NeverStarted);
        return Ok(());
    };
    let duration_ms = span_ms(run as f64 / 1000.0, "run time").map_err(|fault| (fault, field::RUN))?;
    let (cpu_millis, memory_mib) = swf_requests(&numbers)?;
    let named = |prefix: &str, field: usize| whole(field).map(|value| format!("{prefix}-{value}"));
    let mut tags = String::new();
    let places = [named("queue", field::QUEUE), named("partition", field::PARTITION)];
    joined(places.iter().flatten().map(String::as_str), &mut tags);
    // Numbers of jobs are of their file.
    let id = if file_number == 0 { String::new() } else { format!("{file_number}-{job}") };
    let status = match whole(field::STATUS) {
        Some(0) => "failed",
        Some(1) => "success",
        Some(5) => "canceled",
        _ => "",
    };
    sink.job(JobRow {
        submitted_ms: submit.saturating_add(begin_ms.unwrap_or(0)),
        duration_ms,
        cpu_millis,
        memory_mib,
        tags: &tags,
        name: &named("application", field::EXECUTABLE).unwrap_or_default(),
        observed_wait_ms: known(field::WAIT).map(|ms| wait(ms as u64)),
        status,
        ..JobRow::nothing(if id.is_empty() { Identifier::Number(job as u64) } else { Identifier::Text(&id) })
    });
    Ok(())
}

type Requests = (Option<u32>, Option<u32>);

/// Millicores and MiB: a core per processor, memory in kilobytes per processor; what was asked for, else what was used.
fn swf_requests(numbers: &[i64; SWF_FIELDS]) -> Result<Requests, (Fault, usize)> {
    use swf_field as field;
    let known = |field: usize| (numbers[field] >= 0).then_some(numbers[field]);
    let whole = |field: usize| known(field).map(|value| value / 1000);
    let processors = whole(field::REQUESTED).filter(|count| *count > 0);
    let processors = processors.or_else(|| whole(field::ALLOCATED).filter(|count| *count > 0));
    let too_large = |key, field: usize| {
        (Fault::new(RowProblem::TooLarge, key, (numbers[field] / 1000).to_string()), field)
    };
    let bounded = |amount: i64| u32::try_from(amount).ok().filter(|amount| *amount < u32::MAX);
    let cpu_millis = processors
        .map(|count| {
            let millis = count.checked_mul(1000).and_then(bounded);
            millis.ok_or_else(|| too_large("processors", field::REQUESTED))
        })
        .transpose()?;
    let memory = known(field::REQUESTED_MEMORY).or_else(|| known(field::USED_MEMORY));
    let memory_mib = memory
        .zip(processors)
        .map(|(kilobytes, count)| {
            let mib = (kilobytes / 1000)
                .checked_mul(count)
                .map(|total| total.div_euclid(1024) + i64::from(total % 1024 > 0))
                .and_then(bounded);
            mib.ok_or_else(|| too_large("memory", field::REQUESTED_MEMORY))
        })
        .transpose()?;
    Ok((cpu_millis, memory_mib))
}

/// Reads a trace with fleetsim's own columns, for `--map` and `--anonymize`.
pub(super) fn read_trace(input: impl Read, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 17).from_reader(input);
    let file = sink.file;
    let unreadable = |line, error: csv::Error| {
        ImportError::at(file, (line, 0), format!("cannot be read: {error}"), "expected a CSV file")
    };
    let header = csv.byte_headers().map_err(|error| unreadable(1, error))?.clone();
    let place = |name: &str| {
        header.iter().position(|field| {
            field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field).trim_ascii() == name.as_bytes()
        })
    };
    let places = TRACE_HEADER.map(place);
    if places[1].is_none() || places[2].is_none() {
        let hint = format!("expected a job export, or a trace with the columns {}", TRACE_HEADER.join(","));
        return Err(ImportError::at(file, (1, 0), "no columns `submitted_s` and `duration_s`", hint));
    }
    let class = place("class");
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record).map_err(|error| unreadable(sink.line + 1, error))? {
        sink.line = record.position().map_or(0, csv::Position::line);
        if record.len() < header.len() {
            let found = format!("{} fields", record.len());
            let text: Vec<&[u8]> = record.iter().collect();
            let fault = Fault::new(RowProblem::TooFewFields, "row", found);
            sink.fault(&fault, (sink.line, 1), &text.join(&b','), 0)?;
            continue;
        }
        let field = |place: Option<usize>| {
            let field = place.and_then(|place| record.get(place)).unwrap_or(b"").trim_ascii();
            String::from_utf8_lossy(field)
        };
        let fields = places.map(field);
        if let Err((fault, column)) = trace_job(&fields, &field(class), sink) {
            let text: Vec<&[u8]> = record.iter().collect();
            let before: usize =
                text.iter().take(places[column].unwrap_or(0)).map(|field| field.len() + 1).sum();
            sink.fault(&fault, (sink.line, before + 1), &text.join(&b','), before)?;
        }
    }
    Ok(())
}

type Fields<'a> = [std::borrow::Cow<'a, str>; 12];

fn trace_job(fields: &Fields<'_>, class: &str, sink: &mut Sink<'_>) -> Result<(), (Fault, usize)> {
    let number = |field: usize| -> Result<Option<i64>, (Fault, usize)> {
        let text = &fields[field];
        if text.is_empty() {
            return Ok(None);
        }
        let fault = |problem| (Fault::new(problem, TRACE_HEADER[field], text.as_ref()), field);
        let value = number::thousandths(text.as_bytes()).map_err(fault)?;
        if value < 0 { Err(fault(RowProblem::Negative)) } else { Ok(Some(value)) }
    };
    let amount = |field: usize| -> Result<Option<u32>, (Fault, usize)> {
        let Some(value) = number(field)? else { return Ok(None) };
        let bounded = u32::try_from(value / 1000).ok().filter(|amount| *amount < u32::MAX);
        let fault = || (Fault::new(RowProblem::TooLarge, TRACE_HEADER[field], fields[field].as_ref()), field);
        bounded.map(Some).ok_or_else(fault)
    };
    let submitted = fields[1].as_bytes();
    let submitted_ms = match number::style_of(submitted) {
        TimeStyle::Timestamp => number::timestamp_ms(submitted),
        TimeStyle::Number if submitted.is_empty() => Err(RowProblem::Missing),
        TimeStyle::Number => number::thousandths(submitted),
    };
    let submitted_ms = submitted_ms.map_err(|problem| {
        let problem = if problem == RowProblem::NotANumber { RowProblem::NotATime } else { problem };
        (Fault::new(problem, TRACE_HEADER[1], fields[1].as_ref()), 1)
    })?;
    let Some(duration) = number(2)? else {
        sink.drop(Dropped::NeverStarted);
        return Ok(());
    };
    let arch = match fields[5].as_ref() {
        "" => None,
        // The names that a replay of the trace knows too; 32-bit x86 programs run on every amd64 machine of EC2.
        "amd64" | "x86_64" | "x86-64" | "x64" | "i686" | "i386" | "x86" | "386" => Some(ArchChoice::Amd64),
        "arm64" | "aarch64" | "arm64/v8" => Some(ArchChoice::Arm64),
        "either" => Some(ArchChoice::Either),
        other => return Err((Fault::new(RowProblem::UnknownArch, TRACE_HEADER[5], other), 5)),
    };
    let row = JobRow {
        submitted_ms,
        duration_ms: span_ms(duration as f64 / 1000.0, TRACE_HEADER[2]).map_err(|fault| (fault, 2))?,
        cpu_millis: amount(3)?,
        memory_mib: amount(4)?,
        arch,
        tags: &fields[6],
        pipeline: identifier(&fields[7]),
        stage: &fields[8],
        name: &fields[9],
        observed_wait_ms: number(10)?.map(|ms| wait(ms as u64)),
        status: &fields[11],
        class,
        ..JobRow::nothing(identifier(&fields[0]))
    };
    sink.job(row);
    Ok(())
}

/// A number where it is written as numbers are, else the text.
fn identifier(text: &str) -> Identifier<'_> {
    match text.parse::<u64>() {
        Ok(number) if number < 1 << 63 && number.to_string() == text => Identifier::Number(number),
        _ => Identifier::Text(text),
    }
}

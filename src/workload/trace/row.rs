//! One record of the file read as a job: times, requests, class. Every mistake names its column.

use csv::ByteRecord;
use rustc_hash::FxHashMap;

use crate::engine::Arena;
use crate::units::{Mebibytes, Millicores, Resources, SimDuration};
use crate::workload::{ArchChoice, Class, JobSpec};

use super::columns::{Columns, Found};
use super::mapping::{Mapper, RowTexts};
use super::number::{self, TimeStyle};
use super::reader::Row;
use super::{RowProblem, TraceRequests};

/// Longest duration and wait that are read: a hundred years.
const LONGEST_MS: i64 = 100 * 366 * 86_400_000;
/// Instants are at most this far from zero, on either side: 9,999 years.
const FURTHEST_MS: i64 = 9_999 * 366 * 86_400_000;
/// Largest request that is read (millicores, MiB): a thousand times the largest machine.
const LARGEST_REQUEST: i64 = 1_000_000_000;

/// What is wrong and in which column (index from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) problem: RowProblem,
    pub(super) column: Option<usize>,
}

/// Reads records.
#[derive(Debug)]
pub(super) struct RowReader {
    columns: Columns,
    pub(super) mapper: Mapper,
    requests: TraceRequests,
    by_stage: bool,
    style: Option<TimeStyle>,
    /// Texts of pipelines and stages by number, where pipelines are replayed by stage.
    pipelines: Texts,
    pub(super) stages: Texts,
}

/// Numbers for texts, from 1; 0 is the empty text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: FxHashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
}

impl Texts {
    fn number(&mut self, text: &[u8]) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = self.texts.len() as u32;
        self.numbers.insert(text.into(), number);
        number
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        if number == 0 { b"" } else { &self.texts[number as usize - 1] }
    }
}

impl RowReader {
    pub(super) fn new(columns: Columns, mapper: Mapper, requests: TraceRequests, by_stage: bool) -> Self {
        let (pipelines, stages) = (Texts::default(), Texts::default());
        Self { columns, mapper, requests, by_stage, style: None, pipelines, stages }
    }

    pub(super) fn header(&self, column: usize) -> &str {
        self.columns.header.get(column).map_or("", String::as_str)
    }

    /// The job that `record` describes and whether a rule matched it; `None` where it never ran.
    pub(super) fn read(
        &mut self,
        record: &ByteRecord,
        classes: &mut Arena<Class>,
    ) -> Result<Option<(Row, bool)>, Fault> {
        if record.len() < self.columns.header.len() {
            return Err(Fault { problem: RowProblem::TooFewFields, column: None });
        }
        let wait = self.span(record, self.columns.wait)?;
        let started = self.instant(record, self.columns.started)?;
        let Some(duration) = self.duration(record, started)? else { return Ok(None) };
        let submitted_ms = self.submitted(record, started, wait)?;
        let arch = self.arch(record)?;
        let texts = RowTexts {
            name: field(record, self.columns.name),
            tags: field(record, self.columns.tags),
            stage: field(record, self.columns.stage),
            pipeline: field(record, self.columns.pipeline),
            class: field(record, self.columns.class),
        };
        let decision = self.mapper.class_of(texts, arch, classes);
        let mut requests = classes[decision.class].requests;
        if self.requests == TraceRequests::OfRow {
            requests = self.row_requests(record, requests)?;
        }
        let mut spec = JobSpec::new(decision.class, duration, requests);
        if let Some(wait) = wait {
            spec = spec.with_observed_wait(wait);
        }
        let (mut pipeline, mut stage) = (0, 0);
        if self.by_stage {
            (pipeline, stage) = (self.pipelines.number(texts.pipeline), self.stages.number(texts.stage));
        }
        Ok(Some((Row { submitted_ms, number: 0, line: 0, spec, pipeline, stage }, decision.mapped)))
    }

    /// How long it ran: as written, else from start to end; `None` where neither is there and it was never started.
    fn duration(&mut self, record: &ByteRecord, started: Option<i64>) -> Result<Option<SimDuration>, Fault> {
        if let Some(duration) = self.span(record, self.columns.duration)? {
            return Ok(Some(duration));
        }
        let finished = self.instant(record, self.columns.finished)?;
        if let (Some(started), Some(finished)) = (started, finished) {
            let column = self.columns.finished.map(|found| found.index);
            if finished < started {
                return Err(Fault { problem: RowProblem::FinishedBeforeStarted, column });
            }
            let ms = finished - started;
            if ms > LONGEST_MS {
                return Err(Fault { problem: RowProblem::TooLarge, column });
            }
            return Ok(Some(SimDuration::from_ms(ms as u64)));
        }
        if never_ran(field(record, self.columns.status)) {
            return Ok(None);
        }
        let column = self.columns.duration.or(self.columns.finished);
        Err(Fault { problem: RowProblem::Missing, column: column.map(|found| found.index) })
    }

    /// When it could be picked: as written; else its start less its wait, which for GitLab jobs of later stages is right
    /// where the creation time is not; else its creation.
    fn submitted(
        &mut self,
        record: &ByteRecord,
        started: Option<i64>,
        wait: Option<SimDuration>,
    ) -> Result<i64, Fault> {
        if let Some(submitted) = self.instant(record, self.columns.submitted)? {
            return Ok(submitted);
        }
        if self.columns.submitted.is_none() {
            if let (Some(started), Some(wait)) = (started, wait) {
                return Ok(started - wait.as_ms() as i64);
            }
            if let Some(created) = self.instant(record, self.columns.created)? {
                return Ok(created);
            }
        }
        let column = self.columns.submitted.or(self.columns.created).or(self.columns.started);
        Err(Fault { problem: RowProblem::Missing, column: column.map(|found| found.index) })
    }

    fn row_requests(&self, record: &ByteRecord, of_class: Resources) -> Result<Resources, Fault> {
        let amount = |found: Option<Found>| -> Result<Option<u32>, Fault> {
            let Some(amount) = number(record, found)? else { return Ok(None) };
            let column = found.map(|found| found.index);
            if amount > LARGEST_REQUEST {
                return Err(Fault { problem: RowProblem::TooLarge, column });
            }
            Ok(Some(amount as u32))
        };
        let cpu = amount(self.columns.cpu)?.map_or(of_class.cpu, Millicores);
        let memory = amount(self.columns.memory)?.map_or(of_class.memory, Mebibytes);
        Ok(Resources { cpu, memory })
    }

    fn arch(&self, record: &ByteRecord) -> Result<Option<ArchChoice>, Fault> {
        let text = field(record, self.columns.arch);
        let known: [(&[u8], ArchChoice); 12] = [
            (b"amd64", ArchChoice::Amd64),
            (b"x86_64", ArchChoice::Amd64),
            (b"x86-64", ArchChoice::Amd64),
            (b"x64", ArchChoice::Amd64),
            // 32-bit x86 programs run on every amd64 machine of EC2.
            (b"i686", ArchChoice::Amd64),
            (b"i386", ArchChoice::Amd64),
            (b"x86", ArchChoice::Amd64),
            (b"386", ArchChoice::Amd64),
            (b"arm64", ArchChoice::Arm64),
            (b"aarch64", ArchChoice::Arm64),
            (b"arm64/v8", ArchChoice::Arm64),
            (b"either", ArchChoice::Either),
        ];
        if text.is_empty() {
            return Ok(None);
        }
        let found = known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, arch)| *arch);
        let column = self.columns.arch.map(|found| found.index);
        found.map(Some).ok_or(Fault { problem: RowProblem::UnknownArch, column })
    }

    fn span(&self, record: &ByteRecord, found: Option<Found>) -> Result<Option<SimDuration>, Fault> {
        let Some(ms) = number(record, found)? else { return Ok(None) };
        if ms > LONGEST_MS {
            return Err(Fault { problem: RowProblem::TooLarge, column: found.map(|found| found.index) });
        }
        Ok(Some(SimDuration::from_ms(ms as u64)))
    }

    /// An instant on the trace's clock; all must be written the same way.
    fn instant(&mut self, record: &ByteRecord, found: Option<Found>) -> Result<Option<i64>, Fault> {
        let Some(found) = found else { return Ok(None) };
        let text = field(record, Some(found));
        if text.is_empty() {
            return Ok(None);
        }
        let fault = |problem| Fault { problem, column: Some(found.index) };
        let style = number::style_of(text);
        if self.style.is_some_and(|usual| usual != style) {
            return Err(fault(RowProblem::NotATime));
        }
        let read = match style {
            TimeStyle::Number => number::thousandths(text).map(|value| found.scale.apply(value)),
            TimeStyle::Timestamp => number::timestamp_ms(text),
        };
        let ms = read.map_err(|problem| {
            fault(if problem == RowProblem::NotANumber { RowProblem::NotATime } else { problem })
        })?;
        if ms.abs() > FURTHEST_MS {
            return Err(fault(RowProblem::TooLarge));
        }
        self.style = Some(style);
        Ok(Some(ms))
    }
}

/// A number of zero or more in target units; `None` where the field is empty.
fn number(record: &ByteRecord, found: Option<Found>) -> Result<Option<i64>, Fault> {
    let text = field(record, found);
    let Some(found) = found.filter(|_| !text.is_empty()) else { return Ok(None) };
    let fault = |problem| Fault { problem, column: Some(found.index) };
    let thousandths = number::thousandths(text).map_err(fault)?;
    if thousandths < 0 { Err(fault(RowProblem::Negative)) } else { Ok(Some(found.scale.apply(thousandths))) }
}

fn field(record: &ByteRecord, found: Option<Found>) -> &[u8] {
    found.and_then(|found| record.get(found.index)).unwrap_or(b"").trim_ascii()
}

/// States of jobs that took no runner's time.
fn never_ran(status: &[u8]) -> bool {
    let states: [&[u8]; 9] = [
        b"canceled",
        b"cancelled",
        b"skipped",
        b"manual",
        b"created",
        b"pending",
        b"scheduled",
        b"preparing",
        b"waiting_for_resource",
    ];
    states.iter().any(|state| status.eq_ignore_ascii_case(state))
}

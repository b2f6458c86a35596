//! Rows out of a CSV file in time order, with every mistake placed. Knows no simulated time.

use std::io::{self, BufReader, Cursor, Read};

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;

use crate::engine::Arena;
use crate::workload::{Class, JobSpec};

use super::columns::Columns;
use super::mapping::{Mapper, text_of};
use super::order::ReorderWindow;
use super::row::{Fault, RowReader};
use super::{BadRows, Place, Replay, RowProblem, TraceError, TraceOptions, TraceReport, TraceTags};

/// Read ahead at once.
const BUFFER_BYTES: usize = 1 << 17;
const FOUND_CHARS: usize = 60;
/// Bad rows listed at most.
const LISTED_ROWS: usize = 20;

/// One usable row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Submit time on the trace's clock.
    pub(super) submitted_ms: i64,
    /// Number of the row in the file, from 0: the key of its draws.
    pub(super) number: u64,
    pub(super) line: u64,
    pub(super) spec: JobSpec,
    /// Its pipeline and stage as numbered texts; 0 = none, and unless pipelines are replayed by stage.
    pub(super) pipeline: u32,
    pub(super) stage: u32,
}

/// A trace being read.
pub(super) struct TraceReader {
    csv: csv::Reader<Box<dyn Read + Send>>,
    record: ByteRecord,
    file: String,
    pub(super) rows: RowReader,
    window: ReorderWindow,
    drops: bool,
    last_line: u64,
    last_given_ms: i64,
    at_end: bool,
    pub(super) report: TraceReport,
}

impl TraceReader {
    /// Reads the header of `input`, which may be compressed.
    pub(super) fn open(
        input: impl Read + Send + 'static,
        options: &TraceOptions,
    ) -> Result<Self, TraceError> {
        let file = options.file.clone();
        let unreadable = |line, reason: String| TraceError::Unreadable { file: file.clone(), line, reason };
        let input = decompressed(input).map_err(|error| unreadable(0, error.to_string()))?;
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(input);
        let header = csv.byte_headers().map_err(|error| unreadable(0, error.to_string()))?;
        let header = header.iter().map(text_of).collect();
        let columns = Columns::of(header, &file)?;
        let mapper = Mapper::new(options.rules.clone(), options.otherwise, options.tags == TraceTags::OfRow);
        let by_stage = matches!(options.replay, Replay::ByStage { .. });
        Ok(Self {
            csv,
            record: ByteRecord::new(),
            file,
            rows: RowReader::new(columns, mapper, options.requests, by_stage),
            window: ReorderWindow::new(options.reorder_rows),
            drops: options.bad_rows == BadRows::Drop,
            last_line: 1,
            last_given_ms: i64::MIN,
            at_end: false,
            report: TraceReport::default(),
        })
    }

    /// The next row in time order. A row that comes too late for that is bad.
    pub(super) fn next_row(&mut self, classes: &mut Arena<Class>) -> Result<Option<Row>, TraceError> {
        while !self.at_end && !self.window.is_full() {
            match self.read_row(classes)? {
                Some(row) if row.submitted_ms < self.last_given_ms => {
                    let found = format!("{} ms earlier", self.last_given_ms - row.submitted_ms);
                    self.refuse(RowProblem::OutOfOrder, None, row.line, found)?;
                }
                Some(row) => self.window.push(row),
                None => self.at_end = true,
            }
        }
        let row = self.window.pop();
        if let Some(row) = &row {
            self.last_given_ms = row.submitted_ms;
        }
        Ok(row)
    }

    /// The next usable row of the file.
    fn read_row(&mut self, classes: &mut Arena<Class>) -> Result<Option<Row>, TraceError> {
        loop {
            let more =
                self.csv.read_byte_record(&mut self.record).map_err(|error| TraceError::Unreadable {
                    file: self.file.clone(),
                    line: self.last_line,
                    reason: error.to_string(),
                })?;
            if !more {
                return Ok(None);
            }
            let number = self.report.rows;
            self.report.rows += 1;
            self.last_line = self.record.position().map_or(self.last_line, csv::Position::line);
            match self.rows.read(&self.record, classes) {
                Ok(Some((mut row, mapped))) => {
                    self.report.unmapped_rows += u64::from(!mapped);
                    (row.number, row.line) = (number, self.last_line);
                    return Ok(Some(row));
                }
                Ok(None) => self.report.never_ran += 1,
                Err(Fault { problem, column }) => {
                    let found = column.and_then(|column| self.record.get(column)).unwrap_or(b"");
                    let found = text_of(found).chars().take(FOUND_CHARS).collect();
                    self.refuse(problem, column, self.last_line, found)?;
                }
            }
        }
    }

    /// A bad row: an error, or counted and left out.
    fn refuse(
        &mut self,
        problem: RowProblem,
        column: Option<usize>,
        line: u64,
        found: String,
    ) -> Result<(), TraceError> {
        let is_listed = self.report.bad_rows.len() < LISTED_ROWS;
        let known = self.report.dropped.get_mut(&problem);
        if let (Some((count, _)), true) = (known, self.drops) {
            *count += 1;
            if !is_listed {
                return Ok(());
            }
        }
        let column = column.map(|index| (index + 1, self.rows.header(index).to_owned()));
        let at = Place { file: self.file.clone(), line, column };
        let error = TraceError::Row { at, problem, found };
        if !self.drops {
            return Err(error);
        }
        if is_listed {
            self.report.bad_rows.push(error.clone());
        }
        self.report.dropped.entry(problem).or_insert((1, error));
        Ok(())
    }
}

/// `input` itself, or what it contains where it begins like a gzip file.
///
/// # Errors
/// Its first two bytes cannot be read.
pub fn decompressed<'a>(mut input: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut magic = [0_u8; 2];
    let mut filled = 0;
    while filled < magic.len() {
        match input.read(&mut magic[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    let is_gzip = filled == 2 && magic == [0x1f, 0x8b];
    let whole = Cursor::new(magic[..filled].to_vec()).chain(input);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole)))
    } else {
        Box::new(whole)
    })
}

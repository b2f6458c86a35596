//! A trace read once and kept as packed rows, about a dozen bytes each, for any number of replays. Holds no text.

use std::io::Read;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::engine::Streams;
use crate::units::{Resources, SimDuration, SimTime};
use crate::workload::{ClassId, JobSpec, Workload};

use super::reader::Row;
use super::row::Texts;
use super::{BadRows, TraceError, TraceOptions, TraceReplay, TraceReport};

/// Rows are kept in pieces of this size, so that growing never copies what is there.
const PIECE_BYTES: usize = 1 << 20;
/// No packed row is longer: seven numbers of at most ten bytes.
const LONGEST_ROW_BYTES: usize = 70;

/// The usable rows of a trace inside its window and before the horizon, in time order.
#[derive(Debug)]
pub struct PackedTrace {
    options: TraceOptions,
    report: TraceReport,
    pub(super) place: PackedPlace,
    pieces: Vec<Vec<u8>>,
    shapes: Vec<(ClassId, Resources)>,
    pub(super) stages: Texts,
}

/// Where the window of a trace lies on its own clock (ms).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedPlace {
    /// Submit time of the first row, if there is one.
    pub(super) first_ms: Option<i64>,
    /// What becomes simulated time zero.
    pub(super) zero_ms: i64,
    /// Where the window ends.
    pub(super) end_ms: i64,
}

impl PackedTrace {
    /// Reads `input` (CSV, plain or gzip) once, as far as the replay until `until` with the draws of `streams` needs it.
    /// Classes and templates that its rows need are added to `workload`.
    ///
    /// # Errors
    /// What is wrong with the file: its header, its compression, or up to 20 rows that cannot be used (and how many there
    /// are), unless the options drop them.
    pub fn read(
        input: impl Read + Send + 'static,
        options: &TraceOptions,
        workload: &mut Workload,
        streams: Streams,
        until: SimTime,
    ) -> Result<Self, (Vec<TraceError>, u64)> {
        let alone = |error| (vec![error], 1);
        // Bad rows are gathered here and refused below, so that all are found by one reading.
        let gathering = TraceOptions { bad_rows: BadRows::Drop, ..options.clone() };
        let mut replay = TraceReplay::open(input, gathering).map_err(alone)?;
        replay.begin(streams, 0, until);
        replay.keep_rows();
        while replay.next_arrival(&mut workload.classes, &mut workload.templates).map_err(alone)?.is_some() {}
        let report = replay.report();
        if options.bad_rows == BadRows::Refuse && !report.bad_rows.is_empty() {
            let count = report.dropped.values().map(|(count, _)| count).sum();
            return Err((report.bad_rows, count));
        }
        let (place, kept, stages) = replay.into_kept();
        Ok(Self { options: options.clone(), report, place, pieces: kept.pieces, shapes: kept.shapes, stages })
    }

    /// What was found while it was read.
    #[must_use]
    pub fn report(&self) -> &TraceReport {
        &self.report
    }

    /// How it is replayed.
    #[must_use]
    pub fn options(&self) -> &TraceOptions {
        &self.options
    }

    /// A replay from the first row on, for a workload with the classes that the reading left.
    #[must_use]
    pub fn replay(trace: &Arc<Self>) -> TraceReplay {
        TraceReplay::packed(PackedRows {
            trace: Arc::clone(trace),
            piece: 0,
            at: 0,
            last: Last::at(trace.place),
        })
    }

    /// A number that changes with any row (FNV-1a over its packed form, eight bytes at a time).
    #[must_use]
    pub fn hash(&self) -> u64 {
        let words = self.pieces.iter().flat_map(|piece| piece.chunks(8)).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let shapes = self.shapes.iter().flat_map(|(class, requests)| {
            [u64::from(class.raw()), u64::from(requests.cpu.0) << 32 | u64::from(requests.memory.0)]
        });
        words.chain(shapes).fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
            (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
        })
    }

    /// Bytes that the rows take.
    #[must_use]
    pub fn packed_bytes(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }
}

/// The row before, from which differences are taken.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    submitted_ms: i64,
    number: u64,
}

impl Last {
    fn at(place: PackedPlace) -> Self {
        Self { submitted_ms: place.zero_ms, number: 0 }
    }
}

/// Takes rows in time order and packs them.
#[derive(Debug, Default)]
pub(super) struct RowPacker {
    pieces: Vec<Vec<u8>>,
    shapes: Vec<(ClassId, Resources)>,
    numbers: FxHashMap<(u32, u32, u32), u32>,
    last: Option<Last>,
}

impl RowPacker {
    /// Adds `row`, which lies at or after `place.zero_ms` and the row before.
    pub(super) fn push(&mut self, row: &Row, place: PackedPlace) {
        let last = self.last.unwrap_or(Last::at(place));
        self.last = Some(Last { submitted_ms: row.submitted_ms, number: row.number });
        let shape = self.shape(row.spec.class, row.spec.requests);
        if self.pieces.last().is_none_or(|piece| piece.len() + LONGEST_ROW_BYTES > PIECE_BYTES) {
            self.pieces.push(Vec::with_capacity(PIECE_BYTES));
        }
        let Some(piece) = self.pieces.last_mut() else { return };
        let wait = row.spec.observed_wait();
        put(piece, (row.submitted_ms - last.submitted_ms) as u64);
        put(piece, zigzag(row.number as i64 - last.number as i64 - 1));
        put(piece, u64::from(shape) << 1 | u64::from(wait.is_some()));
        put(piece, row.spec.work.as_ms());
        if let Some(wait) = wait {
            put(piece, wait.as_ms());
        }
        put(piece, u64::from(row.pipeline));
        put(piece, u64::from(row.stage));
    }

    fn shape(&mut self, class: ClassId, requests: Resources) -> u32 {
        let next = self.shapes.len() as u32;
        let number = *self.numbers.entry((class.raw(), requests.cpu.0, requests.memory.0)).or_insert(next);
        if number == next {
            self.shapes.push((class, requests));
        }
        number
    }
}

/// Gives packed rows out again.
#[derive(Debug)]
pub(super) struct PackedRows {
    pub(super) trace: Arc<PackedTrace>,
    piece: usize,
    at: usize,
    last: Last,
}

impl PackedRows {
    /// The next row; its line is not kept.
    pub(super) fn next_row(&mut self) -> Option<Row> {
        let mut piece = self.trace.pieces.get(self.piece)?;
        if self.at == piece.len() {
            self.piece += 1;
            self.at = 0;
            piece = self.trace.pieces.get(self.piece)?;
        }
        let mut at = self.at;
        let mut next = || take(piece, &mut at);
        let submitted_ms = self.last.submitted_ms + next() as i64;
        let number = (self.last.number as i64 + 1 + unzigzag(next())) as u64;
        let shape = next();
        let work = SimDuration::from_ms(next());
        let (class, requests) = self.trace.shapes[(shape >> 1) as usize];
        let mut spec = JobSpec::new(class, work, requests);
        if shape & 1 == 1 {
            spec = spec.with_observed_wait(SimDuration::from_ms(next()));
        }
        let (pipeline, stage) = (next() as u32, next() as u32);
        self.at = at;
        self.last = Last { submitted_ms, number };
        Some(Row { submitted_ms, number, line: 0, spec, pipeline, stage })
    }
}

/// Seven bits per byte, the last one below 128.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &[u8], at: &mut usize) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_went_in(numbers in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut bytes = Vec::new();
            for number in &numbers {
                put(&mut bytes, zigzag(*number));
            }
            let mut at = 0;
            for number in &numbers {
                prop_assert_eq!(unzigzag(take(&bytes, &mut at)), *number);
            }
            prop_assert_eq!(at, bytes.len());
        }
    }
}

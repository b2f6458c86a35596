//! Rows as arrivals: window, start, stretch of time, thinning and doubling.

use std::io::Read;

use crate::engine::{Arena, Purpose, Streams};
use crate::units::{Ppm, SimTime};
use crate::workload::{Arrival, ArrivalKind, Class, Template};

use super::packed::{PackedPlace, PackedRows, RowPacker};
use super::reader::{Row, TraceReader};
use super::row::Texts;
use super::stages::StageCollector;
use super::{Replay, TraceError, TraceInstant, TraceOptions, TraceReport};

const SCALE: Purpose = Purpose::named("trace scale");

/// A trace being replayed: arrivals in time order.
pub struct TraceReplay {
    rows: Rows,
    report: TraceReport,
    /// Packs what is replayed, where it is kept for further replays.
    packer: Option<Box<RowPacker>>,
    options: TraceOptions,
    /// Submit time of the first row.
    first_ms: Option<i64>,
    /// What becomes simulated time zero, and where the window ends, on the trace's clock.
    zero_ms: i64,
    end_ms: i64,
    streams: Streams,
    next_ordinal: u64,
    until: SimTime,
    /// The arrival whose copies are being given out, and how many are left.
    copies: Option<(Arrival, u32)>,
    collector: Option<StageCollector>,
    over: bool,
}

/// Where rows come from.
enum Rows {
    File(Box<TraceReader>),
    Packed(PackedRows),
}

impl Rows {
    fn stages(&self) -> &Texts {
        match self {
            Self::File(reader) => &reader.rows.stages,
            Self::Packed(packed) => &packed.trace.stages,
        }
    }
}

impl TraceReplay {
    /// Reads the header of `input` (CSV, plain or gzip; it is read further as arrivals are asked for).
    ///
    /// # Errors
    /// An unreadable file, a missing column.
    pub fn open(input: impl Read + Send + 'static, options: TraceOptions) -> Result<Self, TraceError> {
        let reader = TraceReader::open(input, &options)?;
        Ok(Self::of(Rows::File(Box::new(reader)), options))
    }

    /// A replay of rows that were read before.
    pub(super) fn packed(rows: PackedRows) -> Self {
        let place = rows.trace.place;
        let options = rows.trace.options().clone();
        let report = TraceReport { jobs: 0, thinned: 0, ..rows.trace.report().clone() };
        let replay = Self::of(Rows::Packed(rows), options);
        Self { report, first_ms: place.first_ms, zero_ms: place.zero_ms, end_ms: place.end_ms, ..replay }
    }

    fn of(rows: Rows, options: TraceOptions) -> Self {
        let collector = match &options.replay {
            Replay::AsRecorded => None,
            Replay::ByStage { within, stages } => Some(StageCollector::new(*within, stages.clone())),
        };
        Self {
            rows,
            report: TraceReport::default(),
            packer: None,
            options,
            first_ms: None,
            zero_ms: 0,
            end_ms: i64::MAX,
            streams: Streams::new(0, 0),
            next_ordinal: 0,
            until: SimTime::NEVER,
            copies: None,
            collector,
            over: false,
        }
    }

    /// From now on rows that are replayed are packed as well.
    pub(super) fn keep_rows(&mut self) {
        self.packer = Some(Box::default());
    }

    /// What was packed, where it lies, and the texts of its stages.
    pub(super) fn into_kept(self) -> (PackedPlace, RowPacker, Texts) {
        let place = self.packed_place();
        let stages = match self.rows {
            Rows::File(reader) => reader.rows.stages,
            Rows::Packed(_) => Texts::default(),
        };
        (place, self.packer.map_or_else(RowPacker::default, |packer| *packer), stages)
    }

    fn packed_place(&self) -> PackedPlace {
        PackedPlace { first_ms: self.first_ms, zero_ms: self.zero_ms, end_ms: self.end_ms }
    }

    /// Draws with `streams`, numbers pipelines as those of source `source`, gives nothing at or after `until`.
    pub(in crate::workload) fn begin(&mut self, streams: Streams, source: u64, until: SimTime) {
        self.streams = streams;
        self.next_ordinal = source << 40;
        self.until = until;
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> TraceReport {
        let mut report = self.report.clone();
        if let Rows::File(reader) = &self.rows {
            let TraceReport { rows, never_ran, unmapped_rows, dropped, bad_rows, .. } = reader.report.clone();
            let unmapped = reader.rows.mapper.unmapped.clone();
            report = TraceReport { rows, never_ran, unmapped_rows, dropped, bad_rows, unmapped, ..report };
        }
        report
    }

    /// Submit time of the first job on the trace's own clock (ms since 1970, or its seconds × 1000), once one was read.
    #[must_use]
    pub fn first_job_ms(&self) -> Option<i64> {
        self.first_ms
    }

    /// The next arrival; classes and templates that it needs are added to the tables.
    pub(in crate::workload) fn next_arrival(
        &mut self,
        classes: &mut Arena<Class>,
        templates: &mut Arena<Template>,
    ) -> Result<Option<Arrival>, TraceError> {
        loop {
            if let Some((arrival, left)) = self.copies.take() {
                if left > 1 {
                    self.copies = Some((arrival.clone(), left - 1));
                }
                return Ok(Some(self.numbered(arrival)));
            }
            let Some((row, kind)) = self.next_kind(classes, templates)? else { return Ok(None) };
            let copies = self.copies_of(row.number);
            if copies == 0 {
                self.report.thinned += 1;
                continue;
            }
            let since_zero = self.options.time_scale.of((row.submitted_ms - self.zero_ms) as u64);
            let arrival = Arrival { at: SimTime::from_ms(since_zero), ordinal: 0, kind };
            if arrival.at >= self.until {
                self.over = true;
                return Ok(None);
            }
            if copies == 1 {
                return Ok(Some(self.numbered(arrival)));
            }
            self.copies = Some((arrival, copies));
        }
    }

    fn numbered(&mut self, mut arrival: Arrival) -> Arrival {
        arrival.ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        self.report.jobs += match &arrival.kind {
            ArrivalKind::Recorded(_, jobs) => jobs.len() as u64,
            ArrivalKind::Job(_) | ArrivalKind::Pipeline(_) => 1,
        };
        arrival
    }

    /// The next job or pipeline inside the window, with its (first) row.
    fn next_kind(
        &mut self,
        classes: &mut Arena<Class>,
        templates: &mut Arena<Template>,
    ) -> Result<Option<(Row, ArrivalKind)>, TraceError> {
        if self.collector.is_none() {
            return Ok(self.next_in_window(classes)?.map(|row| (row, ArrivalKind::Job(row.spec))));
        }
        loop {
            if let Some(collector) = &mut self.collector
                && let Some(ready) = collector.take(self.over, templates, classes)
            {
                return Ok(Some(ready));
            }
            if self.over {
                return Ok(None);
            }
            let row = self.next_in_window(classes)?;
            if let (Some(row), Some(collector)) = (row, &mut self.collector) {
                collector.add(row, self.rows.stages());
            }
        }
    }

    /// The next row inside the window.
    fn next_in_window(&mut self, classes: &mut Arena<Class>) -> Result<Option<Row>, TraceError> {
        while !self.over {
            let row = match &mut self.rows {
                Rows::File(reader) => reader.next_row(classes)?,
                Rows::Packed(packed) => packed.next_row(),
            };
            let Some(row) = row else { break };
            if self.first_ms.is_none() {
                self.place(row.submitted_ms);
            }
            if row.submitted_ms >= self.end_ms {
                break;
            }
            if row.submitted_ms >= self.zero_ms {
                let place = self.packed_place();
                if let Some(packer) = &mut self.packer {
                    packer.push(&row, place);
                }
                return Ok(Some(row));
            }
            self.report.before_window += 1;
        }
        self.over = true;
        Ok(None)
    }

    fn place(&mut self, first_ms: i64) {
        let instant = |at: TraceInstant| match at {
            TraceInstant::AfterFirst(span) => {
                first_ms.saturating_add(i64::try_from(span.as_ms()).unwrap_or(i64::MAX))
            }
            TraceInstant::At(ms) => ms,
        };
        self.first_ms = Some(first_ms);
        self.zero_ms = self.options.from.or(self.options.start).map_or(first_ms, instant);
        self.end_ms = self.options.to.map_or(i64::MAX, instant);
    }

    /// How many times the row numbered `row` is replayed.
    fn copies_of(&self, row: u64) -> u32 {
        let Ppm(scale) = self.options.scale;
        let (whole, rest) = (scale / 1_000_000, scale % 1_000_000);
        if rest == 0 {
            return whole;
        }
        let word = rand::Rng::next_u64(&mut self.streams.entity(SCALE, row));
        whole + u32::from(((word >> 32) * 1_000_000) >> 32 < u64::from(rest))
    }
}

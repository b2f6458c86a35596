//! Jobs of an export, packed: 64 bytes each, texts kept once. Ordered, freed of repetitions, written as a trace.

use std::io::Write;

use rustc_hash::FxHashMap;

use crate::workload::ArchChoice;

const UNKNOWN: u32 = u32::MAX;
/// Identifiers that are texts: their number in the table of texts, marked by the highest bit.
const IS_TEXT: u64 = 1 << 63;

/// The columns of a trace, in order; `class` is written only where a map named classes.
pub const TRACE_HEADER: [&str; 12] = [
    "job_id",
    "submitted_s",
    "duration_s",
    "cpu_millis",
    "memory_mib",
    "arch",
    "tags",
    "pipeline",
    "stage",
    "name",
    "observed_wait_s",
    "status",
];

/// An identifier: a number as GitLab has it, or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier<'a> {
    /// A number.
    Number(u64),
    /// A text; empty where there is none.
    Text(&'a str),
}

impl std::fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One job of an export.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobRow<'a> {
    /// Its id.
    pub id: Identifier<'a>,
    /// When it could be picked, in ms since 1970 (or since the log began, where only that is known).
    pub submitted_ms: i64,
    /// How long it ran.
    pub duration_ms: u64,
    /// CPU request, where known.
    pub cpu_millis: Option<u32>,
    /// Memory request, where known.
    pub memory_mib: Option<u32>,
    /// Architecture, where known.
    pub arch: Option<ArchChoice>,
    /// Runner tags, separated by `;`.
    pub tags: &'a str,
    /// Its pipeline.
    pub pipeline: Identifier<'a>,
    /// Its stage.
    pub stage: &'a str,
    /// Its name.
    pub name: &'a str,
    /// How long it waited, where known; at most 49 days are kept, as in a replay.
    pub observed_wait_ms: Option<u32>,
    /// How it ended, in the words of its source.
    pub status: &'a str,
    /// Class that a map gave it.
    pub class: &'a str,
}

impl<'a> JobRow<'a> {
    /// A job of which only the id is known.
    pub(in crate::workload) const fn nothing(id: Identifier<'a>) -> Self {
        Self {
            id,
            submitted_ms: 0,
            duration_ms: 0,
            cpu_millis: None,
            memory_mib: None,
            arch: None,
            tags: "",
            pipeline: Identifier::Text(""),
            stage: "",
            name: "",
            observed_wait_ms: None,
            status: "",
            class: "",
        }
    }
}

/// Texts, each kept once. Number 0 is the empty text.
#[derive(Debug)]
pub(super) struct Texts {
    numbers: FxHashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Default for Texts {
    fn default() -> Self {
        let mut texts = Self { numbers: FxHashMap::default(), texts: Vec::new() };
        texts.number("");
        texts
    }
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// The number of one of few texts; texts beyond 65,535 all become the last of them.
    fn word(&mut self, text: &str) -> u16 {
        let known = self.numbers.get(text).copied();
        let room = self.texts.len() < usize::from(u16::MAX);
        known.unwrap_or_else(|| if room { self.number(text) } else { self.number("(other)") }) as u16
    }

    fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    fn of(&mut self, identifier: Identifier<'_>) -> u64 {
        match identifier {
            Identifier::Number(number) if number < IS_TEXT => number,
            Identifier::Number(number) => IS_TEXT | u64::from(self.number(&number.to_string())),
            Identifier::Text(text) => IS_TEXT | u64::from(self.number(text)),
        }
    }

    fn identifier(&self, packed: u64) -> Identifier<'_> {
        if packed & IS_TEXT == 0 {
            Identifier::Number(packed)
        } else {
            Identifier::Text(self.text((packed & !IS_TEXT) as u32))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    id: u64,
    pipeline: u64,
    submitted_ms: i64,
    duration_ms: u64,
    wait_ms: u32,
    name: u32,
    tags: u32,
    stage: u32,
    cpu: u32,
    memory: u32,
    /// Place in the input, in the lower 30 bits; above them the architecture.
    order_and_arch: u32,
    status: u16,
    class: u16,
}

const ORDER_BITS: u32 = 30;

impl Packed {
    const fn order(&self) -> u32 {
        self.order_and_arch & ((1 << ORDER_BITS) - 1)
    }

    const fn arch(&self) -> Option<ArchChoice> {
        match self.order_and_arch >> ORDER_BITS {
            1 => Some(ArchChoice::Amd64),
            2 => Some(ArchChoice::Arm64),
            3 => Some(ArchChoice::Either),
            _ => None,
        }
    }
}

/// Jobs of an export. See [`JobTable::rows`].
#[derive(Debug, Default)]
pub struct JobTable {
    rows: Vec<Packed>,
    texts: Texts,
    /// States and classes: few.
    words: Texts,
}

impl JobTable {
    /// Most jobs of one import.
    pub(super) const MOST: usize = (1 << ORDER_BITS) - 1;

    pub(super) fn push(&mut self, row: &JobRow<'_>) {
        let arch = match row.arch {
            None => 0,
            Some(ArchChoice::Amd64) => 1,
            Some(ArchChoice::Arm64) => 2,
            Some(ArchChoice::Either) => 3,
        };
        let packed = Packed {
            id: self.texts.of(row.id),
            pipeline: self.texts.of(row.pipeline),
            submitted_ms: row.submitted_ms,
            duration_ms: row.duration_ms,
            wait_ms: row.observed_wait_ms.unwrap_or(UNKNOWN),
            name: self.texts.number(row.name),
            tags: self.texts.number(row.tags),
            stage: self.texts.number(row.stage),
            cpu: row.cpu_millis.unwrap_or(UNKNOWN),
            memory: row.memory_mib.unwrap_or(UNKNOWN),
            order_and_arch: self.rows.len() as u32 | (arch << ORDER_BITS),
            status: self.words.word(row.status),
            class: self.words.word(row.class),
        };
        self.rows.push(packed);
    }

    /// How many jobs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The jobs, by submit time once the import is finished.
    pub fn rows(&self) -> impl Iterator<Item = JobRow<'_>> {
        self.rows.iter().map(|row| self.unpacked(row))
    }

    fn unpacked(&self, row: &Packed) -> JobRow<'_> {
        let known = |value: u32| (value != UNKNOWN).then_some(value);
        JobRow {
            id: self.texts.identifier(row.id),
            submitted_ms: row.submitted_ms,
            duration_ms: row.duration_ms,
            cpu_millis: known(row.cpu),
            memory_mib: known(row.memory),
            arch: row.arch(),
            tags: self.texts.text(row.tags),
            pipeline: self.texts.identifier(row.pipeline),
            stage: self.texts.text(row.stage),
            name: self.texts.text(row.name),
            observed_wait_ms: known(row.wait_ms),
            status: self.words.text(u32::from(row.status)),
            class: self.words.text(u32::from(row.class)),
        }
    }

    /// Takes out jobs that are there twice; of those with equal id the first that was read stays. Returns how many were
    /// equal in everything and how many were not.
    pub(super) fn remove_repeated(&mut self) -> (u64, u64) {
        let nameless = self.texts.of(Identifier::Text(""));
        self.rows.sort_unstable_by_key(|row| (row.id, row.order()));
        let (mut equal, mut different) = (0, 0);
        self.rows.dedup_by(|later, first| {
            if later.id != first.id || later.id == nameless {
                return false;
            }
            let same = Packed { order_and_arch: 0, ..*later } == Packed { order_and_arch: 0, ..*first }
                && later.arch() == first.arch();
            *(if same { &mut equal } else { &mut different }) += 1;
            true
        });
        (equal, different)
    }

    /// How many jobs repeat the name of another one of their pipeline: retries.
    pub(super) fn count_retries(&mut self) -> u64 {
        self.rows.sort_unstable_by_key(|row| (row.pipeline, row.name));
        let nameless = self.texts.of(Identifier::Text(""));
        let repeats = |pair: &&[Packed]| {
            pair[0].pipeline == pair[1].pipeline
                && pair[0].name == pair[1].name
                && pair[0].pipeline != nameless
        };
        self.rows.windows(2).filter(repeats).count() as u64
    }

    /// How many different pipelines there are.
    pub(super) fn count_pipelines(&self) -> u64 {
        let mut pipelines: Vec<u64> = self.rows.iter().map(|row| row.pipeline).collect();
        pipelines.sort_unstable();
        pipelines.dedup();
        pipelines.iter().filter(|packed| self.texts.identifier(**packed) != Identifier::Text("")).count()
            as u64
    }

    /// Brings the jobs into the order of their submit times, equal ones as they were read.
    pub(super) fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| (row.submitted_ms, row.order()));
    }

    /// Replaces texts and shifts all submit times; see [`super::Anonymizer`].
    pub(super) fn anonymize(&mut self, anonymizer: &super::Anonymizer, shift_ms: i64) {
        for row in &mut self.rows {
            let name = anonymizer.name(self.texts.text(row.name));
            row.name = self.texts.number(&name);
            row.submitted_ms = row.submitted_ms.saturating_add(shift_ms);
            for identifier in [&mut row.id, &mut row.pipeline] {
                let shown = self.texts.identifier(*identifier);
                if shown != Identifier::Text("") {
                    *identifier = anonymizer.number(&shown.to_string()) & !IS_TEXT;
                }
            }
        }
    }

    /// Writes the jobs as a trace (CSV with the columns of [`TRACE_HEADER`], empty = unknown). Submit times are seconds
    /// since 1970 with three decimals.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn write_csv(&self, out: impl Write) -> csv::Result<()> {
        let mut csv = csv::WriterBuilder::new().buffer_capacity(1 << 17).from_writer(out);
        let with_class = self.rows.iter().any(|row| row.class != 0);
        csv.write_record(TRACE_HEADER.iter().copied().chain(with_class.then_some("class")))?;
        let mut text = String::new();
        for row in self.rows() {
            let mut field = |value: std::fmt::Arguments<'_>| {
                text.clear();
                // Writing into a String cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut text, value);
                csv.write_field(text.as_bytes())
            };
            field(format_args!("{}", row.id))?;
            field(format_args!("{}", Seconds(row.submitted_ms)))?;
            field(format_args!("{}", Seconds(i64::try_from(row.duration_ms).unwrap_or(i64::MAX))))?;
            field(format_args!("{}", Known(row.cpu_millis)))?;
            field(format_args!("{}", Known(row.memory_mib)))?;
            field(format_args!("{}", row.arch.map_or("", arch_name)))?;
            field(format_args!("{}", row.tags))?;
            field(format_args!("{}", row.pipeline))?;
            field(format_args!("{}", row.stage))?;
            field(format_args!("{}", row.name))?;
            field(format_args!("{}", Known(row.observed_wait_ms.map(|ms| Seconds(i64::from(ms))))))?;
            field(format_args!("{}", row.status))?;
            if with_class {
                field(format_args!("{}", row.class))?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        Ok(csv.flush()?)
    }
}

const fn arch_name(arch: ArchChoice) -> &'static str {
    match arch {
        ArchChoice::Amd64 => "amd64",
        ArchChoice::Arm64 => "arm64",
        ArchChoice::Either => "either",
    }
}

/// Milliseconds written as seconds, without zeros at the end.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, ms) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (seconds, rest) = (ms / 1000, ms % 1000);
        match rest {
            0 => write!(f, "{sign}{seconds}"),
            _ if rest % 100 == 0 => write!(f, "{sign}{seconds}.{}", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{sign}{seconds}.{:02}", rest / 10),
            _ => write!(f, "{sign}{seconds}.{rest:03}"),
        }
    }
}

struct Known<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for Known<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

//! The account of an import: what was read, kept and dropped, and what the kept jobs look like. Formats no text.

use std::collections::BTreeMap;

use super::error::Dropped;
use super::sink::Sink;
use super::table::{Identifier, JobTable};
use crate::units::SimDuration;
use crate::workload::{Place, Unmapped};

const HOUR_MS: i64 = 3_600_000;

/// Something about jobs that were kept, which whoever uses them should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// No queued time: the wait counts from the creation, which for later stages includes the earlier ones.
    WaitSinceCreation,
    /// The wait counts from the creation of the job, which is when it could run.
    WaitSinceCreationOfJob,
    /// No creation time: the wait is unknown and the start stands for the submit time.
    NoCreation,
    /// Created after it started: the wait is unknown and the start stands for the submit time.
    CreatedAfterStart,
    /// Its state says that it has not ended, but it has a start and an end.
    EndedAgainstState,
    /// A state that is not known.
    UnknownState,
    /// Its tags are those of the runner that took it.
    TagsOfRunner,
    /// The export has no tags.
    NoTagList,
    /// A pod without any request.
    NoRequests,
    /// The log does not say when it began: times count from its begin.
    NoClock,
    /// The export counts earlier tries of it.
    Retried,
    /// A drawn start-up was taken off its duration.
    WithoutStartUp,
    /// It was about as long as the drawn start-up: a second is left of it.
    OnlyStartUp,
}

impl Note {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::WaitSinceCreation => {
                "without queued time: the wait counts from the creation, so it may include earlier stages"
            }
            Self::WaitSinceCreationOfJob => "with a wait counted from the creation of the job",
            Self::NoCreation => {
                "without creation time: the wait is unknown, the start stands for the submit time"
            }
            Self::CreatedAfterStart => {
                "created after their start: the wait is unknown, the start stands for the submit time"
            }
            Self::EndedAgainstState => {
                "kept although their state says they had not ended: they have a start and an end"
            }
            Self::UnknownState => "in a state that is not known",
            Self::TagsOfRunner => "whose tags are those of the runner that took them",
            Self::NoTagList => "from an export without tags",
            Self::NoRequests => "pods without any request (a request of 0)",
            Self::NoClock => "log that does not say when it began: times count from its begin",
            Self::Retried => "that repeat an earlier try, as their retries_count says",
            Self::WithoutStartUp => {
                "whose duration was shortened by a start-up drawn from --observed-startup"
            }
            Self::OnlyStartUp => {
                "no longer than the start-up drawn from --observed-startup: a second is left of them"
            }
        }
    }
}

/// Quantiles of a span: the value at place ceil(q n), as in all of fleetsim's results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanQuantiles {
    /// How many values.
    pub count: u64,
    /// Mean.
    pub mean: SimDuration,
    /// Median.
    pub p50: SimDuration,
    /// Nine of ten are at most this.
    pub p90: SimDuration,
    /// 95 of 100 are at most this.
    pub p95: SimDuration,
    /// 99 of 100 are at most this.
    pub p99: SimDuration,
    /// The largest.
    pub max: SimDuration,
}

impl SpanQuantiles {
    fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let Some(max) = values.last() else { return Self::default() };
        let at = |share: usize| {
            SimDuration::from_ms(values[(values.len() * share).div_ceil(100).clamp(1, values.len()) - 1])
        };
        let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
        Self {
            count: values.len() as u64,
            mean: SimDuration::from_ms((sum / values.len() as u128) as u64),
            p50: at(50),
            p90: at(90),
            p95: at(95),
            p99: at(99),
            max: SimDuration::from_ms(*max),
        }
    }
}

/// How long jobs waited for others before they could be picked: no part of their wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Jobs of which both instants are known.
    pub known: u64,
    /// Those of them that waited for others at all.
    pub waited: u64,
    /// All of it.
    pub total: SimDuration,
    /// The longest.
    pub longest: SimDuration,
}

impl Dependencies {
    /// A job that could be picked `ms` after it was created.
    pub(super) fn add(&mut self, ms: u64) {
        let span = SimDuration::from_ms(ms);
        self.known += 1;
        self.waited += u64::from(ms > 0);
        self.total = SimDuration::from_ms(self.total.as_ms().saturating_add(ms));
        self.longest = self.longest.max(span);
    }
}

/// The most frequent first, equal ones by name.
fn most_first(counts: impl IntoIterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sorted: Vec<(String, u64)> = counts.into_iter().collect();
    sorted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    sorted
}

/// What was found in an import.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportAccount {
    /// Kinds of the files, in order.
    pub kinds: Vec<super::ImportKind>,
    /// Records read.
    pub rows: u64,
    /// Jobs kept.
    pub jobs: u64,
    /// Records left out: why, how many, and where the first is.
    pub dropped: Vec<(Dropped, u64, Place)>,
    /// Examples of those that cannot be used, at most 3 of each reason.
    pub examples: Vec<(Dropped, super::ImportError)>,
    /// Remarks about jobs that were kept: how many, and where the first is.
    pub notes: Vec<(Note, u64, Place)>,
    /// First and last submit time in ms since 1970 (or since the begin of the log), before any shift.
    pub span_ms: Option<(i64, i64)>,
    /// By how many ms all times were shifted.
    pub shifted_ms: i64,
    /// Most jobs in one hour of the clock.
    pub peak_per_hour: u64,
    /// How long jobs ran.
    pub durations: SpanQuantiles,
    /// How long they waited, where known.
    pub waits: SpanQuantiles,
    /// How long they waited for others before that, where known.
    pub dependencies: Dependencies,
    /// States of all records, kept or not, the most frequent first; of exports of GitLab and GitHub only.
    pub states: Vec<(String, u64)>,
    /// How they ended, the most frequent first.
    pub statuses: Vec<(String, u64)>,
    /// Pipelines.
    pub pipelines: u64,
    /// Jobs that repeat the name of another one of their pipeline.
    pub retries: u64,
    /// Columns and how many jobs do not say them; only those that some job does not say.
    pub unknown: Vec<(&'static str, u64)>,
    /// Jobs that no rule of the map matched; none without a map.
    pub unmatched: Option<u64>,
    /// Examples of them, the most frequent first, at most 100.
    pub unmatched_examples: Vec<Unmapped>,
}

impl ImportAccount {
    /// Mean number of jobs per hour between the first and the last submit time; none with fewer than two instants.
    #[must_use]
    pub fn jobs_per_hour(&self) -> Option<f64> {
        let (first, last) = self.span_ms?;
        (last > first).then(|| self.jobs as f64 * HOUR_MS as f64 / (last - first) as f64)
    }

    /// Takes the counts out of `sink` and looks at the table, whose rows must be in the order of their submit times.
    pub(super) fn of(sink: &mut Sink<'_>, kinds: Vec<super::ImportKind>, retries: u64) -> Self {
        let counted = |(reason, (count, place))| (reason, count, place);
        let mut account = Self {
            kinds,
            rows: sink.rows,
            jobs: sink.table.len() as u64,
            retries,
            dropped: std::mem::take(&mut sink.dropped)
                .into_iter()
                .map(|(key, value)| counted((key, value)))
                .collect(),
            examples: std::mem::take(&mut sink.examples),
            notes: std::mem::take(&mut sink.notes)
                .into_iter()
                .map(|(key, (count, place))| (key, count, place))
                .collect(),
            dependencies: sink.dependencies,
            unmatched: sink.mapping.as_ref().map(|mapping| mapping.unmatched),
            ..Self::default()
        };
        account.states = most_first(std::mem::take(&mut sink.states));
        if let Some(mapping) = &mut sink.mapping {
            account.unmatched_examples = std::mem::take(&mut mapping.examples);
            account.unmatched_examples.sort_by_key(|example| std::cmp::Reverse(example.rows));
        }
        account.look_at(&sink.table);
        account
    }

    fn look_at(&mut self, table: &JobTable) {
        let (mut durations, mut waits) = (Vec::with_capacity(table.len()), Vec::new());
        let mut unknown = [0_u64; 9];
        let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut hour, mut in_hour) = (i64::MIN, 0_u64);
        for row in table.rows() {
            durations.push(row.duration_ms);
            waits.extend(row.observed_wait_ms.map(u64::from));
            *statuses.entry(row.status).or_default() += 1;
            let own_hour = row.submitted_ms.div_euclid(HOUR_MS);
            (hour, in_hour) = (own_hour, if own_hour == hour { in_hour + 1 } else { 1 });
            self.peak_per_hour = self.peak_per_hour.max(in_hour);
            let first = self.span_ms.map_or(row.submitted_ms, |(first, _)| first);
            self.span_ms = Some((first, row.submitted_ms));
            let lacks = [
                row.cpu_millis.is_none(),
                row.memory_mib.is_none(),
                row.arch.is_none(),
                row.tags.is_empty(),
                row.pipeline == Identifier::Text(""),
                row.stage.is_empty(),
                row.name.is_empty(),
                row.observed_wait_ms.is_none(),
                row.status.is_empty(),
            ];
            for (count, lacks) in unknown.iter_mut().zip(lacks) {
                *count += u64::from(lacks);
            }
        }
        self.durations = SpanQuantiles::of(durations);
        self.waits = SpanQuantiles::of(waits);
        self.pipelines = table.count_pipelines();
        let named = statuses.into_iter().map(|(status, count)| (status.to_owned(), count));
        self.statuses = most_first(named);
        let names = &super::TRACE_HEADER;
        let columns =
            [names[3], names[4], names[5], names[6], names[7], names[8], names[9], names[10], names[11]];
        self.unknown = columns.into_iter().zip(unknown).filter(|(_, count)| *count > 0).collect();
    }
}

//! A trace described by a few numbers that a synthetic workload reproduces: when pipelines come, what they look like, how
//! long their jobs take. Opens no file, writes no text.
//!
//! The description is the one that scenarios have: pipelines (or single jobs) arrive as a Poisson process whose rate follows
//! the hour of the week and is multiplied by a gamma variate for every hour; a pipeline has one of a few shapes; the
//! duration of a job is drawn from the distribution of its class. Everything comes with how well it describes the trace.

mod arrivals;
mod classes;
mod durations;
mod figures;
mod goodness;
mod lognormal;
mod pipelines;

pub use arrivals::{ArrivalFit, WEEK_HOURS};
pub use classes::GroupBy;
pub use durations::{DurationFit, DurationShape};
pub use figures::WorkloadFigures;
pub use goodness::GoodnessOfFit;
pub use pipelines::Grouping;

use std::collections::BTreeMap;

use arrivals::Hour;
use classes::Group;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use pipelines::{Arrived, Shapes};

use super::{ArchChoice, JobRow, JobTable, WeekClock};
use crate::units::{Mebibytes, Millicores, SimDuration, SimTime};

/// Traces whose first instant is before this count from their own begin: 2000-01-01.
const EARLIEST_DATE_MS: i64 = 946_684_800_000;
/// Below so many successful jobs, failed ones help to describe durations.
const FEWEST_SUCCESSES: usize = 30;

/// How a trace is described.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// By what jobs are told apart.
    pub by: GroupBy,
    /// Most classes of jobs; the most similar ones are joined.
    pub most_classes: usize,
    /// Most shapes of pipelines.
    pub most_shapes: usize,
    /// Time zone of the profile.
    pub time_zone: TimeZone,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { by: GroupBy::Auto, most_classes: 24, most_shapes: 12, time_zone: TimeZone::UTC }
    }
}

/// Why a trace cannot be described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Too few jobs.
    #[error("{0} jobs that ran are too few to describe; at least {least} are needed", least = TraceFit::FEWEST_JOBS)]
    TooFew(usize),
    /// All jobs came within an hour.
    #[error("all jobs were submitted within {0}: how often they arrive cannot be seen in less than an hour")]
    TooShort(SimDuration),
}

/// A class of jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassFit {
    /// Its name, unique in the fit.
    pub name: String,
    /// The names it joins with how many jobs each had, the most frequent first and not all of many.
    pub members: Vec<(String, usize)>,
    /// Stage of its jobs; empty where unknown.
    pub stage: String,
    /// Architecture of its jobs, where known.
    pub arch: Option<ArchChoice>,
    /// Its jobs.
    pub jobs: usize,
    /// CPU request: the mean of its jobs, where known.
    pub cpu: Option<Millicores>,
    /// Memory request: the mean of its jobs, where known.
    pub memory: Option<Mebibytes>,
    /// Largest requests of its jobs.
    pub largest: (Option<Millicores>, Option<Mebibytes>),
    /// Tags of its jobs, the most frequent list first.
    pub tags: Vec<String>,
    /// How long its jobs take: the successful ones, unless there are hardly any.
    pub duration: DurationFit,
    /// The longest of them.
    pub longest: SimDuration,
    /// Share of its jobs that failed; none where the trace does not say how jobs ended.
    pub failed: Option<f64>,
    /// Mean duration of failed jobs over that of the others; a simulation has a half on average.
    pub failed_length: Option<f64>,
}

impl ClassFit {
    /// The share of jobs that fail in a synthetic workload: as observed, if its durations are those of successful jobs.
    #[must_use]
    pub fn drawn_failures(&self) -> Option<f64> {
        self.failed.filter(|share| *share > 0.0 && self.duration.count < self.jobs as u64)
    }
}

/// A shape of pipelines: how many jobs of which classes they have.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeFit {
    /// Index of the class and number of jobs, in the order of stages.
    pub jobs: Vec<(usize, u32)>,
    /// How many pipelines of the trace it stands for.
    pub pipelines: usize,
    /// Pipelines per week.
    pub per_week: f64,
    /// Burstiness of its own arrivals: more than that of all together, since shapes are independent of each other and
    /// average out. With it the jobs per hour vary as observed.
    pub burstiness: f64,
}

/// A trace described.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceFit {
    /// Monday 00:00 before the first job, where the trace has dates.
    pub monday: Option<ZonedDateTime>,
    /// How jobs were put together.
    pub grouping: Grouping,
    /// When pipelines (batches, single jobs) arrive.
    pub arrivals: ArrivalFit,
    /// Classes by stage and name.
    pub classes: Vec<ClassFit>,
    /// Stages in order.
    pub stages: Vec<String>,
    /// Shapes, the most frequent first. Single jobs have one shape per class.
    pub shapes: Vec<ShapeFit>,
    /// Jobs that the shapes put into the wrong class, over all jobs.
    pub misplaced: f64,
    /// Mean difference of a pipeline's number of jobs to its shape's, over the mean number.
    pub off_by: f64,
    /// What the trace itself has, to be compared with what a synthetic workload makes of the fit.
    pub observed: WorkloadFigures,
}

impl TraceFit {
    /// Fewest jobs that can be described.
    pub const FEWEST_JOBS: usize = 20;

    /// Describes the jobs of `table`.
    ///
    /// # Errors
    /// Fewer than 20 jobs, or all within an hour.
    pub fn of(table: &JobTable, options: &FitOptions) -> Result<Self, FitError> {
        let mut rows: Vec<JobRow<'_>> = table.rows().collect();
        rows.sort_by_key(|row| row.submitted_ms);
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Err(FitError::TooFew(0)) };
        if rows.len() < Self::FEWEST_JOBS {
            return Err(FitError::TooFew(rows.len()));
        }
        let span_ms = (last.submitted_ms - first.submitted_ms) as u64;
        if span_ms < 3_600_000 {
            return Err(FitError::TooShort(SimDuration::from_ms(span_ms)));
        }
        let (monday, origin_ms) = origin(first.submitted_ms, &options.time_zone);
        let clock = match &monday {
            Some(monday) => {
                let end = SimTime::from_ms((last.submitted_ms - origin_ms) as u64 + 1);
                WeekClock::from_zoned(monday, end)
            }
            None => WeekClock::default(),
        };
        let groups = classes::groups(&rows, options.by, options.most_classes);
        let (grouping, arrived) = pipelines::arrived(&rows);
        let at: Vec<(u64, usize)> =
            arrived.iter().map(|own| ((own.at_ms - origin_ms) as u64, own.rows.len())).collect();
        let (arrivals, hours) = arrivals::describe(&at, &clock);
        let stages = stages(&rows, &arrived);
        let found = if grouping == Grouping::Single {
            pipelines::one_by_one(groups.iter().map(|group| group.rows.len()))
        } else {
            pipelines::shapes(&counts(&groups, &arrived), options.most_shapes)
        };
        Ok(Self {
            observed: WorkloadFigures::of_trace(&rows, &arrived, &at),
            classes: groups.iter().map(|group| class(group, &rows)).collect(),
            monday,
            grouping,
            shapes: shapes(&found, &groups, &stages, &arrivals, &hours),
            arrivals,
            stages,
            misplaced: found.misplaced,
            off_by: found.off_by,
        })
    }

    /// Jobs at work at once in the busiest hour of an average week, by the fit's own means.
    #[must_use]
    pub fn peak_jobs_at_work(&self) -> f64 {
        let busiest = self.arrivals.hours.iter().copied().fold(0.0, f64::max);
        let hours_of = |shape: &ShapeFit| -> f64 {
            let work = |(class, count): &(usize, u32)| {
                f64::from(*count) * self.classes[*class].duration.distribution.mean_ms() / 3.6e6
            };
            shape.per_week / WEEK_HOURS as f64 * shape.jobs.iter().map(work).sum::<f64>()
        };
        busiest * self.shapes.iter().map(hours_of).sum::<f64>()
    }
}

/// Monday 00:00 before the first job and its instant in ms; a trace without dates starts at its own zero.
fn origin(first_ms: i64, zone: &TimeZone) -> (Option<ZonedDateTime>, i64) {
    let dated = (first_ms >= EARLIEST_DATE_MS).then(|| Timestamp::from_millisecond(first_ms).ok()).flatten();
    let monday = dated.and_then(|first| {
        let date = first.to_zoned_datetime(zone.clone()).date();
        let monday = match date.weekday() {
            Weekday::Monday => date,
            _ => date.nth_weekday(-1, Weekday::Monday).ok()?,
        };
        monday.to_zoned_datetime(zone.clone()).ok()
    });
    match monday {
        Some(monday) => {
            let origin_ms = monday.timestamp().as_millisecond();
            (Some(monday), origin_ms)
        }
        None => (None, first_ms.min(0)),
    }
}

/// Stages by when their jobs come in their pipelines, then by name.
fn stages(rows: &[JobRow<'_>], arrived: &[Arrived]) -> Vec<String> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for pipeline in arrived {
        for row in &pipeline.rows {
            let row = &rows[*row as usize];
            let (sum, count) = sums.entry(row.stage).or_default();
            *sum += (row.submitted_ms - pipeline.at_ms) as f64 / 1e3;
            *count += 1.0;
        }
    }
    let mut stages: Vec<(f64, &str)> = sums
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, (sum, count))| ((sum / count).round(), *name))
        .collect();
    stages.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(other.1)));
    stages.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// Jobs of each class in each pipeline.
fn counts(groups: &[Group], arrived: &[Arrived]) -> Vec<Vec<u32>> {
    let mut class_of = vec![0; groups.iter().map(|group| group.rows.len()).sum()];
    for (class, group) in groups.iter().enumerate() {
        group.rows.iter().for_each(|row| class_of[*row as usize] = class);
    }
    let count = |pipeline: &Arrived| {
        let mut jobs = vec![0; groups.len()];
        pipeline.rows.iter().for_each(|row| jobs[class_of[*row as usize]] += 1);
        jobs
    };
    arrived.iter().map(count).collect()
}

fn shapes(
    found: &Shapes,
    groups: &[Group],
    stages: &[String],
    arrivals: &ArrivalFit,
    hours: &[Hour],
) -> Vec<ShapeFit> {
    let total = found.shapes.iter().map(|shape| shape.pipelines).sum::<usize>() as f64;
    let parts: Vec<(f64, f64)> = found
        .shapes
        .iter()
        .map(|shape| (shape.pipelines as f64 / total, f64::from(shape.jobs.iter().sum::<u32>())))
        .collect();
    let burstiness = arrivals::burstiness_of_parts(hours, &parts);
    // Whole numbers of jobs are not quite the observed ones: what arrives is the observed number of jobs in any case.
    let made: f64 = parts.iter().map(|(share, jobs)| share * jobs).sum();
    let seen = groups.iter().map(|group| group.rows.len()).sum::<usize>() as f64 / total;
    let arriving = arrivals.per_week * seen / made;
    let place = |class: usize| stages.iter().position(|stage| *stage == groups[class].stage);
    let fits = found.shapes.iter().zip(&parts).map(|(shape, (share, _))| {
        let present = shape.jobs.iter().copied().enumerate().filter(|(_, count)| *count > 0);
        let mut jobs: Vec<(usize, u32)> = present.collect();
        jobs.sort_by_key(|(class, _)| (place(*class), *class));
        ShapeFit { jobs, pipelines: shape.pipelines, per_week: arriving * share, burstiness }
    });
    fits.collect()
}

fn class(group: &Group, rows: &[JobRow<'_>]) -> ClassFit {
    let own = || group.rows.iter().map(|row| &rows[*row as usize]);
    let of_end = |wanted: End| -> Vec<u64> {
        own().filter(|row| End::of(row.status) == wanted).map(|row| row.duration_ms).collect()
    };
    let (succeeded, failed) = (of_end(End::Success), of_end(End::Failure));
    let known = succeeded.len() + failed.len();
    let whole = succeeded.len() < FEWEST_SUCCESSES;
    // Jobs whose end is not known are as likely successful.
    let described: Vec<u64> =
        own().filter(|row| whole || End::of(row.status) != End::Failure).map(|row| row.duration_ms).collect();
    let mean = |values: &[u64]| values.iter().sum::<u64>() as f64 / values.len() as f64;
    let requests = |value: fn(&JobRow<'_>) -> Option<u32>| -> Option<(u32, u32)> {
        let values: Vec<u32> = own().filter_map(value).collect();
        let largest = values.iter().copied().max()?;
        let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
        Some((sum.div_ceil(values.len() as u64) as u32, largest))
    };
    let (cpu, memory) = (requests(|row| row.cpu_millis), requests(|row| row.memory_mib));
    ClassFit {
        name: group.name.clone(),
        members: group.members.clone(),
        stage: group.stage.clone(),
        arch: group.arch,
        jobs: group.rows.len(),
        cpu: cpu.map(|(mean, _)| Millicores(mean)),
        memory: memory.map(|(mean, _)| Mebibytes(mean)),
        largest: (cpu.map(|(_, most)| Millicores(most)), memory.map(|(_, most)| Mebibytes(most))),
        tags: tags(own().map(|row| row.tags)),
        duration: durations::describe(&described),
        longest: SimDuration::from_ms(own().map(|row| row.duration_ms).max().unwrap_or(0)),
        failed: (known * 2 >= group.rows.len()).then(|| failed.len() as f64 / known as f64),
        failed_length: (failed.len() >= 5 && !whole && mean(&succeeded) > 0.0)
            .then(|| mean(&failed) / mean(&succeeded)),
    }
}

fn tags<'a>(rows: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rows.filter(|tags| !tags.is_empty()).for_each(|tags| *counts.entry(tags).or_default() += 1);
    let mut lists: Vec<(&str, usize)> = counts.into_iter().collect();
    lists.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    lists.into_iter().take(5).map(|(tags, _)| tags.to_owned()).collect()
}

/// How a job ended, in the words of GitLab, GitHub, Buildkite, Kubernetes and the Standard Workload Format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Success,
    Failure,
    Unknown,
}

impl End {
    fn of(status: &str) -> Self {
        match status.to_ascii_lowercase().as_str() {
            "success" | "succeeded" | "passed" | "completed" | "1" => Self::Success,
            "failed" | "failure" | "timed_out" | "timedout" | "broken" | "errored" | "error" | "0" => {
                Self::Failure
            }
            _ => Self::Unknown,
        }
    }
}

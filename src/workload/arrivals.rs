//! All sources of a workload merged by time into one deterministic stream of arrivals.

use crate::engine::{Arena, Streams};
use crate::units::SimTime;

use super::synthetic::ArrivalTimes;
use super::{
    Arrival, ArrivalKind, Class, JobNumber, JobSampler, Makes, Synthetic, Template, TraceError, TraceReplay,
    TraceReport, WeekClock,
};

/// Everything that is known of a workload before it runs, except its traces.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Classes by [`super::ClassId`].
    pub classes: Arena<Class>,
    /// Pipeline templates by [`super::TemplateId`].
    pub templates: Arena<Template>,
    /// Synthetic sources.
    pub synthetic: Vec<Synthetic>,
    /// Which local hour of the week it is.
    pub clock: WeekClock,
    /// Names of the GitLab projects, by the number that classes carry.
    pub projects: Vec<String>,
    /// The team of each project.
    pub teams: Vec<String>,
}

/// The first number of each kind of source. What a source is numbered by is the key of the draws of its jobs, so each kind
/// counts from a number of its own: a class more, after the others, moves no draw of a pipeline or of a trace.
const FIRST_CLASS: u64 = 0;
const FIRST_PIPELINE: u64 = 1 << 10;
const FIRST_TRACE: u64 = 1 << 11;

/// The numbers of synthetic sources, in their order: each counted among those that make the same kind of thing.
fn source_numbers(sources: &[Synthetic]) -> impl Iterator<Item = u64> + '_ {
    let (mut class, mut pipeline) = (FIRST_CLASS, FIRST_PIPELINE);
    sources.iter().map(move |source| {
        let next = match source.makes {
            Makes::Jobs(_) => &mut class,
            Makes::Pipelines(_) => &mut pipeline,
        };
        *next += 1;
        *next - 1
    })
}

/// The arrivals of one replication in time order; at one instant synthetic sources come first, in the order of the
/// scenario, then traces.
///
/// A trace may add classes and templates while it is read; they are in the tables before an arrival names them.
pub struct Arrivals {
    classes: Arena<Class>,
    templates: Arena<Template>,
    sampler: JobSampler,
    sources: Vec<Source>,
    /// The next arrival of each source, and its time ([`SimTime::NEVER`]: none left).
    heads: Vec<Option<Arrival>>,
    next_at: Vec<SimTime>,
}

enum Source {
    Synthetic { makes: Makes, times: Box<ArrivalTimes>, next_ordinal: u64 },
    Trace(Box<TraceReplay>),
}

impl Arrivals {
    /// The arrivals of `workload` and of `traces` before `until`, under the draws of `streams`.
    ///
    /// # Errors
    /// The first row of a trace that cannot be used.
    pub fn new(
        workload: &Workload,
        traces: Vec<TraceReplay>,
        streams: Streams,
        until: SimTime,
    ) -> Result<Self, TraceError> {
        let numbers = source_numbers(&workload.synthetic);
        let synthetic = workload.synthetic.iter().zip(numbers).map(|(source, number)| Source::Synthetic {
            makes: source.makes,
            times: Box::new(source.times(&workload.clock, streams, number as u32, until)),
            next_ordinal: number << 40,
        });
        let traces = traces.into_iter().zip(FIRST_TRACE..).map(|(mut trace, number)| {
            trace.begin(streams, number, until);
            Source::Trace(Box::new(trace))
        });
        let sources: Vec<Source> = synthetic.chain(traces).collect();
        let mut arrivals = Self {
            classes: workload.classes.clone(),
            templates: workload.templates.clone(),
            sampler: JobSampler::new(streams),
            heads: vec![None; sources.len()],
            next_at: vec![SimTime::NEVER; sources.len()],
            sources,
        };
        for source in 0..arrivals.sources.len() {
            arrivals.refill(source)?;
        }
        Ok(arrivals)
    }

    /// The next arrival; `None` after the last.
    ///
    /// # Errors
    /// A row of a trace that cannot be used.
    pub fn next_arrival(&mut self) -> Result<Option<Arrival>, TraceError> {
        let mut first = 0;
        for source in 1..self.next_at.len() {
            if self.next_at[source] < self.next_at[first] {
                first = source;
            }
        }
        let Some(arrival) = self.heads.get_mut(first).and_then(Option::take) else { return Ok(None) };
        self.refill(first)?;
        Ok(Some(arrival))
    }

    /// When the next arrival comes; [`SimTime::NEVER`] after the last.
    #[must_use]
    pub fn next_at(&self) -> SimTime {
        self.next_at.iter().copied().min().unwrap_or(SimTime::NEVER)
    }

    /// All classes that arrivals so far may name.
    #[must_use]
    pub fn classes(&self) -> &Arena<Class> {
        &self.classes
    }

    /// All templates that arrivals so far may name.
    #[must_use]
    pub fn templates(&self) -> &Arena<Template> {
        &self.templates
    }

    /// The draws of single jobs.
    #[must_use]
    pub fn sampler(&self) -> JobSampler {
        self.sampler
    }

    /// What was found in each trace so far, in the order given.
    #[must_use]
    pub fn trace_reports(&self) -> Vec<TraceReport> {
        let traces = self.sources.iter().filter_map(|source| match source {
            Source::Trace(trace) => Some(trace.report()),
            Source::Synthetic { .. } => None,
        });
        traces.collect()
    }

    fn refill(&mut self, source: usize) -> Result<(), TraceError> {
        let head = match &mut self.sources[source] {
            Source::Synthetic { makes, times, next_ordinal } => times.next().map(|at| {
                let ordinal = *next_ordinal;
                *next_ordinal += 1;
                let kind = match *makes {
                    Makes::Jobs(class) => {
                        ArrivalKind::Job(self.sampler.job(&self.classes, class, JobNumber::new(ordinal, 0)))
                    }
                    Makes::Pipelines(template) => ArrivalKind::Pipeline(template),
                };
                Arrival { at, ordinal, kind }
            }),
            Source::Trace(trace) => trace.next_arrival(&mut self.classes, &mut self.templates)?,
        };
        self.next_at[source] = head.as_ref().map_or(SimTime::NEVER, |arrival| arrival.at);
        self.heads[source] = head;
        Ok(())
    }
}

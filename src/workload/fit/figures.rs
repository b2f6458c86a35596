//! The same figures of a trace and of what a synthetic workload makes of its description, side by side. Fits nothing.

use super::arrivals::dispersion;
use super::pipelines::Arrived;
use crate::units::{Ppm, SimDuration, SimTime};
use crate::workload::{ArrivalKind, Arrivals, JobNumber, JobRow, TraceError};

const HOUR_MS: u64 = 3_600_000;

/// What a workload amounts to. Times of jobs are those of their pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkloadFigures {
    /// Jobs per week.
    pub jobs_per_week: f64,
    /// Pipelines, batches or single jobs per week.
    pub pipelines_per_week: f64,
    /// Mean number of jobs of a pipeline.
    pub jobs_per_pipeline: f64,
    /// Most pipelines in an hour.
    pub peak_pipelines: f64,
    /// Variance over mean of the pipelines per hour.
    pub pipeline_dispersion: f64,
    /// Variance over mean of the jobs per hour.
    pub job_dispersion: f64,
    /// Mean duration in seconds.
    pub mean_s: f64,
    /// Median duration in seconds.
    pub p50_s: f64,
    /// Duration in seconds that 95 % do not exceed.
    pub p95_s: f64,
    /// Jobs at work on average.
    pub at_work: f64,
}

impl WorkloadFigures {
    /// Names, and how many digits they are shown with, in the order of [`WorkloadFigures::values`].
    pub const NAMES: [(&'static str, usize); 10] = [
        ("jobs per week", 0),
        ("arrivals per week", 1),
        ("jobs per arrival", 2),
        ("arrivals in the busiest hour", 0),
        ("dispersion of arrivals per hour", 2),
        ("dispersion of jobs per hour", 1),
        ("duration: mean in s", 1),
        ("duration: p50 in s", 1),
        ("duration: p95 in s", 1),
        ("jobs at work, mean", 2),
    ];

    /// All figures in the order of [`WorkloadFigures::NAMES`].
    #[must_use]
    pub const fn values(&self) -> [f64; 10] {
        [
            self.jobs_per_week,
            self.pipelines_per_week,
            self.jobs_per_pipeline,
            self.peak_pipelines,
            self.pipeline_dispersion,
            self.job_dispersion,
            self.mean_s,
            self.p50_s,
            self.p95_s,
            self.at_work,
        ]
    }

    /// Of a trace whose pipelines arrived at `at` ms, with so many jobs each.
    pub(super) fn of_trace(rows: &[JobRow<'_>], arrived: &[Arrived], at: &[(u64, usize)]) -> Self {
        let mut count = Counting::new(at[0].0, at[at.len() - 1].0 + 1);
        for (pipeline, (at, jobs)) in arrived.iter().zip(at) {
            count.pipeline(*at, *jobs);
            for row in &pipeline.rows {
                count.durations.push(rows[*row as usize].duration_ms);
            }
        }
        count.figures()
    }

    /// Of everything that `arrivals` brings until `until`, jobs that fail included with the part that they run.
    ///
    /// # Errors
    /// A row of a trace that cannot be used.
    pub fn of_arrivals(mut arrivals: Arrivals, until: SimDuration) -> Result<Self, TraceError> {
        let sampler = arrivals.sampler();
        let mut count = Counting::new(0, until.as_ms());
        while let Some(arrival) = arrivals.next_arrival()? {
            if arrival.at >= SimTime::ZERO + until {
                break;
            }
            let (classes, templates) = (arrivals.classes(), arrivals.templates());
            let mut run = |class, work: SimDuration, node| {
                let number = JobNumber::new(arrival.ordinal, node);
                let share = sampler.script_failure(classes[class].failure_probability, number, 0);
                count.durations.push(share.unwrap_or(Ppm::ONE).of(work.as_ms()));
            };
            let jobs = match &arrival.kind {
                ArrivalKind::Job(job) => {
                    run(job.class, job.work, 0);
                    1
                }
                ArrivalKind::Pipeline(template) => {
                    let template = &templates[*template];
                    for node in 0..template.nodes.len() as u32 {
                        let job = sampler.node(classes, template, arrival.ordinal, node);
                        run(job.class, job.work, node);
                    }
                    template.nodes.len()
                }
                ArrivalKind::Recorded(_, jobs) => {
                    for (node, job) in (0_u32..).zip(jobs) {
                        run(job.class, job.work, node);
                    }
                    jobs.len()
                }
            };
            count.pipeline(arrival.at.as_ms(), jobs);
        }
        Ok(count.figures())
    }

    /// The mean of each figure over several runs.
    #[must_use]
    pub fn mean_of(runs: &[Self]) -> Self {
        let mean = |figure: fn(&Self) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len().max(1) as f64;
        Self {
            jobs_per_week: mean(|own| own.jobs_per_week),
            pipelines_per_week: mean(|own| own.pipelines_per_week),
            jobs_per_pipeline: mean(|own| own.jobs_per_pipeline),
            peak_pipelines: mean(|own| own.peak_pipelines),
            pipeline_dispersion: mean(|own| own.pipeline_dispersion),
            job_dispersion: mean(|own| own.job_dispersion),
            mean_s: mean(|own| own.mean_s),
            p50_s: mean(|own| own.p50_s),
            p95_s: mean(|own| own.p95_s),
            at_work: mean(|own| own.at_work),
        }
    }
}

struct Counting {
    from: u64,
    to: u64,
    pipelines: Vec<f64>,
    jobs: Vec<f64>,
    durations: Vec<u64>,
}

impl Counting {
    fn new(from: u64, to: u64) -> Self {
        let hours = (to / HOUR_MS - from / HOUR_MS + 1) as usize;
        Self { from, to, pipelines: vec![0.0; hours], jobs: vec![0.0; hours], durations: Vec::new() }
    }

    fn pipeline(&mut self, at: u64, jobs: usize) {
        let hour = (at / HOUR_MS - self.from / HOUR_MS) as usize;
        self.pipelines[hour] += 1.0;
        self.jobs[hour] += jobs as f64;
    }

    fn figures(mut self) -> WorkloadFigures {
        self.durations.sort_unstable();
        let n = self.durations.len();
        let weeks = (self.to - self.from) as f64 / (168 * HOUR_MS) as f64;
        let pipelines: f64 = self.pipelines.iter().sum();
        let at = |share: usize| {
            self.durations.get((n * share).div_ceil(100).max(1) - 1).map_or(0.0, |ms| *ms as f64 / 1e3)
        };
        let work: f64 = self.durations.iter().map(|ms| *ms as f64).sum();
        WorkloadFigures {
            jobs_per_week: n as f64 / weeks,
            pipelines_per_week: pipelines / weeks,
            jobs_per_pipeline: n as f64 / pipelines.max(1.0),
            peak_pipelines: self.pipelines.iter().copied().fold(0.0, f64::max),
            pipeline_dispersion: dispersion(&self.pipelines),
            job_dispersion: dispersion(&self.jobs),
            mean_s: work / n.max(1) as f64 / 1e3,
            p50_s: at(50),
            p95_s: at(95),
            at_work: work / (self.to - self.from) as f64,
        }
    }
}

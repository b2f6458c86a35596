//! Timelines of the replications of one fleet laid over each other: the middle and a band, not one lucky run.

use crate::metrics::{GaugeKey, RunOutcome, Timeline};
use crate::units::{SimDuration, SimTime};

/// The middle and the spread of one level over the replications.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// Median per bucket of the replications' averages.
    pub median: Vec<f64>,
    /// Their 5 % quantile (with fewer than 20 replications: the lowest).
    pub low: Vec<f64>,
    /// Their 95 % quantile (with fewer than 20 replications: the highest).
    pub high: Vec<f64>,
    /// Mean per bucket.
    pub mean: Vec<f64>,
    /// Highest level of all replications per bucket.
    pub max: Vec<i64>,
}

/// Every level of one fleet over its replications.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimelineBand {
    /// Width of a bucket.
    pub bucket: SimDuration,
    /// By [`GaugeKey::index`].
    pub bands: Vec<Band>,
}

impl TimelineBand {
    /// Lays the timelines of `runs` over each other. Where runs differ in bucket width (each doubles its width when it
    /// lasts too long), the finer ones are averaged; buckets past the end of a run do not count for it.
    #[must_use]
    pub fn of(runs: &[&RunOutcome]) -> Self {
        let Some(bucket) = runs.iter().map(|run| run.timeline.bucket).max() else { return Self::default() };
        let timelines: Vec<Timeline> = runs.iter().map(|run| coarsened(&run.timeline, bucket)).collect();
        let bands = GaugeKey::ALL.map(|key| band(key, &timelines)).to_vec();
        Self { bucket, bands }
    }

    /// One level.
    #[must_use]
    pub fn band(&self, key: GaugeKey) -> &Band {
        &self.bands[key.index()]
    }

    /// Number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bands.first().map_or(0, |band| band.median.len())
    }

    /// Whether there is no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When a bucket starts.
    #[must_use]
    pub fn starts_at(&self, bucket: usize) -> SimTime {
        SimTime::from_ms(self.bucket.as_ms() * bucket as u64)
    }
}

/// `timeline` with buckets of width `bucket`, a multiple of its own.
fn coarsened(timeline: &Timeline, bucket: SimDuration) -> Timeline {
    let factor = (bucket.as_ms() / timeline.bucket.as_ms().max(1)).max(1) as usize;
    let mut coarse = timeline.clone();
    if factor == 1 {
        return coarse;
    }
    coarse.bucket = bucket;
    for series in &mut coarse.series {
        series.areas = series.areas.chunks(factor).map(|areas| areas.iter().sum()).collect();
        series.maxima =
            series.maxima.chunks(factor).map(|maxima| maxima.iter().copied().max().unwrap_or(0)).collect();
    }
    coarse
}

fn band(key: GaugeKey, timelines: &[Timeline]) -> Band {
    let mut band = Band::default();
    for bucket in 0..timelines.iter().map(Timeline::len).max().unwrap_or(0) {
        let present = || timelines.iter().filter(|timeline| bucket < timeline.len());
        let mut levels: Vec<f64> = present().map(|timeline| timeline.average(key, bucket)).collect();
        levels.sort_by(f64::total_cmp);
        let n = levels.len();
        let tail = n / 20;
        band.median.push(f64::midpoint(levels[(n - 1) / 2], levels[n / 2]));
        band.low.push(levels[tail]);
        band.high.push(levels[n - 1 - tail]);
        band.mean.push(levels.iter().sum::<f64>() / n as f64);
        band.max.push(present().map(|timeline| timeline.maximum(key, bucket)).max().unwrap_or(0));
    }
    band
}

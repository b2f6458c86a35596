//! Levels over time: pending and running jobs, nodes, millicores, averaged over buckets of equal width.
//!
//! A change costs O(1): the area under the level is kept per bucket. Where a run lasts longer than expected, pairs of
//! buckets merge and the width doubles, so memory stays bounded.

use crate::catalog::{Arch, CapacityType};
use crate::units::{SimDuration, SimTime};

/// What is gauged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GaugeKey {
    /// Jobs pending in GitLab.
    PendingJobs,
    /// Pods created and not yet bound.
    PendingPods,
    /// Jobs whose script runs, by architecture of the node.
    RunningJobs(Arch),
    /// Nodes from launch until terminated.
    Nodes(Arch, CapacityType),
    /// Millicores requested by bound pods of jobs.
    RequestedMillicores,
    /// Millicores that nodes have to give (allocatable), from launch until terminated.
    ProvisionedMillicores,
}

impl GaugeKey {
    /// Every key, in the order in which reports list them.
    pub const ALL: [Self; 12] = [
        Self::PendingJobs,
        Self::PendingPods,
        Self::RunningJobs(Arch::Amd64),
        Self::RunningJobs(Arch::Arm64),
        Self::Nodes(Arch::Amd64, CapacityType::OnDemand),
        Self::Nodes(Arch::Amd64, CapacityType::Spot),
        Self::Nodes(Arch::Arm64, CapacityType::OnDemand),
        Self::Nodes(Arch::Arm64, CapacityType::Spot),
        Self::RequestedMillicores,
        Self::ProvisionedMillicores,
        Self::Nodes(Arch::Amd64, CapacityType::Reserved),
        Self::Nodes(Arch::Arm64, CapacityType::Reserved),
    ];

    /// Its place in [`GaugeKey::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::PendingJobs => 0,
            Self::PendingPods => 1,
            Self::RunningJobs(arch) => 2 + arch as usize,
            Self::Nodes(arch, CapacityType::Reserved) => 10 + arch as usize,
            Self::Nodes(arch, capacity) => 4 + 2 * (arch as usize) + capacity as usize,
            Self::RequestedMillicores => 8,
            Self::ProvisionedMillicores => 9,
        }
    }

    /// The column name in `timeline.csv`, without the suffix for average or maximum.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::PendingJobs => "pending_jobs",
            Self::PendingPods => "pending_pods",
            Self::RunningJobs(Arch::Amd64) => "running_jobs_amd64",
            Self::RunningJobs(Arch::Arm64) => "running_jobs_arm64",
            Self::Nodes(Arch::Amd64, CapacityType::OnDemand) => "nodes_amd64_on_demand",
            Self::Nodes(Arch::Amd64, CapacityType::Spot) => "nodes_amd64_spot",
            Self::Nodes(Arch::Arm64, CapacityType::OnDemand) => "nodes_arm64_on_demand",
            Self::Nodes(Arch::Arm64, CapacityType::Spot) => "nodes_arm64_spot",
            Self::Nodes(Arch::Amd64, CapacityType::Reserved) => "nodes_amd64_reserved",
            Self::Nodes(Arch::Arm64, CapacityType::Reserved) => "nodes_arm64_reserved",
            Self::RequestedMillicores => "requested_millicores",
            Self::ProvisionedMillicores => "provisioned_millicores",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Level × milliseconds.
    area: i128,
    max: i64,
}

/// One level while the run goes on. The open bucket, the one that contains `since`, is kept beside the level in small
/// integers: a change then touches one cache line and costs one multiplication.
#[derive(Clone, Debug)]
struct Level {
    value: i64,
    /// Until when the area is complete.
    since: u64,
    /// Where the open bucket ends.
    open_end: u64,
    open_area: i64,
    open_max: i64,
    /// The closed buckets, from time zero on.
    closed: Vec<Bucket>,
    /// Area before the warm-up ended.
    uncounted: i128,
}

/// All levels of one run.
#[derive(Clone, Debug)]
pub struct Gauges {
    warmup: u64,
    width: u64,
    /// Most buckets of a level; an even number.
    buckets: usize,
    levels: Vec<Level>,
}

impl Gauges {
    /// Levels of zero from time zero on, in `buckets` buckets over `horizon`. Area after `warmup` is also summed.
    ///
    /// # Panics
    /// Where there are fewer than two buckets.
    #[must_use]
    pub fn new(warmup: SimTime, horizon: SimDuration, buckets: usize) -> Self {
        assert!(buckets >= 2, "a timeline has at least two buckets");
        let buckets = buckets.next_multiple_of(2);
        let width = horizon.as_ms().div_ceil(buckets as u64).max(1);
        let level = || Level {
            value: 0,
            since: 0,
            open_end: width,
            open_area: 0,
            open_max: 0,
            closed: Vec::with_capacity(buckets),
            uncounted: 0,
        };
        Self { warmup: warmup.as_ms(), width, buckets, levels: GaugeKey::ALL.map(|_| level()).to_vec() }
    }

    /// From `now` on the level is `delta` higher.
    pub fn add(&mut self, now: SimTime, key: GaugeKey, delta: i64) {
        self.advance(key.index(), now.as_ms());
        let level = &mut self.levels[key.index()];
        level.value += delta;
        level.open_max = level.open_max.max(level.value);
    }

    /// The level now.
    #[must_use]
    pub fn level(&self, key: GaugeKey) -> i64 {
        self.levels[key.index()].value
    }

    fn advance(&mut self, index: usize, now: u64) {
        let level = &mut self.levels[index];
        if now <= level.since {
            return;
        }
        if level.since < self.warmup {
            level.uncounted += i128::from(level.value) * i128::from(now.min(self.warmup) - level.since);
        }
        if now >= level.open_end {
            while now >= self.width * self.buckets as u64 {
                self.widen();
            }
            self.levels[index].close_until(now, self.width);
        }
        self.levels[index].grow(now);
    }

    /// Merges pairs of buckets, in every level. An open bucket that is the second of a pair takes the first back.
    fn widen(&mut self) {
        self.width *= 2;
        for level in &mut self.levels {
            if !level.closed.len().is_multiple_of(2)
                && let Some(first) = level.closed.pop()
            {
                level.open_area += first.area as i64;
                level.open_max = level.open_max.max(first.max);
            }
            let pairs = level.closed.chunks_exact(2);
            level.closed =
                pairs.map(|p| Bucket { area: p[0].area + p[1].area, max: p[0].max.max(p[1].max) }).collect();
            level.open_end = (level.closed.len() as u64 + 1) * self.width;
        }
    }

    /// The timeline until `end`, the last instant of the run.
    #[must_use]
    pub fn finish(mut self, end: SimTime) -> Timeline {
        for index in 0..self.levels.len() {
            self.advance(index, end.as_ms());
        }
        let used = end.as_ms().div_ceil(self.width).max(1) as usize;
        let series = self.levels.into_iter().map(|level| level.finish(used)).collect();
        Timeline { bucket: SimDuration::from_ms(self.width), end, series }
    }
}

impl Level {
    /// Adds the area up to `now`, which lies in the open bucket. It fits: 10^9 millicores over a bucket of 100 days are
    /// less than 2^63.
    fn grow(&mut self, now: u64) {
        self.open_area += self.value * (now - self.since) as i64;
        self.since = now;
    }

    /// Closes buckets until the open one contains `now`.
    fn close_until(&mut self, now: u64, width: u64) {
        while now >= self.open_end {
            self.grow(self.open_end);
            self.closed.push(Bucket { area: i128::from(self.open_area), max: self.open_max });
            (self.open_area, self.open_max) = (0, self.value);
            self.open_end += width;
        }
    }

    fn finish(mut self, used: usize) -> TimelineSeries {
        self.closed.push(Bucket { area: i128::from(self.open_area), max: self.open_max });
        let total: i128 = self.closed.iter().map(|bucket| bucket.area).sum();
        self.closed.truncate(used);
        TimelineSeries {
            counted_area: total - self.uncounted,
            areas: self.closed.iter().map(|bucket| bucket.area).collect(),
            maxima: self.closed.iter().map(|bucket| bucket.max).collect(),
        }
    }
}

/// One level over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimelineSeries {
    /// Level × milliseconds after the warm-up, exact.
    pub counted_area: i128,
    /// Level × milliseconds per bucket, exact.
    pub areas: Vec<i128>,
    /// Highest level per bucket.
    pub maxima: Vec<i64>,
}

/// Every level over the whole run, in buckets of one width; the last bucket may be cut short by the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Timeline {
    /// Width of a bucket.
    pub bucket: SimDuration,
    /// End of the run.
    pub end: SimTime,
    /// By [`GaugeKey::index`].
    pub series: Vec<TimelineSeries>,
}

impl Timeline {
    /// Number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.first().map_or(0, |series| series.areas.len())
    }

    /// Whether nothing was gauged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When a bucket starts.
    #[must_use]
    pub fn starts_at(&self, bucket: usize) -> SimTime {
        SimTime::from_ms(self.bucket.as_ms() * bucket as u64)
    }

    /// The time-weighted average level in a bucket.
    #[must_use]
    pub fn average(&self, key: GaugeKey, bucket: usize) -> f64 {
        let until = (self.starts_at(bucket) + self.bucket).min(self.end);
        let ms = until.saturating_since(self.starts_at(bucket)).as_ms().max(1);
        self.series[key.index()].areas[bucket] as f64 / ms as f64
    }

    /// The highest level in a bucket.
    #[must_use]
    pub fn maximum(&self, key: GaugeKey, bucket: usize) -> i64 {
        self.series[key.index()].maxima[bucket]
    }

    /// Level × milliseconds after the warm-up, exact.
    #[must_use]
    pub fn counted_area(&self, key: GaugeKey) -> i128 {
        self.series.get(key.index()).map_or(0, |series| series.counted_area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> SimTime {
        SimTime::from_ms(ms)
    }

    #[test]
    fn keys_know_their_place() {
        for (index, key) in GaugeKey::ALL.iter().enumerate() {
            assert_eq!(key.index(), index);
        }
    }

    #[test]
    fn a_level_is_averaged_by_time_and_survives_empty_buckets() {
        let mut gauges = Gauges::new(at(50), SimDuration::from_ms(100), 10);
        gauges.add(at(5), GaugeKey::PendingJobs, 4);
        gauges.add(at(35), GaugeKey::PendingJobs, -3);
        let timeline = gauges.finish(at(95));
        let key = GaugeKey::PendingJobs;
        assert_eq!(timeline.len(), 10);
        assert!((timeline.average(key, 0) - 2.0).abs() < 1e-12);
        assert!((timeline.average(key, 3) - 2.5).abs() < 1e-12);
        assert_eq!((timeline.maximum(key, 2), timeline.maximum(key, 3), timeline.maximum(key, 4)), (4, 4, 1));
        assert!((timeline.average(key, 9) - 1.0).abs() < 1e-12, "the last bucket is cut short");
        assert_eq!(timeline.counted_area(key), 45);
    }

    #[test]
    fn a_run_that_lasts_longer_than_expected_gets_wider_buckets() {
        let mut gauges = Gauges::new(SimTime::ZERO, SimDuration::from_ms(100), 10);
        gauges.add(at(0), GaugeKey::PendingPods, 1);
        gauges.add(at(390), GaugeKey::PendingPods, 1);
        let timeline = gauges.finish(at(400));
        assert_eq!((timeline.bucket.as_ms(), timeline.len()), (80, 5));
        let total: i128 = timeline.series[GaugeKey::PendingPods.index()].areas.iter().sum();
        assert_eq!(total, 410);
        assert_eq!(timeline.counted_area(GaugeKey::PendingPods), 410);
    }

    proptest! {
        #[test]
        fn areas_are_those_of_summing_every_millisecond(
            changes in prop::collection::vec((0u64..40, -3i64..4), 1..40),
            warmup in 0u64..300,
        ) {
            let key = GaugeKey::RequestedMillicores;
            let mut gauges = Gauges::new(at(warmup), SimDuration::from_ms(64), 4);
            let (mut now, mut value, mut levels) = (0, 0, Vec::new());
            for (step, delta) in changes {
                levels.resize(levels.len() + step as usize, value);
                now += step;
                value += delta;
                gauges.add(at(now), key, delta);
            }
            let timeline = gauges.finish(at(now));
            let series = &timeline.series[key.index()];
            let counted: i64 = levels.iter().skip(warmup as usize).sum();
            prop_assert_eq!(series.counted_area, i128::from(counted));
            let width = timeline.bucket.as_ms() as usize;
            for (area, part) in series.areas.iter().zip(levels.chunks(width)) {
                prop_assert_eq!(*area, i128::from(part.iter().sum::<i64>()));
            }
            prop_assert_eq!(series.areas.len(), levels.len().div_ceil(width).max(1));
        }
    }
}

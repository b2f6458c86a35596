//! When enough has been simulated, and from when on it counts: relative precision and MSER-5.

use super::metric::Metric;
use super::statistics::{Confidence, Sample};
use crate::catalog::Arch;
use crate::metrics::{GaugeKey, RunOutcome};
use crate::units::SimDuration;

/// Fewest replications before a relative precision is believed.
pub const FEWEST_REPLICATIONS: usize = 10;

/// Whether the interval of `sample` is as narrow as asked for: half-width at most `g / (1 + g)` of the point estimate, so
/// that the true relative error is at most `g` (Law, *Simulation Modeling and Analysis*, 9.4.1). A metric of exactly
/// zero is known as well as it ever will be.
#[must_use]
pub fn is_precise(sample: &Sample, relative: f64, confidence: Confidence) -> bool {
    let Some(half) = sample.estimate(confidence).margin() else { return false };
    sample.n >= FEWEST_REPLICATIONS && half <= relative / (1.0 + relative) * sample.point.abs()
}

/// How many replications the interval of `sample` is likely to need, from its spread so far; at least one more.
#[must_use]
pub fn replications_needed(sample: &Sample, relative: f64, confidence: Confidence) -> usize {
    let half = sample.estimate(confidence).margin().unwrap_or(f64::INFINITY);
    let factor = half / (relative / (1.0 + relative) * sample.point.abs());
    let wanted = (sample.n as f64 * factor * factor).ceil();
    (wanted.min(1e6) as usize).max(sample.n + 1)
}

/// How narrow the intervals of some metrics have to be, and when to give up.
#[derive(Clone, Debug, PartialEq)]
pub struct Precision {
    /// The metrics whose intervals count.
    pub metrics: Vec<Metric>,
    /// Largest relative error, as a share.
    pub relative: f64,
    /// How sure the intervals are.
    pub confidence: Confidence,
    /// Most replications.
    pub cap: usize,
}

impl Precision {
    /// Whether every sample is as precise as asked for.
    #[must_use]
    pub fn is_reached(&self, samples: &[Sample]) -> bool {
        samples.iter().all(|sample| is_precise(sample, self.relative, self.confidence))
    }

    /// How many replications to have next, after `replications` gave `samples`; none where that is precise enough or the
    /// cap is reached. At most half as many again at once: the spread of few replications is a poor guess, and each look
    /// at the intervals is a chance to stop too early.
    #[must_use]
    pub fn next(&self, samples: &[Sample], replications: usize) -> Option<usize> {
        if replications >= self.cap || self.is_reached(samples) {
            return None;
        }
        let needed = samples
            .iter()
            .filter(|sample| !is_precise(sample, self.relative, self.confidence))
            .map(|sample| replications_needed(sample, self.relative, self.confidence))
            .max();
        let most = (replications + replications / 2).max(replications + 1);
        Some(needed.unwrap_or(most).clamp(replications + 1, most).min(self.cap))
    }

    /// The widest interval's half-width as a share of its value.
    #[must_use]
    pub fn widest(&self, samples: &[Sample]) -> f64 {
        let share = |sample: &Sample| match sample.estimate(self.confidence).margin() {
            Some(half) if half > 0.0 => half / sample.point.abs(),
            Some(_) => 0.0,
            None => f64::INFINITY,
        };
        samples.iter().map(share).fold(0.0, f64::max)
    }
}

/// What MSER-5 says of the start of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmupFound {
    /// The start ends after this time; the level that took longest to settle.
    After(SimDuration, &'static str),
    /// A level has no end of its start within the first half of the run.
    Nowhere(&'static str),
}

/// Looks for the end of the start by MSER-5 in what jobs wait for, what runs and what is paid for: pending jobs, running
/// jobs and provisioned millicores over time, each averaged over the runs of one fleet. The longest start counts.
#[must_use]
pub fn find_warmup(runs: &[&RunOutcome]) -> WarmupFound {
    let levels: [(&'static str, &[GaugeKey]); 3] = [
        ("pending jobs", &[GaugeKey::PendingJobs]),
        ("running jobs", &[GaugeKey::RunningJobs(Arch::Amd64), GaugeKey::RunningJobs(Arch::Arm64)]),
        ("provisioned CPU", &[GaugeKey::ProvisionedMillicores]),
    ];
    let Some(bucket) = runs.iter().map(|run| run.timeline.bucket).max() else {
        return WarmupFound::Nowhere(levels[0].0);
    };
    let band = super::band::TimelineBand::of(runs);
    let mut longest = (SimDuration::ZERO, levels[0].0);
    for (name, parts) in levels {
        let mut series = vec![0.0; band.len()];
        for key in parts.iter().copied() {
            series.iter_mut().zip(&band.band(key).mean).for_each(|(sum, level)| *sum += level);
        }
        // The bucket in which the last jobs end is not like the others: runs end while it is open.
        series.pop();
        let Some(first) = mser5(&series) else { return WarmupFound::Nowhere(name) };
        let time = SimDuration::from_ms(first as u64 * bucket.as_ms());
        if time > longest.0 {
            longest = (time, name);
        }
    }
    WarmupFound::After(longest.0, longest.1)
}

/// MSER-5 (White 1997; White, Cobb & Spratt 2000): how many of the first values to leave out, so that the standard error
/// of the mean of the rest is least, on means of five. None where that is more than half: the series is then too short
/// to tell where the start ends.
#[must_use]
pub fn mser5(values: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = values.chunks_exact(5).map(|five| five.iter().sum::<f64>() / 5.0).collect();
    let m = batches.len();
    let (mut sum, mut squares, mut best) = (0.0, 0.0, None::<(f64, usize)>);
    for d in (0..m).rev() {
        sum += batches[d];
        squares += batches[d] * batches[d];
        let left = (m - d) as f64;
        if left < 5.0 {
            continue;
        }
        let error = (squares - sum * sum / left).max(0.0) / (left * left);
        if best.is_none_or(|(least, _)| error <= least) {
            best = Some((error, d));
        }
    }
    best.map(|(_, d)| d).filter(|d| 2 * d <= m).map(|d| 5 * d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mser_finds_where_the_start_ends() {
        let noise = |i: usize| ((i * 7919) % 13) as f64 / 13.0;
        let steady: Vec<f64> = (0..500).map(noise).collect();
        assert!(mser5(&steady).unwrap() <= 50);
        let rising: Vec<f64> = (0..500).map(|i| if i < 100 { 20.0 } else { 0.0 } + noise(i)).collect();
        let found = mser5(&rising).unwrap();
        assert!((100..=150).contains(&found), "{found}");
        let growing: Vec<f64> = (0..500).map(|i| if i < 400 { i as f64 } else { 400.0 }).collect();
        assert_eq!(mser5(&growing), None);
        assert_eq!(mser5(&[1.0, 2.0]), None);
    }

    #[test]
    fn precision_needs_ten_replications_and_a_narrow_interval() {
        let of = |n: usize, spread: f64| {
            Sample::of_means((0..n).map(|i| 100.0 + if i % 2 == 0 { spread } else { -spread }).collect())
                .unwrap()
        };
        let confidence = Confidence::default();
        assert!(!is_precise(&of(8, 0.1), 0.02, confidence));
        assert!(is_precise(&of(10, 0.1), 0.02, confidence));
        assert!(!is_precise(&of(10, 10.0), 0.02, confidence));
        assert!(replications_needed(&of(10, 10.0), 0.02, confidence) > 100);
    }
}

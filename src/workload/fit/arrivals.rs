//! When things arrive in the course of a week: a rate per hour of the week, drawn towards simpler profiles where data are
//! thin, and the burstiness around it. Knows no jobs.

use crate::units::SimTime;
use crate::workload::WeekClock;

/// Hours of a week.
pub const WEEK_HOURS: usize = 168;
const HOUR_MS: f64 = 3_600_000.0;
/// The largest coefficient of variation that a scenario takes.
const MOST_BURSTY: f64 = 10.0;
const ROUNDS: usize = 8;

/// Arrivals described as a synthetic source makes them: a Poisson process whose rate is that of the hour of the week, times
/// a gamma variate of mean 1 that is drawn for every hour.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivalFit {
    /// Arrivals per week.
    pub per_week: f64,
    /// Rate of each hour from Monday 00:00 over the weekly mean.
    pub hours: Vec<f64>,
    /// Coefficient of variation of the hourly rate around the profile.
    pub burstiness: f64,
    /// Variance over mean of the observed hourly counts; 1 for Poisson arrivals at a constant rate.
    pub dispersion: f64,
    /// The same around the profile: what is left for the burstiness to explain.
    pub residual_dispersion: f64,
    /// Correlation of one hour's deviation from the profile with the next one's. The model has none.
    pub autocorrelation: f64,
    /// Observed weeks.
    pub weeks: f64,
    /// Hours of the week in which nothing was observed at all.
    pub unseen_hours: usize,
    /// How much of the deviation from a plain profile (day times hour of the day) is kept, from 0 to 1.
    pub kept: f64,
}

/// One observed hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    of_week: usize,
    /// How much of it was observed.
    exposure: f64,
    count: f64,
    /// Jobs of what arrived.
    jobs: f64,
    /// Expected count.
    mean: f64,
    /// How much of its own cell's deviation is in its mean, for the degrees of freedom.
    leverage: f64,
}

/// Describes arrivals of so many jobs each at `at` (ms after the origin of `clock`, ascending), observed from the first to
/// the last of them; the hours are for [`burstiness_of_parts`].
pub(super) fn describe(at: &[(u64, usize)], clock: &WeekClock) -> (ArrivalFit, Vec<Hour>) {
    let mut hours = observed_hours(at, clock);
    let exposure: f64 = hours.iter().map(|hour| hour.exposure).sum();
    let count: f64 = hours.iter().map(|hour| hour.count).sum();
    let overall = count / exposure;
    let mut variance = 0.0;
    let mut factors = vec![1.0; WEEK_HOURS];
    let mut kept = 0.0;
    for round in 0..ROUNDS {
        for hour in &mut hours {
            (hour.mean, hour.leverage) = (overall * hour.exposure, 0.0);
        }
        if round == 0 {
            variance = burst_variance(&hours);
        }
        factors = vec![1.0; WEEK_HOURS];
        draw(&mut hours, &mut factors, variance, 7, |hour| hour / 24);
        draw(&mut hours, &mut factors, variance, 24, |hour| hour % 24);
        kept = draw(&mut hours, &mut factors, variance, WEEK_HOURS, |hour| hour);
        variance = burst_variance(&hours);
    }
    let mean = factors.iter().sum::<f64>() / WEEK_HOURS as f64;
    let made: f64 = hours.iter().map(|hour| hour.mean).sum();
    let mut seen = [false; WEEK_HOURS];
    hours.iter().for_each(|hour| seen[hour.of_week] = true);
    let counts: Vec<f64> = hours.iter().filter(|hour| hour.exposure > 0.999).map(|hour| hour.count).collect();
    let fit = ArrivalFit {
        // The expected number over the observed hours is the observed one.
        per_week: overall * mean * WEEK_HOURS as f64 * count / made,
        hours: factors.iter().map(|factor| factor / mean).collect(),
        burstiness: variance.sqrt().min(MOST_BURSTY),
        dispersion: dispersion(&counts),
        residual_dispersion: residual_dispersion(&hours),
        autocorrelation: autocorrelation(&hours),
        weeks: exposure / WEEK_HOURS as f64,
        unseen_hours: seen.iter().filter(|seen| !**seen).count(),
        kept,
    };
    (fit, hours)
}

/// The burstiness that independent parts of the arrivals, given as (share, jobs of each arrival), must have for the jobs per
/// hour to vary as observed: what is independent averages out, so it is more than that of all arrivals together.
pub(super) fn burstiness_of_parts(hours: &[Hour], parts: &[(f64, f64)]) -> f64 {
    let of = |power: i32, of_jobs: i32| -> f64 {
        parts.iter().map(|(share, jobs)| share.powi(power) * jobs.powi(of_jobs)).sum()
    };
    let (mean_jobs, squared_jobs) = (of(1, 1), of(1, 2));
    let (mut over, mut squares) = (0.0, 0.0);
    for hour in hours {
        let apart = hour.jobs - mean_jobs * hour.mean;
        over += apart * apart / (1.0 - hour.leverage).max(0.1) - squared_jobs * hour.mean;
        squares += hour.mean * hour.mean;
    }
    let scale = squares * of(2, 2);
    if scale > 0.0 { (over / scale).max(0.0).sqrt().min(MOST_BURSTY) } else { 0.0 }
}

fn observed_hours(at: &[(u64, usize)], clock: &WeekClock) -> Vec<Hour> {
    let (Some((first, _)), Some((last, _))) = (at.first(), at.last()) else { return Vec::new() };
    let mut hours = Vec::new();
    let (mut from, mut next) = (*first, 0);
    loop {
        let (of_week, end) = clock.hour_at(SimTime::from_ms(from));
        let to = end.as_ms().min(last + 1);
        let begin = next;
        let mut jobs = 0.0;
        while next < at.len() && at[next].0 < to {
            jobs += at[next].1 as f64;
            next += 1;
        }
        let exposure = (to - from) as f64 / HOUR_MS;
        let count = (next - begin) as f64;
        hours.push(Hour { of_week, exposure, count, jobs, mean: 0.0, leverage: 0.0 });
        if to > *last {
            return hours;
        }
        from = to;
    }
}

/// Multiplies the means of the `groups` that `group_of` forms by their deviations, each drawn towards 1 by what chance
/// alone would give it (empirical Bayes: the share of the variance between groups that chance does not explain). Returns the
/// mean share that is kept.
fn draw(
    hours: &mut [Hour],
    factors: &mut [f64],
    variance: f64,
    groups: usize,
    group_of: impl Fn(usize) -> usize,
) -> f64 {
    let mut sums = vec![(0.0, 0.0, 0.0, 0.0_f64); groups];
    for hour in hours.iter() {
        let (count, mean, noise, n) = &mut sums[group_of(hour.of_week)];
        *count += hour.count;
        *mean += hour.mean;
        *noise += hour.mean + variance * hour.mean * hour.mean;
        *n += 1.0;
    }
    let (mut between, mut weight) = (0.0, 0.0);
    for (count, mean, noise, _) in sums.iter().filter(|sum| sum.1 > 0.0) {
        let (apart, chance) = (count / mean - 1.0, noise / (mean * mean));
        between += mean * (apart * apart - chance);
        weight += mean;
    }
    let between = if weight > 0.0 { (between / weight).max(0.0) } else { 0.0 };
    let (mut kept, mut seen) = (0.0, 0.0);
    let drawn: Vec<(f64, f64)> = sums
        .iter()
        .map(|(count, mean, noise, n)| {
            if *mean <= 0.0 {
                return (1.0, 0.0);
            }
            let share = between / (between + noise / (mean * mean));
            kept += share;
            seen += 1.0;
            // A rate of exactly nothing would forbid what was merely not seen yet.
            let factor = (1.0 + share * (count / mean - 1.0)).max(1e-3);
            (factor, (2.0 * share - share * share) / n)
        })
        .collect();
    for hour in hours.iter_mut() {
        let (factor, leverage) = drawn[group_of(hour.of_week)];
        hour.mean *= factor;
        hour.leverage += leverage;
    }
    for (hour, own) in factors.iter_mut().enumerate() {
        *own *= drawn[group_of(hour)].0;
    }
    if seen > 0.0 { kept / seen } else { 0.0 }
}

/// The variance of the hourly factor: what the counts vary around their means beyond Poisson, by moments.
fn burst_variance(hours: &[Hour]) -> f64 {
    let (mut over, mut squares) = (0.0, 0.0);
    for hour in hours {
        let apart = hour.count - hour.mean;
        over += apart * apart / (1.0 - hour.leverage).max(0.1) - hour.mean;
        squares += hour.mean * hour.mean;
    }
    if squares > 0.0 { (over / squares).clamp(0.0, MOST_BURSTY * MOST_BURSTY) } else { 0.0 }
}

/// Variance over mean.
pub(super) fn dispersion(counts: &[f64]) -> f64 {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let squares: f64 = counts.iter().map(|count| (count - mean) * (count - mean)).sum();
    if n > 1.0 && mean > 0.0 { squares / (n - 1.0) / mean } else { 1.0 }
}

fn residual_dispersion(hours: &[Hour]) -> f64 {
    let (mut squares, mut means) = (0.0, 0.0);
    for hour in hours {
        squares += (hour.count - hour.mean) * (hour.count - hour.mean) / (1.0 - hour.leverage).max(0.1);
        means += hour.mean;
    }
    if means > 0.0 { squares / means } else { 1.0 }
}

fn autocorrelation(hours: &[Hour]) -> f64 {
    let apart = |hour: &Hour| (hour.count - hour.mean) / hour.mean.max(1e-9).sqrt();
    let together: f64 = hours.windows(2).map(|pair| apart(&pair[0]) * apart(&pair[1])).sum();
    let squares: f64 = hours.iter().map(|hour| apart(hour) * apart(hour)).sum();
    if squares > 0.0 { together / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Id, Streams};
    use crate::units::Ppm;
    use crate::workload::{Makes, Profile, Synthetic};

    fn arrivals(per_day: f64, profile: Profile, burstiness: f64, weeks: u64) -> Vec<(u64, usize)> {
        let source = Synthetic {
            name: "fit".into(),
            makes: Makes::Jobs(Id::new(0)),
            per_day,
            profile,
            burstiness: Ppm::from_f64(burstiness),
            from: SimTime::ZERO,
            until: SimTime::NEVER,
        };
        let end = SimTime::from_ms(weeks * 168 * 3_600_000);
        source.times(&WeekClock::default(), Streams::new(3, 0), 0, end).map(|at| (at.as_ms(), 1)).collect()
    }

    /// Mean difference of two profiles, weighted by the true rates.
    fn apart(fit: &ArrivalFit, truth: &Profile) -> f64 {
        (0..WEEK_HOURS).map(|hour| (fit.hours[hour] - truth.over_mean(hour)).abs()).sum::<f64>() / 168.0
    }

    #[test]
    fn profile_rate_and_bursts_are_found_again() {
        let truth = Profile::office_week();
        let (fit, hours) = describe(&arrivals(960.0, truth.clone(), 0.5, 8), &WeekClock::default());
        assert!((fit.per_week / (960.0 * 7.0) - 1.0).abs() < 0.05, "{}", fit.per_week);
        assert!((fit.burstiness - 0.5).abs() < 0.06, "{}", fit.burstiness);
        assert!(apart(&fit, &truth) < 0.10, "{}", apart(&fit, &truth));
        // One part is the whole; two halves must each vary more, by the square root of two.
        assert!((burstiness_of_parts(&hours, &[(1.0, 1.0)]) / fit.burstiness - 1.0).abs() < 1e-9);
        let halves = burstiness_of_parts(&hours, &[(0.5, 1.0), (0.5, 1.0)]);
        assert!((halves / fit.burstiness - 2.0_f64.sqrt()).abs() < 1e-9);
        assert!(fit.autocorrelation.abs() < 0.1 && fit.unseen_hours == 0);
    }

    #[test]
    fn thin_data_are_drawn_to_a_plain_profile_and_poisson_has_no_bursts() {
        let (flat, _) = describe(&arrivals(24.0, Profile::flat(), 0.0, 3), &WeekClock::default());
        // Raw hourly means of three weeks would be off by 1 / sqrt(3) × 0.8 = 0.46 on average.
        assert!(apart(&flat, &Profile::flat()) < 0.12, "{}", apart(&flat, &Profile::flat()));
        assert!(flat.burstiness < 0.3, "{}", flat.burstiness);
        assert!((flat.dispersion - 1.0).abs() < 0.25);
    }

    #[test]
    fn a_few_hours_describe_a_week_that_was_not_seen() {
        let at = [0, 1_000, 7_200_000, 9_000_000].map(|at| (at, 1));
        let (fit, _) = describe(&at, &WeekClock::default());
        assert_eq!(fit.unseen_hours, 165);
        assert!(fit.per_week.is_finite() && fit.hours.iter().all(|hour| hour.is_finite() && *hour >= 0.0));
        let (one, _) = describe(&[(5, 1)], &WeekClock::default());
        assert!(one.per_week.is_finite(), "{one:?}");
    }
}

//! Which jobs belong together, and what their pipelines look like: a few shapes that stand for all. Knows no time of day.

use std::collections::BTreeMap;

use super::lognormal::LogPoints;
use crate::workload::{Identifier, JobNumber, JobRow};

/// Rows of one pipeline later than this after its first begin a new one, as in a replay by stages.
const WITHIN_MS: i64 = 6 * 3_600_000;
/// Without stages, jobs that come over a longer time than this (median) are no pipeline.
const LONGEST_SPREAD_MS: i64 = 600_000;
/// Jobs that come closer than this may be a batch.
const LONGEST_GAP_MS: f64 = 600_000.0;
/// Gaps within batches are at least so many times shorter than those between them.
const GAP_RATIO: f64 = 20.0;
/// Neither kind of gaps is narrower than this (standard deviation of the logarithm; of Poisson arrivals it is 1.28).
const NARROWEST_GAPS: f64 = 0.7;
/// A shape more is taken while the shapes misplace more than this share of all jobs …
const MISPLACED: f64 = 0.02;
/// … or the numbers of jobs per pipeline are off by more than this share.
const OFF_BY: f64 = 0.10;

/// How jobs were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Every job comes by itself.
    Single,
    /// By the trace's own pipelines.
    Recorded,
    /// The trace names no pipelines: jobs that come less than this many ms after the one before belong to it.
    Batches {
        /// Longest gap.
        gap_ms: u64,
    },
}

/// One pipeline, batch or single job.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrived {
    pub at_ms: i64,
    pub rows: Vec<u32>,
}

/// A pipeline that stands for several: how many of each class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// Jobs of each class.
    pub jobs: Vec<u32>,
    /// How many pipelines it stands for.
    pub pipelines: usize,
}

/// Shapes of all pipelines, and what they miss.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shapes {
    pub shapes: Vec<Shape>,
    /// Jobs too many or too few in a class, over all jobs.
    pub misplaced: f64,
    /// Mean difference of a pipeline's number of jobs to its shape's, over the mean number.
    pub off_by: f64,
}

/// Puts `rows`, which come in time order, together.
pub(super) fn arrived(rows: &[JobRow<'_>]) -> (Grouping, Vec<Arrived>) {
    let recorded = recorded(rows);
    if is_pipelines(&recorded, rows) {
        return (Grouping::Recorded, recorded);
    }
    if let Some(gap_ms) = batch_gap(rows) {
        let mut batches: Vec<Arrived> = Vec::new();
        let mut last_ms = i64::MIN;
        for (place, row) in (0_u32..).zip(rows) {
            match batches.last_mut() {
                Some(batch)
                    if row.submitted_ms - last_ms <= gap_ms as i64
                        && batch.rows.len() < JobNumber::MAX_NODES =>
                {
                    batch.rows.push(place);
                }
                _ => batches.push(Arrived { at_ms: row.submitted_ms, rows: vec![place] }),
            }
            last_ms = row.submitted_ms;
        }
        return (Grouping::Batches { gap_ms }, batches);
    }
    let single = |(place, row): (u32, &JobRow<'_>)| Arrived { at_ms: row.submitted_ms, rows: vec![place] };
    (Grouping::Single, (0_u32..).zip(rows).map(single).collect())
}

fn recorded(rows: &[JobRow<'_>]) -> Vec<Arrived> {
    let mut found: Vec<Arrived> = Vec::new();
    let mut current: BTreeMap<String, usize> = BTreeMap::new();
    for (place, row) in (0_u32..).zip(rows) {
        let named = row.pipeline != Identifier::Text("");
        let name = if named { row.pipeline.to_string() } else { String::new() };
        if named && let Some(index) = current.get(&name) {
            let pipeline = &mut found[*index];
            if row.submitted_ms - pipeline.at_ms <= WITHIN_MS && pipeline.rows.len() < JobNumber::MAX_NODES {
                pipeline.rows.push(place);
                continue;
            }
        }
        if named {
            current.insert(name, found.len());
        }
        found.push(Arrived { at_ms: row.submitted_ms, rows: vec![place] });
    }
    found
}

/// Whether these are pipelines, and not users or queues in a column of that name.
fn is_pipelines(found: &[Arrived], rows: &[JobRow<'_>]) -> bool {
    let mut spreads: Vec<i64> = found
        .iter()
        .filter(|pipeline| pipeline.rows.len() > 1)
        .map(|pipeline| rows[pipeline.rows[pipeline.rows.len() - 1] as usize].submitted_ms - pipeline.at_ms)
        .collect();
    if spreads.is_empty() {
        return false;
    }
    spreads.sort_unstable();
    rows.iter().any(|row| !row.stage.is_empty()) || spreads[spreads.len() / 2] <= LONGEST_SPREAD_MS
}

/// The gap that parts jobs of one batch from the next batch, if gaps are of two kinds: two lognormals are fitted to them,
/// far apart, with the border where both are as probable.
fn batch_gap(rows: &[JobRow<'_>]) -> Option<u64> {
    let mut gaps: Vec<u64> =
        rows.windows(2).map(|pair| (pair[1].submitted_ms - pair[0].submitted_ms).max(0) as u64).collect();
    if gaps.len() < 50 {
        return None;
    }
    gaps.sort_unstable();
    let unit_ms = if gaps.iter().all(|gap| gap % 1000 == 0) { 1000 } else { 1 };
    let (parts, _) = LogPoints::of(&gaps, unit_ms, NARROWEST_GAPS).mixture(2);
    let [short, long] = parts.as_slice() else { return None };
    if long.mean - short.mean < libm::log(GAP_RATIO) || !(0.2..0.99).contains(&short.weight) {
        return None;
    }
    let log_density = |part: &super::lognormal::Component, x: f64| {
        let z = (x - part.mean) / part.sigma;
        libm::log(part.weight / part.sigma) - z * z / 2.0
    };
    let (mut low, mut high) = (short.mean, long.mean);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if log_density(short, middle) > log_density(long, middle) { low = middle } else { high = middle }
    }
    Some(libm::exp(low).min(LONGEST_GAP_MS).max(unit_ms as f64) as u64)
}

/// A shape per class for jobs that come by themselves.
pub(super) fn one_by_one(jobs_of_classes: impl ExactSizeIterator<Item = usize>) -> Shapes {
    let classes = jobs_of_classes.len();
    let shape = |(class, jobs): (usize, usize)| {
        let mut own = vec![0; classes];
        own[class] = 1;
        Shape { jobs: own, pipelines: jobs }
    };
    let mut shapes: Vec<Shape> = jobs_of_classes.enumerate().map(shape).collect();
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.pipelines));
    Shapes { shapes, misplaced: 0.0, off_by: 0.0 }
}

/// At most `most` shapes for pipelines whose numbers of jobs by class are `counts`.
pub(super) fn shapes(counts: &[Vec<u32>], most: usize) -> Shapes {
    let mut distinct: BTreeMap<&[u32], usize> = BTreeMap::new();
    for jobs in counts {
        *distinct.entry(jobs).or_default() += 1;
    }
    let kinds: Vec<(Vec<f64>, f64)> = distinct
        .iter()
        .map(|(jobs, count)| (jobs.iter().map(|own| f64::from(*own)).collect(), *count as f64))
        .collect();
    let mut best = Shapes { shapes: Vec::new(), misplaced: 1.0, off_by: 1.0 };
    let mut centers =
        vec![kinds.iter().fold(&kinds[0], |best, kind| if kind.1 > best.1 { kind } else { best }).0.clone()];
    for number in 1..=most.max(1) {
        let found = clustered(&kinds, centers.clone());
        if found.misplaced + found.off_by < best.misplaced + best.off_by || number == 1 {
            best = found;
        }
        if (best.misplaced <= MISPLACED && best.off_by <= OFF_BY) || number >= kinds.len() {
            break;
        }
        // The next shape is what is furthest from all so far, by how often it is.
        let far = |kind: &(Vec<f64>, f64)| {
            kind.1 * centers.iter().map(|center| apart(center, &kind.0)).fold(f64::INFINITY, f64::min)
        };
        let next = kinds.iter().reduce(|best, kind| if far(kind) > far(best) { kind } else { best });
        centers.extend(next.map(|kind| kind.0.clone()));
    }
    best
}

fn apart(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum()
}

fn clustered(kinds: &[(Vec<f64>, f64)], mut centers: Vec<Vec<f64>>) -> Shapes {
    let mut belongs = vec![0; kinds.len()];
    for _ in 0..20 {
        let before = belongs.clone();
        for (own, (jobs, _)) in belongs.iter_mut().zip(kinds) {
            let mut least = f64::INFINITY;
            for (index, center) in centers.iter().enumerate() {
                let distance = apart(center, jobs);
                if distance < least {
                    (least, *own) = (distance, index);
                }
            }
        }
        for (index, center) in centers.iter_mut().enumerate() {
            let members = || kinds.iter().zip(&belongs).filter(|(_, own)| **own == index);
            let weight: f64 = members().map(|((_, count), _)| count).sum();
            if weight > 0.0 {
                for (class, mean) in center.iter_mut().enumerate() {
                    *mean = members().map(|((jobs, count), _)| jobs[class] * count).sum::<f64>() / weight;
                }
            }
        }
        if before == belongs {
            break;
        }
    }
    judged(kinds, &belongs, &centers)
}

/// Whole numbers of jobs for each center, and what they miss.
fn judged(kinds: &[(Vec<f64>, f64)], belongs: &[usize], centers: &[Vec<f64>]) -> Shapes {
    let mut pipelines = vec![0; centers.len()];
    for ((_, count), own) in kinds.iter().zip(belongs) {
        pipelines[*own] += *count as usize;
    }
    let jobs = whole(centers, &pipelines);
    let mut shapes: Vec<Shape> = jobs
        .into_iter()
        .zip(&pipelines)
        .map(|(jobs, pipelines)| Shape { jobs, pipelines: *pipelines })
        .collect();
    let (mut off, mut jobs_total, mut wrong) = (0.0, 0.0, vec![0.0; centers[0].len()]);
    for ((jobs, count), own) in kinds.iter().zip(belongs) {
        let shape = &shapes[*own];
        let (seen, made) = (jobs.iter().sum::<f64>(), f64::from(shape.jobs.iter().sum::<u32>()));
        off += count * (seen - made).abs();
        jobs_total += count * seen;
        for (class, error) in wrong.iter_mut().enumerate() {
            *error += count * (f64::from(shape.jobs[class]) - jobs[class]);
        }
    }
    shapes.retain(|shape| shape.pipelines > 0);
    shapes.sort_by(|one, other| other.pipelines.cmp(&one.pipelines).then_with(|| one.jobs.cmp(&other.jobs)));
    Shapes {
        shapes,
        misplaced: wrong.iter().map(|error| error.abs()).sum::<f64>() / jobs_total,
        off_by: off / jobs_total,
    }
}

/// Whole numbers near the means `centers` of so many `pipelines` each: within a class the largest fractions are rounded up
/// as long as that brings its number of jobs nearer to the observed one. Every shape has a job.
fn whole(centers: &[Vec<f64>], pipelines: &[usize]) -> Vec<Vec<u32>> {
    let mut shapes: Vec<Vec<u32>> =
        centers.iter().map(|means| means.iter().map(|mean| (*mean + 1e-9) as u32).collect()).collect();
    for (jobs, means) in shapes.iter_mut().zip(centers) {
        if jobs.iter().all(|count| *count == 0) {
            let most = (0..means.len()).fold(0, |most, at| if means[at] > means[most] { at } else { most });
            jobs[most] = 1;
        }
    }
    for class in 0..centers[0].len() {
        let left = |shape: usize, jobs: &[Vec<u32>]| centers[shape][class] - f64::from(jobs[shape][class]);
        let of_all = |shape: usize| left(shape, &shapes) * pipelines[shape] as f64;
        let mut missing: f64 = (0..shapes.len()).map(of_all).sum();
        let mut order: Vec<usize> = (0..shapes.len()).filter(|shape| left(*shape, &shapes) > 1e-9).collect();
        order.sort_by(|a, b| left(*b, &shapes).total_cmp(&left(*a, &shapes)).then(a.cmp(b)));
        for shape in order {
            let gained = pipelines[shape] as f64;
            if gained <= 2.0 * missing {
                shapes[shape][class] += 1;
                missing -= gained;
            }
        }
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_s: i64, pipeline: u64) -> JobRow<'static> {
        let pipeline = if pipeline == 0 { Identifier::Text("") } else { Identifier::Number(pipeline) };
        JobRow { submitted_ms: at_s * 1000, pipeline, ..JobRow::nothing(Identifier::Number(0)) }
    }

    #[test]
    fn the_shapes_of_two_kinds_of_pipelines_are_these_two() {
        let counts: Vec<Vec<u32>> =
            (0..100).map(|n| if n % 4 == 0 { vec![1, 8, 1] } else { vec![1, 2, 0] }).collect();
        let found = shapes(&counts, 6);
        let expected =
            vec![Shape { jobs: vec![1, 2, 0], pipelines: 75 }, Shape { jobs: vec![1, 8, 1], pipelines: 25 }];
        assert_eq!((found.shapes, found.misplaced, found.off_by), (expected, 0.0, 0.0));
    }

    #[test]
    fn rounding_keeps_the_number_of_jobs_of_a_class() {
        let found = whole(&[vec![0.5, 2.0], vec![0.4, 0.6], vec![0.1, 0.2]], &[10, 10, 20]);
        // Class 0 has 11 jobs, of which 10 are placed. Class 1 has 30 and gets 50: a shape without jobs is none.
        assert_eq!(found, [[1, 2], [0, 1], [0, 1]].map(|jobs| jobs.to_vec()));
    }

    #[test]
    fn jobs_that_come_together_are_batches_and_users_are_no_pipelines() {
        let batches: Vec<JobRow<'_>> = (0..300).map(|n| row(n / 5 * 3600 + n % 5 * 2, 0)).collect();
        let (grouping, found) = arrived(&batches);
        assert!(
            matches!(grouping, Grouping::Batches { gap_ms } if (2_000..=600_000).contains(&gap_ms)),
            "{grouping:?}"
        );
        assert_eq!((found.len(), found[7].rows.len()), (60, 5));
        let users: Vec<JobRow<'_>> = (0..300).map(|n| row(n * 600, 1 + n as u64 % 2)).collect();
        assert_eq!(arrived(&users).0, Grouping::Single);
        let pipelines: Vec<JobRow<'_>> = (0..300).map(|n| row(n / 3 * 900, 1 + n as u64 / 3)).collect();
        let (grouping, found) = arrived(&pipelines);
        assert_eq!((grouping, found.len()), (Grouping::Recorded, 100));
    }
}

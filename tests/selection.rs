//! Selection of the best on made-up candidates whose truth is known.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

use fleetsim::experiment::{Bound, Fate, Metric, Objective, Observed, SelectionRules, h_squared, select};
use std::convert::Infallible;
use std::ops::Range;

/// Pseudo-random numbers, about normal (twelve uniforms of SplitMix64), by seed, candidate and replication.
fn normal(seed: u64, candidate: u64, replication: u64) -> f64 {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ (candidate << 32) ^ replication;
    let mut sum = -6.0;
    for _ in 0..12 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum += ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
    }
    sum
}

/// A field of 8 × 8 points: cost is a bowl, wait falls with the first coordinate. Noise is shared for the most part, as
/// with common random numbers.
struct Field {
    seed: u64,
    centre: (f64, f64),
    noise: f64,
}

impl Field {
    fn cost(&self, point: usize) -> f64 {
        let (x, y) = ((point % 8) as f64, (point / 8) as f64);
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        100.0 + 1.2 * dx * dx + 0.9 * dy * dy
    }

    fn wait(&self, point: usize) -> f64 {
        90.0 - 10.0 * (point % 8) as f64
    }

    fn observe(&self, points: &[usize], replications: Range<usize>) -> Vec<Vec<Observed>> {
        let run = |point: usize, replication: usize| {
            let shared = normal(self.seed, 1000, replication as u64);
            let own = normal(self.seed, point as u64, replication as u64);
            let wait = normal(self.seed, 2000 + point as u64, replication as u64);
            Observed {
                goal: Some(self.cost(point) + self.noise * (2.0 * shared + own)),
                limits: vec![Some(self.wait(point) + 3.0 * wait)],
            }
        };
        points.iter().map(|point| replications.clone().map(|r| run(*point, r)).collect()).collect()
    }
}

#[test]
fn the_constant_is_that_of_the_literature() {
    // Figures of the references: k = 5, α = 0.05, n₀ = 10: η = 0.63497, h² = 11.429.
    assert!((h_squared(5, 0.05, 10) - 11.429).abs() < 5e-4);
}

#[test]
fn of_64_points_the_best_is_found_with_a_fifth_of_the_runs_that_trying_all_takes() {
    let (mut right, mut runs, mut brute_right) = (0, 0, 0);
    let brute_replications = 50;
    for seed in 0..200 {
        let centre = (1.0 + normal(seed, 1, 1).abs() * 1.5, 3.5 + normal(seed, 1, 2));
        let field = Field { seed, centre, noise: 1.5 };
        let objective = Objective { metric: Metric::WaitP95, limit: 65.0, bound: Bound::AtMost };
        let rules = SelectionRules::default();
        let mut observe = |points: &[usize], r: Range<usize>| Ok::<_, Infallible>(field.observe(points, r));
        let selection = select(64, &[objective], &rules, &mut observe).unwrap();
        runs += selection.runs;
        let feasible = || (0..64).filter(|point| field.wait(*point) <= 65.0);
        let best = feasible().map(|point| field.cost(point)).fold(f64::INFINITY, f64::min);
        let is_good = |point: usize| field.wait(point) <= 65.0 && field.cost(point) <= best * 1.01;
        right += usize::from(selection.pick.is_some_and(is_good));
        let everything = field.observe(&(0..64).collect::<Vec<_>>(), 0..brute_replications);
        let mean = |point: usize, of: fn(&Observed) -> f64| {
            everything[point].iter().map(of).sum::<f64>() / brute_replications as f64
        };
        let tried = (0..64)
            .filter(|point| mean(*point, |run| run.limits[0].unwrap()) <= 65.0)
            .min_by(|a, b| mean(*a, |run| run.goal.unwrap()).total_cmp(&mean(*b, |run| run.goal.unwrap())));
        brute_right += usize::from(tried.is_some_and(is_good));
    }
    let (mean_runs, brute) = (runs / 200, 64 * brute_replications);
    println!("right in {right} of 200 with {mean_runs} runs; all with {brute} runs: right in {brute_right}");
    assert!(right >= 190, "{right} of 200 (trying all: {brute_right})");
    assert!(5 * mean_runs <= brute, "{mean_runs} of {brute} runs");
}

#[test]
fn with_few_candidates_the_test_alone_decides_and_says_so() {
    // Slippage: all others worse by exactly the zone; the hardest case that the guarantee covers.
    let costs = [100.0, 101.0, 101.0, 101.0, 101.0];
    let (mut right, mut runs) = (0, 0);
    for seed in 0..200 {
        let mut observe = |points: &[usize], replications: Range<usize>| {
            let run = |point: usize, r: usize| Observed {
                goal: Some(
                    costs[point] + 2.0 * normal(seed, 9, r as u64) + normal(seed, point as u64, r as u64),
                ),
                limits: Vec::new(),
            };
            let of = |point: &usize| replications.clone().map(|r| run(*point, r)).collect();
            Ok::<_, Infallible>(points.iter().map(of).collect::<Vec<Vec<Observed>>>())
        };
        let selection = select(5, &[], &SelectionRules::default(), &mut observe).unwrap();
        assert!(selection.is_decided && selection.finalists == 5);
        right += usize::from(selection.pick == Some(0));
        runs += selection.runs;
    }
    println!("slippage: right in {right} of 200 with {} runs", runs / 200);
    assert!(right >= 190, "{right} of 200");
}

#[test]
fn candidates_that_miss_objectives_drop_nobody_and_are_not_picked() {
    let objective = Objective { metric: Metric::WaitP95, limit: 60.0, bound: Bound::AtMost };
    let select = |waits: [f64; 3]| {
        let mut observe = |points: &[usize], replications: Range<usize>| {
            let run = |point: usize, r: usize| Observed {
                goal: Some([50.0, 100.0, 120.0][point] + 0.1 * normal(7, point as u64, r as u64)),
                limits: vec![Some(waits[point] + normal(8, point as u64, r as u64))],
            };
            let of = |point: &usize| replications.clone().map(|r| run(*point, r)).collect();
            Ok::<_, Infallible>(points.iter().map(of).collect::<Vec<Vec<Observed>>>())
        };
        select(3, &[objective], &SelectionRules { cap: 40, ..SelectionRules::default() }, &mut observe)
            .unwrap()
    };
    let clear = select([90.0, 40.0, 30.0]);
    let fates: Vec<Fate> = clear.candidates.iter().map(|candidate| candidate.fate).collect();
    assert_eq!(fates, [Fate::Infeasible, Fate::Picked, Fate::Beaten]);
    assert!(clear.is_decided);
    // Just at the limit nobody can tell: the cap ends it, and the one that surely keeps the objective is the pick.
    let unclear = select([60.0, 40.0, 30.0]);
    assert_eq!((unclear.pick, unclear.is_decided), (Some(1), false));
    assert_eq!(select([90.0, 80.0, 70.0]).pick, None);
}

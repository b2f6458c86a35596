//! Sequential halving (Karnin, Koren & Somekh 2013): a large field of candidates cut down, half by half, with more
//! replications for those that stay. A heuristic: what it drops is not covered by a guarantee.

use super::objective::{Bound, Objective};
use super::selection::{Observed, Observer};

/// So many candidates are left for the sequential test.
pub(super) const FINALISTS: usize = 8;
/// New replications of each round; the last number goes on.
const ROUNDS: [usize; 4] = [3, 2, 3, 5];

/// What is known of one candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Track {
    /// By replication.
    pub goals: Vec<f64>,
    /// By objective, then replication.
    pub limits: Vec<Vec<f64>>,
}

/// Mean and standard error of the mean; the error is infinite with fewer than two values.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::INFINITY);
    }
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n * (n - 1.0))).sqrt())
}

impl Track {
    /// Takes in the runs of one candidate. A run without value is the worst there can be.
    pub(super) fn add(&mut self, runs: &[Observed], objectives: &[Objective]) {
        self.limits.resize_with(objectives.len(), Vec::new);
        for run in runs {
            self.goals.push(run.goal.unwrap_or(f64::INFINITY));
            for (index, (values, objective)) in self.limits.iter_mut().zip(objectives).enumerate() {
                let worst = if objective.bound == Bound::AtMost { f64::INFINITY } else { f64::NEG_INFINITY };
                values.push(run.limits.get(index).copied().flatten().unwrap_or(worst));
            }
        }
    }

    /// Mean of the goal.
    pub(super) fn goal(&self) -> f64 {
        mean_and_error(&self.goals).0
    }

    /// By how much objectives are missed for all that noise can say: beyond one standard error, as a share of the limit.
    fn miss(&self, objectives: &[Objective]) -> f64 {
        let miss = |(values, objective): (&Vec<f64>, &Objective)| {
            let (mean, error) = mean_and_error(values);
            let beyond = match objective.bound {
                Bound::AtMost => mean - error - objective.limit,
                Bound::AtLeast => objective.limit - mean - error,
            };
            if beyond.is_nan() { f64::INFINITY } else { beyond.max(0.0) / objective.limit.abs().max(1e-9) }
        };
        self.limits.iter().zip(objectives).map(miss).sum()
    }
}

/// What halving leaves.
pub(super) struct Halved {
    /// Candidates that are left, in ascending order.
    pub alive: Vec<usize>,
    /// Replications of those that are left.
    pub replications: usize,
    /// By candidate.
    pub tracks: Vec<Track>,
    /// Runs spent.
    pub runs: usize,
}

/// Halves `candidates` until [`FINALISTS`] are left. Those that miss objectives go first, the worst of them foremost, then
/// those with the larger goal.
pub(super) fn halve<E>(
    candidates: usize,
    objectives: &[Objective],
    observe: &mut impl Observer<E>,
) -> Result<Halved, E> {
    let mut alive: Vec<usize> = (0..candidates).collect();
    let mut tracks = vec![Track::default(); candidates];
    let (mut replications, mut runs, mut round) = (0, 0, 0);
    while alive.len() > FINALISTS {
        let more = ROUNDS[round.min(ROUNDS.len() - 1)];
        let observed = observe.observe(&alive, replications..replications + more)?;
        for (candidate, found) in alive.iter().zip(&observed) {
            tracks[*candidate].add(found, objectives);
        }
        runs += alive.len() * more;
        replications += more;
        round += 1;
        let score = |candidate: &usize| {
            let track = &tracks[*candidate];
            (track.miss(objectives), track.goal())
        };
        alive.sort_by(|a, b| {
            let (a, b) = (score(a), score(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        alive.truncate(alive.len().div_ceil(2).max(FINALISTS));
    }
    alive.sort_unstable();
    Ok(Halved { alive, replications, tracks, runs })
}

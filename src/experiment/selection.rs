//! Selection of the best of many candidates under objectives: halving of a large field, then the fully sequential
//! indifference-zone test of Kim & Nelson (ACM TOMACS 11, 2001) with common random numbers on those that are left.
//!
//! Where variances differ widely, that test is slow to drop what is far behind; so at a few looks a candidate also goes
//! whose paired difference to another one is clearly above zero (racing). Half of the chance to be wrong is the test's, a
//! quarter the races', a quarter that of judging objectives.
//!
//! Feasibility follows Andradóttir & Kim (*Fully sequential procedures for comparing constrained systems*, 2010) in one
//! point: only a candidate that is known to keep the objectives drops others. It is judged by one-sided Student t
//! intervals at a few looks, all of which hold together (Bonferroni).

use super::halving::{Halved, Track, halve, mean_and_error};
use super::objective::{Bound, Objective, ObjectiveState};
use super::statistics::{Confidence, student_t};
use std::ops::Range;

/// What one run of one candidate says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What is to be small; none where the run has no value.
    pub goal: Option<f64>,
    /// The metric of each objective.
    pub limits: Vec<Option<f64>>,
}

/// Somebody who makes runs: of each of these candidates in each of these replications. Equal replications of different
/// candidates share their random numbers.
pub trait Observer<E> {
    /// By candidate in the order asked for, then by replication.
    ///
    /// # Errors
    /// A run could not be made.
    fn observe(&mut self, candidates: &[usize], replications: Range<usize>) -> Result<Vec<Vec<Observed>>, E>;
}

impl<E, F: FnMut(&[usize], Range<usize>) -> Result<Vec<Vec<Observed>>, E>> Observer<E> for F {
    fn observe(&mut self, candidates: &[usize], replications: Range<usize>) -> Result<Vec<Vec<Observed>>, E> {
        self(candidates, replications)
    }
}

/// How sure the selection has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelectionRules {
    /// How sure the pick has to be.
    pub confidence: Confidence,
    /// A goal that is larger by at most this share is as good.
    pub indifference: f64,
    /// Most replications of the sequential test.
    pub cap: usize,
}

impl Default for SelectionRules {
    fn default() -> Self {
        Self { confidence: Confidence::default(), indifference: 0.01, cap: 200 }
    }
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It left in the halving.
    Halved,
    /// It clearly misses an objective.
    Infeasible,
    /// The sequential test dropped it for another one.
    Beaten,
    /// It was there at the end and is not the pick.
    NotPicked,
    /// The pick.
    Picked,
}

/// One candidate at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What became of it.
    pub fate: Fate,
    /// Mean of the goal over the replications behind it.
    pub goal: f64,
    /// Replications behind it.
    pub replications: usize,
    /// Whether it keeps all objectives, as far as it is known.
    pub state: ObjectiveState,
}

/// What was selected.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The pick; none where every candidate clearly misses an objective.
    pub pick: Option<usize>,
    /// Whether the sequential test came to its end: the pick is the best of the finalists, or less than the indifference
    /// zone worse, with the confidence asked for. Else the cap ended it.
    pub is_decided: bool,
    /// By candidate.
    pub candidates: Vec<Candidate>,
    /// Candidates that met the sequential test.
    pub finalists: usize,
    /// The indifference zone, in the unit of the goal.
    pub indifference: f64,
    /// Runs spent in all.
    pub runs: usize,
    /// Replications that were used, from 0.
    pub replications: usize,
}

/// Replications before the sequential test drops anybody.
const FIRST: usize = 10;

/// Selects the candidate with the smallest goal that keeps the objectives.
///
/// # Errors
/// Those of `observe`.
pub fn select<E>(
    candidates: usize,
    objectives: &[Objective],
    rules: &SelectionRules,
    observe: &mut impl Observer<E>,
) -> Result<Selection, E> {
    let halved = halve(candidates, objectives, observe)?;
    let mut race = Race::new(candidates, halved, objectives, *rules);
    while race.goes_on() {
        race.look();
        if !race.goes_on() {
            break;
        }
        let next = race.replications..race.replications + race.step();
        let observed = observe.observe(&race.alive, next.clone())?;
        race.take(next.len(), &observed);
    }
    Ok(race.end())
}

/// The sequential test.
struct Race<'a> {
    objectives: &'a [Objective],
    rules: SelectionRules,
    /// Replications that were used before it: it makes new ones, since those who are left owe it to their luck there.
    before: usize,
    replications: usize,
    halving: Vec<Track>,
    tracks: Vec<Track>,
    states: Vec<ObjectiveState>,
    fates: Vec<Option<Fate>>,
    alive: Vec<usize>,
    finalists: Vec<usize>,
    /// Sample variances of the paired differences in the first stage, by finalist twice.
    variances: Vec<Vec<f64>>,
    indifference: f64,
    runs: usize,
    looks: usize,
}

impl<'a> Race<'a> {
    fn new(candidates: usize, halved: Halved, objectives: &'a [Objective], rules: SelectionRules) -> Self {
        let mut fates = vec![Some(Fate::Halved); candidates];
        halved.alive.iter().for_each(|candidate| fates[*candidate] = None);
        Self {
            objectives,
            rules,
            before: halved.replications,
            replications: halved.replications,
            halving: halved.tracks,
            tracks: vec![Track::default(); candidates],
            states: vec![ObjectiveState::Unclear; candidates],
            fates,
            finalists: halved.alive.clone(),
            alive: halved.alive,
            variances: Vec::new(),
            indifference: 0.0,
            runs: halved.runs,
            looks: 0,
        }
    }

    /// Replications of the test itself.
    fn own(&self) -> usize {
        self.replications - self.before
    }

    fn goes_on(&self) -> bool {
        let is_settled = match self.alive.as_slice() {
            [] => true,
            [last] => self.states[*last] != ObjectiveState::Unclear && self.own() >= FIRST,
            _ => false,
        };
        !is_settled && self.own() < self.rules.cap
    }

    /// The first stage at once, then one replication after the other.
    fn step(&self) -> usize {
        if self.own() == 0 { FIRST.min(self.rules.cap) } else { 1 }
    }

    fn take(&mut self, replications: usize, observed: &[Vec<Observed>]) {
        for (candidate, runs) in self.alive.iter().zip(observed) {
            self.tracks[*candidate].add(runs, self.objectives);
        }
        self.runs += self.alive.len() * replications;
        self.replications += replications;
        if self.variances.is_empty() {
            self.end_first_stage();
        }
    }

    fn end_first_stage(&mut self) {
        let goals = self.finalists.iter().map(|candidate| self.tracks[*candidate].goal().abs());
        self.indifference = self.rules.indifference * goals.fold(f64::INFINITY, f64::min);
        let variance = |a: &usize, b: &usize| {
            let (a, b) = (&self.tracks[*a].goals, &self.tracks[*b].goals);
            let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            let (_, error) = mean_and_error(&differences);
            error * error * differences.len() as f64
        };
        let row = |a: &usize| self.finalists.iter().map(|b| variance(a, b)).collect();
        self.variances = self.finalists.iter().map(row).collect();
    }

    /// Judges feasibility and drops whoever is beaten.
    fn look(&mut self) {
        if self.own() < FIRST.min(self.rules.cap) {
            return;
        }
        let is_time = self.is_time_to_judge();
        if is_time {
            self.looks += 1;
            self.judge();
        }
        let is_out = |loser: &usize| self.is_beaten(*loser) || (is_time && self.is_outrun(*loser));
        let beaten: Vec<usize> = self.alive.iter().copied().filter(is_out).collect();
        beaten.iter().for_each(|loser| self.fates[*loser] = Some(Fate::Beaten));
        self.alive.retain(|candidate| !beaten.contains(candidate));
    }

    /// Looks at the objectives are rare: after the first stage and then each time that there are half as many
    /// replications again.
    fn is_time_to_judge(&self) -> bool {
        let due = FIRST as f64 * libm::pow(1.5, self.looks as f64);
        self.own() as f64 >= due
    }

    /// How sure each of so many one-sided tests at each look has to be, for all to miss together with a quarter of the
    /// chance to be wrong.
    fn each_of(&self, tests: usize) -> Confidence {
        let looks =
            libm::ceil(libm::log((self.rules.cap as f64 / FIRST as f64).max(1.5)) / libm::log(1.5)) + 1.0;
        let miss = (1.0 - self.rules.confidence.share()) / 4.0 / (looks * tests.max(1) as f64);
        // One-sided at `miss` is two-sided at twice that.
        Confidence::new(1.0 - 2.0 * miss).unwrap_or_default()
    }

    fn judge(&mut self) {
        let confidence = self.each_of(self.finalists.len() * self.objectives.len());
        for candidate in &self.alive {
            self.states[*candidate] = state(&self.tracks[*candidate], self.objectives, confidence);
        }
        let missed = |candidate: &usize| self.states[*candidate] == ObjectiveState::Missed;
        let infeasible: Vec<usize> = self.alive.iter().copied().filter(missed).collect();
        infeasible.iter().for_each(|candidate| self.fates[*candidate] = Some(Fate::Infeasible));
        self.alive.retain(|candidate| !infeasible.contains(candidate));
    }

    /// Whether the paired difference to a candidate that keeps the objectives is clearly above zero.
    fn is_outrun(&self, loser: usize) -> bool {
        let k = self.finalists.len();
        let confidence = self.each_of(k * (k - 1));
        let mine = &self.tracks[loser].goals;
        self.alive
            .iter()
            .filter(|winner| **winner != loser && self.states[**winner] == ObjectiveState::Met)
            .any(|winner| {
                let pairs = mine.iter().zip(&self.tracks[*winner].goals);
                let differences: Vec<f64> = pairs.map(|(mine, other)| mine - other).collect();
                let (mean, error) = mean_and_error(&differences);
                mean - student_t(confidence, differences.len().max(2) - 1) * error > 0.0
            })
    }

    /// Whether a candidate that keeps the objectives is so much better that `loser` cannot be the best.
    fn is_beaten(&self, loser: usize) -> bool {
        let place = |candidate: usize| self.finalists.iter().position(|one| *one == candidate);
        let (Some(i), r) = (place(loser), self.own() as f64) else { return false };
        let delta = self.indifference;
        let h2 = h_squared(self.finalists.len(), (1.0 - self.rules.confidence.share()) / 2.0, FIRST);
        self.alive.iter().filter(|winner| **winner != loser).any(|winner| {
            let Some(l) = place(*winner).filter(|_| self.states[*winner] == ObjectiveState::Met) else {
                return false;
            };
            let (mine, other) = (self.tracks[loser].goal(), self.tracks[*winner].goal());
            if mine.is_infinite() && other.is_finite() {
                return true;
            }
            let slack = (delta / (2.0 * r) * (h2 * self.variances[i][l] / (delta * delta) - r)).max(0.0);
            mine > other + slack || (slack == 0.0 && mine == other && loser > *winner)
        })
    }

    fn end(self) -> Selection {
        let goal = |candidate: usize| self.tracks[candidate].goal();
        let of = |state: ObjectiveState| {
            let all = self.alive.iter().copied();
            all.filter(|candidate| self.states[*candidate] == state)
                .min_by(|a, b| goal(*a).total_cmp(&goal(*b)))
        };
        let pick = of(ObjectiveState::Met).or_else(|| of(ObjectiveState::Unclear));
        let is_decided =
            self.alive.len() <= 1 && pick.is_none_or(|pick| self.states[pick] == ObjectiveState::Met);
        let candidate = |index: usize| {
            let (test, halving) = (&self.tracks[index], &self.halving[index]);
            let track = if test.goals.is_empty() { halving } else { test };
            let fate = if pick == Some(index) { Fate::Picked } else { Fate::NotPicked };
            Candidate {
                fate: self.fates[index].unwrap_or(fate),
                goal: track.goal(),
                replications: track.goals.len(),
                state: self.states[index],
            }
        };
        Selection {
            pick,
            is_decided,
            candidates: (0..self.tracks.len()).map(candidate).collect(),
            finalists: self.finalists.len(),
            indifference: self.indifference,
            runs: self.runs,
            replications: self.replications,
        }
    }
}

/// Whether all objectives are kept, by intervals with `confidence` on both sides.
fn state(track: &Track, objectives: &[Objective], confidence: Confidence) -> ObjectiveState {
    let one = |(values, objective): (&Vec<f64>, &Objective)| {
        let (mean, error) = mean_and_error(values);
        let half = student_t(confidence, values.len().max(2) - 1) * error;
        let (low, high) = (mean - half, mean + half);
        match objective.bound {
            // Without spread (no job was ever lost) the interval is a point; not a number is a miss.
            _ if mean.is_infinite() || mean.is_nan() => ObjectiveState::Missed,
            Bound::AtMost if high <= objective.limit => ObjectiveState::Met,
            Bound::AtMost if low > objective.limit => ObjectiveState::Missed,
            Bound::AtLeast if low >= objective.limit => ObjectiveState::Met,
            Bound::AtLeast if high < objective.limit => ObjectiveState::Missed,
            _ => ObjectiveState::Unclear,
        }
    };
    let states: Vec<ObjectiveState> = track.limits.iter().zip(objectives).map(one).collect();
    [ObjectiveState::Missed, ObjectiveState::Unclear]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(ObjectiveState::Met)
}

/// The constant of the test for `k` candidates, error `alpha` and a first stage of `first` replications: `h² = 2 η (n₀ -
/// 1)` with `η = ((2 α / (k - 1))^(-2 / (n₀ - 1)) - 1) / 2`.
#[must_use]
pub fn h_squared(k: usize, alpha: f64, first: usize) -> f64 {
    let degrees = first as f64 - 1.0;
    let eta = 0.5 * (libm::pow(2.0 * alpha / (k.max(2) as f64 - 1.0), -2.0 / degrees) - 1.0);
    2.0 * eta * degrees
}

//! Waits by their length and cause, and by the hour of the week: what tails and heat maps are made of. Memory does not grow
//! with the number of jobs.
//!
//! Lengths are kept in cells of a sixteenth of an octave (6 % wide at most), so that what the slowest jobs waited for can be
//! told without keeping jobs: of the cell in which a quantile lies, a share is taken.

use super::job::{WaitCause, WaitSplit};
use crate::units::{SimDuration, SimTime};

/// Hours of a week: waits of later weeks fall into the same cells.
pub const WEEK_HOURS: usize = 168;
const CAUSES: usize = WaitCause::ALL.len();
/// Cells per octave, and the width below which all cells are 64 ms wide.
const CELLS: u64 = 16;
const EVEN_BELOW: u64 = 1024;

fn cell_of(ms: u64) -> usize {
    if ms < EVEN_BELOW {
        return (ms / (EVEN_BELOW / CELLS)) as usize;
    }
    let exponent = u64::from(63 - ms.leading_zeros());
    ((exponent - 9) * CELLS + (ms >> (exponent - 4)) - CELLS) as usize
}

fn lower_edge(cell: usize) -> u64 {
    let cell = cell as u64;
    if cell < CELLS {
        return cell * (EVEN_BELOW / CELLS);
    }
    let exponent = cell / CELLS + 9;
    (CELLS + cell % CELLS) << (exponent - 4)
}

/// Jobs whose waits are of about one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Cell {
    jobs: u64,
    causes_ms: [u64; CAUSES],
}

/// What jobs waited for, by the length of their wait, and how long they waited by the hour of the week.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WaitProfile {
    cells: Vec<Cell>,
    /// By hour since the start, modulo a week: jobs by cell.
    hours: Vec<Vec<u32>>,
}

/// The slowest jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WaitTail {
    /// How many jobs; not whole, as of one cell only a share is taken.
    pub jobs: f64,
    /// Their mean wait by [`WaitCause::index`], in milliseconds.
    pub mean_ms: [f64; CAUSES],
}

impl WaitTail {
    /// Their mean wait in milliseconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean_ms.iter().sum()
    }
}

impl WaitProfile {
    /// Counts a job whose wait began at `since` and is split by `wait`.
    pub fn record(&mut self, since: SimTime, wait: &WaitSplit) {
        let cell = cell_of(wait.total().as_ms());
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, Cell::default());
        }
        let found = &mut self.cells[cell];
        found.jobs += 1;
        for (sum, cause) in found.causes_ms.iter_mut().zip(WaitCause::ALL) {
            *sum += wait.of(cause).as_ms();
        }
        let hour = (since.as_ms() / SimDuration::from_hours(1).as_ms()) as usize % WEEK_HOURS;
        if hour >= self.hours.len() {
            self.hours.resize(hour + 1, Vec::new());
        }
        let counts = &mut self.hours[hour];
        if cell >= counts.len() {
            counts.resize(cell + 1, 0);
        }
        counts[cell] += 1;
    }

    /// Jobs counted.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.cells.iter().map(|cell| cell.jobs).sum()
    }

    /// What the slowest `share` of the jobs (from 0 to 1) waited for; none without jobs.
    #[must_use]
    pub fn slowest(&self, share: f64) -> Option<WaitTail> {
        let wanted = self.jobs() as f64 * share;
        let mut tail = WaitTail { jobs: 0.0, mean_ms: [0.0; CAUSES] };
        for cell in self.cells.iter().rev().filter(|cell| cell.jobs > 0) {
            let taken = (wanted - tail.jobs).min(cell.jobs as f64);
            if taken <= 0.0 {
                break;
            }
            tail.jobs += taken;
            for (sum, ms) in tail.mean_ms.iter_mut().zip(cell.causes_ms) {
                *sum += ms as f64 * (taken / cell.jobs as f64);
            }
        }
        tail.mean_ms.iter_mut().for_each(|sum| *sum /= tail.jobs);
        (tail.jobs > 0.0).then_some(tail)
    }

    /// Jobs whose wait began in the hour `hour` since the start of a week.
    #[must_use]
    pub fn jobs_in_hour(&self, hour: usize) -> u64 {
        self.hours.get(hour).map_or(0, |counts| counts.iter().map(|count| u64::from(*count)).sum())
    }

    /// The wait that a share `q` of them does not exceed, in milliseconds, to 6 %; none without jobs.
    #[must_use]
    pub fn quantile_in_hour(&self, hour: usize, q: f64) -> Option<u64> {
        let rank = libm::ceil(self.jobs_in_hour(hour) as f64 * q).max(1.0) as u64;
        let mut below = 0;
        for (cell, count) in self.hours.get(hour)?.iter().enumerate() {
            let count = u64::from(*count);
            if count > 0 && below + count >= rank {
                let (low, high) = (lower_edge(cell), lower_edge(cell + 1));
                return Some(low + (high - low) * (2 * (rank - below) - 1) / (2 * count));
            }
            below += count;
        }
        None
    }

    /// Adds the waits of `other`.
    pub fn merge(&mut self, other: &Self) {
        let cells = self.cells.len().max(other.cells.len());
        self.cells.resize(cells, Cell::default());
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.jobs += theirs.jobs;
            for (sum, ms) in mine.causes_ms.iter_mut().zip(theirs.causes_ms) {
                *sum += ms;
            }
        }
        let hours = self.hours.len().max(other.hours.len());
        self.hours.resize(hours, Vec::new());
        for (mine, theirs) in self.hours.iter_mut().zip(&other.hours) {
            mine.resize(mine.len().max(theirs.len()), 0);
            for (sum, count) in mine.iter_mut().zip(theirs) {
                *sum += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(cause: WaitCause, ms: u64) -> WaitSplit {
        let mut split = WaitSplit::default();
        split.add(cause, SimDuration::from_ms(ms));
        split
    }

    #[test]
    fn cells_follow_each_other_without_gap_and_are_narrow() {
        for cell in 0..400 {
            let (low, high) = (lower_edge(cell), lower_edge(cell + 1));
            assert_eq!((cell_of(low), cell_of(high - 1)), (cell, cell));
            assert!(low < EVEN_BELOW || (high - low) * 16 <= low);
        }
    }

    #[test]
    fn the_slowest_jobs_are_told_apart_by_cause() {
        let mut profile = WaitProfile::default();
        for _ in 0..95 {
            profile.record(SimTime::ZERO, &waited(WaitCause::PodStart, 5_000));
        }
        for _ in 0..5 {
            profile.record(SimTime::from_ms(3_600_000), &waited(WaitCause::NodeStart, 60_000));
        }
        let tail = profile.slowest(0.05).unwrap();
        assert!((tail.jobs - 5.0).abs() < 1e-9 && (tail.mean() - 60_000.0).abs() < 1e-6);
        let wider = profile.slowest(0.10).unwrap();
        assert!((wider.mean_ms[WaitCause::PodStart.index()] - 2_500.0).abs() < 1e-6);
        assert_eq!((profile.jobs_in_hour(0), profile.jobs_in_hour(1), profile.jobs_in_hour(2)), (95, 5, 0));
        let slow = profile.quantile_in_hour(1, 0.95).unwrap();
        assert!((57_000..=63_000).contains(&slow), "{slow}");
        assert_eq!(profile.quantile_in_hour(2, 0.95), None);
    }

    #[test]
    fn merged_profiles_are_those_of_all_jobs() {
        let (mut one, mut two, mut both) =
            (WaitProfile::default(), WaitProfile::default(), WaitProfile::default());
        for (number, ms) in [(0, 10), (1, 5_000), (2, 90_000), (3, 700)] {
            let part = if number % 2 == 0 { &mut one } else { &mut two };
            for profile in [part, &mut both] {
                profile.record(SimTime::from_ms(number * 4_000_000), &waited(WaitCause::ImagePull, ms));
            }
        }
        one.merge(&two);
        assert_eq!(one, both);
    }
}

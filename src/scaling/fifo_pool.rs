//! The plainest fleet there is: a pool of cores, jobs strictly in order of arrival, no nodes, no start-up, no placement.
//! A yardstick for other fleets, and a check against queueing theory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::WaitHistogram;

/// A job as the pool sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FifoJob {
    /// When it comes, ms; jobs come in this order.
    pub submitted_ms: u64,
    /// How long it runs, ms.
    pub duration_ms: u64,
    /// Whole cores that it holds while it runs.
    pub cores: u32,
}

/// What happens to a job that cannot start at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits, and everything behind it waits too (head-of-line blocking, as in a first-in-first-out queue).
    Wait,
    /// It is lost (Erlang's loss system).
    Reject,
}

/// A pool of cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FifoPool {
    /// Cores.
    pub cores: u32,
    /// What happens to jobs that find too few free.
    pub when_full: WhenFull,
}

/// One job's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FifoStart {
    /// The job.
    pub job: FifoJob,
    /// When it started, ms; `None`: lost, or larger than the pool.
    pub started_ms: Option<u64>,
    /// Busy cores just before it started (or was lost).
    pub busy_cores: u32,
}

/// What came of all jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FifoOutcome {
    /// Jobs that ran.
    pub started: u64,
    /// Jobs that were lost because too few cores were free.
    pub rejected: u64,
    /// Jobs that want more cores than the pool has; they are passed over.
    pub too_large: u64,
    /// Core-milliseconds that were worked.
    pub busy_core_ms: u128,
    /// When the last job ended, ms.
    pub ended_ms: u64,
    /// Waits of the jobs that ran.
    pub waits: WaitHistogram,
}

impl FifoPool {
    /// Runs `jobs`, which come in the order of their submit times.
    ///
    /// # Panics
    /// Where a job is submitted before the one before it.
    pub fn simulate(&self, jobs: impl IntoIterator<Item = FifoJob>) -> FifoOutcome {
        self.simulate_each(jobs, |_| {})
    }

    /// As [`Self::simulate`]; `observe` is told of every job in order.
    ///
    /// # Panics
    /// Where a job is submitted before the one before it.
    pub fn simulate_each(
        &self,
        jobs: impl IntoIterator<Item = FifoJob>,
        mut observe: impl FnMut(FifoStart),
    ) -> FifoOutcome {
        let mut outcome = FifoOutcome::default();
        let mut running = Running { free: self.cores, ends: BinaryHeap::new() };
        let (mut last_submit, mut last_start) = (0, 0);
        for job in jobs {
            assert!(job.submitted_ms >= last_submit, "jobs come in the order of their submit times");
            last_submit = job.submitted_ms;
            // In order of arrival means that nobody starts before the one before him, so no queue is kept: each job's
            // start follows from the completions still outstanding.
            let ready_ms = last_start.max(job.submitted_ms);
            let started_ms = self.start(&job, ready_ms, &mut running, &mut outcome);
            observe(FifoStart { job, started_ms, busy_cores: self.cores - running.free });
            let Some(started_ms) = started_ms else { continue };
            last_start = started_ms;
            let end_ms = started_ms.saturating_add(job.duration_ms);
            running.free -= job.cores;
            running.ends.push(Reverse((end_ms, job.cores)));
            outcome.started += 1;
            outcome.busy_core_ms += u128::from(end_ms - started_ms) * u128::from(job.cores);
            outcome.ended_ms = outcome.ended_ms.max(end_ms);
            outcome.waits.record(started_ms - job.submitted_ms);
        }
        outcome
    }

    fn start(
        &self,
        job: &FifoJob,
        ready_ms: u64,
        running: &mut Running,
        outcome: &mut FifoOutcome,
    ) -> Option<u64> {
        if job.cores > self.cores {
            outcome.too_large += 1;
            return None;
        }
        running.end_until(ready_ms);
        if running.free >= job.cores {
            return Some(ready_ms);
        }
        if self.when_full == WhenFull::Reject {
            outcome.rejected += 1;
            return None;
        }
        let mut started_ms = ready_ms;
        while running.free < job.cores {
            let Reverse((end_ms, cores)) = running.ends.pop().expect("busy cores belong to running jobs");
            running.free += cores;
            started_ms = end_ms;
        }
        running.end_until(started_ms);
        Some(started_ms)
    }
}

/// Free cores, and when the others get free.
struct Running {
    free: u32,
    ends: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Running {
    /// Gives back the cores of everything that ends until `now_ms`.
    fn end_until(&mut self, now_ms: u64) {
        while let Some(first) = self.ends.peek_mut() {
            let Reverse((end_ms, cores)) = *first;
            if end_ms > now_ms {
                break;
            }
            self.free += cores;
            PeekMut::pop(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every job's start by looking at all earlier jobs: slow and plain.
    fn starts_by_brute_force(cores: u32, jobs: &[FifoJob]) -> Vec<Option<u64>> {
        let mut ran: Vec<(u64, u64, u32)> = Vec::new();
        let mut last_start = 0;
        let mut starts = Vec::new();
        for job in jobs {
            if job.cores > cores {
                starts.push(None);
                continue;
            }
            let ready = last_start.max(job.submitted_ms);
            let mut candidates: Vec<u64> =
                ran.iter().map(|(_, end, _)| *end).filter(|end| *end > ready).collect();
            candidates.push(ready);
            candidates.sort_unstable();
            let busy = |at: u64| {
                ran.iter().filter(|(from, to, _)| *from <= at && at < *to).map(|(.., c)| c).sum::<u32>()
            };
            let start = candidates.into_iter().find(|at| busy(*at) + job.cores <= cores).unwrap();
            ran.push((start, start + job.duration_ms, job.cores));
            last_start = start;
            starts.push(Some(start));
        }
        starts
    }

    proptest! {
        #[test]
        fn starts_are_those_of_a_plain_search(
            cores in 1_u32..8,
            drafts in prop::collection::vec((0_u64..20, 0_u64..60, 0_u32..9), 0..60),
        ) {
            let mut now = 0;
            let jobs: Vec<FifoJob> = drafts.iter().map(|(gap, duration_ms, cores)| {
                now += gap;
                FifoJob { submitted_ms: now, duration_ms: *duration_ms, cores: *cores }
            }).collect();
            let mut starts = Vec::new();
            let pool = FifoPool { cores, when_full: WhenFull::Wait };
            let outcome = pool.simulate_each(jobs.iter().copied(), |start| starts.push(start.started_ms));
            prop_assert_eq!(&starts, &starts_by_brute_force(cores, &jobs));
            let ran = jobs.iter().zip(&starts).filter(|(_, start)| start.is_some());
            let work: u128 = ran.map(|(job, _)| u128::from(job.duration_ms) * u128::from(job.cores)).sum();
            prop_assert_eq!(outcome.busy_core_ms, work);
            prop_assert_eq!(outcome.started + outcome.too_large, jobs.len() as u64);
        }
    }

    #[test]
    fn a_large_job_at_the_head_blocks_small_ones_behind_it() {
        let job = |submitted_ms, cores| FifoJob { submitted_ms, duration_ms: 100, cores };
        let mut starts = Vec::new();
        let pool = FifoPool { cores: 4, when_full: WhenFull::Wait };
        pool.simulate_each([job(0, 3), job(1, 4), job(2, 1)], |start| starts.push(start.started_ms.unwrap()));
        assert_eq!(starts, [0, 100, 200]);
    }
}

//! What happens to a job and to a node, one sentence per test, through the whole loop.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::metrics::JobOutcome;
use fleetsim::workload::Distribution;
use plans::{Case, mins, secs};

fn constant(minutes: u64) -> Distribution {
    Distribution::Constant(mins(minutes))
}

#[test]
fn a_job_runs_for_its_work_and_holds_its_slot_a_little_longer() {
    let run = Case::new()
        .manager(1)
        .nodes(1, "m6i.large")
        .class("test", 1000, 1024, constant(1), |_| {})
        .job(secs(10), "test", secs(42))
        .run();
    let job = run.job(0);
    assert_eq!(job.outcome, JobOutcome::Success);
    assert_eq!(job.pending_at.as_ms(), 10_000);
    assert_eq!((job.script_ended_at - job.script_started_at).as_ms(), 42_000);
}

//! A made-up experiment: fleets by name and price, of a day with 200 jobs, in three replications.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use fleetsim::catalog::{Arch, CapacityType};
use fleetsim::experiment::{Confidence, ExperimentSummary, Units, summarise};
use fleetsim::metrics::{CostKind, JobOutcome, JobRecord, WaitCause, WaitClock};
use fleetsim::metrics::{Recorder, RecorderSettings, RunOutcome, WorkCounters};
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};

/// An hour.
pub const HOUR_MS: u64 = 3_600_000;

fn run(dollars: f64, wait_s: u64, replication: usize) -> RunOutcome {
    let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_ms(24 * HOUR_MS)));
    for job in 0..200u64 {
        let pending = SimTime::from_ms(job * 60_000);
        let started = pending + SimDuration::from_ms(1000 * (wait_s + job % 7 + replication as u64));
        let mut record = JobRecord::pending(job as u32, 0, job, Arch::Arm64, pending);
        record.picked_at = pending;
        record.outcome = JobOutcome::Success;
        record.script_started_at = started;
        record.script_ended_at = started + SimDuration::from_ms(60_000);
        record.wait = WaitClock::start(pending, WaitCause::NodeStart).stop(started);
        recorder.job_ended(&record);
    }
    let kind = CostKind::Instance(Arch::Arm64, CapacityType::Spot);
    let price = HourlyPrice::from_dollars(dollars * (1.0 + 0.01 * replication as f64));
    recorder.bill(kind, price, SimTime::ZERO, SimTime::from_ms(24 * HOUR_MS));
    recorder.finish(SimTime::from_ms(24 * HOUR_MS), WorkCounters::default(), &[])
}

/// Fleets of these names, the first at a dollar, each further one a dollar dearer.
pub fn summary(names: &[&str]) -> ExperimentSummary {
    let dollars: Vec<f64> = (0..names.len()).map(|fleet| 1.0 + fleet as f64).collect();
    summary_at(names, &dollars)
}

/// Each fleet at its price.
pub fn summary_at(names: &[&str], dollars: &[f64]) -> ExperimentSummary {
    let units = (0..3).flat_map(|replication| {
        let of = move |(fleet, dollars): (usize, &f64)| Some(run(*dollars, 5 + fleet as u64, replication));
        dollars.iter().enumerate().map(of)
    });
    let runs = Units::from_results(names.len(), units.collect());
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    summarise(&names, &runs, 0, Confidence::default()).expect("every replication is complete")
}

//! Where the simulator's own time went: seconds per phase, as measured by the caller, and deterministic work: per job,
//! peaks as they are; beside it what the modelled kube-scheduler did to pods that wait.

use super::format::number;
use crate::experiment::ExperimentSummary;
use crate::metrics::WorkCounters;

/// The text of `--timings`: `phases` are (name, seconds) in the order in which they ran.
#[must_use]
pub fn timings_text(phases: &[(&str, f64)], summary: &ExperimentSummary) -> String {
    let total: f64 = phases.iter().map(|(_, seconds)| seconds).sum();
    let width = phases.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("total".len());
    let mut out = String::new();
    for (name, seconds) in phases.iter().copied().chain([("total", total)]) {
        out.push_str(&format!("{name:width$}  {seconds:>9.3} s\n"));
    }
    let attempts: u64 = summary.fleets.iter().map(|fleet| fleet.jobs.jobs() + fleet.jobs.retries()).sum();
    out.push_str(&format!("{} job attempts in all runs\n", number(attempts as f64, 0)));
    for fleet in &summary.fleets {
        let jobs = (fleet.jobs.jobs() + fleet.jobs.retries()).max(1);
        out.push_str(&format!("work of {}, per job attempt:\n", fleet.name));
        let width = fleet.work.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let (peaks, sums): (Vec<_>, Vec<_>) =
            fleet.work.iter().partition(|(name, _)| WorkCounters::is_peak(name));
        let (modelled, sums): (Vec<_>, Vec<_>) =
            sums.into_iter().partition(|(name, _)| WorkCounters::is_modelled(name));
        for (name, count) in sums {
            out.push_str(&format!("  {name:width$}  {:>12.3}\n", count as f64 / jobs as f64));
        }
        if !modelled.is_empty() {
            out.push_str(&format!(
                "waiting pods of {}, as its kube-scheduler has it, per attempt:\n",
                fleet.name
            ));
        }
        for (name, count) in modelled {
            out.push_str(&format!("  {name:width$}  {:>12.3}\n", count as f64 / jobs as f64));
        }
        if !peaks.is_empty() {
            out.push_str(&format!("highest levels of {} in one run:\n", fleet.name));
        }
        for (name, level) in peaks {
            out.push_str(&format!("  {name:width$}  {:>12}\n", number(level as f64, 0)));
        }
    }
    out
}

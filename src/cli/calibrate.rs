//! `fleetsim calibrate`: the waits of a recorded trace against those that its fleet has in the simulation.

use super::args::{CalibrateArguments, WaitChoice};
use super::exit::{Exit, Failed};
use super::files::{beside, reason, scenario_text, write_file_with};
use super::terminal::{Terminal, answer};
use crate::engine::Streams;
use crate::experiment::{Calibration, ObservedWaits, WaitUntil};
use crate::report::{calibration_csv, calibration_text};
use crate::scenario::{self, Fleet, Scenario};
use crate::simulation::{Keep, simulate};
use crate::units::SimTime;
use std::path::Path;

/// Simulates every fleet on the observed jobs and says how far its waits are from the observed ones.
pub(super) fn calibrate(arguments: &CalibrateArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let scenario = read(arguments)?;
    let chosen = |fleet: &&Fleet| arguments.fleet.is_empty() || arguments.fleet.contains(&fleet.name);
    let fleets: Vec<&Fleet> = scenario.fleets.iter().filter(chosen).collect();
    if fleets.is_empty() {
        return Err(Failed::Usage("--fleet names no fleet of the scenario".to_owned()));
    }
    if arguments.out.is_some() && fleets.len() > 1 {
        return Err(Failed::Usage("--out holds one fleet; choose it with --fleet".to_owned()));
    }
    for fleet in fleets {
        terminal.detail(&format!("{}: {} replications", fleet.name, scenario.replications));
        let calibration = of_fleet(&scenario, fleet, arguments.wait)?;
        answer(&format!("{}\n{}\n", fleet.name, calibration_text(&calibration)))?;
        if let Some(path) = &arguments.out {
            write_file_with(path, true, |out| Ok(calibration_csv(out, &calibration)?))?;
        }
    }
    Ok(Exit::Success)
}

fn read(arguments: &CalibrateArguments) -> Result<Scenario, Failed> {
    let path = &arguments.scenario;
    let mut set = arguments.set.clone();
    if let Some(trace) = &arguments.observed {
        let cannot =
            |error| Failed::Usage(format!("`{}` cannot be read: {}", trace.display(), reason(&error)));
        // Scenarios look beside themselves; a path on the command line is meant from here.
        let trace = Path::new(trace).canonicalize().map_err(cannot)?;
        set.push(format!("workload.trace={:?}", trace.display().to_string()));
    }
    let name = path.display().to_string();
    scenario::resolve_with(&scenario_text(path)?, &name, &set, &mut beside(path)).map_err(Failed::Input)
}

/// The pairs of all replications together: each is one possible course of the same days.
fn of_fleet(scenario: &Scenario, fleet: &Fleet, wait: WaitChoice) -> Result<Calibration, Failed> {
    let until = match wait {
        WaitChoice::Queue => WaitUntil::Picked,
        WaitChoice::Script => WaitUntil::ScriptStarted,
    };
    let failed = |error: &dyn std::fmt::Display| Failed::Output(error.to_string());
    let mut pairs = Vec::new();
    for replication in 0..scenario.replications {
        let streams = Streams::new(scenario.seed, replication);
        let arrivals = || fleet.arrivals(streams).map_err(|error| failed(&error));
        let observed = ObservedWaits::of(arrivals()?).map_err(|error| failed(&error))?;
        if observed.is_empty() {
            let message = "no job of the trace has an observed wait (column `observed_wait_s`)";
            return Err(Failed::Usage(message.to_owned()));
        }
        let keep = Keep { jobs: true, nodes: false };
        let finished = simulate(&fleet.plan, streams, arrivals()?, keep).map_err(|error| failed(&error))?;
        let records = finished.outcome.job_records.unwrap_or_default();
        pairs.extend(observed.pairs(&records, SimTime::ZERO + scenario.warmup, until));
    }
    Calibration::of_pairs(&pairs).ok_or_else(|| {
        Failed::Usage(format!("no job with an observed wait started in the simulation of `{}`", fleet.name))
    })
}

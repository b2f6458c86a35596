//! `fleetsim explain cost --by`: for whom the money of one fleet is paid.

use super::exit::Failed;
use super::explain::summarised;
use super::results::project_names;
use super::terminal::{Terminal, width};
use crate::experiment::{GroupBy, grouped};
use crate::metrics::RunOutcome;
use crate::report::explain_cost_by;
use crate::scenario::Scenario;
use clap::ValueEnum;

/// By what the bill is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GroupName {
    /// Class of the jobs.
    Class,
    /// Team that their project is of.
    Team,
    /// Their GitLab project.
    Project,
    /// Template of their pipeline.
    Pipeline,
    /// Architecture of the machines.
    Arch,
    /// How the machines were bought.
    CapacityType,
}

/// The bill of the one fleet that is asked for, else of the baseline.
pub(super) fn cost_by(
    mut scenario: Scenario,
    fleets: &[String],
    by: GroupName,
    terminal: Terminal,
) -> Result<String, Failed> {
    let name = match fleets {
        [] => scenario.fleets[scenario.baseline].name.clone(),
        [name] => name.clone(),
        _ => return Err(Failed::Usage("--by takes one fleet: --fleet NAME".to_owned())),
    };
    scenario.keep_fleets(&[name]).map_err(Failed::Usage)?;
    let (summary, units) = summarised(&scenario, terminal)?;
    let by = match by {
        GroupName::Class => GroupBy::Class,
        GroupName::Team => GroupBy::Team,
        GroupName::Project => GroupBy::Project,
        GroupName::Pipeline => GroupBy::Pipeline,
        GroupName::Arch => GroupBy::Arch,
        GroupName::CapacityType => GroupBy::CapacityType,
    };
    let runs: Vec<&RunOutcome> = units.of_fleet(0).collect();
    let fleet = &scenario.fleets[0];
    let groups = grouped(&runs, by, project_names(fleet), summary.confidence);
    Ok(explain_cost_by(&fleet.name, by, &groups, width()))
}

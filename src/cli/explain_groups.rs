//! `fleetsim explain cost --by`: for whom the money of one fleet is paid.

use super::args::Progress;
use super::exit::Failed;
use super::explain::summarised;
use super::interrupt;
use super::results::project_names;
use super::simulate::{How, simulate_all};
use super::terminal::Terminal;
use crate::catalog::TypeId;
use crate::ec2::break_even_speed;
use crate::experiment::{Confidence, GroupBy, GroupCost, ProjectNames, grouped};
use crate::metrics::RunOutcome;
use crate::report::{ClassBreakEven, ExplanationFormat, explain_break_even, explain_cost_by};
use crate::scenario::{Fleet, Scenario};
use crate::simulation::class_speed;
use crate::workload::Class;
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

/// The bill of the one fleet that is asked for, else of the baseline; of two fleets the break-even of each class.
pub(super) fn cost_by(
    mut scenario: Scenario,
    fleets: &[String],
    by: GroupName,
    format: ExplanationFormat,
    terminal: Terminal,
) -> Result<String, Failed> {
    let name = match fleets {
        [] => scenario.fleets[scenario.baseline].name.clone(),
        [name] => name.clone(),
        [from, to] if by == GroupName::Class => return break_even(scenario, [from, to], format, terminal),
        _ => {
            let message = "--by takes one fleet; --by class also two, for the speed at which they break even";
            return Err(Failed::Usage(message.to_owned()));
        }
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
    Ok(explain_cost_by(&fleet.name, by, &groups, format))
}

/// Every class that ran on both fleets.
fn break_even(
    mut scenario: Scenario,
    fleets: [&String; 2],
    format: ExplanationFormat,
    terminal: Terminal,
) -> Result<String, Failed> {
    scenario.keep_fleets(&fleets.map(String::clone)).map_err(Failed::Usage)?;
    let how = How { detail: true, jobs: None, progress: Progress::Auto };
    let units = simulate_all(&scenario, how, interrupt::flag()?, terminal)?;
    if units.replications() == 0 {
        return Err(Failed::Output("interrupted: there is nothing to explain".to_owned()));
    }
    let place = |name: &String| scenario.fleets.iter().position(|fleet| fleet.name == *name).unwrap_or(0);
    let [from, to] = fleets.map(|name| {
        let runs: Vec<&RunOutcome> = units.of_fleet(place(name)).collect();
        (grouped(&runs, GroupBy::Class, ProjectNames::default(), Confidence::default()), runs[0])
    });
    let fleet = &scenario.fleets[place(fleets[1])];
    let of = |before: &GroupCost| -> Option<ClassBreakEven> {
        let after = to.0.iter().find(|after| after.group == before.group)?;
        let class = fleet.workload.classes.as_slice().iter().find(|class| class.name == before.group)?;
        let (speed, cost) = (speed_on(fleet, to.1, class)?, [before.cost.mean, after.cost.mean]);
        let break_even = break_even_speed(class.cpu_bound.as_f64(), speed, cost[0] / cost[1]);
        Some(ClassBreakEven { class: before.group.clone(), cost, speed, break_even })
    };
    let classes: Vec<ClassBreakEven> = from.0.iter().filter_map(of).collect();
    if classes.is_empty() {
        return Err(Failed::Usage("no class of jobs ran on nodes of both fleets".to_owned()));
    }
    Ok(explain_break_even(fleets[0], fleets[1], &classes, format))
}

/// The speed of a class on the nodes of a run on which it may run, by the CPU that jobs requested there.
fn speed_on(fleet: &Fleet, run: &RunOutcome, class: &Class) -> Option<f64> {
    let catalog = &fleet.plan.ec2.catalog;
    let (mut sum, mut whole) = (0.0, 0.0);
    for node in run.node_records.iter().flatten().filter(|node| class.arch.allows(node.arch)) {
        let generation = catalog.get(TypeId::new(node.instance_type)).cpu_generation;
        sum += node.busy_core_ms as f64 * class_speed(&fleet.plan, class, generation).as_f64();
        whole += node.busy_core_ms as f64;
    }
    (whole > 0.0).then(|| sum / whole)
}

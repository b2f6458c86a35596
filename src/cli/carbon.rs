//! `fleetsim carbon`: energy and emissions of a scenario's fleets, with what is doubtful about the figures.

use super::exit::{Exit, Failed};
use super::node_runs::{NodeRuns, Run};
use super::terminal::{Terminal, answer};
use crate::catalog::{CARBON_CAVEATS, CARBON_DATE, TypeId, grid_kg_per_kwh, vcpu_power};
use crate::experiment::{Carbon, Confidence, NodePower, Sample};
use crate::metrics::NodeRecord;
use crate::scenario::Fleet;
use clap::Args;

/// `carbon`.
#[derive(Args, Debug)]
pub(super) struct CarbonArguments {
    #[command(flatten)]
    pub of: NodeRuns,
}

/// Simulates the fleets and says what their nodes emit.
pub(super) fn carbon(arguments: &CarbonArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([
        "fleet",
        "kWh",
        "kg CO2e, grid",
        "kg CO2e, embodied",
        "kg CO2e per 1,000 jobs",
    ]);
    let exit = arguments.of.each_fleet(terminal, |fleet, runs| {
        let region = fleet.plan.ec2.catalog.region();
        let Some(grid) = grid_kg_per_kwh(region) else {
            return Err(Failed::Usage(format!("there is no grid factor of {region}")));
        };
        let of = |run: &Run| Carbon::of(&run.nodes, run.span.0, grid, |node| power(fleet, node));
        let carbon: Vec<(Carbon, f64)> = runs.iter().map(|run| (of(run), run.jobs as f64)).collect();
        let mean = |value: &dyn Fn(&(Carbon, f64)) -> f64| estimated(carbon.iter().map(value).collect());
        table.add_row([
            fleet.name.clone(),
            mean(&|(carbon, _)| carbon.kwh),
            mean(&|(carbon, _)| carbon.grid_kg),
            mean(&|(carbon, _)| carbon.embodied_kg),
            mean(&|(carbon, jobs)| 1000.0 * carbon.total_kg() / jobs.max(1.0)),
        ]);
        Ok(())
    })?;
    if table.is_empty() {
        return Ok(exit);
    }
    let mut text = format!("{table}\n\nfigures of {CARBON_DATE} (cloud-carbon-footprint); caveats:\n");
    for caveat in CARBON_CAVEATS {
        text += &format!("  - {caveat}\n");
    }
    answer(&text)?;
    Ok(exit)
}

fn power(fleet: &Fleet, node: &NodeRecord) -> Option<NodePower> {
    let catalog = &fleet.plan.ec2.catalog;
    let kind = catalog.get(TypeId::new(node.instance_type));
    let generation = &catalog.generations()[kind.cpu_generation.index()];
    Some(NodePower {
        vcpu: vcpu_power(generation.name)?,
        vcpus: kind.vcpus,
        memory_gb: f64::from(kind.memory.0) / 1024.0,
    })
}

fn estimated(values: Vec<f64>) -> String {
    let Some(sample) = Sample::of_means(values) else { return "-".to_owned() };
    let estimate = sample.estimate(Confidence::default());
    match estimate.margin() {
        Some(margin) => format!("{:.2} ± {margin:.2}", estimate.mean),
        None => format!("{:.2}", estimate.mean),
    }
}

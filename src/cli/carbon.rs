//! `fleetsim carbon`: energy and emissions of a scenario's fleets, with what is doubtful about the figures.

use super::commit::{Run, nodes_of};
use super::exit::{Exit, Failed};
use super::run::{read, with_seed_and_reps};
use super::simulate::threads;
use super::terminal::{Terminal, answer};
use crate::catalog::{CARBON_CAVEATS, CARBON_DATE, TypeId, grid_kg_per_kwh, vcpu_power};
use crate::engine::Streams;
use crate::experiment::{Carbon, Confidence, NodePower, Sample};
use crate::metrics::NodeRecord;
use crate::scenario::Fleet;
use clap::Args;
use rayon::prelude::*;
use std::path::PathBuf;

/// `carbon`.
#[derive(Args, Debug)]
pub(super) struct CarbonArguments {
    /// Scenario file.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Replications per fleet, in place of the scenario's.
    #[arg(long, visible_alias = "replications", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reps: Option<u32>,
    /// Seed of all random draws, in place of the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Change a key, as in `run`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only these fleets.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fleet: Vec<String>,
    /// Threads; default is one per processor.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// Simulates the fleets and says what their nodes emit.
pub(super) fn carbon(arguments: &CarbonArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let set = with_seed_and_reps(&arguments.set, arguments.seed, arguments.reps);
    let scenario = read(&arguments.scenario, &set, &arguments.fleet)?;
    let pool = threads(arguments.jobs)?;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([
        "fleet",
        "kWh",
        "kg CO2e, grid",
        "kg CO2e, embodied",
        "kg CO2e per 1,000 jobs",
    ]);
    for fleet in &scenario.fleets {
        terminal.detail(&format!("{}: {} replications", fleet.name, scenario.replications));
        let region = fleet.plan.ec2.catalog.region();
        let Some(grid) = grid_kg_per_kwh(region) else {
            return Err(Failed::Usage(format!("there is no grid factor of {region}")));
        };
        let run = |replication: u32| nodes_of(fleet, Streams::new(scenario.seed, replication));
        let runs: Result<Vec<Run>, Failed> =
            pool.install(|| (0..scenario.replications).into_par_iter().map(run).collect());
        let runs = runs?;
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
    }
    let mut text = format!("{table}\n\nfigures of {CARBON_DATE} (cloud-carbon-footprint); caveats:\n");
    for caveat in CARBON_CAVEATS {
        text += &format!("  - {caveat}\n");
    }
    answer(&text)?;
    Ok(Exit::Success)
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

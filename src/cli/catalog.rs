//! `fleetsim catalog`: what the embedded price catalogue knows.

use super::args::{ArchName, CatalogCommand, Format, ListArguments};
use super::catalog_files;
use super::exit::{Exit, Failed};
use super::terminal::{Terminal, answer};
use crate::catalog::{Arch, Catalog, CatalogRow, SpeedBasis, TypeFilter};
use serde_json::json;
use std::fmt::Write;

/// Prints types of the catalogue.
pub(super) fn catalog(command: &CatalogCommand, terminal: Terminal) -> Result<Exit, Failed> {
    let text = match command {
        CatalogCommand::Show { instance_type, region, format } => show(instance_type, region, *format)?,
        CatalogCommand::Diff(arguments) => return catalog_files::diff(arguments, terminal),
        CatalogCommand::Verify(arguments) => return catalog_files::verify(arguments),
        CatalogCommand::Refresh(arguments) => return catalog_files::refresh(arguments, terminal),
        CatalogCommand::List(arguments) => list(arguments, terminal.verbose > 0)?,
    };
    answer(&text)?;
    Ok(Exit::Success)
}

pub(super) fn open(region: &str) -> Result<Catalog, Failed> {
    Catalog::builtin(region).map_err(|error| Failed::Usage(error.to_string()))
}

fn list(arguments: &ListArguments, all_columns: bool) -> Result<String, Failed> {
    let catalog = open(&arguments.region)?;
    let filter = TypeFilter {
        arch: arguments.arch.map(|arch| match arch {
            ArchName::Amd64 => Arch::Amd64,
            ArchName::Arm64 => Arch::Arm64,
        }),
        families: arguments.family.clone(),
        min_vcpus: arguments.min_vcpus,
        max_vcpus: arguments.max_vcpus,
        all: arguments.all,
    };
    let found = catalog.list(&filter);
    Ok(match (arguments.format, all_columns) {
        (Format::Table, false) => short_table(&found),
        (format, _) => rows(&found, format),
    })
}

fn show(instance_type: &str, region: &str, format: Format) -> Result<String, Failed> {
    let catalog = open(region)?;
    let Some(id) = catalog.find(instance_type) else {
        let near = catalog.similar_names(instance_type).join(", ");
        let hint = if near.is_empty() { String::new() } else { format!("; similar names: {near}") };
        return Err(Failed::Usage(format!("the catalogue has no instance type `{instance_type}`{hint}")));
    };
    let Some(row) = catalog.row(id) else {
        return Err(Failed::Usage(format!("`{instance_type}` is not sold in {region}")));
    };
    if format != Format::Table {
        return Ok(rows(&[row], format));
    }
    let mut text = format!("{} in {region}\n", row.name);
    for (column, value) in HEADINGS.iter().zip(cells(&row)).skip(1) {
        let _ = writeln!(text, "  {column:<22}{value}");
    }
    let speed = match row.speed_basis {
        Some(SpeedBasis::Measured) => "measured on this family",
        Some(SpeedBasis::Sibling) | None => "that of the nearest family measured",
    };
    let _ = writeln!(text, "  {:<22}{speed} (Spare Cores, 2026-08)", "speed from");
    let _ = writeln!(text, "  {:<22}{}", "on-demand from", row.price_basis.source());
    if let Some(basis) = row.spot_basis {
        let _ = writeln!(text, "  {:<22}{}", "Spot from", basis.source());
    }
    text.push_str("labels\n");
    for label in catalog.labels(id) {
        let _ = writeln!(text, "  {} = {}", label.key, label.values.join(", "));
    }
    Ok(text)
}

const HEADINGS: [&str; 13] = [
    "type",
    "arch",
    "vCPUs",
    "memory MiB",
    "allocatable mCPU",
    "allocatable MiB",
    "pods",
    "local NVMe GB",
    "CPU generation",
    "speed (m5 = 1)",
    "on-demand $/h",
    "spot $/h",
    "interruptions",
];

fn cells(row: &CatalogRow) -> [String; 13] {
    [
        row.name.clone(),
        row.arch.to_string(),
        row.vcpus.to_string(),
        row.memory_mib.to_string(),
        row.allocatable.cpu.0.to_string(),
        row.allocatable.memory.0.to_string(),
        row.max_pods.to_string(),
        row.local_nvme_gb.to_string(),
        row.cpu_generation.to_owned(),
        format!("{:.2}", row.speed.as_f64()),
        format!("{:.5}", row.on_demand.as_dollars()),
        row.spot.map_or_else(String::new, |price| format!("{:.5}", price.as_dollars())),
        row.rating.map_or_else(String::new, |rating| rating.label().to_owned()),
    ]
}

fn rows(rows: &[CatalogRow], format: Format) -> String {
    match format {
        Format::Table => table(rows),
        Format::Json => {
            let values: Vec<_> = rows.iter().map(as_json).collect();
            format!("{:#}\n", json!({ "schema": "fleetsim.catalog/1", "instance_types": values }))
        }
        Format::Csv => {
            let columns = "instance_type,arch,vcpus,memory_mib,allocatable_millicpu,allocatable_mib,max_pods,local_nvme_gb,\
                           cpu_generation,speed,on_demand_usd_per_hour,spot_usd_per_hour,interruption_rating\n";
            rows.iter().fold(columns.to_owned(), |text, row| text + &cells(row).join(",") + "\n")
        }
        Format::Md => {
            let head = format!("| {} |\n|{}\n", HEADINGS.join(" | "), "---|".repeat(HEADINGS.len()));
            rows.iter().fold(head, |text, row| text + &format!("| {} |\n", cells(row).join(" | ")))
        }
    }
}

fn table(rows: &[CatalogRow]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(HEADINGS);
    for row in rows {
        table.add_row(cells(row));
    }
    format!("{table}\n{} types\n", rows.len())
}

/// What fits into 80 columns.
fn short_table(rows: &[CatalogRow]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([
        "type",
        "arch",
        "vCPUs",
        "GiB",
        "speed",
        "on-demand",
        "spot",
        "interrupted",
    ]);
    for row in rows {
        let [name, arch, vcpus, .., speed, on_demand, spot, rating] = cells(row);
        let memory = format!("{}", f64::from(row.memory_mib) / 1024.0);
        table.add_row([name, arch, vcpus, memory, speed, on_demand, spot, rating]);
    }
    format!("{table}\n{} types; prices in $/h, speed of m5 = 1; -v shows all columns\n", rows.len())
}

fn as_json(row: &CatalogRow) -> serde_json::Value {
    json!({
        "instance_type": row.name,
        "arch": row.arch.label(),
        "vcpus": row.vcpus,
        "memory_mib": row.memory_mib,
        "allocatable_millicpu": row.allocatable.cpu.0,
        "allocatable_mib": row.allocatable.memory.0,
        "max_pods": row.max_pods,
        "local_nvme_gb": row.local_nvme_gb,
        "cpu_generation": row.cpu_generation,
        "speed": row.speed.as_f64(),
        "on_demand_usd_per_hour": row.on_demand.as_dollars(),
        "spot_usd_per_hour": row.spot.map(crate::units::HourlyPrice::as_dollars),
        "interruption_rating": row.rating.map(crate::catalog::InterruptionRating::label),
        "on_demand_source": row.price_basis.source(),
        "spot_source": row.spot_basis.map(crate::catalog::SpotBasis::source),
    })
}

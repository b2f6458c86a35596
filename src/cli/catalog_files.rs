//! `fleetsim catalog diff`, `verify` and `refresh`: the embedded prices against files that AWS gives to everybody.

use super::clock::today;
use super::exit::{Exit, Failed};
use super::files::{reason, write_file};
use super::terminal::{Terminal, answer};
use crate::catalog::{
    Catalog, CustomType, Difference, Download, DownloadKind, other_prices, prices_csv, prices_date,
    read_download,
};
use clap::Args;
use jiff::civil::Date;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Prices are named as old from this age on.
pub(super) const OLD_DAYS: i64 = 90;

/// `catalog diff` and `catalog refresh`.
#[derive(Args, Debug)]
pub(super) struct DownloadArguments {
    /// Downloaded JSON, several times for several files: the EC2 price list (index.json of a region, or `aws pricing
    /// get-products`), `aws ec2 describe-instance-types`, `aws ec2 describe-spot-price-history`, spot-advisor-data.json.
    #[arg(long = "from", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// AWS region.
    #[arg(long, default_value = "eu-central-1", env = "FLEETSIM_REGION")]
    pub region: String,
}

/// `catalog refresh`.
#[derive(Args, Debug)]
pub(super) struct RefreshArguments {
    #[command(flatten)]
    pub download: DownloadArguments,
    /// CSV to write, for `ec2.prices` of scenarios; default is standard output.
    #[arg(short, long, value_name = "CSV")]
    pub out: Option<PathBuf>,
    /// Overwrite the file where it exists.
    #[arg(long)]
    pub force: bool,
}

/// `catalog verify`.
#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    /// AWS region.
    #[arg(long, default_value = "eu-central-1", env = "FLEETSIM_REGION")]
    pub region: String,
    /// The day to judge the age of prices by; default is today.
    #[arg(long, value_name = "DATE")]
    pub at: Option<Date>,
}

fn downloads(arguments: &DownloadArguments, catalog: &Catalog) -> Result<Vec<Download>, Failed> {
    let read = |path: &PathBuf| {
        let wrong = |why: String| Failed::Usage(format!("cannot use {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(reason(&error)))?;
        read_download(&text, catalog).map_err(|error| wrong(error.to_string()))
    };
    arguments.files.iter().map(read).collect()
}

/// Says in what the embedded catalogue differs from the files.
pub(super) fn diff(arguments: &DownloadArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let catalog = super::catalog::open(&arguments.region)?;
    let found = downloads(arguments, &catalog)?;
    let prices: Vec<_> = found.iter().flat_map(|one| one.prices.iter().cloned()).collect();
    let after =
        catalog.clone().with_custom(&[], &prices).map_err(|error| Failed::Output(error.to_string()))?;
    let mut text = String::new();
    let mut count = 0;
    for difference in catalog.differences(&after) {
        if let Difference::Price { name, zone, capacity_type, before, after } = difference {
            let shown = |price: Option<crate::units::HourlyPrice>| {
                price.map_or_else(|| "not sold".to_owned(), |price| format!("${:.5}", price.as_dollars()))
            };
            let change = before.zip(after).map_or_else(String::new, |(before, after)| {
                format!(" ({:+.1} %)", 100.0 * (after.as_dollars() / before.as_dollars() - 1.0))
            });
            let kind = capacity_type.label();
            let _ = writeln!(text, "{name} {kind} in {zone}: {} -> {}{change}", shown(before), shown(after));
            count += 1;
        }
    }
    for kind in found.iter().flat_map(|one| &one.types) {
        if let Some(line) = type_difference(&catalog, kind) {
            let _ = writeln!(text, "{line}");
            count += 1;
        }
    }
    let _ = writeln!(text, "{count} differences from {}", told(&found, &arguments.files));
    note_skipped(&found, terminal);
    answer(&text)?;
    Ok(Exit::Success)
}

/// In what a type differs from the catalogue's, if it does.
fn type_difference(catalog: &Catalog, kind: &CustomType) -> Option<String> {
    let said = format!("{} {} vCPUs {} MiB", kind.arch, kind.vcpus, kind.memory.0);
    let Some(id) = catalog.find(&kind.name) else {
        return Some(format!("{}: new, {said}; the catalogue does not have it", kind.name));
    };
    let own = catalog.get(id);
    let known = format!("{} {} vCPUs {} MiB", own.arch, own.vcpus, own.memory.0);
    (known != said).then(|| format!("{}: {known} -> {said}", kind.name))
}

fn told(found: &[Download], files: &[PathBuf]) -> String {
    let told = |(one, path): (&Download, &PathBuf)| {
        let kind = match one.kind {
            DownloadKind::PriceList => "price list",
            DownloadKind::InstanceTypes => "instance types",
            DownloadKind::SpotPriceHistory => "Spot price history",
            DownloadKind::SpotAdvisor => "Spot advisor",
        };
        let date = one.date.as_deref().map_or_else(String::new, |date| format!(" of {date}"));
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        format!("{name} ({kind}{date})")
    };
    found.iter().zip(files).map(told).collect::<Vec<_>>().join(", ")
}

fn note_skipped(found: &[Download], terminal: Terminal) {
    let skipped: usize = found.iter().map(|one| one.skipped).sum();
    if skipped > 0 {
        terminal.note(&format!(
            "{skipped} entries are left out: other regions, systems or tenancies, or types that the catalogue does not have"
        ));
    }
}

/// Turns the files into prices for scenarios.
pub(super) fn refresh(arguments: &RefreshArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let catalog = super::catalog::open(&arguments.download.region)?;
    let found = downloads(&arguments.download, &catalog)?;
    let prices: Vec<_> = found.iter().flat_map(|one| one.prices.iter().cloned()).collect();
    let sources = told(&found, &arguments.download.files);
    let mut text = format!("# Prices of {} from {sources}.\n", arguments.download.region);
    text += &prices_csv(&prices);
    for kind in found.iter().flat_map(|one| &one.types).filter(|kind| catalog.find(&kind.name).is_none()) {
        terminal.note(&format!(
            "{} is not in the catalogue; describe it under [[ec2.instance_type]]: arch = \"{}\", vcpus = {}, memory = \"{}Mi\"",
            kind.name, kind.arch, kind.vcpus, kind.memory.0
        ));
    }
    note_skipped(&found, terminal);
    if prices.is_empty() {
        return Err(Failed::Usage("there is no price in these files".to_owned()));
    }
    match &arguments.out {
        None => answer(&text)?,
        Some(path) => {
            write_file(path, text.as_bytes(), arguments.force)?;
            terminal.note(&format!(
                "{} prices; a scenario reads them with ec2.prices = \"{}\"",
                prices.len(),
                name(path)
            ));
        }
    }
    Ok(Exit::Success)
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.display().to_string())
}

/// Checks the embedded catalogue: slips, and how old its figures are. Doubts end with the exit code of a failed check.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<Exit, Failed> {
    let catalog = super::catalog::open(&arguments.region)?;
    let day = arguments.at.unwrap_or_else(today);
    let doubts = catalog.doubts();
    let mut text = String::new();
    for doubt in &doubts {
        let _ = writeln!(text, "{doubt}");
    }
    let _ = writeln!(text, "{} types, {} doubts", catalog.types().len(), doubts.len());
    let date = prices_date(&arguments.region).unwrap_or("unknown");
    let _ = writeln!(text, "on-demand prices of {}: {date}{}", arguments.region, age(date, day));
    let mut old = 0;
    for price in other_prices() {
        if age_in_days(price.date, day).is_none_or(|days| days > OLD_DAYS) {
            let _ = writeln!(text, "  {}: {}{}", price.item, price.date, age(price.date, day));
            old += 1;
        }
    }
    let _ = writeln!(text, "{old} other figures are older than {OLD_DAYS} days or undated");
    answer(&text)?;
    if doubts.is_empty() {
        Ok(Exit::Success)
    } else {
        Err(Failed::Output("the catalogue raises doubts".to_owned()))
    }
}

/// How many days `date` (or the first day of a month or year) lies before `day`.
pub(super) fn age_in_days(date: &str, day: Date) -> Option<i64> {
    let whole = match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        _ => date.get(..10)?.to_owned(),
    };
    let then: Date = whole.parse().ok()?;
    Some(i64::from((day - then).get_days()))
}

/// The age in words where it is worth naming.
pub(super) fn age(date: &str, day: Date) -> String {
    match age_in_days(date, day) {
        Some(days) if days > OLD_DAYS => format!(", {days} days old: look whether they still hold"),
        _ => String::new(),
    }
}

//! Own prices: `[[ec2.price]]` and a CSV file. Each row that cannot be used is named by its line and column.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::layers::FileProvider;
use super::super::source::{Source, Span};
use super::ec2::{type_at, unknown_type};
use super::workload::unreadable;
use crate::catalog::{CapacityType, Catalog, CustomPrice, InterruptionRating};
use crate::simulation::PriceChange;
use crate::units::{HourlyPrice, SimTime};
use std::sync::Arc;

const COLUMNS: [&str; 3] = ["instance_type", "capacity_type", "usd_per_hour"];

/// `[[ec2.price]]`.
pub(super) fn from_table(ec2: &Table, catalog: &Catalog, problems: &mut Problems) -> Vec<CustomPrice> {
    let own: Vec<&str> = ec2.tables("instance_type").map(|(table, _)| table.text("name")).collect();
    let mut prices = Vec::new();
    for (table, span) in ec2.tables("price") {
        let name = table.text("instance_type");
        if catalog.find(name).is_none() && !own.contains(&name) {
            problems.push(unknown_type(name, table.span("instance_type"), catalog));
            continue;
        }
        let zone = table.text_if("zone");
        if let Some(zone) = zone
            && catalog.zone(zone).is_none()
        {
            let message = format!("{} has no zone `{zone}`", catalog.region());
            problems.push(Diagnostic::new(
                Code::Catalog,
                table.span("zone"),
                message,
                "expected a zone of the region",
            ));
            continue;
        }
        let before = prices.len();
        for (key, capacity_type) in [("on_demand", CapacityType::OnDemand), ("spot", CapacityType::Spot)] {
            prices.extend(table.number_if(key).map(|dollars| CustomPrice {
                instance_type: name.to_owned(),
                zone: zone.map(str::to_owned),
                capacity_type,
                price: HourlyPrice::from_dollars(dollars),
                rating: None,
            }));
        }
        if prices.len() == before {
            let message = format!("the price of `{name}` is missing");
            problems.push(
                Diagnostic::new(
                    Code::Missing,
                    super::job::line_of(span),
                    message,
                    "expected `on_demand` or `spot`",
                )
                .help("in US dollars per hour: on_demand = 0.192"),
            );
        }
    }
    prices
}

/// `[[ec2.price_change]]`.
pub(super) fn changes(ec2: &Table, catalog: &Catalog, problems: &mut Problems) -> Vec<PriceChange> {
    let mut changes = Vec::new();
    for (table, span) in ec2.tables("price_change") {
        let Some(instance_type) = type_at(table, "instance_type", catalog, problems) else { continue };
        let zone = table.text_if("zone").map(|name| (name, catalog.zone(name)));
        if let Some((name, None)) = zone {
            let message = format!("{} has no zone `{name}`", catalog.region());
            let at = table.span("zone");
            problems.push(Diagnostic::new(Code::Catalog, at, message, "expected a zone of the region"));
            continue;
        }
        let before = changes.len();
        for (key, capacity) in [("on_demand", CapacityType::OnDemand), ("spot", CapacityType::Spot)] {
            changes.extend(table.number_if(key).map(|dollars| PriceChange {
                at: SimTime::ZERO + table.duration_if("at").unwrap_or_default(),
                instance_type,
                zone: zone.and_then(|(_, zone)| zone),
                capacity,
                price: HourlyPrice::from_dollars(dollars),
            }));
        }
        if changes.len() == before {
            let message = format!("the new price of `{}` is missing", table.text("instance_type"));
            let label = "expected `on_demand` or `spot`";
            problems.push(Diagnostic::new(Code::Missing, super::job::line_of(span), message, label));
        }
    }
    changes
}

/// The rows of the CSV file `path`.
pub(super) fn from_file(
    path: &str,
    span: &Span,
    catalog: &Catalog,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Vec<CustomPrice> {
    let text = files
        .read(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned()));
    let text = match text {
        Ok(text) => text,
        Err(reason) => {
            problems.push(unreadable(path, &reason, span.clone()));
            return Vec::new();
        }
    };
    let source = Source::new(path, &text);
    let mut lines = fields(&text);
    let Some(header) = lines.next() else {
        problems.push(
            Diagnostic::new(
                Code::Row,
                Span::start_of(&source),
                format!("`{path}` is empty"),
                "expected a header line",
            )
            .help(COLUMNS.join(",")),
        );
        return Vec::new();
    };
    let column = |name: &str| header.iter().position(|(field, _)| field.eq_ignore_ascii_case(name));
    let found: Vec<Option<usize>> = COLUMNS.iter().map(|name| column(name)).collect();
    if let Some(missing) = found.iter().position(Option::is_none) {
        let end = header.last().map_or(0, |(field, at)| at + field.len());
        problems.push(
            Diagnostic::new(
                Code::Row,
                Span::new(&source, 0..end),
                format!("`{path}` has no column `{}`", COLUMNS[missing]),
                "expected it in the header",
            )
            .help(format!("the header reads {}[,zone]", COLUMNS.join(","))),
        );
        return Vec::new();
    }
    let places: Vec<usize> = found.into_iter().flatten().collect();
    let more = [column("zone"), column("interruptions")];
    lines.filter_map(|row| self::row(&row, &places, more, &source, catalog, problems)).collect()
}

/// The non-empty lines, each as its fields with their places. Prices need no quoting.
fn fields(text: &str) -> impl Iterator<Item = Vec<(&str, usize)>> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = offset;
        offset += line.len();
        if line.trim().is_empty() || line.starts_with('#') {
            return None;
        }
        let mut at = start;
        let split = line.trim_end_matches(['\n', '\r']).split(',').map(|field| {
            let place = at + (field.len() - field.trim_start().len());
            at += field.len() + 1;
            (field.trim(), place)
        });
        Some(split.collect())
    })
}

fn row(
    row: &[(&str, usize)],
    places: &[usize],
    [zone, rating]: [Option<usize>; 2],
    source: &Arc<Source>,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Option<CustomPrice> {
    let end = row.last().map_or(0, |(field, at)| at + field.len());
    let field = |index: usize| row.get(index).copied().unwrap_or(("", end));
    let place = |(text, at): (&str, usize)| Span::new(source, at..at + text.len());
    let mut wrong = |at: (&str, usize), message: String, expected: &str| {
        problems.push(Diagnostic::new(Code::Row, place(at), message, format!("expected {expected}")));
        None
    };
    let name = field(places[0]);
    if catalog.find(name.0).is_none() {
        let at = place(name);
        problems.push(unknown_type(name.0, at, catalog));
        return None;
    }
    let kind = field(places[1]);
    let capacity_type = match kind.0 {
        "on-demand" | "on_demand" => CapacityType::OnDemand,
        "spot" => CapacityType::Spot,
        other => return wrong(kind, format!("`{other}` is not a capacity type"), "`on-demand` or `spot`"),
    };
    let price = field(places[2]);
    let dollars = match price.0.parse::<f64>() {
        Ok(dollars) if dollars.is_finite() && dollars >= 0.0 => dollars,
        _ => {
            return wrong(
                price,
                format!("`{}` is not a price", price.0),
                "US dollars per hour such as 0.192",
            );
        }
    };
    let zone = zone.map(field).filter(|(text, _)| !text.is_empty());
    if let Some(zone) = zone
        && catalog.zone(zone.0).is_none()
    {
        return wrong(zone, format!("{} has no zone `{}`", catalog.region(), zone.0), "a zone of the region");
    }
    let rating = rating.map(field).filter(|(text, _)| !text.is_empty());
    let known = |text: &str| InterruptionRating::ALL.into_iter().find(|rating| rating.label() == text);
    if let Some(rating) = rating
        && known(rating.0).is_none()
    {
        return wrong(
            rating,
            format!("`{}` is no rating of the Spot advisor", rating.0),
            "<5%, 5-10%, 10-15%, 15-20% or >20%",
        );
    }
    Some(CustomPrice {
        instance_type: name.0.to_owned(),
        zone: zone.map(|(text, _)| text.to_owned()),
        capacity_type,
        price: HourlyPrice::from_dollars(dollars),
        rating: rating.and_then(|(text, _)| known(text)),
    })
}

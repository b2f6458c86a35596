//! Classes, pipelines and arrivals, as the workload room takes them.

use super::super::check::{Problems, head};
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Item, Table, Value};
use super::super::layers::FileProvider;
use super::super::source::Span;
use super::job::{self, Jobs};
use super::pipeline;
use crate::units::{Ppm, SimDuration, SimTime};
use crate::workload::{Makes, Profile, Synthetic, Workload};

/// Reads everything that arrives by itself.
pub(super) fn synthetic(
    workload: &Table,
    horizon: SimDuration,
    jobs: &mut Jobs<'_, '_>,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Workload {
    let scale = workload.number("scale");
    let mut result = Workload::default();
    for (table, span) in workload.tables("class") {
        let name = table.text("name");
        let class = job::class(table, span, name, jobs, problems);
        let id = result.classes.push(class);
        let arrivals = arrivals(table, name, Makes::Jobs(id), scale, horizon, files, problems);
        result.synthetic.extend(arrivals);
    }
    for (table, span) in workload.tables("pipeline") {
        if let Some(template) = pipeline::template(table, span, &mut result.classes, jobs, problems) {
            let id = result.templates.push(template);
            let name = table.text("name");
            let arrivals = arrivals(table, name, Makes::Pipelines(id), scale, horizon, files, problems);
            result.synthetic.extend(arrivals);
        }
    }
    result
}

/// The `arrivals` of a class or pipeline.
fn arrivals(
    owner: &Table,
    name: &str,
    makes: Makes,
    scale: f64,
    horizon: SimDuration,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Option<Synthetic> {
    let table = owner.section("arrivals");
    let at = head(owner.get("arrivals")?);
    let rates: Vec<(&str, f64)> = [("per_week", 1.0 / 7.0), ("per_day", 1.0), ("per_hour", 24.0)]
        .into_iter()
        .filter_map(|(key, factor)| Some((key, table.number_if(key)? * factor)))
        .collect();
    let [(_, per_day)] = rates.as_slice() else {
        let message = format!(
            "`{name}`: {} rates of arrival are given",
            if rates.is_empty() { "no" } else { "several" }
        );
        problems.push(
            Diagnostic::new(Code::Conflict, at, message, "expected one of `per_week`, `per_day`, `per_hour`")
                .help("for example arrivals = { per_day = 500, profile = \"office-week\" }"),
        );
        return None;
    };
    let from = table.duration("from");
    let until = table.duration_if("until").unwrap_or(horizon);
    if from >= until {
        let message = format!("`{name}` would arrive from {from} until {until}");
        let span = table.get("until").or_else(|| table.get("from")).map_or(at, |item| item.span.clone());
        problems.push(Diagnostic::new(Code::Range, span, message, "expected an end after the beginning"));
    }
    Some(Synthetic {
        name: name.to_owned(),
        makes,
        per_day: per_day * scale,
        profile: profile(table, files, problems)?,
        burstiness: Ppm::from_f64(table.number("burstiness")),
        from: SimTime::ZERO + from,
        until: SimTime::ZERO + until,
    })
}

fn profile(table: &Table, files: &mut dyn FileProvider, problems: &mut Problems) -> Option<Profile> {
    if let Some(path) = table.text_if("profile_file") {
        let span = table.span("profile_file");
        let bytes = match files.read(path) {
            Ok(bytes) => bytes,
            Err(reason) => {
                problems.push(unreadable(path, &reason, span));
                return None;
            }
        };
        return Profile::from_csv(bytes.as_slice())
            .map_err(|error| {
                let message = format!("`{path}`: {error}");
                problems.push(Diagnostic::new(
                    Code::Row,
                    span,
                    message,
                    "expected 168 rows weekday,hour,rate",
                ));
            })
            .ok();
    }
    if let Some(hours) = table.get("hours") {
        let weights: Vec<f64> = table.list("hours").iter().filter_map(number).collect();
        return Profile::from_weights(&weights)
            .map_err(|error| {
                problems.push(Diagnostic::new(
                    Code::Range,
                    head(hours),
                    error.to_string(),
                    "expected 168 weights from Monday 00:00",
                ));
            })
            .ok();
    }
    Profile::named(table.text("profile"))
}

fn number(item: &Item) -> Option<f64> {
    match item.value {
        Value::Float(number) => Some(number),
        Value::Integer(number) => Some(number as f64),
        _ => None,
    }
}

/// "This file cannot be read".
pub(super) fn unreadable(path: &str, reason: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::File,
        span,
        format!("`{path}` cannot be read: {reason}"),
        "expected a file that exists",
    )
    .help("paths are relative to the folder of the scenario")
}

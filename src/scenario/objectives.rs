//! Limits that fleets are judged by: a metric, a bound and a value with its unit.

use super::check::Problems;
use super::diagnostic::{Code, Diagnostic};
use super::document::Table;
use super::keys::nearest_word;
use crate::experiment::{Bound, Metric, MetricUnit, Objective};
use crate::units::SimDuration;

/// The objectives of a scenario.
pub(super) fn objectives(base: &Table, problems: &mut Problems) -> Vec<Objective> {
    base.tables("objective").filter_map(|(table, _)| objective(table, problems)).collect()
}

fn objective(table: &Table, problems: &mut Problems) -> Option<Objective> {
    let name = table.text("metric");
    let Some(metric) = Metric::from_key(name) else {
        let known: Vec<String> = Metric::all().into_iter().map(Metric::key).collect();
        let help = nearest_word(known.iter().map(String::as_str), name).map_or_else(
            || format!("metrics are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no metric `{name}`");
        problems.push(
            Diagnostic::new(Code::Reference, table.span("metric"), message, "unknown metric").help(help),
        );
        return None;
    };
    let (key, bound) = match (table.get("at_most"), table.get("at_least")) {
        (Some(_), None) => ("at_most", Bound::AtMost),
        (None, Some(_)) => ("at_least", Bound::AtLeast),
        _ => {
            let message = format!("the objective on `{name}` needs one limit");
            problems.push(
                Diagnostic::new(
                    Code::Conflict,
                    table.span("metric"),
                    message,
                    "expected `at_most` or `at_least` beside it",
                )
                .help("{ metric = \"wait_p95\", at_most = \"60s\" }"),
            );
            return None;
        }
    };
    let text = table.text(key);
    let limit = value(text, metric.unit());
    if limit.is_none() {
        let message = format!("`{text}` is not a value of `{name}`");
        problems.push(
            Diagnostic::new(
                Code::Quantity,
                table.span(key),
                message,
                format!("expected a value such as \"{}\"", example(metric.unit())),
            )
            .help("every quantity carries its unit"),
        );
    }
    Some(Objective { metric, limit: limit?, bound })
}

const fn example(unit: MetricUnit) -> &'static str {
    match unit {
        MetricUnit::Usd | MetricUnit::UsdPerThousandJobs | MetricUnit::UsdPerMonth => "20 USD",
        MetricUnit::Milliseconds => "60s",
        MetricUnit::Share => "0.1%",
        MetricUnit::Hours => "100h",
        MetricUnit::PerThousandJobs | MetricUnit::Count => "5",
    }
}

/// `text` in the metric's own unit.
fn value(text: &str, unit: MetricUnit) -> Option<f64> {
    let text = text.trim();
    let number =
        |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    match unit {
        MetricUnit::Usd | MetricUnit::UsdPerThousandJobs | MetricUnit::UsdPerMonth => {
            number(text.strip_suffix("USD").or_else(|| text.strip_prefix('$'))?)
        }
        MetricUnit::Milliseconds => text.parse::<SimDuration>().ok().map(|span| span.as_ms() as f64),
        MetricUnit::Share => number(text.strip_suffix('%')?).map(|percent| percent / 100.0),
        MetricUnit::Hours => text.parse::<SimDuration>().ok().map(|span| span.as_ms() as f64 / 3_600_000.0),
        MetricUnit::PerThousandJobs | MetricUnit::Count => number(text),
    }
}

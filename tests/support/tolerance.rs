//! When a recorded and a simulated number agree: the tolerances of the recordings' README, "Tolerance for fleetsim".
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use super::trajectory::{Summary, Unit};

/// The numbers of many draws of one case: for each its values, sorted; draws that lack it are left out.
pub struct Draws(Vec<Vec<f64>>);

impl Draws {
    /// Those of `summaries`.
    pub fn new(summaries: &[Summary]) -> Self {
        let numbers = summaries.first().map_or(0, Vec::len);
        Self((0..numbers).map(|number| values(summaries, number)).collect())
    }
}

/// The values of a number, sorted; runs that lack it are left out.
fn values(summaries: &[Summary], number: usize) -> Vec<f64> {
    let mut values: Vec<f64> =
        summaries.iter().map(|summary| summary[number].2).filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// What became of a number.
pub struct Judged {
    /// Its name.
    pub number: &'static str,
    /// How it may miss.
    pub unit: Unit,
    /// The least that was recorded.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// Mean of the draws.
    pub mean: f64,
    /// Half a per cent of the draws are less.
    pub least: f64,
    /// Half a per cent are more.
    pub most: f64,
    /// The share of the draws that is less than each recording (those equal to it count half), in per cent.
    pub below: String,
    /// What does not agree, if anything.
    pub verdict: Option<String>,
}

/// Every number of `recorded` that runs on both sides have. `similar` has the relative range of each where there is one
/// recording only.
pub fn judge_all(recorded: &[Summary], draws: &Draws, similar: Option<&[f64]>) -> Vec<Judged> {
    let one = |(index, (number, unit, _)): (usize, &(&'static str, Unit, f64))| {
        let (values, drawn) = (values(recorded, index), &draws.0[index]);
        let ((low, high), mean) = (range(&values)?, mean(drawn)?);
        let (least, most) = band(drawn);
        let verdict = judge(*unit, &values, drawn, similar.map(|ranges| ranges[index]));
        let below = values.iter().map(|value| format!("{:.0} %", share_below(drawn, *value) * 100.0));
        let below = below.collect::<Vec<_>>().join(", ");
        Some(Judged { number, unit: *unit, low, high, mean, least, most, below, verdict })
    };
    recorded[0].iter().enumerate().filter_map(one).collect()
}

/// The relative range of every number in repeated recordings.
pub fn relative_ranges(recorded: &[Summary]) -> Vec<f64> {
    let of = |index| match range(&values(recorded, index)) {
        Some((low, high)) if high > 0.0 => (high - low) / high,
        _ => 0.0,
    };
    (0..recorded[0].len()).map(of).collect()
}

fn range(sorted: &[f64]) -> Option<(f64, f64)> {
    Some((*sorted.first()?, *sorted.last()?))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn band(sorted: &[f64]) -> (f64, f64) {
    let place = |share: f64| ((sorted.len() - 1) as f64 * share).round() as usize;
    (sorted[place(0.005)], sorted[place(0.995)])
}

fn share_below(sorted: &[f64], value: f64) -> f64 {
    let less = sorted.partition_point(|draw| *draw < value);
    let not_more = sorted.partition_point(|draw| *draw <= value);
    (less + not_more) as f64 / 2.0 / sorted.len() as f64
}

/// What does not agree, if anything.
fn judge(unit: Unit, values: &[f64], draws: &[f64], similar: Option<f64>) -> Option<String> {
    let ((low, high), mean) = (range(values)?, mean(draws)?);
    match unit {
        Unit::Shown => None,
        Unit::Evictions => {
            let (least, most) = range(draws)?;
            (low < least || high > most).then(|| "recorded outside simulated range".to_owned())
        }
        Unit::Wait | Unit::Count | Unit::Share => {
            let spread = if let Some(similar) = similar { similar * high.abs() } else { high - low };
            let wide = spread.max(unit.least(high));
            let (least, most) = band(draws);
            if mean < low - wide {
                Some(format!("mean low by {:.1} %", (low - mean) / low * 100.0))
            } else if mean > high + wide {
                Some(format!("mean high by {:.1} %", (mean - high) / high * 100.0))
            } else if low < least - unit.least(low) || high > most + unit.least(high) {
                Some("recorded outside band".to_owned())
            } else {
                None
            }
        }
    }
}

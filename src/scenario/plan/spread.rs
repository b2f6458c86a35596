//! Distributions as the rooms want them, from the checked tables.

use super::super::document::{Item, Table, Value};
use super::super::read::duration;
use crate::ec2::Delay;
use crate::gitlab::RoundTrip;
use crate::units::{Ppm, SimDuration};
use crate::workload::Distribution;

/// Steps in which a shape that a room does not know is handed to it as measured values.
const STEPS: u32 = 1000;

/// The distribution at `key`, as the workload draws it. The check has made sure that it is one.
pub(super) fn distribution(table: &Table, key: &str) -> Option<Distribution> {
    of_item(table.get(key)?)
}

fn of_item(item: &Item) -> Option<Distribution> {
    let table = match &item.value {
        Value::Table(table) => table,
        _ => return duration(item).map(Distribution::Constant),
    };
    let span = |key: &str| table.duration_if(key);
    if let (Some(median), Some(p95)) = (span("median"), span("p95")) {
        return Distribution::log_normal(median, p95).ok();
    }
    if let Some(mean) = span("mean") {
        return Some(match table.number_if("cv") {
            Some(cv) => Distribution::log_normal_mean_cv(mean, cv),
            None => Distribution::Exponential { mean },
        });
    }
    if let (Some(low), Some(high)) = (span("min"), span("max")) {
        return Distribution::uniform(low, high).ok();
    }
    let values: Vec<SimDuration> = table.list("values").iter().filter_map(duration).collect();
    if !values.is_empty() {
        return Distribution::empirical(values).ok();
    }
    let parts = table.list("mixture").iter().filter_map(|part| {
        let weight = match &part.value {
            Value::Table(own) => own.number_if("weight").unwrap_or(1.0),
            _ => 1.0,
        };
        Some((Ppm::from_f64(weight), of_item(part)?))
    });
    Distribution::mixture(parts.collect()).ok()
}

/// The distribution at `key`, as EC2 and Kubernetes draw it.
pub(super) fn delay(table: &Table, key: &str) -> Option<Delay> {
    delay_of(table.get(key)?)
}

fn delay_of(item: &Item) -> Option<Delay> {
    let table = match &item.value {
        Value::Table(table) => table,
        _ => return duration(item).map(Delay::Constant),
    };
    if let (Some(median), Some(p95)) = (table.duration_if("median"), table.duration_if("p95")) {
        return Some(Delay::LogNormal { median, p95 });
    }
    match of_item(item)? {
        Distribution::Constant(span) => Some(Delay::Constant(span)),
        Distribution::Empirical(values) => Some(Delay::Empirical(values)),
        Distribution::LogNormal { median, sigma } => {
            let p95 = median.as_secs_f64() * libm::exp(sigma.as_f64() * 1.644_853_626_951_472_2);
            Some(Delay::LogNormal { median, p95: SimDuration::from_secs_f64_rounded(p95) })
        }
        Distribution::Uniform { low, high } => {
            Some(stepped(|share| low.as_secs_f64() + share * high.saturating_sub(low).as_secs_f64()))
        }
        Distribution::Exponential { mean } => Some(Delay::Exponential { mean }),
        Distribution::Mixture(_) => {
            let parts: Vec<(f64, Delay)> = table
                .list("mixture")
                .iter()
                .filter_map(|part| {
                    let weight = match &part.value {
                        Value::Table(own) => own.number_if("weight").unwrap_or(1.0),
                        _ => 1.0,
                    };
                    Some((weight, delay_of(part)?))
                })
                .collect();
            let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
            let mut values = Vec::with_capacity(STEPS as usize);
            for (weight, part) in &parts {
                let steps = (weight / total * f64::from(STEPS)).round() as u32;
                values.extend((0..steps).map(|step| part.at((f64::from(step) + 0.5) / f64::from(steps))));
            }
            Some(Delay::empirical(values))
        }
    }
}

/// A shape given by its quantile function (seconds), as equally likely values.
fn stepped(quantile: impl Fn(f64) -> f64) -> Delay {
    let at = |step: u32| quantile((f64::from(step) + 0.5) / f64::from(STEPS));
    Delay::empirical((0..STEPS).map(|step| SimDuration::from_secs_f64_rounded(at(step))).collect())
}

/// The distribution at `key`, as a round trip to GitLab: by its median and 95th percentile.
pub(super) fn round_trip(table: &Table, key: &str) -> Option<RoundTrip> {
    let delay = delay(table, key)?;
    Some(RoundTrip::log_normal(delay.at(0.5), delay.at(0.95)))
}

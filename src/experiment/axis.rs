//! Axes of a sweep: a key of the scenario and the values that it takes, as `--vary` says them.

use crate::units::SimDuration;
use std::collections::BTreeSet;
use std::str::FromStr;

/// A key with the values that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The key, as in `--set`.
    pub key: String,
    /// As it was written: `KEY=VALUES`.
    pub text: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Listed(Vec<String>),
    /// Any value of a range.
    Between(Range),
}

#[derive(Clone, Debug, PartialEq)]
struct Range {
    low: f64,
    high: f64,
    unit: Unit,
    is_logarithmic: bool,
}

/// What stands behind the numbers of a range.
#[derive(Clone, Debug, PartialEq)]
enum Unit {
    /// The same letters behind every number, or nothing; so many decimals.
    Suffix(String, usize),
    /// Durations in different units, counted in milliseconds.
    Duration,
}

impl Unit {
    fn text(&self, value: f64) -> String {
        match self {
            Self::Duration => SimDuration::from_ms(value.round() as u64).to_string(),
            Self::Suffix(suffix, decimals) => format!("{value:.decimals$}{suffix}"),
        }
    }
}

/// Most values of one axis.
const MOST: usize = 10_000;

impl FromStr for Axis {
    type Err = String;

    /// `KEY=A,B,C`, `KEY=LOW..HIGH:STEP`, `KEY=LOW..HIGH:logN` (N values, each as many times the one before),
    /// `KEY=LOW..HIGH` or `KEY=LOW..HIGH:log` (any value between, for Latin hypercubes).
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, values)) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
            return Err(format!("`{text}` varies nothing: expected KEY=VALUES"));
        };
        let values = values.trim();
        let is_range = values.contains("..") && !values.starts_with(['[', '{', '"', '\'']);
        let values = if is_range {
            range(values).map_err(|why| format!("`{values}`: {why}"))?
        } else {
            Values::Listed(list(values))
        };
        if let Values::Listed(listed) = &values {
            let distinct: BTreeSet<&String> = listed.iter().collect();
            if listed.iter().any(String::is_empty) || distinct.len() < listed.len() {
                return Err(format!("`{text}` has a value twice or an empty one"));
            }
        }
        Ok(Self { key: key.trim().to_owned(), text: text.to_owned(), values })
    }
}

/// Values between commas, not those inside of brackets or quotes.
fn list(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quote) = (0_u32, None::<char>);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = values.last_mut() {
            last.push(c);
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
}

fn range(text: &str) -> Result<Values, String> {
    let (ends, step) = text.split_once(':').map_or((text, None), |(ends, step)| (ends, Some(step.trim())));
    let (low, high) = ends.split_once("..").ok_or("expected LOW..HIGH")?;
    let (low, high) = (low.trim(), high.trim());
    let linear_step = step.filter(|step| !step.starts_with("log"));
    let (numbers, unit) = numbers(&[Some(low), Some(high), linear_step])?;
    let (low, high) = (numbers[0], numbers[1]);
    if low >= high {
        return Err("the first value is not below the second".to_owned());
    }
    let is_logarithmic = step.is_some_and(|step| step.starts_with("log"));
    if is_logarithmic && low <= 0.0 {
        return Err("a logarithmic range starts above zero".to_owned());
    }
    match step {
        None | Some("log") => Ok(Values::Between(Range { low, high, unit, is_logarithmic })),
        Some(_) if !is_logarithmic => linear(low, high, numbers[2], &unit),
        Some(log) => {
            let count = log["log".len()..].parse::<usize>().ok().filter(|n| (2..=MOST).contains(n));
            let count = count.ok_or("expected `log` and a number of at least 2, as `log5`")?;
            Ok(Values::Listed(logarithmic(low, high, count, &unit)))
        }
    }
}

/// Numbers with one unit.
fn numbers(texts: &[Option<&str>]) -> Result<(Vec<f64>, Unit), String> {
    let texts: Vec<&str> = texts.iter().copied().flatten().collect();
    let split = |text: &str| {
        let end = text.find(|c: char| c.is_alphabetic() || c == '%').unwrap_or(text.len());
        let number = text[..end].trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
        let decimals = text[..end].trim().split_once('.').map_or(0, |(_, fraction)| fraction.len());
        Some((number, decimals, text[end..].to_owned()))
    };
    let parts: Option<Vec<_>> = texts.iter().map(|text| split(text)).collect();
    if let Some(parts) = parts.filter(|parts| parts.iter().all(|part| part.2 == parts[0].2)) {
        let decimals = parts.iter().map(|part| part.1).max().unwrap_or(0);
        let unit = Unit::Suffix(parts[0].2.clone(), decimals);
        return Ok((parts.into_iter().map(|part| part.0).collect(), unit));
    }
    let durations: Result<Vec<SimDuration>, _> =
        texts.iter().map(|text| text.parse::<SimDuration>()).collect();
    let durations = durations.map_err(|_| "its ends are not numbers of one unit".to_owned())?;
    Ok((durations.into_iter().map(|duration| duration.as_ms() as f64).collect(), Unit::Duration))
}

fn linear(low: f64, high: f64, step: f64, unit: &Unit) -> Result<Values, String> {
    let steps = ((high - low) / step + 1e-9).floor();
    if step <= 0.0 || steps >= MOST as f64 {
        return Err(format!("a step of {step} does not lead from {low} to {high} in less than {MOST} steps"));
    }
    Ok(Values::Listed((0..=steps as usize).map(|i| unit.text(low + i as f64 * step)).collect()))
}

/// Both ends and values between, each as many times the one before, rounded to three digits; whole numbers stay whole.
fn logarithmic(low: f64, high: f64, count: usize, unit: &Unit) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for i in 0..count {
        let exact = low * libm::pow(high / low, i as f64 / (count - 1) as f64);
        let digit = libm::pow(10.0, libm::floor(libm::log10(exact)) - 2.0);
        let is_end = i == 0 || i + 1 == count;
        let value = if is_end { exact } else { (exact / digit).round() * digit };
        let text = unit.text(value);
        if values.last() != Some(&text) {
            values.push(text);
        }
    }
    values
}

impl Axis {
    /// The values, where they are listed.
    ///
    /// # Errors
    /// The axis takes any value of a range.
    pub fn listed(&self) -> Result<&[String], String> {
        match &self.values {
            Values::Listed(values) => Ok(values),
            Values::Between(_) => Err(format!(
                "`{}` has a range without step: a grid needs LOW..HIGH:STEP or LOW..HIGH:log5, a Latin hypercube \
                 (--design lhs:N) takes any value between",
                self.key
            )),
        }
    }

    /// The value at a share from 0 to 1 of the axis.
    #[must_use]
    pub fn at(&self, share: f64) -> String {
        match &self.values {
            Values::Listed(values) => {
                let place = (share * values.len() as f64) as usize;
                values[place.min(values.len() - 1)].clone()
            }
            Values::Between(range) => {
                let value = if range.is_logarithmic {
                    range.low * libm::pow(range.high / range.low, share)
                } else {
                    range.low + (range.high - range.low) * share
                };
                range.unit.text(match range.unit {
                    // Whole seconds, unless the range is shorter than that.
                    Unit::Duration if range.low >= 1000.0 => (value / 1000.0).round() * 1000.0,
                    _ => value,
                })
            }
        }
    }
}

/// The number in a value, for the axis of a chart: durations in seconds, others as they stand.
#[must_use]
pub fn axis_number(value: &str) -> Option<f64> {
    let end = value.find(|c: char| c.is_alphabetic() || c == '%').unwrap_or(value.len());
    let is_duration = matches!(value[end..].chars().next(), Some('s' | 'm' | 'h' | 'd'))
        && value.ends_with(['s', 'm', 'h', 'd']);
    match value.parse::<SimDuration>() {
        Ok(duration) if is_duration && duration != SimDuration::MAX => Some(duration.as_ms() as f64 / 1000.0),
        _ => value[..end].parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        text.parse::<Axis>().unwrap().listed().unwrap().to_vec()
    }

    #[test]
    fn lists_and_ranges_become_values() {
        assert_eq!(listed("a.b=30s, 2m,Never"), ["30s", "2m", "Never"]);
        assert_eq!(listed("a=[\"x\",\"y\"],[\"z\"]"), ["[\"x\",\"y\"]", "[\"z\"]"]);
        assert_eq!(listed("a=100..400:100"), ["100", "200", "300", "400"]);
        assert_eq!(listed("a=0.1..0.3:0.1"), ["0.1", "0.2", "0.3"]);
        assert_eq!(listed("a=500m..2000m:500m"), ["500m", "1000m", "1500m", "2000m"]);
        assert_eq!(listed("a=30s..2m:45s"), ["30s", "1m15s", "2m"]);
        assert_eq!(listed("a=10%..30%:10%"), ["10%", "20%", "30%"]);
        assert_eq!(listed("a=1..1000:log4"), ["1", "10", "100", "1000"]);
        assert_eq!(listed("a=1..3:log9"), ["1", "2", "3"]);
        assert_eq!(listed("a=30s..1h:log3"), ["30s", "5m29s", "1h"]);
        for wrong in
            ["a", "=1", "a=", "a=1,1", "a=5..1:1", "a=1..5:0", "a=0..5:log3", "a=x..y:1", "a=1..2:logx"]
        {
            assert!(wrong.parse::<Axis>().is_err(), "{wrong}");
        }
        assert!("a=1..5".parse::<Axis>().unwrap().listed().is_err());
    }

    #[test]
    fn shares_of_an_axis_are_values() {
        let at = |text: &str, share: f64| text.parse::<Axis>().unwrap().at(share);
        assert_eq!((at("a=10..20", 0.5), at("a=1..100:log", 0.5)), ("15".to_owned(), "10".to_owned()));
        assert_eq!((at("a=x,y,z", 0.0), at("a=x,y,z", 0.999)), ("x".to_owned(), "z".to_owned()));
        assert_eq!(at("a=30s..5m", 0.5), "2m45s");
    }

    #[test]
    fn values_have_numbers_where_they_are_numbers() {
        assert_eq!(axis_number("1m30s"), Some(90.0));
        assert_eq!(
            (axis_number("250"), axis_number("30%"), axis_number("Never")),
            (Some(250.0), Some(30.0), None)
        );
        assert_eq!(axis_number("4Gi"), Some(4.0));
    }
}

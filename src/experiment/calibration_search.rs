//! Constants of a fleet that are not known, found by what makes simulated waits most like observed ones. Runs nothing: the
//! caller says how far apart the waits are for given values.

use std::collections::BTreeMap;

use crate::units::SimDuration;

/// Values tried first over the whole range of a constant, and then twice between the neighbours of the best.
const FIRST: usize = 9;
const LATER: usize = 5;
const ROUNDS: usize = 3;
/// A range this wide is divided by ratios, a narrower one by differences.
const WIDE: f64 = 4.0;
/// Over all constants, at most so often.
const PASSES: usize = 3;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Whole,
    Real,
    Duration,
}

/// A key of the scenario with the range in which its value is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The key, as `--set` takes it.
    pub key: String,
    low: f64,
    high: f64,
    written: Written,
}

/// Why this is no constant with its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not KEY=LOW..HIGH, such as fifo.cpu=8..256 or kubernetes.pod_start=1s..2m")]
pub struct NotAConstant(pub String);

impl std::str::FromStr for Constant {
    type Err = NotAConstant;

    /// `KEY=LOW..HIGH` with whole numbers, real numbers or durations, LOW below HIGH.
    fn from_str(text: &str) -> Result<Self, NotAConstant> {
        let wrong = || NotAConstant(text.to_owned());
        let (key, range) = text.split_once('=').ok_or_else(wrong)?;
        let (low, high) = range.split_once("..").ok_or_else(wrong)?;
        let span = |text: &str| text.trim().parse::<SimDuration>().ok().map(|span| span.as_ms() as f64);
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let whole = |text: &str| text.trim().parse::<u32>().is_ok();
        let (written, bounds) = match (number(low), number(high)) {
            (Some(from), Some(to)) if whole(low) && whole(high) => (Written::Whole, Some((from, to))),
            (Some(from), Some(to)) => (Written::Real, Some((from, to))),
            _ => (Written::Duration, span(low).zip(span(high))),
        };
        let (low, high) = bounds.filter(|(low, high)| *low >= 0.0 && low < high).ok_or_else(wrong)?;
        Ok(Self { key: key.trim().to_owned(), low, high, written })
    }
}

impl Constant {
    /// `value` as it is written in a scenario.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        match self.written {
            Written::Whole => format!("{value:.0}"),
            Written::Real => format!("{value:.4}"),
            Written::Duration => SimDuration::from_ms(value as u64).to_string(),
        }
    }

    /// `count` values from `low` to `high`.
    fn values(&self, low: f64, high: f64, count: usize) -> Vec<f64> {
        let at = |step: usize| {
            let share = step as f64 / (count - 1) as f64;
            let value = if low > 0.0 && high >= WIDE * low {
                low * libm::pow(high / low, share)
            } else {
                low + (high - low) * share
            };
            match self.written {
                Written::Real => value,
                // Steps of 10 ms are finer than any wait that was recorded.
                Written::Duration => (value / 10.0).round() * 10.0,
                Written::Whole => value.round(),
            }
        };
        let mut values: Vec<f64> = (0..count).map(at).collect();
        values.dedup();
        values
    }

    /// Whether `value` stands at an end of the range, so that a better one may lie outside.
    #[must_use]
    pub fn is_at_an_end(&self, value: f64) -> bool {
        self.text(value) == self.text(self.low) || self.text(value) == self.text(self.high)
    }
}

/// Keys of distributions: they only mean something together.
const OF_DISTRIBUTIONS: [&str; 6] = ["median", "p95", "mean", "cv", "min", "max"];

/// `constants` with `values` as settings `KEY=VALUE`; the keys of one distribution become one table.
#[must_use]
pub fn constants_as_settings(constants: &[Constant], values: &[f64]) -> Vec<String> {
    let mut settings = Vec::new();
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for (constant, value) in constants.iter().zip(values) {
        let text = constant.text(*value);
        match constant.key.rsplit_once('.').filter(|(_, last)| OF_DISTRIBUTIONS.contains(last)) {
            None => settings.push(format!("{}={text}", constant.key)),
            Some((key, last)) => {
                let field = match constant.written {
                    Written::Duration => format!("{last} = \"{text}\""),
                    Written::Whole | Written::Real => format!("{last} = {text}"),
                };
                match tables.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, fields)) => fields.push(field),
                    None => tables.push((key, vec![field])),
                }
            }
        }
    }
    settings.extend(tables.into_iter().map(|(key, fields)| format!("{key}={{ {} }}", fields.join(", "))));
    settings
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundConstants {
    /// The value of each constant.
    pub values: Vec<f64>,
    /// How far apart the waits are with them.
    pub error: f64,
    /// How many different combinations were tried.
    pub tried: usize,
}

/// Looks for the values of `constants` with the smallest `error`: one constant after the other, first over its range, then
/// around the best. Not every combination is tried, so where constants act alike the result is one of several.
///
/// # Errors
/// What `error` fails with.
pub fn find_constants<E>(
    constants: &[Constant],
    mut error: impl FnMut(&[f64]) -> Result<f64, E>,
) -> Result<FoundConstants, E> {
    let mut known: BTreeMap<Vec<String>, f64> = BTreeMap::new();
    let mut error_of = |values: &[f64]| -> Result<f64, E> {
        let texts: Vec<String> = constants.iter().zip(values).map(|(own, value)| own.text(*value)).collect();
        if let Some(error) = known.get(&texts) {
            return Ok(*error);
        }
        let found = error(values)?;
        known.insert(texts, found);
        Ok(found)
    };
    // From the middle of each range.
    let mut best: Vec<f64> = constants.iter().map(|own| own.values(own.low, own.high, 3)[1]).collect();
    let mut least = error_of(&best)?;
    for _ in 0..PASSES {
        let before = least;
        for (index, constant) in constants.iter().enumerate() {
            let (mut low, mut high) = (constant.low, constant.high);
            for round in 0..ROUNDS {
                let values = constant.values(low, high, if round == 0 { FIRST } else { LATER });
                for value in &values {
                    let mut tried = best.clone();
                    tried[index] = *value;
                    let error = error_of(&tried)?;
                    if error < least {
                        (least, best) = (error, tried);
                    }
                }
                let place = values.partition_point(|value| *value < best[index]).min(values.len() - 1);
                low = values[place.saturating_sub(1)];
                high = values[(place + 1).min(values.len() - 1)];
                if low >= high {
                    break;
                }
            }
        }
        if constants.len() < 2 || least >= before * 0.995 {
            break;
        }
    }
    Ok(FoundConstants { values: best, error: least, tried: known.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_values_written_in_their_unit() {
        let cpu: Constant = "fifo.cpu=8..512".parse().unwrap();
        assert_eq!((cpu.key.as_str(), cpu.text(64.2)), ("fifo.cpu", "64".to_owned()));
        let start: Constant = "kubernetes.pod_start=1s..2m".parse().unwrap();
        assert_eq!(start.text(90_000.0), "1m30s");
        assert!(start.is_at_an_end(120_000.0) && !start.is_at_an_end(60_000.0));
        for wrong in ["fifo.cpu", "fifo.cpu=8", "fifo.cpu=9..8", "a=1s..x", "a=-1..4"] {
            assert!(wrong.parse::<Constant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_keys_of_a_distribution_are_set_together() {
        let constants: Vec<Constant> = ["a.start.median=1s..9s", "b=1..3", "a.start.p95=10s..90s"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let settings = constants_as_settings(&constants, &[2_000.0, 2.0, 30_000.0]);
        assert_eq!(settings, ["b=2", "a.start={ median = \"2s\", p95 = \"30s\" }"]);
    }

    #[test]
    fn the_best_values_are_found_without_trying_everything() {
        let constants: Vec<Constant> = ["a=1..1000", "b=0.0..1.0"].map(|text| text.parse().unwrap()).to_vec();
        let found = find_constants(&constants, |values| {
            let (a, b) = (libm::log(values[0] / 70.0), values[1] - 0.3);
            Ok::<f64, ()>(a * a + b * b)
        })
        .unwrap();
        assert!((found.values[0] / 70.0 - 1.0).abs() < 0.15, "{found:?}");
        assert!((found.values[1] - 0.3).abs() < 0.05, "{found:?}");
        assert!(found.tried < 100);
    }
}

//! How numbers look in tables, sentences and charts: grouped thousands, no more digits than the interval supports.

use crate::experiment::{Estimate, MetricUnit};

/// Group separator: a no-break space, so that numbers are never wrapped.
const GROUP: char = '\u{a0}';
const MINUS: char = '\u{2212}';

/// A number with `decimals` decimals and grouped thousands, as `24 960` or `−1.5`.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push(MINUS);
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && whole.len() > 4 {
            out.push(GROUP);
        }
        out.push(digit);
    }
    out + fraction
}

/// Decimals at which `spread` shows one digit, or two where the first is 1 or 2. At most four.
fn decimals_for(spread: f64) -> usize {
    if spread <= 0.0 || !spread.is_finite() {
        return 2;
    }
    let exponent = libm::floor(libm::log10(spread));
    let leading = spread / libm::pow(10.0, exponent);
    let digits = if leading < 2.95 { 1.0 } else { 0.0 };
    (digits - exponent).clamp(0.0, 4.0) as usize
}

/// A number with three significant digits (more before the point where it is large).
pub(super) fn three_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    number(value, three_digit_decimals(value))
}

fn three_digit_decimals(value: f64) -> usize {
    if value == 0.0 {
        return 2;
    }
    (2.0 - libm::floor(libm::log10(value.abs()))).clamp(0.0, 4.0) as usize
}

/// A number as it was written, without zeros at the end: `60`, `0.1`.
pub(super) fn plain(value: f64) -> String {
    let text = number(value, 6);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How far the interval reaches from the mean, where that is more than the rounding of equal results.
fn margin(estimate: &Estimate, factor: f64) -> Option<f64> {
    let half = estimate.margin()?;
    (half > 1e-9 * estimate.mean.abs()).then_some(half * factor.abs())
}

/// A mean and how far its interval reaches from it, with matched digits: `38 ±2`. Both are multiplied by `factor` first.
pub(super) fn plus_minus(estimate: &Estimate, factor: f64) -> String {
    match margin(estimate, factor) {
        Some(half) => {
            let decimals = decimals_for(half);
            format!("{}{GROUP}±{}", number(estimate.mean * factor, decimals), number(half, decimals))
        }
        None => three_digits(estimate.mean * factor),
    }
}

/// A mean with as many digits as its interval supports, at most three significant ones after the point: `38`.
pub(super) fn mean(estimate: &Estimate, factor: f64) -> String {
    match margin(estimate, factor) {
        Some(half) => {
            let value = estimate.mean * factor;
            number(value, decimals_for(half).min(three_digit_decimals(value)))
        }
        None => three_digits(estimate.mean * factor),
    }
}

/// By what a value in `unit` is multiplied before it is shown, and the word after it.
pub(super) fn shown_unit(unit: MetricUnit) -> (f64, &'static str) {
    match unit {
        MetricUnit::Usd => (1.0, "$"),
        MetricUnit::UsdPerThousandJobs => (1.0, "$/1000 jobs"),
        MetricUnit::UsdPerMonth => (1.0, "$/month"),
        MetricUnit::Milliseconds => (1e-3, "s"),
        MetricUnit::Share => (100.0, "%"),
        MetricUnit::PerThousandJobs => (1.0, "per 1000 jobs"),
        MetricUnit::Hours => (1.0, "h"),
        MetricUnit::Count => (1.0, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_interval() {
        let of = |mean: f64, half: f64| Estimate { mean, interval: Some((mean - half, mean + half)), n: 10 };
        assert_eq!(plus_minus(&of(38_214.0, 2100.0), 1e-3), "38.2\u{a0}±2.1");
        assert_eq!(plus_minus(&of(38_214.0, 4100.0), 1e-3), "38\u{a0}±4");
        assert_eq!(plus_minus(&of(24_960.4, 312.0), 1.0), "24\u{a0}960\u{a0}±312");
        assert_eq!(plus_minus(&of(0.0, 0.0), 1.0), "0");
        assert_eq!(plus_minus(&of(176.258_3, 3e-14), 1.0), "176");
        let cut = of(30.0, 46.0).within(0.0, f64::INFINITY);
        assert_eq!(plus_minus(&cut, 1.0), "30\u{a0}±46");
        assert_eq!(mean(&of(-0.204, 0.01), 100.0), "−20.4");
        assert_eq!(number(-0.001, 1), "0.0");
        assert_eq!(three_digits(1234.56), "1235");
        assert_eq!((plain(60.0), plain(0.1)), ("60".to_owned(), "0.1".to_owned()));
        assert_eq!(three_digits(0.012_34), "0.0123");
    }
}

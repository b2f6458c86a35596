//! Reading the embedded files: `#` lines are comments, fields are separated by commas, decimals are read exactly.

use crate::units::{HourlyPrice, Ppm};

/// The lines of an embedded file that carry data.
pub(super) fn data_lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The latest day (`YYYY-MM-DD`) that the head of an embedded file names.
pub(super) fn newest_date(text: &'static str) -> Option<&'static str> {
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let is_day = |word: &&str| {
        word.len() == 10
            && word.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    head.flat_map(|line| line.split(|letter: char| !letter.is_ascii_digit() && letter != '-'))
        .filter(is_day)
        .max()
}

/// The fields of one line, from left to right.
pub(super) struct Fields {
    rest: std::str::Split<'static, char>,
}

impl Fields {
    /// The comma-separated fields of `line`.
    pub(super) fn of(line: &'static str) -> Self {
        Self { rest: line.split(',') }
    }

    /// The next field; empty beyond the last.
    pub(super) fn text(&mut self) -> &'static str {
        self.rest.next().unwrap_or("")
    }

    /// The next field as a whole number; 0 where it is none.
    pub(super) fn number(&mut self) -> u32 {
        self.text().parse().unwrap_or(0)
    }
}

/// A non-negative decimal in units of 10^-`places`, exact; digits beyond are cut. `None` where it is not a decimal.
pub(super) fn decimal_scaled(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut digits = fraction.bytes();
    for _ in 0..places {
        let digit = match digits.next() {
            None => 0,
            Some(byte @ b'0'..=b'9') => u64::from(byte - b'0'),
            Some(_) => return None,
        };
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    digits.all(|byte| byte.is_ascii_digit()).then_some(value)
}

/// A price written in dollars, exact to the nano-dollar.
pub(super) fn decimal_price(text: &str) -> Option<HourlyPrice> {
    decimal_scaled(text, 9).map(HourlyPrice)
}

/// A factor written as a decimal, exact to the part per million; 0 where it is none.
pub(super) fn decimal_ppm(text: &str) -> Ppm {
    Ppm(decimal_scaled(text, 6).unwrap_or(0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_day_is_read_from_the_head_alone() {
        let text = "# of 2025-06-28, 2022-05 .. 2025-03\n# table (2026-07-20)\na,2027-01-01\n# 2028-01-01\n";
        assert_eq!(newest_date(text), Some("2026-07-20"));
        assert_eq!(newest_date("# 2022-05\n"), None);
    }

    #[test]
    fn decimals_are_read_without_rounding() {
        assert_eq!(decimal_price("0.0341"), Some(HourlyPrice(34_100_000)));
        assert_eq!(decimal_price("12"), Some(HourlyPrice(12_000_000_000)));
        assert_eq!(decimal_ppm("1.35"), Ppm(1_350_000));
        for wrong in ["", ".", "-1", "1e3", "0.1x", "abc"] {
            assert_eq!(decimal_scaled(wrong, 9), None, "{wrong}");
        }
    }
}

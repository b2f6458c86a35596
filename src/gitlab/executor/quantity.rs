//! Kubernetes quantities exactly as the API machinery reads them (`k8s.io/apimachinery` v0.36, `pkg/api/resource`),
//! odd spellings, negative amounts and overflow included. `units` has the amounts that the simulation works with.

/// An amount in billionths of its unit (cores or bytes); finer ones are rounded up as the API does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityTextError {
    /// Not a number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The suffix is none of Kubernetes'.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

const NANOS: i128 = 1_000_000_000;
/// Largest amount with a binary suffix; larger ones are capped, decimal ones are not.
const LARGEST_BINARY: i128 = i64::MAX as i128 * NANOS;

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// Where the text is none.
    pub fn parse(text: &str) -> Result<Self, QuantityTextError> {
        if text.is_empty() {
            return Err(QuantityTextError::Format);
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let after_whole = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
        let whole = &unsigned[..unsigned.len() - after_whole.len()];
        let (fraction, suffix) = match after_whole.strip_prefix('.') {
            Some(rest) => {
                rest.split_at(rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len())
            }
            None => ("", after_whole),
        };
        let exponent = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !exponent.bytes().all(|byte| byte.is_ascii_digit())
            || (whole.is_empty() && fraction.is_empty() && after_whole.starts_with('.'))
        {
            return Err(QuantityTextError::Format);
        }
        let (base, power) = suffix_factor(suffix).ok_or(QuantityTextError::Suffix)?;
        let digits = format!("{whole}{fraction}");
        let mantissa = digits
            .bytes()
            .fold(0_i128, |sum, digit| sum.saturating_mul(10).saturating_add(i128::from(digit - b'0')));
        let magnitude = if base == 2 {
            scale(mantissa.saturating_mul(1 << power), 9 - fraction.len() as i32).min(LARGEST_BINARY)
        } else {
            scale(mantissa, 9 + power - fraction.len() as i32)
        };
        Ok(Self { nanos: if text.starts_with('-') { -magnitude } else { magnitude } })
    }

    /// Thousandths, rounded up; beyond 64 bits the number wraps around as the API's does.
    #[must_use]
    pub fn milli(self) -> i64 {
        ceil_div(self.nanos, NANOS / 1000) as i64
    }

    /// Whole units, rounded up; beyond 64 bits the number wraps around as the API's does.
    #[must_use]
    pub fn whole(self) -> i64 {
        ceil_div(self.nanos, NANOS) as i64
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos) }
    }
}

fn ceil_div(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) > 0)
}

/// `mantissa` times ten to the `power`, rounded up.
fn scale(mantissa: i128, power: i32) -> i128 {
    match 10_i128.checked_pow(power.unsigned_abs()) {
        Some(factor) if power >= 0 => mantissa.saturating_mul(factor),
        Some(factor) => ceil_div(mantissa, factor),
        None if power >= 0 => mantissa.saturating_mul(i128::MAX),
        None => i128::from(mantissa > 0),
    }
}

/// Base (2 or 10) and power that a suffix stands for.
fn suffix_factor(suffix: &str) -> Option<(u8, i32)> {
    Some(match suffix {
        "" => (10, 0),
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => (10, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        for (text, milli) in [
            ("1", 1000),
            (".5", 500),
            ("5.", 5000),
            ("1e1", 10_000),
            ("100u", 1),
            ("-1", -1000),
            ("1Ki", 1_024_000),
        ] {
            assert_eq!(Quantity::parse(text).map(Quantity::milli), Ok(milli), "{text}");
        }
        for (text, whole) in
            [("Mi", 0), ("1.1Gi", 1_181_116_007), ("2E", 2_000_000_000_000_000_000), ("007", 7), ("1m", 1)]
        {
            assert_eq!(Quantity::parse(text).map(Quantity::whole), Ok(whole), "{text}");
        }
        for text in ["1 Gi", "1GB", "1gb", " 1", "1,5", "", "½", "1.5.2", "0x10"] {
            assert_eq!(Quantity::parse(text), Err(QuantityTextError::Format), "{text}");
        }
        for text in ["1K", "1e", "1mm"] {
            assert_eq!(Quantity::parse(text), Err(QuantityTextError::Suffix), "{text}");
        }
    }

    #[test]
    fn only_binary_amounts_are_capped() {
        let much = |suffix: &str| Quantity::parse(&format!("99999999999999999999{suffix}")).unwrap();
        assert_eq!(much("Gi").whole(), i64::MAX);
        assert_eq!(much("").milli(), 200_376_420_520_688_664, "the API's number wraps around");
    }
}

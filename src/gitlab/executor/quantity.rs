//! Kubernetes quantities exactly as the API machinery reads them (`k8s.io/apimachinery` v0.36, `pkg/api/resource`),
//! odd spellings, negative amounts and overflow included. `units` has the amounts that the simulation works with.

use std::cmp::Ordering;

/// An amount: an integer times a power of ten. Finer ones than billionths are rounded up as the API does.
///
/// The API keeps short numbers in 64 bits and all others in arbitrary precision; the two round negative amounts and
/// overflow differently, which `is_wide` remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    value: i128,
    scale: i32,
    is_wide: bool,
}

/// Why a text is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityTextError {
    /// Not a number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// A suffix without a number, of those that take any precision.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// The suffix is none of Kubernetes'.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Finest power of ten: billionths.
const NANO: i32 = -9;
/// Most decimal digits of an amount in 64 bits (`math.go maxInt64Factors`).
const MOST_DIGITS: i32 = 18;

/// What a suffix stands for.
#[derive(Clone, Copy)]
enum Suffix {
    /// A power of ten; `true`: written as an exponent.
    Ten(i32, bool),
    /// A power of two.
    Two(u32),
}

/// A text in its parts, leading zeros taken off.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: Suffix,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, QuantityTextError> {
        if text.is_empty() {
            return Err(QuantityTextError::Format);
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).trim_start_matches('0');
        let (whole, rest) = digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let exponent = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !digits(exponent).1.is_empty() {
            return Err(QuantityTextError::Format);
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let suffix = suffix_of(suffix).ok_or(QuantityTextError::Suffix)?;
        Ok(Self { is_negative: text.starts_with('-'), whole, fraction, suffix })
    }

    /// The amount in 64 bits, where the API keeps it so.
    fn narrow(&self, number: i128) -> Option<Quantity> {
        let length = |digits: &str| i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let fits = |value: i128| i64::try_from(value).ok().map(i128::from);
        let (value, scale) = match self.suffix {
            Suffix::Ten(power, _) => {
                let most =
                    MOST_DIGITS.saturating_sub(length(self.whole)).saturating_sub(length(self.fraction));
                (fits(number).filter(|_| most >= 0)?, power.saturating_sub(length(self.fraction)))
            }
            Suffix::Two(power) => {
                let most = 14 - power as i32 * 3 / 10 - length(self.whole);
                let is_short = most >= 0 && self.fraction.is_empty();
                (fits(number.checked_mul(1 << power)?).filter(|_| is_short)?, 0)
            }
        };
        (scale >= NANO).then_some(Quantity { value, scale, is_wide: false })
    }

    /// The amount in any precision: billionths, rounded away from zero.
    fn wide(&self, number: i128) -> Quantity {
        let places = self.fraction.len() as i32;
        let nanos = |value: i128, power: i32| Quantity {
            value: scaled_away_from_zero(value, power.saturating_sub(NANO)),
            scale: NANO,
            is_wide: true,
        };
        match self.suffix {
            Suffix::Ten(power, _) => nanos(number, power.saturating_sub(places)),
            Suffix::Two(power) => {
                let largest = Quantity { value: i64::MAX.into(), scale: 0, is_wide: true };
                nanos(number.saturating_mul(1 << power), -places).min(largest)
            }
        }
    }
}

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// Where the text is none.
    pub fn parse(text: &str) -> Result<Self, QuantityTextError> {
        let parts = Parts::of(text)?;
        let number = (parts.whole.bytes().chain(parts.fraction.bytes()))
            .fold(0_i128, |sum, digit| sum.saturating_mul(10).saturating_add(i128::from(digit - b'0')));
        // Short amounts are zero without a digit, all others are none.
        let has_digits = text.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_digit());
        let wide = || if has_digits { Ok(parts.wide(number)) } else { Err(QuantityTextError::Number) };
        let amount = parts.narrow(number).map_or_else(wide, Ok)?;
        Ok(Self { value: if parts.is_negative { -amount.value } else { amount.value }, ..amount })
    }

    /// The amount that the API server reads where a client has read `text` and sent it on: short amounts that are
    /// written in their plainest form travel as they are, all others in a canonical form, which is short of suffixes
    /// from a thousand `E` on (`quantity.go CanonicalizeBytes`, `suffix.go constructBytes`).
    ///
    /// # Errors
    /// Where the text is none.
    pub fn parse_sent(text: &str) -> Result<Self, QuantityTextError> {
        let read = Self::parse(text)?;
        let suffix = Parts::of(text)?.suffix;
        let (mut value, mut scale) = (read.value, read.scale);
        while value != 0 && value % 10 == 0 {
            (value, scale) = (value / 10, scale + 1);
        }
        if let (Suffix::Two(_), Some(binary)) = (suffix, read.sent_in_binary()) {
            return Ok(binary);
        }
        // An exponent is a multiple of three.
        while scale % 3 != 0 && value != 0 {
            (value, scale) = (value.saturating_mul(10), scale - 1);
        }
        let is_wide = value.unsigned_abs() >= 10_u128.pow(MOST_DIGITS as u32);
        let scale = if matches!(suffix, Suffix::Ten(_, false)) && scale > 18 { 0 } else { scale };
        let sent = Self { value, scale, is_wide };
        Ok(if is_wide { sent.widened() } else { sent })
    }

    /// This amount where it is sent with a binary suffix; `None` where it is sent without one: below 1024 units, and
    /// not in whole ones.
    fn sent_in_binary(self) -> Option<Self> {
        let factor = 10_i128.checked_pow(self.scale.unsigned_abs())?;
        let whole = if self.scale < 0 { self.value / factor } else { self.value.checked_mul(factor)? };
        if whole.unsigned_abs() < 1024 || (self.scale < 0 && self.value % factor != 0) {
            return None;
        }
        let (mut amount, mut power) = (whole.unsigned_abs(), 0);
        while amount % 1024 == 0 {
            (amount, power) = (amount / 1024, power + 10);
        }
        let most = if power == 0 { MOST_DIGITS } else { 14 - power * 3 / 10 };
        let is_wide = amount.checked_ilog10().map_or(0, |digits| digits as i32) >= most;
        let sent = Self { value: whole, scale: 0, is_wide };
        Some(if is_wide { sent.widened() } else { sent })
    }

    /// The same amount in any precision.
    fn widened(self) -> Self {
        let value = scaled_away_from_zero(self.value, self.scale.saturating_sub(NANO));
        Self { value, scale: NANO, is_wide: true }
    }

    /// Thousandths, rounded up; beyond 64 bits what the API's number becomes.
    #[must_use]
    pub fn milli(self) -> i64 {
        self.at_scale(-3)
    }

    /// Whole units, rounded up; beyond 64 bits what the API's number becomes.
    #[must_use]
    pub fn whole(self) -> i64 {
        self.at_scale(0)
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.value < 0
    }

    /// The number of units of ten to the `scale` (`quantity.go ScaledValue`).
    fn at_scale(self, scale: i32) -> i64 {
        let drop = scale.saturating_sub(self.scale);
        if !self.is_wide {
            let narrow = if drop > 0 {
                scaled_away_from_zero(self.value, -drop)
            } else {
                grown(self.value as i64, drop.unsigned_abs()).0.into()
            };
            return narrow as i64;
        }
        let unscaled = self.value as i64;
        if drop <= 0 {
            let factor = 10_i64.checked_pow(drop.unsigned_abs()).unwrap_or(i64::MIN);
            return unscaled.wrapping_mul(factor);
        }
        let divisor = 10_i128.saturating_pow(drop.unsigned_abs());
        if self.value < i64::MAX.into() && drop < 19 {
            return (unscaled / divisor as i64).wrapping_add(i64::from(unscaled % divisor as i64 != 0));
        }
        let quotient = self.value.div_euclid(divisor) as i64;
        quotient.wrapping_add(i64::from(self.value.rem_euclid(divisor) != 0))
    }

    /// Both values at the finer of both scales.
    fn aligned(self, other: Self) -> (i128, i128, i32) {
        let finest = self.scale.min(other.scale);
        let at = |of: Self| scaled_away_from_zero(of.value, of.scale.saturating_sub(finest));
        (at(self), at(other), finest)
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, another, _) = self.aligned(*other);
        one.cmp(&another)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl std::ops::Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        if !self.is_wide && !other.is_wide && (self.value == 0 || other.value == 0) {
            return if other.value == 0 { self } else { other };
        }
        let (one, another, scale) = self.aligned(other);
        let value = one.saturating_add(another);
        let narrow = |value: i128| i64::try_from(value).is_ok();
        let is_wide = self.is_wide || other.is_wide || ![one, another, value].into_iter().all(narrow);
        Self { value, scale, is_wide }
    }
}

/// `text` after its leading digits, and these.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len())
}

/// `value` times ten to the `power`, as the API multiplies in 64 bits (`math.go positiveScaleInt64`): beyond them it
/// wraps around for the powers it has a case for, and is zero for the others. Whether it fits stands beside it.
fn grown(value: i64, power: u32) -> (i64, bool) {
    match 10_i64.checked_pow(power).and_then(|factor| value.checked_mul(factor)) {
        Some(grown) => (grown, true),
        None if matches!(power, 1 | 2 | 3 | 6 | 9) => (value.wrapping_mul(10_i64.pow(power)), false),
        None => (0, value == 0),
    }
}

/// `value` times ten to the `power`; fractions are rounded away from zero.
fn scaled_away_from_zero(value: i128, power: i32) -> i128 {
    let factor = 10_i128.checked_pow(power.unsigned_abs());
    match factor {
        _ if value == 0 => 0,
        Some(factor) if power >= 0 => value.saturating_mul(factor),
        Some(factor) => value / factor + if value % factor == 0 { 0 } else { value.signum() },
        None if power >= 0 => value.saturating_mul(i128::MAX),
        None => value.signum(),
    }
}

fn suffix_of(suffix: &str) -> Option<Suffix> {
    let ten = |power| Suffix::Ten(power, false);
    Some(match suffix {
        "" => ten(0),
        "n" => ten(-9),
        "u" => ten(-6),
        "m" => ten(-3),
        "k" => ten(3),
        "M" => ten(6),
        "G" => ten(9),
        "T" => ten(12),
        "P" => ten(15),
        "E" => ten(18),
        "Ki" => Suffix::Two(10),
        "Mi" => Suffix::Two(20),
        "Gi" => Suffix::Two(30),
        "Ti" => Suffix::Two(40),
        "Pi" => Suffix::Two(50),
        "Ei" => Suffix::Two(60),
        _ => Suffix::Ten(suffix.strip_prefix(['e', 'E'])?.parse::<i64>().ok()? as i32, true),
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
        for (text, whole) in [(".", 0), ("-", 0), ("+Gi", 0), ("-1.5", -2), ("-0.3Gi", -322_122_546)] {
            assert_eq!(Quantity::parse(text).map(Quantity::whole), Ok(whole), "{text}");
        }
        for text in ["1 Gi", "1GB", "1gb", " 1", "1,5", "", "½", "1.5.2", "0x10"] {
            assert_eq!(Quantity::parse(text), Err(QuantityTextError::Format), "{text}");
        }
        assert_eq!(Quantity::parse("Pi"), Err(QuantityTextError::Number));
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

    #[test]
    fn amounts_of_few_digits_overflow_in_their_own_ways() {
        let read = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!(read("10E").whole(), 0, "by a power without a case of its own");
        assert_eq!(read("99999999999999999").milli(), 7_766_279_631_452_240_920, "by a thousand");
        let sent = |text: &str| Quantity::parse_sent(text).unwrap().whole();
        assert_eq!(sent("1000E"), 1, "there is no suffix for that: it is sent as 1");
        assert_eq!(sent("100000000000000000000"), 0, "sent as 100E");
        assert_eq!((sent("1500m"), sent("-0.3Gi")), (2, -322_122_548));
    }
}

//! Numbers and times as traces write them: decimals and RFC 3339, read without going through floating point.

use super::RowProblem;

/// Beyond this many whole units a number is refused (it still fits in 64-bit thousandths).
const LARGEST: f64 = 9.0e12;

/// How a trace writes its instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum TimeStyle {
    /// Seconds since anything.
    Number,
    /// RFC 3339.
    Timestamp,
}

/// A decimal number in thousandths, rounded half away from zero. Negative numbers are read; `NaN` and the like are not.
pub(in crate::workload) fn thousandths(text: &[u8]) -> Result<i64, RowProblem> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value = 0_i64;
    let mut index = 0;
    while index < digits.len() && digits[index].is_ascii_digit() {
        if index >= 12 {
            return slow_thousandths(text);
        }
        value = value * 10 + i64::from(digits[index] - b'0');
        index += 1;
    }
    let whole_digits = index;
    value *= 1000;
    if index < digits.len() {
        if digits[index] != b'.' {
            return slow_thousandths(text);
        }
        let fraction = &digits[index + 1..];
        if whole_digits + fraction.len() == 0 {
            return Err(RowProblem::NotANumber);
        }
        let mut unit = 100;
        for (place, digit) in fraction.iter().enumerate() {
            if !digit.is_ascii_digit() {
                return slow_thousandths(text);
            }
            let digit = i64::from(digit - b'0');
            match place {
                0..3 => value += digit * unit,
                3 if digit >= 5 => value += 1,
                _ => {}
            }
            unit /= 10;
        }
    } else if whole_digits == 0 {
        return Err(RowProblem::NotANumber);
    }
    Ok(if negative { -value } else { value })
}

/// Exponents and very long numbers.
fn slow_thousandths(text: &[u8]) -> Result<i64, RowProblem> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    match number {
        Some(value) if value.is_finite() && value.abs() < LARGEST => Ok((value * 1000.0).round() as i64),
        Some(value) if !value.is_nan() => Err(RowProblem::TooLarge),
        _ => Err(RowProblem::NotANumber),
    }
}

/// How `text` writes an instant.
pub(in crate::workload) fn style_of(text: &[u8]) -> TimeStyle {
    let text = text.trim_ascii();
    if text.len() >= 8 && text[4..].contains(&b'-') && text[..4].iter().all(u8::is_ascii_digit) {
        TimeStyle::Timestamp
    } else {
        TimeStyle::Number
    }
}

/// An RFC 3339 time with its offset (also with a space for the `T`, and ` UTC` for `Z`) in ms since 1970.
pub(in crate::workload) fn timestamp_ms(text: &[u8]) -> Result<i64, RowProblem> {
    let text = text.trim_ascii();
    if let Some(ms) = plain_timestamp_ms(text) {
        return Ok(ms);
    }
    let text = std::str::from_utf8(text).map_err(|_| RowProblem::NotATime)?;
    let zulu = text.strip_suffix(" UTC").map(|front| format!("{front}Z"));
    let parsed: Result<jiff::Timestamp, _> = zulu.as_deref().unwrap_or(text).parse();
    parsed.map(jiff::Timestamp::as_millisecond).map_err(|_| RowProblem::NotATime)
}

/// `YYYY-MM-DDTHH:MM:SS[.fff]` with `Z` or `±HH:MM`: what nearly every row has. Everything unusual is left to jiff.
fn plain_timestamp_ms(text: &[u8]) -> Option<i64> {
    if text.len() < 20 || text[4] != b'-' || text[7] != b'-' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    if text[10] != b'T' && text[10] != b' ' {
        return None;
    }
    let (year, month, day) = (digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?);
    let (hour, minute, second) = (digits(&text[11..13])?, digits(&text[14..16])?, digits(&text[17..19])?);
    if year < 1900 || !(1..=12).contains(&month) || !(1..=28).contains(&day) && day > days_in(year, month) {
        return None;
    }
    if day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut ms = 0;
    if text[at] == b'.' {
        let end = text[at + 1..].iter().position(|byte| !byte.is_ascii_digit())? + at + 1;
        if end - at < 4 {
            return None;
        }
        ms = digits(&text[at + 1..at + 4])?;
        at = end;
    }
    let offset_minutes = match &text[at..] {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] if zone.len() == 5 && zone[2] == b':' => {
            let minutes = digits(&zone[..2])? * 60 + digits(&zone[3..])?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset_minutes * 60) * 1000 + ms)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March so that leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, value) in [
            ("0", 0),
            ("12", 12_000),
            ("12.5", 12_500),
            ("-1", -1000),
            (" 7.0004 ", 7000),
            ("7.0005", 7001),
            (".5", 500),
            ("5.", 5000),
            ("1e3", 1_000_000),
            ("1.5E-3", 2),
            ("123456789012.123", 123_456_789_012_123),
        ] {
            assert_eq!(thousandths(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", ".", "-", "abc", "1,5", "0x10", "nan", "1.2.3", "12 s"] {
            assert_eq!(thousandths(text.as_bytes()), Err(RowProblem::NotANumber), "{text}");
        }
        for text in ["inf", "1e300", "99999999999999999999"] {
            assert_eq!(thousandths(text.as_bytes()), Err(RowProblem::TooLarge), "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_offset() {
        let expected: jiff::Timestamp = "2026-03-09T08:14:02.311Z".parse().unwrap();
        for text in [
            "2026-03-09T08:14:02.311Z",
            "2026-03-09T10:14:02.311999+02:00",
            "2026-03-09 08:14:02.311 UTC",
            "2026-03-09T00:14:02.311-08:00",
        ] {
            assert_eq!(timestamp_ms(text.as_bytes()), Ok(expected.as_millisecond()), "{text}");
            assert_eq!(style_of(text.as_bytes()), TimeStyle::Timestamp);
        }
        for text in
            ["2026-02-30T08:14:02Z", "2026-13-01T00:00:00Z", "2026-03-09", "2026-03-09T08:14:02", "yesterday"]
        {
            assert_eq!(timestamp_ms(text.as_bytes()), Err(RowProblem::NotATime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_agrees_with_jiff(seconds in -2_000_000_000_i64..8_000_000_000, ms in 0_i64..1000) {
            let stamp = jiff::Timestamp::from_millisecond(seconds * 1000 + ms).unwrap();
            prop_assert_eq!(timestamp_ms(stamp.to_string().as_bytes()), Ok(stamp.as_millisecond()));
        }

        #[test]
        fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (thousandths(&text), timestamp_ms(&text), style_of(&text));
        }
    }
}

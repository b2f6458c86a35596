//! Five-field cron schedules in UTC, as disruption budgets use them. Knows calendar arithmetic, no budget.

use std::str::FromStr;

/// Why a text is not a cron schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields, and not one of the `@` names.
    #[error("`{0}` is not a cron schedule; write five fields such as \"0 9 * * mon-fri\", or \"@daily\"")]
    Fields(String),
    /// A field out of its range or not readable.
    #[error("`{0}` is not a value, range or step of its cron field")]
    Field(String),
}

/// A schedule of whole minutes in UTC.
///
/// Read as `robfig/cron` v3 `ParseStandard` does, which Karpenter uses (core `apis/v1/nodepool.go`, v1.15.0): lists, ranges,
/// steps, month and day names; where both days are restricted, either suffices; Sunday is 0 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days_of_month: u64,
    months: u64,
    days_of_week: u64,
    any_day_of_month: bool,
    any_day_of_week: bool,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
/// Schedules that never hit (31 February) are given up after so many days, as `robfig/cron` does after five years.
const SEARCH_DAYS: i64 = 5 * 366;

impl Cron {
    /// The first hit strictly after `unix_ms`, in milliseconds since 1970 UTC; `None` where none comes within five years.
    #[must_use]
    pub fn next_after(&self, unix_ms: i64) -> Option<i64> {
        let mut minute = unix_ms.div_euclid(MINUTE_MS) + 1;
        let last_day = minute.div_euclid(DAY_MINUTES) + SEARCH_DAYS;
        loop {
            let day = minute.div_euclid(DAY_MINUTES);
            if day > last_day {
                return None;
            }
            if self.day_matches(day) {
                let of_day = minute.rem_euclid(DAY_MINUTES);
                if let Some(hit) = self.next_in_day(of_day) {
                    return Some((day * DAY_MINUTES + hit) * MINUTE_MS);
                }
            }
            minute = (day + 1) * DAY_MINUTES;
        }
    }

    /// The first matching minute of a day at or after minute `from` of it.
    fn next_in_day(&self, from: i64) -> Option<i64> {
        for hour in from / 60..24 {
            if self.hours >> hour & 1 == 0 {
                continue;
            }
            let first = if hour == from / 60 { from % 60 } else { 0 };
            let later = self.minutes >> first << first;
            if later != 0 {
                return Some(hour * 60 + i64::from(later.trailing_zeros()));
            }
        }
        None
    }

    fn day_matches(&self, day: i64) -> bool {
        let (month, day_of_month) = month_and_day(day);
        // 1970-01-01 was a Thursday.
        let day_of_week = (day + 4).rem_euclid(7);
        let by_month = self.days_of_month >> day_of_month & 1 == 1;
        let by_week = self.days_of_week >> day_of_week & 1 == 1;
        let day_fits = if self.any_day_of_month || self.any_day_of_week {
            by_month && by_week
        } else {
            by_month || by_week
        };
        self.months >> month & 1 == 1 && day_fits
    }
}

/// Month (1-12) and day of the month of a day counted from 1970-01-01 (civil-from-days, H. Hinnant, 2013).
fn month_and_day(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }, day_of_month)
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let spelled = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = spelled.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            return Err(CronError::Fields(text.to_owned()));
        };
        let (minutes, _) = field(minute, 0, 59, &[])?;
        let (hours, _) = field(hour, 0, 23, &[])?;
        let (days_of_month, any_day_of_month) = field(day_of_month, 1, 31, &[])?;
        let (months, _) = field(month, 1, 12, &MONTHS)?;
        let (days_of_week, any_day_of_week) = field(day_of_week, 0, 6, &DAYS)?;
        Ok(Self { minutes, hours, days_of_month, months, days_of_week, any_day_of_month, any_day_of_week })
    }
}

const MONTHS: [&str; 13] =
    ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The values of one field as bits, and whether a plain `*` is among its parts.
fn field(text: &str, low: u32, high: u32, names: &[&str]) -> Result<(u64, bool), CronError> {
    let mut bits = 0_u64;
    let mut is_any = false;
    for part in text.split(',') {
        let bad = || CronError::Field(part.to_owned());
        let value = |word: &str| -> Result<u32, CronError> {
            match names.iter().position(|name| !name.is_empty() && word.eq_ignore_ascii_case(name)) {
                Some(index) => Ok(index as u32),
                None => word.parse().map_err(|_| bad()),
            }
        };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().map_err(|_| bad())?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => {
                is_any |= step.is_none_or(|step| step <= 1);
                (low, high)
            }
            Some((first, last)) => (value(first)?, value(last)?),
            None if step.is_some() => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        let step = step.unwrap_or(1);
        if first < low || last > high || first > last || step == 0 {
            return Err(bad());
        }
        (first..=last).step_by(step as usize).for_each(|value| bits |= 1 << value);
    }
    Ok((bits, is_any))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02 00:00 UTC, a Monday.
    const MONDAY: i64 = 1_772_409_600_000;

    #[test]
    fn the_next_hit_is_strictly_later_and_honours_names_ranges_and_steps() {
        let next = |text: &str, after_min: i64| {
            text.parse::<Cron>()
                .unwrap()
                .next_after(MONDAY + after_min * MINUTE_MS)
                .map(|hit| (hit - MONDAY) / MINUTE_MS)
        };
        assert_eq!(next("0 9 * * mon-fri", 0), Some(540));
        assert_eq!(next("0 9 * * *", 540), Some(540 + DAY_MINUTES));
        assert_eq!(next("*/15 * * * *", 16), Some(30));
        assert_eq!(next("@hourly", 1), Some(60));
        assert_eq!(next("0 0 * * SUN", 0), Some(6 * DAY_MINUTES));
        // Both days restricted: either suffices (the 5th is a Thursday).
        assert_eq!(next("0 0 5 * tue", 0), Some(DAY_MINUTES));
        assert_eq!(next("0 0 30 2 *", 0), None);
        for bad in
            ["", "* * * *", "60 * * * *", "* * * * 7", "*/0 * * * *", "5-1 * * * *", "@never", "a * * * *"]
        {
            assert!(bad.parse::<Cron>().is_err(), "{bad}");
        }
    }
}

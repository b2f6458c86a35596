//! Durations in the words that GitLab takes (`timeout`, `start_in`). Knows no key.

use super::reading::Findings;
use super::yaml::Node;
use crate::units::SimDuration;

/// A duration in the words of GitLab.
pub(super) fn chronic(node: &Node, what: &str, findings: &mut Findings) -> Option<SimDuration> {
    let text = findings.text(node, what)?;
    let span = timeout(text);
    if span.is_none() {
        let expected = "such as \"90 minutes\" or \"1h 30m\"";
        findings.grammar(node, format!("`{text}` is not a {what}"), expected, "");
    }
    span
}

/// A timeout in the words GitLab takes: `3600`, `90m`, `1h 30m`, `18 hours`, `1 day and 2 hours`.
fn timeout(text: &str) -> Option<SimDuration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(SimDuration::from_secs(seconds));
    }
    let mut total = 0.0_f64;
    let mut number = String::new();
    let mut word = String::new();
    let mut parts: Vec<(f64, String)> = Vec::new();
    for letter in text.chars().chain([' ', '0']) {
        if letter.is_ascii_digit() || letter == '.' {
            if !word.is_empty() {
                parts.push((number.parse().ok()?, std::mem::take(&mut word)));
                number.clear();
            }
            number.push(letter);
        } else if letter.is_ascii_alphabetic() {
            word.push(letter);
        } else if !letter.is_whitespace() && letter != ',' {
            return None;
        } else if word == "and" {
            word.clear();
        } else if !word.is_empty() && !number.is_empty() {
            parts.push((number.parse().ok()?, std::mem::take(&mut word)));
            number.clear();
        }
    }
    // A number without a unit at the end: `1h30` could be minutes or seconds.
    if number != "0" {
        return None;
    }
    for (amount, unit) in &parts {
        total += amount
            * match unit.to_lowercase().as_str() {
                "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
                "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
                "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
                "d" | "day" | "days" => 86_400.0,
                "w" | "week" | "weeks" => 604_800.0,
                "mo" | "month" | "months" => 2_592_000.0,
                _ => return None,
            };
    }
    (!parts.is_empty() && total < 1e10).then(|| SimDuration::from_secs_f64_rounded(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_the_words_of_gitlab() {
        for (text, seconds) in [
            ("3600", 3600),
            ("90m", 5400),
            ("1h 30m", 5400),
            ("18 hours", 64_800),
            ("1 day and 2 hours", 93_600),
        ] {
            assert_eq!(timeout(text), Some(SimDuration::from_secs(seconds)), "{text}");
        }
        for text in ["soon", "3 apples", "1h30", "-5m", ""] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}

//! The account of an import of job exports as text. Counts nothing itself.

use super::format::number;
use crate::workload::{ImportAccount, Place, SpanQuantiles};

/// Unmatched jobs shown; the account has more.
const SHOWN_UNMATCHED: usize = 20;
const WEEK_MS: i64 = 7 * 86_400_000;

/// The account, one fact per line.
#[must_use]
pub fn import_account_text(account: &ImportAccount) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let kinds: Vec<&str> = account.kinds.iter().map(|kind| kind.label()).collect();
    lines.push(("read", format!("{} records of {}", whole(account.rows), kinds.join(", "))));
    if !account.states.is_empty() && !account.dropped.is_empty() {
        let states =
            account.states.iter().map(|(state, count)| format!("{} {}", named(state), whole(*count)));
        lines.push(("states", states.collect::<Vec<_>>().join(", ")));
    }
    let mut kept = format!("{} jobs", whole(account.jobs));
    if account.pipelines > 0 {
        kept += &format!(
            " in {} pipelines, {} of them retries",
            whole(account.pipelines),
            whole(account.retries)
        );
    }
    lines.push(("kept", kept));
    dropped(account, &mut lines);
    if let Some((from, to)) = account.span_ms {
        let mean = account
            .jobs_per_hour()
            .map_or_else(String::new, |rate| format!("{} a hour on average, ", number(rate, 1)));
        let peak = whole(account.peak_per_hour);
        lines.push(("arrivals", format!("{} to {}; {mean}{peak} in the busiest hour", day(from), day(to))));
    }
    if account.jobs > 0 {
        lines.push(("ran", quantiles(&account.durations)));
    }
    if account.waits.count > 0 {
        lines.push(("waited", quantiles(&account.waits)));
    }
    waited_for_others(account, &mut lines);
    ended_and_unknown(account, &mut lines);
    for (note, count, place) in &account.notes {
        lines.push(("note", format!("{} {}{}", whole(*count), note.text(), first(place))));
    }
    if account.shifted_ms != 0 {
        lines.push((
            "shifted",
            format!("all times by {} weeks; names and numbers are hashed", account.shifted_ms / WEEK_MS),
        ));
    }
    if let Some(unmatched) = account.unmatched {
        lines.push(("unmatched", format!("{} jobs that no rule of the map matches", whole(unmatched))));
        for example in account.unmatched_examples.iter().take(SHOWN_UNMATCHED) {
            let tags = if example.tags.is_empty() { "none" } else { &example.tags };
            lines.push(("", format!("{:>8}  {}  (tags: {tags})", whole(example.rows), named(&example.name))));
        }
    }
    lines.into_iter().map(|(label, text)| format!("{label:9}  {text}\n")).collect()
}

/// How many jobs waited for others before they could be picked.
fn waited_for_others(account: &ImportAccount, lines: &mut Vec<(&str, String)>) {
    let before = account.dependencies;
    if before.waited > 0 {
        lines.push((
            "before",
            format!(
                "{} of {} jobs waited for others before they could be picked, {} each, longest {}: no part of the wait",
                whole(before.waited),
                whole(before.known),
                crate::units::SimDuration::from_ms(before.total.as_ms() / before.waited),
                before.longest
            ),
        ));
    }
}

/// How jobs ended, and what the records do not tell.
fn ended_and_unknown(account: &ImportAccount, lines: &mut Vec<(&str, String)>) {
    let ended: Vec<String> = account
        .statuses
        .iter()
        .take(8)
        .map(|(status, count)| format!("{} {}", named(status), whole(*count)))
        .collect();
    if !ended.is_empty() {
        lines.push(("ended", ended.join(", ")));
    }
    let unknown: Vec<String> = account
        .unknown
        .iter()
        .map(|(column, count)| {
            if *count == account.jobs {
                format!("{column} (all)")
            } else {
                format!("{column} ({})", whole(*count))
            }
        })
        .collect();
    if !unknown.is_empty() {
        lines.push(("unknown", unknown.join(", ")));
    }
}

/// What was left out and why, with a few of the records that cannot be used.
fn dropped(account: &ImportAccount, lines: &mut Vec<(&str, String)>) {
    for (reason, count, place) in &account.dropped {
        lines.push(("dropped", format!("{}: {}{}", whole(*count), reason.reason(), first(place))));
        for (_, example) in account.examples.iter().filter(|(of, _)| of == reason) {
            let place = format!("{}:{}:{}", example.file, example.line, example.column.max(1));
            lines.push(("", format!("{place}: {}: {}", example.message, example.excerpt.0.trim())));
        }
    }
}

fn whole(count: u64) -> String {
    number(count as f64, 0)
}

fn named(text: &str) -> &str {
    if text.is_empty() { "(unknown)" } else { text }
}

fn first(place: &Place) -> String {
    if place.file.is_empty() { String::new() } else { format!(" (first in {}:{})", place.file, place.line) }
}

/// An instant to the second; logs that only count from their begin show seconds of 1970.
fn day(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1000)).map_or_else(|_| format!("{ms} ms"), |at| at.to_string())
}

fn quantiles(spans: &SpanQuantiles) -> String {
    format!(
        "mean {}, p50 {}, p90 {}, p95 {}, p99 {}, longest {} ({} jobs)",
        spans.mean,
        spans.p50,
        spans.p90,
        spans.p95,
        spans.p99,
        spans.max,
        whole(spans.count)
    )
}

//! Checks of single values: text, numbers, quantities, choices. Says what to write instead.

use super::check::{Problems, wrong_type};
use super::diagnostic::{Code, Diagnostic};
use super::document::{Item, Value};
use super::keys::{Kind, nearest_word};
use crate::units::{Mebibytes, Millicores, SimDuration};
use jiff::ZonedDateTime;

/// `item` as a value of `kind`; `None` where it is none, after saying so.
pub(super) fn check(item: &Item, kind: &'static Kind, name: &str, problems: &mut Problems) -> Option<Item> {
    let before = problems.len();
    let value = match kind {
        Kind::Text | Kind::Path => text(item, kind, name, problems),
        Kind::Name => own_name(item, kind, name, problems),
        Kind::Zoned => zoned(item, kind, name, problems),
        Kind::Boolean => match item.value {
            Value::Boolean(flag) => Some(Value::Boolean(flag)),
            _ => None,
        },
        Kind::SwitchOrDuration => match item.value {
            Value::Boolean(flag) => Some(Value::Boolean(flag)),
            _ => duration(item, false, name, problems),
        },
        Kind::Integer(low, high) => integer(item, *low, *high, name, problems),
        Kind::Number(low, high) => number(item, *low, *high, name, problems),
        Kind::Duration => duration(item, false, name, problems),
        Kind::DurationOrNever => duration(item, true, name, problems),
        Kind::Distribution => duration(item, false, name, problems),
        Kind::Cpu => cpu(item, name, problems),
        Kind::Memory => memory(item, name, problems),
        Kind::Choice(words) => choice(item, words, name, problems),
        Kind::List(_) | Kind::Map(_) | Kind::Table(_) | Kind::Tables(_) | Kind::Named(_) => None,
    };
    if value.is_none() && problems.len() == before {
        problems.push(wrong_type(item, &kind.expected(), name));
    }
    Some(Item { value: value?, span: item.span.clone() })
}

fn text(item: &Item, kind: &Kind, name: &str, problems: &mut Problems) -> Option<Value> {
    let Value::Text(text) = &item.value else { return None };
    if text.is_empty() && matches!(kind, Kind::Path) {
        problems.push(Diagnostic::new(
            Code::WrongType,
            item.span.clone(),
            format!("`{name}` is empty"),
            kind.expected(),
        ));
        return None;
    }
    Some(Value::Text(text.clone()))
}

fn own_name(item: &Item, kind: &Kind, name: &str, problems: &mut Problems) -> Option<Value> {
    let Value::Text(text) = &item.value else { return None };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if text.chars().all(plain) && text.len() <= 100 {
        return Some(Value::Text(text.clone()));
    }
    problems.push(
        Diagnostic::new(
            Code::Grammar,
            item.span.clone(),
            format!("`{text}` cannot be a `{name}`"),
            format!("expected {}", kind.expected()),
        )
        .help("names become parts of keys and of file names"),
    );
    None
}

fn zoned(item: &Item, kind: &Kind, name: &str, problems: &mut Problems) -> Option<Value> {
    let Value::Text(text) = &item.value else { return None };
    match text.parse::<ZonedDateTime>() {
        Ok(_) => Some(Value::Text(text.clone())),
        Err(_) => {
            let message = format!("`{text}` is not a date and time with a time zone, as `{name}` needs");
            problems.push(
                Diagnostic::new(
                    Code::Grammar,
                    item.span.clone(),
                    message,
                    format!("expected {}", kind.expected()),
                )
                .help(
                    "the zone decides what an office hour is; write it in brackets: [UTC], [Europe/Berlin]",
                ),
            );
            None
        }
    }
}

fn integer(item: &Item, low: i64, high: i64, name: &str, problems: &mut Problems) -> Option<Value> {
    let Value::Integer(number) = item.value else { return None };
    if (low..=high).contains(&number) {
        return Some(Value::Integer(number));
    }
    let expected = Kind::Integer(low, high).expected();
    problems.push(out_of_range(item, name, &expected));
    None
}

fn number(item: &Item, low: f64, high: f64, name: &str, problems: &mut Problems) -> Option<Value> {
    let number = match item.value {
        Value::Integer(number) => number as f64,
        Value::Float(number) => number,
        _ => return None,
    };
    if (low..=high).contains(&number) {
        return Some(Value::Float(number));
    }
    let mut diagnostic = out_of_range(item, name, &Kind::Number(low, high).expected());
    if high <= 1.0 && number > 1.0 && number <= 100.0 {
        diagnostic =
            diagnostic.help(format!("a share is written as a fraction: did you mean {}?", number / 100.0));
    }
    problems.push(diagnostic);
    None
}

fn out_of_range(item: &Item, name: &str, expected: &str) -> Diagnostic {
    let message = format!("`{name}` is {}, which is out of range", item.span.text());
    Diagnostic::new(Code::Range, item.span.clone(), message, format!("expected {expected}"))
}

fn quantity(item: &Item, name: &str, kind: &Kind, error: &str) -> Diagnostic {
    let (what, hint) = error.split_once("; ").unwrap_or((error, ""));
    let code = if what.contains("negative") { Code::Range } else { Code::Quantity };
    let diagnostic = Diagnostic::new(
        code,
        item.span.clone(),
        format!("`{name}`: {what}"),
        format!("expected {}", kind.expected()),
    );
    if hint.is_empty() { diagnostic } else { diagnostic.help(hint) }
}

/// Text as it stands, or a bare number turned into text so that the complaint about its unit shows it.
fn written(item: &Item) -> Option<String> {
    match &item.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

fn duration(item: &Item, may_be_never: bool, name: &str, problems: &mut Problems) -> Option<Value> {
    let text = written(item)?;
    if text.eq_ignore_ascii_case("never") {
        if may_be_never {
            return Some(Value::Text("Never".to_owned()));
        }
        problems.push(quantity(item, name, &Kind::Duration, "`Never` is not possible here; write a span"));
        return None;
    }
    match text.parse::<SimDuration>() {
        Ok(span) => Some(Value::Text(span.to_string())),
        Err(error) => {
            let kind = if may_be_never { &Kind::DurationOrNever } else { &Kind::Duration };
            problems.push(quantity(item, name, kind, &error.to_string()));
            None
        }
    }
}

fn cpu(item: &Item, name: &str, problems: &mut Problems) -> Option<Value> {
    match written(item)?.parse::<Millicores>() {
        Ok(cpu) => Some(Value::Text(cpu.to_string())),
        Err(error) => {
            problems.push(quantity(item, name, &Kind::Cpu, &error.to_string()));
            None
        }
    }
}

fn memory(item: &Item, name: &str, problems: &mut Problems) -> Option<Value> {
    let text = written(item)?;
    let bare = text.parse::<f64>().is_ok_and(|number| number > 0.0);
    let parsed = text.parse::<Mebibytes>();
    match parsed {
        Ok(memory) if !bare => Some(Value::Text(memory.to_string())),
        Ok(_) => {
            let complaint = format!("`{text}` has no unit; write \"{text}Gi\" or \"{text}Mi\"");
            problems.push(quantity(item, name, &Kind::Memory, &complaint));
            None
        }
        Err(error) => {
            let mut diagnostic = quantity(item, name, &Kind::Memory, &error.to_string());
            if let Some(number) = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')) {
                diagnostic =
                    diagnostic.help(format!("Kubernetes writes no B: \"{}i\"", number.trim_end_matches('i')));
            }
            problems.push(diagnostic);
            None
        }
    }
}

fn choice(item: &Item, words: &'static [&'static str], name: &str, problems: &mut Problems) -> Option<Value> {
    let Value::Text(text) = &item.value else { return None };
    let plain = |word: &str| word.replace(['-', '_', '.'], "").to_lowercase();
    if let Some(word) = words.iter().find(|word| plain(word) == plain(text)) {
        return Some(Value::Text((*word).to_owned()));
    }
    let expected = Kind::Choice(words).expected();
    let mut diagnostic = Diagnostic::new(
        Code::Choice,
        item.span.clone(),
        format!("`{text}` is not a value of `{name}`"),
        format!("expected {expected}"),
    );
    let hint = match text.as_str() {
        "x86" | "x86_64" | "x86-64" => Some("amd64"),
        "aarch64" | "graviton" | "arm" => Some("arm64"),
        "WhenUnderutilized" => Some("WhenEmptyOrUnderutilized"),
        other => nearest_word(words.iter().copied(), other),
    };
    if let Some(near) = hint {
        diagnostic = diagnostic.help(format!("did you mean \"{near}\"?"));
    }
    problems.push(diagnostic);
    None
}

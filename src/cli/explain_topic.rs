//! `fleetsim explain TOPIC`: codes, metrics and keys of the scenario.

use crate::experiment::Metric;
use crate::report::{ExplanationFormat, metric_text, topic_text};
use crate::scenario::{CodeDoc, KeyDoc, code_doc, key_doc};

/// What a topic means.
///
/// # Errors
/// It is none; what was perhaps meant.
pub(super) fn topic(name: &str, format: ExplanationFormat) -> Result<String, String> {
    let is_code = name.len() == 6 && name.to_ascii_uppercase().starts_with("FS");
    if is_code && name[2..].bytes().all(|byte| byte.is_ascii_digit()) {
        return code_doc(name).map(|doc| code_text(&doc, format)).ok_or_else(|| {
            format!("there is no code {name}; codes are FS0001 to FS0015 and, of lints, FS0101 to FS0128")
        });
    }
    if let Some(metric) = Metric::from_key(name) {
        return Ok(metric_text(metric, format));
    }
    key_doc(name).map(|doc| key_text(&doc, format)).map_err(|why| format!("{why}; nor a metric of that name"))
}

fn code_text(doc: &CodeDoc, format: ExplanationFormat) -> String {
    let rows = [("example", doc.example.to_owned()), ("do", doc.fix.to_owned())];
    topic_text(&format!("{}: {}", doc.id, doc.title), doc.meaning, &rows, format)
}

fn key_text(doc: &KeyDoc, format: ExplanationFormat) -> String {
    let mut rows = vec![
        ("write", doc.expected.clone()),
        ("default", doc.default.clone()),
        ("source", doc.source.to_owned()),
    ];
    if !doc.aliases.is_empty() {
        rows.insert(2, ("also", doc.aliases.join(", ")));
    }
    rows.extend(doc.keys.iter().map(|(name, meaning)| (*name, (*meaning).to_owned())));
    topic_text(&doc.path, doc.meaning, &rows, format)
}

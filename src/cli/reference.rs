//! `fleetsim reference`: the reference as Markdown, for the book in `docs/`.

use super::exit::{Exit, Failed};
use super::terminal::answer;
use crate::report::{
    CodeRow, KeyRow, KeyTable, codes_reference, columns_reference, exits_reference, keys_reference,
    metrics_reference,
};
use crate::scenario::{KeyDoc, code_doc, json_schema, key_doc};
use clap::ValueEnum;

/// A part of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReferencePart {
    /// Scenario keys.
    Keys,
    /// Metrics.
    Metrics,
    /// Columns of the result files.
    Columns,
    /// Mistakes and costly surprises.
    Codes,
    /// Exit codes.
    ExitCodes,
}

/// Highest number of a code; gaps are passed over.
const LAST_CODE: u16 = 199;

/// Prints a part of the reference.
pub(super) fn reference(part: ReferencePart) -> Result<Exit, Failed> {
    let text = match part {
        ReferencePart::Keys => keys_reference(&key_tables()),
        ReferencePart::Metrics => metrics_reference(),
        ReferencePart::Columns => columns_reference(),
        ReferencePart::Codes => codes_reference(&codes()),
        ReferencePart::ExitCodes => exits_reference(&Exit::ALL.map(|exit| (exit as u8, exit.meaning()))),
    };
    answer(&text)?;
    Ok(Exit::Success)
}

fn codes() -> Vec<CodeRow> {
    let known = (1..=LAST_CODE).filter_map(|number| code_doc(&format!("FS{number:04}")));
    known
        .map(|doc| CodeRow {
            id: doc.id,
            title: doc.title,
            meaning: doc.meaning,
            example: doc.example,
            fix: doc.fix,
        })
        .collect()
}

/// The tables of keys, each followed by those within it. The names at the top are those of the JSON Schema.
fn key_tables() -> Vec<KeyTable> {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap_or_default();
    let names = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    // The schema lists other spellings too; a key's own name is the one its page has.
    let top: Vec<KeyDoc> =
        names.filter_map(|name| key_doc(name).ok().filter(|doc| doc.path == name)).collect();
    let keys = top.iter().map(row).collect();
    let mut tables = vec![KeyTable { path: String::new(), meaning: "A scenario file.".to_owned(), keys }];
    top.iter().for_each(|doc| below(doc, &mut tables));
    tables
}

fn row(doc: &KeyDoc) -> KeyRow {
    let name = doc.path.rsplit('.').next().unwrap_or(&doc.path).to_owned();
    let is_other = |alias: &&String| alias.contains('_') || alias.chars().all(|c| !c.is_ascii_uppercase());
    KeyRow {
        aliases: doc.aliases.iter().filter(is_other).cloned().collect(),
        name,
        expected: doc.expected.clone(),
        default: doc.default.clone(),
        meaning: doc.meaning.to_owned(),
    }
}

/// The table that a key holds, and the tables in it.
fn below(doc: &KeyDoc, tables: &mut Vec<KeyTable>) {
    if doc.keys.is_empty() || doc.path == "fleet" {
        return;
    }
    let inner: Vec<KeyDoc> =
        doc.keys.iter().filter_map(|(name, _)| key_doc(&format!("{}.{name}", doc.path)).ok()).collect();
    let keys = inner.iter().map(row).collect();
    tables.push(KeyTable { path: doc.path.clone(), meaning: doc.meaning.to_owned(), keys });
    inner.iter().for_each(|doc| below(doc, tables));
}
